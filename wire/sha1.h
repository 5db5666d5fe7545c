/*
 * SHA-1 of bytes that are all there. Only for protocols that ask for it as a checksum (WebSocket's handshake, RFC 6455
 * 10.8): it is no protection against a forger. Source: RFC 3174 [unread]; its examples are in test_sha1.c.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_SHA1_H
#define PLUGNET_WIRE_SHA1_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHA1_LENGTH 20

/* Make the digest of `length` bytes; less than 512 MB. Takes about 120 bytes of stack. */
void sha1(const void *bytes, size_t length, uint8_t digest[SHA1_LENGTH]);

#ifdef __cplusplus
}
#endif

#endif
