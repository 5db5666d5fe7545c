/*
 * Driver for Synopsys DWC2 as ST builds it into STM32 (OTG_FS): slave mode, full speed, device only.
 *
 *   loop ── arms endpoints, first packets ─→ core ──→ interrupt ── FIFO ←→ memory ──→ event bits ── loop
 *
 * The interrupt never thinks; the loop fills a FIFO once, when it starts a transfer. What differs between
 * chips is one const struct dwc2_chip. FIFO memory (words): one receive FIFO for all OUT endpoints with room for several
 * packets, endpoint 0 and interrupt endpoints one packet each, bulk IN endpoints two; the first of these gets the rest.
 *
 *   board: dwc2_init ─→ udc.ops (usb/udc.h) from the loop; dwc2_interrupt from the OTG_FS handler
 *
 * Source: registers as in dwc2_regs.h; pitfalls in facts.md G.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_UDC_DWC2_H
#define PLUGNET_UDC_DWC2_H

#include "usb/udc.h"

#define DWC2_ENDPOINTS_MAX   6  /* endpoint numbers, 0 included, of the largest chip supported */
#define DWC2_PACKET_SIZE_MAX 64 /* bytes: control, bulk and interrupt at full speed */

/* Chip facts; const, one for each kind of chip. */
struct dwc2_chip {
    uint32_t base;          /* address of GOTGCTL */
    uint16_t fifo_words;    /* all FIFOs together; not GHWCFG3, which claims too much */
    uint8_t endpoint_count; /* endpoint numbers, 0 included, up to DWC2_ENDPOINTS_MAX */
    uint8_t trdt;           /* GUSBCFG.TRDT: 6 for an AHB clock of 32 MHz and more */
    /* Where VBUS isn't sensed: newer cores (3.10a, STM32L4) need override bits, older ones (2.81a) a bit of GCCFG. */
    bool vbus_override;
    bool extra_out_complete; /* core 3.10a: reports an OUT completion on endpoint 0 for each SETUP, too */
};

/* One direction of one endpoint. Ours. */
struct dwc2_in {
    const struct usb_iov *piece; /* being sent; NULL: idle */
    uint32_t offset;             /* bytes of *piece already in the FIFO */
    uint32_t left;               /* bytes of the transfer not yet in the FIFO */
    uint32_t unsent;             /* bytes not yet programmed (endpoint 0 sends packet by packet) */
    uint16_t packet_size;        /* 0: closed */
    bool active;
    bool zlp; /* an empty packet still has to end the transfer */
};

struct dwc2_out {
    uint8_t *begin, *end; /* the buffer; both NULL when nothing is armed */
    uint8_t *next;        /* where the next packet goes */
    uint8_t *mark;        /* whole packets up to here need no further look */
    uint32_t received;    /* once it has ended */
    struct usb_watch *watch;
    uint16_t packet_size;
    bool active;
};

struct dwc2_regs; /* dwc2_regs.h */

struct dwc2 {
    struct udc udc;      /* first: the core's view */
    bool overtaken;      /* a SETUP packet is arriving */
    uint8_t out_planned; /* a bit for each OUT endpoint in the plan */
    struct dwc2_regs *regs;
    const struct dwc2_chip *chip;
    volatile uint32_t events;
    uint32_t setup[2];    /* the latest whole SETUP packet */
    uint32_t arriving[2]; /* its successor, between "SETUP data" and "SETUP done": while overtaken */
    uint16_t tx_fifo[DWC2_ENDPOINTS_MAX]; /* words for each IN endpoint, as planned; 0: none */
    uint32_t stuck;                       /* bounded waits that ran out; never seen on a healthy core */
    uint32_t dropped;                     /* OUT packets that came with no buffer armed */
    struct dwc2_in in[DWC2_ENDPOINTS_MAX];
    struct dwc2_out out[DWC2_ENDPOINTS_MAX];
#if USB_REMOTE_WAKEUP
    uint8_t wake_in;  /* calls of dwc2_wake_begin until the host may be woken, and one; 0: not suspended */
    bool wake_wanted; /* the loop's */
    bool wake_sent;   /* the host has not answered yet */
#endif
};

/* Reset the core and leave it detached. The board has clocks and pins ready. Loop, once. False: the core does
 * not answer (no clock?). `chip` must stay. `vbus_sensed`: VBUS is led to the chip's pin, and unplugging is seen. */
bool dwc2_init(struct dwc2 *dwc2, const struct dwc2_chip *chip, bool vbus_sensed);

#if USB_REMOTE_WAKEUP
/* Wake the host, if that was asked for. Once a millisecond, from an interrupt of a lower priority than the core's own. True: resume
 * signalling has begun. The caller waits for a little more than 1 ms, and for 15 ms at most whatever happens, then calls
 * dwc2_wake_end. */
bool dwc2_wake_begin(struct dwc2 *dwc2);
void dwc2_wake_end(struct dwc2 *dwc2);
#endif

/* The whole interrupt: call it from the OTG_FS handler and nowhere else. */
void dwc2_interrupt(struct dwc2 *dwc2);

#endif
