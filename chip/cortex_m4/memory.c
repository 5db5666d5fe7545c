/*
 * The few memory and string functions of libc that the firmware uses, small: newlib's are unrolled for long
 * copies, and everything long here is never copied at all. Whole words where both ends allow; a Cortex-M4 loads
 * and stores single words at any alignment.
 */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t any_word __attribute__((aligned(1), may_alias));

/* Or the compiler would find that a copying loop is memcpy, and call it. */
#define PLAIN __attribute__((optimize("O2", "no-tree-loop-distribute-patterns"), used))

PLAIN void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    for (; length >= 16; length -= 16, t += 16, f += 16) {
        ((any_word *)t)[0] = ((const any_word *)f)[0];
        ((any_word *)t)[1] = ((const any_word *)f)[1];
        ((any_word *)t)[2] = ((const any_word *)f)[2];
        ((any_word *)t)[3] = ((const any_word *)f)[3];
    }
    for (; length >= 4; length -= 4, t += 4, f += 4)
        *(any_word *)t = *(const any_word *)f;
    for (; length; length--)
        *t++ = *f++;
    return to;
}

PLAIN void *memmove(void *to, const void *from, size_t length)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if ((uintptr_t)t - (uintptr_t)f >= length) {
        for (; length >= 4; length -= 4, t += 4, f += 4)
            *(any_word *)t = *(const any_word *)f;
        for (; length; length--)
            *t++ = *f++;
        return to;
    }
    while (length--)
        t[length] = f[length];
    return to;
}

PLAIN void *memset(void *to, int value, size_t length)
{
    uint8_t *t = to;
    uint32_t word = (uint8_t)value * 0x01010101u;

    for (; length >= 4; length -= 4, t += 4)
        *(any_word *)t = word;
    for (; length; length--)
        *t++ = (uint8_t)value;
    return to;
}

PLAIN int memcmp(const void *a, const void *b, size_t length)
{
    const uint8_t *p = a, *q = b;

    for (; length >= 4 && *(const any_word *)p == *(const any_word *)q; length -= 4, p += 4, q += 4) {
    }
    for (; length; length--, p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}

PLAIN void *memchr(const void *bytes, int value, size_t length)
{
    const uint8_t *p = bytes;

    for (; length; length--, p++)
        if (*p == (uint8_t)value)
            return (void *)(uintptr_t)p;
    return NULL;
}

PLAIN size_t strlen(const char *text)
{
    const char *end = text;

    while (*end)
        end++;
    return (size_t)(end - text);
}

PLAIN char *strchr(const char *text, int character)
{
    for (; *text != (char)character; text++)
        if (!*text)
            return NULL;
    return (char *)(uintptr_t)text;
}

PLAIN int strcmp(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++) {
    }
    return (uint8_t)*a - (uint8_t)*b;
}

PLAIN int strncmp(const char *a, const char *b, size_t length)
{
    for (; length; length--, a++, b++)
        if (*a != *b || !*a)
            return (uint8_t)*a - (uint8_t)*b;
    return 0;
}
