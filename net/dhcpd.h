/*
 * A DHCP server for a cable with one PC at its end: one address, the last asker gets it.
 *
 *   dhcpd_init ─→ dhcpd_answer for each datagram on port 67; pure, the transport is its service's (plugnet/service_dhcp.c)
 *
 * It never offers a router, a domain or a host name, so the PC keeps its Internet (facts.md F1). It is
 * authoritative: a wish for an address that isn't ours is refused at once. Source: RFC 2131 [unread], facts.md F.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_DHCPD_H
#define PLUGNET_NET_DHCPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Addresses in host order: 192.168.7.1 is 0xC0A80701. Const, outlives the server. */
struct dhcpd_config {
    uint32_t server; /* our address */
    uint32_t client; /* the one we lease */
    uint32_t netmask;
    uint32_t lease_s; /* seconds, at least 20 (dhcpcd's minimum); T1 and T2 follow from it */
    bool dns;         /* name ourselves as DNS server (option 6) */
};

/* Counters since dhcpd_init; they wrap. In the order of the status object. */
struct dhcpd_stats {
    uint32_t requests; /* well-formed messages of all kinds */
    uint32_t offers;
    uint32_t acks;
    uint32_t naks;
    uint32_t declines;
    uint32_t releases;
    uint32_t ignored; /* well-formed, but not for us: another server's client, BOOTP */
    uint32_t malformed;
};

struct dhcpd {
    const struct dhcpd_config *config;
    struct dhcpd_stats stats;
    uint8_t holder[6]; /* hardware address of the last ACK */
    bool bound;
};

/* Where a reply goes. */
struct dhcpd_destination {
    uint32_t address; /* 0xFFFFFFFF: broadcast */
    uint16_t port;
};

void dhcpd_init(struct dhcpd *d, const struct dhcpd_config *config);

/* Answer a datagram. Returns the reply's length in `reply` (capacity: DHCP_REPLY_MAX), 0: no reply. */
size_t dhcpd_answer(struct dhcpd *d, const uint8_t *request, size_t length, uint8_t *reply, size_t capacity,
                    struct dhcpd_destination *to);

#ifdef __cplusplus
}
#endif

#endif
