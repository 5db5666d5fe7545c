/*
 * The interface between lwIP and NCM, with a real lwIP above and a made-up NCM function below: who owns a frame
 * when, what is copied, what happens without memory.
 *
 * LINK: net/netif_ncm.c wire/chksum.c wire/icmp_echo.c $(LWIP_SRC)
 * SET: lwip
 */
/* SPDX-License-Identifier: MIT */
#include "net/netif_ncm.h"

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "lwip/udp.h"
#include "wire/chksum.h"
#include "os/os.h"
#include "test/test.h"
#include "usb/ncm.h"
#include "wire/be.h"

#define SENT_MAX 16

/* A made-up NCM function. The pbufs must lie below the blocks, as in struct plugnet. */
static struct cable {
    struct netif_ncm netif;
    struct ncm ncm;
    struct ncm_block blocks[3];
    struct ncm_frame queue[32]; /* what ncm_receive will give */
    size_t queue_first, queue_count;
    unsigned holds;     /* ncm_block_hold less ncm_block_release */
    unsigned holds_max; /* more are refused */
    bool full;          /* ncm_send_frame refuses */
    struct {
        void *token;
        bool ahead;
        size_t count, length;
        struct usb_iov pieces[NCM_FRAME_PIECES_MAX];
        uint8_t bytes[NCM_FRAME_MAX];
    } sent[SENT_MAX];
    size_t sent_count;
} cables[2];
static uint32_t now_ms;

u32_t sys_now(void)
{
    return now_ms;
}

uint32_t os_random(void)
{
    return 4;
}

void os_panic(const char *text)
{
    printf("not ok panic: %s\n", text);
    exit(1);
}

static struct cable *cable_of(const struct ncm *ncm)
{
    return ncm == &cables[0].ncm ? &cables[0] : &cables[1];
}

bool ncm_receive(struct ncm *ncm, struct ncm_frame *frame)
{
    struct cable *c = cable_of(ncm);
    if (c->queue_first == c->queue_count)
        return false;
    *frame = c->queue[c->queue_first++];
    return true;
}

bool ncm_block_hold(struct ncm *ncm, struct ncm_block *block)
{
    struct cable *c = cable_of(ncm);
    if (c->holds == c->holds_max)
        return false;
    c->holds++;
    block->holds++;
    return true;
}

void ncm_block_release(struct ncm_block *block)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 3; k++)
            if (block == &cables[i].blocks[k])
                cables[i].holds--;
    block->holds--;
}

bool ncm_send_frame(struct ncm *ncm, bool ahead, const struct usb_iov *pieces, size_t count, void *token)
{
    struct cable *c = cable_of(ncm);
    if (c->full || c->sent_count == SENT_MAX)
        return false;
    c->sent[c->sent_count].ahead = ahead;
    c->sent[c->sent_count].token = token;
    c->sent[c->sent_count].count = count;
    c->sent[c->sent_count].length = 0;
    for (size_t i = 0; i < count; i++) {
        c->sent[c->sent_count].pieces[i] = pieces[i];
        memcpy(c->sent[c->sent_count].bytes + c->sent[c->sent_count].length, pieces[i].base,
               pieces[i].length);
        c->sent[c->sent_count].length += pieces[i].length;
    }
    c->sent_count++;
    return true;
}

/* ---- Frames ---- */

static const uint8_t board_mac[6] = {2, 0, 0, 0, 0, 1}, pc_mac[6] = {0, 0x80, 0xE1, 0, 0, 2};

/* All sent frames have left. */
static void acknowledge(struct cable *c, bool acknowledged)
{
    for (size_t i = 0; i < c->sent_count; i++)
        netif_ncm_sent(&c->netif, c->sent[i].token, acknowledged);
    c->sent_count = 0;
}

