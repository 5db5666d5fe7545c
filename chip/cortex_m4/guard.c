/*
 * The first-stage boot loader: what a reset leads to. See guard.h; the swap itself is guard_swap.c.
 *
 * The chip's folder says in chip_guard.inc where it keeps what is needed: GUARD_ROM (ROM's vector table),
 * GUARD_CRC (base of the CRC unit; polynomial 0x04C11DB7 over whole words at reset on every STM32), GUARD_CRC_GATE and
 * GUARD_SYSCFG_GATE (register, bit), GUARD_MEMRMP (1 there: ROM at address 0), GUARD_CLOCK, _MASK and _RESET (RCC_CR, and
 * what a reset leaves in it: a boot loader that starts us has changed it), GUARD_CSR and _RMVF (what has reset us, and the bit
 * that forgets it); and how its flash is erased and programmed.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/cortex_m4/guard.h"

#include "chip/cortex_m4/guard_swap.h"
#include "chip/cortex_m4/report.h"
#include "wire/image.h"

#define CSR_IWDGRST (1u << 29)

#define VECTORS (16 + CHIP_IRQ_COUNT)

#include "chip_guard.inc"

/* What is 0 here, tool/stamp.py fills. */
__attribute__((section(".header"), used)) static const struct {
    uint32_t magic, board;
    const void *length; /* a symbol: the linker's number */
    uint32_t format;
    const void *base;
    uint32_t texts[(IMAGE_HEADER - IMAGE_AT_VERSION) / 4];
} header = {.magic = GUARD_MAGIC,
            .board = BOARD_ID,
            .length = linker_image_length,
            .format = IMAGE_FORMAT,
            .base = linker_vectors};

_Static_assert(sizeof header == IMAGE_HEADER && GUARD_MAGIC == IMAGE_MAGIC, "wire/image.h");

static inline __attribute__((always_inline)) void gate(uint32_t address, unsigned bit, bool on)
{
    if (on)
        REG32(address) |= 1u << bit;
    else
        REG32(address) &= ~(1u << bit);
    (void)REG32(address); /* two cycles until the peripheral's clock runs */
}

GUARD_CODE bool guard_fits(const uint32_t *words, uint32_t length, uint32_t wanted)
{
    const uint32_t *end = words + length / sizeof *words;

    GUARD_IWDG_KR = GUARD_IWDG_FEED;
    REG32(linker_stack_start) = 0;
    CRC_CR = CRC_CR_RESET;
    while (words < end)
        CRC_DR = *words++;
    __asm__ volatile("dsb\n isb" ::: "memory");
    return CRC_DR == wanted && REG32(linker_stack_start) == 0;
}

/* The CRC of all with its CRC word is 0. */
GUARD_CODE bool guard_image_good(const uint32_t *slot, uint32_t size)
{
    const struct guard_header *found = (const struct guard_header *)(slot + VECTORS);

    return found->magic == GUARD_MAGIC && found->board == BOARD_ID && found->length % 4 == 0 &&
           found->length >= VECTORS * 4 + sizeof *found && found->length <= size - 4 &&
           guard_fits(slot, found->length + 4, 0);
}

GUARD_CODE uint32_t guard_image_word(const uint32_t *slot)
{
    return slot[((const struct guard_header *)(slot + VECTORS))->length / 4];
}

/* Bytes of a slot that an image needs whose length fits, with the trailer that a signed one has. */
static GUARD_CODE uint32_t image_size(const uint32_t *slot, uint32_t size)
{
    uint32_t length = ((const struct guard_header *)(slot + VECTORS))->length + 4;

    return length + (length < size && slot[length / 4] == IMAGE_SIGNED ? IMAGE_TRAILER : 0);
}

/* Why the staged image isn't what was asked for; 0: it is. */
static GUARD_CODE enum journal_refusal refusal(const struct guard_journal *j)
{
    const uint32_t *found = linker_staged + VECTORS;
    uint32_t size = GUARD_SIZE(staged), length = found[IMAGE_AT_LENGTH / 4];

    if (found[IMAGE_AT_MAGIC / 4] != IMAGE_MAGIC || found[IMAGE_AT_FORMAT / 4] != IMAGE_FORMAT)
        return JOURNAL_BAD_HEADER;
    if (found[IMAGE_AT_BOARD / 4] != BOARD_ID)
        return JOURNAL_BAD_BOARD;
    if (found[IMAGE_AT_BASE / 4] != (uint32_t)(uintptr_t)linker_image)
        return JOURNAL_BAD_BASE;
    if (length % 4 != 0 || length < VECTORS * 4 + IMAGE_HEADER || length > size - 4 || j->used > size ||
        image_size(linker_staged, size) > j->used ||
        (guard_image_good(linker_image, size) && image_size(linker_image, size) > j->used))
        return JOURNAL_BAD_LENGTH;
    return guard_image_good(linker_staged, size) && guard_image_word(linker_staged) == j->image
               ? 0
               : JOURNAL_BAD_CRC;
}

