/*
 * The rig: one device end with a PC plugged in, in virtual time, and what every scenario asks of it.
 *
 *   rig_start ─→ rig_lease ─→ (a scenario) ─→ rig_healthy ─→ rig_finish        main.c does it for all of them
 *
 *   BOARD IMAGE     the Arm image on a virtual board, in this process (vboard: the first one)
 *   native PROGRAM  the firmware as a process of its own, at the other end of a socket
 *
 * Healthy: a ping is answered within 1 s, the page comes, every pool of the board holds what it held at the
 * start, every NTB buffer is home. Nothing returns an error: what goes wrong ends the process by rig_fail, so a
 * scenario reads like a story. Each scenario runs in a process of its own.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_SYSTEM_RIG_H
#define PLUGNET_TEST_SYSTEM_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cable/cable_socket.h"
#include "host/pc.h"
#include "test/system/json.h"
#include "test/system/packet.h"

#define RIG_OUTBOX             512
#define RIG_SAID               400
#define RIG_UID                12
/* A client that is served late has lost its request once or twice for want of memory, and repeats it after seconds: how
 * often is chance. The first board and the process do better than others. */
#define RIG_CROWD_MS_MAX       3000
#define RIG_CROWD_OTHER_MS_MAX 8000

#define RIG_PAUSE_S 3 /* virtual seconds until closed connections have left the board's pools */

struct vboard; /* vboard/board.h */
struct vboard_model;

enum rig_kind { RIG_VBOARD, RIG_NATIVE };

struct rig_config {
    enum rig_kind kind;
    const char *board; /* as on the command line, for messages: "vboard", "32l476gdiscovery", "native" */
    const struct vboard_model *model; /* RIG_VBOARD */
    const char *path;
    const char *scenario; /* name, for messages */
    const char *pcap;     /* NULL: none */
    uint8_t uid[RIG_UID]; /* all zero: the device end's own */
    enum pc_block_end block_end;
    bool lazy;      /* batch as Linux does; default: send at once */
    bool talk;      /* log on stderr */
    bool own_stack; /* examples/ownstack: no DHCP, no page, ARP and ping alone */
};

struct rig;

/* The cable as the PC sees it: the real one, with time shifted and a look at each OUT and IN. */
struct rig_cable {
    struct cable inner;
    uint64_t shift_ns; /* the board's clock is so far ahead of the PC's */
    uint64_t time_ns;  /* the board's */
    /* Before a bulk or interrupt OUT, after an IN; may be NULL. `out` may advance the board by rig_cable_wait. */
    void (*out)(void *context, uint8_t endpoint, uint16_t length);
    void (*in)(void *context, uint8_t endpoint, enum cable_answer answer, uint16_t length);
    void *context;
    bool deaf;        /* the PC doesn't hear the board's resume signalling */
    bool signalled;   /* there was such signalling when the PC listened last */
    unsigned signals; /* how often it has begun */
};

/* Let the board live on for a while before the transaction that is about to happen. */
void rig_cable_wait(struct rig_cable *cable, uint64_t ns);

struct rig_frame {
    uint16_t length;
    uint8_t bytes[PACKET_MAX];
};

struct ghost;

struct rig {
    struct rig_config config;
    struct pc *pc;
    struct vboard *board;       /* RIG_VBOARD */
    struct cable_client client; /* RIG_NATIVE … */
    int process;                /* … and the process behind it */
    struct rig_cable cable;
    struct packet_host me, peer; /* PC and board */
    uint32_t netmask;
    struct json baseline; /* the board's status when nothing had happened yet */
    char said[RIG_SAID];
    uint32_t crowd_ms_max; /* until a new client is served while forty others don't read */

    /* Each frame to the PC as it is; may be NULL. */
    void (*each_frame)(void *context, const uint8_t *frame, size_t length);
    void *each_frame_context;

    /* Looked at for each frame to the PC. */
    bool (*watch)(void *context, const struct packet *packet);
    void *watch_context;
    bool watched; /* `watch` said true */
    uint64_t watched_ns;
    struct ghost *ghosts[64]; /* NULL: free */

    struct rig_frame outbox[RIG_OUTBOX]; /* frames to be sent after this step */
    unsigned outbox_count;
    void (*each_step)(struct rig *rig); /* load.h */
    uint64_t random;
};

void rig_start(struct rig *rig, const struct rig_config *config);
void rig_lease(struct rig *rig);
void rig_baseline(struct rig *rig);
void rig_healthy(struct rig *rig);
void rig_finish(struct rig *rig);

/* End the test. */
_Noreturn void rig_fail(struct rig *rig, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What was measured, for the test's line. */
void rig_say(struct rig *rig, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define RIG_CHECK(rig, condition)                                                                            \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            rig_fail(rig, "%s:%d: %s", __FILE__, __LINE__, #condition);                                      \
    } while (0)

/* ---- Time ---- */

void rig_step(struct rig *rig);
void rig_run_ms(struct rig *rig, uint32_t ms);
bool rig_run_until(struct rig *rig, bool (*condition)(void *context), void *context, uint32_t limit_ms);
uint64_t rig_ms(const struct rig *rig);

/* A repeatable random number below `limit`. */
uint32_t rig_random(struct rig *rig, uint32_t limit);

/* ---- Frames ---- */

/* To the board, through the NCM driver. */
void rig_frame_send(struct rig *rig, const uint8_t *frame, size_t length);

/* From callbacks: after this step. */
void rig_frame_post(struct rig *rig, const uint8_t *frame, size_t length);

/* Wait for a frame that `match` accepts; false: none came. */
bool rig_frame_wait(struct rig *rig, bool (*match)(void *context, const struct packet *packet), void *context,
                    uint32_t limit_ms);

/* An ICMP echo of `size` bytes; milliseconds until the answer, or -1. */
int rig_ping(struct rig *rig, unsigned size, uint32_t limit_ms);

/* Pings every 100 ms until one is answered, at most for 1 s. */
void rig_ping_within_1s(struct rig *rig);

/* ---- The board's status ---- */

void rig_status(struct rig *rig, struct json *status);
uint64_t rig_number_of(struct rig *rig, const struct json *status, const char *path);
uint64_t rig_number(struct rig *rig, const char *path); /* asks the board */

/* Waits until the pools are back where they were; else the test fails. */
void rig_no_buffer_lost(struct rig *rig);

#endif
