/*
 * Fuzz what comes over TCP to the iperf server and to DNS over TCP, in segments of any size: one lwIP with two
 * network interfaces, whose cables are crossed. In the end no memory and no connection may be left.
 *
 *   byte 0: 0 iperf, 1 DNS; then steps: length (0: see the next byte: close, reset, wait …), so many bytes
 *
 * LINK: net/iperf.c net/dns_tcp.c net/dnsd.c net/tcp_guard.c net/tcp_pcb.c wire/chksum.c wire/dns_msg.c
 * LINK: wire/text.c $(LWIP_SRC)
 * SET: lwip
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "net/dns_tcp.h"
#include "net/dnsd.h"
#include "net/iperf.h"
#include "netif/ethernet.h"
#include "os/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define FLIGHT_MAX 64
#define STEPS_MAX  24
#define FRAMES_MAX 20000 /* delivered for one input; more: they go round for ever */

static uint32_t now_ms;
static struct netif board, pc;
static struct iperf iperf;
static struct dnsd dnsd;
static struct dns_tcp dns_tcp;
static struct {
    struct netif *to;
    uint16_t length;
    uint8_t bytes[1514];
} flight[FLIGHT_MAX];
static unsigned flight_first, flight_count, delivered;

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
    (void)text;
    abort();
}

/* ---- The crossed cable ---- */

static err_t cross(struct netif *netif, struct pbuf *p)
{
    if (flight_count == FLIGHT_MAX)
        return ERR_MEM;
    unsigned at = (flight_first + flight_count++) % FLIGHT_MAX;
    flight[at].to = netif == &board ? &pc : &board;
    flight[at].length = p->tot_len;
    pbuf_copy_partial(p, flight[at].bytes, p->tot_len, 0);
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

static void deliver(void)
{
    static uint32_t frame[380]; /* lwIP is done with it when ethernet_input returns */
    struct pbuf *p = pbuf_alloc(PBUF_RAW, flight[flight_first].length, PBUF_REF);
    struct netif *to = flight[flight_first].to;
    if (p != NULL) {
        p->payload = (uint8_t *)frame + 2; /* IP header aligned */
        memcpy(p->payload, flight[flight_first].bytes, p->tot_len);
    }
    flight_first = (flight_first + 1) % FLIGHT_MAX;
    flight_count--;
    if (p != NULL && ethernet_input(p, to) != ERR_OK)
        pbuf_free(p);
}

/* Let time go by in steps; frames need no time, but no step carries more than 64. */
static void run(uint32_t ms, uint32_t step)
{
    for (uint32_t left = ms; left > 0; left -= step < left ? step : left) {
        for (unsigned i = 0; i < FLIGHT_MAX && flight_count > 0; i++, delivered++)
            deliver();
        now_ms += step < left ? step : left;
        sys_check_timeouts();
    }
}

static void start(void)
{
    static const char *const names[] = {"plugnet.home.arpa", "plugnet.local", NULL};
    static const struct dnsd_config config = {names, 0x0A400001};
    static uint8_t data[1460];
    static bool started;
    ip4_addr_t address, mask;
    if (started)
        return;
    started = true;
    lwip_init();
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&address, 10, 64, 0, 2); /* the board's is added last: what it sends is routed there */
    netif_add(&pc, &address, &mask, IP4_ADDR_ANY4, NULL, netif_prepare, ethernet_input);
    IP4_ADDR(&address, 10, 64, 0, 1);
    netif_add(&board, &address, &mask, IP4_ADDR_ANY4, NULL, netif_prepare, ethernet_input);
    netif_set_up(&pc), netif_set_link_up(&pc);
    netif_set_up(&board), netif_set_link_up(&board);
    dnsd_init(&dnsd, &config);
    REQUIRE(iperf_listen(&iperf, data, sizeof data) && dns_tcp_listen(&dns_tcp, &dnsd));
    run(100, 1);
}

/* ---- The client ---- */

