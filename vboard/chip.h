/*
 * Inside the chip: what the peripheral models of the STM32F407 share. One struct holds the whole state; each
 * peripheral's file owns its part of it, and speaks to the others through the functions below.
 *
 *   cpu ──bus_read/bus_write──→ chip_bus.c ──→ rcc.c gpio.c usart.c … otg_fs.c
 *                                                │ chip_irq, chip_event_at, chip_pin …
 *   time: core cycles ↔ nanoseconds through the clock tree (clock.c); events are deadlines in nanoseconds
 *
 * Names of registers and bits are those of the reference manual RM0090; values from ST's public CMSIS header
 * stm32f407xx.h. What the manual says in prose is marked [RM] where read, [unread] where from drivers.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_CHIP_H
#define PLUGNET_VBOARD_CHIP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vboard/board.h"
#include "vboard/cpu.h"
#include "vboard/otg_fs.h"

#define CHIP_FLASH_BASE   0x08000000u
#define CHIP_FLASH_SIZE   0x00100000u
#define CHIP_SRAM_BASE    0x20000000u
#define CHIP_SRAM_SIZE    0x00020000u
#define CHIP_CCM_BASE     0x10000000u
#define CHIP_CCM_SIZE     0x00010000u
#define CHIP_BKPSRAM_BASE 0x40024000u
#define CHIP_BKPSRAM_SIZE 0x00001000u
#define CHIP_SYSTEM_BASE  0x1FFF0000u /* system memory, OTP, unique ID, flash size */
#define CHIP_SYSTEM_SIZE  0x00008000u
#define CHIP_OPTION_BASE  0x1FFFC000u
#define CHIP_OPTION_SIZE  0x00000010u

#define CHIP_NEVER UINT64_MAX

#define CHIP_PORTS  9  /* GPIOA to GPIOI */
#define CHIP_USARTS 6  /* USART1, 2, 3, UART4, 5, USART6 */
#define CHIP_TIMERS 14 /* TIM1 to TIM14 */

/* Deadlines; one each. */
enum chip_event {
    CHIP_EVENT_RCC,
    CHIP_EVENT_FLASH,
    CHIP_EVENT_IWDG,
    CHIP_EVENT_WWDG,
    CHIP_EVENT_RNG,
    CHIP_EVENT_OTG_SUSPEND,
    CHIP_EVENT_OTG_EOPF,
    CHIP_EVENT_USART,
    CHIP_EVENT_TIMER = CHIP_EVENT_USART + CHIP_USARTS,
    CHIP_EVENT_COUNT = CHIP_EVENT_TIMER + CHIP_TIMERS,
};

/* A clock as a fraction, so that time stays exact whatever the PLL is set to. den 0: stopped. */
struct chip_hz {
    uint64_t num;
    uint64_t den;
};

/* Where cycles and nanoseconds met last: time = ns + frac / 2^32 + (cycles - cycle) / hz. */
struct chip_time {
    uint64_t ns;
    uint32_t frac;
    uint64_t cycle;
    struct chip_hz hz;
};

struct chip_rcc {
    uint32_t cr, pllcfgr, cfgr, cir;
    uint32_t rstr[8], enr[8], lpenr[8]; /* at 0x10, 0x30, 0x50: AHB1, 2, 3, -, APB1, 2, -, - */
    uint32_t bdcr, csr, sscgr, plli2scfgr;
    uint32_t ready_cr; /* ready bits that arrive at the next RCC event */
    uint32_t causes;   /* reset flags, bits 31:25 of CSR */
};

struct chip_gpio {
    uint32_t moder, otyper, ospeedr, pupdr, odr, lckr, afr[2];
    uint32_t lock_step; /* progress of the LCKR key sequence */
    uint16_t driven;    /* pins that something outside drives … */
    uint16_t level;     /* … to this level */
};

struct chip_exti {
    uint32_t imr, emr, rtsr, ftsr, swier, pr;
    uint32_t lines; /* last level of each line */
    uint32_t exticr[4];
};

struct chip_usart {
    uint32_t sr, brr, cr1, cr2, cr3, gtpr;
    uint16_t tdr, shift, rdr;
    bool shifting;
    uint8_t in[256]; /* bytes that wait outside, from vboard_serial_in */
    uint8_t in_head, in_tail;
    char line[240];
    uint16_t line_length;
};

struct chip_timer {
    uint32_t cr1, cr2, smcr, dier, sr, ccmr[2], ccer, psc, arr, rcr, ccr[4], bdtr, dcr, dmar, or_;
    uint32_t psc_now, arr_now; /* the preloaded copies in use */
    uint32_t count;            /* at `since_cycle` of the core */
    uint64_t since_cycle;
    bool running;
};

