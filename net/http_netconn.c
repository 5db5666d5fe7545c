/*
 * The HTTP server on lwIP's netconn API; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http_netconn.h"

#include <string.h>

#include "lwip/api.h"
#include "lwip/tcp.h"

#define WAIT_MS         100
#define THREAD_STACK    1536
#define THREAD_PRIORITY 2

/* netconn's callback has no argument of ours. */
static struct http_netconn *the_server;

/* lwIP's thread: something happened to a connection. */
static void http_netconn_event(struct netconn *conn, enum netconn_evt event, u16_t length)
{
    (void)length;
    if (event == NETCONN_EVT_RCVPLUS && conn != the_server->listener && conn->pcb.tcp != NULL) {
        tcp_nagle_disable(conn->pcb.tcp); /* else a body's end waits for the ACK of its head */
    }
    if (event != NETCONN_EVT_RCVMINUS && event != NETCONN_EVT_SENDMINUS) {
        sys_sem_signal(&the_server->event);
    }
}

static void http_netconn_end(struct http_netconn_connection *c)
{
    if (c->pending != NULL) {
        pbuf_free(c->pending);
    }
    netconn_delete(c->conn);
    c->pending = NULL;
    c->conn = NULL;
}

/* True: all that the thinking half has is in lwIP's hands. */
static bool http_netconn_send(struct http_netconn_connection *c)
{
    while (c->has_piece || http_output(&c->http, c->scratch, &c->piece)) {
        size_t taken = 0, left;

        if (!c->has_piece) {
            c->has_piece = true;
            c->piece_at = 0;
        }
        left = LWIP_MIN(c->piece.length - c->piece_at, 2 * TCP_MSS);
        if (left > 0 &&
            netconn_write_partly(c->conn, c->piece.bytes + c->piece_at, left,
                                 NETCONN_DONTBLOCK | (c->piece.lasting ? NETCONN_NOCOPY : NETCONN_COPY),
                                 &taken) != ERR_OK) {
            return false;
        }
        if (taken > 0) {
            c->since_ms = sys_now();
        }
        c->piece_at = (uint16_t)(c->piece_at + taken);
        if (c->piece.lasting || c->piece_at == c->piece.length) {
            http_output_taken(&c->http, c->piece_at);
            c->has_piece = false;
        }
        if (taken < left) {
            return false;
        }
    }
    return true;
}

/* Something received was consumed. */
static bool http_netconn_feed(struct http_netconn_connection *c)
{
    struct pbuf *p = c->pending;
    bool was_idle = http_idle(&c->http);
    size_t used;

    if (p == NULL && !c->finished) {
        err_t error = netconn_recv_tcp_pbuf_flags(c->conn, &p, NETCONN_DONTBLOCK | NETCONN_NOAUTORCVD);
        c->finished = error != ERR_OK && error != ERR_WOULDBLOCK;
        c->pending = p = error == ERR_OK ? p : NULL;
        c->pending_at = 0;
    }
    if (p == NULL || http_answering(&c->http) || http_closing(&c->http)) {
        return false;
    }
    used = http_input(&c->http, (const char *)p->payload + c->pending_at, p->len - c->pending_at);
    if (used > 0 && was_idle) {
        c->since_ms = sys_now();
    }
    netconn_tcp_recvd(c->conn, used);
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

/* Read, think, write, until nothing moves any more; then the time limits. */
static void http_netconn_run(struct http_netconn *server, struct http_netconn_connection *c)
{
    bool sent, idle;
    uint32_t age;

    do {
        sent = http_netconn_send(c);
    } while (sent && http_netconn_feed(c));
    age = sys_now() - c->since_ms;
    idle = http_idle(&c->http);
    if (sent && (http_closing(&c->http) || (c->finished && c->pending == NULL))) {
        http_netconn_end(c);
    } else if (age > (idle ? HTTP_NETCONN_IDLE_MS_MAX : HTTP_NETCONN_SEND_MS_MAX)) {
        server->stats.timeouts++;
        http_netconn_end(c);
    } else if (!idle && !http_answering(&c->http) && age > HTTP_NETCONN_REQUEST_MS_MAX) {
        server->stats.timeouts++;
        http_expire(&c->http);
        c->since_ms = sys_now();
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
    server->stats.evicted++;
    http_netconn_end(oldest);
    return oldest;
}

static void http_netconn_accept(struct http_netconn *server)
{
    struct netconn *conn;

    for (unsigned i = 0; i < HTTP_NETCONN_CONNECTIONS && netconn_accept(server->listener, &conn) == ERR_OK;
         i++) {
        struct http_netconn_connection *c = http_netconn_slot_take(server);
        memset(c, 0, offsetof(struct http_netconn_connection, scratch));
        c->conn = conn;
        c->since_ms = sys_now();
        netconn_set_nonblocking(conn, 1);
        http_begin(&c->http, server->config, &server->stats.http);
        server->stats.connections++;
    }
}

static void http_netconn_thread(void *context)
{
    struct http_netconn *server = context;

    server->listener = netconn_new_with_callback(NETCONN_TCP, http_netconn_event);
    LWIP_ASSERT("no netconn for HTTP", server->listener != NULL);
    netconn_set_nonblocking(server->listener, 1);
    netconn_bind(server->listener, IP_ADDR_ANY, server->port);
    netconn_listen(server->listener);
    for (;;) {
        sys_arch_sem_wait(&server->event, WAIT_MS);
        http_netconn_accept(server);
        for (size_t i = 0; i < HTTP_NETCONN_CONNECTIONS; i++) {
            if (server->connections[i].conn != NULL) {
                http_netconn_run(server, &server->connections[i]);
            }
        }
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

void http_netconn_poll(struct http_netconn *server)
{
    (void)server;
}

unsigned http_netconn_open(const struct http_netconn *server)
{
    unsigned open = 0;

    for (size_t i = 0; i < HTTP_NETCONN_CONNECTIONS; i++) {
        open += server->connections[i].conn != NULL;
    }
    return open;
}
