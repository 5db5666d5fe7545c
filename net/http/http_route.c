/*
 * What the functions of a route may call; see http.h.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_private.h"

#include <string.h>

void *http_context(const struct http_request *r)
{
    return r->site->config->context;
}

const void *http_data(const struct http_request *r)
{
    return http_route_of(r) != NULL ? http_route_of(r)->data : NULL;
}

const char *http_path(const struct http_request *r)
{
    return http_route_of(r) != NULL ? http_route_of(r)->path : r->resource != NULL ? r->resource->path : NULL;
}

void *http_state(struct http_request *r)
{
    return r->state_words;
}

uint16_t http_status(const struct http_request *r)
{
    return r->status;
}

uint8_t http_method(const struct http_request *r)
{
    return r->method;
}

uint32_t http_remote(const struct http_request *r)
{
    return r->remote;
}

uint32_t http_part(const struct http_request *r)
{
    return r->done;
}

uint32_t http_body_length(const struct http_request *r)
{
    return r->body_length;
}

void http_refuse(struct http_request *r, uint16_t status)
{
    r->status = status >= 400 && status < 600 ? status : 500;
}

void http_hold(struct http_request *r)
{
    r->flags2 |= FLAG2_HELD;
}

void http_answer_length(struct http_request *r, uint32_t length)
{
    r->left = length;
    r->flags |= FLAG_LENGTH;
}

void http_wake(struct http_request *r)
{
    __atomic_store_n(&r->woken, true, __ATOMIC_RELEASE);
    __atomic_store_n(&r->site->woken, true,
                     __ATOMIC_RELEASE); /* last: whoever sees it sees the request's, too */
    if (r->site->config->wake != NULL) {
        r->site->config->wake();
    }
}

void http_put_header(struct text *out, const char *name, const char *value)
{
    size_t from = out->length;

    text_put(out, name);
    text_put(out, ": ");
    text_put(out, value);
    for (size_t i = from; i < out->length; i++) {
        uint8_t byte = (uint8_t)out->bytes[i];
        if (byte < ' ' || byte == 0x7F) {
            out->bytes[i] = ' ';
        }
    }
    text_put(out, "\r\n");
}

/* ---- What was kept of the request ---- */

void http_keep(struct http_request *r, unsigned number, const char *value, size_t length)
{
    if (length + 2 > (size_t)(HTTP_KEEP_MAX - r->kept)) {
        r->flags |= FLAG_KEEP_FULL;
        return;
    }
    r->keep[r->kept] = (char)number;
    memcpy(r->keep + r->kept + 1, value, length);
    r->keep[r->kept + 1 + length] = 0;
    r->kept = (uint8_t)(r->kept + length + 2);
}

/* Forget all but the check's header fields. */
static void http_keep_check(struct http_request *r)
{
    size_t kept = 0;

    for (size_t at = 0, length; at < r->kept; at += length) {
        unsigned number = (uint8_t)r->keep[at];
        length = strlen(r->keep + at + 1) + 2;
        if (number >= KEEP_HEADERS + HTTP_WANTED_MAX && number < KEEP_UPGRADE) {
            memmove(r->keep + kept, r->keep + at, length);
            kept += length;
        }
    }
    r->kept = (uint8_t)kept;
}

/* What finds no room is told after the check, so that nobody learns by it what a path wants. What the check itself wants must be
 * whole: a login that was cut off is no wrong guess. */
void http_keep_field(struct http_request *r)
{
    bool checked = r->wanted > HTTP_WANTED_MAX;

    if (checked && r->length + 2u > (size_t)(HTTP_KEEP_MAX - r->kept)) {
        r->flags |= FLAG_KEEP_FULL;
        http_keep_check(r);
    }
    if ((r->flags & FLAG_OVERFLOW) != 0 || r->length + 2u > (size_t)(HTTP_KEEP_MAX - r->kept)) {
        r->flags |= FLAG_KEEP_FULL;
        r->flags2 |= checked ? FLAG2_UNCHECKED : 0;
        return;
    }
    http_keep(r, KEEP_HEADERS + r->wanted - 1u, r->text, r->length);
}

