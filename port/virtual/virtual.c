/*
 * The virtual port: see virtual.h. The upper half is the device's (usb_port_ops), the lower half the cable's.
 */
/* SPDX-License-Identifier: MIT */
#include "port/virtual/virtual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/usb_ch9.h"

#define SUSPEND_NS 3000000u  /* a bus idle for so long is suspended */
#define WAKE_NS    10000000u /* resume signalling: 1 to 15 ms */

static struct virtual_port *virtual_of(struct usb_port *port)
{
    return (struct virtual_port *)port;
}

static void virtual_broken(const char *rule, uint8_t ep)
{
    fprintf(stderr, "port/virtual: endpoint 0x%02x: %s\n", ep, rule);
    abort();
}

static void virtual_event(struct virtual_port *port, uint32_t bit)
{
    port->events |= bit;
    if (port->port.wake != NULL)
        port->port.wake(port->port.wake_context);
}

static uint32_t virtual_ep_bit(uint8_t ep)
{
    return (ep & USB_DIR_IN) != 0 ? USB_EVENT_IN(ep & 15) : USB_EVENT_OUT(ep & 15);
}

static struct virtual_ep *virtual_ep(struct virtual_port *port, uint8_t ep)
{
    if ((ep & 15) >= VIRTUAL_ENDPOINTS)
        virtual_broken("no such endpoint", ep);
    return (ep & USB_DIR_IN) != 0 ? &port->in[ep & 15] : &port->out[ep & 15];
}

/* True if the host has overtaken the caller: a reset, or a SETUP for endpoint 0, waits to be taken. */
static bool virtual_overtaken(const struct virtual_port *port, uint8_t ep)
{
    uint32_t bits = USB_EVENT_RESET | ((ep & 15) == 0 ? USB_EVENT_SETUP : 0);
    return (port->events & bits) != 0;
}

static void virtual_transfers_drop(struct virtual_port *port)
{
    for (size_t i = 0; i < VIRTUAL_ENDPOINTS; i++) {
        port->in[i] = (struct virtual_ep){.open = i == 0, .packet_size = i == 0 ? 64 : 0};
        port->out[i] = port->in[i];
    }
    port->address = 0;
    port->address_due = false;
}

/* ---- The device's half. ---- */

static void virtual_attach(struct usb_port *usb)
{
    virtual_of(usb)->attached = true;
    virtual_of(usb)->active_ns = virtual_of(usb)->time_ns;
}

static void virtual_detach(struct usb_port *usb)
{
    struct virtual_port *port = virtual_of(usb);
    port->attached = false;
    port->suspended = false;
    port->waking = false;
    port->events = 0;
    virtual_transfers_drop(port);
}

static uint32_t virtual_events_take(struct usb_port *usb)
{
    uint32_t events = virtual_of(usb)->events;
    virtual_of(usb)->events = 0;
    return events;
}

static void virtual_setup_take(struct usb_port *usb, uint8_t packet[8])
{
    memcpy(packet, virtual_of(usb)->setup, 8);
}

static void virtual_address_set(struct usb_port *usb, uint8_t address)
{
    struct virtual_port *port = virtual_of(usb);
    if (virtual_overtaken(port, 0))
        return;
    port->address_next = address;
    port->address_due = true;
}

static bool virtual_ep_open(struct usb_port *usb, uint8_t number, uint8_t type, uint16_t packet_size)
{
    struct virtual_port *port = virtual_of(usb);
    if ((number & 15) == 0 || (number & 15) >= VIRTUAL_ENDPOINTS)
        return false;
    if (virtual_overtaken(port, number))
        return true;
    if (packet_size == 0 || packet_size > CABLE_PACKET_MAX || type == USB_ENDPOINT_CONTROL)
        virtual_broken("opened with a wrong type or packet size", number);
    port->events &= ~virtual_ep_bit(number);
    *virtual_ep(port, number) = (struct virtual_ep){.open = true, .packet_size = packet_size};
    return true;
}

static void virtual_ep_close(struct usb_port *usb, uint8_t number)
{
    struct virtual_port *port = virtual_of(usb);
    if (virtual_overtaken(port, number))
        return;
    port->events &= ~virtual_ep_bit(number);
    *virtual_ep(port, number) = (struct virtual_ep){0};
}

/* The endpoint for a new transfer; NULL if the caller was overtaken. */
static struct virtual_ep *virtual_ep_start(struct virtual_port *port, uint8_t number)
{
    if (virtual_overtaken(port, number))
        return NULL;
    struct virtual_ep *ep = virtual_ep(port, number);
    if (!ep->open)
        virtual_broken("transfer on a closed endpoint", number);
    if (ep->active)
        virtual_broken("transfer on a busy endpoint", number);
    if (ep->stalled)
        virtual_broken("transfer on a halted endpoint", number);
    if (port->events & virtual_ep_bit(number))
        virtual_broken("transfer before the event of the last one was taken", number);
    return ep;
}

