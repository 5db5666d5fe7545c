/*
 * The HTTP server's engine: bytes, lines, bodies, and a connection's life; see http_engine.h.
 *
 *   START ─→ METHOD ─→ TARGET ─→ VERSION ─→ NAME ⇄ VALUE ─→ CHECK ─→ BODY ────────────────→ LATER ─→ ANSWER
 *                                                             └→ CHUNK_SIZE ─→ DATA … ─→ TRAILER ↗      ↓
 *   any error ─→ ANSWER, then CLOSED                                       START again, UPGRADED or CLOSED
 *
 * One small text buffer serves, one after the other, the target, a header's name, and its value.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_private.h"

#include <string.h>

#define METHOD_MAX  9  /* bytes, with its space */
#define VERSION_MAX 32 /* bytes, with what is around it */

_Static_assert(HTTP_TEXT_MAX >= 40 && HTTP_TEXT_MAX <= 255, "HTTP_TEXT_MAX: its length is one byte");
_Static_assert(HTTP_TARGET_MAX >= HTTP_TEXT_MAX,
               "HTTP_TARGET_MAX: a line that is read at once may be so long");
_Static_assert(HTTP_KEEP_MAX >= 4 && HTTP_KEEP_MAX <= 255, "HTTP_KEEP_MAX: its length is one byte");
_Static_assert(HTTP_STATE_MAX >= 4 && HTTP_STATE_MAX % 4 == 0, "HTTP_STATE_MAX: a multiple of 4, at least 4");

void http_end(struct http_request *r)
{
    if ((r->flags & FLAG_BEGUN) != 0) {
        r->flags &= ~(uint32_t)FLAG_BEGUN;
        if (http_upgrade_of(r) != NULL) {
            http_upgrade_of(r)->gone(r);
        }
        if (http_route_of(r)->gone != NULL) {
            http_route_of(r)->gone(r);
        }
    }
}

void http_begin(struct http_request *r, struct http_site *site, uint32_t remote)
{
    /* keep and text say how much of them there is; site and woken may be looked at by http_wake just now. */
    memset(&r->state, 0, offsetof(struct http_request, site) - offsetof(struct http_request, state));
    if (r->site != site) {
        r->site = site;
    }
    r->remote = remote;
}

void http_reset(struct http_request *r)
{
    http_end(r);
    http_begin(r, r->site, r->remote);
}

/* ---- Body ---- */

/* The route is asked first: it may refuse before a body comes. */
static void http_route_begin(struct http_request *r)
{
    if (r->status != 0 || http_route_of(r) == NULL) {
        return;
    }
    r->flags |= FLAG_BEGUN;
    memset(r->state_words, 0, sizeof r->state_words);
    if (http_route_of(r)->begin != NULL) {
        uint16_t status = http_route_of(r)->begin(r);
        r->status = r->status != 0 ? r->status : status;
    }
}

static bool http_takes_bodies(const struct http_request *r)
{
#if HTTP_BODIES
    return http_route_of(r) != NULL && http_route_of(r)->body != NULL;
#else
    (void)r;
    return false;
#endif
}

/* The check has let it through, or there is none. */
static void http_headers_done(struct http_request *r)
{
    bool chunked = (r->flags & FLAG_CHUNKED) != 0;
    bool body = chunked || r->left > 0;

    if (http_route_of(r) != NULL) {
        r->body_length = chunked ? UINT32_MAX : r->left;
    }
    if (body && r->status == 0 && (!http_takes_bodies(r) || r->left == UINT32_MAX)) {
        r->status = 413;
    }
    http_route_begin(r);
    if (!body) {
        http_complete(r);
        return;
    }
    if (!HTTP_BODIES ||
        (r->status != 0 && ((r->flags & FLAG_EXPECT) != 0 || (!chunked && r->left > HTTP_DISCARD_MAX)))) {
        http_fail(r, r->status);
        return;
    }
    r->seen = 0; /* counts what nobody takes */
    r->flags |= (r->flags & FLAG_EXPECT) != 0 ? FLAG_CONTINUE : 0;
    r->state = chunked ? AT_CHUNK_SIZE : AT_BODY;
    if (chunked) {
        r->left = 0;
        r->done = 0; /* counts digits */
    }
}

static bool http_has_check(const struct http_request *r)
{
    return HTTP_CHECK && r->site->config->check != NULL;
}

