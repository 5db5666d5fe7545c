/*
 * WebSocket frames, and the UTF-8 in them: any bytes, cut anywhere, in any state that ws_good allows, which holds again
 * afterwards.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "net/http/ws.c"
#include "wire/utf8.c"

/* A header is collected, or a payload is under way; a control frame's fits where it is collected. */
static bool ws_good(const struct ws *ws)
{
    bool failed = (ws->flags & FAILED) != 0;

    return ws->control_length <= WS_CONTROL_MAX && (ws->limit == 0 || ws->message <= ws->limit) &&
           (failed || ws->left == 0 || ws->head_length == 0) &&
           (failed || ws->head_length < head_needed(ws)) &&
           (failed || ws->head_length < 2 || !is_control(ws) || (ws->head[1] & LENGTH) <= WS_CONTROL_MAX) &&
           (failed || ws->left == 0 || !is_control(ws) ||
            ws->left <= (opcode_of(ws) == WS_PONG ? WS_CONTROL_MAX : WS_CONTROL_MAX - ws->control_length));
}

static bool event_good(const struct ws_event *event)
{
    return event->kind <= WS_EVENT_ERROR;
}

static void any_ws(struct ws *ws)
{
    struct ws any;

    any.reason = NULL;
    *ws = any;
    ASSUME(ws_good(ws));
}

static void none(struct ws_event *event)
{
    *event = (struct ws_event){.kind = WS_EVENT_NONE};
}

/* ---- unmask: any bytes at any place. ---- */

static bool unmask_needs(const uint8_t *at, size_t length)
{
    return WRITABLE(at, length);
}

static bool unmask_gives(uint32_t mask)
{
    return mask <= UINT32_MAX;
}

/* Any other byte stays as it was. */
void prove_unmask(void)
{
    static uint8_t bytes[16];
    size_t length = any_size(12), place = any_size(3), other = any_size(sizeof bytes - 1);

    ASSUME(unmask_needs(bytes + place, length));
    PROVE(unmask_gives(unmask(bytes + place, length, nondet_u32())));
    PROVE((other >= place && other < place + length) || bytes[other] == 0);
    REACHED("the end");
}

uint32_t contract_unmask(uint8_t *at, size_t length, uint32_t mask)
{
    (void)mask;
    PROVE(unmask_needs(at, length));
    uint32_t next = nondet_u32(); /* the bytes were any, and are */
    ASSUME(unmask_gives(next));
    return next;
}

/* ---- UTF-8: any bytes, any state. ---- */

static bool ascii_skip_needs(const uint8_t *bytes, const uint8_t *end)
{
    return bytes < end && READABLE(bytes, end - bytes) && *bytes < 0x80;
}

static bool ascii_skip_gives(const uint8_t *at, const uint8_t *bytes, const uint8_t *end)
{
    return __CPROVER_same_object(at, end) && at > bytes && at <= end;
}

void prove_ascii_skip(void)
{
    size_t length = any_size(UINT16_MAX);
    const uint8_t *bytes = any_bytes(length), *end = bytes + length;

    ASSUME(ascii_skip_needs(bytes, end));
    const uint8_t *at = ascii_skip(bytes, end);
    PROVE(ascii_skip_gives(at, bytes, end));
    if (at < end)
        REACHED("one that isn't ASCII");
}

const uint8_t *contract_ascii_skip(const uint8_t *bytes, const uint8_t *end)
{
    const uint8_t *at = bytes + any_size((size_t)(end - bytes));

    PROVE(ascii_skip_needs(bytes, end));
    ASSUME(ascii_skip_gives(at, bytes, end));
    return at;
}

static bool utf8_check_needs(const void *bytes, size_t length)
{
    return READABLE(bytes, length);
}

static bool utf8_check_gives(bool good, const struct utf8 *u)
{
    return good == (u->low <= u->high);
}

void prove_utf8_check(void)
{
    size_t length = any_size(UINT16_MAX);
    const void *bytes = any_bytes(length);
    struct utf8 u;

    ASSUME(utf8_check_needs(bytes, length));
    bool good = utf8_check(&u, bytes, length);
    PROVE(utf8_check_gives(good, &u));
    if (good && length > 0 && utf8_complete(&u))
        REACHED("a whole text");
}

bool contract_utf8_check(struct utf8 *u, const void *bytes, size_t length)
{
    struct utf8 any;
    bool good = nondet_bool();

    PROVE(utf8_check_needs(bytes, length));
    *u = any;
    ASSUME(utf8_check_gives(good, u));
    return good;
}

