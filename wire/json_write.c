/*
 * JSON written; see the header. A value first asks value_begin for its place, which sets the comma; runs
 * of a string that need no escape are copied while they are looked at: for names of some ten letters quicker than memcpy.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/json.h"

#include <string.h>

#include "wire/utf8.h"

#define LENGTH_BY_ZERO SIZE_MAX
#define DECIMALS_MAX   19

static void put_char(struct text *t, char c)
{
    if (t->overflow || t->length == t->capacity) {
        t->overflow = true;
        return;
    }
    t->bytes[t->length++] = c;
}

static bool in_object(const struct json_writer *w)
{
    return w->depth > 0 && (w->arrays & 1) == 0;
}

/* The place of a value, with the comma before it. False: it may not stand here. */
static bool value_begin(struct json_writer *w)
{
    if (w->misuse || in_object(w) != w->key || (w->depth == 0 && w->more)) {
        w->misuse = true;
        return false;
    }
    if (w->more && !w->key) {
        put_char(w->out, ',');
    }
    w->key = false;
    w->more = true;
    return true;
}

static void begin(struct json_writer *w, bool array)
{
    w->misuse |= w->depth >= JSON_DEPTH_MAX;
    if (!value_begin(w)) {
        return;
    }
    put_char(w->out, array ? '[' : '{');
    w->arrays = (uint16_t)(w->arrays << 1 | array);
    w->depth++;
    w->more = false;
}

static void end(struct json_writer *w, bool array)
{
    if (w->misuse || w->depth == 0 || w->key || (w->arrays & 1) != array) {
        w->misuse = true;
        return;
    }
    put_char(w->out, array ? ']' : '}');
    w->arrays >>= 1;
    w->depth--;
    w->more = true;
}

void json_object_begin(struct json_writer *w)
{
    begin(w, false);
}

void json_object_end(struct json_writer *w)
{
    end(w, false);
}

void json_array_begin(struct json_writer *w)
{
    begin(w, true);
}

void json_array_end(struct json_writer *w)
{
    end(w, true);
}

/* Put a byte to `at`, if it is inside; returns the next place. A string or number is counted to its end so, and kept if
 * all of it fitted. */
static inline __attribute__((always_inline)) size_t put_at(char *bytes, size_t at, size_t capacity, char c)
{
    if (at < capacity) {
        bytes[at] = c;
    }
    return at + 1;
}

static __attribute__((noinline)) size_t put_all_at(const struct text *t, size_t at, const char *bytes,
                                                   size_t length)
{
    for (const char *end = bytes + length; bytes < end; bytes++) {
        at = put_at(t->bytes, at, t->capacity, *bytes);
    }
    return at;
}

static void keep(struct text *t, size_t length)
{
    if (t->overflow || length > t->capacity) {
        t->overflow = true;
    } else {
        t->length = length;
    }
}

/* A control character, a quote or a backslash (chapter 7). */
static __attribute__((noinline)) size_t put_escape_at(const struct text *t, size_t at, unsigned char c)
{
    static const char letters[] = "btn\vfr"; /* from U+0008 on; U+000B has none */
    char escape[6] = {'\\', (char)c};
    size_t length = 2;

    if (c < 0x20) {
        unsigned low = c & 15;

        escape[1] = 'u';
        escape[2] = escape[3] = '0';
        escape[4] = (char)('0' + (c >> 4));
        escape[5] = (char)(low < 10 ? '0' + low : 'a' - 10 + low);
        length = 6;
        if (c - 8u < 6 && c != '\v') {
            escape[1] = letters[c - 8];
            length = 2;
        }
    }
    return put_all_at(t, at, escape, length);
}

/* Bytes of the character above U+007F that begins here; 0: none does. */
static __attribute__((noinline)) size_t wide_length(const char *bytes, size_t length)
{
    struct utf8 u;
    size_t n = 0;

    utf8_begin(&u);
    do {
        if (n == length || !utf8_check(&u, bytes + n, 1)) {
            return 0;
        }
        n++;
    } while (!utf8_complete(&u));
    return n;
}

