/*
 * HTTP/1.1: requests as clients and attackers write them, whole and in pieces, through the thinking half.
 *
 * LINK: wire/http_msg.c wire/text.c net/http/http.c net/http/http_request.c net/http/http_answer.c net/http/http_body.c net/http/http_route.c
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_engine.h"
#include "test/test.h"

static const uint8_t page[] = "<p>page</p>";
static const struct http_resource resources[] = {
    {.path = "/",
     .type = "text/html",
     .etag = "\"abc\"",
     .body = page,
     .length = 11,
     .gzip = true,
     .headers = "Referrer-Policy: no-referrer\r\n"},
    {.path = "/a b", .type = "text/plain", .body = page, .length = 3},
    {.path = "/empty", .type = "text/plain", .body = page, .length = 0},
    {.path = "/two", .type = "text/html", .etag = "\"gz\"", .body = page, .length = 4, .gzip = true},
    {.path = "/two", .type = "text/html", .etag = "\"id\"", .body = page, .length = 7},
    {.path = "/weak", .type = "text/plain", .etag = "W/\"w\"", .body = page, .length = 3},
};

static char posted[64];
static size_t posted_length;
static unsigned posts;
static struct http_buffer posted_buffer = {.bytes = posted, .size = HTTP_TEXT_MAX};
static unsigned gone;

static enum http_progress parts(struct http_request *r, struct text *out)
{
    uint32_t part = http_part(r);
    text_put(out, part == 0 ? "one" : part == 1 ? "" : "three");
    return part < 2 ? HTTP_MORE : HTTP_END;
}

static size_t post_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    return http_collect(r, &posted_buffer, bytes, length);
}

static size_t taken_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    (void)r, (void)bytes;
    return length;
}

static uint16_t post_end(struct http_request *r)
{
    if (http_method(r) == HTTP_GET)
        return 200;
    posts++;
    posted_length = posted_buffer.length;
    return posted_length > 0 && posted[0] == '!' ? 400 : posted_length > 0 && posted[0] == '.' ? 204 : 200;
}

static void post_gone(struct http_request *r)
{
    http_collect_end(r, &posted_buffer);
    gone++;
}

/* Routes that break their contract, each in its way. */
static unsigned turns;
static char scratch[HTTP_SCRATCH_MAX];

static enum http_progress parts_without_text(struct http_request *r, struct text *out)
{
    (void)r, (void)out;
    turns++;
    return HTTP_MORE;
}

static enum http_progress parts_silent_later(struct http_request *r, struct text *out)
{
    text_put(out, http_part(r) == 0 ? "begin" : "");
    return http_part(r) == 0 ? HTTP_MORE : parts_without_text(r, out);
}

static enum http_progress parts_too_long(struct http_request *r, struct text *out)
{
    (void)r;
    for (int i = 0; i < 100; i++)
        text_put(out, "0123456789");
    return HTTP_END;
}

static enum http_progress parts_too_long_later(struct http_request *r, struct text *out)
{
    text_put(out, http_part(r) == 0 ? "begin" : "");
    return http_part(r) == 0 ? HTTP_MORE : parts_too_long(r, out);
}

static enum http_progress parts_sparse(struct http_request *r, struct text *out)
{
    uint32_t part = http_part(r);
    text_put(out, part % (HTTP_EMPTY_MAX + 1) == HTTP_EMPTY_MAX ? "x" : "");
    return part < 3 * (HTTP_EMPTY_MAX + 1) - 1 ? HTTP_MORE : HTTP_END;
}

static enum http_progress parts_many(struct http_request *r, struct text *out)
{
    text_put(out, "x");
    return http_part(r) < 70000 - 1 ? HTTP_MORE : HTTP_END;
}

static unsigned held_taken;

static uint16_t held_begin(struct http_request *r)
{
    if (http_method(r) == HTTP_PUT)
        http_hold(r);
    return 0;
}

static size_t held_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    (void)r, (void)bytes;
    held_taken += (unsigned)length;
    return length;
}

static unsigned nonsense;

static uint16_t post_nonsense(struct http_request *r)
{
    (void)r;
    return (uint16_t)nonsense;
}

#define BOTH  .methods = HTTP_GET | HTTP_POST, .body = post_body, .end = post_end, .gone = post_gone
#define POSTS .methods = HTTP_POST, .body = post_body, .end = post_end, .gone = post_gone

static const struct http_route routes[] = {
    {.path = "/value", .type = "text/plain", .output = parts},
    {.path = "/both", .type = "text/plain", .output = parts, BOTH},
    {.path = "/only", .type = "text/plain", POSTS},
    {.path = "/silent", .type = "text/plain", .output = parts_without_text},
    {.path = "/silent-later", .type = "text/plain", .output = parts_silent_later},
    {.path = "/long", .type = "text/plain", .output = parts_too_long},
    {.path = "/long-later", .type = "text/plain", .output = parts_too_long_later},
    {.path = "/sparse", .type = "text/plain", .output = parts_sparse},
    {.path = "/many", .type = "text/plain", .output = parts_many},
    {.path = "/nonsense", .methods = HTTP_POST, .end = post_nonsense},
    {.path = "/untyped", .output = parts},
    {.path = "/nothing-at-all"},
    {.path = "/held", .methods = HTTP_PUT, .begin = held_begin, .body = held_body},
    {.path = "/taken", .methods = HTTP_PUT, .body = taken_body},
};

static const char *broken_path, *broken_why;

static void broken(const char *path, const char *why)
{
    broken_path = path;
    broken_why = why;
}

static const char *const hosts[] = {"plugnet.local", "10.64.1.1", NULL};
static const struct http_config config = {.resources = resources,
                                          .resource_count = sizeof resources / sizeof resources[0],
                                          .routes = routes,
                                          .route_count = sizeof routes / sizeof routes[0],
                                          .hosts = hosts,
                                          .broken = broken};
static struct http_site site;
#define stats (site.stats)
static struct http_request c;
static char out[8192];
static size_t out_length;

static void drain(void)
{
    struct http_piece piece;
    while (http_output(&c, scratch, &piece)) {
        size_t take = piece.is_static && piece.length > 4 ? 4 : piece.length; /* static pieces in parts */
        if (out_length + take >= sizeof out)
            out_length = 0; /* the end of a long answer is what tests look at */
        memcpy(out + out_length, piece.bytes, take);
        out_length += take;
        out[out_length] = 0;
        http_output_taken(&c, take);
    }
}

/* Feed bytes as a transport does; `step` at a time. */
static void feed(const char *bytes, size_t length, size_t step)
{
    size_t at = 0;
    while (at < length && !http_closing(&c)) {
        size_t piece = length - at < step ? length - at : step;
        char copy[4096]; /* what an upgraded protocol may change */
        memcpy(copy, bytes + at, piece);
        size_t used = http_input(&c, copy, piece);
        at += used;
        drain();
        if (used == 0)
            break;
    }
}

static void fresh(void)
{
    memset(&stats, 0, sizeof stats);
    posts = turns = gone = 0;
    posted_buffer.owner = NULL;
    broken_path = broken_why = NULL;
    out_length = 0;
    out[0] = 0;
    http_begin(&c, (site.config = &config, &site), 0x0A400102);
}

static const char *ask(const char *request)
{
    fresh();
    feed(request, strlen(request), 4096);
    return out;
}

static int status(const char *request)
{
    const char *answer = ask(request);
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : -1;
}

#define HOST "Host: plugnet.local\r\n"

TEST(http_resource)
{
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK(strstr(out, "Content-Encoding: gzip\r\n") != NULL);
    CHECK(strstr(out, "Content-Length: 11\r\n") != NULL);
    CHECK(strstr(out, "ETag: \"abc\"\r\n") != NULL);
    CHECK(strstr(out, "Content-Type: text/html\r\n") != NULL);
    CHECK(strstr(out, "Referrer-Policy: no-referrer\r\n") != NULL);
    CHECK(strstr(out, "Access-Control") == NULL);
    CHECK_STRING(strstr(out, "\r\n\r\n") + 4, "<p>page</p>");
    CHECK_EQUAL(stats.requests, 1);
    CHECK(http_idle(&c));
}

TEST(http_every_split_gives_the_same)
{
    static const char request[] =
        "GET /?q=1 HTTP/1.1\r\n" HOST "User-Agent: x\r\nAccept: */*\r\n\r\n"
        "POST /both HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
        "POST /both HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n";
    char whole[4096];
    fresh();
    feed(request, sizeof request - 1, 4096);
    strcpy(whole, out);
    CHECK_EQUAL(posts, 2);
    for (size_t step = 1; step < sizeof request; step++) {
        fresh();
        feed(request, sizeof request - 1, step);
        CHECK_STRING(out, whole);
        CHECK_EQUAL(stats.requests, 3);
        CHECK_EQUAL(posted_length, 5);
        CHECK_BYTES(posted, "abcde", 5);
    }
}

/* What is read a line at a time means what it means byte by byte: spaces, quotes, lists, long and broken lines. */
static const char *const line_targets[] = {
    "GET / HTTP/1.1\r\n",
    "GET  / HTTP/1.1\r\n",
    "GET / HTTP/1.1 \r\n",
    "GET / HTTP/1.1\n",
    "GET /two HTTP/1.0\r\n",
    "GET /a%20b?q=\"1,2\" HTTP/1.1\r\n",
    "GET /%0 HTTP/1.1\r\n",
    "GET  HTTP/1.1\r\n",
    "\r\nGET /two HTTP/1.1\r\n",
    "GET /\x80 HTTP/1.1\r\n",
    "GETS / HTTP/1.1\r\n",
    "GET /23456789/23456789/23456789/23456789/23456789/23456789/23456789/2 HTTP/1.1\r\n",
    "HEAD /two HTTP/1.1\r\n"};
