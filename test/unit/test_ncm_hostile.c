/*
 * What a hostile host sends, one blow for each test, through delivery: the blow is counted under its cause,
 * what is good in it is delivered, the next good frame goes through, and no block is lost.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "test/test.h"
#include "test/unit/usb_rig.h"

static struct rig rig;
static struct rig_function *const f = &rig.functions[0];
static uint8_t block[NCM_OUT_BLOCK_MAX];
static size_t size;

/* Two frames of 60 bytes; table at 12, entries at 20 and 24, frames at 34 and 98, 158 bytes in all. */
static void begin(void)
{
    static const uint16_t lengths[2] = {60, 60};
    rig_init(&rig, 1);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    memset(block, 0, sizeof block);
    size = rig_ntb(block, 0, 2, lengths, 1);
    CHECK_EQUAL(size, 158);
}

static void put(size_t at, uint16_t value)
{
    store_le16(block + at, value);
}

static uint32_t counter(size_t offset)
{
    uint32_t value;
    memcpy(&value, (const uint8_t *)ncm_stats(&f->ncm) + offset, sizeof value);
    return value;
}

static uint32_t drops(void)
{
    uint32_t sum = 0;
    for (size_t at = offsetof(struct ncm_stats, out_drops[NTB_DROP_HEADER]);
         at <= offsetof(struct ncm_stats, out_drops[NTB_DROP_CRC]); at += 4)
        sum += counter(at);
    return sum;
}

/* Send it; `frames` come out, `counts` of this cause and no other are counted. */
static void strike(unsigned frames, size_t cause, unsigned counts, bool zlp)
{
    CHECK_EQUAL(rig_out(&rig, 0x01, block, size, zlp), (int)size);
    CHECK_EQUAL(rig_drain(&rig, 0), frames);
    CHECK_EQUAL(counter(cause), counts);
    CHECK_EQUAL(drops(), counts);
    CHECK(rig_good(&rig, 0));
    CHECK_EQUAL(drops(), counts);
    CHECK(rig_blocks_home(&rig, 0));
}

#define CAUSE(FIELD) offsetof(struct ncm_stats, FIELD)

