/*
 * Tables of encodings. An instruction belongs to the first row with (raw & mask) == value; `raw` is the first
 * halfword << 16 | the second, or a 16-bit instruction alone (the two never meet: a 32-bit instruction starts
 * at 0xE8000000). The row's format fills in the operands and may choose a more special function to execute.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_CPU_DECODE_H
#define PLUGNET_VBOARD_CPU_DECODE_H

#include "vboard/cpu_core.h"

typedef void cpu_format(struct cpu_op *op, const struct cpu_encoding *encoding);

struct cpu_encoding {
    const char *name;
    uint32_t mask, value;
    cpu_format *format;
    cpu_execute *execute;
    cpu_execute *other; /* in an IT block (16-bit), or without a shift (32-bit); NULL: no difference */
};

struct cpu_encoding_table {
    const struct cpu_encoding *rows;
    size_t count;
};

extern const struct cpu_encoding_table cpu_table_alu, cpu_table_dsp, cpu_table_memory, cpu_table_branch,
    cpu_table_vfp;

/* All rows of all tables, numbered as in cpu_op.encoding; NULL past the end. */
const struct cpu_encoding *cpu_encoding_get(unsigned number);

CPU_INLINE uint32_t cpu_field(uint32_t raw, unsigned low, unsigned bits)
{
    return raw >> low & ((1u << bits) - 1);
}

CPU_INLINE bool cpu_is_wide(uint32_t raw)
{
    return raw >> 16 != 0;
}

/* Shared formats. */
cpu_format cpu_format_none;
cpu_execute cpu_undefined;
uint32_t cpu_modified_immediate(uint32_t raw, uint8_t *carry);
void cpu_shift_decode(struct cpu_op *op, unsigned type, unsigned amount);

#endif
