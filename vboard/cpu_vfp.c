/*
 * The floating-point instructions (FPv4-SP): operands and registers here, arithmetic in cpu_float.c.
 *
 * Each begins with `ready`: access by CPACR, the lazily stacked context written out, a new context begun.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_decode.h"
#include "vboard/cpu_float.h"

CPU_INLINE void ready(struct cpu *cpu)
{
    if (UNLIKELY(!cpu->fp_ready))
        cpu_fp_prepare(cpu);
}

/* Sd = operation of Sn, Sm (n, m) and perhaps Sd (d). */
#define THREE(name, expression)                                                                              \
    static void name(struct cpu *cpu, const struct cpu_op *op)                                               \
    {                                                                                                        \
        uint32_t *f = &cpu->fpscr, n, m, d;                                                                  \
                                                                                                             \
        ready(cpu);                                                                                          \
        n = cpu->s[op->n];                                                                                   \
        m = cpu->s[op->m];                                                                                   \
        d = cpu->s[op->d];                                                                                   \
        (void)d;                                                                                             \
        cpu->s[op->d] = expression;                                                                          \
    }

THREE(vadd, float_add(f, n, m))
THREE(vsub, float_add(f, n, m ^ ((m & ~FLOAT_SIGN) > 0x7F800000u ? 0 : FLOAT_SIGN)))
THREE(vmul, float_multiply(f, n, m))
THREE(vnmul, float_multiply(f, n, m) ^ FLOAT_SIGN)
THREE(vdiv, float_divide(f, n, m))
THREE(vmla, float_add(f, d, float_multiply(f, n, m)))
THREE(vmls, float_add(f, d, float_multiply(f, n, m) ^ FLOAT_SIGN))
THREE(vnmla, float_add(f, d ^ FLOAT_SIGN, float_multiply(f, n, m) ^ FLOAT_SIGN))
THREE(vnmls, float_add(f, d ^ FLOAT_SIGN, float_multiply(f, n, m)))
THREE(vfma, float_multiply_add(f, d, n, m))
THREE(vfms, float_multiply_add(f, d, n ^ FLOAT_SIGN, m))
THREE(vfnma, float_multiply_add(f, d ^ FLOAT_SIGN, n ^ FLOAT_SIGN, m))
THREE(vfnms, float_multiply_add(f, d ^ FLOAT_SIGN, n, m))

#define TWO(name, expression)                                                                                \
    static void name(struct cpu *cpu, const struct cpu_op *op)                                               \
    {                                                                                                        \
        uint32_t *f = &cpu->fpscr, m, d;                                                                     \
                                                                                                             \
        ready(cpu);                                                                                          \
        m = cpu->s[op->m];                                                                                   \
        d = cpu->s[op->d];                                                                                   \
        (void)f;                                                                                             \
        (void)d;                                                                                             \
        cpu->s[op->d] = expression;                                                                          \
    }

TWO(vmov, m)
TWO(vabs, m & ~FLOAT_SIGN)
TWO(vneg, m ^ FLOAT_SIGN)
TWO(vsqrt, float_sqrt(f, m))
TWO(vcvt_from_half_bottom, float_from_half(f, (uint16_t)m))
TWO(vcvt_from_half_top, float_from_half(f, (uint16_t)(m >> 16)))
TWO(vcvt_to_half_bottom, (d & 0xFFFF0000u) | float_to_half(f, m))
TWO(vcvt_to_half_top, (d & 0xFFFF) | (uint32_t)float_to_half(f, m) << 16)
TWO(vcvt_from_unsigned, float_from_fixed(f, m, 0, false))
TWO(vcvt_from_signed, float_from_fixed(f, (int32_t)m, 0, false))
TWO(vcvtr_to_unsigned, float_to_fixed(f, m, 0, 32, false, false))
TWO(vcvt_to_unsigned, float_to_fixed(f, m, 0, 32, false, true))
TWO(vcvtr_to_signed, float_to_fixed(f, m, 0, 32, true, false))
TWO(vcvt_to_signed, float_to_fixed(f, m, 0, 32, true, true))

static void vmov_immediate(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    cpu->s[op->d] = op->imm;
}

static void compare(struct cpu *cpu, uint32_t a, uint32_t b, bool signal_quiet)
{
    unsigned flags = float_compare(&cpu->fpscr, a, b, signal_quiet);

    cpu->fpscr = (cpu->fpscr & 0x0FFFFFFFu) | flags << 28;
}

