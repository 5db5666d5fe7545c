/*
 * What USB/IP says to one client, and what it is answered. See usbip.h and server_private.h.
 */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "host/server_private.h"
#include "host/usbip.h"
#include "host/usbip_msg.h"
#include "wire/le.h"
#include "wire/usb_ch9.h"

enum connection_state {
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
#define BUS_NUMBER        1
#define NOTE_SHORT_NOT_OK 1u /* of a transfer */

/* What a connection keeps of USB/IP's. */
struct client {
    uint32_t submitted; /* seqnum of the last transfer */
    struct early_unlink early[EARLY_UNLINKS_MAX];
    uint32_t early_count;
};

/* ---- What a device is called and is ---- */

/* The alternate setting 0 of the interface that comes `at` that place, or NULL. */
static const struct usb_desc_setting *device_interface(const struct device *device, unsigned at)
{
    const struct usb_desc *desc = &device->usb.desc;
    for (unsigned i = 0; i < desc->setting_count; i++) {
        if (desc->settings[i].bAlternateSetting == 0 && at-- == 0) {
            return &desc->settings[i];
        }
    }
    return NULL;
}

/* Its bus ID is 1-(index + 1); so is its number on bus 1. */
static void device_describe(const struct device *device, struct usbip_device *out)
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

/* ---- Operations ---- */

static void connection_end(struct connection *c)
{
    c->ends = true;
    c->held = false;
    connection_enter(c, CONNECTION_ENDS, 0);
}

static void devlist_answer(struct connection *c)
{
    struct server *server = c->server;
    struct usbip_device device;
    uint32_t length = USBIP_OP_LENGTH + 4, count = 0;
    struct transfer *t =
        answer_new(c, length + SERVER_DEVICES_MAX * (USBIP_DEVICE_LENGTH + USB_DESC_SETTINGS_MAX * 4));
    if (t == NULL) {
        return;
    }
    for (unsigned i = 0; i < server->config.count; i++) {
        const struct usb_desc_setting *setting;
        if (!server_available(server, i)) {
            continue;
        }
        device_describe(&server->devices[i], &device);
        usbip_device_put(t->answer + length, &device);
        length += USBIP_DEVICE_LENGTH;
        for (unsigned n = 0; (setting = device_interface(&server->devices[i], n)) != NULL; n++) {
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
    connection_end(c);
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
        connection_end(c);
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
    c->server->stats.given++;
    server_log(c->server, "%s given out", device.busid);
    c->held = c->midway = false;
    connection_enter(c, CONNECTION_ATTACHED, USBIP_COMMAND_LENGTH);
}

static void busid_take(struct connection *c)
{
    struct server *server = c->server;
    struct usbip_device device;
    if (memchr(c->in, 0, USBIP_BUSID_LENGTH) == NULL) {
        connection_malformed(c, "a bus ID without end");
        return;
    }
    for (unsigned i = 0; i < server->config.count; i++) {
        device_describe(&server->devices[i], &device);
        if (strcmp(device.busid, (const char *)c->in) != 0) {
            continue;
        }
        if (server->devices[i].connection != NULL) {
            import_refuse(c, ST_DEV_BUSY);
            return;
        }
        c->device = &server->devices[i];
        c->device->connection = c;
        c->held = true;
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
        c->midway = true;
        connection_enter(c, CONNECTION_NAMES, USBIP_BUSID_LENGTH);
    } else {
        connection_malformed(c, "an operation that doesn't exist");
    }
}

/* ---- Transfers ---- */

static int32_t linux_status(const struct transfer *t)
{
    switch (t->urb.status) {
    case URB_OK:
        return t->note == NOTE_SHORT_NOT_OK && t->urb.actual < t->urb.length ? USBIP_EREMOTEIO : USBIP_OK;
    case URB_STALL:
    case URB_HALTED: return USBIP_EPIPE;
    case URB_OVERFLOW: return USBIP_EOVERFLOW;
    default: return USBIP_EPROTO;
    }
}

static void transfer_answer(struct transfer *t, int32_t status)
{
    uint32_t data = transfer_is_in(t) ? t->urb.actual : 0;
    usbip_ret_submit_put(t->answer, (uint32_t)t->id, status, t->urb.actual);
    answer_queue(t, USBIP_COMMAND_LENGTH + data);
}

static void transfer_completed(struct transfer *t)
{
    if (t->urb.status == URB_CANCELLED) { /* unlinked, or the device has gone */
        transfer_free(t);
    } else {
        transfer_answer(t, linux_status(t));
    }
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
    if (command->transfer_buffer_length > SERVER_TRANSFER_MAX) {
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
    c->server->stats.refused++;
    usbip_ret_submit_put(t->answer, command->seqnum, status, 0);
    answer_queue(t, USBIP_COMMAND_LENGTH);
    submit_skip(c, command);
}

/* Linux' vhci_hcd sends an unlink that is asked for at once before the transfer itself, if its thread is just between both
 * lists (6.1: vhci_tx_loop). Answered before the transfer came, it would not know what it has taken back. */
static bool unlink_is_early(const struct connection *c, const struct usbip_command *command)
{
    const struct client *client = c->own;
    return (int32_t)(command->unlink_seqnum - client->submitted) > 0 &&
           (int32_t)(command->seqnum - command->unlink_seqnum) > 0 && client->early_count < EARLY_UNLINKS_MAX;
}

/* True: the transfer was taken back before it came, and that is its answer. */
static bool submit_is_unlinked(struct connection *c, const struct usbip_command *command)
{
    struct client *client = c->own;
    for (uint32_t i = 0; i < client->early_count; i++) {
        if (client->early[i].victim != command->seqnum) {
            continue;
        }
        struct transfer *answer = answer_new(c, USBIP_COMMAND_LENGTH);
        if (answer != NULL) {
            usbip_ret_unlink_put(answer->answer, client->early[i].seqnum, USBIP_ECONNRESET);
            answer_queue(answer, USBIP_COMMAND_LENGTH);
        }
        client->early[i] = client->early[--client->early_count];
        submit_skip(c, command);
        return true;
    }
    return false;
}

static void submit_take(struct connection *c, const struct usbip_command *command)
{
    struct urb urb = {0};
    uint32_t data = (uint32_t)command->transfer_buffer_length;
    int32_t status, packets = iso_packets(c->device, command);
    if (command->transfer_buffer_length < 0 || packets < 0 || packets > USBIP_ISO_MAX ||
        transfer_pending(c, command->seqnum) != NULL) {
        connection_malformed(c, "a transfer that can't be");
        return;
    }
    c->server->stats.transfers++;
    ((struct client *)c->own)->submitted = command->seqnum;
    if (submit_is_unlinked(c, command)) {
        return;
    }
    status = urb_fill(&urb, c->device, command);
    if (status == USBIP_OK && !transfer_fits(c, USBIP_COMMAND_LENGTH + data)) {
        status = USBIP_ENOMEM;
    }
    struct transfer *t =
        status == USBIP_OK ? transfer_new(c, command->seqnum, USBIP_COMMAND_LENGTH, data) : NULL;
    if (t == NULL) {
        submit_refuse(c, command, status != USBIP_OK ? status : USBIP_ENOMEM);
        return;
    }
    t->urb = urb;
    if (command->direction == USBIP_DIR_IN && (command->transfer_flags & USBIP_SHORT_NOT_OK) != 0) {
        t->note = NOTE_SHORT_NOT_OK;
    }
    if (command->direction == USBIP_DIR_OUT && command->transfer_buffer_length > 0) {
        c->filling = t;
        c->filled = 0;
    } else {
        transfer_start(t);
    }
}

static void unlink_take(struct connection *c, const struct usbip_command *command)
{
    struct client *client = c->own;
    if (unlink_is_early(c, command)) {
        c->server->stats.cancels++;
        client->early[client->early_count++] = (struct early_unlink){command->seqnum, command->unlink_seqnum};
        return;
    }
    struct transfer *answer = answer_new(c, USBIP_COMMAND_LENGTH);
    if (answer == NULL) {
        return;
    }
    c->server->stats.cancels++;
    struct transfer *t = transfer_pending(c, command->unlink_seqnum);
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

/* ---- What the server calls ---- */

static void client_begin(struct connection *c)
{
    connection_enter(c, CONNECTION_ASKS, USBIP_OP_LENGTH);
}

static void client_taken(struct connection *c)
{
    switch (c->state) {
    case CONNECTION_ASKS: operation_take(c); break;
    case CONNECTION_NAMES: busid_take(c); break;
    case CONNECTION_ATTACHED: command_take(c); break;
    default: break;
    }
}

static void client_gone(struct connection *c)
{
    if (c->state == CONNECTION_ATTACHED) {
        server_log(c->server, "1-%u has gone away from its client", c->device->index + 1);
        c->device->connection = NULL;
        c->device = NULL;
        connection_close(c);
    }
}

/* A device that comes up, a client that says nothing. */
static void client_wait(struct connection *c)
{
    if (c->state == CONNECTION_WAITS && device_ready(c->device)) {
        import_answer(c);
    } else if (c->state == CONNECTION_WAITS && connection_late(c)) {
        import_refuse(c, ST_DEV_ERR);
    } else if (connection_late(c) && c->state != CONNECTION_ATTACHED) {
        c->server->stats.timeouts++;
        connection_close(c);
    }
}

static const struct server_protocol protocol = {
    .name = "usbip",
    .label = "1-",
    .transfers_max = USBIP_URBS_MAX,
    .own_size = sizeof(struct client),
    .begin = client_begin,
    .taken = client_taken,
    .completed = transfer_completed,
    .gone = client_gone,
    .wait = client_wait,
};

struct server *usbip_new(const struct server_config *config, char *error, size_t error_size)
{
    return server_new(&protocol, config, error, error_size);
}
