/*
 * Scenarios of datagrams: DHCP, DNS, mDNS, ICMP, ARP, IGMP, and noise. All frames are made by hand, and the answers
 * are read by hand, so that a mistake of net/ meets no twin here. Expectations: DESIGN.md, facts.md F.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <stdio.h>
#include <string.h>

#include "test/system/load.h"
#include "wire/be.h"

/* ---- Waiting for one datagram ---- */

struct udp_wait {
    uint16_t from_port, to_port;
    uint8_t bytes[1500];
    size_t length;
    struct packet_host to;
    uint8_t match[4]; /* the payload's bytes at match_at must be these … */
    int match_at;     /* … unless negative */
};

static bool match_udp(void *context, const struct packet *packet)
{
    struct udp_wait *wait = context;
    if (packet->protocol != PACKET_UDP || packet->from_port != wait->from_port ||
        packet->to_port != wait->to_port || !packet->checksums_good || packet->length > sizeof wait->bytes) {
        return false;
    }
    if (wait->match_at >= 0 && (packet->length < (size_t)wait->match_at + 4 ||
                                memcmp(packet->payload + wait->match_at, wait->match, 4) != 0)) {
        return false;
    }
    memcpy(wait->bytes, packet->payload, packet->length);
    wait->length = packet->length;
    wait->to = packet->to;
    return true;
}

static const struct packet_host everyone = {.mac = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
                                            .ip = {255, 255, 255, 255}};
static const struct packet_host nobody = {.mac = {0x00, 0x80, 0xE1, 0x99, 0x88, 0x77}, .ip = {0, 0, 0, 0}};
static const struct packet_host mdns_group = {.mac = {0x01, 0x00, 0x5E, 0, 0, 0xFB}, .ip = {224, 0, 0, 251}};

/* ---- DHCP ---- */

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };

struct dhcp {
    uint8_t bytes[600];
    size_t length;
};

static void dhcp_begin(struct dhcp *d, uint8_t type, uint32_t xid)
{
    memset(d, 0, sizeof *d);
    d->bytes[0] = 1;
    d->bytes[1] = 1;
    d->bytes[2] = 6;
    store_be32(d->bytes + 4, xid);
    memcpy(d->bytes + 28, nobody.mac, 6);
    store_be32(d->bytes + 236, 0x63825363);
    d->bytes[240] = 53;
    d->bytes[241] = 1;
    d->bytes[242] = type;
    d->length = 243;
}

static void dhcp_option(struct dhcp *d, uint8_t code, const void *value, uint8_t length)
{
    d->bytes[d->length++] = code;
    d->bytes[d->length++] = length;
    memcpy(d->bytes + d->length, value, length);
    d->length += length;
}

static const uint8_t *dhcp_find(const uint8_t *bytes, size_t length, uint8_t code)
{
    size_t at = 240;
    while (at + 1 < length && bytes[at] != 255) {
        if (bytes[at] == 0) {
            at++;
            continue;
        }
        if (at + 2u + bytes[at + 1] > length) {
            return NULL;
        }
        if (bytes[at] == code) {
            return bytes + at;
        }
        at += 2u + bytes[at + 1];
    }
    return NULL;
}

/* Type of the answer; 0: none within 100 ms. */
static uint8_t dhcp_ask(struct rig *rig, struct dhcp *d, const struct packet_host *from,
                        const struct packet_host *to, struct udp_wait *answer)
{
    uint8_t frame[PACKET_MAX];
    d->bytes[d->length++] = 255;
    *answer = (struct udp_wait){.from_port = 67, .to_port = 68, .match_at = 4};
    memcpy(answer->match, d->bytes + 4, 4);
    rig_frame_send(rig, frame,
                   packet_udp(frame, from, to, 68, 67, d->bytes, d->length < 300 ? 300 : d->length));
    if (!rig_frame_wait(rig, match_udp, answer, 100)) {
        return 0;
    }
    const uint8_t *type = dhcp_find(answer->bytes, answer->length, 53);
    return type != NULL ? type[2] : 0xFF;
}

static void dhcp_wanted(struct rig *rig, uint8_t got, uint8_t wanted, const char *what)
{
    static const char *const names[] = {"nothing", "DISCOVER", "OFFER",   "REQUEST", "DECLINE",
                                        "ACK",     "NAK",      "RELEASE", "INFORM"};
    if (got != wanted) {
        rig_fail(rig, "DHCP %s: %s, wanted %s", what, got <= INFORM ? names[got] : "no type", names[wanted]);
    }
}

