/*
 * os/posix: mailboxes with their bounds, semaphores, timeouts in the cable's time. This program's first thread plays the
 * interrupt, as in the firmware: it moves time when all threads sleep.
 *
 * LINK: os/posix/threads.c os/posix/sys_arch.c
 * SET: posix
 */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "board/board.h"
#include "lwip/sys.h"
#include "os/os.h"
#include "os/posix/threads.h"
#include "os/threads/loop.h"
#include "test/test.h"

#define FOR_EVER 0
#define POSTERS  3

static uint32_t now_ms;
static sys_mbox_t mbox;
static sys_sem_t sem;
static sys_sem_t go[3]; /* a thread each waits for its turn */
static uint32_t results[2];
static uint32_t at_ms[2];
static unsigned posted;

uint32_t board_time_ms(void)
{
    return __atomic_load_n(&now_ms, __ATOMIC_RELAXED);
}

void os_panic(const char *text)
{
    printf("not ok panic: %s\n", text);
    exit(1);
}

static void *message(unsigned number)
{
    return (void *)(uintptr_t)(number + 1);
}

static bool due; /* the loop's turn */

void *loop_message(void)
{
    return __atomic_exchange_n(&due, false, __ATOMIC_ACQ_REL) ? message(200) : NULL;
}

/* A millisecond after the other, as os_loop_run does. */
static void time_pass(uint32_t ms)
{
    while (ms-- > 0) {
        threads_wait();
        __atomic_fetch_add(&now_ms, 1, __ATOMIC_RELAXED);
        threads_expire();
    }
    threads_wait();
}

static void start(unsigned thread)
{
    sys_sem_signal(&go[thread]);
    threads_wait();
}

/* ---- Threads. ---- */

static void fetcher(void *context)
{
    void *got;

    (void)context;
    for (;;) {
        sys_arch_sem_wait(&go[0], FOR_EVER);
        got = NULL;
        results[0] = sys_arch_mbox_fetch(&mbox, &got, 20);
        at_ms[0] = board_time_ms();
        if (results[0] != SYS_ARCH_TIMEOUT) {
            results[0] = (uint32_t)(uintptr_t)got;
        }
    }
}

static void waiter(void *context)
{
    (void)context;
    for (;;) {
        sys_arch_sem_wait(&go[1], FOR_EVER);
        results[1] = sys_arch_sem_wait(&sem, 7);
        at_ms[1] = board_time_ms();
    }
}

static void poster(void *context)
{
    for (;;) {
        sys_arch_sem_wait(context, FOR_EVER);
        sys_mbox_post(&mbox, message(100));
        __atomic_fetch_add(&posted, 1, __ATOMIC_RELAXED);
    }
}

/* ---- Tests. ---- */

/* Threads are never ended, so they serve all tests. */
static void begin(int mbox_size)
{
    static bool begun;

    if (!begun) {
        for (unsigned i = 0; i < 3; i++)
            sys_sem_new(&go[i], 0);
        sys_thread_new("fetcher", fetcher, NULL, 0, 1);
        sys_thread_new("waiter", waiter, NULL, 0, 1);
        for (unsigned i = 0; i < POSTERS; i++)
            sys_thread_new("poster", poster, &go[2], 0, 1);
        threads_begin();
    }
    begun = true;
    threads_wait();
    CHECK(sys_mbox_new(&mbox, mbox_size) == ERR_OK && sys_mbox_valid(&mbox));
    at_ms[0] = at_ms[1] = 0;
}

