/*
 * WebSocket for products, through a whole connection: the handshake in all its variants, messages both ways, back-pressure
 * both ways, the closing handshake from both sides, and products that break their contract.
 *
 * SET: keep
 * LINK: wire/http_msg.c wire/text.c net/http/http.c net/http/http_request.c net/http/http_answer.c net/http/http_body.c net/http/http_route.c net/http/websocket.c net/http/ws.c net/http/ws_key.c wire/utf8.c wire/sha1.c wire/base64.c
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_engine.h"
#include "net/http/websocket.h"
#include "test/test.h"

/* ---- The product: it tells its story, echoes when told to, and breaks its contract when told to. ---- */

static char story[8192];
static size_t room, room_asked;
static bool echoing;
static uint16_t refusal;
static const char *close_reason;
static struct {
    char bytes[2048];
    size_t length;
    enum websocket_frame kind;
    int bad;
} frames[8];
static unsigned frame_first, frame_count;
static int bad;
static struct websocket_session *last;

static void tell(const char *format, long long number)
{
    size_t at = strlen(story);
    CHECK((size_t)snprintf(story + at, sizeof story - at, format, number) < sizeof story - at);
}

static void frame_add(enum websocket_frame kind, const void *bytes, size_t length)
{
    CHECK(frame_count < 8);
    unsigned at = (frame_first + frame_count++) % 8;
    frames[at].kind = kind;
    frames[at].length = length;
    memcpy(frames[at].bytes, bytes, length);
}

static uint16_t product_open(struct websocket_session *s, struct http_request *r)
{
    const char *cookie = http_header(r, "cookie");
    char name[8];

    last = s;
    CHECK(websocket_request(s) == r);
    tell("open ", 0);
    if (cookie != NULL)
        strcat(strcat(story, cookie), " ");
    if (http_query(r, "n", name, sizeof name) > 0)
        strcat(strcat(story, name), " ");
    if (websocket_protocol(s) != NULL)
        strcat(strcat(story, websocket_protocol(s)), " ");
    if (close_reason != NULL)
        CHECK(websocket_close(s, 4001, close_reason));
    return refusal;
}

static size_t product_room(struct websocket_session *s)
{
    (void)s;
    room_asked++;
    return echoing && frame_count > 0 ? 0 : room;
}

static void product_message(struct websocket_session *s, const struct websocket_piece *piece)
{
    size_t at = strlen(story);
    CHECK(s == last && piece->length <= room);
    if (piece->first)
        strcat(story, piece->text ? "text[" : "binary[");
    at = strlen(story);
    for (size_t i = 0; i < piece->length; i++)
        story[at++] = piece->bytes[i] == 0 ? '0' : (char)piece->bytes[i];
    story[at] = 0;
    if (piece->last)
        strcat(story, "] ");
    if (echoing)
        frame_add(piece->text ? (piece->last ? WEBSOCKET_TEXT : WEBSOCKET_TEXT_MORE)
                              : (piece->last ? WEBSOCKET_BINARY : WEBSOCKET_BINARY_MORE),
                  piece->bytes, piece->length);
    if (piece->length == 3 && memcmp(piece->bytes, "bye", 3) == 0)
        CHECK(websocket_close(s, 1000, "bye"));
}

static enum websocket_frame product_output(struct websocket_session *s, struct text *out)
{
    CHECK(s == last && out->length == 0);
    if (bad == 1)
        out->bytes++;
    if (frame_count == 0)
        return WEBSOCKET_NOTHING;
    enum websocket_frame kind = frames[frame_first].kind;
    text_put_bytes(out, frames[frame_first].bytes, frames[frame_first].length);
    frame_first = (frame_first + 1) % 8;
    frame_count--;
    return kind;
}

static void product_pong(struct websocket_session *s)
{
    CHECK(s == last);
    tell("pong ", 0);
}

static void product_closed(struct websocket_session *s, uint16_t code)
{
    CHECK(s->request != NULL);
    tell("closed %lld ", code);
}

