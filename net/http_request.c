/*
 * What the lines of an HTTP request mean: method, target, version, headers, and the hosts that they name.
 *
 *   GET /path?query HTTP/1.1        → method, resource or route
 *   Host: plugnet.local             → known, or misdirected; kept as a hash, as Origin is, to compare both
 *   Name: value                     → left, flags
 */
/* SPDX-License-Identifier: MIT */
#include "net/http_private.h"

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

/* The target is there: "/path?query", "http://host/path?query", or "*". */
void http_target_end(struct http_connection *c)
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

void http_value_end(struct http_connection *c)
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
