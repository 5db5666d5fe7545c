/*
 * An HTTP/1.1 server's thinking half: bytes of requests in, pieces of answers out, no sockets, no memory but
 * the connection's own. Transport: net/http/http_raw.c (lwIP callbacks).
 *
 *   http_begin ─→ http_input ─→ (request complete) ─→ http_output … http_output_taken ─→ http_input …
 *                    ↑ stops consuming while an answer is pending: pipelined requests wait, bounded
 *   http_closing: close when all output is taken.      http_expire: a request took too long
 *   http_broken: a route has failed in the middle of its answer; end the connection by a reset, at once
 *
 * What is served: const resources (flash, never copied) and routes (text made on demand, sent in chunks). Who
 * may ask: a request for a host that isn't ours gets 421; a POST needs "X-Plugnet: 1" and no foreign Origin,
 * else 403. No CORS headers, ever. Source: RFC 9110, 9112; docs/http.md has every MUST of theirs with its test.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_HTTP_H
#define PLUGNET_NET_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/http_msg.h"
#include "wire/text.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef HTTP_TEXT_MAX
#define HTTP_TEXT_MAX                                                                                        \
    63 /* bytes: longest path, Host, Origin, and request body; each costs every connection */
#endif
#ifndef HTTP_TARGET_MAX
#define HTTP_TARGET_MAX 1024 /* bytes of a request target with its query; more: 414 */
#endif
#ifndef HTTP_HEADERS_MAX
#define HTTP_HEADERS_MAX 65536 /* bytes of all header lines, they cost only time; more: 431 */
#endif
#ifndef HTTP_SCRATCH_MAX
#define HTTP_SCRATCH_MAX 640 /* bytes the transport lends for each piece */
#endif
#define HTTP_PART_MAX (HTTP_SCRATCH_MAX - 16) /* bytes of text a route may put into one part */
#ifndef HTTP_EMPTY_MAX
#define HTTP_EMPTY_MAX 64 /* parts without text one after the other */
#endif

/* A constant answer. All pointers into flash, for ever. A gzip-coded one may be followed by its plain copy: the same
 * path and an ETag of its own, for clients that can't read gzip; without the copy they get 406. */
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
    const char *type; /* Content-Type of the text that `part` makes; NULL: none is named */

    /* Put part number `part` (from 0, 32 bits) of the text into `out`, at most HTTP_PART_MAX bytes. True: there are
     * more parts; at most HTTP_EMPTY_MAX in a row may be empty. May be called again for the same part if there was no
     * memory to send it. More text, or more empty parts: the connection is reset. NULL: no GET. */
    bool (*part)(void *context, unsigned part, struct text *out);

    /* A POST's whole body, at most HTTP_TEXT_MAX bytes. Returns the status, 200 to 299 or 400 to 599: 200 answers with
     * `part` if there is one, 204 with nothing, others with their name. What needs a header field that nobody adds
     * (205, 206, 401, 407, 426), and any other number, becomes 500. NULL: no POST. */
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

    /* A route has broken its contract; for the log, once for each such answer. Must not wait. NULL: nobody listens. */
    void (*broken)(const char *path, const char *why);
};

/* Counters; they wrap. */
struct http_stats {
    uint32_t requests; /* complete ones */
    uint32_t errors;   /* answers of 400 and above */
    uint32_t broken;   /* answers that a route of ours has broken */
};

/* One connection; caller-owned, fields are ours. */
struct http_connection {
    const struct http_config *config;
    struct http_stats *stats;
    const struct http_resource *resource; /* what was asked for; NULL: none */
    const struct http_route *route;
    uint32_t left; /* bytes of body, or of this chunk, still to come */
    uint32_t done; /* bytes of a resource's body taken, parts of a route's text, digits of a chunk's size */
    uint32_t host_hash;   /* of Host's name, 0: none yet */
    uint32_t origin_hash; /* of the name in Origin, 0: none */
    uint32_t seen;        /* bytes of request line or header section so far */
    uint32_t flags;
    uint16_t host_port;   /* 0: none was named */
    uint16_t origin_port; /* 0: none was named */
    uint16_t status;      /* of the answer; 0: not decided */
    uint8_t state, output;
    uint8_t method;
    uint8_t header; /* enum http_header, whose value is being read */
    uint8_t accept; /* what Accept-Encoding says */
    uint8_t length; /* bytes in text */
    char text[HTTP_TEXT_MAX];
};

/* A piece of output. */
struct http_piece {
    const char *bytes;
    size_t length;
    bool lasting; /* in flash: need not be copied, and may be taken in parts; else whole or not at all */
};

/* A request that has been read and decided, and whose answer has not begun: GET, HEAD, or one that failed. */
struct http_saved {
    const struct http_resource *resource;
    const struct http_route *route;
    uint32_t flags;
    uint16_t status;
    uint8_t method;
    uint8_t accept;
};

/* A new connection. `config` and `stats` outlive it. */
void http_begin(struct http_connection *c, const struct http_config *config, struct http_stats *stats);

/* Feed received bytes; returns how many were consumed: all, or up to the end of a request. */
size_t http_input(struct http_connection *c, const char *bytes, size_t length);

/* The next piece to send, made in `scratch` (HTTP_SCRATCH_MAX bytes) unless it is lasting. False: none now. */
bool http_output(struct http_connection *c, char *scratch, struct http_piece *piece);

/* `length` bytes of the last piece have been taken. */
void http_output_taken(struct http_connection *c, size_t length);

/* Reading ahead, for a pipeline: a connection of the transport's own reads a request; what it has decided is saved, and
 * loaded later into the connection whose turn it is to answer. */

/* True: a request that begins with this byte may be read ahead. POST does something when it is complete, so it waits until
 * the answers before it are sent, and with it whatever begins like it. */
static inline bool http_ahead_may(char first)
{
    return first != 'P';
}

/* False: `c` has no whole request whose answer has not begun. */
bool http_save(const struct http_connection *c, struct http_saved *saved);

/* `c` is idle (http_idle); the answer to `saved` is its next output. */
void http_load(struct http_connection *c, const struct http_saved *saved);

/* True: no further request follows this one. */
bool http_saved_is_last(const struct http_saved *saved);

/* True: no request is under way and nothing is left to send; the client may think as long as it likes. */
bool http_idle(const struct http_connection *c);

/* True: an answer is being sent; input waits. */
bool http_answering(const struct http_connection *c);

/* True: all is sent, and the connection is to be closed. */
bool http_closing(const struct http_connection *c);

/* True: a route has failed while its answer was being sent. What was sent must not look whole, so the transport
 * resets the connection; there is no more output. */
bool http_broken(const struct http_connection *c);

/* Close the connection after the answer under way, which should say so if it has not begun. */
void http_close(struct http_connection *c);

/* The request under way took too long: it is answered by 408, and the connection closes. */
void http_expire(struct http_connection *c);

#ifdef __cplusplus
}
#endif

#endif
