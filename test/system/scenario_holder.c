/*
 * A thread of the application that keeps received datagrams and frees them itself (test/holder/holder.c), under load: the
 * cable never stops, what is not received is counted, and all buffers come back.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include "test/system/load.h"

#define PORT      7000
#define ROUNDS    3000
#define PING_MS   100 /* what an echo may take meanwhile; one may be dropped for want of memory, like others */
#define LOST_MAX  3   /* in a row */
#define TWO_TIMES 2   /* two NTB blocks of three: the last stays the cable's */

static uint32_t sent;

static void datagram_send(struct rig *rig, unsigned length)
{
    uint8_t frame[PACKET_MAX], payload[1472];
    for (unsigned i = 0; i < length; i++) {
        payload[i] = (uint8_t)(sent + i);
    }
    rig_frame_send(rig, frame, packet_udp(frame, &rig->me, &rig->peer, 7001, PORT, payload, length));
    sent++;
}

static uint64_t holder_number(struct rig *rig, const char *path)
{
    static struct json holder;
    struct reply reply;
    http_get(rig, "/api/holder", &reply);
    RIG_CHECK(rig, reply.status == 200 && json_read(&holder, (const char *)reply.body, reply.length) == NULL);
    return rig_number_of(rig, &holder, path);
}

/* Answers that found no room or no memory, like TCP's segments, which are sent again. */
static uint64_t frames_unsent(struct rig *rig)
{
    return rig_number(rig, "netif.drops.send_full") + rig_number(rig, "netif.drops.send_no_memory");
}

static void held(struct rig *rig)
{
    int longest = 0;
    unsigned lost = 0, in_a_row = 0;
    uint64_t dropped = rig_number(rig, "netif.drops.no_memory"), unsent = frames_unsent(rig);
    uint64_t copied = rig_number(rig, "netif.copied"), in_place = rig_number(rig, "netif.in_place");
    load_start(rig, LOAD_DOWN | LOAD_UP);
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (unsigned n = rig_random(rig, 3); n > 0; n--) {
            datagram_send(rig, 1 + rig_random(rig, 1472));
        }
        rig_step(rig);
        if (i % 10 == 0) {
            int ms = rig_ping(rig, 56, PING_MS);
            lost += ms < 0;
            in_a_row = ms < 0 ? in_a_row + 1 : 0;
            RIG_CHECK(rig, in_a_row <= LOST_MAX);
            longest = ms > longest ? ms : longest;
        }
    }
    load_stop(rig);
    rig_run_ms(rig, 1000);
    copied = rig_number(rig, "netif.copied") - copied;
    in_place = rig_number(rig, "netif.in_place") - in_place;
    dropped = rig_number(rig, "netif.drops.no_memory") - dropped;
    unsent = frames_unsent(rig) - unsent;
    uint64_t received = holder_number(rig, "received"), refused = holder_number(rig, "no_netbuf");
    rig_say(rig,
            "%u datagrams: %llu kept, %llu refused, up to %llu at once; %llu frames in place, %llu copied, "
            "%llu dropped, %llu unsent; echoes within %d ms, %u of %u lost",
            sent, (unsigned long long)received, (unsigned long long)refused,
            (unsigned long long)holder_number(rig, "held_max"), (unsigned long long)in_place,
            (unsigned long long)copied, (unsigned long long)dropped, (unsigned long long)unsent, longest,
            lost, ROUNDS / 10);
    RIG_CHECK(rig, holder_number(rig, "spoilt") == 0);
    RIG_CHECK(rig, holder_number(rig, "freed") == received);
    RIG_CHECK(rig, holder_number(rig, "held_max") > TWO_TIMES);
    RIG_CHECK(rig, received > ROUNDS / 10 && copied > 0 && in_place > 0);
    RIG_CHECK(rig, lost <= dropped + unsent);
    if (received + refused > sent || received + refused + dropped < sent) {
        rig_fail(rig, "%s", rig->said);
    }
}

const struct scenario scenarios_holder[] = {
    {"held", SCENARIO_HOLDER, held, 120, false},
    {NULL, 0, NULL, 0, false},
};
