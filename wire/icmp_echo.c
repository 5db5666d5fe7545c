/*
 * See icmp_echo.h.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/icmp_echo.h"

#include <stdbool.h>
#include <string.h>

#include "wire/be.h"
#include "wire/chksum.h"

#define MAC         6u
#define ETHERTYPE   12u
#define IP          14u /* the header, without options */
#define IP_LENGTH   (IP + 2)
#define IP_FRAGMENT (IP + 6)
#define IP_TTL      (IP + 8)
#define IP_CHECKSUM (IP + 10)
#define IP_SOURCE   (IP + 12)
#define IP_DEST     (IP + 16)
#define ICMP        (IP + 20)
#define ICMP_END    8u

#define ETHERTYPE_IP    0x0800u
#define VERSION_AND_IHL 0x45u
#define FRAGMENT_MASK   0x3FFFu /* more fragments, and the offset */
#define REQUEST         0x0800u /* type and code; an answer's are 0 */
#define TTL             64u
#define SUM_RIGHT       0xFFFFu

/* Another host of the network, or the network as a whole. */
static bool is_neighbour(const struct icmp_echo_host *host, uint32_t address)
{
    uint32_t number = address & ~host->netmask;

    return ((address ^ host->address) & host->netmask) == 0 && address != host->address && number != 0 &&
           number != ~host->netmask;
}

static bool is_plain_request(const uint8_t *frame, const struct icmp_echo_host *host)
{
    return load_be16(frame + ETHERTYPE) == ETHERTYPE_IP && frame[IP] == VERSION_AND_IHL &&
           load_be16(frame + ICMP) == REQUEST && (load_be16(frame + IP_FRAGMENT) & FRAGMENT_MASK) == 0 &&
           load_be32(frame + IP_DEST) == host->address && is_neighbour(host, load_be32(frame + IP_SOURCE)) &&
           memcmp(frame, host->mac, MAC) == 0 && (frame[MAC] & 1) == 0 &&
           memcmp(frame + MAC, host->mac, MAC) != 0;
}

/* A field has changed below a checksum. */
static void checksum_change(uint8_t *checksum, uint16_t before, uint16_t after)
{
    uint32_t sum = (uint32_t)(uint16_t)~load_be16(checksum) + (uint16_t)~before + after;

    sum = (sum & 0xFFFF) + (sum >> 16);
    store_be16(checksum, (uint16_t) ~(sum + (sum >> 16)));
}

size_t icmp_echo_answer(uint8_t *frame, size_t length, const struct icmp_echo_host *host)
{
    if (!icmp_echo_maybe(frame, length) || !is_plain_request(frame, host)) {
        return 0;
    }
    size_t datagram = load_be16(frame + IP_LENGTH);
    if (datagram < ICMP + ICMP_END - IP || datagram > length - IP ||
        chksum_sum(frame + IP, ICMP - IP) != SUM_RIGHT ||
        chksum_sum(frame + ICMP, (int)(datagram - (ICMP - IP))) != SUM_RIGHT) {
        return 0;
    }
    uint8_t ttl = frame[IP_TTL];
    memcpy(frame, frame + MAC, MAC);
    memcpy(frame + MAC, host->mac, MAC);
    memcpy(frame + IP_DEST, frame + IP_SOURCE, sizeof(uint32_t));
    store_be32(frame + IP_SOURCE, host->address);
    frame[IP_TTL] = TTL;
    checksum_change(frame + IP_CHECKSUM, (uint16_t)(ttl << 8), TTL << 8);
    store_be16(frame + ICMP, 0);
    checksum_change(frame + ICMP + 2, REQUEST, 0);
    return IP + datagram;
}
