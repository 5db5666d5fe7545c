/*
 * The loop of every flavour with threads: it runs inside lwIP's tcpip thread, and a message wakes it.
 *
 *   loop_begin ─→ (kernel runs) ─→ start ─→ poll …          in lwIP's thread
 *   loop_post: one static message, at most one queued ─→ lwIP's thread ─→ poll
 *   mailbox full: `missed` stays set, and os_loop_alive picks it up after the message in hand
 *
 * It also defines what os.h asks of these flavours alike: os_loop_alive, os_lwip_init, os_thread_start. For os/ alone.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_THREADS_LOOP_H
#define PLUGNET_OS_THREADS_LOOP_H

#include "os/os.h"

/* Start lwIP's thread, which calls loop->start once it runs. Before the kernel runs; both pointers live for ever. */
void loop_begin(const struct os_loop *loop, void *context);

/* There is something to do: poll runs soon. Any context; before start it does nothing. */
void loop_post(void);

/* Nobody runs: sleep on the board until it is woken, and tell the loop how long. The idle thread. */
void loop_sleep(void);

#endif
