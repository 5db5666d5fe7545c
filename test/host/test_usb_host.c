/*
 * Enumeration as Linux does it, and what a hub notices: timing, order of requests, replug, resets, suspend.
 *
 * 231 ms by hand: 100 debounce + 50 reset + 10 recovery, GET_DESCRIPTOR, at once SE0 again: 50 + 10, SET_ADDRESS,
 * 10 pause, the rest within 1 ms; waits that began inside a frame end at the next frame's start.
 */
/* SPDX-License-Identifier: MIT */
#include "host/usb_host.h"
#include "test/host/fake.h"
#include "test/test.h"

static struct fake fake;
static struct bus bus;
static struct usb_host host;
static unsigned configured, gone, suspends, resumes;
static char said[8192];

static void on_configured(void *context)
{
    (void)context;
    configured++;
}

static void on_gone(void *context)
{
    (void)context;
    gone++;
}

static void on_suspended(void *context, bool suspended)
{
    (void)context;
    *(suspended ? &suspends : &resumes) += 1;
}

static void on_log(void *context, const char *line)
{
    (void)context;
    strncat(said, line, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

static void begin(void)
{
    fake_free(&fake);
    fake_init(&fake);
    struct cable cable = fake_cable(&fake);
    bus_init(&bus, &cable);
    usb_host_init(&host, &bus);
    host.configured = on_configured;
    host.gone = on_gone;
    host.suspended = on_suspended;
    host.log = on_log;
    configured = gone = suspends = resumes = 0;
    said[0] = 0;
    usb_host_vbus(&host, true);
}

static void run_ms(unsigned ms)
{
    while (ms-- != 0) {
        usb_host_frame(&host);
        bus_frame(&bus);
    }
    if (fake.wrong != NULL)
        TEST_FAIL("%s", fake.wrong);
}

TEST(host_timing_is_231_ms)
{
    begin();
    run_ms(230);
    CHECK_EQUAL(host.state, USB_HOST_ENUMERATE);
    run_ms(2);
    CHECK_EQUAL(host.state, USB_HOST_CONFIGURED);
    CHECK_EQUAL(configured, 1);
    CHECK_EQUAL((host.configured_ns - host.attached_ns) / 1000000, 231);
    CHECK_EQUAL(fake.resets, 2);
}

TEST(host_asks_in_linux_order)
{
    static const char *const wanted[] = {
        "vbus 1",
        "reset 1",
        "reset 0",
        "setup 80 06 0100 0000 64", /* device, address 0 */
        "reset 1",
        "reset 0",
        "setup 00 05 0001 0000 0", /* SET_ADDRESS 1 */
        "setup 80 06 0100 0000 18",
        "setup 80 06 0f00 0000 5",
        "setup 80 06 0f00 0000 12",
        "setup 80 06 0200 0000 9",
        "setup 80 06 0200 0000 94",
        "setup 80 06 0300 0000 255",
        "setup 80 06 0302 0409 255", /* product, manufacturer, serial number */
        "setup 80 06 0301 0409 255",
        "setup 80 06 0303 0409 255",
        "setup 00 09 0001 0000 0",
    };
    begin();
    run_ms(240);
    CHECK_EQUAL(fake.log_count, sizeof wanted / sizeof wanted[0]);
    for (unsigned i = 0; i < fake.log_count; i++)
        if (strstr(fake.log[i], wanted[i]) == NULL)
            TEST_FAIL("step %u is \"%s\", wanted \"%s\"", i, fake.log[i], wanted[i]);
    CHECK_STRING(host.product, "Thing");
    CHECK_STRING(host.manufacturer, "Maker");
    CHECK_STRING(host.serial, "0001");
    CHECK(strstr(said, "enumerated 1209:0001 Maker Thing") != NULL);
}

TEST(host_no_bos_for_usb_2_0_and_small_endpoint_0)
{
    begin();
    fake.device_descriptor[2] = 0;
    fake.device_descriptor[7] = 8;
    run_ms(240);
    CHECK_EQUAL(configured, 1);
    CHECK_EQUAL(host.ep0_packet_size, 8);
    CHECK(fake_logged(&fake, "0f00") < 0);
}

TEST(host_refused_strings_and_bos_are_no_reason_to_stop)
{
    begin();
    memset(fake.strings, 0, sizeof fake.strings);
    fake.bos[1] = 99;
    run_ms(240);
    CHECK_EQUAL(configured, 1);
    CHECK_STRING(host.product, "");
}

TEST(host_gives_up_after_four_tries)
{
    begin();
    fake.stall_request = USB_SET_CONFIGURATION;
    run_ms(3000);
    CHECK_EQUAL(host.state, USB_HOST_FAILED);
    CHECK_EQUAL(fake.resets, 8);
    CHECK(strstr(said, "SET_CONFIGURATION: stall; unable to enumerate") != NULL);
    fake.stall_request = 0xFF;
    fake.pull_up = false;
    run_ms(5);
    fake.pull_up = true;
    run_ms(240);
    CHECK_EQUAL(configured, 1);
}

TEST(host_a_lost_setup_is_repeated)
{
    begin();
    fake.silent_setups = 2;
    run_ms(240);
    CHECK_EQUAL(configured, 1);
    CHECK_EQUAL(fake.resets, 2);
}

TEST(host_bad_configuration_is_refused)
{
    begin();
    fake.config[9] = 200; /* a length beyond the end */
    run_ms(2000);
    CHECK_EQUAL(host.state, USB_HOST_FAILED);
    CHECK(strstr(said, "leads beyond the end") != NULL);
}

TEST(host_unplug_and_replug)
{
    begin();
    run_ms(240);
    for (unsigned i = 0; i < 100; i++) {
        usb_host_vbus(&host, false);
        run_ms(i % 7);
        usb_host_vbus(&host, true);
        run_ms(i % 3 == 0 ? 120 + i : 240); /* sometimes in the middle of enumeration */
    }
    run_ms(240);
    CHECK_EQUAL(host.state, USB_HOST_CONFIGURED);
    CHECK_EQUAL(gone, configured - 1);
    CHECK(host.address >= 1 && host.address <= 127);
}

TEST(host_device_that_drops_its_pull_up)
{
    begin();
    run_ms(240);
    fake.pull_up = false;
    run_ms(1);
    CHECK_EQUAL(gone, 1);
    CHECK_EQUAL(host.state, USB_HOST_EMPTY);
    fake.pull_up = true;
    run_ms(240);
    CHECK_EQUAL(configured, 2);
}

TEST(host_notices_a_device_that_forgot_its_address)
{
    begin();
    run_ms(240);
    fake.address = 0; /* reset too short to be seen as unplugged */
    uint8_t data[64];
    struct urb urb = {.address = host.address,
                      .endpoint = 0x82,
                      .type = USB_ENDPOINT_BULK,
                      .packet_size = 64,
                      .data = data,
                      .length = 64};
    bus_submit(&bus, &urb);
    run_ms(245);
    CHECK_EQUAL(urb.status, URB_SILENT);
    CHECK_EQUAL(gone, 1);
    CHECK_EQUAL(configured, 2);
}

TEST(host_a_silent_endpoint_alone_is_no_reason)
{
    begin();
    run_ms(240);
    uint8_t data[64];
    struct urb urb = {.address = host.address,
                      .endpoint = 0x87,
                      .type = USB_ENDPOINT_BULK,
                      .packet_size = 64,
                      .data = data,
                      .length = 64};
    bus_submit(&bus, &urb);
    run_ms(300);
    CHECK_EQUAL(urb.status, URB_SILENT);
    CHECK_EQUAL(gone, 0);
}

TEST(host_bus_reset_enumerates_without_debounce)
{
    begin();
    run_ms(240);
    usb_host_reset(&host);
    CHECK_EQUAL(gone, 1);
    run_ms(133);
    CHECK_EQUAL(configured, 2);
}

TEST(host_suspend_resume_and_wake_up)
{
    begin();
    run_ms(240);
    uint32_t frames = fake.frames;
    usb_host_suspend(&host);
    run_ms(2);
    CHECK_EQUAL(host.state, USB_HOST_SUSPENDED);
    CHECK(fake_logged(&fake, "setup 00 03 0001 0000 0") > 0); /* remote wake-up enabled */
    frames = fake.frames;
    run_ms(100);
    CHECK_EQUAL(fake.frames, frames);
    usb_host_resume(&host);
    run_ms(33);
    CHECK_EQUAL(host.state, USB_HOST_CONFIGURED);
    CHECK_EQUAL(suspends, 1);
    CHECK_EQUAL(resumes, 1);
    CHECK(fake_logged(&fake, "setup 00 01 0001 0000 0") > 0); /* and disabled again */
    usb_host_suspend(&host);
    run_ms(20);
    fake.wakes = true;
    run_ms(35);
    CHECK_EQUAL(host.state, USB_HOST_CONFIGURED);
    CHECK_EQUAL(resumes, 2);
    CHECK_EQUAL(gone, 0);
}

TEST(host_suspend_again_and_again)
{
    begin();
    run_ms(240);
    for (unsigned i = 0; i < 50; i++) {
        usb_host_suspend(&host);
        usb_host_suspend(&host); /* twice in a row */
        run_ms(i % 3);
        usb_host_resume(&host);
        usb_host_resume(&host);
        run_ms(25 + i % 10); /* sometimes not resumed yet */
        usb_host_suspend(&host);
        if (i % 8 == 0)
            usb_host_reset(&host);
        run_ms(150);
        usb_host_resume(&host);
        run_ms(40);
    }
    CHECK_EQUAL(host.state, USB_HOST_CONFIGURED);
    CHECK(host.bus->pipes[0].head == NULL);
    begin();
    fake.config[7] = 0x80; /* no remote wake-up */
    run_ms(240);
    usb_host_suspend(&host);
    CHECK_EQUAL(host.state, USB_HOST_SUSPENDED);
    CHECK(fake_logged(&fake, "setup 00 03") < 0);
}

TEST(host_unplug_while_suspended_or_in_reset)
{
    begin();
    run_ms(240);
    usb_host_suspend(&host);
    run_ms(10);
    usb_host_vbus(&host, false);
    run_ms(10);
    CHECK(!fake.suspended);
    usb_host_vbus(&host, true);
    run_ms(120);
    CHECK(fake.reset);
    usb_host_vbus(&host, false);
    CHECK(!fake.reset);
    usb_host_vbus(&host, true);
    run_ms(240);
    CHECK_EQUAL(host.state, USB_HOST_CONFIGURED);
}

TEST(host_light_reset_is_se0_and_an_address)
{
    begin();
    run_ms(240);
    fake.log_count = 0;
    struct urb urb = {.address = host.address,
                      .endpoint = 0x81,
                      .type = USB_ENDPOINT_INTERRUPT,
                      .interval_ms = 1,
                      .packet_size = 16,
                      .data = (uint8_t[16]){0},
                      .length = 16};
    bus_submit(&bus, &urb);
    run_ms(3);
    usb_host_reset_light(&host);
    CHECK_EQUAL(urb.status, URB_CANCELLED);
    CHECK_EQUAL(host.address, 0);
    run_ms(72);
    CHECK_EQUAL(host.state, USB_HOST_CONFIGURED);
    CHECK_EQUAL(host.address, 2);
    CHECK_EQUAL(fake.address, 2);
    CHECK_EQUAL(fake.configuration, 0);
    CHECK_EQUAL(fake.log_count, 3);
    CHECK(strstr(fake.log[0], "reset 1") != NULL);
    CHECK(strstr(fake.log[1], "reset 0") != NULL);
    CHECK(strstr(fake.log[2], "setup 00 05 0002 0000 0") != NULL);
    CHECK_EQUAL(configured, 1);
    CHECK_EQUAL(gone, 0);
    usb_host_reset_light(&host); /* twice: nothing, the first one is under way */
    usb_host_reset_light(&host);
    run_ms(72);
    CHECK_EQUAL(fake.log_count, 6);
    usb_host_reset(&host); /* and a whole one still enumerates */
    run_ms(150);
    CHECK_EQUAL(configured, 2);
    CHECK_EQUAL(gone, 1);
}

/* Once is enough: what doesn't take its address after a light reset is a new device. */
TEST(host_light_reset_without_an_answer_enumerates)
{
    begin();
    run_ms(240);
    usb_host_reset_light(&host);
    run_ms(55);
    fake.silent_setups = 3;
    run_ms(10);
    CHECK_EQUAL(gone, 1);
    CHECK_EQUAL(host.state, USB_HOST_RESET);
    run_ms(140);
    CHECK_EQUAL(host.state, USB_HOST_CONFIGURED);
    CHECK_EQUAL(configured, 2);
    CHECK_EQUAL(fake.configuration, 1);
}

TEST(host_unplugged_in_a_light_reset)
{
    for (unsigned ms = 0; ms < 72; ms++) {
        begin();
        run_ms(240);
        usb_host_reset_light(&host);
        run_ms(ms);
        usb_host_vbus(&host, false);
        CHECK_EQUAL(gone, 1);
        CHECK_EQUAL(host.state, USB_HOST_EMPTY);
        run_ms(5);
        usb_host_reset_light(&host); /* nothing is there */
        usb_host_vbus(&host, true);
        run_ms(240);
        CHECK_EQUAL(configured, 2);
        CHECK_EQUAL(gone, 1);
    }
}

TEST(host_strings_become_utf8)
{
    char text[USB_HOST_STRING_MAX];
    static const uint8_t mixed[] = {12, 3, 'a', 0, 0xE4, 0, 0xAC, 0x20, 0x3D, 0xD8, 0x00, 0xDE};
    CHECK(usb_host_string(mixed, sizeof mixed, text));
    CHECK_STRING(text, "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
    static const uint8_t lone[] = {6, 3, 0x3D, 0xD8, 'x', 0};
    CHECK(usb_host_string(lone, sizeof lone, text));
    CHECK_STRING(text, "\xEF\xBF\xBDx");
    CHECK(!usb_host_string(mixed, 5, text)); /* bLength beyond what came */
    CHECK(!usb_host_string((const uint8_t[]){1, 3}, 2, text));
    uint8_t full[254] = {254, 3};
    for (unsigned i = 2; i < 254; i += 2)
        store_le16(full + i, 0x20AC);
    CHECK(usb_host_string(full, sizeof full, text));
    CHECK(strlen(text) < USB_HOST_STRING_MAX);
}

TEST_MAIN()
