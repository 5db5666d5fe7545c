/*
 * The fixture: what a finger can do at a board, beside its USB cable.
 *
 *   button(0, true)     press and hold the user button          leds()        look at the LEDs
 *   reset()             press the reset key and let go           power(false)  cut the supply
 *
 * A device end that has such things offers a `struct fixture` beside its `struct cable`; the PC end passes on
 * what a test, the control socket or the terminal asks for. Called by the cable's thread only, never from
 * inside a cable call; a deed happens at the time of the last cable_ops.advance().
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CABLE_FIXTURE_H
#define PLUGNET_CABLE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

/* What a device end implements; any pointer may be NULL: then the board has no such thing. `board` is its own
 * state. */
struct fixture_ops {
    /* Press or release a button; 0 is the user button. A number that the board lacks is ignored. */
    void (*button)(void *board, unsigned number, bool pressed);

    /* Bit n is set while LED n is lit. */
    uint32_t (*leds)(void *board);

    /* The reset key: the pull-up goes away, and the firmware starts from its reset vector. RAM keeps. */
    void (*reset)(void *board);

    /* Cut or give power. Off: nobody answers on the cable, RAM is lost. Time goes on. Boards start powered. */
    void (*power)(void *board, bool on);
};

/* `ops` and `board` belong to whoever made it. ops NULL: no fixture. */
struct fixture {
    const struct fixture_ops *ops;
    void *board;
};

#endif
