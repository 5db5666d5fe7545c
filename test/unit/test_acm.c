/*
 * The CDC-ACM function beside NCM: descriptors, requests, notifications, bytes of every number both ways, nobody who reads, and
 * halts, resets and settings in the middle.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include "usb/acm.h"
#include "test/test.h"
#include "test/unit/usb_rig.h"

#define INTERFACE 2 /* NCM has 0 and 1 */
#define NOTIFY    0x83
#define IN        0x84
#define OUT       0x02
#define RING      256
#define ROOM      128

static struct rig rig;
static struct acm acm;
static struct acm_config config;
static uint8_t ring[RING], out[ROOM] __attribute__((aligned(4)));
static uint8_t told; /* bits of all that has changed */

static void changed(void *context, uint8_t what)
{
    CHECK(context == &rig);
    told |= what;
}

static void attach(bool hold, uint16_t room)
{
    told = 0;
    config = (struct acm_config){ring, RING, out, room, hold, changed, &rig};
    rig_init(&rig, 1);
    acm_init(&acm, &config);
    rig.list[1] = &acm.function;
    rig.config.function_count = 2;
    rig_attach(&rig);
}

static int lines(uint16_t value)
{
    return rig_control(&rig, 0x21, CDC_SET_CONTROL_LINE_STATE, value, INTERFACE, 0, NULL);
}

static void start(bool hold)
{
    attach(hold, ROOM);
    CHECK(rig_enumerate(&rig, true));
    CHECK_EQUAL(lines(3), 0);
    CHECK(acm_is_open(&acm) && (told & ACM_LINES) != 0);
    told = 0;
}

/* What an endpoint's halt is, and its end. */
static int halt(uint8_t ep, bool on)
{
    if (!on)
        rig_toggle_reset(&rig, ep);
    return rig_control(&rig, 0x02, on ? USB_SET_FEATURE : USB_CLEAR_FEATURE, USB_FEATURE_ENDPOINT_HALT, ep, 0,
                       NULL);
}

/* One packet, as it was taken, without more than one try. */
static enum cable_answer in_packet(uint8_t *bytes, uint16_t *length)
{
    bool data1;
    enum cable_answer answer =
        virtual_udc_cable_ops.in(&rig.udc, rig.address, IN & 15, &data1, bytes, length);
    if (answer == CABLE_ACK)
        rig.in_data1[IN & 15] = !data1;
    rig_poll(&rig);
    return answer;
}

static void fill(uint8_t *bytes, size_t length, uint8_t seed)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(seed + i * 7);
}

/* All is well: a few bytes go through each way. */
static void well(void)
{
    uint8_t bytes[300], got[300];
    size_t length;
    CHECK_EQUAL(lines(0), 0);
    CHECK_EQUAL(lines(1), 0);
    fill(bytes, 100, 3);
    CHECK_EQUAL(acm_write(&acm, bytes, 100), 100);
    do {
        length = (size_t)rig_in(&rig, IN, got, sizeof got);
        CHECK(length <= sizeof got);
    } while (length != 100 || memcmp(bytes, got, 100) != 0);
    for (const uint8_t *at; (at = acm_peek(&acm, &length)) != NULL;)
        acm_take(&acm, length);
    CHECK_EQUAL(rig_out(&rig, OUT, bytes, 100, true), 100);
    CHECK(acm_peek(&acm, &length) != NULL && length == 100);
    CHECK_BYTES(acm_peek(&acm, &length), bytes, 100);
    acm_take(&acm, 100);
    CHECK(rig_good(&rig, 0));
}

TEST(acm_descriptors)
{
    /* clang-format off */
    static const uint8_t wanted[] = {
        8, 11, 2, 2, 2, 2, 0, 0,
        9, 4, 2, 0, 1, 2, 2, 0, 0,
        5, 0x24, 0, 0x10, 0x01,  5, 0x24, 1, 0, 3,  4, 0x24, 2, 6,  5, 0x24, 6, 2, 3,
        7, 5, NOTIFY, 3, 16, 0, 32,
        9, 4, 3, 0, 2, 0x0A, 0, 0, 0,
        7, 5, IN, 2, 64, 0, 0,  7, 5, OUT, 2, 64, 0, 0};
    /* clang-format on */
    uint8_t bytes[256];
    start(false);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 255, bytes), 94 + sizeof wanted);
    CHECK_EQUAL(bytes[4], 4);
    CHECK_BYTES(bytes + 94, wanted, sizeof wanted);
    /* Windows finds its own driver by the class: no ID of ours may stand in its way. */
    CHECK_EQUAL(rig_control(&rig, 0xC0, 1, 0, 7, 255, bytes), 18 + 28);
}

