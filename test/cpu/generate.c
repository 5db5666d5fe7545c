/*
 * The generator: see generate.h. A row of the decode table is filled with random operands until they are defined
 * ones; what it needs beforehand (a base register, a word in memory) is set by MOVW, MOVT and stores in front.
 */
/* SPDX-License-Identifier: MIT */
#include "test/cpu/generate.h"

#include <fnmatch.h>
#include <string.h>

enum kind {
    PLAIN,
    FREE,
    HIGH,
    INSERT,
    EXTRACT,
    LONG_RESULT,
    LITERAL,
    PC_LITERAL,
    PC_LOAD,
    SINGLE,
    ON_STACK,
    MULTIPLE,
    EXCLUSIVE,
    TABLE,
    DUAL,
    INDIRECT,
    BRANCH_KIND,
    IT_BLOCK,
    STATUS,
    FP_FREE,
    FP_FIXED,
    FP_CORE,
    FP_PAIR,
    FP_STATUS,
    FP_MEMORY,
};

static const struct {
    const char *pattern;
    enum kind kind;
} kinds[] = {
    {"* high", HIGH},
    {"BFI", INSERT},
    {"[SU]BFX", EXTRACT},
    {"SP add sub", FREE},
    {"ADR 16", FREE},
    {"ADD sp 16", FREE},
    {"[SU]MULL", LONG_RESULT},
    {"[SU]MLAL*", LONG_RESULT},
    {"SMLSLD", LONG_RESULT},
    {"UMAAL", LONG_RESULT},
    {"PLD*", FREE},
    {"PLI*", FREE},
    {"hint*", FREE},
    {"LDR literal pc", PC_LITERAL},
    {"LDR * pc", PC_LOAD},
    {"* literal", LITERAL},
    {"LDR literal 16", LITERAL},
    {"* sp 16", ON_STACK},
    {"PUSH", ON_STACK},
    {"POP", ON_STACK},
    {"STM*", MULTIPLE},
    {"LDM*", MULTIPLE},
    {"STREX*", EXCLUSIVE},
    {"LDREX*", EXCLUSIVE},
    {"TB[BH]", TABLE},
    {"???D offset", DUAL},
    {"???D before", DUAL},
    {"???D after", DUAL},
    {"BX", INDIRECT},
    {"BLX", INDIRECT},
    {"CB*", BRANCH_KIND},
    {"B *", BRANCH_KIND},
    {"B.W", BRANCH_KIND},
    {"BL", BRANCH_KIND},
    {"IT", IT_BLOCK},
    {"M[SR][RS]", STATUS},
    {"CLREX", FREE},
    {"D[SM]B", FREE},
    {"ISB", FREE},
    {"VM[SR][RS]", FP_STATUS},
    {"V*LD*", FP_MEMORY},
    {"V*ST*", FP_MEMORY},
    {"VMOV s s core", FP_PAIR},
    {"VMOV core s s", FP_PAIR},
    {"VMOV d core", FP_PAIR},
    {"VMOV core d", FP_PAIR},
    {"VMOV *core*", FP_CORE},
    {"VCVT * fixed", FP_FIXED},
    {"VCVT fixed *", FP_FIXED},
    {"V*", FP_FREE},
    {"STR*", SINGLE},
    {"LDR*", SINGLE},
};

uint32_t generate_random(struct generator *g)
{
    g->random = g->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(g->random >> 32);
}

static uint32_t below(struct generator *g, uint32_t n)
{
    return (uint32_t)((uint64_t)generate_random(g) * n >> 32);
}

static const uint32_t special_floats[] = {
    0,          0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFC12345,
    0x00000001, 0x807FFFFF, 0x00800000, 0x7F7FFFFF, 0x3F800000, 0xBF800000, 0x4F000000,
    0xCF000000, 0x4F800000, 0x33800000, 0x477FE000, 0x38800000,
};
#define SPECIAL_FLOATS (sizeof special_floats / sizeof special_floats[0])

