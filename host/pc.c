/*
 * The PC in user space: see pc.h. This file ties the parts together: who hears of what, and what happens in
 * each millisecond.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* ppoll */
#include "host/pc.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control.h"
#include "host/forward.h"
#include "host/forward_udp.h"
#include "host/lines.h"
#include "host/lwip_sys.h"
#include "host/ncm_host.h"
#include "host/pace.h"
#include "host/pcap.h"
#include "host/tap.h"
#include "host/usb_host.h"
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/netif.h"
#include "lwip/prot/dhcp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

#define REPLUG_MS      100
#define TAP_FRAMES_MAX 64 /* taken from the TAP device in one millisecond */
#define PCAP_FLUSH_MS  1000
#define RAW_EXTRA_MS   10

struct pc {
    struct pc_config config;
    struct bus bus;
    struct usb_host usb;
    struct ncm_host ncm;
    struct netif netif;
    bool lwip_taken, netif_added;
    struct pc_times times;
    struct forward *forwards[PC_FORWARDS_MAX]; /* of each number one of the two, or none */
    struct forward_udp *udp_forwards[PC_FORWARDS_MAX];
    struct control *control;
    struct pcap *pcap;
    int tap; /* -1: none */
    struct bus_timer replug, in_again;
    enum pc_pace pace_now;
    struct pace pace;
    uint64_t socket_events;
};

void pc_log(struct pc *pc, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (pc->config.lines != NULL) {
        lines_add(pc->config.lines, pc->bus.now_ns, "pc", line);
    }
    if (pc->config.log != NULL) {
        pc->config.log(pc->config.context, pc->bus.now_ns, line);
    }
}

static void pc_log_line(void *context, const char *line)
{
    pc_log(context, "%s", line);
}

/* ---- Frames ---- */

static void frame_seen(struct pc *pc, bool to_pc, const uint8_t *frame, size_t length)
{
    if (pc->pcap != NULL) {
        pcap_frame(pc->pcap, pc->bus.now_ns, to_pc, frame, length);
    }
    if (pc->config.sniff != NULL) {
        pc->config.sniff(pc->config.context, to_pc, frame, length);
    }
}

bool pc_frame_send(struct pc *pc, const uint8_t *frame, size_t length)
{
    if (length > NCM_HOST_FRAME_MAX || !pc->ncm.carrier) {
        pc->ncm.counters.tx_dropped++;
        return false;
    }
    frame_seen(pc, false, frame, length);
    return ncm_host_send(&pc->ncm, frame, (uint32_t)length);
}

static void frame_received(void *context, const uint8_t *frame, uint32_t length)
{
    struct pc *pc = context;
    frame_seen(pc, true, frame, length);
    if (pc->tap >= 0) {
        ssize_t ignored = write(pc->tap, frame, length);
        (void)ignored; /* the kernel's queue is full: lost, as on any wire */
        return;
    }
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
    if (p != NULL) {
        pbuf_take(p, frame, (u16_t)length);
        if (pc->netif.input(p, &pc->netif) != ERR_OK) {
            pbuf_free(p);
        }
    }
}

static err_t netif_linkoutput(struct netif *netif, struct pbuf *p)
{
    struct pc *pc = netif->state;
    uint8_t frame[NCM_HOST_FRAME_MAX];
    if (p->tot_len > sizeof frame) {
        return ERR_BUF;
    }
    pbuf_copy_partial(p, frame, p->tot_len, 0);
    return pc_frame_send(pc, frame, p->tot_len) ? ERR_OK : ERR_MEM;
}

static void tap_poll(struct pc *pc)
{
    uint8_t frame[NCM_HOST_FRAME_MAX + 4];
    for (unsigned i = 0; i < TAP_FRAMES_MAX && pc->ncm.queue_length < NCM_HOST_QUEUE_MAX; i++) {
        ssize_t length = read(pc->tap, frame, sizeof frame);
        if (length <= 0) {
            return;
        }
        pc_frame_send(pc, frame, (size_t)length);
    }
}

