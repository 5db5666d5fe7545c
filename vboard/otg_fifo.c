/*
 * The FIFO RAM of the OTG_FS core: one receive FIFO and one transmit FIFO for each IN endpoint, all cut out of
 * the same 320 words by GRXFSIZ and DIEPTXFn. Parts that overlap spoil each other, as on the chip.
 *
 *   receive:  status, data…, status, data…      one status word for each entry; three SETUP packets and their
 *                                               end always fit: 10 words are kept for them [RM]
 *   transmit: data words only                   a packet leaves when all its words are there
 *
 * The status words' contents are kept beside the RAM, so that a broken partition can't confuse the model.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/otg_fs.h"

#include <string.h>

#define SETUP_RESERVE 10

static uint16_t rx_depth(const struct otg_fs *otg)
{
    uint32_t depth = otg->grxfsiz & 0xFFFFu;
    return (uint16_t)(depth < otg->variant->fifo_words ? depth : otg->variant->fifo_words);
}

/* Words of a transmit FIFO that lie within the RAM. */
uint16_t otg_tx_depth(const struct otg_fs *otg, unsigned fifo)
{
    if (fifo >= otg->variant->endpoints)
        return 0;
    uint32_t start = otg->dieptxf[fifo] & 0xFFFFu, depth = otg->dieptxf[fifo] >> 16;
    uint32_t words = otg->variant->fifo_words;
    if (start >= words)
        return 0;
    return (uint16_t)(depth < words - start ? depth : words - start);
}

void otg_tx_flush(struct otg_fs *otg, unsigned fifo)
{
    if (fifo >= otg->variant->endpoints)
        return;
    otg->tx[fifo] = (struct otg_tx){0};
    for (unsigned n = 0; n < otg->variant->endpoints; n++)
        if ((otg->in[n].diepctl & EPCTL_TXFNUM) >> EPCTL_TXFNUM_POS == fifo)
            otg->in[n].words = 0;
    otg->filling = -1;
}

/* DIEPINT.TXFE: the FIFO is empty, or half empty where TXFELVL asks for that. */
bool otg_tx_empty_level(const struct otg_fs *otg, unsigned n)
{
    unsigned fifo = (otg->in[n].diepctl & EPCTL_TXFNUM) >> EPCTL_TXFNUM_POS;
    if (fifo >= otg->variant->endpoints)
        return true;
    unsigned level = otg->tx[fifo].level;
    return level == 0 || (!(otg->gahbcfg & GAHBCFG_TXFELVL) && level * 2u <= otg_tx_depth(otg, fifo));
}

/* Software writes a word of endpoint n. */
void otg_tx_push(struct otg_fs *otg, unsigned n, uint32_t word)
{
    struct otg_in *in = &otg->in[n];
    unsigned fifo = (in->diepctl & EPCTL_TXFNUM) >> EPCTL_TXFNUM_POS;
    unsigned depth = otg_tx_depth(otg, fifo);
    if (!(in->diepctl & EPCTL_EPENA))
        otg->wires.warn(otg->wires.context,
                        "OTG_FS: data written to the FIFO of an IN endpoint that is not enabled");
    if (otg->filling >= 0 && otg->filling != (int)n && otg->tracing)
        otg->wires.warn(otg->wires.context,
                        "OTG_FS: another endpoint's FIFO written in the middle of a packet");
    if (fifo >= otg->variant->endpoints || otg->tx[fifo].level >= depth) {
        otg->wires.warn(otg->wires.context, "OTG_FS: a transmit FIFO was written beyond its room");
        return;
    }
    struct otg_tx *tx = &otg->tx[fifo];
    otg->ram[(otg->dieptxf[fifo] & 0xFFFFu) + (tx->head + tx->level) % depth] = word;
    tx->level++;

    uint32_t xfrsiz = in->dieptsiz & EPTSIZ_XFRSIZ, mps = otg_packet_size(otg, n, true);
    if (!(in->diepctl & EPCTL_EPENA) || mps == 0)
        return;
    uint32_t packet = xfrsiz < mps ? xfrsiz : mps;
    in->words++;
    otg->filling = (int)n;
    if (in->words * 4u >= packet) {
        in->dieptsiz = (in->dieptsiz & ~EPTSIZ_XFRSIZ) | (xfrsiz - packet);
        in->words = 0;
        otg->filling = -1;
    }
}

uint32_t otg_tx_pop(struct otg_fs *otg, unsigned fifo)
{
    struct otg_tx *tx = &otg->tx[fifo];
    unsigned depth = otg_tx_depth(otg, fifo);
    if (tx->level == 0 || depth == 0)
        return 0;
    uint32_t word = otg->ram[(otg->dieptxf[fifo] & 0xFFFFu) + tx->head % depth];
    tx->head = (uint16_t)((tx->head + 1u) % depth);
    tx->level--;
    return word;
}

