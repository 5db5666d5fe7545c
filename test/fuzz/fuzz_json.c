/*
 * Fuzz JSON. First byte even: the rest is a text to be read; what is accepted can be written again and gives the same tokens,
 * skipping gives the same end as reading, a table takes no more than the reader. First byte odd: the rest are calls of the
 * writer, right and wrong ones; what it calls whole, the reader accepts. All memory has exactly the size that is told.
 *
 * LINK: wire/json_write.c wire/json_read.c wire/text.c wire/utf8.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

/* One reading of a text: its tokens, and the text as the writer would write it. */
struct copy {
    char *bytes, *tokens;
    size_t length, count;
    bool good;
};

static void put_number(struct json_reader *r, struct json_writer *w)
{
    for (unsigned decimals = 0; decimals <= 19; decimals++) {
        struct json_reader again = *r;
        int64_t value;
        uint32_t value32 = 0;
        if (!json_take_fixed(&again, decimals, INT64_MIN, INT64_MAX, &value))
            continue;
        again = *r;
        bool is32 = json_take_u32(&again, 0, UINT32_MAX, &value32);
        REQUIRE(decimals > 0 || is32 == (value >= 0 && value <= UINT32_MAX));
        REQUIRE(decimals > 0 || !is32 || value32 == (uint32_t)value);
        again = *r;
        REQUIRE(!json_take_fixed(&again, decimals, value == INT64_MIN ? value + 1 : INT64_MIN,
                                 value == INT64_MIN ? INT64_MAX : value - 1, &value));
        json_put_fixed(w, value, decimals);
        return;
    }
    json_put_null(w); /* too large, too fine: no call takes it */
}

/* The writer's keys end at a zero; so does this one's. */
static void put_string(struct json_reader *r, struct json_writer *w, bool key)
{
    size_t size = r->size + 1, length;
    char *string = malloc(size);
    struct json_reader again = *r;
    REQUIRE(key ? json_take_key(&again, string, size, &length)
                : json_take_string(&again, string, size, &length));
    REQUIRE(length < size && string[length] == 0);
    REQUIRE(json_is(r, string) == (strlen(string) == length));
    char *short_of_it = malloc(length);
    REQUIRE(!(key ? json_take_key : json_take_string)(&again, short_of_it, length, &length));
    REQUIRE(again.needed == length + 1);
    free(short_of_it);
    if (key)
        json_put_key(w, string);
    else
        json_put_string_bytes(w, string, length);
    free(string);
}

static void token_put(struct json_reader *r, struct json_writer *w, enum json_token token)
{
    switch (token) {
    case JSON_KEY: put_string(r, w, true); break;
    case JSON_STRING: put_string(r, w, false); break;
    case JSON_NUMBER: put_number(r, w); break;
    case JSON_TRUE: json_put_bool(w, true); break;
    case JSON_FALSE: json_put_bool(w, false); break;
    case JSON_NULL: json_put_null(w); break;
    case JSON_OBJECT_BEGIN: json_object_begin(w); break;
    case JSON_OBJECT_END: json_object_end(w); break;
    case JSON_ARRAY_BEGIN: json_array_begin(w); break;
    case JSON_ARRAY_END: json_array_end(w); break;
    default: break;
    }
}

/* Where a value that begins here ends by skipping; NULL: nowhere, the text is wrong. */
static const char *skipped(struct json_reader r)
{
    return json_skip(&r) ? r.at : NULL;
}

static struct copy copy_make(const char *text, size_t length)
{
    size_t room = 8 * length + 64; /* a number grows most: 1e18; a control character becomes six */
    struct copy copy = {.bytes = malloc(room + length), .tokens = malloc(length + 2)};
    struct text out = text_over(copy.bytes, room + length);
    struct json_writer w = json_writer_over(&out);
    struct json_reader r = json_reader_over(text, length);
    const char *ends[JSON_DEPTH_MAX + 1];
    for (;;) {
        enum json_token token = json_next(&r);
        REQUIRE(copy.count < length + 2 && r.at <= r.end && r.begin <= r.at && r.end == text + length &&
                r.depth <= JSON_DEPTH_MAX);
        REQUIRE((token == JSON_ERROR) == (r.error != NULL) && r.error_at <= length);
        copy.tokens[copy.count++] = (char)token;
        if (token == JSON_ERROR || token == JSON_END) {
            copy.good = token == JSON_END;
            break;
        }
        if (token == JSON_OBJECT_BEGIN || token == JSON_ARRAY_BEGIN)
            ends[r.depth] = skipped(r);
        if (token == JSON_OBJECT_END || token == JSON_ARRAY_END)
            REQUIRE(ends[r.depth + 1] == r.at);
        token_put(&r, &w, token);
    }
    REQUIRE(!w.misuse && !out.overflow && json_whole(&w) >= copy.good);
    copy.length = out.length;
    return copy;
}

static void copy_free(struct copy *copy)
{
    free(copy->bytes);
    free(copy->tokens);
}

struct settings {
    uint32_t a;
    int16_t b;
    bool c;
    char d[5];
};

