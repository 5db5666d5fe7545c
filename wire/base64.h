/*
 * Base64 with "+", "/" and padding (RFC 4648 section 4): the keys of WebSocket's handshake, credentials of HTTP's Basic
 * scheme. Pure functions.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_BASE64_H
#define PLUGNET_WIRE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Characters that `length` bytes become, without the zero behind them. */
#define BASE64_LENGTH(length) (((length) + 2) / 3 * 4)

/* Encode `length` bytes. `text` has room for BASE64_LENGTH(length) + 1 characters; a zero byte ends it. */
void base64_encode(const void *bytes, size_t length, char *text);

/* Decode all `length` characters of `text` to at most `room` bytes; `bytes` may be where `text` lies. Returns the number
 * of bytes, or -1: other characters, padding that is missing or misplaced, bits behind the last byte that are not zero
 * (RFC 4648 3.5), or more than `room` bytes, of which the first may have been written. */
int base64_decode(const char *text, size_t length, void *bytes, size_t room);

#ifdef __cplusplus
}
#endif

#endif
