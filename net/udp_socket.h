/*
 * A UDP socket for a service: datagrams as bytes and addresses, so that the service needs no lwIP.
 *
 *   udp_socket_open ─→ `receive` for each datagram ─→ udp_socket_send, in it or at any other time
 *
 * All calls come from the loop.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_UDP_SOCKET_H
#define PLUGNET_NET_UDP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct netif;
struct udp_pcb;
struct udp_socket;

/* A datagram that has come; its bytes live until `receive` returns. */
struct udp_datagram {
    const uint8_t *bytes;
    size_t length;
    uint32_t address; /* who sent it, host order */
    uint16_t port;
    bool multicast; /* it was sent to a group */
};

typedef void udp_socket_receive(void *state, struct udp_socket *socket, const struct udp_datagram *datagram);

/* Caller-owned; lives as long as the board runs. Fields are ours. */
struct udp_socket {
    struct udp_pcb *pcb;
    udp_socket_receive *receive;
    void *state;
};

/* A socket on `netif` at its own address and `port`; broadcasts reach it, too. `receive` gets `state`; NULL: what
 * comes is dropped. False: no PCB is left (MEMP_NUM_UDP_PCB), or the port is taken. */
bool udp_socket_open(struct udp_socket *socket, struct netif *netif, uint16_t port,
                     udp_socket_receive *receive, void *state);

/* The same for all addresses, groups among them; sends with a TTL of 255, by which a receiver sees that it comes from its own
 * link. */
bool udp_socket_open_group(struct udp_socket *socket, struct netif *netif, uint16_t port,
                           udp_socket_receive *receive, void *state);

/* Send a copy of `length` bytes to `address` (host order) and `port`. False: no memory, or no link; it is lost. */
bool udp_socket_send(struct udp_socket *socket, const void *bytes, size_t length, uint32_t address,
                     uint16_t port);

#ifdef __cplusplus
}
#endif

#endif
