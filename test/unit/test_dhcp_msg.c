/*
 * DHCP messages (wire/dhcp_msg.h) byte by byte: where a field lies, where an area of options ends, and what finds no room. What is
 * answered to whom is test_dhcp.c's.
 *
 * LINK: wire/dhcp_msg.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "wire/be.h"
#include "wire/dhcp_msg.h"

enum { AT_SNAME = 44, AT_FILE = 108, AT_COOKIE = 236, AT_OPTIONS = 240 };

static uint8_t message[600];
static struct dhcp_request request;

static void begin(void)
{
    memset(message, 0, sizeof message);
    message[0] = 1; /* BOOTREQUEST */
    message[1] = 1;
    message[2] = 6;
    store_be32(message + AT_COOKIE, 0x63825363);
}

/* In memory of its own, so that AddressSanitizer sees a step beyond. The pointers in `request` are dead afterwards. */
static bool parse(size_t length)
{
    uint8_t *exact = malloc(length);
    memcpy(exact, message, length);
    bool good = dhcp_request_parse(exact, length, &request);
    free(exact);
    return good;
}

static bool parse_options(const uint8_t *options, size_t length)
{
    begin();
    memcpy(message + AT_OPTIONS, options, length);
    return parse(AT_OPTIONS + length);
}

TEST(dhcp_msg_least)
{
    begin();
    CHECK(!parse(239));
    CHECK(parse(240)); /* no options: BOOTP */
    CHECK_EQUAL(request.type, 0);
    message[2] = 16;
    CHECK(parse(240));
    CHECK_EQUAL(request.hlen, 16);
    message[2] = 17;
    CHECK(!parse(240));
}

TEST(dhcp_msg_options_end)
{
    CHECK(parse_options((const uint8_t[]){53, 1, 3}, 3)); /* without an end */
    CHECK_EQUAL(request.type, DHCP_REQUEST);
    CHECK(parse_options((const uint8_t[]){53, 1}, 2)); /* cut */
    CHECK_EQUAL(request.type, 0);
    CHECK(parse_options((const uint8_t[]){53}, 1));
    CHECK_EQUAL(request.type, 0);
    CHECK(parse_options((const uint8_t[]){61, 4, 1, 2, 3}, 5));
    CHECK(request.client_id == NULL);
    CHECK(parse_options((const uint8_t[]){255, 1, 0, 53, 1, 3}, 6)); /* behind the end is nothing */
    CHECK_EQUAL(request.type, 0);
    CHECK(parse_options((const uint8_t[]){0, 255, 1, 0, 53, 1, 3}, 7)); /* nor behind a pad and the end */
    CHECK_EQUAL(request.type, 0);
    CHECK(parse_options((const uint8_t[]){0, 0, 53, 1, 3, 0}, 6));
    CHECK_EQUAL(request.type, DHCP_REQUEST);
}

/* Option 52 opens `file` (1), `sname` (2) or both (3), and nothing else does. */
TEST(dhcp_msg_overload)
{
    for (unsigned value = 0; value < 256; value++) {
        for (uint8_t length = 0; length <= 2; length++) {
            bool one = length == 1;
            begin();
            memcpy(message + AT_OPTIONS, (const uint8_t[]){52, length, (uint8_t)value, (uint8_t)value},
                   2u + length);
            message[AT_OPTIONS + 2 + length] = 255;
            memcpy(message + AT_FILE, (const uint8_t[]){54, 4, 10, 1, 2, 3, 255}, 7);
            memcpy(message + AT_SNAME, (const uint8_t[]){50, 4, 10, 1, 2, 4, 255}, 7);
            CHECK(parse(AT_OPTIONS + 3u + length));
            CHECK_EQUAL(request.has_server_id, one && (value == 1 || value == 3));
            CHECK_EQUAL(request.has_requested, one && (value == 2 || value == 3));
        }
    }
    begin();
    memcpy(message + AT_FILE, (const uint8_t[]){54, 4, 10, 1, 2, 3, 255}, 7);
    message[AT_OPTIONS] = 255;
    CHECK(parse(AT_OPTIONS + 1));
    CHECK(!request.has_server_id);
}

/* An area ends with its field: an option that goes on behind it isn't taken. */
TEST(dhcp_msg_overload_ends)
{
    begin();
    memcpy(message + AT_OPTIONS, (const uint8_t[]){52, 1, 3, 255}, 4);
    memcpy(message + AT_COOKIE - 3, (const uint8_t[]){54, 4, 10}, 3);
    memcpy(message + AT_FILE - 6, (const uint8_t[]){50, 4, 10, 1, 2, 4}, 6);
    CHECK(parse(AT_OPTIONS + 4));
    CHECK(!request.has_server_id);
    CHECK(request.has_requested);
    CHECK_EQUAL(request.requested, 0x0A010204);
}

static struct dhcp_writer writer;

