/*
 * Ten thousand damaged NTBs through delivery: each cause of drop is counted at least once, after each blow the
 * next good frame goes through, and at the end no block is lost. Meanwhile frames are held and released in
 * disorder, as lwIP does, and written into.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "test/unit/usb_rig.h"

#define MUTATIONS 10000
#define HELD_MAX  4

static struct rig rig;
static struct rig_function *const f = &rig.functions[0];
static uint8_t block[NCM_OUT_BLOCK_MAX];
static struct ncm_block *held[HELD_MAX];
static uint32_t seed = 20260101;

static uint32_t random_below(uint32_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % bound;
}

/* A valid NTB: few frames, many tiny ones, two tables, two NTBs, or padded to the full size. */
static size_t valid(unsigned kind)
{
    uint16_t lengths[45];
    size_t count = 1 + random_below(4), size;
    for (size_t i = 0; i < count; i++)
        lengths[i] = (uint16_t)(14 + random_below(600));
    switch (kind) {
    case 0: return rig_ntb(block, 0, count, lengths, 1);
    case 1:
        for (size_t i = 0; i < 45; i++)
            lengths[i] = 14;
        return rig_ntb(block, 0, 30 + random_below(16), lengths, 1);
    case 2: /* the second table behind the last frame */
        lengths[0] = 100;
        size = rig_ntb(block, 0, 1, lengths, 1);
        size = (size + 3) / 4 * 4;
        store_le16(block + 18, (uint16_t)size);
        memcpy(block + size, block + 12, 16);
        store_le16(block + size + 6, 0);
        store_le16(block + size + 8, (uint16_t)(size + 16));
        store_le16(block + size + 10, 60);
        memset(block + size + 16, 2, 60);
        store_le16(block + 8, (uint16_t)(size + 76));
        return size + 76;
    case 3: size = rig_ntb(block, 0, 1, lengths, 1); return size + rig_ntb(block + size, 1, 1, lengths, 2);
    default:
        memset(block, 0, sizeof block);
        rig_ntb(block, 0, count, lengths, 1);
        store_le16(block + 8, sizeof block);
        return sizeof block;
    }
}

/* Damage, mostly where the structure is. */
static size_t mutate(size_t size)
{
    static const uint16_t values[] = {0,  1,  4,    12,   13,   14,   16,     20,     27,
                                      28, 30, 1514, 1515, 3072, 3073, 0x7FFF, 0xFFFC, 0xFFFF};
    for (uint32_t blows = 1 + random_below(3); blows > 0; blows--) {
        uint32_t structure = size < 48 ? (uint32_t)size : 48;
        uint32_t at = random_below(4) != 0 ? random_below(structure) : random_below((uint32_t)size);
        switch (random_below(5)) {
        case 0: block[at] ^= (uint8_t)(1u << random_below(8)); break;
        case 1: block[at] = (uint8_t)random_below(256); break;
        case 2:
            at &= ~1u;
            if (at + 2 <= size)
                store_le16(block + at, values[random_below(sizeof values / sizeof values[0])]);
            break;
        case 3:
            at &= ~1u;
            if (at + 2 <= size)
                store_le16(block + at, (uint16_t)random_below((uint32_t)size + 8));
            break;
        default:
            if (random_below(8) == 0)
                size = 1 + random_below((uint32_t)size);
            break;
        }
    }
    return size;
}

/* Take all frames; write into them, hold some, release some. */
static void deliver(void)
{
    struct ncm_frame frame;
    while (ncm_receive(&f->ncm, &frame)) {
        CHECK(frame.length >= 14 && frame.length <= NCM_FRAME_MAX);
        CHECK(frame.bytes >= frame.block->bytes &&
              frame.bytes + frame.length <= frame.block->bytes + frame.block->length);
        memset(frame.bytes, 0xFF, frame.length);
        uint32_t slot = random_below(HELD_MAX);
        if (held[slot] != NULL)
            ncm_block_release(held[slot]);
        held[slot] = random_below(3) != 0 && ncm_block_hold(&f->ncm, frame.block) ? frame.block : NULL;
    }
}

static void release_all(void)
{
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (held[i] != NULL)
            ncm_block_release(held[i]);
        held[i] = NULL;
    }
}

TEST(ncm_ten_thousand_mutations)
{
    rig_init(&rig, 1);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    for (unsigned i = 0; i < MUTATIONS; i++) {
        size_t size = mutate(valid(i % 5));
        if (rig_out(&rig, 0x01, block, size, size != sizeof block) != (int)size)
            TEST_FAIL("mutation %u was not taken", i);
        deliver();
        if (!rig_good(&rig, 0))
            TEST_FAIL("no good frame after mutation %u", i);
        if (i % 500 == 499)
            CHECK(rig_enumerate(&rig, true));
    }
    release_all();
    CHECK(rig_good(&rig, 0));
    CHECK(rig_blocks_home(&rig, 0));
    const struct ncm_stats *stats = ncm_stats(&f->ncm);
    CHECK_EQUAL(stats->out_blocks, 2 * MUTATIONS + 1);
    CHECK(stats->out_datagrams > MUTATIONS);
    printf(
        "# header %u length %u table %u chain %u bounds %u overlap %u oversize %u count %u crc %u jumps %u\n",
        stats->out_drops[NTB_DROP_HEADER], stats->out_drops[NTB_DROP_LENGTH],
        stats->out_drops[NTB_DROP_TABLE], stats->out_drops[NTB_DROP_CHAIN], stats->out_drops[NTB_DROP_BOUNDS],
        stats->out_drops[NTB_DROP_OVERLAP], stats->out_drops[NTB_DROP_OVERSIZE],
        stats->out_drops[NTB_DROP_COUNT], stats->out_drops[NTB_DROP_CRC], stats->out_sequence_jumps);
    CHECK(stats->out_drops[NTB_DROP_HEADER] != 0);
    CHECK(stats->out_drops[NTB_DROP_LENGTH] != 0);
    CHECK(stats->out_drops[NTB_DROP_TABLE] != 0);
    CHECK(stats->out_drops[NTB_DROP_CHAIN] != 0);
    CHECK(stats->out_drops[NTB_DROP_BOUNDS] != 0);
    CHECK(stats->out_drops[NTB_DROP_OVERLAP] != 0);
    CHECK(stats->out_drops[NTB_DROP_OVERSIZE] != 0);
    CHECK(stats->out_drops[NTB_DROP_COUNT] != 0);
    CHECK(stats->out_drops[NTB_DROP_CRC] != 0);
}

TEST_MAIN()
