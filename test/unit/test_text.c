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
