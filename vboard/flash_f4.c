/*
 * The flash interface of the STM32F4: wait states, keys, erase and program with the chip's rules, option bytes read-only.
 *
 *   KEYR: 0x45670123, 0xCDEF89AB ─→ CR unlocked ─→ SER + SNB + STRT, or PG and writes of PSIZE
 *
 * Bits only go from 1 to 0. While an operation runs the core stands still if it runs from flash, as the chip
 * does; times are typical ones of the data sheet [unread]: word 16 µs, sectors 0.25 s, 0.55 s, 1 s.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#define FLASH_IRQ 4

#define SR_EOP    (1u << 0)
#define SR_OPERR  (1u << 1)
#define SR_WRPERR (1u << 4)
#define SR_PGAERR (1u << 5)
#define SR_PGPERR (1u << 6)
#define SR_PGSERR (1u << 7)
#define SR_BSY    (1u << 16)

#define CR_PG    (1u << 0)
#define CR_SER   (1u << 1)
#define CR_MER   (1u << 2)
#define CR_STRT  (1u << 16)
#define CR_EOPIE (1u << 24)
#define CR_ERRIE (1u << 25)
#define CR_LOCK  (1u << 31)

#define PROGRAM_NS 16000u

static void reset(struct chip *chip)
{
    chip->flash_if = (struct chip_flash){.cr = CR_LOCK, .optcr = 0x0FFFAAED};
    chip->deadline[CHIP_EVENT_FLASH] = CHIP_NEVER;
    chip_irq(chip, FLASH_IRQ, false);
}

static void update(struct chip *chip)
{
    const struct chip_flash *f = &chip->flash_if;
    chip_irq(chip, FLASH_IRQ, (f->cr & CR_EOPIE && f->sr & SR_EOP) || (f->cr & CR_ERRIE && f->sr & SR_OPERR));
}

static void error(struct chip *chip, uint32_t bit)
{
    chip->flash_if.sr |= bit | (chip->flash_if.cr & CR_ERRIE ? SR_OPERR : 0);
    update(chip);
}

static void event(struct chip *chip)
{
    if (chip->flash_if.cr & CR_EOPIE) /* without EOPIE the flag isn't raised [RM] */
        chip->flash_if.sr |= SR_EOP;
    update(chip);
}

static uint64_t erase_ns(uint32_t size)
{
    return size > 0x20000   ? 16000000000u /* all of it */
           : size > 0x10000 ? 1000000000u
           : size > 0x4000  ? 550000000u
                            : 250000000u;
}

static void erase(struct chip *chip)
{
    struct chip_flash *f = &chip->flash_if;
    uint32_t sector = f->cr >> 3 & 0xFu, start = 0, size = chip->kind->flash_size;
    if (f->cr & CR_SER && !(f->cr & CR_MER)) {
        if (!flash_sector(chip->kind, sector, &start, &size)) {
            error(chip, SR_PGSERR);
            return;
        }
    } else if (!(f->cr & CR_MER)) {
        error(chip, SR_PGSERR);
        return;
    }
    flash_store(chip, start, NULL, size);
    flash_busy(chip, 0, chip->kind->flash_size, erase_ns(size));
}

static void put(struct chip *chip, uint32_t at, const uint8_t *bytes, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        if (bytes[i] & ~chip->flash[at + i])
            chip_warn(
                chip, "FLASH not erased",
                "FLASH: 0x%02x programmed at 0x%08x, which holds 0x%02x and wasn't erased: bits only go to 0",
                bytes[i], CHIP_FLASH_BASE + at + i, chip->flash[at + i]);
    flash_store(chip, at, bytes, size);
}

/* The chip notices nothing. */
static bool put_word(struct chip *chip, uint32_t at, const uint8_t *bytes)
{
    put(chip, at, bytes, 4);
    return true;
}

/* The core writes into the flash array. */
static enum cpu_bus program(struct chip *chip, uint32_t address, unsigned size, uint32_t value)
{
    struct chip_flash *f = &chip->flash_if;
    uint32_t at = address & (chip->kind->flash_size - 1), psize = f->cr >> 8 & 3u;
    if (!(f->cr & CR_PG)) {
        chip_warn(chip, "FLASH write", "FLASH: write to 0x%08x without CR.PG (PC 0x%08x); ignored", address,
                  cpu_current_pc(chip->cpu));
        error(chip, SR_PGSERR);
        return CPU_BUS_OK;
    }
    if (chip_now(chip) < f->busy_until)
        return CPU_BUS_OK;
    if (size != 1u << psize && !(psize == 3 && size == 4)) {
        error(chip, SR_PGPERR);
        return CPU_BUS_OK;
    }
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 24)};
    put(chip, at, bytes, size);
    flash_busy(chip, 0, chip->kind->flash_size, PROGRAM_NS);
    return CPU_BUS_OK;
}

const struct chip_flash_ops flash_f4 = {.reset = reset,
                                        .program = program,
                                        .event = event,
                                        .put = put_word,
                                        .unit = 4,
                                        .unit_ns = PROGRAM_NS,
                                        .erase_ns = erase_ns};

uint32_t flash_f4_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    const struct chip_flash *f = &chip->flash_if;
    (void)unit;
    switch (offset) {
    case 0x00: return f->acr;
    case 0x04:
    case 0x08: return 0;
    case 0x0C: return f->sr | (chip_now(chip) < f->busy_until ? SR_BSY : 0);
    case 0x10: return f->cr;
    case 0x14: return f->optcr;
    default: return chip_unknown(chip, offset, false);
    }
}

static void key_write(struct chip_flash *f, uint32_t value)
{
    if (!f->cr_dead && f->key_step == 0 && value == 0x45670123u) {
        f->key_step = 1;
    } else if (!f->cr_dead && f->key_step == 1 && value == 0xCDEF89ABu) {
        f->cr &= ~CR_LOCK;
        f->key_step = 0;
    } else {
        f->cr |= CR_LOCK; /* locked until the next reset */
        f->cr_dead = true;
    }
}

static void cr_write(struct chip *chip, struct chip_write write)
{
    struct chip_flash *f = &chip->flash_if;
    if (f->cr & CR_LOCK) {
        chip_warn(chip, "FLASH locked", "FLASH: CR written while it is locked; ignored");
        return;
    }
    uint32_t value = chip_merge(f->cr, write, 0x8301037Fu | 0xF8u);
    f->cr = value & ~CR_STRT;
    if (value & CR_STRT)
        erase(chip);
    update(chip);
}

void flash_f4_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_flash *f = &chip->flash_if;
    (void)unit;
    switch (write.offset) {
    case 0x00: f->acr = chip_merge(f->acr, write, 0x1F0Fu); break;
    case 0x04: key_write(f, write.value); break;
    case 0x08:
        if (write.value == 0x08192A3Bu)
            f->option_key_step = 1;
        else if (write.value == 0x4C5D6E7Fu && f->option_key_step == 1)
            f->optcr &= ~1u;
        break;
    case 0x0C:
        f->sr &= ~(write.value & write.mask);
        update(chip);
        break;
    case 0x10: cr_write(chip, write); break;
    case 0x14:
        if (f->optcr & 1u)
            break;
        if (write.value & 2u)
            chip_warn(chip, "FLASH options", "FLASH: programming option bytes is not modelled");
        f->optcr = (f->optcr & ~1u) | (write.value & 1u);
        break;
    default: chip_unknown(chip, write.offset, true);
    }
}
