/*
 * Scenarios of many, slow, silent and vanishing TCP clients, and the iperf server.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <stdio.h>
#include <string.h>

#include "lwip/tcp.h"

#include "test/system/load.h"
#include "wire/be.h"

#define CONNECTIONS 12 /* what the board promises */
#define CROWD       40

static struct client crowd[CROWD];
static struct ghost ghosts[CROWD];

static const char *request_text(struct rig *rig, const char *path)
{
    static char text[128];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, rig_board_text(rig));
    return text;
}

static void crowd_open(struct rig *rig, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        RIG_CHECK(rig, client_open(&crowd[i], rig, 80));
        if (!client_wait_connected(&crowd[i], 2000)) {
            rig_fail(rig, "connection %u was not accepted within 2 s", i);
        }
    }
}

static void crowd_free(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        client_free(&crowd[i]);
    }
}

/* The answer within `limit_ms` on a new connection; fails the test else. */
static uint64_t answer_within(struct rig *rig, const char *path, uint32_t limit_ms)
{
    static struct client client;
    struct reply reply;
    uint64_t begin = rig_ms(rig);
    RIG_CHECK(rig, client_open(&client, rig, 80));
    client_text(&client, request_text(rig, path));
    if (!client_wait_reply(&client, &reply, false, limit_ms) || reply.status != 200) {
        rig_fail(rig, "a new request was not served within %u ms (connected %d, ended %d, failed %d)",
                 limit_ms, client.connected, client.ended, client.failed);
    }
    client_free(&client);
    return rig_ms(rig) - begin;
}

static uint64_t page_within(struct rig *rig, uint32_t limit_ms)
{
    return answer_within(rig, "/", limit_ms);
}

static uint64_t status_within(struct rig *rig, uint32_t limit_ms)
{
    return answer_within(rig, "/api/status", limit_ms);
}

/* ---- Twelve at once ---- */

static void twelve_at_once(struct rig *rig)
{
    struct reply reply;
    uint64_t begin = rig_ms(rig);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        RIG_CHECK(rig, client_open(&crowd[i], rig, 80));
        client_text(&crowd[i], request_text(rig, "/"));
    }
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            if (!client_wait_reply(&crowd[i], &reply, false, 5000) || reply.status != 200) {
                rig_fail(rig, "round %u: connection %u got no answer (connected %d, ended %d, failed %d)",
                         round, i, crowd[i].connected, crowd[i].ended, crowd[i].failed);
            }
            if (round < 4) {
                client_text(&crowd[i], request_text(rig, round % 2 == 0 ? "/api/status" : "/"));
            }
        }
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        RIG_CHECK(rig, !crowd[i].ended && !crowd[i].failed);
    }
    rig_say(rig, "12 connections, 5 answers each, kept open, in %llu ms",
            (unsigned long long)(rig_ms(rig) - begin));
    crowd_free(CONNECTIONS);
}

/* Eight that ask again at once, for ten seconds: memory is short, and it goes round. */
static void fair_shares(struct rig *rig)
{
    enum { EAGER = 8 };
    unsigned answers[EAGER] = {0}, least = UINT32_MAX, most = 0;
    struct reply reply;
    crowd_open(rig, EAGER);
    for (unsigned i = 0; i < EAGER; i++) {
        client_text(&crowd[i], request_text(rig, "/"));
    }
    for (uint64_t begin = rig_ms(rig); rig_ms(rig) - begin < 10000; rig_step(rig)) {
        for (unsigned i = 0; i < EAGER; i++) {
            if (client_take_reply(&crowd[i], &reply, false)) {
                answers[i] += reply.status == 200;
                client_text(&crowd[i], request_text(rig, "/"));
            }
        }
    }
    for (unsigned i = 0; i < EAGER; i++) {
        least = answers[i] < least ? answers[i] : least;
        most = answers[i] > most ? answers[i] : most;
    }
    rig_say(rig, "8 connections, in 10 s %u to %u answers each", least, most);
    RIG_CHECK(rig, least * 2 >= most && most > 0);
    crowd_free(EAGER);
}

