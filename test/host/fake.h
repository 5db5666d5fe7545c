/*
 * A small scripted device end for the PC's tests: nothing of the firmware, just what a test tells it to be.
 *
 *   fake_init ─→ fake_cable ─→ bus_init or pc_new; meanwhile
 *   fake_in(ep, bytes)        a transfer that waits to be read       fake_out: what was written
 *   ep[n].in_answer, .out_answer   CABLE_NAK, CABLE_STALL, CABLE_SILENCE instead of serving
 *   log                       one line for each reset, request and change, with its time
 *
 * Endpoint 0 serves the standard requests from `device_descriptor`, `config`, `bos`, `strings`, and NCM's
 * GET_NTB_PARAMETERS; a notification follows alternate setting 1. It checks what a device may expect of a host:
 * time never runs backwards, no transaction in reset or suspend, frame numbers in order.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_HOST_FAKE_H
#define PLUGNET_TEST_HOST_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cable/cable.h"
#include "wire/usb_ch9.h"

#define FAKE_BYTES_MAX     (1 << 20)
#define FAKE_TRANSFERS_MAX 4096
#define FAKE_LOG_MAX       256
#define FAKE_EP_NOTIFY     1
#define FAKE_EP_DATA       2

struct fake_ep {
    bool open;
    enum cable_answer in_answer, out_answer; /* CABLE_ACK: serve */
    bool in_data1, out_data1;
    uint32_t naks;     /* answer NAK so many times first, either direction */
    uint32_t naks_out; /* the same, OUT alone */
    bool in_repeat;    /* send the next packet once with the wrong toggle */
    uint16_t packet_size;
    bool in_zlp; /* end transfers that are a multiple of packet_size with an empty packet */

    uint8_t *in;
    uint32_t in_end[FAKE_TRANSFERS_MAX]; /* where each transfer ends */
    uint32_t in_first, in_count, in_at;

    uint8_t *out;
    uint32_t out_length, out_start;
    uint32_t out_transfers[FAKE_TRANSFERS_MAX]; /* lengths of transfers that ended with a short packet */
    uint32_t out_count;
    uint32_t packets_in, packets_out, repeats_out;
};

struct fake {
    uint8_t device_descriptor[18], config[256], bos[64];
    uint16_t config_length, bos_length;
    const char *strings[8];
    uint8_t parameters[28];
    uint8_t stall_request; /* bRequest that is refused; 0xFF: none */
    uint8_t silent_setups; /* so many SETUPs are not heard */

    uint64_t time_ns;
    bool vbus, pull_up, reset, suspended, wakes;
    bool notify; /* send NETWORK_CONNECTION after alternate setting 1 */
    uint8_t address, new_address, configuration, alternate;
    uint16_t frame;
    uint32_t frames, resets;
    uint64_t reset_ns;      /* when SE0 began */
    uint32_t packets_frame; /* bulk packets in this frame */
    uint32_t packets_frame_max;
    const char *wrong; /* first thing that a host must not do; NULL: none */

    /* A frame came in on bulk OUT (each datagram of each NTB); may be NULL. */
    void (*frame_received)(struct fake *fake, const uint8_t *bytes, uint32_t length);
    void *context;

    struct usb_setup setup;
    uint8_t control[512];
    uint32_t control_length, control_at;
    bool control_stall, control_data1, control_in;

    struct fake_ep ep[16];
    char log[FAKE_LOG_MAX][96];
    uint32_t log_count;
    uint32_t button_mask, leds;
};

void fake_init(struct fake *fake);
void fake_free(struct fake *fake);
struct cable fake_cable(struct fake *fake);

/* Queue a transfer for the host to read. */
void fake_in(struct fake *fake, uint8_t ep, const void *bytes, uint32_t length);

/* Queue an Ethernet frame in an NTB of its own. */
void fake_frame(struct fake *fake, const uint8_t *frame, uint32_t length);

/* Does a line of the log contain this text? Returns its number, or -1. */
int fake_logged(const struct fake *fake, const char *text);

#endif
