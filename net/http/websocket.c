/*
 * WebSocket for products: between HTTP's upgrade, the engine of RFC 6455 (ws.h), and what a product has written.
 *
 *   headers ─→ notes ─→ begin: a session ─→ 101 ─→ input ─→ ws_receive ─→ message …       gone: closed, the session is free
 *                                                  output ←─ Pong, Close, Ping, frame
 *
 * A handshake's headers come before anybody knows whether it is welcome, so they take no session: what matters of them is noted
 * in the request, the key in 24 bytes of what it keeps. http_state has what only the sending half needs.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/websocket.h"

#include <string.h>

#include "net/http/http_private.h"

_Static_assert(sizeof(void *) != 4 || sizeof(struct websocket_session) == 192,
               "what websocket.h says that one takes");

/* What is noted of the headers, and the number of the subprotocol above that. */
#define NOTED_13          0x01
#define NOTED_OTHER       0x02 /* another version */
#define NOTED_KEY         0x04
#define NOTED_BAD_KEY     0x08
#define NOTED_PROTOCOL(n) ((uint32_t)(n) << 8)
#define PROTOCOLS_MAX     255

#define KEY_LENGTH 24 /* of which the last two are always "==" */
#define KEY_KEPT   (KEY_LENGTH - 2)
_Static_assert(KEY_KEPT + 2 == WEBSOCKET_KEEP, "a record is a number, a value, a 0");

#define HEAD_MAX (HTTP_PART_MAX - WEBSOCKET_FRAME_MAX) /* bytes of our frames' headers */

/* Flags of a session. */
#define PING_DUE 0x01

/* In http_state. */
struct sending {
    struct websocket_session *session; /* NULL: none was taken */
    char accept[WS_ACCEPT_LENGTH + 1];
    struct utf8 utf8;          /* of the text under way */
    enum websocket_frame type; /* of the message under way; WEBSOCKET_NOTHING: none is */
};

_Static_assert(sizeof(struct sending) <= HTTP_STATE_MAX, "HTTP_STATE_MAX: a WebSocket needs that much");

static const struct websocket *websocket_of(const struct http_request *r)
{
    return http_data(r);
}

static struct sending *sending_of(const struct http_request *r)
{
    return http_state((struct http_request *)(uintptr_t)r);
}

/* ---- Handshake ---- */

/* The number of the first subprotocol in a list that is one of ours, and 1; 0: there is none. */
static uint32_t protocol_choose(const struct websocket *w, const char *list, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t begin = at, end;
        while (at < length && list[at] != ',') {
            at++;
        }
        end = at++;
        while (begin < end && http_is_white(list[begin])) {
            begin++;
        }
        while (begin < end && http_is_white(list[end - 1])) {
            end--;
        }
        for (uint32_t i = 0; w->protocols != NULL && w->protocols[i] != NULL && i < PROTOCOLS_MAX; i++) {
            if (strlen(w->protocols[i]) == end - begin &&
                memcmp(w->protocols[i], list + begin, end - begin) == 0) {
                return i + 1;
            }
        }
    }
    return 0;
}

static void websocket_header(struct http_request *r, unsigned number, const char *value, size_t length)
{
    if (number == 0) { /* Sec-WebSocket-Key, which must come once (RFC 6455 11.3.1) */
        bool good = (r->noted & NOTED_KEY) == 0 && length == KEY_LENGTH &&
                    memcmp(value + KEY_KEPT, "==", KEY_LENGTH - KEY_KEPT) == 0;
        r->noted |= NOTED_KEY | (good ? 0 : NOTED_BAD_KEY);
        if (good) {
            http_keep(r, KEEP_UPGRADE, value, KEY_KEPT);
        }
    } else if (number == 1) { /* Sec-WebSocket-Version */
        r->noted |= length == 2 && memcmp(value, "13", 2) == 0 ? NOTED_13 : NOTED_OTHER;
    } else if (r->noted < NOTED_PROTOCOL(1)) { /* Sec-WebSocket-Protocol: the last one may be cut off */
        while ((r->flags & FLAG_OVERFLOW) != 0 && length > 0 && value[length - 1] != ',') {
            length--;
        }
        r->noted |= NOTED_PROTOCOL(protocol_choose(websocket_of(r), value, length));
    }
}

static bool websocket_accept(const struct http_request *r, char *accept)
{
    char key[KEY_LENGTH];
    const char *kept = http_kept(r, KEEP_UPGRADE);

    if ((r->noted & (NOTED_KEY | NOTED_BAD_KEY)) != NOTED_KEY || kept == NULL) {
        return false;
    }
    memcpy(key, kept, KEY_KEPT);
    memcpy(key + KEY_KEPT, "==", KEY_LENGTH - KEY_KEPT);
    return ws_accept_key(key, sizeof key, accept);
}

static struct websocket_session *session_take(struct http_request *r, const struct websocket *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct websocket_session *s = &w->sessions[i];
        if (s->request == NULL) {
            ws_begin(&s->ws, w->message_max);
            s->websocket = w;
            s->code = 0;
            s->protocol = (uint8_t)(r->noted >> 8);
            s->flags = 0;
            __atomic_store_n(&s->request, r, __ATOMIC_RELEASE);
            return s;
        }
    }
    return NULL;
}

