/*
 * The HTTP server on lwIP's netconn API; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http_netconn.h"

#include <string.h>

#include "lwip/api.h"
#include "lwip/priv/tcpip_priv.h"
#include "lwip/stats.h"
#include "lwip/tcp.h"
#include "net/tcp_guard.h"

#define WAIT_MS         100
#define THREAD_STACK    1024
#define THREAD_PRIORITY 2
#define SEND_MAX        (2 * TCP_MSS) /* bytes of one call */
#define QUEUE_SPARE     4             /* pbufs that one call may take */
#define PIPELINE_SPARE  600           /* bytes of heap that stay free beside what is kept */

/* What one thread writes and another reads. */
#define SHARED_SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)
#define SHARED_GET(place)        __atomic_load_n(&(place), __ATOMIC_ACQUIRE)
#define SHARED_TAKE(place)       __atomic_exchange_n(&(place), false, __ATOMIC_ACQ_REL)

/* netconn's callback has no argument of ours. */
static struct http_netconn *the_server;

/* ---- lwIP's thread. ---- */

/* Something happened to a connection. One that is not accepted yet is looked at when it is. */
static void http_netconn_event(struct netconn *conn, enum netconn_evt event, u16_t length)
{
    struct http_netconn *server = the_server;

    (void)length;
    if (event == NETCONN_EVT_RCVMINUS || event == NETCONN_EVT_SENDMINUS) {
        return;
    }
    if (conn == server->listener) {
        SHARED_SET(server->arrived, true);
    } else if (event == NETCONN_EVT_RCVPLUS && conn->pcb.tcp != NULL) {
        tcp_nagle_disable(conn->pcb.tcp); /* else a body's end waits for the ACK of its head */
    }
    for (size_t i = 0; i < HTTP_NETCONN_CONNECTIONS; i++) {
        if (SHARED_GET(server->connections[i].conn) == conn) {
            SHARED_SET(server->connections[i].touched, true);
        }
    }
    sys_sem_signal(&server->event);
}

/* True: there is now the room that the connection waits for, or it is gone. */
static bool http_netconn_room_find(struct http_netconn_connection *c)
{
    uint16_t wants = SHARED_GET(c->wants);
    const struct netconn *conn = SHARED_GET(c->conn);
    const struct tcp_pcb *pcb;

    if (wants == 0 || conn == NULL) {
        return false;
    }
    pcb = conn->pcb.tcp;
    if (pcb != NULL && (tcp_sndbuf(pcb) < wants || tcp_sndqueuelen(pcb) + QUEUE_SPARE > TCP_SND_QUEUELEN)) {
        return false;
    }
    c->room = pcb != NULL ? tcp_sndbuf(pcb) : TCP_SND_BUF;
    SHARED_SET(c->wants, 0);
    SHARED_SET(c->touched, true);
    return true;
}

/* For how long no byte of its answer was acknowledged; 0: none is under way. */
static uint32_t http_netconn_silent_ms(struct http_netconn_connection *c, const struct tcp_pcb *pcb)
{
    uint32_t now = sys_now();

    if (pcb->lastack != c->acked) {
        c->acked = pcb->lastack;
        c->acked_ms = now;
    }
    return pcb->snd_queuelen == 0 ? 0 : LWIP_MIN(now - c->acked_ms, now - SHARED_GET(c->since_ms));
}

/* The connection whose client has been silent longest, and long enough; NULL: none. Asked while memory is short, so
 * that it is known when one has to go. */
static struct tcp_pcb *http_netconn_silent_find(struct http_netconn *server)
{
    struct tcp_pcb *silent = NULL;
    uint32_t longest_ms = HTTP_NETCONN_SILENT_MS_MIN;

    for (size_t i = 0; i < HTTP_NETCONN_CONNECTIONS; i++) {
        struct http_netconn_connection *c = &server->connections[i];
        const struct netconn *conn = SHARED_GET(c->conn);
        struct tcp_pcb *pcb = conn != NULL ? conn->pcb.tcp : NULL;
        uint32_t ms = pcb != NULL ? http_netconn_silent_ms(c, pcb) : 0;
        if (ms >= longest_ms) {
            longest_ms = ms;
            silent = pcb;
        }
    }
    return silent;
}

