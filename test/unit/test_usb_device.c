/*
 * The device core: every standard request, in every state, right and wrong; descriptors byte by byte.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "test/unit/usb_rig.h"

static struct rig rig;

static void start(bool up)
{
    rig_init(&rig, 1);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, up));
}

static void check_descriptor(uint16_t value, uint16_t index, const uint8_t *wanted, size_t length)
{
    uint8_t bytes[300];
    memset(bytes, 0xEE, sizeof bytes);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, value, index, 255, bytes), length);
    CHECK_BYTES(bytes, wanted, length);
    CHECK_EQUAL(bytes[length], 0xEE);
    /* Cut short, as hosts ask first; and exactly as long. */
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, value, index, 2, bytes), 2);
    CHECK_BYTES(bytes, wanted, 2);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, value, index, (uint16_t)length, bytes), length);
}

/* Written by hand from facts.md A7, C1 and D. */
/* clang-format off */
static const uint8_t device_bytes[18] = {
    18, 1, 0x10, 0x02, 0xEF, 0x02, 0x01, 64, 0x09, 0x12, 0x01, 0x00, 0x00, 0x01, 1, 2, 3, 1,
};
static const uint8_t configuration_bytes[94] = {
    9, 2, 94, 0, 2, 1, 0, 0xA0, 50,
    8, 11, 0, 2, 0x02, 0x0D, 0x00, 0,
    9, 4, 0, 0, 1, 0x02, 0x0D, 0x00, 0,
    5, 0x24, 0x00, 0x10, 0x01,
    5, 0x24, 0x06, 0, 1,
    13, 0x24, 0x0F, 4, 0, 0, 0, 0, 0xEA, 0x05, 0, 0, 0,
    6, 0x24, 0x1A, 0x00, 0x01, 0x01,
    7, 5, 0x81, 3, 16, 0, 4,
    9, 4, 1, 0, 0, 0x0A, 0x00, 0x01, 0,
    9, 4, 1, 1, 2, 0x0A, 0x00, 0x01, 0,
    7, 5, 0x82, 2, 64, 0, 0,
    7, 5, 0x01, 2, 64, 0, 0,
};
static const uint8_t bos_bytes[57] = {
    5, 0x0F, 57, 0, 2,
    28, 0x10, 5, 0, 0xDF, 0x60, 0xDD, 0xD8, 0x89, 0x45, 0xC7, 0x4C, 0x9C, 0xD2, 0x65, 0x9D, 0x9E, 0x64, 0x8A, 0x9F,
    0x00, 0x00, 0x03, 0x06, 0x2E, 0x00, 1, 0,
    24, 0x10, 5, 0, 0x38, 0xB6, 0x08, 0x34, 0xA9, 0x09, 0xA0, 0x47, 0x8B, 0xFD, 0xA0, 0x76, 0x88, 0x15, 0xB6, 0x65,
    0x00, 0x01, 2, 1,
};
static const uint8_t ms_os_bytes[46] = {
    0x0A, 0, 0, 0, 0, 0, 3, 6, 0x2E, 0,
    8, 0, 1, 0, 0, 0, 0x24, 0,
    8, 0, 2, 0, 0, 0, 0x1C, 0,
    0x14, 0, 3, 0, 'W', 'I', 'N', 'N', 'C', 'M', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};
/* clang-format on */

TEST(descriptors_byte_by_byte)
{
    start(false);
    check_descriptor(0x0100, 0, device_bytes, sizeof device_bytes);
    check_descriptor(0x0200, 0, configuration_bytes, sizeof configuration_bytes);
    check_descriptor(0x0F00, 0, bos_bytes, sizeof bos_bytes);
    check_descriptor(0x0300, 0, (const uint8_t *)"\x04\x03\x09\x04", 4);
    check_descriptor(0x0301, 0x0409, (const uint8_t *)"\x10\x03p\0l\0u\0g\0n\0e\0t\0", 16);
    check_descriptor(0x0303, 0x0409,
                     (const uint8_t *)"\x1A\x03"
                                      "0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0A\0B\0",
                     26);
    check_descriptor(0x0304, 0x0409,
                     (const uint8_t *)"\x1A\x03"
                                      "0\0000\0008\0000\0E\0001\0001\0002\0003\0A\0B\0C\0",
                     26);
}

