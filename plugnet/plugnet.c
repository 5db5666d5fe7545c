/*
 * The facade: configuration spread to the rooms, and the loop. See the header.
 */
/* SPDX-License-Identifier: MIT */
#define PLUGNET_OWN_LOOP /* the facade's own is one, in whose thread ever */
#include "plugnet/plugnet.h"

#include <string.h>

#include "lwip/timeouts.h"
#include "os/os.h"
#include "plugnet/plugnet_check.h"
#include "wire/text.h"

#define VENDOR_ID   0x1209
#define RELEASE_BCD 0x0101
#define LEASE_S     3600
#define NETMASK     0xFFFFFFF8u
#define SUBNETS     0x0A400000u /* 10.64.0.0/10 */

_Static_assert(offsetof(struct plugnet, netif) < offsetof(struct plugnet, blocks), "see netif_ncm.h");

/* 32 well-mixed bits of the unique ID: FNV-1a, then the finish of MurmurHash3. */
static uint32_t plugnet_hash(const uint8_t *bytes, size_t length)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < length; i++) {
        h = (h ^ bytes[i]) * 16777619u;
    }
    h = (h ^ h >> 16) * 0x85EBCA6Bu;
    h = (h ^ h >> 13) * 0xC2B2AE35u;
    return h ^ h >> 16;
}

/* Copy zero-terminated text that must fit. */
static void plugnet_text_end(struct text *t)
{
    os_assert(!t->overflow);
    t->bytes[t->length] = 0;
}

static void plugnet_names_set(struct plugnet *p, uint32_t hash)
{
    const char *label = p->config->name != NULL ? p->config->name : "plugnet";
    const uint8_t *uid = board_uid();
    size_t count = 0;
    struct text t;

    for (size_t i = 0; i < BOARD_UID_LENGTH; i++) {
        p->serial[2 * i] = "0123456789ABCDEF"[uid[i] >> 4];
        p->serial[2 * i + 1] = "0123456789ABCDEF"[uid[i] & 15];
    }
    t = text_over(p->unique_label, sizeof p->unique_label - 1);
    text_put(&t, label);
    text_put(&t, "-");
    text_put_hex(&t, hash & 0xFFFF, 4);
    plugnet_text_end(&t);
    t = text_over(p->internal, sizeof p->internal - 1);
    text_put(&t, label);
    text_put(&t, ".internal");
    plugnet_text_end(&t);
    t = text_over(p->home, sizeof p->home - 1);
    text_put(&t, label);
    text_put(&t, ".home.arpa");
    plugnet_text_end(&t);
    t = text_over(p->address_text, sizeof p->address_text - 1);
    text_put_ip4(&t, p->address);
    plugnet_text_end(&t);

    p->mdnsd_config = (struct mdnsd_config){
        .label = label,
        .unique_label = p->unique_label,
        .address = p->address,
        .netmask = NETMASK,
        .port = p->config->http_port != 0 ? p->config->http_port : 80,
        .text = "path=/",
    };
    mdnsd_init(&p->mdnsd, &p->mdnsd_config);

    p->hosts[count++] = p->mdnsd.short_name;
    p->hosts[count++] = p->mdnsd.unique_name;
    p->hosts[count++] = p->internal;
    p->hosts[count++] = p->home;
    for (const char *const *name = p->config->names; name != NULL && *name != NULL; name++) {
        p->hosts[count++] = *name;
    }
    p->hosts[count++] = p->address_text;
}

static void plugnet_addresses_set(struct plugnet *p, uint32_t hash)
{
    uint32_t subnet = p->config->subnet;

    if (subnet == 0) {
        subnet = SUBNETS | (hash >> 13) << 3; /* 19 bits of it */
    }
    p->address = (subnet & NETMASK) + 1;
    p->host_address = p->address + 1;
}