/* True: there is memory again. If it hasn't come back by itself, who has been silent longest goes, one in a round. */
static bool http_netconn_memory_find(struct http_netconn *server)
{
    uint16_t short_of = SHARED_GET(server->short_of);
    struct tcp_pcb *silent;

    if (short_of == 0) {
        return false;
    }
    silent = http_netconn_silent_find(server);
    if (tcp_guard_room(short_of - 1u)) {
        return true;
    }
    if (sys_now() - SHARED_GET(server->short_since_ms) > HTTP_NETCONN_WAIT_MS_MAX && !tcp_guard_reclaim() &&
        silent != NULL) {
        __atomic_fetch_add(&server->stats.evicted, 1, __ATOMIC_RELAXED);
        tcp_abort(silent); /* its netconn hears of it, and so the server's thread */
    }
    return false;
}

void http_netconn_poll(struct http_netconn *server)
{
    bool better = http_netconn_memory_find(server);

    for (size_t i = 0; i < HTTP_NETCONN_CONNECTIONS; i++) {
        better |= http_netconn_room_find(&server->connections[i]);
    }
    if (better) {
        sys_sem_signal(&server->event);
    }
}

struct http_netconn_abort {
    struct tcpip_api_call_data call; /* first */
    struct netconn *conn;
};

static err_t http_netconn_abort_call(struct tcpip_api_call_data *call)
{
    struct netconn *conn = ((struct http_netconn_abort *)(void *)call)->conn;

    if (conn->pcb.tcp != NULL) {
        tcp_abort(conn->pcb.tcp);
    }
    return ERR_OK;
}

/* A product's routes are asked in lwIP's thread, like all else of it: the thinking half's two steps that may do so. */
struct http_netconn_think {
    struct tcpip_api_call_data call; /* first */
    struct http_connection *http;
    const char *bytes; /* of a request; NULL: make output … */
    size_t length;     /* … and consumed bytes come back here, or whether there is a piece */
    char *scratch;
    struct http_piece *piece;
};

static err_t http_netconn_think_call(struct tcpip_api_call_data *call)
{
    struct http_netconn_think *think = (struct http_netconn_think *)(void *)call;

    if (think->bytes != NULL) {
        think->length = http_input(think->http, think->bytes, think->length);
    } else {
        think->length = http_output(think->http, think->scratch, think->piece);
    }
    return ERR_OK;
}

/* ---- The server's thread. ---- */

static bool http_netconn_output(struct http_connection *http, char *scratch, struct http_piece *piece)
{
    struct http_netconn_think think = {.http = http, .scratch = scratch, .piece = piece};

    if (!http_answering(http) || http->route == NULL) {
        return http_output(http, scratch, piece);
    }
    tcpip_api_call(http_netconn_think_call, &think.call);
    return think.length != 0;
}

static size_t http_netconn_input(struct http_connection *http, const char *bytes, size_t length)
{
    struct http_netconn_think think = {.http = http, .bytes = bytes, .length = length};

    tcpip_api_call(http_netconn_think_call, &think.call);
    return think.length;
}

static void http_netconn_pending_drop(struct http_netconn_connection *c)
{
    if (c->pending != NULL) {
        pbuf_free(c->pending);
        c->pending = NULL;
    }
    c->pending_at = 0;
}

/* lwIP's window opens by what was consumed. */
static void http_netconn_consumed_tell(struct http_netconn_connection *c)
{
    if (c->consumed > 0) {
        netconn_tcp_recvd(c->conn, c->consumed);
        c->consumed = 0;
    }
}

static void http_netconn_close(struct http_netconn_connection *c)
{
    struct netconn *conn = c->conn;

    http_netconn_consumed_tell(c); /* else the close becomes a reset */
    http_netconn_pending_drop(c);
    SHARED_SET(c->wants, 0);
    SHARED_SET(c->conn, NULL);
    netconn_delete(conn);
}

static void http_netconn_abort(struct http_netconn_connection *c)
{
    struct http_netconn_abort abort = {.conn = c->conn};

    tcpip_api_call(http_netconn_abort_call, &abort.call);
    http_netconn_close(c);
}

