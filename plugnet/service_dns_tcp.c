/*
 * The service "dns_tcp": net/dns_tcp.h, for resolvers that ask by TCP.
 */
/* SPDX-License-Identifier: MIT */
#include "net/dns_tcp.h"

#include "net/dnsd.h"
#include "plugnet/plugnet.h"

struct dns_tcp_service {
    struct dns_tcp dns_tcp;
    struct dnsd dnsd;
    struct dnsd_config config;
};

static const char *dns_tcp_start(void *state, struct plugnet *p)
{
    struct dns_tcp_service *s = state;

    s->config = (struct dnsd_config){.names = p->hosts, .address = p->address};
    dnsd_init(&s->dnsd, &s->config);
    return dns_tcp_listen(&s->dns_tcp, &s->dnsd) ? NULL : PLUGNET_NO_TCP;
}

static void dns_tcp_status(void *state, struct text *out)
{
    const struct dns_tcp_service *s = state;

    text_put_json_u32s(out, "queries\0evicted\0", &s->dns_tcp.queries);
}

static struct dns_tcp_service dns_tcp_state;

const struct plugnet_service plugnet_dns_tcp = {
    .name = "dns_tcp",
    .state = &dns_tcp_state,
    .start = dns_tcp_start,
    .status = PLUGNET_STATUS ? dns_tcp_status : NULL,
};
