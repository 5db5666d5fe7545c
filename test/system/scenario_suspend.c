/*
 * Scenarios of a PC that sleeps: under load, while it is pulled out or reset, and woken by the board.
 *
 *   kept: a hub stops the bus, and the PC's transfers go on where they stood, so nothing at all may be lost
 *   else: the PC's driver cancels its transfers first, as Linux's does; what was on the way may be lost, not more
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <string.h>

#include "host/ncm_host.h"
#include "host/usb_host.h"
#include "vboard/board.h"
#include "wire/le.h"
#include "wire/usb_ch9.h"

#define CYCLES       100
#define FIRST_MS_MAX 50 /* from resume to the first answer */
#define AWAKE_MS_MAX                                                                                         \
    22 /* from a press to resume signalling: the loop turns once in 16 ms, and a bus must be idle for 5 */
#define ECHO_ID   0x5350
#define QUEUE_MAX 12

/* What moves only where something is wrong; with transfers cancelled in the middle, the first ones hold alone. */
static const char *const bugs[] = {
    "usb.stalls",
    "usb.resets",
    "usb.in_unread",
    "usb.drops.in_abort",
    "usb.drops.in_down",
    "usb.out_sequence_jumps",
    "usb.drops.out_header",
    "usb.drops.out_length",
    "usb.drops.out_table",
    "usb.drops.out_chain",
    "usb.drops.out_bounds",
    "usb.drops.out_overlap",
    "usb.drops.out_oversize",
    "usb.drops.out_count",
    "usb.drops.out_crc",
};
#define BUGS        (sizeof bugs / sizeof bugs[0])
#define BUGS_ALWAYS 5

static void bugs_read(struct rig *rig, uint64_t numbers[BUGS])
{
    static struct json status;
    rig_status(rig, &status);
    for (size_t i = 0; i < BUGS; i++) {
        numbers[i] = rig_number_of(rig, &status, bugs[i]);
    }
}

static void bugs_same(struct rig *rig, const uint64_t before[BUGS], size_t count)
{
    uint64_t now[BUGS];
    bugs_read(rig, now);
    for (size_t i = 0; i < count; i++) {
        if (now[i] != before[i]) {
            rig_fail(rig, "%s went from %llu to %llu", bugs[i], (unsigned long long)before[i],
                     (unsigned long long)now[i]);
        }
    }
}

static struct usb_host *host_of(struct rig *rig)
{
    return pc_ncm(rig->pc)->usb;
}

static void told(void *context, bool suspended)
{
    (void)context;
    (void)suspended;
}

static bool host_awake(void *context)
{
    return host_of(context)->state == USB_HOST_CONFIGURED;
}

static void resumed(struct rig *rig)
{
    pc_resume(rig->pc);
    RIG_CHECK(rig, rig_run_until(rig, host_awake, rig, 40));
}

/* The rig's cycles; the sleeps are of 1 to 40 ms, so the board is asleep in most of them. */
static void cycles(struct rig *rig, unsigned count, bool kept)
{
    struct usb_host *host = host_of(rig);
    void (*driver)(void *context, bool suspended) = host->suspended;
    host->suspended = kept ? told : driver;
    for (unsigned i = 0; i < count; i++) {
        rig_run_ms(rig, 7 + i % 11);
        pc_suspend(rig->pc);
        rig_run_ms(rig, 1 + i * 7 % 40);
        resumed(rig);
    }
    host->suspended = driver;
}

/* ---- TCP towards the PC: a page, over and over, on one connection ---- */

static struct client stream;
static struct {
    uint8_t body[CLIENT_IN_MAX];
    size_t length;
    uint64_t replies;
} page;

static void page_ask(struct rig *rig)
{
    char request[96];
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", rig_board_text(rig));
    client_text(&stream, request);
}

