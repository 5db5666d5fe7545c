/*
 * Live data: each sample as an event (GET /events), and as a message of a WebSocket (GET /ws), which sends back what it gets.
 */
/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include <string.h>

/* ---- Server-Sent Events ---- */

static char ring[2048]; /* the last second */
static const struct http_events_options options = {
    .start = HTTP_EVENTS_NEWEST, .retry_ms = 1000, .lost = "lost"};
struct http_events live_events = {.ring = ring, .size = sizeof ring, .options = &options};
const struct plugnet_service live_service = PLUGNET_EVENTS("live", &live_events);

void live_tell(const struct sample *sample)
{
    char bytes[SAMPLE_TEXT_MAX];
    struct text text = text_over(bytes, sizeof bytes);

    sample_put(&text, sample);
    http_events_put_text(&live_events, NULL, &text);
    websocket_wake_all(&live_socket);
}

/* ---- WebSocket ---- */

#define SOCKETS  4
#define ECHO_MAX 512 /* bytes of a message that are on their way back; longer ones come piece by piece */

static struct websocket_session sessions[SOCKETS];

/* What one session has yet to get. */
static struct live_session {
    uint32_t told; /* number of the sample that it has got, and 1 */
    uint8_t echo[ECHO_MAX];
    size_t length;
    bool waits; /* `echo` is to be sent */
    bool text, last;
    bool inside; /* of a message that is sent back: no sample may come between its frames */
} live_sessions[SOCKETS];

static uint16_t live_open(struct websocket_session *s, struct http_request *r)
{
    (void)r;
    live_sessions[websocket_number(s)] = (struct live_session){.told = sample_now()->number + 1};
    return 0;
}

static size_t live_room(struct websocket_session *s)
{
    return live_sessions[websocket_number(s)].waits ? 0 : ECHO_MAX;
}

static void live_message(struct websocket_session *s, const struct websocket_piece *piece)
{
    struct live_session *l = &live_sessions[websocket_number(s)];

    memcpy(l->echo, piece->bytes, piece->length);
    l->length = piece->length;
    l->text = piece->text;
    l->last = piece->last;
    l->waits = true;
}

static enum websocket_frame live_echo(struct live_session *l, struct text *out)
{
    text_put_bytes(out, (const char *)l->echo, l->length);
    l->waits = false;
    l->inside = !l->last;
    if (l->last) {
        return l->text ? WEBSOCKET_TEXT : WEBSOCKET_BINARY;
    }
    return l->text ? WEBSOCKET_TEXT_MORE : WEBSOCKET_BINARY_MORE;
}

/* A reader that is too slow for all samples gets the newest one. */
static enum websocket_frame live_output(struct websocket_session *s, struct text *out)
{
    struct live_session *l = &live_sessions[websocket_number(s)];
    const struct sample *sample = sample_now();

    if (l->waits) {
        return live_echo(l, out);
    }
    if (l->inside || l->told == sample->number + 1) {
        return WEBSOCKET_NOTHING;
    }
    sample_put(out, sample);
    l->told = sample->number + 1;
    return WEBSOCKET_TEXT;
}

const struct websocket live_socket = {
    .sessions = sessions,
    .count = SOCKETS,
    .open = live_open,
    .room = live_room,
    .message = live_message,
    .output = live_output,
};
