/*
 * The USB function "ncm": the network card (usb/ncm.h), under lwIP's interface (net/netif_ncm.h).
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet.h"

static struct usb_function *ncm_function_init(void *state, struct plugnet *p)
{
    (void)state; /* the device's own: everything else needs it */
    p->ncm_config.blocks = p->blocks;
    p->ncm_config.block_count = PLUGNET_BLOCKS;
    p->ncm_config.sent = netif_ncm_sent;
    p->ncm_config.link = netif_ncm_link;
    p->ncm_config.context = &p->netif;
    ncm_init(&p->ncm, &p->ncm_config);
    return &p->ncm.function;
}

const struct plugnet_function plugnet_ncm = {.name = "ncm", .init = ncm_function_init};
