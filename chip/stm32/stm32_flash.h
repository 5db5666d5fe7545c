/*
 * Flash of STM32 chips, for board/flash.h: what is the same in all families (areas, ranges, reading back) is stm32_flash.c; a
 * family's folder says how its flash is erased and programmed; a chip's folder has the table of areas.
 *
 * Where an area lies is written once, in the chip's linker script: the table takes base and size from its symbols.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CHIP_STM32_FLASH_H
#define PLUGNET_CHIP_STM32_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board/flash.h"
#include "chip/stm32/stm32.h"

#define STM32_FLASH_BASE 0x08000000u

/* The linker's numbers; each one's address is its value. */
extern const uint8_t linker_settings[], linker_settings_size[], linker_image[], linker_image_size[],
    linker_staged[], linker_staged_size[], linker_journal[], linker_journal_size[], linker_scratch[],
    linker_scratch_size[];

/* Base and size of an area, for the table. */
#define STM32_FLASH_AREA(name)                                                                               \
    .base = (uint32_t)(uintptr_t)linker_##name, .size = (uint32_t)(uintptr_t)linker_##name##_size

/* The chip's table: BOARD_FLASH_AREAS of them. */
extern const struct board_flash stm32_flash[];

/* ---- For the families. ---- */

#define STM32_FLASH_KEY1 0x45670123u /* to KEYR, one after the other: CR may be written */
#define STM32_FLASH_KEY2 0xCDEF89ABu

#define STM32_FLASH_WAITS_MAX 512 /* of 20 ms at 168 MHz; a sector of 128 KiB takes 4 s at worst */

/* Wait until no bit of `busy` is set in the status register. Where the core stands still meanwhile, that is a few reads; whether
 * it does is [unread] for a loop that lies in the instruction cache, as this one may. False: they stay set. */
static inline bool stm32_flash_wait(volatile uint32_t *status, uint32_t busy)
{
    bool idle = false;

    for (unsigned waits = 0; !idle && waits < STM32_FLASH_WAITS_MAX; waits++) {
        idle = stm32_wait(status, busy, 0);
    }
    return idle;
}

/* ---- The family's. Addresses; the range was checked. They wait until it is done. False: the chip refused. ---- */

/* Erase the unit that begins there. */
bool stm32_flash_unit_erase(uint32_t address);

/* The same; where the core goes on meanwhile, it doesn't wait, and the other calls wait for its end first. */
bool stm32_flash_unit_erase_begin(uint32_t address);

/* True: that goes on. */
bool stm32_flash_unit_busy(void);

/* Program whole program units, and read them back. Interrupts are served between two units, and where the core doesn't stand
 * still, during them. */
bool stm32_flash_units_program(uint32_t address, const uint8_t *bytes, size_t length);

/* Copy from flash. False: the ECC says that bytes are lost. */
bool stm32_flash_copy(void *to, uint32_t address, size_t length);

#endif
