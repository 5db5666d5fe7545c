/*
 * The answer to an HTTP request: its status, and its head.
 *
 *   http_decide ─→ (check, body) ─→ http_complete ─┬→ http_answer ─→ HEAD ─→ RESOURCE or PARTS ─→ next, or closed
 *   anything unreadable ─→ http_fail ──────────────┘
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_private.h"

#include <string.h>

/* ---- Deciding ---- */

void http_answer(struct http_request *r, uint16_t status)
{
    if (r->status == 0) {
        r->status = status;
    }
    if (r->status >= 400) {
        r->site->stats.errors++;
    } else {
        r->site->stats.good++;
    }
    r->flags &= ~(uint32_t)FLAG_CONTINUE;
    r->done = 0;
    r->state = AT_ANSWER;
    r->output = OUT_HEAD;
}

void http_fail(struct http_request *r, uint16_t status)
{
    r->flags |= FLAG_CLOSE;
    http_answer(r, status);
}

static uint8_t http_methods_allowed(const struct http_request *r)
{
    uint8_t methods = HTTP_GET;

    if ((r->flags2 & FLAG2_SERVER) != 0) {
        return HTTP_TRACE - 1; /* all that there are */
    }
    if (r->resource == NULL && http_route_of(r)->methods != 0) {
        methods = http_route_of(r)->methods;
    }
    return (uint8_t)(methods | ((methods & HTTP_GET) != 0 ? HTTP_HEAD : 0) | HTTP_OPTIONS);
}

const struct http_resource *http_plain(const struct http_request *r)
{
    const struct http_resource *gzip = r->resource;

    if (gzip == NULL || !gzip->gzip ||
        gzip + 1 == r->site->config->resources + r->site->config->resource_count || gzip[1].gzip ||
        strcmp(gzip->path, gzip[1].path) != 0) {
        return NULL;
    }
    return gzip + 1;
}

static bool http_takes_gzip(const struct http_request *r)
{
    if ((r->accept & (ACCEPT_GIVEN | ACCEPT_GZIP | REFUSE_GZIP)) != ACCEPT_GIVEN) {
        return (r->accept & REFUSE_GZIP) == 0;
    }
    return (r->accept & (ACCEPT_ANY | REFUSE_ANY)) == ACCEPT_ANY;
}

static bool http_takes_identity(const struct http_request *r)
{
    return (r->accept & ACCEPT_IDENTITY) != 0 || (r->accept & (REFUSE_IDENTITY | REFUSE_ANY)) == 0;
}

/* The plain copy is to be sent. Who says nothing about codings accepts any (RFC 9110 12.5.3), and gzip is smaller. */
static bool http_wants_plain(const struct http_request *r)
{
    return !http_takes_gzip(r) && http_plain(r) != NULL;
}

static bool http_is_get(const struct http_request *r)
{
    return (r->method & (HTTP_GET | HTTP_HEAD)) != 0;
}

/* Is there a coding of what was asked for that the client accepts? Answers to other methods are sent as they are. */
static bool http_acceptable(const struct http_request *r)
{
    bool gzip = r->resource != NULL && r->resource->gzip && !http_wants_plain(r);

    return !http_is_get(r) || (gzip ? http_takes_gzip(r) : http_takes_identity(r));
}

/* Of two flags, that of the resource, or of its plain copy. */
static bool http_matches(const struct http_request *r, uint32_t flag)
{
    return (r->flags & flag << (http_wants_plain(r) ? 1 : 0)) != 0;
}

/* A request by a page of somebody else's. Browsers were seen to leave the port out of Origin where they name localhost. */
static bool http_is_foreign(const struct http_request *r)
{
    uint16_t host = r->host_port != 0 ? r->host_port : 80, origin = r->origin_port != 0 ? r->origin_port : 80;

    if (HTTP_ORIGINS && r->origin != 0) {
        return false;
    }
    if ((r->flags & (FLAG_FOREIGN | FLAG_CROSS_SITE)) != 0 || r->origin_key == 0) {
        return (r->flags & (FLAG_FOREIGN | FLAG_CROSS_SITE)) != 0;
    }
    if (r->origin_key != r->host_key) {
        return true;
    }
    return host != origin && (r->origin_port != 0 || (~r->flags & (FLAG_LOOPBACK | FLAG_SAME_ORIGIN)) != 0);
}

static bool http_wants_upgrade(const struct http_request *r)
{
    return http_route_of(r) != NULL && http_upgrade_of(r) != NULL && r->method == HTTP_GET;
}

