/*
 * lwIP's port functions on FreeRTOS: all memory lies in lwIP's own pools, or in the arena of threads and the
 * mailboxes below.
 * Contracts: lwip/sys.h.
 */
/* SPDX-License-Identifier: MIT */
#include "lwip/sys.h"

#include "FreeRTOS.h"
#include "board/board.h"
#include "board/stack_paint.h"
#include "os/freertos/lwip_thread.h"
#include "os/os.h"
#include "queue.h"
#include "semphr.h"
#include "task.h"

#ifndef OS_THREADS_MAX
#define OS_THREADS_MAX 6
#endif
#ifndef OS_STACKS_SIZE
#define OS_STACKS_SIZE 3776 /* bytes of all threads' stacks; docs/freertos.md has who uses how much */
#endif
#define ARENA_WORDS (OS_STACKS_SIZE / sizeof(StackType_t))
#define QUEUES_MAX  (MEMP_NUM_NETCONN + 3) /* one each, the tcpip thread's, two that listen from now */

_Static_assert(TCPIP_MBOX_SIZE <= SYS_MBOX_LENGTH_MAX && DEFAULT_TCP_RECVMBOX_SIZE <= SYS_MBOX_LENGTH_MAX &&
                   DEFAULT_UDP_RECVMBOX_SIZE <= SYS_MBOX_LENGTH_MAX &&
                   DEFAULT_ACCEPTMBOX_SIZE <= SYS_MBOX_LENGTH_MAX,
               "a mailbox of lwIP's is longer than SYS_MBOX_LENGTH_MAX");
_Static_assert(TCPIP_THREAD_PRIO < configMAX_PRIORITIES,
               "TCPIP_THREAD_PRIO: the kernel has no such priority");
_Static_assert(TCPIP_THREAD_STACKSIZE < OS_STACKS_SIZE,
               "OS_STACKS_SIZE: lwIP's thread has its stack there, too");

/* Threads are never ended, so they are counted up. */
static struct {
    struct {
        TaskHandle_t handle;
        StaticTask_t memory;
        uint32_t size;
    } threads[OS_THREADS_MAX];
    StackType_t arena[ARENA_WORDS] __attribute__((aligned(8)));
    unsigned count, used;
} pool;

void sys_init(void)
{
}

u32_t sys_now(void)
{
    return board_time_ms();
}

/* taskENTER_CRITICAL without its count of how often: lwIP keeps what was before. */
sys_prot_t sys_arch_protect(void)
{
    return taskENTER_CRITICAL_FROM_ISR();
}

void sys_arch_unprotect(sys_prot_t previous)
{
    taskEXIT_CRITICAL_FROM_ISR(previous);
}

err_t sys_sem_new(sys_sem_t *sem, u8_t count)
{
    sem->handle = xSemaphoreCreateBinaryStatic(&sem->memory);
    if (count > 0) {
        xSemaphoreGive(sem->handle);
    }
    return ERR_OK;
}

void sys_sem_signal(sys_sem_t *sem)
{
    xSemaphoreGive(sem->handle);
}

/* lwIP says 0 for ever. */
static TickType_t sys_ticks(u32_t timeout)
{
    return timeout == 0 ? portMAX_DELAY : timeout;
}

u32_t sys_arch_sem_wait(sys_sem_t *sem, u32_t timeout)
{
    return xSemaphoreTake(sem->handle, sys_ticks(timeout)) == pdTRUE ? 0 : SYS_ARCH_TIMEOUT;
}

void sys_sem_free(sys_sem_t *sem)
{
    vSemaphoreDelete(sem->handle);
}

err_t sys_mutex_new(sys_mutex_t *mutex)
{
    mutex->handle = xSemaphoreCreateMutexStatic(&mutex->memory);
    return ERR_OK;
}

void sys_mutex_lock(sys_mutex_t *mutex)
{
    xSemaphoreTake(mutex->handle, portMAX_DELAY);
}

void sys_mutex_unlock(sys_mutex_t *mutex)
{
    xSemaphoreGive(mutex->handle);
}

void sys_mutex_free(sys_mutex_t *mutex)
{
    vSemaphoreDelete(mutex->handle);
}

/* Free while length is 0. */
static struct sys_queue {
    StaticQueue_t memory;
    void *messages[SYS_MBOX_LENGTH_MAX];
    int length;
} queues[QUEUES_MAX];

