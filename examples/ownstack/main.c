/*
 * A stack of one's own on the NCM function, without lwIP: it answers ARP and ping. The guide is docs/ownstack.md.
 *
 *   make APP=examples/ownstack NAME=ownstack
 *   sudo ip addr add 192.168.7.2/24 dev usb0      there is no DHCP; `ip link` shows the name, such as enx0080e149021d
 *   ping 192.168.7.1
 *
 *   ncm_receive ─→ stack_answer, in place ─→ ncm_block_hold, ncm_send ─→ the host has read it ─→ stack_sent
 *
 * Where fields lie, in bytes: Ethernet: to 0, from 6, type 12. ARP: sender 8, target 18, each a MAC and an address. IPv4:
 * length 2, fragment 6, TTL 8, protocol 9, checksum 10, source 12, destination 16. ICMP: type 0, code 1, checksum 2.
 * Source: RFC 791, 792, 826, 1624 [unread; field positions as in every header file].
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "board/board.h"
#include "usb/ncm.h"
#include "usb/usb_device.h"
#include "wire/be.h"
#include "wire/chksum.h"
#include "wire/identity.h"

#define ADDRESS     0xC0A80701u /* 192.168.7.1 … */
#define HOST_PART   0x000000FFu /* … in a /24 */
#define BLOCKS      3           /* for receiving, 3 kB each */
#define FRAMES_MAX  16          /* in one round of the loop */
#define WAIT_MS_MAX 20          /* for room to answer; meanwhile further frames wait at the host */

enum { ETHERNET_SIZE = 14, ARP_SIZE = 28, IPV4_SIZE = 20, ICMP_SIZE = 8 }; /* bytes of headers */

static struct stack {
    struct ncm_frame frame; /* its answer waits for room … */
    size_t answer;          /* … and has so many bytes; 0: none waits */
    uint32_t since_ms;
    uint32_t dropped; /* answers that found no room; what else is counted: ncm_stats */
    uint8_t mac[6];
    char serial[2 * BOARD_UID_LENGTH + 1];
    struct ncm_config ncm_config;
    struct usb_device usb;
    struct ncm ncm;
    struct ncm_block blocks[BLOCKS];
} stack;

/* True: another host of our net, which an answer reaches. */
static bool stack_reaches(uint32_t address)
{
    uint32_t host = address & HOST_PART;
    return (address & ~HOST_PART) == (ADDRESS & ~HOST_PART) && address != ADDRESS && host != 0 &&
           host != HOST_PART;
}

static size_t stack_arp(const struct stack *s, const uint8_t *from, uint8_t *arp, size_t length)
{
    static const uint8_t request[] = {0, 1, 8, 0, 6, 4, 0, 1}; /* who has the IPv4 address … on Ethernet? */
    if (length < ARP_SIZE || memcmp(arp, request, 8) != 0 || memcmp(arp + 8, from, 6) != 0 ||
        load_be32(arp + 24) != ADDRESS)
        return 0;
    uint32_t sender = load_be32(arp + 14);
    if (sender != 0 && !stack_reaches(sender)) /* 0.0.0.0 asks whether the address is taken */
        return 0;
    arp[7] = 2; /* a reply */
    memcpy(arp + 18, arp + 8, 10);
    memcpy(arp + 8, s->mac, 6);
    store_be32(arp + 14, ADDRESS);
    return ARP_SIZE;
}

/* True: an echo request to us, whole, in a datagram without options. */
static bool stack_is_echo(const uint8_t *ip, size_t length)
{
    const uint8_t *icmp = ip + IPV4_SIZE;
    size_t total = length < IPV4_SIZE + ICMP_SIZE ? 0 : load_be16(ip + 2);
    if (total < IPV4_SIZE + ICMP_SIZE || total > length)
        return false;
    bool whole = ip[0] == 0x45 && (load_be16(ip + 6) & 0xBFFF) == 0; /* "don't fragment" may be set */
    return whole && ip[9] == 1 && icmp[0] == 8 && icmp[1] == 0 && load_be32(ip + 16) == ADDRESS &&
           stack_reaches(load_be32(ip + 12)) && chksum_sum(ip, IPV4_SIZE) == 0xFFFF &&
           chksum_sum(icmp, (int)total - IPV4_SIZE) == 0xFFFF;
}

