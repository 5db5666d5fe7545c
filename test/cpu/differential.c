/*
 * The processor against libunicorn (QEMU's ARM emulation): generated sequences run on both, and registers, flags,
 * floating-point registers and memory compared after each one. On a difference the sequence is run again in
 * growing pieces to name the instruction.
 *
 *   differential [instructions] [seed]
 *
 * not_compared.txt lists the encodings that are left out, and why; each other one must occur 1,000
 * times on a multiple of 4 and 1,000 times beside one.
 */
/* SPDX-License-Identifier: MIT */
#include "test/cpu/generate.h"
#include "vboard/cpu_float.h"

#include <stdio.h>
#include <stdlib.h>
#include <unicorn/unicorn.h>

#define SEQUENCE        48
#define INSTRUCTIONS    5000000u
#define OCCURRENCES_MIN 1000
#define DIFFERENCES_MAX 20
#define LIST            "test/cpu/not_compared.txt"
#define FLAGS           0xF80F0000u
#define WORDS           (16 + 32 + 2)
#define APSR            48
#define FPSCR           49

/* r0-r14, pc, s0-s31, APSR, FPSCR; and memory. */
struct state {
    uint32_t words[WORDS];
    uint8_t memory[SCRATCH_SIZE];
};

struct bench {
    struct generator g;
    struct cpu *cpu;
    uc_engine *uc;
    uint8_t scratch[SCRATCH_SIZE];
    unsigned differences;
};

static enum cpu_bus no_read(void *context, uint32_t address, unsigned size, uint32_t *value)
{
    (void)context;
    (void)address;
    (void)size;
    *value = 0;
    return CPU_BUS_FAULT;
}

static enum cpu_bus no_write(void *context, uint32_t address, unsigned size, uint32_t value)
{
    (void)context;
    (void)address;
    (void)size;
    (void)value;
    return CPU_BUS_FAULT;
}

static void fail(const char *why)
{
    printf("not ok cpu_differential: %s\n", why);
    exit(1);
}

/* Both sides. */

static const int core_registers[16] = {
    UC_ARM_REG_R0,  UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3, UC_ARM_REG_R4,  UC_ARM_REG_R5,
    UC_ARM_REG_R6,  UC_ARM_REG_R7, UC_ARM_REG_R8, UC_ARM_REG_R9, UC_ARM_REG_R10, UC_ARM_REG_R11,
    UC_ARM_REG_R12, UC_ARM_REG_SP, UC_ARM_REG_LR, UC_ARM_REG_PC,
};

static void unicorn_set(struct bench *b, const struct state *s)
{
    uint32_t apsr = s->words[APSR];

    for (int i = 0; i < 15; i++)
        uc_reg_write(b->uc, core_registers[i], &s->words[i]);
    for (int i = 0; i < 16; i++)
        uc_reg_write(b->uc, UC_ARM_REG_D0 + i, &s->words[16 + 2 * i]);
    uc_reg_write(b->uc, UC_ARM_REG_XPSR_NZCVQG, &apsr);
    uc_reg_write(b->uc, UC_ARM_REG_FPSCR, &s->words[FPSCR]);
    uc_mem_write(b->uc, SCRATCH_BASE, s->memory, SCRATCH_SIZE);
}

static void unicorn_get(struct bench *b, struct state *s)
{
    for (int i = 0; i < 16; i++)
        uc_reg_read(b->uc, core_registers[i], &s->words[i]);
    for (int i = 0; i < 16; i++)
        uc_reg_read(b->uc, UC_ARM_REG_D0 + i, &s->words[16 + 2 * i]);
    uc_reg_read(b->uc, UC_ARM_REG_XPSR, &s->words[APSR]);
    uc_reg_read(b->uc, UC_ARM_REG_FPSCR, &s->words[FPSCR]);
    s->words[APSR] &= FLAGS;
    uc_mem_read(b->uc, SCRATCH_BASE, s->memory, SCRATCH_SIZE);
}

