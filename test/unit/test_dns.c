/*
 * DNS: names and messages laid out by hand, and what the server must decide (facts.md F3).
 *
 * LINK: wire/dns_msg.c wire/text.c net/dnsd.c
 */
/* SPDX-License-Identifier: MIT */
#include "net/dnsd.h"
#include "test/test.h"
#include "wire/be.h"
#include "wire/dns_msg.h"

#define ADDRESS 0x0A400101u /* 10.64.1.1 */

static const char *const names[] = {"plugnet.home.arpa", "plugnet.local", "10.64.1.1", NULL};
static const struct dnsd_config config = {names, ADDRESS};
static struct dnsd server;
static uint8_t message[1024];
static size_t length;
static uint8_t reply[DNSD_REPLY_MAX];

static void begin(uint16_t id, uint16_t flags)
{
    dnsd_init(&server, &config);
    memset(message, 0, sizeof message);
    store_be16(message, id);
    store_be16(message + 2, flags);
    length = 12;
}

/* A question; `name` in wire form with its length. */
static void question(const char *name, size_t name_length, uint16_t type, uint16_t class)
{
    message[5]++;
    memcpy(message + length, name, name_length);
    store_be16(message + length + name_length, type);
    store_be16(message + length + name_length + 2, class);
    length += name_length + 4;
}

#define HOME                                                                                                 \
    "\x07plugnet\x04home\x04"                                                                                \
    "arpa"
#define QUESTION(NAME, TYPE) question(NAME, sizeof NAME, TYPE, 1)

static void opt(uint8_t version)
{
    memcpy(message + length, "\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x00", 11);
    message[length + 6] = version;
    length += 11;
    message[11]++;
}

static size_t answer(void)
{
    memset(reply, 0xEE, sizeof reply);
    return dnsd_answer(&server, message, length, reply, sizeof reply);
}

static unsigned rcode(void)
{
    return reply[3] & 15u;
}

TEST(dns_own_name)
{
    begin(0xABCD, 0x0100);
    QUESTION(HOME, DNS_A);
    CHECK_EQUAL(answer(), 12 + 19 + 4 + 16);
    CHECK_BYTES(reply, "\xAB\xCD\x85\x00\x00\x01\x00\x01\x00\x00\x00\x00", 12); /* QR AA RD */
    CHECK_BYTES(reply + 12, message + 12, 23);
    CHECK_BYTES(reply + 35, "\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x3C\x00\x04\x0A\x40\x01\x01", 16);
    CHECK_EQUAL(server.stats.answered, 1);
}

TEST(dns_case_is_kept_and_does_not_matter)
{
    begin(1, 0);
    QUESTION("\x07pLuGnEt\x04HOME\x04"
             "aRPA",
             DNS_A);
    CHECK_EQUAL(answer(), 51);
    CHECK_EQUAL(reply[7], 1);
    CHECK_BYTES(reply + 12, message + 12, 23);
}

TEST(dns_every_own_name)
{
    begin(1, 0);
    QUESTION("\x07plugnet\x05local", DNS_A);
    answer();
    CHECK_EQUAL(reply[7], 1);
}

TEST(dns_other_types_have_no_data_with_authority)
{
    static const uint16_t types[] = {DNS_AAAA, 65 /* HTTPS */, 64 /* SVCB */, 15 /* MX */, 6 /* SOA */, 2,
                                     48};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        begin(1, 0x0100);
        QUESTION(HOME, types[i]);
        CHECK_EQUAL(answer(), 35);
        CHECK_EQUAL(load_be16(reply + 2), 0x8500);
        CHECK_EQUAL(reply[7], 0);
        CHECK_EQUAL(server.stats.no_data, 1);
    }
}

TEST(dns_foreign_names_are_refused)
{
    static const char *const foreign[] = {
        "\x07"
        "example\x03"
        "com",
        "\x04home\x04"
        "arpa",
        "\x01x\x07plugnet\x04home\x04"
        "arpa",
        "\x07plugnet",
        "\x0Cplugnet.home\x04"
        "arpa", /* a dot inside a label isn't a border */
    };
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        begin(1, 0x0100);
        question(foreign[i], strlen(foreign[i]) + 1, DNS_A, 1);
        CHECK(answer() > 12);
        CHECK_EQUAL(load_be16(reply + 2), 0x8105);
        CHECK_EQUAL(reply[7], 0);
        CHECK_EQUAL(server.stats.refused, 1);
    }
    begin(1, 0);
    QUESTION("", DNS_A); /* the root */
    answer();
    CHECK_EQUAL(rcode(), DNS_REFUSED);
}

