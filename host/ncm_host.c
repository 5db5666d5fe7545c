/*
 * The NCM driver of the PC: see ncm_host.h; binding is in ncm_bind.c. Sending mirrors Linux's frame collector
 * (block, remaining frame, timer); receiving posts four URBs while there is carrier.
 */
/* SPDX-License-Identifier: MIT */
#include "host/ncm_host.h"

#include <stdlib.h>
#include <string.h>

#include "wire/usb_ch9.h"

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
        tx_pump(ncm);
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
    default: ncm_host_log(ncm, "NCM: unknown notification 0x%02x", data[1]);
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
    case URB_CANCELLED: return;
    default: break; /* asked again: it is polled rarely enough */
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
        uint32_t length = ncm_block_seal(&ncm->block, &ncm->params, ncm->block_end);
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
                               .zlp = ncm->block_end == PC_BLOCK_END_EMPTY && length < ncm->params.tx_max,
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

/* Eager: whatever is queued goes out together, with no timer. */
static void tx_pump_eager(struct ncm_host *ncm)
{
    while (ncm->queue_head != NULL && tx_in_flight(ncm) == 0) {
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

void ncm_host_bound(struct ncm_host *ncm)
{
    ncm->state = NCM_HOST_BOUND;
    ncm->bound(ncm->context);
    notification_post(ncm);
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
