/*
 * Multicast DNS: probing, announcing, answering, giving way (facts.md F3), message by message.
 *
 * LINK: wire/dns_msg.c wire/text.c net/mdnsd.c
 */
/* SPDX-License-Identifier: MIT */
#include "net/mdnsd.h"
#include "test/test.h"
#include "wire/be.h"
#include "wire/dns_msg.h"

#define ADDRESS 0x0A400101u /* 10.64.1.1 */
#define PC      0x0A400102u

static char short_name[MDNSD_NAME_MAX], unique_name[MDNSD_NAME_MAX];
static const struct mdnsd_config config = {"plugnet", "plugnet-1a2b", ADDRESS,    0xFFFFFFF8u,
                                           80,        "path=/",       short_name, unique_name};
static struct mdnsd d;
static uint32_t now;
static uint8_t out[MDNSD_MESSAGE_MAX];
static size_t out_length;
static struct mdnsd_peer to;
static const struct mdnsd_peer pc = {PC, 5353, false};

/* The message in hand. */
static uint8_t message[1500];
static struct dns_writer w;

static void begin(uint16_t flags)
{
    struct dns_header header = {.flags = flags};
    dns_write_header(&w, message, sizeof message, &header);
}

static void ask(const char *name, uint16_t type, uint16_t class)
{
    dns_put_question(&w, name, type, class);
    message[5]++;
}

/* A record into section 1 (answers) or 2 (authorities). */
static void record_a(unsigned section, const char *name, uint32_t ttl, uint32_t address)
{
    size_t at = dns_record_begin(&w, name, DNS_A, DNS_CLASS_IN, ttl);
    dns_put_u32(&w, address);
    dns_record_end(&w, at);
    message[5 + 2 * section]++;
}

static void record_ptr(unsigned section, const char *name, uint32_t ttl, const char *target)
{
    size_t at = dns_record_begin(&w, name, DNS_PTR, DNS_CLASS_IN, ttl);
    dns_put_name(&w, target);
    dns_record_end(&w, at);
    message[5 + 2 * section]++;
}

static size_t receive_from(const struct mdnsd_peer *from)
{
    uint8_t *copy = malloc(w.length); /* exactly so long, for the sanitizer */
    memcpy(copy, message, w.length);
    out_length = mdnsd_receive(&d, now, 0, copy, w.length, from, out, sizeof out, &to);
    free(copy);
    return out_length;
}

static size_t receive(void)
{
    return receive_from(&pc);
}

static size_t poll_after(uint32_t ms)
{
    now += ms;
    out_length = mdnsd_poll(&d, now, out, sizeof out);
    return out_length;
}

/* How many records of this type and name the output has; the whole of it must be well-formed. */
static int count(unsigned section, const char *name, uint16_t type)
{
    struct dns_header header;
    struct dns_reader r;
    struct dns_question q;
    struct dns_record record;
    int found = 0;
    if (out_length == 0 || !dns_read_header(&r, out, out_length, &header))
        return -1;
    uint16_t counts[4] = {header.questions, header.answers, header.authorities, header.additionals};
    for (unsigned i = 0; i < header.questions; i++)
        if (!dns_read_question(&r, &q))
            return -1;
    for (unsigned s = 1; s < 4; s++)
        for (unsigned i = 0; i < counts[s]; i++) {
            if (!dns_read_record(&r, &record))
                return -1;
            found +=
                s == section && record.type == type && dns_name_equal(out, out_length, record.name, name);
        }
    return r.at == out_length ? found : -1;
}

/* The times to live of the records in the output. */
static unsigned lives_of(uint32_t ttl[], unsigned most)
{
    struct dns_header header;
    struct dns_reader r;
    struct dns_record record;
    unsigned found = 0;
    if (!dns_read_header(&r, out, out_length, &header))
        return 0;
    while (found < most && dns_read_record(&r, &record))
        ttl[found++] = record.ttl;
    return found;
}

static void fresh(void)
{
    now = 1000000;
    mdnsd_init(&d, &config);
    mdnsd_start(&d, now, 0);
}

