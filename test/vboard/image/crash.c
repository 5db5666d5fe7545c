/*
 * A test image that goes wrong for good: a fault whose handler can't run.
 */
/* SPDX-License-Identifier: MIT */
#include "image.h"

void image_main(void)
{
    REG(0xE000ED08) = 0x08080000; /* VTOR: erased flash, so every vector leads to nowhere */
    __asm volatile("udf #0");
}
