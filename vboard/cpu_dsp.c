/*
 * Multiplication and division, saturation, and the DSP extension's work on halfwords and bytes in one register.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_decode.h"

CPU_INLINE int32_t half(uint32_t value, bool top)
{
    return (int16_t)(top ? value >> 16 : value);
}

CPU_INLINE uint32_t swap_halves(uint32_t value)
{
    return value << 16 | value >> 16;
}

static uint32_t saturate(struct cpu *cpu, int64_t value, int64_t low, int64_t high)
{
    if (value < low || value > high)
        cpu->q = 1;
    return (uint32_t)(value < low ? low : value > high ? high : value);
}

static uint32_t saturate_signed(struct cpu *cpu, int64_t value, unsigned bits)
{
    return saturate(cpu, value, -(1ll << (bits - 1)), (1ll << (bits - 1)) - 1);
}

static uint32_t saturate_unsigned(struct cpu *cpu, int64_t value, unsigned bits)
{
    return saturate(cpu, value, 0, (1ll << bits) - 1);
}

/* A sum that does not fit in 32 signed bits sets Q and wraps. */
static uint32_t accumulate(struct cpu *cpu, int64_t sum)
{
    if (sum != (int32_t)sum)
        cpu->q = 1;
    return (uint32_t)sum;
}

/* Plain and long multiplication. */

static void mla(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = cpu->r[op->a] + cpu->r[op->n] * cpu->r[op->m];
}

static void mls(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = cpu->r[op->a] - cpu->r[op->n] * cpu->r[op->m];
}

/* Long results: low in a, high in d. */
static uint64_t long_get(const struct cpu *cpu, const struct cpu_op *op)
{
    return (uint64_t)cpu->r[op->d] << 32 | cpu->r[op->a];
}

static void long_put(struct cpu *cpu, const struct cpu_op *op, uint64_t value)
{
    cpu->r[op->a] = (uint32_t)value;
    cpu->r[op->d] = (uint32_t)(value >> 32);
}

static uint64_t product_signed(const struct cpu *cpu, const struct cpu_op *op)
{
    return (uint64_t)((int64_t)(int32_t)cpu->r[op->n] * (int32_t)cpu->r[op->m]);
}

static uint64_t product_unsigned(const struct cpu *cpu, const struct cpu_op *op)
{
    return (uint64_t)cpu->r[op->n] * cpu->r[op->m];
}

static void smull(struct cpu *cpu, const struct cpu_op *op)
{
    long_put(cpu, op, product_signed(cpu, op));
}

static void umull(struct cpu *cpu, const struct cpu_op *op)
{
    long_put(cpu, op, product_unsigned(cpu, op));
}

static void smlal(struct cpu *cpu, const struct cpu_op *op)
{
    long_put(cpu, op, long_get(cpu, op) + product_signed(cpu, op));
}

static void umlal(struct cpu *cpu, const struct cpu_op *op)
{
    long_put(cpu, op, long_get(cpu, op) + product_unsigned(cpu, op));
}

static void umaal(struct cpu *cpu, const struct cpu_op *op)
{
    long_put(cpu, op, product_unsigned(cpu, op) + cpu->r[op->a] + cpu->r[op->d]);
}

static void divide_by_zero(struct cpu *cpu)
{
    if (cpu->ccr & CCR_DIV_0_TRP)
        cpu_fault(cpu, EXCEPTION_USAGE, UFSR_DIVBYZERO);
}

static void sdiv(struct cpu *cpu, const struct cpu_op *op)
{
    int32_t a = (int32_t)cpu->r[op->n], b = (int32_t)cpu->r[op->m];

    if (b == 0)
        divide_by_zero(cpu);
    cpu->r[op->d] = b == 0 ? 0 : b == -1 ? 0 - (uint32_t)a : (uint32_t)(a / b);
}

static void udiv(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t b = cpu->r[op->m];

    if (b == 0)
        divide_by_zero(cpu);
    cpu->r[op->d] = b ? cpu->r[op->n] / b : 0;
}

/* Halfword multiplication. extra: bit 1 top of Rn, bit 0 top of Rm (or: Rm's halves swapped, or rounding). */

static int32_t product_halves(const struct cpu *cpu, const struct cpu_op *op)
{
    return half(cpu->r[op->n], op->extra & 2) * half(cpu->r[op->m], op->extra & 1);
}

