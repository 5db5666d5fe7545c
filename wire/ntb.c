/*
 * NTB16: see ntb.h.
 *
 * The check has two passes. The first follows the chain of tables and notes where each lies; the second takes
 * their entries, since a datagram must not lie over any table, not even a later one: who receives frames in
 * place writes into them.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/ntb.h"

#include <string.h>

#include "wire/le.h"

/* A table: bytes first to end of the block. */
struct ntb_table {
    uint16_t first;
    uint16_t end;
    bool usable; /* not in CRC mode */
};

static void ntb_drop(struct ntb *ntb, enum ntb_drop cause)
{
    ntb->drops[cause]++;
    ntb->dropped = true;
}

static bool ntb_header_ok(const uint8_t *bytes, size_t length)
{
    return length >= NTB_NTH16_LENGTH && load_le32(bytes) == NTB_NTH16_SIGNATURE &&
           load_le16(bytes + 4) == NTB_NTH16_LENGTH;
}

/* Read the table at `index`. False, and a drop, if the chain ends here for a bad reason. */
static bool ntb_table_read(struct ntb *ntb, const uint8_t *bytes, uint32_t index, struct ntb_table *tables,
                           size_t count)
{
    uint32_t block = ntb->block_length;
    if (index < NTB_NTH16_LENGTH || index % NTB_ALIGNMENT != 0 ||
        index + NTB_NDP16_LENGTH + 2 * NTB_ENTRY_LENGTH > block) {
        ntb_drop(ntb, NTB_DROP_TABLE);
        return false;
    }
    const uint8_t *ndp = bytes + index;
    uint32_t signature = load_le32(ndp);
    uint32_t length = load_le16(ndp + 4);
    if ((signature != NTB_NDP16_SIGNATURE && signature != NTB_NDP16_SIGNATURE_CRC) ||
        length < NTB_NDP16_LENGTH + 2 * NTB_ENTRY_LENGTH || length % NTB_ENTRY_LENGTH != 0 ||
        length > block - index) {
        ntb_drop(ntb, NTB_DROP_TABLE);
        return false;
    }
    bool again = count == NTB_NDP_MAX;
    for (size_t i = 0; i < count; i++)
        again |= index < tables[i].end && tables[i].first < index + length;
    if (again) {
        ntb_drop(ntb, NTB_DROP_CHAIN);
        return false;
    }
    bool usable = signature == NTB_NDP16_SIGNATURE;
    if (!usable)
        ntb_drop(ntb, NTB_DROP_CRC);
    tables[count] = (struct ntb_table){(uint16_t)index, (uint16_t)(index + length), usable};
    return true;
}

static size_t ntb_chain_read(struct ntb *ntb, const uint8_t *bytes, struct ntb_table *tables)
{
    size_t count = 0;
    uint32_t index = load_le16(bytes + 10); /* wNdpIndex; 0 is no table */
    do {
        if (!ntb_table_read(ntb, bytes, index, tables, count))
            break;
        count++; /* at most NTB_NDP_MAX: ntb_table_read sees to it */
        index = load_le16(bytes + index + 6);
    } while (index != 0);
    return count;
}

/* All datagrams before end at or below `high`: what lies behind needs no search. */
static bool ntb_overlaps(const struct ntb *ntb, const struct ntb_table *tables, size_t count, uint32_t offset,
                         uint32_t end, uint32_t high)
{
    if (offset < NTB_NTH16_LENGTH)
        return true;
    for (size_t i = 0; i < count; i++)
        if (offset < tables[i].end && tables[i].first < end)
            return true;
    for (size_t i = 0; i < ntb->count && offset < high; i++) {
        const struct ntb_datagram *other = &ntb->datagrams[i];
        if (offset < (uint32_t)other->offset + other->length && other->offset < end)
            return true;
    }
    return false;
}

