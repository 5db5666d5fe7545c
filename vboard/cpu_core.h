/*
 * Inside of the processor: its whole state and the small helpers that every instruction uses.
 *
 *   cpu.c            run loop, API            cpu_decode.c     halfwords ─→ struct cpu_op
 *   cpu_alu.c cpu_dsp.c cpu_memory.c          the instructions, each file with its own table of encodings
 *   cpu_branch.c cpu_vfp.c                    "
 *   cpu_float.c      binary32 arithmetic      cpu_bus.c        the way to memory, bit-band, MPU
 *   cpu_coverage.c   what ran
 *   cpu_exception.c  entry, return, faults    cpu_system.c     registers at 0xE0000000
 *
 * An instruction is decoded once for each halfword of a read-only region and kept; code in RAM is kept too but
 * compared with memory each time. Faults leave an instruction by longjmp, before it has changed anything.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_CPU_CORE_H
#define PLUGNET_VBOARD_CPU_CORE_H

#include "vboard/cpu.h"

#include <setjmp.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest memory is read by memcpy");

#define CPU_INLINE  static inline __attribute__((always_inline))
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define CPU_PAGE_BITS       12
#define CPU_PAGE_SIZE       (1u << CPU_PAGE_BITS)
#define CPU_PAGES           (1u << (32 - CPU_PAGE_BITS))
#define CPU_EXCEPTIONS      (16 + CPU_IRQS_MAX)
#define CPU_WORDS           4 /* of 32 bits, for one bit per exception */
#define CPU_BREAKPOINTS_MAX 64
#define CPU_WATCHPOINTS_MAX 16
#define CPU_MPU_REGIONS     8
#define CPU_MPU_PAGES_MAX   128

enum cpu_exception {
    EXCEPTION_NONE = 0,
    EXCEPTION_RESET = 1,
    EXCEPTION_NMI = 2,
    EXCEPTION_HARD = 3,
    EXCEPTION_MEMORY = 4,
    EXCEPTION_BUS = 5,
    EXCEPTION_USAGE = 6,
    EXCEPTION_SVC = 11,
    EXCEPTION_DEBUG = 12,
    EXCEPTION_PENDSV = 14,
    EXCEPTION_SYSTICK = 15,
    EXCEPTION_IRQ = 16,
};

/* CFSR, by its three bytes. */
enum {
    MMFSR_IACCVIOL = 1 << 0,
    MMFSR_DACCVIOL = 1 << 1,
    MMFSR_MUNSTKERR = 1 << 3,
    MMFSR_MSTKERR = 1 << 4,
    MMFSR_MLSPERR = 1 << 5,
    MMFSR_MMARVALID = 1 << 7,
    BFSR_IBUSERR = 1 << 8,
    BFSR_PRECISERR = 1 << 9,
    BFSR_UNSTKERR = 1 << 11,
    BFSR_STKERR = 1 << 12,
    BFSR_LSPERR = 1 << 13,
    BFSR_BFARVALID = 1 << 15,
    UFSR_UNDEFINSTR = 1 << 16,
    UFSR_INVSTATE = 1 << 17,
    UFSR_INVPC = 1 << 18,
    UFSR_NOCP = 1 << 19,
    UFSR_UNALIGNED = 1 << 24,
    UFSR_DIVBYZERO = 1 << 25,
};
#define HFSR_VECTTBL  (1u << 1)
#define HFSR_FORCED   (1u << 30)
#define HFSR_DEBUGEVT (1u << 31)

#define CCR_NONBASETHRDENA (1u << 0)
#define CCR_USERSETMPEND   (1u << 1)
#define CCR_UNALIGN_TRP    (1u << 3)
#define CCR_DIV_0_TRP      (1u << 4)
#define CCR_BFHFNMIGN      (1u << 8)
#define CCR_STKALIGN       (1u << 9)

#define SCR_SLEEPONEXIT (1u << 1)
#define SCR_SEVONPEND   (1u << 4)

#define FPCCR_LSPACT (1u << 0)
#define FPCCR_USER   (1u << 1)
#define FPCCR_THREAD (1u << 3)
#define FPCCR_HFRDY  (1u << 4)
#define FPCCR_MMRDY  (1u << 5)
#define FPCCR_BFRDY  (1u << 6)
#define FPCCR_MONRDY (1u << 8)
#define FPCCR_LSPEN  (1u << 30)
#define FPCCR_ASPEN  (1u << 31)

#define CONTROL_NPRIV 1u
#define CONTROL_SPSEL 2u
#define CONTROL_FPCA  4u