err_t sys_mbox_new(sys_mbox_t *mbox, int size)
{
    int length = size > 0 ? size : SYS_MBOX_LENGTH_MAX;
    struct sys_queue *queue = NULL;

    os_assert(length <= SYS_MBOX_LENGTH_MAX);
    taskENTER_CRITICAL();
    for (size_t i = 0; i < QUEUES_MAX && queue == NULL; i++) {
        if (queues[i].length == 0) {
            queue = &queues[i];
            queue->length = length;
        }
    }
    taskEXIT_CRITICAL();
    if (queue == NULL) {
        return ERR_MEM;
    }
    mbox->handle =
        xQueueCreateStatic((UBaseType_t)length, sizeof(void *), (uint8_t *)queue->messages, &queue->memory);
    return ERR_OK;
}

/* lwIP's thread has the first mailbox that is made: the scheduler doesn't run yet. */
static bool sys_mbox_is_tcpip(const sys_mbox_t *mbox)
{
    return mbox->handle == (QueueHandle_t)&queues[0].memory; /* a handle is its memory's address */
}

/* A message was put into the mailbox, or wasn't. */
static err_t sys_mbox_posted(const sys_mbox_t *mbox, BaseType_t sent)
{
    if (sent == pdTRUE && sys_mbox_is_tcpip(mbox)) {
        lwip_thread_posted();
    }
    return sent == pdTRUE ? ERR_OK : ERR_MEM;
}

void sys_mbox_post(sys_mbox_t *mbox, void *message)
{
    sys_mbox_posted(mbox, xQueueSendToBack(mbox->handle, &message, portMAX_DELAY));
}

err_t sys_mbox_trypost(sys_mbox_t *mbox, void *message)
{
    return sys_mbox_posted(mbox, xQueueSendToBack(mbox->handle, &message, 0));
}

err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *message)
{
    BaseType_t woken = pdFALSE;
    err_t error = sys_mbox_posted(mbox, xQueueSendToBackFromISR(mbox->handle, &message, &woken));

    portYIELD_FROM_ISR(woken);
    return error;
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **message, u32_t timeout)
{
    void *unwanted;

    if (sys_mbox_is_tcpip(mbox)) {
        *message = lwip_thread_fetch(mbox->handle);
        return 0;
    }
    return xQueueReceive(mbox->handle, message != NULL ? (void *)message : (void *)&unwanted,
                         sys_ticks(timeout)) == pdTRUE
               ? 0
               : SYS_ARCH_TIMEOUT;
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *mbox, void **message)
{
    void *unwanted;

    return xQueueReceive(mbox->handle, message != NULL ? (void *)message : (void *)&unwanted, 0) == pdTRUE
               ? 0
               : SYS_MBOX_EMPTY;
}

void sys_mbox_free(sys_mbox_t *mbox)
{
    struct sys_queue *queue = (struct sys_queue *)mbox->handle; /* a handle is its memory's address */

    vQueueDelete(mbox->handle);
    __atomic_store_n(&queue->length, 0, __ATOMIC_RELEASE);
}

sys_thread_t sys_thread_new(const char *name, lwip_thread_fn function, void *arg, int stack_size,
                            int priority)
{
    uint32_t words = (uint32_t)stack_size / sizeof(StackType_t) & ~1u;
    unsigned i = pool.count;

    os_assert(i < OS_THREADS_MAX && pool.used + words <= ARENA_WORDS);
    pool.count++;
    pool.threads[i].size = words * sizeof(StackType_t);
    pool.threads[i].handle = xTaskCreateStatic(function, name, words, arg, (UBaseType_t)priority,
                                               &pool.arena[pool.used], &pool.threads[i].memory);
    pool.used += words;
    return pool.threads[i].handle;
}

bool os_thread_info_get(unsigned number, struct os_thread_info *info)
{
    bool idle = number == pool.count;
    TaskHandle_t task = idle                  ? xTaskGetIdleTaskHandle()
                        : number < pool.count ? pool.threads[number].handle
                                              : NULL;
    StackType_t *stack;
    StaticTask_t *memory;
    uint32_t passed = board_time_ms() * (board_info()->clock_hz / 1000 >> 10), busy;

    if (task == NULL || xTaskGetStaticBuffers(task, &stack, &memory) != pdTRUE) {
        return false;
    }
    info->name = pcTaskGetName(task);
    info->stack_size = idle ? configMINIMAL_STACK_SIZE * sizeof(StackType_t) : pool.threads[number].size;
    info->stack_left =
        stack_unused(stack, stack + info->stack_size / sizeof *stack); /* the kernel's goes by bytes */
    busy = ulTaskGetRunTimeCounter(task) + lwip_thread_slept(task, idle);
    info->cpu_permille = passed < 1000 ? 0 : busy / (passed / 1000);
    return true;
}