static const char *const line_fields[] = {
    "",
    "Accept-Encoding: gzip;q=0\r\n",
    "Accept-Encoding: br , identity;q=0,\tgzip ; q=0\r\n",
    "Accept-Encoding:identity\r\n",
    "Accept-Encoding:  identity, \r\n",
    "Accept-Encoding:\r\n",
    "If-None-Match: \"x,\", \"abc\"\r\n",
    "If-None-Match: \"a\",\"gz\"\r\n",
    "if-none-match: \"abc, \"\r\n",
    "Range: bytes=1-2\r\n",
    "Range: bytes=1-2,3-4\r\n",
    "Range: bytes= 1-2\r\n",
    "Accept: a/b , application/json;q=1\r\n",
    "Accept: application/jsons,application/jso,APPLICATION/JSON;q=0\r\n",
    "Connection: x,close\r\n",
    "Connection: xclose\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 0,0\r\n",
    "Content-Length: 0 \r\n",
    "Origin: http://plugnet.local\r\n",
    "Origin: http://evil\r\n",
    "X: a\r\nX:\r\nX:b\r\nX:   c d  \r\n",
    "X: \x80\xff\tq\r\n",
    "X: a\rb\r\n",
    "X: a\r\n b\r\n",
    "X: a\x01\r\n",
    "X : a\r\n",
    ": a\r\n",
    "X\r\n",
    "X: a\nY: b\n",
    "Expect: 100-Continue\r\n",
    "Expect: 200-ok,\r\n",
    "Host: plugnet.local\r\n",
    "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
    "X: 123456789 123456789 123456789 123456789 123456789 123456789 1234567\r\n",
    "If-None-Match: 123456789012345678901234567890123456789012345678901234567890123,"
    "1234567890123456789012345678901234567890123456789012345678901234567890,*\r\n"};

TEST(http_whole_lines_say_the_same)
{
    char request[600], whole[sizeof out];

    for (size_t target = 0; target < sizeof line_targets / sizeof line_targets[0]; target++) {
        for (size_t line = 0; line < sizeof line_fields / sizeof line_fields[0]; line++) {
            size_t length =
                (size_t)snprintf(request, sizeof request, "%s" HOST "%s\r\nGET / HTTP/1.1\r\n%s" HOST "\r\n",
                                 line_targets[target], line_fields[line], line_fields[line]);
            fresh();
            feed(request, length, 4096);
            strcpy(whole, out);
            CHECK(strncmp(whole, "HTTP/1.1 ", 9) == 0);
            for (size_t step = 1; step < 70; step += step < 4 ? 1 : 11) {
                fresh();
                feed(request, length, step);
                CHECK_STRING(out, whole);
            }
        }
    }
}

/* The same file, with the rest of its head in front of it as tool/site_pack.py puts it there, and without. */
static const char packed[] = "ETag: \"pk\"\r\nContent-Type: text/css   \r\nContent-Length: 4\r\n\r\nbody";
#define PACKED_HEAD (sizeof packed - 1 - 4)

static struct http_resource packed_file(uint8_t head)
{
    return (struct http_resource){.path = "/packed",
                                  .type = "text/css",
                                  .etag = "\"pk\"",
                                  .body = (const uint8_t *)packed + PACKED_HEAD,
                                  .length = 4,
                                  .gzip = true,
                                  .head = head};
}

static int line_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The answer in `out` with its lines in order, and without spaces behind their values. */
static void lines_sort(char *sorted)
{
    char *lines[40], *rest = out, *body = strstr(out, "\r\n\r\n");
    size_t count = 0;
    *body = 0;
    for (char *line; (line = strtok_r(rest, "\r\n", &rest)) != NULL && count < 40; lines[count++] = line) {
        while (line[strlen(line) - 1] == ' ')
            line[strlen(line) - 1] = 0;
    }
    qsort(lines + 1, count - 1, sizeof lines[0], line_order);
    *sorted = 0;
    for (size_t i = 0; i < count; i++)
        strcat(strcat(sorted, lines[i]), "\n");
    strcat(sorted, body + 4);
}

static const char *packed_ask(uint8_t head, const char *request, const char *security)
{
    static struct http_resource file;
    static struct http_config guarded;
    file = packed_file(head);
    guarded = (struct http_config){
        .resources = &file, .resource_count = 1, .hosts = hosts, .broken = broken, .security = security};
    fresh();
    http_begin(&c, (site.config = &guarded, &site), 0);
    feed(request, strlen(request), 4096);
    return out;
}

TEST(http_packed_head_is_the_engines)
{
    static const char *const requests[] = {"GET /packed HTTP/1.1\r\n" HOST "\r\n",
                                           "HEAD /packed HTTP/1.1\r\n" HOST "\r\n",
                                           "GET /packed HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
                                           "GET /packed HTTP/1.0\r\n\r\n",
                                           "GET /packed HTTP/1.1\r\n" HOST "If-None-Match: \"pk\"\r\n\r\n",
                                           "GET /packed HTTP/1.1\r\n" HOST "Range: bytes=1-2\r\n\r\n",
                                           "GET /packed HTTP/1.1\r\n" HOST "Range: bytes=9-\r\n\r\n",
                                           "GET /packed HTTP/1.1\r\n" HOST
                                           "Accept-Encoding: identity\r\n\r\n",
                                           "OPTIONS /packed HTTP/1.1\r\n" HOST "\r\n"};
    char wanted[2048], got[2048];

    CHECK_EQUAL(PACKED_HEAD % 4, 0);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        for (unsigned own = 0; own < 2; own++) {
            const char *security = own == 1 ? "X-Mine: 1\r\n" : NULL;
            packed_ask(0, requests[i], security);
            lines_sort(wanted);
            CHECK(strncmp(wanted, "HTTP/1.1 ", 9) == 0);
            packed_ask(PACKED_HEAD, requests[i], security);
            lines_sort(got);
            CHECK_STRING(got, wanted);
            CHECK((own == 1) == (strstr(got, "X-Mine") != NULL && strstr(got, "nosniff") == NULL));
        }
    }
}

/* All of it lies in flash and whole words behind each other, the second piece up to the body's end; and an answer that has begun
 * goes on as it has begun. */
TEST(http_packed_pieces)
{
    struct http_piece piece;
    char text[] = "GET /packed HTTP/1.1\r\n" HOST "\r\n";
    struct http_resource file = packed_file(PACKED_HEAD);
    struct http_config own = {.resources = &file, .resource_count = 1, .hosts = hosts, .broken = broken};

    for (size_t closed = 0; closed < 3; closed++) {
        size_t length = 0;
        fresh();
        http_begin(&c, (site.config = &own, &site), 0);
        CHECK_EQUAL(http_input(&c, text, sizeof text - 1), sizeof text - 1);
        for (size_t pieces = 0; http_output(&c, scratch, &piece); pieces++) {
            if (pieces == closed) {
                http_close(&c);
                CHECK(http_output(&c, scratch, &piece));
            }
            CHECK_EQUAL(piece.is_static, closed > 0);
            if (closed > 0 && length == 0)
                CHECK_EQUAL(piece.length % 4, 0);
            memcpy(out + length, piece.bytes, piece.length);
            length += piece.length;
            http_output_taken(&c, piece.length);
            if (closed == 0)
                break;
            CHECK(pieces == 0 || piece.length == sizeof packed - 1);
        }
        out[length] = 0;
        CHECK_EQUAL(strstr(out, "Connection: close\r\n") != NULL, closed == 0);
        CHECK_EQUAL(http_closing(&c), closed == 1);
    }
}

TEST(http_head_has_no_body)
{
    CHECK_EQUAL(status("HEAD / HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK(strstr(out, "Content-Length: 11\r\n") != NULL);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    CHECK_EQUAL(status("HEAD /value HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    CHECK_EQUAL(status("HEAD /nothing HTTP/1.1\r\n" HOST "\r\n"), 404);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\n");
}

TEST(http_route_in_chunks)
{
    CHECK_EQUAL(status("GET /value HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK(strstr(out, "Transfer-Encoding: chunked\r\n") != NULL);
    CHECK(strstr(out, "Cache-Control: no-store\r\n") != NULL);
    CHECK(strstr(out, "Content-Length") == NULL);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\n003\r\none\r\n005\r\nthree\r\n0\r\n\r\n");
}

TEST(http_10_gets_no_chunks_and_is_closed)
{
    CHECK_EQUAL(status("GET /value HTTP/1.0\r\n\r\n"), 200);
    CHECK(strstr(out, "chunked") == NULL);
    CHECK(strstr(out, "Connection: close\r\n") != NULL);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\nonethree");
    CHECK(http_closing(&c));
}

TEST(http_not_modified)
{
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "If-None-Match: \"abc\"\r\n\r\n"), 304);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    CHECK(strstr(out, "Content-Length") == NULL);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "If-None-Match: \"x\", W/\"abc\"\r\n\r\n"), 304);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "If-None-Match: *\r\n\r\n"), 304);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "If-None-Match: \"abd\"\r\n\r\n"), 200);
}

TEST(http_connection_close)
{
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "Connection: Upgrade, CLOSE\r\n\r\n"), 200);
    CHECK(strstr(out, "Connection: close\r\n") != NULL);
    CHECK(http_closing(&c));
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "Connection: keep-alive, closed\r\n\r\n"), 200);
    CHECK(!http_closing(&c));
}

