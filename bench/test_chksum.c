/*
 * The checksum in assembly (chip/cortex_m4/chksum.S) on the virtual core, against a plain one in C.
 *
 *   flash 0x08000000  chksum_image.S, chksum.S      RAM 0x20000000  stack, then the bytes
 *
 * Every call also shows that callee-saved registers and the stack pointer come back, and what it costs.
 */
/* SPDX-License-Identifier: MIT */
#include "bench/core_call.h"

#define STACK_TOP  (CORE_RAM_BASE + 0x1000)
#define DATA_BASE  (CORE_RAM_BASE + 0x2000)
#define CALLS_MAX  20000u /* cycles of one call, more than the longest needs */
#define LENGTH_MAX 1514

enum { IMAGE_CHKSUM = 2, IMAGE_RETURNED }; /* words of the image, see chksum_image.S */

extern const uint8_t chksum_image[], chksum_image_end[];
__asm__(".pushsection .rodata\n"
        "chksum_image: .incbin \"" CHKSUM_IMAGE "\"\n"
        "chksum_image_end:\n"
        ".popsection\n");

/* Call chksum_sum(address, length) on the core; *instructions is what it executed. */
static uint16_t core_chksum(uint32_t address, int32_t length, uint64_t *instructions)
{
    core_start(chksum_image, chksum_image_end, IMAGE_RETURNED);
    uint32_t sum = core_call(IMAGE_CHKSUM, IMAGE_RETURNED, (const uint32_t[4]){address, (uint32_t)length},
                             STACK_TOP, CALLS_MAX, instructions);
    CHECK_EQUAL(sum >> 16, 0);
    return (uint16_t)sum;
}

/* Ones' complement sum of little-endian 16-bit words, byte by byte. */
static uint16_t plain_chksum(const uint8_t *bytes, int32_t length)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < length; i++) {
        sum += (i & 1) != 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return (uint16_t)sum;
}

static uint32_t random_state = 1;

static uint32_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

/* `kind` 0: random bytes, 1: all 0xFF (most carries), 2: all 0. Bytes around the range are never 0. */
static uint64_t compare(uint32_t alignment, int32_t length, int kind)
{
    uint8_t *bytes = core_at(DATA_BASE) + alignment;
    uint64_t instructions;
    memset(core_at(DATA_BASE), 0xA5, LENGTH_MAX + 16);
    for (int32_t i = 0; i < length; i++)
        bytes[i] = kind == 0 ? (uint8_t)random_next() : kind == 1 ? 0xFF : 0;
    uint16_t wanted = plain_chksum(bytes, length);
    uint16_t got = core_chksum(DATA_BASE + alignment, length, &instructions);
    if (got != wanted)
        TEST_FAIL("alignment %u, length %d, kind %d: 0x%04x, wanted 0x%04x", alignment, length, kind, got,
                  wanted);
    return instructions;
}

TEST(chksum_every_alignment_and_length)
{
    for (uint32_t alignment = 0; alignment < 4; alignment++)
        for (int32_t length = 0; length <= 200; length++)
            for (int kind = 0; kind < 3; kind++)
                compare(alignment, length, kind);
}

TEST(chksum_random_lengths)
{
    for (int i = 0; i < 2000; i++)
        compare(random_next() & 3, (int32_t)(random_next() % (LENGTH_MAX + 1)),
                (int)(random_next() % 8) == 0);
}

TEST(chksum_negative_length_is_nothing)
{
    uint64_t instructions;
    CHECK_EQUAL(core_chksum(DATA_BASE, -1, &instructions), 0);
}

/* A known sum: RFC 1071's example 00 01 f2 03 f4 f5 f6 f7 adds up to ddf2, bytes swapped here. */
TEST(chksum_known_vector)
{
    static const uint8_t bytes[8] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    uint64_t instructions;
    memcpy(core_at(DATA_BASE), bytes, sizeof bytes);
    CHECK_EQUAL(core_chksum(DATA_BASE, sizeof bytes, &instructions), 0xf2dd);
    memcpy(core_at(DATA_BASE) + 1, bytes, sizeof bytes);
    CHECK_EQUAL(core_chksum(DATA_BASE + 1, sizeof bytes, &instructions), 0xf2dd);
}

/* What the echo of 1472 bytes needs it for: at most one and a half instructions a word, and a little. */
TEST(chksum_cost)
{
    uint64_t instructions = compare(2, 1480, 0);
    printf("%llu instructions for 1480 bytes\n", (unsigned long long)instructions);
    CHECK(instructions <= 1480 / 4 * 3 / 2 + 60);
}

TEST_MAIN()
