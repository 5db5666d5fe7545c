/*
 * Keeps TCP connections available: when lwIP's PCBs run out, the oldest half-open connection goes, then the
 * oldest that no service owns any more. So neither a SYN flood nor clients that vanish keep others out.
 *
 *   tcp_guard_poll in each round of the loop, after the frames
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_TCP_GUARD_H
#define PLUGNET_NET_TCP_GUARD_H

#include <stdint.h>

struct tcp_guard {
    uint32_t guarded; /* connections ended here; wraps */
};

void tcp_guard_poll(struct tcp_guard *guard);

#endif
