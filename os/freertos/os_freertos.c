/*
 * FreeRTOS: the loop runs inside lwIP's tcpip thread (os/threads/loop.h), woken by interrupts and by the kernel's tick, which is
 * the board's. The kernel's idle task puts the board to sleep.
 */
/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include "FreeRTOS.h"
#include "board/board.h"
#include "os/freertos/lwip_thread.h"
#include "os/threads/loop.h"
#include "task.h"

void os_tick(void);
const char *os_thread_name(void);
void vPortSetupTimerInterrupt(void);
void vApplicationTickHook(void);
void vApplicationIdleHook(void);
void vApplicationStackOverflowHook(TaskHandle_t task, char *name);
void xPortSysTickHandler(void);

void os_loop_wake(void)
{
    loop_post();
}

void os_loop_run(const struct os_loop *loop, void *context)
{
    loop_begin(loop, context);
    vTaskStartScheduler();
    os_panic("the scheduler has ended\n");
}

void os_sleep_until(uint32_t *last_ms, uint32_t period_ms)
{
    TickType_t last = *last_ms;

    xTaskDelayUntil(&last, period_ms);
    *last_ms = last;
}

const char *os_name(void)
{
    return "FreeRTOS";
}

/* ---- The kernel's hooks. ---- */

/* The board's tick runs already. */
void vPortSetupTimerInterrupt(void)
{
}

void os_tick(void)
{
    if (xTaskGetSchedulerState() != taskSCHEDULER_NOT_STARTED) {
        xPortSysTickHandler();
    }
}

/* Also for exceptions. */
const char *os_thread_name(void)
{
    return xTaskGetSchedulerState() != taskSCHEDULER_NOT_STARTED ? pcTaskGetName(NULL) : "main";
}

void vApplicationTickHook(void)
{
#if BOARD_CALM_MS > 1
    if (board_calm_lasts()) {
        return;
    }
#endif
    loop_post(); /* timers are asked once a millisecond */
}

void vApplicationIdleHook(void)
{
    lwip_thread_idles();
    loop_sleep();
}

void vApplicationStackOverflowHook(TaskHandle_t task, char *name)
{
    (void)task;
    board_log("stack overflow: ");
    os_panic(name);
}