static void start(struct cable *c, uint8_t network)
{
    struct netif_ncm_config config = {
        .ncm = &c->ncm, .address = 0x0A000001u | (uint32_t)network << 16, .netmask = 0xFFFFFF00u};
    memcpy(config.mac, board_mac, 6);
    memset(c, 0, sizeof *c);
    c->holds_max = 8;
    netif_ncm_add(&c->netif, &config);
    netif_ncm_link(&c->netif, true);
    acknowledge(c, true); /* lwIP's announcement of its address */
}

static struct cable *fresh(void)
{
    static bool initialised;
    if (!initialised)
        lwip_init();
    else
        for (int i = 0; i < 2; i++)
            if (cables[i].netif.netif.state != NULL)
                netif_remove(&cables[i].netif.netif);
    initialised = true;
    start(&cables[0], 64);
    start(&cables[1], 65);
    return &cables[0];
}

/* Queue a frame at `offset` of a block. */
static uint8_t *queue(struct cable *c, unsigned block, size_t offset, const uint8_t *bytes, size_t length)
{
    uint8_t *at = c->blocks[block].bytes + offset;
    memcpy(at, bytes, length);
    c->queue[c->queue_count++] = (struct ncm_frame){at, (uint16_t)length, &c->blocks[block]};
    return at;
}

/* An ARP answer, so that lwIP knows the PC. */
static void introduce(struct cable *c)
{
    uint8_t frame[42] = {0};
    uint8_t network = c == &cables[0] ? 64 : 65;
    memcpy(frame, board_mac, 6);
    memcpy(frame + 6, pc_mac, 6);
    memcpy(frame + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10); /* a question for us */
    memcpy(frame + 22, pc_mac, 6);
    memcpy(frame + 28, (uint8_t[]){10, network, 0, 2}, 4);
    memcpy(frame + 38, (uint8_t[]){10, network, 0, 1}, 4);
    queue(c, 0, 30, frame, sizeof frame);
    netif_ncm_poll(&c->netif);
    acknowledge(c, true);
}

static size_t echo_make(struct cable *c, uint8_t *frame, size_t payload)
{
    size_t length = 14 + 20 + 8 + payload;
    uint8_t network = c == &cables[0] ? 64 : 65;
    uint16_t sum;
    memset(frame, 0, length);
    memcpy(frame, board_mac, 6);
    memcpy(frame + 6, pc_mac, 6);
    frame[12] = 8;
    frame[14] = 0x45;
    store_be16(frame + 16, (uint16_t)(length - 14));
    frame[22] = 64;
    frame[23] = 1;
    memcpy(frame + 26, (uint8_t[]){10, network, 0, 2, 10, network, 0, 1}, 8);
    sum = (uint16_t)~chksum_sum(frame + 14, 20);
    memcpy(frame + 24, &sum, 2);
    frame[34] = 8;
    for (size_t i = 0; i < payload; i++)
        frame[42 + i] = (uint8_t)i;
    sum = (uint16_t)~chksum_sum(frame + 34, (int)(8 + payload));
    memcpy(frame + 36, &sum, 2);
    return length;
}

static uint8_t *queue_echo(struct cable *c, unsigned block, size_t offset, size_t payload)
{
    uint8_t frame[NCM_FRAME_MAX];
    size_t length = echo_make(c, frame, payload);
    return queue(c, block, offset, frame, length);
}

static bool is_echo_reply(struct cable *c, size_t i, size_t payload)
{
    const uint8_t *b = c->sent[i].bytes;
    return c->sent[i].length == 42 + payload && memcmp(b, pc_mac, 6) == 0 && b[34] == 0 &&
           (payload == 0 || b[42 + payload - 1] == (uint8_t)(payload - 1)) &&
           chksum_sum(b + 14, 20) == 0xFFFF && chksum_sum(b + 34, (int)(8 + payload)) == 0xFFFF;
}

