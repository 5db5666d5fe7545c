/*
 * Runs the processor tests written by hand (test/cpu/ *.S): each out of reset, with the device of common.inc, and
 * compares what it logs with what stands beside it. A test of kind 1 is run again with an interrupt raised at each
 * boundary between two of its instructions: the log, the registers and the memory must not show it.
 */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "vboard/cpu.h"

#include <stdlib.h>
#include <string.h>

#define FLASH_BASE   0x08000000u
#define FLASH_SIZE   0x10000u
#define SRAM_BASE    0x20000000u
#define SRAM_SIZE    0x10000u
#define DEVICE       0x40000000u
#define DEVICE_STACK 0x60000000u
#define STACK_SIZE   0x1000u
#define END_OF_LIST  0xEEEEEEEEu
#define LOCKED_UP    0xDEAD10CCu
#define LOG_MAX      64
#define CYCLES_MAX   200000u
#define DATA         0x1000u /* in SRAM: what a swept routine may write */
#define DATA_SIZE    0x1000u

struct machine {
    struct cpu *cpu;
    uint8_t flash[FLASH_SIZE], sram[SRAM_SIZE], stack[STACK_SIZE];
    uint32_t log[LOG_MAX];
    unsigned logged;
    bool finished;
    uint64_t pulse_at; /* cycle, 0: none */
    unsigned pulse_irq;
    unsigned stack_accesses;
    uint64_t slice; /* cycles of each cpu_run */
    int stack_irq;  /* to pulse at the next write there, -1: none */
};

static void pulse(struct machine *m, unsigned irq)
{
    cpu_irq(m->cpu, irq, true);
    cpu_irq(m->cpu, irq, false);
}

static enum cpu_bus machine_read(void *context, uint32_t address, unsigned size, uint32_t *value)
{
    struct machine *m = context;

    *value = 0;
    if (address - DEVICE_STACK < STACK_SIZE) {
        m->stack_accesses++;
        memcpy(value, m->stack + (address - DEVICE_STACK), size);
        return CPU_BUS_OK;
    }
    if (address == DEVICE + 0x1C)
        *value = m->stack_accesses;
    return address - DEVICE < 0x1000 ? CPU_BUS_OK : CPU_BUS_FAULT;
}

static void device_write(struct machine *m, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case 0x00: pulse(m, value); break;
    case 0x04:
        m->finished = true;
        cpu_break(m->cpu);
        break;
    case 0x08:
        if (m->logged < LOG_MAX)
            m->log[m->logged++] = value;
        break;
    case 0x0C: cpu_irq(m->cpu, value, true); break;
    case 0x10: cpu_irq(m->cpu, value, false); break;
    case 0x14:
        m->pulse_at = cpu_cycles(m->cpu) + (value >> 8);
        m->pulse_irq = value & 0xFF;
        cpu_break(m->cpu);
        break;
    case 0x18: m->stack_irq = (int)value; break;
    default: break;
    }
}

static enum cpu_bus machine_write(void *context, uint32_t address, unsigned size, uint32_t value)
{
    struct machine *m = context;

    if (address - DEVICE_STACK < STACK_SIZE) {
        m->stack_accesses++;
        memcpy(m->stack + (address - DEVICE_STACK), &value, size);
        if (m->stack_irq >= 0)
            pulse(m, (unsigned)m->stack_irq);
        m->stack_irq = -1;
        return CPU_BUS_OK;
    }
    if (address - DEVICE >= 0x1000)
        return CPU_BUS_FAULT;
    device_write(m, address - DEVICE, value);
    return CPU_BUS_OK;
}

static uint32_t word(const struct machine *m, uint32_t address)
{
    uint32_t value = 0;

    memcpy(&value, m->flash + (address - FLASH_BASE) % FLASH_SIZE, 4);
    return value;
}

static struct machine machine;

static struct machine *power_on(void)
{
    struct machine *m = &machine;
    struct cpu_config config = {
        .regions = {{SRAM_BASE, SRAM_SIZE, m->sram, true}, {FLASH_BASE, FLASH_SIZE, m->flash, false}},
        .irq_count = 40,
        .priority_bits = 4,
        .bus_read = machine_read,
        .bus_write = machine_write,
        .context = m,
        .systick_calibration = 0x12345678,
    };
    FILE *file = fopen(CPU_IMAGE, "rb");

    if (!file || fread(m->flash, 1, FLASH_SIZE, file) == 0)
        printf("not ok cpu: cannot read %s\n", CPU_IMAGE), exit(1);
    fclose(file);
    m->cpu = cpu_new(&config);
    m->slice = CYCLES_MAX;
    return m;
}

/* Ready to run the test whose table entry is at `entry`. */
static void start(struct machine *m, uint32_t entry)
{
    memset(m->sram, 0, SRAM_SIZE);
    memset(m->stack, 0, STACK_SIZE);
    m->logged = m->stack_accesses = 0;
    m->finished = false;
    m->pulse_at = 0;
    m->stack_irq = -1;
    cpu_reset(m->cpu, FLASH_BASE);
    cpu_register_set(m->cpu, 4, word(m, entry + 4));
    for (unsigned i = 32; i < 64; i++)
        cpu_register_set(m->cpu, i, 0);
}

