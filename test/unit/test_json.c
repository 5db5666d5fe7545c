/*
 * JSON written and read (wire/json.h). Texts to be read and buffers to be written lie in memory of exactly their length, so
 * that the sanitizer sees one byte too far. The kinds of cases are those of the public JSONTestSuite (y_, n_, i_), in texts
 * of our own.
 *
 * LINK: wire/json_write.c wire/json_read.c wire/text.c wire/utf8.c
 */
/* SPDX-License-Identifier: MIT */
#include "wire/json.h"

#include <time.h>

#include "test/test.h"

#define TEXT_MAX 4096

/* ---- Writer ---- */

struct output {
    char bytes[TEXT_MAX + 1];
    struct text text;
    struct json_writer w;
};

static struct output output;

static struct json_writer *fresh(void)
{
    output.text = text_over(output.bytes, TEXT_MAX);
    output.w = json_writer_over(&output.text);
    return &output.w;
}

static const char *written(void)
{
    output.bytes[output.text.length] = 0;
    return output.bytes;
}

TEST(json_write_shapes)
{
    struct json_writer *w = fresh();
    json_object_begin(w);
    json_put_key(w, "a");
    json_array_begin(w);
    json_put_u32(w, 1);
    json_put_null(w);
    json_array_begin(w);
    json_array_end(w);
    json_object_begin(w);
    json_object_end(w);
    json_put_bool(w, false);
    json_array_end(w);
    json_put_member_string(w, "b", "x");
    json_put_member_string(w, "", NULL);
    json_put_key(w, "c");
    json_object_begin(w);
    json_put_member_bool(w, "d", true);
    json_put_member_u32(w, "e", UINT32_MAX);
    json_object_end(w);
    CHECK(!json_whole(w));
    json_object_end(w);
    CHECK(json_whole(w));
    CHECK_STRING(written(),
                 "{\"a\":[1,null,[],{},false],\"b\":\"x\",\"\":null,\"c\":{\"d\":true,\"e\":4294967295}}");
}

TEST(json_write_scalars_alone)
{
    json_put_string(fresh(), "only");
    CHECK(json_whole(&output.w));
    CHECK_STRING(written(), "\"only\"");
    CHECK(!json_whole(fresh()));
}

static const char *string_written(const char *bytes, size_t length)
{
    char *exact = malloc(length + 1);
    memcpy(exact, bytes, length);
    exact[length] = 0; /* the form with a length must not look at it */
    json_put_string_bytes(fresh(), exact, length);
    char *first = strdup(written());
    if (strlen(exact) == length) {
        json_put_string(fresh(), exact);
        CHECK_STRING(written(), first);
    }
    char *unterminated = malloc(length);
    memcpy(unterminated, bytes, length);
    json_put_string_bytes(fresh(), unterminated, length);
    CHECK_STRING(written(), first);
    free(exact);
    free(first);
    free(unterminated);
    return output.bytes;
}

#define STRING_WRITTEN(LITERAL) string_written(LITERAL, sizeof(LITERAL) - 1)

TEST(json_write_escapes)
{
    CHECK_STRING(STRING_WRITTEN(""), "\"\"");
    CHECK_STRING(STRING_WRITTEN("plain / text\x7F"), "\"plain / text\x7F\"");
    CHECK_STRING(STRING_WRITTEN("\"\\"), "\"\\\"\\\\\"");
    CHECK_STRING(STRING_WRITTEN("a\"b\\c"), "\"a\\\"b\\\\c\"");
    CHECK_STRING(STRING_WRITTEN("\b\t\n\v\f\r"), "\"\\b\\t\\n\\u000b\\f\\r\"");
    CHECK_STRING(STRING_WRITTEN("\1\x1f"), "\"\\u0001\\u001f\"");
    CHECK_STRING(STRING_WRITTEN("a\0b"), "\"a\\u0000b\"");
    CHECK_STRING(STRING_WRITTEN("\0"), "\"\\u0000\"");
}

/* Chapter 7: U+0000 to U+001F all have an escape, of two letters or of six. */
TEST(json_write_every_control_character)
{
    static const char *const short_ones[32] = {
        ['\b'] = "\"\\b\"", ['\t'] = "\"\\t\"", ['\n'] = "\"\\n\"", ['\f'] = "\"\\f\"", ['\r'] = "\"\\r\""};
    for (unsigned c = 0; c < 32; c++) {
        char byte = (char)c, wanted[16];
        snprintf(wanted, sizeof wanted, "\"\\u%04x\"", c);
        CHECK_STRING(string_written(&byte, 1), short_ones[c] != NULL ? short_ones[c] : wanted);
    }
}

/* A string of a given length is read to there and no further, and written as a whole or not at all, wherever the buffer
 * ends. */
TEST(json_write_string_bytes_into_every_capacity)
{
    static const char string[] = {'p',    'l',    'a',    'i',    'n', '"', '\x01',
                                  '\xE2', '\x82', '\xAC', '\xFF', 'e', 'n', 'd'};
    static const char wanted[] = "\"plain\\\"\\u0001\xE2\x82\xAC\xEF\xBF\xBD"
                                 "end\"";
    for (size_t size = 0; size < sizeof wanted; size++) {
        char *piece = malloc(size), *exact = malloc(sizeof string);
        memcpy(exact, string, sizeof string);
        struct text text = text_over(piece, size);
        struct json_writer w = json_writer_over(&text);
        json_put_string_bytes(&w, exact, sizeof string);
        CHECK_EQUAL(text.overflow, size < sizeof wanted - 1);
        CHECK_EQUAL(text.length, size < sizeof wanted - 1 ? 0 : size);
        CHECK_BYTES(piece, wanted, text.length);
        free(piece);
        free(exact);
    }
}

#define BAD "\xEF\xBF\xBD"

TEST(json_write_utf8)
{
    CHECK_STRING(STRING_WRITTEN("\xC3\xBC\xE2\x82\xAC\xF0\x9D\x84\x9E"),
                 "\"\xC3\xBC\xE2\x82\xAC\xF0\x9D\x84\x9E\"");
    CHECK_STRING(STRING_WRITTEN("\xC2\x80\xF4\x8F\xBF\xBF\xEF\xBF\xBF"),
                 "\"\xC2\x80\xF4\x8F\xBF\xBF\xEF\xBF\xBF\"");
    CHECK_STRING(STRING_WRITTEN("a\xFF"
                                "b"),
                 "\"a" BAD "b\"");
    CHECK_STRING(STRING_WRITTEN("\x80"), "\"" BAD "\"");
    CHECK_STRING(STRING_WRITTEN("\xC3"), "\"" BAD "\"");
    CHECK_STRING(STRING_WRITTEN("\xC3\""), "\"" BAD "\\\"\"");
    CHECK_STRING(STRING_WRITTEN("\xE2\x82"), "\"" BAD BAD "\"");
    CHECK_STRING(STRING_WRITTEN("\xED\xA0\x80"), "\"" BAD BAD BAD "\"");         /* a surrogate */
    CHECK_STRING(STRING_WRITTEN("\xC0\x80"), "\"" BAD BAD "\"");                 /* overlong */
    CHECK_STRING(STRING_WRITTEN("\xF4\x90\x80\x80"), "\"" BAD BAD BAD BAD "\""); /* above U+10FFFF */
    CHECK_STRING(STRING_WRITTEN("\xE2\xC3\xBC"), "\"" BAD "\xC3\xBC\"");
    CHECK_STRING(STRING_WRITTEN("\xC3\0"), "\"" BAD "\\u0000\"");
}

static const char *fixed(int64_t value, unsigned decimals)
{
    json_put_fixed(fresh(), value, decimals);
    return written();
}

TEST(json_write_numbers)
{
    static const uint64_t values[] = {
        0,         1,          9,          10,          65535,      65536,       655359,     655360,
        999999999, UINT32_MAX, 4294967296, 42949672959, 1000000000, 99999999999, UINT64_MAX, UINT64_MAX / 10,
        INT64_MAX, 1ull << 63};
    char wanted[32];
    for (size_t i = 0; i < JSON_COUNT(values); i++) {
        json_put_u64(fresh(), values[i]);
        snprintf(wanted, sizeof wanted, "%" PRIu64, values[i]);
        CHECK_STRING(written(), wanted);
        json_put_i64(fresh(), (int64_t)values[i]);
        snprintf(wanted, sizeof wanted, "%" PRId64, (int64_t)values[i]);
        CHECK_STRING(written(), wanted);
        json_put_u32(fresh(), (uint32_t)values[i]);
        snprintf(wanted, sizeof wanted, "%" PRIu32, (uint32_t)values[i]);
        CHECK_STRING(written(), wanted);
        json_put_i32(fresh(), (int32_t)values[i]);
        snprintf(wanted, sizeof wanted, "%" PRId32, (int32_t)values[i]);
        CHECK_STRING(written(), wanted);
    }
    CHECK_STRING(fixed(235, 1), "23.5");
    CHECK_STRING(fixed(-235, 1), "-23.5");
    CHECK_STRING(fixed(230, 1), "23.0");
    CHECK_STRING(fixed(-5, 2), "-0.05");
    CHECK_STRING(fixed(0, 3), "0.000");
    CHECK_STRING(fixed(7, 0), "7");
    CHECK_STRING(fixed(INT64_MIN, 3), "-9223372036854775.808");
    CHECK_STRING(fixed(INT64_MIN, 19), "-0.9223372036854775808");
    CHECK_STRING(fixed(1, 19), "0.0000000000000000001");
}