static void running(void)
{
    fresh();
    for (int i = 0; i < 40 && d.state != MDNSD_RUNNING; i++)
        poll_after(250);
    CHECK_EQUAL(d.state, MDNSD_RUNNING);
    poll_after(5000); /* nothing was multicast lately */
}

TEST(mdns_probes_then_announces)
{
    fresh();
    for (int i = 0; i < 3; i++) {
        CHECK(poll_after(i == 0 ? 0 : 250) > 0);
        CHECK_EQUAL(load_be16(out + 2), 0);
        CHECK_EQUAL(load_be16(out + 4), 3);
        CHECK_EQUAL(count(2, "plugnet.local", DNS_A), 1);
        CHECK_EQUAL(count(2, "plugnet-1a2b.local", DNS_A), 1);
        CHECK_EQUAL(count(2, "plugnet-1a2b._http._tcp.local", DNS_SRV), 1);
        CHECK(!mdnsd_due(&d, now + 249));
    }
    for (int i = 0; i < 2; i++) {
        CHECK(poll_after(i == 0 ? 250 : 1000) > 0);
        CHECK_EQUAL(load_be16(out + 2), 0x8400);
        CHECK_EQUAL(load_be16(out + 6), 10);
        CHECK_EQUAL(count(1, "plugnet.local", DNS_A), 1);
        CHECK_EQUAL(count(1, "plugnet.local", DNS_NSEC), 1);
        CHECK_EQUAL(count(1, "1.1.64.10.in-addr.arpa", DNS_PTR), 1);
        CHECK_EQUAL(count(1, "_services._dns-sd._udp.local", DNS_PTR), 1);
        CHECK_EQUAL(count(1, "_http._tcp.local", DNS_PTR), 1);
        CHECK_EQUAL(count(1, "plugnet-1a2b._http._tcp.local", DNS_TXT), 1);
    }
    CHECK_EQUAL(d.state, MDNSD_RUNNING);
    CHECK_EQUAL(poll_after(10000), 0);
    CHECK_EQUAL(d.stats.probes, 3);
    CHECK_EQUAL(d.stats.announcements, 2);
}

TEST(mdns_says_nothing_before_its_names_are_sure)
{
    fresh();
    poll_after(0);
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    CHECK_EQUAL(receive(), 0);
}

TEST(mdns_answers_an_address_bit_for_bit)
{
    static const uint8_t wanted[] = {
        0, 0,    0x84, 0,   0,   0,    0, 1, 0, 0,    0,   1, 7, 'p',  'l', 'u', 'g', 'n',  'e', 't',
        5, 'l',  'o',  'c', 'a', 'l',  0, 0, 1, 0x80, 1,   0, 0, 0,    120, 0,   4,   10,   64,  1,
        1, 0xC0, 12,   0,   47,  0x80, 1, 0, 0, 0,    120, 0, 5, 0xC0, 12,  0,   1,   0x40,
    };
    running();
    begin(0);
    ask("PlugNet.local", DNS_A, 1);
    CHECK_EQUAL(receive(), sizeof wanted);
    CHECK_BYTES(out, wanted, sizeof wanted);
    CHECK_EQUAL(to.address, MDNSD_GROUP);
    CHECK_EQUAL(to.port, 5353);
}

TEST(mdns_absent_aaaa_is_denied)
{
    running();
    begin(0);
    ask("plugnet-1a2b.local", DNS_AAAA, 1);
    receive();
    CHECK_EQUAL(count(1, "plugnet-1a2b.local", DNS_NSEC), 1);
    CHECK_EQUAL(count(1, "plugnet-1a2b.local", DNS_A), 0);
    CHECK_EQUAL(count(3, "plugnet-1a2b.local", DNS_A), 1);
}

TEST(mdns_both_types_in_one_query)
{
    running();
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    ask("plugnet.local", DNS_AAAA, 1);
    receive();
    CHECK_EQUAL(count(1, "plugnet.local", DNS_A), 1);
    CHECK_EQUAL(count(1, "plugnet.local", DNS_NSEC), 1);
}