/* What a lease must hold and what it must never hold (facts.md F1). */
static void dhcp_lease_check(struct rig *rig, const struct udp_wait *answer)
{
    static const uint8_t must[] = {53, 54, 51, 1}, never[] = {3, 12, 15, 33, 108, 119, 121, 249, 252};
    for (unsigned i = 0; i < sizeof must; i++) {
        if (dhcp_find(answer->bytes, answer->length, must[i]) == NULL) {
            rig_fail(rig, "a lease without option %u", must[i]);
        }
    }
    for (unsigned i = 0; i < sizeof never; i++) {
        if (dhcp_find(answer->bytes, answer->length, never[i]) != NULL) {
            rig_fail(rig, "a lease with option %u", never[i]);
        }
    }
    RIG_CHECK(rig, memcmp(answer->bytes + 16, rig->me.ip, 4) == 0);
    RIG_CHECK(rig, memcmp(answer->to.ip, everyone.ip, 4) == 0 && answer->length >= 300);
    RIG_CHECK(rig, memcmp(answer->bytes + 28, nobody.mac, 6) == 0 && answer->bytes[0] == 2);
}

static void dhcp_variants(struct rig *rig)
{
    static const uint8_t wrong[4] = {192, 168, 99, 99};
    struct packet_host client = nobody;
    struct udp_wait answer;
    struct dhcp d;
    dhcp_begin(&d, DISCOVER, 1);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &nobody, &everyone, &answer), OFFER, "DISCOVER");
    dhcp_lease_check(rig, &answer);
    dhcp_begin(&d, REQUEST, 2);
    dhcp_option(&d, 50, rig->me.ip, 4);
    dhcp_option(&d, 54, rig->peer.ip, 4);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &nobody, &everyone, &answer), ACK, "SELECTING");
    dhcp_lease_check(rig, &answer);
    dhcp_begin(&d, REQUEST, 3);
    dhcp_option(&d, 50, rig->me.ip, 4);
    dhcp_option(&d, 54, wrong, 4);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &nobody, &everyone, &answer), 0, "SELECTING another server");
    dhcp_begin(&d, REQUEST, 4);
    dhcp_option(&d, 50, wrong, 4);
    uint64_t begin = rig_ms(rig);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &nobody, &everyone, &answer), NAK,
                "INIT-REBOOT with a foreign address");
    RIG_CHECK(rig, rig_ms(rig) - begin <= 20 && memcmp(answer.to.ip, everyone.ip, 4) == 0);
    RIG_CHECK(rig, dhcp_find(answer.bytes, answer.length, 54) != NULL);
    dhcp_begin(&d, REQUEST, 5);
    dhcp_option(&d, 50, rig->me.ip, 4);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &nobody, &everyone, &answer), ACK, "INIT-REBOOT with our address");
    memcpy(client.ip, rig->me.ip, 4);
    dhcp_begin(&d, REQUEST, 6);
    memcpy(d.bytes + 12, rig->me.ip, 4);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &client, &rig->peer, &answer), ACK, "RENEW");
    dhcp_begin(&d, REQUEST, 7);
    memcpy(d.bytes + 12, rig->me.ip, 4);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &client, &everyone, &answer), ACK, "REBIND");
    dhcp_begin(&d, INFORM, 8);
    memcpy(d.bytes + 12, rig->me.ip, 4);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &client, &everyone, &answer), ACK, "INFORM");
    RIG_CHECK(rig, load_be32(answer.bytes + 16) == 0 && dhcp_find(answer.bytes, answer.length, 51) == NULL);
    dhcp_begin(&d, DECLINE, 9);
    dhcp_option(&d, 50, rig->me.ip, 4);
    dhcp_option(&d, 54, rig->peer.ip, 4);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &nobody, &everyone, &answer), 0, "DECLINE");
    dhcp_begin(&d, RELEASE, 10);
    memcpy(d.bytes + 12, rig->me.ip, 4);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &client, &rig->peer, &answer), 0, "RELEASE");
    dhcp_begin(&d, DISCOVER, 11);
    dhcp_option(&d, 80, "", 0);
    dhcp_option(&d, 57, "\x02\x40", 2);
    dhcp_wanted(rig, dhcp_ask(rig, &d, &nobody, &everyone, &answer), OFFER, "DISCOVER with rapid commit");
    rig_say(rig, "12 messages");
}