static void page_step(struct rig *rig)
{
    struct reply reply;
    if (stream.ended || stream.failed) {
        rig_fail(rig, "the connection has ended after %llu answers", (unsigned long long)page.replies);
    }
    if (client_take_reply(&stream, &reply, false)) {
        RIG_CHECK(rig, reply.status == 200 && reply.length == page.length);
        RIG_CHECK(rig, memcmp(reply.body, page.body, page.length) == 0);
        page.replies++;
        page_ask(rig);
    }
}

static void page_load(struct rig *rig, bool kept)
{
    struct reply reply;
    http_get(rig, "/", &reply);
    memcpy(page.body, reply.body, reply.length);
    page.length = reply.length;
    page.replies = 0;
    RIG_CHECK(rig, client_open(&stream, rig, 80) && client_wait_connected(&stream, 1000));
    page_ask(rig);
    rig->each_step = page_step;
    cycles(rig, CYCLES, kept);
    rig->each_step = NULL;
    uint64_t replies = page.replies;
    RIG_CHECK(rig, client_wait_reply(&stream, &reply, false, 3000));
    RIG_CHECK(rig, reply.length == page.length && memcmp(reply.body, page.body, page.length) == 0);
    client_abort(&stream);
    client_free(&stream);
    RIG_CHECK(rig, replies > 10);
    rig_say(rig, "%s%llu pages", kept ? "" : ", ", (unsigned long long)replies);
}

/* ---- TCP towards the board ---- */

static void upload_step(struct rig *rig)
{
    static const uint8_t zeros[20000];
    if (stream.ended || stream.failed) {
        rig_fail(rig, "the connection has ended after %llu bytes", (unsigned long long)stream.sent);
    }
    if (stream.out_length - stream.out_done < sizeof zeros) {
        client_send(&stream, zeros, sizeof zeros);
    }
}

static void upload_load(struct rig *rig, bool kept)
{
    RIG_CHECK(rig, client_open(&stream, rig, 5001) && client_wait_connected(&stream, 1000));
    rig->each_step = upload_step;
    cycles(rig, CYCLES, kept);
    rig->each_step = NULL;
    uint64_t before = stream.sent;
    rig_run_ms(rig, 3000);
    RIG_CHECK(rig, !stream.failed && stream.sent > before); /* it goes on */
    client_abort(&stream);
    client_free(&stream);
    RIG_CHECK(rig, before > (kept ? 1000000 : 20000)); /* what was cancelled waits for lwIP's timeout */
    rig_say(rig, "%s%llu bytes", kept ? "" : ", ", (unsigned long long)before);
}

/* ---- Echoes, each of them counted ---- */

static struct {
    uint8_t answers[0x10000];
    uint16_t sent;
} echo;

static void echo_frame(void *context, const uint8_t *frame, size_t length)
{
    struct packet packet;
    (void)context;
    if (packet_read(&packet, frame, length) && packet.protocol == PACKET_ICMP && packet.icmp_type == 0 &&
        packet.icmp_id == ECHO_ID && packet.checksums_good) {
        echo.answers[packet.icmp_sequence]++;
    }
}

/* As long as the PC's queue is short: what finds no room there isn't lost on the way. */
static void echo_step(struct rig *rig)
{
    uint8_t frame[PACKET_MAX];
    if (host_awake(rig) && pc_ncm(rig->pc)->queue_length < QUEUE_MAX) {
        size_t size = rig_ms(rig) % 4 == 0 ? 1472 : 18;
        rig_frame_send(rig, frame, packet_echo(frame, &rig->me, &rig->peer, ECHO_ID, echo.sent++, size));
    }
}

