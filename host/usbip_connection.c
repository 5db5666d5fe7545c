/*
 * One client of the USB/IP server: what it sends, what it is answered. See usbip.h and usbip_private.h.
 *
 * Bytes are read into `in` (headers), into a transfer (OUT data) or nowhere (`skip`); a transfer's answer is built
 * in the memory that its data lies in. An URB is in exactly one place: `filling`, `pending` or `answers`; so each
 * is answered once, by its return or by that of the unlink that took it back.
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/ncm_host.h"
#include "host/usbip_private.h"
#include "wire/le.h"
#include "wire/usb_ch9.h"

#define READS_MAX   64   /* recv calls in one poll, so that no client keeps the others waiting */
#define ANSWERS_MAX 1024 /* that a client has not read: nothing more is read from it */

/* ---- Transfers' memory ---- */

/* NULL: no memory, or too much for one client. */
static struct transfer *transfer_new(struct connection *c, uint32_t seqnum, uint32_t size)
{
    struct transfer *t = calloc(1, sizeof *t + size);
    if (t != NULL) {
        t->connection = c;
        t->seqnum = seqnum;
        t->size = size;
        c->count++;
        c->bytes += size;
    }
    return t;
}

static void transfer_free(struct transfer *t)
{
    t->connection->count--;
    t->connection->bytes -= t->size;
    free(t);
}

static uint8_t *transfer_data(struct transfer *t)
{
    return t->answer + USBIP_COMMAND_LENGTH;
}

static void answer_queue(struct transfer *t, uint32_t length)
{
    struct connection *c = t->connection;
    t->length = length;
    t->next = NULL;
    *c->answers_end = t;
    c->answers_end = &t->next;
}

/* An answer alone; NULL: no memory, and the connection has ended. */
static struct transfer *answer_new(struct connection *c, uint32_t size)
{
    struct transfer *t = transfer_new(c, 0, size);
    if (t == NULL) {
        connection_close(c);
    }
    return t;
}

/* ---- Life of a connection ---- */

static void connection_enter(struct connection *c, enum connection_state state, uint32_t in_wanted)
{
    c->state = state;
    c->since_ns = usbip_time_ns(c->usbip);
    c->in_length = 0;
    c->in_wanted = in_wanted;
}

void connection_begin(struct connection *c, struct usbip *usbip, int fd)
{
    *c = (struct connection){.usbip = usbip, .fd = fd};
    c->answers_end = &c->answers;
    connection_enter(c, CONNECTION_ASKS, USBIP_OP_LENGTH);
}

void connection_close(struct connection *c)
{
    struct device *device = c->device;
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
    close(c->fd);
    c->state = CONNECTION_FREE;
    if (device != NULL) {
        usbip_log(c->usbip, "1-%u given back", device->index + 1);
        device_give_back(device);
    }
}

static void connection_malformed(struct connection *c, const char *why)
{
    c->usbip->stats.malformed++;
    usbip_log(c->usbip, "usbip: %s; connection closed", why);
    connection_close(c);
}

/* ---- Operations ---- */

static void devlist_answer(struct connection *c)
{
    struct usbip *usbip = c->usbip;
    struct usbip_device device;
    uint32_t length = USBIP_OP_LENGTH + 4, count = 0;
    struct transfer *t =
        answer_new(c, length + USBIP_DEVICES_MAX * (USBIP_DEVICE_LENGTH + USB_DESC_SETTINGS_MAX * 4));
    if (t == NULL) {
        return;
    }
    for (unsigned i = 0; i < usbip->config.count; i++) {
        const struct usb_desc_setting *setting;
        if (!usbip_available(usbip, i)) {
            continue;
        }
        device_describe(&usbip->devices[i], &device);
        usbip_device_put(t->answer + length, &device);
        length += USBIP_DEVICE_LENGTH;
        for (unsigned n = 0; (setting = device_interface(&usbip->devices[i], n)) != NULL; n++) {
            const uint8_t interface[4] = {setting->bInterfaceClass, setting->bInterfaceSubClass,
                                          setting->bInterfaceProtocol, 0};
            memcpy(t->answer + length, interface, 4);
            length += 4;
        }
        count++;
    }
    usbip_op_put(t->answer, OP_REP_DEVLIST, ST_OK);
    usbip_u32_put(t->answer + USBIP_OP_LENGTH, count);
    answer_queue(t, length);
    connection_enter(c, CONNECTION_ENDS, 0);
}

