/*
 * Ethernet frames by hand: see packet.h.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/packet.h"

#include <string.h>

#include "wire/be.h"

const uint8_t packet_mac_broadcast[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

uint32_t packet_ip_number(const uint8_t ip[4])
{
    return load_be32(ip);
}

void packet_ip_bytes(uint8_t ip[4], uint32_t number)
{
    store_be32(ip, number);
}

uint16_t packet_checksum(const void *bytes, size_t length, uint32_t sum)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i + 1 < length; i += 2) {
        sum += load_be16(b + i);
    }
    if (length % 2 != 0) {
        sum += (uint32_t)b[length - 1] << 8;
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static void packet_ethernet(uint8_t *out, const uint8_t to[6], const uint8_t from[6], uint16_t type)
{
    memcpy(out, to, 6);
    memcpy(out + 6, from, 6);
    store_be16(out + 12, type);
}

size_t packet_ip(uint8_t *out, const struct packet_host *from, const struct packet_host *to, uint8_t protocol,
                 uint16_t id, uint16_t fragment, const void *payload, size_t length)
{
    packet_ethernet(out, to->mac, from->mac, 0x0800);
    uint8_t *ip = out + 14;
    memset(ip, 0, 20);
    ip[0] = 0x45;
    store_be16(ip + 2, (uint16_t)(20 + length));
    store_be16(ip + 4, id);
    store_be16(ip + 6, fragment);
    ip[8] = protocol == PACKET_IGMP ? 1 : 64;
    ip[9] = protocol;
    memcpy(ip + 12, from->ip, 4);
    memcpy(ip + 16, to->ip, 4);
    store_be16(ip + 10, packet_checksum(ip, 20, 0));
    if (length != 0) {
        memmove(ip + 20, payload, length);
    }
    return 34 + length;
}

static uint32_t packet_pseudo(const uint8_t *from, const uint8_t *to, uint8_t protocol, size_t length)
{
    return (uint32_t)load_be16(from) + load_be16(from + 2) + load_be16(to) + load_be16(to + 2) + protocol +
           (uint32_t)length;
}

size_t packet_udp(uint8_t *out, const struct packet_host *from, const struct packet_host *to,
                  uint16_t from_port, uint16_t to_port, const void *payload, size_t length)
{
    uint8_t *udp = out + 34;
    if (length != 0) {
        memmove(udp + 8, payload, length);
    }
    store_be16(udp, from_port);
    store_be16(udp + 2, to_port);
    store_be16(udp + 4, (uint16_t)(8 + length));
    store_be16(udp + 6, 0);
    uint16_t sum = packet_checksum(udp, 8 + length, packet_pseudo(from->ip, to->ip, PACKET_UDP, 8 + length));
    store_be16(udp + 6, sum != 0 ? sum : 0xFFFF);
    return packet_ip(out, from, to, PACKET_UDP, 1, 0, udp, 8 + length);
}

size_t packet_echo(uint8_t *out, const struct packet_host *from, const struct packet_host *to, uint16_t id,
                   uint16_t sequence, size_t length)
{
    uint8_t icmp[8 + 1472];
    memset(icmp, 0, 8);
    icmp[0] = 8;
    store_be16(icmp + 4, id);
    store_be16(icmp + 6, sequence);
    for (size_t i = 0; i < length; i++) {
        icmp[8 + i] = (uint8_t)(i * 7 + sequence);
    }
    store_be16(icmp + 2, packet_checksum(icmp, 8 + length, 0));
    return packet_ip(out, from, to, PACKET_ICMP, sequence, 0, icmp, 8 + length);
}

size_t packet_arp(uint8_t *out, const struct packet_host *from, const struct packet_host *to, bool reply)
{
    packet_ethernet(out, reply ? to->mac : packet_mac_broadcast, from->mac, 0x0806);
    uint8_t *arp = out + 14;
    store_be16(arp, 1);
    store_be16(arp + 2, 0x0800);
    arp[4] = 6;
    arp[5] = 4;
    store_be16(arp + 6, reply ? 2 : 1);
    memcpy(arp + 8, from->mac, 6);
    memcpy(arp + 14, from->ip, 4);
    memcpy(arp + 18, to->mac, 6);
    memcpy(arp + 24, to->ip, 4);
    return 42;
}

size_t packet_tcp(uint8_t *out, const struct packet_host *from, const struct packet_host *to,
                  const struct packet_segment *segment, const void *payload, size_t length)
{
    uint8_t *tcp = out + 34;
    size_t header = segment->mss != 0 ? 24 : 20;
    if (length != 0) {
        memmove(tcp + header, payload, length);
    }
    if (segment->mss != 0) {
        tcp[20] = 2; /* kind, length, value */
        tcp[21] = 4;
        store_be16(tcp + 22, segment->mss);
    }
    length += header;
    store_be16(tcp, segment->from_port);
    store_be16(tcp + 2, segment->to_port);
    store_be32(tcp + 4, segment->seq);
    store_be32(tcp + 8, segment->ack);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = segment->flags;
    store_be16(tcp + 14, segment->window);
    store_be32(tcp + 16, 0);
    store_be16(tcp + 16, packet_checksum(tcp, length, packet_pseudo(from->ip, to->ip, PACKET_TCP, length)));
    return packet_ip(out, from, to, PACKET_TCP, 1, 0x4000, tcp, length);
}

