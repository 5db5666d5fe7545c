/*
 * Server-Sent Events through the whole HTTP engine: readers' requests go in, and what comes out is read as the HTML standard
 * says that a browser reads it.
 *
 * LINK: wire/http_msg.c wire/text.c net/http/http.c net/http/http_request.c net/http/http_answer.c net/http/http_body.c net/http/http_route.c net/http/events.c
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/events.h"
#include "net/http/http_engine.h"
#include "test/test.h"

#define EPOCH 0x5f3a9c21u

static char ring[256], second_ring[128];
static struct http_events_options options;
static struct http_events events, second;
static unsigned snapshots;

static void snapshot(struct http_request *r, struct text *out)
{
    snapshots++;
    CHECK(http_data(r) == &events);
    CHECK(http_events_frame(out, "state", "now\nhere", 8));
}

static const struct http_route routes[] = {{.path = "/events", HTTP_EVENTS(&events)},
                                           {.path = "/second", HTTP_EVENTS(&second)}};
static unsigned wakes;

static void wake(void)
{
    wakes++;
}

static const char *broken_path, *broken_why;

static void broken(const char *path, const char *why)
{
    broken_path = path;
    broken_why = why;
}

static const char *const hosts[] = {"plugnet.local", NULL};
static const struct http_config config = {
    .routes = routes, .route_count = 2, .hosts = hosts, .wake = wake, .broken = broken};
static struct http_site site;

/* ---- A reader: a connection, and what a browser makes of its answer ---- */

static struct client {
    struct http_request r;
    bool blocked; /* takes nothing */
    char got[65536];
    size_t length;
    unsigned parts;
} clients[8];

static void client_run(struct client *c)
{
    char scratch[HTTP_SCRATCH_MAX];
    struct http_piece piece;

    if (c->r.woken) {
        c->r.woken = false;
        http_resume(&c->r);
    }
    while (!c->blocked && http_output(&c->r, scratch, &piece)) {
        CHECK(c->length + piece.length < sizeof c->got);
        memcpy(c->got + c->length, piece.bytes, piece.length);
        c->length += piece.length;
        c->got[c->length] = 0;
        c->parts++;
        http_output_taken(&c->r, piece.length);
    }
}

static void run(void)
{
    do {
        site.woken = false;
        for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++)
            if (clients[i].r.site != NULL)
                client_run(&clients[i]);
    } while (site.woken);
}

static void ask(struct client *c, const char *line, const char *id)
{
    char request[300];

    c->blocked = false;
    c->length = c->parts = 0;
    c->got[0] = 0;
    snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: plugnet.local\r\n%s%s%s\r\n", line,
             id != NULL ? "Last-Event-ID: " : "", id != NULL ? id : "", id != NULL ? "\r\n" : "");
    http_begin(&c->r, &site, 1);
    CHECK_EQUAL(http_input(&c->r, request, strlen(request)), strlen(request));
    client_run(c);
}

static void leave(struct client *c)
{
    http_end(&c->r);
    memset(&c->r, 0, sizeof c->r);
}

/* The body of the answer, chunks joined. */
static const char *body(const struct client *c)
{
    static char joined[sizeof c->got];
    const char *at = strstr(c->got, "\r\n\r\n");
    size_t length = 0;

    joined[0] = 0;
    if (at == NULL)
        return joined;
    for (at += 4; *at != 0;) {
        char *end;
        size_t size = strtoul(at, &end, 16);
        CHECK(end[0] == '\r' && end[1] == '\n');
        memcpy(joined + length, end + 2, size);
        length += size;
        at = end + 2 + size + 2;
    }
    joined[length] = 0;
    return joined;
}

static char last_id[64]; /* what a browser would send as Last-Event-ID */
static unsigned retry, comments;

