/*
 * Text put together and compared (wire/text.h). Both sides of a comparison lie in memory of exactly their length, so that the
 * sanitizer sees one byte too far.
 *
 * LINK: wire/text.c wire/dns_msg.c wire/http_msg.c
 */
/* SPDX-License-Identifier: MIT */
#include "wire/text.h"

#include "test/test.h"
#include "wire/dns_msg.h"
#include "wire/http_msg.h"

static bool equal(const char *bytes, size_t length, const char *string)
{
    char *left = malloc(length + 1), *right = strdup(string);
    memcpy(left + 1, bytes, length);
    bool result = text_equal_nocase(left + 1, length, right);
    free(left);
    free(right);
    return result;
}

TEST(text_equal_whatever_the_case)
{
    CHECK(equal("", 0, ""));
    CHECK(equal("plugnet", 7, "PlugNet"));
    CHECK(equal("@[`{", 4, "@[`{"));
    CHECK(!equal("@", 1, "`"));
    CHECK(!equal("[", 1, "{"));
    CHECK(!equal("a", 1, ""));
    CHECK(!equal("", 0, "a"));
    CHECK(!equal("plug", 4, "plugnet"));
    CHECK(!equal("plugnet", 7, "plug"));
}

/* A zero among the bytes equals nothing, wherever it stands, and whatever follows. */
TEST(text_equal_with_zeros_among_the_bytes)
{
    char bytes[24];
    for (size_t zeros = 1; zeros <= 12; zeros++) {
        for (size_t at = 0; at + zeros <= 12; at++) {
            memcpy(bytes, "plugnet.home", 12);
            memset(bytes + at, 0, zeros);
            CHECK(!equal(bytes, 12, "plugnet.home"));
            bytes[at] = 0;
            char prefix[13] = "plugnet.home";
            prefix[at] = 0;
            CHECK(!equal(bytes, 12, prefix));
            CHECK(!equal(bytes, at + zeros, prefix));
        }
    }
    CHECK(!equal("\0\0\0\0\0\0\0\0", 8, ""));
}

/* Every user of it that gets a host's bytes. */
TEST(text_equal_in_headers)
{
    CHECK_EQUAL(http_header_parse("host\0\0\0\0", 8), HTTP_HEADER_OTHER);
    CHECK_EQUAL(http_header_parse("ho\0t", 4), HTTP_HEADER_OTHER);
    CHECK_EQUAL(http_method_parse("GET\0", 4), 0);
}

/* How many bytes at the front are of a kind, one after the other. */
static size_t run_by_bytes(const char *text, size_t length, unsigned kind)
{
    static const char signs[] = "!#$%&'*+-.^_`|~"; /* RFC 9110 5.6.2: and letters and digits */
    size_t at = 0;
    for (; at < length; at++) {
        uint8_t byte = (uint8_t)text[at];
        bool plain = byte >= ' ' && byte <= '~';
        bool letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        bool token = letter || (byte >= '0' && byte <= '9') || (byte != 0 && strchr(signs, byte) != NULL);
        CHECK_EQUAL(http_is_token(text[at]), token);
        if (!(kind == 0 ? plain : kind == 1 ? plain && byte != ' ' && byte != ',' && byte != '"' : token))
            break;
    }
    return at;
}

static void runs_check(const char *bytes, size_t length)
{
    for (size_t begin = 0; begin < 4; begin++) { /* each alignment; the copy ends where its memory does */
        char *copy = malloc(begin + length);
        memcpy(copy + begin, bytes, length);
        const char *text = copy + begin;
        CHECK_EQUAL(http_plain_length(text, length), run_by_bytes(text, length, 0));
        CHECK_EQUAL(http_dense_length(text, length), run_by_bytes(text, length, 1));
        CHECK_EQUAL(http_name_length(text, length), run_by_bytes(text, length, 2));
        free(copy);
    }
}

/* Four bytes at a time find what one at a time finds: each byte at each place, behind and before every kind of neighbour. */
TEST(text_runs_by_words)
{
    static const char neighbours[] = "aZ-~! ,\"\x7f\x80\xff\x01@[`{\r";
    char bytes[40];
    uint32_t random = 1;

    for (size_t length = 0; length <= 9; length++) {
        for (unsigned other = 0; other < sizeof neighbours; other++) {
            memset(bytes, 'a', sizeof bytes);
            for (unsigned byte = 0; byte < 256 && length > 0; byte++) {
                bytes[length - 1] = (char)byte;
                bytes[length] = bytes[length + 1] = neighbours[other];
                runs_check(bytes, length);
                runs_check(bytes, length + 2);
            }
        }
        runs_check(bytes, length);
    }
    for (unsigned i = 0; i < 20000; i++) {
        for (size_t at = 0; at < sizeof bytes; at++) {
            random = random * 1664525 + 1013904223;
            bytes[at] = random >> 28 != 0 ? (char)('a' + (random >> 20) % 26) : (char)(random >> 16);
        }
        runs_check(bytes, random >> 8 & 31);
    }
}