TEST(mdns_service_browsing_waits_a_little)
{
    running();
    begin(0);
    ask("_http._tcp.local", DNS_PTR, 1);
    CHECK_EQUAL(receive(), 0);
    CHECK_EQUAL(poll_after(19), 0);
    CHECK(poll_after(1) > 0);
    CHECK_EQUAL(count(1, "_http._tcp.local", DNS_PTR), 1);
    CHECK_EQUAL(count(3, "plugnet-1a2b._http._tcp.local", DNS_SRV), 1);
    CHECK_EQUAL(count(3, "plugnet-1a2b._http._tcp.local", DNS_TXT), 1);
    CHECK_EQUAL(count(3, "plugnet-1a2b.local", DNS_A), 1);
    CHECK_EQUAL(poll_after(1000), 0);
}

TEST(mdns_service_details)
{
    running();
    begin(0);
    ask("plugnet-1a2b._http._tcp.local", DNS_SRV, 1);
    receive();
    CHECK_EQUAL(count(1, "plugnet-1a2b._http._tcp.local", DNS_SRV), 1);
    begin(0);
    ask("1.1.64.10.in-addr.arpa", DNS_PTR, 1);
    receive();
    CHECK_EQUAL(count(1, "1.1.64.10.in-addr.arpa", DNS_PTR), 1);
    begin(0);
    ask("_services._dns-sd._udp.local", DNS_ANY, 255);
    receive();
    poll_after(200);
    CHECK_EQUAL(count(1, "_services._dns-sd._udp.local", DNS_PTR), 1);
}

TEST(mdns_known_answers_are_not_repeated)
{
    running();
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    record_a(1, "plugnet.local", 100, ADDRESS);
    CHECK_EQUAL(receive(), 0);
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    record_a(1, "plugnet.local", 59, ADDRESS); /* too old: less than half its life is left */
    CHECK(receive() > 0);
    poll_after(5000);
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    record_a(1, "plugnet.local", 100, ADDRESS + 1); /* known wrongly */
    CHECK(receive() > 0);
    begin(0);
    ask("_http._tcp.local", DNS_PTR, 1);
    record_ptr(1, "_http._tcp.local", 4000, "plugnet-1a2b._http._tcp.local");
    receive();
    CHECK_EQUAL(poll_after(500), 0);
}

TEST(mdns_known_answers_in_a_later_message)
{
    running();
    begin(DNS_FLAG_TRUNCATED);
    ask("_http._tcp.local", DNS_PTR, 1);
    CHECK_EQUAL(receive(), 0);
    CHECK_EQUAL(poll_after(300), 0); /* more may follow */
    begin(0);
    record_ptr(1, "_http._tcp.local", 4000, "plugnet-1a2b._http._tcp.local");
    CHECK_EQUAL(receive(), 0);
    CHECK_EQUAL(poll_after(1000), 0);
}

TEST(mdns_not_twice_a_second)
{
    running();
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    CHECK(receive() > 0);
    now += 500;
    CHECK_EQUAL(receive(), 0);
    now += 500;
    CHECK(receive() > 0);
}

TEST(mdns_a_probe_is_always_answered)
{
    running();
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    CHECK(receive() > 0);
    begin(0);
    ask("plugnet.local", DNS_ANY, 1);
    record_a(2, "plugnet.local", 120, PC);
    CHECK(receive() > 0); /* defends the name although it has just been multicast */
    CHECK_EQUAL(count(1, "plugnet.local", DNS_A), 1);
}

TEST(mdns_unicast_wanted)
{
    running();
    begin(0);
    ask("plugnet.local", DNS_A, 0x8001);
    CHECK(receive() > 0);
    CHECK_EQUAL(to.address, PC);
    CHECK_EQUAL(to.port, 5353);
    CHECK_EQUAL(load_be16(out + 4), 0);
}

