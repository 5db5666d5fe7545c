/*
 * Data processing: moves, additions, logic, shifts, bit fields, in 16 and 32 bits.
 *
 * Each operation is written once as an inline function; OPERATION makes from it the six that are executed:
 * second operand immediate, plain register or shifted register, with and without setting the flags.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_decode.h"

enum form { FORM_IMMEDIATE, FORM_REGISTER, FORM_SHIFTED };

CPU_INLINE uint32_t shift_by(uint32_t value, unsigned type, unsigned amount, uint32_t *carry)
{
    if (type == SHIFT_RRX) {
        uint32_t out = value & 1;

        value = value >> 1 | *carry << 31;
        *carry = out;
        return value;
    }
    if (amount == 0)
        return value;
    switch (type) {
    case SHIFT_LSL:
        *carry = amount <= 32 ? (uint32_t)((uint64_t)value << amount >> 32) & 1 : 0;
        return amount < 32 ? value << amount : 0;
    case SHIFT_LSR:
        *carry = amount <= 32 ? (uint32_t)((uint64_t)value << 1 >> amount) & 1 : 0;
        return amount < 32 ? value >> amount : 0;
    case SHIFT_ASR:
        amount = amount < 32 ? amount : 32;
        *carry = (uint32_t)((int64_t)(int32_t)value >> (amount - 1)) & 1;
        return (uint32_t)((int64_t)(int32_t)value >> amount);
    default:
        value = cpu_ror(value, amount);
        *carry = value >> 31;
        return value;
    }
}

CPU_INLINE uint32_t operand(const struct cpu *cpu, const struct cpu_op *op, enum form form, uint32_t *carry)
{
    if (form == FORM_REGISTER)
        return cpu->r[op->m];
    if (form == FORM_SHIFTED)
        return shift_by(cpu->r[op->m], op->shift, op->amount, carry);
    if (op->extra != 2)
        *carry = op->extra;
    return op->imm;
}

CPU_INLINE uint32_t add_carry(struct cpu *cpu, uint32_t a, uint32_t b, uint32_t carry, bool flags)
{
    uint64_t sum = (uint64_t)a + b + carry;
    uint32_t result = (uint32_t)sum;

    if (flags) {
        cpu_nz(cpu, result);
        cpu->flag_c = (uint32_t)(sum >> 32);
        cpu->flag_v = ((a ^ result) & (b ^ result)) >> 31;
    }
    return result;
}

CPU_INLINE uint32_t logic_flags(struct cpu *cpu, uint32_t value, uint32_t carry, bool flags)
{
    if (flags) {
        cpu_nz(cpu, value);
        cpu->flag_c = carry;
    }
    return value;
}

#define FORMS(name)                                                                                          \
    static void name##_immediate(struct cpu *cpu, const struct cpu_op *op)                                   \
    {                                                                                                        \
        name(cpu, op, FORM_IMMEDIATE, false);                                                                \
    }                                                                                                        \
    static void name##_immediate_s(struct cpu *cpu, const struct cpu_op *op)                                 \
    {                                                                                                        \
        name(cpu, op, FORM_IMMEDIATE, true);                                                                 \
    }                                                                                                        \
    static void name##_register(struct cpu *cpu, const struct cpu_op *op)                                    \
    {                                                                                                        \
        name(cpu, op, FORM_REGISTER, false);                                                                 \
    }                                                                                                        \
    static void name##_register_s(struct cpu *cpu, const struct cpu_op *op)                                  \
    {                                                                                                        \
        name(cpu, op, FORM_REGISTER, true);                                                                  \
    }                                                                                                        \
    static void name##_shifted(struct cpu *cpu, const struct cpu_op *op)                                     \
    {                                                                                                        \
        name(cpu, op, FORM_SHIFTED, false);                                                                  \
    }                                                                                                        \
    static void name##_shifted_s(struct cpu *cpu, const struct cpu_op *op)                                   \
    {                                                                                                        \
        name(cpu, op, FORM_SHIFTED, true);                                                                   \
    }

/* a: first operand, b: second, result goes to Rd. */
#define LOGIC(name, expression)                                                                              \
    CPU_INLINE void name(struct cpu *cpu, const struct cpu_op *op, enum form form, bool flags)               \
    {                                                                                                        \
        uint32_t carry = cpu->flag_c, b = operand(cpu, op, form, &carry), a = cpu->r[op->n];                 \
                                                                                                             \
        (void)a;                                                                                             \
        cpu->r[op->d] = logic_flags(cpu, expression, carry, flags);                                          \
    }                                                                                                        \
    FORMS(name)