#define DEMCR_MON_EN   (1u << 16)
#define DEMCR_MON_PEND (1u << 17)

enum cpu_shift { SHIFT_LSL, SHIFT_LSR, SHIFT_ASR, SHIFT_ROR, SHIFT_RRX };

struct cpu_op;
struct cpu_encoding;
typedef void cpu_execute(struct cpu *cpu, const struct cpu_op *op);

/* An instruction ready to run. */
struct cpu_op {
    cpu_execute *execute; /* NULL: not decoded yet */
    uint32_t imm;
    uint32_t raw;       /* first halfword << 16 | second, or a 16-bit instruction alone */
    uint8_t d, n, m, a; /* registers; a: accumulate, or the second one of a pair */
    uint8_t length;     /* 2 or 4 bytes */
    uint8_t shift, amount;
    uint8_t extra; /* as the instruction needs it */
    uint16_t encoding;
};

struct cpu_systick {
    uint32_t control, reload;
    uint32_t value;    /* of the counter at `since` */
    uint64_t since;    /* cycle */
    uint64_t deadline; /* cycle of the next exception; UINT64_MAX: none */
};

struct cpu_mpu {
    uint32_t control, number;
    uint32_t base[CPU_MPU_REGIONS], attribute[CPU_MPU_REGIONS];
};

struct cpu_watchpoint {
    uint32_t address, size;
    bool on_read, on_write;
};

enum cpu_sleep { AWAKE, SLEEP_WFI, SLEEP_WFE };

struct cpu {
    /* What nearly every instruction touches. r[15] reads as the running instruction's address + 4. */
    uint32_t r[16];
    uint32_t next;                     /* address of the next instruction */
    uint32_t flag_n, flag_z;           /* N: bit 31 of flag_n; Z: flag_z is zero */
    uint32_t flag_c, flag_v;           /* 0 or 1 */
    uint64_t cycle, stop_at;           /* the inner loop ends when cycle reaches stop_at; 0: attention */
    uint32_t window_base, window_size; /* where decoded instructions can be taken directly */
    struct cpu_op *window_ops, *window_it_ops;
    uint32_t window_full;                /* window_size while there is no IT block; 0: no window */
    int fetch_region;                    /* where the last instruction outside the window was found */
    uint8_t **read_pages, **write_pages; /* address >> 12 to memory, or NULL: the slow way */

    uint32_t s[32]; /* FP registers */
    uint32_t fpscr;
    uint8_t q, ge;
    uint8_t it, it_running; /* ITSTATE of the next, of the running instruction */
    bool thumb;
    bool exclusive, event;
    uint8_t sleep; /* enum cpu_sleep */
    bool fp_ready; /* CPACR lets FP instructions run, the context is active, nothing is left to be stacked */

    uint32_t ipsr;
    uint32_t control;
    uint32_t sp_other; /* the stack pointer that is not r[13] */
    uint32_t primask, basepri, faultmask;
    uint32_t exception_return; /* EXC_RETURN that was just loaded into PC, 0: none */

    uint32_t pending[CPU_WORDS], enabled[CPU_WORDS], active[CPU_WORDS], level[CPU_WORDS];
    uint8_t priority[CPU_WORDS * 32];
    int active_priority; /* group priority of the highest active exception, 256: none */

    uint32_t vtor, prigroup, scr, ccr, cpacr, cfsr, hfsr, dfsr, mmfar, bfar;
    uint32_t fpccr, fpcar, fpdscr, actlr, demcr, dhcsr;
    struct cpu_systick systick;
    struct cpu_mpu mpu;
    uint32_t dwt_control, dwt_count;
    uint64_t dwt_since;
    uint32_t dwt[0x60 / 4 + 4], fpb[16], itm_enable, itm_control, tpiu[4];

    struct cpu_config config;
    uint64_t until, sleep_cycles;
    uint32_t stop_request; /* bit per enum cpu_stop */
    bool locked_up, debugger, stepping;
    uint32_t fault_exception; /* the fault that longjmp left for */
    jmp_buf escape;

    struct cpu_op *ops[CPU_REGIONS_MAX][2]; /* decoded instructions of each region, [1] inside an IT block */
    struct cpu_op passing;                  /* one decoded outside every region */
    uint8_t **all_read_pages, **all_write_pages, **no_pages;
    uint8_t **mpu_read_pages, **mpu_write_pages; /* those that the MPU, as it is now, allows as a whole */
    uint32_t mpu_pages[CPU_MPU_PAGES_MAX];       /* which those are */
    unsigned mpu_page_count;
    unsigned mpu_view; /* what the two hold for: see cpu_bus_pages_choose; 0: nothing */

