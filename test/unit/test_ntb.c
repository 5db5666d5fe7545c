/*
 * NTB16: vectors laid out by hand from facts.md A3 and B3, and one wrong thing at a time.
 *
 * LINK: wire/ntb.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "wire/le.h"
#include "wire/ntb.h"

#define MAX 1514

static struct ntb ntb;

/* One frame of 20 bytes at 30, as Linux lays it out for wNtbOutMaxDatagrams 1. */
/* clang-format off */
static const uint8_t one[50] = {
    'N', 'C', 'M', 'H', 12, 0, 0x34, 0x12, 50, 0, 12, 0,
    'N', 'C', 'M', '0', 16, 0, 0, 0, 30, 0, 20, 0, 0, 0, 0, 0,
    0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0, 1, 8, 6, 1, 2, 3, 4, 5, 6,
};
/* clang-format on */
static uint8_t block[4096];

static void begin(void)
{
    memset(block, 0, sizeof block);
    memcpy(block, one, sizeof one);
}

/* The causes that must have counted, and nothing else. */
static void check_drops(unsigned count, enum ntb_drop cause, unsigned drops)
{
    CHECK_EQUAL(ntb.count, count);
    CHECK_EQUAL(ntb.dropped, drops != 0);
    for (unsigned i = 0; i < NTB_DROPS; i++)
        if (ntb.drops[i] != (i == cause ? drops : 0))
            TEST_FAIL("cause %u: %u drops, wanted %u", i, ntb.drops[i], i == cause ? drops : 0);
}

static void check_block(size_t length, unsigned count, enum ntb_drop cause, unsigned drops)
{
    uint8_t *exact = malloc(length); /* so that AddressSanitizer sees a step beyond */
    memcpy(exact, block, length);
    ntb_check(&ntb, exact, length, MAX);
    free(exact);
    check_drops(count, cause, drops);
}

TEST(ntb_one_datagram)
{
    begin();
    check_block(50, 1, 0, 0);
    CHECK_EQUAL(ntb.sequence, 0x1234);
    CHECK_EQUAL(ntb.block_length, 50);
    CHECK_EQUAL(ntb.datagrams[0].offset, 30);
    CHECK_EQUAL(ntb.datagrams[0].length, 20);
}

TEST(ntb_header)
{
    begin();
    for (size_t length = 0; length < 12; length++)
        check_block(length, 0, NTB_DROP_HEADER, 1);
    CHECK_EQUAL(ntb.block_length, 0);
    for (size_t i = 0; i < 6; i++) { /* signature, wHeaderLength */
        begin();
        block[i] ^= 0x20;
        check_block(50, 0, NTB_DROP_HEADER, 1);
    }
    begin();
    memcpy(block, "ncmh\x10\0", 6); /* NTB32 */
    check_block(50, 0, NTB_DROP_HEADER, 1);
}

TEST(ntb_block_length)
{
    begin();
    check_block(64, 1, 0, 0); /* trailing bytes */
    CHECK_EQUAL(ntb.block_length, 50);
    store_le16(block + 8, 0);
    check_block(50, 1, 0, 0); /* up to the end of the transfer */
    CHECK_EQUAL(ntb.block_length, 50);
    store_le16(block + 8, 51);
    check_block(50, 0, NTB_DROP_LENGTH, 1); /* too large */
    CHECK_EQUAL(ntb.block_length, 0);
    store_le16(block + 8, 0xFFFF);
    check_block(50, 0, NTB_DROP_LENGTH, 1);
    for (uint16_t length = 1; length < 28; length++) { /* shorter than its headers */
        store_le16(block + 8, length);
        check_block(50, 0, NTB_DROP_LENGTH, 1);
    }
    store_le16(block + 8, 49);
    check_block(50, 0, NTB_DROP_BOUNDS, 1); /* cuts the datagram */
    store_le16(block + 8, 0);
    check_block(49, 0, NTB_DROP_BOUNDS, 1);
    check_block(27, 0, NTB_DROP_LENGTH, 1);
}

