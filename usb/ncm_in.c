/*
 * NCM, towards the host: frames as pieces join the open block, which is written when the endpoint is free.
 *
 *   ncm_send ─→ open block ─ endpoint idle ─→ headers built, in flight ─ acknowledged ─→ sent(token)
 *               (the other of two)
 *     ahead   ─→ a small block of their own, while another is in flight: it is the next one written
 *
 * No frame is copied: the endpoint reads headers, pieces and padding from a gather list. While one block is in
 * flight the other collects; with an idle endpoint a frame leaves at once, unless received frames are just
 * being delivered: then their answers gather until the last one has been, or until GATHER_MAX. A block that is
 * exactly as long as the host's buffer ends by that (facts.md A4), any other by a short or an empty packet.
 *
 * Small frames that overtake wait for the block in flight at most, not for the segments in the open block, too: a ping
 * beside TCP took 9.5 ms without, and takes 4. They join the open block as long as their own is in flight, so the others
 * get every second block at least. Where one of their kind waits in the open block, all behind it do: they keep their order.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/ncm_parts.h"

#define OVERTAKING_MAX 600  /* bytes: DHCP's frames, most of DNS and mDNS; half a millisecond */
#define GATHER_MAX     2048 /* bytes: with more in the open block an idle endpoint would wait in vain */

static const uint8_t ncm_padding[4];

#define AHEAD (NCM_AHEAD_DATAGRAMS_MAX > 0) /* some frames may overtake */
_Static_assert(NCM_AHEAD_DATAGRAMS_MAX <= NCM_IN_DATAGRAMS_MAX,
               "NCM_AHEAD_DATAGRAMS_MAX: NCM_IN_DATAGRAMS_MAX at most");

/* An empty block, with the arrays that are its own for ever. */
#define BLOCK(room, pieces_)                                                                                 \
    (struct ncm_in_block)                                                                                    \
    {                                                                                                        \
        .datagrams_max = sizeof(room).lengths / sizeof(room).lengths[0], .pieces_max = (pieces_),            \
        .lengths = (room).lengths, .tokens = (room).tokens, .iov = (room).iov,                               \
        .head = (uint8_t *)(room).head,                                                                      \
    }

void ncm_in_init(struct ncm *ncm)
{
    for (unsigned i = 0; i < 2; i++)
        ncm->in_blocks[i] = BLOCK(ncm->in_rooms[i], NCM_IN_PIECES_MAX);
    if (AHEAD)
        ncm->in_ahead = BLOCK(ncm->in_ahead_room, NCM_AHEAD_PIECES_MAX);
    ncm->in_open = &ncm->in_blocks[0];
}

/* Empty a block, then write the open one if that is possible now, then give the frames back: `sent` may
 * already fill the emptied block again. `lost` counts its frames; NULL: the host has read them. */