static void dhcp_hostile(struct rig *rig)
{
    uint8_t frame[PACKET_MAX];
    uint64_t malformed = rig_number(rig, "services.dhcp.malformed");
    for (unsigned i = 0; i < 3000; i++) {
        struct dhcp d;
        dhcp_begin(&d, (uint8_t)(1 + i % 9), i);
        for (unsigned n = rig_random(rig, 6); n > 0; n--) {
            uint8_t value[40] = {0};
            dhcp_option(&d, (uint8_t)rig_random(rig, 256), value, (uint8_t)rig_random(rig, sizeof value));
        }
        for (unsigned n = rig_random(rig, 3); n > 0; n--) {
            d.bytes[rig_random(rig, (uint32_t)d.length)] = (uint8_t)rig_random(rig, 256);
        }
        size_t length = i % 3 == 0 ? rig_random(rig, (uint32_t)d.length) : d.length;
        rig_frame_send(rig, frame, packet_udp(frame, &nobody, &everyone, 68, 67, d.bytes, length));
        if (i % 4 == 3) {
            rig_step(rig);
        }
    }
    rig_run_ms(rig, 10);
    malformed = rig_number(rig, "services.dhcp.malformed") - malformed;
    RIG_CHECK(rig, malformed > 500);
    rig_say(rig, "3,000 messages, %llu counted as malformed", (unsigned long long)malformed);
}

/* ---- DNS ---- */

/* A query for `name` (dots between labels) into `out`; returns its length. */
static size_t dns_query(uint8_t *out, uint16_t id, uint16_t flags, const char *name, uint16_t type,
                        uint16_t class)
{
    size_t length = 12;
    memset(out, 0, 12);
    store_be16(out, id);
    store_be16(out + 2, flags);
    store_be16(out + 4, 1);
    while (*name != 0) {
        size_t label = strcspn(name, ".");
        out[length++] = (uint8_t)label;
        memcpy(out + length, name, label);
        length += label;
        name += label + (name[label] == '.');
    }
    out[length++] = 0;
    store_be16(out + length, type);
    store_be16(out + length + 2, class);
    return length + 4;
}

struct dns_case {
    const char *name;
    uint16_t type;
    uint8_t rcode;
    uint8_t answers;
    bool authoritative;
};

enum { A = 1, AAAA = 28, TXT = 16, HTTPS = 65, ANY = 255 };

static const struct dns_case dns_cases[] = {
    {"plugnet.local", A, 0, 1, true},
    {"plugnet.internal", A, 0, 1, true},
    {"plugnet.internal", AAAA, 0, 0, true},
    {"internal", A, 5, 0, false},
    {"plugnet.home.arpa", A, 0, 1, true},
    {"PlugNet.HOME.arpa", A, 0, 1, true},
    {"www.lwip.home", A, 0, 1, true},
    {"plugnet.home.arpa", AAAA, 0, 0, true},
    {"plugnet.home.arpa", HTTPS, 0, 0, true},
    {"plugnet.home.arpa", TXT, 0, 0, true},
    {"example.com", A, 5, 0, false},
    {"connectivitycheck.gstatic.com", A, 5, 0, false},
    {"plugnet.home.arpa.example", A, 5, 0, false},
    {"x.plugnet.home.arpa", ANY, 5, 0, false},
    {"", A, 5, 0, false},
};

static void dns_check(struct rig *rig, const struct dns_case *c, const uint8_t *bytes, size_t length,
                      uint16_t id, const uint8_t *query, size_t query_length)
{
    RIG_CHECK(rig, length >= query_length && load_be16(bytes) == id);
    uint16_t flags = load_be16(bytes + 2);
    if ((flags & 0x8000) == 0 || (flags & 15) != c->rcode || load_be16(bytes + 6) != c->answers ||
        ((flags & 0x0400) != 0) != c->authoritative || (flags & 0x0100) == 0) {
        rig_fail(rig, "DNS %s type %u: flags %04x, %u answers", c->name, c->type, flags,
                 load_be16(bytes + 6));
    }
    RIG_CHECK(rig, load_be16(bytes + 4) == 1 && memcmp(bytes + 12, query + 12, query_length - 12) == 0);
    if (c->answers == 1) {
        const uint8_t *record = bytes + query_length;
        RIG_CHECK(rig, length >= query_length + 16 && record[0] == 0xC0 && load_be16(record + 2) == A);
        RIG_CHECK(rig, load_be16(record + 10) == 4 && memcmp(record + 12, rig->peer.ip, 4) == 0);
    }
}

