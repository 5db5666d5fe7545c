/*
 * Exceptions: who is next, entry, return, faults.
 *
 *   boundary ─→ return? ─→ best pending > active? ─→ push frame ─→ best again (late arrival) ─→ vector
 *                  └─→ best pending > what remains? ─→ tail-chain: vector without pop and push
 *
 * Entry and return take no cycles. A fault is made pending or escalated, then entered like all others, so that
 * an interrupt of higher priority goes first. A fault while the frame is pushed or popped is "derived": it is
 * made pending in turn. Source: ARMv7-M ARM B1.5 [unread]; public descriptions of its pseudocode.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_core.h"

#define PRIORITY_NONE 256
#define FRAME_BASIC   0x20u
#define FRAME_FP      0x68u

static int group_priority(const struct cpu *cpu, int priority)
{
    return priority < 0 ? priority : priority & ~((2 << cpu->prigroup) - 1);
}

int cpu_exception_priority(const struct cpu *cpu, unsigned exception)
{
    if (exception <= EXCEPTION_HARD)
        return (int)exception - 4;
    return cpu->priority[exception];
}

void cpu_active_update(struct cpu *cpu)
{
    cpu->active_priority = PRIORITY_NONE;
    for (unsigned i = 0; i < CPU_WORDS; i++) {
        for (uint32_t bits = cpu->active[i]; bits; bits &= bits - 1) {
            int priority = cpu_exception_priority(cpu, i * 32 + (unsigned)__builtin_ctz(bits));

            if (group_priority(cpu, priority) < cpu->active_priority)
                cpu->active_priority = group_priority(cpu, priority);
        }
    }
    if (cpu->mpu.control & 1)
        cpu_bus_pages_choose(cpu);
}

static int masked_priority(const struct cpu *cpu, bool primask)
{
    int priority = cpu->active_priority;

    if (cpu->basepri && group_priority(cpu, (int)cpu->basepri) < priority)
        priority = group_priority(cpu, (int)cpu->basepri);
    if (primask && priority > 0)
        priority = 0;
    if (cpu->faultmask && priority > -1)
        priority = -1;
    return priority;
}

int cpu_execution_priority(const struct cpu *cpu)
{
    return masked_priority(cpu, cpu->primask);
}

/* The pending and enabled exception that would be taken first, or EXCEPTION_NONE. */
int cpu_exception_best(const struct cpu *cpu)
{
    int best = EXCEPTION_NONE, best_priority = PRIORITY_NONE;

    for (unsigned i = 0; i < CPU_WORDS; i++) {
        for (uint32_t bits = cpu->pending[i] & cpu->enabled[i]; bits; bits &= bits - 1) {
            unsigned exception = i * 32 + (unsigned)__builtin_ctz(bits);
            int priority = cpu_exception_priority(cpu, exception);

            if (priority < best_priority) {
                best_priority = priority;
                best = (int)exception;
            }
        }
    }
    return best;
}

static bool preempts(const struct cpu *cpu, int exception, int than)
{
    return exception != EXCEPTION_NONE &&
           group_priority(cpu, cpu_exception_priority(cpu, (unsigned)exception)) < than;
}

/* Does it end a sleep? PRIMASK is looked through. */
bool cpu_exception_wakes(struct cpu *cpu)
{
    if (cpu->sleep == SLEEP_WFE && cpu->event) {
        cpu->event = false;
        return true;
    }
    return preempts(cpu, cpu_exception_best(cpu), masked_priority(cpu, false));
}

void cpu_pend(struct cpu *cpu, unsigned exception)
{
    if (!cpu_bit(cpu->pending, exception) && (cpu->scr & SCR_SEVONPEND) && exception >= EXCEPTION_IRQ)
        cpu->event = true;
    cpu_bit_set(cpu->pending, exception, true);
    cpu_attention(cpu);
}

static void lock_up(struct cpu *cpu)
{
    cpu->locked_up = true;
    cpu->next = 0xFFFFFFFEu;
    cpu->stop_request |= 1u << CPU_LOCKUP;
    cpu_attention(cpu);
}

/* Make a synchronous exception pending, or what it escalates to. `priority`: of what it interrupts. */
static void fault_pend(struct cpu *cpu, unsigned exception, int priority)
{
    bool ready = cpu_bit(cpu->enabled, exception) &&
                 group_priority(cpu, cpu_exception_priority(cpu, exception)) < priority;

    if (exception == EXCEPTION_DEBUG) {
        ready = ready && (cpu->demcr & DEMCR_MON_EN);
        cpu->dfsr |= 2;
    }
    if (ready && exception != EXCEPTION_HARD) {
        cpu_pend(cpu, exception);
        return;
    }
    if (priority <= -1) {
        lock_up(cpu);
        return;
    }
    if (exception == EXCEPTION_DEBUG)
        cpu->hfsr |= HFSR_DEBUGEVT;
    else if (exception != EXCEPTION_HARD)
        cpu->hfsr |= HFSR_FORCED;
    cpu_pend(cpu, EXCEPTION_HARD);
}

