/*
 * Keeps TCP connections available; see the header. lwIP itself reuses connections in TIME_WAIT.
 */
/* SPDX-License-Identifier: MIT */
#include "net/tcp_guard.h"

#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"

#define SPARE        2  /* PCBs to keep free */
#define SEGMENT_HEAP 96 /* bytes of heap for a segment's headers, without data */
#define SILENT_TICKS 2  /* of 500 ms */

/* 2: half-open; 1: nobody's; 0: in use. */
static int tcp_guard_rank(const struct tcp_pcb *pcb)
{
    if (pcb->state == SYN_RCVD) {
        return 2;
    }
    return pcb->callback_arg == NULL && pcb->state > ESTABLISHED ? 1 : 0;
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
    struct tcp_pcb *worst = NULL;
    unsigned active = 0;

    if (guard->link_up && !link_up) {
        tcp_guard_link_down(guard);
    }
    guard->link_up = link_up;
    if (lwip_stats.memp[MEMP_TCP_PCB]->used + SPARE <= MEMP_NUM_TCP_PCB) {
        return;
    }
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL && active <= MEMP_NUM_TCP_PCB; pcb = pcb->next) {
        int rank = tcp_guard_rank(pcb);
        active++;
        /* New ones come first in the list, so of equals the last is the oldest. */
        if (rank > 0 && (worst == NULL || rank > tcp_guard_rank(worst) ||
                         (rank == tcp_guard_rank(worst) && tcp_ticks - pcb->tmr >= tcp_ticks - worst->tmr))) {
            worst = pcb;
        }
    }
    if (worst != NULL && active + SPARE > MEMP_NUM_TCP_PCB) {
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
        u32_t silent = tcp_ticks - pcb->tmr;
        active++;
        if (tcp_guard_rank(pcb) > 0 && pcb->snd_queuelen > 0 && silent >= SILENT_TICKS &&
            (worst == NULL || silent > tcp_ticks - worst->tmr)) {
            worst = pcb;
        }
    }
    if (worst != NULL) {
        tcp_abandon(worst, 0);
    }
    return worst != NULL;
}