static void import_refuse(struct connection *c, enum usbip_op_status status)
{
    struct transfer *t = answer_new(c, USBIP_OP_LENGTH);
    if (c->device != NULL) {
        c->device->connection = NULL;
        c->device = NULL;
    }
    if (t != NULL) {
        usbip_op_put(t->answer, OP_REP_IMPORT, status);
        answer_queue(t, USBIP_OP_LENGTH);
        connection_enter(c, CONNECTION_ENDS, 0);
    }
}

/* The device that was asked for is ready. */
static void import_answer(struct connection *c)
{
    struct usbip_device device;
    struct transfer *t = answer_new(c, USBIP_OP_LENGTH + USBIP_DEVICE_LENGTH);
    if (t == NULL) {
        return;
    }
    device_describe(c->device, &device);
    usbip_op_put(t->answer, OP_REP_IMPORT, ST_OK);
    usbip_device_put(t->answer + USBIP_OP_LENGTH, &device);
    answer_queue(t, USBIP_OP_LENGTH + USBIP_DEVICE_LENGTH);
    c->usbip->stats.imports++;
    usbip_log(c->usbip, "%s given out", device.busid);
    connection_enter(c, CONNECTION_ATTACHED, USBIP_COMMAND_LENGTH);
}

static void busid_take(struct connection *c)
{
    struct usbip *usbip = c->usbip;
    struct usbip_device device;
    if (memchr(c->in, 0, USBIP_BUSID_LENGTH) == NULL) {
        connection_malformed(c, "a bus ID without end");
        return;
    }
    for (unsigned i = 0; i < usbip->config.count; i++) {
        device_describe(&usbip->devices[i], &device);
        if (strcmp(device.busid, (const char *)c->in) != 0) {
            continue;
        }
        if (usbip->devices[i].connection != NULL) {
            import_refuse(c, ST_DEV_BUSY);
            return;
        }
        c->device = &usbip->devices[i];
        c->device->connection = c;
        connection_enter(c, CONNECTION_WAITS, 0);
        return;
    }
    import_refuse(c, ST_NODEV);
}

static void operation_take(struct connection *c)
{
    struct usbip_op op;
    usbip_op_read(&op, c->in);
    if (op.version != USBIP_VERSION) {
        connection_malformed(c, "a version that is not 1.1.1");
    } else if (op.code == OP_REQ_DEVLIST) {
        devlist_answer(c);
    } else if (op.code == OP_REQ_IMPORT) {
        connection_enter(c, CONNECTION_NAMES, USBIP_BUSID_LENGTH);
    } else {
        connection_malformed(c, "an operation that doesn't exist");
    }
}

/* ---- Transfers ---- */

static int32_t linux_status(const struct transfer *t)
{
    switch (t->urb.status) {
    case URB_OK: return t->short_not_ok && t->urb.actual < t->urb.length ? USBIP_EREMOTEIO : USBIP_OK;
    case URB_STALL:
    case URB_HALTED: return USBIP_EPIPE;
    case URB_OVERFLOW: return USBIP_EOVERFLOW;
    default: return USBIP_EPROTO;
    }
}

static bool transfer_is_in(const struct transfer *t)
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
    pcap_frame(seen->device->usbip->pcap, seen->device->bus.now_ns, seen->to_pc, frame, length);
}

