/*
 * Scenarios of images with threads (--threads): applications get their time while the cable is saturated, and no
 * thread's stack comes near its end.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <string.h>

#include "test/system/load.h"
#include "vboard/board.h"

#define STACK_LEFT_MIN 64 /* bytes */
#define BLINK_MS       500
#define BLINK_SLACK_MS 10
#define LOADED_MS      10000

/* A datagram to the DNS server that is none, and is counted by it. */
static void datagram_send(struct rig *rig)
{
    static const uint8_t nonsense[200];
    uint8_t frame[PACKET_MAX];
    rig_frame_send(rig, frame, packet_udp(frame, &rig->me, &rig->peer, 4000, 53, nonsense, sizeof nonsense));
}

static uint32_t last_led(const struct rig *rig)
{
    unsigned count = 0;
    while (count < VBOARD_LEDS_MAX && rig->config.model->leds[count].name != NULL) {
        count++;
    }
    return vboard_leds(rig->board) >> (count - 1) & 1;
}

/* The sampler takes its hundred samples a second, and the lowest thread's LED keeps its rhythm. */
static void tasks_in_time(struct rig *rig)
{
    static struct json begin, end;
    uint64_t changed_ms = 0, moved = load_bytes();
    unsigned changes = 0;
    load_start(rig, LOAD_ALL);
    rig_run_ms(rig, 500);
    rig_status(rig, &begin);
    uint32_t led = last_led(rig);
    for (unsigned ms = 0; ms < LOADED_MS; ms++) {
        datagram_send(rig);
        rig_step(rig);
        if (last_led(rig) == led) {
            continue;
        }
        led = !led;
        uint64_t now = rig_ms(rig), passed = now - changed_ms;
        if (changes > 0 && (passed < BLINK_MS - BLINK_SLACK_MS || passed > BLINK_MS + BLINK_SLACK_MS)) {
            rig_fail(rig, "the LED blinked after %llu ms", (unsigned long long)passed);
        }
        changed_ms = now;
        changes++;
    }
    rig_status(rig, &end);
    moved = load_bytes() - moved;
    load_stop(rig);
    uint64_t ms = rig_number_of(rig, &end, "uptime_ms") - rig_number_of(rig, &begin, "uptime_ms");
    uint64_t samples = rig_number_of(rig, &end, "samples") - rig_number_of(rig, &begin, "samples");
    RIG_CHECK(rig, changes >= LOADED_MS / BLINK_MS - 1 && moved > 1000000);
    if (samples * 10 < ms * 95 / 100 || samples * 10 > ms * 105 / 100) {
        rig_fail(rig, "%llu samples in %llu ms", (unsigned long long)samples, (unsigned long long)ms);
    }
    rig_say(rig, "%llu samples in %llu ms, LED on time %u times, %llu bytes of TCP meanwhile",
            (unsigned long long)samples, (unsigned long long)ms, changes, (unsigned long long)moved);
}

/* The console's thread goes deep, too. */
static void console_ask(struct rig *rig)
{
    static struct client clients[6]; /* more than it serves */
    for (unsigned i = 0; i < 6; i++) {
        RIG_CHECK(rig, client_open(&clients[i], rig, 2323) && client_wait_connected(&clients[i], 2000));
        client_text(&clients[i], "*IDN?\nleds\nled 0 on\nhelp\nuptime\nwhat\nled 9 off\nbutton\nquit\n");
        rig_run_ms(rig, 50);
    }
    for (unsigned i = 0; i < 6; i++) {
        RIG_CHECK(rig, client_wait_ended(&clients[i], 2000));
        client_free(&clients[i]);
    }
}

/* Everything that goes deep, then each thread's high-water mark. */
static void stacks_left(struct rig *rig)
{
    static struct json status;
    struct reply reply;
    unsigned tasks = 0;
    load_start(rig, LOAD_ALL);
    for (unsigned i = 0; i < 60; i++) {
        for (unsigned ms = 0; ms < 50; ms++) {
            datagram_send(rig);
            rig_step(rig);
        }
        http_get(rig, i % 2 == 0 ? "/api/status" : "/nothing", &reply);
    }
    load_stop(rig);
    console_ask(rig);
    rig_status(rig, &status);
    for (unsigned i = 0; i < status.count; i++) {
        const struct json_leaf *leaf = &status.leaves[i];
        const char *last = strrchr(leaf->path, '.');
        if (strncmp(leaf->path, "tasks.", 6) != 0 || strcmp(last, ".stack_left") != 0) {
            continue;
        }
        int length = (int)(last - leaf->path) - 6;
        char path[JSON_PATH_MAX];
        snprintf(path, sizeof path, "tasks.%.*s.stack", length, leaf->path + 6);
        tasks++;
        rig_say(rig, "%s%.*s %llu of %llu", tasks > 1 ? ", " : "bytes never used: ", length, leaf->path + 6,
                (unsigned long long)leaf->number, (unsigned long long)rig_number_of(rig, &status, path));
        if (leaf->number < STACK_LEFT_MIN) {
            rig_fail(rig, "%s", rig->said);
        }
    }
    RIG_CHECK(rig, tasks >= 3);
}

const struct scenario scenarios_threads[] = {
    {"tasks_in_time", SCENARIO_THREADS, tasks_in_time, 120, false},
    {"stacks_left", SCENARIO_THREADS, stacks_left, 120, false},
    {0},
};
