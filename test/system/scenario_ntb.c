/*
 * Scenarios of hostile blocks: 10,000 mutations of valid NTBs against the whole firmware, every cause of drop, and
 * the layouts that hosts really use. The board's own counters must tell what was wrong with each.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <stdio.h>
#include <string.h>

#include "host/ncm_host.h"
#include "test/system/load.h"
#include "wire/le.h"

#define BLOCK_MAX     4096
#define OUT_MAX       3072
#define FRAMES_MAX    45
#define NTH_LENGTH    12
#define SIGNATURE_NTH 0x484D434Eu
#define SIGNATURE_NDP 0x304D434Eu
#define SIGNATURE_CRC 0x314D434Eu

struct block {
    uint8_t bytes[BLOCK_MAX];
    uint32_t length;
    uint16_t ndp;               /* offset of its table */
    uint16_t frame[FRAMES_MAX]; /* offsets */
    unsigned frames;
};

static void block_begin(struct block *b, uint16_t sequence)
{
    memset(b, 0, sizeof *b);
    store_le32(b->bytes, SIGNATURE_NTH);
    store_le16(b->bytes + 4, NTH_LENGTH);
    store_le16(b->bytes + 6, sequence);
    b->length = NTH_LENGTH;
}

static void block_table(struct block *b, unsigned room)
{
    b->length = (b->length + 3) & ~3u;
    b->ndp = (uint16_t)b->length;
    store_le16(b->bytes + 10, b->ndp);
    store_le32(b->bytes + b->ndp, SIGNATURE_NDP);
    store_le16(b->bytes + b->ndp + 4, (uint16_t)(8 + 4 * (room + 1)));
    b->length += 8 + 4 * (room + 1);
}

static void block_frame(struct block *b, const uint8_t *frame, size_t length)
{
    b->length = ((b->length + 3) & ~3u) + 2;
    b->frame[b->frames++] = (uint16_t)b->length;
    memcpy(b->bytes + b->length, frame, length);
    b->length += (uint32_t)length;
}

static void block_entry(struct block *b, unsigned entry, unsigned offset, unsigned length)
{
    store_le16(b->bytes + b->ndp + 8 + 4 * entry, (uint16_t)offset);
    store_le16(b->bytes + b->ndp + 10 + 4 * entry, (uint16_t)length);
}

static void block_end(struct block *b)
{
    store_le16(b->bytes + 8, (uint16_t)b->length);
}

/* Echoes of `size` bytes each, the table first (Linux) or last (Windows). */
static void block_echoes(struct rig *rig, struct block *b, uint16_t sequence, unsigned frames, unsigned size,
                         bool table_last)
{
    uint8_t frame[PACKET_MAX];
    size_t length = 42 + size;
    block_begin(b, sequence);
    if (!table_last) {
        block_table(b, frames);
    }
    for (unsigned i = 0; i < frames; i++) {
        packet_echo(frame, &rig->me, &rig->peer, 0x4E54, (uint16_t)(sequence * 64 + i), size);
        block_frame(b, frame, length);
    }
    if (table_last) {
        block_table(b, frames);
    }
    for (unsigned i = 0; i < frames; i++) {
        block_entry(b, i, b->frame[i], (unsigned)length);
    }
    block_end(b);
}

static enum urb_status block_send(struct rig *rig, const struct block *b)
{
    return pc_bulk_out(rig->pc, b->bytes, b->length, b->length != OUT_MAX, 1000);
}

static void block_send_good(struct rig *rig, const struct block *b, const char *what)
{
    enum urb_status status = block_send(rig, b);
    if (status != URB_OK) {
        rig_fail(rig, "%s: %s", what, urb_status_name(status));
    }
}

/* ---- One cause after the other ---- */

static void cause_header(struct rig *rig, struct block *b)
{
    (void)rig;
    b->bytes[0] = 'n';
}

static void cause_header_length(struct rig *rig, struct block *b)
{
    (void)rig;
    store_le16(b->bytes + 4, 16);
}

static void cause_length(struct rig *rig, struct block *b)
{
    (void)rig;
    store_le16(b->bytes + 8, (uint16_t)(b->length + 1));
}

