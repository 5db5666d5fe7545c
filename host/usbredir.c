/*
 * What usbredir says to one guest, and what it is answered. See usbredir.h and server_private.h.
 *
 *   GREETS ─ hello ─→ ASKS ─ nobody has the board ─→ WAITS ─ it is ready: endpoints, interfaces, connect ─→ ATTACHED
 *                                                      └───── device_disconnect, and the guest's word for it ─────┘
 *
 * What changes the device's configuration is done before anything else is read, as the protocol wants it; so is a reset.
 */
/* SPDX-License-Identifier: MIT */
#include "host/usbredir.h"

#include <string.h>

#include "host/server_private.h"
#include "host/usbredir_msg.h"
#include "wire/usb_ch9.h"

#define OFFERED                                                                                              \
    (USBREDIR_CAP_CONNECT_DEVICE_VERSION | USBREDIR_CAP_FILTER | USBREDIR_CAP_DEVICE_DISCONNECT_ACK |        \
     USBREDIR_CAP_EP_INFO_MAX_PACKET_SIZE | USBREDIR_CAP_64BITS_IDS | USBREDIR_CAP_32BITS_BULK_LENGTH)
#define INPUTS            16  /* endpoint numbers */
#define INPUT_ANSWERS_MAX 256 /* beyond its transfers, unread: then no interrupt packets come for now */
#define STATUS_LENGTH_MAX 3   /* own header of an answer to a request about the configuration */
#define STATUS_DATA       1   /* byte of GET_CONFIGURATION, GET_INTERFACE */
#define BUSY_NS_MAX       100000000u

enum client_state {
    CLIENT_GREETS, /* its hello is due */
    CLIENT_ASKS,   /* its board is another's, maybe for a moment only: that one's end has not been read yet */
    CLIENT_WAITS,  /* for its device to be ready */
    CLIENT_ATTACHED, /* it knows of its device */
};

/* Interrupt receiving on an endpoint. */
struct input {
    bool on, under_way;
    uint64_t next_id;
};

struct client {
    uint32_t caps; /* of both sides */
    struct usbredir_header message;
    bool own_header;    /* of `message` is due */
    bool disconnecting; /* the guest hasn't yet seen that its device has gone */
    bool resetting;
    uint8_t configuration, alternates[USBREDIR_INTERFACES]; /* in force, by bInterfaceNumber */
    struct input inputs[INPUTS];
};

/* In the middle of a message, too: what was read of it stays. */
static void state_enter(struct connection *c, enum client_state state)
{
    c->state = state;
    c->since_ns = server_time_ns(c->server);
}

/* ---- Answers ---- */

/* The connection may have ended behind it, for want of memory. */
static void message_send(struct connection *c, uint32_t type, const uint8_t *bytes, uint32_t length,
                         uint64_t id)
{
    const struct client *client = c->own;
    uint32_t head = usbredir_header_length(client->caps);
    struct transfer *t = answer_new(c, head + length);
    if (t != NULL) {
        usbredir_header_put(t->answer, client->caps, type, length, id);
        if (length != 0) {
            memcpy(t->answer + head, bytes, length);
        }
        answer_queue(t, head + length);
    }
}

static enum usbredir_status status_of(enum urb_status status)
{
    switch (status) {
    case URB_OK: return USBREDIR_SUCCESS;
    case URB_STALL:
    case URB_HALTED: return USBREDIR_STALL;
    case URB_CANCELLED: return USBREDIR_CANCELLED;
    case URB_TIMEOUT: return USBREDIR_TIMEOUT;
    case URB_OVERFLOW: return USBREDIR_BABBLE;
    default: return USBREDIR_IOERROR;
    }
}

/* ---- What the guest is told of the device ---- */

static bool setting_in_force(const struct client *client, const struct usb_desc *desc,
                             const struct usb_desc_setting *setting)
{
    return client->configuration == desc->bConfigurationValue &&
           setting->bInterfaceNumber < USBREDIR_INTERFACES &&
           client->alternates[setting->bInterfaceNumber] == setting->bAlternateSetting;
}