/* extra: quiet NaNs signal too (VCMPE). */
static void vcmp(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    compare(cpu, cpu->s[op->d], cpu->s[op->m], op->extra);
}

static void vcmp_zero(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    compare(cpu, cpu->s[op->d], 0, op->extra);
}

/* Fixed point, in place. imm: fraction bits; amount: 16 or 32; extra: unsigned. */
static void vcvt_from_fixed(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t bits;
    int64_t value;

    ready(cpu);
    bits = cpu->s[op->d];
    if (op->amount == 16)
        value = op->extra ? (int64_t)(uint16_t)bits : (int64_t)(int16_t)bits;
    else
        value = op->extra ? (int64_t)bits : (int64_t)(int32_t)bits;
    cpu->s[op->d] = float_from_fixed(&cpu->fpscr, value, op->imm, true);
}

static void vcvt_to_fixed(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    cpu->s[op->d] = float_to_fixed(&cpu->fpscr, cpu->s[op->d], op->imm, op->amount, !op->extra, true);
}

/* Transfers. Core registers: n (and a); FP register: d. */

static void vmov_to_fp(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    cpu->s[op->d] = cpu->r[op->n];
}

static void vmov_from_fp(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    cpu->r[op->n] = cpu->s[op->d];
}

static void vmov_pair_to_fp(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    cpu->s[op->d] = cpu->r[op->n];
    cpu->s[(op->d + 1) & 31] = cpu->r[op->a];
}

static void vmov_pair_from_fp(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    cpu->r[op->n] = cpu->s[op->d];
    cpu->r[op->a] = cpu->s[(op->d + 1) & 31];
}

static void vmsr(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    cpu->fpscr = cpu->r[op->n] & FPSCR_KEPT;
}

static void vmrs(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    if (op->n == 15)
        cpu_nzcv_set(cpu, cpu->fpscr);
    else
        cpu->r[op->n] = cpu->fpscr;
}

/* Memory. amount: how many registers from d; imm: offset, or bytes; extra: 1 address first, 2 write back. */

static uint32_t address_of(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t base = op->n == 15 ? cpu->r[15] & ~3u : cpu->r[op->n];

    ready(cpu);
    base += op->extra & 1 ? op->imm : 0;
    cpu_aligned(cpu, base, 4);
    return base;
}

static void vload(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t address = address_of(cpu, op), values[32];

    for (unsigned i = 0; i < op->amount; i++)
        values[i] = cpu_load32(cpu, address + 4 * i);
    memcpy(&cpu->s[op->d], values, 4u * op->amount);
    if (op->extra & 2)
        cpu->r[op->n] += op->imm;
}

static void vstore(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t address = address_of(cpu, op);

    for (unsigned i = 0; i < op->amount; i++)
        cpu_store32(cpu, address + 4 * i, cpu->s[op->d + i]);
    if (op->extra & 2)
        cpu->r[op->n] += op->imm;
}

/* Formats. */

static bool is_double(const struct cpu_op *op)
{
    return op->raw & 0x100;
}

static void undefined(struct cpu *cpu, const struct cpu_op *op)
{
    ready(cpu);
    cpu_undefined(cpu, op);
}

/* A register of 4 bits and one more; a D register as the first of its two S registers. There is no D16. */
static uint8_t fp_register(struct cpu_op *op, unsigned four, unsigned one)
{
    uint32_t high = cpu_field(op->raw, four, 4), bit = cpu_field(op->raw, one, 1);

    if (is_double(op) && bit)
        op->execute = undefined;
    return (uint8_t)(is_double(op) ? (bit << 4 | high) * 2 & 31 : high << 1 | bit);
}

static void format_arithmetic(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = fp_register(op, 12, 22);
    op->n = fp_register(op, 16, 7);
    op->m = fp_register(op, 0, 5);
}

static void format_two(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_arithmetic(op, encoding);
    op->n = 0;
    op->extra = (uint8_t)cpu_field(op->raw, 7, 1);
}

static void format_immediate(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    uint32_t imm8 = cpu_field(op->raw, 16, 4) << 4 | cpu_field(op->raw, 0, 4);
    uint32_t exponent = imm8 & 0x40 ? 0x3E000000u : 0x40000000u;

    (void)encoding;
    op->d = fp_register(op, 12, 22);
    op->imm = (imm8 & 0x80) << 24 | exponent | (imm8 & 0x3F) << 19;
}