static void cause_length_short(struct rig *rig, struct block *b)
{
    (void)rig;
    store_le16(b->bytes + 8, 27);
}

static void cause_table_index(struct rig *rig, struct block *b)
{
    (void)rig;
    store_le16(b->bytes + 10, (uint16_t)(b->length - 4));
}

static void cause_table_odd(struct rig *rig, struct block *b)
{
    (void)rig;
    store_le16(b->bytes + b->ndp + 4, 17);
}

static void cause_table_signature(struct rig *rig, struct block *b)
{
    (void)rig;
    b->bytes[b->ndp + 3] = '9';
}

static void cause_table_endless(struct rig *rig, struct block *b)
{
    (void)rig;
    store_le16(b->bytes + b->ndp + 4, 16);
    for (unsigned i = 0; i < b->frames; i++) {
        block_entry(b, i, b->frame[0], 60);
    }
}

static void cause_chain_self(struct rig *rig, struct block *b)
{
    (void)rig;
    store_le16(b->bytes + b->ndp + 6, b->ndp);
}

static void cause_bounds(struct rig *rig, struct block *b)
{
    (void)rig;
    block_entry(b, 0, b->frame[0], b->length);
}

static void cause_bounds_tiny(struct rig *rig, struct block *b)
{
    (void)rig;
    block_entry(b, 0, b->frame[0], 13);
}

static void cause_bounds_wrap(struct rig *rig, struct block *b)
{
    (void)rig;
    block_entry(b, 0, 0xFFF0, 0x20);
}

static void cause_overlap_header(struct rig *rig, struct block *b)
{
    (void)rig;
    block_entry(b, 0, 4, 60);
}

static void cause_overlap_table(struct rig *rig, struct block *b)
{
    (void)rig;
    block_entry(b, 0, b->ndp, 60);
}

static void cause_overlap_frame(struct rig *rig, struct block *b)
{
    (void)rig;
    block_entry(b, 1, b->frame[0] + 10u, 60);
}

static void cause_oversize(struct rig *rig, struct block *b)
{
    static uint8_t frame[1600];
    memset(frame, 0x5A, sizeof frame);
    memcpy(frame, rig->peer.mac, 6);
    block_begin(b, 9);
    block_table(b, 1);
    block_frame(b, frame, 1515);
    block_entry(b, 0, b->frame[0], 1515);
    block_end(b);
}

static void cause_count(struct rig *rig, struct block *b)
{
    uint8_t frame[14] = {0};
    memcpy(frame, rig->peer.mac, 6);
    block_begin(b, 9);
    block_table(b, 44);
    for (unsigned i = 0; i < 44; i++) {
        block_frame(b, frame, sizeof frame);
        block_entry(b, i, b->frame[i], sizeof frame);
    }
    block_end(b);
}

static void cause_crc(struct rig *rig, struct block *b)
{
    (void)rig;
    store_le32(b->bytes + b->ndp, SIGNATURE_CRC);
}

static const struct {
    const char *name, *counter;
    void (*spoil)(struct rig *rig, struct block *b);
} causes[] = {
    {"wrong signature", "out_header", cause_header},
    {"wrong wHeaderLength", "out_header", cause_header_length},
    {"wBlockLength beyond the transfer", "out_length", cause_length},
    {"wBlockLength 27", "out_length", cause_length_short},
    {"wNdpIndex at the end", "out_table", cause_table_index},
    {"odd wLength", "out_table", cause_table_odd},
    {"table's signature", "out_table", cause_table_signature},
    {"table without end", "out_table", cause_table_endless},
    {"table that points at itself", "out_chain", cause_chain_self},
    {"length beyond the block", "out_bounds", cause_bounds},
    {"13 bytes", "out_bounds", cause_bounds_tiny},
    {"index beyond the block", "out_bounds", cause_bounds_wrap},
    {"datagram over the NTH", "out_overlap", cause_overlap_header},
    {"datagram over its table", "out_overlap", cause_overlap_table},
    {"datagram over another", "out_overlap", cause_overlap_frame},
    {"1,515 bytes", "out_oversize", cause_oversize},
    {"44 datagrams", "out_count", cause_count},
    {"CRC mode", "out_crc", cause_crc},
};

