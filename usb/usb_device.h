/*
 * The device core: enumeration and control transfers of a full-speed USB device, over any controller, for any set
 * of functions (ncm.h; a second one of the same kind works, too).
 *
 *   usb_device_init ─→ usb_device_attach ─→ usb_device_poll … in the loop ─→ usb_device_detach
 *
 *   SETUP ─→ standard: answered here  ─┐
 *         └→ class: function->control ─┴─→ IN: data, then status   (both armed at once: a host may stop early)
 *                                          OUT: data into a bounded buffer, function->control_out, status
 *                                          refused: STALL, until the next SETUP
 *
 * Interfaces, endpoints and strings are numbered here, in the order of the functions: interfaces and
 * endpoints of each kind count up from 0 (1 for endpoints). There is one configuration, number 1.
 * Class IAD/composite, BOS with MS OS 2.0 and WebUSB: facts.md D. Source: USB 2.0 chapters 8.5.3 and 9
 * [unread; facts.md H1, linux/usb/ch9.h].
 *
 * All calls come from the loop.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_USB_USB_DEVICE_H
#define PLUGNET_USB_USB_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "usb/udc.h"
#include "wire/usb_ch9.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes for one control reply, the configuration descriptor included, and for the data of one OUT request; a
 * multiple of 64. One NCM function needs 94; the MS OS 2.0 set 18, 28 for it, and 160 for each WinUSB function (DFU, vendor). */
#ifndef USB_CONTROL_MAX
#define USB_CONTROL_MAX 256
#endif

struct usb_device;
struct usb_function;

/* Appends bytes, never beyond the capacity; `length` counts on, so that too little is noticed. */
struct usb_writer {
    uint8_t *bytes;
    size_t capacity;
    size_t length;
};

void usb_writer_put(struct usb_writer *writer, const void *bytes, size_t length);

/* Bytes as hosts want them in a string: two capital digits each, and a 0 behind. */
void usb_hex_put(char *text, const uint8_t *bytes, size_t count);

/* The property that a WINUSB function needs: what programs find it by, "{8-4-4-4-12 hex digits}". */
void usb_winusb_property(struct usb_writer *writer, const char *guid);

/* What a kind of function is and does. Const; one for all functions of the kind. */
struct usb_function_ops {
    uint8_t interfaces;        /* how many it has */
    uint8_t in_endpoints;      /* besides endpoint 0 */
    uint8_t out_endpoints;     /* besides endpoint 0 */
    uint8_t strings;           /* how many string descriptors it has */
    bool device_requests;      /* vendor requests to the device that we don't answer come to `control`, too */
    const char *compatible_id; /* of MS OS 2.0, at most 8 characters; NULL for none */

    /* With a compatible ID: append registry properties of MS OS 2.0 (usb_winusb_property); NULL for none. */
    void (*registry)(const struct usb_function *function, struct usb_writer *writer);

    /* Append all descriptors, from the interface association to the last endpoint. */
    void (*describe)(const struct usb_function *function, struct usb_writer *writer);

    /* String number 0 to strings - 1, into `text` of capacity bytes, as UTF-8 with its 0. NULL where there are none. */
    void (*string)(const struct usb_function *function, uint8_t number, char *text, size_t capacity);

    /* A class or vendor request to one of its interfaces or endpoints; a vendor request to the device (device_requests: the
     * first function that doesn't refuse it has it); GET_DESCRIPTOR of an interface, which is standard. bmRequestType tells
     * which. IN: write the reply (USB_CONTROL_MAX
     * bytes are there) and its length; it is cut to wLength. OUT without data: do it. OUT with data: say whether
     * it is welcome; the data follows by control_out. False: STALL. */
    bool (*control)(struct usb_function *function, const struct usb_setup *setup, uint8_t *reply,
                    size_t *length);

    /* The data of an OUT request has arrived, `length` bytes, perhaps fewer than wLength. False: STALL. */
    bool (*control_out)(struct usb_function *function, const struct usb_setup *setup, const uint8_t *data,
                        size_t length);

    /* Choose an alternate setting; `number` counts from the function's first interface. On true the data toggles
     * of its endpoints are 0 and transfers are armed afresh. False: no such setting. */
    bool (*alternate_set)(struct usb_function *function, uint8_t number, uint8_t alternate);
    uint8_t (*alternate_get)(const struct usb_function *function, uint8_t number);

    /* Configured: every interface in alternate setting 0. Else: bus reset, detach or configuration 0; nothing
     * is in flight any more, or usb_device_ep_close sees to it. */
    void (*configured)(struct usb_function *function, bool on);

    /* Its endpoint `ep` was halted by the host, or is no longer; the transfer was aborted either way. */
    void (*halted)(struct usb_function *function, uint8_t ep, bool on);

    /* Transfers of its endpoints ended: bits USB_EVENT_IN(n) and USB_EVENT_OUT(n), its own only. */
    void (*transferred)(struct usb_function *function, uint32_t events);
};

