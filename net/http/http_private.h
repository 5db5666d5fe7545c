/*
 * What the files of the HTTP server's thinking half share, and routes of ours (websocket.c, events.c); nobody else includes it.
 *
 *   http.c          the machine: bytes, lines, bodies; a connection's life
 *   http_request.c  what a request's lines mean
 *   http_answer.c   which answer it gets, and the answer's head
 *   http_body.c     the answer's body
 *   http_route.c    what routes may call
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_HTTP_PRIVATE_H
#define PLUGNET_NET_HTTP_HTTP_PRIVATE_H

#include "net/http/http_engine.h"

#ifdef __cplusplus
extern "C" {
#endif

enum state {
    AT_START,
    AT_METHOD,
    AT_TARGET,
    AT_VERSION,
    AT_NAME,
    AT_VALUE,
    AT_BODY,
    AT_CHUNK_SIZE,
    AT_CHUNK_EXTENSION,
    AT_CHUNK_DATA,
    AT_CHUNK_END,
    AT_TRAILER,
    AT_TRAILER_LINE,
    AT_UPGRADED, /* everything is another protocol's */
    AT_CHECK,    /* from here on nothing is consumed; the configuration's check is due */
    AT_LATER,    /* the route has not decided yet */
    AT_ANSWER,
    AT_CLOSED,
};

enum output { OUT_NONE, OUT_HEAD, OUT_PACKED, OUT_RESOURCE, OUT_PARTS };

/* A flag of what the server can't do (HTTP_ROUTES … of http.h) has no bit: who asks for it is told no by the compiler, and what
 * would follow isn't linked. */
enum flag {
    FLAG_CR = 1 << 0,       /* the last byte was a CR */
    FLAG_OVERFLOW = 1 << 1, /* text was too small for what came */
    FLAG_HTTP10 = 1 << 2,
    FLAG_CLOSE = 1 << 3,
    FLAG_HAS_LENGTH = 1 << 4,
    FLAG_TRANSFER = 1 << 5,           /* Transfer-Encoding came */
    FLAG_CHUNKED = 1 << 6,            /* its last coding is "chunked" */
    FLAG_CODED = 1 << 7,              /* it names a coding nobody knows */
    FLAG_EXPECT = HTTP_BODIES << 8,   /* wants 100 Continue */
    FLAG_CONTINUE = HTTP_BODIES << 9, /* and is to get it */
    FLAG_QUOTED = 1 << 10,            /* inside quotes of a list's element */
    FLAG_BEGUN = HTTP_ROUTES << 11,   /* the route has been called, and is to hear of the end */
    FLAG_FOREIGN = 1 << 12,           /* Origin is nobody we know */
    FLAG_SAME_ORIGIN = 1 << 13,       /* Sec-Fetch-Site says so */
    FLAG_LOOPBACK = 1 << 14,          /* Host is a name of the PC itself */
    FLAG_MISDIRECTED = 1 << 15,
    FLAG_LAST_PART = HTTP_ROUTES << 16,
    FLAG_HOST = 1 << 17,              /* a Host header came */
    FLAG_NONE_MATCH = 1 << 18,        /* If-None-Match names the resource; bit 19: its plain copy */
    FLAG_IF_MATCH = 1 << 20,          /* If-Match came */
    FLAG_MATCH = 1 << 21,             /* it names the resource; bit 22: its plain copy */
    FLAG_BROKEN = 1 << 23,            /* the route has failed */
    FLAG_ABSOLUTE = 1 << 24,          /* the target named the host */
    FLAG_WAITING = HTTP_ROUTES << 25, /* the route has said "not yet" */
    FLAG_LENGTH = HTTP_ROUTES << 26,  /* the answer's length is announced, and `left` counts it down */
    FLAG_CROSS_SITE = 1 << 27,        /* Sec-Fetch-Site says so */
    FLAG_JSON = HTTP_ROUTES << 28,    /* errors are wanted as JSON */
    FLAG_KEEP_FULL = (HTTP_ROUTES | HTTP_CHECK) << 29, /* something that the route wants found no room */
};

enum flag2 {
    FLAG2_RANGE =
        HTTP_RANGES << 0, /* range_first and range_last are those of a Range header that can be served */
    FLAG2_SUFFIX = HTTP_RANGES << 1, /* only the last range_last bytes are wanted */
    FLAG2_RANGES =
        HTTP_RANGES << 2, /* several ranges, or one that nobody understands: as if there were none */
    FLAG2_IF_RANGE =
        HTTP_RANGES << 3, /* If-Range came; bits 4 and 5: it names the resource, its plain copy */
    FLAG2_RANGED = HTTP_RANGES << 4,
    FLAG2_UPGRADE = HTTP_UPGRADES << 6,               /* Connection says so */
    FLAG2_WEBSOCKET = HTTP_UPGRADES << 7,             /* Upgrade names the route's protocol */
    FLAG2_PREFLIGHT = HTTP_ORIGINS << 8,              /* Access-Control-Request-Method came */
    FLAG2_DENIED = HTTP_CHECK << 9,                   /* a wrong guess */
    FLAG2_HELD = (HTTP_BODIES | HTTP_UPGRADES) << 11, /* the route takes no more of the body for now */
    FLAG2_SERVER = 1 << 12,                           /* OPTIONS of no path in particular */
    FLAG2_ROUTE = HTTP_ROUTES << 10,   /* the route has decided the status, so its output is the body */
    FLAG2_UNCHECKED = HTTP_CHECK << 13 /* a header field of the check found no room, so it can't be asked */
};

