/* See FreeRTOS.h beside it. */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_UNIT_TASK_H
#define PLUGNET_TEST_UNIT_TASK_H

#include "FreeRTOS.h"

#define taskSCHEDULER_NOT_STARTED 1

typedef void *TaskHandle_t;

void vTaskStartScheduler(void);
BaseType_t xTaskGetSchedulerState(void);
char *pcTaskGetName(TaskHandle_t task);
TaskHandle_t xTaskGetCurrentTaskHandle(void);
void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *woken);
uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks);
BaseType_t xTaskDelayUntil(TickType_t *last, TickType_t ticks);

#endif