TEST(ntb_empty)
{
    begin();
    memset(block + 20, 0, 8); /* a table of nothing but its end */
    check_block(50, 0, 0, 0);
    store_le16(block + 8, 28); /* the shortest block */
    check_block(28, 0, 0, 0);
    begin();
    store_le16(block + 10, 0); /* no table */
    check_block(50, 0, NTB_DROP_TABLE, 1);
    begin();
    store_le16(block + 8, 12); /* a header alone */
    check_block(12, 0, NTB_DROP_LENGTH, 1);
}

TEST(ntb_table_place)
{
    static const uint16_t wrong[] = {1, 4, 8, 11, 13, 14, 15, 50, 48, 36 + 1, 0x7FFC, 0xFFFC, 0xFFFF};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin();
        store_le16(block + 10, wrong[i]);
        check_block(50, 0, NTB_DROP_TABLE, 1);
    }
    begin(); /* at the end, as Windows puts it */
    memmove(block + 52, block + 12, 16);
    memset(block + 12, 0, 16);
    store_le16(block + 8, 68);
    store_le16(block + 10, 52);
    check_block(68, 1, 0, 0);
    check_block(80, 1, 0, 0);
    store_le16(block + 8, 67);
    check_block(80, 0, NTB_DROP_TABLE, 1); /* one byte of the table is beyond */
}

TEST(ntb_table_length)
{
    for (uint32_t length = 0; length < 70; length++) {
        begin();
        store_le16(block + 8, 72);
        store_le16(block + 16, (uint16_t)length);
        store_le16(block + 20, 0); /* no datagram in the way of the longer tables */
        store_le16(block + 22, 0);
        bool good = length >= 16 && length % 4 == 0 && length <= 60;
        check_block(72, 0, NTB_DROP_TABLE, good ? 0 : 1);
    }
    begin();
    store_le16(block + 16, 0xFFFC);
    check_block(50, 0, NTB_DROP_TABLE, 1);
}

TEST(ntb_table_signature)
{
    begin();
    block[15] = '1'; /* CRC mode */
    check_block(50, 0, NTB_DROP_CRC, 1);
    block[15] = '2';
    check_block(50, 0, NTB_DROP_TABLE, 1);
    memcpy(block + 12, "ncm0", 4);
    check_block(50, 0, NTB_DROP_TABLE, 1);
}

TEST(ntb_table_without_end)
{
    begin();
    store_le16(block + 24, 50);
    store_le16(block + 26, 14);
    store_le16(block + 8, 64);
    check_block(64, 0, NTB_DROP_TABLE, 1);
    CHECK_EQUAL(ntb.block_length, 64); /* a block may follow */
}

TEST(ntb_after_the_end)
{
    begin(); /* an entry behind the first null is no entry */
    store_le16(block + 8, 80);
    store_le16(block + 16, 20);
    store_le16(block + 20, 32);
    store_le16(block + 28, 60);
    store_le16(block + 30, 0xFFFF);
    check_block(80, 1, 0, 0);
}

TEST(ntb_chain)
{
    begin(); /* points at itself */
    store_le16(block + 18, 12);
    check_block(50, 1, NTB_DROP_CHAIN, 1);
    begin(); /* two tables that point at each other */
    store_le16(block + 8, 84);
    store_le16(block + 18, 52);
    memcpy(block + 52, block + 12, 16);
    store_le16(block + 58, 12);
    store_le16(block + 60, 68);
    store_le16(block + 62, 16);
    check_block(84, 2, NTB_DROP_CHAIN, 1);
    store_le16(block + 58, 16); /* into the middle of the first one */
    memcpy(block + 16, "NCM0\x10\0", 4);
    ntb_check(&ntb, block, 84, MAX);
    CHECK(ntb.dropped);
    begin(); /* to nowhere */
    store_le16(block + 18, 48);
    check_block(50, 1, NTB_DROP_TABLE, 1);
}

/* A chain of `tables` tables with one datagram each. */
static size_t chain(unsigned tables)
{
    begin();
    size_t size = 12 + tables * 32u;
    for (unsigned i = 0; i < tables; i++) {
        uint8_t *ndp = block + 12 + 32 * i;
        memcpy(ndp, "NCM0\x10\0\0\0", 8);
        store_le16(ndp + 6, (uint16_t)(i + 1 < tables ? 12 + 32 * (i + 1) : 0));
        store_le16(ndp + 8, (uint16_t)(12 + 32 * i + 16));
        store_le16(ndp + 10, 16);
        store_le32(ndp + 12, 0);
    }
    store_le16(block + 8, (uint16_t)size);
    return size;
}

