/*
 * The timers as time bases: counting up from 0 to ARR at the timer clock divided by PSC + 1, update and compare
 * events with their flags and interrupts, one-pulse mode, preload. Counting down, slave modes, capture and the
 * pins are not modelled; software that switches them on is told once.
 *
 *   settle: bring CNT and the flags up to now      arm: when does the next flag come that interrupts?
 *
 * A timer's clock is the core's divided by a whole number, so it counts core cycles: no rounding at all.
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
#define CCIF(n)  (2u << (n)) /* channel n from 0 */
#define FLAGS    0x1Fu
#define EGR_UG   (1u << 0)

static uint32_t pending(const struct chip *chip, unsigned unit)
{
    return chip->timer[unit].sr & chip->timer[unit].dier & FLAGS;
}

/* Several timers share a line. */
static void line_update(struct chip *chip, unsigned irq)
{
    const struct chip_timer_facts *timers = chip->kind->timers;
    bool level = false;
    for (unsigned i = 0; i < chip->kind->timer_count; i++) {
        if (timers[i].irq == irq && pending(chip, i) & UIF)
            level = true;
        if (timers[i].compare_irq == irq && pending(chip, i) & ~UIF)
            level = true;
    }
    chip_irq(chip, irq, level);
}

static void update(struct chip *chip, unsigned unit)
{
    const struct chip_timer_facts *facts = &chip->kind->timers[unit];
    line_update(chip, facts->irq);
    if (facts->compare_irq != facts->irq)
        line_update(chip, facts->compare_irq);
}

/* Core cycles for each count. */
static uint64_t cycles_per_count(const struct chip *chip, unsigned unit)
{
    uint32_t divisor = rcc_apb_divisor(chip, chip->kind->timers[unit].apb);
    return (uint64_t)(divisor > 1 ? divisor / 2 : 1) * ((uint64_t)chip->timer[unit].psc_now + 1);
}

static void load(struct chip_timer *t)
{
    t->psc_now = t->psc;
    t->arr_now = t->arr;
}

/* Counts from `count` to the next time that CNT becomes `value` (0: the update event). */
static uint64_t distance(const struct chip_timer *t, uint32_t value)
{
    uint64_t period = (uint64_t)t->arr_now + 1;
    if (t->count >= period) /* ARR was lowered below CNT: the whole range first */
        return value > t->count ? value - t->count : (uint64_t)UINT32_MAX + 1 - t->count + value;
    return value > t->count ? value - t->count : period - t->count + value;
}

/* Moves CNT on by `steps`, at most up to the next update event, and sets the flags it passes. */
static void step(struct chip *chip, unsigned unit, uint64_t steps)
{
    struct chip_timer *t = &chip->timer[unit];
    uint64_t to_update = distance(t, 0);
    for (unsigned n = 0; n < chip->kind->timers[unit].channels; n++)
        if (t->ccr[n] <= t->arr_now && distance(t, t->ccr[n]) <= steps)
            t->sr |= CCIF(n);
    if (steps < to_update) {
        t->count += (uint32_t)steps;
        return;
    }
    t->count = 0;
    if (!(t->cr1 & CR1_UDIS)) {
        load(t);
        t->sr |= UIF;
    }
    if (t->cr1 & CR1_OPM) {
        t->cr1 &= ~CR1_CEN;
        t->running = false;
    }
}

static void settle(struct chip *chip, unsigned unit)
{
    struct chip_timer *t = &chip->timer[unit];
    uint64_t now = cpu_cycles(chip->cpu);
    while (t->running) {
        uint64_t per_count = cycles_per_count(chip, unit);
        uint64_t steps = (now - t->since_cycle) / per_count, to_update = distance(t, 0);
        if (steps == 0)
            return;
        if (t->arr_now == 0) /* a timer with ARR 0 stands still [RM] */
            break;
        if (steps > to_update && t->psc_now == t->psc && t->arr_now == t->arr && !(t->cr1 & CR1_OPM)) {
            /* Many periods at once: all flags come, only the place in the last period counts. */
            uint64_t period = (uint64_t)t->arr_now + 1;
            uint64_t whole = (steps - to_update) / period * period;
            t->since_cycle += whole * per_count;
            steps -= whole;
            if (whole)
                for (unsigned n = 0; n < chip->kind->timers[unit].channels; n++)
                    t->sr |= t->ccr[n] <= t->arr_now ? CCIF(n) : 0;
        }
        if (steps > to_update)
            steps = to_update;
        t->since_cycle += steps * per_count;
        step(chip, unit, steps);
    }
    t->since_cycle = now;
}

static void arm(struct chip *chip, unsigned unit)
{
    struct chip_timer *t = &chip->timer[unit];
    unsigned event = CHIP_EVENT_TIMER + unit;
    uint32_t wanted = t->dier & FLAGS & ~t->sr;
    uint64_t steps = CHIP_NEVER;
    if (wanted & UIF || t->cr1 & CR1_OPM)
        steps = distance(t, 0);
    for (unsigned n = 0; n < chip->kind->timers[unit].channels; n++)
        if (wanted & CCIF(n) && t->ccr[n] <= t->arr_now && distance(t, t->ccr[n]) < steps)
            steps = distance(t, t->ccr[n]);
    chip->deadline[event] = CHIP_NEVER;
    if (!t->running || t->arr_now == 0 || steps == CHIP_NEVER)
        return;
    chip_event_at(chip, (enum chip_event)event,
                  chip_time_of(chip, t->since_cycle + steps * cycles_per_count(chip, unit)));
}