static void http_headers_end(struct http_request *r)
{
    r->status = http_decide(r);
    if (r->status == 400 || (r->flags & FLAG_CODED) != 0) {
        http_fail(r, r->status); /* where the request ends, or what it says, nobody knows */
        return;
    }
    http_text_clear(r);
    if (http_has_check(r) && r->status != 421 && r->status != 501) {
        if (r->method == HTTP_OPTIONS && r->origin != 0 && (r->flags2 & FLAG2_PREFLIGHT) != 0) {
            r->flags2 |= FLAG2_SERVER; /* it has no credentials, and is told the same of each path */
            r->status = 204;
            http_headers_done(r);
            return;
        }
        r->state = AT_CHECK;
        return;
    }
    http_headers_done(r);
}

bool http_checking(const struct http_request *r)
{
    return HTTP_CHECK && r->state == AT_CHECK;
}

bool http_check(struct http_request *r)
{
    uint16_t status = (r->flags2 & FLAG2_UNCHECKED) != 0 ? 431 : r->site->config->check(r);

    if (status != 0) {
        r->status = status;
        r->site->stats.denied++;
        if (status == 401) {
            r->flags2 |= FLAG2_DENIED;
        }
    }
    http_headers_done(r);
    return status != 401;
}

#if HTTP_BODIES
static void http_chunk_digit(struct http_request *r, char byte)
{
    char lower = (char)(byte | 0x20);
    int digit = byte >= '0' && byte <= '9'     ? byte - '0'
                : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                               : -1;

    if (digit < 0 && r->done > 0 && (byte == ';' || byte == ' ' || byte == '\t')) {
        r->state = AT_CHUNK_EXTENSION;
    } else if (digit < 0) {
        http_fail(r, 400);
    } else {
        r->left =
            r->left >> 28 != 0 ? UINT32_MAX : r->left << 4 | (uint32_t)digit; /* larger is too large, too */
        r->done++;
    }
}

static void http_chunk_size_end(struct http_request *r)
{
    if (r->done == 0 || r->left == UINT32_MAX) {
        http_fail(r, r->done == 0 ? 400 : 413);
    } else {
        r->state = r->left == 0 ? AT_TRAILER : AT_CHUNK_DATA;
    }
}

static size_t http_body_take(struct http_request *r, const char *bytes, size_t length)
{
    size_t taken = length < r->left ? length : r->left;

    length = taken;
    r->flags &= ~(uint32_t)FLAG_CONTINUE; /* it didn't wait */
    if (r->status == 0) {
        taken = http_route_of(r)->body(r, (const uint8_t *)bytes, length);
    }
    if (r->status != 0) { /* refused, before or now */
        taken = length;
        r->seen += (uint32_t)length;
        if (r->seen > HTTP_DISCARD_MAX || (r->state == AT_BODY && r->left > HTTP_DISCARD_MAX)) {
            http_fail(r, r->status);
            return length;
        }
    }
    if (taken > length) {
        http_break(r, "more taken than there was");
        return length;
    }
    r->left -= (uint32_t)taken;
    if (taken < length) {
        r->flags2 |= FLAG2_HELD;
    } else if (r->left == 0 && r->state == AT_BODY) {
        http_complete(r);
    } else if (r->left == 0) {
        r->state = AT_CHUNK_END;
    }
    return taken;
}

#else
static size_t http_body_take(struct http_request *r, const char *bytes, size_t length)
{
    (void)r, (void)bytes;
    return length;
}
#endif

/* ---- Bytes ---- */

static void http_line_end(struct http_request *r)
{
    switch (r->state) {
    case AT_START: break; /* empty lines before a request are allowed, as many as `seen` lets pass */
    case AT_VERSION: http_version_end(r); break;
    case AT_NAME:
        if (r->length > 0) {
            http_fail(r, 400);
        } else {
            http_headers_end(r);
        }
        break;
    case AT_VALUE: http_value_end(r); break;
#if HTTP_BODIES
    case AT_CHUNK_SIZE:
    case AT_CHUNK_EXTENSION: http_chunk_size_end(r); break;
    case AT_CHUNK_END:
        r->seen = r->status != 0 ? r->seen : 0; /* of a body that is wanted, each chunk's lines count anew */
        r->state = AT_CHUNK_SIZE;
        r->left = 0;
        r->done = 0;
        break;
    case AT_TRAILER: http_complete(r); break;
    case AT_TRAILER_LINE: r->state = AT_TRAILER; break;
#endif
    default: http_fail(r, 400); break;
    }
}

/* White space that says nothing, so that it takes no room: before a value or element, at its end where text is full, and
 * all but the first byte of each run (RFC 9110 5.6.3). */
static bool http_is_needless(const struct http_request *r, char byte)
{
    return http_is_white(byte) && (r->flags & FLAG_QUOTED) == 0 &&
           (r->length == 0 || r->length == HTTP_TEXT_MAX || http_is_white(r->text[r->length - 1]));
}

