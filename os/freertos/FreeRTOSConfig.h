/*
 * The kernel as this flavour uses it: static allocation alone, one millisecond tick that the board already has.
 * Each is a default: a product sets others in its plugnet_options.h (docs/options.md). What plugnet can't work with is
 * refused at the end of this file. Priorities and interrupts: docs/freertos.md. Options: the kernel's own documentation [unread; from FreeRTOS.h].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_FREERTOS_CONFIG_H
#define PLUGNET_OS_FREERTOS_CONFIG_H

#include <stdint.h>

uint32_t board_cycles(void);
void os_thread_ready(const void *task);

#ifndef configCPU_CLOCK_HZ
#define configCPU_CLOCK_HZ 1000000u /* unused: the tick is the board's (os_freertos.c) */
#endif
#ifndef configTICK_RATE_HZ
#define configTICK_RATE_HZ 1000
#endif
#ifndef configTICK_TYPE_WIDTH_IN_BITS
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_32_BITS
#endif
#ifndef configUSE_PREEMPTION
#define configUSE_PREEMPTION 1
#endif
#ifndef configUSE_PORT_OPTIMISED_TASK_SELECTION
#define configUSE_PORT_OPTIMISED_TASK_SELECTION 1
#endif
#ifndef configUSE_TIME_SLICING
#define configUSE_TIME_SLICING 0
#endif
#ifndef configMAX_PRIORITIES
#define configMAX_PRIORITIES 5
#endif
#ifndef configMINIMAL_STACK_SIZE
#define configMINIMAL_STACK_SIZE 96 /* words; the idle task's */
#endif
#ifndef configMAX_TASK_NAME_LEN
#define configMAX_TASK_NAME_LEN 8
#endif
#ifndef configIDLE_SHOULD_YIELD
#define configIDLE_SHOULD_YIELD 0
#endif
#ifndef configUSE_MUTEXES
#define configUSE_MUTEXES 1
#endif
#ifndef configUSE_COUNTING_SEMAPHORES
#define configUSE_COUNTING_SEMAPHORES 1
#endif
#ifndef configUSE_TIMERS
#define configUSE_TIMERS 0
#endif
#ifndef configQUEUE_REGISTRY_SIZE
#define configQUEUE_REGISTRY_SIZE 0
#endif
#ifndef configSUPPORT_STATIC_ALLOCATION
#define configSUPPORT_STATIC_ALLOCATION 1
#endif
#ifndef configSUPPORT_DYNAMIC_ALLOCATION
#define configSUPPORT_DYNAMIC_ALLOCATION 0
#endif
#ifndef configKERNEL_PROVIDED_STATIC_MEMORY
#define configKERNEL_PROVIDED_STATIC_MEMORY 1
#endif
#ifndef configUSE_NEWLIB_REENTRANT
#define configUSE_NEWLIB_REENTRANT 0
#endif

#ifndef configUSE_IDLE_HOOK
#define configUSE_IDLE_HOOK 1
#endif
#ifndef configUSE_TICK_HOOK
#define configUSE_TICK_HOOK 1
#endif
#ifndef configCHECK_FOR_STACK_OVERFLOW
#define configCHECK_FOR_STACK_OVERFLOW 2
#endif

/* As os_assert of os/os.h, which the kernel's sources don't see. */
#define CONFIG_TEXT_(text)  #text
#define CONFIG_TEXT(number) CONFIG_TEXT_(number)
#ifndef configASSERT
#define configASSERT(condition)                                                                              \
    ((condition) ? (void)0 : (__extension__({                                                                \
        __asm__ volatile("udf #1 @ " __FILE__ ":" CONFIG_TEXT(__LINE__));                                    \
        __builtin_unreachable();                                                                             \
    })))
#endif

/* CPU share: in 1,024 cycles; where the cycle counter wraps one interval is lost. */
#ifndef configGENERATE_RUN_TIME_STATS
#define configGENERATE_RUN_TIME_STATS 1
#endif
#ifndef configUSE_TRACE_FACILITY
#define configUSE_TRACE_FACILITY 1
#endif
#ifndef portCONFIGURE_TIMER_FOR_RUN_TIME_STATS
#define portCONFIGURE_TIMER_FOR_RUN_TIME_STATS()
#endif
#ifndef portGET_RUN_TIME_COUNTER_VALUE
#define portGET_RUN_TIME_COUNTER_VALUE() (board_cycles() >> 10)
#endif

/* lwIP's thread sleeps in its own place while no other is ready, which saves two switches for each interrupt (lwip_thread.h). A product
 * that traces this event has them. */
#ifndef traceMOVED_TASK_TO_READY_STATE
#define traceMOVED_TASK_TO_READY_STATE(task) os_thread_ready(task)
#define OS_THREAD_READY_IS_TOLD              1
#endif