TEST(mailbox_bounds)
{
    void *got = NULL;

    begin(3);
    CHECK(sys_arch_mbox_tryfetch(&mbox, &got) == SYS_MBOX_EMPTY);
    for (unsigned round = 0; round < 5; round++) { /* around its end, too */
        for (unsigned i = 0; i < 3; i++)
            CHECK(sys_mbox_trypost(&mbox, message(i)) == ERR_OK);
        CHECK(sys_mbox_trypost(&mbox, message(9)) == ERR_MEM);
        CHECK(sys_mbox_trypost_fromisr(&mbox, message(9)) == ERR_MEM);
        for (unsigned i = 0; i < 3; i++) {
            CHECK(sys_arch_mbox_tryfetch(&mbox, &got) == 0);
            CHECK(got == message(i));
        }
        CHECK(sys_arch_mbox_tryfetch(&mbox, &got) == SYS_MBOX_EMPTY);
    }
    CHECK(sys_mbox_trypost(&mbox, message(0)) == ERR_OK);
    CHECK(sys_arch_mbox_tryfetch(&mbox, NULL) == 0); /* thrown away */
    CHECK(sys_arch_mbox_tryfetch(&mbox, NULL) == SYS_MBOX_EMPTY);
}

TEST(mailbox_timeout)
{
    uint32_t start_ms = board_time_ms();

    begin(3);
    start(0);
    time_pass(19);
    CHECK(at_ms[0] == 0);
    time_pass(1);
    CHECK(at_ms[0] == start_ms + 20 && results[0] == SYS_ARCH_TIMEOUT);

    start(0);
    time_pass(5);
    CHECK(sys_mbox_trypost(&mbox, message(4)) == ERR_OK);
    threads_wait();
    CHECK(results[0] == 5 && at_ms[0] == start_ms + 25);
    time_pass(30); /* the old deadline means nothing any more */
    CHECK(at_ms[0] == start_ms + 25);
}

/* The first thread has made the mailbox, so it is lwIP's: who waits there also has the loop's turn, once for each, and loses no message. */
TEST(mailbox_of_the_loop)
{
    begin(1);
    start(0);
    time_pass(3);
    __atomic_store_n(&due, true, __ATOMIC_RELEASE);
    loop_nudge();
    threads_wait();
    CHECK(results[0] == (uintptr_t)message(200) && at_ms[0] == board_time_ms());
    __atomic_store_n(&due, true, __ATOMIC_RELEASE); /* before it waits; and a message lies there, too */
    CHECK(sys_mbox_trypost(&mbox, message(5)) == ERR_OK);
    start(0);
    CHECK(results[0] == (uintptr_t)message(5));
    start(0);
    CHECK(results[0] == (uintptr_t)message(200));
    loop_nudge(); /* nothing is due */
    start(0);
    time_pass(20);
    CHECK(results[0] == SYS_ARCH_TIMEOUT);
}

/* More posters than the mailbox has places, then one who fetches: all messages come, and nobody is forgotten. */
TEST(mailbox_full)
{
    void *got;

    begin(1);
    CHECK(sys_mbox_trypost(&mbox, message(0)) == ERR_OK);
    for (unsigned i = 0; i < POSTERS; i++)
        start(2);
    time_pass(50);
    CHECK(posted == 0); /* no timeout */
    for (unsigned i = 0; i <= POSTERS; i++) {
        start(0);
        CHECK(results[0] == (uintptr_t)message(i == 0 ? 0 : 100));
    }
    CHECK(posted == POSTERS);
    CHECK(sys_arch_mbox_tryfetch(&mbox, &got) == SYS_MBOX_EMPTY);
}

TEST(semaphore)
{
    uint32_t start_ms = board_time_ms();

    begin(1);
    CHECK(sys_sem_new(&sem, 0) == ERR_OK);
    start(1);
    time_pass(6);
    CHECK(at_ms[1] == 0);
    time_pass(1);
    CHECK(results[1] == SYS_ARCH_TIMEOUT && at_ms[1] == start_ms + 7);

    start(1);
    time_pass(3);
    sys_sem_signal(&sem);
    threads_wait();
    CHECK(results[1] == 3 && at_ms[1] == start_ms + 10);

    sys_sem_signal(&sem); /* binary: two are one */
    sys_sem_signal(&sem);
    start(1);
    CHECK(results[1] == 0);
    start(1);
    time_pass(7);
    CHECK(results[1] == SYS_ARCH_TIMEOUT);

    sys_sem_free(&sem);
    CHECK(sys_sem_new(&sem, 1) == ERR_OK); /* given from the start */
    start(1);
    CHECK(results[1] == 0);
}

TEST_MAIN()
