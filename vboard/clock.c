/*
 * Virtual time: the core's cycles and the world's nanoseconds, and the list of deadlines.
 *
 *   time = anchor + cycles since the anchor / frequency
 *
 * The frequency is a fraction (HSE · N / M / P / prescaler), so within one clock setting no rounding adds up;
 * each change of clock starts a new anchor, rounded to 2^-32 ns. While the core stands still (held in reset,
 * locked up) only the anchor moves.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

typedef unsigned __int128 wide;

#define NS_PER_S 1000000000u

uint64_t chip_now(const struct chip *chip)
{
    return chip_time_of(chip, cpu_cycles(chip->cpu));
}

/* When a cycle begins, if the clock stays as it is; not before the anchor. */
uint64_t chip_time_of(const struct chip *chip, uint64_t cycle)
{
    const struct chip_time *t = &chip->time;
    if (cycle < t->cycle)
        return t->ns;
    wide scaled = (wide)(cycle - t->cycle) * NS_PER_S * t->hz.den;
    uint64_t whole = (uint64_t)(scaled / t->hz.num), rest = (uint64_t)(scaled % t->hz.num);
    uint64_t frac = (uint64_t)(((wide)rest << 32) / t->hz.num) + t->frac;
    return t->ns + whole + (frac >> 32);
}

/* The first cycle that begins at or after a time. */
uint64_t chip_cycle_at(const struct chip *chip, uint64_t time_ns)
{
    const struct chip_time *t = &chip->time;
    if (time_ns <= t->ns)
        return t->cycle;
    wide ahead = ((wide)(time_ns - t->ns) << 32) - t->frac;
    wide per_cycle = (wide)t->hz.den * NS_PER_S;
    wide product = ahead * t->hz.num, divisor = per_cycle << 32;
    if (product / t->hz.num != ahead) /* so far away that it doesn't matter */
        return UINT64_MAX;
    return t->cycle + (uint64_t)((product + divisor - 1) / divisor);
}

static void anchor(struct chip *chip)
{
    struct chip_time *t = &chip->time;
    uint64_t cycle = cpu_cycles(chip->cpu);
    wide scaled = (wide)(cycle - t->cycle) * NS_PER_S * t->hz.den;
    uint64_t rest = (uint64_t)(scaled % t->hz.num);
    uint64_t frac = (uint64_t)(((wide)rest << 32) / t->hz.num) + t->frac;
    t->ns += (uint64_t)(scaled / t->hz.num) + (frac >> 32);
    t->frac = (uint32_t)frac;
    t->cycle = cycle;
}

/* The core stands still until `time_ns`. */
void chip_time_skip(struct chip *chip, uint64_t time_ns)
{
    anchor(chip);
    if (time_ns > chip->time.ns) {
        chip->time.ns = time_ns;
        chip->time.frac = 0;
    }
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void chip_clock_set(struct chip *chip, struct chip_hz hz)
{
    if (hz.num == 0 || hz.den == 0)
        return;
    uint64_t divisor = gcd(hz.num, hz.den);
    hz.num /= divisor;
    hz.den /= divisor;
    if (hz.num == chip->time.hz.num && hz.den == chip->time.hz.den)
        return;
    if (chip->time.hz.num)
        anchor(chip);
    chip->time.hz = hz;
    cpu_break(chip->cpu); /* the deadline in cycles has moved */
}

struct chip_hz rcc_apb_hz(const struct chip *chip, unsigned bus)
{
    struct chip_hz hz = rcc_core_hz(chip);
    hz.den *= rcc_apb_divisor(chip, bus);
    return hz;
}

/* The core and everything that hangs on the clock tree follows. */
void rcc_changed(struct chip *chip)
{
    struct chip_hz hz = rcc_core_hz(chip);
    timer_clock_change(chip, false);
    chip_clock_set(chip, hz);
    timer_clock_change(chip, true);
    if (hz.den &&
        hz.num / hz.den > chip->kind->hz_max + chip->kind->hz_max / 1000) /* as a crystal may be off */
        chip_warn(chip, "RCC fast", "RCC: the core runs at %u Hz, above the chip's %u MHz",
                  (unsigned)(hz.num / hz.den), (unsigned)(chip->kind->hz_max / 1000000));
    otg_attach_update(&chip->otg);
}

void chip_event_at(struct chip *chip, enum chip_event event, uint64_t time_ns)
{
    chip->deadline[event] = time_ns;
    if (time_ns < chip->run_until) {
        chip->run_until = time_ns;
        cpu_break(chip->cpu);
    }
}

uint64_t chip_next_event(const struct chip *chip, uint64_t limit_ns)
{
    for (unsigned i = 0; i < CHIP_EVENT_COUNT; i++)
        if (chip->deadline[i] < limit_ns)
            limit_ns = chip->deadline[i];
    return limit_ns;
}

static void event_run(struct chip *chip, unsigned event)
{
    switch (event) {
    case CHIP_EVENT_RCC: chip->kind->rcc->event(chip); return;
    case CHIP_EVENT_FLASH: chip->kind->flash->event(chip); return;
    case CHIP_EVENT_ROM: rom_event(chip); return;
    case CHIP_EVENT_IWDG: iwdg_event(chip); return;
    case CHIP_EVENT_WWDG: wwdg_event(chip); return;
    case CHIP_EVENT_RNG: rng_event(chip); return;
    case CHIP_EVENT_OTG_SUSPEND: otg_suspend_event(&chip->otg); return;
    case CHIP_EVENT_OTG_EOPF: otg_eopf_event(&chip->otg); return;
    }
    if (event >= CHIP_EVENT_TIMER)
        timer_event(chip, event - CHIP_EVENT_TIMER);
    else
        usart_event(chip, event - CHIP_EVENT_USART);
}

/* Everything that is due now. A handler may set its own next deadline. */
void chip_events_run(struct chip *chip)
{
    uint64_t now = chip_now(chip);
    for (unsigned i = 0; i < CHIP_EVENT_COUNT; i++)
        if (chip->deadline[i] <= now) {
            chip->deadline[i] = CHIP_NEVER;
            event_run(chip, i);
        }
}

/* How long `periods` of a clock take, rounded up; CHIP_NEVER of a stopped one. */
uint64_t chip_periods_ns(struct chip_hz hz, uint64_t periods)
{
    if (hz.num == 0 || hz.den == 0)
        return CHIP_NEVER;
    return (uint64_t)(((wide)periods * NS_PER_S * hz.den + hz.num - 1) / hz.num);
}
