/*
 * WebSocket frames (RFC 6455 section 5) and the closing handshake (section 7).
 *
 *   header   FIN RSV1-3 opcode | MASK length | 0, 2 or 8 bytes of length | 4 bytes of masking key     from a client
 *   payload  each byte XOR the key's byte at its place modulo 4
 *
 * A header is collected in struct ws, since it may be cut anywhere; its first two bytes are checked when both are there.
 * Data is handed on where it lies, control frames are collected. Masks are words whose lowest byte comes first.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/ws.h"

#include <string.h>

#include "wire/be.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words of masks");
_Static_assert(sizeof(void *) != 4 || sizeof(struct ws) == 176, "what ws.h says that a connection takes");

#define FIN    0x80
#define RSV    0x70
#define OPCODE 0x0F
#define MASKED 0x80
#define LENGTH 0x7F

#define LENGTH_16 126
#define LENGTH_64 127

/* Flags. */
#define MESSAGE        0x01 /* a message has begun and its last frame has not ended */
#define TEXT           0x02 /* it is text */
#define FIRST          0x04 /* none of its pieces has been given */
#define PONG_DUE       0x08 /* control[] is the payload of a Ping that has no answer yet */
#define CLOSE_DUE      0x10
#define CLOSE_SENT     0x20
#define CLOSE_RECEIVED 0x40
#define FAILED         0x80

void ws_begin(struct ws *ws, uint32_t limit)
{
    ws->left = 0;
    ws->limit = limit;
    ws->flags = 0;
    ws->head_length = 0;
}

static bool is_control(const struct ws *ws)
{
    return (ws->head[0] & 0x08) != 0;
}

static unsigned opcode_of(const struct ws *ws)
{
    return ws->head[0] & OPCODE;
}

static void close_due(struct ws *ws, uint16_t code, const char *reason)
{
    ws->code = code;
    ws->reason = reason;
    ws->flags |= CLOSE_DUE;
}

/* Fail the connection (7.1.7). */
static void fail(struct ws *ws, struct ws_event *event, uint16_t code, const char *why)
{
    ws->flags = (uint8_t)((ws->flags | FAILED) & ~PONG_DUE);
    if ((ws->flags & CLOSE_SENT) == 0)
        close_due(ws, code, why);
    event->kind = WS_EVENT_ERROR;
    event->code = code;
    event->bytes = (const uint8_t *)why;
    event->length = strlen(why);
}

/* Unmask bytes. Returns the mask for the next ones. */
static uint32_t unmask(uint8_t *at, size_t length, uint32_t mask)
{
    uint8_t *end = at + length;
    while (at < end) {
        if (((uintptr_t)at & 3) == 0)
            for (; end - at >= 8; at += 8) {
                uint32_t words[2];
                memcpy(&words[0], at, 4);
                memcpy(&words[1], at + 4, 4);
                words[0] ^= mask;
                words[1] ^= mask;
                memcpy(at, &words[0], 4);
                memcpy(at + 4, &words[1], 4);
            }
        if (at < end) {
            *at++ ^= (uint8_t)mask;
            mask = mask >> 8 | mask << 24;
        }
    }
    return mask;
}

/* Bytes of the header that is being collected, as far as they are known. */
static size_t head_needed(const struct ws *ws)
{
    if (ws->head_length < 2)
        return 2;
    unsigned length = ws->head[1] & LENGTH;
    return length == LENGTH_64 ? 14 : length == LENGTH_16 ? 8 : 6;
}

/* What is wrong with the first two bytes of a header; NULL: nothing. */
static const char *head_check(const struct ws *ws)
{
    uint8_t begin = ws->head[0], opcode = begin & OPCODE;
    if ((begin & RSV) != 0)
        return "reserved bit";
    if (opcode > WS_PONG || (opcode > WS_BINARY && opcode < WS_CLOSE))
        return "unknown opcode";
    if ((ws->head[1] & MASKED) == 0)
        return "not masked";
    if (is_control(ws))
        return (begin & FIN) == 0                        ? "control frame in fragments"
               : (ws->head[1] & LENGTH) > WS_CONTROL_MAX ? "control frame too long"
                                                         : NULL;
    return (opcode == WS_CONTINUATION) != ((ws->flags & MESSAGE) != 0) ? "fragments mixed up" : NULL;
}

