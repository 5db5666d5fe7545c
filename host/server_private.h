/*
 * What the files of the servers share; nobody else includes it.
 *
 *   server.c               devices, listening, life
 *   server_connection.c    one client's bytes and transfers' memory, whatever is said
 *   usbip.c                what USB/IP says
 *   usbredir.c             what usbredir says
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_SERVER_PRIVATE_H
#define PLUGNET_HOST_SERVER_PRIVATE_H

#include "host/bus.h"
#include "host/pcap.h"
#include "host/server.h"
#include "host/usb_host.h"

#define SERVER_IN_MAX 96 /* bytes of the longest header of any protocol */

struct connection;

struct device {
    struct server *server;
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
    uint64_t id;           /* the client's */
    uint32_t note;         /* the protocol's */
    uint32_t head;         /* bytes of `answer` before the data */
    uint32_t size;         /* bytes of `answer` */
    uint32_t length, sent; /* of the answer */
    uint8_t answer[];      /* header, then data */
};

/* One client. `own` is the protocol's, zeros at the beginning. */
struct connection {
    struct server *server;
    bool open, closing;
    unsigned state;    /* the protocol's */
    uint64_t since_ns; /* of the state */
    int fd;
    unsigned entry; /* whose port it came by */
    struct device *device;
    uint8_t in[SERVER_IN_MAX];
    uint32_t in_length, in_wanted;
    bool midway;              /* `in` is not the beginning of a message */
    bool held;                /* nothing is read for now */
    struct transfer *filling; /* its OUT data is being read … */
    uint32_t filled;          /* … so far */
    uint32_t skip;            /* bytes to be read and forgotten */
    bool ends;                /* closed when its answers are sent; what it still says is forgotten */
    bool no_more;             /* it has said all it will, and gets its answer */
    struct transfer *pending, **pending_end; /* on the bus, the oldest first */
    struct transfer *answers, **answers_end;
    uint32_t count, bytes; /* of transfers, all lists */
    void *own;
};

/* What a protocol does. All may close the connection. */
struct server_protocol {
    const char *name;       /* of its option, without dashes */
    const char *label;      /* before a board's number, in the log */
    bool port_each;         /* a port for each board, one after the other; else one for all */
    uint32_t transfers_max; /* of one connection: under way, or answers that it has not read */
    size_t own_size;

    void (*begin)(struct connection *c);   /* accepted */
    void (*taken)(struct connection *c);   /* `in_wanted` bytes are in `in` */
    void (*completed)(struct transfer *t); /* its URB has ended: answer it, or free it */
    void (*gone)(struct connection *c);    /* its device has; it was taken from it */
    void (*wait)(struct connection *c);    /* twice a step: what waits, and time limits */
};

struct server {
    struct server_config config;
    const struct server_protocol *protocol;
    int listeners[SERVER_DEVICES_MAX];
    uint16_t ports[SERVER_DEVICES_MAX];
    unsigned listener_count;
    struct pcap *pcap;
    struct device devices[SERVER_DEVICES_MAX];
    struct connection connections[SERVER_CONNECTIONS_MAX];
    uint8_t *own; /* of all connections */
    struct server_stats stats;
};

/* ---- server.c ---- */

/* NULL: no; `error` holds one line. `config` and the cables are copied, strings are not. */
struct server *server_new(const struct server_protocol *protocol, const struct server_config *config,
                          char *error, size_t error_size);

void server_log(struct server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool device_ready(const struct device *device);

/* Nobody has it any more: the cable is pulled for a moment. */
void device_give_back(struct device *device);

/* ---- server_connection.c ---- */

void connection_begin(struct connection *c, struct server *server, unsigned entry, int fd);
void connection_close(struct connection *c);

/* Count it, say so, close it. */
void connection_malformed(struct connection *c, const char *why);

/* A new state, whose first message has so many bytes. */
void connection_enter(struct connection *c, unsigned state, uint32_t in_wanted);

/* The state is older than SERVER_REQUEST_MS_MAX. */
bool connection_late(const struct connection *c);

/* Does it want to read, may it write? For poll. */
bool connection_reads(const struct connection *c);
bool connection_writes(const struct connection *c);

/* Read and write what can be, see to waiting and time limits. May close the connection. */
void connection_poll(struct connection *c);

/* A transfer with room for `head` bytes of header and `data` of data. NULL: no memory. */
struct transfer *transfer_new(struct connection *c, uint64_t id, uint32_t head, uint32_t data);
void transfer_free(struct transfer *t);
uint8_t *transfer_data(struct transfer *t);
bool transfer_is_in(const struct transfer *t);

/* True: one more transfer with so many bytes has room. */
bool transfer_fits(const struct connection *c, uint32_t bytes);

/* All of it is there: onto the bus. SET_ADDRESS completes at once: the device has an address, and what a client calls it
 * is the client's business. So does what finds its device gone meanwhile: cancelled. */
void transfer_start(struct transfer *t);

/* The transfer under way of that id; NULL: there is none. */
struct transfer *transfer_pending(const struct connection *c, uint64_t id);

/* An answer alone; NULL: no memory, and the connection has ended. */
struct transfer *answer_new(struct connection *c, uint32_t size);

/* The first `length` bytes of t->answer are to be sent; then it is freed. */
void answer_queue(struct transfer *t, uint32_t length);

#endif
