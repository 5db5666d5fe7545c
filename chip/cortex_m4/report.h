/*
 * The report of a stop, as the processor's exceptions write it: board/report.h. What they call runs on a stack that may have
 * overflowed, with interrupts off, and needs nothing but the memory REPORT of the linker script.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CHIP_REPORT_H
#define PLUGNET_CHIP_REPORT_H

#include "board/report.h"

/* Registers as an exception stacks them. Source: DDI 0403, B1.5 [unread]. */
enum report_frame { FRAME_LR = 5, FRAME_PC, FRAME_PSR };

/* Once at each start, by board_init: how old the report is. `watchdog`: the chip's own has reset us. */
void report_begin(bool watchdog);

/* Keep one. `frame` as it was stacked; NULL: none. */
void report_keep(enum board_report_reason reason, const uint32_t *frame, uint32_t uptime_ms);

#endif
