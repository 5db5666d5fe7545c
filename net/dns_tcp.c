/*
 * DNS over TCP; see the header. What isn't yet a whole message is kept in lwIP's heap, bounded.
 */
/* SPDX-License-Identifier: MIT */
#include "net/dns_tcp.h"

#include <string.h>

#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "net/dnsd.h"
#include "net/tcp_pcb.h"
#include "wire/be.h"
#include "wire/dns_msg.h"

#define POLL_INTERVAL 2 /* of 500 ms */

/* The slot is free; returns the pcb, to be ended. */
static struct tcp_pcb *dns_tcp_release(struct dns_tcp_session *s)
{
    struct tcp_pcb *pcb = s->pcb;

    if (s->pending != NULL) {
        pbuf_free(s->pending);
        s->pending = NULL;
    }
    s->pcb = NULL;
    return pcb;
}

static err_t dns_tcp_abort(struct dns_tcp_session *s)
{
    return tcp_pcb_abort(dns_tcp_release(s));
}

static err_t dns_tcp_close(struct dns_tcp_session *s)
{
    return tcp_pcb_close(dns_tcp_release(s));
}

/* Answer the message of `length` bytes at the front of pending. False: no memory, or no reply is due. */
static bool dns_tcp_answer(struct dns_tcp_session *s, uint16_t length)
{
    struct pbuf *work = pbuf_alloc(PBUF_RAW, (u16_t)(length + 2 + DNSD_REPLY_MAX), PBUF_RAM);
    uint8_t *query, *reply;
    size_t reply_length;
    bool sent;

    if (work == NULL) {
        return false;
    }
    query = work->payload;
    reply = query + length;
    pbuf_copy_partial(s->pending, query, length, 2);
    reply_length = dnsd_answer(s->server->dnsd, query, length, reply + 2, DNSD_REPLY_MAX);
    store_be16(reply, (uint16_t)reply_length);
    s->server->queries++;
    sent = reply_length > 0 &&
           tcp_write(s->pcb, reply, (u16_t)(reply_length + 2), TCP_WRITE_FLAG_COPY) == ERR_OK;
    pbuf_free(work);
    return sent;
}

/* Answer all whole messages in pending. */
static err_t dns_tcp_run(struct dns_tcp_session *s)
{
    while (s->pending != NULL && s->pending->tot_len >= 2) {
        uint8_t prefix[2];
        uint16_t length;
        pbuf_copy_partial(s->pending, prefix, 2, 0);
        length = load_be16(prefix);
        if (length < DNS_HEADER_LENGTH || length > DNS_TCP_QUERY_MAX) {
            return dns_tcp_abort(s);
        }
        if (s->pending->tot_len < length + 2) {
            return ERR_OK;
        }
        if (!dns_tcp_answer(s, length)) {
            return dns_tcp_abort(s);
        }
        s->active_ms = sys_now();
        s->pending = pbuf_free_header(s->pending, (u16_t)(length + 2));
    }
    tcp_output(s->pcb);
    return ERR_OK;
}

static err_t dns_tcp_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct dns_tcp_session *s = arg;
    struct pbuf *copy;

    (void)error;
    if (p == NULL) {
        return dns_tcp_close(s);
    }
    tcp_recved(pcb, p->tot_len);
    copy = p->tot_len <= DNS_TCP_QUERY_MAX + 2 ? pbuf_clone(PBUF_RAW, PBUF_RAM, p) : NULL;
    pbuf_free(p);
    if (copy == NULL) {
        return dns_tcp_abort(s);
    }
    if (s->pending == NULL) {
        s->pending = copy;
    } else if (s->pending->tot_len + copy->tot_len <= DNS_TCP_QUERY_MAX + 2) {
        pbuf_cat(s->pending, copy);
    } else {
        pbuf_free(copy);
        return dns_tcp_abort(s);
    }
    return dns_tcp_run(s);
}

static err_t dns_tcp_polled(void *arg, struct tcp_pcb *pcb)
{
    struct dns_tcp_session *s = arg;

    (void)pcb;
    if (sys_now() - s->active_ms > DNS_TCP_IDLE_MS_MAX) {
        s->server->evicted++;
        return dns_tcp_close(s);
    }
    return ERR_OK;
}

static void dns_tcp_failed(void *arg, err_t error)
{
    struct dns_tcp_session *s = arg;

    (void)error;
    dns_tcp_release(s); /* lwIP has freed the pcb */
}

static err_t dns_tcp_accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct dns_tcp *server = arg;
    struct dns_tcp_session *s = &server->sessions[0];
    uint32_t now = sys_now();

    if (error != ERR_OK || pcb == NULL) {
        return ERR_VAL;
    }
    for (unsigned i = 0; i < DNS_TCP_SESSIONS && s->pcb != NULL; i++) {
        struct dns_tcp_session *other = &server->sessions[i];
        if (other->pcb == NULL || now - other->active_ms > now - s->active_ms) {
            s = other;
        }
    }
    if (s->pcb != NULL) {
        server->evicted++;
        dns_tcp_abort(s);
    }
    *s = (struct dns_tcp_session){.server = server, .pcb = pcb, .active_ms = now};
    tcp_arg(pcb, s);
    tcp_recv(pcb, dns_tcp_received);
    tcp_err(pcb, dns_tcp_failed);
    tcp_poll(pcb, dns_tcp_polled, POLL_INTERVAL);
    return ERR_OK;
}

bool dns_tcp_listen(struct dns_tcp *server, struct dnsd *dnsd)
{
    memset(server, 0, sizeof *server);
    server->dnsd = dnsd;
    server->listener = tcp_pcb_listen(DNS_PORT, server, dns_tcp_accepted);
    return server->listener != NULL;
}
