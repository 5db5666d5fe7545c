/*
 * NCM, from the host: transfers into blocks, blocks checked once, frames delivered in place.
 *
 *   free ─ arm ─→ endpoint fills ─ transferred ─→ queue ─→ current ─ ncm_receive … ─→ free, or still held
 *                       └─ an NTB is whole ─→ current ─→ armed still
 *
 * One transfer may hold several NTBs. Each begins where the one before says it ends, or with a packet behind that; what lies
 * between is padding, also where it goes on into the next transfer. Some hosts end a transfer of whole packets with neither padding nor an empty
 * packet (facts.md B4, C1, J), so an NTB that ends on a full packet is delivered while the endpoint goes on behind it
 * in the same block. A zero byte or an empty packet that comes after it ends the transfer, and is nothing else.
 *
 * A transfer that ends because the block is full may cut an NTB in two. If the block has room for the rest, it is
 * armed again behind what came; or else the first part is carried to the next block. If such an NTB turns out
 * not to go on, the new transfer is read by itself.
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "usb/ncm_parts.h"

#define PACKET_SIZE 64u /* bulk, full speed; all packets in a block begin at multiples of it */

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
    bool spare = (ncm->out_armed != NULL && ncm->out_armed != block) || holds > 1;
    for (uint8_t i = 0; i < ncm->config->block_count && !spare; i++) {
        const struct ncm_block *other = &ncm->config->blocks[i];
        spare = other != block && ncm_block_holds(other) == other->ours;
    }
    if (!spare || holds == UINT8_MAX)
        return false;
    __atomic_fetch_add(&block->holds, 1, __ATOMIC_RELAXED);
    return true;
}

/* True if what lies at `at` may be padding: anything that is no NTB; but at the beginning of a transfer only what begins
 * with a zero, as the padding behind an NTB of the transfer before it does. */
static bool ncm_out_pads(const struct ncm_block *block, size_t at, size_t length)
{
    return !ntb_follows(block->bytes + at, length - at) && (at != 0 || block->bytes[0] == 0);
}

/* Find the next NTB: it begins at *at, or in one of the packets behind, where what lies before is padding; if there is
 * none, *at is the last packet. Returns the bytes that it needs; 0 if that can't be told. */
static size_t ncm_out_span(const struct ncm_block *block, size_t *at, size_t length)
{
    for (size_t packet = *at; packet < length; packet = (packet / PACKET_SIZE + 1) * PACKET_SIZE) {
        *at = packet;
        if (!ncm_out_pads(block, packet, length))
            break;
    }
    return ntb_span(block->bytes + *at, length - *at);
}

bool ncm_out_look(struct usb_watch *watch, uint32_t received)
{
    struct ncm *ncm = (struct ncm *)(void *)((uint8_t *)watch - offsetof(struct ncm, out_watch));
    struct ncm_block *block = ncm->out_armed;
    size_t at = ncm->out_seen, length = block->filled + received, span;
    bool whole = false;
    while ((span = ncm_out_span(block, &at, length)) != 0 && span <= length - at) {
        at += span; /* an NTB in each round */
        whole = true;
    }
    ncm->out_seen = (uint16_t)at;
    if (whole) /* ncm_out_find may look */
        __atomic_store_n(&block->length, (uint16_t)length, __ATOMIC_RELEASE);
    watch->next = UINT32_MAX; /* until a short packet, or the end of the block */
    if (span != 0)
        watch->next = (uint32_t)(at + span - block->filled);
    else if (length - at < NTB_NTH16_LENGTH || ncm_out_pads(block, at, length))
        watch->next = received + 1; /* the next packet may have its header, or some of it */
    return whole;
}

/* Let the endpoint fill the block from `filled` on: up to what an NTB may have, or to the block's end. */
static void ncm_out_read(struct ncm *ncm, struct ncm_block *block, size_t filled)
{
    size_t end = filled < NCM_OUT_BLOCK_MAX ? NCM_OUT_BLOCK_MAX : NCM_OUT_BLOCK_ROOM;
    block->filled = block->length = (uint16_t)filled;
    ncm->out_armed = block;
    ncm->out_watch.next = 1;
    if (filled != 0)
        ncm_out_look(&ncm->out_watch, 0);
    usb_device_ep_read(ncm->function.device, ncm_ep_out(ncm), block->bytes + filled, (uint32_t)(end - filled),
                       &ncm->out_watch);
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
    size_t tail = ncm->out_tail_length;
    block->begun = tail != 0 || ncm->out_full; /* it may be padding that comes first */
    block->next = (uint16_t)((0u - tail) % PACKET_SIZE);
    block->carried = (uint16_t)(block->next + tail);
    if (tail != 0)
        memmove(block->bytes + block->next, ncm->out_tail, tail);
    ncm->out_tail_length = 0;
    ncm->out_seen = block->next;
    ncm_out_read(ncm, block, block->carried);
}

/* The armed block is full. True: the NTB at its end goes on behind it. Otherwise what is there of that NTB is cut
 * off, to be carried to the next block if it can be whole there. */
static bool ncm_out_filled(struct ncm *ncm, struct ncm_block *block)
{
    ncm_out_look(&ncm->out_watch, block->length - (uint32_t)block->filled);
    size_t length = block->length, at = ncm->out_seen, tail = length - at;
    size_t span = ntb_span(block->bytes + at, tail);
    if (span != 0 && at + span <= NCM_OUT_BLOCK_ROOM) {
        ncm_out_read(ncm, block, length);
        return true;
    }
    if (tail < NTB_NTH16_LENGTH || (span != 0 && (0u - tail) % PACKET_SIZE + span <= NCM_OUT_BLOCK_ROOM)) {
        ncm->out_tail_length = (uint16_t)tail;
        ncm->out_tail = block->bytes + at;
        block->length = (uint16_t)at;
    }
    return false;
}

