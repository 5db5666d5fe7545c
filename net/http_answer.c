/*
 * The answer to an HTTP request: its status, its head, and its body's pieces.
 *
 *   http_decide ─→ (body) ─→ http_complete ─┬→ http_answer ─→ HEAD ─→ RESOURCE or PARTS ─→ next request, or closed
 *   anything unreadable ─→ http_fail ───────┘
 */
/* SPDX-License-Identifier: MIT */
#include "net/http_private.h"

#include <string.h>

_Static_assert(HTTP_PART_MAX + 16 <= HTTP_SCRATCH_MAX, "a chunk's frame needs 12 bytes");

/* ---- Deciding ---- */

void http_answer(struct http_connection *c, uint16_t status)
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

void http_fail(struct http_connection *c, uint16_t status)
{
    c->flags |= FLAG_CLOSE;
    http_answer(c, status);
}

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

uint16_t http_decide(const struct http_connection *c)
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

void http_complete(struct http_connection *c)
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
