/*
 * HTTP/1.1: requests as clients and attackers write them, whole and in pieces, through the thinking half.
 *
 * LINK: wire/http_msg.c wire/text.c net/http.c net/http_request.c net/http_answer.c
 */
/* SPDX-License-Identifier: MIT */
#include "net/http.h"
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
};

static char posted[256];
static size_t posted_length;
static unsigned posts;

static bool parts(void *context, unsigned part, struct text *out)
{
    (void)context;
    text_put(out, part == 0 ? "one" : part == 1 ? "" : "three");
    return part < 2;
}

static uint16_t post(void *context, const char *body, size_t length)
{
    (void)context;
    posts++;
    posted_length = length;
    memcpy(posted, body, length);
    return length > 0 && body[0] == '!' ? 400 : length > 0 && body[0] == '.' ? 204 : 200;
}

static const struct http_route routes[] = {
    {.path = "/value", .type = "text/plain", .part = parts},
    {.path = "/both", .type = "text/plain", .part = parts, .post = post},
    {.path = "/only", .type = "text/plain", .post = post},
};
static const char *const hosts[] = {"plugnet.local", "10.64.1.1", NULL};
static const struct http_config config = {resources, 3, routes, 3, NULL, hosts};
static struct http_stats stats;
static struct http_connection c;
static char out[8192];
static size_t out_length;

static void drain(void)
{
    char scratch[HTTP_SCRATCH_MAX];
    struct http_piece piece;
    while (http_output(&c, scratch, &piece)) {
        size_t take = piece.lasting && piece.length > 4 ? 4 : piece.length; /* lasting pieces in parts */
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
        size_t used = http_input(&c, bytes + at, piece);
        at += used;
        drain();
        if (used == 0)
            break;
    }
}

static void fresh(void)
{
    memset(&stats, 0, sizeof stats);
    posts = 0;
    out_length = 0;
    out[0] = 0;
    http_begin(&c, &config, &stats);
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
#define X    "X-Plugnet: 1\r\n"

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
        "POST /both HTTP/1.1\r\n" HOST X "Content-Length: 5\r\n\r\nhello"
        "POST /both HTTP/1.1\r\n" HOST X
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
    CHECK(strstr(out, "Allow: GET, HEAD\r\n") != NULL);
    CHECK_EQUAL(status("POST / HTTP/1.1\r\n" HOST X "\r\n"), 405);
    CHECK_EQUAL(status("OPTIONS /both HTTP/1.1\r\n" HOST "\r\n"), 405);
    CHECK(strstr(out, "Allow: GET, HEAD, POST\r\n") != NULL);
    CHECK(strstr(out, "Access-Control") == NULL);
    CHECK_EQUAL(status("GET /only HTTP/1.1\r\n" HOST "\r\n"), 405);
    CHECK(strstr(out, "Allow: POST\r\n") != NULL);
    CHECK_EQUAL(status("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 404);
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
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: plugnet.local:80x\r\n\r\n"), 421);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: PLUGNET.local.:8080\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: 10.64.1.1\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: localhost:18080\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"), 200);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 421);
    CHECK_EQUAL(status("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"), 421);
}

#define POST_BOTH "POST /both HTTP/1.1\r\n"

