/*
 * Ghosts: TCP clients that are not the PC's own stack, and so may misbehave.
 *
 *   ghost_open ─→ ghost_send … ─→ (nothing at all: half open; ghost_reset: gone)
 *
 * A ghost has an address of its own on the cable's net, answers ARP, takes the handshake, acknowledges what
 * comes unless it is mute, and never closes by itself.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_SYSTEM_GHOST_H
#define PLUGNET_TEST_SYSTEM_GHOST_H

#include "test/system/rig.h"

enum ghost_state { GHOST_NONE, GHOST_SYN_SENT, GHOST_OPEN, GHOST_FIN_SEEN, GHOST_RESET };

struct ghost {
    /* You set. */
    struct packet_host host;
    uint16_t port, to_port;
    uint16_t window;   /* what it offers; 0: 8192 */
    uint16_t mss;      /* that its SYN announces; 0: none */
    bool zero_window;  /* offers 0 */
    bool keeps_closed; /* its window shrinks by what comes, and stays so until ghost_window_open */
    bool mute;         /* acknowledges nothing after the handshake */
    bool no_handshake; /* never answers the SYN+ACK: half open */
    /* We keep. */
    enum ghost_state state;
    uint32_t seq, ack;
    uint64_t received;
    char head[64]; /* first bytes received */
};

/* An address for ghost `number` (0 to 3) that is neither the PC's nor the board's; false: the net is too small. */
bool ghost_host(struct rig *rig, struct packet_host *host, unsigned number);

/* Send the SYN. The ghost stays known until the end of the test, or ghost_forget. */
void ghost_open(struct rig *rig, struct ghost *ghost);
void ghost_send(struct rig *rig, struct ghost *ghost, const void *bytes, size_t length);
void ghost_window_open(struct rig *rig, struct ghost *ghost);
void ghost_window_widen(struct rig *rig, struct ghost *ghost, uint16_t bytes); /* it keeps_closed */
void ghost_reset(struct rig *rig, struct ghost *ghost);
void ghost_forget(struct rig *rig, struct ghost *ghost);

/* The rig calls this for each frame to the PC. */
void ghost_frame(struct rig *rig, const struct packet *packet);

#endif
