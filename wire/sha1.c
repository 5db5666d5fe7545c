/*
 * SHA-1 (RFC 3174 [unread]), made to be small: 80 equal turns for each block of 64 bytes. Behind the text come a byte
 * 0x80, zeros, and in the last eight bytes of a block the text's length in bits.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/sha1.h"

#include <string.h>

#include "wire/be.h"

static uint32_t rotate(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

/* The words of the block that begins at `from`, with what follows the text. */
static void block_fill(uint32_t words[16], const uint8_t *bytes, size_t length, size_t from)
{
    for (unsigned i = 0; i < 64; i++, from++)
        words[i / 4] = words[i / 4] << 8 | (from < length ? bytes[from] : from == length ? 0x80u : 0u);
}

static void block_mix(uint32_t words[16], uint32_t state[5])
{
    static const uint32_t constants[4] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
    uint32_t now[5];
    memcpy(now, state, sizeof now);
    for (unsigned turn = 0; turn < 80; turn++) {
        unsigned part = turn / 20;
        uint32_t *word = &words[turn % 16];
        if (turn >= 16)
            *word =
                rotate(*word ^ words[(turn + 2) % 16] ^ words[(turn + 8) % 16] ^ words[(turn + 13) % 16], 1);
        uint32_t b = now[1], c = now[2], d = now[3], mix = b ^ c ^ d;
        if (part == 0)
            mix = (b & c) | (~b & d);
        else if (part == 2)
            mix = (b & c) | (b & d) | (c & d);
        mix += rotate(now[0], 5) + now[4] + *word + constants[part];
        memmove(&now[1], &now[0], 4 * sizeof now[0]);
        now[2] = rotate(now[2], 30);
        now[0] = mix;
    }
    for (unsigned i = 0; i < 5; i++)
        state[i] += now[i];
}

void sha1(const void *bytes, size_t length, uint8_t digest[SHA1_LENGTH])
{
    uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, words[16];
    for (size_t from = 0; from < length + 9; from += 64) {
        block_fill(words, bytes, length, from);
        if (from + 64 >= length + 9)
            words[15] = (uint32_t)length << 3;
        block_mix(words, state);
    }
    for (unsigned i = 0; i < 5; i++)
        store_be32(digest + 4 * i, state[i]);
}
