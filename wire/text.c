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

static void text_put_char(struct text *t, char c)
{
    if (t->overflow || t->capacity == t->length) {
        t->overflow = true;
        return;
    }
    t->bytes[t->length++] = c;
}

/* A text that ended at `to`; NULL: it found no room. */
static void text_end(struct text *t, const char *to)
{
    if (to == NULL) {
        t->overflow = true;
    } else {
        t->length = (size_t)(to - t->bytes);
    }
}

/* Copy a string to `to`, which has room up to `end`; returns behind it. NULL: no room. */
static char *copy(char *to, const char *end, const char *string)
{
    for (char c; (c = *string++) != 0;) {
        if (to == end) {
            return NULL;
        }
        *to++ = c;
    }
    return to;
}

void text_put(struct text *t, const char *string)
{
    if (!t->overflow) {
        text_end(t, copy(t->bytes + t->length, t->bytes + t->capacity, string));
    }
}

void text_put_u32(struct text *t, uint32_t value)
{
    char digits[10];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    text_put_bytes(t, digits + at, sizeof digits - at);
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

static void text_put_escape(struct text *t, char c)
{
    text_put_char(t, '\\');
    if ((unsigned char)c < 0x20) {
        text_put_char(t, 'u');
        text_put_hex(t, (unsigned char)c, 4);
    } else {
        text_put_char(t, c);
    }
}

void text_put_json_string(struct text *t, const char *string)
{
    text_put_char(t, '"');
    for (;;) {
        const char *run = string;
        unsigned char c;
        while ((c = (unsigned char)*string) >= 0x20 && c != '"' && c != '\\') {
            string++;
        }
        text_put_bytes(t, run, (size_t)(string - run));
        if (c == 0) {
            break;
        }
        text_put_escape(t, *string++);
    }
    text_put_char(t, '"');
}

/* `,"name":`, with the comma where it isn't the first; `name` needs no escapes. */
static void text_put_name(struct text *t, const char *name)
{
    char last = t->length > 0 ? t->bytes[t->length - 1] : ',', *to = t->bytes + t->length;
    size_t room = t->capacity - t->length;

    if (t->overflow || room < sizeof ",\"\":" - 1) {
        t->overflow = true;
        return;
    }
    if (last != '{' && last != '[' && last != ',') {
        *to++ = ',';
    }
    *to++ = '"';
    to = copy(to, t->bytes + t->capacity - 2, name);
    if (to != NULL) {
        *to++ = '"';
        *to++ = ':';
    }
    text_end(t, to);
}

void text_put_json_u32(struct text *t, const char *name, uint32_t value)
{
    text_put_name(t, name);
    text_put_u32(t, value);
}

void text_put_json_u32s(struct text *t, const char *names, const uint32_t *values)
{
    for (; *names != 0; names += strlen(names) + 1) {
        text_put_json_u32(t, names, *values++);
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
