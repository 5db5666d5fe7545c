/*
 * Forwards: see forward.h. Each connection is a socket and an lwIP pcb; either may end first.
 *
 * lwIP frees a pcb by itself once both sides have sent FIN, so it is let go at that moment (link_release);
 * what the socket still has to take is queued here.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* accept4 */
#include "host/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/pc.h"
#include "lwip/tcp.h"

#define UP_BYTES 8192
#define SOCKET_BUFFER                                                                                        \
    65536 /* each way: the kernel would take megabytes, and a program's progress mean nothing */

struct link {
    struct link *next;
    struct forward *forward;
    int fd;              /* -1: ended, to be removed */
    struct tcp_pcb *pcb; /* NULL: not begun, or let go */
    bool connected;
    bool client_ended; /* the program has sent its last byte */
    bool board_ended;  /* the board has sent its last byte */
    bool fin_sent;     /* … and we have told the board that the program has */
    bool shut;         /* … and the program that the board has */
    uint64_t since_ns;
    struct pbuf *down;    /* from the board, not taken by the socket yet */
    uint16_t down_offset; /* bytes of its first pbuf that are gone */
    uint8_t up[UP_BYTES]; /* from the socket, not taken by lwIP yet */
    uint32_t up_start, up_end;
};

struct forward {
    struct pc *pc;
    int listeners[2]; /* IPv4, IPv6 or -1 */
    uint16_t local_port, board_port;
    struct link *links;
    unsigned count;
    struct pollfd *polled;
};

/* ---- Ends ---- */

static void link_release(struct link *link)
{
    if (link->pcb != NULL) {
        tcp_arg(link->pcb, NULL);
        tcp_recv(link->pcb, NULL);
        tcp_sent(link->pcb, NULL);
        tcp_err(link->pcb, NULL);
        link->pcb = NULL;
    }
}

/* The socket ends: with a reset, or in order. */
static void link_socket_close(struct link *link, bool reset)
{
    if (link->fd < 0) {
        return;
    }
    if (reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(link->fd);
    link->fd = -1;
    pc_socket_event(link->forward->pc);
}

static void link_abort(struct link *link)
{
    struct tcp_pcb *pcb = link->pcb;
    link_release(link);
    if (pcb != NULL) {
        tcp_abort(pcb);
    }
    link_socket_close(link, true);
}

/* ---- From the board to the socket ---- */

static void link_down(struct link *link)
{
    uint32_t taken = 0;
    while (link->down != NULL && link->fd >= 0) {
        struct pbuf *p = link->down;
        size_t length = (size_t)(p->len - link->down_offset);
        ssize_t sent = send(link->fd, (const uint8_t *)p->payload + link->down_offset, length,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                link_socket_close(link, false);
            }
            break;
        }
        taken += (uint32_t)sent;
        pc_socket_event(link->forward->pc);
        link->down_offset = (uint16_t)(link->down_offset + sent);
        if ((size_t)sent < length) {
            break;
        }
        link->down = p->next;
        if (link->down != NULL) {
            pbuf_ref(link->down);
        }
        pbuf_free(p);
        link->down_offset = 0;
    }
    while (taken != 0 && link->pcb != NULL) {
        u16_t part = (u16_t)(taken < 0x8000 ? taken : 0x8000);
        tcp_recved(link->pcb, part);
        taken -= part;
    }
    if (link->down == NULL && link->board_ended && !link->shut && link->fd >= 0) {
        shutdown(link->fd, SHUT_WR);
        link->shut = true;
        pc_socket_event(link->forward->pc);
    }
}

static err_t link_received(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct link *link = argument;
    (void)pcb;
    (void)error;
    if (p == NULL) {
        link->board_ended = true;
        if (link->fin_sent) {
            link_release(link);
        }
    } else if (link->down == NULL) {
        link->down = p;
    } else {
        pbuf_cat(link->down, p);
    }
    return ERR_OK;
}

static void link_failed(void *argument, err_t error)
{
    struct link *link = argument;
    (void)error;
    link->pcb = NULL; /* freed by lwIP */
    if (!link->board_ended) {
        link_socket_close(link, true);
    }
}