static void dns_udp(struct rig *rig)
{
    uint8_t frame[PACKET_MAX], query[300];
    struct packet_host off_net = rig->me;
    for (unsigned i = 0; i < sizeof dns_cases / sizeof dns_cases[0]; i++) {
        const struct dns_case *c = &dns_cases[i];
        struct udp_wait answer = {.from_port = 53, .to_port = (uint16_t)(3000 + i), .match_at = -1};
        size_t length = dns_query(query, (uint16_t)(0xBE00 + i), 0x0100, c->name, c->type, 1);
        rig_frame_send(rig, frame,
                       packet_udp(frame, &off_net, &rig->peer, answer.to_port, 53, query, length));
        if (!rig_frame_wait(rig, match_udp, &answer, 200)) {
            rig_fail(rig, "DNS %s type %u: no answer", c->name, c->type);
        }
        dns_check(rig, c, answer.bytes, answer.length, (uint16_t)(0xBE00 + i), query, length);
    }
    for (unsigned i = 0; i < 3000; i++) {
        size_t length =
            dns_query(query, (uint16_t)i, (uint16_t)(i % 7 == 0 ? rig_random(rig, 65536) : 0x0100),
                      dns_cases[i % 11].name, (uint16_t)rig_random(rig, 300), (uint16_t)rig_random(rig, 4));
        for (unsigned n = rig_random(rig, 4); n > 0; n--) {
            query[rig_random(rig, (uint32_t)length)] = (uint8_t)rig_random(rig, 256);
        }
        length = i % 4 == 0 ? rig_random(rig, (uint32_t)length) : length;
        rig_frame_send(rig, frame, packet_udp(frame, &rig->me, &rig->peer, 4000, 53, query, length));
        if (i % 4 == 3) {
            rig_step(rig);
        }
    }
    rig_say(rig, "%u questions, 3,000 spoilt ones", (unsigned)(sizeof dns_cases / sizeof dns_cases[0]));
}

static void dns_tcp(struct rig *rig)
{
    static struct client client;
    uint8_t message[302];
    RIG_CHECK(rig, client_open(&client, rig, 53) && client_wait_connected(&client, 1000));
    for (unsigned i = 0; i < 8; i++) {
        const struct dns_case *c = &dns_cases[i];
        size_t length = dns_query(message + 2, (uint16_t)(100 + i), 0x0100, c->name, c->type, 1);
        store_be16(message, (uint16_t)length);
        client.in_length = 0;
        for (size_t at = 0; i % 4 == 3 && at < length + 2; at++) { /* byte by byte */
            client_send(&client, message + at, 1);
            rig_run_ms(rig, 2);
        }
        if (i % 4 != 3) {
            client_send(&client, message, length + 2);
        }
        for (unsigned ms = 0; client.in_length < 2 || client.in_length < 2u + load_be16(client.in); ms++) {
            if (ms > 500 || client.failed || client.ended) {
                rig_fail(rig, "DNS over TCP: no answer to question %u", i);
            }
            rig_step(rig);
        }
        dns_check(rig, c, client.in + 2, client.in_length - 2, (uint16_t)(100 + i), message + 2, length);
    }
    client_free(&client);
    /* Lengths that lie, silence, noise. */
    for (unsigned i = 0; i < 60; i++) {
        RIG_CHECK(rig, client_open(&client, rig, 53));
        store_be16(message, i % 3 == 0 ? 0 : (uint16_t)rig_random(rig, 65536));
        client_send(&client, message, 1 + rig_random(rig, sizeof message));
        rig_run_ms(rig, 10);
        client_free(&client);
    }
    rig_say(rig, "8 questions on one connection, 60 spoilt connections");
}

/* ---- mDNS ---- */

static bool mdns_ask(struct rig *rig, const char *name, uint16_t type, uint16_t class, uint16_t from_port,
                     struct udp_wait *answer)
{
    uint8_t frame[PACKET_MAX], query[300];
    size_t length = dns_query(query, from_port == 5353 ? 0 : 0x77, 0, name, type, class);
    *answer = (struct udp_wait){.from_port = 5353, .to_port = from_port, .match_at = -1};
    rig_frame_send(rig, frame, packet_udp(frame, &rig->me, &mdns_group, from_port, 5353, query, length));
    return rig_frame_wait(rig, match_udp, answer, 400);
}

