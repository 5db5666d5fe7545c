/*
 * The core's own registers, 0xE0000000 to 0xE00FFFFF: ITM, DWT, FPB (as storage), SysTick, NVIC, SCB, MPU, FPU, TPIU.
 * Anything else there goes to the caller's bus, who can say "not modelled".
 *
 * SysTick is computed from the cycle count, not counted. So is DWT_CYCCNT, which goes on while the core sleeps:
 * the published formula "instructions = CYCCNT - CPICNT - EXCCNT - SLEEPCNT - LSUCNT + FOLDCNT" takes sleep out
 * of it, so sleep is in it. (A chip may stop that clock in its sleep mode; ours does not.)
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_core.h"

#define SYST_ENABLE    1u
#define SYST_TICKINT   2u
#define SYST_CLKSOURCE 4u
#define SYST_COUNTFLAG (1u << 16)

#define DWT_NUMCOMP     0x40000000u
#define DWT_CYCCNTENA   1u
#define DEMCR_TRCENA    (1u << 24)
#define AIRCR_KEY       0x05FAu
#define DHCSR_KEY       0xA05Fu
#define NOT_HERE        UINT64_MAX
#define DIVIDER_DEFAULT 8u /* external reference clock of STM32: HCLK / 8 */

/* SysTick. */

static uint64_t systick_divider(const struct cpu *cpu)
{
    uint64_t divider = cpu->config.systick_divider ? cpu->config.systick_divider : DIVIDER_DEFAULT;

    return cpu->systick.control & SYST_CLKSOURCE ? 1 : divider;
}

static void systick_deadline(struct cpu *cpu)
{
    struct cpu_systick *tick = &cpu->systick;
    uint64_t clocks = tick->value ? tick->value : (uint64_t)tick->reload + 1;

    tick->deadline = NOT_HERE;
    if ((tick->control & SYST_ENABLE) && (tick->control & SYST_TICKINT) && (tick->value || tick->reload))
        tick->deadline = tick->since + clocks * systick_divider(cpu);
    cpu_attention(cpu);
}

/* Bring the counter to the present; COUNTFLAG and the exception for every passage from 1 to 0. */
void cpu_systick_sync(struct cpu *cpu)
{
    struct cpu_systick *tick = &cpu->systick;
    uint64_t divider = systick_divider(cpu), clocks = (cpu->cycle - tick->since) / divider, beyond;
    bool zero;

    if (!(tick->control & SYST_ENABLE)) {
        tick->since = cpu->cycle;
        return;
    }
    tick->since += clocks * divider;
    if (clocks < tick->value || clocks == 0) {
        tick->value -= (uint32_t)clocks;
        return;
    }
    zero = tick->value != 0;
    beyond = clocks - tick->value; /* clocks after the first zero */
    if (tick->reload == 0) {
        tick->value = 0;
    } else {
        uint64_t period = (uint64_t)tick->reload + 1, rest = beyond % period;

        zero = zero || beyond >= period;
        tick->value = rest ? (uint32_t)(period - rest) : 0;
    }
    if (zero) {
        tick->control |= SYST_COUNTFLAG;
        if (tick->control & SYST_TICKINT)
            cpu_pend(cpu, EXCEPTION_SYSTICK);
    }
    systick_deadline(cpu);
}

static uint32_t systick_read(struct cpu *cpu, uint32_t offset)
{
    uint32_t value;

    cpu_systick_sync(cpu);
    switch (offset) {
    case 0x10:
        value = cpu->systick.control;
        cpu->systick.control &= ~SYST_COUNTFLAG;
        return value;
    case 0x14: return cpu->systick.reload;
    case 0x18: return cpu->systick.value;
    default: return cpu->config.systick_calibration;
    }
}

static void systick_write(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    cpu_systick_sync(cpu);
    switch (offset) {
    case 0x10:
        cpu->systick.control = (cpu->systick.control & SYST_COUNTFLAG) | (value & 7);
        cpu->systick.since = cpu->cycle;
        break;
    case 0x14: cpu->systick.reload = value & 0xFFFFFF; break;
    case 0x18:
        cpu->systick.value = 0;
        cpu->systick.control &= ~SYST_COUNTFLAG;
        cpu->systick.since = cpu->cycle;
        break;
    default: break;
    }
    systick_deadline(cpu);
}

