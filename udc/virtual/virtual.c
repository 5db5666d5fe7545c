/*
 * The virtual udc: see virtual.h. The upper half is the device's (udc_ops), the lower half the cable's.
 */
/* SPDX-License-Identifier: MIT */
#include "udc/virtual/virtual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/usb_ch9.h"

#define SUSPEND_NS 3000000u  /* a bus idle for so long is suspended */
#define IDLE_NS    5000000u  /* a bus must have been idle for so long before resume signalling */
#define WAKE_NS    10000000u /* how long that lasts: 1 to 15 ms */

static struct virtual_udc *virtual_of(struct udc *udc)
{
    return (struct virtual_udc *)udc;
}

static void virtual_broken(const char *rule, uint8_t ep)
{
    fprintf(stderr, "udc/virtual: endpoint 0x%02x: %s\n", ep, rule);
    abort();
}

static void virtual_event(struct virtual_udc *udc, uint32_t bit)
{
    udc->events |= bit;
    if (udc->udc.wake != NULL)
        udc->udc.wake(udc->udc.wake_context);
}

static uint32_t virtual_ep_bit(uint8_t ep)
{
    return (ep & USB_DIR_IN) != 0 ? USB_EVENT_IN(ep & 15) : USB_EVENT_OUT(ep & 15);
}

static struct virtual_ep *virtual_ep(struct virtual_udc *udc, uint8_t ep)
{
    if ((ep & 15) >= VIRTUAL_ENDPOINTS)
        virtual_broken("no such endpoint", ep);
    return (ep & USB_DIR_IN) != 0 ? &udc->in[ep & 15] : &udc->out[ep & 15];
}

/* True if the host has overtaken the caller: a reset, or a SETUP for endpoint 0, waits to be taken. */
static bool virtual_overtaken(const struct virtual_udc *udc, uint8_t ep)
{
    uint32_t bits = USB_EVENT_RESET | ((ep & 15) == 0 ? USB_EVENT_SETUP : 0);
    return (udc->events & bits) != 0;
}

static void virtual_transfers_drop(struct virtual_udc *udc)
{
    for (size_t i = 0; i < VIRTUAL_ENDPOINTS; i++) {
        udc->in[i] = (struct virtual_ep){.open = i == 0, .packet_size = i == 0 ? 64 : 0};
        udc->out[i] = udc->in[i];
    }
    udc->address = 0;
    udc->address_due = false;
}

/* ---- The device's half. ---- */

static void virtual_attach(struct udc *usb)
{
    virtual_of(usb)->attached = true;
    virtual_of(usb)->active_ns = virtual_of(usb)->time_ns;
}

static void virtual_detach(struct udc *usb)
{
    struct virtual_udc *udc = virtual_of(usb);
    udc->attached = false;
    udc->suspended = false;
    udc->waking = false;
    udc->events = 0;
    virtual_transfers_drop(udc);
}

static uint32_t virtual_events_take(struct udc *usb)
{
    uint32_t events = virtual_of(usb)->events;
    virtual_of(usb)->events = 0;
    return events;
}

static void virtual_setup_take(struct udc *usb, uint8_t packet[8])
{
    memcpy(packet, virtual_of(usb)->setup, 8);
}

static void virtual_address_set(struct udc *usb, uint8_t address)
{
    struct virtual_udc *udc = virtual_of(usb);
    if (virtual_overtaken(udc, 0))
        return;
    udc->address_next = address;
    udc->address_due = true;
}

static uint16_t *virtual_planned(struct virtual_udc *udc, uint8_t number)
{
    return (number & USB_DIR_IN) != 0 ? &udc->planned_in[number & 15] : &udc->planned_out[number & 15];
}

static bool virtual_plan(struct udc *usb, const struct udc_endpoint *endpoints, size_t count,
                         struct udc_shortage *shortage)
{
    struct virtual_udc *udc = virtual_of(usb);
    if (udc->attached)
        virtual_broken("planned while attached", 0);
    for (size_t i = 0; i < count; i++) {
        uint8_t number = endpoints[i].ep;
        if ((number & 15) >= VIRTUAL_ENDPOINTS) {
            *shortage =
                (struct udc_shortage){"endpoints, with endpoint 0", (number & 15) + 1u, VIRTUAL_ENDPOINTS};
            return false;
        }
        if (*virtual_planned(udc, number) != 0)
            virtual_broken("planned twice", number);
        *virtual_planned(udc, number) = endpoints[i].packet_size;
    }
    return true;
}

