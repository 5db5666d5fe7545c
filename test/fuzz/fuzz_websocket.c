/*
 * Fuzz WebSocket through a whole connection: a handshake (the input's own, or a right one), then its bytes as frames, to a product
 * that echoes. Whole and cut into pieces, read at once or by a client that is slow to, they must tell the product the same messages
 * and the same end; no piece is longer than its room; the product is told of the end once, and nothing after it. What goes out are a
 * server's frames, the echo among them, one Close at most and only Pongs behind it.
 *
 *   first byte   bits 0 to 3: cuts; 4: the server closes after the first message; 5: the client is slow; 6: the handshake is in the input
 *   second byte  the product's room
 *
 * SET: keep
 * LINK: wire/http_msg.c wire/text.c net/http/http.c net/http/http_request.c net/http/http_answer.c net/http/http_body.c net/http/http_route.c net/http/websocket.c net/http/ws.c net/http/ws_key.c wire/utf8.c wire/sha1.c wire/base64.c
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include <stdlib.h>
#include <string.h>

#include "net/http/http_engine.h"
#include "net/http/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define STORY_MAX   16384
#define OUT_MAX     65536
#define MESSAGE_MAX 3000
#define ROOM_MAX    WEBSOCKET_FRAME_MAX

struct run {
    uint8_t told[STORY_MAX]; /* whole messages: kind, length, bytes */
    uint8_t message[MESSAGE_MAX];
    size_t told_length, message_length;
    bool in_message, closes;
    unsigned opened, closed, code;

    size_t room;
    uint8_t piece[ROOM_MAX]; /* to be echoed */
    size_t piece_length;
    bool full, text, last;

    uint8_t out[OUT_MAX];
    size_t out_length;
};

static struct run *run_of(const struct websocket_session *s)
{
    return http_context(websocket_request(s));
}

static void tell(struct run *run, char kind)
{
    if (run->told_length + run->message_length + 3 > STORY_MAX)
        return; /* the same for all */
    uint8_t *to = run->told + run->told_length;
    to[0] = (uint8_t)kind;
    to[1] = (uint8_t)run->message_length;
    to[2] = (uint8_t)(run->message_length >> 8);
    memcpy(to + 3, run->message, run->message_length);
    run->told_length += run->message_length + 3;
}

static uint16_t product_open(struct websocket_session *s, struct http_request *r)
{
    struct run *run = http_context(r);
    REQUIRE(run->opened == run->closed && websocket_request(s) == r);
    run->opened++;
    run->in_message = run->full = false;
    return 0;
}

static size_t product_room(struct websocket_session *s)
{
    return run_of(s)->full ? 0 : run_of(s)->room;
}

static void product_message(struct websocket_session *s, const struct websocket_piece *piece)
{
    struct run *run = run_of(s);
    REQUIRE(run->opened == run->closed + 1 && !run->full && piece->length <= run->room);
    REQUIRE(piece->first != run->in_message);
    if (piece->first)
        run->message_length = 0;
    run->in_message = !piece->last;
    REQUIRE(run->message_length + piece->length <= MESSAGE_MAX);
    if (piece->length > 0) {
        memcpy(run->message + run->message_length, piece->bytes, piece->length);
        memcpy(run->piece, piece->bytes, piece->length);
    }
    run->message_length += piece->length;
    run->piece_length = piece->length;
    run->full = true;
    run->text = piece->text;
    run->last = piece->last;
    if (piece->last) {
        tell(run, piece->text ? 't' : 'b');
        if (run->closes)
            REQUIRE(websocket_close(s, 1000, "enough"));
    }
}

static enum websocket_frame product_output(struct websocket_session *s, struct text *out)
{
    struct run *run = run_of(s);
    REQUIRE(run->opened == run->closed + 1);
    if (!run->full)
        return WEBSOCKET_NOTHING;
    text_put_bytes(out, (const char *)run->piece, run->piece_length);
    run->full = false;
    return run->text ? (run->last ? WEBSOCKET_TEXT : WEBSOCKET_TEXT_MORE)
                     : (run->last ? WEBSOCKET_BINARY : WEBSOCKET_BINARY_MORE);
}

static void product_closed(struct websocket_session *s, uint16_t code)
{
    struct run *run = run_of(s);
    REQUIRE(run->opened == ++run->closed);
    run->code = code;
}

/* ---- The transport ---- */

static void drain(struct http_request *c, struct run *run, unsigned most)
{
    char scratch[HTTP_SCRATCH_MAX];
    struct http_piece piece;
    while (most-- > 0 && http_output(c, scratch, &piece)) {
        if (run->out_length + piece.length <= OUT_MAX) {
            memcpy(run->out + run->out_length, piece.bytes, piece.length);
            run->out_length += piece.length;
        }
        http_output_taken(c, piece.length);
    }
}