/* As many clients that ask for the status again at once: answers a second of all together. */
static unsigned status_rate(struct rig *rig, unsigned clients)
{
    enum { RATE_MS = 2000 };
    unsigned answers = 0;
    struct reply reply;
    crowd_open(rig, clients);
    for (unsigned i = 0; i < clients; i++) {
        client_text(&crowd[i], request_text(rig, "/api/status"));
    }
    for (uint64_t begin = rig_ms(rig); rig_ms(rig) - begin < RATE_MS; rig_step(rig)) {
        for (unsigned i = 0; i < clients; i++) {
            if (client_take_reply(&crowd[i], &reply, false)) {
                answers += reply.status == 200;
                client_text(&crowd[i], request_text(rig, "/api/status"));
            }
            RIG_CHECK(rig, !crowd[i].failed && !crowd[i].ended);
        }
    }
    crowd_free(clients);
    return answers * 1000 / RATE_MS;
}

#define RATE_FIRST  250 /* answers a second, STM32F407 at 168 MHz */
#define RATE_OTHERS 160 /* slower processors: 80 and 96 MHz */

/* Text waits in lwIP's heap for ACKs: that of one client must not stop another's. A lone client of the rig asks again at
 * the next whole millisecond, so four of them make 249 a second. */
static void status_rates(struct rig *rig)
{
    unsigned one = status_rate(rig, 1), six = status_rate(rig, 6), twelve = status_rate(rig, 12);
    rig_say(rig, "1, 6 and 12 clients get %u, %u and %u status objects a second", one, six, twelve);
    bool first =
        strcmp(rig->config.board, "vboard") == 0 || strcmp(rig->config.board, "stm32f4discovery") == 0;
    unsigned least = rig->config.kind == RIG_NATIVE ? 0 : first ? RATE_FIRST : RATE_OTHERS;
    if (one + 1 < least || six < least || twelve < least) {
        rig_fail(rig, "%s", rig->said);
    }
}

/* The thirteenth is served by closing the one that was useful longest ago, and no other. */
static void thirteenth(struct rig *rig)
{
    struct reply reply;
    crowd_open(rig, CONNECTIONS);
    for (unsigned n = 0; n < CONNECTIONS; n++) {
        unsigned i = (n * 5 + 3) % CONNECTIONS; /* 3 is the first to be served, and so the longest idle */
        client_text(&crowd[i], request_text(rig, "/api/status"));
        RIG_CHECK(rig, client_wait_reply(&crowd[i], &reply, false, 3000) && reply.status == 200);
        rig_run_ms(rig, 50);
    }
    uint64_t ms = page_within(rig, 1000);
    rig_run_ms(rig, 50);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        bool over = crowd[i].ended || crowd[i].failed;
        if (over != (i == 3)) {
            rig_fail(rig, "connection %u was %s", i,
                     over ? "closed" : "not closed, though it was the longest idle");
        }
    }
    crowd_free(CONNECTIONS);
    rig_say(rig, "served after %llu ms; the longest idle one was closed", (unsigned long long)ms);
}

/* Every connection taken by a client that sends one byte a second. */
static void one_byte_a_second(struct rig *rig)
{
    uint64_t longest = 0;
    const char *text = request_text(rig, "/api/status");
    crowd_open(rig, CONNECTIONS);
    for (unsigned second = 0; second < 8; second++) {
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            if (crowd[i].pcb != NULL && !crowd[i].ended) {
                client_send(&crowd[i], text + second, 1);
            }
            rig_run_ms(rig, 1000 / CONNECTIONS);
        }
        uint64_t ms = page_within(rig, 1000);
        longest = ms > longest ? ms : longest;
        RIG_CHECK(rig, rig_ping(rig, 56, 1000) >= 0);
    }
    crowd_free(CONNECTIONS);
    rig_say(rig, "8 new requests served, each within %llu ms", (unsigned long long)longest);
}

