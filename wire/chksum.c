/*
 * The Internet checksum's sum (RFC 1071 [unread]; what lwIP asks of LWIP_CHKSUM): the ones' complement sum of
 * the bytes taken as 16-bit words in memory order, folded to 16 bits, not inverted.
 *
 * This is the portable version, four bytes a step. It is weak: a chip's own one in assembly replaces it.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/chksum.h"

#include <string.h>

__attribute__((weak)) uint16_t chksum_sum(const void *data, int length)
{
    const uint8_t *bytes = data;
    uint64_t sum = 0;
    uint32_t word;
    uint16_t half;

    for (; length >= 4; length -= 4, bytes += 4) {
        memcpy(&word, bytes, 4);
        sum += word;
    }
    if (length >= 2) {
        memcpy(&half, bytes, 2);
        sum += half;
        bytes += 2;
        length -= 2;
    }
    if (length > 0) {
        half = 0;
        memcpy(&half, bytes, 1);
        sum += half;
    }
    while (sum >> 16) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return (uint16_t)sum;
}