/* Frames in an NTB, for the trace; other transfers have none. */
static void transfer_trace(struct device *device, const struct urb *urb)
{
    struct seen seen = {device, (urb->endpoint & USB_DIR_IN) != 0};
    int32_t sequence;
    if (device->usbip->pcap != NULL && urb->type == USB_ENDPOINT_BULK && urb->status == URB_OK) {
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
}

static void transfer_answer(struct transfer *t, int32_t status)
{
    uint32_t data = transfer_is_in(t) ? t->urb.actual : 0;
    usbip_ret_submit_put(t->answer, t->seqnum, status, t->urb.actual);
    answer_queue(t, USBIP_COMMAND_LENGTH + data);
}

static void transfer_complete(struct urb *urb)
{
    struct transfer *t = urb->context;
    struct device *device = t->connection->device;
    pending_remove(t);
    if (urb->status == URB_CANCELLED) { /* unlinked, or the device or the client has gone */
        transfer_free(t);
        return;
    }
    transfer_trace(device, urb);
    if (urb->type == USB_ENDPOINT_CONTROL && urb->status == URB_OK) {
        usb_host_followed(&device->usb, urb->setup);
    }
    transfer_answer(t, linux_status(t));
}

/* All of the command is there, with its data. */
static void transfer_start(struct transfer *t)
{
    struct connection *c = t->connection;
    const uint8_t *setup = t->urb.setup;
    if (t->urb.type == USB_ENDPOINT_CONTROL && setup[0] == USB_RECIPIENT_DEVICE &&
        setup[1] == USB_SET_ADDRESS) {
        transfer_answer(t,
                        USBIP_OK); /* it has an address; what the client calls it is the client's business */
        return;
    }
    t->urb.address = c->device->usb.address;
    t->urb.complete = transfer_complete;
    t->urb.context = t;
    t->next = c->pending;
    c->pending = t;
    bus_submit(&c->device->bus, &t->urb);
}

/* ---- Commands ---- */

/* The endpoint that a command names; NULL: endpoint 0, or the device has none of that address. */
static const struct usb_desc_endpoint *command_endpoint(const struct device *device,
                                                        const struct usbip_command *command)
{
    uint8_t direction = command->direction == USBIP_DIR_IN ? USB_DIR_IN : 0;
    return command->ep == 0 ? NULL
                            : usb_desc_endpoint_at(&device->usb.desc, (uint8_t)command->ep | direction);
}

/* How many descriptors follow an isochronous transfer. The field means nothing in any other one, and clients leave
 * there what was in their memory. */
static int32_t iso_packets(const struct device *device, const struct usbip_command *command)
{
    const struct usb_desc_endpoint *endpoint = command_endpoint(device, command);
    bool iso = endpoint != NULL && (endpoint->bmAttributes & 3u) == USB_ENDPOINT_ISOCHRONOUS;
    return iso ? command->number_of_packets : 0;
}

/* Why a control transfer is none; 0: it is one. */
static int32_t control_fill(struct urb *urb, const struct device *device, const struct usbip_command *command)
{
    bool in = (command->setup[0] & USB_DIR_IN) != 0;
    uint16_t wLength = load_le16(command->setup + 6);
    if ((wLength != 0 && in != (command->direction == USBIP_DIR_IN)) ||
        command->transfer_buffer_length < (int32_t)wLength) {
        return USBIP_EINVAL;
    }
    urb->type = USB_ENDPOINT_CONTROL;
    urb->packet_size = device->usb.ep0_packet_size;
    urb->length = wLength;
    memcpy(urb->setup, command->setup, sizeof urb->setup);
    return USBIP_OK;
}

/* The fields that a transfer has by its type; all others are ignored, whatever is in them: see usbip_msg.h. */
static int32_t urb_fill(struct urb *urb, const struct device *device, const struct usbip_command *command)
{
    const struct usb_desc_endpoint *endpoint = command_endpoint(device, command);
    if (command->transfer_buffer_length > USBIP_TRANSFER_MAX) {
        return USBIP_EMSGSIZE;
    }
    if (command->ep == 0) {
        return control_fill(urb, device, command);
    }
    if (endpoint == NULL) {
        return USBIP_ENOENT;
    }
    urb->endpoint = endpoint->bEndpointAddress;
    urb->type = endpoint->bmAttributes & 3u;
    urb->packet_size = endpoint->wMaxPacketSize;
    urb->interval_ms = endpoint->bInterval;
    urb->length = (uint32_t)command->transfer_buffer_length;
    urb->zlp = urb->type == USB_ENDPOINT_BULK && command->direction == USBIP_DIR_OUT &&
               (command->transfer_flags & USBIP_ZERO_PACKET) != 0;
    bool known = urb->type == USB_ENDPOINT_BULK || urb->type == USB_ENDPOINT_INTERRUPT;
    return known && urb->packet_size > 0 && urb->packet_size <= CABLE_PACKET_MAX ? USBIP_OK : USBIP_EINVAL;
}

static bool seqnum_pending(const struct connection *c, uint32_t seqnum)
{
    for (const struct transfer *t = c->pending; t != NULL; t = t->next) {
        if (t->seqnum == seqnum) {
            return true;
        }
    }
    return false;
}

/* Read on behind a transfer that is not begun. */
static void submit_skip(struct connection *c, const struct usbip_command *command)
{
    c->skip = command->direction == USBIP_DIR_OUT ? (uint32_t)command->transfer_buffer_length : 0;
    c->skip += (uint32_t)iso_packets(c->device, command) * USBIP_ISO_LENGTH;
}

static void submit_refuse(struct connection *c, const struct usbip_command *command, int32_t status)
{
    struct transfer *t = answer_new(c, USBIP_COMMAND_LENGTH);
    if (t == NULL) {
        return;
    }
    c->usbip->stats.refused++;
    usbip_ret_submit_put(t->answer, command->seqnum, status, 0);
    answer_queue(t, USBIP_COMMAND_LENGTH);
    submit_skip(c, command);
}

/* Linux' vhci_hcd sends an unlink that is asked for at once before the transfer itself, if its thread is just between both
 * lists (6.1: vhci_tx_loop). Answered before the transfer came, it would not know what it has taken back. */
static bool unlink_is_early(const struct connection *c, const struct usbip_command *command)
{
    return (int32_t)(command->unlink_seqnum - c->submitted) > 0 &&
           (int32_t)(command->seqnum - command->unlink_seqnum) > 0 && c->early_count < EARLY_UNLINKS_MAX;
}

/* True: the transfer was taken back before it came, and that is its answer. */
static bool submit_is_unlinked(struct connection *c, const struct usbip_command *command)
{
    for (uint32_t i = 0; i < c->early_count; i++) {
        if (c->early[i].victim != command->seqnum) {
            continue;
        }
        struct transfer *answer = answer_new(c, USBIP_COMMAND_LENGTH);
        if (answer != NULL) {
            usbip_ret_unlink_put(answer->answer, c->early[i].seqnum, USBIP_ECONNRESET);
            answer_queue(answer, USBIP_COMMAND_LENGTH);
        }
        c->early[i] = c->early[--c->early_count];
        submit_skip(c, command);
        return true;
    }
    return false;
}

static void submit_take(struct connection *c, const struct usbip_command *command)
{
    struct urb urb = {0};
    uint32_t size = USBIP_COMMAND_LENGTH;
    int32_t status, packets = iso_packets(c->device, command);
    if (command->transfer_buffer_length < 0 || packets < 0 || packets > USBIP_ISO_MAX ||
        seqnum_pending(c, command->seqnum)) {
        connection_malformed(c, "a transfer that can't be");
        return;
    }
    c->usbip->stats.submits++;
    c->submitted = command->seqnum;
    if (submit_is_unlinked(c, command)) {
        return;
    }
    status = urb_fill(&urb, c->device, command);
    size += (uint32_t)command->transfer_buffer_length;
    if (status == USBIP_OK && (c->count >= USBIP_URBS_MAX || c->bytes + size > USBIP_BYTES_MAX)) {
        status = USBIP_ENOMEM;
    }
    struct transfer *t = status == USBIP_OK ? transfer_new(c, command->seqnum, size) : NULL;
    if (t == NULL) {
        submit_refuse(c, command, status != USBIP_OK ? status : USBIP_ENOMEM);
        return;
    }
    t->urb = urb;
    t->urb.data = transfer_data(t);
    t->short_not_ok =
        command->direction == USBIP_DIR_IN && (command->transfer_flags & USBIP_SHORT_NOT_OK) != 0;
    if (command->direction == USBIP_DIR_OUT && command->transfer_buffer_length > 0) {
        c->filling = t;
        c->filled = 0;
    } else {
        transfer_start(t);
    }
}

static void unlink_take(struct connection *c, const struct usbip_command *command)
{
    if (unlink_is_early(c, command)) {
        c->usbip->stats.unlinks++;
        c->early[c->early_count++] = (struct early_unlink){command->seqnum, command->unlink_seqnum};
        return;
    }
    struct transfer *answer = answer_new(c, USBIP_COMMAND_LENGTH), *t;
    if (answer == NULL) {
        return;
    }
    c->usbip->stats.unlinks++;
    for (t = c->pending; t != NULL && t->seqnum != command->unlink_seqnum; t = t->next) {
    }
    usbip_ret_unlink_put(answer->answer, command->seqnum, t != NULL ? USBIP_ECONNRESET : USBIP_OK);
    if (t != NULL) {
        bus_cancel(&c->device->bus, &t->urb);
    }
    answer_queue(answer, USBIP_COMMAND_LENGTH);
}

static void command_take(struct connection *c)
{
    struct usbip_command command;
    usbip_command_read(&command, c->in);
    c->in_length = 0;
    if (command.devid != (1u << 16 | (c->device->index + 1))) {
        connection_malformed(c, "a command for no such device");
    } else if (command.command == USBIP_CMD_SUBMIT && (command.direction > USBIP_DIR_IN || command.ep > 15)) {
        connection_malformed(c, "a transfer for no such endpoint");
    } else if (command.command == USBIP_CMD_SUBMIT) {
        submit_take(c, &command);
    } else if (command.command == USBIP_CMD_UNLINK) {
        unlink_take(c, &command);
    } else {
        connection_malformed(c, "a command that doesn't exist");
    }
}

/* ---- Bytes ---- */

bool connection_reads(const struct connection *c)
{
    return c->state != CONNECTION_FREE && c->state != CONNECTION_WAITS && !c->no_more &&
           c->count <= ANSWERS_MAX;
}

bool connection_writes(const struct connection *c)
{
    return c->state != CONNECTION_FREE && c->answers != NULL;
}

/* What was wanted has been read. */
static void connection_take(struct connection *c)
{
    struct transfer *t = c->filling;
    if (t != NULL) {
        c->filling = NULL;
        transfer_start(t);
        return;
    }
    switch (c->state) {
    case CONNECTION_ASKS: operation_take(c); break;
    case CONNECTION_NAMES: busid_take(c); break;
    case CONNECTION_ATTACHED: command_take(c); break;
    default: break;
    }
}

/* One recv. False: nothing more now, or the connection has ended. */
static bool connection_read(struct connection *c)
{
    uint8_t nowhere[4096];
    uint8_t *to = c->in + c->in_length;
    size_t room = c->in_wanted - c->in_length;
    if (c->state == CONNECTION_ENDS || c->skip != 0) {
        to = nowhere;
        room = c->skip != 0 && c->skip < sizeof nowhere ? c->skip : sizeof nowhere;
    } else if (c->filling != NULL) {
        to = transfer_data(c->filling) + c->filled;
        room = c->filling->size - USBIP_COMMAND_LENGTH - c->filled;
    }
    ssize_t got = recv(c->fd, to, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got == 0 && c->state == CONNECTION_ENDS) {
        c->no_more = true; /* it may say so before it has read its answer */
        return false;
    }
    if (got <= 0) {
        c->usbip->stats.malformed +=
            c->state == CONNECTION_NAMES || c->in_length != 0 || c->filling != NULL || c->skip != 0;
        connection_close(c);
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
    return c->state != CONNECTION_FREE;
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

/* A device that comes up, a client that says nothing. */
static void connection_wait(struct connection *c)
{
    bool late = usbip_time_ns(c->usbip) - c->since_ns > USBIP_REQUEST_MS_MAX * UINT64_C(1000000);
    if (c->state == CONNECTION_WAITS && device_ready(c->device)) {
        import_answer(c);
    } else if (c->state == CONNECTION_WAITS && late) {
        import_refuse(c, ST_DEV_ERR);
    } else if (late && c->state != CONNECTION_ATTACHED) {
        c->usbip->stats.timeouts++;
        connection_close(c);
    }
}

void connection_poll(struct connection *c)
{
    connection_wait(c);
    for (unsigned i = 0; i < READS_MAX && connection_reads(c); i++) {
        if (!connection_read(c)) {
            break;
        }
    }
    if (c->state == CONNECTION_FREE || !connection_write(c)) {
        return;
    }
    if (c->state == CONNECTION_ENDS && c->answers == NULL) {
        connection_close(c);
    }
}
