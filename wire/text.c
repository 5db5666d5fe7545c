/*
 * Text put together piece by piece; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/text.h"

#include <string.h>

static const char digits_hex[] = "0123456789abcdef";

void text_put_bytes(struct text *t, const char *bytes, size_t length)
{
    if (t->overflow || t->capacity - t->length < length) {
        t->overflow = true;
        return;
    }
    memcpy(t->bytes + t->length, bytes, length);
    t->length += length;
}

void text_put(struct text *t, const char *string)
{
    text_put_bytes(t, string, strlen(string));
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

void text_put_json_string(struct text *t, const char *string)
{
    text_put_bytes(t, "\"", 1);
    for (;;) {
        const char *run = string;
        while ((unsigned char)*string >= 0x20 && *string != '"' && *string != '\\') {
            string++;
        }
        text_put_bytes(t, run, (size_t)(string - run));
        if (*string == 0) {
            break;
        }
        if ((unsigned char)*string < 0x20) {
            text_put_bytes(t, "\\u", 2);
            text_put_hex(t, (unsigned char)*string, 4);
        } else {
            text_put_bytes(t, "\\", 1);
            text_put_bytes(t, string, 1);
        }
        string++;
    }
    text_put_bytes(t, "\"", 1);
}

static void text_put_comma(struct text *t)
{
    char last = t->length > 0 ? t->bytes[t->length - 1] : ',';

    if (last != '{' && last != '[' && last != ',') {
        text_put_bytes(t, ",", 1);
    }
}

void text_put_json_u32(struct text *t, const char *name, uint32_t value)
{
    text_put_comma(t);
    text_put_json_string(t, name);
    text_put_bytes(t, ":", 1);
    text_put_u32(t, value);
}

void text_put_json_u32s(struct text *t, const char *names, const uint32_t *values)
{
    for (size_t length; (length = strlen(names)) != 0; names += length + 1, values++) {
        text_put_comma(t);
        text_put_bytes(t, "\"", 1);
        text_put_bytes(t, names, length);
        text_put_bytes(t, "\":", 2);
        text_put_u32(t, *values);
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
