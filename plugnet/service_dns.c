/*
 * The service "dns": net/dnsd.h on UDP port 53.
 */
/* SPDX-License-Identifier: MIT */
#include "net/dnsd.h"

#include "net/udp_socket.h"
#include "plugnet/plugnet.h"
#include "wire/dns_msg.h"

struct dns_service {
    struct dnsd dnsd;
    struct dnsd_config config;
    struct udp_socket socket;
};

static void dns_receive(void *state, struct udp_socket *socket, const struct udp_datagram *d)
{
    struct dns_service *s = state;
    uint8_t reply[DNSD_REPLY_MAX];
    size_t length = dnsd_answer(&s->dnsd, d->bytes, d->length, reply, sizeof reply);

    if (length > 0) {
        udp_socket_send(socket, reply, length, d->address, d->port);
    }
}

static const char *dns_start(void *state, struct plugnet *p)
{
    struct dns_service *s = state;

    s->config = (struct dnsd_config){.names = p->hosts, .address = p->address};
    dnsd_init(&s->dnsd, &s->config);
    return udp_socket_open(&s->socket, &p->netif.netif, DNS_PORT, dns_receive, s) ? NULL : PLUGNET_NO_UDP;
}

static void dns_status(void *state, struct text *out)
{
    const struct dnsd_stats *s = &((struct dns_service *)state)->dnsd.stats;

    text_put_json_u32s(out, "queries\0answered\0no_data\0refused\0malformed\0", &s->queries);
}

static struct dns_service dns_state;

const struct plugnet_service plugnet_dns = {
    .name = "dns",
    .state = &dns_state,
    .start = dns_start,
    .status = PLUGNET_STATUS ? dns_status : NULL,
};
