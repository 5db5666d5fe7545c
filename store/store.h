/*
 * Settings that persist: keys and values of bytes, in two halves of an area of flash, each a log. No heap, no USB, no lwIP: usable
 * from the first line of main. docs/settings.md is the guide.
 *
 *   store_open ─→ store_get, store_next … ; store_put, store_delete: each alone, or as a group that counts as a whole:
 *                 store_begin ─→ { store_put, store_delete } ─→ store_commit (or store_cancel)
 *
 *   half:   | head 0 | head 1 | head 2 | witness | copied records | put | commit | confirm | put | put | commit | confirm | FF …
 *
 * After a power cut at any moment a key has its old or its new value, and a group is there as a whole or not at all; what a call
 * has returned, or a get has shown, stays. When a log is full, what is live is copied into the other half (a compaction: one
 * erase of a half, 250 ms on an F4, in which code stands still), whose heads are written last; the old half stays as it is until
 * the next compaction erases it. So a half is erased right before it is used, and no erased byte is trusted over a reset.
 *
 * CRC-32 over place, key and value of each record finds all errors of up to three bits and one in 2^32 of others gets through.
 * What is damaged is passed by: its key has its value before, or none, and store_stats counts it. Against a forger nothing is
 * protected; and where a record's first bytes are damaged, bytes in its value that were made to look like a record for this
 * very place and generation would be taken for one. All calls come from the loop, or before it; never from an interrupt.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_STORE_H
#define PLUGNET_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board/flash.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STORE_KEY_MAX   32   /* bytes of a key, at least 1 */
#define STORE_VALUE_MAX 1024 /* bytes of a value; and at most a quarter of a half */

/* Bytes of flash that a value takes; a put of its own 16 more, until the next compaction. */
#define STORE_ROOM(key_length, value_length) (8u + ((key_length) + (value_length) + 4u + 7u) / 8u * 8u)

struct store;

/* You set; const, lives as long as the store. */
struct store_config {
    const struct board_flash *flash; /* board_flash(BOARD_FLASH_SETTINGS); NULL: store_open fails */
    uint16_t schema; /* number of what your keys and values mean; count it up when that changes */

    /* Flash holds values of the older schema `from`: change them by puts and deletes, which are a group: after a cut all is as
     * before, and the hook runs anew. Gets show the values before. False: it can't be done; before the first put, if possible,
     * since each start then costs an erase. NULL: values mean what they meant. */
    bool (*migrate)(struct store *s, uint16_t from, void *context);
    void *context; /* the hook's */
};

/* What store_open found. */
enum store_opened {
    STORE_FRESH,     /* an erased area: the store is empty */
    STORE_WHOLE,     /* all is as it was left */
    STORE_RECOVERED, /* a write was cut, or bits have changed: store_stats says which; what is left is readable */
    STORE_LOST,      /* the area held something, but nothing that can be read: the store is empty */
    STORE_NEWER, /* values of a newer schema: readable; writes are refused until store_allow or store_clear */
    STORE_NOT_MIGRATED, /* the hook said no: the same with an older schema */
    STORE_READ_ONLY,    /* the chip refuses to erase or program: readable */
    STORE_FAILED,       /* no such area, or a newer plugnet's format: nothing can be read or written */
};

enum store_result {
    STORE_OK,
    STORE_ABSENT,  /* no such key; store_next: there are no more */
    STORE_LONGER,  /* the value is longer than your buffer; its length is given */
    STORE_MISUSE,  /* lengths out of bounds, or a call that is not allowed now */
    STORE_FULL,    /* no room, even after a compaction; nothing was changed: delete something */
    STORE_REFUSED, /* writes: see enum store_opened */
    STORE_FLASH, /* the chip refused, or what was written reads differently: the value is the old one until the next store_open,
                      and then the old or the new one */
    STORE_MOVED, /* store_next: a compaction came in between: begin anew */
};

struct store_stats {
    uint32_t live;        /* bytes that values take in flash */
    uint32_t free;        /* bytes that can be written before the next compaction */
    uint32_t room;        /* bytes that live values can still take */
    uint32_t wear[2];     /* erases of each half, as far as a cut has let them be counted */
    uint32_t generation;  /* compactions since the area was fresh */
    uint16_t compactions; /* since store_open */
    uint16_t
        damaged; /* places that didn't read as written, since store_open: a value each, or a mark without loss */
    uint16_t torn; /* writes that a cut stopped, found by store_open */
};