static uint64_t drops(struct rig *rig, const char *counter)
{
    char path[64];
    snprintf(path, sizeof path, "usb.drops.%s", counter);
    return rig_number(rig, path);
}

static uint64_t drops_all(struct rig *rig)
{
    static const char *const counters[] = {"out_header",   "out_length", "out_table",
                                           "out_chain",    "out_bounds", "out_overlap",
                                           "out_oversize", "out_count",  "out_crc"};
    uint64_t sum = 0;
    for (unsigned i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        sum += drops(rig, counters[i]);
    }
    return sum;
}

static void ntb_causes(struct rig *rig)
{
    static struct block b;
    unsigned count = sizeof causes / sizeof causes[0];
    for (unsigned i = 0; i < count; i++) {
        uint64_t before = drops(rig, causes[i].counter);
        block_echoes(rig, &b, (uint16_t)i, 3, 60, false);
        causes[i].spoil(rig, &b);
        block_send_good(rig, &b, causes[i].name);
        rig_run_ms(rig, 5);
        if (drops(rig, causes[i].counter) == before) {
            rig_fail(rig, "%s: %s did not count it", causes[i].name, causes[i].counter);
        }
        if (rig_ping(rig, 1472, 1000) < 0) {
            rig_fail(rig, "%s: no ping afterwards", causes[i].name);
        }
    }
    rig_say(rig, "%u blocks, each counted by its cause", count);
}

/* ---- Layouts of real hosts ---- */

struct answers {
    unsigned seen, wanted;
};

static bool all_answered(void *context)
{
    const struct answers *answers = context;
    return answers->seen >= answers->wanted;
}

static bool count_answers(void *context, const struct packet *packet)
{
    struct answers *answers = context;
    answers->seen += packet->protocol == PACKET_ICMP && packet->icmp_type == 0 && packet->icmp_id == 0x4E54 &&
                     packet->checksums_good;
    return false;
}

static void answers_expect(struct rig *rig, const struct block *b, unsigned wanted, const char *what)
{
    struct answers answers = {0};
    rig->watched = false;
    rig->watch_context = &answers;
    rig->watch = count_answers;
    block_send_good(rig, b, what);
    rig_run_ms(rig, 20);
    rig->watch = NULL;
    if (answers.seen != wanted) {
        rig_fail(rig, "%s: %u echoes answered, wanted %u", what, answers.seen, wanted);
    }
}

/* Two blocks in one transfer, as Windows 10 runs them together. */
static void block_glue(struct block *b, const struct block *second)
{
    memcpy(b->bytes + b->length, second->bytes, second->length);
    b->length += second->length;
}

static void ntb_layouts(struct rig *rig)
{
    static struct block b, second;
    block_echoes(rig, &b, 1, 1, 18, false);
    answers_expect(rig, &b, 1, "one small frame");
    block_echoes(rig, &b, 2, 4, 300, true);
    answers_expect(rig, &b, 4, "four frames, table last");
    block_echoes(rig, &b, 3, 2, 1472, false);
    answers_expect(rig, &b, 2, "two full frames");
    store_le16(b.bytes + 8, 0);
    answers_expect(rig, &b, 2, "wBlockLength 0");

    block_echoes(rig, &b, 4, 2, 1472, false);
    memset(b.bytes + b.length, 0, OUT_MAX - b.length);
    b.length = OUT_MAX;
    answers_expect(rig, &b, 2, "3,072 bytes, wBlockLength shorter, no empty packet");
    block_end(&b);
    answers_expect(rig, &b, 2, "3,072 bytes, no empty packet");

    block_echoes(rig, &b, 5, 1, 8, false);
    b.length += 3;
    answers_expect(rig, &b, 1, "trailing bytes");
    block_echoes(rig, &b, 6, 2, 100, true);
    block_echoes(rig, &second, 7, 1, 64, false);
    block_glue(&b, &second);
    answers_expect(rig, &b, 3, "two blocks in one transfer");

    RIG_CHECK(rig, drops_all(rig) == 0);
}

/* ---- Ends of NTBs ---- */