TEST(http_state_changes_need_the_header)
{
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length: 2\r\n\r\nhi"), 200);
    CHECK_EQUAL(posts, 1);
    CHECK_EQUAL(status(POST_BOTH HOST "Content-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST "X-Plugnet: 2\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(posts, 0);
    CHECK(http_idle(&c)); /* the body was read, the connection lives on */
}

TEST(http_state_changes_from_foreign_pages_are_refused)
{
    CHECK_EQUAL(status(POST_BOTH HOST X "Origin: http://plugnet.local\r\nContent-Length: 2\r\n\r\nhi"), 200);
    CHECK_EQUAL(status(POST_BOTH HOST X "Origin: null\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST X "Origin: http://evil.example\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST X "Origin: https://plugnet.local\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST X "Origin: http://10.64.1.1\r\nContent-Length: 2\r\n\r\nhi"), 403);
    CHECK_EQUAL(status(POST_BOTH HOST X "Origin: http://plugnet.local:81\r\nContent-Length: 2\r\n\r\nhi"),
                403);
    CHECK_EQUAL(status(POST_BOTH HOST X "Origin: http://plugnet.local\r\nOrigin: http://localhost\r\n\r\n"),
                403);
    CHECK_EQUAL(status(POST_BOTH "Host: localhost:8080\r\n" X "Origin: http://localhost:8080\r\n\r\n"), 200);
    CHECK_EQUAL(status(POST_BOTH "Host: localhost:8080\r\n" X "Origin: http://localhost:3000\r\n\r\n"), 403);
    CHECK_EQUAL(status(POST_BOTH "Origin: http://plugnet.local\r\n" X HOST "\r\n"), 200); /* any order */
    CHECK_EQUAL(status(POST_BOTH HOST X
                       "Origin: http://plugnet.local.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "aaaaaaaaaaaaaaaaaaa\r\n\r\n"),
                403);
}

TEST(http_post_answers)
{
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length: 1\r\n\r\n!"), 400);
    CHECK(!http_closing(&c)); /* the route's opinion, not a broken request */
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length: 1\r\n\r\n."), 204);
    CHECK_STRING(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    CHECK_EQUAL(status(POST_BOTH HOST X "\r\n"), 200);
    CHECK_EQUAL(posted_length, 0);
}

TEST(http_body_limits)
{
    char request[1024];
    snprintf(request, sizeof request, POST_BOTH HOST X "Content-Length: %d\r\n\r\n", HTTP_TEXT_MAX);
    fresh();
    feed(request, strlen(request), 4096);
    for (int i = 0; i < HTTP_TEXT_MAX; i++)
        feed("x", 1, 1);
    CHECK_EQUAL(posts, 1);
    CHECK_EQUAL(posted_length, HTTP_TEXT_MAX);
    snprintf(request, sizeof request, POST_BOTH HOST X "Content-Length: %d\r\n\r\n", HTTP_TEXT_MAX + 1);
    CHECK_EQUAL(status(request), 413);
    CHECK(http_closing(&c));
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length: 4294967295\r\n\r\n"), 413);
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length: 4294967296\r\n\r\n"), 413);
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length: 99999999999999999999999999\r\n\r\n"), 413);
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length: -1\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length: 1 1\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length:\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST X "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 200);
}

#define CHUNKED POST_BOTH HOST X "Transfer-Encoding: chunked\r\n"

TEST(http_chunks)
{
    CHECK_EQUAL(status(CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n"), 200);
    CHECK_EQUAL(status(CHUNKED "\r\n0\r\n\r\n"), 200);
    CHECK_EQUAL(status(CHUNKED "\r\n\r\n"), 400);
    CHECK_EQUAL(status(CHUNKED "\r\n5\r\nhelloX\r\n0\r\n\r\n"), 400);
    CHECK_EQUAL(status(CHUNKED "\r\n-1\r\n"), 400);
    CHECK_EQUAL(status(CHUNKED "\r\n0x5\r\nhello"), 400);
    CHECK_EQUAL(status(CHUNKED "\r\n000000005\r\nhello"), 400);
    CHECK_EQUAL(status(CHUNKED "\r\nFFFFFFFF\r\n"), 413);
    CHECK_EQUAL(
        status(CHUNKED "\r\n3F\r\n123456789012345678901234567890123456789012345678901234567890123\r\n1\r\n"),
        413);
    CHECK_EQUAL(status(CHUNKED "Content-Length: 5\r\n\r\n"), 400);
    CHECK_EQUAL(status(POST_BOTH HOST X "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
    CHECK_EQUAL(status(CHUNKED "Transfer-Encoding: chunked\r\n\r\n"), 501);
    CHECK_EQUAL(status("POST /both HTTP/1.0\r\n" X "Transfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(http_expect)
{
    CHECK_EQUAL(status(POST_BOTH HOST X "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"), 100);
    feed("hi", 2, 2);
    CHECK(strstr(out, "HTTP/1.1 200 OK") != NULL);
    CHECK_EQUAL(posts, 1);
    CHECK_EQUAL(status(POST_BOTH HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"), 403);
    CHECK(http_closing(&c)); /* or would the body come all the same? */
    CHECK_EQUAL(status(POST_BOTH HOST X "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"),
                200); /* didn't wait */
    CHECK_EQUAL(status("GET / HTTP/1.1\r\n" HOST "Expect: miracles\r\n\r\n"), 417);
}

TEST(http_header_limits)
{
    static char request[20000];
    strcpy(request, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < HTTP_HEADER_COUNT_MAX; i++)
        strcat(request, "A: b\r\n");
    CHECK_EQUAL(status(request), 431);
    strcpy(request, "GET / HTTP/1.1\r\n" HOST "Cookie: ");
    size_t n = strlen(request);
    memset(request + n, 'c', 4000);
    strcpy(request + n + 4000, "\r\n\r\n");
    CHECK_EQUAL(status(request), 200);
    memset(request + n, 'c', 9000);
    strcpy(request + n + 9000, "\r\n\r\n");
    CHECK_EQUAL(status(request), 431);
    strcpy(request, "GET / HTTP/1.1\r\n" HOST);
    n = strlen(request);
    memset(request + n, 'n', 300); /* a name nobody knows */
    strcpy(request + n + 300, ": v\r\n\r\n");
    CHECK_EQUAL(status(request), 200);
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

TEST(http_pipeline_waits_for_its_turn)
{
    static const char two[] = "GET /a%20b HTTP/1.1\r\n" HOST "\r\nGET /nothing HTTP/1.1\r\n" HOST "\r\n";
    fresh();
    size_t used = http_input(&c, two, sizeof two - 1);
    CHECK(used < sizeof two - 1);
    CHECK(http_answering(&c));
    CHECK_EQUAL(http_input(&c, two + used, sizeof two - 1 - used), 0);
    drain();
    CHECK_EQUAL(http_input(&c, two + used, sizeof two - 1 - used), sizeof two - 1 - used);
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

TEST(http_connection_is_small)
{
    CHECK(sizeof(struct http_connection) <= 150 + 4 * (sizeof(void *) - 4));
}

TEST(http_two_connections_side_by_side)
{
    static struct http_connection a, b;
    struct http_stats sa = {0}, sb = {0};
    http_begin(&a, &config, &sa);
    http_begin(&b, &config, &sb);
    const char *ra = "GET / HTTP/1.1\r\n" HOST "\r\n", *rb = "PUT / HTTP/1.1\r\n" HOST "\r\n";
    for (size_t i = 0; i < strlen(ra); i++) {
        http_input(&a, ra + i, 1);
        http_input(&b, rb + i, 1);
    }
    CHECK_EQUAL(a.status, 200);
    CHECK_EQUAL(b.status, 405);
    CHECK_EQUAL(sa.errors, 0);
    CHECK_EQUAL(sb.errors, 1);
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
