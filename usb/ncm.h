/*
 * The NCM function: Ethernet frames to and from a USB host, in blocks (NTB16) over two bulk endpoints.
 *
 *   receive   OUT endpoint ─→ block buffer ─→ ntb_check ─→ ncm_receive: one frame after the other
 *             the caller reads a frame in place, or holds its block: ncm_block_hold / ncm_block_release
 *   send      ncm_send: the pieces of a frame join the open block; when the endpoint is free the block is
 *             sealed (headers built) and written; `sent` gives each frame's token back. Answers to frames
 *             that ncm_receive delivers in one run leave together, when it returns false or at ncm_poll
 *
 * Vocabulary: NTB = NCM transfer block, NTH16 = its header, NDP16 = table of datagrams in it; a datagram is
 * an Ethernet frame without FCS. IN is towards the host. Source: facts.md A1 to A6, B1 to B5; NCM 1.0 [unread].
 *
 * All calls come from the loop, except ncm_block_release where it says so.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_USB_NCM_H
#define PLUGNET_USB_NCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "usb/usb_device.h"
#include "wire/ntb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the function declares to the host. */
#ifndef NCM_OUT_BLOCK_MAX
#define NCM_OUT_BLOCK_MAX 3072 /* dwNtbOutMaxSize, bytes: two whole frames as Linux lays them out */
#endif
#define NCM_OUT_DATAGRAMS_MAX 3 /* wNtbOutMaxDatagrams, and … */
#define NCM_OUT_ALIGNMENT                                                                                    \
    8 /* wNdpOutAlignment: with both, no known host exceeds the size (test_ncm_layouts) */
#define NCM_IN_BLOCK_MAX 16384 /* dwNtbInMaxSize, bytes: costs no memory, sending has no buffer */
#define NCM_FRAME_MAX    1514  /* wMaxSegmentSize, bytes */

#define NCM_OUT_BLOCK_ROOM                                                                                   \
    (NCM_OUT_BLOCK_MAX + 64) /* what is taken, though not declared: an NTB a bit too long */

/* Ours, for sending: what one block may carry. */
#ifndef NCM_IN_DATAGRAMS_MAX
#define NCM_IN_DATAGRAMS_MAX 8
#endif
#ifndef NCM_IN_PIECES_MAX
#define NCM_IN_PIECES_MAX 24 /* pieces (pbufs) of all its frames together */
#endif
#ifndef NCM_AHEAD_DATAGRAMS_MAX
#define NCM_AHEAD_DATAGRAMS_MAX 3 /* frames in the block of those that overtake; 0: none does */
#endif
#define NCM_AHEAD_PIECES_MAX (2 * NCM_AHEAD_DATAGRAMS_MAX) /* pieces of all its frames together */
#ifndef NCM_FRAME_PIECES_MAX
#define NCM_FRAME_PIECES_MAX 20 /* pieces of one frame; lwIP makes a segment of up to TCP_SND_QUEUELEN */
#endif

/* Counters since ncm_init; they wrap. Kept over reset and alternate settings. In the order of the status object. */
struct ncm_stats {
    uint32_t out_blocks;         /* transfers that ended on OUT, without late empty packets and zero bytes */
    uint32_t out_datagrams;      /* frames given to the caller */
    uint32_t out_bytes;          /* bytes in those frames */
    uint32_t in_blocks;          /* NTBs acknowledged by the host */
    uint32_t in_datagrams;       /* frames acknowledged by the host */
    uint32_t in_bytes;           /* bytes in those frames */
    uint32_t out_sequence_jumps; /* logged, not dropped: wSequence was not the next one */
    uint32_t out_starved;        /* times no free block was there to arm OUT with */
    uint32_t in_unread; /* no drop: frames that lay ready when a reset, alt 0 or unplug ended the link */
    uint32_t out_drops[NTB_DROPS]; /* what was dropped from the host, by cause: enum ntb_drop (wire/ntb.h) */
    uint32_t in_drop_full;         /* frames refused: no room in the open block */
    uint32_t in_drop_down;         /* frames refused: data interface not in alternate setting 1 */
    uint32_t in_drop_abort; /* frames lost to a halt or a smaller SetNtbInputSize after ncm_send took them */
};

