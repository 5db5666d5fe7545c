/*
 * TCP clients on the PC's own stack, and HTTP over them.
 *
 *   client_open ─→ client_send ─→ client_wait_reply … ─→ client_close or client_abort ─→ client_free
 *   http_get, http_ask: all of it in one call
 *
 * Time passes only in calls that wait. A client must not move in memory while it is open.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_SYSTEM_CLIENT_H
#define PLUGNET_TEST_SYSTEM_CLIENT_H

#include "test/system/rig.h"

#define CLIENT_IN_MAX (256 * 1024)

struct tcp_pcb;

struct client {
    struct rig *rig;
    struct tcp_pcb *pcb; /* NULL: none */
    bool connected;
    bool ended;   /* the board has closed its side */
    bool failed;  /* reset, or given up */
    bool paused;  /* what comes is kept, but the window isn't opened again */
    bool discard; /* what comes is counted and forgotten */
    uint8_t *in;  /* received and not yet taken */
    size_t in_length;
    uint64_t received;
    uint32_t unopened; /* bytes of window held back while paused */
    uint8_t *out;
    size_t out_length, out_done;
    uint64_t sent;
};

/* False: no memory for a connection. */
bool client_open(struct client *client, struct rig *rig, uint16_t port);
void client_send(struct client *client, const void *bytes, size_t length);
void client_text(struct client *client, const char *text);
void client_resume(struct client *client); /* not paused any more */
void client_shut(struct client *client);   /* no more comes from us; what is sent before goes out first */
void client_close(
    struct client *client); /* our side, in peace; free follows when the board has closed, too */
void client_abort(struct client *client);  /* with RST */
void client_vanish(struct client *client); /* without a word: the board never hears of it again */
void client_free(struct client *client);   /* aborts if it is still open */

bool client_wait_connected(struct client *client, uint32_t limit_ms);
bool client_wait_ended(struct client *client, uint32_t limit_ms); /* ended or failed */

/* One HTTP answer. Pointers live until the next call for the same client. */
struct reply {
    int status;
    const char *head;    /* header lines, ended by 0 */
    const uint8_t *body; /* chunks joined */
    size_t length;
    size_t used; /* bytes of the client's input that it took */
};

/* Wait for a whole answer, and take it. `head_only`: to a HEAD request. False: none in time, or malformed. */
bool client_wait_reply(struct client *client, struct reply *reply, bool head_only, uint32_t limit_ms);

/* Take an answer that is there as a whole; no time passes. False: none yet. */
bool client_take_reply(struct client *client, struct reply *reply, bool head_only);

/* A header's value (any case of the name) into `value`; false: not there. */
bool reply_header(const struct reply *reply, const char *name, char *value, size_t size);

/* One request on a connection of its own; `reply` lives until the next http_ask. Fails the test if no answer
 * comes within 5 s. */
void http_ask(struct rig *rig, const char *request, struct reply *reply);
void http_get(struct rig *rig, const char *path, struct reply *reply);

/* "192.168.7.1" */
const char *rig_board_text(struct rig *rig);

#endif
