/*
 * Code nobody wrote: random instructions of every encoding with random operands, vectors that lead anywhere,
 * interrupts, faults, sleeping, a bus that fails now and then; built with sanitizers. Nothing may be touched that is
 * not the guest's, and the same seed must end in the same state, whether run in one piece or in small ones.
 *
 *   random_code [rounds] [seed]
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLASH_BASE 0x08000000u
#define FLASH_SIZE 0x2000u
#define SRAM_BASE  0x20000000u
#define SRAM_SIZE  0x2000u
#define CYCLES     30000u
#define ROUNDS     100u

struct machine {
    struct cpu *cpu;
    uint8_t flash[FLASH_SIZE], sram[SRAM_SIZE];
    uint64_t code_random, bus_random;
    unsigned lockups, resets;
};

static uint32_t next(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 32);
}

static enum cpu_bus bus_read(void *context, uint32_t address, unsigned size, uint32_t *value)
{
    struct machine *m = context;

    (void)address;
    *value = next(&m->bus_random);
    if (size < 4)
        *value &= (1u << 8 * size) - 1;
    return next(&m->bus_random) % 8 ? CPU_BUS_OK : CPU_BUS_FAULT;
}

static enum cpu_bus bus_write(void *context, uint32_t address, unsigned size, uint32_t value)
{
    struct machine *m = context;

    (void)address;
    (void)size;
    cpu_irq(m->cpu, value % 40, value >> 8 & 1);
    if (value >> 9 & 1)
        cpu_break(m->cpu);
    return next(&m->bus_random) % 8 ? CPU_BUS_OK : CPU_BUS_FAULT;
}

/* HardFault: SP = SRAM + 0x1400; a frame with the next PC of a sequence, kept in SRAM + 0x1FF0; return to it. Written
 * with arm-none-eabi-as: movw, movt, mov sp; movw, movt, ldr, movw, add, str; bfc, orr, str; mov, str, str, str;
 * mvn lr, #6; bx lr. */
static const uint16_t recover[] = {
    0xF241, 0x4000, 0xF2C2, 0x0000, 0x4685, 0xF641, 0x72F0, 0xF2C2, 0x0200,
    0x6811, 0xF641, 0x638A, 0x4419, 0x6011, 0xF36F, 0x315F, 0xF041, 0x6100,
    0x9106, 0xF04F, 0x7180, 0x9107, 0x9200, 0x9001, 0xF06F, 0x0E06, 0x4770,
};
#define RECOVER 0x100u

/* Mostly rows of the table, some noise; addresses in registers come from constants that are worth something. */
static void code_make(struct machine *m, unsigned encodings)
{
    for (uint32_t at = 0; at < FLASH_SIZE - 2; at += 2) {
        const struct cpu_encoding *e = cpu_encoding_get(next(&m->code_random) % encodings);
        uint32_t raw = e->value | (next(&m->code_random) & ~e->mask);

        if (next(&m->code_random) % 16 == 0)
            raw = next(&m->code_random) & 0xFFFF;
        if (cpu_is_wide(raw)) {
            uint16_t high = (uint16_t)(raw >> 16);

            memcpy(m->flash + at, &high, 2);
            at += 2;
        }
        memcpy(m->flash + at, &raw, 2);
    }
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t vector = FLASH_BASE + (next(&m->code_random) % FLASH_SIZE | 1);

        if (i == 0)
            vector = SRAM_BASE + SRAM_SIZE / 2;
        if (i == EXCEPTION_HARD)
            vector = FLASH_BASE + RECOVER + 1;
        memcpy(m->flash + 4 * i, &vector, 4);
    }
    memcpy(m->flash + RECOVER, recover, sizeof recover);
}

static uint32_t likely_address(uint64_t *random)
{
    static const uint32_t bases[] = {SRAM_BASE,  SRAM_BASE,  SRAM_BASE + 0x1000, FLASH_BASE,
                                     0x40000000, 0x22000000, 0x42000000,         0xE000E000,
                                     0xE000ED00, 0xE000E100, 0xE0001000,         0};

    return bases[next(random) % (sizeof bases / sizeof bases[0])] + (next(random) & 0x7FF);
}

