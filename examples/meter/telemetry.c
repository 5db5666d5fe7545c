/*
 * Telemetry: ten samples a second to UDP port 5005 of the PC that has the cable, one JSON object in each datagram.
 *
 *   $ nc -klu 5005
 */
/* SPDX-License-Identifier: MIT */
#include "meter.h"
#include "net/udp_socket.h"

#define PORT      5005 /* ours and the PC's */
#define PERIOD_MS 100

static struct telemetry {
    struct plugnet *plugnet;
    struct udp_socket socket;
    uint32_t sent_ms;
    uint32_t sent, lost; /* datagrams */
} telemetry;

static const char *telemetry_start(void *state, struct plugnet *p)
{
    struct telemetry *t = state;

    t->plugnet = p;
    return udp_socket_open(&t->socket, &p->netif.netif, PORT, NULL, t) ? NULL : PLUGNET_NO_UDP;
}

static void telemetry_tick(void *state, uint32_t now_ms)
{
    struct telemetry *t = state;
    char bytes[SAMPLE_TEXT_MAX];
    struct text text = text_over(bytes, sizeof bytes);

    if (now_ms - t->sent_ms < PERIOD_MS || !t->plugnet->link_up || !settings_now()->telemetry) {
        return;
    }
    t->sent_ms = now_ms;
    sample_put(&text, sample_now());
    if (udp_socket_send(&t->socket, bytes, text.length, t->plugnet->host_address, PORT)) {
        t->sent++;
    } else {
        t->lost++;
    }
}

static void telemetry_status(void *state, struct text *out)
{
    const struct telemetry *t = state;

    text_put_json_u32(out, "sent", t->sent);
    text_put_json_u32(out, "lost", t->lost);
}

const struct plugnet_service telemetry_service = {.name = "telemetry",
                                                  .state = &telemetry,
                                                  .start = telemetry_start,
                                                  .tick = telemetry_tick,
                                                  .status = telemetry_status};
