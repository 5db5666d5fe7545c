/*
 * plugnet: plug in a cable, open a web page. The whole device behind one const configuration and one call.
 *
 *   static struct plugnet plugnet;
 *   static const struct plugnet_config config = {.product = "Thing", .routes = routes, .route_count = 1};
 *   int main(void) { plugnet_run(&plugnet, &config); }
 *
 * Or, to have the loop: plugnet_init ─→ for (;;) { plugnet_poll; own work; plugnet_idle; }
 *
 * What makes two boards on one PC differ comes from the chip's unique ID, hashed to 32 bits h (FNV-1a, then
 * mixed): serial number = the ID in hex; host MAC 00:80:E1 + 24 bits of h (universally administered, since
 * Android ignores others), device MAC 02:80:E1 + the same; subnet 10.64.0.0/10 cut into /29: 19 bits of h
 * choose one of 524,288, the board is .1 and the PC .2 in it; name plugnet-XXXX.local from 16 bits of h.
 *
 * All calls come from the loop, except where they say so. With an operating system the loop is lwIP's thread, and plugnet_run
 * is the way in: a product with a loop of its own is for bare metal, and elsewhere the compiler refuses it.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_PLUGNET_H
#define PLUGNET_PLUGNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board/board.h"
#include "net/dhcpd.h"
#include "net/dns_tcp.h"
#include "net/dnsd.h"
#include "net/http/http_raw.h"
#include "net/iperf.h"
#include "net/mdnsd.h"
#include "net/netif_ncm.h"
#include "net/tcp_guard.h"
#include "net/udp_services.h"
#include "usb/dfu.h"
#include "usb/ncm.h"
#include "usb/usb_device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Calls of a product that has the loop. */
#ifndef PLUGNET_OWN_LOOP
#ifdef PLUGNET_THREADS
#define PLUGNET_OWN_LOOP_WHY                                                                                      \
    "with an operating system the loop is lwIP's thread: call plugnet_run, start with .started, and do your own " \
    "work in a thread (os_thread_start)"
#ifdef __has_attribute
#if __has_attribute(unavailable)
#define PLUGNET_OWN_LOOP __attribute__((unavailable(PLUGNET_OWN_LOOP_WHY)))
#endif
#endif
#ifndef PLUGNET_OWN_LOOP
#define PLUGNET_OWN_LOOP __attribute__((error(PLUGNET_OWN_LOOP_WHY)))
#endif
#else
#define PLUGNET_OWN_LOOP
#endif
#endif

#ifndef PLUGNET_BLOCKS
#define PLUGNET_BLOCKS 3 /* NTB buffers for receiving, 3 kB each; with 2, every second frame is copied */
#endif
#ifndef PLUGNET_NAME_MAX
#define PLUGNET_NAME_MAX 32 /* characters of `name`, one label */
#endif
#ifndef PLUGNET_NAMES_MAX
#define PLUGNET_NAMES_MAX 3 /* of `names` */
#endif
#define PLUGNET_HOSTS_MAX                                                                                    \
    (PLUGNET_NAMES_MAX + 6) /* own names and the address known to HTTP and DNS, and the end */

/* What you set; const, outlives the device. 0 and NULL mean the default, so name only what differs. What can't work is refused
 * at start: the log names the field and the rule, and the board stops. */
struct plugnet_config {
    uint16_t vendor_id; /* 0x1209, pid.codes; another one only with its product_id */
    uint16_t
        product_id; /* a test ID of pid.codes for the board (board_info), never to be shipped: get your own */
    uint16_t release_bcd; /* bcdDevice, 0x0101: raise it with every change of descriptors (Windows caches) */
    const char *manufacturer; /* at most 126 characters, as product; "plugnet" */
    const char *product;      /* "plugnet" */
    /* WebUSB: the page that Chrome offers to open, at most 258 bytes; none. What isn't "https://…" no browser shows: it is
     * left out, and the log says so. */
    const char *landing_url;

    /* One label, "plugnet": NAME.local, NAME-XXXX.local, NAME.internal, NAME.home.arpa. At most PLUGNET_NAME_MAX letters,
     * digits and inner hyphens. */
    const char *name;
    const char *const *
        names; /* further DNS names, at most PLUGNET_NAMES_MAX of HTTP_TEXT_MAX characters, ended by NULL; none */
    bool no_dns_option; /* don't name ourselves as the PC's DNS server; the DNS server runs anyway */
    bool no_mdns;
    bool no_iperf;
    bool no_dfu;      /* no DFU interface: neither the host nor a page can ask for the boot loader */
    uint8_t oui[3];   /* first three bytes of the PC's MAC address, universal and unicast; 00:80:E1 */
    uint32_t subnet;  /* base of a unicast /29, host order (0x0A400100 is 10.64.1.0); from the unique ID */
    uint32_t lease_s; /* seconds, at least 20; 3600 */

