/*
 * The host controller: see bus.h.
 *
 * bus_frame runs one frame: interrupt pipes that are due, then one transaction of each other pipe in turn, as
 * long as a whole packet still fits before the end of the frame. A transaction meets the device at the moment
 * its token (IN) or its data (OUT) is complete; its URB completes at the end of the handshake.
 */
/* SPDX-License-Identifier: MIT */
#include "host/bus.h"

#include <stddef.h>
#include <string.h>

#include "wire/usb_ch9.h"

#define TOKEN_BITS     35u
#define HANDSHAKE_BITS 19u

/* urb->stage of a control transfer */
enum { STAGE_SETUP, STAGE_DATA, STAGE_STATUS };

const char *urb_status_name(enum urb_status status)
{
    static const char *const names[] = {"pending",  "ok",      "stall",     "no answer",
                                        "overflow", "timeout", "cancelled", "halted"};
    return (unsigned)status < sizeof names / sizeof names[0] ? names[status] : "?";
}

static uint64_t bits_ns(uint32_t bits)
{
    return ((uint64_t)bits * BUS_FRAME_NS + BUS_FRAME_BITS - 1) / BUS_FRAME_BITS;
}

void bus_init(struct bus *bus, const struct cable *cable)
{
    *bus = (struct bus){.cable = *cable, .cut_after = -1};
}

void bus_advance(struct bus *bus, uint64_t time_ns)
{
    if (time_ns > bus->now_ns) {
        bus->now_ns = time_ns;
    }
    bus->cable.ops->advance(bus->cable.device, bus->now_ns);
}

/* ---- Queues ---- */

static struct bus_pipe *bus_pipe_of(struct bus *bus, const struct urb *urb)
{
    unsigned in = urb->type != USB_ENDPOINT_CONTROL && (urb->endpoint & USB_DIR_IN) != 0;
    return &bus->pipes[(urb->endpoint & 15u) * 2 + in];
}

void bus_submit(struct bus *bus, struct urb *urb)
{
    struct bus_pipe *pipe = bus_pipe_of(bus, urb);
    urb->status = URB_PENDING;
    urb->actual = 0;
    urb->stage = STAGE_SETUP;
    urb->tries = 0;
    urb->submit_ns = bus->now_ns;
    urb->id = bus->next_id++;
    urb->zlp_due = urb->type != USB_ENDPOINT_CONTROL && (urb->endpoint & USB_DIR_IN) == 0 &&
                   (urb->length == 0 || (urb->zlp && urb->length % urb->packet_size == 0));
    urb->next = NULL;
    if (pipe->tail != NULL) {
        pipe->tail->next = urb;
    } else {
        pipe->head = urb;
    }
    pipe->tail = urb;
    if (bus->monitor != NULL) {
        bus->monitor(bus->context, urb, true);
    }
}

/* Take an URB out of its queue; false: it wasn't there. */
static bool bus_unlink(struct bus *bus, struct urb *urb)
{
    struct bus_pipe *pipe = bus_pipe_of(bus, urb);
    struct urb *before = NULL;
    for (struct urb *u = pipe->head; u != NULL; before = u, u = u->next) {
        if (u == urb) {
            *(before != NULL ? &before->next : &pipe->head) = u->next;
            if (pipe->tail == u) {
                pipe->tail = before;
            }
            return true;
        }
    }
    return false;
}

static void bus_complete(struct bus *bus, struct urb *urb, enum urb_status status)
{
    if (!bus_unlink(bus, urb)) {
        return;
    }
    urb->status = status;
    urb->complete_ns = bus->now_ns;
    bus_pipe_of(bus, urb)->naked = false;
    if (status == URB_SILENT) {
        bus->silence_seen = true;
    }
    if (bus->monitor != NULL) {
        bus->monitor(bus->context, urb, false);
    }
    if (urb->complete != NULL) {
        urb->complete(urb);
    }
}

void bus_cancel(struct bus *bus, struct urb *urb)
{
    if (urb->status == URB_PENDING) {
        bus_complete(bus, urb, URB_CANCELLED);
    }
}

/* What is queued now ends; what a completion queues anew stays. */
void bus_cancel_all(struct bus *bus)
{
    uint32_t limit = bus->next_id;
    for (unsigned i = 0; i < BUS_PIPES; i++) {
        while (bus->pipes[i].head != NULL && bus->pipes[i].head->id - limit > UINT32_MAX / 2) {
            bus_complete(bus, bus->pipes[i].head, URB_CANCELLED);
        }
    }
}

void bus_halt_clear(struct bus *bus, uint8_t endpoint)
{
    struct bus_pipe *pipe = &bus->pipes[(endpoint & 15u) * 2 + ((endpoint & USB_DIR_IN) != 0)];
    pipe->halted = false;
    pipe->data1 = false;
    pipe->naked = false;
}