    uint32_t breakpoints[CPU_BREAKPOINTS_MAX];
    unsigned breakpoint_count;
    struct cpu_watchpoint watchpoints[CPU_WATCHPOINTS_MAX];
    unsigned watchpoint_count;
    uint32_t watch_hit;
    uint32_t profile_base, profile_size;
    uint64_t *profile_counts;
    uint32_t *profile_sp;
    void (*trace)(void *context, struct cpu *cpu);
    uint32_t coverage_base, coverage_size;
    uint8_t *coverage;
};

/* cpu_bus.c */
uint32_t cpu_load_slow(struct cpu *cpu, uint32_t address, unsigned size);
void cpu_store_slow(struct cpu *cpu, uint32_t address, unsigned size, uint32_t value);
uint32_t cpu_load_as(struct cpu *cpu, uint32_t address, unsigned size, bool privileged);
void cpu_store_as(struct cpu *cpu, uint32_t address, unsigned size, uint32_t value, bool privileged);
/* For stacking and vectors: no longjmp; what went wrong is told as CFSR bits of a data access, 0: nothing. */
uint32_t cpu_bus_try(struct cpu *cpu, uint32_t address, uint32_t *value, bool write, bool privileged);
const struct cpu_op *cpu_fetch(struct cpu *cpu, uint32_t pc);
void cpu_bus_setup(struct cpu *cpu);
void cpu_bus_pages_choose(struct cpu *cpu);
int cpu_region_find(const struct cpu *cpu, uint32_t address);

/* cpu_coverage.c */
void cpu_coverage_mark(struct cpu *cpu, uint32_t pc);

/* cpu_decode.c */
void cpu_decode(struct cpu_op *op, uint32_t raw, bool in_it);

/* cpu_exception.c */
_Noreturn void cpu_fault(struct cpu *cpu, enum cpu_exception exception, uint32_t cfsr);
void cpu_fault_deliver(struct cpu *cpu);
void cpu_svc(struct cpu *cpu);
void cpu_exception_return(struct cpu *cpu);
bool cpu_exception_take(struct cpu *cpu);
bool cpu_exception_wakes(struct cpu *cpu);
int cpu_exception_best(const struct cpu *cpu);
int cpu_execution_priority(const struct cpu *cpu);
int cpu_exception_priority(const struct cpu *cpu, unsigned exception);
void cpu_active_update(struct cpu *cpu);
void cpu_pend(struct cpu *cpu, unsigned exception);
void cpu_fp_prepare(struct cpu *cpu);

/* cpu_system.c */
enum cpu_bus cpu_system_read(struct cpu *cpu, uint32_t address, unsigned size, uint32_t *value);
enum cpu_bus cpu_system_write(struct cpu *cpu, uint32_t address, unsigned size, uint32_t value);
void cpu_system_reset(struct cpu *cpu);
void cpu_systick_sync(struct cpu *cpu);

CPU_INLINE bool cpu_bit(const uint32_t *words, unsigned n)
{
    return words[n / 32] >> (n % 32) & 1;
}

CPU_INLINE void cpu_bit_set(uint32_t *words, unsigned n, bool on)
{
    if (on)
        words[n / 32] |= 1u << (n % 32);
    else
        words[n / 32] &= ~(1u << (n % 32));
}

/* Something may have to happen at the next instruction boundary. */
CPU_INLINE void cpu_attention(struct cpu *cpu)
{
    cpu->stop_at = 0;
}

CPU_INLINE bool cpu_privileged(const struct cpu *cpu)
{
    return cpu->ipsr != 0 || !(cpu->control & CONTROL_NPRIV);
}

CPU_INLINE void cpu_window_close(struct cpu *cpu)
{
    cpu->window_size = cpu->window_full = 0;
}

CPU_INLINE void cpu_nz(struct cpu *cpu, uint32_t value)
{
    cpu->flag_n = value;
    cpu->flag_z = value;
}

CPU_INLINE uint32_t cpu_ror(uint32_t value, unsigned by)
{
    by &= 31;
    return by ? value >> by | value << (32 - by) : value;
}

CPU_INLINE int32_t cpu_extend(uint32_t value, unsigned bits)
{
    return (int32_t)(value << (32 - bits)) >> (32 - bits);
}

