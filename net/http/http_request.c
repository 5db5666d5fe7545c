/*
 * What the lines of an HTTP request mean: method, target, version, headers, and the hosts that they name.
 *
 *   GET /path?query HTTP/1.1        → method, resource or route
 *   Host: plugnet.local             → known, or misdirected; kept as a hash, as Origin is, to compare both
 *   Name: value                     → left, flags
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_private.h"

#include <string.h>

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

/* A name of the PC itself, by which forwarded ports are reached; no name server is asked for it (RFC 6761 6.3). */
static bool http_host_is_local(const char *host, size_t length)
{
    static const char name[] = "localhost";
    size_t tail = sizeof name - 1;

    if (length >= tail && (length == tail || host[length - tail - 1] == '.') &&
        text_equal_nocase(host + length - tail, tail, name)) {
        return length != tail + 1;
    }
    return text_equal_nocase(host, length, "127.0.0.1") || http_host_is_loopback6(host, length);
}

static bool http_host_is_ours(const struct http_config *config, const char *host, size_t length)
{
    for (const char *const *name = config->hosts; name != NULL && *name != NULL; name++) {
        if (text_equal_nocase(host, length, *name)) {
            return true;
        }
    }
    return false;
}

/* The hash of a host's name; all spellings of [::1] have the same. */
static uint32_t http_host_hash(const char *host, size_t length)
{
    return http_host_is_loopback6(host, length) ? http_hash("[::1]", 5) : http_hash(host, length);
}

/* The authority of Host, or of the target; `whole` if text had room for it. */
static void http_host_take(struct http_connection *c, const char *authority, size_t length, bool whole)
{
    size_t host = 0;

    if (!whole) {
        c->flags |= FLAG_MISDIRECTED; /* longer than any name of ours */
        return;
    }
    if (!http_authority_parse(authority, length, &host, &c->host_port)) {
        http_fail(c, 400);
        return;
    }
    c->host_hash = http_host_hash(authority, host);
    if (http_host_is_local(authority, host)) {
        c->flags |= FLAG_LOOPBACK;
    } else if (host == 0 || !http_host_is_ours(c->config, authority, host)) {
        c->flags |= FLAG_MISDIRECTED;
    }
}

static const char scheme[] = "http://";
#define SCHEME_LENGTH (sizeof scheme - 1)

static void http_origin_take(struct http_connection *c)
{
    const char *authority = c->text + SCHEME_LENGTH;
    size_t host = 0;
    uint16_t port = 0;
    uint32_t hash;

    if ((c->flags & FLAG_OVERFLOW) != 0 || c->length <= SCHEME_LENGTH ||
        !text_equal_nocase(c->text, SCHEME_LENGTH, scheme) ||
        !http_authority_parse(authority, c->length - SCHEME_LENGTH, &host, &port) ||
        !(http_host_is_local(authority, host) || http_host_is_ours(c->config, authority, host))) {
        c->flags |= FLAG_FOREIGN;
        return;
    }
    hash = http_host_hash(authority, host);
    if (c->origin_hash != 0 && (c->origin_hash != hash || c->origin_port != port)) {
        c->flags |= FLAG_FOREIGN;
    }
    c->origin_hash = hash;
    c->origin_port = port;
}

/* ---- Request line ---- */

void http_method_end(struct http_connection *c)
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

/* "http://host/path?query": take the host. Returns the path's length; fails if it is malformed. */
static size_t http_absolute_take(struct http_connection *c, char **path)
{
    size_t end = SCHEME_LENGTH;
    bool whole;

    while (end < c->length && c->text[end] != '/' && c->text[end] != '?') {
        end++;
    }
    whole = end < c->length || (c->flags & FLAG_OVERFLOW) == 0;
    *path = c->text + end;
    if (end == SCHEME_LENGTH || c->text[SCHEME_LENGTH] == ':') {
        http_fail(c, 400); /* RFC 9110 4.2.1: a host must be named */
    } else {
        http_host_take(c, c->text + SCHEME_LENGTH, end - SCHEME_LENGTH, whole);
        c->flags |= FLAG_ABSOLUTE;
    }
    return c->length - end;
}

