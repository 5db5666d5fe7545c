/*
 * The kernel as this flavour uses it: static allocation alone, one millisecond tick that the board already has.
 * Priorities and interrupts: docs/freertos.md. Options: the kernel's own documentation [unread; from FreeRTOS.h].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_FREERTOS_CONFIG_H
#define PLUGNET_OS_FREERTOS_CONFIG_H

#include <stdint.h>

uint32_t board_cycles(void);

#define configCPU_CLOCK_HZ                      1000000u /* unused: the tick is the board's (os_freertos.c) */
#define configTICK_RATE_HZ                      1000
#define configTICK_TYPE_WIDTH_IN_BITS           TICK_TYPE_WIDTH_32_BITS
#define configUSE_PREEMPTION                    1
#define configUSE_PORT_OPTIMISED_TASK_SELECTION 1
#define configUSE_TIME_SLICING                  0
#define configMAX_PRIORITIES                    5
#define configMINIMAL_STACK_SIZE                96 /* words; the idle task's */
#define configMAX_TASK_NAME_LEN                 8
#define configIDLE_SHOULD_YIELD                 0
#define configUSE_MUTEXES                       1
#define configUSE_COUNTING_SEMAPHORES           1
#define configUSE_TIMERS                        0
#define configQUEUE_REGISTRY_SIZE               0
#define configSUPPORT_STATIC_ALLOCATION         1
#define configSUPPORT_DYNAMIC_ALLOCATION        0
#define configKERNEL_PROVIDED_STATIC_MEMORY     1
#define configUSE_NEWLIB_REENTRANT              0

#define configUSE_IDLE_HOOK            1
#define configUSE_TICK_HOOK            1
#define configCHECK_FOR_STACK_OVERFLOW 2

/* As os_assert of os/os.h, which the kernel's sources don't see. */
#define CONFIG_TEXT_(text)  #text
#define CONFIG_TEXT(number) CONFIG_TEXT_(number)
#define configASSERT(condition)                                                                              \
    ((condition) ? (void)0 : (__extension__({                                                                \
        __asm__ volatile("udf #1 @ " __FILE__ ":" CONFIG_TEXT(__LINE__));                                    \
        __builtin_unreachable();                                                                             \
    })))

/* CPU share: in 1,024 cycles; where the cycle counter wraps one interval is lost. */
#define configGENERATE_RUN_TIME_STATS 1
#define configUSE_TRACE_FACILITY      1
#define portCONFIGURE_TIMER_FOR_RUN_TIME_STATS()
#define portGET_RUN_TIME_COUNTER_VALUE() (board_cycles() >> 10)

#define INCLUDE_vTaskDelay                  1
#define INCLUDE_xTaskDelayUntil             1
#define INCLUDE_uxTaskGetStackHighWaterMark 1
#define INCLUDE_xTaskGetSchedulerState      1
#define INCLUDE_xTaskGetIdleTaskHandle      1
#define INCLUDE_xTaskGetCurrentTaskHandle   1

/* Interrupts: 4 bits, 0 highest. USB (5) and the tick (15) call the kernel. */
#define configPRIO_BITS                      4
#define configKERNEL_INTERRUPT_PRIORITY      (15u << (8 - configPRIO_BITS))
#define configMAX_SYSCALL_INTERRUPT_PRIORITY (5u << (8 - configPRIO_BITS))
#define configCHECK_HANDLER_INSTALLATION     1
#define vPortSVCHandler                      SVC_Handler
#define xPortPendSVHandler                   PendSV_Handler

#endif