/* Send so many bytes, with an empty packet behind them or not; the echoes must all be answered within 20 ms. */
static void bytes_expect(struct rig *rig, const uint8_t *bytes, uint32_t length, bool empty, unsigned wanted,
                         const char *what)
{
    struct answers answers = {.wanted = wanted};
    rig->watched = false;
    rig->watch_context = &answers;
    rig->watch = count_answers;
    enum urb_status status = pc_bulk_out(rig->pc, bytes, length, empty, 1000);
    if (status != URB_OK || !pc_run_until(rig->pc, all_answered, &answers, 20)) {
        rig_fail(rig, "%s, %u bytes: %s, %u echoes answered, wanted %u", what, length,
                 urb_status_name(status), answers.seen, wanted);
    }
    rig->watch = NULL;
}

/* Echoes in an NTB of exactly `length` bytes, 72 at least; returns how many. */
static unsigned block_exact(struct rig *rig, struct block *b, uint16_t sequence, uint32_t length)
{
    static uint8_t frame[PACKET_MAX];
    unsigned frames = length <= 1544 ? 1 : 2;
    uint32_t first = frames == 1 ? length - 30 : length < 1600 ? 700 : 1514;
    block_begin(b, sequence);
    block_table(b, frames == 1 ? 1 : 4);
    for (unsigned i = 0; i < frames; i++) {
        uint32_t size = i == 0 ? first : length - ((b->length + 3) & ~3u) - 2;
        packet_echo(frame, &rig->me, &rig->peer, 0x4E54, (uint16_t)(sequence * 64 + i), size - 42);
        block_frame(b, frame, size);
        block_entry(b, i, b->frame[i], size);
    }
    block_end(b);
    RIG_CHECK(rig, b->length == length);
    return frames;
}

/* Field case 37: a lone block of whole packets waits for nothing. Every length alone, with nothing behind it; where
 * that ends on a full packet, also twice more, and with what other hosts send then, at once or later. */
static void ntb_every_length(struct rig *rig)
{
    static struct block b;
    static const uint8_t zero[1];
    uint16_t sequence = 0;
    for (uint32_t length = 72; length <= OUT_MAX; length++) {
        unsigned frames = block_exact(rig, &b, sequence++, length);
        bytes_expect(rig, b.bytes, length, false, frames, "nothing behind it");
        for (unsigned how = 0; how < 5 && length % 64 == 0; how++) {
            bool byte = how == 2 && length < OUT_MAX;
            block_exact(rig, &b, sequence++, length);
            bytes_expect(rig, b.bytes, length + byte, how == 3, frames,
                         byte       ? "a zero byte behind it"
                         : how == 3 ? "an empty packet behind it"
                                    : "nothing behind it, again");
            if (how == 4) {
                RIG_CHECK(rig, pc_bulk_out(rig->pc, zero, length % 128 == 0, true, 1000) == URB_OK);
            }
        }
    }
    for (uint32_t length = 12; length < 28; length++) { /* too short for a table: refused, each by itself */
        memset(b.bytes, 0, 64);
        block_exact(rig, &b, sequence, 72);
        store_le16(b.bytes + 8, (uint16_t)length);
        RIG_CHECK(rig, pc_bulk_out(rig->pc, b.bytes, length, false, 1000) == URB_OK);
    }
    block_exact(rig, &b, sequence, 128);
    bytes_expect(rig, b.bytes, 128, false, 1, "behind those that are too short");
    RIG_CHECK(rig, drops(rig, "out_length") == 16 && drops_all(rig) == 16);
    rig_say(rig, "3,001 lengths, those of whole packets in six ways");
}

/* NTBs one behind the other without a gap: of whole packets, and of any length, so that headers lie across packets and
 * NTBs across transfers. */
static void ntb_glued(struct rig *rig)
{
    static uint8_t bytes[8 * OUT_MAX];
    static struct block b;
    uint16_t sequence = 0;
    for (unsigned round = 0; round < 300; round++) {
        bool whole = round % 2 == 0;
        uint32_t length = 0;
        unsigned frames = 0;
        while (frames < 6 && length < 3 * OUT_MAX) {
            uint32_t next = 72 + rig_random(rig, OUT_MAX + 4 - 72 - 63);
            next = whole ? (next + 63) & ~63u : next;
            frames += block_exact(rig, &b, sequence++, next);
            memcpy(bytes + length, b.bytes, next);
            length += next;
        }
        if (!whole && length % 64 != 0) { /* the last packet is a full one, too */
            uint32_t next = 64 * 4 - length % 64;
            frames += block_exact(rig, &b, sequence++, next);
            memcpy(bytes + length, b.bytes, next);
            length += next;
        }
        bytes_expect(rig, bytes, length, false, frames, whole ? "whole packets, glued" : "any length, glued");
    }
    RIG_CHECK(rig, drops_all(rig) == 0);
    rig_say(rig, "300 runs of glued blocks, %u in all", sequence);
}

