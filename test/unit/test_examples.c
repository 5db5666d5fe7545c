/*
 * The functions of examples/ownfunction and examples/usblog beside NCM, as a host sees them that halts and asks what isn't meant;
 * with a Linux host: test/vm/guest.
 *
 * SET: examples
 * LINK: examples/ownfunction/key.c examples/usblog/log.c plugnet/function_vendor.c test/unit/usb_rig.c wire/[nt]*.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include "examples/ownfunction/key.h"
#include "examples/usblog/log.h"
#include "os/os.h"
#include "test/test.h"
#include "test/unit/usb_rig.h"

#define KEY        2 /* interface */
#define KEY_IN     0x83
#define LOG_IN     0x84
#define LOG_OUT    0x02
#define TEXT_MAX   48 /* of a record */
#define HEAD       8
#define SET_IDLE   0x0A
#define GET_IDLE   0x02
#define SET_REPORT 0x09

static struct rig rig;

uint32_t board_time_ms(void)
{
    return 1000;
}

void os_panic(const char *text)
{
    TEST_FAIL("%s", text);
}

static void start(void)
{
    rig_init(&rig, 1);
    rig.list[1] = key_function.init(key_function.state, NULL);
    rig.list[2] = log_function.init(log_function.state, NULL);
    rig.config.function_count = 3;
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
}

static int report(void)
{
    uint8_t byte = 0;
    int length = rig_in(&rig, KEY_IN, &byte, 1);
    return length == 1 ? byte : length;
}

static int halt(uint8_t ep, bool on)
{
    if (!on)
        rig_toggle_reset(&rig, ep);
    return rig_control(&rig, 0x02, on ? USB_SET_FEATURE : USB_CLEAR_FEATURE, USB_FEATURE_ENDPOINT_HALT, ep, 0,
                       NULL);
}

/* Halted at any moment of a press, the key doesn't stay down at the host. */
TEST(key_halts)
{
    for (unsigned how = 0; how < 6; how++) {
        start();
        CHECK(key_press());
        if (how >= 2)
            CHECK_EQUAL(report(), 1);
        if (how >= 4)
            CHECK_EQUAL(report(), 0);
        if (how % 2 == 0) {
            CHECK_EQUAL(halt(KEY_IN, true), 0);
            CHECK_EQUAL(report(), RIG_STALL);
            CHECK(!key_press());
        }
        CHECK_EQUAL(halt(KEY_IN, false), 0);
        CHECK_EQUAL(report(), how < 4 ? 0 : RIG_NAK);
        CHECK(key_press());
        CHECK_EQUAL(report(), 1);
        CHECK_EQUAL(report(), 0);
        CHECK_EQUAL(report(), RIG_NAK);
    }
}

TEST(key_requests)
{
    uint8_t byte = 1;
    start();
    CHECK_EQUAL(rig_control(&rig, 0x21, SET_IDLE, 0, KEY, 1, &byte), RIG_STALL);
    CHECK(!key_light());
    CHECK_EQUAL(rig_control(&rig, 0x21, SET_IDLE, 0, KEY, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x21, SET_REPORT, 0x0200, KEY, 1, &byte), 1);
    CHECK(key_light());
    CHECK_EQUAL(rig_control(&rig, 0xA1, GET_IDLE, 0, KEY, 1, &byte), RIG_STALL);
}

/* What is longer than a record is cut; the others are whole. */
TEST(log_long)
{
    char text[TEXT_MAX + 20];
    uint8_t got[128];
    memset(text, 'x', sizeof text);
    for (size_t length = 0; length < sizeof text; length++) {
        start();
        text[length] = 0;
        log_put(LOG_WARNING, text, 7);
        text[length] = 'x';
        int whole = (int)length + 2, wanted = whole < TEXT_MAX ? whole : TEXT_MAX;
        CHECK_EQUAL(rig_in(&rig, LOG_IN, got, sizeof got), HEAD + wanted);
        for (size_t i = 0; i < (size_t)wanted && i < length; i++)
            CHECK_EQUAL(got[HEAD + i], 'x');
    }
}

TEST_MAIN()