TEST(http_paths)
{
    CHECK_EQUAL(status("GET /a%20b HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_EQUAL(status("GET /%61%20b?x HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_EQUAL(status("GET /a%2 HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET /a%zz HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET /%00 HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET /%0d%0aX: HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET /./ HTTP/1.1\r\n" HOST "\r\n"), 404);
    CHECK_EQUAL(status("GET /../../etc/passwd HTTP/1.1\r\n" HOST "\r\n"), 404);
    CHECK_EQUAL(status("GET /empty HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_EQUAL(status("GET nothing HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET  / HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET http://plugnet.local/ HTTP/1.1\r\nHost: ignored\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET http://plugnet.local HTTP/1.1\r\nHost: ignored\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET http://evil.example/ HTTP/1.1\r\n" HOST "\r\n"), 421);
    /* Field case 09: schemes have no case. */
    CHECK_EQUAL(status("GET HTTP://PLUGNET.local/a%20b HTTP/1.1\r\nHost: ignored\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET hTTp://evil.example/ HTTP/1.1\r\n" HOST "\r\n"), 421);
    CHECK_EQUAL(status("GET http://plugnet.local?a/b HTTP/1.1\r\nHost: ignored\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET http:///a%20b HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET http://:80/ HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET http:// HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET http://me@plugnet.local/ HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET https://plugnet.local/ HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET http://plugnet.local/ HTTP/1.1\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET http://plugnet.local/ HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
    CHECK_EQUAL(
        status("GET http://plugnet.local/?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
               " HTTP/1.1\r\n" HOST "\r\n"),
        200);
    CHECK_EQUAL(
        status("GET http://plugnet.local/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
               " HTTP/1.1\r\n" HOST "\r\n"),
        404);
}

TEST(http_long_targets)
{
    char request[2048] = "GET /";
    memset(request + 5, 'a', 200);
    strcpy(request + 205, " HTTP/1.1\r\n" HOST "\r\n");
    CHECK_EQUAL(status(request), 404);
    strcpy(request, "GET /?");
    memset(request + 6, 'a', 900);
    strcpy(request + 906, " HTTP/1.1\r\n" HOST "\r\n");
    CHECK_EQUAL(status(request), 200);
    memset(request + 6, 'a', 1500);
    strcpy(request + 1506, " HTTP/1.1\r\n" HOST "\r\n");
    CHECK_EQUAL(status(request), 414);
    CHECK(http_closing(&c));
}

TEST(http_methods)
{
    CHECK_EQUAL(status("PUT / HTTP/1.1\r\n" HOST "\r\n"), 405);
    CHECK(strstr(out, "Allow: GET, HEAD, OPTIONS\r\n") != NULL);
    CHECK_EQUAL(status("POST / HTTP/1.1\r\n" HOST "\r\n"), 405);
    CHECK_EQUAL(status("OPTIONS /both HTTP/1.1\r\n" HOST "\r\n"), 204);
    CHECK(strstr(out, "Allow: GET, HEAD, POST, OPTIONS\r\n") != NULL);
    CHECK(strstr(out, "Access-Control") == NULL);
    CHECK_EQUAL(status("GET /only HTTP/1.1\r\n" HOST "\r\n"), 405);
    CHECK(strstr(out, "Allow: POST, OPTIONS\r\n") != NULL);
    CHECK_EQUAL(status("GET * HTTP/1.1\r\n" HOST "\r\n"), 404);
    CHECK_EQUAL(status("BREW / HTTP/1.1\r\n" HOST "\r\n"), 501);
    CHECK_EQUAL(status("get / HTTP/1.1\r\n" HOST "\r\n"), 501);
    CHECK_EQUAL(status("\x16\x03\x01\x02 / HTTP/1.1\r\n" HOST "\r\n"), 400); /* TLS */
    CHECK_EQUAL(status(" / HTTP/1.1\r\n" HOST "\r\n"), 400);
}

TEST(http_versions)
{
    CHECK_EQUAL(status("GET / HTTP/2.0\r\n" HOST "\r\n"), 505);
    CHECK_EQUAL(status("GET / HTTP/1.9\r\n" HOST "\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET / FTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.12\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET /\r\n"), 400);
}

TEST(http_hosts)
{
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST HOST "\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 421);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: plugnet.local.evil.example\r\n\r\n"), 421);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 421);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: plugnet.local:80x\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: plugnet.local:65536\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: plugnet local\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: me@plugnet.local\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: plugnet.local/\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: plugnet.local:\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: PLUGNET.local.:8080\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: 10.64.1.1\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: localhost:18080\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), 400);
}

/* Status of a GET whose Host is `host`. */
static int host_status(const char *host)
{
    char request[256];
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);
    return status(request);
}