static void cpu_set(struct bench *b, const struct state *s)
{
    for (unsigned i = 0; i < 15; i++)
        cpu_register_set(b->cpu, i, s->words[i]);
    for (unsigned i = 0; i < 32; i++)
        cpu_register_set(b->cpu, 32 + i, s->words[16 + i]);
    cpu_register_set(b->cpu, 16, s->words[APSR] | 1u << 24);
    cpu_register_set(b->cpu, 64, s->words[FPSCR]);
    memcpy(b->scratch, s->memory, SCRATCH_SIZE);
}

static void cpu_get(struct bench *b, struct state *s)
{
    for (unsigned i = 0; i < 16; i++)
        s->words[i] = cpu_register_get(b->cpu, i);
    for (unsigned i = 0; i < 32; i++)
        s->words[16 + i] = cpu_register_get(b->cpu, 32 + i);
    s->words[APSR] = cpu_register_get(b->cpu, 16) & FLAGS;
    s->words[FPSCR] = cpu_register_get(b->cpu, 64);
    memcpy(s->memory, b->scratch, SCRATCH_SIZE);
}

static bool same(const struct state *a, const struct state *b)
{
    return memcmp(a->words, b->words, sizeof a->words) == 0 &&
           memcmp(a->memory, b->memory, SCRATCH_SIZE) == 0;
}

static void random_state(struct generator *g, struct state *s)
{
    for (unsigned i = 0; i < 15; i++) {
        uint32_t random = generate_random(g);

        s->words[i] = random % 5   ? generate_random(g)
                      : random % 3 ? random >> 24
                                   : 0x7FFFFFFF + (random >> 30);
    }
    s->words[13] &= ~3u;
    for (unsigned i = 0; i < 32; i++)
        s->words[16 + i] = generate_float(g);
    s->words[APSR] = generate_random(g) & FLAGS;
    s->words[FPSCR] = generate_random(g) & 3 ? 0 : generate_random(g) & 0x07C00000;
    for (unsigned i = 0; i < SCRATCH_SIZE; i += 4) {
        uint32_t word = generate_random(g);

        memcpy(&s->memory[i], &word, 4);
    }
}

/* Finding the culprit. */

static void show(const struct state *cpu, const struct state *uc)
{
    for (unsigned i = 0; i < WORDS; i++) {
        if (cpu->words[i] == uc->words[i])
            continue;
        if (i < 16)
            printf("#   r%u", i);
        else
            printf(i < APSR ? "#   s%u" : i == APSR ? "#   apsr" : "#   fpscr", i - 16);
        printf(": cpu %08x unicorn %08x\n", cpu->words[i], uc->words[i]);
    }
    for (unsigned i = 0; i < SCRATCH_SIZE; i++) {
        if (cpu->memory[i] != uc->memory[i]) {
            printf("#   memory at +%u: cpu %02x unicorn %02x\n", i, cpu->memory[i], uc->memory[i]);
            return;
        }
    }
}

static void name_instruction(struct bench *b, uint32_t pc)
{
    uint32_t at = pc - CODE_BASE, raw;
    struct cpu_op op;

    if (at >= CODE_SIZE - 4)
        return;
    raw = b->g.code[at] | (uint32_t)b->g.code[at + 1] << 8;
    if (raw >= 0xE800)
        raw = raw << 16 | b->g.code[at + 2] | (uint32_t)b->g.code[at + 3] << 8;
    cpu_decode(&op, raw, false);
    printf("# at %08x: %08x %s\n", pc, raw,
           op.encoding == UINT16_MAX ? "?" : cpu_encoding_get(op.encoding)->name);
}

/* Out of reset, with the FPU on; for the first time and after a lock-up. */
static void cpu_restart(struct bench *b)
{
    uint32_t value = 0xF00000, vmrs = 0x0A10EEF1;
    uint8_t saved[4];

    memcpy(saved, b->scratch, 4);
    memcpy(b->scratch, &vmrs, 4);
    cpu_reset(b->cpu, CODE_BASE);
    cpu_memory_write(b->cpu, 0xE000ED88, &value, 4);
    cpu_register_set(b->cpu, 16, 1u << 24);
    cpu_register_set(b->cpu, 15, SCRATCH_BASE);
    cpu_run(b->cpu, cpu_cycles(b->cpu) + 1);
    memcpy(b->scratch, saved, 4);
}

