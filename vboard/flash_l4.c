/*
 * The flash interface of the STM32L4: wait states, keys, pages of 2 KiB in two banks, double words.
 *
 *   KEYR: 0x45670123, 0xCDEF89AB ─→ CR unlocked ─→ PER + BKER + PNB + STRT, or PG and two words at 8-aligned addresses
 *
 * A double word is programmed once after each erase (its ECC goes with it); only all zeros may overwrite it. An operation with
 * an error flag still set is refused with PGSERR. A double word that a cut has torn raises NMI when it is read. A core that
 * runs from the other bank goes on. Times are typical ones of the data sheet [unread]: double word 82 µs, page or bank 22 ms.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/stm32l4.h"

#include <string.h>

#include "wire/le.h"

#define FLASH_IRQ 4

#define SR_EOP     (1u << 0)
#define SR_OPERR   (1u << 1)
#define SR_PROGERR (1u << 3)
#define SR_PGAERR  (1u << 5)
#define SR_SIZERR  (1u << 6)
#define SR_PGSERR  (1u << 7)
#define SR_BSY     (1u << 16)
#define SR_ERRORS  0x3F8u
#define SR_FLAGS   (0xC000u | SR_ERRORS | SR_OPERR | SR_EOP)

#define CR_PG       (1u << 0)
#define CR_PER      (1u << 1)
#define CR_MER1     (1u << 2)
#define CR_PNB_POS  3
#define CR_BKER     (1u << 11)
#define CR_MER2     (1u << 15)
#define CR_STRT     (1u << 16)
#define CR_OPTSTRT  (1u << 17)
#define CR_FSTPG    (1u << 18)
#define CR_EOPIE    (1u << 24)
#define CR_ERRIE    (1u << 25)
#define CR_OPTLOCK  (1u << 30)
#define CR_LOCK     (1u << 31)
#define CR_WRITABLE 0x0F078FFFu

#define ECCR_BK   (1u << 19)
#define ECCR_ECCD (1u << 31)

#define PROGRAM_NS 82000u
#define ERASE_NS   22000000u

static void reset(struct chip *chip)
{
    chip->flash_if = (struct chip_flash){.acr = 0x600, .cr = CR_LOCK | CR_OPTLOCK};
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
    chip->flash_if.word_waits = false;
    update(chip);
}

static void event(struct chip *chip)
{
    if (chip->flash_if.cr & CR_EOPIE) /* without EOPIE the flag isn't raised [unread] */
        chip->flash_if.sr |= SR_EOP;
    update(chip);
}

static bool busy(const struct chip *chip)
{
    return chip_now(chip) < chip->flash_if.busy_until;
}

/* The bank that an offset is in is what an operation keeps from being read. */
static void bank_busy(struct chip *chip, uint32_t at, uint64_t ns)
{
    uint32_t bank = chip->kind->flash_size / 2;
    flash_busy(chip, at / bank * bank, bank, ns);
}

static void erase(struct chip *chip)
{
    struct chip_flash *f = &chip->flash_if;
    uint32_t bank = chip->kind->flash_size / 2, page = chip->kind->sectors[0].size;
    uint32_t start = f->cr & CR_BKER ? bank : 0, size = page;
    if (busy(chip) || f->sr & SR_ERRORS || f->cr & CR_PG) {
        error(chip, SR_PGSERR);
        return;
    }
    if (f->cr & CR_PER) {
        start += (f->cr >> CR_PNB_POS & 0xFFu) * page % bank;
        bank_busy(chip, start, ERASE_NS);
    } else if (f->cr & (CR_MER1 | CR_MER2)) {
        start = f->cr & CR_MER1 ? 0 : bank;
        size = (f->cr & CR_MER1 && f->cr & CR_MER2) ? 2 * bank : bank;
        flash_busy(chip, start, size, ERASE_NS);
    } else {
        error(chip, SR_PGSERR);
        return;
    }
    flash_store(chip, start, NULL, size);
}

