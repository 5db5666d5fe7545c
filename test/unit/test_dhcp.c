/*
 * DHCP: messages laid out by hand from RFC 2131's figure, and what the server must decide (facts.md F1, F2).
 *
 * LINK: wire/dhcp_msg.c net/dhcpd.c
 */
/* SPDX-License-Identifier: MIT */
#include "net/dhcpd.h"
#include "test/test.h"
#include "wire/be.h"
#include "wire/dhcp_msg.h"

#define SERVER  0x0A400101u /* 10.64.1.1 */
#define CLIENT  0x0A400102u
#define NETMASK 0xFFFFFFF8u
#define OTHER   0xC0A80142u

static const struct dhcpd_config config = {SERVER, CLIENT, NETMASK, 3600, true};
static struct dhcpd server;
static uint8_t message[1024];
static size_t length;
static uint8_t reply[DHCP_REPLY_MAX];
static struct dhcpd_destination to;

/* A client's message so far: no options. */
static void begin(uint8_t type)
{
    static const uint8_t head[34] = {1, 1, 6, 0, 0xDE, 0xAD, 0xBE, 0xEF, 0,    3,   0, 0,
                                     0, 0, 0, 0, 0,    0,    0,    0,    0,    0,   0, 0,
                                     0, 0, 0, 0, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55};
    memset(message, 0, sizeof message);
    memcpy(message, head, sizeof head);
    store_be32(message + 236, 0x63825363);
    length = 240;
    message[length++] = 53;
    message[length++] = 1;
    message[length++] = type;
}

static void option(uint8_t code, const void *data, uint8_t size)
{
    message[length++] = code;
    message[length++] = size;
    memcpy(message + length, data, size);
    length += size;
}

static void option_u32(uint8_t code, uint32_t value)
{
    uint8_t bytes[4];
    store_be32(bytes, value);
    option(code, bytes, 4);
}

static size_t answer(void)
{
    message[length++] = 255;
    memset(reply, 0xEE, sizeof reply);
    return dhcpd_answer(&server, message, length, reply, sizeof reply, &to);
}

/* An option of the reply; NULL: not there. */
static const uint8_t *find(uint8_t code, size_t reply_length)
{
    for (size_t at = 240; at < reply_length && reply[at] != 255; at += reply[at] == 0 ? 1 : 2 + reply[at + 1])
        if (reply[at] == code)
            return reply + at;
    return NULL;
}

static uint32_t find_u32(uint8_t code, size_t reply_length)
{
    const uint8_t *found = find(code, reply_length);
    return found != NULL && found[1] == 4 ? load_be32(found + 2) : 0;
}

static void fresh(void)
{
    dhcpd_init(&server, &config);
}

TEST(dhcp_discover_is_offered_by_broadcast)
{
    fresh();
    begin(DHCP_DISCOVER);
    size_t n = answer();
    CHECK_EQUAL(n, 300); /* padded */
    CHECK_EQUAL(reply[0], 2);
    CHECK_BYTES(reply + 1, "\x01\x06\x00\xDE\xAD\xBE\xEF", 7);
    CHECK_EQUAL(load_be32(reply + 16), CLIENT);
    CHECK_BYTES(reply + 28, "\x02\x11\x22\x33\x44\x55", 6);
    CHECK_EQUAL(find(53, n)[2], DHCP_OFFER);
    CHECK_EQUAL(find_u32(54, n), SERVER);
    CHECK_EQUAL(find_u32(51, n), 3600);
    CHECK_EQUAL(find_u32(58, n), 1800);
    CHECK_EQUAL(find_u32(59, n), 3150);
    CHECK_EQUAL(find_u32(1, n), NETMASK);
    CHECK_EQUAL(find_u32(6, n), SERVER);
    CHECK_EQUAL(to.address, 0xFFFFFFFF);
    CHECK_EQUAL(to.port, 68);
    CHECK_EQUAL(server.stats.offers, 1);
}