TEST(mdns_legacy_resolvers)
{
    struct mdnsd_peer legacy = {PC, 40000, false};
    running();
    begin(0);
    store_be16(message, 0xBEEF);
    ask("plugnet.local", DNS_A, 1);
    CHECK(receive_from(&legacy) > 0);
    CHECK_EQUAL(to.port, 40000);
    CHECK_EQUAL(to.address, PC);
    CHECK_EQUAL(load_be16(out), 0xBEEF);
    CHECK_EQUAL(load_be16(out + 4), 1);
    CHECK_EQUAL(count(1, "plugnet.local", DNS_A), 1);
    CHECK_BYTES(out + out_length - 12, "\x00\x01\x00\x00\x00\x0A\x00\x04\x0A\x40\x01\x01",
                12); /* 10 s, no flush */
}

/* Whichever of its questions is ours is answered, wherever it stands, and its name written out: the question that it pointed
 * into doesn't come back. */
TEST(mdns_legacy_resolvers_with_several_questions)
{
    static const char *const foreign[] = {"printer.local", "example.org", "scanner.local"};
    struct mdnsd_peer legacy = {PC, 40000, false};
    for (unsigned at = 0; at <= 3; at++) {
        running();
        begin(0);
        w.compress = true;
        for (unsigned i = 0; i < 4; i++)
            ask(i == at ? "plugnet.local" : foreign[i > at ? i - 1 : i], DNS_A, 0x8001);
        CHECK(receive_from(&legacy) > 0);
        CHECK_EQUAL(load_be16(out + 4), 1);
        CHECK_EQUAL(count(1, "plugnet.local", DNS_A), 1);
        CHECK(dns_name_equal(out, out_length, 12, "plugnet.local"));
        CHECK_EQUAL(load_be16(out + 12 + 15 + 2), 1); /* the class, without QU */
    }
    begin(0); /* two are ours */
    ask("printer.local", DNS_A, 1);
    ask("plugnet-1a2b.local", DNS_A, 1);
    ask("plugnet.local", DNS_A, 1);
    CHECK(receive_from(&legacy) > 0);
    CHECK_EQUAL(load_be16(out + 4), 2);
    CHECK_EQUAL(count(1, "plugnet.local", DNS_A), 1);
    CHECK_EQUAL(count(1, "plugnet-1a2b.local", DNS_A), 1);
    begin(0); /* as many as are looked at: still an answer */
    for (unsigned i = 0; i < 64; i++)
        ask("plugnet.local", DNS_A, 1);
    CHECK(receive_from(&legacy) > 0);
    CHECK_EQUAL(count(1, "plugnet.local", DNS_A), 1);
}

TEST(mdns_unicast_from_afar_is_not_answered)
{
    struct mdnsd_peer far = {0x08080808, 5353, true}, near = {PC, 5353, true};
    running();
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    CHECK_EQUAL(receive_from(&far), 0);
    CHECK(receive_from(&near) > 0);
    CHECK_EQUAL(to.address, PC);
}

TEST(mdns_foreign_names_classes_and_replies)
{
    running();
    begin(0);
    ask("printer.local", DNS_A, 1);
    ask("plugnet.home.arpa", DNS_A, 1);
    ask("x.plugnet.local", DNS_A, 1);
    CHECK_EQUAL(receive(), 0);
    begin(0);
    ask("plugnet.local", DNS_A, 3);
    CHECK_EQUAL(receive(), 0);
    begin(0x2800); /* opcode */
    ask("plugnet.local", DNS_A, 1);
    CHECK_EQUAL(receive(), 0);
}

TEST(mdns_conflict_while_probing_gives_the_short_name_up)
{
    fresh();
    poll_after(0);
    begin(0x8400);
    record_a(1, "plugnet.local", 120, PC);
    receive();
    CHECK(d.short_lost);
    CHECK_STRING(unique_name, "plugnet-1a2b.local");
    poll_after(250);
    CHECK_EQUAL(load_be16(out + 4), 2); /* asks for two names now */
    for (int i = 0; i < 40 && d.state != MDNSD_RUNNING; i++)
        poll_after(250);
    poll_after(5000);
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    CHECK_EQUAL(receive(), 0);
    begin(0);
    ask("plugnet-1a2b.local", DNS_A, 1);
    CHECK(receive() > 0);
    CHECK_EQUAL(d.stats.conflicts, 1);
}

