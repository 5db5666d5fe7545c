/*
 * NTBs, read and built. The chain: ntb_check calls ntb_chain_read, then ntb_entries_take for each table, and that
 * ntb_overlaps for each entry; each is replaced by its contract where another one is proven.
 *
 * Of the up to 40 datagrams, `one` and `other` are any two, and `table_any` is any table: what holds for these holds
 * for all.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "wire/ntb.c"

static uint8_t one, other, table_any;

static void choose(void)
{
    one = nondet_u8();
    other = nondet_u8();
    table_any = nondet_u8();
    ASSUME(one < NTB_DATAGRAMS_MAX && other < NTB_DATAGRAMS_MAX && one != other && table_any < NTB_NDP_MAX);
}

static bool table_good(const struct ntb_table *table, uint32_t block_length)
{
    return table->first >= NTB_NTH16_LENGTH && table->first % 4 == 0 && table->end % 4 == 0 &&
           table->end >= table->first + NTB_NDP16_LENGTH + 2 * NTB_ENTRY_LENGTH && table->end <= block_length;
}

/* Two runs of bytes, each from its first to its end. */
static bool apart(uint32_t first, uint32_t end, uint32_t other_first, uint32_t other_end)
{
    return end <= other_first || other_end <= first;
}

static bool apart_from_table(const struct ntb_table *tables, size_t count, uint32_t first, uint32_t end)
{
    return table_any >= count || apart(first, end, tables[table_any].first, tables[table_any].end);
}

/* One datagram that was taken may be trusted. */
static bool datagram_good(struct ntb_datagram d, uint32_t block_length, uint16_t datagram_max, uint32_t high)
{
    uint32_t end = (uint32_t)d.offset + d.length;

    return d.offset >= NTB_NTH16_LENGTH && d.length >= NTB_DATAGRAM_MIN && d.length <= datagram_max &&
           end <= block_length && end <= high;
}

/* All that were taken so far may be trusted, and end at `high` or before. */
static bool taken_good(const struct ntb *ntb, const struct ntb_table *tables, size_t count,
                       uint16_t datagram_max, uint32_t high)
{
    struct ntb_datagram a = ntb->datagrams[one], b = ntb->datagrams[other];
    uint32_t a_end = (uint32_t)a.offset + a.length, b_end = (uint32_t)b.offset + b.length;
    bool has_a = one < ntb->count, has_b = other < ntb->count;

    return ntb->count <= NTB_DATAGRAMS_MAX &&
           (!has_a || datagram_good(a, ntb->block_length, datagram_max, high)) &&
           (!has_b || datagram_good(b, ntb->block_length, datagram_max, high)) &&
           (!has_a || apart_from_table(tables, count, a.offset, a_end)) &&
           (!has_b || apart_from_table(tables, count, b.offset, b_end)) &&
           (!has_a || !has_b || apart(a.offset, a_end, b.offset, b_end));
}

/* ---- ntb_chain_read: any block of up to 65,535 bytes. ---- */

static bool ntb_chain_read_needs(const struct ntb *ntb, const uint8_t *bytes)
{
    return ntb->block_length >= NTB_BLOCK_MIN && READABLE(bytes, ntb->block_length);
}

static bool ntb_chain_read_gives(size_t found, const struct ntb_table *tables, uint32_t block_length)
{
    bool good = found <= NTB_NDP_MAX;

    for (size_t i = 0; i < NTB_NDP_MAX; i++) {
        good &= i >= found || table_good(&tables[i], block_length);
        for (size_t j = 0; j < i; j++)
            good &= i >= found || tables[i].end <= tables[j].first || tables[j].end <= tables[i].first;
    }
    return good;
}

static void any_block(struct ntb *ntb, uint8_t **bytes)
{
    struct ntb any;

    *ntb = any;
    ntb->block_length = nondet_u16();
    ASSUME(ntb->block_length >= NTB_BLOCK_MIN);
    *bytes = any_bytes(ntb->block_length);
}