/* Take the length and the mask from a whole header. False: the length is not encoded as it must be (5.2). */
static bool head_read(struct ws *ws)
{
    const uint8_t *at = ws->head + 2;
    unsigned length = ws->head[1] & LENGTH;
    ws->left = length;
    if (length == LENGTH_16) {
        ws->left = load_be16(at);
        at += 2;
    } else if (length == LENGTH_64) {
        ws->left = (uint64_t)load_be32(at) << 32 | load_be32(at + 4);
        at += 8;
    }
    memcpy(&ws->mask, at, 4);
    ws->head_length = 0;
    return length < LENGTH_16 ||
           (length == LENGTH_16 ? ws->left >= LENGTH_16 : ws->left >> 16 != 0 && ws->left >> 63 == 0);
}

/* A data frame begins. False: its message would be longer than allowed. */
static bool data_begin(struct ws *ws)
{
    if (opcode_of(ws) != WS_CONTINUATION) {
        ws->flags = (uint8_t)((ws->flags & ~TEXT) | MESSAGE | FIRST | (opcode_of(ws) == WS_TEXT ? TEXT : 0));
        ws->message = 0;
        utf8_begin(&ws->utf8);
    }
    if (ws->limit == 0)
        return true;
    if (ws->left > ws->limit - ws->message)
        return false;
    ws->message += (uint32_t)ws->left;
    return true;
}

/* A Close is there (5.5.1, 7.1.5). Ours answers with the same code, unless it is due or sent already. */
static void close_read(struct ws *ws, struct ws_event *event)
{
    struct utf8 utf8;
    uint16_t code = 0;
    utf8_begin(&utf8);
    if (ws->control_length > 0) {
        code = load_be16(ws->control);
        event->bytes = ws->control + 2;
        event->length = ws->control_length - 2u;
        if (ws->control_length < 2 || !ws_code_allowed(code)) {
            fail(ws, event, WS_CODE_PROTOCOL, "bad close code");
            return;
        }
        if (!utf8_check(&utf8, event->bytes, event->length) || !utf8_complete(&utf8)) {
            fail(ws, event, WS_CODE_NOT_UTF8, "reason is not UTF-8");
            return;
        }
    }
    event->kind = WS_EVENT_CLOSE;
    event->code = code != 0 ? code : WS_CODE_NONE;
    ws->flags |= CLOSE_RECEIVED;
    if ((ws->flags & (CLOSE_DUE | CLOSE_SENT)) == 0)
        close_due(ws, code, NULL);
}

/* Payload of a control frame. */
static void control_take(struct ws *ws, const uint8_t *bytes, size_t length, struct ws_event *event)
{
    unsigned opcode = opcode_of(ws);
    if (opcode != WS_PONG) {
        memcpy(ws->control + ws->control_length, bytes, length);
        ws->control_length = (uint8_t)(ws->control_length + length);
    }
    if (ws->left > 0)
        return;
    if (opcode == WS_CLOSE) {
        close_read(ws, event);
    } else if (opcode == WS_PONG) {
        event->kind = WS_EVENT_PONG;
    } else {
        event->kind = WS_EVENT_PING;
        event->bytes = ws->control;
        event->length = ws->control_length;
        ws->flags |= PONG_DUE;
    }
}

/* Payload of a data frame, unmasked. */
static void data_take(struct ws *ws, const uint8_t *bytes, size_t length, struct ws_event *event)
{
    bool last = ws->left == 0 && (ws->head[0] & FIN) != 0;
    if ((ws->flags & TEXT) != 0 &&
        (!utf8_check(&ws->utf8, bytes, length) || (last && !utf8_complete(&ws->utf8)))) {
        fail(ws, event, WS_CODE_NOT_UTF8, "text is not UTF-8");
        return;
    }
    if (length == 0 && !last)
        return;
    event->kind = WS_EVENT_PIECE;
    event->text = (ws->flags & TEXT) != 0;
    event->first = (ws->flags & FIRST) != 0;
    event->last = last;
    event->bytes = bytes;
    event->length = length;
    ws->flags &= (uint8_t) ~(last ? FIRST | MESSAGE : FIRST);
}

/* Payload, as much of it as there is. Returns how much. */
static size_t payload_take(struct ws *ws, uint8_t *bytes, size_t length, struct ws_event *event)
{
    if (length > ws->left)
        length = (size_t)ws->left;
    ws->mask = unmask(bytes, length, ws->mask);
    ws->left -= length;
    if (is_control(ws))
        control_take(ws, bytes, length, event);
    else
        data_take(ws, bytes, length, event);
    return length;
}

