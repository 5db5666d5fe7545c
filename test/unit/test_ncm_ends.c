/*
 * How NTBs end: alone, glued, over several transfers; with nothing behind them (Windows 10, iPXE, CherryUSB), with a
 * zero byte beyond wBlockLength (Windows 11), with an empty packet. Each is delivered as soon as its last packet is
 * there, nothing is counted as an error, and no block is lost.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "test/test.h"
#include "test/unit/usb_rig.h"

static struct rig rig;
static struct rig_function *const f = &rig.functions[0];
static uint8_t bytes[200000];
static uint16_t sequence;

static void start(void)
{
    rig_init(&rig, 1);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    sequence = 0;
}

/* An NTB of exactly `length` bytes, 44 or more: one frame, two, or padding counted in wBlockLength. Frames are
 * filled with `seed` and seed + 1. Returns the number of frames. */
static unsigned ntb(uint8_t *to, uint32_t length, uint8_t seed)
{
    uint16_t lengths[2] = {(uint16_t)(length - 30), 0};
    unsigned count = 1;
    if (length > 1544) {
        count = 2;
        lengths[0] = length > 1600 ? 1514 : 700;
        lengths[1] = (uint16_t)(length - (lengths[0] == 1514 ? 1550 : 738));
        if (lengths[1] > 1514)
            lengths[1] = 1514;
    }
    memset(to, 0, length);
    rig_ntb(to, sequence++, count, lengths, seed);
    store_le16(to + 8, (uint16_t)length);
    return count;
}

/* So many frames are there, whole, in order, and no more. */
static void expect(unsigned count, uint8_t seed)
{
    struct ncm_frame frame;
    for (unsigned i = 0; i < count; i++) {
        if (!ncm_receive(&f->ncm, &frame))
            TEST_FAIL("frame %u of %u has not come", i, count);
        for (unsigned at = 0; at < frame.length; at++)
            CHECK_EQUAL(frame.bytes[at], (uint8_t)(seed + i));
        memset(frame.bytes, 0xFF, frame.length); /* lwIP may write */
    }
    CHECK(!ncm_receive(&f->ncm, &frame));
}

static void out(const uint8_t *from, size_t length, bool zlp)
{
    CHECK_EQUAL(rig_out(&rig, 0x01, from, length, zlp), (int)length);
}

static void check_clean(void)
{
    const struct ncm_stats *s = ncm_stats(&f->ncm);
    CHECK_EQUAL(s->out_drops[NTB_DROP_HEADER] + s->out_drops[NTB_DROP_LENGTH] + s->out_drops[NTB_DROP_TABLE] +
                    s->out_drops[NTB_DROP_CHAIN],
                0);
    CHECK_EQUAL(s->out_drops[NTB_DROP_BOUNDS] + s->out_drops[NTB_DROP_OVERLAP] +
                    s->out_drops[NTB_DROP_OVERSIZE] + s->out_drops[NTB_DROP_COUNT],
                0);
    CHECK_EQUAL(s->out_drops[NTB_DROP_CRC] + s->out_sequence_jumps, 0);
}

static void check_well(void)
{
    CHECK(rig_good(&rig, 0));
    CHECK(rig_blocks_home(&rig, 0));
}

/* ---- Alone. ---- */

/* Field case 37: a lone block of whole packets waits for nothing. Every length, nothing behind it; and at multiples of
 * 64 the three other ways, at once and later. */
TEST(ends_every_length)
{
    static const uint8_t zero[1];
    start();
    for (uint32_t length = 44; length <= NCM_OUT_BLOCK_MAX; length++) {
        unsigned count = ntb(bytes, length, (uint8_t)length);
        out(bytes, length, false);
        expect(count, (uint8_t)length);
        for (unsigned how = 0; length % 64 == 0 && how < 3; how++) {
            count = ntb(bytes, length, (uint8_t)(length + how));
            bytes[length] = 0;
            out(bytes, length + (how == 1), how == 0);
            expect(count, (uint8_t)(length + how));
            if (how == 2)
                out(zero, 1, false);
            expect(0, 0);
        }
    }
    check_clean();
    check_well();
}