void prove_ntb_chain_read(void)
{
    struct ntb ntb;
    struct ntb_table tables[NTB_NDP_MAX];
    uint8_t *bytes;

    any_block(&ntb, &bytes);
    ASSUME(ntb_chain_read_needs(&ntb, bytes));
    struct ntb before = ntb;
    size_t found = ntb_chain_read(&ntb, bytes, tables);
    PROVE(ntb_chain_read_gives(found, tables, ntb.block_length));
    PROVE(ntb.block_length == before.block_length && ntb.sequence == before.sequence &&
          ntb.count == before.count);
    if (found == NTB_NDP_MAX)
        REACHED("a chain of NTB_NDP_MAX tables");
    if (found == 0)
        REACHED("no table");
}

size_t contract_ntb_chain_read(struct ntb *ntb, const uint8_t *bytes, struct ntb_table *tables)
{
    struct ntb_table any[NTB_NDP_MAX];
    size_t found = nondet_size();

    PROVE(ntb_chain_read_needs(ntb, bytes));
    ASSUME(ntb_chain_read_gives(found, any, ntb->block_length));
    for (size_t i = 0; i < NTB_NDP_MAX; i++)
        tables[i] = any[i];
    ntb->dropped = nondet_bool(); /* drops[] are counters alone */
    return found;
}

/* ---- ntb_overlaps: any datagrams, any tables. ---- */

static bool ntb_overlaps_needs(const struct ntb *ntb, size_t count, uint32_t offset, uint32_t end)
{
    return count <= NTB_NDP_MAX && ntb->count <= NTB_DATAGRAMS_MAX && offset <= UINT16_MAX &&
           end >= offset + NTB_DATAGRAM_MIN && end <= UINT16_MAX;
}

static bool ntb_overlaps_gives(bool overlaps, const struct ntb *ntb, const struct ntb_table *tables,
                               size_t count, uint32_t offset, uint32_t end, uint32_t high)
{
    struct ntb_datagram a = ntb->datagrams[one], b = ntb->datagrams[other];
    uint32_t a_end = (uint32_t)a.offset + a.length, b_end = (uint32_t)b.offset + b.length;

    return overlaps || (offset >= NTB_NTH16_LENGTH && apart_from_table(tables, count, offset, end) &&
                        (one >= ntb->count || a_end > high || apart(offset, end, a.offset, a_end)) &&
                        (other >= ntb->count || b_end > high || apart(offset, end, b.offset, b_end)));
}

void prove_ntb_overlaps(void)
{
    struct ntb ntb;
    struct ntb_table tables[NTB_NDP_MAX];
    size_t count = nondet_size();
    uint32_t offset = nondet_u32(), end = nondet_u32(), high = nondet_u32();

    choose();
    ASSUME(ntb_overlaps_needs(&ntb, count, offset, end));
    bool overlaps = ntb_overlaps(&ntb, tables, count, offset, end, high);
    PROVE(ntb_overlaps_gives(overlaps, &ntb, tables, count, offset, end, high));
    if (overlaps)
        REACHED("an overlap");
    else
        REACHED("none");
}

bool contract_ntb_overlaps(const struct ntb *ntb, const struct ntb_table *tables, size_t count,
                           uint32_t offset, uint32_t end, uint32_t high)
{
    bool overlaps = nondet_bool();

    PROVE(ntb_overlaps_needs(ntb, count, offset, end));
    ASSUME(ntb_overlaps_gives(overlaps, ntb, tables, count, offset, end, high));
    return overlaps;
}

/* ---- ntb_entries_take: any table of any block, any datagrams taken before. ---- */

static bool ntb_entries_take_needs(const struct ntb *ntb, const uint8_t *bytes,
                                   const struct ntb_table *tables, size_t count,
                                   const struct ntb_table *table, uint16_t datagram_max, uint32_t high)
{
    return READABLE(bytes, ntb->block_length) && count <= NTB_NDP_MAX &&
           table_good(table, ntb->block_length) && taken_good(ntb, tables, count, datagram_max, high);
}

static bool ntb_entries_take_gives(const struct ntb *ntb, const struct ntb *before,
                                   const struct ntb_table *tables, size_t count, uint16_t datagram_max,
                                   uint32_t high)
{
    return taken_good(ntb, tables, count, datagram_max, high) && ntb->count >= before->count &&
           ntb->block_length == before->block_length && ntb->sequence == before->sequence;
}

static struct ntb ntb_before; /* the loop's contract names its block_length and sequence */

