/*
 * Ethernet frames by hand: what no well-behaved stack would send, and a reader for what comes back.
 *
 *   packet_ip ─→ packet_udp, packet_tcp, packet_echo, packet_arp: each writes a whole frame, returns its length
 *   packet_read: a frame as its layers' fields, or what could be read of it
 *
 * Own code on purpose, independent of net/ and of lwIP. Addresses are bytes, numbers in host order.
 * Source: RFC 791, 792, 793, 768, 826 [unread; field positions as in every header file].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_SYSTEM_PACKET_H
#define PLUGNET_TEST_SYSTEM_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX 1514 /* bytes of a frame */

#define PACKET_ICMP 1
#define PACKET_IGMP 2
#define PACKET_TCP  6
#define PACKET_UDP  17

#define PACKET_FIN 0x01
#define PACKET_SYN 0x02
#define PACKET_RST 0x04
#define PACKET_PSH 0x08
#define PACKET_ACK 0x10

/* One end of a conversation. */
struct packet_host {
    uint8_t mac[6];
    uint8_t ip[4];
};

extern const uint8_t packet_mac_broadcast[6];

uint32_t packet_ip_number(const uint8_t ip[4]);
void packet_ip_bytes(uint8_t ip[4], uint32_t number);

/* The Internet checksum of `length` bytes, `sum` to go on from. */
uint16_t packet_checksum(const void *bytes, size_t length, uint32_t sum);

/* Frames into `out` (PACKET_MAX bytes). `fragment` is IP's flags and offset in units of 8 bytes. */
size_t packet_ip(uint8_t *out, const struct packet_host *from, const struct packet_host *to, uint8_t protocol,
                 uint16_t id, uint16_t fragment, const void *payload, size_t length);
size_t packet_udp(uint8_t *out, const struct packet_host *from, const struct packet_host *to,
                  uint16_t from_port, uint16_t to_port, const void *payload, size_t length);
size_t packet_echo(uint8_t *out, const struct packet_host *from, const struct packet_host *to, uint16_t id,
                   uint16_t sequence, size_t length);
size_t packet_arp(uint8_t *out, const struct packet_host *from, const struct packet_host *to, bool reply);

struct packet_segment {
    uint16_t from_port, to_port;
    uint32_t seq, ack;
    uint16_t window;
    uint8_t flags;
    uint16_t mss; /* to be sent as an option; 0: none */
};

size_t packet_tcp(uint8_t *out, const struct packet_host *from, const struct packet_host *to,
                  const struct packet_segment *segment, const void *payload, size_t length);

/* A frame that was read. Fields of layers that aren't there are 0. */
struct packet {
    struct packet_host from, to;
    uint16_t ethertype;
    uint8_t protocol; /* of IP; 0: not IP, or broken */
    bool checksums_good;
    uint16_t from_port, to_port; /* UDP and TCP */
    struct packet_segment tcp;
    uint8_t icmp_type;
    uint16_t icmp_id, icmp_sequence;
    uint16_t arp_operation; /* 1 request, 2 reply; from.ip and to.ip are ARP's */
    const uint8_t *payload; /* of the innermost layer that was read */
    size_t length;
};

/* False: not even an Ethernet header. */
bool packet_read(struct packet *packet, const uint8_t *frame, size_t length);

#endif
