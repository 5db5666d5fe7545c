/*
 * Scenarios for examples/ownstack: exactly the frames that are due are answered, each right, in order, whatever else comes and
 * whatever happens on the bus.
 *
 *   own_send ─→ due? own_due: the answer by this file's own reading ─→ list ←─ own_frame: what comes must be its first
 *
 * So an answer too many, too few, too early or with one wrong byte fails. Every field of a frame is tried with every value.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <string.h>

#include "host/ncm_host.h"
#include "wire/be.h"
#include "wire/le.h"
#include "wire/usb_ch9.h"

#define DUE_MAX     512    /* answers awaited at once */
#define BURST       32     /* frames sent before the answers are awaited */
#define QUIET_MS    40     /* no answer comes later than that */
#define WAKE_NS_MAX 450000 /* what is slept over comes half a millisecond late on average */
#define CROWD       40     /* frames in one block: as many as are taken */
#define NET         0xC0A80700u
#define HOSTS       0xFFu

static struct own {
    struct rig *rig;
    struct rig_frame due[DUE_MAX];
    unsigned first, count; /* of due */
    uint64_t sent, answered;
    uint64_t delay_ns, out_ns, worst_ns; /* own_wakes */
    bool floods;                         /* more is sent before the answers are there */
    bool loses; /* the bus is disturbed: what is due may be missing, but nothing else may come */
} own;

/* ---- What is due ---- */

static bool own_neighbour(const struct rig *rig, const uint8_t ip[4])
{
    uint32_t address = packet_ip_number(ip), host = address & HOSTS;
    return (address & ~HOSTS) == NET && host != 0 && host != HOSTS && memcmp(ip, rig->peer.ip, 4) != 0;
}

static void own_turn(struct rig_frame *out, const uint8_t *frame, size_t length)
{
    out->length = (uint16_t)length;
    memcpy(out->bytes, frame, length);
    memcpy(out->bytes, frame + 6, 6);
    memcpy(out->bytes + 6, own.rig->peer.mac, 6);
}

static bool own_due_arp(const struct packet *p, const uint8_t *frame, struct rig_frame *out)
{
    static const uint8_t anybody[4];
    const uint8_t *arp = frame + 14;
    const uint8_t kind[] = {0, 1, 0x08, 0x00, 6, 4};
    bool sender = own_neighbour(own.rig, p->from.ip) || memcmp(p->from.ip, anybody, 4) == 0;
    if (p->arp_operation != 1 || memcmp(arp, kind, sizeof kind) != 0 || !sender ||
        memcmp(arp + 8, p->from.mac, 6) != 0 || memcmp(p->to.ip, own.rig->peer.ip, 4) != 0)
        return false;
    struct packet_host asker = {.mac = {0}};
    memcpy(asker.mac, p->from.mac, 6);
    memcpy(asker.ip, p->from.ip, 4);
    out->length = (uint16_t)packet_arp(out->bytes, &own.rig->peer, &asker, true);
    return true;
}

static bool own_due_echo(const struct packet *p, const uint8_t *frame, struct rig_frame *out)
{
    const uint8_t *ip = frame + 14;
    if (p->protocol != PACKET_ICMP || !p->checksums_good || ip[0] != 0x45 || p->payload != frame + 42 ||
        p->icmp_type != 8 || ip[21] != 0 || (load_be16(ip + 6) | 0x4000) != 0x4000 ||
        memcmp(p->to.ip, own.rig->peer.ip, 4) != 0 || !own_neighbour(own.rig, p->from.ip))
        return false;
    own_turn(out, frame, 42 + p->length);
    uint8_t *answer = out->bytes + 14;
    memcpy(answer + 12, p->to.ip, 4);
    memcpy(answer + 16, p->from.ip, 4);
    answer[8] = 64;
    store_be16(answer + 10, 0);
    store_be16(answer + 10, packet_checksum(answer, 20, 0));
    answer[20] = 0;
    store_be16(answer + 22, 0);
    store_be16(answer + 22, packet_checksum(answer + 20, 8 + p->length, 0));
    return true;
}

/* False: it mustn't be answered. */
static bool own_due(const uint8_t *frame, size_t length, struct rig_frame *out)
{
    struct packet p;
    bool to_us = memcmp(frame, own.rig->peer.mac, 6) == 0,
         to_all = memcmp(frame, packet_mac_broadcast, 6) == 0;
    if (!packet_read(&p, frame, length) || p.from.mac[0] % 2 != 0 ||
        memcmp(p.from.mac, own.rig->peer.mac, 6) == 0)
        return false;
    return ((to_us || to_all) && p.ethertype == 0x0806 && own_due_arp(&p, frame, out)) ||
           (to_us && p.ethertype == 0x0800 && own_due_echo(&p, frame, out));
}