static size_t stack_echo(uint8_t *ip, size_t length)
{
    uint8_t *icmp = ip + IPV4_SIZE;
    if (!stack_is_echo(ip, length))
        return 0;
    memcpy(ip + 16, ip + 12, 4);
    store_be32(ip + 12, ADDRESS);
    ip[8] = 64;
    store_be16(ip + 10, 0);
    uint16_t sum = (uint16_t)~chksum_sum(ip, IPV4_SIZE); /* in memory order */
    memcpy(ip + 10, &sum, 2);
    icmp[0] = 0; /* a reply: 0x0800 less, so its checksum, a complement, is as much more */
    uint32_t more = load_be16(icmp + 2) + 0x0800u;
    store_be16(icmp + 2, (uint16_t)(more + (more >> 16)));
    return load_be16(ip + 2);
}

/* Turn a frame into its answer, in place. Returns the answer's bytes; 0: none is due. */
static size_t stack_answer(const struct stack *s, uint8_t *frame, size_t length)
{
    static const uint8_t broadcast[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    uint8_t *from = frame + 6;
    bool to_us = memcmp(frame, s->mac, 6) == 0, to_all = memcmp(frame, broadcast, 6) == 0;
    size_t answer = 0, type = load_be16(frame + 12);
    if ((from[0] & 1) != 0 || memcmp(from, s->mac, 6) == 0) /* a group, or ourselves */
        return 0;
    if (type == 0x0806 && (to_us || to_all))
        answer = stack_arp(s, from, frame + ETHERNET_SIZE, length - ETHERNET_SIZE);
    else if (type == 0x0800 && to_us)
        answer = stack_echo(frame + ETHERNET_SIZE, length - ETHERNET_SIZE);
    if (answer == 0)
        return 0;
    memcpy(frame, from, 6);
    memcpy(from, s->mac, 6);
    return ETHERNET_SIZE + answer;
}

/* Send the answer from where it lies. False: there is no room yet. */
static bool stack_send(struct stack *s)
{
    struct usb_iov piece = {s->frame.bytes, s->answer};
    if (ncm_block_hold(&s->ncm, s->frame.block)) {
        if (ncm_send(&s->ncm, &piece, 1, s->frame.block))
            return true;
        ncm_block_release(s->frame.block);
    }
    bool waits = board_time_ms() - s->since_ms < WAIT_MS_MAX;
    s->dropped += !waits;
    return !waits;
}

static void stack_poll(struct stack *s)
{
    for (unsigned i = 0; i < FRAMES_MAX; i++) {
        if (s->answer == 0) {
            if (!ncm_receive(&s->ncm, &s->frame))
                return;
            s->answer = stack_answer(s, s->frame.bytes, s->frame.length);
            s->since_ms = board_time_ms();
        }
        if (s->answer != 0 && !stack_send(s))
            return;
        s->answer = 0;
    }
}

/* The answer has left, or is lost: its block may be filled again. */
static void stack_sent(void *context, void *token, bool acknowledged)
{
    (void)context, (void)acknowledged;
    ncm_block_release(token);
}

static void stack_link(void *context, bool up)
{
    ((struct stack *)context)->answer = 0; /* its block is the function's again */
    board_led_set(0, up);
}

/* Interrupt context. */
static void stack_wake(void *unused)
{
    (void)unused;
    board_wake();
}

static struct usb_function *const functions[] = {&stack.ncm.function};
/* clang-format off */
static const struct usb_device_config usb_config = {
    .vendor_id = 0x1209, .product_id = 0x0005, .release_bcd = 0x0100, /* for tests only: never ship it */
    .manufacturer = "Example", .product = "Own stack", .serial = stack.serial,
    .power_ma = 100, .functions = functions, .function_count = 1};
/* clang-format on */

int main(void)
{
    struct stack *s = &stack;
    struct udc_shortage shortage;
    board_init();
    s->ncm_config = (struct ncm_config){
        .blocks = s->blocks, .block_count = BLOCKS, .sent = stack_sent, .link = stack_link, .context = s};
    identity_mac_put(s->ncm_config.host_mac, NULL, identity_hash(board_uid(), BOARD_UID_LENGTH));
    memcpy(s->mac, s->ncm_config.host_mac, 6);
    s->mac[0] |= IDENTITY_MAC_LOCAL;
    usb_hex_put(s->serial, board_uid(), BOARD_UID_LENGTH);
    ncm_init(&s->ncm, &s->ncm_config);
    board_udc()->wake = stack_wake;
    if (!usb_device_init(&s->usb, &usb_config, board_udc(), &shortage))
        board_halt(); /* more than the controller has: shortage.what */
    usb_device_attach(&s->usb);
    for (;;) {
        usb_device_poll(&s->usb);
        stack_poll(s);
        ncm_poll(&s->ncm);
        board_idle();
    }
}
