/*
 * UTF-8: every beginning of a character against an encoder, and texts cut everywhere.
 *
 * LINK: wire/utf8.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "wire/utf8.h"

/* Encode a code point, the plain way: the longer forms only where the shorter ones end. */
static size_t encode(uint32_t code, uint8_t out[4])
{
    static const uint8_t marks[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
    out[0] = (uint8_t)(marks[length] | code);
    return length;
}

static bool is_character(uint32_t code)
{
    return code < 0xD800 || (code > 0xDFFF && code <= 0x10FFFF);
}

/* Beginnings of characters, as numbers: what the encoder makes of all characters. */
#define BEGINNINGS (1u << 24)
static uint8_t begins[4][BEGINNINGS / 8];

static uint8_t *begin_byte(unsigned length, const uint8_t *bytes, unsigned *bit)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < length; i++)
        number = number << 8 | bytes[i];
    *bit = number % 8;
    return &begins[length][number / 8];
}

static void begins_make(void)
{
    uint8_t bytes[4];
    unsigned bit;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        if (!is_character(code))
            continue;
        size_t length = encode(code, bytes);
        for (unsigned i = 1; i <= length && i < 4; i++) {
            uint8_t *byte = begin_byte(i, bytes, &bit);
            *byte |= (uint8_t)(1 << bit);
        }
    }
}

static bool is_begin(unsigned length, const uint8_t *bytes)
{
    unsigned bit;
    const uint8_t *byte = begin_byte(length, bytes, &bit);
    return (*byte >> bit & 1) != 0;
}

static bool check(const void *bytes, size_t length)
{
    struct utf8 u;
    utf8_begin(&u);
    return utf8_check(&u, bytes, length) && utf8_complete(&u);
}

/* Try all bytes behind a beginning that is right so far; its state is `*u`. Returns the characters found. */
static unsigned walk(const struct utf8 *u, unsigned length, uint8_t *bytes)
{
    unsigned found = 0;
    for (unsigned next = 0; next < 256; next++) {
        struct utf8 now = *u;
        bytes[length] = (uint8_t)next;
        bool right = utf8_check(&now, &bytes[length], 1);
        if (length < 3)
            CHECK_EQUAL(right, is_begin(length + 1, bytes));
        if (right && utf8_complete(&now))
            found++;
        else if (right)
            found += walk(&now, length + 1, bytes);
        else
            CHECK(!utf8_check(&now, "a", 1) && !utf8_check(&now, "\x80", 1) && !utf8_check(&now, "", 0));
    }
    return found;
}

/* Refused at the first byte that no character has there; as many characters as there are. */
TEST(utf8_every_beginning)
{
    struct utf8 u;
    uint8_t bytes[8];
    begins_make();
    utf8_begin(&u);
    CHECK(utf8_complete(&u));
    CHECK_EQUAL(walk(&u, 0, bytes), 0x110000 - 0x800);
}

TEST(utf8_every_character)
{
    uint8_t bytes[4];
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        size_t length = encode(code, bytes);
        CHECK_EQUAL(check(bytes, length), is_character(code));
        CHECK(length == 1 || !check(bytes, length - 1));
    }
    CHECK_EQUAL(encode(0x110000, bytes), 4);
    CHECK(!check(bytes, 4));
}

TEST(utf8_refuses)
{
    static const char *const bad[] = {"\x80",         "\xBF",         "\xC0\x80",         "\xC1\xBF",
                                      "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",     "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80", "\xF5\x80\x80", "\xF8\x88\x80\x80", "\xFE",
                                      "\xFF",         "\xC3(",        "\xE2\x82(",        "\xF0\x9F\x98("};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!check(bad[i], strlen(bad[i])));
        for (unsigned before = 0; before < 12; before++) {
            char text[32] = "abcdefghijkl";
            strcpy(text + before, bad[i]);
            strcat(text, "abcdefghijkl");
            CHECK(!check(text, strlen(text)));
        }
    }
}

/* ASCII runs of all lengths at all alignments, one other byte at every place in them. */
TEST(utf8_ascii_runs)
{
    char text[64];
    for (size_t from = 0; from < 8; from++)
        for (size_t length = 0; length < 40; length++) {
            char *run = malloc(from + length + 1);
            memset(run, 'x', from + length);
            run[from + length] = '\x80';
            CHECK(check(run + from, length));
            for (size_t i = 0; i < length; i++) {
                memcpy(text, run + from, length);
                text[i] = '\x80';
                CHECK(!check(text, length));
                text[i] = '\x7F';
                CHECK(check(text, length));
                memcpy(text + i, "\xC2\x80", 2);
                CHECK(check(text, length > i + 2 ? length : i + 2));
            }
            free(run);
        }
}

TEST(utf8_cut_everywhere)
{
    static const char text[] = "Gr\xC3\xBC\xC3\x9F"
                               "e, \xE6\xB0\xB4 \xF0\x9F\x98\x80 and a longer run of ASCII\x00.";
    size_t length = sizeof text - 1;
    for (size_t first = 0; first <= length; first++)
        for (size_t second = first; second <= length; second++) {
            struct utf8 u;
            utf8_begin(&u);
            CHECK(utf8_check(&u, text, first));
            CHECK(utf8_check(&u, text + first, second - first));
            CHECK(utf8_complete(&u) == ((uint8_t)text[second] >> 6 != 2));
            CHECK(utf8_check(&u, text + second, length - second));
            CHECK(utf8_complete(&u));
        }
}

TEST_MAIN()
