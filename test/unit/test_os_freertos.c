/*
 * The loop on FreeRTOS, with the kernel and lwIP's mailbox played here: at most one message is queued, a full mailbox
 * loses nothing, and what can't go on says so.
 *
 * LINK: os/freertos/os_freertos.c os/threads/loop.c os/common.c
 * SET: freertos
 */
/* SPDX-License-Identifier: MIT */
#include "lwip/tcpip.h"
#include "task.h"

#include "board/board.h"
#include "board/report.h"
#include "os/os.h"
#include "test/test.h"

void os_tick(void);
void vPortSetupTimerInterrupt(void);
void xPortSysTickHandler(void);
void vApplicationTickHook(void);
void vApplicationIdleHook(void);
void vApplicationStackOverflowHook(TaskHandle_t task, char *name);

struct tcpip_callback_msg {
    void (*function)(void *context);
    void *context;
};

static struct {
    void (*done)(void *context);
    struct tcpip_callback_msg message;
    unsigned queued, posted; /* in the mailbox; since the start */
    bool full, wakes_in_poll;
    unsigned started, polled;
    uint32_t slept;
    char log[100];
    jmp_buf stopped;
} fake;

/* ---- The kernel, lwIP, the board. ---- */

void vTaskStartScheduler(void)
{
    fake.done(NULL); /* the first that lwIP's thread does */
    longjmp(fake.stopped, 1);
}

void board_report_panic(const char *text, const void *pc)
{
    (void)text;
    (void)pc;
}

char *pcTaskGetName(TaskHandle_t task)
{
    static char name[] = "test";
    (void)task;
    return name;
}

BaseType_t xTaskGetSchedulerState(void)
{
    return taskSCHEDULER_NOT_STARTED;
}

BaseType_t xTaskDelayUntil(TickType_t *last, TickType_t ticks)
{
    *last += ticks;
    return 1;
}

void xPortSysTickHandler(void)
{
}

void *sys_thread_new(const char *name, void (*function)(void *context), void *context, int stack_size,
                     int priority)
{
    (void)name;
    (void)function;
    (void)context;
    (void)stack_size;
    (void)priority;
    return NULL;
}

void tcpip_init(void (*done)(void *context), void *context)
{
    (void)context;
    fake.done = done;
}

struct tcpip_callback_msg *tcpip_callbackmsg_new(void (*function)(void *context), void *context)
{
    fake.message = (struct tcpip_callback_msg){function, context};
    return &fake.message;
}

err_t tcpip_callbackmsg_trycallback_fromisr(struct tcpip_callback_msg *message)
{
    if (message != &fake.message || fake.full) {
        return ERR_MEM;
    }
    fake.queued++;
    fake.posted++;
    return ERR_OK;
}

void board_log(const char *text)
{
    strncat(fake.log, text, sizeof fake.log - strlen(fake.log) - 1);
}

_Noreturn void board_halt(void)
{
    longjmp(fake.stopped, 1);
}

uint32_t board_random(void)
{
    return 4;
}

uint32_t board_idle(void)
{
    return 7;
}

/* ---- The loop under test. ---- */

static void loop_start(void *context)
{
    (void)context;
    fake.started++;
}

static void loop_poll(void *context)
{
    (void)context;
    fake.polled++;
    if (fake.wakes_in_poll) {
        fake.wakes_in_poll = false;
        os_loop_wake();
    }
}

static void loop_slept(void *context, uint32_t cycles)
{
    (void)context;
    fake.slept += cycles;
}

static void begin(void)
{
    static const struct os_loop loop = {.start = loop_start, .poll = loop_poll, .slept = loop_slept};
    memset(&fake, 0, sizeof fake);
    if (setjmp(fake.stopped) == 0) {
        os_loop_run(&loop, NULL);
    }
}

/* lwIP's thread takes a message from its mailbox, then looks whether it is alive. */
static void thread_runs(void)
{
    while (fake.queued > 0) {
        fake.queued--;
        fake.message.function(fake.message.context);
        os_loop_alive();
    }
}

/* First: there is no loop yet. */
TEST(wake_before_loop)
{
    os_loop_wake();
    CHECK_EQUAL(fake.posted, 0);
    begin();
    CHECK_EQUAL(fake.started, 1);
}

TEST(one_message)
{
    begin();
    for (unsigned i = 0; i < 100; i++) {
        os_loop_wake();
        CHECK_EQUAL(fake.queued, 1);
    }
    thread_runs();
    CHECK_EQUAL(fake.polled, 1);
    vApplicationTickHook();
    CHECK_EQUAL(fake.queued, 1);
    thread_runs();
    CHECK_EQUAL(fake.polled, 2);
}

/* The flag is cleared before the poll: an interrupt in the middle of it asks for another. */
TEST(wake_in_poll)
{
    begin();
    fake.wakes_in_poll = true;
    os_loop_wake();
    thread_runs();
    CHECK_EQUAL(fake.posted, 2);
    CHECK_EQUAL(fake.polled, 2);
}

TEST(full_mailbox)
{
    begin();
    fake.full = true;
    os_loop_wake();
    os_loop_wake();
    CHECK_EQUAL(fake.queued, 0);
    CHECK_EQUAL(fake.polled, 0);
    os_loop_alive();
    CHECK_EQUAL(fake.polled, 1);
    os_loop_alive();
    CHECK_EQUAL(fake.polled, 1); /* once is enough */
    fake.full = false;
    os_loop_wake();
    CHECK_EQUAL(fake.queued, 1);
    thread_runs();
    CHECK_EQUAL(fake.polled, 2);
}

/* A full mailbox doesn't leave the flag set that keeps others from posting. */
TEST(full_then_room)
{
    begin();
    fake.full = true;
    os_loop_wake();
    fake.full = false;
    os_loop_wake();
    CHECK_EQUAL(fake.queued, 1);
    thread_runs();
    CHECK(fake.polled >= 1);
    os_loop_wake();
    CHECK_EQUAL(fake.queued, 1);
}

TEST(idle_counts_sleep)
{
    begin();
    vApplicationIdleHook();
    CHECK_EQUAL(fake.slept, 7);
}

TEST(stack_overflow_says_whose)
{
    char name[] = "http";
    begin();
    if (setjmp(fake.stopped) == 0) {
        vApplicationStackOverflowHook(NULL, name);
    }
    CHECK(strcmp(fake.log, "stack overflow: panic: http\n") == 0);
}

TEST(panic_says_where)
{
    begin();
    if (setjmp(fake.stopped) == 0) {
        os_panic_here();
    }
    CHECK(strncmp(fake.log, "panic: test/unit/test_os_freertos.c:", 36) == 0);
    CHECK_EQUAL(strtol(fake.log + 36, NULL, 10), __LINE__ - 3);
}

TEST_MAIN()
