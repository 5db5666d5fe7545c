/*
 * The first-stage boot loader, or boot guard, as it was called: code in the first flash sector that no update touches. After each
 * reset it starts the image behind it if that is whole and this board's, else the chip's ROM boot loader, so that a power cut at
 * any moment of an update leaves something that takes the next one. Before that it does what the journal asks for: it swaps the
 * staged image with the running one, or back (wire/swap_journal.h).
 *
 *   reset ─→ it ─┬─ clocks not as after a reset (a boot loader started us) ─────→ reset
 *                ├─ asked for the ROM (linker_request) ─────────────────────────→ ROM
 *                ├─ the journal asks for a swap, or one is under way ─→ swaps ──→ reset
 *                ├─ header, length, board or CRC wrong ─────────────────────────→ ROM
 *                └─ else: leaves GUARD_PASSED ─→ Reset_Handler of the image; on trial with IWDG on
 *
 *   ROM's "leave" ─→ Reset_Handler: no GUARD_PASSED, so one reset: the image always begins on a clean machine
 *
 * What one in the field and a later image agree on, and so never changes: the two words of linker_request at the end of RAM, which
 * no start-up code clears; the header right behind the vector table, its first three words (wire/image.h); the CRC word at
 * header.length; the report in RAM (chip/cortex_m4/report.h). Source: facts.md E2 and its traps.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CHIP_GUARD_H
#define PLUGNET_CHIP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define GUARD_MAGIC     0x75506E50u /* an image of ours */
#define GUARD_WANTS_ROM 0xB0071DF0u /* followed by its complement */
#define GUARD_PASSED    0xB007600Du /* the guard has run */
#define GUARD_TRIED     0xB0077221u /* it has not, a reset was tried: go on, there is none */

/* Behind the vector table. */
struct guard_header {
    uint32_t magic;
    uint32_t board;  /* BOARD_ID of the board.mk */
    uint32_t length; /* bytes from the vector table to the CRC word, a multiple of 4 */
};

/* The linker script's; the CRC word is written by tool/stamp.py. */
extern uint32_t linker_vectors[], linker_image_end[], linker_stack_end[];
extern const uint8_t linker_image_length[]; /* its address is the number */
extern volatile uint32_t linker_request[2];

/* True: the chip is as after a reset. False: it may not be; one reset helps. Clears what was asked or left. */
static inline bool guard_clean(void)
{
    uint32_t left = linker_request[0];

    linker_request[1] = 0;
    if (left == GUARD_PASSED || left == GUARD_TRIED) {
        linker_request[0] = 0;
        return true;
    }
    linker_request[0] = GUARD_TRIED;
    return false;
}

#endif
