/*
 * Fuzz the HTTP server's thinking half: the same bytes whole and cut into pieces must give the same answers; no
 * POST gets through from a foreign page; every answer begins with a status line.
 *
 * LINK: wire/http_msg.c wire/text.c net/http/http.c net/http/http_request.c net/http/http_answer.c net/http/http_body.c net/http/http_route.c
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include <stdlib.h>
#include <string.h>

#include "net/http/http_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

struct run {
    char out[16384];
    size_t length;
    unsigned posts;
};

static enum http_progress part(struct http_request *r, struct text *out)
{
    text_put(out, http_part(r) == 0 ? "first" : "second");
    return http_part(r) == 0 ? HTTP_MORE : HTTP_END;
}

static enum http_progress part_broken(struct http_request *r, struct text *out)
{
    text_put(out, http_part(r) == 0 ? "first" : "");
    return HTTP_MORE;
}

/* What the route was told of a request, in its state. */
struct seen {
    uint32_t begun, length;
    char first;
};

static uint16_t seen_begin(struct http_request *r)
{
    struct seen *seen = http_state(r);
    char value[40];
    REQUIRE(seen->begun == 0 && seen->length == 0);
    seen->begun = 1;
    http_query(r, "q", value, sizeof value);
    REQUIRE(strlen(http_tail(r)) < HTTP_KEEP_MAX);
    return http_header(r, "X-Refuse") != NULL ? 409 : 0;
}

static size_t seen_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    struct seen *seen = http_state(r);
    REQUIRE(seen->begun == 1 && length > 0);
    seen->first = seen->length == 0 ? (char)bytes[0] : seen->first;
    seen->length += (uint32_t)length;
    return length;
}

static uint16_t seen_end(struct http_request *r)
{
    struct seen *seen = http_state(r);
    unsigned *posts = http_context(r);
    REQUIRE(seen->begun == 1);
    if (http_method(r) != HTTP_POST)
        return 200;
    REQUIRE(http_body_length(r) == UINT32_MAX || http_body_length(r) == seen->length);
    (*posts)++;
    return seen->first == 'e' ? 400 : 200;
}

static void seen_gone(struct http_request *r)
{
    struct seen *seen = http_state(r);
    REQUIRE(seen->begun == 1);
    seen->begun = 2;
}

static void drain(struct http_request *c, struct run *run)
{
    char scratch[HTTP_SCRATCH_MAX];
    struct http_piece piece;
    while (http_output(c, scratch, &piece)) {
        if (run->length + piece.length <= sizeof run->out) {
            memcpy(run->out + run->length, piece.bytes, piece.length);
            run->length += piece.length;
        }
        http_output_taken(c, piece.length);
    }
}

/* With or without `origins`: without, heads that were packed are sent. */
static void play(const uint8_t *data, size_t size, size_t step, bool listed, struct run *run)
{
    static const char packed[] = "ETag: \"k\"\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\npack";
    static const struct http_resource resources[] = {
        {.path = "/", .type = "text/html", .etag = "\"e\"", .body = (const uint8_t *)"body", .length = 4},
        {.path = "/z",
         .type = "a/b",
         .etag = "\"z\"",
         .body = (const uint8_t *)"zip",
         .length = 3,
         .gzip = true},
        {.path = "/z", .type = "a/b", .etag = "\"p\"", .body = (const uint8_t *)"plain", .length = 5},
        {.path = "/k",
         .type = "a/b",
         .etag = "\"k\"",
         .body = (const uint8_t *)packed + sizeof packed - 1 - 4,
         .head = sizeof packed - 1 - 4,
         .length = 4,
         .gzip = true}};
    static const char *const wanted[] = {"X-Refuse", NULL}, *const origins[] = {"http://other", NULL};
    static const struct http_route routes[] = {{.path = "/r*",
                                                .methods = HTTP_GET | HTTP_POST,
                                                .query = true,
                                                .headers = wanted,
                                                .type = "text/plain",
                                                .begin = seen_begin,
                                                .body = seen_body,
                                                .end = seen_end,
                                                .output = part,
                                                .gone = seen_gone},
                                               {.path = "/b", .type = "text/plain", .output = part_broken}};
    static const char *const hosts[] = {"h", NULL};
    const struct http_config config = {.resources = resources,
                                       .resource_count = sizeof resources / sizeof resources[0],
                                       .routes = routes,
                                       .route_count = sizeof routes / sizeof routes[0],
                                       .context = &run->posts,
                                       .hosts = hosts,
                                       .origins = listed ? origins : NULL};
    struct http_site site = {.config = &config};
    /* On the heap, so that the sanitizer guards its borders. */
    struct http_request *c = calloc(1, sizeof *c);
    http_begin(c, &site, 1);
    run->length = 0;
    run->posts = 0;
    for (size_t at = 0; at < size && !http_closing(c);) {
        size_t length = size - at < step ? size - at : step;
        char *copy = malloc(length);
        memcpy(copy, data + at, length);
        size_t used = http_input(c, copy, length);
        free(copy);
        REQUIRE(used > 0 && used <= length);
        at += used;
        drain(c, run);
        REQUIRE(!http_answering(c));
    }
    http_expire(c);
    drain(c, run);
    REQUIRE(http_closing(c));
    http_end(c);
    free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole, pieces;
    if (size < 1)
        return 0;
    play(data + 1, size - 1, size, data[0] < 128, &whole);
    play(data + 1, size - 1, 1 + data[0] % 16, data[0] < 128, &pieces);
    REQUIRE(whole.posts == pieces.posts);
    REQUIRE(whole.length > 12 && memcmp(whole.out, "HTTP/1.1 ", 9) == 0);
    /* "100 Continue" is said only to a client that waits, so leave those inputs out of the comparison. */
    bool waits = memmem(whole.out, whole.length, "100 Cont", 8) != NULL ||
                 memmem(pieces.out, pieces.length, "100 Cont", 8) != NULL;
    REQUIRE(waits || (whole.length == pieces.length && memcmp(whole.out, pieces.out, whole.length) == 0));
    return 0;
}
