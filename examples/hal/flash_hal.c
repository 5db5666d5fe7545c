/*
 * board/flash.h by ST's HAL: the last two sectors are for settings, the image is in front of them. Erasing one stops the core for
 * a second or two (an image by plugnet's own linker scripts leaves small sectors free for that, which take a quarter of one).
 */
/* SPDX-License-Identifier: MIT */
#include "board/flash.h"

#include <stm32f4xx_hal.h>
#include <string.h>

#define SECTOR_SIZE   0x20000u
#define SETTINGS_BASE 0x080C0000u /* sectors 10 and 11 */

/* The linker script's: the image ends with data's first values. */
extern uint32_t _sidata[], _sdata[], _edata[];

static const struct board_flash settings = {
    .base = SETTINGS_BASE,
    .size = 2 * SECTOR_SIZE,
    .erase_size = SECTOR_SIZE,
    .program_size = 4,
    .stalls = true,
    .erase_ms = 1000,
    .erase_ms_max = 4000,
    .program_us = 16,
};

/* None, if the image has grown into it. */
const struct board_flash *board_flash(enum board_flash_area area)
{
    uintptr_t image_end = (uintptr_t)_sidata + ((uintptr_t)_edata - (uintptr_t)_sdata);

    return area == BOARD_FLASH_SETTINGS && image_end <= SETTINGS_BASE ? &settings : NULL;
}

static bool fits(const struct board_flash *flash, uint32_t at, uint32_t length, uint32_t unit)
{
    return at <= flash->size && length <= flash->size - at && at % unit == 0 && length % unit == 0;
}

bool board_flash_read(const struct board_flash *flash, uint32_t at, void *bytes, uint32_t length)
{
    if (fits(flash, at, length, 1))
        memcpy(bytes, (const void *)(uintptr_t)(flash->base + at), length);
    return fits(flash, at, length, 1);
}

bool board_flash_erase(const struct board_flash *flash, uint32_t at)
{
    FLASH_EraseInitTypeDef what = {.TypeErase = FLASH_TYPEERASE_SECTORS,
                                   .Sector = FLASH_SECTOR_10 + at / SECTOR_SIZE,
                                   .NbSectors = 1,
                                   .VoltageRange = FLASH_VOLTAGE_RANGE_3};
    uint32_t failed;

    if (!fits(flash, at, SECTOR_SIZE, SECTOR_SIZE) || HAL_FLASH_Unlock() != HAL_OK)
        return false;
    bool good = HAL_FLASHEx_Erase(&what, &failed) == HAL_OK; /* empties the caches, too */
    HAL_FLASH_Lock();
    return good;
}

/* The data cache doesn't see what was programmed. */
static void cache_empty(void)
{
    __HAL_FLASH_DATA_CACHE_DISABLE();
    __HAL_FLASH_DATA_CACHE_RESET();
    __HAL_FLASH_DATA_CACHE_ENABLE();
}

bool board_flash_erase_begin(const struct board_flash *flash, uint32_t at)
{
    return board_flash_erase(flash, at); /* the core stands still anyway */
}

bool board_flash_busy(void)
{
    return false;
}

bool board_flash_program(const struct board_flash *flash, uint32_t at, const void *bytes, uint32_t length)
{
    const uint8_t *from = bytes;
    bool good = fits(flash, at, length, 4) && HAL_FLASH_Unlock() == HAL_OK;

    for (uint32_t done = 0; good && done < length; done += 4) {
        uint32_t word;
        memcpy(&word, from + done, 4);
        good = HAL_FLASH_Program(FLASH_TYPEPROGRAM_WORD, flash->base + at + done, word) == HAL_OK;
    }
    HAL_FLASH_Lock();
    cache_empty();
    return good && memcmp((const void *)(uintptr_t)(flash->base + at), bytes, length) == 0;
}
