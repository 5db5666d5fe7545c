/*
 * The Internet checksum's sum: of lwIP (LWIP_CHKSUM), and of products that have a stack of their own. Any alignment, any
 * length of 0 or more. Whatever carries a right checksum sums up to 0xFFFF.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_CHKSUM_H
#define PLUGNET_WIRE_CHKSUM_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The folded 16-bit sum in memory order, not inverted. Pure; any context. */
uint16_t chksum_sum(const void *data, int length);

#ifdef __cplusplus
}
#endif

#endif
