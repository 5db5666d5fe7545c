/*
 * The control socket's commands for USB transfers: see control_usb.h.
 */
/* SPDX-License-Identifier: MIT */
#include "host/control_usb.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/usb_ch9.h"

struct slot {
    bool used;
    uint32_t number;
    struct urb urb;
    uint8_t data[CONTROL_BYTES_MAX];
};

struct control_usb {
    struct usb_host *host;
    uint32_t next;  /* number of the transfer to come */
    uint64_t ended; /* transfers so far */
    struct slot slots[CONTROL_USB_MAX];
};

struct control_usb *control_usb_new(struct usb_host *host)
{
    struct control_usb *usb = calloc(1, sizeof *usb);
    if (usb != NULL) {
        usb->host = host;
    }
    return usb;
}

void control_usb_free(struct control_usb *usb)
{
    for (unsigned i = 0; usb != NULL && i < CONTROL_USB_MAX; i++) {
        if (usb->slots[i].used) {
            bus_cancel(usb->host->bus, &usb->slots[i].urb);
        }
    }
    free(usb);
}

/* ---- Begin ---- */

static void transfer_ended(struct urb *urb)
{
    struct control_usb *usb = urb->context;
    usb->ended++;
    if (urb->type == USB_ENDPOINT_CONTROL && urb->status == URB_OK) {
        usb_host_followed(usb->host, urb->setup);
    }
}

static bool host_sleeps(const struct usb_host *host)
{
    return host->state == USB_HOST_SUSPENDED || host->state == USB_HOST_RESUMING;
}

/* Why nothing can be asked of the device; NULL: it can. */
static const char *host_not_ready(const struct usb_host *host)
{
    return host->state == USB_HOST_CONFIGURED ? NULL : host_sleeps(host) ? "suspended" : "not configured";
}

/* A place for one more; NULL: they are all taken. */
static struct slot *slot_new(struct control_usb *usb)
{
    for (unsigned i = 0; i < CONTROL_USB_MAX; i++) {
        struct slot *slot = &usb->slots[i];
        if (!slot->used) {
            slot->urb = (struct urb){.address = usb->host->address,
                                     .data = slot->data,
                                     .complete = transfer_ended,
                                     .context = usb};
            return slot;
        }
    }
    return NULL;
}

static const char *slot_submit(struct control_usb *usb, struct slot *slot, const struct control_value *bytes,
                               struct control_call *call)
{
    if (bytes != NULL) {
        memcpy(slot->data, bytes->word, bytes->length);
    }
    slot->used = true;
    slot->number = usb->next++;
    bus_submit(usb->host->bus, &slot->urb);
    sprintf(call->reply, "%" PRIu32, slot->number);
    return NULL;
}

static const char too_many[] = "8 transfers are under way or wait for usb-result";

/* Why this request is none of ours; NULL: it is. */
static const char *setup_refused(const struct usb_setup *setup, uint32_t data_length)
{
    bool in = (setup->bmRequestType & USB_DIR_IN) != 0;
    bool device = (setup->bmRequestType & ~USB_DIR_IN) == (USB_TYPE_STANDARD | USB_RECIPIENT_DEVICE);
    if (device && (setup->bRequest == USB_SET_ADDRESS || setup->bRequest == USB_SET_CONFIGURATION)) {
        return "SET_ADDRESS and SET_CONFIGURATION are the PC's own";
    }
    if (setup->wLength > CONTROL_BYTES_MAX) {
        return "wLength is more than 2048";
    }
    if (in && data_length != 0) {
        return "an IN request has no data to send";
    }
    return in || data_length == setup->wLength ? NULL : "wLength is not the number of data bytes";
}

static const char *do_control(void *context, struct control_call *call)
{
    struct control_usb *usb = context;
    const struct control_value *bytes = call->count == 2 ? &call->value[1] : NULL;
    const char *error = host_not_ready(usb->host);
    if (call->value[0].length != 8) {
        return "SETUP has 8 bytes";
    }
    struct usb_setup setup = usb_setup_load((const uint8_t *)call->value[0].word);
    struct slot *slot = slot_new(usb);
    if (error == NULL) {
        error = setup_refused(&setup, bytes != NULL ? bytes->length : 0);
    }
    if (error != NULL || slot == NULL) {
        return error != NULL ? error : too_many;
    }
    slot->urb.type = USB_ENDPOINT_CONTROL;
    slot->urb.packet_size = usb->host->ep0_packet_size;
    slot->urb.length = setup.wLength;
    slot->urb.timeout_ms = BUS_CONTROL_TIMEOUT_MS;
    memcpy(slot->urb.setup, call->value[0].word, sizeof slot->urb.setup);
    return slot_submit(usb, slot, bytes, call);
}

