/*
 * The scenario of the lost wake-up: an OUT packet arrives at every instruction around WFI.
 *
 *   SysTick ─ loop ─ … cpsid, busy?, dsb, wfi │ asleep          ↑ the packet comes here, one cycle later each time
 *
 * A wake-up that is lost is made good by the next SysTick, up to 1 ms later, so what is measured is how long the
 * answer takes: from the packet to the first byte towards the PC, in the board's own time.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <string.h>

#include "vboard/board.h"
#include "vboard/cpu.h"

#define TICK_NS       1000000u
#define WINDOW_MAX    20000u /* cycles searched for the way from SysTick to sleep */
#define ANSWER_NS_MAX 450000u
#define PLACES_MAX    128 /* halfwords: as many bytes before WFI as behind it */

struct sleep {
    struct rig *rig;
    uint64_t phase_ns;  /* of the tick */
    uint64_t tick_ps;   /* not quite a millisecond where MSI is held by LSE: 48,000 of 48,005,120 cycles */
    uint64_t target_ns; /* arrival, after the tick */
    bool armed, waiting;
    uint64_t out_ns, worst_ns;
    uint32_t wfi;            /* address behind it */
    uint8_t hit[PLACES_MAX]; /* halfwords around it that were met */
    unsigned met;
};

static uint64_t cycle_ns(const struct vboard_stats *stats, uint64_t cycles)
{
    return cycles * 1000000000u / stats->clock_hz;
}

/* By SYST_RVR. */
static uint64_t tick_cycles(struct rig *rig)
{
    uint32_t reload = 0;
    RIG_CHECK(rig, cpu_memory_read(vboard_cpu(rig->board), 0xE000E014, &reload, sizeof reload));
    RIG_CHECK(rig, reload > 0);
    return (uint64_t)reload + 1;
}

/* Let the packet wait until its moment. */
static void sleep_out(void *context, uint8_t endpoint, uint16_t length)
{
    struct sleep *s = context;
    (void)endpoint;
    if (!s->armed || length == 64) { /* the last packet is the one that wakes the loop */
        return;
    }
    s->armed = false;
    struct rig_cable *cable = &s->rig->cable;
    uint64_t phase_ps = (cable->time_ns - s->phase_ns) * 1000 % s->tick_ps;
    rig_cable_wait(cable, (s->target_ns * 1000 + s->tick_ps - phase_ps) % s->tick_ps / 1000);
    s->out_ns = cable->time_ns;
    s->waiting = true;
    const struct cpu *cpu = vboard_cpu(s->rig->board);
    uint32_t place = cpu_register_get(cpu, 15) - (s->wfi - PLACES_MAX);
    if (place / 2 < PLACES_MAX && !s->hit[place / 2]) {
        s->hit[place / 2] = 1;
        s->met++;
    }
}

static void sleep_in(void *context, uint8_t endpoint, enum cable_answer answer, uint16_t length)
{
    struct sleep *s = context;
    (void)endpoint;
    if (s->waiting && answer == CABLE_ACK && length > 20) {
        uint64_t took = s->rig->cable.time_ns - s->out_ns;
        s->waiting = false;
        s->worst_ns = took > s->worst_ns ? took : s->worst_ns;
        if (took > ANSWER_NS_MAX) {
            rig_fail(s->rig, "a packet %llu ns after the tick was answered %llu us later: a lost wake-up",
                     (unsigned long long)s->target_ns, (unsigned long long)took / 1000);
        }
    }
}

/* When the tick comes, and how many cycles later the core sleeps again: looks at a quiet millisecond. */
static uint64_t sleep_window(struct sleep *s)
{
    struct rig_cable *cable = &s->rig->cable;
    struct vboard_stats before = vboard_stats(s->rig->board), now = before;
    uint64_t step = cycle_ns(&before, 1) + 1, woke = 0, awake = 0;
    for (unsigned i = 0; i < 3 * TICK_NS / step; i++) {
        rig_cable_wait(cable, step);
        now = vboard_stats(s->rig->board);
        bool running = now.sleep_cycles - before.sleep_cycles < now.cycles - before.cycles;
        if (running && woke == 0 && i > 1000) {
            woke = cable->time_ns - step;
        }
        if (running) {
            awake++;
        } else if (woke != 0) {
            s->phase_ns = woke;
            return cable->time_ns - woke;
        }
        before = now;
    }
    rig_fail(s->rig, "the core did not sleep (awake %llu)", (unsigned long long)awake);
}

static void wake_ups(struct rig *rig)
{
    static struct sleep s;
    s = (struct sleep){.rig = rig};
    rig_run_ms(rig, 2000);
    uint64_t window_ns = sleep_window(&s);
    RIG_CHECK(rig, cpu_sleeping(vboard_cpu(rig->board)));
    s.wfi = cpu_register_get(vboard_cpu(rig->board), 15);
    struct vboard_stats stats = vboard_stats(rig->board);
    s.tick_ps = tick_cycles(rig) * 1000000000000u / stats.clock_hz;
    uint64_t cycles = window_ns * (stats.clock_hz / 1000) / 1000000 + 40;
    RIG_CHECK(rig, cycles < WINDOW_MAX);
    rig->cable.context = &s;
    rig->cable.out = sleep_out;
    rig->cable.in = sleep_in;
    unsigned silent = 0;
    for (uint64_t cycle = 0; cycle < cycles; cycle++) {
        uint8_t frame[PACKET_MAX];
        s.target_ns = (TICK_NS - cycle_ns(&stats, 10) + cycle_ns(&stats, cycle)) % TICK_NS;
        s.armed = true;
        rig_frame_send(rig, frame, packet_echo(frame, &rig->me, &rig->peer, 0x534C, (uint16_t)cycle, 8));
        for (unsigned ms = 0; (s.armed || s.waiting) && ms < 10; ms++) {
            rig_step(rig);
        }
        silent += s.waiting;
        s.waiting = false;
    }
    rig->cable.out = NULL;
    rig->cable.in = NULL;
    RIG_CHECK(rig, silent == 0);
    if (s.met < 6) { /* from CPSID to WFI there are no more instructions than that */
        rig_fail(rig, "%u places around WFI met, of %llu arrivals", s.met, (unsigned long long)cycles);
    }
    rig_say(
        rig,
        "%llu arrivals, one cycle apart, from the tick to sleep; %u places around WFI met; answers within "
        "%llu us",
        (unsigned long long)cycles, s.met, (unsigned long long)s.worst_ns / 1000);
}

const struct scenario scenarios_sleep[] = {
    {"wake_ups", SCENARIO_VBOARD, wake_ups, 120, false},
    {0},
};