static const struct json_field inner[] = {
    JSON_FIELD(struct settings, c, BOOL, .required = true),
};

static const struct json_field table[] = {
    JSON_FIELD(struct settings, a, UNSIGNED, .min = 1, .max = 9),
    JSON_FIELD(struct settings, b, FIXED, .decimals = 2),
    JSON_FIELD(struct settings, d, STRING),
    {.name = "o", .type = JSON_FIELD_OBJECT, .fields = inner, .field_count = JSON_COUNT(inner)},
};

static void table_try(const char *text, size_t length, unsigned flags, bool good)
{
    struct settings *settings = malloc(sizeof *settings);
    struct json_reader r = json_reader_over(text, length);
    char bytes[128];
    struct text out = text_over(bytes, sizeof bytes);
    struct json_writer w = json_writer_over(&out);
    *settings = (struct settings){.a = 5};
    if (json_take_fields(&r, table, JSON_COUNT(table), settings, flags) && json_next(&r) == JSON_END) {
        REQUIRE(good);
        REQUIRE(settings->a >= 1 && settings->a <= 9 && memchr(settings->d, 0, sizeof settings->d) != NULL);
    } else {
        REQUIRE(r.error != NULL && r.error_at <= length);
        json_put_error(&w, &r);
        REQUIRE(out.overflow || json_whole(&w));
    }
    free(settings);
}

static void read_try(const char *text, size_t length)
{
    struct copy first = copy_make(text, length);
    struct json_reader r = json_reader_over(text, length);
    REQUIRE((json_skip(&r) && json_next(&r) == JSON_END) == first.good);
    table_try(text, length, 0, first.good);
    table_try(text, length, JSON_UNKNOWN_SKIPPED, first.good);
    if (first.good) {
        char *exact = malloc(first.length);
        memcpy(exact, first.bytes, first.length);
        struct copy second = copy_make(exact, first.length);
        REQUIRE(second.good && second.count == first.count);
        for (size_t i = 0; i < first.count; i++)
            REQUIRE(first.tokens[i] == second.tokens[i] ||
                    (first.tokens[i] == JSON_NUMBER && second.tokens[i] == JSON_NULL));
        REQUIRE(second.length == first.length && memcmp(second.bytes, first.bytes, first.length) == 0);
        copy_free(&second);
        free(exact);
    }
    copy_free(&first);
}

/* Calls of the writer, each by one byte; strings are the bytes behind it. */
static void write_call(struct json_writer *w, const uint8_t *data, size_t left)
{
    size_t length = data[0] >> 4 < left ? data[0] >> 4 : left - 1;
    char *exact = malloc(length + 1);
    memcpy(exact, data + 1, length);
    exact[length] = 0;
    switch (data[0] & 15) {
    case 0:
    case 1: json_object_begin(w); break;
    case 2:
    case 3: json_object_end(w); break;
    case 4: json_array_begin(w); break;
    case 5: json_array_end(w); break;
    case 6:
    case 7:
    case 8: json_put_key(w, exact); break;
    case 9: json_put_string(w, exact); break;
    case 10: json_put_string_bytes(w, exact, length); break;
    case 11: json_put_u64(w, (uint64_t)data[0] << 56 | data[left - 1]); break;
    case 12: json_put_i32(w, -(int32_t)data[left - 1] * 1234567); break;
    case 13: json_put_fixed(w, (int64_t)data[left - 1] - 128, data[0] >> 3); break;
    case 14: json_put_bool(w, data[0] >> 7); break;
    default: json_put_null(w);
    }
    free(exact);
}

static void write_try(const uint8_t *data, size_t size, size_t capacity)
{
    char *bytes = malloc(capacity), *whole = malloc(64 * size + 64);
    struct text out = text_over(bytes, capacity), all = text_over(whole, 64 * size + 64);
    struct json_writer w = json_writer_over(&out), v = json_writer_over(&all);
    size_t done = 0;
    for (size_t at = 0; at < size; at++) {
        struct json_mark mark = json_mark(&w);
        write_call(&v, data + at, size - at);
        write_call(&w, data + at, size - at);
        if (!json_fits(&w, mark)) { /* the next piece */
            REQUIRE(memcmp(bytes, whole + done, out.length) == 0);
            done += out.length;
            out.length = 0;
            write_call(&w, data + at, size - at);
        }
        if (out.overflow) /* longer than a piece */
            break;
        REQUIRE(w.depth == v.depth && w.arrays == v.arrays && w.key == v.key && w.misuse == v.misuse);
    }
    REQUIRE(out.length <= capacity && !all.overflow);
    REQUIRE(memcmp(bytes, whole + done, out.length) == 0);
    struct json_reader r = json_reader_over(whole, all.length);
    if (json_whole(&v))
        REQUIRE(json_skip(&r) && json_next(&r) == JSON_END);
    free(bytes);
    free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    if (data[0] % 2 != 0) {
        write_try(data + 1, size - 1, data[0]);
        return 0;
    }
    char *exact = malloc(size - 1);
    memcpy(exact, data + 1, size - 1);
    read_try(exact, size - 1);
    free(exact);
    return 0;
}
