/*
 * What the lines of an HTTP request mean: method, target, version, headers, and the hosts that they name.
 *
 *   GET /path?query HTTP/1.1        → method, resource or route
 *   Host: plugnet.local             → known, or misdirected; kept as a key, as Origin is, to compare both
 *   Name: value                     → left, flags
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_private.h"

#include <string.h>

/* ---- Hosts ---- */

#define KEY_LOCAL (1u << 31) /* of http_host_key: a name of the PC itself */

static uint32_t http_hash(const char *text, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];
        byte = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
        hash = (hash ^ byte) * 16777619u;
    }
    return hash;
}

/* "localhost", "name.localhost", "127.0.0.1". */
static bool http_host_is_local(const char *host, size_t length)
{
    static const char name[] = "localhost";
    size_t tail = sizeof name - 1;

    if (length >= tail && (length == tail || host[length - tail - 1] == '.') &&
        text_equal_nocase(host + length - tail, tail, name)) {
        return length != tail + 1;
    }
    return text_equal_nocase(host, length, "127.0.0.1");
}

/* Which name it is, to compare Host and Origin by: its place in the configuration and 1. A name of the PC itself, by which forwarded
 * ports are reached and for which no name server is asked (RFC 6761 6.3), has KEY_LOCAL and a hash, all spellings of [::1] the
 * same. 0: no name of ours. */
static uint32_t http_host_key(const struct http_config *config, const char *host, size_t length)
{
    if (http_host_is_loopback6(host, length)) {
        return KEY_LOCAL;
    }
    if (http_host_is_local(host, length)) {
        return KEY_LOCAL | http_hash(host, length);
    }
    for (uint32_t i = 0; config->hosts != NULL && config->hosts[i] != NULL; i++) {
        if (text_equal_nocase(host, length, config->hosts[i])) {
            return i + 1;
        }
    }
    return 0;
}

/* The authority of Host, or of the target; `whole` if text had room for it. */
static void http_host_take(struct http_request *r, const char *authority, size_t length, bool whole)
{
    size_t host = 0;

    if (!whole) {
        r->flags |= FLAG_MISDIRECTED; /* longer than any name of ours */
        return;
    }
    if (!http_authority_parse(authority, length, &host, &r->host_port)) {
        http_fail(r, 400);
        return;
    }
    r->host_key = http_host_key(r->site->config, authority, host);
    r->flags |= (r->host_key & KEY_LOCAL) != 0 ? FLAG_LOOPBACK : 0;
    r->flags |= r->host_key == 0 || host == 0 ? FLAG_MISDIRECTED : 0;
}

static const char scheme[] = "http://";
#define SCHEME_LENGTH (sizeof scheme - 1)

/* Is it an origin that the configuration lists? */
static bool http_origin_is_listed(struct http_request *r)
{
    const char *const *origins = HTTP_ORIGINS ? r->site->config->origins : NULL;

    for (uint8_t i = 0; origins != NULL && origins[i] != NULL && (r->flags & FLAG_OVERFLOW) == 0; i++) {
        if (text_equal_nocase(r->text, r->length, origins[i])) {
            r->origin = (uint8_t)(i + 1);
            return true;
        }
    }
    return false;
}

static void http_origin_take(struct http_request *r)
{
    const char *authority = r->text + SCHEME_LENGTH;
    size_t host = 0;
    uint16_t port = 0;
    uint32_t key;

    if (http_origin_is_listed(r)) {
        return;
    }
    if ((r->flags & FLAG_OVERFLOW) != 0 || r->length <= SCHEME_LENGTH ||
        !text_equal_nocase(r->text, SCHEME_LENGTH, scheme) ||
        !http_authority_parse(authority, r->length - SCHEME_LENGTH, &host, &port) ||
        (key = http_host_key(r->site->config, authority, host)) == 0) {
        r->flags |= FLAG_FOREIGN;
        return;
    }
    if (r->origin_key != 0 && (r->origin_key != key || r->origin_port != port)) {
        r->flags |= FLAG_FOREIGN;
    }
    r->origin_key = key;
    r->origin_port = port;
}

