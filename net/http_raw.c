/*
 * The HTTP server on lwIP's raw API; see the header.
 *
 * Rules of that API kept here: a callback that has called tcp_abort on its own pcb returns ERR_ABRT; after
 * the error callback the pcb is gone; tcp_write without copy is for flash alone.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http_raw.h"

#include <string.h>

#include "lwip/stats.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "net/tcp_guard.h"
#include "net/tcp_pcb.h"

#define POLL_INTERVAL  2   /* of 500 ms */
#define PIPELINE_SPARE 600 /* bytes of heap that stay free beside what is kept */

static void http_raw_pending_drop(struct http_raw_connection *c)
{
    if (c->pending != NULL) {
        pbuf_free(c->pending);
        c->pending = NULL;
    }
    c->pending_at = 0;
}

/* The slot is free; returns the pcb, to be ended. */
static struct tcp_pcb *http_raw_release(struct http_raw_connection *c)
{
    struct tcp_pcb *pcb = c->pcb;

    http_raw_pending_drop(c);
    c->pcb = NULL;
    return pcb;
}

static err_t http_raw_abort(struct http_raw_connection *c)
{
    return tcp_pcb_abort(http_raw_release(c));
}

static err_t http_raw_close(struct http_raw_connection *c)
{
    return tcp_pcb_close(http_raw_release(c));
}

/* No memory for `length` bytes: http_raw_poll tries again. */
static void http_raw_wait(struct http_raw_connection *c, size_t length)
{
    struct http_raw *server = c->server;

    server->stats.no_memory++;
    c->waiting = (uint16_t)(length + 1);
    if (!server->waiting) {
        server->waiting = true;
        server->waiting_since_ms = sys_now();
    }
}

/* Others wait for memory, and it is not this one's turn. */
static bool http_raw_behind(const struct http_raw_connection *c)
{
    return c->server->waiting && c->server->served != c;
}

/* Send what the thinking half has. True: all of it is in lwIP's hands. */
static bool http_raw_send(struct http_raw_connection *c)
{
    char scratch[HTTP_SCRATCH_MAX];
    struct http_piece piece;

    while (http_output(&c->http, scratch, &piece)) {
        size_t room = tcp_sndbuf(c->pcb), length = piece.length;
        if (piece.lasting) {
            length = LWIP_MIN(length, LWIP_MIN(room, tcp_mss(c->pcb)));
        }
        if (length > room || (length == 0 && piece.length > 0)) {
            return false;
        }
        size_t copied = piece.lasting ? 0 : length;
        if (c->pcb->snd_queuelen == 0) {
            c->since_ms = sys_now(); /* from now on an ACK is due */
        }
        if (length > 0 && (http_raw_behind(c) || !tcp_guard_room(copied) ||
                           tcp_write(c->pcb, piece.bytes, (u16_t)length,
                                     piece.lasting ? 0 : TCP_WRITE_FLAG_COPY) != ERR_OK)) {
            http_raw_wait(c, copied);
            return false;
        }
        http_output_taken(&c->http, length);
    }
    return true;
}

/* Let the thinking half consume what came. True: it consumed something. */
static bool http_raw_feed(struct http_raw_connection *c)
{
    struct pbuf *p = c->pending;
    bool was_idle = http_idle(&c->http);
    size_t used;

    if (p == NULL || http_answering(&c->http) || http_closing(&c->http)) {
        return false;
    }
    used = http_input(&c->http, (const char *)p->payload + c->pending_at, p->len - c->pending_at);
    if (used > 0 && was_idle) {
        c->since_ms = sys_now();
    }
    tcp_recved(c->pcb, (u16_t)used);
    c->pending_at = (u16_t)(c->pending_at + used);
    if (c->pending_at == p->len) {
        c->pending = p->next;
        c->pending_at = 0;
        if (p->next != NULL) {
            pbuf_ref(p->next);
        }
        pbuf_free(p);
    }
    return true;
}

