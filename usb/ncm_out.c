/*
 * NCM, from the host: transfers into blocks, blocks checked once, frames delivered in place.
 *
 *   free ─ arm ─→ endpoint fills ─ transferred ─→ queue ─→ current ─ ncm_receive … ─→ free, or still held
 *
 * One transfer may hold several NTBs: each is looked for where the one before says it ends; what follows and
 * is none is padding. A transfer that ends because the block is full may cut an NTB in two (a host that sends
 * neither pad nor empty packet: facts.md B4, C1): its first part is then carried to the start of the next block,
 * and the endpoint armed behind it. If the NTB turns out not to go on, the new transfer is read by itself.
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "usb/ncm_parts.h"

#define PACKET_SIZE 64u /* bulk, full speed */

static uint8_t ncm_block_holds(const struct ncm_block *block)
{
    return __atomic_load_n(&block->holds, __ATOMIC_ACQUIRE);
}

static void ncm_block_disown(struct ncm_block *block)
{
    block->ours = false;
    ncm_block_release(block);
}

void ncm_block_release(struct ncm_block *block)
{
    __atomic_fetch_sub(&block->holds, 1, __ATOMIC_RELEASE);
}

bool ncm_block_hold(struct ncm *ncm, struct ncm_block *block)
{
    uint8_t holds = ncm_block_holds(block);
    bool spare = ncm->out_armed != NULL || holds > 1;
    for (uint8_t i = 0; i < ncm->config->block_count && !spare; i++) {
        const struct ncm_block *other = &ncm->config->blocks[i];
        spare = other != block && ncm_block_holds(other) == other->ours;
    }
    if (!spare || holds == UINT8_MAX)
        return false;
    __atomic_fetch_add(&block->holds, 1, __ATOMIC_RELAXED);
    return true;
}

void ncm_out_arm(struct ncm *ncm)
{
    if (ncm->out_armed != NULL || !ncm->up || (ncm->halted & NCM_HALTED_OUT) != 0)
        return;
    struct ncm_block *block = ncm->config->blocks;
    const struct ncm_block *end = block + ncm->config->block_count;
    while (block != end && ncm_block_holds(block) != 0)
        block++;
    if (block == end) {
        ncm->stats.out_starved += !ncm->out_short;
        ncm->out_short = true;
        return;
    }
    ncm->out_short = false;
    block->ours = true;
    block->holds = 1; /* it was 0: nobody else counts here */
    block->carried = ncm->out_tail_length;
    if (ncm->out_tail_length != 0) {
        memmove(block->bytes, ncm->out_tail, ncm->out_tail_length);
        ncm->out_tail_length = 0;
    }
    ncm->out_armed = block;
    usb_device_ep_read(ncm->function.device, ncm_ep_out(ncm), block->bytes + block->carried,
                       NCM_OUT_BLOCK_MAX - (uint32_t)block->carried);
}

void ncm_out_transferred(struct ncm *ncm)
{
    struct ncm_block *block = ncm->out_armed;
    if (block == NULL)
        return;
    ncm->out_armed = NULL;
    uint32_t length = block->carried + usb_device_ep_received(ncm->function.device, ncm_ep_out(ncm));
    if (length == 0) { /* an empty packet that nothing asked for: ncm_poll arms again */
        ncm_block_disown(block);
        return;
    }
    ncm->stats.out_blocks++;
    size_t tail = length == NCM_OUT_BLOCK_MAX ? ntb_tail(block->bytes, length, NCM_OUT_BLOCK_MAX) : 0;
    if (tail % PACKET_SIZE != 0)
        tail = 0;
    block->length = (uint16_t)(length - tail);
    ncm->out_tail_length = (uint16_t)tail;
    ncm->out_tail = block->bytes + block->length;
    ncm->out_queue[ncm->out_queued++] = block;
    ncm_out_arm(ncm);
}

/* ---- Delivery. ---- */