/* ---- Network interface ---- */

static err_t netif_begin(struct netif *netif)
{
    netif->name[0] = 'u';
    netif->name[1] = 's';
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP;
    netif->output = etharp_output;
    netif->linkoutput = netif_linkoutput;
    netif->hostname = "pc";
    return ERR_OK;
}

static void netif_changed(struct netif *netif)
{
    struct pc *pc = netif->state;
    bool has = !ip4_addr_isany(netif_ip4_addr(netif)) && netif_is_link_up(netif);
    if (!has || pc->times.leased != 0) {
        pc->times.leased = has ? pc->times.leased : 0;
        return;
    }
    pc->times.leased = pc->bus.now_ns;
    uint8_t own[4], board[4];
    pc_own_address(pc, own);
    pc_board_address(pc, board);
    pc_log(pc, "address %u.%u.%u.%u %s, board %u.%u.%u.%u", own[0], own[1], own[2], own[3],
           pc->config.address[0] != 0 ? "set" : "leased", board[0], board[1], board[2], board[3]);
}

static void netif_address_begin(struct pc *pc)
{
    const uint8_t *a = pc->config.address;
    if (a[0] == 0) {
        dhcp_start(&pc->netif);
        return;
    }
    ip4_addr_t address, mask, none;
    unsigned prefix = pc->config.prefix != 0 ? pc->config.prefix : 24;
    IP4_ADDR(&address, a[0], a[1], a[2], a[3]);
    mask.addr = lwip_htonl(0xFFFFFFFFu << (32 - prefix));
    ip4_addr_set_zero(&none);
    netif_set_addr(&pc->netif, &address, &mask, &none);
    netif_changed(&pc->netif);
}

