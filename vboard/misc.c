/*
 * The small ones: RNG (a seeded generator, so that runs repeat), DBGMCU, PWR, CRC.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#define RNG_IRQ   80
#define RNG_RNGEN (1u << 2)
#define RNG_IE    (1u << 3)
#define RNG_DRDY  (1u << 0)
#define RNG_CECS  (1u << 1)

void misc_reset(struct chip *chip)
{
    struct chip_misc *misc = &chip->misc;
    uint64_t state = misc->rng_state;
    *misc = (struct chip_misc){.rng_state = state, .crc = ~0u};
    rng_reset(chip, 0);
}

void rng_reset(struct chip *chip, unsigned unit)
{
    (void)unit;
    chip->misc.rng_cr = 0;
    chip->deadline[CHIP_EVENT_RNG] = CHIP_NEVER;
    chip_irq(chip, RNG_IRQ, false);
}

void crc_reset(struct chip *chip, unsigned unit)
{
    (void)unit;
    chip->misc.crc = ~0u;
    chip->misc.crc_idr = 0;
}

/* A value takes 40 periods of the 48 MHz clock [RM]. */
static void rng_start(struct chip *chip)
{
    struct chip_misc *misc = &chip->misc;
    uint64_t ns = chip_periods_ns(chip->kind->rcc->usb_hz(chip), 40);
    misc->rng_ready = CHIP_NEVER;
    if (!(misc->rng_cr & RNG_RNGEN))
        return;
    if (ns == CHIP_NEVER) {
        chip_warn(chip, "RNG clock", "RNG: switched on without its 48 MHz clock (PLL)");
        return;
    }
    misc->rng_ready = chip_now(chip) + ns;
    if (misc->rng_cr & RNG_IE)
        chip_event_at(chip, CHIP_EVENT_RNG, misc->rng_ready);
}

void rng_event(struct chip *chip)
{
    chip_irq(chip, RNG_IRQ, chip->misc.rng_cr & RNG_IE && chip_now(chip) >= chip->misc.rng_ready);
}

uint32_t rng_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    struct chip_misc *misc = &chip->misc;
    bool ready = misc->rng_cr & RNG_RNGEN && chip_now(chip) >= misc->rng_ready;
    (void)unit;
    switch (offset) {
    case 0x00: return misc->rng_cr;
    case 0x04: return ready ? RNG_DRDY : 0;
    case 0x08:
        if (!ready)
            return 0;
        misc->rng_state ^= misc->rng_state << 13;
        misc->rng_state ^= misc->rng_state >> 7;
        misc->rng_state ^= misc->rng_state << 17;
        rng_start(chip);
        chip_irq(chip, RNG_IRQ, false);
        return (uint32_t)(misc->rng_state >> 16);
    default: return chip_unknown(chip, offset, false);
    }
}

void rng_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_misc *misc = &chip->misc;
    (void)unit;
    if (write.offset == 0x00) {
        uint32_t old = misc->rng_cr;
        misc->rng_cr = chip_merge(old, write, RNG_RNGEN | RNG_IE);
        if (misc->rng_cr != old)
            rng_start(chip);
        if (!(misc->rng_cr & RNG_IE))
            chip_irq(chip, RNG_IRQ, false);
    } else if (write.offset != 0x04) {
        chip_unknown(chip, write.offset, true);
    }
}

uint32_t dbgmcu_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    (void)unit;
    switch (offset) {
    case 0x00: return chip->kind->idcode;
    case 0x04: return chip->misc.dbgmcu_cr;
    case 0x08: return chip->misc.dbgmcu_apb1fz;
    case 0x0C: return chip->misc.dbgmcu_apb2fz;
    default: return chip_unknown(chip, offset, false);
    }
}

void dbgmcu_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    (void)unit;
    switch (write.offset) {
    case 0x00: break;
    case 0x04: chip->misc.dbgmcu_cr = chip_merge(chip->misc.dbgmcu_cr, write, 0xFFu); break;
    case 0x08: chip->misc.dbgmcu_apb1fz = chip_merge(chip->misc.dbgmcu_apb1fz, write, ~0u); break;
    case 0x0C: chip->misc.dbgmcu_apb2fz = chip_merge(chip->misc.dbgmcu_apb2fz, write, ~0u); break;
    default: chip_unknown(chip, write.offset, true);
    }
}

void pwr_f4_reset(struct chip *chip)
{
    chip->misc.pwr_cr = chip->kind->scale_reset << 14;
    chip->misc.pwr_csr = 0x4000;
}

uint32_t pwr_f4_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    (void)unit;
    switch (offset) {
    case 0x00: return chip->misc.pwr_cr;
    /* VOSRDY as soon as the PLL runs [RM]; the backup regulator at once. */
    case 0x04:
        return chip->misc.pwr_csr | (chip->rcc.cr & 1u << 25 ? 1u << 14 : 0) |
               (chip->misc.pwr_csr >> 9 & 1u) << 3;
    default: return chip_unknown(chip, offset, false);
    }
}

void pwr_f4_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    (void)unit;
    switch (write.offset) {
    case 0x00: {
        uint32_t value = chip_merge(chip->misc.pwr_cr, write, 0xC3F3u);
        if (chip->kind->scale_hz[value >> 14] == 0) /* kept */
            value = (value & 0x3FFFu) | (chip->misc.pwr_cr & 0xC000u);
        chip->misc.pwr_cr = value;
        break;
    }
    case 0x04: chip->misc.pwr_csr = chip_merge(chip->misc.pwr_csr, write, 0x300u); break;
    default: chip_unknown(chip, write.offset, true);
    }
}

uint32_t crc_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    (void)unit;
    switch (offset) {
    case 0x00: return chip->misc.crc;
    case 0x04: return chip->misc.crc_idr;
    case 0x08: return 0;
    default: return chip_unknown(chip, offset, false);
    }
}

void crc_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    (void)unit;
    switch (write.offset) {
    case 0x00:
        chip->misc.crc ^= write.value;
        for (unsigned i = 0; i < 32; i++)
            chip->misc.crc = chip->misc.crc << 1 ^ (chip->misc.crc >> 31 ? 0x04C11DB7u : 0);
        break;
    case 0x04: chip->misc.crc_idr = write.value & 0xFFu; break;
    case 0x08:
        if (write.value & 1u)
            chip->misc.crc = ~0u;
        break;
    default: chip_unknown(chip, write.offset, true);
    }
}
