/*
 * HTTP/1.1 for products: what is served, who may ask, and how a route answers. No sockets and no lwIP in it.
 *
 *   request ─→ begin ─→ body … ─→ end ─→ head, output … ─→ gone
 *                └──────── a status of 300 and above, anywhere: that is the answer ────────┘
 *
 *   resource  constant, in flash: never copied, ETag, gzip or plain, ranges
 *   route     made on demand, by the functions of one const struct http_route; each may be NULL
 *
 * All functions of a route are called in the loop's thread, none waits, and what a route does costs its own request: a part that
 * is too long, parts without text for ever, or a wrong status end that connection, are counted, and named on the log.
 * Each connection has HTTP_STATE_MAX bytes for the route whose request it serves (http_state); `gone` is the last call of
 * each request that `begin`, `body` or `end` was called for, whether it was answered or its client went away.
 * "Not yet" is an answer as well: HTTP_WAIT, HTTP_LATER, or fewer bytes taken than came; http_wake, from any thread, makes
 * the server ask again. Source: RFC 9110, 9112; docs/http.md has every MUST of theirs with its test.
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

/* What the server can do. Each costs flash, which a product that needs less saves by a 0; then it has no fields for it, in
 * plugnet_config and http_route. */
#ifndef HTTP_ROUTES
#define HTTP_ROUTES                                                                                          \
    1 /* answers made on demand: 3.5 kB of flash with the next two, 640 bytes of RAM; 0: files alone */
#endif
#ifndef HTTP_BODIES
#define HTTP_BODIES HTTP_ROUTES /* requests with a body: 0.6 kB; 0: they get 413, and the connection closes */
#endif
#ifndef HTTP_UPGRADES
#define HTTP_UPGRADES HTTP_ROUTES /* other protocols on the same connection, such as WebSocket: 0.5 kB */
#endif
#ifndef HTTP_RANGES
#define HTTP_RANGES 1 /* parts of files: 0.6 kB; 0: Range is left out, and the whole is sent */
#endif
#ifndef HTTP_ORIGINS
#define HTTP_ORIGINS 1 /* pages of others that may read answers, `origins`: 0.5 kB */
#endif
#ifndef HTTP_CHECK
#define HTTP_CHECK 1 /* a look at each request, `check`, `check_headers`, `challenge`: 0.4 kB */
#endif
#ifndef HTTP_QUICK
#define HTTP_QUICK 1 /* whole lines, packed heads: 0.9 kB; 0: half as many instructions more */
#endif
#if HTTP_ROUTES >> 1 || HTTP_BODIES >> 1 || HTTP_UPGRADES >> 1 || HTTP_RANGES >> 1 || HTTP_ORIGINS >> 1 ||   \
    HTTP_CHECK >> 1 || HTTP_QUICK >> 1
#error "HTTP_ROUTES, _BODIES, _UPGRADES, _RANGES, _ORIGINS, _CHECK, _QUICK: 0 or 1"
#endif
#if !HTTP_ROUTES && (HTTP_BODIES || HTTP_UPGRADES)
#error                                                                                                       \
    "HTTP_BODIES, HTTP_UPGRADES: need HTTP_ROUTES; it is a route that takes a body, or speaks another protocol"
#endif

/* Limits; bytes that each of the HTTP_RAW_CONNECTIONS connections takes, all the time. */
#ifndef HTTP_TEXT_MAX
#define HTTP_TEXT_MAX 63 /* longest path with its query, Host, Origin, or wanted header; at most 255 */
#endif
#ifndef HTTP_KEEP_MAX
#define HTTP_KEEP_MAX                                                                                        \
    28 /* what a route wants of its request: query, tail of the path, headers; each its length and 2 bytes more */
#endif
#ifndef HTTP_STATE_MAX
#define HTTP_STATE_MAX 64 /* http_state, a multiple of 4; up to HTTP_TEXT_MAX + 1 they cost nothing */
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
#ifndef HTTP_DISCARD_MAX
#define HTTP_DISCARD_MAX 4096 /* bytes of a refused body that are read, so that the connection lives on */
#endif
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
    uint8_t head;        /* bytes before `body`, by tool/site_pack.py; 0 unless `gzip`, and with `headers` */
    const char *headers; /* further header lines, each ended by \r\n, at most 200 bytes; NULL: none */
};

struct http_request;

/* Who may ask. A page's origin is known by Origin and Sec-Fetch-Site, which browsers send and pages can't forge; a program that
 * is no browser sends neither, and is let through. A Host that isn't ours gets 421 before that. */
enum http_access {
    HTTP_ACCESS_DEFAULT, /* HTTP_OPEN for GET and HEAD, HTTP_SAME_ORIGIN for the rest and for WebSocket */
    HTTP_OPEN,           /* every page and program */
    HTTP_SAME_ORIGIN,    /* our own pages, pages of http_config.origins, and programs; else 403 */
};