static struct tcp_pcb *client; /* NULL: none, or lwIP's alone by now */
static bool client_stopped;    /* it doesn't read any more: the window closes */

static err_t client_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    (void)arg, (void)error;
    if (p == NULL)
        return ERR_OK;
    if (!client_stopped)
        tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static void client_failed(void *arg, err_t error)
{
    (void)arg, (void)error;
    client = NULL;
}

/* A connection closed by both ends is lwIP's, which frees it when it likes, without a word. */
static void client_look(void)
{
    const struct tcp_pcb *pcb = tcp_active_pcbs;
    while (pcb != NULL && (pcb != client || pcb->callback_arg != &client))
        pcb = pcb->next;
    if (pcb == NULL)
        client = NULL;
}

static void client_open(uint16_t port)
{
    ip_addr_t address;
    IP_ADDR4(&address, 10, 64, 0, 1);
    client = tcp_new();
    REQUIRE(client != NULL);
    client_stopped = false;
    tcp_arg(client, &client);
    tcp_recv(client, client_received);
    tcp_err(client, client_failed);
    tcp_nagle_disable(client);
    tcp_bind(client, IP_ANY_TYPE, 0);
    tcp_bind_netif(client, &pc);
    REQUIRE(tcp_connect(client, &address, port, NULL) == ERR_OK);
    run(5, 1);
    REQUIRE(client != NULL && client->state == ESTABLISHED);
}

static void client_abort(void)
{
    if (client != NULL) {
        tcp_err(client, NULL);
        tcp_abort(client);
        client = NULL;
    }
}

static void special(uint8_t what)
{
    switch (what % 4) {
    case 0: tcp_shutdown(client, 0, 1); break;
    case 1: run(1000, 50); break;
    case 2: client_stopped = !client_stopped; break;
    default: client_abort(); break;
    }
}

static void script(const uint8_t *data, size_t size)
{
    for (unsigned i = 0; i < STEPS_MAX && size >= 2 && client != NULL; i++) {
        size_t length = data[0] < size - 1 ? data[0] : size - 1;
        if (length == 0) {
            special(data[1]);
            length = 1;
        } else if (client->state == ESTABLISHED && tcp_sndbuf(client) >= length) {
            tcp_write(client, data + 1, (u16_t)length, TCP_WRITE_FLAG_COPY);
            tcp_output(client);
        }
        run(2, 1);
        client_look();
        data += 1 + length;
        size -= 1 + length;
    }
}

/* The other end's connections: all of ours end by themselves, without help. */
static void require_clean(size_t heap)
{
    for (int i = 0; i < 400 && (tcp_active_pcbs != NULL || tcp_tw_pcbs != NULL); i++) {
        run(1000, 250);
        while (tcp_tw_pcbs != NULL)
            tcp_abort(tcp_tw_pcbs); /* two minutes of TIME_WAIT are lwIP's affair */
    }
    REQUIRE(tcp_active_pcbs == NULL);
    run(10000, 250); /* last resets, and what waits for ARP */
    for (unsigned i = 0; i < IPERF_SESSIONS; i++)
        REQUIRE(iperf.sessions[i].pcb == NULL);
    for (unsigned i = 0; i < DNS_TCP_SESSIONS; i++)
        REQUIRE(dns_tcp.sessions[i].pcb == NULL && dns_tcp.sessions[i].pending == NULL);
    REQUIRE(MEMP_STATS_GET(used, MEMP_TCP_PCB) == 0); /* fewer: one was freed twice */
    REQUIRE(lwip_stats.mem.used == heap && MEMP_STATS_GET(used, MEMP_TCP_SEG) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    start();
    if (size == 0)
        return 0;
    size_t heap = lwip_stats.mem.used;
    delivered = 0;
    client_open((data[0] & 1) != 0 ? 53 : IPERF_PORT);
    script(data + 1, size - 1);
    client_abort();
    require_clean(heap);
    REQUIRE(delivered < FRAMES_MAX);
    return 0;
}
