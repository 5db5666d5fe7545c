/*
 * A sequence: control requests and pauses one after the other, as a driver's probe function does them.
 *
 *   const struct sequence_step table[] ─→ sequence_start ─→ prepare, request or pause, check ─→ … ─→ done
 *
 * Each step's `prepare` says what to do now; `check` looks at the result. The first step that fails ends the
 * sequence. Enumeration and the NCM driver's binding are two such tables.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_SEQUENCE_H
#define PLUGNET_HOST_SEQUENCE_H

#include "host/bus.h"
#include "wire/usb_ch9.h"

#define SEQUENCE_DATA_MAX 4096 /* bytes of a data stage */

enum sequence_action {
    SEQUENCE_SKIP,    /* this step does not apply */
    SEQUENCE_REQUEST, /* do sequence->setup; for OUT, data holds wLength bytes */
    SEQUENCE_PAUSE,   /* wait sequence->pause_ms */
};

struct sequence;

struct sequence_step {
    const char *name; /* for messages */
    enum sequence_action (*prepare)(struct sequence *sequence);

    /* After a request: false ends the sequence as failed. NULL: must be URB_OK, however long. */
    bool (*check)(struct sequence *sequence, enum urb_status status, uint32_t actual);
};

struct sequence {
    /* You set. */
    struct bus *bus;
    const struct sequence_step *steps;
    unsigned step_count;
    uint8_t address; /* may change between steps */
    uint8_t packet_size;
    /* The sequence is over. `failed`: the step's name, NULL when all went well. Not called after a stop. */
    void (*done)(struct sequence *sequence, const char *failed, enum urb_status status);
    void *context;

    /* `prepare` sets. */
    struct usb_setup setup;
    uint32_t pause_ms;
    uint8_t data[SEQUENCE_DATA_MAX];

    /* We keep. */
    unsigned step;
    bool active;
    struct urb urb;
    struct bus_timer timer;
};

void sequence_start(struct sequence *sequence);
void sequence_stop(struct sequence *sequence);

#endif
