/*
 * The life of a chip: power, reset, and time passing through core and peripherals.
 *
 *   chip_advance(t):  until the next deadline ─→ core runs ─→ peripherals' events ─→ … ─→ t
 *
 * A system reset puts every register but the backup domain's back and leaves the memory; power-on fills the memory
 * with noise (always the same), so that firmware which reads what it never wrote shows.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#include <stdlib.h>
#include <string.h>

#define CAUSE_BORRST (1u << 25)
#define CAUSE_PINRST (1u << 26)
#define CAUSE_PORRST (1u << 27)
#define CAUSE_SFTRST (1u << 28)

#define OTG_PIN_DM VBOARD_PIN('A', 11)
#define OTG_PIN_DP VBOARD_PIN('A', 12)
#define OTG_AF     10

#define DEBUGGER_POLL_NS 1000000u
#define UNREADY_NS       100000000u

void chip_irq(struct chip *chip, unsigned irq, bool level)
{
    cpu_irq(chip->cpu, irq, level);
}

void chip_remap(struct chip *chip)
{
    if ((chip->misc.syscfg_memrmp & 7u) >
        1) /* system memory at 0 is only for the ROM, whose code isn't run */
        chip_warn(chip, "SYSCFG MEMRMP", "SYSCFG: MEMRMP %u is not modelled: address 0 shows flash",
                  (unsigned)chip->misc.syscfg_memrmp);
}

/* ---- What the OTG core is wired to ---- */

static uint64_t otg_now(void *context)
{
    return chip_now(context);
}

static bool otg_pins(const struct chip *chip)
{
    return gpio_function(chip, OTG_PIN_DM, OTG_AF) && gpio_function(chip, OTG_PIN_DP, OTG_AF);
}

static bool otg_ready(void *context)
{
    const struct chip *chip = context;
    const struct chip_kind *kind = chip->kind;
    struct chip_hz hz = kind->rcc->usb_hz(chip);
    bool clocked = hz.den && chip->rcc.enr[kind->otg_bank] >> kind->otg_bit & 1u;
    if (!clocked || !otg_pins(chip) || kind->rcc->usb_trouble(chip))
        return false;
    uint64_t error = hz.num > 48000000u * hz.den ? hz.num - 48000000u * hz.den : 48000000u * hz.den - hz.num;
    return error * 400 <= 48000000u * hz.den; /* ± 0.25 % [USB 2.0, 7.1.11, unread] */
}

void chip_usb_check(struct chip *chip)
{
    struct chip_hz hz = chip->kind->rcc->usb_hz(chip);
    const char *trouble = otg_session_trouble(&chip->otg);
    uint64_t now = chip_now(chip);
    if (!trouble)
        trouble = chip->kind->rcc->usb_trouble(chip);
    bool session = chip->otg.plugged || otg_session_valid(&chip->otg);
    if (!otg_asks_pull_up(&chip->otg) || otg_pulled_up(&chip->otg) || !session) {
        chip->unready_since = CHIP_NEVER;
        return;
    }
    if (chip->unready_since == CHIP_NEVER)
        chip->unready_since = now;
    if (now - chip->unready_since < UNREADY_NS)
        return;
    if (trouble)
        chip_warn(chip, trouble, "OTG_FS: no pull-up, %s", trouble);
    else if (!otg_pins(chip))
        chip_warn(chip, "USB pins",
                  "OTG_FS: no pull-up, since PA11 and PA12 are not both set to alternate function 10");
    else
        chip_warn(chip, "USB clock", "OTG_FS: no pull-up, since %s gives %u Hz instead of 48 MHz",
                  chip->kind->usb_clock, (unsigned)(hz.num / hz.den));
}

static uint64_t otg_core_hz(void *context)
{
    struct chip_hz hz = rcc_core_hz(context);
    return hz.den ? hz.num / hz.den : 0;
}

static void otg_irq(void *context, bool level)
{
    chip_irq(context, OTG_IRQ, level);
}

static void otg_wakeup(void *context, bool level)
{
    struct chip *chip = context;
    exti_line(chip, chip->kind->otg_wakeup_line, level);
}