/* Each header's name, and no other. */
TEST(text_header_names)
{
    static const struct {
        const char *name;
        enum http_header header;
    } names[] = {{"Host", HTTP_HEADER_HOST},
                 {"Origin", HTTP_HEADER_ORIGIN},
                 {"Content-Length", HTTP_HEADER_CONTENT_LENGTH},
                 {"Sec-Fetch-Site", HTTP_HEADER_SEC_FETCH_SITE},
                 {"Range", HTTP_HEADER_RANGE},
                 {"If-Range", HTTP_HEADER_IF_RANGE},
                 {"Access-Control-Request-Method", HTTP_HEADER_REQUEST_METHOD},
                 {"Transfer-Encoding", HTTP_HEADER_TRANSFER_ENCODING},
                 {"Connection", HTTP_HEADER_CONNECTION},
                 {"Upgrade", HTTP_HEADER_UPGRADE},
                 {"Accept", HTTP_HEADER_ACCEPT},
                 {"Expect", HTTP_HEADER_EXPECT},
                 {"If-Match", HTTP_HEADER_IF_MATCH},
                 {"If-None-Match", HTTP_HEADER_IF_NONE_MATCH},
                 {"Accept-Encoding", HTTP_HEADER_ACCEPT_ENCODING}};
    static const char tokens[] = "!#$%&'*+-.^_`|~0189AZaz";

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i].name);
        char *name = malloc(length);
        for (size_t at = 0; at < length; at++) {
            memcpy(name, names[i].name, length);
            CHECK_EQUAL(http_header_parse(name, length), names[i].header);
            for (const char *other = tokens; *other != 0; other++) {
                bool same = *other == names[i].name[at] ||
                            (names[i].name[at] != '-' && (*other ^ 0x20) == names[i].name[at]);
                name[at] = *other;
                CHECK_EQUAL(http_header_parse(name, length), same ? names[i].header : HTTP_HEADER_OTHER);
            }
        }
        for (size_t at = 0; at < length; at++)
            name[at] = (char)(names[i].name[at] == '-' ? '-' : names[i].name[at] ^ 0x20);
        CHECK_EQUAL(http_header_parse(name, length), names[i].header);
        free(name);
    }
}

/* A DNS label may hold any byte. */
TEST(text_equal_in_labels)
{
    static const uint8_t name[] = {0,   0,   0, 0, 0, 0, 0, 0, 0,   0,   0,   0,   9,   'p', 'l',
                                   'u', 'g', 0, 0, 0, 0, 0, 5, 'l', 'o', 'c', 'a', 'l', 0};
    uint8_t *copy = malloc(sizeof name);
    memcpy(copy, name, sizeof name);
    char *ours = strdup("plug");
    CHECK(!dns_name_equal(copy, sizeof name, 12, ours));
    free(ours);
    ours = strdup("plug.local");
    CHECK(!dns_name_equal(copy, sizeof name, 12, ours));
    free(ours);
    copy[14] = '.'; /* a dot inside a label is no border between two */
    ours = strdup("p.ug.local");
    CHECK(!dns_name_equal(copy, sizeof name, 12, ours));
    free(ours);
    free(copy);
}

/* A label of ours that no message can hold: refused, whatever its length is modulo 256. */
TEST(text_labels_too_long_are_refused)
{
    static char name[600];
    for (size_t length = 1; length < sizeof name - 1; length++) {
        uint8_t message[700];
        struct dns_writer w;
        memset(name, 'x', length);
        name[length] = 0;
        dns_write_header(&w, message, sizeof message, &(struct dns_header){0});
        dns_put_name(&w, name);
        CHECK_EQUAL(w.overflow, length > 63);
    }
}

TEST(text_numbers_side_by_side)
{
    static const uint32_t values[] = {0, 42, 4294967295u, 7};
    char bytes[64];
    struct text t = text_over(bytes, sizeof bytes);

    text_put(&t, "{");
    text_put_json_u32s(&t, "a\0used_\0max\0", values);
    text_put_json_u32s(&t, "", values);
    text_put_json_u32s(&t, "last\0", values + 3);
    text_put(&t, "}");
    CHECK(!t.overflow);
    CHECK_EQUAL(t.length, strlen("{\"a\":0,\"used_\":42,\"max\":4294967295,\"last\":7}"));
    CHECK(memcmp(bytes, "{\"a\":0,\"used_\":42,\"max\":4294967295,\"last\":7}", t.length) == 0);
    t.capacity = t.length + 4;
    text_put_json_u32s(&t, "b\0", values);
    CHECK(t.overflow);
}

TEST_MAIN()
