/*
 * Fuzz the DHCP server: any datagram; what it answers must be a sound reply that grants no address but ours.
 *
 * LINK: wire/dhcp_msg.c net/dhcpd.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "net/dhcpd.h"
#include "wire/be.h"
#include "wire/dhcp_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

/* Walk the reply's options to their end; they must hold a type and our server identifier. */
static void require_options(const uint8_t *reply, size_t length)
{
    bool type = false, server = false;
    size_t at = 240;
    while (at < length && reply[at] != 255) {
        REQUIRE(length - at >= 2 && length - at - 2 >= reply[at + 1]);
        type |= reply[at] == 53;
        server |= reply[at] == 54 && load_be32(reply + at + 2) == 0x0A400101;
        REQUIRE(reply[at] != 3 && reply[at] != 12 && reply[at] != 15 && reply[at] != 108);
        at += 2u + reply[at + 1];
    }
    REQUIRE(at < length && type && server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dhcpd_config config = {0x0A400101, 0x0A400102, 0xFFFFFFF8, 3600, true};
    struct dhcpd_destination to = {0, 0};
    uint8_t reply[DHCP_REPLY_MAX + 4];
    struct dhcpd server;
    dhcpd_init(&server, &config);
    memset(reply, 0x77, sizeof reply);
    size_t length = dhcpd_answer(&server, data, size, reply, DHCP_REPLY_MAX, &to);
    REQUIRE(load_be32(reply + DHCP_REPLY_MAX) == 0x77777777);
    REQUIRE(server.stats.requests + server.stats.malformed >= 1);
    if (length == 0)
        return 0;
    REQUIRE(length >= DHCP_REPLY_MIN && length <= DHCP_REPLY_MAX && reply[0] == 2);
    REQUIRE(memcmp(reply + 4, data + 4, 4) == 0);
    uint32_t yours = load_be32(reply + 16);
    REQUIRE(yours == 0 || yours == 0x0A400102);
    REQUIRE(to.address != 0 && (to.port == 67 || to.port == 68));
    require_options(reply, length);
    return 0;
}