static void smulxy(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = (uint32_t)product_halves(cpu, op);
}

static void smlaxy(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = accumulate(cpu, (int64_t)product_halves(cpu, op) + (int32_t)cpu->r[op->a]);
}

static void smlalxy(struct cpu *cpu, const struct cpu_op *op)
{
    long_put(cpu, op, long_get(cpu, op) + (uint64_t)(int64_t)product_halves(cpu, op));
}

static int64_t product_wide(const struct cpu *cpu, const struct cpu_op *op)
{
    return ((int64_t)(int32_t)cpu->r[op->n] * half(cpu->r[op->m], op->extra & 1)) >> 16;
}

static void smulw(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = (uint32_t)product_wide(cpu, op);
}

static void smlaw(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = accumulate(cpu, product_wide(cpu, op) + (int32_t)cpu->r[op->a]);
}

/* Low times low, plus or minus high times high. */
static int64_t dual(const struct cpu *cpu, const struct cpu_op *op, bool minus)
{
    uint32_t n = cpu->r[op->n], m = op->extra & 1 ? swap_halves(cpu->r[op->m]) : cpu->r[op->m];
    int64_t low = (int64_t)half(n, false) * half(m, false), high = (int64_t)half(n, true) * half(m, true);

    return minus ? low - high : low + high;
}

static void smuad(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = accumulate(cpu, dual(cpu, op, false));
}

static void smusd(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = (uint32_t)dual(cpu, op, true);
}

static void smlad(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = accumulate(cpu, dual(cpu, op, false) + (int32_t)cpu->r[op->a]);
}

static void smlsd(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = accumulate(cpu, dual(cpu, op, true) + (int32_t)cpu->r[op->a]);
}

static void smlald(struct cpu *cpu, const struct cpu_op *op)
{
    long_put(cpu, op, long_get(cpu, op) + (uint64_t)dual(cpu, op, false));
}

static void smlsld(struct cpu *cpu, const struct cpu_op *op)
{
    long_put(cpu, op, long_get(cpu, op) + (uint64_t)dual(cpu, op, true));
}

/* The upper word of a product; extra: rounded. */
static void smmul(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = (uint32_t)((product_signed(cpu, op) + (op->extra & 1 ? 0x80000000u : 0)) >> 32);
}

static void smmla(struct cpu *cpu, const struct cpu_op *op)
{
    uint64_t sum = ((uint64_t)cpu->r[op->a] << 32) + product_signed(cpu, op);

    cpu->r[op->d] = (uint32_t)((sum + (op->extra & 1 ? 0x80000000u : 0)) >> 32);
}

static void smmls(struct cpu *cpu, const struct cpu_op *op)
{
    uint64_t sum = ((uint64_t)cpu->r[op->a] << 32) - product_signed(cpu, op);

    cpu->r[op->d] = (uint32_t)((sum + (op->extra & 1 ? 0x80000000u : 0)) >> 32);
}

static uint32_t difference_sum(uint32_t n, uint32_t m)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < 32; i += 8) {
        uint32_t a = n >> i & 0xFF, b = m >> i & 0xFF;

        sum += a > b ? a - b : b - a;
    }
    return sum;
}

static void usad8(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = difference_sum(cpu->r[op->n], cpu->r[op->m]);
}

static void usada8(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = cpu->r[op->a] + difference_sum(cpu->r[op->n], cpu->r[op->m]);
}

/* Saturation. */

static uint32_t shifted_operand(const struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t value = cpu->r[op->n];

    if (op->shift == SHIFT_LSL)
        return value << op->amount;
    return (uint32_t)((int64_t)(int32_t)value >> op->amount);
}

static void ssat(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = saturate_signed(cpu, (int32_t)shifted_operand(cpu, op), op->imm + 1);
}

static void usat(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = saturate_unsigned(cpu, (int32_t)shifted_operand(cpu, op), op->imm);
}

static void ssat16(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t value = cpu->r[op->n], low = saturate_signed(cpu, half(value, false), op->imm + 1);

    cpu->r[op->d] = (low & 0xFFFF) | saturate_signed(cpu, half(value, true), op->imm + 1) << 16;
}

