/*
 * The service "mdns": net/mdnsd.h on UDP port 5353, and the page as an "_http._tcp" service.
 */
/* SPDX-License-Identifier: MIT */
#include "net/mdnsd.h"

#include "lwip/sys.h"
#include "net/udp_socket.h"
#include "plugnet/plugnet.h"
#include "wire/dns_msg.h"

struct mdns_service {
    struct mdnsd mdnsd;
    struct mdnsd_config config;
    struct udp_pcb *pcb;
};

_Static_assert(PLUGNET_NAME_MAX + 5 + 2 < MDNSD_LABEL_MAX,
               "PLUGNET_NAME_MAX: mDNS makes NAME-XXXX-2 of it, MDNSD_LABEL_MAX");
_Static_assert(PLUGNET_LOCAL_SIZE >= MDNSD_NAME_MAX,
               "MDNSD_LABEL_MAX: raise PLUGNET_LOCAL_SIZE, too: mDNS writes its names there");

static void mdns_receive(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
    struct mdns_service *s = arg;
    struct mdnsd_peer sender = {lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(from))), port,
                                !ip_addr_ismulticast(ip_current_dest_addr())};
    struct mdnsd_peer to;
    uint8_t reply[MDNSD_MESSAGE_MAX];
    size_t length = p->next != NULL ? 0
                                    : mdnsd_receive(&s->mdnsd, sys_now(), LWIP_RAND(), p->payload, p->len,
                                                    &sender, reply, sizeof reply, &to);

    if (length > 0) {
        udp_socket_send(pcb, reply, length, to.address, to.port);
    }
    pbuf_free(p);
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
    s->pcb = udp_socket_open(&p->netif.netif, IP_ANY_TYPE, MDNS_PORT, mdns_receive, s);
    if (s->pcb == NULL) {
        return PLUGNET_NO_UDP;
    }
    s->pcb->ttl = 255; /* so that a receiver sees that it comes from its own link */
    return NULL;
}

static void mdns_link(void *state, bool up)
{
    struct mdns_service *s = state;

    if (up) {
        mdnsd_start(&s->mdnsd, sys_now(), LWIP_RAND());
    } else {
        mdnsd_stop(&s->mdnsd);
    }
}

static void mdns_tick(void *state, uint32_t now_ms)
{
    struct mdns_service *s = state;
    uint8_t message[MDNSD_MESSAGE_MAX];
    size_t length = mdnsd_due(&s->mdnsd, now_ms) ? mdnsd_poll(&s->mdnsd, now_ms, message, sizeof message) : 0;

    if (length > 0) {
        udp_socket_send(s->pcb, message, length, MDNSD_GROUP, MDNS_PORT);
    }
}

static void mdns_status(void *state, struct text *out)
{
    const struct mdnsd_stats *s = &((struct mdns_service *)state)->mdnsd.stats;

    text_put_json_u32(out, "queries", s->queries);
    text_put_json_u32(out, "answers", s->answers);
    text_put_json_u32(out, "announcements", s->announcements);
    text_put_json_u32(out, "conflicts", s->conflicts);
    text_put_json_u32(out, "malformed", s->malformed);
}

static struct mdns_service mdns_state;

const struct plugnet_service plugnet_mdns = {
    .name = "mdns",
    .state = &mdns_state,
    .start = mdns_start,
    .tick = mdns_tick,
    .link = mdns_link,
    .status = mdns_status,
};