TEST(mdns_conflict_of_the_unique_name_gives_it_a_number)
{
    fresh();
    poll_after(0);
    begin(0x8400);
    record_a(1, "plugnet-1a2b.local", 120, PC);
    receive();
    CHECK(!d.short_lost);
    CHECK_STRING(unique_name, "plugnet-1a2b-2.local");
    CHECK_STRING(d.instance, "plugnet-1a2b-2._http._tcp.local");
    begin(0x8400);
    record_a(1, "plugnet-1a2b-2.local", 120, PC);
    receive();
    CHECK_STRING(unique_name, "plugnet-1a2b-3.local");
}

TEST(mdns_conflict_while_running_probes_first)
{
    running();
    begin(0x8400);
    record_a(1, "plugnet.local", 120, PC);
    receive();
    CHECK_EQUAL(d.state, MDNSD_PROBING);
    CHECK(!d.short_lost);
    for (int i = 0; i < 40 && d.state != MDNSD_RUNNING; i++)
        poll_after(250); /* nobody objects */
    CHECK(!d.short_lost);
}

TEST(mdns_same_data_is_no_conflict)
{
    running();
    begin(0x8400);
    record_a(1, "plugnet.local", 120, ADDRESS); /* our own, reflected */
    record_a(1, "plugnet.local", 0, PC);        /* a goodbye */
    record_a(1, "other.local", 120, PC);
    receive();
    CHECK_EQUAL(d.stats.conflicts, 0);
    struct mdnsd_peer unprivileged = {PC, 1234, false};
    begin(0x8400);
    record_a(1, "plugnet.local", 120, PC);
    receive_from(&unprivileged);
    CHECK_EQUAL(d.stats.conflicts, 0);
}

TEST(mdns_simultaneous_probes)
{
    fresh();
    poll_after(0);
    begin(0);
    ask("plugnet.local", DNS_ANY, 1);
    record_a(2, "plugnet.local", 120, ADDRESS - 1); /* lesser: we win */
    receive();
    CHECK(mdnsd_due(&d, now + 250));
    CHECK_EQUAL(d.step, 1);
    begin(0);
    ask("plugnet.local", DNS_ANY, 1);
    record_a(2, "plugnet.local", 120, ADDRESS + 1); /* greater: we wait a second and ask again */
    receive();
    CHECK(!mdnsd_due(&d, now + 999));
    CHECK(mdnsd_due(&d, now + 1000));
    CHECK_EQUAL(d.step, 0);
    CHECK(!d.short_lost);
}

static void record_raw(const char *name, uint16_t type, uint16_t class, const void *data, size_t size)
{
    size_t at = dns_record_begin(&w, name, type, class, 120);
    dns_put_bytes(&w, data, size);
    dns_record_end(&w, at);
    message[9]++;
}

static void record_srv(const char *name, uint16_t port, const char *target)
{
    size_t at = dns_record_begin(&w, name, DNS_SRV, DNS_CLASS_IN, 120);
    dns_put_u32(&w, 0);
    dns_put_u16(&w, port);
    dns_put_name(&w, target);
    dns_record_end(&w, at);
    message[9]++;
}

/* A rival's probe begins; what it claims follows. */
static void rival(const char *name)
{
    fresh();
    poll_after(0);
    begin(0);
    w.compress = true;
    ask(name, DNS_ANY, 0x8001);
}

static bool lost(void)
{
    receive();
    return d.step == 0 && !mdnsd_due(&d, now + 999) && mdnsd_due(&d, now + 1000);
}

/* Field case 20: a rival has an AAAA record beside its A. All records of a name, sorted by class, type and data, are
 * compared; the first difference decides (RFC 6762, 8.2). */