TEST(dns_transfers_and_classes_are_refused)
{
    begin(1, 0);
    QUESTION(HOME, DNS_AXFR);
    answer();
    CHECK_EQUAL(rcode(), DNS_REFUSED);
    begin(1, 0);
    question(HOME, sizeof HOME, DNS_TXT, 3); /* chaos */
    answer();
    CHECK_EQUAL(rcode(), DNS_REFUSED);
}

TEST(dns_any_gives_the_address)
{
    begin(1, 0);
    QUESTION(HOME, DNS_ANY);
    answer();
    CHECK_EQUAL(reply[7], 1);
    CHECK_EQUAL(load_be16(reply + 37), DNS_A);
}

TEST(dns_reverse)
{
    begin(1, 0);
    QUESTION("\x01"
             "1\x01"
             "1\x02"
             "64\x02"
             "10\x07in-addr\x04"
             "arpa",
             DNS_PTR);
    size_t n = answer();
    CHECK_EQUAL(reply[7], 1);
    CHECK_BYTES(reply + n - 19, HOME, 19);
    CHECK_EQUAL(load_be16(reply + n - 21), 19);
    begin(1, 0);
    QUESTION("\x01"
             "2\x01"
             "1\x02"
             "64\x02"
             "10\x07in-addr\x04"
             "arpa",
             DNS_PTR);
    answer();
    CHECK_EQUAL(rcode(), DNS_REFUSED);
}

TEST(dns_edns_is_answered)
{
    begin(1, 0);
    QUESTION(HOME, DNS_A);
    opt(0);
    size_t n = answer();
    CHECK_EQUAL(n, 51 + 11);
    CHECK_EQUAL(reply[11], 1);
    CHECK_BYTES(reply + 51, "\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x00", 11);
    begin(1, 0);
    QUESTION(HOME, DNS_A);
    opt(1);
    n = answer();
    CHECK_EQUAL(rcode(), 0);
    CHECK_EQUAL(reply[7], 0);
    CHECK_EQUAL(reply[n - 6], 1); /* extended code 16: BADVERS */
    begin(1, 0);
    QUESTION(HOME, DNS_A);
    opt(0);
    opt(0);
    CHECK_EQUAL(answer(), 12);
    CHECK_EQUAL(rcode(), DNS_FORMERR);
}

TEST(dns_opcodes_are_not_implemented)
{
    begin(0x1234, 0x2000);
    QUESTION(HOME, DNS_A);
    CHECK_EQUAL(answer(), 12);
    CHECK_EQUAL(load_be16(reply), 0x1234);
    CHECK_EQUAL(load_be16(reply + 2), 0xA004);
}

TEST(dns_question_counts)
{
    begin(1, 0);
    CHECK_EQUAL(answer(), 12);
    CHECK_EQUAL(rcode(), DNS_FORMERR);
    begin(1, 0);
    QUESTION(HOME, DNS_A);
    QUESTION(HOME, DNS_AAAA);
    CHECK_EQUAL(answer(), 12);
    CHECK_EQUAL(rcode(), DNS_FORMERR);
    begin(1, 0);
    QUESTION(HOME, DNS_A);
    message[6] = 0xFF; /* 65,280 answers promised */
    CHECK_EQUAL(answer(), 12);
    CHECK_EQUAL(rcode(), DNS_FORMERR);
}

TEST(dns_answers_and_runts_get_silence)
{
    begin(1, 0x8000);
    QUESTION(HOME, DNS_A);
    CHECK_EQUAL(answer(), 0);
    begin(1, 0);
    for (length = 0; length < 12; length++)
        CHECK_EQUAL(answer(), 0);
    CHECK_EQUAL(server.stats.malformed, 12);
}

TEST(dns_every_truncation_is_a_format_error)
{
    begin(1, 0);
    QUESTION(HOME, DNS_A);
    opt(0);
    size_t whole = length;
    for (size_t cut = 12; cut < whole; cut++) {
        uint8_t *copy = malloc(cut);
        memcpy(copy, message, cut);
        size_t n = dnsd_answer(&server, copy, cut, reply, sizeof reply);
        free(copy);
        CHECK_EQUAL(n, 12);
        CHECK_EQUAL(rcode(), DNS_FORMERR);
    }
}

