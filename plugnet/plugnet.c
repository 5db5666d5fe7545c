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
#include "plugnet/plugnet_name.h"
#include "plugnet/report.h"
#include "wire/identity.h"
#include "wire/text.h"

#define VENDOR_ID   0x1209
#define RELEASE_BCD 0x0101
#define SUBNETS     0x0A400000u /* 10.64.0.0/10 */

_Static_assert(offsetof(struct plugnet, netif) < offsetof(struct plugnet, blocks), "see netif_ncm.h");

/* Copy zero-terminated text that must fit. */
static void plugnet_text_end(struct text *t)
{
    os_assert(!t->overflow);
    t->bytes[t->length] = 0;
}

static void plugnet_hosts_set(struct plugnet *p, uint32_t hash)
{
    char id[5];
    size_t count = 0;
    struct text t = text_over(id, sizeof id - 1);

    text_put_hex(&t, hash & 0xFFFF, 4);
    plugnet_text_end(&t);
    plugnet_names_set(p, p->config->name != NULL ? p->config->name : "plugnet", id);
    usb_hex_put(p->serial, board_uid(), BOARD_UID_LENGTH);
    t = text_over(p->address_text, sizeof p->address_text - 1);
    text_put_ip4(&t, p->address);
    plugnet_text_end(&t);

    p->hosts[count++] = p->local;
    p->hosts[count++] = p->unique_local;
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
    p->address = (subnet & PLUGNET_NETMASK) + 1;
    p->host_address = p->address + 1;
}

static void plugnet_usb_init(struct plugnet *p, uint32_t hash)
{
    const struct plugnet_config *c = p->config;
    bool oui = (c->oui[0] | c->oui[1] | c->oui[2]) != 0;
    uint8_t count = 0;

    identity_mac_put(p->ncm_config.host_mac, oui ? c->oui : NULL, hash);
    for (size_t i = 0; c->functions[i] != NULL; i++) {
        struct usb_function *function = c->functions[i]->init(c->functions[i]->state, p);
        if (function != NULL) {
#if PLUGNET_CHECK
            plugnet_check_function(p->functions, count, function, c->functions[i]->name);
#endif
            p->functions[count++] = function;
            p->function_ticks |= c->functions[i]->tick != NULL ? 1u << i : 0;
        }
    }
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
        .function_count = count,
    };
#if USB_REMOTE_WAKEUP
    p->usb_config.remote_wakeup = c->remote_wakeup;
#endif
}

