/*
 * Scenarios on the bus: resets, replugs, halts, alternate settings, suspend and control requests while data flows
 * both ways.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <string.h>

#include "host/ncm_host.h"
#include "host/usb_host.h"
#include "test/system/load.h"
#include "wire/le.h"
#include "wire/usb_ch9.h"

#define TO_INTERFACE_OUT 0x01
#define TO_ENDPOINT_OUT  0x02
#define CLASS_OUT        0x21
#define CLASS_IN         0xA1

static struct usb_setup setup_of(uint8_t type, uint8_t request, uint16_t value, uint16_t index,
                                 uint16_t length)
{
    return (struct usb_setup){
        .bmRequestType = type, .bRequest = request, .wValue = value, .wIndex = index, .wLength = length};
}

static void expect(struct rig *rig, enum urb_status wanted, const struct usb_setup *setup)
{
    static uint8_t data[65536];
    enum urb_status got = pc_control(rig->pc, setup, data, NULL);
    if (got != wanted) {
        rig_fail(rig, "request %02x %02x wValue %04x wIndex %04x wLength %u: %s, wanted %s",
                 setup->bmRequestType, setup->bRequest, setup->wValue, setup->wIndex, setup->wLength,
                 urb_status_name(got), urb_status_name(wanted));
    }
}

/* Traffic must really have flowed for the scenario to mean anything. */
static void flowed(struct rig *rig, uint64_t before, uint64_t minimum)
{
    if (load_bytes() - before < minimum) {
        rig_fail(rig, "only %llu bytes of traffic, %llu expected",
                 (unsigned long long)(load_bytes() - before), (unsigned long long)minimum);
    }
}

static void wait_lease(struct rig *rig, const char *after, unsigned number)
{
    if (!rig_run_until(rig, pc_is_leased, rig->pc, 10000)) {
        rig_fail(rig, "no lease within 10 s after %s %u (configured %d, link %d)", after, number,
                 pc_is_configured(rig->pc), pc_is_link_up(rig->pc));
    }
}

/* ---- The host stops reading ---- */

static void in_stopped(struct rig *rig)
{
    load_start(rig, LOAD_ALL);
    rig_run_ms(rig, 500);
    uint64_t out = pc_net_counters(rig->pc)->tx_frames;
    pc_in_stop(rig->pc, 5000);
    rig_run_ms(rig, 5000);
    out = pc_net_counters(rig->pc)->tx_frames - out;
    load_stop(rig);
    RIG_CHECK(rig, out >= 15); /* the board kept taking frames though it could send none */
    rig_ping_within_1s(rig);
    /* What can't be answered is counted, where it is given up: an answer, or already the frame that asks. */
    uint64_t full = rig_number(rig, "usb.drops.in_full"), none = rig_number(rig, "netif.drops.no_memory");
    RIG_CHECK(rig, full + none > 0);
    rig_say(
        rig,
        "%llu frames taken while it could send nothing for 5 s, %llu answers found no room, %llu frames no memory",
        (unsigned long long)out, (unsigned long long)full, (unsigned long long)none);
}

/* The same while only OUT flows: every frame is answered by something that can't leave. */
static void in_stopped_echo(struct rig *rig)
{
    load_start(rig, LOAD_ECHO);
    uint64_t before = pc_net_counters(rig->pc)->tx_frames;
    pc_in_stop(rig->pc, 5000);
    rig_run_ms(rig, 5000);
    uint64_t out = pc_net_counters(rig->pc)->tx_frames - before;
    load_stop(rig);
    pc_in_stop(rig->pc, 0);
    rig_run_ms(rig, 100);
    rig_ping_within_1s(rig);
    RIG_CHECK(rig, out >= 15);
    rig_say(rig, "%llu echoes sent meanwhile", (unsigned long long)out);
}

/* ---- Bus reset, replug, board reset ---- */