/* A buffer for one OUT transfer. Caller-owned memory; at least 2, 3 to keep the wire busy. Fields are ours. */
struct ncm_block {
    uint16_t next;    /* where the next NTB to be delivered begins */
    uint16_t carried; /* where the bytes of its own transfer begin; what is before came with the one before */
    uint16_t filled;  /* where the endpoint began to write when it was armed last */
    uint16_t length;  /* end of the bytes known, without a tail that was carried over to the next block */
    bool begun;       /* an NTB of it has been read, or padding may come first */
    bool ours;        /* armed, queued or in delivery */
    uint8_t holds;    /* references: 1 if ours, + 1 for each ncm_block_hold; atomic */
    uint8_t bytes[NCM_OUT_BLOCK_ROOM] __attribute__((aligned(4)));
};

/* One received frame, in place. Valid until the next ncm_receive, or until the block is released if held. */
struct ncm_frame {
    uint8_t *bytes;  /* writable: lwIP swaps byte order in place */
    uint16_t length; /* NTB_DATAGRAM_MIN to NCM_FRAME_MAX bytes */
    struct ncm_block *block;
};

struct ncm_config {
    uint8_t host_mac[6];      /* iMACAddress: what the host's interface will use */
    struct ncm_block *blocks; /* memory for receiving */
    uint8_t block_count;      /* 2 to 8 */

    /* A frame given to ncm_send has left, or was lost (`acknowledged` false): its memory is the caller's
     * again. Called in the order of leaving, from inside usb_device_poll or usb_device_detach. It may call ncm_send. */
    void (*sent)(void *context, void *token, bool acknowledged);

    /* The link went up or down: alternate setting 1, or anything that ends it. */
    void (*link)(void *context, bool up);
    void *context;
};

/* A block towards the host: open (frames join it), or in flight. */
struct ncm_in_block {
    uint32_t length; /* bytes, headers included; 0 when empty */
    uint8_t datagrams;
    uint8_t datagrams_max;
    uint8_t pieces; /* used entries of iov, headers apart */
    uint8_t pieces_max;
    bool ordered; /* holds a frame that was `ahead`: those behind it mustn't overtake it */
    uint16_t *lengths;
    void **tokens;
    struct usb_iov *iov; /* headers, then pieces and padding */
    uint8_t *head;       /* 4-aligned */
};

/* A block's arrays, for `datagrams` frames of `pieces` pieces together. */
#define NCM_IN_ROOM(datagrams, pieces)                                                                       \
    struct {                                                                                                 \
        void *tokens[datagrams];                                                                             \
        struct usb_iov iov[1 + (pieces) + (datagrams)];                                                      \
        uint32_t head[(NTB_HEAD_LENGTH(datagrams) + 2 + 3) / 4];                                             \
        uint16_t lengths[datagrams];                                                                         \
    }

/* One function; caller-owned, all fields are ours. Of "in" (towards the host), "out" (from it) and "notify" (its interrupt
 * endpoint), bytes first and arrays last: instructions reach the first 32 bytes, halfwords to 62 and words to 124 in half the
 * flash. NULL is none. */
struct ncm {
    struct usb_function function; /* goes into usb_device_config.functions */
    bool up;                      /* alternate setting 1 */
    uint8_t halted;               /* NCM_HALTED_…: endpoints that the host has halted */
    bool in_gathering;       /* received frames are being delivered: their answers shall leave together */
    uint8_t notify_due;      /* NCM_NOTIFY_… still to be sent */
    bool notify_busy;        /* one is armed */
    uint8_t out_queued;      /* how many blocks */
    bool out_short;          /* no free block was found, and that was counted */
    bool out_sequence_known; /* false before the first block */
    bool out_full;           /* the last transfer ended by its count: a zero byte may still come */
    uint8_t out_next;        /* next entry of ntb.datagrams */

