/*
 * Traffic in the background: see load.h.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/load.h"

#include <stdio.h>
#include <string.h>

#include "host/ncm_host.h"
#include "test/system/client.h"

#define QUEUE_MAX 12 /* frames */
#define DOWNS     3
#define UP        DOWNS /* index of the uploading client */

struct load_client {
    struct client client;
    uint64_t seen;    /* its progress … */
    uint64_t seen_ms; /* … at this time */
};

static struct load {
    unsigned kinds;
    struct load_client clients[DOWNS + 1];
    uint64_t before; /* bytes of clients that are gone */
    bool away;       /* no lease at the last step */
    uint16_t sequence;
} load;

static uint64_t load_client_bytes(const struct client *client)
{
    return client->received + client->sent;
}

uint64_t load_bytes(void)
{
    uint64_t bytes = load.before;
    for (unsigned i = 0; i <= UP; i++) {
        bytes += load_client_bytes(&load.clients[i].client);
    }
    return bytes;
}

static void load_request(struct client *client)
{
    char request[96];
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", rig_board_text(client->rig));
    client_text(client, request);
}

static void load_client_step(struct rig *rig, unsigned i)
{
    struct load_client *l = &load.clients[i];
    struct client *client = &l->client;
    uint64_t bytes = load_client_bytes(client);
    if (bytes != l->seen) {
        l->seen = bytes;
        l->seen_ms = rig_ms(rig);
    }
    bool stuck = rig_ms(rig) > l->seen_ms + 3000;
    if (client->pcb == NULL || client->ended || client->failed || stuck) {
        load.before += bytes;
        client_free(client);
        memset(l, 0, sizeof *l);
        l->seen_ms = rig_ms(rig);
        if (client_open(client, rig, i == UP ? 5001 : 80) && i != UP) {
            load_request(client);
        }
    } else if (i == UP && client->connected && client->out_length - client->out_done < 20000) {
        static const uint8_t zeros[40000];
        client_send(client, zeros, sizeof zeros);
    } else if (i != UP && client->in_length > 0) {
        /* Next request when the answer is complete: counted, not parsed. */
        struct reply reply;
        if (client_wait_reply(client, &reply, false, 0)) {
            load_request(client);
        }
    }
}

/* Not more than the cable carries: what the PC's own queue holds isn't traffic. */
static void load_echo(struct rig *rig, unsigned size)
{
    uint8_t frame[PACKET_MAX];
    if (pc_ncm(rig->pc)->queue_length < QUEUE_MAX) {
        rig_frame_send(rig, frame, packet_echo(frame, &rig->me, &rig->peer, 0x4C4F, load.sequence++, size));
    }
}

static void load_forget(void)
{
    for (unsigned i = 0; i <= UP; i++) {
        struct client *client = &load.clients[i].client;
        load.before += load_client_bytes(client);
        client_vanish(client);
        client->received = client->sent = 0;
    }
}

static void load_step(struct rig *rig)
{
    if (!pc_is_leased(rig->pc)) {
        load.away = true;
        return;
    }
    if (load.away) { /* as a person does who reloads the page; the old connections vanish without a word */
        load_forget();
        load.away = false;
    }
    for (unsigned i = 0; i <= UP; i++) {
        if ((load.kinds & (i == UP ? LOAD_UP : LOAD_DOWN)) != 0) {
            load_client_step(rig, i);
        }
    }
    if ((load.kinds & LOAD_ECHO) != 0) {
        load_echo(rig, rig_ms(rig) % 4 == 0 ? 1472 : 18);
    }
}

void load_start(struct rig *rig, unsigned kinds)
{
    memset(&load, 0, sizeof load);
    load.kinds = kinds;
    rig->each_step = load_step;
}

void load_stop(struct rig *rig)
{
    rig->each_step = NULL;
    for (unsigned i = 0; i <= UP; i++) {
        client_abort(&load.clients[i].client);
    }
    load_forget();
}