/* A half as a log. */
struct store_log {
    uint32_t base; /* offset in the area */
    uint32_t generation;
};

/* Yours, static; all is ours. */
struct store {
    const struct store_config *config;
    struct store_log log; /* the newer half */
    uint32_t half_size;   /* bytes */
    uint32_t end;         /* of what counts, offset in the half */
    uint32_t at;          /* where the next record goes; behind `end` while a group is open */
    uint32_t wear[2];
    uint16_t compactions, damaged, torn;
    uint16_t schema;
    uint8_t key[STORE_KEY_MAX]; /* of a record that is looked at */
    uint8_t failed;             /* enum store_result: why the open group can't be committed */
    uint8_t half;               /* 0, 1 */
    bool open, settled, writable, group, migrating;
    bool marked;  /* since store_open something was programmed at the log's end */
    bool unclean; /* the log's end is not to be written behind: the next write compacts */
};

/* ---- Opening ---- */

/* Find what is there. Reads the newer half and checks all of it, 2.3 ms on an F407 where it is full; after a cut or damage, on
 * a fresh area, and for a new schema it compacts: one erase of a half (and one more if the hook's puts don't fit behind what is
 * there). */
enum store_opened store_open(struct store *s, const struct store_config *config);

/* The schema of the values in flash. */
uint16_t store_schema(const struct store *s);

/* After STORE_NEWER or STORE_NOT_MIGRATED: write nevertheless, under the schema that is in flash. The default is to refuse,
 * since an image that doesn't know the newer values would leave half of them behind as they were. */
enum store_result store_allow(struct store *s);

/* Delete everything (factory defaults) and take the configuration's schema. After a cut, all or nothing is there. Erases both
 * halves, so that no value can be read from the chip any more; what store_delete deletes stays there until its half is
 * erased. */
enum store_result store_clear(struct store *s);

/* ---- Reading: the log is walked, some 0.1 ms for each kB of it on an F4 at 168 MHz. Gets show what is committed. ---- */

/* Copy a value. `*length` (may be NULL) is its length, also if it is longer than the buffer, which is then left alone. `buffer`
 * NULL: only the length. */
enum store_result store_get(struct store *s, const void *key, size_t key_length, void *buffer,
                            size_t capacity, size_t *length);

/* Where an iteration is; zero at first. */
struct store_cursor {
    uint32_t at, generation;
};

/* The next key (STORE_KEY_MAX bytes of buffer) and its value, as store_get: STORE_LONGER gives the key, and the next call goes
 * on. In the order of their last put; what is put meanwhile comes at the end. */
enum store_result store_next(struct store *s, struct store_cursor *cursor, void *key, size_t *key_length,
                             void *buffer, size_t capacity, size_t *length);

/* ---- Writing: each call compacts at most once, so erases at most one half. The stack gets 330 bytes deep, and what board_flash
 * takes. ---- */

/* Set a value. One that is the same already is not written. */
enum store_result store_put(struct store *s, const void *key, size_t key_length, const void *value,
                            size_t length);

/* Delete a key; STORE_ABSENT: there is none. */
enum store_result store_delete(struct store *s, const void *key, size_t key_length);

/* Open a group: what is put and deleted from here on counts from store_commit on, as a whole. It lives in flash: its length is
 * bound by the room there. */
enum store_result store_begin(struct store *s);

/* Close it. If one of its calls has failed (STORE_ABSENT excepted), its result comes back, and nothing of the group counts. */
enum store_result store_commit(struct store *s);

/* Drop it. If something was written, the next write begins with a compaction. */
enum store_result store_cancel(struct store *s);

/* ---- Quiet moments, wear ---- */

/* Have `room` bytes to write (the sum of STORE_ROOM + 16) before the next compaction: compacts now if it must. STORE_FULL: so much
 * will not be free. Costs nothing when there is room. */
enum store_result store_maintain(struct store *s, uint32_t room);

/* Looks at each pair of records: milliseconds where the log is long. */
void store_stats(struct store *s, struct store_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
