/*
 * A sequence of control requests: see sequence.h.
 */
/* SPDX-License-Identifier: MIT */
#include "host/sequence.h"

#include <stddef.h>

static void sequence_request_done(struct urb *urb);
static void sequence_pause_done(void *context);

static void sequence_end(struct sequence *sequence, const char *failed, enum urb_status status)
{
    sequence->active = false;
    sequence->done(sequence, failed, status);
}

/* Begin the step that is next; steps that don't apply are passed over. */
static void sequence_go(struct sequence *sequence)
{
    while (sequence->step < sequence->step_count) {
        switch (sequence->steps[sequence->step].prepare(sequence)) {
        case SEQUENCE_REQUEST:
            sequence->urb.address = sequence->address;
            sequence->urb.packet_size = sequence->packet_size;
            sequence->urb.type = USB_ENDPOINT_CONTROL;
            sequence->urb.endpoint = 0;
            sequence->urb.data = sequence->data;
            sequence->urb.length = sequence->setup.wLength;
            sequence->urb.timeout_ms = BUS_CONTROL_TIMEOUT_MS;
            sequence->urb.complete = sequence_request_done;
            sequence->urb.context = sequence;
            usb_setup_store(sequence->urb.setup, &sequence->setup);
            bus_submit(sequence->bus, &sequence->urb);
            return;
        case SEQUENCE_PAUSE:
            sequence->timer.fire = sequence_pause_done;
            sequence->timer.context = sequence;
            bus_timer_set(sequence->bus, &sequence->timer,
                          sequence->bus->now_ns + (uint64_t)sequence->pause_ms * 1000000);
            return;
        default: sequence->step++;
        }
    }
    sequence_end(sequence, NULL, URB_OK);
}

static void sequence_request_done(struct urb *urb)
{
    struct sequence *sequence = urb->context;
    if (!sequence->active) {
        return;
    }
    const struct sequence_step *step = &sequence->steps[sequence->step];
    bool good = step->check != NULL ? step->check(sequence, urb->status, urb->actual) : urb->status == URB_OK;
    if (!sequence->active) {
        return;
    }
    if (!good) {
        sequence_end(sequence, step->name, urb->status);
        return;
    }
    sequence->step++;
    sequence_go(sequence);
}

static void sequence_pause_done(void *context)
{
    struct sequence *sequence = context;
    sequence->step++;
    sequence_go(sequence);
}

void sequence_start(struct sequence *sequence)
{
    sequence->step = 0;
    sequence->active = true;
    sequence_go(sequence);
}

void sequence_stop(struct sequence *sequence)
{
    sequence->active = false;
    bus_timer_stop(sequence->bus, &sequence->timer);
    bus_cancel(sequence->bus, &sequence->urb);
}
