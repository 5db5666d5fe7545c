/*
 * Clients that are slow in ways of their own: a tiny MSS, a window that stays closed, a PC that sleeps in the middle of
 * an answer. Each gets its answer whole, and nobody else waits for it.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <stdio.h>
#include <string.h>

#define OTHER_MS 1000 /* what anybody else may wait meanwhile */
#define UNREAD   200  /* requests of a client that reads no answer */

static const char *slow_request(struct rig *rig, const char *path, bool close)
{
    static char text[160];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, rig_board_text(rig),
             close ? "Connection: close\r\n" : "");
    return text;
}

/* Milliseconds until somebody else has got the status; fails if it takes too long. */
static uint64_t other_served(struct rig *rig)
{
    static struct client client;
    struct reply reply;
    uint64_t begin = rig_ms(rig);
    RIG_CHECK(rig, client_open(&client, rig, 80));
    client_text(&client, slow_request(rig, "/api/status", true));
    if (!client_wait_reply(&client, &reply, false, OTHER_MS) || reply.status != 200) {
        rig_fail(rig, "another client was not served within %u ms", OTHER_MS);
    }
    client_free(&client);
    return rig_ms(rig) - begin;
}

static bool ghost_is_over(void *context)
{
    const struct ghost *ghost = context;
    return ghost->state == GHOST_FIN_SEEN || ghost->state == GHOST_RESET;
}

/* Field case 10: pieces must fit by segments at the peer's MSS. */
static void tiny_mss(struct rig *rig)
{
    static const uint16_t sizes[] = {1460, 536, 88, 48, 20, 8, 1};
    static const char *const paths[] = {"/", "/api/status"};
    uint64_t longest = 0, most = 0;
    for (unsigned i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        struct ghost ghost = {.port = (uint16_t)(4000 + i), .to_port = 80, .mss = sizes[i / 2]};
        RIG_CHECK(rig, ghost_host(rig, &ghost.host, 0));
        ghost_open(rig, &ghost);
        rig_run_ms(rig, 5);
        const char *text = slow_request(rig, paths[i % 2], true);
        ghost_send(rig, &ghost, text, strlen(text));
        rig_run_ms(rig, 3);
        uint64_t ms = other_served(rig), begin = rig_ms(rig);
        longest = ms > longest ? ms : longest;
        if (!rig_run_until(rig, ghost_is_over, &ghost, 30000) || ghost.state != GHOST_FIN_SEEN ||
            ghost.received < 1500 || memcmp(ghost.head, "HTTP/1.1 200", 12) != 0) {
            rig_fail(rig, "MSS %u, %s: %llu bytes, state %d", ghost.mss, paths[i % 2],
                     (unsigned long long)ghost.received, ghost.state);
        }
        most = rig_ms(rig) - begin > most ? rig_ms(rig) - begin : most;
        ghost_reset(rig, &ghost);
        ghost_forget(rig, &ghost);
    }
    rig_say(rig, "MSS 1460 to 1: answers whole, the longest after %llu ms; others served within %llu ms",
            (unsigned long long)most, (unsigned long long)longest);
}

/* Field case 14: an answer with Connection: close is as long as any other, however late its client reads. */
static void slow_reader(struct rig *rig)
{
    static struct ghost ghost;
    static const uint32_t pauses_ms[] = {1000, 3000, 6000, 15000};
    for (unsigned i = 0; i < 8; i++) {
        ghost =
            (struct ghost){.port = (uint16_t)(4100 + i), .to_port = 80, .window = 2400, .keeps_closed = true};
        RIG_CHECK(rig, ghost_host(rig, &ghost.host, 1));
        ghost_open(rig, &ghost);
        rig_run_ms(rig, 5);
        const char *text = slow_request(rig, "/app.js", i % 2 != 0);
        ghost_send(rig, &ghost, text, strlen(text));
        rig_run_ms(rig, pauses_ms[i / 2]);
        RIG_CHECK(rig, ghost.state == GHOST_OPEN && ghost.received <= 2400);
        other_served(rig);
        ghost_window_open(rig, &ghost);
        rig_run_ms(rig, 1500);
        if (ghost.received < 3000 || ghost.state != (i % 2 != 0 ? GHOST_FIN_SEEN : GHOST_OPEN)) {
            rig_fail(rig, "a window closed for %u ms: %llu bytes, state %d", pauses_ms[i / 2],
                     (unsigned long long)ghost.received, ghost.state);
        }
        ghost_reset(rig, &ghost);
        ghost_forget(rig, &ghost);
    }
    rig_say(rig, "windows closed for 1, 3, 6 and 15 s, with and without Connection: close: answers whole");
}