/* A request that never ends is ended by the board; so is a connection that never begins one. */
static void slow_and_idle(struct rig *rig)
{
    uint64_t begin = rig_ms(rig);
    crowd_open(rig, 2);
    client_text(&crowd[0], "GET / HTT");
    RIG_CHECK(rig, client_wait_ended(&crowd[0], 20000));
    uint64_t slow_ms = rig_ms(rig) - begin;
    RIG_CHECK(rig, client_wait_ended(&crowd[1], 90000));
    rig_say(rig, "half a request ended after %llu ms, an idle connection after %llu ms",
            (unsigned long long)slow_ms, (unsigned long long)(rig_ms(rig) - begin));
    crowd_free(2);
}

/* So many bytes of a request each second, for half a minute. Returns after how many seconds the board ended it; 0: never. */
static unsigned request_flows(struct rig *rig, unsigned bytes_second)
{
    enum { SECONDS = 30 };
    char bytes[1000];
    unsigned seconds = 0;
    struct reply reply;
    crowd_open(rig, 1);
    memset(bytes, 'c', sizeof bytes);
    sprintf(bytes, "GET /nothing HTTP/1.1\r\nHost: %s\r\nCookie: ", rig_board_text(rig));
    client_text(&crowd[0], bytes);
    memset(bytes, 'c', sizeof bytes);
    while (seconds < SECONDS && !crowd[0].ended && !crowd[0].failed) {
        client_send(&crowd[0], bytes, bytes_second);
        rig_run_ms(rig, 1000);
        seconds++;
    }
    if (!crowd[0].ended && !crowd[0].failed) {
        client_text(&crowd[0], "\r\n\r\n");
        RIG_CHECK(rig, client_wait_reply(&crowd[0], &reply, false, 3000) && reply.status == 404);
        seconds = 0;
    }
    crowd_free(1);
    return seconds;
}

/* A request may take as long as it likes while it comes on; a client that trickles bytes is ended. */
static void steady_and_trickled(struct rig *rig)
{
    unsigned steady = request_flows(rig, 100), trickled = request_flows(rig, 7);
    if (steady != 0 || trickled < 9 || trickled > 13) {
        rig_fail(rig, "100 bytes a second ended after %u s, 7 after %u s", steady, trickled);
    }
    rig_say(rig, "30 s at 100 bytes a second answered; 7 a second ended after %u s", trickled);
}

/* ---- Clients that vanish ---- */

static void half_open(struct rig *rig)
{
    unsigned open = 0;
    for (unsigned i = 0; i < 14; i++) {
        RIG_CHECK(rig, ghost_host(rig, &ghosts[i].host, i % 2));
        ghosts[i].port = (uint16_t)(2000 + i);
        ghosts[i].to_port = 80;
        ghosts[i].mute = i % 3 == 0;
        ghosts[i].zero_window = i % 3 == 1;
        ghost_open(rig, &ghosts[i]);
        rig_run_ms(rig, 20);
        open += ghosts[i].state == GHOST_OPEN;
        const char *text = request_text(rig, i % 2 != 0 ? "/" : "/api/status");
        ghost_send(rig, &ghosts[i], text, strlen(text));
        rig_run_ms(rig, 20);
    }
    RIG_CHECK(rig, open == 14);
    uint64_t ms = page_within(rig, 2000);
    for (unsigned i = 0; i < 30; i++) {
        rig_run_ms(rig, 1000);
        RIG_CHECK(rig, rig_ping(rig, 56, 1000) >= 0);
    }
    for (unsigned i = 0; i < 14; i++) {
        ghost_forget(rig, &ghosts[i]); /* ARP and TCP stay unanswered from here on */
    }
    rig_run_ms(rig, 150000); /* until the last FIN has been repeated often enough */
    rig_say(rig, "14 clients that ask and fall silent; page meanwhile after %llu ms", (unsigned long long)ms);
}

