/*
 * Between lwIP and the NCM function. See the header for the rules of ownership.
 *
 * Why the custom pbuf says that struct and data are contiguous: lwIP then answers an ICMP echo in the
 * request's own frame, which is where its headers came from, so nothing is ever prepended beyond the frame's
 * first byte. It is not marked volatile, so it may be sent from where it lies; its block stays held till then.
 */
/* SPDX-License-Identifier: MIT */
#include "net/netif_ncm.h"

#include <string.h>

#include "lwip/etharp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "netif/ethernet.h"
#include "usb/ncm.h"
#include "usb/udc.h"
#include "wire/icmp_echo.h"

#define FRAMES_A_POLL_MAX 64 /* our bound for one round of the loop */
#define PROTOCOL_AT       (SIZEOF_ETH_HDR + 9)
#define PBUF_IN_BLOCK     ((pbuf_type)(PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS | PBUF_TYPE_ALLOC_SRC_MASK_APP_MIN))

/* The last reference to a received frame is gone. Any thread: only gives things back. */
static void netif_ncm_frame_free(struct pbuf *p)
{
    struct netif_ncm_pbuf *slot = (struct netif_ncm_pbuf *)(void *)p;
    struct ncm_block *block = slot->block;

    __atomic_store_n(&slot->block, NULL, __ATOMIC_RELEASE); /* the slot is free from here on */
    ncm_block_release(block);
}

static struct netif_ncm_pbuf *netif_ncm_slot_find(struct netif_ncm *n)
{
    for (unsigned i = 0; i < NETIF_NCM_PBUFS; i++) {
        struct netif_ncm_pbuf *slot = &n->pbufs[(n->next + i) % NETIF_NCM_PBUFS];
        if (__atomic_load_n(&slot->block, __ATOMIC_ACQUIRE) == NULL) {
            n->next = (uint8_t)((n->next + i + 1) % NETIF_NCM_PBUFS);
            return slot;
        }
    }
    return NULL;
}

/* The frame as a pbuf that holds its block. NULL: it must be copied. */
static struct pbuf *netif_ncm_frame_hold(struct netif_ncm *n, const struct ncm_frame *frame)
{
    bool aligned = (((uintptr_t)frame->bytes + SIZEOF_ETH_HDR) & 3) == 0;
    struct netif_ncm_pbuf *slot = aligned ? netif_ncm_slot_find(n) : NULL;

    if (slot == NULL || !ncm_block_hold(n->ncm, frame->block)) {
        return NULL;
    }
    slot->block = frame->block;
    slot->custom.custom_free_function = netif_ncm_frame_free;
    return pbuf_alloced_custom(PBUF_RAW, frame->length, PBUF_IN_BLOCK, &slot->custom, frame->bytes,
                               frame->length);
}

/* The frame as a copy in lwIP's heap, its IP header 4-aligned. NULL: no memory. */
static struct pbuf *netif_ncm_frame_copy(const struct ncm_frame *frame)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(frame->length + 2), PBUF_RAM);

    if (p != NULL) {
        pbuf_remove_header(p, 2);
        memcpy(p->payload, frame->bytes, frame->length);
    }
    return p;
}

/* The frame's ARP packet; NULL: it is none. */
static const uint8_t *netif_ncm_arp(const struct ncm_frame *frame)
{
    const uint8_t *bytes = frame->bytes;

    return frame->length >= SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR && bytes[12] == ETHTYPE_ARP >> 8 &&
                   bytes[13] == (ETHTYPE_ARP & 0xFF)
               ? bytes + SIZEOF_ETH_HDR
               : NULL;
}

/* True: lwIP mustn't learn from it. Somebody says to have our own MAC address, or a group's, which nobody can have (answers would
 * come back to us, or be taken for broadcasts), or our own IP address. */
static bool netif_ncm_arp_forged(const struct netif_ncm *n, const uint8_t *arp)
{
    const uint8_t *mac = arp + offsetof(struct etharp_hdr, shwaddr);

    return (mac[0] & 1) != 0 || memcmp(mac, n->netif.hwaddr, ETH_HWADDR_LEN) == 0 ||
           memcmp(arp + offsetof(struct etharp_hdr, sipaddr), netif_ip4_addr(&n->netif),
                  sizeof(ip4_addr_t)) == 0;
}

static err_t netif_ncm_linkoutput(struct netif *netif, struct pbuf *p);

/* An echo is answered from where it lies, before lwIP: that saves a sixth of a small one's instructions. False: it is none. */
static bool netif_ncm_echo(struct netif_ncm *n, struct pbuf *p)
{
    const struct icmp_echo_host host = {n->netif.hwaddr, lwip_ntohl(netif_ip4_addr(&n->netif)->addr),
                                        lwip_ntohl(netif_ip4_netmask(&n->netif)->addr)};
    size_t length = icmp_echo_answer(p->payload, p->len, &host);

    if (length == 0) {
        return false;
    }
    p->len = p->tot_len = (u16_t)length;
    netif_ncm_linkoutput(&n->netif, p); /* no room: an echo may be lost */
    pbuf_free(p);
    return true;
}

/* Hand one frame to lwIP. False: no memory, and it may still wait. */
static bool netif_ncm_deliver(struct netif_ncm *n, const struct ncm_frame *frame)
{
    struct pbuf *p = netif_ncm_frame_hold(n, frame);

    if (p != NULL) {
        n->stats.in_place++;
        if (icmp_echo_maybe(frame->bytes, frame->length) && netif_ncm_echo(n, p)) {
            n->starved = false;
            return true;
        }
    } else if ((p = netif_ncm_frame_copy(frame)) != NULL) {
        n->stats.copied++;
    } else if (!n->starved) {
        n->starved = true;
        n->waiting_since_ms = sys_now();
        n->stats.waited++;
        return false;
    } else if (sys_now() - n->waiting_since_ms < NETIF_NCM_WAIT_MS_MAX) {
        return false;
    } else {
        n->stats.drop_no_memory++;
        return true;
    }
    n->starved = false;
    if (n->netif.input(p, &n->netif) != ERR_OK) {
        pbuf_free(p);
    }
    return true;
}

