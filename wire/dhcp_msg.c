/*
 * DHCP messages read and written; see the header.
 *
 * Every option walk is bounded by its area's end; there are at most three areas, each walked once.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/dhcp_msg.h"

#include <string.h>

#include "wire/be.h"

enum {
    AT_OP = 0,
    AT_HTYPE = 1,
    AT_HLEN = 2,
    AT_XID = 4,
    AT_FLAGS = 10,
    AT_CIADDR = 12,
    AT_YIADDR = 16,
    AT_GIADDR = 24,
    AT_CHADDR = 28,
    AT_SNAME = 44,
    AT_FILE = 108,
    AT_COOKIE = 236,
    AT_OPTIONS = 240,
    SNAME_LENGTH = 64,
    FILE_LENGTH = 128,
};

#define COOKIE         0x63825363u
#define BOOTREQUEST    1
#define BOOTREPLY      2
#define OVERLOAD_FILE  1u
#define OVERLOAD_SNAME 2u

/* One option's data. Without the length and the range that its standard gives it, it counts as absent. The first of several
 * wins. */
static void dhcp_option_take(struct dhcp_request *r, uint8_t code, const uint8_t *data, uint8_t length)
{
    if (code == DHCP_OPTION_TYPE && length == 1 && r->type == 0 && data[0] <= DHCP_INFORM) {
        r->type = data[0];
    } else if (code == DHCP_OPTION_REQUESTED && length == 4 && !r->has_requested) {
        r->requested = load_be32(data);
        r->has_requested = true;
    } else if (code == DHCP_OPTION_SERVER_ID && length == 4 && !r->has_server_id) {
        r->server_id = load_be32(data);
        r->has_server_id = true;
    } else if (code == DHCP_OPTION_MAX_SIZE && length == 2 && load_be16(data) >= DHCP_MAX_SIZE_MIN) {
        r->max_size = load_be16(data);
    } else if (code == DHCP_OPTION_CLIENT_ID && length >= 2 && r->client_id == NULL) {
        r->client_id = data;
        r->client_id_length = length;
    }
}

/* Walk one area of options, up to its end or an option that doesn't fit into it. Returns what option 52 says. */
static uint8_t dhcp_options_walk(struct dhcp_request *r, const uint8_t *at, size_t length)
{
    const uint8_t *end = at + length;
    uint8_t overload = 0;

    while (at < end && *at != DHCP_OPTION_END) {
        if (*at == DHCP_OPTION_PAD) {
            at++;
            continue;
        }
        if (end - at < 2 || end - at - 2 < at[1]) {
            break;
        }
        if (*at == DHCP_OPTION_OVERLOAD) {
            overload = at[1] == 1 ? at[2] : overload;
        } else {
            dhcp_option_take(r, at[0], at + 2, at[1]);
        }
        at += 2 + at[1];
    }
    return overload <= (OVERLOAD_FILE | OVERLOAD_SNAME) ? overload : 0;
}

bool dhcp_request_parse(const uint8_t *bytes, size_t length, struct dhcp_request *request)
{
    uint8_t overload;

    memset(request, 0, sizeof *request);
    if (length < DHCP_MESSAGE_MIN || bytes[AT_OP] != BOOTREQUEST || bytes[AT_HLEN] > 16 ||
        load_be32(bytes + AT_COOKIE) != COOKIE) {
        return false;
    }
    request->htype = bytes[AT_HTYPE];
    request->hlen = bytes[AT_HLEN];
    request->xid = load_be32(bytes + AT_XID);
    request->flags = load_be16(bytes + AT_FLAGS);
    request->ciaddr = load_be32(bytes + AT_CIADDR);
    request->giaddr = load_be32(bytes + AT_GIADDR);
    request->chaddr = bytes + AT_CHADDR;
    overload = dhcp_options_walk(request, bytes + AT_OPTIONS, length - AT_OPTIONS);
    if ((overload & OVERLOAD_FILE) != 0) {
        dhcp_options_walk(request, bytes + AT_FILE, FILE_LENGTH);
    }
    if ((overload & OVERLOAD_SNAME) != 0) {
        dhcp_options_walk(request, bytes + AT_SNAME, SNAME_LENGTH);
    }
    return true;
}

void dhcp_reply_begin(struct dhcp_writer *w, uint8_t *bytes, size_t capacity,
                      const struct dhcp_request *request, enum dhcp_type type, uint32_t yiaddr)
{
    uint8_t value = (uint8_t)type;

    *w = (struct dhcp_writer){bytes, AT_OPTIONS, capacity, capacity < DHCP_REPLY_MIN};
    if (w->overflow) {
        return;
    }
    memset(bytes, 0, DHCP_REPLY_MIN);
    bytes[AT_OP] = BOOTREPLY;
    bytes[AT_HTYPE] = request->htype;
    bytes[AT_HLEN] = request->hlen;
    store_be32(bytes + AT_XID, request->xid);
    store_be16(bytes + AT_FLAGS, request->flags);
    if (type == DHCP_ACK) {
        store_be32(bytes + AT_CIADDR, request->ciaddr);
    }
    store_be32(bytes + AT_YIADDR, yiaddr);
    store_be32(bytes + AT_GIADDR, request->giaddr);
    memcpy(bytes + AT_CHADDR, request->chaddr, 16);
    if (type == DHCP_NAK && request->giaddr != 0) {
        bytes[AT_FLAGS] |= DHCP_FLAG_BROADCAST >> 8; /* so the relay broadcasts it */
    }
    store_be32(bytes + AT_COOKIE, COOKIE);
    dhcp_put_option(w, DHCP_OPTION_TYPE, &value, 1);
}

void dhcp_put_option(struct dhcp_writer *w, enum dhcp_option code, const uint8_t *data, uint8_t length)
{
    if (w->overflow || w->capacity - w->length < 3u + length) { /* one byte stays free for the end */
        w->overflow = true;
        return;
    }
    w->bytes[w->length] = (uint8_t)code;
    w->bytes[w->length + 1] = length;
    memcpy(w->bytes + w->length + 2, data, length);
    w->length += 2u + length;
}

void dhcp_put_u32(struct dhcp_writer *w, enum dhcp_option code, uint32_t value)
{
    uint8_t bytes[4];

    store_be32(bytes, value);
    dhcp_put_option(w, code, bytes, sizeof bytes);
}

size_t dhcp_reply_end(struct dhcp_writer *w)
{
    if (w->overflow) {
        return 0;
    }
    w->bytes[w->length++] = DHCP_OPTION_END;
    return w->length < DHCP_REPLY_MIN ? DHCP_REPLY_MIN : w->length;
}
