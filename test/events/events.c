/*
 * Streams of events for test_events.py: each tells a number that counts up, and the board's time.
 *
 *   /events   20 a second         /fast    100 a second, slow readers are told what they lose
 *   /task     20 a second, put    /close   100 a second, slow readers are ended
 *             by a thread         /quiet   none: a heartbeat each second
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/events.h"
#include "os/os.h"
#include "plugnet/plugnet.h"

static struct plugnet plugnet;

static char ring[1024], fast_ring[1024], close_ring[1024], task_ring[512], quiet_ring[HTTP_EVENTS_RING_MIN];
static const struct http_events_options options = {.retry_ms = 200, .start = HTTP_EVENTS_NEWEST};
static const struct http_events_options fast_options = {.lost = "lost"};
static const struct http_events_options close_options = {.close_slow = true};
static const struct http_events_options quiet_options = {.heartbeat_s = 1};

static struct http_events events = {.ring = ring, .size = sizeof ring, .options = &options};
static struct http_events fast = {.ring = fast_ring, .size = sizeof fast_ring, .options = &fast_options};
static struct http_events closing = {
    .ring = close_ring, .size = sizeof close_ring, .options = &close_options};
static struct http_events task = {.ring = task_ring, .size = sizeof task_ring};
static struct http_events quiet = {.ring = quiet_ring, .size = sizeof quiet_ring, .options = &quiet_options};

static bool told(struct http_events *stream, uint32_t number)
{
    char bytes[64];
    struct text data = text_over(bytes, sizeof bytes);

    text_put(&data, "{");
    text_put_json_u32(&data, "n", number);
    text_put_json_u32(&data, "ms", board_time_ms());
    text_put(&data, "}");
    return http_events_put_text(stream, NULL, &data);
}

/* A service that puts events as time goes by. */
static struct source {
    uint32_t now_ms, n, fast_n;
} source_state;

static const char *source_start(void *state, struct plugnet *p)
{
    (void)state, (void)p;
    return NULL;
}

static void source_tick(void *state, uint32_t now_ms)
{
    struct source *s = state;

    if (now_ms / 50 != s->now_ms / 50) {
        told(&events, ++s->n);
    }
    if (now_ms / 10 != s->now_ms / 10) {
        s->fast_n++;
        told(&fast, s->fast_n);
        told(&closing, s->fast_n);
    }
    s->now_ms = now_ms;
}

static const struct plugnet_service source = {
    .name = "source", .state = &source_state, .start = source_start, .tick = source_tick};
static const struct plugnet_service events_service = PLUGNET_EVENTS("events", &events);
static const struct plugnet_service fast_service = PLUGNET_EVENTS("fast", &fast);
static const struct plugnet_service closing_service = PLUGNET_EVENTS("close", &closing);
static const struct plugnet_service task_service = PLUGNET_EVENTS("task", &task);
static const struct plugnet_service quiet_service = PLUGNET_EVENTS("quiet", &quiet);

static const struct plugnet_service *const services[] = {
    PLUGNET_DEFAULT_SERVICES, &source,       &events_service, &fast_service,
    &closing_service,         &task_service, &quiet_service,  NULL};

/* The counters of one stream for each part. */
static enum http_progress status(struct http_request *r, struct text *out)
{
    static const struct plugnet_service *const streams[] = {&events_service, &fast_service, &closing_service,
                                                            &task_service, &quiet_service};
    uint32_t part = http_part(r);

    text_put(out, part == 0 ? "{" : ",");
    text_put_json_string(out, streams[part]->name);
    text_put(out, ":{");
    streams[part]->status(streams[part]->state, out);
    text_put(out, part < 4 ? "}" : "}}\n");
    return part < 4 ? HTTP_MORE : HTTP_END;
}

static const struct http_route routes[] = {
    {.path = "/status", .type = "application/json", .output = status},
    {.path = "/events", HTTP_EVENTS(&events)},
    {.path = "/fast", HTTP_EVENTS(&fast)},
    {.path = "/close", HTTP_EVENTS(&closing)},
    {.path = "/task", HTTP_EVENTS(&task)},
    {.path = "/quiet", HTTP_EVENTS(&quiet)},
};

static const uint8_t page[] = "<!doctype html><title>events</title>";
static const struct http_resource resources[] = {
    {.path = "/", .type = "text/html", .body = page, .length = sizeof page - 1}};

static const struct plugnet_config config = {
    .product = "events",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = services,
    .subnet = 0x0A400100, /* 10.64.1.0 */
    .resources = resources,
    .resource_count = 1,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};

static void put_thread(void *context)
{
    uint32_t last_ms = 0, n = 1;

    (void)context;
    for (;;) {
        os_sleep_until(&last_ms, 50);
        n += told(&task, n); /* refused until the network has started */
    }
}

int main(void)
{
    os_thread_start("put", put_thread, NULL, 1024, 1);
    plugnet_run(&plugnet, &config);
}
