/*
 * DFU's run-time function beside NCM: its descriptors, its requests, and the way off the bus.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include "usb/dfu.h"
#include "test/test.h"
#include "test/unit/usb_rig.h"

#define INTERFACE 2 /* NCM has 0 and 1 */

static struct rig rig;
static struct dfu dfu;
static unsigned entered;

static void enter(void)
{
    entered++;
}

static void start(void)
{
    entered = 0;
    rig_init(&rig, 1);
    dfu_init(&dfu, enter);
    rig.list[1] = &dfu.function;
    rig.config.function_count = 2;
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
}

static int get(uint8_t request, uint16_t length, uint8_t *bytes)
{
    return rig_control(&rig, 0xA1, request, 0, INTERFACE, length, bytes);
}

TEST(dfu_descriptors)
{
    /* clang-format off */
    static const uint8_t wanted[18] = {9, 4, INTERFACE, 0, 0, 0xFE, 1, 1, 0, 9, 0x21, 0x0B, 0xFF, 0, 0x00, 0x08, 0x10, 0x01};
    /* clang-format on */
    uint8_t bytes[256];
    start();
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 255, bytes), 94 + 18);
    CHECK_EQUAL(bytes[4], 3);
    CHECK_BYTES(bytes + 94, wanted, sizeof wanted);
}

/* Windows binds WinUSB to this interface alone, and lists it for libusb: a second function subset in the MS OS 2.0 set, with
 * a registry property. */
TEST(dfu_winusb)
{
    static const char guid[] = "{f6cdc840-9c6f-403e-a723-7895eabfdb6b}";
    uint8_t bytes[256];
    start();
    CHECK_EQUAL(rig_control(&rig, 0xC0, 1, 0, 7, 255, bytes), 18 + 28 + 160);
    CHECK_EQUAL(bytes[8] | bytes[9] << 8, 206);
    CHECK_EQUAL(bytes[16] | bytes[17] << 8, 206 - 10);
    const uint8_t *subset = bytes + 18 + 28;
    CHECK_BYTES(subset, "\x08\x00\x02\x00\x02\x00\xA0\x00\x14\x00\x03\x00WINUSB\x00\x00", 20);
    const uint8_t *property = subset + 28;
    CHECK_BYTES(property,
                "\x84\x00\x04\x00\x07\x00\x2A\x00"
                "D\0e\0v\0i\0c\0e\0I\0n\0t\0",
                26);
    CHECK_BYTES(property + 8 + 38, "s\0\0\0\x50\0{\0", 8);
    for (unsigned i = 0; i < 40; i++) {
        CHECK_EQUAL(property[52 + 2 * i], i < 38 ? guid[i] : 0);
        CHECK_EQUAL(property[53 + 2 * i], 0);
    }
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0F00, 0, 255, bytes), 5 + 28 + 24);
    CHECK_EQUAL(bytes[5 + 24] | bytes[5 + 25] << 8, 206);
}

TEST(dfu_requests)
{
    uint8_t bytes[64];
    start();
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, INTERFACE, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 1, INTERFACE, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_INTERFACE, 0, INTERFACE, 1, bytes), 1);
    CHECK_EQUAL(bytes[0], 0);
    CHECK_EQUAL(get(3, 6, bytes), 6);
    CHECK_BYTES(bytes, "\0\0\0\0\0\0", 6);
    CHECK_EQUAL(get(5, 1, bytes), 1);
    CHECK_EQUAL(bytes[0], 0);
    for (unsigned request = 0; request < 256; request++) {
        if (request != 3 && request != 5)
            CHECK_EQUAL(get((uint8_t)request, 6, bytes), RIG_STALL);
        if (request != 0)
            CHECK_EQUAL(rig_control(&rig, 0x21, (uint8_t)request, 0, INTERFACE, 0, NULL), RIG_STALL);
    }
    CHECK_EQUAL(rig_control(&rig, 0x21, 0, 1000, INTERFACE, 4, bytes), RIG_STALL); /* DETACH has no data */
    CHECK_EQUAL(rig_control(&rig, 0x21, 0, 1000, 1, 0, NULL), RIG_STALL);          /* not ours */
    dfu_poll(&dfu, 10000);
    CHECK_EQUAL(entered, 0);
    CHECK(rig_good(&rig, 0));
}

/* The status stage ends, the pull-up goes, the bus has time to see it, the boot loader starts. */
TEST(dfu_detach)
{
    uint8_t bytes[8];
    uint32_t now = UINT32_MAX - 30; /* the clock wraps on the way */
    start();
    dfu_poll(&dfu, now);
    CHECK_EQUAL(rig_control(&rig, 0x21, 0, 1000, INTERFACE, 0, NULL), 0);
    CHECK_EQUAL(get(3, 6, bytes), 6);
    CHECK_EQUAL(bytes[4], 1); /* appDETACH */
    dfu_poll(&dfu, now);
    dfu_poll(&dfu, now + DFU_LEAVE_MS);
    CHECK(rig_good(&rig, 0)); /* still there: a page may have to be sent to its end */
    CHECK(virtual_udc_cable_ops.pulled_up(&rig.udc));
    now += DFU_LEAVE_MS + 1;
    dfu_poll(&dfu, now);
    CHECK(!virtual_udc_cable_ops.pulled_up(&rig.udc));
    dfu_poll(&dfu, now + DFU_GONE_MS);
    CHECK_EQUAL(entered, 0);
    dfu_poll(&dfu, now + DFU_GONE_MS + 1);
    CHECK_EQUAL(entered, 1);
}

/* Asked by a page, and again meanwhile: once is enough. */
TEST(dfu_asked)
{
    start();
    dfu_ask(&dfu);
    for (uint32_t ms = 0; ms < DFU_LEAVE_MS + DFU_GONE_MS + 2; ms++) {
        dfu_ask(&dfu);
        CHECK_EQUAL(entered, 0);
        dfu_poll(&dfu, ms);
    }
    dfu_poll(&dfu, DFU_LEAVE_MS + DFU_GONE_MS + 3);
    CHECK_EQUAL(entered, 1);
}

TEST_MAIN()