/* Does any record of the answer carry the board's address? Looks for the bytes of an A record's end. */
static bool mdns_has_address(struct rig *rig, const struct udp_wait *answer)
{
    for (size_t at = 12; at + 6 <= answer->length; at++) {
        if (load_be16(answer->bytes + at) == 4 && memcmp(answer->bytes + at + 2, rig->peer.ip, 4) == 0) {
            return true;
        }
    }
    return false;
}

static void mdns(struct rig *rig)
{
    struct udp_wait answer;
    const char *unique = json_find(&rig->baseline, "names.1")->text;
    RIG_CHECK(rig, mdns_ask(rig, "plugnet.local", A, 1, 5353, &answer) && mdns_has_address(rig, &answer));
    RIG_CHECK(rig, memcmp(answer.to.ip, mdns_group.ip, 4) == 0 && load_be16(answer.bytes + 2) == 0x8400);
    rig_run_ms(rig, 1200);
    RIG_CHECK(rig, mdns_ask(rig, unique, A, 1, 5353, &answer) && mdns_has_address(rig, &answer));
    rig_run_ms(rig, 1200);
    RIG_CHECK(rig,
              mdns_ask(rig, "plugnet.local", A, 0x8001, 5353, &answer) && mdns_has_address(rig, &answer));
    rig_run_ms(rig, 1200);
    RIG_CHECK(rig, mdns_ask(rig, "plugnet.local", A, 1, 40000, &answer) && mdns_has_address(rig, &answer));
    RIG_CHECK(rig, memcmp(answer.to.ip, rig->me.ip, 4) == 0 && load_be16(answer.bytes) == 0x77);
    rig_run_ms(rig, 1200);
    RIG_CHECK(rig, mdns_ask(rig, "plugnet.local", AAAA, 1, 5353, &answer)); /* NSEC: there is no AAAA */
    rig_run_ms(rig, 1200);
    RIG_CHECK(rig, mdns_ask(rig, "_http._tcp.local", 12, 1, 5353, &answer));
    RIG_CHECK(rig, !mdns_ask(rig, "somebody-else.local", A, 1, 5353, &answer));
    RIG_CHECK(rig, !mdns_ask(rig, "example.com", A, 1, 5353, &answer));

    uint8_t frame[PACKET_MAX], message[300];
    for (unsigned i = 0; i < 2000; i++) {
        size_t length = dns_query(message, 0, (uint16_t)(i % 2 != 0 ? 0x8400 : 0),
                                  i % 3 == 0 ? unique : "plugnet.local", (uint16_t)rig_random(rig, 256), 1);
        for (unsigned n = rig_random(rig, 5); n > 0; n--) {
            message[rig_random(rig, (uint32_t)length)] = (uint8_t)rig_random(rig, 256);
        }
        length = i % 4 == 0 ? rig_random(rig, (uint32_t)length) : length;
        rig_frame_send(rig, frame, packet_udp(frame, &rig->me, &mdns_group, 5353, 5353, message, length));
        if (i % 4 == 3) {
            rig_step(rig);
        }
    }
    rig_say(rig, "8 questions, 2,000 spoilt messages");
}

/* Another device has plugnet.local: the short name is given up, the other one stays. */
static void mdns_conflict(struct rig *rig)
{
    uint8_t frame[PACKET_MAX], message[300];
    struct udp_wait answer;
    struct packet_host other;
    const char *unique = json_find(&rig->baseline, "names.1")->text;
    RIG_CHECK(rig, ghost_host(rig, &other, 0));
    size_t length = dns_query(message, 0, 0x8400, "plugnet.local", A, 0x8001);
    store_be16(message + 4, 0);
    store_be16(message + 6, 1);
    store_be32(message + length, 120);
    store_be16(message + length + 4, 4);
    memcpy(message + length + 6, other.ip, 4);
    length = packet_udp(frame, &other, &mdns_group, 5353, 5353, message, length + 10);
    rig_frame_send(rig, frame, length); /* once: it is gone when the board probes again */
    rig_run_ms(rig, 5000);
    RIG_CHECK(rig, rig_number(rig, "services.mdns.conflicts") == 1);
    RIG_CHECK(rig, mdns_ask(rig, "plugnet.local", A, 1, 5353, &answer) && mdns_has_address(rig, &answer));
    rig_frame_send(rig, frame, length);
    rig_run_ms(rig, 100);
    rig_frame_send(rig, frame, length); /* twice: it defends the name */
    rig_run_ms(rig, 5000);
    RIG_CHECK(rig, rig_number(rig, "services.mdns.conflicts") == 3);
    RIG_CHECK(rig, mdns_ask(rig, unique, A, 1, 5353, &answer) && mdns_has_address(rig, &answer));
    RIG_CHECK(rig, !mdns_ask(rig, "plugnet.local", A, 1, 5353, &answer));
}

