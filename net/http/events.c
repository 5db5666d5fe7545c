/*
 * Server-Sent Events: the ring, its readers, and the lines that they get.
 *
 *   ring     … | length, lines | length, lines | …     two bytes of length; "event: …", "data: …" and an empty line
 *               ↑ tail: the oldest               ↑ head: where the next one goes
 *
 * An event lies in one piece: what doesn't fit before the ring's end goes to its begin, and `wrap` is where the rest ended.
 * Its number isn't kept: a reader has the number of the event it wants and where that lies. A reader that has all waits; the
 * next event's place is told to it when that is put. Numbers are compared by their difference, since they wrap.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/events.h"

#include <string.h>

#include "net/http/http_private.h"

#define RECORD_HEAD  2  /* bytes of an event's length */
#define SEEK_STEPS   32 /* events that are passed by while others are locked out */
#define LOOK_MS      250
#define EPOCH_DIGITS 8

/* A reader's place; in http_state, all zeros at first. */
struct reader {
    struct http_request *next; /* in the stream's list */
    uint32_t number;           /* of the event it gets next */
    size_t at;                 /* where that lies, once it is there */
    uint32_t lost;             /* events it has lost and not been told of */
    uint32_t sent_ms;
    bool linked, begun, waits;
};

_Static_assert(sizeof(struct reader) <= HTTP_STATE_MAX, "HTTP_STATE_MAX: a reader of events needs that much");

const char *const http_events_headers[] = {"Last-Event-ID", NULL};

static const struct http_events_options no_options;

static const struct http_events_options *options_of(const struct http_events *e)
{
    return e->options != NULL ? e->options : &no_options;
}

static struct http_events *events_of(const struct http_request *r)
{
    return (struct http_events *)(uintptr_t)http_data(r);
}

static bool has_started(const struct http_events *e)
{
    return __atomic_load_n(&e->started, __ATOMIC_ACQUIRE);
}

static uint32_t lock_take(const struct http_events *e)
{
    return e->lock != NULL ? e->lock->take() : 0;
}

static void lock_give(const struct http_events *e, uint32_t taken)
{
    if (e->lock != NULL) {
        e->lock->give(taken);
    }
}

void http_events_start(struct http_events *events, uint32_t epoch, const struct http_events_lock *lock)
{
    events->lock = events->lock != NULL ? events->lock : lock;
    events->epoch = epoch;
    events->oldest = 1;
    events->wrap = events->size;
    __atomic_store_n(&events->started, true, __ATOMIC_RELEASE);
}

/* ---- Lines ---- */

/* The line of `data` from `at` ends at the returned offset; `*next` is where the one behind it begins, or beyond `length`. */
static size_t line_end(const char *data, size_t length, size_t at, size_t *next)
{
    size_t end = at;

    while (end < length && data[end] != '\n' && data[end] != '\r') {
        end++;
    }
    *next = end + (end + 1 < length && data[end] == '\r' && data[end + 1] == '\n' ? 2 : 1);
    return end;
}

/* Bytes of an event's lines; 0: it can't be one. */
static size_t frame_length(const char *type, const char *data, size_t length)
{
    size_t total = 1;

    if (length > HTTP_EVENTS_FRAME_MAX) {
        return 0;
    }
    if (type != NULL) {
        size_t letters = 0;
        while ((uint8_t)type[letters] >= ' ' && type[letters] != 0x7F && letters < HTTP_EVENTS_FRAME_MAX) {
            letters++;
        }
        if (type[letters] != 0) {
            return 0;
        }
        total += sizeof "event: \n" - 1 + letters;
    }
    for (size_t at = 0; at <= length;) {
        size_t begin = at;
        total += sizeof "data: \n" - 1 + line_end(data, length, begin, &at) - begin;
    }
    return total <= HTTP_EVENTS_FRAME_MAX ? total : 0;
}