_Noreturn void cpu_fault(struct cpu *cpu, enum cpu_exception exception, uint32_t cfsr)
{
    cpu->cfsr |= cfsr;
    cpu->fault_exception = exception;
    longjmp(cpu->escape, 1);
}

/* After the longjmp: as if the instruction had not been started. */
void cpu_fault_deliver(struct cpu *cpu)
{
    cpu->next = cpu->r[15] - 4;
    cpu->it = cpu->it_running;
    cpu->it_running = 0;
    cpu_window_close(cpu);
    fault_pend(cpu, cpu->fault_exception, cpu_execution_priority(cpu));
}

void cpu_svc(struct cpu *cpu)
{
    fault_pend(cpu, EXCEPTION_SVC, cpu_execution_priority(cpu));
}

/* A derived fault: in stacking, unstacking or lazy stacking. */
static void derived_fault(struct cpu *cpu, uint32_t exception, uint32_t memory_bit, uint32_t bus_bit,
                          int priority)
{
    cpu->cfsr |= exception == EXCEPTION_MEMORY ? memory_bit : bus_bit;
    fault_pend(cpu, exception, priority);
}

static uint32_t xpsr(const struct cpu *cpu)
{
    uint32_t it = cpu->it;

    return cpu_apsr(cpu) | (it & 3) << 25 | (it >> 2) << 10 | (cpu->thumb ? 1u << 24 : 0) | cpu->ipsr;
}

/* What the FP context will need when it is written later: which faults could then be taken. */
static void fp_leave_for_later(struct cpu *cpu, uint32_t address)
{
    int priority = cpu_execution_priority(cpu);

    cpu->fpcar = address;
    cpu->fpccr &= FPCCR_ASPEN | FPCCR_LSPEN;
    cpu->fpccr |= FPCCR_LSPACT;
    if (!cpu_privileged(cpu))
        cpu->fpccr |= FPCCR_USER;
    if (cpu->ipsr == 0)
        cpu->fpccr |= FPCCR_THREAD;
    if (priority > -1)
        cpu->fpccr |= FPCCR_HFRDY;
    if (cpu_bit(cpu->enabled, EXCEPTION_MEMORY) && cpu_exception_priority(cpu, EXCEPTION_MEMORY) < priority)
        cpu->fpccr |= FPCCR_MMRDY;
    if (cpu_bit(cpu->enabled, EXCEPTION_BUS) && cpu_exception_priority(cpu, EXCEPTION_BUS) < priority)
        cpu->fpccr |= FPCCR_BFRDY;
    if ((cpu->demcr & DEMCR_MON_EN) && cpu_exception_priority(cpu, EXCEPTION_DEBUG) < priority)
        cpu->fpccr |= FPCCR_MONRDY;
}

static bool fp_access(const struct cpu *cpu, bool privileged)
{
    unsigned access = cpu->cpacr >> 20 & 3;

    return access == 3 || (access == 1 && privileged);
}

/* S0-S15 and FPSCR at `address`, to memory or back. */
static uint32_t fp_frame(struct cpu *cpu, uint32_t address, bool write, bool privileged)
{
    uint32_t unused = 0;

    for (unsigned i = 0; i < 18; i++) {
        uint32_t *value = i < 16 ? &cpu->s[i] : i == 16 ? &cpu->fpscr : &unused;
        uint32_t exception = cpu_bus_try(cpu, address + 4 * i, value, write, privileged);

        if (exception)
            return exception;
    }
    return EXCEPTION_NONE;
}

/* Before the first FP instruction of a context: access, lazy state, a new context. */
void cpu_fp_prepare(struct cpu *cpu)
{
    if (!fp_access(cpu, cpu_privileged(cpu)))
        cpu_fault(cpu, EXCEPTION_USAGE, UFSR_NOCP);
    if (cpu->fpccr & FPCCR_LSPACT) {
        uint32_t exception = fp_frame(cpu, cpu->fpcar, true, !(cpu->fpccr & FPCCR_USER));

        if (exception)
            cpu_fault(cpu, exception, exception == EXCEPTION_MEMORY ? MMFSR_MLSPERR : BFSR_LSPERR);
        cpu->fpccr &= ~FPCCR_LSPACT;
    }
    if ((cpu->fpccr & FPCCR_ASPEN) && !(cpu->control & CONTROL_FPCA)) {
        cpu->control |= CONTROL_FPCA;
        cpu->fpscr = (cpu->fpscr & ~0x07C00000u) | (cpu->fpdscr & 0x07C00000u);
    }
    cpu->fp_ready = true;
}

