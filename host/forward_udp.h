/*
 * Forwards of UDP: ports on this machine's loopback that lead to ports of the board.
 *
 *   a program's socket ⇄ our socket ⇄ one flow for each program's address ⇄ lwIP ⇄ cable ⇄ board
 *
 * A flow has a port of its own at the PC's end, so that the board tells programs apart and its datagrams find back, also
 * those that answer nothing. A flow lives until the cable goes or a newer one needs its place. What can't be delivered
 * is lost, as on any wire, and counted.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_FORWARD_UDP_H
#define PLUGNET_HOST_FORWARD_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORWARD_UDP_FLOWS_MAX 64
#define FORWARD_UDP_BYTES_MAX 1472 /* of one datagram: what fits into one frame */
#define FORWARD_UDP_FRAME_MAX 64   /* datagrams from programs in one millisecond; more wait in the socket */

struct pc;
struct forward_udp; /* one port; from forward_udp_new */

/* Listen at 127.0.0.1. NULL: no; `error` holds one line. */
struct forward_udp *forward_udp_new(struct pc *pc, uint16_t local_port, uint16_t board_port, char *error,
                                    size_t error_size);
void forward_udp_free(struct forward_udp *forward);

/* Once in a frame: move datagrams towards the board. The other way they go as they come. */
void forward_udp_poll(struct forward_udp *forward);

/* The board is gone: forget all flows. */
void forward_udp_reset(struct forward_udp *forward);

uint16_t forward_udp_port(const struct forward_udp *forward);
unsigned forward_udp_flows(const struct forward_udp *forward);
uint64_t forward_udp_lost(
    const struct forward_udp *forward); /* towards the board: no board, too long, no memory */

#endif