/* Tables side by side are no chain that comes back, in either order. */
TEST(ntb_chain_touching)
{
    begin();
    store_le16(block + 8, 80);
    memcpy(block + 28, block + 12, 16);
    store_le16(block + 18, 28);
    store_le16(block + 20, 44);
    store_le16(block + 36, 64);
    store_le16(block + 38, 16);
    check_block(80, 2, 0, 0);
    store_le16(block + 10, 28); /* the second one first */
    store_le16(block + 18, 0);
    store_le16(block + 34, 12);
    check_block(80, 2, 0, 0);
}

TEST(ntb_chain_length)
{
    for (unsigned tables = 1; tables <= NTB_NDP_MAX; tables++)
        check_block(chain(tables), tables, 0, 0);
    check_block(chain(NTB_NDP_MAX + 1), NTB_NDP_MAX, NTB_DROP_CHAIN, 1);
    check_block(chain(100), NTB_NDP_MAX, NTB_DROP_CHAIN, 1);
    size_t size = chain(3); /* CRC mode in the middle: the others stay */
    block[12 + 32 + 3] = '1';
    check_block(size, 2, NTB_DROP_CRC, 1);
    size = chain(3); /* no end in the middle: the others stay */
    store_le32(block + 12 + 32 + 12, 0x00100001);
    ntb_check(&ntb, block, size, MAX);
    CHECK_EQUAL(ntb.count, 2);
    CHECK_EQUAL(ntb.drops[NTB_DROP_TABLE], 1);
}

TEST(ntb_datagram_bounds)
{
    static const uint16_t wrong[][2] = {{30, 13},     {30, 1},          {30, 0},       {30, 21},
                                        {31, 20},     {50, 14},         {49, 14},      {0xFFFF, 14},
                                        {30, 0xFFFF}, {0xFFFF, 0xFFFF}, {0xFFF0, 0x10}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin();
        store_le16(block + 20, wrong[i][0]);
        store_le16(block + 22, wrong[i][1]);
        check_block(50, 0, NTB_DROP_BOUNDS, 1);
    }
    begin();
    store_le16(block + 22, 14);
    check_block(50, 1, 0, 0);
    begin(); /* half a null entry is none */
    store_le16(block + 20, 0);
    check_block(50, 0, NTB_DROP_OVERLAP, 1);
}

TEST(ntb_datagram_oversize)
{
    begin();
    store_le16(block + 8, 30 + 1600);
    store_le16(block + 22, 1514);
    check_block(1630, 1, 0, 0);
    store_le16(block + 22, 1515);
    check_block(1630, 0, NTB_DROP_OVERSIZE, 1);
}

TEST(ntb_datagram_overlap)
{
    for (uint16_t at = 1; at < 28; at++) { /* over the NTH, over its own table */
        begin();
        store_le16(block + 20, at);
        check_block(50, 0, NTB_DROP_OVERLAP, 1);
    }
    begin();
    store_le16(block + 20, 28);
    check_block(50, 1, 0, 0);
    /* Over another datagram: before, behind, inside, around, the same; touching is allowed. */
    static const uint16_t second[][3] = {{46, 14, 0}, {47, 14, 1}, {60, 16, 1}, {60, 20, 1}, {66, 14, 1},
                                         {70, 14, 1}, {58, 24, 1}, {79, 14, 1}, {80, 14, 0}};
    for (size_t i = 0; i < sizeof second / sizeof second[0]; i++) {
        begin();
        store_le16(block + 8, 100);
        store_le16(block + 16, 20);
        store_le16(block + 20, 60);
        store_le16(block + 22, 20);
        store_le16(block + 24, second[i][0]);
        store_le16(block + 26, second[i][1]);
        store_le32(block + 28, 0);
        check_block(100, 2 - second[i][2], NTB_DROP_OVERLAP, second[i][2]);
        CHECK_EQUAL(ntb.datagrams[0].offset, 60); /* the first one wins */
    }
    /* Over a table that comes later in the chain. */
    size_t size = chain(2);
    store_le16(block + 20, 40);
    check_block(size, 1, NTB_DROP_OVERLAP, 1);
}

