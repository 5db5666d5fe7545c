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
#include "net/http.h"

#include <string.h>

_Static_assert(HTTP_TEXT_MAX <= 255, "length is one byte");
_Static_assert(HTTP_PART_MAX + 16 <= HTTP_SCRATCH_MAX, "a chunk's frame needs 12 bytes");

enum state {
    AT_START,
    AT_METHOD,
    AT_TARGET,
    AT_VERSION,
    AT_NAME,
    AT_VALUE,
    AT_BODY,
    AT_CHUNK_SIZE,
    AT_CHUNK_EXTENSION,
    AT_CHUNK_DATA,
    AT_CHUNK_END,
    AT_TRAILER,
    AT_TRAILER_LINE,
    AT_ANSWER, /* from here on nothing is consumed */
    AT_CLOSED,
};

enum output { OUT_NONE, OUT_HEAD, OUT_RESOURCE, OUT_PARTS };

enum flag {
    FLAG_CR = 1 << 0,       /* the last byte was a CR */
    FLAG_OVERFLOW = 1 << 1, /* text was too small for what came */
    FLAG_HTTP10 = 1 << 2,
    FLAG_CLOSE = 1 << 3,
    FLAG_HAS_LENGTH = 1 << 4,
    FLAG_CHUNKED = 1 << 5,
    FLAG_EXPECT = 1 << 6,   /* wants 100 Continue */
    FLAG_CONTINUE = 1 << 7, /* and is to get it */
    FLAG_MATCH = 1 << 8,    /* If-None-Match matched */
    FLAG_X_PLUGNET = 1 << 9,
    FLAG_FOREIGN = 1 << 10, /* Origin is nobody we know */
    FLAG_MISDIRECTED = 1 << 11,
    FLAG_LAST_PART = 1 << 12,
    FLAG_HOST = 1 << 13, /* a Host header came */
};

static void http_reset(struct http_connection *c)
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

/* The answer is decided: `status` unless something was decided before. */
static void http_answer(struct http_connection *c, uint16_t status)
{
    if (c->status == 0) {
        c->status = status;
    }
    if (c->status >= 400) {
        c->stats->errors++;
    }
    c->flags &= (uint16_t)~FLAG_CONTINUE;
    c->part = 0;
    c->sent = 0;
    c->state = AT_ANSWER;
    c->output = OUT_HEAD;
}

/* A request that can't be read to its end: answer and close. */
static void http_fail(struct http_connection *c, uint16_t status)
{
    c->flags |= FLAG_CLOSE;
    http_answer(c, status);
}

static void http_text_add(struct http_connection *c, char byte)
{
    if (c->length < HTTP_TEXT_MAX) {
        c->text[c->length++] = byte;
    } else {
        c->flags |= FLAG_OVERFLOW;
    }
}

static void http_text_clear(struct http_connection *c)
{
    c->length = 0;
    c->flags &= (uint16_t)~FLAG_OVERFLOW;
}

/* ---- Hosts ---- */

static uint32_t http_hash(const char *text, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];
        byte = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
        hash = (hash ^ byte) * 16777619u;
    }
    return hash | 1; /* 0 says "none" */
}

static bool http_host_known(const struct http_config *config, const char *authority, size_t length)
{
    static const char *const local[] = {"localhost", "127.0.0.1", "[::1]", NULL};
    size_t host = http_host_length(authority, length);

    if (host == 0) {
        return false;
    }
    for (const char *const *name = local; *name != NULL; name++) {
        if (text_equal_nocase(authority, host, *name)) {
            return true;
        }
    }
    for (const char *const *name = config->hosts; name != NULL && *name != NULL; name++) {
        if (text_equal_nocase(authority, host, *name)) {
            return true;
        }
    }
    return false;
}

static void http_host_take(struct http_connection *c, const char *authority, size_t length)
{
    c->host_hash = http_hash(authority, length);
    if ((c->flags & FLAG_OVERFLOW) != 0 || !http_host_known(c->config, authority, length)) {
        c->flags |= FLAG_MISDIRECTED;
    }
}

static void http_origin_take(struct http_connection *c)
{
    static const char scheme[] = "http://";
    size_t skip = sizeof scheme - 1;
    uint32_t hash;

    if ((c->flags & FLAG_OVERFLOW) != 0 || c->length <= skip || memcmp(c->text, scheme, skip) != 0 ||
        !http_host_known(c->config, c->text + skip, c->length - skip)) {
        c->flags |= FLAG_FOREIGN;
        return;
    }
    hash = http_hash(c->text + skip, c->length - skip);
    if (c->origin_hash != 0 && c->origin_hash != hash) {
        c->flags |= FLAG_FOREIGN;
    }
    c->origin_hash = hash;
}