static struct websocket_session sessions[2];
static const char *const protocols[] = {"meter.v2", "meter", NULL};
static const int my_data = 5;
static const struct websocket product = {.sessions = sessions,
                                         .count = 2,
                                         .message_max = 4000,
                                         .protocols = protocols,
                                         .open = product_open,
                                         .room = product_room,
                                         .message = product_message,
                                         .output = product_output,
                                         .pong = product_pong,
                                         .closed = product_closed,
                                         .data = &my_data};
static const struct websocket mute = {.sessions = sessions, .count = 2}; /* no function at all */

static unsigned gone;

static void route_gone(struct http_request *r)
{
    (void)r;
    gone++;
}

static const char *const wanted[] = {"Cookie", NULL};
static const struct http_route routes[] = {
    {.path = "/ws", .query = true, .headers = wanted, .gone = route_gone, HTTP_WEBSOCKET(&product)},
    {.path = "/open", .access = HTTP_OPEN, HTTP_WEBSOCKET(&product)},
    {.path = "/mute", HTTP_WEBSOCKET(&mute)},
    {.path = "/plain", .type = "text/plain"},
};

static const char *broken_why;

static void broken(const char *path, const char *why)
{
    CHECK_STRING(path, "/ws");
    broken_why = why;
}

static const char *const hosts[] = {"plugnet.local", NULL};
static const struct http_config config = {
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .hosts = hosts, .broken = broken};

/* ---- The transport ---- */

static struct http_site site;
static struct http_request requests[2], *c = &requests[0];
static char out[70000];
static size_t out_length, out_at; /* out_at: what was looked at */
static char waiting[70000];       /* received, not consumed */
static size_t waiting_length;
static bool client_reads;

static bool drain(void)
{
    static char scratch[HTTP_SCRATCH_MAX];
    struct http_piece piece;
    bool any = false;
    while (client_reads && http_output(c, scratch, &piece)) {
        CHECK(out_length + piece.length < sizeof out);
        memcpy(out + out_length, piece.bytes, piece.length);
        out_length += piece.length;
        out[out_length] = 0;
        http_output_taken(c, piece.length);
        any = true;
    }
    return any;
}

/* Read, think, write, until nothing moves any more, as a transport does. */
static void run(size_t step)
{
    for (;;) {
        drain();
        if (waiting_length == 0 || http_held(c) || http_answering(c) || http_closing(c))
            break;
        size_t used = http_input(c, waiting, step < waiting_length ? step : waiting_length);
        waiting_length -= used;
        memmove(waiting, waiting + used, waiting_length);
    }
}

static void feed(const void *bytes, size_t length, size_t step)
{
    CHECK(waiting_length + length <= sizeof waiting);
    memcpy(waiting + waiting_length, bytes, length);
    waiting_length += length;
    run(step);
}

/* http_wake was called: what http_raw does then. */
static bool resumed(void)
{
    bool woken = c->woken;
    c->woken = false;
    if (woken) {
        http_resume(c);
        run(4096);
    }
    return woken;
}

static void fresh(void)
{
    memset(&site, 0, sizeof site);
    memset(sessions, 0, sizeof sessions);
    memset(requests, 0, sizeof requests);
    site.config = &config;
    story[0] = 0;
    room = 4096, room_asked = 0, echoing = false, refusal = 0, close_reason = NULL, bad = 0, gone = 0;
    frame_first = frame_count = 0;
    broken_why = NULL;
    out_length = out_at = waiting_length = 0;
    out[0] = 0;
    client_reads = true;
    c = &requests[0];
    http_begin(&requests[0], &site, 0x0A400102);
    http_begin(&requests[1], &site, 0x0A400102);
}

#define HOST    "Host: plugnet.local\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" /* RFC 6455 1.3 */
#define ACCEPT  "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define ALL     HOST UPGRADE VERSION KEY

