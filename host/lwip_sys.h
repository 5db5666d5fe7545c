/*
 * What lwIP needs from a system: a clock and random numbers, both virtual.
 *
 * lwIP is all globals, so these are too: a process has one lwIP, and one PC at a time. The clock goes on from
 * one PC to the next, because lwIP's timers do.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_LWIP_SYS_H
#define PLUGNET_HOST_LWIP_SYS_H

#include <stdbool.h>
#include <stdint.h>

/* Take lwIP for a PC whose time is *clock_ns; initialises lwIP the first time. False: it is taken. */
bool lwip_sys_take(const uint64_t *clock_ns, uint32_t seed);
void lwip_sys_release(void);

#endif
