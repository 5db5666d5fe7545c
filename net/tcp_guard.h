/*
 * Keeps TCP connections and memory available. When lwIP's PCBs run out, the oldest half-open connection goes, then the
 * oldest that no service owns any more: neither a SYN flood nor clients that vanish keep others out. When memory runs
 * out, connections whose peers don't acknowledge go, as soon as the PC itself has proved to be awake.
 *
 *   tcp_guard_poll in each round of the loop, after the frames
 *   sending: tcp_guard_write, or its parts: tcp_guard_window ─→ tcp_guard_room ─→ tcp_write
 *   no room: need = true; then tcp_guard_beat in each round ─→ true: tcp_guard_reclaim
 *
 * Two limits must not be taken for each other. A connection's own (its peer's window, its queue at its peer's MSS)
 * passes when its peer acknowledges, and concerns nobody else. Memory is everybody's.
 *
 * All calls come from the loop, or lwIP's callbacks in it.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_TCP_GUARD_H
#define PLUGNET_NET_TCP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tcp_pcb;

#ifndef TCP_GUARD_HEAP
#define TCP_GUARD_HEAP                                                                                       \
    1024 /* bytes of lwIP's heap that TCP's data leaves free: DHCP, mDNS, requests that wait */
#endif
#ifndef TCP_GUARD_SEGS
#define TCP_GUARD_SEGS 4 /* segments: SYN and FIN of others */
#endif
#ifndef TCP_GUARD_LOST_MS
#define TCP_GUARD_LOST_MS 1000 /* without an answer: ask again */
#endif
#ifndef TCP_GUARD_BEAT_MS
#define TCP_GUARD_BEAT_MS 50 /* between two questions to the PC while memory is short */
#endif
#ifndef TCP_GUARD_PIECE_MAX
#define TCP_GUARD_PIECE_MAX                                                                                  \
    256 /* bytes that tcp_guard_write copies into one segment: a PC acknowledges every second
                                   segment at once, but waits for a second one; half of it while HTTP needs memory */
#endif
#ifndef TCP_GUARD_NEED_MAX
#define TCP_GUARD_NEED_MAX 740 /* bytes of heap that it leaves then: one piece of HTTP's, with headers */
#endif
#ifndef TCP_GUARD_WAITERS
#define TCP_GUARD_WAITERS 4 /* connections that may wait in it for memory; further ones wait for tcp_poll */
#endif

struct tcp_guard {
    /* You set. */
    const uint32_t *answers; /* counter of ARP answers received; outlives the guard */
    bool need;               /* somebody waits for memory */
    /* We keep. */
    bool asked; /* the PC, and it hasn't answered yet */
    bool link_up;
    uint8_t waiter_count;
    uint32_t guarded;                           /* connections ended here; wraps */
    uint32_t beats;                             /* signs of life of the PC while memory was short; wraps */
    uint32_t beat_ms;                           /* when the PC was asked last */
    uint32_t heard;                             /* `answers` at that time */
    const struct tcp_pcb *served;               /* whose turn it is; NULL: nobody's */
    struct tcp_pcb *waiters[TCP_GUARD_WAITERS]; /* the oldest first; some may have ended */
};

/* When the link goes down, connections with data in flight end, since they would keep their memory for many
 * seconds. Idle ones stay: a PC that wakes up finds them. */
void tcp_guard_poll(struct tcp_guard *guard, bool link_up);

/* How many bytes may be queued on `pcb` by its own limits: what its peer's window takes, and what its queue takes in
 * segments of its peer's MSS. So nothing is kept for a peer that doesn't read. `is_static`: the bytes lie in flash.
 * 0: wait for `sent`; if nothing is in flight, the peer's window is closed, and its opening calls nobody: look again. */
size_t tcp_guard_window(const struct tcp_pcb *pcb, bool is_static);

/* True: `length` bytes may fit in one go some time, by the largest window that the peer has offered so far. */
bool tcp_guard_window_ever(const struct tcp_pcb *pcb, size_t length);

/* Bytes of heap that `length` bytes in segments of the peer's MSS take beyond the first one's headers. */
size_t tcp_guard_cost(const struct tcp_pcb *pcb, size_t length, bool is_static);

/* True: a segment with `length` bytes of heap (tcp_guard_cost; 0: one whose data lies in flash) may be queued. */
bool tcp_guard_room(size_t length);

/* Bytes of the heap that one further segment may hold. */
size_t tcp_guard_free(void);

/* For a product's own TCP services: queue up to `length` bytes on `pcb` and send them. Returns how many were taken, by
 * the limits above. The rest waits for the `sent` callback, which comes when the peer acknowledges, and with length 0
 * when memory that was short is there; call it from tcp_poll's callback, too. Several writers take turns, none
 * takes more than what it leaves, and HTTP comes first: a writer needs no tcp_setprio. */
size_t tcp_guard_write(struct tcp_guard *guard, struct tcp_pcb *pcb, const void *bytes, size_t length,
                       bool is_static);

/* True: all data has been acknowledged; a FIN may be on its way. */
bool tcp_guard_acknowledged(const struct tcp_pcb *pcb);

/* Someone waits for memory, so see if the PC is awake: ask it by ARP for the address of the peer of `pcb`, at most every
 * TCP_GUARD_BEAT_MS, and the next time when it has answered. True: it has just answered; `beats` has gone up. The
 * answer goes the same way as acknowledgements, behind them: so a PC that is too busy to send them is never taken for
 * peers that are gone. */
bool tcp_guard_beat(struct tcp_guard *guard, const struct tcp_pcb *pcb);

/* End all connections whose data in flight has not been acknowledged for TCP_GUARD_SILENT_MS at least; their err
 * callbacks are called. Those whose callback argument lies in the `own_size` bytes at `own` are the caller's to judge.
 * Returns how many have ended. */
#ifndef TCP_GUARD_SILENT_MS
#define TCP_GUARD_SILENT_MS 500
#endif
unsigned tcp_guard_reclaim(struct tcp_guard *guard, const void *own, size_t own_size);

#ifdef __cplusplus
}
#endif

#endif