/* ---- Request line ---- */

static void http_method_end(struct http_connection *c)
{
    c->method = http_method_parse(c->text, c->length);
    if (c->method == 0) {
        http_fail(c, c->length == 0 ? 400 : 501);
        return;
    }
    c->state = AT_TARGET;
    http_text_clear(c);
}

/* strncmp that also wants the end, without a call for each: most differ in their second character. */
static bool http_path_equal(const char *ours, const char *path, size_t length)
{
    size_t i = 0;

    while (i < length && ours[i] == path[i]) {
        i++; /* path has no zero in it, so this ends with ours */
    }
    return i == length && ours[i] == 0;
}

/* Find what `path` names. */
static void http_path_find(struct http_connection *c, const char *path, size_t length)
{
    const struct http_config *config = c->config;

    for (size_t i = 0; i < config->resource_count; i++) {
        const struct http_resource *resource = &config->resources[i];
        if (http_path_equal(resource->path, path, length)) {
            c->resource = resource;
            return;
        }
    }
    for (size_t i = 0; i < config->route_count; i++) {
        const struct http_route *route = &config->routes[i];
        if (http_path_equal(route->path, path, length)) {
            c->route = route;
            return;
        }
    }
}

/* The target is there: "/path?query", "http://host/path?query", or "*". */
static void http_target_end(struct http_connection *c)
{
    static const char scheme[] = "http://";
    size_t skip = sizeof scheme - 1, length = c->length;
    char *path = c->text;
    char *query;
    int decoded;

    if (length > skip && memcmp(path, scheme, skip) == 0) {
        char *slash = memchr(path + skip, '/', length - skip);
        size_t authority = (size_t)((slash != NULL ? slash : path + length) - path) - skip;
        http_host_take(c, path + skip, authority);
        path = slash != NULL ? slash : path + length;
        length -= (size_t)(path - c->text);
    } else if (length == 0 || (*path != '/' && (length != 1 || *path != '*'))) {
        http_fail(c, 400);
        return;
    }
    query = memchr(path, '?', length);
    if (query != NULL) {
        length = (size_t)(query - path);
        c->flags &= (uint16_t)~FLAG_OVERFLOW; /* the path is all there */
    }
    if ((c->flags & FLAG_OVERFLOW) == 0) {
        decoded = http_percent_decode(path, length);
        if (decoded < 0) {
            http_fail(c, 400);
            return;
        }
        http_path_find(c, length == 0 ? "/" : path, length == 0 ? 1 : (size_t)decoded);
    }
    c->state = AT_VERSION;
    http_text_clear(c);
}

static void http_version_end(struct http_connection *c)
{
    const char *t = c->text;

    if (c->length != 8 || memcmp(t, "HTTP/", 5) != 0 || t[5] < '0' || t[5] > '9' || t[6] != '.' ||
        t[7] < '0' || t[7] > '9') {
        http_fail(c, 400);
        return;
    }
    if (t[5] != '1') {
        http_fail(c, 505);
        return;
    }
    if (t[7] == '0') {
        c->flags |= FLAG_HTTP10 | FLAG_CLOSE;
    }
    c->seen = 0; /* counts header bytes from here */
    c->state = AT_NAME;
    http_text_clear(c);
}

/* ---- Headers ---- */

static void http_name_end(struct http_connection *c)
{
    if (c->length == 0) {
        http_fail(c, 400);
        return;
    }
    c->header = (c->flags & FLAG_OVERFLOW) != 0 ? HTTP_HEADER_OTHER : http_header_parse(c->text, c->length);
    c->state = AT_VALUE;
    http_text_clear(c);
}

static void http_content_length_take(struct http_connection *c)
{
    uint32_t value;

    if ((c->flags & FLAG_OVERFLOW) != 0 || !http_number_parse(c->text, c->length, &value) ||
        ((c->flags & FLAG_HAS_LENGTH) != 0 && value != c->left)) {
        http_fail(c, 400);
        return;
    }
    c->left = value;
    c->flags |= FLAG_HAS_LENGTH;
}

static void http_etag_take(struct http_connection *c)
{
    const char *etag = c->resource != NULL ? c->resource->etag : NULL;
    size_t length = etag != NULL ? strlen(etag) : 0;

    if (c->length == 1 && c->text[0] == '*') {
        c->flags |= FLAG_MATCH;
    }
    for (size_t i = 0; length > 0 && i + length <= c->length; i++) {
        if (memcmp(c->text + i, etag, length) == 0) {
            c->flags |= FLAG_MATCH;
        }
    }
}

