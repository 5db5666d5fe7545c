/*
 * The Internet checksum's sum, for lwIP's LWIP_CHKSUM. Any alignment, any length of 0 or more.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_CHKSUM_H
#define PLUGNET_NET_CHKSUM_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The folded 16-bit sum in memory order, not inverted. Pure; any context. */
uint16_t net_chksum(const void *data, int length);

#ifdef __cplusplus
}
#endif

#endif