/* ---- Request line ---- */

void http_method_end(struct http_request *r)
{
    r->method = http_method_parse(r->text, r->length);
    if (r->method == 0) {
        http_fail(r, r->length == 0 ? 400 : 501);
        return;
    }
    r->state = AT_TARGET;
    http_text_clear(r);
}

/* How far do one of our paths and `path` agree? Up to an asterisk that ends ours; most differ in their second character. */
static size_t http_path_alike(const char *ours, const char *path, size_t length)
{
    size_t i = 0;

    while (i < length && ours[i] == path[i] && (ours[i] != '*' || ours[i + 1] != 0)) {
        i++; /* path has no zero in it, so this ends with ours */
    }
    return i;
}

/* Find what `path` names. */
static void http_path_find(struct http_request *r, const char *path, size_t length)
{
    const struct http_config *config = r->site->config;

    for (size_t i = 0; i < config->resource_count; i++) {
        const struct http_resource *resource = &config->resources[i];
        if (http_path_alike(resource->path, path, length) == length && resource->path[length] == 0) {
            r->resource = resource;
            return;
        }
    }
    for (size_t i = 0; HTTP_ROUTES && i < config->route_count; i++) {
        const struct http_route *route = &config->routes[i];
        size_t alike = http_path_alike(route->path, path, length);
        bool prefix = route->path[alike] == '*' && route->path[alike + 1] == 0;
        if (prefix || (alike == length && route->path[alike] == 0)) {
            r->route = route;
            if (prefix) {
                http_keep(r, KEEP_TAIL, path + alike, length - alike);
            }
            return;
        }
    }
}

/* "http://host/path?query": take the host. Returns the path's length; fails if it is malformed. */
static size_t http_absolute_take(struct http_request *r, char **path)
{
    size_t end = SCHEME_LENGTH;
    bool whole;

    while (end < r->length && r->text[end] != '/' && r->text[end] != '?') {
        end++;
    }
    whole = end < r->length || (r->flags & FLAG_OVERFLOW) == 0;
    *path = r->text + end;
    if (end == SCHEME_LENGTH || r->text[SCHEME_LENGTH] == ':') {
        http_fail(r, 400); /* RFC 9110 4.2.1: a host must be named */
    } else {
        http_host_take(r, r->text + SCHEME_LENGTH, end - SCHEME_LENGTH, whole);
        r->flags |= FLAG_ABSOLUTE;
    }
    return r->length - end;
}

/* The target is there: "/path?query", "http://host/path?query", or "*". */
void http_target_end(struct http_request *r)
{
    size_t length = r->length;
    char *path = r->text;
    char *query;
    size_t query_length = 0;
    bool query_whole = true;
    int decoded;

    if (length >= SCHEME_LENGTH && text_equal_nocase(path, SCHEME_LENGTH, scheme)) {
        length = http_absolute_take(r, &path);
        if (r->state != AT_TARGET) {
            return;
        }
    } else if (length == 0 || (*path != '/' && (length != 1 || *path != '*'))) {
        http_fail(r, 400);
        return;
    }
    query = memchr(path, '?', length);
    if (query != NULL) {
        query_length = length - (size_t)(query - path) - 1;
        length = (size_t)(query - path);
        query_whole = (r->flags & FLAG_OVERFLOW) == 0;
        r->flags &= ~(uint32_t)FLAG_OVERFLOW; /* the path is all there */
    }
    if ((r->flags & FLAG_OVERFLOW) == 0) {
        decoded = http_percent_decode(path, length);
        if (decoded < 0) {
            http_fail(r, 400);
            return;
        }
        r->flags2 |= *path == '*' && r->method == HTTP_OPTIONS ? FLAG2_SERVER : 0;
        http_path_find(r, length == 0 ? "/" : path, length == 0 ? 1 : (size_t)decoded);
    }
    if (query != NULL && http_route_of(r) != NULL && http_route_of(r)->query) {
        if (!query_whole) {
            r->status = 414;
        }
        http_keep(r, KEEP_QUERY, query + 1, query_length);
    }
    r->state = AT_VERSION;
    http_text_clear(r);
}