const char *http_kept(const struct http_request *r, unsigned number)
{
    for (const char *at = r->keep; at < r->keep + r->kept; at += strlen(at + 1) + 2) {
        if (*at == (char)number) {
            return at + 1;
        }
    }
    return NULL;
}

const char *http_tail(const struct http_request *r)
{
    const char *tail = http_kept(r, KEEP_TAIL);

    return tail != NULL ? tail : "";
}

const char *http_header(const struct http_request *r, const char *name)
{
    const char *const *lists[2] = {http_route_of(r) != NULL ? http_route_of(r)->headers : NULL,
                                   http_check_headers(r)};
    const char *value = NULL;

    for (unsigned list = 0; list < 2 && value == NULL; list++) {
        for (unsigned i = 0; lists[list] != NULL && lists[list][i] != NULL; i++) {
            if (text_equal_nocase(name, strlen(name), lists[list][i])) {
                value = value != NULL ? value : http_kept(r, KEEP_HEADERS + list * HTTP_WANTED_MAX + i);
            }
        }
    }
    return value;
}

/* Decode one character of a query. Returns how many it took; 0: malformed. */
static size_t http_query_decode(const char *at, char *byte)
{
    char code[3] = {at[0], at[0] == '%' ? at[1] : 0, 0};

    if (at[0] != '%') {
        *byte = at[0] == '+' ? ' ' : at[0];
        return 1;
    }
    code[2] = code[1] != 0 ? at[2] : 0;
    if (code[2] == 0 || http_percent_decode(code, 3) != 1) {
        return 0;
    }
    *byte = code[0];
    return 3;
}

/* Copy a value, up to the next '&'. Returns its length, or -2. */
static int http_query_value(const char *at, char *out, size_t size)
{
    size_t length = 0;

    if (size == 0) {
        return -2;
    }
    while (*at != 0 && *at != '&') {
        size_t used = length + 1 < size ? http_query_decode(at, out + length) : 0;
        if (used == 0) {
            *out = 0; /* no part of it */
            return -2;
        }
        at += used;
        length++;
    }
    out[length] = 0;
    return (int)length;
}

int http_query(const struct http_request *r, const char *name, char *out, size_t size)
{
    const char *at = http_kept(r, KEEP_QUERY);
    size_t length = strlen(name);

    if (size > 0) {
        *out = 0;
    }
    while (at != NULL && *at != 0) {
        if (strncmp(at, name, length) == 0 && (at[length] == '=' || at[length] == '&' || at[length] == 0)) {
            return http_query_value(at + length + (at[length] == '='), out, size);
        }
        at = strchr(at, '&');
        at = at != NULL ? at + 1 : NULL;
    }
    return -1;
}

bool http_query_u32(const struct http_request *r, const char *name, uint32_t min, uint32_t max,
                    uint32_t *value)
{
    char text[12];
    int length = http_query(r, name, text, sizeof text);
    uint32_t number = 0;

    if (length <= 0 || length > 10 || !http_number_parse(text, (size_t)length, &number) || number < min ||
        number > max ||
        (number == UINT32_MAX && strcmp(text, "4294967295") != 0)) { /* larger ones count as that */
        return false;
    }
    *value = number;
    return true;
}

/* ---- Whole bodies ---- */

size_t http_collect(struct http_request *r, struct http_buffer *buffer, const uint8_t *bytes, size_t length)
{
    if (buffer->owner != NULL && buffer->owner != r) {
        http_refuse(r, 503);
        return 0;
    }
    if (buffer->owner == NULL) {
        buffer->owner = r;
        buffer->length = 0;
    }
    if (length > buffer->size - buffer->length ||
        (r->body_length != UINT32_MAX && r->body_length > buffer->size)) {
        http_refuse(r, 413);
        return 0;
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return length;
}

void http_collect_end(struct http_request *r, struct http_buffer *buffer)
{
    if (buffer->owner == r) {
        buffer->owner = NULL;
        buffer->length = 0;
    }
}
