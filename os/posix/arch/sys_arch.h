/* lwIP's mailboxes and semaphores on POSIX threads: each object holds its own memory. Included by lwIP's headers. */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_POSIX_SYS_ARCH_H
#define PLUGNET_OS_POSIX_SYS_ARCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef SYS_MBOX_LENGTH_MAX
#define SYS_MBOX_LENGTH_MAX 12 /* messages of one mailbox */
#endif

struct os_thread;

struct sys_sem {
    bool valid;
    bool given; /* binary: given twice is given once */
    pthread_mutex_t lock;
    struct os_thread *waiting;
};
struct sys_mutex {
    bool valid;
    pthread_mutex_t lock;
};
struct sys_mbox {
    bool valid;
    uint8_t size, first, count;
    pthread_mutex_t lock;
    struct os_thread *for_message, *for_room; /* who waits */
    void *messages[SYS_MBOX_LENGTH_MAX];
};
typedef struct sys_sem sys_sem_t;
typedef struct sys_mutex sys_mutex_t;
typedef struct sys_mbox sys_mbox_t;
typedef uint32_t sys_prot_t;
typedef struct os_thread *sys_thread_t;

#define sys_sem_valid(s)         ((s)->valid)
#define sys_sem_set_invalid(s)   ((s)->valid = false)
#define sys_mutex_valid(m)       ((m)->valid)
#define sys_mutex_set_invalid(m) ((m)->valid = false)
#define sys_mbox_valid(m)        ((m)->valid)
#define sys_mbox_set_invalid(m)  ((m)->valid = false)

#endif