static void frame_put(struct text *out, const char *type, const char *data, size_t length)
{
    if (type != NULL) {
        TEXT_PUT(out, "event: ");
        text_put(out, type);
        TEXT_PUT(out, "\n");
    }
    for (size_t at = 0; at <= length;) {
        size_t begin = at, end = line_end(data, length, begin, &at);
        TEXT_PUT(out, "data: ");
        text_put_bytes(out, data + begin, end - begin);
        TEXT_PUT(out, "\n");
    }
    TEXT_PUT(out, "\n");
}

bool http_events_frame(struct text *out, const char *type, const char *data, size_t length)
{
    size_t total = frame_length(type, data, length);

    if (total == 0 || total > out->capacity - out->length) {
        return false;
    }
    frame_put(out, type, data, length);
    return true;
}

static void id_put(struct text *out, uint32_t epoch, uint32_t number)
{
    TEXT_PUT(out, "id: ");
    text_put_hex(out, epoch, EPOCH_DIGITS);
    TEXT_PUT(out, "-");
    text_put_hex(out, number, 8);
    TEXT_PUT(out, "\n");
}

/* Read one of our ids as it is written by id_put. False: it isn't one of this start. */
static bool id_parse(const char *id, uint32_t epoch, uint32_t *number)
{
    char bytes[HTTP_EVENTS_ID_MAX];
    struct text t = text_over(bytes, sizeof bytes);
    uint32_t value = 0;
    size_t length = strlen(id);

    if (length != HTTP_EVENTS_ID_MAX - 5) {
        return false;
    }
    for (size_t i = EPOCH_DIGITS + 1; i < length; i++) {
        value = value << 4 | (id[i] <= '9' ? (uint32_t)id[i] & 0xF : (uint32_t)(id[i] - 'a' + 10) & 0xF);
    }
    id_put(&t, epoch, value);
    *number = value;
    return memcmp(id, bytes + 4, length) == 0; /* so no other spelling is one */
}

/* ---- The ring ---- */

static size_t record_length(const struct http_events *e, size_t at)
{
    return (size_t)((uint8_t)e->ring[at] | (uint8_t)e->ring[at + 1] << 8);
}

/* The offset of what lies behind the event at `at`. */
static size_t record_next(const struct http_events *e, size_t at)
{
    at += RECORD_HEAD + record_length(e, at);
    return at == e->wrap ? 0 : at;
}

static bool is_empty(const struct http_events *e)
{
    return e->oldest == e->stats.put + 1;
}

static void oldest_drop(struct http_events *e)
{
    size_t next = record_next(e, e->tail);

    if (next == 0) {
        e->wrap = e->size;
    }
    e->tail = next;
    e->oldest++;
}

/* Make `length` bytes free at `head`, at the oldest events' cost. At most `size`. */
static void room_make(struct http_events *e, size_t length)
{
    for (;;) {
        if (is_empty(e)) {
            e->head = e->tail = 0;
            e->wrap = e->size;
            return;
        }
        if (e->head > e->tail) { /* what is used is in between */
            if (e->size - e->head >= length) {
                return;
            }
            e->wrap = e->head;
            e->head = 0;
        }
        if (e->tail - e->head >= length) {
            return;
        }
        oldest_drop(e);
    }
}

/* Wake a reader that waits: once, until it has been asked. */
static void reader_wake(struct http_request *r, struct reader *s)
{
    if (s->waits) {
        s->waits = false;
        http_wake(r);
    }
}

static void event_store(struct http_events *e, const char *type, const char *data, size_t length,
                        size_t total)
{
    struct text lines;
    size_t at;

    room_make(e, RECORD_HEAD + total);
    at = e->head;
    e->ring[at] = (char)total;
    e->ring[at + 1] = (char)(total >> 8);
    lines = text_over(e->ring + at + RECORD_HEAD, total);
    frame_put(&lines, type, data, length);
    e->head = at + RECORD_HEAD + total;
    e->stats.put++;
    for (struct http_request *r = e->readers; r != NULL;) {
        struct reader *s = http_state(r);
        if (s->number == e->stats.put) {
            s->at = at;
            reader_wake(r, s);
        }
        r = s->next;
    }
}

