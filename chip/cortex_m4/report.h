/*
 * The report of a stop, as the processor's exceptions write it: board/report.h. What they call runs on a stack that may have
 * overflowed, with interrupts off, and needs nothing but the memory REPORT of the linker script.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CHIP_REPORT_H
#define PLUGNET_CHIP_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board/report.h"

/* Registers as an exception stacks them. Source: DDI 0403, B1.5 [unread]. */
enum report_frame { FRAME_LR = 5, FRAME_PC, FRAME_PSR };

/* At linker_report; the first-stage boot loader, which may be older than the image, reads it, too. */
struct report_kept {
    uint32_t magic;
    struct board_report report;
    uint32_t check;
};

_Static_assert(sizeof(struct report_kept) == 104, "what another version of us reads");

#define REPORT_MAGIC 0x52455031u /* "REP1": the layout's version */

extern struct report_kept linker_report;

static inline uint32_t report_check_of(const struct report_kept *kept)
{
    const uint32_t *word = (const uint32_t *)&kept->report;
    uint32_t check = kept->magic;

    for (size_t i = 0; i < sizeof kept->report / sizeof *word; i++)
        check = (check << 5 | check >> 27) ^ word[i];
    return check;
}

static inline bool report_whole(const struct report_kept *kept)
{
    return kept->magic == REPORT_MAGIC && kept->check == report_check_of(kept);
}

/* Once at each start, by board_init: how old the report is. `watchdog`: the chip's own has reset us. */
void report_begin(bool watchdog);

/* Keep one. `frame` as it was stacked; NULL: none. */
void report_keep(enum board_report_reason reason, const uint32_t *frame, uint32_t uptime_ms);

#endif