/* An ARP packet: `mac` says that it has `address`. */
static void say(struct cable *c, uint8_t operation, const uint8_t *mac, const uint8_t *address)
{
    uint8_t frame[42] = {0};
    memcpy(frame, board_mac, 6);
    memcpy(frame + 6, pc_mac, 6);
    memcpy(frame + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00", 9);
    frame[21] = operation;
    memcpy(frame + 22, mac, 6);
    memcpy(frame + 28, address, 4);
    memcpy(frame + 32, board_mac, 6);
    memcpy(frame + 38, (uint8_t[]){10, 64, 0, 1}, 4);
    c->queue_first = c->queue_count = 0;
    queue(c, 0, 30, frame, sizeof frame);
    netif_ncm_poll(&c->netif);
}

/* ---- Tests ---- */

/* A frame for linkoutput whose bytes 12, 13 and 23 are these. */
static bool overtakes(struct cable *c, uint16_t type, uint8_t protocol, uint16_t length)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, length, PBUF_RAM);
    uint8_t *bytes = p->payload;
    memset(bytes, 0, length);
    store_be16(bytes + 12, type);
    bytes[23] = protocol;
    CHECK_EQUAL(c->netif.netif.linkoutput(&c->netif.netif, p), ERR_OK);
    pbuf_free(p);
    bool ahead = c->sent[0].ahead;
    acknowledge(c, true);
    return ahead;
}

/* What is small and not TCP's mustn't wait behind a window of segments. */
TEST(netif_lets_all_but_tcp_overtake)
{
    struct cable *c = fresh();
    CHECK(overtakes(c, 0x0800, IP_PROTO_ICMP, 60) && overtakes(c, 0x0800, IP_PROTO_UDP, 600));
    CHECK(overtakes(c, 0x0806, IP_PROTO_TCP, 42)); /* ARP: there is another field at the protocol's place */
    CHECK(overtakes(c, 0x0800, IP_PROTO_UDP,
                    1400)); /* ncm_send_frame knows what is small, and keeps the order */
    CHECK(!overtakes(c, 0x0800, IP_PROTO_TCP, 60)); /* segments keep their order */
    queue_echo(c, 0, 30, 56);
    netif_ncm_poll(&c->netif);
    CHECK_EQUAL(c->sent_count, 1);
    CHECK(c->sent[0].ahead);
    acknowledge(c, true);
}

TEST(netif_answers_an_echo_where_it_lies)
{
    struct cable *c = fresh();
    introduce(c);
    uint32_t heap = lwip_stats.mem.used;
    uint8_t *at = queue_echo(c, 1, 30, 1472);
    netif_ncm_poll(&c->netif);
    CHECK_EQUAL(c->sent_count, 1);
    CHECK(is_echo_reply(c, 0, 1472));
    CHECK(c->sent[0].pieces[0].base == at);
    CHECK_EQUAL(c->sent[0].count, 1);
    CHECK_EQUAL(c->holds, 1); /* until the host has it */
    CHECK_EQUAL(lwip_stats.mem.used, heap);
    acknowledge(c, true);
    CHECK_EQUAL(c->holds, 0);
    CHECK_EQUAL(c->netif.stats.in_place, 2);
    CHECK_EQUAL(c->netif.stats.copied, 0);
}

/* Who says to have our MAC address, a group's, or our IP address, changes nothing: the PC is still found where it is. */
TEST(netif_learns_nothing_from_forged_arp)
{
    static const uint8_t board_ip[4] = {10, 64, 0, 1}, pc_ip[4] = {10, 64, 0, 2},
                         other_ip[4] = {10, 64, 0, 7};
    static const uint8_t all[6] = {255, 255, 255, 255, 255, 255}, group[6] = {1, 0, 0x5E, 0, 0, 0xFB};
    const uint8_t *macs[] = {board_mac, all, group, board_mac, all, group, pc_mac};
    const uint8_t *addresses[] = {pc_ip, pc_ip, pc_ip, other_ip, other_ip, other_ip, board_ip};
    for (uint8_t operation = 1; operation <= 2; operation++) {
        struct cable *c = fresh();
        introduce(c);
        for (size_t i = 0; i < 7; i++) {
            say(c, operation, macs[i], addresses[i]);
            CHECK_EQUAL(c->netif.stats.drop_arp, i + 1);
            CHECK_EQUAL(c->sent_count, 0);
            CHECK_EQUAL(c->holds, 0);
            c->queue_first = c->queue_count = 0;
            queue_echo(c, 0, 30, 8);
            netif_ncm_poll(&c->netif);
            CHECK(c->sent_count == 1 && is_echo_reply(c, 0, 8));
            acknowledge(c, true);
        }
        say(c, 1, pc_mac, pc_ip); /* who really is there gets an answer */
        CHECK_EQUAL(c->netif.stats.drop_arp, 7);
        CHECK_EQUAL(c->sent_count, 1);
        acknowledge(c, true);
        say(c, 1, pc_mac, (uint8_t[]){0, 0, 0, 0}); /* and who asks whether our address is free */
        CHECK_EQUAL(c->sent_count, 1);
        acknowledge(c, true);
    }
}

