/*
 * Fuzz ntb_check: whatever it accepts lies in the block, apart from headers, tables and other datagrams; and
 * ntb_span and ntb_follows stay in their bounds.
 *
 * LINK: wire/ntb.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "wire/ntb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t used[65536];
    struct ntb ntb;
    ntb_check(&ntb, data, size, 1514);
    REQUIRE(ntb.count <= NTB_DATAGRAMS_MAX && ntb.block_length <= size);
    memset(used, 0, ntb.block_length);
    for (size_t i = 0; i < ntb.count; i++) {
        struct ntb_datagram datagram = ntb.datagrams[i];
        REQUIRE(datagram.offset >= NTB_NTH16_LENGTH && datagram.length >= NTB_DATAGRAM_MIN);
        REQUIRE(datagram.length <= 1514 && datagram.offset + datagram.length <= ntb.block_length);
        for (size_t at = datagram.offset; at < (size_t)datagram.offset + datagram.length; at++)
            REQUIRE(used[at]++ == 0);
    }
    size_t span = ntb_span(data, size);
    REQUIRE(span == 0 || (span >= NTB_BLOCK_MIN && ntb_follows(data, size)));
    REQUIRE(span == 0 || span > size || ntb.block_length == span);
    return 0;
}