static void bus_reset_anywhere(struct rig *rig)
{
    unsigned count = 60;
    load_start(rig, LOAD_ALL);
    uint64_t before = load_bytes();
    for (unsigned i = 0; i < count; i++) {
        wait_lease(rig, "bus reset", i);
        rig_run_ms(rig, 20 + i % 7);
        pc_bus_reset_after(rig->pc, 1 + i * 3 % 61);
        rig_run_ms(rig, 5);
        RIG_CHECK(rig, !pc_is_configured(rig->pc));
    }
    wait_lease(rig, "bus reset", count);
    rig_run_ms(rig, 100);
    load_stop(rig);
    flowed(rig, before, 100000);
    uint64_t lost = rig_number(rig, "usb.in_unread");
    RIG_CHECK(rig, lost > 0);
    rig_say(rig, "%u resets, each in the middle of a frame; %llu frames on their way were lost", count,
            (unsigned long long)lost);
}

/* Between SET_ADDRESS and the end of enumeration, too. */
static void bus_reset_enumerating(struct rig *rig)
{
    unsigned count = 80;
    for (unsigned i = 0; i < count; i++) {
        pc_bus_reset(rig->pc);
        pc_bus_reset_after(rig->pc, 1 + i);
        rig_run_ms(rig, 60 + i * 3);
    }
    rig_run_ms(rig, 500);
    wait_lease(rig, "bus reset", count);
    rig_say(rig, "%u resets while enumerating", count);
}

static void replugs(struct rig *rig)
{
    uint64_t longest = 0;
    load_start(rig, LOAD_ALL);
    uint64_t before = load_bytes();
    for (unsigned i = 0; i < 100; i++) {
        pc_replug(rig->pc);
        rig_run_ms(rig, 105);
        uint64_t begin = rig_ms(rig);
        wait_lease(rig, "replug", i);
        longest = rig_ms(rig) - begin > longest ? rig_ms(rig) - begin : longest;
        rig_run_ms(rig, 10 + i % 13);
    }
    load_stop(rig);
    flowed(rig, before, 100000);
    rig_ping_within_1s(rig);
    rig_say(rig, "100 replugs, lease after at most %llu ms", (unsigned long long)longest);
}

static void board_resets(struct rig *rig)
{
    load_start(rig, LOAD_ALL);
    for (unsigned i = 0; i < 20; i++) {
        rig_run_ms(rig, 20 + i * 3);
        pc_board_reset(rig->pc);
        rig_run_ms(rig, 20);
        wait_lease(rig, "board reset", i);
    }
    for (unsigned i = 0; i < 5; i++) {
        rig_run_ms(rig, 30);
        pc_board_power(rig->pc, false);
        rig_run_ms(rig, 50);
        pc_board_power(rig->pc, true);
        rig_run_ms(rig, 20);
        wait_lease(rig, "power cut", i);
    }
    load_stop(rig);
    rig_say(rig, "20 presses of the reset key, 5 power cuts, in traffic");
}

static void suspends(struct rig *rig)
{
    uint64_t resets = rig_number(rig, "usb.resets");
    load_start(rig, LOAD_ALL);
    uint64_t before = load_bytes();
    for (unsigned i = 0; i < 25; i++) {
        rig_run_ms(rig, 40 + i % 5);
        pc_suspend(rig->pc);
        rig_run_ms(rig, i < 20 ? 1 + i : 300);
        pc_resume(rig->pc);
        rig_run_ms(rig, 60);
        wait_lease(rig, "resume", i);
    }
    load_stop(rig);
    flowed(rig, before, 100000);
    rig_ping_within_1s(rig);
    RIG_CHECK(rig, rig_number(rig, "usb.resets") == resets);
    rig_say(rig, "25 sleeps of 1 to 300 ms without a bus reset");
}

/* ---- Alternate settings and halts ---- */

static void ncm_set_alternate(struct rig *rig, uint16_t alternate)
{
    struct ncm_host *ncm = pc_ncm(rig->pc);
    struct usb_setup setup = setup_of(TO_INTERFACE_OUT, USB_SET_INTERFACE, alternate, ncm->data_interface, 0);
    expect(rig, URB_OK, &setup);
    bus_halt_clear(pc_bus(rig->pc), ncm->in.bEndpointAddress);
    bus_halt_clear(pc_bus(rig->pc), ncm->out.bEndpointAddress);
}