/* No memory for `length` bytes: http_netconn_poll says when there is. */
static void http_netconn_wait(struct http_netconn *server, struct http_netconn_connection *c, size_t length,
                              bool served)
{
    server->stats.no_memory++;
    SHARED_SET(c->touched, true);
    if (server->short_of == 0) {
        server->turn =
            (uint8_t)((size_t)(c - server->connections + (served ? 1 : 0)) % HTTP_NETCONN_CONNECTIONS);
        SHARED_SET(server->short_since_ms, sys_now());
        SHARED_SET(server->short_of, (uint16_t)(length + 1));
    }
}

/* Give lwIP up to SEND_MAX bytes of a piece; returns how many it took. */
static size_t http_netconn_write(struct http_netconn_connection *c, const struct http_piece *piece,
                                 size_t length)
{
    size_t taken = 0;
    err_t error =
        netconn_write_partly(c->conn, piece->bytes, length,
                             NETCONN_DONTBLOCK | (piece->lasting ? NETCONN_NOCOPY : NETCONN_COPY), &taken);

    c->room = (uint16_t)(c->room - taken);
    c->broken |= error != ERR_OK && error != ERR_WOULDBLOCK;
    if (taken > 0) {
        SHARED_SET(c->since_ms, sys_now());
        LWIP_ASSERT("a made piece in parts", piece->lasting || taken == length);
    }
    return taken;
}

/* Send what the thinking half has. True: all of it is in lwIP's hands. */
static bool http_netconn_send(struct http_netconn *server, struct http_netconn_connection *c)
{
    struct http_piece piece;
    bool served = false;

    if (SHARED_GET(c->wants) > 0) {
        return false;
    }
    if (server->short_of > 0 && http_answering(&c->http)) {
        SHARED_SET(c->touched, true); /* others wait already, and it is not this one's turn */
        return false;
    }
    while (http_netconn_output(&c->http, server->scratch, &piece)) {
        size_t length = piece.lasting ? LWIP_MIN(piece.length, SEND_MAX) : piece.length;
        size_t copied = piece.lasting ? 0 : length, taken = 0;

        if (length > c->room) {
            SHARED_SET(c->wants, (uint16_t)length);
            return false;
        }
        if (length > 0 && tcp_guard_room(copied)) {
            taken = http_netconn_write(c, &piece, length);
        }
        if (taken == 0 && length > 0) {
            http_netconn_wait(server, c, copied, served);
            return false;
        }
        served = true;
        http_output_taken(&c->http, taken);
    }
    return true;
}

/* May so many bytes more be kept? All connections share the limit: what is kept must never be all there is. */
static bool http_netconn_pending_room(const struct http_netconn *server, size_t length)
{
    for (size_t i = 0; i < HTTP_NETCONN_CONNECTIONS; i++) {
        const struct pbuf *pending = server->connections[i].pending;
        if (pending != NULL && pbuf_match_type(pending, PBUF_RAM)) {
            length += pending->tot_len;
        }
    }
    return length <= HTTP_NETCONN_PIPELINE_MAX &&
           lwip_stats.mem.used + length + PIPELINE_SPARE <= lwip_stats.mem.avail;
}

/* A small copy of what waits for its turn, so that no NTB block is held; NULL: the pipeline is given up. */
static struct pbuf *http_netconn_keep(struct http_netconn *server, struct http_netconn_connection *c,
                                      struct pbuf *p, uint16_t skip)
{
    uint16_t length = (uint16_t)(p->tot_len - skip);
    struct pbuf *copy = NULL;

    if (http_netconn_pending_room(server, length)) {
        copy = pbuf_alloc(PBUF_RAW, length, PBUF_RAM);
    }
    if (copy != NULL) {
        pbuf_copy_partial(p, copy->payload, length, skip);
    } else {
        http_close(&c->http);
        c->consumed = (uint16_t)(c->consumed + length);
    }
    return copy;
}

static void http_netconn_pending_keep(struct http_netconn *server, struct http_netconn_connection *c)
{
    if (c->pending != NULL && !pbuf_match_type(c->pending, PBUF_RAM)) {
        struct pbuf *copy = http_netconn_keep(server, c, c->pending, c->pending_at);
        http_netconn_pending_drop(c);
        c->pending = copy;
    }
}

