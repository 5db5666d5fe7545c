/*
 * The device core under a function that accepts everything: data stages of every length, replies, and which
 * calls reach a function when.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "test/unit/usb_rig.h"

/* One interface, one bulk endpoint each way; remembers what it was told. */
static struct yes {
    struct usb_function function;
    struct usb_setup setup;
    size_t reply_length, got;
    uint8_t data[512];
    unsigned controls, outs, on, off, halts, transfers;
    bool refuse_data;
} yes;

static void yes_describe(const struct usb_function *function, struct usb_writer *writer)
{
    uint8_t in = (uint8_t)(USB_DIR_IN | function->in_first);
    uint8_t bytes[16] = {9,
                         USB_DT_INTERFACE,
                         function->interface_first,
                         0,
                         1,
                         0xFF,
                         0,
                         0,
                         function->string_first,
                         7,
                         USB_DT_ENDPOINT,
                         in,
                         USB_ENDPOINT_BULK,
                         64,
                         0,
                         0};
    usb_writer_put(writer, bytes, sizeof bytes);
}

static void yes_string(const struct usb_function *function, uint8_t number, char *text, size_t capacity)
{
    (void)function;
    snprintf(text, capacity, "number %u", number);
}

static bool yes_control(struct usb_function *function, const struct usb_setup *setup, uint8_t *reply,
                        size_t *length)
{
    CHECK(function == &yes.function);
    yes.controls++;
    yes.setup = *setup;
    for (size_t i = 0; i < yes.reply_length && i < USB_CONTROL_MAX; i++)
        reply[i] = (uint8_t)i;
    *length = yes.reply_length;
    return true;
}

static bool yes_control_out(struct usb_function *function, const struct usb_setup *setup, const uint8_t *data,
                            size_t length)
{
    CHECK(function == &yes.function && setup->wLength >= length);
    yes.outs++;
    yes.got = length;
    memcpy(yes.data, data, length);
    return !yes.refuse_data;
}

static bool yes_alternate_set(struct usb_function *function, uint8_t number, uint8_t alternate)
{
    (void)function;
    return number == 0 && alternate == 0;
}

static uint8_t yes_alternate_get(const struct usb_function *function, uint8_t number)
{
    (void)function;
    (void)number;
    return 0;
}

static void yes_configured(struct usb_function *function, bool on)
{
    if (on) {
        usb_device_ep_open(function->device, (uint8_t)(USB_DIR_IN | function->in_first), USB_ENDPOINT_BULK,
                           64);
        yes.on++;
    } else {
        yes.off++;
    }
}

static void yes_halted(struct usb_function *function, uint8_t ep, bool on)
{
    (void)function;
    (void)on;
    CHECK_EQUAL(ep, 0x81);
    yes.halts++;
}

static void yes_transferred(struct usb_function *function, uint32_t events)
{
    (void)function;
    CHECK_EQUAL(events, USB_EVENT_IN(1));
    yes.transfers++;
}

static const struct usb_function_ops yes_ops = {
    .interfaces = 1,
    .in_endpoints = 2, /* the second one stays closed */
    .strings = 2,
    .describe = yes_describe,
    .string = yes_string,
    .control = yes_control,
    .control_out = yes_control_out,
    .alternate_set = yes_alternate_set,
    .alternate_get = yes_alternate_get,
    .configured = yes_configured,
    .halted = yes_halted,
    .transferred = yes_transferred,
};

static struct rig rig;
static uint8_t bytes[65536];

/* The function in place of the rig's NCM function, which stays down. */
static void start(void)
{
    rig_init(&rig, 1);
    memset(&yes, 0, sizeof yes);
    yes.function.ops = &yes_ops;
    rig.list[0] = &yes.function;
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, false));
}

static int control(uint8_t type, uint16_t length)
{
    return rig_control(&rig, type, 0x55, 0x1234, 0, length, bytes);
}

TEST(out_data_of_every_length)
{
    start();
    for (unsigned length = 1; length <= USB_CONTROL_MAX; length++) {
        for (unsigned i = 0; i < length; i++)
            bytes[i] = (uint8_t)(length + i);
        CHECK_EQUAL(control(0x21, (uint16_t)length), length);
        CHECK(yes.got == length && yes.setup.wLength == length && yes.setup.wValue == 0x1234);
        CHECK_BYTES(yes.data, bytes, length);
        CHECK_EQUAL(yes.outs, length);
    }
    for (unsigned length = USB_CONTROL_MAX + 1; length <= 0xFFFF; length += 1 + length / 7)
        CHECK_EQUAL(control(0x21, (uint16_t)length), RIG_STALL);
    CHECK_EQUAL(yes.controls, USB_CONTROL_MAX); /* it was not even asked */
    CHECK_EQUAL(control(0x21, 10), 10);
    yes.refuse_data = true;
    CHECK_EQUAL(control(0x21, 10), RIG_STALL); /* at the status stage */
    CHECK_EQUAL(control(0x21, 0), 0);
    CHECK_EQUAL(control(0xA1, 0), 0);
}

