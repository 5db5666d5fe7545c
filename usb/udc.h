/*
 * USB device controller (UDC): what one must do for the device core. Everything above is portable,
 * everything below is one controller (udc/dwc2, udc/virtual).
 *
 *   interrupt                    moves bytes, sets event bits, calls wake(); nothing else
 *   loop   events_take() ─→ core (usb_device.h) ─→ ep_* and address_set, all from the one loop
 *
 *   plan ─→ attach ─→ RESET ─→ SETUP … ─→ ep_open ─→ ep_read / ep_write ─→ USB_EVENT_OUT / USB_EVENT_IN ─→ …
 *                                    ep_abort: nothing is read or written any more when it returns
 *   detach: pull-up off, all endpoints closed, no further events
 *
 * Overtaking. The host may send a new SETUP or reset the bus at any moment. From the interrupt on until
 * the loop has taken that event, calls that belong to the overtaken state do nothing: every ep_* call
 * after an untaken RESET, and every endpoint 0 call after an untaken SETUP. A RESET also clears all other
 * event bits set before it, closes all endpoints but 0, drops the address and both endpoint 0 transfers; a
 * SETUP drops both endpoint 0 transfers, their event bits and their stall. So the loop, which handles RESET
 * first and SETUP before endpoint 0's own events, never answers an old question.
 *
 * One transfer at most is in flight for each endpoint direction, so events are bits and can't overflow.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_USB_UDC_H
#define PLUGNET_USB_UDC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Remote wake-up. 1: controllers that need code for it have it, and a product may offer it (remote_wakeup of usb_device.h and of
 * plugnet.h). 0: 0.4 kB of flash less. */
#ifndef USB_REMOTE_WAKEUP
#define USB_REMOTE_WAKEUP 0
#endif

#define USB_ENDPOINTS 8 /* endpoint numbers, 0 included, that event bits have room for */

/* Event bits. n is an endpoint number. */
#define USB_EVENT_IN(n)   (1u << (n))       /* all of ep_write's bytes have left and were acknowledged */
#define USB_EVENT_OUT(n)  (1u << (8 + (n))) /* ep_read ended: a short packet, or the buffer is full */
#define USB_EVENT_SETUP   (1u << 16)        /* a SETUP packet waits for setup_take */
#define USB_EVENT_RESET   (1u << 17)        /* the bus was reset */
#define USB_EVENT_SUSPEND (1u << 18)        /* the bus has been idle for 3 ms */
#define USB_EVENT_RESUME  (1u << 19)        /* the bus moves again; the later of the two clears the other */
#define USB_EVENT_PART    (1u << 20) /* a watch has seen a part: it wakes the loop, and means no more */

/* A piece of a transfer. The memory belongs to the caller and must stay as it is until the transfer ends
 * (USB_EVENT_IN, ep_abort, a taken RESET or, on endpoint 0, a taken SETUP). */
struct usb_iov {
    const void *base; /* any alignment */
    uint32_t length;  /* bytes; 0 is allowed */
};

/* Watches an ep_read while it goes on, for a reader whose parts may end without a short packet: what is there may be read
 * at once. Caller-owned, one for each endpoint; it belongs to the controller like the buffer does. */
struct usb_watch {
    /* Called in interrupt context after a full packet that doesn't end the transfer, once `received` bytes, at
     * least `next`, are there. Sets `next` to more than `received`; UINT32_MAX: nothing more is wanted. True: the
     * loop shall run. Bounded, and touches only its own. */
    bool (*look)(struct usb_watch *watch, uint32_t received);
    uint32_t next; /* bytes; the reader sets the first one, 1 or more, before ep_read */
};

/* An endpoint that the functions will open. */
struct udc_endpoint {
    uint8_t ep; /* bEndpointAddress, number 1 or more */
    uint8_t type;
    uint16_t packet_size; /* bytes, the largest of its alternate settings */
};

/* What endpoints need more of than there is: the controller's budget. */
struct udc_shortage {
    const char *what; /* "words of FIFO" */
    uint32_t needed, there;
};

struct udc;

