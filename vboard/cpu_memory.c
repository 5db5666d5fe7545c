/*
 * Loads and stores: single, dual, multiple, exclusive, unprivileged, and the table branches.
 *
 * An access comes before every change of a register, so that an instruction that faults can be run again.
 * The monitor of LDREX/STREX holds no address, as on this core: any LDREX sets it, STREX, CLREX, exception
 * entry and return clear it.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_decode.h"

/* extra, where the address is Rn and an immediate: */
enum { INDEX_BEFORE = 1, WRITE_BACK = 2 };

static uint32_t load_s8(struct cpu *cpu, uint32_t address)
{
    return (uint32_t)cpu_extend(cpu_load8(cpu, address), 8);
}

static uint32_t load_s16(struct cpu *cpu, uint32_t address)
{
    return (uint32_t)cpu_extend(cpu_load16(cpu, address), 16);
}

#define ADDRESS_OFFSET   (cpu->r[op->n] + op->imm)
#define ADDRESS_REGISTER (cpu->r[op->n] + (cpu->r[op->m] << op->amount))
#define ADDRESS_LITERAL  ((cpu->r[15] & ~3u) + op->imm)

#define LOAD(name, load)                                                                                     \
    static void name##_offset(struct cpu *cpu, const struct cpu_op *op)                                      \
    {                                                                                                        \
        cpu->r[op->d] = load(cpu, ADDRESS_OFFSET);                                                           \
    }                                                                                                        \
    static void name##_register(struct cpu *cpu, const struct cpu_op *op)                                    \
    {                                                                                                        \
        cpu->r[op->d] = load(cpu, ADDRESS_REGISTER);                                                         \
    }                                                                                                        \
    static void name##_literal(struct cpu *cpu, const struct cpu_op *op)                                     \
    {                                                                                                        \
        cpu->r[op->d] = load(cpu, ADDRESS_LITERAL);                                                          \
    }                                                                                                        \
    static void name##_index(struct cpu *cpu, const struct cpu_op *op)                                       \
    {                                                                                                        \
        uint32_t moved = ADDRESS_OFFSET,                                                                     \
                 value = load(cpu, op->extra & INDEX_BEFORE ? moved : cpu->r[op->n]);                        \
                                                                                                             \
        cpu->r[op->n] = moved;                                                                               \
        cpu->r[op->d] = value;                                                                               \
    }

#define STORE(name, store)                                                                                   \
    static void name##_offset(struct cpu *cpu, const struct cpu_op *op)                                      \
    {                                                                                                        \
        store(cpu, ADDRESS_OFFSET, cpu->r[op->d]);                                                           \
    }                                                                                                        \
    static void name##_register(struct cpu *cpu, const struct cpu_op *op)                                    \
    {                                                                                                        \
        store(cpu, ADDRESS_REGISTER, cpu->r[op->d]);                                                         \
    }                                                                                                        \
    static void name##_index(struct cpu *cpu, const struct cpu_op *op)                                       \
    {                                                                                                        \
        uint32_t moved = ADDRESS_OFFSET;                                                                     \
                                                                                                             \
        store(cpu, op->extra &INDEX_BEFORE ? moved : cpu->r[op->n], cpu->r[op->d]);                          \
        cpu->r[op->n] = moved;                                                                               \
    }

LOAD(ldr, cpu_load32)
LOAD(ldrh, cpu_load16)
LOAD(ldrb, cpu_load8)
LOAD(ldrsh, load_s16)
LOAD(ldrsb, load_s8)
STORE(str, cpu_store32)
STORE(strh, cpu_store16)
STORE(strb, cpu_store8)

/* LDR into PC, every way. */
static void ldr_pc_offset(struct cpu *cpu, const struct cpu_op *op)
{
    cpu_branch_exchange(cpu, cpu_load32(cpu, ADDRESS_OFFSET));
}

static void ldr_pc_register(struct cpu *cpu, const struct cpu_op *op)
{
    cpu_branch_exchange(cpu, cpu_load32(cpu, ADDRESS_REGISTER));
}

static void ldr_pc_literal(struct cpu *cpu, const struct cpu_op *op)
{
    cpu_branch_exchange(cpu, cpu_load32(cpu, ADDRESS_LITERAL));
}

static void ldr_pc_index(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t moved = ADDRESS_OFFSET;
    uint32_t value = cpu_load32(cpu, op->extra & INDEX_BEFORE ? moved : cpu->r[op->n]);

    cpu->r[op->n] = moved;
    cpu_branch_exchange(cpu, value);
}

