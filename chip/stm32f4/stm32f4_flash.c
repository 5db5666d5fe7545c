/*
 * Erasing and programming the flash of an STM32F4. There is one bank: while an operation runs, the core waits for its next
 * instruction, which lies there, too.
 *
 * Programming is by words, which takes a supply of 2.7 V and more; interrupts are served between two of them. The data cache
 * doesn't see what an operation changes: both caches are emptied behind it, once for a range, before that is read back. Source: names and bits from stm32f407xx.h; ST's reference manual RM0090 [unread].
 */
/* SPDX-License-Identifier: MIT */
#include "chip/stm32/stm32_flash.h"
#include "chip/stm32f4/stm32f4.h"

#include <string.h>

#define FLASH_KEYR REG32(0x40023C04)
#define FLASH_SR   REG32(0x40023C0C)
#define FLASH_CR   REG32(0x40023C10)

#define FLASH_SR_ERRORS  (0x1Fu << 4 | 1u << 1) /* WRPERR, PGAERR, PGPERR, PGSERR, RDERR; OPERR */
#define FLASH_SR_BSY     (1u << 16)
#define FLASH_CR_PG      (1u << 0)
#define FLASH_CR_SER     (1u << 1)
#define FLASH_CR_SNB_POS 3
#define FLASH_CR_WORDS   (2u << 8) /* PSIZE */
#define FLASH_CR_STRT    (1u << 16)
#define FLASH_CR_LOCK    (1u << 31)
#define FLASH_ACR_ICEN   (1u << 9)
#define FLASH_ACR_DCEN   (1u << 10)
#define FLASH_ACR_ICRST  (1u << 11)
#define FLASH_ACR_DCRST  (1u << 12)

#define SMALL_SECTOR 0x4000u /* four of them, then one of 64 KiB, then large ones */
#define LARGE_SECTOR 0x20000u

static uint32_t sector_of(uint32_t address)
{
    uint32_t at = address - STM32_FLASH_BASE;

    return at >= LARGE_SECTOR ? 4 + at / LARGE_SECTOR : at / SMALL_SECTOR;
}

static void unlock(uint32_t control)
{
    if (FLASH_CR & FLASH_CR_LOCK) {
        FLASH_KEYR = STM32_FLASH_KEY1;
        FLASH_KEYR = STM32_FLASH_KEY2;
    }
    FLASH_SR = FLASH_SR_ERRORS;
    FLASH_CR = control;
}

static bool done(void)
{
    bool good = stm32_flash_wait(&FLASH_SR, FLASH_SR_BSY) && (FLASH_SR & FLASH_SR_ERRORS) == 0;

    FLASH_CR = FLASH_CR_LOCK;
    return good;
}

static void caches_empty(void)
{
    uint32_t was = FLASH_ACR, off = was & ~(FLASH_ACR_ICEN | FLASH_ACR_DCEN);

    FLASH_ACR = off;
    FLASH_ACR = off | FLASH_ACR_ICRST | FLASH_ACR_DCRST;
    FLASH_ACR = off;
    FLASH_ACR = was;
}

bool stm32_flash_unit_erase(uint32_t address)
{
    unlock(FLASH_CR_SER | sector_of(address) << FLASH_CR_SNB_POS | FLASH_CR_WORDS);
    FLASH_CR |= FLASH_CR_STRT;
    __asm__ volatile("dsb" ::: "memory");
    bool good = done();
    caches_empty();
    return good;
}

bool stm32_flash_unit_erase_begin(uint32_t address)
{
    return stm32_flash_unit_erase(address);
}

bool stm32_flash_unit_busy(void)
{
    return false;
}

bool stm32_flash_units_program(uint32_t address, const uint8_t *bytes, size_t length)
{
    bool good = true;

    unlock(FLASH_CR_PG | FLASH_CR_WORDS);
    for (size_t at = 0; good && at < length; at += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, bytes + at, sizeof word);
        REG32(address + at) = word;
        __asm__ volatile("dsb" ::: "memory");
        good = stm32_flash_wait(&FLASH_SR, FLASH_SR_BSY);
    }
    good = done() && good;
    caches_empty();
    return good && memcmp((const void *)(uintptr_t)address, bytes, length) == 0;
}

bool stm32_flash_copy(void *to, uint32_t address, size_t length)
{
    memcpy(to, (const void *)(uintptr_t)address, length);
    return true;
}
