/*
 * Base64 (RFC 4648 section 4): three bytes are four characters of six bits. Small rather than fast: what is decoded is as
 * long as a header field.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *bytes, size_t length, char *text)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < length; i += 3) {
        size_t count = length - i < 3 ? length - i : 3;
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < count ? from[i + j] : 0u);
        for (size_t j = 0; j < 4; j++, bits <<= 6)
            *text++ = j <= count ? alphabet[bits >> 18 & 63] : '=';
    }
    *text = '\0';
}

/* A character's six bits; 64: it has none. */
static unsigned value_of(char c)
{
    unsigned value = 0;
    while (value < 64 && alphabet[value] != c)
        value++;
    return value;
}

int base64_decode(const char *text, size_t length, void *bytes, size_t room)
{
    uint8_t *to = bytes;
    size_t count = 0, padding = 0;
    uint32_t bits = 0;
    if (length % 4 != 0)
        return -1;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < length - padding; i++) {
        unsigned value = value_of(text[i]);
        bits = bits << 6 | value;
        if (value > 63 || (i % 4 != 0 && count == room))
            return -1;
        if (i % 4 != 0)
            to[count++] = (uint8_t)(bits >> (6 - i % 4 * 2));
    }
    /* The bits behind the last byte: 4 before two characters of padding, 2 before one. */
    return (bits & ((1u << 2 * padding) - 1)) != 0 ? -1 : (int)count;
}