    uint16_t http_port;                    /* not 53, nor iperf's 5001; 80 */
    const struct http_resource *resources; /* paths begin with a slash, at most HTTP_TEXT_MAX bytes */
    size_t resource_count;
    const struct http_route *routes; /* paths as above; a type wherever there is a part */
    size_t route_count;
    void *context; /* for routes, and `started` */

    /* Called once, in the loop's thread, when everything has started and before the first poll; none. It may call lwIP, and
     * must not wait. */
    void (*started)(void *context);
};

/* The device; caller-owned, static: 14.7 kB. Fields are ours; what they count may be read. */
struct plugnet {
    const struct plugnet_config *config;
    struct netif_ncm netif; /* before `blocks`: see netif_ncm.h */
    struct usb_device usb;
    struct ncm ncm;
    struct dfu dfu;
    struct dhcpd dhcpd;
    struct dnsd dnsd;
    struct dns_tcp dns_tcp;
    struct mdnsd mdnsd; /* keeps the names below .local */
    struct udp_services udp;
    struct http_raw http;
    struct iperf iperf;
    struct tcp_guard guard;

    struct usb_device_config usb_config;
    struct ncm_config ncm_config;
    struct dhcpd_config dhcpd_config;
    struct dnsd_config dnsd_config;
    struct mdnsd_config mdnsd_config;
    struct http_config http_config;
    struct usb_function *functions[2];

    char serial[2 * BOARD_UID_LENGTH + 1];
    char address_text[16];                   /* "10.64.1.1" */
    char unique_label[PLUGNET_NAME_MAX + 6]; /* "plugnet-1a2b" */
    char internal[PLUGNET_NAME_MAX + 10];    /* "plugnet.internal" */
    char home[PLUGNET_NAME_MAX + 11];        /* "plugnet.home.arpa" */
    const char *hosts[PLUGNET_HOSTS_MAX];    /* names first, then the address; ended by NULL */
    uint32_t address, host_address;          /* host order */

    uint32_t polled_ms;     /* when the loop ran last */
    uint32_t load_permille; /* of the last whole second */
    uint32_t load_start;
    uint32_t load_slept; /* cycles since start; written by whoever sleeps */
    uint32_t load_slept_start;

    struct ncm_block blocks[PLUGNET_BLOCKS];
};

/* Set everything up and attach to the bus. board_init must have run. `size` is sizeof *p as the product sees it: if the
 * headers' options (#ifndef in them) differ between product and firmware, that is refused on the log. */
void plugnet_init_sized(struct plugnet *p, const struct plugnet_config *config, size_t size);

PLUGNET_OWN_LOOP static inline void plugnet_init(struct plugnet *p, const struct plugnet_config *config)
{
    plugnet_init_sized(p, config, sizeof *p);
}

/* One round of the loop: whatever has arrived is served; nothing waits. */
PLUGNET_OWN_LOOP void plugnet_poll(struct plugnet *p);

/* Sleep until there may be something to do: an interrupt, at the latest in a millisecond. */
PLUGNET_OWN_LOOP void plugnet_idle(struct plugnet *p);

/* True: the board's boot loader may be asked for (board_info's has_rom, no_dfu). */
bool plugnet_has_dfu(const struct plugnet *p);

/* Leave for the boot loader: off the bus in DFU_LEAVE_MS, so that an answer still gets through. False: there is none. From
 * any thread. */
bool plugnet_update(struct plugnet *p);

/* board_init, plugnet_init, and the loop for ever: on bare metal here, with an operating system in lwIP's thread, so
 * that `main` may start threads before (os_thread_start needs no board_init). */
__attribute__((noreturn)) void plugnet_run_sized(struct plugnet *p, const struct plugnet_config *config,
                                                 size_t size);

__attribute__((noreturn)) static inline void plugnet_run(struct plugnet *p,
                                                         const struct plugnet_config *config)
{
    plugnet_run_sized(p, config, sizeof *p);
}

#ifdef __cplusplus
}
#endif

#endif