#ifndef INCLUDE_vTaskDelay
#define INCLUDE_vTaskDelay 1
#endif
#ifndef INCLUDE_vTaskSuspend
#define INCLUDE_vTaskSuspend 1 /* who waits without a limit is in no list of times */
#endif
#ifndef INCLUDE_xTaskDelayUntil
#define INCLUDE_xTaskDelayUntil 1
#endif
#ifndef INCLUDE_uxTaskGetStackHighWaterMark
#define INCLUDE_uxTaskGetStackHighWaterMark 1
#endif
#ifndef INCLUDE_xTaskGetSchedulerState
#define INCLUDE_xTaskGetSchedulerState 1
#endif
#ifndef INCLUDE_xTaskGetIdleTaskHandle
#define INCLUDE_xTaskGetIdleTaskHandle 1
#endif
#ifndef INCLUDE_xTaskGetCurrentTaskHandle
#define INCLUDE_xTaskGetCurrentTaskHandle 1
#endif

/* Interrupts: 4 bits, 0 highest. USB (5) and the tick (15) call the kernel. */
#ifndef configPRIO_BITS
#define configPRIO_BITS 4
#endif
#ifndef configKERNEL_INTERRUPT_PRIORITY
#define configKERNEL_INTERRUPT_PRIORITY (15u << (8 - configPRIO_BITS))
#endif
#ifndef configMAX_SYSCALL_INTERRUPT_PRIORITY
#define configMAX_SYSCALL_INTERRUPT_PRIORITY (5u << (8 - configPRIO_BITS))
#endif
#ifndef configCHECK_HANDLER_INSTALLATION
#define configCHECK_HANDLER_INSTALLATION 1
#endif
#ifndef vPortSVCHandler
#define vPortSVCHandler SVC_Handler
#endif
#ifndef xPortPendSVHandler
#define xPortPendSVHandler PendSV_Handler
#endif

/* ---- What plugnet needs, whatever a product sets. ---- */

#if configTICK_RATE_HZ != 1000
#error "configTICK_RATE_HZ: 1000; the tick is the board's, and lwIP's timeouts are taken for ticks"
#endif
#if defined configUSE_16_BIT_TICKS || configTICK_TYPE_WIDTH_IN_BITS != TICK_TYPE_WIDTH_32_BITS
#error "configTICK_TYPE_WIDTH_IN_BITS: 32 bits; times of plugnet have so many"
#endif
#if !configSUPPORT_STATIC_ALLOCATION || !configKERNEL_PROVIDED_STATIC_MEMORY ||                              \
    configSUPPORT_DYNAMIC_ALLOCATION
#error                                                                                                       \
    "configSUPPORT_STATIC_ALLOCATION, configKERNEL_PROVIDED_STATIC_MEMORY 1, configSUPPORT_DYNAMIC_ALLOCATION 0: there is no heap"
#endif
#if !configUSE_PREEMPTION || !configUSE_MUTEXES || configMAX_PRIORITIES < 5
#error                                                                                                       \
    "configUSE_PREEMPTION, configUSE_MUTEXES: 1; configMAX_PRIORITIES: 5 at least; lwIP's thread (4) comes before a product's"
#endif
#if defined configUSE_TICKLESS_IDLE && configUSE_TICKLESS_IDLE != 0
#error "configUSE_TICKLESS_IDLE: 0; the tick is the board's, which plugnet tells time by"
#endif
#if !configUSE_IDLE_HOOK || !configUSE_TICK_HOOK
#error                                                                                                       \
    "configUSE_IDLE_HOOK, configUSE_TICK_HOOK: 1; the loop is woken by one, and the board sleeps in the other"
#endif
#if !configGENERATE_RUN_TIME_STATS || !configUSE_TRACE_FACILITY
#error                                                                                                       \
    "configGENERATE_RUN_TIME_STATS, configUSE_TRACE_FACILITY: 1; os_thread_info_get tells a thread's share of time"
#endif
#if !INCLUDE_xTaskDelayUntil || !INCLUDE_uxTaskGetStackHighWaterMark || !INCLUDE_xTaskGetSchedulerState ||   \
    !INCLUDE_xTaskGetIdleTaskHandle
#error                                                                                                       \
    "INCLUDE_xTaskDelayUntil, _uxTaskGetStackHighWaterMark, _xTaskGetSchedulerState, _xTaskGetIdleTaskHandle: 1, for os/freertos"
#endif
#if configPRIO_BITS != 4
#error "configPRIO_BITS: 4, as the chips have it"
#endif
#if configMAX_SYSCALL_INTERRUPT_PRIORITY < 0x10 || configMAX_SYSCALL_INTERRUPT_PRIORITY > 0x50 ||            \
    configKERNEL_INTERRUPT_PRIORITY != 0xF0
#error                                                                                                       \
    "configMAX_SYSCALL_INTERRUPT_PRIORITY: 0x10 to 0x50, since USB's interrupt (5) calls the kernel; configKERNEL_INTERRUPT_PRIORITY: 0xF0"
#endif

#endif