static void echo_load(struct rig *rig, bool kept)
{
    memset(&echo, 0, sizeof echo);
    rig->each_frame = echo_frame;
    rig->each_step = echo_step;
    cycles(rig, CYCLES, kept);
    rig->each_step = NULL;
    rig_run_ms(rig, 100);
    rig->each_frame = NULL;
    unsigned lost = 0, doubled = 0;
    for (unsigned i = 0; i < echo.sent; i++) {
        lost += echo.answers[i] == 0;
        doubled += echo.answers[i] > 1;
    }
    if (doubled != 0 || (kept && lost != 0) || echo.sent < 20 * CYCLES / 2 || lost > 12 * CYCLES) {
        rig_fail(rig, "of %u echoes %u unanswered, %u answered twice (kept %d)", echo.sent, lost, doubled,
                 kept);
    }
    rig_say(rig, "%s%u echoes, %u lost", kept ? "" : ", ", echo.sent, lost);
}

/* Each load with transfers that the PC keeps, and with transfers that it cancels. */
static void under(struct rig *rig, void (*load)(struct rig *rig, bool kept))
{
    uint64_t before[BUGS];
    bugs_read(rig, before);
    load(rig, true);
    bugs_same(rig, before, BUGS);
    load(rig, false);
    bugs_same(rig, before, BUGS_ALWAYS);
}

static void suspended_down(struct rig *rig)
{
    under(rig, page_load);
}

static void suspended_up(struct rig *rig)
{
    under(rig, upload_load);
}

static void suspended_echo(struct rig *rig)
{
    under(rig, echo_load);
}

/* ---- How fast, and how calm ---- */

static bool is_pong(void *context, const struct packet *packet)
{
    (void)context;
    return packet->protocol == PACKET_ICMP && packet->icmp_type == 0 && packet->icmp_id == ECHO_ID;
}

/* A ping that waits in the PC while the bus sleeps; milliseconds until its answer. */
static uint64_t pinged_ms(struct rig *rig, uint64_t since_ns)
{
    uint8_t frame[PACKET_MAX];
    rig_frame_send(rig, frame, packet_echo(frame, &rig->me, &rig->peer, ECHO_ID, 1, 56));
    RIG_CHECK(rig, rig_frame_wait(rig, is_pong, NULL, 1000));
    return (rig->watched_ns - since_ns + 999999) / 1000000;
}

static void suspended_fast(struct rig *rig)
{
    uint64_t longest = 0, stood = 0, slept = 0;
    for (unsigned i = 0; i < 60; i++) {
        struct vboard_stats before = {0}, now = {0};
        rig_run_ms(rig, 20);
        pc_suspend(rig->pc);
        rig_run_ms(rig, 10);
        if (rig->board != NULL) {
            before = vboard_stats(rig->board);
        }
        rig_run_ms(rig, 1 + i * 3);
        rig_cable_wait(&rig->cable, i * 16667); /* resumed at any time between two ticks */
        if (rig->board != NULL) {
            now = vboard_stats(rig->board);
        }
        stood += now.usb_stopped_ns - before.usb_stopped_ns;
        slept += now.time_ns - before.time_ns;
        uint64_t begin = pc_time_ns(rig->pc);
        pc_resume(rig->pc);
        uint64_t took = pinged_ms(rig, begin);
        longest = took > longest ? took : longest;
    }
    if (longest > FIRST_MS_MAX) {
        rig_fail(rig, "the first answer came %llu ms after the resume began", (unsigned long long)longest);
    }
    RIG_CHECK(rig, stood == slept); /* the PHY's clock, from 10 ms on */
    rig_say(rig, "first answer %llu ms after the resume began at most, 30 of them are the PC's",
            (unsigned long long)longest);
}

/* ---- Pulled out, reset ---- */

static void leased_again(struct rig *rig, const char *after, unsigned number)
{
    if (!rig_run_until(rig, pc_is_leased, rig->pc, 10000)) {
        rig_fail(rig, "no lease within 10 s after %s %u (configured %d, link %d)", after, number,
                 pc_is_configured(rig->pc), pc_is_link_up(rig->pc));
    }
    rig_ping_within_1s(rig);
}