static void usat16(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t value = cpu->r[op->n], low = saturate_unsigned(cpu, half(value, false), op->imm);

    cpu->r[op->d] = (low & 0xFFFF) | saturate_unsigned(cpu, half(value, true), op->imm) << 16;
}

/* QADD and its family: Rm first, then Rn, which may be doubled. */
static void qadd(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = saturate_signed(cpu, (int64_t)(int32_t)cpu->r[op->m] + (int32_t)cpu->r[op->n], 32);
}

static void qsub(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = saturate_signed(cpu, (int64_t)(int32_t)cpu->r[op->m] - (int32_t)cpu->r[op->n], 32);
}

static void qdadd(struct cpu *cpu, const struct cpu_op *op)
{
    int32_t doubled = (int32_t)saturate_signed(cpu, 2 * (int64_t)(int32_t)cpu->r[op->n], 32);

    cpu->r[op->d] = saturate_signed(cpu, (int64_t)(int32_t)cpu->r[op->m] + doubled, 32);
}

static void qdsub(struct cpu *cpu, const struct cpu_op *op)
{
    int32_t doubled = (int32_t)saturate_signed(cpu, 2 * (int64_t)(int32_t)cpu->r[op->n], 32);

    cpu->r[op->d] = saturate_signed(cpu, (int64_t)(int32_t)cpu->r[op->m] - doubled, 32);
}

/* Parallel addition and subtraction. */

enum lanes { SIGNED, SATURATED, HALVED, UNSIGNED, SATURATED_UNSIGNED, HALVED_UNSIGNED };

/* One lane's result from its exact sum or difference; `ge`: the lane's flag. */
static uint32_t lane_finish(int32_t exact, enum lanes how, unsigned bits, bool subtract, bool *ge)
{
    int32_t high = how == SATURATED ? (1 << (bits - 1)) - 1 : (1 << bits) - 1,
            low = how == SATURATED ? -high - 1 : 0;

    *ge = how == UNSIGNED && !subtract ? exact >= 1 << bits : exact >= 0;
    if (how == HALVED || how == HALVED_UNSIGNED)
        exact >>= 1;
    else if (how == SATURATED || how == SATURATED_UNSIGNED)
        exact = exact < low ? low : exact > high ? high : exact;
    return (uint32_t)exact & ((1u << bits) - 1);
}

static int32_t lane_get(uint32_t value, unsigned at, unsigned bits, bool is_signed)
{
    uint32_t lane = value >> at & ((1u << bits) - 1);

    return is_signed ? cpu_extend(lane, bits) : (int32_t)lane;
}

/* `minus`: a bit for each lane that subtracts. */
CPU_INLINE void parallel(struct cpu *cpu, const struct cpu_op *op, enum lanes how, unsigned bits,
                         unsigned minus, bool exchange)
{
    uint32_t n = cpu->r[op->n], m = exchange ? swap_halves(cpu->r[op->m]) : cpu->r[op->m], result = 0,
             flags = 0;

    for (unsigned i = 0; i < 32 / bits; i++) {
        int32_t a = lane_get(n, i * bits, bits, how < UNSIGNED),
                b = lane_get(m, i * bits, bits, how < UNSIGNED);
        bool subtract = minus >> i & 1, ge;

        result |= lane_finish(subtract ? a - b : a + b, how, bits, subtract, &ge) << i * bits;
        flags |= (ge ? (1u << bits / 8) - 1 : 0) << i * (bits / 8);
    }
    cpu->r[op->d] = result;
    if (how == SIGNED || how == UNSIGNED)
        cpu->ge = (uint8_t)flags;
}

#define PARALLEL(prefix, how)                                                                                \
    static void prefix##add16(struct cpu *cpu, const struct cpu_op *op)                                      \
    {                                                                                                        \
        parallel(cpu, op, how, 16, 0, false);                                                                \
    }                                                                                                        \
    static void prefix##asx(struct cpu *cpu, const struct cpu_op *op)                                        \
    {                                                                                                        \
        parallel(cpu, op, how, 16, 1, true);                                                                 \
    }                                                                                                        \
    static void prefix##sax(struct cpu *cpu, const struct cpu_op *op)                                        \
    {                                                                                                        \
        parallel(cpu, op, how, 16, 2, true);                                                                 \
    }                                                                                                        \
    static void prefix##sub16(struct cpu *cpu, const struct cpu_op *op)                                      \
    {                                                                                                        \
        parallel(cpu, op, how, 16, 3, false);                                                                \
    }                                                                                                        \
    static void prefix##add8(struct cpu *cpu, const struct cpu_op *op)                                       \
    {                                                                                                        \
        parallel(cpu, op, how, 8, 0, false);                                                                 \
    }                                                                                                        \
    static void prefix##sub8(struct cpu *cpu, const struct cpu_op *op)                                       \
    {                                                                                                        \
        parallel(cpu, op, how, 8, 15, false);                                                                \
    }

