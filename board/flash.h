/*
 * The board's flash, as areas that the layout gives to settings and images. Only what a product may write while it runs is
 * here; how an area is used is its user's.
 *
 *   board_flash(area) ─→ board_flash_read
 *                    └─→ board_flash_erase ─→ board_flash_program … ; each byte once after an erase
 *
 * An area is whole erase units of one size. Bytes of an erased unit read 0xFF. Power may go at any moment: the unit that was
 * being programmed or erased then holds anything. A read of such a unit may fail, and on chips without ECC it may give
 * different bytes the next time, until the unit is erased.
 *
 * While a unit is erased or programmed, a chip can't read the same bank of flash. Where code lies in that bank (`stalls`),
 * the core stands still for that time, interrupts included: the host sees NAKs, the log waits, board_time_ms loses what it
 * missed. A watchdog's period must be longer than `erase_ms_max`.
 *
 * All calls come from the loop, or before it starts (board_init needn't have run); never from an interrupt. None of them uses
 * the heap. Who writes an area from two places keeps them apart.
 *
 * Source: facts.md J "flash"; sizes and times from the data sheets [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BOARD_FLASH_H
#define PLUGNET_BOARD_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum board_flash_area {
    BOARD_FLASH_SETTINGS, /* of store/ */
    BOARD_FLASH_IMAGE,    /* the running image */
    BOARD_FLASH_STAGED,   /* the next image; as large as the running one */
    BOARD_FLASH_JOURNAL,  /* how far the swap of the two has come */
    BOARD_FLASH_SCRATCH,  /* what the swap puts aside */
    BOARD_FLASH_AREAS,
};

/* One area. Const, lives for ever. */
struct board_flash {
    uint32_t base;         /* address of the first byte */
    uint32_t size;         /* bytes, whole erase units */
    uint32_t erase_size;   /* bytes of an erase unit */
    uint8_t program_size;  /* bytes that are programmed together, at a multiple of it: a power of two */
    bool stalls;           /* the core stands still while this area is erased or programmed */
    uint16_t erase_ms;     /* of one erase unit, typically */
    uint16_t erase_ms_max; /* … and at worst */
    uint16_t program_us;   /* of program_size bytes, typically */
};

/* NULL: this board's layout has none. Any context. */
const struct board_flash *board_flash(enum board_flash_area area);

/* Read `length` bytes from offset `at` of the area. False: the range is not in the area, or the
 * chip can't tell what is there (ECC); `bytes` holds anything then. Never raises a fault. */
bool board_flash_read(const struct board_flash *flash, uint32_t at, void *bytes, uint32_t length);

/* Erase the unit that begins at offset `at`, and wait until it is done: up to erase_ms_max. False: `at` doesn't begin a unit of
 * the area, or the chip refused (write protection). */
bool board_flash_erase(const struct board_flash *flash, uint32_t at);

/* The same without waiting, where the core goes on meanwhile: board_flash_busy tells how long. The other calls wait for its end by
 * themselves. Where the area `stalls` it is done when this returns. False: as above, so far as it is known yet; a unit that
 * isn't erased shows when it is programmed. */
bool board_flash_erase_begin(const struct board_flash *flash, uint32_t at);

/* True: an erase goes on. */
bool board_flash_busy(void);

/* Program `length` bytes, a multiple of program_size, at offset `at`, a multiple of it, and wait until it is done. The bytes there
 * are erased. False: the range is not such, or the chip refused; some of the bytes may be programmed. */
bool board_flash_program(const struct board_flash *flash, uint32_t at, const void *bytes, uint32_t length);

#ifdef __cplusplus
}
#endif

#endif
