/*
 * See lwip_thread.h.
 */
/* SPDX-License-Identifier: MIT */
#include "os/freertos/lwip_thread.h"

#include <stddef.h>

#include "FreeRTOS.h"
#include "board/board.h"
#include "os/threads/loop.h"
#include "queue.h"
#include "task.h"

/* Mutable state of this room: interrupts and the kernel have no argument. */
static struct {
    TaskHandle_t task;
    bool waits;  /* for a notification, or is about to */
    bool mail;   /* something may lie in its mailbox */
    bool others; /* some other thread may be ready: it became so since the idle thread ran last */
    uint32_t slept, slept_rest; /* in 1,024 cycles, and cycles beside that */
} thread = {.others = true};

/* The kernel's, under its lock. */
void os_thread_ready(const void *task)
{
    if (task != thread.task) {
        __atomic_store_n(&thread.others, true, __ATOMIC_RELEASE);
        board_wake();
    }
}

void lwip_thread_idles(void)
{
#ifdef OS_THREAD_READY_IS_TOLD
    __atomic_store_n(&thread.others, false, __ATOMIC_RELEASE);
#endif
}

void loop_nudge(void)
{
    BaseType_t woken = pdFALSE;

    board_wake();
    if (__atomic_exchange_n(&thread.waits, false, __ATOMIC_ACQ_REL)) {
        vTaskNotifyGiveFromISR(thread.task, &woken);
        portYIELD_FROM_ISR(woken);
    }
}

void lwip_thread_posted(void)
{
    __atomic_store_n(&thread.mail, true, __ATOMIC_RELEASE);
    loop_nudge();
}

static void *mail_fetch(QueueHandle_t mailbox)
{
    void *message;

    if (!__atomic_exchange_n(&thread.mail, false, __ATOMIC_ACQ_REL) ||
        xQueueReceive(mailbox, &message, 0) != pdTRUE) {
        return NULL;
    }
    __atomic_store_n(&thread.mail, true, __ATOMIC_RELEASE); /* there may be more */
    return message;
}

static void thread_sleep(void)
{
    thread.slept_rest += loop_sleep();
    thread.slept += thread.slept_rest >> 10;
    thread.slept_rest &= 1023;
}

void *lwip_thread_fetch(void *mailbox)
{
    void *message = NULL;

    thread.task = xTaskGetCurrentTaskHandle();
    while (message == NULL) {
        bool others = __atomic_load_n(&thread.others, __ATOMIC_ACQUIRE);

        __atomic_store_n(&thread.waits, others,
                         __ATOMIC_RELEASE); /* before it looks: what comes from now on notifies */
        message = mail_fetch(mailbox);
        message = message != NULL ? message : loop_message();
        if (message != NULL) {
            __atomic_store_n(&thread.waits, false, __ATOMIC_RELAXED);
        } else if (others) {
            ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
        } else {
            thread_sleep(); /* not, if something has come since it looked: board_wake */
        }
    }
    return message;
}

uint32_t lwip_thread_slept(const void *task, bool idle)
{
    return idle ? thread.slept : task == thread.task ? 0 - thread.slept : 0;
}
