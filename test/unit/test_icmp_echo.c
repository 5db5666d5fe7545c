/*
 * An echo's answer, made in place (wire/icmp_echo.h): right by a checksum of our own, and nothing but a plain request is touched.
 *
 * LINK: wire/icmp_echo.c wire/chksum.c
 */
/* SPDX-License-Identifier: MIT */
#include "wire/icmp_echo.h"

#include "test/test.h"
#include "wire/be.h"

static const uint8_t ours[] = {2, 1, 2, 3, 4, 5}, theirs[] = {2, 9, 8, 7, 6, 5};
static const struct icmp_echo_host host = {.mac = ours, .address = 0x0A010203, .netmask = 0xFFFFFF00};

/* As RFC 1071 has it, by 16 bits. */
static uint16_t sum(const uint8_t *bytes, size_t length)
{
    uint32_t total = 0;
    for (size_t i = 0; i < length; i++) {
        total += (uint32_t)bytes[i] << (i % 2 == 0 ? 8 : 0);
    }
    while (total >> 16 != 0) {
        total = (total & 0xFFFF) + (total >> 16);
    }
    return (uint16_t)total;
}

static void sums_set(uint8_t *frame, size_t payload)
{
    store_be16(frame + 24, 0);
    store_be16(frame + 24, (uint16_t)~sum(frame + 14, 20));
    store_be16(frame + 36, 0);
    store_be16(frame + 36, (uint16_t)~sum(frame + 34, 8 + payload));
}

/* A request with so many bytes; returns the frame's length. */
static size_t request(uint8_t frame[1600], size_t payload, uint8_t ttl)
{
    memset(frame, 0, 1600);
    memcpy(frame, ours, 6);
    memcpy(frame + 6, theirs, 6);
    store_be16(frame + 12, 0x0800);
    frame[14] = 0x45;
    store_be16(frame + 16, (uint16_t)(28 + payload));
    store_be16(frame + 18, 0x1234);
    store_be16(frame + 20, 0x4000);
    frame[22] = ttl;
    frame[23] = 1;
    store_be32(frame + 26, 0x0A010204);
    store_be32(frame + 30, 0x0A010203);
    store_be16(frame + 34, 0x0800);
    store_be32(frame + 38, 0xABCD0007);
    for (size_t i = 0; i < payload; i++) {
        frame[42 + i] = (uint8_t)(i * 31 + payload);
    }
    sums_set(frame, payload);
    return 42 + payload;
}

/* Each length, each TTL, and padding behind. */
TEST(answers)
{
    uint8_t asked[1600], frame[1600];
    for (unsigned i = 0; i <= 1472; i++) {
        size_t length = request(asked, i, (uint8_t)(i + 1));
        memset(asked + length, 0xA5, sizeof asked - length);
        memcpy(frame, asked, sizeof frame);
        CHECK_EQUAL(icmp_echo_answer(frame, length + i % 3, &host), length);
        CHECK(memcmp(frame, theirs, 6) == 0 && memcmp(frame + 6, ours, 6) == 0);
        CHECK_EQUAL(sum(frame + 14, 20), 0xFFFF);
        CHECK_EQUAL(sum(frame + 34, 8 + i), 0xFFFF);
        CHECK_EQUAL(frame[22], 64);
        CHECK_EQUAL(load_be32(frame + 26), 0x0A010203);
        CHECK_EQUAL(load_be32(frame + 30), 0x0A010204);
        CHECK_EQUAL(load_be16(frame + 34), 0);
        CHECK(memcmp(frame + 38, asked + 38, sizeof frame - 38) == 0);
        CHECK(memcmp(frame + 12, asked + 12, 10) ==
              0); /* type, version, service, length, identification, flags */
    }
}

