/*
 * What the meter sets of the headers' defaults: see docs/options.md.
 */
/* SPDX-License-Identifier: MIT */
#ifndef METER_PLUGNET_OPTIONS_H
#define METER_PLUGNET_OPTIONS_H

/* Bytes of lwIP's heap: what is copied and not yet acknowledged. With the default, 3264, GET /log.csv has two parts on
 * their way (510 bytes/ms); with this one six (1000 bytes/ms), and room for events beside them. */
#define MEM_SIZE 6144

/* Bytes of each connection for what a route wants of its request. The default, 28, has room for a password of 19 characters
 * after "Bearer "; a longer guess gets 431 instead of 401. */
#define HTTP_KEEP_MAX 64

#endif