static void resume(struct http_request *c)
{
    if (c->woken) {
        c->woken = false;
        http_resume(c);
    }
}

static void feed(struct http_request *c, struct run *run, const uint8_t *data, size_t size, size_t step,
                 bool slow)
{
    uint8_t *rest = malloc(size + 1);
    size_t length = size, turn = 0;
    memcpy(rest, data, size);
    while (length > 0 && !http_closing(c)) {
        resume(c);
        drain(c, run, slow && ++turn % 5 != 0 ? 0 : 1000000);
        if (http_held(c) || http_answering(c)) {
            REQUIRE(slow || http_closing(c)); /* an echo frees its room by itself */
            continue;
        }
        size_t piece = length < step ? length : step;
        uint8_t *copy = malloc(piece);
        memcpy(copy, rest, piece);
        size_t used = http_closing(c) ? piece : http_input(c, (char *)copy, piece);
        REQUIRE(used <= piece);
        memcpy(rest, copy, piece); /* what was changed in place stays changed */
        free(copy);
        length -= used;
        memmove(rest, rest + used, length);
    }
    free(rest);
    resume(c);
    drain(c, run, 1000000);
}

static const char handshake[] =
    "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/* Frames as a server must send them, from the answer 101 on. */
static void out_check(const struct run *run)
{
    const uint8_t *at = memmem(run->out, run->out_length, "\r\n\r\n", 4), *end = run->out + run->out_length;
    bool in_message = false, closed = false;
    if (run->out_length >= OUT_MAX / 2 || at == NULL || run->opened != 1 ||
        memcmp(run->out, "HTTP/1.1 101 ", 13) != 0)
        return; /* others came before, or it is too much */
    for (at += 4; at < end;) {
        REQUIRE(end - at >= 2 && (at[0] & 0x70) == 0 && at[1] < 127);
        size_t length = at[1], opcode = at[0] & 15, head = 2;
        bool fin = at[0] >= 0x80;
        if (length == 126) {
            length = (size_t)(at[2] << 8 | at[3]);
            head = 4;
            REQUIRE(length > 125);
        }
        REQUIRE((size_t)(end - at) >= head + length);
        if (opcode >= 8) {
            REQUIRE(fin && length <= 125 && (opcode == 8 || opcode == 10));
            REQUIRE(!closed || opcode == 10); /* Pings are answered until the client has closed, too */
            closed |= opcode == 8;
        } else {
            REQUIRE(!closed && opcode <= 2 && in_message == (opcode == 0));
            in_message = !fin;
        }
        at += head + length;
    }
}

static void play(const uint8_t *data, size_t size, size_t step, bool slow, struct run *run)
{
    struct websocket_session *session = calloc(1, sizeof *session);
    const struct websocket product = {.sessions = session,
                                      .count = 1,
                                      .message_max = MESSAGE_MAX,
                                      .open = product_open,
                                      .room = product_room,
                                      .message = product_message,
                                      .output = product_output,
                                      .closed = product_closed};
    const struct http_route routes[] = {{.path = "/ws", HTTP_WEBSOCKET(&product)}};
    static const char *const hosts[] = {"h", NULL};
    const struct http_config config = {.routes = routes, .route_count = 1, .hosts = hosts, .context = run};
    struct http_site site = {.config = &config};
    struct http_request *c = calloc(1, sizeof *c);
    bool own = (data[0] & 0x40) != 0;

    memset(run, 0, sizeof *run);
    run->closes = (data[0] & 0x10) != 0;
    run->room = step == SIZE_MAX ? ROOM_MAX : 1 + data[1] % ROOM_MAX;
    http_begin(c, &site, 1);
    if (!own) {
        feed(c, run, (const uint8_t *)handshake, sizeof handshake - 1, step, slow);
        REQUIRE(http_upgraded(c) && run->opened == 1);
    }
    feed(c, run, data + 2, size - 2, step, slow);
    if (http_leaving(c)) {
        REQUIRE(run->opened == run->closed + 1);
        http_expire(c);
        REQUIRE(http_closing(c));
    }
    http_end(c);
    REQUIRE(run->opened == run->closed && session->request == NULL && site.stats.broken == 0);
    out_check(run);
    free(c);
    free(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole, pieces;
    if (size < 2)
        return 0;
    play(data, size, SIZE_MAX, false, &whole);
    play(data, size, 1 + data[0] % 16, (data[0] & 0x20) != 0, &pieces);
    REQUIRE(whole.opened == pieces.opened && whole.code == pieces.code);
    REQUIRE(whole.told_length == pieces.told_length &&
            memcmp(whole.told, pieces.told, whole.told_length) == 0);
    return 0;
}
