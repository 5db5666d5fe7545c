/*
 * NTB16: Ethernet frames in blocks, as NCM carries them. Reading is a check of the whole block, once, into a
 * table that can be trusted; writing is headers for frames that stay where they are.
 *
 *   NTH16 ─ wNdpIndex ─→ NDP16 ─ wNextNdpIndex ─→ NDP16 …        anywhere in the block, datagrams too
 *                        entries: index, length; … 0, 0 ends
 *
 * Vocabulary: NTB = NCM transfer block, NTH16 = its header, NDP16 = a table of datagrams in it. A transfer is
 * what one run of the endpoint delivers: one block, or several glued together, and perhaps padding.
 * Pure functions, no state. Source: facts.md A3, A4, B3 to B5, C1; linux/usb/cdc.h; NCM 1.0 [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_NTB_H
#define PLUGNET_WIRE_NTB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NTB_NTH16_SIGNATURE     0x484D434Eu /* "NCMH" */
#define NTB_NDP16_SIGNATURE     0x304D434Eu /* "NCM0" */
#define NTB_NDP16_SIGNATURE_CRC 0x314D434Eu /* "NCM1" */
#define NTB_NTH16_LENGTH        12          /* bytes */
#define NTB_NDP16_LENGTH        8           /* bytes, without entries */
#define NTB_ENTRY_LENGTH        4           /* bytes */
#define NTB_ALIGNMENT           4           /* wNdpOutAlignment, wNdpInAlignment: where an NDP16 may begin */
#define NTB_DATAGRAM_MIN        14          /* bytes: an Ethernet header */
#define NTB_BLOCK_MIN           28          /* bytes: NTH16 and an NDP16 with two entries */

#define NTB_NDP_MAX       4  /* tables followed in one block; every known host writes one */
#define NTB_DATAGRAMS_MAX 40 /* datagrams taken from one block; Linux's own bound */

/* Why something was dropped, and what one count stands for. */
enum ntb_drop {
    NTB_DROP_HEADER,   /* a block: no or wrong NTH16 */
    NTB_DROP_LENGTH,   /* a block: wBlockLength beyond the transfer, or too short for its headers */
    NTB_DROP_TABLE,    /* a table: out of the block, misaligned, signature, wLength, no end */
    NTB_DROP_CHAIN,    /* the rest of a chain: longer than NTB_NDP_MAX, or it comes back */
    NTB_DROP_BOUNDS,   /* a datagram: beyond the block, or shorter than NTB_DATAGRAM_MIN */
    NTB_DROP_OVERLAP,  /* a datagram: over the NTH16, a table or another datagram */
    NTB_DROP_OVERSIZE, /* a datagram: longer than datagram_max */
    NTB_DROP_COUNT,    /* a datagram: more than NTB_DATAGRAMS_MAX */
    NTB_DROP_CRC,      /* a table: CRC mode */
    NTB_DROPS
};

struct ntb_datagram {
    uint16_t offset; /* from the first byte of the block */
    uint16_t length; /* bytes */
};

/* What ntb_check found. */
struct ntb {
    uint16_t block_length; /* bytes of this block; 0 where that can't be told: the transfer ends here */
    uint16_t sequence;     /* wSequence */
    uint8_t count;         /* datagrams that may be trusted: in the block, not over anything else */
    bool dropped;          /* some drops[] is not 0 */
    uint16_t drops[NTB_DROPS];
    struct ntb_datagram datagrams[NTB_DATAGRAMS_MAX];
};

/* Check the block at the start of `length` bytes (of which the first 65,535 count). What can be delivered is:
 * a bad datagram costs itself, a bad table itself and its successors, a bad header the block. */
void ntb_check(struct ntb *ntb, const uint8_t *bytes, size_t length, uint16_t datagram_max);

/* True if another block begins here, rather than padding. */
bool ntb_follows(const uint8_t *bytes, size_t length);

/* How many bytes the block that begins here says it has, for who waits for its end. 0: it doesn't say: fewer than
 * NTB_NTH16_LENGTH bytes are there, they are no NTH16, or wBlockLength is 0 or too short for its headers. */
size_t ntb_span(const uint8_t *bytes, size_t length);

/* ---- Building. Each datagram begins two bytes after a multiple of 4, so that what follows the Ethernet
 * header is aligned: (offset + 14) mod 4 == 0. ---- */

/* Bytes in front of the first of `count` datagrams: NTH16, NDP16 and two bytes of padding. */
#define NTB_HEAD_LENGTH(count)                                                                               \
    ((size_t)(NTB_NTH16_LENGTH + NTB_NDP16_LENGTH + 2 + NTB_ENTRY_LENGTH * ((count) + 1)))

/* Bytes of padding between a datagram of `length` bytes and the next one. */
static inline uint32_t ntb_padding(uint32_t length)
{
    return (0u - length) & 3u;
}

/* Write the NTB_HEAD_LENGTH(count) bytes in front of `count` datagrams of these lengths. Returns the length of
 * the block, which the caller has kept below 65,536. */
size_t ntb_build(uint8_t *head, uint16_t sequence, const uint16_t *lengths, size_t count);

#ifdef __cplusplus
}
#endif

#endif