static void session_free(struct websocket_session *s)
{
    __atomic_store_n(&s->request, NULL, __ATOMIC_RELEASE);
}

static uint16_t websocket_begin(struct http_request *r)
{
    const struct websocket *w = websocket_of(r);
    struct sending *sending = sending_of(r);
    struct websocket_session *s;
    uint16_t status;

    memset(sending, 0, sizeof *sending); /* it may have been the product's before */
    if ((r->noted & (NOTED_13 | NOTED_OTHER)) != NOTED_13) {
        return 426;
    }
    if (!websocket_accept(r, sending->accept)) {
        return 400;
    }
    s = session_take(r, w);
    if (s == NULL) {
        return 503;
    }
    sending->session = s;
    status = w->open != NULL ? w->open(s, r) : 0;
    if (status == 0) {
        return 101;
    }
    sending->session = NULL;
    session_free(s);
    if (status < 400 || status > 599) {
        http_blame(r, "open returned no status of a refusal");
        status = 500;
    }
    return status;
}

static void websocket_head(struct http_request *r, struct text *out)
{
    const struct sending *sending = sending_of(r);

    TEXT_PUT(out, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
    if (r->status != 101) {
        TEXT_PUT(out, "Sec-WebSocket-Version: 13\r\n");
        return;
    }
    http_put_header(out, "Sec-WebSocket-Accept", sending->accept);
    if (sending->session->protocol != 0) {
        http_put_header(out, "Sec-WebSocket-Protocol", websocket_protocol(sending->session));
    }
}

/* ---- What comes ---- */

static void session_event(struct websocket_session *s, const struct ws_event *event)
{
    const struct websocket *w = s->websocket;

    if (event->kind == WS_EVENT_PIECE && w->message != NULL && ws_open(&s->ws)) {
        struct websocket_piece piece = {event->bytes, event->length, event->text, event->first, event->last};
        w->message(s, &piece);
    } else if (event->kind == WS_EVENT_PONG && w->pong != NULL && ws_open(&s->ws)) {
        w->pong(s);
    } else if (event->kind == WS_EVENT_CLOSE || event->kind == WS_EVENT_ERROR) {
        s->code = event->code;
    }
}

static size_t websocket_input(struct http_request *r, uint8_t *bytes, size_t length)
{
    struct websocket_session *s = sending_of(r)->session;
    const struct websocket *w = s->websocket;
    size_t used = 0;

    while (used < length) {
        size_t count = length - used;
        struct ws_event event;
        if (w->room != NULL && ws_open(&s->ws)) {
            size_t room = w->room(s);
            count = room < count ? room : count;
        }
        if (count == 0) {
            break;
        }
        used += ws_receive(&s->ws, bytes + used, count, &event);
        session_event(s, &event);
    }
    return used;
}

/* ---- What goes ---- */

/* The product has broken its contract. */
static void session_fault(struct websocket_session *s, const char *why)
{
    http_blame(s->request, why);
    s->request->flags2 &= ~(uint32_t)FLAG2_HELD;
    if (ws_close(&s->ws, WS_CODE_OUR_FAULT, NULL)) {
        s->code = WS_CODE_OUR_FAULT;
    }
}

/* What is wrong with a frame that the product has put; NULL: nothing. */
static const char *frame_check(struct sending *sending, enum websocket_frame kind, const struct text *payload)
{
    bool more = kind == WEBSOCKET_TEXT_MORE || kind == WEBSOCKET_BINARY_MORE;
    enum websocket_frame type = kind == WEBSOCKET_TEXT_MORE     ? WEBSOCKET_TEXT
                                : kind == WEBSOCKET_BINARY_MORE ? WEBSOCKET_BINARY
                                                                : kind;

    if ((unsigned)kind > WEBSOCKET_BINARY_MORE) {
        return "output returned nothing that is known";
    }
    if (sending->type != WEBSOCKET_NOTHING && sending->type != type) {
        return "a message began as text and goes on as binary, or the other way round";
    }
    if (type == WEBSOCKET_TEXT) {
        if (sending->type == WEBSOCKET_NOTHING) {
            utf8_begin(&sending->utf8);
        }
        if (!utf8_check(&sending->utf8, payload->bytes, payload->length) ||
            (!more && !utf8_complete(&sending->utf8))) {
            return "a text is not UTF-8";
        }
    }
    return NULL;
}

/* Let the product put a frame. Its header has 2 or 4 bytes, so the payload is put behind 4. */
static enum http_progress frame_output(struct websocket_session *s, struct sending *sending, struct text *out)
{
    struct text payload = text_over(out->bytes + HEAD_MAX, WEBSOCKET_FRAME_MAX);
    enum websocket_frame kind = s->websocket->output(s, &payload);
    bool more = kind == WEBSOCKET_TEXT_MORE || kind == WEBSOCKET_BINARY_MORE;
    uint8_t head[WS_HEADER_MAX];
    size_t head_length;
    const char *why;

    if (payload.overflow || payload.bytes != out->bytes + HEAD_MAX || payload.length > WEBSOCKET_FRAME_MAX) {
        session_fault(s, "a frame is longer than WEBSOCKET_FRAME_MAX");
        return HTTP_MORE;
    }
    if (kind == WEBSOCKET_NOTHING) {
        return ws_open(&s->ws) ? HTTP_WAIT : HTTP_MORE;
    }
    why = frame_check(sending, kind, &payload);
    if (why != NULL) {
        session_fault(s, why);
        return HTTP_MORE;
    }
    head_length = ws_header(head,
                            sending->type != WEBSOCKET_NOTHING                      ? WS_CONTINUATION
                            : kind == WEBSOCKET_TEXT || kind == WEBSOCKET_TEXT_MORE ? WS_TEXT
                                                                                    : WS_BINARY,
                            !more, (uint32_t)payload.length);
    if (head_length < HEAD_MAX) {
        memmove(out->bytes + head_length, payload.bytes, payload.length);
    }
    s->request->flags2 &= ~(uint32_t)FLAG2_HELD; /* there may be room again for what comes */
    memcpy(out->bytes, head, head_length);
    out->length = head_length + payload.length;
    sending->type = !more                         ? WEBSOCKET_NOTHING
                    : kind == WEBSOCKET_TEXT_MORE ? WEBSOCKET_TEXT
                                                  : WEBSOCKET_BINARY;
    return HTTP_MORE;
}

static enum http_progress websocket_output(struct http_request *r, struct text *out)
{
    struct sending *sending = sending_of(r);
    struct websocket_session *s = sending->session;

    r->done = 0; /* frames are no parts of an answer, whose number has an end */
    out->length = ws_output(&s->ws, (uint8_t *)out->bytes);
    if (out->length > 0) {
        ws_output_taken(&s->ws);
    }
    if (ws_finished(&s->ws)) {
        return HTTP_END;
    }
    if (out->length > 0) {
        return HTTP_MORE;
    }
    if (!ws_open(&s->ws)) {
        return HTTP_WAIT;
    }
    if ((s->flags & PING_DUE) != 0) {
        s->flags &= (uint8_t)~PING_DUE;
        out->length = ws_header((uint8_t *)out->bytes, WS_PING, true, 0);
        return HTTP_MORE;
    }
    return s->websocket->output != NULL ? frame_output(s, sending, out) : HTTP_WAIT;
}

_Static_assert(WS_OUTPUT_MAX <= HTTP_PART_MAX && HEAD_MAX == 4 && WEBSOCKET_FRAME_MAX <= UINT16_MAX,
               "frames in parts");

/* ---- The end ---- */

static bool websocket_leaving(const struct http_request *r)
{
    return ws_waiting(&sending_of(r)->session->ws);
}

static void websocket_gone(struct http_request *r)
{
    struct websocket_session *s = sending_of(r)->session;

    if (s == NULL) {
        return;
    }
    sending_of(r)->session = NULL;
    if (s->websocket->closed != NULL) {
        s->websocket->closed(s, s->code != 0 ? s->code : WS_CODE_LOST);
    }
    session_free(s);
}

static const char *const headers[] = {"Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol",
                                      NULL};

const struct http_upgrade websocket_upgrade = {
    .headers = headers,
    .header = websocket_header,
    .begin = websocket_begin,
    .head = websocket_head,
    .input = websocket_input,
    .output = websocket_output,
    .leaving = websocket_leaving,
    .gone = websocket_gone,
};

/* ---- For products ---- */

void websocket_wake(struct websocket_session *s)
{
    struct http_request *r = __atomic_load_n(&s->request, __ATOMIC_ACQUIRE);

    if (r != NULL) {
        http_wake(r);
    }
}

void websocket_wake_all(const struct websocket *websocket)
{
    for (size_t i = 0; i < websocket->count; i++) {
        websocket_wake(&websocket->sessions[i]);
    }
}

bool websocket_close(struct websocket_session *s, uint16_t code, const char *reason)
{
    bool begun = s->request != NULL && ws_close(&s->ws, code, reason);

    if (begun) {
        http_wake(s->request); /* also to read on, where it was held back */
    }
    return begun;
}

void websocket_ping(struct websocket_session *s)
{
    s->flags |= PING_DUE;
    websocket_wake(s);
}

struct websocket_session *websocket_next(const struct websocket *websocket, struct websocket_session *after)
{
    struct websocket_session *s = after != NULL ? after + 1 : websocket->sessions;

    while (s < websocket->sessions + websocket->count && s->request == NULL) {
        s++;
    }
    return s < websocket->sessions + websocket->count ? s : NULL;
}

size_t websocket_number(const struct websocket_session *s)
{
    return (size_t)(s - s->websocket->sessions);
}

const char *websocket_protocol(const struct websocket_session *s)
{
    return s->protocol != 0 ? s->websocket->protocols[s->protocol - 1] : NULL;
}

struct http_request *websocket_request(const struct websocket_session *s)
{
    return s->request;
}

const void *websocket_data(const struct websocket_session *s)
{
    return s->websocket->data;
}
