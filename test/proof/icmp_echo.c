/*
 * Echo requests, answered in their own frame: any frame, any host.
 *
 * `at` is any byte of the frame: what holds for it holds for all.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "wire/icmp_echo.c"
#include "wire/chksum.c"

#define FRAME_MAX 2048 /* bytes; NCM's are shorter */

static bool chksum_sum_needs(const void *data, int length)
{
    return length >= 0 && length <= UINT16_MAX && READABLE(data, length);
}

static bool chksum_sum_gives(uint16_t sum)
{
    return sum <= UINT16_MAX;
}

void prove_chksum_sum(void)
{
    int length = (int)any_size(UINT16_MAX);
    uint8_t *bytes = any_bytes((size_t)length);

    ASSUME(chksum_sum_needs(bytes, length));
    PROVE(chksum_sum_gives(chksum_sum(bytes, length)));
    REACHED("the end");
}

uint16_t contract_chksum_sum(const void *data, int length)
{
    uint16_t sum = nondet_u16();

    PROVE(chksum_sum_needs(data, length));
    ASSUME(chksum_sum_gives(sum));
    return sum;
}

void prove_icmp_echo_answer(void)
{
    size_t length = any_size(FRAME_MAX), at = any_size(FRAME_MAX);
    uint8_t *frame = any_bytes(length), mac[MAC], before = at < length ? frame[at] : 0;
    uint8_t sender = length >= IP ? frame[MAC] : 0;
    struct icmp_echo_host host = {mac, nondet_u32(), nondet_u32()};

    size_t answer = icmp_echo_answer(frame, length, &host);
    PROVE(answer == 0 || (answer >= ICMP + ICMP_END && answer <= length));
    PROVE(at >= length || frame[at] == before || (answer != 0 && at < ICMP + 4));
    if (answer != 0) {
        PROVE(frame[0] == sender && load_be32(frame + IP_SOURCE) == host.address &&
              load_be16(frame + ICMP) == 0);
        PROVE(((load_be32(frame + IP_DEST) ^ host.address) & host.netmask) == 0);
        REACHED("an answer");
    }
}