/* Each misuse is said, and nothing comes after it; what stood before stays. */
TEST(json_write_misuse)
{
    struct json_writer *w = fresh();
    json_object_begin(w);
    json_put_u32(w, 1); /* no key */
    CHECK(w->misuse);
    json_put_key(w, "a");
    json_object_end(w);
    CHECK_STRING(written(), "{");

    w = fresh();
    json_array_begin(w);
    json_put_key(w, "a");
    CHECK(w->misuse);

    w = fresh();
    json_put_key(w, "a");
    CHECK(w->misuse);

    w = fresh();
    json_object_begin(w);
    json_put_key(w, "a");
    json_put_key(w, "b");
    CHECK(w->misuse);

    w = fresh();
    json_object_begin(w);
    json_put_key(w, "a");
    json_object_end(w);
    CHECK(w->misuse);

    w = fresh();
    json_object_begin(w);
    json_array_end(w);
    CHECK(w->misuse);

    w = fresh();
    json_array_begin(w);
    json_object_end(w);
    CHECK(w->misuse);

    json_object_end(w = fresh());
    CHECK(w->misuse);

    w = fresh();
    json_put_null(w);
    json_put_null(w);
    CHECK(w->misuse);
    CHECK_STRING(written(), "null");

    w = fresh();
    json_put_null(w);
    json_array_begin(w);
    CHECK(w->misuse);

    json_put_fixed(w = fresh(), 1, 20);
    CHECK(w->misuse);
    CHECK_STRING(written(), "");
    CHECK(!json_whole(w));
}

TEST(json_write_depth)
{
    struct json_writer *w = fresh();
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        CHECK(!w->misuse);
        if (i % 3 == 2) {
            json_object_begin(w);
            json_put_key(w, "k");
        } else {
            json_array_begin(w);
        }
    }
    CHECK(!w->misuse);
    struct json_writer deepest = *w;
    json_array_begin(w);
    CHECK(w->misuse);
    *w = deepest;
    for (int i = JSON_DEPTH_MAX - 1; i >= 0; i--) {
        if (i % 3 == 2)
            json_object_end(w);
        else
            json_array_end(w);
    }
    CHECK(json_whole(w));
    CHECK_STRING(written(), "[[{\"k\":[[{\"k\":[[{\"k\":[[{\"k\":[[{\"k\":[]}]]}]]}]]}]]}]]");
}

/* ---- Pieces ---- */

static bool example_step(struct json_writer *w, void *context, unsigned step)
{
    unsigned *calls = context;
    (*calls)++;
    if (step == 0) {
        json_object_begin(w);
        json_put_member_string(w, "name", "a \"longer\" \xC3\xBC text\n");
        json_put_key(w, "rows");
        json_array_begin(w);
    } else if (step <= 30) {
        json_object_begin(w);
        json_put_member_u32(w, "step", step * 1000);
        json_put_key(w, "value");
        json_put_fixed(w, -(int64_t)step, 1);
        json_object_end(w);
    } else {
        json_array_end(w);
        json_object_end(w);
    }
    return step <= 30;
}

static size_t example_whole(char *bytes)
{
    struct text text = text_over(bytes, TEXT_MAX);
    struct json_writer w = json_writer_over(&text);
    unsigned step = 0, calls = 0;
    CHECK(!json_stream(&w, &text, &step, example_step, &calls));
    CHECK(json_whole(&w));
    CHECK_EQUAL(step, 32);
    return text.length;
}

/* The same text, whatever the size of the buffer; sizes that can't hold the longest step say so by an empty piece. */
TEST(json_stream_with_every_buffer_size)
{
    static char whole[TEXT_MAX], got[TEXT_MAX];
    size_t length = example_whole(whole), stuck = 0;
    for (size_t size = 0; size <= length + 1; size++) {
        char *piece = malloc(size);
        struct json_writer w = json_writer_over(NULL);
        unsigned step = 0, calls = 0;
        size_t at = 0;
        bool more = true, empty = false;
        while (more && !empty) {
            struct text text = text_over(piece, size);
            more = json_stream(&w, &text, &step, example_step, &calls);
            CHECK(!text.overflow && text.length <= size && at + text.length <= TEXT_MAX);
            memcpy(got + at, piece, text.length);
            at += text.length;
            empty = more && text.length == 0;
        }
        free(piece);
        CHECK(calls <= 64);
        CHECK(!w.misuse);
        stuck += empty;
        if (!empty) {
            CHECK(json_whole(&w));
            CHECK_EQUAL(at, length);
            CHECK_BYTES(got, whole, length);
        }
    }
    CHECK_EQUAL(stuck, sizeof "{\"name\":\"a \\\"longer\\\" \xC3\xBC text\\n\",\"rows\":[" - 1);
}

/* Marks by hand: a member that doesn't fit leaves no trace, in the text or in the writer. */
TEST(json_mark_takes_back)
{
    char *piece = malloc(10);
    struct text text = text_over(piece, 10);
    struct json_writer w = json_writer_over(&text);
    json_object_begin(&w);
    struct json_mark mark = json_mark(&w);
    json_put_member_u32(&w, "a", 1);
    CHECK(json_fits(&w, mark));
    mark = json_mark(&w);
    json_put_key(&w, "b");
    json_array_begin(&w);
    CHECK(!json_fits(&w, mark));
    CHECK_EQUAL(text.length, 6);
    CHECK(!text.overflow && w.depth == 1 && !w.key);
    mark = json_mark(&w);
    json_object_end(&w);
    CHECK(json_fits(&w, mark));
    CHECK_BYTES(piece, "{\"a\":1}", 7);
    CHECK(json_whole(&w));
    free(piece);
}

/* Without marks: what doesn't fit is left out, and nothing is written outside. */
TEST(json_write_into_every_capacity)
{
    static char whole[TEXT_MAX];
    size_t length = example_whole(whole);
    for (size_t size = 0; size <= length; size++) {
        char *piece = malloc(size);
        struct text text = text_over(piece, size);
        struct json_writer w = json_writer_over(&text);
        unsigned calls = 0;
        for (unsigned step = 0; step < 32; step++)
            example_step(&w, &calls, step);
        CHECK_EQUAL(text.overflow, size < length);
        CHECK_BYTES(piece, whole, text.length);
        free(piece);
    }
}

static bool misused_step(struct json_writer *w, void *context, unsigned step)
{
    (void)context;
    (void)step;
    json_array_end(w);
    return true;
}

TEST(json_stream_ends_at_misuse)
{
    unsigned step = 0;
    struct json_writer *w = fresh();
    CHECK(!json_stream(w, &output.text, &step, misused_step, NULL));
    CHECK(w->misuse);
}

/* ---- Reader ---- */

/* The text in memory of exactly its length; the last one is freed by the next. */
static struct json_reader reader_over(const char *text, size_t length)
{
    static char *exact;
    free(exact);
    exact = malloc(length);
    memcpy(exact, text, length);
    return json_reader_over(exact, length);
}

#define READER(LITERAL) reader_over(LITERAL, sizeof(LITERAL) - 1)

/* Why the text is refused, NULL if it is valid. Never ends for tokens without end. */
static const char *verdict(const char *text, size_t length)
{
    struct json_reader r = reader_over(text, length);
    for (size_t i = 0; i <= 2 * length + 2; i++) {
        enum json_token token = json_next(&r);
        if (token == JSON_ERROR) {
            CHECK(r.error != NULL && r.error_at <= length);
            CHECK_EQUAL(json_next(&r), JSON_ERROR);
            return r.error;
        }
        CHECK(r.error == NULL && r.at <= r.end && r.end == r.text + length && r.depth <= JSON_DEPTH_MAX);
        if (token == JSON_END) {
            CHECK_EQUAL(json_next(&r), JSON_END);
            return NULL;
        }
    }
    TEST_FAIL("no end of %.*s", (int)length, text);
}

struct sample {
    const char *text;
    size_t length;
    const char *why;
};

#define GOOD(LITERAL)                                                                                        \
    {                                                                                                        \
        LITERAL, sizeof(LITERAL) - 1, NULL                                                                   \
    }
#define REFUSED(LITERAL, WHY)                                                                                \
    {                                                                                                        \
        LITERAL, sizeof(LITERAL) - 1, WHY                                                                    \
    }

static void samples_check(const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *why = verdict(samples[i].text, samples[i].length);
        const char *got = why != NULL ? why : "accepted";
        const char *wanted = samples[i].why != NULL ? samples[i].why : "accepted";
        if (strcmp(got, wanted) != 0)
            TEST_FAIL("%.*s: %s, wanted: %s", (int)samples[i].length, samples[i].text, got, wanted);
    }
}

