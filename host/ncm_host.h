/*
 * The NCM driver of the PC: binds, sends and receives step by step as Linux's cdc_ncm does (facts.md B1 to B6).
 *
 *   usb_host configured ─→ ncm_host_bind ─→ NETWORK_CONNECTION ─→ link(up) ─→ frames both ways
 *   ncm_host_send(frame) ─→ queue (1,000 frames) ─→ open NTB ─→ full, timer or table full ─→ URB (4 in flight)
 *   URB (4 posted) ─→ NTB read ─→ receive(frame) for each datagram
 *
 * Batching: a timer of 400 µs that runs again while fewer than three frames are there, twice at most, so a lone
 * frame waits 1.2 ms. `eager` sends at once; what comes while a block is on its way shares the next one, which
 * follows in the same moment, since completions cost no time here.
 *
 * Layout of a sent NTB: NTH16 at 0, NDP16 at the next multiple of wNdpOutAlignment (12 → 12), as long as
 * wNtbOutMaxDatagrams asks for; each frame at the next multiple of wNdpOutDivisor plus the remainder (less 14).
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_NCM_HOST_H
#define PLUGNET_HOST_NCM_HOST_H

#include "host/bus.h"
#include "host/pc.h"
#include "host/sequence.h"
#include "host/usb_host.h"

#define NCM_HOST_BLOCK_MAX     16384 /* Linux's CDC_NCM_NTB_MAX_SIZE_TX and _RX by default */
#define NCM_HOST_BLOCK_MIN     2048
#define NCM_HOST_DATAGRAMS_MAX 40
#define NCM_HOST_URBS          4    /* each way, at full speed */
#define NCM_HOST_TX_URBS       6    /* the timer may send when four are in flight already */
#define NCM_HOST_TX_TIMEOUT_MS 5000 /* as Linux's transmit watchdog */
#define NCM_HOST_RETRY_MS      5    /* after a receive error */
#define NCM_HOST_QUEUE_MAX     1000 /* frames; txqueuelen */
#define NCM_HOST_FRAME_MAX     1514
#define NCM_HOST_FRAME_MIN     14
#define NCM_HOST_TIMER_NS      400000u
#define NCM_HOST_TIMER_ROUNDS  2 /* times the timer runs again … */
#define NCM_HOST_TIMER_FRAMES  3 /* … while fewer frames are in the block */
#define NCM_HOST_NDPS_MAX      50

/* What the device declared, and what we made of it. */
struct ncm_host_params {
    uint16_t bmNtbFormatsSupported;
    uint32_t dwNtbInMaxSize, dwNtbOutMaxSize;
    uint16_t wNdpOutDivisor, wNdpOutPayloadRemainder, wNdpOutAlignment, wNtbOutMaxDatagrams;
    uint32_t rx_max, tx_max;                /* block sizes in force */
    uint32_t min_tx_pkt;                    /* longer blocks are padded to tx_max */
    uint16_t divisor, remainder, alignment; /* in force; remainder is for the frame's start */
    uint16_t datagrams;                     /* frames in one block, at most */
    uint16_t table_size;                    /* bytes of the NDP16 */
    uint16_t packet_size;                   /* of bulk OUT */
};

/* The block that is being filled. */
struct ncm_block_out {
    uint8_t bytes[NCM_HOST_BLOCK_MAX + 1];
    uint32_t length; /* 0: none open */
    uint16_t table;  /* offset of the NDP16 */
    uint16_t frames;
    uint32_t payload; /* bytes of frames */
};

struct ncm_host_frame {
    struct ncm_host_frame *next;
    uint32_t length;
    uint8_t bytes[];
};

/* URBs with their memory; `data` is allocated when bound. */
struct ncm_host_tx {
    struct urb urb;
    uint8_t *data;
    bool busy;
    uint16_t frames;
    uint32_t payload;
};

struct ncm_host_rx {
    struct urb urb;
    uint8_t *data;
    bool busy;
};