/* Three tables, the last of which lies over the second one only. */
TEST(ntb_chain_into_its_middle)
{
    size_t size = chain(3);
    store_le16(block + 12 + 32 + 6, 12 + 32 + 12); /* the second one's next lies in its own end */
    memcpy(block + 12 + 32 + 12, "NCM0\x10\0\0\0", 8);
    ntb_check(&ntb, block, size, MAX);
    CHECK_EQUAL(ntb.drops[NTB_DROP_CHAIN], 1);
    CHECK_EQUAL(ntb.drops[NTB_DROP_TABLE], 1); /* what the third one would be is no null entry */
    CHECK_EQUAL(ntb.count, 1);
}

/* A datagram may begin where the NTH16 ends, with its table behind it. */
TEST(ntb_datagram_first)
{
    begin();
    memcpy(block + 28, one + 12, 16);
    store_le16(block + 8, 44);
    store_le16(block + 10, 28);
    store_le16(block + 36, 12);
    store_le16(block + 38, 16);
    check_block(44, 1, 0, 0);
    CHECK_EQUAL(ntb.datagrams[0].offset, 12);
    store_le16(block + 36, 11);
    check_block(44, 0, NTB_DROP_OVERLAP, 1);
}

/* In any order; and what an earlier block has left in the struct counts for nothing. */
TEST(ntb_datagrams_backwards)
{
    static const uint16_t offsets[] = {120, 60, 100, 80};

    for (unsigned taken = 4; taken >= 2; taken -= 2) {
        begin();
        store_le16(block + 8, 140);
        store_le16(block + 16, (uint16_t)(8 + 4 * (taken + 1)));
        for (unsigned i = 0; i < taken; i++) {
            store_le16(block + 20 + 4 * i, taken == 2 && i == 1 ? 100 : offsets[i]);
            store_le16(block + 22 + 4 * i, 20);
        }
        store_le32(block + 20 + 4 * taken, 0);
        check_block(140, taken, 0, 0);
        ntb.datagrams[1] = (struct ntb_datagram){100, 20}; /* stale, for the round of two */
    }
}

/* Beyond 65,535 bytes nothing is looked at, whatever the transfer's length is modulo 65,536. */
TEST(ntb_transfer_too_long)
{
    static uint8_t transfer[65536 + 40];

    memcpy(transfer, one, sizeof one);
    store_le16(transfer + 8, 0);
    ntb_check(&ntb, transfer, sizeof transfer, MAX);
    check_drops(1, 0, 0);
    CHECK_EQUAL(ntb.block_length, UINT16_MAX);
}

TEST(ntb_datagram_odd_offsets)
{
    for (uint16_t at = 28; at < 60; at++) {
        begin();
        store_le16(block + 8, 80);
        store_le16(block + 20, at);
        check_block(80, 1, 0, 0);
        CHECK_EQUAL(ntb.datagrams[0].offset, at);
    }
}

TEST(ntb_many_datagrams)
{
    for (unsigned count = 39; count < 45; count++) {
        memset(block, 0, sizeof block);
        memcpy(block, one, 20);
        size_t table = 8 + 4 * (count + 1), at = 12 + table;
        store_le16(block + 16, (uint16_t)table);
        for (unsigned i = 0; i < count; i++, at += 14) {
            store_le16(block + 20 + 4 * i, (uint16_t)at);
            store_le16(block + 22 + 4 * i, 14);
        }
        store_le16(block + 8, (uint16_t)at);
        unsigned over = count > NTB_DATAGRAMS_MAX ? count - NTB_DATAGRAMS_MAX : 0;
        check_block(at, count - over, NTB_DROP_COUNT, over);
    }
}

TEST(ntb_longest_table)
{
    memset(block, 0xFF, sizeof block); /* a thousand entries beyond everything */
    memcpy(block, one, 20);
    store_le16(block + 8, 4096);
    store_le16(block + 16, 4084);
    store_le32(block + 4092, 0);
    check_block(4096, 0, NTB_DROP_BOUNDS, (4084 - 8) / 4 - 1);
}