TEST(acm_requests)
{
    uint8_t bytes[64] = {0};
    start(false);
    CHECK_EQUAL(rig_control(&rig, 0xA1, CDC_GET_LINE_CODING, 0, INTERFACE, 7, bytes), 7);
    CHECK_BYTES(bytes, "\x00\xC2\x01\x00\x00\x00\x08", 7);
    CHECK_EQUAL(
        rig_control(&rig, 0x21, CDC_SET_LINE_CODING, 0, INTERFACE, 7, (void *)"\x80\x25\0\0\x02\x04\x10"), 7);
    CHECK(told == ACM_CODING && acm.coding.rate == 9600 && acm.coding.stop_bits == 2 &&
          acm.coding.parity == 4 && acm.coding.data_bits == 16);
    CHECK_EQUAL(rig_control(&rig, 0xA1, CDC_GET_LINE_CODING, 0, INTERFACE, 64, bytes), 7);
    CHECK_BYTES(bytes, "\x80\x25\0\0\x02\x04\x10", 7);
    static const char *const senseless[] = {"\0\0\0\0\3\0\x08", "\0\0\0\0\0\5\x08", "\0\0\0\0\0\0\x04",
                                            "\0\0\0\0\0\0\x09"};
    for (unsigned i = 0; i < 4; i++) {
        memcpy(bytes, senseless[i], 7);
        CHECK_EQUAL(rig_control(&rig, 0x21, CDC_SET_LINE_CODING, 0, INTERFACE, 7, bytes), RIG_STALL);
    }
    CHECK_EQUAL(acm.coding.rate, 9600);
    for (uint16_t length = 0; length < 16; length++)
        if (length != 7)
            CHECK_EQUAL(rig_control(&rig, 0x21, CDC_SET_LINE_CODING, 0, INTERFACE, length, bytes), RIG_STALL);
    told = 0;
    CHECK_EQUAL(rig_control(&rig, 0x21, CDC_SEND_BREAK, 300, INTERFACE, 0, NULL), 0);
    CHECK(told == ACM_BREAK && acm.break_ms == 300 && acm.stats.breaks == 1);
    CHECK_EQUAL(rig_control(&rig, 0x21, CDC_SEND_BREAK, 0, INTERFACE, 0, NULL), 0);
    CHECK(acm.break_ms == 0 && acm.stats.breaks == 1);
    told = 0;
    CHECK_EQUAL(lines(0xFFFF), 0); /* DTR and RTS as before, and bits that mean nothing */
    CHECK_EQUAL(told, 0);
    CHECK_EQUAL(lines(2), 0);
    CHECK(!acm_is_open(&acm) && acm.lines == ACM_RTS && told == ACM_LINES);
    for (unsigned request = 0; request < 256; request++) {
        if (request < CDC_SET_LINE_CODING || request > CDC_SEND_BREAK) {
            CHECK_EQUAL(rig_control(&rig, 0x21, (uint8_t)request, 0, INTERFACE, 0, NULL), RIG_STALL);
            CHECK_EQUAL(rig_control(&rig, 0xA1, (uint8_t)request, 0, INTERFACE, 7, bytes), RIG_STALL);
        }
        CHECK_EQUAL(rig_control(&rig, 0x21, (uint8_t)request, 0, INTERFACE + 1, 0, NULL), RIG_STALL);
    }
    for (uint16_t number = INTERFACE; number <= INTERFACE + 1; number++) {
        CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 1, number, 0, NULL), RIG_STALL);
        CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_INTERFACE, 0, number, 1, bytes), 1);
        CHECK_EQUAL(bytes[0], 0);
    }
    well();
}

