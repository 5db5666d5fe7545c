/*
 * The HTTP server's thinking half; see the header.
 *
 *   START ─→ METHOD ─→ TARGET ─→ VERSION ─→ NAME ⇄ VALUE ─→ BODY ─────────────────────────→ ANSWER
 *                                             └→ CHUNK_SIZE ─→ DATA ─→ END ⇄ … ─→ TRAILER ──↗   ↓
 *   any error ─→ ANSWER, then CLOSED                                    START again, or CLOSED ←┘
 *
 * One small text buffer serves, one after the other, the path, a header's name, its value, and the body.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_private.h"

#include <string.h>

#define METHOD_MAX  9  /* bytes, with its space */
#define VERSION_MAX 32 /* bytes, with what is around it */

_Static_assert(HTTP_TEXT_MAX <= 255, "length is one byte");

void http_reset(struct http_connection *c)
{
    const struct http_config *config = c->config;
    struct http_stats *stats = c->stats;

    memset(c, 0, offsetof(struct http_connection, text));
    c->config = config;
    c->stats = stats;
}

void http_begin(struct http_connection *c, const struct http_config *config, struct http_stats *stats)
{
    memset(c, 0, sizeof *c);
    c->config = config;
    c->stats = stats;
}

/* ---- Body ---- */

static void http_headers_end(struct http_connection *c)
{
    bool chunked = (c->flags & FLAG_CHUNKED) != 0;
    bool body = chunked || c->left > 0;

    c->status = http_decide(c);
    if (c->status == 400 || (c->flags & FLAG_CODED) != 0) {
        http_fail(c, c->status); /* where the request ends, or what it says, nobody knows */
        return;
    }
    if (!body) {
        http_complete(c);
        return;
    }
    if (!chunked && c->left > HTTP_TEXT_MAX) {
        http_fail(c, 413);
        return;
    }
    if ((c->flags & FLAG_EXPECT) != 0) {
        if (c->status != 0) {
            http_fail(c, c->status);
            return;
        }
        c->flags |= FLAG_CONTINUE;
    }
    c->state = chunked ? AT_CHUNK_SIZE : AT_BODY;
    http_text_clear(c);
    if (chunked) {
        c->left = 0;
        c->done = 0; /* counts digits */
    }
}

static void http_chunk_digit(struct http_connection *c, char byte)
{
    char lower = (char)(byte | 0x20);
    int digit = byte >= '0' && byte <= '9'     ? byte - '0'
                : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                               : -1;

    if (digit < 0 && c->done > 0 && (byte == ';' || byte == ' ' || byte == '\t')) {
        c->state = AT_CHUNK_EXTENSION;
    } else if (digit < 0) {
        http_fail(c, 400);
    } else {
        c->left =
            c->left >> 28 != 0 ? UINT32_MAX : c->left << 4 | (uint32_t)digit; /* larger is too large, too */
        c->done++;
    }
}

static void http_chunk_size_end(struct http_connection *c)
{
    if (c->done == 0) {
        http_fail(c, 400);
    } else if (c->left > (uint32_t)(HTTP_TEXT_MAX - c->length)) {
        http_fail(c, 413);
    } else {
        c->state = c->left == 0 ? AT_TRAILER : AT_CHUNK_DATA;
    }
}

static size_t http_body_take(struct http_connection *c, const char *bytes, size_t length)
{
    length = length < c->left ? length : c->left;
    c->flags &= ~(uint32_t)FLAG_CONTINUE; /* it didn't wait */
    for (size_t i = 0; i < length; i++) {
        http_text_add(c, bytes[i]);
    }
    c->left -= (uint32_t)length;
    if (c->left == 0 && c->state == AT_BODY) {
        http_complete(c);
    } else if (c->left == 0) {
        c->state = AT_CHUNK_END;
    }
    return length;
}

/* ---- Bytes ---- */

static void http_line_end(struct http_connection *c)
{
    switch (c->state) {
    case AT_START: break; /* empty lines before a request are allowed, as many as `seen` lets pass */
    case AT_VERSION: http_version_end(c); break;
    case AT_NAME:
        if (c->length > 0) {
            http_fail(c, 400);
        } else {
            http_headers_end(c);
        }
        break;
    case AT_VALUE: http_value_end(c); break;
    case AT_CHUNK_SIZE:
    case AT_CHUNK_EXTENSION: http_chunk_size_end(c); break;
    case AT_CHUNK_END:
        c->state = AT_CHUNK_SIZE;
        c->left = 0;
        c->done = 0;
        break;
    case AT_TRAILER: http_complete(c); break;
    case AT_TRAILER_LINE: c->state = AT_TRAILER; break;
    default: http_fail(c, 400); break;
    }
}

/* White space that says nothing, so that it takes no room: before a value or element, at its end where text is full, and
 * all but the first byte of each run (RFC 9110 5.6.3). */
static bool http_is_needless(const struct http_connection *c, char byte)
{
    return http_is_white(byte) && (c->flags & FLAG_QUOTED) == 0 &&
           (c->length == 0 || c->length == HTTP_TEXT_MAX || http_is_white(c->text[c->length - 1]));
}