void timer_event(struct chip *chip, unsigned unit)
{
    settle(chip, unit);
    arm(chip, unit);
    update(chip, unit);
}

/* Before and after something that moves the clocks. */
void timer_clock_change(struct chip *chip, bool after)
{
    for (unsigned i = 0; i < chip->kind->timer_count; i++) {
        if (!chip->timer[i].running)
            continue;
        if (after)
            arm(chip, i);
        else
            settle(chip, i);
    }
}

void timer_reset_unit(struct chip *chip, unsigned unit)
{
    uint32_t all = chip->kind->timers[unit].wide ? 0xFFFFFFFFu : 0xFFFFu;
    chip->timer[unit] = (struct chip_timer){.arr = all, .arr_now = all};
    chip->deadline[CHIP_EVENT_TIMER + unit] = CHIP_NEVER;
    update(chip, unit);
}

uint32_t timer_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    const struct chip_timer *t = &chip->timer[unit];
    settle(chip, unit);
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
    case 0x24: return t->count;
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
    default: return chip_unknown(chip, offset, false);
    }
}

static void event_write(struct chip *chip, unsigned unit, uint32_t value)
{
    struct chip_timer *t = &chip->timer[unit];
    t->sr |= value & FLAGS & ~UIF;
    if (value & EGR_UG) {
        t->count = 0;
        t->since_cycle = cpu_cycles(chip->cpu);
        load(t);
        if (!(t->cr1 & (CR1_URS | CR1_UDIS)))
            t->sr |= UIF;
    }
}

static void control_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_timer *t = &chip->timer[unit];
    t->cr1 = chip_merge(t->cr1, write, 0x3FFu);
    if (!t->running)
        t->since_cycle = cpu_cycles(chip->cpu);
    t->running = t->cr1 & CR1_CEN;
    if (t->cr1 & (CR1_DIR | 3u << 5))
        chip_warn(chip, "TIM down", "TIM: counting down and centre-aligned modes are not modelled");
}

/* Mode registers: what we can't do, we say. */
static void mode_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_timer *t = &chip->timer[unit];
    uint32_t *ccmr = &t->ccmr[(write.offset - 0x18) / 4 & 1u];
    if (write.offset == 0x08)
        t->smcr = chip_merge(t->smcr, write, 0xFFFFu);
    else
        *ccmr = chip_merge(*ccmr, write, 0xFFFFu);
    if (t->smcr & 7u)
        chip_warn(chip, "TIM slave", "TIM: slave modes are not modelled");
    if (*ccmr & 0x303u && write.offset != 0x08)
        chip_warn(chip, "TIM capture", "TIM: input capture is not modelled");
}

void timer_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_timer *t = &chip->timer[unit];
    uint32_t all = chip->kind->timers[unit].wide ? 0xFFFFFFFFu : 0xFFFFu;
    uint32_t *ccr = &t->ccr[(write.offset - 0x34) / 4 & 3u];
    settle(chip, unit);
    switch (write.offset) {
    case 0x00: control_write(chip, unit, write); break;
    case 0x04: t->cr2 = chip_merge(t->cr2, write, 0xFFFFu); break;
    case 0x08:
    case 0x18:
    case 0x1C: mode_write(chip, unit, write); break;
    case 0x0C: t->dier = chip_merge(t->dier, write, 0x7FFFu); break;
    case 0x10: t->sr &= write.value | ~write.mask; break;
    case 0x14: event_write(chip, unit, write.value & write.mask); break;
    case 0x20: t->ccer = chip_merge(t->ccer, write, 0xFFFFu); break;
    case 0x24: t->count = chip_merge(t->count, write, all); break;
    case 0x28: t->psc = chip_merge(t->psc, write, 0xFFFFu); break;
    case 0x2C:
        t->arr = chip_merge(t->arr, write, all);
        if (!(t->cr1 & CR1_ARPE))
            t->arr_now = t->arr;
        break;
    case 0x30: t->rcr = chip_merge(t->rcr, write, 0xFFu); break;
    case 0x34:
    case 0x38:
    case 0x3C:
    case 0x40: *ccr = chip_merge(*ccr, write, all); break;
    case 0x44: t->bdtr = chip_merge(t->bdtr, write, 0xFFFFu); break;
    case 0x48: t->dcr = chip_merge(t->dcr, write, 0x1F1Fu); break;
    case 0x4C: t->dmar = chip_merge(t->dmar, write, 0xFFFFu); break;
    case 0x50: t->or_ = chip_merge(t->or_, write, 0xFFFFu); break;
    default: chip_unknown(chip, write.offset, true); return;
    }
    arm(chip, unit);
    update(chip, unit);
}
