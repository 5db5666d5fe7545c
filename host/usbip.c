/*
 * The USB/IP server: devices, listening, life. See usbip.h.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* accept4, ppoll */
#include "host/usbip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/pace.h"
#include "host/usbip_private.h"
#include "wire/le.h"

#define BUS_NUMBER      1
#define BACKLOG         8
#define ADDRESS_SPACING 16 /* of USB addresses, so that a trace tells the boards apart */
#define PCAP_FLUSH_MS   1000
#define KEEPALIVE_S     10

void usbip_log(struct usbip *usbip, const char *format, ...)
{
    char line[512];
    va_list arguments;
    if (usbip->config.log == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    usbip->config.log(usbip->config.context, usbip_time_ns(usbip), line);
}

/* ---- Devices ---- */

bool device_ready(const struct device *device)
{
    return device->usb.state == USB_HOST_CONFIGURED;
}

const struct usb_desc_setting *device_interface(const struct device *device, unsigned at)
{
    const struct usb_desc *desc = &device->usb.desc;
    for (unsigned i = 0; i < desc->setting_count; i++) {
        if (desc->settings[i].bAlternateSetting == 0 && at-- == 0) {
            return &desc->settings[i];
        }
    }
    return NULL;
}

void device_describe(const struct device *device, struct usbip_device *out)
{
    const uint8_t *d = device->usb.device;
    *out = (struct usbip_device){
        .busnum = BUS_NUMBER,
        .devnum = device->index + 1,
        .speed = USBIP_SPEED_FULL,
        .idVendor = load_le16(d + 8),
        .idProduct = load_le16(d + 10),
        .bcdDevice = load_le16(d + 12),
        .bDeviceClass = d[4],
        .bDeviceSubClass = d[5],
        .bDeviceProtocol = d[6],
        .bConfigurationValue = device->usb.desc.bConfigurationValue,
        .bNumConfigurations = d[17],
    };
    snprintf(out->busid, sizeof out->busid, "%u-%u", BUS_NUMBER, device->index + 1);
    while (device_interface(device, out->bNumInterfaces) != NULL) {
        out->bNumInterfaces++;
    }
}

void device_give_back(struct device *device)
{
    device->connection = NULL;
    usb_host_vbus(&device->usb, false);
    bus_timer_set(&device->bus, &device->plug, device->bus.now_ns + USBIP_UNPLUGGED_MS * 1000000u);
}

static void device_plug(void *context)
{
    struct device *device = context;
    usb_host_vbus(&device->usb, true);
}

static void device_configured(void *context)
{
    (void)context;
}

static void device_gone(void *context)
{
    struct device *device = context;
    struct connection *c = device->connection;
    if (c != NULL && c->state == CONNECTION_ATTACHED) {
        device->connection = NULL;
        c->device = NULL;
        usbip_log(device->usbip, "1-%u has gone away from its client", device->index + 1);
        connection_close(c);
    }
}

static void device_suspended(void *context, bool suspended)
{
    (void)context;
    (void)suspended;
}

static void device_log(void *context, const char *line)
{
    struct device *device = context;
    usbip_log(device->usbip, "1-%u %s", device->index + 1, line);
}

static void device_monitor(void *context, const struct urb *urb, bool submit)
{
    struct device *device = context;
    pcap_urb(device->usbip->pcap, device->bus.now_ns, urb, submit);
}

static void device_begin(struct usbip *usbip, uint32_t index)
{
    struct device *device = &usbip->devices[index];
    device->usbip = usbip;
    device->index = index;
    bus_init(&device->bus, &usbip->config.cables[index]);
    device->bus.context = device;
    device->bus.monitor = usbip->pcap != NULL ? device_monitor : NULL;
    usb_host_init(&device->usb, &device->bus);
    device->usb.next_address = (uint8_t)(index * ADDRESS_SPACING);
    device->usb.configured = device_configured;
    device->usb.gone = device_gone;
    device->usb.suspended = device_suspended;
    device->usb.log = device_log;
    device->usb.context = device;
    device->plug = (struct bus_timer){.fire = device_plug, .context = device};
    usb_host_vbus(&device->usb, true);
}

/* ---- Listening ---- */

static bool listener_open(struct usbip *usbip, char *error, size_t error_size)
{
    const char *address = usbip->config.address != NULL ? usbip->config.address : "127.0.0.1";
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)usbip->config.port)};
    socklen_t length = sizeof name;
    int yes = 1;
    if (inet_pton(AF_INET, address, &name.sin_addr) != 1) {
        snprintf(error, error_size, "--usbip %s: not an IPv4 address", address);
        return false;
    }
    usbip->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(usbip->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (usbip->listener < 0 || bind(usbip->listener, (struct sockaddr *)&name, sizeof name) != 0 ||
        listen(usbip->listener, BACKLOG) != 0 ||
        getsockname(usbip->listener, (struct sockaddr *)&name, &length) != 0) {
        snprintf(error, error_size, "--usbip %s:%d: %s", address, usbip->config.port, strerror(errno));
        return false;
    }
    usbip->port = ntohs(name.sin_port);
    return true;
}

bool usbip_adopt(struct usbip *usbip, int fd)
{
    usbip->stats.connections++;
    for (unsigned i = 0; i < USBIP_CONNECTIONS_MAX; i++) {
        if (usbip->connections[i].state == CONNECTION_FREE) {
            connection_begin(&usbip->connections[i], usbip, fd);
            return true;
        }
    }
    usbip->stats.refused++;
    close(fd);
    return false;
}

