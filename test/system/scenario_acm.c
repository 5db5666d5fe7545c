/*
 * The console (examples/console) at its serial port, beside the network: commands, long answers and raw bytes with checksums,
 * and halts, resets, sleep and a host that doesn't read in the middle of them.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/usb_host.h"
#include "wire/usb_ch9.h"

#define NOTIFY  0x83
#define IN      0x84
#define OUT     0x02
#define PROMPT  "console> \x1B[K"
#define WAIT_MS 3000
#define BYTES   100000u

static char said[2 * BYTES];
static size_t said_length;
static uint16_t interface; /* of the port: behind NCM's two, and DFU's where the board has it */

/* ---- The port ---- */

static void request(struct rig *rig, uint8_t type, uint8_t number, uint16_t value, uint16_t index)
{
    struct usb_setup setup = {type, number, value, index, 0};
    enum urb_status got = pc_control(rig->pc, &setup, NULL, NULL);
    if (got != URB_OK) {
        rig_fail(rig, "request %02x %02x: %s", type, number, urb_status_name(got));
    }
}

static void dtr_set(struct rig *rig, bool on)
{
    request(rig, 0x21, CDC_SET_CONTROL_LINE_STATE, on ? 3 : 0, interface);
}

static void halt_set(struct rig *rig, uint8_t endpoint, bool on)
{
    request(rig, 0x02, on ? USB_SET_FEATURE : USB_CLEAR_FEATURE, USB_FEATURE_ENDPOINT_HALT, endpoint);
    if (!on) {
        bus_halt_clear(pc_bus(rig->pc), endpoint);
    }
}

/* One transfer of what the board says is added to `said`; false: it says nothing. */
static bool hear(struct rig *rig, uint32_t limit_ms)
{
    uint32_t actual = 0;
    RIG_CHECK(rig, said_length + 512 < sizeof said);
    enum urb_status status =
        pc_transfer(rig->pc, IN, (uint8_t *)said + said_length, 512, false, limit_ms, &actual);
    said_length += actual;
    said[said_length] = 0;
    RIG_CHECK(rig, status == URB_OK || status == URB_TIMEOUT);
    return status == URB_OK || actual != 0;
}

static void hear_until(struct rig *rig, const char *end)
{
    while (strstr(said, end) == NULL) {
        if (!hear(rig, WAIT_MS)) {
            rig_fail(rig, "\"%s\" doesn't come, but \"%s\"", end,
                     said + (said_length > 100 ? said_length - 100 : 0));
        }
    }
}

static void say(struct rig *rig, const void *bytes, size_t length)
{
    uint8_t copy[4096];
    for (size_t at = 0, part; at < length; at += part) {
        part = length - at < sizeof copy ? length - at : sizeof copy;
        memcpy(copy, (const uint8_t *)bytes + at, part);
        enum urb_status status = pc_transfer(rig->pc, OUT, copy, (uint32_t)part, false, 20 * WAIT_MS, NULL);
        if (status != URB_OK) {
            rig_fail(rig, "%zu bytes are not taken: %s", part, urb_status_name(status));
        }
    }
}

static void forget(void)
{
    said_length = 0;
    said[0] = 0;
}

/* A program opens the port, which nobody has open. */
static void port_open(struct rig *rig)
{
    forget();
    dtr_set(rig, true);
    hear_until(rig, "plugnet console, try help\r\n\r" PROMPT);
}

/* A command's answer is in `said`, with its echo and the next prompt. */
static void ask(struct rig *rig, const char *command)
{
    forget();
    say(rig, command, strlen(command));
    say(rig, "\r", 1);
    hear_until(rig, "\r\n");
    hear_until(rig, PROMPT);
}

static void well(struct rig *rig)
{
    dtr_set(rig, false);
    port_open(rig);
    ask(rig, "uptime");
    RIG_CHECK(rig, strncmp(said, "uptime\r\n", 8) == 0 && strstr(said, " ms\r\n\r" PROMPT) != NULL);
    rig_ping_within_1s(rig);
}

/* All is well at the end, too. */
static void end(struct rig *rig)
{
    well(rig);
    rig_finish(rig);
}

static void begin(struct rig *rig)
{
    struct rig_config config = rig->config;
    rig_start(rig, &config);
    rig_lease(rig);
    const struct usb_desc *desc = &pc_usb(rig->pc)->desc;
    for (unsigned i = 0; i < desc->setting_count; i++) {
        if (desc->settings[i].bInterfaceClass == 2 && desc->settings[i].bInterfaceSubClass == 2) {
            interface = desc->settings[i].bInterfaceNumber;
        }
    }
    port_open(rig);
}

/* ---- CRC-32, bit by bit: written anew, not the device's ---- */

static uint32_t crc(const uint8_t *bytes, size_t length)
{
    uint32_t value = 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++) {
        value ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        }
    }
    return ~value;
}

