/*
 * Text put together piece by piece; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/text.h"

#include <string.h>

static const char digits_hex[] = "0123456789abcdef";

/* Most pieces are a few bytes, for which a call of memcpy costs more than the bytes. */
#define FEW 12u

void text_put_bytes(struct text *t, const char *bytes, size_t length)
{
    char *to = t->bytes + t->length;

    if (t->overflow || t->capacity - t->length < length) {
        t->overflow = true;
        return;
    }
    t->length += length;
    if (length > FEW) {
        memcpy(to, bytes, length);
        return;
    }
    for (; length > 0; length--) {
        *to++ = *bytes++;
    }
}

/* Most of what is below writes at `to`, which has room up to `end`, and returns where it stopped; NULL: no room. */

/* What began at the text's end goes up to `to`; NULL: it found no room. */
static void text_end(struct text *t, const char *to)
{
    if (to == NULL) {
        t->overflow = true;
    } else {
        t->length = (size_t)(to - t->bytes);
    }
}

static char *put_char(char *to, const char *end, char c)
{
    if (to == NULL || to == end) {
        return NULL;
    }
    *to = c;
    return to + 1;
}

/* Copies string[i] to to[i]; at the string's end it returns from put_string. */
#define PUT_LETTER(i)                                                                                        \
    {                                                                                                        \
        char c = string[i];                                                                                  \
        if (c == 0) {                                                                                        \
            return to + (i);                                                                                 \
        }                                                                                                    \
        to[i] = c;                                                                                           \
    }

/* A string. Four letters take one look at the room. */
static inline __attribute__((always_inline)) char *put_string(char *to, const char *end, const char *string)
{
    for (; end - to >= 4; to += 4, string += 4) {
        PUT_LETTER(0) PUT_LETTER(1) PUT_LETTER(2) PUT_LETTER(3)
    }
    for (; to != end; to++, string++) {
        PUT_LETTER(0)
    }
    return *string == 0 ? to : NULL;
}

static inline __attribute__((always_inline)) char *put_u32(char *to, const char *end, uint32_t value)
{
    size_t digits = 1;
    char *at;

    for (uint32_t rest = value; rest > 9; rest /= 10) {
        digits++;
    }
    if ((size_t)(end - to) < digits) {
        return NULL;
    }
    to += digits;
    for (at = to; digits > 0; digits--) {
        *--at = (char)('0' + value % 10);
        value /= 10;
    }
    return to;
}

void text_put(struct text *t, const char *string)
{
    if (!t->overflow) {
        text_end(t, put_string(t->bytes + t->length, t->bytes + t->capacity, string));
    }
}

void text_put_u32(struct text *t, uint32_t value)
{
    if (!t->overflow) {
        text_end(t, put_u32(t->bytes + t->length, t->bytes + t->capacity, value));
    }
}

void text_put_hex(struct text *t, uint32_t value, unsigned digits)
{
    char text[8];

    digits = digits > 8 ? 8 : digits;
    for (unsigned i = 0; i < digits; i++) {
        text[i] = digits_hex[value >> (4 * (digits - 1 - i)) & 15];
    }
    text_put_bytes(t, text, digits);
}

void text_put_bool(struct text *t, bool value)
{
    text_put(t, value ? "true" : "false");
}

void text_put_ip4(struct text *t, uint32_t address)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        text_put_u32(t, address >> shift & 255);
        if (shift > 0) {
            text_put(t, ".");
        }
    }
}

/* A quote or a backslash behind another, or a control character as \u and four digits. */
static __attribute__((noinline)) char *put_escape(char *to, const char *end, unsigned char c)
{
    to = put_char(to, end, '\\');
    if (c >= 0x20) {
        return put_char(to, end, (char)c);
    }
    to = put_char(to, end, 'u');
    for (int shift = 12; shift >= 0; shift -= 4) {
        to = put_char(to, end, digits_hex[c >> shift & 15]);
    }
    return to;
}

void text_put_json_string(struct text *t, const char *string)
{
    const char *end = t->bytes + t->capacity;
    char *to = t->bytes + t->length;

    if (t->overflow) {
        return;
    }
    to = put_char(to, end, '"');
    while (to != NULL) {
        unsigned char c = (unsigned char)*string++;

        if (c <= '\\' && (c < ' ' || c == '"' || c == '\\')) { /* most letters are above all of these */
            if (c == 0) {
                break;
            }
            to = put_escape(to, end, c);
        } else if (to == end) {
            to = NULL;
        } else {
            *to++ = (char)c;
        }
    }
    text_end(t, put_char(to, end, '"'));
}

/* A member; *name goes behind its zero. */
static inline __attribute__((always_inline)) char *put_member(char *to, const char *end, bool comma,
                                                              const char **name, uint32_t value)
{
    const char *first;

    if (end - to < (ptrdiff_t)sizeof ",\"\":0" - 1) {
        return NULL;
    }
    if (comma) {
        *to++ = ',';
    }
    *to++ = '"';
    first = to;
    to = put_string(to, end - 2, *name);
    if (to == NULL) {
        return NULL;
    }
    *name += to - first + 1;
    *to++ = '"';
    *to++ = ':';
    return put_u32(to, end, value);
}

/* One member, or all of `names`. In one loop: a name is some ten letters, and a call would cost as much. */
static void put_members(struct text *t, const char *names, const uint32_t *values, bool one)
{
    char last = t->length > 0 ? t->bytes[t->length - 1] : ',';
    bool comma = last != '{' && last != '[' && last != ',';

    while (!t->overflow) {
        text_end(t, put_member(t->bytes + t->length, t->bytes + t->capacity, comma, &names, *values++));
        comma = true;
        if (one || *names == 0) {
            break;
        }
    }
}

void text_put_json_u32(struct text *t, const char *name, uint32_t value)
{
    put_members(t, name, &value, true);
}

void text_put_json_u32s(struct text *t, const char *names, const uint32_t *values)
{
    if (*names != 0) {
        put_members(t, names, values, false);
    }
}

bool text_equal_nocase(const char *bytes, size_t length, const char *string)
{
    for (size_t i = 0; i < length; i++) {
        unsigned differ = (uint8_t)(bytes[i] ^ string[i]), letter = (uint8_t)(string[i] | 0x20) - 'a';
        if (string[i] == 0 || (differ != 0 && (differ != 0x20 || letter >= 26))) {
            return false; /* a zero among the bytes never equals the string's end */
        }
    }
    return string[length] == 0;
}
