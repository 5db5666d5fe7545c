/*
 * GPIO, SYSCFG and EXTI: pins, and the interrupts they make.
 *
 *   outside (button, VBUS) ──→ pin level ──→ IDR, EXTI line (the port that EXTICR chose)
 *   ODR / alternate function ──→ pin level ──→ LEDs
 *
 * A pin that nobody drives follows its pull-up or pull-down; floating reads 0.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

enum { MODE_INPUT, MODE_OUTPUT, MODE_FUNCTION, MODE_ANALOG };

static unsigned mode(const struct chip_gpio *gpio, unsigned bit)
{
    return gpio->moder >> (2 * bit) & 3u;
}

static bool level(const struct chip_gpio *gpio, unsigned bit)
{
    bool out = gpio->odr >> bit & 1u, open_drain = gpio->otyper >> bit & 1u;
    if (mode(gpio, bit) == MODE_OUTPUT && (!out || !open_drain))
        return out;
    if (gpio->driven >> bit & 1u)
        return gpio->level >> bit & 1u;
    return (gpio->pupdr >> (2 * bit) & 3u) == 1;
}

bool gpio_level(const struct chip *chip, unsigned pin)
{
    return pin / 16 < chip->kind->port_count && level(&chip->gpio[pin / 16], pin % 16);
}

bool gpio_function(const struct chip *chip, unsigned pin, unsigned af)
{
    const struct chip_gpio *gpio = &chip->gpio[pin / 16];
    unsigned bit = pin % 16;
    return mode(gpio, bit) == MODE_FUNCTION && (gpio->afr[bit / 8] >> (4 * (bit % 8)) & 0xFu) == af;
}

/* Brings EXTI lines and the board up to date with the pins. */
static void changed(struct chip *chip)
{
    for (unsigned line = 0; line < 16; line++) {
        unsigned port = chip->exti.exticr[line / 4] >> (4 * (line % 4)) & 0xFu;
        exti_line(chip, line, port < chip->kind->port_count && level(&chip->gpio[port], line));
    }
    otg_attach_update(&chip->otg);
    if (chip->pins_changed)
        chip->pins_changed(chip->pins_context);
}

void gpio_outside(struct chip *chip, unsigned pin, bool driven, bool high)
{
    if (pin / 16 >= chip->kind->port_count)
        return;
    struct chip_gpio *gpio = &chip->gpio[pin / 16];
    uint16_t bit = (uint16_t)(1u << pin % 16);
    gpio->driven = driven ? gpio->driven | bit : (uint16_t)(gpio->driven & ~bit);
    gpio->level = high ? gpio->level | bit : (uint16_t)(gpio->level & ~bit);
    changed(chip);
}

void gpio_reset_port(struct chip *chip, unsigned port)
{
    const struct chip_gpio_reset *values =
        &chip->kind->gpio_reset[port < 2 ? port : 2]; /* the debugger's pins */
    struct chip_gpio *gpio = &chip->gpio[port];
    *gpio = (struct chip_gpio){.driven = gpio->driven,
                               .level = gpio->level,
                               .moder = values->moder,
                               .ospeedr = values->ospeedr,
                               .pupdr = values->pupdr};
    changed(chip);
}

uint32_t gpio_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    const struct chip_gpio *gpio = &chip->gpio[unit];
    switch (offset) {
    case 0x00: return gpio->moder;
    case 0x04: return gpio->otyper;
    case 0x08: return gpio->ospeedr;
    case 0x0C: return gpio->pupdr;
    case 0x10: {
        uint32_t idr = 0;
        for (unsigned bit = 0; bit < 16; bit++)
            if (mode(gpio, bit) != MODE_ANALOG && level(gpio, bit))
                idr |= 1u << bit;
        return idr;
    }
    case 0x14: return gpio->odr;
    case 0x18: return 0;
    case 0x1C: return gpio->lckr;
    case 0x20:
    case 0x24: return gpio->afr[(offset - 0x20) / 4];
    case 0x28:
    case 0x2C:
        if (chip->kind->gpio_brr)
            return offset == 0x28 ? 0 : gpio->ascr;
        return chip_unknown(chip, offset, false);
    default: return chip_unknown(chip, offset, false);
    }
}

/* LCKR: the sequence 1, 0, 1 in bit 16 with the same lower bits, each a word write. */
static void lock_write(struct chip_gpio *gpio, uint32_t value)
{
    bool key = value >> 16 & 1u;
    if (gpio->lckr >> 16 & 1u)
        return;
    if (gpio->lock_step == 1 && !key && (value & 0xFFFFu) == (gpio->lckr & 0xFFFFu)) {
        gpio->lock_step = 2;
    } else if (gpio->lock_step == 2 && key && (value & 0xFFFFu) == (gpio->lckr & 0xFFFFu)) {
        gpio->lckr |= 1u << 16;
        gpio->lock_step = 0;
    } else {
        gpio->lock_step = key ? 1 : 0;
        gpio->lckr = value & 0xFFFFu;
    }
}

static uint32_t spread(uint32_t bits, unsigned width)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < 32 / width; i++)
        if (bits >> i & 1u)
            mask |= ((1u << width) - 1u) << (i * width);
    return mask;
}