static void endpoints_fill(struct usbredir_endpoint endpoints[USBREDIR_ENDPOINTS], const struct connection *c)
{
    const struct usb_desc *desc = &c->device->usb.desc;
    for (unsigned i = 0; i < USBREDIR_ENDPOINTS; i++) {
        endpoints[i] = (struct usbredir_endpoint){.type = USBREDIR_TYPE_INVALID};
    }
    endpoints[0] = endpoints[16] = (struct usbredir_endpoint){
        .type = USB_ENDPOINT_CONTROL, .max_packet_size = c->device->usb.ep0_packet_size};
    for (unsigned i = 0; i < desc->setting_count; i++) {
        const struct usb_desc_setting *setting = &desc->settings[i];
        for (unsigned n = 0; setting_in_force(c->own, desc, setting) && n < setting->endpoint_count; n++) {
            const struct usb_desc_endpoint *endpoint = &setting->endpoints[n];
            endpoints[usbredir_endpoint_index(endpoint->bEndpointAddress)] = (struct usbredir_endpoint){
                .type = endpoint->bmAttributes & 3u,
                .interval = endpoint->bInterval != 0 ? endpoint->bInterval : 1,
                .interface = setting->bInterfaceNumber,
                .max_packet_size = endpoint->wMaxPacketSize,
            };
        }
    }
}

static uint32_t interfaces_fill(struct usbredir_interface interfaces[USBREDIR_INTERFACES],
                                const struct connection *c)
{
    const struct usb_desc *desc = &c->device->usb.desc;
    uint32_t count = 0;
    for (unsigned i = 0; i < desc->setting_count && count < USBREDIR_INTERFACES; i++) {
        const struct usb_desc_setting *setting = &desc->settings[i];
        if (setting_in_force(c->own, desc, setting)) {
            interfaces[count++] =
                (struct usbredir_interface){setting->bInterfaceNumber, setting->bInterfaceClass,
                                            setting->bInterfaceSubClass, setting->bInterfaceProtocol};
        }
    }
    return count;
}

/* Endpoints first, then interfaces. False: the connection has ended. */
static bool info_send(struct connection *c)
{
    const struct client *client = c->own;
    struct usbredir_endpoint endpoints[USBREDIR_ENDPOINTS];
    struct usbredir_interface interfaces[USBREDIR_INTERFACES];
    uint8_t bytes[USBREDIR_EP_INFO_MAX];
    endpoints_fill(endpoints, c);
    message_send(c, USBREDIR_EP_INFO, bytes, usbredir_ep_info_put(bytes, endpoints, client->caps), 0);
    if (c->open) {
        uint32_t count = interfaces_fill(interfaces, c);
        message_send(c, USBREDIR_INTERFACE_INFO, bytes, usbredir_interface_info_put(bytes, interfaces, count),
                     0);
    }
    return c->open;
}

/* The device is as it is after enumeration. */
static void device_connect(struct connection *c)
{
    struct client *client = c->own;
    uint8_t bytes[USBREDIR_CONNECT_MAX];
    client->configuration = c->device->usb.desc.bConfigurationValue;
    memset(client->alternates, 0, sizeof client->alternates);
    c->state = CLIENT_ATTACHED;
    c->server->stats.given++;
    server_log(c->server, "board %u given to a guest", c->device->index + 1);
    if (info_send(c)) {
        uint32_t length = usbredir_connect_put(bytes, c->device->usb.device, client->caps);
        message_send(c, USBREDIR_DEVICE_CONNECT, bytes, length, 0);
    }
}

/* ---- Interrupt receiving ---- */

static void input_status_send(struct connection *c, uint8_t endpoint, enum usbredir_status status,
                              uint64_t id)
{
    const uint8_t bytes[] = {(uint8_t)status, endpoint};
    message_send(c, USBREDIR_INTERRUPT_RECEIVING_STATUS, bytes, sizeof bytes, id);
}

