/*
 * The HTTP server on lwIP's netconn API: one thread serves all connections, and none of its calls waits for a client.
 * Same limits and same way of making room as net/http_raw.h.
 *
 *   http_netconn_listen ─→ its thread: an event, or 100 ms ─→ accept; then each connection to which something happened:
 *                          receive, think, send, time limits
 *   http_netconn_poll, in lwIP's thread: tells a waiting connection that there is room or memory again
 *
 * Who may touch what: a connection's netconn is valid in lwIP's thread as long as `conn` names it, since its end goes
 * through that thread after `conn` is NULL. `room` is the server thread's while `wants` is 0, else lwIP's thread's.
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
#define HTTP_NETCONN_CONNECTIONS 12 /* about 150 bytes each, and lwIP's netconn */
#endif
#define HTTP_NETCONN_IDLE_MS_MAX    60000 /* between requests */
#define HTTP_NETCONN_REQUEST_MS_MAX 10000 /* from a request's first byte to its last */
#define HTTP_NETCONN_SEND_MS_MAX    20000 /* without any byte taken by lwIP */
#define HTTP_NETCONN_LINGER_MS_MAX  2000  /* from our FIN to the client's */
#define HTTP_NETCONN_WAIT_MS_MAX    250 /* of waiting for memory; then who has been silent longest goes … */
#define HTTP_NETCONN_SILENT_MS_MIN  1000 /* … if no byte of its answer was acknowledged for so long */
#define HTTP_NETCONN_PIPELINE_MAX   384  /* bytes of requests kept while others are answered, in all */

struct http_netconn_stats {
    struct http_stats http;
    uint32_t connections; /* accepted */
    uint32_t timeouts;
    uint32_t evicted;   /* closed to make room */
    uint32_t no_memory; /* times an answer had to wait for memory */
};

/* Free while conn is NULL. Fields are ours. */
struct http_netconn_connection {
    struct netconn *conn;
    uint16_t wants; /* bytes of room it waits for; 0: it doesn't. These two are read while it is free, too */
    uint16_t room;  /* bytes that lwIP's send buffer takes, at least */
    uint16_t pending_at;  /* bytes of the first pending pbuf already consumed */
    uint16_t consumed;    /* bytes lwIP has still to be told of */
    struct pbuf *pending; /* received, not consumed */
    uint32_t since_ms;    /* of the last useful event */
    uint32_t acked;       /* lwIP's thread, while memory is short: sequence number acknowledged last … */
    uint32_t acked_ms;    /* … and since when */
    bool touched;         /* something happened, or it waits for memory */
    bool finished;        /* the client has sent its FIN */
    bool lingering;       /* we have sent ours */
    bool broken;          /* no connection any more */
    struct http_connection http;
};

/* Caller-owned, static. */
struct http_netconn {
    const struct http_config *config;
    struct http_netconn_stats stats;
    struct netconn *listener;
    sys_sem_t event;
    uint32_t short_since_ms; /* memory is short */
    uint16_t short_of;       /* bytes to copy and 1; 0: it isn't short */
    uint16_t port;
    uint8_t turn; /* whose turn it is when memory comes back */
    bool arrived; /* there may be somebody to accept */
    struct http_netconn_connection connections[HTTP_NETCONN_CONNECTIONS];
    char scratch[HTTP_SCRATCH_MAX]; /* for the piece in hand */
};

/* Start the thread that serves `config` on `port`; one server in a program. From lwIP's thread. */
bool http_netconn_listen(struct http_netconn *server, const struct http_config *config, uint16_t port);

/* Wake the thread where there is room or memory again. lwIP's thread, in each round of the loop. */
void http_netconn_poll(struct http_netconn *server);

/* Connections in use. */
unsigned http_netconn_open(const struct http_netconn *server);

#endif
