/*
 * What os.h asks of every flavour alike.
 */
/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include "board/board.h"
#include "board/report.h"

uint32_t os_random(void)
{
    return board_random();
}

/* Not inlined, so that the caller's place is the return address. */
__attribute__((noinline)) void os_panic(const char *text)
{
    board_report_panic(text, __builtin_return_address(0));
    board_log("panic: ");
    board_log(text);
    board_log("\n");
    board_halt();
}