static void http_byte_in_line(struct http_request *r, char byte)
{
    bool control = ((uint8_t)byte < 0x20 && byte != '\t') || byte == 0x7F;

    switch (r->state) {
    case AT_START: r->state = AT_METHOD; /* fall through */
    case AT_METHOD:
        if (byte == ' ') {
            http_method_end(r);
        } else if (!http_is_token(byte)) {
            http_fail(r, 400);
        } else {
            http_text_add(r, byte);
        }
        break;
    case AT_TARGET:
        if (byte == ' ') {
            http_target_end(r);
        } else if (control || (uint8_t)byte >= 0x80 || byte == '\t') {
            http_fail(r, 400);
        } else {
            http_text_add(r, byte);
        }
        break;
    case AT_VERSION: http_text_add(r, byte); break;
    case AT_NAME:
        if (byte == ':') {
            http_name_end(r);
        } else if (!http_is_token(byte)) {
            http_fail(r, 400);
        } else {
            http_text_add(r, byte);
        }
        break;
    case AT_VALUE:
        if (control) {
            http_fail(r, 400);
        } else if (byte == ',' && r->header >= HTTP_HEADER_LISTS && (r->flags & FLAG_QUOTED) == 0) {
            http_element_end(r);
        } else if (r->header != HTTP_HEADER_OTHER && !http_is_needless(r, byte)) {
            r->flags ^= byte == '"' ? FLAG_QUOTED : 0;
            http_text_add(r, byte);
        }
        break;
#if HTTP_BODIES
    case AT_CHUNK_SIZE: http_chunk_digit(r, byte); break;
    case AT_CHUNK_EXTENSION: break;
    case AT_TRAILER: r->state = AT_TRAILER_LINE; break;
    case AT_TRAILER_LINE: break;
#endif
    default: http_fail(r, 400); break;
    }
}

static void http_byte(struct http_request *r, char byte)
{
    r->seen++;
    if (r->state <= AT_TARGET && r->seen > HTTP_TARGET_MAX + METHOD_MAX) {
        http_fail(r, r->state == AT_TARGET ? 414 : 400);
        return;
    }
    if (r->state == AT_VERSION && r->seen > HTTP_TARGET_MAX + METHOD_MAX + VERSION_MAX) {
        http_fail(r, 400);
        return;
    }
    if (r->seen > HTTP_HEADERS_MAX) {
        http_fail(r, 431);
        return;
    }
    if (byte == '\n') {
        r->flags &= ~(uint32_t)FLAG_CR;
        http_line_end(r);
    } else if ((r->flags & FLAG_CR) != 0) {
        http_fail(r, 400);
    } else if (byte == '\r') {
        r->flags |= FLAG_CR;
    } else {
        http_byte_in_line(r, byte);
    }
}

/* The bytes at the front of a value that means nothing; whatever is left out here, http_byte does. */
static size_t http_value_skip(struct http_request *r, const char *bytes, size_t length)
{
    if (r->state != AT_VALUE || r->header != HTTP_HEADER_OTHER || (r->flags & FLAG_CR) != 0 ||
        length > HTTP_HEADERS_MAX - r->seen) {
        return 0;
    }
    length = http_plain_length(bytes, length);
    r->seen += (uint32_t)length;
    return length;
}

/* ---- Lines that are there as a whole, as most are: their texts at once ---- */

/* All that is before `delimiter`, at most HTTP_TEXT_MAX bytes, and that itself; '\n' is the line's end. */
__attribute__((noinline)) static void http_text_take(struct http_request *r, const char *bytes, size_t length,
                                                     char delimiter)
{
    memcpy(r->text, bytes, length);
    r->length = (uint8_t)length;
    if (delimiter == '\n') {
        http_line_end(r);
    } else {
        http_byte_in_line(r, delimiter);
    }
}

/* "GET /path HTTP/1.1". Returns the bytes taken; 0: it is another line. */
static size_t http_request_line_take(struct http_request *r, const char *line, size_t length)
{
    static const char begin[] = "GET ", end[] = " HTTP/1.1\r\n";
    const char *target = line + sizeof begin - 1;
    size_t target_length;

    if (length < sizeof begin + sizeof end || memcmp(line, begin, sizeof begin - 1) != 0) {
        return 0;
    }
    length -= sizeof begin + sizeof end - 2;
    target_length = http_dense_length(target, length);
    if (target_length > HTTP_TEXT_MAX || memcmp(target + target_length, end, sizeof end - 1) != 0) {
        return 0;
    }
    r->method = HTTP_GET;
    r->state = AT_TARGET;
    http_text_take(r, target, target_length, ' ');
    if (r->state != AT_VERSION) {
        return sizeof begin + target_length;
    }
    r->seen = 0;
    r->state = AT_NAME;
    return sizeof begin + sizeof end - 2 + target_length;
}