/* A header is whole. */
static void frame_begin(struct ws *ws, uint8_t *bytes, struct ws_event *event)
{
    if (!head_read(ws)) {
        fail(ws, event, WS_CODE_PROTOCOL, "bad length");
        return;
    }
    if (!is_control(ws)) {
        if (!data_begin(ws)) {
            fail(ws, event, WS_CODE_TOO_LONG, "message too long");
            return;
        }
    } else if (opcode_of(ws) != WS_PONG) {
        ws->flags &= (uint8_t)~PONG_DUE;
        ws->control_length = 0;
    }
    if (ws->left == 0)
        payload_take(ws, bytes, 0, event);
}

/* Bytes of a header, as many as there are. Returns how many. */
static size_t head_take(struct ws *ws, uint8_t *bytes, size_t length, struct ws_event *event)
{
    size_t needed = head_needed(ws), count = needed - ws->head_length;
    if (count > length)
        count = length;
    memcpy(ws->head + ws->head_length, bytes, count);
    ws->head_length = (uint8_t)(ws->head_length + count);
    if (ws->head_length < needed)
        return count;
    if (needed == 2) {
        const char *why = head_check(ws);
        if (why != NULL)
            fail(ws, event, WS_CODE_PROTOCOL, why);
    } else {
        frame_begin(ws, bytes + count, event);
    }
    return count;
}

size_t ws_receive(struct ws *ws, uint8_t *bytes, size_t length, struct ws_event *event)
{
    size_t used = 0;
    memset(event, 0, sizeof *event);
    while (used < length && event->kind == WS_EVENT_NONE) {
        if ((ws->flags & (FAILED | CLOSE_RECEIVED)) != 0)
            return length;
        if (ws->left > 0)
            used += payload_take(ws, bytes + used, length - used, event);
        else
            used += head_take(ws, bytes + used, length - used, event);
    }
    return used;
}

size_t ws_header(uint8_t out[WS_HEADER_MAX], unsigned opcode, bool last, uint32_t length)
{
    out[0] = (uint8_t)((last ? FIN : 0) | opcode);
    if (length < LENGTH_16) {
        out[1] = (uint8_t)length;
        return 2;
    }
    if (length <= UINT16_MAX) {
        out[1] = LENGTH_16;
        store_be16(out + 2, (uint16_t)length);
        return 4;
    }
    out[1] = LENGTH_64;
    store_be32(out + 2, 0);
    store_be32(out + 6, length);
    return 10;
}

size_t ws_output(const struct ws *ws, uint8_t out[WS_OUTPUT_MAX])
{
    if ((ws->flags & PONG_DUE) != 0) {
        memcpy(out + 2, ws->control, ws->control_length);
        return ws_header(out, WS_PONG, true, ws->control_length) + ws->control_length;
    }
    if ((ws->flags & CLOSE_DUE) == 0)
        return 0;
    size_t length = 0;
    if (ws->code != 0) {
        store_be16(out + 2, ws->code);
        length = 2;
        if (ws->reason != NULL) {
            size_t more = strlen(ws->reason);
            memcpy(out + 4, ws->reason, more);
            length += more;
        }
    }
    return ws_header(out, WS_CLOSE, true, (uint32_t)length) + length;
}

void ws_output_taken(struct ws *ws)
{
    if ((ws->flags & PONG_DUE) != 0)
        ws->flags &= (uint8_t)~PONG_DUE;
    else if ((ws->flags & CLOSE_DUE) != 0)
        ws->flags = (uint8_t)((ws->flags & ~CLOSE_DUE) | CLOSE_SENT);
}

bool ws_close(struct ws *ws, uint16_t code, const char *reason)
{
    bool allowed = code == 0 ? reason == NULL : ws_code_allowed(code);
    if (!allowed || !ws_open(ws) || (reason != NULL && strlen(reason) > WS_REASON_MAX))
        return false;
    close_due(ws, code, reason);
    return true;
}

bool ws_code_allowed(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

bool ws_open(const struct ws *ws)
{
    return (ws->flags & (CLOSE_DUE | CLOSE_SENT | CLOSE_RECEIVED)) == 0;
}

bool ws_waiting(const struct ws *ws)
{
    return (ws->flags & (CLOSE_SENT | CLOSE_RECEIVED | FAILED)) == CLOSE_SENT;
}

bool ws_finished(const struct ws *ws)
{
    return (ws->flags & CLOSE_SENT) != 0 && (ws->flags & (CLOSE_RECEIVED | FAILED)) != 0;
}