static void alternates(struct rig *rig)
{
    struct ncm_host *ncm = pc_ncm(rig->pc);
    load_start(rig, LOAD_ALL);
    uint64_t before = load_bytes();
    for (unsigned i = 0; i < 100; i++) {
        rig_run_ms(rig, 5 + i % 11);
        ncm_host_suspend(ncm, true); /* as a driver does: transfers are cancelled where they stand */
        uint64_t notifications = pc_net_counters(rig->pc)->notifications;
        ncm_set_alternate(rig, 0);
        rig_run_ms(rig, i % 3);
        ncm_set_alternate(rig, 1);
        ncm_host_suspend(ncm, false);
        rig_run_ms(rig, 120);
        if (pc_net_counters(rig->pc)->notifications < notifications + 2) {
            rig_fail(rig, "%llu notifications after alternate setting 1, number %u",
                     (unsigned long long)(pc_net_counters(rig->pc)->notifications - notifications), i);
        }
    }
    load_stop(rig);
    flowed(rig, before, 1000000);
    rig_ping_within_1s(rig);
    rig_say(rig, "100 times 1, 0, 1 in traffic, two notifications each");
}

/* Nobody listens in setting 0: the endpoints are silent, and nothing stays behind. */
static void alternate_silent(struct rig *rig)
{
    struct ncm_host *ncm = pc_ncm(rig->pc);
    uint8_t block[64] = {0};
    ncm_host_suspend(ncm, true);
    ncm_set_alternate(rig, 0);
    enum urb_status out = pc_bulk_out(rig->pc, block, sizeof block, true, 200);
    RIG_CHECK(rig, out == URB_SILENT || out == URB_TIMEOUT);
    ncm_set_alternate(rig, 1);
    ncm_host_suspend(ncm, false);
    rig_run_ms(rig, 100);
    rig_ping_within_1s(rig);
}

/* The host halts an endpoint while a transfer is on its way; the driver clears what it meets. */
static void halts(struct rig *rig)
{
    const struct ncm_host *ncm = pc_ncm(rig->pc);
    const uint8_t endpoints[] = {ncm->in.bEndpointAddress, ncm->out.bEndpointAddress,
                                 ncm->notify.bEndpointAddress};
    uint64_t stalls = pc_bus_counters(rig->pc)->stalls;
    load_start(rig, LOAD_ALL);
    uint64_t before = load_bytes();
    for (unsigned i = 0; i < 120; i++) {
        struct usb_setup halt = setup_of(TO_ENDPOINT_OUT, USB_SET_FEATURE, 0, endpoints[i % 3], 0);
        rig_run_ms(rig, 20 + i % 9);
        expect(rig, URB_OK, &halt);
        rig_run_ms(rig, 60);
    }
    load_stop(rig);
    flowed(rig, before, 1000000);
    stalls = pc_bus_counters(rig->pc)->stalls - stalls;
    RIG_CHECK(rig, stalls >= 80);
    rig_ping_within_1s(rig);
    rig_say(rig, "120 halts on three endpoints, %llu stalls met and cleared", (unsigned long long)stalls);
}

/* Halt set, read back, cleared by hand: the toggle is 0 again in both directions, halted or not. */
static void halt_toggles(struct rig *rig)
{
    struct ncm_host *ncm = pc_ncm(rig->pc);
    const uint8_t endpoints[] = {ncm->in.bEndpointAddress, ncm->out.bEndpointAddress};
    for (unsigned i = 0; i < 40; i++) {
        uint8_t endpoint = endpoints[i % 2], state[2];
        struct usb_setup set = setup_of(TO_ENDPOINT_OUT, USB_SET_FEATURE, 0, endpoint, 0);
        struct usb_setup clear = setup_of(TO_ENDPOINT_OUT, USB_CLEAR_FEATURE, 0, endpoint, 0);
        struct usb_setup get = setup_of(0x82, USB_GET_STATUS, 0, endpoint, 2);
        RIG_CHECK(rig,
                  rig_ping(rig, 100 + i * 30, 1000) >= 0); /* an odd number of packets moves the toggles */
        ncm_host_suspend(ncm, true);
        if (i % 4 < 2) {
            expect(rig, URB_OK, &set);
            RIG_CHECK(rig, pc_control(rig->pc, &get, state, NULL) == URB_OK && state[0] == 1);
        }
        expect(rig, URB_OK, &clear);
        RIG_CHECK(rig, pc_control(rig->pc, &get, state, NULL) == URB_OK && state[0] == 0);
        bus_halt_clear(pc_bus(rig->pc), endpoint);
        ncm_host_suspend(ncm, false);
        if (rig_ping(rig, 56, 1000) < 0) {
            rig_fail(rig, "no ping after CLEAR_FEATURE(ENDPOINT_HALT) of %02x, %s", endpoint,
                     i % 4 < 2 ? "halted before" : "not halted before");
        }
    }
    RIG_CHECK(rig, pc_bus_counters(rig->pc)->repeats_in == 0);
    rig_say(rig, "40 clears, a ping at once after each");
}

