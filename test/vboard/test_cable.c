/*
 * The whole way from the cable to an image and back: test/vboard/image/echo.c enumerates and echoes, on the
 * interpreter, through clocks, pins, FIFOs and interrupts' flags.
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"

#include "test/vboard/tiny_host.h"
#include "vboard/board.h"
#include "vboard/cpu.h"

#ifndef IMAGES
#define IMAGES "build/test/vboard/image"
#endif

static struct vboard *board_new(struct tiny_host *host, uint8_t serial)
{
    char error[300];
    uint8_t uid[VBOARD_UID_LENGTH] = {serial};
    struct vboard_config config = {.image = IMAGES "/echo.elf", .uid = uid};
    struct vboard *board = vboard_new(&config, error, sizeof error);
    if (!board)
        TEST_FAIL("%s", error);
    *host = (struct tiny_host){.cable = vboard_cable(board)};
    return board;
}

static uint32_t word(struct vboard *board, const char *name)
{
    uint32_t address, size, value = 0;
    if (!vboard_symbol(board, name, &address, &size))
        TEST_FAIL("no symbol %s", name);
    cpu_memory_read(vboard_cpu(board), address, &value, 4);
    return value;
}

/* One packet out and the same one back. */
static void echo(struct tiny_host *host, unsigned length, uint8_t seed)
{
    uint8_t sent[64], got[64];
    uint16_t got_length;
    bool toggle;
    for (unsigned i = 0; i < length; i++)
        sent[i] = (uint8_t)(seed + 7 * i);
    CHECK_EQUAL(tiny_out_packet(host, 1, host->toggle_out[1], sent, (uint16_t)length, 100), CABLE_ACK);
    host->toggle_out[1] = !host->toggle_out[1];
    CHECK_EQUAL(tiny_in_packet(host, 1, &toggle, got, &got_length, 100), CABLE_ACK);
    CHECK_EQUAL(toggle, host->toggle_in[1]);
    host->toggle_in[1] = !host->toggle_in[1];
    CHECK_EQUAL(got_length, length);
    CHECK_BYTES(got, sent, length);
}

static void enumerate(struct tiny_host *host)
{
    CHECK(tiny_attach(host, 100));
    const char *wrong = tiny_enumerate(host);
    CHECK_STRING(wrong ? wrong : "", "");
}

TEST(cable_enumerate_and_echo)
{
    struct tiny_host host;
    struct vboard *board = board_new(&host, 1);
    enumerate(&host);
    CHECK_EQUAL(word(board, "configured"), 1);
    for (unsigned length = 0; length <= 64; length++)
        echo(&host, length, (uint8_t)length);
    CHECK_EQUAL(word(board, "echoed"), 65);
    struct vboard_stats stats = vboard_stats(board);
    CHECK_EQUAL(stats.unmodelled + stats.warnings, 0);
    vboard_free(board);
}

TEST(cable_unknown_request_stalls_and_recovers)
{
    struct tiny_host host;
    struct vboard *board = board_new(&host, 1);
    enumerate(&host);
    uint8_t data[64];
    uint16_t length;
    CHECK_EQUAL(tiny_control(&host, (const uint8_t[8]){0xC0, 99, 0, 0, 0, 0, 8, 0}, data, &length),
                CABLE_STALL);
    CHECK_EQUAL(tiny_control(&host, (const uint8_t[8]){0x80, 6, 0, 1, 0, 0, 18, 0}, data, &length),
                CABLE_ACK);
    CHECK_EQUAL(length, 18);
    vboard_free(board);
}

TEST(cable_replug_and_board_reset)
{
    struct tiny_host host;
    struct vboard *board = board_new(&host, 1);
    for (unsigned i = 0; i < 5; i++) {
        enumerate(&host);
        echo(&host, 33, (uint8_t)i);
        host.cable.ops->vbus(host.cable.device, false);
        CHECK(!host.cable.ops->pulled_up(host.cable.device));
        tiny_step(&host, 20000000);
        memset(host.device, 0, sizeof host.device);
    }
    enumerate(&host);
    vboard_reset_button(board, true);
    CHECK(!host.cable.ops->pulled_up(host.cable.device));
    vboard_reset_button(board, false);
    memset(host.device, 0, sizeof host.device);
    enumerate(&host);
    echo(&host, 64, 9);
    vboard_power(board, false);
    CHECK(!host.cable.ops->pulled_up(host.cable.device));
    host.now += 1000000;
    host.cable.ops->advance(host.cable.device, host.now);
    vboard_power(board, true);
    memset(host.device, 0, sizeof host.device);
    enumerate(&host);
    vboard_free(board);
}

/* Two boards side by side do what one alone does, and everything twice is the same to the instruction. */
TEST(cable_two_boards_and_repeatable)
{
    struct vboard_stats stats[4];
    struct tiny_host a, b;
    for (unsigned run = 0; run < 2; run++) {
        struct vboard *first = board_new(&a, 1), *second = board_new(&b, 1);
        enumerate(&a);
        enumerate(&b);
        for (unsigned i = 0; i < 20; i++) {
            echo(&a, i, 1);
            echo(&b, i, 1);
        }
        stats[2 * run] = vboard_stats(first);
        stats[2 * run + 1] = vboard_stats(second);
        vboard_free(first);
        vboard_free(second);
    }
    for (unsigned i = 1; i < 4; i++) {
        CHECK_EQUAL(stats[i].instructions, stats[0].instructions);
        CHECK_EQUAL(stats[i].cycles, stats[0].cycles);
    }
    CHECK(stats[0].instructions > 10000);
}

TEST_MAIN()
