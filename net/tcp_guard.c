/*
 * Keeps TCP connections available; see the header. lwIP itself reuses connections in TIME_WAIT.
 */
/* SPDX-License-Identifier: MIT */
#include "net/tcp_guard.h"

#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"

#define SPARE        2  /* PCBs to keep free for handshakes */
#define HALVES_MAX   12 /* half-open connections: a PC may open so many at once */
#define SEGMENT_HEAP 96 /* bytes of heap for a segment's headers, without data */
#define SILENT_TICKS 2  /* of 500 ms */

/* Closing, and no service owns it any more. */
static bool tcp_guard_is_orphan(const struct tcp_pcb *pcb)
{
    return pcb->callback_arg == NULL && pcb->state > ESTABLISHED;
}

/* The one of the two that has been silent longer. New ones come first in lwIP's list, so of equals the later. */
static struct tcp_pcb *tcp_guard_older(struct tcp_pcb *a, struct tcp_pcb *b)
{
    return a == NULL || tcp_ticks - b->tmr >= tcp_ticks - a->tmr ? b : a;
}

/* A connection that holds memory, or is half made; NULL: none. */
static struct tcp_pcb *tcp_guard_busy_find(void)
{
    unsigned active = 0;

    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL && active <= MEMP_NUM_TCP_PCB; pcb = pcb->next) {
        active++;
        if (pcb->snd_queuelen > 0 || pcb->state != ESTABLISHED) {
            return pcb;
        }
    }
    return NULL;
}

static void tcp_guard_link_down(struct tcp_guard *guard)
{
    struct tcp_pcb *pcb;

    for (unsigned i = 0; i < MEMP_NUM_TCP_PCB && (pcb = tcp_guard_busy_find()) != NULL; i++) {
        guard->guarded++;
        tcp_abandon(pcb, 0);
    }
}

void tcp_guard_poll(struct tcp_guard *guard, bool link_up)
{
    struct tcp_pcb *half = NULL, *orphan = NULL;
    unsigned active = 0, halves = 0;

    if (guard->link_up && !link_up) {
        tcp_guard_link_down(guard);
    }
    guard->link_up = link_up;
    bool is_short = lwip_stats.memp[MEMP_TCP_PCB]->used + SPARE > MEMP_NUM_TCP_PCB;
    if (!is_short && lwip_stats.memp[MEMP_TCP_SEG]->used <= HALVES_MAX) {
        return; /* each half-open one holds a segment */
    }
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL && active <= MEMP_NUM_TCP_PCB; pcb = pcb->next) {
        active++;
        if (pcb->state == SYN_RCVD) {
            half = tcp_guard_older(half, pcb);
            halves++;
        } else if (tcp_guard_is_orphan(pcb)) {
            orphan = tcp_guard_older(orphan, pcb);
        }
    }
    is_short = is_short && active + SPARE > MEMP_NUM_TCP_PCB; /* those in TIME_WAIT lwIP takes back itself */
    /* A handshake takes less than a millisecond: few and young ones are real clients. */
    bool flood = half != NULL && (halves > SPARE || tcp_ticks - half->tmr >= SILENT_TICKS);
    struct tcp_pcb *worst = halves > HALVES_MAX ? half : !is_short ? NULL : flood ? half : orphan;
    if (worst != NULL) {
        guard->guarded++;
        tcp_abandon(worst, 0);
    }
}

bool tcp_guard_room(size_t length)
{
    const struct stats_mem *heap = &lwip_stats.mem;

    return heap->used + length + SEGMENT_HEAP + TCP_GUARD_HEAP <= heap->avail &&
           lwip_stats.memp[MEMP_TCP_SEG]->used + TCP_GUARD_SEGS < MEMP_NUM_TCP_SEG;
}

bool tcp_guard_reclaim(void)
{
    struct tcp_pcb *worst = NULL;
    unsigned active = 0;

    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL && active <= MEMP_NUM_TCP_PCB; pcb = pcb->next) {
        active++;
        bool yields = tcp_guard_is_orphan(pcb) || pcb->prio == TCP_PRIO_MIN;
        if (yields && pcb->snd_queuelen > 0 && tcp_ticks - pcb->tmr >= SILENT_TICKS) {
            worst = tcp_guard_older(worst, pcb);
        }
    }
    if (worst != NULL) {
        tcp_abandon(worst, 0);
    }
    return worst != NULL;
}