#define ARITHMETIC(name, first, second, carry_in)                                                            \
    CPU_INLINE void name(struct cpu *cpu, const struct cpu_op *op, enum form form, bool flags)               \
    {                                                                                                        \
        uint32_t carry = cpu->flag_c, b = operand(cpu, op, form, &carry), a = cpu->r[op->n];                 \
                                                                                                             \
        cpu->r[op->d] = add_carry(cpu, first, second, carry_in, flags);                                      \
    }                                                                                                        \
    FORMS(name)

/* The four that only set flags. */
#define COMPARISON(name, expression)                                                                         \
    CPU_INLINE void name(struct cpu *cpu, const struct cpu_op *op, enum form form)                           \
    {                                                                                                        \
        uint32_t carry = cpu->flag_c, b = operand(cpu, op, form, &carry), a = cpu->r[op->n];                 \
                                                                                                             \
        expression;                                                                                          \
    }                                                                                                        \
    static void name##_immediate(struct cpu *cpu, const struct cpu_op *op)                                   \
    {                                                                                                        \
        name(cpu, op, FORM_IMMEDIATE);                                                                       \
    }                                                                                                        \
    static void name##_register(struct cpu *cpu, const struct cpu_op *op)                                    \
    {                                                                                                        \
        name(cpu, op, FORM_REGISTER);                                                                        \
    }                                                                                                        \
    static void name##_shifted(struct cpu *cpu, const struct cpu_op *op)                                     \
    {                                                                                                        \
        name(cpu, op, FORM_SHIFTED);                                                                         \
    }

LOGIC(and, a &b)
LOGIC(bic, a & ~b)
LOGIC(orr, a | b)
LOGIC(orn, a | ~b)
LOGIC(eor, a ^ b)
LOGIC(mov, b)
LOGIC(mvn, ~b)
ARITHMETIC(add, a, b, 0)
ARITHMETIC(adc, a, b, cpu->flag_c)
ARITHMETIC(sub, a, ~b, 1)
ARITHMETIC(sbc, a, ~b, cpu->flag_c)
ARITHMETIC(rsb, b, ~a, 1)
COMPARISON(tst, logic_flags(cpu, a &b, carry, true))
COMPARISON(teq, logic_flags(cpu, a ^ b, carry, true))
COMPARISON(cmp, add_carry(cpu, a, ~b, 1, true))
COMPARISON(cmn, add_carry(cpu, a, b, 0, true))

/* Shift by a constant whose type is known: worth functions of their own. */
#define SHIFT_CONSTANT(name, type)                                                                           \
    static void name##_constant(struct cpu *cpu, const struct cpu_op *op)                                    \
    {                                                                                                        \
        uint32_t carry = cpu->flag_c;                                                                        \
                                                                                                             \
        cpu->r[op->d] = shift_by(cpu->r[op->m], type, op->amount, &carry);                                   \
    }                                                                                                        \
    static void name##_constant_s(struct cpu *cpu, const struct cpu_op *op)                                  \
    {                                                                                                        \
        uint32_t carry = cpu->flag_c, value = shift_by(cpu->r[op->m], type, op->amount, &carry);             \
                                                                                                             \
        cpu->r[op->d] = logic_flags(cpu, value, carry, true);                                                \
    }

