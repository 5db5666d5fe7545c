/*
 * What a flavour (bare metal, FreeRTOS, a Linux process) means to the rest: a way to fail visibly and random
 * bits. Time and sleep are the board's (board/board.h) or the kernel's; lwIP's own port functions (sys_now,
 * sys_arch_protect, …) are declared by lwIP and defined beside this header, in os/none and its siblings.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_H
#define PLUGNET_OS_H

#include <stdint.h>

/* Our own bug: say so on the board's log and stop in a way that a debugger and the watchdog see. Any context. */
_Noreturn void os_panic(const char *text);

/* The same without text: the log gets the caller's address, for addr2line. */
_Noreturn void os_panic_here(void);

/* 32 random bits; see board_random. */
uint32_t os_random(void);

/* The flavour's name for pages and logs: "bare metal", "FreeRTOS". */
const char *os_name(void);

/* An assertion that stays in the image: true, or our own bug. */
#define os_assert(condition) ((condition) ? (void)0 : os_panic_here())

#endif