static void netif_address_end(struct pc *pc)
{
    if (netif_dhcp_data(&pc->netif) != NULL) {
        dhcp_stop(&pc->netif);
        dhcp_cleanup(&pc->netif);
    }
    netif_set_addr(&pc->netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
}

/* ---- What the parts report ---- */

static void usb_configured(void *context)
{
    struct pc *pc = context;
    pc->times.attached = pc->usb.attached_ns;
    pc->times.configured = pc->usb.configured_ns;
    ncm_host_bind(&pc->ncm);
}

static void ncm_bound(void *context)
{
    struct pc *pc = context;
    memcpy(pc->netif.hwaddr, pc->ncm.mac, 6);
    if (pc->tap >= 0) {
        if (!tap_up(pc->tap, pc->config.tap, pc->ncm.mac)) {
            pc_log(pc, "--tap %s: can't set its MAC address or bring it up: %s", pc->config.tap,
                   strerror(errno));
        }
        tap_carrier(pc->tap, false);
        return;
    }
    netif_set_up(&pc->netif);
}

static void forwards_reset(struct pc *pc)
{
    for (unsigned i = 0; i < pc->config.forward_count; i++) {
        if (pc->forwards[i] != NULL) {
            forward_reset(pc->forwards[i]);
        }
        if (pc->udp_forwards[i] != NULL) {
            forward_udp_reset(pc->udp_forwards[i]);
        }
    }
}

static void ncm_link(void *context, bool up)
{
    struct pc *pc = context;
    pc->times.link = up ? pc->ncm.link_ns : 0;
    pc->times.leased = up ? pc->times.leased : 0;
    pc_log(pc, "link %s", up ? "up" : "down");
    if (pc->tap >= 0) {
        tap_carrier(pc->tap, up);
        return;
    }
    if (!up) {
        forwards_reset(pc);
        netif_set_link_down(&pc->netif);
        return;
    }
    netif_set_link_up(&pc->netif);
    if (netif_dhcp_data(&pc->netif) == NULL) {
        netif_address_begin(pc);
    }
}

static void usb_gone(void *context)
{
    struct pc *pc = context;
    ncm_host_unbind(&pc->ncm);
    if (pc->tap < 0) {
        netif_address_end(pc);
        netif_set_down(&pc->netif);
    }
    pc->times = (struct pc_times){0};
}

static void usb_suspended(void *context, bool suspended)
{
    struct pc *pc = context;
    ncm_host_suspend(&pc->ncm, suspended);
}

static void bus_cut(void *context)
{
    struct pc *pc = context;
    usb_host_reset(&pc->usb);
}

static void bus_monitor(void *context, const struct urb *urb, bool submit)
{
    struct pc *pc = context;
    pcap_urb(pc->pcap, pc->bus.now_ns, urb, submit);
}

static void replug_fire(void *context)
{
    pc_plug(context, true);
}

static void in_again_fire(void *context)
{
    pc_in_stop(context, 0);
}

/* ---- Life ---- */

static bool pc_open_files(struct pc *pc, char *error, size_t error_size)
{
    const struct pc_config *config = &pc->config;
    if (config->tap != NULL && (pc->tap = tap_open(config->tap, error, error_size)) < 0) {
        return false;
    }
    if (config->pcap != NULL && (pc->pcap = pcap_open(config->pcap, error, error_size)) == NULL) {
        return false;
    }
    for (unsigned i = 0; i < config->forward_count; i++) {
        const struct pc_forward *f = &config->forwards[i];
        if (f->udp) {
            pc->udp_forwards[i] = forward_udp_new(pc, f->local_port, f->board_port, error, error_size);
        } else {
            pc->forwards[i] = forward_new(pc, f->local_port, f->board_port, error, error_size);
        }
        if (pc->forwards[i] == NULL && pc->udp_forwards[i] == NULL) {
            return false;
        }
    }
    return config->control == NULL ||
           (pc->control = control_new(pc, config->control, config->program, error, error_size)) != NULL;
}

static void pc_wire(struct pc *pc)
{
    bus_init(&pc->bus, &pc->config.cable);
    pc->bus.context = pc;
    pc->bus.cut = bus_cut;
    usb_host_init(&pc->usb, &pc->bus);
    pc->usb.configured = usb_configured;
    pc->usb.gone = usb_gone;
    pc->usb.suspended = usb_suspended;
    pc->usb.log = pc_log_line;
    pc->usb.context = pc;
    ncm_host_init(&pc->ncm, &pc->bus, &pc->usb);
    pc->ncm.eager = pc->config.eager;
    pc->ncm.block_end = pc->config.block_end;
    pc->ncm.link = ncm_link;
    pc->ncm.receive = frame_received;
    pc->ncm.bound = ncm_bound;
    pc->ncm.log = pc_log_line;
    pc->ncm.context = pc;
    pc->replug = (struct bus_timer){.fire = replug_fire, .context = pc};
    pc->in_again = (struct bus_timer){.fire = in_again_fire, .context = pc};
}

struct pc *pc_new(const struct pc_config *config, char *error, size_t error_size)
{
    struct pc *pc = calloc(1, sizeof *pc);
    if (pc == NULL || config->forward_count > PC_FORWARDS_MAX) {
        snprintf(error, error_size, pc == NULL ? "out of memory" : "too many forwards");
        free(pc);
        return NULL;
    }
    pc->config = *config;
    pc->tap = -1;
    pc_pace_set(pc, config->pace);
    pc_wire(pc);
    pc->lwip_taken = lwip_sys_take(&pc->bus.now_ns, config->seed);
    if (!pc->lwip_taken) {
        snprintf(error, error_size, "a process has one PC at a time");
        pc_free(pc);
        return NULL;
    }
    netif_add(&pc->netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, pc, netif_begin, ethernet_input);
    netif_set_default(&pc->netif);
    netif_set_status_callback(&pc->netif, netif_changed);
    pc->netif_added = true;
    if (!pc_open_files(pc, error, error_size)) {
        pc_free(pc);
        return NULL;
    }
    pc->bus.monitor = pc->pcap != NULL ? bus_monitor : NULL;
    if (!config->unplugged) {
        usb_host_vbus(&pc->usb, true);
    }
    return pc;
}

static void pc_lwip_end(struct pc *pc)
{
    while (tcp_active_pcbs != NULL) {
        tcp_abort(tcp_active_pcbs);
    }
    while (tcp_tw_pcbs != NULL) {
        tcp_abort(tcp_tw_pcbs);
    }
    if (pc->netif_added) {
        netif_set_status_callback(&pc->netif, NULL);
        netif_address_end(pc);
        netif_remove(&pc->netif);
    }
    lwip_sys_release();
}

void pc_free(struct pc *pc)
{
    if (pc == NULL) {
        return;
    }
    pc->config.log = NULL;
    pc->config.lines = NULL;
    usb_host_vbus(&pc->usb, false);
    for (unsigned i = 0; i < PC_FORWARDS_MAX; i++) {
        if (pc->forwards[i] != NULL) {
            forward_free(pc->forwards[i]);
        }
        if (pc->udp_forwards[i] != NULL) {
            forward_udp_free(pc->udp_forwards[i]);
        }
    }
    if (pc->control != NULL) {
        control_free(pc->control);
    }
    if (pc->lwip_taken) {
        pc_lwip_end(pc);
    }
    if (pc->tap >= 0) {
        close(pc->tap);
    }
    pcap_close(pc->pcap);
    ncm_host_free(&pc->ncm);
    free(pc);
}

void pc_step(struct pc *pc)
{
    usb_host_frame(&pc->usb);
    for (unsigned i = 0; i < pc->config.forward_count; i++) {
        if (pc->udp_forwards[i] != NULL) {
            forward_udp_poll(pc->udp_forwards[i]);
        } else {
            forward_poll(pc->forwards[i]);
        }
    }
    if (pc->control != NULL) {
        control_poll(pc->control);
    }
    if (pc->tap >= 0) {
        tap_poll(pc);
    }
    bus_frame(&pc->bus);
    sys_check_timeouts();
    if (pc->pcap != NULL && pc->bus.frame_number % PCAP_FLUSH_MS == 0) {
        pcap_flush(pc->pcap);
    }
    if (pc->control != NULL) {
        control_frame_ended(pc->control);
    }
}

bool pc_run_until(struct pc *pc, bool (*condition)(void *context), void *context, uint32_t limit_ms)
{
    for (uint32_t i = 0; i < limit_ms; i++) {
        if (condition(context)) {
            return true;
        }
        pc_step(pc);
    }
    return condition(context);
}

void pc_run_ms(struct pc *pc, uint32_t ms)
{
    while (ms-- != 0) {
        pc_step(pc);
    }
}

/* Time stands still until the control socket says otherwise. */
static bool stands_still(const struct pc *pc)
{
    return pc->pace_now == PC_PACE_STOPPED && pc->control != NULL && !control_running(pc->control);
}

/* Wait until the next millisecond is due, or there is something to do; false: `stop_fd` is readable. */
static bool pc_wait(struct pc *pc, int stop_fd)
{
    bool still = stands_still(pc);
    struct timespec wait = {0, pc->pace_now == PC_PACE_REAL ? pace_wait_ns(&pc->pace, pc->bus.now_ns) : 0};
    struct pollfd polled[2] = {{.fd = stop_fd, .events = POLLIN},
                               {.fd = still ? control_fd(pc->control) : -1, .events = POLLIN}};
    return ppoll(polled, 2, still ? NULL : &wait, NULL) <= 0 || polled[0].revents == 0;
}

void pc_run(struct pc *pc, double seconds, int stop_fd, bool (*alive)(void *context), void *context)
{
    uint64_t end_ns = pc->bus.now_ns + (uint64_t)(seconds * 1e9);
    pc_pace_set(pc, pc->pace_now);
    while ((seconds <= 0 || pc->bus.now_ns < end_ns) && (alive == NULL || alive(context)) &&
           (pc->control == NULL || !control_over(pc->control)) && pc_wait(pc, stop_fd)) {
        if (stands_still(pc)) {
            control_poll(pc->control);
        } else {
            pc_step(pc);
        }
    }
}

enum pc_pace pc_pace(const struct pc *pc)
{
    return pc->pace_now;
}

void pc_pace_set(struct pc *pc, enum pc_pace pace)
{
    pc->pace_now = pace;
    pace_begin(&pc->pace, pc->bus.now_ns);
}

/* ---- Questions ---- */

uint64_t pc_time_ns(const struct pc *pc)
{
    return pc->bus.now_ns;
}

bool pc_is_configured(void *context)
{
    struct pc *pc = context;
    return pc->usb.state == USB_HOST_CONFIGURED;
}

bool pc_is_link_up(void *context)
{
    struct pc *pc = context;
    return pc->ncm.carrier;
}

bool pc_is_leased(void *context)
{
    struct pc *pc = context;
    return pc->times.leased != 0;
}

const struct pc_times *pc_times(const struct pc *pc)
{
    return &pc->times;
}

const struct bus_counters *pc_bus_counters(const struct pc *pc)
{
    return &pc->bus.counters;
}

const struct pc_net_counters *pc_net_counters(const struct pc *pc)
{
    return &pc->ncm.counters;
}

uint64_t pc_socket_events(const struct pc *pc)
{
    return pc->socket_events;
}

void pc_socket_event(struct pc *pc)
{
    pc->socket_events++;
}

const struct lines *pc_lines(const struct pc *pc)
{
    return pc->config.lines;
}

uint16_t pc_forward_port(const struct pc *pc, unsigned index)
{
    return index >= PC_FORWARDS_MAX          ? 0
           : pc->forwards[index] != NULL     ? forward_port(pc->forwards[index])
           : pc->udp_forwards[index] != NULL ? forward_udp_port(pc->udp_forwards[index])
                                             : 0;
}

static void address_put(const ip4_addr_t *from, uint8_t to[4])
{
    memcpy(to, &from->addr, 4);
}

bool pc_own_address(const struct pc *pc, uint8_t address[4])
{
    address_put(netif_ip4_addr(&pc->netif), address);
    return pc->times.leased != 0;
}

bool pc_board_address(const struct pc *pc, uint8_t address[4])
{
    if (pc->times.leased == 0) {
        memset(address, 0, 4);
        return false;
    }
    const struct dhcp *dhcp = netif_dhcp_data(&pc->netif);
    if (pc->config.board_address[0] != 0) {
        memcpy(address, pc->config.board_address, 4);
    } else if (dhcp != NULL) {
        address_put(ip_2_ip4(&dhcp->server_ip_addr), address);
    } else {
        ip4_addr_t first = {netif_ip4_addr(&pc->netif)->addr & netif_ip4_netmask(&pc->netif)->addr};
        first.addr = lwip_htonl(lwip_ntohl(first.addr) + 1);
        address_put(&first, address);
    }
    return true;
}

/* ---- Cable and fixture ---- */

void pc_plug(struct pc *pc, bool plugged)
{
    bus_timer_stop(&pc->bus, &pc->replug);
    usb_host_vbus(&pc->usb, plugged);
}

void pc_replug(struct pc *pc)
{
    pc_plug(pc, false);
    bus_timer_set(&pc->bus, &pc->replug, pc->bus.now_ns + REPLUG_MS * 1000000u);
}

void pc_suspend(struct pc *pc)
{
    usb_host_suspend(&pc->usb);
}

void pc_resume(struct pc *pc)
{
    usb_host_resume(&pc->usb);
}

void pc_bus_reset(struct pc *pc)
{
    usb_host_reset(&pc->usb);
}

void pc_bus_reset_after(struct pc *pc, uint32_t transactions)
{
    pc->bus.cut_after = transactions;
}

void pc_in_stop(struct pc *pc, uint32_t ms)
{
    uint8_t endpoint = pc->ncm.in.bEndpointAddress;
    bus_timer_stop(&pc->bus, &pc->in_again);
    pc->bus.pipes[(endpoint & 15u) * 2 + 1].paused = ms != 0;
    if (ms != 0) {
        bus_timer_set(&pc->bus, &pc->in_again, pc->bus.now_ns + (uint64_t)ms * 1000000);
    }
}

void pc_button(struct pc *pc, unsigned number, bool pressed)
{
    const struct fixture *f = &pc->config.fixture;
    if (f->ops != NULL && f->ops->button != NULL) {
        f->ops->button(f->board, number, pressed);
    }
}

uint32_t pc_leds(struct pc *pc)
{
    const struct fixture *f = &pc->config.fixture;
    return f->ops != NULL && f->ops->leds != NULL ? f->ops->leds(f->board) : 0;
}

void pc_board_reset(struct pc *pc)
{
    const struct fixture *f = &pc->config.fixture;
    if (f->ops != NULL && f->ops->reset != NULL) {
        f->ops->reset(f->board);
    }
}

void pc_board_power(struct pc *pc, bool on)
{
    const struct fixture *f = &pc->config.fixture;
    if (f->ops != NULL && f->ops->power != NULL) {
        f->ops->power(f->board, on);
    }
}

/* ---- Raw transfers ---- */

static enum urb_status pc_raw(struct pc *pc, struct urb *urb, uint32_t *actual)
{
    urb->address = pc->usb.address;
    bus_submit(&pc->bus, urb);
    for (uint32_t ms = 0; urb->status == URB_PENDING && ms < urb->timeout_ms + RAW_EXTRA_MS; ms++) {
        pc_step(pc);
    }
    bus_cancel(&pc->bus, urb);
    if (actual != NULL) {
        *actual = urb->actual;
    }
    return urb->status;
}

enum urb_status pc_control(struct pc *pc, const struct usb_setup *setup, uint8_t *data, uint32_t *actual)
{
    struct urb urb = {.type = USB_ENDPOINT_CONTROL,
                      .packet_size = pc->usb.ep0_packet_size != 0 ? pc->usb.ep0_packet_size : 64,
                      .data = data,
                      .length = setup->wLength,
                      .timeout_ms = BUS_CONTROL_TIMEOUT_MS};
    usb_setup_store(urb.setup, setup);
    return pc_raw(pc, &urb, actual);
}

enum urb_status pc_transfer(struct pc *pc, uint8_t endpoint, uint8_t *data, uint32_t length, bool zlp,
                            uint32_t timeout_ms, uint32_t *actual)
{
    struct urb urb = {.type = USB_ENDPOINT_BULK,
                      .endpoint = endpoint,
                      .packet_size = CABLE_PACKET_MAX,
                      .data = data,
                      .length = length,
                      .zlp = zlp,
                      .timeout_ms = timeout_ms};
    return pc_raw(pc, &urb, actual);
}

enum urb_status pc_bulk_out(struct pc *pc, const uint8_t *data, uint32_t length, bool zlp,
                            uint32_t timeout_ms)
{
    /* An OUT transfer's data is only read. */
    return pc_transfer(pc, pc->ncm.out.bEndpointAddress, (uint8_t *)(uintptr_t)data, length, zlp, timeout_ms,
                       NULL);
}

/* ---- Parts ---- */

struct bus *pc_bus(struct pc *pc)
{
    return &pc->bus;
}

struct usb_host *pc_usb(struct pc *pc)
{
    return &pc->usb;
}

struct ncm_host *pc_ncm(struct pc *pc)
{
    return &pc->ncm;
}

struct netif *pc_netif(struct pc *pc)
{
    return &pc->netif;
}