static bool http_is_refused(const struct http_request *r)
{
    uint8_t access = http_route_of(r) != NULL ? http_route_of(r)->access : HTTP_ACCESS_DEFAULT;

    if (access == HTTP_ACCESS_DEFAULT) {
        access = http_is_get(r) && !http_wants_upgrade(r) ? HTTP_OPEN : HTTP_SAME_ORIGIN;
    }
    return access == HTTP_SAME_ORIGIN && http_is_foreign(r);
}

/* Can't be read, or must not be: RFC 9112 3.2, 6.1, 6.3. */
static uint16_t http_decide_framing(const struct http_request *r)
{
    if ((r->flags & (FLAG_HOST | FLAG_HTTP10)) == 0) {
        return 400;
    }
    if ((r->flags & FLAG_TRANSFER) == 0) {
        return 0;
    }
    if ((r->flags & FLAG_CHUNKED) == 0 || (r->flags & (FLAG_HAS_LENGTH | FLAG_HTTP10)) != 0) {
        return 400; /* nobody knows, or two opinions, where the request ends */
    }
    return (r->flags & FLAG_CODED) != 0 ? 501 : 0;
}

uint16_t http_decide(const struct http_request *r)
{
    uint16_t framing = http_decide_framing(r);

    if (framing != 0 || r->status != 0) {
        return framing != 0 ? framing : r->status;
    }
    if ((r->flags & FLAG_MISDIRECTED) != 0) {
        return 421;
    }
    if ((r->flags2 & FLAG2_SERVER) != 0) {
        return http_is_foreign(r) ? 403 : 204;
    }
    if (r->resource == NULL && http_route_of(r) == NULL) {
        return 404;
    }
    if ((http_methods_allowed(r) & r->method) == 0) {
        return 405;
    }
    if (r->method == HTTP_OPTIONS &&
        (r->resource != NULL || (http_route_of(r)->methods & HTTP_OPTIONS) == 0)) {
        return http_is_foreign(r) ? 403 : 204;
    }
    if (http_is_refused(r)) {
        return 403;
    }
    if ((r->flags & FLAG_KEEP_FULL) != 0) {
        return 431;
    }
    if (!http_acceptable(r)) {
        return 406;
    }
    if (((r->flags & FLAG_IF_MATCH) != 0 && !http_matches(r, FLAG_MATCH)) ||
        (!http_is_get(r) && http_matches(r, FLAG_NONE_MATCH))) {
        return 412;
    }
    return http_route_of(r) != NULL && http_matches(r, FLAG_NONE_MATCH)
               ? 304
               : 0; /* "*": there is something at that path */
}

/* Which bytes of a resource: `done` to `left`. RFC 9110 14.2: a range is for GET, and is left out where If-Range doesn't
 * match. Returns the status. */
static uint16_t http_range_apply(struct http_request *r)
{
    uint32_t length = r->resource->length, first = r->range_first, last = r->range_last;
    bool plain = http_wants_plain(r);

    r->left = length;
    if ((r->flags2 & FLAG2_RANGE) == 0 || r->method != HTTP_GET ||
        ((r->flags2 & FLAG2_IF_RANGE) != 0 && (r->flags2 & FLAG2_RANGED << (plain ? 1 : 0)) == 0)) {
        r->flags2 &= ~(uint32_t)FLAG2_RANGE;
        return 200;
    }
    if ((r->flags2 & FLAG2_SUFFIX) != 0) {
        first = last < length ? length - last : 0;
        last = last == 0 ? 0 : UINT32_MAX;
        first = last == 0 ? length : first;
    }
    if (first >= length) {
        return 416;
    }
    r->range_first = first;
    r->range_last = last < length ? last : length - 1;
    r->left = r->range_last + 1;
    return 206;
}

static uint16_t http_resource_status(struct http_request *r)
{
    bool plain = http_wants_plain(r), same = http_matches(r, FLAG_NONE_MATCH);

    if (same) {
        r->resource += plain ? 1 : 0;
        return 304;
    }
    if (plain) {
        bool ranged = (r->flags2 & FLAG2_RANGED << 1) != 0;
        r->resource++;
        r->flags2 = (r->flags2 & ~(uint32_t)(FLAG2_RANGED | FLAG2_RANGED << 1)) | (ranged ? FLAG2_RANGED : 0);
    }
    return http_range_apply(r);
}

