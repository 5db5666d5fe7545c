/*
 * Inside the chip: what the peripheral models share. One struct holds the whole state; each peripheral's file owns
 * its part of it, and speaks to the others through the functions below. What differs between chips is one const
 * struct chip_kind.
 *
 *   stm32f407.c … (struct chip_kind) ──→ chip.c, chip_bus.c, gpio.c usart.c timer.c …   shared by all chips
 *                                    └─→ rcc_f4.c flash_f4.c …                         shared by a family
 *   cpu ──bus_read/bus_write──→ chip_bus.c ──→ rcc_f4.c gpio.c usart.c … otg_fs.c
 *                                                │ chip_irq, chip_event_at, chip_pin …
 *   time: core cycles ↔ nanoseconds through the clock tree (clock.c); events are deadlines in nanoseconds
 *
 * Names of registers and bits are those of ST's reference manuals (RM0090 …); values from ST's public CMSIS
 * headers (stm32f407xx.h …). What a manual says in prose is marked [RM] where read, [unread] where from drivers.
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
#include "vboard/rom.h"

#define CHIP_FLASH_BASE  0x08000000u
#define CHIP_SYSTEM_BASE 0x1FFF0000u /* system memory, OTP, unique ID, flash size */
#define CHIP_OTG_BASE    0x50000000u /* OTG_FS, on every chip */
#define CHIP_OTG_SIZE    0x00040000u
#define CHIP_ROM_DOOR    0x1FFEFFFCu /* reading it there is how our stub says that it runs (rom.c) */
#define CHIP_ECC_UNIT    8u          /* bytes of flash that share one ECC, on chips that have it */
#define CHIP_OPTION_SIZE 16u         /* option bytes, with their complements */

#define CHIP_NEVER UINT64_MAX

#define OTG_VBUS_PIN VBOARD_PIN('A', 9) /* where OTG_FS senses VBUS, on every chip */

/* The most that any chip has. */
#define CHIP_RAMS    4
#define CHIP_SECTORS 4 /* runs of flash sectors of one size */
#define CHIP_PORTS   9 /* GPIOA to GPIOI */
#define CHIP_USARTS  6
#define CHIP_TIMERS  14
#define CHIP_EXTIS   16 /* interrupts of EXTI */

/* Deadlines; one each. */
enum chip_event {
    CHIP_EVENT_RCC,
    CHIP_EVENT_FLASH,
    CHIP_EVENT_ROM,
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
    uint32_t icscr, pllsai1cfgr, pllsai2cfgr, cier, ccipr; /* STM32L4 */
    uint64_t hse_at, pll_at, lse_at; /* when they get ready; CHIP_NEVER: not under way */
    uint32_t ready_cr;               /* ready bits that arrive at the next RCC event */
    uint32_t causes;                 /* reset flags, bits 31:25 of CSR */
};

struct chip_gpio {
    uint32_t moder, otyper, ospeedr, pupdr, odr, lckr, afr[2];
    uint32_t ascr;
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
    uint32_t eccr; /* STM32L4 */
    bool cr_dead;  /* a wrong key locks until the next reset */
    uint64_t busy_until;
    uint32_t busy_from, busy_size; /* what can't be read until then: offset in flash */
    uint32_t word_address, word;   /* STM32L4: the first half of a double word … */
    bool word_waits;               /* … that waits for the second */
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
    uint32_t syscfg_cfgr1, syscfg_cfgr2; /* STM32L4 */
    uint32_t pwr_cr, pwr_csr;
    uint32_t pwr_cr2, pwr_cr3, pwr_cr4; /* STM32L4 */
    uint32_t crc, crc_idr;
    uint32_t rtc[0x50 / 4 + 20];
};

struct chip_semihosting {
    bool on;
    bool exited, failed; /* the image has asked to end, with an error */
    uint32_t error;      /* errno of the last call that failed */
    char line[240];
    uint16_t line_length;
};

#define CHIP_SEEN_MAX 256

struct chip;

/* A register access: `mask` has the bits of the bytes written; `value` is in place. */
struct chip_write {
    uint32_t offset, value, mask;
};

static inline uint32_t chip_merge(uint32_t old, struct chip_write write, uint32_t writable)
{
    uint32_t mask = write.mask & writable;
    return (old & ~mask) | (write.value & mask);
}

typedef uint32_t chip_read_function(struct chip *chip, unsigned unit, uint32_t offset);
typedef void chip_write_function(struct chip *chip, unsigned unit, struct chip_write write);
typedef void chip_reset_function(struct chip *chip, unsigned unit);

#define CHIP_UNGATED 0xFF /* as `bank`: no clock gate */

/* A peripheral in the memory map. The gate is a bit of the RCC's enable register number `bank`, counted from the
 * first (AHB1ENR); its reset bit is in the same place of the reset registers. */
struct chip_block {
    uint32_t base, size;
    const char *name;
    chip_read_function *read; /* NULL: known, but not modelled */
    chip_write_function *write;
    chip_reset_function *reset; /* by its bit in RCC's reset registers; NULL: not modelled */
    uint8_t unit, bank, bit;
};

