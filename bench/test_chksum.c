/*
 * The checksum in assembly (chip/cortex_m4/chksum.S) on the virtual core, against a plain one in C.
 *
 *   flash 0x08000000  chksum_image.S, chksum.S      RAM 0x20000000  stack, then the bytes
 *
 * Every call also shows that callee-saved registers and the stack pointer come back, and what it costs.
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "vboard/cpu.h"

#define FLASH_BASE 0x08000000u
#define FLASH_SIZE 0x1000u
#define RAM_BASE   0x20000000u
#define RAM_SIZE   0x4000u
#define STACK_TOP  (RAM_BASE + 0x1000)
#define DATA_BASE  (RAM_BASE + 0x2000)
#define CALLS_MAX  20000u /* instructions of one call, more than the longest needs */
#define LENGTH_MAX 1514

extern const uint8_t chksum_image[], chksum_image_end[];
__asm__(".pushsection .rodata\n"
        "chksum_image: .incbin \"" CHKSUM_IMAGE "\"\n"
        "chksum_image_end:\n"
        ".popsection\n");

static uint8_t flash[FLASH_SIZE], ram[RAM_SIZE];
static struct cpu *cpu;

static enum cpu_bus bus_read(void *context, uint32_t address, unsigned size, uint32_t *value)
{
    (void)context, (void)address, (void)size, (void)value;
    return CPU_BUS_FAULT;
}

static enum cpu_bus bus_write(void *context, uint32_t address, unsigned size, uint32_t value)
{
    (void)context, (void)address, (void)size, (void)value;
    return CPU_BUS_FAULT;
}

static uint32_t flash_word(uint32_t offset)
{
    uint32_t word;
    memcpy(&word, flash + offset, 4);
    return word;
}

static void core_start(void)
{
    static const struct cpu_config config = {
        .regions = {{.base = FLASH_BASE, .size = FLASH_SIZE, .bytes = flash},
                    {.base = RAM_BASE, .size = RAM_SIZE, .bytes = ram, .writable = true}},
        .irq_count = 1,
        .priority_bits = 4,
        .bus_read = bus_read,
        .bus_write = bus_write,
    };
    if (cpu == NULL) {
        size_t size = (size_t)(chksum_image_end - chksum_image);
        CHECK(size > 16 && size <= sizeof flash);
        memcpy(flash, chksum_image, size);
        cpu = cpu_new(&config);
        CHECK(cpu != NULL);
        cpu_reset(cpu, FLASH_BASE);
        cpu_breakpoint(cpu, flash_word(12) & ~1u, true);
    }
}

/* Call net_chksum(address, length) on the core; *instructions is what it executed. */
static uint16_t core_chksum(uint32_t address, int32_t length, uint64_t *instructions)
{
    core_start();
    cpu_register_set(cpu, 0, address);
    cpu_register_set(cpu, 1, (uint32_t)length);
    for (unsigned i = 4; i < 12; i++)
        cpu_register_set(cpu, i, 0xC0DE0000 + i);
    cpu_register_set(cpu, 13, STACK_TOP);
    cpu_register_set(cpu, 14, flash_word(12));
    cpu_register_set(cpu, 15, flash_word(8) & ~1u);
    uint64_t before = cpu_instructions(cpu);
    CHECK_EQUAL(cpu_run(cpu, cpu_cycles(cpu) + CALLS_MAX), CPU_BREAKPOINT);
    *instructions = cpu_instructions(cpu) - before;
    for (unsigned i = 4; i < 12; i++)
        CHECK_EQUAL(cpu_register_get(cpu, i), 0xC0DE0000 + i);
    CHECK_EQUAL(cpu_register_get(cpu, 13), STACK_TOP);
    CHECK_EQUAL(cpu_register_get(cpu, 15) & ~1u, flash_word(12) & ~1u);
    CHECK_EQUAL(cpu_register_get(cpu, 0) >> 16, 0);
    return (uint16_t)cpu_register_get(cpu, 0);
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
    uint8_t *bytes = ram + (DATA_BASE - RAM_BASE) + alignment;
    uint64_t instructions;
    memset(ram + (DATA_BASE - RAM_BASE), 0xA5, LENGTH_MAX + 16);
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
    memcpy(ram + (DATA_BASE - RAM_BASE), bytes, sizeof bytes);
    CHECK_EQUAL(core_chksum(DATA_BASE, sizeof bytes, &instructions), 0xf2dd);
    memcpy(ram + (DATA_BASE - RAM_BASE) + 1, bytes, sizeof bytes);
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