/* May a route answer so? Not with what the server itself must say. */
static bool http_status_is_valid(uint16_t status)
{
    return status >= 200 && status < 600 && status != 205 && status != 206 && status != 407 && status != 426;
}

void http_complete(struct http_request *r)
{
    uint16_t status = r->status;

    if (r->state != AT_LATER) {
        r->site->stats.requests++;
    }
    if (status == 0 && http_route_of(r) != NULL) {
        bool body = http_route_of(r)->output != NULL;
        status = http_upgrade_of(r) != NULL      ? http_upgrade_begin(r)
                 : http_route_of(r)->end != NULL ? http_route_of(r)->end(r)
                                                 : (body ? 200 : 204);
        if (status == HTTP_LATER) {
            r->state = AT_LATER;
            r->flags |= FLAG_WAITING;
            return;
        }
        if (http_upgrade_of(r) == NULL && !http_status_is_valid(status)) {
            http_blame(r, "end returned no status");
            status = 500;
        } else {
            r->flags2 |= FLAG2_ROUTE;
        }
    } else if (status == 0) {
        status = http_resource_status(r);
    }
    http_answer(r, status);
}

/* ---- Packed: a head made by tool/site_pack.py ---- */

/*   these lines, once for all files | the rest of the head, the body: file by file, in one piece
 *
 * Both are whole words, as spaces behind a value are no part of it (RFC 9110 5.5): so all of it is summed and copied by words.
 * Their end is what other answers have of HTTP_SECURITY: the linker keeps one. */
#define PACKED_LINES                                                                                         \
    "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nVary: Accept-Encoding\r\nContent-Encoding: gzip\r\n" HTTP_SECURITY
#define PACKED (sizeof PACKED_LINES - 1)

_Static_assert(PACKED % 4 == 0, "add spaces behind no-cache");

bool http_is_packed(const struct http_request *r)
{
    const struct http_config *config = r->site->config;

    return HTTP_QUICK && r->status == 200 && r->resource != NULL && r->resource->head > 0 &&
           (r->flags & FLAG_CLOSE) == 0 && config->security == NULL &&
           (!HTTP_ORIGINS || config->origins == NULL);
}

uint32_t http_packed_length(const struct http_request *r)
{
    return PACKED + r->resource->head + (r->method != HTTP_HEAD ? r->resource->length : 0);
}

void http_packed_piece(const struct http_request *r, struct http_piece *piece)
{
    const struct http_resource *sent = r->resource;
    bool lines = r->done < PACKED;

    piece->bytes =
        lines ? &PACKED_LINES[r->done] : (const char *)sent->body - sent->head + (r->done - PACKED);
    piece->length = (lines ? PACKED : r->left) - r->done;
    piece->is_static = true;
}

/* ---- Head ---- */

static void http_head_methods(const char *name, uint8_t methods, struct text *t)
{
    static const char names[] = "GET\0HEAD\0POST\0PUT\0DELETE\0PATCH\0OPTIONS";
    bool first = true;

    text_put(t, name);
    for (const char *method = names; methods != 0; methods >>= 1, method += strlen(method) + 1) {
        if ((methods & 1) != 0) {
            text_put(t, first ? ": " : ", ");
            text_put(t, method);
            first = false;
        }
    }
    text_put(t, "\r\n");
}

static void http_head_names(const char *const *names, struct text *t)
{
    for (; names != NULL && *names != NULL; names++) {
        text_put(t, ", ");
        text_put(t, *names);
    }
}

/* What may be asked with: this route's, or, where nobody may learn which paths there are, any route's. */
static void http_head_wanted(const struct http_request *r, struct text *t)
{
    const struct http_config *config = r->site->config;

    if ((r->flags2 & FLAG2_SERVER) == 0) {
        http_head_names(http_route_of(r) != NULL ? http_route_of(r)->headers : NULL, t);
        return;
    }
    for (size_t i = 0; HTTP_ROUTES && i < config->route_count; i++) {
        if (i == 0 || config->routes[i].headers != config->routes[i - 1].headers) {
            http_head_names(config->routes[i].headers, t);
        }
    }
}

