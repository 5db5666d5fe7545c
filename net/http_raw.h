/*
 * The HTTP server on lwIP's raw API: a port, a fixed number of connections, time limits.
 *
 *   http_raw_listen ─→ http_raw_poll in each round of the loop; the rest happens in lwIP's callbacks
 *
 * When all connections are taken, a new one is served by closing the one whose last useful event lies
 * furthest back (accepted, request begun or answered, bytes acknowledged): so a browser's idle connections go
 * first, and clients that trickle bytes can't keep anybody out.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_RAW_H
#define PLUGNET_NET_HTTP_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "net/http.h"

struct tcp_pcb;
struct pbuf;

#ifndef HTTP_RAW_CONNECTIONS
#define HTTP_RAW_CONNECTIONS 12 /* about 140 bytes each */
#endif
#define HTTP_RAW_IDLE_MS_MAX    60000 /* between requests */
#define HTTP_RAW_REQUEST_MS_MAX 10000 /* from a request's first byte to its last */
#define HTTP_RAW_SEND_MS_MAX    20000 /* without any byte acknowledged */
#define HTTP_RAW_LINGER_MS_MAX  2000  /* from our FIN to the client's */
#define HTTP_RAW_WAIT_MS_MAX    250   /* of waiting for memory; then who has been silent longest goes … */
#define HTTP_RAW_SILENT_MS_MIN  1000  /* … if no byte of its answer was acknowledged for so long */
#define HTTP_RAW_PIPELINE_MAX   384   /* bytes of requests kept while others are answered, in all */

struct http_raw_stats {
    struct http_stats http;
    uint32_t connections; /* accepted */
    uint32_t timeouts;
    uint32_t evicted;   /* closed to make room */
    uint32_t no_memory; /* times an answer had to wait for memory */
};

struct http_raw;

/* Free while pcb is NULL. Fields are ours. */
struct http_raw_connection {
    struct http_raw *server;
    struct tcp_pcb *pcb;
    struct pbuf *pending; /* received, not consumed */
    uint32_t since_ms;    /* of the last useful event */
    uint16_t pending_at;  /* bytes of pending already consumed */
    uint16_t waiting;     /* for memory: bytes to copy and 1, 0 if it doesn't wait */
    bool finished;        /* the client has sent its FIN */
    bool lingering;       /* we have sent ours */
    struct http_connection http;
};

/* Caller-owned. */
struct http_raw {
    const struct http_config *config;
    struct http_raw_stats stats;
    struct tcp_pcb *listener;
    uint32_t waiting_since_ms; /* some connection waits for memory, without a break */
    /* Whose turn it is just now; NULL: nobody's, so those that wait for memory go first. */
    const struct http_raw_connection *served;
    bool waiting;
    uint8_t next; /* whose turn it is when memory comes back */
    struct http_raw_connection connections[HTTP_RAW_CONNECTIONS];
};

/* Serve `config` on `port`. False: no memory, or the port is taken. */
bool http_raw_listen(struct http_raw *server, const struct http_config *config, uint16_t port);

/* Let connections go on that wait for memory. */
void http_raw_poll(struct http_raw *server);

/* Connections in use. */
unsigned http_raw_open(const struct http_raw *server);

#endif
