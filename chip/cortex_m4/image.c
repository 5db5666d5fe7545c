/*
 * See board/image.h.
 */
/* SPDX-License-Identifier: MIT */
#include "board/image.h"

#include "chip/cortex_m4/cortex_m4.h"
#include "chip/cortex_m4/guard.h"
#include "wire/swap_journal.h"

extern const uint8_t linker_loader[]; /* where the first-stage boot loader's vector table is */

uint32_t board_image_header(void)
{
    return (16 + CHIP_IRQ_COUNT) * 4;
}

bool board_image_swaps(void)
{
    return REG32((uintptr_t)linker_loader + JOURNAL_LOADER_OFFSET) == JOURNAL_LOADER;
}

uint32_t board_image_id(void)
{
    return linker_vectors[(uint32_t)(uintptr_t)linker_image_length / 4];
}
