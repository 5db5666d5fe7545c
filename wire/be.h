/*
 * Big-endian numbers in bytes, at any alignment: the order of IP, DHCP and DNS.
 *
 * load_be16/32 read, store_be16/32 write; the caller has checked that the bytes are there. Each is an instruction
 * or two where the processor loads and stores at any alignment: compilers know a copy of fixed length, but often not what
 * shifted bytes mean.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_BE_H
#define PLUGNET_WIRE_BE_H

#include <stdint.h>

/* To and from the machine's order. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define BE_16(value) (value)
#define BE_32(value) (value)
#else
#define BE_16(value) __builtin_bswap16(value)
#define BE_32(value) __builtin_bswap32(value)
#endif

static inline uint16_t load_be16(const uint8_t *bytes)
{
    uint16_t value;

    __builtin_memcpy(&value, bytes, sizeof value);
    return BE_16(value);
}

static inline uint32_t load_be32(const uint8_t *bytes)
{
    uint32_t value;

    __builtin_memcpy(&value, bytes, sizeof value);
    return BE_32(value);
}

static inline void store_be16(uint8_t *bytes, uint16_t value)
{
    value = BE_16(value);
    __builtin_memcpy(bytes, &value, sizeof value);
}

static inline void store_be32(uint8_t *bytes, uint32_t value)
{
    value = BE_32(value);
    __builtin_memcpy(bytes, &value, sizeof value);
}

#endif
