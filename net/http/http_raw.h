/*
 * The HTTP server on lwIP's raw API: a port, a fixed number of connections, time limits.
 *
 *   http_raw_listen ─→ http_raw_poll in each round of the loop; the rest happens in lwIP's callbacks
 *
 * When all connections are taken, a new one is served by closing the one whose last useful event lies
 * furthest back (accepted, request begun or answered, bytes acknowledged): so a browser's idle connections go
 * first, and clients that trickle bytes can't keep anybody out.
 *
 * A pipeline: requests that come while one is answered wait, in HTTP_RAW_PIPELINE_MAX bytes of heap that all connections and the
 * stash share. What finds no room is taken back before it is acknowledged (tcp_pcb_unreceive): the client sends it again, after
 * seconds at worst. So one whose route takes its body slowly, and a WebSocket's, is sent one segment at a time (tcp_pcb_narrow).
 *
 * A part that a route makes is made once: it stays in `carry` until lwIP has taken it, or in the one stash, for a client whose
 * window lets it through in small portions only. Other pieces are made again from the request's state.
 *
 * Sending: a piece is queued when the client's own limits allow it (tcp_guard_window). When memory is short, those that wait get
 * it one after the other, each until its answer is complete, or for HTTP_RAW_TURN_MS_MAX; a client that has never acknowledged
 * anything gets one piece. Who keeps memory and is silent ends after HTTP_RAW_BEATS_MAX signs that the PC is awake.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_HTTP_RAW_H
#define PLUGNET_NET_HTTP_HTTP_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/opt.h" /* HTTP_RAW_CONNECTIONS: lwIP's connections follow them */
#include "net/http/http_engine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tcp_guard;
struct tcp_pcb;
struct pbuf;

#ifndef HTTP_RAW_IDLE_MS_MAX
#define HTTP_RAW_IDLE_MS_MAX 60000 /* between requests */
#endif
#ifndef HTTP_RAW_REQUEST_MS_MAX
#define HTTP_RAW_REQUEST_MS_MAX 10000 /* for a request's first or next HTTP_RAW_PROGRESS bytes, or its end */
#endif
#define HTTP_RAW_PROGRESS 512 /* bytes of a request; a client that sends fewer in that time is too slow */
#ifndef HTTP_RAW_SEND_MS_MAX
#define HTTP_RAW_SEND_MS_MAX 20000 /* without any byte acknowledged */
#endif
#ifndef HTTP_RAW_LINGER_MS_MAX
#define HTTP_RAW_LINGER_MS_MAX                                                                               \
    2000 /* from the moment all data is acknowledged to the client's FIN (RFC 9112 9.6) */
#endif
#define HTTP_RAW_TURN_MS_MAX   20 /* that one connection may have all memory which is free, while others wait */
#define HTTP_RAW_SILENT_MS_MIN 150 /* without a first sign: such a client goes first when a slot is needed */
#define HTTP_RAW_SMALL_MS_MAX  500 /* that a window which is open, but too small for a piece, is waited for */
#define HTTP_RAW_BEATS_MAX     5   /* that one connection may keep others' memory for */
#define HTTP_RAW_BEATS_PROVEN                                                                                \
    40 /* the same for a client that has acknowledged before: seconds, on a slow PC more */
#define HTTP_RAW_BEATS_STASH 20    /* the same for what a client takes in parts */
#define HTTP_RAW_PART_LEAST  64    /* bytes of heap, without which a route isn't asked for a part */
#define HTTP_RAW_GUESS_MS    1000  /* after a wrong guess, until the check is asked again */
#define HTTP_RAW_KEEP_MS     15000 /* without a word, until TCP asks whether the client is still there */
#ifndef HTTP_RAW_PIPELINE_MAX
#define HTTP_RAW_PIPELINE_MAX                                                                                \
    1024 /* bytes of heap for requests that wait for their turn, of all connections */
#endif

struct http_raw_stats {
    uint32_t connections; /* accepted */
    uint32_t timeouts;
    uint32_t evicted;   /* closed to make room */
    uint32_t no_memory; /* times an answer had to wait for memory */
};

struct http_raw;

/* Free while pcb is NULL. Fields are ours. */
struct http_raw_connection {
    struct tcp_pcb *pcb;
    struct pbuf *pending; /* received, not consumed */
    uint32_t since_ms;    /* of the last useful event */
    uint32_t beat;       /* the guard's beats at the last byte acknowledged, or when the first one was sent */
    uint16_t pending_at; /* bytes of pending already consumed */
    uint16_t consumed;   /* bytes that lwIP's window gets back when the callback is done */
    uint16_t waiting;    /* for memory: bytes of heap and 1, 0 if it doesn't wait */
    uint16_t refused;  /* bytes that were taken back or had no place in the window, and haven't come again */
    bool nudged : 1;   /* the client has been told that there is room for them, and nothing has come since */
    bool gives_up : 1; /* no memory for the rest of a pipeline: the last answer closes the connection */
    bool proven : 1;   /* the client has acknowledged something */
    bool waits_stash : 1; /* for the stash of another one */
    bool stalled : 1; /* the client's window is closed and nothing is in flight: nobody calls when it opens */
    bool finished : 1;    /* the client has sent its FIN */
    bool unfinished : 1;  /* it was taken back with data that found no room */
    bool lingering : 1;   /* we have sent ours */
    bool narrow : 1;      /* one segment at a time: its route has held a body back */
    uint8_t progress : 7; /* of the request since since_ms, in units of 8 bytes */
    struct http_request http;
};

/* Caller-owned. */
struct http_raw {
    struct http_site site; /* first: connections find the rest by it */
    struct http_raw_stats stats;
    struct tcp_pcb *listener;
    struct tcp_guard *guard;                  /* its `need`: some connection waits for memory */
    uint32_t turn_since_ms;                   /* when the turn passed to `next` */
    const struct http_raw_connection *served; /* who may send while others wait; NULL: none of them */
    uint8_t next;                             /* whose turn it is when memory comes back */
    uint8_t waits;                            /* what some connections wait for, beside memory */
    uint32_t check_ms;                        /* no guess is looked at before */
    struct http_raw_connection *checked;      /* whose was looked at last: those behind it come first */
    struct http_raw_connection
        *stasher; /* whose piece is in the stash, which the client can take in parts only; NULL */
    struct pbuf *stash;
    uint16_t stash_at;                              /* bytes of it already sent */
    uint8_t stash_next;                             /* whose turn it is then */
    struct http_raw_connection *carrier;            /* whose part is in `carry`; NULL: nobody's */
    uint16_t carry_at, carry_end;                   /* bytes of it that are still to be queued */
    char carry[HTTP_ROUTES ? HTTP_SCRATCH_MAX : 1]; /* the piece that is being made */
    struct http_raw_connection connections[HTTP_RAW_CONNECTIONS];
};

/* Serve `config` on `port`. `guard` outlives the server. False: no memory, or the port is taken. */
bool http_raw_listen(struct http_raw *server, const struct http_config *config, uint16_t port,
                     struct tcp_guard *guard);

/* Let connections go on that wait for memory. */
void http_raw_poll(struct http_raw *server);

/* Connections in use. */
unsigned http_raw_open(const struct http_raw *server);

#ifdef __cplusplus
}
#endif

#endif
