/*
 * DHCP messages: a client's request read into a value, a server's reply written.
 *
 *   BOOTP part 236 bytes │ cookie 63 82 53 63 │ options: code, length, data … 255
 *   option 52 (overload) says that `file` (offset 108) and `sname` (offset 44) hold options, too
 *
 * Pure functions. Addresses are numbers in host order: 192.168.7.1 is 0xC0A80701. Source: RFC 2131, RFC 2132
 * [unread], facts.md F1 and F2.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_DHCP_MSG_H
#define PLUGNET_WIRE_DHCP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DHCP_PORT_SERVER    67
#define DHCP_PORT_CLIENT    68
#define DHCP_MESSAGE_MIN    240 /* bytes: BOOTP part and cookie */
#define DHCP_REPLY_MIN      300 /* bytes; older relays and clients drop less */
#define DHCP_REPLY_MAX      548 /* bytes every client takes: a 576-byte datagram without its headers */
#define DHCP_MAX_SIZE_MIN   576 /* bytes, the least that option 57 may say */
#define DHCP_FLAG_BROADCAST 0x8000

enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER = 2,
    DHCP_REQUEST = 3,
    DHCP_DECLINE = 4,
    DHCP_ACK = 5,
    DHCP_NAK = 6,
    DHCP_RELEASE = 7,
    DHCP_INFORM = 8,
};

enum dhcp_option {
    DHCP_OPTION_PAD = 0,
    DHCP_OPTION_NETMASK = 1,
    DHCP_OPTION_DNS = 6,
    DHCP_OPTION_REQUESTED = 50,
    DHCP_OPTION_LEASE = 51,
    DHCP_OPTION_OVERLOAD = 52,
    DHCP_OPTION_TYPE = 53,
    DHCP_OPTION_SERVER_ID = 54,
    DHCP_OPTION_MAX_SIZE = 57,
    DHCP_OPTION_T1 = 58,
    DHCP_OPTION_T2 = 59,
    DHCP_OPTION_CLIENT_ID = 61,
    DHCP_OPTION_END = 255,
};

/* A request as a value. Pointers go into the message's bytes. */
struct dhcp_request {
    uint8_t type; /* enum dhcp_type; 0: plain BOOTP */
    uint8_t htype, hlen;
    uint32_t xid;
    uint16_t flags;
    uint32_t ciaddr, giaddr;
    const uint8_t *chaddr; /* 16 bytes, hlen of them in use */
    bool has_requested, has_server_id;
    uint32_t requested;       /* option 50 */
    uint32_t server_id;       /* option 54 */
    uint16_t max_size;        /* option 57, at least DHCP_MAX_SIZE_MIN; 0: absent */
    const uint8_t *client_id; /* option 61, at least 2 bytes; NULL: absent */
    uint8_t client_id_length;
};

/* Read a client's message. An option that is malformed counts as absent, and ends its area if it reaches beyond that: clients
 * pad with anything. False: no DHCP request at all, `request` is not to be used. */
bool dhcp_request_parse(const uint8_t *bytes, size_t length, struct dhcp_request *request);

/* A reply being written. What doesn't fit sets `overflow` and is left out. */
struct dhcp_writer {
    uint8_t *bytes;
    size_t length, capacity;
    bool overflow;
};

/* dhcp_reply_begin ─→ dhcp_put_… ─→ dhcp_reply_end gives the message's length, 0 after an overflow. */
void dhcp_reply_begin(struct dhcp_writer *w, uint8_t *bytes, size_t capacity,
                      const struct dhcp_request *request, enum dhcp_type type, uint32_t yiaddr);
void dhcp_put_option(struct dhcp_writer *w, enum dhcp_option code, const uint8_t *data, uint8_t length);
void dhcp_put_u32(struct dhcp_writer *w, enum dhcp_option code, uint32_t value);
size_t dhcp_reply_end(struct dhcp_writer *w);

#ifdef __cplusplus
}
#endif

#endif
