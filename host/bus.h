/*
 * The host controller: a full-speed bus in virtual time, and transfers queued on its endpoints.
 *
 *   bus_submit(urb) ─→ queue of its pipe ─→ transactions, packet by packet ─→ urb->complete(urb)
 *   bus_frame(): one millisecond
 *     SOF │ interrupt pipes whose turn it is │ control, bulk IN, bulk OUT, one packet each in turn … │ end
 *
 * Vocabulary: URB = one transfer (as Linux calls it); pipe = an endpoint as the host sees it; hold-off = how
 * long a pipe that answered NAK is left alone. A transaction's price in bit times is its packets (USB 2.0
 * chapter 5.8.4 [unread]: 13 bytes of overhead, so 19 packets of 64 bytes fit a frame); bit stuffing is left
 * out. A NAK costs what it cost on the wire: token and handshake of an IN, and a NAKed OUT has carried its data
 * in vain. While another bulk pipe moves data, a NAKed pipe is asked again in its turn, so it takes its share of
 * the frame: 17 packets of 64 bytes one way while the other way answers NAK. On a bus that is otherwise idle a
 * NAK takes time from nobody; there the hold-off saves the simulation work.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_BUS_H
#define PLUGNET_HOST_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "cable/cable.h"

#define BUS_FRAME_NS           1000000u
#define BUS_FRAME_BITS         12000u
#define BUS_SOF_BITS           35u     /* sync 8, PID 8, number and CRC 16, end of packet 3 */
#define BUS_OVERHEAD_BITS      104u    /* 13 bytes: token, data header and CRC, handshake, gaps */
#define BUS_NAK_IN_BITS        64u     /* token 35, turnaround 7.5, handshake 19, gap 2: rounded up */
#define BUS_SILENCE_BITS       53u     /* token, then 18 bit times until the host gives up */
#define BUS_TRIES_MAX          3       /* silent transactions in a row before a transfer fails, as usual */
#define BUS_PIPES              32      /* endpoint numbers 0 to 15, times two directions */
#define BUS_HOLDOFF_MIN_NS     20000u  /* a NAKed pipe on an otherwise idle bus, just after traffic … */
#define BUS_HOLDOFF_MAX_NS     250000u /* … and after 2 ms of silence */
#define BUS_CONTROL_TIMEOUT_MS 5000u   /* Linux's USB_CTRL_GET_TIMEOUT */

enum urb_status {
    URB_PENDING,
    URB_OK,
    URB_STALL,     /* endpoint halted or request refused; halt stays until bus_halt_clear */
    URB_SILENT,    /* BUS_TRIES_MAX transactions without an answer */
    URB_OVERFLOW,  /* a packet longer than wMaxPacketSize or than the room left (babble) */
    URB_TIMEOUT,   /* timeout_ms passed */
    URB_CANCELLED, /* bus_cancel, bus_cancel_all */
    URB_HALTED,    /* submitted to, or queued behind, a halted endpoint */
};

const char *urb_status_name(enum urb_status status);

/* One transfer. Caller's memory, untouched by the caller from bus_submit until `complete`. */
struct urb {
    /* You set. */
    uint8_t address;
    uint8_t endpoint;     /* bEndpointAddress; 0 for control, whose direction is in `setup` */
    uint8_t type;         /* USB_ENDPOINT_CONTROL, _BULK or _INTERRUPT */
    uint8_t interval_ms;  /* interrupt: polled once in so many frames, 1 to 255 */
    uint16_t packet_size; /* wMaxPacketSize, 1 to CABLE_PACKET_MAX */
    bool zlp;             /* bulk OUT: end with an empty packet if length is a multiple of packet_size */
    uint8_t setup[8];
    uint8_t *data;
    uint32_t length;                   /* bytes to send, or room to receive */
    uint32_t timeout_ms;               /* 0: none */
    void (*complete)(struct urb *urb); /* may submit again; not called from inside bus_submit */
    void *context;

    /* We keep. */
    enum urb_status status;
    uint32_t actual; /* bytes moved */
    uint64_t submit_ns, complete_ns;
    uint32_t id; /* of this submission, for traces */
    uint8_t stage;
    bool zlp_due;
    uint8_t tries;
    struct urb *next;
};

struct bus_pipe {
    struct urb *head, *tail;
    bool data1;  /* toggle of the next packet */
    bool halted; /* a STALL was seen */
    bool paused; /* owner sets: don't ask */
    bool naked;  /* the last answer was NAK, at nak_ns */
    uint64_t nak_ns;
    uint64_t due_frame; /* interrupt: not before this frame */
};

/* Something to do at a time; between two transactions. */
struct bus_timer {
    uint64_t due_ns;
    void (*fire)(void *context);
    void *context;
    bool active;
    struct bus_timer *next;
};

struct bus_counters {
    uint64_t frames;
    uint64_t packets_in, packets_out, packets_setup; /* acknowledged */
    uint64_t bytes_in, bytes_out;                    /* payload of acknowledged packets */
    uint64_t naks_in, naks_out, stalls, silences, overflows;
    uint64_t repeats_in;             /* wrong toggle on IN: acknowledged, dropped */
    uint64_t bulk_packets_frame_max; /* most bulk data packets in one frame */
};

struct bus {
    struct cable cable;
    uint64_t now_ns;
    uint64_t frame_number; /* since the start; the wire carries its low 11 bits */
    bool running;          /* SOFs and transactions; else the bus is in reset, suspended or unplugged */
    struct bus_pipe pipes[BUS_PIPES];
    struct bus_timer *timers;
    unsigned turn; /* pipe that is asked next */
    uint64_t last_ack_ns;
    uint32_t frame_bulk; /* bulk data packets in this frame so far */
    uint32_t next_id;
    bool silence_seen; /* a transfer failed by silence since the owner last cleared this */
    int64_t cut_after; /* transactions until `cut` is called once; negative: never */
    void (*cut)(void *context);
    void (*monitor)(void *context, const struct urb *urb, bool submit); /* may be NULL */
    void *context;                                                      /* of cut and monitor */
    struct bus_counters counters;
};

void bus_init(struct bus *bus, const struct cable *cable);

/* Live one millisecond. With `running` false only time passes, and timers fire. */
void bus_frame(struct bus *bus);

/* Queue a transfer. Its `complete` is called later, from bus_frame or bus_cancel. */
void bus_submit(struct bus *bus, struct urb *urb);

/* End a transfer with URB_CANCELLED; nothing if it isn't queued. Packets on the wire stay sent. */
void bus_cancel(struct bus *bus, struct urb *urb);
void bus_cancel_all(struct bus *bus);

/* Forget a halt and set the toggle to DATA0: after CLEAR_FEATURE(ENDPOINT_HALT), SET_INTERFACE, … */
void bus_halt_clear(struct bus *bus, uint8_t endpoint);

/* Toggles and halts of all pipes: after a reset or SET_CONFIGURATION. */
void bus_pipes_reset(struct bus *bus);

void bus_timer_set(struct bus *bus, struct bus_timer *timer, uint64_t due_ns);
void bus_timer_stop(struct bus *bus, struct bus_timer *timer);

/* Move time on to `time_ns` with the device alive and the bus quiet. Timers don't fire. */
void bus_advance(struct bus *bus, uint64_t time_ns);

#endif
