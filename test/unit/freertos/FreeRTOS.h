/* The kernel as test/unit/test_os_freertos.c plays it: just what os/freertos/os_freertos.c and lwip_thread.c use. */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_UNIT_FREERTOS_H
#define PLUGNET_TEST_UNIT_FREERTOS_H

#include <stdint.h>

typedef uint32_t TickType_t;
typedef long BaseType_t;

#define pdTRUE        1
#define pdFALSE       0
#define portMAX_DELAY UINT32_MAX

#define OS_THREAD_READY_IS_TOLD 1
void os_thread_ready(const void *task);
void portYIELD_FROM_ISR(BaseType_t woken);

#endif
