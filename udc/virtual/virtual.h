/*
 * The virtual udc: a USB device controller that exists only in memory. Above it is a udc like any other
 * (usb/udc.h); below it is a device end of the cable (cable/cable.h), so any PC end can plug in: a test by
 * direct calls, another process through cable/cable_socket.h.
 *
 *   usb_device ─ udc_ops ─→ struct virtual_udc ←─ cable_ops ─ PC end
 *
 * It is strict: a call that breaks the contract (a second transfer on a busy endpoint, an unaligned buffer, …)
 * ends the process with one line, so that tests of what lies above find it. One thread.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_UDC_VIRTUAL_VIRTUAL_H
#define PLUGNET_UDC_VIRTUAL_VIRTUAL_H

#include "cable/cable.h"
#include "usb/udc.h"

#define VIRTUAL_ENDPOINTS 8 /* each way, endpoint 0 included */

/* One direction of an endpoint. */
struct virtual_ep {
    bool open;
    bool stalled;
    bool data1;  /* toggle of the next packet */
    bool active; /* a transfer is under way */
    uint16_t packet_size;
    /* IN */
    const struct usb_iov *iov;
    size_t count;       /* pieces, … */
    size_t piece;       /* of which this is next, … */
    uint32_t offset;    /* from here on */
    uint32_t remaining; /* bytes not yet sent */
    bool zlp;
    /* OUT */
    uint8_t *buffer;
    uint32_t capacity;
    uint32_t received;
    struct usb_watch *watch; /* NULL: none */
};

/* Caller-owned; read the counters, the rest is ours. */
struct virtual_udc {
    struct udc udc;
    uint32_t events;
    bool attached, vbus, in_reset, suspended, waking;
    bool resuming; /* the host's resume signalling is on the bus, until the first frame */
    uint64_t time_ns;
    uint64_t active_ns; /* when the bus last moved */
    uint64_t wake_ns;   /* when resume signalling began, or will */
    uint8_t address;
    bool address_due; /* address_next holds from the end of the next endpoint 0 IN transfer on */
    uint8_t address_next;
    uint8_t setup[8];
    uint16_t planned_in[VIRTUAL_ENDPOINTS]; /* packet sizes; 0: not in the plan */
    uint16_t planned_out[VIRTUAL_ENDPOINTS];
    struct virtual_ep in[VIRTUAL_ENDPOINTS];
    struct virtual_ep out[VIRTUAL_ENDPOINTS];
};

/* Prepare it, detached, without VBUS, at time 0. Set udc.wake after it. */
void virtual_udc_init(struct virtual_udc *udc);

/* The cable's device end; `device` is the struct virtual_udc. */
extern const struct cable_ops virtual_udc_cable_ops;

#endif
