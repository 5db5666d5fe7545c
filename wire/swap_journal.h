/*
 * The journal of an update: how far the running image and the first-stage boot loader have come. A log of 8-byte records in an
 * area of flash of its own; both append, none changes what is there. Pure; header only, since the boot loader calls nothing.
 *
 *   record:  | word 0: code 8 | index 8 | check 16 | word 1: value |        both all ones: free
 *
 *   REQUEST ─→ KEPT 0 ─→ TAKEN 0 ─→ KEPT 1 … ─→ TRIAL ─┬─→ CONFIRMED                     idle again
 *      │                                                ├─→ FAILED, FAILED, FAILED ─┐
 *      └─→ REFUSED                                      └─→ BACK ←──────────────────┘ ─→ KEPT 0 … ─→ RESTORED
 *
 * Word 1 is programmed first, so that a record whose power was cut has no good check. What is neither free nor good is passed by.
 * The next record goes behind the last place that isn't free. Who erases the journal begins with its first page, so that what a
 * cut leaves is the end of a log, which the loader passes by.
 *
 * KEPT's CRC is the chip's unit's over the words from the last to the first: the other way a unit that holds a whole image and its
 * CRC word would have the same CRC for every image of that length.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_SWAP_JOURNAL_H
#define PLUGNET_WIRE_SWAP_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JOURNAL_RECORD    8u    /* bytes */
#define JOURNAL_USED_UNIT 2048u /* bytes that one of `index` in a REQUEST and of `value` in a BACK means */
#define JOURNAL_FAILED_MAX                                                                                   \
    3u /* starts on trial that end by a crash or the watchdog; the last one brings the old image back */

/* What the boot loader leaves at offset 12 of its vector table, so that an image knows that it can swap. */
#define JOURNAL_LOADER        0x50424C01u
#define JOURNAL_LOADER_OFFSET 12u

enum journal_code {
    JOURNAL_REQUEST =
        1, /* swap. index: what the longer image uses, in JOURNAL_USED_UNIT; value: CRC word of the staged one */
    JOURNAL_KEPT,   /* scratch holds the running slot's unit `index`. value: its CRC as far as it is used */
    JOURNAL_TAKEN,  /* the running slot holds the staged one's unit `index` */
    JOURNAL_TRIAL,  /* all are swapped. value: CRC word of the new image */
    JOURNAL_FAILED, /* a start on trial ended. index: enum board_report_reason */
    JOURNAL_CONFIRMED, /* the new image stays. value: its CRC word */
    JOURNAL_BACK, /* swap back. index: a reason; value: what the longer image uses, in JOURNAL_USED_UNIT */
    JOURNAL_RESTORED, /* the old image is back. index: the reason; value: its CRC word */
    JOURNAL_REFUSED,  /* the staged image wasn't started on. index: enum journal_refusal */
};

/* Reasons of BACK and RESTORED; below 16: enum board_report_reason. */
enum journal_reason {
    JOURNAL_TIME = 16, /* nobody has confirmed it in time */
    JOURNAL_ASKED,     /* the product has asked for it */
    JOURNAL_NOT_WHOLE, /* the image's CRC is wrong */
    JOURNAL_REPLACED,  /* RESTORED alone: meanwhile the ROM's boot loader has written the image that runs */
};

enum journal_refusal {
    JOURNAL_BAD_HEADER = 1, /* no image of ours, or one without a whole header */
    JOURNAL_BAD_BOARD,
    JOURNAL_BAD_BASE,
    JOURNAL_BAD_LENGTH,
    JOURNAL_BAD_CRC,   /* also another image than the one that was asked for */
    JOURNAL_BAD_FLASH, /* what was written can't be read back */
};

struct journal_record {
    uint8_t code; /* enum journal_code */
    uint8_t index;
    uint32_t value;
};

/* 16 bits that all others decide; by multiplying, so that each bit of theirs changes about half of them. */
static inline uint32_t journal_check(uint32_t code, uint32_t index, uint32_t value)
{
    uint32_t mixed = (value ^ (code << 8 | index) * 0x85EBCA6Bu) * 0x9E3779B1u;

    mixed = (mixed ^ mixed >> 15) * 0xC2B2AE35u;
    return (mixed ^ mixed >> 13) & 0xFFFFu;
}

static inline void journal_write(const struct journal_record *record, uint32_t words[2])
{
    words[0] = (uint32_t)record->code << 24 | (uint32_t)record->index << 16 |
               journal_check(record->code, record->index, record->value);
    words[1] = record->value;
}

/* False: no record, free or torn. */
static inline bool journal_read(struct journal_record *record, const uint32_t words[2])
{
    record->code = (uint8_t)(words[0] >> 24);
    record->index = (uint8_t)(words[0] >> 16);
    record->value = words[1];
    return record->code >= JOURNAL_REQUEST && record->code <= JOURNAL_REFUSED &&
           (words[0] & 0xFFFFu) == journal_check(record->code, record->index, record->value);
}

static inline bool journal_is_free(const uint32_t words[2])
{
    return words[0] == 0xFFFFFFFFu && words[1] == 0xFFFFFFFFu;
}

#ifdef __cplusplus
}
#endif

#endif
