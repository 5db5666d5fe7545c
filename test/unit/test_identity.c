/*
 * wire/identity.h: from a unique ID to MAC addresses. Boards keep those that they have had.
 *
 * LINK: wire/identity.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "wire/identity.h"

static const uint8_t native_id[12] = {'N', 'A', 'T', 'I', 'V', 'E', 0, 0, 0, 0, 0, 1};

/* Values of a second implementation, in Python. */
TEST(identity_hash_known)
{
    CHECK(identity_hash(native_id, sizeof native_id) == 0x2872942Eu);
    CHECK(identity_hash((const uint8_t *)"\x21\x00\x3A\x00\x0D\x51\x36\x32\x38\x31\x39\x30", 12) ==
          0x0F2FBE9Du);
    CHECK(identity_hash(native_id, 0) == 0xAB3E7C0Bu);
}

TEST(identity_mac_of_st_or_of_a_maker)
{
    uint8_t mac[8] = {0, 0, 0, 0, 0, 0, 0x55, 0x55};
    identity_mac_put(mac, NULL, 0x12345678);
    CHECK_BYTES(mac, "\x00\x80\xE1\x34\x56\x78\x55\x55", 8);
    identity_mac_put(mac, (const uint8_t[]){0xA0, 0xB1, 0xC2}, 0xFFABCDEF);
    CHECK_BYTES(mac, "\xA0\xB1\xC2\xAB\xCD\xEF\x55\x55", 8);
}

TEST_MAIN()
