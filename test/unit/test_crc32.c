/*
 * CRC-32: the check value, zlib's numbers for every length around a word, and parts put together.
 *
 * LINK: wire/crc32.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "wire/crc32.h"

TEST(crc32_check_value)
{
    CHECK_EQUAL(crc32_add(0, "123456789", 9), 0xCBF43926);
    CHECK_EQUAL(crc32_add(0, "", 0), 0);
    CHECK_EQUAL(crc32_add(0, "\xFF\xFF\xFF\xFF", 4), 0xFFFFFFFF);
}

/* The CRC of 300 CRCs, little-endian; the number is of Python's zlib.crc32. */
TEST(crc32_every_length)
{
    uint8_t bytes[300], all[300 * 4];
    for (unsigned i = 0; i < 300; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (unsigned length = 0; length < 300; length++) {
        uint32_t crc = crc32_add(0, bytes, length);
        CHECK_EQUAL(crc32_add(crc32_add(0, bytes, length / 3), bytes + length / 3, length - length / 3), crc);
        for (unsigned i = 0; i < 4; i++)
            all[4 * length + i] = (uint8_t)(crc >> 8 * i);
    }
    CHECK_EQUAL(crc32_add(0, all, sizeof all), 0x5CC9FD97);
}

TEST_MAIN()