static const struct sample good[] = {
    /* structure */
    GOOD("null"),
    GOOD("true"),
    GOOD("false"),
    GOOD("0"),
    GOOD("-7"),
    GOOD("\"\""),
    GOOD("\"word\""),
    GOOD("[]"),
    GOOD("{}"),
    GOOD("[ ]"),
    GOOD("{\n}"),
    GOOD("\t\r\n [\t7\r,\n8 ] \t\r\n"),
    GOOD("[null]"),
    GOOD("[[]]"),
    GOOD("[[],[[]],{}]"),
    GOOD("[null,1,\"2\",{},[],true,false]"),
    GOOD("[\"\"]"),
    GOOD("[1,null,null,null,2]"),
    GOOD("[3 ]"),
    /* objects */
    GOOD("{\"k\":1}"),
    GOOD("{\"k\" : 1 , \"l\" : 2}"),
    GOOD("{\"\":0}"),
    GOOD("{\"k\":[]}"),
    GOOD("{\"k\":1,\"k\":1}"),
    GOOD("{\"k\":1,\"k\":2}"),
    GOOD("{\"with\\u0000zero\":3}"),
    GOOD("{\"\\u0061\":{\"b\":{\"c\":[{}]}}}"),
    GOOD("{\"min\":-1.0e+28,\"max\":1.0e+28}"),
    GOOD("{\"\xC3\xA4\":\"\xE2\x82\xAC\"}"),
    /* numbers */
    GOOD("[0]"),
    GOOD("[-0]"),
    GOOD("[-0.0]"),
    GOOD("[10]"),
    GOOD("[0.5]"),
    GOOD("[1.25e3]"),
    GOOD("[0e1]"),
    GOOD("[0E+1]"),
    GOOD("[1E9]"),
    GOOD("[1e-2]"),
    GOOD("[1E+2]"),
    GOOD("[123e65]"),
    GOOD("[123.456e78]"),
    GOOD("[-1]"),
    GOOD("[-12]"),
    GOOD("[20e1]"),
    GOOD("[1.000000000000000000000000000000000000000000005]"),
    GOOD("[-0.000000000000000000000000000000000000000000000000000000000000000000001]"),
    /* huge ones are valid texts (i_): whether they fit, the call says that takes them */
    GOOD("[1e400]"),
    GOOD("[-1e+9999]"),
    GOOD("[0.4e00669999999999999999999999999999999999999]"),
    GOOD("[1e-99999999999999]"),
    GOOD("[123456789012345678901234567890123456789012345678901234567890]"),
    GOOD("[-99999999999999999999]"),
    /* strings */
    GOOD("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
    GOOD("[\"\\u0041\\u00e4\\u20AC\\uFFFF\"]"),
    GOOD("[\"\\uD834\\uDD1E\"]"),
    GOOD("[\"\\ud800\\udc00\\uDBFF\\uDFFF\"]"),
    GOOD("[\"\\uD7FF\\uE000\"]"), /* the neighbours of the surrogates */
    GOOD("[\"\\\\u0041\"]"),
    GOOD("[\"\\\\\"]"),
    GOOD("[\"\\\\\\\"\"]"),
    GOOD("[\"\\u0000\"]"),
    GOOD("[\"\\u001F\\u007f\"]"),
    GOOD("[\"\x7F\"]"),
    GOOD("[\"/* no comment */ // either\"]"),
    GOOD("[\"\xC3\xA9\"]"),
    GOOD("[\"\xE2\x80\xA8\xE2\x80\xA9\"]"),
    GOOD("[\"\xF0\x9D\x84\x9E\"]"),
    GOOD("[\"\xF4\x8F\xBF\xBF\"]"),
    GOOD("[\"\xEF\xBF\xBE\xEF\xB7\x90\"]"),
    GOOD("[\"\\uFDD0\\uFFFE\\uDBFF\\uDFFE\"]"),
    GOOD("[\"\xEF\xBB\xBF inside\"]"),
    GOOD("[\" \"]"),
    GOOD("[\"a\xC2\xA0"
         "b\"]"),
    GOOD("\"'\""),
    GOOD("[\"[{,:}]\"]"),
    GOOD("[\"\\u0022\\u005C\"]"),
};

TEST(json_read_good)
{
    samples_check(good, JSON_COUNT(good));
}

static const struct sample bad_structure[] = {
    REFUSED("", "value expected"),
    REFUSED(" ", "value expected"),
    REFUSED("\xEF\xBB\xBF", "value expected"),
    REFUSED("\xEF\xBB\xBF{}", "value expected"),
    REFUSED("\xEF\xBB{}", "value expected"),
    REFUSED("\xE9", "value expected"),
    REFUSED("\xE2\x81\xA0", "value expected"),
    REFUSED("\0", "value expected"),
    REFUSED("[\0]", "value expected"),
    REFUSED("\xFF\xFE[\0]\0", "value expected"),
    REFUSED("\0[\0]", "value expected"),
    REFUSED("[\f]", "value expected"),
    REFUSED("[\v]", "value expected"),
    REFUSED("[\xC2\xA0]", "value expected"),
    REFUSED("[\xE2\x81\xA0]", "value expected"),
    REFUSED("[", "value expected"),
    REFUSED("[[", "value expected"),
    REFUSED("[1", "comma or end expected"),
    REFUSED("[1,", "value expected"),
    REFUSED("[1,]", "value expected"),
    REFUSED("[,]", "value expected"),
    REFUSED("[,1]", "value expected"),
    REFUSED("[1,,2]", "value expected"),
    REFUSED("[1,,]", "value expected"),
    REFUSED("[\"\",]", "value expected"),
    REFUSED("[1 true]", "comma or end expected"),
    REFUSED("[\"a\" \"b\"]", "comma or end expected"),
    REFUSED("[\"k\":1]", "comma or end expected"),
    REFUSED("[3[4]]", "comma or end expected"),
    REFUSED("[\"a\",\n4\n,1,", "value expected"),
    REFUSED("[*]", "value expected"),
    REFUSED("[1}", "comma or end expected"),
    REFUSED("[}", "value expected"),
    REFUSED("]", "value expected"),
    REFUSED("}", "value expected"),
    REFUSED("[]]", "text behind the value"),
    REFUSED("{}}", "text behind the value"),
    REFUSED("[1]x", "text behind the value"),
    REFUSED("[1][2]", "text behind the value"),
    REFUSED("1 2", "text behind the value"),
    REFUSED("{} \"x\"", "text behind the value"),
    REFUSED("[1],", "text behind the value"),
    REFUSED("true\0", "text behind the value"),
    REFUSED("[],{}", "text behind the value"),
    REFUSED("<.>", "value expected"),
    REFUSED("[<null>]", "value expected"),
    REFUSED("nul", "value expected"),
    REFUSED("[nul]", "value expected"),
    REFUSED("[tru", "value expected"),
    REFUSED("[fals]", "value expected"),
    REFUSED("[True]", "value expected"),
    REFUSED("[NULL]", "value expected"),
    REFUSED("[truth]", "value expected"),
    REFUSED("[nulll]", "comma or end expected"),
    REFUSED("truetrue", "text behind the value"),
    REFUSED("undefined", "value expected"),
    REFUSED("abc", "value expected"),
    REFUSED("'single'", "value expected"),
    REFUSED("[1]//", "text behind the value"),
    REFUSED("[1]/* */", "text behind the value"),
    REFUSED("[1,/**/2]", "value expected"),
    REFUSED("//\n1", "value expected"),
    REFUSED("{\"k\":/**/1}", "value expected"),
    REFUSED("[1]#", "text behind the value"),
    REFUSED("{", "key expected"),
    REFUSED("{]", "key expected"),
    REFUSED("{[", "key expected"),
    REFUSED("{,", "key expected"),
    REFUSED("{\"k\"", "colon expected"),
    REFUSED("{\"k\":", "value expected"),
    REFUSED("{\"k\":1", "comma or end expected"),
    REFUSED("{\"k\":1,", "key expected"),
    REFUSED("{\"k\":1,}", "key expected"),
    REFUSED("{\"k\":1,,}", "key expected"),
    REFUSED("{\"k\":1,,\"l\":2}", "key expected"),
    REFUSED("{\"k\":1 \"l\":2}", "comma or end expected"),
    REFUSED("{\"k\"::1}", "value expected"),
    REFUSED("{:1}", "key expected"),
    REFUSED("{\"k\" 1}", "colon expected"),
    REFUSED("{\"k\",1}", "colon expected"),
    REFUSED("{\"k\"}", "colon expected"),
    REFUSED("{\"k\":}", "value expected"),
    REFUSED("{\"k\":1]", "comma or end expected"),
    REFUSED("{k:1}", "key expected"),
    REFUSED("{'k':1}", "key expected"),
    REFUSED("{1:1}", "key expected"),
    REFUSED("{null:1}", "key expected"),
    REFUSED("{[]:1}", "key expected"),
    REFUSED("{\"k\":1 2}", "comma or end expected"),
    REFUSED("{\"k\":1:2}", "comma or end expected"),
    REFUSED("{\"k\":\"v\"}#", "text behind the value"),
    REFUSED("{\"k\"=1}", "colon expected"),
    REFUSED("{\"k\":'v'}", "value expected"),
    REFUSED("{\xF0\x9F\x87\xA8}", "key expected"),
    REFUSED("[\\u0022]", "value expected"),
    REFUSED("[\\n]", "value expected"),
    REFUSED("[{\"k\":1]", "comma or end expected"),
    REFUSED("[1,{,3]", "key expected"),
    REFUSED("{\"\":", "value expected"),
    REFUSED("[\"\": 1]", "comma or end expected"),
    REFUSED("\"a\"b", "text behind the value"),
    REFUSED("@", "value expected"),
};

TEST(json_read_bad_structure)
{
    samples_check(bad_structure, JSON_COUNT(bad_structure));
}

TEST(json_read_bad_numbers)
{
    static const struct sample bad[] = {
        REFUSED("[-]", "digit expected"),
        REFUSED("-", "digit expected"),
        REFUSED("[+1]", "value expected"),
        REFUSED("[++1]", "value expected"),
        REFUSED("[--1]", "digit expected"),
        REFUSED("[-a]", "digit expected"),
        REFUSED("[- 1]", "digit expected"),
        REFUSED("[01]", "zero before a number"),
        REFUSED("[-01]", "zero before a number"),
        REFUSED("[00]", "zero before a number"),
        REFUSED("[00.5]", "zero before a number"),
        REFUSED("[-00e1]", "zero before a number"),
        REFUSED("[.5]", "value expected"),
        REFUSED("[-.5]", "digit expected"),
        REFUSED("[1.]", "digit expected"),
        REFUSED("[1.e1]", "digit expected"),
        REFUSED("[1.-5]", "digit expected"),
        REFUSED("[1.2.3]", "comma or end expected"),
        REFUSED("[0.1.2]", "comma or end expected"),
        REFUSED("[1e]", "digit expected"),
        REFUSED("[1E]", "digit expected"),
        REFUSED("[1e+]", "digit expected"),
        REFUSED("[1e-]", "digit expected"),
        REFUSED("[0.3E+]", "digit expected"),
        REFUSED("[1eE2]", "digit expected"),
        REFUSED("[1e1e1]", "comma or end expected"),
        REFUSED("[1e+-1]", "digit expected"),
        REFUSED("[9.e+]", "digit expected"),
        REFUSED("[1e1.5]", "comma or end expected"),
        REFUSED("[0x1]", "comma or end expected"),
        REFUSED("[0xFF]", "comma or end expected"),
        REFUSED("[1 000]", "comma or end expected"),
        REFUSED("[1_000]", "comma or end expected"),
        REFUSED("[1a]", "comma or end expected"),
        REFUSED("[1.2a-3]", "comma or end expected"),
        REFUSED("[1+2]", "comma or end expected"),
        REFUSED("[0-1]", "comma or end expected"),
        REFUSED("[NaN]", "value expected"),
        REFUSED("[-NaN]", "digit expected"),
        REFUSED("[Infinity]", "value expected"),
        REFUSED("[-Infinity]", "digit expected"),
        REFUSED("[Inf]", "value expected"),
        REFUSED("[nan]", "value expected"),
        REFUSED("[\xEF\xBC\x91]", "value expected"),
        REFUSED("[1\xE5]", "comma or end expected"),
        REFUSED("[1e1\xE5]", "comma or end expected"),
        REFUSED("[2.]", "digit expected"),
        REFUSED("123\0", "text behind the value"),
        REFUSED("0e", "digit expected"),
        REFUSED("0.", "digit expected"),
        REFUSED("[-1x]", "comma or end expected"),
        REFUSED("[1,2.,3]", "digit expected"),
    };
    samples_check(bad, JSON_COUNT(bad));
}

TEST(json_read_bad_strings)
{
    static const struct sample bad[] = {
        REFUSED("\"", "string without end"),
        REFUSED("[\"", "string without end"),
        REFUSED("[\"a", "string without end"),
        REFUSED("{\"a", "string without end"),
        REFUSED("[\"\\\"", "string without end"),
        REFUSED("[\"a\\", "bad escape"),
        REFUSED("[\"\\\"]", "string without end"),
        REFUSED("[\"\\x41\"]", "bad escape"),
        REFUSED("[\"\\a\"]", "bad escape"),
        REFUSED("[\"\\'\"]", "bad escape"),
        REFUSED("[\"\\0\"]", "bad escape"),
        REFUSED("[\"\\177\"]", "bad escape"),
        REFUSED("[\"\\ \"]", "bad escape"),
        REFUSED("[\"\\\0\"]", "bad escape"),
        REFUSED("[\"\\\t\"]", "bad escape"),
        REFUSED("[\"\\\n\"]", "bad escape"),
        REFUSED("[\"\\U0041\"]", "bad escape"),
        REFUSED("[\"\\B\"]", "bad escape"),
        REFUSED("[\"\\\xF0\x9F\x8C\x80\"]", "bad escape"),
        REFUSED("[\"\\\xE5\"]", "bad escape"),
        REFUSED("[\"\\u\"]", "bad escape"),
        REFUSED("[\"\\u0\"]", "bad escape"),
        REFUSED("[\"\\u00A\"]", "bad escape"),
        REFUSED("[\"\\u00AG\"]", "bad escape"),
        REFUSED("[\"\\u00/0\"]", "bad escape"),
        REFUSED("[\"\\u00:0\"]", "bad escape"),
        REFUSED("[\"\\u00@0\"]", "bad escape"),
        REFUSED("[\"\\u00`0\"]", "bad escape"),
        REFUSED("[\"\\u +41\"]", "bad escape"),
        REFUSED("[\"\\u0x41\"]", "bad escape"),
        REFUSED("[\"\\u\xE5\"]", "bad escape"),
        REFUSED("[\"\\u00", "bad escape"),
        REFUSED("[\"\\uqqqq\"]", "bad escape"),
        REFUSED("[\"\t\"]", "control character in a string"),
        REFUSED("[\"\n\"]", "control character in a string"),
        REFUSED("[\"a\0b\"]", "control character in a string"),
        REFUSED("[\"\x1F\"]", "control character in a string"),
        REFUSED("[\"\x01\"]", "control character in a string"),
        REFUSED("{\"\r\":1}", "control character in a string"),
    };
    samples_check(bad, JSON_COUNT(bad));
}

/* What the suite leaves to the implementation, and this one refuses. */
TEST(json_read_lone_surrogates_and_bad_utf8)
{
    static const struct sample bad[] = {
        REFUSED("[\"\\uD800\"]", "bad escape"),
        REFUSED("[\"\\uDBFF\"]", "bad escape"),
        REFUSED("[\"\\uDC00\"]", "bad escape"),
        REFUSED("[\"\\uDFFF\"]", "bad escape"),
        REFUSED("[\"\\uD834x\"]", "bad escape"),
        REFUSED("[\"\\uD834\\n\"]", "bad escape"),
        REFUSED("[\"\\uD834\\u0041\"]", "bad escape"),
        REFUSED("[\"\\uD834\\uD834\"]", "bad escape"),
        REFUSED("[\"\\uD834\\uE000\"]", "bad escape"),
        REFUSED("[\"\\uD834\\uDBFF\"]", "bad escape"),
        REFUSED("[\"\\uDD1E\\uD834\"]", "bad escape"),
        REFUSED("[\"\\uDC00\\uDC00\"]", "bad escape"),
        REFUSED("[\"\\uD834\\\"]", "bad escape"),
        REFUSED("[\"\\uD834\\u\"]", "bad escape"),
        REFUSED("[\"\\uD834\\uDD1\"]", "bad escape"),
        REFUSED("[\"\\uD834\\uD\"]", "bad escape"),
        REFUSED("[\"\\uD834\xED\xB4\x9E\"]", "bad escape"),
        REFUSED("[\"\\uD834uDD1E\"]", "bad escape"),
        REFUSED("[\"\\uD834\\UDD1E\"]", "bad escape"),
        REFUSED("{\"\\uDEAD\":0}", "bad escape"),
        REFUSED("[\"\xE9\"]", "invalid UTF-8"),
        REFUSED("[\"\xFF\"]", "invalid UTF-8"),
        REFUSED("[\"\x80\"]", "invalid UTF-8"),
        REFUSED("[\"\xC3\"]", "invalid UTF-8"),
        REFUSED("[\"\xE2\x82\"]", "invalid UTF-8"),
        REFUSED("[\"\xC0\xAF\"]", "invalid UTF-8"),
        REFUSED("[\"\xE0\x80\xAF\"]", "invalid UTF-8"),
        REFUSED("[\"\xF0\x80\x80\xAF\"]", "invalid UTF-8"),
        REFUSED("[\"\xED\xA0\x80\"]", "invalid UTF-8"),
        REFUSED("[\"\xED\xBF\xBF\"]", "invalid UTF-8"),
        REFUSED("[\"\xF4\x90\x80\x80\"]", "invalid UTF-8"),
        REFUSED("[\"\xF8\x88\x80\x80\x80\"]", "invalid UTF-8"),
        REFUSED("[\"\xFC\x83\xBF\xBF\xBF\xBF\"]", "invalid UTF-8"),
        REFUSED("[\"\xE6\x97\xA5\xD1\x88\xFA\"]", "invalid UTF-8"),
        REFUSED("{\"\xB9\":\"0\"}", "invalid UTF-8"),
        REFUSED("[\"\xC3", "invalid UTF-8"),
        REFUSED("[\"\xC3\\u00A4\"]", "invalid UTF-8"),
    };
    samples_check(bad, JSON_COUNT(bad));
}

TEST(json_read_depth)
{
    char text[600];
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    CHECK(verdict(text, 2 * JSON_DEPTH_MAX) == NULL);
    memset(text, '[', sizeof text);
    CHECK_STRING(verdict(text, JSON_DEPTH_MAX + 1), "too deep");
    CHECK_STRING(verdict(text, sizeof text), "too deep");
    for (size_t i = 0; i < sizeof text; i += 5)
        memcpy(text + i, "{\"\":[", 5);
    CHECK_STRING(verdict(text, sizeof text), "too deep");
    CHECK_STRING(verdict(text, 5 * JSON_DEPTH_MAX / 2), "value expected");
    /* A level that was left counts no more. */
    struct json_reader r = READER("[[],[[]],[[[]]],{}]");
    while (json_next(&r) != JSON_END)
        CHECK(r.error == NULL && r.depth <= 4);
    CHECK_EQUAL(r.depth, 0);
}

/* Whatever is cut off, the rest is refused. */
TEST(json_read_every_prefix)
{
    for (size_t i = 0; i < JSON_COUNT(good); i++) {
        size_t length = good[i].length;
        char last;
        while (strchr(" \t\r\n", good[i].text[length - 1]) != NULL)
            length--;
        last = good[i].text[length - 1];
        if (last != ']' && last != '}' && last != '"' && last != 'e' && last != 'l')
            continue; /* a number alone: its beginning is one, too */
        for (size_t cut = 0; cut < length; cut++)
            if (verdict(good[i].text, cut) == NULL)
                TEST_FAIL("%.*s was accepted", (int)cut, good[i].text);
    }
}

/* A byte changed, left out or put in: never read outside, and an answer each time. */
TEST(json_read_every_byte_changed)
{
    static const char text[] =
        "{\"k\\u00e4\":[1.5e+3,-0,\"\\uD834\\uDD1E\xE2\x82\xAC\",null,true],\"l\":{\"m\":false}}";
    char changed[sizeof text + 1];
    unsigned accepted = 0;
    for (size_t at = 0; at < sizeof text - 1; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(changed, text, sizeof text);
            changed[at] = (char)byte;
            accepted += verdict(changed, sizeof text - 1) == NULL;
            memcpy(changed + at + 1, text + at, sizeof text - at);
            accepted += verdict(changed, sizeof text) == NULL;
        }
    }
    CHECK(accepted > 100);
}