TEST(mdns_simultaneous_probes_of_several_records)
{
    static const uint8_t aaaa[16] = {0xFE, 0x80}, below[4] = {10, 0, 0, 1}, above[4] = {11, 0, 0, 1};
    static const uint8_t same[5] = {0x0A, 0x40, 0x01, 0x01, 0};
    rival("plugnet.local"); /* a lesser A beside an AAAA: we win, in either order */
    record_raw("plugnet.local", DNS_A, 1, below, 4);
    record_raw("plugnet.local", DNS_AAAA, 1, aaaa, 16);
    CHECK(!lost());
    rival("plugnet.local");
    record_raw("plugnet.local", DNS_AAAA, 1, aaaa, 16);
    record_raw("plugnet.local", DNS_A, 1, below, 4);
    CHECK(!lost());
    rival("plugnet.local"); /* two addresses: their least one counts */
    record_raw("plugnet.local", DNS_A, 1, above, 4);
    record_raw("plugnet.local", DNS_A, 0x8001, below, 4);
    CHECK(!lost());
    rival("plugnet.local");
    record_raw("plugnet.local", DNS_AAAA, 1, aaaa, 16);
    record_raw("plugnet.local", DNS_A, 0x8001, above, 4);
    CHECK(lost());
    rival("plugnet.local"); /* no A at all: the greater type */
    record_raw("plugnet.local", DNS_AAAA, 1, aaaa, 16);
    CHECK(lost());
    rival("plugnet.local"); /* ours and one more: the longer list */
    record_raw("plugnet.local", DNS_AAAA, 1, aaaa, 16);
    record_raw("plugnet.local", DNS_A, 0x8001, same, 4);
    CHECK(lost());
    rival("plugnet.local"); /* the very same: it is us, or nobody's loss */
    record_raw("plugnet.local", DNS_A, 0x8001, same, 4);
    CHECK(!lost());
    rival("plugnet.local"); /* data that begins as ours, and is longer or shorter */
    record_raw("plugnet.local", DNS_A, 1, same, 5);
    CHECK(lost());
    rival("plugnet.local");
    record_raw("plugnet.local", DNS_A, 1, same, 3);
    CHECK(!lost());
    rival("plugnet.local"); /* a greater class than ours */
    record_raw("plugnet.local", DNS_A, 3, below, 4);
    CHECK(lost());
    rival("other.local"); /* not our name */
    record_raw("other.local", DNS_A, 1, above, 4);
    CHECK(!lost());
}

TEST(mdns_simultaneous_probes_of_the_service)
{
    static const char instance[] = "plugnet-1a2b._http._tcp.local";
    rival(instance); /* names in data count written out, though they come compressed */
    record_srv(instance, 80, "plugnet-1a2b.local");
    record_raw(instance, DNS_TXT, 1, "\6path=/", 7);
    CHECK(!lost());
    rival(instance);
    record_srv(instance, 81, "plugnet-1a2b.local");
    record_raw(instance, DNS_TXT, 0x8001, "\6path=/", 7);
    CHECK(lost());
    rival(instance);
    record_srv(instance, 80, "plugnet-1a2c.local");
    record_raw(instance, DNS_TXT, 1, "\6path=/", 7);
    CHECK(lost());
    rival(instance); /* TXT comes before SRV */
    record_srv(instance, 81, "plugnet-1a2c.local");
    record_raw(instance, DNS_TXT, 1, "\6path-/", 7);
    CHECK(!lost());
    rival(instance); /* a host without TXT */
    record_srv(instance, 1, "a.local");
    CHECK(lost());
    rival(instance); /* names that are malformed, or as long as can be */
    record_raw(instance, DNS_SRV, 1, "\0\0\0\0\0\120\300", 7);
    receive();
    char name[254];
    for (size_t i = 0; i < sizeof name - 1; i++)
        name[i] = i % 50 == 49 ? '.' : 'z';
    name[sizeof name - 1] = 0;
    rival(instance);
    record_srv(instance, 80, name);
    record_raw(instance, DNS_TXT, 1, "\6path=/", 7);
    CHECK(lost());
}