/* A transfer on an endpoint that the call names: in `slot`. Else why not. */
static const char *endpoint_take(struct control_usb *usb, const struct control_value *address, bool in,
                                 struct slot **slot)
{
    const char *error = host_not_ready(usb->host);
    if (error != NULL) {
        return error;
    }
    const struct usb_desc_endpoint *endpoint =
        address->number <= UINT8_MAX ? usb_desc_endpoint_at(&usb->host->desc, (uint8_t)address->number)
                                     : NULL;
    if (endpoint == NULL || ((endpoint->bEndpointAddress & USB_DIR_IN) != 0) != in) {
        return in ? "no such IN endpoint" : "no such OUT endpoint";
    }
    uint8_t type = endpoint->bmAttributes & 3u;
    if (type != USB_ENDPOINT_BULK && type != USB_ENDPOINT_INTERRUPT) {
        return "the endpoint is neither bulk nor interrupt";
    }
    if ((*slot = slot_new(usb)) == NULL) {
        return too_many;
    }
    (*slot)->urb.endpoint = endpoint->bEndpointAddress;
    (*slot)->urb.type = type;
    (*slot)->urb.packet_size = endpoint->wMaxPacketSize;
    (*slot)->urb.interval_ms = endpoint->bInterval;
    return NULL;
}

static const char *do_in(void *context, struct control_call *call)
{
    struct control_usb *usb = context;
    struct slot *slot;
    uint32_t length = call->value[1].number;
    if (length == 0 || length > CONTROL_BYTES_MAX) {
        return "1 to 2048 bytes at once";
    }
    const char *error = endpoint_take(usb, &call->value[0], true, &slot);
    if (error != NULL) {
        return error;
    }
    slot->urb.length = length;
    return slot_submit(usb, slot, NULL, call);
}

static const char *do_out(void *context, struct control_call *call)
{
    struct control_usb *usb = context;
    struct slot *slot;
    const struct control_value *bytes = call->count > 1 ? &call->value[1] : NULL;
    if (call->count == 3 && strcmp(call->value[2].word, "zlp") != 0) {
        return "behind the bytes comes zlp, or nothing";
    }
    const char *error = endpoint_take(usb, &call->value[0], false, &slot);
    if (error != NULL) {
        return error;
    }
    slot->urb.length = bytes != NULL ? bytes->length : 0;
    slot->urb.zlp = call->count == 3;
    return slot_submit(usb, slot, bytes, call);
}

/* ---- End ---- */

static struct slot *slot_find(struct control_usb *usb, uint32_t number)
{
    for (unsigned i = 0; i < CONTROL_USB_MAX; i++) {
        if (usb->slots[i].used && usb->slots[i].number == number) {
            return &usb->slots[i];
        }
    }
    return NULL;
}

static bool urb_reads(const struct urb *urb)
{
    uint8_t direction = urb->type == USB_ENDPOINT_CONTROL ? urb->setup[0] : urb->endpoint;
    return (direction & USB_DIR_IN) != 0;
}

static const char *do_result(void *context, struct control_call *call)
{
    struct slot *slot = slot_find(context, call->value[0].number);
    if (slot == NULL) {
        return "no such transfer";
    }
    const struct urb *urb = &slot->urb;
    call->reply[0] = 0;
    control_reply(call->reply, "{\"status\": \"%s\"", urb_status_name(urb->status));
    if (urb->status != URB_PENDING) {
        control_reply(call->reply, ", \"actual\": %" PRIu32, urb->actual);
        if (urb_reads(urb)) {
            control_reply(call->reply, ", \"hex\": \"");
            control_reply_hex(call->reply, urb->data, urb->actual);
            control_reply(call->reply, "\"");
        }
        slot->used = false;
    }
    control_reply(call->reply, "}");
    return NULL;
}

static const char *do_cancel(void *context, struct control_call *call)
{
    struct control_usb *usb = context;
    struct slot *slot = slot_find(usb, call->value[0].number);
    if (slot == NULL) {
        return "no such transfer";
    }
    bus_cancel(usb->host->bus, &slot->urb);
    return NULL;
}

/* ---- What there is to know ---- */

static const char *do_descriptors(void *context, struct control_call *call)
{
    const struct control_usb *usb = context;
    const struct usb_host *host = usb->host;
    const char *error = host_not_ready(host);
    if (error != NULL && !host_sleeps(host)) {
        return error;
    }
    call->reply[0] = 0;
    control_reply(call->reply, "{\"address\": %u, \"device\": \"", host->address);
    control_reply_hex(call->reply, host->device, sizeof host->device);
    control_reply(call->reply, "\", \"configuration\": \"");
    control_reply_hex(call->reply, host->config, host->config_length);
    control_reply(call->reply, "\"}");
    return NULL;
}

static const struct control_command commands[] = {
    {"usb-control", "SETUP [HEX]", "x?x", do_control},
    {"usb-in", "ENDPOINT LENGTH", "an", do_in},
    {"usb-out", "ENDPOINT [HEX [zlp]]", "a?xw", do_out},
    {"usb-result", "N", "n", do_result},
    {"usb-cancel", "N", "n", do_cancel},
    {"usb-descriptors", "", "", do_descriptors},
};

static uint64_t count_usb(void *context)
{
    const struct control_usb *usb = context;
    return usb->ended;
}

static const struct control_event events[] = {{"usb", count_usb}};

struct control_program control_usb_program(struct control_usb *usb)
{
    return (struct control_program){
        .commands = commands,
        .command_count = sizeof commands / sizeof commands[0],
        .events = events,
        .event_count = sizeof events / sizeof events[0],
        .context = usb,
    };
}
