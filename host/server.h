/*
 * What gives boards out to other machines: devices on buses of their own, and who has them, by TCP.
 *
 *   usbip_new or usbredir_new ─→ server_run (paced, until a signal)            a program for people
 *                            └→ server_adopt, server_step …  ─→ server_free    a test
 *
 *   cable ── bus ── usb_host (reset, address, configuration) ── board 0 ──┐
 *   cable ── bus ── usb_host ────────────────────────────────── board 1 ──┴── TCP, one connection a board
 *
 * What is said there is the business of two protocols: usbip.h and usbredir.h. What both have in common: a client gets a
 * device that has just been plugged in, reset, addressed and configured; when it has gone, the cable is pulled for
 * 100 ms. A connection that breaks the protocol is closed, and no other; it is counted and logged. What a client can ask
 * for is bounded: transfers beyond the protocol's number or SERVER_BYTES_MAX are refused, and nothing more is read from
 * a client that doesn't read its answers. One thread; virtual time, one frame of all buses for each server_step.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_SERVER_H
#define PLUGNET_HOST_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cable/cable.h"

#define SERVER_DEVICES_MAX     8
#define SERVER_CONNECTIONS_MAX 16
#define SERVER_BYTES_MAX       4194304 /* of one connection's transfers, unread answers too */
#define SERVER_TRANSFER_MAX    1048576 /* bytes of one transfer; more is refused */
#define SERVER_REQUEST_MS_MAX  10000   /* for a client to say what it wants, and for a device to come up */
#define SERVER_UNPLUGGED_MS    100     /* after a client has gone */

struct server_config {
    const char *address; /* dotted IPv4; NULL: 127.0.0.1, since neither protocol asks who it is */
    int port;            /* 0: any free one, see server_port; negative: don't listen */
    const struct cable *cables;
    unsigned count;   /* 1 to SERVER_DEVICES_MAX */
    const char *pcap; /* trace of frames and USB, as pc's; NULL: none */
    void (*log)(void *context, uint64_t time_ns, const char *line); /* may be NULL */
    void *context;
};

/* They wrap. */
struct server_stats {
    uint32_t connections;
    uint32_t given;     /* boards given out */
    uint32_t transfers; /* asked for */
    uint32_t cancels;   /* asked for */
    uint32_t resets;    /* of a bus, asked for */
    uint32_t malformed; /* connections closed since they broke the protocol */
    uint32_t refused;   /* connections and transfers that found no room */
    uint32_t timeouts;  /* connections that said nothing in time */
};

struct server; /* from usbip_new, usbredir_new */

void server_free(struct server *server);

/* The port that board `index` is given out at; with USB/IP all have one. */
uint16_t server_port(const struct server *server, unsigned index);

/* Take a connected stream socket as if it had been accepted at board `index`'s port; it is ours from now on. False: no
 * room, closed. */
bool server_adopt(struct server *server, unsigned index, int fd);

/* Read what clients have sent, live one millisecond, answer. */
void server_step(struct server *server);

/* Step in real time until `seconds` of virtual time have passed (0: for ever), `stop_fd` gets readable (-1: none),
 * or alive(context) is false (NULL: always alive). */
void server_run(struct server *server, double seconds, int stop_fd, bool (*alive)(void *context),
                void *context);

const struct server_stats *server_stats(const struct server *server);
uint64_t server_time_ns(const struct server *server);

/* True while board `index` is configured and nobody has it. */
bool server_available(const struct server *server, unsigned index);

#endif
