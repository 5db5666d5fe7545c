/*
 * Fair shares for connections of a product's threads; see the header. Each call is carried out in lwIP's thread.
 */
/* SPDX-License-Identifier: MIT */
#include "net/netconn_guard.h"

#include "lwip/opt.h"

#if LWIP_NETCONN
#include "lwip/api.h"
#include "lwip/priv/tcpip_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "net/tcp_guard.h"

#define EXT_ARG   0   /* which of lwIP's further arguments of a PCB is ours; lwipopts.h has one */
#define PLENTY    768 /* bytes of heap beside TCP's reserve */
#define ASK_TICKS 2   /* of 500 ms */

struct netconn_guard_call {
    struct tcpip_api_call_data call; /* first */
    struct netconn *conn;
    const void *bytes;
    size_t length; /* of them; or a window */
    int taken;
};

/* A SYN came. The window opens in steps of the PCB's MSS, so this must be the smaller one. */
static err_t netconn_guard_opened(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb)
{
    uint16_t window = (uint16_t)(uintptr_t)listener->ext_args[id].data;

    pcb->rcv_wnd = window;
    pcb->rcv_ann_wnd = window;
    pcb->mss = LWIP_MIN(pcb->mss, NETCONN_GUARD_SEGMENT_MAX);
    tcp_setprio(pcb, TCP_PRIO_MIN);
    return ERR_OK;
}

static err_t netconn_guard_window_call(struct tcpip_api_call_data *call)
{
    static const struct tcp_ext_arg_callbacks callbacks = {.passive_open = netconn_guard_opened};
    const struct netconn_guard_call *c = (const struct netconn_guard_call *)(void *)call;

    tcp_ext_arg_set_callbacks(c->conn->pcb.tcp, EXT_ARG, &callbacks);
    tcp_ext_arg_set(c->conn->pcb.tcp, EXT_ARG, (void *)(uintptr_t)c->length);
    return ERR_OK;
}

/* lwIP tells of a wider window by itself only where it is wider by kilobytes, or where something is sent anyway. */
static err_t netconn_guard_used_call(struct tcpip_api_call_data *call)
{
    const struct netconn_guard_call *c = (const struct netconn_guard_call *)(void *)call;
    struct tcp_pcb *pcb = c->conn->pcb.tcp;

    if (pcb != NULL) {
        bool closed = pcb->rcv_ann_wnd < pcb->mss;
        tcp_recved(pcb, (u16_t)c->length);
        if (closed && pcb->rcv_ann_wnd >= pcb->mss) {
            tcp_ack_now(pcb);
            tcp_output(pcb);
        }
    }
    return ERR_OK;
}

/* Bytes that lwIP sends in one segment: half the peer's largest window, too, bounds them. */
static size_t netconn_guard_segment(const struct tcp_pcb *pcb)
{
    size_t half = pcb->snd_wnd_max / 2, mss = tcp_mss(pcb);

    return half > 0 && half < mss ? half : mss;
}

/* A client's window is closed. Nothing is queued meanwhile, or lwIP would ask it later and later; so this asks, once a
 * second: the answer tells the window, should the word of its opening have been lost. */
static void netconn_guard_ask(struct tcp_pcb *pcb)
{
    uint32_t asked = (uint32_t)(uintptr_t)tcp_ext_arg_get(pcb, EXT_ARG);

    if (tcp_ticks - asked >= ASK_TICKS) {
        tcp_ext_arg_set(pcb, EXT_ARG, (void *)(uintptr_t)tcp_ticks);
        tcp_keepalive(pcb);
    }
}

/* How many of so many bytes go into the next segment by the client's own limits; 0: later. */
static size_t netconn_guard_length(struct tcp_pcb *pcb, size_t length)
{
    size_t window = tcp_guard_window(pcb, false);

    length = LWIP_MIN(length, netconn_guard_segment(pcb));
    if (pcb->snd_wnd == 0 || pcb->persist_backoff > 0) {
        netconn_guard_ask(pcb);
    }
    return length <= window         ? length
           : pcb->snd_queuelen == 0 ? window
                                    : 0; /* no small segments without need */
}

static err_t netconn_guard_write_call(struct tcpip_api_call_data *call)
{
    struct netconn_guard_call *c = (struct netconn_guard_call *)(void *)call;
    struct tcp_pcb *pcb = c->conn->pcb.tcp;
    size_t length;

    if (pcb == NULL || (pcb->state != ESTABLISHED && pcb->state != CLOSE_WAIT)) {
        c->taken = -1;
        return ERR_OK;
    }
    length = netconn_guard_length(pcb, c->length);
    bool room = pcb->snd_queuelen == 0
                    ? tcp_guard_room(length)
                    : pcb->snd_queuelen < NETCONN_GUARD_IN_FLIGHT_MAX && tcp_guard_room(length + PLENTY);
    if (length > 0 && room && tcp_write(pcb, c->bytes, (u16_t)length, TCP_WRITE_FLAG_COPY) == ERR_OK) {
        c->taken = (int)length;
        tcp_nagle_disable(pcb);
        tcp_output(pcb);
    }
    return ERR_OK;
}

/* lwIP resets where a window isn't all open; ours never is. */
static err_t netconn_guard_close_call(struct tcpip_api_call_data *call)
{
    struct tcp_pcb *pcb = ((struct netconn_guard_call *)(void *)call)->conn->pcb.tcp;

    if (pcb != NULL) {
        pcb->rcv_wnd = TCP_WND_MAX(pcb);
    }
    return ERR_OK;
}

static err_t netconn_guard_abort_call(struct tcpip_api_call_data *call)
{
    struct tcp_pcb *pcb = ((struct netconn_guard_call *)(void *)call)->conn->pcb.tcp;

    if (pcb != NULL) {
        tcp_abort(pcb); /* its netconn hears of it */
    }
    return ERR_OK;
}

void netconn_guard_window(struct netconn *listener, uint16_t window)
{
    struct netconn_guard_call c = {.conn = listener, .length = window};

    os_assert(window >= NETCONN_GUARD_WINDOW_MIN); /* two segments */
    tcpip_api_call(netconn_guard_window_call, &c.call);
}

void netconn_guard_used(struct netconn *conn, size_t length)
{
    struct netconn_guard_call c = {.conn = conn, .length = length};

    tcpip_api_call(netconn_guard_used_call, &c.call);
}

int netconn_guard_write(struct netconn *conn, const void *bytes, size_t length)
{
    struct netconn_guard_call c = {.conn = conn, .bytes = bytes, .length = length};

    if (length > 0) {
        tcpip_api_call(netconn_guard_write_call, &c.call);
    }
    return c.taken;
}

void netconn_guard_close(struct netconn *conn)
{
    struct netconn_guard_call c = {.conn = conn};

    tcpip_api_call(netconn_guard_close_call, &c.call);
    netconn_delete(conn);
}

void netconn_guard_abort(struct netconn *conn)
{
    struct netconn_guard_call c = {.conn = conn};

    tcpip_api_call(netconn_guard_abort_call, &c.call);
    netconn_delete(conn);
}
#endif