static void asleep(struct rig *rig, unsigned ms)
{
    pc_suspend(rig->pc);
    rig_run_ms(rig, ms);
}

static void suspended_reset(struct rig *rig)
{
    for (unsigned i = 0; i < 30; i++) {
        asleep(rig, i < 20 ? 1 + i : 100);
        pc_bus_reset(rig->pc);
        rig_run_ms(rig, 5);
        leased_again(rig, "a bus reset in sleep", i);
    }
    rig_say(rig, "30 resets of a bus that slept for 1 to 100 ms");
}

static void suspended_unplug(struct rig *rig)
{
    for (unsigned i = 0; i < 30; i++) {
        asleep(rig, i < 20 ? 1 + i : 100);
        pc_plug(rig->pc, false);
        rig_run_ms(rig, i % 3 == 0 ? 1 + i : 200);
        pc_plug(rig->pc, true);
        rig_run_ms(rig, 105);
        leased_again(rig, "a cable pulled in sleep", i);
    }
    rig_say(rig, "30 cables pulled from 1 to 100 ms of sleep, plugged in again");
}

/* Pulled out at once, for the board that can't see it a sleep that ends with a bus reset. */
static void suspended_by_unplug(struct rig *rig)
{
    bool sensed = false;
    for (unsigned i = 0; i < 20; i++) {
        pc_plug(rig->pc, false);
        rig_run_ms(rig, 1 + i * 13);
        if (rig->board != NULL && i > 2) { /* nothing on the bus for 14 ms and more */
            sensed = !rig->cable.inner.ops->pulled_up(rig->cable.inner.device);
            struct vboard_stats before = vboard_stats(rig->board);
            rig_run_ms(rig, 10);
            struct vboard_stats now = vboard_stats(rig->board);
            uint64_t stood = now.usb_stopped_ns - before.usb_stopped_ns;
            RIG_CHECK(rig, stood == (sensed ? 0 : now.time_ns - before.time_ns));
        }
        pc_plug(rig->pc, true);
        rig_run_ms(rig, 105);
        leased_again(rig, "a cable pulled", i);
    }
    rig_say(rig, "20 cables pulled, for 1 to 250 ms: %s",
            sensed ? "the session ended" : "for the board a sleep");
}

/* ---- What is declared ---- */

static uint32_t described(struct rig *rig, uint8_t type, uint8_t *bytes, uint16_t size)
{
    struct usb_setup setup = {USB_DIR_IN, USB_GET_DESCRIPTOR, (uint16_t)(type << 8), 0, size};
    uint32_t length = 0;
    RIG_CHECK(rig, pc_control(rig->pc, &setup, bytes, &length) == URB_OK);
    return length;
}

static bool wakeup_allowed(struct rig *rig, bool on)
{
    struct usb_setup setup = {0, on ? USB_SET_FEATURE : USB_CLEAR_FEATURE, USB_FEATURE_DEVICE_REMOTE_WAKEUP,
                              0, 0};
    return pc_control(rig->pc, &setup, NULL, NULL) == URB_OK;
}

static uint16_t status_of_device(struct rig *rig)
{
    uint8_t bytes[2] = {0xFF, 0xFF};
    struct usb_setup setup = {USB_DIR_IN, USB_GET_STATUS, 0, 0, 2};
    RIG_CHECK(rig, pc_control(rig->pc, &setup, bytes, NULL) == URB_OK);
    return load_le16(bytes);
}

/* Powered by the bus; no LPM, which the F4's controller hasn't, and which the L4's driver doesn't answer: the BOS says nothing of
 * it, so no host sends it. Its bcdUSB of 2.1 is for that BOS. */
