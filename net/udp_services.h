/*
 * The services that live on UDP, on lwIP's raw API: DHCP (67), DNS (53), mDNS (5353). Each thinks in its own
 * file without lwIP; here are only their sockets.
 *
 *   udp_services_start ─→ udp_services_poll in each round of the loop (mDNS has timers)
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_UDP_SERVICES_H
#define PLUGNET_NET_UDP_SERVICES_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dhcpd;
struct dnsd;
struct mdnsd;
struct netif;
struct udp_pcb;

/* Caller-owned. You set the first four, NULL for a service that isn't wanted; they and the interface outlive
 * it and are initialised by the caller. */
struct udp_services {
    struct netif *netif;
    struct dhcpd *dhcpd;
    struct dnsd *dnsd;
    struct mdnsd *mdnsd;
    /* We keep: */
    struct udp_pcb *dhcp_pcb, *dns_pcb, *mdns_pcb;
    bool was_up;
    uint32_t no_memory; /* replies lost for want of memory; wraps */
};

/* Open the sockets. False: not enough PCBs. */
bool udp_services_start(struct udp_services *s);

void udp_services_poll(struct udp_services *s);

#ifdef __cplusplus
}
#endif

#endif