/* ---- Payload. ---- */

static bool payload_take_needs(const struct ws *ws, const uint8_t *bytes, size_t length,
                               const struct ws_event *event)
{
    return ws_good(ws) && (ws->flags & FAILED) == 0 && ws->head_length == 0 && WRITABLE(bytes, length) &&
           event->kind == WS_EVENT_NONE;
}

static bool payload_take_gives(size_t taken, const struct ws *ws, const struct ws *before, size_t length,
                               const struct ws_event *event)
{
    return ws_good(ws) && event_good(event) && taken == (length < before->left ? length : before->left) &&
           ws->limit == before->limit && (event->kind == WS_EVENT_ERROR) == ((ws->flags & FAILED) != 0);
}

void prove_payload_take(void)
{
    size_t length = any_size(UINT16_MAX);
    uint8_t *bytes = any_bytes(length);
    struct ws ws, before;
    struct ws_event event;

    any_ws(&ws);
    none(&event);
    ASSUME(payload_take_needs(&ws, bytes, length, &event));
    before = ws;
    size_t taken = payload_take(&ws, bytes, length, &event);
    PROVE(payload_take_gives(taken, &ws, &before, length, &event));
    PROVE(READABLE(event.bytes, event.length));
    if (event.kind == WS_EVENT_PIECE && event.last)
        REACHED("a message's end");
    if (event.kind == WS_EVENT_CLOSE)
        REACHED("a Close");
}

size_t contract_payload_take(struct ws *ws, uint8_t *bytes, size_t length, struct ws_event *event)
{
    struct ws before = *ws;
    size_t taken = nondet_size();

    PROVE(payload_take_needs(ws, bytes, length, event));
    any_ws(ws);
    event->kind = (enum ws_event_kind)nondet_u8();
    ASSUME(payload_take_gives(taken, ws, &before, length, event));
    return taken;
}

/* ---- Headers. ---- */

static bool head_take_needs(const struct ws *ws, const uint8_t *bytes, size_t length,
                            const struct ws_event *event)
{
    return ws_good(ws) && (ws->flags & FAILED) == 0 && ws->left == 0 && length > 0 &&
           WRITABLE(bytes, length) && event->kind == WS_EVENT_NONE;
}

static bool head_take_gives(size_t taken, const struct ws *ws, size_t length, const struct ws_event *event)
{
    return ws_good(ws) && event_good(event) && taken > 0 && taken <= length &&
           (event->kind == WS_EVENT_ERROR) == ((ws->flags & FAILED) != 0);
}

void prove_head_take(void)
{
    size_t length = any_size(UINT16_MAX);
    uint8_t *bytes = any_bytes(length);
    struct ws ws;
    struct ws_event event;

    any_ws(&ws);
    none(&event);
    ASSUME(head_take_needs(&ws, bytes, length, &event));
    size_t taken = head_take(&ws, bytes, length, &event);
    PROVE(head_take_gives(taken, &ws, length, &event));
    if (ws.left > UINT32_MAX)
        REACHED("a long frame");
    if (event.kind == WS_EVENT_ERROR)
        REACHED("a bad header");
}

size_t contract_head_take(struct ws *ws, uint8_t *bytes, size_t length, struct ws_event *event)
{
    size_t taken = nondet_size();

    PROVE(head_take_needs(ws, bytes, length, event));
    any_ws(ws);
    event->kind = (enum ws_event_kind)nondet_u8();
    ASSUME(head_take_gives(taken, ws, length, event));
    return taken;
}

/* ---- The module's own functions. ---- */

void prove_ws_receive(void)
{
    size_t length = any_size(8);
    uint8_t *bytes = any_bytes(length);
    struct ws ws;
    struct ws_event event;

    any_ws(&ws);
    size_t used = ws_receive(&ws, bytes, length, &event);
    PROVE(ws_good(&ws) && used <= length && (event.kind != WS_EVENT_NONE || used == length));
    if (event.kind != WS_EVENT_NONE)
        REACHED("an event");
}

void prove_ws_output(void)
{
    uint8_t *out = any_bytes(WS_OUTPUT_MAX);
    struct ws ws;

    any_ws(&ws);
    ws.flags &= (uint8_t)~CLOSE_DUE; /* a reason's length is checked where it is given */
    PROVE(ws_output(&ws, out) <= WS_OUTPUT_MAX);
    ws_output_taken(&ws);
    PROVE(ws_good(&ws) && (ws.flags & PONG_DUE) == 0);
    REACHED("the end");
}
