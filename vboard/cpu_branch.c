/*
 * Branches, IT, and the system instructions: MSR, MRS, CPS, hints, barriers, SVC, BKPT.
 *
 * WFI and WFE only say so; the run loop sleeps. Barriers have nothing to do: everything here is in order.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_decode.h"

enum special {
    SPECIAL_MSP = 8,
    SPECIAL_PSP = 9,
    SPECIAL_PRIMASK = 16,
    SPECIAL_BASEPRI = 17,
    SPECIAL_BASEPRI_MAX = 18,
    SPECIAL_FAULTMASK = 19,
    SPECIAL_CONTROL = 20,
};

static void nop(struct cpu *cpu, const struct cpu_op *op)
{
    (void)cpu;
    (void)op;
}

static void branch(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->next = cpu->r[15] + op->imm;
}

static void branch_link(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[14] = cpu->next | 1;
    cpu->next = cpu->r[15] + op->imm;
}

/* One function for each condition: the host predicts their branches apart. */
#define CONDITIONAL(number)                                                                                  \
    static void branch_##number(struct cpu *cpu, const struct cpu_op *op)                                    \
    {                                                                                                        \
        if (cpu_condition(cpu, number))                                                                      \
            cpu->next = cpu->r[15] + op->imm;                                                                \
    }
CONDITIONAL(0)
CONDITIONAL(1)
CONDITIONAL(2)
CONDITIONAL(3)
CONDITIONAL(4)
CONDITIONAL(5)
CONDITIONAL(6)
CONDITIONAL(7)
CONDITIONAL(8)
CONDITIONAL(9)
CONDITIONAL(10)
CONDITIONAL(11)
CONDITIONAL(12)
CONDITIONAL(13)

static cpu_execute *const conditional[14] = {
    branch_0, branch_1, branch_2, branch_3,  branch_4,  branch_5,  branch_6,
    branch_7, branch_8, branch_9, branch_10, branch_11, branch_12, branch_13,
};

static void cbz(struct cpu *cpu, const struct cpu_op *op)
{
    if (cpu->r[op->n] == 0)
        cpu->next = cpu->r[15] + op->imm;
}

static void cbnz(struct cpu *cpu, const struct cpu_op *op)
{
    if (cpu->r[op->n] != 0)
        cpu->next = cpu->r[15] + op->imm;
}

static void bx(struct cpu *cpu, const struct cpu_op *op)
{
    cpu_branch_exchange(cpu, cpu->r[op->m]);
}

static void blx(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t target = cpu->r[op->m];

    cpu->r[14] = cpu->next | 1;
    cpu->next = target & ~1u;
    if (!(target & 1)) {
        cpu->thumb = false;
        cpu_window_close(cpu);
    }
}

static void it(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->it = (uint8_t)op->imm;
    cpu->window_size = 0;
}

static void udf(struct cpu *cpu, const struct cpu_op *op)
{
    (void)op;
    cpu_fault(cpu, EXCEPTION_USAGE, UFSR_UNDEFINSTR);
}

static void svc(struct cpu *cpu, const struct cpu_op *op)
{
    (void)op;
    cpu_svc(cpu);
}

static void bkpt(struct cpu *cpu, const struct cpu_op *op)
{
    if (op->imm == 0xAB && cpu->config.host_call && cpu->config.host_call(cpu->config.context, cpu->debugger))
        return;
    if (!cpu->debugger)
        cpu_fault(cpu, EXCEPTION_DEBUG, 0);
    cpu->next = cpu->r[15] - 4;
    cpu->it = cpu->it_running;
    cpu->stop_request |= 1u << CPU_BREAKPOINT;
    cpu_attention(cpu);
}

static void wfi(struct cpu *cpu, const struct cpu_op *op)
{
    (void)op;
    cpu->sleep = SLEEP_WFI;
    cpu_attention(cpu);
}

static void wfe(struct cpu *cpu, const struct cpu_op *op)
{
    (void)op;
    if (cpu->event) {
        cpu->event = false;
    } else {
        cpu->sleep = SLEEP_WFE;
        cpu_attention(cpu);
    }
}

static void sev(struct cpu *cpu, const struct cpu_op *op)
{
    (void)op;
    cpu->event = true;
}

static void clrex(struct cpu *cpu, const struct cpu_op *op)
{
    (void)op;
    cpu->exclusive = false;
}

static void faultmask_write(struct cpu *cpu, bool on)
{
    if (!on)
        cpu->faultmask = 0;
    else if (cpu_execution_priority(cpu) > -1)
        cpu->faultmask = 1;
    cpu_bus_pages_choose(cpu);
}