/* The input endpoint that a guest names; NULL: there is none that can be served. */
static const struct usb_desc_endpoint *input_endpoint(const struct connection *c, uint8_t address)
{
    const struct usb_desc_endpoint *endpoint =
        c->state == CLIENT_ATTACHED ? usb_desc_endpoint_at(&c->device->usb.desc, address) : NULL;
    bool good = endpoint != NULL && (address & USB_DIR_IN) != 0 &&
                (endpoint->bmAttributes & 3u) == USB_ENDPOINT_INTERRUPT && endpoint->wMaxPacketSize > 0 &&
                endpoint->wMaxPacketSize <= CABLE_PACKET_MAX;
    return good ? endpoint : NULL;
}

/* Ask for the next packet. */
static void input_ask(struct connection *c, uint8_t number)
{
    const struct client *client = c->own;
    const struct usb_desc_endpoint *endpoint = input_endpoint(c, number | USB_DIR_IN);
    uint32_t head =
        usbredir_header_length(client->caps) + usbredir_packet_length(USBREDIR_INTERRUPT_PACKET, 0);
    struct transfer *t = transfer_new(c, 0, head, endpoint->wMaxPacketSize);
    if (t == NULL) {
        return; /* at the next step */
    }
    t->note = USBREDIR_START_INTERRUPT_RECEIVING;
    t->urb.endpoint = endpoint->bEndpointAddress;
    t->urb.type = USB_ENDPOINT_INTERRUPT;
    t->urb.packet_size = endpoint->wMaxPacketSize;
    t->urb.interval_ms = endpoint->bInterval;
    t->urb.length = endpoint->wMaxPacketSize;
    ((struct client *)c->own)->inputs[number].under_way = true;
    transfer_start(t);
}

static void input_completed(struct transfer *t)
{
    struct connection *c = t->connection;
    struct client *client = c->own;
    struct input *input = &client->inputs[t->urb.endpoint & 15u];
    uint8_t address = t->urb.endpoint;
    input->under_way = false;
    if (input->on && t->urb.status == URB_OK) {
        const struct usbredir_packet packet = {.endpoint = address, .length = t->urb.actual};
        uint32_t own = usbredir_packet_length(USBREDIR_INTERRUPT_PACKET, client->caps);
        usbredir_header_put(t->answer, client->caps, USBREDIR_INTERRUPT_PACKET, own + t->urb.actual,
                            input->next_id++);
        usbredir_packet_put(t->answer + t->head - own, &packet, USBREDIR_INTERRUPT_PACKET, client->caps);
        answer_queue(t, t->head + t->urb.actual);
        return;
    }
    bool failed = input->on && t->urb.status != URB_CANCELLED;
    input->on = false;
    transfer_free(t);
    if (failed) {
        input_status_send(c, address, USBREDIR_STALL, 0);
    }
}

static void input_start(struct connection *c, uint8_t address)
{
    struct client *client = c->own;
    struct input *input = &client->inputs[address & 15u];
    bool good = input_endpoint(c, address) != NULL;
    if (good && !input->on) {
        input->on = true;
        input->next_id = 0;
    }
    input_status_send(c, address, good ? USBREDIR_SUCCESS : USBREDIR_INVAL, client->message.id);
}

static void input_stop(struct connection *c, uint8_t address)
{
    struct client *client = c->own;
    if (input_endpoint(c, address) != NULL) {
        client->inputs[address & 15u].on = false;
    }
    for (struct transfer *t = c->pending, *next; t != NULL; t = next) {
        next = t->next;
        if (t->note == USBREDIR_START_INTERRUPT_RECEIVING && t->urb.endpoint == address) {
            bus_cancel(&c->device->bus, &t->urb);
        }
    }
    input_status_send(c, address, USBREDIR_SUCCESS, client->message.id);
}

static void inputs_off(struct client *client)
{
    for (unsigned i = 0; i < INPUTS; i++) {
        client->inputs[i].on = false;
    }
}

