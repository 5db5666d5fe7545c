/*
 * The body of an HTTP answer, piece by piece: a resource's bytes, a route's parts in chunks, or another protocol's.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_private.h"

#include <string.h>

_Static_assert(HTTP_SCRATCH_MAX >= 640, "HTTP_SCRATCH_MAX: a whole head, with a resource's own lines");
_Static_assert(HTTP_PART_MAX + 16 <= HTTP_SCRATCH_MAX, "a chunk's frame needs 12 bytes");

/* ---- Routes that fail ---- */

void http_blame(struct http_request *r, const char *why)
{
    r->site->stats.broken++;
    if (r->site->config->broken != NULL) {
        r->site->config->broken(http_route_of(r) != NULL ? http_route_of(r)->path : r->resource->path, why);
    }
}

void http_break(struct http_request *r, const char *why)
{
    http_blame(r, why);
    r->flags |= FLAG_BROKEN | FLAG_CLOSE;
    r->state = AT_CLOSED;
    r->output = OUT_NONE;
}

/* ---- Another protocol ---- */

uint16_t http_upgrade_begin(struct http_request *r)
{
    bool asked = (r->flags2 & FLAG2_UPGRADE) != 0 && (r->flags2 & FLAG2_WEBSOCKET) != 0 &&
                 r->method == HTTP_GET && (r->flags & FLAG_HTTP10) == 0;

    return asked ? http_upgrade_of(r)->begin(r) : 426;
}

size_t http_upgraded_take(struct http_request *r, char *bytes, size_t length)
{
    size_t taken = http_upgrade_of(r)->input(r, (uint8_t *)bytes, length);

    if (taken > length) {
        http_break(r, "more taken than there was");
        return length;
    }
    r->flags &= ~(uint32_t)FLAG_WAITING; /* there may be something to answer */
    r->flags2 |= taken < length ? FLAG2_HELD : 0;
    return taken;
}

/* ---- Parts ---- */

/* Let the route make its next part, empty ones skipped. Returns why it has failed; NULL: it hasn't. */
static const char *http_part_make(struct http_request *r, struct text *body, enum http_progress *progress)
{
    enum http_progress (*output)(struct http_request *, struct text *) =
        http_upgraded(r) ? http_upgrade_of(r)->output : http_route_of(r)->output;
    char *bytes = body->bytes;

    for (unsigned turn = 0; turn <= HTTP_EMPTY_MAX; turn++) {
        *progress = output(r, body);
        if (body->overflow || body->bytes != bytes || body->length > HTTP_PART_MAX) {
            return "a part is longer than HTTP_PART_MAX";
        }
        if ((unsigned)*progress > HTTP_WAIT) {
            return "output returned nothing that is known";
        }
        if (*progress != HTTP_WAIT || body->length > 0) {
            if (*progress == HTTP_MORE && r->done == UINT32_MAX) {
                return "too many parts";
            }
            r->done++;
        }
        if (*progress != HTTP_MORE || body->length > 0) {
            return NULL;
        }
    }
    return "too many parts without text";
}

/* The announced length is counted down. Returns what is wrong with it; NULL: nothing. */
static const char *http_part_count(struct http_request *r, size_t length, enum http_progress progress)
{
    if ((r->flags & FLAG_LENGTH) == 0) {
        return NULL;
    }
    if (length > r->left || (progress == HTTP_END && length < r->left)) {
        return "not as long as http_answer_length said";
    }
    r->left -= (uint32_t)length;
    return NULL;
}

