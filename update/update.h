/*
 * A new image, staged beside the one that runs: erased for, received, verified as it is read back from flash, and asked for. Then
 * the first-stage boot loader swaps the two (wire/swap_journal.h), and the new one is on trial until it is confirmed. No sockets;
 * docs/update.md is the guide, plugnet/updater.h the service over HTTP.
 *
 *   update_begin ─→ ERASING ─→ RECEIVING: update_write … ─→ update_finish ─→ VERIFYING ─→ READY ─→ update_install ─→ reset
 *                      └── update_poll ──┘                                   └─ update_poll ─┘
 *
 * What is wrong ends in IDLE, and `error` says what; nothing of the running image is touched before the reset. One call of update_poll
 * begins to erase one unit (on an STM32F4 that stops the core for up to 2 s), or verifies for 9 ms at most. All calls come from the
 * loop.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_UPDATE_H
#define PLUGNET_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "update/journal.h"
#include "wire/ed25519.h"
#include "wire/image.h"

#ifdef __cplusplus
extern "C" {
#endif

#define UPDATE_ROUND_US 16000u /* of programming, at most, between two calls of update_poll */

enum update_state {
    UPDATE_IDLE,
    UPDATE_ERASING,
    UPDATE_RECEIVING,
    UPDATE_VERIFYING,
    UPDATE_READY,
    UPDATE_INSTALLING, /* asked for: the next reset swaps */
};

enum update_error {
    UPDATE_OK,
    UPDATE_NO_SLOT,    /* this board has no place for a second image */
    UPDATE_OLD_LOADER, /* its boot loader can't swap */
    UPDATE_BUSY,       /* another update is under way */
    UPDATE_ON_TRIAL,   /* the running image isn't confirmed yet */
    UPDATE_EMPTY,      /* nothing came */
    UPDATE_TOO_LONG,   /* longer than the slot */
    UPDATE_NO_IMAGE,   /* no image of ours */
    UPDATE_OLD_FORMAT, /* an image from before there were versions in it */
    UPDATE_OTHER_BOARD,
    UPDATE_OTHER_PRODUCT,
    UPDATE_OTHER_BASE,  /* linked for another place */
    UPDATE_OLDER,       /* than the running one, and that isn't allowed */
    UPDATE_CUT,         /* shorter than its header says */
    UPDATE_JUNK,        /* longer than its header says */
    UPDATE_CRC,         /* some byte of it has changed */
    UPDATE_UNSIGNED,    /* it must be signed, and isn't */
    UPDATE_SIGNATURE,   /* not by this product's key, or something was changed since */
    UPDATE_FLASH,       /* the flash refuses */
    UPDATE_NOTHING,     /* nothing is staged */
    UPDATE_NO_JOURNAL,  /* the journal's flash refuses */
    UPDATE_OTHER_BUILD, /* what is staged isn't the one that is meant */
    UPDATE_ABANDONED,   /* whoever sent it has gone, or was broken off */
    UPDATE_ERRORS,
};

/* Whose signature is wanted. By UPDATE_SIGNED_BY alone, so that Ed25519 is linked where it is used. */
struct update_trust {
    const uint8_t *key; /* ED25519_KEY bytes */
    struct ed25519 *work;
    bool (*begin)(struct ed25519 *v, const uint8_t key[ED25519_KEY],
                  const uint8_t signature[ED25519_SIGNATURE]);
    void (*add)(struct ed25519 *v, const void *bytes, size_t length);
    bool (*step)(struct ed25519 *v);
    bool (*good)(const struct ed25519 *v);
};
/* C, for static objects: 0.8 kB of RAM, 5.4 kB of flash. */
#define UPDATE_SIGNED_BY(key_)                                                                               \
    (&(const struct update_trust){.key = (key_),                                                             \
                                  .work = &(struct ed25519){.bit = -1},                                      \
                                  .begin = ed25519_begin,                                                    \
                                  .add = ed25519_update,                                                     \
                                  .step = ed25519_step,                                                      \
                                  .good = ed25519_good})

struct update_config {
    const struct update_trust *trust; /* NULL: images need no signature */
    bool downgrade;                   /* older versions are taken, too */
};

/* Caller-owned, 0.3 kB; may be read. */
struct update {
    const struct update_config *config;
    const struct board_flash *running, *slot;
    struct journal journal;
    struct image installed; /* what runs; product "": it has no header */
    struct image
        staged; /* what came, from the state RECEIVING on, once its header is there; product "": not yet */
    enum update_state state;
    enum update_error error; /* of the last attempt */
    bool on_trial;
    uint32_t announced; /* bytes that were said to come; UINT32_MAX: nobody knows */
    uint32_t received;  /* bytes */
    uint32_t at;        /* erased, programmed or verified up to there */
    uint32_t crc;
    uint32_t room;   /* bytes that may be programmed before the next update_poll */
    uint8_t held[8]; /* bytes that don't fill a program unit yet */
};

/* Once, before the others. */
void update_open(struct update *u, const struct update_config *config);

/* A new image of `length` bytes comes, its signature included; UINT32_MAX: nobody knows. What was staged before is lost. Not UPDATE_OK:
 * not now, and nothing has changed. */
enum update_error update_begin(struct update *u, uint32_t length);

/* Once in each round of the loop: a piece of work in ERASING and VERIFYING, and room for bytes in RECEIVING. True: there is more to
 * do now. */
bool update_poll(struct update *u);

/* The next bytes, in RECEIVING. Returns how many were taken: what finds no room waits for the next round; in IDLE, after an error, all. */
size_t update_write(struct update *u, const uint8_t *bytes, size_t length);

/* That was all: VERIFYING, or an error. */
void update_finish(struct update *u);

/* Forget what came. `error` tells why. Not in INSTALLING. */
void update_cancel(struct update *u, enum update_error error);

/* In READY: from the next reset on the boot loader swaps. The caller resets the board. */
enum update_error update_install(struct update *u);

/* On trial: it stays. False: it isn't on trial, or the flash refuses. */
bool update_confirm(struct update *u);

/* On trial: it goes, at the next reset, which is the caller's. False: as before. */
bool update_back(struct update *u, enum journal_reason reason);

/* A word for programs, "other_board", and a sentence for people. Const. */
const char *update_error_code(enum update_error error);
const char *update_error_text(enum update_error error);

#ifdef __cplusplus
}
#endif

#endif
