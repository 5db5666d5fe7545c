/*
 * The virtual board: a chip with what is soldered around it, as a library. A program or a test makes one
 * (or several) from an image, plugs a PC end into its cable and lets time pass through it.
 *
 *   vboard_new ─→ vboard_cable ─→ advance / frame / setup … (the PC end)      cable.h
 *             └─→ vboard_button, vboard_leds, vboard_reset_button, …          what a hand and an eye can do
 *   vboard_free
 *
 * Nothing here is global: two boards in one process don't know of each other. Nothing reads a clock of this
 * machine: same image, same calls, same result to the instruction.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_BOARD_H
#define PLUGNET_VBOARD_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cable/cable.h"
#include "cable/fixture.h"

struct vboard;
struct cpu;       /* vboard/cpu.h */
struct chip_kind; /* vboard/chip.h */

#define VBOARD_UID_LENGTH 12
#define VBOARD_LEDS_MAX   8
#define VBOARD_NO_PIN     0xFF

/* A pin of the chip as one number: port letter and bit. */
#define VBOARD_PIN(port, bit) ((uint8_t)(((port) - 'A') * 16 + (bit)))

/* One printed circuit; const data. */
struct vboard_model {
    const char *id;   /* as on the command line: "stm32f4discovery" */
    const char *name; /* as its maker writes it */
    const struct chip_kind *chip;
    uint32_t hse_hz; /* crystal; 0: none */
    uint32_t lse_hz; /* watch crystal; 0: none */
    struct {
        const char *name; /* "green" */
        uint8_t pin;
        bool active_low;
    } leds[VBOARD_LEDS_MAX]; /* name NULL ends the list */
    uint8_t button_pin;      /* VBOARD_NO_PIN: none */
    bool button_active_low;
    bool button_floats;      /* released, nothing drives the pin: the chip's own pull-up or -down must */
    uint8_t vbus_pin;        /* carries the host's 5 V; VBOARD_NO_PIN: none */
    uint8_t vbus_switch_pin; /* low switches the board's own 5 V onto the connector; VBOARD_NO_PIN: none */
};

/* The known boards, ended by NULL; the first one is the default. */
extern const struct vboard_model *const vboard_models[];

/* By `id`; NULL: none. */
const struct vboard_model *vboard_model_find(const char *id);

enum vboard_event {
    VBOARD_RESET,  /* `value`: RCC_CSR cause bits 31:24 */
    VBOARD_LEDS,   /* `value`: bit n is LED n */
    VBOARD_SERIAL, /* `text`: a line that the image sent, with its port: "[usart2] …", "[semihosting] …" */
    VBOARD_UNMODELLED, /* `text`: an access that the model doesn't know, once for each register and direction */
    VBOARD_WARNING,    /* `text`: an access against the reference manual, once for each kind */
    VBOARD_ROM,        /* `text`: the boot loader in ROM starts (`value` 0), or ends (1) */
    VBOARD_LOCKUP,     /* `text`: the core is locked up, with PC */
    VBOARD_TRACE,      /* `text`: USB events, with `trace` set */
};

struct vboard_config {
    const struct vboard_model *model; /* NULL: the first */
    const char *image; /* path: ELF, or .bin for the start of flash; NULL: what `flash` holds */
    const char
        *flash; /* path of the flash's bytes: read first if the file exists, and kept up to date with each
                         * operation of the flash; NULL: none */
    bool boot0; /* default false: vboard_boot0 from the start */
    const uint8_t *uid; /* VBOARD_UID_LENGTH bytes; NULL: a fixed one */
    bool trace;         /* default false: VBOARD_TRACE events */
    bool semihosting;   /* default false: vboard_semihosting from the start */

    /* Told of what happens, at the board's time; may be NULL. `text` is valid during the call. */
    void (*event)(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value, const char *text);
    /* Each byte that USART `usart` (from 0) sends; may be NULL. */
    void (*serial)(void *context, unsigned usart, uint8_t byte);
    void *context;
};

