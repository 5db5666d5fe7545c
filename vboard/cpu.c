/*
 * The processor's run loop and its interface to the board and to debuggers. See cpu.h and cpu_core.h.
 *
 * The inner loop knows nothing but decoded instructions and a cycle to stop at. Everything rare sets that cycle
 * to 0 (cpu_attention) and is looked at in `boundary`, between two instructions.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_core.h"

#include <stdlib.h>

#define LR_RESET 0xFFFFFFFFu

struct cpu *cpu_new(const struct cpu_config *config)
{
    struct cpu *cpu = NULL;

    if (config->irq_count >= 1 && config->irq_count <= CPU_IRQS_MAX && config->priority_bits >= 1 &&
        config->priority_bits <= 8)
        cpu = calloc(1, sizeof *cpu);
    if (!cpu)
        return NULL;
    cpu->config = *config;
    cpu->all_read_pages = calloc(CPU_PAGES, sizeof(uint8_t *));
    cpu->all_write_pages = calloc(CPU_PAGES, sizeof(uint8_t *));
    cpu->no_pages = calloc(CPU_PAGES, sizeof(uint8_t *));
    cpu->mpu_read_pages = calloc(CPU_PAGES, sizeof(uint8_t *));
    cpu->mpu_write_pages = calloc(CPU_PAGES, sizeof(uint8_t *));
    if (!cpu->all_read_pages || !cpu->all_write_pages || !cpu->no_pages || !cpu->mpu_read_pages ||
        !cpu->mpu_write_pages) {
        cpu_free(cpu);
        return NULL;
    }
    cpu_bus_setup(cpu);
    cpu->thumb = true;
    cpu_system_reset(cpu);
    return cpu;
}

void cpu_free(struct cpu *cpu)
{
    if (!cpu)
        return;
    for (int i = 0; i < CPU_REGIONS_MAX; i++) {
        free(cpu->ops[i][0]);
        free(cpu->ops[i][1]);
    }
    free(cpu->all_read_pages);
    free(cpu->all_write_pages);
    free(cpu->no_pages);
    free(cpu->mpu_read_pages);
    free(cpu->mpu_write_pages);
    free(cpu);
}

void cpu_reset(struct cpu *cpu, uint32_t vector_table)
{
    uint32_t sp = 0, pc = 0;
    bool there = cpu_memory_read(cpu, vector_table, &sp, 4) && cpu_memory_read(cpu, vector_table + 4, &pc, 4);

    cpu_system_reset(cpu);
    memset(cpu->r, 0, sizeof cpu->r);
    cpu->vtor = 0;
    cpu->r[13] = sp & ~3u;
    cpu->r[14] = LR_RESET;
    cpu->next = pc & ~1u;
    cpu->thumb = pc & 1;
    cpu->sp_other = 0;
    cpu->ipsr = cpu->control = cpu->primask = cpu->basepri = cpu->faultmask = 0;
    cpu->exception_return = 0;
    cpu->it = cpu->it_running = 0;
    cpu->exclusive = cpu->event = cpu->locked_up = cpu->fp_ready = false;
    cpu->sleep = AWAKE;
    cpu->fpscr = 0;
    cpu_nzcv_set(cpu, 0);
    cpu->q = cpu->ge = 0;
    cpu->stop_request &= 1u << CPU_BREAK;
    if (!there) {
        cpu->locked_up = true;
        cpu->stop_request |= 1u << CPU_LOCKUP;
    }
    cpu_window_close(cpu);
}

static uint8_t it_next(uint8_t it)
{
    return (it & 7) ? (uint8_t)((it & 0xE0) | (it << 1 & 0x1F)) : 0;
}

/* An instruction of an IT block: its state moves on before it runs, so that a branch out of it finds it over. */
CPU_INLINE void execute_in_it(struct cpu *cpu, const struct cpu_op *op)
{
    uint8_t it = cpu->it;

    cpu->it_running = it;
    cpu->it = it_next(it);
    if (cpu_condition(cpu, it >> 4) || (op->raw & 0xFFFFFF00u) == 0xBE00)
        op->execute(cpu, op);
    cpu->it_running = 0;
    if (!cpu->it)
        cpu->window_size = cpu->window_full;
}

/* An instruction outside the window, or one that is not decoded yet. */
static __attribute__((noinline)) void step_slowly(struct cpu *cpu, uint32_t pc)
{
    const struct cpu_op *op;

    cpu->it_running = cpu->it;
    op = cpu_fetch(cpu, pc);
    cpu->next = pc + op->length;
    if (cpu->it)
        execute_in_it(cpu, op);
    else
        op->execute(cpu, op);
}