/* ---- ICMP, ARP, IGMP ---- */

static void icmp_sizes(struct rig *rig)
{
    for (unsigned size = 0; size <= 1472; size++) {
        if (rig_ping(rig, size, 100) < 0) {
            rig_fail(rig, "an echo of %u bytes was not answered, or not with its bytes", size);
        }
    }
    rig_say(rig, "every size from 0 to 1,472");
}

/* Bursts: as many answers as there is room for, never a wrong one, and none is lost when there is time. */
static void icmp_fragments(struct rig *rig)
{
    uint8_t frame[PACKET_MAX], payload[1480] = {8};
    for (unsigned i = 0; i < 3000; i++) {
        uint16_t offset = (uint16_t)rig_random(rig, 400);
        uint16_t more = rig_random(rig, 4) != 0 ? 0x2000 : 0;
        size_t length = 8 * (1 + rig_random(rig, 180));
        rig_frame_send(rig, frame,
                       packet_ip(frame, &rig->me, &rig->peer, i % 5 == 0 ? PACKET_UDP : PACKET_ICMP,
                                 (uint16_t)(i / 3), (uint16_t)(more | (i % 3 == 0 ? 0 : offset)), payload,
                                 length));
        if (i % 2 == 1) {
            rig_step(rig);
        }
    }
    rig_say(rig, "3,000 fragments");
}

static void arp_conflicts(struct rig *rig)
{
    uint8_t frame[PACKET_MAX];
    struct packet_host thief = rig->peer, other;
    thief.mac[5] ^= 0x55;
    struct packet_host me_elsewhere = rig->me;
    me_elsewhere.mac[5] ^= 0x55;
    RIG_CHECK(rig, ghost_host(rig, &other, 1));
    for (unsigned i = 0; i < 500; i++) {
        struct packet_host random = {.mac = {2, 0, 0, 0, 0, (uint8_t)i}};
        packet_ip_bytes(random.ip, packet_ip_number(rig->me.ip) + rig_random(rig, 300));
        rig_frame_send(rig, frame, packet_arp(frame, &thief, &thief, i % 2 != 0));      /* "I am the board" */
        rig_frame_send(rig, frame, packet_arp(frame, &random, &rig->peer, i % 3 != 0)); /* a crowd */
        rig_frame_send(rig, frame, packet_arp(frame, &me_elsewhere, &rig->peer, true)); /* "I am the PC" */
        rig_step(rig);
    }
    /* The PC speaks up, as it does when its own entry grows old. */
    rig_frame_send(rig, frame, packet_arp(frame, &rig->me, &rig->peer, false));
    rig_run_ms(rig, 10);
    RIG_CHECK(rig, rig_ping(rig, 56, 1000) >= 0);
    /* "I am the PC, with the board's own MAC address", or everybody's: answers must still go to the PC, which says nothing. */
    struct packet_host mirror = rig->me, crowd = rig->me;
    memcpy(mirror.mac, rig->peer.mac, sizeof mirror.mac);
    memset(crowd.mac, 0xFF, sizeof crowd.mac);
    uint64_t forged = rig_number(rig, "netif.drops.arp_forged");
    for (unsigned i = 0; i < 4; i++) {
        rig_frame_send(rig, frame, packet_arp(frame, i < 2 ? &mirror : &crowd, &rig->peer, i % 2 != 0));
        rig_run_ms(rig, 5);
        RIG_CHECK(rig, rig_ping(rig, 56, 1000) >= 0);
    }
    RIG_CHECK(rig, rig_number(rig, "netif.drops.arp_forged") == forged + 4);
    /* A probe for the board's address (RFC 5227) must be answered, or the prober would take it. */
    struct packet_host probe = {.ip = {0, 0, 0, 0}};
    memcpy(probe.mac, other.mac, 6);
    struct packet_host target = {.mac = {0}};
    memcpy(target.ip, rig->peer.ip, 4);
    uint64_t before = pc_net_counters(rig->pc)->rx_frames;
    rig_frame_send(rig, frame, packet_arp(frame, &probe, &target, false));
    rig_run_ms(rig, 20);
    RIG_CHECK(rig, pc_net_counters(rig->pc)->rx_frames > before);
    rig_say(rig, "1,500 false claims");
}

