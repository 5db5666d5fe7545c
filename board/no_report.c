/*
 * board/report.h for boards that can keep no report over a reset and have no watchdog: a process, or a board of one's own.
 */
/* SPDX-License-Identifier: MIT */
#include "board/report.h"

#include <stddef.h>

const struct board_report *board_report(void)
{
    return NULL;
}

void board_report_forget(void)
{
}

void board_report_panic(const char *text, const void *pc)
{
    (void)text;
    (void)pc;
}

uint32_t board_image_id(void)
{
    return 0;
}

bool board_watchdog_start(uint32_t ms)
{
    (void)ms;
    return false;
}

void board_watchdog_feed(void)
{
}