void bus_pipes_reset(struct bus *bus)
{
    for (uint8_t i = 0; i < BUS_PIPES; i++) {
        bus_halt_clear(bus, (uint8_t)(i / 2 | (i % 2 ? USB_DIR_IN : 0)));
    }
}

/* ---- Timers ---- */

void bus_timer_stop(struct bus *bus, struct bus_timer *timer)
{
    for (struct bus_timer **at = &bus->timers; *at != NULL; at = &(*at)->next) {
        if (*at == timer) {
            *at = timer->next;
            break;
        }
    }
    timer->active = false;
}

void bus_timer_set(struct bus *bus, struct bus_timer *timer, uint64_t due_ns)
{
    bus_timer_stop(bus, timer);
    timer->due_ns = due_ns;
    timer->active = true;
    struct bus_timer **at = &bus->timers;
    while (*at != NULL && (*at)->due_ns <= due_ns) {
        at = &(*at)->next;
    }
    timer->next = *at;
    *at = timer;
}

static void bus_timers_fire(struct bus *bus)
{
    while (bus->timers != NULL && bus->timers->due_ns <= bus->now_ns) {
        struct bus_timer *timer = bus->timers;
        bus_timer_stop(bus, timer);
        timer->fire(timer->context);
    }
}

/* ---- One transaction ---- */

static void bus_spend(struct bus *bus, uint32_t bits)
{
    bus_advance(bus, bus->now_ns + bits_ns(bits));
}

/* An answer that is not ACK; its time is spent. */
static void bus_refused(struct bus *bus, struct bus_pipe *pipe, struct urb *urb, enum cable_answer answer,
                        bool in)
{
    switch (answer) {
    case CABLE_NAK:
        *(in ? &bus->counters.naks_in : &bus->counters.naks_out) += 1;
        urb->tries = 0;
        pipe->naked = true;
        pipe->nak_ns = bus->now_ns;
        return;
    case CABLE_STALL:
        bus->counters.stalls++;
        pipe->halted = urb->type != USB_ENDPOINT_CONTROL;
        bus_complete(bus, urb, URB_STALL);
        return;
    default:
        bus->counters.silences++;
        if (++urb->tries >= BUS_TRIES_MAX) {
            bus_complete(bus, urb, URB_SILENT);
        }
        return;
    }
}

static void bus_acked(struct bus *bus, struct bus_pipe *pipe, struct urb *urb)
{
    pipe->naked = false;
    urb->tries = 0;
    bus->last_ack_ns = bus->now_ns;
}

static void bus_do_setup(struct bus *bus, struct bus_pipe *pipe, struct urb *urb)
{
    bus_spend(bus, BUS_OVERHEAD_BITS + 64 - HANDSHAKE_BITS);
    enum cable_answer answer =
        bus->cable.ops->setup(bus->cable.device, urb->address, urb->endpoint & 15u, urb->setup);
    bus_spend(bus, HANDSHAKE_BITS);
    if (answer != CABLE_ACK) {
        /* A device must take any SETUP it hears: whatever else it said, it counts as not heard. */
        bus_refused(bus, pipe, urb, CABLE_SILENCE, false);
        return;
    }
    bus_acked(bus, pipe, urb);
    bus->counters.packets_setup++;
    bus->counters.bytes_out += 8;
    pipe->data1 = true;
    urb->stage = urb->length != 0 ? STAGE_DATA : STAGE_STATUS;
}

/* A packet of `length` bytes has arrived. Returns whether the transfer (or data stage) is over. */
static bool bus_in_take(struct bus *bus, struct urb *urb, const uint8_t *packet, uint16_t length)
{
    uint32_t room = urb->length - urb->actual;
    if (length > urb->packet_size || length > room) {
        uint32_t fits = length < room ? length : room;
        bus->counters.overflows++;
        if (fits != 0) {
            memcpy(urb->data + urb->actual, packet, fits);
        }
        urb->actual += fits;
        bus_complete(bus, urb, URB_OVERFLOW);
        return false;
    }
    if (length != 0) {
        memcpy(urb->data + urb->actual, packet, length);
    }
    urb->actual += length;
    return length < urb->packet_size || urb->actual == urb->length;
}

