/*
 * A test image that talks by semihosting alone: each kind of output, time, and an end with a code that a test sets in `wanted`.
 */
/* SPDX-License-Identifier: MIT */
#include "image.h"

volatile uint32_t wanted = 0x20026; /* of SYS_EXIT: ADP_Stopped_ApplicationExit */

static uint32_t call(uint32_t number, const void *block)
{
    register uint32_t r0 __asm("r0") = number;
    register const void *r1 __asm("r1") = block;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t with_words(uint32_t number, uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t block[3] = {a, b, c};
    return call(number, block);
}

/* An answer as hexadecimal digits on a line. */
static void show(const char *name, uint32_t value)
{
    char line[12] = "";
    for (unsigned i = 0; i < 8; i++)
        line[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    line[8] = '\n';
    call(0x04, name);
    call(0x04, line);
}

void image_main(void)
{
    static const char text[] = "written\n";
    uint32_t time[2];
    image_clock_168();
    call(0x04, "hello\r\n");
    call(0x03, "x");
    call(0x03, "\n");
    show("stdout ", with_words(0x01, (uint32_t) ":tt", 4, 3));
    show("stderr ", with_words(0x01, (uint32_t) ":tt", 8, 3));
    show("a file ", with_words(0x01, (uint32_t) "file", 4, 4));
    show("errno ", call(0x13, 0));
    show("left of a write ", with_words(0x05, 2, (uint32_t)text, sizeof text - 1));
    show("left where no memory is ", with_words(0x05, 2, 0x30000000, 5));
    show("left of too much ", with_words(0x05, 2, 0x30000000, 0xFFFFFFFF));
    show("not read ", with_words(0x06, 0, (uint32_t)time, 7));
    show("a key ", call(0x07, 0));
    show("a terminal ", with_words(0x09, 1, 0, 0));
    show("nobody knows ", call(0x77, 0));
    show("clock ", call(0x10, 0));
    show("ticks a second ", call(0x31, 0));
    show("elapsed ", call(0x30, time));
    show("seconds of it ", time[1]);
    show("elapsed to nowhere ", call(0x30, (void *)0x30000000));
    call(0x04, (void *)0x30000000);
    call(0x04, "the end, without a new line");
    call(0x18, (void *)wanted);
    call(0x04, "not reached\n");
}