static void frame_push(struct cpu *cpu)
{
    bool fp = (cpu->control & CONTROL_FPCA) != 0, align = fp || (cpu->ccr & CCR_STKALIGN);
    bool privileged = cpu_privileged(cpu);
    uint32_t old = cpu->r[13], size = fp ? FRAME_FP : FRAME_BASIC, frame = (old - size) & ~(align ? 4u : 0);
    uint32_t values[8] = {cpu->r[0],  cpu->r[1],  cpu->r[2], cpu->r[3],
                          cpu->r[12], cpu->r[14], cpu->next, xpsr(cpu) | (align ? (old & 4) << 7 : 0)};
    uint32_t exception = EXCEPTION_NONE;
    int priority = cpu_execution_priority(cpu);

    cpu->r[13] = frame;
    for (unsigned i = 0; i < 8 && !exception; i++)
        exception = cpu_bus_try(cpu, frame + 4 * i, &values[i], true, privileged);
    if (fp && !exception) {
        if (cpu->fpccr & FPCCR_LSPEN)
            fp_leave_for_later(cpu, frame + FRAME_BASIC);
        else if (fp_access(cpu, privileged))
            exception = fp_frame(cpu, frame + FRAME_BASIC, true, privileged);
    }
    if (exception)
        derived_fault(cpu, exception, MMFSR_MSTKERR, BFSR_STKERR, priority);
}

static uint32_t return_value(const struct cpu *cpu)
{
    uint32_t value = cpu->control & CONTROL_FPCA ? 0xFFFFFFE1u : 0xFFFFFFF1u;

    if (cpu->ipsr == 0)
        value |= cpu->control & CONTROL_SPSEL ? 0xC : 0x8;
    return value;
}

/* Go to the handler: R0-R3 and R12 keep what they hold. */
static void handler_enter(struct cpu *cpu, unsigned exception, uint32_t link)
{
    uint32_t vector, problem = cpu_bus_try(cpu, cpu->vtor + 4 * exception, &vector, false, true);

    if (cpu->ipsr == 0 && (cpu->control & CONTROL_SPSEL)) {
        uint32_t process = cpu->r[13];

        cpu->r[13] = cpu->sp_other;
        cpu->sp_other = process;
    }
    cpu->r[14] = link;
    cpu->ipsr = exception;
    cpu->control &= ~(CONTROL_SPSEL | CONTROL_FPCA);
    cpu->fp_ready = false;
    cpu->exclusive = false;
    cpu->event = true;
    cpu->it = 0;
    cpu_bit_set(cpu->pending, exception, false);
    cpu_bit_set(cpu->active, exception, true);
    cpu_active_update(cpu);
    cpu_window_close(cpu);
    if (problem) {
        cpu->hfsr |= HFSR_VECTTBL;
        cpu->next = 0;
        cpu->thumb = true;
        if (cpu->active_priority < 0)
            lock_up(cpu);
        else
            cpu_pend(cpu, EXCEPTION_HARD);
        return;
    }
    cpu->next = vector & ~1u;
    cpu->thumb = vector & 1;
}

/* Enter the best pending exception if it preempts. */
bool cpu_exception_take(struct cpu *cpu)
{
    int exception = cpu_exception_best(cpu);
    uint32_t link;

    if (cpu->locked_up || !preempts(cpu, exception, cpu_execution_priority(cpu)))
        return false;
    cpu->sleep = AWAKE;
    link = return_value(cpu);
    frame_push(cpu);
    if (cpu->locked_up)
        return false;
    handler_enter(cpu, (unsigned)cpu_exception_best(cpu), link);
    return true;
}

static unsigned active_count(const struct cpu *cpu)
{
    unsigned count = 0;

    for (unsigned i = 0; i < CPU_WORDS; i++)
        count += (unsigned)__builtin_popcount(cpu->active[i]);
    return count;
}

static void deactivate(struct cpu *cpu, unsigned exception)
{
    if (exception < CPU_EXCEPTIONS) {
        cpu_bit_set(cpu->active, exception, false);
        if (cpu_bit(cpu->level, exception))
            cpu_pend(cpu, exception);
    }
    if (exception != EXCEPTION_NMI)
        cpu->faultmask = 0;
    cpu_active_update(cpu);
}

/* INVPC: entered without touching the stack, LR as it was used. */
static void return_refuse(struct cpu *cpu, uint32_t link)
{
    cpu->cfsr |= UFSR_INVPC;
    fault_pend(cpu, EXCEPTION_USAGE, cpu_execution_priority(cpu));
    if (!cpu->locked_up)
        handler_enter(cpu, (unsigned)cpu_exception_best(cpu), link);
}

