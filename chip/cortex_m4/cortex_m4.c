/*
 * Tick, sleep, stack and faults of a Cortex-M4F board. See cortex_m4.h and board/board.h.
 *
 * Time comes from SysTick alone: it counts while the core sleeps; the DWT cycle counter stops there on STM32.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/cortex_m4/cortex_m4.h"
#include "chip/cortex_m4/guard.h"
#include "chip/cortex_m4/report.h"

#include "board/board.h"
#include "board/stack_paint.h"

#include <stddef.h>

extern uint32_t linker_stack_start[], linker_stack_end[];

static volatile uint32_t tick_ms;
static volatile bool woken; /* since board_idle returned last */
#if BOARD_CALM_MS > 1
static volatile bool calm, called; /* called: board_wake was, since board_calm */
#endif
static volatile uint32_t watchdog_left_ms; /* 0: it isn't on */
static uint32_t watchdog_ms;

#ifdef BOARD_TICK_HOOK /* the flavour's (os/NAME/os.mk): its tick is this one */
void BOARD_TICK_HOOK(void);
#endif

#if USB_REMOTE_WAKEUP
/* A signal that is too long, or is left on the bus while flash is erased, would meet the host's own. Within the tick nothing comes
 * between its begin and its end but interrupts; the tick that falls into it comes at its end. */
static void usb_wake(void)
{
    uint32_t period = SYST_RVR + 1, left = period / 4 * 5, last = SYST_CVR;

    if (!cortex_m4_usb_wake_begin())
        return;
    for (uint32_t passed = 0; passed < left;) {
        uint32_t now = SYST_CVR;
        passed += last >= now ? last - now : last + period - now;
        last = now;
    }
    cortex_m4_usb_wake_end();
}
#endif

/* The tick has the lowest priority: it interrupts threads, or what has hung with the priority of a thread. */
__attribute__((used)) void cortex_m4_tick(const uint32_t *frame);
void cortex_m4_tick(const uint32_t *frame)
{
    tick_ms++;
    woken = true;
    if (watchdog_left_ms != 0 && --watchdog_left_ms == 0) {
        report_keep(BOARD_REPORT_HANG, frame, tick_ms);
        board_reset();
    }
#if USB_REMOTE_WAKEUP
    usb_wake();
#endif
#ifdef BOARD_TICK_HOOK
    BOARD_TICK_HOOK();
#endif
}

void cortex_m4_watchdog_start(uint32_t ms)
{
    watchdog_ms = ms;
    cortex_m4_watchdog_feed();
}

void cortex_m4_watchdog_feed(void)
{
    watchdog_left_ms = watchdog_ms;
}

void board_wake(void)
{
    woken = true;
#if BOARD_CALM_MS > 1
    called = true;
#endif
}

#if BOARD_CALM_MS > 1
void board_calm(bool on)
{
    calm = on;
    called = false;
}

bool board_calm_lasts(void)
{
    return calm && !called && tick_ms % BOARD_CALM_MS != 0;
}
#endif

bool cortex_m4_sleep_until(uint32_t clock_hz, bool (*ready)(void), uint32_t ms_max)
{
    bool done = ready();

    __asm__ volatile("cpsid i" ::: "memory");
    SYST_RVR = clock_hz / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_CLKSOURCE | SYST_CSR_TICKINT | SYST_CSR_ENABLE;
    for (; !done && ms_max; ms_max--) {
        __asm__ volatile("dsb\n wfi" ::: "memory"); /* the tick pends, masked, and ends it */
        SCB_ICSR = ICSR_PENDSTCLR;
        done = ready();
    }
    SYST_CSR = 0;
    SCB_ICSR = ICSR_PENDSTCLR;
    __asm__ volatile("cpsie i" ::: "memory");
    return done;
}

void cortex_m4_tick_start(uint32_t clock_hz)
{
    SYST_RVR = clock_hz / 1000 - 1;
    SYST_CVR = 0;
    SCB_SHPR3 = PRIORITY_TICK << 28;
    SYST_CSR = SYST_CSR_CLKSOURCE | SYST_CSR_TICKINT | SYST_CSR_ENABLE;
}

void cortex_m4_irq_enable(unsigned irq, unsigned priority)
{
    NVIC_IPR[irq] = (uint8_t)(priority << 4);
    NVIC_ISER[irq / 32] = 1u << irq % 32;
}

uint32_t board_time_ms(void)
{
    return tick_ms;
}

uint32_t board_cycles(void)
{
    uint32_t ms, count, pending;
    uint32_t reload = SYST_RVR;

    do {
        ms = tick_ms;
        count = SYST_CVR;
        pending = SCB_ICSR & ICSR_PENDSTSET;
    } while (ms != tick_ms);
    if (pending && count > reload / 2)
        ms++; /* the counter has wrapped, its interrupt has not run yet */
    return ms * (reload + 1) + (reload - count);
}

/* The tick ends each sleep within a millisecond, so the counter wraps at most once in it. Interrupts that have
 * nothing for the loop, such as a packet in the middle of a transfer, are slept over. */
uint32_t board_idle(void)
{
    int32_t cycles = 0; /* negative if the counter wrapped */

    __asm__ volatile("cpsid i" ::: "memory");
    if (!woken) {
        do {
            cycles += (int32_t)SYST_CVR;
            __asm__ volatile("dsb\n wfi" ::: "memory"); /* a pending interrupt ends it, masked or not */
            cycles -= (int32_t)SYST_CVR;
            __asm__ volatile("cpsie i\n isb\n cpsid i" ::: "memory");
        } while (!woken);
    }
    woken = false;
    __asm__ volatile("cpsie i" ::: "memory");
    return (uint32_t)cycles + (cycles < 0 ? SYST_RVR + 1 : 0);
}

/* The stack below this frame is painted at start-up (startup.c). */
uint32_t board_stack_used_max(void)
{
    return board_stack_size() - stack_unused(linker_stack_start, linker_stack_end);
}

uint32_t board_stack_size(void)
{
    return (uint32_t)((uintptr_t)linker_stack_end - (uintptr_t)linker_stack_start);
}

void cortex_m4_silence(void)
{
    SYST_CSR = 0;
    for (unsigned i = 0; i < (CHIP_IRQ_COUNT + 31) / 32; i++)
        NVIC_ICER[i] = 0xFFFFFFFF;
    SCB_ICSR = ICSR_PENDSTCLR;
}

void board_reset(void)
{
    __asm__ volatile("dsb" ::: "memory");
    SCB_AIRCR = AIRCR_VECTKEY | AIRCR_SYSRESETREQ;
    for (;;)
        __asm__ volatile("dsb");
}

void board_rom_enter(void)
{
    linker_request[0] = GUARD_WANTS_ROM;
    linker_request[1] = ~GUARD_WANTS_ROM;
    board_reset();
}
