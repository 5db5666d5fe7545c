/*
 * Keeps TCP connections and memory available: when lwIP's PCBs run out, the oldest half-open connection goes,
 * then the oldest that no service owns any more. So neither a SYN flood nor clients that vanish keep others out.
 *
 *   tcp_guard_poll in each round of the loop, after the frames
 *   tcp_guard_room before each tcp_write: TCP must leave memory for ARP, DHCP, DNS, and for new connections
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_TCP_GUARD_H
#define PLUGNET_NET_TCP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_GUARD_HEAP                                                                                       \
    1024 /* bytes of lwIP's heap that TCP's data leaves free: DHCP, mDNS, requests that wait */
#define TCP_GUARD_SEGS 4 /* segments: SYN and FIN of others */

struct tcp_guard {
    uint32_t guarded; /* connections ended here; wraps */
    bool link_up;     /* ours */
};

/* When the link goes down, connections with data in flight end, since they would keep their memory for many
 * seconds. Idle ones stay: a PC that wakes up finds them. */
void tcp_guard_poll(struct tcp_guard *guard, bool link_up);

/* True: a segment with `length` bytes to be copied (0: they lie in flash) may be queued. */
bool tcp_guard_room(size_t length);

/* End the connection that no service owns, or whose service yields (lowest priority: iperf), and whose client has been
 * silent longest, at least a second, if it still holds unacknowledged data. False: there is none. */
bool tcp_guard_reclaim(void);

#endif