/* ---- From the socket to the board ---- */

static void link_up_write(struct link *link)
{
    while (link->pcb != NULL && link->up_start < link->up_end) {
        uint32_t length = link->up_end - link->up_start;
        uint32_t room = tcp_sndbuf(link->pcb);
        length = length < room ? length : room;
        if (length == 0 ||
            tcp_write(link->pcb, link->up + link->up_start, (u16_t)length, TCP_WRITE_FLAG_COPY) != ERR_OK) {
            break;
        }
        link->up_start += length;
    }
}

static void link_up_end(struct link *link)
{
    if (!link->client_ended || link->fin_sent || link->pcb == NULL || link->up_start < link->up_end) {
        return;
    }
    if (tcp_shutdown(link->pcb, 0, 1) == ERR_OK) {
        link->fin_sent = true;
        if (link->board_ended) {
            link_release(link);
        }
    }
}

static void link_up(struct link *link)
{
    link_up_write(link);
    while (link->connected && link->pcb != NULL && !link->client_ended && link->up_start == link->up_end &&
           tcp_sndbuf(link->pcb) != 0) {
        ssize_t got = recv(link->fd, link->up, sizeof link->up, MSG_DONTWAIT);
        if (got < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                link_abort(link);
                return;
            }
            break;
        }
        link->client_ended = got == 0;
        link->up_start = 0;
        link->up_end = (uint32_t)got;
        link_up_write(link);
    }
    link_up_end(link);
    if (link->pcb != NULL && link->connected) {
        tcp_output(link->pcb);
    }
}

/* ---- Beginning ---- */

static err_t link_connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct link *link = argument;
    (void)pcb;
    (void)error;
    link->connected = true;
    return ERR_OK;
}

/* Connect once the board is reachable. */
static void link_begin(struct link *link)
{
    uint8_t address[4];
    struct pc *pc = link->forward->pc;
    if (!pc_board_address(pc, address)) {
        if (pc_time_ns(pc) - link->since_ns > (uint64_t)FORWARD_WAIT_MS * 1000000) {
            pc_log(pc, "port %u: no board to connect to", link->forward->local_port);
            link_abort(link);
        }
        return;
    }
    ip_addr_t board;
    IP_ADDR4(&board, address[0], address[1], address[2], address[3]);
    link->pcb = tcp_new();
    if (link->pcb == NULL) {
        link_abort(link);
        return;
    }
    tcp_arg(link->pcb, link);
    tcp_recv(link->pcb, link_received);
    tcp_err(link->pcb, link_failed);
    tcp_nagle_disable(link->pcb);
    if (tcp_connect(link->pcb, &board, link->forward->board_port, link_connected) != ERR_OK) {
        link_abort(link);
    }
}

static void forward_accept(struct forward *forward, int listener)
{
    while (forward->count < FORWARD_CONNECTIONS_MAX) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        int on = 1, buffer = SOCKET_BUFFER;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        struct link *link = calloc(1, sizeof *link);
        if (link == NULL) {
            close(fd);
            return;
        }
        link->forward = forward;
        link->fd = fd;
        link->since_ns = pc_time_ns(forward->pc);
        link->next = forward->links;
        forward->links = link;
        forward->count++;
    }
}

/* ---- Each frame ---- */

static short link_events(const struct link *link)
{
    short events = link->down != NULL ? POLLOUT : 0;
    if (link->connected && link->pcb != NULL && !link->client_ended && link->up_start == link->up_end &&
        tcp_sndbuf(link->pcb) != 0) {
        events |= POLLIN;
    }
    return events;
}

static void link_step(struct link *link, short events)
{
    if (link->fd < 0 || (events & POLLERR) != 0) {
        link_abort(link);
        return;
    }
    if (link->pcb == NULL && !link->connected) {
        if ((events & POLLHUP) != 0) {
            link_abort(link);
        } else {
            link_begin(link);
        }
        return;
    }
    link_down(link);
    if (link->fd >= 0) {
        link_up(link);
    }
    if (link->fd < 0) {
        link_abort(link); /* what is left of it */
    } else if (link->pcb == NULL && link->down == NULL && link->shut) {
        link_socket_close(link, false);
    }
}