/* What `output` says of the part it has just put. */
enum http_progress {
    HTTP_MORE, /* there are further parts */
    HTTP_END,  /* that was the last one, or there is none */
    HTTP_WAIT, /* nothing more now; http_wake will say when */
};

#define HTTP_LATER 0 /* `end`: not decided yet; it is called again after http_wake */

/* Another protocol that a GET may ask for, on the same connection (websocket.h is one). Const; for modules beside the engine. */
struct http_upgrade {
    const char *const *headers; /* header fields that `header` hears of; at most 8, ended by NULL */

    /* One of them has come, number 0 and up in `headers`. The request may still be refused, so all it can do is
     * to note something for `begin`. */
    void (*header)(struct http_request *r, unsigned number, const char *value, size_t length);

    uint16_t (*begin)(struct http_request *r);              /* 101, or a refusal: 400 to 599 */
    void (*head)(struct http_request *r, struct text *out); /* header lines of 101, and of 426 */

    /* Bytes have come, which may be changed in place. Returns how many it has taken; if fewer, the client is held
     * back, and it is called with the rest after http_wake. */
    size_t (*input)(struct http_request *r, uint8_t *bytes, size_t length);

    /* As a route's; asked again after `input`, too. HTTP_END closes the connection. */
    enum http_progress (*output)(struct http_request *r, struct text *out);

    /* All is said but the client's last word, for which there is a time limit. */
    bool (*leaving)(const struct http_request *r);

    void (*gone)(struct http_request *r); /* as a route's, before that */
};

/* An answer made on demand. Const. */
struct http_route {
    const char *
        path; /* "/upload"; with "*" at its end: all paths that begin so ("/files/" and what follows: http_tail) */
    uint8_t
        methods; /* HTTP_GET | HTTP_PUT and so on; HEAD goes with GET; OPTIONS is answered for you. 0: GET */
    uint8_t access;   /* enum http_access */
    bool query;       /* the query is wanted: http_query */
    const char *type; /* Content-Type of the answer; NULL: `head` names it, else there is none */
    const char *const
        *headers; /* header fields that are wanted: http_header; at most 8, ended by NULL; NULL: none */

    /* The header section is there; http_state is all zeros. 0: go on. 300 to 599: that is the answer, no body is read. */
    uint16_t (*begin)(struct http_request *r);

    /* `length` bytes of the body have come, 1 or more; http_body_length says how many there will be, less than 4 GiB. Returns how many it has
     * taken; if fewer, the client is held back, and it is called with the rest after http_wake. NULL: a body is refused by
     * 413. http_refuse ends it early. */
#if HTTP_BODIES
    size_t (*body)(struct http_request *r, const uint8_t *bytes, size_t length);
#endif

    /* All of the request is there. Returns the answer's status, 200 to 599 but for those that say what the server
     * itself must know (205, 206, 407, 426); or HTTP_LATER. NULL: 200, or 204 without `output`. */
    uint16_t (*end)(struct http_request *r);

    /* Put header lines of your own, each by http_put_header; where `type` is NULL, Content-Type is one. May be called again for
     * the same answer. Lines of `security` are replaced; others of the server's would be there twice, so don't put Cache-Control,
     * Content-Length, Transfer-Encoding, Connection; Content-Type beside `type`, or where the body isn't that of `output` (refused
     * by `begin` or `body`: http_status); WWW-Authenticate beside `challenge`; Allow of a 405; with `origins` Vary and
     * Access-Control-…. */
    void (*head)(struct http_request *r, struct text *out);

    /* Put the next part of the answer's body, whatever status `end` has returned (http_status; not for 204), at most
     * HTTP_PART_MAX bytes; called once for each (http_part counts them from 0). At most HTTP_EMPTY_MAX in a row may be empty and say HTTP_MORE. NULL: an answer without a body, or with the
     * status's name. */
    enum http_progress (*output)(struct http_request *r, struct text *out);

    /* The request is over: answered, or its client has gone (http_state is still there). */
    void (*gone)(struct http_request *r);

    /* Another protocol by "Upgrade": see net/http/websocket.h. NULL: none. */
#if HTTP_UPGRADES
    const struct http_upgrade *upgrade;
#endif

    const void *data; /* yours: http_data */
};

/* ---- For the functions of a route ---- */

void *http_context(const struct http_request *r); /* of the configuration */

/* `data` of the route; NULL: a file was asked for, or nothing is there. */
const void *http_data(const struct http_request *r);

/* `path` of the route or resource that was asked for, as the configuration has it; NULL: nothing is there. */
const char *http_path(const struct http_request *r);
void *http_state(struct http_request *r); /* HTTP_STATE_MAX bytes, aligned for pointers, this request's own */
uint16_t http_status(const struct http_request *r); /* what `end` has returned */
uint8_t http_method(const struct http_request *r);  /* HTTP_GET … */
uint32_t http_remote(const struct http_request *r); /* the client's IPv4 address, host order */
uint32_t http_part(const struct http_request *r);   /* parts put so far */

