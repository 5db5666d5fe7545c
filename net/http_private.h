/*
 * What the three files of the HTTP server's thinking half share; nobody else includes it.
 *
 *   http.c          the machine: bytes, lines, bodies; a connection's life
 *   http_request.c  what a request's lines mean
 *   http_answer.c   which answer it gets, and the answer's bytes
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_PRIVATE_H
#define PLUGNET_NET_HTTP_PRIVATE_H

#include "net/http.h"

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
    FLAG_CHUNKED = 1 << 5,
    FLAG_EXPECT = 1 << 6,   /* wants 100 Continue */
    FLAG_CONTINUE = 1 << 7, /* and is to get it */
    FLAG_MATCH = 1 << 8,    /* If-None-Match matched */
    FLAG_X_PLUGNET = 1 << 9,
    FLAG_FOREIGN = 1 << 10, /* Origin is nobody we know */
    FLAG_MISDIRECTED = 1 << 11,
    FLAG_LAST_PART = 1 << 12,
    FLAG_HOST = 1 << 13, /* a Host header came */
};

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
    c->flags &= (uint16_t)~FLAG_OVERFLOW;
}

/* http.c: forget the request, for the next one. */
void http_reset(struct http_connection *c);

/* http_request.c: text holds what was before the delimiter; each moves on to the next state, or fails. */
void http_method_end(struct http_connection *c);
void http_target_end(struct http_connection *c);
void http_version_end(struct http_connection *c);
void http_name_end(struct http_connection *c);
void http_value_end(struct http_connection *c);

/* http_answer.c: what can be said after the headers. 0: the request is welcome. */
uint16_t http_decide(const struct http_connection *c);

/* The whole request is there. */
void http_complete(struct http_connection *c);

/* The answer is decided: `status` unless something was decided before. */
void http_answer(struct http_connection *c, uint16_t status);

/* A request that can't be read to its end: answer and close. */
void http_fail(struct http_connection *c, uint16_t status);

#endif