/* extra: 1 F, 2 I, 0x10 disable. */
static void cps(struct cpu *cpu, const struct cpu_op *op)
{
    bool on = (op->extra & 0x10) != 0;

    if (!cpu_privileged(cpu))
        return;
    if (op->extra & 2)
        cpu->primask = on;
    if (op->extra & 1)
        faultmask_write(cpu, on);
    if (!on)
        cpu_attention(cpu);
}

static uint32_t *stack_pointer(struct cpu *cpu, bool process)
{
    bool process_active = cpu->ipsr == 0 && (cpu->control & CONTROL_SPSEL);

    return process == process_active ? &cpu->r[13] : &cpu->sp_other;
}

static void control_write(struct cpu *cpu, uint32_t value)
{
    bool swap = cpu->ipsr == 0 && ((value ^ cpu->control) & CONTROL_SPSEL);

    if (swap) {
        uint32_t other = cpu->sp_other;

        cpu->sp_other = cpu->r[13];
        cpu->r[13] = other;
    }
    if (cpu->ipsr != 0)
        value = (value & ~CONTROL_SPSEL) | (cpu->control & CONTROL_SPSEL);
    cpu->control = value & (CONTROL_NPRIV | CONTROL_SPSEL | CONTROL_FPCA);
    cpu->fp_ready = false;
    cpu_bus_pages_choose(cpu);
}

static void basepri_write(struct cpu *cpu, uint32_t value, bool only_raise)
{
    value &= 0xFFu << (8 - cpu->config.priority_bits) & 0xFF;
    if (only_raise && (value == 0 || (cpu->basepri != 0 && value >= cpu->basepri)))
        return;
    cpu->basepri = value;
}

static void msr(struct cpu *cpu, const struct cpu_op *op)
{
    uint32_t value = cpu->r[op->n];

    if (op->imm < 4) {
        if (op->extra & 2) {
            cpu_nzcv_set(cpu, value);
            cpu->q = value >> 27 & 1;
        }
        if (op->extra & 1)
            cpu->ge = value >> 16 & 15;
        return;
    }
    if (!cpu_privileged(cpu))
        return;
    switch (op->imm) {
    case SPECIAL_MSP: *stack_pointer(cpu, false) = value & ~3u; break;
    case SPECIAL_PSP: *stack_pointer(cpu, true) = value & ~3u; break;
    case SPECIAL_PRIMASK: cpu->primask = value & 1; break;
    case SPECIAL_BASEPRI: basepri_write(cpu, value, false); break;
    case SPECIAL_BASEPRI_MAX: basepri_write(cpu, value, true); break;
    case SPECIAL_FAULTMASK: faultmask_write(cpu, value & 1); break;
    case SPECIAL_CONTROL: control_write(cpu, value); break;
    default: break;
    }
    cpu_attention(cpu);
}

static uint32_t special_read(struct cpu *cpu, unsigned number)
{
    bool privileged = cpu_privileged(cpu);

    if (number < 8)
        return ((number & 4) ? 0 : cpu_apsr(cpu)) | (number & 1 ? cpu->ipsr : 0);
    if (number == SPECIAL_CONTROL)
        return cpu->control;
    if (!privileged)
        return 0;
    switch (number) {
    case SPECIAL_MSP: return *stack_pointer(cpu, false);
    case SPECIAL_PSP: return *stack_pointer(cpu, true);
    case SPECIAL_PRIMASK: return cpu->primask;
    case SPECIAL_BASEPRI:
    case SPECIAL_BASEPRI_MAX: return cpu->basepri;
    case SPECIAL_FAULTMASK: return cpu->faultmask;
    default: return 0;
    }
}

static void mrs(struct cpu *cpu, const struct cpu_op *op)
{
    cpu->r[op->d] = special_read(cpu, op->imm);
}

/* Formats. */

static void format_branch_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->imm = (uint32_t)cpu_extend(op->raw << 1, 12);
}

static void format_conditional_16(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->imm = (uint32_t)cpu_extend(op->raw << 1, 9);
    op->execute = conditional[cpu_field(op->raw, 8, 4)];
}

static void format_cbz(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->n = (uint8_t)cpu_field(op->raw, 0, 3);
    op->imm = cpu_field(op->raw, 9, 1) << 6 | cpu_field(op->raw, 3, 5) << 1;
}

static void format_bx(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->m = (uint8_t)cpu_field(op->raw, 3, 4);
}

static void format_imm8(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->imm = op->raw & 0xFF;
}

static void format_cps(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->extra = (uint8_t)(op->raw & 0x13);
}