/* For pages of others that the configuration lists. */
static void http_head_origin(const struct http_request *r, struct text *t)
{
    if (!HTTP_ORIGINS || r->site->config->origins == NULL) {
        return;
    }
    text_put(t, "Vary: Origin\r\n");
    if (r->origin == 0) {
        return;
    }
    text_put(t, "Access-Control-Allow-Credentials: true\r\n");
    http_put_header(t, "Access-Control-Allow-Origin", r->site->config->origins[r->origin - 1]);
    if ((r->flags2 & FLAG2_PREFLIGHT) != 0 && r->method == HTTP_OPTIONS && r->status == 204) {
        http_head_methods("Access-Control-Allow-Methods", http_methods_allowed(r), t);
        text_put(t,
                 "Access-Control-Max-Age: 600\r\nAccess-Control-Allow-Headers: Content-Type, Authorization");
        http_head_wanted(r, t);
        http_head_names(http_check_headers(r), t);
        text_put(t, "\r\n");
    }
}

static void http_head_type(const char *type, struct text *t)
{
    if (type != NULL) {
        TEXT_PUT(t, "Content-Type: ");
        text_put(t, type);
        TEXT_PUT(t, "\r\n");
    }
}

static void http_head_length(uint32_t length, struct text *t)
{
    TEXT_PUT(t, "Content-Length: ");
    text_put_u32(t, length);
    TEXT_PUT(t, "\r\n");
}

/* It is, or could have been, gzip-coded, by what Accept-Encoding says. */
static bool http_varies(const struct http_request *r)
{
    const struct http_resource *sent = r->resource;

    return sent->gzip ||
           (sent != r->site->config->resources && sent[-1].gzip && strcmp(sent[-1].path, sent->path) == 0);
}

static void http_head_range(const struct http_request *r, struct text *t)
{
    text_put(t, "Content-Range: bytes ");
    if (r->status == 206) {
        text_put_u32(t, r->range_first);
        text_put(t, "-");
        text_put_u32(t, r->range_last);
    } else {
        text_put(t, "*");
    }
    text_put(t, "/");
    text_put_u32(t, r->resource->length);
    text_put(t, "\r\n");
}

/* The body's bytes are copied by words, so the head ends with a whole one; spaces behind a value are no part of it (RFC 9110
 * 5.5). What is kept must be asked for again: the ETag answers. */
static void http_head_cache(const struct http_request *r, struct text *t)
{
    TEXT_PUT(t, "Cache-Control: no-cache");
    text_put_bytes(t, "   ", r->status != 304 ? -t->length % 4 : 0);
    TEXT_PUT(t, "\r\n");
}

static void http_head_resource(const struct http_request *r, struct text *t)
{
    const struct http_resource *sent = r->resource;

    if (sent->etag != NULL) {
        http_put_header(t, "ETag", sent->etag);
    }
    if (http_varies(r)) {
        TEXT_PUT(t, "Vary: Accept-Encoding\r\n");
    }
    if (r->status != 304) {
        http_head_type(sent->type, t);
        text_put(t, sent->gzip    ? "Content-Encoding: gzip\r\n"
                    : HTTP_RANGES ? "Accept-Ranges: bytes\r\n"
                                  : "");
        if (http_is_part(r)) {
            http_head_range(r, t);
        }
        http_head_length(r->left - (http_is_part(r) ? r->range_first : 0), t);
    }
    http_head_cache(r, t);
}

static void http_head_route(const struct http_request *r, struct text *t)
{
    TEXT_PUT(t, "Cache-Control: no-store\r\n");
    http_head_type(http_route_of(r)->type, t);
    if ((r->flags & FLAG_LENGTH) != 0) {
        http_head_length(r->left, t);
    } else if ((r->flags & FLAG_HTTP10) == 0) {
        TEXT_PUT(t, "Transfer-Encoding: chunked\r\n");
    }
}

/* What an answer says that has no text of its own. */
static const char *http_reason(const struct http_request *r)
{
    if (r->status != 406) {
        return http_status_text(r->status);
    }
    return r->resource != NULL && r->resource->gzip && http_plain(r) == NULL
               ? "This is kept gzip-coded only; ask with Accept-Encoding: gzip"
               : "This is not gzip-coded, and Accept-Encoding refuses identity";
}

bool http_has_resource(const struct http_request *r)
{
    return (r->status == 200 || http_is_part(r)) && http_route_of(r) == NULL;
}

static void http_head_text(const struct http_request *r, struct text *t)
{
    const char *reason = http_reason(r);
    bool json = (r->flags & FLAG_JSON) != 0;
    char bytes[100];
    struct text body = text_over(bytes, sizeof bytes);

    if (json) {
        text_put(&body, "{\"status\":");
        text_put_u32(&body, r->status);
        text_put(&body, ",\"error\":\"");
    }
    text_put(&body, reason);
    text_put(&body, json ? "\"}\n" : "\n");
    if (r->status == 406) {
        text_put(t, "Vary: Accept-Encoding\r\n");
    }
    http_head_type(json ? "application/json" : "text/plain", t);
    http_head_length((uint32_t)body.length, t);
    text_put(t, "\r\n");
    if (r->method != HTTP_HEAD) {
        text_put_bytes(t, body.bytes, body.length);
    }
}

