/* The settings: one struct; each member is a value in flash. */
/* SPDX-License-Identifier: MIT */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/http/http.h"
#include "plugnet/plugnet.h"
#include "wire/text.h"

/* A further member takes a line here, one in the table of settings.c, and its default there. */
struct settings {
    char name[PLUGNET_NAME_MAX + 1]; /* NAME.local */
    bool led;                        /* the first LED is on */
};

const struct settings *settings_now(void);
void settings_load(void);             /* at start, before the network */
void settings_started(void *context); /* when all has started */

/* Of the route /api/settings. */
size_t settings_body(struct http_request *r, const uint8_t *bytes, size_t length);
uint16_t settings_end(struct http_request *r);
enum http_progress settings_output(struct http_request *r, struct text *out);
void settings_gone(struct http_request *r);

/* main.c: NAME.local from now on. */
void rename_now(const char *name);

#endif