/* HOSTILE(name, frames delivered, counter, count): the body spoils the block. */
#define HOSTILE(NAME, FRAMES, FIELD, COUNT)                                                                  \
    static void spoil_##NAME(void);                                                                          \
    TEST(hostile_##NAME)                                                                                     \
    {                                                                                                        \
        begin();                                                                                             \
        spoil_##NAME();                                                                                      \
        strike(FRAMES, CAUSE(FIELD), COUNT, size != sizeof block);                                           \
    }                                                                                                        \
    static void spoil_##NAME(void)

HOSTILE(nothing_wrong, 2, out_drops[NTB_DROP_HEADER], 0)
{
}

HOSTILE(empty_block, 0, out_drops[NTB_DROP_LENGTH], 1)
{
    size = 12;
    put(8, 12);
}

HOSTILE(empty_table, 0, out_drops[NTB_DROP_TABLE], 0)
{
    memset(block + 20, 0, 12);
}

HOSTILE(no_table, 0, out_drops[NTB_DROP_TABLE], 1)
{
    put(10, 0);
}

HOSTILE(one_byte, 0, out_drops[NTB_DROP_HEADER], 1)
{
    size = 1;
}

HOSTILE(header_cut, 0, out_drops[NTB_DROP_HEADER], 1)
{
    size = 11;
}

HOSTILE(header_signature, 0, out_drops[NTB_DROP_HEADER], 1)
{
    block[3] = 'I';
}

HOSTILE(header_length, 0, out_drops[NTB_DROP_HEADER], 1)
{
    put(4, 16);
}

HOSTILE(ntb32, 0, out_drops[NTB_DROP_HEADER], 1)
{
    memcpy(block, "ncmh", 4);
}

HOSTILE(table_points_at_itself, 2, out_drops[NTB_DROP_CHAIN], 1)
{
    put(18, 12);
}

HOSTILE(table_chain_too_long, NTB_NDP_MAX, out_drops[NTB_DROP_CHAIN], 1)
{
    size = 12 + 8 * 32;
    for (size_t at = 12; at < size; at += 32) {
        memcpy(block + at, "NCM0\x10\0", 6);
        put(at + 6, (uint16_t)(at + 32 < size ? at + 32 : 0));
        put(at + 8, (uint16_t)(at + 16));
        put(at + 10, 16);
        memset(block + at + 12, 0, 4);
    }
    put(8, (uint16_t)size);
}

HOSTILE(table_beyond, 0, out_drops[NTB_DROP_TABLE], 1)
{
    put(10, 156);
}

HOSTILE(table_far_beyond, 0, out_drops[NTB_DROP_TABLE], 1)
{
    put(10, 0xFFFC);
}

HOSTILE(table_in_the_header, 0, out_drops[NTB_DROP_TABLE], 1)
{
    put(10, 8);
}

HOSTILE(table_misaligned, 0, out_drops[NTB_DROP_TABLE], 1)
{
    memmove(block + 14, block + 12, 20);
    put(10, 14);
}

HOSTILE(table_length_odd, 0, out_drops[NTB_DROP_TABLE], 1)
{
    put(16, 21);
}

HOSTILE(table_length_too_short, 0, out_drops[NTB_DROP_TABLE], 1)
{
    put(16, 12);
}

HOSTILE(table_length_beyond, 0, out_drops[NTB_DROP_TABLE], 1)
{
    put(16, 0xFFFC);
}

HOSTILE(table_without_end, 0, out_drops[NTB_DROP_TABLE], 1)
{
    put(16, 16);
}

HOSTILE(table_crc_mode, 0, out_drops[NTB_DROP_CRC], 1)
{
    block[15] = '1';
}

HOSTILE(datagram_index_beyond, 1, out_drops[NTB_DROP_BOUNDS], 1)
{
    put(20, 0xFF00);
}

HOSTILE(datagram_length_beyond, 1, out_drops[NTB_DROP_BOUNDS], 1)
{
    put(26, 61);
}

HOSTILE(datagram_wraps, 1, out_drops[NTB_DROP_BOUNDS], 1)
{
    put(20, 0xFFFE);
    put(22, 0xFFFE);
}

HOSTILE(datagram_too_short, 1, out_drops[NTB_DROP_BOUNDS], 1)
{
    put(22, 13);
}

HOSTILE(datagram_over_the_header, 1, out_drops[NTB_DROP_OVERLAP], 1)
{
    put(20, 4);
    put(22, 20);
}

HOSTILE(datagram_over_its_table, 1, out_drops[NTB_DROP_OVERLAP], 1)
{
    put(20, 20);
    put(22, 20);
}

HOSTILE(datagram_over_another, 1, out_drops[NTB_DROP_OVERLAP], 1)
{
    put(24, 93); /* the last byte of the first */
}

HOSTILE(datagram_twice, 1, out_drops[NTB_DROP_OVERLAP], 1)
{
    put(24, 34);
}

HOSTILE(datagram_oversize, 1, out_drops[NTB_DROP_OVERSIZE], 1)
{
    size = 98 + 1515;
    put(8, (uint16_t)size);
    put(26, 1515);
}

HOSTILE(forty_tiny_datagrams, NTB_DATAGRAMS_MAX, out_drops[NTB_DROP_COUNT], 0)
{
    uint16_t lengths[40];
    for (size_t i = 0; i < 40; i++)
        lengths[i] = 14;
    size = rig_ntb(block, 0, 40, lengths, 1);
}

HOSTILE(a_hundred_tiny_datagrams, NTB_DATAGRAMS_MAX, out_drops[NTB_DROP_COUNT], 60)
{
    uint16_t lengths[100];
    for (size_t i = 0; i < 100; i++)
        lengths[i] = 14;
    size = rig_ntb(block, 0, 100, lengths, 1);
}

HOSTILE(block_length_0, 2, out_drops[NTB_DROP_LENGTH], 0)
{
    put(8, 0);
}

HOSTILE(block_length_too_large, 0, out_drops[NTB_DROP_LENGTH], 1)
{
    put(8, 159);
}

HOSTILE(block_length_huge, 0, out_drops[NTB_DROP_LENGTH], 1)
{
    put(8, 0xFFFF);
}

HOSTILE(block_shorter_than_transfer, 1, out_drops[NTB_DROP_BOUNDS], 1)
{
    put(8, 157);
}

HOSTILE(trailing_bytes, 2, out_drops[NTB_DROP_HEADER], 0)
{
    memset(block + size, 0xEE, 100);
    size += 100;
}

HOSTILE(two_blocks_second_bad, 2, out_drops[NTB_DROP_TABLE], 1)
{
    memcpy(block + 160, block, 158);
    put(8, 160);
    put(160 + 10, 2);
    size += 160;
}

HOSTILE(full_size_of_rubbish, 0, out_drops[NTB_DROP_HEADER], 1)
{
    memset(block, 0xAA, sizeof block);
    size = sizeof block;
}

HOSTILE(full_size_without_zlp, 2, out_drops[NTB_DROP_HEADER], 0)
{
    size = sizeof block;
    put(8, sizeof block);
}

HOSTILE(full_size_block_length_0, 2, out_drops[NTB_DROP_HEADER], 0)
{
    size = sizeof block;
    put(8, 0);
}

/* The first of two datagrams, 16 bytes long, at every offset: good where nothing else is, else it or the
 * second one is refused. */
TEST(hostile_datagram_at_every_offset)
{
    for (uint16_t at = 0; at < 200; at++) {
        begin();
        put(20, at);
        put(22, 16);
        CHECK_EQUAL(rig_out(&rig, 0x01, block, size, true), (int)size);
        bool good = at >= 32 && at <= 98 - 16;
        CHECK_EQUAL(rig_drain(&rig, 0), good ? 2 : 1);
        CHECK_EQUAL(drops(), !good);
        CHECK(rig_good(&rig, 0));
        CHECK(rig_blocks_home(&rig, 0));
    }
}

/* More than 3,072 bytes without an end: cut by count, and whatever comes then is a transfer of its own. */
TEST(hostile_endless_transfer)
{
    begin();
    memset(block, 0x55, sizeof block);
    for (unsigned i = 0; i < 50; i++) {
        CHECK_EQUAL(rig_out(&rig, 0x01, block, sizeof block, false), (int)sizeof block);
        CHECK_EQUAL(rig_drain(&rig, 0), 0);
    }
    CHECK_EQUAL(counter(CAUSE(out_drops[NTB_DROP_HEADER])), 50);
    CHECK(rig_good(&rig, 0));
    CHECK(rig_blocks_home(&rig, 0));
}

TEST_MAIN()