/* 12 to 43 bytes: too short for a table, or for a frame. Counted, and the next one is not lost. */
TEST(ends_too_short)
{
    start();
    for (uint32_t length = 12; length < 44; length++) {
        memset(bytes, 0, 64);
        rig_ntb(bytes, 0, 1, &(uint16_t){14}, 1);
        store_le16(bytes + 8, (uint16_t)length);
        for (unsigned whole = 0; whole < 2; whole++) { /* in a short packet, and in a full one */
            out(bytes, whole ? 64 : length, false);
            CHECK_EQUAL(rig_drain(&rig, 0), 0);
            if (whole && length < NTB_BLOCK_MIN)
                out(bytes, 0, true); /* where it ends can't be told otherwise */
            CHECK_EQUAL(rig_drain(&rig, 0), 0);
            CHECK(rig_good(&rig, 0));
        }
    }
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_drops[NTB_DROP_LENGTH], 2 * (NTB_BLOCK_MIN - 12));
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_drops[NTB_DROP_BOUNDS], 2 * (44 - NTB_BLOCK_MIN));
    check_well();
}

/* The same length again and again, as retransmissions are. */
TEST(ends_same_length_again)
{
    for (uint32_t length = 64; length <= NCM_OUT_BLOCK_MAX; length += 64) {
        start();
        for (unsigned i = 0; i < 150; i++) {
            unsigned count = ntb(bytes, length, (uint8_t)i);
            for (size_t done = 0; done < length; done += 64) {
                out(bytes + done, 64, false);
                expect(done + 64 == length ? count : 0, (uint8_t)i);
            }
        }
        check_clean();
        check_well();
    }
}

/* What Microsoft's builder makes of 3,072 bytes, and the longest that is taken. One byte more is refused. */
TEST(ends_longer_than_declared)
{
    start();
    for (uint32_t length = NCM_OUT_BLOCK_MAX - 8; length <= NCM_OUT_BLOCK_ROOM; length++) {
        unsigned count = ntb(bytes, length, 7);
        out(bytes, length, false);
        expect(count, 7);
        ntb(bytes, length, 7);
        out(bytes, length, true);
        expect(count, 7);
    }
    check_clean();
    ntb(bytes, NCM_OUT_BLOCK_ROOM, 1);
    store_le16(bytes + 8, NCM_OUT_BLOCK_ROOM + 1);
    out(bytes, NCM_OUT_BLOCK_ROOM + 1, false);
    CHECK_EQUAL(rig_drain(&rig, 0), 0);
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_drops[NTB_DROP_LENGTH], 1);
    check_well();
}

/* One that claims more than came, and another one: that is not lost. */
TEST(ends_where_a_new_one_begins)
{
    start();
    for (uint32_t next = 44; next < 300; next++) {
        uint32_t before = ncm_stats(&f->ncm)->out_drops[NTB_DROP_LENGTH];
        ntb(bytes, NCM_OUT_BLOCK_MAX, 1);
        store_le16(bytes + 8, NCM_OUT_BLOCK_MAX + 4);
        out(bytes, NCM_OUT_BLOCK_MAX, false);
        CHECK_EQUAL(rig_drain(&rig, 0), 0);
        unsigned count = ntb(bytes, next, 2);
        out(bytes, next, false);
        expect(count, 2);
        CHECK_EQUAL(ncm_stats(&f->ncm)->out_drops[NTB_DROP_LENGTH], before + 1);
    }
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_drops[NTB_DROP_HEADER], 0);
    check_well();
}

/* wBlockLength 0: to the short packet, wherever that comes. */
TEST(ends_by_the_transfer)
{
    start();
    for (uint32_t length = 64; length < NCM_OUT_BLOCK_MAX; length += 13) {
        unsigned count = ntb(bytes, length, 5);
        store_le16(bytes + 8, 0);
        out(bytes, length, false);
        if (length % 64 == 0) {
            CHECK_EQUAL(rig_drain(&rig, 0), 0); /* can't be told */
            out(bytes, 0, true);
        }
        expect(count, 5);
    }
    ntb(bytes, NCM_OUT_BLOCK_MAX, 6);
    store_le16(bytes + 8, 0);
    out(bytes, NCM_OUT_BLOCK_MAX, false); /* the buffer is full */
    expect(2, 6);
    check_clean();
    check_well();
}