static void crc_check(struct rig *rig, const uint8_t *bytes, size_t length)
{
    char wanted[24];
    snprintf(wanted, sizeof wanted, "crc32 %08x\r\n", crc(bytes, length));
    if (strstr(said, wanted) == NULL) {
        rig_fail(rig, "not %s", wanted);
    }
}

/* What `source` has sent, from the line behind its echo on. */
static void source_check(struct rig *rig, size_t count)
{
    const char *begin_of = strstr(said, "\r\n") + 2, *end = strstr(begin_of, "\r\n");
    RIG_CHECK(rig, end != NULL && (size_t)(end - begin_of) == count);
    crc_check(rig, (const uint8_t *)begin_of, count);
}

/* ---- Scenarios ---- */

static void acm_commands(struct rig *rig)
{
    uint8_t state[16], wanted[10] = {0xA1, CDC_NOTIFICATION_SERIAL_STATE, 0, 0, 0, 0, 2, 0, 3 /* DCD, DSR */};
    uint32_t actual = 0;
    begin(rig);
    wanted[4] = (uint8_t)interface;
    RIG_CHECK(rig, pc_transfer(rig->pc, NOTIFY, state, sizeof state, false, WAIT_MS, &actual) == URB_OK);
    RIG_CHECK(rig, actual == sizeof wanted && memcmp(state, wanted, sizeof wanted) == 0);
    ask(rig, "led");
    RIG_CHECK(rig, strstr(said, "green off\r\n") != NULL);
    ask(rig, "led gr\ton");
    RIG_CHECK(rig, strstr(said, "led green \x1B[Kon\r\n") != NULL);
    ask(rig, "led");
    RIG_CHECK(rig, strstr(said, "green on\r\n") != NULL && pc_leds(rig->pc) != 0);
    ask(rig, "\x1B[A\x1B[A\x17off");
    ask(rig, "led");
    RIG_CHECK(rig, strstr(said, "green off\r\n") != NULL);
    ask(rig, "help");
    RIG_CHECK(rig, strstr(said, "\nuptime: since the start\r\n") != NULL);
    ask(rig, "log something for all");
    hear_until(rig, "\x1B[Ksomething for all\r\n");
    dtr_set(rig, false);
    say(rig, "led green on\r", 13); /* what is written before the port closes is done */
    rig_run_ms(rig, 20);
    port_open(rig);
    ask(rig, "led");
    RIG_CHECK(rig, strstr(said, "green on\r\n") != NULL);
    end(rig);
}

static void acm_beside(struct rig *rig)
{
    static uint8_t bytes[BYTES];
    char command[32];
    begin(rig);
    snprintf(command, sizeof command, "source %u\r", BYTES);
    uint64_t start_ms = rig_ms(rig), source_ms;
    forget();
    say(rig, command, strlen(command));
    for (unsigned transfers = 0; strstr(said, "crc32") == NULL; transfers++) {
        RIG_CHECK(rig, hear(rig, WAIT_MS));
        RIG_CHECK(rig, transfers % 32 != 0 || rig_ping(rig, 1000, 1000) >= 0);
    }
    hear_until(rig, PROMPT);
    source_ms = rig_ms(rig) - start_ms;
    source_check(rig, BYTES);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)rig_random(rig, 256);
    }
    forget();
    snprintf(command, sizeof command, "sink %u\r", BYTES);
    say(rig, command, strlen(command));
    hear_until(rig, "send them\r\n");
    start_ms = rig_ms(rig);
    for (size_t at = 0; at < sizeof bytes; at += 4000) {
        say(rig, bytes + at, 4000);
        RIG_CHECK(rig, rig_ping(rig, 1000, 1000) >= 0);
    }
    hear_until(rig, PROMPT);
    crc_check(rig, bytes, sizeof bytes);
    rig_say(rig, "%u kB in %u ms, back in %u ms, with pings between", BYTES / 1000, (unsigned)source_ms,
            (unsigned)(rig_ms(rig) - start_ms));
    end(rig);
}

/* The port is open, and nobody reads: the network doesn't notice, and the next one reads nothing of it. */
static void acm_unread(struct rig *rig)
{
    begin(rig);
    for (unsigned i = 0; i < 10; i++) {
        say(rig, "source 999999\r", 14);
        rig_run_ms(rig, 300);
        rig_ping_within_1s(rig);
        dtr_set(rig, false);
        rig_run_ms(rig, i * 7);
        port_open(rig);
        RIG_CHECK(rig, strncmp(said, "plugnet console", 15) == 0);
    }
    end(rig);
}