/* A reply with room for so many bytes, in memory of its own. */
static uint8_t *reply_begin(size_t capacity, enum dhcp_type type)
{
    uint8_t *bytes = malloc(capacity);
    memset(bytes, 0xEE, capacity);
    dhcp_reply_begin(&writer, bytes, capacity, &request, type, 0x0A010204);
    return bytes;
}

TEST(dhcp_msg_reply)
{
    begin();
    message[1] = 6;
    message[2] = 7;
    store_be32(message + 4, 0xDEADBEEF);
    store_be16(message + 10, 0x0123);
    store_be32(message + 12, 0x0A010209);
    store_be32(message + 24, 0x0A010201);
    for (unsigned i = 0; i < 16; i++) {
        message[28 + i] = (uint8_t)(0x80 + i);
    }
    message[AT_SNAME] = 0xFF; /* isn't the address's */
    CHECK(dhcp_request_parse(message, AT_OPTIONS, &request));
    for (enum dhcp_type type = DHCP_OFFER; type <= DHCP_NAK; type++) {
        uint8_t *bytes = reply_begin(DHCP_REPLY_MIN, type);
        CHECK_EQUAL(dhcp_reply_end(&writer), DHCP_REPLY_MIN);
        CHECK_BYTES(bytes, "\2\6\7\0\xDE\xAD\xBE\xEF\0", 9); /* hops are 0 */
        CHECK_EQUAL(load_be16(bytes + 10), type == DHCP_NAK ? 0x8123 : 0x0123);
        CHECK_EQUAL(load_be32(bytes + 12), type == DHCP_ACK ? 0x0A010209 : 0);
        CHECK_EQUAL(load_be32(bytes + 16), 0x0A010204);
        CHECK_EQUAL(load_be32(bytes + 20), 0);
        CHECK_EQUAL(load_be32(bytes + 24), 0x0A010201);
        CHECK(memcmp(bytes + 28, message + 28, 16) == 0);
        for (size_t i = AT_SNAME; i < AT_COOKIE; i++) {
            CHECK_EQUAL(bytes[i], 0);
        }
        CHECK_EQUAL(load_be32(bytes + AT_COOKIE), 0x63825363);
        CHECK_BYTES(bytes + AT_OPTIONS, ((const uint8_t[]){53, 1, (uint8_t)type, 255, 0}), 5);
        free(bytes);
    }
}

/* Only a refusal by way of a relay is asked to be broadcast; any address is a relay's. */
TEST(dhcp_msg_refusal_by_a_relay)
{
    for (uint32_t giaddr = 0; giaddr < 3; giaddr++) {
        begin();
        store_be32(message + 24, giaddr);
        CHECK(dhcp_request_parse(message, AT_OPTIONS, &request));
        uint8_t *bytes = reply_begin(DHCP_REPLY_MIN, DHCP_NAK);
        CHECK_EQUAL(load_be16(bytes + 10), giaddr != 0 ? 0x8000 : 0);
        free(bytes);
    }
}

/* Options stand one behind the other; the end's byte is kept free; what finds no room costs the reply. */
TEST(dhcp_msg_room)
{
    static const uint8_t data[255] = {7, 8, 9};

    begin();
    CHECK(dhcp_request_parse(message, AT_OPTIONS, &request));
    for (size_t capacity = DHCP_REPLY_MIN; capacity < DHCP_REPLY_MIN + 60; capacity++) {
        size_t room = capacity - AT_OPTIONS - 3 - 1; /* behind the type, without the end */
        for (unsigned length = 0; length < 120; length++) {
            uint8_t *bytes = reply_begin(capacity, DHCP_OFFER);
            dhcp_put_option(&writer, DHCP_OPTION_CLIENT_ID, data, (uint8_t)length);
            CHECK_EQUAL(writer.overflow, 2 + length > room);
            if (!writer.overflow) {
                size_t end = AT_OPTIONS + 3 + 2 + length;
                CHECK_BYTES(bytes + AT_OPTIONS + 3, ((const uint8_t[]){61, (uint8_t)length}), 2);
                CHECK(memcmp(bytes + AT_OPTIONS + 5, data, length) == 0);
                CHECK_EQUAL(dhcp_reply_end(&writer), end + 1 < DHCP_REPLY_MIN ? DHCP_REPLY_MIN : end + 1);
                CHECK_EQUAL(bytes[end], 255);
            } else {
                dhcp_put_option(&writer, DHCP_OPTION_CLIENT_ID, data, 0); /* would have room */
                CHECK_EQUAL(dhcp_reply_end(&writer), 0);
            }
            free(bytes);
        }
    }
    uint8_t *bytes = reply_begin(DHCP_REPLY_MIN - 1, DHCP_OFFER);
    CHECK_EQUAL(dhcp_reply_end(&writer), 0);
    CHECK_EQUAL(bytes[0], 0xEE);
    free(bytes);
}

TEST_MAIN()
