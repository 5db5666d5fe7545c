/*
 * A new version from a browser: the route /api/update, and the trial of a version that was just installed (update/update.h).
 *
 *   static const struct plugnet_updater_config update_config = {.update.trust = UPDATE_SIGNED_BY(public_key)};
 *   static struct updater updater = {.config = &update_config};
 *   static const struct plugnet_service update_service = PLUGNET_UPDATER(&updater);        into .services
 *   static const struct http_route routes[] = {PLUGNET_UPDATER_ROUTE(&updater), … };       into .routes
 *
 *   GET     what is installed and staged, and how far it is: docs/update.md has the object
 *   PUT     the bytes of a NAME.update: 200 when they are whole and allowed, else a status of 4xx or 5xx; the same object, with `error`
 *   POST    install what is staged: 202, then the board leaves the bus, swaps in some seconds, and comes back as the new version. A body
 *           of 32 hexadecimal digits is the `build` that is meant: 409 if another is staged
 *   DELETE  forget what is staged, or break off the PUT of whoever sends
 *
 * A version that was installed is on trial: it must be confirmed, by an answer of the HTTP server or by the product itself. Else the boot
 * loader brings the old one back: after trial_s during which a host had configured the board, or after the third crash.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_UPDATER_H
#define PLUGNET_UPDATER_H

#include "plugnet/plugnet.h"
#include "update/update.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Const, outlives the device. */
struct plugnet_updater_config {
    struct update_config update;
    bool
        own_confirm; /* the product calls plugnet_updater_confirm; else the first answer of the HTTP server below 400 does it */
    uint16_t trial_s; /* 120 */
    bool dfu;         /* with a key: plugnet_dfu may be listed all the same, and takes any image */
};

/* Caller-owned, static; 0.3 kB. Fields but `config` are ours, and may be read. */
struct updater {
    const struct plugnet_updater_config
        *config; /* yours; NULL: all defaults, images without a signature are taken */
    struct update update;
    struct plugnet *plugnet;
    struct http_request *owner; /* whose body comes */
    bool held;                  /* it waits */
    bool
        fed; /* the boot loader has started the watchdog for the trial: it is ours to feed until the next reset */
    uint8_t rest_ms; /* until the next upload may erase: the others' turn */
    uint32_t now_ms;
    uint32_t tried_ms; /* of the trial, while a host had configured us */
    uint32_t leave_ms; /* when we reset, and `leaves` */
    bool leaves;
    bool said; /* on the log, how it stands */
};

#define PLUGNET_UPDATER(updater_)                                                                            \
    {                                                                                                        \
        .name = "update", .state = (updater_), .start = plugnet_updater_start, .poll = plugnet_updater_poll, \
        .tick = plugnet_updater_tick                                                                         \
    }
#define PLUGNET_UPDATER_ROUTE(updater_)                                                                      \
    {                                                                                                        \
        .path = "/api/update", .methods = HTTP_GET | HTTP_PUT | HTTP_POST | HTTP_DELETE,                     \
        .type = "application/json", .begin = plugnet_updater_begin, .body = plugnet_updater_body,            \
        .end = plugnet_updater_end, .output = plugnet_updater_output, .gone = plugnet_updater_gone,          \
        .data = (updater_)                                                                                   \
    }

/* The running version, on trial, stays. Where the configuration says own_confirm; loop. */
void plugnet_updater_confirm(struct updater *u);

/* The running version, on trial, is no good: the board resets at once, and the old one comes back. Loop. */
void plugnet_updater_give_up(struct updater *u);

/* For the two macros. */
const char *plugnet_updater_start(void *updater, struct plugnet *p);
void plugnet_updater_poll(void *updater);
void plugnet_updater_tick(void *updater, uint32_t now_ms);
uint16_t plugnet_updater_begin(struct http_request *r);
size_t plugnet_updater_body(struct http_request *r, const uint8_t *bytes, size_t length);
uint16_t plugnet_updater_end(struct http_request *r);
enum http_progress plugnet_updater_output(struct http_request *r, struct text *out);
void plugnet_updater_gone(struct http_request *r);

#ifdef __cplusplus
}
#endif

#endif
