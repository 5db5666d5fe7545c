/*
 * A product's own TCP service that sends without end (test/stream/stream.c): its clients that don't read, or don't
 * acknowledge, take nothing from the page, and those that read get every byte.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <stdio.h>
#include <string.h>

#define PORT    5555
#define LINE    16
#define UNREAD  3
#define PAGE_MS 1000 /* what the status object may take meanwhile */

static struct client streams[4];

/* What has come is the beginning of the numbered lines; returns its length, and takes it. */
static size_t lines_check(struct rig *rig, struct client *client)
{
    char line[LINE + 1];
    uint64_t begin = client->received - client->in_length;
    size_t length = client->in_length;
    for (size_t i = 0; i < length; i++) {
        if (i == 0 || (begin + i) % LINE == 0) {
            snprintf(line, sizeof line, "line %010u\n", (unsigned)((begin + i) / LINE));
        }
        if (client->in[i] != (uint8_t)line[(begin + i) % LINE]) {
            rig_fail(rig, "byte %llu is wrong", (unsigned long long)(begin + i));
        }
    }
    client->in_length = 0;
    return length;
}

static uint64_t status_ms(struct rig *rig)
{
    uint64_t begin = rig_ms(rig);
    static struct json status;
    rig_status(rig, &status);
    return rig_ms(rig) - begin;
}

static void stream_unread(struct rig *rig)
{
    static struct ghost mute;
    uint64_t longest = 0;
    for (unsigned i = 0; i < UNREAD; i++) {
        RIG_CHECK(rig, client_open(&streams[i], rig, PORT));
        streams[i].paused = true;
    }
    mute = (struct ghost){.mute = true, .port = 2000, .to_port = PORT};
    RIG_CHECK(rig, ghost_host(rig, &mute.host, 0));
    ghost_open(rig, &mute);
    for (unsigned i = 0; i < 50; i++) {
        rig_run_ms(rig, 100);
        uint64_t ms = status_ms(rig);
        longest = ms > longest ? ms : longest;
    }
    if (longest > PAGE_MS) {
        rig_fail(rig, "the status object took %llu ms", (unsigned long long)longest);
    }
    size_t stopped = streams[0].in_length;
    for (unsigned i = 0; i < UNREAD; i++) {
        lines_check(rig, &streams[i]);
        client_resume(&streams[i]);
        streams[i].paused = false;
    }
    rig_run_ms(rig, 1000);
    for (unsigned i = 0; i < UNREAD; i++) {
        RIG_CHECK(rig, lines_check(rig, &streams[i]) > 100 * LINE);
        RIG_CHECK(rig, !streams[i].failed && !streams[i].ended);
        client_close(&streams[i]);
    }
    ghost_forget(rig, &mute);
    rig_run_ms(rig, 200);
    for (unsigned i = 0; i < UNREAD; i++) {
        client_free(&streams[i]);
    }
    rig_say(rig,
            "3 clients that don't read (%zu bytes each) and a mute one: the status object within %llu ms",
            stopped, (unsigned long long)longest);
    rig_run_ms(rig, 60000);
}

/* It and the page at once: both get their share. */
static void stream_beside_status(struct rig *rig)
{
    uint64_t longest = 0;
    for (unsigned i = 0; i < UNREAD; i++) {
        RIG_CHECK(rig, client_open(&streams[i], rig, PORT) && client_wait_connected(&streams[i], 1000));
    }
    uint64_t begin = rig_ms(rig), least = UINT64_MAX;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t ms = status_ms(rig);
        longest = ms > longest ? ms : longest;
        for (unsigned n = 0; n < UNREAD; n++) {
            lines_check(rig, &streams[n]);
        }
    }
    uint64_t ms = rig_ms(rig) - begin;
    for (unsigned n = 0; n < UNREAD; n++) {
        least = streams[n].received < least ? streams[n].received : least;
        client_abort(&streams[n]);
        client_free(&streams[n]);
    }
    rig_say(rig, "3 readers get %llu bytes/ms each at least, 200 status objects within %llu ms each",
            (unsigned long long)(least / ms), (unsigned long long)longest);
    if (longest > PAGE_MS || least / ms < 3) {
        rig_fail(rig, "%s", rig->said);
    }
}

const struct scenario scenarios_stream[] = {
    {"stream_unread", SCENARIO_STREAM, stream_unread, 120, false},
    {"stream_beside_status", SCENARIO_STREAM, stream_beside_status, 120, false},
    {NULL, 0, NULL, 0, false},
};