void http_version_end(struct http_request *r)
{
    const char *t = r->text;

    if (r->length != 8 || memcmp(t, "HTTP/", 5) != 0 || t[5] < '0' || t[5] > '9' || t[6] != '.' ||
        t[7] < '0' || t[7] > '9') {
        http_fail(r, 400);
        return;
    }
    if (t[5] != '1') {
        http_fail(r, 505);
        return;
    }
    if (t[7] == '0') {
        r->flags |= FLAG_HTTP10 | FLAG_CLOSE;
    }
    r->seen = 0; /* counts header bytes from here */
    r->state = AT_NAME;
    http_text_clear(r);
}

/* ---- Headers ---- */

/* The number of the header field, whose name is in text, in a list of wanted ones; 0: it isn't there. */
static uint8_t http_wanted(const struct http_request *r, const char *const *names, uint8_t before)
{
    for (uint8_t i = 0; names != NULL && names[i] != NULL && i < HTTP_WANTED_MAX; i++) {
        if ((r->flags & FLAG_OVERFLOW) == 0 && text_equal_nocase(r->text, r->length, names[i])) {
            return (uint8_t)(before + i + 1);
        }
    }
    return 0;
}

void http_name_end(struct http_request *r)
{
    if (r->length == 0) {
        http_fail(r, 400);
        return;
    }
    r->header = (r->flags & FLAG_OVERFLOW) != 0 ? HTTP_HEADER_OTHER : http_header_parse(r->text, r->length);
    r->told = 0;
    r->wanted = http_wanted(r, http_check_headers(r), HTTP_WANTED_MAX);
    if (http_route_of(r) != NULL) {
        r->wanted = r->wanted != 0 ? r->wanted : http_wanted(r, http_route_of(r)->headers, 0);
        r->told = http_wanted(r, http_upgrade_of(r) != NULL ? http_upgrade_of(r)->headers : NULL, 0);
    }
    if ((r->wanted != 0 || r->told != 0) && r->header == HTTP_HEADER_OTHER) {
        r->header = HTTP_HEADER_WANTED;
    }
    r->state = AT_VALUE;
    r->flags &= ~(uint32_t)FLAG_QUOTED;
    http_text_clear(r);
}

static void http_content_length_take(struct http_request *r)
{
    uint32_t value;

    if ((r->flags & FLAG_OVERFLOW) != 0 || !http_number_parse(r->text, r->length, &value) ||
        ((r->flags & FLAG_HAS_LENGTH) != 0 && value != r->left)) {
        http_fail(r, 400);
        return;
    }
    r->left = value;
    r->flags |= FLAG_HAS_LENGTH;
}

/* An element of If-Match (strong) or If-None-Match: is it the resource's tag, or its plain copy's? */
static void http_etag_take(struct http_request *r, bool strong, uint32_t flag)
{
    const struct http_resource *plain = http_plain(r);

    if (r->length == 1 && r->text[0] == '*') {
        r->flags |= flag | flag << 1;
    }
    if (r->resource != NULL && r->resource->etag != NULL &&
        http_etag_equal(r->text, r->length, r->resource->etag, strong)) {
        r->flags |= flag;
    }
    if (plain != NULL && plain->etag != NULL && http_etag_equal(r->text, r->length, plain->etag, strong)) {
        r->flags |= flag << 1;
    }
}