static int status_of(const char *request)
{
    out_length = 0;
    feed(request, strlen(request), 4096);
    out_at = out_length;
    return strncmp(out, "HTTP/1.1 ", 9) == 0 ? atoi(out + 9) : -1;
}

static int status(const char *request)
{
    fresh();
    return status_of(request);
}

static void opened(void)
{
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 101);
    story[0] = 0;
}

/* A frame as a client sends it. */
static size_t frame_make(uint8_t *to, uint8_t first, const void *payload, size_t length)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t at = 2;
    to[0] = first;
    to[1] = (uint8_t)(0x80 | (length > 125 ? 126 : length));
    if (length > 125) {
        to[2] = (uint8_t)(length >> 8);
        to[3] = (uint8_t)length;
        at = 4;
    }
    memcpy(to + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < length; i++)
        to[at + i] = ((const uint8_t *)payload)[i] ^ mask[i % 4];
    return at + length;
}

static void send_frame(uint8_t first, const void *payload, size_t length)
{
    uint8_t bytes[5000];
    CHECK(length < sizeof bytes - 8);
    feed(bytes, frame_make(bytes, first, payload, length), 4096);
}

#define SEND(FIRST, TEXT) send_frame(FIRST, TEXT, sizeof(TEXT) - 1)

/* What has come since the last look is exactly this. */
#define GOT(BYTES)                                                                                           \
    do {                                                                                                     \
        CHECK_EQUAL(out_length - out_at, sizeof(BYTES) - 1);                                                 \
        CHECK(memcmp(out + out_at, BYTES, sizeof(BYTES) - 1) == 0);                                          \
        out_at = out_length;                                                                                 \
    } while (0)

/* ---- Handshake ---- */

TEST(websocket_handshake)
{
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 101);
    CHECK(strstr(out, "HTTP/1.1 101 Switching Protocols\r\n") == out);
    CHECK(strstr(out, ACCEPT) != NULL);
    CHECK(strstr(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n") != NULL);
    CHECK(strstr(out, "Sec-WebSocket-Protocol") == NULL);
    CHECK(strstr(out, "Sec-WebSocket-Extensions") == NULL);
    CHECK(strstr(out, "Content-Length") == NULL && strstr(out, "Transfer-") == NULL);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    CHECK_STRING(story, "open ");
    CHECK(http_upgraded(c) && !http_leaving(c));
    CHECK_EQUAL(*(const int *)websocket_data(last), 5);
    CHECK_EQUAL(websocket_number(last), 0);
    CHECK(websocket_next(&product, NULL) == last && websocket_next(&product, last) == NULL);
}

TEST(websocket_handshake_cut_anywhere)
{
    static const char request[] = "GET /ws?n=x%20y HTTP/1.1\r\n" ALL "cookie: t=1\r\n"
                                  "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    uint8_t frame[32];
    size_t length = frame_make(frame, 0x81, "hello", 5);
    for (size_t step = 1; step < sizeof request; step++) {
        fresh();
        memcpy(waiting, request, sizeof request - 1);
        waiting_length = sizeof request - 1;
        feed(frame, length, step); /* right behind the handshake */
        CHECK(strstr(out, ACCEPT) != NULL && strstr(out, "Extensions") == NULL);
        char told[64] = "";
        for (size_t i = 0, at = 0; i < strlen(story); i++)
            told[at++] = story[i];
        CHECK_STRING(told, "open t=1 x y text[hello] ");
    }
}

TEST(websocket_handshake_refused)
{
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" HOST "\r\n"), 426);
    CHECK(strstr(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n") != NULL);
    CHECK(strstr(out, "\r\nSec-WebSocket-Version: 13\r\n") != NULL);
    CHECK(strstr(out, "Accept:") == NULL);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" HOST VERSION KEY "Connection: Upgrade\r\n\r\n"), 426);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" HOST VERSION KEY "Upgrade: websocket\r\n\r\n"), 426);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" HOST VERSION KEY "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
                426);
    CHECK_EQUAL(status("GET /ws HTTP/1.0\r\n" ALL "\r\n"), 426);
    CHECK_EQUAL(status("HEAD /ws HTTP/1.1\r\n" ALL "\r\n"), 426);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" HOST UPGRADE KEY "\r\n"), 426); /* no version */
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" HOST UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n"), 426);
    CHECK(strstr(out, "\r\nSec-WebSocket-Version: 13\r\n") != NULL);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" HOST UPGRADE KEY "Sec-WebSocket-Version: 1313\r\n\r\n"), 426);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" ALL "Sec-WebSocket-Version: 8\r\n\r\n"), 426);
    CHECK_EQUAL(status("POST /ws HTTP/1.1\r\n" ALL "\r\n"), 405);
    CHECK_STRING(story, "");
    CHECK_EQUAL(status("GET /plain HTTP/1.1\r\n" ALL "\r\n"),
                204); /* Upgrade may be overlooked (RFC 9110 7.8) */
}