/* LDRT and its family: amount is the size, extra nonzero sign-extends. */
static void load_unprivileged(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t value = cpu_load_as(cpu, ADDRESS_OFFSET, op->amount, false);

    cpu->r[op->d] = op->extra ? (uint32_t)cpu_extend(value, op->amount * 8u) : value;
}

static void store_unprivileged(struct cpu *cpu, const struct cpu_op *op)
{
    cpu_store_as(cpu, ADDRESS_OFFSET, op->amount, cpu->r[op->d], false);
}

static void hint(struct cpu *cpu, const struct cpu_op *op)
{
    (void)cpu;
    (void)op;
}

/* LDRD, STRD: registers d and a. */
static uint32_t dual_address(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t base = op->n == 15 ? cpu->r[15] & ~3u : cpu->r[op->n];
    uint32_t address = op->extra & INDEX_BEFORE ? base + op->imm : base;

    cpu_aligned(cpu, address, 4);
    return address;
}

static void ldrd(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t address = dual_address(cpu, op);
    uint32_t first = cpu_load32(cpu, address), second = cpu_load32(cpu, address + 4);

    if (op->extra & WRITE_BACK)
        cpu->r[op->n] += op->imm;
    cpu->r[op->d] = first;
    cpu->r[op->a] = second;
}

static void strd(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t address = dual_address(cpu, op);

    cpu_store32(cpu, address, cpu->r[op->d]);
    cpu_store32(cpu, address + 4, cpu->r[op->a]);
    if (op->extra & WRITE_BACK)
        cpu->r[op->n] += op->imm;
}

/* Load and store multiple. imm: list of registers; amount: how many bytes; extra: as above, BEFORE = DB. */
static void load_list(struct cpu *cpu, uint32_t address, uint32_t list, uint32_t values[16])
{
    cpu_aligned(cpu, address, 4);
    for (unsigned i = 0; list; list &= list - 1, i++)
        values[i] = cpu_load32(cpu, address + 4 * i);
}

static void ldm(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t values[16], list = op->imm, base = cpu->r[op->n];
    unsigned i = 0;

    load_list(cpu, op->extra & INDEX_BEFORE ? base - op->amount : base, list, values);
    if (op->extra & WRITE_BACK)
        cpu->r[op->n] = op->extra & INDEX_BEFORE ? base - op->amount : base + op->amount;
    for (list &= 0x7FFF; list; list &= list - 1)
        cpu->r[__builtin_ctz(list)] = values[i++];
    if (op->imm & 0x8000)
        cpu_branch_exchange(cpu, values[i]);
}

static void stm(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t base = cpu->r[op->n], address = op->extra & INDEX_BEFORE ? base - op->amount : base;

    cpu_aligned(cpu, address, 4);
    for (uint32_t list = op->imm; list; list &= list - 1, address += 4)
        cpu_store32(cpu, address, cpu->r[__builtin_ctz(list)]);
    if (op->extra & WRITE_BACK)
        cpu->r[op->n] = op->extra & INDEX_BEFORE ? base - op->amount : base + op->amount;
}

/* Exclusive. amount: size. */
static void ldrex(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t address = ADDRESS_OFFSET;

    cpu_aligned(cpu, address, op->amount);
    cpu->r[op->d] = op->amount == 4   ? cpu_load32(cpu, address)
                    : op->amount == 2 ? cpu_load16(cpu, address)
                                      : cpu_load8(cpu, address);
    cpu->exclusive = true;
}

static void strex(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t address = ADDRESS_OFFSET, value = cpu->r[op->d];

    cpu_aligned(cpu, address, op->amount);
    if (cpu->exclusive) {
        if (op->amount == 4)
            cpu_store32(cpu, address, value);
        else if (op->amount == 2)
            cpu_store16(cpu, address, value);
        else
            cpu_store8(cpu, address, value);
    }
    cpu->r[op->a] = !cpu->exclusive;
    cpu->exclusive = false;
}

static void tbb(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t offset = cpu_load8(cpu, cpu->r[op->n] + cpu->r[op->m]);

    cpu_branch(cpu, cpu->r[15] + 2 * offset);
}

static void tbh(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t offset = cpu_load16(cpu, cpu->r[op->n] + 2 * cpu->r[op->m]);

    cpu_branch(cpu, cpu->r[15] + 2 * offset);
}

/* Formats. */

static void format_literal_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = (uint8_t)cpu_field(op->raw, 8, 3);
    op->imm = cpu_field(op->raw, 0, 8) * 4;
}