static void format_fixed(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    unsigned imm = cpu_field(op->raw, 0, 4) << 1 | cpu_field(op->raw, 5, 1);

    (void)encoding;
    op->d = fp_register(op, 12, 22);
    op->amount = op->raw & 0x80 ? 32 : 16;
    op->imm = op->amount >= imm ? op->amount - imm : 0;
    op->extra = (uint8_t)cpu_field(op->raw, 16, 1);
}

static void format_core(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = fp_register(op, 16, 7);
    if (is_double(op))
        op->d = (uint8_t)((op->d + cpu_field(op->raw, 21, 1)) & 31);
    op->n = (uint8_t)cpu_field(op->raw, 12, 4);
}

static void format_pair(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = fp_register(op, 0, 5);
    op->n = (uint8_t)cpu_field(op->raw, 12, 4);
    op->a = (uint8_t)cpu_field(op->raw, 16, 4);
}

static void format_status(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->n = (uint8_t)cpu_field(op->raw, 12, 4);
}

static void format_single(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    uint32_t offset = (op->raw & 0xFF) * 4;

    (void)encoding;
    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->d = fp_register(op, 12, 22);
    op->amount = is_double(op) ? 2 : 1;
    op->imm = op->raw & 1u << 23 ? offset : -offset;
    op->extra = 1;
}

static void format_multiple(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    unsigned count = op->raw & 0xFF;
    bool down = (op->raw & 1u << 24) != 0;

    (void)encoding;
    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->d = fp_register(op, 12, 22);
    op->imm = down ? -(count * 4) : count * 4;
    op->amount = (uint8_t)(is_double(op) ? count & ~1u : count);
    if (op->amount > 32 - op->d)
        op->amount = (uint8_t)(32 - op->d); /* UNPREDICTABLE */
    op->extra = (uint8_t)((down ? 1 : 0) | (op->raw & 1u << 21 ? 2 : 0));
}

/* clang-format off */
#define MEMORY_ROWS(suffix, sz)                                                              \
    {"VLDR" suffix,     0xFF300F00, 0xED100A00 | (sz), format_single, vload, NULL},            \
    {"VSTR" suffix,     0xFF300F00, 0xED000A00 | (sz), format_single, vstore, NULL},           \
    {"VLDM" suffix,     0xFFB00F00, 0xEC900A00 | (sz), format_multiple, vload, NULL},          \
    {"VSTM" suffix,     0xFFB00F00, 0xEC800A00 | (sz), format_multiple, vstore, NULL},         \
    {"VLDM!" suffix,    0xFFB00F00, 0xECB00A00 | (sz), format_multiple, vload, NULL},          \
    {"VSTM!" suffix,    0xFFB00F00, 0xECA00A00 | (sz), format_multiple, vstore, NULL},         \
    {"VLDMDB" suffix,   0xFFB00F00, 0xED300A00 | (sz), format_multiple, vload, NULL},          \
    {"VSTMDB" suffix,   0xFFB00F00, 0xED200A00 | (sz), format_multiple, vstore, NULL}