static void ncm_out_count_drops(struct ncm_stats *stats, const struct ntb *ntb)
{
    stats->out_drop_header += ntb->drops[NTB_DROP_HEADER];
    stats->out_drop_length += ntb->drops[NTB_DROP_LENGTH];
    stats->out_drop_table += ntb->drops[NTB_DROP_TABLE];
    stats->out_drop_chain += ntb->drops[NTB_DROP_CHAIN];
    stats->out_drop_bounds += ntb->drops[NTB_DROP_BOUNDS];
    stats->out_drop_overlap += ntb->drops[NTB_DROP_OVERLAP];
    stats->out_drop_oversize += ntb->drops[NTB_DROP_OVERSIZE];
    stats->out_drop_count += ntb->drops[NTB_DROP_COUNT];
    stats->out_drop_crc += ntb->drops[NTB_DROP_CRC];
}

/* Check the NTB that begins at `base` of the current block. */
static void ncm_out_check(struct ncm *ncm, size_t base)
{
    const struct ncm_block *block = ncm->out_current;
    ncm->out_base = (uint16_t)base;
    ncm->out_next = 0;
    ntb_check(&ncm->ntb, block->bytes + base, block->length - base, NCM_FRAME_MAX);
    if (ncm->ntb.dropped)
        ncm_out_count_drops(&ncm->stats, &ncm->ntb);
    if (ncm->ntb.block_length == 0)
        return;
    if (ncm->out_sequence_known && ncm->ntb.sequence != ncm->out_sequence)
        ncm->stats.out_sequence_jumps++;
    ncm->out_sequence_known = true;
    ncm->out_sequence = (uint16_t)(ncm->ntb.sequence + 1);
}

/* All frames of this NTB are taken: go on to the next one in the block, or give the block back. */
static void ncm_out_advance(struct ncm *ncm)
{
    struct ncm_block *block = ncm->out_current;
    size_t next = ncm->out_base + (size_t)ncm->ntb.block_length;
    if (ncm->ntb.block_length == 0 && ncm->out_base == 0)
        next = block->carried;
    if (next > ncm->out_base && ntb_follows(block->bytes + next, block->length - next)) {
        ncm_out_check(ncm, next);
        return;
    }
    ncm->out_current = NULL;
    ncm_block_disown(block);
    ncm_out_arm(ncm);
}

/* The oldest queued block becomes the current one. */
static void ncm_out_dequeue(struct ncm *ncm)
{
    ncm->out_current = ncm->out_queue[0];
    ncm->out_queued--;
    for (size_t i = 0; i < ncm->out_queued; i++)
        ncm->out_queue[i] = ncm->out_queue[i + 1];
    ncm_out_check(ncm, 0);
}

bool ncm_receive(struct ncm *ncm, struct ncm_frame *frame)
{
    /* Each round takes a frame, an NTB of at least NTB_BLOCK_MIN bytes, or a queued block. */
    while (ncm->out_current != NULL || ncm->out_queued != 0) {
        if (ncm->out_current == NULL)
            ncm_out_dequeue(ncm);
        if (ncm->out_next < ncm->ntb.count) {
            const struct ntb_datagram *datagram = &ncm->ntb.datagrams[ncm->out_next++];
            frame->block = ncm->out_current;
            frame->bytes = ncm->out_current->bytes + ncm->out_base + datagram->offset;
            frame->length = datagram->length;
            ncm->stats.out_datagrams++;
            ncm->stats.out_bytes += datagram->length;
            ncm->in_gathering = true;
            return true;
        }
        ncm_out_advance(ncm);
    }
    if (ncm->in_gathering) {
        ncm->in_gathering = false;
        ncm_in_write(ncm);
    }
    return false;
}

/* ---- Start and stop. ---- */

void ncm_out_start(struct ncm *ncm)
{
    ncm->out_sequence_known = false;
    ncm->out_tail_length = 0;
    ncm_out_arm(ncm);
}

void ncm_out_aborted(struct ncm *ncm)
{
    struct ncm_block *block = ncm->out_armed;
    ncm->out_armed = NULL;
    ncm->out_tail_length = 0;
    if (block != NULL)
        ncm_block_disown(block);
    ncm_out_arm(ncm);
}

void ncm_out_stop(struct ncm *ncm)
{
    ncm_out_aborted(ncm);
    for (uint8_t i = 0; i < ncm->out_queued; i++)
        ncm_block_disown(ncm->out_queue[i]);
    ncm->out_queued = 0;
    if (ncm->out_current != NULL)
        ncm_block_disown(ncm->out_current);
    ncm->out_current = NULL;
    ncm->ntb.count = 0;
}
