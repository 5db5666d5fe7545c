/*
 * The service "dhcp": net/dhcpd.h on UDP port 67.
 */
/* SPDX-License-Identifier: MIT */
#include "net/dhcpd.h"

#include "net/udp_socket.h"
#include "plugnet/plugnet.h"
#include "wire/dhcp_msg.h"

#define LEASE_S 3600

struct dhcp_service {
    struct dhcpd dhcpd;
    struct dhcpd_config config;
    struct udp_socket socket;
};

static void dhcp_receive(void *state, struct udp_socket *socket, const struct udp_datagram *d)
{
    struct dhcp_service *s = state;
    struct dhcpd_destination to;
    uint8_t reply[DHCP_REPLY_MAX];
    size_t length = dhcpd_answer(&s->dhcpd, d->bytes, d->length, reply, sizeof reply, &to);

    if (length > 0) {
        udp_socket_send(socket, reply, length, to.address, to.port);
    }
}

static const char *dhcp_start(void *state, struct plugnet *p)
{
    struct dhcp_service *s = state;

    s->config = (struct dhcpd_config){
        .server = p->address,
        .client = p->host_address,
        .netmask = PLUGNET_NETMASK,
        .lease_s = p->config->lease_s != 0 ? p->config->lease_s : LEASE_S,
        .dns = !p->config->no_dns_option,
    };
    dhcpd_init(&s->dhcpd, &s->config);
    return udp_socket_open(&s->socket, &p->netif.netif, DHCP_PORT_SERVER, dhcp_receive, s) ? NULL
                                                                                           : PLUGNET_NO_UDP;
}

static void dhcp_status(void *state, struct text *out)
{
    const struct dhcpd_stats *s = &((struct dhcp_service *)state)->dhcpd.stats;

    text_put_json_u32s(out, "requests\0offers\0acks\0naks\0declines\0releases\0ignored\0malformed\0",
                       &s->requests);
}

static struct dhcp_service dhcp_state;

const struct plugnet_service plugnet_dhcp = {
    .name = "dhcp",
    .state = &dhcp_state,
    .start = dhcp_start,
    .status = PLUGNET_STATUS ? dhcp_status : NULL,
};
