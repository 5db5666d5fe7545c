/*
 * What the two files of the USB/IP server share; nobody else includes it.
 *
 *   usbip.c             devices, listening, life
 *   usbip_connection.c  one client: what it sends, what it is answered
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_USBIP_PRIVATE_H
#define PLUGNET_HOST_USBIP_PRIVATE_H

#include "host/bus.h"
#include "host/pcap.h"
#include "host/usb_host.h"
#include "host/usbip.h"
#include "host/usbip_msg.h"

struct connection;

struct device {
    struct usbip *usbip;
    struct bus bus;
    struct usb_host usb;
    struct bus_timer plug;         /* after a client has gone */
    struct connection *connection; /* who has it, or waits for it; NULL: nobody */
    uint32_t index;
};

/* A transfer, from its command to the last byte of its answer; or an answer alone. */
struct transfer {
    struct urb urb;
    struct transfer *next; /* in `pending`, then in `answers` */
    struct connection *connection;
    uint32_t seqnum;
    bool short_not_ok;
    uint32_t size;         /* bytes of `answer` */
    uint32_t length, sent; /* of the answer */
    uint8_t answer[];      /* header, then data */
};

enum connection_state {
    CONNECTION_FREE,
    CONNECTION_ASKS,     /* an operation's header is due … */
    CONNECTION_NAMES,    /* … then a bus ID */
    CONNECTION_WAITS,    /* for its device to be ready */
    CONNECTION_ATTACHED, /* commands */
    CONNECTION_ENDS,     /* closed when its answers are sent */
};

/* An unlink that has overtaken its transfer: both numbers. */
struct early_unlink {
    uint32_t seqnum, victim;
};

#define EARLY_UNLINKS_MAX 4

struct connection {
    struct usbip *usbip;
    enum connection_state state;
    int fd;
    uint64_t since_ns; /* of the state */
    struct device *device;
    uint8_t in[USBIP_COMMAND_LENGTH];
    uint32_t in_length, in_wanted;
    struct transfer *filling; /* its OUT data is being read … */
    uint32_t filled;          /* … so far */
    uint32_t skip;            /* bytes to be read and forgotten */
    bool no_more;             /* it has said all it will, and gets its answer */
    struct transfer *pending; /* on the bus */
    struct transfer *answers, **answers_end;
    uint32_t count, bytes; /* of transfers, all lists */
    uint32_t submitted;    /* seqnum of the last transfer */
    struct early_unlink early[EARLY_UNLINKS_MAX];
    uint32_t early_count;
};

struct usbip {
    struct usbip_config config;
    int listener;
    uint16_t port;
    struct pcap *pcap;
    struct device devices[USBIP_DEVICES_MAX];
    struct connection connections[USBIP_CONNECTIONS_MAX];
    struct usbip_stats stats;
};

void usbip_log(struct usbip *usbip, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The device's bus ID is 1-(index + 1); so is its number on bus 1. */
bool device_ready(const struct device *device);
void device_describe(const struct device *device, struct usbip_device *out);

/* The alternate setting 0 of the interface that comes `at` that place, or NULL. */
const struct usb_desc_setting *device_interface(const struct device *device, unsigned at);

/* Nobody has it any more: the cable is pulled for a moment. */
void device_give_back(struct device *device);

void connection_begin(struct connection *c, struct usbip *usbip, int fd);
void connection_close(struct connection *c);

/* Does it want to read, may it write? For poll. */
bool connection_reads(const struct connection *c);
bool connection_writes(const struct connection *c);

/* Read and write what can be, see to waiting and time limits. May close the connection. */
void connection_poll(struct connection *c);

#endif