static void power_declared(struct rig *rig, uint8_t attributes)
{
    uint8_t bytes[512];
    RIG_CHECK(rig, described(rig, USB_DT_DEVICE, bytes, 18) == 18);
    RIG_CHECK(rig, load_le16(bytes + 2) == 0x0210);
    RIG_CHECK(rig, described(rig, USB_DT_CONFIGURATION, bytes, 9) == 9);
    RIG_CHECK(rig, bytes[7] == attributes && bytes[8] == 50);
    uint32_t length = described(rig, USB_DT_BOS, bytes, sizeof bytes);
    RIG_CHECK(rig, length >= 5 && load_le16(bytes + 2) == length);
    for (uint32_t at = 5; at < length; at += bytes[at]) {
        RIG_CHECK(rig, bytes[at] >= 3 && at + bytes[at] <= length);
        RIG_CHECK(rig,
                  bytes[at + 2] ==
                      5); /* platform capabilities alone: no USB 2.0 extension (2), where LPM and BESL are */
    }
}

static void suspended_declared(struct rig *rig)
{
    power_declared(rig, 0x80);
    RIG_CHECK(rig, status_of_device(rig) == 0);
    RIG_CHECK(rig, !wakeup_allowed(rig, true) && !wakeup_allowed(rig, false));
    RIG_CHECK(rig, status_of_device(rig) == 0);
}

/* ---- Woken by the board ---- */

static bool host_woken(void *context)
{
    return host_of(context)->state == USB_HOST_RESUMING;
}

static void button(struct rig *rig, bool pressed)
{
    pc_button(rig->pc, 0, pressed);
}

static void wake_declared(struct rig *rig)
{
    power_declared(rig, 0xA0);
    RIG_CHECK(rig, status_of_device(rig) == 0);
    RIG_CHECK(rig, wakeup_allowed(rig, true) && status_of_device(rig) == 2);
    RIG_CHECK(rig, wakeup_allowed(rig, false) && status_of_device(rig) == 0);
    RIG_CHECK(rig, wakeup_allowed(rig, true));
    pc_bus_reset(rig->pc);
    rig_run_ms(rig, 5);
    leased_again(rig, "a bus reset", 0);
    RIG_CHECK(rig, status_of_device(rig) == 0); /* a reset forbids it again */
}

static uint64_t awake_second(struct rig *rig, uint32_t ms)
{
    struct vboard_stats before = vboard_stats(rig->board);
    rig_run_ms(rig, ms);
    struct vboard_stats now = vboard_stats(rig->board);
    uint64_t awake = now.cycles - before.cycles - (now.sleep_cycles - before.sleep_cycles);
    return awake * 1000000000u / (now.time_ns - before.time_ns);
}

/* At any time of the sleep, and between two ticks; the virtual controller warns of a signal too early, too short or too long. */
static void wake_by_button(struct rig *rig)
{
    uint64_t longest = 0, first = 0, idle = awake_second(rig, 500);
    for (unsigned i = 0; i < 80; i++) {
        rig_run_ms(rig, 20);
        pc_suspend(rig->pc);
        rig_run_ms(rig, i < 40 ? 4 + i / 4 : 50);
        rig_cable_wait(&rig->cable, i * 12500);
        RIG_CHECK(rig, !host_woken(rig));
        uint64_t begin = pc_time_ns(rig->pc);
        button(rig, true);
        if (!rig_run_until(rig, host_woken, rig, AWAKE_MS_MAX)) {
            rig_fail(rig, "press %u, %u ms asleep, woke nobody", i, i < 40 ? 4 + i / 4 : 50);
        }
        uint64_t took = (pc_time_ns(rig->pc) - begin) / 1000000;
        longest = took > longest ? took : longest;
        uint64_t answer = pinged_ms(rig, begin);
        first = answer > first ? answer : first;
        button(rig, false);
        RIG_CHECK(rig, host_awake(rig));
    }
    RIG_CHECK(rig, first <= FIRST_MS_MAX + AWAKE_MS_MAX);
    RIG_CHECK(rig, awake_second(rig, 500) >
                       idle - idle / 4); /* the board has noticed that nobody sleeps any more */
    rig_say(rig,
            "80 presses, the PC heard it within %llu ms, and had an answer to its first ping within %llu",
            (unsigned long long)longest, (unsigned long long)first);
}

