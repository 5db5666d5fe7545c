/*
 * The iperf 2 server; see the header. Received data is counted and gone at once; sent data is a constant in
 * flash, never copied.
 */
/* SPDX-License-Identifier: MIT */
#include "net/iperf.h"

#include <string.h>

#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "net/tcp_guard.h"
#include "net/tcp_pcb.h"
#include "wire/be.h"

/* Flags of the header's first word, and of the 16 bits at UPPER_FLAGS. */
#define FLAG_VERSION1 0x80000000u
#define FLAG_EXTEND   0x40000000u
#define FLAG_VERSION2 0x04000000u
#define FLAG_ACK      0x02000000u /* the client waits for an answer to its header (-X) */
#define FLAG_RUN_NOW  0x00000001u
#define UPPER_REVERSE 0x0400u
#define UPPER_DUPLEX  0x0800u

enum { AT_PORT = 8, AT_AMOUNT = 20, AT_UPPER_FLAGS = 32, V1_LENGTH = 24 };

#define PAGE_SPARE    640 /* bytes of heap: peers that read nothing leave HTTP its part */
#define POLL_INTERVAL 2   /* of 500 ms */
#define TEN(x)        x x x x x x x x x x
#define DIGITS        "0123456789"

/* What we send if nobody gives us anything longer: a fifth of a segment, so that one is five pieces; so long that it is enough
 * for the longest segment. */
static const char iperf_digits[] =
    TEN(DIGITS) TEN(DIGITS) DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS "01";

static err_t iperf_abort(struct iperf_session *s)
{
    struct tcp_pcb *pcb = s->pcb;

    s->pcb = NULL;
    return tcp_pcb_abort(pcb);
}

static err_t iperf_close(struct iperf_session *s)
{
    struct tcp_pcb *pcb = s->pcb;

    s->pcb = NULL;
    return tcp_pcb_close(pcb);
}

/* Keep lwIP's send queue full, until time or amount is used up. */
static err_t iperf_send(struct iperf_session *s)
{
    uint32_t mss = LWIP_MIN(tcp_mss(s->pcb), s->server->data_length);

    for (;;) {
        bool over = s->by_time ? (int32_t)(sys_now() - s->end_ms) >= 0 : s->left == 0;
        uint32_t length = s->by_time ? mss : LWIP_MIN(mss, s->left);
        if (over) {
            s->sending = false;
            return s->finished                            ? iperf_close(s)
                   : tcp_shutdown(s->pcb, 0, 1) == ERR_OK ? ERR_OK
                                                          : iperf_abort(s);
        }
        if (tcp_guard_window(s->pcb, true) < length || !tcp_guard_room(PAGE_SPARE) ||
            tcp_write(s->pcb, s->server->data, (u16_t)length, 0) != ERR_OK) {
            break;
        }
        s->left -= s->by_time ? 0 : length;
    }
    tcp_output(s->pcb);
    return ERR_OK;
}

/* Begin to send as long, or as much, as the client's header says. */
static err_t iperf_send_begin(struct iperf_session *s, const uint8_t *header)
{
    int32_t amount = (int32_t)load_be32(header + AT_AMOUNT); /* bytes, or minus hundredths of a second */
    uint32_t hundredths = 0u - (uint32_t)amount;

    s->by_time = amount < 0;
    s->left = s->by_time ? 0 : (uint32_t)amount;
    s->end_ms = sys_now() + (hundredths < IPERF_RUN_MS_MAX / 10 ? hundredths * 10 : IPERF_RUN_MS_MAX);
    s->sending = true;
    return iperf_send(s);
}

static err_t iperf_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error);
static err_t iperf_sent(void *arg, struct tcp_pcb *pcb, u16_t length);
static err_t iperf_polled(void *arg, struct tcp_pcb *pcb);

static void iperf_failed(void *arg, err_t error)
{
    struct iperf_session *s = arg;

    (void)error;
    s->pcb = NULL; /* lwIP has freed it */
}

static struct iperf_session *iperf_session_take(struct iperf *server, struct tcp_pcb *pcb)
{
    for (unsigned i = 0; i < IPERF_SESSIONS; i++) {
        struct iperf_session *s = &server->sessions[i];
        if (s->pcb == NULL) {
            *s = (struct iperf_session){.server = server, .pcb = pcb, .active_ms = sys_now()};
            s->header_wanted = 4;
            server->stats.runs++;
            tcp_arg(pcb, s);
            tcp_setprio(pcb, TCP_PRIO_MIN); /* when PCBs run out, lwIP ends it first */
            tcp_recv(pcb, iperf_received);
            tcp_sent(pcb, iperf_sent);
            tcp_err(pcb, iperf_failed);
            tcp_poll(pcb, iperf_polled, POLL_INTERVAL);
            return s;
        }
    }
    server->stats.refused++;
    return NULL;
}

static err_t iperf_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct iperf_session *s = arg;

    (void)pcb;
    (void)error;
    return iperf_send_begin(s, s->header);
}