static bool virtual_ep_open(struct udc *usb, uint8_t number, uint8_t type, uint16_t packet_size)
{
    struct virtual_udc *udc = virtual_of(usb);
    if ((number & 15) == 0 || (number & 15) >= VIRTUAL_ENDPOINTS ||
        packet_size > *virtual_planned(udc, number))
        return false;
    if (virtual_overtaken(udc, number))
        return true;
    if (packet_size == 0 || packet_size > CABLE_PACKET_MAX || type == USB_ENDPOINT_CONTROL)
        virtual_broken("opened with a wrong type or packet size", number);
    udc->events &= ~virtual_ep_bit(number);
    *virtual_ep(udc, number) = (struct virtual_ep){.open = true, .packet_size = packet_size};
    return true;
}

static void virtual_ep_close(struct udc *usb, uint8_t number)
{
    struct virtual_udc *udc = virtual_of(usb);
    if (virtual_overtaken(udc, number))
        return;
    udc->events &= ~virtual_ep_bit(number);
    *virtual_ep(udc, number) = (struct virtual_ep){0};
}

/* The endpoint for a new transfer; NULL if the caller was overtaken. */
static struct virtual_ep *virtual_ep_start(struct virtual_udc *udc, uint8_t number)
{
    if (virtual_overtaken(udc, number))
        return NULL;
    struct virtual_ep *ep = virtual_ep(udc, number);
    if (!ep->open)
        virtual_broken("transfer on a closed endpoint", number);
    if (ep->active)
        virtual_broken("transfer on a busy endpoint", number);
    if (ep->stalled)
        virtual_broken("transfer on a halted endpoint", number);
    if (udc->events & virtual_ep_bit(number))
        virtual_broken("transfer before the event of the last one was taken", number);
    return ep;
}

static void virtual_ep_read(struct udc *usb, uint8_t number, void *buffer, uint32_t capacity,
                            struct usb_watch *watch)
{
    struct virtual_ep *ep = virtual_ep_start(virtual_of(usb), number);
    if (ep == NULL)
        return;
    if (((uintptr_t)buffer & 3) != 0 || capacity % ep->packet_size != 0 || (capacity == 0 && number != 0))
        virtual_broken("read into an unaligned buffer, or one that isn't a multiple of the packet size",
                       number);
    if (watch != NULL && watch->next == 0)
        virtual_broken("read with a watch that wants nothing", number);
    ep->buffer = buffer;
    ep->capacity = capacity;
    ep->received = 0;
    ep->watch = watch;
    ep->active = true;
}

static uint32_t virtual_ep_received(struct udc *usb, uint8_t number)
{
    return virtual_ep(virtual_of(usb), number)->received;
}

static void virtual_ep_write(struct udc *usb, uint8_t number, const struct usb_iov *iov, size_t count,
                             bool zlp)
{
    struct virtual_ep *ep = virtual_ep_start(virtual_of(usb), number);
    if (ep == NULL)
        return;
    ep->iov = iov;
    ep->count = count;
    ep->piece = 0;
    ep->offset = 0;
    ep->remaining = 0;
    for (size_t i = 0; i < count; i++)
        ep->remaining += iov[i].length;
    ep->zlp = zlp || ep->remaining == 0;
    ep->active = true;
}

static void virtual_ep_abort(struct udc *usb, uint8_t number)
{
    struct virtual_udc *udc = virtual_of(usb);
    if (virtual_overtaken(udc, number))
        return;
    virtual_ep(udc, number)->active = false;
    udc->events &= ~virtual_ep_bit(number);
}

static void virtual_ep_stall(struct udc *usb, uint8_t number, bool on)
{
    struct virtual_udc *udc = virtual_of(usb);
    if (virtual_overtaken(udc, number))
        return;
    struct virtual_ep *ep = virtual_ep(udc, number);
    if ((number & 15) == 0) {
        udc->in[0].active = udc->out[0].active = false;
        udc->in[0].stalled = udc->out[0].stalled = on;
        return;
    }
    if (ep->active)
        virtual_broken("halt of a busy endpoint: abort it first", number);
    ep->stalled = on;
    if (!on)
        ep->data1 = false;
}

