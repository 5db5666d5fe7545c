/*
 * UDP sockets; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "net/udp_socket.h"

struct udp_pcb *udp_socket_open(struct netif *netif, const ip_addr_t *address, uint16_t port,
                                udp_recv_fn receive, void *state)
{
    struct udp_pcb *pcb = udp_new();

    if (pcb == NULL) {
        return NULL;
    }
    udp_bind_netif(pcb, netif);
    if (udp_bind(pcb, address, port) != ERR_OK) {
        udp_remove(pcb);
        return NULL;
    }
    ip_set_option(pcb, SOF_BROADCAST);
    udp_recv(pcb, receive, state);
    return pcb;
}

/* The reply was built on the stack, so that lwIP's heap has to hold no more than its real length. */
bool udp_socket_send(struct udp_pcb *pcb, const void *bytes, size_t length, uint32_t address, uint16_t port)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)length, PBUF_RAM);
    ip_addr_t to;
    err_t error;

    if (p == NULL) {
        return false;
    }
    pbuf_take(p, bytes, (u16_t)length);
    ip_addr_set_ip4_u32_val(to, lwip_htonl(address));
    error = udp_sendto_if(pcb, p, &to, port, netif_get_by_index(pcb->netif_idx));
    pbuf_free(p);
    return error == ERR_OK;
}
