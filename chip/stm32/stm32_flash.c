/*
 * The flash of an STM32 as areas. See board/flash.h.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/stm32/stm32_flash.h"

const struct board_flash *board_flash(enum board_flash_area area)
{
    return area < BOARD_FLASH_AREAS && stm32_flash[area].size > 0 ? &stm32_flash[area] : NULL;
}

static bool range_fits(const struct board_flash *flash, uint32_t at, uint32_t length, uint32_t unit)
{
    return at <= flash->size && length <= flash->size - at && at % unit == 0 && length % unit == 0;
}

bool board_flash_read(const struct board_flash *flash, uint32_t at, void *bytes, uint32_t length)
{
    return range_fits(flash, at, length, 1) && stm32_flash_copy(bytes, flash->base + at, length);
}

bool board_flash_erase(const struct board_flash *flash, uint32_t at)
{
    return range_fits(flash, at, flash->erase_size, flash->erase_size) &&
           stm32_flash_unit_erase(flash->base + at);
}

bool board_flash_erase_begin(const struct board_flash *flash, uint32_t at)
{
    return range_fits(flash, at, flash->erase_size, flash->erase_size) &&
           stm32_flash_unit_erase_begin(flash->base + at);
}

bool board_flash_busy(void)
{
    return stm32_flash_unit_busy();
}

bool board_flash_program(const struct board_flash *flash, uint32_t at, const void *bytes, uint32_t length)
{
    return range_fits(flash, at, length, flash->program_size) &&
           stm32_flash_units_program(flash->base + at, bytes, length);
}
