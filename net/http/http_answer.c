/*
 * The answer to an HTTP request: its status, its head, and its body's pieces.
 *
 *   http_decide ─→ (body) ─→ http_complete ─┬→ http_answer ─→ HEAD ─→ RESOURCE or PARTS ─→ next request, or closed
 *   anything unreadable ─→ http_fail ───────┘
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_private.h"

#include <string.h>

_Static_assert(HTTP_SCRATCH_MAX >= 640, "HTTP_SCRATCH_MAX: a whole head, with a resource's own lines");
_Static_assert(HTTP_PART_MAX + 16 <= HTTP_SCRATCH_MAX, "a chunk's frame needs 12 bytes");

/* ---- Routes that fail ---- */

/* Counted, and named on the log. */
static void http_route_blame(struct http_connection *c, const char *why)
{
    c->stats->broken++;
    if (c->config->broken != NULL) {
        c->config->broken(c->route != NULL ? c->route->path : c->resource->path, why);
    }
}

/* What was sent so far must not look like a whole answer. */
static void http_break(struct http_connection *c, const char *why)
{
    http_route_blame(c, why);
    c->flags |= FLAG_BROKEN | FLAG_CLOSE;
    c->state = AT_CLOSED;
    c->output = OUT_NONE;
}

/* ---- Deciding ---- */

void http_answer(struct http_connection *c, uint16_t status)
{
    if (c->status == 0) {
        c->status = status;
    }
    if (c->status >= 400) {
        c->stats->errors++;
    }
    c->flags &= ~(uint32_t)FLAG_CONTINUE;
    c->done = 0;
    c->state = AT_ANSWER;
    c->output = OUT_HEAD;
}

void http_fail(struct http_connection *c, uint16_t status)
{
    c->flags |= FLAG_CLOSE;
    http_answer(c, status);
}

static uint8_t http_methods_allowed(const struct http_connection *c)
{
    const struct http_route *route = c->route;
    bool get = c->resource != NULL || (route != NULL && route->part != NULL);

    return (uint8_t)((get ? HTTP_GET | HTTP_HEAD : 0) |
                     (route != NULL && route->post != NULL ? HTTP_POST : 0));
}

const struct http_resource *http_plain(const struct http_connection *c)
{
    const struct http_resource *r = c->resource;

    if (r == NULL || !r->gzip || r + 1 == c->config->resources + c->config->resource_count || r[1].gzip ||
        strcmp(r->path, r[1].path) != 0) {
        return NULL;
    }
    return r + 1;
}

static bool http_takes_gzip(const struct http_connection *c)
{
    if ((c->accept & (ACCEPT_GIVEN | ACCEPT_GZIP | REFUSE_GZIP)) != ACCEPT_GIVEN) {
        return (c->accept & REFUSE_GZIP) == 0;
    }
    return (c->accept & (ACCEPT_ANY | REFUSE_ANY)) == ACCEPT_ANY;
}

static bool http_takes_identity(const struct http_connection *c)
{
    return (c->accept & ACCEPT_IDENTITY) != 0 || (c->accept & (REFUSE_IDENTITY | REFUSE_ANY)) == 0;
}

/* The plain copy is to be sent. Who says nothing about codings accepts any (RFC 9110 12.5.3), and gzip is smaller. */
static bool http_wants_plain(const struct http_connection *c)
{
    return !http_takes_gzip(c) && http_plain(c) != NULL;
}

/* Is there a coding of what was asked for that the client accepts? A POST's answer is sent as it is. */
static bool http_acceptable(const struct http_connection *c)
{
    bool gzip = c->resource != NULL && c->resource->gzip && !http_wants_plain(c);

    return c->method == HTTP_POST || (gzip ? http_takes_gzip(c) : http_takes_identity(c));
}

/* Of two flags, that of the resource, or of its plain copy. */
static bool http_matches(const struct http_connection *c, uint32_t flag)
{
    return (c->flags & flag << (http_wants_plain(c) ? 1 : 0)) != 0;
}

/* A POST by a page of somebody else's. Browsers were seen to leave the port out of Origin where they name localhost. */
static bool http_is_foreign(const struct http_connection *c)
{
    uint16_t host = c->host_port != 0 ? c->host_port : 80, origin = c->origin_port != 0 ? c->origin_port : 80;

    if ((c->flags & FLAG_FOREIGN) != 0 || c->origin_hash == 0) {
        return (c->flags & FLAG_FOREIGN) != 0;
    }
    if (c->origin_hash != c->host_hash) {
        return true;
    }
    return host != origin && (c->origin_port != 0 || (~c->flags & (FLAG_LOOPBACK | FLAG_SAME_ORIGIN)) != 0);
}