/* DWT, ITM, FPB, TPIU. */

static bool cycle_counter_runs(const struct cpu *cpu)
{
    return (cpu->dwt_control & DWT_CYCCNTENA) && (cpu->demcr & DEMCR_TRCENA);
}

static void cycle_counter_sync(struct cpu *cpu)
{
    if (cycle_counter_runs(cpu))
        cpu->dwt_count += (uint32_t)(cpu->cycle - cpu->dwt_since);
    cpu->dwt_since = cpu->cycle;
}

/* TPIU registers 0x004, 0x010, 0x0F0, 0x304; 4: none of them. */
static unsigned tpiu_index(uint32_t offset)
{
    switch (offset) {
    case 0x40004: return 0;
    case 0x40010: return 1;
    case 0x400F0: return 2;
    case 0x40304: return 3;
    default: return 4;
    }
}

static bool trace_read(struct cpu *cpu, uint32_t offset, uint32_t *value)
{
    cycle_counter_sync(cpu);
    if (offset < 0x400)
        *value = 1; /* stimulus port ready */
    else if (offset == 0xE00)
        *value = cpu->itm_enable;
    else if (offset == 0xE80)
        *value = cpu->itm_control;
    else if (offset == 0x1000)
        *value = cpu->dwt_control | DWT_NUMCOMP;
    else if (offset == 0x1004)
        *value = cpu->dwt_count;
    else if (offset == 0x101C)
        *value = cpu->next;
    else if (offset >= 0x1008 && offset < 0x1060)
        *value = cpu->dwt[(offset - 0x1000) / 4];
    else if (offset >= 0x2000 && offset < 0x2028)
        *value = cpu->fpb[(offset - 0x2000) / 4] | (offset == 0x2000 ? 0x260u : 0);
    else if (tpiu_index(offset) < 4)
        *value = cpu->tpiu[tpiu_index(offset)];
    else
        return false;
    return true;
}

static bool trace_write(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    cycle_counter_sync(cpu);
    if (offset < 0x400)
        return true;
    if (offset == 0xE00)
        cpu->itm_enable = value;
    else if (offset == 0xE80)
        cpu->itm_control = value & 0x7F0F1F & ~(1u << 23);
    else if (offset == 0xE40 || offset == 0xFB0 || offset == 0x1FB0 || offset == 0x40FB0)
        return true; /* privilege, lock access */
    else if (offset == 0x1000)
        cpu->dwt_control = value & 0x007F1FFF;
    else if (offset == 0x1004)
        cpu->dwt_count = value;
    else if (offset >= 0x1008 && offset < 0x1060)
        cpu->dwt[(offset - 0x1000) / 4] = value;
    else if (offset >= 0x2000 && offset < 0x2028)
        cpu->fpb[(offset - 0x2000) / 4] = offset == 0x2000 ? value & 1 : value;
    else if (tpiu_index(offset) < 4)
        cpu->tpiu[tpiu_index(offset)] = value;
    else
        return false;
    return true;
}

/* NVIC: 32 interrupts in a word; exceptions are numbered 16 higher. */

static uint32_t irq_word(const uint32_t *words, unsigned word)
{
    uint32_t high = word + 1 < CPU_WORDS ? words[word + 1] << 16 : 0;

    return words[word] >> 16 | high;
}

static uint32_t irq_mask(const struct cpu *cpu, unsigned word)
{
    int left = cpu->config.irq_count - (int)word * 32;

    return left >= 32 ? UINT32_MAX : left > 0 ? (1u << left) - 1 : 0;
}

static void irq_word_write(struct cpu *cpu, uint32_t *words, unsigned word, uint32_t bits, bool on)
{
    for (bits &= irq_mask(cpu, word); bits; bits &= bits - 1) {
        unsigned exception = EXCEPTION_IRQ + word * 32 + (unsigned)__builtin_ctz(bits);

        if (words == cpu->pending && on)
            cpu_pend(cpu, exception);
        else
            cpu_bit_set(words, exception, on);
        if (words == cpu->pending && !on && cpu_bit(cpu->level, exception))
            cpu_pend(cpu, exception);
    }
    cpu_attention(cpu);
}