/* Those that are on are asked, one packet at a time. */
static void inputs_ask(struct connection *c)
{
    struct client *client = c->own;
    const uint32_t unread_max = USBREDIR_TRANSFERS_MAX + INPUT_ANSWERS_MAX;
    for (uint8_t i = 0; i < INPUTS; i++) {
        if (client->inputs[i].on && !client->inputs[i].under_way && c->count < unread_max) {
            input_ask(c, i);
        }
    }
}

/* ---- Configuration and alternate settings ---- */

/* A request has succeeded, whichever message it came by. */
static void client_followed(struct client *client, const uint8_t setup[8])
{
    struct usb_setup s = usb_setup_load(setup);
    if (s.bmRequestType == USB_RECIPIENT_DEVICE && s.bRequest == USB_SET_CONFIGURATION) {
        client->configuration = (uint8_t)s.wValue;
        memset(client->alternates, 0, sizeof client->alternates);
    } else if (s.bmRequestType == USB_RECIPIENT_INTERFACE && s.bRequest == USB_SET_INTERFACE &&
               s.wIndex < USBREDIR_INTERFACES) {
        client->alternates[s.wIndex] = (uint8_t)s.wValue;
    }
}

static void configuration_answer(struct connection *c, uint32_t type, const struct usb_setup *setup,
                                 enum usbredir_status status, uint8_t value, uint64_t id)
{
    bool alternate = type == USBREDIR_SET_ALT_SETTING || type == USBREDIR_GET_ALT_SETTING;
    const uint8_t bytes[STATUS_LENGTH_MAX] = {(uint8_t)status, alternate ? (uint8_t)setup->wIndex : value,
                                              value};
    if (alternate) {
        message_send(c, USBREDIR_ALT_SETTING_STATUS, bytes, 3, id);
    } else {
        message_send(c, USBREDIR_CONFIGURATION_STATUS, bytes, 2, id);
    }
}

static void configuration_completed(struct transfer *t)
{
    struct connection *c = t->connection;
    struct usb_setup setup = usb_setup_load(t->urb.setup);
    enum usbredir_status status = status_of(t->urb.status);
    bool get = t->note == USBREDIR_GET_CONFIGURATION || t->note == USBREDIR_GET_ALT_SETTING;
    uint8_t value = get ? transfer_data(t)[0] : (uint8_t)setup.wValue;
    uint32_t type = t->note;
    uint64_t id = t->id;
    transfer_free(t);
    c->held = false;
    if (status == USBREDIR_SUCCESS) {
        uint8_t bytes[8];
        usb_setup_store(bytes, &setup);
        client_followed(c->own, bytes);
        if (!get && !info_send(c)) {
            return;
        }
    }
    configuration_answer(c, type, &setup, status, value, id);
}

/* Transfers end that a new setting of `interface` affects; a new configuration (negative) affects all. */
static void pending_drop(struct connection *c, int interface)
{
    struct client *client = c->own;
    const struct usb_desc *desc = &c->device->usb.desc;
    for (struct transfer *t = c->pending, *next; t != NULL; t = next) {
        bool affected = interface < 0;
        next = t->next;
        for (unsigned i = 0; i < desc->setting_count && t->urb.type != USB_ENDPOINT_CONTROL; i++) {
            const struct usb_desc_setting *setting = &desc->settings[i];
            for (unsigned n = 0; setting->bInterfaceNumber == interface && n < setting->endpoint_count; n++) {
                affected |= setting->endpoints[n].bEndpointAddress == t->urb.endpoint;
            }
        }
        if (affected && t->note == USBREDIR_START_INTERRUPT_RECEIVING) {
            client->inputs[t->urb.endpoint & 15u].on = false;
        }
        if (affected) {
            bus_cancel(&c->device->bus, &t->urb);
        }
    }
}

