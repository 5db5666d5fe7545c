/*
 * WebSockets for test_websocket.py.
 *
 *   /echo    what comes goes back, frame by frame, any length     /count   a number each 20 ms, told by a thread where
 *   /short   the same, messages of at most 1,000 bytes                     there are any; commands: "close", "ping"
 *   /token   the same, with a token: cookie or subprotocol        /flood   text, as fast as it is read
 *   /bad     an output that breaks its contract: ?kind=N          /status  counters
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/websocket.h"

#include <string.h>

#include "os/os.h"
#include "plugnet/plugnet.h"

#define SESSIONS  3
#define PIECE_MAX 512

static struct plugnet plugnet;
static uint32_t opened, closed, pongs, last_code;

/* ---- Echo: one piece at a time, so that a message of any length needs 512 bytes. ---- */

struct echo {
    uint8_t bytes[PIECE_MAX];
    size_t length;
    bool full, text, last;
};
static struct echo echoes[3][SESSIONS];

static struct echo *echo_of(const struct websocket_session *s)
{
    const uint8_t *number = websocket_data(s);

    return &echoes[*number][websocket_number(s)];
}

static uint16_t echo_open(struct websocket_session *s, struct http_request *r)
{
    (void)r;
    echo_of(s)->full = false;
    opened++;
    return 0;
}

static size_t echo_room(struct websocket_session *s)
{
    return echo_of(s)->full ? 0 : PIECE_MAX;
}

static void echo_message(struct websocket_session *s, const struct websocket_piece *piece)
{
    struct echo *e = echo_of(s);

    memcpy(e->bytes, piece->bytes, piece->length);
    e->length = piece->length;
    e->text = piece->text;
    e->last = piece->last;
    e->full = true;
}

static enum websocket_frame echo_output(struct websocket_session *s, struct text *out)
{
    struct echo *e = echo_of(s);

    if (!e->full) {
        return WEBSOCKET_NOTHING;
    }
    text_put_bytes(out, (const char *)e->bytes, e->length);
    e->full = false;
    return e->text ? (e->last ? WEBSOCKET_TEXT : WEBSOCKET_TEXT_MORE)
                   : (e->last ? WEBSOCKET_BINARY : WEBSOCKET_BINARY_MORE);
}

static void any_closed(struct websocket_session *s, uint16_t code)
{
    (void)s;
    closed++;
    last_code = code;
}

static void any_pong(struct websocket_session *s)
{
    (void)s;
    pongs++;
}

static const char *const echo_protocols[] = {"echo.plugnet", "other", NULL};

#define ECHO                                                                                                 \
    .open = echo_open, .room = echo_room, .message = echo_message, .output = echo_output, .pong = any_pong,  \
    .closed = any_closed

static struct websocket_session echo_sessions[SESSIONS], short_sessions[SESSIONS], token_sessions[SESSIONS];
static const uint8_t numbers[] = {0, 1, 2};
static const struct websocket echo = {
    .sessions = echo_sessions, .count = SESSIONS, .protocols = echo_protocols, .data = &numbers[0], ECHO};
static const struct websocket brief = {
    .sessions = short_sessions, .count = SESSIONS, .message_max = 1000, .data = &numbers[1], ECHO};

/* ---- The same for who knows the token, as a cookie or as a second subprotocol. ---- */

static uint16_t token_open(struct websocket_session *s, struct http_request *r)
{
    const char *cookie = http_header(r, "Cookie"), *offered = http_header(r, "Sec-WebSocket-Protocol");
    bool known = (cookie != NULL && strcmp(cookie, "token=secret") == 0) ||
                 (offered != NULL && strcmp(offered, "plain, token.secret") == 0);

    return known ? echo_open(s, r) : 401;
}

static const char *const token_protocols[] = {"plain", NULL};
static const char *const token_headers[] = {"Cookie", "Sec-WebSocket-Protocol", NULL};
static const struct websocket token = {.sessions = token_sessions,
                                       .count = SESSIONS,
                                       .protocols = token_protocols,
                                       .data = &numbers[2],
                                       .open = token_open,
                                       .room = echo_room,
                                       .message = echo_message,
                                       .output = echo_output,
                                       .closed = any_closed};

/* ---- Numbers ---- */

static uint32_t number;
static uint32_t told[SESSIONS];
static struct websocket_session count_sessions[SESSIONS];

static uint16_t count_open(struct websocket_session *s, struct http_request *r)
{
    (void)r;
    told[websocket_number(s)] = __atomic_load_n(&number, __ATOMIC_RELAXED);
    opened++;
    return 0;
}

static void count_message(struct websocket_session *s, const struct websocket_piece *piece)
{
    if (piece->length == 5 && memcmp(piece->bytes, "close", 5) == 0) {
        websocket_close(s, 4000, "as you wish");
    } else if (piece->length == 4 && memcmp(piece->bytes, "ping", 4) == 0) {
        websocket_ping(s);
    }
}

static enum websocket_frame count_output(struct websocket_session *s, struct text *out)
{
    uint32_t *last = &told[websocket_number(s)];

