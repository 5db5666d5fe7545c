/*
 * Ed25519: is this signature of that message, by the owner of this key? In steps, so that a loop that does other things goes on
 * between them.
 *
 *   ed25519_begin ─→ ed25519_update (the message) … ─→ ed25519_step, until it says that it has ended ─→ ed25519_good
 *
 * Strict, as RFC 8032 5.1.7 without its cofactor: S below the group's order, points in their one form, R compared byte by byte;
 * keys of small order, for which anybody can sign, are refused. Nothing here is secret, so nothing hides how long it takes.
 * Signing is a tool's, on a PC.
 *
 * Source: RFC 8032 5.1, read in part (5.1.1 to 5.1.4 and 5.1.7 as its section 6 illustrates them).
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_ED25519_H
#define PLUGNET_WIRE_ED25519_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/sha512.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ED25519_KEY       32 /* bytes of a public key */
#define ED25519_SIGNATURE 64

/* A number modulo 2^255 - 19, not always its least form. */
struct ed25519_number {
    uint32_t limb[8];
};

/* A point, X/Z and Y/Z, with T = XY/Z. */
struct ed25519_point {
    struct ed25519_number x, y, z, t;
};

/* Caller-owned, about 1 kB. Ours. */
struct ed25519 {
    struct sha512 hash;
    uint32_t s[8], k[8];           /* scalars, below the group's order */
    uint8_t r[32];                 /* of the signature */
    struct ed25519_point table[3]; /* the base point, the key's negative, their sum; as they are added */
    struct ed25519_point sum;
    int16_t bit; /* of the scalars, that is next; 253: the message goes on; -1: ended */
    bool good;
};

/* False: key or signature isn't one; ed25519_good stays false then, and the other calls do nothing. 700,000
 * instructions on a Cortex-M4, by the firmware's options. */
bool ed25519_begin(struct ed25519 *v, const uint8_t key[ED25519_KEY],
                   const uint8_t signature[ED25519_SIGNATURE]);

/* The message, in order, any length at a time. */
void ed25519_update(struct ed25519 *v, const void *bytes, size_t length);

/* One step: 22,000 instructions; the first one 102,000, the last one 660,000. True: there are more. 254 in all, 5.5 million. */
bool ed25519_step(struct ed25519 *v);

bool ed25519_good(const struct ed25519 *v);

#ifdef __cplusplus
}
#endif

#endif
