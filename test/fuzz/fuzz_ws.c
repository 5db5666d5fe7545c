/*
 * Fuzz the WebSocket engine: bytes cut anywhere tell the same story as a plain parser that has them all at once; no event
 * reaches beyond the bytes given, nothing follows an error or a Close; what is sent are a server's frames, one Close at
 * most. The first byte chooses the cuts and whether the server closes, the second one the limit.
 *
 * LINK: net/http/ws.c wire/utf8.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "net/http/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define STORY_MAX 8192

/* What happened: a byte of kind, code, length and bytes of each message and control frame. Bytes of a message that isn't
 * whole are kept apart, with what control frames between them have told before. */
struct story {
    uint8_t told[STORY_MAX], message[STORY_MAX];
    size_t told_length, message_length;
    uint8_t kind; /* of the message under way, 0: none */
    uint16_t end; /* code of the error or Close, which is the last */
};

static void story_tell(struct story *s, char kind, const uint8_t *bytes, size_t length)
{
    REQUIRE(s->told_length + length + 5 <= STORY_MAX);
    uint8_t *to = s->told + s->told_length;
    to[0] = (uint8_t)kind;
    for (unsigned i = 0; i < 4; i++)
        to[1 + i] = (uint8_t)(length >> 8 * i);
    if (length > 0)
        memcpy(to + 5, bytes, length);
    s->told_length += length + 5;
}

static void message_add(struct story *s, const uint8_t *bytes, size_t length)
{
    REQUIRE(s->message_length + length <= STORY_MAX);
    if (length > 0)
        memcpy(s->message + s->message_length, bytes, length);
    s->message_length += length;
}

static void message_end(struct story *s)
{
    story_tell(s, (char)s->kind, s->message, s->message_length);
    s->message_length = 0;
    s->kind = 0;
}

/* The plain parser. */

/* True: `length` bytes are UTF-8, or, if `partly`, can begin such a text. */
static bool plain_utf8(const uint8_t *bytes, size_t length, bool partly)
{
    for (size_t i = 0; i < length;) {
        uint32_t low, code = bytes[i];
        unsigned more;
        if (code < 0x80)
            more = 0, low = 0;
        else if (code >> 5 == 6)
            more = 1, low = 0x80, code &= 0x1F;
        else if (code >> 4 == 14)
            more = 2, low = 0x800, code &= 0x0F;
        else if (code >> 3 == 30)
            more = 3, low = 0x10000, code &= 0x07;
        else
            return false;
        /* The characters that may begin here: `code` with zeros or ones for the bits to come. */
        uint32_t last = code;
        for (i++; more > 0 && i < length; i++, more--) {
            if (bytes[i] >> 6 != 2)
                return false;
            code = last = code << 6 | (bytes[i] & 0x3F);
        }
        if (more > 0 && !partly)
            return false;
        for (; more > 0; more--) {
            code <<= 6;
            last = last << 6 | 0x3F;
        }
        if (last < low || code > 0x10FFFF || (code >= 0xD800 && last <= 0xDFFF))
            return false;
    }
    return true;
}

static bool plain_code(unsigned code)
{
    return code >= 1000 && code < 5000 && (code < 1015 || code >= 3000) && (code < 1004 || code > 1006);
}

struct plain_frame {
    uint8_t first, second;
    uint64_t length;
    size_t have;
    uint8_t payload[STORY_MAX];
};

/* Returns the code of what is wrong with a whole header, 0: nothing. */
static uint16_t plain_check(const struct plain_frame *f, uint32_t limit, uint64_t message)
{
    unsigned kind = f->second & 0x7F;
    if ((kind == 126 && f->length < 126) || (kind == 127 && (f->length < 65536 || f->length > INT64_MAX)))
        return 1002;
    return (f->first & 8) == 0 && limit != 0 && (f->length > limit || message > limit - f->length) ? 1009 : 0;
}

