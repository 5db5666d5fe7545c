/*
 * The demo's routes: /api/status, /api/leds, /api/update and /api/dfu, as API.md describes them.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_APP_STATUS_H
#define PLUGNET_APP_STATUS_H

#include "plugnet/updater.h"

#define STATUS_ROUTES 4

/* No key: whoever reaches the board may update it, as by DFU. */
extern struct updater demo_updater;

/* For struct plugnet_config; its context must be the struct plugnet. */
extern const struct http_route status_routes[STATUS_ROUTES];

#endif
