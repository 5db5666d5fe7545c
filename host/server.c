/*
 * What gives boards out: devices, listening, life. See server.h.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* accept4, ppoll */
#include "host/server.h"

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
#include "host/server_private.h"

#define BACKLOG         8
#define ADDRESS_SPACING 16 /* of USB addresses, so that a trace tells the boards apart */
#define PCAP_FLUSH_MS   1000
#define KEEPALIVE_S     10

void server_log(struct server *server, const char *format, ...)
{
    char line[512];
    va_list arguments;
    if (server->config.log == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    server->config.log(server->config.context, server_time_ns(server), line);
}

/* ---- Devices ---- */

bool device_ready(const struct device *device)
{
    return device->usb.state == USB_HOST_CONFIGURED;
}

void device_give_back(struct device *device)
{
    device->connection = NULL;
    usb_host_vbus(&device->usb, false);
    bus_timer_set(&device->bus, &device->plug, device->bus.now_ns + SERVER_UNPLUGGED_MS * 1000000u);
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
    if (device->connection != NULL) {
        device->server->protocol->gone(device->connection);
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
    server_log(device->server, "%s%u %s", device->server->protocol->label, device->index + 1, line);
}

static void device_monitor(void *context, const struct urb *urb, bool submit)
{
    struct device *device = context;
    pcap_urb(device->server->pcap, device->bus.now_ns, urb, submit);
}

static void device_begin(struct server *server, uint32_t index)
{
    struct device *device = &server->devices[index];
    device->server = server;
    device->index = index;
    bus_init(&device->bus, &server->config.cables[index]);
    device->bus.context = device;
    device->bus.monitor = server->pcap != NULL ? device_monitor : NULL;
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

static bool listener_open(struct server *server, unsigned entry, char *error, size_t error_size)
{
    const char *address = server->config.address != NULL ? server->config.address : "127.0.0.1";
    int port = server->config.port != 0 ? server->config.port + (int)entry : 0;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t length = sizeof name;
    int yes = 1;
    if (inet_pton(AF_INET, address, &name.sin_addr) != 1) {
        snprintf(error, error_size, "--%s %s: not an IPv4 address", server->protocol->name, address);
        return false;
    }
    if (port > UINT16_MAX) {
        snprintf(error, error_size, "--%s %s:%d: no port is left for board %u", server->protocol->name,
                 address, server->config.port, entry + 1);
        return false;
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    server->listeners[entry] = listener;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (listener < 0 || bind(listener, (struct sockaddr *)&name, sizeof name) != 0 ||
        listen(listener, BACKLOG) != 0 || getsockname(listener, (struct sockaddr *)&name, &length) != 0) {
        snprintf(error, error_size, "--%s %s:%d: %s", server->protocol->name, address, port, strerror(errno));
        return false;
    }
    server->ports[entry] = ntohs(name.sin_port);
    return true;
}

static bool listeners_open(struct server *server, char *error, size_t error_size)
{
    unsigned count = server->config.port < 0 ? 0 : server->protocol->port_each ? server->config.count : 1;
    for (server->listener_count = 0; server->listener_count < count; server->listener_count++) {
        server->listeners[server->listener_count] = -1;
        if (!listener_open(server, server->listener_count, error, error_size)) {
            server->listener_count++; /* closed with the others */
            return false;
        }
    }
    return true;
}

bool server_adopt(struct server *server, unsigned index, int fd)
{
    server->stats.connections++;
    for (unsigned i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
        if (!server->connections[i].open) {
            connection_begin(&server->connections[i], server, index, fd);
            return true;
        }
    }
    server->stats.refused++;
    close(fd);
    return false;
}

static void listener_poll(struct server *server, unsigned entry)
{
    int yes = 1, seconds = KEEPALIVE_S, fd;
    for (unsigned i = 0; i < BACKLOG && (fd = accept4(server->listeners[entry], NULL, NULL,
                                                      SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;
         i++) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        /* A machine that vanishes must not keep the board. */
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
        server_adopt(server, entry, fd);
    }
}

static void sockets_poll(struct server *server)
{
    for (unsigned i = 0; i < server->listener_count; i++) {
        listener_poll(server, i);
    }
    for (unsigned i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
        if (server->connections[i].open) {
            connection_poll(&server->connections[i]);
        }
    }
}

/* ---- Life ---- */

struct server *server_new(const struct server_protocol *protocol, const struct server_config *config,
                          char *error, size_t error_size)
{
    struct server *server = calloc(1, sizeof *server);
    uint8_t *own = calloc(SERVER_CONNECTIONS_MAX, protocol->own_size);
    if (server == NULL || own == NULL || config->count == 0 || config->count > SERVER_DEVICES_MAX) {
        snprintf(error, error_size,
                 server == NULL || own == NULL ? "out of memory" : "1 to %u boards can be given out",
                 SERVER_DEVICES_MAX);
        free(server);
        free(own);
        return NULL;
    }
    server->config = *config;
    server->protocol = protocol;
    server->own = own;
    if ((config->pcap != NULL && (server->pcap = pcap_open(config->pcap, error, error_size)) == NULL) ||
        !listeners_open(server, error, error_size)) {
        server_free(server);
        return NULL;
    }
    for (uint32_t i = 0; i < config->count; i++) {
        device_begin(server, i);
    }
    server->config.cables = NULL; /* copied */
    return server;
}

void server_free(struct server *server)
{
    if (server == NULL) {
        return;
    }
    server->config.log = NULL;
    for (unsigned i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
        if (server->connections[i].open) {
            connection_close(&server->connections[i]);
        }
    }
    for (unsigned i = 0; i < server->config.count; i++) {
        if (server->devices[i].server != NULL) {
            usb_host_vbus(&server->devices[i].usb, false);
        }
    }
    for (unsigned i = 0; i < server->listener_count; i++) {
        if (server->listeners[i] >= 0) {
            close(server->listeners[i]);
        }
    }
    pcap_close(server->pcap);
    free(server->own);
    free(server);
}

void server_step(struct server *server)
{
    sockets_poll(server);
    for (unsigned i = 0; i < server->config.count; i++) {
        usb_host_frame(&server->devices[i].usb);
        bus_frame(&server->devices[i].bus);
    }
    sockets_poll(server);
    if (server->pcap != NULL && server->devices[0].bus.frame_number % PCAP_FLUSH_MS == 0) {
        pcap_flush(server->pcap);
    }
}

/* Wait for the time of the next frame, and see to sockets meanwhile. False: stop_fd got readable. */
static bool frame_wait(struct server *server, struct pace *pace, int stop_fd)
{
    struct pollfd polled[SERVER_CONNECTIONS_MAX + SERVER_DEVICES_MAX + 1];
    for (;;) {
        struct timespec wait = {0, pace_wait_ns(pace, server_time_ns(server))};
        nfds_t count = 0;
        polled[count++] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
        for (unsigned i = 0; i < server->listener_count; i++) {
            polled[count++] = (struct pollfd){.fd = server->listeners[i], .events = POLLIN};
        }
        for (unsigned i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
            const struct connection *c = &server->connections[i];
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
        sockets_poll(server);
    }
}

void server_run(struct server *server, double seconds, int stop_fd, bool (*alive)(void *context),
                void *context)
{
    uint64_t end_ns = server_time_ns(server) + (uint64_t)(seconds * 1e9);
    struct pace pace;
    pace_begin(&pace, server_time_ns(server));
    while ((seconds <= 0 || server_time_ns(server) < end_ns) && (alive == NULL || alive(context)) &&
           frame_wait(server, &pace, stop_fd)) {
        server_step(server);
    }
}

uint16_t server_port(const struct server *server, unsigned index)
{
    return server->ports[server->protocol->port_each ? index : 0];
}

const struct server_stats *server_stats(const struct server *server)
{
    return &server->stats;
}

uint64_t server_time_ns(const struct server *server)
{
    return server->devices[0].bus.now_ns;
}

bool server_available(const struct server *server, unsigned index)
{
    return index < server->config.count && device_ready(&server->devices[index]) &&
           server->devices[index].connection == NULL;
}
