/*
 * UDP sockets on lwIP's raw API; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "net/udp_socket.h"

#include "lwip/udp.h"

/* Received frames are always in one piece here (netif_ncm.c); anything else is dropped. */
static void udp_socket_received(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                                u16_t port)
{
    struct udp_socket *s = arg;
    struct udp_datagram datagram = {
        .bytes = p->payload,
        .length = p->len,
        .address = lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(from))),
        .port = port,
        .multicast = ip_addr_ismulticast(ip_current_dest_addr()),
    };

    (void)pcb;
    if (p->next == NULL && s->receive != NULL) {
        s->receive(s->state, s, &datagram);
    }
    pbuf_free(p);
}

static bool udp_socket_bind(struct udp_socket *s, struct netif *netif, const ip_addr_t *address,
                            uint16_t port)
{
    s->pcb = udp_new();
    if (s->pcb == NULL) {
        return false;
    }
    udp_bind_netif(s->pcb, netif);
    if (udp_bind(s->pcb, address, port) != ERR_OK) {
        udp_remove(s->pcb);
        return false;
    }
    ip_set_option(s->pcb, SOF_BROADCAST);
    udp_recv(s->pcb, udp_socket_received, s);
    return true;
}

/* On our own address, so that two interfaces can each have such a socket. */
bool udp_socket_open(struct udp_socket *s, struct netif *netif, uint16_t port, udp_socket_receive *receive,
                     void *state)
{
    s->receive = receive;
    s->state = state;
    return udp_socket_bind(s, netif, &netif->ip_addr, port);
}

bool udp_socket_open_group(struct udp_socket *s, struct netif *netif, uint16_t port,
                           udp_socket_receive *receive, void *state)
{
    s->receive = receive;
    s->state = state;
    if (!udp_socket_bind(s, netif, IP_ANY_TYPE, port)) {
        return false;
    }
    s->pcb->ttl = 255;
    return true;
}

/* The bytes may lie on the stack: lwIP's heap has to hold no more than their real length. Not inlined, even
 * where one service alone sends: that would be 70 bytes more. */
__attribute__((noinline)) bool udp_socket_send(struct udp_socket *s, const void *bytes, size_t length,
                                               uint32_t address, uint16_t port)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)length, PBUF_RAM);
    ip_addr_t to;
    err_t error;

    if (p == NULL) {
        return false;
    }
    pbuf_take(p, bytes, (u16_t)length);
    ip_addr_set_ip4_u32_val(to, lwip_htonl(address));
    error = udp_sendto_if(s->pcb, p, &to, port, netif_get_by_index(s->pcb->netif_idx));
    pbuf_free(p);
    return error == ERR_OK;
}