/* Nothing more is read until it is answered. */
static void configuration_ask(struct connection *c, const struct usb_setup *setup)
{
    struct client *client = c->own;
    uint32_t type = client->message.type;
    struct transfer *t =
        c->state == CLIENT_ATTACHED ? transfer_new(c, client->message.id, 0, STATUS_DATA) : NULL;
    if (t == NULL) {
        configuration_answer(c, type, setup, USBREDIR_IOERROR, 0, client->message.id);
        return;
    }
    if (type == USBREDIR_SET_CONFIGURATION || type == USBREDIR_SET_ALT_SETTING) {
        pending_drop(c, type == USBREDIR_SET_CONFIGURATION ? -1 : setup->wIndex);
    }
    t->note = type;
    t->urb.type = USB_ENDPOINT_CONTROL;
    t->urb.packet_size = c->device->usb.ep0_packet_size;
    t->urb.length = setup->wLength;
    t->urb.timeout_ms = BUS_CONTROL_TIMEOUT_MS;
    usb_setup_store(t->urb.setup, setup);
    c->held = true;
    transfer_start(t);
}

static void reset_take(struct connection *c)
{
    struct client *client = c->own;
    if (c->state != CLIENT_ATTACHED) {
        return;
    }
    c->server->stats.resets++;
    inputs_off(client);
    client->configuration = 0;
    client->resetting = c->held = true;
    usb_host_reset_light(&c->device->usb);
}

/* ---- Packets ---- */

/* The guest's transfer under way of that id, or NULL. */
static struct transfer *packet_pending(const struct connection *c, uint64_t id)
{
    struct transfer *t = c->pending;
    while (t != NULL && (t->id != id || t->note == USBREDIR_START_INTERRUPT_RECEIVING)) {
        t = t->next;
    }
    return t;
}

static void packet_completed(struct transfer *t)
{
    struct client *client = t->connection->own;
    uint32_t data = transfer_is_in(t) ? t->urb.actual : 0,
             own = usbredir_packet_length(t->note, client->caps);
    struct usbredir_packet packet = {
        .endpoint = t->urb.endpoint, .status = (uint8_t)status_of(t->urb.status), .length = t->urb.actual};
    if (t->note == USBREDIR_CONTROL_PACKET) {
        packet.setup = usb_setup_load(t->urb.setup);
        packet.endpoint = transfer_is_in(t) ? USB_DIR_IN : 0;
        if (t->urb.status == URB_OK) {
            client_followed(client, t->urb.setup);
        }
    }
    usbredir_header_put(t->answer, client->caps, t->note, own + data, t->id);
    usbredir_packet_put(t->answer + t->head - own, &packet, t->note, client->caps);
    answer_queue(t, t->head + data);
}

static void packet_refuse(struct connection *c, struct usbredir_packet *packet, enum usbredir_status status)
{
    const struct client *client = c->own;
    uint8_t bytes[USBREDIR_PACKET_MAX];
    packet->status = (uint8_t)status;
    packet->length = 0;
    usbredir_packet_put(bytes, packet, client->message.type, client->caps);
    message_send(c, client->message.type, bytes, usbredir_packet_length(client->message.type, client->caps),
                 client->message.id);
}

static enum usbredir_status control_fill(struct urb *urb, const struct device *device,
                                         const struct usbredir_packet *packet)
{
    struct usb_setup setup = packet->setup;
    setup.wLength = (uint16_t)packet->length;
    if ((packet->endpoint & ~USB_DIR_IN) != 0 ||
        (packet->length != 0 && ((packet->endpoint ^ setup.bmRequestType) & USB_DIR_IN) != 0)) {
        return USBREDIR_INVAL;
    }
    urb->type = USB_ENDPOINT_CONTROL;
    urb->packet_size = device->usb.ep0_packet_size;
    usb_setup_store(urb->setup, &setup);
    return USBREDIR_SUCCESS;
}

