/*
 * Fuzz the PC's NCM driver against a hostile board: 28 bytes of NTB parameters, a packet size, then a received
 * block. Blocks of frames built by those parameters must stay within their bounds, and be read back whole.
 *
 * LINK: host/ncm_block.c
 * SECONDS: 20
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "host/ncm_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

struct seen {
    const uint8_t *begin, *end;
    unsigned frames;
};

static void take(void *context, const uint8_t *frame, uint32_t length)
{
    struct seen *seen = context;
    REQUIRE(frame >= seen->begin && length >= NCM_HOST_FRAME_MIN && length <= (size_t)(seen->end - frame));
    seen->frames++;
}

static void build(const struct ncm_host_params *p, const uint8_t *lengths, size_t count)
{
    static struct ncm_block_out block;
    static const uint8_t frame[NCM_HOST_FRAME_MAX];
    int32_t sequence;
    block.length = 0;
    unsigned frames = 0;
    for (size_t i = 0; i < count && i < 64; i++) {
        uint32_t length = NCM_HOST_FRAME_MIN + lengths[i] * 1500u / 255;
        bool added = ncm_block_add(&block, p, 7, frame, length);
        /* pc: a frame that an empty block refuses would never leave */
        REQUIRE(added || block.frames > 0);
        REQUIRE(block.length <= p->tx_max);
        if (!added)
            break;
        frames++;
    }
    if (frames == 0)
        return;
    uint32_t length = ncm_block_seal(&block, p, PC_BLOCK_END_LINUX);
    REQUIRE(length <= p->tx_max && length <= sizeof block.bytes);
    struct seen seen = {block.bytes, block.bytes + length, 0};
    REQUIRE(ncm_block_read(block.bytes, length, length, &sequence, take, &seen) == 0);
    REQUIRE(seen.frames == frames && sequence == 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 29)
        return 0;
    struct ncm_host_params params;
    ncm_host_params_read(&params, data, (uint16_t)(8u << (data[28] & 3)));
    REQUIRE(params.rx_max <= NCM_HOST_BLOCK_MAX && params.tx_max <= NCM_HOST_BLOCK_MAX + 1);
    data += 29;
    size -= 29;
    build(&params, data, size);
    int32_t sequence;
    struct seen seen = {data, data + size, 0};
    ncm_block_read(data, (uint32_t)size, params.rx_max, &sequence, take, &seen);
    REQUIRE(sequence >= -1 && sequence <= 0xFFFF);
    return 0;
}
