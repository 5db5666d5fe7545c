/*
 * How deep a stack has been: it is painted before its first use, and what still holds the paint was never reached. The
 * main stack is painted by the start-up code, a FreeRTOS task's by the kernel (tasks.c, tskSTACK_FILL_BYTE), with the same byte.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BOARD_STACK_PAINT_H
#define PLUGNET_BOARD_STACK_PAINT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STACK_PAINT 0xA5A5A5A5 /* the assembler reads it, too */

/* Bytes from `word` on, its lowest address, that were never used; `end` is behind the stack. Any context: another thread may
 * be using it. Four words a round, since it looks at nearly the whole stack: 3.7 instructions a word, by single ones 7. */
static inline uint32_t stack_unused(const volatile uint32_t *word, const volatile uint32_t *end)
{
    uintptr_t first = (uintptr_t)word;

    while ((uintptr_t)end - (uintptr_t)word >= 4 * sizeof *word &&
           ((word[0] ^ STACK_PAINT) | (word[1] ^ STACK_PAINT) | (word[2] ^ STACK_PAINT) |
            (word[3] ^ STACK_PAINT)) == 0) {
        word += 4;
    }
    while (word < end && *word == STACK_PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)word - first);
}

#ifdef __cplusplus
}
#endif

#endif