/* ---- Sending, and what comes ---- */

static bool own_is(const struct rig_frame *due, const uint8_t *frame, size_t length)
{
    return due->length == length && memcmp(due->bytes, frame, length) == 0;
}

static void own_frame(void *context, const uint8_t *frame, size_t length)
{
    struct own *o = context;
    while (o->count != 0 && o->loses && !own_is(&o->due[o->first], frame, length)) {
        o->first = (o->first + 1) % DUE_MAX;
        o->count--;
    }
    if (o->count == 0 || !own_is(&o->due[o->first], frame, length))
        rig_fail(o->rig, "a frame of %zu bytes that isn't due, of type %02x%02x; %u are due", length,
                 frame[12], frame[13], o->count);
    o->first = (o->first + 1) % DUE_MAX;
    o->count--;
    o->answered++;
}

static void own_begin(struct rig *rig)
{
    rig_run_ms(rig, QUIET_MS); /* what the rig has asked is answered */
    memset(&own, 0, sizeof own);
    own.rig = rig;
    rig->each_frame = own_frame;
    rig->each_frame_context = &own;
}

static bool own_is_quiet(void *unused)
{
    (void)unused;
    return own.count == 0 && pc_ncm(own.rig->pc)->queue_length == 0;
}

/* All that was due has come, and nothing else comes. */
static void own_settle(void)
{
    rig_run_until(own.rig, own_is_quiet, NULL, 1000);
    rig_run_ms(own.rig, QUIET_MS);
    if (own.count != 0 && !own.loses)
        rig_fail(own.rig, "%u answers of %llu haven't come; the next is of %u bytes", own.count,
                 (unsigned long long)own.sent, own.due[own.first].length);
    own.count = 0;
}

static void own_send(const uint8_t *frame, size_t length)
{
    struct rig_frame *due = &own.due[(own.first + own.count) % DUE_MAX];
    if (own.loses && own.count == DUE_MAX - 1) {
        own.first = (own.first + 1) % DUE_MAX;
        own.count--;
    }
    if (own_due(frame, length, due)) {
        RIG_CHECK(own.rig, own.count < DUE_MAX - 1);
        own.count++;
    }
    rig_frame_send(own.rig, frame, length);
    own.sent++;
    if (!own.loses && !own.floods && own.sent % BURST == 0)
        rig_run_until(own.rig, own_is_quiet, NULL, 1000);
}

static void own_ping(unsigned size)
{
    uint8_t frame[PACKET_MAX];
    own_send(frame, packet_echo(frame, &own.rig->me, &own.rig->peer, 0x4F57, (uint16_t)own.sent, size));
}

static size_t own_arp_put(uint8_t *frame)
{
    struct packet_host board = own.rig->peer;
    memset(board.mac, 0, 6);
    return packet_arp(frame, &own.rig->me, &board, false);
}

/* To everybody; or to the board alone, as Linux asks whom it knows already. */
static void own_arp(bool alone)
{
    uint8_t frame[PACKET_MAX];
    size_t length = own_arp_put(frame);
    if (alone)
        memcpy(frame, own.rig->peer.mac, 6);
    own_send(frame, length);
}

static void own_up(const char *after, unsigned number)
{
    if (!rig_run_until(own.rig, pc_is_leased, own.rig->pc, 10000))
        rig_fail(own.rig, "no link within 10 s after %s %u", after, number);
}

/* It answers as on the first day: nothing of it is lost or held for ever. */
static void own_healthy(void)
{
    own_up("all that", 0);
    rig_run_ms(own.rig, 1000); /* what was under way has gone */
    own.loses = own.floods = false;
    own.count = 0;
    uint64_t answered = own.answered;
    own_arp(false);
    for (unsigned i = 0; i < 3 * BURST; i++)
        own_ping(i % 2 != 0 ? 1472 : 18);
    own_settle();
    RIG_CHECK(own.rig, own.answered - answered == 1 + 3 * BURST);
    own.rig->each_frame = NULL;
}

/* ---- Scenarios ---- */