static bool nvic_read(struct cpu *cpu, uint32_t offset, uint32_t *value)
{
    unsigned word = (offset & 0x7F) / 4;

    *value = 0;
    if (offset >= 0x100 && offset < 0x300) {
        const uint32_t *words = offset < 0x200 ? cpu->enabled : cpu->pending;

        if (word < CPU_WORDS)
            *value = irq_word(words, word) & irq_mask(cpu, word);
    } else if (offset < 0x380) {
        if (word < CPU_WORDS)
            *value = irq_word(cpu->active, word) & irq_mask(cpu, word);
    } else if (offset >= 0x400 && offset < 0x400u + CPU_IRQS_MAX) {
        memcpy(value, &cpu->priority[EXCEPTION_IRQ + (offset - 0x400)], 4);
    }
    return true;
}

static void priority_write(struct cpu *cpu, unsigned exception, uint32_t value)
{
    cpu->priority[exception] = (uint8_t)(value & 0xFFu << (8 - cpu->config.priority_bits));
    cpu_active_update(cpu);
    cpu_attention(cpu);
}

static bool nvic_write(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    unsigned word = (offset & 0x7F) / 4;

    if (offset >= 0x100 && offset < 0x300 && word < CPU_WORDS)
        irq_word_write(cpu, offset < 0x200 ? cpu->enabled : cpu->pending, word, value, !(offset & 0x80));
    for (unsigned i = 0; offset >= 0x400 && offset < 0x400u + CPU_IRQS_MAX && i < 4; i++) {
        if (offset - 0x400 + i < cpu->config.irq_count)
            priority_write(cpu, EXCEPTION_IRQ + (offset - 0x400) + i, value >> 8 * i);
    }
    return true;
}

/* SCB. */

static uint32_t icsr_read(const struct cpu *cpu)
{
    int best = cpu_exception_best(cpu);
    uint32_t value = cpu->ipsr | (uint32_t)best << 12;
    unsigned active = 0;

    for (unsigned i = 0; i < CPU_WORDS; i++) {
        active += (unsigned)__builtin_popcount(cpu->active[i]);
        if (i == 0 ? cpu->pending[0] >> 16 : cpu->pending[i])
            value |= 1u << 22;
    }
    if (active <= 1)
        value |= 1u << 11;
    value |= (uint32_t)cpu_bit(cpu->pending, EXCEPTION_SYSTICK) << 26;
    value |= (uint32_t)cpu_bit(cpu->pending, EXCEPTION_PENDSV) << 28;
    value |= (uint32_t)cpu_bit(cpu->pending, EXCEPTION_NMI) << 31;
    return value;
}

static void icsr_write(struct cpu *cpu, uint32_t value)
{
    if (value >> 31 & 1)
        cpu_pend(cpu, EXCEPTION_NMI);
    if (value >> 28 & 1)
        cpu_pend(cpu, EXCEPTION_PENDSV);
    else if (value >> 27 & 1)
        cpu_bit_set(cpu->pending, EXCEPTION_PENDSV, false);
    if (value >> 26 & 1)
        cpu_pend(cpu, EXCEPTION_SYSTICK);
    else if (value >> 25 & 1)
        cpu_bit_set(cpu->pending, EXCEPTION_SYSTICK, false);
}

static void aircr_write(struct cpu *cpu, uint32_t value)
{
    if (value >> 16 != AIRCR_KEY)
        return;
    cpu->prigroup = value >> 8 & 7;
    cpu_active_update(cpu);
    if (value & 4)
        cpu->stop_request |= 1u << CPU_RESET_REQUEST;
    cpu_attention(cpu);
}

/* SHCSR: bit of each exception's active, pending and enable flags; 0xFF: has none. */
static const struct {
    uint8_t exception, active, pending, enable;
} shcsr_map[] = {
    {EXCEPTION_MEMORY, 0, 13, 16},       {EXCEPTION_BUS, 1, 14, 17},       {EXCEPTION_USAGE, 3, 12, 18},
    {EXCEPTION_SVC, 7, 15, 0xFF},        {EXCEPTION_DEBUG, 8, 0xFF, 0xFF}, {EXCEPTION_PENDSV, 10, 0xFF, 0xFF},
    {EXCEPTION_SYSTICK, 11, 0xFF, 0xFF},
};

