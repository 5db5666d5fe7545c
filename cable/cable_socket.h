/*
 * The cable (and the fixture) over a socket: a device end in another process.
 *
 *   PC process                                              device process
 *   cable_client_open ─→ struct cable, struct fixture       cable_server_open ─→ fd
 *        any call of the cable  ── request: time, what ──→  cable_server_wait: advance(time), hold the request
 *                                                           … the firmware lives: timers, pending work …
 *        its result             ←── reply ────────────────  cable_server_answer: the call itself, reply
 *
 * One request, one reply, strictly in turns, over a UNIX socket of type SOCK_SEQPACKET (a message keeps its
 * bounds). cable_ops.advance() alone sends nothing: each request carries the time, so that both ends see the
 * same order of times and calls. Numbers are little-endian.
 *
 *   request  0 call   1 address or button   2 endpoint   3 flag (on, active, data1, pressed)
 *            4 time_ns (8 bytes)            12 data: SETUP 8 bytes, OUT 0 to 64, frame number 2
 *   reply    0 call   1 enum cable_answer   2 flag (pulled_up, wakes, data1)   3 zero
 *            4 data: IN 0 to 64 bytes, leds 4 bytes
 *
 * A peer that dies or breaks these rules ends the connection: the client answers CABLE_SILENCE, the server false.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CABLE_CABLE_SOCKET_H
#define PLUGNET_CABLE_CABLE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cable/cable.h"
#include "cable/fixture.h"

#define CABLE_SOCKET_ENV         "PLUGNET_CABLE_FD" /* a connected socket, inherited by a device process */
#define CABLE_SOCKET_HEAD        12                 /* bytes of a request before its data */
#define CABLE_SOCKET_REPLY_HEAD  4                  /* bytes of a reply before its data */
#define CABLE_SOCKET_MESSAGE_MAX (CABLE_SOCKET_HEAD + CABLE_PACKET_MAX)

/* Byte 0 of a request. */
enum cable_socket_call {
    CABLE_CALL_VBUS = 1,
    CABLE_CALL_PULLED_UP,
    CABLE_CALL_BUS_RESET,
    CABLE_CALL_FRAME,
    CABLE_CALL_BUS_SUSPEND,
    CABLE_CALL_WAKES,
    CABLE_CALL_SETUP,
    CABLE_CALL_OUT,
    CABLE_CALL_IN,
    CABLE_CALL_ADVANCE, /* nothing but the time */
    CABLE_CALL_BUTTON = 16,
    CABLE_CALL_LEDS,
    CABLE_CALL_RESET,
    CABLE_CALL_POWER,
};

/* ---- The device's side ---- */

/* The device end of one connection. Caller-owned; `ops`, `device`, `fixture` are yours, the rest is ours. */
struct cable_server {
    int fd;                      /* connected socket; yours to close */
    const struct cable_ops *ops; /* every pointer set */
    void *device;
    struct fixture fixture; /* ops NULL: fixture requests are answered with zeros */

    uint64_t time_ns; /* of the last request */
    uint8_t request[CABLE_SOCKET_MESSAGE_MAX];
    uint32_t request_length; /* 0: no request is held */
};

/* A connected socket for a device process: the inherited one (CABLE_SOCKET_ENV), else listen at `path` and
 * wait for one PC. Negative: no; `error` holds one line. */
int cable_server_open(const char *path, char *error, size_t error_size);

/* Wait for the next request, at most `timeout_ms` (negative: for ever), call advance() with its time, and hold
 * it. True at once if one is held already. False: timeout, or the peer is gone (then fd is at its end:
 * cable_server_gone). A firmware's idle function calls this, returns to the loop so that timers run and
 * pending work is done at the new time, and calls cable_server_answer when idle again. */
bool cable_server_wait(struct cable_server *server, int timeout_ms);

/* Do the held request and reply. False: none held, or the peer is gone. The reply to reset and power is sent
 * before the fixture's function is called, because that may exec or never return. */
bool cable_server_answer(struct cable_server *server);

/* Both in one, for a device whose advance() does all the living itself. */
bool cable_server_serve_one(struct cable_server *server);

/* True once the peer has closed or misbehaved. */
bool cable_server_gone(const struct cable_server *server);

/* ---- The PC's side ---- */

struct cable_client {
    int fd; /* ours from open to close; negative: the device is gone */
    uint64_t time_ns;
    int timeout_ms; /* real milliseconds to wait for a reply, default 60000 (a debugger may hold the device) */
};

/* Connect to a device process that listens at `path`. False: no; `error` holds one line. */
bool cable_client_open(struct cable_client *client, const char *path, char *error, size_t error_size);

/* Start a device process (argv as for execvp, ends with NULL) with a socket inherited through
 * CABLE_SOCKET_ENV. Returns its process id, or -1 and `error`. The caller waits for it. */
int cable_client_spawn(struct cable_client *client, char *const argv[], char *error, size_t error_size);

void cable_client_close(struct cable_client *client);

/* False once the device process is gone. */
bool cable_client_alive(const struct cable_client *client);

/* The ends as a PC holds them; valid while `client` is. */
struct cable cable_client_cable(struct cable_client *client);
struct fixture cable_client_fixture(struct cable_client *client);

#endif