/* The same for its first two bytes. */
static uint16_t plain_early(const struct plain_frame *f, const struct story *s)
{
    unsigned opcode = f->first & 15;
    if ((f->first & 0x70) != 0 || (f->second & 0x80) == 0)
        return 1002;
    if (opcode >= 8 && (opcode > 10 || (f->first & 0x80) == 0 || (f->second & 0x7F) > 125))
        return 1002;
    return opcode < 8 && (opcode > 2 || (opcode == 0) != (s->kind != 0)) ? 1002 : 0;
}

static uint16_t plain_close(const struct plain_frame *f, struct story *s)
{
    unsigned code = f->have < 2 ? 0 : (unsigned)(f->payload[0] << 8 | f->payload[1]);
    if (f->have == 1 || (f->have >= 2 && !plain_code(code)))
        return 1002;
    if (f->have > 2 && !plain_utf8(f->payload + 2, f->have - 2, false))
        return 1007;
    story_tell(s, 'c', f->payload + 2, f->have < 2 ? 0 : f->have - 2);
    return f->have < 2 ? 1005 : (uint16_t)code;
}

/* A frame with as much payload as there is. Returns the code of the end, 0: go on. */
static uint16_t plain_frame(const struct plain_frame *f, struct story *s)
{
    bool whole = f->have == f->length, last = whole && (f->first & 0x80) != 0;
    unsigned opcode = f->first & 15;
    if (opcode >= 8) {
        if (whole && opcode == 9)
            story_tell(s, 'p', f->payload, f->have);
        if (whole && opcode == 10)
            story_tell(s, 'o', NULL, 0);
        return whole && opcode == 8 ? plain_close(f, s) : 0;
    }
    if (opcode != 0)
        s->kind = opcode == 1 ? 't' : 'b';
    message_add(s, f->payload, f->have);
    if (s->kind == 't' && !plain_utf8(s->message, s->message_length, !last))
        return 1007;
    if (last)
        message_end(s);
    return 0;
}

static void plain_play(const uint8_t *data, size_t size, uint32_t limit, struct story *s)
{
    static struct plain_frame f;
    uint64_t message = 0;
    s->told_length = s->message_length = s->kind = s->end = 0;
    for (size_t at = 0; size - at >= 2;) {
        f.first = data[at], f.second = data[at + 1];
        if ((s->end = plain_early(&f, s)) != 0)
            break;
        size_t more = (f.second & 0x7F) == 127 ? 8 : (f.second & 0x7F) == 126 ? 2 : 0;
        if (size - at < 6 + more)
            break;
        f.length = more == 0 ? f.second & 0x7F : 0;
        for (size_t i = 0; i < more; i++)
            f.length = f.length << 8 | data[at + 2 + i];
        if ((f.first & 15) == 1 || (f.first & 15) == 2)
            message = 0;
        if ((s->end = plain_check(&f, limit, message)) != 0)
            break;
        message += (f.first & 8) == 0 ? f.length : 0;
        const uint8_t *mask = data + at + 2 + more;
        at += 6 + more;
        f.have = f.length < size - at ? (size_t)f.length : size - at;
        for (size_t i = 0; i < f.have; i++)
            f.payload[i] = data[at + i] ^ mask[i % 4];
        at += f.have;
        if ((s->end = plain_frame(&f, s)) != 0)
            break;
    }
}

/* The engine. */

static void engine_event(struct story *s, const struct ws_event *event)
{
    static const char kinds[] = {[WS_EVENT_PING] = 'p', [WS_EVENT_PONG] = 'o', [WS_EVENT_CLOSE] = 'c'};
    REQUIRE(s->end == 0);
    if (event->kind == WS_EVENT_PIECE) {
        REQUIRE(event->first == (s->kind == 0));
        REQUIRE(event->first || s->kind == (event->text ? 't' : 'b'));
        REQUIRE(event->length > 0 || event->last);
        s->kind = event->text ? 't' : 'b';
        message_add(s, event->bytes, event->length);
        if (event->last)
            message_end(s);
        return;
    }
    if (event->kind != WS_EVENT_ERROR)
        story_tell(s, kinds[event->kind], event->bytes, event->length);
    if (event->kind >= WS_EVENT_CLOSE)
        s->end = event->code;
}