/* The events of an answer as a page gets them, "type:data@number;" each, line ends in data as '/'; comments are counted. */
static const char *page(const struct client *c)
{
    static char seen[65536];
    char type[700] = "", data[700] = "", id[64] = "", line[700];
    size_t n = 0;

    seen[0] = last_id[0] = 0;
    retry = comments = 0;
    for (const char *at = body(c); *at != 0;) {
        size_t length = strcspn(at, "\r\n");
        memcpy(line, at, length);
        line[length] = 0;
        at += length;
        at += at[0] == '\r' && at[1] == '\n' ? 2 : at[0] != 0;
        char *value = strchr(line, ':');
        if (line[0] == 0) {
            strcpy(last_id, id);
            if (data[0] != 0) {
                data[strlen(data) - 1] = 0;
                n += (size_t)snprintf(seen + n, sizeof seen - n, "%s:%s@%lu;", type[0] ? type : "message",
                                      data, strlen(id) > 9 ? strtoul(id + 9, NULL, 16) : 0);
            }
            type[0] = data[0] = 0;
            continue;
        }
        if (value == line) {
            comments++;
            continue;
        }
        if (value != NULL)
            *value++ = 0;
        value = value == NULL ? line + length : value + (*value == ' ');
        if (strcmp(line, "event") == 0)
            strcpy(type, value);
        else if (strcmp(line, "data") == 0)
            strcat(data, value), strcat(data, "/");
        else if (strcmp(line, "id") == 0)
            strcpy(id, value);
        else if (strcmp(line, "retry") == 0)
            retry = (unsigned)strtoul(value, NULL, 10);
        else
            TEST_FAIL("a field \"%.100s\"", line);
    }
    return seen;
}

static void fresh(void)
{
    memset(&options, 0, sizeof options);
    memset(&site, 0, sizeof site);
    memset(clients, 0, sizeof clients);
    memset(ring, '#', sizeof ring);
    site.config = &config;
    snapshots = wakes = 0;
    broken_path = broken_why = NULL;
    events = (struct http_events){.ring = ring, .size = sizeof ring, .options = &options};
    second = (struct http_events){.ring = second_ring, .size = sizeof second_ring};
    http_events_start(&events, EPOCH, NULL);
    http_events_start(&second, EPOCH + 1, NULL);
}

static bool put(const char *data)
{
    return http_events_put(&events, NULL, data, strlen(data));
}

static const char *id_of(uint32_t epoch, uint32_t number)
{
    static char id[32];
    snprintf(id, sizeof id, "%08x-%08x", (unsigned)epoch, (unsigned)number);
    return id;
}

/* ---- Tests ---- */

TEST(events_come_in_order)
{
    fresh();
    options.retry_ms = 1500;
    ask(&clients[0], "GET /events", NULL);
    CHECK(strstr(clients[0].got, "HTTP/1.1 200 OK\r\n") != NULL);
    CHECK(strstr(clients[0].got, "Content-Type: text/event-stream\r\n") != NULL);
    CHECK(strstr(clients[0].got, "Cache-Control: no-store\r\n") != NULL);
    CHECK_STRING(page(&clients[0]), "");
    CHECK_EQUAL(retry, 1500);
    CHECK_STRING(last_id, id_of(EPOCH, 0));
    CHECK(http_waiting(&clients[0].r));
    CHECK(put("one"));
    CHECK(http_events_put(&events, "alarm", "two", 3));
    CHECK_EQUAL(wakes, 1);
    run();
    CHECK(put(""));
    run();
    CHECK_STRING(page(&clients[0]), "message:one@1;alarm:two@2;message:@3;");
    CHECK_STRING(last_id, id_of(EPOCH, 3));
    CHECK_EQUAL(clients[0].parts, 4); /* head, first lines, one and two in one part, three */
    CHECK(http_waiting(&clients[0].r));
    CHECK_EQUAL(events.stats.put, 3);
    CHECK_EQUAL(site.stats.broken, 0);
}

TEST(events_lines_of_data)
{
    static const struct {
        const char *data, *seen;
    } cases[] = {
        {"a\nb", "a/b"},
        {"a\rb", "a/b"},
        {"a\r\nb", "a/b"},
        {"a\n\rb", "a//b"},
        {"a\n", "a/"},
        {"\n", "/"},
        {"\r\n", "/"},
        {"\n\n", "//"},
        {"\r\r\n\n", "///"},
        {"a\r", "a/"},
        {" a", " a"},
        {"  ", "  "},
        {":", ":"},
        {"data: x", "data: x"},
        {"a\n\nb", "a//b"},
        {"x\n\nevent: evil\ndata: y\n\n", "x//event: evil/data: y//"},
        {"x\rid: 7\r\r", "x/id: 7//"},
        {"retry: 1", "retry: 1"},
    };

    fresh();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char seen[200];
        ask(&clients[0], "GET /events", id_of(EPOCH, (uint32_t)i));
        CHECK(put(cases[i].data));
        run();
        snprintf(seen, sizeof seen, "message:%s@%zu;", cases[i].seen, i + 1);
        CHECK_STRING(page(&clients[0]), seen);
        CHECK_EQUAL(retry, 0);
        leave(&clients[0]);
    }
}

