/*
 * What tells two boards of a kind apart, from the chip's unique ID: a hash, and MAC addresses made of it.
 *
 *   unique ID ─ identity_hash ─→ 32 bits ─ identity_mac_put ─→ the PC's: three bytes of a maker, 24 bits of the hash
 *                                                              the board's own: the same, and IDENTITY_MAC_LOCAL
 *
 * The PC's is universally administered, since Android ignores others (facts.md C). Pure functions; any context.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_IDENTITY_H
#define PLUGNET_WIRE_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IDENTITY_MAC_LOCAL 0x02 /* in the first byte: locally administered */

/* 32 well-mixed bits of `length` bytes. */
uint32_t identity_hash(const uint8_t *unique_id, size_t length);

/* The PC's MAC address. `oui`: its first three bytes, universal and unicast; NULL: 00:80:E1, ST's. */
void identity_mac_put(uint8_t mac[6], const uint8_t *oui, uint32_t hash);

#ifdef __cplusplus
}
#endif

#endif
