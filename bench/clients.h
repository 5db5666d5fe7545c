/*
 * What the benchmark does at the PC: clients on the PC's own lwIP, each counting in one struct load.
 *
 *   load_*_start ─→ (pc_step; load_tick after each) … ─→ load_stop
 *
 *   echo   keeps `outstanding` ICMP echo requests of `bytes` under way, checks every answer
 *   ping   one ICMP echo request at a time, and the next some ms after its answer: a second load beside another one
 *   http   GET `path` again and again on keep-alive connections, or on new ones where the server closes
 *   iperf  TCP port 5001: up sends for ever; down asks the board to connect back and send (iperf 2's -d, whose
 *          own direction stays silent); both is -d with both directions, and counts the bytes of both
 *   dhcp   DISCOVER, OFFER, REQUEST, ACK, again and again
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BENCH_CLIENTS_H
#define PLUGNET_BENCH_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/ip_addr.h"

#define LOAD_ECHOES_MAX      16
#define LOAD_CONNECTIONS_MAX 12
#define LOAD_ECHO_LOST_MS    100 /* an echo not answered by then is lost, and the next one goes out */
#define LOAD_HEAD_MAX        1024
#define LOAD_TEXT_MAX        8192
#define LOAD_LATENCIES_MAX   8192 /* later echoes aren't kept */

struct pc;
struct tcp_pcb;
struct raw_pcb;

enum load_kind {
    LOAD_NONE,
    LOAD_ECHO,
    LOAD_HTTP,
    LOAD_FETCH,
    LOAD_IPERF_UP,
    LOAD_IPERF_DOWN,
    LOAD_IPERF_BOTH,
    LOAD_DHCP
};

struct load_echo {
    uint64_t sent_ns; /* 0: free */
    uint64_t due_ns;  /* of the next one, while free */
    uint16_t sequence;
};

struct load_connection {
    struct load *load;
    struct tcp_pcb *pcb; /* NULL: closed */
    char head[LOAD_HEAD_MAX];
    uint32_t head_length;
    uint32_t body_left; /* of the body; of a chunk with the line end behind it */
    bool in_body;
    bool chunked, in_size;
    uint32_t chunk;   /* size of the chunk that has begun, or begins; 0: the last one */
    uint32_t answer;  /* bytes so far */
    bool closes;      /* the board closes after this answer */
    bool until_close; /* and that is how the answer ends: it tells no length */
};

struct load {
    struct pc *pc;
    ip_addr_t board;
    enum load_kind kind;

    /* Results since load_*_start. */
    uint64_t count;        /* echoes answered, HTTP answers complete, or DHCP exchanges */
    uint64_t bytes;        /* payload: echo data, TCP bytes delivered (up: acknowledged) */
    uint64_t lost;         /* echoes */
    uint64_t errors;       /* wrong answers, broken connections */
    uint64_t first_ns;     /* when the first answer's status line was there; 0: not yet */
    uint32_t answer_bytes; /* HTTP: head and body of the latest answer */
    uint32_t latencies_ns[LOAD_LATENCIES_MAX]; /* of echoes */
    unsigned latency_count;                    /* of them; set it to 0 to begin anew */

    struct raw_pcb *raw;
    struct load_echo echoes[LOAD_ECHOES_MAX];
    unsigned outstanding;
    bool pauses; /* between an echo's answer and the next one */
    uint16_t echo_bytes, sequence;
    char request[768];
    struct load_connection connections[LOAD_CONNECTIONS_MAX];
    struct tcp_pcb *listener;
    char text[LOAD_TEXT_MAX]; /* load_fetch: what came, head and all */
    uint32_t text_length;
};

void load_init(struct load *load, struct pc *pc, const uint8_t board[4]);
void load_echo_start(struct load *load, unsigned outstanding, uint16_t bytes);
void load_ping_start(struct load *load, uint16_t bytes);

/* `browser`: with the 450 bytes of headers that a browser sends, instead of a program's 70. */
void load_http_start(struct load *load, unsigned connections, const char *path, bool browser);
void load_iperf_up_start(struct load *load);
void load_iperf_down_start(struct load *load);
void load_iperf_both_start(struct load *load);
void load_dhcp_start(struct load *load);

/* GET `path` once, into `text`; over when the board has closed. */
void load_fetch_start(struct load *load, const char *path);
bool load_fetch_over(const struct load *load);

/* Once after each pc_step. */
void load_tick(struct load *load);

/* End the traffic: connections are reset, so that nothing of it is left. */
void load_stop(struct load *load);

#endif