/* A command that nobody listens to goes on, and leaves the time to the others. */
static void acm_abandoned(struct rig *rig)
{
    unsigned dropped, later;
    begin(rig);
    dtr_set(rig, false);
    rig_run_ms(rig, 10);
    say(rig, "source 99999999\r", 16);
    rig_run_ms(rig, 1000);
    port_open(rig);
    ask(rig, "status");
    RIG_CHECK(rig, sscanf(strstr(said, " dropped "), " dropped %u", &dropped) == 1);
    rig_run_ms(rig, 100);
    ask(rig, "status"); /* whoever opens the port has it ended */
    RIG_CHECK(rig, sscanf(strstr(said, " dropped "), " dropped %u", &later) == 1);
    rig_say(rig, "%u bytes dropped in a second", dropped);
    RIG_CHECK(rig, dropped > 10000 && dropped < 200000 && later == dropped);
    end(rig);
}

static void acm_halts(struct rig *rig)
{
    uint8_t byte = '\r';
    begin(rig);
    for (unsigned i = 0; i < 30; i++) {
        forget();
        say(rig, "source 5000\r", 12);
        for (unsigned n = 0; n < i % 5; n++) {
            hear(rig, WAIT_MS);
        }
        halt_set(rig, IN, true);
        RIG_CHECK(rig, pc_transfer(rig->pc, IN, (uint8_t *)said, 64, false, WAIT_MS, NULL) == URB_STALL);
        halt_set(rig, IN, false);
        forget();
        hear_until(rig, "crc32");
        hear_until(rig, PROMPT);
        forget();
        say(rig, "sink 1000\r", 10);
        hear_until(rig, "send them\r\n");
        say(rig, said, i * 10);
        halt_set(rig, OUT, true);
        RIG_CHECK(rig, pc_transfer(rig->pc, OUT, &byte, 1, false, WAIT_MS, NULL) == URB_STALL);
        halt_set(rig, OUT, false);
        say(rig, said_length > 500 ? said : "0123456789", 10);
        request(rig, 0x21, CDC_SEND_BREAK, 100, interface);
        hear_until(rig, PROMPT);
        rig_ping_within_1s(rig);
    }
    rig_say(rig, "60 halts in the middle of transfers");
    end(rig);
}

static void acm_resets(struct rig *rig)
{
    begin(rig);
    for (unsigned i = 0; i < 20; i++) {
        const char *command = i % 2 ? "source 999999\r" : "sink 999999\r";
        say(rig, command, strlen(command));
        forget();
        hear(rig, WAIT_MS);
        hear(rig, 5);
        pc_bus_reset_after(rig->pc, 1 + i * 3);
        for (unsigned ms = 0; ms < 1000 && pc_is_configured(rig->pc); ms++) {
            rig_run_ms(rig, 1);
        }
        RIG_CHECK(rig, !pc_is_configured(rig->pc));
        if (!rig_run_until(rig, pc_is_leased, rig->pc, 10000)) {
            rig_fail(rig, "no lease after reset %u", i);
        }
        port_open(rig);
        RIG_CHECK(rig, strncmp(said, "plugnet console", 15) == 0);
    }
    rig_say(rig, "20 bus resets in the middle of transfers");
    end(rig);
}

/* Ctrl-C ends a command, though keys that nobody takes came before it; a list of candidates, too. */
static void acm_interrupts(struct rig *rig)
{
    begin(rig);
    for (unsigned keys = 0; keys < 60; keys += 7) {
        forget();
        say(rig, "source 99999999\r", 16);
        RIG_CHECK(rig, hear(rig, WAIT_MS));
        for (unsigned i = 0; i < keys; i++) {
            say(rig, "x", 1);
        }
        say(rig, "\x03", 1);
        hear_until(rig, "^C\r\n");
        hear_until(rig, PROMPT);
        rig_ping_within_1s(rig);
    }
    ask(rig, "uptime");
    RIG_CHECK(rig, strncmp(said, "uptime\r\n", 8) == 0);
    end(rig);
}

/* Asleep in the middle: nothing is lost. */
static void acm_suspends(struct rig *rig)
{
    begin(rig);
    forget();
    say(rig, "source 40000\r", 13);
    for (unsigned i = 0; i < 10; i++) {
        hear(rig, WAIT_MS);
        pc_suspend(rig->pc);
        rig_run_ms(rig, 5 + i * 20);
        pc_resume(rig->pc);
        rig_run_ms(rig, 60);
    }
    hear_until(rig, PROMPT);
    source_check(rig, 40000);
    end(rig);
}

const struct scenario scenarios_acm[] = {
    {"acm_commands", SCENARIO_ACM, acm_commands, 60, true},
    {"acm_beside", SCENARIO_ACM, acm_beside, 60, true},
    {"acm_unread", SCENARIO_ACM, acm_unread, 60, true},
    {"acm_abandoned", SCENARIO_ACM, acm_abandoned, 60, true},
    {"acm_halts", SCENARIO_ACM, acm_halts, 60, true},
    {"acm_interrupts", SCENARIO_ACM, acm_interrupts, 60, true},
    {"acm_resets", SCENARIO_ACM, acm_resets, 60, true},
    {"acm_suspends", SCENARIO_ACM, acm_suspends, 60, true},
    {NULL, 0, NULL, 0, false},
};
