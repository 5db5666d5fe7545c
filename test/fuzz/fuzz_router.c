/*
 * Fuzz what a request's target leads to, through a whole connection: a table of files and routes, exact ones and prefixes, each
 * with its methods, and a request, cut anywhere. A second router, which reads the same table another way, says status, route
 * and tail before; a second parser of queries says what http_query and http_query_u32 must return. All memory has exactly the
 * size that is told.
 *
 *   step, method, table, 0xFF, the target behind its first slash
 *   table: entries, each kind and methods, bytes of a path, 0
 *
 * LINK: wire/http_msg.c wire/text.c net/http/http.c net/http/http_request.c net/http/http_answer.c net/http/http_body.c net/http/http_route.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "net/http/http_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define ENTRIES    8
#define PATH_MAX   12
#define TARGET_MAX 200

static const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};

static struct {
    struct http_resource resources[ENTRIES];
    struct http_route routes[ENTRIES];
    size_t resource_count, route_count;
    char paths[ENTRIES][PATH_MAX + 2];
    char target[TARGET_MAX + 1];
    size_t length;
    uint8_t method;
} game;

/* What must happen. */
static struct {
    unsigned status;
    const struct http_route *route; /* whose functions are called; NULL: nobody's */
    char tail[TARGET_MAX + 1];
    const char *query; /* NULL: none that the route can see */
} wanted;

static unsigned called;

/* ---- The second parser of queries: takes the text apart at all its ampersands, then looks. ---- */

static int digit_of(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c != 0 ? strchr(digits, c) : NULL;
    return at == NULL ? -1 : (int)(at - digits) % 16;
}

/* Decode all of `from`. False: malformed. */
static bool decoded(const char *from, size_t length, bool plus, char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        char c = from[i];
        if (c == '%') {
            if (i + 2 >= length || digit_of(from[i + 1]) < 0 || digit_of(from[i + 2]) < 0)
                return false;
            c = (char)(digit_of(from[i + 1]) * 16 + digit_of(from[i + 2]));
            i += 2;
            if ((unsigned char)c < 32 || c == 127)
                return false;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        to[n++] = c;
    }
    to[n] = 0;
    return true;
}

/* The length of the parameter's value in `value`, -1 and -2 as http_query says. */
static int query_of(const char *query, const char *name, size_t size, char *value)
{
    for (const char *at = query; at != NULL;) {
        size_t length = strcspn(at, "&"), key = strcspn(at, "=&");
        if (key == strlen(name) && memcmp(at, name, key) == 0) {
            bool fine = decoded(at + key + (key < length), length - key - (key < length), true, value);
            return fine && strlen(value) < size ? (int)strlen(value) : -2;
        }
        at = at[length] == '&' ? at + length + 1 : NULL;
    }
    return -1;
}

static void query_check(const struct http_request *r, const char *name)
{
    char value[TARGET_MAX + 1] = "";
    for (size_t size = 0; size <= HTTP_KEEP_MAX; size++) {
        char *out = malloc(size);
        int length = query_of(wanted.query, name, size, value);
        REQUIRE(http_query(r, name, out, size) == length);
        REQUIRE(size == 0 || strcmp(out, length < 0 ? "" : value) == 0);
        free(out);
    }
    static const uint32_t ranges[][2] = {
        {0, UINT32_MAX}, {1, 9}, {0, UINT32_MAX - 1}, {UINT32_MAX, UINT32_MAX}, {10, 1000}};
    int length = query_of(wanted.query, name, TARGET_MAX, value);
    bool digits = length > 0 && length <= 10 && strspn(value, "0123456789") == (size_t)length;
    unsigned long long number = digits ? strtoull(value, NULL, 10) : 0;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        uint32_t got = 77;
        bool fine = digits && number >= ranges[i][0] && number <= ranges[i][1];
        REQUIRE(http_query_u32(r, name, ranges[i][0], ranges[i][1], &got) == fine);
        REQUIRE(got == (fine ? number : 77));
    }
}

/* ---- Routes ---- */

static uint16_t route_begin(struct http_request *r)
{
    called++;
    REQUIRE(wanted.route != NULL && http_data(r) == wanted.route);
    REQUIRE(strcmp(http_tail(r), wanted.tail) == 0);
    REQUIRE(http_method(r) == game.method);
    query_check(r, "a");
    query_check(r, "b");
    query_check(r, "ab");
    return 0;
}

static enum http_progress route_output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "route");
    return HTTP_END;
}

/* ---- The second router ---- */

static bool is_prefix(const char *path)
{
    return path[strlen(path) - 1] == '*';
}

static bool fits(const char *pattern, const char *path)
{
    return is_prefix(pattern) ? strncmp(pattern, path, strlen(pattern) - 1) == 0 : strcmp(pattern, path) == 0;
}