TEST(descriptors_vendor)
{
    uint8_t bytes[256];
    start(false);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 1, 0, 7, 0x2E, bytes), 46);
    CHECK_BYTES(bytes, ms_os_bytes, 46);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 2, 1, 2, 255, bytes), 3 + 12);
    CHECK_BYTES(bytes, "\x0F\x03\x01plugnet.dev/", 15);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 1, 0, 8, 255, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 1, 1, 7, 255, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 2, 0, 2, 255, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 2, 2, 2, 255, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 3, 1, 2, 255, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0xC1, 1, 0, 7, 255, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x40, 1, 0, 7, 0, NULL), RIG_STALL);
}

TEST(descriptors_without_options)
{
    uint8_t bytes[256];
    rig_init(&rig, 1);
    rig.config.landing_url = NULL;
    rig.config.manufacturer = NULL;
    rig.config.remote_wakeup = false;
    rig.config.self_powered = true;
    rig.config.power_ma = 0;
    rig.config.product = "\xC2\xB5\xE2\x82\xAC\xF0\x9F\x98\x80\xFF"
                         "a"; /* 2, 3, 4 bytes; a broken one */
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, false));
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0100, 0, 18, bytes), 18);
    CHECK_EQUAL(bytes[14], 0);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0301, 0x0409, 255, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0302, 0x0409, 255, bytes), 12);
    CHECK_BYTES(bytes, "\x0C\x03\xB5\x00\xAC\x20?\0?\0a\0", 12);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 9, bytes), 9);
    CHECK_EQUAL(bytes[7], 0xC0);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0F00, 0, 255, bytes), 33);
    CHECK_EQUAL(bytes[4], 1);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 2, 1, 2, 255, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_STATUS, 0, 0, 2, bytes), 2);
    CHECK_BYTES(bytes, "\1\0", 2);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_FEATURE, 1, 0, 0, NULL), RIG_STALL);
}

/* A landing page that no browser would show is left out of everything. */
TEST(descriptors_landing_page_is_https_alone)
{
    static const char *const urls[] = {
        "http://plugnet.local/", "plugnet.local", "http://localhost/", "HTTPS:/", "", "https:/"};
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        rig_init(&rig, 1);
        rig.config.landing_url = urls[i];
        rig_attach(&rig);
        CHECK(rig_enumerate(&rig, false));
        CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0F00, 0, 255, bytes), 33);
        CHECK_EQUAL(bytes[4], 1);
        CHECK_EQUAL(rig_control(&rig, 0xC0, 2, 1, 2, 255, bytes), RIG_STALL);
    }
    rig_init(&rig, 1);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, false));
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0F00, 0, 255, bytes), 57);
    CHECK_EQUAL(bytes[4], 2);
}

/* A text that is too long for a descriptor is cut at 126 characters. */
TEST(descriptors_long_text)
{
    static char text[200], url[300];
    uint8_t bytes[300];
    rig_init(&rig, 1);
    memset(text, 'x', sizeof text - 1);
    rig.config.product = text;
    memcpy(url, "https://", 8);
    memset(url + 8, 'y', sizeof url - 9);
    rig.config.landing_url = url;
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, false));
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0302, 0x0409, 255, bytes), 254);
    CHECK(bytes[0] == 254 && bytes[252] == 'x' && bytes[253] == 0);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 2, 1, 2, 255, bytes), 3 + 250);
    CHECK(bytes[0] == 253 && bytes[2] == 1 && bytes[3] == 'y' && bytes[252] == 'y');
    text[125] = 0;
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0302, 0x0409, 255, bytes), 252);
}