/* Take the datagrams of one table. `high` is where all datagrams before end; returns the new one. */
static uint32_t ntb_entries_take(struct ntb *ntb, const uint8_t *bytes, const struct ntb_table *tables,
                                 size_t count, const struct ntb_table *table, uint16_t datagram_max,
                                 uint32_t high)
{
    uint8_t before = ntb->count;
    for (uint32_t at = table->first + NTB_NDP16_LENGTH; at != table->end; at += NTB_ENTRY_LENGTH) {
        uint32_t offset = load_le16(bytes + at);
        uint32_t length = load_le16(bytes + at + 2);
        uint32_t end = offset + length;
        if (end == 0) /* the null entry */
            return high;
        if (length < NTB_DATAGRAM_MIN || end > ntb->block_length) {
            ntb_drop(ntb, NTB_DROP_BOUNDS);
        } else if (length > datagram_max) {
            ntb_drop(ntb, NTB_DROP_OVERSIZE);
        } else if (ntb_overlaps(ntb, tables, count, offset, end, high)) {
            ntb_drop(ntb, NTB_DROP_OVERLAP);
        } else if (ntb->count == NTB_DATAGRAMS_MAX) {
            ntb_drop(ntb, NTB_DROP_COUNT);
        } else {
            ntb->datagrams[ntb->count++] = (struct ntb_datagram){(uint16_t)offset, (uint16_t)length};
            high = end > high ? end : high;
        }
    }
    ntb->count = before; /* no end: who knows what the last entry was */
    ntb_drop(ntb, NTB_DROP_TABLE);
    return high;
}

void ntb_check(struct ntb *ntb, const uint8_t *bytes, size_t length, uint16_t datagram_max)
{
    memset(ntb, 0, offsetof(struct ntb, datagrams));
    if (length > UINT16_MAX)
        length = UINT16_MAX;
    if (!ntb_header_ok(bytes, length)) {
        ntb_drop(ntb, NTB_DROP_HEADER);
        return;
    }
    uint32_t block = load_le16(bytes + 8);
    if (block == 0) /* legal: as long as the transfer */
        block = (uint32_t)length;
    if (block > length || block < NTB_BLOCK_MIN) {
        ntb_drop(ntb, NTB_DROP_LENGTH);
        return;
    }
    ntb->block_length = (uint16_t)block;
    ntb->sequence = load_le16(bytes + 6);

    struct ntb_table tables[NTB_NDP_MAX];
    size_t count = ntb_chain_read(ntb, bytes, tables);
    uint32_t high = 0;
    for (size_t i = 0; i < count; i++)
        if (tables[i].usable)
            high = ntb_entries_take(ntb, bytes, tables, count, &tables[i], datagram_max, high);
}

bool ntb_follows(const uint8_t *bytes, size_t length)
{
    return length >= 4 && load_le32(bytes) == NTB_NTH16_SIGNATURE;
}

size_t ntb_span(const uint8_t *bytes, size_t length)
{
    size_t block = ntb_header_ok(bytes, length) ? load_le16(bytes + 8) : 0;
    return block < NTB_BLOCK_MIN ? 0 : block;
}

size_t ntb_build(uint8_t *head, uint16_t sequence, const uint16_t *lengths, size_t count)
{
    uint8_t *ndp = head + NTB_NTH16_LENGTH;
    uint8_t *entry = ndp + NTB_NDP16_LENGTH;
    size_t end = NTB_HEAD_LENGTH(count);
    size_t next = end;
    for (size_t i = 0; i < count; i++) {
        store_le16(entry, (uint16_t)next);
        store_le16(entry + 2, lengths[i]);
        entry += NTB_ENTRY_LENGTH;
        end = next + lengths[i];
        next = end + ntb_padding(lengths[i]);
    }
    memset(entry, 0, NTB_ENTRY_LENGTH + 2); /* the null entry, and padding */
    store_le32(ndp, NTB_NDP16_SIGNATURE);
    store_le16(ndp + 4, (uint16_t)(NTB_NDP16_LENGTH + NTB_ENTRY_LENGTH * (count + 1)));
    store_le16(ndp + 6, 0);
    store_le32(head, NTB_NTH16_SIGNATURE);
    store_le16(head + 4, NTB_NTH16_LENGTH);
    store_le16(head + 6, sequence);
    store_le16(head + 8, (uint16_t)end);
    store_le16(head + 10, NTB_NTH16_LENGTH);
    return end;
}