/* Numbers worth computing with. */
uint32_t generate_float(struct generator *g)
{
    uint32_t random = generate_random(g);

    switch (random & 7) {
    case 0: return special_floats[(random >> 8) % SPECIAL_FLOATS];
    case 1: return generate_random(g);
    case 2: return generate_random(g) & 0x80FFFFFF;
    default: return (generate_random(g) & 0x807FFFFF) | (112 + (random >> 8) % 32) << 23;
    }
}

static enum kind kind_of(const struct cpu_encoding *encoding)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (fnmatch(kinds[i].pattern, encoding->name, 0) == 0)
            return kinds[i].kind;
    }
    return PLAIN;
}

const uint32_t generate_far[FAR] = {CODE_BASE - 0xE00000, CODE_BASE - 0x600000, CODE_BASE + 0x500000,
                                    CODE_BASE + 0xD00000};

/* Where an offset in the generator's bytes lies. */
static uint32_t address_at(uint32_t at)
{
    if (at < CODE_SIZE)
        return CODE_BASE + at;
    return generate_far[(at - CODE_SIZE) / STUBS] + (at - CODE_SIZE) % STUBS;
}

static uint32_t here(const struct generator *g)
{
    return CODE_BASE + g->at;
}

static void half_put(struct generator *g, uint32_t at, uint32_t half)
{
    g->code[at] = (uint8_t)half;
    g->code[at + 1] = (uint8_t)(half >> 8);
}

static void count(struct generator *g, uint32_t at, uint32_t raw)
{
    struct cpu_op op;

    cpu_decode(&op, raw, false);
    g->instructions++;
    if (op.encoding < ENCODINGS_MAX)
        g->counts[op.encoding][at >> 1 & 1]++;
}

static uint32_t put_at(struct generator *g, uint32_t at, uint32_t raw)
{
    count(g, at, raw);
    if (cpu_is_wide(raw)) {
        half_put(g, at, raw >> 16);
        at += 2;
    }
    half_put(g, at, raw);
    return at + 2;
}

static void emit(struct generator *g, uint32_t raw)
{
    g->at = put_at(g, g->at, raw);
}

static void emit_move16(struct generator *g, uint32_t base, unsigned reg, uint32_t value)
{
    emit(g, base | reg << 8 | (value & 0xFF) | (value >> 8 & 7) << 12 | (value >> 11 & 1) << 26 |
                (value >> 12 & 15) << 16);
}

/* MOVW, MOVT; always 8 bytes. SP by way of a register that the instruction does not use. */
static void emit_set(struct generator *g, unsigned reg, uint32_t value)
{
    emit_move16(g, 0xF2400000, reg, value & 0xFFFF);
    emit_move16(g, 0xF2C00000, reg, value >> 16);
}

static void emit_set_sp(struct generator *g, unsigned by, uint32_t value)
{
    emit_set(g, by, value);
    emit(g, 0x4685 | by << 3); /* MOV SP, by */
}

static unsigned free_register(struct generator *g, uint32_t used)
{
    unsigned reg;

    do
        reg = below(g, 13);
    while (used >> reg & 1);
    return reg;
}

static uint32_t branch_wide(uint32_t from, uint32_t to, uint32_t opcode)
{
    uint32_t offset = to - (from + 4), s = offset >> 31, i1 = offset >> 23 & 1, i2 = offset >> 22 & 1;

    return opcode | s << 26 | (offset >> 12 & 0x3FF) << 16 | (!(i1 ^ s)) << 13 | (!(i2 ^ s)) << 11 |
           (offset >> 1 & 0x7FF);
}

/* A random instruction of 16 bits that only computes, to be skipped or not. */
static uint32_t filler(struct generator *g)
{
    return 0x1800 | (generate_random(g) & 0x7FF);
}

static bool plain(unsigned reg)
{
    return reg != 13 && reg != 15;
}