static void own_answers(struct rig *rig)
{
    own_begin(rig);
    for (unsigned size = 0; size <= 1472; size++)
        own_ping(size);
    for (unsigned i = 0; i < 100; i++)
        own_arp(i % 2 != 0);
    own_settle();
    RIG_CHECK(rig, own.answered == 1573);
    own_healthy();
    int small = rig_ping(rig, 18, 1000), large = rig_ping(rig, 1472, 1000);
    RIG_CHECK(rig, small >= 0 && large >= 0);
    rig_say(rig, "echoes of 0 to 1,472 bytes, one of 18 within %d ms, one of 1,472 within %d", small, large);
}

/* Before an OUT packet that ends a transfer, and after an IN packet that carries something. */
static void own_out(void *context, uint8_t endpoint, uint16_t length)
{
    struct own *o = context;
    (void)endpoint;
    if (length != 64 && o->out_ns == 0) {
        rig_cable_wait(&o->rig->cable, o->delay_ns);
        o->out_ns = o->rig->cable.time_ns;
    }
}

static void own_in(void *context, uint8_t endpoint, enum cable_answer answer, uint16_t length)
{
    struct own *o = context;
    (void)endpoint;
    if (o->out_ns != 0 && answer == CABLE_ACK && length > 20) {
        uint64_t took_ns = o->rig->cable.time_ns - o->out_ns;
        o->worst_ns = took_ns > o->worst_ns ? took_ns : o->worst_ns;
        o->out_ns = 0;
    }
}

/* The loop sleeps until a packet comes, and not until the next millisecond. */
static void own_wakes(struct rig *rig)
{
    own_begin(rig);
    rig->cable.context = &own;
    rig->cable.out = own_out;
    rig->cable.in = own_in;
    for (unsigned i = 0; i < 100; i++) {
        own.delay_ns = i * 9973;
        own_ping(18);
        own_settle();
    }
    rig->cable.out = NULL;
    rig->cable.in = NULL;
    RIG_CHECK(rig, own.answered == 100 && own.worst_ns != 0);
    rig_say(rig, "100 packets at any time of a millisecond, answered within %u us",
            (unsigned)(own.worst_ns / 1000));
    RIG_CHECK(rig, own.worst_ns <= WAKE_NS_MAX);
    own_healthy();
}

/* As `ping -f` does, and more: the PC's queue is never empty. */
static void own_flood(struct rig *rig)
{
    own_begin(rig);
    own.floods = true;
    uint64_t begin = rig_ms(rig);
    for (unsigned i = 0; i < 10000; i++) {
        own_ping(i % 5 != 0 ? 18 : 1472);
        while (pc_ncm(rig->pc)->queue_length > BURST)
            rig_step(rig);
    }
    own_settle();
    RIG_CHECK(rig, own.answered == 10000);
    rig_say(rig, "10,000 echoes in %llu ms, none lost, all in order",
            (unsigned long long)(rig_ms(rig) - begin));
    own_healthy();
}

/* Make the checksums of IP and ICMP right. */
static void own_tell(uint8_t *frame)
{
    store_be16(frame + 24, 0);
    store_be16(frame + 24, packet_checksum(frame + 14, 20, 0));
    store_be16(frame + 36, 0);
    uint16_t total = load_be16(frame + 16);
    if (total >= 24 && total <= PACKET_MAX - 14)
        store_be16(frame + 36, packet_checksum(frame + 34, total - 20u, 0));
}

/* Each byte with each value; checksums as they were, or made right again. */
static void own_mutate(const uint8_t *good, size_t length, bool told)
{
    for (size_t at = 0; at < length; at++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t frame[PACKET_MAX] = {0};
            memcpy(frame, good, length);
            frame[at] = (uint8_t)value;
            if (told && load_be16(frame + 12) == 0x0800)
                own_tell(frame);
            own_send(frame, length);
        }
    }
    own_settle();
}

static void own_mutations(struct rig *rig)
{
    uint8_t frame[PACKET_MAX];
    own_begin(rig);
    size_t length = packet_echo(frame, &rig->me, &rig->peer, 0x4D55, 1, 5);
    own_mutate(frame, length, false);
    own_mutate(frame, length, true);
    own_mutate(frame, own_arp_put(frame), false);
    RIG_CHECK(rig, own.answered > 2000 && own.answered < own.sent / 2);
    rig_say(rig, "%llu frames, each differs in one byte from a good one; %llu answers were due",
            (unsigned long long)own.sent, (unsigned long long)own.answered);
    own_healthy();
}