enum ncm_host_state { NCM_HOST_UNBOUND, NCM_HOST_BINDING, NCM_HOST_BOUND, NCM_HOST_REJECTED };

struct ncm_host {
    /* You set. */
    struct bus *bus;
    struct usb_host *usb;
    bool eager;
    enum pc_block_end block_end;
    void (*link)(void *context, bool up); /* carrier; `mac` is known by then */
    void (*receive)(void *context, const uint8_t *frame, uint32_t length);
    void (*bound)(void *context);
    void (*log)(void *context, const char *line);
    void *context;

    /* We keep; tests may read. */
    enum ncm_host_state state;
    bool carrier;
    uint64_t link_ns;
    uint8_t mac[6]; /* iMACAddress */
    uint8_t control_interface, data_interface, capabilities, iMACAddress;
    uint16_t max_segment;
    struct usb_desc_endpoint in, out, notify;
    uint8_t data_alternate; /* of the data interface's setting with endpoints */
    struct ncm_host_params params;
    struct sequence sequence;
    struct pc_net_counters counters;

    struct ncm_host_frame *queue_head, *queue_tail;
    uint32_t queue_length;
    struct ncm_host_frame *remaining; /* did not fit the block that was sent last */
    struct ncm_block_out block;
    uint16_t next_sequence;
    struct bus_timer timer;
    uint8_t timer_rounds;
    struct ncm_host_tx tx[NCM_HOST_TX_URBS];

    struct ncm_host_rx rx[NCM_HOST_URBS];
    bool suspended;
    int32_t rx_sequence;       /* last wSequence; -1: none yet */
    struct bus_timer rx_retry; /* after errors */
    struct ncm_host_rx notification;
    bool notification_split; /* a speed change came without its data: that follows */
    struct urb clear[3];     /* CLEAR_FEATURE(ENDPOINT_HALT) of in, out, notify */
    bool clear_busy[3];
};

void ncm_host_init(struct ncm_host *ncm, struct bus *bus, struct usb_host *usb);
void ncm_host_free(struct ncm_host *ncm);

/* Look for an NCM function in usb->desc and begin to bind. False: there is none, or it is not as it must be;
 * logged. */
bool ncm_host_bind(struct ncm_host *ncm);

/* The device is gone: forget everything. Its transfers have ended already. */
void ncm_host_unbind(struct ncm_host *ncm);

/* Before suspend: end our transfers. After resume: go on. */
void ncm_host_suspend(struct ncm_host *ncm, bool suspended);

/* Take a frame (14 to 1514 bytes, copied) for sending. False: no carrier or queue full, counted. */
bool ncm_host_send(struct ncm_host *ncm, const uint8_t *frame, uint32_t length);

/* ---- Between ncm_bind.c and ncm_host.c ---- */
void ncm_host_bound(struct ncm_host *ncm);
void ncm_host_log(struct ncm_host *ncm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- Pure parts ---- */

/* From the 28 bytes of GET_NTB_PARAMETERS to what is in force (facts.md B2). */
void ncm_host_params_read(struct ncm_host_params *params, const uint8_t bytes[NCM_NTB_PARAMETERS_LENGTH],
                          uint16_t packet_size);

/* Add a frame to the block, opening one with `sequence` if there is none. False: it doesn't fit any more. */
bool ncm_block_add(struct ncm_block_out *block, const struct ncm_host_params *params, uint16_t sequence,
                   const uint8_t *frame, uint32_t length);

/* Pad and write wBlockLength (facts.md B4, C1). Returns the number of bytes to send. */
uint32_t ncm_block_seal(struct ncm_block_out *block, const struct ncm_host_params *params,
                        enum pc_block_end end);

/* Read one received NTB as Linux does (facts.md B5): `take` for each good datagram. Returns the number of errors;
 * *sequence gets wSequence, or -1. */
uint32_t ncm_block_read(const uint8_t *bytes, uint32_t length, uint32_t rx_max, int32_t *sequence,
                        void (*take)(void *context, const uint8_t *frame, uint32_t length), void *context);

#endif
