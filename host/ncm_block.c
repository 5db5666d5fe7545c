/*
 * NTB16 as Linux lays them out and reads them: the pure parts of ncm_host.h.
 *
 *   0        12 NDP16                      next ×divisor + remainder
 *   │ NTH16 │ header, entries …, 0/0 │ … │ frame │ … │ frame │ padding │
 *
 * The table is as long as the most frames that may come, whether they come or not. Source: facts.md B2 to B5.
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "host/ncm_host.h"

#define NTH16_SIGNATURE 0x484D434Eu /* "NCMH" */
#define NDP16_SIGNATURE 0x304D434Eu /* "NCM0" */
#define NTH16_LENGTH    12u
#define NDP16_LENGTH    8u /* before its entries */
#define ENTRY_LENGTH    4u
#define ETHERNET_HEADER 14u

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : value;
}

static uint16_t modulus_fix(uint16_t modulus, uint32_t tx_max)
{
    bool good = modulus >= 4 && (modulus & (modulus - 1)) == 0 && modulus < tx_max;
    return good ? modulus : 4;
}

static uint32_t align_up(uint32_t at, uint32_t modulus)
{
    return (at + modulus - 1) / modulus * modulus;
}

/* Where frames start depends on what the device asks for; the longest one must fit behind the table, or it could
 * never be sent (Linux drops every frame then). If it doesn't fit, nothing special is taken to be asked for. */
static void placement_set(struct ncm_host_params *p)
{
    for (unsigned round = 0; round < 2; round++) {
        p->alignment = round == 0 ? modulus_fix(p->wNdpOutAlignment, p->tx_max) : 4;
        p->divisor = round == 0 ? modulus_fix(p->wNdpOutDivisor, p->tx_max) : 4;
        uint16_t remainder = p->wNdpOutPayloadRemainder < p->divisor ? p->wNdpOutPayloadRemainder : 0;
        p->remainder = (uint16_t)((remainder - ETHERNET_HEADER) & (p->divisor - 1u));
        uint32_t table_end = align_up(NTH16_LENGTH, p->alignment) + p->table_size;
        if (align_up(table_end, p->divisor) + p->remainder + NCM_HOST_FRAME_MAX <= p->tx_max) {
            return;
        }
    }
}

void ncm_host_params_read(struct ncm_host_params *p, const uint8_t bytes[NCM_NTB_PARAMETERS_LENGTH],
                          uint16_t packet_size)
{
    p->bmNtbFormatsSupported = load_le16(bytes + 2);
    p->dwNtbInMaxSize = load_le32(bytes + 4);
    p->dwNtbOutMaxSize = load_le32(bytes + 16);
    p->wNdpOutDivisor = load_le16(bytes + 20);
    p->wNdpOutPayloadRemainder = load_le16(bytes + 22);
    p->wNdpOutAlignment = load_le16(bytes + 24);
    p->wNtbOutMaxDatagrams = load_le16(bytes + 26);

    p->packet_size = packet_size;
    p->rx_max = clamp(p->dwNtbInMaxSize, NCM_HOST_BLOCK_MIN, NCM_HOST_BLOCK_MAX);
    p->tx_max = clamp(p->dwNtbOutMaxSize, NCM_HOST_BLOCK_MIN, NCM_HOST_BLOCK_MAX);
    if (p->tx_max != p->dwNtbOutMaxSize && p->tx_max % packet_size == 0) {
        p->tx_max++;
    }
    p->min_tx_pkt = clamp(p->tx_max - 3u * packet_size, 512, p->tx_max);
    bool sane = p->wNtbOutMaxDatagrams >= 1 && p->wNtbOutMaxDatagrams <= NCM_HOST_DATAGRAMS_MAX;
    p->datagrams = sane ? p->wNtbOutMaxDatagrams : NCM_HOST_DATAGRAMS_MAX;
    p->table_size = (uint16_t)(NDP16_LENGTH + ENTRY_LENGTH * (p->datagrams + 1u));
    placement_set(p);
}

/* Zeros up to the next multiple of `modulus` plus `remainder`, or as many as there is room for. */
static void block_align(struct ncm_block_out *block, uint32_t modulus, uint32_t remainder, uint32_t max)
{
    uint32_t end = align_up(block->length, modulus) + remainder;
    end = end < max ? end : max;
    memset(block->bytes + block->length, 0, end - block->length);
    block->length = end;
}