/* 15 is all right where the row itself says so: Rd of CMP, Rn of MOV, no Rd in a load. */
static bool registers_usable(const struct cpu_encoding *e, const struct cpu_op *op)
{
    bool no_d = op->length == 4 && e->value >= 0xEA000000u && e->value < 0xF8000000u &&
                (e->mask & e->value & 0xF00) == 0xF00;
    bool no_n = op->length == 4 && (e->mask & e->value & 0xF0000) == 0xF0000;
    bool no_a = strncmp(e->name, "LDREX", 5) == 0;

    return (plain(op->d) || no_d) && (plain(op->n) || no_n) && plain(op->m) && (plain(op->a) || no_a);
}

static bool bad_d_register(const struct cpu_op *op, unsigned one)
{
    return (op->raw & 0x100) && (op->raw >> one & 1);
}

static bool write_back_wrong(const struct cpu_encoding *e, const struct cpu_op *op)
{
    bool moves = strstr(e->name, "before") || strstr(e->name, "after");

    return moves && (op->n == op->d || op->n == op->a);
}

static bool multiple_wrong(const struct cpu_encoding *e, const struct cpu_op *op)
{
    bool load = strncmp(e->name, "LD", 2) == 0, wide = op->length == 4, has_base = op->imm >> op->n & 1;
    unsigned registers = (unsigned)__builtin_popcount(op->imm);

    if (op->n == 15 || op->n == 13 || registers < (wide ? 2u : 1u) || (op->raw >> 16 && (op->raw & 0x2000)))
        return true;
    if (wide && ((op->imm & 0xC000) == 0xC000 || (!load && (op->imm & 0x8000))))
        return true;
    if (wide && has_base && (op->raw & 1u << 21))
        return true;
    return !wide && !load && has_base && (op->imm & ((1u << op->n) - 1));
}

static bool fp_memory_wrong(const struct cpu_encoding *e, const struct cpu_op *op)
{
    bool multiple = e->name[3] == 'M';
    unsigned words = op->raw & 0xFF;

    if (bad_d_register(op, 22) || op->n == 13 || (op->n == 15 && strncmp(e->name, "VLDR", 4) != 0))
        return true;
    return multiple &&
           (words == 0 || words > 32 || words > 32u - op->d || ((op->raw & 0x100) && (words & 1)));
}

/* Operands that the architecture leaves open, or that this generator does not provide for. */
static bool operands_wrong(const struct cpu_encoding *e, enum kind kind, const struct cpu_op *op)
{
    uint32_t low = op->extra;

    switch (kind) {
    case PLAIN:
        if (strcmp(e->name, "SSAT") == 0 || strcmp(e->name, "USAT") == 0)
            return !registers_usable(e, op) || (op->raw & 0x2070C0) == 0x200000;
        return !registers_usable(e, op);
    case FREE: return op->raw == 0xBF10 || op->raw == 0xF3AF8001; /* YIELD stops unicorn */
    case STATUS: return !plain(op->d) || !plain(op->n);
    case HIGH:
        if (e->value == 0x4500)
            return op->m == 15 || op->n == 15 || (op->m < 8 && op->n < 8);
        return (op->d == 15 || op->d == 13) && (op->m == 15 || op->m == 13);
    case INSERT: return op->d == 13 || op->d == 15 || op->n == 13 || (op->raw & 31) < low;
    case EXTRACT: return !registers_usable(e, op) || (op->raw & 31) + low > 31;
    case LONG_RESULT: return !registers_usable(e, op) || op->d == op->a;
    case LITERAL: return !registers_usable(e, op);
    case SINGLE:
        return !registers_usable(e, op) || write_back_wrong(e, op) ||
               (strstr(e->name, "reg") && op->n == op->m);
    case PC_LOAD:
        return op->n == 13 || op->n == 15 || (strstr(e->name, "reg") && (!plain(op->m) || op->n == op->m));
    case ON_STACK: return !op->imm && e->value >= 0xB000;
    case MULTIPLE: return multiple_wrong(e, op);
    case EXCLUSIVE:
        return !registers_usable(e, op) || (e->name[0] == 'S' && (op->a == op->n || op->a == op->d));
    case TABLE: return op->m == 13 || op->m == 15 || op->n == 13 || op->n == op->m;
    case DUAL:
        if (op->n == 15 && strcmp(e->name, "LDRD offset") == 0)
            return !plain(op->d) || !plain(op->a) || op->d == op->a;
        return !registers_usable(e, op) || write_back_wrong(e, op) || (e->name[0] == 'L' && op->d == op->a);
    case INDIRECT: return op->m == 13 || op->m == 15 || (op->raw & 7);
    case FP_FIXED:
        return (op->raw & 0x80 ? 32u : 16u) < (cpu_field(op->raw, 0, 4) << 1 | cpu_field(op->raw, 5, 1));
    case FP_CORE: return bad_d_register(op, 7) || op->n == 13 || op->n == 15;
    case FP_PAIR:
        return bad_d_register(op, 5) || op->d == 31 || op->n == 13 || op->n == 15 || op->a == 13 ||
               op->a == 15 || op->n == op->a;
    case FP_STATUS: return op->n == 13 || (op->n == 15 && e->value == 0xEEE10A10);
    case FP_MEMORY: return fp_memory_wrong(e, op);
    default: return false;
    }
}