enum accept {
    ACCEPT_GIVEN = 1 << 0, /* Accept-Encoding came */
    ACCEPT_GZIP = 1 << 1,
    REFUSE_GZIP = 1 << 2,
    ACCEPT_IDENTITY = 1 << 3,
    REFUSE_IDENTITY = 1 << 4,
    ACCEPT_ANY = 1 << 5, /* "*": whatever isn't named */
    REFUSE_ANY = 1 << 6,
};

/* The route that was asked for; NULL: none. */
static inline const struct http_route *http_route_of(const struct http_request *r)
{
    return HTTP_ROUTES ? r->route : NULL;
}

/* Of the route that was asked for; NULL: it has none. */
static inline const struct http_upgrade *http_upgrade_of(const struct http_request *r)
{
#if HTTP_UPGRADES
    return r->route->upgrade;
#else
    (void)r;
    return NULL;
#endif
}

static inline const char *const *http_check_headers(const struct http_request *r)
{
    return HTTP_CHECK ? r->site->config->check_headers : NULL;
}

/* The answer is a range of a file. */
static inline bool http_is_part(const struct http_request *r)
{
    return HTTP_RANGES && r->status == 206;
}

static inline bool http_is_white(char byte)
{
    return byte == ' ' || byte == '\t';
}

static inline void http_text_add(struct http_request *r, char byte)
{
    if (r->length < HTTP_TEXT_MAX) {
        r->text[r->length++] = byte;
    } else {
        r->flags |= FLAG_OVERFLOW;
    }
}

static inline void http_text_clear(struct http_request *r)
{
    r->length = 0;
    r->flags &= ~(uint32_t)FLAG_OVERFLOW;
}

#define HTTP_WANTED_MAX 8 /* header fields of a route, and of the check */

enum keep {
    KEEP_TAIL = 1,
    KEEP_QUERY,
    KEEP_HEADERS, /* of the route, then of the check */
    KEEP_UPGRADE = KEEP_HEADERS + 2 * HTTP_WANTED_MAX
};

/* http.c: forget the request, for the next one. */
void http_reset(struct http_request *r);

/* http_request.c: text holds what was before the delimiter; each moves on to the next state, or fails. */
void http_method_end(struct http_request *r);
void http_target_end(struct http_request *r);
void http_version_end(struct http_request *r);
void http_name_end(struct http_request *r);
void http_element_end(struct http_request *r);
void http_value_end(struct http_request *r);

/* http_answer.c: the plain copy of a resource that is kept gzip-coded; NULL: there is none. */
const struct http_resource *http_plain(const struct http_request *r);

/* http_route.c: may so many bytes more be kept? Then they are, as record `number`. */
void http_keep(struct http_request *r, unsigned number, const char *value, size_t length);

/* The header field that came, which is wanted: the check's before all others. */
void http_keep_field(struct http_request *r);

/* http_route.c: that record's value; NULL: there is none. */
const char *http_kept(const struct http_request *r, unsigned number);

/* http_answer.c: what can be said after the headers, before a check. 0: the request is welcome. */
uint16_t http_decide(const struct http_request *r);

/* The whole request is there, or its route was woken: the answer's status is decided now, or later. */
void http_complete(struct http_request *r);

/* The answer is decided: `status` unless something was decided before. */
void http_answer(struct http_request *r, uint16_t status);

/* What was sent so far must not look like a whole answer; `why` is for the log. */
void http_break(struct http_request *r, const char *why);

/* http_body.c: a contract was broken, and the answer can still be another one: counted, and named on the log. */
void http_blame(struct http_request *r, const char *why);

/* http_answer.c: the answer's head, and its body where that is the status's name. */
void http_head(const struct http_request *r, struct text *t);
bool http_has_parts(const struct http_request *r);
bool http_has_resource(const struct http_request *r);

/* http_answer.c: the answer is all in flash, its head as well; what of it comes next, behind `done` bytes of `left`, and how many
 * there are. */
bool http_is_packed(const struct http_request *r);
void http_packed_piece(const struct http_request *r, struct http_piece *piece);
uint32_t http_packed_length(const struct http_request *r);

/* http_body.c: the other protocol is begun; returns 101, or a refusal. */
uint16_t http_upgrade_begin(struct http_request *r);

/* http_body.c: bytes of an upgraded protocol. */
size_t http_upgraded_take(struct http_request *r, char *bytes, size_t length);

/* http_body.c: a piece of the answer's body; false: none now. */
bool http_body_output(struct http_request *r, char *scratch, struct http_piece *piece);

/* A request that can't be read to its end: answer and close. */
void http_fail(struct http_request *r, uint16_t status);

#ifdef __cplusplus
}
#endif

#endif
