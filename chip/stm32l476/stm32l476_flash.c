/*
 * Erasing and programming the flash of an STM32L476: pages of 2 KiB in two banks, double words with ECC. While one bank is
 * erased or programmed, code in the other one goes on.
 *
 * A double word that a power cut has torn may have an ECC that doesn't fit: reading it raises NMI. stm32_flash_copy takes that
 * for "lost"; anywhere else it is a fault. The data cache is off during operations and emptied behind the last one of a range.
 * Source: names and bits from stm32l476xx.h; ST's reference manual RM0351 [unread].
 */
/* SPDX-License-Identifier: MIT */
#include "chip/stm32/stm32_flash.h"
#include "chip/stm32l476/stm32l476.h"

#include <string.h>

#define FLASH_KEYR REG32(0x40022008)
#define FLASH_SR   REG32(0x40022010)
#define FLASH_CR   REG32(0x40022014)
#define FLASH_ECCR REG32(0x40022018)

#define FLASH_SR_ERRORS  0xC3FAu /* OPERR to RDERR, OPTVERR */
#define FLASH_SR_BSY     (1u << 16)
#define FLASH_CR_PG      (1u << 0)
#define FLASH_CR_PER     (1u << 1)
#define FLASH_CR_PNB_POS 3
#define FLASH_CR_BKER    (1u << 11)
#define FLASH_CR_STRT    (1u << 16)
#define FLASH_CR_LOCK    (1u << 31)
#define FLASH_ACR_DCEN   (1u << 10)
#define FLASH_ACR_DCRST  (1u << 12)
#define FLASH_ECCR_ECCD  (1u << 31)

#define PAGE_SIZE  0x800u
#define BANK_PAGES 256u
#define UNIT       8u

/* Mutable state of this room: what an interrupt handler, which has no argument, must reach. */
static struct {
    volatile bool reads, lost;
} ecc;

static bool erases; /* an erase goes on, or has ended and nobody has looked */

void NMI_Handler(void);
bool stm32l476_nmi_is_ours(void);

/* Global and visible: link-time optimisation may put the assembly that calls it into another part of the program. */
__attribute__((used, externally_visible)) bool stm32l476_nmi_is_ours(void)
{
    bool ours = ecc.reads && (FLASH_ECCR & FLASH_ECCR_ECCD) != 0;

    if (ours) {
        FLASH_ECCR = FLASH_ECCR_ECCD;
        ecc.lost = true;
    }
    return ours;
}

/* Any other cause is a fault, with stack and LR as the exception left them. */
__attribute__((naked)) void NMI_Handler(void)
{
    __asm__ volatile("push {r4, lr}\n"
                     "bl stm32l476_nmi_is_ours\n"
                     "pop {r4, lr}\n"
                     "cbz r0, 1f\n"
                     "bx lr\n"
                     "1: b Fault_Handler\n");
}

static bool done(void)
{
    bool good = stm32_flash_wait(&FLASH_SR, FLASH_SR_BSY) && (FLASH_SR & FLASH_SR_ERRORS) == 0;

    FLASH_CR = 0;
    FLASH_CR = FLASH_CR_LOCK;
    FLASH_ACR |= FLASH_ACR_DCRST;
    FLASH_ACR &= ~FLASH_ACR_DCRST;
    FLASH_ACR |= FLASH_ACR_DCEN;
    erases = false;
    return good;
}

static void unlock(uint32_t control)
{
    if (erases)
        done();
    if (FLASH_CR & FLASH_CR_LOCK) {
        FLASH_KEYR = STM32_FLASH_KEY1;
        FLASH_KEYR = STM32_FLASH_KEY2;
    }
    FLASH_ACR &= ~FLASH_ACR_DCEN;
    FLASH_SR = FLASH_SR_ERRORS;
    FLASH_CR = control;
}

bool stm32_flash_unit_erase_begin(uint32_t address)
{
    uint32_t page = (address - STM32_FLASH_BASE) / PAGE_SIZE;
    uint32_t bank = page >= BANK_PAGES ? FLASH_CR_BKER : 0;

    unlock(FLASH_CR_PER | bank | page % BANK_PAGES << FLASH_CR_PNB_POS);
    FLASH_CR |= FLASH_CR_STRT;
    __asm__ volatile("dsb" ::: "memory");
    erases = true;
    return true;
}

bool stm32_flash_unit_busy(void)
{
    if (erases && (FLASH_SR & FLASH_SR_BSY) == 0)
        done();
    return erases;
}

bool stm32_flash_unit_erase(uint32_t address)
{
    return stm32_flash_unit_erase_begin(address) && done();
}

static bool reads_back(uint32_t address, const uint8_t *bytes, size_t length)
{
    uint32_t back[UNIT / sizeof(uint32_t)];
    bool same = true;

    for (size_t at = 0; same && at < length; at += UNIT)
        same = stm32_flash_copy(back, address + at, UNIT) && memcmp(back, bytes + at, UNIT) == 0;
    return same;
}

bool stm32_flash_units_program(uint32_t address, const uint8_t *bytes, size_t length)
{
    bool good = true;

    unlock(FLASH_CR_PG);
    for (size_t at = 0; good && at < length; at += UNIT) {
        uint32_t words[UNIT / sizeof(uint32_t)];
        memcpy(words, bytes + at, UNIT);
        REG32(address + at) = words[0];
        REG32(address + at + sizeof words[0]) = words[1];
        __asm__ volatile("dsb" ::: "memory");
        good = stm32_flash_wait(&FLASH_SR, FLASH_SR_BSY) && (FLASH_SR & FLASH_SR_ERRORS) == 0;
    }
    good = done() && good;
    return good && reads_back(address, bytes, length);
}

bool stm32_flash_copy(void *to, uint32_t address, size_t length)
{
    if (erases)
        done();
    ecc.lost = false;
    ecc.reads = true;
    memcpy(to, (const void *)(uintptr_t)address, length);
    __asm__ volatile("dsb\n isb" ::: "memory");
    ecc.reads = false;
    return !ecc.lost;
}