static void format_branch(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    uint32_t sign = cpu_field(op->raw, 26, 1), j1 = cpu_field(op->raw, 13, 1), j2 = cpu_field(op->raw, 11, 1);
    uint32_t imm = sign << 24 | !(j1 ^ sign) << 23 | !(j2 ^ sign) << 22 | cpu_field(op->raw, 16, 10) << 12 |
                   cpu_field(op->raw, 0, 11) << 1;

    (void)encoding;
    op->imm = (uint32_t)cpu_extend(imm, 25);
}

static void format_conditional(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    uint32_t imm = cpu_field(op->raw, 26, 1) << 20 | cpu_field(op->raw, 11, 1) << 19 |
                   cpu_field(op->raw, 13, 1) << 18 | cpu_field(op->raw, 16, 6) << 12 |
                   cpu_field(op->raw, 0, 11) << 1;
    unsigned condition = cpu_field(op->raw, 22, 4);

    (void)encoding;
    op->imm = (uint32_t)cpu_extend(imm, 21);
    op->execute = condition < 14 ? conditional[condition] : udf;
}

static void format_msr(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->n = (uint8_t)cpu_field(op->raw, 16, 4);
    op->imm = op->raw & 0xFF;
    op->extra = (uint8_t)cpu_field(op->raw, 10, 2);
}

static void format_mrs(struct cpu_op *op, const struct cpu_encoding *encoding)
{
    (void)encoding;
    op->d = (uint8_t)cpu_field(op->raw, 8, 4);
    op->imm = op->raw & 0xFF;
}

/* clang-format off */
static const struct cpu_encoding rows[] = {
    {"BX",       0xFFFFFF80, 0x4700, format_bx, bx, NULL},
    {"BLX",      0xFFFFFF80, 0x4780, format_bx, blx, NULL},
    {"CBZ",      0xFFFFFD00, 0xB100, format_cbz, cbz, NULL},
    {"CBNZ",     0xFFFFFD00, 0xB900, format_cbz, cbnz, NULL},
    {"CPS",      0xFFFFFFEC, 0xB660, format_cps, cps, NULL},
    {"BKPT",     0xFFFFFF00, 0xBE00, format_imm8, bkpt, NULL},
    {"WFE 16",   0xFFFFFFFF, 0xBF20, cpu_format_none, wfe, NULL},
    {"WFI 16",   0xFFFFFFFF, 0xBF30, cpu_format_none, wfi, NULL},
    {"SEV 16",   0xFFFFFFFF, 0xBF40, cpu_format_none, sev, NULL},
    {"hint 16",  0xFFFFFF0F, 0xBF00, cpu_format_none, nop, NULL},
    {"IT",       0xFFFFFF00, 0xBF00, format_imm8, it, NULL},
    {"UDF 16",   0xFFFFFF00, 0xDE00, format_imm8, udf, NULL},
    {"SVC",      0xFFFFFF00, 0xDF00, format_imm8, svc, NULL},
    {"B cond 16", 0xFFFFF000, 0xD000, format_conditional_16, nop, NULL},
    {"B 16",     0xFFFFF800, 0xE000, format_branch_16, branch, NULL},

    {"WFE",      0xFFFFFFFF, 0xF3AF8002, cpu_format_none, wfe, NULL},
    {"WFI",      0xFFFFFFFF, 0xF3AF8003, cpu_format_none, wfi, NULL},
    {"SEV",      0xFFFFFFFF, 0xF3AF8004, cpu_format_none, sev, NULL},
    {"hint",     0xFFFFFF00, 0xF3AF8000, cpu_format_none, nop, NULL},
    {"CLREX",    0xFFFFFFFF, 0xF3BF8F2F, cpu_format_none, clrex, NULL},
    {"DSB",      0xFFFFFFF0, 0xF3BF8F40, cpu_format_none, nop, NULL},
    {"DMB",      0xFFFFFFF0, 0xF3BF8F50, cpu_format_none, nop, NULL},
    {"ISB",      0xFFFFFFF0, 0xF3BF8F60, cpu_format_none, nop, NULL},
    {"MSR",      0xFFF0F300, 0xF3808000, format_msr, msr, NULL},
    {"MRS",      0xFFFFF000, 0xF3EF8000, format_mrs, mrs, NULL},
    {"UDF",      0xFFF0F000, 0xF7F0A000, cpu_format_none, udf, NULL},
    {"B.W",      0xF800D000, 0xF0009000, format_branch, branch, NULL},
    {"BL",       0xF800D000, 0xF000D000, format_branch, branch_link, NULL},
    {"B cond",   0xF800D000, 0xF0008000, format_conditional, nop, NULL},
};
/* clang-format on */

const struct cpu_encoding_table cpu_table_branch = {rows, sizeof rows / sizeof rows[0]};
