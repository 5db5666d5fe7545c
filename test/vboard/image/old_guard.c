/*
 * The boot guard as it was before it could swap images: for tests of boards that still have it (test/vboard/test_update.c,
 * test_swap.c). It stands in for the build's own by the linker scripts old_*.ld. Frozen: what is in the field doesn't change.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/cortex_m4/guard.h"

#include "chip/cortex_m4/cortex_m4.h"
#include "wire/image.h"

#define GUARD_ROM 0x1FFF0000u
#define GUARD_CRC 0x40023000u
#ifdef OLD_L476
#define GUARD_CRC_GATE    0x40021048u, 12
#define GUARD_SYSCFG_GATE 0x40021060u, 0
#define GUARD_MEMRMP      0x40010000u
#define GUARD_CLOCK       0x40021000u
#define GUARD_CLOCK_MASK  0x010101FDu
#define GUARD_CLOCK_RESET 0x00000061u
#define GUARD_ECCR        0x40022018u
#define GUARD_ECCR_ECCD   0x80000000u
#else
#define GUARD_CRC_GATE    0x40023830u, 12
#define GUARD_SYSCFG_GATE 0x40023844u, 14
#define GUARD_MEMRMP      0x40013800u
#define GUARD_CLOCK       0x40023800u
#define GUARD_CLOCK_MASK  0x01010001u
#define GUARD_CLOCK_RESET 0x00000001u
#endif

#define CRC_DR       REG32(GUARD_CRC + 0x00)
#define CRC_CR       REG32(GUARD_CRC + 0x08)
#define CRC_CR_RESET 1u

#define VECTORS (16 + CHIP_IRQ_COUNT)

/* Of the image, which is of today: the old guard reads the first three words alone. */
__attribute__((section(".header"), used)) static const struct {
    uint32_t magic, board;
    const void *length; /* a symbol: the linker's number */
    uint32_t format;
    const void *base;
    uint32_t stamped[(IMAGE_HEADER - IMAGE_AT_VERSION) / 4];
} header = {GUARD_MAGIC, BOARD_ID, linker_image_length, IMAGE_FORMAT, linker_vectors, {0}};

static inline __attribute__((always_inline)) void gate(uint32_t address, unsigned bit, bool on)
{
    if (on)
        REG32(address) |= 1u << bit;
    else
        REG32(address) &= ~(1u << bit);
    (void)REG32(address); /* two cycles until the peripheral's clock runs */
}

static inline __attribute__((always_inline)) bool crc_fits(const uint32_t *end)
{
    gate(GUARD_CRC_GATE, true);
    CRC_CR = CRC_CR_RESET;
    for (const uint32_t *word = linker_vectors; word < end; word++)
        CRC_DR = *word;
    bool fits = CRC_DR == *end;
    gate(GUARD_CRC_GATE, false);
    return fits;
}

static inline __attribute__((always_inline)) bool image_good(void)
{
    const struct guard_header *found = (const struct guard_header *)(linker_vectors + VECTORS);
    uint32_t room = (uint32_t)(uintptr_t)linker_image_end - (uint32_t)(uintptr_t)linker_vectors;

    return found->magic == GUARD_MAGIC && found->board == BOARD_ID && found->length % 4 == 0 &&
           found->length >= VECTORS * 4 + sizeof *found && found->length <= room - 4 &&
           crc_fits(linker_vectors + found->length / 4);
}

/* Begin at a vector table: its stack, its reset handler. */
static inline __attribute__((always_inline, noreturn)) void begin(const uint32_t *vectors)
{
    __asm__ volatile("msr msp, %0\n bx %1" ::"r"(vectors[0]), "r"(vectors[1]));
    __builtin_unreachable();
}

__attribute__((noreturn, used, section(".guard.code"))) static void guard_start(void)
{
    bool asked = linker_request[0] == GUARD_WANTS_ROM && linker_request[1] == ~GUARD_WANTS_ROM;

    if ((REG32(GUARD_CLOCK) & GUARD_CLOCK_MASK) != GUARD_CLOCK_RESET) {
        SCB_AIRCR = AIRCR_VECTKEY | AIRCR_SYSRESETREQ;
        for (;;)
            __asm__ volatile("dsb");
    }
    linker_request[0] = GUARD_PASSED;
    if (!asked && image_good())
        begin(linker_vectors);
    linker_request[0] = 0;
    gate(GUARD_SYSCFG_GATE, true);
    REG32(GUARD_MEMRMP) = 1;
    __asm__ volatile("dsb\n isb" ::: "memory");
    begin((const uint32_t *)GUARD_ROM);
}

/* A cut update leaves a unit whose ECC doesn't fit; reading it raises NMI. What was read isn't whole: the CRC will say so. */
__attribute__((used, section(".guard.code"))) static void guard_nmi(void)
{
#ifdef GUARD_ECCR
    REG32(GUARD_ECCR) = GUARD_ECCR_ECCD;
#endif
}

__attribute__((section(".guard.vectors"), used)) static void (*const guard_vectors[])(void) = {
    (void (*)(void))(uintptr_t)linker_stack_end,
    guard_start,
    guard_nmi,
};