/* Until it finishes, locks up, or `limit` is reached. */
static void run(struct machine *m, uint64_t limit)
{
    while (!m->finished && cpu_cycles(m->cpu) < limit) {
        uint64_t until = m->pulse_at && m->pulse_at < limit ? m->pulse_at : limit;

        if (until - cpu_cycles(m->cpu) > m->slice)
            until = cpu_cycles(m->cpu) + m->slice;
        if (cpu_run(m->cpu, until) == CPU_LOCKUP) {
            m->log[m->logged++] = LOCKED_UP;
            return;
        }
        if (m->pulse_at && cpu_cycles(m->cpu) >= m->pulse_at) {
            m->pulse_at = 0;
            pulse(m, m->pulse_irq);
        }
    }
}

static bool log_right(const struct machine *m, uint32_t entry, char *why, size_t size)
{
    uint32_t list = word(m, entry + 8);

    for (unsigned i = 0;; i++) {
        uint32_t wanted = word(m, list + 4 * i);

        if (wanted == END_OF_LIST && i == m->logged)
            return true;
        if (wanted == END_OF_LIST || i == m->logged || wanted != m->log[i]) {
            int n = snprintf(why, size, "word %u should be %x; log:", i, wanted);

            for (unsigned k = 0; k < m->logged && n > 0 && (size_t)n < size; k++)
                n += snprintf(why + n, size - (size_t)n, " %x", m->log[k]);
            return false;
        }
    }
}

static uint32_t checksum(struct machine *m)
{
    uint32_t sum = 2166136261u;

    for (unsigned i = 0; i < 65; i++) {
        bool free = i == 9 || i == 10 || (i >= 15 && i < 32);

        if (!free)
            sum = (sum ^ cpu_register_get(m->cpu, i)) * 16777619u;
    }
    sum = (sum ^ (cpu_register_get(m->cpu, 16) & 0xF80F0000u)) * 16777619u;
    for (unsigned i = DATA; i < DATA + DATA_SIZE; i++)
        sum = (sum ^ m->sram[i]) * 16777619u;
    return sum;
}

/* Interrupt 0 is enabled once its bit is set: before that a pulse stays pending and comes at once then. */
static bool sweep(struct machine *m, uint32_t entry, uint32_t instructions, uint32_t sum, char *why,
                  size_t size)
{
    for (uint32_t at = 1; at < instructions; at++) {
        uint64_t begun;

        start(m, entry);
        begun = cpu_cycles(m->cpu);
        run(m, begun + at);
        pulse(m, 0);
        run(m, cpu_cycles(m->cpu) + CYCLES_MAX);
        if (cpu_cycles(m->cpu) - begun < instructions + 10) {
            snprintf(why, size, "no interrupt at instruction %u", at);
            return false;
        }
        if (!log_right(m, entry, why, size) || checksum(m) != sum) {
            size_t n = strlen(why);

            snprintf(why + n, size - n, " (interrupt after instruction %u)", at);
            return false;
        }
    }
    return true;
}

/* One run from reset; how many cycles it took. */
static uint32_t run_once(struct machine *m, uint32_t entry, uint64_t slice)
{
    uint64_t begun;

    m->slice = slice;
    start(m, entry);
    begun = cpu_cycles(m->cpu);
    run(m, begun + CYCLES_MAX);
    m->slice = CYCLES_MAX;
    return (uint32_t)(cpu_cycles(m->cpu) - begun);
}

/* Whole; cut into single cycles; with a profile, which must count every instruction once. All alike. */
static bool run_test(struct machine *m, uint32_t entry, char *why, size_t size)
{
    static uint64_t counts[FLASH_SIZE / 2];
    uint32_t cycles = run_once(m, entry, CYCLES_MAX), sum = checksum(m);
    uint64_t executed, counted = 0;

    why[0] = '\0';
    if (!log_right(m, entry, why, size))
        return false;
    if (run_once(m, entry, 1) != cycles || checksum(m) != sum || !log_right(m, entry, why, size)) {
        snprintf(why, size, "another result in slices of one cycle");
        return false;
    }
    memset(counts, 0, sizeof counts);
    executed = cpu_instructions(m->cpu);
    cpu_profile(m->cpu, FLASH_BASE, FLASH_SIZE, counts, NULL);
    if (run_once(m, entry, CYCLES_MAX) != cycles || checksum(m) != sum) {
        snprintf(why, size, "another result with a profile");
        return false;
    }
    cpu_profile(m->cpu, 0, 0, NULL, NULL);
    executed = cpu_instructions(m->cpu) - executed;
    for (unsigned i = 0; i < FLASH_SIZE / 2; i++)
        counted += counts[i];
    if (counted > executed || executed - counted > 8) { /* some tests run a few in RAM, or where nothing is */
        snprintf(why, size, "%llu instructions, %llu in the profile", (unsigned long long)executed,
                 (unsigned long long)counted);
        return false;
    }
    return word(m, entry + 12) == 0 || sweep(m, entry, cycles, sum, why, size);
}

int main(int count, char **arguments)
{
    struct machine *m = power_on();
    uint32_t end = word(m, FLASH_BASE + 0x204);
    unsigned failed = 0;
    char why[1024];

    for (uint32_t entry = word(m, FLASH_BASE + 0x200); entry < end; entry += 16) {
        const char *name = (const char *)m->flash + (word(m, entry) - FLASH_BASE);

        if (count > 1 && !strstr(name, arguments[1]))
            continue;
        if (run_test(m, entry, why, sizeof why)) {
            printf("ok cpu_%s\n", name);
        } else {
            printf("not ok cpu_%s: %s\n", name, why);
            failed++;
        }
    }
    cpu_free(m->cpu);
    return failed != 0;
}
