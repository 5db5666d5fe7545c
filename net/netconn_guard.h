/*
 * For a product's own TCP server in a thread, on lwIP's netconn API: what keeps one of its clients from taking the memory
 * of all others. netconn's own write asks only whether lwIP's heap is empty, and its window lets each client have 11 kB
 * wait unread. Only in flavours with threads (docs/freertos.md has an example in words, app/console.c is one).
 *
 *   netconn_new ─→ netconn_bind ─→ netconn_guard_window ─→ netconn_listen ─→ netconn_accept …
 *   each connection: netconn_recv_tcp_pbuf_flags with NETCONN_NOAUTORCVD | NETCONN_DONTBLOCK, copy, pbuf_free at once
 *                    ─→ netconn_guard_used ─→ netconn_guard_write ─→ … ─→ netconn_guard_close or _abort
 *
 * All calls come from the thread that owns the netconn. None waits for a client or for memory, only for lwIP's thread.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_NETCONN_GUARD_H
#define PLUGNET_NET_NETCONN_GUARD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef NETCONN_GUARD_SEGMENT_MAX
#define NETCONN_GUARD_SEGMENT_MAX 128 /* bytes of one segment */
#endif
#define NETCONN_GUARD_WINDOW_MIN (2 * NETCONN_GUARD_SEGMENT_MAX)
#ifndef NETCONN_GUARD_IN_FLIGHT_MAX
#define NETCONN_GUARD_IN_FLIGHT_MAX 2 /* segments; the second only while memory is plenty */
#endif

struct netconn;

/* Connections to this listener may have at most `window` bytes (from NETCONN_GUARD_WINDOW_MIN on) received and not yet
 * given back by netconn_guard_used, and they yield where others need their memory. After netconn_bind, before
 * netconn_listen. */
void netconn_guard_window(struct netconn *listener, uint16_t window);

/* So many received bytes are done with: the window opens by them, and the client is told. */
void netconn_guard_used(struct netconn *conn, size_t length);

/* Copy as many of the bytes to lwIP as this connection's share and its client's window take just now. Returns how many: 0
 * means later, an acknowledgement (NETCONN_EVT_SENDPLUS) or some milliseconds later; -1 that there is no connection any
 * more. Memory that is back and a window that opens call nobody, so call again by the clock, too: while a window is
 * closed, this call asks the client for it once a second, and takes bytes as soon as it is open. */
int netconn_guard_write(struct netconn *conn, const void *bytes, size_t length);

/* End it: what was written still goes out, by lwIP alone, and FIN after it. Deletes the netconn. */
void netconn_guard_close(struct netconn *conn);

/* End it by RST. Deletes the netconn. */
void netconn_guard_abort(struct netconn *conn);

#ifdef __cplusplus
}
#endif

#endif