TEST(netif_copies_frames_of_the_last_block)
{
    struct cable *c = fresh();
    introduce(c);
    uint32_t heap = lwip_stats.mem.used;
    c->holds_max = 0;
    uint8_t *at = queue_echo(c, 1, 30, 1000);
    netif_ncm_poll(&c->netif);
    CHECK(is_echo_reply(c, 0, 1000));
    CHECK((const uint8_t *)c->sent[0].pieces[0].base != at);
    CHECK_EQUAL(at[34], 8); /* untouched */
    CHECK_EQUAL(c->netif.stats.copied, 1);
    acknowledge(c, true);
    CHECK_EQUAL(lwip_stats.mem.used, heap);
}

TEST(netif_copies_what_is_not_aligned)
{
    struct cable *c = fresh();
    introduce(c);
    for (size_t offset = 28; offset < 36; offset++) {
        uint32_t copied = c->netif.stats.copied;
        queue_echo(c, 1, offset, 100);
        netif_ncm_poll(&c->netif);
        CHECK(is_echo_reply(c, 0, 100));
        CHECK_EQUAL(c->netif.stats.copied - copied, offset % 4 != 2);
        acknowledge(c, true);
    }
    CHECK_EQUAL(c->holds, 0);
}

TEST(netif_copies_when_its_pbufs_are_used_up)
{
    struct cable *c = fresh();
    introduce(c);
    c->holds_max = 100;
    for (unsigned i = 0; i < NETIF_NCM_PBUFS + 2; i++)
        queue_echo(c, 1, 30 + 64 * i, 20);
    netif_ncm_poll(&c->netif);
    CHECK_EQUAL(c->sent_count, NETIF_NCM_PBUFS + 2);
    CHECK_EQUAL(c->holds, NETIF_NCM_PBUFS);
    CHECK_EQUAL(c->netif.stats.copied, 2);
    for (size_t i = 0; i < c->sent_count; i++)
        CHECK(is_echo_reply(c, i, 20));
    acknowledge(c, true);
    CHECK_EQUAL(c->holds, 0);
}

TEST(netif_waits_for_memory_then_drops)
{
    struct cable *c = fresh();
    introduce(c);
    c->holds_max = 0;
    struct pbuf *hog = pbuf_alloc(PBUF_RAW, (u16_t)(MEM_SIZE - lwip_stats.mem.used - 600), PBUF_RAM);
    CHECK(hog != NULL);
    queue_echo(c, 1, 30, 1000);
    queue_echo(c, 1, 1530, 20);
    netif_ncm_poll(&c->netif);
    now_ms += NETIF_NCM_WAIT_MS_MAX - 1;
    netif_ncm_poll(&c->netif);
    CHECK_EQUAL(c->sent_count, 0); /* both wait, in order */
    CHECK_EQUAL(c->netif.stats.waited, 1);
    CHECK_EQUAL(c->netif.stats.drop_no_memory, 0);
    now_ms += 1;
    netif_ncm_poll(&c->netif);
    CHECK_EQUAL(c->netif.stats.drop_no_memory, 1);
    CHECK_EQUAL(c->sent_count, 1); /* the small one found room */
    CHECK(is_echo_reply(c, 0, 20));
    acknowledge(c, true);
    queue_echo(c, 1, 30, 1000);
    netif_ncm_poll(&c->netif);
    CHECK_EQUAL(c->sent_count, 0);
    pbuf_free(hog);
    netif_ncm_poll(&c->netif);
    CHECK(is_echo_reply(c, 0, 1000)); /* memory came in time */
    acknowledge(c, true);
}

