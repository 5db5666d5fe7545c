/*
 * Decoding: the tables of encodings, searched in order, and the operand formats that several of them share.
 * See cpu_decode.h.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_decode.h"

static const struct cpu_encoding_table *const tables[] = {
    &cpu_table_alu, &cpu_table_memory, &cpu_table_branch, &cpu_table_dsp, &cpu_table_vfp,
};
#define TABLES (sizeof tables / sizeof tables[0])

void cpu_undefined(struct cpu *cpu, const struct cpu_op *op)
{
    (void)op;
    cpu_fault(cpu, EXCEPTION_USAGE, UFSR_UNDEFINSTR);
}

/* An encoding in the space of coprocessors: without one at that number the answer is NOCP. */
static void no_coprocessor(struct cpu *cpu, const struct cpu_op *op)
{
    unsigned number = cpu_field(op->raw, 8, 4);
    bool there = number / 2 == 5 && (cpu->cpacr >> 20 & 3) == 3;

    cpu_fault(cpu, EXCEPTION_USAGE, there ? UFSR_UNDEFINSTR : UFSR_NOCP);
}

/* SP has no bits 0 and 1; only the few instructions that name it as a destination pay for that. */
static void execute_to_sp(struct cpu *cpu, const struct cpu_op *op)
{
    const struct cpu_encoding *encoding = cpu_encoding_get(op->encoding);

    encoding->execute(cpu, op);
    cpu->r[13] &= ~3u;
}

void cpu_format_none(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)op;
    (void)encoding;
}

const struct cpu_encoding *cpu_encoding_get(unsigned number)
{
    for (size_t i = 0; i < TABLES; i++) {
        if (number < tables[i]->count)
            return &tables[i]->rows[number];
        number -= (unsigned)tables[i]->count;
    }
    return NULL;
}

static const struct cpu_encoding *encoding_find(uint32_t raw, uint16_t *number)
{
    unsigned first = 0;

    for (size_t i = 0; i < TABLES; i++) {
        for (size_t k = 0; k < tables[i]->count; k++) {
            if ((raw & tables[i]->rows[k].mask) == tables[i]->rows[k].value) {
                *number = (uint16_t)(first + k);
                return &tables[i]->rows[k];
            }
        }
        first += (unsigned)tables[i]->count;
    }
    *number = UINT16_MAX;
    return NULL;
}

void cpu_decode(struct cpu_op *op, uint32_t raw, bool in_it)
{
    const struct cpu_encoding *encoding;

    memset(op, 0, sizeof *op);
    op->raw = raw;
    op->length = cpu_is_wide(raw) ? 4 : 2;
    encoding = encoding_find(raw, &op->encoding);
    if (!encoding) {
        op->execute = (raw & 0xEC000000u) == 0xEC000000u ? no_coprocessor : cpu_undefined;
        return;
    }
    op->execute = in_it && op->length == 2 && encoding->other ? encoding->other : encoding->execute;
    encoding->format(op, encoding);
    if (op->d == 13 && op->length == 4 && encoding->execute == op->execute)
        op->execute = execute_to_sp;
}

/* ThumbExpandImm: carry is 0 or 1, or 2 where the flag stays. */
uint32_t cpu_modified_immediate(uint32_t raw, uint8_t *carry)
{
    uint32_t imm12 = cpu_field(raw, 26, 1) << 11 | cpu_field(raw, 12, 3) << 8 | (raw & 0xFF),
             byte = raw & 0xFF;

    *carry = 2;
    switch (imm12 >> 8) {
    case 0: return byte;
    case 1: return byte << 16 | byte;
    case 2: return byte << 24 | byte << 8;
    case 3: return byte << 24 | byte << 16 | byte << 8 | byte;
    default: break;
    }
    byte = cpu_ror(0x80 | (imm12 & 0x7F), imm12 >> 7);
    *carry = (uint8_t)(byte >> 31);
    return byte;
}

void cpu_shift_decode(struct cpu_op *op, unsigned type, unsigned amount)
{
    op->shift = (uint8_t)type;
    op->amount = (uint8_t)amount;
    if (amount == 0 && (type == SHIFT_LSR || type == SHIFT_ASR))
        op->amount = 32;
    if (amount == 0 && type == SHIFT_ROR) {
        op->shift = SHIFT_RRX;
        op->amount = 1;
    }
}