/* May so many bytes more be kept? All connections share the limit: what is kept must never be all there is. */
static bool http_raw_pending_room(const struct http_raw *server, size_t length)
{
    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        const struct pbuf *pending = server->connections[i].pending;
        if (pending != NULL && pbuf_match_type(pending, PBUF_RAM)) {
            length += pending->tot_len;
        }
    }
    return length <= HTTP_RAW_PIPELINE_MAX &&
           lwip_stats.mem.used + length + PIPELINE_SPARE <= lwip_stats.mem.avail;
}

/* What waits for its turn must not hold an NTB block: keep a small copy, or give the pipeline up. */
static void http_raw_pending_keep(struct http_raw_connection *c)
{
    struct pbuf *copy = NULL;
    u16_t length;

    if (c->pending == NULL || pbuf_match_type(c->pending, PBUF_RAM)) {
        return;
    }
    length = (u16_t)(c->pending->tot_len - c->pending_at);
    if (http_raw_pending_room(c->server, length)) {
        copy = pbuf_alloc(PBUF_RAW, length, PBUF_RAM);
    }
    if (copy != NULL) {
        pbuf_copy_partial(c->pending, copy->payload, length, c->pending_at);
    } else {
        http_close(&c->http);
        tcp_recved(c->pcb, length);
    }
    http_raw_pending_drop(c);
    c->pending = copy;
}

/* Read, think, write, until nothing moves any more. */
static err_t http_raw_run(struct http_raw_connection *c)
{
    bool sent;

    do {
        sent = http_raw_send(c);
    } while (sent && http_raw_feed(c));
    if (http_broken(&c->http)) {
        return http_raw_abort(c);
    }
    tcp_output(c->pcb);
    if (sent && (http_closing(&c->http) || (c->finished && c->pending == NULL))) {
        if (c->finished) {
            return http_raw_close(c);
        }
        if (!c->lingering) {
            c->lingering = true;
            c->since_ms = sys_now();
            if (tcp_shutdown(c->pcb, 0, 1) != ERR_OK) {
                return http_raw_abort(c);
            }
        }
    }
    http_raw_pending_keep(c);
    return ERR_OK;
}

static err_t http_raw_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct http_raw_connection *c = arg;

    (void)error;
    if (p == NULL) {
        c->finished = true;
        return c->lingering ? http_raw_close(c) : http_raw_run(c);
    }
    if (c->lingering) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    if (c->pending == NULL) {
        c->pending = p;
        return http_raw_run(c);
    }
    struct pbuf *copy = NULL;
    if (http_raw_pending_room(c->server, p->tot_len)) {
        copy = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
    }
    if (copy != NULL) {
        pbuf_cat(c->pending, copy);
    } else {
        http_close(&c->http);
        tcp_recved(pcb, p->tot_len);
    }
    pbuf_free(p);
    return http_raw_run(c);
}

static err_t http_raw_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
    struct http_raw_connection *c = arg;

    (void)pcb;
    (void)length;
    if (!c->lingering) {
        c->since_ms = sys_now();
    }
    return http_raw_run(c);
}

/* Once a second: time limits, and another try where memory was short. */
static err_t http_raw_polled(void *arg, struct tcp_pcb *pcb)
{
    struct http_raw_connection *c = arg;
    uint32_t age = sys_now() - c->since_ms;

    (void)pcb;
    if (c->lingering ? age > HTTP_RAW_LINGER_MS_MAX
                     : http_answering(&c->http) && age > HTTP_RAW_SEND_MS_MAX) {
        c->server->stats.timeouts++;
        return http_raw_abort(c);
    }
    if (http_idle(&c->http) && age > HTTP_RAW_IDLE_MS_MAX) {
        c->server->stats.timeouts++;
        return http_raw_close(c);
    }
    if (!http_idle(&c->http) && !http_answering(&c->http) && !c->lingering && age > HTTP_RAW_REQUEST_MS_MAX) {
        c->server->stats.timeouts++;
        http_expire(&c->http);
        c->since_ms = sys_now();
    }
    return http_raw_run(c);
}