static void tokens_check(const char *text, const char *wanted)
{
    static const char names[] = "!ksntf0{}[]."; /* in the order of enum json_token */
    struct json_reader r = reader_over(text, strlen(text));
    char got[64];
    size_t count = 0;
    enum json_token token;
    do {
        token = json_next(&r);
        got[count++] = names[token];
    } while (token != JSON_ERROR && token != JSON_END && count < sizeof got - 1);
    got[count] = 0;
    CHECK_STRING(got, wanted);
}

TEST(json_read_tokens)
{
    tokens_check("{\"a\":[1,\"x\",{}],\"b\":true,\"c\":false,\"d\":null}", "{k[ns{}]ktkfk0}.");
    tokens_check(" 7 ", "n.");
    tokens_check("[1,", "[n!");
    tokens_check("[[],[]]", "[[][]].");
    tokens_check("{\"a\"", "{!");
}

TEST(json_read_says_where)
{
    struct json_reader r = READER("{\"a\" : [1, 02]}");
    while (json_next(&r) != JSON_ERROR)
        ;
    CHECK_EQUAL(r.error_at, 11);
    r = READER("[\"abc\x05\"]");
    while (json_next(&r) != JSON_ERROR)
        ;
    CHECK_EQUAL(r.error_at, 5);
    r = READER("[\"\xC3\xA4\x7F\xFF\"]");
    while (json_next(&r) != JSON_ERROR)
        ;
    CHECK_EQUAL(r.error_at, 5);
    r = READER("[true");
    while (json_next(&r) != JSON_ERROR)
        ;
    CHECK_EQUAL(r.error_at, 5);
    r = READER("[1, 300]");
    uint32_t value = 77;
    json_next(&r);
    json_next(&r);
    CHECK(json_take_u32(&r, 0, 255, &value) && value == 1);
    json_next(&r);
    CHECK(!json_take_u32(&r, 0, 255, &value));
    CHECK_EQUAL(value, 1);
    CHECK_EQUAL(r.error_at, 4);
    CHECK_STRING(r.error, "out of range");
    CHECK_EQUAL(json_next(&r), JSON_ERROR);
    json_refuse(&r, "later");
    CHECK_STRING(r.error, "out of range");
}

