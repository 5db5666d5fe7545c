/*
 * IWDG (on LSI, 32 kHz, can't be stopped) and WWDG (on APB1): real time-outs, real resets.
 *
 * LSI is exact here; the chip's wanders between 17 and 47 kHz (data sheet [unread]), so firmware must not rely
 * on the last percent.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#define LSI_HZ        32000u
#define CAUSE_IWDGRST (1u << 29)
#define CAUSE_WWDGRST (1u << 30)
#define WWDG_IRQ      0

static uint64_t iwdg_timeout_ns(const struct chip_watchdog *dog)
{
    uint64_t divisor = dog->pr < 6 ? 4u << dog->pr : 256u;
    return chip_periods_ns((struct chip_hz){LSI_HZ, 1}, divisor * (dog->rlr + 1));
}

static void iwdg_reload(struct chip *chip)
{
    chip->dog.expires = chip_now(chip) + iwdg_timeout_ns(&chip->dog);
    chip_event_at(chip, CHIP_EVENT_IWDG, chip->dog.expires);
}

void watchdog_reset(struct chip *chip)
{
    chip->dog = (struct chip_watchdog){.rlr = 0xFFF, .rlr_next = 0xFFF, .wwdg_cr = 0x7F, .wwdg_cfr = 0x7F};
    chip->deadline[CHIP_EVENT_IWDG] = chip->deadline[CHIP_EVENT_WWDG] = CHIP_NEVER;
    if (!(chip->option[chip->kind->option_dog / 8] >> chip->kind->option_dog % 8 &
          1u)) { /* started by hardware */
        chip->dog.running = true;
        iwdg_reload(chip);
    }
    chip_irq(chip, WWDG_IRQ, false);
}

uint32_t iwdg_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    const struct chip_watchdog *dog = &chip->dog;
    (void)unit;
    switch (offset) {
    case 0x00: return 0;
    case 0x04: return dog->pr;
    case 0x08: return dog->rlr;
    case 0x0C: return chip_now(chip) < dog->update_until ? 3 : 0;
    default: return chip_unknown(chip, offset, false);
    }
}

void iwdg_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_watchdog *dog = &chip->dog;
    (void)unit;
    switch (write.offset) {
    case 0x00:
        dog->writable = (write.value & 0xFFFFu) == 0x5555;
        if ((write.value & 0xFFFFu) == 0xCCCC && !dog->running) {
            dog->running = true;
            chip->rcc.csr |= 3u; /* LSI runs now */
            iwdg_reload(chip);
        } else if ((write.value & 0xFFFFu) == 0xAAAA && dog->running) {
            iwdg_reload(chip);
        }
        break;
    case 0x04:
    case 0x08:
        if (!dog->writable) {
            chip_warn(chip, "IWDG locked", "IWDG: PR or RLR written without the key 0x5555; ignored");
            break;
        }
        if (write.offset == 4)
            dog->pr = write.value & 7u;
        else
            dog->rlr = write.value & 0xFFFu;
        /* Takes up to five LSI periods to arrive [drivers]. */
        dog->update_until = chip_now(chip) + 5u * 1000000000u / LSI_HZ;
        break;
    default: chip_unknown(chip, write.offset, true);
    }
}

void iwdg_event(struct chip *chip)
{
    if (chip->dog.running)
        chip_reset_want(chip, CAUSE_IWDGRST);
}

/* WWDG: the counter steps every 4096 · 2^WDGTB clocks of APB1, and resets when it passes 0x40. */
static uint64_t wwdg_step_ns(const struct chip *chip)
{
    return chip_periods_ns(rcc_apb_hz(chip, 1), (uint64_t)4096 << (chip->dog.wwdg_cfr >> 7 & 3u));
}

static uint32_t wwdg_count(const struct chip *chip)
{
    const struct chip_watchdog *dog = &chip->dog;
    uint64_t steps = dog->wwdg_cr & 0x80u ? (chip_now(chip) - dog->wwdg_since) / wwdg_step_ns(chip) : 0;
    return (dog->wwdg_cr - (uint32_t)steps) & 0x7Fu;
}

static void wwdg_arm(struct chip *chip)
{
    const struct chip_watchdog *dog = &chip->dog;
    if (!(dog->wwdg_cr & 0x80u))
        return;
    uint32_t count = dog->wwdg_cr & 0x7Fu;
    uint32_t steps = count > 0x40 ? count - 0x40 : 1;
    chip_event_at(chip, CHIP_EVENT_WWDG, dog->wwdg_since + steps * wwdg_step_ns(chip));
}

void wwdg_event(struct chip *chip)
{
    struct chip_watchdog *dog = &chip->dog;
    if (wwdg_count(chip) < 0x40) {
        chip_reset_want(chip, CAUSE_WWDGRST);
        return;
    }
    dog->wwdg_sr = 1;
    chip_irq(chip, WWDG_IRQ, dog->wwdg_cfr & 0x200u);
    chip_event_at(chip, CHIP_EVENT_WWDG, chip_now(chip) + wwdg_step_ns(chip));
}

uint32_t wwdg_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    (void)unit;
    switch (offset) {
    case 0x00: return (chip->dog.wwdg_cr & 0x80u) | wwdg_count(chip);
    case 0x04: return chip->dog.wwdg_cfr;
    case 0x08: return chip->dog.wwdg_sr;
    default: return chip_unknown(chip, offset, false);
    }
}

void wwdg_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_watchdog *dog = &chip->dog;
    (void)unit;
    switch (write.offset) {
    case 0x00: {
        bool on = dog->wwdg_cr & 0x80u;
        if ((on && wwdg_count(chip) > (dog->wwdg_cfr & 0x7Fu)) || !(write.value & 0x40u)) {
            if (on || write.value & 0x80u)
                chip_reset_want(chip, CAUSE_WWDGRST);
            break;
        }
        dog->wwdg_cr = (dog->wwdg_cr & 0x80u) | (write.value & 0xFFu);
        dog->wwdg_since = chip_now(chip);
        wwdg_arm(chip);
        break;
    }
    case 0x04: dog->wwdg_cfr = (dog->wwdg_cfr & 0x200u) | (write.value & 0x3FFu); break;
    case 0x08:
        dog->wwdg_sr &= write.value;
        chip_irq(chip, WWDG_IRQ, dog->wwdg_sr && dog->wwdg_cfr & 0x200u);
        break;
    default: chip_unknown(chip, write.offset, true);
    }
}
