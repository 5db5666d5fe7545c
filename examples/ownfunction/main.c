/*
 * A product with a USB function of its own beside the network: a keyboard with one key (key.c), pressed by the board's button or
 * by a web page.
 *
 *   make APP=examples/ownfunction NAME=ownfunction
 *   curl -X POST http://ownfunction.local/press
 */
/* SPDX-License-Identifier: MIT */
#include "key.h"

static uint16_t press_end(struct http_request *r)
{
    (void)r;
    return key_press() ? 204 : 503;
}

static enum http_progress light_output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, key_light() ? "on\n" : "off\n");
    return HTTP_END;
}

static const struct http_route routes[] = {
    {.path = "/press", .methods = HTTP_POST, .end = press_end},
    {.path = "/light", .type = "text/plain", .output = light_output},
};

static const char *button_start(void *state, struct plugnet *p)
{
    (void)state, (void)p;
    return NULL;
}

static void button_tick(void *state, uint32_t now_ms)
{
    static bool before;
    bool pressed = board_button();

    (void)state, (void)now_ms;
    if (pressed && !before) {
        key_press();
    }
    before = pressed;
    board_led_set(0, key_light());
}

static const struct plugnet_service button_service = {
    .name = "button", .start = button_start, .tick = button_tick};

static const struct plugnet_config config = {
    .product_id = 0x0007, /* of 0x1209: for tests only, never ship it */
    .manufacturer = "Example",
    .product = "Key",
    .name = "ownfunction",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS, &key_function),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &button_service),
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};

static struct plugnet plugnet;

int main(void)
{
    plugnet_run(&plugnet, &config);
}