/* A header's value is complete. */
static void http_header_take(struct http_connection *c)
{
    switch (c->header) {
    case HTTP_HEADER_HOST:
        if ((c->flags & FLAG_HOST) != 0) {
            http_fail(c, 400);
            return;
        }
        c->flags |= FLAG_HOST;
        if (c->host_hash == 0) { /* else the target named it */
            http_host_take(c, c->text, c->length);
        }
        break;
    case HTTP_HEADER_ORIGIN: http_origin_take(c); break;
    case HTTP_HEADER_CONTENT_LENGTH: http_content_length_take(c); break;
    case HTTP_HEADER_TRANSFER_ENCODING:
        if ((c->flags & FLAG_CHUNKED) != 0 || !text_equal_nocase(c->text, c->length, "chunked")) {
            http_fail(c, 501);
            return;
        }
        c->flags |= FLAG_CHUNKED;
        break;
    case HTTP_HEADER_CONNECTION:
        if ((c->flags & FLAG_OVERFLOW) != 0 || http_list_has(c->text, c->length, "close")) {
            c->flags |= FLAG_CLOSE;
        }
        break;
    case HTTP_HEADER_EXPECT:
        if (!text_equal_nocase(c->text, c->length, "100-continue")) {
            c->status = 417;
        }
        c->flags |= FLAG_EXPECT;
        break;
    case HTTP_HEADER_IF_NONE_MATCH: http_etag_take(c); break;
    case HTTP_HEADER_X_PLUGNET:
        if (c->length == 1 && c->text[0] == '1') {
            c->flags |= FLAG_X_PLUGNET;
        }
        break;
    default: break;
    }
}

static void http_value_end(struct http_connection *c)
{
    while (c->length > 0 && (c->text[c->length - 1] == ' ' || c->text[c->length - 1] == '\t')) {
        c->length--;
    }
    http_header_take(c);
    if (c->state != AT_VALUE) {
        return;
    }
    if (++c->header_count > HTTP_HEADER_COUNT_MAX) {
        http_fail(c, 431);
        return;
    }
    c->state = AT_NAME;
    http_text_clear(c);
}

/* ---- Deciding ---- */

static uint8_t http_methods_allowed(const struct http_connection *c)
{
    uint8_t methods = 0;

    if (c->resource != NULL || (c->route != NULL && c->route->part != NULL && c->route->post == NULL)) {
        methods = HTTP_GET | HTTP_HEAD;
    } else if (c->route != NULL) {
        methods = (uint8_t)(HTTP_POST | (c->route->part != NULL ? HTTP_GET | HTTP_HEAD : 0));
    }
    return methods;
}

/* What can be said after the headers. 0: the request is welcome. */
static uint16_t http_decide(const struct http_connection *c)
{
    bool foreign = (c->flags & FLAG_FOREIGN) != 0 || (c->origin_hash != 0 && c->origin_hash != c->host_hash);

    if (c->status != 0) {
        return c->status;
    }
    if ((c->flags & (FLAG_HOST | FLAG_HTTP10)) == 0) {
        return 400;
    }
    if ((c->flags & FLAG_CHUNKED) != 0 && (c->flags & (FLAG_HAS_LENGTH | FLAG_HTTP10)) != 0) {
        return 400; /* two opinions on where the request ends */
    }
    if ((c->flags & FLAG_MISDIRECTED) != 0) {
        return 421;
    }
    if (c->resource == NULL && c->route == NULL) {
        return 404;
    }
    if ((http_methods_allowed(c) & c->method) == 0) {
        return 405;
    }
    if (c->method == HTTP_POST && (foreign || (c->flags & FLAG_X_PLUGNET) == 0)) {
        return 403;
    }
    return 0;
}

/* The whole request is there. */
static void http_complete(struct http_connection *c)
{
    uint16_t status = c->status;

    c->stats->requests++;
    if (status == 0 && c->method == HTTP_POST) {
        status = c->route->post(c->config->context, c->text, c->length);
    } else if (status == 0) {
        status = c->resource != NULL && (c->flags & FLAG_MATCH) != 0 ? 304 : 200;
    }
    http_answer(c, status);
}

static void http_headers_end(struct http_connection *c)
{
    bool chunked = (c->flags & FLAG_CHUNKED) != 0;
    bool body = chunked || c->left > 0;

    c->status = http_decide(c);
    if (c->status == 400) {
        http_fail(c, 400);
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
        c->part = 0; /* counts digits */
    }
}

/* ---- Body ---- */