#define SHIFT_REGISTER(name, type)                                                                           \
    static void name##_register(struct cpu *cpu, const struct cpu_op *op)                                    \
    {                                                                                                        \
        uint32_t carry = cpu->flag_c;                                                                        \
                                                                                                             \
        cpu->r[op->d] = shift_by(cpu->r[op->n], type, cpu->r[op->m] & 0xFF, &carry);                         \
    }                                                                                                        \
    static void name##_register_s(struct cpu *cpu, const struct cpu_op *op)                                  \
    {                                                                                                        \
        uint32_t carry = cpu->flag_c;                                                                        \
        uint32_t value = shift_by(cpu->r[op->n], type, cpu->r[op->m] & 0xFF, &carry);                        \
                                                                                                             \
        cpu->r[op->d] = logic_flags(cpu, value, carry, true);                                                \
    }

SHIFT_CONSTANT(lsl, SHIFT_LSL)
SHIFT_CONSTANT(lsr, SHIFT_LSR)
SHIFT_CONSTANT(asr, SHIFT_ASR)
SHIFT_REGISTER(lsl, SHIFT_LSL)
SHIFT_REGISTER(lsr, SHIFT_LSR)
SHIFT_REGISTER(asr, SHIFT_ASR)
SHIFT_REGISTER(ror, SHIFT_ROR)

static void mul(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = cpu->r[op->n] * cpu->r[op->m];
}

static void mul_s(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = cpu->r[op->n] * cpu->r[op->m];
    cpu_nz(cpu, cpu->r[op->d]);
}

/* The 16-bit forms that name any register: reading PC is plain, writing PC or SP is not. */
static void register_write(struct cpu *cpu, unsigned d, uint32_t value)
{
    if (d == 15)
        cpu_branch(cpu, value);
    else
        cpu->r[d] = d == 13 ? value & ~3u : value;
}

static void add_high(struct cpu *cpu, const struct cpu_op *op)
{
    register_write(cpu, op->d, cpu->r[op->n] + cpu->r[op->m]);
}

static void mov_high(struct cpu *cpu, const struct cpu_op *op)
{
    register_write(cpu, op->d, cpu->r[op->m]);
}

static void sp_add(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[13] += op->imm;
}

static void adr(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = (cpu->r[15] & ~3u) + op->imm;
}

static void movt(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = (cpu->r[op->d] & 0xFFFF) | op->imm << 16;
}

/* extra: lowest bit, amount: width, imm: mask of the width. */
static void bfi(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t value = op->n == 15 ? 0 : cpu->r[op->n];

    cpu->r[op->d] = (cpu->r[op->d] & ~(op->imm << op->extra)) | (value & op->imm) << op->extra;
}

static void ubfx(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = cpu->r[op->n] >> op->extra & op->imm;
}

static void sbfx(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] =
        (uint32_t)((int32_t)(cpu->r[op->n] << (32 - op->extra - op->amount)) >> (32 - op->amount));
}

/* Formats. */

static void format_shift_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = (uint8_t)cpu_field(op->raw, 0, 3);
    op->m = (uint8_t)cpu_field(op->raw, 3, 3);
    cpu_shift_decode(op, cpu_field(op->raw, 11, 2), cpu_field(op->raw, 6, 5));
}

static void format_three_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = (uint8_t)cpu_field(op->raw, 0, 3);
    op->n = (uint8_t)cpu_field(op->raw, 3, 3);
    op->m = (uint8_t)cpu_field(op->raw, 6, 3);
    op->imm = op->m;
    op->extra = 2;
}

static void format_imm8_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = op->n = (uint8_t)cpu_field(op->raw, 8, 3);
    op->imm = op->raw & 0xFF;
    op->extra = 2;
}

static void format_two_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = op->n = (uint8_t)cpu_field(op->raw, 0, 3);
    op->m = (uint8_t)cpu_field(op->raw, 3, 3);
    op->extra = 2;
}