TEST(descriptors_two_functions)
{
    uint8_t bytes[256];
    rig_init(&rig, 2);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 255, bytes), 9 + 2 * 85);
    CHECK_EQUAL(bytes[4], 4);
    const uint8_t *second = bytes + 94; /* numbers go on: interfaces 2 and 3, endpoints 0x83, 0x84, 0x02 */
    CHECK_BYTES(second, "\x08\x0B\x02\x02\x02\x0D\x00\x00\x09\x04\x02\x00\x01", 13);
    CHECK_BYTES(second + 22, "\x05\x24\x06\x02\x03\x0D\x24\x0F\x05", 9);
    CHECK_EQUAL(second[48], 0x83);
    CHECK_EQUAL(second[73], 0x84);
    CHECK_EQUAL(second[80], 0x02);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 1, 0, 7, 255, bytes), 18 + 2 * 28);
    CHECK_EQUAL(bytes[16], 8 + 2 * 28);
    CHECK_EQUAL(bytes[18 + 28 + 4], 2);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0305, 0x0409, 255, bytes), 26);
    CHECK_EQUAL(bytes[24], 'D');
    CHECK(rig_good(&rig, 0));
    CHECK(rig_good(&rig, 1));
}

TEST(descriptors_refused)
{
    static const uint16_t wrong[]
                               [2] = {
                                   {0x0101, 0},      {0x0201, 0},      {0x0100, 1},      {0x0F01, 0},
                                   {0x0600, 0}, /* no device qualifier */
                                   {0x0700, 0},      {0x0400, 0},      {0x0500, 0},      {0x03EE, 0x0409},
                                   {0x03EE, 0},      {0x0305, 0x0409}, {0x03FF, 0x0409}, {0x0301, 0},
                                   {0x0301, 0x0407}, {0x0300, 0x0407}, {0x2100, 0},      {0x0000, 0},
                                   {0x1000, 0},      {0xFF00, 0},
                               };
    uint8_t bytes[256];
    start(false);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, wrong[i][0], wrong[i][1], 64, bytes) != RIG_STALL)
            TEST_FAIL("wValue 0x%04x, wIndex 0x%04x was answered", wrong[i][0], wrong[i][1]);
    }
    CHECK(rig.device.stats.stalls == sizeof wrong / sizeof wrong[0]);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0100, 0, 18, bytes), 18);
}

/* A reply that is a multiple of 64 and shorter than wLength ends with an empty packet; one that is exactly
 * wLength doesn't. */
TEST(control_zlp)
{
    uint8_t bytes[256];
    rig_init(&rig, 1);
    rig.config.product = "0123456789012345678901234567890"; /* 31 characters: 64 bytes */
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, false));
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0302, 0x0409, 255, bytes), 64);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0302, 0x0409, 64, bytes), 64);
    CHECK_EQUAL(rig.device.stage, USB_STAGE_IDLE);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0302, 0x0409, 65, bytes), 64);
}

