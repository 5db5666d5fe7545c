/*
 * Fuzz the HTTP server's thinking half: the same bytes whole and cut into pieces must give the same answers; no
 * POST gets through without its header; every answer begins with a status line.
 *
 * LINK: wire/http_msg.c wire/text.c net/http/http.c net/http/http_request.c net/http/http_answer.c
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include <stdlib.h>
#include <string.h>

#include "net/http/http.h"

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

static bool part(void *context, unsigned number, struct text *out)
{
    (void)context;
    text_put(out, number == 0 ? "first" : "second");
    return number == 0;
}

static bool part_broken(void *context, unsigned number, struct text *out)
{
    (void)context;
    text_put(out, number == 0 ? "first" : "");
    return true;
}

static uint16_t post(void *context, const char *body, size_t length)
{
    unsigned *posts = context;
    REQUIRE(length <= HTTP_TEXT_MAX && (length == 0 || body != NULL));
    (*posts)++;
    return length > 0 && body[0] == 'e' ? 400 : 200;
}

static void drain(struct http_connection *c, struct run *run)
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

static void play(const uint8_t *data, size_t size, size_t step, struct run *run)
{
    static const struct http_resource resources[] = {
        {.path = "/", .type = "text/html", .etag = "\"e\"", .body = (const uint8_t *)"body", .length = 4},
        {.path = "/z",
         .type = "a/b",
         .etag = "\"z\"",
         .body = (const uint8_t *)"zip",
         .length = 3,
         .gzip = true},
        {.path = "/z", .type = "a/b", .etag = "\"p\"", .body = (const uint8_t *)"plain", .length = 5}};
    static const struct http_route routes[] = {
        {.path = "/r", .type = "text/plain", .part = part, .post = post},
        {.path = "/b", .type = "text/plain", .part = part_broken}};
    static const char *const hosts[] = {"h", NULL};
    const struct http_config config = {.resources = resources,
                                       .resource_count = sizeof resources / sizeof resources[0],
                                       .routes = routes,
                                       .route_count = sizeof routes / sizeof routes[0],
                                       .context = &run->posts,
                                       .hosts = hosts};
    struct http_stats stats = {0};
    /* On the heap, so that the sanitizer guards its borders. */
    struct http_connection *c = malloc(sizeof *c);
    http_begin(c, &config, &stats);
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
    free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole, pieces;
    if (size < 1)
        return 0;
    play(data + 1, size - 1, size, &whole);
    play(data + 1, size - 1, 1 + data[0] % 16, &pieces);
    REQUIRE(whole.posts == pieces.posts);
    REQUIRE(whole.length > 12 && memcmp(whole.out, "HTTP/1.1 ", 9) == 0);
    /* "100 Continue" is said only to a client that waits, so leave those inputs out of the comparison. */
    bool waits = memmem(whole.out, whole.length, "100 Cont", 8) != NULL ||
                 memmem(pieces.out, pieces.length, "100 Cont", 8) != NULL;
    REQUIRE(waits || (whole.length == pieces.length && memcmp(whole.out, pieces.out, whole.length) == 0));
    return 0;
}