/* -d and -r: a connection of our own to the client, on the port its header names. */
static void iperf_connect_back(const struct iperf_session *from, const ip_addr_t *address)
{
    struct tcp_pcb *pcb = tcp_new();
    struct iperf_session *s = pcb != NULL ? iperf_session_take(from->server, pcb) : NULL;
    uint16_t port = (uint16_t)load_be32(from->header + AT_PORT);

    if (s == NULL) {
        if (pcb != NULL) {
            tcp_abort(pcb);
        }
        return;
    }
    memcpy(s->header, from->header, sizeof s->header);
    s->header_wanted = 0;
    if (tcp_connect(pcb, address, port, iperf_connected) != ERR_OK) {
        iperf_abort(s);
    }
}

/* The header is complete: do what it asks. */
static err_t iperf_header_end(struct iperf_session *s)
{
    /* type 2, 28 bytes, no flags, "we are 2.1.8", reserved */
    static const uint8_t ack[28] = {0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 0, 0, 2, 0, 1, 0, 8, 0, 3};
    uint32_t flags = load_be32(s->header);
    uint16_t upper = s->header_length > AT_UPPER_FLAGS ? load_be16(s->header + AT_UPPER_FLAGS) : 0;

    if ((flags & FLAG_ACK) != 0 && s->header_length == IPERF_HEADER_MAX) {
        tcp_write(s->pcb, ack, sizeof ack, 0);
        tcp_output(s->pcb);
    }
    if ((flags & FLAG_VERSION2) != 0) {
        return (upper & (UPPER_REVERSE | UPPER_DUPLEX)) != 0 ? iperf_send_begin(s, s->header) : ERR_OK;
    }
    if ((flags & FLAG_VERSION1) != 0 && (flags & FLAG_RUN_NOW) != 0) {
        iperf_connect_back(s, &s->pcb->remote_ip);
    } else if ((flags & FLAG_VERSION1) != 0) {
        s->reverse_later = true;
    }
    return ERR_OK;
}

/* Gather the header from segments of any size. */
static err_t iperf_header_take(struct iperf_session *s, const struct pbuf *p)
{
    uint8_t before = s->header_length;

    s->header_length =
        (uint8_t)(before + pbuf_copy_partial(p, s->header + before, (u16_t)(IPERF_HEADER_MAX - before), 0));
    if (s->header_length < 4) {
        return ERR_OK;
    }
    uint32_t flags = load_be32(s->header);
    s->header_wanted = (flags & (FLAG_EXTEND | FLAG_VERSION2)) != 0 ? IPERF_HEADER_MAX
                       : (flags & FLAG_VERSION1) != 0               ? V1_LENGTH
                                                                    : 4;
    if (s->header_length < s->header_wanted) {
        return ERR_OK;
    }
    s->header_wanted = 0;
    return iperf_header_end(s);
}

static err_t iperf_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct iperf_session *s = arg;
    err_t result = ERR_OK;

    (void)error;
    s->active_ms = sys_now();
    if (p == NULL) {
        s->finished = true;
        if (s->sending) {
            return ERR_OK;
        }
        if (s->reverse_later) {
            const struct iperf_session copy = *s;
            ip_addr_t address = pcb->remote_ip;
            result = iperf_close(s);
            iperf_connect_back(&copy, &address);
            return result;
        }
        return iperf_close(s);
    }
    s->server->stats.received += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    if (s->header_wanted != 0) {
        result = iperf_header_take(s, p);
    }
    pbuf_free(p);
    return result;
}

static err_t iperf_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
    struct iperf_session *s = arg;

    (void)pcb;
    s->active_ms = sys_now();
    s->server->stats.sent += length;
    return s->sending ? iperf_send(s) : ERR_OK;
}

/* Once a second: an end for sessions whose client has vanished, another try where memory was short. */
static err_t iperf_polled(void *arg, struct tcp_pcb *pcb)
{
    struct iperf_session *s = arg;

    (void)pcb;
    if (sys_now() - s->active_ms > IPERF_IDLE_MS_MAX) {
        return iperf_abort(s);
    }
    return s->sending ? iperf_send(s) : ERR_OK;
}

static err_t iperf_accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    if (error != ERR_OK || pcb == NULL) {
        return ERR_VAL;
    }
    return iperf_session_take(arg, pcb) != NULL ? ERR_OK : ERR_MEM; /* lwIP aborts it then */
}

bool iperf_listen(struct iperf *server, const uint8_t *data, size_t length)
{
    memset(server, 0, sizeof *server);
    server->data = (const uint8_t *)iperf_digits;
    server->data_length = LWIP_MIN(sizeof iperf_digits - 1, TCP_MSS / 5);
    if (length > server->data_length) {
        server->data = data;
        server->data_length = (uint16_t)LWIP_MIN(length, TCP_MSS);
    }
    server->listener = tcp_pcb_listen(IPERF_PORT, server, iperf_accepted);
    return server->listener != NULL;
}

unsigned iperf_open(const struct iperf *server)
{
    unsigned open = 0;

    for (unsigned i = 0; i < IPERF_SESSIONS; i++) {
        open += server->sessions[i].pcb != NULL;
    }
    return open;
}