/* Clients that ask and never acknowledge keep memory; when they are thrown out, they come again. */
static void never_acknowledged(struct rig *rig)
{
    enum { MUTE = 11 };
    uint64_t longest = 0;
    uint16_t port = 3000;
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < MUTE; i++) {
            struct ghost *ghost = &ghosts[i];
            if (round > 0 && ghost->state != GHOST_RESET) {
                continue;
            }
            ghost_forget(rig, ghost);
            *ghost = (struct ghost){.mute = true, .port = port++, .to_port = 80};
            RIG_CHECK(rig, ghost_host(rig, &ghost->host, i % 2));
            ghost_open(rig, ghost);
            rig_run_ms(rig, 3);
            const char *text = request_text(rig, i % 3 == 2 ? "/" : "/api/status");
            ghost_send(rig, ghost, text, strlen(text));
        }
        uint64_t ms = status_within(rig, 1000);
        longest = ms > longest ? ms : longest;
        rig_run_ms(rig, 20);
    }
    for (unsigned i = 0; i < MUTE; i++) {
        ghost_forget(rig, &ghosts[i]);
    }
    rig_say(rig, "11 clients that never acknowledge, %u in all; others wait %llu ms at most", port - 3000u,
            (unsigned long long)longest);
    rig_run_ms(rig, 150000); /* until the last FIN has been repeated often enough */
}

static void syn_flood(struct rig *rig)
{
    uint8_t frame[PACKET_MAX];
    uint64_t longest = 0;
    struct packet_host from[4];
    for (unsigned i = 0; i < 4; i++) {
        RIG_CHECK(rig, ghost_host(rig, &from[i], i));
    }
    ghosts[0] =
        (struct ghost){.host = from[0], .no_handshake = true, .port = 1}; /* answers ARP, nothing else */
    ghost_open(rig, &ghosts[0]);
    for (unsigned i = 0; i < 3000; i++) {
        struct packet_segment syn = {.from_port = (uint16_t)(1024 + rig_random(rig, 60000)),
                                     .to_port = i % 4 == 3 ? (uint16_t)rig_random(rig, 65536) : 80,
                                     .seq = rig_random(rig, UINT32_MAX),
                                     .window = 1024,
                                     .flags = PACKET_SYN};
        rig_frame_send(
            rig, frame,
            packet_tcp(frame, &from[i % 8 < 6 ? 0 : rig_random(rig, 4)], &rig->peer, &syn, NULL, 0));
        if (i % 5 == 4) {
            rig_step(rig);
        }
        if (i % 500 == 499) {
            uint64_t ms = page_within(rig, 4000);
            longest = ms > longest ? ms : longest;
            rig_ping_within_1s(rig);
        }
    }
    uint64_t guarded = rig_number(rig, "services.tcp.guarded");
    ghost_forget(rig, &ghosts[0]);
    rig_run_ms(rig, 25000);
    rig_say(rig, "3,000 SYNs at 5 a ms, page meanwhile within %llu ms, %llu half-open ones ended",
            (unsigned long long)longest, (unsigned long long)guarded);
}

/* Segments that fit no connection: answered or dropped, never kept. */
static void stray_segments(struct rig *rig)
{
    uint8_t frame[PACKET_MAX], data[100] = {0};
    struct packet_host from;
    RIG_CHECK(rig, ghost_host(rig, &from, 0));
    for (unsigned i = 0; i < 3000; i++) {
        struct packet_segment s = {.from_port = (uint16_t)(1 + rig_random(rig, 65535)),
                                   .to_port = rig_random(rig, 2) != 0 ? 80 : (uint16_t)rig_random(rig, 65536),
                                   .seq = rig_random(rig, UINT32_MAX),
                                   .ack = rig_random(rig, UINT32_MAX),
                                   .window = (uint16_t)rig_random(rig, 65536),
                                   .flags = (uint8_t)(rig_random(rig, 64) & ~PACKET_SYN)};
        size_t length = packet_tcp(frame, &from, &rig->peer, &s, data, rig_random(rig, sizeof data));
        if (i % 3 == 0) {
            frame[46] = (uint8_t)rig_random(rig, 256); /* data offset */
        }
        rig_frame_send(rig, frame, length);
        if (i % 4 == 3) {
            rig_step(rig);
        }
    }
}

/* A SYN for a connection that stands. The board must tell where that stands, by a bare ACK; and nothing else may change. */
static struct packet_segment syn_answer;

