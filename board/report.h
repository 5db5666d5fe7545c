/*
 * Why the firmware stopped last: what a panic, a fault or the watchdog leaves behind in RAM that start-up doesn't touch. It
 * outlives resets, also into another image, and is lost with the supply. tool/where.py leads it to file and line.
 *
 *   panic, fault, watchdog ─→ board_report_… ─→ reset ─→ board_report(): starts 1 ─→ reset ─→ starts 2 …
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BOARD_REPORT_H
#define PLUGNET_BOARD_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BOARD_REPORT_THREAD_MAX 16 /* characters, with the 0 */
#define BOARD_REPORT_TEXT_MAX   44

enum board_report_reason {
    BOARD_REPORT_PANIC = 1, /* os_panic, os_assert */
    BOARD_REPORT_FAULT,     /* the processor's, or an interrupt that nobody serves */
    BOARD_REPORT_HANG, /* board_watchdog_feed hasn't come in time; `pc` is where the tick found the processor */
    BOARD_REPORT_WATCHDOG, /* the chip's watchdog, since not even the tick ran: nothing else is known */
};

/* The layout stays: another version may read it. Numbers are 0 where nothing is known. */
struct board_report {
    uint32_t reason;
    uint32_t pc, lr;
    uint32_t exception; /* of a fault: its number, 3 for a HardFault */
    uint32_t cfsr;      /* SCB_CFSR, what kind of fault */
    uint32_t address;   /* that was accessed, where CFSR says that it is known */
    uint32_t uptime_ms;
    uint32_t image;                       /* the CRC word of the image that stopped */
    uint32_t starts;                      /* since then, this one included */
    char thread[BOARD_REPORT_THREAD_MAX]; /* "main" on bare metal */
    char text[BOARD_REPORT_TEXT_MAX];     /* of os_panic */
};

/* Of an earlier run; NULL: there was nothing since power-on, or the board can't keep it. Any context, any time after start. */
const struct board_report *board_report(void);

/* Forget it. */
void board_report_forget(void);

/* A panic: keep its text and the caller's place. os_panic calls it; board_halt follows. Any context. */
void board_report_panic(const char *text, const void *pc);

/* ---- The watchdog. One that has begun can't be stopped. ---- */

/* If board_watchdog_feed doesn't come for `ms`, from 500 to 20,000, keep a report and reset. False: this board has none. Once,
 * from the loop's thread. */
bool board_watchdog_start(uint32_t ms);

/* From the loop's thread. */
void board_watchdog_feed(void);

#ifdef __cplusplus
}
#endif

#endif