/* wBlockLength 0 with the table or the frame at the very end, on both sides of what is declared. Such an NTB has to be
 * shorter than dwNtbOutMaxSize, and no known host makes one (facts.md A4): a longer one is cut there, which costs the
 * table or the frame, and that is counted. */
TEST(ends_by_the_transfer_at_the_declared_size)
{
    for (uint32_t length = NCM_OUT_BLOCK_MAX - 132; length <= NCM_OUT_BLOCK_ROOM; length += 4) {
        for (unsigned table_last = 0; table_last < 2; table_last++) {
            uint32_t table = table_last ? length - 16 : 12, frame = table_last ? 14 : length - 1514;
            bool fits = length <= NCM_OUT_BLOCK_MAX;
            start();
            memset(bytes, 0, length);
            memcpy(bytes, "NCMH\x0C", 5);
            store_le16(bytes + 10, (uint16_t)table);
            memcpy(bytes + table, "NCM0\x10", 5);
            store_le16(bytes + table + 8, (uint16_t)frame);
            store_le16(bytes + table + 10, 1514);
            memset(bytes + frame, 3, 1514);
            out(bytes, length, length != NCM_OUT_BLOCK_MAX && length % 64 == 0);
            expect(fits, 3);
            const struct ncm_stats *s = ncm_stats(&f->ncm);
            CHECK_EQUAL(s->out_drops[NTB_DROP_TABLE], !fits && table_last);
            CHECK_EQUAL(s->out_drops[NTB_DROP_BOUNDS], !fits && !table_last);
            CHECK_EQUAL(s->out_drops[NTB_DROP_LENGTH], 0);
            CHECK(s->out_drops[NTB_DROP_HEADER] <= !fits); /* the rest, where it isn't zeros */
            check_well();
        }
    }
}

/* Zeros behind wBlockLength up to the end of its last packet: the next packet is looked at. */
TEST(ends_inside_its_last_packet)
{
    start();
    for (uint32_t length = 44; length < 1000; length++) {
        uint32_t packets = (length + 63) / 64 * 64;
        memset(bytes, 0, packets);
        unsigned count = ntb(bytes, length, 3);
        out(bytes, packets, false);
        expect(count, 3);
    }
    check_clean();
    check_well();
}

/* ---- Glued. ---- */

static uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* A stream of NTBs, each as long as `length` says; returns its bytes. counts[i] frames are whole at ends[i]. */
static uint16_t frames_at[200000]; /* how many frames are whole with so many bytes */

static size_t stream_make(uint32_t (*length)(uint32_t *seed), uint32_t seed)
{
    size_t size = 0;
    unsigned frames = 0;
    memset(frames_at, 0, sizeof frames_at);
    while (size < 150000) {
        uint32_t next = length(&seed);
        unsigned count = ntb(bytes + size, next, (uint8_t)frames);
        for (uint32_t i = 0; i < next; i++)
            frames_at[size + i] = (uint16_t)frames;
        size += next;
        frames += count;
    }
    frames_at[size] = (uint16_t)frames;
    return size;
}

/* Send it packet by packet: each frame is there when its NTB is; but a stream that doesn't end on whole packets may
 * leave one to the buffer's end. `hold`: one frame of each block is kept for a while. */
static void stream_send(size_t size, bool hold)
{
    struct ncm_block *held = NULL;
    struct ncm_frame frame;
    unsigned frames = 0;
    for (size_t done = 0; done < size;) {
        size_t packet = size - done < 64 ? size - done : 64;
        out(bytes + done, packet, false);
        done += packet;
        while (ncm_receive(&f->ncm, &frame)) {
            CHECK_EQUAL(frame.bytes[0], (uint8_t)frames);
            CHECK_EQUAL(frame.bytes[frame.length - 1], (uint8_t)frames);
            memset(frame.bytes, 0xFF, frame.length);
            frames++;
            if (!hold || frame.block == held)
                continue;
            if (held != NULL)
                ncm_block_release(held);
            held = ncm_block_hold(&f->ncm, frame.block) ? frame.block : NULL;
            rig_poll(&rig);
        }
        CHECK_EQUAL(frames, frames_at[done]);
    }
    if (held != NULL)
        ncm_block_release(held);
    rig_poll(&rig);
    check_clean();
}

