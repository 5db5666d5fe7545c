/*
 * Traffic in the background of a scenario: downloads of the page, an upload, echoes, all at once and for ever.
 *
 *   load_start ─→ (rig_step keeps it going) ─→ load_stop
 *
 * A connection that fails, or does nothing for 3 s, is opened anew; so are all of them after a new lease.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_SYSTEM_LOAD_H
#define PLUGNET_TEST_SYSTEM_LOAD_H

#include "test/system/rig.h"

#define LOAD_DOWN 1u /* 3 connections that get the page over and over */
#define LOAD_UP   2u /* one connection to the iperf port that sends what it can */
#define LOAD_ECHO 4u /* an echo in each millisecond, one in four of 1,472 bytes, answered or not */
#define LOAD_ALL  7u

void load_start(struct rig *rig, unsigned kinds);
void load_stop(struct rig *rig);

/* Bytes of TCP payload moved so far, both ways. */
uint64_t load_bytes(void);

#endif