static unsigned status_of(void)
{
    static char path[TARGET_MAX + 1], query[TARGET_MAX + 1];
    size_t end = strcspn(game.target, "?");
    bool file = false, asks = game.target[end] == '?';
    const struct http_route *route = NULL;
    uint8_t methods = HTTP_GET;
    size_t kept = 0;
    if (end >= HTTP_TEXT_MAX && game.length > HTTP_TEXT_MAX)
        return 404; /* longer than every path */
    if (!decoded(game.target, end, false, path))
        return 400;
    for (size_t i = 0; i < game.resource_count; i++)
        file |= strcmp(game.resources[i].path, path) == 0;
    for (size_t i = game.route_count; i-- > 0 && !file;)
        route = fits(game.routes[i].path, path) ? &game.routes[i] : route;
    if (!file && route == NULL)
        return 404;
    if (!file && is_prefix(route->path)) {
        strcpy(wanted.tail, path + strlen(route->path) - 1);
        kept += strlen(wanted.tail) + 2;
    }
    if (!file && route->query && asks) {
        if (game.length > HTTP_TEXT_MAX)
            return 414;
        strcpy(query, game.target + end + 1);
        wanted.query = query;
        kept += strlen(query) + 2;
    }
    if (!file && route->methods != 0)
        methods = route->methods;
    if (game.method == HTTP_OPTIONS && (methods & HTTP_OPTIONS) == 0)
        return 204;
    if ((methods & game.method) == 0 && (game.method != HTTP_HEAD || (methods & HTTP_GET) == 0))
        return 405;
    if (kept > HTTP_KEEP_MAX)
        return 431;
    wanted.route = route;
    return 200;
}

/* ---- The input ---- */

/* Most bytes of a target or path are such as mean something. */
static char letter(uint8_t byte)
{
    return byte > ' ' && byte < 0x7F ? (char)byte : "ab/*?&=%+0125f4."[byte % 16];
}

/* An entry's path: in routes it may be a prefix; none has a query. */
static size_t path_take(const uint8_t *data, size_t size, char *path, bool route)
{
    size_t at = 0, n = 0;
    path[n++] = '/';
    for (; at < size && data[at] != 0; at++) {
        char c = letter(data[at]);
        if (n < PATH_MAX && c != '?' && c != '%')
            path[n++] = c;
    }
    while (!route && n > 1 && path[n - 1] == '*')
        n--;
    path[n] = 0;
    return at < size ? at + 1 : at;
}

static void game_take(const uint8_t *data, size_t size)
{
    size_t at = 1;
    memset(&game, 0, sizeof game);
    game.method = (uint8_t)(1 << data[0] % 7);
    for (size_t i = 0; i < ENTRIES && at < size && data[at] != 0xFF; i++) {
        uint8_t kind = data[at++];
        at += path_take(data + at, size - at, game.paths[i], (kind & 0x80) == 0);
        if ((kind & 0x80) != 0) {
            game.resources[game.resource_count++] = (struct http_resource){
                .path = game.paths[i], .type = "a/b", .body = (const uint8_t *)"file", .length = 4};
        } else {
            struct http_route *route = &game.routes[game.route_count++];
            *route = (struct http_route){.path = game.paths[i],
                                         .methods = kind & 0x7F,
                                         .query = (at + kind) % 3 != 0,
                                         .type = "a/b",
                                         .begin = route_begin,
                                         .output = route_output,
                                         .data = route};
        }
    }
    game.target[game.length++] = '/';
    for (at++; at < size && game.length < TARGET_MAX; at++)
        game.target[game.length++] = letter(data[at]);
}

static unsigned play(size_t step)
{
    static const char *const hosts[] = {"h", NULL};
    const struct http_config config = {.resources = game.resources,
                                       .resource_count = game.resource_count,
                                       .routes = game.routes,
                                       .route_count = game.route_count,
                                       .hosts = hosts};
    struct http_site site = {.config = &config};
    struct http_request *r = malloc(sizeof *r);
    char request[TARGET_MAX + 40] = "", out[2048], scratch[HTTP_SCRATCH_MAX];
    struct http_piece piece;
    size_t length = 0;
    unsigned method = 0;
    while (game.method >> method != 1)
        method++;
    strcat(strcat(request, method_names[method]), " ");
    strcat(strcat(request, game.target), " HTTP/1.1\r\nHost: h\r\n\r\n");
    http_begin(r, &site, 1);
    for (size_t at = 0, all = strlen(request); at < all && !http_closing(r);) {
        size_t some = all - at < step ? all - at : step;
        at += http_input(r, request + at, some);
        while (http_output(r, scratch, &piece)) {
            REQUIRE(length + piece.length < sizeof out);
            memcpy(out + length, piece.bytes, piece.length);
            length += piece.length;
            http_output_taken(r, piece.length);
        }
    }
    REQUIRE(site.stats.broken == 0);
    http_end(r);
    free(r);
    out[length] = 0;
    REQUIRE(strncmp(out, "HTTP/1.1 ", 9) == 0);
    const char *body = strstr(out, "\r\n\r\n");
    REQUIRE(body != NULL);
    if (wanted.status == 200 && game.method != HTTP_HEAD)
        REQUIRE(strstr(body, wanted.route != NULL ? "route" : "file") != NULL);
    return (unsigned)atoi(out + 9);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    game_take(data + 1, size - 1);
    memset(&wanted, 0, sizeof wanted);
    wanted.status = status_of();
    called = 0;
    REQUIRE(play(1 + data[0] % 32) == wanted.status);
    REQUIRE(called == (wanted.route != NULL));
    return 0;
}