TEST(events_types_that_break_lines_are_refused)
{
    static const char *const types[] = {"a\nb", "a\rdata: x", "\n", "a\177", "\t"};

    fresh();
    ask(&clients[0], "GET /events", NULL);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        CHECK(!http_events_put(&events, types[i], "x", 1));
    CHECK_EQUAL(events.stats.refused, 5);
    CHECK_EQUAL(events.stats.put, 0);
    CHECK(http_events_put(&events,
                          "Gr\xC3\xBC\xC3\x9F"
                          "e: a",
                          "x", 1));
    run();
    CHECK_STRING(page(&clients[0]), "Gr\xC3\xBC\xC3\x9F"
                                    "e: a:x@1;");
}

TEST(events_too_long_are_refused)
{
    static char big_ring[2000], data[HTTP_EVENTS_FRAME_MAX], lines[200], type[HTTP_EVENTS_FRAME_MAX + 1];
    struct text t = text_over(data, 4);
    size_t most = HTTP_EVENTS_FRAME_MAX - 8;

    fresh();
    memset(data, 'x', sizeof data);
    memset(lines, '\n', sizeof lines);
    memset(type, 't', sizeof type - 1);
    CHECK(http_events_put(&events, NULL, data, sizeof ring - 2 - 8));
    CHECK(!http_events_put(&events, NULL, data, sizeof ring - 2 - 7)); /* than the ring */
    events = (struct http_events){.ring = big_ring, .size = sizeof big_ring, .options = &options};
    http_events_start(&events, EPOCH, NULL);
    ask(&clients[0], "GET /events", NULL);
    CHECK(!http_events_put(&events, NULL, data, most + 1)); /* than a part */
    CHECK(!http_events_put(&events, "t", data, most - 8));
    CHECK(!http_events_put(&events, NULL, data, SIZE_MAX));
    CHECK(!http_events_put(&events, NULL, lines, 86)); /* 87 lines of 7 bytes */
    CHECK(!http_events_put(&events, type, data, 0));
    text_put(&t, "12345");
    CHECK(!http_events_put_text(&events, NULL, &t));
    CHECK_EQUAL(events.stats.refused, 6);
    CHECK_EQUAL(events.stats.put, 0);
    CHECK(http_events_put(&events, NULL, data, most));
    CHECK(http_events_put(&events, "t", data, most - 9));
    CHECK(http_events_put(&events, NULL, lines, 84));
    t = text_over(data, 4), text_put(&t, "1234");
    CHECK(http_events_put_text(&events, NULL, &t));
    run();
    CHECK_EQUAL(strlen(page(&clients[0])),
                8 + most + 3 + 2 + most - 9 + 3 + 8 + 84 + 3 + sizeof "message:1234@4;" - 1);
    CHECK_EQUAL(site.stats.broken, 0);
}

TEST(events_slow_reader_loses_the_oldest)
{
    char data[32], wanted[2000] = "";

    fresh();
    options.lost = "lost";
    for (unsigned i = 0; i < 3; i++)
        ask(&clients[i], "GET /events", NULL);
    clients[1].blocked = true;
    for (unsigned i = 1; i <= 100; i++) {
        snprintf(data, sizeof data, "event %u", i);
        CHECK(put(data));
        run();
        snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "message:%s@%u;", data, i);
        if (i == 3)
            leave(&clients[0]); /* in the middle of the list, or not */
    }
    CHECK_STRING(page(&clients[2]), wanted); /* undisturbed */
    CHECK_EQUAL(events.stats.lost, 0);
    clients[1].blocked = false;
    run();
    unsigned lost = events.stats.lost;
    snprintf(data, sizeof data, "lost:%u@0;message:", lost);
    CHECK(lost > 70 && lost < 100);
    CHECK(strncmp(page(&clients[1]), data, strlen(data)) == 0);
    snprintf(data, sizeof data, "event %u@%u;", lost + 1, lost + 1);
    CHECK(strstr(page(&clients[1]), data) != NULL);
    CHECK_STRING(page(&clients[1]) + strlen(page(&clients[1])) - 14, ":event 100@100;" + 1);
    CHECK(http_waiting(&clients[1].r));
    CHECK_EQUAL(events.stats.readers, 2);
    CHECK_EQUAL(events.stats.opened, 3);
}

