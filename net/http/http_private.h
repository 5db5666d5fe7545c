/*
 * What the three files of the HTTP server's thinking half share; nobody else includes it.
 *
 *   http.c          the machine: bytes, lines, bodies; a connection's life
 *   http_request.c  what a request's lines mean
 *   http_answer.c   which answer it gets, and the answer's bytes
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_HTTP_PRIVATE_H
#define PLUGNET_NET_HTTP_HTTP_PRIVATE_H

#include "net/http/http.h"

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
    AT_ANSWER, /* from here on nothing is consumed */
    AT_CLOSED,
};

enum output { OUT_NONE, OUT_HEAD, OUT_RESOURCE, OUT_PARTS };

enum flag {
    FLAG_CR = 1 << 0,       /* the last byte was a CR */
    FLAG_OVERFLOW = 1 << 1, /* text was too small for what came */
    FLAG_HTTP10 = 1 << 2,
    FLAG_CLOSE = 1 << 3,
    FLAG_HAS_LENGTH = 1 << 4,
    FLAG_TRANSFER = 1 << 5, /* Transfer-Encoding came … */
    FLAG_CHUNKED = 1 << 6,  /* … and ends with "chunked" … */
    FLAG_CODED = 1 << 7,    /* … but names a coding nobody knows */
    FLAG_EXPECT = 1 << 8,   /* wants 100 Continue */
    FLAG_CONTINUE = 1 << 9, /* and is to get it */
    FLAG_QUOTED = 1 << 10,  /* inside quotes of a list's element */
    FLAG_X_PLUGNET = 1 << 11,
    FLAG_FOREIGN = 1 << 12,     /* Origin is nobody we know */
    FLAG_SAME_ORIGIN = 1 << 13, /* Sec-Fetch-Site says so */
    FLAG_LOOPBACK = 1 << 14,    /* Host is a name of the PC itself */
    FLAG_MISDIRECTED = 1 << 15,
    FLAG_LAST_PART = 1 << 16,
    FLAG_HOST = 1 << 17,       /* a Host header came */
    FLAG_NONE_MATCH = 1 << 18, /* If-None-Match names the resource; bit 19: its plain copy */
    FLAG_IF_MATCH = 1 << 20,   /* If-Match came … */
    FLAG_MATCH = 1 << 21,      /* … and names the resource; bit 22: its plain copy */
    FLAG_BROKEN = 1 << 23,     /* the route has failed */
    FLAG_ABSOLUTE = 1 << 24,   /* the target named the host */
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

static inline bool http_is_white(char byte)
{
    return byte == ' ' || byte == '\t';
}

static inline void http_text_add(struct http_connection *c, char byte)
{
    if (c->length < HTTP_TEXT_MAX) {
        c->text[c->length++] = byte;
    } else {
        c->flags |= FLAG_OVERFLOW;
    }
}

static inline void http_text_clear(struct http_connection *c)
{
    c->length = 0;
    c->flags &= ~(uint32_t)FLAG_OVERFLOW;
}

/* http.c: forget the request, for the next one. */
void http_reset(struct http_connection *c);

/* http_request.c: text holds what was before the delimiter; each moves on to the next state, or fails. */
void http_method_end(struct http_connection *c);
void http_target_end(struct http_connection *c);
void http_version_end(struct http_connection *c);
void http_name_end(struct http_connection *c);
void http_element_end(struct http_connection *c);
void http_value_end(struct http_connection *c);

/* http_answer.c: the plain copy of a resource that is kept gzip-coded; NULL: there is none. */
const struct http_resource *http_plain(const struct http_connection *c);

/* What can be said after the headers. 0: the request is welcome. */
uint16_t http_decide(const struct http_connection *c);

/* The whole request is there. */
void http_complete(struct http_connection *c);

/* The answer is decided: `status` unless something was decided before. */
void http_answer(struct http_connection *c, uint16_t status);

/* A request that can't be read to its end: answer and close. */
void http_fail(struct http_connection *c, uint16_t status);

#ifdef __cplusplus
}
#endif

#endif
