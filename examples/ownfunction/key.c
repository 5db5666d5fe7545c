/*
 * The keyboard: one interface, one interrupt endpoint. See key.h, and docs/usb-functions.md for what each callback is.
 */
/* SPDX-License-Identifier: MIT */
#include "key.h"

#include <string.h>

#include "usb/usb_device.h"

#define REPORT_SIZE   1 /* bytes: bit 0 is the key */
#define INTERVAL_MS   10
#define HID_REPORT    0x22 /* descriptor type */
#define GET_REPORT    0x01
#define SET_REPORT    0x09
#define SET_IDLE      0x0A
#define HID_INTERFACE 0x03 /* class */

/* clang-format off */
static const uint8_t report_descriptor[] = {
    0x05, 0x01, 0x09, 0x06, 0xA1, 0x01,                         /* a keyboard */
    0x05, 0x07, 0x19, 0x68, 0x29, 0x68, 0x15, 0x00, 0x25, 0x01, /* F13: 0 or 1 */
    0x75, 0x01, 0x95, 0x01, 0x81, 0x02, 0x95, 0x07, 0x81, 0x01, /* input: one bit, seven of padding */
    0x05, 0x08, 0x19, 0x02, 0x29, 0x02,                         /* Caps Lock */
    0x95, 0x01, 0x91, 0x02, 0x95, 0x07, 0x91, 0x01,             /* output: the same */
    0xC0,
};
/* clang-format on */

enum key_step { KEY_UP, KEY_DOWN_SENT, KEY_UP_SENT };

static struct key {
    struct usb_function function; /* first: the device core finds us by it */
    enum key_step step;
    bool up, light;
    uint8_t report[REPORT_SIZE]; /* must stay as it is until the host has read it */
    struct usb_iov iov;
} key_state;

static struct key *key_of(struct usb_function *function)
{
    return (struct key *)function;
}

static uint8_t key_ep(const struct key *key)
{
    return (uint8_t)(USB_DIR_IN | key->function.in_first);
}

static void key_describe(const struct usb_function *function, struct usb_writer *writer)
{
    /* clang-format off */
    static const uint8_t descriptors[] = {
        9, USB_DT_INTERFACE, 0, 0, 1, HID_INTERFACE, 0, 0, 0,
        9, 0x21, 0x11, 0x01, 0, 1, HID_REPORT, sizeof report_descriptor, 0, /* HID 1.11, one report descriptor */
        7, USB_DT_ENDPOINT, USB_DIR_IN | 0, USB_ENDPOINT_INTERRUPT, REPORT_SIZE, 0, INTERVAL_MS,
    };
    /* clang-format on */
    usb_function_describe(function, writer, descriptors, sizeof descriptors);
}

static bool key_control(struct usb_function *function, const struct usb_setup *setup, uint8_t *reply,
                        size_t *length)
{
    uint8_t type = setup->bmRequestType & (USB_TYPE_MASK | USB_DIR_IN);

    if (type == (USB_TYPE_STANDARD | USB_DIR_IN)) { /* GET_DESCRIPTOR of the interface */
        memcpy(reply, report_descriptor, sizeof report_descriptor);
        *length = sizeof report_descriptor;
        return setup->wValue == HID_REPORT << 8;
    }
    if (type == (USB_TYPE_CLASS | USB_DIR_IN)) {
        reply[0] = key_of(function)->step == KEY_DOWN_SENT;
        *length = REPORT_SIZE;
        return setup->bRequest == GET_REPORT;
    }
    return type == USB_TYPE_CLASS && ((setup->bRequest == SET_REPORT && setup->wLength == REPORT_SIZE) ||
                                      (setup->bRequest == SET_IDLE && setup->wLength == 0));
}

static bool key_control_out(struct usb_function *function, const struct usb_setup *setup, const uint8_t *data,
                            size_t length)
{
    (void)setup; /* SET_REPORT alone has data */
    key_of(function)->light = length != 0 && (data[0] & 1) != 0;
    return true;
}

static void key_send(struct key *key, enum key_step step)
{
    key->step = step;
    key->report[0] = step == KEY_DOWN_SENT;
    key->iov = (struct usb_iov){key->report, REPORT_SIZE};
    usb_device_ep_write(key->function.device, key_ep(key), &key->iov, 1, false);
}

static void key_configured(struct usb_function *function, bool on)
{
    struct key *key = key_of(function);

    key->up = on;
    key->step = KEY_UP;
    key->light = false;
    if (on) {
        usb_device_ep_open(function->device, key_ep(key), USB_ENDPOINT_INTERRUPT, REPORT_SIZE);
    }
}

static bool key_alternate_set(struct usb_function *function, uint8_t number, uint8_t alternate)
{
    (void)number;
    if (alternate == 0) {
        key_configured(function, true); /* toggles are 0, and nothing is under way */
    }
    return alternate == 0;
}

static uint8_t key_alternate_get(const struct usb_function *function, uint8_t number)
{
    (void)function, (void)number;
    return 0;
}

/* What was under way is lost. The host may have seen the key go down, so it is told that it is up. */
static void key_halted(struct usb_function *function, uint8_t ep, bool on)
{
    struct key *key = key_of(function);

    (void)ep;
    key->up = !on;
    if (!on && key->step != KEY_UP) {
        key_send(key, KEY_UP_SENT);
    }
}

static void key_transferred(struct usb_function *function, uint32_t events)
{
    struct key *key = key_of(function);

    (void)events; /* there is one endpoint */
    if (key->step == KEY_DOWN_SENT) {
        key_send(key, KEY_UP_SENT);
    } else {
        key->step = KEY_UP;
    }
}

bool key_press(void)
{
    bool can = key_state.up && key_state.step == KEY_UP;

    if (can) {
        key_send(&key_state, KEY_DOWN_SENT);
    }
    return can;
}

bool key_light(void)
{
    return key_state.light;
}

static const struct usb_function_ops key_ops = {
    .interfaces = 1,
    .in_endpoints = 1,
    .describe = key_describe,
    .control = key_control,
    .control_out = key_control_out,
    .alternate_set = key_alternate_set,
    .alternate_get = key_alternate_get,
    .configured = key_configured,
    .halted = key_halted,
    .transferred = key_transferred,
};

static struct usb_function *key_init(void *state, struct plugnet *p)
{
    struct key *key = state;

    (void)p;
    *key = (struct key){.function = {.ops = &key_ops}};
    return &key->function;
}

const struct plugnet_function key_function = {.name = "key", .state = &key_state, .init = key_init};