static uint32_t shcsr_read(const struct cpu *cpu)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < sizeof shcsr_map / sizeof shcsr_map[0]; i++) {
        value |= (uint32_t)cpu_bit(cpu->active, shcsr_map[i].exception) << shcsr_map[i].active;
        if (shcsr_map[i].pending != 0xFF)
            value |= (uint32_t)cpu_bit(cpu->pending, shcsr_map[i].exception) << shcsr_map[i].pending;
        if (shcsr_map[i].enable != 0xFF)
            value |= (uint32_t)cpu_bit(cpu->enabled, shcsr_map[i].exception) << shcsr_map[i].enable;
    }
    return value;
}

static void shcsr_write(struct cpu *cpu, uint32_t value)
{
    for (unsigned i = 0; i < sizeof shcsr_map / sizeof shcsr_map[0]; i++) {
        cpu_bit_set(cpu->active, shcsr_map[i].exception, value >> shcsr_map[i].active & 1);
        if (shcsr_map[i].pending != 0xFF)
            cpu_bit_set(cpu->pending, shcsr_map[i].exception, value >> shcsr_map[i].pending & 1);
        if (shcsr_map[i].enable != 0xFF)
            cpu_bit_set(cpu->enabled, shcsr_map[i].exception, value >> shcsr_map[i].enable & 1);
    }
    cpu_active_update(cpu);
    cpu_attention(cpu);
}

/* Identification, 0xD40 to 0xD74, of this core [public headers and manuals of other models, unread here]. */
static const uint32_t identification[] = {
    0x00000030, 0x00000200, 0x00100000, 0x00000000, 0x00100030, 0x00000000, 0x01000000,
    0x00000000, 0x01101110, 0x02112000, 0x21232231, 0x01111131, 0x01310132,
};

static bool scb_read(struct cpu *cpu, uint32_t offset, uint32_t *value)
{
    switch (offset) {
    case 0xD00: *value = 0x410FC241; break;
    case 0xD04: *value = icsr_read(cpu); break;
    case 0xD08: *value = cpu->vtor; break;
    case 0xD0C: *value = 0xFA050000u | cpu->prigroup << 8; break;
    case 0xD10: *value = cpu->scr; break;
    case 0xD14: *value = cpu->ccr; break;
    case 0xD18:
    case 0xD1C:
    case 0xD20: memcpy(value, &cpu->priority[offset - 0xD18 + 4], 4); break;
    case 0xD24: *value = shcsr_read(cpu); break;
    case 0xD28: *value = cpu->cfsr; break;
    case 0xD2C: *value = cpu->hfsr; break;
    case 0xD30: *value = cpu->dfsr; break;
    case 0xD34: *value = cpu->mmfar; break;
    case 0xD38: *value = cpu->bfar; break;
    case 0xD3C: *value = 0; break;
    case 0xD88: *value = cpu->cpacr; break;
    default:
        if (offset < 0xD40 || offset >= 0xD40 + sizeof identification)
            return false;
        *value = identification[(offset - 0xD40) / 4];
    }
    return true;
}

static bool scb_write(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case 0xD04: icsr_write(cpu, value); break;
    case 0xD08: cpu->vtor = value & 0xFFFFFF80u; break;
    case 0xD0C: aircr_write(cpu, value); break;
    case 0xD10: cpu->scr = value & 0x16; break;
    case 0xD14: cpu->ccr = value & 0x31B; break;
    case 0xD18:
    case 0xD1C:
    case 0xD20:
        for (unsigned i = 0; i < 4; i++)
            if (0xD870 >> (offset - 0xD18 + i + 4) & 1)
                priority_write(cpu, offset - 0xD18 + i + 4, value >> 8 * i);
        break;
    case 0xD24: shcsr_write(cpu, value); break;
    case 0xD28: cpu->cfsr &= ~value; break;
    case 0xD2C: cpu->hfsr &= ~value; break;
    case 0xD30: cpu->dfsr &= ~value; break;
    case 0xD34: cpu->mmfar = value; break;
    case 0xD38: cpu->bfar = value; break;
    case 0xD88:
        cpu->cpacr = value & 0x00F00000;
        cpu->fp_ready = false;
        break;
    case 0xD00:
    case 0xD3C: break;
    default: return offset >= 0xD40 && offset < 0xD40 + sizeof identification;
    }
    return true;
}

