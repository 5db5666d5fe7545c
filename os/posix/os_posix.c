/*
 * A Linux process with threads: the loop runs inside lwIP's tcpip thread (os/threads/loop.h), as on FreeRTOS. The first thread
 * is interrupt, tick and idle task: it runs when all others sleep.
 */
/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include <stddef.h>

#include "board/board.h"
#include "os/posix/threads.h"
#include "os/threads/loop.h"

/* Mutable state of this room: interrupts have no argument. */
static struct {
    const struct os_loop *loop;
    bool interrupted; /* the loop is to be woken when the interrupt ends */
} os;

/* An interrupt is never interrupted by a thread: what it wakes runs when it has ended. */
void os_loop_wake(void)
{
    if (thread_self() == NULL) {
        os.interrupted = true;
    } else {
        loop_post();
    }
}

static void os_loop_start(void *context)
{
    thread_is_loop();
    os.loop->start(context);
}

void os_loop_run(const struct os_loop *loop, void *context)
{
    static struct os_loop own;

    os.loop = loop;
    own = *loop;
    own.start = os_loop_start;
    loop_begin(&own, context);
    threads_begin();
    for (uint32_t tick_ms = board_time_ms();;) {
        threads_wait();
        loop_sleep();
        if (board_time_ms() != tick_ms) {
            tick_ms = board_time_ms();
            os.interrupted = true; /* timers are asked once a millisecond */
            threads_expire();
        }
        if (os.interrupted) {
            os.interrupted = false;
            loop_post();
        }
    }
}

void os_sleep_until(uint32_t *last_ms, uint32_t period_ms)
{
    *last_ms += period_ms;
    while ((int32_t)(board_time_ms() - *last_ms) < 0)
        thread_sleep(true, *last_ms);
}

const char *os_name(void)
{
    return "POSIX threads";
}
