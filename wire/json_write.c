/*
 * JSON written; see the header. A value first asks value_begin for its place, which sets the comma; strings are copied by
 * runs of bytes that need no escape.
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

/* A control character, a quote or a backslash (chapter 7). */
static void put_escape(struct text *t, unsigned char c)
{
    static const char letters[] = {'b', 't', 'n', 0, 'f', 'r'}; /* from U+0008 on */

    put_char(t, '\\');
    if (c >= 0x20) {
        put_char(t, (char)c);
    } else if (c >= 8 && c < 8 + sizeof letters && letters[c - 8] != 0) {
        put_char(t, letters[c - 8]);
    } else {
        put_char(t, 'u');
        text_put_hex(t, c, 4);
    }
}

/* A character above U+007F, or U+FFFD for a byte that begins none. Returns its bytes. */
static size_t put_wide(struct text *t, const char *bytes, size_t length)
{
    struct utf8 u;
    size_t n = 0;

    utf8_begin(&u);
    do {
        if (n == length || !utf8_check(&u, bytes + n, 1)) {
            TEXT_PUT(t, "\xEF\xBF\xBD");
            return 1;
        }
        n++;
    } while (!utf8_complete(&u));
    text_put_bytes(t, bytes, n);
    return n;
}

static void put_quoted(struct text *t, const char *bytes, size_t length)
{
    size_t at = 0;

    put_char(t, '"');
    for (;;) {
        size_t run = at;
        unsigned char c = 0;

        while (at < length) {
            c = (unsigned char)bytes[at];
            if ((unsigned)c - 0x20 >= 0x60 || c == '"' || c == '\\') {
                break;
            }
            at++;
        }
        text_put_bytes(t, bytes + run, at - run);
        if (at == length || (c == 0 && length == LENGTH_BY_ZERO)) {
            break;
        }
        if (c < 0x80) {
            put_escape(t, c);
            at++;
        } else {
            at += put_wide(t, bytes + at, length - at);
        }
    }
    put_char(t, '"');
}

void json_put_key(struct json_writer *w, const char *name)
{
    if (w->misuse || w->key || !in_object(w)) {
        w->misuse = true;
        return;
    }
    if (w->more) {
        put_char(w->out, ',');
    }
    put_quoted(w->out, name, LENGTH_BY_ZERO);
    put_char(w->out, ':');
    w->key = true;
}

void json_put_string_bytes(struct json_writer *w, const char *bytes, size_t length)
{
    if (value_begin(w)) {
        put_quoted(w->out, bytes, length);
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

    if (high == 0) {
        *value = low / 10;
        return low % 10;
    }
    middle = (high % 10) << 16 | low >> 16;
    low = (middle % 10) << 16 | (low & 0xFFFF);
    *value = (uint64_t)(high / 10) << 32 | (middle / 10) << 16 | low / 10;
    return low % 10;
}

static void put_number(struct json_writer *w, uint64_t value, bool negative, unsigned decimals)
{
    char digits[DECIMALS_MAX + 3]; /* and one before the point, the point, the sign */
    size_t at = sizeof digits;

    w->misuse |= decimals > DECIMALS_MAX;
    if (!value_begin(w)) {
        return;
    }
    for (unsigned count = 0; value != 0 || count <= decimals; count++) {
        if (count == decimals && count > 0) {
            digits[--at] = '.';
        }
        digits[--at] = (char)('0' + divide_by_10(&value));
    }
    if (negative) {
        digits[--at] = '-';
    }
    text_put_bytes(w->out, digits + at, sizeof digits - at);
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