static enum usbredir_status urb_fill(struct urb *urb, const struct connection *c, uint32_t type,
                                     const struct usbredir_packet *packet)
{
    uint8_t wanted = type == USBREDIR_BULK_PACKET ? USB_ENDPOINT_BULK : USB_ENDPOINT_INTERRUPT;
    if (c->state != CLIENT_ATTACHED) {
        return USBREDIR_IOERROR;
    }
    if (packet->length > SERVER_TRANSFER_MAX || packet->stream_id != 0) {
        return USBREDIR_INVAL;
    }
    urb->length = packet->length;
    if (type == USBREDIR_CONTROL_PACKET) {
        return control_fill(urb, c->device, packet);
    }
    const struct usb_desc_endpoint *endpoint = usb_desc_endpoint_at(&c->device->usb.desc, packet->endpoint);
    if (endpoint == NULL || (endpoint->bmAttributes & 3u) != wanted || endpoint->wMaxPacketSize == 0 ||
        endpoint->wMaxPacketSize > CABLE_PACKET_MAX ||
        (wanted == USB_ENDPOINT_INTERRUPT && (packet->endpoint & USB_DIR_IN) != 0)) {
        return USBREDIR_INVAL;
    }
    urb->endpoint = endpoint->bEndpointAddress;
    urb->type = wanted;
    urb->packet_size = endpoint->wMaxPacketSize;
    urb->interval_ms = endpoint->bInterval;
    return USBREDIR_SUCCESS;
}

static void packet_take(struct connection *c, const uint8_t *bytes, uint32_t data)
{
    struct client *client = c->own;
    const struct usbredir_header *message = &client->message;
    uint32_t head =
        usbredir_header_length(client->caps) + usbredir_packet_length(message->type, client->caps);
    struct usbredir_packet packet;
    struct urb urb = {0};
    usbredir_packet_read(&packet, message->type, bytes, client->caps);
    if (data != ((packet.endpoint & USB_DIR_IN) != 0 ? 0 : packet.length)) {
        connection_malformed(c, "a packet whose lengths contradict each other");
        return;
    }
    if (packet_pending(c, message->id) != NULL) {
        connection_malformed(c, "an id that is under way");
        return;
    }
    c->server->stats.transfers++;
    enum usbredir_status status = urb_fill(&urb, c, message->type, &packet);
    struct transfer *t = NULL;
    if (status == USBREDIR_SUCCESS) {
        t = transfer_fits(c, head + packet.length) ? transfer_new(c, message->id, head, packet.length) : NULL;
        c->server->stats.refused += t == NULL;
    }
    if (t == NULL) {
        c->skip = data;
        packet_refuse(c, &packet, status != USBREDIR_SUCCESS ? status : USBREDIR_IOERROR);
        return;
    }
    t->urb = urb;
    t->note = message->type;
    if (data != 0) {
        c->filling = t;
        c->filled = 0;
    } else {
        transfer_start(t);
    }
}

static void cancel_take(struct connection *c)
{
    const struct client *client = c->own;
    struct transfer *t = packet_pending(c, client->message.id);
    c->server->stats.cancels++;
    if (t != NULL) { /* else its answer is on its way */
        bus_cancel(&c->device->bus, &t->urb);
    }
}

/* ---- Messages ---- */

static void hello_take(struct connection *c, const uint8_t *bytes, uint32_t length)
{
    struct client *client = c->own;
    client->caps = OFFERED & usbredir_hello_read(bytes, length);
    c->held = true;
    state_enter(c, CLIENT_ASKS);
}

/* It has said hello: the board is its own, or another's. */
static void board_ask(struct connection *c)
{
    struct device *device = &c->server->devices[c->entry];
    if (device->connection == NULL) {
        c->device = device;
        device->connection = c;
        c->held = false;
        state_enter(c, CLIENT_WAITS);
    } else if (server_time_ns(c->server) - c->since_ns >= BUSY_NS_MAX) {
        server_log(c->server, "board %u is in use; connection refused", device->index + 1);
        c->server->stats.refused++;
        c->held = false;
        c->ends = true;
        state_enter(c, CLIENT_GREETS);
    }
}