TEST(dhcp_never_offers_what_costs_the_pc_its_internet)
{
    static const uint8_t never[] = {3, 12, 15, 33, 80, 108, 114, 119, 121, 249, 252};
    fresh();
    begin(DHCP_DISCOVER);
    option(55, never, sizeof never); /* asked for, even */
    size_t n = answer();
    for (size_t i = 0; i < sizeof never; i++)
        CHECK(find(never[i], n) == NULL);
}

TEST(dhcp_dns_option_can_be_left_out)
{
    static const struct dhcpd_config quiet = {SERVER, CLIENT, NETMASK, 3600, false};
    dhcpd_init(&server, &quiet);
    begin(DHCP_DISCOVER);
    CHECK(find(6, answer()) == NULL);
}

TEST(dhcp_selecting)
{
    fresh();
    begin(DHCP_REQUEST);
    option_u32(54, SERVER);
    option_u32(50, CLIENT);
    size_t n = answer();
    CHECK_EQUAL(find(53, n)[2], DHCP_ACK);
    CHECK_EQUAL(load_be32(reply + 16), CLIENT);
    CHECK_EQUAL(find_u32(51, n), 3600);
    CHECK_EQUAL(to.address, 0xFFFFFFFF);
    CHECK(server.bound);
    CHECK_BYTES(server.holder, "\x02\x11\x22\x33\x44\x55", 6);
}

TEST(dhcp_selecting_another_server_is_ignored)
{
    fresh();
    begin(DHCP_REQUEST);
    option_u32(54, OTHER);
    option_u32(50, CLIENT);
    CHECK_EQUAL(answer(), 0);
    CHECK_EQUAL(server.stats.ignored, 1);
}

TEST(dhcp_init_reboot_right)
{
    fresh();
    begin(DHCP_REQUEST);
    option_u32(50, CLIENT);
    size_t n = answer();
    CHECK_EQUAL(find(53, n)[2], DHCP_ACK);
}

TEST(dhcp_init_reboot_wrong_is_refused_at_once_by_broadcast)
{
    fresh();
    begin(DHCP_REQUEST);
    option_u32(50, OTHER);
    size_t n = answer();
    CHECK_EQUAL(n, 300);
    CHECK_EQUAL(find(53, n)[2], DHCP_NAK);
    CHECK_EQUAL(find_u32(54, n), SERVER);
    CHECK(find(51, n) == NULL);
    CHECK(find(1, n) == NULL);
    CHECK_EQUAL(load_be32(reply + 16), 0);
    CHECK_EQUAL(to.address, 0xFFFFFFFF);
    CHECK_EQUAL(server.stats.naks, 1);
}

TEST(dhcp_renew_is_answered_where_the_client_is)
{
    fresh();
    begin(DHCP_REQUEST);
    store_be32(message + 12, CLIENT);
    size_t n = answer();
    CHECK_EQUAL(find(53, n)[2], DHCP_ACK);
    CHECK_EQUAL(load_be32(reply + 12), CLIENT);
    CHECK_EQUAL(to.address, CLIENT);
    CHECK_EQUAL(to.port, 68);
}

TEST(dhcp_rebind_of_a_foreign_address_is_refused)
{
    fresh();
    begin(DHCP_REQUEST);
    store_be32(message + 12, OTHER);
    size_t n = answer();
    CHECK_EQUAL(find(53, n)[2], DHCP_NAK);
    CHECK_EQUAL(to.address, 0xFFFFFFFF);
}

TEST(dhcp_last_asker_wins)
{
    fresh();
    begin(DHCP_REQUEST);
    option_u32(50, CLIENT);
    answer();
    begin(DHCP_DISCOVER);
    message[33] = 0x99;
    CHECK_EQUAL(load_be32((answer(), reply + 16)), CLIENT);
    begin(DHCP_REQUEST);
    message[33] = 0x99;
    option_u32(54, SERVER);
    option_u32(50, CLIENT);
    size_t n = answer();
    CHECK_EQUAL(find(53, n)[2], DHCP_ACK);
    CHECK_EQUAL(server.holder[5], 0x99);
}