static bool syn_is_answered(void *context, const struct packet *packet)
{
    const struct ghost *ghost = context;
    syn_answer = packet->tcp;
    return packet->protocol == PACKET_TCP && packet->from_port == 80 && packet->to_port == ghost->port;
}

static uint8_t syn_send(struct rig *rig, struct ghost *ghost, uint8_t flags, uint32_t seq, uint32_t ack)
{
    uint8_t frame[PACKET_MAX];
    struct packet_segment s = {
        .from_port = ghost->port, .to_port = 80, .seq = seq, .ack = ack, .window = 4096, .flags = flags};
    rig_frame_send(rig, frame, packet_tcp(frame, &ghost->host, &rig->peer, &s, NULL, 0));
    return rig_frame_wait(rig, syn_is_answered, ghost, 200) ? syn_answer.flags : 0;
}

static void syn_again(struct rig *rig)
{
    struct ghost *ghost = &ghosts[0];
    *ghost = (struct ghost){.port = 4000, .to_port = 80};
    RIG_CHECK(rig, ghost_host(rig, &ghost->host, 0));
    ghost_open(rig, ghost);
    rig_run_ms(rig, 20);
    RIG_CHECK(rig, ghost->state == GHOST_OPEN);
    const char *text = request_text(rig, "/api/status");
    ghost_send(rig, ghost, text, 10);
    rig_run_ms(rig, 300); /* its delayed ACK, too */
    static const uint32_t beside[] = {0, 1, 1000, 100000, 0x7FFFFFFF, 0x80000000, (uint32_t)-1};
    for (unsigned i = 0; i < 2 * sizeof beside / sizeof beside[0]; i++) {
        uint8_t flags = PACKET_SYN | (i % 2 != 0 ? PACKET_ACK : 0);
        RIG_CHECK(rig, syn_send(rig, ghost, flags, ghost->seq + beside[i / 2], ghost->ack) == PACKET_ACK);
        RIG_CHECK(rig, syn_answer.seq == ghost->ack && syn_answer.ack == ghost->seq);
    }
    ghost_send(rig, ghost, text + 10, strlen(text) - 10);
    rig_run_ms(rig, 200);
    RIG_CHECK(rig, strncmp(ghost->head, "HTTP/1.1 200", 12) == 0);

    /* The client's PC starts anew, and happens to use the same port: it resets what it doesn't know, and gets a connection. */
    ghost_forget(rig, ghost);
    RIG_CHECK(rig, syn_send(rig, ghost, PACKET_SYN, 5, 0) == PACKET_ACK);
    RIG_CHECK(rig, syn_send(rig, ghost, PACKET_RST, syn_answer.ack, 0) == 0);
    ghost_open(rig, ghost);
    rig_run_ms(rig, 20);
    RIG_CHECK(rig, ghost->state == GHOST_OPEN);
    ghost_reset(rig, ghost);
    rig_run_ms(rig, 20);
    ghost_forget(rig, ghost);

    /* One in place of the handshake's last ACK: 2.1.3 takes it for that and a byte, 2.2 ignores it; nothing is lost by either. */
    RIG_CHECK(rig, ghost_host(rig, &ghost->host, 0));
    *ghost = (struct ghost){.host = ghost->host, .port = 4001, .to_port = 80, .no_handshake = true};
    ghost_open(rig, ghost); /* for its ARP */
    rig_run_ms(rig, 20);
    syn_send(rig, ghost, PACKET_RST, ghost->seq, 0);
    RIG_CHECK(rig, syn_send(rig, ghost, PACKET_SYN, 7, 0) == (PACKET_SYN | PACKET_ACK));
    syn_send(rig, ghost, PACKET_SYN | PACKET_ACK, 8, syn_answer.seq + 1);
    for (uint32_t seq = 8; seq <= 9; seq++) {
        syn_send(rig, ghost, PACKET_RST, seq, 0);
    }
    ghost_forget(rig, ghost);
    rig_say(rig, "14 SYNs within a connection, which goes on; one instead of an ACK");
}

