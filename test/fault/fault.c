/*
 * A firmware with a bug, to see that it shows, in a thread where the flavour has threads, in main where it has none. Which
 * one: an assertion that fails, beside one that doesn't, or by CFLAGS_APP=-D…
 *
 *   FAULT_STACK=N   N times 80 bytes on a stack that is too small
 *   FAULT_BUS       a write to where nothing is
 *   FAULT_JUMP      a call of a function that isn't there
 *
 * Played by test_fault.py, which knows the places by the words "here: …".
 */
/* SPDX-License-Identifier: MIT */
#include "board/board.h"
#include "os/os.h"
#include "plugnet/plugnet.h"

static struct plugnet plugnet;
static const struct plugnet_config config = {
    .product = "fault",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
};

#if defined FAULT_STACK
static unsigned deep(volatile unsigned depth)
{
    volatile uint8_t used[64];

    for (unsigned i = 0; i < sizeof used; i++) {
        used[i] = (uint8_t)depth;
    }
    return depth == 0 ? used[0] : deep(depth - 1) + used[depth % sizeof used];
}
#endif

static void faulty(volatile uint32_t now_ms)
{
#if defined FAULT_STACK
    deep(FAULT_STACK);
    (void)now_ms;
#elif defined FAULT_BUS
    *(volatile uint32_t *)0x1F000000 = now_ms; /* here: bus */
#elif defined FAULT_JUMP
    void (*volatile absent)(void) = (void (*)(void))(uintptr_t)(now_ms & 0);
    absent(); /* here: jump */
#else
    os_assert(now_ms != 1);
    os_assert(now_ms == 1); /* here: assert */
    os_assert(now_ms != 2);
#endif
}

static void faulty_thread(void *context)
{
    uint32_t last_ms = 0;

    (void)context;
    os_sleep_until(&last_ms, 400); /* attached, and somebody may be reading the page */
    faulty(last_ms);
    for (;;) {
        os_sleep_until(&last_ms, 10); /* the kernel looks at the stack at each change of threads */
    }
}

int main(void)
{
    if (!os_thread_start("faulty", faulty_thread, NULL, 384, 3)) {
        board_init();
        faulty(board_time_ms());
    }
    plugnet_run(&plugnet, &config);
}