PARALLEL(s, SIGNED)
PARALLEL(q, SATURATED)
PARALLEL(sh, HALVED)
PARALLEL(u, UNSIGNED)
PARALLEL(uq, SATURATED_UNSIGNED)
PARALLEL(uh, HALVED_UNSIGNED)

static void sel(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t mask = 0;

    for (unsigned i = 0; i < 4; i++)
        mask |= cpu->ge >> i & 1 ? 0xFFu << 8 * i : 0;
    cpu->r[op->d] = (cpu->r[op->n] & mask) | (cpu->r[op->m] & ~mask);
}

/* Packing, extension, bytes in order. */

static void pkhbt(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = (cpu->r[op->n] & 0xFFFF) | ((cpu->r[op->m] << op->amount) & 0xFFFF0000u);
}

static void pkhtb(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t low = (uint32_t)((int64_t)(int32_t)cpu->r[op->m] >> op->amount);

    cpu->r[op->d] = (cpu->r[op->n] & 0xFFFF0000u) | (low & 0xFFFF);
}

/* Rm rotated by `amount`; Rn is added unless it is 15. */
#define EXTEND(name, expression, sum)                                                                        \
    static void name(struct cpu *cpu, const struct cpu_op *op)                                               \
    {                                                                                                        \
        uint32_t turned = cpu_ror(cpu->r[op->m], op->amount), value = expression;                            \
                                                                                                             \
        cpu->r[op->d] = value;                                                                               \
    }                                                                                                        \
    static void name##_add(struct cpu *cpu, const struct cpu_op *op)                                         \
    {                                                                                                        \
        uint32_t turned = cpu_ror(cpu->r[op->m], op->amount), value = expression, n = cpu->r[op->n];         \
                                                                                                             \
        cpu->r[op->d] = sum;                                                                                 \
    }
#define ADD_HALVES (((n & 0xFFFF) + (value & 0xFFFF)) & 0xFFFF) | ((n >> 16) + (value >> 16)) << 16

EXTEND(sxtb, (uint32_t)(int8_t)turned, n + value)
EXTEND(uxtb, turned & 0xFF, n + value)
EXTEND(sxth, (uint32_t)(int16_t)turned, n + value)
EXTEND(uxth, turned & 0xFFFF, n + value)
EXTEND(sxtb16, ((uint32_t)(int8_t)turned & 0xFFFF) | (uint32_t)(int8_t)(turned >> 16) << 16, ADD_HALVES)
EXTEND(uxtb16, turned & 0x00FF00FF, ADD_HALVES)

static void rev(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = __builtin_bswap32(cpu->r[op->m]);
}

static void rev16(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = swap_halves(__builtin_bswap32(cpu->r[op->m]));
}

static void revsh(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = (uint32_t)(int16_t)__builtin_bswap16((uint16_t)cpu->r[op->m]);
}

static void rbit(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t value = __builtin_bswap32(cpu->r[op->m]);

    value = (value >> 4 & 0x0F0F0F0F) | (value & 0x0F0F0F0F) << 4;
    value = (value >> 2 & 0x33333333) | (value & 0x33333333) << 2;
    cpu->r[op->d] = (value >> 1 & 0x55555555) | (value & 0x55555555) << 1;
}

static void clz(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t value = cpu->r[op->m];

    cpu->r[op->d] = value ? (uint32_t)__builtin_clz(value) : 32;
}

/* Formats. */

static void format_two_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = (uint8_t)cpu_field(op->raw, 0, 3);
    op->m = (uint8_t)cpu_field(op->raw, 3, 3);
}

static void format_three(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->d = (uint8_t)cpu_field(op->raw, 8, 4);
    op->m = (uint8_t)cpu_field(op->raw, 0, 4);
}