/* ---- Pools ---- */

/* Forty clients that ask for the page and do not read it. */
static void pools_exhausted(struct rig *rig)
{
    for (unsigned i = 0; i < CROWD; i++) {
        RIG_CHECK(rig, client_open(&crowd[i], rig, i % 8 == 7 ? 5001 : 80));
        crowd[i].paused = true;
        for (unsigned n = 0; n < 10; n++) {
            client_text(&crowd[i], request_text(rig, "/"));
        }
    }
    load_start(rig, LOAD_ECHO);
    for (unsigned i = 0; i < 10; i++) {
        rig_run_ms(rig, 1000);
    }
    load_stop(rig);
    rig_ping_within_1s(rig);
    uint64_t ms = page_within(rig, rig->crowd_ms_max);
    static struct json status;
    rig_status(rig, &status);
    for (unsigned i = 0; i < CROWD; i++) {
        client_resume(&crowd[i]);
    }
    rig_run_ms(rig, 1000);
    crowd_free(CROWD);
    rig_say(
        rig,
        "40 clients that do not read; page for another after %llu ms; %llu evicted, heap at most %llu of %llu",
        (unsigned long long)ms, (unsigned long long)rig_number_of(rig, &status, "services.http.evicted"),
        (unsigned long long)rig_number_of(rig, &status, "pools.HEAP.max"),
        (unsigned long long)rig_number_of(rig, &status, "pools.HEAP.size"));
}

/* ---- Ten thousand connections of every kind ---- */

static void mixed_begin(struct rig *rig, struct client *client, unsigned kind)
{
    if (!client_open(client, rig, kind == 6 ? 81 : kind == 7 ? 5001 : kind == 8 ? 53 : 80)) {
        return;
    }
    static const char *const texts[] = {NULL,        NULL, "GET / HTTP/1.0\r\n\r\n", "nonsense\r\n\r\n",
                                        "GET / HTT", ""};
    if (kind < 2) {
        client_text(client, request_text(rig, kind == 0 ? "/" : "/nothing"));
    } else if (kind < 6 && texts[kind][0] != 0) {
        client_text(client, texts[kind]);
    } else if (kind == 7 || kind == 8) {
        uint8_t bytes[64] = {0, 62, 1, 2};
        client_send(client, bytes, sizeof bytes);
    }
}

static void mixed_connections(struct rig *rig)
{
    enum { PARALLEL = 8 };
    unsigned done = 0, answered = 0, steps[PARALLEL] = {0};
    uint64_t begin = rig_ms(rig);
    while (done < 10000) {
        for (unsigned i = 0; i < PARALLEL; i++) {
            struct client *client = &crowd[i];
            if (client->in == NULL) {
                mixed_begin(rig, client, rig_random(rig, 10));
                steps[i] = 2 + rig_random(rig, 6);
            } else if (steps[i]-- == 0 || client->ended || client->failed) {
                answered += client->received != 0;
                if (rig_random(rig, 3) == 0) {
                    client_abort(client);
                } else {
                    client_close(client);
                }
                client_free(client);
                done++;
            }
        }
        rig_step(rig);
        if (done % 1000 == 999) {
            rig_ping_within_1s(rig);
        }
    }
    uint64_t ms = rig_ms(rig) - begin;
    crowd_free(PARALLEL);
    RIG_CHECK(rig, answered > 2000);
    rig_say(rig, "10,000 connections in %llu ms, %u of them got bytes", (unsigned long long)ms, answered);
}

/* ---- iperf 2 ---- */

static void iperf_receives(struct rig *rig)
{
    static struct client client;
    static uint8_t bytes[1 << 20];
    for (size_t i = 36; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)('0' + i % 10);
    }
    RIG_CHECK(rig, client_open(&client, rig, 5001) && client_wait_connected(&client, 1000));
    uint64_t begin = rig_ms(rig);
    client_send(&client, bytes, sizeof bytes);
    for (unsigned ms = 0; client.sent < sizeof bytes; ms++) {
        RIG_CHECK(rig, ms < 10000 && !client.failed);
        rig_step(rig);
    }
    uint64_t ms = rig_ms(rig) - begin;
    client_close(&client);
    rig_run_ms(rig, 100);
    RIG_CHECK(rig, rig_number(rig, "services.iperf.received") >= sizeof bytes);
    RIG_CHECK(rig, sizeof bytes / ms >= 500);
    rig_say(rig, "1 MB taken at %llu bytes/ms", (unsigned long long)(sizeof bytes / ms));
}

