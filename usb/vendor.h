/*
 * The vendor function: messages of a product's own to and from a program on the host, over a bulk endpoint each way. Windows
 * binds WinUSB to it by itself; libusb and WebUSB open it anywhere.
 *
 *   link(true) ─→ vendor_receive(buffer) ─ a message ─→ received(buffer, length): yours again ─→ vendor_receive …
 *                 vendor_send(pieces)    ─ it has left ─→ sent(true): yours again             ─→ vendor_send …
 *                                        └ halt, reset, unplugged ─→ sent(false)
 *   link(false): reset, configuration 0, unplugged, or the interface is set anew and link(true) follows
 *
 * A message is a USB transfer: it ends by a packet that is shorter than VENDOR_PACKET_SIZE, perhaps an empty one. Ours end so;
 * a host's program must end one of whole packets by an empty write (libusb, WebUSB and WinUSB don't by themselves).
 * Back-pressure: without a buffer from vendor_receive the host waits (NAK), and so does whoever sends until the host reads.
 * Source: facts.md D; USB 2.0 chapters 5.8 and 9 [unread].
 *
 * All calls come from the loop, callbacks too, and these may call vendor_receive and vendor_send.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_USB_VENDOR_H
#define PLUGNET_USB_VENDOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "usb/usb_device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VENDOR_PACKET_SIZE 64 /* bytes: bulk at full speed */

#ifndef VENDOR_PIECES_MAX
#define VENDOR_PIECES_MAX 4 /* pieces of one message to the host; 8 bytes of RAM each */
#endif

/* Bytes of a buffer for messages of up to `message_max` bytes: whole packets, and never full, so that its end is seen. */
#define VENDOR_BUFFER_SIZE(message_max) (((message_max) / VENDOR_PACKET_SIZE + 1) * VENDOR_PACKET_SIZE)

struct vendor;

/* What the product is to the host, and what it does. Const; outlives the function. What isn't needed is NULL, `vendor` and
 * `guid` excepted. */
struct vendor_config {
    struct vendor *vendor; /* memory for the function's state */
    const char *
        guid; /* "{8-4-4-4-12 hex digits}", by which Windows' programs find it: your own, uuidgen makes one */
    const char *name; /* iInterface, at most 31 bytes of UTF-8 */
    void *context;    /* yours: vendor->config->context */

    /* The host has configured the function, or does so no longer. What was half said is void; a buffer lent stays lent. */
    void (*link)(struct vendor *vendor, bool up);

    /* A message, 0 to capacity - 1 bytes, lies in the buffer of vendor_receive, which is yours again. */
    void (*received)(struct vendor *vendor, uint8_t *message, size_t length);

    /* What vendor_send took has left, or is lost (`acknowledged` false, and the host may have read a part); yours again. */
    void (*sent)(struct vendor *vendor, bool acknowledged);

    /* Vendor requests to this interface, its endpoints, or to the device: as usb_function_ops, which says how to answer. IN
     * requests 1 and 2 to the device are the core's. */
    bool (*control)(struct vendor *vendor, const struct usb_setup *setup, uint8_t *reply, size_t *length);
    bool (*control_out)(struct vendor *vendor, const struct usb_setup *setup, const uint8_t *data,
                        size_t length);
};

/* Counters since vendor_init; they wrap. */
struct vendor_stats {
    uint32_t out_messages; /* given to `received` */
    uint32_t out_bytes;    /* in them */
    uint32_t out_too_long; /* messages dropped whole: the buffer was full before their end */
    uint32_t in_messages;  /* vendor_send's that the host has acknowledged */
    uint32_t in_bytes;     /* in them */
    uint32_t in_lost;      /* … that ended by `acknowledged` false */
    uint32_t in_refused;   /* vendor_send returned false */
};

/* One function; caller-owned, static, fields are ours. */
struct vendor {
    struct usb_function function; /* first: usb_device finds us by it */
    const struct vendor_config *config;
    bool up;
    uint8_t halted;      /* VENDOR_HALTED_… bits: endpoints that the host has halted */
    bool out_armed;      /* the endpoint fills out_buffer */
    bool out_dropping;   /* … with the rest of a message that was too long */
    bool in_held;        /* a message is under way: in_pieces */
    bool in_flying;      /* … and the endpoint sends it; else it waits for a halt to end */
    bool in_zlp;         /* an empty packet ends it, if need be */
    uint8_t in_count;    /* pieces */
    uint8_t *out_buffer; /* lent by vendor_receive; NULL: none */
    uint32_t out_capacity;
    struct usb_iov in_pieces[VENDOR_PIECES_MAX];
    struct vendor_stats stats;
};

/* Prepare the function, for usb_device_init's list. PLUGNET_VENDOR (plugnet/plugnet.h) does both. */
struct usb_function *vendor_init(const struct vendor_config *config);

/* True if this is a GUID as Windows wants it: "{8-4-4-4-12 hex digits}". */
bool vendor_guid_good(const char *guid);

/* Lend a buffer for the next message, at any time. It is 4-aligned, its capacity a multiple of VENDOR_PACKET_SIZE
 * (VENDOR_BUFFER_SIZE); it stays ours until `received`. False: one is lent already, or this one isn't so. */
bool vendor_receive(struct vendor *vendor, void *buffer, size_t capacity);

/* Send a message, made of up to VENDOR_PIECES_MAX pieces of any length and alignment; their memory must stay as it is until
 * `sent`, the array may be reused at once. `more`: the message goes on with the next vendor_send, and these are whole packets,
 * at least one. False: no link, one is under way, too many pieces, or `more` and no whole packets; nothing is kept. Never waits. */
bool vendor_send(struct vendor *vendor, const struct usb_iov *pieces, size_t count, bool more);

/* True while the host has the function configured. */
static inline bool vendor_link_up(const struct vendor *vendor)
{
    return vendor->up;
}

/* True while vendor_send would be refused because a message is under way. */
static inline bool vendor_sending(const struct vendor *vendor)
{
    return vendor->in_held;
}

#ifdef __cplusplus
}
#endif

#endif