static bool put(struct chip *chip, uint32_t at, const uint8_t *bytes)
{
    static const uint8_t erased[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, zeros[8] = {0};
    if (memcmp(chip->flash + at, erased, 8) != 0 && memcmp(bytes, zeros, 8) != 0)
        return false;
    flash_store(chip, at, bytes, 8);
    return true;
}

static void ecc_failed(struct chip *chip, uint32_t at)
{
    struct chip_flash *f = &chip->flash_if;
    uint32_t bank = chip->kind->flash_size / 2;
    if (!(f->eccr & ECCR_ECCD))
        f->eccr |= ECCR_ECCD | (at >= bank ? ECCR_BK : 0) | at % bank / 8 * 8;
    cpu_nmi(chip->cpu);
}

static void double_word(struct chip *chip, uint32_t at, uint32_t low, uint32_t high)
{
    uint8_t bytes[8];
    store_le32(bytes, low);
    store_le32(bytes + 4, high);
    if (put(chip, at, bytes))
        bank_busy(chip, at, PROGRAM_NS);
    else
        error(chip, SR_PROGERR);
}

static uint64_t erase_ns(uint32_t size)
{
    (void)size; /* a page takes as long as a bank */
    return ERASE_NS;
}

/* The core writes into the flash array. */
static enum cpu_bus program(struct chip *chip, uint32_t address, unsigned size, uint32_t value)
{
    struct chip_flash *f = &chip->flash_if;
    uint32_t at = address & (chip->kind->flash_size - 1);
    if (!(f->cr & CR_PG)) {
        chip_warn(chip, "FLASH write", "FLASH: write to 0x%08x without CR.PG (PC 0x%08x); ignored", address,
                  cpu_current_pc(chip->cpu));
        error(chip, SR_PGSERR);
    } else if (busy(chip) || f->sr & SR_ERRORS) {
        error(chip, SR_PGSERR);
    } else if (size != 4) {
        error(chip, SR_SIZERR);
    } else if (!f->word_waits && at % 8 == 0) {
        f->word_address = at;
        f->word = value;
        f->word_waits = true;
    } else if (!f->word_waits || at != f->word_address + 4) {
        error(chip, SR_PGAERR);
    } else {
        f->word_waits = false;
        double_word(chip, f->word_address, f->word, value);
    }
    return CPU_BUS_OK;
}

const struct chip_flash_ops flash_l4 = {.reset = reset,
                                        .program = program,
                                        .event = event,
                                        .put = put,
                                        .ecc_failed = ecc_failed,
                                        .unit = 8,
                                        .unit_ns = PROGRAM_NS,
                                        .erase_ns = erase_ns};

static uint32_t option_register(const struct chip *chip)
{
    const uint8_t *o = chip->option;
    return o[0] | (uint32_t)o[1] << 8 | (uint32_t)o[2] << 16 | (uint32_t)o[3] << 24;
}

uint32_t flash_l4_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    const struct chip_flash *f = &chip->flash_if;
    (void)unit;
    switch (offset) {
    case 0x00: return f->acr;
    case 0x08:
    case 0x0C: return 0;
    case 0x10: return f->sr | (busy(chip) ? SR_BSY : 0);
    case 0x14: return f->cr;
    case 0x18: return f->eccr; /* one bit that is corrected is not modelled */
    case 0x20: return option_register(chip);
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
    uint32_t value = chip_merge(f->cr, write, CR_WRITABLE);
    if (value & (CR_OPTSTRT | CR_FSTPG))
        chip_warn(chip, "FLASH modes", "FLASH: option bytes and fast programming are not modelled");
    f->cr = (value & ~(CR_STRT | CR_OPTSTRT)) | (write.value & write.mask & CR_LOCK);
    f->word_waits = f->word_waits && f->cr & CR_PG;
    if (value & CR_STRT)
        erase(chip);
    update(chip);
}

void flash_l4_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_flash *f = &chip->flash_if;
    (void)unit;
    switch (write.offset) {
    case 0x00:
        f->acr = chip_merge(f->acr, write, 0x7F07u);
        rcc_l4_check_limits(chip);
        break;
    case 0x08: key_write(f, write.value); break;
    case 0x0C:
        if (write.value == 0x08192A3Bu)
            f->option_key_step = 1;
        else if (write.value == 0x4C5D6E7Fu && f->option_key_step == 1)
            f->cr &= ~CR_OPTLOCK;
        break;
    case 0x10:
        f->sr &= ~(write.value & write.mask & SR_FLAGS);
        update(chip);
        break;
    case 0x14: cr_write(chip, write); break;
    case 0x18:
        if (write.value & write.mask & ECCR_ECCD)
            f->eccr = 0;
        break;
    default: chip_unknown(chip, write.offset, true);
    }
}