struct chip_usart_facts {
    const char *name;
    uint8_t irq, apb;
};

struct chip_timer_facts {
    uint8_t irq, compare_irq, apb, channels;
    bool wide; /* 32 bits */
};

struct chip_gpio_reset {
    uint32_t moder, ospeedr, pupdr;
};

/* RCC and the clock tree (rcc_*.c). Causes of a reset are bits 31:25 as in CSR of the STM32F4. */
struct chip_rcc_ops {
    void (*reset)(struct chip *chip, uint32_t cause);
    void (*event)(struct chip *chip);
    struct chip_hz (*core_hz)(const struct chip *chip);
    uint32_t (*apb_divisor)(const struct chip *chip, unsigned bus); /* 1 or 2 */
    struct chip_hz (*usart_hz)(const struct chip *chip, unsigned unit);
    struct chip_hz (*usb_hz)(const struct chip *chip); /* of USB and RNG, wanted to be 48 MHz */
    /* What besides pins and frequency keeps USB from working, as "since …"; NULL: nothing. */
    const char *(*usb_trouble)(const struct chip *chip);
    void (*rom_clocks)(struct chip *chip); /* as the boot loader in ROM leaves them: USB's 48 MHz run */
};

/* The flash interface (flash_*.c). */
struct chip_flash_ops {
    void (*reset)(struct chip *chip);
    enum cpu_bus (*program)(struct chip *chip, uint32_t address, unsigned size, uint32_t value);
    void (*event)(struct chip *chip); /* an operation has ended */
    /* The array itself, for the boot loader in ROM: `unit` bytes at a multiple of it. False: they weren't erased. */
    bool (*put)(struct chip *chip, uint32_t at, const uint8_t *bytes);
    /* A unit whose ECC doesn't fit was read, at this offset; NULL: the chip has no ECC. */
    void (*ecc_failed)(struct chip *chip, uint32_t at);
    uint32_t unit;
    uint64_t unit_ns;
    uint64_t (*erase_ns)(uint32_t size);
};

/* What differs between chips; const data, one for each (stm32f407.c, …). */
struct chip_kind {
    const char *name; /* "STM32F407" */
    uint32_t hz_max;  /* of the core, by the data sheet */
    uint32_t hz_reset;
    uint32_t
        scale_hz[4]; /* STM32F4: what each PWR_CR.VOS, bits 15:14, is good for; 0: there is no such one */
    uint32_t scale_reset; /* … and which of them is set after reset */
    uint32_t systick_calibration;
    uint32_t idcode; /* DBGMCU_IDCODE */
    uint8_t irq_count;

    uint32_t flash_size;
    struct {
        uint16_t count;
        uint32_t size;       /* bytes of each */
    } sectors[CHIP_SECTORS]; /* what can be erased alone, from the start of flash; count 0 ends the list */
    struct {
        uint32_t base, size;
    } ram[CHIP_RAMS];     /* size 0 ends the list */
    uint32_t system_size; /* readable from CHIP_SYSTEM_BASE on */
    uint32_t uid_address, flash_size_address;
    uint32_t option_base;
    uint8_t option[CHIP_OPTION_SIZE]; /* as delivered */
    uint8_t option_rdp;               /* number of the option byte for read-out protection */
    uint8_t option_dog;               /* number of the option bit that, while 1, leaves IWDG to software */

    const struct chip_block *blocks;
    unsigned block_count;
    uint8_t port_count, usart_count, timer_count;
    const struct chip_usart_facts *usarts;
    const struct chip_timer_facts *timers;
    struct chip_gpio_reset gpio_reset[3]; /* ports A, B, all others */
    bool gpio_brr;                        /* GPIO has BRR and ASCR */
    uint32_t usart_enable;                /* CR1.UE */
    uint32_t exti_lines;                  /* those with edges to choose */
    uint32_t exti_imr;                    /* after reset: lines without edges are let through */
    struct {
        uint32_t lines;
        uint8_t irq;
    } exti[CHIP_EXTIS]; /* lines 0 ends the list */

    const struct otg_variant *otg;
    uint8_t otg_bank, otg_bit; /* clock gate, as in struct chip_block */
    uint8_t otg_wakeup_line;   /* of EXTI */
    const char *usb_clock;     /* what gives it its 48 MHz: "PLLQ" */

    const struct chip_rcc_ops *rcc;
    const struct chip_flash_ops *flash;
    const struct rom_facts *rom;
    void (*reset)(struct chip *chip); /* registers that only this family has, in struct chip_misc */
};

extern const struct chip_kind chip_stm32f407, chip_stm32f411, chip_stm32l476;

struct chip {
    const struct vboard_model *model;
    const struct chip_kind *kind;
    struct cpu *cpu;
    struct cpu_config cpu_config;

    uint8_t *flash, *ram[CHIP_RAMS], *system;
    bool *ecc_bad;                  /* for each CHIP_ECC_UNIT bytes of flash */
    const struct chip_block *block; /* being accessed */
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
    struct chip_semihosting semihosting;
    struct otg_fs otg;
    struct rom rom;
    bool boot0; /* its pin is high: a reset starts the ROM */

