/*
 * Keeps TCP connections available; see the header. lwIP itself reuses connections in TIME_WAIT.
 */
/* SPDX-License-Identifier: MIT */
#include "net/tcp_guard.h"

#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"

#define SPARE 2 /* PCBs to keep free */

/* 2: half-open; 1: nobody's; 0: in use. */
static int tcp_guard_rank(const struct tcp_pcb *pcb)
{
    if (pcb->state == SYN_RCVD) {
        return 2;
    }
    return pcb->callback_arg == NULL && pcb->state > ESTABLISHED ? 1 : 0;
}

void tcp_guard_poll(struct tcp_guard *guard)
{
    struct tcp_pcb *worst = NULL;
    unsigned active = 0;

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