/* Needs no escape; letters are found by the first comparison. */
static inline bool plain(unsigned c)
{
    return c - 0x5D <= 0x7F - 0x5D || (c - 0x20 <= 0x5B - 0x20 && c != '"');
}

/* Copy what needs no escape and fits: the most of all strings. Returns how much that was. */
static inline __attribute__((always_inline)) size_t plain_copy(char *to, const char *from, size_t length)
{
    size_t i = 0;

    for (; i < length && plain((unsigned char)from[i]); i++) {
        to[i] = from[i];
    }
    return i;
}

static void put_quoted(struct text *t, char before, const char *string, size_t length, char after)
{
    char *const bytes = t->bytes;
    const size_t capacity = t->capacity;
    size_t at = t->length, i = 0, count;

    if (before != 0) {
        at = put_at(bytes, at, capacity, before);
    }
    at = put_at(bytes, at, capacity, '"');
    while (i < length) {
        unsigned char c;

        if (at < capacity) {
            count =
                plain_copy(bytes + at, string + i, length - i < capacity - at ? length - i : capacity - at);
            at += count;
            i += count;
            if (i == length) {
                break;
            }
        }
        c = (unsigned char)string[i];
        if (c == 0 && length == LENGTH_BY_ZERO) {
            break;
        }
        count = c < 0x80 ? 1 : wide_length(string + i, length - i);
        if (count == 0) {
            at = put_all_at(t, at, "\xEF\xBF\xBD", 3);
            count = 1;
        } else if (c >= 0x80 || plain(c)) {
            at = put_all_at(t, at, string + i, count);
        } else {
            at = put_escape_at(t, at, c);
        }
        i += count;
    }
    at = put_at(bytes, at, capacity, '"');
    if (after != 0) {
        at = put_at(bytes, at, capacity, after);
    }
    keep(t, at);
}

void json_put_key(struct json_writer *w, const char *name)
{
    if (w->misuse || w->key || !in_object(w)) {
        w->misuse = true;
        return;
    }
    put_quoted(w->out, w->more ? ',' : 0, name, LENGTH_BY_ZERO, ':');
    w->key = true;
}

void json_put_string_bytes(struct json_writer *w, const char *bytes, size_t length)
{
    if (value_begin(w)) {
        put_quoted(w->out, 0, bytes, length, 0);
    }
}

void json_put_string(struct json_writer *w, const char *string)
{
    if (string == NULL) {
        json_put_null(w);
    } else {
        json_put_string_bytes(w, string, LENGTH_BY_ZERO);
    }
}

/* Divides by ten, returns the rest: by 16 bits at a time, since the processor divides 32 bits and no more. */
static unsigned divide_by_10(uint64_t *value)
{
    uint32_t high = (uint32_t)(*value >> 32), low = (uint32_t)*value, middle;

    middle = (high % 10) << 16 | low >> 16;
    low = (middle % 10) << 16 | (low & 0xFFFF);
    *value = (uint64_t)(high / 10) << 32 | (middle / 10) << 16 | low / 10;
    return low % 10;
}

static void put_number(struct json_writer *w, uint64_t value, bool negative, unsigned decimals)
{
    char digits[DECIMALS_MAX + 1], *const end = digits + sizeof digits, *first = end;
    uint32_t low;
    size_t at;

    w->misuse |= decimals > DECIMALS_MAX;
    if (!value_begin(w)) {
        return;
    }
    while (value > UINT32_MAX) {
        *--first = (char)('0' + divide_by_10(&value));
    }
    for (low = (uint32_t)value; low != 0 || end - first <= (int)decimals; low /= 10) {
        *--first = (char)('0' + low % 10);
    }
    at = w->out->length;
    if (negative) {
        at = put_all_at(w->out, at, "-", 1);
    }
    at = put_all_at(w->out, at, first, (size_t)(end - first) - decimals);
    if (decimals > 0) {
        at = put_all_at(w->out, at, ".", 1);
        at = put_all_at(w->out, at, end - decimals, decimals);
    }
    keep(w->out, at);
}