static uint32_t length_2048(uint32_t *seed)
{
    (void)seed;
    return 2048;
}

static uint32_t length_packets(uint32_t *seed)
{
    return 64 * (1 + random_next(seed) % 48);
}

static uint32_t length_lone(uint32_t *seed)
{
    (void)seed;
    return 128;
}

static uint32_t length_any(uint32_t *seed)
{
    return 44 + random_next(seed) % (NCM_OUT_BLOCK_MAX - 43);
}

static uint32_t length_small(uint32_t *seed)
{
    return 44 + random_next(seed) % 100;
}

TEST(ends_glued_across_transfers)
{
    static uint32_t (*const lengths[])(uint32_t *) = {length_2048, length_packets, length_lone, length_any,
                                                      length_small};
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (uint32_t seed = 0; seed < 4; seed++) {
            start();
            size_t size = stream_make(lengths[i], seed);
            stream_send(size, seed % 2 != 0);
            if (size % 64 == 0)
                out(bytes, 0, true);
            expect(0, 0);
            check_well();
        }
    }
}

/* Two in one transfer of whole packets; the second one's header lies at every place of a packet, also over two. */
TEST(ends_header_over_two_packets)
{
    start();
    for (uint32_t first = 44; first < 44 + 256; first++) {
        uint32_t second = 320 + 64 - first % 64;
        unsigned count = ntb(bytes, first, 1);
        CHECK_EQUAL(ntb(bytes + first, second, 2), 1);
        out(bytes, first + second, false);
        expect(count + 1, 1);
        out(bytes, 0, true);
    }
    check_clean();
    check_well();
}

/* ---- Padding of whole packets. ---- */

/* What a host may leave behind wBlockLength: zeros, or what its memory held. */
static void pad(size_t at, size_t length, bool zeros)
{
    for (size_t i = 0; i < length; i++)
        bytes[at + i] = zeros ? 0 : (uint8_t)(0xA0 + i % 64);
}

/* An NTB, packets of padding, and then another NTB, an empty packet or a short one: the next NTB is never lost, and
 * comes as soon as its last packet is there. */
TEST(ends_padded_by_packets)
{
    for (uint32_t first = 44; first <= 300; first += 4) {
        uint32_t edge = (first + 63) / 64 * 64, second = 128 + first % 64;
        for (unsigned packets = 1; packets <= 40; packets += packets < 4 ? 1 : 9) {
            for (unsigned how = 0; how < 6; how++) {
                uint32_t end = edge + 64 * packets + (how % 3 == 1 ? 1 + first % 63 : 0);
                start();
                unsigned count = ntb(bytes, first, 1);
                pad(first, end - first, how < 3);
                out(bytes, edge, false);
                expect(count, 1);
                out(bytes + edge, end - edge, how % 3 == 0); /* an empty packet, a short one, or neither */
                expect(0, 0);
                count = ntb(bytes, second, 2);
                out(bytes, second, false);
                expect(count, 2);
                check_clean();
                check_well();
            }
        }
    }
}

/* At the beginning of a transfer zeros are padding if an NTB follows, or if the transfer before it had no end. What is
 * nothing else is counted, once a transfer. */
TEST(ends_padded_in_front)
{
    start();
    for (uint32_t zeros = 0; zeros <= 640; zeros += 64) {
        memset(bytes, 0, zeros);
        unsigned count = ntb(bytes + zeros, 100, 4);
        out(bytes, zeros + 100, false);
        expect(count, 4);
    }
    check_clean();
    for (uint32_t zeros = 2; zeros <= 640; zeros += 7) {
        uint32_t before = ncm_stats(&f->ncm)->out_drops[NTB_DROP_HEADER];
        memset(bytes, 0, zeros);
        out(bytes, zeros, true);
        expect(0, 0);
        CHECK_EQUAL(ncm_stats(&f->ncm)->out_drops[NTB_DROP_HEADER], before + 1);
        unsigned count = ntb(bytes, NCM_OUT_BLOCK_MAX, 5);
        out(bytes, NCM_OUT_BLOCK_MAX, false);
        expect(count, 5);
        memset(bytes, 0, zeros);
        out(bytes, zeros, true);
        expect(0, 0);
        CHECK_EQUAL(ncm_stats(&f->ncm)->out_drops[NTB_DROP_HEADER], before + 1);
    }
    check_well();
}

