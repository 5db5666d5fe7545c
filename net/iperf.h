/*
 * An iperf 2 server on TCP port 5001: measures the cable with Debian's iperf 2.1.8 on the PC.
 *
 *   iperf -c board            PC → board
 *   iperf -c board -r         … then board → PC by a connection of ours to the PC's port; -d: both at once
 *   iperf -c board -R         board → PC on the same connection; --full-duplex: both ways on it
 *   with -t seconds or -n bytes
 *
 * The first bytes of a connection are the client's header: 4 bytes of flags, which say how much more comes. It
 * may arrive in any pieces. Source: how iperf 2.1.8 behaves (include/payloads.h, src/Listener.cpp).
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_IPERF_H
#define PLUGNET_NET_IPERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tcp_pcb;

#define IPERF_PORT       5001
#define IPERF_SESSIONS   2  /* -d needs two */
#define IPERF_HEADER_MAX 36 /* bytes of the client's header that mean something to us */
#ifndef IPERF_IDLE_MS_MAX
#define IPERF_IDLE_MS_MAX 10000 /* without data either way */
#endif
#ifndef IPERF_RUN_MS_MAX
#define IPERF_RUN_MS_MAX 3600000
#endif

/* Counters since iperf_listen; they wrap. In the order of the status object. */
struct iperf_stats {
    uint32_t runs;     /* connections, either way */
    uint32_t received; /* bytes */
    uint32_t sent;     /* bytes acknowledged */
    uint32_t refused;  /* connections beyond IPERF_SESSIONS */
};

struct iperf;

/* One connection; free while pcb is NULL. Fields are ours. */
struct iperf_session {
    struct iperf *server;
    struct tcp_pcb *pcb;
    uint32_t active_ms; /* when data last moved */
    uint32_t end_ms;    /* sending by time: until then */
    uint32_t left;      /* sending by amount: bytes still to be written */
    uint8_t header_length, header_wanted;
    bool by_time;
    bool sending;
    bool reverse_later; /* -r: send when the client has finished */
    bool finished;      /* the client has sent its FIN */
    uint8_t header[IPERF_HEADER_MAX];
};

/* Caller-owned. */
struct iperf {
    struct iperf_stats stats;
    struct tcp_pcb *listener;
    const uint8_t *data; /* what is sent, again and again */
    uint16_t data_length;
    struct iperf_session sessions[IPERF_SESSIONS];
};

/* Serve. `data` lies in flash for ever and is what will be sent; whole segments (1460 bytes) of it are quickest,
 * and a page that is there anyway will do. If it is short or NULL, 292 bytes of our own serve. False: no memory, or
 * the port is taken. */
bool iperf_listen(struct iperf *server, const uint8_t *data, size_t length);

/* Sessions under way; IPERF_SESSIONS: a further connection is refused. */
unsigned iperf_open(const struct iperf *server);

#ifdef __cplusplus
}
#endif

#endif
