/*
 * One client of a server, whatever is said: its bytes, and its transfers' memory. See server_private.h.
 *
 * Bytes are read into `in` (headers), into a transfer (OUT data) or nowhere (`skip`); a transfer's answer is built
 * in the memory that its data lies in. A transfer is in exactly one place: `filling`, `pending` or `answers`; so each
 * is answered once.
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/ncm_host.h"
#include "host/server_private.h"
#include "wire/usb_ch9.h"

#define READS_MAX   64   /* recv calls in one poll, so that no client keeps the others waiting */
#define ANSWERS_MAX 1024 /* beyond its transfers, that a client has not read: nothing more is read from it */

/* ---- Transfers' memory ---- */

struct transfer *transfer_new(struct connection *c, uint64_t id, uint32_t head, uint32_t data)
{
    struct transfer *t = calloc(1, sizeof *t + head + data);
    if (t != NULL) {
        t->connection = c;
        t->id = id;
        t->head = head;
        t->size = head + data;
        c->count++;
        c->bytes += t->size;
    }
    return t;
}

void transfer_free(struct transfer *t)
{
    t->connection->count--;
    t->connection->bytes -= t->size;
    free(t);
}

uint8_t *transfer_data(struct transfer *t)
{
    return t->answer + t->head;
}

bool transfer_fits(const struct connection *c, uint32_t bytes)
{
    return c->count < c->server->protocol->transfers_max && c->bytes <= SERVER_BYTES_MAX &&
           bytes <= SERVER_BYTES_MAX - c->bytes; /* answers may have gone beyond it */
}

void answer_queue(struct transfer *t, uint32_t length)
{
    struct connection *c = t->connection;
    t->length = length;
    t->next = NULL;
    *c->answers_end = t;
    c->answers_end = &t->next;
}

struct transfer *answer_new(struct connection *c, uint32_t size)
{
    struct transfer *t = transfer_new(c, 0, size, 0);
    if (t == NULL) {
        connection_close(c);
    }
    return t;
}

/* ---- Transfers on the bus ---- */

bool transfer_is_in(const struct transfer *t)
{
    return t->urb.type == USB_ENDPOINT_CONTROL ? (t->urb.setup[0] & USB_DIR_IN) != 0
                                               : (t->urb.endpoint & USB_DIR_IN) != 0;
}

struct seen {
    struct device *device;
    bool to_pc;
};

static void frame_seen(void *context, const uint8_t *frame, uint32_t length)
{
    const struct seen *seen = context;
    pcap_frame(seen->device->server->pcap, seen->device->bus.now_ns, seen->to_pc, frame, length);
}

/* Frames in an NTB, for the trace; other transfers have none. */
static void transfer_trace(struct device *device, const struct urb *urb)
{
    struct seen seen = {device, (urb->endpoint & USB_DIR_IN) != 0};
    int32_t sequence;
    if (device->server->pcap != NULL && urb->type == USB_ENDPOINT_BULK && urb->status == URB_OK) {
        ncm_block_read(urb->data, urb->actual, UINT16_MAX, &sequence, frame_seen, &seen);
    }
}

static void pending_remove(struct transfer *t)
{
    struct transfer **at = &t->connection->pending;
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    if (*at == NULL) {
        t->connection->pending_end = at;
    }
}

struct transfer *transfer_pending(const struct connection *c, uint64_t id)
{
    struct transfer *t = c->pending;
    while (t != NULL && t->id != id) {
        t = t->next;
    }
    return t;
}

static void transfer_complete(struct urb *urb)
{
    struct transfer *t = urb->context;
    struct connection *c = t->connection;
    pending_remove(t);
    if (c->closing) {
        transfer_free(t);
        return;
    }
    transfer_trace(c->device, urb);
    if (urb->type == USB_ENDPOINT_CONTROL && urb->status == URB_OK) {
        usb_host_followed(&c->device->usb, urb->setup);
    }
    c->server->protocol->completed(t);
}

void transfer_start(struct transfer *t)
{
    struct connection *c = t->connection;
    const uint8_t *setup = t->urb.setup;
    bool addresses = t->urb.type == USB_ENDPOINT_CONTROL && setup[0] == USB_RECIPIENT_DEVICE &&
                     setup[1] == USB_SET_ADDRESS;
    if (addresses || !device_ready(c->device)) {
        t->urb.status = addresses ? URB_OK : URB_CANCELLED;
        c->server->protocol->completed(t);
        return;
    }
    t->urb.address = c->device->usb.address;
    t->urb.data = transfer_data(t);
    t->urb.complete = transfer_complete;
    t->urb.context = t;
    t->next = NULL;
    *c->pending_end = t;
    c->pending_end = &t->next;
    bus_submit(&c->device->bus, &t->urb);
}