static bool mpu_read(const struct cpu *cpu, uint32_t offset, uint32_t *value)
{
    const struct cpu_mpu *mpu = &cpu->mpu;

    if (offset == 0xD90)
        *value = CPU_MPU_REGIONS << 8;
    else if (offset == 0xD94)
        *value = mpu->control;
    else if (offset == 0xD98)
        *value = mpu->number;
    else if (offset <= 0xDB8)
        *value = (offset & 4) ^ 4 ? mpu->attribute[mpu->number] : mpu->base[mpu->number] | mpu->number;
    else
        return false;
    return true;
}

/* RBAR and RASR and their three aliases. */
static bool mpu_write(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    struct cpu_mpu *mpu = &cpu->mpu;

    if (offset > 0xDB8)
        return false;
    if (offset == 0xD94)
        mpu->control = value & 7;
    else if (offset == 0xD98)
        mpu->number = value & 7;
    else if (offset >= 0xD9C && (offset & 4)) {
        if (value & 0x10)
            mpu->number = value & 7;
        mpu->base[mpu->number] = value & 0xFFFFFFE0u;
    } else if (offset >= 0xDA0) {
        mpu->attribute[mpu->number] = value & 0x173FFF3F;
    }
    cpu->mpu_view = 0;
    cpu_bus_pages_choose(cpu);
    return true;
}

static bool debug_read(const struct cpu *cpu, uint32_t offset, uint32_t *value)
{
    switch (offset) {
    case 0xDF0: *value = (cpu->dhcsr & 0x2F) | 1u << 16 | (cpu->debugger ? 1 : 0); break;
    case 0xDF4:
    case 0xDF8: *value = 0; break;
    case 0xDFC: *value = cpu->demcr; break;
    case 0xF34: *value = cpu->fpccr; break;
    case 0xF38: *value = cpu->fpcar; break;
    case 0xF3C: *value = cpu->fpdscr; break;
    case 0xF40: *value = 0x10110021; break;
    case 0xF44: *value = 0x11000011; break;
    case 0xF00:
    case 0xF48: *value = 0; break;
    default: return false;
    }
    return true;
}

static void demcr_write(struct cpu *cpu, uint32_t value)
{
    cycle_counter_sync(cpu);
    cpu->demcr = value & 0x010F07F1;
    if (value & DEMCR_MON_PEND)
        cpu_pend(cpu, EXCEPTION_DEBUG);
}

static bool debug_write(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case 0xDF0: /* only a debugger can write what matters here */
        if (value >> 16 == DHCSR_KEY)
            cpu->dhcsr = value & 0x2E;
        break;
    case 0xDF4:
    case 0xDF8: break;
    case 0xDFC: demcr_write(cpu, value); break;
    case 0xF00:
        if ((value & 0x1FF) < cpu->config.irq_count)
            cpu_pend(cpu, EXCEPTION_IRQ + (value & 0x1FF));
        break;
    case 0xF34:
        cpu->fpccr = value & 0xC000017B;
        cpu->fp_ready = false;
        break;
    case 0xF38: cpu->fpcar = value & ~7u; break;
    case 0xF3C: cpu->fpdscr = value & 0x07C00000; break;
    case 0xF40:
    case 0xF44:
    case 0xF48: break;
    default: return false;
    }
    return true;
}

/* Peripheral and component identification at the end of the block [public: Cortex-M4's is 0xBB00C]. */
static bool component_read(uint32_t offset, uint32_t *value)
{
    static const uint8_t bytes[12] = {4, 0, 0, 0, 0x0C, 0xB0, 0x0B, 0, 0x0D, 0xE0, 0x05, 0xB1};

    if (offset < 0xFD0)
        return false;
    *value = bytes[(offset - 0xFD0) / 4];
    return true;
}

/* One word of the system control space, at an offset from 0xE000E000. */
static bool scs_read(struct cpu *cpu, uint32_t offset, uint32_t *value)
{
    if (offset == 0x004)
        *value = (cpu->config.irq_count - 1u) / 32;
    else if (offset == 0x008)
        *value = cpu->actlr;
    else if (offset >= 0x010 && offset < 0x020)
        *value = systick_read(cpu, offset);
    else if (offset >= 0x100 && offset < 0x500)
        return nvic_read(cpu, offset, value);
    else if (offset >= 0xD00 && offset < 0xD90)
        return scb_read(cpu, offset, value);
    else if (offset >= 0xD90 && offset < 0xDF0)
        return mpu_read(cpu, offset, value);
    else if (offset >= 0xDF0 && offset < 0xF50)
        return debug_read(cpu, offset, value);
    else
        return component_read(offset, value);
    return true;
}

