/*
 * The cable: the contract between a device end (a board's USB controller) and a PC end (a USB host).
 *
 *   PC end: owns time and schedule                device end: answers
 *   vbus(on)                                      sees VBUS
 *   pulled_up()                               ←   has its pull-up on D+
 *   bus_reset(true) … bus_reset(false)            SE0, then enumeration speed is known
 *   every millisecond: frame(number)              start of frame
 *     advance(t), then setup / out / in           lives until t, then meets one transaction
 *   bus_suspend(true) … bus_suspend(false)        no frames in between; resume signalling
 *
 * One transaction at a time, full speed, no bit errors. The PC end is the only clock: time is nanoseconds
 * since the device was powered, never runs backwards, and the device end does nothing between two calls but
 * what advance() lets it do. So a run is repeatable to the instruction. A transaction happens at the time
 * of the last advance(); what it costs on the bus is the PC end's business (host/bus.c).
 *
 * Any device end (vboard's OTG core, udc/virtual through cable_socket) plugs into any PC end (the PC in
 * user space, USB/IP, a fuzzer, the benchmark). Nothing here knows a device driver or a host driver.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CABLE_CABLE_H
#define PLUGNET_CABLE_CABLE_H

#include <stdbool.h>
#include <stdint.h>

#define CABLE_PACKET_MAX 64 /* bytes in a full-speed control, bulk or interrupt packet */

enum cable_answer {
    CABLE_ACK,     /* taken, or data follows */
    CABLE_NAK,     /* not now: ask again */
    CABLE_STALL,   /* endpoint halted, or request refused */
    CABLE_SILENCE, /* nobody there: not attached, other address, endpoint not enabled, bus in reset */
};

/* What a device end does. `device` is its own state. Called by one thread, the PC end's. */
struct cable_ops {
    /* Let the device live until `time_ns`. */
    void (*advance)(void *device, uint64_t time_ns);

    /* Plug or unplug the host's 5 V. */
    void (*vbus)(void *device, bool on);

    /* True while the device pulls D+ up and so is visible to the host. */
    bool (*pulled_up)(void *device);

    /* SE0 begins or ends. The host holds it at least 10 ms. */
    void (*bus_reset)(void *device, bool active);

    /* Start of frame, `number` 0 to 2047. Every millisecond of an active bus. */
    void (*frame)(void *device, uint16_t number);

    /* The bus goes idle (the device notices after 3 ms without frames), or the host drives resume. */
    void (*bus_suspend)(void *device, bool suspended);

    /* True while the device drives resume signalling on a suspended bus. */
    bool (*wakes)(void *device);

    /* SETUP and its DATA0 packet. A device that hears it must ACK. */
    enum cable_answer (*setup)(void *device, uint8_t address, uint8_t endpoint, const uint8_t packet[8]);

    /* OUT and its data packet: length 0 to CABLE_PACKET_MAX, data toggle `data1`. A repeated packet (wrong
     * toggle) is ACKed and dropped by the device. */
    enum cable_answer (*out)(void *device, uint8_t address, uint8_t endpoint, bool data1,
                             const uint8_t *packet, uint16_t length);

    /* IN: on CABLE_ACK, *length bytes in `packet` with toggle *data1, and the host's own ACK counts as given. */
    enum cable_answer (*in)(void *device, uint8_t address, uint8_t endpoint, bool *data1,
                            uint8_t packet[CABLE_PACKET_MAX], uint16_t *length);
};

/* A device end as the PC end holds it; `ops` and `device` belong to whoever made it. */
struct cable {
    const struct cable_ops *ops;
    void *device;
};

#endif
