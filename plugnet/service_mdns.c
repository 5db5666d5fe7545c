/*
 * The service "mdns": net/mdnsd.h on UDP port 5353, and the page as an "_http._tcp" service.
 */
/* SPDX-License-Identifier: MIT */
#include "net/mdnsd.h"

#include "net/udp_socket.h"
#include "os/os.h"
#include "plugnet/plugnet.h"
#include "wire/dns_msg.h"

struct mdns_service {
    struct mdnsd mdnsd;
    struct mdnsd_config config;
    struct udp_socket socket;
};

_Static_assert(PLUGNET_NAME_MAX + 5 + 2 < MDNSD_LABEL_MAX,
               "PLUGNET_NAME_MAX: mDNS makes NAME-XXXX-2 of it, MDNSD_LABEL_MAX");
_Static_assert(PLUGNET_LOCAL_SIZE >= MDNSD_NAME_MAX,
               "MDNSD_LABEL_MAX: raise PLUGNET_LOCAL_SIZE, too: mDNS writes its names there");

static void mdns_receive(void *state, struct udp_socket *socket, const struct udp_datagram *d)
{
    struct mdns_service *s = state;
    struct mdnsd_peer sender = {d->address, d->port, !d->multicast}, to;
    uint8_t reply[MDNSD_MESSAGE_MAX];
    size_t length = mdnsd_receive(&s->mdnsd, board_time_ms(), os_random(), d->bytes, d->length, &sender,
                                  reply, sizeof reply, &to);

    if (length > 0) {
        udp_socket_send(socket, reply, length, to.address, to.port);
    }
}

static const char *mdns_start(void *state, struct plugnet *p)
{
    struct mdns_service *s = state;

    s->config = (struct mdnsd_config){
        .label = p->label,
        .unique_label = p->unique_label,
        .address = p->address,
        .netmask = PLUGNET_NETMASK,
        .port = p->config->http_port != 0 ? p->config->http_port : 80,
        .text = "path=/",
        .short_name = p->local,
        .unique_name = p->unique_local,
    };
    mdnsd_init(&s->mdnsd, &s->config);
    return udp_socket_open_group(&s->socket, &p->netif.netif, MDNS_PORT, mdns_receive, s) ? NULL
                                                                                          : PLUGNET_NO_UDP;
}

static void mdns_link(void *state, bool up)
{
    struct mdns_service *s = state;

    if (up) {
        mdnsd_start(&s->mdnsd, board_time_ms(), os_random());
    } else {
        mdnsd_stop(&s->mdnsd);
    }
}

static void mdns_renamed(void *state, struct plugnet *p, bool changed)
{
    struct mdns_service *s = state;
    uint8_t message[MDNSD_MESSAGE_MAX];

    if (!changed) {
        size_t length = mdnsd_goodbye(&s->mdnsd, message, sizeof message);
        if (length > 0) {
            udp_socket_send(&s->socket, message, length, MDNSD_GROUP, MDNS_PORT);
        }
        return;
    }
    s->config.label = p->label;
    mdnsd_renamed(&s->mdnsd);
    mdns_link(s, p->link_up);
}

static void mdns_tick(void *state, uint32_t now_ms)
{
    struct mdns_service *s = state;
    uint8_t message[MDNSD_MESSAGE_MAX];
    size_t length = mdnsd_due(&s->mdnsd, now_ms) ? mdnsd_poll(&s->mdnsd, now_ms, message, sizeof message) : 0;

    if (length > 0) {
        udp_socket_send(&s->socket, message, length, MDNSD_GROUP, MDNS_PORT);
    }
}

static void mdns_status(void *state, struct text *out)
{
    const struct mdnsd_stats *s = &((struct mdns_service *)state)->mdnsd.stats;

    text_put_json_u32s(out, "queries\0answers\0announcements\0conflicts\0malformed\0", &s->queries);
}

static struct mdns_service mdns_state;

const struct plugnet_service plugnet_mdns = {
    .name = "mdns",
    .state = &mdns_state,
    .start = mdns_start,
    .tick = mdns_tick,
    .link = mdns_link,
    .renamed = mdns_renamed,
    .status = PLUGNET_STATUS ? mdns_status : NULL,
};