/* Look where the next NTB of the block is to be read. False: there is none, or none yet. In an armed block it must
 * be whole; or else the first one may be anything, so that it is counted. */
static bool ncm_out_find(const struct ncm *ncm, struct ncm_block *block)
{
    size_t at = block->next, length = __atomic_load_n(&block->length, __ATOMIC_ACQUIRE);
    if (at == length)
        return false;
    size_t span = ncm_out_span(block, &at, length);
    block->next = (uint16_t)at;
    if (block == ncm->out_armed)
        return span != 0 && span <= length - at;
    return !block->begun || !ncm_out_pads(block, at, length);
}

/* The armed block is the endpoint's no longer. */
static void ncm_out_disarm(struct ncm *ncm)
{
    struct ncm_block *block = ncm->out_armed;
    ncm->out_armed = NULL;
    if (block == ncm->out_current)
        return; /* ncm_out_advance sees to what has come behind */
    if (ncm_out_find(ncm, block))
        ncm->out_queue[ncm->out_queued++] = block;
    else
        ncm_block_disown(block);
}

void ncm_out_transferred(struct ncm *ncm)
{
    struct ncm_block *block = ncm->out_armed;
    if (block == NULL)
        return;
    uint32_t received = usb_device_ep_received(ncm->function.device, ncm_ep_out(ncm));
    uint32_t length = block->filled + received;
    bool full = length == NCM_OUT_BLOCK_ROOM || (length == NCM_OUT_BLOCK_MAX && received != 0);
    if (length <= ncm->out_full) { /* nothing, or the zero byte behind an NTB that filled its block */
        ncm->out_full = false;
        block->length = 0;
        ncm_out_disarm(ncm); /* ncm_poll arms again */
        return;
    }
    block->length = (uint16_t)length;
    if (block->filled == NCM_OUT_BLOCK_MAX && block->next == 0 &&
        ntb_span(block->bytes + NCM_OUT_BLOCK_MAX, received) != 0) {
        ncm->stats.out_drops[NTB_DROP_LENGTH]++; /* a new NTB, rather than the end of one that is too long */
        block->next = ncm->out_seen = NCM_OUT_BLOCK_MAX;
        ncm->out_watch.next = 0;
    }
    if (full && received != ncm->out_watch.next && ncm_out_filled(ncm, block))
        return;
    ncm->out_full = full;
    ncm->stats.out_blocks++;
    ncm_out_disarm(ncm);
    ncm_out_arm(ncm);
}

/* ---- Delivery. ---- */

static void ncm_out_count_drops(struct ncm_stats *stats, const struct ntb *ntb)
{
    for (unsigned cause = 0; cause < NTB_DROPS; cause++)
        stats->out_drops[cause] += ntb->drops[cause];
}

/* Check the NTB that begins where ncm_out_find looked. */
static void ncm_out_check(struct ncm *ncm, struct ncm_block *block)
{
    size_t base = block->next;
    ncm->out_current = block;
    ncm->out_base = (uint16_t)base;
    ncm->out_next = 0;
    block->begun = true;
    ntb_check(&ncm->ntb, block->bytes + base, block->length - base, NCM_FRAME_MAX);
    if (ncm->ntb.dropped)
        ncm_out_count_drops(&ncm->stats, &ncm->ntb);
    if (ncm->ntb.block_length == 0) { /* one that was cut in two, and did not go on, costs itself alone */
        block->next = base < block->carried ? block->carried : block->length;
        return;
    }
    block->next = (uint16_t)(base + ncm->ntb.block_length);
    if (ncm->out_sequence_known && ncm->ntb.sequence != ncm->out_sequence)
        ncm->stats.out_sequence_jumps++;
    ncm->out_sequence_known = true;
    ncm->out_sequence = (uint16_t)(ncm->ntb.sequence + 1);
}

/* All frames of this NTB are taken: go on to the next one in the block, or give the block back. */
static void ncm_out_advance(struct ncm *ncm)
{
    struct ncm_block *block = ncm->out_current;
    if (ncm_out_find(ncm, block)) {
        ncm_out_check(ncm, block);
        return;
    }
    ncm->out_current = NULL;
    if (block == ncm->out_armed)
        return; /* the endpoint goes on in it */
    ncm_block_disown(block);
    ncm_out_arm(ncm);
}

/* The oldest block that has an NTB becomes the current one. False: none has. */
static bool ncm_out_open(struct ncm *ncm)
{
    struct ncm_block *block = ncm->out_armed;
    if (ncm->out_queued != 0) {
        block = ncm->out_queue[0];
        ncm->out_queued--;
        for (size_t i = 0; i < ncm->out_queued; i++)
            ncm->out_queue[i] = ncm->out_queue[i + 1];
    } else if (block == NULL || block->next == block->length || !ncm_out_find(ncm, block)) {
        return false;
    }
    ncm_out_check(ncm, block);
    return true;
}

bool ncm_receive(struct ncm *ncm, struct ncm_frame *frame)
{
    /* Each round takes a frame, an NTB of at least NTB_BLOCK_MIN bytes, or a queued block. */
    while (ncm->out_current != NULL || ncm_out_open(ncm)) {
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
    ncm->out_full = false;
    ncm_out_arm(ncm);
}

void ncm_out_aborted(struct ncm *ncm)
{
    ncm->out_tail_length = 0;
    if (ncm->out_armed != NULL) {
        ncm->out_armed->length = ncm->out_seen; /* NTBs that are whole had come before */
        ncm_out_disarm(ncm);
    }
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