/* ---- Reading ---- */

static void packet_read_udp(struct packet *p)
{
    if (p->length < 8 || load_be16(p->payload + 4) < 8 || load_be16(p->payload + 4) > p->length) {
        p->checksums_good = false;
        return;
    }
    size_t length = load_be16(p->payload + 4);
    p->from_port = load_be16(p->payload);
    p->to_port = load_be16(p->payload + 2);
    if (load_be16(p->payload + 6) != 0) {
        p->checksums_good &=
            packet_checksum(p->payload, length, packet_pseudo(p->from.ip, p->to.ip, PACKET_UDP, length)) == 0;
    }
    p->payload += 8;
    p->length = length - 8;
}

static void packet_read_tcp(struct packet *p)
{
    const uint8_t *tcp = p->payload;
    size_t header = p->length >= 20 ? (size_t)(tcp[12] >> 4) * 4 : 0;
    if (header < 20 || header > p->length) {
        p->checksums_good = false;
        return;
    }
    p->checksums_good &=
        packet_checksum(tcp, p->length, packet_pseudo(p->from.ip, p->to.ip, PACKET_TCP, p->length)) == 0;
    p->from_port = p->tcp.from_port = load_be16(tcp);
    p->to_port = p->tcp.to_port = load_be16(tcp + 2);
    p->tcp.seq = load_be32(tcp + 4);
    p->tcp.ack = load_be32(tcp + 8);
    p->tcp.flags = tcp[13];
    p->tcp.window = load_be16(tcp + 14);
    p->payload += header;
    p->length -= header;
}

static void packet_read_ip(struct packet *p)
{
    const uint8_t *ip = p->payload;
    size_t header = p->length >= 20 && ip[0] >> 4 == 4 ? (ip[0] & 15u) * 4 : 0;
    if (header < 20 || load_be16(ip + 2) < header || load_be16(ip + 2) > p->length) {
        return;
    }
    p->protocol = ip[9];
    p->checksums_good = packet_checksum(ip, header, 0) == 0;
    memcpy(p->from.ip, ip + 12, 4);
    memcpy(p->to.ip, ip + 16, 4);
    p->payload += header;
    p->length = load_be16(ip + 2) - header;
    if (p->protocol == PACKET_UDP) {
        packet_read_udp(p);
    } else if (p->protocol == PACKET_TCP) {
        packet_read_tcp(p);
    } else if (p->protocol == PACKET_ICMP && p->length >= 8) {
        p->checksums_good &= packet_checksum(p->payload, p->length, 0) == 0;
        p->icmp_type = p->payload[0];
        p->icmp_id = load_be16(p->payload + 4);
        p->icmp_sequence = load_be16(p->payload + 6);
        p->payload += 8;
        p->length -= 8;
    }
}

bool packet_read(struct packet *p, const uint8_t *frame, size_t length)
{
    memset(p, 0, sizeof *p);
    if (length < 14) {
        return false;
    }
    memcpy(p->to.mac, frame, 6);
    memcpy(p->from.mac, frame + 6, 6);
    p->ethertype = load_be16(frame + 12);
    p->payload = frame + 14;
    p->length = length - 14;
    if (p->ethertype == 0x0800) {
        packet_read_ip(p);
    } else if (p->ethertype == 0x0806 && p->length >= 28) {
        p->arp_operation = load_be16(p->payload + 6);
        memcpy(p->from.ip, p->payload + 14, 4);
        memcpy(p->to.ip, p->payload + 24, 4);
    }
    return true;
}