TEST(states)
{
    uint8_t bytes[16];
    rig_init(&rig, 1);
    rig_attach(&rig);
    rig_bus_reset(&rig);
    /* Default: descriptors and an address, nothing else. */
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0100, 0, 8, bytes), 8);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_STATUS, 0, 0, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_CONFIGURATION, 0, 0, 1, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_ADDRESS, 128, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_ADDRESS, 5, 1, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_ADDRESS, 5, 0, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0100, 0, 8, bytes), RIG_SILENT);
    rig.address = 5;
    /* Address. */
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_CONFIGURATION, 0, 0, 1, bytes), 1);
    CHECK_EQUAL(bytes[0], 0);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_STATUS, 0, 0, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_INTERFACE, 0, 0, 1, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x82, USB_GET_STATUS, 0, 0x80, 2, bytes), 2);
    CHECK_EQUAL(rig_control(&rig, 0x82, USB_GET_STATUS, 0, 0x81, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0xA1, NCM_GET_NTB_PARAMETERS, 0, 0, 28, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 2, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 0x0101, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_ADDRESS, 6, 0, 0, NULL), 0); /* a new one is allowed */
    rig.address = 6;
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 0, NULL), 0);
    /* Configured. */
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_ADDRESS, 7, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_CONFIGURATION, 0, 0, 1, bytes), 1);
    CHECK_EQUAL(bytes[0], 1);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 2, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_CONFIGURATION, 0, 0, 1, bytes), 1);
    CHECK_EQUAL(bytes[0], 1); /* the refused one left things as they were */
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    CHECK(ncm_link_up(&rig.functions[0].ncm));
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 0, 0, 0, NULL), 0);
    CHECK(!ncm_link_up(&rig.functions[0].ncm));
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16), RIG_SILENT);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 0, NULL), 0);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    CHECK(rig_good(&rig, 0));
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 0, NULL),
                0); /* again: all starts anew */
    CHECK(!ncm_link_up(&rig.functions[0].ncm));
    CHECK_EQUAL(rig.functions[0].ups, 2);
    CHECK_EQUAL(rig.functions[0].downs, 2);
}

TEST(interfaces)
{
    uint8_t bytes[16];
    start(false);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_INTERFACE, 0, 0, 1, bytes), 1);
    CHECK_EQUAL(bytes[0], 0);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_INTERFACE, 0, 1, 1, bytes), 1);
    CHECK_EQUAL(bytes[0], 1);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, 0, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 1, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 2, 1, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0x0100, 1, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, 2, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, 0x0101, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_INTERFACE, 1, 1, 1, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_INTERFACE, 0, 1, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_INTERFACE, 0, 2, 1, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_STATUS, 0, 1, 2, bytes), 2);
    CHECK_BYTES(bytes, "\0\0", 2);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_STATUS, 0, 2, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_FEATURE, 0, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_CLEAR_FEATURE, 0, 0, 0, NULL), RIG_STALL);
    CHECK(ncm_link_up(&rig.functions[0].ncm));
    CHECK(rig_good(&rig, 0));
}

static uint16_t endpoint_status(uint8_t ep)
{
    uint8_t bytes[2];
    CHECK_EQUAL(rig_control(&rig, 0x82, USB_GET_STATUS, 0, ep, 2, bytes), 2);
    return load_le16(bytes);
}

TEST(endpoint_halt)
{
    static const uint8_t endpoints[] = {0x81, 0x82, 0x01};
    uint8_t bytes[64] = {0};
    start(true);
    for (size_t i = 0; i < 3; i++) {
        uint8_t ep = endpoints[i];
        CHECK_EQUAL(endpoint_status(ep), 0);
        CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, ep, 0, NULL), 0);
        CHECK_EQUAL(endpoint_status(ep), 1);
        CHECK_EQUAL((ep & 0x80) != 0 ? rig_in(&rig, ep, bytes, 64) : rig_out(&rig, ep, bytes, 60, false),
                    RIG_STALL);
        for (size_t j = 0; j < 3; j++)
            if (j != i)
                CHECK_EQUAL(endpoint_status(endpoints[j]), 0);
        CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, ep, 0, NULL), 0); /* twice */
        CHECK_EQUAL(rig_control(&rig, 0x02, USB_CLEAR_FEATURE, 0, ep, 0, NULL), 0);
        rig_toggle_reset(&rig, ep);
        CHECK_EQUAL(endpoint_status(ep), 0);
    }
    CHECK(rig_good(&rig, 0));
    CHECK_EQUAL(rig_in(&rig, 0x81, bytes, 16), 16); /* both notifications come again */
    CHECK_EQUAL(rig_in(&rig, 0x81, bytes, 16), 8);
    /* Without a halt, clearing sets the toggle back, on both sides. */
    CHECK(rig_good(&rig, 0));
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_CLEAR_FEATURE, 0, 0x01, 0, NULL), 0);
    rig_toggle_reset(&rig, 0x01);
    CHECK(rig_good(&rig, 0));
    /* SET_INTERFACE ends a halt. */
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, 0x01, 0, NULL), 0);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    CHECK_EQUAL(endpoint_status(0x01), 0);
    CHECK(rig_good(&rig, 0));
    CHECK(rig_blocks_home(&rig, 0));
}