void netif_ncm_poll(struct netif_ncm *n)
{
    struct ncm_frame frame;

    if (n->tx_refused &&
        (n->tx_done || sys_now() != n->refused_ms)) { /* memory may be back without a frame */
        n->tx_refused = false;
        tcp_txnow();
    }
    n->tx_done = false;
    for (unsigned i = 0; i < FRAMES_A_POLL_MAX; i++) {
        if (n->waiting_bytes != NULL) {
            frame = (struct ncm_frame){n->waiting_bytes, n->waiting_length, n->waiting_block};
        } else if (!ncm_receive(n->ncm, &frame)) {
            return;
        }
        const uint8_t *arp = netif_ncm_arp(&frame);
        bool answer = arp != NULL && arp[offsetof(struct etharp_hdr, opcode) + 1] == ARP_REPLY;
        if (arp != NULL && netif_ncm_arp_forged(n, arp)) {
            n->stats.drop_arp++;
        } else if (!netif_ncm_deliver(n, &frame)) {
            n->waiting_bytes = frame.bytes;
            n->waiting_length = frame.length;
            n->waiting_block = frame.block;
            return;
        }
        n->waiting_bytes = NULL;
        n->stats.arp_answers += answer;
    }
}

/* Note the chain's pieces. 0: it has too many, or memory that may change before it is sent. */
static size_t netif_ncm_pieces(const struct pbuf *p, struct usb_iov pieces[NCM_FRAME_PIECES_MAX])
{
    size_t count = 0;

    for (const struct pbuf *q = p; q != NULL; q = q->next) {
        if (PBUF_NEEDS_COPY(q) || count == NCM_FRAME_PIECES_MAX) {
            return 0;
        }
        if (q->len > 0) {
            pieces[count++] = (struct usb_iov){q->payload, q->len};
        }
        if (q->tot_len == q->len) {
            break;
        }
    }
    return count;
}

_Static_assert(TCP_SND_QUEUELEN <= NCM_FRAME_PIECES_MAX,
               "a segment must go without a copy, or wait for ever");

/* TCP tries again when a frame has left, or a millisecond later. */
static err_t netif_ncm_refuse(struct netif_ncm *n)
{
    n->tx_refused = true;
    n->refused_ms = sys_now();
    return ERR_MEM;
}

/* Anything but TCP: an answer to a ping or a query shall not wait behind a window of segments. */
static bool netif_ncm_overtakes(const struct pbuf *p)
{
    const uint8_t *bytes = p->payload;

    return p->len > PROTOCOL_AT && !(bytes[12] == ETHTYPE_IP >> 8 && bytes[13] == (ETHTYPE_IP & 0xFF) &&
                                     bytes[PROTOCOL_AT] == IP_PROTO_TCP);
}

/* lwIP has a frame to send. Never waits; no reference is kept unless ERR_OK is returned. */
static err_t netif_ncm_linkoutput(struct netif *netif, struct pbuf *p)
{
    struct netif_ncm *n = netif->state;
    struct usb_iov pieces[NCM_FRAME_PIECES_MAX];
    size_t count = netif_ncm_pieces(p, pieces);
    struct pbuf *token = p;

    if (count == 0) {
        token = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
        if (token == NULL) {
            n->stats.drop_send_memory++;
            return netif_ncm_refuse(n);
        }
        n->stats.sent_copied++;
        pieces[0] = (struct usb_iov){token->payload, token->len};
        count = 1;
    } else {
        pbuf_ref(p);
    }
    if (!ncm_send_frame(n->ncm, netif_ncm_overtakes(p), pieces, count, token)) {
        pbuf_free(token);
        n->stats.drop_full++;
        return netif_ncm_refuse(n);
    }
    return ERR_OK;
}

void netif_ncm_sent(void *context, void *token, bool acknowledged)
{
    struct netif_ncm *n = context;

    if (acknowledged) {
        n->stats.sent++;
    } else {
        n->stats.lost++;
    }
    n->tx_done = true;
    pbuf_free(token);
}

void netif_ncm_link(void *context, bool up)
{
    struct netif_ncm *n = context;

    n->waiting_bytes = NULL; /* its block belongs to the function again */
    n->starved = false;
    if (up) {
        netif_set_link_up(&n->netif);
    } else {
        netif_set_link_down(&n->netif);
    }
}

static err_t netif_ncm_init(struct netif *netif)
{
    netif->name[0] = 'u';
    netif->name[1] = 'n';
    netif->mtu = NCM_FRAME_MAX - SIZEOF_ETH_HDR;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = netif_ncm_linkoutput;
    return ERR_OK;
}

void netif_ncm_add(struct netif_ncm *n, const struct netif_ncm_config *config)
{
    ip4_addr_t address = {lwip_htonl(config->address)}, netmask = {lwip_htonl(config->netmask)};

    memset(n, 0, sizeof *n);
    n->ncm = config->ncm;
    memcpy(n->netif.hwaddr, config->mac, sizeof config->mac);
    if (netif_add(&n->netif, &address, &netmask, IP4_ADDR_ANY4, n, netif_ncm_init, ethernet_input) == NULL) {
        return;
    }
    netif_set_default(&n->netif);
    netif_set_up(&n->netif);
}
