/*
 * An lwIP network interface on an NCM function: frames as pbufs, without copying where it is safe.
 *
 *   netif_ncm_add ─→ netif_ncm_poll in each round of the loop
 *   in:  NTB block ─→ pbuf_custom that holds it ─→ ethernet_input ─→ … pbuf_free gives the block back
 *   out: linkoutput notes the pbuf chain's pieces in the open NTB, and keeps one reference on its head
 *
 * A frame is copied when its IP header is not 4-aligned, when its block is the last free one, or when no
 * pbuf_custom is left. Without memory for the copy it waits in its block for at most NETIF_NCM_WAIT_MS_MAX
 * (back-pressure on OUT while IN drains), then it and all that follow are dropped until there is memory again.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_NETIF_NCM_H
#define PLUGNET_NET_NETIF_NCM_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/netif.h"
#include "lwip/pbuf.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ncm;
struct ncm_block;

#ifndef NETIF_NCM_PBUFS
#define NETIF_NCM_PBUFS 8 /* frames in place at one time; 24 bytes each */
#endif
#ifndef NETIF_NCM_WAIT_MS_MAX
#define NETIF_NCM_WAIT_MS_MAX 20
#endif

/* Counters since netif_ncm_add; they wrap. In the order of the status object. */
struct netif_ncm_stats {
    uint32_t in_place;       /* frames received without a copy */
    uint32_t copied;         /* frames received by copy */
    uint32_t waited;         /* frames that had to wait for memory */
    uint32_t sent;           /* frames the host has acknowledged */
    uint32_t sent_copied;    /* frames copied for sending: volatile pbufs, or too many pieces */
    uint32_t drop_no_memory; /* received frames dropped: waited in vain */
    uint32_t drop_arp;  /* ARP packets dropped: their sender claims our MAC or IP address, or a group's MAC */
    uint32_t drop_full; /* frames to send refused: no room in the block, or no link */
    uint32_t drop_send_memory; /* frames to send refused: no memory for a needed copy */
    uint32_t arp_answers;      /* answers to questions of ours */
    uint32_t lost;             /* frames taken for sending that the host has not read: see ncm_stats */
};

/* A received frame in its block. Free while block is NULL. */
struct netif_ncm_pbuf {
    struct pbuf_custom custom; /* first: lwIP gives us its address back */
    struct ncm_block *block;
};

/* Caller-owned; fields are ours. Must lie at a lower address than the NTB blocks: lwIP compares a pbuf's
 * address with its payload's before it takes a header back, and answers an echo in place only then. */
struct netif_ncm {
    struct netif netif; /* lwIP's part; public for netif_ip4_addr and the like */
    struct ncm *ncm;
    struct netif_ncm_stats stats;
    uint8_t *waiting_bytes; /* the frame that waits for memory, NULL none */
    struct ncm_block *waiting_block;
    uint32_t waiting_since_ms;
    uint16_t waiting_length;
    bool starved;        /* the last frame found no memory */
    uint32_t refused_ms; /* when tx_refused was set */
    bool tx_refused;     /* a frame found no room since the last tcp_txnow */
    bool tx_done;        /* a frame has left since then */
    uint8_t next;        /* where to look first for a free pbuf */
    struct netif_ncm_pbuf pbufs[NETIF_NCM_PBUFS];
};

struct netif_ncm_config {
    struct ncm *ncm;  /* its config's sent, link and context must be the two functions below and `this` */
    uint8_t mac[6];   /* the device's own address, not the host's */
    uint32_t address; /* ours, host order */
    uint32_t netmask;
};

/* Add the interface to lwIP, up but without link. `config` is not kept. lwip_init must have run. */
void netif_ncm_add(struct netif_ncm *n, const struct netif_ncm_config *config);

/* Deliver what has arrived; let TCP try again what found no room. Loop only. */
void netif_ncm_poll(struct netif_ncm *n);

/* For struct ncm_config: `context` is the struct netif_ncm. */
void netif_ncm_sent(void *context, void *token, bool acknowledged);
void netif_ncm_link(void *context, bool up);

#ifdef __cplusplus
}
#endif

#endif