/* Every length of frame, total length and header length there is, checksums right, fragments. */
static void own_lengths(struct rig *rig)
{
    uint8_t frame[PACKET_MAX] = {0}, echo[PACKET_MAX];
    own_begin(rig);
    size_t length = packet_echo(echo, &rig->me, &rig->peer, 0x4C45, 1, 64);
    for (size_t cut = 14; cut <= length; cut++)
        own_send(echo, cut);
    for (unsigned total = 0; total < 65536; total += total < 200 ? 1 : 61) {
        memcpy(frame, echo, length);
        store_be16(frame + 16, (uint16_t)total);
        own_tell(frame);
        own_send(frame, length);
    }
    for (unsigned words = 0; words < 16; words++) {
        memcpy(frame, echo, length);
        frame[14] = (uint8_t)(0x40 | words);
        own_tell(frame);
        own_send(frame, length);
    }
    for (unsigned fragment = 0; fragment < 65536; fragment += fragment < 100 ? 1 : 97) {
        memcpy(frame, echo, length);
        store_be16(frame + 20, (uint16_t)fragment);
        own_tell(frame);
        own_send(frame, length);
    }
    length = own_arp_put(echo);
    for (size_t cut = 14; cut <= length + 60; cut++) {
        memset(frame, 0xEE, sizeof frame);
        memcpy(frame, echo, length);
        own_send(frame, cut);
    }
    own_settle();
    rig_say(rig, "%llu frames, of which %llu get an answer", (unsigned long long)own.sent,
            (unsigned long long)own.answered);
    RIG_CHECK(rig, own.answered > 60 && own.answered < 300);
    own_healthy();
}

/* Frames that are cut off lie where whole ones have lain: what is left of those in memory isn't theirs. */
static void own_left_overs(struct rig *rig)
{
    own_begin(rig);
    for (size_t cut = 14; cut < 60; cut++) {
        for (unsigned i = 0; i < 2; i++) {
            uint8_t whole[PACKET_MAX], other[PACKET_MAX];
            size_t length =
                i == 0 ? own_arp_put(whole) : packet_echo(whole, &rig->me, &rig->peer, 1, (uint16_t)cut, 18);
            memcpy(other, whole, length);
            other[i == 0 ? 21 : 35] = 9; /* operation, code: unknown, so its bytes stay as they are */
            for (unsigned block = 0; block < 4; block++) {
                own_send(other, length);
                own_settle();
            }
            own_send(whole, cut < length ? cut : length);
            own_settle();
        }
    }
    own_healthy();
}