/* An element of Accept-Encoding; without a weight of zero it is welcome, and we choose by size. */
static void http_coding_take(struct http_request *r)
{
    bool refused;
    size_t length = http_coding_parse(r->text, r->length, &refused);

    if (text_equal_nocase(r->text, length, "gzip") || text_equal_nocase(r->text, length, "x-gzip")) {
        r->accept |= refused ? REFUSE_GZIP : ACCEPT_GZIP;
    } else if (text_equal_nocase(r->text, length, "identity")) {
        r->accept |= refused ? REFUSE_IDENTITY : ACCEPT_IDENTITY;
    } else if (length == 1 && r->text[0] == '*') {
        r->accept |= refused ? REFUSE_ANY : ACCEPT_ANY;
    }
}

/* An element of Accept, with a weight or without. */
static void http_accept_take(struct http_request *r)
{
    static const char json[] = "application/json";
    bool refused;

    if (r->length >= sizeof json - 1 && text_equal_nocase(r->text, sizeof json - 1, json) &&
        http_coding_parse(r->text, r->length, &refused) == sizeof json - 1) {
        r->flags |= refused ? 0 : FLAG_JSON;
    }
}

static void http_transfer_coding_take(struct http_request *r, bool whole)
{
    if (whole && (r->flags & FLAG_CHUNKED) == 0 && text_equal_nocase(r->text, r->length, "chunked")) {
        r->flags |= FLAG_CHUNKED;
    } else {
        r->flags = (r->flags & ~(uint32_t)FLAG_CHUNKED) | FLAG_CODED;
    }
}

static void http_text_trim(struct http_request *r)
{
    while (r->length > 0 && http_is_white(r->text[r->length - 1])) {
        r->length--;
    }
}

/* One element of a list is there; an empty one means nothing, one that text has no room for is none of ours. */
void http_element_end(struct http_request *r)
{
    bool whole = (r->flags & FLAG_OVERFLOW) == 0;

    http_text_trim(r);
    if (r->length > 0 && r->header == HTTP_HEADER_TRANSFER_ENCODING) {
        http_transfer_coding_take(r, whole);
    } else if (r->length > 0 && r->header == HTTP_HEADER_EXPECT && (r->flags & FLAG_HTTP10) == 0) {
        if (whole && text_equal_nocase(r->text, r->length, "100-continue")) {
            r->flags |= FLAG_EXPECT;
        } else {
            r->status = 417;
        }
    } else if (r->length > 0 && whole) {
        switch (r->header) {
        case HTTP_HEADER_CONNECTION:
            r->flags |= text_equal_nocase(r->text, r->length, "close") ? FLAG_CLOSE : 0;
            r->flags2 |= text_equal_nocase(r->text, r->length, "upgrade") ? FLAG2_UPGRADE : 0;
            break;
        case HTTP_HEADER_UPGRADE:
            r->flags2 |= text_equal_nocase(r->text, r->length, "websocket") ? FLAG2_WEBSOCKET : 0;
            break;
        case HTTP_HEADER_ACCEPT: http_accept_take(r); break;
        case HTTP_HEADER_IF_MATCH: http_etag_take(r, true, FLAG_MATCH); break;
        case HTTP_HEADER_IF_NONE_MATCH: http_etag_take(r, false, FLAG_NONE_MATCH); break;
        case HTTP_HEADER_ACCEPT_ENCODING: http_coding_take(r); break;
        default: break;
        }
    }
    http_text_clear(r);
}

#if HTTP_RANGES
/* "bytes=first-last", "bytes=first-", "bytes=-length": RFC 9110 14.1.2. Whatever else it says means nothing (14.2). */
static void http_range_take(struct http_request *r)
{
    const char *t = r->text + 6, *end = r->text + r->length, *dash;
    bool whole = (r->flags & FLAG_OVERFLOW) == 0 && r->length > 6 && text_equal_nocase(r->text, 6, "bytes=");
    uint32_t first = 0, last = UINT32_MAX;

    dash = whole ? memchr(t, '-', (size_t)(end - t)) : NULL;
    if (dash == NULL || (r->flags2 & (FLAG2_RANGE | FLAG2_RANGES)) != 0 ||
        (dash > t && !http_number_parse(t, (size_t)(dash - t), &first)) ||
        (dash + 1 < end && !http_number_parse(dash + 1, (size_t)(end - dash - 1), &last)) ||
        (dash == t && dash + 1 == end) || (dash > t && last < first)) {
        r->flags2 = (r->flags2 & ~(uint32_t)FLAG2_RANGE) | FLAG2_RANGES;
        return;
    }
    r->range_first = first;
    r->range_last = last;
    r->flags2 |= FLAG2_RANGE | (dash == t ? FLAG2_SUFFIX : 0);
}