TEST(netif_forgets_a_waiting_frame_with_the_link)
{
    struct cable *c = fresh();
    introduce(c);
    c->holds_max = 0;
    struct pbuf *hog = pbuf_alloc(PBUF_RAW, (u16_t)(MEM_SIZE - lwip_stats.mem.used - 600), PBUF_RAM);
    queue_echo(c, 1, 30, 1000);
    netif_ncm_poll(&c->netif);
    CHECK_EQUAL(c->netif.stats.waited, 1);
    netif_ncm_link(&c->netif, false);
    CHECK(!netif_is_link_up(&c->netif.netif));
    pbuf_free(hog);
    netif_ncm_poll(&c->netif);
    CHECK_EQUAL(c->sent_count, 0);
    netif_ncm_link(&c->netif, true);
}

TEST(netif_without_room_keeps_nothing)
{
    struct cable *c = fresh();
    introduce(c);
    uint32_t heap = lwip_stats.mem.used;
    c->full = true;
    queue_echo(c, 1, 30, 100);
    netif_ncm_poll(&c->netif);
    CHECK_EQUAL(c->holds, 0);
    CHECK_EQUAL(lwip_stats.mem.used, heap);
    CHECK_EQUAL(c->netif.stats.drop_full, 1);
    c->full = false;
    queue_echo(c, 1, 30, 100);
    netif_ncm_poll(&c->netif);
    CHECK(is_echo_reply(c, 0, 100));
    acknowledge(c, true);
}

TEST(netif_gives_back_what_a_reset_lost)
{
    struct cable *c = fresh();
    introduce(c);
    queue_echo(c, 1, 30, 100);
    netif_ncm_poll(&c->netif);
    CHECK_EQUAL(c->holds, 1);
    acknowledge(c, false);
    CHECK_EQUAL(c->holds, 0);
    CHECK_EQUAL(c->netif.stats.lost, 1);
}

/* A UDP datagram from a pbuf chain of `pieces` of 10 bytes each. */
static void udp_chain(struct cable *c, unsigned pieces, pbuf_type type)
{
    static uint8_t data[10] = "0123456789";
    struct udp_pcb *pcb = udp_new();
    struct pbuf *p = NULL;
    ip_addr_t to;
    IP4_ADDR(&to, 10, 64, 0, 2);
    for (unsigned i = 0; i < pieces; i++) {
        struct pbuf *q = pbuf_alloc(PBUF_RAW, 10, type);
        if (type == PBUF_RAM)
            memcpy(q->payload, data, 10);
        else
            q->payload = data;
        if (p == NULL)
            p = q;
        else
            pbuf_cat(p, q);
    }
    udp_sendto_if(pcb, p, &to, 7, &c->netif.netif);
    pbuf_free(p);
    udp_remove(pcb);
}