/* ---- Control requests while data flows ---- */

static void class_right(struct rig *rig, uint16_t control_interface)
{
    uint8_t data[64];
    uint32_t actual = 0;
    struct usb_setup parameters = setup_of(CLASS_IN, 0x80, 0, control_interface, 64);
    RIG_CHECK(rig, pc_control(rig->pc, &parameters, data, &actual) == URB_OK && actual == 28);
    RIG_CHECK(rig, load_le16(data) == 28 && load_le16(data + 2) == 1 && load_le32(data + 4) == 16384);
    RIG_CHECK(rig, load_le32(data + 16) == 3072 && load_le16(data + 20) == 4 && load_le16(data + 24) == 8 &&
                       load_le16(data + 26) == 3);
    parameters.wLength = 7;
    RIG_CHECK(rig, pc_control(rig->pc, &parameters, data, &actual) == URB_OK && actual == 7);
    struct usb_setup size_get = setup_of(CLASS_IN, 0x85, 0, control_interface, 4);
    RIG_CHECK(rig, pc_control(rig->pc, &size_get, data, &actual) == URB_OK && actual == 4);
    struct usb_setup size_set = setup_of(CLASS_OUT, 0x86, 0, control_interface, 4);
    for (unsigned i = 0; i < 4; i++) {
        static const struct {
            uint32_t size;
            enum urb_status status;
        } sizes[] = {{2047, URB_STALL}, {16385, URB_STALL}, {2048, URB_OK}, {16384, URB_OK}};
        store_le32(data, sizes[i].size);
        enum urb_status status = pc_control(rig->pc, &size_set, data, NULL);
        if (status != sizes[i].status) {
            rig_fail(rig, "SetNtbInputSize %u: %s", sizes[i].size, urb_status_name(status));
        }
        if (status == URB_OK) {
            RIG_CHECK(rig, pc_control(rig->pc, &size_get, data, NULL) == URB_OK &&
                               load_le32(data) == sizes[i].size);
        }
    }
    for (uint16_t filter = 0; filter < 32; filter++) {
        struct usb_setup set = setup_of(CLASS_OUT, 0x43, filter, control_interface, 0);
        expect(rig, URB_OK, &set);
    }
    struct usb_setup format = setup_of(CLASS_IN, 0x83, 0, control_interface, 2);
    enum urb_status status = pc_control(rig->pc, &format, data, NULL);
    RIG_CHECK(rig, status == URB_STALL || (status == URB_OK && load_le16(data) == 0));
}

/* Every class request with every field wrong in turn (facts.md A1): refused, never left hanging. */
static void class_requests(struct rig *rig)
{
    const struct ncm_host *ncm = pc_ncm(rig->pc);
    uint16_t c = ncm->control_interface;
    unsigned count = 0;
    load_start(rig, LOAD_ALL);
    class_right(rig, c);
    for (unsigned request = 0; request < 256; request++) {
        const struct usb_setup wrong[] = {
            setup_of(CLASS_IN, (uint8_t)request, 0x0100, c, 28),
            setup_of(CLASS_IN, (uint8_t)request, 0, (uint16_t)(c + 7), 28),
            setup_of(CLASS_IN, (uint8_t)request, 0, (uint16_t)(c | 0x0100), 28),
            setup_of(CLASS_IN, (uint8_t)request, 0, ncm->data_interface, 28),
            setup_of(CLASS_OUT, (uint8_t)request, request == 0x43 ? 0 : 0x0301, c, request == 0x43 ? 2 : 0),
            setup_of(CLASS_OUT, (uint8_t)request, 0, c, 5),
            setup_of(CLASS_OUT, (uint8_t)request, 0, c, 500),
            setup_of(CLASS_OUT, (uint8_t)request, 0, ncm->data_interface, 0),
            setup_of(0xA2, (uint8_t)request, 0, ncm->in.bEndpointAddress, 28),
            setup_of(0xA0, (uint8_t)request, 0, 0, 28),
            setup_of(0x61, (uint8_t)request, 0, c, 0),
        };
        for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            expect(rig, URB_STALL, &wrong[i]);
            count++;
        }
        if (request % 16 == 0) {
            rig_run_ms(rig, 5);
        }
    }
    load_stop(rig);
    rig_say(rig, "%u wrong class requests in traffic, all refused", count);
}

