/*
 * The loop of every flavour with threads: it runs inside lwIP's tcpip thread, which takes it for a message of its mailbox.
 *
 *   loop_begin ─→ (kernel runs) ─→ start ─→ poll …          in lwIP's thread
 *   loop_post: a flag, and loop_nudge if it wasn't set ─→ sys_arch_mbox_fetch finds loop_message ─→ poll
 *
 * No message lies in the mailbox for it, so a full one keeps nobody waiting. This room also defines what os.h asks of these flavours
 * alike: os_lwip_init, os_thread_start. For os/ alone.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_THREADS_LOOP_H
#define PLUGNET_OS_THREADS_LOOP_H

#include "os/os.h"

/* Start lwIP's thread, which calls loop->start once it runs. Before the kernel runs; both pointers live for ever. */
void loop_begin(const struct os_loop *loop, void *context);

/* There is something to do: poll runs soon. Any context. */
void loop_post(void);

/* The message that has lwIP's thread run the loop; NULL: nothing is to do. Each loop_post is told once. lwIP's thread, where it
 * fetches from its mailbox. */
void *loop_message(void);

/* The flavour's: lwIP's thread looks at loop_message, or will before it waits. Any context. */
void loop_nudge(void);

/* Nobody runs: sleep on the board until it is woken, and tell the loop how long. Returns that, in cycles. The idle thread, or lwIP's. */
uint32_t loop_sleep(void);

#endif
