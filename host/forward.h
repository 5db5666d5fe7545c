/*
 * Forwards: TCP ports on this machine's loopback that lead to ports of the board.
 *
 *   a program ⇄ socket ⇄ one connection each ⇄ lwIP ⇄ cable ⇄ board
 *
 * Back-pressure both ways: a socket is read only while lwIP has room to send; the board's window opens only as
 * the socket takes data. Each side's end of data is passed on by itself (half-close); a reset on one side
 * resets the other. A connection that comes while the board isn't reachable waits FORWARD_WAIT_MS for it. When
 * the cable goes, connections are reset and listeners stay.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_FORWARD_H
#define PLUGNET_HOST_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORWARD_WAIT_MS         10000 /* virtual */
#define FORWARD_CONNECTIONS_MAX 256   /* of one forward; more wait in the listener's queue */

struct pc;
struct forward; /* one port; from forward_new */

/* Listen at 127.0.0.1 and, where there is one, ::1. NULL: no; `error` holds one line. */
struct forward *forward_new(struct pc *pc, uint16_t local_port, uint16_t board_port, char *error,
                            size_t error_size);
void forward_free(struct forward *forward);

/* Once in a frame: accept, and move bytes. */
void forward_poll(struct forward *forward);

/* The board is gone: reset what is connected. */
void forward_reset(struct forward *forward);

uint16_t forward_port(const struct forward *forward);
unsigned forward_connections(const struct forward *forward);

#endif