/* Requests that would change the configuration for good are left out; they have scenarios of their own. */
static bool harmless(const struct usb_setup *s)
{
    if ((s->bmRequestType & 0x60) != 0) {
        bool size = s->bRequest == 0x86 || s->bRequest == 0x84;
        bool detach = s->bRequest == 0 && s->wIndex == 2;
        return !(s->bmRequestType == CLASS_OUT && (size || detach));
    }
    return s->bRequest != USB_SET_ADDRESS && s->bRequest != USB_SET_CONFIGURATION &&
           s->bRequest != USB_SET_INTERFACE && s->bRequest != USB_SET_FEATURE &&
           s->bRequest != USB_CLEAR_FEATURE;
}

/* A request that a host might send, and often with one field that it would not. */
static struct usb_setup setup_random(struct rig *rig)
{
    static const struct usb_setup good[] = {
        {0x80, USB_GET_STATUS, 0, 0, 2},
        {0x81, USB_GET_STATUS, 0, 0, 2},
        {0x82, USB_GET_STATUS, 0, 0x81, 2},
        {0x80, USB_GET_DESCRIPTOR, 0x0100, 0, 18},
        {0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 9},
        {0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 255},
        {0x80, USB_GET_DESCRIPTOR, 0x0300, 0, 255},
        {0x80, USB_GET_DESCRIPTOR, 0x0302, 0x0409, 255},
        {0x80, USB_GET_DESCRIPTOR, 0x0600, 0, 10},
        {0x80, USB_GET_DESCRIPTOR, 0x0F00, 0, 100},
        {0x80, USB_GET_CONFIGURATION, 0, 0, 1},
        {0x81, USB_GET_INTERFACE, 0, 1, 1},
        {0xA1, 0x80, 0, 0, 28},
        {0xA1, 0x85, 0, 0, 4},
        {0x21, 0x43, 0x0C, 0, 0},
        {0xA1, 3, 0, 2, 6}, /* of DFU, where there is one */
        {0xC0, 0x20, 0, 7, 46},
        {0xC0, 0x21, 1, 2, 255},
    };
    static const uint16_t lengths[] = {0, 1, 7, 8, 18, 63, 64, 65, 128, 255, 256, 1000, 4096, 65535};
    struct usb_setup setup = good[rig_random(rig, sizeof good / sizeof good[0])];
    switch (rig_random(rig, 8)) {
    case 0: setup.bmRequestType = (uint8_t)rig_random(rig, 256); break;
    case 1: setup.bRequest = (uint8_t)rig_random(rig, 256); break;
    case 2: setup.wValue = (uint16_t)rig_random(rig, 65536); break;
    case 3: setup.wIndex = (uint16_t)rig_random(rig, 65536); break;
    case 4: setup.wValue = (uint16_t)(rig_random(rig, 18) << 8 | rig_random(rig, 6)); break;
    case 5: setup.wLength = lengths[rig_random(rig, sizeof lengths / sizeof lengths[0])]; break;
    default: break;
    }
    return setup;
}

static void control_random(struct rig *rig)
{
    static uint8_t data[65536];
    unsigned ok = 0, stall = 0;
    load_start(rig, LOAD_ALL);
    uint64_t before = load_bytes();
    for (unsigned i = 0; i < 3000; i++) {
        struct usb_setup setup = setup_random(rig);
        if (!harmless(&setup)) {
            continue;
        }
        enum urb_status status = pc_control(rig->pc, &setup, data, NULL);
        if (status != URB_OK && status != URB_STALL) {
            rig_fail(rig, "request %02x %02x wValue %04x wIndex %04x wLength %u: %s", setup.bmRequestType,
                     setup.bRequest, setup.wValue, setup.wIndex, setup.wLength, urb_status_name(status));
        }
        *(status == URB_OK ? &ok : &stall) += 1;
        if (i % 10 == 0) {
            rig_run_ms(rig, 5);
        }
    }
    load_stop(rig);
    flowed(rig, before, 500000);
    if (ok < 500 || stall < 500) {
        rig_fail(rig, "%u requests answered, %u refused", ok, stall);
    }
    rig_say(rig, "%u requests answered, %u refused", ok, stall);
}

