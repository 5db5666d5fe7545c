/*
 * The iperf server against made-up clients: one lwIP with two network interfaces, whose cables are crossed, so
 * that clients and server talk through whole TCP/IP.
 *
 * LINK: net/iperf.c net/tcp_guard.c net/tcp_pcb.c wire/chksum.c $(LWIP_SRC)
 * SET: lwip
 */
/* SPDX-License-Identifier: MIT */
#include "net/iperf.h"

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "os/os.h"
#include "test/test.h"
#include "wire/be.h"

#define FLIGHT_MAX 64

static uint32_t now_ms;
static struct netif board, pc;
static struct iperf server;
static struct {
    struct netif *to;
    uint16_t length;
    uint8_t bytes[1514];
} flight[FLIGHT_MAX];
static unsigned flight_count;

u32_t sys_now(void)
{
    return now_ms;
}

uint32_t os_random(void)
{
    return now_ms * 2654435761u;
}

void os_panic(const char *text)
{
    printf("not ok panic: %s\n", text);
    exit(1);
}

/* ---- The crossed cable ---- */

static err_t cross(struct netif *netif, struct pbuf *p)
{
    if (flight_count == FLIGHT_MAX)
        return ERR_MEM;
    flight[flight_count].to = netif == &board ? &pc : &board;
    flight[flight_count].length = p->tot_len;
    pbuf_copy_partial(p, flight[flight_count++].bytes, p->tot_len, 0);
    return ERR_OK;
}

static err_t netif_prepare(struct netif *netif)
{
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    netif->hwaddr[0] = 2;
    netif->hwaddr[5] = netif == &board ? 1 : 2;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = cross;
    return ERR_OK;
}

/* Let time go by; frames need no time. */
static void run(uint32_t ms)
{
    for (uint32_t end = now_ms + ms; now_ms != end; now_ms++) {
        for (int round = 0; round < 50 && flight_count > 0; round++) {
            struct netif *to = flight[0].to;
            static uint32_t frame[380]; /* lwIP is done with it when ethernet_input returns */
            struct pbuf *p = pbuf_alloc(PBUF_RAW, flight[0].length, PBUF_REF);
            CHECK(p != NULL);
            p->payload = (uint8_t *)frame + 2; /* IP header aligned */
            memcpy(p->payload, flight[0].bytes, flight[0].length);
            memmove(flight, flight + 1, --flight_count * sizeof flight[0]);
            if (ethernet_input(p, to) != ERR_OK)
                pbuf_free(p);
        }
        sys_check_timeouts();
    }
}

static uint8_t data[2000]; /* what the server sends */

static void fresh(void)
{
    static bool initialised;
    ip4_addr_t address, mask;
    if (initialised)
        return;
    initialised = true;
    lwip_init();
    IP4_ADDR(&mask, 255, 255, 255, 0);
    /* The board's is added last, so that what the server sends is routed there. */
    IP4_ADDR(&address, 10, 64, 0, 2);
    netif_add(&pc, &address, &mask, IP4_ADDR_ANY4, NULL, netif_prepare, ethernet_input);
    IP4_ADDR(&address, 10, 64, 0, 1);
    netif_add(&board, &address, &mask, IP4_ADDR_ANY4, NULL, netif_prepare, ethernet_input);
    netif_set_up(&pc), netif_set_link_up(&pc);
    netif_set_up(&board), netif_set_link_up(&board);
    memset(data, 'x', sizeof data);
    CHECK(iperf_listen(&server, data, sizeof data));
    run(10);
}

/* ---- A client ---- */

struct client {
    struct tcp_pcb *pcb, *listener;
    uint32_t received, back_received;
    uint8_t first[64];
    bool connected, ended, back_connected, back_ended;
};

static err_t client_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct client *c = arg;
    (void)error;
    if (p == NULL) {
        c->ended = true;
        return ERR_OK;
    }
    if (c->received < sizeof c->first)
        pbuf_copy_partial(p, c->first + c->received, (u16_t)(sizeof c->first - c->received), 0);
    c->received += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t client_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct client *c = arg;
    (void)pcb;
    (void)error;
    c->connected = true;
    return ERR_OK;
}