/* ---- Numbers ---- */

static const char *take_i64(const char *text, unsigned decimals, int64_t min, int64_t max, int64_t *value)
{
    struct json_reader r = reader_over(text, strlen(text));
    int64_t before = *value;
    if (json_take_fixed(&r, decimals, min, max, value)) {
        CHECK_EQUAL(json_next(&r), JSON_END);
        return "";
    }
    CHECK_EQUAL(*value, before);
    return r.error;
}

static void fixed_check(const char *text, unsigned decimals, const char *why, int64_t wanted)
{
    int64_t value = 4711;
    const char *got = take_i64(text, decimals, INT64_MIN, INT64_MAX, &value);
    if (strcmp(got, why) != 0 || (*why == 0 && value != wanted))
        TEST_FAIL("%s, %u decimals: \"%s\" %" PRId64 ", wanted \"%s\" %" PRId64, text, decimals, got, value,
                  why, wanted);
}

TEST(json_take_whole_numbers)
{
    static const char part[] = "whole number expected", range[] = "out of range";
    fixed_check("0", 0, "", 0);
    fixed_check("-0", 0, "", 0);
    fixed_check("-0.0e-5", 0, "", 0);
    fixed_check("42", 0, "", 42);
    fixed_check("-42", 0, "", -42);
    fixed_check("1.0", 0, "", 1);
    fixed_check("1.000e0", 0, "", 1);
    fixed_check("1e3", 0, "", 1000);
    fixed_check("1E+3", 0, "", 1000);
    fixed_check("1.5e1", 0, "", 15);
    fixed_check("0.0015e4", 0, "", 15);
    fixed_check("1500e-2", 0, "", 15);
    fixed_check("1500.000e-2", 0, "", 15);
    fixed_check("1.5", 0, part, 0);
    fixed_check("15e-1", 0, part, 0);
    fixed_check("1.55e1", 0, part, 0);
    fixed_check("0.1", 0, part, 0);
    fixed_check("1e-1", 0, part, 0);
    fixed_check("1e-99999999999999999999", 0, part, 0);
    fixed_check("0e99999999999999999999", 0, "", 0);
    fixed_check("0e-99999999999999999999", 0, "", 0);
    fixed_check("1e99999999999999999999", 0, range, 0);
    fixed_check("9223372036854775807", 0, "", INT64_MAX);
    fixed_check("-9223372036854775808", 0, "", INT64_MIN);
    fixed_check("9223372036854775808", 0, range, 0);
    fixed_check("-9223372036854775809", 0, range, 0);
    fixed_check("18446744073709551615", 0, range, 0);
    fixed_check("18446744073709551616", 0, range, 0);
    fixed_check("-18446744073709551617", 0, range, 0);
    fixed_check("99999999999999999999999999999999999999999999", 0, range, 0);
    fixed_check("922337203685477580.7e1", 0, "", INT64_MAX);
    fixed_check("1e18", 0, "", 1000000000000000000);
    fixed_check("1e19", 0, range, 0);
    fixed_check("100000000000000000000000000000000000000000e-42", 0, part, 0);
    fixed_check("100000000000000000000000000000000000000000e-41", 0, "", 1);
    fixed_check("100000000000000000000000000000000000000000e-40", 0, "", 10);
    fixed_check("0.000000000000000000000000000000000000000001e42", 0, "", 1);
    fixed_check("\"1\"", 0, "number expected", 0);
    fixed_check("true", 0, "number expected", 0);
    fixed_check("[]", 0, "number expected", 0);
    fixed_check("", 0, "value expected", 0);
}

/* A huge exponent of nothing costs no time. */
TEST(json_take_zeros_quickly)
{
    clock_t begin = clock();
    for (int i = 0; i < 300; i++)
        fixed_check("0e99999999", 0, "", 0);
    CHECK((clock() - begin) / CLOCKS_PER_SEC < 10);
}

TEST(json_take_fixed_point)
{
    fixed_check("23.5", 1, "", 235);
    fixed_check("23.50", 1, "", 235);
    fixed_check("2.35e1", 1, "", 235);
    fixed_check("23", 1, "", 230);
    fixed_check("-0.05", 2, "", -5);
    fixed_check("-0.05", 1, "too many decimals", 0);
    fixed_check("23.55", 1, "too many decimals", 0);
    fixed_check("-9223372036854775.808", 3, "", INT64_MIN);
    fixed_check("-9223372036854775.809", 3, "out of range", 0);
    fixed_check("0.0000000000000000001", 19, "", 1);
    fixed_check("1", 19, "out of range", 0);
    int64_t value;
    CHECK_STRING(take_i64("23.5", 1, 235, 235, &value), "");
    CHECK_STRING(take_i64("23.5", 1, 236, 400, &value), "out of range");
    CHECK_STRING(take_i64("-23.5", 1, -400, -236, &value), "out of range");
    CHECK_STRING(take_i64("-23.5", 1, -400, -235, &value), "");
    CHECK_STRING(take_i64("0", 1, -400, -235, &value), "out of range");
}

#define TAKE(TYPE, TEXT, MIN, MAX) (r = READER(TEXT), json_take_##TYPE(&r, MIN, MAX, &value_##TYPE))

TEST(json_take_bounds)
{
    struct json_reader r;
    uint32_t value_u32 = 9;
    int32_t value_i32 = 9;
    uint64_t value_u64 = 9;
    int64_t value_i64 = 9;
    CHECK(TAKE(u32, "4294967295", 0, UINT32_MAX) && value_u32 == UINT32_MAX);
    CHECK(!TAKE(u32, "4294967296", 0, UINT32_MAX) && value_u32 == UINT32_MAX);
    CHECK(!TAKE(u32, "-1", 0, UINT32_MAX));
    CHECK(TAKE(u32, "-0", 0, 5) && value_u32 == 0);
    CHECK(!TAKE(u32, "-0", 1, 5));
    CHECK(TAKE(u32, "5", 5, 5) && !TAKE(u32, "6", 5, 5) && !TAKE(u32, "4", 5, 5));
    CHECK(TAKE(i32, "-2147483648", INT32_MIN, INT32_MAX) && value_i32 == INT32_MIN);
    CHECK(!TAKE(i32, "2147483648", INT32_MIN, INT32_MAX) && value_i32 == INT32_MIN);
    CHECK(TAKE(i32, "-40", -40, 85) && value_i32 == -40);
    CHECK(!TAKE(i32, "-41", -40, 85) && !TAKE(i32, "86", -40, 85) && !TAKE(i32, "-30", -20, -10));
    CHECK(TAKE(i32, "-20", -20, -10) && !TAKE(i32, "-9", -20, -10) && !TAKE(i32, "15", -20, -10));
    CHECK(TAKE(u64, "18446744073709551615", 0, UINT64_MAX) && value_u64 == UINT64_MAX);
    CHECK(!TAKE(u64, "18446744073709551616", 0, UINT64_MAX) && value_u64 == UINT64_MAX);
    CHECK(TAKE(u64, "9223372036854775808", 1, UINT64_MAX) && value_u64 == 1ull << 63);
    CHECK(!TAKE(u64, "-1", 0, UINT64_MAX));
    CHECK(TAKE(i64, "-9223372036854775808", INT64_MIN, 0) && value_i64 == INT64_MIN);
    CHECK(!TAKE(i64, "9223372036854775808", INT64_MIN, INT64_MAX));
}