static void restart(struct machine *m, uint64_t *random)
{
    uint32_t cpacr = 0x00F00000, reload = 300, control = 7;

    cpu_reset(m->cpu, FLASH_BASE);
    cpu_memory_write(m->cpu, 0xE000ED08, &(uint32_t){FLASH_BASE}, 4);
    if (next(random) & 1)
        cpu_memory_write(m->cpu, 0xE000ED88, &cpacr, 4);
    cpu_memory_write(m->cpu, 0xE000E014, &reload, 4);
    cpu_memory_write(m->cpu, 0xE000E010, &control, 4); /* something to wake up for */
    for (unsigned i = 0; i < 13; i++)
        cpu_register_set(m->cpu, i, likely_address(random));
    for (unsigned i = 32; i < 64; i++)
        cpu_register_set(m->cpu, i, next(random));
    for (unsigned i = 0; i < 4; i++) {
        uint32_t word = next(random);

        cpu_memory_write(m->cpu, 0xE000E100 + 4 * (i & 1), &word, 4);
        cpu_memory_write(m->cpu, 0xE000E400 + 4 * i, &word, 4);
    }
}

/* One life: `slice` cycles at a time, 0: as much as there is. */
static uint32_t live(struct machine *m, uint64_t seed, unsigned encodings, unsigned slice)
{
    uint64_t random = seed, end, sum = 14695981039346656037u;

    m->code_random = m->bus_random = seed;
    m->lockups = m->resets = 0;
    memset(m->sram, 0, SRAM_SIZE);
    code_make(m, encodings);
    cpu_code_changed(m->cpu, FLASH_BASE, FLASH_SIZE);
    for (unsigned i = 0; i < 40; i++)
        cpu_irq(m->cpu, i, false);
    restart(m, &random);
    end = cpu_cycles(m->cpu) + CYCLES;
    while (cpu_cycles(m->cpu) < end) {
        uint64_t until = slice && cpu_cycles(m->cpu) + slice < end ? cpu_cycles(m->cpu) + slice : end;
        enum cpu_stop stop = cpu_run(m->cpu, until);

        m->lockups += stop == CPU_LOCKUP;
        m->resets += stop == CPU_RESET_REQUEST;
        if (stop == CPU_LOCKUP || stop == CPU_RESET_REQUEST)
            restart(m, &random);
        if (m->lockups + m->resets > 2000)
            break;
    }
    for (unsigned i = 0; i < 65; i++)
        sum = (sum ^ cpu_register_get(m->cpu, i)) * 1099511628211u;
    for (unsigned i = 0; i < SRAM_SIZE; i++)
        sum = (sum ^ m->sram[i]) * 1099511628211u;
    return (uint32_t)(sum ^ sum >> 32);
}

int main(int count, char **arguments)
{
    static struct machine m;
    struct cpu_config config = {
        .regions = {{SRAM_BASE, SRAM_SIZE, m.sram, true}, {FLASH_BASE, FLASH_SIZE, m.flash, false}},
        .irq_count = 40,
        .priority_bits = 4,
        .bus_read = bus_read,
        .bus_write = bus_write,
        .context = &m,
    };
    unsigned rounds = count > 1 ? (unsigned)atoi(arguments[1]) : ROUNDS, encodings = 0, differ = 0,
             lockups = 0;
    uint64_t seed = count > 2 ? strtoull(arguments[2], NULL, 0) : 1, executed = 0;

    while (cpu_encoding_get(encodings))
        encodings++;
    for (unsigned i = 0; i < rounds; i++) {
        uint32_t sums[3];

        /* the core's cycle count is no part of the result: each life begins with a new core */
        for (unsigned k = 0; k < 3; k++) {
            m.cpu = cpu_new(&config);
            if (!m.cpu)
                return 1;
            sums[k] = live(&m, seed + i, encodings, k == 0 ? 0 : k == 1 ? 1 : 37);
            lockups += k ? 0 : m.lockups;
            executed += k ? 0 : cpu_instructions(m.cpu);
            cpu_free(m.cpu);
        }
        if (sums[0] != sums[1] || sums[0] != sums[2]) {
            printf("# seed %llu: %08x whole, %08x by 1, %08x by 37\n", (unsigned long long)(seed + i),
                   sums[0], sums[1], sums[2]);
            differ++;
        }
    }
    printf("# %u lives of %u cycles, %llu instructions, %u lock-ups\n", rounds, CYCLES,
           (unsigned long long)executed, lockups);
    printf(differ ? "not ok cpu_random_code: %u lives depend on how they are cut\n" : "ok cpu_random_code\n",
           differ);
    return differ != 0;
}
