/*
 * Threads that sleep and are woken, and the moment when all of them sleep: what a kernel does, for this room alone.
 *
 *   threads run in parallel ─→ all asleep: threads_wait returns ─→ the cable's next request: time moves, an interrupt
 *        ↑                                                              │
 *        └──────────────── thread_wake, threads_expire ←────────────────┘
 *
 * So time stands still while a thread runs, and a run depends on the PC's end alone but for the order in which threads
 * run. The process's first thread is no such thread: it plays the interrupt and the idle task.
 *
 * How it is counted who runs orders no memory accesses (but the loop's against the interrupt's): ThreadSanitizer is to
 * see the order that the program itself makes.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_POSIX_THREADS_H
#define PLUGNET_OS_POSIX_THREADS_H

#include <stdbool.h>
#include <stdint.h>

struct os_thread;

/* The caller; NULL: the first thread. */
struct os_thread *thread_self(void);

/* Sleep until thread_wake, or until `deadline_ms` of board_time_ms if `timed`. False: time is over. A wake-up that came
 * before is not lost, so one may be late: look whether there was a reason. */
bool thread_sleep(bool timed, uint32_t deadline_ms);

/* End a sleep. Any thread. */
void thread_wake(struct os_thread *thread);

/* A list of sleepers, under a lock of the caller's. One list at a time for each thread. */
void thread_list_add(struct os_thread **list, struct os_thread *thread);
void thread_list_remove(struct os_thread **list, struct os_thread *thread);
struct os_thread *thread_list_take(struct os_thread **list); /* the one that waits longest; NULL: none */

/* ---- First thread. ---- */

/* What is started from now on, and was before, runs. */
void threads_begin(void);

/* Wait until all threads sleep. */
void threads_wait(void);

/* End the sleeps whose time is over. All threads sleep when this is called. */
void threads_expire(void);

/* The calling thread is the loop's: what it did before it sleeps, the first thread sees after threads_wait. */
void thread_is_loop(void);

#endif