/* RSBS Rd, Rn, #0 */
static void format_negate_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = (uint8_t)cpu_field(op->raw, 0, 3);
    op->n = (uint8_t)cpu_field(op->raw, 3, 3);
    op->extra = 2;
}

static void format_high_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    op->d = op->n = (uint8_t)(cpu_field(op->raw, 0, 3) | cpu_field(op->raw, 7, 1) << 3);
    op->m = (uint8_t)cpu_field(op->raw, 3, 4);
    if (op->d != 13 && op->d != 15 && encoding->execute == mov_high)
        op->execute = mov_register;
    if (op->d != 13 && op->d != 15 && encoding->execute == add_high)
        op->execute = add_register;
}

static void format_address_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = (uint8_t)cpu_field(op->raw, 8, 3);
    op->n = 13;
    op->imm = cpu_field(op->raw, 0, 8) * 4;
}

static void format_sp_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->imm = cpu_field(op->raw, 0, 7) * 4;
    if (op->raw & 0x80)
        op->imm = -op->imm;
}

static void format_modified(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->d = (uint8_t)cpu_field(op->raw, 8, 4);
    op->imm = cpu_modified_immediate(op->raw, &op->extra);
}

static void format_shifted(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    unsigned amount = cpu_field(op->raw, 12, 3) << 2 | cpu_field(op->raw, 6, 2);

    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->d = (uint8_t)cpu_field(op->raw, 8, 4);
    op->m = (uint8_t)cpu_field(op->raw, 0, 4);
    cpu_shift_decode(op, cpu_field(op->raw, 4, 2), amount);
    if (op->shift == SHIFT_LSL && amount == 0 && op->d != 13)
        op->execute = encoding->other;
}

static void format_imm16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = (uint8_t)cpu_field(op->raw, 8, 4);
    op->imm = cpu_field(op->raw, 16, 4) << 12 | cpu_field(op->raw, 26, 1) << 11 |
              cpu_field(op->raw, 12, 3) << 8 | cpu_field(op->raw, 0, 8);
    op->extra = 2;
}

static void format_imm12(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->d = (uint8_t)cpu_field(op->raw, 8, 4);
    op->imm = cpu_field(op->raw, 26, 1) << 11 | cpu_field(op->raw, 12, 3) << 8 | cpu_field(op->raw, 0, 8);
    op->extra = 2;
}

/* ADR.W: the row's value says add or subtract (bit 23). */
static void format_adr(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_imm12(op, encoding);
    op->n = 0;
    if (op->raw & 1u << 23)
        op->imm = -op->imm;
}

static void format_three(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->d = (uint8_t)cpu_field(op->raw, 8, 4);
    op->m = (uint8_t)cpu_field(op->raw, 0, 4);
}

static void format_bitfield(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    unsigned low = cpu_field(op->raw, 12, 3) << 2 | cpu_field(op->raw, 6, 2), last = cpu_field(op->raw, 0, 5);
    bool insert = encoding->execute == bfi;
    unsigned width = insert ? last - low + 1 : last + 1;

    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->d = (uint8_t)cpu_field(op->raw, 8, 4);
    if (width > 32 - low)
        width = insert && last < low ? 1 : 32 - low; /* UNPREDICTABLE */
    op->extra = (uint8_t)low;
    op->amount = (uint8_t)width;
    op->imm = (uint32_t)((1ull << width) - 1);
}