static void virtual_remote_wakeup(struct udc *usb)
{
    struct virtual_udc *udc = virtual_of(usb);
    if (!udc->suspended)
        return;
    udc->waking = true;
    uint64_t from = udc->active_ns + IDLE_NS;
    udc->wake_ns = udc->time_ns > from ? udc->time_ns : from;
}

static const struct udc_ops virtual_ops = {
    .plan = virtual_plan,
    .attach = virtual_attach,
    .detach = virtual_detach,
    .events_take = virtual_events_take,
    .setup_take = virtual_setup_take,
    .address_set = virtual_address_set,
    .ep_open = virtual_ep_open,
    .ep_close = virtual_ep_close,
    .ep_read = virtual_ep_read,
    .ep_received = virtual_ep_received,
    .ep_write = virtual_ep_write,
    .ep_abort = virtual_ep_abort,
    .ep_stall = virtual_ep_stall,
    .remote_wakeup = virtual_remote_wakeup,
};

void virtual_udc_init(struct virtual_udc *udc)
{
    *udc = (struct virtual_udc){.udc = {.ops = &virtual_ops, .ep0_packet_size = 64}};
    virtual_transfers_drop(udc);
}

/* ---- The cable's half. ---- */

/* The bus moves: a suspended device notices. */
static void virtual_active(struct virtual_udc *udc)
{
    udc->active_ns = udc->time_ns;
    udc->waking = udc->resuming = false;
    if (!udc->suspended || !udc->attached)
        return;
    udc->suspended = false;
    udc->events &= ~USB_EVENT_SUSPEND;
    virtual_event(udc, USB_EVENT_RESUME);
}

static void virtual_advance(void *device, uint64_t time_ns)
{
    struct virtual_udc *udc = device;
    __atomic_store_n(&udc->time_ns, time_ns, __ATOMIC_RELAXED); /* a board's clock, too */
    if (udc->waking && time_ns >= udc->wake_ns + WAKE_NS)
        udc->waking = false;
    if (!udc->attached || udc->in_reset || udc->suspended || udc->resuming ||
        time_ns - udc->active_ns < SUSPEND_NS)
        return;
    udc->suspended = true;
    udc->events &= ~USB_EVENT_RESUME;
    virtual_event(udc, USB_EVENT_SUSPEND);
}

static void virtual_vbus(void *device, bool on)
{
    struct virtual_udc *udc = device;
    udc->vbus = on;
    udc->resuming = false;
}

static bool virtual_pulled_up(void *device)
{
    const struct virtual_udc *udc = device;
    return udc->attached && udc->vbus;
}

static void virtual_bus_reset(void *device, bool active)
{
    struct virtual_udc *udc = device;
    udc->in_reset = active;
    udc->resuming = false;
    udc->active_ns = udc->time_ns;
    if (!active || !udc->attached)
        return;
    udc->suspended = false;
    udc->waking = false;
    udc->events = 0;
    virtual_transfers_drop(udc);
    virtual_event(udc, USB_EVENT_RESET);
}

static void virtual_frame(void *device, uint16_t number)
{
    (void)number;
    virtual_active(device);
}

static void virtual_bus_suspend(void *device, bool suspended)
{
    struct virtual_udc *udc = device;
    if (suspended)
        return;
    virtual_active(udc);
    udc->resuming = udc->vbus;
}

static bool virtual_wakes(void *device)
{
    const struct virtual_udc *udc = device;
    return udc->waking && udc->time_ns >= udc->wake_ns;
}

/* True if this device is meant, and can hear. */
static bool virtual_addressed(struct virtual_udc *udc, uint8_t address, uint8_t number)
{
    if (!udc->attached || !udc->vbus || udc->in_reset || address != udc->address ||
        number >= VIRTUAL_ENDPOINTS)
        return false;
    virtual_active(udc);
    return true;
}

