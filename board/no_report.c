/*
 * board/report.h and board/image.h for boards that can keep no report over a reset, have no watchdog and no boot loader of ours:
 * a process, or a board of one's own.
 */
/* SPDX-License-Identifier: MIT */
#include "board/image.h"
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

uint32_t board_image_header(void)
{
    return 0;
}

bool board_image_swaps(void)
{
    return false;
}

bool board_watchdog_start(uint32_t ms)
{
    (void)ms;
    return false;
}

void board_watchdog_feed(void)
{
}
