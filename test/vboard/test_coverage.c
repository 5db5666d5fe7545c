/*
 * Coverage against what single steps show: an image runs twice, once step by step, where each conditional instruction's way is
 * seen from the program counter (of an IT block's: from the flags, taken apart here), and once at full speed with coverage on.
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "vboard/board.h"
#include "vboard/cpu.h"

#define BASE     0x08000000u
#define SLOTS    (1u << 19)
#define STEPS    400000u
#define PC       15
#define XPSR     16
#define FILE_MAX (8u << 20)

static uint8_t expected[SLOTS], marked[SLOTS];
static char text[FILE_MAX];

static struct vboard *board_make(const char *image)
{
    char error[200] = "";
    struct vboard_config config = {.image = image};
    struct vboard *board = vboard_new(&config, error, sizeof error);
    if (!board)
        TEST_SKIP("no image");
    return board;
}

static bool holds(uint32_t xpsr, unsigned condition)
{
    bool n = xpsr >> 31, z = xpsr >> 30 & 1, c = xpsr >> 29 & 1, v = xpsr >> 28 & 1;
    const bool results[] = {z,  !z,      c,       !c,     n,      !n,           v,
                            !v, c && !z, !c || z, n == v, n != v, !z && n == v, z || n != v};
    return condition >= 14 || results[condition];
}

static uint16_t halfword(struct vboard *board, uint32_t address)
{
    uint16_t value = 0;
    vboard_peek(board, address, &value, sizeof value);
    return value;
}

/* May it branch on a condition? Written from the encodings T1 and T3 of B and T1 of CBZ. */
static bool is_conditional_branch(uint16_t first, uint16_t second)
{
    if (first >> 12 == 13)
        return (first >> 8 & 15) < 14;
    if ((first & 0xF500) == 0xB100)
        return true;
    return first >> 11 == 30 && (second & 0xD000) == 0x8000 && (first >> 7 & 7) != 7;
}

/* One step, and what it shows. */
static void step(struct vboard *board)
{
    struct cpu *cpu = vboard_cpu(board);
    uint32_t pc = cpu_register_get(cpu, PC), xpsr = cpu_register_get(cpu, XPSR);
    uint32_t it = (xpsr >> 25 & 3) | (xpsr >> 8 & 0xFC);
    uint16_t first = halfword(board, pc), second = halfword(board, pc + 2);
    uint64_t slept = cpu_sleep_cycles(cpu);
    vboard_step(board);
    uint32_t after = cpu_register_get(cpu, PC);
    if ((cpu_register_get(cpu, XPSR) ^ xpsr) & 0x1FF || pc - BASE >= 2 * SLOTS)
        return; /* an exception came or went: the step was another instruction's */
    uint8_t *mark = &expected[(pc - BASE) / 2];
    if (cpu_sleep_cycles(cpu) != slept)
        return; /* it slept on */
    if (it)
        *mark |= holds(xpsr, it >> 4) ? CPU_COVERAGE_RAN | CPU_COVERAGE_TRUE : CPU_COVERAGE_FALSE;
    else
        *mark |= CPU_COVERAGE_RAN;
    if (!it && is_conditional_branch(first, second))
        *mark |= after == pc + (first >= 0xE800 ? 4 : 2) ? CPU_COVERAGE_FALSE : CPU_COVERAGE_TRUE;
}

static void marks_read(struct vboard *board)
{
    FILE *file = fmemopen(text, sizeof text, "w");
    vboard_coverage_write(board, file);
    fclose(file);
    CHECK(strncmp(text, "plugnet-coverage 1\n", 19) == 0);
    for (char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        unsigned address, marks;
        CHECK(sscanf(line, "%8x %u\n", &address, &marks) == 2);
        CHECK(address - BASE < 2 * SLOTS);
        marked[(address - BASE) / 2] = (uint8_t)marks;
    }
}

/* Every instruction, but the first ones of handlers: a step takes the exception and runs them. */
static void compare(const char *image)
{
    unsigned ran = 0, both = 0, conditional = 0, missing = 0;
    memset(expected, 0, sizeof expected);
    memset(marked, 0, sizeof marked);
    struct vboard *board = board_make(image);
    for (uint32_t i = 0; i < STEPS; i++)
        step(board);
    uint64_t until = vboard_time_ns(board);
    vboard_free(board);

    board = board_make(image);
    CHECK(vboard_coverage_start(board));
    vboard_advance(board, until);
    marks_read(board);
    vboard_free(board);
    for (uint32_t i = 0; i < SLOTS; i++) {
        uint8_t more = marked[i] & (uint8_t)~expected[i];
        if (expected[i] & ~marked[i] || (more && expected[i]))
            TEST_FAIL("0x%08x: steps show %u, coverage %u", BASE + 2 * i, expected[i], marked[i]);
        missing += more != 0;
        ran += expected[i] & CPU_COVERAGE_RAN;
        conditional += (expected[i] & (CPU_COVERAGE_TRUE | CPU_COVERAGE_FALSE)) != 0;
        both += (expected[i] & 6) == 6;
    }
    if (missing > 4 || ran < 100 || conditional < 5 || both < 3)
        TEST_FAIL("%u ran, %u conditional, %u both ways, %u that steps don't show", ran, conditional, both,
                  missing);
}

TEST(coverage_of_the_demo)
{
    compare(BUILD "/stm32f4discovery-none/plugnet.elf");
}

TEST(coverage_of_a_script)
{
    compare(BUILD "/test/testkit/kit.elf");
}

TEST_MAIN()
