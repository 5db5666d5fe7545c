/*
 * Keeps TCP connections available; see the header. lwIP itself reuses connections in TIME_WAIT.
 */
/* SPDX-License-Identifier: MIT */
#include "net/tcp_guard.h"

#include "lwip/etharp.h"
#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/sys.h"

_Static_assert(MEM_SIZE >= TCP_GUARD_HEAP + TCP_GUARD_NEED_MAX,
               "MEM_SIZE: what it leaves to others is all of it");
_Static_assert(MEMP_NUM_TCP_SEG >= 2 * TCP_GUARD_SEGS,
               "MEMP_NUM_TCP_SEG: what it leaves to others is all of them");

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

static void tcp_guard_serve(struct tcp_guard *guard);

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
    if (guard->waiter_count > 0) {
        tcp_guard_serve(guard);
    }
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

/* ---- A connection's own limits. ---- */

#define TINY_MSS      256 /* bytes: below it, a segment's headers cost more than its data … */
#define TINY_SEGMENTS 4   /* so a few at a time must do. */

/* How many segments may be queued beside those that are. */
static size_t tcp_guard_segments(const struct tcp_pcb *pcb, unsigned queued, bool is_static)
{
    size_t pbufs = queued < TCP_SND_QUEUELEN ? TCP_SND_QUEUELEN - queued : 0;
    size_t segments = is_static ? pbufs / 2 : pbufs;

    return pcb->mss < TINY_MSS ? LWIP_MIN(segments, queued < TINY_SEGMENTS ? TINY_SEGMENTS - queued : 0)
                               : segments;
}

size_t tcp_guard_window(const struct tcp_pcb *pcb, bool is_static)
{
    uint32_t queued = pcb->snd_lbb - pcb->lastack;
    size_t window = pcb->snd_wnd > queued ? pcb->snd_wnd - queued : 0;
    size_t segments = tcp_guard_segments(pcb, pcb->snd_queuelen, is_static) * pcb->mss;

    return LWIP_MIN(LWIP_MIN(window, segments), tcp_sndbuf(pcb));
}

bool tcp_guard_window_ever(const struct tcp_pcb *pcb, size_t length)
{
    return length <= pcb->snd_wnd_max && length <= tcp_guard_segments(pcb, 0, false) * pcb->mss;
}

bool tcp_guard_acknowledged(const struct tcp_pcb *pcb)
{
    return pcb->unsent == NULL && (pcb->unacked == NULL || pcb->unacked->len == 0);
}

/* ---- Memory. ---- */

size_t tcp_guard_cost(const struct tcp_pcb *pcb, size_t length, bool is_static)
{
    size_t more = length > pcb->mss ? (length - 1) / pcb->mss : 0;

    return more * SEGMENT_HEAP + (is_static ? 0 : length);
}

bool tcp_guard_room(size_t length)
{
    const struct stats_mem *heap = &lwip_stats.mem;

    return heap->used + length + SEGMENT_HEAP + TCP_GUARD_HEAP <= heap->avail &&
           lwip_stats.memp[MEMP_TCP_SEG]->used + TCP_GUARD_SEGS < MEMP_NUM_TCP_SEG;
}

size_t tcp_guard_free(void)
{
    size_t used = lwip_stats.mem.used + SEGMENT_HEAP + TCP_GUARD_HEAP;

    return used < lwip_stats.mem.avail ? lwip_stats.mem.avail - used : 0;
}

/* What one segment of a writer may hold now; 0: it waits. */
static size_t tcp_guard_piece(const struct tcp_guard *guard, const struct tcp_pcb *pcb, bool is_static)
{
    size_t room = LWIP_MIN(tcp_guard_window(pcb, is_static), pcb->mss);
    size_t queued = pcb->snd_lbb - pcb->lastack;

    if (is_static) {
        return guard->need && pcb->snd_queuelen > 0 ? 0 : room;
    }
    room = LWIP_MIN(room, guard->need ? TCP_GUARD_PIECE_MAX / 2 : TCP_GUARD_PIECE_MAX);
    if (guard->need) {
        return queued < TCP_GUARD_PIECE_MAX && tcp_guard_free() >= room + TCP_GUARD_NEED_MAX ? room : 0;
    }
    return queued + room <= tcp_guard_free() ? room : 0;
}

