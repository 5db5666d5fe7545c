/*
 * ICMP echo: the answer to a plain request, made in the request's own frame.
 *
 * Source: RFC 792 (echo), RFC 791 (the header), RFC 1071 and 1624 (checksums) [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_ICMP_ECHO_H
#define PLUGNET_WIRE_ICMP_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Who is asked. Addresses in host order. */
struct icmp_echo_host {
    const uint8_t *mac; /* 6 bytes */
    uint32_t address, netmask;
};

/* Worth asking: the frame would be ICMP, if it is IPv4 without options. Two loads for all that is TCP. */
static inline bool icmp_echo_maybe(const uint8_t *frame, size_t length)
{
    return length >= 42 && frame[23] == 1;
}

/* Make an Ethernet frame with an echo request to `host` its answer. `frame` is aligned to 2 bytes. Returns the answer's length; 0: the
 * frame is something else, or not plain (IP options, a fragment, a broadcast, from outside of the network), or damaged; it is then as it
 * was. Pure; any context. */
size_t icmp_echo_answer(uint8_t *frame, size_t length, const struct icmp_echo_host *host);

#ifdef __cplusplus
}
#endif

#endif