TEST(events_slow_reader_is_ended)
{
    char id[64];

    fresh();
    options.close_slow = true;
    ask(&clients[0], "GET /events", NULL);
    ask(&clients[1], "GET /events", NULL);
    put("first");
    run();
    clients[0].blocked = true;
    for (unsigned i = 0; i < 50; i++) {
        put("more");
        run();
    }
    clients[0].blocked = false;
    run();
    CHECK_STRING(page(&clients[0]), "message:first@1;");
    CHECK(strcmp(clients[0].got + clients[0].length - 5, "0\r\n\r\n") == 0);
    CHECK(http_idle(&clients[0].r)); /* the connection may ask again */
    CHECK_EQUAL(events.stats.closed, 1);
    CHECK_EQUAL(events.stats.readers, 1);
    strcpy(id, last_id);
    uint32_t lost = events.stats.lost;
    ask(&clients[0], "GET /events", id); /* as a browser does; the gap is no reason to end it again */
    put("then");
    run();
    CHECK(strstr(page(&clients[0]), "more@51;message:then@52;") != NULL);
    CHECK(events.stats.lost > lost);
    CHECK_EQUAL(events.stats.closed, 1);
}

TEST(events_last_event_id)
{
    fresh();
    for (unsigned i = 0; i < 5; i++)
        put("x");
    ask(&clients[0], "GET /events", id_of(EPOCH, 3));
    CHECK_STRING(page(&clients[0]), "message:x@4;message:x@5;");
    ask(&clients[1], "GET /events", id_of(EPOCH, 5)); /* all seen */
    CHECK_STRING(page(&clients[1]), "");
    CHECK_STRING(last_id, id_of(EPOCH, 5));
    ask(&clients[2], "GET /events", id_of(EPOCH, 0));
    CHECK_STRING(page(&clients[2]), "message:x@1;message:x@2;message:x@3;message:x@4;message:x@5;");
    put("y");
    run();
    CHECK_STRING(page(&clients[1]), "message:y@6;");
    CHECK_EQUAL(events.stats.lost, 0);
}

TEST(events_last_event_id_unknown)
{
    static const char *const ids[] = {"",
                                      "x",
                                      "5f3a9c21-00000006",
                                      "5f3a9c21-7fffffff",
                                      "5f3a9c20-00000003",
                                      "5F3A9C21-00000003",
                                      "5f3a9c21-0000000:",
                                      "5f3a9c21 00000003",
                                      "5f3a9c21-000003",
                                      "+f3a9c21-00000003",
                                      "5f3a9c21-0000000G",
                                      "00000000-00000000",
                                      "\xC3\xBC"};

    for (unsigned start = 0; start < 2; start++) {
        fresh();
        options.snapshot = snapshot;
        options.start = start == 0 ? HTTP_EVENTS_OLDEST : HTTP_EVENTS_NEWEST;
        for (unsigned i = 0; i < 5; i++)
            put("x");
        for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
            ask(&clients[0], "GET /events", ids[i]);
            CHECK_STRING(page(&clients[0]),
                         start == 0
                             ? "state:now/here@0;message:x@1;message:x@2;message:x@3;message:x@4;message:x@5;"
                             : "state:now/here@0;");
            CHECK_EQUAL(snapshots, i + 1);
            leave(&clients[0]);
        }
        CHECK_EQUAL(events.stats.lost, 0);
        ask(&clients[0], "GET /events", id_of(EPOCH, 4)); /* a known one */
        CHECK_STRING(page(&clients[0]), "message:x@5;");
        CHECK_EQUAL(snapshots, sizeof ids / sizeof ids[0]);
    }
}