/* The next part of a route's text, as a chunk where its length isn't known, the last one with the end behind it. */
static bool http_part_output(struct http_request *r, char *scratch, struct http_piece *piece)
{
    bool framed = (r->flags & (FLAG_HTTP10 | FLAG_LENGTH)) == 0 && !http_upgraded(r);
    enum http_progress progress = HTTP_END;
    struct text body = text_over(scratch + 5, HTTP_PART_MAX);
    struct text head = text_over(scratch, 5);
    struct text tail;
    const char *trouble = http_part_make(r, &body, &progress);

    trouble = trouble != NULL ? trouble : http_part_count(r, body.length, progress);
    if (trouble != NULL) {
        http_break(r, trouble);
        return false;
    }
    r->flags |= progress == HTTP_END ? FLAG_LAST_PART : progress == HTTP_WAIT ? FLAG_WAITING : 0;
    piece->bytes = body.bytes;
    piece->length = body.length;
    if (framed) {
        tail = text_over(body.bytes + body.length, 7);
        if (body.length > 0) {
            text_put_hex(&head, (uint32_t)body.length, 3);
            text_put(&head, "\r\n");
            text_put(&tail, "\r\n");
            piece->bytes = scratch;
            piece->length += head.length;
        }
        if (progress == HTTP_END) {
            text_put(&tail, "0\r\n\r\n");
        }
        piece->length += tail.length;
    }
    return piece->length > 0 || progress == HTTP_END;
}

/* ---- Output ---- */

/* The client waits to be told that its body is wanted, and nothing holds that back. */
static bool http_continue_due(const struct http_request *r)
{
    return (r->flags & FLAG_CONTINUE) != 0 && (r->flags2 & FLAG2_HELD) == 0 && r->state < AT_CHECK;
}

bool http_output_is_once(const struct http_request *r)
{
    return HTTP_ROUTES && r->output == OUT_PARTS;
}

bool http_output(struct http_request *r, char *scratch, struct http_piece *piece)
{
    struct text t = text_over(scratch, HTTP_SCRATCH_MAX);

    *piece = (struct http_piece){scratch, 0, false};
    if (http_continue_due(r)) {
        text_put(&t, "HTTP/1.1 100 Continue\r\n\r\n");
        piece->length = t.length;
        return true;
    }
    switch (r->output) {
    case OUT_HEAD:
        if (http_is_packed(r)) {
            http_packed_piece(r, piece);
            return true;
        }
        http_head(r, &t);
        piece->length = t.length;
        if (t.overflow) {
            http_break(r, "type or headers too long");
        }
        return !t.overflow;
    case OUT_PACKED:
        if (HTTP_QUICK) {
            http_packed_piece(r, piece);
        }
        return HTTP_QUICK;
    case OUT_RESOURCE:
        piece->bytes = (const char *)r->resource->body + r->done;
        piece->length = r->left - r->done;
        piece->is_static = true;
        return true;
    case OUT_PARTS: return HTTP_ROUTES && !http_waiting(r) && http_part_output(r, scratch, piece);
    default: return false;
    }
}

/* The whole answer has been taken. */
static void http_output_end(struct http_request *r)
{
    if ((r->flags & FLAG_CLOSE) != 0 || http_upgraded(r)) {
        r->state = AT_CLOSED;
        r->output = OUT_NONE;
        http_end(r);
    } else {
        http_reset(r);
    }
}

/* The head is out: what comes behind it. */
static void http_head_taken(struct http_request *r)
{
    bool body = r->method != HTTP_HEAD;

    if (HTTP_UPGRADES && r->status == 101) {
        r->state = AT_UPGRADED;
        r->output = OUT_PARTS;
    } else if (body && http_has_resource(r) && r->resource->length > 0) {
        r->done = http_is_part(r) ? r->range_first : 0;
        r->output = OUT_RESOURCE;
    } else if (body && http_has_parts(r)) {
        r->output = OUT_PARTS;
    } else {
        http_output_end(r);
    }
}

void http_output_taken(struct http_request *r, size_t length)
{
    if (http_continue_due(r)) {
        r->flags &= ~(uint32_t)FLAG_CONTINUE;
        return;
    }
    switch (r->output) {
    case OUT_HEAD:
        if (!http_is_packed(r)) {
            http_head_taken(r);
            break;
        }
        r->output = OUT_PACKED; /* and no more asked whether it is: http_close may come */
        r->left = http_packed_length(r);
        /* fall through */
    case OUT_PACKED:
    case OUT_RESOURCE:
        r->done += (uint32_t)length;
        if (r->done >= r->left) {
            http_output_end(r);
        }
        break;
    case OUT_PARTS:
        if ((r->flags & FLAG_LAST_PART) != 0) {
            http_output_end(r);
        }
        break;
    default: break;
    }
}