TEST(dns_pointers_are_bounded)
{
    begin(1, 0);
    QUESTION("\xC0\x0C", DNS_A); /* points at itself */
    CHECK_EQUAL(answer(), 12);
    CHECK_EQUAL(rcode(), DNS_FORMERR);
    begin(1, 0);
    QUESTION("\x01"
             "a\xC0\x0C",
             DNS_A); /* points back to its own begin */
    CHECK_EQUAL(answer(), 12);
    begin(1, 0);
    QUESTION("\xC0\x20", DNS_A); /* ahead */
    CHECK_EQUAL(answer(), 12);
    begin(1, 0);
    QUESTION("\xC0\x00", DNS_A); /* into the header */
    CHECK_EQUAL(answer(), 12);
    begin(1, 0);
    QUESTION("\x40"
             "a",
             DNS_A); /* a label type that never was */
    CHECK_EQUAL(answer(), 12);
    CHECK_EQUAL(server.stats.malformed, 1);
}

TEST(dns_names_of_more_than_255_bytes_are_malformed)
{
    char name[300];
    memset(name, 1, sizeof name);
    for (size_t i = 0; i < 300; i += 2)
        name[i + 1] = 'a';
    name[256] = 0; /* 257 bytes with the end */
    begin(1, 0);
    question(name, 257, DNS_A, 1);
    CHECK_EQUAL(answer(), 12);
    name[254] = 0; /* 255: the most there may be */
    begin(1, 0);
    question(name, 255, DNS_A, 1);
    CHECK_EQUAL(answer(), 12 + 255 + 4);
    CHECK_EQUAL(rcode(), DNS_REFUSED);
}

TEST(dns_names_through_pointers)
{
    /* at 12: "home.arpa", at 23: "plugnet" and a pointer, at 33: a pointer to that */
    static const uint8_t bytes[] = "............\x04home\x04"
                                   "arpa\0\x07plugnet\xC0\x0C\xC0\x17";
    CHECK_EQUAL(dns_name_end(bytes, sizeof bytes - 1, 12), 23);
    CHECK_EQUAL(dns_name_end(bytes, sizeof bytes - 1, 23), 33);
    CHECK_EQUAL(dns_name_end(bytes, sizeof bytes - 1, 33), 35);
    CHECK(dns_name_equal(bytes, sizeof bytes - 1, 33, "Plugnet.Home.arpa"));
    CHECK(!dns_name_equal(bytes, sizeof bytes - 1, 33, "plugnet.home"));
    CHECK(!dns_name_equal(bytes, sizeof bytes - 1, 33, "plugnet.home.arpa.x"));
    CHECK_EQUAL(dns_name_end(bytes, 34, 33), 0); /* half a pointer */
}

TEST(dns_writer_points_back)
{
    struct dns_header header = {.id = 7};
    struct dns_writer w;
    uint8_t out[64];
    dns_write_header(&w, out, sizeof out, &header);
    w.compress = true;
    dns_put_name(&w, "a.b.local");
    dns_put_name(&w, "c.B.local");
    dns_put_name(&w, "a.b.local");
    CHECK_EQUAL(w.length, 12 + 11 + 4 + 2);
    CHECK_BYTES(out + 23,
                "\x01"
                "c\xC0\x0E\xC0\x0C",
                6);
    CHECK(dns_name_equal(out, w.length, 23, "c.b.local"));
}

/* A label that ends behind the message: nothing of it is read there. */
TEST(dns_label_behind_the_end)
{
    for (uint8_t label = 2; label < 8; label++) {
        uint8_t *exact = malloc(15);
        memcpy(exact,
               "............\x03"
               "ab",
               15);
        exact[12] = label;
        CHECK_EQUAL(dns_name_end(exact, 15, 12), 0);
        char name[] = "abcdefgh";
        name[label] = 0;
        CHECK(!dns_name_equal(exact, 15, 12, name));
        exact[12] = 2;
        CHECK(!dns_name_equal(exact, 15, 12, "ab")); /* its end is missing */
        free(exact);
    }
}

TEST(dns_letters)
{
    static const uint8_t bytes[] = "............\x06"
                                   "aAzZ[@";
    CHECK(dns_name_equal(bytes, sizeof bytes, 12, "AaZz[@"));
    CHECK(dns_name_equal(bytes, sizeof bytes, 12, "aazz[@"));
    CHECK(!dns_name_equal(bytes, sizeof bytes, 12, "aazz{@"));
    CHECK(!dns_name_equal(bytes, sizeof bytes, 12, "aazz[`"));
}

