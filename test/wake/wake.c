/*
 * Firmware for one test: a product that wakes a sleeping PC, by its button, and by frames while it is told to.
 *
 *   make APP=test/wake NAME=wake
 *   build/test/system stm32f4discovery build/stm32f4discovery-none-wake/wake.elf --wakes
 *
 * UDP port 5556: one byte, after so many ms it comes back. The highest bit: frames wake the PC from now on; else they don't.
 */
/* SPDX-License-Identifier: MIT */
#include "app/status.h"
#include "net/udp_socket.h"
#include "plugnet/plugnet.h"

#define PORT        5556
#define FRAMES_WAKE 0x80u

static struct plugnet plugnet;
static struct plugnet_config config;

static struct wake {
    struct udp_socket socket;
    uint32_t address;
    uint16_t port;
    uint8_t byte;
    uint32_t due_ms;
    bool due;
    bool pressed;
} wake;

static void wake_received(void *state, struct udp_socket *socket, const struct udp_datagram *datagram)
{
    struct wake *w = state;

    (void)socket;
    w->address = datagram->address;
    w->port = datagram->port;
    w->byte = datagram->length != 0 ? datagram->bytes[0] : 0;
    w->due_ms = board_time_ms() + (w->byte & (FRAMES_WAKE - 1));
    w->due = true;
    config.wake_by_frames = w->byte & FRAMES_WAKE;
}

static void wake_tick(void *state, uint32_t now_ms)
{
    struct wake *w = state;
    bool pressed = board_button();

    if (pressed && !w->pressed) {
        plugnet_wake_host(&plugnet);
    }
    w->pressed = pressed;
    if (w->due && (int32_t)(now_ms - w->due_ms) >= 0) {
        w->due = false;
        udp_socket_send(&w->socket, &w->byte, 1, w->address, w->port);
    }
}

static const char *wake_start(void *state, struct plugnet *p)
{
    struct wake *w = state;

    return udp_socket_open(&w->socket, &p->netif.netif, PORT, wake_received, w) ? NULL : PLUGNET_NO_UDP;
}

static const struct plugnet_service wake_service = {
    .name = "wake", .state = &wake, .start = wake_start, .tick = wake_tick};

static const uint8_t page[256] = "The page that the rig asks for.\n";

static const struct http_resource resources[] = {
    {.path = "/", .type = "text/plain", .body = page, .length = sizeof page},
};

static struct plugnet_config config = {
    .product = "plugnet wake",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &plugnet_dns_tcp, &wake_service),
    .resources = resources,
    .resource_count = 1,
    .routes = status_routes,
    .route_count = STATUS_ROUTES,
    .context = &plugnet,
    .remote_wakeup = true,
};

int main(void)
{
    plugnet_run(&plugnet, &config);
}