static void explain(struct bench *b, const struct state *before, uint32_t start)
{
    struct state cpu, uc, last = *before;

    for (unsigned n = 1; n < 4 * SEQUENCE; n++) {
        uint32_t pc;

        cpu_set(b, before);
        cpu_register_set(b->cpu, 15, start);
        cpu_run(b->cpu, cpu_cycles(b->cpu) + n - 1);
        pc = cpu_register_get(b->cpu, 15);
        cpu_get(b, &last);
        cpu_run(b->cpu, cpu_cycles(b->cpu) + 1);
        cpu_get(b, &cpu);
        if (cpu_register_get(b->cpu, 16) & 0x0600FC00)
            continue;            /* in an IT block */
        uc_ctl_flush_tlb(b->uc); /* blocks keep the end that they were translated with */
        unicorn_set(b, before);
        uc_emu_start(b->uc, start | 1, cpu.words[15], 0, 0);
        unicorn_get(b, &uc);
        if (!same(&cpu, &uc)) {
            name_instruction(b, pc);
            show(&cpu, &uc);
            printf("#   before: r0-r15");
            for (unsigned i = 0; i < 16; i++)
                printf(" %x", last.words[i]);
            printf(" apsr %x fpscr %x\n#   before: s", last.words[APSR], last.words[FPSCR]);
            for (unsigned i = 0; i < 32; i++)
                printf(" %x", last.words[16 + i]);
            printf("\n");
            return;
        }
    }
    printf("# sequence at %08x differs only as a whole\n", start);
}

static void run_sequence(struct bench *b, uint32_t start, uint32_t end, struct state *s)
{
    struct state cpu, uc;
    bool locked_up = false;
    uc_err error;

    cpu_set(b, s);
    cpu_register_set(b->cpu, 15, start);
    unicorn_set(b, s);
    if (cpu_run(b->cpu, cpu_cycles(b->cpu) + 10 * SEQUENCE) != CPU_BREAKPOINT)
        locked_up = true;
    error = uc_emu_start(b->uc, start | 1, end, 0, 0);
    cpu_get(b, &cpu);
    unicorn_get(b, &uc);
    if (error || cpu.words[15] != end || !same(&cpu, &uc)) {
        printf("# sequence %08x to %08x: unicorn %s, pc %08x; cpu pc %08x\n", start, end, uc_strerror(error),
               uc.words[15], cpu.words[15]);
        if (locked_up)
            cpu_restart(b);
        explain(b, s, start);
        cpu_restart(b);
        if (++b->differences >= DIFFERENCES_MAX)
            fail("too many differences");
    }
}

/* One filling of the code area. */
static void run_round(struct bench *b, uint64_t wanted)
{
    static uint32_t starts[CODE_SIZE / SEQUENCE], ends[CODE_SIZE / SEQUENCE];
    struct state s;
    unsigned count = 0;

    for (uint32_t i = 0; i < sizeof b->g.code; i++)
        b->g.code[i] = (uint8_t)generate_random(&b->g);
    for (unsigned i = 0; i < FAR; i++)
        b->g.stubs[2 + i] = CODE_SIZE + i * STUBS;
    b->g.at = STUBS + 0x1000;
    b->g.stubs[0] = 0x1000;
    b->g.stubs[1] = CODE_SIZE - STUBS;
    while (b->g.at < CODE_SIZE - STUBS - 0x1000 - SEQUENCE * 40 && b->g.instructions < wanted &&
           b->g.stubs[0] < STUBS + 0x1000 - SEQUENCE * 4 && b->g.stubs[1] < CODE_SIZE - SEQUENCE * 4) {
        starts[count] = CODE_BASE + generate_sequence(&b->g, SEQUENCE);
        ends[count++] = CODE_BASE + b->g.at;
        b->g.code[b->g.at++] = 0x00; /* BKPT */
        b->g.code[b->g.at++] = 0xBE;
    }
    uc_mem_write(b->uc, CODE_BASE, b->g.code, CODE_SIZE);
    for (unsigned i = 0; i < FAR; i++) {
        uc_mem_write(b->uc, generate_far[i], b->g.code + CODE_SIZE + i * STUBS, STUBS);
        cpu_code_changed(b->cpu, generate_far[i], STUBS);
    }
    uc_ctl_flush_tlb(b->uc);
    cpu_code_changed(b->cpu, CODE_BASE, CODE_SIZE);
    for (unsigned i = 0; i < count; i++) {
        random_state(&b->g, &s);
        run_sequence(b, starts[i], ends[i], &s);
    }
}

