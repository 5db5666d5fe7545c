/*
 * The independent watchdog, IWDG: it counts LSI, and can't be stopped. The tick, which knows where the firmware hangs, comes
 * first (chip/cortex_m4); this one is for hangs that keep the tick out. See board/report.h.
 *
 * Registers as in the CMSIS headers, keys and LSI's range (17 to 47 kHz for 32) as in ST's manuals RM0090 and RM0351 [unread].
 */
/* SPDX-License-Identifier: MIT */
#include "board/report.h"
#include "chip/stm32/stm32.h"

#define IWDG_KR     REG32(0x40003000)
#define IWDG_PR     REG32(0x40003004)
#define IWDG_RLR    REG32(0x40003008)
#define IWDG_SR     REG32(0x4000300C)
#define DBGMCU_FZ   REG32(0xE0042008)
#define KEY_START   0xCCCCu
#define KEY_WRITE   0x5555u
#define KEY_RELOAD  0xAAAAu
#define PR_DIV_256  6u         /* a count is 8 ms of an LSI of 32 kHz */
#define RLR_MAX     0xFFFu     /* 32.8 s */
#define DBG_STOPPED (1u << 12) /* IWDG stands while a debugger holds the core */
#define CSR_IWDGRST (1u << 29)

bool stm32_watchdog_bit(void)
{
    bool ours = (REG32(stm32_chip.csr) & CSR_IWDGRST) != 0;

    REG32(stm32_chip.csr) |= stm32_chip.csr_rmvf;
    return ours;
}

/* Both who begin it set the prescaler, which is 0 after a reset. */
bool stm32_watchdog_runs(void)
{
    return IWDG_PR != 0;
}

/* Half as long again, since LSI may be half as fast again. */
bool board_watchdog_start(uint32_t ms)
{
    uint32_t counts = (ms + ms / 2) / 8;

    DBGMCU_FZ |= DBG_STOPPED;
    IWDG_KR = KEY_START;
    IWDG_KR = KEY_WRITE;
    IWDG_PR = PR_DIV_256;
    IWDG_RLR = counts < RLR_MAX ? counts : RLR_MAX;
    stm32_wait(&IWDG_SR, 3, 0);
    IWDG_KR = KEY_RELOAD;
    cortex_m4_watchdog_start(ms);
    return true;
}

void board_watchdog_feed(void)
{
    IWDG_KR = KEY_RELOAD;
    cortex_m4_watchdog_feed();
}