static void iso_answer(struct connection *c, uint8_t endpoint, enum usbredir_status status)
{
    const struct client *client = c->own;
    const uint8_t bytes[] = {(uint8_t)status, endpoint};
    message_send(c, USBREDIR_ISO_STREAM_STATUS, bytes, sizeof bytes, client->message.id);
}

static void setup_take(struct connection *c, const uint8_t *bytes)
{
    const struct client *client = c->own;
    struct usb_setup setup = {0};
    switch (client->message.type) {
    case USBREDIR_SET_CONFIGURATION:
        setup = (struct usb_setup){USB_RECIPIENT_DEVICE, USB_SET_CONFIGURATION, bytes[0], 0, 0};
        break;
    case USBREDIR_GET_CONFIGURATION:
        setup = (struct usb_setup){USB_DIR_IN | USB_RECIPIENT_DEVICE, USB_GET_CONFIGURATION, 0, 0, 1};
        break;
    case USBREDIR_SET_ALT_SETTING:
        setup = (struct usb_setup){USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, bytes[1], bytes[0], 0};
        break;
    default:
        setup = (struct usb_setup){USB_DIR_IN | USB_RECIPIENT_INTERFACE, USB_GET_INTERFACE, 0, bytes[0], 1};
        break;
    }
    configuration_ask(c, &setup);
}

/* `bytes` are the own header, `data` is how many bytes follow it. */
static void message_take(struct connection *c, const uint8_t *bytes, uint32_t own, uint32_t data)
{
    struct client *client = c->own;
    switch (client->message.type) {
    case USBREDIR_HELLO:
        c->skip = data;
        hello_take(c, bytes, own);
        break;
    case USBREDIR_RESET: reset_take(c); break;
    case USBREDIR_SET_CONFIGURATION:
    case USBREDIR_GET_CONFIGURATION:
    case USBREDIR_SET_ALT_SETTING:
    case USBREDIR_GET_ALT_SETTING: setup_take(c, bytes); break;
    case USBREDIR_START_INTERRUPT_RECEIVING: input_start(c, bytes[0]); break;
    case USBREDIR_STOP_INTERRUPT_RECEIVING: input_stop(c, bytes[0]); break;
    case USBREDIR_START_ISO_STREAM: iso_answer(c, bytes[0], USBREDIR_STALL); break;
    case USBREDIR_STOP_ISO_STREAM: iso_answer(c, bytes[0], USBREDIR_SUCCESS); break;
    case USBREDIR_CANCEL_DATA_PACKET: cancel_take(c); break;
    case USBREDIR_FILTER_REJECT:
        server_log(c->server, "board %u: the guest refuses it, by its filter or its controller's speed",
                   c->entry + 1);
        break;
    case USBREDIR_DEVICE_DISCONNECT_ACK: client->disconnecting = false; break;
    case USBREDIR_CONTROL_PACKET:
    case USBREDIR_BULK_PACKET:
    case USBREDIR_INTERRUPT_PACKET: packet_take(c, bytes, data); break;
    default: c->skip = data; break; /* an isochronous packet, a filter */
    }
}

/* The most data that may follow a message's own header. */
static uint32_t data_max(uint32_t type)
{
    switch (type) {
    case USBREDIR_HELLO: return USBREDIR_HELLO_MAX - USBREDIR_HELLO_MIN;
    case USBREDIR_FILTER_FILTER: return USBREDIR_FILTER_MAX;
    case USBREDIR_CONTROL_PACKET:
    case USBREDIR_BULK_PACKET:
    case USBREDIR_ISO_PACKET:
    case USBREDIR_INTERRUPT_PACKET: return SERVER_TRANSFER_MAX;
    default: return 0;
    }
}