static bool breakpoint_at(const struct cpu *cpu, uint32_t address)
{
    for (unsigned i = 0; i < cpu->breakpoint_count; i++) {
        if (cpu->breakpoints[i] == address)
            return true;
    }
    return false;
}

static void profile(struct cpu *cpu, uint32_t pc)
{
    uint32_t offset = pc - cpu->profile_base, i = offset / 2;

    if (!cpu->profile_counts || offset >= cpu->profile_size)
        return;
    cpu->profile_counts[i]++;
    if (cpu->profile_sp && cpu->r[13] < cpu->profile_sp[i])
        cpu->profile_sp[i] = cpu->r[13];
}

/* `checked`: look at breakpoints, profile, coverage and trace before each instruction. */
CPU_INLINE void run(struct cpu *cpu, bool checked)
{
    while (cpu->cycle < cpu->stop_at) {
        uint32_t pc = cpu->next, offset = pc - cpu->window_base;
        const struct cpu_op *op;

        if (checked) {
            if (!cpu->stepping && breakpoint_at(cpu, pc)) {
                cpu->stop_request |= 1u << CPU_BREAKPOINT;
                return;
            }
            profile(cpu, pc);
            if (cpu->coverage)
                cpu_coverage_mark(cpu, pc);
            if (cpu->trace)
                cpu->trace(cpu->config.context, cpu);
        }
        cpu->r[15] = pc + 4;
        cpu->cycle++;
        if (UNLIKELY(offset >= cpu->window_size)) {
            op = offset < cpu->window_full && cpu->it ? &cpu->window_it_ops[offset / 2] : NULL;
            if (op && op->length) {
                cpu->next = pc + op->length;
                execute_in_it(cpu, op);
            } else {
                step_slowly(cpu, pc);
            }
            continue;
        }
        op = &cpu->window_ops[offset / 2];
        if (UNLIKELY(!op->length)) {
            step_slowly(cpu, pc);
            continue;
        }
        cpu->next = pc + op->length;
        op->execute(cpu, op);
    }
}

static __attribute__((noinline)) void run_plain(struct cpu *cpu)
{
    run(cpu, false);
}

static __attribute__((noinline)) void run_checked(struct cpu *cpu)
{
    run(cpu, true);
}

static bool something_pending(const struct cpu *cpu)
{
    uint32_t any = 0;

    for (unsigned i = 0; i < CPU_WORDS; i++)
        any |= cpu->pending[i] & cpu->enabled[i];
    return any != 0;
}

/* Between two instructions: returns, time, exceptions, waking up. */
static void boundary(struct cpu *cpu)
{
    if (cpu->exception_return)
        cpu_exception_return(cpu);
    if (cpu->cycle >= cpu->systick.deadline)
        cpu_systick_sync(cpu);
    if (cpu->sleep != AWAKE && cpu_exception_wakes(cpu))
        cpu->sleep = AWAKE;
    while (something_pending(cpu) && cpu_exception_take(cpu))
        ; /* a vector that cannot be read is a fault at once */
}

/* The most important of what was asked for; CPU_DEADLINE: nothing. */
static enum cpu_stop stop_reason(struct cpu *cpu)
{
    static const enum cpu_stop order[] = {CPU_RESET_REQUEST, CPU_LOCKUP, CPU_BREAKPOINT, CPU_BREAK};

    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (cpu->stop_request >> order[i] & 1) {
            if (order[i] != CPU_LOCKUP)
                cpu->stop_request &= ~(1u << order[i]);
            return order[i];
        }
    }
    return CPU_DEADLINE;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

enum cpu_stop cpu_run(struct cpu *cpu, uint64_t until_cycle)
{
    cpu->until = until_cycle;
    if (setjmp(cpu->escape))
        cpu_fault_deliver(cpu);
    for (;;) {
        boundary(cpu);
        if (cpu->stop_request)
            return stop_reason(cpu);
        if (cpu->cycle >= cpu->until)
            return CPU_DEADLINE;
        if (cpu->sleep != AWAKE) {
            uint64_t at = earlier(cpu->until, cpu->systick.deadline);

            cpu->sleep_cycles += at - cpu->cycle;
            cpu->cycle = at;
            continue;
        }
        cpu->stop_at = earlier(cpu->until, cpu->systick.deadline);
        if (cpu->breakpoint_count || cpu->profile_counts || cpu->trace || cpu->coverage)
            run_checked(cpu);
        else
            run_plain(cpu);
    }
}