static void format_register_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = (uint8_t)cpu_field(op->raw, 0, 3);
    op->n = (uint8_t)cpu_field(op->raw, 3, 3);
    op->m = (uint8_t)cpu_field(op->raw, 6, 3);
}

static void format_word_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_register_16(op, encoding);
    op->m = 0;
    op->imm = cpu_field(op->raw, 6, 5) * 4;
}

static void format_half_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_word_16(op, encoding);
    op->imm /= 2;
}

static void format_byte_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_word_16(op, encoding);
    op->imm /= 4;
}

static void format_sp_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_literal_16(op, encoding);
    op->n = 13;
}

static void list_set(struct cpu_op *op, unsigned n, uint32_t list, unsigned extra)
{
    op->n = (uint8_t)n;
    op->imm = list;
    op->amount = (uint8_t)(4 * __builtin_popcount(list));
    op->extra = (uint8_t)extra;
}

static void format_push(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    list_set(op, 13, (op->raw & 0xFF) | (op->raw & 0x100) << 6, WRITE_BACK | INDEX_BEFORE);
}

static void format_pop(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    list_set(op, 13, (op->raw & 0xFF) | (op->raw & 0x100) << 7, WRITE_BACK);
}

static void format_multiple_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    unsigned n = cpu_field(op->raw, 8, 3);
    bool base_loaded = encoding->execute == ldm && (op->raw >> n & 1);

    list_set(op, n, op->raw & 0xFF, base_loaded ? 0 : WRITE_BACK);
}

static void format_multiple(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    bool before = (op->raw & 1u << 24) != 0, write_back = (op->raw & 1u << 21) != 0;
    unsigned n = cpu_field(op->raw, 16, 4);

    if (encoding->execute == ldm && (op->raw >> n & 1))
        write_back = false; /* UNPREDICTABLE */
    list_set(op, n, op->raw & 0xDFFF, (write_back ? WRITE_BACK : 0u) | (before ? INDEX_BEFORE : 0u));
}

static void format_single(struct cpu_op *op)
{
    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->d = (uint8_t)cpu_field(op->raw, 12, 4);
}

static void format_imm12(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    format_single(op);
    op->imm = cpu_field(op->raw, 0, 12);
}

static void format_literal(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    format_imm12(op, encoding);
    op->n = 0;
    if (!(op->raw & 1u << 23))
        op->imm = -op->imm;
}

static void format_register(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    format_single(op);
    op->m = (uint8_t)cpu_field(op->raw, 0, 4);
    op->amount = (uint8_t)cpu_field(op->raw, 4, 2);
}

/* Immediate of 8 bits: P, U, W in bits 10, 9, 8. */
static void format_index(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    format_single(op);
    op->imm = op->raw & 1u << 9 ? op->raw & 0xFF : -(op->raw & 0xFF);
    op->extra = op->raw & 1u << 10 ? INDEX_BEFORE : 0;
}

static void format_unprivileged(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    format_single(op);
    op->imm = op->raw & 0xFF;
    op->amount = (uint8_t)(1u << cpu_field(op->raw, 21, 2));
    op->extra = (uint8_t)cpu_field(op->raw, 24, 1);
}

static void format_dual(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    format_single(op);
    op->a = (uint8_t)cpu_field(op->raw, 8, 4);
    op->imm = op->raw & 1u << 23 ? (op->raw & 0xFF) * 4 : -((op->raw & 0xFF) * 4);
    op->extra = (uint8_t)((op->raw & 1u << 24 ? INDEX_BEFORE : 0) | (op->raw & 1u << 21 ? WRITE_BACK : 0));
}

static void format_exclusive(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    format_single(op);
    op->a = (uint8_t)cpu_field(op->raw, 8, 4);
    op->imm = (op->raw & 0xFF) * 4;
    op->amount = 4;
}

static void format_exclusive_small(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    format_single(op);
    op->a = (uint8_t)cpu_field(op->raw, 0, 4);
    op->amount = (uint8_t)(1u << cpu_field(op->raw, 4, 2));
}

static void format_table(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->m = (uint8_t)cpu_field(op->raw, 0, 4);
}