/* NTBs with whole packets of zeros between them, which may lie across the ends of transfers: none is lost. */
static void ntb_padded(struct rig *rig)
{
    static uint8_t bytes[8 * OUT_MAX];
    static struct block b;
    uint16_t sequence = 0;
    for (unsigned round = 0; round < 300; round++) {
        uint32_t length = 0, most = round % 3 == 0 ? 40 : 6;
        unsigned frames = 0;
        memset(bytes, 0, sizeof bytes);
        while (frames < 6 && length < 3 * OUT_MAX) {
            uint32_t next = 72 + rig_random(rig, OUT_MAX - 72);
            frames += block_exact(rig, &b, sequence++, next);
            memcpy(bytes + length, b.bytes, next);
            length = ((length + next + 63) & ~63u) + 64 * rig_random(rig, most);
        }
        bytes_expect(rig, bytes, length, round % 2 == 0, frames, "packets of zeros between");
    }
    RIG_CHECK(rig, drops_all(rig) == 0);
    rig_say(rig, "300 runs of padded blocks, %u in all", sequence);
}

/* wBlockLength 0 ends with a short packet, an empty one if must be, or with the buffer. */
static void ntb_open_end(struct rig *rig)
{
    static struct block b;
    for (unsigned length = 72; length <= OUT_MAX; length += 8) {
        unsigned frames = block_exact(rig, &b, (uint16_t)length, length);
        store_le16(b.bytes + 8, 0);
        bytes_expect(rig, b.bytes, length, length != OUT_MAX, frames, "wBlockLength 0");
    }
    RIG_CHECK(rig, drops_all(rig) == 0);
}

/* ---- Mutations ---- */

static uint16_t odd_value(struct rig *rig, const struct block *b)
{
    const uint16_t values[] = {0,
                               1,
                               12,
                               13,
                               14,
                               15,
                               16,
                               28,
                               64,
                               b->ndp,
                               (uint16_t)b->length,
                               (uint16_t)(b->length - 1),
                               (uint16_t)(b->length + 1),
                               1514,
                               1515,
                               OUT_MAX,
                               0x7FFF,
                               0x8000,
                               0xFFFF,
                               (uint16_t)rig_random(rig, 65536)};
    return values[rig_random(rig, sizeof values / sizeof values[0])];
}

static void mutate_once(struct rig *rig, struct block *b)
{
    unsigned table = b->ndp + 8u + 4u * (b->frames + 1u);
    switch (rig_random(rig, 8)) {
    case 0: b->bytes[rig_random(rig, b->length)] = (uint8_t)rig_random(rig, 256); break;
    case 1: b->bytes[rig_random(rig, 12)] ^= (uint8_t)(1u << rig_random(rig, 8)); break;
    case 2: store_le16(b->bytes + 4 + 2 * rig_random(rig, 4), odd_value(rig, b)); break;
    case 3:
        store_le16(b->bytes + b->ndp + 4 + 2 * rig_random(rig, (table - b->ndp - 4u) / 2), odd_value(rig, b));
        break;
    case 4: b->length = 1 + rig_random(rig, b->length); break;
    case 5: {
        uint32_t more = rig_random(rig, 200);
        for (uint32_t i = 0; i < more; i++) {
            b->bytes[b->length++] = (uint8_t)rig_random(rig, 256);
        }
        break;
    }
    case 6: /* a second table somewhere */
        store_le16(b->bytes + b->ndp + 6, (uint16_t)(rig_random(rig, b->length) & ~3u));
        break;
    default: /* a frame's own bytes: lwIP's turn */
        b->bytes[b->frame[rig_random(rig, b->frames)] + 12 + rig_random(rig, 30)] =
            (uint8_t)rig_random(rig, 256);
    }
}

