/*
 * TIM1 to TIM14 as time bases: counting up from 0 to ARR at the timer clock divided by PSC + 1, update event and
 * its interrupt, one-pulse mode, preload. Compare, capture, PWM outputs, slave modes and counting down are stored
 * and reported once when software switches them on.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#define CR1_CEN  (1u << 0)
#define CR1_UDIS (1u << 1)
#define CR1_URS  (1u << 2)
#define CR1_OPM  (1u << 3)
#define CR1_DIR  (1u << 4)
#define CR1_ARPE (1u << 7)
#define UIF      (1u << 0)
#define EGR_UG   (1u << 0)

static const struct {
    uint32_t base;
    uint8_t irq, apb;
    bool wide; /* 32 bits */
} timers[CHIP_TIMERS] = {
    {0x40010000, 25, 2, false}, {0x40000000, 28, 1, true},  {0x40000400, 29, 1, false},
    {0x40000800, 30, 1, false}, {0x40000C00, 50, 1, true},  {0x40001000, 54, 1, false},
    {0x40001400, 55, 1, false}, {0x40010400, 44, 2, false}, {0x40014000, 24, 2, false},
    {0x40014400, 25, 2, false}, {0x40014800, 26, 2, false}, {0x40001800, 43, 1, false},
    {0x40001C00, 44, 1, false}, {0x40002000, 45, 1, false},
};

/* Several timers share a line. */
static void update(struct chip *chip, unsigned unit)
{
    bool level = false;
    for (unsigned i = 0; i < CHIP_TIMERS; i++)
        if (timers[i].irq == timers[unit].irq)
            level |= (chip->timer[i].sr & chip->timer[i].dier & UIF) != 0;
    chip_irq(chip, timers[unit].irq, level);
}

static struct chip_hz count_hz(const struct chip *chip, unsigned unit)
{
    struct chip_hz hz = rcc_timer_hz(chip, timers[unit].apb);
    hz.den *= (uint64_t)chip->timer[unit].psc_now + 1;
    return hz;
}

static uint32_t count(const struct chip *chip, unsigned unit)
{
    const struct chip_timer *t = &chip->timer[unit];
    if (!t->running)
        return t->count;
    uint64_t steps = chip_ns_periods(count_hz(chip, unit), chip_now(chip) - t->since_ns);
    uint64_t period = (uint64_t)t->arr_now + 1;
    return (uint32_t)((t->count + steps) % (t->count < period ? period : (uint64_t)UINT32_MAX + 1));
}

static void arm(struct chip *chip, unsigned unit)
{
    struct chip_timer *t = &chip->timer[unit];
    unsigned event = CHIP_EVENT_TIMER + unit;
    chip->deadline[event] = CHIP_NEVER;
    if (!t->running || t->arr_now == 0)
        return;
    uint64_t steps = (uint64_t)t->arr_now + 1 - (t->count <= t->arr_now ? t->count : 0);
    uint64_t ns = chip_periods_ns(count_hz(chip, unit), steps);
    if (ns != CHIP_NEVER)
        chip_event_at(chip, (enum chip_event)event, t->since_ns + ns);
}

/* Counting goes on from here. */
static void settle(struct chip *chip, unsigned unit)
{
    struct chip_timer *t = &chip->timer[unit];
    t->count = count(chip, unit);
    t->since_ns = chip_now(chip);
}

static void load(struct chip_timer *t)
{
    t->psc_now = t->psc;
    t->arr_now = t->arr;
}

void timer_event(struct chip *chip, unsigned unit)
{
    struct chip_timer *t = &chip->timer[unit];
    uint64_t steps = (uint64_t)t->arr_now + 1 - (t->count <= t->arr_now ? t->count : 0);
    t->since_ns += chip_periods_ns(count_hz(chip, unit), steps);
    t->count = 0;
    if (!(t->cr1 & CR1_UDIS)) {
        load(t);
        t->sr |= UIF;
    }
    if (t->cr1 & CR1_OPM) {
        t->cr1 &= ~CR1_CEN;
        t->running = false;
    }
    arm(chip, unit);
    update(chip, unit);
}

void timer_reset(struct chip *chip)
{
    for (unsigned i = 0; i < CHIP_TIMERS; i++) {
        uint32_t all = timers[i].wide ? 0xFFFFFFFFu : 0xFFFFu;
        chip->timer[i] = (struct chip_timer){.arr = all, .arr_now = all};
        chip->deadline[CHIP_EVENT_TIMER + i] = CHIP_NEVER;
        update(chip, i);
    }
}