/* clang-format off */
/* Indexed: P=1 W=0 U=0 (negative offset), P=1 W=1 (before), P=0 W=1 (after). */
#define SINGLE(name, high, operation)                                                       \
    {name " imm12",    0xFFF00000, 0xF8800000 | (high), format_imm12, operation##_offset, NULL},   \
    {name " reg",      0xFFF00FC0, 0xF8000000 | (high), format_register, operation##_register, NULL}, \
    {name " negative", 0xFFF00F00, 0xF8000C00 | (high), format_index, operation##_offset, NULL},   \
    {name " before",   0xFFF00D00, 0xF8000D00 | (high), format_index, operation##_index, NULL},    \
    {name " after",    0xFFF00D00, 0xF8000900 | (high), format_index, operation##_index, NULL}

#define UNPRIVILEGED(name, high, operation) \
    {name, 0xFFF00F00, 0xF8000E00 | (high), format_unprivileged, operation, NULL}

#define LITERAL(name, high, operation) \
    {name " literal", 0xFF7F0000, 0xF81F0000 | (high), format_literal, operation##_literal, NULL}

/* Loads of bytes and halfwords into PC are hints (PLD, PLI) that do nothing here. */
#define PRELOAD(name, high)                                                                 \
    {name " literal", 0xFF7FF000, 0xF81FF000 | (high), cpu_format_none, hint, NULL},               \
    {name " imm12",   0xFFF0F000, 0xF890F000 | (high), cpu_format_none, hint, NULL},               \
    {name " reg",     0xFFF0FFC0, 0xF810F000 | (high), cpu_format_none, hint, NULL},               \
    {name " imm8",    0xFFF0FF00, 0xF810FC00 | (high), cpu_format_none, hint, NULL}

static const struct cpu_encoding rows[] = {
    {"LDR literal 16", 0xFFFFF800, 0x4800, format_literal_16, ldr_literal, NULL},
    {"STR reg 16",   0xFFFFFE00, 0x5000, format_register_16, str_register, NULL},
    {"STRH reg 16",  0xFFFFFE00, 0x5200, format_register_16, strh_register, NULL},
    {"STRB reg 16",  0xFFFFFE00, 0x5400, format_register_16, strb_register, NULL},
    {"LDRSB reg 16", 0xFFFFFE00, 0x5600, format_register_16, ldrsb_register, NULL},
    {"LDR reg 16",   0xFFFFFE00, 0x5800, format_register_16, ldr_register, NULL},
    {"LDRH reg 16",  0xFFFFFE00, 0x5A00, format_register_16, ldrh_register, NULL},
    {"LDRB reg 16",  0xFFFFFE00, 0x5C00, format_register_16, ldrb_register, NULL},
    {"LDRSH reg 16", 0xFFFFFE00, 0x5E00, format_register_16, ldrsh_register, NULL},
    {"STR imm 16",   0xFFFFF800, 0x6000, format_word_16, str_offset, NULL},
    {"LDR imm 16",   0xFFFFF800, 0x6800, format_word_16, ldr_offset, NULL},
    {"STRB imm 16",  0xFFFFF800, 0x7000, format_byte_16, strb_offset, NULL},
    {"LDRB imm 16",  0xFFFFF800, 0x7800, format_byte_16, ldrb_offset, NULL},
    {"STRH imm 16",  0xFFFFF800, 0x8000, format_half_16, strh_offset, NULL},
    {"LDRH imm 16",  0xFFFFF800, 0x8800, format_half_16, ldrh_offset, NULL},
    {"STR sp 16",    0xFFFFF800, 0x9000, format_sp_16, str_offset, NULL},
    {"LDR sp 16",    0xFFFFF800, 0x9800, format_sp_16, ldr_offset, NULL},
    {"PUSH",         0xFFFFFE00, 0xB400, format_push, stm, NULL},
    {"POP",          0xFFFFFE00, 0xBC00, format_pop, ldm, NULL},
    {"STM 16",       0xFFFFF800, 0xC000, format_multiple_16, stm, NULL},
    {"LDM 16",       0xFFFFF800, 0xC800, format_multiple_16, ldm, NULL},

    {"STM",   0xFFD00000, 0xE8800000, format_multiple, stm, NULL},
    {"LDM",   0xFFD00000, 0xE8900000, format_multiple, ldm, NULL},
    {"STMDB", 0xFFD00000, 0xE9000000, format_multiple, stm, NULL},
    {"LDMDB", 0xFFD00000, 0xE9100000, format_multiple, ldm, NULL},

    {"STREX",  0xFFF00000, 0xE8400000, format_exclusive, strex, NULL},
    {"LDREX",  0xFFF00F00, 0xE8500F00, format_exclusive, ldrex, NULL},
    {"STREXB", 0xFFF00FF0, 0xE8C00F40, format_exclusive_small, strex, NULL},
    {"STREXH", 0xFFF00FF0, 0xE8C00F50, format_exclusive_small, strex, NULL},
    {"LDREXB", 0xFFF00FFF, 0xE8D00F4F, format_exclusive_small, ldrex, NULL},
    {"LDREXH", 0xFFF00FFF, 0xE8D00F5F, format_exclusive_small, ldrex, NULL},
    {"TBB",    0xFFF0FFF0, 0xE8D0F000, format_table, tbb, NULL},
    {"TBH",    0xFFF0FFF0, 0xE8D0F010, format_table, tbh, NULL},
    {"STRD offset", 0xFF700000, 0xE9400000, format_dual, strd, NULL},
    {"LDRD offset", 0xFF700000, 0xE9500000, format_dual, ldrd, NULL},
    {"STRD before", 0xFF700000, 0xE9600000, format_dual, strd, NULL},
    {"LDRD before", 0xFF700000, 0xE9700000, format_dual, ldrd, NULL},
    {"STRD after",  0xFF700000, 0xE8600000, format_dual, strd, NULL},
    {"LDRD after",  0xFF700000, 0xE8700000, format_dual, ldrd, NULL},

    PRELOAD("PLD", 0u), PRELOAD("PLDW", 0x00200000u), PRELOAD("PLI", 0x01000000u), PRELOAD("hint", 0x01200000u),
    {"LDR literal pc",   0xFF7FF000, 0xF85FF000, format_literal, ldr_pc_literal, NULL},
    {"LDR imm12 pc",     0xFFF0F000, 0xF8D0F000, format_imm12, ldr_pc_offset, NULL},
    {"LDR reg pc",       0xFFF0FFC0, 0xF850F000, format_register, ldr_pc_register, NULL},
    {"LDR negative pc",  0xFFF0FF00, 0xF850FC00, format_index, ldr_pc_offset, NULL},
    {"LDR before pc",    0xFFF0FD00, 0xF850FD00, format_index, ldr_pc_index, NULL},
    {"LDR after pc",     0xFFF0FD00, 0xF850F900, format_index, ldr_pc_index, NULL},
    LITERAL("LDRB", 0u, ldrb), LITERAL("LDRH", 0x00200000u, ldrh), LITERAL("LDR", 0x00400000u, ldr),
    LITERAL("LDRSB", 0x01000000u, ldrsb), LITERAL("LDRSH", 0x01200000u, ldrsh),
    UNPRIVILEGED("STRBT", 0u, store_unprivileged), UNPRIVILEGED("STRHT", 0x00200000u, store_unprivileged),
    UNPRIVILEGED("STRT", 0x00400000u, store_unprivileged), UNPRIVILEGED("LDRBT", 0x00100000u, load_unprivileged),
    UNPRIVILEGED("LDRHT", 0x00300000u, load_unprivileged), UNPRIVILEGED("LDRT", 0x00500000u, load_unprivileged),
    UNPRIVILEGED("LDRSBT", 0x01100000u, load_unprivileged), UNPRIVILEGED("LDRSHT", 0x01300000u, load_unprivileged),
    SINGLE("STRB", 0u, strb), SINGLE("STRH", 0x00200000u, strh), SINGLE("STR", 0x00400000u, str),
    SINGLE("LDRB", 0x00100000u, ldrb), SINGLE("LDRH", 0x00300000u, ldrh), SINGLE("LDR", 0x00500000u, ldr),
    {"LDRSB imm12",    0xFFF00000, 0xF9900000, format_imm12, ldrsb_offset, NULL},
    {"LDRSH imm12",    0xFFF00000, 0xF9B00000, format_imm12, ldrsh_offset, NULL},
    {"LDRSB reg",      0xFFF00FC0, 0xF9100000, format_register, ldrsb_register, NULL},
    {"LDRSH reg",      0xFFF00FC0, 0xF9300000, format_register, ldrsh_register, NULL},
    {"LDRSB negative", 0xFFF00F00, 0xF9100C00, format_index, ldrsb_offset, NULL},
    {"LDRSH negative", 0xFFF00F00, 0xF9300C00, format_index, ldrsh_offset, NULL},
    {"LDRSB before",   0xFFF00D00, 0xF9100D00, format_index, ldrsb_index, NULL},
    {"LDRSH before",   0xFFF00D00, 0xF9300D00, format_index, ldrsh_index, NULL},
    {"LDRSB after",    0xFFF00D00, 0xF9100900, format_index, ldrsb_index, NULL},
    {"LDRSH after",    0xFFF00D00, 0xF9300900, format_index, ldrsh_index, NULL},
};
/* clang-format on */

const struct cpu_encoding_table cpu_table_memory = {rows, sizeof rows / sizeof rows[0]};
