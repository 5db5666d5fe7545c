/*
 * Pace: see pace.h.
 */
/* SPDX-License-Identifier: MIT */
#include "host/pace.h"

#include <time.h>

#define BEHIND_NS 50000000

static int64_t real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void pace_begin(struct pace *pace, uint64_t now_ns)
{
    pace->start_ns = real_ns() - (int64_t)now_ns;
}

uint32_t pace_wait_ns(struct pace *pace, uint64_t now_ns)
{
    int64_t ahead = pace->start_ns + (int64_t)now_ns - real_ns();
    if (ahead < -BEHIND_NS) {
        pace->start_ns -= ahead;
    }
    return ahead <= 0 ? 0 : ahead < 999999999 ? (uint32_t)ahead : 999999999;
}
