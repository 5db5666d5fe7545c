/*
 * An ARMv7E-M processor with FPv4-SP (Cortex-M4F): interpreter, exceptions and the registers that belong to
 * the core itself (NVIC, SCB, SysTick, MPU, FPU, DWT cycle counter). The chip around it is the caller's.
 *
 *   cpu_init ─→ cpu_reset ─→ cpu_run(until) ─→ reason ─→ cpu_run … ; cpu_irq between runs or from callbacks
 *
 * One cycle for each instruction, exactly; a sleeping core skips to the next deadline. Same image, same
 * inputs: same result to the instruction. Source: ARMv7-M Architecture Reference Manual (DDI 0403) [unread
 * where the implementation does not say otherwise].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_CPU_H
#define PLUGNET_VBOARD_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_REGIONS_MAX 8
#define CPU_IRQS_MAX    96

/* Memory that the core reads (and writes) directly, without a callback. */
struct cpu_region {
    uint32_t base, size;
    uint8_t *bytes; /* caller's memory, `size` bytes */
    bool writable;  /* false: a write is passed to bus_write (flash) */
};

enum cpu_bus { CPU_BUS_OK, CPU_BUS_FAULT };

struct cpu_config {
    struct cpu_region regions[CPU_REGIONS_MAX]; /* size 0 ends the list; first match wins */
    uint8_t irq_count;                          /* external interrupts, 1 to CPU_IRQS_MAX */
    uint8_t priority_bits;                      /* implemented priority bits: 4 on STM32 */

    /* Everything outside the regions and the core's own 0xE0000000 space, naturally split: size 1, 2 or 4.
     * Bit-band aliases are resolved by the core before this is called. */
    enum cpu_bus (*bus_read)(void *context, uint32_t address, unsigned size, uint32_t *value);
    enum cpu_bus (*bus_write)(void *context, uint32_t address, unsigned size, uint32_t value);

    /* Memory of a page that cpu_reads_watched names is read, or an instruction fetched; not by a debugger. May be NULL. */
    void (*watched_read)(void *context, uint32_t address, unsigned size);

    /* BKPT 0xAB, a call of the machine around the chip (semihosting). True: it is done, and the core goes on behind it;
     * false, or NULL: it is a BKPT as any. `debugger`: one is attached, and would stop at it. */
    bool (*host_call)(void *context, bool debugger);

    void *context; /* for all of them */

    uint32_t systick_calibration; /* SYST_CALIB as read; default 0 */
    uint32_t systick_divider;     /* of the core's clock when CLKSOURCE is 0; default 8, as on STM32 */
};

/* Why cpu_run came back. */
enum cpu_stop {
    CPU_DEADLINE,      /* cycles reached `until` */
    CPU_BREAK,         /* cpu_break was called, from a callback: an event may have moved the deadline */
    CPU_BREAKPOINT,    /* about to execute an address set by cpu_breakpoint (cpu_step goes past it); a BKPT
                        * instruction while a debugger is attached; after an access that a watchpoint waits for */
    CPU_RESET_REQUEST, /* AIRCR.SYSRESETREQ was written; ends with that instruction */
    CPU_LOCKUP,        /* a fault inside HardFault or NMI, or no vector table */
};

struct cpu; /* allocate with cpu_new */

/* NULL: no memory, or a configuration out of bounds. */
struct cpu *cpu_new(const struct cpu_config *config);
void cpu_free(struct cpu *cpu);

/* Reset the core: SP and PC from `vector_table` (an address in a region). The cycle count goes on. */
void cpu_reset(struct cpu *cpu, uint32_t vector_table);

/* Run until the cycle count reaches `until_cycle` or something else happens. */
enum cpu_stop cpu_run(struct cpu *cpu, uint64_t until_cycle);

/* Execute exactly one instruction (or take one exception and its first instruction), for debuggers. */
enum cpu_stop cpu_step(struct cpu *cpu);

/* Ask the running cpu_run to return after the current instruction. */
void cpu_break(struct cpu *cpu);

/* Level of an external interrupt line. */
void cpu_irq(struct cpu *cpu, unsigned irq, bool level);

/* Make the non-maskable interrupt pending. */
void cpu_nmi(struct cpu *cpu);

uint64_t cpu_cycles(const struct cpu *cpu);       /* of the core's clock, also while asleep */
uint64_t cpu_instructions(const struct cpu *cpu); /* executed */
uint64_t cpu_sleep_cycles(const struct cpu *cpu); /* spent in WFI/WFE */
bool cpu_sleeping(const struct cpu *cpu);
uint32_t cpu_current_pc(const struct cpu *cpu); /* of the instruction being executed (for callbacks) */

/* Registers for debuggers and tests: 0-15 r0-pc, 16 xPSR, 17 MSP, 18 PSP, 19 CONTROL|FAULTMASK|BASEPRI|PRIMASK
 * packed as in GDB's m-system feature order, 32-63 s0-s31, 64 FPSCR. */
uint32_t cpu_register_get(const struct cpu *cpu, unsigned number);
void cpu_register_set(struct cpu *cpu, unsigned number, uint32_t value);

/* Memory as the core sees it, without side effects on peripherals where the address is in a region; false
 * where nothing is mapped. */
bool cpu_memory_read(struct cpu *cpu, uint32_t address, void *bytes, size_t length);
bool cpu_memory_write(struct cpu *cpu, uint32_t address, const void *bytes, size_t length);

/* The caller changed bytes of a region that is not writable (flash): forget what was decoded from them. */
void cpu_code_changed(struct cpu *cpu, uint32_t address, uint32_t size);

/* The 4 KiB of a region around this address: each read of them is told to watched_read, or no longer. */
void cpu_reads_watched(struct cpu *cpu, uint32_t address, bool on);

bool cpu_breakpoint(struct cpu *cpu, uint32_t address, bool set);

/* Data watchpoints; every access takes the slow way while there is one. cpu_watch_hit: the address that ended
 * the run, 0: none, and forgets it. */
enum { CPU_WATCH_READ = 1, CPU_WATCH_WRITE = 2 };
bool cpu_watchpoint(struct cpu *cpu, uint32_t address, uint32_t size, unsigned kinds, bool set);
uint32_t cpu_watch_hit(struct cpu *cpu);

/* With a debugger BKPT stops the run; without one it is a fault, as on the chip. */
void cpu_debugger(struct cpu *cpu, bool attached);

/* Profile: counts of executed instructions for each halfword of [base, base+size), kept in caller's memory of
 * size/2 uint64_t; and the lowest SP seen there, size/2 uint32_t. NULL switches off. */
void cpu_profile(struct cpu *cpu, uint32_t base, uint32_t size, uint64_t *counts, uint32_t *lowest_sp);

/* Coverage: marks for each halfword of [base, base+size) where an instruction begins, or'ed into caller's memory of
 * size/2 bytes. NULL switches off. */
enum {
    CPU_COVERAGE_RAN = 1,   /* it was executed; in an IT block: its condition was true */
    CPU_COVERAGE_FALSE = 2, /* of a conditional branch, or in an IT block: the condition was false */
    CPU_COVERAGE_TRUE = 4,  /* … was true */
};
void cpu_coverage(struct cpu *cpu, uint32_t base, uint32_t size, uint8_t *marks);

/* Called before each instruction (slow); NULL switches off. */
void cpu_trace(struct cpu *cpu, void (*trace)(void *context, struct cpu *cpu));

#endif