TEST(websocket_bad_keys)
{
#define REST HOST UPGRADE VERSION
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" REST "\r\n"), 400);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" REST KEY KEY "\r\n"), 400);
    static const char *const keys[] = {"",
                                       "dGhlIHNhbXBsZSBub25jZQ",
                                       "dGhlIHNhbXBsZSBub25jZQ=",
                                       "dGhlIHNhbXBsZSBub25jZQ===",
                                       "dGhlIHNhbXBsZSBub25jZQA=",
                                       "dGhlIHNhbXBsZSBub25jZQAA",
                                       "dGhlIHNhbXBsZSBub25j!Q==",
                                       "dGhlIHNhbXBsZSBub25jZR==",
                                       "====dGhlIHNhbXBsZSBub25j",
                                       "dGhlIHNhbXBsZSBub25jZQ== dGhlIHNhbXBsZSBub25jZQ=="
                                       "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char request[400];
        snprintf(request, sizeof request, "GET /ws HTTP/1.1\r\n%sSec-WebSocket-Key: %s\r\n\r\n", REST,
                 keys[i]);
        CHECK_EQUAL(status(request), 400);
        CHECK_STRING(story, "");
    }
    /* A key isn't remembered for the next request of the connection. */
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\nOrigin: http://evil.example\r\n" ALL "\r\n"), 403);
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" REST "\r\n"), 400);
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 101);
}

TEST(websocket_same_origin)
{
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" ALL "Origin: http://plugnet.local\r\n\r\n"), 101);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" ALL "Origin: http://evil.example\r\n\r\n"), 403);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" ALL "Origin: null\r\n\r\n"), 403);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" ALL "Origin: http://plugnet.local:81\r\n\r\n"), 403);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" ALL "Sec-Fetch-Site: cross-site\r\n\r\n"), 403);
    CHECK_STRING(story, "");
    CHECK(websocket_next(&product, NULL) == NULL);
    CHECK_EQUAL(status("GET /open HTTP/1.1\r\n" ALL "Origin: http://evil.example\r\n\r\n"), 101);
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" UPGRADE VERSION KEY "Host: evil.example\r\n\r\n"), 421);
}

