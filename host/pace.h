/*
 * Pace: virtual time that keeps step with this machine's clock.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_PACE_H
#define PLUGNET_HOST_PACE_H

#include <stdint.h>

struct pace {
    int64_t start_ns; /* of the machine's clock, when virtual time was 0 */
};

/* From now on `now_ns` of virtual time means now. */
void pace_begin(struct pace *pace, uint64_t now_ns);

/* How long to wait, ns, until virtual time `now_ns` is due; 0: at once. What is more than 50 ms late is let go. */
uint32_t pace_wait_ns(struct pace *pace, uint64_t now_ns);

#endif