static void bus_do_in(struct bus *bus, struct bus_pipe *pipe, struct urb *urb)
{
    uint8_t packet[CABLE_PACKET_MAX];
    uint16_t length = 0;
    bool data1 = false;
    bool status = urb->type == USB_ENDPOINT_CONTROL && urb->stage == STAGE_STATUS;
    bus_spend(bus, TOKEN_BITS);
    enum cable_answer answer =
        bus->cable.ops->in(bus->cable.device, urb->address, urb->endpoint & 15u, &data1, packet, &length);
    if (answer != CABLE_ACK) {
        bus_spend(bus, (answer == CABLE_SILENCE ? BUS_SILENCE_BITS : BUS_NAK_IN_BITS) - TOKEN_BITS);
        bus_refused(bus, pipe, urb, answer, true);
        return;
    }
    if (length > CABLE_PACKET_MAX) {
        length = CABLE_PACKET_MAX;
    }
    bus_spend(bus, BUS_OVERHEAD_BITS + 8u * length - TOKEN_BITS);
    bus_acked(bus, pipe, urb);
    if (data1 != pipe->data1) {
        bus->counters.repeats_in++;
        return;
    }
    pipe->data1 = !pipe->data1;
    bus->counters.packets_in++;
    bus->frame_bulk += urb->type == USB_ENDPOINT_BULK;
    bus->counters.bytes_in += length;
    if (status) {
        bus_complete(bus, urb, length == 0 ? URB_OK : URB_OVERFLOW);
    } else if (bus_in_take(bus, urb, packet, length)) {
        if (urb->type == USB_ENDPOINT_CONTROL) {
            urb->stage = STAGE_STATUS;
            pipe->data1 = true;
        } else {
            bus_complete(bus, urb, URB_OK);
        }
    }
}

static void bus_do_out(struct bus *bus, struct bus_pipe *pipe, struct urb *urb)
{
    bool status = urb->type == USB_ENDPOINT_CONTROL && urb->stage == STAGE_STATUS;
    uint32_t left = status ? 0 : urb->length - urb->actual;
    uint16_t length = (uint16_t)(left < urb->packet_size ? left : urb->packet_size);
    const uint8_t *packet = length != 0 ? urb->data + urb->actual : urb->setup;
    bus_spend(bus, BUS_OVERHEAD_BITS + 8u * length - HANDSHAKE_BITS);
    enum cable_answer answer = bus->cable.ops->out(bus->cable.device, urb->address, urb->endpoint & 15u,
                                                   pipe->data1, packet, length);
    bus_spend(bus, HANDSHAKE_BITS);
    if (answer != CABLE_ACK) {
        bus_refused(bus, pipe, urb, answer, false);
        return;
    }
    bus_acked(bus, pipe, urb);
    pipe->data1 = !pipe->data1;
    bus->counters.packets_out++;
    bus->frame_bulk += urb->type == USB_ENDPOINT_BULK;
    bus->counters.bytes_out += length;
    if (!status) {
        urb->actual += length;
    }
    if (status || (urb->type != USB_ENDPOINT_CONTROL && urb->actual == urb->length && !urb->zlp_due)) {
        bus_complete(bus, urb, URB_OK);
    } else if (length == 0) {
        bus_complete(bus, urb, URB_OK); /* the empty packet itself */
    } else if (urb->type == USB_ENDPOINT_CONTROL && urb->actual == urb->length) {
        urb->stage = STAGE_STATUS;
        pipe->data1 = true;
    }
}

/* The direction of the next packet of this URB. */
static bool bus_urb_is_in(const struct urb *urb)
{
    if (urb->type != USB_ENDPOINT_CONTROL) {
        return (urb->endpoint & USB_DIR_IN) != 0;
    }
    bool data_in = (urb->setup[0] & USB_DIR_IN) != 0 && urb->length != 0;
    return urb->stage == STAGE_DATA ? data_in : urb->stage == STAGE_STATUS && !data_in;
}

static void bus_transaction(struct bus *bus, struct bus_pipe *pipe)
{
    struct urb *urb = pipe->head;
    if (pipe->halted) {
        bus_complete(bus, urb, URB_HALTED);
        return;
    }
    if (urb->type == USB_ENDPOINT_CONTROL && urb->stage == STAGE_SETUP) {
        bus_do_setup(bus, pipe, urb);
    } else if (bus_urb_is_in(urb)) {
        bus_do_in(bus, pipe, urb);
    } else {
        bus_do_out(bus, pipe, urb);
    }
    if (bus->cut_after > 0 && --bus->cut_after == 0) {
        bus->cut_after = -1;
        bus->cut(bus->context);
    }
}

/* ---- The frame ---- */

static uint64_t bus_worst_ns(const struct urb *urb)
{
    return bits_ns(BUS_OVERHEAD_BITS + 8u * urb->packet_size);
}

/* When this pipe may be asked: in its turn on a busy bus; else, the more has happened lately, the sooner. */
static uint64_t bus_pipe_ready_ns(const struct bus *bus, const struct bus_pipe *pipe, bool busy)
{
    if (!pipe->naked || busy) {
        return bus->now_ns;
    }
    uint64_t quiet = pipe->nak_ns > bus->last_ack_ns ? (pipe->nak_ns - bus->last_ack_ns) / 8 : 0;
    uint64_t holdoff = quiet < BUS_HOLDOFF_MIN_NS   ? BUS_HOLDOFF_MIN_NS
                       : quiet > BUS_HOLDOFF_MAX_NS ? BUS_HOLDOFF_MAX_NS
                                                    : quiet;
    return pipe->nak_ns + holdoff;
}

