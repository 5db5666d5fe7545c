/*
 * A Linux process with threads: the loop runs inside lwIP's tcpip thread, by the same rules as on FreeRTOS
 * (os/freertos/os_freertos.c). The first thread is interrupt, tick and idle task: it runs when all others sleep.
 *
 *   cable's request, tick ─→ one static message, at most one queued ─→ tcpip thread ─→ poll
 *   mailbox full: `missed` stays set, and os_loop_alive picks it up after the message in hand
 */
/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include <stddef.h>
#include <stdio.h>

#include "board/board.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"
#include "os/posix/threads.h"

/* Mutable state of this room: interrupts have no argument. */
static struct {
    const struct os_loop *loop;
    void *context;
    struct tcpip_callback_msg *message; /* NULL until the loop runs */
    bool queued;                        /* it lies in the mailbox */
    bool missed;                        /* it found no room there */
    bool interrupted;                   /* to be woken when the interrupt ends */
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

static void os_loop_post(void)
{
    struct tcpip_callback_msg *message = __atomic_load_n(&os.message, __ATOMIC_ACQUIRE);

    if (message == NULL || __atomic_exchange_n(&os.queued, true, __ATOMIC_ACQ_REL)) {
        return;
    }
    if (tcpip_callbackmsg_trycallback_fromisr(message) != ERR_OK) {
        __atomic_store_n(&os.missed, true, __ATOMIC_RELEASE);
        __atomic_store_n(&os.queued, false, __ATOMIC_RELEASE);
    }
}

/* An interrupt is never interrupted by a thread: what it wakes runs when it has ended. */
void os_loop_wake(void)
{
    if (thread_self() == NULL) {
        os.interrupted = true;
    } else {
        os_loop_post();
    }
}

void os_loop_alive(void)
{
    if (__atomic_load_n(&os.missed, __ATOMIC_RELAXED) &&
        __atomic_exchange_n(&os.missed, false, __ATOMIC_ACQ_REL)) {
        os_loop_round();
    }
}

static void os_loop_started(void *unused)
{
    struct tcpip_callback_msg *message;

    (void)unused;
    thread_is_loop();
    os.loop->start(os.context);
    message = tcpip_callbackmsg_new(os_loop_called, NULL);
    os_assert(message != NULL);
    __atomic_store_n(&os.message, message, __ATOMIC_RELEASE);
}

void os_lwip_init(void)
{
}

static bool os_slept_once(void *context)
{
    bool *once = context, before = *once;

    *once = true;
    return before;
}

void os_loop_run(const struct os_loop *loop, void *context)
{
    os.loop = loop;
    os.context = context;
    tcpip_init(os_loop_started, NULL);
    threads_begin();
    for (uint32_t tick_ms = board_time_ms();;) {
        bool once = false;
        threads_wait();
        loop->slept(context, board_idle(os_slept_once, &once));
        if (board_time_ms() != tick_ms) {
            tick_ms = board_time_ms();
            os.interrupted = true; /* timers are asked once a millisecond */
            threads_expire();
        }
        if (os.interrupted) {
            os.interrupted = false;
            os_loop_post();
        }
    }
}

bool os_thread_start(const char *name, void (*function)(void *context), void *context, unsigned stack_size,
                     unsigned priority)
{
    sys_thread_new(name, function, context, (int)stack_size, (int)priority);
    return true;
}

void os_sleep_until(uint32_t *last_ms, uint32_t period_ms)
{
    *last_ms += period_ms;
    while ((int32_t)(board_time_ms() - *last_ms) < 0)
        thread_sleep(true, *last_ms);
}

/* ---- os.h ---- */

uint32_t os_random(void)
{
    return board_random();
}

const char *os_name(void)
{
    return "POSIX threads";
}

void os_panic(const char *text)
{
    board_log("panic: ");
    board_log(text);
    board_log("\n");
    board_halt();
}
