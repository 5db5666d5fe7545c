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
#include "wire/dhcp_msg.h"

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

/* A socket on our own address, so that two interfaces can each have one. Broadcasts reach it, too. */
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
    const ip_addr_t *own = &s->netif->ip_addr;

    s->dhcp_pcb = s->dhcpd != NULL ? udp_services_open(s, own, DHCP_PORT_SERVER, udp_services_dhcp) : NULL;
    return s->dhcpd == NULL || s->dhcp_pcb != NULL;
}

void udp_services_poll(struct udp_services *s)
{
    (void)s;
}
