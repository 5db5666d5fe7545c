/*
 * A product of its own: a name, USB identity, and one web address with a value.
 *
 *   make APP=examples/minimal NAME=minimal        from here, or from your folder: make -C plugnet APP=$PWD NAME=…
 *   curl http://minimal.local/uptime              or http://minimal.internal/uptime
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet.h"

static enum http_progress uptime_output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "{");
    text_put_json_u32(out, "uptime_ms", board_time_ms());
    text_put(out, "}\n");
    return HTTP_END;
}

static const struct http_route routes[] = {
    {.path = "/uptime", .type = "application/json", .output = uptime_output},
};

static const struct plugnet_config config = {
    .product_id = 0x0002, /* of 0x1209: for tests only, never ship it */
    .manufacturer = "Example",
    .product = "Minimal",
    .name = "minimal",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
    .routes = routes,
    .route_count = 1,
};

static struct plugnet plugnet;

int main(void)
{
    plugnet_run(&plugnet, &config);
}