/* May the running handler return so? */
static bool return_allowed(const struct cpu *cpu, uint32_t value)
{
    unsigned others = active_count(cpu) - 1;

    /* a frame made by software may have named any exception */
    if (cpu->ipsr >= CPU_EXCEPTIONS || !cpu_bit(cpu->active, cpu->ipsr) ||
        (value & 0x0FFFFFE0u) != 0x0FFFFFE0u)
        return false;
    switch (value & 15) {
    case 1: return others != 0;
    case 9:
    case 13: return others == 0 || (cpu->ccr & CCR_NONBASETHRDENA);
    default: return false;
    }
}

static uint32_t frame_pop(struct cpu *cpu, uint32_t frame, bool fp, bool privileged, uint32_t values[8])
{
    uint32_t exception = EXCEPTION_NONE;

    for (unsigned i = 0; i < 8 && !exception; i++)
        exception = cpu_bus_try(cpu, frame + 4 * i, &values[i], false, privileged);
    if (!exception && fp) {
        if (cpu->fpccr & FPCCR_LSPACT)
            cpu->fpccr &= ~FPCCR_LSPACT;
        else if (fp_access(cpu, privileged))
            exception = fp_frame(cpu, frame + FRAME_BASIC, false, privileged);
    }
    return exception;
}

static void frame_apply(struct cpu *cpu, const uint32_t values[8], uint32_t link, uint32_t end)
{
    uint32_t psr = values[7];
    bool fp = !(link & 16), align = fp || (cpu->ccr & CCR_STKALIGN);

    memcpy(cpu->r, values, 4 * sizeof values[0]);
    cpu->r[12] = values[4];
    cpu->r[14] = values[5];
    cpu->r[13] = end | (align ? psr >> 7 & 4 : 0);
    cpu->next = values[6] & ~1u;
    cpu_nzcv_set(cpu, psr);
    cpu->q = psr >> 27 & 1;
    cpu->ge = psr >> 16 & 15;
    cpu->it = (uint8_t)((psr >> 25 & 3) | (psr >> 8 & 0xFC));
    if ((cpu->it & 15) == 0)
        cpu->it = 0; /* bits of an interrupted LDM or STM: it is started again */
    cpu->thumb = psr >> 24 & 1;
    cpu->ipsr = psr & 0x1FF;
    cpu->control = (cpu->control & ~CONTROL_FPCA) | (fp ? CONTROL_FPCA : 0);
}

/* To thread or handler mode, with the stack that the value names. */
static void mode_change(struct cpu *cpu, uint32_t value)
{
    bool process = (value & 15) == 13;

    cpu->control = (cpu->control & ~CONTROL_SPSEL) | (process ? CONTROL_SPSEL : 0);
    if (process) {
        uint32_t main_sp = cpu->r[13];

        cpu->r[13] = cpu->sp_other;
        cpu->sp_other = main_sp;
    }
    cpu->fp_ready = false;
    cpu->exclusive = false;
    cpu->event = true;
    cpu_window_close(cpu);
}

void cpu_exception_return(struct cpu *cpu)
{
    uint32_t value = cpu->exception_return, values[8], problem;
    unsigned from = cpu->ipsr;
    bool to_thread = (value & 8) != 0, fp = !(value & 16), privileged;
    uint32_t frame = (value & 15) == 13 ? cpu->sp_other : cpu->r[13];

    cpu->exception_return = 0;
    if (!return_allowed(cpu, value)) {
        deactivate(cpu, from);
        return_refuse(cpu, value | 0xF0000000u);
        return;
    }
    deactivate(cpu, from);
    if (preempts(cpu, cpu_exception_best(cpu), cpu_execution_priority(cpu))) {
        handler_enter(cpu, (unsigned)cpu_exception_best(cpu), value);
        return;
    }
    privileged = !to_thread || !(cpu->control & CONTROL_NPRIV);
    problem = frame_pop(cpu, frame, fp, privileged, values);
    if (problem) {
        derived_fault(cpu, problem, MMFSR_MUNSTKERR, BFSR_UNSTKERR, cpu_execution_priority(cpu));
        if (!cpu->locked_up)
            handler_enter(cpu, (unsigned)cpu_exception_best(cpu), value);
        return;
    }
    mode_change(cpu, value);
    frame_apply(cpu, values, value, frame + (fp ? FRAME_FP : FRAME_BASIC));
    if ((cpu->ipsr == 0) != to_thread) {
        bool wrong_thread = cpu->ipsr != 0 && to_thread;

        if (wrong_thread)
            cpu->ipsr = 0;
        frame_push(cpu);
        return_refuse(cpu, value);
        return;
    }
    cpu_bus_pages_choose(cpu);
    if (to_thread && active_count(cpu) == 0 && (cpu->scr & SCR_SLEEPONEXIT))
        cpu->sleep = SLEEP_WFI;
}