TEST(dhcp_inform)
{
    fresh();
    begin(DHCP_INFORM);
    store_be32(message + 12, CLIENT);
    size_t n = answer();
    CHECK_EQUAL(find(53, n)[2], DHCP_ACK);
    CHECK(find(51, n) == NULL);
    CHECK_EQUAL(load_be32(reply + 16), 0);
    CHECK_EQUAL(find_u32(1, n), NETMASK);
    CHECK_EQUAL(to.address, CLIENT);
    begin(DHCP_INFORM);
    store_be32(message + 12, OTHER); /* no way to reach that but a broadcast */
    answer();
    CHECK_EQUAL(to.address, 0xFFFFFFFF);
}

TEST(dhcp_decline_and_release_are_counted_and_the_address_offered_again)
{
    fresh();
    begin(DHCP_DECLINE);
    option_u32(50, CLIENT);
    option_u32(54, SERVER);
    CHECK_EQUAL(answer(), 0);
    CHECK_EQUAL(server.stats.declines, 1);
    begin(DHCP_REQUEST);
    option_u32(50, CLIENT);
    answer();
    begin(DHCP_RELEASE);
    option_u32(54, SERVER);
    CHECK_EQUAL(answer(), 0);
    CHECK_EQUAL(server.stats.releases, 1);
    CHECK(!server.bound);
    begin(DHCP_DISCOVER);
    CHECK(answer() > 0);
}

TEST(dhcp_relay_gets_the_reply_on_port_67)
{
    fresh();
    begin(DHCP_DISCOVER);
    message[3] = 1; /* hops */
    store_be32(message + 24, 0x0A400103);
    size_t n = answer();
    CHECK_EQUAL(to.address, 0x0A400103);
    CHECK_EQUAL(to.port, 67);
    CHECK_EQUAL(load_be32(reply + 24), 0x0A400103);
    begin(DHCP_REQUEST);
    store_be32(message + 24, 0x0A400103);
    option_u32(50, OTHER);
    n = answer();
    CHECK_EQUAL(find(53, n)[2], DHCP_NAK);
    CHECK_EQUAL(reply[10] & 0x80, 0x80); /* the relay is to broadcast it */
}

TEST(dhcp_client_id_and_flags_come_back)
{
    static const uint8_t id[] = {1, 2, 0x11, 0x22, 0x33, 0x44, 0x55};
    fresh();
    begin(DHCP_DISCOVER);
    message[10] = 0x80;
    option(61, id, sizeof id);
    size_t n = answer();
    CHECK_EQUAL(load_be16(reply + 10), 0x8000);
    CHECK_EQUAL(find(61, n)[1], sizeof id);
    CHECK_BYTES(find(61, n) + 2, id, sizeof id);
}

TEST(dhcp_longest_client_id_still_fits)
{
    uint8_t id[255];
    memset(id, 7, sizeof id);
    fresh();
    begin(DHCP_DISCOVER);
    option(61, id, sizeof id);
    size_t n = answer();
    CHECK(n > 300 && n <= DHCP_REPLY_MAX);
    CHECK_EQUAL(find(61, n)[1], 255);
}

TEST(dhcp_options_overloaded_into_file_and_sname)
{
    uint8_t both = 3;
    fresh();
    begin(DHCP_REQUEST);
    option(52, &both, 1);
    memcpy(message + 108, "\x32\x04\x0A\x40\x01\x02\xFF", 7); /* option 50 in file */
    memcpy(message + 44, "\x36\x04\x0A\x40\x01\x01\xFF", 7);  /* option 54 in sname */
    size_t n = answer();
    CHECK_EQUAL(find(53, n)[2], DHCP_ACK);
    begin(DHCP_REQUEST);
    option(52, &both, 1);
    memset(message + 108, 0, 128);
    memcpy(message + 108 + 126, "\x32\x04", 2); /* says four bytes behind the end of file */
    CHECK_EQUAL(answer(), 0);                   /* it asks for nothing then */
    begin(DHCP_REQUEST);
    option(52, &both, 1);
    memset(message + 44, 0, 64);
    message[44 + 63] = 50; /* not even a length */
    CHECK_EQUAL(answer(), 0);
    CHECK_EQUAL(server.stats.malformed, 2);
    uint8_t wrong = 4;
    begin(DHCP_DISCOVER);
    option(52, &wrong, 1);
    CHECK(answer() > 0);
    CHECK_EQUAL(server.stats.malformed, 2);
}

