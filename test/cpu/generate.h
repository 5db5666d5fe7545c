/*
 * Generated instruction sequences: every encoding of the decoder's tables equally often, with operands that the
 * architecture defines, addresses in a scratch area, and branches that come back. See differential.c.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_CPU_GENERATE_H
#define PLUGNET_TEST_CPU_GENERATE_H

#include "vboard/cpu_decode.h"

#define CODE_BASE     0x08000000u
#define CODE_SIZE     0x100000u
#define STUBS         0x8000u /* at each end of the code, and far away: targets of far branches */
#define FAR           4       /* areas of stubs up to 16 MiB away; their bytes follow those of the code */
#define SCRATCH_BASE  0x20000000u
#define SCRATCH_SIZE  0x1000u
#define ENCODINGS_MAX 1024

struct generator {
    uint64_t random;
    uint8_t code[CODE_SIZE + FAR * STUBS];
    uint32_t at;                       /* next free place, an offset in code */
    uint32_t stubs[2 + FAR];           /* next free place among the stubs: low, high, far */
    uint64_t instructions;             /* emitted, all */
    uint64_t counts[ENCODINGS_MAX][2]; /* by address: multiple of 4, or not */
    bool skip[ENCODINGS_MAX];          /* not compared */
    unsigned encodings;
};

extern const uint32_t generate_far[FAR]; /* their addresses */

uint32_t generate_random(struct generator *g);
uint32_t generate_float(struct generator *g); /* bits of one */
/* About `count` instructions; returns the offset of the first one. */
uint32_t generate_sequence(struct generator *g, unsigned count);

#endif