static void plugnet_usb_init(struct plugnet *p, uint32_t hash)
{
    const struct plugnet_config *c = p->config;
    static const uint8_t oui_default[3] = {0x00, 0x80, 0xE1};
    bool oui = (c->oui[0] | c->oui[1] | c->oui[2]) != 0;
    uint8_t *mac = p->ncm_config.host_mac;

    memcpy(mac, oui ? c->oui : oui_default, 3);
    mac[3] = (uint8_t)(hash >> 16);
    mac[4] = (uint8_t)(hash >> 8);
    mac[5] = (uint8_t)hash;
    p->ncm_config.blocks = p->blocks;
    p->ncm_config.block_count = PLUGNET_BLOCKS;
    p->ncm_config.sent = netif_ncm_sent;
    p->ncm_config.link = netif_ncm_link;
    p->ncm_config.context = &p->netif;
    ncm_init(&p->ncm, &p->ncm_config);

    dfu_init(&p->dfu, board_rom_enter);
    p->functions[0] = &p->ncm.function;
    p->functions[1] = &p->dfu.function;
    p->usb_config = (struct usb_device_config){
        .vendor_id = c->vendor_id != 0 ? c->vendor_id : VENDOR_ID,
        .product_id = c->product_id != 0 ? c->product_id : board_info()->product_id,
        .release_bcd = c->release_bcd != 0 ? c->release_bcd : RELEASE_BCD,
        .manufacturer = c->manufacturer != NULL ? c->manufacturer : "plugnet",
        .product = c->product != NULL ? c->product : "plugnet",
        .serial = p->serial,
        .landing_url = c->landing_url,
        .power_ma = 100,
        .functions = p->functions,
        .function_count = plugnet_has_dfu(p) ? 2 : 1,
    };
}

/* iperf sends what is in flash anyway: the longest part of the page. */
static bool plugnet_iperf_start(struct plugnet *p)
{
    const struct plugnet_config *c = p->config;
    const struct http_resource *longest = NULL;

    for (size_t i = 0; i < c->resource_count; i++) {
        if (longest == NULL || c->resources[i].length > longest->length) {
            longest = &c->resources[i];
        }
    }
    return longest != NULL ? iperf_listen(&p->iperf, longest->body, longest->length)
                           : iperf_listen(&p->iperf, NULL, 0);
}

static void plugnet_http_broken(const char *path, const char *why)
{
    board_log("http: ");
    board_log(path);
    board_log(": ");
    board_log(why);
    board_log("\n");
}

static void plugnet_net_init(struct plugnet *p)
{
    const struct plugnet_config *c = p->config;
    struct netif_ncm_config netif = {.ncm = &p->ncm};

    memcpy(netif.mac, p->ncm_config.host_mac, sizeof netif.mac);
    netif.mac[0] |= 0x02; /* locally administered */
    for (int i = 0; i < 4; i++) {
        netif.address[i] = (uint8_t)(p->address >> (24 - 8 * i));
        netif.netmask[i] = (uint8_t)(NETMASK >> (24 - 8 * i));
    }
    netif_ncm_add(&p->netif, &netif);

    p->dhcpd_config = (struct dhcpd_config){
        .server = p->address,
        .client = p->host_address,
        .netmask = NETMASK,
        .lease_s = c->lease_s != 0 ? c->lease_s : LEASE_S,
        .dns = !c->no_dns_option,
    };
    dhcpd_init(&p->dhcpd, &p->dhcpd_config);
    p->dnsd_config = (struct dnsd_config){.names = p->hosts, .address = p->address};
    dnsd_init(&p->dnsd, &p->dnsd_config);
    p->udp = (struct udp_services){
        .netif = &p->netif.netif,
        .dhcpd = &p->dhcpd,
        .dnsd = &p->dnsd,
        .mdnsd = c->no_mdns ? NULL : &p->mdnsd,
    };
    p->http_config = (struct http_config){
        .resources = c->resources,
        .resource_count = c->resource_count,
        .routes = c->routes,
        .route_count = c->route_count,
        .context = c->context,
        .hosts = p->hosts,
        .broken = plugnet_http_broken,
    };
    p->guard.answers = &p->netif.stats.arp_answers;
    os_assert(udp_services_start(&p->udp));
    os_assert(dns_tcp_listen(&p->dns_tcp, &p->dnsd));
    os_assert(c->no_iperf || plugnet_iperf_start(p));
    os_assert(http_raw_listen(&p->http, &p->http_config, c->http_port != 0 ? c->http_port : 80, &p->guard));
}