static uint32_t scratch_address(struct generator *g, uint32_t size, uint32_t align)
{
    return SCRATCH_BASE + ((16 + below(g, SCRATCH_SIZE - 32 - size)) & ~(align - 1));
}

/* Bytes between the base register and the address that is accessed. */
static uint32_t offset_of(const struct cpu_encoding *e, const struct cpu_op *op, uint32_t index)
{
    if (strstr(e->name, "after"))
        return 0;
    return strstr(e->name, "reg") ? index << op->amount : op->imm;
}

static void emit_single(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    uint32_t index = generate_random(g), address = scratch_address(g, 8, below(g, 2) ? 4 : 1);

    if (strstr(e->name, "reg"))
        emit_set(g, op->m, index);
    emit_set(g, op->n, address - offset_of(e, op, index));
    emit(g, op->raw);
}

/* A word to be loaded into PC: the target behind `size` more bytes, stored at `address`. */
static void emit_target(struct generator *g, uint32_t address, uint32_t used, uint32_t size)
{
    unsigned a = free_register(g, used), b = free_register(g, used | 1u << a);

    emit_set(g, a, address);
    emit_set(g, b, (here(g) + 8 + 4 + size) | 1);
    emit(g, 0xF8C00000 | a << 16 | b << 12); /* STR.W */
}

static void emit_pc_load(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    bool reg = strstr(e->name, "reg");
    uint32_t index = generate_random(g), address = scratch_address(g, 8, 4), skip = 2 * below(g, 3);

    emit_target(g, address, 1u << op->n | 1u << op->m, 8u + (reg ? 8 : 0) + 4 + skip);
    if (reg)
        emit_set(g, op->m, index);
    emit_set(g, op->n, address - offset_of(e, op, index));
    emit(g, op->raw);
    for (; skip; skip -= 2)
        emit(g, filler(g));
}

/* LDR.W PC, [PC, ±n]: the word lies behind it, or before it with a branch around; on a multiple of 4. */
static void emit_pc_literal(struct generator *g, const struct cpu_encoding *e)
{
    uint32_t word, base;

    if (below(g, 2)) {
        base = (g->at + 4) & ~3u;
        word = (g->at + 4 + 3) & ~3u;
        emit(g, e->value | 1u << 23 | (word - base));
        g->at = word + 4;
    } else {
        word = (g->at + 2 + 3) & ~3u;
        emit(g, 0xE000 | (word + 4 - (g->at + 4)) / 2);
        g->at = word + 4;
        if (below(g, 2))
            g->at += 2, half_put(g, word + 4, 0xBF00);
        base = (g->at + 4) & ~3u;
        emit(g, e->value | (base - word));
    }
    half_put(g, word, here(g) | 1);
    half_put(g, word + 2, here(g) >> 16);
}

