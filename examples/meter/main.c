/*
 * The product's configuration: who it is, what it serves, and to whom.
 *
 *   make APP=examples/meter NAME=meter        or without a board: ./run --app examples/meter
 */
/* SPDX-License-Identifier: MIT */
#include "meter.h"
#include "site.h" /* made of the folder site/ by the build */

static const struct http_route routes[] = {
    {.path = "/events", HTTP_EVENTS(&live_events)},
    {.path = "/ws", HTTP_WEBSOCKET(&live_socket)},
    {.path = "/log.csv",
     .query = true,
     .begin = log_begin,
     .end = log_end,
     .head = log_head,
     .output = log_output},
    {.path = "/upload",
     .methods = HTTP_PUT,
     .type = "application/json",
     .body = upload_body,
     .output = upload_output},
    {.path = "/settings",
     .methods = HTTP_GET | HTTP_PUT,
     .type = "application/json",
     .headers = settings_headers,
     .begin = settings_begin,
     .body = settings_body,
     .end = settings_end,
     .output = settings_output,
     .gone = settings_gone},
};

static struct plugnet_config config = {
    .product_id = 0x0009, /* of 0x1209: for tests only, never ship it */
    .manufacturer = "Example",
    .product = "Meter",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &sampler_service, &live_service,
                                 &telemetry_service, &scpi_service),
    .resources = site_resources,
    .resource_count = site_resources_count,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .challenge = "Bearer realm=\"meter\"", /* goes with each 401 */
};

static struct plugnet plugnet;

void meter_rename(const char *host)
{
    plugnet_rename(&plugnet, host);
}

int main(void)
{
    settings_load();
    config.name = settings_now()->host;
    plugnet_run(&plugnet, &config);
}
