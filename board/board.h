/*
 * The board: what an application may ask of the printed circuit it runs on. One folder for each board
 * (stm32f4discovery, native, …) implements it; nothing else in the tree knows a pin.
 *
 *   board_init ─→ board_udc ─→ (loop) … ─→ board_idle
 *
 * All calls are for the loop (or, under an operating system, one task), unless said otherwise.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BOARD_H
#define PLUGNET_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct udc; /* usb/udc.h */

/* While the host sleeps, the loop turns once in so many milliseconds, unless something happens: 2 to 50. 1: as always. Time counts
 * in milliseconds all the same, and an operating system's threads keep theirs; but what is called "once a millisecond" is not, so
 * it must look at the time. */
#ifndef BOARD_CALM_MS
#define BOARD_CALM_MS 1
#endif
#if BOARD_CALM_MS < 1 || BOARD_CALM_MS > 50
#error "BOARD_CALM_MS: 1 to 50"
#endif

#define BOARD_UID_LENGTH 12 /* bytes of the chip's unique ID */

/* What the board is, for pages and descriptors; const, lives for ever. */
struct board_info {
    const char *name;    /* as its maker writes it: "STM32F4DISCOVERY" */
    const char *chip;    /* "STM32F407VG" */
    uint16_t product_id; /* of 0x1209: what runs on this board shows it while it has no ID of its own */
    const char *const *led_names; /* led_count of them: "green", … */
    uint8_t led_count;            /* 0 to 8 */
    bool has_button;
    bool has_rom;      /* the chip has a boot loader in ROM that takes firmware over USB: board_rom_enter */
    uint32_t clock_hz; /* of the core, and so of board_cycles */
};

/* Clocks, pins, interrupt priorities, the millisecond tick. Once, first thing in main. */
void board_init(void);

const struct board_info *board_info(void);

/* The chip's unique ID, BOARD_UID_LENGTH bytes; never changes. */
const uint8_t *board_uid(void);

/* The board's USB device controller, initialised and detached. Its interrupt is already routed. */
struct udc *board_udc(void);

/* LEDs by number, 0 to led_count - 1; others are ignored, and read as off. Any thread. */
void board_led_set(unsigned led, bool on);
bool board_led_get(unsigned led);

/* True while the user button is pressed. Any thread. */
bool board_button(void);

/* Milliseconds since start; wraps after 49 days. Any context. */
uint32_t board_time_ms(void);

/* Cycles of the core's clock since start; wraps. Counts while asleep, too. Any context. */
uint32_t board_cycles(void);

/* Sleep until board_wake was called, or a millisecond has begun, since this returned last: if so already, it returns at once.
 * So what comes between two calls is never slept over. It may return early. Returns the cycles spent asleep; interrupts
 * served meanwhile are not among them. One thread alone. */
uint32_t board_idle(void);

/* There is something to do: board_idle returns. The one flag of that kind; without this call the loop hears of it a
 * millisecond later at most. Any context. */
void board_wake(void);

#if BOARD_CALM_MS > 1
/* At the begin of a round of the loop: from now on nothing need be done in most milliseconds, or it must again. Loop. */
void board_calm(bool on);

/* True: nothing but a millisecond in which nothing need be done has ended board_idle: sleep on. Loop, and the tick. */
bool board_calm_lasts(void);
#endif

/* 32 random bits (hardware source where there is one, else derived from unique ID and time): sequence numbers,
 * DNS IDs; not for keys. */
uint32_t board_random(void);

/* Deepest use of the main stack so far, and its size, in bytes; 0 where the board can't tell. */
uint32_t board_stack_used_max(void);
uint32_t board_stack_size(void);

/* Write a line fragment to the board's serial port or terminal; drops what doesn't fit, never waits. Before board_init, too: it is
 * sent then. */
void board_log(const char *text);

/* What the log has got, for who shows it elsewhere, too (plugnet/acm_console.h): bytes from position *at on, which counts from
 * the start of the board, and *at is then behind them. Only the last ones are kept; older ones are left out. */
size_t board_log_read(uint32_t *at, char *bytes, size_t size);

/* Reset the chip. Doesn't return. */
__attribute__((noreturn)) void board_reset(void);

/* Reset the chip and start its ROM boot loader, whatever is in flash; where there is none, reset. Doesn't return. */
__attribute__((noreturn)) void board_rom_enter(void);

/* Stop for good, visibly: all LEDs on, interrupts off. Where a watchdog runs, reset at once instead. Any context. */
__attribute__((noreturn)) void board_halt(void);

#ifdef __cplusplus
}
#endif

#endif