TEST(endpoint_requests_refused)
{
    uint8_t bytes[16];
    start(true);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 1, 0x01, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, 0x02, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, 0x0101, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, 0x91, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, 0x09, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, 0x00, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_CLEAR_FEATURE, 0, 0x00, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_CLEAR_FEATURE, 0, 0x80, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x82, USB_SYNCH_FRAME, 0, 0x82, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x82, USB_GET_STATUS, 1, 0x82, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x82, USB_GET_STATUS, 0, 0x82, 1, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x82, USB_GET_STATUS, 0, 0x83, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0);
    CHECK_EQUAL(rig_control(&rig, 0x82, USB_GET_STATUS, 0, 0x82, 2, bytes), RIG_STALL); /* not in alt 0 */
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, 0x82, 0, NULL), RIG_STALL);
}

TEST(device_requests_refused)
{
    uint8_t bytes[512] = {0};
    start(false);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_STATUS, 1, 0, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_STATUS, 0, 1, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_STATUS, 0, 0, 1, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_STATUS, 0, 0, 3, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_CONFIGURATION, 0, 0, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_CONFIGURATION, 0, 1, 1, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_CONFIGURATION, 1, 0, 1, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 1, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 4, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_DESCRIPTOR, 0x0100, 0, 18, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_FEATURE, USB_FEATURE_TEST_MODE, 0x0100, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_FEATURE, 0, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x83, USB_GET_STATUS, 0, 0, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0xE0, 0, 0, 0, 2, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x21, NCM_SET_NTB_INPUT_SIZE, 0, 0, 512, bytes), RIG_STALL);
}

TEST(remote_wakeup)
{
    uint8_t bytes[2];
    struct cable cable = {&virtual_udc_cable_ops, &rig.udc};
    start(true);
    rig_time(&rig, 10, true);
    CHECK(!usb_device_suspended(&rig.device));
    rig_time(&rig, 5, false);
    CHECK(usb_device_suspended(&rig.device));
    CHECK(!usb_device_wake_host(&rig.device)); /* not allowed yet */
    CHECK(!cable.ops->wakes(cable.device));
    rig_time(&rig, 1, true);
    CHECK(!usb_device_suspended(&rig.device));
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_FEATURE, 1, 0, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_STATUS, 0, 0, 2, bytes), 2);
    CHECK_BYTES(bytes, "\2\0", 2);
    CHECK(!usb_device_wake_host(&rig.device)); /* not asleep */
    rig_time(&rig, 5, false);
    CHECK(usb_device_wake_host(&rig.device));
    CHECK(cable.ops->wakes(cable.device));
    cable.ops->bus_suspend(cable.device, false);
    rig_time(&rig, 1, true);
    CHECK(!usb_device_suspended(&rig.device));
    CHECK(rig_good(&rig, 0)); /* configured as before */
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_CLEAR_FEATURE, 1, 0, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_STATUS, 0, 0, 2, bytes), 2);
    CHECK_BYTES(bytes, "\0\0", 2);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_FEATURE, 1, 0, 0, NULL), 0);
    CHECK(rig_enumerate(&rig, false)); /* a reset forbids it again */
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_STATUS, 0, 0, 2, bytes), 2);
    CHECK_BYTES(bytes, "\0\0", 2);
    CHECK_EQUAL(rig.device.stats.suspends, 2);
}