CPU_INLINE uint32_t cpu_apsr(const struct cpu *cpu)
{
    return (cpu->flag_n & 0x80000000u) | (cpu->flag_z ? 0u : 1u << 30) | cpu->flag_c << 29 |
           cpu->flag_v << 28 | (uint32_t)cpu->q << 27 | (uint32_t)cpu->ge << 16;
}

CPU_INLINE void cpu_nzcv_set(struct cpu *cpu, uint32_t value)
{
    cpu->flag_n = value;
    cpu->flag_z = !(value >> 30 & 1);
    cpu->flag_c = value >> 29 & 1;
    cpu->flag_v = value >> 28 & 1;
}

CPU_INLINE bool cpu_condition(const struct cpu *cpu, unsigned condition)
{
    bool n = cpu->flag_n >> 31, z = cpu->flag_z == 0, c = cpu->flag_c, v = cpu->flag_v, is;

    switch (condition >> 1) {
    case 0: is = z; break;
    case 1: is = c; break;
    case 2: is = n; break;
    case 3: is = v; break;
    case 4: is = c && !z; break;
    case 5: is = n == v; break;
    case 6: is = n == v && !z; break;
    default: return true;
    }
    return (condition & 1) ? !is : is;
}

CPU_INLINE uint32_t cpu_load32(struct cpu *cpu, uint32_t address)
{
    const uint8_t *page = cpu->read_pages[address >> CPU_PAGE_BITS];
    uint32_t value;

    if (UNLIKELY(!page || (address & 3)))
        return cpu_load_slow(cpu, address, 4);
    memcpy(&value, page + address % CPU_PAGE_SIZE, 4);
    return value;
}

CPU_INLINE uint32_t cpu_load16(struct cpu *cpu, uint32_t address)
{
    const uint8_t *page = cpu->read_pages[address >> CPU_PAGE_BITS];
    uint16_t value;

    if (UNLIKELY(!page || (address & 1)))
        return cpu_load_slow(cpu, address, 2);
    memcpy(&value, page + address % CPU_PAGE_SIZE, 2);
    return value;
}

CPU_INLINE uint32_t cpu_load8(struct cpu *cpu, uint32_t address)
{
    const uint8_t *page = cpu->read_pages[address >> CPU_PAGE_BITS];

    if (UNLIKELY(!page))
        return cpu_load_slow(cpu, address, 1);
    return page[address % CPU_PAGE_SIZE];
}

CPU_INLINE void cpu_store32(struct cpu *cpu, uint32_t address, uint32_t value)
{
    uint8_t *page = cpu->write_pages[address >> CPU_PAGE_BITS];

    if (UNLIKELY(!page || (address & 3)))
        cpu_store_slow(cpu, address, 4, value);
    else
        memcpy(page + address % CPU_PAGE_SIZE, &value, 4);
}

CPU_INLINE void cpu_store16(struct cpu *cpu, uint32_t address, uint32_t value)
{
    uint8_t *page = cpu->write_pages[address >> CPU_PAGE_BITS];

    if (UNLIKELY(!page || (address & 1)))
        cpu_store_slow(cpu, address, 2, value);
    else
        memcpy(page + address % CPU_PAGE_SIZE, &value, 2);
}

CPU_INLINE void cpu_store8(struct cpu *cpu, uint32_t address, uint32_t value)
{
    uint8_t *page = cpu->write_pages[address >> CPU_PAGE_BITS];

    if (UNLIKELY(!page))
        cpu_store_slow(cpu, address, 1, value);
    else
        page[address % CPU_PAGE_SIZE] = (uint8_t)value;
}

/* Instructions that never accept an unaligned address (LDM, LDRD, VLDR, LDREX…). */
CPU_INLINE void cpu_aligned(struct cpu *cpu, uint32_t address, unsigned size)
{
    if (UNLIKELY(address & (size - 1)))
        cpu_fault(cpu, EXCEPTION_USAGE, UFSR_UNALIGNED);
}

CPU_INLINE void cpu_branch(struct cpu *cpu, uint32_t address)
{
    cpu->next = address & ~1u;
}

/* BX, BLX, and every load into PC: interworking, and EXC_RETURN in handler mode. */
CPU_INLINE void cpu_branch_exchange(struct cpu *cpu, uint32_t address)
{
    cpu->next = address & ~1u;
    if (UNLIKELY(address >= 0xF0000000u && cpu->ipsr != 0)) {
        cpu->exception_return = address;
        cpu_attention(cpu);
    } else if (UNLIKELY(!(address & 1))) {
        cpu->thumb = false;
        cpu_window_close(cpu);
    }
}

#endif
