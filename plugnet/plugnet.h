/*
 * plugnet: plug in a cable, open a web page. The whole device behind one const configuration and one call.
 *
 *   static struct plugnet plugnet;
 *   static const struct plugnet_config config = {
 *       .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
 *       .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
 *       .routes = routes, .route_count = 1};
 *   int main(void) { plugnet_run(&plugnet, &config); }
 *
 * Or, to have the loop (bare metal only): plugnet_init ─→ for (;;) { plugnet_poll; own work; plugnet_idle; }
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
#include "net/http/http.h"
#include "net/netif_ncm.h"
#include "net/tcp_guard.h"
#include "usb/ncm.h"
#include "usb/usb_device.h"
#include "wire/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Calls of a product that has the loop. */
#ifndef PLUGNET_OWN_LOOP
#ifdef PLUGNET_THREADS
#define PLUGNET_OWN_LOOP_WHY                                                                                      \
    "with an operating system the loop is lwIP's thread: call plugnet_run, start with .started, and do your own " \
    "work in a thread (os_thread_start, os/os.h)"
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

#ifndef PLUGNET_CHECK
#define PLUGNET_CHECK                                                                                        \
    1 /* the configuration is looked at at start; 0, where it never changes: 3.8 kB of flash less */
#endif
#ifndef PLUGNET_STATUS
#define PLUGNET_STATUS                                                                                       \
    1 /* our services put status objects; 0, where nobody shows them: 0.6 kB of flash less */
#endif
#ifndef PLUGNET_REPORT_LOG
#define PLUGNET_REPORT_LOG 1 /* the log says at start how the last run has stopped; 0: 0.4 kB of flash less */
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
#ifndef PLUGNET_LOCAL_SIZE
#define PLUGNET_LOCAL_SIZE 58 /* bytes of NAME-XXXX-NNN.local or its service's name, with the 0 */
#endif
#ifndef PLUGNET_FUNCTIONS_MAX
#define PLUGNET_FUNCTIONS_MAX 4 /* USB functions that a configuration may list; 4 bytes each */
#endif

#define PLUGNET_SERVICES_MAX 32 /* services that a configuration may list */

#define PLUGNET_NETMASK 0xFFFFFFF8u /* a /29 */

struct plugnet;

/* A service: something that answers on the network. Const; a product's own is the same kind of object as ours. Each call gets
 * `state`, and comes from the loop. What isn't needed is NULL, `start` and `name` excepted. */
struct plugnet_service {
    const char *name; /* a member of "services" in the status object: letters, digits, '_' */
    void *state;      /* the service's own; static */

    /* Open sockets; once, before the device attaches. NULL, or the reason why it can't, for the log: the board stops. */
    const char *(*start)(void *state, struct plugnet *p);

    /* In each round of the loop; must be short. */
    void (*poll)(void *state);

    /* Once a millisecond while the loop runs. */
    void (*tick)(void *state, uint32_t now_ms);

    /* With a watchdog, once a millisecond: false: this service has stopped working. If that lasts, the board is reset. */
    bool (*alive)(void *state);

    /* The host has switched the network on, or off. */
    void (*link)(void *state, bool up);

    /* The device's name changes (plugnet_rename): called while the old one still holds, and again with `changed` behind it. */
    void (*renamed)(void *state, struct plugnet *p, bool changed);

    /* Put members of its status object, by text_put_json_u32 and the like: at most HTTP_PART_MAX bytes. */
    void (*status)(void *state, struct text *out);
};

/* By PLUGNET_WATCHDOG alone, so that it is linked where it is used. `ms`: 500 to 20,000, and half a second more than the longest
 * standstill while flash is erased (board/flash.h: 2 s on an STM32F4). */
struct plugnet_watchdog {
    uint32_t ms;
    void (*start)(uint32_t ms);
    void (*tick)(const struct plugnet *p);
};
void plugnet_watchdog_start(uint32_t ms);
void plugnet_watchdog_tick(const struct plugnet *p);
#define PLUGNET_WATCHDOG(ms_)                                                                                \
    (&(const struct plugnet_watchdog){                                                                       \
        .ms = (ms_), .start = plugnet_watchdog_start, .tick = plugnet_watchdog_tick})

/* Ours. Each is linked where it is listed, and nowhere else. */
extern const struct plugnet_service plugnet_dhcp;    /* gives the PC its address; UDP 67 */
extern const struct plugnet_service plugnet_dns;     /* our names, for the PC that asks us; UDP 53 */
extern const struct plugnet_service plugnet_dns_tcp; /* the same for resolvers that ask by TCP */
extern const struct plugnet_service plugnet_mdns;    /* NAME.local; UDP 5353 */
extern const struct plugnet_service plugnet_http;    /* resources and routes; TCP http_port */
extern const struct plugnet_service plugnet_iperf;   /* measures the cable; TCP 5001 */

