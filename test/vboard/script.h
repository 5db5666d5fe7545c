/*
 * Steps for the image test/vboard/image/script.c, which runs on every chip; shared with the tests that write them.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_VBOARD_SCRIPT_H
#define PLUGNET_TEST_VBOARD_SCRIPT_H

#include <stdint.h>

#define SCRIPT_STEPS_MAX 48

/* The result of each step is what the address holds afterwards, unless said otherwise. */
enum script_op {
    SCRIPT_END,
    SCRIPT_READ,
    SCRIPT_WRITE,   /* a word */
    SCRIPT_WRITE16, /* a halfword */
    SCRIPT_SET,     /* bits of a word */
    SCRIPT_CLEAR,
    SCRIPT_WAIT, /* until (word & mask) == value; result: 1, or 0 if it never came */
    SCRIPT_MASK, /* PRIMASK; no result */
    SCRIPT_JUMP, /* to the vector table at the address: its stack, its reset handler */
    SCRIPT_ONCE, /* a word, after the first start only */
};

struct script_step {
    uint32_t op, address, value, mask;
};

#endif
