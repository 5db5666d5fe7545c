/*
 * The DFU function at run time: a host asks the device to leave for its boot loader. No endpoints, one interface,
 * one alternate setting.
 *
 *   DETACH ─→ its status stage ─→ dfu_poll: off the bus, DFU_GONE_MS of peace ─→ enter(): the boot loader
 *
 * bitWillDetach is set: no host has to reset the bus. A page may ask, too (dfu_ask). Source: facts.md E1; DFU 1.1
 * [unread].
 *
 * All calls come from the loop; dfu_ask from any thread.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_USB_DFU_H
#define PLUGNET_USB_DFU_H

#include "usb/usb_device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_TRANSFER_SIZE 2048 /* wTransferSize: what ST's boot loaders take */
#ifndef DFU_LEAVE_MS
#define DFU_LEAVE_MS 20 /* from the wish to the pull-up's end: status stage, or the last bytes of a page */
#endif
#ifndef DFU_GONE_MS
#define DFU_GONE_MS 100 /* off the bus: every host and hub has seen it by then */
#endif

enum dfu_leaving { DFU_STAYS, DFU_ASKED, DFU_LEAVES, DFU_GONE };

/* One function; caller-owned, fields are ours. */
struct dfu {
    struct usb_function function; /* first: usb_device finds us by it */
    void (*enter)(void);          /* start the boot loader; doesn't return on a board */
    uint8_t leaving;              /* enum dfu_leaving */
    uint32_t since_ms;
};

/* `enter` is called at the end, from dfu_poll. */
void dfu_init(struct dfu *dfu, void (*enter)(void));

/* As if a host had sent DETACH. */
void dfu_ask(struct dfu *dfu);

/* Go on leaving; once in each round of the loop. `now_ms` wraps. */
void dfu_poll(struct dfu *dfu, uint32_t now_ms);

#ifdef __cplusplus
}
#endif

#endif
