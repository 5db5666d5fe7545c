/*
 * Sockets of the UDP services; see the header.
 *
 * Received frames are always in one piece here (netif_ncm.c); a pbuf given to udp_sendto is freed, never used
 * again.
 */
/* SPDX-License-Identifier: MIT */
#include "net/udp_services.h"

#include "lwip/sys.h"
#include "lwip/udp.h"
#include "net/dhcpd.h"
#include "net/dnsd.h"
#include "net/mdnsd.h"
#include "wire/dhcp_msg.h"
#include "wire/dns_msg.h"

/* Replies are built on the stack, so that lwIP's heap has to hold no more than their real length. */
static void udp_services_send(struct udp_services *s, struct udp_pcb *pcb, const uint8_t *bytes,
                              size_t length, uint32_t address, uint16_t port)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)length, PBUF_RAM);
    ip_addr_t to;

    if (p == NULL) {
        s->no_memory++;
        return;
    }
    pbuf_take(p, bytes, (u16_t)length);
    ip_addr_set_ip4_u32_val(to, lwip_htonl(address));
    if (udp_sendto_if(pcb, p, &to, port, s->netif) != ERR_OK) {
        s->no_memory++;
    }
    pbuf_free(p);
}

static void udp_services_dhcp(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                              u16_t port)
{
    struct udp_services *s = arg;
    struct dhcpd_destination to;
    uint8_t reply[DHCP_REPLY_MAX];
    size_t length =
        p->next != NULL ? 0 : dhcpd_answer(s->dhcpd, p->payload, p->len, reply, sizeof reply, &to);

    (void)from;
    (void)port;
    if (length > 0) {
        udp_services_send(s, pcb, reply, length, to.address, to.port);
    }
    pbuf_free(p);
}

static void udp_services_dns(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                             u16_t port)
{
    struct udp_services *s = arg;
    uint8_t reply[DNSD_REPLY_MAX];
    size_t length = p->next != NULL ? 0 : dnsd_answer(s->dnsd, p->payload, p->len, reply, sizeof reply);

    if (length > 0) {
        udp_services_send(s, pcb, reply, length, lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(from))), port);
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
    uint8_t reply[MDNSD_MESSAGE_MAX];
    size_t length = p->next != NULL ? 0
                                    : mdnsd_receive(s->mdnsd, sys_now(), LWIP_RAND(), p->payload, p->len,
                                                    &sender, reply, sizeof reply, &to);

    if (length > 0) {
        udp_services_send(s, pcb, reply, length, to.address, to.port);
    }
    pbuf_free(p);
}

/* mDNS's own timers, and its start with the link. */
static void udp_services_mdns_poll(struct udp_services *s)
{
    bool up = netif_is_link_up(s->netif);
    uint8_t message[MDNSD_MESSAGE_MAX];
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
    length = mdnsd_poll(s->mdnsd, sys_now(), message, sizeof message);
    if (length > 0) {
        udp_services_send(s, s->mdns_pcb, message, length, MDNSD_GROUP, MDNS_PORT);
    }
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

bool udp_services_start(struct udp_services *s)
{
    /* On our own address, so that two interfaces can each have such a socket. Broadcasts reach it, too. */
    const ip_addr_t *own = &s->netif->ip_addr;

    s->dhcp_pcb = s->dhcpd != NULL ? udp_services_open(s, own, DHCP_PORT_SERVER, udp_services_dhcp) : NULL;
    s->dns_pcb = s->dnsd != NULL ? udp_services_open(s, own, DNS_PORT, udp_services_dns) : NULL;
    s->mdns_pcb = s->mdnsd != NULL ? udp_services_open(s, IP_ANY_TYPE, MDNS_PORT, udp_services_mdns) : NULL;
    if (s->mdns_pcb != NULL) {
        s->mdns_pcb->ttl = 255; /* so that a receiver sees that it comes from its own link */
    }
    return (s->dhcpd == NULL || s->dhcp_pcb != NULL) && (s->dnsd == NULL || s->dns_pcb != NULL) &&
           (s->mdnsd == NULL || s->mdns_pcb != NULL);
}

void udp_services_poll(struct udp_services *s)
{
    if (s->mdnsd != NULL) {
        udp_services_mdns_poll(s);
    }
}