static void state_read(uint8_t state)
{
    uint8_t bytes[16], wanted[10] = {0xA1, CDC_NOTIFICATION_SERIAL_STATE, 0, 0, INTERFACE, 0, 2, 0, state, 0};
    CHECK_EQUAL(rig_in(&rig, NOTIFY, bytes, sizeof bytes), 10);
    CHECK_BYTES(bytes, wanted, 10);
}

TEST(acm_serial_state)
{
    uint8_t bytes[16];
    attach(false, ROOM);
    CHECK(rig_enumerate(&rig, true));
    state_read(3);
    CHECK_EQUAL(rig_in(&rig, NOTIFY, bytes, sizeof bytes), RIG_NAK);
    CHECK_EQUAL(lines(1), 0);
    state_read(3);
    CHECK_EQUAL(lines(3), 0); /* RTS is no opening */
    CHECK_EQUAL(rig_in(&rig, NOTIFY, bytes, sizeof bytes), RIG_NAK);
    acm_state_set(&acm, 3);
    CHECK_EQUAL(rig_in(&rig, NOTIFY, bytes, sizeof bytes), RIG_NAK);
    acm_state_set(&acm, ACM_DSR);
    acm_state_set(&acm, ACM_DSR | ACM_RING); /* the first one is under way */
    state_read(ACM_DSR);
    state_read(ACM_DSR | ACM_RING);
    acm_state_set(&acm, ACM_DCD);
    CHECK_EQUAL(halt(NOTIFY, true), 0);
    CHECK_EQUAL(rig_in(&rig, NOTIFY, bytes, sizeof bytes), RIG_STALL);
    acm_state_set(&acm, ACM_DCD | ACM_DSR);
    CHECK_EQUAL(halt(NOTIFY, false), 0);
    state_read(3);
    acm_state_set(&acm, ACM_DSR);
    CHECK_EQUAL(halt(NOTIFY, true), 0); /* what it cost is told again */
    CHECK_EQUAL(halt(NOTIFY, false), 0);
    state_read(ACM_DSR);
    acm_state_set(&acm, ACM_DCD);
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, INTERFACE, 0, NULL), 0);
    rig_toggle_reset(&rig, NOTIFY);
    state_read(ACM_DCD);
    CHECK_EQUAL(rig_in(&rig, NOTIFY, bytes, sizeof bytes), RIG_NAK);
    acm_state_set(&acm, 3);
    CHECK(rig_enumerate(&rig, true));
    state_read(3);
}

/* Every number of bytes, from every place of the ring: each transfer ends by a short or an empty packet. */
TEST(acm_in)
{
    uint8_t bytes[RING], got[2 * RING];
    start(false);
    for (size_t length = 1; length <= RING; length++) {
        fill(bytes, length, (uint8_t)length);
        told = 0;
        CHECK_EQUAL(acm_room(&acm), RING);
        CHECK_EQUAL(acm_write(&acm, bytes, length), length);
        CHECK_EQUAL(acm_room(&acm), RING - length);
        CHECK_EQUAL(rig_in(&rig, IN, got, sizeof got), length);
        CHECK_BYTES(got, bytes, length);
        CHECK_EQUAL(told, ACM_SENT);
    }
    CHECK_EQUAL(acm.stats.in_bytes, RING * (RING + 1) / 2);
    CHECK_EQUAL(rig_in(&rig, IN, got, sizeof got), RIG_NAK); /* and no empty packet more */
}

/* What is written while a transfer is under way leaves behind it; what finds no room is refused and counted. */
TEST(acm_in_full)
{
    uint8_t bytes[3 * RING], got[3 * RING];
    size_t written = 0, read = 0;
    start(false);
    fill(bytes, sizeof bytes, 1);
    CHECK_EQUAL(acm_write(&acm, bytes, sizeof bytes), RING);
    CHECK_EQUAL(acm.stats.in_dropped, 2 * RING);
    CHECK_EQUAL(acm_write(&acm, bytes, 1), 0);
    CHECK_EQUAL(rig_in(&rig, IN, got, sizeof got), RING);
    CHECK_BYTES(got, bytes, RING);
    for (size_t size = 1; read < sizeof bytes;) {
        uint16_t length = 0;
        size_t left = sizeof bytes - written;
        written += acm_write(&acm, bytes + written, left < size ? left : size);
        size = size % 100 + 17;
        if (in_packet(got + read, &length) == CABLE_ACK)
            read += length;
        CHECK(acm_room(&acm) <= RING);
    }
    CHECK_BYTES(got, bytes, sizeof bytes);
}