enum cpu_stop cpu_step(struct cpu *cpu)
{
    enum cpu_stop stop;

    cpu->stepping = true;
    stop = cpu_run(cpu, cpu->cycle + 1);
    cpu->stepping = false;
    return stop;
}

void cpu_break(struct cpu *cpu)
{
    cpu->stop_request |= 1u << CPU_BREAK;
    cpu_attention(cpu);
}

void cpu_irq(struct cpu *cpu, unsigned irq, bool level)
{
    unsigned exception = EXCEPTION_IRQ + irq;

    if (irq >= cpu->config.irq_count)
        return;
    if (level && !cpu_bit(cpu->level, exception))
        cpu_pend(cpu, exception);
    cpu_bit_set(cpu->level, exception, level);
}

void cpu_nmi(struct cpu *cpu)
{
    cpu_pend(cpu, EXCEPTION_NMI);
}

void cpu_debugger(struct cpu *cpu, bool attached)
{
    cpu->debugger = attached;
}

uint64_t cpu_cycles(const struct cpu *cpu)
{
    return cpu->cycle;
}

uint64_t cpu_instructions(const struct cpu *cpu)
{
    return cpu->cycle - cpu->sleep_cycles;
}

uint64_t cpu_sleep_cycles(const struct cpu *cpu)
{
    return cpu->sleep_cycles;
}

bool cpu_sleeping(const struct cpu *cpu)
{
    return cpu->sleep != AWAKE;
}

uint32_t cpu_current_pc(const struct cpu *cpu)
{
    return cpu->r[15] - 4;
}

static bool process_stack_active(const struct cpu *cpu)
{
    return cpu->ipsr == 0 && (cpu->control & CONTROL_SPSEL);
}

uint32_t cpu_register_get(const struct cpu *cpu, unsigned number)
{
    bool process = process_stack_active(cpu);

    if (number < 15)
        return cpu->r[number];
    if (number >= 32 && number < 64)
        return cpu->s[number - 32];
    switch (number) {
    case 15: return cpu->next;
    case 16:
        return cpu_apsr(cpu) | (cpu->it & 3u) << 25 | (cpu->it >> 2) << 10 | (cpu->thumb ? 1u << 24 : 0) |
               cpu->ipsr;
    case 17: return process ? cpu->sp_other : cpu->r[13];
    case 18: return process ? cpu->r[13] : cpu->sp_other;
    case 19: return cpu->control << 24 | cpu->faultmask << 16 | cpu->basepri << 8 | cpu->primask;
    case 64: return cpu->fpscr;
    default: return 0;
    }
}

static void xpsr_set(struct cpu *cpu, uint32_t value)
{
    cpu_nzcv_set(cpu, value);
    cpu->q = value >> 27 & 1;
    cpu->ge = value >> 16 & 15;
    cpu->it = (uint8_t)((value >> 25 & 3) | (value >> 8 & 0xFC));
    if ((cpu->it & 15) == 0)
        cpu->it = 0;
    cpu->thumb = value >> 24 & 1;
}

void cpu_register_set(struct cpu *cpu, unsigned number, uint32_t value)
{
    bool process = process_stack_active(cpu);

    if (number < 15)
        cpu->r[number] = number == 13 ? value & ~3u : value;
    else if (number == 15)
        cpu->next = value & ~1u;
    else if (number == 16)
        xpsr_set(cpu, value);
    else if (number == 17)
        *(process ? &cpu->sp_other : &cpu->r[13]) = value & ~3u;
    else if (number == 18)
        *(process ? &cpu->r[13] : &cpu->sp_other) = value & ~3u;
    else if (number == 19) {
        cpu->primask = value & 1;
        cpu->basepri = value >> 8 & 0xFF;
        cpu->faultmask = value >> 16 & 1;
    } else if (number >= 32 && number < 64)
        cpu->s[number - 32] = value;
    else if (number == 64)
        cpu->fpscr = value & 0xF7C0009F;
    cpu_bus_pages_choose(cpu);
}

static bool memory_byte(struct cpu *cpu, uint32_t address, uint8_t *byte, bool write)
{
    int i = cpu_region_find(cpu, address);
    uint32_t value = *byte;

    if (i >= 0) {
        const struct cpu_region *region = &cpu->config.regions[i];
        uint8_t *place = &region->bytes[address - region->base];

        if (write)
            *place = *byte;
        else
            *byte = *place;
        return true;
    }
    if (write)
        return cpu->config.bus_write(cpu->config.context, address, 1, value) == CPU_BUS_OK;
    if (cpu->config.bus_read(cpu->config.context, address, 1, &value) != CPU_BUS_OK)
        return false;
    *byte = (uint8_t)value;
    return true;
}

