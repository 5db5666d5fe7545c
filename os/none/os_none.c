/*
 * Bare metal: the loop is main's. What lwIP asks of it is in sys_arch.c.
 */
/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include "board/board.h"

#if BOARD_CALM_MS > 1
#define CALM_LASTS board_calm_lasts()
#else
#define CALM_LASTS false
#endif

void os_loop_run(const struct os_loop *loop, void *context)
{
    loop->start(context);
    for (;;) {
        loop->poll(context);
        do {
            loop->slept(context, board_idle());
        } while (CALM_LASTS);
    }
}

void os_loop_wake(void)
{
    board_wake();
}

bool os_thread_start(const char *name, void (*function)(void *context), void *context, unsigned stack_size,
                     unsigned priority)
{
    (void)name;
    (void)function;
    (void)context;
    (void)stack_size;
    (void)priority;
    return false;
}

/* No thread ever calls it. */
void os_sleep_until(uint32_t *last_ms, uint32_t period_ms)
{
    *last_ms += period_ms;
}

bool os_thread_info_get(unsigned number, struct os_thread_info *info)
{
    (void)number;
    (void)info;
    return false;
}

const char *os_name(void)
{
    return "bare metal";
}