uint32_t timer_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    const struct chip_timer *t = &chip->timer[unit];
    switch (offset) {
    case 0x00: return t->cr1;
    case 0x04: return t->cr2;
    case 0x08: return t->smcr;
    case 0x0C: return t->dier;
    case 0x10: return t->sr;
    case 0x14: return 0;
    case 0x18:
    case 0x1C: return t->ccmr[(offset - 0x18) / 4];
    case 0x20: return t->ccer;
    case 0x24: return count(chip, unit);
    case 0x28: return t->psc;
    case 0x2C: return t->arr;
    case 0x30: return t->rcr;
    case 0x34:
    case 0x38:
    case 0x3C:
    case 0x40: return t->ccr[(offset - 0x34) / 4];
    case 0x44: return t->bdtr;
    case 0x48: return t->dcr;
    case 0x4C: return t->dmar;
    case 0x50: return t->or_;
    default: return chip_unmodelled(chip, "TIM", timers[unit].base + offset, false);
    }
}

static void control_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_timer *t = &chip->timer[unit];
    settle(chip, unit);
    t->cr1 = chip_merge(t->cr1, write, 0x3FFu);
    t->running = t->cr1 & CR1_CEN;
    if (t->cr1 & (CR1_DIR | 3u << 5))
        chip_warn(chip, "TIM down", "TIM: counting down and centre-aligned modes are not modelled");
    arm(chip, unit);
}

void timer_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_timer *t = &chip->timer[unit];
    uint32_t all = timers[unit].wide ? 0xFFFFFFFFu : 0xFFFFu;
    switch (write.offset) {
    case 0x00: control_write(chip, unit, write); break;
    case 0x04: t->cr2 = chip_merge(t->cr2, write, 0xFFFFu); break;
    case 0x08:
        t->smcr = chip_merge(t->smcr, write, 0xFFFFu);
        if (t->smcr & 7u)
            chip_warn(chip, "TIM slave", "TIM: slave modes are not modelled");
        break;
    case 0x0C:
        t->dier = chip_merge(t->dier, write, 0x7FFFu);
        if (t->dier & ~UIF)
            chip_warn(chip, "TIM compare", "TIM: only the update interrupt is modelled");
        break;
    case 0x10: t->sr &= write.value | ~write.mask; break;
    case 0x14:
        if (write.value & write.mask & EGR_UG) {
            t->count = 0;
            t->since_ns = chip_now(chip);
            load(t);
            if (!(t->cr1 & (CR1_URS | CR1_UDIS)))
                t->sr |= UIF;
            arm(chip, unit);
        }
        break;
    case 0x18:
    case 0x1C:
        t->ccmr[(write.offset - 0x18) / 4] = chip_merge(t->ccmr[(write.offset - 0x18) / 4], write, ~0u);
        break;
    case 0x20: t->ccer = chip_merge(t->ccer, write, 0xFFFFu); break;
    case 0x24:
        t->count = chip_merge(count(chip, unit), write, all);
        t->since_ns = chip_now(chip);
        arm(chip, unit);
        break;
    case 0x28: t->psc = chip_merge(t->psc, write, 0xFFFFu); break;
    case 0x2C:
        t->arr = chip_merge(t->arr, write, all);
        if (!(t->cr1 & CR1_ARPE)) {
            settle(chip, unit);
            t->arr_now = t->arr;
            arm(chip, unit);
        }
        break;
    case 0x30: t->rcr = chip_merge(t->rcr, write, 0xFFu); break;
    case 0x34:
    case 0x38:
    case 0x3C:
    case 0x40:
        t->ccr[(write.offset - 0x34) / 4] = chip_merge(t->ccr[(write.offset - 0x34) / 4], write, all);
        break;
    case 0x44: t->bdtr = chip_merge(t->bdtr, write, 0xFFFFu); break;
    case 0x48: t->dcr = chip_merge(t->dcr, write, 0x1F1Fu); break;
    case 0x4C: t->dmar = chip_merge(t->dmar, write, 0xFFFFu); break;
    case 0x50: t->or_ = chip_merge(t->or_, write, 0xFFFFu); break;
    default: chip_unmodelled(chip, "TIM", timers[unit].base + write.offset, true); return;
    }
    update(chip, unit);
}
