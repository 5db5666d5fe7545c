/*
 * The NCM driver of the PC: see ncm_host.h. Binding is one sequence; sending mirrors Linux's frame collector
 * (block, remaining frame, timer); receiving posts four URBs while there is carrier.
 */
/* SPDX-License-Identifier: MIT */
#include "host/ncm_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/usb_ch9.h"

static void ncm_log(struct ncm_host *ncm, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void ncm_log(struct ncm_host *ncm, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (ncm->log != NULL) {
        ncm->log(ncm->context, line);
    }
}

/* ---- Errors on an endpoint: clear its halt, as usbnet's keventd work does ---- */

static void rx_post(struct ncm_host *ncm);
static void tx_pump(struct ncm_host *ncm);
static void notification_post(struct ncm_host *ncm);

static const struct usb_desc_endpoint *ncm_endpoint(const struct ncm_host *ncm, unsigned which)
{
    return which == 0 ? &ncm->in : which == 1 ? &ncm->out : &ncm->notify;
}

static void clear_done(struct urb *urb)
{
    struct ncm_host *ncm = urb->context;
    unsigned which = (unsigned)(urb - ncm->clear);
    ncm->clear_busy[which] = false;
    if (ncm->state != NCM_HOST_BOUND || urb->status == URB_CANCELLED) {
        return;
    }
    bus_halt_clear(ncm->bus, ncm_endpoint(ncm, which)->bEndpointAddress);
    if (which == 0) {
        rx_post(ncm);
    } else if (which == 1) {
        tx_pump(ncm);
    } else {
        notification_post(ncm);
    }
}

static void clear_halt(struct ncm_host *ncm, unsigned which)
{
    if (ncm->clear_busy[which] || ncm->state != NCM_HOST_BOUND) {
        return;
    }
    ncm->clear_busy[which] = true;
    struct urb *urb = &ncm->clear[which];
    *urb = (struct urb){.address = ncm->usb->address,
                        .type = USB_ENDPOINT_CONTROL,
                        .packet_size = ncm->usb->ep0_packet_size,
                        .timeout_ms = BUS_CONTROL_TIMEOUT_MS,
                        .complete = clear_done,
                        .context = ncm};
    const struct usb_setup setup = {USB_RECIPIENT_ENDPOINT, USB_CLEAR_FEATURE, USB_FEATURE_ENDPOINT_HALT,
                                    ncm_endpoint(ncm, which)->bEndpointAddress, 0};
    usb_setup_store(urb->setup, &setup);
    bus_submit(ncm->bus, urb);
}

/* ---- Receiving ---- */

static void rx_take(void *context, const uint8_t *frame, uint32_t length)
{
    struct ncm_host *ncm = context;
    ncm->counters.rx_frames++;
    ncm->counters.rx_bytes += length;
    ncm->receive(ncm->context, frame, length);
}

static void rx_block(struct ncm_host *ncm, const uint8_t *bytes, uint32_t length)
{
    int32_t sequence;
    ncm->counters.rx_blocks++;
    ncm->counters.rx_errors += ncm_block_read(bytes, length, ncm->params.rx_max, &sequence, rx_take, ncm);
    if (sequence >= 0) {
        bool next = ncm->rx_sequence < 0 || sequence == ((ncm->rx_sequence + 1) & 0xFFFF);
        ncm->counters.rx_sequence_jumps += !next;
        ncm->rx_sequence = sequence;
    }
}

static void rx_retry(void *context)
{
    rx_post(context);
}

static void rx_done(struct urb *urb)
{
    struct ncm_host *ncm = urb->context;
    struct ncm_host_rx *rx = (struct ncm_host_rx *)urb; /* its first member */
    rx->busy = false;
    switch (urb->status) {
    case URB_OK: rx_block(ncm, rx->data, urb->actual); break;
    case URB_CANCELLED: return;
    case URB_STALL:
    case URB_HALTED:
        ncm->counters.rx_errors++;
        clear_halt(ncm, 0);
        return;
    default:
        ncm->counters.rx_errors++;
        bus_timer_set(ncm->bus, &ncm->rx_retry, ncm->bus->now_ns + NCM_HOST_RETRY_MS * 1000000u);
        return;
    }
    rx_post(ncm);
}

static void rx_submit(struct ncm_host *ncm, struct ncm_host_rx *rx, const struct usb_desc_endpoint *endpoint,
                      uint32_t length, void (*complete)(struct urb *))
{
    rx->busy = true;
    rx->urb = (struct urb){.address = ncm->usb->address,
                           .endpoint = endpoint->bEndpointAddress,
                           .type = endpoint->bmAttributes & 3u,
                           .interval_ms = endpoint->bInterval,
                           .packet_size = endpoint->wMaxPacketSize,
                           .data = rx->data,
                           .length = length,
                           .complete = complete,
                           .context = ncm};
    bus_submit(ncm->bus, &rx->urb);
}

static void rx_post(struct ncm_host *ncm)
{
    if (ncm->state != NCM_HOST_BOUND || !ncm->carrier || ncm->suspended || ncm->clear_busy[0] ||
        ncm->rx_retry.active) {
        return;
    }
    for (unsigned i = 0; i < NCM_HOST_URBS; i++) {
        if (!ncm->rx[i].busy) {
            rx_submit(ncm, &ncm->rx[i], &ncm->in, ncm->params.rx_max, rx_done);
        }
    }
}

/* ---- Notifications ---- */

static void carrier_set(struct ncm_host *ncm, bool on)
{
    if (ncm->carrier == on) {
        return;
    }
    ncm->carrier = on;
    if (on) {
        ncm->link_ns = ncm->bus->now_ns;
        rx_post(ncm);
    } else {
        for (unsigned i = 0; i < NCM_HOST_URBS; i++) {
            bus_cancel(ncm->bus, &ncm->rx[i].urb);
        }
    }
    ncm->link(ncm->context, on);
}

static void notification_read(struct ncm_host *ncm, const uint8_t *data, uint32_t length)
{
    if (length < 8) {
        return;
    }
    if (ncm->notification_split) {
        ncm->notification_split = false; /* eight bytes of speeds */
        return;
    }
    ncm->counters.notifications++;
    switch (data[1]) {
    case CDC_NOTIFICATION_NETWORK_CONNECTION: carrier_set(ncm, load_le16(data + 2) != 0); break;
    case CDC_NOTIFICATION_CONNECTION_SPEED: ncm->notification_split = length < 16; break;
    default: ncm_log(ncm, "NCM: unknown notification 0x%02x", data[1]);
    }
}

static void notification_done(struct urb *urb)
{
    struct ncm_host *ncm = urb->context;
    ncm->notification.busy = false;
    switch (urb->status) {
    case URB_OK: notification_read(ncm, urb->data, urb->actual); break;
    case URB_STALL:
    case URB_HALTED: clear_halt(ncm, 2); return;
    case URB_OVERFLOW: break;
    default: return;
    }
    notification_post(ncm);
}

/* usbnet polls at most every 3 ms; controllers round the interval down to a power of two. */
static uint8_t notification_interval(uint8_t interval)
{
    uint8_t rounded = 2;
    while (rounded < 128 && rounded * 2 <= (interval < 3 ? 3 : interval)) {
        rounded = (uint8_t)(rounded * 2);
    }
    return rounded;
}

static void notification_post(struct ncm_host *ncm)
{
    if (ncm->state != NCM_HOST_BOUND || ncm->suspended || ncm->notification.busy || ncm->clear_busy[2]) {
        return;
    }
    struct usb_desc_endpoint endpoint = ncm->notify;
    endpoint.bInterval = notification_interval(endpoint.bInterval);
    rx_submit(ncm, &ncm->notification, &endpoint, endpoint.wMaxPacketSize, notification_done);
}

/* ---- Sending ---- */

static unsigned tx_in_flight(const struct ncm_host *ncm)
{
    unsigned count = 0;
    for (unsigned i = 0; i < NCM_HOST_TX_URBS; i++) {
        count += ncm->tx[i].busy;
    }
    return count;
}

static void tx_done(struct urb *urb)
{
    struct ncm_host *ncm = urb->context;
    struct ncm_host_tx *tx = (struct ncm_host_tx *)urb; /* its first member */
    tx->busy = false;
    if (urb->status == URB_OK) {
        ncm->counters.tx_blocks++;
        ncm->counters.tx_frames += tx->frames;
        ncm->counters.tx_bytes += tx->payload;
    } else {
        ncm->counters.tx_dropped += tx->frames;
    }
    if (urb->status == URB_STALL || urb->status == URB_HALTED) {
        clear_halt(ncm, 1);
        return;
    }
    if (urb->status != URB_CANCELLED) {
        tx_pump(ncm);
    }
}

/* Seal the open block and queue it. False: every URB is in flight; the block stays open. */
static bool tx_send_block(struct ncm_host *ncm)
{
    for (unsigned i = 0; i < NCM_HOST_TX_URBS; i++) {
        struct ncm_host_tx *tx = &ncm->tx[i];
        if (tx->busy) {
            continue;
        }
        uint32_t length = ncm_block_seal(&ncm->block, &ncm->params);
        memcpy(tx->data, ncm->block.bytes, length);
        tx->busy = true;
        tx->frames = ncm->block.frames;
        tx->payload = ncm->block.payload;
        tx->urb = (struct urb){.address = ncm->usb->address,
                               .endpoint = ncm->out.bEndpointAddress,
                               .type = USB_ENDPOINT_BULK,
                               .packet_size = ncm->out.wMaxPacketSize,
                               .data = tx->data,
                               .length = length,
                               .timeout_ms = NCM_HOST_TX_TIMEOUT_MS,
                               .complete = tx_done,
                               .context = ncm};
        ncm->block.length = 0;
        bus_submit(ncm->bus, &tx->urb);
        return true;
    }
    return false;
}

static bool tx_add(struct ncm_host *ncm, const struct ncm_host_frame *frame)
{
    bool opens = ncm->block.length == 0;
    bool added = ncm_block_add(&ncm->block, &ncm->params, ncm->next_sequence, frame->bytes, frame->length);
    ncm->next_sequence += opens;
    return added;
}

/* Collect as Linux does: `frame` joins the block behind what remained; NULL: the timer says send. Returns true
 * when the block is to be sent now. A frame that doesn't fit remains for the next call. */
static bool tx_collect(struct ncm_host *ncm, struct ncm_host_frame *frame)
{
    bool send = frame == NULL;
    struct ncm_host_frame *waiting[2] = {ncm->remaining, frame};
    ncm->remaining = NULL;
    for (unsigned i = 0; i < 2; i++) {
        if (waiting[i] == NULL) {
            continue;
        }
        if (tx_add(ncm, waiting[i])) {
            free(waiting[i]);
            continue;
        }
        bool table_full = ncm->block.frames == ncm->params.datagrams;
        ncm->counters.tx_reason_ntb_full += !table_full;
        send = true;
        ncm->remaining = waiting[i];
        if (i == 0 && frame != NULL) { /* the one behind it is lost, as in Linux */
            free(frame);
            ncm->counters.tx_dropped++;
        }
        break;
    }
    if (ncm->block.length == 0 || ncm->block.frames == 0) {
        return false;
    }
    if (ncm->block.frames == ncm->params.datagrams) {
        ncm->counters.tx_reason_max_datagram++;
        send = true;
    }
    if (!send) {
        if (ncm->block.frames < NCM_HOST_TIMER_FRAMES) {
            ncm->timer_rounds = NCM_HOST_TIMER_ROUNDS;
        }
        if (!ncm->timer.active) {
            bus_timer_set(ncm->bus, &ncm->timer, ncm->bus->now_ns + NCM_HOST_TIMER_NS);
        }
    }
    return send;
}

static void tx_timer(void *context)
{
    struct ncm_host *ncm = context;
    if (ncm->timer_rounds != 0) {
        ncm->timer_rounds--;
    } else if (ncm->block.length == 0 && ncm->remaining == NULL) {
        return;
    } else {
        ncm->counters.tx_reason_timeout++;
        if (!tx_collect(ncm, NULL) || tx_send_block(ncm)) {
            return;
        }
    }
    bus_timer_set(ncm->bus, &ncm->timer, ncm->bus->now_ns + NCM_HOST_TIMER_NS);
}

static struct ncm_host_frame *queue_take(struct ncm_host *ncm)
{
    struct ncm_host_frame *frame = ncm->queue_head;
    if (frame != NULL) {
        ncm->queue_head = frame->next;
        ncm->queue_tail = frame->next == NULL ? NULL : ncm->queue_tail;
        ncm->queue_length--;
    }
    return frame;
}

/* Eager: whatever is queued goes out together as soon as an URB is free. */
static void tx_pump_eager(struct ncm_host *ncm)
{
    while (ncm->queue_head != NULL && tx_in_flight(ncm) < NCM_HOST_URBS) {
        while (ncm->queue_head != NULL && tx_add(ncm, ncm->queue_head)) {
            free(queue_take(ncm));
        }
        tx_send_block(ncm);
    }
}

static void tx_pump(struct ncm_host *ncm)
{
    if (ncm->state != NCM_HOST_BOUND || !ncm->carrier || ncm->suspended || ncm->clear_busy[1]) {
        return;
    }
    if (ncm->eager) {
        tx_pump_eager(ncm);
        return;
    }
    while (ncm->queue_head != NULL && tx_in_flight(ncm) < NCM_HOST_URBS) {
        if (tx_collect(ncm, queue_take(ncm))) {
            tx_send_block(ncm);
        }
    }
}

bool ncm_host_send(struct ncm_host *ncm, const uint8_t *bytes, uint32_t length)
{
    struct ncm_host_frame *frame = NULL;
    if (ncm->carrier && ncm->queue_length < NCM_HOST_QUEUE_MAX && length >= NCM_HOST_FRAME_MIN &&
        length <= NCM_HOST_FRAME_MAX) {
        frame = malloc(sizeof *frame + length);
    }
    if (frame == NULL) {
        ncm->counters.tx_dropped++;
        return false;
    }
    frame->next = NULL;
    frame->length = length;
    memcpy(frame->bytes, bytes, length);
    if (ncm->queue_tail != NULL) {
        ncm->queue_tail->next = frame;
    } else {
        ncm->queue_head = frame;
    }
    ncm->queue_tail = frame;
    ncm->queue_length++;
    tx_pump(ncm);
    return true;
}

static void queue_clear(struct ncm_host *ncm)
{
    struct ncm_host_frame *frame;
    while ((frame = queue_take(ncm)) != NULL) {
        free(frame);
    }
    free(ncm->remaining);
    ncm->remaining = NULL;
    ncm->block.length = 0;
}

/* ---- Binding ---- */

static enum sequence_action set_interface(struct sequence *s, uint8_t alternate)
{
    struct ncm_host *ncm = s->context;
    s->setup =
        (struct usb_setup){USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, alternate, ncm->data_interface, 0};
    return SEQUENCE_REQUEST;
}

static enum sequence_action class_request(struct sequence *s, uint8_t direction, uint8_t request,
                                          uint16_t value, uint16_t length)
{
    struct ncm_host *ncm = s->context;
    s->setup = (struct usb_setup){(uint8_t)(direction | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE), request,
                                  value, ncm->control_interface, length};
    return SEQUENCE_REQUEST;
}

/* Both settings' endpoints start again with DATA0. */
static bool check_set_interface(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct ncm_host *ncm = s->context;
    (void)actual;
    bus_halt_clear(s->bus, ncm->in.bEndpointAddress);
    bus_halt_clear(s->bus, ncm->out.bEndpointAddress);
    return status == URB_OK;
}

static enum sequence_action prepare_alt_on(struct sequence *s)
{
    return set_interface(s, ((struct ncm_host *)s->context)->data_alternate);
}

static enum sequence_action prepare_alt_off(struct sequence *s)
{
    return set_interface(s, 0);
}

static enum sequence_action prepare_parameters(struct sequence *s)
{
    return class_request(s, USB_DIR_IN, NCM_GET_NTB_PARAMETERS, 0, NCM_NTB_PARAMETERS_LENGTH);
}

static bool check_parameters(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct ncm_host *ncm = s->context;
    if (status != URB_OK || actual < NCM_NTB_PARAMETERS_LENGTH) {
        return false;
    }
    ncm_host_params_read(&ncm->params, s->data, ncm->out.wMaxPacketSize);
    return true;
}

static bool check_any(struct sequence *s, enum urb_status status, uint32_t actual)
{
    (void)s;
    (void)actual;
    return status != URB_CANCELLED;
}

static enum sequence_action prepare_crc(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    return (ncm->capabilities & 0x10) == 0 ? SEQUENCE_SKIP : class_request(s, 0, NCM_SET_CRC_MODE, 0, 0);
}

static enum sequence_action prepare_format(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    bool ntb32 = (ncm->params.bmNtbFormatsSupported & 2) != 0;
    return ntb32 ? class_request(s, 0, NCM_SET_NTB_FORMAT, 0, 0) : SEQUENCE_SKIP;
}

static enum sequence_action prepare_settle(struct sequence *s)
{
    s->pause_ms = 10;
    return SEQUENCE_PAUSE;
}

static enum sequence_action prepare_mac(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    uint16_t language = ncm->usb->language != 0 ? ncm->usb->language : 0x0409;
    s->setup = (struct usb_setup){USB_DIR_IN, USB_GET_DESCRIPTOR,
                                  (uint16_t)(USB_DT_STRING << 8 | ncm->iMACAddress), language, 255};
    return SEQUENCE_REQUEST;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

static bool check_mac(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct ncm_host *ncm = s->context;
    char text[USB_HOST_STRING_MAX];
    if (status != URB_OK || !usb_host_string(s->data, actual, text) || strlen(text) != 12) {
        return false;
    }
    for (unsigned i = 0; i < 6; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        ncm->mac[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static enum sequence_action prepare_input_size(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    store_le32(s->data, ncm->params.rx_max);
    return ncm->params.rx_max == ncm->params.dwNtbInMaxSize
               ? SEQUENCE_SKIP
               : class_request(s, 0, NCM_SET_NTB_INPUT_SIZE, 0, 4);
}

static enum sequence_action prepare_get_datagram(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    return (ncm->capabilities & 8) == 0 ? SEQUENCE_SKIP
                                        : class_request(s, USB_DIR_IN, NCM_GET_MAX_DATAGRAM_SIZE, 0, 2);
}

static enum sequence_action prepare_set_datagram(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    if ((ncm->capabilities & 8) == 0 || load_le16(s->data) == ncm->max_segment) {
        return SEQUENCE_SKIP;
    }
    store_le16(s->data, ncm->max_segment);
    return class_request(s, 0, NCM_SET_MAX_DATAGRAM_SIZE, 0, 2);
}

/* The interface comes up: directed, broadcast, all multicast. */
static enum sequence_action prepare_filter(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    return (ncm->capabilities & 1) == 0 ? SEQUENCE_SKIP
                                        : class_request(s, 0, CDC_SET_ETHERNET_PACKET_FILTER, 0x0E, 0);
}

static const struct sequence_step bind_steps[] = {
    {"SET_INTERFACE data, alternate 1", prepare_alt_on, check_set_interface},
    {"SET_INTERFACE data, alternate 0", prepare_alt_off, check_set_interface},
    {"GET_NTB_PARAMETERS", prepare_parameters, check_parameters},
    {"SET_CRC_MODE", prepare_crc, check_any},
    {"SET_NTB_FORMAT", prepare_format, check_any},
    {"pause", prepare_settle, NULL},
    {"SET_INTERFACE data, alternate 1", prepare_alt_on, check_set_interface},
    {"iMACAddress", prepare_mac, check_mac},
    {"SET_NTB_INPUT_SIZE", prepare_input_size, check_any},
    {"GET_MAX_DATAGRAM_SIZE", prepare_get_datagram, check_any},
    {"SET_MAX_DATAGRAM_SIZE", prepare_set_datagram, check_any},
    {"SET_ETHERNET_PACKET_FILTER", prepare_filter, check_any},
};

static void bind_done(struct sequence *s, const char *failed, enum urb_status status)
{
    struct ncm_host *ncm = s->context;
    if (failed != NULL) {
        ncm->state = NCM_HOST_REJECTED;
        ncm_log(ncm, "NCM: bind failed: %s: %s", failed, urb_status_name(status));
        return;
    }
    ncm->state = NCM_HOST_BOUND;
    const struct ncm_host_params *p = &ncm->params;
    ncm_log(ncm, "NCM bound: MAC %02x:%02x:%02x:%02x:%02x:%02x, blocks %u in, %u out of %u datagrams",
            ncm->mac[0], ncm->mac[1], ncm->mac[2], ncm->mac[3], ncm->mac[4], ncm->mac[5], p->rx_max,
            p->tx_max, p->datagrams);
    ncm->bound(ncm->context);
    notification_post(ncm);
}

/* The functional descriptors of the control interface. NULL: good; else why not. */
static const char *functional_read(struct ncm_host *ncm, const struct usb_desc_setting *control)
{
    bool header = false, ethernet = false, ncm_found = false, union_found = false;
    size_t at = 0;
    const uint8_t *d;
    while ((d = usb_desc_next(control->extra, control->extra_length, &at)) != NULL) {
        if (d[1] != USB_DT_CS_INTERFACE || d[0] < 3) {
            continue;
        }
        if (d[2] == CDC_SUBTYPE_HEADER) {
            if (header) {
                return "two CDC Header descriptors";
            }
            header = true;
        } else if (d[2] == CDC_SUBTYPE_UNION && d[0] >= 5) {
            union_found = true;
            ncm->data_interface = d[4];
        } else if (d[2] == CDC_SUBTYPE_ETHERNET) {
            if (ethernet || d[0] != 13) {
                return "Ethernet descriptor twice, or not 13 bytes long";
            }
            ethernet = true;
            ncm->iMACAddress = d[3];
            ncm->max_segment = load_le16(d + 8);
        } else if (d[2] == CDC_SUBTYPE_NCM && d[0] >= 6) {
            ncm_found = true;
            ncm->capabilities = d[5];
        }
    }
    if (!union_found && control->function_count == 2) {
        ncm->data_interface = (uint8_t)(control->bInterfaceNumber + 1);
        union_found = true;
    }
    return !union_found ? "no Union descriptor"
           : !ethernet  ? "no Ethernet descriptor"
           : !ncm_found ? "no NCM descriptor"
                        : NULL;
}

/* The data interface's working setting and the three endpoints. NULL: good; else why not. */
static const char *endpoints_read(struct ncm_host *ncm, const struct usb_desc_setting *control)
{
    const struct usb_desc *desc = &ncm->usb->desc;
    if (usb_desc_setting(desc, ncm->data_interface, 0) == NULL ||
        ncm->data_interface == control->bInterfaceNumber) {
        return "no data interface";
    }
    const struct usb_desc_setting *data = usb_desc_setting(desc, ncm->data_interface, 1);
    const struct usb_desc_endpoint *in = usb_desc_endpoint(data, USB_ENDPOINT_BULK, true);
    const struct usb_desc_endpoint *out = usb_desc_endpoint(data, USB_ENDPOINT_BULK, false);
    const struct usb_desc_endpoint *notify = usb_desc_endpoint(control, USB_ENDPOINT_INTERRUPT, true);
    if (in == NULL || out == NULL || notify == NULL) {
        return "bulk IN, bulk OUT or interrupt IN endpoint missing";
    }
    ncm->data_alternate = 1;
    ncm->in = *in;
    ncm->out = *out;
    ncm->notify = *notify;
    return NULL;
}

static const struct usb_desc_setting *control_find(const struct usb_desc *desc)
{
    for (unsigned i = 0; i < desc->setting_count; i++) {
        const struct usb_desc_setting *s = &desc->settings[i];
        if (s->bInterfaceClass == 0x02 && s->bInterfaceSubClass == 0x0D && s->bInterfaceProtocol == 0) {
            return s;
        }
    }
    return NULL;
}

bool ncm_host_bind(struct ncm_host *ncm)
{
    const struct usb_desc_setting *control = control_find(&ncm->usb->desc);
    if (control == NULL) {
        ncm_log(ncm, "no NCM function: nothing to bind");
        return false;
    }
    ncm->control_interface = control->bInterfaceNumber;
    const char *error = functional_read(ncm, control);
    if (error == NULL) {
        error = endpoints_read(ncm, control);
    }
    if (error != NULL) {
        ncm->state = NCM_HOST_REJECTED;
        ncm_log(ncm, "NCM: rejected: %s", error);
        return false;
    }
    struct sequence *s = &ncm->sequence;
    ncm->state = NCM_HOST_BINDING;
    ncm->next_sequence = 0;
    ncm->rx_sequence = -1;
    ncm->notification_split = false;
    s->bus = ncm->bus;
    s->address = ncm->usb->address;
    s->packet_size = ncm->usb->ep0_packet_size;
    s->steps = bind_steps;
    s->step_count = sizeof bind_steps / sizeof bind_steps[0];
    s->done = bind_done;
    s->context = ncm;
    sequence_start(s);
    return true;
}

static void transfers_cancel(struct ncm_host *ncm)
{
    for (unsigned i = 0; i < NCM_HOST_URBS; i++) {
        bus_cancel(ncm->bus, &ncm->rx[i].urb);
    }
    for (unsigned i = 0; i < NCM_HOST_TX_URBS; i++) {
        bus_cancel(ncm->bus, &ncm->tx[i].urb);
    }
    bus_cancel(ncm->bus, &ncm->notification.urb);
}

void ncm_host_unbind(struct ncm_host *ncm)
{
    ncm->state = NCM_HOST_UNBOUND;
    sequence_stop(&ncm->sequence);
    bus_timer_stop(ncm->bus, &ncm->timer);
    bus_timer_stop(ncm->bus, &ncm->rx_retry);
    transfers_cancel(ncm);
    queue_clear(ncm);
    ncm->suspended = false;
    carrier_set(ncm, false);
}

void ncm_host_suspend(struct ncm_host *ncm, bool suspended)
{
    ncm->suspended = suspended;
    if (suspended) {
        transfers_cancel(ncm);
        return;
    }
    notification_post(ncm);
    rx_post(ncm);
    tx_pump(ncm);
}

void ncm_host_init(struct ncm_host *ncm, struct bus *bus, struct usb_host *usb)
{
    memset(ncm, 0, sizeof *ncm);
    ncm->bus = bus;
    ncm->usb = usb;
    ncm->sequence.bus = bus;
    ncm->timer = (struct bus_timer){.fire = tx_timer, .context = ncm};
    ncm->rx_retry = (struct bus_timer){.fire = rx_retry, .context = ncm};
    for (unsigned i = 0; i < NCM_HOST_URBS; i++) {
        ncm->rx[i].data = malloc(NCM_HOST_BLOCK_MAX);
    }
    for (unsigned i = 0; i < NCM_HOST_TX_URBS; i++) {
        ncm->tx[i].data = malloc(NCM_HOST_BLOCK_MAX + 1);
    }
    ncm->notification.data = malloc(CABLE_PACKET_MAX);
}

void ncm_host_free(struct ncm_host *ncm)
{
    queue_clear(ncm);
    for (unsigned i = 0; i < NCM_HOST_URBS; i++) {
        free(ncm->rx[i].data);
    }
    for (unsigned i = 0; i < NCM_HOST_TX_URBS; i++) {
        free(ncm->tx[i].data);
    }
    free(ncm->notification.data);
}
