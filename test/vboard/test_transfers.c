/*
 * Transfers at the controller's limits, on the virtual STM32F407 with the real driver (firmware of test/transfers): more packets
 * than PKTCNT counts, both ways; and OUT packets that end within a word, behind which memory stays as it is.
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "test/vboard/image_board.h"
#include "test/vboard/tiny_host.h"
#include "vboard/board.h"

#define LONGEST   70000u /* as the firmware has it */
#define ODD_SIZE  5u
#define ODD_BYTES 15u
#define GUARD     5u

static struct vboard *board;
static struct tiny_host host;
static uint8_t sent[LONGEST], got[LONGEST + 64];

static void start(void)
{
    if (board)
        return;
    board = image_board("stm32f4discovery", BUILD "/test/transfers/transfers.elf", NULL);
    host = (struct tiny_host){.cable = vboard_cable(board)};
    CHECK(tiny_attach(&host, 1000));
    const char *wrong = tiny_enumerate(&host);
    if (wrong)
        TEST_FAIL("%s", wrong);
}

/* Packets of this size, until `length` bytes have gone; then a short one, if there is room for none. */
static void out(uint8_t endpoint, uint32_t length, uint16_t packet_size, bool ends)
{
    for (uint32_t at = 0; at < length || (ends && at == length); at += packet_size) {
        uint16_t size = (uint16_t)(length - at < packet_size ? length - at : packet_size);
        CHECK_EQUAL(tiny_out_packet(&host, endpoint, host.toggle_out[endpoint], sent + at, size, 1000),
                    CABLE_ACK);
        host.toggle_out[endpoint] = !host.toggle_out[endpoint];
    }
}

static uint32_t in(uint8_t endpoint)
{
    uint16_t size = 64;
    uint32_t length = 0;
    while (size == 64) {
        bool toggle;
        CHECK(length + 64 <= sizeof got);
        CHECK_EQUAL(tiny_in_packet(&host, endpoint, &toggle, got + length, &size, 1000), CABLE_ACK);
        CHECK_EQUAL(toggle, host.toggle_in[endpoint]);
        host.toggle_in[endpoint] = !toggle;
        length += size;
    }
    return length;
}

static void fill(uint32_t length, uint32_t seed)
{
    for (uint32_t i = 0; i < length; i++)
        sent[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
}

TEST(transfers_long)
{
    static const uint32_t lengths[] = {1000, 1023 * 64 - 1, 1023 * 64, 1023 * 64 + 1, 1024 * 64, LONGEST};
    start();
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        fill(lengths[i], i);
        out(1, lengths[i], 64, true);
        CHECK_EQUAL(in(1), lengths[i]);
        CHECK_BYTES(got, sent, lengths[i]);
    }
    CHECK_STRING(image_warning, "");
}

static void halt_end(uint8_t address)
{
    uint8_t setup[8] = {0x02, 1, 0, 0, address};
    CHECK_EQUAL(tiny_control(&host, setup, NULL, NULL), CABLE_ACK);
    *(address & 0x80 ? &host.toggle_in[address & 15] : &host.toggle_out[address]) = false;
}

/* Cut anywhere, each way; the next message is whole. */
TEST(transfers_cut)
{
    static const uint32_t packets[] = {1, 700, 1022, 1023, 1024, 1090};
    start();
    for (unsigned i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        fill(LONGEST, i);
        out(1, packets[i] * 64, 64, false);
        halt_end(0x01);
        out(1, LONGEST, 64, true);
        for (uint32_t n = 0; n < packets[i]; n++) {
            uint16_t size;
            bool toggle;
            CHECK_EQUAL(tiny_in_packet(&host, 1, &toggle, got, &size, 1000), CABLE_ACK);
            CHECK_BYTES(got, sent + n * 64, 64);
        }
        halt_end(0x81);
        fill(100, i);
        out(1, 100, 64, true);
        CHECK_EQUAL(in(1), 100);
        CHECK_BYTES(got, sent, 100);
    }
    CHECK_STRING(image_warning, "");
}

TEST(transfers_odd)
{
    start();
    for (uint32_t length = 1; length <= ODD_BYTES; length++) {
        fill(ODD_BYTES, length);
        out(2, length, ODD_SIZE, length % ODD_SIZE == 0 && length < ODD_BYTES);
        CHECK_EQUAL(in(2), ODD_BYTES + GUARD);
        CHECK_BYTES(got, sent, length);
        for (uint32_t i = 0; i < GUARD; i++)
            CHECK_EQUAL(got[ODD_BYTES + i], 0xEE);
    }
    CHECK_STRING(image_warning, "");
}

TEST_MAIN()