/* A host that goes on to the status stage before it has asked for all data, and a SETUP in every stage. */
TEST(setup_overtakes)
{
    struct cable cable = {&virtual_udc_cable_ops, &rig.udc};
    uint8_t bytes[256], packet[64];
    uint16_t length;
    bool data1;
    static const uint8_t get[8] = {0x80, 6, 0, 2, 0, 0, 255, 0}; /* 94 bytes: two packets */
    static const uint8_t put[8] = {0x21, NCM_SET_NTB_INPUT_SIZE, 0, 0, 0, 0, 4, 0};
    static const uint8_t set[8] = {0x00, 9, 1, 0, 0, 0, 0, 0};
    static const uint8_t bad[8] = {0x00, 7, 0, 0, 0, 0, 0, 0};
    const uint8_t *const setups[] = {get, put, set, bad};
    start(true);
    for (size_t first = 0; first < 4; first++)
        for (unsigned stage = 0; stage < 4; stage++) {
            cable.ops->setup(cable.device, RIG_ADDRESS, 0, setups[first]);
            if (stage > 0)
                rig_poll(&rig);
            if (stage > 1)
                cable.ops->in(cable.device, RIG_ADDRESS, 0, &data1, packet, &length);
            if (stage > 1)
                cable.ops->out(cable.device, RIG_ADDRESS, 0, true, packet, first == 1 ? 4 : 0);
            if (stage > 2)
                rig_poll(&rig);
            CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 255, bytes), 94);
            CHECK_BYTES(bytes, configuration_bytes, 94);
        }
    /* Early status: one packet of two, then OUT. */
    cable.ops->setup(cable.device, RIG_ADDRESS, 0, get);
    rig_poll(&rig);
    CHECK_EQUAL(cable.ops->in(cable.device, RIG_ADDRESS, 0, &data1, packet, &length), CABLE_ACK);
    CHECK_EQUAL(cable.ops->out(cable.device, RIG_ADDRESS, 0, true, packet, 0), CABLE_ACK);
    rig_poll(&rig);
    CHECK_EQUAL(rig.device.stage, USB_STAGE_IDLE);
    CHECK_EQUAL(cable.ops->in(cable.device, RIG_ADDRESS, 0, &data1, packet, &length), CABLE_NAK);
    /* A SET_ADDRESS that is overtaken before its status stage changes nothing on the wire. */
    CHECK(rig_enumerate(&rig, true));
    CHECK(rig_good(&rig, 0));
}

/* Every request there could be, in each state: it must end, and leave a device that still works. */
TEST(control_sweep)
{
    static const uint16_t values[] = {0, 1, 2, 0x0100, 0x0200, 0x0301, 0x0F00, 0xFFFF};
    static const uint16_t indices[] = {0, 1, 2, 7, 0x0081, 0x0082, 0x0409, 0xFFFF};
    static const uint16_t lengths[] = {0, 1, 2, 4, 28, 64, 256, 257, 0xFFFF};
    static uint8_t data[65536];
    unsigned ended = 0, stalled = 0;
    for (unsigned state = 0; state < 4; state++)
        for (unsigned type = 0; type < 256; type++) {
            bool known = (type & 0x1F) < 4; /* other recipients: a few requests will do */
            rig_init(&rig, 1);
            rig_attach(&rig);
            for (unsigned request = 0; request < (known ? 0x100u : 4u); request++) {
                if (state < 1)
                    rig_bus_reset(&rig);
                else
                    CHECK(rig_enumerate(&rig, state == 3));
                if (state == 1)
                    CHECK_EQUAL(rig_control(&rig, 0, USB_SET_CONFIGURATION, 0, 0, 0, NULL), 0);
                bool wide = request < 0x10 || (request >= 0x40 && request < 0x48) ||
                            (request >= 0x80 && request < 0x8C);
                unsigned step = wide ? 1 : 61;
                for (unsigned i = request % step; i < 8 * 8 * 9; i += step) {
                    uint16_t value = values[i % 8], index = indices[i / 8 % 8], length = lengths[i / 64];
                    uint8_t address = rig.address;
                    int result =
                        rig_control(&rig, (uint8_t)type, (uint8_t)request, value, index, length, data);
                    if (result != RIG_STALL && result < 0)
                        TEST_FAIL("state %u, %02x %02x %04x %04x %04x: %d", state, type, request, value,
                                  index, length, result);
                    ended++;
                    stalled += result == RIG_STALL;
                    if (type == 0 && request == USB_SET_ADDRESS && result == 0)
                        rig.address = (uint8_t)value;
                    if (rig.address != address)
                        break;
                }
                if (rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0100, 0, 18, data) != 18)
                    TEST_FAIL("state %u: dead after %02x %02x", state, type, request);
            }
            CHECK(rig_enumerate(&rig, true));
            CHECK(rig_good(&rig, 0));
        }
    CHECK(stalled > ended / 2 && stalled < ended);
    printf("# %u requests, %u of them stalled\n", ended, stalled);
}