TEST(websocket_subprotocols)
{
#define OFFER(LIST) "GET /ws HTTP/1.1\r\n" ALL LIST "\r\n"
#define NAMED(LIST) OFFER("Sec-WebSocket-Protocol: " LIST "\r\n")
    CHECK_EQUAL(status(NAMED("meter, meter.v2")), 101);
    CHECK(strstr(out, "\r\nSec-WebSocket-Protocol: meter\r\n") != NULL);
    CHECK_STRING(story, "open meter ");
    CHECK_EQUAL(status(NAMED("chat,x ,\tmeter.v2 , meter")), 101);
    CHECK(strstr(out, "\r\nSec-WebSocket-Protocol: meter.v2\r\n") != NULL);
    CHECK_EQUAL(status(OFFER("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: meter\r\n")), 101);
    CHECK(strstr(out, "\r\nSec-WebSocket-Protocol: meter\r\n") != NULL);
    static const char *const others[] = {
        NAMED("Meter"),     NAMED("meter.v"),
        NAMED("meter.v22"), NAMED(""),
        NAMED(",,"),        NAMED("this-is-a-long-name-that-fills-the-whole-text-but-five-bytes-meter")};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK_EQUAL(status(others[i]), 101);
        CHECK(strstr(out, "Sec-WebSocket-Protocol") == NULL);
    }
    /* A name that is cut off after 63 bytes isn't ours, one before that is. */
    CHECK_EQUAL(status(NAMED("meter, and-then-so-many-others-that-the-whole-text-is-full-of-them, meter.v2")),
                101);
    CHECK(strstr(out, "\r\nSec-WebSocket-Protocol: meter\r\n") != NULL);
    CHECK_EQUAL(status(NAMED("0123456789012345678901234567890123456789012345678901234567,meter.v2")), 101);
    CHECK(strstr(out, "Sec-WebSocket-Protocol") == NULL);
}

TEST(websocket_open_refuses)
{
    fresh();
    refusal = 401;
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" ALL "Cookie: t\r\n\r\n"), 401);
    CHECK_STRING(story, "open t ");
    CHECK(websocket_next(&product, NULL) == NULL);
    CHECK_EQUAL(gone, 1);
    refusal = 302;
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 500);
    CHECK_STRING(broken_why, "open returned no status of a refusal");
    CHECK_EQUAL(site.stats.broken, 1);
    refusal = 0;
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 101);
    CHECK_EQUAL(gone, 2);
}

TEST(websocket_pool_full)
{
    static struct http_request more;
    fresh();
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 101);
    c = &requests[1];
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 101);
    CHECK_EQUAL(websocket_number(last), 1);
    c = &more;
    http_begin(c, &site, 0);
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 503);
    CHECK_STRING(story, "open open ");
    c->woken = false;
    websocket_wake_all(&product);
    CHECK(requests[0].woken && requests[1].woken && !more.woken);
    http_end(&requests[0]);
    CHECK_STRING(story, "open open closed 1006 ");
    CHECK(websocket_next(&product, NULL) == &sessions[1]);
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 101);
    CHECK_EQUAL(websocket_number(last), 0);
}

/* ---- Messages ---- */

TEST(websocket_echo)
{
    opened();
    echoing = true;
    SEND(0x81, "hello");
    GOT("\x81\x05hello");
    SEND(0x82, "");
    GOT("\x82\x00");
    SEND(0x01, "frag");
    GOT("\x01\x04"
        "frag");
    SEND(0x89, "now?");
    GOT("\x8a\x04now?");
    SEND(0x00, "men");
    SEND(0x80, "ts");
    GOT("\x00\x03men\x80\x02ts");
    CHECK_STRING(story, "text[hello] binary[] text[fragments] ");
    CHECK(!c->woken);
}

TEST(websocket_frames_of_all_lengths)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, WEBSOCKET_FRAME_MAX - 1, WEBSOCKET_FRAME_MAX};
    char bytes[WEBSOCKET_FRAME_MAX];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t length = lengths[i], head = length < 126 ? 2 : 4;
        opened();
        frame_add(WEBSOCKET_BINARY, bytes, length);
        websocket_wake(last);
        CHECK(resumed());
        CHECK_EQUAL(out_length - out_at, head + length);
        CHECK_EQUAL((uint8_t)out[out_at], 0x82);
        CHECK_EQUAL((uint8_t)out[out_at + 1], length < 126 ? length : 126);
        CHECK(head == 2 || ((uint8_t)out[out_at + 2] << 8 | (uint8_t)out[out_at + 3]) == (int)length);
        CHECK_BYTES(out + out_at + head, bytes, length);
    }
}

