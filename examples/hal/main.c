/*
 * A product on a board that is ST's HAL's: plugnet has neither its start-up, nor its clocks, nor its linker script. README.md tells
 * how it is built.
 *
 *   GET /            the page, from site/
 *   GET /api/state   what the page shows
 *   PUT /api/led     ?on=true, ?on=false: the green LED
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plugnet/plugnet.h"
#include "site.h" /* made of site/ by the build */
#include "store/store.h"
#include "wire/json.h"

static struct plugnet plugnet;
static struct store store;
static uint32_t boots; /* kept in flash */

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
    json_put_key(&w, "led");
    json_put_bool(&w, board_led_get(0));
    json_put_key(&w, "boots");
    json_put_u32(&w, boots);
    json_put_key(&w, "random");
    json_put_u32(&w, board_random());
    json_put_key(&w, "stack_used");
    json_put_u32(&w, board_stack_used_max());
    json_object_end(&w);
    return HTTP_END;
}

static uint16_t led_end(struct http_request *r)
{
    char on[8];

    if (http_query(r, "on", on, sizeof on) < 0 || (strcmp(on, "true") != 0 && strcmp(on, "false") != 0))
        return 400;
    board_led_set(0, strcmp(on, "true") == 0);
    return 204;
}

static const struct http_route routes[] = {
    {.path = "/api/state", .type = "application/json", .output = state_output},
    {.path = "/api/led", .methods = HTTP_PUT, .query = true, .end = led_end},
};

/* 1209:0009 is for tests only: get a USB ID of your own. */
static const struct plugnet_config config = {
    .product_id = 0x0009,
    .manufacturer = "Example",
    .product = "HAL",
    .name = "hal",
    .functions = PLUGNET_FUNCTIONS(&plugnet_ncm),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
    .resources = site_resources,
    .resource_count = site_resources_count,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
};

static void boots_count(void)
{
    static struct store_config store_config = {.schema = 1};

    store_config.flash = board_flash(BOARD_FLASH_SETTINGS);
    store_open(&store, &store_config);
    store_get(&store, "boots", 5, &boots, sizeof boots, NULL);
    boots++;
    store_put(&store, "boots", 5, &boots, sizeof boots);
}

int main(void)
{
    boots_count();
    plugnet_run(&plugnet, &config);
}