/* One bit wrong anywhere, but in the sender's MAC address: the checksums or the addresses tell, and the frame stays. */
TEST(a_flipped_bit)
{
    uint8_t asked[1600], frame[1600];
    size_t length = request(asked, 18, 64);
    for (size_t bit = 0; bit < length * 8; bit++) {
        asked[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memcpy(frame, asked, sizeof frame);
        bool sender = bit / 8 >= 6 && bit / 8 < 12 && bit != 6 * 8;
        CHECK_EQUAL(icmp_echo_answer(frame, length, &host), sender ? length : 0);
        CHECK(sender || memcmp(frame, asked, sizeof frame) == 0);
        asked[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* A request with a 16-bit or 32-bit field of its own, and right checksums. */
static size_t with(size_t at, uint32_t value, unsigned bytes)
{
    uint8_t frame[1600];
    size_t length = request(frame, 18, 64);
    if (bytes == 4) {
        store_be32(frame + at, value);
    } else if (bytes == 2) {
        store_be16(frame + at, (uint16_t)value);
    } else {
        frame[at] = (uint8_t)value;
    }
    sums_set(frame, 18);
    return icmp_echo_answer(frame, length, &host);
}

TEST(not_plain)
{
    CHECK(with(14, 0x45, 1) != 0);
    CHECK_EQUAL(with(14, 0x46, 1), 0);       /* options */
    CHECK_EQUAL(with(14, 0x65, 1), 0);       /* another version */
    CHECK_EQUAL(with(20, 0x2000, 2), 0);     /* more fragments */
    CHECK_EQUAL(with(20, 0x0001, 2), 0);     /* a later fragment */
    CHECK_EQUAL(with(23, 17, 1), 0);         /* UDP */
    CHECK_EQUAL(with(34, 0x0000, 2), 0);     /* an answer */
    CHECK_EQUAL(with(34, 0x0801, 2), 0);     /* another code */
    CHECK_EQUAL(with(16, 47, 2), 0);         /* longer than the frame */
    CHECK_EQUAL(with(16, 27, 2), 0);         /* shorter than the headers */
    CHECK_EQUAL(with(26, 0x0A010203, 4), 0); /* from ourselves */
    CHECK_EQUAL(with(26, 0x0A0102FF, 4), 0); /* from all */
    CHECK_EQUAL(with(26, 0x0A010200, 4), 0); /* from the network */
    CHECK_EQUAL(with(26, 0x0A010304, 4), 0); /* from elsewhere */
    CHECK_EQUAL(with(26, 0xE0000001, 4), 0); /* from a group */
    CHECK_EQUAL(with(30, 0x0A0102FF, 4), 0); /* to all */
    CHECK_EQUAL(with(30, 0xFFFFFFFF, 4), 0);
    CHECK_EQUAL(with(6, 0x0201, 2), 45 + 15); /* of the sender's MAC address, any */
    CHECK_EQUAL(with(6, 0x0301, 2), 0);       /* but a group's */
    CHECK_EQUAL(with(0, 0xFFFF, 2), 0);       /* to another MAC address */
}

/* Checksums of every value are changed rightly. */
TEST(every_checksum)
{
    uint8_t frame[1600];
    for (uint32_t value = 0; value < 65536; value++) {
        size_t length = request(frame, 2, 1);
        store_be16(frame + 18, (uint16_t)value);
        store_be16(frame + 40, (uint16_t)value);
        sums_set(frame, 2);
        CHECK_EQUAL(icmp_echo_answer(frame, length, &host), length);
        CHECK_EQUAL(sum(frame + 14, 20), 0xFFFF);
        CHECK_EQUAL(sum(frame + 34, 10), 0xFFFF);
    }
}

/* A datagram that ends in the ICMP header, though its sums are right. */
TEST(half_a_header)
{
    uint8_t frame[1600];
    size_t length = request(frame, 18, 64);
    store_be16(frame + 16, 24);
    store_be16(frame + 36, 0xF7FF);
    store_be16(frame + 24, 0);
    store_be16(frame + 24, (uint16_t)~sum(frame + 14, 20));
    CHECK_EQUAL(sum(frame + 34, 4), 0xFFFF);
    CHECK_EQUAL(icmp_echo_answer(frame, length, &host), 0);
}

TEST(from_our_own_mac)
{
    uint8_t frame[1600];
    size_t length = request(frame, 18, 64);
    memcpy(frame + 6, ours, 6);
    CHECK_EQUAL(icmp_echo_answer(frame, length, &host), 0);
}

/* Nothing is read behind a short frame: the sanitizer sees it. */
TEST(short_frames)
{
    uint8_t asked[1600];
    size_t length = request(asked, 1, 64);
    for (size_t i = 0; i < length; i++) {
        uint8_t *frame = malloc(i + 1);
        memcpy(frame, asked, i);
        CHECK_EQUAL(icmp_echo_answer(frame, i, &host), 0);
        free(frame);
    }
}

TEST_MAIN()
