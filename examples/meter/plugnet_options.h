/*
 * What the meter sets of the headers' defaults: see docs/options.md.
 */
/* SPDX-License-Identifier: MIT */
#ifndef METER_PLUGNET_OPTIONS_H
#define METER_PLUGNET_OPTIONS_H

/* Bytes of lwIP's heap: what is copied and not yet acknowledged. With the default, 3264, GET /log.csv runs at 560
 * bytes/ms; with this one at 950, and room for events beside them. */
#define MEM_SIZE 6144

/* Bytes of each connection for what a route wants of its request. The default, 28, has room for a password of 19 characters
 * after "Bearer "; a longer guess gets 431 instead of 401. */
#define HTTP_KEEP_MAX 64

#endif