static void ntb_mutations(struct rig *rig)
{
    static struct block b;
    static const char *const counters[] = {"out_header",   "out_length", "out_table",
                                           "out_chain",    "out_bounds", "out_overlap",
                                           "out_oversize", "out_count",  "out_crc"};
    uint64_t blocks = rig_number(rig, "usb.out_blocks"), sent = pc_net_counters(rig->pc)->tx_blocks;
    for (unsigned i = 0; i < 10000; i++) {
        block_echoes(rig, &b, (uint16_t)i, 1 + rig_random(rig, 4),
                     8 + rig_random(rig, i % 16 == 0 ? 600 : 60), rig_random(rig, 4) == 0);
        unsigned mutations = 1 + rig_random(rig, 3);
        if (i % 50 == 0) {
            causes[i / 50 % (sizeof causes / sizeof causes[0])].spoil(rig, &b);
        }
        for (unsigned m = 0; m < mutations && b.length < OUT_MAX - 400; m++) {
            mutate_once(rig, &b);
        }
        enum urb_status status = block_send(rig, &b);
        if (status != URB_OK) {
            rig_fail(rig, "mutation %u was not taken within 1 s: %s", i, urb_status_name(status));
        }
        if (i % 500 == 499) {
            rig_ping_within_1s(rig);
        }
    }
    rig_run_ms(rig, 100);
    static struct json status;
    rig_status(rig, &status);
    uint64_t total = 0;
    for (unsigned i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "usb.drops.%s", counters[i]);
        uint64_t count = rig_number_of(rig, &status, path);
        if (count == 0) {
            rig_fail(rig, "no mutation was counted as %s", counters[i]);
        }
        total += count;
        rig_say(rig, "%s%s %llu", i != 0 ? ", " : "10,000 mutations: ", counters[i] + 4,
                (unsigned long long)count);
    }
    blocks = rig_number_of(rig, &status, "usb.out_blocks") - blocks;
    sent = pc_net_counters(rig->pc)->tx_blocks - sent;
    RIG_CHECK(rig, total > 3000);
    if (blocks < 10000 || blocks > 10000 + sent + 4) { /* ACKs of the status may cross its making */
        rig_fail(rig, "%llu blocks were counted, 10000 and %llu sent", (unsigned long long)blocks,
                 (unsigned long long)sent);
    }
}

/* Data that is no block at all, as fast as it goes. */
static void ntb_garbage(struct rig *rig)
{
    static uint8_t bytes[OUT_MAX + 200];
    for (unsigned i = 0; i < 600; i++) {
        uint32_t length = i % 3 == 0 ? OUT_MAX : 1 + rig_random(rig, sizeof bytes);
        for (uint32_t at = 0; at < length; at++) {
            bytes[at] = (uint8_t)rig_random(rig, 256);
        }
        enum urb_status status = pc_bulk_out(rig->pc, bytes, length, i % 2 == 0, 1000);
        if (status != URB_OK) {
            rig_fail(rig, "transfer %u of %u bytes: %s", i, length, urb_status_name(status));
        }
    }
    /* Empty packets, one after the other. */
    for (unsigned i = 0; i < 100; i++) {
        RIG_CHECK(rig, pc_bulk_out(rig->pc, bytes, 0, true, 1000) == URB_OK);
    }
    rig_say(rig, "600 transfers of noise, 100 empty ones");
}

const struct scenario scenarios_ntb[] = {
    {"ntb_causes", SCENARIO_BOTH, ntb_causes, 60, false},
    {"ntb_layouts", SCENARIO_BOTH, ntb_layouts, 60, false},
    {"ntb_every_length", SCENARIO_BOTH, ntb_every_length, 180, false},
    {"ntb_glued", SCENARIO_BOTH, ntb_glued, 60, false},
    {"ntb_padded", SCENARIO_BOTH, ntb_padded, 60, false},
    {"ntb_open_end", SCENARIO_BOTH, ntb_open_end, 60, false},
    {"ntb_mutations", SCENARIO_BOTH, ntb_mutations, 180, false},
    {"ntb_garbage", SCENARIO_BOTH, ntb_garbage, 60, false},
    {0},
};
