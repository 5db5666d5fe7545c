/*
 * A scenario: something that happens to a board and its cable, after which the board must be as before.
 *
 * main.c starts the rig, waits for the lease, notes the pools, runs the scenario, and asks rig_healthy; a
 * scenario that is `alone` gets an empty rig with only its config and does all that itself.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_SYSTEM_SCENARIO_H
#define PLUGNET_TEST_SYSTEM_SCENARIO_H

#include <signal.h>

#include "test/system/client.h"
#include "test/system/ghost.h"
#include "test/system/rig.h"

#define SCENARIO_VBOARD 1u
#define SCENARIO_NATIVE 2u
#define SCENARIO_BOTH   3u
#define SCENARIO_HOLDER 4u  /* the firmware of test/holder, as a process */
#define SCENARIO_STREAM 32u /* the firmware of test/stream, on the first virtual board */
#define SCENARIO_OWNSTACK                                                                                    \
    64u /* the image of examples/ownstack (--ownstack), on a virtual board or as a process */
#define SCENARIO_WAKE    256u /* the firmware of test/wake (--wakes), on a virtual board */
#define SCENARIO_THREADS 8u   /* images with threads, on a virtual board (--threads) */
#define SCENARIO_CONSOLE 16u  /* images with threads, there and as a process */
#define SCENARIO_ACM     128u /* the firmware of examples/console */

struct scenario {
    const char *name;
    unsigned targets;
    void (*run)(struct rig *rig);
    unsigned limit_s; /* of this machine's time, generous */
    bool alone;
};

/* The tables; each ends with a NULL name. */
extern const struct scenario scenarios_basic[], scenarios_tcp[], scenarios_net[], scenarios_ntb[],
    scenarios_usb[], scenarios_sleep[], scenarios_holder[], scenarios_threads[], scenarios_stream[],
    scenarios_slow[], scenarios_console[], scenarios_ownstack[], scenarios_acm[], scenarios_suspend[];

#endif