    /* Of the flash, since the chip was made: each sector erased, each unit programmed. */
    uint32_t flash_operations;
    uint32_t cut_at;   /* the operation after which power is cut; 0: never */
    bool cut_tears;    /* power goes while it runs */
    bool flash_cached; /* code that waits for the flash runs from a cache */
    uint32_t cut_seed; /* of what it leaves then */
    bool cut;
    void (*flash_written)(void *context, uint32_t at, uint32_t size);
    void (*power_lost)(void *context);
    void *flash_context;

    /* What was reported already: address | direction. */
    uint32_t seen[CHIP_SEEN_MAX];
    unsigned seen_count;
    const char *warned[CHIP_SEEN_MAX];
    unsigned warned_count;
    bool trace;
    uint32_t resets, last_cause;

    struct vboard_debugger debugger;
    uint64_t debugger_next; /* when to poll it again */
    bool debugger_asks;     /* what is accessed now isn't accessed by the image: nothing is said about it */
    void (*event)(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value, const char *text);
    void (*serial)(void *context, unsigned usart, uint8_t byte); /* may be NULL */
    void *event_context;
    void (*pins_changed)(void *context); /* an output may have changed */
    void *pins_context;
};

/* chip.c: life of the chip. */
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
/* An access to a register that isn't modelled: once for each address and direction. Returns 0. */
uint32_t chip_unmodelled(struct chip *chip, const char *block, uint32_t address, bool write);
/* The same for the peripheral that is being accessed. */
uint32_t chip_unknown(struct chip *chip, uint32_t offset, bool write);

void chip_irq(struct chip *chip, unsigned irq, bool level);

static inline struct chip_hz rcc_core_hz(const struct chip *chip)
{
    return chip->kind->rcc->core_hz(chip);
}

static inline uint32_t rcc_apb_divisor(const struct chip *chip, unsigned bus)
{
    return chip->kind->rcc->apb_divisor(chip, bus);
}

struct chip_hz rcc_apb_hz(const struct chip *chip, unsigned bus); /* 1 or 2 */
void rcc_changed(struct chip *chip);                              /* the core's clock may have changed */

/* Peripherals: offset is word-aligned. */
extern const struct chip_rcc_ops rcc_f4;
uint32_t rcc_f4_read(struct chip *chip, unsigned unit, uint32_t offset);
void rcc_f4_write(struct chip *chip, unsigned unit, struct chip_write write);

extern const struct chip_flash_ops flash_f4;
uint32_t flash_f4_read(struct chip *chip, unsigned unit, uint32_t offset);
void flash_f4_write(struct chip *chip, unsigned unit, struct chip_write write);
/* An operation on part of the flash takes `ns`; until then a core that runs from there stands still. */
void flash_busy(struct chip *chip, uint32_t at, uint32_t size, uint64_t ns);
/* Bytes of flash have changed, at this offset: flash shows at two addresses. */
void flash_changed(struct chip *chip, uint32_t at, uint32_t size);
/* Do an operation, and tell: bytes programmed (bits only go to 0), or NULL: erased. */
void flash_store(struct chip *chip, uint32_t at, const uint8_t *bytes, uint32_t size);
/* The ECC of units fits, or not; nothing on chips without. */
void flash_ecc_set(struct chip *chip, uint32_t at, uint32_t size, bool bad);
/* The core reads from a page that has such units. */
void flash_read_check(struct chip *chip, uint32_t address, unsigned size);
/* Start and size of a flash sector; false: there is none of that number. */
bool flash_sector(const struct chip_kind *kind, unsigned sector, uint32_t *start, uint32_t *size);

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
void exticr_write(struct chip *chip, unsigned index, struct chip_write write);

void usart_reset_unit(struct chip *chip, unsigned unit);
uint32_t usart_read(struct chip *chip, unsigned unit, uint32_t offset);
void usart_write(struct chip *chip, unsigned unit, struct chip_write write);
uint32_t usart_l4_read(struct chip *chip, unsigned unit, uint32_t offset);
void usart_l4_write(struct chip *chip, unsigned unit, struct chip_write write);
void usart_event(struct chip *chip, unsigned unit);
size_t usart_outside(struct chip *chip, unsigned unit, const uint8_t *bytes, size_t length);

/* A BKPT 0xAB is executed. False: semihosting is off, or a debugger is to stop there, since the image asks to end. */
bool semihosting_call(struct chip *chip, bool debugger);

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
void pwr_f4_reset(struct chip *chip);
uint32_t pwr_f4_read(struct chip *chip, unsigned unit, uint32_t offset);
void pwr_f4_write(struct chip *chip, unsigned unit, struct chip_write write);
void crc_reset(struct chip *chip, unsigned unit);
uint32_t crc_read(struct chip *chip, unsigned unit, uint32_t offset);
void crc_write(struct chip *chip, unsigned unit, struct chip_write write);

#endif
