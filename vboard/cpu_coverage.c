/*
 * Coverage: which instructions ran, and which ways conditions went. Looked at before each instruction, in the run loop's
 * slow variant only: without it nothing is asked.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_decode.h"

#define IT_CONDITION(it) ((unsigned)(it) >> 4)

/* Of an instruction that may branch: does it? -1: it isn't conditional. */
static int branch_taken(const struct cpu *cpu, uint32_t raw)
{
    unsigned condition = 14;
    if (!cpu_is_wide(raw)) {
        if ((raw & 0xF500) == 0xB100) /* CBZ, CBNZ */
            return (cpu->r[raw & 7] == 0) != (raw >> 11 & 1);
        if ((raw & 0xF000) == 0xD000)
            condition = cpu_field(raw, 8, 4);
    } else if ((raw & 0xF800D000u) == 0xF0008000u) {
        condition = cpu_field(raw, 22, 4);
    }
    return condition < 14 ? cpu_condition(cpu, condition) : -1;
}

void cpu_coverage_mark(struct cpu *cpu, uint32_t pc)
{
    uint32_t offset = pc - cpu->coverage_base;
    uint32_t raw = 0;
    int taken;

    if (offset >= cpu->coverage_size || !cpu_memory_read(cpu, pc, &raw, 2))
        return;
    if (raw >= 0xE800) {
        uint16_t second = 0;
        cpu_memory_read(cpu, pc + 2, &second, 2);
        raw = raw << 16 | second;
    }
    taken = cpu->it ? cpu_condition(cpu, IT_CONDITION(cpu->it)) : branch_taken(cpu, raw);
    if (!cpu->it || taken)
        cpu->coverage[offset / 2] |= CPU_COVERAGE_RAN;
    if (taken >= 0)
        cpu->coverage[offset / 2] |= taken ? CPU_COVERAGE_TRUE : CPU_COVERAGE_FALSE;
}

void cpu_coverage(struct cpu *cpu, uint32_t base, uint32_t size, uint8_t *marks)
{
    cpu->coverage_base = base;
    cpu->coverage_size = size;
    cpu->coverage = marks;
    cpu_attention(cpu);
}