static size_t igmp_frame(uint8_t *frame, const struct packet_host *from, uint8_t type, uint8_t time,
                         const uint8_t group[4])
{
    static const struct packet_host all = {.mac = {0x01, 0x00, 0x5E, 0, 0, 1}, .ip = {224, 0, 0, 1}};
    uint8_t igmp[8] = {type, time};
    memcpy(igmp + 4, group, 4);
    store_be16(igmp + 2, packet_checksum(igmp, sizeof igmp, 0));
    return packet_ip(frame, from, &all, PACKET_IGMP, 1, 0, igmp, sizeof igmp);
}

/* Put options between a frame's IP header and what follows. A multiple of 4 bytes. */
static size_t ip_options_insert(uint8_t *frame, size_t length, const uint8_t *options, size_t options_length)
{
    uint8_t *ip = frame + 14;
    memmove(ip + 20 + options_length, ip + 20, length - 34);
    memcpy(ip + 20, options, options_length);
    ip[0] = (uint8_t)(0x45 + options_length / 4);
    store_be16(ip + 2, (uint16_t)(length - 14 + options_length));
    store_be16(ip + 10, 0);
    store_be16(ip + 10, packet_checksum(ip, 20 + options_length, 0));
    return length + options_length;
}

/* The board doesn't speak IGMP (mDNS's group is link-local, RFC 4541 wants it forwarded without reports), so what
 * comes must do no harm. */
static void igmp(struct rig *rig)
{
    uint8_t frame[PACKET_MAX];
    static const uint8_t none[4], router_alert[4] = {0x94, 4};
    rig_frame_send(rig, frame, igmp_frame(frame, &rig->me, 0x11, 10, none));
    rig_frame_send(rig, frame, igmp_frame(frame, &rig->me, 0x11, 10, mdns_group.ip));
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t group[4] = {224, 0, 0, (uint8_t)rig_random(rig, 256)};
        size_t length =
            igmp_frame(frame, &rig->me, (uint8_t)rig_random(rig, 0x30), (uint8_t)rig_random(rig, 256), group);
        if (i % 3 == 0) {
            frame[34 + rig_random(rig, 8)] ^= 0x40;
        }
        if (i % 2 == 0) {
            length =
                ip_options_insert(frame, length, router_alert, sizeof router_alert); /* as PCs send them */
        }
        rig_frame_send(rig, frame, length);
        if (i % 4 == 3) {
            rig_step(rig);
        }
    }
    rig_say(rig, "1,002 queries, reports and spoilt ones ignored");
}

/* ---- Options of IP ---- */

/* The number is the port, or the echo's. */
static bool match_number(void *context, const struct packet *packet)
{
    const uint16_t *number = context;
    return (packet->protocol == PACKET_ICMP ? packet->icmp_id : packet->to_port) == *number;
}

/* A question that is answered without options: an echo, DNS, a connection. */
static size_t ip_options_question(struct rig *rig, uint8_t *frame, unsigned kind, uint16_t port)
{
    uint8_t data[300];
    struct packet_segment syn = {.from_port = port, .to_port = 80, .flags = PACKET_SYN, .window = 1000};
    switch (kind) {
    case 0: return packet_echo(frame, &rig->me, &rig->peer, port, 7, 100);
    case 1:
        return packet_udp(frame, &rig->me, &rig->peer, port, 53, data,
                          dns_query(data, 1, 0, "plugnet.home.arpa", 1, 1));
    default: return packet_tcp(frame, &rig->me, &rig->peer, &syn, NULL, 0);
    }
}

/* Record route, a loose source route, a timestamp, the router alert, padding: such a datagram is dropped. */
static void ip_options(struct rig *rig)
{
    static const uint8_t options[][40] = {
        {7, 39, 4}, {0x83, 7, 4, 10, 0, 0, 9}, {0x44, 36, 5}, {0x94, 4}, {1, 1, 1}};
    uint8_t frame[PACKET_MAX];
    for (unsigned i = 0; i < 2 * 15; i++) {
        uint16_t number = (uint16_t)(6000 + i);
        size_t length = ip_options_question(rig, frame, i % 3, number);
        length = ip_options_insert(frame, length, options[i / 6], i % 2 != 0 ? 40 : 8);
        rig_frame_send(rig, frame, length);
        if (rig_frame_wait(rig, match_number, &number, 50)) {
            rig_fail(rig, "question %u with the option %u is answered", i % 3, options[i / 6][0]);
        }
        rig_frame_send(rig, frame, ip_options_question(rig, frame, i % 3, number));
        RIG_CHECK(rig, rig_frame_wait(rig, match_number, &number, 200));
    }
    rig_say(rig, "30 dropped; without options each is answered");
}