/* One function; embedded as the first member of its own struct. */
struct usb_function {
    const struct usb_function_ops *ops; /* set by the function's init */
    /* We keep: */
    struct usb_device *device;
    uint8_t interface_first;
    uint8_t in_first;     /* endpoint number, without USB_DIR_IN */
    uint8_t out_first;    /* endpoint number */
    uint8_t string_first; /* string index */
    uint16_t events;      /* bits of all its endpoints */
};

/* What the device is. Const; must outlive the device. Texts are UTF-8. */
struct usb_device_config {
    uint16_t vendor_id;
    uint16_t product_id;
    uint16_t
        release_bcd; /* bcdDevice: raise it with every change of descriptors, since Windows caches them */
    const char *manufacturer; /* at most 126 characters each; NULL for none */
    const char *product;
    const char *serial; /* unique for each board; 0-9 and A-F please every host */

    /* WebUSB, "https://…", at most 250 bytes behind that; NULL for none. Any other is left out of the descriptors, since Chrome
     * shows a landing page only where it trusts the URL: https, or localhost (facts.md I). A board's own http page never is. */
    const char *landing_url;
    uint16_t power_ma; /* bMaxPower, 0 to 500 */
    bool self_powered;
    bool remote_wakeup; /* offered, if the controller can: USB_REMOTE_WAKEUP (udc.h) */
    struct usb_function *const *functions;
    uint8_t function_count;
};

/* Counters since usb_device_init; they wrap. In the order of the status object. */
struct usb_device_stats {
    uint32_t resets;
    uint32_t setups;
    uint32_t stalls; /* requests refused */
    uint32_t suspends;
};

enum usb_device_state { USB_DEFAULT, USB_ADDRESS, USB_CONFIGURED };

/* What endpoint 0 does besides waiting for a SETUP. */
enum usb_control_stage {
    USB_STAGE_IDLE,    /* nothing, or what is left of a status stage */
    USB_STAGE_DATA_IN, /* the reply is being sent; the status stage may come before its end */
    USB_STAGE_DATA_OUT,
};

/* One device; caller-owned, all fields are ours. */
struct usb_device {
    const struct usb_device_config *config;
    struct udc *udc;
    enum usb_device_state state;
    enum usb_control_stage stage;
    bool suspended;
    bool wakeup_enabled;
    uint16_t opened; /* USB_EVENT_IN and _OUT bits of endpoints that are open */
    uint16_t halted; /* … that the host has halted */
    struct usb_setup setup;
    struct usb_function *receiver; /* of the OUT data under way */
    struct usb_iov reply;
    struct usb_device_stats stats;
    uint8_t buffer[USB_CONTROL_MAX] __attribute__((aligned(4)));
};

/* Number interfaces and endpoints, and plan the controller's memory for them. False: more is listed than fits, and
 * `shortage` says what of; the device must not be attached. */
bool usb_device_init(struct usb_device *device, const struct usb_device_config *config, struct udc *udc,
                     struct udc_shortage *shortage);

void usb_device_attach(struct usb_device *device);
void usb_device_detach(struct usb_device *device);

/* Take the controller's events and answer them. Once in each round of the loop. */
void usb_device_poll(struct usb_device *device);

/* Wake the host, if it sleeps and has allowed it; some ms later, if it has just fallen asleep. False: it hasn't. */
bool usb_device_wake_host(struct usb_device *device);

static inline bool usb_device_suspended(const struct usb_device *device)
{
    return device->suspended;
}

/* ---- For functions. ---- */

/* For `describe`: append whole descriptors in which interface and endpoint numbers count from 0, and make them the function's
 * own. What else names them (class-specific descriptors, strings) is the caller's: returned is where the bytes lie now, NULL if
 * they found no room. */
uint8_t *usb_function_describe(const struct usb_function *function, struct usb_writer *writer,
                               const uint8_t *bytes, size_t length);

/* Endpoints are opened in alternate_set, or in configured. */

void usb_device_ep_open(struct usb_device *device, uint8_t ep, uint8_t type, uint16_t packet_size);
void usb_device_ep_close(struct usb_device *device, uint8_t ep);

/* On an endpoint that isn't open, both do nothing: of several functions one may act upon another one's end before it hears of its
 * own. */
void usb_device_ep_read(struct usb_device *device, uint8_t ep, void *buffer, uint32_t capacity,
                        struct usb_watch *watch);
void usb_device_ep_write(struct usb_device *device, uint8_t ep, const struct usb_iov *iov, size_t count,
                         bool zlp);

static inline uint32_t usb_device_ep_received(struct usb_device *device, uint8_t ep)
{
    return device->udc->ops->ep_received(device->udc, ep);
}

static inline void usb_device_ep_abort(struct usb_device *device, uint8_t ep)
{
    device->udc->ops->ep_abort(device->udc, ep);
}

#ifdef __cplusplus
}
#endif

#endif