TEST(dhcp_overload_inside_overload_is_no_loop)
{
    uint8_t file = 1;
    fresh();
    begin(DHCP_DISCOVER);
    option(52, &file, 1);
    memcpy(message + 108, "\x34\x01\x03\xFF", 4);
    CHECK(answer() > 0);
}

TEST(dhcp_max_size_is_read)
{
    struct dhcp_request r;
    uint8_t size[2] = {0, 1};
    begin(DHCP_DISCOVER);
    option(57, size, 2);
    message[length++] = 255;
    CHECK(dhcp_request_parse(message, length, &r));
    CHECK_EQUAL(r.max_size, 0); /* less than each client must take */
    begin(DHCP_DISCOVER);
    option(57, "\x02\x40", 2);
    CHECK(dhcp_request_parse(message, length, &r));
    CHECK_EQUAL(r.max_size, 576);
    begin(DHCP_DISCOVER);
    option(57, "\x05\xDC", 2);
    CHECK(dhcp_request_parse(message, length, &r));
    CHECK_EQUAL(r.max_size, 1500);
}

/* Each option of each wrong length costs itself alone: the message is answered as if it weren't there. */
TEST(dhcp_wrong_option_lengths_cost_the_option_alone)
{
    static const struct {
        uint8_t code, length_first, length_last;
    } wrong[] = {{50, 0, 3}, {50, 5, 8}, {54, 0, 3}, {54, 5, 8}, {57, 0, 1},
                 {57, 3, 8}, {61, 0, 1}, {52, 0, 0}, {52, 2, 8}, {53, 0, 0}};
    static const uint8_t ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    unsigned acks = 0;
    fresh();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        for (uint8_t size = wrong[i].length_first; size <= wrong[i].length_last; size++) {
            begin(DHCP_REQUEST);
            option(wrong[i].code, ones, size);
            option_u32(54, SERVER);
            option_u32(50, CLIENT);
            size_t n = answer();
            CHECK(n > 0);
            CHECK_EQUAL(find(53, n)[2], DHCP_ACK);
            CHECK(find(61, n) == NULL);
            CHECK_EQUAL(server.stats.acks, ++acks);
        }
    }
    CHECK_EQUAL(server.stats.malformed, 0);
}

TEST(dhcp_without_a_known_type_nothing_is_said)
{
    fresh();
    begin(DHCP_DISCOVER);
    message[241] = 2; /* a message type of two bytes */
    message[243] = 0;
    length++;
    CHECK_EQUAL(answer(), 0);
    begin(9);
    CHECK_EQUAL(answer(), 0);
    begin(0);
    CHECK_EQUAL(answer(), 0);
    CHECK_EQUAL(server.stats.ignored, 3);
}

/* A client ID that the standard allows comes back; a shorter one is as good as none (RFC 2132: at least 2 bytes). */
TEST(dhcp_client_id_of_every_length)
{
    static const uint8_t id[255] = {1, 2, 3};
    fresh();
    for (unsigned size = 0; size <= 255; size++) {
        begin(DHCP_DISCOVER);
        option(61, id, (uint8_t)size);
        size_t n = answer();
        CHECK(n > 0);
        CHECK(size < 2 ? find(61, n) == NULL : find(61, n) != NULL && find(61, n)[1] == size);
    }
}