TEST(events_last_event_id_overwritten)
{
    fresh();
    options.lost = "lost";
    options.snapshot = snapshot;
    for (unsigned i = 0; i < 100; i++)
        put("x");
    uint32_t oldest = events.oldest;
    CHECK(oldest > 50);
    ask(&clients[0], "GET /events", id_of(EPOCH, 10));
    char wanted[100];
    snprintf(wanted, sizeof wanted, "state:now/here@0;lost:%u@%u;message:x@%u;", (unsigned)oldest - 11,
             (unsigned)oldest - 1, (unsigned)oldest);
    CHECK(strncmp(page(&clients[0]), wanted, strlen(wanted)) == 0);
    CHECK_EQUAL(events.stats.lost, oldest - 11);
    ask(&clients[1], "GET /events", id_of(EPOCH, oldest - 1)); /* nothing is lost */
    CHECK(strncmp(page(&clients[1]), "message:x@", 10) == 0);
    CHECK_EQUAL(events.stats.lost, oldest - 11);
    options.start = HTTP_EVENTS_NEWEST;
    ask(&clients[2], "GET /events", id_of(EPOCH, 90 < oldest - 2 ? 90 : oldest - 2));
    CHECK(strncmp(page(&clients[2]), "state:now/here@0;lost:", 22) == 0);
    CHECK(strstr(page(&clients[2]), "message") == NULL);
    put("y");
    run();
    CHECK(strstr(page(&clients[2]), "message:y@101;") != NULL);
}

TEST(events_cut_off_before_the_first_one)
{
    char id[64];

    fresh();
    options.start = HTTP_EVENTS_NEWEST;
    put("old");
    ask(&clients[0], "GET /events", NULL);
    CHECK_STRING(page(&clients[0]), "");
    strcpy(id, last_id);
    leave(&clients[0]);
    put("missed");
    ask(&clients[0], "GET /events", id);
    CHECK_STRING(page(&clients[0]), "message:missed@2;");
}

TEST(events_before_the_start)
{
    fresh();
    events.started = false;
    CHECK(!put("x"));
    ask(&clients[0], "GET /events", NULL);
    CHECK(strstr(clients[0].got, "HTTP/1.1 503 ") != NULL);
    CHECK_EQUAL(events.stats.readers, 0);
    CHECK(broken_path != NULL && strcmp(broken_path, "/events") == 0); /* the log names the mistake */
    CHECK(broken_why != NULL && strstr(broken_why, ".services") != NULL);
    CHECK_EQUAL(site.stats.broken, 1);
}

TEST(events_heartbeat)
{
    fresh();
    options.heartbeat_s = 2;
    http_events_tick(&events, 10000);
    ask(&clients[0], "GET /events", NULL);
    ask(&clients[1], "GET /events", NULL);
    clients[1].blocked = true;
    for (uint32_t ms = 10000; ms <= 15600; ms++) {
        http_events_tick(&events, ms);
        if (ms == 11000)
            put("x");
        run();
        page(&clients[0]);
        if (ms < 13000 || ms == 13251 || ms == 14999 || ms == 15600)
            CHECK_EQUAL(comments, ms < 13000 ? 0 : ms < 15000 ? 1 : 2);
    }
    CHECK(http_waiting(&clients[0].r));
    CHECK_EQUAL(wakes,
                4); /* two for the event, two for heartbeats; none again for the one that takes nothing */
    CHECK_STRING(page(&clients[0]), "message:x@1;");
    clients[1].blocked = false;
    run();
    CHECK_STRING(page(&clients[1]), "message:x@1;");
    CHECK_EQUAL(comments, 0); /* none had piled up */
    options.heartbeat_s = 0;
    unsigned before = wakes;
    for (uint32_t ms = 15600; ms <= 25000; ms++)
        http_events_tick(&events, ms);
    CHECK_EQUAL(wakes, before);
}

TEST(events_readers_max)
{
    fresh();
    options.readers_max = 2;
    ask(&clients[0], "GET /events", NULL);
    ask(&clients[1], "GET /events", NULL);
    ask(&clients[2], "GET /events", NULL);
    CHECK(strstr(clients[2].got, "HTTP/1.1 503 ") != NULL);
    CHECK_EQUAL(events.stats.denied, 1);
    CHECK(broken_why == NULL); /* that is no mistake */
    leave(&clients[2]);
    CHECK_EQUAL(events.stats.readers, 2);
    leave(&clients[0]);
    ask(&clients[2], "GET /events", NULL);
    CHECK(strstr(clients[2].got, "HTTP/1.1 200 ") != NULL);
    CHECK_EQUAL(events.stats.readers, 2);
    put("x");
    run();
    CHECK_STRING(page(&clients[1]), "message:x@1;");
    CHECK_STRING(page(&clients[2]), "message:x@1;");
}