/* A header is there: what is wrong with it? NULL: nothing. `own` is the length of the message's own header. */
static const char *message_check(const struct connection *c, uint32_t *own)
{
    const struct client *client = c->own;
    const struct usbredir_header *message = &client->message;
    if ((c->state == CLIENT_GREETS) != (message->type == USBREDIR_HELLO)) {
        return c->state == CLIENT_GREETS ? "no hello at the beginning" : "a second hello";
    }
    if (!usbredir_guest_sends(message->type, client->caps, own)) {
        return "a message that no guest sends, or that was not offered";
    }
    if (message->length < *own) {
        return "a message too short for its own header";
    }
    return message->length - *own > data_max(message->type) ? "a message too long" : NULL;
}

/* ---- What the server calls ---- */

static void client_begin(struct connection *c)
{
    uint8_t bytes[USBREDIR_HELLO_LENGTH];
    usbredir_hello_put(bytes, "plugnet virtual board", OFFERED);
    connection_enter(c, CLIENT_GREETS, usbredir_header_length(0));
    message_send(c, USBREDIR_HELLO, bytes, sizeof bytes, 0);
}

static void client_taken(struct connection *c)
{
    struct client *client = c->own;
    uint32_t head = usbredir_header_length(client->caps), own;
    if (!client->own_header) {
        usbredir_header_read(&client->message, c->in, client->caps);
        const char *wrong = message_check(c, &own);
        if (wrong != NULL) {
            connection_malformed(c, wrong);
            return;
        }
        if (client->message.type == USBREDIR_HELLO && client->message.length >= USBREDIR_HELLO_LENGTH) {
            own = USBREDIR_HELLO_LENGTH;
        }
        client->own_header = c->midway = true;
        c->in_wanted = head + own;
        if (own != 0) {
            return;
        }
    }
    own = c->in_wanted - head;
    client->own_header = c->midway = false;
    message_take(c, c->in + head, own, client->message.length - own);
    c->in_length = 0;
    c->in_wanted = usbredir_header_length(client->caps);
}

static void client_completed(struct transfer *t)
{
    switch (t->note) {
    case USBREDIR_CONTROL_PACKET:
    case USBREDIR_BULK_PACKET:
    case USBREDIR_INTERRUPT_PACKET: packet_completed(t); break;
    case USBREDIR_START_INTERRUPT_RECEIVING: input_completed(t); break;
    default: configuration_completed(t); break;
    }
}

/* All of its transfers have ended. */
static void client_gone(struct connection *c)
{
    struct client *client = c->own;
    if (c->state != CLIENT_ATTACHED) {
        return;
    }
    server_log(c->server, "board %u has gone away from its guest", c->device->index + 1);
    inputs_off(client);
    client->resetting = c->held = false;
    client->disconnecting = (client->caps & USBREDIR_CAP_DEVICE_DISCONNECT_ACK) != 0;
    state_enter(c, CLIENT_WAITS);
    message_send(c, USBREDIR_DEVICE_DISCONNECT, NULL, 0, 0);
}

static void client_wait(struct connection *c)
{
    struct client *client = c->own;
    if (c->state == CLIENT_GREETS || client->disconnecting) {
        if (connection_late(c)) {
            c->server->stats.timeouts++;
            connection_close(c);
        }
    } else if (c->state == CLIENT_ASKS) {
        board_ask(c);
    } else if (c->state == CLIENT_WAITS && device_ready(c->device)) {
        device_connect(c);
    } else if (c->state == CLIENT_ATTACHED && device_ready(c->device)) {
        if (client->resetting) {
            client->resetting = c->held = false;
        }
        inputs_ask(c);
    }
}

static const struct server_protocol protocol = {
    .name = "usbredir",
    .label = "board ",
    .port_each = true,
    .transfers_max = USBREDIR_TRANSFERS_MAX,
    .own_size = sizeof(struct client),
    .begin = client_begin,
    .taken = client_taken,
    .completed = client_completed,
    .gone = client_gone,
    .wait = client_wait,
};

struct server *usbredir_new(const struct server_config *config, char *error, size_t error_size)
{
    return server_new(&protocol, config, error, error_size);
}