static void list_read(struct bench *b)
{
    char line[256];
    FILE *file = fopen(LIST, "r");

    if (!file)
        fail("cannot open " LIST);
    while (fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        bool known = false;

        if (line[0] == '#' || line[0] == '-' || line[0] == '\n' || line[0] == ' ' || !colon)
            continue;
        *colon = '\0';
        for (unsigned i = 0; i < b->g.encodings; i++) {
            if (strcmp(cpu_encoding_get(i)->name, line) == 0)
                known = b->g.skip[i] = true;
        }
        if (!known) {
            printf("# %s: no such encoding\n", line);
            fail("the list of what is not compared names something unknown");
        }
    }
    fclose(file);
}

static void setup(struct bench *b)
{
    struct cpu_config config = {
        .regions = {{SCRATCH_BASE, SCRATCH_SIZE, b->scratch, true}, {CODE_BASE, CODE_SIZE, b->g.code, false}},
        .irq_count = 16,
        .priority_bits = 4,
        .bus_read = no_read,
        .bus_write = no_write,
    };
    const uint8_t code[] = {0xF1, 0xEE, 0x10, 0x0A}; /* VMRS R0, FPSCR */

    for (unsigned i = 0; i < FAR; i++)
        config.regions[2 + i] =
            (struct cpu_region){generate_far[i], STUBS, b->g.code + CODE_SIZE + i * STUBS, false};

    while (cpu_encoding_get(b->g.encodings))
        b->g.encodings++;
    b->cpu = cpu_new(&config);
    if (!b->cpu || uc_open(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, &b->uc) ||
        uc_ctl_set_cpu_model(b->uc, UC_CPU_ARM_CORTEX_M4) ||
        uc_mem_map(b->uc, CODE_BASE, CODE_SIZE, UC_PROT_ALL) ||
        uc_mem_map(b->uc, SCRATCH_BASE, SCRATCH_SIZE, UC_PROT_READ | UC_PROT_WRITE))
        fail("cannot set up");
    for (unsigned i = 0; i < FAR; i++) {
        if (uc_mem_map(b->uc, generate_far[i], STUBS, UC_PROT_ALL))
            fail("cannot set up");
    }
    /* both begin with an active FP context */
    cpu_debugger(b->cpu, true);
    cpu_restart(b);
    uc_mem_write(b->uc, CODE_BASE, code, sizeof code);
    if (uc_emu_start(b->uc, CODE_BASE | 1, CODE_BASE + 4, 0, 0))
        fail("unicorn refuses floating point");
}

int main(int count, char **arguments)
{
    static struct bench b;
    uint64_t wanted = count > 1 ? strtoull(arguments[1], NULL, 0) : INSTRUCTIONS;
    unsigned rare = 0, skipped = 0;

    b.g.random = count > 2 ? strtoull(arguments[2], NULL, 0) : 1;
    setup(&b);
    list_read(&b);
    while (b.g.instructions < wanted)
        run_round(&b, wanted);
    for (unsigned i = 0; i < b.g.encodings; i++) {
        uint64_t even = b.g.counts[i][0], odd = b.g.counts[i][1];

        skipped += b.g.skip[i];
        if (b.g.skip[i] || wanted < INSTRUCTIONS || (even >= OCCURRENCES_MIN && odd >= OCCURRENCES_MIN))
            continue;
        printf("# %s: only %llu and %llu times\n", cpu_encoding_get(i)->name, (unsigned long long)even,
               (unsigned long long)odd);
        rare++;
    }
    printf("# %llu instructions, %u encodings compared, %u not\n", (unsigned long long)b.g.instructions,
           b.g.encodings - skipped, skipped);
    printf(b.differences ? "not ok cpu_differential: %u differences\n" : "ok cpu_differential\n",
           b.differences);
    printf(rare ? "not ok cpu_differential_occurrences: %u encodings too rare\n"
                : "ok cpu_differential_occurrences\n",
           rare);
    uc_close(b.uc);
    cpu_free(b.cpu);
    return b.differences || rare;
}