static enum cable_answer virtual_setup(void *device, uint8_t address, uint8_t number, const uint8_t packet[8])
{
    struct virtual_udc *udc = device;
    if (!virtual_addressed(udc, address, number) || number != 0)
        return CABLE_SILENCE;
    memcpy(udc->setup, packet, 8);
    udc->in[0].active = udc->out[0].active = false;
    udc->in[0].stalled = udc->out[0].stalled = false;
    udc->in[0].data1 = udc->out[0].data1 = true;
    udc->address_due = false;
    udc->events &= ~(USB_EVENT_IN(0) | USB_EVENT_OUT(0));
    virtual_event(udc, USB_EVENT_SETUP);
    return CABLE_ACK;
}

/* A full packet has come and the transfer goes on: ask the watch. */
static void virtual_look(struct virtual_udc *udc, uint8_t number)
{
    struct virtual_ep *ep = &udc->out[number];
    struct usb_watch *watch = ep->watch;
    if (watch == NULL || ep->received < watch->next)
        return;
    bool part = watch->look(watch, ep->received);
    if (watch->next <= ep->received)
        virtual_broken("a watch that doesn't go on", number);
    if (part)
        virtual_event(udc, USB_EVENT_PART);
}

static enum cable_answer virtual_out(void *device, uint8_t address, uint8_t number, bool data1,
                                     const uint8_t *packet, uint16_t length)
{
    struct virtual_udc *udc = device;
    if (!virtual_addressed(udc, address, number))
        return CABLE_SILENCE;
    struct virtual_ep *ep = &udc->out[number];
    if (!ep->open || length > ep->packet_size)
        return CABLE_SILENCE;
    if (ep->stalled)
        return CABLE_STALL;
    if (!ep->active)
        return CABLE_NAK;
    if (data1 != ep->data1) /* a repeated packet: our ACK was lost */
        return CABLE_ACK;
    ep->data1 = !ep->data1;
    uint32_t room = ep->capacity - ep->received;
    uint32_t taken = length < room ? length : room; /* a status stage has no room */
    if (taken != 0)
        memcpy(ep->buffer + ep->received, packet, taken);
    ep->received += taken;
    if (length < ep->packet_size || ep->received == ep->capacity) {
        ep->active = false;
        virtual_event(udc, USB_EVENT_OUT(number));
    } else {
        virtual_look(udc, number);
    }
    return CABLE_ACK;
}

/* Copy the next bytes of the pieces. */
static void virtual_gather(struct virtual_ep *ep, uint8_t *packet, uint32_t length)
{
    while (length > 0) {
        const struct usb_iov *iov = &ep->iov[ep->piece];
        uint32_t size = iov->length - ep->offset;
        if (size > length)
            size = length;
        if (size != 0)
            memcpy(packet, (const uint8_t *)iov->base + ep->offset, size);
        packet += size;
        length -= size;
        ep->offset += size;
        if (ep->offset == iov->length) {
            ep->piece++;
            ep->offset = 0;
        }
    }
}

static enum cable_answer virtual_in(void *device, uint8_t address, uint8_t number, bool *data1,
                                    uint8_t packet[CABLE_PACKET_MAX], uint16_t *length)
{
    struct virtual_udc *udc = device;
    if (!virtual_addressed(udc, address, number) || !udc->in[number].open)
        return CABLE_SILENCE;
    struct virtual_ep *ep = &udc->in[number];
    if (ep->stalled)
        return CABLE_STALL;
    if (!ep->active)
        return CABLE_NAK;
    uint32_t size = ep->remaining < ep->packet_size ? ep->remaining : ep->packet_size;
    virtual_gather(ep, packet, size);
    ep->remaining -= size;
    *length = (uint16_t)size;
    *data1 = ep->data1;
    ep->data1 = !ep->data1;
    if (ep->remaining == 0 && (size < ep->packet_size || !ep->zlp)) {
        ep->active = false;
        if (number == 0 && udc->address_due)
            udc->address = udc->address_next;
        if (number == 0)
            udc->address_due = false;
        virtual_event(udc, USB_EVENT_IN(number));
    }
    return CABLE_ACK;
}

const struct cable_ops virtual_udc_cable_ops = {
    .advance = virtual_advance,
    .vbus = virtual_vbus,
    .pulled_up = virtual_pulled_up,
    .bus_reset = virtual_bus_reset,
    .frame = virtual_frame,
    .bus_suspend = virtual_bus_suspend,
    .wakes = virtual_wakes,
    .setup = virtual_setup,
    .out = virtual_out,
    .in = virtual_in,
};