static void format_two(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_three(op, encoding);
    op->n = 0;
}

/* Ra (or RdLo) in bits 12 to 15, two selecting bits in 4 and 5. */
static void format_four(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_three(op, encoding);
    op->a = (uint8_t)cpu_field(op->raw, 12, 4);
    op->extra = (uint8_t)cpu_field(op->raw, 4, 2);
}

/* Without Ra. */
static void format_product(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_four(op, encoding);
    op->a = 0;
}

static void format_extend(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_three(op, encoding);
    if (op->n == 15)
        op->n = 0;
    op->amount = (uint8_t)(8 * cpu_field(op->raw, 4, 2));
}

static void format_pack(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_three(op, encoding);
    cpu_shift_decode(op, cpu_field(op->raw, 4, 2), cpu_field(op->raw, 12, 3) << 2 | cpu_field(op->raw, 6, 2));
}

static void format_saturate(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_three(op, encoding);
    op->m = 0;
    op->imm = cpu_field(op->raw, 0, 5);
    cpu_shift_decode(op, cpu_field(op->raw, 21, 1) ? SHIFT_ASR : SHIFT_LSL,
                     cpu_field(op->raw, 12, 3) << 2 | cpu_field(op->raw, 6, 2));
}

static void format_saturate16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_three(op, encoding);
    op->m = 0;
    op->imm = cpu_field(op->raw, 0, 4);
}

