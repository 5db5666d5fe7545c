/*
 * Sockets of the UDP services; see the header.
 *
 * Received frames are always in one piece here (netif_ncm.c); a pbuf given to udp_sendto is freed, never used
 * again.
 */
/* SPDX-License-Identifier: MIT */
#include "net/udp_services.h"

#include "lwip/igmp.h"
#include "lwip/sys.h"
#include "lwip/udp.h"
#include "net/dhcpd.h"
#include "net/dnsd.h"
#include "net/mdnsd.h"
#include "wire/dhcp_msg.h"
#include "wire/dns_msg.h"

static void udp_services_send(struct udp_services *s, struct udp_pcb *pcb, struct pbuf *reply, size_t length,
                              uint32_t address, uint16_t port)
{
    ip_addr_t to;

    pbuf_realloc(reply, (u16_t)length);
    ip_addr_set_ip4_u32_val(to, lwip_htonl(address));
    if (udp_sendto_if(pcb, reply, &to, port, s->netif) != ERR_OK) {
        s->no_memory++;
    }
}

static void udp_services_dhcp(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                              u16_t port)
{
    struct udp_services *s = arg;
    struct dhcpd_destination to;
    struct pbuf *reply = pbuf_alloc(PBUF_TRANSPORT, DHCP_REPLY_MAX, PBUF_RAM);
    size_t length;

    (void)from;
    (void)port;
    if (reply == NULL || p->next != NULL) {
        s->no_memory++;
    } else if ((length = dhcpd_answer(s->dhcpd, p->payload, p->len, reply->payload, DHCP_REPLY_MAX, &to)) >
               0) {
        udp_services_send(s, pcb, reply, length, to.address, to.port);
    }
    if (reply != NULL) {
        pbuf_free(reply);
    }
    pbuf_free(p);
}

static void udp_services_dns(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                             u16_t port)
{
    struct udp_services *s = arg;
    struct pbuf *reply = pbuf_alloc(PBUF_TRANSPORT, DNSD_REPLY_MAX, PBUF_RAM);
    size_t length;

    if (reply == NULL || p->next != NULL) {
        s->no_memory++;
    } else if ((length = dnsd_answer(s->dnsd, p->payload, p->len, reply->payload, DNSD_REPLY_MAX)) > 0) {
        udp_services_send(s, pcb, reply, length, lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(from))), port);
    }
    if (reply != NULL) {
        pbuf_free(reply);
    }
    pbuf_free(p);
}

static void udp_services_mdns(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                              u16_t port)
{
    struct udp_services *s = arg;
    struct mdnsd_peer sender = {lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(from))), port,
                                !ip_addr_ismulticast(ip_current_dest_addr())};
    struct mdnsd_peer to;
    struct pbuf *reply = pbuf_alloc(PBUF_TRANSPORT, MDNSD_MESSAGE_MAX, PBUF_RAM);
    size_t length;

    if (reply == NULL || p->next != NULL) {
        s->no_memory++;
    } else if ((length = mdnsd_receive(s->mdnsd, sys_now(), LWIP_RAND(), p->payload, p->len, &sender,
                                       reply->payload, MDNSD_MESSAGE_MAX, &to)) > 0) {
        udp_services_send(s, pcb, reply, length, to.address, to.port);
    }
    if (reply != NULL) {
        pbuf_free(reply);
    }
    pbuf_free(p);
}

/* mDNS's own timers, and its start with the link. */
static void udp_services_mdns_poll(struct udp_services *s)
{
    bool up = netif_is_link_up(s->netif);
    struct pbuf *message;
    size_t length;

    if (up != s->was_up) {
        s->was_up = up;
        if (up) {
            mdnsd_start(s->mdnsd, sys_now(), LWIP_RAND());
        } else {
            mdnsd_stop(s->mdnsd);
        }
    }
    if (!mdnsd_due(s->mdnsd, sys_now())) {
        return;
    }
    message = pbuf_alloc(PBUF_TRANSPORT, MDNSD_MESSAGE_MAX, PBUF_RAM);
    if (message == NULL) {
        s->no_memory++;
        return;
    }
    length = mdnsd_poll(s->mdnsd, sys_now(), message->payload, MDNSD_MESSAGE_MAX);
    if (length > 0) {
        udp_services_send(s, s->mdns_pcb, message, length, MDNSD_GROUP, MDNS_PORT);
    }
    pbuf_free(message);
}

static struct udp_pcb *udp_services_open(struct udp_services *s, const ip_addr_t *address, uint16_t port,
                                         udp_recv_fn receive)
{
    struct udp_pcb *pcb = udp_new();

    if (pcb == NULL) {
        return NULL;
    }
    udp_bind_netif(pcb, s->netif);
    if (udp_bind(pcb, address, port) != ERR_OK) {
        udp_remove(pcb);
        return NULL;
    }
    ip_set_option(pcb, SOF_BROADCAST);
    udp_recv(pcb, receive, s);
    return pcb;
}

/* mDNS wants its own TTL and the group. */
static bool udp_services_mdns_open(struct udp_services *s)
{
    ip4_addr_t group;

    s->mdns_pcb = udp_services_open(s, IP_ANY_TYPE, MDNS_PORT, udp_services_mdns);
    if (s->mdns_pcb == NULL) {
        return false;
    }
    s->mdns_pcb->ttl = 255;
    udp_set_multicast_ttl(s->mdns_pcb, 255);
    ip4_addr_set_u32(&group, lwip_htonl(MDNSD_GROUP));
    return igmp_joingroup_netif(s->netif, &group) == ERR_OK;
}

bool udp_services_start(struct udp_services *s)
{
    /* On our own address, so that two interfaces can each have such a socket. Broadcasts reach it, too. */
    const ip_addr_t *own = &s->netif->ip_addr;

    s->dhcp_pcb = s->dhcpd != NULL ? udp_services_open(s, own, DHCP_PORT_SERVER, udp_services_dhcp) : NULL;
    s->dns_pcb = s->dnsd != NULL ? udp_services_open(s, own, DNS_PORT, udp_services_dns) : NULL;
    return (s->dhcpd == NULL || s->dhcp_pcb != NULL) && (s->dnsd == NULL || s->dns_pcb != NULL) &&
           (s->mdnsd == NULL || udp_services_mdns_open(s));
}

void udp_services_poll(struct udp_services *s)
{
    if (s->mdnsd != NULL) {
        udp_services_mdns_poll(s);
    }
}
