/*
 * The USB host: from a pull-up to a configured device, in the order and with the pauses of Linux.
 *
 *   pull-up seen ─ 100 ms debounce ─ reset 50 ms ─ 10 ms ─ GET_DESCRIPTOR(device, 64) at address 0
 *   ─ reset 50 ms ─ 10 ms ─ SET_ADDRESS ─ 10 ms ─ device 18 ─ BOS 5, all (bcdUSB ≥ 2.01) ─ configuration 9, all
 *   ─ strings ─ SET_CONFIGURATION ─→ configured: drivers bind
 *
 * This is Linux's "new scheme" for full speed (hub.c), with the standard's minimum times: reset 50 ms at a root
 * port (Linux 6.1 holds it longer, and waits 50 ms instead of 10 after it): 231 ms from attach to configured
 * with a quick device. A failure starts again with a reset, four times in all, then the port is given up until
 * the device goes away. Suspend, resume (20 ms of resume signalling and 10 ms recovery) and remote wake-up.
 *
 * For a guest that enumerates by itself there is a light reset: reset 50 ms ─ 10 ms ─ SET_ADDRESS ─ 10 ms, no more.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_USB_HOST_H
#define PLUGNET_HOST_USB_HOST_H

#include "host/bus.h"
#include "host/sequence.h"
#include "host/usb_desc.h"

#define USB_HOST_DEBOUNCE_MS     100
#define USB_HOST_RESET_MS        50
#define USB_HOST_RECOVERY_MS     10
#define USB_HOST_ADDRESS_MS      10
#define USB_HOST_RESUME_MS       20
#define USB_HOST_RESUME_AFTER_MS 10
#define USB_HOST_TRIES_MAX       4
#define USB_HOST_STRING_MAX      128 /* bytes of a string as UTF-8, with its end */
#define USB_HOST_BOS_MAX         512 /* bytes; a longer BOS is refused as Linux would refuse a broken one */

enum usb_host_state {
    USB_HOST_EMPTY,      /* no VBUS, or no pull-up */
    USB_HOST_DEBOUNCE,   /* a pull-up since less than 100 ms */
    USB_HOST_RESET,      /* SE0 */
    USB_HOST_RECOVERY,   /* after SE0 */
    USB_HOST_ENUMERATE,  /* control requests */
    USB_HOST_CONFIGURED, /* or, after a light reset, addressed: the guest configures it */
    USB_HOST_SUSPENDED,
    USB_HOST_RESUMING,
    USB_HOST_FAILED, /* given up until it is pulled out */
};

struct usb_host {
    /* You set. */
    struct bus *bus;
    void (*configured)(void *context); /* drivers may bind */
    void (*gone)(void *context);       /* unplugged or reset; transfers have ended */
    void (*suspended)(void *context,
                      bool suspended); /* before it (transfers may be cancelled), and after resume */
    void (*log)(void *context, const char *line);
    void *context;

    /* We keep; tests and drivers may read. */
    enum usb_host_state state;
    bool vbus;
    uint64_t state_ns; /* since when */
    uint64_t attached_ns, configured_ns;
    uint8_t address; /* 0 until SET_ADDRESS */
    uint8_t next_address;
    uint8_t ep0_packet_size;
    bool second_reset; /* the next reset is the one before SET_ADDRESS */
    bool light;        /* a light reset is under way */
    uint8_t tries;
    bool probing, lost; /* asking a silent device for its status; it doesn't know us any more */
    struct urb probe;
    uint8_t probe_data[2];
    bool suspending; /* remote wake-up is being enabled */
    bool wakeup_enabled;
    struct urb power;   /* its request */
    uint8_t device[18]; /* the device descriptor */
    uint8_t bos[USB_HOST_BOS_MAX];
    uint32_t bos_length; /* 0: none */
    uint8_t config[SEQUENCE_DATA_MAX];
    uint32_t config_length;
    struct usb_desc desc; /* of `config`, points into it */
    uint16_t language;    /* first of string 0; 0: no strings */
    char manufacturer[USB_HOST_STRING_MAX], product[USB_HOST_STRING_MAX], serial[USB_HOST_STRING_MAX];
    struct sequence sequence;
};

void usb_host_init(struct usb_host *host, struct bus *bus);

/* Once at the start of each frame, before bus_frame. */
void usb_host_frame(struct usb_host *host);

void usb_host_vbus(struct usb_host *host, bool on);

/* Reset the bus now and enumerate again; a device that isn't attached is left alone. */
void usb_host_reset(struct usb_host *host);

/* A configured device: reset the bus, give it an address, and leave everything else to whoever asks for this. All transfers
 * end now; the state is USB_HOST_CONFIGURED again when the next ones may come. Where the device doesn't take its address,
 * `gone` is called, and it is enumerated as a new one. In any other state: nothing. */
void usb_host_reset_light(struct usb_host *host);

void usb_host_suspend(struct usb_host *host);
void usb_host_resume(struct usb_host *host);

/* A request of a program's, sent on its own, has succeeded: toggles and halts begin anew where it says so
 * (SET_CONFIGURATION, SET_INTERFACE, CLEAR_FEATURE of a halt). */
void usb_host_followed(struct usb_host *host, const uint8_t setup[8]);

/* A string descriptor as UTF-8; false: not one. */
bool usb_host_string(const uint8_t *descriptor, uint32_t length, char text[USB_HOST_STRING_MAX]);

#endif
