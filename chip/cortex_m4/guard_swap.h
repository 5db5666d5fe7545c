/*
 * The first-stage boot loader's own: what its two files share. No code of an image calls this.
 *
 *   guard.c: what a reset leads to ─→ guard_journal_read ─→ guard_append … guard_swap :guard_swap.c
 *
 * All of it lies in .guard.code, and calls nothing outside: while it works there may be no whole image. Its data is on the stack;
 * the word that the NMI sets is the stack's last one. The chip's folder has registers and flash operations in chip_guard.inc:
 *
 *   guard_flash_open ─→ guard_flash_erase, guard_flash_program … ─→ guard_flash_close
 *
 * Erasing is by units of the scratch area, or the whole journal; programming by 8 bytes that are erased.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CHIP_GUARD_SWAP_H
#define PLUGNET_CHIP_GUARD_SWAP_H

#include "chip/cortex_m4/cortex_m4.h"
#include "chip/cortex_m4/guard.h"
#include "wire/swap_journal.h"

#define GUARD_CODE __attribute__((section(".guard.code")))

/* The chip's CRC unit; GUARD_CRC is chip_guard.inc's. */
#define CRC_DR       REG32(GUARD_CRC + 0x00)
#define CRC_CR       REG32(GUARD_CRC + 0x08)
#define CRC_CR_RESET 1u

#define GUARD_IWDG_KR    REG32(0x40003000)
#define GUARD_IWDG_PR    REG32(0x40003004)
#define GUARD_IWDG_START 0xCCCCu
#define GUARD_IWDG_WRITE 0x5555u
#define GUARD_IWDG_FEED  0xAAAAu
#define GUARD_IWDG_LONGEST                                                                                   \
    6u /* with the counter's full 12 bits, as reset leaves it: 32.8 s of an LSI of 32 kHz */

/* The linker script's. */
extern uint32_t linker_stack_start[], linker_image[], linker_staged[], linker_scratch[], linker_journal[];
extern const uint8_t linker_image_size[], linker_staged_size[], linker_scratch_size[], linker_journal_size[];

#define GUARD_SIZE(area) ((uint32_t)(uintptr_t)linker_##area##_size)

enum guard_phase {
    GUARD_IDLE,  /* start what is there */
    GUARD_ASKED, /* a swap was asked for; nothing has changed */
    GUARD_SWAPS, /* it is under way, or the way back is */
    GUARD_TRIAL,
};

/* What the journal says. */
struct guard_journal {
    uint32_t *free; /* where the next record goes; the journal's end: nowhere */
    uint32_t used;  /* bytes of a slot that take part: the longer image, whole units of JOURNAL_USED_UNIT */
    uint32_t image; /* CRC word of the new image */
    uint32_t crc;   /* of the unit that scratch holds */
    uint8_t phase;  /* enum guard_phase */
    uint8_t unit;   /* that scratch holds */
    uint8_t reason; /* of the way back */
    uint8_t failed; /* starts on trial */
    bool back;      /* it is the way back */
    bool kept;      /* `unit` and `crc` hold */
    bool taken;     /* the running slot has that unit */
};

/* guard.c. */

/* The CRC of `length` bytes is `wanted`, and each of them could be read. Its unit is on. */
bool guard_fits(const uint32_t *words, uint32_t length, uint32_t wanted);

/* A slot of this size holds a whole image of this board. */
bool guard_image_good(const uint32_t *slot, uint32_t size);

/* The CRC word of the image in a slot, which is good. */
uint32_t guard_image_word(const uint32_t *slot);

/* guard_swap.c. */

/* Until no operation of the flash runs. */
void guard_flash_wait(void);

void guard_journal_read(struct guard_journal *journal);

/* Write a record, and let `journal` say it. False: it can't be written. */
bool guard_append(struct guard_journal *journal, enum journal_code code, uint32_t index, uint32_t value);

/* Begin or resume. It returns where that isn't possible; else the chip is reset. */
void guard_swap(struct guard_journal *journal);

static inline GUARD_CODE __attribute__((noreturn)) void guard_reset(void)
{
    __asm__ volatile("dsb" ::: "memory");
    SCB_AIRCR = AIRCR_VECTKEY | AIRCR_SYSRESETREQ;
    for (;;)
        __asm__ volatile("dsb");
}

#endif