static const struct cpu_encoding rows[] = {
    {"VMLA",  0xFFB00F50, 0xEE000A00, format_arithmetic, vmla, NULL},
    {"VMLS",  0xFFB00F50, 0xEE000A40, format_arithmetic, vmls, NULL},
    {"VNMLS", 0xFFB00F50, 0xEE100A00, format_arithmetic, vnmls, NULL},
    {"VNMLA", 0xFFB00F50, 0xEE100A40, format_arithmetic, vnmla, NULL},
    {"VMUL",  0xFFB00F50, 0xEE200A00, format_arithmetic, vmul, NULL},
    {"VNMUL", 0xFFB00F50, 0xEE200A40, format_arithmetic, vnmul, NULL},
    {"VADD",  0xFFB00F50, 0xEE300A00, format_arithmetic, vadd, NULL},
    {"VSUB",  0xFFB00F50, 0xEE300A40, format_arithmetic, vsub, NULL},
    {"VDIV",  0xFFB00F50, 0xEE800A00, format_arithmetic, vdiv, NULL},
    {"VFNMS", 0xFFB00F50, 0xEE900A00, format_arithmetic, vfnms, NULL},
    {"VFNMA", 0xFFB00F50, 0xEE900A40, format_arithmetic, vfnma, NULL},
    {"VFMA",  0xFFB00F50, 0xEEA00A00, format_arithmetic, vfma, NULL},
    {"VFMS",  0xFFB00F50, 0xEEA00A40, format_arithmetic, vfms, NULL},
    {"VMOV imm", 0xFFB00FF0, 0xEEB00A00, format_immediate, vmov_immediate, NULL},
    {"VMOV",  0xFFBF0FD0, 0xEEB00A40, format_two, vmov, NULL},
    {"VABS",  0xFFBF0FD0, 0xEEB00AC0, format_two, vabs, NULL},
    {"VNEG",  0xFFBF0FD0, 0xEEB10A40, format_two, vneg, NULL},
    {"VSQRT", 0xFFBF0FD0, 0xEEB10AC0, format_two, vsqrt, NULL},
    {"VCVTB f32 f16", 0xFFBF0FD0, 0xEEB20A40, format_two, vcvt_from_half_bottom, NULL},
    {"VCVTT f32 f16", 0xFFBF0FD0, 0xEEB20AC0, format_two, vcvt_from_half_top, NULL},
    {"VCVTB f16 f32", 0xFFBF0FD0, 0xEEB30A40, format_two, vcvt_to_half_bottom, NULL},
    {"VCVTT f16 f32", 0xFFBF0FD0, 0xEEB30AC0, format_two, vcvt_to_half_top, NULL},
    {"VCMP",  0xFFBF0F50, 0xEEB40A40, format_two, vcmp, NULL},
    {"VCMP zero", 0xFFBF0F7F, 0xEEB50A40, format_two, vcmp_zero, NULL},
    {"VCVT f32 u32",  0xFFBF0FD0, 0xEEB80A40, format_two, vcvt_from_unsigned, NULL},
    {"VCVT f32 s32",  0xFFBF0FD0, 0xEEB80AC0, format_two, vcvt_from_signed, NULL},
    {"VCVTR u32 f32", 0xFFBF0FD0, 0xEEBC0A40, format_two, vcvtr_to_unsigned, NULL},
    {"VCVT u32 f32",  0xFFBF0FD0, 0xEEBC0AC0, format_two, vcvt_to_unsigned, NULL},
    {"VCVTR s32 f32", 0xFFBF0FD0, 0xEEBD0A40, format_two, vcvtr_to_signed, NULL},
    {"VCVT s32 f32",  0xFFBF0FD0, 0xEEBD0AC0, format_two, vcvt_to_signed, NULL},
    {"VCVT f32 fixed", 0xFFBE0F50, 0xEEBA0A40, format_fixed, vcvt_from_fixed, NULL},
    {"VCVT fixed f32", 0xFFBE0F50, 0xEEBE0A40, format_fixed, vcvt_to_fixed, NULL},
    {"VMOV s core", 0xFFF00F7F, 0xEE000A10, format_core, vmov_to_fp, NULL},
    {"VMOV core s", 0xFFF00F7F, 0xEE100A10, format_core, vmov_from_fp, NULL},
    {"VMOV d[] core", 0xFFD00F7F, 0xEE000B10, format_core, vmov_to_fp, NULL},
    {"VMOV core d[]", 0xFFD00F7F, 0xEE100B10, format_core, vmov_from_fp, NULL},
    {"VMSR", 0xFFFF0FFF, 0xEEE10A10, format_status, vmsr, NULL},
    {"VMRS", 0xFFFF0FFF, 0xEEF10A10, format_status, vmrs, NULL},
    {"VMOV s s core", 0xFFF00FD0, 0xEC400A10, format_pair, vmov_pair_to_fp, NULL},
    {"VMOV core s s", 0xFFF00FD0, 0xEC500A10, format_pair, vmov_pair_from_fp, NULL},
    {"VMOV d core",   0xFFF00FD0, 0xEC400B10, format_pair, vmov_pair_to_fp, NULL},
    {"VMOV core d",   0xFFF00FD0, 0xEC500B10, format_pair, vmov_pair_from_fp, NULL},
    MEMORY_ROWS(" s", 0u),
    MEMORY_ROWS(" d", 0x100u),
};
/* clang-format on */

const struct cpu_encoding_table cpu_table_vfp = {rows, sizeof rows / sizeof rows[0]};