/* Each number of bytes is there at once, whole packets without an empty one behind them, too. */
TEST(acm_out)
{
    uint8_t bytes[4 * ROOM];
    for (uint16_t room = ACM_PACKET_SIZE; room <= ROOM; room = (uint16_t)(room + ACM_PACKET_SIZE)) {
        start(false);
        attach(false, room);
        CHECK(rig_enumerate(&rig, true));
        for (size_t length = 1; length <= room; length++) {
            size_t there;
            fill(bytes, length, (uint8_t)length);
            CHECK_EQUAL(rig_out(&rig, OUT, bytes, length, length % 64 == 0 && length < room), length);
            const uint8_t *at = acm_peek(&acm, &there);
            CHECK(at != NULL && there == length);
            CHECK_BYTES(at, bytes, length);
            acm_take(&acm, length);
            CHECK(acm_peek(&acm, &there) == NULL && there == 0);
        }
        for (unsigned i = 0; i < 20; i++) {
            size_t there;
            fill(bytes, 64, (uint8_t)i);
            CHECK_EQUAL(rig_out(&rig, OUT, bytes, 64, false), 64);
            const uint8_t *at = acm_peek(&acm, &there);
            CHECK(at != NULL && there == 64);
            CHECK_BYTES(at, bytes, 64);
            acm_take(&acm, 64);
        }
    }
}

/* What isn't taken keeps the host waiting; taken in parts of every size, nothing is lost. */
TEST(acm_out_waits)
{
    uint8_t bytes[2000], got[2000];
    start(false);
    fill(bytes, sizeof bytes, 5);
    for (size_t part = 1; part < 2 * ROOM; part += 3) {
        size_t sent = 0, taken = 0, there;
        while (taken < sizeof bytes) {
            size_t size = sizeof bytes - sent < 64 ? sizeof bytes - sent : 64;
            if (size > 0 && rig_out_packet(&rig, OUT, rig.out_data1[OUT], bytes + sent, size) == CABLE_ACK) {
                rig.out_data1[OUT] = !rig.out_data1[OUT];
                sent += size;
                if (sent - taken <= ROOM - 64)
                    continue;
            }
            const uint8_t *at = acm_peek(&acm, &there);
            CHECK(at != NULL && there <= sent - taken);
            there = there < part ? there : part;
            memcpy(got + taken, at, there);
            acm_take(&acm, there);
            taken += there;
        }
        CHECK_BYTES(got, bytes, sizeof bytes);
    }
    CHECK_EQUAL(rig_out(&rig, OUT, bytes, 100, false), 100);
    for (unsigned i = 0; i < 20; i++)
        CHECK_EQUAL(rig_out_packet(&rig, OUT, rig.out_data1[OUT], bytes, 10), CABLE_NAK);
    CHECK(rig_good(&rig, 0)); /* nobody else waits */
    size_t there;
    CHECK(acm_peek(&acm, &there) != NULL && there == 100);
    acm_take(&acm, 35); /* 65 are left: no room for a packet */
    CHECK_EQUAL(rig_out_packet(&rig, OUT, rig.out_data1[OUT], bytes, 10), CABLE_NAK);
    acm_take(&acm, 1);
    CHECK_EQUAL(rig_out_packet(&rig, OUT, rig.out_data1[OUT], bytes, 10), CABLE_ACK);
}