/* ---- Strings ---- */

TEST(json_is_compares_what_is_meant)
{
    struct json_reader r =
        READER("{\"a\\\\b\":1,\"a\\u005Cb\":\"\\uD834\\uDD1E\\u00E4\",\"\":\"x\",\"plain\":\"zero\\u0000\"}");
    json_next(&r);
    CHECK(!json_is(&r, "{") && !json_is(&r, ""));
    CHECK(json_next(&r) == JSON_KEY && json_is(&r, "a\\b") && !json_is(&r, "a\\\\b") && !json_is(&r, "a\\"));
    json_next(&r);
    CHECK(!json_is(&r, "1"));
    CHECK(json_next(&r) == JSON_KEY && json_is(&r, "a\\b") && !json_is(&r, "a\\bc") && !json_is(&r, ""));
    CHECK(json_next(&r) == JSON_STRING && json_is(&r, "\xF0\x9D\x84\x9E\xC3\xA4") &&
          !json_is(&r, "\xF0\x9D\x84\x9E"));
    CHECK(json_next(&r) == JSON_KEY && json_is(&r, "") && !json_is(&r, "a"));
    CHECK(json_next(&r) == JSON_STRING && json_is(&r, "x") && !json_is(&r, ""));
    CHECK(json_next(&r) == JSON_KEY && json_is(&r, "plain") && !json_is(&r, "plai") &&
          !json_is(&r, "plain "));
    CHECK(json_next(&r) == JSON_STRING && !json_is(&r, "zero"));
    json_next(&r);
    CHECK_EQUAL(json_next(&r), JSON_END);
    CHECK(!json_is(&r, "zero"));
    r = READER("[15,0]");
    json_next(&r);
    CHECK(json_next(&r) == JSON_NUMBER && !json_is(&r, "15") && !json_is(&r, "5,"));
}

/* Once something was refused, it stays so: whatever is asked for, and a number or bool is as it was. */
TEST(json_refused_for_good)
{
    struct json_reader r = READER("{\"key\":true}");
    char buffer[8];
    bool value = false;
    json_next(&r);
    CHECK(json_next(&r) == JSON_KEY && json_is(&r, "key"));
    CHECK(!json_refuse(&r, "not here"));
    CHECK(!json_is(&r, "key") && !json_take_key(&r, buffer, sizeof buffer, NULL));
    CHECK(!json_take_bool(&r, &value) && !json_skip(&r) && json_next(&r) == JSON_ERROR);
    CHECK_STRING(r.error, "not here");
    CHECK_EQUAL(r.error_at, 1);

    r = READER("true");
    json_next(&r);
    json_refuse(&r, "not here");
    CHECK(!json_take_bool(&r, &value) && !value && !json_skip(&r));

    uint32_t number = 9;
    r = READER("5");
    json_next(&r);
    json_refuse(&r, "not here");
    CHECK(!json_take_u32(&r, 0, 10, &number) && number == 9);

    r = READER("\"text\"");
    json_next(&r);
    json_refuse(&r, "not here");
    CHECK(!json_take_string(&r, buffer, sizeof buffer, NULL) && !json_is(&r, "text"));
}

static const char *string_taken(const char *text, size_t size, char *buffer, size_t *length)
{
    struct json_reader r = reader_over(text, strlen(text));
    char *exact = malloc(size);
    memset(exact, '#', size);
    const char *why = json_take_string(&r, exact, size, length) ? "" : r.error;
    memcpy(buffer, exact, size);
    free(exact);
    if (size > 0 && (strcmp(why, "string too long") == 0 || strcmp(why, "zero in a string") == 0))
        CHECK_EQUAL(buffer[0], 0);
    if (strcmp(why, "string too long") == 0)
        CHECK(r.needed > size);
    return why;
}

