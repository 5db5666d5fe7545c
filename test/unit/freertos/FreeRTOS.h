/* The kernel as test/unit/test_os_freertos.c plays it: just what os/freertos/os_freertos.c uses. */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_UNIT_FREERTOS_H
#define PLUGNET_TEST_UNIT_FREERTOS_H

#include <stdint.h>

typedef uint32_t TickType_t;
typedef long BaseType_t;

#endif