/* Interrupt context. */
static void plugnet_wake(void *unused)
{
    (void)unused;
    os_loop_wake();
}

static void plugnet_size_check(size_t size)
{
    if (size != sizeof(struct plugnet)) {
        os_panic("struct plugnet: product and firmware differ in their options (plugnet_options.h)");
    }
}

void plugnet_init_sized(struct plugnet *p, const struct plugnet_config *config, size_t size)
{
    uint32_t hash = plugnet_hash(board_uid(), BOARD_UID_LENGTH);
    struct udc *udc = board_udc();

    plugnet_size_check(size);
    memset(p, 0, sizeof *p);
    p->config = config;
    plugnet_check(config);
    os_lwip_init();
    plugnet_addresses_set(p, hash);
    plugnet_names_set(p, hash);
    plugnet_usb_init(p, hash);
    plugnet_net_init(p);
    udc->wake = plugnet_wake;
    p->load_start = board_cycles();
    usb_device_init(&p->usb, &p->usb_config, udc);
    usb_device_attach(&p->usb);
    if (config->started != NULL) {
        config->started(config->context);
    }
}

static void plugnet_load_update(struct plugnet *p)
{
    uint32_t second = board_info()->clock_hz, passed = board_cycles() - p->load_start;

    if (passed >= second) {
        uint32_t slept = p->load_slept - p->load_slept_start;
        uint32_t awake = passed > slept ? passed - slept : 0;
        p->load_permille = awake / (passed / 1000);
        p->load_start += passed;
        p->load_slept_start += slept;
    }
}

void plugnet_poll(struct plugnet *p)
{
    uint32_t now_ms = board_time_ms();
    bool tick = now_ms != p->polled_ms;

    p->polled_ms = now_ms;
    usb_device_poll(&p->usb);
    netif_ncm_poll(&p->netif);
    tcp_guard_poll(&p->guard, ncm_link_up(&p->ncm));
    http_raw_poll(&p->http);
    if (tick) { /* timers; no one here counts finer */
        udp_services_poll(&p->udp);
        sys_check_timeouts();
        dfu_poll(&p->dfu, now_ms);
        plugnet_load_update(p);
    }
    ncm_poll(&p->ncm); /* what this round has produced leaves together */
}

bool plugnet_has_dfu(const struct plugnet *p)
{
    return board_info()->has_rom && !p->config->no_dfu;
}

bool plugnet_update(struct plugnet *p)
{
    bool can = plugnet_has_dfu(p);

    if (can) {
        dfu_ask(&p->dfu);
    }
    return can;
}

void plugnet_idle(struct plugnet *p)
{
    p->load_slept += board_idle();
}

static void plugnet_loop_start(void *context)
{
    struct plugnet *p = context;

    plugnet_init(p, p->config);
}

static void plugnet_loop_poll(void *context)
{
    plugnet_poll(context);
}

static void plugnet_loop_slept(void *context, uint32_t cycles)
{
    struct plugnet *p = context;

    p->load_slept += cycles;
}

void plugnet_run_sized(struct plugnet *p, const struct plugnet_config *config, size_t size)
{
    static const struct os_loop loop = {
        .start = plugnet_loop_start,
        .poll = plugnet_loop_poll,
        .slept = plugnet_loop_slept,
    };

    board_init();
    plugnet_size_check(size);
    p->config = config;
    os_loop_run(&loop, p);
}