/* A stream of NTBs with packets of padding between them, which lie across the ends of transfers in every way. */
TEST(ends_padded_across_transfers)
{
    for (uint32_t seed = 1; seed <= 40; seed++) {
        uint32_t state = seed;
        size_t size = 0;
        unsigned frames = 0;
        start();
        memset(frames_at, 0, sizeof frames_at);
        while (size < 100000) {
            uint32_t length = seed % 2 != 0 ? 44 + random_next(&state) % 600 : length_any(&state);
            uint32_t packets = 64 * (random_next(&state) % (seed % 8 == 0 ? 100 : 8));
            size_t end = (size + length + 63) / 64 * 64 + packets;
            unsigned count = ntb(bytes + size, length, (uint8_t)frames);
            pad(size + length, end - size - length, true);
            for (size_t i = size; i < end; i++)
                frames_at[i] = (uint16_t)(i < size + length ? frames : frames + count);
            frames += count;
            size = end;
        }
        frames_at[size] = (uint16_t)frames;
        stream_send(size, seed % 4 > 1);
        out(bytes, 0, true);
        expect(0, 0);
        check_well();
    }
}

/* ---- A part is there when something else happens. ---- */

/* Halt, alternate setting, reset while the transfer goes on behind a whole NTB, read or not, held or not. */
TEST(ends_with_the_link)
{
    for (unsigned how = 0; how < 12; how++) {
        struct ncm_frame frame = {0};
        bool hold = how % 4 == 3;
        start();
        ntb(bytes, 128, 9);
        ntb(bytes + 128, 192, 10);
        out(bytes, 256, false); /* one and a half */
        if (how % 4 != 0)
            CHECK(ncm_receive(&f->ncm, &frame));
        if (how % 4 == 2)
            CHECK(!ncm_receive(&f->ncm, &frame));
        if (hold)
            CHECK(ncm_block_hold(&f->ncm, frame.block));
        if (how / 4 == 0) {
            CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, 0x01, 0, NULL), 0);
            CHECK_EQUAL(rig_control(&rig, 0x02, USB_CLEAR_FEATURE, 0, 0x01, 0, NULL), 0);
            rig_toggle_reset(&rig, 0x01);
            expect(how % 4 == 0, 9); /* the whole one had been sent */
        } else if (how / 4 == 1) {
            CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
            expect(0, 0);
        } else {
            CHECK(rig_enumerate(&rig, true));
            expect(0, 0);
        }
        CHECK(rig_good(&rig, 0));
        if (hold) {
            for (unsigned at = 0; at < frame.length; at++)
                CHECK_EQUAL(frame.bytes[at], 9);
            ncm_block_release(frame.block);
        }
        check_well();
    }
}

/* Frames of a block that is armed still, all held: others take over, and the last one is never given away. */
TEST(ends_and_held)
{
    struct ncm_block *held[RIG_BLOCKS * 60];
    unsigned count = 0;
    struct ncm_frame frame;
    start();
    for (unsigned i = 0; i < RIG_BLOCKS * 30; i++) {
        ntb(bytes, 128, (uint8_t)i);
        out(bytes, 128, false);
        CHECK(ncm_receive(&f->ncm, &frame));
        CHECK_EQUAL(frame.bytes[0], (uint8_t)i);
        if (ncm_block_hold(&f->ncm, frame.block))
            held[count++] = frame.block;
        CHECK(!ncm_receive(&f->ncm, &frame));
        rig_poll(&rig);
        CHECK(f->ncm.out_armed != NULL);
    }
    CHECK(count > 24);
    CHECK(count < RIG_BLOCKS * 30);
    while (count != 0)
        ncm_block_release(held[--count]);
    check_clean();
    out(bytes, 0, true);
    check_well();
}

TEST_MAIN()