/* Header lines that a status brings with it. */
static void http_head_status(const struct http_request *r, struct text *t)
{
    bool target = r->resource != NULL || http_route_of(r) != NULL || (r->flags2 & FLAG2_SERVER) != 0;

    if (target && (r->status == 405 || (r->method == HTTP_OPTIONS && r->status == 204))) {
        http_head_methods("Allow", http_methods_allowed(r), t);
    } else if (HTTP_CHECK && r->status == 401 && r->site->config->challenge != NULL) {
        http_put_header(t, "WWW-Authenticate", r->site->config->challenge);
    } else if (HTTP_RANGES && r->status == 416) {
        http_head_range(r, t);
    }
}

/* Header lines of the product's own. */
static void http_head_own(const struct http_request *r, struct text *t)
{
    if (r->resource != NULL && r->resource->headers != NULL && (http_has_resource(r) || r->status == 304)) {
        text_put(t, r->resource->headers);
    }
    if (http_route_of(r) != NULL && http_route_of(r)->head != NULL && (r->flags & FLAG_BEGUN) != 0) {
        http_route_of(r)->head((struct http_request *)(uintptr_t)r, t);
    }
    if ((r->status == 101 || r->status == 426) && http_route_of(r) != NULL && http_upgrade_of(r) != NULL) {
        http_upgrade_of(r)->head((struct http_request *)(uintptr_t)r, t);
    }
}

/* Bytes up to a line's end, or to `end`. */
static size_t http_line_length(const char *line, const char *end)
{
    size_t length = 0;

    while (line + length != end && line[length] != 0 && line[length++] != '\n') {
    }
    return length;
}

/* One of the lines from `own` to `end` has the same field name as `line`. */
static bool http_is_own(const char *own, const char *end, const char *line)
{
    for (; own < end; own += http_line_length(own, end)) {
        size_t alike = 0;
        while (own + alike < end && (own[alike] | 0x20) == (line[alike] | 0x20) && line[alike] != ':') {
            alike++;
        }
        if (own + alike < end && own[alike] == ':' && line[alike] == ':') {
            return true;
        }
    }
    return false;
}

/* Each line of the configuration's, unless the answer's own lines, from `own` on, have that field: theirs counts. */
static void http_head_security(const struct http_request *r, size_t own, struct text *t)
{
    const char *line = r->site->config->security;
    size_t end = t->length;

    if (line == NULL && own == end) {
        TEXT_PUT(t, HTTP_SECURITY);
        return;
    }
    line = line != NULL ? line : HTTP_SECURITY;
    while (*line != 0) {
        size_t length = http_line_length(line, NULL);
        if (!http_is_own(t->bytes + own, t->bytes + end, line)) {
            text_put_bytes(t, line, length);
        }
        line += length;
    }
}

bool http_has_parts(const struct http_request *r)
{
    return (r->flags2 & FLAG2_ROUTE) != 0 && http_route_of(r)->output != NULL && r->status != 204 &&
           r->status != 304;
}

void http_head(const struct http_request *r, struct text *t)
{
    size_t own;

    if (r->status == 200) {
        TEXT_PUT(t, "HTTP/1.1 200 OK\r\n");
    } else {
        text_put(t, "HTTP/1.1 ");
        text_put_u32(t, r->status);
        text_put(t, " ");
        text_put(t, http_status_text(r->status));
        text_put(t, "\r\n");
    }
    own = t->length;
    http_head_own(r, t);
    http_head_security(r, own, t);
    if ((r->flags & FLAG_CLOSE) != 0) {
        text_put(t, "Connection: close\r\n");
    }
    http_head_origin(r, t);
    http_head_status(r, t);
    if (r->resource != NULL && (http_has_resource(r) || r->status == 304)) {
        http_head_resource(r, t);
    } else if (r->status == 304) {
        text_put(t, "Cache-Control: no-store\r\n");
    } else if (http_has_parts(r)) {
        http_head_route(r, t);
    } else if (r->status != 204 && r->status >= 200) {
        http_head_text(r, t);
        return;
    }
    TEXT_PUT(t, "\r\n");
}
