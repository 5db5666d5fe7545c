/*
 * The loop inside lwIP's tcpip thread; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "os/threads/loop.h"

#include <stddef.h>

#include "board/board.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"

/* Mutable state of this room: interrupts and kernel hooks have no argument. */
static struct {
    const struct os_loop *loop;
    void *context;
    struct tcpip_callback_msg *message; /* NULL before start */
    bool due;                           /* poll is to be called */
} os;

static void loop_called(void *unused)
{
    (void)unused;
    os.loop->poll(os.context);
}

void loop_post(void)
{
    if (!__atomic_exchange_n(&os.due, true, __ATOMIC_ACQ_REL)) {
        loop_nudge();
    }
}

void *loop_message(void)
{
    return __atomic_exchange_n(&os.due, false, __ATOMIC_ACQ_REL) ? os.message : NULL;
}

static void loop_started(void *unused)
{
    (void)unused;
    os.loop->start(os.context);
    os.message = tcpip_callbackmsg_new(loop_called, NULL);
    os_assert(os.message != NULL);
    loop_post();
}

void loop_begin(const struct os_loop *loop, void *context)
{
    os.loop = loop;
    os.context = context;
    tcpip_init(loop_started, NULL);
}

uint32_t loop_sleep(void)
{
    uint32_t cycles = board_idle();

    os.loop->slept(os.context, cycles);
    return cycles;
}

void os_lwip_init(void)
{
}

bool os_thread_start(const char *name, void (*function)(void *context), void *context, unsigned stack_size,
                     unsigned priority)
{
    sys_thread_new(name, function, context, (int)stack_size, (int)priority);
    return true;
}