TEST(events_methods)
{
    fresh();
    ask(&clients[0], "HEAD /events", NULL);
    CHECK(strstr(clients[0].got, "HTTP/1.1 200 OK\r\n") != NULL);
    CHECK(strstr(clients[0].got, "Content-Type: text/event-stream\r\n") != NULL);
    CHECK_STRING(strstr(clients[0].got, "\r\n\r\n"), "\r\n\r\n");
    CHECK(http_idle(&clients[0].r));
    CHECK_EQUAL(events.stats.opened, 0);
    put("x");
    ask(&clients[1], "POST /events", NULL);
    CHECK(strstr(clients[1].got, "HTTP/1.1 405 ") != NULL);
    CHECK_EQUAL(events.stats.readers, 0);
}

TEST(events_two_streams)
{
    fresh();
    ask(&clients[0], "GET /events", NULL);
    ask(&clients[1], "GET /second", NULL);
    CHECK(http_events_put(&second, NULL, "b", 1));
    CHECK(put("a"));
    run();
    CHECK_STRING(page(&clients[0]), "message:a@1;");
    CHECK_STRING(page(&clients[1]), "message:b@1;");
    ask(&clients[2], "GET /second", id_of(EPOCH, 1)); /* the other stream's id */
    CHECK_STRING(page(&clients[2]), "message:b@1;");
    leave(&clients[0]);
    CHECK_EQUAL(events.stats.readers, 0);
    CHECK_EQUAL(second.stats.readers, 2);
}

/* Numbers of events wrap behind 4,294,967,295. */
TEST(events_numbers_wrap)
{
    fresh();
    events.stats.put = 0xFFFFFFFD;
    events.oldest = 0xFFFFFFFE;
    ask(&clients[0], "GET /events", NULL);
    for (unsigned i = 0; i < 5; i++) {
        put("x");
        run();
    }
    CHECK_STRING(page(&clients[0]),
                 "message:x@4294967294;message:x@4294967295;message:x@0;message:x@1;message:x@2;");
    ask(&clients[1], "GET /events", id_of(EPOCH, 0xFFFFFFFF));
    CHECK_STRING(page(&clients[1]), "message:x@0;message:x@1;message:x@2;");
    for (unsigned i = 0; i < 50; i++)
        put("x");
    run();
    CHECK(strstr(page(&clients[1]), "message:x@52;") != NULL);
}

/* ---- The ring beside a simple second one: what each event said, by its number ---- */

static uint32_t seed;
static uint32_t sums[4000];  /* of the events' data */
static uint32_t expected[8]; /* number of the event that a reader is to get next; 0: any */

static uint32_t any(uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % limit;
}

/* Another thread, which may come whenever nobody has the lock: so just before somebody takes it. */
static unsigned depth, visits;

static void random_put(void);

static uint32_t lock_take(void)
{
    if (depth == 0 && visits > 0 && any(2) == 0) {
        visits--;
        random_put();
    }
    return depth++;
}

static void lock_give(uint32_t taken)
{
    depth--;
    CHECK_EQUAL(depth, taken);
}

static const struct http_events_lock lock = {lock_take, lock_give};

static void random_put(void)
{
    char text[HTTP_EVENTS_FRAME_MAX];
    size_t length = any(any(4) == 0 ? (uint32_t)(events.size < sizeof text ? events.size : sizeof text) : 20);
    uint32_t sum = 0;

    for (size_t i = 0; i < length; i++) {
        text[i] = (char)('a' + any(26));
        sum = sum * 31 + (uint8_t)text[i];
    }
    bool fits = length + 8 + 2 <= events.size && length + 8 <= HTTP_EVENTS_FRAME_MAX;
    CHECK_EQUAL(http_events_put(&events, NULL, text, length), fits);
    if (fits)
        sums[events.stats.put] = sum;
}

/* A reader gets each event whole, in order and once; what it doesn't get, it is told of. */
static void random_look(unsigned which, unsigned begun)
{
    struct client *c = &clients[which];
    uint32_t at = expected[which];

    for (const char *event = page(c); *event != 0; event = strchr(event, ';') + 1) {
        uint32_t sum = 0, number;
        if (strncmp(event, "lost:", 5) == 0) {
            at = at == 0 ? 0 : at + (uint32_t)strtoul(event + 5, NULL, 10);
            continue;
        }
        for (event += sizeof "message:" - 1; *event != '@'; event++)
            sum = sum * 31 + (uint8_t)*event;
        number = (uint32_t)strtoul(event + 1, NULL, 10);
        if ((at != 0 && number != at) || sum != sums[number])
            TEST_FAIL("seed %u: reader %u: event %u instead of %u, or spoilt", begun, which, (unsigned)number,
                      (unsigned)at);
        at = number + 1;
    }
    expected[which] = at;
    strcpy(c->got, "\r\n\r\n"); /* all seen; for page() */
    c->length = 4;
    if (!c->blocked && at != 0 && at != events.stats.put + 1)
        TEST_FAIL("seed %u: reader %u: waits for %u, %u were put", begun, which, (unsigned)at,
                  (unsigned)events.stats.put);
}

