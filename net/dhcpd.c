/*
 * The DHCP server's decisions; see the header.
 *
 *   SELECTING     option 54 = us, option 50      ACK or NAK
 *   INIT-REBOOT   option 50, no 54               ACK or NAK, at once
 *   RENEW, REBIND ciaddr, neither 50 nor 54      ACK or NAK
 */
/* SPDX-License-Identifier: MIT */
#include "net/dhcpd.h"

#include <string.h>

#include "wire/dhcp_msg.h"

#define BROADCAST 0xFFFFFFFFu

void dhcpd_init(struct dhcpd *d, const struct dhcpd_config *config)
{
    memset(d, 0, sizeof *d);
    d->config = config;
}

/* Where a reply of this kind goes. A client without address gets a broadcast, whatever its flag says: it
 * can't answer ARP yet. One with an address gets it there, because its socket may listen nowhere else. */
static void dhcpd_destination_choose(const struct dhcpd *d, const struct dhcp_request *r, enum dhcp_type type,
                                     struct dhcpd_destination *to)
{
    bool near = ((r->ciaddr ^ d->config->server) & d->config->netmask) == 0;

    to->port = DHCP_PORT_CLIENT;
    to->address = BROADCAST;
    if (r->giaddr != 0) {
        to->address = r->giaddr;
        to->port = DHCP_PORT_SERVER;
    } else if (type == DHCP_ACK && r->ciaddr != 0 && near) {
        to->address = r->ciaddr;
    }
}

static size_t dhcpd_reply(struct dhcpd *d, const struct dhcp_request *r, enum dhcp_type type, uint8_t *reply,
                          size_t capacity, struct dhcpd_destination *to)
{
    const struct dhcpd_config *c = d->config;
    bool lease = type != DHCP_NAK && r->type != DHCP_INFORM;
    struct dhcp_writer w;

    dhcpd_destination_choose(d, r, type, to);
    dhcp_reply_begin(&w, reply, capacity, r, type, lease ? c->client : 0);
    dhcp_put_u32(&w, DHCP_OPTION_SERVER_ID, c->server);
    if (lease) {
        dhcp_put_u32(&w, DHCP_OPTION_LEASE, c->lease_s);
        dhcp_put_u32(&w, DHCP_OPTION_T1, c->lease_s / 2);
        dhcp_put_u32(&w, DHCP_OPTION_T2, c->lease_s / 8 * 7 + c->lease_s % 8 * 7 / 8);
    }
    if (type != DHCP_NAK) {
        dhcp_put_u32(&w, DHCP_OPTION_NETMASK, c->netmask);
        if (c->dns) {
            dhcp_put_u32(&w, DHCP_OPTION_DNS, c->server);
        }
    }
    if (r->client_id != NULL) {
        dhcp_put_option(&w, DHCP_OPTION_CLIENT_ID, r->client_id, r->client_id_length);
    }
    return dhcp_reply_end(&w);
}

/* Give the address to whoever asks, or refuse an address that isn't ours to give. */
static size_t dhcpd_request_answer(struct dhcpd *d, const struct dhcp_request *r, uint8_t *reply,
                                   size_t capacity, struct dhcpd_destination *to)
{
    uint32_t wish = r->has_requested ? r->requested : r->ciaddr;

    if (wish == 0) {
        d->stats.malformed++;
        return 0;
    }
    if (wish != d->config->client) {
        d->stats.naks++;
        return dhcpd_reply(d, r, DHCP_NAK, reply, capacity, to);
    }
    d->stats.acks++;
    d->bound = true;
    memcpy(d->holder, r->chaddr, sizeof d->holder);
    return dhcpd_reply(d, r, DHCP_ACK, reply, capacity, to);
}

size_t dhcpd_answer(struct dhcpd *d, const uint8_t *request, size_t length, uint8_t *reply, size_t capacity,
                    struct dhcpd_destination *to)
{
    struct dhcp_request r;

    if (!dhcp_request_parse(request, length, &r)) {
        d->stats.malformed++;
        return 0;
    }
    d->stats.requests++;
    if (r.has_server_id && r.server_id != d->config->server) {
        d->stats.ignored++; /* it deals with another server */
        return 0;
    }
    switch (r.type) {
    case DHCP_DISCOVER: d->stats.offers++; return dhcpd_reply(d, &r, DHCP_OFFER, reply, capacity, to);
    case DHCP_REQUEST: return dhcpd_request_answer(d, &r, reply, capacity, to);
    case DHCP_INFORM: d->stats.acks++; return dhcpd_reply(d, &r, DHCP_ACK, reply, capacity, to);
    case DHCP_DECLINE: d->stats.declines++; return 0; /* offered again: there is no other address */
    case DHCP_RELEASE:
        d->stats.releases++;
        d->bound = d->bound && memcmp(d->holder, r.chaddr, sizeof d->holder) != 0;
        return 0;
    default: d->stats.ignored++; return 0;
    }
}