/* Without DTR nothing is kept, and what was begun for one isn't read by the next; what the host wrote is still there. */
TEST(acm_dtr)
{
    uint8_t bytes[RING], got[RING];
    uint16_t length;
    size_t there;
    attach(false, ROOM);
    fill(bytes, sizeof bytes, 9);
    CHECK_EQUAL(acm_write(&acm, bytes, 10), 0); /* nobody has plugged it in */
    CHECK(rig_enumerate(&rig, true));
    CHECK_EQUAL(acm_room(&acm), 0);
    CHECK_EQUAL(acm_write(&acm, bytes, 10), 0);
    CHECK_EQUAL(acm.stats.in_dropped, 20);
    CHECK_EQUAL(lines(1), 0);
    CHECK_EQUAL(acm_write(&acm, bytes, 200), 200);
    CHECK_EQUAL(in_packet(got, &length), CABLE_ACK);
    CHECK_EQUAL(rig_out(&rig, OUT, bytes, 5, false), 5);
    CHECK_EQUAL(lines(0), 0);
    CHECK_EQUAL(acm.stats.in_lost, 200);
    CHECK(acm_peek(&acm, &there) != NULL && there == 5);
    acm_take(&acm, there);
    CHECK_EQUAL(lines(1), 0);
    CHECK_EQUAL(acm.stats.opens, 2);
    CHECK_EQUAL(acm_write(&acm, "y", 1), 1);
    CHECK(in_packet(got, &length) == CABLE_ACK && length == 0); /* it ends the transfer that was cut */
    CHECK(in_packet(got, &length) == CABLE_ACK && length == 1 && got[0] == 'y');
    CHECK_EQUAL(in_packet(got, &length), CABLE_NAK);
    CHECK_EQUAL(acm_write(&acm, bytes, 200), 200);
    CHECK_EQUAL(lines(0), 0);
    CHECK_EQUAL(lines(1), 0);
    CHECK_EQUAL(lines(0), 0);
    CHECK(in_packet(got, &length) == CABLE_ACK && length == 0);
    CHECK_EQUAL(in_packet(got, &length), CABLE_NAK);
    CHECK_EQUAL(acm_write(&acm, bytes, 200), 0);
    CHECK_EQUAL(lines(1), 0);
    CHECK_EQUAL(acm_write(&acm, "x", 1), 1);
    CHECK_EQUAL(rig_in(&rig, IN, got, sizeof got), 1); /* the toggle has gone on where it was */
    well();
}

/* With `hold` the first bytes wait for whoever reads, over a reset, too. */
TEST(acm_hold)
{
    uint8_t bytes[RING], got[RING];
    uint16_t length;
    attach(true, ROOM);
    fill(bytes, sizeof bytes, 9);
    CHECK_EQUAL(acm_write(&acm, bytes, 200), 200);
    CHECK(rig_enumerate(&rig, true));
    CHECK_EQUAL(in_packet(got, &length), CABLE_ACK);
    CHECK(rig_enumerate(&rig, true));
    CHECK_EQUAL(acm_write(&acm, bytes + 200, 100), 56);
    CHECK_EQUAL(acm.stats.in_dropped, 44);
    CHECK_EQUAL(lines(1), 0);
    CHECK_EQUAL(lines(0), 0);
    CHECK_EQUAL(rig_in(&rig, IN, got, sizeof got), 200);
    CHECK_BYTES(got, bytes, 200);
    CHECK_EQUAL(rig_in(&rig, IN, got, sizeof got), 56);
    CHECK_BYTES(got, bytes + 200, 56);
    CHECK_EQUAL(acm.stats.in_lost, 0);
    well();
}

