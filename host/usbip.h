/*
 * The USB/IP server: a Linux machine (or its virtual one) gets the board by network, and its own drivers bind.
 *
 *   usbip_new ─→ usbip_run (paced, until a signal)          a program for people
 *            └→ usbip_adopt, usbip_step …  ─→ usbip_free    a test
 *
 *   cable ── bus ── usb_host (reset, address, configuration) ── port 1-1 ──┐
 *   cable ── bus ── usb_host ───────────────────────────────── port 1-2 ──┴── TCP, one connection a device
 *
 * USB/IP carries neither bus reset nor SET_ADDRESS; a client's host controller answers both itself. So a port gives
 * out a device that has just been plugged in, reset, addressed and configured, passes every request on but
 * SET_ADDRESS, and pulls the cable for 100 ms when the client has gone. When the device goes away (it was reset, or
 * went into its bootloader), the connection ends, as a client expects of an unplugged device; what comes up then is
 * given out again under the same bus ID.
 *
 * A connection that breaks the protocol is closed, and no other. What a client can ask for is bounded: transfers
 * beyond USBIP_URBS_MAX or USBIP_BYTES_MAX are refused with -ENOMEM, and nothing more is read from a client that
 * doesn't read its answers. One thread; virtual time, one frame of all buses for each usbip_step.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_USBIP_H
#define PLUGNET_HOST_USBIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cable/cable.h"

#define USBIP_PORT            3240 /* usual */
#define USBIP_DEVICES_MAX     8
#define USBIP_CONNECTIONS_MAX 16
#define USBIP_URBS_MAX        128     /* of one connection: under way, or answers that it has not read */
#define USBIP_BYTES_MAX       4194304 /* of their data */
#define USBIP_TRANSFER_MAX    1048576 /* bytes of one transfer; more: -EMSGSIZE */
#define USBIP_ISO_MAX         1024    /* descriptors of a refused isochronous transfer that are read over */
#define USBIP_REQUEST_MS_MAX  10000   /* for a client to say what it wants, and for a device to come up */
#define USBIP_UNPLUGGED_MS    100     /* after a client has gone */

struct usbip_config {
    const char *address; /* dotted IPv4 to listen on; NULL: 127.0.0.1, since USB/IP asks nobody who he is */
    int port;            /* 0: any free one, see usbip_port; negative: don't listen */
    const struct cable *cables;
    unsigned count;   /* 1 to USBIP_DEVICES_MAX; the first is 1-1 */
    const char *pcap; /* trace of frames and USB, as pc's; NULL: none */
    void (*log)(void *context, uint64_t time_ns, const char *line); /* may be NULL */
    void *context;
};

/* They wrap. */
struct usbip_stats {
    uint32_t connections, imports, submits, unlinks;
    uint32_t malformed; /* connections closed since they broke the protocol */
    uint32_t refused;   /* connections and transfers that found no room */
    uint32_t timeouts;  /* connections that asked for nothing in time */
};

struct usbip; /* from usbip_new */

/* NULL: no; `error` holds one line. `config` and the cables are copied, strings are not. */
struct usbip *usbip_new(const struct usbip_config *config, char *error, size_t error_size);
void usbip_free(struct usbip *usbip);

/* The port it listens on. */
uint16_t usbip_port(const struct usbip *usbip);

/* Take a connected stream socket as if it had been accepted; it is ours from now on. False: no room, closed. */
bool usbip_adopt(struct usbip *usbip, int fd);

/* Read what clients have sent, live one millisecond, answer. */
void usbip_step(struct usbip *usbip);

/* Step in real time until `seconds` of virtual time have passed (0: for ever), `stop_fd` gets readable (-1: none),
 * or alive(context) is false (NULL: always alive). */
void usbip_run(struct usbip *usbip, double seconds, int stop_fd, bool (*alive)(void *context), void *context);

const struct usbip_stats *usbip_stats(const struct usbip *usbip);
uint64_t usbip_time_ns(const struct usbip *usbip);

/* True while device `index` is configured and nobody has it. */
bool usbip_available(const struct usbip *usbip, unsigned index);

#endif
