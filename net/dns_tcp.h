/*
 * DNS over TCP, port 53: messages with two bytes of length before each. Few connections, short lives; the
 * oldest one goes when a new one comes. Source: RFC 1035 section 4.2.2, RFC 7766 [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_DNS_TCP_H
#define PLUGNET_NET_DNS_TCP_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dnsd;
struct pbuf;
struct tcp_pcb;
struct dns_tcp;

#define DNS_TCP_SESSIONS 2
#ifndef DNS_TCP_IDLE_MS_MAX
#define DNS_TCP_IDLE_MS_MAX 5000
#endif
#define DNS_TCP_QUERY_MAX 512 /* bytes; longer ones end the connection */

/* One connection; free while pcb is NULL. Fields are ours. */
struct dns_tcp_session {
    struct dns_tcp *server;
    struct tcp_pcb *pcb;
    struct pbuf *pending; /* the begin of a message, copied */
    uint32_t active_ms;
};

/* Caller-owned. */
struct dns_tcp {
    struct dnsd *dnsd;
    struct tcp_pcb *listener;
    uint32_t queries;
    uint32_t evicted; /* connections closed for a new one, or for idling */
    struct dns_tcp_session sessions[DNS_TCP_SESSIONS];
};

/* Answer as `dnsd` does. False: no memory, or the port is taken. */
bool dns_tcp_listen(struct dns_tcp *server, struct dnsd *dnsd);

#ifdef __cplusplus
}
#endif

#endif