/* Only a strong tag of ours lets a range be sent; dates we have none. */
static void http_if_range_take(struct http_request *r)
{
    const struct http_resource *plain = http_plain(r);

    if ((r->flags & FLAG_OVERFLOW) != 0 || r->resource == NULL) {
        return;
    }
    if (r->resource->etag != NULL && http_etag_equal(r->text, r->length, r->resource->etag, true)) {
        r->flags2 |= FLAG2_RANGED;
    }
    if (plain != NULL && plain->etag != NULL && http_etag_equal(r->text, r->length, plain->etag, true)) {
        r->flags2 |= FLAG2_RANGED << 1;
    }
}
#endif

static void http_host_header_take(struct http_request *r)
{
    uint16_t port;
    size_t host;

    if ((r->flags & FLAG_HOST) != 0) {
        http_fail(r, 400);
        return;
    }
    r->flags |= FLAG_HOST;
    if ((r->flags & FLAG_ABSOLUTE) == 0) {
        http_host_take(r, r->text, r->length, (r->flags & FLAG_OVERFLOW) == 0);
    } else if ((r->flags & FLAG_OVERFLOW) == 0 && !http_authority_parse(r->text, r->length, &host, &port)) {
        http_fail(r, 400); /* the target names the host, and yet this must be one */
    }
}

/* A header's value is complete; of a list, its last element. */
static void http_header_take(struct http_request *r)
{
    switch (r->header) {
    case HTTP_HEADER_HOST: http_host_header_take(r); break;
    case HTTP_HEADER_ORIGIN: http_origin_take(r); break;
    case HTTP_HEADER_CONTENT_LENGTH: http_content_length_take(r); break;
    case HTTP_HEADER_SEC_FETCH_SITE:
        r->flags |= text_equal_nocase(r->text, r->length, "same-origin") ? FLAG_SAME_ORIGIN
                    : text_equal_nocase(r->text, r->length, "none")      ? 0
                                                                         : FLAG_CROSS_SITE;
        break;
#if HTTP_RANGES
    case HTTP_HEADER_RANGE: http_range_take(r); break;
    case HTTP_HEADER_IF_RANGE:
        r->flags2 |= FLAG2_IF_RANGE;
        http_if_range_take(r);
        break;
#endif
    case HTTP_HEADER_REQUEST_METHOD: r->flags2 |= FLAG2_PREFLIGHT; break;
    case HTTP_HEADER_TRANSFER_ENCODING: r->flags |= FLAG_TRANSFER; break;
    case HTTP_HEADER_IF_MATCH: r->flags |= FLAG_IF_MATCH; break;
    case HTTP_HEADER_ACCEPT_ENCODING: r->accept |= ACCEPT_GIVEN; break;
    default: break;
    }
    if (r->header >= HTTP_HEADER_LISTS) {
        http_element_end(r);
    }
}

void http_value_end(struct http_request *r)
{
    http_text_trim(r);
    if (HTTP_ROUTES + HTTP_CHECK > 0 && r->wanted != 0) {
        http_keep_field(r);
    }
    if (HTTP_UPGRADES && r->told != 0) {
        http_upgrade_of(r)->header(r, r->told - 1u, r->text, r->length);
    }
    http_header_take(r);
    if (r->state == AT_VALUE) {
        r->state = AT_NAME;
        http_text_clear(r);
    }
}