#define PLUGNET_DEFAULT_SERVICES &plugnet_dhcp, &plugnet_dns, &plugnet_mdns, &plugnet_http
#define PLUGNET_SERVICES(...)                                                                                \
    ((const struct plugnet_service *const[]){__VA_ARGS__, NULL}) /* C, for static objects */

/* A stream of events (net/http/events.h) as a service: its start, its heartbeats, its counters in the status object. A product
 * has one for each stream: static const struct plugnet_service live = PLUGNET_EVENTS("live", &events); */
#define PLUGNET_EVENTS(name_, events)                                                                        \
    {                                                                                                        \
        .name = name_, .state = (events), .start = plugnet_events_start, .tick = plugnet_events_tick,        \
        .status = plugnet_events_status                                                                      \
    }
const char *plugnet_events_start(void *events, struct plugnet *p);
void plugnet_events_tick(void *events, uint32_t now_ms);
void plugnet_events_status(void *events, struct text *out);

/* Why a service of ours couldn't start. */
#define PLUGNET_NO_UDP "no UDP PCB (MEMP_NUM_UDP_PCB of plugnet_options.h), or the port is taken"
#define PLUGNET_NO_TCP "no listening PCB (MEMP_NUM_TCP_PCB_LISTEN of plugnet_options.h), or the port is taken"

/* A USB function. Const; a product's own is the same kind of object as ours. */
struct plugnet_function {
    const char *name; /* for the log */
    void *state;      /* the function's own; static */

    /* Initialise and return it, once, before the device attaches. NULL: this board has none. */
    struct usb_function *(*init)(void *state, struct plugnet *p);

    void (*tick)(void *state, uint32_t now_ms); /* once a millisecond while the loop runs; may be NULL */
};

/* Ours. */
extern const struct plugnet_function plugnet_ncm; /* the network card; listed once */
extern const struct plugnet_function plugnet_dfu; /* the way to the boot loader in ROM */

/* A serial port (usb/acm.h) as a function, ttyACM0 of a Linux host. Its state is a struct acm whose `config` is set; a product
 * has one for each port: static struct acm port = {.config = &port_config};
 * static const struct plugnet_function port_function = PLUGNET_ACM("port", &port);
 * One with a console on it: plugnet/acm_console.h. */
#define PLUGNET_ACM(name_, acm)                                                                              \
    {                                                                                                        \
        .name = name_, .state = (acm), .init = plugnet_acm_init                                              \
    }
struct usb_function *plugnet_acm_init(void *acm, struct plugnet *p);

/* Messages over a bulk endpoint each way (usb/vendor.h) as a function; a product has one for each interface:
 * static const struct plugnet_function link = PLUGNET_VENDOR("link", &vendor_config); */
#define PLUGNET_VENDOR(name_, config)                                                                        \
    {                                                                                                        \
        .name = name_, .state = (void *)(config), .init = plugnet_vendor_init                                \
    }
struct usb_function *plugnet_vendor_init(void *config, struct plugnet *p);

#define PLUGNET_DEFAULT_FUNCTIONS &plugnet_ncm, &plugnet_dfu
#define PLUGNET_FUNCTIONS(...)                                                                               \
    ((const struct plugnet_function *const[]){__VA_ARGS__, NULL}) /* C, for static objects */

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

    /* In the order of their interfaces, ended by NULL; with plugnet_ncm, first: the controller's spare memory goes to the first
     * that has a bulk endpoint. What a chip has room for: docs/endpoints.md. */
    const struct plugnet_function *const *functions;
    const struct plugnet_service *const *services; /* ended by NULL; what isn't listed isn't linked */

    bool
        no_dns_option; /* don't name ourselves as the PC's DNS server; a DNS server that is listed runs anyway */
    uint8_t oui[3];    /* first three bytes of the PC's MAC address, universal and unicast; 00:80:E1 */
    uint32_t subnet;  /* base of a unicast /29, host order (0x0A400100 is 10.64.1.0); from the unique ID */
    uint32_t lease_s; /* seconds, at least 20; 3600 */

    uint16_t http_port;                    /* of plugnet_http; 80 */
    const struct http_resource *resources; /* paths begin with a slash, at most HTTP_TEXT_MAX bytes */
    size_t resource_count;
#if HTTP_ROUTES
    const struct http_route *routes; /* paths as above; a type wherever there is a part */
    size_t route_count;
#endif
    void *context; /* for routes (http_context), and `started` */

    /* Who may: see struct http_config (net/http/http.h). */
#if HTTP_ORIGINS
    const char *const *origins;
#endif
    const char *security;