/* A host that leaves a control transfer in the middle and begins another: SETUP after SETUP. */
static void control_abandoned(struct rig *rig)
{
    const struct cable *cable = &pc_bus(rig->pc)->cable;
    uint8_t address = pc_usb(rig->pc)->address, packet[CABLE_PACKET_MAX];
    static const uint8_t get_device[8] = {0x80, 6, 0, 1, 0, 0, 18, 0};
    static const uint8_t get_config[8] = {0x80, 6, 0, 2, 0, 0, 0xFF, 0};
    static const uint8_t set_size[8] = {0x21, 0x86, 0, 0, 0, 0, 4, 0};
    for (unsigned i = 0; i < 300; i++) {
        const uint8_t *first = i % 3 == 0 ? get_device : i % 3 == 1 ? get_config : set_size;
        uint64_t now = pc_bus(rig->pc)->now_ns;
        uint16_t length;
        bool data1;
        RIG_CHECK(rig, cable->ops->setup(cable->device, address, 0, first) == CABLE_ACK);
        bus_advance(pc_bus(rig->pc), now + i * 331); /* the second comes 0 to 100 µs later */
        if (i % 2 == 0) {
            cable->ops->in(cable->device, address, 0, &data1, packet, &length);
        }
        struct usb_setup status = setup_of(0x80, USB_GET_STATUS, 0, 0, 2);
        uint8_t bytes[2];
        uint32_t actual = 0;
        if (pc_control(rig->pc, &status, bytes, &actual) != URB_OK || actual != 2) {
            rig_fail(rig, "GET_STATUS after an abandoned transfer, number %u", i);
        }
    }
    rig_say(rig, "300 transfers left in the middle, 0 to 100 us after SETUP");
}

/* SET_CONFIGURATION 0 and 1, and address changes by enumeration, in traffic. */
static void reconfigured(struct rig *rig)
{
    load_start(rig, LOAD_ALL);
    for (unsigned i = 0; i < 10; i++) {
        rig_run_ms(rig, 30);
        ncm_host_suspend(pc_ncm(rig->pc), true);
        struct usb_setup zero = setup_of(0, USB_SET_CONFIGURATION, 0, 0, 0);
        expect(rig, URB_OK, &zero);
        rig_run_ms(rig, 20);
        pc_bus_reset(rig->pc);
        rig_run_ms(rig, 20);
        wait_lease(rig, "SET_CONFIGURATION(0)", i);
    }
    load_stop(rig);
}

const struct scenario scenarios_usb[] = {
    {"in_stopped", SCENARIO_BOTH, in_stopped, 60, false},
    {"in_stopped_echo", SCENARIO_BOTH, in_stopped_echo, 60, false},
    {"bus_reset_anywhere", SCENARIO_BOTH, bus_reset_anywhere, 120, false},
    {"bus_reset_enumerating", SCENARIO_BOTH, bus_reset_enumerating, 120, false},
    {"replugs", SCENARIO_BOTH, replugs, 120, false},
    {"board_resets", SCENARIO_BOTH, board_resets, 60, false},
    {"suspends", SCENARIO_BOTH, suspends, 60, false},
    {"alternates", SCENARIO_BOTH, alternates, 60, false},
    {"alternate_silent", SCENARIO_BOTH, alternate_silent, 60, false},
    {"halts", SCENARIO_BOTH, halts, 60, false},
    {"halt_toggles", SCENARIO_BOTH, halt_toggles, 60, false},
    {"class_requests", SCENARIO_BOTH, class_requests, 120, false},
    {"control_random", SCENARIO_BOTH, control_random, 120, false},
    {"control_abandoned", SCENARIO_BOTH, control_abandoned, 60, false},
    {"reconfigured", SCENARIO_BOTH, reconfigured, 60, false},
    {0},
};