static void http_chunk_digit(struct http_connection *c, char byte)
{
    char lower = (char)(byte | 0x20);
    int digit = byte >= '0' && byte <= '9'     ? byte - '0'
                : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                               : -1;

    if (digit < 0 && c->part > 0 && (byte == ';' || byte == ' ' || byte == '\t')) {
        c->state = AT_CHUNK_EXTENSION;
    } else if (digit < 0 || c->part == 8) {
        http_fail(c, 400);
    } else {
        c->left = c->left << 4 | (uint32_t)digit;
        c->part++;
    }
}

static void http_chunk_size_end(struct http_connection *c)
{
    if (c->part == 0) {
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
    c->flags &= (uint16_t)~FLAG_CONTINUE; /* it didn't wait */
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
        c->part = 0;
        break;
    case AT_TRAILER: http_complete(c); break;
    case AT_TRAILER_LINE: c->state = AT_TRAILER; break;
    default: http_fail(c, 400); break;
    }
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
        } else if (c->header != HTTP_HEADER_OTHER && (c->length > 0 || (byte != ' ' && byte != '\t'))) {
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
    if (c->state <= AT_VERSION && c->seen > HTTP_TARGET_MAX + 32) {
        http_fail(c, c->state == AT_TARGET ? 414 : 400);
        return;
    }
    if (c->seen > HTTP_HEADERS_MAX) {
        http_fail(c, 431);
        return;
    }
    if (byte == '\n') {
        c->flags &= (uint16_t)~FLAG_CR;
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
    uint8_t lowest = value ? ' ' : '!';

    if ((c->state != AT_NAME && c->state != AT_TARGET && c->state != AT_VERSION && !value) ||
        (c->flags & FLAG_CR) != 0 || c->seen >= room ||
        (value && !skip && c->length == 0 && (*bytes == ' ' || *bytes == '\t'))) {
        return 0;
    }
    room -= c->seen;
    if (!skip && room > (size_t)(HTTP_TEXT_MAX - c->length)) {
        room = (size_t)(HTTP_TEXT_MAX - c->length);
    }
    length = length < room ? length : room;
    if (c->state == AT_NAME) {
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
    c->seen = (uint16_t)(c->seen + at);
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

/* ---- Output ---- */

static void http_head_allow(const struct http_connection *c, struct text *t)
{
    uint8_t methods = http_methods_allowed(c);

    TEXT_PUT(t, "Allow: ");
    if ((methods & HTTP_GET) == 0) {
        TEXT_PUT(t, "POST\r\n");
    } else if ((methods & HTTP_POST) == 0) {
        TEXT_PUT(t, "GET, HEAD\r\n");
    } else {
        TEXT_PUT(t, "GET, HEAD, POST\r\n");
    }
}

static void http_head_resource(const struct http_connection *c, struct text *t)
{
    const struct http_resource *r = c->resource;

    if (r->etag != NULL) {
        TEXT_PUT(t, "ETag: ");
        text_put(t, r->etag);
        TEXT_PUT(t, "\r\n");
    }
    TEXT_PUT(t, "Cache-Control: no-cache\r\n"); /* may be kept, must be asked for: the ETag answers */
    if (c->status == 304) {
        return;
    }
    TEXT_PUT(t, "Content-Type: ");
    text_put(t, r->type);
    if (r->gzip) {
        TEXT_PUT(t, "\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding");
    }
    TEXT_PUT(t, "\r\nContent-Length: ");
    text_put_u32(t, r->length);
    TEXT_PUT(t, "\r\n");
    if (r->headers != NULL) {
        text_put(t, r->headers);
    }
}

static void http_head_route(const struct http_connection *c, struct text *t)
{
    TEXT_PUT(t, "Content-Type: ");
    text_put(t, c->route->type);
    TEXT_PUT(t, "\r\nCache-Control: no-store\r\n");
    if ((c->flags & FLAG_HTTP10) == 0) {
        TEXT_PUT(t, "Transfer-Encoding: chunked\r\n");
    }
}

/* The body is `part`'s text. */
static bool http_has_parts(const struct http_connection *c)
{
    return c->status == 200 && c->route != NULL && c->route->part != NULL;
}

static bool http_has_resource(const struct http_connection *c)
{
    return c->status == 200 && c->resource != NULL;
}

static void http_head(const struct http_connection *c, struct text *t)
{
    const char *name = http_status_text(c->status);

    TEXT_PUT(t, "HTTP/1.1 ");
    text_put_u32(t, c->status);
    TEXT_PUT(t, " ");
    text_put(t, name);
    TEXT_PUT(t, "\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n");
    if ((c->flags & FLAG_CLOSE) != 0) {
        TEXT_PUT(t, "Connection: close\r\n");
    }
    if (c->status == 405) {
        http_head_allow(c, t);
    }
    if (http_has_resource(c) || (c->status == 304 && c->resource != NULL)) {
        http_head_resource(c, t);
    } else if (http_has_parts(c)) {
        http_head_route(c, t);
    } else if (c->status != 204 && c->status != 304) {
        TEXT_PUT(t, "Content-Type: text/plain\r\nContent-Length: ");
        text_put_u32(t, (uint32_t)strlen(name) + 1);
        TEXT_PUT(t, "\r\n\r\n");
        if (c->method != HTTP_HEAD) {
            text_put(t, name);
            TEXT_PUT(t, "\n");
        }
        return;
    }
    TEXT_PUT(t, "\r\n");
}

/* The next part of a route's text as a chunk, the last one with the end behind it. */
static void http_part(struct http_connection *c, char *scratch, struct http_piece *piece)
{
    bool framed = (c->flags & FLAG_HTTP10) == 0;
    struct text body = text_over(scratch + 5, HTTP_PART_MAX);
    struct text head = text_over(scratch, 5);
    struct text tail;
    bool more;

    do {
        more = c->route->part(c->config->context, c->part, &body);
    } while (more && body.length == 0 && ++c->part < UINT16_MAX);
    if (body.overflow) {
        c->stats->errors++; /* a route of ours put too much into one part */
    }
    c->flags = (uint16_t)(more ? c->flags & ~FLAG_LAST_PART : c->flags | FLAG_LAST_PART);
    piece->bytes = body.bytes;
    piece->length = body.length;
    if (!framed) {
        return;
    }
    tail = text_over(body.bytes + body.length, 7);
    if (body.length > 0) {
        text_put_hex(&head, (uint32_t)body.length, 3);
        TEXT_PUT(&head, "\r\n");
        TEXT_PUT(&tail, "\r\n");
        piece->bytes = scratch;
        piece->length += head.length;
    }
    if (!more) {
        TEXT_PUT(&tail, "0\r\n\r\n");
    }
    piece->length += tail.length;
}

bool http_output(struct http_connection *c, char *scratch, struct http_piece *piece)
{
    struct text t = text_over(scratch, HTTP_SCRATCH_MAX);

    *piece = (struct http_piece){scratch, 0, false};
    if ((c->flags & FLAG_CONTINUE) != 0 && c->state < AT_ANSWER) {
        TEXT_PUT(&t, "HTTP/1.1 100 Continue\r\n\r\n");
        piece->length = t.length;
        return true;
    }
    switch (c->output) {
    case OUT_HEAD:
        http_head(c, &t);
        piece->length = t.length;
        return true;
    case OUT_RESOURCE:
        piece->bytes = (const char *)c->resource->body + c->sent;
        piece->length = c->resource->length - c->sent;
        piece->lasting = true;
        return true;
    case OUT_PARTS: http_part(c, scratch, piece); return true;
    default: return false;
    }
}

/* The whole answer has been taken. */
static void http_output_end(struct http_connection *c)
{
    if ((c->flags & FLAG_CLOSE) != 0) {
        c->state = AT_CLOSED;
        c->output = OUT_NONE;
    } else {
        http_reset(c);
    }
}

void http_output_taken(struct http_connection *c, size_t length)
{
    if ((c->flags & FLAG_CONTINUE) != 0 && c->state < AT_ANSWER) {
        c->flags &= (uint16_t)~FLAG_CONTINUE;
        return;
    }
    switch (c->output) {
    case OUT_HEAD:
        if (c->method != HTTP_HEAD && http_has_resource(c) && c->resource->length > 0) {
            c->output = OUT_RESOURCE;
        } else if (c->method != HTTP_HEAD && http_has_parts(c)) {
            c->output = OUT_PARTS;
        } else {
            http_output_end(c);
        }
        break;
    case OUT_RESOURCE:
        c->sent += (uint32_t)length;
        if (c->sent >= c->resource->length) {
            http_output_end(c);
        }
        break;
    case OUT_PARTS:
        c->part++;
        if ((c->flags & FLAG_LAST_PART) != 0) {
            http_output_end(c);
        }
        break;
    default: break;
    }
}

bool http_idle(const struct http_connection *c)
{
    return c->state == AT_START && c->seen == 0;
}

bool http_answering(const struct http_connection *c)
{
    return c->state == AT_ANSWER;
}

bool http_closing(const struct http_connection *c)
{
    return c->state == AT_CLOSED;
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
