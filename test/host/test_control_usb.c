/*
 * The control socket's USB transfers, against the fake device: what each command does on the bus, what is refused, and what ends
 * a transfer. Lines go through the parser, as a client's do.
 *
 *   begin() ─→ ask("usb-in 0x82 64") is "0" ─ run_ms ─→ ask("usb-result 0")
 */
/* SPDX-License-Identifier: MIT */
#include "host/control_usb.h"
#include "test/host/fake.h"
#include "test/test.h"

#define EP_ISO 3

static struct fake fake;
static struct bus bus;
static struct usb_host host;
static struct control_usb *usb;
static struct control_program program;
static char reply[CONTROL_REPLY_MAX];

static void on_change(void *context)
{
    (void)context;
}

static void on_suspended(void *context, bool suspended)
{
    (void)context, (void)suspended;
}

static void on_log(void *context, const char *line)
{
    (void)context, (void)line;
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

/* One line, as control.c does it. */
static const char *ask(const char *line)
{
    static char copy[CONTROL_LINE_MAX];
    char *rest, *name;
    snprintf(copy, sizeof copy, "%s", line);
    name = control_name(copy, &rest);
    struct control_call call = {.reply = reply};
    strcpy(reply, "ok");
    for (unsigned i = 0; i < program.command_count; i++) {
        if (strcmp(name, program.commands[i].name) == 0) {
            if (control_parse(&program.commands[i], rest, &call)) {
                const char *error = program.commands[i].run(program.context, &call);
                if (error != NULL)
                    snprintf(reply, sizeof reply, "error: %s", error);
            }
            return reply;
        }
    }
    TEST_FAIL("no command %s", name);
}

static uint64_t events(void)
{
    CHECK_STRING(program.events[0].name, "usb");
    return program.events[0].count(program.context);
}

static void begin_unplugged(void)
{
    static const uint8_t iso[] = {7, 5, 0x80 | EP_ISO, 1, 64, 0, 1};
    control_usb_free(usb);
    fake_free(&fake);
    fake_init(&fake);
    uint8_t *alternate = fake.config + fake.config_length - 14 - 9;
    alternate[4] = 3;
    memcpy(fake.config + fake.config_length, iso, sizeof iso);
    fake.config_length += sizeof iso;
    fake.config[2] = (uint8_t)fake.config_length;
    fake.notify = false;
    struct cable cable = fake_cable(&fake);
    bus_init(&bus, &cable);
    usb_host_init(&host, &bus);
    host.configured = host.gone = on_change;
    host.suspended = on_suspended;
    host.log = on_log;
    usb = control_usb_new(&host);
    program = control_usb_program(usb);
}

/* Configured, and the data interface's endpoints are there. */
static void begin(void)
{
    begin_unplugged();
    usb_host_vbus(&host, true);
    run_ms(240);
    CHECK_EQUAL(host.state, USB_HOST_CONFIGURED);
    CHECK_STRING(ask("usb-control 010b010001000000"), "0");
    run_ms(1);
    CHECK_STRING(ask("usb-result 0"), "{\"status\": \"ok\", \"actual\": 0}");
    CHECK_EQUAL(fake.alternate, 1);
}

TEST(control_usb_descriptors)
{
    char wanted[1000] = "{\"address\": 1, \"device\": \"";
    begin();
    for (unsigned i = 0; i < 18; i++)
        sprintf(wanted + strlen(wanted), "%02x", fake.device_descriptor[i]);
    strcat(wanted, "\", \"configuration\": \"");
    for (unsigned i = 0; i < fake.config_length; i++)
        sprintf(wanted + strlen(wanted), "%02x", fake.config[i]);
    strcat(wanted, "\"}");
    CHECK_STRING(ask("usb-descriptors"), wanted);
    usb_host_suspend(&host);
    run_ms(5);
    CHECK_STRING(ask("usb-descriptors"), wanted);
}

TEST(control_usb_control)
{
    begin();
    uint64_t before = events();
    CHECK_STRING(ask("usb-control 8006000100000800"), "1");
    CHECK_STRING(ask("usb-result 1"), "{\"status\": \"pending\"}");
    CHECK_EQUAL(events(), before);
    run_ms(1);
    CHECK_EQUAL(events(), before + 1);
    CHECK_STRING(ask("usb-result 1"), "{\"status\": \"ok\", \"actual\": 8, \"hex\": \"12010102ef020140\"}");
    CHECK_STRING(ask("usb-result 1"), "error: no such transfer");
    CHECK_STRING(ask("usb-control 218534120000 0400"), "error: SETUP has 8 bytes");
    CHECK_STRING(ask("usb-control 2185341200000400 00080000"), "2");
    fake.stall_request = USB_GET_STATUS;
    CHECK_STRING(ask("usb-control 8000000000000200"), "3");
    run_ms(2);
    CHECK(fake_logged(&fake, "setup 21 85 1234 0000 4") >= 0);
    CHECK_STRING(ask("usb-result 3"), "{\"status\": \"stall\", \"actual\": 0, \"hex\": \"\"}");
    CHECK_STRING(ask("usb-result 2"), "{\"status\": \"ok\", \"actual\": 4}");
}

TEST(control_usb_bulk_in)
{
    uint8_t bytes[200];
    begin();
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    fake_in(&fake, FAKE_EP_DATA, bytes, 3);
    fake_in(&fake, FAKE_EP_DATA, bytes, 128);
    CHECK_STRING(ask("usb-in 0x82 2048"), "1");
    CHECK_STRING(ask("usb-in 130 128"), "2");
    run_ms(1);
    CHECK_STRING(ask("usb-result 1"), "{\"status\": \"ok\", \"actual\": 3, \"hex\": \"000102\"}");
    ask("usb-result 2");
    CHECK(strstr(reply, "\"actual\": 128, \"hex\": \"000102030405") != NULL);
    fake_in(&fake, FAKE_EP_DATA, bytes, 10);
    CHECK_STRING(ask("usb-in 0x82 4"), "3");
    run_ms(1);
    CHECK_STRING(ask("usb-result 3"), "{\"status\": \"overflow\", \"actual\": 4, \"hex\": \"00010203\"}");
}

TEST(control_usb_bulk_out)
{
    begin();
    CHECK_STRING(ask("usb-out 2"), "1"); /* an empty packet */
    CHECK_STRING(ask("usb-out 0x02 616263"), "2");
    run_ms(1);
    CHECK_STRING(ask("usb-result 1"), "{\"status\": \"ok\", \"actual\": 0}");
    CHECK_STRING(ask("usb-result 2"), "{\"status\": \"ok\", \"actual\": 3}");
    CHECK_EQUAL(fake.ep[FAKE_EP_DATA].out_count, 2);
    CHECK_EQUAL(fake.ep[FAKE_EP_DATA].out_transfers[0], 0);
    CHECK_BYTES(fake.ep[FAKE_EP_DATA].out, "abc", 3);
    char line[200] = "usb-out 2 ";
    for (unsigned i = 0; i < 64; i++)
        strcat(line, "55");
    CHECK_STRING(ask(line), "3");
    run_ms(1);
    CHECK_EQUAL(fake.ep[FAKE_EP_DATA].out_count, 2); /* its end isn't seen yet */
    CHECK_STRING(ask(strcat(line, " zlp")), "4");
    run_ms(1);
    CHECK_EQUAL(fake.ep[FAKE_EP_DATA].out_count, 3);
    CHECK_EQUAL(fake.ep[FAKE_EP_DATA].out_transfers[2], 128);
    CHECK(strncmp(ask(strcat(line, "s")), "error: behind", 13) == 0);
}

/* The endpoint's bInterval is 32: asked at once, and again 32 frames later. */
TEST(control_usb_interrupt)
{
    begin();
    fake_in(&fake, FAKE_EP_NOTIFY, "12345678", 8);
    CHECK_STRING(ask("usb-in 0x81 16"), "1");
    CHECK_STRING(ask("usb-in 0x81 16"), "2");
    run_ms(1);
    CHECK_STRING(ask("usb-result 1"), "{\"status\": \"ok\", \"actual\": 8, \"hex\": \"3132333435363738\"}");
    fake_in(&fake, FAKE_EP_NOTIFY, "9", 1);
    run_ms(31);
    CHECK_STRING(ask("usb-result 2"), "{\"status\": \"pending\"}");
    run_ms(1);
    CHECK_STRING(ask("usb-result 2"), "{\"status\": \"ok\", \"actual\": 1, \"hex\": \"39\"}");
}

/* The device's toggles are 0 then; ours must be, or the next packet counts as a repetition. */
TEST(control_usb_toggles_follow)
{
    static const char *const requests[] = {"usb-control 0201000082000000", "usb-control 010b010001000000"};
    begin();
    for (unsigned i = 0; i < 2; i++) {
        char line[64];
        fake_in(&fake, FAKE_EP_DATA, "a", 1);
        snprintf(line, sizeof line, "usb-in 0x82 64");
        unsigned number = (unsigned)atoi(ask(line));
        run_ms(1);
        fake.ep[FAKE_EP_DATA].in_answer = CABLE_STALL;
        CHECK_EQUAL(atoi(ask(line)), number + 1);
        run_ms(1);
        CHECK_EQUAL(atoi(ask(line)), number + 2);
        run_ms(1);
        fake.ep[FAKE_EP_DATA].in_answer = CABLE_ACK;
        CHECK_EQUAL(atoi(ask(requests[i])), number + 3);
        run_ms(1);
        fake_in(&fake, FAKE_EP_DATA, "b", 1);
        CHECK_EQUAL(atoi(ask(line)), number + 4);
        run_ms(1);
        static const char *const wanted[] = {
            "{\"status\": \"ok\", \"actual\": 1, \"hex\": \"61\"}",
            "{\"status\": \"stall\", \"actual\": 0, \"hex\": \"\"}",
            "{\"status\": \"halted\", \"actual\": 0, \"hex\": \"\"}",
            "{\"status\": \"ok\", \"actual\": 0}",
            "{\"status\": \"ok\", \"actual\": 1, \"hex\": \"62\"}",
        };
        for (unsigned n = 0; n < 5; n++) {
            snprintf(line, sizeof line, "usb-result %u", number + n);
            CHECK_STRING(ask(line), wanted[n]);
        }
    }
}

TEST(control_usb_places)
{
    begin();
    for (unsigned i = 0; i < CONTROL_USB_MAX; i++)
        CHECK_EQUAL(atoi(ask("usb-in 0x82 64")), i + 1);
    static const char *const more[] = {"usb-in 0x82 64", "usb-out 2 00", "usb-control 8000000000000200"};
    for (unsigned i = 0; i < 3; i++)
        CHECK_STRING(ask(more[i]), "error: 8 transfers are under way or wait for usb-result");
    uint64_t before = events();
    CHECK_STRING(ask("usb-cancel 3"), "ok");
    CHECK_STRING(ask("usb-cancel 3"), "ok"); /* it has ended: nothing to do */
    CHECK_EQUAL(events(), before + 1);
    CHECK_STRING(ask("usb-in 0x82 64"), "error: 8 transfers are under way or wait for usb-result");
    CHECK_STRING(ask("usb-result 3"), "{\"status\": \"cancelled\", \"actual\": 0, \"hex\": \"\"}");
    CHECK_STRING(ask("usb-in 0x82 64"), "9");
    fake_in(&fake, FAKE_EP_DATA, "x", 1);
    run_ms(1);
    CHECK_STRING(ask("usb-result 1"), "{\"status\": \"ok\", \"actual\": 1, \"hex\": \"78\"}");
    CHECK_STRING(ask("usb-result 9"), "{\"status\": \"pending\"}");
}

/* A message of one whole packet, whose end hasn't come: what has is not lost. */
TEST(control_usb_cancel_keeps_what_came)
{
    uint8_t bytes[64] = {0x55, 0xAA};
    begin();
    fake_in(&fake, FAKE_EP_DATA, bytes, sizeof bytes);
    CHECK_STRING(ask("usb-in 0x82 128"), "1");
    run_ms(1);
    CHECK_STRING(ask("usb-result 1"), "{\"status\": \"pending\"}");
    CHECK_STRING(ask("usb-cancel 1"), "ok");
    ask("usb-result 1");
    CHECK(strstr(reply, "{\"status\": \"cancelled\", \"actual\": 64, \"hex\": \"55aa0000") == reply);
}

TEST(control_usb_device_goes)
{
    begin();
    CHECK_STRING(ask("usb-in 0x82 64"), "1");
    CHECK_STRING(ask("usb-in 0x81 16"), "2");
    usb_host_suspend(&host);
    run_ms(10);
    CHECK_STRING(ask("usb-result 1"), "{\"status\": \"pending\"}");
    CHECK_STRING(ask("usb-in 0x82 64"), "error: suspended");
    usb_host_resume(&host);
    CHECK_STRING(ask("usb-out 2 00"), "error: suspended");
    run_ms(40);
    fake_in(&fake, FAKE_EP_DATA, "x", 1);
    run_ms(1);
    CHECK_STRING(ask("usb-result 1"), "{\"status\": \"ok\", \"actual\": 1, \"hex\": \"78\"}");
    CHECK_STRING(ask("usb-in 0x82 64"), "3");
    uint64_t before = events();
    usb_host_vbus(&host, false);
    CHECK_EQUAL(events(), before + 2);
    static const char *const lines[] = {"usb-in 0x82 64", "usb-out 2 00", "usb-control 8000000000000200",
                                        "usb-descriptors"};
    for (unsigned i = 0; i < 4; i++)
        CHECK_STRING(ask(lines[i]), "error: not configured");
    usb_host_vbus(&host, true);
    run_ms(240);
    CHECK_STRING(ask("usb-result 2"), "{\"status\": \"cancelled\", \"actual\": 0, \"hex\": \"\"}");
    CHECK_STRING(ask("usb-result 3"), "{\"status\": \"cancelled\", \"actual\": 0, \"hex\": \"\"}");
    CHECK_STRING(ask("usb-control 8000000000000200"), "4");
    usb_host_reset(&host);
    CHECK_STRING(ask("usb-result 4"), "{\"status\": \"cancelled\", \"actual\": 0, \"hex\": \"\"}");
    CHECK_STRING(ask("usb-descriptors"), "error: not configured");
}

/* One is under way when the program ends: the bus must know nothing of it afterwards (AddressSanitizer looks). */
TEST(control_usb_free_cancels)
{
    begin();
    CHECK_STRING(ask("usb-in 0x82 64"), "1");
    control_usb_free(usb);
    usb = NULL;
    run_ms(2);
    control_usb_free(NULL);
}

TEST(control_usb_hostile_lines)
{
    static const char *const lines[] = {
        "usb-control",
        "usb-control 00",
        "usb-control 800000000000020",
        "usb-control 80000000000002000",
        "usb-control 80000000000002xx",
        "usb-control 0005010000000000", /* SET_ADDRESS, SET_CONFIGURATION: with either direction */
        "usb-control 8005010000000000",
        "usb-control 0009010000000000",
        "usb-control 8009010000000000",
        "usb-control 8006000100001200 00", /* data with an IN request */
        "usb-control 2185341200000400",    /* wLength is 4 */
        "usb-control 2185341200000400 000000",
        "usb-control 2185341200000400 0000000000",
        "usb-control 2185341200000000 00",
        "usb-control 8006000100000108", /* 2,049 */
        "usb-control 800600010000ffff",
        "usb-in",
        "usb-in 0x82",
        "usb-in 0x82 0",
        "usb-in 0x82 2049",
        "usb-in 0x82 -1",
        "usb-in 0x182 64",
        "usb-in 4294967170 64",
        "usb-in 0x80 64", /* endpoint 0 */
        "usb-in 0 64",
        "usb-in 2 64", /* an OUT endpoint */
        "usb-in 0x84 64",
        "usb-in 0x83 64", /* isochronous */
        "usb-in x 64",
        "usb-out",
        "usb-out 0 00",
        "usb-out 0x82 00",
        "usb-out 1 00",
        "usb-out 2 0",
        "usb-out 2 0g",
        "usb-out 2 zlp",
        "usb-out 2 00 ZLP",
        "usb-out 2 00 zlp zlp",
        "usb-result",
        "usb-result 0",
        "usb-result 4294967295",
        "usb-result 4294967296",
        "usb-result x",
        "usb-cancel",
        "usb-cancel 1",
        "usb-cancel -1",
        "usb-descriptors 0",
    };
    begin();
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (strncmp(ask(lines[i]), "error: ", 7) != 0)
            TEST_FAIL("\"%s\" is answered %.100s", lines[i], reply);
    for (unsigned i = 0; i < CONTROL_USB_MAX; i++) /* none of them has taken a place */
        CHECK_EQUAL(atoi(ask("usb-in 0x82 64")), i + 1);
}

TEST(control_usb_not_yet)
{
    begin_unplugged();
    CHECK_STRING(ask("usb-control 8006000100001200"), "error: not configured");
    CHECK_STRING(ask("usb-in 0x82 64"), "error: not configured");
    usb_host_vbus(&host, true);
    for (unsigned ms = 0; ms < 300 && host.state != USB_HOST_CONFIGURED; ms++) {
        CHECK_STRING(ask("usb-out 2"), "error: not configured");
        run_ms(1);
    }
    CHECK_EQUAL(host.state, USB_HOST_CONFIGURED);
}

TEST_MAIN()