/* What stands behind the "*" of the path, percent-decoded; until the request is over. */
const char *http_tail(const struct http_request *r);

/* Parameter `name` of the query into `out`, percent-decoded ('+' is a space), with a 0 behind it. Returns its length; -1: it
 * isn't there; -2: it is malformed, or longer than size - 1. Of several the first one counts. To ask only whether it is there:
 * `out` NULL and size 0, and not -1. */
int http_query(const struct http_request *r, const char *name, char *out, size_t size);

/* The same as a decimal number. False: not there, not a number, or not from min to max. */
bool http_query_u32(const struct http_request *r, const char *name, uint32_t min, uint32_t max,
                    uint32_t *value);

/* The value of a header field that `headers` lists, until the request is over; NULL: it didn't come. Of Accept, Accept-Encoding,
 * Connection, Expect, If-Match, If-None-Match, Transfer-Encoding and Upgrade, which are lists, it is the last element. */
const char *http_header(const struct http_request *r, const char *name);

/* Bytes of the whole body; UINT32_MAX: nobody knows before its end. */
uint32_t http_body_length(const struct http_request *r);

/* In `body`: refuse the request with this status, 400 to 599; what follows of it is not read, and the connection closes. */
void http_refuse(struct http_request *r, uint16_t status);

/* In `begin`: the body is wanted, but not yet. A client that asks by Expect isn't told to go on before http_wake; one that doesn't
 * ask is held back by `body`, which takes nothing. */
void http_hold(struct http_request *r);

/* In `begin` or `end`: the answer's body has so many bytes (else it goes in chunks). `output` must put exactly those. */
void http_answer_length(struct http_request *r, uint32_t length);

/* In `head`: one header line. What would break it (CR, LF, other control characters) is replaced by spaces. */
void http_put_header(struct text *out, const char *name, const char *value);

/* Ask the route again that said HTTP_WAIT or HTTP_LATER, or took too little of a body. Any thread, and interrupts. It may
 * come late: `r` may serve another request then, whose route is asked once more than needed, and no more happens. */
void http_wake(struct http_request *r);

/* A buffer for whole bodies, for one request at a time: a body route's `body` may be no more than
 * `return http_collect(r, &buffer, bytes, length);`. Longer bodies get 413; while another request's is in it, 503. Its `gone`
 * must call http_collect_end. Caller-owned. */
struct http_buffer {
    char *bytes;                /* yours */
    size_t size;                /* yours */
    size_t length;              /* so much is there */
    struct http_request *owner; /* ours */
};
size_t http_collect(struct http_request *r, struct http_buffer *buffer, const uint8_t *bytes, size_t length);
void http_collect_end(struct http_request *r, struct http_buffer *buffer);

/* ---- What a server serves. Const; outlives the server. What it can't do (HTTP_ROUTES …) it doesn't look at. ---- */

struct http_config {
    const struct http_resource *resources;
    size_t resource_count;
    const struct http_route *routes;
    size_t route_count;
    void *context;            /* http_context */
    const char *const *hosts; /* our names and addresses, ended by NULL; localhost is always known */
    const char *const *
        origins; /* pages of others that may ask and read answers (CORS): "https://app.example", ended by NULL */
    /* Header lines of each answer, each ended by \r\n; a resource's or route's own of the same name counts instead.
     * NULL: HTTP_SECURITY. */
    const char *security;

    /* Looks at each request before its route, files included: 0 lets it through; 401, 403 or 404 is the answer. It may use
     * http_header for `check_headers`. Wrong guesses (401) are slowed down to one a second, all clients together. NULL: all
     * are let through. */
    uint16_t (*check)(struct http_request *r);
    const char *const *check_headers;
    /* WWW-Authenticate of each 401, a route's own, too: "Bearer", "Basic realm=\"meter\"" */
    const char *challenge;

    /* A route has broken its contract; for the log, once for each such answer. Must not wait. NULL: nobody listens. */
    void (*broken)(const char *path, const char *why);
    void (*wake)(void); /* makes the loop run, from any thread or interrupt; NULL: it runs by itself */
};

#define HTTP_SECURITY                                                                                        \
    "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n"           \
    "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\r\n"

/* Counters; they wrap. */
struct http_stats {
    uint32_t requests; /* complete ones */
    uint32_t errors;   /* answers of 400 and above */
    uint32_t broken;   /* answers that a route of ours has broken */
    uint32_t denied;   /* requests that the check has refused */
    uint32_t good;     /* answers below 400 */
};

#ifdef __cplusplus
}
#endif

#endif