static void emit_stack(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    bool relative = strstr(e->name, "sp 16"), pc = e->value == 0xBC00 && (op->raw & 0x100);
    uint32_t sp = SCRATCH_BASE + (64 + below(g, 900)) * 4, used = relative ? 1u << op->d : 0;

    sp = relative ? SCRATCH_BASE + ((below(g, 512) * 4) & ~3u) : sp;
    if (pc)
        emit_target(g, sp + op->amount - 4, 0, 10 + 2);
    emit_set_sp(g, free_register(g, used), sp);
    emit(g, op->raw);
}

static void emit_multiple(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    bool down = strstr(e->name, "DB"), pc = e->name[0] == 'L' && (op->imm & 0x8000);
    uint32_t address = scratch_address(g, 128, 4);

    if (pc)
        emit_target(g, address + op->amount - 4, 1u << op->n, 8 + 4);
    emit_set(g, op->n, address + (down ? op->amount : 0));
    emit(g, op->raw);
}

/* A load is cleared at once, or followed by the store that belongs to it: monitors may differ in what they keep. */
static void emit_exclusive(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    uint32_t address = scratch_address(g, 8, 4);

    emit_set(g, op->n, address - op->imm);
    if (e->name[0] == 'S' && below(g, 2)) {
        unsigned to = free_register(g, 1u << op->n);

        if (op->amount == 4)
            emit(g, 0xE8500F00 | (uint32_t)op->n << 16 | to << 12 | op->imm / 4);
        else
            emit(g, 0xE8D00F4F | (uint32_t)op->n << 16 | to << 12 | (op->amount == 2 ? 0x10 : 0));
    }
    emit(g, op->raw);
    if (e->name[0] == 'L')
        emit(g, 0xF3BF8F2F); /* CLREX */
}

static void emit_table(struct generator *g, const struct cpu_op *op)
{
    bool halves = op->raw & 0x10;
    uint32_t index = below(g, 2), skip = below(g, 3), address = scratch_address(g, 8, halves ? 2 : 1);

    if (op->n == 15) {
        emit_set(g, op->m, index);
        emit(g, op->raw);
        half_put(g, g->at, halves ? 2 + skip : (2 + skip) * 0x101);
        half_put(g, g->at + 2, 2 + skip);
        g->at += 4;
    } else {
        unsigned by = free_register(g, 1u << op->n | 1u << op->m);

        emit_set(g, op->n, address - (index << halves));
        emit_set(g, op->m, index);
        emit_set(g, by, skip);
        emit(g, (halves ? 0xF8200010 : 0xF8000000) | (uint32_t)op->n << 16 | by << 12 | op->m);
        emit(g, op->raw);
    }
    while (skip--)
        emit(g, filler(g));
}

static void emit_dual(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    if (op->n != 15)
        emit_set(g, op->n, scratch_address(g, 8, 4) - offset_of(e, op, 0));
    emit(g, op->raw);
}

static void emit_indirect(struct generator *g, const struct cpu_op *op)
{
    uint32_t skip = below(g, 3);

    emit_set(g, op->m, (here(g) + 8 + 2 + 2 * skip) | 1);
    emit(g, op->raw);
    while (skip--)
        emit(g, filler(g));
}

/* MOV PC, Rm and ADD PC, Rm. SP gets multiples of 4: unicorn keeps the two bits that SP does not have. */
static void emit_high(struct generator *g, const struct cpu_op *op)
{
    uint32_t skip = below(g, 3);

    if (op->d == 15 && (op->raw & 0xFF00) == 0x4600)
        emit_set(g, op->m, here(g) + 8 + 2 + 2 * skip);
    else if (op->d == 15)
        emit_set(g, op->m, 2 * skip - 2);
    else
        skip = 0;
    if (op->d == 13)
        emit_set(g, op->m, generate_random(g) & ~3u);
    emit(g, op->raw);
    while (skip--)
        emit(g, filler(g));
}