/* A board, powered and just out of power-on reset at time 0, cable unplugged. NULL: `error` says why in one
 * line. */
struct vboard *vboard_new(const struct vboard_config *config, char *error, size_t error_size);
void vboard_free(struct vboard *board);

/* 0, or the errno of the first write to vboard_config.flash that failed; the file is old from there on. */
int vboard_flash_error(const struct vboard *board);

/* The flash's bytes, *size of them; valid until vboard_free. */
const uint8_t *vboard_flash(const struct vboard *board, size_t *size);

/* Set some of them, from outside: no operation, no wear. */
void vboard_flash_set(struct vboard *board, uint32_t at, const uint8_t *bytes, uint32_t size);

/* Be told of each operation, when it has ended: offset and size of what it touched. */
void vboard_flash_watch(struct vboard *board, void (*written)(void *context, uint32_t at, uint32_t size),
                        void *context);

/* Operations of the flash so far: each sector erased, each unit programmed (a word; on the L4 a double word). */
uint32_t vboard_flash_operations(const struct vboard *board);

/* Power goes (vboard_power) after `count` more of them, counted from 1; 0: it doesn't. */
void vboard_cut_after(struct vboard *board, uint32_t count);

/* The same, but in the middle of the last one: what it was to write is torn, differently for each seed. On chips with ECC a
 * torn unit may raise NMI when it is read. vboard_config.flash keeps the bytes, but not that. */
void vboard_cut_within(struct vboard *board, uint32_t count, uint32_t seed);

/* Code that waits for the flash is found in the instruction cache: the core goes on while its bank is busy. */
void vboard_flash_cached(struct vboard *board, bool cached);

/* False: the ECC of the unit at this offset doesn't fit. */
bool vboard_flash_readable(const struct vboard *board, uint32_t at);

/* What a debugger's "load" does, from outside as well: sectors of one size, as addresses, false behind the last; erase whole
 * sectors; write bytes that were erased. False: nothing was done. */
struct vboard_flash_area {
    uint32_t base, size, sector_size;
};
bool vboard_flash_area(const struct vboard *board, unsigned number, struct vboard_flash_area *area);
bool vboard_flash_erase(struct vboard *board, uint32_t address, uint32_t size);
bool vboard_flash_load(struct vboard *board, uint32_t address, const uint8_t *bytes, uint32_t size);

/* Where the chip's peripherals are; false behind the last. `modelled`: false: it reads 0. */
struct vboard_peripheral {
    const char *name;
    uint32_t base, size;
    bool modelled;
};
bool vboard_peripheral(const struct vboard *board, unsigned number, struct vboard_peripheral *peripheral);

/* BKPT 0xAB is a call of ours (semihosting.c), whether a debugger is there or not; off: as any BKPT. */
void vboard_semihosting(struct vboard *board, bool on);

/* The chip's unique ID, VBOARD_UID_LENGTH bytes; valid until vboard_free. */
const uint8_t *vboard_uid(const struct vboard *board);

/* The device end of its cable; valid until vboard_free. */
struct cable vboard_cable(struct vboard *board);

/* The same hands and eyes for a PC end to pass on; valid until vboard_free. */
struct fixture vboard_fixture(struct vboard *board);

/* Time passes here or through the cable's advance(); both do the same. */
void vboard_advance(struct vboard *board, uint64_t time_ns);
uint64_t vboard_time_ns(struct vboard *board);