/* Take what is due. Returns how many Closes that were. */
static unsigned engine_output(struct ws *ws, const struct story *s)
{
    unsigned closes = 0, frames = 0;
    for (;;) {
        /* Just as long as promised. */
        uint8_t *out = malloc(WS_OUTPUT_MAX);
        size_t length = ws_output(ws, out);
        REQUIRE(length == 0 || (length >= 2 && length == 2u + out[1] && (out[0] == 0x88 || out[0] == 0x8A)));
        REQUIRE(length == 0 || out[0] == 0x88 || s->end == 0);
        if (length > 0 && out[0] == 0x88) {
            REQUIRE(length == 2 || (length >= 4 && plain_code((unsigned)(out[2] << 8 | out[3]))));
            closes++;
        }
        free(out);
        if (length == 0)
            return closes;
        ws_output_taken(ws);
        REQUIRE(++frames <= 2);
    }
}

static void engine_play(const uint8_t *data, size_t size, uint8_t how, uint32_t limit, struct story *s)
{
    struct ws *ws = malloc(sizeof *ws);
    unsigned closes = 0, seed = how;
    bool end_by_us = (how & 0x80) != 0;
    ws_begin(ws, limit);
    s->told_length = s->message_length = s->kind = s->end = 0;
    for (size_t at = 0; at < size;) {
        seed = seed * 1103515245 + 12345;
        size_t step = how % 4 == 0 ? size : how % 4 == 1 ? 1 : 1 + (seed >> 16) % (how % 64 + 1);
        size_t length = size - at < step ? size - at : step;
        uint8_t *copy = malloc(length);
        memcpy(copy, data + at, length);
        at += length;
        for (size_t from = 0; from < length;) {
            struct ws_event event;
            bool over = s->end != 0;
            size_t used = ws_receive(ws, copy + from, length - from, &event);
            REQUIRE(used > 0 && used <= length - from);
            REQUIRE(event.kind != WS_EVENT_NONE || used == length - from);
            REQUIRE(!over || event.kind == WS_EVENT_NONE);
            if (event.kind == WS_EVENT_PIECE)
                REQUIRE(event.bytes >= copy + from && event.bytes + event.length <= copy + from + used);
            if (event.kind != WS_EVENT_NONE)
                engine_event(s, &event);
            from += used;
            if (seed >> 30 != 0 || s->end != 0)
                closes += engine_output(ws, s);
            if (end_by_us && seed >> 28 == 0)
                ws_close(ws, 1001, "away");
        }
        free(copy);
    }
    closes += engine_output(ws, s);
    REQUIRE(closes <= 1);
    REQUIRE(ws_finished(ws) == (s->end != 0));
    REQUIRE(ws_open(ws) == (closes == 0));
    REQUIRE(ws_waiting(ws) == (closes == 1 && s->end == 0));
    free(ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct story plain, engine;
    if (size < 2 || size > STORY_MAX / 4)
        return 0;
    uint32_t limit = data[1] < 128 ? 0 : data[1] == 255 ? UINT32_MAX : data[1] - 128u;
    plain_play(data + 2, size - 2, limit, &plain);
    engine_play(data + 2, size - 2, data[0], limit, &engine);
    REQUIRE(plain.end == engine.end);
    REQUIRE(plain.told_length == engine.told_length);
    REQUIRE(memcmp(plain.told, engine.told, plain.told_length) == 0);
    if (plain.end == 0)
        REQUIRE(plain.message_length == engine.message_length &&
                memcmp(plain.message, engine.message, plain.message_length) == 0);
    return 0;
}