TEST(in_data_of_every_length)
{
    start();
    for (yes.reply_length = 0; yes.reply_length <= USB_CONTROL_MAX; yes.reply_length++)
        for (unsigned want = 1; want < 400; want += 1 + (want % 64 > 2 && want % 64 < 61) * 7) {
            size_t length = yes.reply_length < want ? yes.reply_length : want;
            memset(bytes, 0xEE, 512);
            CHECK_EQUAL(control(0xA1, (uint16_t)want), length);
            for (size_t i = 0; i < length; i++)
                CHECK_EQUAL(bytes[i], (uint8_t)i);
            CHECK_EQUAL(bytes[length], 0xEE);
        }
    yes.reply_length = 1000; /* a function that lies */
    CHECK_EQUAL(control(0xA1, 1000), USB_CONTROL_MAX);
}

TEST(recipients)
{
    start();
    CHECK_EQUAL(control(0x41, 4), 4);         /* vendor, interface */
    CHECK_EQUAL(control(0x20, 0), RIG_STALL); /* class, device */
    CHECK_EQUAL(control(0x40, 4), RIG_STALL); /* vendor, device: ours */
    CHECK_EQUAL(control(0x22, 0), RIG_STALL); /* class, endpoint 0 */
    CHECK_EQUAL(control(0x23, 0), RIG_STALL); /* class, other */
    CHECK_EQUAL(control(0x61, 0), 0);         /* reserved type, interface: the function decides */
    CHECK_EQUAL(yes.controls, 2);
    CHECK_EQUAL(rig_control(&rig, 0x22, 0x55, 0, 0x81, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x22, 0x55, 0, 0x82, 0, NULL), RIG_STALL); /* closed */
    CHECK_EQUAL(rig_control(&rig, 0x22, 0x55, 0, 0x83, 0, NULL), RIG_STALL);
    CHECK_EQUAL(yes.controls, 3);
}

/* A class has descriptors that GET_DESCRIPTOR of its interface asks for: the function's, and no other standard request is. */
TEST(descriptors_of_an_interface)
{
    start();
    yes.reply_length = 63;
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_DESCRIPTOR, 0x2200, 0, 255, bytes), 63);
    CHECK(yes.controls == 1 && yes.setup.wValue == 0x2200 && yes.setup.bmRequestType == 0x81);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_DESCRIPTOR, 0x2200, 1, 255, bytes),
                RIG_STALL); /* no such interface */
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_DESCRIPTOR, 0x2200, 0, 8, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x82, USB_GET_DESCRIPTOR, 0x2200, 0x81, 8, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_SYNCH_FRAME, 0, 0, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 0, 0, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_DESCRIPTOR, 0x2200, 0, 255, bytes), RIG_STALL);
    CHECK_EQUAL(yes.controls, 1);
    rig_init(&rig, 1);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_DESCRIPTOR, 0x2200, 0, 255, bytes),
                RIG_STALL); /* NCM has none */
}

TEST(function_calls)
{
    struct usb_iov iov = {bytes, 10};
    uint8_t packet[64];
    uint16_t size;
    bool data1;
    start();
    CHECK(yes.on == 1 && yes.off == 0);
    usb_device_ep_write(&rig.device, 0x81, &iov, 1, false);
    CHECK_EQUAL(virtual_udc_cable_ops.in(&rig.udc, 5, 1, &data1, packet, &size), CABLE_ACK);
    usb_device_poll(&rig.device);
    CHECK(yes.transfers == 1 && size == 10);
    /* Ended, then closed by a reset before the loop saw it: not told. */
    usb_device_ep_write(&rig.device, 0x81, &iov, 1, false);
    CHECK_EQUAL(virtual_udc_cable_ops.in(&rig.udc, 5, 1, &data1, packet, &size), CABLE_ACK);
    virtual_udc_cable_ops.bus_reset(&rig.udc, true);
    usb_device_ep_write(&rig.device, 0x81, &iov, 1, false); /* does nothing: a reset waits */
    usb_device_poll(&rig.device);
    CHECK(yes.transfers == 1 && yes.off == 1 && rig.device.opened == 0);
    virtual_udc_cable_ops.bus_reset(&rig.udc, false);
    CHECK_EQUAL(virtual_udc_cable_ops.in(&rig.udc, 0, 1, &data1, packet, &size), CABLE_SILENCE);
}

TEST_MAIN()