/* A stub in one of the first `areas` areas that comes back to the instruction after the next 4 bytes. */
static uint32_t stub_make(struct generator *g, unsigned areas)
{
    unsigned area = below(g, areas);
    uint32_t at = g->stubs[area];

    g->stubs[area] = put_at(g, at, branch_wide(address_at(at), here(g) + 4, 0xF0009000));
    return address_at(at);
}

static uint32_t conditional_wide(uint32_t from, uint32_t to, uint32_t condition)
{
    uint32_t offset = to - (from + 4);

    return 0xF0008000 | (offset >> 31) << 26 | condition << 22 | (offset >> 12 & 0x3F) << 16 |
           (offset >> 18 & 1) << 13 | (offset >> 19 & 1) << 11 | (offset >> 1 & 0x7FF);
}

/* Forward over fillers; the 16-bit ones also backwards: forward to a second branch that comes back. */
static void emit_branch(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    uint32_t skip = 1 + below(g, 30), condition = below(g, 14);

    if (e->value == 0xF0009000 || e->value == 0xF000D000) {
        emit(g, branch_wide(here(g), stub_make(g, 2 + FAR), e->value));
        return;
    }
    if (e->value == 0xF0008000) {
        emit(g, conditional_wide(here(g), stub_make(g, 2), condition));
        return;
    }
    if (e->value == 0xE000 && below(g, 2)) {
        emit(g, 0xE000 | skip); /* to the branch back */
        for (uint32_t i = 0; i < skip; i++)
            emit(g, filler(g));
        emit(g, 0xE000); /* done: over the branch back */
        emit(g, 0xE000 | (-(skip + 3) & 0x7FF));
        return;
    }
    skip = e->value == 0xE000 ? skip : 1 + below(g, 6);
    if (e->value == 0xE000)
        emit(g, 0xE000 | (skip - 1));
    else if (e->value == 0xD000)
        emit(g, 0xD000 | condition << 8 | (skip - 1));
    else
        emit(g, e->value | (op->raw & 7) | ((skip - 1) & 31) << 3);
    while (skip--)
        emit(g, filler(g));
}

static void emit_status(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    static const uint8_t readable[] = {0, 1, 2, 3, 5, 6, 7, 8, 9, 16, 17, 19};

    if (e->value == 0xF3808000)
        emit(g, (op->raw & 0xFFFF0000u) | 0x8000 | (1 + below(g, 3)) << 10);
    else
        emit(g, (op->raw & 0xFFFFFF00u) | readable[below(g, sizeof readable)]);
}

static void emit_fp_status(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    if (e->value == 0xEEE10A10) {
        /* often plain modes, so that results are looked at in them too */
        uint32_t modes = below(g, 2) ? 0 : generate_random(g) & 0x07C00000;

        emit_set(g, op->n, (generate_random(g) & 0xF000009F) | modes);
    }
    emit(g, op->raw);
}

static void emit_fp_memory(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    bool down = strstr(e->name, "DB"), multiple = e->name[3] == 'M';
    uint32_t address = scratch_address(g, 136, 4);

    if (op->n != 15)
        emit_set(g, op->n, multiple ? address + (down ? (op->raw & 0xFF) * 4 : 0) : address - op->imm);
    emit(g, op->raw);
}

/* From fixed point rounds to nearest always; unicorn takes the rounding mode: so the mode is made nearest. */
static void emit_fixed(struct generator *g, const struct cpu_encoding *e, const struct cpu_op *op)
{
    if (e->value == 0xEEBA0A40) {
        emit_set(g, 0, generate_random(g) & 0x07000000);
        emit(g, 0xEEE10A10);
    }
    emit(g, op->raw);
}

