/*
 * SHA-1: the examples of RFC 3174, and every length around the edges of a block.
 *
 * LINK: wire/sha1.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "wire/sha1.h"

static const char *hex(const void *bytes, size_t length)
{
    static char text[2 * SHA1_LENGTH + 1];
    uint8_t digest[SHA1_LENGTH];
    sha1(bytes, length, digest);
    for (unsigned i = 0; i < SHA1_LENGTH; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

TEST(sha1_examples)
{
    static char many[1000000];
    CHECK_STRING(hex("abc", 3), "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK_STRING(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
                 "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    memset(many, 'a', sizeof many);
    CHECK_STRING(hex(many, sizeof many), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    for (unsigned i = 0; i < 640; i++)
        many[i] = (char)('0' + i % 8);
    CHECK_STRING(hex(many, 640), "dea356a2cddd90c7a7ecedc5ebb563934f460452");
    CHECK_STRING(hex("", 0), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

/* The digest of 201 digests, of 0 to 200 bytes; the number is Python's hashlib's. */
TEST(sha1_every_length)
{
    static uint8_t digests[201][SHA1_LENGTH];
    for (unsigned length = 0; length <= 200; length++) {
        uint8_t *bytes = malloc(length + 1);
        for (unsigned i = 0; i < length; i++)
            bytes[i] = (uint8_t)(i * 7 + length);
        sha1(bytes, length, digests[length]);
        free(bytes);
    }
    CHECK_STRING(hex(digests, sizeof digests), "d0de06f4c5cb01efe13d538b17bbc0bd8144a1c2");
}

TEST_MAIN()