/* The loop turns once in 16 ms (BOARD_CALM_MS), and what comes is served as fast as ever. */
static void wake_calm(struct rig *rig)
{
    uint64_t idle = awake_second(rig, 1000);
    asleep(rig, 20);
    uint64_t calm = awake_second(rig, 1000);
    uint64_t begin = pc_time_ns(rig->pc);
    pc_resume(rig->pc);
    uint64_t answer = pinged_ms(rig, begin);
    uint64_t after = awake_second(rig, 1000);
    RIG_CHECK(rig, answer <= FIRST_MS_MAX);
    if (calm * 2 > idle || after < idle - idle / 4) {
        rig_fail(rig, "awake %llu cycles a second, asleep %llu, then %llu", (unsigned long long)idle,
                 (unsigned long long)calm, (unsigned long long)after);
    }
    rig_say(rig, "awake for %llu cycles a second when idle, %llu while the PC sleeps",
            (unsigned long long)idle, (unsigned long long)calm);
}

/* Not allowed, not asleep, and a press of earlier: nothing. */
static void wake_forbidden(struct rig *rig)
{
    struct usb_host *host = host_of(rig);
    host->desc.bmAttributes &= (uint8_t)~0x20u; /* this PC doesn't allow it */
    for (unsigned i = 0; i < 10; i++) {
        asleep(rig, 1 + i * 3);
        button(rig, true);
        rig_run_ms(rig, 300);
        RIG_CHECK(rig, !host_woken(rig) && !host_awake(rig));
        button(rig, false);
        resumed(rig);
        rig_run_ms(rig, 20);
    }
    host->desc.bmAttributes |= 0x20;
    for (unsigned i = 0; i < 10; i++) {
        button(rig, true); /* while the bus runs */
        rig_run_ms(rig, 5);
        asleep(rig, 300);
        RIG_CHECK(rig, !host_woken(rig) && !host_awake(rig));
        button(rig, false);
        resumed(rig);
        rig_run_ms(rig, 20);
    }
    rig_ping_within_1s(rig);
}

static bool is_late(void *context, const struct packet *packet)
{
    (void)context;
    return packet->protocol == PACKET_UDP && packet->from_port == 5556;
}

static void ask_for_late(struct rig *rig, uint8_t byte)
{
    uint8_t frame[PACKET_MAX];
    rig_frame_send(rig, frame, packet_udp(frame, &rig->me, &rig->peer, 5557, 5556, &byte, 1));
    rig_run_ms(rig, 5);
}

/* A frame that the product sends wakes the PC where the product says so, and else waits for it; it comes once. */
static void wake_by_frame(struct rig *rig)
{
    for (unsigned i = 0; i < 20; i++) {
        bool wakes = i % 2 == 0;
        ask_for_late(rig, (uint8_t)((wakes ? 0x80 : 0) | (30 + i)));
        asleep(rig, 20);
        RIG_CHECK(rig, !host_woken(rig));
        if (wakes) {
            RIG_CHECK(rig, rig_run_until(rig, host_woken, rig, 60));
        } else {
            rig_run_ms(rig, 100);
            RIG_CHECK(rig, !host_woken(rig));
            pc_resume(rig->pc);
        }
        RIG_CHECK(rig, rig_frame_wait(rig, is_late, NULL, FIRST_MS_MAX));
        RIG_CHECK(rig, !rig_frame_wait(rig, is_late, NULL, 50));
    }
    ask_for_late(rig, 1); /* frames don't wake the PC any more: mDNS may have something to say */
}