/* ---- Life of a connection ---- */

void connection_enter(struct connection *c, unsigned state, uint32_t in_wanted)
{
    c->state = state;
    c->since_ns = server_time_ns(c->server);
    c->in_length = 0;
    c->in_wanted = in_wanted;
}

bool connection_late(const struct connection *c)
{
    return server_time_ns(c->server) - c->since_ns > SERVER_REQUEST_MS_MAX * UINT64_C(1000000);
}

void connection_begin(struct connection *c, struct server *server, unsigned entry, int fd)
{
    size_t own_size = server->protocol->own_size;
    uint8_t *own = server->own + (size_t)(c - server->connections) * own_size;
    memset(own, 0, own_size);
    *c = (struct connection){.server = server, .open = true, .entry = entry, .fd = fd, .own = own};
    c->answers_end = &c->answers;
    c->pending_end = &c->pending;
    server->protocol->begin(c);
}

void connection_close(struct connection *c)
{
    struct device *device = c->device;
    c->closing = true;
    while (c->pending != NULL) {
        bus_cancel(&device->bus, &c->pending->urb); /* its completion takes it off the list */
    }
    if (c->filling != NULL) {
        transfer_free(c->filling);
    }
    for (struct transfer *t = c->answers, *next; t != NULL; t = next) {
        next = t->next;
        transfer_free(t);
    }
    c->answers = NULL;
    close(c->fd);
    c->open = false;
    if (device != NULL) {
        server_log(c->server, "%s%u given back", c->server->protocol->label, device->index + 1);
        device_give_back(device);
    }
}

void connection_malformed(struct connection *c, const char *why)
{
    c->server->stats.malformed++;
    server_log(c->server, "%s: %s; connection closed", c->server->protocol->name, why);
    connection_close(c);
}

/* ---- Bytes ---- */

bool connection_reads(const struct connection *c)
{
    return c->open && !c->held && !c->no_more && c->count <= c->server->protocol->transfers_max + ANSWERS_MAX;
}

bool connection_writes(const struct connection *c)
{
    return c->open && c->answers != NULL;
}

/* What was wanted has been read. */
static void connection_take(struct connection *c)
{
    struct transfer *t = c->filling;
    if (t != NULL) {
        c->filling = NULL;
        transfer_start(t);
    } else if (!c->ends) {
        c->server->protocol->taken(c);
    }
}

/* It has hung up. */
static void connection_ended(struct connection *c)
{
    if (c->midway || c->in_length != 0 || c->filling != NULL || c->skip != 0) {
        connection_malformed(c, "a message that ends too soon");
    } else {
        connection_close(c);
    }
}

/* One recv. False: nothing more now, or the connection has ended. */
static bool connection_read(struct connection *c)
{
    uint8_t nowhere[4096];
    uint8_t *to = c->in + c->in_length;
    size_t room = c->in_wanted - c->in_length;
    if (c->ends || c->skip != 0) {
        to = nowhere;
        room = c->skip != 0 && c->skip < sizeof nowhere ? c->skip : sizeof nowhere;
    } else if (c->filling != NULL) {
        to = transfer_data(c->filling) + c->filled;
        room = c->filling->size - c->filling->head - c->filled;
    }
    ssize_t got = recv(c->fd, to, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got == 0 && c->ends) {
        c->no_more = true; /* it may say so before it has read its answer */
        return false;
    }
    if (got <= 0) {
        connection_ended(c);
        return false;
    }
    if (to == nowhere) {
        c->skip -= c->skip != 0 ? (uint32_t)got : 0;
    } else if (c->filling != NULL) {
        c->filled += (uint32_t)got;
    } else {
        c->in_length += (uint32_t)got;
    }
    if (to != nowhere && (size_t)got == room) {
        connection_take(c);
    }
    return c->open;
}

/* False: the connection has ended. */
static bool connection_write(struct connection *c)
{
    while (c->answers != NULL) {
        struct transfer *t = c->answers;
        ssize_t sent = send(c->fd, t->answer + t->sent, t->length - t->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }
        if (sent < 0) {
            connection_close(c);
            return false;
        }
        t->sent += (uint32_t)sent;
        if (t->sent == t->length) {
            c->answers = t->next;
            c->answers_end = c->answers == NULL ? &c->answers : c->answers_end;
            transfer_free(t);
        }
    }
    return true;
}

void connection_poll(struct connection *c)
{
    c->server->protocol->wait(c);
    for (unsigned i = 0; i < READS_MAX && connection_reads(c); i++) {
        if (!connection_read(c)) {
            break;
        }
    }
    if (!c->open || !connection_write(c)) {
        return;
    }
    if (c->ends && c->answers == NULL) {
        connection_close(c);
    }
}
