/*
 * A firmware with a bug, to see that it shows: CFLAGS_APP=-DFAULT_STACK, a thread whose stack is too small; else an assertion that
 * fails, in a thread where the flavour has threads, in main where it has none. Played by test_fault.py.
 */
/* SPDX-License-Identifier: MIT */
#include "board/board.h"
#include "os/os.h"
#include "plugnet/plugnet.h"

static struct plugnet plugnet;
static const struct plugnet_config config = {.product = "fault"};

#ifdef FAULT_STACK
static unsigned deep(volatile unsigned depth)
{
    volatile uint8_t used[64];

    for (unsigned i = 0; i < sizeof used; i++) {
        used[i] = (uint8_t)depth;
    }
    return depth == 0 ? used[0] : deep(depth - 1) + used[depth % sizeof used];
}
#endif

static void faulty(void *context)
{
    uint32_t last_ms = 0;

    (void)context;
    os_sleep_until(&last_ms, 400); /* attached, and somebody may be reading the page */
#ifdef FAULT_STACK
    deep(5);
    os_sleep_until(&last_ms, 10); /* the kernel looks at each change of threads */
#else
    os_assert(last_ms == 0);
#endif
    for (;;) {
        os_sleep_until(&last_ms, 1000);
    }
}

int main(void)
{
    if (!os_thread_start("faulty", faulty, NULL, 384, 3)) {
        board_init();
        os_assert(board_info()->led_count == 0);
    }
    plugnet_run(&plugnet, &config);
}