/* Names before the claims: answers that are known don't belong to them. */
TEST(mdns_simultaneous_probe_behind_known_answers)
{
    rival("plugnet.local");
    record_a(1, "plugnet.local", 120, ADDRESS + 1);
    record_a(2, "plugnet.local", 120, ADDRESS - 1);
    CHECK(!lost());
}

TEST(mdns_long_names_fit)
{
    static const struct mdnsd_config longest = {"abcdefghijklmnopqrstuvwxyz012345",
                                                "abcdefghijklmnopqrstuvwxyz012345-1a2b",
                                                ADDRESS,
                                                0xFFFFFFF8u,
                                                8080,
                                                "path=/",
                                                short_name,
                                                unique_name};
    now = 5;
    mdnsd_init(&d, &longest);
    d.suffix = 99;
    mdnsd_start(&d, now, 0);
    for (int i = 0; i < 4; i++) {
        CHECK(poll_after(250) > 0);
        CHECK(count(2, "x", 1) >= 0);
    }
    CHECK_EQUAL(load_be16(out + 6), 10);
}

TEST(mdns_malformed_messages_are_counted)
{
    running();
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    record_a(1, "other.local", 1, 2);
    size_t whole = w.length;
    for (size_t cut = 0; cut < whole; cut++) {
        w.length = cut;
        CHECK_EQUAL(receive(), 0);
    }
    CHECK_EQUAL(d.stats.malformed, whole);
    begin(0);
    message[4] = 0xFF;
    receive();
    begin(0x8400);
    message[6] = 0xFF;
    receive();
    CHECK_EQUAL(d.stats.malformed, whole + 2);
}

TEST(mdns_stops_with_the_link_and_starts_again)
{
    running();
    mdnsd_stop(&d);
    begin(0);
    ask("plugnet.local", DNS_A, 1);
    CHECK_EQUAL(receive(), 0);
    CHECK_EQUAL(poll_after(100000), 0);
    mdnsd_start(&d, now, 0);
    CHECK(poll_after(250) > 0);
    CHECK_EQUAL(d.state, MDNSD_PROBING);
}

TEST(mdns_renamed_says_goodbye)
{
    struct mdnsd_config other = config;
    running();
    d.config = &other;
    out_length = mdnsd_goodbye(&d, out, sizeof out);
    CHECK_EQUAL(count(1, "plugnet.local", DNS_A), 1);
    CHECK_EQUAL(count(1, "plugnet-1a2b.local", DNS_A), 1);
    CHECK_EQUAL(count(1, "_http._tcp.local", DNS_PTR), 1);
    uint32_t ttl[20];
    unsigned records = lives_of(ttl, 20);
    CHECK_EQUAL(records, 10);
    for (unsigned i = 0; i < records; i++)
        CHECK_EQUAL(ttl[i], 0);
    CHECK(!mdnsd_due(&d, now + 10000)); /* silent until it starts again */
    other.label = "pump";
    other.unique_label = "pump-1a2b";
    mdnsd_renamed(&d);
    mdnsd_start(&d, now, 0);
    CHECK_STRING(short_name, "pump.local");
    CHECK_STRING(unique_name, "pump-1a2b.local");
    begin(0);
    ask("plugnet.local", DNS_A, DNS_CLASS_IN);
    CHECK_EQUAL(receive(), 0);
    CHECK(poll_after(250) > 0); /* a probe */
    CHECK_EQUAL(count(2, "pump.local", DNS_A), 1);
    while (d.state != MDNSD_RUNNING)
        poll_after(250);
    poll_after(5000);
    begin(0);
    ask("pump.local", DNS_A, DNS_CLASS_IN);
    CHECK(receive() > 0);
    CHECK_EQUAL(count(1, "pump.local", DNS_A), 1);
    begin(0);
    ask("plugnet.local", DNS_A, DNS_CLASS_IN);
    CHECK_EQUAL(receive(), 0);
}

TEST(mdns_renamed_before_it_announced)
{
    fresh();
    CHECK_EQUAL(mdnsd_goodbye(&d, out, sizeof out), 0);
    mdnsd_renamed(&d);
}

