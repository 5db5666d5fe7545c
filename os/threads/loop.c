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
    struct tcpip_callback_msg *message;
    bool ready;  /* the message may be posted: the loop has started, and it doesn't lie in the mailbox */
    bool missed; /* it found no room there */
} os;

static void loop_round(void)
{
    os.loop->poll(os.context);
}

static void loop_called(void *unused)
{
    (void)unused;
    __atomic_store_n(&os.ready, true, __ATOMIC_RELEASE); /* before the bits are read */
    loop_round();
}

void loop_post(void)
{
    if (!__atomic_exchange_n(&os.ready, false, __ATOMIC_ACQ_REL)) {
        return;
    }
    if (tcpip_callbackmsg_trycallback_fromisr(os.message) != ERR_OK) {
        __atomic_store_n(&os.missed, true, __ATOMIC_RELEASE);
        __atomic_store_n(&os.ready, true, __ATOMIC_RELEASE);
    }
}

void os_loop_alive(void)
{
    if (__atomic_load_n(&os.missed, __ATOMIC_RELAXED) &&
        __atomic_exchange_n(&os.missed, false, __ATOMIC_ACQ_REL)) {
        loop_round();
    }
}

static void loop_started(void *unused)
{
    (void)unused;
    os.loop->start(os.context);
    os.message = tcpip_callbackmsg_new(loop_called, NULL);
    os_assert(os.message != NULL);
    __atomic_store_n(&os.ready, true, __ATOMIC_RELEASE);
}

void loop_begin(const struct os_loop *loop, void *context)
{
    os.loop = loop;
    os.context = context;
    tcpip_init(loop_started, NULL);
}

void loop_sleep(void)
{
    os.loop->slept(os.context, board_idle());
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