/* The target is there: "/path?query", "http://host/path?query", or "*". */
void http_target_end(struct http_connection *c)
{
    size_t length = c->length;
    char *path = c->text;
    char *query;
    int decoded;

    if (length >= SCHEME_LENGTH && text_equal_nocase(path, SCHEME_LENGTH, scheme)) {
        length = http_absolute_take(c, &path);
        if (c->state != AT_TARGET) {
            return;
        }
    } else if (length == 0 || (*path != '/' && (length != 1 || *path != '*'))) {
        http_fail(c, 400);
        return;
    }
    query = memchr(path, '?', length);
    if (query != NULL) {
        length = (size_t)(query - path);
        c->flags &= ~(uint32_t)FLAG_OVERFLOW; /* the path is all there */
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

void http_version_end(struct http_connection *c)
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

void http_name_end(struct http_connection *c)
{
    if (c->length == 0) {
        http_fail(c, 400);
        return;
    }
    c->header = (c->flags & FLAG_OVERFLOW) != 0 ? HTTP_HEADER_OTHER : http_header_parse(c->text, c->length);
    c->state = AT_VALUE;
    c->flags &= ~(uint32_t)FLAG_QUOTED;
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

/* An element of If-Match (strong) or If-None-Match: is it the resource's tag, or its plain copy's? */
static void http_etag_take(struct http_connection *c, bool strong, uint32_t flag)
{
    const struct http_resource *plain = http_plain(c);

    if (c->length == 1 && c->text[0] == '*') {
        c->flags |= flag | flag << 1;
    }
    if (c->resource != NULL && c->resource->etag != NULL &&
        http_etag_equal(c->text, c->length, c->resource->etag, strong)) {
        c->flags |= flag;
    }
    if (plain != NULL && plain->etag != NULL && http_etag_equal(c->text, c->length, plain->etag, strong)) {
        c->flags |= flag << 1;
    }
}

/* An element of Accept-Encoding; without a weight of zero it is welcome, and we choose by size. */
static void http_coding_take(struct http_connection *c)
{
    bool refused;
    size_t length = http_coding_parse(c->text, c->length, &refused);

    if (text_equal_nocase(c->text, length, "gzip") || text_equal_nocase(c->text, length, "x-gzip")) {
        c->accept |= refused ? REFUSE_GZIP : ACCEPT_GZIP;
    } else if (text_equal_nocase(c->text, length, "identity")) {
        c->accept |= refused ? REFUSE_IDENTITY : ACCEPT_IDENTITY;
    } else if (length == 1 && c->text[0] == '*') {
        c->accept |= refused ? REFUSE_ANY : ACCEPT_ANY;
    }
}

static void http_transfer_coding_take(struct http_connection *c, bool whole)
{
    if (whole && (c->flags & FLAG_CHUNKED) == 0 && text_equal_nocase(c->text, c->length, "chunked")) {
        c->flags |= FLAG_CHUNKED;
    } else {
        c->flags = (c->flags & ~(uint32_t)FLAG_CHUNKED) | FLAG_CODED;
    }
}

static void http_text_trim(struct http_connection *c)
{
    while (c->length > 0 && http_is_white(c->text[c->length - 1])) {
        c->length--;
    }
}

/* One element of a list is there; an empty one means nothing, one that text has no room for is none of ours. */
void http_element_end(struct http_connection *c)
{
    bool whole = (c->flags & FLAG_OVERFLOW) == 0;

    http_text_trim(c);
    if (c->length > 0 && c->header == HTTP_HEADER_TRANSFER_ENCODING) {
        http_transfer_coding_take(c, whole);
    } else if (c->length > 0 && c->header == HTTP_HEADER_EXPECT && (c->flags & FLAG_HTTP10) == 0) {
        if (whole && text_equal_nocase(c->text, c->length, "100-continue")) {
            c->flags |= FLAG_EXPECT;
        } else {
            c->status = 417;
        }
    } else if (c->length > 0 && whole) {
        switch (c->header) {
        case HTTP_HEADER_CONNECTION:
            c->flags |= text_equal_nocase(c->text, c->length, "close") ? FLAG_CLOSE : 0;
            break;
        case HTTP_HEADER_IF_MATCH: http_etag_take(c, true, FLAG_MATCH); break;
        case HTTP_HEADER_IF_NONE_MATCH: http_etag_take(c, false, FLAG_NONE_MATCH); break;
        case HTTP_HEADER_ACCEPT_ENCODING: http_coding_take(c); break;
        default: break;
        }
    }
    http_text_clear(c);
}

static void http_host_header_take(struct http_connection *c)
{
    uint16_t port;
    size_t host;

    if ((c->flags & FLAG_HOST) != 0) {
        http_fail(c, 400);
        return;
    }
    c->flags |= FLAG_HOST;
    if ((c->flags & FLAG_ABSOLUTE) == 0) {
        http_host_take(c, c->text, c->length, (c->flags & FLAG_OVERFLOW) == 0);
    } else if ((c->flags & FLAG_OVERFLOW) == 0 && !http_authority_parse(c->text, c->length, &host, &port)) {
        http_fail(c, 400); /* the target names the host, and yet this must be one */
    }
}

/* A header's value is complete; of a list, its last element. */
static void http_header_take(struct http_connection *c)
{
    switch (c->header) {
    case HTTP_HEADER_HOST: http_host_header_take(c); break;
    case HTTP_HEADER_ORIGIN: http_origin_take(c); break;
    case HTTP_HEADER_CONTENT_LENGTH: http_content_length_take(c); break;
    case HTTP_HEADER_SEC_FETCH_SITE:
        c->flags |= text_equal_nocase(c->text, c->length, "same-origin") ? FLAG_SAME_ORIGIN : 0;
        break;
    case HTTP_HEADER_X_PLUGNET: c->flags |= c->length == 1 && c->text[0] == '1' ? FLAG_X_PLUGNET : 0; break;
    case HTTP_HEADER_TRANSFER_ENCODING: c->flags |= FLAG_TRANSFER; break;
    case HTTP_HEADER_IF_MATCH: c->flags |= FLAG_IF_MATCH; break;
    case HTTP_HEADER_ACCEPT_ENCODING: c->accept |= ACCEPT_GIVEN; break;
    default: break;
    }
    if (c->header >= HTTP_HEADER_LISTS) {
        http_element_end(c);
    }
}

void http_value_end(struct http_connection *c)
{
    http_text_trim(c);
    http_header_take(c);
    if (c->state == AT_VALUE) {
        c->state = AT_NAME;
        http_text_clear(c);
    }
}