/* Memory has not come back by itself: end the connection whose client has been silent longest. */
static void http_raw_reclaim(struct http_raw *server)
{
    struct http_raw_connection *silent = NULL;
    uint32_t now = sys_now();

    if (tcp_guard_reclaim()) {
        return;
    }
    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        struct http_raw_connection *c = &server->connections[i];
        if (c->pcb != NULL && c->pcb->snd_queuelen > 0 && now - c->since_ms >= HTTP_RAW_SILENT_MS_MIN &&
            (silent == NULL || now - c->since_ms > now - silent->since_ms)) {
            silent = c;
        }
    }
    if (silent != NULL) {
        server->stats.evicted++;
        http_raw_abort(silent);
    }
}

void http_raw_poll(struct http_raw *server)
{
    bool still = false;

    for (size_t i = 0; server->waiting && i < HTTP_RAW_CONNECTIONS; i++) {
        struct http_raw_connection *c = &server->connections[server->next];
        if (c->pcb != NULL && c->waiting > 0) {
            if (!tcp_guard_room(c->waiting - 1u)) {
                still = true;
                break; /* its turn comes first when there is memory */
            }
            c->waiting = 0;
            server->served = c;
            http_raw_run(c);
            server->served = NULL;
            server->waiting_since_ms = sys_now();
            still |= c->pcb != NULL && c->waiting > 0;
        }
        server->next = (uint8_t)((server->next + 1) % HTTP_RAW_CONNECTIONS);
    }
    server->waiting = still;
    if (still && sys_now() - server->waiting_since_ms > HTTP_RAW_WAIT_MS_MAX) {
        http_raw_reclaim(server); /* one in a round, until there is room */
    }
}

/* lwIP has freed the pcb already. */
static void http_raw_failed(void *arg, err_t error)
{
    struct http_raw_connection *c = arg;

    (void)error;
    http_raw_release(c);
}

/* A free slot, if need be the one whose client was useful longest ago. */
static struct http_raw_connection *http_raw_slot_take(struct http_raw *server)
{
    struct http_raw_connection *oldest = &server->connections[0];
    uint32_t now = sys_now();

    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        struct http_raw_connection *c = &server->connections[i];
        if (c->pcb == NULL) {
            return c;
        }
        if (now - c->since_ms > now - oldest->since_ms) {
            oldest = c;
        }
    }
    server->stats.evicted++;
    http_raw_abort(oldest);
    return oldest;
}

static err_t http_raw_accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct http_raw *server = arg;
    struct http_raw_connection *c;

    if (error != ERR_OK || pcb == NULL) {
        return ERR_VAL;
    }
    c = http_raw_slot_take(server);
    server->stats.connections++;
    *c = (struct http_raw_connection){.server = server, .pcb = pcb, .since_ms = sys_now()};
    http_begin(&c->http, server->config, &server->stats.http);
    tcp_arg(pcb, c);
    tcp_recv(pcb, http_raw_received);
    tcp_sent(pcb, http_raw_sent);
    tcp_err(pcb, http_raw_failed);
    tcp_poll(pcb, http_raw_polled, POLL_INTERVAL);
    tcp_nagle_disable(pcb);
    return ERR_OK;
}

bool http_raw_listen(struct http_raw *server, const struct http_config *config, uint16_t port)
{
    memset(server, 0, sizeof *server);
    server->config = config;
    server->listener = tcp_pcb_listen(port, server, http_raw_accepted);
    return server->listener != NULL;
}

unsigned http_raw_open(const struct http_raw *server)
{
    unsigned open = 0;

    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        open += server->connections[i].pcb != NULL;
    }
    return open;
}
