/*
 * The demo's routes: GET /api/status, POST /api/leds and POST /api/dfu, as API.md describes them.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_APP_STATUS_H
#define PLUGNET_APP_STATUS_H

#include "net/http/http.h"

#define STATUS_ROUTES 3

/* For struct plugnet_config; its context must be the struct plugnet. */
extern const struct http_route status_routes[STATUS_ROUTES];

#endif