static void http_byte_in_line(struct http_connection *c, char byte)
{
    bool control = ((uint8_t)byte < 0x20 && byte != '\t') || byte == 0x7F;

    switch (c->state) {
    case AT_START: c->state = AT_METHOD; /* fall through */
    case AT_METHOD:
        if (byte == ' ') {
            http_method_end(c);
        } else if (!http_is_token(byte)) {
            http_fail(c, 400);
        } else {
            http_text_add(c, byte);
        }
        break;
    case AT_TARGET:
        if (byte == ' ') {
            http_target_end(c);
        } else if (control || (uint8_t)byte >= 0x80 || byte == '\t') {
            http_fail(c, 400);
        } else {
            http_text_add(c, byte);
        }
        break;
    case AT_VERSION: http_text_add(c, byte); break;
    case AT_NAME:
        if (byte == ':') {
            http_name_end(c);
        } else if (!http_is_token(byte)) {
            http_fail(c, 400);
        } else {
            http_text_add(c, byte);
        }
        break;
    case AT_VALUE:
        if (control) {
            http_fail(c, 400);
        } else if (byte == ',' && c->header >= HTTP_HEADER_LISTS && (c->flags & FLAG_QUOTED) == 0) {
            http_element_end(c);
        } else if (c->header != HTTP_HEADER_OTHER && !http_is_needless(c, byte)) {
            c->flags ^= byte == '"' ? FLAG_QUOTED : 0;
            http_text_add(c, byte);
        }
        break;
    case AT_CHUNK_SIZE: http_chunk_digit(c, byte); break;
    case AT_CHUNK_EXTENSION: break;
    case AT_TRAILER: c->state = AT_TRAILER_LINE; break;
    case AT_TRAILER_LINE: break;
    default: http_fail(c, 400); break;
    }
}

static void http_byte(struct http_connection *c, char byte)
{
    c->seen++;
    if (c->state <= AT_TARGET && c->seen > HTTP_TARGET_MAX + METHOD_MAX) {
        http_fail(c, c->state == AT_TARGET ? 414 : 400);
        return;
    }
    if (c->state == AT_VERSION && c->seen > HTTP_TARGET_MAX + METHOD_MAX + VERSION_MAX) {
        http_fail(c, 400);
        return;
    }
    if (c->seen > HTTP_HEADERS_MAX) {
        http_fail(c, 431);
        return;
    }
    if (byte == '\n') {
        c->flags &= ~(uint32_t)FLAG_CR;
        http_line_end(c);
    } else if ((c->flags & FLAG_CR) != 0) {
        http_fail(c, 400);
    } else if (byte == '\r') {
        c->flags |= FLAG_CR;
    } else {
        http_byte_in_line(c, byte);
    }
}

/* How many bytes at the front need no thought: the middle of a target, a header's name, or a value. They are
 * taken at once; whatever is left out here, http_byte does. */
static size_t http_plain_take(struct http_connection *c, const char *bytes, size_t length)
{
    bool value = c->state == AT_VALUE, skip = value && c->header == HTTP_HEADER_OTHER;
    size_t room = c->state <= AT_VERSION ? HTTP_TARGET_MAX : HTTP_HEADERS_MAX, at = 0;
    uint8_t lowest = skip ? ' ' : '!'; /* a space in a value may be one too many */

    if ((c->state != AT_NAME && c->state != AT_TARGET && c->state != AT_VERSION && !value) ||
        (c->flags & FLAG_CR) != 0 || c->seen >= room) {
        return 0;
    }
    room -= c->seen;
    if (!skip && room > (size_t)(HTTP_TEXT_MAX - c->length)) {
        room = (size_t)(HTTP_TEXT_MAX - c->length);
    }
    length = length < room ? length : room;
    if (value && c->header >= HTTP_HEADER_LISTS) {
        while (at < length && (uint8_t)((uint8_t)bytes[at] - '!') < 0x7F - '!' && bytes[at] != ',' &&
               bytes[at] != '"') {
            at++;
        }
    } else if (c->state == AT_NAME) {
        while (at < length && ((uint8_t)(((uint8_t)bytes[at] | 0x20) - 'a') < 26 || bytes[at] == '-')) {
            at++;
        }
    } else {
        while (at < length && (uint8_t)((uint8_t)bytes[at] - lowest) < 0x7F - lowest) {
            at++;
        }
    }
    if (!skip) {
        memcpy(c->text + c->length, bytes, at);
        c->length = (uint8_t)(c->length + at);
    }
    c->seen += (uint32_t)at;
    return at;
}

size_t http_input(struct http_connection *c, const char *bytes, size_t length)
{
    size_t at = 0;

    while (at < length && c->state < AT_ANSWER) {
        if (c->state == AT_BODY || c->state == AT_CHUNK_DATA) {
            at += http_body_take(c, bytes + at, length - at);
        } else {
            at += http_plain_take(c, bytes + at, length - at);
            if (at < length) {
                http_byte(c, bytes[at++]);
            }
        }
    }
    return at;
}

/* ---- Life ---- */

bool http_idle(const struct http_connection *c)
{
    return c->state == AT_START; /* an empty line begins no request */
}

bool http_answering(const struct http_connection *c)
{
    return c->state == AT_ANSWER;
}

bool http_closing(const struct http_connection *c)
{
    return c->state == AT_CLOSED;
}

bool http_broken(const struct http_connection *c)
{
    return (c->flags & FLAG_BROKEN) != 0;
}

void http_close(struct http_connection *c)
{
    c->flags |= FLAG_CLOSE;
}

void http_expire(struct http_connection *c)
{
    if (c->state < AT_ANSWER) {
        c->status = 0;
        http_fail(c, 408);
    }
}