/* A value of `length` plain bytes, and its line's end. Returns how many were taken: all, or up to where spaces or quotes mean
 * something. */
static size_t http_value_take(struct http_request *r, const char *value, size_t length)
{
    size_t at = 0, element;
    bool last;

    do {
        while (at < length && value[at] == ' ') {
            at++;
        }
        element = http_dense_length(value + at, length - at);
        last = at + element == length;
        if (element > HTTP_TEXT_MAX ||
            (!last && (value[at + element] != ',' || r->header < HTTP_HEADER_LISTS))) {
            return at;
        }
        http_text_take(r, value + at, element, last ? '\n' : ',');
        at += element + 1;
    } while (!last);
    return length + 2;
}

/* "Name: value". Returns the bytes taken; 0: it must go byte by byte. */
static size_t http_header_line_take(struct http_request *r, const char *line, size_t length)
{
    size_t name = http_name_length(line, length), value = name + 1, end;

    if (name == 0 || name > HTTP_TEXT_MAX || name == length || line[name] != ':') {
        return 0;
    }
    end = value + http_plain_length(line + value, length - value);
    if (end + 2 > length || line[end] != '\r' || line[end + 1] != '\n') {
        return 0;
    }
    http_text_take(r, line, name, ':');
    if (r->header == HTTP_HEADER_OTHER) {
        r->state = AT_NAME;
        end += 2;
    } else {
        end = value + http_value_take(r, line + value, end - value);
    }
    r->seen += (uint32_t)end;
    return end;
}

static size_t http_line_take(struct http_request *r, const char *line, size_t length)
{
    if (!HTTP_QUICK || (r->flags & FLAG_CR) != 0 || r->length > 0) {
        return 0;
    }
    if (r->state == AT_START && r->seen == 0) {
        return http_request_line_take(r, line, length);
    }
    return r->state == AT_NAME && length <= HTTP_HEADERS_MAX - r->seen
               ? http_header_line_take(r, line, length)
               : 0;
}

size_t http_input(struct http_request *r, char *bytes, size_t length)
{
    size_t at = 0;

    while (at < length && r->state < AT_CHECK) {
        if (HTTP_BODIES + HTTP_UPGRADES > 0 &&
            (r->state == AT_BODY || r->state == AT_CHUNK_DATA || r->state == AT_UPGRADED)) {
            at += HTTP_UPGRADES && r->state == AT_UPGRADED ? http_upgraded_take(r, bytes + at, length - at)
                                                           : http_body_take(r, bytes + at, length - at);
            if (http_held(r)) {
                break;
            }
        } else {
            size_t line = http_line_take(r, bytes + at, length - at);
            at += line != 0 ? line : http_value_skip(r, bytes + at, length - at);
            if (line == 0 && at < length) {
                http_byte(r, bytes[at++]);
            }
        }
    }
    return at;
}

/* ---- Life ---- */

bool http_idle(const struct http_request *r)
{
    return r->state == AT_START; /* an empty line begins no request */
}

bool http_answering(const struct http_request *r)
{
    return r->state == AT_ANSWER || r->state == AT_LATER || r->state == AT_CHECK;
}

bool http_upgraded(const struct http_request *r)
{
    return HTTP_UPGRADES && r->state == AT_UPGRADED;
}

bool http_leaving(const struct http_request *r)
{
    return http_upgraded(r) && http_upgrade_of(r)->leaving(r);
}

bool http_waiting(const struct http_request *r)
{
    return (r->flags & FLAG_WAITING) != 0;
}

bool http_held(const struct http_request *r)
{
    return (r->flags2 & FLAG2_HELD) != 0;
}

void http_resume(struct http_request *r)
{
    r->flags &= ~(uint32_t)FLAG_WAITING;
    r->flags2 &= ~(uint32_t)FLAG2_HELD;
    if (HTTP_ROUTES && r->state == AT_LATER) {
        http_complete(r);
    }
}

bool http_closing(const struct http_request *r)
{
    return r->state == AT_CLOSED;
}

bool http_broken(const struct http_request *r)
{
    return (r->flags & FLAG_BROKEN) != 0;
}

/* The other protocol is over, said or not. */
static void http_upgraded_end(struct http_request *r)
{
    r->state = AT_CLOSED;
    r->output = OUT_NONE;
    http_end(r);
}

void http_close(struct http_request *r)
{
    r->flags |= FLAG_CLOSE;
    if (http_upgraded(r)) {
        http_upgraded_end(r); /* it can't go on with bytes missing */
    }
}

void http_expire(struct http_request *r)
{
    if (r->state < AT_UPGRADED) {
        r->status = 0;
        http_fail(r, 408);
    } else if (http_upgraded(r)) {
        http_upgraded_end(r);
    }
}
