/*
 * @NAME@: who it is, and what it serves.
 *
 *   GET /                the page, from site/
 *   GET /api/state       what the page shows
 *   GET, PUT /api/settings    settings.c: kept in flash
 *   /api/update          new firmware: plugnet/updater.h
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet.h"
#include "plugnet/updater.h"
#include "settings.h"
#include "site.h" /* made of site/ by the build */
#include "wire/json.h"

static enum http_progress state_output(struct http_request *r, struct text *out)
{
    struct json_writer w = json_writer_over(out);

    (void)r;
    json_object_begin(&w);
    json_put_key(&w, "board");
    json_put_string(&w, board_info()->name);
    json_put_key(&w, "uptime_ms");
    json_put_u32(&w, board_time_ms());
    json_put_key(&w, "button");
    json_put_bool(&w, board_button());
    json_object_end(&w);
    return HTTP_END;
}

static struct updater updater; /* no key: whoever reaches the page may update the board */
static const struct plugnet_service update_service = PLUGNET_UPDATER(&updater);

static const struct http_route routes[] = {
    PLUGNET_UPDATER_ROUTE(&updater),
    {.path = "/api/state", .type = "application/json", .output = state_output},
    {.path = "/api/settings",
     .methods = HTTP_GET | HTTP_PUT,
     .type = "application/json",
     .body = settings_body,
     .end = settings_end,
     .output = settings_output,
     .gone = settings_gone},
};

/* Not const: the name comes from the settings. Get a USB ID of your own: 1209:000a is for tests only. */
static struct plugnet_config config = {
    .product_id = 0x000A,
    .manufacturer = "Example",
    .product = "@NAME@",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &update_service),
    .resources = site_resources,
    .resource_count = site_resources_count,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .started = settings_started,
};

static struct plugnet plugnet;

void rename_now(const char *name)
{
    plugnet_rename(&plugnet, name);
}

int main(void)
{
    settings_load();
    config.name = settings_now()->name;
    plugnet_run(&plugnet, &config);
}