static void block_open(struct ncm_block_out *block, const struct ncm_host_params *p, uint16_t sequence)
{
    memset(block->bytes, 0, NTH16_LENGTH);
    store_le32(block->bytes, NTH16_SIGNATURE);
    store_le16(block->bytes + 4, NTH16_LENGTH);
    store_le16(block->bytes + 6, sequence);
    block->length = NTH16_LENGTH;
    block_align(block, p->alignment, 0, p->tx_max);
    block->table = (uint16_t)block->length;
    block->frames = 0;
    block->payload = 0;
    store_le16(block->bytes + 10, block->table);
    uint8_t *table = block->bytes + block->table;
    memset(table, 0, p->table_size);
    store_le32(table, NDP16_SIGNATURE);
    store_le16(table + 4, NDP16_LENGTH + ENTRY_LENGTH);
    block->length += p->table_size;
}

bool ncm_block_add(struct ncm_block_out *block, const struct ncm_host_params *p, uint16_t sequence,
                   const uint8_t *frame, uint32_t length)
{
    if (block->length == 0) {
        block_open(block, p, sequence);
    }
    if (block->frames == p->datagrams) {
        return false;
    }
    block_align(block, p->divisor, p->remainder, p->tx_max);
    if (length > p->tx_max - block->length) {
        return false;
    }
    uint8_t *entry = block->bytes + block->table + NDP16_LENGTH + ENTRY_LENGTH * block->frames;
    store_le16(entry, (uint16_t)block->length);
    store_le16(entry + 2, (uint16_t)length);
    block->frames++;
    store_le16(block->bytes + block->table + 4,
               (uint16_t)(NDP16_LENGTH + ENTRY_LENGTH * (block->frames + 1u)));
    memcpy(block->bytes + block->length, frame, length);
    block->length += length;
    block->payload += length;
    return true;
}

uint32_t ncm_block_seal(struct ncm_block_out *block, const struct ncm_host_params *p, enum pc_block_end end)
{
    bool whole_packets = block->length < p->tx_max && block->length % p->packet_size == 0;
    if (end == PC_BLOCK_END_LINUX && block->length > p->min_tx_pkt) {
        memset(block->bytes + block->length, 0, p->tx_max - block->length);
        block->length = p->tx_max;
    } else if (end == PC_BLOCK_END_LINUX && whole_packets) {
        block->bytes[block->length++] = 0;
    }
    store_le16(block->bytes + 8, (uint16_t)block->length);
    if (end == PC_BLOCK_END_BYTE && whole_packets) {
        block->bytes[block->length++] = 0;
    }
    return block->length;
}

/* One table's datagrams. Returns the number of errors, 0 or 1. */
static uint32_t table_read(const uint8_t *bytes, uint32_t length, uint32_t rx_max, uint32_t table,
                           void (*take)(void *, const uint8_t *, uint32_t), void *context)
{
    uint32_t table_length = load_le16(bytes + table + 4);
    if (load_le32(bytes + table) != NDP16_SIGNATURE || table_length < NDP16_LENGTH + 2 * ENTRY_LENGTH ||
        table_length > length - table) {
        return 1;
    }
    uint32_t entries = (table_length - NDP16_LENGTH) / ENTRY_LENGTH - 1; /* the last one is the end */
    for (uint32_t i = 0; i < entries; i++) {
        const uint8_t *entry = bytes + table + NDP16_LENGTH + ENTRY_LENGTH * i;
        uint32_t start = load_le16(entry), size = load_le16(entry + 2);
        if (start == 0 || size == 0) {
            return 0;
        }
        if (start + size > length || size > rx_max || size < ETHERNET_HEADER) {
            return 1;
        }
        take(context, bytes + start, size);
    }
    return 0;
}

uint32_t ncm_block_read(const uint8_t *bytes, uint32_t length, uint32_t rx_max, int32_t *sequence,
                        void (*take)(void *context, const uint8_t *frame, uint32_t length), void *context)
{
    *sequence = -1;
    if (length < NTH16_LENGTH + NDP16_LENGTH || load_le32(bytes) != NTH16_SIGNATURE ||
        load_le16(bytes + 8) > rx_max) {
        return 1;
    }
    *sequence = load_le16(bytes + 6);
    uint32_t errors = 0;
    uint32_t table = load_le16(bytes + 10);
    for (unsigned i = 0; i <= NCM_HOST_NDPS_MAX; i++) {
        if (table > length - NDP16_LENGTH) {
            return errors + 1;
        }
        errors += table_read(bytes, length, rx_max, table, take, context);
        table = load_le16(bytes + table + 6);
        if (table == 0) {
            break;
        }
    }
    return errors;
}
