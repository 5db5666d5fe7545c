/*
 * lwIP's view of the compiler and of this machine, for the PC end.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_ARCH_CC_H
#define PLUGNET_HOST_ARCH_CC_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

uint32_t lwip_sys_random(void); /* host/lwip_sys.c */

#define LWIP_RAND()           lwip_sys_random()
#define LWIP_ERRNO_STDINCLUDE 1

#define LWIP_PLATFORM_DIAG(x)                                                                                \
    do {                                                                                                     \
        printf x;                                                                                            \
    } while (0)
#define LWIP_PLATFORM_ASSERT(x)                                                                              \
    do {                                                                                                     \
        fprintf(stderr, "lwIP of the PC: %s (%s:%d)\n", x, __FILE__, __LINE__);                              \
        abort();                                                                                             \
    } while (0)

#endif