TEST(websocket_pieces_cut_anywhere)
{
    uint8_t bytes[8000];
    char text[1000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    size_t length = frame_make(bytes, 0x01, text, 300);
    length += frame_make(bytes + length, 0x8a, "x", 1);
    length += frame_make(bytes + length, 0x00, text + 300, 0);
    length += frame_make(bytes + length, 0x80, text + 300, 700);
    length += frame_make(bytes + length, 0x82, "\0\xff", 2);
    char whole[2000];
    for (size_t step = 1; step <= length + 1; step += step < 40 ? 1 : 97) {
        for (size_t most = 1; most <= WEBSOCKET_FRAME_MAX; most = most * 3 + 1) {
            opened();
            room = most;
            echoing = true;
            feed(bytes, length, step);
            snprintf(whole, sizeof whole, "text[%.300spong %.700s] binary[0\xff] ", text, text + 300);
            CHECK_STRING(story, whole);
            CHECK_EQUAL(waiting_length, 0);
        }
    }
}

TEST(websocket_fragmented_output)
{
    opened();
    frame_add(WEBSOCKET_TEXT_MORE, "\xe2\x82", 2); /* cut within a character */
    frame_add(WEBSOCKET_TEXT_MORE, "", 0);
    frame_add(WEBSOCKET_TEXT, "\xac!", 2);
    frame_add(WEBSOCKET_BINARY_MORE, "\xff", 1);
    frame_add(WEBSOCKET_BINARY, "\xfe", 1);
    websocket_wake(last);
    CHECK(resumed());
    GOT("\x01\x02\xe2\x82\x00\x00\x80\x02\xac!\x02\x01\xff\x80\x01\xfe");
    CHECK(broken_why == NULL);
}

TEST(websocket_back_pressure_in)
{
    opened();
    room = 0;
    SEND(0x81, "hello");
    SEND(0x89, "x");
    CHECK(http_held(c) && waiting_length > 0);
    CHECK_STRING(story, "");
    GOT("");
    room = 2;
    CHECK(!resumed()); /* nobody has said so */
    websocket_wake(last);
    CHECK(resumed());
    CHECK_STRING(story, "text[hello] ");
    GOT("\x8a\x01x");
    CHECK(!http_held(c));
    /* A frame that is sent frees room as well, without a wake. */
    opened();
    echoing = true;
    room = 3;
    client_reads = false;
    SEND(0x81, "hello");
    CHECK(http_held(c));
    CHECK_STRING(story, "text[hel");
    client_reads = true;
    run(4096);
    GOT("\x01\x03hel\x80\x02lo");
    CHECK_STRING(story, "text[hello] ");
    CHECK(!c->woken);
}

TEST(websocket_back_pressure_out)
{
    opened();
    client_reads = false;
    frame_add(WEBSOCKET_TEXT, "one", 3);
    websocket_wake(last);
    CHECK(resumed());
    CHECK_EQUAL(frame_count, 1); /* nobody asks while there is no room */
    for (int i = 0; i < 100; i++)
        SEND(0x89, "ping"); /* Pings that nobody reads the answers of cost nothing */
    SEND(0x81, "still heard");
    CHECK_STRING(story, "text[still heard] ");
    CHECK_EQUAL(waiting_length, 0);
    client_reads = true;
    run(4096);
    GOT("\x8a\x04ping\x81\x03one");
}

TEST(websocket_output_says_nothing)
{
    opened();
    struct http_piece piece;
    char scratch[HTTP_SCRATCH_MAX];
    CHECK(!http_output(c, scratch, &piece));
    CHECK(http_waiting(c));
    frame_add(WEBSOCKET_TEXT, "x", 1);
    CHECK(!http_output(c, scratch, &piece)); /* not before a wake */
    SEND(0x8a, "");                          /* or something comes */
    GOT("\x81\x01x");
    CHECK_STRING(story, "pong ");
    for (int i = 0; i < 3 * HTTP_EMPTY_MAX; i++) {
        websocket_wake(last);
        CHECK(resumed());
    }
    CHECK(broken_why == NULL && http_upgraded(c));
}

TEST(websocket_pings)
{
    opened();
    websocket_ping(last);
    CHECK(resumed());
    GOT("\x89\x00");
    SEND(0x8a, "");
    CHECK_STRING(story, "pong ");
    GOT("");
}

TEST(websocket_without_functions)
{
    CHECK_EQUAL(status("GET /mute HTTP/1.1\r\n" ALL "\r\n"), 101);
    SEND(0x81, "anybody?");
    SEND(0x89, "");
    SEND(0x8a, "");
    GOT("\x8a\x00");
    SEND(0x88, "");
    GOT("\x88\x00");
    CHECK(http_closing(c));
}

TEST(websocket_no_end_of_parts)
{
    opened();
    c->done = UINT32_MAX; /* a route's answer would end here */
    frame_add(WEBSOCKET_TEXT, "on", 2);
    websocket_wake(last);
    CHECK(resumed());
    GOT("\x81\x02on");
    CHECK(broken_why == NULL);
}

/* ---- The end ---- */

TEST(websocket_client_closes)
{
    opened();
    SEND(0x88, "\x03\xe9going");
    GOT("\x88\x02\x03\xe9");
    CHECK_STRING(story, "closed 1001 ");
    CHECK(http_closing(c) && !http_broken(c));
    CHECK_EQUAL(gone, 1);
    CHECK(websocket_next(&product, NULL) == NULL);
    http_end(c);
    CHECK_STRING(story, "closed 1001 ");
    opened();
    SEND(0x88, "");
    GOT("\x88\x00");
    CHECK_STRING(story, "closed 1005 ");
}

TEST(websocket_server_closes)
{
    opened();
    frame_add(WEBSOCKET_TEXT, "late", 4);
    CHECK(!websocket_close(last, 999, NULL));
    CHECK(websocket_close(last, 4000, "enough"));
    CHECK(!websocket_close(last, 4000, "enough"));
    CHECK(!http_leaving(c));
    CHECK(resumed());
    GOT("\x88\x08\x0f\xa0"
        "enough");
    CHECK(http_leaving(c) && !http_closing(c));
    SEND(0x81, "on its way"); /* not told any more */
    SEND(0x89, "?");
    GOT("\x8a\x01?"); /* allowed until a Close has come */
    CHECK_STRING(story, "");
    SEND(0x88, "\x0f\xa0");
    GOT("");
    CHECK_STRING(story, "closed 4000 ");
    CHECK(http_closing(c));
    CHECK(!websocket_close(&sessions[0], 1000, NULL));
}

TEST(websocket_server_closes_and_nobody_answers)
{
    opened();
    CHECK(websocket_close(last, 1000, NULL));
    CHECK(resumed());
    CHECK(http_leaving(c));
    http_expire(c); /* the transport's limit */
    CHECK(http_closing(c) && !http_broken(c));
    CHECK_STRING(story, "closed 1006 ");
    GOT("\x88\x02\x03\xe8");
    CHECK(websocket_next(&product, NULL) == NULL);
}

TEST(websocket_server_closes_in_its_functions)
{
    fresh();
    close_reason = "not you";
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 101);
    const char *frame = strstr(out, "\r\n\r\n") + 4;
    CHECK_BYTES(frame, "\x88\x09\x0f\xa1not you", 11);
    CHECK_EQUAL(out + out_length - frame, 11);
    opened();
    room = 3;
    SEND(0x81, "bye");
    GOT("\x88\x05\x03\xe8"
        "bye");
    /* While it holds the client back: the client's Close is read all the same. */
    opened();
    room = 0;
    SEND(0x81, "held");
    CHECK(http_held(c));
    CHECK(websocket_close(last, 1000, NULL));
    CHECK(resumed());
    GOT("\x88\x02\x03\xe8");
    CHECK_EQUAL(waiting_length, 0);
    SEND(0x88, "\x03\xe8");
    CHECK_STRING(story, "closed 1000 ");
}