bool http_events_put(struct http_events *events, const char *type, const char *data, size_t length)
{
    size_t total = frame_length(type, data, length);
    bool fits = total > 0 && events->size >= RECORD_HEAD + total;
    uint32_t taken;

    if (!has_started(events)) {
        return false;
    }
    taken = lock_take(events);
    if (fits) {
        event_store(events, type, data, length, total);
    } else {
        events->stats.refused++;
    }
    lock_give(events, taken);
    return fits;
}

bool http_events_put_text(struct http_events *events, const char *type, const struct text *data)
{
    return http_events_put(events, type, data->bytes, data->overflow ? SIZE_MAX : data->length);
}

/* ---- Readers ---- */

/* The reader wants an event that has been overwritten: it goes on with the oldest one. Returns how many it has missed. */
static uint32_t reader_catch_up(const struct http_events *e, struct reader *s)
{
    uint32_t missed = e->oldest - s->number;

    if ((int32_t)missed <= 0) {
        return 0;
    }
    s->number = e->oldest;
    s->at = e->tail;
    return missed;
}

static void reader_lost(struct http_events *e, struct reader *s, uint32_t number)
{
    s->lost += number;
    e->stats.lost += number;
}

static bool reader_has_all(const struct http_events *e, const struct reader *s)
{
    return s->number == e->stats.put + 1;
}

static void reader_step(const struct http_events *e, struct reader *s)
{
    s->at = record_next(e, s->at);
    s->number++;
}

/* Go to the event that the reader is to begin with. True: it has seen all before it. */
static bool reader_seek(struct http_events *e, struct http_request *r, struct reader *s)
{
    const char *id = http_header(r, "Last-Event-ID");
    uint32_t taken = lock_take(e), from = 0;
    bool known = id != NULL && id_parse(id, e->epoch, &from) && (int32_t)(e->stats.put - from) >= 0;
    bool there = known && (int32_t)(e->oldest - ++from) <= 0;

    if (!there && options_of(e)->start == HTTP_EVENTS_NEWEST) {
        s->number = e->stats.put + 1;
    } else {
        s->number = e->oldest;
        s->at = e->tail;
    }
    if (known && !there) {
        reader_lost(e, s, s->number - from);
    }
    while (there && (int32_t)(from - s->number) > 0) { /* while events may come: not all in one go */
        for (unsigned i = 0; i < SEEK_STEPS && from != s->number; i++) {
            reader_step(e, s);
        }
        lock_give(e, taken);
        taken = lock_take(e);
        reader_catch_up(e, s);
    }
    if (there && s->number != from) {
        reader_lost(e, s, s->number - from);
    }
    lock_give(e, taken);
    return there;
}

/* A reader's first lines: what the page needs to know, then where in the stream it is, so that a browser that is cut off before
 * the first event goes on here. */
static void reader_begin(struct http_events *e, struct http_request *r, struct reader *s, struct text *out)
{
    const struct http_events_options *o = options_of(e);
    bool seen_all = reader_seek(e, r, s);

    s->begun = true;
    if (!seen_all && o->snapshot != NULL) {
        struct text lines = text_over(out->bytes, HTTP_EVENTS_SNAPSHOT_MAX);
        o->snapshot(r, &lines);
        out->length = lines.overflow ? 0 : lines.length;
    }
    if (o->retry_ms != 0) {
        TEXT_PUT(out, "retry: ");
        text_put_u32(out, o->retry_ms);
        TEXT_PUT(out, "\n");
    }
    id_put(out, e->epoch, s->number - 1);
    TEXT_PUT(out, "\n");
}

/* Tell how many were lost. False: there is no room for that now. */
static bool lost_put(const char *type, struct reader *s, struct text *out)
{
    char digits[10];
    struct text number = text_over(digits, sizeof digits);

    if (type != NULL && s->lost > 0) {
        text_put_u32(&number, s->lost);
        if (!http_events_frame(out, type, number.bytes, number.length) && out->length > 0) {
            return false;
        }
    }
    s->lost = 0;
    return true;
}

