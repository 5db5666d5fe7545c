/*
 * What every server on lwIP's raw TCP API does in the same way: listen on a port, let go of a connection.
 *
 * Results are what a callback of that connection has to return. After an end the pcb is lwIP's alone: none of its
 * callbacks comes any more.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_TCP_PCB_H
#define PLUGNET_NET_TCP_PCB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/tcp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Listen on all addresses; `accepted` gets `arg`. NULL: no memory, or the port is taken. */
struct tcp_pcb *tcp_pcb_listen(uint16_t port, void *arg, tcp_accept_fn accepted);

/* End a connection: by FIN, and by RST if there is no memory for that; or by RST at once. */
err_t tcp_pcb_close(struct tcp_pcb *pcb);
err_t tcp_pcb_abort(struct tcp_pcb *pcb);

/* Take back the last `length` bytes that came, as if they had been lost: the peer sends them again. Only in the receive
 * callback that brought them, before tcp_recved or tcp_output is called on `pcb`. If the peer's FIN came behind them
 * (the state is CLOSE_WAIT), it is taken back, too: lwIP's next call with a NULL pbuf must then be ignored.
 * False: they have been acknowledged, and nothing is changed. */
bool tcp_pcb_unreceive(struct tcp_pcb *pcb, size_t length);

/* Let the peer send one segment at a time, of which `waits` bytes have come and are not consumed: never more comes than there is room for.
 * lwIP drops what the peer had begun to send beyond that. Called after each tcp_recved, before tcp_output. */
void tcp_pcb_narrow(struct tcp_pcb *pcb, size_t waits);

/* The same without taking back what the peer was told: it may send that, then one segment at a time. For a peer that is sending: lwIP
 * 2.1.3 at the other end stood still for good where a window had shrunk inside a segment. Returns how many bytes it was told, so many may be on their way. */
size_t tcp_pcb_taper(struct tcp_pcb *pcb, size_t waits);

#ifdef __cplusplus
}
#endif

#endif
