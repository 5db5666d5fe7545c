/*
 * A product whose routes break their contract, one of each kind, beside two that keep it. Played by test_badhandler.py,
 * which asks for behaviour: a broken answer never looks whole, and everybody else is served meanwhile.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet.h"

#define MANY 70000u /* parts: more than 16 bits count */

static struct plugnet plugnet;

static bool good(void *context, unsigned part, struct text *out)
{
    (void)context, (void)part;
    text_put(out, "{");
    plugnet_http.status(plugnet_http.state, out);
    text_put_json_u32(out, "uptime_ms", board_time_ms());
    text_put(out, "}\n");
    return false;
}

static bool many(void *context, unsigned part, struct text *out)
{
    (void)context;
    text_put(out, "x");
    return part < MANY - 1;
}

static bool endless(void *context, unsigned part, struct text *out)
{
    (void)context;
    text_put_u32(out, part);
    text_put(out, "\n");
    return true;
}

static bool silent(void *context, unsigned part, struct text *out)
{
    (void)context, (void)part, (void)out;
    return true;
}

static bool silent_later(void *context, unsigned part, struct text *out)
{
    (void)context;
    text_put(out, part == 0 ? "{\"begins\":" : "");
    return true;
}

static bool too_long(void *context, unsigned part, struct text *out)
{
    (void)context, (void)part;
    for (int i = 0; i < 100; i++) {
        text_put(out, "0123456789");
    }
    return false;
}

static bool too_long_later(void *context, unsigned part, struct text *out)
{
    text_put(out, part == 0 ? "{\"begins\":" : "");
    return part == 0 || too_long(context, part, out);
}

/* The status that the body names. */
static uint16_t status(void *context, const char *body, size_t length)
{
    uint32_t value = 0;

    (void)context;
    return http_number_parse(body, length, &value) ? (uint16_t)value : 0;
}

static const struct http_route routes[] = {
    {.path = "/good", .type = "application/json", .part = good},
    {.path = "/many", .type = "text/plain", .part = many},
    {.path = "/endless", .type = "text/plain", .part = endless},
    {.path = "/silent", .type = "text/plain", .part = silent},
    {.path = "/silent-later", .type = "text/plain", .part = silent_later},
    {.path = "/too-long", .type = "text/plain", .part = too_long},
    {.path = "/too-long-later", .type = "text/plain", .part = too_long_later},
    {.path = "/status", .post = status},
};

static const struct plugnet_config config = {
    .product = "bad handlers",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
    .subnet = 0x0A400100, /* 10.64.1.0 */
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};

int main(void)
{
    plugnet_run(&plugnet, &config);
}