/* As many events as there are and find room. */
static void events_copy(const struct http_events *e, struct reader *s, struct text *out)
{
    while (!reader_has_all(e, s)) {
        size_t length = record_length(e, s->at);
        if (HTTP_EVENTS_ID_MAX + length > out->capacity - out->length) {
            return;
        }
        id_put(out, e->epoch, s->number);
        text_put_bytes(out, e->ring + s->at + RECORD_HEAD, length);
        reader_step(e, s);
    }
}

enum http_progress http_events_output(struct http_request *r, struct text *out)
{
    struct http_events *e = events_of(r);
    const struct http_events_options *o = options_of(e);
    struct reader *s = http_state(r);
    bool first = !s->begun, waits;
    uint32_t taken, missed;

    if (first) {
        reader_begin(e, r, s, out);
    }
    taken = lock_take(e);
    missed = reader_catch_up(e, s);
    reader_lost(e, s, missed);
    if (missed > 0 && o->close_slow && !first) {
        e->stats.closed++;
        lock_give(e, taken);
        return HTTP_END;
    }
    if (lost_put(o->lost, s, out)) {
        events_copy(e, s, out);
    }
    s->waits = waits = reader_has_all(e, s) && s->lost == 0;
    lock_give(e, taken);
    if (out->length == 0 && waits && o->heartbeat_s != 0 &&
        e->now_ms - s->sent_ms >= o->heartbeat_s * 1000u) {
        TEXT_PUT(out, ":\n");
    }
    if (out->length > 0) {
        s->sent_ms = e->now_ms;
    }
    return waits ? HTTP_WAIT : HTTP_MORE;
}

uint16_t http_events_begin(struct http_request *r)
{
    struct http_events *e = events_of(r);
    struct reader *s = http_state(r);
    uint32_t taken;
    bool full;

    if (!has_started(e)) {
        http_blame(r, "its stream isn't started: list its PLUGNET_EVENTS in .services");
        return 503;
    }
    taken = lock_take(e);
    full = options_of(e)->readers_max != 0 && e->stats.readers >= options_of(e)->readers_max;
    if (full) {
        e->stats.denied++;
    } else if (http_method(r) != HTTP_HEAD) {
        s->linked = true;
        s->next = e->readers;
        e->readers = r;
        e->stats.readers++;
        e->stats.opened++;
    }
    lock_give(e, taken);
    return full ? 503 : 0;
}

void http_events_gone(struct http_request *r)
{
    struct http_events *e = events_of(r);
    const struct reader *gone = http_state(r);
    struct http_request **link = &e->readers;
    uint32_t taken;

    if (!gone->linked) {
        return;
    }
    taken = lock_take(e);
    while (*link != r) {
        link = &((struct reader *)http_state(*link))->next;
    }
    *link = gone->next;
    e->stats.readers--;
    lock_give(e, taken);
}

/* ---- Time, counters ---- */

void http_events_tick(struct http_events *events, uint32_t now_ms)
{
    uint32_t limit_ms = options_of(events)->heartbeat_s * 1000u, taken;

    events->now_ms = now_ms;
    if (limit_ms == 0 || now_ms - events->looked_ms < LOOK_MS) {
        return;
    }
    events->looked_ms = now_ms;
    taken = lock_take(events);
    for (struct http_request *r = events->readers; r != NULL;) {
        struct reader *s = http_state(r);
        if (now_ms - s->sent_ms >= limit_ms) {
            reader_wake(r, s);
        }
        r = s->next;
    }
    lock_give(events, taken);
}

void http_events_status(const struct http_events *events, struct text *out)
{
    uint32_t taken = lock_take(events);
    struct http_events_stats stats = events->stats;

    lock_give(events, taken);
    text_put_json_u32(out, "put", stats.put);
    text_put_json_u32(out, "refused", stats.refused);
    text_put_json_u32(out, "opened", stats.opened);
    text_put_json_u32(out, "denied", stats.denied);
    text_put_json_u32(out, "lost", stats.lost);
    text_put_json_u32(out, "closed", stats.closed);
    text_put_json_u32(out, "readers", stats.readers);
}