    if (*last == __atomic_load_n(&number, __ATOMIC_RELAXED)) {
        return WEBSOCKET_NOTHING;
    }
    text_put(out, "{");
    text_put_json_u32(out, "n", ++*last);
    text_put_json_u32(out, "ms", board_time_ms());
    text_put(out, "}");
    return WEBSOCKET_TEXT;
}

static const struct websocket count = {.sessions = count_sessions,
                                       .count = SESSIONS,
                                       .message_max = 100,
                                       .open = count_open,
                                       .message = count_message,
                                       .output = count_output,
                                       .pong = any_pong,
                                       .closed = any_closed};

static void count_on(void)
{
    __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED);
    websocket_wake_all(&count);
}

#ifdef PLUGNET_THREADS
static void count_thread(void *context)
{
    uint32_t last_ms = 0;

    (void)context;
    for (;;) {
        os_sleep_until(&last_ms, 20);
        count_on();
    }
}
#endif

static const char *source_start(void *state, struct plugnet *p)
{
    (void)state, (void)p;
    return NULL;
}

static void source_tick(void *state, uint32_t now_ms)
{
    uint32_t *last_ms = state;

    if (now_ms - *last_ms >= 20) {
        *last_ms = now_ms;
#ifndef PLUGNET_THREADS
        count_on();
#endif
    }
}

static uint32_t source_ms;
static const struct plugnet_service source = {
    .name = "source", .state = &source_ms, .start = source_start, .tick = source_tick};

/* ---- As much as anybody reads, and what no product may do. ---- */

static struct websocket_session flood_sessions[SESSIONS], bad_sessions[SESSIONS];

static enum websocket_frame flood_output(struct websocket_session *s, struct text *out)
{
    (void)s;
    while (out->length + 10 <= WEBSOCKET_FRAME_MAX) {
        text_put(out, "0123456789");
    }
    return WEBSOCKET_TEXT;
}

static const struct websocket flood = {.sessions = flood_sessions,
                                       .count = SESSIONS,
                                       .output = flood_output,
                                       .pong = any_pong,
                                       .closed = any_closed};

enum { BAD_LONG, BAD_KIND, BAD_UTF8, BAD_MIX, BAD_STATUS };
static uint32_t bad_kind, bad_turn;

static uint16_t bad_open(struct websocket_session *s, struct http_request *r)
{
    (void)s;
    bad_kind = bad_turn = 0;
    http_query_u32(r, "kind", 0, BAD_STATUS, &bad_kind);
    return bad_kind == BAD_STATUS ? 302 : 0;
}

static enum websocket_frame bad_output(struct websocket_session *s, struct text *out)
{
    if (bad_kind == BAD_LONG) {
        flood_output(s, out);
        text_put(out, "0123456789");
    } else if (bad_kind == BAD_UTF8) {
        text_put(out, bad_turn++ == 0 ? "\xc3\xa9\xc3" : "x");
        return WEBSOCKET_TEXT_MORE;
    } else if (bad_kind == BAD_MIX) {
        text_put(out, "x");
        return bad_turn++ == 0 ? WEBSOCKET_TEXT_MORE : WEBSOCKET_BINARY;
    }
    return bad_kind == BAD_KIND ? (enum websocket_frame)9 : WEBSOCKET_TEXT;
}

static const struct websocket bad = {.sessions = bad_sessions,
                                     .count = SESSIONS,
                                     .open = bad_open,
                                     .output = bad_output,
                                     .closed = any_closed};

/* ---- All of it ---- */

static enum http_progress status(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "{");
    text_put_json_u32(out, "opened", opened);
    text_put_json_u32(out, "closed", closed);
    text_put_json_u32(out, "code", last_code);
    text_put_json_u32(out, "pongs", pongs);
    plugnet_http.status(plugnet_http.state, out);
    text_put(out, "}\n");
    return HTTP_END;
}

static const struct http_route routes[] = {
    {.path = "/status", .type = "application/json", .output = status},
    {.path = "/echo", HTTP_WEBSOCKET(&echo)},
    {.path = "/short", HTTP_WEBSOCKET(&brief)},
    {.path = "/token", .headers = token_headers, HTTP_WEBSOCKET(&token)},
    {.path = "/count", HTTP_WEBSOCKET(&count)},
    {.path = "/flood", HTTP_WEBSOCKET(&flood)},
    {.path = "/bad", .query = true, HTTP_WEBSOCKET(&bad)},
};

static const uint8_t page[] = "<!doctype html><title>websocket</title>";
static const struct http_resource resources[] = {
    {.path = "/", .type = "text/html", .body = page, .length = sizeof page - 1}};

static const struct plugnet_config config = {
    .product = "websocket",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &source),
    .subnet = 0x0A400100, /* 10.64.1.0 */
    .resources = resources,
    .resource_count = 1,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};

int main(void)
{
#ifdef PLUGNET_THREADS
    os_thread_start("count", count_thread, NULL, 1024, 1);
#endif
    plugnet_run(&plugnet, &config);
}
