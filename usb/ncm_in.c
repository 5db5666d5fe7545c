/*
 * NCM, towards the host: frames as pieces join the open block, which is written when the endpoint is free.
 *
 *   ncm_send ─→ open block ─ endpoint idle ─→ headers built, in flight ─ acknowledged ─→ sent(token)
 *               (the other of two)
 *
 * No frame is copied: the endpoint reads headers, pieces and padding from a gather list. While one block is in
 * flight the other collects; with an idle endpoint a frame leaves at once. A block that is exactly as long as
 * the host's buffer ends by that (FACTS A4), any other by a short or an empty packet.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/ncm_parts.h"

static const uint8_t ncm_padding[4];

static struct ncm_in_block *ncm_in_flying(struct ncm *ncm)
{
    return &ncm->in_blocks[ncm->in_open ^ 1];
}

/* Empty a block, then write the open one if that is possible now, then give the frames back: `sent` may
 * already fill the emptied block again. */
static void ncm_in_release(struct ncm *ncm, struct ncm_in_block *block, bool acknowledged)
{
    void *tokens[NCM_IN_DATAGRAMS_MAX];
    size_t count = block->datagrams;
    for (size_t i = 0; i < count; i++)
        tokens[i] = block->tokens[i];
    block->length = 0;
    block->datagrams = 0;
    block->pieces = 0;
    ncm_in_write(ncm);
    if (!acknowledged)
        ncm->stats.in_drop_abort += (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        ncm->config->sent(ncm->config->context, tokens[i], acknowledged);
}

void ncm_in_write(struct ncm *ncm)
{
    struct ncm_in_block *block = &ncm->in_blocks[ncm->in_open];
    if (block->datagrams == 0 || ncm->in_busy || !ncm->up || (ncm->halted & NCM_HALTED_IN) != 0)
        return;
    ntb_build(block->head, ncm->in_sequence++, block->lengths, block->datagrams);
    block->iov[0] = (struct usb_iov){block->head, NTB_HEAD_LENGTH(block->datagrams)};
    ncm->in_busy = true;
    ncm->in_open ^= 1;
    usb_device_ep_write(ncm->function.device, ncm_ep_in(ncm), block->iov, 1u + block->pieces,
                        block->length != ncm->in_size);
}

static void ncm_in_piece_add(struct ncm_in_block *block, const void *base, uint32_t length)
{
    block->iov[1 + block->pieces++] = (struct usb_iov){base, length};
}

bool ncm_send(struct ncm *ncm, const struct usb_iov *pieces, size_t count, void *token)
{
    if (!ncm->up) {
        ncm->stats.in_drop_down++;
        return false;
    }
    uint32_t frame = 0;
    for (size_t i = 0; i < count; i++)
        frame += pieces[i].length;
    struct ncm_in_block *block = &ncm->in_blocks[ncm->in_open];
    uint8_t datagrams = block->datagrams;
    uint32_t padding = datagrams != 0 ? ntb_padding(block->lengths[datagrams - 1]) : 0;
    uint32_t head = datagrams != 0 ? NTB_ENTRY_LENGTH : NTB_HEAD_LENGTH(1);
    uint32_t length = block->length + head + padding + frame;
    if (frame < NTB_DATAGRAM_MIN || frame > NCM_FRAME_MAX || datagrams == NCM_IN_DATAGRAMS_MAX ||
        block->pieces + count + 1 > NCM_IN_PIECES_MAX + NCM_IN_DATAGRAMS_MAX || length > ncm->in_size) {
        ncm->stats.in_drop_full++;
        return false;
    }
    if (padding != 0)
        ncm_in_piece_add(block, ncm_padding, padding);
    for (size_t i = 0; i < count; i++)
        ncm_in_piece_add(block, pieces[i].base, pieces[i].length);
    block->lengths[datagrams] = (uint16_t)frame;
    block->tokens[datagrams] = token;
    block->datagrams = (uint8_t)(datagrams + 1);
    block->length = length;
    ncm_in_write(ncm);
    return true;
}

void ncm_in_transferred(struct ncm *ncm)
{
    struct ncm_in_block *block = ncm_in_flying(ncm);
    if (!ncm->in_busy)
        return;
    ncm->stats.in_blocks++;
    ncm->stats.in_datagrams += block->datagrams;
    for (size_t i = 0; i < block->datagrams; i++)
        ncm->stats.in_bytes += block->lengths[i];
    ncm->in_busy = false;
    ncm_in_release(ncm, block, true);
}

void ncm_in_aborted(struct ncm *ncm)
{
    bool busy = ncm->in_busy;
    ncm->in_busy = false;
    if (busy)
        ncm_in_release(ncm, ncm_in_flying(ncm), false);
    else
        ncm_in_write(ncm);
}

void ncm_in_stop(struct ncm *ncm)
{
    ncm->in_sequence = 0;
    ncm_in_aborted(ncm);
    ncm_in_release(ncm, &ncm->in_blocks[ncm->in_open], false);
}

void ncm_in_size_set(struct ncm *ncm, uint32_t size)
{
    struct ncm_in_block *open = &ncm->in_blocks[ncm->in_open];
    ncm->in_size = size;
    if (open->length > size)
        ncm_in_release(ncm, open, false);
}