static void random_step(void)
{
    unsigned which = any(8);
    struct client *c = &clients[which];

    if (any(3) > 0) {
        random_put();
    } else if (c->r.site == NULL) {
        uint32_t from = any(events.stats.put + 1);
        bool named = any(2);
        expected[which] = named ? from + 1 : 0;
        ask(c, "GET /events", named ? id_of(EPOCH, from) : NULL);
    } else if (any(4) == 0) {
        leave(c);
    } else {
        c->blocked = any(2);
    }
}

/* With room for more events than are passed by in one go. */
static char large[1000];

static void random_play(const struct http_events_lock *with, unsigned rounds)
{
    for (unsigned round = 1; round <= rounds; round++) {
        seed = round * 7919;
        visits = 0;
        fresh();
        options.lost = "lost";
        options.start = round % 2 ? HTTP_EVENTS_OLDEST : HTTP_EVENTS_NEWEST;
        memset(large, '#', sizeof large);
        events.ring = large;
        events.size = HTTP_EVENTS_RING_MIN + any(any(2) ? sizeof large - HTTP_EVENTS_RING_MIN + 1 : 200);
        events.started = false;
        http_events_start(&events, EPOCH, with);
        for (unsigned step = 0; step < 300; step++) {
            visits = with != NULL ? any(6) : 0;
            random_step();
            run();
            visits = 0;
            run();
            CHECK_EQUAL(depth, 0);
            for (unsigned i = 0; i < 8; i++)
                if (clients[i].r.site != NULL)
                    random_look(i, round);
        }
        CHECK_EQUAL(site.stats.broken, 0);
        for (size_t i = events.size; i < sizeof large; i++)
            CHECK_EQUAL(large[i], '#');
    }
}

TEST(events_random)
{
    random_play(NULL, 300);
}

TEST(events_random_with_another_thread)
{
    random_play(&lock, 300);
}

/* The reader is on its way to its first event, far behind the oldest one, when a long event takes the place of many. */
static unsigned takes, visit_at;

static uint32_t lock_take_once(void)
{
    static char text[HTTP_EVENTS_FRAME_MAX - 8];

    if (depth == 0 && ++takes == visit_at) {
        memset(text, 'l', sizeof text);
        CHECK(http_events_put(&events, NULL, text, sizeof text));
    }
    return depth++;
}

TEST(events_overwritten_while_a_reader_begins)
{
    static const struct http_events_lock once = {lock_take_once, lock_give};

    for (visit_at = 1; visit_at <= 8; visit_at++) {
        fresh();
        options.lost = "lost";
        events.ring = large;
        events.size = sizeof large;
        takes = visit_at;
        events.started = false;
        http_events_start(&events, EPOCH, &once);
        for (unsigned i = 0; i < 120; i++)
            put("x");
        uint32_t oldest = events.oldest, from = oldest + 60;
        CHECK(events.stats.put - oldest > 70);
        takes = 0;
        ask(&clients[0], "GET /events", id_of(EPOCH, from));
        run();
        uint32_t at = from + 1;
        for (const char *event = page(&clients[0]); *event != 0; event = strchr(event, ';') + 1) {
            uint32_t number = (uint32_t)strtoul(strchr(event, '@') + 1, NULL, 10);
            if (strncmp(event, "lost:", 5) == 0) {
                at += (uint32_t)strtoul(event + 5, NULL, 10);
            } else {
                CHECK_EQUAL(number, at);
                CHECK(strncmp(event, number > 120 ? "message:lll" : "message:x@", 10) == 0);
                at++;
            }
        }
        CHECK_EQUAL(events.stats.put, takes >= visit_at ? 121 : 120);
        CHECK_EQUAL(at, events.stats.put + 1);
    }
}

TEST_MAIN()