/* A hand and an eye. */
void vboard_button(struct vboard *board, bool pressed);
void vboard_reset_button(struct vboard *board, bool pressed); /* the chip stands still while it is pressed */
void vboard_power(struct vboard *board, bool on);             /* off: memory is lost; time goes on */
void vboard_power_cycle(struct vboard *board);
void vboard_boot0(struct vboard *board, bool high); /* its pin: the next reset starts the ROM's boot loader */
void vboard_read_protect(struct vboard *board, bool on); /* the option byte RDP: level 1, or none */
uint32_t vboard_leds(struct vboard *board);              /* bit n: LED n of the model is lit */
/* Bytes to the receiver of USART 1 to 6, counted from 0. Returns how many found room. */
size_t vboard_serial_in(struct vboard *board, unsigned usart, const uint8_t *bytes, size_t length);
/* As its name is in the log: "usart2"; NULL: the chip has no such one. */
const char *vboard_serial_name(const struct vboard *board, unsigned usart);

/* A pin of the chip, as VBOARD_PIN; false: it has no such one. */
bool vboard_pin_exists(const struct vboard *board, unsigned pin);
bool vboard_pin_level(const struct vboard *board, unsigned pin); /* what is on it, whoever drives it */
/* Drive it from outside; not driven, it follows its pull-up or -down. An output of the chip is stronger. */
void vboard_pin_drive(struct vboard *board, unsigned pin, bool driven, bool high);

/* Memory and registers as a debugger sees them; false: not mapped. */
bool vboard_peek(struct vboard *board, uint32_t address, void *bytes, size_t length);
bool vboard_poke(struct vboard *board, uint32_t address, const void *bytes, size_t length);

const struct vboard_model *vboard_model(const struct vboard *board);
const char *vboard_chip_name(const struct vboard *board);

struct vboard_stats {
    uint64_t time_ns;
    uint64_t cycles;         /* of the core's clock since power-on */
    uint64_t sleep_cycles;   /* of these, asleep in WFI or WFE */
    uint64_t instructions;   /* executed */
    uint32_t clock_hz;       /* of the core now, rounded */
    uint32_t resets;         /* of any cause, without the first */
    uint32_t reset_cause;    /* RCC_CSR bits 31:24 of the latest reset, in place */
    uint32_t unmodelled;     /* registers reported */
    uint32_t warnings;       /* kinds reported */
    uint64_t usb_stopped_ns; /* that the clock of USB's PHY has stood by PCGCCTL */
    bool locked_up;
    bool exited, failed; /* the image ended itself by semihosting, with an error; it is locked up, too */
    bool watchdog;       /* IWDG runs */
    bool powered;
    bool rom;                /* the boot loader in ROM runs */
    const char *rom_refused; /* why it didn't start; NULL: it wasn't asked, or did */
};

struct vboard_stats vboard_stats(struct vboard *board);

/* Instructions per symbol and the lowest stack pointer seen there, as JSON; counting starts with the first
 * call of vboard_profile_start. */
bool vboard_profile_start(struct vboard *board);
void vboard_profile_clear(struct vboard *board);
void vboard_profile_write(struct vboard *board, FILE *file);

/* What ran since the first call of vboard_coverage_start, as lines "ADDRESS MARKS" (CPU_COVERAGE_… of cpu.h) behind one that
 * says "plugnet-coverage 1". */
bool vboard_coverage_start(struct vboard *board);
void vboard_coverage_write(struct vboard *board, FILE *file);

/* Address of a symbol of the image, for tests and debuggers; false if it has none of that name. */
bool vboard_symbol(const struct vboard *board, const char *name, uint32_t *address, uint32_t *size);

/* For a debugger (vboard/gdb.h). `poll` is asked once in a millisecond of the board's time, and after each stop; the
 * board stands still until it returns. `stopped` tells that the core stands at a breakpoint (reason
 * CPU_BREAKPOINT) or is locked up (CPU_LOCKUP). */
struct vboard_debugger {
    void (*poll)(void *context);
    void (*stopped)(void *context, int reason);
    void *context;
};

void vboard_debugger(struct vboard *board, const struct vboard_debugger *debugger); /* NULL: none any more */
int vboard_step(struct vboard *board); /* one instruction, with the board around it; returns enum cpu_stop */
struct cpu *vboard_cpu(struct vboard *board);

#endif
