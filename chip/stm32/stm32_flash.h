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

/* ---- The family's. Addresses; the range was checked. They wait until it is done. False: the chip refused. ---- */

/* Erase the unit that begins there. */
bool stm32_flash_unit_erase(uint32_t address);

/* Program one program unit. */
bool stm32_flash_unit_program(uint32_t address, const uint8_t *bytes);

/* Copy from flash. False: the ECC says that bytes are lost. */
bool stm32_flash_copy(void *to, uint32_t address, size_t length);

#endif
