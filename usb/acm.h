/*
 * The CDC-ACM function: bytes to and from a USB host, which shows them as a serial port (ttyACM0, COM5).
 *
 *   send      acm_write ─→ caller's ring ─ endpoint free ─→ all that is in it, as one transfer ─→ acknowledged: room again
 *   receive   OUT endpoint ─→ caller's buffer ─→ acm_peek: bytes in place ─ acm_take ─→ room for a packet: armed again
 *
 * Nothing waits. What the host doesn't read fills the ring, and what finds no room there is dropped and counted; what
 * isn't taken stays in the buffer, and when that has no room for a packet, the host is answered NAK. DTR tells whether a program
 * has the port open: without it bytes are dropped, or with `hold` kept for the next one. A port has no speed: the line coding is what a bridge to a real
 * line would want to know.
 *
 * Vocabulary: IN is towards the host. DTR and RTS are the host's lines, DCD and DSR ours. Source: facts.md K;
 * linux/usb/cdc.h; CDC 1.2, PSTN 1.2 [unread].
 *
 * All calls come from the loop.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_USB_ACM_H
#define PLUGNET_USB_ACM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "usb/usb_device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ACM_PACKET_SIZE 64 /* bulk, full speed; bytes */

/* The host's lines. */
#define ACM_DTR 1u /* a program has the port open */
#define ACM_RTS 2u

/* Ours, as SERIAL_STATE tells them. */
#define ACM_DCD  1u /* carrier: without it Linux ends a login */
#define ACM_DSR  2u
#define ACM_RING 8u

/* What has changed: bits. */
#define ACM_RECEIVED 1u  /* acm_peek has bytes */
#define ACM_SENT     2u  /* acm_room has grown: what was in the ring was read, or lost by a halt */
#define ACM_LINES    4u  /* acm->lines */
#define ACM_CODING   8u  /* acm->coding */
#define ACM_BREAK    16u /* acm->break_ms */

struct acm_config {
    uint8_t *ring;      /* for bytes to the host */
    uint16_t ring_size; /* a power of 2, at most 32,768 */
    uint8_t *out;       /* for bytes from it; 4-aligned */
    uint16_t out_size;  /* a multiple of ACM_PACKET_SIZE; two packets are faster than one */
    bool hold; /* what nobody reads stays in the ring until somebody does; false: without DTR it is dropped */

    /* Something has changed: ACM_RECEIVED and so on. From inside usb_device_poll or usb_device_detach; it may make any of the
     * calls below. Bytes may come without it, if a host sends whole packets: look once in a millisecond, too. NULL: none. */
    void (*changed)(void *context, uint8_t what);
    void *context;
};

/* SET_LINE_CODING, in the order of the wire. */
struct acm_coding {
    uint32_t rate;     /* bit/s */
    uint8_t stop_bits; /* 0: 1, 1: 1.5, 2: 2 */
    uint8_t parity;    /* none, odd, even, mark, space */
    uint8_t data_bits; /* 5 to 8, 16 */
};

/* Counters since acm_init; they wrap. */
struct acm_stats {
    uint32_t in_bytes;   /* acknowledged by the host */
    uint32_t in_dropped; /* refused by acm_write: no room, or nobody there */
    uint32_t in_lost;    /* taken, then lost: DTR fell, a halt, a reset */
    uint32_t out_bytes;  /* taken by acm_take */
    uint32_t out_lost;   /* received, and not taken before a reset */
    uint32_t opens;      /* times that DTR rose */
    uint32_t breaks;
};

/* One function; caller-owned. */
struct acm {
    struct usb_function function; /* first: usb_device finds us by it */
    const struct acm_config *config;

    /* You may read: */
    struct acm_coding coding; /* as the host has set it; 115,200 bit/s 8N1 before that */
    uint16_t break_ms;        /* of the last SEND_BREAK; 0xFFFF: until one with 0 */
    uint8_t lines;            /* ACM_DTR, ACM_RTS */
    bool up;                  /* configured */
    struct acm_stats stats;

    /* We keep: */
    uint8_t state;       /* ACM_DCD and so on, as the host is told */
    uint8_t halted;      /* endpoints that the host has halted */
    bool notify_due;     /* the state is still to be sent */
    bool notify_busy;    /* one is armed */
    bool in_ending;      /* an empty packet is armed: it ends what DTR has cut */
    bool out_armed;      /* the endpoint fills config->out */
    uint16_t out_length; /* end of the bytes that have come, but for those it fills in now */
    uint16_t out_taken;  /* end of those that are taken */
    uint16_t out_at;     /* where it fills in */
    uint16_t out_seen;   /* the interrupt's, while it is armed: whole packets there */
    uint16_t in_flying;  /* bytes of the ring that the endpoint sends */
    uint32_t head, tail; /* of the ring: written up to, acknowledged up to; they wrap */
    struct usb_watch watch;
    struct usb_iov in_iov[2], notify_iov;
    uint8_t notify_bytes[10];
};

/* True if sizes and alignment are as struct acm_config wants them. */
bool acm_config_good(const struct acm_config *config);

/* Prepare the function; `config` is good and must outlive it. Pass &acm->function to usb_device_init's list. The host is told that
 * there is a carrier (DCD, DSR). */
void acm_init(struct acm *acm, const struct acm_config *config);

/* Send bytes. Returns how many found room; the others are counted as dropped. */
size_t acm_write(struct acm *acm, const void *bytes, size_t length);

/* How many bytes acm_write would take now, for a writer that can wait. */
size_t acm_room(const struct acm *acm);

/* The bytes that have come and are not taken, in place: valid until acm_take. NULL: none, and `length` is 0. */
const uint8_t *acm_peek(const struct acm *acm, size_t *length);

/* So many of them are done with, at most all of them. */
void acm_take(struct acm *acm, size_t length);

/* Set our lines: ACM_DCD, ACM_DSR, ACM_RING. */
void acm_state_set(struct acm *acm, uint8_t state);

/* A program has the port open. */
static inline bool acm_is_open(const struct acm *acm)
{
    return (acm->lines & ACM_DTR) != 0;
}

#ifdef __cplusplus
}
#endif

#endif
