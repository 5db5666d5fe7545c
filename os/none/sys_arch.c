/*
 * lwIP on bare metal: its time is the board's, nothing is locked since there is one thread and interrupts touch
 * no lwIP state.
 */
/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include "board/board.h"
#include "lwip/init.h"
#include "lwip/sys.h"

u32_t sys_now(void)
{
    return board_time_ms();
}

void os_lwip_init(void)
{
    lwip_init();
}
