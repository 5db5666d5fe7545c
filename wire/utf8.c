/*
 * UTF-8: a lead byte says how many bytes follow and which range the first of them has (RFC 3629 section 4).
 *
 *   00-7F                  C2-DF 80-BF
 *   E0    A0-BF 80-BF      E1-EC, EE-EF 80-BF 80-BF        ED 80-9F 80-BF
 *   F0    90-BF 80-BF …    F1-F3 80-BF 80-BF 80-BF         F4 80-8F 80-BF 80-BF
 */
/* SPDX-License-Identifier: MIT */
#include "wire/utf8.h"

#include <string.h>

#define HIGH_BITS 0x80808080u

static void range_set(struct utf8 *u, unsigned left, uint8_t low, uint8_t high)
{
    u->left = (uint8_t)left;
    u->low = low;
    u->high = high;
}

void utf8_begin(struct utf8 *u)
{
    range_set(u, 0, 0x80, 0xBF);
}

/* A byte above 0x7F that begins a character. */
static void lead(struct utf8 *u, uint8_t byte)
{
    uint8_t low = 0x80, high = 0xBF;
    if (byte < 0xC2 || byte > 0xF4)
        low = 0xFF;
    else if (byte == 0xE0)
        low = 0xA0;
    else if (byte == 0xED)
        high = 0x9F;
    else if (byte == 0xF0)
        low = 0x90;
    else if (byte == 0xF4)
        high = 0x8F;
    range_set(u, 1u + (byte >= 0xE0) + (byte >= 0xF0), low, high);
}

/* Skip ASCII by pairs of words. Returns the first byte that is not ASCII, or `end`. */
static const uint8_t *ascii_skip(const uint8_t *bytes, const uint8_t *end)
{
    uint32_t first, second;
    for (; end - bytes >= 8; bytes += 8) {
        memcpy(&first, bytes, 4);
        memcpy(&second, bytes + 4, 4);
        if (((first | second) & HIGH_BITS) != 0)
            break;
    }
    while (bytes < end && *bytes < 0x80)
        bytes++;
    return bytes;
}

bool utf8_check(struct utf8 *u, const void *bytes, size_t length)
{
    const uint8_t *at = bytes, *end = at + length;
    struct utf8 now = *u;
    while (at < end) {
        uint8_t byte = *at;
        if (now.left == 0 && byte < 0x80) {
            at = ascii_skip(at, end);
            continue;
        }
        at++;
        if (now.left == 0)
            lead(&now, byte);
        else if (byte < now.low || byte > now.high)
            now.low = 0xFF;
        else
            range_set(&now, now.left - 1u, 0x80, 0xBF);
        if (now.low > now.high)
            break;
    }
    *u = now;
    return now.low <= now.high;
}

bool utf8_complete(const struct utf8 *u)
{
    return u->left == 0;
}
