/*
 * Big-endian numbers in bytes, at any alignment: the order of IP, DHCP and DNS.
 *
 * load_be16/32 read, store_be16/32 write; the caller has checked that the bytes are there.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_BE_H
#define PLUGNET_WIRE_BE_H

#include <stdint.h>

static inline uint16_t load_be16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t load_be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];
}

static inline void store_be16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static inline void store_be32(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)(value >> 24);
    bytes[1] = (uint8_t)(value >> 16);
    bytes[2] = (uint8_t)(value >> 8);
    bytes[3] = (uint8_t)value;
}

#endif