void gpio_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_gpio *gpio = &chip->gpio[unit];
    uint32_t locked = gpio->lckr >> 16 & 1u ? gpio->lckr & 0xFFFFu : 0;
    uint32_t set = write.value & write.mask;
    switch (write.offset) {
    case 0x00: gpio->moder = chip_merge(gpio->moder, write, ~spread(locked, 2)); break;
    case 0x04: gpio->otyper = chip_merge(gpio->otyper, write, 0xFFFFu & ~locked); break;
    case 0x08: gpio->ospeedr = chip_merge(gpio->ospeedr, write, ~spread(locked, 2)); break;
    case 0x0C: gpio->pupdr = chip_merge(gpio->pupdr, write, ~spread(locked, 2)); break;
    case 0x10: return;
    case 0x14: gpio->odr = chip_merge(gpio->odr, write, 0xFFFFu); break;
    case 0x18: gpio->odr = (gpio->odr & ~(set >> 16)) | (set & 0xFFFFu); break;
    case 0x1C: lock_write(gpio, write.value); return;
    case 0x20: gpio->afr[0] = chip_merge(gpio->afr[0], write, ~spread(locked & 0xFFu, 4)); break;
    case 0x24: gpio->afr[1] = chip_merge(gpio->afr[1], write, ~spread(locked >> 8, 4)); break;
    case 0x28:
    case 0x2C:
        if (!chip->kind->gpio_brr)
            chip_unknown(chip, write.offset, true);
        else if (write.offset == 0x28)
            gpio->odr &= ~(set & 0xFFFFu);
        else
            gpio->ascr = chip_merge(gpio->ascr, write, 0xFFFFu);
        break;
    default: chip_unknown(chip, write.offset, true); return;
    }
    changed(chip);
}

/* SYSCFG_EXTICR1 to 4: which port each line listens to. */
void exticr_write(struct chip *chip, unsigned index, struct chip_write write)
{
    chip->exti.exticr[index] = chip_merge(chip->exti.exticr[index], write, 0xFFFFu);
    changed(chip);
}

uint32_t syscfg_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    (void)unit;
    switch (offset) {
    case 0x00: return chip->misc.syscfg_memrmp;
    case 0x04: return chip->misc.syscfg_pmc;
    case 0x08:
    case 0x0C:
    case 0x10:
    case 0x14: return chip->exti.exticr[(offset - 8) / 4];
    case 0x20: return chip->misc.syscfg_cmpcr & 1u ? 0x101u : 0;
    default: return chip_unknown(chip, offset, false);
    }
}

void syscfg_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    (void)unit;
    switch (write.offset) {
    case 0x00:
        chip->misc.syscfg_memrmp = chip_merge(chip->misc.syscfg_memrmp, write, 3u);
        chip_remap(chip);
        break;
    case 0x04: chip->misc.syscfg_pmc = chip_merge(chip->misc.syscfg_pmc, write, 1u << 23); break;
    case 0x08:
    case 0x0C:
    case 0x10:
    case 0x14: exticr_write(chip, (write.offset - 8) / 4, write); break;
    case 0x20: chip->misc.syscfg_cmpcr = chip_merge(chip->misc.syscfg_cmpcr, write, 1u); break;
    default: chip_unknown(chip, write.offset, true);
    }
}

static void exti_update(struct chip *chip)
{
    for (unsigned i = 0; i < CHIP_EXTIS && chip->kind->exti[i].lines; i++)
        chip_irq(chip, chip->kind->exti[i].irq,
                 (chip->exti.pr & chip->exti.imr & chip->kind->exti[i].lines) != 0);
}

void exti_line(struct chip *chip, unsigned line, bool high)
{
    struct chip_exti *exti = &chip->exti;
    uint32_t bit = 1u << line;
    bool before = exti->lines & bit;
    if (before == high)
        return;
    exti->lines = high ? exti->lines | bit : exti->lines & ~bit;
    if ((high ? exti->rtsr : exti->ftsr) & bit && (exti->imr | exti->emr) & bit) {
        exti->pr |= bit;
        exti_update(chip);
    }
}

void exti_reset(struct chip *chip)
{
    chip->exti = (struct chip_exti){.lines = chip->exti.lines, .imr = chip->kind->exti_imr};
    exti_update(chip);
}

uint32_t exti_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    const struct chip_exti *exti = &chip->exti;
    (void)unit;
    switch (offset) {
    case 0x00: return exti->imr;
    case 0x04: return exti->emr;
    case 0x08: return exti->rtsr;
    case 0x0C: return exti->ftsr;
    case 0x10: return exti->swier;
    case 0x14: return exti->pr;
    default: return chip_unknown(chip, offset, false);
    }
}

void exti_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_exti *exti = &chip->exti;
    const uint32_t lines = chip->kind->exti_lines;
    (void)unit;
    switch (write.offset) {
    case 0x00: exti->imr = chip_merge(exti->imr, write, lines | chip->kind->exti_imr); break;
    case 0x04: exti->emr = chip_merge(exti->emr, write, lines | chip->kind->exti_imr); break;
    case 0x08: exti->rtsr = chip_merge(exti->rtsr, write, lines); break;
    case 0x0C: exti->ftsr = chip_merge(exti->ftsr, write, lines); break;
    case 0x10: {
        uint32_t rising = write.value & write.mask & lines & ~exti->swier;
        exti->swier |= rising;
        exti->pr |= rising & exti->imr;
        break;
    }
    case 0x14:
        exti->pr &= ~(write.value & write.mask);
        exti->swier &= ~(write.value & write.mask);
        break;
    default: chip_unknown(chip, write.offset, true); return;
    }
    exti_update(chip);
}
