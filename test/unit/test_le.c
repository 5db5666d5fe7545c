/*
 * Load and store helpers of wire/le.h and wire/be.h, at every alignment.
 *
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "wire/be.h"
#include "wire/le.h"

TEST(le_be_load_store)
{
    for (size_t offset = 0; offset < 4; offset++) {
        uint8_t bytes[16] = {0};
        store_le16(bytes + offset, 0x8123);
        CHECK(bytes[offset] == 0x23 && bytes[offset + 1] == 0x81);
        CHECK_EQUAL(load_le16(bytes + offset), 0x8123);
        CHECK_EQUAL(load_be16(bytes + offset), 0x2381);
        store_le32(bytes + offset, 0xF1234567);
        CHECK_BYTES(bytes + offset, "\x67\x45\x23\xF1", 5);
        CHECK(load_le32(bytes + offset) == 0xF1234567u);
        CHECK(load_be32(bytes + offset) == 0x674523F1u);
        store_be32(bytes + offset, 0xF1234567);
        CHECK_BYTES(bytes + offset, "\xF1\x23\x45\x67", 4);
        store_be16(bytes + offset, 0xABCD);
        CHECK_BYTES(bytes + offset, "\xAB\xCD\x45\x67", 4);
    }
}

TEST_MAIN()
