/*
 * The watchdog of the loop: see plugnet_config.watchdog.
 */
/* SPDX-License-Identifier: MIT */
#include "board/flash.h"
#include "board/report.h"
#include "os/os.h"
#include "plugnet/plugnet.h"

#define MS_MIN    500u
#define MS_MAX    20000u
#define MARGIN_MS 500u

void plugnet_watchdog_start(uint32_t ms)
{
    uint32_t stall_ms = 0;

    for (unsigned area = 0; area < BOARD_FLASH_AREAS; area++) {
        const struct board_flash *flash = board_flash((enum board_flash_area)area);
        if (flash != NULL && flash->stalls && flash->erase_ms_max > stall_ms) {
            stall_ms = flash->erase_ms_max;
        }
    }
    if (ms < MS_MIN || ms > MS_MAX || ms < stall_ms + MARGIN_MS) {
        os_panic(".watchdog: 500 to 20000 ms, and 500 more than an erase of flash");
    }
    if (!board_watchdog_start(ms)) {
        board_log("watchdog: this board has none\n");
    }
}

void plugnet_watchdog_tick(const struct plugnet *p)
{
    for (const struct plugnet_service *const *service = p->config->services; *service != NULL; service++) {
        if ((*service)->alive != NULL && !(*service)->alive((*service)->state)) {
            return;
        }
    }
    board_watchdog_feed();
}
