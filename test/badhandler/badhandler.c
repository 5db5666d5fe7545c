/*
 * A product whose routes break their contract, one of each kind, beside two that keep it. Played by test_badhandler.py,
 * which asks for behaviour: a broken answer never looks whole, and everybody else is served meanwhile.
 */
/* SPDX-License-Identifier: MIT */
#include "board/flash.h"
#include "plugnet/plugnet.h"

#define MANY 70000u /* parts: more than 16 bits count */

static struct plugnet plugnet;

static enum http_progress good(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "{");
    plugnet_http.status(plugnet_http.state, out);
    text_put_json_u32(out, "uptime_ms", board_time_ms());
    text_put(out, "}\n");
    return HTTP_END;
}

static enum http_progress many(struct http_request *r, struct text *out)
{
    text_put(out, "x");
    return http_part(r) < MANY - 1 ? HTTP_MORE : HTTP_END;
}

static enum http_progress endless(struct http_request *r, struct text *out)
{
    text_put_u32(out, http_part(r));
    text_put(out, "\n");
    return HTTP_MORE;
}

static enum http_progress silent(struct http_request *r, struct text *out)
{
    (void)r, (void)out;
    return HTTP_MORE;
}

static enum http_progress silent_later(struct http_request *r, struct text *out)
{
    text_put(out, http_part(r) == 0 ? "{\"begins\":" : "");
    return HTTP_MORE;
}

static enum http_progress too_long(struct http_request *r, struct text *out)
{
    (void)r;
    for (int i = 0; i < 100; i++) {
        text_put(out, "0123456789");
    }
    return HTTP_END;
}

static enum http_progress too_long_later(struct http_request *r, struct text *out)
{
    text_put(out, http_part(r) == 0 ? "{\"begins\":" : "");
    return http_part(r) == 0 ? HTTP_MORE : too_long(r, out);
}

static enum http_progress few(struct http_request *r, struct text *out)
{
    text_put(out, "0123456789");
    return http_part(r) < 3 ? HTTP_MORE : HTTP_END;
}

/* More of a body than there was. */
static size_t greedy(struct http_request *r, const uint8_t *bytes, size_t length)
{
    (void)r, (void)bytes;
    return length + 1;
}

/* Nothing of a body, ever; nobody wakes it. */
static size_t refuses(struct http_request *r, const uint8_t *bytes, size_t length)
{
    (void)r, (void)bytes, (void)length;
    return 0;
}

/* Two hundred bytes each 10 ms. */
static struct {
    struct http_request *request;
    uint32_t since_ms;
    bool room;
} slow;

static size_t slow_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    size_t taken = !slow.room ? 0 : length < 200 ? length : 200;

    (void)bytes;
    slow.request = r;
    slow.room = slow.room && taken == 0;
    return taken;
}

static void slow_gone(struct http_request *r)
{
    slow.request = slow.request == r ? NULL : slow.request;
}

static const char *slow_start(void *state, struct plugnet *p)
{
    (void)state, (void)p;
    return NULL;
}

static void slow_tick(void *state, uint32_t now_ms)
{
    (void)state;
    if (now_ms - slow.since_ms >= 10 && slow.request != NULL) {
        slow.since_ms = now_ms;
        slow.room = true;
        http_wake(slow.request);
    }
}

static const struct plugnet_service slow_service = {.name = "slow", .start = slow_start, .tick = slow_tick};

/* Never decides. */
static uint16_t later(struct http_request *r)
{
    (void)r;
    return HTTP_LATER;
}

/* Says that it is longer than it is, or shorter. */
static uint16_t of_length(struct http_request *r)
{
    http_answer_length(r, http_data(r) != NULL ? 100 : 2);
    return 200;
}

/* The status that the body names. */
static char status_bytes[16];
static struct http_buffer status_buffer = {.bytes = status_bytes, .size = sizeof status_bytes};

static size_t status_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    return http_collect(r, &status_buffer, bytes, length);
}

static uint16_t status_end(struct http_request *r)
{
    uint32_t value = 0;

    (void)r;
    return http_number_parse(status_bytes, status_buffer.length, &value) ? (uint16_t)value : 1;
}

static void status_gone(struct http_request *r)
{
    http_collect_end(r, &status_buffer);
}

/* Erase the largest unit that the chip has: on an STM32F4 the core stands still for a second, USB included. */
static uint16_t erase_end(struct http_request *r)
{
    const struct board_flash *scratch = board_flash(BOARD_FLASH_SCRATCH);

    (void)r;
    return scratch == NULL ? 404 : board_flash_erase(scratch, 0) ? 200 : 500;
}

static const struct http_route routes[] = {
    {.path = "/good", .type = "application/json", .output = good},
    {.path = "/many", .type = "text/plain", .output = many},
    {.path = "/endless", .type = "text/plain", .output = endless},
    {.path = "/silent", .type = "text/plain", .output = silent},
    {.path = "/silent-later", .type = "text/plain", .output = silent_later},
    {.path = "/too-long", .type = "text/plain", .output = too_long},
    {.path = "/too-long-later", .type = "text/plain", .output = too_long_later},
    {.path = "/status", .methods = HTTP_POST, .body = status_body, .end = status_end, .gone = status_gone},
    {.path = "/greedy", .methods = HTTP_PUT, .body = greedy},
    {.path = "/slow", .methods = HTTP_PUT, .body = slow_body, .gone = slow_gone},
    {.path = "/refuses", .methods = HTTP_PUT, .body = refuses},
    {.path = "/later", .type = "text/plain", .end = later, .output = good},
    {.path = "/erase", .methods = HTTP_POST, .end = erase_end},
    {.path = "/too-short", .type = "text/plain", .data = "", .end = of_length, .output = few},
    {.path = "/too-much", .type = "text/plain", .end = of_length, .output = few},
};

static const struct plugnet_config config = {
    .product = "bad handlers",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &slow_service),
    .subnet = 0x0A400100, /* 10.64.1.0 */
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};

int main(void)
{
    plugnet_run(&plugnet, &config);
}