static void virtual_ep_read(struct usb_port *usb, uint8_t number, void *buffer, uint32_t capacity,
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

static uint32_t virtual_ep_received(struct usb_port *usb, uint8_t number)
{
    return virtual_ep(virtual_of(usb), number)->received;
}

static void virtual_ep_write(struct usb_port *usb, uint8_t number, const struct usb_iov *iov, size_t count,
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

static void virtual_ep_abort(struct usb_port *usb, uint8_t number)
{
    struct virtual_port *port = virtual_of(usb);
    if (virtual_overtaken(port, number))
        return;
    virtual_ep(port, number)->active = false;
    port->events &= ~virtual_ep_bit(number);
}

static void virtual_ep_stall(struct usb_port *usb, uint8_t number, bool on)
{
    struct virtual_port *port = virtual_of(usb);
    if (virtual_overtaken(port, number))
        return;
    struct virtual_ep *ep = virtual_ep(port, number);
    if ((number & 15) == 0) {
        port->in[0].active = port->out[0].active = false;
        port->in[0].stalled = port->out[0].stalled = on;
        return;
    }
    if (ep->active)
        virtual_broken("halt of a busy endpoint: abort it first", number);
    ep->stalled = on;
    if (!on)
        ep->data1 = false;
}

static void virtual_remote_wakeup(struct usb_port *usb)
{
    struct virtual_port *port = virtual_of(usb);
    if (!port->suspended)
        return;
    port->waking = true;
    port->wake_ns = port->time_ns;
}

static const struct usb_port_ops virtual_ops = {
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

void virtual_port_init(struct virtual_port *port)
{
    *port = (struct virtual_port){.port = {.ops = &virtual_ops, .ep0_packet_size = 64}};
    virtual_transfers_drop(port);
}

/* ---- The cable's half. ---- */

/* The bus moves: a suspended device notices. */
static void virtual_active(struct virtual_port *port)
{
    port->active_ns = port->time_ns;
    port->waking = false;
    if (!port->suspended || !port->attached)
        return;
    port->suspended = false;
    port->events &= ~USB_EVENT_SUSPEND;
    virtual_event(port, USB_EVENT_RESUME);
}

static void virtual_advance(void *device, uint64_t time_ns)
{
    struct virtual_port *port = device;
    __atomic_store_n(&port->time_ns, time_ns, __ATOMIC_RELAXED); /* a board's clock, too */
    if (port->waking && time_ns - port->wake_ns >= WAKE_NS)
        port->waking = false;
    if (!port->attached || port->in_reset || port->suspended || time_ns - port->active_ns < SUSPEND_NS)
        return;
    port->suspended = true;
    port->events &= ~USB_EVENT_RESUME;
    virtual_event(port, USB_EVENT_SUSPEND);
}

static void virtual_vbus(void *device, bool on)
{
    ((struct virtual_port *)device)->vbus = on;
}

static bool virtual_pulled_up(void *device)
{
    const struct virtual_port *port = device;
    return port->attached && port->vbus;
}

static void virtual_bus_reset(void *device, bool active)
{
    struct virtual_port *port = device;
    port->in_reset = active;
    port->active_ns = port->time_ns;
    if (!active || !port->attached)
        return;
    port->suspended = false;
    port->waking = false;
    port->events = 0;
    virtual_transfers_drop(port);
    virtual_event(port, USB_EVENT_RESET);
}

static void virtual_frame(void *device, uint16_t number)
{
    (void)number;
    virtual_active(device);
}

static void virtual_bus_suspend(void *device, bool suspended)
{
    if (!suspended)
        virtual_active(device);
}

static bool virtual_wakes(void *device)
{
    return ((struct virtual_port *)device)->waking;
}

/* True if this device is meant, and can hear. */
static bool virtual_addressed(struct virtual_port *port, uint8_t address, uint8_t number)
{
    if (!port->attached || !port->vbus || port->in_reset || address != port->address ||
        number >= VIRTUAL_ENDPOINTS)
        return false;
    virtual_active(port);
    return true;
}

static enum cable_answer virtual_setup(void *device, uint8_t address, uint8_t number, const uint8_t packet[8])
{
    struct virtual_port *port = device;
    if (!virtual_addressed(port, address, number) || number != 0)
        return CABLE_SILENCE;
    memcpy(port->setup, packet, 8);
    port->in[0].active = port->out[0].active = false;
    port->in[0].stalled = port->out[0].stalled = false;
    port->in[0].data1 = port->out[0].data1 = true;
    port->address_due = false;
    port->events &= ~(USB_EVENT_IN(0) | USB_EVENT_OUT(0));
    virtual_event(port, USB_EVENT_SETUP);
    return CABLE_ACK;
}

/* A full packet has come and the transfer goes on: ask the watch. */
static void virtual_look(struct virtual_port *port, uint8_t number)
{
    struct virtual_ep *ep = &port->out[number];
    struct usb_watch *watch = ep->watch;
    if (watch == NULL || ep->received < watch->next)
        return;
    bool part = watch->look(watch, ep->received);
    if (watch->next <= ep->received)
        virtual_broken("a watch that doesn't go on", number);
    if (part)
        virtual_event(port, USB_EVENT_PART);
}

static enum cable_answer virtual_out(void *device, uint8_t address, uint8_t number, bool data1,
                                     const uint8_t *packet, uint16_t length)
{
    struct virtual_port *port = device;
    if (!virtual_addressed(port, address, number))
        return CABLE_SILENCE;
    struct virtual_ep *ep = &port->out[number];
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
        virtual_event(port, USB_EVENT_OUT(number));
    } else {
        virtual_look(port, number);
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
    struct virtual_port *port = device;
    if (!virtual_addressed(port, address, number) || !port->in[number].open)
        return CABLE_SILENCE;
    struct virtual_ep *ep = &port->in[number];
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
        if (number == 0 && port->address_due)
            port->address = port->address_next;
        if (number == 0)
            port->address_due = false;
        virtual_event(port, USB_EVENT_IN(number));
    }
    return CABLE_ACK;
}

const struct cable_ops virtual_port_cable_ops = {
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