/* Who can't be answered: addresses of groups, of nobody, of other nets, of the board itself. */
static void own_senders(struct rig *rig)
{
    static const uint8_t ips[][4] = {{0, 0, 0, 0},         {127, 0, 0, 1},   {192, 168, 7, 0},
                                     {192, 168, 7, 1},     {192, 168, 7, 3}, {192, 168, 7, 255},
                                     {192, 168, 8, 2},     {224, 0, 0, 1},   {240, 0, 0, 1},
                                     {255, 255, 255, 255}, {10, 0, 0, 2},    {192, 168, 7, 254}};
    static const uint8_t macs[][6] = {
        {0x02, 1, 2, 3, 4, 5}, {0x01, 0, 0x5E, 0, 0, 1}, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
    unsigned good = 0;
    own_begin(rig);
    for (unsigned i = 0; i < sizeof ips / sizeof ips[0] * 4; i++) {
        uint8_t frame[PACKET_MAX];
        struct packet_host from, board = rig->peer;
        memcpy(from.ip, ips[i / 4], 4);
        memcpy(from.mac, i % 4 < 3 ? macs[i % 4] : rig->peer.mac, 6);
        size_t length = packet_echo(frame, &from, &rig->peer, 1, (uint16_t)i, 18);
        own_send(frame, length);
        memcpy(frame, packet_mac_broadcast, 6);
        own_send(frame, length);
        memset(board.mac, 0, 6);
        own_send(frame, packet_arp(frame, &from, &board, false));
        memcpy(board.ip, ips[i / 4], 4); /* gratuitous, or for somebody else */
        own_send(frame, packet_arp(frame, &from, &board, false));
        own_send(frame, packet_arp(frame, &from, &rig->peer, true));
        good += i % 4 == 0 && (i / 4 == 4 || i / 4 == 11);
    }
    own_settle();
    /* An echo and an ARP request each from those; and who asks from 0.0.0.0 whether the address is taken. */
    RIG_CHECK(rig, good == 2 && own.answered == 2 * good + 1);
    own_healthy();
}

/* The host doesn't read: frames are taken all the same, and dropped; then all is as before. */
static void own_in_stopped(struct rig *rig)
{
    own_begin(rig);
    own.loses = true;
    uint64_t before = pc_net_counters(rig->pc)->tx_frames;
    pc_in_stop(rig->pc, 3000);
    for (unsigned ms = 0; ms < 3000; ms++) {
        if (pc_ncm(rig->pc)->queue_length < 8)
            own_ping(18);
        rig_run_ms(rig, 1);
    }
    uint64_t taken = pc_net_counters(rig->pc)->tx_frames - before;
    RIG_CHECK(rig, taken >= 100);
    rig_say(rig, "%llu frames taken in 3 s in which it could send nothing", (unsigned long long)taken);
    own_healthy();
}

/* One block with more frames than were declared, and than fit into one answer: what finds no room waits for it. */
static void own_crowded(struct rig *rig)
{
    own_begin(rig);
    own.floods = true;
    for (unsigned round = 0; round < 50; round++) {
        static uint8_t block[4096];
        uint32_t length = 12 + 8 + 4 * (CROWD + 1);
        memset(block, 0, sizeof block);
        memcpy(block, "NCMH\x0C\0", 6);
        store_le16(block + 6, (uint16_t)round);
        store_le16(block + 10, 12);
        memcpy(block + 12, "NCM0", 4);
        store_le16(block + 16, (uint16_t)(length - 12));
        for (unsigned i = 0; i < CROWD; i++) {
            struct rig_frame *due = &own.due[(own.first + own.count) % DUE_MAX];
            length = (length + 3) & ~3u;
            size_t size =
                packet_echo(block + length, &rig->me, &rig->peer, 0x4352, (uint16_t)(round * CROWD + i), 18);
            RIG_CHECK(rig, own_due(block + length, size, due));
            own.count++;
            own.sent++;
            store_le16(block + 20 + 4 * i, (uint16_t)length);
            store_le16(block + 22 + 4 * i, (uint16_t)size);
            length += (uint32_t)size;
        }
        store_le16(block + 8, (uint16_t)length);
        RIG_CHECK(rig, pc_bulk_out(rig->pc, block, length, true, 1000) == URB_OK);
        rig_run_until(rig, own_is_quiet, NULL, 100);
    }
    own_settle();
    RIG_CHECK(rig, own.answered == 50 * CROWD);
    own_healthy();
}

static void own_alternate(struct rig *rig, uint16_t alternate)
{
    struct ncm_host *ncm = pc_ncm(rig->pc);
    struct usb_setup setup = {.bmRequestType = 0x01,
                              .bRequest = USB_SET_INTERFACE,
                              .wValue = alternate,
                              .wIndex = ncm->data_interface};
    RIG_CHECK(rig, pc_control(rig->pc, &setup, NULL, NULL) == URB_OK);
    bus_halt_clear(pc_bus(rig->pc), ncm->in.bEndpointAddress);
    bus_halt_clear(pc_bus(rig->pc), ncm->out.bEndpointAddress);
}

/* An answer waits for room, and the host switches the network off and on: it is never sent. Frames that the PC still has are
 * answered. */
static void own_waiting_switched(struct rig *rig)
{
    own_begin(rig);
    for (unsigned i = 0; i < 30; i++) {
        own.loses = own.floods = true;
        uint64_t before = pc_net_counters(rig->pc)->tx_frames;
        pc_in_stop(rig->pc, 10000);
        for (unsigned n = 0; n < 12; n++)
            own_ping(18);
        rig_run_ms(rig, 10 + i);
        unsigned taken = (unsigned)(pc_net_counters(rig->pc)->tx_frames - before);
        RIG_CHECK(rig, taken > 0 && taken <= own.count);
        ncm_host_suspend(pc_ncm(rig->pc), true);
        own_alternate(rig, 0);
        own.first = (own.first + taken) % DUE_MAX;
        own.count -= taken;
        own_alternate(rig, 1);
        pc_in_stop(rig->pc, 0);
        ncm_host_suspend(pc_ncm(rig->pc), false);
        rig_run_ms(rig, 100);
        own.count = 0;
    }
    own_healthy();
}

/* ---- The bus ---- */

static void own_traffic(unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        if (pc_is_link_up(own.rig->pc) && pc_ncm(own.rig->pc)->queue_length < 8) {
            own_ping(18);
            own_ping(i % 3 == 0 ? 1472 : 60);
        }
        rig_run_ms(own.rig, 1);
    }
}

