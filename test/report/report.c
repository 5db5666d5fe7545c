/*
 * A firmware that stops in every way, asked by POST /stop/WAY, and says by GET /report how the run before ended.
 *
 *   assert panic bus jump undefined divide stack irq     a fault, in the loop's thread; the board halts
 *   loop alive                                           the loop doesn't turn, or a service says that it is dead: the tick resets
 *   interrupt masked                                     not even the tick runs: the chip's watchdog resets
 *   task task-assert                                     in a thread, where there are some
 *
 * Played by test_report.py, which knows the places by the words "here: WAY".
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "board/board.h"
#include "board/image.h"
#include "os/os.h"
#include "plugnet/plugnet.h"
#include "plugnet/report.h"
#include "usb/udc.h"

static volatile uint32_t zero;
static volatile uint32_t beat_ms; /* of the thread: the loop goes on without it, so a service must look */
static bool has_task;
static volatile bool dead, in_interrupt, in_task, task_asserts;
static void (*usb_wake)(void *context);
static char way[16];

static unsigned deep(volatile unsigned depth)
{
    volatile uint8_t used[64];

    for (unsigned i = 0; i < sizeof used; i++) {
        used[i] = (uint8_t)depth;
    }
    return depth == 0 ? used[0] : deep(depth - 1) + used[depth % sizeof used];
}

static void spin(void)
{
    __asm__ volatile("0: b 0b"); /* here: spin */
}

static void stop_assert(void)
{
    os_assert(zero != 0); /* here: assert */
}

static void stop_panic(void)
{
    os_panic("no more \"paper\""); /* here: panic */
}

static void stop_bus(void)
{
    *(volatile uint32_t *)0x1F000000 = 1; /* here: bus */
}

static void stop_jump(void)
{
    void (*volatile absent)(void) = (void (*)(void))(uintptr_t)zero;
    absent(); /* here: jump */
    zero = 0;
}

static void stop_undefined(void)
{
    __asm__ volatile("udf #7"); /* here: undefined */
}

static void stop_divide(void)
{
    zero = 1000 / zero; /* here: divide */
}

static void stop_stack(void)
{
    zero = deep(5000);
}

/* An interrupt that nobody serves: number 0, the window watchdog's. */
static void stop_irq(void)
{
    *(volatile uint32_t *)0xE000E100 = 1;
    *(volatile uint32_t *)0xE000E200 = 1;
    __asm__ volatile("dsb\n isb");
}

static void stop_alive(void)
{
    dead = true;
}

static void interrupt_wake(void *context)
{
    if (in_interrupt) {
        spin();
    }
    usb_wake(context);
}

static void stop_interrupt(void)
{
    in_interrupt = true;
}

static void stop_masked(void)
{
    __asm__ volatile("cpsid i");
    spin();
}

static void stop_task(void)
{
    in_task = true;
}

static void stop_task_assert(void)
{
    task_asserts = true;
}

static void task(void *context)
{
    uint32_t last_ms = 0;

    (void)context;
    for (;;) {
        os_sleep_until(&last_ms, 10);
        beat_ms = last_ms;
        os_assert(!task_asserts); /* here: task-assert */
        if (in_task) {
            spin();
        }
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} ways[] = {
    {"assert", stop_assert}, {"panic", stop_panic},
    {"bus", stop_bus},       {"jump", stop_jump},
    {"divide", stop_divide}, {"undefined", stop_undefined},
    {"stack", stop_stack},   {"irq", stop_irq},
    {"loop", spin},          {"alive", stop_alive},
    {"masked", stop_masked}, {"interrupt", stop_interrupt},
    {"task", stop_task},     {"task-assert", stop_task_assert},
};

static uint16_t stop_end(struct http_request *r)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(http_tail(r), ways[i].name) == 0) {
            strcpy(way, ways[i].name);
            return 204;
        }
    }
    return 404;
}

static enum http_progress report_output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "{\"image\":\"0x");
    text_put_hex(out, board_image_id(), 8);
    text_put(out, "\",\"report\":");
    plugnet_report_put(out);
    text_put(out, "}");
    return HTTP_END;
}

static uint16_t forget_end(struct http_request *r)
{
    (void)r;
    board_report_forget();
    return 204;
}

static const struct http_route routes[] = {
    {.path = "/stop/*", .methods = HTTP_POST, .end = stop_end},
    {.path = "/report", .type = "application/json", .output = report_output},
    {.path = "/forget", .methods = HTTP_POST, .end = forget_end},
};

/* The answer has left when it stops. */
static const char *stopper_start(void *state, struct plugnet *p)
{
    (void)state;
    (void)p;
    usb_wake = board_udc()->wake;
    has_task = os_thread_start("worker", task, NULL, 512, 3);
    return NULL;
}

static void stopper_tick(void *state, uint32_t now_ms)
{
    static uint32_t asked_ms;

    (void)state;
    if (board_udc()->wake != interrupt_wake) {
        usb_wake = board_udc()->wake;
        board_udc()->wake = interrupt_wake;
    }
    if (way[0] == 0) {
        asked_ms = now_ms;
    } else if (now_ms - asked_ms > 50) {
        for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
            if (strcmp(way, ways[i].name) == 0) {
                way[0] = 0;
                ways[i].run();
                return;
            }
        }
    }
}

static bool stopper_alive(void *state)
{
    (void)state;
    return !dead && (!has_task || board_time_ms() - beat_ms < 1000);
}

static const struct plugnet_service stopper = {
    .name = "stopper",
    .start = stopper_start,
    .tick = stopper_tick,
    .alive = stopper_alive,
};

static struct plugnet plugnet;
static const struct plugnet_config config = {
    .product_id = 0x000B, /* of 0x1209: for tests only, never ship it */
    .product = "report",
    .name = "report",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &stopper),
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .watchdog = PLUGNET_WATCHDOG(3000),
};

int main(void)
{
    plugnet_run(&plugnet, &config);
}
