/*
 * What every Cortex-M4F board shares: start-up, vector table, millisecond tick, sleep, faults. A board adds
 * clocks, pins and its interrupt handlers (see board_vectors.inc in its folder).
 *
 * Register names as in Arm's ARMv7-M manual DDI 0403 and in CMSIS core_cm4.h [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CHIP_CORTEX_M4_H
#define PLUGNET_CHIP_CORTEX_M4_H

#include <stdbool.h>
#include <stdint.h>

#include "usb/udc.h"

#define REG32(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define SYST_CSR  REG32(0xE000E010)
#define SYST_RVR  REG32(0xE000E014)
#define SYST_CVR  REG32(0xE000E018)
#define NVIC_ISER ((volatile uint32_t *)0xE000E100)
#define NVIC_ICER ((volatile uint32_t *)0xE000E180)
#define NVIC_IPR  ((volatile uint8_t *)0xE000E400)
#define SCB_ICSR  REG32(0xE000ED04)
#define SCB_VTOR  REG32(0xE000ED08)
#define SCB_AIRCR REG32(0xE000ED0C)
#define SCB_CCR   REG32(0xE000ED14)
#define SCB_SHPR3 REG32(0xE000ED20)
#define SCB_CPACR REG32(0xE000ED88)
#define SCB_CFSR  REG32(0xE000ED28)
#define SCB_MMFAR REG32(0xE000ED34)
#define SCB_BFAR  REG32(0xE000ED38)

#define ICSR_PENDSTCLR     (1u << 25)
#define SYST_CSR_ENABLE    (1u << 0)
#define SYST_CSR_TICKINT   (1u << 1)
#define SYST_CSR_CLKSOURCE (1u << 2)
#define ICSR_PENDSTCLR     (1u << 25)
#define ICSR_PENDSTSET     (1u << 26)
#define AIRCR_VECTKEY      (0x05FAu << 16)
#define AIRCR_SYSRESETREQ  (1u << 2)
#define CCR_DIV_0_TRP      (1u << 4)
#define CFSR_STACKING      (1u << 4 | 1u << 12 | 1u << 13) /* MSTKERR, STKERR, LSPERR: no frame was written */
#define CFSR_UNDEFINSTR    (1u << 16)
#define CFSR_MMARVALID     (1u << 7)
#define CFSR_BFARVALID     (1u << 15)

#ifndef BOARD_STACK_SIZE
#define BOARD_STACK_SIZE 4096 /* bytes of RAM for the main stack; an overflow faults at once */
#endif

/* Interrupt priorities, 0 highest of 16. The tick may wait for USB; nothing may wait for the tick. */
#define PRIORITY_USB  5u
#define PRIORITY_UART 12u
#define PRIORITY_TICK 15u

/* Sleep until ready() says so, asked once a millisecond of a core clock of `clock_hz`, for `ms_max` at most; false: it
 * never did. Before the tick is started; no interrupt is served meanwhile. */
bool cortex_m4_sleep_until(uint32_t clock_hz, bool (*ready)(void), uint32_t ms_max);

/* Start the millisecond tick from a core clock of `clock_hz`. Once, after the clocks are set. */
void cortex_m4_tick_start(uint32_t clock_hz);

/* From now on, reset with a report if cortex_m4_watchdog_feed doesn't come for `ms`. Loop. */
void cortex_m4_watchdog_start(uint32_t ms);
void cortex_m4_watchdog_feed(void);

#if USB_REMOTE_WAKEUP
/* The chip's, called by the tick: wake the USB host, if that is wanted. True: resume signalling has begun; _end follows 1.25 ms
 * later. */
bool cortex_m4_usb_wake_begin(void);
void cortex_m4_usb_wake_end(void);
#endif

/* No interrupt comes any more, so that WFI sleeps for good. */
void cortex_m4_silence(void);

/* Enable an external interrupt at a priority (0 to 15). */
void cortex_m4_irq_enable(unsigned irq, unsigned priority);

#endif