#if HTTP_CHECK
    uint16_t (*check)(struct http_request *r);
    const char *const *check_headers;
    const char *challenge;
#endif

    /* Called once, in the loop's thread, when everything has started and before the first poll; none. It may call lwIP, and
     * must not wait. */
    void (*started)(void *context);

#if USB_REMOTE_WAKEUP
    /* The device may wake a PC that sleeps, if the PC allows it: declared in bmAttributes (docs/sleep.md). Linux then also suspends
     * the link by itself where it is told to (power/control is "auto"). */
    bool remote_wakeup;
    bool wake_by_frames; /* a frame that is to be sent wakes the PC, too; else plugnet_wake_host alone does */
#endif

    /* Reset the board, with a report (plugnet/report.h), if the loop doesn't turn for so long: PLUGNET_WATCHDOG(8000); none. */
    const struct plugnet_watchdog *watchdog;
};

/* The device; caller-owned, static: 12 kB. Fields are ours; what they count may be read. */
struct plugnet {
    const struct plugnet_config *config;
    bool link_up;                          /* as the services know it */
    uint32_t address, host_address;        /* host order */
    uint32_t polls, ticks, function_ticks; /* a bit for each in the lists that has such a function */
    uint32_t polled_ms;                    /* when the loop ran last */
    uint32_t load_permille;                /* of the last whole second */
    uint32_t load_start_ms;
    uint32_t load_slept; /* cycles since start; written by whoever sleeps */
    uint32_t load_slept_start;
#if USB_REMOTE_WAKEUP
    bool wake_wanted; /* plugnet_wake_host was called */
#endif

    const struct http_stats *http; /* of plugnet_http; NULL: it isn't listed, or hasn't started */
    struct tcp_guard guard;        /* for services on TCP: net/tcp_guard.h */
    struct netif_ncm netif;        /* before `blocks`: see netif_ncm.h */
    struct usb_device usb;
    struct ncm ncm;

    struct usb_device_config usb_config;
    struct ncm_config ncm_config;
    struct usb_function *functions[PLUGNET_FUNCTIONS_MAX];

    char serial[2 * BOARD_UID_LENGTH + 1];
    const char *label;                       /* "plugnet"; while plugnet_init and `renamed` run */
    char address_text[16];                   /* "10.64.1.1" */
    char unique_label[PLUGNET_NAME_MAX + 6]; /* "plugnet-1a2b" */
    char local[PLUGNET_LOCAL_SIZE];          /* "plugnet.local"; mDNS may change both */
    char unique_local[PLUGNET_LOCAL_SIZE];   /* "plugnet-1a2b.local" */
    char internal[PLUGNET_NAME_MAX + 10];    /* "plugnet.internal" */
    char home[PLUGNET_NAME_MAX + 11];        /* "plugnet.home.arpa" */
    const char *hosts[PLUGNET_HOSTS_MAX];    /* names first, then the address; ended by NULL */

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

/* Another name from now on, as plugnet_config.name: DNS and the Host check of HTTP know it at once and the old one no longer,
 * mDNS says goodbye and asks for the new one. False: it is no such name, or plugnet_init isn't done; nothing has changed. The same
 * name again is asked for anew, which takes mDNS a second. The text is copied; the configuration stays as it is, so a product that
 * keeps the name sets .name from its settings at the next start. */
bool plugnet_rename(struct plugnet *p, const char *name);

/* True: plugnet_config.name and plugnet_rename take it. For a name from flash, before plugnet_run: with a wrong one in .name the
 * board stops. Any time, any context. */
bool plugnet_name_fits(const char *name);

/* True: the bus is suspended: the PC sleeps, or has put the device to sleep; on boards that don't sense VBUS also: the cable is
 * unplugged. What is sent meanwhile waits in the board, as far as there is room. */
static inline bool plugnet_host_sleeps(const struct plugnet *p)
{
    return usb_device_suspended(&p->usb);
}

#if USB_REMOTE_WAKEUP
/* Wake the PC if it sleeps and has allowed it (SET_FEATURE of DEVICE_REMOTE_WAKEUP); else nothing. It takes a PC some 30 ms to use
 * the bus again, and as long as it likes to be awake. Any context. */
void plugnet_wake_host(struct plugnet *p);
#endif

/* True: the board's boot loader may be asked for: the board has one, and plugnet_dfu is listed. */
bool plugnet_has_dfu(const struct plugnet *p);

/* Leave for the boot loader: off the bus in DFU_LEAVE_MS, so that an answer still gets through. False: there is none. From
 * any thread. */
bool plugnet_update(struct plugnet *p);

/* board_init, plugnet_init, and the loop for ever: on bare metal here, with an operating system in lwIP's thread, so
 * that `main` may start threads before (os_thread_start of os/os.h; it needs no board_init). */
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
