/*
 * Forwards of UDP: see forward_udp.h.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "host/forward_udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/pc.h"
#include "lwip/udp.h"

struct flow {
    struct forward_udp *forward;
    struct udp_pcb *pcb; /* NULL: free */
    struct sockaddr_in program;
    uint64_t used; /* greater: later */
};

struct forward_udp {
    struct pc *pc;
    int fd; /* -1: none */
    uint16_t local_port, board_port;
    uint64_t uses, lost;
    struct flow flows[FORWARD_UDP_FLOWS_MAX];
};

static void flow_end(struct flow *flow)
{
    if (flow->pcb != NULL) {
        udp_remove(flow->pcb);
        flow->pcb = NULL;
    }
}

static void flow_received(void *argument, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *address,
                          u16_t port)
{
    struct flow *flow = argument;
    uint8_t bytes[FORWARD_UDP_BYTES_MAX];
    (void)pcb, (void)address, (void)port;
    if (p->tot_len <= sizeof bytes) {
        pbuf_copy_partial(p, bytes, p->tot_len, 0);
        ssize_t sent = sendto(flow->forward->fd, bytes, p->tot_len, MSG_DONTWAIT | MSG_NOSIGNAL,
                              (const struct sockaddr *)&flow->program, sizeof flow->program);
        if (sent >= 0) { /* else the program has gone, or doesn't read: lost */
            pc_socket_event(flow->forward->pc);
        }
    }
    pbuf_free(p);
}

static bool same_program(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* The program's flow, or the place of one that is free or was used least recently. */
static struct flow *flow_place(struct forward_udp *forward, const struct sockaddr_in *program)
{
    struct flow *place = &forward->flows[0];
    for (struct flow *flow = forward->flows; flow < forward->flows + FORWARD_UDP_FLOWS_MAX; flow++) {
        if (flow->pcb != NULL && same_program(&flow->program, program)) {
            return flow;
        }
        if (place->pcb != NULL && (flow->pcb == NULL || flow->used < place->used)) {
            place = flow;
        }
    }
    return place;
}

/* NULL: no memory. */
static struct flow *flow_of(struct forward_udp *forward, const struct sockaddr_in *program,
                            const ip_addr_t *board)
{
    struct flow *flow = flow_place(forward, program);
    if (flow->pcb == NULL || !same_program(&flow->program, program)) {
        flow_end(flow);
        *flow = (struct flow){.forward = forward, .pcb = udp_new(), .program = *program};
        if (flow->pcb == NULL) {
            return NULL;
        }
        udp_recv(flow->pcb, flow_received, flow);
        if (udp_connect(flow->pcb, board, forward->board_port) != ERR_OK) {
            flow_end(flow);
            return NULL;
        }
    }
    flow->used = ++forward->uses;
    return flow;
}

static bool deliver(struct forward_udp *forward, const struct sockaddr_in *program, const uint8_t *bytes,
                    size_t length)
{
    uint8_t address[4];
    ip_addr_t board;
    if (length > FORWARD_UDP_BYTES_MAX || !pc_board_address(forward->pc, address)) {
        return false;
    }
    IP_ADDR4(&board, address[0], address[1], address[2], address[3]);
    struct flow *flow = flow_of(forward, program, &board);
    struct pbuf *p = flow != NULL ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)length, PBUF_RAM) : NULL;
    if (p == NULL) {
        return false;
    }
    pbuf_take(p, bytes, (u16_t)length);
    bool sent = udp_send(flow->pcb, p) == ERR_OK;
    pbuf_free(p);
    return sent;
}

void forward_udp_poll(struct forward_udp *forward)
{
    uint8_t bytes[FORWARD_UDP_BYTES_MAX + 1]; /* one more shows what is too long */
    for (unsigned i = 0; i < FORWARD_UDP_FRAME_MAX; i++) {
        struct sockaddr_in program;
        socklen_t size = sizeof program;
        ssize_t length =
            recvfrom(forward->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&program, &size);
        if (length < 0) {
            return;
        }
        forward->lost += !deliver(forward, &program, bytes, (size_t)length);
    }
}

void forward_udp_reset(struct forward_udp *forward)
{
    for (unsigned i = 0; i < FORWARD_UDP_FLOWS_MAX; i++) {
        flow_end(&forward->flows[i]);
    }
}

static bool forward_open(struct forward_udp *forward)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(forward->local_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    forward->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (forward->fd < 0 || bind(forward->fd, (struct sockaddr *)&address, size) < 0) {
        return false;
    }
    getsockname(forward->fd, (struct sockaddr *)&address, &size);
    forward->local_port = ntohs(address.sin_port);
    return true;
}

struct forward_udp *forward_udp_new(struct pc *pc, uint16_t local_port, uint16_t board_port, char *error,
                                    size_t error_size)
{
    struct forward_udp *forward = calloc(1, sizeof *forward);
    if (forward == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    *forward = (struct forward_udp){.pc = pc, .local_port = local_port, .board_port = board_port};
    if (!forward_open(forward)) {
        bool in_use = errno == EADDRINUSE;
        snprintf(error, error_size, "UDP port %u %s%s", local_port,
                 in_use ? "is in use on this machine: choose another one" : "can't be opened: ",
                 in_use ? "" : strerror(errno));
        forward_udp_free(forward);
        return NULL;
    }
    return forward;
}

void forward_udp_free(struct forward_udp *forward)
{
    forward_udp_reset(forward);
    if (forward->fd >= 0) {
        close(forward->fd);
    }
    free(forward);
}

uint16_t forward_udp_port(const struct forward_udp *forward)
{
    return forward->local_port;
}

unsigned forward_udp_flows(const struct forward_udp *forward)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FORWARD_UDP_FLOWS_MAX; i++) {
        count += forward->flows[i].pcb != NULL;
    }
    return count;
}

uint64_t forward_udp_lost(const struct forward_udp *forward)
{
    return forward->lost;
}
