/*
 * The boot guard. See guard.h. It stands alone: it calls nothing, has no data, and nothing of the image behind it.
 *
 * The chip's folder says in chip_guard.inc where it keeps what is needed: GUARD_ROM (ROM's vector table),
 * GUARD_CRC (base of the CRC unit; polynomial 0x04C11DB7 over whole words at reset on every STM32), GUARD_CRC_GATE and
 * GUARD_SYSCFG_GATE (register, bit), GUARD_MEMRMP (1 there: ROM at address 0), GUARD_CLOCK, _MASK and _RESET (RCC_CR, and
 * what a reset leaves in it: a boot loader that starts us has changed it); where flash has ECC, GUARD_ECCR and GUARD_ECCR_ECCD.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/cortex_m4/guard.h"

#include "chip/cortex_m4/cortex_m4.h"
#include "chip_guard.inc"
#include "wire/image.h"

#define CRC_DR       REG32(GUARD_CRC + 0x00)
#define CRC_CR       REG32(GUARD_CRC + 0x08)
#define CRC_CR_RESET 1u

#define VECTORS (16 + CHIP_IRQ_COUNT)

/* wire/image.h says what is in it; what is zeros here is tool/stamp.py's to fill. */
__attribute__((section(".header"), used)) static const struct {
    uint32_t magic, board;
    const void *length; /* a symbol: the linker's number */
    uint32_t format;
    const void *base;
    uint32_t stamped[(IMAGE_HEADER - IMAGE_AT_VERSION) / 4];
} header = {GUARD_MAGIC, BOARD_ID, linker_image_length, IMAGE_FORMAT, linker_vectors, {0}};

_Static_assert(sizeof header == IMAGE_HEADER && GUARD_MAGIC == IMAGE_MAGIC,
               "the header isn't that of wire/image.h");

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