/* Field case 28: a client that asks and asks and reads nothing. */
static void asks_and_never_reads(struct rig *rig)
{
    static struct client client;
    static const char *const paths[] = {"/nothing", "/api/status", "/app.js"};
    uint64_t longest = 0;
    for (unsigned kind = 0; kind < 3; kind++) {
        RIG_CHECK(rig, client_open(&client, rig, 80));
        client.paused = true;
        for (unsigned i = 0; i < UNREAD && !client.failed; i++) {
            client_text(&client, slow_request(rig, paths[kind], false));
            rig_run_ms(rig, 5);
            uint64_t ms = i % 20 == 19 ? other_served(rig) : 0;
            longest = ms > longest ? ms : longest;
        }
        client_resume(&client);
        client.paused = false;
        rig_run_ms(rig, 2000);
        client_abort(&client);
        client_free(&client);
    }
    rig_say(rig, "3 times %u requests unread; others served within %llu ms", UNREAD,
            (unsigned long long)longest);
}

/* Field case 29: the PC sleeps while an answer is on its way. */
static void sleeps_in_the_middle(struct rig *rig)
{
    static struct client client;
    struct reply reply;
    static const uint32_t sleeps_ms[] = {1000, 4000, 12000};
    for (unsigned i = 0; i < 6; i++) {
        RIG_CHECK(rig, client_open(&client, rig, 80) && client_wait_connected(&client, 1000));
        client_text(&client, slow_request(rig, "/app.js", i % 2 != 0));
        rig_run_ms(rig, 1);
        pc_suspend(rig->pc);
        rig_run_ms(rig, sleeps_ms[i / 2]);
        pc_resume(rig->pc);
        if (!client_wait_reply(&client, &reply, false, 6000) || reply.status != 200 || reply.length < 3000) {
            rig_fail(rig, "asleep for %u ms: ended %d, failed %d, %zu bytes", sleeps_ms[i / 2], client.ended,
                     client.failed, client.in_length);
        }
        client_free(&client);
        other_served(rig);
    }
    rig_say(rig, "asleep for 1, 4 and 12 s, with and without Connection: close: answers whole");
}

/* A PC so busy that it reads for a few milliseconds in four hundred: those that wait for their turn are silent, since they wait for the
 * board, and none of them may be taken for dead. */
static void busy_pc(struct rig *rig)
{
    enum { CLIENTS = 8 };
    static struct client clients[CLIENTS];
    struct reply reply;
    unsigned answers = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        RIG_CHECK(rig, client_open(&clients[i], rig, 80) && client_wait_connected(&clients[i], 1000));
        client_text(&clients[i], slow_request(rig, "/api/status", false));
    }
    for (unsigned ms = 0; ms < 20000; ms++) {
        if (ms % 400 == 0) {
            pc_in_stop(rig->pc, 395);
        }
        rig_step(rig);
        for (unsigned i = 0; i < CLIENTS; i++) {
            if (client_take_reply(&clients[i], &reply, false)) {
                answers += reply.status == 200;
                client_text(&clients[i], slow_request(rig, "/api/status", false));
            }
            if (clients[i].failed || clients[i].ended) {
                rig_fail(rig, "client %u was cut after %u ms and %u answers", i, ms, answers);
            }
        }
    }
    pc_in_stop(rig->pc, 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        client_free(&clients[i]);
    }
    RIG_CHECK(rig, answers >= CLIENTS);
    rig_say(rig, "8 clients of a PC that reads now and then: %u answers in 20 s, none cut", answers);
}

const struct scenario scenarios_slow[] = {
    {"busy_pc", SCENARIO_BOTH, busy_pc, 120, false},
    {"tiny_mss", SCENARIO_BOTH, tiny_mss, 120, false},
    {"slow_reader", SCENARIO_BOTH, slow_reader, 120, false},
    {"asks_and_never_reads", SCENARIO_BOTH, asks_and_never_reads, 120, false},
    {"sleeps_in_the_middle", SCENARIO_BOTH, sleeps_in_the_middle, 120, false},
    {NULL, 0, NULL, 0, false},
};
