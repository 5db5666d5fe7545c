/*
 * Server-Sent Events for products: one ring of events for all readers of a stream; a page reads it by EventSource.
 *
 *   static char ring[2048];
 *   static struct http_events events = {.ring = ring, .size = sizeof ring};
 *
 *   static const struct http_route routes[] = {{.path = "/events", HTTP_EVENTS(&events)}};
 *   static const struct plugnet_service live = PLUGNET_EVENTS("live", &events);    listed in .services: plugnet/plugnet.h
 *
 *   http_events_put(&events, NULL, "{\"volts\":3}", 11);    whenever there is something to tell
 *
 * An event is kept once, however many read it: a reader is a request that waits, with its place in the ring in http_state.
 * A new event takes the place of the oldest ones. A reader that is too slow for that loses them, or its answer ends: see
 * http_events_options; it costs nothing else. Each event has an id, by which a browser that was cut off goes on where it
 * was (Last-Event-ID). Several streams: several structs, each with its ring. docs/events.md is the guide.
 *
 * Source: the HTML standard (WHATWG), "Server-sent events".
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_EVENTS_H
#define PLUGNET_NET_HTTP_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http/http.h"
#include "wire/text.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HTTP_EVENTS_ID_MAX 22 /* bytes of "id: 01234567-89abcdef" and its line end */

/* Bytes of an event's own lines, the longest that fits into one part: "data: " and a line end for each line of its data,
 * "event: " and a line end for its type, and an empty line. One line of data without a type may have 8 bytes less. */
#define HTTP_EVENTS_FRAME_MAX (HTTP_PART_MAX - HTTP_EVENTS_ID_MAX)

#define HTTP_EVENTS_RING_MIN 64

/* Bytes of all the lines that a snapshot may put. */
#define HTTP_EVENTS_SNAPSHOT_MAX (HTTP_PART_MAX - 44)

/* Where a reader begins that names no event, or one that isn't known: never given, or before the board's reset. A reader
 * that names one which has been overwritten begins there, too. */
enum http_events_start {
    HTTP_EVENTS_OLDEST, /* with all that is in the ring */
    HTTP_EVENTS_NEWEST, /* with what is put from now on */
};

/* What a product may choose. Const; outlives the stream. All zeros is what a stream without options has. */
struct http_events_options {
    uint8_t start; /* enum http_events_start */
    bool
        close_slow; /* end the answer of a reader that has lost events; false: it goes on with the oldest one left */
    uint8_t readers_max;  /* readers at a time, the next one gets 503; 0: as many as there are connections */
    uint16_t heartbeat_s; /* seconds without an event, after which a reader gets a comment line; 0: never */
    uint32_t retry_ms;    /* how long a browser waits before it connects again; 0: it decides, some 3 s */

    /* Type of an event that tells a reader how many it has lost, in decimal: "lost". NULL: none is sent, and gaps between
     * ids show it. */
    const char *lost;

    /* The first events for a reader that goes on behind no event it has seen: what the page needs before it hears of
     * changes. By http_events_frame, into `out`, HTTP_EVENTS_SNAPSHOT_MAX bytes in all; they have no id. Called in the
     * loop's thread. NULL: none. */
    void (*snapshot)(struct http_request *r, struct text *out);
};

/* How other threads, or interrupts, are kept out for a short while: at most for the copying of one part, and for a few
 * dozen instructions for each reader. Const. `take` may be called again while it is taken. */
struct http_events_lock {
    uint32_t (*take)(void); /* returns what `give` must get back */
    void (*give)(uint32_t taken);
};

/* Counters; they wrap, `readers` excepted. */
struct http_events_stats {
    uint32_t put;     /* events taken; the last one's number */
    uint32_t refused; /* events refused: too long, or with a type that would break the lines */
    uint32_t opened;  /* readers that came */
    uint32_t denied;  /* readers that got 503 */
    uint32_t lost;    /* events lost by readers, all together */
    uint32_t closed;  /* readers whose answer was ended because they were too slow */
    uint32_t readers; /* now */
};

/* A stream of events; caller-owned, static: 80 bytes and the ring. */
struct http_events {
    /* You set. */
    char *ring;  /* yours, for as long as the stream lives: each event takes its own lines and 2 bytes more */
    size_t size; /* bytes of it, at least HTTP_EVENTS_RING_MIN; an event longer than the ring is refused */
    const struct http_events_options *options; /* NULL: all zeros */
    const struct http_events_lock *lock;       /* NULL: the one of http_events_start, if that has one */

    /* We keep; `stats` may be read. */
    struct http_events_stats stats;
    uint32_t epoch;          /* what makes ids of this start differ from those of others */
    uint32_t oldest;         /* number of the oldest event in the ring; put + 1: it is empty */
    size_t tail, head, wrap; /* offsets in the ring: oldest event, next one, end of what is used */
    uint32_t now_ms, looked_ms;
    bool started;
    struct http_request *readers; /* a list by their states */
};

/* Begin; once. `epoch` is random, so that no id from before a reset is taken for one of now. `lock` is for events from other
 * threads, where the product has set none of its own; NULL: all come from the loop. Before it, each event is refused, and
 * each reader gets 503, which the log explains. PLUGNET_EVENTS, listed in .services, does this. */
void http_events_start(struct http_events *events, uint32_t epoch, const struct http_events_lock *lock);

/* Put an event, and wake those that read. `type`: what the page listens for, NULL: "message". `data`: UTF-8, of one or more
 * lines (LF, CR, or both; the page gets LF), copied. False: refused and counted: its lines don't fit into
 * HTTP_EVENTS_FRAME_MAX or into the ring, or `type` has a control character in it. From the loop's thread; with a lock also
 * from what that keeps out: threads with an operating system (PLUGNET_EVENTS), interrupts if the product's lock masks them. */
bool http_events_put(struct http_events *events, const char *type, const char *data, size_t length);

/* The same with what was put together in `data`; refused if it had overflowed. */
bool http_events_put_text(struct http_events *events, const char *type, const struct text *data);

/* For `snapshot`: put an event's lines into `out`. False: refused, as http_events_put does, and `out` is as it was. Not
 * counted. Any context. */
bool http_events_frame(struct text *out, const char *type, const char *data, size_t length);

/* For heartbeats: call it from the loop's thread, four times a second or more often, with a time in milliseconds.
 * PLUGNET_EVENTS does this. */
void http_events_tick(struct http_events *events, uint32_t now_ms);

/* Put the counters as JSON members. */
void http_events_status(const struct http_events *events, struct text *out);

/* ---- The route: methods GET and HEAD; `path` and `access` are yours, before it. ---- */

#define HTTP_EVENTS(stream)                                                                                  \
    .type = "text/event-stream", .headers = http_events_headers, .begin = http_events_begin,                 \
    .output = http_events_output, .gone = http_events_gone, .data = (stream)

extern const char *const http_events_headers[]; /* Last-Event-ID takes 19 bytes of HTTP_KEEP_MAX */
uint16_t http_events_begin(struct http_request *r);
enum http_progress http_events_output(struct http_request *r, struct text *out);
void http_events_gone(struct http_request *r);

#ifdef __cplusplus
}
#endif

#endif