void json_put_fixed(struct json_writer *w, int64_t value, unsigned decimals)
{
    put_number(w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, decimals);
}

void json_put_u32(struct json_writer *w, uint32_t value)
{
    put_number(w, value, false, 0);
}

void json_put_u64(struct json_writer *w, uint64_t value)
{
    put_number(w, value, false, 0);
}

void json_put_i64(struct json_writer *w, int64_t value)
{
    json_put_fixed(w, value, 0);
}

void json_put_i32(struct json_writer *w, int32_t value)
{
    json_put_fixed(w, value, 0);
}

static void put_literal(struct json_writer *w, const char *literal)
{
    if (value_begin(w)) {
        text_put(w->out, literal);
    }
}

void json_put_bool(struct json_writer *w, bool value)
{
    put_literal(w, value ? "true" : "false");
}

void json_put_null(struct json_writer *w)
{
    put_literal(w, "null");
}

void json_put_member_u32(struct json_writer *w, const char *name, uint32_t value)
{
    json_put_key(w, name);
    json_put_u32(w, value);
}

void json_put_member_string(struct json_writer *w, const char *name, const char *string)
{
    json_put_key(w, name);
    json_put_string(w, string);
}

void json_put_member_bool(struct json_writer *w, const char *name, bool value)
{
    json_put_key(w, name);
    json_put_bool(w, value);
}

bool json_fits(struct json_writer *w, struct json_mark mark)
{
    struct text *out = mark.writer.out;

    if (!out->overflow) {
        return true;
    }
    *w = mark.writer;
    out->length = mark.length;
    out->overflow = false;
    return false;
}

bool json_stream(struct json_writer *w, struct text *out, unsigned *step, json_step *write, void *context)
{
    bool more = true;

    for (w->out = out; more && !w->misuse; (*step)++) {
        struct json_mark mark = json_mark(w);

        more = write(w, context, *step);
        if (!json_fits(w, mark)) {
            return true;
        }
    }
    return more && !w->misuse;
}

/* A number of a struct, sign extended where it has one. */
static uint64_t number_load(const struct json_field *f, const void *from)
{
    bool sign = f->type != JSON_FIELD_UNSIGNED;
    uint64_t value64;
    uint32_t value32;
    uint16_t value16;
    uint8_t value8;

    switch (f->size) {
    case 1: memcpy(&value8, from, 1); return sign ? (uint64_t)(int8_t)value8 : value8;
    case 2: memcpy(&value16, from, 2); return sign ? (uint64_t)(int16_t)value16 : value16;
    case 4: memcpy(&value32, from, 4); return sign ? (uint64_t)(int32_t)value32 : value32;
    default: memcpy(&value64, from, 8); return value64;
    }
}

static void put_field_string(struct json_writer *w, const struct json_field *f, const char *from)
{
    const char *zero = memchr(from, 0, f->size);

    json_put_string_bytes(w, from, zero != NULL ? (size_t)(zero - from) : f->size);
}

void json_put_fields(struct json_writer *w, const struct json_field *fields, size_t count, const void *base)
{
    for (const struct json_field *f = fields; f < fields + count; f++) {
        const char *from = (const char *)base + f->offset;
        const char *text;

        json_put_key(w, f->name);
        switch (f->type) {
        case JSON_FIELD_UNSIGNED: json_put_u64(w, number_load(f, from)); break;
        case JSON_FIELD_SIGNED:
        case JSON_FIELD_FIXED: json_put_fixed(w, (int64_t)number_load(f, from), f->decimals); break;
        case JSON_FIELD_BOOL: json_put_bool(w, *(const bool *)from); break;
        case JSON_FIELD_STRING: put_field_string(w, f, from); break;
        case JSON_FIELD_TEXT:
            memcpy(&text, from, sizeof text);
            json_put_string(w, text);
            break;
        default:
            json_object_begin(w);
            json_put_fields(w, f->fields, f->field_count, from);
            json_object_end(w);
        }
    }
}