/* clang-format off */
#define MODIFIED(name, code, operation)                                                                        \
    {name " imm",   0xFBF08000, 0xF0000000 | (code) << 21,           format_modified, operation##_immediate,   NULL}, \
    {name "S imm",  0xFBF08000, 0xF0000000 | (code) << 21 | 1 << 20, format_modified, operation##_immediate_s, NULL}, \
    {name " reg",   0xFFF08000, 0xEA000000 | (code) << 21,           format_shifted, operation##_shifted,   operation##_register}, \
    {name "S reg",  0xFFF08000, 0xEA000000 | (code) << 21 | 1 << 20, format_shifted, operation##_shifted_s, operation##_register_s}

/* Rn is 15: a move. */
#define MOVES(name, code, operation)                                                                           \
    {name " imm",   0xFBFF8000, 0xF00F0000 | (code) << 21,           format_modified, operation##_immediate,   NULL}, \
    {name "S imm",  0xFBFF8000, 0xF00F0000 | (code) << 21 | 1 << 20, format_modified, operation##_immediate_s, NULL}, \
    {name " reg",   0xFFFF8000, 0xEA0F0000 | (code) << 21,           format_shifted, operation##_shifted,   operation##_register}, \
    {name "S reg",  0xFFFF8000, 0xEA0F0000 | (code) << 21 | 1 << 20, format_shifted, operation##_shifted_s, operation##_register_s}

/* Rd is 15, S: only the flags. */
#define COMPARES(name, code, operation)                                                                        \
    {name " imm",   0xFBF08F00, 0xF0100F00 | (code) << 21, format_modified, operation##_immediate, NULL},         \
    {name " reg",   0xFFF08F00, 0xEA100F00 | (code) << 21, format_shifted, operation##_shifted, operation##_register}

#define SHIFTS(name, code, operation)                                                                          \
    {name " reg.w",  0xFFF0F0F0, 0xFA00F000 | (code) << 21,           format_three, operation##_register,   NULL}, \
    {name "S reg.w", 0xFFF0F0F0, 0xFA00F000 | (code) << 21 | 1 << 20, format_three, operation##_register_s, NULL}

static const struct cpu_encoding rows[] = {
    {"LSLS imm 16", 0xFFFFF800, 0x0000, format_shift_16, lsl_constant_s, lsl_constant},
    {"LSRS imm 16", 0xFFFFF800, 0x0800, format_shift_16, lsr_constant_s, lsr_constant},
    {"ASRS imm 16", 0xFFFFF800, 0x1000, format_shift_16, asr_constant_s, asr_constant},
    {"ADDS reg 16", 0xFFFFFE00, 0x1800, format_three_16, add_register_s, add_register},
    {"SUBS reg 16", 0xFFFFFE00, 0x1A00, format_three_16, sub_register_s, sub_register},
    {"ADDS imm3",   0xFFFFFE00, 0x1C00, format_three_16, add_immediate_s, add_immediate},
    {"SUBS imm3",   0xFFFFFE00, 0x1E00, format_three_16, sub_immediate_s, sub_immediate},
    {"MOVS imm8",   0xFFFFF800, 0x2000, format_imm8_16, mov_immediate_s, mov_immediate},
    {"CMP imm8",    0xFFFFF800, 0x2800, format_imm8_16, cmp_immediate, NULL},
    {"ADDS imm8",   0xFFFFF800, 0x3000, format_imm8_16, add_immediate_s, add_immediate},
    {"SUBS imm8",   0xFFFFF800, 0x3800, format_imm8_16, sub_immediate_s, sub_immediate},
    {"ANDS 16", 0xFFFFFFC0, 0x4000, format_two_16, and_register_s, and_register},
    {"EORS 16", 0xFFFFFFC0, 0x4040, format_two_16, eor_register_s, eor_register},
    {"LSLS 16", 0xFFFFFFC0, 0x4080, format_two_16, lsl_register_s, lsl_register},
    {"LSRS 16", 0xFFFFFFC0, 0x40C0, format_two_16, lsr_register_s, lsr_register},
    {"ASRS 16", 0xFFFFFFC0, 0x4100, format_two_16, asr_register_s, asr_register},
    {"ADCS 16", 0xFFFFFFC0, 0x4140, format_two_16, adc_register_s, adc_register},
    {"SBCS 16", 0xFFFFFFC0, 0x4180, format_two_16, sbc_register_s, sbc_register},
    {"RORS 16", 0xFFFFFFC0, 0x41C0, format_two_16, ror_register_s, ror_register},
    {"TST 16",  0xFFFFFFC0, 0x4200, format_two_16, tst_register, NULL},
    {"RSBS 16", 0xFFFFFFC0, 0x4240, format_negate_16, rsb_immediate_s, rsb_immediate},
    {"CMP 16",  0xFFFFFFC0, 0x4280, format_two_16, cmp_register, NULL},
    {"CMN 16",  0xFFFFFFC0, 0x42C0, format_two_16, cmn_register, NULL},
    {"ORRS 16", 0xFFFFFFC0, 0x4300, format_two_16, orr_register_s, orr_register},
    {"MULS 16", 0xFFFFFFC0, 0x4340, format_two_16, mul_s, mul},
    {"BICS 16", 0xFFFFFFC0, 0x4380, format_two_16, bic_register_s, bic_register},
    {"MVNS 16", 0xFFFFFFC0, 0x43C0, format_two_16, mvn_register_s, mvn_register},
    {"ADD high", 0xFFFFFF00, 0x4400, format_high_16, add_high, NULL},
    {"CMP high", 0xFFFFFF00, 0x4500, format_high_16, cmp_register, NULL},
    {"MOV high", 0xFFFFFF00, 0x4600, format_high_16, mov_high, NULL},
    {"ADR 16",   0xFFFFF800, 0xA000, format_address_16, adr, NULL},
    {"ADD sp 16", 0xFFFFF800, 0xA800, format_address_16, add_immediate, NULL},
    {"SP add sub", 0xFFFFFF00, 0xB000, format_sp_16, sp_add, NULL},

    COMPARES("TST", 0u, tst), COMPARES("TEQ", 4u, teq), COMPARES("CMN", 8u, cmn), COMPARES("CMP", 13u, cmp),
    MOVES("MOV", 2u, mov), MOVES("MVN", 3u, mvn),
    MODIFIED("AND", 0u, and), MODIFIED("BIC", 1u, bic), MODIFIED("ORR", 2u, orr), MODIFIED("ORN", 3u, orn),
    MODIFIED("EOR", 4u, eor), MODIFIED("ADD", 8u, add), MODIFIED("ADC", 10u, adc), MODIFIED("SBC", 11u, sbc),
    MODIFIED("SUB", 13u, sub), MODIFIED("RSB", 14u, rsb),
    {"ADR add",  0xFBFF8000, 0xF20F0000, format_adr, adr, NULL},
    {"ADR sub",  0xFBFF8000, 0xF2AF0000, format_adr, adr, NULL},
    {"ADDW",     0xFBF08000, 0xF2000000, format_imm12, add_immediate, NULL},
    {"SUBW",     0xFBF08000, 0xF2A00000, format_imm12, sub_immediate, NULL},
    {"MOVW",     0xFBF08000, 0xF2400000, format_imm16, mov_immediate, NULL},
    {"MOVT",     0xFBF08000, 0xF2C00000, format_imm16, movt, NULL},
    {"SBFX",     0xFFF08020, 0xF3400000, format_bitfield, sbfx, NULL},
    {"BFI",      0xFFF08020, 0xF3600000, format_bitfield, bfi, NULL},
    {"UBFX",     0xFFF08020, 0xF3C00000, format_bitfield, ubfx, NULL},
    SHIFTS("LSL", 0u, lsl), SHIFTS("LSR", 1u, lsr), SHIFTS("ASR", 2u, asr), SHIFTS("ROR", 3u, ror),
    {"MUL", 0xFFF0F0F0, 0xFB00F000, format_three, mul, NULL},
};
/* clang-format on */

const struct cpu_encoding_table cpu_table_alu = {rows, sizeof rows / sizeof rows[0]};