struct chip_flash {
    uint32_t acr, sr, cr, optcr;
    uint8_t key_step, option_key_step;
    bool cr_dead; /* a wrong key locks until the next reset */
    uint64_t busy_until;
};

struct chip_watchdog {
    uint32_t pr, rlr, pr_next, rlr_next;
    bool running, writable;
    uint64_t update_until; /* SR.PVU and RVU are set until then */
    uint64_t expires;
    uint32_t wwdg_cr, wwdg_cfr, wwdg_sr;
    uint64_t wwdg_since;
};

struct chip_misc {
    uint32_t rng_cr, rng_sr, rng_last;
    uint64_t rng_state, rng_ready;
    uint32_t dbgmcu_cr, dbgmcu_apb1fz, dbgmcu_apb2fz;
    uint32_t syscfg_memrmp, syscfg_pmc, syscfg_cmpcr;
    uint32_t pwr_cr, pwr_csr;
    uint32_t crc, crc_idr;
    uint32_t rtc[0x50 / 4 + 20];
};

#define CHIP_SEEN_MAX 256

struct chip {
    const struct vboard_model *model;
    struct cpu *cpu;
    struct cpu_config cpu_config;

    uint8_t *flash, *sram, *ccm, *bkpsram, *system;
    uint8_t option[CHIP_OPTION_SIZE];
    uint8_t uid[VBOARD_UID_LENGTH];

    struct chip_time time;
    uint64_t deadline[CHIP_EVENT_COUNT];
    uint64_t run_until; /* the nanosecond that cpu_run was asked for */
    bool held;          /* NRST is low */
    bool halted;        /* locked up */
    bool reset_wanted;
    uint64_t unready_since; /* software wants the USB pull-up, but something is missing; CHIP_NEVER: no */
    uint32_t reset_cause;

    struct chip_rcc rcc;
    struct chip_gpio gpio[CHIP_PORTS];
    struct chip_exti exti;
    struct chip_usart usart[CHIP_USARTS];
    struct chip_timer timer[CHIP_TIMERS];
    struct chip_flash flash_if;
    struct chip_watchdog dog;
    struct chip_misc misc;
    struct otg_fs otg;

    /* What was reported already: address | direction. */
    uint32_t seen[CHIP_SEEN_MAX];
    unsigned seen_count;
    const char *warned[CHIP_SEEN_MAX];
    unsigned warned_count;
    bool trace;
    uint32_t resets, last_cause;

    struct vboard_debugger debugger;
    uint64_t debugger_next; /* when to poll it again */
    void (*event)(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value, const char *text);
    void *event_context;
    void (*pins_changed)(void *context); /* an output may have changed */
    void *pins_context;
};

/* stm32f407.c: life of the chip. */
bool chip_init(struct chip *chip, const struct vboard_model *model);
void chip_fini(struct chip *chip);
void chip_power_on(struct chip *chip);
void chip_advance(struct chip *chip, uint64_t time_ns);
enum cpu_stop chip_step(struct chip *chip);
void chip_usb_check(struct chip *chip); /* says why the pull-up doesn't come */
void chip_reset_pin(struct chip *chip, bool low);
void chip_reset_want(struct chip *chip, uint32_t csr_cause);

/* clock.c: cycles, nanoseconds, deadlines. */
uint64_t chip_now(const struct chip *chip);
uint64_t chip_time_of(const struct chip *chip, uint64_t cycle);
uint64_t chip_cycle_at(const struct chip *chip, uint64_t time_ns);
void chip_time_skip(struct chip *chip, uint64_t time_ns);
void chip_clock_set(struct chip *chip, struct chip_hz hz);
void chip_event_at(struct chip *chip, enum chip_event event, uint64_t time_ns);
uint64_t chip_next_event(const struct chip *chip, uint64_t limit_ns);
void chip_events_run(struct chip *chip);
uint64_t chip_periods_ns(struct chip_hz hz, uint64_t periods);

/* chip_bus.c: the memory map. */
enum cpu_bus chip_bus_read(void *context, uint32_t address, unsigned size, uint32_t *value);
enum cpu_bus chip_bus_write(void *context, uint32_t address, unsigned size, uint32_t value);
void chip_blocks_reset(struct chip *chip, unsigned bank, uint32_t bits);

