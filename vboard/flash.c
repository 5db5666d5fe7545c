/*
 * The flash array: what operations leave in it, and what a power cut in their middle leaves. The families' interfaces to it are
 * flash_f4.c and flash_l4.c.
 *
 *   an operation ─→ flash_store ─→ whole, or torn where power goes meanwhile (vboard_cut_within)
 *                               └─→ units whose ECC no longer fits ─→ a read of one: NMI (flash_read_check)
 *
 * Torn programming: each bit that had to become 0 has, or has not. A torn erase: any bits. A chip with ECC keeps one for each
 * unit that is programmed at once; here a torn unit's fits by chance one time in four, and one that doesn't is always detected
 * (a chip may correct one wrong bit by itself). Not modelled: torn bits that read otherwise the next time. Fetching an
 * instruction checks as reading does.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#include <string.h>

#define PAGE 0x1000u /* what cpu_reads_watched takes at once */

void flash_busy(struct chip *chip, uint32_t at, uint32_t size, uint64_t ns)
{
    struct chip_flash *f = &chip->flash_if;
    f->busy_from = at;
    f->busy_size = size;
    f->busy_until = chip_now(chip) + ns;
    chip_event_at(chip, CHIP_EVENT_FLASH, f->busy_until);
    cpu_break(chip->cpu); /* chip_advance sees that flash is busy */
}

void flash_changed(struct chip *chip, uint32_t at, uint32_t size)
{
    cpu_code_changed(chip->cpu, CHIP_FLASH_BASE + at, size);
    cpu_code_changed(chip->cpu, at, size);
    if (chip->flash_written)
        chip->flash_written(chip->flash_context, at, size);
    if (++chip->flash_operations == chip->cut_at) {
        chip->cut = true;
        cpu_break(chip->cpu);
    }
}

static bool ecc_bad(const struct chip *chip, uint32_t at)
{
    return chip->ecc_bad[at / CHIP_ECC_UNIT];
}

/* Reads of a page are looked at while one of its units is bad. */
static void pages_watch(struct chip *chip, uint32_t at, uint32_t size)
{
    for (uint32_t page = at / PAGE * PAGE; page < at + size; page += PAGE) {
        bool bad = memchr(chip->ecc_bad + page / CHIP_ECC_UNIT, true, PAGE / CHIP_ECC_UNIT) != NULL;
        cpu_reads_watched(chip->cpu, CHIP_FLASH_BASE + page, bad);
        cpu_reads_watched(chip->cpu, page, bad);
    }
}

void flash_ecc_set(struct chip *chip, uint32_t at, uint32_t size, bool bad)
{
    if (!chip->kind->flash->ecc_failed || size == 0)
        return;
    memset(chip->ecc_bad + at / CHIP_ECC_UNIT, bad, (at + size - 1) / CHIP_ECC_UNIT - at / CHIP_ECC_UNIT + 1);
    pages_watch(chip, at, size);
}

static uint32_t chance(struct chip *chip)
{
    chip->cut_seed = chip->cut_seed * 1664525u + 1013904223u;
    return chip->cut_seed >> 16;
}

static void tear(struct chip *chip, uint32_t at, const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        uint8_t *now = &chip->flash[at + i];
        *now = (uint8_t)(bytes ? *now & (bytes[i] | chance(chip)) : chance(chip));
        if ((at + i) % CHIP_ECC_UNIT == 0)
            flash_ecc_set(chip, at + i, 1, chance(chip) % 4 != 0);
    }
}

void flash_store(struct chip *chip, uint32_t at, const uint8_t *bytes, uint32_t size)
{
    if (chip->cut_tears && chip->flash_operations + 1 == chip->cut_at) {
        tear(chip, at, bytes, size);
    } else {
        for (uint32_t i = 0; i < size; i++)
            chip->flash[at + i] = bytes ? chip->flash[at + i] & bytes[i] : 0xFF;
        flash_ecc_set(chip, at, size, false);
    }
    flash_changed(chip, at, size);
}

void flash_read_check(struct chip *chip, uint32_t address, unsigned size)
{
    uint32_t at = address >= CHIP_FLASH_BASE ? address - CHIP_FLASH_BASE : address;
    if (at < chip->kind->flash_size && (ecc_bad(chip, at) || ecc_bad(chip, at + size - 1)))
        chip->kind->flash->ecc_failed(chip, at);
}

bool flash_sector(const struct chip_kind *kind, unsigned sector, uint32_t *start, uint32_t *size)
{
    *start = 0;
    for (unsigned i = 0; i < CHIP_SECTORS && kind->sectors[i].count; i++) {
        *size = kind->sectors[i].size;
        if (sector < kind->sectors[i].count) {
            *start += sector * *size;
            return true;
        }
        sector -= kind->sectors[i].count;
        *start += kind->sectors[i].count * *size;
    }
    return false;
}