static void ncm_in_release(struct ncm *ncm, struct ncm_in_block *block, uint32_t *lost)
{
    void *tokens[NCM_IN_DATAGRAMS_MAX];
    size_t count = block->datagrams;
    for (size_t i = 0; i < count; i++)
        tokens[i] = block->tokens[i];
    block->length = 0;
    block->datagrams = 0;
    block->pieces = 0;
    block->ordered = false;
    ncm_in_write(ncm);
    if (lost != NULL)
        *lost += (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        ncm->config->sent(ncm->config->context, tokens[i], lost == NULL);
}

void ncm_in_write(struct ncm *ncm)
{
    bool ahead = AHEAD && ncm->in_ahead.datagrams != 0;
    struct ncm_in_block *block = ahead ? &ncm->in_ahead : ncm->in_open;
    if (block->datagrams == 0 || ncm->in_flying != NULL || !ncm->up || (ncm->halted & NCM_HALTED_IN) != 0)
        return;
    size_t head = NTB_HEAD_LENGTH(block->datagrams);
    ntb_build(block->head, ncm->in_sequence++, block->lengths, block->datagrams);
    struct usb_iov *first = &block->iov[1];
    if (first->length > 2) { /* two bytes more make the head whole words, and what follows 4-aligned */
        const uint8_t *bytes = first->base;
        block->head[head] = bytes[0];
        block->head[head + 1] = bytes[1];
        *first = (struct usb_iov){bytes + 2, first->length - 2};
        head += 2;
    }
    block->iov[0] = (struct usb_iov){block->head, (uint32_t)head};
    ncm->in_flying = block;
    if (!ahead)
        ncm->in_open = block == ncm->in_blocks ? &ncm->in_blocks[1] : ncm->in_blocks;
    usb_device_ep_write(ncm->function.device, ncm_ep_in(ncm), block->iov, 1u + block->pieces,
                        block->length != ncm->in_size);
}

/* Add a frame to a block; false if it doesn't fit. */
static bool ncm_in_add(const struct ncm *ncm, struct ncm_in_block *block, const struct usb_iov *pieces,
                       size_t count, uint32_t frame, void *token)
{
    size_t datagrams = block->datagrams;
    uint32_t length = NTB_HEAD_LENGTH(1) + frame;
    uint32_t padding = 0;
    if (datagrams != 0) {
        padding = ntb_padding(block->lengths[datagrams - 1]);
        length = block->length + NTB_ENTRY_LENGTH + padding + frame;
    }
    if (datagrams == block->datagrams_max || length > ncm->in_size ||
        block->pieces + count >= block->pieces_max + block->datagrams_max)
        return false;
    struct usb_iov *iov = &block->iov[1 + block->pieces];
    if (padding != 0)
        *iov++ = (struct usb_iov){ncm_padding, padding};
    for (size_t i = 0; i < count; i++)
        *iov++ = pieces[i];
    block->pieces = (uint8_t)(iov - &block->iov[1]);
    block->lengths[datagrams] = (uint16_t)frame;
    block->tokens[datagrams] = token;
    block->datagrams = (uint8_t)(datagrams + 1);
    block->length = length;
    return true;
}

bool ncm_send_frame(struct ncm *ncm, bool ahead, const struct usb_iov *pieces, size_t count, void *token)
{
    if (!ncm->up) {
        ncm->stats.in_drop_down++;
        return false;
    }
    uint32_t frame = 0;
    for (size_t i = 0; i < count; i++)
        frame += pieces[i].length;
    bool fits = frame - NTB_DATAGRAM_MIN <= NCM_FRAME_MAX - NTB_DATAGRAM_MIN;
    bool overtakes = AHEAD && ahead && fits && frame <= OVERTAKING_MAX && !ncm->in_open->ordered &&
                     ncm->in_flying != NULL && ncm->in_flying != &ncm->in_ahead;
    if (overtakes && ncm_in_add(ncm, &ncm->in_ahead, pieces, count, frame, token))
        return true;
    bool added = fits && ncm_in_add(ncm, ncm->in_open, pieces, count, frame, token);
    if (fits && !added) {
        ncm_in_write(ncm); /* gathered enough: the other block may be free */
        added = ncm_in_add(ncm, ncm->in_open, pieces, count, frame, token);
    }
    ncm->in_open->ordered |= ahead && added;
    ncm->stats.in_drop_full += !added;
    if (!ncm->in_gathering || ncm->in_open->length > GATHER_MAX)
        ncm_in_write(ncm);
    return added;
}

void ncm_in_transferred(struct ncm *ncm)
{
    struct ncm_in_block *block = ncm->in_flying;
    if (block == NULL)
        return;
    ncm->stats.in_blocks++;
    ncm->stats.in_datagrams += block->datagrams;
    for (size_t i = 0; i < block->datagrams; i++)
        ncm->stats.in_bytes += block->lengths[i];
    ncm->in_flying = NULL;
    ncm_in_release(ncm, block, NULL);
}

static void ncm_in_abort(struct ncm *ncm, uint32_t *lost)
{
    struct ncm_in_block *block = ncm->in_flying;
    ncm->in_flying = NULL;
    if (block != NULL)
        ncm_in_release(ncm, block, lost);
    else
        ncm_in_write(ncm);
}

void ncm_in_aborted(struct ncm *ncm)
{
    ncm_in_abort(ncm, &ncm->stats.in_drop_abort);
}

void ncm_in_stop(struct ncm *ncm)
{
    ncm->in_sequence = 0;
    ncm_in_abort(ncm, &ncm->stats.in_unread);
    if (AHEAD)
        ncm_in_release(ncm, &ncm->in_ahead, &ncm->stats.in_unread);
    ncm_in_release(ncm, ncm->in_open, &ncm->stats.in_unread);
}

_Static_assert(NTB_HEAD_LENGTH(NCM_AHEAD_DATAGRAMS_MAX) + NCM_AHEAD_DATAGRAMS_MAX * (OVERTAKING_MAX + 3) <=
                   NCM_IN_SIZE_MIN,
               "what overtakes must fit the smallest block that a host may want");

void ncm_in_size_set(struct ncm *ncm, uint32_t size)
{
    ncm->in_size = size;
    if (ncm->in_open->length > size)
        ncm_in_release(ncm, ncm->in_open, &ncm->stats.in_drop_abort);
}