TEST(json_take_strings)
{
    char buffer[64];
    size_t length;
    CHECK_STRING(string_taken("\"\"", 1, buffer, NULL), "");
    CHECK_STRING(buffer, "");
    CHECK_STRING(string_taken("\"\"", 0, buffer, NULL), "string too long");
    for (size_t size = 1; size < 4; size++)
        CHECK_STRING(string_taken("\"abc\"", size, buffer, NULL), "string too long");
    CHECK_STRING(string_taken("\"a\\u0000b\"", 3, buffer, NULL), "string too long");
    CHECK_STRING(string_taken("\"abc\"", 4, buffer, &length), "");
    CHECK_STRING(buffer, "abc");
    CHECK_EQUAL(length, 3);
    CHECK_STRING(string_taken("\"abc\"", 3, buffer, NULL), "string too long");
    CHECK_STRING(string_taken("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", 9, buffer, NULL), "");
    CHECK_STRING(buffer, "\"\\/\b\f\n\r\t");
    CHECK_STRING(string_taken("\"\\u0041\\u007f\\u0080\\u07ff\\u0800\\uffff\"", 64, buffer, NULL), "");
    CHECK_STRING(buffer, "A\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
    CHECK_STRING(string_taken("\"\\ud800\\udc00\\uDBFF\\uDFFF\xF0\x9D\x84\x9E\"", 13, buffer, NULL), "");
    CHECK_STRING(buffer, "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\xF0\x9D\x84\x9E");
    CHECK_STRING(string_taken("\"\\ud800\\udc00\"", 4, buffer, NULL), "string too long");
    CHECK_STRING(string_taken("\"a\\u0000b\"", 8, buffer, NULL), "zero in a string");
    CHECK_STRING(string_taken("\"a\\u0000b\"", 8, buffer, &length), "");
    CHECK_EQUAL(length, 3);
    CHECK_BYTES(buffer, "a\0b", 4);
    CHECK_STRING(string_taken("5", 8, buffer, NULL), "string expected");
    CHECK_STRING(string_taken("{\"a\":1}", 8, buffer, NULL), "string expected");

    struct json_reader r = READER("\"a\"");
    buffer[0] = '#';
    CHECK(!json_take_string(&r, buffer, 0, NULL)); /* no room, not even for the zero */
    CHECK_EQUAL(buffer[0], '#');
    CHECK_EQUAL(r.needed, 2);
    r = READER("{\"k\\u0065y\":1}");
    json_next(&r);
    CHECK_EQUAL(json_next(&r), JSON_KEY);
    CHECK(json_take_key(&r, buffer, 4, NULL));
    CHECK_STRING(buffer, "key");
    CHECK(!json_take_key(&r, buffer, 3, NULL));
    CHECK_EQUAL(r.needed, 4);
    r = READER("\"key\"");
    json_next(&r);
    CHECK(!json_take_key(&r, buffer, 8, NULL));
    CHECK_STRING(r.error, "key expected");
}

TEST(json_take_bools)
{
    struct json_reader r = READER("[true,false,0,null]");
    bool value = false;
    json_next(&r);
    json_next(&r);
    CHECK(json_take_bool(&r, &value) && value);
    CHECK(json_take_bool(&r, &value) && value); /* the same one again */
    json_next(&r);
    CHECK(json_take_bool(&r, &value) && !value);
    json_next(&r);
    CHECK(!json_take_bool(&r, &value));
    CHECK_STRING(r.error, "true or false expected");
    CHECK_EQUAL(r.error_at, 12);
}

TEST(json_skip_values)
{
    struct json_reader r =
        READER("{\"a\":[1,{\"b\":[]},[[2]]],\"c\":{\"d\":{}},\"e\":\"x\",\"f\":7,\"g\":null}");
    unsigned members = 0;
    CHECK_EQUAL(json_next(&r), JSON_OBJECT_BEGIN);
    while (json_next(&r) == JSON_KEY) {
        CHECK(json_skip(&r));
        CHECK_EQUAL(r.depth, 1);
        members++;
    }
    CHECK_EQUAL(members, 5);
    CHECK_EQUAL(json_next(&r), JSON_END);

    r = READER("[[1,[2]],3]");
    json_next(&r);
    CHECK_EQUAL(json_next(&r), JSON_ARRAY_BEGIN);
    CHECK(json_skip(&r)); /* the rest of what has begun */
    CHECK_EQUAL(json_next(&r), JSON_NUMBER);
    CHECK(json_skip(&r));
    CHECK_EQUAL(json_next(&r), JSON_ARRAY_END);
    CHECK(!json_skip(&r));

    r = READER(" [1,2] ");
    CHECK(json_skip(&r));
    CHECK_EQUAL(json_next(&r), JSON_END);
    r = READER("[1,[2,}]");
    CHECK(!json_skip(&r));
    CHECK_STRING(r.error, "value expected");
}

/* ---- Tables ---- */

struct inner {
    int8_t small;
    bool on;
};

struct settings {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    int16_t degrees;
    bool on;
    char name[8];
    const char *text;
    struct inner inner;
};

static const struct json_field inner_table[] = {
    JSON_FIELD(struct inner, small, SIGNED, .required = true),
    JSON_FIELD(struct inner, on, BOOL),
};

static const struct json_field table[] = {
    JSON_FIELD(struct settings, u8, UNSIGNED),
    JSON_FIELD(struct settings, u16, UNSIGNED, .required = true, .min = 10, .max = 60000),
    JSON_FIELD(struct settings, u32, UNSIGNED),
    JSON_FIELD(struct settings, u64, UNSIGNED),
    JSON_FIELD(struct settings, i8, SIGNED),
    JSON_FIELD(struct settings, i16, SIGNED, .min = -40, .max = -5),
    JSON_FIELD(struct settings, i32, SIGNED),
    JSON_FIELD(struct settings, i64, SIGNED),
    {.name = "\xC2\xB0"
             "C",
     JSON_AT(struct settings, degrees, FIXED),
     .decimals = 1,
     .min = -400,
     .max = 850},
    JSON_FIELD(struct settings, on, BOOL),
    JSON_FIELD(struct settings, name, STRING),
    JSON_FIELD(struct settings, text, TEXT),
    JSON_FIELD(struct settings, inner, OBJECT, .fields = inner_table, .field_count = JSON_COUNT(inner_table)),
};

static const struct settings example = {
    .u8 = 255,
    .u16 = 60000,
    .u32 = UINT32_MAX,
    .u64 = UINT64_MAX,
    .i8 = -128,
    .i16 = -40,
    .i32 = INT32_MIN,
    .i64 = INT64_MIN,
    .degrees = -235,
    .on = true,
    .name = "sieben7",
    .text = "fixed",
    .inner = {.small = -1, .on = true},
};

static const char example_text[] =
    "{\"u8\":255,\"u16\":60000,\"u32\":4294967295,\"u64\":18446744073709551615,\"i8\":-128,\"i16\":-40,"
    "\"i32\":-2147483648,\"i64\":-9223372036854775808,\"\xC2\xB0"
    "C\":-23.5,\"on\":true,\"name\":\"sieben7\","
    "\"text\":\"fixed\",\"inner\":{\"small\":-1,\"on\":true}}";

TEST(json_table_writes)
{
    struct json_writer *w = fresh();
    json_object_begin(w);
    json_put_fields(w, table, JSON_COUNT(table), &example);
    json_object_end(w);
    CHECK_STRING(written(), example_text);
    CHECK(json_whole(w));

    static const struct json_field name[] = {JSON_FIELD(struct settings, name, STRING)};
    struct settings full = {.name = {'8', ' ', 'b', 'y', 't', 'e', 's', '!'}};
    json_object_begin(w = fresh());
    json_put_fields(w, name, 1, &full);
    json_put_fields(w, table + 11, 1, &full);
    json_object_end(w);
    CHECK_STRING(written(), "{\"name\":\"8 bytes!\",\"text\":null}");

    json_array_begin(w = fresh());
    json_put_fields(w, name, 1, &full);
    CHECK(w->misuse);
}

static struct json_reader taken;

static const char *take(const char *text, struct settings *settings, unsigned flags)
{
    taken = reader_over(text, strlen(text));
    bool all = json_take_fields(&taken, table, JSON_COUNT(table), settings, flags);
    CHECK_EQUAL(all, taken.error == NULL);
    if (all && json_next(&taken) == JSON_END)
        return "";
    CHECK(taken.error != NULL);
    return taken.error;
}

static bool equal(const struct settings *a, const struct settings *b)
{
    return a->u8 == b->u8 && a->u16 == b->u16 && a->u32 == b->u32 && a->u64 == b->u64 && a->i8 == b->i8 &&
           a->i16 == b->i16 && a->i32 == b->i32 && a->i64 == b->i64 && a->degrees == b->degrees &&
           a->on == b->on && strcmp(a->name, b->name) == 0 && a->text == b->text &&
           a->inner.small == b->inner.small && a->inner.on == b->inner.on;
}

TEST(json_table_reads)
{
    struct settings *settings = calloc(1, sizeof *settings); /* the sanitizer guards its end */
    char text[sizeof example_text], *fixed_text;
    memcpy(text, example_text, sizeof text);
    fixed_text = strstr(text, "\"text\":\"fixed\","); /* what can't be set is left out */
    memmove(fixed_text, fixed_text + 15, strlen(fixed_text + 15) + 1);
    settings->text = example.text;
    CHECK_STRING(take(text, settings, 0), "");
    CHECK(equal(settings, &example));

    /* What is absent keeps its value; in any order; escaped names are the same names. */
    CHECK_STRING(take(" { \"\\u006fn\" : false , \"u16\" : 1.0e1 } ", settings, 0), "");
    struct settings wanted = example;
    wanted.on = false;
    wanted.u16 = 10;
    CHECK(equal(settings, &wanted));
    free(settings);
}

static void table_refuses(const char *text, unsigned flags, const char *why, const char *member)
{
    struct settings settings = example;
    CHECK_STRING(take(text, &settings, flags), why);
    CHECK_STRING(taken.member == NULL ? "none" : taken.member, member);
}

TEST(json_table_refuses)
{
    table_refuses("{}", 0, "member missing", "u16");
    table_refuses("[]", 0, "object expected", "none");
    table_refuses("{\"u16\":10,\"u16\":10}", 0, "member given twice", "u16");
    table_refuses("{\"u16\":10,\"u\\u00316\":10}", 0, "member given twice", "u16");
    table_refuses("{\"u16\":9}", 0, "out of range", "u16");
    table_refuses("{\"u16\":60001}", 0, "out of range", "u16");
    table_refuses("{\"u16\":10.5}", 0, "whole number expected", "u16");
    table_refuses("{\"u16\":\"10\"}", 0, "number expected", "u16");
    table_refuses("{\"u16\":null}", 0, "number expected", "u16");
    table_refuses("{\"u16\":10,\"u8\":256}", 0, "out of range", "u8");
    table_refuses("{\"u16\":10,\"u8\":-1}", 0, "out of range", "u8");
    table_refuses("{\"u16\":10,\"u32\":4294967296}", 0, "out of range", "u32");
    table_refuses("{\"u16\":10,\"u64\":18446744073709551616}", 0, "out of range", "u64");
    table_refuses("{\"u16\":10,\"i8\":128}", 0, "out of range", "i8");
    table_refuses("{\"u16\":10,\"i8\":-129}", 0, "out of range", "i8");
    table_refuses("{\"u16\":10,\"i16\":-4}", 0, "out of range", "i16");
    table_refuses("{\"u16\":10,\"i16\":5}", 0, "out of range", "i16");
    table_refuses("{\"u16\":10,\"i32\":2147483648}", 0, "out of range", "i32");
    table_refuses("{\"u16\":10,\"i64\":9223372036854775808}", 0, "out of range", "i64");
    table_refuses("{\"u16\":10,\"\xC2\xB0"
                  "C\":85.1}",
                  0, "out of range",
                  "\xC2\xB0"
                  "C");
    table_refuses("{\"u16\":10,\"\xC2\xB0"
                  "C\":0.05}",
                  0, "too many decimals",
                  "\xC2\xB0"
                  "C");
    table_refuses("{\"u16\":10,\"on\":1}", 0, "true or false expected", "on");
    table_refuses("{\"u16\":10,\"name\":\"8 bytes!\"}", 0, "string too long", "name");
    CHECK_EQUAL(taken.needed, 9);
    table_refuses("{\"u16\":10,\"name\":\"\\u0000\"}", 0, "zero in a string", "name");
    table_refuses("{\"u16\":10,\"text\":\"x\"}", 0, "not to be set", "text");
    table_refuses("{\"u16\":10,\"inner\":{}}", 0, "member missing", "small");
    table_refuses("{\"u16\":10,\"inner\":{\"small\":128}}", 0, "out of range", "small");
    table_refuses("{\"u16\":10,\"inner\":{\"big\":1}}", 0, "unknown member", "inner");
    table_refuses("{\"u16\":10,\"inner\":[]}", 0, "object expected", "inner");
    table_refuses("{\"u16\":10,\"x\":1}", 0, "unknown member", "none");
    table_refuses("{\"u16\":10,\"u\":1}", 0, "unknown member", "none");
    table_refuses("{\"u16\":10,\"x\":[1,{\"u16\":2}],\"y\":{}}", JSON_UNKNOWN_SKIPPED, "", "none");
    table_refuses("{\"u16\":10,\"x\":[1,}", JSON_UNKNOWN_SKIPPED, "value expected", "none");
    table_refuses("{\"u16\":10,\"inner\":{\"small\":1,\"big\":[]}}", JSON_UNKNOWN_SKIPPED, "", "none");
    table_refuses("{\"u16\":10} x", 0, "text behind the value", "none");
    table_refuses("{\"u16\":10,}", 0, "key expected", "none");
    table_refuses("{\"u16\":10", 0, "comma or end expected", "none");
    table_refuses("{\"u16\":01", 0, "zero before a number", "u16");
}

/* A bound of zero is one, if the other isn't zero; without bounds, all that the type holds is taken. */
TEST(json_table_bounds)
{
    static const struct json_field bounds[] = {
        JSON_FIELD(struct settings, u8, UNSIGNED, .max = 100),
        JSON_FIELD(struct settings, u32, UNSIGNED, .max = 3000000000),
        JSON_FIELD(struct settings, i8, SIGNED, .min = -5),
        JSON_FIELD(struct settings, i16, SIGNED, .max = 5),
    };
    static const struct {
        const char *text;
        bool taken;
    } cases[] = {
        {"{\"u8\":100}", true},          {"{\"u8\":101}", false}, {"{\"u8\":0}", true},
        {"{\"i8\":-5}", true},           {"{\"i8\":-6}", false},  {"{\"i8\":0}", true},
        {"{\"i8\":1}", false},           {"{\"i16\":5}", true},   {"{\"i16\":6}", false},
        {"{\"i16\":0}", true},           {"{\"i16\":-1}", false}, {"{\"u32\":3000000000}", true},
        {"{\"u32\":3000000001}", false},
    };
    for (size_t i = 0; i < JSON_COUNT(cases); i++) {
        struct settings settings = example;
        struct json_reader r = reader_over(cases[i].text, strlen(cases[i].text));
        if (json_take_fields(&r, bounds, JSON_COUNT(bounds), &settings, 0) != cases[i].taken)
            TEST_FAIL("%s: %s", cases[i].text, cases[i].taken ? r.error : "taken");
    }
    static const char *const ends[][2] = {
        {"u8", "0"},
        {"u8", "255"},
        {"u32", "0"},
        {"u32", "4294967295"},
        {"u64", "0"},
        {"i8", "-128"},
        {"i8", "127"},
        {"i32", "-2147483648"},
        {"i32", "2147483647"},
        {"i64", "-9223372036854775808"},
        {"i64", "9223372036854775807"},
        {"i64", "0"},
    };
    for (size_t i = 0; i < JSON_COUNT(ends); i++) {
        char text[80], wanted[80];
        struct settings settings = example;
        snprintf(text, sizeof text, "{\"u16\":10,\"%s\":%s}", ends[i][0], ends[i][1]);
        CHECK_STRING(take(text, &settings, 0), "");
        json_object_begin(fresh());
        json_put_fields(&output.w, table, JSON_COUNT(table), &settings);
        snprintf(wanted, sizeof wanted, "\"%s\":%s,", ends[i][0], ends[i][1]);
        CHECK(strstr(written(), wanted) != NULL);
    }
}

static void error_check(const char *text, const char *wanted)
{
    struct settings settings = example;
    take(text, &settings, 0);
    json_put_error(fresh(), &taken);
    CHECK_STRING(written(), wanted);
}

TEST(json_errors_written)
{
    error_check("{\"u16\": 9}", "{\"error\":\"out of range\",\"member\":\"u16\",\"at\":8}");
    error_check("{\"u16\":10,\"n\xC3\xBC\":1}",
                "{\"error\":\"unknown member\",\"member\":\"n\xC3\xBC\",\"at\":10}");
    error_check("{\"u16\":", "{\"error\":\"value expected\",\"member\":\"u16\",\"at\":7}");
    error_check("[]", "{\"error\":\"object expected\",\"at\":0}");
    error_check("{}", "{\"error\":\"member missing\",\"member\":\"u16\",\"at\":1}");
}

/* As docs/json.md and the header have it. */
struct product {
    uint32_t interval_ms;
    int16_t alarm;
    char name[24];
};

static const struct json_field product_table[] = {
    JSON_FIELD(struct product, interval_ms, UNSIGNED, .required = true, .min = 10, .max = 60000),
    JSON_FIELD(struct product, alarm, FIXED, .decimals = 1, .min = -400, .max = 850),
    JSON_FIELD(struct product, name, STRING),
};

static struct product product = {.interval_ms = 100, .alarm = 235, .name = "before"};

static const char *product_put(const char *body)
{
    struct product wanted = product;
    struct json_reader r = reader_over(body, strlen(body));
    if (!json_take_fields(&r, product_table, JSON_COUNT(product_table), &wanted, 0) ||
        json_next(&r) != JSON_END) {
        json_put_error(fresh(), &r);
    } else {
        product = wanted;
        json_object_begin(fresh());
        json_put_fields(&output.w, product_table, JSON_COUNT(product_table), &product);
        json_object_end(&output.w);
    }
    return written();
}

TEST(json_settings_of_a_product)
{
    CHECK_STRING(product_put("{\"interval_ms\":5}"),
                 "{\"error\":\"out of range\",\"member\":\"interval_ms\",\"at\":15}");
    CHECK_STRING(product_put("{\"name\":\"after\",\"interval_ms\":20,\"alarm\":-1.05}"),
                 "{\"error\":\"too many decimals\",\"member\":\"alarm\",\"at\":41}");
    CHECK_STRING(product.name, "before");
    CHECK_STRING(product_put("{\"interval_ms\":2e1,\"alarm\":-1.0}"),
                 "{\"interval_ms\":20,\"alarm\":-1.0,\"name\":\"before\"}");
}

TEST(json_table_has_a_bound)
{
    static struct json_field long_table[33];
    for (size_t i = 0; i < 33; i++)
        long_table[i] = (struct json_field)JSON_FIELD(struct settings, on, BOOL);
    struct settings settings = example;
    struct json_reader r = READER("{\"on\":false}");
    CHECK(!json_take_fields(&r, long_table, 33, &settings, 0));
    CHECK_STRING(r.error, "table too long");
    r = READER("{\"on\":false}");
    CHECK(json_take_fields(&r, long_table, 32, &settings, 0));
    CHECK(!settings.on);
}

/* ---- Both ---- */

static uint32_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)random_state * bound >> 32);
}

