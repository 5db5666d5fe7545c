/* lwIP as test/unit/test_os_freertos.c plays it. */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_UNIT_SYS_H
#define PLUGNET_TEST_UNIT_SYS_H

#include <stdint.h>

#define ERR_OK  0
#define ERR_MEM (-1)

typedef int8_t err_t;

void *sys_thread_new(const char *name, void (*function)(void *context), void *context, int stack_size,
                     int priority);

#endif