/* A frame that finds the PC just gone: the wish is there before the bus has been idle for 5 ms, and the signal must wait. */
static void wake_at_once(struct rig *rig)
{
    unsigned woken = 0;
    for (unsigned i = 0; i < 24; i++) {
        uint8_t frame[PACKET_MAX], byte = (uint8_t)(0x80 | (2 + i % 8));
        rig_frame_send(rig, frame, packet_udp(frame, &rig->me, &rig->peer, 5557, 5556, &byte, 1));
        rig_run_ms(rig, 1);
        pc_suspend(rig->pc);
        RIG_CHECK(rig, rig_frame_wait(rig, is_late, NULL, 100));
        if (rig_run_until(rig, host_awake, rig, 60)) {
            woken++;
        } else {
            resumed(rig); /* it had come before */
        }
        rig_run_ms(rig, 20);
    }
    ask_for_late(rig, 1);
    RIG_CHECK(rig, woken >= 8);
    rig_say(rig, "%u of 24 frames found nobody, and woke the PC", woken);
}

/* A PC that doesn't listen hears it again, but not all the time; then it does listen. */
static void wake_unheard(struct rig *rig)
{
    for (unsigned i = 0; i < 5; i++) {
        rig->cable.deaf = true;
        rig->cable.signals = 0;
        asleep(rig, 20);
        for (unsigned press = 0; press < 5; press++) {
            button(rig, true);
            rig_run_ms(rig, 20);
            button(rig, false);
            rig_run_ms(rig, 20);
        }
        RIG_CHECK(rig, rig->cable.signals >= 2 && rig->cable.signals <= 3); /* within 200 ms */
        rig->cable.deaf = false;
        rig_run_ms(rig, 120);
        if (!host_awake(rig)) {
            button(rig, true);
            RIG_CHECK(rig, rig_run_until(rig, host_awake, rig, 160));
            button(rig, false);
        }
        rig_ping_within_1s(rig);
    }
}

/* Woken, and then pulled out or reset. */
static void wake_and_gone(struct rig *rig)
{
    for (unsigned i = 0; i < 20; i++) {
        asleep(rig, 20);
        button(rig, true);
        rig_run_ms(rig, i / 2);
        if (i % 2 == 0) {
            pc_bus_reset(rig->pc);
        } else {
            pc_replug(rig->pc);
        }
        rig_run_ms(rig, 110);
        leased_again(rig, i % 2 == 0 ? "a bus reset" : "a replug", i);
        button(rig, false);
        rig_run_ms(rig, 5);
    }
}

const struct scenario scenarios_suspend[] = {
    {"suspended_down", SCENARIO_BOTH, suspended_down, 60, false},
    {"suspended_up", SCENARIO_BOTH, suspended_up, 60, false},
    {"suspended_echo", SCENARIO_BOTH, suspended_echo, 60, false},
    {"suspended_fast", SCENARIO_VBOARD, suspended_fast, 60, false},
    {"suspended_reset", SCENARIO_BOTH, suspended_reset, 60, false},
    {"suspended_unplug", SCENARIO_BOTH, suspended_unplug, 60, false},
    {"suspended_by_unplug", SCENARIO_BOTH, suspended_by_unplug, 60, false},
    {"suspended_declared", SCENARIO_VBOARD, suspended_declared, 30, false},
    {"wake_declared", SCENARIO_WAKE, wake_declared, 30, false},
    {"wake_calm", SCENARIO_WAKE, wake_calm, 60, false},
    {"wake_by_button", SCENARIO_WAKE, wake_by_button, 60, false},
    {"wake_forbidden", SCENARIO_WAKE, wake_forbidden, 60, false},
    {"wake_by_frame", SCENARIO_WAKE, wake_by_frame, 60, false},
    {"wake_at_once", SCENARIO_WAKE, wake_at_once, 60, false},
    {"wake_unheard", SCENARIO_WAKE, wake_unheard, 60, false},
    {"wake_and_gone", SCENARIO_WAKE, wake_and_gone, 60, false},
    {0},
};
