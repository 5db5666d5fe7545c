/*
 * A multicast DNS responder: NAME.local, NAME-XXXX.local, and the web page as an "_http._tcp" service.
 *
 *   mdnsd_init ─→ mdnsd_start (link up) ─→ mdnsd_receive for each message; while (mdnsd_due) mdnsd_poll
 *
 *   a new name: mdnsd_goodbye ─→ mdnsd_renamed ─→ mdnsd_start
 *
 *   PROBING 3 × 250 ms ─→ ANNOUNCING 2 × 1 s ─→ RUNNING;   conflict ─→ PROBING under another name: the short
 *   name is given up, the unique one gets -2, -3, …;   link down: mdnsd_stop
 *
 * Pure: time, random bits and buffers come with the calls; the transport is its service's (plugnet/service_mdns.c). Source: RFC 6762,
 * RFC 6763 [unread], facts.md F3.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_MDNSD_H
#define PLUGNET_NET_MDNSD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef MDNSD_MESSAGE_MAX
#define MDNSD_MESSAGE_MAX 640 /* bytes of the longest message we send */
#endif
#ifndef MDNSD_LABEL_MAX
#define MDNSD_LABEL_MAX 40 /* characters of a host's label, a "-2" included */
#endif
#define MDNSD_NAME_MAX (MDNSD_LABEL_MAX + sizeof "._http._tcp.local")
#define MDNSD_RECORDS  10
#define MDNSD_GROUP    0xE00000FBu /* 224.0.0.251 */

/* Const; outlives the responder. */
struct mdnsd_config {
    const char *label;        /* "plugnet"; read by mdnsd_init and mdnsd_renamed only */
    const char *unique_label; /* "plugnet-1a2b" */
    uint32_t address;         /* host order */
    uint32_t netmask;
    uint16_t port;    /* of the web page */
    const char *text; /* one "key=value" for TXT, or "" */
    char *
        short_name; /* "plugnet.local": MDNSD_NAME_MAX bytes each, written here and anew when a conflict changes a name */
    char *unique_name; /* "plugnet-1a2b.local" */
};

/* Counters since mdnsd_init; they wrap. In the order of the status object. */
struct mdnsd_stats {
    uint32_t queries; /* well-formed, for any name */
    uint32_t answers; /* messages sent in answer */
    uint32_t announcements;
    uint32_t conflicts;
    uint32_t malformed;
    uint32_t probes;
};

enum mdnsd_state { MDNSD_STOPPED, MDNSD_PROBING, MDNSD_ANNOUNCING, MDNSD_RUNNING };

struct mdnsd {
    const struct mdnsd_config *config;
    struct mdnsd_stats stats;
    enum mdnsd_state state;
    uint8_t step;       /* probes or announcements already sent */
    uint8_t suffix;     /* of the unique name; 0: none */
    bool short_lost;    /* another device has NAME.local */
    uint16_t announced; /* records that others may have in their caches, under the present names */
    uint16_t pending;   /* records to multicast at pending_ms */
    uint32_t step_ms;   /* when the next probe or announcement is due */
    uint32_t pending_ms;
    uint32_t sent_ms[MDNSD_RECORDS]; /* when each record was last multicast */
    char instance[MDNSD_NAME_MAX];   /* "plugnet-1a2b._http._tcp.local" */
    char reverse[29];                /* "1.7.168.192.in-addr.arpa" */
};

/* Where a message came from, or goes. */
struct mdnsd_peer {
    uint32_t address; /* host order */
    uint16_t port;
    bool unicast; /* received: it was sent to us alone */
};

/* Sets the names; they change on conflicts. */
void mdnsd_init(struct mdnsd *d, const struct mdnsd_config *config);

void mdnsd_start(struct mdnsd *d, uint32_t now_ms, uint32_t random);
void mdnsd_stop(struct mdnsd *d);

/* The labels of the configuration are about to change. Stops, and returns the length of a message in `reply` (MDNSD_MESSAGE_MAX)
 * that takes our records out of others' caches, to be multicast; 0: none, nothing was announced yet. */
size_t mdnsd_goodbye(struct mdnsd *d, uint8_t *reply, size_t capacity);

/* They have changed: the names are made of them anew, and lost ones are tried again. mdnsd_start follows. */
void mdnsd_renamed(struct mdnsd *d);

/* A message has come. Returns the length of an immediate answer in `reply` (MDNSD_MESSAGE_MAX), to be sent to
 * `to`; 0: none. */
size_t mdnsd_receive(struct mdnsd *d, uint32_t now_ms, uint32_t random, const uint8_t *message, size_t length,
                     const struct mdnsd_peer *from, uint8_t *reply, size_t capacity, struct mdnsd_peer *to);

/* True: mdnsd_poll has something to send. */
bool mdnsd_due(const struct mdnsd *d, uint32_t now_ms);

/* Returns the length of a message in `reply`, to be multicast; 0: none. */
size_t mdnsd_poll(struct mdnsd *d, uint32_t now_ms, uint8_t *reply, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