/* report.c: what the user is told. */
void chip_report(struct chip *chip, enum vboard_event event, uint32_t value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Once for each `kind` (a string constant). */
void chip_warn(struct chip *chip, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* An access to a register that isn't modelled: once for each address and direction. */
uint32_t chip_unmodelled(struct chip *chip, const char *block, uint32_t address, bool write);

void chip_irq(struct chip *chip, unsigned irq, bool level);

/* A register access: `mask` has the bits of the bytes written; `value` is in place. */
struct chip_write {
    uint32_t offset, value, mask;
};

static inline uint32_t chip_merge(uint32_t old, struct chip_write write, uint32_t writable)
{
    uint32_t mask = write.mask & writable;
    return (old & ~mask) | (write.value & mask);
}

/* Peripherals: offset is word-aligned. */
void rcc_reset(struct chip *chip, uint32_t cause);
uint32_t rcc_read(struct chip *chip, unsigned unit, uint32_t offset);
void rcc_write(struct chip *chip, unsigned unit, struct chip_write write);
void rcc_event(struct chip *chip);
struct chip_hz rcc_core_hz(const struct chip *chip);
struct chip_hz rcc_apb_hz(const struct chip *chip, unsigned bus); /* 1 or 2 */
uint32_t rcc_apb_divisor(const struct chip *chip, unsigned bus);
struct chip_hz rcc_48mhz(const struct chip *chip);

void flash_reset(struct chip *chip);
uint32_t flash_read(struct chip *chip, unsigned unit, uint32_t offset);
void flash_write(struct chip *chip, unsigned unit, struct chip_write write);
enum cpu_bus flash_program(struct chip *chip, uint32_t address, unsigned size, uint32_t value);
void flash_event(struct chip *chip);

void chip_remap(struct chip *chip); /* SYSCFG_MEMRMP was written */

void gpio_reset_port(struct chip *chip, unsigned port);
uint32_t gpio_read(struct chip *chip, unsigned unit, uint32_t offset);
void gpio_write(struct chip *chip, unsigned unit, struct chip_write write);
void gpio_outside(struct chip *chip, unsigned pin, bool driven, bool level);
bool gpio_level(const struct chip *chip, unsigned pin); /* what is on the pin */
bool gpio_function(const struct chip *chip, unsigned pin, unsigned af);
void exti_reset(struct chip *chip);
uint32_t exti_read(struct chip *chip, unsigned unit, uint32_t offset);
void exti_write(struct chip *chip, unsigned unit, struct chip_write write);
void exti_line(struct chip *chip, unsigned line, bool level);
uint32_t syscfg_read(struct chip *chip, unsigned unit, uint32_t offset);
void syscfg_write(struct chip *chip, unsigned unit, struct chip_write write);

void usart_reset_unit(struct chip *chip, unsigned unit);
uint32_t usart_read(struct chip *chip, unsigned unit, uint32_t offset);
void usart_write(struct chip *chip, unsigned unit, struct chip_write write);
void usart_event(struct chip *chip, unsigned unit);
void usart_outside(struct chip *chip, unsigned unit, const uint8_t *bytes, size_t length);

void watchdog_reset(struct chip *chip);
uint32_t iwdg_read(struct chip *chip, unsigned unit, uint32_t offset);
void iwdg_write(struct chip *chip, unsigned unit, struct chip_write write);
void iwdg_event(struct chip *chip);
uint32_t wwdg_read(struct chip *chip, unsigned unit, uint32_t offset);
void wwdg_write(struct chip *chip, unsigned unit, struct chip_write write);
void wwdg_event(struct chip *chip);

void timer_reset_unit(struct chip *chip, unsigned unit);
uint32_t timer_read(struct chip *chip, unsigned unit, uint32_t offset);
void timer_write(struct chip *chip, unsigned unit, struct chip_write write);
void timer_event(struct chip *chip, unsigned unit);
void timer_clock_change(struct chip *chip, bool after);

void misc_reset(struct chip *chip);
void rng_reset(struct chip *chip, unsigned unit);
uint32_t rng_read(struct chip *chip, unsigned unit, uint32_t offset);
void rng_write(struct chip *chip, unsigned unit, struct chip_write write);
void rng_event(struct chip *chip);
uint32_t dbgmcu_read(struct chip *chip, unsigned unit, uint32_t offset);
void dbgmcu_write(struct chip *chip, unsigned unit, struct chip_write write);
uint32_t pwr_read(struct chip *chip, unsigned unit, uint32_t offset);
void pwr_write(struct chip *chip, unsigned unit, struct chip_write write);
void crc_reset(struct chip *chip, unsigned unit);
uint32_t crc_read(struct chip *chip, unsigned unit, uint32_t offset);
void crc_write(struct chip *chip, unsigned unit, struct chip_write write);

#endif