/* Registers want their own width: whole words where they lie so. */
static bool memory_word(struct cpu *cpu, uint32_t address, uint8_t *bytes, bool write)
{
    uint32_t value = 0;
    enum cpu_exception exception;

    if (write)
        memcpy(&value, bytes, 4);
    exception = cpu_bus_try(cpu, address, &value, write, true);
    if (!write)
        memcpy(bytes, &value, 4);
    return exception == EXCEPTION_NONE;
}

static bool memory_access(struct cpu *cpu, uint32_t address, uint8_t *bytes, size_t length, bool write)
{
    for (size_t done = 0; done < length;) {
        uint32_t at = address + (uint32_t)done;
        bool word = !(at & 3) && length - done >= 4 && cpu_region_find(cpu, at) < 0;

        if (!(word ? memory_word(cpu, at, bytes + done, write) : memory_byte(cpu, at, bytes + done, write)))
            return false;
        done += word ? 4 : 1;
    }
    return true;
}

bool cpu_memory_read(struct cpu *cpu, uint32_t address, void *bytes, size_t length)
{
    return memory_access(cpu, address, bytes, length, false);
}

bool cpu_memory_write(struct cpu *cpu, uint32_t address, const void *bytes, size_t length)
{
    bool done = memory_access(cpu, address, (uint8_t *)(uintptr_t)bytes, length, true);

    cpu_code_changed(cpu, address, (uint32_t)length);
    return done;
}

void cpu_code_changed(struct cpu *cpu, uint32_t address, uint32_t size)
{
    for (uint64_t at = (uint64_t)address - 2; at < (uint64_t)address + size; at += 2) {
        int i = cpu_region_find(cpu, (uint32_t)at);

        for (int it = 0; i >= 0 && it < 2; it++) {
            if (cpu->ops[i][it])
                cpu->ops[i][it][((uint32_t)at - cpu->config.regions[i].base) / 2].length = 0;
        }
    }
    cpu_window_close(cpu);
}

bool cpu_breakpoint(struct cpu *cpu, uint32_t address, bool set)
{
    address &= ~1u;
    for (unsigned i = 0; i < cpu->breakpoint_count; i++) {
        if (cpu->breakpoints[i] != address)
            continue;
        if (!set)
            cpu->breakpoints[i] = cpu->breakpoints[--cpu->breakpoint_count];
        return true;
    }
    if (!set || cpu->breakpoint_count == CPU_BREAKPOINTS_MAX)
        return false;
    cpu->breakpoints[cpu->breakpoint_count++] = address;
    return true;
}

bool cpu_watchpoint(struct cpu *cpu, uint32_t address, uint32_t size, unsigned kinds, bool set)
{
    struct cpu_watchpoint point = {address, size, (kinds & CPU_WATCH_READ) != 0,
                                   (kinds & CPU_WATCH_WRITE) != 0};
    unsigned i = 0;

    while (i < cpu->watchpoint_count && memcmp(&cpu->watchpoints[i], &point, sizeof point) != 0)
        i++;
    if (set && i == cpu->watchpoint_count) {
        if (i == CPU_WATCHPOINTS_MAX || size == 0)
            return false;
        cpu->watchpoints[cpu->watchpoint_count++] = point;
    } else if (!set) {
        if (i == cpu->watchpoint_count)
            return false;
        cpu->watchpoints[i] = cpu->watchpoints[--cpu->watchpoint_count];
    }
    cpu->watch_hit = 0;
    cpu_bus_pages_choose(cpu);
    return true;
}

uint32_t cpu_watch_hit(struct cpu *cpu)
{
    uint32_t address = cpu->watch_hit;

    cpu->watch_hit = 0;
    return address;
}

void cpu_profile(struct cpu *cpu, uint32_t base, uint32_t size, uint64_t *counts, uint32_t *lowest_sp)
{
    cpu->profile_base = base;
    cpu->profile_size = size;
    cpu->profile_counts = counts;
    cpu->profile_sp = lowest_sp;
    cpu_attention(cpu);
}

void cpu_trace(struct cpu *cpu, void (*trace)(void *context, struct cpu *cpu))
{
    cpu->trace = trace;
    cpu_attention(cpu);
}
