/*
 * Firmware for one test: a thread that receives datagrams by netconn, keeps as many as lwIP gives it, and frees them in
 * its own time. What it keeps lies in NTB blocks, so it asks for all of them; the cable must not stop.
 *
 *   make BOARD=native OS=posix APP=test/holder NAME=holder [TSAN=1]
 *   build/test/system holder build/native-posix-holder/holder.elf        sends to port 7000, asks /api/holder
 *
 * A datagram's bytes count up from its first; they are looked at when it is freed, not when it comes.
 */
/* SPDX-License-Identifier: MIT */
#include "app/status.h"
#include "lwip/api.h"
#include "lwip/memp.h"
#include "lwip/stats.h"
#include "os/os.h"
#include "plugnet/plugnet.h"

#define PORT     7000
#define HELD_MAX MEMP_NUM_NETBUF

static struct plugnet plugnet;

/* Written by the thread alone. */
static struct {
    uint32_t received, freed, spoilt, held_max;
} counts;

static void count(uint32_t *counter, uint32_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static bool is_spoilt(struct netbuf *buf)
{
    const uint8_t *bytes;
    uint16_t length;

    if (netbuf_data(buf, (void **)&bytes, &length) != ERR_OK) {
        return true;
    }
    for (uint16_t i = 1; i < length; i++) {
        if (bytes[i] != (uint8_t)(bytes[0] + i)) {
            return true;
        }
    }
    return false;
}

static void hold(void *context)
{
    struct netconn *conn = netconn_new(NETCONN_UDP);
    struct netbuf *held[HELD_MAX];
    uint32_t last_ms = 0, until_ms = 0, number = 0;

    (void)context;
    os_assert(conn != NULL && netconn_bind(conn, IP_ADDR_ANY, PORT) == ERR_OK);
    netconn_set_nonblocking(conn, 1);
    for (;;) {
        while (number < HELD_MAX && netconn_recv(conn, &held[number]) == ERR_OK) {
            number++;
            count(&counts.received, counts.received + 1);
            count(&counts.held_max, LWIP_MAX(counts.held_max, number));
        }
        if (board_time_ms() >= until_ms) { /* some at once, in another order than they came */
            while (number > 0) {
                number--;
                count(&counts.spoilt, counts.spoilt + is_spoilt(held[number]));
                netbuf_delete(held[number]);
                count(&counts.freed, counts.freed + 1);
            }
            until_ms = board_time_ms() + 1 + (counts.received * 7) % 40;
        }
        os_sleep_until(&last_ms, 1);
    }
}

static enum http_progress holder_output(struct http_request *r, struct text *t)
{
    (void)r;
    text_put(t, "{\"here\":true");
    text_put_json_u32(t, "received", __atomic_load_n(&counts.received, __ATOMIC_RELAXED));
    text_put_json_u32(t, "freed", __atomic_load_n(&counts.freed, __ATOMIC_RELAXED));
    text_put_json_u32(t, "spoilt", __atomic_load_n(&counts.spoilt, __ATOMIC_RELAXED));
    text_put_json_u32(t, "held_max", __atomic_load_n(&counts.held_max, __ATOMIC_RELAXED));
    text_put_json_u32(t, "no_netbuf", lwip_stats.memp[MEMP_NETBUF]->err);
    text_put(t, "}\n");
    return HTTP_END;
}

static enum http_progress holder_status(struct http_request *r, struct text *t)
{
    return status_routes[0].output(r, t);
}

static const struct http_route routes[] = {
    {.path = "/api/status", .type = "application/json", .output = holder_status},
    {.path = "/api/holder", .type = "application/json", .output = holder_output},
};

static const uint8_t page[4000] = {'h', 'o', 'l', 'd', 'e', 'r'};
static const struct http_resource resources[] = {
    {.path = "/", .type = "text/plain", .body = page, .length = sizeof page},
};

static const struct plugnet_config config = {
    .product = "holder",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &plugnet_dns_tcp, &plugnet_iperf),
    .routes = routes,
    .route_count = 2,
    .context = &plugnet,
    .resources = resources,
    .resource_count = 1,
};

int main(void)
{
    os_thread_start("holder", hold, NULL, 1024, 2);
    plugnet_run(&plugnet, &config);
}
