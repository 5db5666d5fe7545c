/*
 * A DNS server for our own names and nothing else.
 *
 *   dnsd_init ─→ dnsd_answer for each message; pure, the transports are plugnet/service_dns.c and dns_tcp.c
 *
 * Own names: A, authoritative; other types of them: no error, no data, authoritative. Everything else is
 * REFUSED, so that a resolver goes on to the next server and the PC keeps its Internet (facts.md F3).
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_DNSD_H
#define PLUGNET_NET_DNSD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DNSD_REPLY_MAX 512 /* bytes; every client takes so many */
#ifndef DNSD_TTL_S
#define DNSD_TTL_S 60
#endif

/* Const; outlives the server. */
struct dnsd_config {
    const char *const *names; /* all have our address; ended by NULL. The first is the address's own name. */
    uint32_t address;         /* host order */
};

/* Counters since dnsd_init; they wrap. In the order of the status object. */
struct dnsd_stats {
    uint32_t queries;  /* well-formed */
    uint32_t answered; /* with a record */
    uint32_t no_data;  /* own name, other type */
    uint32_t refused;  /* not ours, or not implemented */
    uint32_t malformed;
};

struct dnsd {
    const struct dnsd_config *config;
    struct dnsd_stats stats;
};

void dnsd_init(struct dnsd *d, const struct dnsd_config *config);

/* Answer a message. Returns the reply's length in `reply` (capacity DNSD_REPLY_MAX), 0: no reply. */
size_t dnsd_answer(struct dnsd *d, const uint8_t *query, size_t length, uint8_t *reply, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
