/*
 * lwIP's port functions on POSIX threads. Contracts: lwip/sys.h. Waiting is thread_sleep's, so timeouts are the cable's
 * milliseconds.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* a recursive mutex's initializer */
#include "lwip/sys.h"

#include <pthread.h>

#include "board/board.h"
#include "os/os.h"
#include "os/posix/threads.h"
#include "os/threads/loop.h"

static pthread_mutex_t protection = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void sys_init(void)
{
}

u32_t sys_now(void)
{
    return board_time_ms();
}

sys_prot_t sys_arch_protect(void)
{
    pthread_mutex_lock(&protection);
    return 0;
}

void sys_arch_unprotect(sys_prot_t previous)
{
    (void)previous;
    pthread_mutex_unlock(&protection);
}

/* Wait in a list for a change of what `lock` protects; lwIP says 0 for ever. False: time is over. */
static bool sys_wait(pthread_mutex_t *lock, struct os_thread **list, u32_t timeout, u32_t start_ms)
{
    bool woken;

    thread_list_add(list, thread_self());
    pthread_mutex_unlock(lock);
    woken = thread_sleep(timeout != 0, start_ms + timeout);
    pthread_mutex_lock(lock);
    thread_list_remove(list, thread_self());
    return woken;
}

/* Unlock, then wake one that waits. */
static void sys_changed(pthread_mutex_t *lock, struct os_thread **list)
{
    struct os_thread *waiting = thread_list_take(list);

    pthread_mutex_unlock(lock);
    if (waiting != NULL) {
        thread_wake(waiting);
    }
}

/* ---- Semaphores, mutexes. ---- */

err_t sys_sem_new(sys_sem_t *sem, u8_t count)
{
    *sem = (sys_sem_t){.valid = true, .given = count > 0};
    pthread_mutex_init(&sem->lock, NULL);
    return ERR_OK;
}

void sys_sem_signal(sys_sem_t *sem)
{
    pthread_mutex_lock(&sem->lock);
    sem->given = true;
    sys_changed(&sem->lock, &sem->waiting);
}

u32_t sys_arch_sem_wait(sys_sem_t *sem, u32_t timeout)
{
    u32_t start_ms = sys_now();
    bool given, waiting = true;

    pthread_mutex_lock(&sem->lock);
    while (!(given = sem->given) && waiting)
        waiting = sys_wait(&sem->lock, &sem->waiting, timeout, start_ms);
    sem->given = false;
    pthread_mutex_unlock(&sem->lock);
    return given ? sys_now() - start_ms : SYS_ARCH_TIMEOUT;
}

void sys_sem_free(sys_sem_t *sem)
{
    pthread_mutex_destroy(&sem->lock);
}

/* Held for some instructions, and nobody sleeps with one. */
err_t sys_mutex_new(sys_mutex_t *mutex)
{
    mutex->valid = true;
    pthread_mutex_init(&mutex->lock, NULL);
    return ERR_OK;
}

void sys_mutex_lock(sys_mutex_t *mutex)
{
    pthread_mutex_lock(&mutex->lock);
}

void sys_mutex_unlock(sys_mutex_t *mutex)
{
    pthread_mutex_unlock(&mutex->lock);
}

void sys_mutex_free(sys_mutex_t *mutex)
{
    pthread_mutex_destroy(&mutex->lock);
}

/* ---- Mailboxes. ---- */

/* lwIP's thread waits there. It is the only one that the first thread makes; others may have made theirs before. */
static sys_mbox_t *loop_mbox;

err_t sys_mbox_new(sys_mbox_t *mbox, int size)
{
    os_assert(size <= SYS_MBOX_LENGTH_MAX);
    *mbox = (sys_mbox_t){.valid = true, .size = (uint8_t)(size > 0 ? size : SYS_MBOX_LENGTH_MAX)};
    pthread_mutex_init(&mbox->lock, NULL);
    if (thread_self() == NULL) {
        __atomic_store_n(&loop_mbox, mbox, __ATOMIC_RELEASE);
    }
    return ERR_OK;
}

/* Under the lock, and there is room. */
static void sys_mbox_put(sys_mbox_t *mbox, void *message)
{
    mbox->messages[(mbox->first + mbox->count) % mbox->size] = message;
    mbox->count++;
}

void sys_mbox_post(sys_mbox_t *mbox, void *message)
{
    pthread_mutex_lock(&mbox->lock);
    while (mbox->count == mbox->size)
        sys_wait(&mbox->lock, &mbox->for_room, 0, 0);
    sys_mbox_put(mbox, message);
    sys_changed(&mbox->lock, &mbox->for_message);
}

err_t sys_mbox_trypost(sys_mbox_t *mbox, void *message)
{
    pthread_mutex_lock(&mbox->lock);
    if (mbox->count == mbox->size) {
        pthread_mutex_unlock(&mbox->lock);
        return ERR_MEM;
    }
    sys_mbox_put(mbox, message);
    sys_changed(&mbox->lock, &mbox->for_message);
    return ERR_OK;
}

err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *message)
{
    return sys_mbox_trypost(mbox, message);
}

/* Under the lock: the oldest message. False: none. */
static bool sys_mbox_get(sys_mbox_t *mbox, void **message)
{
    if (mbox->count == 0) {
        return false;
    }
    if (message != NULL) {
        *message = mbox->messages[mbox->first];
    }
    mbox->first = (uint8_t)((mbox->first + 1) % mbox->size);
    mbox->count--;
    return true;
}

void loop_nudge(void)
{
    sys_mbox_t *mbox = __atomic_load_n(&loop_mbox, __ATOMIC_ACQUIRE);

    if (mbox != NULL) {
        pthread_mutex_lock(&mbox->lock);
        sys_changed(&mbox->lock, &mbox->for_message);
    }
}

/* Under the lock: a message, or the loop's turn. */
static bool sys_mbox_look(sys_mbox_t *mbox, void **message)
{
    return sys_mbox_get(mbox, message) ||
           (mbox == __atomic_load_n(&loop_mbox, __ATOMIC_RELAXED) && (*message = loop_message()) != NULL);
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **message, u32_t timeout)
{
    u32_t start_ms = sys_now();
    bool got, waiting = true;

    pthread_mutex_lock(&mbox->lock);
    while (!(got = sys_mbox_look(mbox, message)) && waiting)
        waiting = sys_wait(&mbox->lock, &mbox->for_message, timeout, start_ms);
    if (!got) {
        pthread_mutex_unlock(&mbox->lock);
        return SYS_ARCH_TIMEOUT;
    }
    sys_changed(&mbox->lock, &mbox->for_room);
    return sys_now() - start_ms;
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *mbox, void **message)
{
    pthread_mutex_lock(&mbox->lock);
    if (!sys_mbox_get(mbox, message)) {
        pthread_mutex_unlock(&mbox->lock);
        return SYS_MBOX_EMPTY;
    }
    sys_changed(&mbox->lock, &mbox->for_room);
    return 0;
}

void sys_mbox_free(sys_mbox_t *mbox)
{
    os_assert(mbox->count == 0); /* else a message is lost */
    pthread_mutex_destroy(&mbox->lock);
}