TEST(ntb_follows_and_span)
{
    begin();
    CHECK(ntb_follows(block, 4));
    CHECK(!ntb_follows(block, 3));
    CHECK(!ntb_follows(block + 1, 12));
    for (uint32_t length = 0; length <= UINT16_MAX; length++) {
        store_le16(block + 8, (uint16_t)length);
        CHECK_EQUAL(ntb_span(block, 12), length < 28 ? 0 : length);
    }
    for (size_t there = 0; there < 12; there++)
        CHECK_EQUAL(ntb_span(block, there), 0);
    store_le16(block + 4, 16);
    CHECK_EQUAL(ntb_span(block, 64), 0);
    store_le16(block + 4, 12);
    CHECK_EQUAL(ntb_span(block, 64), 65535);
    block[0] = 0;
    CHECK_EQUAL(ntb_span(block, 64), 0);
}

TEST(ntb_build_by_hand)
{
    static const uint16_t lengths[3] = {60, 1514, 15};
    /* clang-format off */
    static const uint8_t wanted[38] = {
        'N', 'C', 'M', 'H', 12, 0, 0xFE, 0xCA, 0x5D, 0x06, 12, 0,
        'N', 'C', 'M', '0', 24, 0, 0, 0, 38, 0, 60, 0, 98, 0, 0xEA, 0x05, 0x4E, 0x06, 15, 0, 0, 0, 0, 0, 0, 0,
    };
    /* clang-format on */
    uint8_t head[38];
    memset(head, 0xEE, sizeof head);
    CHECK_EQUAL(NTB_HEAD_LENGTH(3), 38);
    CHECK_EQUAL(ntb_build(head, 0xCAFE, lengths, 3), 38 + 60 + 1514 + 2 + 15);
    CHECK_BYTES(head, wanted, 38);
}

/* What we build, we accept; each datagram's payload behind its Ethernet header is aligned. */
TEST(ntb_build_and_check)
{
    for (uint16_t first = 14; first < 40; first++)
        for (size_t count = 1; count <= 8; count++) {
            uint16_t lengths[8];
            size_t wanted = NTB_HEAD_LENGTH(count);
            memset(block, 0, sizeof block);
            for (size_t i = 0; i < count; i++)
                lengths[i] = (uint16_t)(first + 7 * i);
            for (size_t i = 0; i < count; i++)
                wanted += lengths[i] + (i + 1 < count ? ntb_padding(lengths[i]) : 0);
            size_t size = ntb_build(block, 7, lengths, count);
            CHECK_EQUAL(size, wanted);
            check_block(size, (unsigned)count, 0, 0);
            for (size_t i = 0; i < count; i++) {
                CHECK_EQUAL(ntb.datagrams[i].length, lengths[i]);
                CHECK_EQUAL((ntb.datagrams[i].offset + 14) % 4, 0);
            }
        }
}

/* Random bytes and random damage: whatever is accepted keeps the promises. */
TEST(ntb_promises)
{
    uint32_t seed = 1;
    for (unsigned round = 0; round < 200000; round++) {
        size_t size = chain(1 + round % 5);
        for (unsigned i = 0; i < 1 + round % 4; i++) {
            seed = seed * 1664525 + 1013904223;
            block[(seed >> 8) % size] = (uint8_t)((seed >> 24) % 3 == 0 ? seed >> 16 & 0x3F : seed >> 16);
        }
        uint8_t used[512] = {0};
        ntb_check(&ntb, block, size, MAX);
        CHECK(ntb.count <= NTB_DATAGRAMS_MAX && ntb.block_length <= size);
        memset(used, 1, 12);
        for (unsigned i = 0; i < ntb.count; i++) {
            struct ntb_datagram datagram = ntb.datagrams[i];
            CHECK(datagram.length >= 14 && datagram.offset + datagram.length <= ntb.block_length);
            for (unsigned at = datagram.offset; at < (unsigned)datagram.offset + datagram.length; at++)
                CHECK(used[at]++ == 0);
        }
    }
}

TEST_MAIN()