/* Remember who waits for memory. */
static void tcp_guard_waiter_add(struct tcp_guard *guard, struct tcp_pcb *pcb)
{
    for (unsigned i = 0; i < guard->waiter_count; i++) {
        if (guard->waiters[i] == pcb) {
            return;
        }
    }
    if (guard->waiter_count < TCP_GUARD_WAITERS) {
        guard->waiters[guard->waiter_count++] = pcb;
    }
}

size_t tcp_guard_write(struct tcp_guard *guard, struct tcp_pcb *pcb, const void *bytes, size_t length,
                       bool is_static)
{
    /* Inside lwIP's input of this connection, pieces would become one segment: its turn comes after the frames. */
    bool behind = guard->served != pcb && (guard->waiter_count > 0 || tcp_input_pcb == pcb);
    size_t taken = 0, piece = 1;

    while (taken < length && piece > 0) {
        piece = behind ? 0 : LWIP_MIN(length - taken, tcp_guard_piece(guard, pcb, is_static));
        if (piece > 0 && (!tcp_guard_room(is_static ? 0 : piece) ||
                          tcp_write(pcb, (const char *)bytes + taken, (u16_t)piece,
                                    is_static ? 0 : TCP_WRITE_FLAG_COPY) != ERR_OK)) {
            piece = 0;
        }
        taken += piece;
        tcp_output(pcb);
    }
    if (taken == length) {
        return taken;
    }
    if (tcp_guard_window(pcb, is_static) > 0) {
        tcp_guard_waiter_add(guard, pcb);
    } else if (pcb->snd_wnd == 0 && pcb->snd_queuelen == 0 &&
               tcp_write(pcb, bytes, 1, TCP_WRITE_FLAG_COPY) == ERR_OK) {
        taken = 1; /* so lwIP asks a closed window until it opens, and calls `sent` then */
    }
    return taken;
}

/* Memory is back: those that wait for it, one after the other. */
static void tcp_guard_serve(struct tcp_guard *guard)
{
    for (unsigned n = guard->waiter_count; n > 0 && tcp_guard_free() >= TCP_GUARD_PIECE_MAX; n--) {
        struct tcp_pcb *pcb = tcp_active_pcbs, *waiter = guard->waiters[0];
        guard->waiter_count--;
        for (unsigned i = 0; i < guard->waiter_count; i++) {
            guard->waiters[i] = guard->waiters[i + 1];
        }
        while (pcb != NULL && pcb != waiter) {
            pcb = pcb->next;
        }
        if (pcb != NULL && pcb->sent != NULL) {
            guard->served = pcb;
            pcb->sent(pcb->callback_arg, pcb, 0);
            guard->served = NULL;
        }
    }
}

/* ---- Who is alive. ---- */

bool tcp_guard_beat(struct tcp_guard *guard, const struct tcp_pcb *pcb)
{
    uint32_t now = sys_now();
    bool answered = guard->asked && guard->heard != *guard->answers;

    if (answered) {
        guard->beats++;
        guard->asked = false;
    }
    if (now - guard->beat_ms >= (guard->asked ? TCP_GUARD_LOST_MS : TCP_GUARD_BEAT_MS)) {
        struct netif *netif = ip4_route(ip_2_ip4(&pcb->remote_ip));
        guard->asked = netif != NULL && etharp_request(netif, ip_2_ip4(&pcb->remote_ip)) == ERR_OK;
        guard->heard = *guard->answers;
        guard->beat_ms = now;
    }
    return answered;
}

/* lwIP counts slow ticks since data in flight was sent or some of it acknowledged; it begins anew when it repeats. */
static bool tcp_guard_is_silent(const struct tcp_pcb *pcb)
{
    return pcb->unacked != NULL && (pcb->nrtx > 0 || pcb->rtime > TCP_GUARD_SILENT_MS / TCP_SLOW_INTERVAL);
}

unsigned tcp_guard_reclaim(struct tcp_guard *guard, const void *own, size_t own_size)
{
    uintptr_t begin = (uintptr_t)own;

    struct tcp_pcb *worst;
    unsigned ended = 0;

    do {
        unsigned active = 0;
        worst = NULL;
        for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL && active <= MEMP_NUM_TCP_PCB;
             pcb = pcb->next) {
            active++;
            bool is_own = (uintptr_t)pcb->callback_arg - begin < own_size;
            if (!is_own && tcp_guard_is_silent(pcb)) {
                worst = tcp_guard_older(worst, pcb);
            }
        }
        if (worst != NULL) {
            guard->guarded++;
            ended++;
            tcp_abandon(worst, 0);
        }
    } while (worst != NULL && ended < MEMP_NUM_TCP_PCB);
    return ended;
}