static void own_disturbed(struct rig *rig, const char *what, unsigned count,
                          void (*disturb)(struct rig *rig, unsigned i))
{
    uint64_t before = 0;
    own_begin(rig);
    own.loses = true;
    for (unsigned i = 0; i < count; i++) {
        own_traffic(15 + i % 7);
        RIG_CHECK(rig, own.answered > before);
        before = own.answered;
        disturb(rig, i);
        own_up(what, i);
    }
    rig_say(rig, "%u in traffic, %llu echoes answered", count, (unsigned long long)own.answered);
    own_healthy();
}

static void own_reset_one(struct rig *rig, unsigned i)
{
    pc_bus_reset_after(rig->pc, 1 + i * 3 % 61);
    own_traffic(5);
    RIG_CHECK(rig, !pc_is_configured(rig->pc));
}

static void own_replug_one(struct rig *rig, unsigned i)
{
    (void)i;
    pc_replug(rig->pc);
    own_traffic(105);
}

static void own_suspend_one(struct rig *rig, unsigned i)
{
    pc_suspend(rig->pc);
    rig_run_ms(rig, i % 5 != 0 ? 1 + i : 300);
    pc_resume(rig->pc);
    rig_run_ms(rig, 60);
}

static void own_halt_one(struct rig *rig, unsigned i)
{
    const struct ncm_host *ncm = pc_ncm(rig->pc);
    const uint8_t endpoints[] = {ncm->in.bEndpointAddress, ncm->out.bEndpointAddress,
                                 ncm->notify.bEndpointAddress};
    struct usb_setup halt = {.bmRequestType = 0x02, .bRequest = USB_SET_FEATURE, .wIndex = endpoints[i % 3]};
    RIG_CHECK(rig, pc_control(rig->pc, &halt, NULL, NULL) == URB_OK);
    own_traffic(60);
}

static void own_board_reset_one(struct rig *rig, unsigned i)
{
    (void)i;
    pc_board_reset(rig->pc);
    rig_run_ms(rig, 20);
}

static void own_bus_resets(struct rig *rig)
{
    own_disturbed(rig, "bus reset", 40, own_reset_one);
}

static void own_replugs(struct rig *rig)
{
    own_disturbed(rig, "replug", 20, own_replug_one);
}

static void own_suspends(struct rig *rig)
{
    own_disturbed(rig, "suspend", 25, own_suspend_one);
}

static void own_halts(struct rig *rig)
{
    own_disturbed(rig, "halt", 30, own_halt_one);
}

static void own_board_resets(struct rig *rig)
{
    own_disturbed(rig, "board reset", 8, own_board_reset_one);
}

const struct scenario scenarios_ownstack[] = {
    {"own_answers", SCENARIO_OWNSTACK, own_answers, 120, false},
    {"own_wakes", SCENARIO_OWNSTACK, own_wakes, 120, false},
    {"own_flood", SCENARIO_OWNSTACK, own_flood, 120, false},
    {"own_mutations", SCENARIO_OWNSTACK, own_mutations, 120, false},
    {"own_lengths", SCENARIO_OWNSTACK, own_lengths, 120, false},
    {"own_left_overs", SCENARIO_OWNSTACK, own_left_overs, 120, false},
    {"own_senders", SCENARIO_OWNSTACK, own_senders, 120, false},
    {"own_in_stopped", SCENARIO_OWNSTACK, own_in_stopped, 120, false},
    {"own_crowded", SCENARIO_OWNSTACK, own_crowded, 120, false},
    {"own_waiting_switched", SCENARIO_OWNSTACK, own_waiting_switched, 120, false},
    {"own_bus_resets", SCENARIO_OWNSTACK, own_bus_resets, 120, false},
    {"own_replugs", SCENARIO_OWNSTACK, own_replugs, 120, false},
    {"own_suspends", SCENARIO_OWNSTACK, own_suspends, 120, false},
    {"own_halts", SCENARIO_OWNSTACK, own_halts, 120, false},
    {"own_board_resets", SCENARIO_OWNSTACK, own_board_resets, 120, false},
    {NULL, 0, NULL, 0, false},
};
