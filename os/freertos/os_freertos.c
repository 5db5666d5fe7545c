/*
 * FreeRTOS: the loop runs inside lwIP's tcpip thread.
 *
 *   interrupt or tick ─→ os_loop_wake: one static message, at most one queued ─→ tcpip thread ─→ poll
 *   mailbox full: `missed` stays set, and os_loop_alive picks it up after the message in hand
 */
/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include "FreeRTOS.h"
#include "board/board.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"
#include "task.h"

void os_tick(void);
void vPortSetupTimerInterrupt(void);
void vApplicationTickHook(void);
void vApplicationIdleHook(void);
void vApplicationStackOverflowHook(TaskHandle_t task, char *name);
void xPortSysTickHandler(void);

/* Mutable state of this room: interrupts and kernel hooks have no argument. */
static struct {
    const struct os_loop *loop;
    void *context;
    struct tcpip_callback_msg *message; /* NULL until the loop runs */
    bool queued;                        /* it lies in the mailbox */
    bool missed;                        /* it found no room there */
} os;

static void os_loop_round(void)
{
    os.loop->poll(os.context);
}

static void os_loop_called(void *unused)
{
    (void)unused;
    __atomic_store_n(&os.queued, false, __ATOMIC_RELEASE); /* before the bits are read */
    os_loop_round();
}

void os_loop_wake(void)
{
    if (os.message == NULL || __atomic_exchange_n(&os.queued, true, __ATOMIC_ACQ_REL)) {
        return;
    }
    if (tcpip_callbackmsg_trycallback_fromisr(os.message) != ERR_OK) {
        __atomic_store_n(&os.missed, true, __ATOMIC_RELEASE);
        __atomic_store_n(&os.queued, false, __ATOMIC_RELEASE);
    }
}

void os_loop_alive(void)
{
    if (os.missed && __atomic_exchange_n(&os.missed, false, __ATOMIC_ACQ_REL)) {
        os_loop_round();
    }
}

static void os_loop_started(void *unused)
{
    (void)unused;
    os.loop->start(os.context);
    os.message = tcpip_callbackmsg_new(os_loop_called, NULL);
    os_assert(os.message != NULL);
}

void os_lwip_init(void)
{
}

void os_loop_run(const struct os_loop *loop, void *context)
{
    os.loop = loop;
    os.context = context;
    tcpip_init(os_loop_started, NULL);
    vTaskStartScheduler();
    os_panic("the scheduler has ended\n");
}

bool os_thread_start(const char *name, void (*function)(void *context), void *context, unsigned stack_size,
                     unsigned priority)
{
    sys_thread_new(name, function, context, (int)stack_size, (int)priority);
    return true;
}

void os_sleep_until(uint32_t *last_ms, uint32_t period_ms)
{
    TickType_t last = *last_ms;

    xTaskDelayUntil(&last, period_ms);
    *last_ms = last;
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

void vApplicationTickHook(void)
{
    os_loop_wake(); /* timers are asked once a millisecond */
}

static bool os_slept_once(void *context)
{
    bool *once = context, before = *once;

    *once = true;
    return before;
}

void vApplicationIdleHook(void)
{
    bool once = false;

    os.loop->slept(os.context, board_idle(os_slept_once, &once));
}

void vApplicationStackOverflowHook(TaskHandle_t task, char *name)
{
    (void)task;
    board_log("stack overflow: ");
    os_panic(name);
}

/* ---- os.h ---- */

uint32_t os_random(void)
{
    return board_random();
}

const char *os_name(void)
{
    return "FreeRTOS";
}

void os_panic(const char *text)
{
    board_log("panic: ");
    board_log(text);
    board_log("\n");
    board_halt();
}
