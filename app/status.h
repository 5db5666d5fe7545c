/*
 * The demo's routes: GET /api/status and POST /api/leds, as API.md describes them.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_APP_STATUS_H
#define PLUGNET_APP_STATUS_H

#include "net/http.h"

#define STATUS_ROUTES 2

/* For struct plugnet_config; its context must be the struct plugnet. */
extern const struct http_route status_routes[STATUS_ROUTES];

#endif