static void plugnet_net_init(struct plugnet *p)
{
    const struct plugnet_config *c = p->config;
    struct netif_ncm_config netif = {.ncm = &p->ncm, .address = p->address, .netmask = PLUGNET_NETMASK};

    memcpy(netif.mac, p->ncm_config.host_mac, sizeof netif.mac);
    netif.mac[0] |= IDENTITY_MAC_LOCAL;
    netif_ncm_add(&p->netif, &netif);

    p->guard.answers = &p->netif.stats.arp_answers;
    for (size_t i = 0; c->services[i] != NULL; i++) {
        const struct plugnet_service *service = c->services[i];
        const char *reason = service->start(service->state, p);
        if (reason != NULL) {
            board_log("service ");
            board_log(service->name);
            board_log(": ");
            os_panic(reason);
        }
        p->polls |= service->poll != NULL ? 1u << i : 0;
        p->ticks |= service->tick != NULL ? 1u << i : 0;
    }
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

/* The listed functions don't fit: say which, and by how much, unless that was found out before (PLUGNET_CHECK). */
_Noreturn static void plugnet_refuse(const struct plugnet *p, const struct udc_shortage *shortage)
{
#if PLUGNET_CHECK
    char line[80];
    struct text t = text_over(line, sizeof line - 1);

    board_log("functions");
    for (const struct plugnet_function *const *f = p->config->functions; *f != NULL; f++) {
        board_log(" ");
        board_log((*f)->name);
    }
    text_put(&t, ": ");
    text_put(&t, shortage->what);
    text_put(&t, ": needed ");
    text_put_u32(&t, shortage->needed);
    text_put(&t, ", there are ");
    text_put_u32(&t, shortage->there);
    plugnet_text_end(&t);
    board_log(line);
    board_log("\n");
#else
    (void)p, (void)shortage;
#endif
    os_panic(".functions: more than fits");
}

void plugnet_init_sized(struct plugnet *p, const struct plugnet_config *config, size_t size)
{
    uint32_t hash = identity_hash(board_uid(), BOARD_UID_LENGTH);
    struct udc *udc = board_udc();
    struct udc_shortage shortage;

    plugnet_size_check(size);
    memset(p, 0, sizeof *p);
    p->config = config;
#if PLUGNET_CHECK
    plugnet_check(config);
#endif
    if (PLUGNET_REPORT_LOG) {
        plugnet_report_log();
    }
    os_lwip_init();
    plugnet_addresses_set(p, hash);
    plugnet_hosts_set(p, hash);
    plugnet_usb_init(p, hash);
    plugnet_net_init(p);
    udc->wake = plugnet_wake;
    p->load_start_ms = board_time_ms();
    if (!usb_device_init(&p->usb, &p->usb_config, udc, &shortage)) {
        plugnet_refuse(p, &shortage);
    }
    usb_device_attach(&p->usb);
    if (config->started != NULL) {
        config->started(config->context);
    }
    if (config->watchdog != NULL) {
        config->watchdog->start(config->watchdog->ms);
    }
}

static void plugnet_load_update(struct plugnet *p, uint32_t now_ms)
{
    uint32_t passed_ms = now_ms - p->load_start_ms;

    if (passed_ms >= 1000) {
        uint32_t passed = passed_ms * (board_info()->clock_hz / 1000);
        uint32_t slept = p->load_slept - p->load_slept_start;
        uint32_t awake = passed > slept ? passed - slept : 0;
        p->load_permille = awake / (passed / 1000);
        p->load_start_ms = now_ms;
        p->load_slept_start += slept;
    }
}

/* The link has changed: whoever depends on it hears of it. */
static void plugnet_link_set(struct plugnet *p, bool up)
{
    p->link_up = up;
    for (const struct plugnet_service *const *service = p->config->services; *service != NULL; service++) {
        if ((*service)->link != NULL) {
            (*service)->link((*service)->state, up);
        }
    }
}

static void plugnet_services_poll(struct plugnet *p)
{
    const struct plugnet_service *const *services = p->config->services;

    for (uint32_t left = p->polls; left != 0; left &= left - 1) {
        const struct plugnet_service *service = services[__builtin_ctz(left)];
        service->poll(service->state);
    }
}

/* Not inlined: once a millisecond; the loop would be 40 bytes larger. */
__attribute__((noinline)) static void plugnet_tick(struct plugnet *p, uint32_t now_ms)
{
    const struct plugnet_config *c = p->config;

    for (uint32_t left = p->ticks; left != 0; left &= left - 1) {
        const struct plugnet_service *service = c->services[__builtin_ctz(left)];
        service->tick(service->state, now_ms);
    }
    for (uint32_t left = p->function_ticks; left != 0; left &= left - 1) {
        const struct plugnet_function *function = c->functions[__builtin_ctz(left)];
        function->tick(function->state, now_ms);
    }
    sys_check_timeouts();
    plugnet_load_update(p, now_ms);
    if (c->watchdog != NULL) {
        c->watchdog->tick(p);
    }
}

#if USB_REMOTE_WAKEUP
void plugnet_wake_host(struct plugnet *p)
{
    __atomic_store_n(&p->wake_wanted, true, __ATOMIC_RELEASE);
    os_loop_wake();
}

static void plugnet_wake_poll(struct plugnet *p)
{
    bool wanted = __atomic_exchange_n(&p->wake_wanted, false, __ATOMIC_ACQ_REL);

    if (wanted || (p->config->wake_by_frames && ncm_sending(&p->ncm))) {
        usb_device_wake_host(&p->usb);
    }
}
#endif

void plugnet_poll(struct plugnet *p)
{
    uint32_t now_ms = board_time_ms();
    bool tick = now_ms != p->polled_ms, up;

#if BOARD_CALM_MS > 1
    board_calm(usb_device_suspended(&p->usb));
#endif
    p->polled_ms = now_ms;
    usb_device_poll(&p->usb);
    netif_ncm_poll(&p->netif);
    up = ncm_link_up(&p->ncm);
    tcp_guard_poll(&p->guard, up);
    if (up != p->link_up) {
        plugnet_link_set(p, up);
    }
    plugnet_services_poll(p);
    if (tick) { /* no timer counts finer */
        plugnet_tick(p, now_ms);
    }
    ncm_poll(&p->ncm); /* what this round has produced leaves together */
#if USB_REMOTE_WAKEUP
    plugnet_wake_poll(p);
#endif
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