/* The pipe whose turn it is, or NULL and the time when one will be ready. */
static struct bus_pipe *bus_pipe_choose(struct bus *bus, uint64_t end_ns, uint64_t *ready_ns)
{
    bool busy = false;
    for (unsigned i = 0; i < BUS_PIPES; i++) {
        const struct bus_pipe *pipe = &bus->pipes[i];
        busy |= pipe->head != NULL && !pipe->naked && !pipe->paused && pipe->head->type == USB_ENDPOINT_BULK;
    }
    *ready_ns = end_ns;
    for (unsigned n = 0; n < BUS_PIPES; n++) {
        unsigned i = (bus->turn + n) % BUS_PIPES;
        struct bus_pipe *pipe = &bus->pipes[i];
        if (pipe->head == NULL || pipe->paused || pipe->head->type == USB_ENDPOINT_INTERRUPT) {
            continue;
        }
        uint64_t ready = bus_pipe_ready_ns(bus, pipe, busy);
        uint64_t start = ready > bus->now_ns ? ready : bus->now_ns;
        if (start + bus_worst_ns(pipe->head) > end_ns) {
            continue;
        }
        if (ready <= bus->now_ns) {
            bus->turn = i + 1;
            return pipe;
        }
        if (ready < *ready_ns) {
            *ready_ns = ready;
        }
    }
    return NULL;
}

static void bus_interrupts(struct bus *bus, uint64_t end_ns)
{
    for (unsigned i = 0; i < BUS_PIPES && bus->running; i++) {
        struct bus_pipe *pipe = &bus->pipes[i];
        if (pipe->head == NULL || pipe->head->type != USB_ENDPOINT_INTERRUPT ||
            pipe->due_frame > bus->frame_number || bus->now_ns + bus_worst_ns(pipe->head) > end_ns) {
            continue;
        }
        pipe->due_frame = bus->frame_number + (pipe->head->interval_ms != 0 ? pipe->head->interval_ms : 1);
        bus_transaction(bus, pipe);
    }
}

static void bus_timeouts(struct bus *bus)
{
    for (unsigned i = 0; i < BUS_PIPES; i++) {
        struct urb *next;
        for (struct urb *urb = bus->pipes[i].head; urb != NULL; urb = next) {
            next = urb->next;
            if (urb->timeout_ms != 0 && bus->now_ns >= urb->submit_ns + (uint64_t)urb->timeout_ms * 1000000) {
                bus_complete(bus, urb, URB_TIMEOUT);
                next =
                    NULL; /* the completion may have changed the queue: the rest waits for the next frame */
            }
        }
    }
}

static void bus_frame_active(struct bus *bus, uint64_t end_ns)
{
    bus->frame_bulk = 0;
    bus->counters.frames++;
    bus->cable.ops->frame(bus->cable.device, (uint16_t)(bus->frame_number & 0x7FF));
    bus_spend(bus, BUS_SOF_BITS);
    bus_interrupts(bus, end_ns);
    uint32_t bound =
        2000; /* more than the shortest transactions of a frame, completions of halted pipes included */
    while (bus->running && bus->now_ns < end_ns && bound-- != 0) {
        bus_timers_fire(bus);
        uint64_t ready_ns;
        struct bus_pipe *pipe = bus_pipe_choose(bus, end_ns, &ready_ns);
        if (pipe != NULL) {
            bus_transaction(bus, pipe);
            continue;
        }
        if (bus->timers != NULL && bus->timers->due_ns < ready_ns) {
            ready_ns = bus->timers->due_ns;
        }
        bus_advance(bus, ready_ns);
    }
    if (bus->frame_bulk > bus->counters.bulk_packets_frame_max) {
        bus->counters.bulk_packets_frame_max = bus->frame_bulk;
    }
}

void bus_frame(struct bus *bus)
{
    uint64_t start_ns = bus->frame_number * BUS_FRAME_NS;
    uint64_t end_ns = start_ns + BUS_FRAME_NS;
    bus_advance(bus, start_ns);
    bus_timers_fire(bus);
    if (bus->running) {
        bus_frame_active(bus, end_ns);
    }
    while (bus->timers != NULL && bus->timers->due_ns <= end_ns && bus->now_ns <= end_ns) {
        bus_advance(bus, bus->timers->due_ns);
        bus_timers_fire(bus);
    }
    bus_advance(bus, end_ns);
    bus->frame_number++;
    bus_timeouts(bus);
}