TEST(netif_sends_chains_in_pieces)
{
    struct cable *c = fresh();
    introduce(c);
    uint32_t heap = lwip_stats.mem.used, pbufs = lwip_stats.memp[MEMP_PBUF]->used;
    udp_chain(c, 5, PBUF_ROM);
    CHECK_EQUAL(c->sent[0].count, 6); /* headers, five pieces */
    CHECK_EQUAL(c->sent[0].length, 42 + 50);
    CHECK_BYTES(c->sent[0].bytes + 42, "0123456789012", 13);
    CHECK_EQUAL(c->netif.stats.sent_copied, 0);
    CHECK(lwip_stats.memp[MEMP_PBUF]->used > pbufs); /* still ours */
    acknowledge(c, true);
    udp_chain(c, NCM_FRAME_PIECES_MAX, PBUF_ROM); /* with the headers one piece too many */
    CHECK_EQUAL(c->sent[0].count, 1);
    CHECK_EQUAL(c->sent[0].length, 42 + 10 * NCM_FRAME_PIECES_MAX);
    CHECK_EQUAL(c->netif.stats.sent_copied, 1);
    acknowledge(c, true);
    CHECK_EQUAL(lwip_stats.mem.used, heap);
    CHECK_EQUAL(lwip_stats.memp[MEMP_PBUF]->used, pbufs);
}

TEST(netif_copies_volatile_memory)
{
    struct cable *c = fresh();
    introduce(c);
    udp_chain(c, 1, PBUF_REF);
    CHECK_EQUAL(c->sent[0].count, 1);
    CHECK_EQUAL(c->netif.stats.sent_copied, 1);
    acknowledge(c, true);
    struct pbuf *hog = pbuf_alloc(PBUF_RAW, (u16_t)(MEM_SIZE - lwip_stats.mem.used - 150), PBUF_RAM);
    udp_chain(c, 1, PBUF_REF);
    CHECK_EQUAL(c->sent_count, 0);
    CHECK_EQUAL(c->netif.stats.drop_send_memory, 1);
    pbuf_free(hog);
}

TEST(netif_frames_of_every_length_and_kind_leave_no_trace)
{
    struct cable *c = fresh();
    introduce(c);
    uint32_t heap = lwip_stats.mem.used;
    uint8_t frame[NCM_FRAME_MAX];
    uint32_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        size_t length = echo_make(c, frame, (seed >> 8) % 1400);
        for (int k = 0; k < 3; k++) {
            seed = seed * 1664525 + 1013904223;
            frame[12 + (seed >> 16) % 40] = (uint8_t)(seed >> 24); /* headers gone wrong */
        }
        c->holds_max = i % 3;
        length = 14 + (seed >> 4) % (length - 13);
        c->queue_first = c->queue_count = 0;
        queue(c, 1, 28 + i % 4, frame, length);
        netif_ncm_poll(&c->netif);
        acknowledge(c, i % 5 != 0);
    }
    CHECK_EQUAL(c->holds, 0);
    etharp_cleanup_netif(&c->netif.netif); /* what waited for ARP */
    CHECK_EQUAL(lwip_stats.mem.used, heap);
}

TEST(netif_two_side_by_side)
{
    struct cable *a = fresh(), *b = &cables[1];
    introduce(a);
    introduce(b);
    queue_echo(b, 2, 30, 300);
    netif_ncm_poll(&a->netif);
    CHECK_EQUAL(b->sent_count, 0);
    netif_ncm_poll(&b->netif);
    CHECK_EQUAL(a->sent_count, 0);
    CHECK(is_echo_reply(b, 0, 300));
    CHECK_EQUAL(a->netif.stats.in_place, 1);
    CHECK_EQUAL(b->netif.stats.in_place, 2);
    acknowledge(b, true);
    CHECK_EQUAL(b->holds, 0);
}

TEST(chksum_at_every_alignment_and_length)
{
    uint8_t bytes[80];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (unsigned start_at = 0; start_at < 8; start_at++)
        for (unsigned length = 0; length < 64; length++) {
            uint32_t sum = 0; /* word by word, as RFC 1071 has it, in network order */
            for (unsigned i = 0; i < length; i++)
                sum += i % 2 == 0 ? (uint32_t)bytes[start_at + i] << 8 : bytes[start_at + i];
            while (sum >> 16)
                sum = (sum & 0xFFFF) + (sum >> 16);
            uint16_t got = chksum_sum(bytes + start_at, (int)length);
            CHECK_EQUAL(lwip_ntohs(got), sum);
        }
}

TEST_MAIN()