/* ---- Noise ---- */

static size_t noise_template(struct rig *rig, uint8_t *frame, unsigned kind)
{
    uint8_t data[600] = {0};
    struct packet_segment segment = {.from_port = 5000, .to_port = 80, .flags = PACKET_SYN, .window = 1000};
    switch (kind) {
    case 0: return packet_arp(frame, &rig->me, &rig->peer, rig_random(rig, 2) != 0);
    case 1: return packet_echo(frame, &rig->me, &rig->peer, 7, 7, rig_random(rig, 1473));
    case 2:
        return packet_udp(frame, &rig->me, &rig->peer, 1, 53, data,
                          dns_query(data, 1, 0, "plugnet.home.arpa", 1, 1));
    case 3: return packet_tcp(frame, &rig->me, &rig->peer, &segment, data, rig_random(rig, 20));
    case 4:
        return packet_udp(frame, &rig->me, &mdns_group, 5353, 5353, data,
                          dns_query(data, 0, 0, "plugnet.local", 1, 1));
    case 5: return packet_udp(frame, &nobody, &everyone, 68, 67, data, 300);
    case 6: {
        size_t length = packet_ip(frame, &rig->me, &rig->peer, (uint8_t)rig_random(rig, 256), 3, 0, data,
                                  rig_random(rig, sizeof data));
        return length;
    }
    default: {
        size_t length = 14 + rig_random(rig, 1501);
        for (size_t i = 0; i < length; i++) {
            frame[i] = (uint8_t)rig_random(rig, 256);
        }
        if (rig_random(rig, 2) != 0) {
            memcpy(frame, rig->peer.mac, 6);
        }
        if (rig_random(rig, 2) != 0) {
            store_be16(frame + 12, rig_random(rig, 2) != 0 ? 0x0800 : 0x0806);
        }
        return length;
    }
    }
}

static void noise(struct rig *rig)
{
    uint8_t frame[PACKET_MAX];
    uint64_t lost = pc_net_counters(rig->pc)->tx_dropped;
    for (unsigned i = 0; i < 20000; i++) {
        memset(frame, 0, sizeof frame);
        size_t length = noise_template(rig, frame, rig_random(rig, 8));
        for (unsigned n = rig_random(rig, 4); n > 0; n--) {
            frame[12 + rig_random(rig, (uint32_t)(length < 80 ? length : 80) - 12)] =
                (uint8_t)rig_random(rig, 256);
        }
        if (rig_random(rig, 8) == 0) {
            length = 14 + rig_random(rig, (uint32_t)length - 13);
        }
        rig_frame_send(rig, frame, length);
        if (i % 4 == 3) {
            rig_step(rig);
        }
        if (i % 2000 == 1999) {
            rig_frame_send(rig, frame, packet_arp(frame, &rig->me, &rig->peer, false));
            rig_run_ms(rig, 400);
            rig_ping_within_1s(rig);
        }
    }
    RIG_CHECK(rig, pc_net_counters(rig->pc)->tx_dropped == lost);
    rig_say(rig, "20,000 spoilt frames");
}

const struct scenario scenarios_net[] = {
    {"dhcp_variants", SCENARIO_BOTH, dhcp_variants, 60, false},
    {"dhcp_hostile", SCENARIO_BOTH, dhcp_hostile, 60, false},
    {"dns_udp", SCENARIO_BOTH, dns_udp, 60, false},
    {"dns_tcp", SCENARIO_BOTH, dns_tcp, 60, false},
    {"mdns", SCENARIO_BOTH, mdns, 60, false},
    {"mdns_conflict", SCENARIO_BOTH, mdns_conflict, 60, false},
    {"icmp_sizes", SCENARIO_BOTH, icmp_sizes, 60, false},
    {"icmp_fragments", SCENARIO_BOTH, icmp_fragments, 60, false},
    {"arp_conflicts", SCENARIO_BOTH, arp_conflicts, 60, false},
    {"igmp", SCENARIO_BOTH, igmp, 60, false},
    {"ip_options", SCENARIO_BOTH, ip_options, 60, false},
    {"noise", SCENARIO_BOTH, noise, 120, false},
    {0},
};