/* Field report: http://app.localhost and the long spelling of [::1] were refused. */
TEST(http_names_of_the_pc_itself)
{
    static const char *const ours[] = {
        "app.localhost",        "a.b.localhost:8080", "APP.LocalHost.", "[0:0:0:0:0:0:0:1]",
        "[0:0:0:0:0:0:0:1]:81", "[0000:0::0001]",     "[::0:1]",        "[0::1]"};
    static const char *const not_ours[] = {".localhost.evil.example",
                                           "xlocalhost",
                                           "app.localhost.com",
                                           "[::2]",
                                           "[::1:0]",
                                           "[1::]",
                                           "[::10]",
                                           "[::]",
                                           "[0:0:0:0:0:0:1]",
                                           "[:0::1]",
                                           "[0:0:0:0:0:0:0:0:1]",
                                           "[::0::1]",
                                           "[:::1]",
                                           "[00000::1]",
                                           "[::1:1]",
                                           "[0:0:0:0:0:0:0::1]",
                                           "[fe80::1]",
                                           "127.0.0.2"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        CHECK_EQUAL(host_status(ours[i]), 200);
    for (size_t i = 0; i < sizeof not_ours / sizeof not_ours[0]; i++) {
        if (strcmp(not_ours[i], "[0:0:0:0:0:0:0::1]") !=
            0) /* eight groups and "::" that stands for none: malformed */
            CHECK_EQUAL(host_status(not_ours[i]), 421);
    }
    CHECK(host_status("[0:0:0:0:0:0:0::1]") != 200);
}

#define POST_BOTH "POST /both HTTP/1.1\r\n"

TEST(http_programs_may_change_state)
{
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: 2\r\n\r\nhi"),
                200); /* no browser: neither header is there */
    CHECK_EQUAL(posts, 1);
    CHECK_EQUAL(status(POST_BOTH HOST "Sec-Fetch-Site: same-origin\r\nContent-Length: 2\r\n\r\nhi"), 200);
    CHECK_EQUAL(status(POST_BOTH HOST "Sec-Fetch-Site: none\r\nContent-Length: 2\r\n\r\nhi"), 200);
    CHECK_EQUAL(posts, 1);
    CHECK_EQUAL(status(POST_BOTH HOST "Sec-Fetch-Site: cross-site\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST "Sec-Fetch-Site: same-site\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(posts, 0);
    CHECK(http_idle(&c)); /* the body was read, the connection lives on */
}

TEST(http_state_changes_from_foreign_pages_are_refused)
{
    CHECK_EQUAL(status(POST_BOTH HOST "Origin: http://plugnet.local\r\nContent-Length: 2\r\n\r\nhi"), 200);
    CHECK_EQUAL(status(POST_BOTH HOST "Origin: null\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST "Origin: http://evil.example\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST "Origin: https://plugnet.local\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST "Origin: http://10.64.1.1\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST "Origin: http://plugnet.local:81\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST "Origin: http://plugnet.local\r\nOrigin: http://localhost\r\n\r\n"),
                403);
    CHECK_EQUAL(status(POST_BOTH "Host: localhost:8080\r\n"
                                 "Origin: http://localhost:8080\r\n\r\n"),
                200);
    CHECK_EQUAL(status(POST_BOTH "Host: localhost:8080\r\n"
                                 "Origin: http://localhost:3000\r\n\r\n"),
                403);
    CHECK_EQUAL(status(POST_BOTH "Origin: http://plugnet.local\r\n" HOST "\r\n"), 200); /* any order */
    CHECK_EQUAL(status(POST_BOTH HOST
                       "Origin: http://plugnet.local.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "aaaaaaaaaaaaaaaaaaa\r\n\r\n"),
                403);
}

TEST(http_post_answers)
{
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: 1\r\n\r\n!"), 400);
    CHECK(!http_closing(&c)); /* the route's opinion, not a broken request */
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: 1\r\n\r\n."), 204);
    CHECK(strstr(out, "Content-Length") == NULL && strstr(out, "Transfer-Encoding") == NULL);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    CHECK_EQUAL(status(POST_BOTH HOST "\r\n"), 200);
    CHECK_EQUAL(posted_length, 0);
}

TEST(http_body_limits)
{
    char request[1024];
    snprintf(request, sizeof request, POST_BOTH HOST "Content-Length: %d\r\n\r\n", HTTP_TEXT_MAX);
    fresh();
    feed(request, strlen(request), 4096);
    for (int i = 0; i < HTTP_TEXT_MAX; i++)
        feed("x", 1, 1);
    CHECK_EQUAL(posts, 1);
    CHECK_EQUAL(posted_length, HTTP_TEXT_MAX);
    snprintf(request, sizeof request, POST_BOTH HOST "Content-Length: %d\r\n\r\n", HTTP_TEXT_MAX + 1);
    fresh();
    feed(request, strlen(request), 4096);
    for (int i = 0; i < HTTP_TEXT_MAX + 1; i++)
        feed("x", 1, 1);
    CHECK(strncmp(out, "HTTP/1.1 413 ", 13) == 0);
    CHECK_EQUAL(posts, 0);
    CHECK_EQUAL(gone, 1);
    CHECK(http_idle(&c)); /* so little more is read */
    CHECK_EQUAL(status("POST /value HTTP/1.1\r\n" HOST "Content-Length: 5000\r\n\r\n"), 405);
    CHECK(http_closing(&c));
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: 4294967295\r\n\r\n"), 413);
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: 4294967296\r\n\r\n"), 413);
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: 99999999999999999999999999\r\n\r\n"), 413);
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: -1\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: 1 1\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length:\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 200);
}

#define CHUNKED POST_BOTH HOST "Transfer-Encoding: chunked\r\n"

TEST(http_chunks)
{
    CHECK_EQUAL(status(CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n"), 200);
    CHECK_EQUAL(status(CHUNKED "\r\n0\r\n\r\n"), 200);
    CHECK_EQUAL(status(CHUNKED "\r\n\r\n"), 400);
    CHECK_EQUAL(status(CHUNKED "\r\n5\r\nhelloX\r\n0\r\n\r\n"), 400);
    CHECK_EQUAL(status(CHUNKED "\r\n-1\r\n"), 400);
    CHECK_EQUAL(status(CHUNKED "\r\n0x5\r\nhello"), 400);
    CHECK_EQUAL(status(CHUNKED "\r\n0000000000000005\r\nhello\r\n0\r\n\r\n"),
                200); /* large numerals are read */
    CHECK_EQUAL(status(CHUNKED "\r\n100000000\r\n"), 413);
    CHECK_EQUAL(status(CHUNKED "\r\n10000000000000005\r\nhello"), 413);
    CHECK_EQUAL(status(CHUNKED "\r\n5 ;x=\"y\"\r\nhello\r\n0\r\n\r\n"), 200);
    CHECK_EQUAL(status(POST_BOTH HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nOrigin: null\r\n\r\n"),
                200); /* a trailer is no header */
    CHECK_EQUAL(status(CHUNKED "\r\nFFFFFFFF\r\n"), 413);
    CHECK_EQUAL(status(CHUNKED
                       "\r\n3F\r\n123456789012345678901234567890123456789012345678901234567890123\r\n1\r\n4"
                       "\r\n0\r\n\r\n"),
                413);
    CHECK_EQUAL(status(CHUNKED "Content-Length: 5\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
    CHECK_EQUAL(status(CHUNKED "Transfer-Encoding: chunked\r\n\r\n"), 400);
    CHECK_EQUAL(status("POST /both HTTP/1.0\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n"),
                400);
}

TEST(http_chunks_as_many_as_it_likes)
{
    static const char head[] = "PUT /taken HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    static char bytes[4096];
    /* Of a body that is wanted, each chunk's lines may be as long as a header section. */
    fresh();
    feed(head, sizeof head - 1, 1000);
    for (unsigned i = 0; i < HTTP_HEADERS_MAX / 4; i++) {
        feed("1;x\r\n!\r\n", 8, 8);
    }
    CHECK_EQUAL(out_length, 0);
    feed("0\r\n\r\n", 5, 5);
    CHECK(strncmp(out, "HTTP/1.1 204 ", 13) == 0);
    fresh();
    feed(head, sizeof head - 1, 1000);
    feed("1;", 2, 2);
    memset(bytes, 'x', sizeof bytes);
    for (unsigned i = 0; i < HTTP_HEADERS_MAX / sizeof bytes; i++) {
        feed(bytes, sizeof bytes, sizeof bytes);
    }
    CHECK(strncmp(out, "HTTP/1.1 431 ", 13) == 0);
    /* What nobody wants counts as a whole. */
    fresh();
    feed(CHUNKED "Origin: null\r\n\r\n", sizeof CHUNKED "Origin: null\r\n\r\n" - 1, 1000);
    for (unsigned i = 0; i < HTTP_DISCARD_MAX / 4 && !http_closing(&c); i++) {
        feed("1;x\r\n!\r\n", 8, 8);
    }
    CHECK(strncmp(out, "HTTP/1.1 403 ", 13) == 0 && http_closing(&c));
}

TEST(http_expect)
{
    CHECK_EQUAL(status(POST_BOTH HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"), 100);
    feed("hi", 2, 2);
    CHECK(strstr(out, "HTTP/1.1 200 OK") != NULL);
    CHECK_EQUAL(posts, 1);
    CHECK_EQUAL(status(POST_BOTH HOST "Origin: null\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
                403);
    CHECK(http_closing(&c)); /* or would the body come all the same? */
    CHECK_EQUAL(status(POST_BOTH HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"),
                200); /* didn't wait */
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "Expect: miracles\r\n\r\n"), 417);
}

TEST(http_continue_is_held_back)
{
    static const char request[] =
        "PUT /held HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    fresh();
    feed(request, sizeof request - 1, 1000);
    CHECK_EQUAL(out_length, 0);
    CHECK(http_held(&c));
    http_resume(&c);
    drain();
    CHECK_STRING(out, "HTTP/1.1 100 Continue\r\n\r\n");
    held_taken = 0;
    feed("hi", 2, 2);
    CHECK_EQUAL(held_taken, 2);
    CHECK(strstr(out, "HTTP/1.1 204 ") != NULL);
}

TEST(http_request_continue_of_http_10)
{
    /* Field case 02: HTTP/1.0 knows no interim answers (RFC 9110 10.1.1). */
    fresh();
    static const char request[] =
        "POST /both HTTP/1.0\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    feed(request, sizeof request - 1, 1000);
    CHECK_EQUAL(out_length, 0);
    feed("hi", 2, 2);
    CHECK(strncmp(out, "HTTP/1.1 200 ", 13) == 0);
    CHECK_EQUAL(posts, 1);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "Expect:\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "Expect: 100-Continue, , 100-continue\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "Expect: 100-continue, miracles\r\n\r\n"), 417);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nExpect: miracles\r\n\r\n"), 400); /* no Host is worse */
}

/* A request with one header of so many bytes. */
static const char *with_header(const char *name, size_t bytes)
{
    static char request[80000];
    size_t n = (size_t)sprintf(request, "GET / HTTP/1.1\r\n" HOST "%s: ", name);
    memset(request + n, 'c', bytes);
    strcpy(request + n + bytes, "\r\n\r\n");
    return request;
}

TEST(http_header_limits)
{
    static char request[80000];
    /* Field case 01: a browser sends every cookie that any program on localhost has ever set. */
    CHECK_EQUAL(status(with_header("Cookie", 4000)), 200);
    CHECK_EQUAL(status(with_header("Cookie", 9000)), 200);
    CHECK_EQUAL(status(with_header("Cookie", 65000)), 200);
    CHECK_EQUAL(status(with_header("Cookie", 65536)), 431);
    CHECK(http_closing(&c));
    strcpy(request, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 1000; i++)
        strcat(request, "A: b\r\n");
    strcat(request, "\r\n");
    CHECK_EQUAL(status(request), 200);
    strcpy(request, "GET / HTTP/1.1\r\n" HOST);
    size_t n = strlen(request);
    memset(request + n, 'n', 300); /* a name nobody knows */
    strcpy(request + n + 300, ": v\r\n\r\n");
    CHECK_EQUAL(status(request), 200);
    /* The chunks' frames and the trailer count, too. */
    n = (size_t)sprintf(request, POST_BOTH HOST "Transfer-Encoding: chunked\r\n\r\n0;");
    memset(request + n, 'e', 66000);
    CHECK_EQUAL(status(request), 431);
}

/* Status of a GET with this header line. */
static int get_status(const char *path, const char *line)
{
    char request[512];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "%s\r\n\r\n", path, line);
    return status(request);
}

static bool said(const char *text)
{
    return strstr(out, text) != NULL;
}

/* Field case 03: gzip went to clients that exclude it (RFC 9110 12.5.3). */
TEST(http_accept_encoding)
{
    static const char *const gzip[] = {
        "gzip",
        "x-gzip",
        "GZIP",
        "gzip;q=0.5",
        "gzip; q=0.001",
        "gzip ; Q=1.000",
        "br, gzip, identity",
        "*",
        "identity;q=0, *",
        ", ,gzip",
        "deflate,gzip;q=1.0, *;q=0",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, gzip"};
    static const char *const plain[] = {"identity",    "",
                                        "gzip;q=0",    "gzip;q=0.000",
                                        "gzip; Q=0.",  "br",
                                        "*, gzip;q=0", "identity;q=1, *;q=0",
                                        "gzipped",     "gzip;q=0, *;q=1"};
    static const char *const none[] = {"*;q=0", "identity;q=0", "br, *;q=0", "gzip;q=0, identity;q=0"};
    char line[128];
    for (size_t i = 0; i < sizeof gzip / sizeof gzip[0]; i++) {
        snprintf(line, sizeof line, "Accept-Encoding: %s", gzip[i]);
        CHECK_EQUAL(get_status("/", line), 200);
        CHECK(said("Content-Encoding: gzip\r\n") && said("Vary: Accept-Encoding\r\n"));
        CHECK_EQUAL(get_status("/two", line), 200);
        CHECK(said("Content-Encoding: gzip\r\n") && said("Content-Length: 4\r\n") &&
              said("ETag: \"gz\"\r\n"));
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        snprintf(line, sizeof line, "Accept-Encoding: %s", plain[i]);
        CHECK_EQUAL(get_status("/", line), 406);
        CHECK(said("gzip-coded only") && said("Vary: Accept-Encoding\r\n"));
        CHECK_EQUAL(get_status("/two", line), 200);
        CHECK(!said("Content-Encoding") && said("Content-Length: 7\r\n") && said("ETag: \"id\"\r\n"));
        CHECK(said("Vary: Accept-Encoding\r\n"));
        CHECK_EQUAL(get_status("/empty", line), 200);
        CHECK_EQUAL(get_status("/value", line), 200);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        snprintf(line, sizeof line, "Accept-Encoding: %s", none[i]);
        CHECK_EQUAL(get_status("/", line), 406);
        CHECK_EQUAL(get_status("/two", line), 406);
        CHECK_EQUAL(get_status("/empty", line), 406);
        CHECK_EQUAL(get_status("/value", line), 406);
        CHECK(said("refuses identity"));
    }
    CHECK_EQUAL(get_status("/two", "A: b"), 200); /* who says nothing accepts any */
    CHECK(said("ETag: \"gz\"\r\n"));
    CHECK_EQUAL(get_status("/", "A: b"), 200);
    CHECK_EQUAL(status("HEAD / HTTP/1.1\r\n" HOST "Accept-Encoding: identity\r\n\r\n"), 406);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    CHECK_EQUAL(status(POST_BOTH HOST "Accept-Encoding: *;q=0\r\n\r\n"), 200); /* done is done */
    CHECK_EQUAL(get_status("/", "Accept-Encoding: gzip;q=0\r\nAccept-Encoding: br"), 406);
}

/* The text with each '~' replaced by more white space than any value may have bytes. */
static const char *spaced(const char *text)
{
    static char all[2048];
    size_t length = 0;
    for (; *text != 0; text++) {
        for (int i = 0; *text == '~' && i < HTTP_TEXT_MAX + 17; i++)
            all[length++] = i % 3 == 1 ? '\t' : ' ';
        if (*text != '~')
            all[length++] = *text;
    }
    all[length] = 0;
    return all;
}

/* The status of a request with such white space, in one go and byte by byte. */
static int spaced_status(const char *request)
{
    int whole = status(spaced(request));
    char first[sizeof out];
    strcpy(first, out);
    fresh();
    feed(spaced(request), strlen(spaced(request)), 1);
    CHECK_STRING(out, first);
    return whole;
}

TEST(http_white_space_takes_no_room)
{
    static const char length_63[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz.example.ab";
    static const char *const named[] = {length_63, "10.64.1.1", NULL};
    struct http_config long_named = config;
    char request[256];
    const char *const body[] = {HOST "Content-Length:~2~\r\n",
                                HOST "Content-Length:~0002~\r\nConnection:~close~\r\n",
                                "Host:~plugnet.local~\r\nContent-Length: 2\r\n",
                                HOST "Content-Length: 2\r\nOrigin:~http://plugnet.local~\r\n",
                                HOST "Content-Length: 2\r\nSec-Fetch-Site:~same-origin~\r\n"};
    for (size_t i = 0; i < sizeof body / sizeof body[0]; i++) {
        snprintf(request, sizeof request, "POST /both HTTP/1.1\r\nX-Other:~1~\r\n%s\r\nhi", body[i]);
        CHECK_EQUAL(spaced_status(request), 200);
        CHECK_EQUAL(posted_length, 2);
        CHECK_EQUAL(said("Connection: close\r\n"), i == 1);
    }
    CHECK_EQUAL(spaced_status("POST /both HTTP/1.1\r\n" HOST
                              "Transfer-Encoding:~chunked~\r\n\r\n1\r\na\r\n0\r\n\r\n"),
                200);
    CHECK_EQUAL(
        spaced_status("POST /both HTTP/1.1\r\n" HOST "Transfer-Encoding:~,~chunked~,~\r\n\r\n0\r\n\r\n"),
        200);
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\n" HOST "Expect:~100-continue~\r\n\r\n"), 200);
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\n" HOST "If-None-Match:~\"x\"~,~\"abc\"~\r\n\r\n"), 304);
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\n" HOST "If-Match:~\"x\"~\r\n\r\n"), 412);
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\n" HOST "If-Match:~\"abc\"~\r\n\r\n"), 200);
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\n" HOST "Accept-Encoding:~gzip;q=0~\r\n\r\n"), 406);
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\n" HOST "Accept-Encoding:~gzip~;~q=0\r\n\r\n"), 406);
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\n" HOST "Accept-Encoding:~br~,~identity~\r\n\r\n"), 406);
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\n" HOST "Accept-Encoding: br,~gzip~,~identity;q=0~\r\n\r\n"),
                200);
    /* A value as long as may be, and one too long. */
    CHECK_EQUAL(sizeof length_63 - 1, HTTP_TEXT_MAX);
    long_named.hosts = named;
    http_begin(&c, (site.config = &long_named, &site), 0x0A400102);
    out_length = 0;
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost:~%s~\r\n\r\n", length_63);
    feed(spaced(request), strlen(spaced(request)), 7);
    CHECK(strncmp(out, "HTTP/1.1 200 ", 13) == 0);
    out_length = 0;
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost:~%s~c\r\n\r\n", length_63);
    feed(spaced(request), strlen(spaced(request)), 7);
    CHECK(strncmp(out, "HTTP/1.1 421 ", 13) == 0);
    /* White space in the middle of a word divides it, however long it is. */
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\nHost: plug~net.local\r\n\r\n"), 400);
    CHECK_EQUAL(spaced_status("POST /both HTTP/1.1\r\n" HOST "Content-Length: 1~1\r\n\r\n"), 400);
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\n" HOST "Expect: 100-~continue\r\n\r\n"), 417);
    CHECK_EQUAL(spaced_status("GET / HTTP/1.1\r\n" HOST "If-None-Match: \"a  bc\", \"abc~\"\r\n\r\n"), 200);
}

TEST(http_preconditions)
{
    /* Field case 09: 304 has the Vary that 200 has (RFC 9110 15.4.5). */
    CHECK_EQUAL(get_status("/", "If-None-Match: \"abc\""), 304);
    CHECK(said("Vary: Accept-Encoding\r\n") && said("ETag: \"abc\"\r\n") &&
          said("Cache-Control: no-cache\r\n"));
    CHECK(!said("\r\nContent-Type") && !said("Transfer-Encoding"));
    CHECK(said("Referrer-Policy")); /* a product's own lines may be Expires or Vary */
    CHECK_EQUAL(get_status("/", "If-None-Match: \"a,b\", \"abc\""), 304);
    CHECK_EQUAL(get_status("/", "If-None-Match: \"x\",,W/\"abc\""), 304);
    CHECK_EQUAL(get_status("/", "If-None-Match: \"xabc\""), 200);
    CHECK_EQUAL(get_status("/", "If-None-Match: abc"), 200);
    CHECK_EQUAL(get_status("/", "If-None-Match: w/\"abc\""), 200);
    CHECK_EQUAL(get_status("/", "If-None-Match: \"x, \"abc\", y\""), 200); /* in quotes of others */
    CHECK_EQUAL(get_status("/",
                           "If-None-Match: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                           "xxxxxxxxxxxxxxxxxxxx,\", \"abc\""),
                304);
    CHECK_EQUAL(get_status("/weak", "If-None-Match: \"w\""), 304);
    CHECK_EQUAL(get_status("/value", "If-None-Match: *"), 304);
    CHECK(said("Cache-Control: no-store\r\n") && !said("Transfer-Encoding"));
    CHECK_EQUAL(get_status("/value", "If-None-Match: \"abc\""), 200);
    CHECK_EQUAL(get_status("/absent", "If-None-Match: *"), 404);
    CHECK_EQUAL(status("OPTIONS / HTTP/1.1\r\n" HOST "If-Match: \"nope\"\r\n\r\n"), 204);
    CHECK_EQUAL(status(POST_BOTH HOST "If-Match: \"nope\"\r\n\r\n"), 412);
    /* If-Match is compared strongly, and comes first. */
    CHECK_EQUAL(get_status("/", "If-Match: \"nope\""), 412);
    CHECK_EQUAL(get_status("/", "If-Match: \"x\", \"abc\""), 200);
    CHECK_EQUAL(get_status("/", "If-Match: *"), 200);
    CHECK_EQUAL(get_status("/", "If-Match: W/\"abc\""), 412);
    CHECK_EQUAL(get_status("/", "If-Match:"), 412);
    CHECK_EQUAL(get_status("/weak", "If-Match: W/\"w\""), 412);
    CHECK_EQUAL(get_status("/", "If-Match: \"abc\"\r\nIf-None-Match: \"abc\""), 304);
    CHECK_EQUAL(get_status("/", "If-None-Match: \"abc\"\r\nIf-Match: \"nope\""), 412);
    CHECK_EQUAL(get_status("/value", "If-Match: \"abc\""), 412);
    CHECK_EQUAL(get_status("/value", "If-Match: *"), 200);
    CHECK_EQUAL(get_status("/absent", "If-Match: \"abc\""), 404);
    /* Each copy has its own tag. */
    CHECK_EQUAL(get_status("/two", "Accept-Encoding: gzip\r\nIf-None-Match: \"gz\""), 304);
    CHECK_EQUAL(get_status("/two", "If-None-Match: \"gz\"\r\nAccept-Encoding: identity"), 200);
    CHECK_EQUAL(get_status("/two", "If-None-Match: \"id\"\r\nAccept-Encoding: identity"), 304);
    CHECK(said("Vary: Accept-Encoding\r\n") && said("ETag: \"id\"\r\n"));
    CHECK_EQUAL(get_status("/two", "If-None-Match: \"id\"\r\nAccept-Encoding: gzip"), 200);
    CHECK_EQUAL(get_status("/two", "If-Match: \"id\"\r\nAccept-Encoding: gzip"), 412);
    /* A POST whose condition is false is not done. */
    CHECK_EQUAL(status(POST_BOTH HOST "If-Match: \"abc\"\r\n\r\n"), 412);
    CHECK_EQUAL(status(POST_BOTH HOST "If-None-Match: *\r\n\r\n"), 412);
    CHECK_EQUAL(posts, 0);
    CHECK_EQUAL(status(POST_BOTH HOST "If-Match: *\r\nIf-None-Match: \"abc\"\r\n\r\n"), 200);
}

/* Status of a POST with these Host and Origin, and a line more. */
static int origin_status(const char *host, const char *origin, const char *line)
{
    char request[512];
    snprintf(request, sizeof request,
             POST_BOTH "Host: %s\r\n"
                       "%sOrigin: %s\r\n\r\n",
             host, line, origin);
    return status(request);
}

#define SAME "Sec-Fetch-Site: same-origin\r\n"

TEST(http_origins_and_ports)
{
    CHECK_EQUAL(origin_status("plugnet.local:80", "http://plugnet.local", ""), 200);
    CHECK_EQUAL(origin_status("plugnet.local", "http://plugnet.local:80", ""), 200);
    CHECK_EQUAL(origin_status("plugnet.local:", "HTTP://PLUGNET.local:080", ""), 200);
    CHECK_EQUAL(origin_status("plugnet.local:81", "http://plugnet.local", ""), 403);
    CHECK_EQUAL(origin_status("[::1]:81", "http://[0:0:0:0:0:0:0:1]:81", ""), 200);
    CHECK_EQUAL(origin_status("app.localhost:81", "http://app.localhost:81", ""), 200);
    CHECK_EQUAL(origin_status("app.localhost:81", "http://localhost:81", ""), 403);
    /* Field case 05: an Origin without port, for a page on localhost that the browser itself calls the same. */
    CHECK_EQUAL(origin_status("localhost:8080", "http://localhost", SAME), 200);
    CHECK_EQUAL(origin_status("127.0.0.1:8080", "http://127.0.0.1", SAME), 200);
    CHECK_EQUAL(origin_status("[::1]:8080", "http://[::1]", SAME), 200);
    CHECK_EQUAL(origin_status("localhost:8080", "http://localhost", ""), 403);
    CHECK_EQUAL(origin_status("localhost:8080", "http://localhost", "Sec-Fetch-Site: same-site\r\n"), 403);
    CHECK_EQUAL(origin_status("localhost:8080", "http://localhost", "Sec-Fetch-Site: cross-site\r\n"), 403);
    CHECK_EQUAL(origin_status("localhost:8080", "http://localhost:80", SAME), 403);
    CHECK_EQUAL(origin_status("localhost:8080", "http://localhost:3000", SAME), 403);
    CHECK_EQUAL(origin_status("localhost:8080", "http://127.0.0.1", SAME), 403);
    CHECK_EQUAL(origin_status("localhost:8080", "null", SAME), 403);
    CHECK_EQUAL(origin_status("plugnet.local:8080", "http://plugnet.local", SAME),
                403); /* not the PC itself */
    CHECK_EQUAL(origin_status("10.64.1.1:8080", "http://10.64.1.1", SAME), 403);
    CHECK_EQUAL(origin_status("localhost:8080", "http://localhost\r\nOrigin: http://localhost:8080", SAME),
                403);
}

TEST(http_transfer_codings)
{
    CHECK_EQUAL(status(POST_BOTH HOST "Transfer-Encoding: Chunked ,\r\n\r\n0\r\n\r\n"), 200);
    CHECK_EQUAL(status(POST_BOTH HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
    CHECK(http_closing(&c));
    /* RFC 9112 6.3: without "chunked" at the end nobody knows where the request ends. */
    CHECK_EQUAL(status(POST_BOTH HOST "Transfer-Encoding: gzip\r\n\r\n"), 400);
    CHECK(http_closing(&c));
    CHECK_EQUAL(status(POST_BOTH HOST "Transfer-Encoding: chunked, gzip\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST "Transfer-Encoding:\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
                400);
    CHECK_EQUAL(status(POST_BOTH HOST "Transfer-Encoding: \"chunked\"\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST "Transfer-Encoding: xchunked\r\n\r\n"), 400);
    CHECK_EQUAL(status("POST /both HTTP/1.1\r\n" HOST
                       "Expect: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
                400);
    CHECK(http_closing(&c));
}

/* Request smuggling: two servers that see the end of such a request at different places. Ours sees none, answers 400, 413 or 501, and reads
 * nothing that follows as a request. */
TEST(http_requests_with_two_ends)
{
    static const char *const heads[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Content-Length: 5\r\nContent-Length: 0\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 0\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length:\r\n",
        "Content-Length: 18446744073709551621\r\n", /* 5 in 64 bits */
        "Content-Length: 4294967301\r\nContent-Length: 5\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\x0b"
        "chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char request[512];
        int length = snprintf(request, sizeof request,
                              POST_BOTH HOST "%s\r\n0\r\n\r\nPOST /both HTTP/1.1\r\n" HOST "\r\n", heads[i]);
        int answer = status(request);
        if ((answer != 400 && answer != 413 && answer != 501) || posts != 0 || !http_closing(&c))
            TEST_FAIL("%s gives %d, %u posts", heads[i], answer, posts);
        CHECK(strstr(out + 9, "HTTP/1.1 ") == NULL);
        CHECK_EQUAL(http_input(&c, request, (size_t)length), 0);
    }
}

/* Whatever a handler does costs its own connection, which ends before its answer could look whole. */
static void check_broken(const char *path, const char *version)
{
    char request[128];
    snprintf(request, sizeof request, "GET %s HTTP/%s\r\n" HOST "\r\n", path, version);
    CHECK_EQUAL(status(request), 200);
    CHECK(http_broken(&c) && http_closing(&c));
    CHECK(!said("\r\n0\r\n"));
    CHECK_EQUAL(stats.broken, 1);
    CHECK(broken_path != NULL && strcmp(broken_path, path) == 0 && broken_why != NULL);
}

TEST(http_handlers_that_break_their_contract)
{
    static const char *const paths[] = {"/silent", "/silent-later", "/long", "/long-later"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        check_broken(paths[i], "1.1");
        CHECK(turns <= 2 * HTTP_EMPTY_MAX); /* bounded, so that others get their turns */
        check_broken(paths[i], "1.0");
    }
    CHECK_EQUAL(status("HEAD /long HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK(!http_broken(&c));
}

TEST(http_handlers_that_are_only_odd)
{
    CHECK_EQUAL(status("GET /sparse HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\n001\r\nx\r\n001\r\nx\r\n001\r\nx\r\n0\r\n\r\n");
    fresh();
    feed("GET /many HTTP/1.1\r\n" HOST "\r\n", 43, 100);
    CHECK(http_idle(&c)); /* 70,000 parts, and it ends */
    CHECK_EQUAL(stats.broken, 0);
    CHECK_STRING(out + out_length - 11, "001\r\nx\r\n0\r\n\r\n" + 2);
    CHECK_EQUAL(status("GET /untyped HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_EQUAL(status("GET /nothing-at-all HTTP/1.1\r\n" HOST "\r\n"), 204);
    CHECK_EQUAL(status("POST /nothing-at-all HTTP/1.1\r\n" HOST "\r\n"), 405);
    CHECK_EQUAL(status("POST /only HTTP/1.1\r\n" HOST "\r\n"), 200); /* 200 of a route without `part` */
    CHECK_STRING(strstr(out, "Content-Length"), "Content-Length: 3\r\n\r\nOK\n");
}

TEST(http_handlers_that_return_nonsense)
{
    static const unsigned bad[] = {1, 99, 100, 101, 199, 205, 206, 407, 426, 600, 1000, 65535};
    static const unsigned good[] = {200, 201, 202, 299, 301, 303, 304, 307, 308, 400,
                                    401, 404, 405, 409, 418, 422, 429, 500, 503, 599};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        nonsense = bad[i];
        CHECK_EQUAL(status("POST /nonsense HTTP/1.1\r\n" HOST "\r\n"), 500);
        CHECK_STRING(strstr(out, "Content-Length"), "Content-Length: 22\r\n\r\nInternal Server Error\n");
        CHECK_EQUAL(stats.broken, 1);
        CHECK(broken_path != NULL && strcmp(broken_path, "/nonsense") == 0);
        CHECK(!http_closing(&c));
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        nonsense = good[i];
        CHECK_EQUAL(status("POST /nonsense HTTP/1.1\r\n" HOST "\r\n"), (int)good[i]);
        CHECK(out[12] == ' '); /* also where the code has no name here */
        CHECK_EQUAL(stats.broken, 0);
    }
}

TEST(http_broken_headers)
{
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST " folded: x\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "Name : x\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n"), 400);
    CHECK_EQUAL(status("GET / HTTP/1.1\n"
                       "Host: plugnet.local\n\n"),
                200); /* LF alone is tolerated */
    CHECK_EQUAL(status("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nhOsT:\t plugnet.local \t\r\n\r\n"), 200);
}

TEST(http_bytes_that_no_field_may_have)
{
    static const char *const bad[] = {"A: b\rc\r\n", "A: b\x01\r\n", "A: b\x7f\r\n", "A: \rb\r\n",
                                      "A\r: b\r\n"};
    static const char nul[] = "GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n";
    char request[128];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" HOST "%s\r\n", bad[i]);
        CHECK_EQUAL(status(request), 400);
    }
    fresh();
    feed(nul, sizeof nul - 1, 1000);
    CHECK(strncmp(out, "HTTP/1.1 400 ", 13) == 0);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n " HOST "\r\n"), 400); /* a space before the first field */
    CHECK_EQUAL(get_status("/", "A: \xc3\xa9\x80"), 200);
}

TEST(http_fields_without_effect)
{
    static const char *const lines[] = {"Range: bytes=0-1\r\nIf-Range: \"no\"",
                                        "Range: bytes=0-1\r\nIf-Range: W/\"abc\"",
                                        "Range: bytes=0-1,3-4",
                                        "Range: bytes=1-0",
                                        "Range: bytes=-",
                                        "Range: lines=0-1",
                                        "If-Range: \"no\"",
                                        "If-Modified-Since: Wed, 21 Oct 2026 07:28:00 GMT",
                                        "If-Modified-Since: x, y",
                                        "If-Unmodified-Since: Wed, 21 Oct 2015 07:28:00 GMT",
                                        "Content-Location: /two",
                                        "Content-Range: bytes 0-1/2",
                                        "Upgrade: websocket\r\nConnection: Upgrade",
                                        "TE: trailers",
                                        "Max-Forwards: 0",
                                        "Via: 1.0 x",
                                        "Authorization: Basic eDp5"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        CHECK_EQUAL(get_status("/", lines[i]), 200);
        CHECK(said("Content-Length: 11\r\n") && said("\r\n\r\n<p>page</p>"));
        CHECK(!said("Date:") && !said("Last-Modified:") && !said("Upgrade:") && !said("Content-Range:"));
        CHECK(http_idle(&c));
    }
    CHECK_EQUAL(get_status("/", "If-Modified-Since: Wed, 21 Oct 2099 07:28:00 GMT\r\nIf-None-Match: \"abc\""),
                304);
    CHECK_EQUAL(status("CONNECT plugnet.local:0 HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK_EQUAL(status("CONNECT plugnet.local HTTP/1.1\r\n" HOST "\r\n"), 400);
}

TEST(http_nothing_after_close)
{
    fresh();
    static const char two[] =
        "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nPOST /both HTTP/1.1\r\n" HOST "\r\n";
    feed(two, sizeof two - 1, 1000);
    CHECK(http_closing(&c));
    CHECK_EQUAL(stats.requests, 1);
    CHECK_EQUAL(http_input(&c, (char *)(uintptr_t)(two), sizeof two - 1), 0);
    CHECK_EQUAL(posts, 0);
}

TEST(http_pipeline_waits_for_its_turn)
{
    static const char two[] = "GET /a%20b HTTP/1.1\r\n" HOST "\r\nGET /nothing HTTP/1.1\r\n" HOST "\r\n";
    fresh();
    size_t used = http_input(&c, (char *)(uintptr_t)(two), sizeof two - 1);
    CHECK(used < sizeof two - 1);
    CHECK(http_answering(&c));
    CHECK_EQUAL(http_input(&c, (char *)(uintptr_t)(two + used), sizeof two - 1 - used), 0);
    drain();
    CHECK_EQUAL(http_input(&c, (char *)(uintptr_t)(two + used), sizeof two - 1 - used),
                sizeof two - 1 - used);
    drain();
    CHECK(strstr(out, "HTTP/1.1 404 Not Found") != NULL);
    CHECK_EQUAL(stats.requests, 2);
    CHECK_EQUAL(stats.errors, 1);
}

TEST(http_expire)
{
    fresh();
    feed("GET / HT", 8, 1);
    CHECK(!http_idle(&c));
    http_expire(&c);
    drain();
    CHECK(strstr(out, "HTTP/1.1 408 ") == out);
    CHECK(http_closing(&c));
}

TEST(http_close_after_the_answer)
{
    fresh();
    http_close(&c);
    feed("GET / HTTP/1.1\r\n" HOST "\r\n", 39, 100);
    CHECK(http_closing(&c));
}

TEST(http_request_is_small)
{
    CHECK(sizeof(struct http_request) <= 232 + 5 * (sizeof(void *) - 4));
}

/* ---- Ranges (RFC 9110 14) ---- */

static const char *range(const char *line)
{
    char request[300];
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" HOST "Range: %s\r\n\r\n", line);
    return ask(request);
}

TEST(http_ranges)
{
    static const struct {
        const char *line, *range, *body;
    } good[] = {{"bytes=0-2", "bytes 0-2/11", "<p>"},
                {"bytes=3-6", "bytes 3-6/11", "page"},
                {"bytes=7-", "bytes 7-10/11", "</p>"},
                {"bytes=-4", "bytes 7-10/11", "</p>"},
                {"bytes=-99", "bytes 0-10/11", "<p>page</p>"},
                {"bytes=10-99999999999", "bytes 10-10/11", ">"},
                {"BYTES=0-0", "bytes 0-0/11", "<"}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char lines[80];
        CHECK(strncmp(range(good[i].line), "HTTP/1.1 206 Partial Content\r\n", 30) == 0);
        snprintf(lines, sizeof lines, "Content-Range: %s\r\nContent-Length: %zu\r\n", good[i].range,
                 strlen(good[i].body));
        CHECK(said(lines));
        CHECK_STRING(strstr(out, "\r\n\r\n") + 4, good[i].body);
        CHECK(http_idle(&c));
    }
    static const char *const beyond[] = {"bytes=11-", "bytes=11-12", "bytes=-0", "bytes=4294967295-"};
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        CHECK(strncmp(range(beyond[i]), "HTTP/1.1 416 ", 13) == 0);
        CHECK(said("Content-Range: bytes */11\r\n"));
    }
    CHECK_EQUAL(get_status("/", "Range: bytes=0-1\r\nIf-Range: \"abc\""), 206);
    CHECK_EQUAL(get_status("/", "Range: bytes=0-1\r\nIf-None-Match: \"abc\""), 304);
    CHECK_EQUAL(get_status("/two", "Range: bytes=0-1\r\nIf-Range: \"gz\""), 206);
    CHECK_EQUAL(get_status("/two", "Accept-Encoding: identity\r\nRange: bytes=5-\r\nIf-Range: \"id\""), 206);
    CHECK(said("Content-Range: bytes 5-6/7\r\n"));
    CHECK_EQUAL(get_status("/two", "Accept-Encoding: identity\r\nRange: bytes=5-\r\nIf-Range: \"gz\""), 200);
    CHECK_EQUAL(get_status("/weak", "Range: bytes=0-1\r\nIf-Range: W/\"w\""), 200);
    CHECK_EQUAL(get_status("/empty", "Range: bytes=0-"), 416);
    CHECK_EQUAL(get_status("/value", "Range: bytes=0-1"), 200); /* a route has none */
    CHECK_EQUAL(status("HEAD / HTTP/1.1\r\n" HOST "Range: bytes=0-1\r\n\r\n"), 200);
}

static const char *answer_of(struct http_request *r)
{
    struct http_piece piece;
    return http_output(r, scratch, &piece) ? piece.bytes : "";
}

TEST(http_two_connections_side_by_side)
{
    static struct http_request a, b;
    static struct http_site sites[2] = {{.config = &config}, {.config = &config}};
    http_begin(&a, &sites[0], 1);
    http_begin(&b, &sites[1], 2);
    const char *ra = "GET / HTTP/1.1\r\n" HOST "\r\n", *rb = "PUT / HTTP/1.1\r\n" HOST "\r\n";
    for (size_t i = 0; i < strlen(ra); i++) {
        http_input(&a, (char *)(uintptr_t)(ra + i), 1);
        http_input(&b, (char *)(uintptr_t)(rb + i), 1);
    }
    CHECK_EQUAL(a.status, 200);
    CHECK_EQUAL(b.status, 405);
    CHECK_EQUAL(strncmp(answer_of(&a), "HTTP/1.1 200 ", 13), 0);
    CHECK_EQUAL(strncmp(answer_of(&b), "HTTP/1.1 405 ", 13), 0);
}

/* ---- Who may ask, and what answers say, by other configurations ---- */

static unsigned checks;
static uint16_t check_result;
static const char *checked_path;
static const void *checked_data;

static const char *wanted_login = "good";
static uint16_t check(struct http_request *r)
{
    const char *value = http_header(r, "Authorization");
    checks++;
    checked_path = http_path(r);
    checked_data = http_data(r);
    return value != NULL && strcmp(value, wanted_login) == 0 ? 0 : check_result;
}

static void own_policy(struct http_request *r, struct text *head)
{
    (void)r;
    http_put_header(head, "content-security-policy", "sandbox");
}

static void own_type(struct http_request *r, struct text *head)
{
    http_put_header(head, "content-type", http_status(r) == 200 ? "text/csv" : "text/plain");
}

static uint16_t typed_end(struct http_request *r)
{
    return http_method(r) == HTTP_GET ? 200 : http_method(r) == HTTP_PUT ? 401 : 400;
}

static uint16_t upgrade_begin(struct http_request *r)
{
    (void)r;
    return 400;
}

static void upgrade_gone(struct http_request *r)
{
    (void)r;
}

static const struct http_upgrade upgrade = {.begin = upgrade_begin, .head = own_policy, .gone = upgrade_gone};
static const char *const wanted[] = {"X-Wanted", NULL};
static const struct http_route guarded_routes[] = {
    {.path = "/value", .type = "text/plain", .output = parts},
    {.path = "/own", .type = "text/plain", .head = own_policy, .output = parts},
    {.path = "/put", .methods = HTTP_PUT, .headers = wanted, .body = post_body, .gone = post_gone},
    {.path = "/ws", .upgrade = &upgrade},
    {.path = "/typed",
     .methods = HTTP_GET | HTTP_PUT | HTTP_DELETE,
     .end = typed_end,
     .head = own_type,
     .output = parts,
     .data = "typed"},
};
static const struct http_resource guarded_resources[] = {
    {.path = "/", .type = "text/plain", .etag = "\"e\"", .body = page, .length = 3},
    {.path = "/own.html",
     .type = "text/html",
     .body = page,
     .length = 3,
     .headers = "Referrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\n"}};
static const char *const origins[] = {"https://app.example", NULL};
static const char *const authorization[] = {"Authorization", NULL};
static struct http_config guarded = {.resources = guarded_resources,
                                     .resource_count = 2,
                                     .routes = guarded_routes,
                                     .route_count = 5,
                                     .hosts = hosts,
                                     .origins = origins};

/* Feed one request to a server with that configuration, and go through its check. */
static int guarded_status(const char *request)
{
    fresh();
    checks = 0;
    site.config = &guarded;
    feed(request, strlen(request), 4096);
    if (http_checking(&c)) {
        http_check(&c);
        drain();
    }
    return atoi(out + 9);
}

static unsigned count_of(const char *text)
{
    unsigned count = 0;
    for (const char *at = out; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

TEST(http_options_of_the_server)
{
    CHECK_EQUAL(status("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 204);
    CHECK(said("Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n"));
    CHECK(!said("Content-Length"));
    CHECK(http_idle(&c));
    CHECK_EQUAL(status("OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 421);
    CHECK_EQUAL(status("OPTIONS * HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n"), 403);
    CHECK_EQUAL(status("OPTIONS / HTTP/1.1\r\n" HOST "\r\n"), 204);
    CHECK(said("Allow: GET, HEAD, OPTIONS\r\n"));
    CHECK_EQUAL(status("OPTIONS /nothing HTTP/1.1\r\n" HOST "\r\n"), 404);
}

TEST(http_check_tells_nobody_which_paths_there_are)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n" HOST "%s\r\n",
        "GET / HTTP/1.1\r\n" HOST "If-None-Match: \"e\"\r\n%s\r\n",
        "GET / HTTP/1.1\r\n" HOST "Range: bytes=99-\r\n%s\r\n",
        "GET /nothing HTTP/1.1\r\n" HOST "%s\r\n",
        "GET /value HTTP/1.1\r\n" HOST "%s\r\n",
        "GET /value HTTP/1.1\r\n" HOST "If-None-Match: *\r\n%s\r\n",
        "GET /value HTTP/1.1\r\n" HOST "If-Match: \"x\"\r\n%s\r\n",
        "DELETE /value HTTP/1.1\r\n" HOST "%s\r\n",
        "OPTIONS /value HTTP/1.1\r\n" HOST "%s\r\n",
        "OPTIONS /nothing HTTP/1.1\r\n" HOST "%s\r\n",
        "PUT /put HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n%s\r\n",
        "GET /ws HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: websocket\r\n%s\r\n"};
    static const int passed[] = {200, 304, 416, 404, 200, 304, 412, 405, 204, 404, 403, 400};
    char request[300], first[1024] = "";
    guarded.check = check;
    guarded.check_headers = authorization;
    guarded.challenge = "Bearer";
    check_result = 401;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        snprintf(request, sizeof request, requests[i], "");
        CHECK_EQUAL(guarded_status(request), 401);
        CHECK_EQUAL(checks, 1);
        CHECK(said("WWW-Authenticate: Bearer\r\n"));
        if (i == 0)
            strcpy(first, out);
        CHECK_STRING(out, first); /* to the last byte */
        snprintf(request, sizeof request, requests[i], "Authorization: good\r\n");
        CHECK_EQUAL(guarded_status(request), passed[i]);
        CHECK_EQUAL(checks, 1);
    }
    guarded.check = NULL;
}

/* Each of these alone has room in HTTP_KEEP_MAX, both together haven't. */
#define LONG_QUERY "q=0123456789012345"

static const char *asked_query, *asked_header;
static char asked_bytes[32];

static enum http_progress ask_output(struct http_request *r, struct text *t)
{
    asked_query = http_query(r, "q", asked_bytes, sizeof asked_bytes) >= 0 ? asked_bytes : NULL;
    asked_header = http_header(r, "Authorization");
    text_put(t, asked_header != NULL ? asked_header : "");
    return HTTP_END;
}

static const char *const ask_headers[] = {"X-More", "Authorization", NULL};
static const struct http_route ask_routes[] = {
    {.path = "/ask", .query = true, .headers = ask_headers, .type = "text/plain", .output = ask_output},
    {.path = "/files/*", .type = "text/plain", .output = ask_output},
};

/* What a route wants never takes the room of what the check wants: else a right login would be a wrong guess. */
TEST(http_check_comes_before_what_routes_keep)
{
    static const char *const full[] = {
        "GET /ask?" LONG_QUERY " HTTP/1.1\r\n" HOST "Authorization: %s\r\n\r\n",
        "GET /ask HTTP/1.1\r\n" HOST "X-More: 0123456789012345\r\nAuthorization: %s\r\n\r\n",
        "GET /ask HTTP/1.1\r\n" HOST "Authorization: %s\r\nX-More: 0123456789012345\r\n\r\n",
        "GET /files/0123456789012345 HTTP/1.1\r\n" HOST "Authorization: %s\r\n\r\n"};
    struct http_config kept = guarded;
    char request[300];
    guarded.routes = ask_routes;
    guarded.route_count = 2;
    guarded.check = check;
    guarded.check_headers = authorization;
    check_result = 401;
    for (size_t i = 0; i < sizeof full / sizeof full[0]; i++) {
        snprintf(request, sizeof request, full[i], "good");
        CHECK_EQUAL(guarded_status(request), 200);
        snprintf(request, sizeof request, full[i], "bad");
        CHECK_EQUAL(guarded_status(request), 401);
    }
    wanted_login = "0123456789";
    for (size_t i = 0; i < sizeof full / sizeof full[0]; i++) {
        snprintf(request, sizeof request, full[i], "0123456789");
        CHECK_EQUAL(guarded_status(request), 431);
        CHECK_EQUAL(checks, 1); /* it was let through, and then told */
        snprintf(request, sizeof request, full[i], "012345678x");
        CHECK_EQUAL(guarded_status(request), 401);
    }
    wanted_login = "good";
    CHECK_EQUAL(guarded_status("GET /ask?q=7 HTTP/1.1\r\n" HOST "Authorization: good\r\n\r\n"), 200);
    CHECK(asked_query != NULL && strcmp(asked_query, "7") == 0);
    CHECK(asked_header != NULL && strcmp(asked_header, "good") == 0);
    guarded = kept;
}

/* A login that has no room at all isn't asked about, nor a wrong guess: the same for each path. */
TEST(http_check_is_not_asked_about_half_a_login)
{
    static const char *const targets[] = {"/", "/nothing", "/value", "/put"};
    char request[300];
    guarded.check = check;
    guarded.check_headers = authorization;
    check_result = 401;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        for (int length = HTTP_KEEP_MAX - 1; length < 200; length += 60) {
            snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "Authorization: %0*d\r\n\r\n",
                     targets[i], length, 7);
            CHECK_EQUAL(guarded_status(request), 431);
            CHECK_EQUAL(checks, 0);
        }
    }
    guarded.check = NULL;
}

TEST(http_check_knows_what_was_asked_for)
{
    guarded.check = check;
    check_result = 0;
    CHECK_EQUAL(guarded_status("GET /?q HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_STRING(checked_path, "/");
    CHECK(checked_data == NULL);
    CHECK_EQUAL(guarded_status("GET /typed HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_STRING(checked_path, "/typed");
    CHECK_STRING((const char *)checked_data, "typed");
    CHECK_EQUAL(guarded_status("GET /nothing HTTP/1.1\r\n" HOST "\r\n"), 404);
    CHECK(checked_path == NULL && checked_data == NULL);
    guarded.check = NULL;
}

TEST(http_a_route_names_its_type_itself)
{
    CHECK_EQUAL(guarded_status("GET /typed HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK(said("content-type: text/csv\r\n"));
    CHECK(!said("Content-Type: "));
    CHECK_EQUAL(guarded_status("DELETE /typed HTTP/1.1\r\n" HOST "\r\n"), 400);
    CHECK(said("content-type: text/plain\r\n"));
    CHECK(!said("Content-Type: "));
    CHECK_EQUAL(guarded_status("GET /own HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK(said("Content-Type: text/plain\r\n"));
}

TEST(http_a_routes_own_401)
{
    guarded.challenge = "Bearer";
    CHECK_EQUAL(guarded_status("PUT /typed HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"), 401);
    CHECK_EQUAL(checks, 0);
    CHECK(said("WWW-Authenticate: Bearer\r\n"));
    guarded.challenge = NULL;
    CHECK_EQUAL(guarded_status("PUT /typed HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"), 401);
    CHECK(!said("WWW-Authenticate"));
}

TEST(http_preflight_needs_no_credentials)
{
    static const char *const paths[] = {"/value", "/put", "/nothing", "/"};
    char request[300], first[1024] = "";
    guarded.check = check;
    check_result = 401;
    for (size_t i = 0; i < 4; i++) {
        snprintf(request, sizeof request,
                 "OPTIONS %s HTTP/1.1\r\n" HOST "Origin: https://app.example\r\n"
                 "Access-Control-Request-Method: PUT\r\n\r\n",
                 paths[i]);
        CHECK_EQUAL(guarded_status(request), 204);
        CHECK_EQUAL(checks, 0);
        CHECK(said("Access-Control-Allow-Origin: https://app.example\r\n"));
        CHECK(said("Access-Control-Allow-Headers: Content-Type, Authorization, X-Wanted"));
        CHECK(said("Vary: Origin\r\n"));
        if (i == 0)
            strcpy(first, out);
        CHECK_STRING(out, first); /* of each path the same */
    }
    CHECK_EQUAL(guarded_status("OPTIONS /put HTTP/1.1\r\n" HOST "Origin: https://evil.example\r\n"
                               "Access-Control-Request-Method: PUT\r\n\r\n"),
                401);
    CHECK(!said("Access-Control"));
    CHECK_EQUAL(guarded_status("OPTIONS /put HTTP/1.1\r\n" HOST "Origin: https://app.example\r\n\r\n"), 401);
    guarded.check = NULL;
    CHECK_EQUAL(guarded_status("OPTIONS /put HTTP/1.1\r\n" HOST "Origin: https://app.example\r\n"
                               "Access-Control-Request-Method: PUT\r\n\r\n"),
                204);
    CHECK(said("Access-Control-Allow-Methods: PUT, OPTIONS\r\n"));
    CHECK_EQUAL(guarded_status("GET /value HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK(said("Vary: Origin\r\n"));
}

TEST(http_one_policy_in_an_answer)
{
    CHECK_EQUAL(guarded_status("GET /value HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_EQUAL(count_of("Content-Security-Policy: default-src 'self'"), 1);
    CHECK_EQUAL(guarded_status("GET /own HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_EQUAL(count_of("Content-Security-Policy"), 0);
    CHECK_EQUAL(count_of("content-security-policy: sandbox\r\n"), 1);
    CHECK_EQUAL(count_of("X-Frame-Options: DENY\r\n"), 1);
    CHECK_EQUAL(count_of("X-Content-Type-Options: nosniff\r\n"), 1);
    CHECK_EQUAL(guarded_status("GET /own.html HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK_EQUAL(count_of("Content-Security-Policy"), 1);
    CHECK(said("Content-Security-Policy: default-src 'none'\r\n"));
    CHECK_EQUAL(count_of("Referrer-Policy: no-referrer\r\n"), 1);
    guarded.security = "X-Mine: 1\r\n";
    CHECK_EQUAL(guarded_status("GET /value HTTP/1.1\r\n" HOST "\r\n"), 200);
    CHECK(said("X-Mine: 1\r\n") && count_of("Policy") == 0);
    guarded.security = NULL;
}

TEST(http_errors_carry_a_reason)
{
    static const struct {
        const char *request; /* from its second word on, without its end */
        int status;
    } errors[] = {{"/ HTTP/1.1\r\n", 400},
                  {"/nothing HTTP/1.1\r\n" HOST, 404},
                  {"/only HTTP/1.1\r\n" HOST, 405},
                  {"/ HTTP/1.1\r\n" HOST "Accept-Encoding: identity\r\n", 406},
                  {"/ HTTP/1.1\r\n" HOST "If-Match: \"no\"\r\n", 412},
                  {"/value HTTP/1.1\r\n" HOST "Content-Length: 5000\r\n", 413},
                  {"/ HTTP/1.1\r\n" HOST "Expect: more\r\n", 417},
                  {"/ HTTP/1.1\r\nHost: evil.example\r\n", 421},
                  {"/ HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n", 501}};
    char request[400], length[40];
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        for (unsigned kind = 0; kind < 4; kind++) {
            const char *accept = kind / 2 == 0 ? "" : "Accept: text/x, application/json;q=0.9\r\n";
            snprintf(request, sizeof request, "%s %s%s\r\n", kind % 2 == 0 ? "GET" : "HEAD",
                     errors[i].request, accept);
            CHECK_EQUAL(status(request), errors[i].status);
            const char *body = strstr(out, "\r\n\r\n") + 4;
            CHECK(
                said(kind / 2 == 0 ? "Content-Type: text/plain\r\n" : "Content-Type: application/json\r\n"));
            if (kind % 2 == 0) {
                snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
                CHECK(strlen(body) > 8 && body[strlen(body) - 1] == '\n');
                CHECK((body[0] == '{') == (kind == 2));
            } else {
                CHECK_STRING(body, "");
            }
            CHECK(said(length)); /* HEAD's is GET's */
        }
    }
    CHECK_EQUAL(status("GET /nothing HTTP/1.1\r\n" HOST "Accept: application/json;q=0\r\n\r\n"), 404);
    CHECK(said("Content-Type: text/plain\r\n"));
    /* HEAD has no ranges, and only our own pages may PUT. */
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "Range: bytes=99-\r\nAccept: application/json\r\n\r\n"),
                416);
    CHECK(said("{\"status\":416,\"error\":\""));
    CHECK_EQUAL(status("POST /both HTTP/1.1\r\n" HOST
                       "Origin: http://evil.example\r\nAccept: application/json\r\n\r\n"),
                403);
    CHECK(said("{\"status\":403,\"error\":\""));
    /* What fails before Accept is read is a text. */
    CHECK_EQUAL(status("GET / HTTP/2.0\r\nAccept: application/json\r\n\r\n"), 505);
    CHECK(said("Content-Type: text/plain\r\n"));
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nno field\r\nAccept: application/json\r\n\r\n"), 400);
    CHECK(said("Content-Type: text/plain\r\n"));
}

TEST(text_numbers_and_escapes)
{
    char bytes[80];
    struct text t = text_over(bytes, sizeof bytes);
    text_put_u32(&t, 0);
    text_put_u32(&t, 4294967295u);
    text_put_hex(&t, 0xBEEF, 4);
    text_put_ip4(&t, 0xC0A80701);
    text_put_json_string(&t, "a\"\\\n\x7f");
    CHECK_EQUAL(t.length, 1 + 10 + 4 + 11 + 2 + 1 + 2 + 2 + 6 + 1);
    CHECK_BYTES(bytes, "04294967295beef192.168.7.1\"a\\\"\\\\\\u000a\x7f\"", t.length);
    t = text_over(bytes, 3);
    text_put(&t, "four");
    CHECK(t.overflow);
    CHECK_EQUAL(t.length, 0);
}

TEST_MAIN()