void prove_ntb_entries_take(void)
{
    struct ntb ntb;
    struct ntb_table tables[NTB_NDP_MAX];
    uint8_t *bytes;
    size_t count = nondet_size(), which = nondet_size();
    uint16_t datagram_max = nondet_u16();
    uint32_t high = nondet_u32();

    choose();
    any_block(&ntb, &bytes);
    ASSUME(which < count && count <= NTB_NDP_MAX);
    ASSUME(ntb_entries_take_needs(&ntb, bytes, tables, count, &tables[which], datagram_max, high));
    ntb_before = ntb;
    high = ntb_entries_take(&ntb, bytes, tables, count, &tables[which], datagram_max, high);
    PROVE(ntb_entries_take_gives(&ntb, &ntb_before, tables, count, datagram_max, high));
    if (ntb.count > ntb_before.count)
        REACHED("a datagram is taken");
}

uint32_t contract_ntb_entries_take(struct ntb *ntb, const uint8_t *bytes, const struct ntb_table *tables,
                                   size_t count, const struct ntb_table *table, uint16_t datagram_max,
                                   uint32_t high)
{
    struct ntb before = *ntb, any;
    uint32_t next = nondet_u32();

    PROVE(ntb_entries_take_needs(ntb, bytes, tables, count, table, datagram_max, high));
    *ntb = any;
    ASSUME(ntb_entries_take_gives(ntb, &before, tables, count, datagram_max, next));
    return next;
}

/* ---- The module's own functions: any bytes. ---- */

void prove_ntb_check(void)
{
    size_t length = any_size(200000);
    uint8_t *bytes = any_bytes(length);
    uint16_t datagram_max = nondet_u16();
    struct ntb ntb;

    choose();
    ntb_check(&ntb, bytes, length, datagram_max);
    PROVE(ntb.block_length <= length && (ntb.block_length == 0 || ntb.block_length >= NTB_BLOCK_MIN));
    PROVE(ntb.block_length != 0 || (ntb.count == 0 && ntb.dropped));
    PROVE(taken_good(&ntb, NULL, 0, datagram_max, ntb.block_length));
    if (ntb.count == NTB_DATAGRAMS_MAX && one < ntb.count && other < ntb.count)
        REACHED("NTB_DATAGRAMS_MAX datagrams");
}

void prove_ntb_spans(void)
{
    size_t length = any_size(200000);
    uint8_t *bytes = any_bytes(length);
    size_t span = ntb_span(bytes, length);

    PROVE(span == 0 || (span >= NTB_BLOCK_MIN && span <= UINT16_MAX && ntb_follows(bytes, length)));
    if (span != 0)
        REACHED("an NTB");
    if (length == 4 && ntb_follows(bytes, length))
        REACHED("four bytes of one");
}

/* Its head is written and nothing else; where it says that a datagram lies, one does. */
void prove_ntb_build(void)
{
    enum { MOST = 8 };
    size_t count = nondet_size();
    uint16_t lengths[MOST];
    uint8_t i = nondet_u8();

    ASSUME(count >= 1 && count <= MOST && i < count);
    for (size_t k = 0; k < MOST; k++)
        ASSUME(lengths[k] >= NTB_DATAGRAM_MIN && lengths[k] <= 1514);
    uint8_t *head = any_bytes(NTB_HEAD_LENGTH(count));
    size_t length = ntb_build(head, nondet_u16(), lengths, count);
    const uint8_t *entry = head + NTB_NTH16_LENGTH + NTB_NDP16_LENGTH + NTB_ENTRY_LENGTH * i;
    uint32_t at = load_le16(entry), previous = i > 0 ? load_le16(entry - 4) + lengths[i - 1] : 0;
    PROVE(length == load_le16(head + 8) && ntb_span(head, NTB_HEAD_LENGTH(count)) == length);
    PROVE((at + 14) % 4 == 0 && at >= NTB_HEAD_LENGTH(count) && at + lengths[i] <= length);
    PROVE(load_le16(entry + 2) == lengths[i]);
    PROVE(i == 0 ? at == NTB_HEAD_LENGTH(count) : at == previous + ntb_padding(lengths[i - 1]));
    PROVE(load_le32(head + NTB_NTH16_LENGTH + NTB_NDP16_LENGTH + NTB_ENTRY_LENGTH * count) == 0);
    if (i == MOST - 1)
        REACHED("the last of eight");
}
