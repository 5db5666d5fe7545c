/*
 * A product whose log is read over USB, beside its network: usblog.py prints it, webusb/ shows it in a browser.
 *
 *   make APP=examples/usblog NAME=usblog
 *   examples/usblog/usblog.py
 */
/* SPDX-License-Identifier: MIT */
#include "log.h"

static struct watcher {
    const struct plugnet *plugnet;
    uint32_t second_ms, presses;
    bool pressed, link;
} watcher;

static const char *watcher_start(void *state, struct plugnet *p)
{
    ((struct watcher *)state)->plugnet = p;
    log_put(LOG_INFO, "started", 0);
    return NULL;
}

static void watcher_link(void *state, bool up)
{
    (void)state;
    log_put(LOG_WARNING, "network", up);
}

static void watcher_tick(void *state, uint32_t now_ms)
{
    struct watcher *w = state;
    bool pressed = board_button();

    if (pressed && !w->pressed) {
        log_put(LOG_INFO, "button", ++w->presses);
    }
    w->pressed = pressed;
    if (now_ms - w->second_ms >= 1000) {
        w->second_ms = now_ms;
        log_put(LOG_DEBUG, "load, permille", w->plugnet->load_permille);
    }
}

static const struct plugnet_service watcher_service = {
    .name = "watcher",
    .state = &watcher,
    .start = watcher_start,
    .link = watcher_link,
    .tick = watcher_tick,
};

static enum http_progress page_output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out,
             "<!DOCTYPE html><html lang=en><title>Log</title><p>This board's log is read by usblog.py.\n");
    return HTTP_END;
}

static const struct http_route routes[] = {{.path = "/", .type = "text/html", .output = page_output}};

static const struct plugnet_config config = {
    .product_id = 0x0006, /* of 0x1209: for tests only, never ship it */
    .manufacturer = "Example",
    .product = "Log",
    .name = "usblog",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS, &log_function),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &watcher_service),
    .routes = routes,
    .route_count = 1,
};

static struct plugnet plugnet;

int main(void)
{
    plugnet_run(&plugnet, &config);
}
