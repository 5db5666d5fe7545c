/* lwIP's mailboxes, semaphores and threads on FreeRTOS: semaphores hold their own memory. Included by lwIP's headers. */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_FREERTOS_SYS_ARCH_H
#define PLUGNET_OS_FREERTOS_SYS_ARCH_H

#include "FreeRTOS.h"
#include "queue.h"
#include "semphr.h"

#ifndef SYS_MBOX_LENGTH_MAX
#define SYS_MBOX_LENGTH_MAX 8 /* messages of one mailbox */
#endif

/* Valid while handle is not NULL. */
struct sys_sem {
    SemaphoreHandle_t handle;
    StaticSemaphore_t memory;
};
struct sys_mbox {
    QueueHandle_t handle; /* its memory: sys_arch.c, since each netconn has two, and uses one */
};
typedef struct sys_sem sys_sem_t;
typedef struct sys_sem sys_mutex_t;
typedef struct sys_mbox sys_mbox_t;
typedef uint32_t sys_prot_t;
typedef void *sys_thread_t;

#define sys_sem_valid(s)         ((s)->handle != NULL)
#define sys_sem_set_invalid(s)   ((s)->handle = NULL)
#define sys_mutex_valid(m)       ((m)->handle != NULL)
#define sys_mutex_set_invalid(m) ((m)->handle = NULL)
#define sys_mbox_valid(m)        ((m)->handle != NULL)
#define sys_mbox_set_invalid(m)  ((m)->handle = NULL)

#endif
