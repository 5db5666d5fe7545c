/*
 * Threads of a Linux process; see the header. Their stacks lie in one static array, and none ever ends.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "os/posix/threads.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "board/board.h"
#include "lwip/sys.h"
#include "os/os.h"

#define THREADS_MAX 8
#define STACK_SIZE  (2048u * 1024) /* more than any board has: sanitizers need it */
#define PAINT       0xA5
#define STACK_LOOK  (32u * 1024) /* far more than a function's frame */
#define PAINT_WORD  (PAINT * 0x0101010101010101u)

struct os_thread {
    pthread_t handle;
    const char *name;
    lwip_thread_fn function;
    void *context;
    bool loop;
    struct os_thread *next; /* in a list of sleepers */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t woken;
    bool asleep, awaited;   /* awaited: counted as running again */
    bool notified, expired; /* why it is to run */
    bool timed;             /* atomic: looked at without the lock … */
    uint32_t deadline_ms;   /* … to take it only where it must be taken */
};

/* Mutable state of this room: sys.h has no argument for it. */
static struct {
    struct os_thread threads[THREADS_MAX];
    unsigned count;
    bool begun;
    uint32_t running; /* threads that don't sleep; a futex */
} kernel;

static uint8_t stacks[THREADS_MAX][STACK_SIZE] __attribute__((aligned(4096)));
static __thread struct os_thread *self;

struct os_thread *thread_self(void)
{
    return self;
}

void thread_is_loop(void)
{
    self->loop = true;
}

/* ---- Who runs. ---- */

/* No wrapper of libc's: ThreadSanitizer would take it for an order between all threads. */
static void running_syscall(int operation, uint32_t value)
{
    syscall(SYS_futex, &kernel.running, operation, value, NULL, NULL, 0);
}

static void running_add(void)
{
    __atomic_fetch_add(&kernel.running, 1, __ATOMIC_RELAXED);
}

static void running_remove(bool loop)
{
    uint32_t before = loop ? __atomic_fetch_sub(&kernel.running, 1, __ATOMIC_RELEASE)
                           : __atomic_fetch_sub(&kernel.running, 1, __ATOMIC_RELAXED);

    if (before == 1) {
        running_syscall(FUTEX_WAKE_PRIVATE, 1);
    }
}

void threads_wait(void)
{
    uint32_t running;

    while ((running = __atomic_load_n(&kernel.running, __ATOMIC_ACQUIRE)) != 0)
        running_syscall(FUTEX_WAIT_PRIVATE, running);
}

/* ---- Sleep. ---- */

/* Under the thread's lock: it is to run. */
static void thread_rouse(struct os_thread *t, bool *why)
{
    *why = true;
    if (t->asleep && !t->awaited) {
        t->awaited = true;
        running_add();
        pthread_cond_signal(&t->woken);
    }
}

void thread_wake(struct os_thread *t)
{
    pthread_mutex_lock(&t->lock);
    thread_rouse(t, &t->notified);
    pthread_mutex_unlock(&t->lock);
}

/* Under the thread's lock. `counted`: it runs so far. */
static void thread_sleep_locked(struct os_thread *t, bool counted)
{
    t->asleep = true;
    t->awaited = false;
    if (counted) {
        running_remove(t->loop);
    }
    while (!t->awaited)
        pthread_cond_wait(&t->woken, &t->lock);
    t->asleep = false;
}

bool thread_sleep(bool timed, uint32_t deadline_ms)
{
    struct os_thread *t = self;
    bool notified;

    os_assert(t != NULL); /* the interrupt never waits */
    pthread_mutex_lock(&t->lock);
    if (!t->notified) {
        __atomic_store_n(&t->deadline_ms, deadline_ms, __ATOMIC_RELAXED);
        __atomic_store_n(&t->timed, timed, __ATOMIC_RELAXED);
        thread_sleep_locked(t, true);
        __atomic_store_n(&t->timed, false, __ATOMIC_RELAXED);
    }
    notified = t->notified;
    t->notified = false;
    t->expired = false;
    pthread_mutex_unlock(&t->lock);
    return notified;
}

static bool thread_is_over(const struct os_thread *t, uint32_t now_ms)
{
    return __atomic_load_n(&t->timed, __ATOMIC_RELAXED) &&
           (int32_t)(now_ms - __atomic_load_n(&t->deadline_ms, __ATOMIC_RELAXED)) >= 0;
}

