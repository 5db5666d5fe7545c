/*
 * How lwIP's thread waits: for messages and for the loop's turn (os/threads/loop.h) at once, by a notification, which is cheaper than a
 * queue. While no other thread is ready, it sleeps on the board itself instead of having the idle thread do so, which saves two
 * switches for each interrupt. For os/freertos alone.
 *
 * The kernel tells which threads become ready: os_thread_ready, by its trace macro (FreeRTOSConfig.h). Without that the thread never
 * sleeps in its own place.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_FREERTOS_LWIP_THREAD_H
#define PLUGNET_OS_FREERTOS_LWIP_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* Wait for the next message of lwIP's mailbox, or for the loop's. Never NULL. lwIP's timeouts aren't needed: the tick has the loop run
 * each millisecond, and lwIP looks at its timers after that. `mailbox`: the kernel's handle of its queue. lwIP's thread. */
void *lwip_thread_fetch(void *mailbox);

/* A message was put into its mailbox. Any context. */
void lwip_thread_posted(void);

/* What has to be added to a thread's run time, in 1,024 cycles: the idle thread has what lwIP's thread has slept. Any thread. */
uint32_t lwip_thread_slept(const void *task, bool idle);

/* The idle thread runs, so no other is ready. The idle thread. */
void lwip_thread_idles(void);

#endif
