/*
 * UTF-8, checked while it arrives: RFC 3629 section 4, so nothing overlong, no surrogates, at most U+10FFFF.
 *
 *   utf8_begin(u)   utf8_check(u, bytes, length) …   utf8_complete(u)
 *
 * The text may be cut anywhere, also inside a character. Pure functions: any context, the caller owns `u`.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_UTF8_H
#define PLUGNET_WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One text's state, 3 bytes: ours to keep. */
struct utf8 {
    uint8_t left;      /* bytes that the character still lacks */
    uint8_t low, high; /* range of the next of them; low is above high after an error */
};

/* Begin a text. */
void utf8_begin(struct utf8 *u);

/* Check the next bytes. False: they can't be UTF-8 whatever follows, and so for all calls until utf8_begin. It is
 * said at the first byte that makes it certain. Instructions on a Cortex-M4: 1.3 for each byte of ASCII, up to 17 of
 * other text. */
bool utf8_check(struct utf8 *u, const void *bytes, size_t length);

/* True between characters: the text may end here. */
bool utf8_complete(const struct utf8 *u);

#ifdef __cplusplus
}
#endif

#endif