static void random_string(char *bytes, size_t *length)
{
    static const char *const parts[] = {
        "a", "\"", "\\", "\n", "\x01", "/", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9D\x84\x9E", "{}", "[,:"};
    *length = 0;
    for (uint32_t count = random_below(5); count > 0; count--) {
        const char *part = parts[random_below(JSON_COUNT(parts))];
        memcpy(bytes + *length, part, strlen(part));
        *length += strlen(part);
    }
    if (random_below(8) == 0)
        bytes[(*length)++] = 0;
}

static void random_value(struct json_writer *w, unsigned depth)
{
    char bytes[32];
    size_t length;
    uint64_t bits = (uint64_t)random_below(UINT32_MAX) << 32 | random_below(UINT32_MAX);
    bits >>= random_below(64);
    switch (random_below(depth < 5 ? 9 : 7)) {
    case 0: json_put_null(w); break;
    case 1: json_put_bool(w, (bits & 1) != 0); break;
    case 2: json_put_u64(w, bits); break;
    case 3: json_put_i64(w, -(int64_t)(bits >> 1)); break;
    case 4: json_put_fixed(w, (int64_t)(bits << 1), random_below(20)); break;
    case 5:
    case 6:
        random_string(bytes, &length);
        json_put_string_bytes(w, bytes, length);
        break;
    case 7:
        json_array_begin(w);
        for (uint32_t count = random_below(5); count > 0; count--)
            random_value(w, depth + 1);
        json_array_end(w);
        break;
    default:
        json_object_begin(w);
        for (uint32_t count = random_below(5); count > 0; count--) {
            json_put_key(w, count % 2 == 0 ? "\"odd\\ \t\xC3\xBC" : "even");
            random_value(w, depth + 1);
        }
        json_object_end(w);
    }
}

/* Read tokens and write them again, numbers with 19 decimals at most. */
static void copy_tokens(struct json_reader *r, struct json_writer *w)
{
    char bytes[64];
    size_t length;
    for (;;) {
        switch (json_next(r)) {
        case JSON_KEY:
            CHECK(json_take_key(r, bytes, sizeof bytes, &length) && strlen(bytes) == length);
            json_put_key(w, bytes);
            break;
        case JSON_STRING:
            CHECK(json_take_string(r, bytes, sizeof bytes, &length));
            json_put_string_bytes(w, bytes, length);
            break;
        case JSON_NUMBER: {
            const char *point = memchr(r->begin, '.', r->size);
            unsigned decimals = point == NULL ? 0 : (unsigned)(r->begin + r->size - point - 1);
            uint64_t number;
            int64_t value;
            if (decimals == 0 && *r->begin != '-') {
                CHECK(json_take_u64(r, 0, UINT64_MAX, &number));
                json_put_u64(w, number);
            } else {
                CHECK(json_take_fixed(r, decimals, INT64_MIN, INT64_MAX, &value));
                json_put_fixed(w, value, decimals);
            }
            break;
        }
        case JSON_TRUE: json_put_bool(w, true); break;
        case JSON_FALSE: json_put_bool(w, false); break;
        case JSON_NULL: json_put_null(w); break;
        case JSON_OBJECT_BEGIN: json_object_begin(w); break;
        case JSON_OBJECT_END: json_object_end(w); break;
        case JSON_ARRAY_BEGIN: json_array_begin(w); break;
        case JSON_ARRAY_END: json_array_end(w); break;
        case JSON_END: return;
        default: TEST_FAIL("%s at %zu", r->error, r->error_at);
        }
    }
}

TEST(json_round_trips)
{
    static char first[1 << 20];
    size_t containers = 0;
    for (random_state = 1; random_state < 20000 * 7; random_state += 7) {
        uint32_t seed = random_state;
        struct text text = text_over(first, sizeof first);
        struct json_writer w = json_writer_over(&text);
        random_value(&w, 0);
        random_state = seed;
        CHECK(json_whole(&w) && !text.overflow);
        containers += text.length > 200;
        char *again = malloc(text.length);
        struct text copy = text_over(again, text.length);
        struct json_writer v = json_writer_over(&copy);
        struct json_reader r = reader_over(first, text.length);
        copy_tokens(&r, &v);
        CHECK(json_whole(&v) && !copy.overflow);
        CHECK_EQUAL(copy.length, text.length);
        CHECK_BYTES(again, first, text.length);
        free(again);
    }
    CHECK(containers > 100);
}

TEST_MAIN()