TEST(dhcp_largest_message_of_every_size)
{
    for (unsigned size = 0; size <= 0xFFFF; size += size < 600 ? 1 : 331) {
        uint8_t bytes[2];
        struct dhcp_request r;
        fresh();
        begin(DHCP_DISCOVER);
        store_be16(bytes, (uint16_t)size);
        option(57, bytes, 2);
        CHECK(answer() > 0);
        CHECK(dhcp_request_parse(message, length, &r));
        CHECK_EQUAL(r.max_size, size < 576 ? 0 : size);
    }
}

/* Bytes behind the options: without an end, any one byte, or half an option. */
TEST(dhcp_trailing_bytes_cost_nothing)
{
    fresh();
    for (unsigned tail = 0; tail < 3; tail++) {
        for (unsigned value = 0; value < 256; value++) {
            begin(DHCP_REQUEST);
            option_u32(54, SERVER);
            option_u32(50, CLIENT);
            if (tail > 0)
                message[length++] = (uint8_t)value;
            if (tail > 1)
                message[length++] = 200;    /* bytes that aren't there */
            uint8_t *copy = malloc(length); /* exactly so long, for the sanitizer */
            memcpy(copy, message, length);
            size_t n = dhcpd_answer(&server, copy, length, reply, sizeof reply, &to);
            free(copy);
            CHECK(n > 0);
            CHECK_EQUAL(find(53, n)[2], DHCP_ACK);
        }
    }
    CHECK_EQUAL(server.stats.malformed, 0);
}

TEST(dhcp_every_truncation_is_survived)
{
    fresh();
    begin(DHCP_REQUEST);
    option_u32(54, SERVER);
    option_u32(50, CLIENT);
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *copy = malloc(cut + 1); /* so that the sanitizer sees one byte too far */
        memcpy(copy, message, cut);
        size_t n = dhcpd_answer(&server, copy, cut, reply, sizeof reply, &to);
        free(copy);
        CHECK(cut >= 240 || n == 0);
    }
    CHECK(server.stats.malformed >= 240);
    CHECK(answer() > 0); /* the whole one */
}

TEST(dhcp_foreign_messages_are_not_for_us)
{
    fresh();
    begin(DHCP_DISCOVER);
    message[0] = 2; /* a reply */
    CHECK_EQUAL(answer(), 0);
    begin(DHCP_DISCOVER);
    message[2] = 17; /* hardware address longer than its field */
    CHECK_EQUAL(answer(), 0);
    begin(DHCP_DISCOVER);
    message[236] = 0;
    CHECK_EQUAL(answer(), 0);
    CHECK_EQUAL(server.stats.malformed, 3);
    begin(DHCP_OFFER);
    CHECK_EQUAL(answer(), 0);
    begin(DHCP_DISCOVER);
    length = 240; /* BOOTP */
    CHECK_EQUAL(answer(), 0);
    CHECK_EQUAL(server.stats.ignored, 2);
    begin(DHCP_REQUEST); /* asks for nothing */
    CHECK_EQUAL(answer(), 0);
    CHECK_EQUAL(server.stats.malformed, 4);
}

TEST(dhcp_reply_needs_its_room)
{
    fresh();
    begin(DHCP_DISCOVER);
    message[length++] = 255;
    CHECK_EQUAL(dhcpd_answer(&server, message, length, reply, 299, &to), 0);
    CHECK_EQUAL(dhcpd_answer(&server, message, length, reply, 300, &to), 300);
}

TEST(dhcp_two_servers_side_by_side)
{
    static const struct dhcpd_config second = {OTHER, OTHER + 1, 0xFFFFFF00u, 60, false};
    struct dhcpd a, b;
    dhcpd_init(&a, &config);
    dhcpd_init(&b, &second);
    begin(DHCP_DISCOVER);
    message[length++] = 255;
    dhcpd_answer(&a, message, length, reply, sizeof reply, &to);
    CHECK_EQUAL(load_be32(reply + 16), CLIENT);
    dhcpd_answer(&b, message, length, reply, sizeof reply, &to);
    CHECK_EQUAL(load_be32(reply + 16), OTHER + 1);
    CHECK_EQUAL(a.stats.offers, 1);
    CHECK_EQUAL(b.stats.offers, 1);
}

TEST_MAIN()
