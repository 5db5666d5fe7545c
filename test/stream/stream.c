/*
 * Firmware for one test: a product's own TCP service, which sends numbered lines for ever to whoever connects, by
 * tcp_guard_write. Clients that don't read, or don't acknowledge, must cost nobody else anything.
 *
 *   make APP=test/stream NAME=stream
 *   build/test/system stream build/stm32f4discovery-none-stream/stream.elf      connects to port 5555
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "app/status.h"
#include "net/tcp_pcb.h"
#include "plugnet/plugnet.h"

#define PORT          5555
#define CLIENTS       4
#define LINE          16 /* bytes: "line 0123456789\n" */
#define POLL_INTERVAL 1  /* of 500 ms */

static struct plugnet plugnet;

static struct stream {
    struct tcp_pcb *pcb; /* NULL: free */
    uint32_t sent;       /* bytes */
} streams[CLIENTS];

static void line_make(char *line, uint32_t number)
{
    memcpy(line, "line 0000000000\n", LINE);
    for (int i = 14; i >= 5; i--, number /= 10) {
        line[i] = (char)('0' + number % 10);
    }
}

static err_t stream_send(struct stream *s)
{
    size_t taken;

    do {
        char lines[16 * LINE];
        uint32_t at = s->sent % LINE;
        for (uint32_t i = 0; i < 16; i++) {
            line_make(lines + i * LINE, s->sent / LINE + i);
        }
        taken = tcp_guard_write(&plugnet.guard, s->pcb, lines + at, sizeof lines - at, false);
        s->sent += (uint32_t)taken;
    } while (taken > 0);
    return ERR_OK;
}

static err_t stream_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct stream *s = arg;

    (void)error;
    if (p == NULL) {
        s->pcb = NULL;
        return tcp_pcb_close(pcb);
    }
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t stream_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
    (void)pcb;
    (void)length;
    return stream_send(arg);
}

static err_t stream_polled(void *arg, struct tcp_pcb *pcb)
{
    (void)pcb;
    return stream_send(arg);
}

static void stream_failed(void *arg, err_t error)
{
    struct stream *s = arg;

    (void)error;
    s->pcb = NULL; /* lwIP has freed it */
}

static err_t stream_accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg;
    for (unsigned i = 0; i < CLIENTS && error == ERR_OK; i++) {
        struct stream *s = &streams[i];
        if (s->pcb == NULL) {
            *s = (struct stream){.pcb = pcb};
            tcp_arg(pcb, s);
            tcp_recv(pcb, stream_received);
            tcp_sent(pcb, stream_sent);
            tcp_err(pcb, stream_failed);
            tcp_poll(pcb, stream_polled, POLL_INTERVAL);
            return stream_send(s);
        }
    }
    return ERR_MEM; /* lwIP aborts it */
}

static const char *stream_start(void *state, struct plugnet *p)
{
    (void)p;
    return tcp_pcb_listen(PORT, state, stream_accepted) != NULL ? NULL : PLUGNET_NO_TCP;
}

static const struct plugnet_service stream_service = {.name = "stream", .start = stream_start};

static const uint8_t page[256] = "The page that the rig asks for.\n";

static const struct http_resource resources[] = {
    {.path = "/", .type = "text/plain", .body = page, .length = sizeof page},
};

static const struct plugnet_config config = {
    .product = "plugnet stream",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &plugnet_dns_tcp, &stream_service),
    .resources = resources,
    .resource_count = 1,
    .routes = status_routes,
    .route_count = STATUS_ROUTES,
    .context = &plugnet,
};

int main(void)
{
    plugnet_run(&plugnet, &config);
}