TEST(acm_halts)
{
    uint8_t bytes[RING], got[RING];
    uint16_t length;
    size_t there;
    for (unsigned packets = 0; packets < 4; packets++) {
        start(packets & 1);
        fill(bytes, sizeof bytes, 1);
        CHECK_EQUAL(acm_write(&acm, bytes, 200), 200);
        for (unsigned i = 0; i < packets; i++)
            CHECK_EQUAL(in_packet(got, &length), CABLE_ACK);
        CHECK_EQUAL(halt(IN, true), 0);
        CHECK_EQUAL(acm.stats.in_lost, 200);
        CHECK_EQUAL(acm_write(&acm, bytes, 100), 100); /* waits */
        CHECK_EQUAL(in_packet(got, &length), CABLE_STALL);
        CHECK_EQUAL(halt(IN, false), 0);
        CHECK_EQUAL(rig_in(&rig, IN, got, sizeof got), 100);
        CHECK_BYTES(got, bytes, 100);
        CHECK_EQUAL(halt(IN, false), 0); /* where there was none */
        well();
    }
    start(false);
    CHECK_EQUAL(rig_out(&rig, OUT, bytes, 64, false), 64);
    CHECK_EQUAL(halt(OUT, true), 0);
    CHECK(acm_peek(&acm, &there) != NULL && there == 64);
    CHECK_EQUAL(rig_out(&rig, OUT, bytes, 10, false), RIG_STALL);
    acm_take(&acm, there);
    CHECK_EQUAL(rig_out(&rig, OUT, bytes, 10, false), RIG_STALL);
    CHECK_EQUAL(halt(OUT, false), 0);
    CHECK_EQUAL(rig_out(&rig, OUT, bytes, 10, false), 10);
    CHECK(acm_peek(&acm, &there) != NULL && there == 10);
    CHECK_EQUAL(halt(OUT, false), 0); /* what has come is there still, and waits to be taken */
    CHECK(acm_peek(&acm, &there) != NULL && there == 10);
    acm_take(&acm, 10);
    well();
}

/* A reset, configuration 0 and 1, or SET_INTERFACE, with transfers under way both ways. */
TEST(acm_begins_anew)
{
    uint8_t bytes[RING], got[RING];
    uint16_t length;
    size_t there;
    for (unsigned how = 0; how < 8; how++) {
        bool hold = how & 1;
        start(hold);
        fill(bytes, sizeof bytes, 1);
        CHECK_EQUAL(acm_write(&acm, bytes, 200), 200);
        CHECK_EQUAL(in_packet(got, &length), CABLE_ACK);
        CHECK_EQUAL(rig_out(&rig, OUT, bytes, 64, false), 64);
        told = 0;
        if (how < 2) {
            CHECK(rig_enumerate(&rig, true));
        } else if (how < 6) {
            CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, how < 4 ? 0 : 1, 0, 0, NULL), 0);
            CHECK_EQUAL(acm.up, how >= 4);
            CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 0, NULL), 0);
            memset(rig.in_data1, 0, sizeof rig.in_data1);
            memset(rig.out_data1, 0, sizeof rig.out_data1);
            CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
        } else {
            CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, INTERFACE + 1, 0, NULL), 0);
            rig_toggle_reset(&rig, IN);
            rig_toggle_reset(&rig, OUT);
        }
        bool same = how >= 6; /* the port stays open, and what came stays there */
        CHECK(acm_is_open(&acm) == same && (told & ACM_LINES) == (same ? 0 : ACM_LINES));
        CHECK_EQUAL(acm.stats.in_lost, hold && !same ? 0 : 200);
        CHECK_EQUAL(acm.stats.out_lost, same ? 0 : 64);
        acm_peek(&acm, &there);
        CHECK_EQUAL(there, same ? 64 : 0);
        if (hold && !same) {
            CHECK_EQUAL(rig_in(&rig, IN, got, sizeof got), 200);
            CHECK_BYTES(got, bytes, 200);
        }
        CHECK_EQUAL(in_packet(got, &length), CABLE_NAK);
        well();
    }
    start(false);
    acm_write(&acm, bytes, 200);
    usb_device_detach(&rig.device);
    CHECK(!acm.up && !acm_is_open(&acm));
    CHECK_EQUAL(acm_write(&acm, bytes, 200), 0);
}

/* Endpoints that were halted before a new setting are not, behind it. */
TEST(acm_halted_anew)
{
    uint8_t bytes[16];
    for (unsigned how = 0; how < 3; how++) {
        start(false);
        acm_state_set(&acm, ACM_DSR);
        CHECK(halt(IN, true) == 0 && halt(OUT, true) == 0 && halt(NOTIFY, true) == 0);
        CHECK_EQUAL(acm_write(&acm, "x", 1), 1);
        if (how == 0) {
            CHECK(rig_enumerate(&rig, true));
        } else if (how == 1) {
            CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 0, NULL), 0);
            CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
        } else {
            CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, INTERFACE, 0, NULL), 0);
            CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, INTERFACE + 1, 0, NULL), 0);
        }
        memset(rig.in_data1 + 3, 0, sizeof rig.in_data1 - 3);
        memset(rig.out_data1 + 2, 0, sizeof rig.out_data1 - 2);
        state_read(ACM_DSR);
        CHECK_EQUAL(rig_in(&rig, IN, bytes, sizeof bytes), how == 2 ? 1 : RIG_NAK);
        CHECK_EQUAL(rig_out(&rig, OUT, "y", 1, false), 1);
        well();
    }
}

