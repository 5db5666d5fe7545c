/*
 * What a flavour (bare metal, FreeRTOS, a Linux process) means to the rest: a way to fail visibly and random
 * bits. Time and sleep are the board's (board/board.h) or the kernel's; lwIP's own port functions (sys_now,
 * sys_arch_protect, …) are declared by lwIP and defined beside this header, in os/none and its siblings.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_H
#define PLUGNET_OS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Our own bug: say so on the board's log and stop in a way that a debugger and the watchdog see. Any context. */
__attribute__((noreturn)) void os_panic(const char *text);

/* The same without text: the log gets the place. On a board that is a trap, whose PC and LR are for addr2line; one
 * instruction that no two places share, so that the compiler can't merge them. Elsewhere it is file and line. */
#define OS_TEXT_(text)  #text
#define OS_TEXT(number) OS_TEXT_(number)
#ifdef __arm__
#define os_panic_here()                                                                                      \
    (__extension__({                                                                                         \
        __asm__ volatile("udf #1 @ " __FILE__ ":" OS_TEXT(__LINE__));                                        \
        __builtin_unreachable();                                                                             \
    }))
#else
#define os_panic_here() os_panic(__FILE__ ":" OS_TEXT(__LINE__))
#endif

/* 32 random bits; see board_random. */
uint32_t os_random(void);

/* The flavour's name for pages and logs: "bare metal", "FreeRTOS". */
const char *os_name(void);

/* ---- The loop: on bare metal main's, with an operating system lwIP's tcpip thread. ---- */

/* Const; each gets os_loop_run's context. */
struct os_loop {
    void (*start)(void *context); /* once, before the first poll */
    void (*poll)(void *context);  /* one round; nothing waits */
    /* Nothing was left to do, and the board slept for so many cycles: between two polls, or in the idle thread. */
    void (*slept)(void *context, uint32_t cycles);
};

/* Run the loop for ever. `context` must be static: with an operating system the caller's stack is gone. */
__attribute__((noreturn)) void os_loop_run(const struct os_loop *loop, void *context);

/* There is something to do: poll runs soon. Interrupt context. */
void os_loop_wake(void);

/* lwip_init where the flavour has not done it already. Only with lwIP. */
void os_lwip_init(void);

/* ---- Threads: applications'. ---- */

/* Start one; it never ends. `stack_size` in bytes, `priority` 1 (lowest) to 3. Before the loop runs, or from
 * a thread. False: this flavour has none. */
bool os_thread_start(const char *name, void (*function)(void *context), void *context, unsigned stack_size,
                     unsigned priority);

/* Sleep until *last_ms + period_ms, and set *last_ms to that. Threads only; begin with *last_ms 0. */
void os_sleep_until(uint32_t *last_ms, uint32_t period_ms);

struct os_thread_info {
    const char *name;
    uint32_t stack_size, stack_left; /* bytes; left: never used so far */
    uint32_t cpu_permille;           /* since start */
};

/* About thread `number`, from 0. False: there are no more. Any thread. */
bool os_thread_info_get(unsigned number, struct os_thread_info *info);

/* An assertion that stays in the image: true, or our own bug. */
#define os_assert(condition) ((condition) ? (void)0 : os_panic_here())

#ifdef __cplusplus
}
#endif

#endif
