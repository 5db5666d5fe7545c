/*
 * An HTTP/1.1 server's engine: bytes of requests in, pieces of answers out, no sockets, no memory but the request's own.
 * Products include net/http/http.h; this header is for the transport (http_raw.c) and for tests.
 *
 *   http_begin ─→ http_input ─→ (request complete) ─→ http_output … http_output_taken ─→ http_input …
 *                    ↑ stops consuming while an answer is pending: pipelined requests wait, bounded
 *   http_checking: http_check, when guesses are allowed      http_waiting: until http_wake, then go on with both
 *   http_closing: close when all output is taken.            http_expire: a request took too long
 *   http_broken: a route has failed in the middle of its answer; end the connection by a reset, at once
 *   http_end: whatever ends it, once, so that the route hears of it
 *
 * All calls come from one thread.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_HTTP_ENGINE_H
#define PLUGNET_NET_HTTP_HTTP_ENGINE_H

#include "net/http/http.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What all connections of a server share; caller-owned. */
struct http_site {
    const struct http_config *config; /* yours; outlives it */
    struct http_stats stats;
    bool woken; /* a request was: look at each one's; by __atomic, as that */
};

/* One connection and the request on it; caller-owned, fields are ours. */
struct http_request {
    bool woken; /* stays from one request to the next, as `site` does: both are looked at by other threads */
    uint8_t state, output;
    uint8_t method;
    uint8_t header; /* enum http_header, whose value is being read */
    uint8_t wanted; /* 1 and up: it is kept under that number; 0: it isn't */
    uint8_t told;   /* 1 and up: the upgrade hears of it under that number; 0: it doesn't */
    uint8_t accept; /* what Accept-Encoding says */
    uint8_t origin; /* number in config->origins and 1; 0: none of them */
    uint8_t length; /* bytes in text */
    uint8_t kept;   /* bytes in keep */
    uint16_t flags2;
    uint16_t status;      /* of the answer; 0: not decided */
    uint16_t host_port;   /* 0: none was named */
    uint16_t origin_port; /* 0: none was named */
    uint32_t flags;
    const struct http_resource *resource; /* what was asked for; NULL: none */
    const struct http_route *route;
    uint32_t remote; /* the client's address, host order */
    uint32_t left;   /* bytes of body, chunk, resource or announced answer still to come */
    union {
        uint32_t
            done; /* bytes of a resource's body taken, parts of a route's text, digits of a chunk's size */
        uint32_t noted; /* until there is an answer: what an upgrade has noted of the headers */
    };
    uint32_t range_first; /* of a Range header, see FLAG2_RANGE and FLAG2_SUFFIX */
    union {
        uint32_t range_last;  /* a resource's */
        uint32_t body_length; /* a route's: of the request; UINT32_MAX: unknown */
    };
    uint32_t host_key;   /* which of our names Host has, 0: none yet */
    uint32_t origin_key; /* which one Origin has, 0: none */
    uint32_t seen;       /* bytes of request line or header section so far */
    struct http_site *site;
    char keep[HTTP_KEEP_MAX]; /* records: a number, a value, a 0 */
    union {
        char text[HTTP_TEXT_MAX];                 /* until the header section is there */
        uint32_t state_words[HTTP_STATE_MAX / 4]; /* from then on: the route's */
        void *state_pointer;                      /* it may begin with one */
    };
};

/* A piece of output. */
struct http_piece {
    const char *bytes;
    size_t length;
    bool is_static; /* in flash: need not be copied, and may be taken in parts; else whole or not at all */
};

/* A new connection from `remote` (host order). `site` outlives it. */
void http_begin(struct http_request *r, struct http_site *site, uint32_t remote);

/* Feed received bytes, which an upgraded protocol may change in place; returns how many were consumed: all, or up to where it
 * has to wait: the end of a request, the check, a route that takes no more. */
size_t http_input(struct http_request *r, char *bytes, size_t length);

/* The next piece to send, made in `scratch` (HTTP_SCRATCH_MAX bytes) unless it is static. False: none now. */
bool http_output(struct http_request *r, char *scratch, struct http_piece *piece);

/* True: the next http_output lets a route make a part, and that must be taken: make sure before that there is room for
 * HTTP_SCRATCH_MAX bytes. Other pieces may be made again as often as needed. */
bool http_output_is_once(const struct http_request *r);

/* `length` bytes of the last piece have been taken. */
void http_output_taken(struct http_request *r, size_t length);

/* True: the configuration's check is due. http_check asks it and goes on; false: it was a wrong guess. */
bool http_checking(const struct http_request *r);
bool http_check(struct http_request *r);

/* True: a route has said "not yet" to more of its answer, or to more of a body, and hasn't been woken since. Time limits for
 * clients don't hold meanwhile. */
bool http_waiting(const struct http_request *r);
bool http_held(const struct http_request *r);

/* The request was woken: the next http_output and http_input try again. */
void http_resume(struct http_request *r);

/* True: no request is under way and nothing is left to send; the client may think as long as it likes. */
bool http_idle(const struct http_request *r);

/* True: an answer is being made or sent; input waits. */
bool http_answering(const struct http_request *r);

/* True: the connection speaks another protocol now; input and output go on side by side. */
bool http_upgraded(const struct http_request *r);

/* True: that protocol waits for the client's last word only. */
bool http_leaving(const struct http_request *r);

/* True: all is sent, and the connection is to be closed. */
bool http_closing(const struct http_request *r);

/* True: a route has failed while its answer was being sent. What was sent must not look whole, so the transport
 * resets the connection; there is no more output. */
bool http_broken(const struct http_request *r);

/* Close the connection after the answer under way, which should say so if it has not begun. */
void http_close(struct http_request *r);

/* The request under way took too long: it is answered by 408, and the connection closes; with another protocol it closes. */
void http_expire(struct http_request *r);

/* The connection is over. */
void http_end(struct http_request *r);

#ifdef __cplusplus
}
#endif

#endif
