/*
 * Ghosts: see ghost.h.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/ghost.h"

#include <string.h>

#define GHOSTS (sizeof((struct rig *)0)->ghosts / sizeof((struct rig *)0)->ghosts[0])

bool ghost_host(struct rig *rig, struct packet_host *host, unsigned number)
{
    uint32_t net = packet_ip_number(rig->peer.ip) & rig->netmask;
    uint32_t me = packet_ip_number(rig->me.ip), board = packet_ip_number(rig->peer.ip);
    for (uint32_t ip = net + 1; ip < (net | ~rig->netmask); ip++) {
        if (ip != me && ip != board && number-- == 0) {
            packet_ip_bytes(host->ip, ip);
            memcpy(host->mac, (const uint8_t[]){0x02, 0x67, 0x68, 0x6F, 0x73, (uint8_t)ip}, 6);
            return true;
        }
    }
    return false;
}

static uint16_t ghost_window(const struct ghost *ghost)
{
    uint16_t window = ghost->window != 0 ? ghost->window : 8192;
    if (ghost->keeps_closed) {
        return window > ghost->received ? (uint16_t)(window - ghost->received) : 0;
    }
    return ghost->zero_window ? 0 : window;
}

static void ghost_segment(struct rig *rig, struct ghost *ghost, uint8_t flags, const void *bytes,
                          size_t length)
{
    uint8_t frame[PACKET_MAX];
    struct packet_segment segment = {
        .from_port = ghost->port,
        .to_port = ghost->to_port,
        .seq = ghost->seq,
        .ack = (flags & PACKET_ACK) != 0 ? ghost->ack : 0,
        .window = ghost_window(ghost),
        .mss = (flags & PACKET_SYN) != 0 ? ghost->mss : 0,
        .flags = flags,
    };
    rig_frame_post(rig, frame, packet_tcp(frame, &ghost->host, &rig->peer, &segment, bytes, length));
    ghost->seq += (uint32_t)length + ((flags & (PACKET_SYN | PACKET_FIN)) != 0);
}

void ghost_open(struct rig *rig, struct ghost *ghost)
{
    for (unsigned i = 0; i < GHOSTS; i++) {
        if (rig->ghosts[i] == NULL || rig->ghosts[i] == ghost) {
            rig->ghosts[i] = ghost;
            ghost->state = GHOST_SYN_SENT;
            ghost->seq = rig_random(rig, UINT32_MAX);
            ghost_segment(rig, ghost, PACKET_SYN, NULL, 0);
            return;
        }
    }
    rig_fail(rig, "too many ghosts");
}

void ghost_send(struct rig *rig, struct ghost *ghost, const void *bytes, size_t length)
{
    ghost_segment(rig, ghost, PACKET_ACK | PACKET_PSH, bytes, length);
}

void ghost_window_open(struct rig *rig, struct ghost *ghost)
{
    ghost->keeps_closed = false;
    ghost->window = 0;
    ghost_segment(rig, ghost, PACKET_ACK, NULL, 0);
}

void ghost_window_widen(struct rig *rig, struct ghost *ghost, uint16_t bytes)
{
    ghost->window = (uint16_t)(ghost->received + bytes);
    ghost_segment(rig, ghost, PACKET_ACK, NULL, 0);
}

void ghost_reset(struct rig *rig, struct ghost *ghost)
{
    ghost_segment(rig, ghost, PACKET_RST | PACKET_ACK, NULL, 0);
    ghost->state = GHOST_RESET;
}

void ghost_forget(struct rig *rig, struct ghost *ghost)
{
    for (unsigned i = 0; i < GHOSTS; i++) {
        if (rig->ghosts[i] == ghost) {
            rig->ghosts[i] = NULL;
        }
    }
}

static void ghost_tcp(struct rig *rig, struct ghost *ghost, const struct packet *packet)
{
    const struct packet_segment *tcp = &packet->tcp;
    if ((tcp->flags & PACKET_RST) != 0) {
        ghost->state = GHOST_RESET;
        return;
    }
    if ((tcp->flags & PACKET_SYN) != 0) {
        if (!ghost->no_handshake) {
            ghost->ack = tcp->seq + 1;
            ghost->state = GHOST_OPEN;
            ghost_segment(rig, ghost, PACKET_ACK, NULL, 0);
        }
        return;
    }
    if (tcp->seq == ghost->ack - 1 && packet->length == 0 && !ghost->mute) {
        ghost_segment(rig, ghost, PACKET_ACK, NULL, 0); /* is anybody there? */
        return;
    }
    if (tcp->seq != ghost->ack || ghost->mute || ghost->zero_window) {
        return;
    }
    if (ghost->keeps_closed && packet->length > ghost_window(ghost)) {
        ghost_segment(rig, ghost, PACKET_ACK, NULL, 0); /* more than it takes */
        return;
    }
    for (size_t i = 0; i < packet->length && ghost->received + i < sizeof ghost->head - 1; i++) {
        ghost->head[ghost->received + i] = (char)packet->payload[i];
    }
    ghost->received += packet->length;
    ghost->ack += (uint32_t)packet->length;
    if ((tcp->flags & PACKET_FIN) != 0) {
        ghost->ack++;
        ghost->state = GHOST_FIN_SEEN;
    }
    if (packet->length != 0 || (tcp->flags & PACKET_FIN) != 0) {
        ghost_segment(rig, ghost, PACKET_ACK, NULL, 0);
    }
}

void ghost_frame(struct rig *rig, const struct packet *packet)
{
    bool answered = false;
    for (unsigned i = 0; i < GHOSTS; i++) {
        struct ghost *ghost = rig->ghosts[i];
        if (ghost == NULL || memcmp(packet->to.ip, ghost->host.ip, 4) != 0) {
            continue;
        }
        if (packet->arp_operation == 1 && !answered) {
            uint8_t frame[PACKET_MAX];
            rig_frame_post(rig, frame, packet_arp(frame, &ghost->host, &packet->from, true));
            answered = true;
        }
        if (packet->protocol == PACKET_TCP && packet->to_port == ghost->port &&
            packet->from_port == ghost->to_port) {
            ghost_tcp(rig, ghost, packet);
        }
    }
}