static void otg_suspend_at(void *context, uint64_t time_ns)
{
    chip_event_at(context, CHIP_EVENT_OTG_SUSPEND, time_ns);
}

static void otg_eopf_at(void *context, uint64_t time_ns)
{
    chip_event_at(context, CHIP_EVENT_OTG_EOPF, time_ns);
}

static void otg_warn(void *context, const char *kind)
{
    struct chip *chip = context;
    chip_warn(chip, kind, "%s (PC 0x%08x)", kind, cpu_current_pc(chip->cpu));
}

static void otg_trace(void *context, const char *text)
{
    chip_report(context, VBOARD_TRACE, 0, "usb: %s", text);
}

static void otg_unmodelled(void *context, uint32_t offset, bool write)
{
    chip_unmodelled(context, "OTG_FS", 0x50000000u + offset, write);
}

/* ---- Memory ---- */

static void noise(uint8_t *bytes, size_t size)
{
    uint32_t state = 0x2545F491;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

static void system_memory_fill(struct chip *chip)
{
    const struct chip_kind *kind = chip->kind;
    uint8_t *size = chip->system + (kind->flash_size_address - CHIP_SYSTEM_BASE);
    memset(chip->system, 0xFF, kind->system_size);
    rom_stub(chip);
    memcpy(chip->system + (kind->uid_address - CHIP_SYSTEM_BASE), chip->uid, VBOARD_UID_LENGTH);
    size[0] = (uint8_t)(kind->flash_size / 1024);
    size[1] = (uint8_t)(kind->flash_size / 1024 >> 8);
}

static void read_check(void *context, uint32_t address, unsigned size)
{
    flash_read_check(context, address, size);
}

static bool host_call(void *context, bool debugger)
{
    return semihosting_call(context, debugger);
}

static bool memory_new(struct chip *chip)
{
    const struct chip_kind *kind = chip->kind;
    struct cpu_region *region = chip->cpu_config.regions;
    chip->flash = malloc(kind->flash_size);
    chip->ecc_bad = calloc(kind->flash_size / CHIP_ECC_UNIT, sizeof *chip->ecc_bad);
    chip->system = malloc(kind->system_size);
    if (!chip->flash || !chip->ecc_bad || !chip->system)
        return false;
    memset(chip->flash, 0xFF, kind->flash_size);
    memcpy(chip->option, kind->option, sizeof chip->option);
    *region++ = (struct cpu_region){CHIP_FLASH_BASE, kind->flash_size, chip->flash, false};
    *region++ = (struct cpu_region){0, kind->flash_size, chip->flash, false};
    for (unsigned i = 0; i < CHIP_RAMS && kind->ram[i].size; i++) {
        chip->ram[i] = malloc(kind->ram[i].size);
        if (!chip->ram[i])
            return false;
        *region++ = (struct cpu_region){kind->ram[i].base, kind->ram[i].size, chip->ram[i], true};
    }
    *region = (struct cpu_region){CHIP_SYSTEM_BASE, kind->system_size, chip->system, false};
    return true;
}

bool chip_init(struct chip *chip, const struct vboard_model *model)
{
    const struct chip_kind *kind = model->chip;
    chip->model = model;
    chip->kind = kind;
    chip->cpu_config = (struct cpu_config){
        .irq_count = kind->irq_count,
        .priority_bits = 4,
        .bus_read = chip_bus_read,
        .bus_write = chip_bus_write,
        .watched_read = read_check,
        .host_call = host_call,
        .context = chip,
        .systick_calibration = kind->systick_calibration,
    };
    if (!memory_new(chip))
        return false;
    chip->cpu = cpu_new(&chip->cpu_config);
    if (!chip->cpu)
        return false;
    struct otg_wires wires = {.context = chip,
                              .now = otg_now,
                              .ready = otg_ready,
                              .core_hz = otg_core_hz,
                              .irq = otg_irq,
                              .wakeup = otg_wakeup,
                              .suspend_at = otg_suspend_at,
                              .eopf_at = otg_eopf_at,
                              .warn = otg_warn,
                              .trace = otg_trace,
                              .unmodelled = otg_unmodelled};
    chip->time.hz = (struct chip_hz){kind->hz_reset, 1};
    chip->unready_since = CHIP_NEVER;
    for (unsigned i = 0; i < CHIP_EVENT_COUNT; i++)
        chip->deadline[i] = CHIP_NEVER;
    otg_init(&chip->otg, kind->otg, &wires);
    chip->otg.tracing = chip->trace;
    return true;
}

void chip_fini(struct chip *chip)
{
    if (chip->cpu)
        cpu_free(chip->cpu);
    free(chip->flash);
    free(chip->ecc_bad);
    for (unsigned i = 0; i < CHIP_RAMS; i++)
        free(chip->ram[i]);
    free(chip->system);
}

static void pins_reset(struct chip *chip)
{
    for (unsigned port = 0; port < chip->kind->port_count; port++)
        gpio_reset_port(chip, port);
}

static void system_reset(struct chip *chip, uint32_t cause)
{
    chip->halted = false;
    chip->reset_wanted = false;
    chip->kind->rcc->reset(chip, cause);
    chip->kind->flash->reset(chip);
    misc_reset(chip);
    chip->kind->reset(chip);
    exti_reset(chip);
    pins_reset(chip);
    for (unsigned i = 0; i < chip->kind->usart_count; i++)
        usart_reset_unit(chip, i);
    for (unsigned i = 0; i < chip->kind->timer_count; i++)
        timer_reset_unit(chip, i);
    watchdog_reset(chip);
    otg_reset(&chip->otg);
    for (unsigned irq = 0; irq < chip->cpu_config.irq_count; irq++)
        chip_irq(chip, irq, false);
    cpu_reset(chip->cpu, 0);
    chip->last_cause = chip->rcc.causes;
    chip_report(chip, VBOARD_RESET, chip->rcc.causes, "reset");
    rom_reset(chip);
}

void chip_power_on(struct chip *chip)
{
    for (unsigned i = 0; i < CHIP_RAMS && chip->ram[i]; i++)
        noise(chip->ram[i], chip->kind->ram[i].size);
    system_memory_fill(chip);
    chip->misc.rng_state = 0x9E3779B97F4A7C15u;
    for (unsigned i = 0; i < VBOARD_UID_LENGTH; i++)
        chip->misc.rng_state = chip->misc.rng_state * 0x100000001B3u + chip->uid[i] + 1;
    chip->rcc.bdcr = 0;
    chip->rcc.causes = 0;
    for (unsigned i = 0; i < chip->kind->port_count; i++)
        chip->gpio[i].odr = 0;
    system_reset(chip, CAUSE_PORRST | CAUSE_PINRST | CAUSE_BORRST);
}

void chip_reset_want(struct chip *chip, uint32_t csr_cause)
{
    chip->reset_wanted = true;
    chip->reset_cause = csr_cause | CAUSE_PINRST; /* internal resets pull NRST low as well [RM] */
    cpu_break(chip->cpu);
}

void chip_reset_pin(struct chip *chip, bool low)
{
    if (low == chip->held)
        return;
    chip->held = low;
    if (low) {
        otg_reset(&chip->otg);
        pins_reset(chip);
    } else {
        chip->resets++;
        system_reset(chip, CAUSE_PINRST);
    }
}

/* Where it went wrong: the stack's top still holds the first fault's frame, if there was room for one. */
static void lockup_report(struct chip *chip)
{
    uint32_t sp = cpu_register_get(chip->cpu, 13), frame[8] = {0}, faults[2] = {0};
    cpu_memory_read(chip->cpu, 0xE000ED28, faults, sizeof faults); /* CFSR, HFSR */
    bool stacked = cpu_memory_read(chip->cpu, sp, frame, sizeof frame);
    chip_report(
        chip, VBOARD_LOCKUP, 0,
        "the core is locked up at PC 0x%08x: CFSR 0x%08x, HFSR 0x%08x, SP 0x%08x, on the stack PC 0x%08x and "
        "LR 0x%08x%s",
        cpu_current_pc(chip->cpu), faults[0], faults[1], sp, frame[6], frame[5],
        stacked ? "" : " (not readable)");
}

static void debugger_poll(struct chip *chip)
{
    chip->debugger_asks = true;
    if (chip->debugger.poll)
        chip->debugger.poll(chip->debugger.context);
    chip->debugger_asks = false;
    chip->debugger_next = chip_now(chip) + DEBUGGER_POLL_NS;
}

static void debugger_stopped(struct chip *chip, enum cpu_stop stop)
{
    uint32_t pc = cpu_register_get(chip->cpu, 15);
    if (chip->debugger.stopped)
        chip->debugger.stopped(chip->debugger.context, (int)stop);
    debugger_poll(chip);
    if (cpu_register_get(chip->cpu, 15) != pc)
        chip->halted = false; /* the debugger has set it on its feet */
}

static void stopped(struct chip *chip, enum cpu_stop stop)
{
    switch (stop) {
    case CPU_DEADLINE:
    case CPU_BREAK: return;
    case CPU_RESET_REQUEST: chip_reset_want(chip, CAUSE_SFTRST); return;
    case CPU_LOCKUP:
        chip->halted = true;
        lockup_report(chip);
        debugger_stopped(chip, stop);
        return;
    case CPU_BREAKPOINT: debugger_stopped(chip, stop); return;
    }
}

/* While flash is busy, a core that runs from it waits. */
static bool stalled(const struct chip *chip)
{
    const struct chip_flash *f = &chip->flash_if;
    uint32_t pc = cpu_register_get(chip->cpu, 15);
    bool in_flash = pc - CHIP_FLASH_BASE - f->busy_from < f->busy_size || pc - f->busy_from < f->busy_size;
    return !chip->flash_cached && in_flash && f->busy_until && chip_now(chip) < f->busy_until;
}

/* SCB_SCR.SLEEPDEEP: the chip would stop its clocks, USB included. */
static void check_sleep(struct chip *chip)
{
    uint32_t scr = 0;
    if (cpu_sleeping(chip->cpu) && cpu_memory_read(chip->cpu, 0xE000ED10, &scr, sizeof scr) && scr & 1u << 2)
        chip_warn(chip, "SLEEPDEEP",
                  "PWR: asleep with SLEEPDEEP set; STOP and STANDBY are modelled as plain sleep");
}

/* What has become due: peripherals' events, a reset. */
static void due(struct chip *chip)
{
    if (!chip->held)
        chip_events_run(chip);
    if (chip->cut) {
        chip->cut = false;
        chip->power_lost(chip->flash_context);
        return;
    }
    if (chip->reset_wanted) {
        uint32_t cause = chip->reset_cause;
        chip->resets++;
        system_reset(chip, cause);
    }
}

void chip_advance(struct chip *chip, uint64_t time_ns)
{
    do {
        if (chip->debugger.poll && chip_now(chip) >= chip->debugger_next)
            debugger_poll(chip);
        uint64_t next = chip->held ? time_ns : chip_next_event(chip, time_ns);
        chip->run_until = next;
        if (chip->held || chip->halted || rom_holds(chip) || stalled(chip)) {
            chip_time_skip(chip, next);
        } else {
            uint64_t cycle = chip_cycle_at(chip, next);
            if (cpu_cycles(chip->cpu) < cycle)
                stopped(chip, cpu_run(chip->cpu, cycle));
        }
        chip->run_until = 0;
        due(chip);
        check_sleep(chip);
    } while (chip_now(chip) < time_ns || (!chip->held && chip_next_event(chip, CHIP_NEVER) <= time_ns));
}

enum cpu_stop chip_step(struct chip *chip)
{
    if (chip->held || chip->halted || rom_holds(chip))
        return CPU_LOCKUP;
    bool asks = chip->debugger_asks;
    chip->debugger_asks = false;
    enum cpu_stop stop = cpu_step(chip->cpu);
    if (stop == CPU_RESET_REQUEST)
        chip_reset_want(chip, CAUSE_SFTRST);
    due(chip);
    chip->debugger_asks = asks;
    return stop;
}