TEST(websocket_client_breaks_rules)
{
    opened();
    feed("\x81\x02hi", 4, 100); /* not masked */
    GOT("\x88\x0c\x03\xeanot masked");
    CHECK_STRING(story, "closed 1002 ");
    CHECK(http_closing(c));
    CHECK(broken_why == NULL); /* that was nobody's fault of ours */
    opened();
    SEND(0x81, "\xff");
    CHECK_STRING(story, "closed 1007 ");
    opened();
    feed("\x82\xfe\x0f\xa1\0\0\0\0", 8, 100); /* 4,001 bytes announced */
    GOT("\x88\x12\x03\xf1message too long");
    CHECK_STRING(story, "closed 1009 ");
}

TEST(websocket_client_gone)
{
    opened();
    SEND(0x01, "begun");
    http_end(c);
    CHECK_STRING(story, "text[begunclosed 1006 ");
    http_end(c);
    CHECK_STRING(story, "text[begunclosed 1006 ");
    CHECK_EQUAL(gone, 1);
    websocket_wake(&sessions[0]); /* late: no harm */
    /* Between the handshake and its answer. */
    fresh();
    client_reads = false;
    feed("GET /ws HTTP/1.1\r\n" ALL "\r\n", strlen("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 4096);
    http_end(c);
    CHECK_STRING(story, "open closed 1006 ");
    /* Bytes were lost. */
    opened();
    http_close(c);
    CHECK(http_closing(c));
    CHECK_STRING(story, "closed 1006 ");
}

TEST(websocket_next_request_finds_nothing_old)
{
    CHECK_EQUAL(status("GET /ws HTTP/1.1\r\n" ALL "\r\n"), 101);
    http_end(c);
    http_begin(c, &site, 0);
    CHECK_EQUAL(status_of("GET /ws HTTP/1.1\r\n" HOST UPGRADE VERSION "\r\n"), 400);
    CHECK_STRING(story, "open closed 1006 ");
}

/* ---- Products that break their contract ---- */

static void faulty(const char *why)
{
    websocket_wake(last);
    CHECK(resumed());
    CHECK_STRING(broken_why, why);
    CHECK_EQUAL(site.stats.broken, 1);
    CHECK(out_length - out_at >= 4);
    CHECK_BYTES(out + out_length - 4, "\x88\x02\x03\xf3", 4);
    CHECK(!http_broken(c) && http_leaving(c));
    SEND(0x88, "\x03\xf3");
    CHECK_STRING(story, "closed 1011 ");
    CHECK(http_closing(c));
}

TEST(websocket_product_misbehaves)
{
    static const char bytes[2048];
    opened();
    frame_add(WEBSOCKET_BINARY, bytes, WEBSOCKET_FRAME_MAX + 1);
    faulty("a frame is longer than WEBSOCKET_FRAME_MAX");
    opened();
    bad = 1;
    faulty("a frame is longer than WEBSOCKET_FRAME_MAX");
    opened();
    frame_add((enum websocket_frame)5, "x", 1);
    faulty("output returned nothing that is known");
    opened();
    frame_add(WEBSOCKET_TEXT, "\xff", 1);
    faulty("a text is not UTF-8");
    opened();
    frame_add(WEBSOCKET_TEXT, "\xc3", 1); /* it ends within a character */
    faulty("a text is not UTF-8");
    opened();
    frame_add(WEBSOCKET_TEXT_MORE, "\xc3", 1);
    frame_add(WEBSOCKET_TEXT, "x", 1);
    faulty("a text is not UTF-8");
    opened();
    frame_add(WEBSOCKET_TEXT_MORE, "x", 1);
    frame_add(WEBSOCKET_BINARY, "x", 1);
    faulty("a message began as text and goes on as binary, or the other way round");
    opened();
    frame_add(WEBSOCKET_BINARY_MORE, "x", 1);
    frame_add(WEBSOCKET_TEXT_MORE, "x", 1);
    faulty("a message began as text and goes on as binary, or the other way round");
}

TEST_MAIN()
