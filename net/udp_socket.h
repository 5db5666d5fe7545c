/*
 * What every UDP service on lwIP's raw API does in the same way: a socket on one interface, and a reply made on the stack.
 *
 *   udp_socket_open ─→ lwIP calls `receive` for each datagram ─→ udp_socket_send ─→ pbuf_free
 *
 * Received datagrams are in one piece here (netif_ncm.c), so `p->payload` and `p->len` are all of it; a service that wants to
 * be sure drops those with a `p->next`.
 *
 * All calls come from the loop, or lwIP's callbacks in it.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_UDP_SOCKET_H
#define PLUGNET_NET_UDP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/udp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A socket on `netif` at `address` (the interface's own, so that two interfaces can each have such a socket; broadcasts reach
 * it, too. IP_ANY_TYPE: groups as well) and `port`; `receive` gets `state`, and owns its pbuf. NULL: no PCB is left
 * (MEMP_NUM_UDP_PCB), or the port is taken. */
struct udp_pcb *udp_socket_open(struct netif *netif, const ip_addr_t *address, uint16_t port,
                                udp_recv_fn receive, void *state);

/* Send a copy of `length` bytes to `address` (host order) and `port`. False: no memory, or no link; it is lost. */
bool udp_socket_send(struct udp_pcb *pcb, const void *bytes, size_t length, uint32_t address, uint16_t port);

#ifdef __cplusplus
}
#endif

#endif