static void listener_poll(struct usbip *usbip)
{
    int yes = 1, seconds = KEEPALIVE_S, fd;
    for (unsigned i = 0;
         i < BACKLOG && (fd = accept4(usbip->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0; i++) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        /* A machine that vanishes must not keep the board. */
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
        usbip_adopt(usbip, fd);
    }
}

static void sockets_poll(struct usbip *usbip)
{
    if (usbip->listener >= 0) {
        listener_poll(usbip);
    }
    for (unsigned i = 0; i < USBIP_CONNECTIONS_MAX; i++) {
        if (usbip->connections[i].state != CONNECTION_FREE) {
            connection_poll(&usbip->connections[i]);
        }
    }
}

/* ---- Life ---- */

struct usbip *usbip_new(const struct usbip_config *config, char *error, size_t error_size)
{
    struct usbip *usbip = calloc(1, sizeof *usbip);
    if (usbip == NULL || config->count == 0 || config->count > USBIP_DEVICES_MAX) {
        snprintf(error, error_size, usbip == NULL ? "out of memory" : "1 to %u boards can be given out",
                 USBIP_DEVICES_MAX);
        free(usbip);
        return NULL;
    }
    usbip->config = *config;
    usbip->listener = -1;
    if ((config->pcap != NULL && (usbip->pcap = pcap_open(config->pcap, error, error_size)) == NULL) ||
        (config->port >= 0 && !listener_open(usbip, error, error_size))) {
        usbip_free(usbip);
        return NULL;
    }
    for (uint32_t i = 0; i < config->count; i++) {
        device_begin(usbip, i);
    }
    usbip->config.cables = NULL; /* copied */
    return usbip;
}

void usbip_free(struct usbip *usbip)
{
    if (usbip == NULL) {
        return;
    }
    usbip->config.log = NULL;
    for (unsigned i = 0; i < USBIP_CONNECTIONS_MAX; i++) {
        if (usbip->connections[i].state != CONNECTION_FREE) {
            connection_close(&usbip->connections[i]);
        }
    }
    for (unsigned i = 0; i < usbip->config.count; i++) {
        if (usbip->devices[i].usbip != NULL) {
            usb_host_vbus(&usbip->devices[i].usb, false);
        }
    }
    if (usbip->listener >= 0) {
        close(usbip->listener);
    }
    pcap_close(usbip->pcap);
    free(usbip);
}

void usbip_step(struct usbip *usbip)
{
    sockets_poll(usbip);
    for (unsigned i = 0; i < usbip->config.count; i++) {
        usb_host_frame(&usbip->devices[i].usb);
        bus_frame(&usbip->devices[i].bus);
    }
    sockets_poll(usbip);
    if (usbip->pcap != NULL && usbip->devices[0].bus.frame_number % PCAP_FLUSH_MS == 0) {
        pcap_flush(usbip->pcap);
    }
}

/* Wait for the time of the next frame, and see to sockets meanwhile. False: stop_fd got readable. */
static bool frame_wait(struct usbip *usbip, struct pace *pace, int stop_fd)
{
    struct pollfd polled[USBIP_CONNECTIONS_MAX + 2];
    for (;;) {
        struct timespec wait = {0, pace_wait_ns(pace, usbip_time_ns(usbip))};
        nfds_t count = 0;
        polled[count++] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
        polled[count++] = (struct pollfd){.fd = usbip->listener, .events = POLLIN};
        for (unsigned i = 0; i < USBIP_CONNECTIONS_MAX; i++) {
            const struct connection *c = &usbip->connections[i];
            short events = (short)((connection_reads(c) ? POLLIN : 0) | (connection_writes(c) ? POLLOUT : 0));
            if (events != 0) {
                polled[count++] = (struct pollfd){.fd = c->fd, .events = events};
            }
        }
        int ready = ppoll(polled, count, &wait, NULL);
        if (ready > 0 && polled[0].revents != 0) {
            return false;
        }
        if (ready <= 0 || wait.tv_nsec == 0) {
            return true;
        }
        sockets_poll(usbip);
    }
}

void usbip_run(struct usbip *usbip, double seconds, int stop_fd, bool (*alive)(void *context), void *context)
{
    uint64_t end_ns = usbip_time_ns(usbip) + (uint64_t)(seconds * 1e9);
    struct pace pace;
    pace_begin(&pace, usbip_time_ns(usbip));
    while ((seconds <= 0 || usbip_time_ns(usbip) < end_ns) && (alive == NULL || alive(context)) &&
           frame_wait(usbip, &pace, stop_fd)) {
        usbip_step(usbip);
    }
}

uint16_t usbip_port(const struct usbip *usbip)
{
    return usbip->port;
}

const struct usbip_stats *usbip_stats(const struct usbip *usbip)
{
    return &usbip->stats;
}

uint64_t usbip_time_ns(const struct usbip *usbip)
{
    return usbip->devices[0].bus.now_ns;
}

bool usbip_available(const struct usbip *usbip, unsigned index)
{
    return index < usbip->config.count && device_ready(&usbip->devices[index]) &&
           usbip->devices[index].connection == NULL;
}