TEST(counters)
{
    start(true);
    uint32_t resets = rig.device.stats.resets;
    rig_bus_reset(&rig);
    CHECK_EQUAL(rig.device.stats.resets, resets + 1);
    CHECK_EQUAL(rig.device.state, USB_DEFAULT);
    CHECK(rig_enumerate(&rig, true));
    usb_device_detach(&rig.device);
    CHECK(!rig.functions[0].ncm.up);
    CHECK(!virtual_udc_cable_ops.pulled_up(&rig.udc));
    CHECK(rig_blocks_home(&rig, 0));
    usb_device_attach(&rig.device);
    CHECK(rig_enumerate(&rig, true));
    CHECK(rig_good(&rig, 0));
}

TEST_MAIN()

static uint8_t wild_ep;

static void wild_describe(const struct usb_function *function, struct usb_writer *writer)
{
    uint8_t endpoint[7] = {7, USB_DT_ENDPOINT, wild_ep, USB_ENDPOINT_BULK, 64, 0, 0};
    (void)function;
    usb_writer_put(writer, endpoint, sizeof endpoint);
}

TEST(device_whose_function_shows_what_is_no_endpoint_is_refused)
{
    static const struct usb_function_ops ops = {.describe = wild_describe};
    static const uint8_t wrong[] = {0x00, 0x80, 0x08, 0x88, 0x0F, 0x10, 0x41, 0xC1, 0xFF};
    static struct rig wild;
    static struct usb_function function = {.ops = &ops};
    static struct usb_function *list[1] = {&function};
    rig_init(&wild, 1);
    wild.config.functions = list;
    for (size_t i = 0; i < sizeof wrong; i++) {
        struct udc_shortage shortage = {0};
        wild_ep = wrong[i];
        virtual_udc_init(&wild.udc);
        CHECK(!usb_device_init(&wild.device, &wild.config, &wild.udc.udc, &shortage));
        CHECK(shortage.what != NULL);
        CHECK_EQUAL(shortage.there, USB_ENDPOINTS);
    }
}

TEST(device_of_too_many_functions_is_refused)
{
    static struct rig many;
    static struct ncm ncms[4];
    static struct usb_function *list[4];
    struct udc_shortage shortage = {0};
    rig_init(&many, 1);
    for (unsigned i = 0; i < 4; i++) {
        ncm_init(&ncms[i], &many.functions[0].config);
        list[i] = &ncms[i].function;
    }
    virtual_udc_init(&many.udc);
    many.config.functions = list;
    many.config.function_count = 4; /* 8 IN endpoints besides 0 */
    CHECK(!usb_device_init(&many.device, &many.config, &many.udc.udc, &shortage));
    CHECK(shortage.what != NULL);
    CHECK_EQUAL(shortage.needed, 9);
    CHECK_EQUAL(shortage.there, 8);
    many.config.function_count = 3; /* 9 + 3 * 85 bytes of descriptors */
    CHECK(!usb_device_init(&many.device, &many.config, &many.udc.udc, &shortage));
    CHECK_EQUAL(shortage.needed, 264);
    CHECK_EQUAL(shortage.there, USB_CONTROL_MAX);
}
