/*
 * An HTTP/1.1 server's thinking half: bytes of requests in, pieces of answers out, no sockets, no memory but
 * the connection's own. A transport carries it: net/http_raw.c by lwIP callbacks.
 *
 *   http_begin ─→ http_input ─→ (request complete) ─→ http_output … http_output_taken ─→ http_input …
 *                    ↑ stops consuming while an answer is pending: pipelined requests wait, bounded
 *   http_closing: close when all output is taken.      http_expire: a request took too long
 *
 * What is served: const resources (flash, never copied) and routes (text made on demand, sent in chunks). Who
 * may ask: a request for a host that isn't ours gets 421; a POST needs "X-Plugnet: 1" and no foreign Origin,
 * else 403. No CORS headers, ever. Source: RFC 9110, 9112 [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_H
#define PLUGNET_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/http_msg.h"
#include "wire/text.h"

#ifndef HTTP_TEXT_MAX
#define HTTP_TEXT_MAX                                                                                        \
    63 /* bytes: longest path, Host, Origin, and request body; each costs every connection */
#endif
#define HTTP_TARGET_MAX       1024 /* bytes of a request target with its query; more: 414 */
#define HTTP_HEADERS_MAX      8192 /* bytes of all header lines; more: 431 */
#define HTTP_HEADER_COUNT_MAX 64
#define HTTP_SCRATCH_MAX      640                     /* bytes the transport lends for each piece */
#define HTTP_PART_MAX         (HTTP_SCRATCH_MAX - 16) /* bytes of text a route may put into one part */

/* A constant answer. All pointers into flash, for ever. */
struct http_resource {
    const char *path; /* "/", "/style.css"; compared after percent-decoding, without query */
    const char *type; /* Content-Type: "text/html; charset=utf-8" */
    const char *etag; /* with its quotes: "\"3f2a\""; NULL: none */
    const uint8_t *body;
    uint32_t length;
    bool gzip;           /* body is gzip-coded */
    const char *headers; /* further header lines, each ended by \r\n, at most 200 bytes; NULL: none */
};

/* An answer made on demand. */
struct http_route {
    const char *path;
    const char *type; /* Content-Type of the text that `part` makes */

    /* Put part number `part` (from 0) of the text into `out`, at most HTTP_PART_MAX bytes. True: there are more
     * parts. May be called again for the same part if there was no memory to send it. NULL: no GET. */
    bool (*part)(void *context, unsigned part, struct text *out);

    /* A POST's whole body, at most HTTP_TEXT_MAX bytes. Returns the status: 200 answers with `part`, 204
     * with nothing, others with their name. NULL: no POST. */
    uint16_t (*post)(void *context, const char *body, size_t length);
};

/* What a server serves. Const; outlives the server. */
struct http_config {
    const struct http_resource *resources;
    size_t resource_count;
    const struct http_route *routes;
    size_t route_count;
    void *context;            /* for routes */
    const char *const *hosts; /* our names and addresses, ended by NULL; localhost is always known */
};

/* Counters; they wrap. */
struct http_stats {
    uint32_t requests; /* complete ones */
    uint32_t errors;   /* answers of 400 and above */
};

/* One connection; caller-owned, fields are ours. */
struct http_connection {
    const struct http_config *config;
    struct http_stats *stats;
    const struct http_resource *resource; /* what was asked for; NULL: none */
    const struct http_route *route;
    uint32_t left;        /* bytes of body, or of this chunk, still to come */
    uint32_t sent;        /* bytes of a resource's body already taken */
    uint32_t host_hash;   /* of Host's value, 0: none yet */
    uint32_t origin_hash; /* of Origin's host and port, 0: none */
    uint16_t status;      /* of the answer; 0: not decided */
    uint16_t seen;        /* bytes of request line or header section so far */
    uint16_t part;        /* next part of a route's text */
    uint16_t flags;
    uint8_t state, output;
    uint8_t method;
    uint8_t header; /* enum http_header, whose value is being read */
    uint8_t header_count;
    uint8_t length; /* bytes in text */
    char text[HTTP_TEXT_MAX];
};

/* A piece of output. */
struct http_piece {
    const char *bytes;
    size_t length;
    bool lasting; /* in flash: need not be copied, and may be taken in parts; else whole or not at all */
};

/* A new connection. `config` and `stats` outlive it. */
void http_begin(struct http_connection *c, const struct http_config *config, struct http_stats *stats);

/* Feed received bytes; returns how many were consumed: all, or up to the end of a request. */
size_t http_input(struct http_connection *c, const char *bytes, size_t length);

/* The next piece to send, made in `scratch` (HTTP_SCRATCH_MAX bytes) unless it is lasting. False: none now. */
bool http_output(struct http_connection *c, char *scratch, struct http_piece *piece);

/* `length` bytes of the last piece have been taken. */
void http_output_taken(struct http_connection *c, size_t length);

/* True: no request is under way and nothing is left to send; the client may think as long as it likes. */
bool http_idle(const struct http_connection *c);

/* True: an answer is being sent; input waits. */
bool http_answering(const struct http_connection *c);

/* True: all is sent, and the connection is to be closed. */
bool http_closing(const struct http_connection *c);

/* Close the connection after the answer under way, which should say so if it has not begun. */
void http_close(struct http_connection *c);

/* The request under way took too long: it is answered by 408, and the connection closes. */
void http_expire(struct http_connection *c);

#endif