static void forward_remove_ended(struct forward *forward)
{
    for (struct link **at = &forward->links; *at != NULL;) {
        struct link *link = *at;
        if (link->fd >= 0) {
            at = &link->next;
            continue;
        }
        *at = link->next;
        link_abort(link);
        if (link->down != NULL) {
            pbuf_free(link->down);
        }
        free(link);
        forward->count--;
    }
}

void forward_poll(struct forward *forward)
{
    struct pollfd *polled = forward->polled;
    for (unsigned i = 0; i < 2; i++) {
        polled[i] = (struct pollfd){.fd = forward->listeners[i], .events = POLLIN};
    }
    unsigned count = 2;
    for (struct link *link = forward->links; link != NULL; link = link->next) {
        polled[count++] = (struct pollfd){.fd = link->fd, .events = link_events(link)};
    }
    if (poll(polled, count, 0) < 0) {
        return;
    }
    count = 2;
    for (struct link *link = forward->links; link != NULL; link = link->next) {
        link_step(link, polled[count++].revents);
    }
    forward_remove_ended(forward);
    for (unsigned i = 0; i < 2; i++) {
        if ((polled[i].revents & POLLIN) != 0) {
            forward_accept(forward, forward->listeners[i]);
        }
    }
}

void forward_reset(struct forward *forward)
{
    for (struct link *link = forward->links; link != NULL; link = link->next) {
        if (link->pcb != NULL || link->connected) {
            link_abort(link);
        }
    }
    forward_remove_ended(forward);
}

/* ---- Listening ---- */

/* A listening socket, or -1 and errno. */
static int listen_at(const struct sockaddr *address, socklen_t size)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd, address, size) < 0 || listen(fd, 64) < 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static bool forward_listen(struct forward *forward)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons(forward->local_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool chosen = forward->local_port == 0;
    forward->listeners[0] = listen_at((struct sockaddr *)&v4, sizeof v4);
    if (forward->listeners[0] < 0) {
        return false;
    }
    socklen_t size = sizeof v4;
    getsockname(forward->listeners[0], (struct sockaddr *)&v4, &size);
    forward->local_port = ntohs(v4.sin_port);
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = v4.sin_port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    forward->listeners[1] = listen_at((struct sockaddr *)&v6, sizeof v6);
    return forward->listeners[1] >= 0 || chosen || errno != EADDRINUSE;
}

struct forward *forward_new(struct pc *pc, uint16_t local_port, uint16_t board_port, char *error,
                            size_t error_size)
{
    struct forward *forward = calloc(1, sizeof *forward);
    if (forward == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    *forward = (struct forward){.pc = pc,
                                .listeners = {-1, -1},
                                .local_port = local_port,
                                .board_port = board_port,
                                .polled = calloc(FORWARD_CONNECTIONS_MAX + 2, sizeof(struct pollfd))};
    if (forward->polled == NULL || !forward_listen(forward)) {
        bool in_use = errno == EADDRINUSE;
        snprintf(error, error_size, "port %u %s%s", local_port,
                 in_use ? "is in use on this machine: choose another one" : "can't be opened: ",
                 in_use ? "" : strerror(errno));
        forward_free(forward);
        return NULL;
    }
    return forward;
}

void forward_free(struct forward *forward)
{
    for (struct link *link = forward->links; link != NULL; link = link->next) {
        link_abort(link);
    }
    forward_remove_ended(forward);
    for (unsigned i = 0; i < 2; i++) {
        if (forward->listeners[i] >= 0) {
            close(forward->listeners[i]);
        }
    }
    free(forward->polled);
    free(forward);
}

uint16_t forward_port(const struct forward *forward)
{
    return forward->local_port;
}

unsigned forward_connections(const struct forward *forward)
{
    return forward->count;
}
