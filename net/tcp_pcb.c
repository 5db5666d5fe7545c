/*
 * Common ways with lwIP's TCP connections; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "net/tcp_pcb.h"

#include "lwip/priv/tcp_priv.h"

struct tcp_pcb *tcp_pcb_listen(uint16_t port, void *arg, tcp_accept_fn accepted)
{
    struct tcp_pcb *pcb = tcp_new(), *listener = NULL;

    if (pcb == NULL) {
        return NULL;
    }
    if (tcp_bind(pcb, IP_ANY_TYPE, port) == ERR_OK) {
        listener = tcp_listen(pcb); /* frees pcb unless it fails */
    }
    if (listener == NULL) {
        tcp_abort(pcb);
        return NULL;
    }
    tcp_arg(listener, arg);
    tcp_accept(listener, accepted);
    return listener;
}

static void tcp_pcb_forget(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
}

err_t tcp_pcb_abort(struct tcp_pcb *pcb)
{
    tcp_pcb_forget(pcb);
    tcp_abort(pcb);
    return ERR_ABRT;
}

err_t tcp_pcb_close(struct tcp_pcb *pcb)
{
    tcp_pcb_forget(pcb);
    return tcp_close(pcb) == ERR_OK ? ERR_OK : tcp_pcb_abort(pcb);
}

bool tcp_pcb_unreceive(struct tcp_pcb *pcb, size_t length)
{
    if ((pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW)) == 0 || length + pcb->rcv_wnd > TCP_WND) {
        return false; /* lwIP clears both flags when it sends an ACK */
    }
    if (pcb->state == CLOSE_WAIT) {
        pcb->state = ESTABLISHED;
        pcb->rcv_nxt--; /* lwIP gives the FIN's place in the window back by itself */
    }
    pcb->rcv_nxt -= (u32_t)length;
    pcb->rcv_wnd = (tcpwnd_size_t)(pcb->rcv_wnd + length);
    tcp_update_rcv_ann_wnd(pcb);
    return true;
}

void tcp_pcb_narrow(struct tcp_pcb *pcb, size_t waits)
{
    tcpwnd_size_t window = (tcpwnd_size_t)(waits < TCP_MSS ? TCP_MSS - waits : 0);
    u32_t told =
        pcb->rcv_ann_right_edge - pcb->rcv_nxt; /* what the peer may still send, as far as it knows */
    bool opens = window == TCP_MSS && told < TCP_MSS;

    pcb->rcv_wnd = pcb->rcv_ann_wnd = window;
    if (told > window) {
        pcb->rcv_ann_right_edge =
            pcb->rcv_nxt + window; /* or lwIP would open it again as far as it once was */
    }
    if (opens) {
        tcp_ack_now(pcb); /* who has a whole segment to send waits for it, and not for a delayed ACK */
    }
}

size_t tcp_pcb_taper(struct tcp_pcb *pcb, size_t waits)
{
    u32_t told = pcb->rcv_ann_right_edge - pcb->rcv_nxt;

    told = told <= TCP_WND ? told : 0;
    bool opens = waits == 0 && told < TCP_MSS;
    pcb->rcv_wnd = pcb->rcv_ann_wnd = (tcpwnd_size_t)(opens ? TCP_MSS : told);
    if (opens) {
        tcp_ack_now(pcb); /* who has a whole segment to send waits for it, and not for a delayed ACK */
    }
    return told;
}