/* Can't be read, or must not be: RFC 9112 3.2, 6.1, 6.3. */
static uint16_t http_decide_framing(const struct http_connection *c)
{
    if ((c->flags & (FLAG_HOST | FLAG_HTTP10)) == 0) {
        return 400;
    }
    if ((c->flags & FLAG_TRANSFER) == 0) {
        return 0;
    }
    if ((c->flags & FLAG_CHUNKED) == 0 || (c->flags & (FLAG_HAS_LENGTH | FLAG_HTTP10)) != 0) {
        return 400; /* nobody knows, or two opinions, where the request ends */
    }
    return (c->flags & FLAG_CODED) != 0 ? 501 : 0;
}

uint16_t http_decide(const struct http_connection *c)
{
    uint16_t framing = http_decide_framing(c);

    if (framing != 0 || c->status != 0) {
        return framing != 0 ? framing : c->status;
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
    if (c->method == HTTP_POST && (http_is_foreign(c) || (c->flags & FLAG_X_PLUGNET) == 0)) {
        return 403;
    }
    if (!http_acceptable(c)) {
        return 406;
    }
    if (((c->flags & FLAG_IF_MATCH) != 0 && !http_matches(c, FLAG_MATCH)) ||
        (c->method == HTTP_POST && http_matches(c, FLAG_NONE_MATCH))) {
        return 412;
    }
    return 0;
}

/* May a route's post return it? Not what needs a header field that nobody adds. */
static bool http_post_status_valid(uint16_t status)
{
    return ((status >= 200 && status < 300) || (status >= 400 && status < 600)) && status != 205 &&
           status != 206 && status != 401 && status != 405 && status != 407 && status != 426;
}

void http_complete(struct http_connection *c)
{
    uint16_t status = c->status;

    c->stats->requests++;
    if (status == 0 && c->method == HTTP_POST) {
        status = c->route->post(c->config->context, c->text, c->length);
        if (!http_post_status_valid(status)) {
            http_route_blame(c, "post returned no status of an answer");
            status = 500;
        }
    } else if (status == 0) {
        status = http_matches(c, FLAG_NONE_MATCH) ? 304 : 200;
        if (http_wants_plain(c)) {
            c->resource++;
        }
    }
    http_answer(c, status);
}

/* ---- Reading ahead ---- */

bool http_save(const struct http_connection *c, struct http_saved *saved)
{
    if (c->state != AT_ANSWER || c->output != OUT_HEAD) {
        return false;
    }
    *saved = (struct http_saved){c->resource, c->route, c->flags, c->status, c->method, c->accept};
    return true;
}

void http_load(struct http_connection *c, const struct http_saved *saved)
{
    c->resource = saved->resource;
    c->route = saved->route;
    c->flags |= saved->flags; /* it may be closing */
    c->status = saved->status;
    c->method = saved->method;
    c->accept = saved->accept;
    c->state = AT_ANSWER;
    c->output = OUT_HEAD;
}

bool http_saved_is_last(const struct http_saved *saved)
{
    return (saved->flags & FLAG_CLOSE) != 0;
}

/* ---- Output ---- */

static void http_head_allow(const struct http_connection *c, struct text *t)
{
    uint8_t methods = http_methods_allowed(c);

    TEXT_PUT(t, "Allow: ");
    if ((methods & HTTP_GET) != 0) {
        TEXT_PUT(t, "GET, HEAD");
    }
    if (methods == (HTTP_GET | HTTP_HEAD | HTTP_POST)) {
        TEXT_PUT(t, ", ");
    }
    if ((methods & HTTP_POST) != 0) {
        TEXT_PUT(t, "POST");
    }
    TEXT_PUT(t, "\r\n");
}

static void http_head_type(const char *type, struct text *t)
{
    if (type != NULL) {
        TEXT_PUT(t, "Content-Type: ");
        text_put(t, type);
        TEXT_PUT(t, "\r\n");
    }
}

/* It is, or could have been, gzip-coded, by what Accept-Encoding says. */
static bool http_varies(const struct http_connection *c)
{
    const struct http_resource *r = c->resource;

    return r->gzip || (r != c->config->resources && r[-1].gzip && strcmp(r[-1].path, r->path) == 0);
}

static void http_head_resource(const struct http_connection *c, struct text *t)
{
    const struct http_resource *r = c->resource;

    if (r->etag != NULL) {
        TEXT_PUT(t, "ETag: ");
        text_put(t, r->etag);
        TEXT_PUT(t, "\r\n");
    }
    if (http_varies(c)) { /* may be kept, must be asked for: the ETag answers */
        TEXT_PUT(t, "Cache-Control: no-cache\r\nVary: Accept-Encoding\r\n");
    } else {
        TEXT_PUT(t, "Cache-Control: no-cache\r\n");
    }
    if (r->headers != NULL) {
        text_put(t, r->headers);
    }
    if (c->status == 304) {
        return;
    }
    http_head_type(r->type, t);
    if (r->gzip) {
        TEXT_PUT(t, "Content-Encoding: gzip\r\nContent-Length: ");
    } else {
        TEXT_PUT(t, "Content-Length: ");
    }
    text_put_u32(t, r->length);
    TEXT_PUT(t, "\r\n");
}

static void http_head_route(const struct http_connection *c, struct text *t)
{
    TEXT_PUT(t, "Cache-Control: no-store\r\n");
    if (c->status == 304) {
        return;
    }
    http_head_type(c->route->type, t);
    if ((c->flags & FLAG_HTTP10) == 0) {
        TEXT_PUT(t, "Transfer-Encoding: chunked\r\n");
    }
}

/* What an answer says that has no text of its own. */
static const char *http_reason(const struct http_connection *c)
{
    if (c->status != 406 || c->method == HTTP_POST) {
        return http_status_text(c->status);
    }
    return c->resource != NULL && c->resource->gzip && http_plain(c) == NULL
               ? "This is kept gzip-coded only; ask with Accept-Encoding: gzip"
               : "This is not gzip-coded, and Accept-Encoding refuses identity";
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

static void http_head_text(const struct http_connection *c, struct text *t)
{
    const char *reason = http_reason(c);

    if (c->status == 406) {
        TEXT_PUT(t, "Vary: Accept-Encoding\r\n");
    }
    TEXT_PUT(t, "Content-Type: text/plain\r\nContent-Length: ");
    text_put_u32(t, (uint32_t)strlen(reason) + 1);
    TEXT_PUT(t, "\r\n\r\n");
    if (c->method != HTTP_HEAD) {
        text_put(t, reason);
        TEXT_PUT(t, "\n");
    }
}

static void http_head(const struct http_connection *c, struct text *t)
{
    if (c->status == 200) {
        TEXT_PUT(t, "HTTP/1.1 200 OK");
    } else {
        TEXT_PUT(t, "HTTP/1.1 ");
        text_put_u32(t, c->status);
        TEXT_PUT(t, " ");
        text_put(t, http_status_text(c->status));
    }
    TEXT_PUT(t, "\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n");
    if ((c->flags & FLAG_CLOSE) != 0) {
        TEXT_PUT(t, "Connection: close\r\n");
    }
    if (c->status == 405) {
        http_head_allow(c, t);
    }
    if (c->resource != NULL && (c->status == 200 || c->status == 304)) {
        http_head_resource(c, t);
    } else if (http_has_parts(c) || c->status == 304) {
        http_head_route(c, t);
    } else if (c->status != 204) {
        http_head_text(c, t);
        return;
    }
    TEXT_PUT(t, "\r\n");
}

/* Let the route make its next part, empty ones skipped. Returns why it has failed; NULL: it hasn't. */
static const char *http_part_make(struct http_connection *c, struct text *body, bool *more)
{
    char *bytes = body->bytes;

    for (unsigned turn = 0; turn <= HTTP_EMPTY_MAX; turn++) {
        *more = c->route->part(c->config->context, c->done, body);
        if (body->overflow || body->bytes != bytes || body->length > HTTP_PART_MAX) {
            return "a part is longer than HTTP_PART_MAX";
        }
        if (*more && c->done == UINT32_MAX) {
            return "no end after 4,294,967,296 parts";
        }
        if (!*more || body->length > 0) {
            return NULL;
        }
        c->done++;
    }
    return "too many parts without text";
}

/* The next part of a route's text as a chunk, the last one with the end behind it. False: the route has failed. */
static bool http_part(struct http_connection *c, char *scratch, struct http_piece *piece)
{
    bool framed = (c->flags & FLAG_HTTP10) == 0, more = false;
    struct text body = text_over(scratch + 5, HTTP_PART_MAX);
    struct text head = text_over(scratch, 5);
    struct text tail;
    const char *trouble = http_part_make(c, &body, &more);

    if (trouble != NULL) {
        http_break(c, trouble);
        return false;
    }
    c->flags = more ? c->flags & ~(uint32_t)FLAG_LAST_PART : c->flags | FLAG_LAST_PART;
    piece->bytes = body.bytes;
    piece->length = body.length;
    if (!framed) {
        return true;
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
    return true;
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
        if (t.overflow) {
            http_break(c, "type or headers too long");
        }
        return !t.overflow;
    case OUT_RESOURCE:
        piece->bytes = (const char *)c->resource->body + c->done;
        piece->length = c->resource->length - c->done;
        piece->lasting = true;
        return true;
    case OUT_PARTS: return http_part(c, scratch, piece);
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
        c->flags &= ~(uint32_t)FLAG_CONTINUE;
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
        c->done += (uint32_t)length;
        if (c->done >= c->resource->length) {
            http_output_end(c);
        }
        break;
    case OUT_PARTS:
        c->done++;
        if ((c->flags & FLAG_LAST_PART) != 0) {
            http_output_end(c);
        }
        break;
    default: break;
    }
}
