/*
 * A measuring device as a product: what its files share. README.md goes through them.
 *
 *   wave.c ─→ sampler.c ─→ live.c       GET /events, GET /ws         20 samples a second to pages
 *     │           ├──────→ telemetry.c  UDP 5005 of the PC           10 a second to a program
 *     │           └──────→ scpi.c       TCP 2323                     asked for, line by line
 *     └──────────────────→ log.c        GET /log.csv?rows=N          made on the fly
 *   settings.c                          GET and PUT /settings        what wave.c measures, whether UDP is sent; in flash
 *   upload.c                            PUT /upload                  any length
 *
 * All of it runs in the loop's thread, on bare metal and with an operating system: no locks.
 */
/* SPDX-License-Identifier: MIT */
#ifndef METER_H
#define METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http/events.h"
#include "net/http/http.h"
#include "net/http/websocket.h"
#include "plugnet/plugnet.h"
#include "store/store.h"
#include "wire/json.h"
#include "wire/text.h"

#define SAMPLE_MS       50  /* 20 samples a second */
#define SAMPLE_TEXT_MAX 112 /* bytes of sample_put */

/* The signal. No board has the same sensor, so it is computed: a sine with noise. */
struct wave {
    int16_t amplitude_mv;
    int16_t noise_mv;  /* at most so far from the sine */
    int16_t frequency; /* hundredths of a hertz */
};

/* Millivolts of sample `number`. Pure: the same number gives the same value, so that the log can be made on the fly. */
int32_t wave_millivolts(const struct wave *wave, uint32_t number);

/* What PUT /settings changes. A value in flash: whoever changes the struct counts SCHEMA up (settings.c). */
struct settings {
    struct wave wave;
    bool telemetry;
    char name[24];
    char host[PLUGNET_NAME_MAX + 1]; /* HOST.local */
};

const struct settings *settings_now(void);

struct sample {
    uint32_t number; /* from 0 */
    uint32_t ms;     /* since start */
    int32_t millivolts;
    uint32_t load_permille; /* of the processor; this one and the button are really measured */
    bool button;
};

/* The newest one. */
const struct sample *sample_now(void);

/* Put it as a JSON object, as all who get it see it. */
void sample_put(struct text *out, const struct sample *sample);

extern const struct plugnet_service sampler_service, live_service, telemetry_service, scpi_service;

/* live.c */
extern struct http_events live_events;
extern const struct websocket live_socket;
void live_tell(const struct sample *sample);

/* main.c: HOST.local from now on. */
void meter_rename(const char *host);

/* settings.c */
void settings_load(void); /* at start, before the network */
extern const char *const settings_headers[];
uint16_t settings_begin(struct http_request *r);
size_t settings_body(struct http_request *r, const uint8_t *bytes, size_t length);
uint16_t settings_end(struct http_request *r);
enum http_progress settings_output(struct http_request *r, struct text *out);
void settings_gone(struct http_request *r);

/* upload.c */
size_t upload_body(struct http_request *r, const uint8_t *bytes, size_t length);
enum http_progress upload_output(struct http_request *r, struct text *out);

/* log.c */
uint16_t log_begin(struct http_request *r);
uint16_t log_end(struct http_request *r);
void log_head(struct http_request *r, struct text *out);
enum http_progress log_output(struct http_request *r, struct text *out);

#endif
