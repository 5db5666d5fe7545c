/*
 * The loop on FreeRTOS, with the kernel, the board and lwIP played here: whoever posts is heard, whatever the thread does at that
 * moment; it sleeps in its own place while no other is ready; and what can't go on says so.
 *
 * LINK: os/freertos/os_freertos.c os/freertos/lwip_thread.c os/threads/loop.c os/common.c
 * SET: freertos
 */
/* SPDX-License-Identifier: MIT */
#include "lwip/tcpip.h"
#include "queue.h"
#include "task.h"

#include "board/board.h"
#include "board/report.h"
#include "os/freertos/lwip_thread.h"
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

#define MAILS 4

static struct {
    void (*done)(void *context);
    struct tcpip_callback_msg message;
    void *mails[MAILS];
    unsigned mail_count, notified, takes, sleeps, yields; /* notified: not yet taken */
    bool woken;                                           /* board_wake was called */
    void (*in_take)(void), (*in_sleep)(void);             /* what happens while the thread waits */
    bool wakes_in_poll;
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

TaskHandle_t xTaskGetCurrentTaskHandle(void)
{
    return &fake;
}

BaseType_t xQueueReceive(QueueHandle_t mailbox, void *message, TickType_t ticks)
{
    CHECK_EQUAL(ticks, 0);
    CHECK(mailbox == &fake.mails);
    if (fake.mail_count == 0) {
        return 0;
    }
    memcpy(message, &fake.mails[0], sizeof fake.mails[0]);
    memmove(fake.mails, fake.mails + 1, sizeof fake.mails - sizeof fake.mails[0]);
    fake.mail_count--;
    return pdTRUE;
}

void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *woken)
{
    CHECK(task == &fake);
    fake.notified++;
    *woken = pdTRUE;
}

void portYIELD_FROM_ISR(BaseType_t woken)
{
    fake.yields += woken == pdTRUE;
}

/* It must be woken by then: nothing else does it. */
uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks)
{
    (void)ticks;
    CHECK(clear == pdTRUE);
    fake.takes++;
    if (fake.notified == 0 && fake.in_take != NULL) {
        fake.in_take();
    }
    if (fake.notified == 0) {
        longjmp(fake.stopped, 2);
    }
    fake.notified = 0;
    return 1;
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

void board_wake(void)
{
    fake.woken = true;
}

/* It must be woken by then, too. */
uint32_t board_idle(void)
{
    fake.sleeps++;
    if (!fake.woken && fake.in_sleep != NULL) {
        fake.in_sleep();
    }
    if (!fake.woken) {
        longjmp(fake.stopped, 3);
    }
    fake.woken = false;
    return 1500;
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
    os_thread_ready("another"); /* as at start */
    fake.woken = false;
    if (setjmp(fake.stopped) == 0) {
        os_loop_run(&loop, NULL);
    }
}

static void mail_put(void *mail)
{
    fake.mails[fake.mail_count++] = mail;
    lwip_thread_posted();
}

/* lwIP's thread, until it waits with nobody who would wake it. Returns the mails that it took. */
static unsigned thread_runs(void)
{
    static unsigned mails; /* kept over longjmp */

    mails = 0;
    if (setjmp(fake.stopped) == 0) {
        for (;;) {
            void *message = lwip_thread_fetch(&fake.mails);
            if (message == &fake.message) {
                fake.message.function(fake.message.context);
            } else {
                mails++;
            }
        }
    }
    fake.in_take = fake.in_sleep = NULL;
    return mails;
}

static void idle_runs(void)
{
    fake.woken = true;
    vApplicationIdleHook();
}

/* First: there is no loop yet. */
TEST(wake_before_loop)
{
    os_loop_wake();
    begin();
    CHECK_EQUAL(fake.started, 1);
    thread_runs();
    CHECK_EQUAL(fake.polled, 1); /* as soon as it can */
}

TEST(many_wake_ups_are_one_poll)
{
    begin();
    thread_runs();
    for (unsigned i = 0; i < 100; i++) {
        os_loop_wake();
    }
    CHECK(fake.notified <= 1);
    thread_runs();
    CHECK_EQUAL(fake.polled, 2);
    vApplicationTickHook();
    thread_runs();
    CHECK_EQUAL(fake.polled, 3);
}

/* The flag is cleared before the poll: an interrupt in the middle of it asks for another. */
TEST(wake_in_poll)
{
    begin();
    fake.wakes_in_poll = true;
    thread_runs();
    CHECK_EQUAL(fake.polled, 2);
}

static void wake_once(void)
{
    fake.in_take = fake.in_sleep = NULL;
    os_loop_wake();
}

static void one_mail(void)
{
    static int mail;

    fake.in_take = fake.in_sleep = NULL;
    mail_put(&mail);
}

static void loop_and_mails(void)
{
    os_loop_wake();
    one_mail();
    one_mail();
    one_mail();
}

/* Both come, while it waits either way. */
TEST(mails_and_loop)
{
    begin();
    fake.in_take = loop_and_mails;
    CHECK_EQUAL(thread_runs(), 3);
    CHECK_EQUAL(fake.polled, 2);
    CHECK(fake.takes > 0 && fake.sleeps == 0);
    idle_runs();
    fake.in_sleep = loop_and_mails;
    CHECK_EQUAL(thread_runs(), 3);
    CHECK_EQUAL(fake.polled, 3);
}

/* A notification from before, which was not waited for, does no harm. */
TEST(notified_while_it_looked)
{
    begin();
    thread_runs();
    fake.notified = 1;
    fake.in_take = one_mail;
    CHECK_EQUAL(thread_runs(), 1);
}

/* After the idle thread ran it sleeps in its own place, and the interrupt switches no thread; until another becomes ready. */
TEST(sleeps_in_place)
{
    begin();
    thread_runs();
    CHECK_EQUAL(fake.sleeps, 0);
    idle_runs();
    unsigned takes = fake.takes, yields = fake.yields;
    fake.in_sleep = wake_once;
    thread_runs();
    CHECK_EQUAL(fake.takes, takes);
    CHECK_EQUAL(fake.yields, yields);
    CHECK(fake.sleeps >= 2);
    os_thread_ready(&fake); /* it itself is no other */
    fake.woken = false;
    thread_runs();
    CHECK_EQUAL(fake.takes, takes);
    os_thread_ready("another");
    thread_runs();
    CHECK_EQUAL(fake.takes, takes + 1);
}

static void another_ready(void)
{
    os_thread_ready("another");
}

/* One that becomes ready while it sleeps has its turn at once. */
TEST(another_becomes_ready)
{
    begin();
    thread_runs();
    idle_runs();
    unsigned takes = fake.takes;
    fake.in_sleep = another_ready;
    thread_runs();
    CHECK_EQUAL(fake.takes, takes + 1);
}

TEST(idle_thread_has_its_sleep)
{
    begin();
    thread_runs();
    uint32_t before = lwip_thread_slept(NULL, true);
    idle_runs();
    for (unsigned i = 0; i < 10; i++) {
        fake.in_sleep = wake_once;
        thread_runs();
    }
    uint32_t slept = lwip_thread_slept(NULL, true) - before;
    CHECK(slept >= 10 * 1500 / 1024 && slept <= 20 * 1500 / 1024);
    CHECK_EQUAL(lwip_thread_slept(&fake, false), 0 - lwip_thread_slept(NULL, true));
    CHECK_EQUAL(lwip_thread_slept("another", false), 0);
}

TEST(idle_counts_sleep)
{
    begin();
    idle_runs();
    CHECK_EQUAL(fake.slept, 1500);
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
