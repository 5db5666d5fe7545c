/*
 * CRC-32 as Ethernet, gzip and PNG have it: polynomial 0x04C11DB7, reflected, begun and ended with all ones. In a block of up
 * to 11 kB it finds every error of up to three bits, and every burst of up to 32; of all others one in 2^32 passes.
 * Source: its check value 0xCBF43926, and zlib's by test; the distances are Koopman's [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_CRC32_H
#define PLUGNET_WIRE_CRC32_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The CRC of what `crc` is the CRC of, with these bytes behind it; 0 is that of nothing, or another number to begin with. */
uint32_t crc32_add(uint32_t crc, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