/* Asleep and awake again in the middle: nothing is lost. */
TEST(acm_suspend)
{
    uint8_t bytes[RING], got[RING];
    uint16_t length;
    start(false);
    fill(bytes, sizeof bytes, 1);
    CHECK_EQUAL(acm_write(&acm, bytes, 100), 100);
    CHECK_EQUAL(in_packet(got, &length), CABLE_ACK);
    virtual_udc_cable_ops.bus_suspend(&rig.udc, true);
    rig_time(&rig, 10, false);
    CHECK(usb_device_suspended(&rig.device));
    CHECK_EQUAL(acm_write(&acm, bytes + 100, 100), 100);
    virtual_udc_cable_ops.bus_suspend(&rig.udc, false);
    rig_time(&rig, 2, true);
    CHECK_EQUAL(rig_in(&rig, IN, got + 64, sizeof got - 64), 36);
    CHECK_EQUAL(rig_in(&rig, IN, got + 100, sizeof got - 100), 100);
    CHECK_BYTES(got, bytes, 200);
    well();
}

/* Whoever waits for room hears of it, however it has come about. */
TEST(acm_room_told)
{
    uint8_t bytes[RING] = {0};
    for (unsigned how = 0; how < 3; how++) {
        start(how & 1);
        CHECK_EQUAL(acm_write(&acm, bytes, RING), RING);
        CHECK(acm_room(&acm) == 0 && told == 0);
        if (how < 2)
            CHECK_EQUAL(halt(IN, how == 0), 0);
        else
            CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, INTERFACE + 1, 0, NULL), 0);
        CHECK(acm_room(&acm) == RING && told == ACM_SENT);
    }
}

/* A key that nobody takes doesn't keep the next ones from coming: Ctrl-C is one of them. */
TEST(acm_out_behind)
{
    uint8_t bytes[ROOM];
    size_t there;
    start(false);
    fill(bytes, sizeof bytes, 1);
    for (size_t i = 0; i <= ROOM - 64; i++) {
        CHECK_EQUAL(rig_out_packet(&rig, OUT, rig.out_data1[OUT], bytes + i, 1), CABLE_ACK);
        rig.out_data1[OUT] = !rig.out_data1[OUT];
        CHECK(acm_peek(&acm, &there) != NULL && there == i + 1);
        CHECK_BYTES(acm_peek(&acm, &there), bytes, i + 1);
    }
    CHECK_EQUAL(rig_out_packet(&rig, OUT, rig.out_data1[OUT], bytes, 1), CABLE_NAK);
    acm_take(&acm, 5);
    CHECK_EQUAL(rig_out_packet(&rig, OUT, rig.out_data1[OUT], bytes + ROOM - 63, 63), CABLE_ACK);
    rig.out_data1[OUT] = !rig.out_data1[OUT];
    CHECK(acm_peek(&acm, &there) != NULL && there == ROOM - 5);
    CHECK_BYTES(acm_peek(&acm, &there), bytes + 5, ROOM - 5);
    acm_take(&acm, there);
    well();
}

/* More than there was can't be taken. */
TEST(acm_take_too_much)
{
    size_t there;
    start(false);
    acm_take(&acm, 1);
    CHECK(acm_peek(&acm, &there) == NULL && there == 0);
    CHECK_EQUAL(rig_out(&rig, OUT, "abc", 3, false), 3);
    acm_take(&acm, 1000000);
    CHECK(acm_peek(&acm, &there) == NULL && there == 0);
    CHECK_EQUAL(acm.stats.out_bytes, 3);
    well();
}

TEST_MAIN()
