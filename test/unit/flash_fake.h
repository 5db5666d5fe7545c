/*
 * A fake flash behind board/flash.h for the tests of store/: it holds callers to the contract (each unit once after an erase),
 * and power can be cut after or within any operation.
 *
 * flash_fake_make ─→ flash_fake.cut = n ─→ calls … the n-th operation longjmps to flash_fake.power ─→ flash_fake_boot
 *
 * An operation is one unit programmed or erased. What a cut leaves in a unit is chosen by `tear`; some of it reads differently
 * each time, or after each start. Over what a cut left and reads as erased, only zeros or the same again may be programmed.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_UNIT_FLASH_FAKE_H
#define PLUGNET_TEST_UNIT_FLASH_FAKE_H

#include <setjmp.h>

#include "board/flash.h"

#define FLASH_FAKE_MAX 32768

/* What a torn unit reads as. */
enum flash_fake_tear {
    TEAR_AFTER,  /* nothing is torn: the operation was done */
    TEAR_BEFORE, /* not begun, but to be taken as torn */
    TEAR_PART,   /* some bits are done, the same for ever */
    TEAR_NOISE,  /* … others at each read */
    TEAR_START,  /* all or nothing, chosen anew at each start */
    TEAR_READ,   /* all or nothing, chosen anew at each read */
    TEAR_ECC,    /* reads fail, or give anything: chosen at each start. program_size 8 only */
    TEAR_FAIL,   /* reads fail for ever */
};

struct flash_fake_unit {
    uint8_t state; /* 0 erased, 1 programmed, 2 torn */
    uint8_t tear;
    uint8_t wanted[8]; /* torn: what it would have become */
    uint32_t seed;
};

extern struct flash_fake {
    struct board_flash flash;
    uint32_t erases[64];
    unsigned operations; /* so far */
    unsigned cut;        /* the one that is cut; 0: none */
    enum flash_fake_tear tear;
    bool refuses; /* programs and erases return false */
    uint32_t random, start;
    const char *broken; /* the contract was, by this */
    jmp_buf *power;
    uint8_t bytes[FLASH_FAKE_MAX]; /* torn: what it was */
    struct flash_fake_unit units[FLASH_FAKE_MAX / 4];
} flash_fake;

/* All erased, or of what a factory left. */
void flash_fake_make(uint32_t size, uint32_t erase_size, uint8_t program_size, uint32_t seed);

/* Power is back. */
void flash_fake_boot(void);

/* Only what the area takes. */
void flash_fake_copy(struct flash_fake *to, const struct flash_fake *from);

/* Units are as if they had been programmed so, or erased where all is 0xFF: for damage and junk. */
void flash_fake_set(uint32_t at, const void *bytes, uint32_t length);

#endif