static bool scs_write(struct cpu *cpu, uint32_t offset, uint32_t value)
{
    if (offset == 0x008)
        cpu->actlr = value & 0x307;
    else if (offset >= 0x010 && offset < 0x020)
        systick_write(cpu, offset, value);
    else if (offset >= 0x100 && offset < 0x500)
        return nvic_write(cpu, offset, value);
    else if (offset >= 0xD00 && offset < 0xD90)
        return scb_write(cpu, offset, value);
    else if (offset >= 0xD90 && offset < 0xDF0)
        return mpu_write(cpu, offset, value);
    else if (offset >= 0xDF0 && offset < 0xF50)
        return debug_write(cpu, offset, value);
    else
        return offset == 0x004;
    return true;
}

enum cpu_bus cpu_system_read(struct cpu *cpu, uint32_t address, unsigned size, uint32_t *value)
{
    uint32_t word = 0, offset = address & 0xFFFFC;
    bool known =
        offset - 0xE000 < 0x1000 ? scs_read(cpu, offset - 0xE000, &word) : trace_read(cpu, offset, &word);

    if (!known)
        return cpu->config.bus_read(cpu->config.context, address, size, value);
    *value = word >> 8 * (address & 3);
    if (size < 4)
        *value &= (1u << 8 * size) - 1;
    return CPU_BUS_OK;
}

/* Bytes and halfwords: into a word whose rest is what it was, or zero where writing ones has an effect. */
enum cpu_bus cpu_system_write(struct cpu *cpu, uint32_t address, unsigned size, uint32_t value)
{
    uint32_t offset = address & 0xFFFFC, word = 0, scs = offset - 0xE000;
    bool known;

    if (size < 4) {
        uint32_t mask = ((1u << 8 * size) - 1) << 8 * (address & 3);
        bool keeps = scs < 0x1000 && ((scs >= 0x400 && scs < 0x500) || (scs >= 0xD08 && scs < 0xD28));

        if (keeps)
            scs_read(cpu, scs, &word);
        value = (word & ~mask) | (value << 8 * (address & 3) & mask);
    }
    known = scs < 0x1000 ? scs_write(cpu, scs, value) : trace_write(cpu, offset, value);
    if (!known)
        return cpu->config.bus_write(cpu->config.context, address, size, value);
    return CPU_BUS_OK;
}

void cpu_system_reset(struct cpu *cpu)
{
    memset(cpu->pending, 0, sizeof cpu->pending);
    memset(cpu->active, 0, sizeof cpu->active);
    memset(cpu->enabled, 0, sizeof cpu->enabled);
    memset(cpu->priority, 0, sizeof cpu->priority);
    cpu->enabled[0] = 1u << EXCEPTION_NMI | 1u << EXCEPTION_HARD | 1u << EXCEPTION_SVC |
                      1u << EXCEPTION_DEBUG | 1u << EXCEPTION_PENDSV | 1u << EXCEPTION_SYSTICK;
    for (unsigned i = 0; i < CPU_WORDS; i++)
        cpu->pending[i] = cpu->level[i];
    cpu->prigroup = cpu->scr = cpu->cpacr = cpu->cfsr = cpu->hfsr = cpu->mmfar = cpu->bfar = cpu->actlr = 0;
    cpu->ccr = CCR_STKALIGN;
    cpu->fpccr = FPCCR_ASPEN | FPCCR_LSPEN;
    cpu->fpcar = cpu->fpdscr = 0;
    memset(&cpu->systick, 0, sizeof cpu->systick);
    cpu->systick.since = cpu->cycle;
    cpu->systick.deadline = NOT_HERE;
    memset(&cpu->mpu, 0, sizeof cpu->mpu);
    cpu->mpu_view = 0;
    cycle_counter_sync(cpu);
    cpu_active_update(cpu);
    cpu_bus_pages_choose(cpu);
}