static void client_failed(void *arg, err_t error)
{
    struct client *c = arg;
    (void)error;
    c->pcb = NULL;
    c->ended = true;
}

static err_t back_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct client *c = arg;
    (void)error;
    if (p == NULL) {
        c->back_ended = true;
        tcp_close(pcb);
        return ERR_OK;
    }
    c->back_received += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t back_accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct client *c = arg;
    if (error != ERR_OK)
        return ERR_VAL;
    c->back_connected = true;
    tcp_arg(pcb, c);
    tcp_recv(pcb, back_received);
    return ERR_OK;
}

static void client_open(struct client *c)
{
    ip_addr_t to;
    memset(c, 0, sizeof *c);
    IP4_ADDR(&to, 10, 64, 0, 1);
    c->pcb = tcp_new();
    tcp_bind(c->pcb, &pc.ip_addr, 0);
    tcp_bind_netif(c->pcb, &pc);
    tcp_arg(c->pcb, c);
    tcp_recv(c->pcb, client_received);
    tcp_err(c->pcb, client_failed);
    tcp_nagle_disable(c->pcb);
    tcp_connect(c->pcb, &to, IPERF_PORT, client_connected);
    run(20);
    CHECK(c->connected);
}

static void client_send(struct client *c, const void *bytes, size_t length)
{
    CHECK_EQUAL(tcp_write(c->pcb, bytes, (u16_t)length, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_output(c->pcb);
    run(5);
}

static void client_close(struct client *c)
{
    if (c->pcb != NULL)
        CHECK_EQUAL(tcp_close(c->pcb), ERR_OK);
    c->pcb = NULL;
    if (c->listener != NULL)
        tcp_close(c->listener);
    c->listener = NULL;
    run(20);
}

/* iperf's header; 60 bytes, as 2.1.8 sends it. */
static uint8_t header[60];

static void header_make(uint32_t flags, int32_t amount, uint16_t upper)
{
    memset(header, 0, sizeof header);
    store_be32(header, flags | 0x10000u | 60u << 1);
    store_be32(header + 4, 1);
    store_be32(header + 8, 6001);
    store_be32(header + 20, (uint32_t)amount);
    store_be16(header + 32, upper);
}

/* Two seconds later nothing is left of a test. */
static void check_clean(void)
{
    run(3000);
    CHECK_EQUAL(lwip_stats.mem.used, 0);
    CHECK_EQUAL(lwip_stats.memp[MEMP_TCP_SEG]->used, 0);
    CHECK_EQUAL(lwip_stats.memp[MEMP_TCP_PCB]->used, 0);
    CHECK(server.sessions[0].pcb == NULL && server.sessions[1].pcb == NULL);
}

TEST(iperf_receives)
{
    struct client c;
    uint8_t bytes[500] = {0};
    fresh();
    uint32_t before = server.stats.received;
    client_open(&c);
    for (int i = 0; i < 50; i++)
        client_send(&c, bytes, sizeof bytes);
    client_close(&c);
    CHECK_EQUAL(server.stats.received - before, 25000);
    CHECK_EQUAL(c.received, 0);
    check_clean();
}

TEST(iperf_old_client_without_header)
{
    struct client c;
    fresh();
    client_open(&c);
    client_send(&c, "0123456789", 10); /* iperf's pattern, as compatible clients begin */
    client_close(&c);
    CHECK_EQUAL(c.received, 0);
    check_clean();
}

TEST(iperf_reverse_by_amount_header_byte_by_byte)
{
    struct client c;
    fresh();
    header_make(0x44000000, 50000, 0x0400);
    client_open(&c);
    for (size_t i = 0; i < sizeof header; i++) {
        CHECK_EQUAL(c.received == 0, i <= 35 || c.received == 0);
        client_send(&c, header + i, 1);
    }
    run(200);
    CHECK_EQUAL(c.received, 50000);
    CHECK(c.ended);
    CHECK_EQUAL(c.first[0], 'x');
    client_close(&c);
    check_clean();
}

TEST(iperf_reverse_by_time)
{
    struct client c;
    fresh();
    header_make(0x44000000, -50, 0x0400); /* half a second */
    client_open(&c);
    client_send(&c, header, sizeof header);
    run(450);
    CHECK(!c.ended);
    run(200);
    CHECK(c.ended);
    CHECK(c.received > 100000);
    client_close(&c);
    check_clean();
}

TEST(iperf_full_duplex)
{
    struct client c;
    uint8_t bytes[1000] = {0};
    fresh();
    header_make(0x44000000, 30000, 0x0800);
    client_open(&c);
    client_send(&c, header, sizeof header);
    for (int i = 0; i < 10; i++)
        client_send(&c, bytes, sizeof bytes);
    CHECK_EQUAL(c.received, 30000);
    CHECK(c.ended);
    client_close(&c);
    check_clean();
}

static void listen_back(struct client *c)
{
    struct tcp_pcb *pcb = tcp_new();
    tcp_bind(pcb, IP_ANY_TYPE, 6001);
    tcp_bind_netif(pcb, &pc);
    c->listener = tcp_listen(pcb);
    tcp_arg(c->listener, c);
    tcp_accept(c->listener, back_accepted);
}

TEST(iperf_tradeoff_connects_back_after_the_client)
{
    struct client c;
    fresh();
    header_make(0xC0000000, 20000, 0); /* -r */
    client_open(&c);
    listen_back(&c);
    client_send(&c, header, sizeof header);
    run(100);
    CHECK(!c.back_connected);
    CHECK_EQUAL(tcp_close(c.pcb), ERR_OK);
    c.pcb = NULL;
    run(200);
    CHECK(c.back_connected && c.back_ended);
    CHECK_EQUAL(c.back_received, 20000);
    client_close(&c);
    check_clean();
}

TEST(iperf_dualtest_connects_back_at_once)
{
    struct client c;
    fresh();
    header_make(0xC0000001, 20000, 0); /* -d */
    client_open(&c);
    listen_back(&c);
    client_send(&c, header, sizeof header);
    run(200);
    CHECK_EQUAL(c.back_received, 20000);
    CHECK(c.back_ended && !c.ended);
    client_close(&c);
    check_clean();
}

TEST(iperf_connect_back_to_nobody)
{
    struct client c;
    fresh();
    header_make(0xC0000001, 20000, 0);
    client_open(&c);
    client_send(&c, header,
                sizeof header); /* nobody listens (the refusal gets lost: this lwIP is both ends) */
    client_close(&c);
    run(IPERF_IDLE_MS_MAX + 3000);
    check_clean();
}

TEST(iperf_acknowledges_a_header_if_asked)
{
    static const uint8_t wanted[28] = {0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 0, 0, 2, 0, 1, 0, 8, 0, 3};
    struct client c;
    fresh();
    header_make(0x46000000, 0, 0); /* -X */
    client_open(&c);
    client_send(&c, header, sizeof header);
    CHECK_EQUAL(c.received, 28);
    CHECK_BYTES(c.first, wanted, 28);
    client_close(&c);
    check_clean();
}

TEST(iperf_third_connection_is_refused)
{
    struct client a, b, c;
    fresh();
    uint32_t before = server.stats.refused;
    client_open(&a);
    client_open(&b);
    client_open(&c); /* the handshake is TCP's; then it is reset */
    CHECK(c.ended && c.pcb == NULL);
    CHECK_EQUAL(server.stats.refused - before, 1);
    client_close(&a);
    client_close(&b);
    check_clean();
}

TEST(iperf_silent_clients_are_ended)
{
    struct client c;
    fresh();
    client_open(&c);
    client_send(&c, "\x44", 1); /* and then nothing */
    run(IPERF_IDLE_MS_MAX + 2000);
    CHECK(c.ended && c.pcb == NULL);
    check_clean();
}

TEST(iperf_client_that_vanishes_while_we_send)
{
    struct client c;
    fresh();
    header_make(0x44000000, 0x7FFFFFFF, 0x0400);
    client_open(&c);
    client_send(&c, header, sizeof header);
    CHECK(c.received > 0);
    tcp_abort(c.pcb); /* the reset gets lost */
    c.pcb = NULL;
    run(IPERF_IDLE_MS_MAX + 5000);
    check_clean();
}

TEST_MAIN()