/* Every fourth time with operands as they are not met by chance: infinity times zero plus a NaN. */
static void emit_fp(struct generator *g, const struct cpu_op *op)
{
    const uint8_t registers[3] = {op->d, op->n, op->m};

    bool chosen = below(g, 4) == 0;

    for (unsigned i = 0; chosen && i < 3; i++) {
        uint32_t core = below(g, 13), s = registers[i] & 31u;

        emit_set(g, core,
                 below(g, 2) ? special_floats[below(g, (uint32_t)SPECIAL_FLOATS)] : generate_float(g));
        emit(g, 0xEE000A10 | (s >> 1) << 16 | core << 12 | (s & 1) << 7);
    }
    emit(g, op->raw);
}

static void emit_kind(struct generator *g, const struct cpu_encoding *e, enum kind kind,
                      const struct cpu_op *op)
{
    switch (kind) {
    case HIGH: emit_high(g, op); break;
    case PC_LITERAL: emit_pc_literal(g, e); break;
    case PC_LOAD: emit_pc_load(g, e, op); break;
    case SINGLE: emit_single(g, e, op); break;
    case ON_STACK: emit_stack(g, e, op); break;
    case MULTIPLE: emit_multiple(g, e, op); break;
    case EXCLUSIVE: emit_exclusive(g, e, op); break;
    case TABLE: emit_table(g, op); break;
    case DUAL: emit_dual(g, e, op); break;
    case INDIRECT: emit_indirect(g, op); break;
    case BRANCH_KIND: emit_branch(g, e, op); break;
    case STATUS: emit_status(g, e, op); break;
    case FP_STATUS: emit_fp_status(g, e, op); break;
    case FP_MEMORY: emit_fp_memory(g, e, op); break;
    case FP_FIXED: emit_fixed(g, e, op); break;
    case FP_FREE: emit_fp(g, op); break;
    default: emit(g, op->raw); break;
    }
}

static const struct cpu_encoding *choose(struct generator *g, enum kind *kind, struct cpu_op *op)
{
    const struct cpu_encoding *e;
    unsigned number;

    for (;;) {
        number = below(g, g->encodings);
        if (g->skip[number])
            continue;
        e = cpu_encoding_get(number);
        *kind = kind_of(e);
        for (unsigned tries = 0; tries < 200; tries++) {
            cpu_decode(op, e->value | (generate_random(g) & ~e->mask), false);
            if (op->encoding == number && !operands_wrong(e, *kind, op))
                return e;
        }
    }
}

/* 1 to 4 instructions that need nothing beforehand and do not branch. */
static void emit_it(struct generator *g)
{
    unsigned length = 1 + below(g, 4), condition = below(g, 15);
    uint32_t mask = 1u << (4 - length);

    for (unsigned i = 1; i < length; i++) {
        bool same = condition == 14 || below(g, 2);

        mask |= (same ? condition & 1 : !(condition & 1)) << (4 - i);
    }
    emit(g, 0xBF00 | condition << 4 | mask);
    while (length) {
        struct cpu_op op;
        enum kind kind;

        choose(g, &kind, &op);
        if (kind != PLAIN && kind != INSERT && kind != EXTRACT && kind != LONG_RESULT && kind != LITERAL &&
            kind != FP_FREE && kind != FP_CORE && kind != FP_PAIR)
            continue;
        emit(g, op.raw);
        length--;
    }
}

/* A memory or branch instruction alone in its block; what it needs comes before. Bound by moving the block in. */
uint32_t generate_sequence(struct generator *g, unsigned wanted)
{
    uint64_t end = g->instructions + wanted;
    uint32_t start;

    if (below(g, 2))
        g->at = (g->at + 3) & ~3u;
    start = g->at;
    emit(g, 0xF3BF8F2F); /* CLREX */
    while (g->instructions < end) {
        struct cpu_op op;
        enum kind kind;
        const struct cpu_encoding *e = choose(g, &kind, &op);

        if (kind == IT_BLOCK || below(g, 16) == 0)
            emit_it(g);
        else
            emit_kind(g, e, kind, &op);
    }
    return start;
}