/* So many labels are remembered, and only labels: the next name is written whole each time. */
TEST(dns_writer_remembers)
{
    struct dns_header header = {.id = 7};
    struct dns_writer w;
    uint8_t out[256];
    char name[2] = "a";
    dns_write_header(&w, out, sizeof out, &header);
    w.compress = true;
    for (unsigned i = 0; i < DNS_LABELS_MAX; i++, name[0]++) {
        dns_put_name(&w, name);
    }
    size_t before = w.length;
    name[0]--;
    dns_put_name(&w, name);
    CHECK_EQUAL(w.length, before + 2);
    name[0]++;
    dns_put_name(&w, name);
    dns_put_name(&w, name);
    CHECK_EQUAL(w.length, before + 2 + 3 + 3);
    CHECK_EQUAL(w.label_count, DNS_LABELS_MAX);
}

/* A pointer has 14 bits. */
TEST(dns_writer_points_back_so_far)
{
    static uint8_t out[0x4010], filling[0x4000];
    struct dns_header header = {.id = 7};
    for (size_t at = 0x3FFE; at <= 0x4001; at++) {
        struct dns_writer w;
        dns_write_header(&w, out, sizeof out, &header);
        w.compress = true;
        dns_put_bytes(&w, filling, at - 12);
        dns_put_name(&w, "q");
        dns_put_name(&w, "q");
        CHECK(!w.overflow);
        CHECK_EQUAL(w.length, at + 3 + (at < 0x4000 ? 2 : 3));
        CHECK(at >= 0x4000 || load_be16(out + at + 3) == (0xC000 | at));
    }
}

TEST(dns_malformed_name_is_not_copied)
{
    struct dns_header header = {.id = 7};
    struct dns_writer w;
    uint8_t out[64];
    dns_write_header(&w, out, sizeof out, &header);
    dns_put_name_of(&w,
                    (const uint8_t *)"............\x05"
                                     "ab",
                    15, 12);
    CHECK(w.overflow);
}

TEST(dns_longest_reverse_name)
{
    char name[DNS_REVERSE_MAX];
    memset(name, 'x', sizeof name);
    dns_reverse_name(name, 0xFFFFFFFF);
    CHECK_STRING(name, "255.255.255.255.in-addr.arpa");
    memset(name, 'x', sizeof name);
    dns_reverse_name(name, 0);
    CHECK_STRING(name, "0.0.0.0.in-addr.arpa");
}

TEST(dns_writer_stops_at_its_capacity)
{
    struct dns_header header = {.id = 7};
    struct dns_writer w;
    uint8_t out[64];
    for (size_t capacity = 0; capacity < 40; capacity++) {
        memset(out, 0x55, sizeof out);
        dns_write_header(&w, out, capacity, &header);
        dns_record_end(&w, dns_record_begin(&w, "a.b", DNS_A, 1, 60));
        dns_put_u32(&w, 1);
        CHECK_EQUAL(w.overflow, capacity < 12 + 5 + 10 + 4);
        CHECK_EQUAL(out[capacity], 0x55);
    }
}

TEST(dns_label_longer_than_63_is_not_written)
{
    struct dns_header header = {.id = 7};
    struct dns_writer w;
    uint8_t out[128];
    char label[65];
    memset(label, 'x', 64);
    label[64] = 0;
    dns_write_header(&w, out, sizeof out, &header);
    dns_put_name(&w, label);
    CHECK(w.overflow);
}

TEST(dns_two_servers_side_by_side)
{
    static const char *const second_names[] = {"other.home.arpa", NULL};
    static const struct dnsd_config second = {second_names, 0x0A400109};
    struct dnsd a, b;
    begin(1, 0);
    QUESTION(HOME, DNS_A);
    dnsd_init(&a, &config);
    dnsd_init(&b, &second);
    dnsd_answer(&a, message, length, reply, sizeof reply);
    CHECK_EQUAL(rcode(), DNS_NOERROR);
    dnsd_answer(&b, message, length, reply, sizeof reply);
    CHECK_EQUAL(rcode(), DNS_REFUSED);
    CHECK_EQUAL(a.stats.answered + b.stats.refused, 2);
}

TEST_MAIN()