void threads_expire(void)
{
    uint32_t now_ms = board_time_ms();

    for (unsigned i = 0; i < __atomic_load_n(&kernel.count, __ATOMIC_ACQUIRE); i++) {
        struct os_thread *t = &kernel.threads[i];
        if (!thread_is_over(t, now_ms)) {
            continue;
        }
        pthread_mutex_lock(&t->lock);
        if (thread_is_over(t, now_ms)) {
            thread_rouse(t, &t->expired);
        }
        pthread_mutex_unlock(&t->lock);
    }
}

/* ---- Lists. ---- */

void thread_list_add(struct os_thread **list, struct os_thread *t)
{
    while (*list != NULL)
        list = &(*list)->next;
    t->next = NULL;
    *list = t;
}

void thread_list_remove(struct os_thread **list, struct os_thread *t)
{
    while (*list != NULL && *list != t)
        list = &(*list)->next;
    if (*list != NULL) {
        *list = t->next;
    }
}

struct os_thread *thread_list_take(struct os_thread **list)
{
    struct os_thread *t = *list;

    if (t != NULL) {
        *list = t->next;
    }
    return t;
}

/* ---- Start. ---- */

static void *thread_main(void *argument)
{
    struct os_thread *t = argument;

    self = t;
    pthread_mutex_lock(&t->lock);
    while (!t->awaited)
        pthread_cond_wait(&t->woken, &t->lock);
    t->asleep = false;
    t->notified = false;
    pthread_mutex_unlock(&t->lock);
    t->function(t->context);
    os_panic("a thread has ended\n");
}

void threads_begin(void)
{
    unsigned count = kernel.count; /* the first of them may start others, which run by themselves */

    kernel.begun = true;
    for (unsigned i = 0; i < count; i++)
        thread_wake(&kernel.threads[i]);
}

/* Sizes and priorities are a board's: here each has plenty, and all run at once. */
sys_thread_t sys_thread_new(const char *name, lwip_thread_fn function, void *context, int stack_size,
                            int priority)
{
    unsigned i = kernel.count;
    struct os_thread *t = &kernel.threads[i];
    pthread_attr_t attributes;

    (void)stack_size;
    (void)priority;
    os_assert(i < THREADS_MAX);
    for (size_t at = 0; at < STACK_SIZE; at++)
        stacks[i][at] = PAINT;
    *t = (struct os_thread){.name = name, .function = function, .context = context, .asleep = true};
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->woken, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stacks[i], STACK_SIZE);
    os_assert(pthread_create(&t->handle, &attributes, thread_main, t) == 0);
    pthread_attr_destroy(&attributes);
    __atomic_store_n(&kernel.count, i + 1, __ATOMIC_RELEASE);
    if (kernel.begun) {
        thread_wake(t);
    }
    return t;
}

/* Painted bytes from `at` on, which is a multiple of 8. Another thread's stack is read while it runs. */
__attribute__((no_sanitize("thread", "address"))) static uint32_t painted_to(const uint8_t *stack,
                                                                             uint32_t at)
{
    while (at < STACK_SIZE && *(const volatile uint64_t *)(const void *)(stack + at) == PAINT_WORD)
        at += sizeof(uint64_t);
    while (at < STACK_SIZE && ((const volatile uint8_t *)stack)[at] == PAINT)
        at++;
    return at;
}

/* A stack has 2 MiB, and each status asks for all of them. So all of one is read only when something was written in the STACK_LOOK bytes
 * below what was known. A frame that leaves as many bytes alone would be missed. */
static uint32_t stack_left(unsigned number)
{
    static uint32_t known[THREADS_MAX]; /* 0: nothing is */
    uint32_t left = __atomic_load_n(&known[number], __ATOMIC_RELAXED);
    uint32_t from = left > STACK_LOOK ? (left - STACK_LOOK) & ~7u : 0;

    if (left == 0 || painted_to(stacks[number], from) != left) {
        left = painted_to(stacks[number], 0);
        __atomic_store_n(&known[number], left, __ATOMIC_RELAXED);
    }
    return left;
}

/* Time stands still while a thread runs, so none takes any. */
bool os_thread_info_get(unsigned number, struct os_thread_info *info)
{
    if (number >= __atomic_load_n(&kernel.count, __ATOMIC_ACQUIRE)) {
        return false;
    }
    *info = (struct os_thread_info){
        .name = kernel.threads[number].name,
        .stack_size = STACK_SIZE,
        .stack_left = stack_left(number),
    };
    return true;
}