    uint16_t in_sequence;     /* wSequence of the next block */
    uint16_t out_sequence;    /* wSequence expected next */
    uint16_t out_tail_length; /* bytes of a block that goes on in the next transfer; 0 for none */
    uint16_t out_base;        /* where the NTB in delivery begins in its transfer */
    uint16_t out_seen; /* the interrupt's, as out_watch: NTBs of the armed block are whole up to here */

    const struct ncm_config *config;
    uint32_t in_size;               /* bytes: dwNtbInMaxSize, or what the host has set below it */
    struct ncm_in_block *in_open;   /* frames join it */
    struct ncm_in_block *in_flying; /* the endpoint sends it; NULL when idle */
    struct ncm_block *out_armed;    /* the endpoint fills it */
    struct ncm_block *out_current;  /* in delivery */
    const uint8_t *out_tail;        /* where the bytes of out_tail_length lie */
    struct usb_watch out_watch;     /* the interrupt's, while the endpoint is armed */
    struct usb_iov notify_iov;
    uint8_t notify_bytes[16];
    struct ncm_block *out_queue[8]; /* received after out_current, oldest first */
    struct ntb ntb;
    struct ncm_stats stats;
    struct ncm_in_block in_blocks[2], in_ahead;
    NCM_IN_ROOM(NCM_IN_DATAGRAMS_MAX, NCM_IN_PIECES_MAX) in_rooms[2];
    NCM_IN_ROOM(NCM_AHEAD_DATAGRAMS_MAX, NCM_AHEAD_PIECES_MAX) in_ahead_room;
};

/* Prepare the function; `config` must outlive it. Adds nothing to the device yet: pass &ncm->function to
 * usb_device_init's list. */
void ncm_init(struct ncm *ncm, const struct ncm_config *config);

/* The next received frame. False: none now. Takes a block's frames in table order; when all are taken the
 * block goes back to the endpoint as soon as nobody holds it. Ask until it returns false, or call ncm_poll. */
bool ncm_receive(struct ncm *ncm, struct ncm_frame *frame);

/* Keep a frame's block beyond the next ncm_receive, once for each frame kept. False: this is the last free
 * block (OUT would stay unarmed): copy the frame instead. */
bool ncm_block_hold(struct ncm *ncm, struct ncm_block *block);

/* Give a hold back. Only the reference count changes: atomic, any context; the loop re-arms at its next
 * ncm_poll. */
void ncm_block_release(struct ncm_block *block);

/* Add a frame, made of `count` pieces (1 to NCM_FRAME_PIECES_MAX, together 14 to NCM_FRAME_MAX bytes), to the
 * open block. True: the pieces' memory must stay as it is until `sent` is called with `token`. False: no room
 * or no link, counted, nothing kept. Never waits. The array itself may be reused at once.
 * `ahead`: it may overtake those that were sent without. While a block is in flight, frames of up to 600 bytes do, as long as
 * their own small block has room. Each of the two kinds keeps its order. */
bool ncm_send_frame(struct ncm *ncm, bool ahead, const struct usb_iov *pieces, size_t count, void *token);

/* The same, in order with all others of its kind: what most callers want. */
static inline bool ncm_send(struct ncm *ncm, const struct usb_iov *pieces, size_t count, void *token)
{
    return ncm_send_frame(ncm, false, pieces, count, token);
}

/* Write the open block if the endpoint is free; give back sent frames; re-arm OUT from released blocks. Call
 * it once in each round of the loop, after usb_device_poll. */
void ncm_poll(struct ncm *ncm);

/* True while a frame waits for the host to read it. */
static inline bool ncm_sending(const struct ncm *ncm)
{
    return ncm->in_flying != NULL;
}

/* True while the host has the data interface in alternate setting 1. */
bool ncm_link_up(const struct ncm *ncm);

const struct ncm_stats *ncm_stats(const struct ncm *ncm);

#ifdef __cplusplus
}
#endif

#endif
