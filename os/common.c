/*
 * What os.h asks of every flavour alike.
 */
/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include "board/board.h"

uint32_t os_random(void)
{
    return board_random();
}

void os_panic(const char *text)
{
    board_log("panic: ");
    board_log(text);
    board_log("\n");
    board_halt();
}
