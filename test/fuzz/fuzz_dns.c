/*
 * Fuzz the DNS server and the multicast responder: the first byte says who gets the rest, in messages with a
 * length byte before each for mDNS, so that conflicts and known answers come in series. All output must be
 * readable to its last byte.
 *
 * LINK: wire/dns_msg.c wire/text.c net/dnsd.c net/mdnsd.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "net/dnsd.h"
#include "net/mdnsd.h"
#include "wire/dns_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define ADDRESS 0x0A400101u

static void require_readable(const uint8_t *message, size_t length)
{
    struct dns_header header;
    struct dns_reader r;
    REQUIRE(dns_read_header(&r, message, length, &header));
    for (unsigned i = 0; i < header.questions; i++) {
        struct dns_question question;
        REQUIRE(dns_read_question(&r, &question));
    }
    unsigned records = (unsigned)header.answers + header.authorities + header.additionals;
    for (unsigned i = 0; i < records; i++) {
        struct dns_record record;
        REQUIRE(dns_read_record(&r, &record));
    }
    REQUIRE(r.at == length);
}

static void fuzz_dnsd(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"plugnet.home.arpa", "plugnet.local", NULL};
    static const struct dnsd_config config = {names, ADDRESS};
    uint8_t reply[DNSD_REPLY_MAX + 1];
    struct dnsd server;
    dnsd_init(&server, &config);
    reply[DNSD_REPLY_MAX] = 0x77;
    size_t length = dnsd_answer(&server, data, size, reply, DNSD_REPLY_MAX);
    REQUIRE(reply[DNSD_REPLY_MAX] == 0x77 && length <= DNSD_REPLY_MAX);
    if (length > 0) {
        REQUIRE(size >= 12 && memcmp(reply, data, 2) == 0 && (reply[2] & 0x80) != 0);
        require_readable(reply, length);
    }
}

static void fuzz_mdnsd(const uint8_t *data, size_t size)
{
    char names[2][MDNSD_NAME_MAX];
    const struct mdnsd_config config = {"plugnet", "plugnet-1a2b", ADDRESS,  0xFFFFFFF8u,
                                        80,        "path=/",       names[0], names[1]};
    uint8_t reply[MDNSD_MESSAGE_MAX];
    struct mdnsd responder;
    uint32_t now = 1000;
    mdnsd_init(&responder, &config);
    mdnsd_start(&responder, now, 0);
    while (size >= 2) {
        struct mdnsd_peer peer = {ADDRESS + 1, (data[0] & 1) != 0 ? 5353 : 4000, (data[0] & 2) != 0}, to;
        size_t part = data[1] < size - 2 ? data[1] : size - 2, length;
        now += data[0] * 8u;
        for (int i = 0; i < 8 && mdnsd_due(&responder, now); i++)
            if ((length = mdnsd_poll(&responder, now, reply, sizeof reply)) > 0)
                require_readable(reply, length);
        uint8_t *copy = malloc(part + 1);
        memcpy(copy, data + 2, part);
        length = mdnsd_receive(&responder, now, data[0], copy, part, &peer, reply, sizeof reply, &to);
        free(copy);
        if (length > 0)
            require_readable(reply, length);
        REQUIRE(strncmp(names[1], "plugnet-1a2b", 12) == 0);
        data += 2 + part;
        size -= 2 + part;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 'm')
        fuzz_mdnsd(data + 1, size - 1);
    else
        fuzz_dnsd(data + 1, size - 1);
    return 0;
}
