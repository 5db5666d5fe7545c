/*
 * The running image's hand in the journal of an update (wire/swap_journal.h): it reads what the first-stage boot loader has left,
 * asks it for a swap, and says how a trial has ended.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_UPDATE_JOURNAL_H
#define PLUGNET_UPDATE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "board/flash.h"
#include "wire/swap_journal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Caller-owned. */
struct journal {
    const struct board_flash *flash;
    uint32_t end;               /* offset behind the last place that isn't free */
    struct journal_record last; /* the last good record; code 0: none */
    uint32_t trial;             /* CRC word of the last image that went on trial */
    uint32_t used;              /* of the last swap: bytes of the longer image, rounded up */
};

/* Read it, once. `flash` may be NULL: an empty one that takes nothing. */
void journal_open(struct journal *j, const struct board_flash *flash);

/* True: the image with this CRC word is on trial. */
bool journal_on_trial(const struct journal *j, uint32_t crc);

/* The three write flash, 250 ms at worst. False: it is full, or the flash refuses; nothing has changed. */

/* Ask for a swap of so many bytes with the staged image of this CRC word. Old entries are erased where they take the room; none is
 * under way. `unit`: of the swap, the size of its scratch. */
bool journal_request(struct journal *j, uint32_t used, uint32_t unit, uint32_t crc);

/* The image on trial, of this CRC word, stays. */
bool journal_confirm(struct journal *j, uint32_t crc);

/* The image on trial is to go, at the next reset. */
bool journal_back(struct journal *j, enum journal_reason reason);

#ifdef __cplusplus
}
#endif

#endif
