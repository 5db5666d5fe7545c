/*
 * The HTTP server on lwIP's netconn API: one thread serves all connections, and none of its calls waits for a client.
 * Same limits and same way of making room as net/http_raw.h.
 *
 *   http_netconn_listen ─→ its thread: an event, or 100 ms ─→ accept, receive, think, send, for each connection
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_NETCONN_H
#define PLUGNET_NET_HTTP_NETCONN_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/sys.h"
#include "net/http.h"

struct netconn;
struct pbuf;

#ifndef HTTP_NETCONN_CONNECTIONS
#define HTTP_NETCONN_CONNECTIONS 12 /* about 780 bytes each, and lwIP's netconn */
#endif
#define HTTP_NETCONN_IDLE_MS_MAX    60000 /* between requests */
#define HTTP_NETCONN_REQUEST_MS_MAX 10000 /* from a request's first byte to its last */
#define HTTP_NETCONN_SEND_MS_MAX    20000 /* without any byte taken by lwIP */

struct http_netconn_stats {
    struct http_stats http;
    uint32_t connections; /* accepted */
    uint32_t timeouts;
    uint32_t evicted; /* closed to make room */
};

/* Free while conn is NULL. Fields are the server thread's. */
struct http_netconn_connection {
    struct netconn *conn;
    struct pbuf *pending; /* received, not consumed */
    uint32_t since_ms;    /* of the last useful event */
    uint16_t pending_at;  /* bytes of its first pbuf already consumed */
    uint16_t piece_at;    /* bytes of the piece already sent */
    bool has_piece, finished;
    struct http_piece piece;
    struct http_connection http;
    char scratch[HTTP_SCRATCH_MAX]; /* a made piece, until all of it is sent */
};

/* Caller-owned, static. */
struct http_netconn {
    const struct http_config *config;
    struct http_netconn_stats stats;
    struct netconn *listener;
    uint16_t port;
    sys_sem_t event;
    struct http_netconn_connection connections[HTTP_NETCONN_CONNECTIONS];
};

/* Start the thread that serves `config` on `port`; one server in a program. From lwIP's thread. */
bool http_netconn_listen(struct http_netconn *server, const struct http_config *config, uint16_t port);

/* The thread serves itself: nothing to do. */
void http_netconn_poll(struct http_netconn *server);

/* Connections in use. */
unsigned http_netconn_open(const struct http_netconn *server);

#endif
