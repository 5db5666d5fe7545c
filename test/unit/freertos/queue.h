/* See FreeRTOS.h beside it. */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_UNIT_QUEUE_H
#define PLUGNET_TEST_UNIT_QUEUE_H

#include "FreeRTOS.h"

typedef void *QueueHandle_t;

BaseType_t xQueueReceive(QueueHandle_t mailbox, void *message, TickType_t ticks);

#endif