/* Caches have the records while a conflict makes us probe again; under a new unique name only what names it not. */
TEST(mdns_renamed_says_goodbye_while_it_probes_again)
{
    running();
    begin(0x8400);
    record_a(1, "plugnet-1a2b.local", 120, PC);
    receive();
    CHECK_EQUAL(d.state, MDNSD_PROBING);
    struct mdnsd before = d;
    out_length = mdnsd_goodbye(&d, out, sizeof out);
    CHECK(out_length > 0);
    CHECK_EQUAL(count(1, "plugnet.local", DNS_A), 1);
    CHECK_EQUAL(count(1, "plugnet-1a2b.local", DNS_A), 1);
    d = before;
    poll_after(0);
    begin(0x8400);
    record_a(1, "plugnet-1a2b.local", 120, PC);
    receive(); /* while probing: the name is lost */
    CHECK_STRING(unique_name, "plugnet-1a2b-2.local");
    out_length = mdnsd_goodbye(&d, out, sizeof out);
    CHECK_EQUAL(count(1, "plugnet.local", DNS_A), 1);
    CHECK_EQUAL(count(1, "plugnet-1a2b-2.local", DNS_A), 0);
    CHECK_EQUAL(count(1, "plugnet-1a2b.local", DNS_A), 0);
}

/* Twice in a row: the second name was never ours, and may be another's. */
TEST(mdns_renamed_twice_says_goodbye_once)
{
    running();
    CHECK(mdnsd_goodbye(&d, out, sizeof out) > 0);
    mdnsd_renamed(&d);
    mdnsd_start(&d, now, 0);
    CHECK(poll_after(0) > 0);
    CHECK_EQUAL(mdnsd_goodbye(&d, out, sizeof out), 0);
}

TEST(mdns_renamed_tries_the_short_name_again)
{
    fresh();
    d.short_lost = true;
    d.suffix = 3;
    mdnsd_goodbye(&d, out, sizeof out);
    mdnsd_renamed(&d);
    CHECK(!d.short_lost);
    CHECK_STRING(unique_name, "plugnet-1a2b.local");
}

TEST(mdns_conflict_after_a_new_name_reads_no_label_again)
{
    struct mdnsd_config other = config;
    char label[] = "pump";
    running();
    d.config = &other;
    mdnsd_goodbye(&d, out, sizeof out);
    other.label = label;
    other.unique_label = "pump-1a2b";
    mdnsd_renamed(&d);
    mdnsd_start(&d, now, 0);
    memcpy(label, "a b ", 4); /* plugnet_rename has copied it */
    poll_after(0);
    begin(0x8400);
    record_a(1, "pump-1a2b.local", 120, PC);
    receive();
    CHECK_STRING(unique_name, "pump-1a2b-2.local");
    CHECK_STRING(short_name, "pump.local");
}

TEST(mdns_two_responders_side_by_side)
{
    static char names[2][MDNSD_NAME_MAX];
    static const struct mdnsd_config second = {"plugnet", "plugnet-ffff", PC,      0xFFFFFFF8u, 80,
                                               "",        names[0],       names[1]};
    static struct mdnsd other;
    struct mdnsd_peer peer = {PC, 5353, false};
    uint8_t buffer[MDNSD_MESSAGE_MAX];
    running(); /* has plugnet.local */
    mdnsd_init(&other, &second);
    mdnsd_start(&other, now, 0);
    size_t n = mdnsd_poll(&other, now, buffer, sizeof buffer); /* its probe … */
    size_t answer = mdnsd_receive(&d, now, 0, buffer, n, &peer, out, sizeof out, &to);
    CHECK(answer > 0); /* … is answered by us */
    peer.address = ADDRESS;
    mdnsd_receive(&other, now, 0, out, answer, &peer, buffer, sizeof buffer, &to);
    CHECK(other.short_lost);
    CHECK(!d.short_lost);
    CHECK_STRING(names[1], "plugnet-ffff.local");
}

TEST_MAIN()