/* clang-format off */
#define PARALLEL_ROWS(prefix, name, low)                                             \
    {name "ADD8",  0xFFF0F0F0, 0xFA80F000 | (low), format_three, prefix##add8, NULL},  \
    {name "ADD16", 0xFFF0F0F0, 0xFA90F000 | (low), format_three, prefix##add16, NULL}, \
    {name "ASX",   0xFFF0F0F0, 0xFAA0F000 | (low), format_three, prefix##asx, NULL},   \
    {name "SUB8",  0xFFF0F0F0, 0xFAC0F000 | (low), format_three, prefix##sub8, NULL},  \
    {name "SUB16", 0xFFF0F0F0, 0xFAD0F000 | (low), format_three, prefix##sub16, NULL}, \
    {name "SAX",   0xFFF0F0F0, 0xFAE0F000 | (low), format_three, prefix##sax, NULL}

#define EXTEND_ROWS(name, added, code, operation)                                                     \
    {name ".W", 0xFFFFF0C0, 0xFA0FF080 | (code) << 20, format_extend, operation, NULL}, \
    {added,     0xFFF0F0C0, 0xFA00F080 | (code) << 20, format_extend, operation##_add, NULL}

/* With an accumulator, and without (Ra is 15). */
#define SUM_ROWS(name, alone, mask, value, operation, operation_alone)                                \
    {alone, 0xFFF0F000 | (mask), (value) | 0xF000, format_product, operation_alone, NULL},            \
    {name,  0xFFF00000 | (mask), (value), format_four, operation, NULL}

static const struct cpu_encoding rows[] = {
    {"SXTH 16",  0xFFFFFFC0, 0xB200, format_two_16, sxth, NULL},
    {"SXTB 16",  0xFFFFFFC0, 0xB240, format_two_16, sxtb, NULL},
    {"UXTH 16",  0xFFFFFFC0, 0xB280, format_two_16, uxth, NULL},
    {"UXTB 16",  0xFFFFFFC0, 0xB2C0, format_two_16, uxtb, NULL},
    {"REV 16",   0xFFFFFFC0, 0xBA00, format_two_16, rev, NULL},
    {"REV16 16", 0xFFFFFFC0, 0xBA40, format_two_16, rev16, NULL},
    {"REVSH 16", 0xFFFFFFC0, 0xBAC0, format_two_16, revsh, NULL},

    {"PKHBT",  0xFFF08030, 0xEAC00000, format_pack, pkhbt, NULL},
    {"PKHTB",  0xFFF08030, 0xEAC00020, format_pack, pkhtb, NULL},
    {"SSAT16", 0xFFF0F0F0, 0xF3200000, format_saturate16, ssat16, NULL},
    {"USAT16", 0xFFF0F0F0, 0xF3A00000, format_saturate16, usat16, NULL},
    {"SSAT",   0xFFD08020, 0xF3000000, format_saturate, ssat, NULL},
    {"USAT",   0xFFD08020, 0xF3800000, format_saturate, usat, NULL},

    EXTEND_ROWS("SXTH", "SXTAH", 0u, sxth), EXTEND_ROWS("UXTH", "UXTAH", 1u, uxth),
    EXTEND_ROWS("SXTB16", "SXTAB16", 2u, sxtb16), EXTEND_ROWS("UXTB16", "UXTAB16", 3u, uxtb16),
    EXTEND_ROWS("SXTB", "SXTAB", 4u, sxtb), EXTEND_ROWS("UXTB", "UXTAB", 5u, uxtb),
    PARALLEL_ROWS(s, "S", 0u), PARALLEL_ROWS(q, "Q", 0x10u), PARALLEL_ROWS(sh, "SH", 0x20u),
    PARALLEL_ROWS(u, "U", 0x40u), PARALLEL_ROWS(uq, "UQ", 0x50u), PARALLEL_ROWS(uh, "UH", 0x60u),
    {"QADD",  0xFFF0F0F0, 0xFA80F080, format_three, qadd, NULL},
    {"QDADD", 0xFFF0F0F0, 0xFA80F090, format_three, qdadd, NULL},
    {"QSUB",  0xFFF0F0F0, 0xFA80F0A0, format_three, qsub, NULL},
    {"QDSUB", 0xFFF0F0F0, 0xFA80F0B0, format_three, qdsub, NULL},
    {"REV.W",   0xFFF0F0F0, 0xFA90F080, format_two, rev, NULL},
    {"REV16.W", 0xFFF0F0F0, 0xFA90F090, format_two, rev16, NULL},
    {"RBIT",    0xFFF0F0F0, 0xFA90F0A0, format_two, rbit, NULL},
    {"REVSH.W", 0xFFF0F0F0, 0xFA90F0B0, format_two, revsh, NULL},
    {"SEL",     0xFFF0F0F0, 0xFAA0F080, format_three, sel, NULL},
    {"CLZ",     0xFFF0F0F0, 0xFAB0F080, format_two, clz, NULL},

    {"MLA", 0xFFF000F0, 0xFB000000, format_four, mla, NULL},
    {"MLS", 0xFFF000F0, 0xFB000010, format_four, mls, NULL},
    SUM_ROWS("SMLAxy", "SMULxy", 0xC0u, 0xFB100000, smlaxy, smulxy),
    SUM_ROWS("SMLAD", "SMUAD", 0xE0u, 0xFB200000, smlad, smuad),
    SUM_ROWS("SMLAW", "SMULW", 0xE0u, 0xFB300000, smlaw, smulw),
    SUM_ROWS("SMLSD", "SMUSD", 0xE0u, 0xFB400000, smlsd, smusd),
    SUM_ROWS("SMMLA", "SMMUL", 0xE0u, 0xFB500000, smmla, smmul),
    {"SMMLS", 0xFFF000E0, 0xFB600000, format_four, smmls, NULL},
    SUM_ROWS("USADA8", "USAD8", 0xF0u, 0xFB700000, usada8, usad8),
    {"SMULL", 0xFFF000F0, 0xFB800000, format_four, smull, NULL},
    {"SDIV",  0xFFF0F0F0, 0xFB90F0F0, format_three, sdiv, NULL},
    {"UMULL", 0xFFF000F0, 0xFBA00000, format_four, umull, NULL},
    {"UDIV",  0xFFF0F0F0, 0xFBB0F0F0, format_three, udiv, NULL},
    {"SMLAL", 0xFFF000F0, 0xFBC00000, format_four, smlal, NULL},
    {"SMLALxy", 0xFFF000C0, 0xFBC00080, format_four, smlalxy, NULL},
    {"SMLALD", 0xFFF000E0, 0xFBC000C0, format_four, smlald, NULL},
    {"SMLSLD", 0xFFF000E0, 0xFBD000C0, format_four, smlsld, NULL},
    {"UMLAL", 0xFFF000F0, 0xFBE00000, format_four, umlal, NULL},
    {"UMAAL", 0xFFF000F0, 0xFBE00060, format_four, umaal, NULL},
};
/* clang-format on */

const struct cpu_encoding_table cpu_table_dsp = {rows, sizeof rows / sizeof rows[0]};