/* How the start before this one ended, by enum board_report_reason; 0: by nobody's fault. */
static GUARD_CODE __attribute__((flatten)) uint32_t start_ended(uint32_t image)
{
    const struct report_kept *kept = &linker_report;

    if (report_whole(kept) && kept->report.starts == 0 && kept->report.image == image)
        return kept->report.reason;
    return REG32(GUARD_CSR) & CSR_IWDGRST ? BOARD_REPORT_WATCHDOG : 0;
}

/* Another whole image than the one on trial: the ROM's boot loader has written it. */
static GUARD_CODE void trial(struct guard_journal *j)
{
    uint32_t reason;

    if (!guard_image_good(linker_image, GUARD_SIZE(image))) {
        guard_append(j, JOURNAL_BACK, JOURNAL_NOT_WHOLE, j->used / JOURNAL_USED_UNIT);
    } else if (guard_image_word(linker_image) != j->image) {
        j->phase = GUARD_IDLE;
    } else {
        reason = start_ended(j->image);
        if (reason != 0 && guard_append(j, JOURNAL_FAILED, reason, 0))
            j->reason = (uint8_t)reason;
        if (j->failed >= JOURNAL_FAILED_MAX)
            guard_append(j, JOURNAL_BACK, j->reason, j->used / JOURNAL_USED_UNIT);
    }
}

/* What the journal asks for is done. True: the image is on trial. */
static GUARD_CODE bool updated(void)
{
    struct guard_journal j;
    enum journal_refusal no = 0;

    guard_journal_read(&j);
    if (j.phase == GUARD_TRIAL)
        trial(&j);
    if (j.phase == GUARD_ASKED)
        no = refusal(&j);
    if (no != 0)
        guard_append(&j, JOURNAL_REFUSED, no, 0);
    else if (j.phase == GUARD_ASKED || j.phase == GUARD_SWAPS)
        guard_swap(&j);
    return j.phase == GUARD_TRIAL;
}

/* Begin at a vector table: its stack, its reset handler. */
static inline __attribute__((always_inline, noreturn)) void begin(const uint32_t *vectors)
{
    __asm__ volatile("msr msp, %0\n bx %1" ::"r"(vectors[0]), "r"(vectors[1]));
    __builtin_unreachable();
}

GUARD_CODE __attribute__((noreturn, used)) static void guard_start(void)
{
    bool asked = linker_request[0] == GUARD_WANTS_ROM && linker_request[1] == ~GUARD_WANTS_ROM;

    if ((REG32(GUARD_CLOCK) & GUARD_CLOCK_MASK) != GUARD_CLOCK_RESET)
        guard_reset();
    gate(GUARD_CRC_GATE, true);
    bool trial = !asked && updated();
    linker_request[0] = GUARD_PASSED;
    bool good = !asked && guard_image_good(linker_vectors, GUARD_SIZE(image));
    gate(GUARD_CRC_GATE, false);
    if (good && trial) { /* one that hangs before it can say anything is counted, too */
        GUARD_IWDG_KR = GUARD_IWDG_START;
        GUARD_IWDG_KR = GUARD_IWDG_WRITE;
        GUARD_IWDG_PR = GUARD_IWDG_LONGEST;
        GUARD_IWDG_KR = GUARD_IWDG_FEED;
    }
    if (good)
        begin(linker_vectors);
    linker_request[0] = 0;
    gate(GUARD_SYSCFG_GATE, true);
    REG32(GUARD_MEMRMP) = 1;
    __asm__ volatile("dsb\n isb" ::: "memory");
    begin((const uint32_t *)GUARD_ROM);
}

/* A cut leaves a unit whose ECC doesn't fit; reading it raises NMI. Who reads asks for this word. */
GUARD_CODE __attribute__((used)) static void guard_nmi(void)
{
    guard_ecc_clear();
    REG32(linker_stack_start) = 1;
}

/* Where other tables have the handler of a HardFault: what tells images that this one can swap. A fault here locks the core up,
 * as any address would that leads nowhere. */
__attribute__((section(".guard.vectors"), used)) static void (*const guard_vectors[])(void) = {
    (void (*)(void))(uintptr_t)linker_stack_end,
    guard_start,
    guard_nmi,
    (void (*)(void))(uintptr_t)JOURNAL_LOADER,
};

_Static_assert(JOURNAL_LOADER_OFFSET == 3 * sizeof guard_vectors[0], "wire/swap_journal.h");