static void http_netconn_received(struct http_netconn *server, struct http_netconn_connection *c,
                                  struct pbuf *p)
{
    struct pbuf *copy;

    if (c->pending == NULL && !c->lingering) {
        c->pending = p;
        return;
    }
    if (c->lingering) {
        c->consumed = (uint16_t)(c->consumed + p->tot_len);
    } else if ((copy = http_netconn_keep(server, c, p, 0)) != NULL) {
        pbuf_cat(c->pending, copy);
    }
    pbuf_free(p);
}

/* Let the thinking half consume what came. True: it consumed something. */
static bool http_netconn_feed(struct http_netconn_connection *c)
{
    struct pbuf *p = c->pending;
    bool was_idle = http_idle(&c->http);
    size_t used;

    if (p == NULL || http_answering(&c->http) || http_closing(&c->http)) {
        return false;
    }
    used = http_netconn_input(&c->http, (const char *)p->payload + c->pending_at, p->len - c->pending_at);
    if (used > 0 && was_idle) {
        SHARED_SET(c->since_ms, sys_now());
    }
    c->consumed = (uint16_t)(c->consumed + used);
    c->pending_at = (uint16_t)(c->pending_at + used);
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

/* All that has come; what lies in a netconn's mailbox could hold NTB blocks. */
static void http_netconn_receive(struct http_netconn *server, struct http_netconn_connection *c)
{
    struct pbuf *p;
    err_t error = ERR_OK;

    for (unsigned i = 0; i <= DEFAULT_TCP_RECVMBOX_SIZE && error == ERR_OK && !c->finished; i++) {
        error = netconn_recv_tcp_pbuf_flags(c->conn, &p, NETCONN_DONTBLOCK | NETCONN_NOAUTORCVD);
        if (error == ERR_OK) {
            http_netconn_received(server, c, p);
            while (http_netconn_feed(c)) { /* a request in parts isn't a pipeline */
            }
        }
        c->finished = error == ERR_CLSD;
    }
    c->broken |= error != ERR_OK && error != ERR_WOULDBLOCK && error != ERR_CLSD;
}

/* Read, think, write, until nothing moves any more. False: the connection is over. */
static bool http_netconn_run(struct http_netconn *server, struct http_netconn_connection *c)
{
    bool sent;

    http_netconn_receive(server, c);
    do {
        sent = http_netconn_send(server, c);
    } while (sent && http_netconn_feed(c));
    if (c->broken || (c->lingering && c->finished)) {
        return false;
    }
    if (sent && (http_closing(&c->http) || (c->finished && c->pending == NULL))) {
        if (!c->lingering && !tcp_guard_room(0)) { /* a FIN needs a segment, and netconn would wait for it */
            http_netconn_wait(server, c, 0, false);
            http_netconn_pending_keep(server, c);
            return true;
        }
        if (c->finished) {
            return false;
        }
        if (!c->lingering) {
            c->lingering = true;
            SHARED_SET(c->since_ms, sys_now());
            http_netconn_consumed_tell(c);
            netconn_shutdown(c->conn, 0, 1);
        }
        http_netconn_pending_drop(c); /* nobody reads it any more */
    }
    http_netconn_pending_keep(server, c);
    http_netconn_consumed_tell(c);
    return true;
}

/* The time limits. */
static void http_netconn_limit(struct http_netconn *server, struct http_netconn_connection *c)
{
    uint32_t age = sys_now() - c->since_ms;
    bool idle = http_idle(&c->http), answering = http_answering(&c->http);

    if (c->lingering ? age > HTTP_NETCONN_LINGER_MS_MAX : answering && age > HTTP_NETCONN_SEND_MS_MAX) {
        server->stats.timeouts++;
        http_netconn_abort(c);
    } else if (idle && age > HTTP_NETCONN_IDLE_MS_MAX) {
        server->stats.timeouts++;
        tcp_guard_room(0) ? http_netconn_close(c) : http_netconn_abort(c);
    } else if (!idle && !answering && !c->lingering && age > HTTP_NETCONN_REQUEST_MS_MAX) {
        server->stats.timeouts++;
        http_expire(&c->http);
        SHARED_SET(c->since_ms, sys_now());
        SHARED_SET(c->touched, true);
        sys_sem_signal(&server->event);
    }
}

/* A free slot, if need be the one whose client was useful longest ago. */
static struct http_netconn_connection *http_netconn_slot_take(struct http_netconn *server)
{
    struct http_netconn_connection *oldest = &server->connections[0];
    uint32_t now = sys_now();

    for (size_t i = 0; i < HTTP_NETCONN_CONNECTIONS; i++) {
        struct http_netconn_connection *c = &server->connections[i];
        if (c->conn == NULL) {
            return c;
        }
        if (now - c->since_ms > now - oldest->since_ms) {
            oldest = c;
        }
    }
    __atomic_fetch_add(&server->stats.evicted, 1, __ATOMIC_RELAXED);
    http_netconn_abort(oldest);
    return oldest;
}

static void http_netconn_accept(struct http_netconn *server)
{
    struct netconn *conn;
    err_t error = ERR_OK;

    for (unsigned i = 0; i <= DEFAULT_ACCEPTMBOX_SIZE && error != ERR_WOULDBLOCK; i++) {
        error = netconn_accept(server->listener, &conn);
        if (error != ERR_OK) {
            continue; /* one that found no memory */
        }
        struct http_netconn_connection *c = http_netconn_slot_take(server);
        memset(&c->room, 0,
               sizeof *c - offsetof(struct http_netconn_connection, room)); /* no more: see wants */
        c->room = TCP_SND_BUF;
        c->since_ms = sys_now();
        netconn_set_nonblocking(conn, 1);
        http_begin(&c->http, server->config, &server->stats.http);
        SHARED_SET(c->conn, conn);
        SHARED_SET(c->touched, true); /* what happened before it was ours */
        server->stats.connections++;
    }
    if (error != ERR_WOULDBLOCK) {
        SHARED_SET(server->arrived, true);
        sys_sem_signal(&server->event);
    }
}

/* One round: who waits for memory longest comes first. `late`: look at the time limits, too. */
static void http_netconn_round(struct http_netconn *server, bool late)
{
    size_t first = server->turn;

    if (SHARED_TAKE(server->arrived)) {
        http_netconn_accept(server);
    }
    if (server->short_of > 0 && tcp_guard_room(server->short_of - 1u)) {
        SHARED_SET(server->short_of, 0);
    }
    for (size_t n = 0; n < HTTP_NETCONN_CONNECTIONS; n++) {
        struct http_netconn_connection *c = &server->connections[(first + n) % HTTP_NETCONN_CONNECTIONS];
        if (c->conn == NULL) {
            continue;
        }
        if (SHARED_TAKE(c->touched) && !http_netconn_run(server, c)) {
            http_netconn_close(c);
        } else if (late) {
            http_netconn_limit(server, c);
        }
    }
}

static void http_netconn_thread(void *context)
{
    struct http_netconn *server = context;
    uint32_t last_ms = 0;

    server->listener = netconn_new_with_callback(NETCONN_TCP, http_netconn_event);
    LWIP_ASSERT("no netconn for HTTP", server->listener != NULL);
    netconn_set_nonblocking(server->listener, 1);
    netconn_bind(server->listener, IP_ADDR_ANY, server->port);
    netconn_listen(server->listener);
    for (;;) {
        sys_arch_sem_wait(&server->event, WAIT_MS);
        bool late = sys_now() - last_ms >= WAIT_MS;
        if (late) {
            last_ms = sys_now();
        }
        http_netconn_round(server, late);
    }
}

bool http_netconn_listen(struct http_netconn *server, const struct http_config *config, uint16_t port)
{
    memset(server, 0, sizeof *server);
    server->config = config;
    server->port = port;
    the_server = server;
    if (sys_sem_new(&server->event, 0) != ERR_OK) {
        return false;
    }
    sys_thread_new("http", http_netconn_thread, server, THREAD_STACK, THREAD_PRIORITY);
    return true;
}

unsigned http_netconn_open(const struct http_netconn *server)
{
    unsigned open = 0;

    for (size_t i = 0; i < HTTP_NETCONN_CONNECTIONS; i++) {
        open += SHARED_GET(server->connections[i].conn) != NULL;
    }
    return open;
}