void otg_rx_flush(struct otg_fs *otg)
{
    memset(&otg->rx, 0, sizeof otg->rx);
}

/* Room for an entry of `words`, its status word included? Only SETUP may use the last ten. */
bool otg_rx_room(const struct otg_fs *otg, unsigned words, bool setup)
{
    unsigned depth = rx_depth(otg);
    if (otg->rx.count >= OTG_FIFO_WORDS)
        return false;
    if (setup)
        return otg->rx.level + words <= depth;
    return otg->rx.level - otg->rx.setup_words + words + SETUP_RESERVE <= depth &&
           otg->rx.level + words <= depth;
}

void otg_rx_push(struct otg_fs *otg, unsigned n, unsigned pktsts, bool data1, const uint8_t *bytes,
                 unsigned length)
{
    struct otg_rx *rx = &otg->rx;
    unsigned depth = rx_depth(otg), words = (length + 3u) / 4u;
    if (depth == 0 || rx->count >= OTG_FIFO_WORDS || rx->level + 1u + words > depth) {
        otg->wires.warn(otg->wires.context,
                        "OTG_FS: the receive FIFO has no room for a status word, which is lost");
        return;
    }
    struct otg_rx_entry *entry = &rx->entries[(rx->first + rx->count) % OTG_FIFO_WORDS];
    uint32_t frame = otg->dsts >> DSTS_FNSOF_POS & 0xFu;
    entry->status = n | length << 4 | (data1 ? 2u : 0u) << 15 | pktsts << 17 | frame << 21;
    entry->words = (uint16_t)words;
    rx->count++;
    unsigned tail = rx->head + rx->level;
    otg->ram[tail % depth] = entry->status;
    for (unsigned i = 0; i < words; i++) {
        uint32_t word = 0;
        for (unsigned b = 0; b < 4 && i * 4 + b < length; b++)
            word |= (uint32_t)bytes[i * 4 + b] << (8 * b);
        otg->ram[(tail + 1 + i) % depth] = word;
    }
    rx->level = (uint16_t)(rx->level + 1u + words);
    if (pktsts == PKTSTS_SETUP || pktsts == PKTSTS_SETUP_DONE)
        rx->setup_words = (uint16_t)(rx->setup_words + 1u + words);
}

static void rx_drop(struct otg_fs *otg, unsigned words)
{
    struct otg_rx *rx = &otg->rx;
    unsigned depth = rx_depth(otg);
    if (words > rx->level)
        words = rx->level;
    rx->head = depth ? (uint16_t)((rx->head + words) % depth) : 0;
    rx->level = (uint16_t)(rx->level - words);
}

/* GRXSTSR and GRXSTSP. */
uint32_t otg_rx_status(struct otg_fs *otg, bool pop)
{
    struct otg_rx *rx = &otg->rx;
    if (rx->count == 0) {
        if (pop)
            otg->wires.warn(otg->wires.context, "OTG_FS: GRXSTSP read while the receive FIFO is empty");
        return 0;
    }
    struct otg_rx_entry entry = rx->entries[rx->first];
    if (!pop)
        return entry.status;
    if (rx->reading) {
        otg->wires.warn(otg->wires.context,
                        "OTG_FS: GRXSTSP read before the packet's data was taken; it is lost");
        rx_drop(otg, rx->reading);
    }
    rx->first = (uint16_t)((rx->first + 1) % OTG_FIFO_WORDS);
    rx->count--;
    rx->reading = entry.words;
    rx_drop(otg, 1);
    unsigned pktsts = entry.status >> 17 & 0xFu;
    if (pktsts == PKTSTS_SETUP || pktsts == PKTSTS_SETUP_DONE) {
        unsigned words = 1u + entry.words;
        rx->setup_words = (uint16_t)(rx->setup_words > words ? rx->setup_words - words : 0);
    }
    return entry.status;
}

bool otg_rx_waits(const struct otg_fs *otg, unsigned n, unsigned pktsts)
{
    for (unsigned i = 0; i < otg->rx.count; i++) {
        uint32_t status = otg->rx.entries[(otg->rx.first + i) % OTG_FIFO_WORDS].status;
        if ((status & 0xFu) == n && (status >> 17 & 0xFu) == pktsts)
            return true;
    }
    return false;
}

uint32_t otg_rx_word(struct otg_fs *otg)
{
    struct otg_rx *rx = &otg->rx;
    unsigned depth = rx_depth(otg);
    if (rx->reading == 0 || rx->level == 0 || depth == 0) {
        otg->wires.warn(otg->wires.context, "OTG_FS: more read from the receive FIFO than the packet has");
        return 0;
    }
    uint32_t word = otg->ram[rx->head % depth];
    rx_drop(otg, 1);
    rx->reading--;
    return word;
}