/* All calls come from the loop, never from an interrupt; none waits for the host. `ep` is a
 * bEndpointAddress: number, and USB_DIR_IN for IN. */
struct udc_ops {
    /* Share the controller's memory among all endpoints that will ever be open at the same time; once, while detached, before
     * the first attach. Where there is more than they need, the first bulk IN endpoint has it. `endpoints`, in the order of their
     * numbers, is not kept. False: they don't fit, and `shortage` is filled in. */
    bool (*plan)(struct udc *udc, const struct udc_endpoint *endpoints, size_t count,
                 struct udc_shortage *shortage);

    /* Show the pull-up. The host will reset the bus. */
    void (*attach)(struct udc *udc);

    /* Take the pull-up off, close everything, clear all events. */
    void (*detach)(struct udc *udc);

    /* Read and clear the event bits, in one step. */
    uint32_t (*events_take)(struct udc *udc);

    /* The most recent SETUP packet; once for each USB_EVENT_SETUP taken. */
    void (*setup_take)(struct udc *udc, uint8_t packet[8]);

    /* The host has sent SET_ADDRESS; its status stage is not armed yet. The controller sees to it that the status
     * stage is still answered under the old address. */
    void (*address_set)(struct udc *udc, uint8_t address);

    /* Open an endpoint other than 0, data toggle 0, idle. False: it isn't in the plan, or not with such a packet size (our bug:
     * the core traps); never because the caller was overtaken. Opening an open endpoint closes it first. */
    bool (*ep_open)(struct udc *udc, uint8_t ep, uint8_t type, uint16_t packet_size);

    /* Abort, then switch off. */
    void (*ep_close)(struct udc *udc, uint8_t ep);

    /* Arm OUT: fill `buffer` until a packet shorter than the packet size arrives or `capacity` bytes are
     * there; `watch` (NULL: none) is asked on the way. What it saw may be read at once, behind it goes on. `buffer` is 4-aligned; capacity is a multiple of the packet size, or 0 on endpoint 0 for a
     * status stage. Bytes beyond what the host sent are left as they are or hold padding. On endpoint 0 the
     * core arms the status stage together with the reply (ep_write): a host may end the reply early. */
    void (*ep_read)(struct udc *udc, uint8_t ep, void *buffer, uint32_t capacity, struct usb_watch *watch);

    /* How many bytes the last ended ep_read received. */
    uint32_t (*ep_received)(struct udc *udc, uint8_t ep);

    /* Send the pieces as one transfer of packets of the packet size; the last one is short, or empty when
     * `zlp` is set and the sum is a multiple of the packet size. count 0 sends one empty packet. The array
     * `iov` itself must stay as long as the memory it points to. */
    void (*ep_write)(struct udc *udc, uint8_t ep, const struct usb_iov *iov, size_t count, bool zlp);

    /* Stop a transfer and forget it: when this returns, the caller owns the memory again, no event bit of
     * it is set, and nothing of it is left in a FIFO. The data toggle stays. */
    void (*ep_abort)(struct udc *udc, uint8_t ep);

    /* Answer STALL, after ep_abort; or stop doing so and set the data toggle to 0. On endpoint 0 `on` stalls
     * both directions until the next SETUP. */
    void (*ep_stall)(struct udc *udc, uint8_t ep, bool on);

    /* Drive resume signalling towards a suspended host for the 1 to 15 ms that the standard asks for, as soon as the bus has been
     * idle for 5 ms; ends by itself. Nothing, while the bus isn't suspended; a signal that the host doesn't answer is followed by
     * USB_EVENT_SUSPEND. NULL where the controller can't. */
    void (*remote_wakeup)(struct udc *udc);
};

/* The part of every controller's state that the core sees; a driver embeds it as its first member. */
struct udc {
    const struct udc_ops *ops;
    uint8_t ep0_packet_size; /* bytes: 8, 16, 32 or 64 */

    /* You set, before attach: called at the end of an interrupt that set an event bit, in interrupt context, to end the loop's
     * sleep (board_wake). NULL: the loop hears of it a millisecond later at most. */
    void (*wake)(void *context);
    void *wake_context;
};

#endif
