/*
 * Two threads that show that applications get their time: the last LED blinks, and a sampler reads the button a hundred
 * times a second. On bare metal there are none.
 */
/* SPDX-License-Identifier: MIT */
#include "tasks.h"

#include "board/board.h"
#include "os/os.h"

#define BLINK_MS  500
#define SAMPLE_MS 10

static const struct tasks *started;

static void blink(void *context)
{
    unsigned led = board_info()->led_count - 1u;
    uint32_t last_ms = 0;

    (void)context;
    for (bool on = true;; on = !on) {
        board_led_set(led, on);
        os_sleep_until(&last_ms, BLINK_MS);
    }
}

static void sample(void *context)
{
    struct tasks *tasks = context;
    uint32_t last_ms = 0;

    for (;;) {
        tasks->pressed += board_button();
        __atomic_store_n(&tasks->samples, tasks->samples + 1, __ATOMIC_RELAXED); /* others read it */
        os_sleep_until(&last_ms, SAMPLE_MS);
    }
}

const struct tasks *tasks_running(void)
{
    return started;
}

void tasks_start(struct tasks *tasks)
{
    started = tasks;
    os_thread_start("blink", blink, NULL, 384, 1);
    os_thread_start("sampler", sample, tasks, 384, 3);
}
