/*
 * DHCP messages, read and written.
 *
 * dhcp_request_parse walks up to three areas of options; the walk is proven by itself, for an area of any bytes.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "wire/dhcp_msg.c"

/* ---- dhcp_options_walk: any area. ---- */

static bool dhcp_options_walk_needs(const struct dhcp_request *r, const uint8_t *at, size_t length)
{
    return length <= UINT16_MAX && READABLE(at, length) && r->type <= DHCP_INFORM &&
           (r->max_size == 0 || r->max_size >= DHCP_MAX_SIZE_MIN);
}

static bool dhcp_options_walk_gives(uint8_t overload, const struct dhcp_request *r,
                                    const struct dhcp_request *before, const uint8_t *at, size_t length)
{
    return overload <= (OVERLOAD_FILE | OVERLOAD_SNAME) && r->type <= DHCP_INFORM &&
           (r->max_size == 0 || r->max_size >= DHCP_MAX_SIZE_MIN) &&
           (r->client_id == before->client_id
                ? r->client_id_length == before->client_id_length
                : r->client_id_length >= 2 && INSIDE(r->client_id, r->client_id_length, at, length)) &&
           r->chaddr == before->chaddr && r->hlen == before->hlen;
}

static struct dhcp_request request_before; /* the loop's contract names it */

void prove_dhcp_options_walk(void)
{
    size_t length = any_size(UINT16_MAX);
    uint8_t *bytes = any_bytes(length);
    struct dhcp_request r;

    r.client_id = NULL;
    ASSUME(dhcp_options_walk_needs(&r, bytes, length));
    request_before = r;
    uint8_t overload = dhcp_options_walk(&r, bytes, length);
    PROVE(dhcp_options_walk_gives(overload, &r, &request_before, bytes, length));
    if (r.client_id != NULL && overload != 0)
        REACHED("a client's name, and an overload");
}

uint8_t contract_dhcp_options_walk(struct dhcp_request *r, const uint8_t *at, size_t length)
{
    struct dhcp_request before = *r, any;
    uint8_t overload = nondet_u8();

    PROVE(dhcp_options_walk_needs(r, at, length));
    any.chaddr = before.chaddr;
    any.client_id = nondet_bool() ? before.client_id : at + any_size(length);
    *r = any;
    ASSUME(dhcp_options_walk_gives(overload, r, &before, at, length));
    return overload;
}

/* ---- The module's own functions. ---- */

void prove_dhcp_request_parse(void)
{
    size_t length = any_size(UINT16_MAX);
    uint8_t *bytes = any_bytes(length);
    struct dhcp_request r;

    if (!dhcp_request_parse(bytes, length, &r))
        return;
    PROVE(length >= DHCP_MESSAGE_MIN && r.hlen <= 16 && INSIDE(r.chaddr, 16, bytes, length));
    PROVE(r.type <= DHCP_INFORM && (r.max_size == 0 || r.max_size >= DHCP_MAX_SIZE_MIN));
    PROVE(r.client_id == NULL || INSIDE(r.client_id, r.client_id_length, bytes, length));
    if (r.client_id != NULL)
        REACHED("a request with a client's name");
}

/* ---- Replies, in any room. ---- */

/* Where nothing has run over, one byte stays free for the end. */
static bool writer_good(const struct dhcp_writer *w)
{
    return w->overflow ||
           (w->length >= AT_OPTIONS && w->length < w->capacity && w->capacity >= DHCP_REPLY_MIN);
}

static bool dhcp_put_option_needs(const struct dhcp_writer *w, const uint8_t *data, uint8_t length)
{
    return writer_good(w) && WRITABLE(w->bytes, w->capacity) && READABLE(data, length);
}

static bool dhcp_put_option_gives(const struct dhcp_writer *w, const struct dhcp_writer *before,
                                  uint8_t length)
{
    bool fits = !before->overflow && before->capacity - before->length >= 3u + length;

    return writer_good(w) && w->bytes == before->bytes && w->capacity == before->capacity &&
           w->overflow == !fits && w->length == before->length + (fits ? 2u + length : 0);
}

void prove_dhcp_put_option(void)
{
    uint8_t length = nondet_u8(), *data = any_bytes(length);
    struct dhcp_writer w, before;

    w.capacity = any_size(UINT16_MAX);
    w.bytes = any_bytes(w.capacity);
    ASSUME(dhcp_put_option_needs(&w, data, length));
    before = w;
    dhcp_put_option(&w, (enum dhcp_option)nondet_u8(), data, length);
    PROVE(dhcp_put_option_gives(&w, &before, length));
    if (!w.overflow)
        REACHED("an option that fits");
    else if (!before.overflow)
        REACHED("one that doesn't");
}

void contract_dhcp_put_option(struct dhcp_writer *w, enum dhcp_option code, const uint8_t *data,
                              uint8_t length)
{
    struct dhcp_writer before = *w;

    (void)code;
    PROVE(dhcp_put_option_needs(w, data, length));
    w->overflow = nondet_bool();
    w->length = nondet_size();
    ASSUME(dhcp_put_option_gives(w, &before, length));
}

/* A reply of three options: what doesn't fit is left out, and said. */
void prove_dhcp_reply(void)
{
    size_t capacity = any_size(UINT16_MAX);
    uint8_t *bytes = any_bytes(capacity), *data = any_bytes(UINT8_MAX), chaddr[16];
    struct dhcp_request request;
    struct dhcp_writer w;

    request.chaddr = chaddr;
    dhcp_reply_begin(&w, bytes, capacity, &request, (enum dhcp_type)nondet_u8(), nondet_u32());
    PROVE(writer_good(&w) && w.overflow == (capacity < DHCP_REPLY_MIN));
    dhcp_put_u32(&w, (enum dhcp_option)nondet_u8(), nondet_u32());
    dhcp_put_option(&w, (enum dhcp_option)nondet_u8(), data, nondet_u8());
    dhcp_put_option(&w, (enum dhcp_option)nondet_u8(), data, nondet_u8());
    size_t length = dhcp_reply_end(&w);
    PROVE(length == 0 ? w.overflow : length >= DHCP_REPLY_MIN && length <= capacity);
    if (length > DHCP_REPLY_MAX)
        REACHED("a long reply");
    if (length == 0)
        REACHED("none");
}
