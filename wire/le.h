/*
 * Little-endian numbers in bytes, at any alignment: USB and NCM are little-endian.
 *
 * load_le16/32 read, store_le16/32 write; the caller has checked that the bytes are there. Each is an instruction
 * or two where the processor loads and stores at any alignment: compilers know a copy of fixed length, but often not what
 * shifted bytes mean.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_LE_H
#define PLUGNET_WIRE_LE_H

#include <stdint.h>

/* To and from the machine's order. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LE_16(value) (value)
#define LE_32(value) (value)
#else
#define LE_16(value) __builtin_bswap16(value)
#define LE_32(value) __builtin_bswap32(value)
#endif

static inline uint16_t load_le16(const uint8_t *bytes)
{
    uint16_t value;

    __builtin_memcpy(&value, bytes, sizeof value);
    return LE_16(value);
}

static inline uint32_t load_le32(const uint8_t *bytes)
{
    uint32_t value;

    __builtin_memcpy(&value, bytes, sizeof value);
    return LE_32(value);
}

static inline void store_le16(uint8_t *bytes, uint16_t value)
{
    value = LE_16(value);
    __builtin_memcpy(bytes, &value, sizeof value);
}

static inline void store_le32(uint8_t *bytes, uint32_t value)
{
    value = LE_32(value);
    __builtin_memcpy(bytes, &value, sizeof value);
}

#endif