static struct client back; /* the connection that the board opens for -r */

static err_t back_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    (void)arg;
    (void)error;
    if (p == NULL) {
        back.ended = true;
        tcp_close(pcb);
        back.pcb = NULL;
        return ERR_OK;
    }
    back.received += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t back_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg;
    if (error != ERR_OK) {
        return error;
    }
    back.pcb = pcb;
    back.connected = true;
    tcp_recv(pcb, back_recv);
    return ERR_OK;
}

/* As `iperf -c -r -n 500K` does: a header in the first bytes, then the server connects back and sends. */
static void iperf_sends(struct rig *rig)
{
    static struct client client;
    uint8_t header[128] = {0};
    struct tcp_pcb *listener = tcp_new();
    RIG_CHECK(rig, listener != NULL && tcp_bind(listener, IP_ADDR_ANY, 5001) == ERR_OK);
    listener = tcp_listen(listener);
    tcp_accept(listener, back_accept);
    store_be32(header, 0x80000000u); /* HEADER_VERSION1, not RUN_NOW: tradeoff */
    store_be32(header + 4, 1);       /* numThreads */
    store_be32(header + 8, 5001);    /* mPort */
    store_be32(header + 20, 500000); /* mAmount in bytes */
    RIG_CHECK(rig, client_open(&client, rig, 5001) && client_wait_connected(&client, 1000));
    client_send(&client, header, sizeof header);
    rig_run_ms(rig, 50);
    client_close(&client);
    uint64_t begin = 0;
    for (unsigned ms = 0; !back.ended; ms++) {
        if (ms > 10000) {
            rig_fail(rig, "the board connected back: %d, and sent %llu bytes", back.connected,
                     (unsigned long long)back.received);
        }
        begin = begin == 0 && back.connected ? rig_ms(rig) : begin;
        rig_step(rig);
    }
    uint64_t ms = rig_ms(rig) - begin;
    tcp_close(listener);
    RIG_CHECK(rig, back.received >= 500000);
    rig_say(rig, "%llu bytes at %llu bytes/ms", (unsigned long long)back.received,
            (unsigned long long)(back.received / ms));
}

const struct scenario scenarios_tcp[] = {
    {"fair_shares", SCENARIO_BOTH, fair_shares, 120, false},
    {"status_rates", SCENARIO_BOTH, status_rates, 60, false},
    {"never_acknowledged", SCENARIO_BOTH, never_acknowledged, 120, false},
    {"twelve_at_once", SCENARIO_BOTH, twelve_at_once, 60, false},
    {"thirteenth", SCENARIO_BOTH, thirteenth, 60, false},
    {"one_byte_a_second", SCENARIO_BOTH, one_byte_a_second, 60, false},
    {"slow_and_idle", SCENARIO_BOTH, slow_and_idle, 60, false},
    {"steady_and_trickled", SCENARIO_BOTH, steady_and_trickled, 60, false},
    {"half_open", SCENARIO_BOTH, half_open, 60, false},
    {"syn_flood", SCENARIO_BOTH, syn_flood, 60, false},
    {"stray_segments", SCENARIO_BOTH, stray_segments, 60, false},
    {"syn_again", SCENARIO_BOTH, syn_again, 60, false},
    {"pools_exhausted", SCENARIO_BOTH, pools_exhausted, 60, false},
    {"mixed_connections", SCENARIO_BOTH, mixed_connections, 180, false},
    {"iperf_receives", SCENARIO_BOTH, iperf_receives, 60, false},
    {"iperf_sends", SCENARIO_BOTH, iperf_sends, 60, false},
    {0},
};
