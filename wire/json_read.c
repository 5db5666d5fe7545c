/*
 * JSON read token by token; see the header. `state` says what may come next, `arrays` in which kind of level. A string is
 * checked once, when it is passed; who takes it may trust its escapes.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/json.h"

#include <string.h>

#include "wire/utf8.h"

#define END_OF_TEXT  (-1)
#define EXPONENT_MAX 100000000 /* more says the same: no text is so long that its digits make up for it */
#define TABLE_MAX    32
#define IS_DIGIT(C)  ((unsigned)(C) - '0' < 10)

enum state {
    NEXT_VALUE, /* and nothing else */
    NEXT_FIRST, /* a bracket was opened: a key or value, or its end */
    NEXT_KEY,   /* behind a comma in an object */
    NEXT_COMMA, /* or the end of this level */
    NEXT_END,   /* of the text */
};

struct json_reader json_reader_over(const char *text, size_t length)
{
    return (struct json_reader){.text = text, .end = text + length, .at = text, .begin = text};
}

static bool fail(struct json_reader *r, const char *at, const char *why)
{
    if (r->error == NULL) {
        r->error = why;
        r->error_at = (size_t)(at - r->text);
    }
    return false;
}

/* The text is wrong here. Returns false, which is JSON_ERROR as well. */
static bool wrong(struct json_reader *r, const char *why)
{
    return fail(r, r->at, why);
}

bool json_refuse(struct json_reader *r, const char *why)
{
    return fail(r, r->begin, why);
}

static int peek(const struct json_reader *r)
{
    return r->at < r->end ? (unsigned char)*r->at : END_OF_TEXT;
}

/* The next byte behind white space (chapter 2). */
static int peek_token(struct json_reader *r)
{
    int c = peek(r);

    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        r->at++;
        c = peek(r);
    }
    return c;
}

static bool in_array(const struct json_reader *r)
{
    return (r->arrays & 1) != 0;
}

/* ---- Strings ---- */

/* Four hexadecimal digits, or above 0xFFFF. */
static uint32_t hex4(const char *at)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)at[i], letter = (c | 0x20) - 'a';

        if (letter < 6) {
            c = letter + 10;
        } else if (IS_DIGIT(c)) {
            c -= '0';
        } else {
            return UINT32_MAX;
        }
        value = value << 4 | c;
    }
    return value;
}

/* An escape's character. Returns the escape's length, 0 if there is no such escape or a surrogate without the other. */
static size_t escape_read(const char *at, size_t left, uint32_t *character)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter;
    uint32_t low;

    if (left < 2) {
        return 0;
    }
    letter = memchr(letters, at[1], sizeof letters - 1);
    if (letter != NULL) {
        *character = (unsigned char)meanings[letter - letters];
        return 2;
    }
    if (at[1] != 'u' || left < 6) {
        return 0;
    }
    *character = hex4(at + 2);
    if (*character - 0xD800 >= 0x800) {
        return *character <= 0xFFFF ? 6 : 0;
    }
    if (*character >= 0xDC00 || left < 12 || at[6] != '\\' || at[7] != 'u') {
        return 0;
    }
    low = hex4(at + 8) - 0xDC00;
    *character = 0x10000 + ((*character - 0xD800) << 10) + low;
    return low < 0x400 ? 12 : 0;
}

/* A character as UTF-8. Returns its bytes. */
static size_t utf8_put(uint32_t character, char bytes[4])
{
    size_t length = 1u + (character >= 0x80) + (character >= 0x800) + (character >= 0x10000);

    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    bytes[0] = (char)(length == 1 ? character : (0xF00 >> length & 0xF0) | character);
    return length;
}

/* Bytes above 0x7F, one after the other: whole characters. */
static bool wide_scan(struct json_reader *r)
{
    const char *begin = r->at;
    struct utf8 u;

    while (peek(r) >= 0x80) {
        r->at++;
    }
    utf8_begin(&u);
    return (utf8_check(&u, begin, (size_t)(r->at - begin)) && utf8_complete(&u)) ||
           fail(r, begin, "invalid UTF-8");
}

/* From the opening quote to behind the closing one. */
static bool string_scan(struct json_reader *r)
{
    r->begin = r->at++;
    r->escaped = false;
    for (;;) {
        int c = peek(r);

        if (c == '"') {
            r->size = (size_t)(r->at++ - r->begin - 1);
            return true;
        }
        if (c == '\\') {
            uint32_t character;
            size_t length = escape_read(r->at, (size_t)(r->end - r->at), &character);

            if (length == 0) {
                return wrong(r, "bad escape");
            }
            r->escaped = true;
            r->at += length;
        } else if (c >= 0x80) {
            if (!wide_scan(r)) {
                return false;
            }
        } else if (c < 0x20) {
            return wrong(r, c == END_OF_TEXT ? "string without end" : "control character in a string");
        } else {
            r->at++;
        }
    }
}

/* The next character of a string that was scanned: of an escape, or one byte as it is. */
static size_t piece_read(const struct json_reader *r, size_t *at, char bytes[4])
{
    const char *from = r->begin + 1;
    uint32_t character;

    if (from[*at] != '\\') {
        bytes[0] = from[(*at)++];
        return 1;
    }
    *at += escape_read(from + *at, r->size - *at, &character);
    return utf8_put(character, bytes);
}

bool json_is(const struct json_reader *r, const char *string)
{
    char bytes[4];

    if (r->error != NULL || (r->token != JSON_KEY && r->token != JSON_STRING)) {
        return false;
    }
    if (!r->escaped) { /* no zero is among its bytes */
        return strncmp(string, r->begin + 1, r->size) == 0 && string[r->size] == 0;
    }
    for (size_t at = 0; at < r->size;) {
        size_t length = piece_read(r, &at, bytes);

        for (size_t i = 0; i < length; i++, string++) {
            if (*string == 0 || *string != bytes[i]) {
                return false;
            }
        }
    }
    return *string == 0;
}

static bool string_take(struct json_reader *r, char *buffer, size_t size, size_t *length)
{
    char bytes[4];
    size_t count = 0;
    bool zeros = false;

    for (size_t at = 0; at < r->size;) {
        size_t piece = piece_read(r, &at, bytes);

        zeros |= bytes[0] == 0;
        for (size_t i = 0; i < piece; i++, count++) {
            if (count < size) {
                buffer[count] = bytes[i];
            }
        }
    }
    if (count < size && (length != NULL || !zeros)) {
        buffer[count] = 0;
        if (length != NULL) {
            *length = count;
        }
        return true;
    }
    if (size > 0) {
        buffer[0] = 0;
    }
    r->needed = count + 1;
    return json_refuse(r, count < size ? "zero in a string" : "string too long");
}

/* ---- Tokens ---- */

static void digits_scan(struct json_reader *r)
{
    const char *begin = r->at;

    while (IS_DIGIT(peek(r))) {
        r->at++;
    }
    if (r->at == begin) {
        wrong(r, "digit expected");
    }
}

/* Chapter 6. The first error counts; what is behind it is looked at in vain. */
static bool number_scan(struct json_reader *r)
{
    const char *first;

    r->at += peek(r) == '-';
    first = r->at;
    digits_scan(r);
    if (r->at - first > 1 && *first == '0') {
        fail(r, first, "zero before a number");
    }
    if (peek(r) == '.') {
        r->at++;
        digits_scan(r);
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        r->at += peek(r) == '-' || peek(r) == '+';
        digits_scan(r);
    }
    r->size = (size_t)(r->at - r->begin);
    return r->error == NULL;
}

static enum json_token open(struct json_reader *r, bool array)
{
    if (r->depth >= JSON_DEPTH_MAX) {
        return wrong(r, "too deep");
    }
    r->at++;
    r->depth++;
    r->arrays = (uint16_t)(r->arrays << 1 | array);
    r->state = NEXT_FIRST;
    return array ? JSON_ARRAY_BEGIN : JSON_OBJECT_BEGIN;
}

/* A value has ended. */
static void value_end(struct json_reader *r)
{
    r->state = r->depth > 0 ? NEXT_COMMA : NEXT_END;
}

static enum json_token close(struct json_reader *r)
{
    bool array = in_array(r);

    r->at++;
    r->depth--;
    r->arrays >>= 1;
    value_end(r);
    return array ? JSON_ARRAY_END : JSON_OBJECT_END;
}

static enum json_token key_next(struct json_reader *r, int c)
{
    if (c != '"') {
        return wrong(r, "key expected");
    }
    if (!string_scan(r)) {
        return JSON_ERROR;
    }
    if (peek_token(r) != ':') {
        return wrong(r, "colon expected");
    }
    r->at++;
    r->state = NEXT_VALUE;
    return JSON_KEY;
}

/* true, false, null (chapter 3). */
static enum json_token word_next(struct json_reader *r)
{
    static const char words[3][6] = {"true", "false", "null"};

    for (unsigned i = 0; i < 3; i++) {
        size_t length = strlen(words[i]);

        if ((size_t)(r->end - r->at) >= length && memcmp(r->at, words[i], length) == 0) {
            r->at += length;
            return JSON_TRUE + i;
        }
    }
    return wrong(r, "value expected");
}

static enum json_token value_next(struct json_reader *r, int c)
{
    if (c == '{' || c == '[') {
        return open(r, c == '[');
    }
    value_end(r);
    if (c == '"') {
        return string_scan(r) ? JSON_STRING : JSON_ERROR;
    }
    if (c == '-' || IS_DIGIT(c)) {
        return number_scan(r) ? JSON_NUMBER : JSON_ERROR;
    }
    return word_next(r);
}

static enum json_token token_next(struct json_reader *r)
{
    int c = peek_token(r);

    if (r->state == NEXT_COMMA && c == ',') {
        r->at++;
        c = peek_token(r);
        r->state = in_array(r) ? NEXT_VALUE : NEXT_KEY;
    }
    r->begin = r->at;
    if (r->state == NEXT_END) {
        return c == END_OF_TEXT ? JSON_END : wrong(r, "text behind the value");
    }
    if (r->state == NEXT_COMMA || r->state == NEXT_FIRST) {
        if (c == (in_array(r) ? ']' : '}')) {
            return close(r);
        }
        if (r->state == NEXT_COMMA) {
            return wrong(r, "comma or end expected");
        }
    }
    return r->state == NEXT_VALUE || in_array(r) ? value_next(r, c) : key_next(r, c);
}

enum json_token json_next(struct json_reader *r)
{
    if (r->error != NULL) {
        return JSON_ERROR;
    }
    r->token = (uint8_t)token_next(r);
    return (enum json_token)r->token;
}

/* ---- Values ---- */

/* Go on to the value, if the last token is none yet. */
static enum json_token value_token(struct json_reader *r)
{
    if (r->token <= JSON_KEY) {
        json_next(r);
    }
    return r->error == NULL ? (enum json_token)r->token : JSON_ERROR;
}

static bool value_is(struct json_reader *r, enum json_token token, const char *why)
{
    return value_token(r) == token || json_refuse(r, why);
}

bool json_skip(struct json_reader *r)
{
    enum json_token token = value_token(r);
    unsigned depth = r->depth;

    if (token == JSON_OBJECT_BEGIN || token == JSON_ARRAY_BEGIN) {
        while (r->depth >= depth) {
            if (json_next(r) == JSON_ERROR) {
                return false;
            }
        }
        return true;
    }
    return (token >= JSON_STRING && token <= JSON_NULL) || json_refuse(r, "value expected");
}

bool json_take_bool(struct json_reader *r, bool *value)
{
    enum json_token token = value_token(r);

    if (token != JSON_TRUE && token != JSON_FALSE) {
        return json_refuse(r, "true or false expected");
    }
    *value = token == JSON_TRUE;
    return true;
}

bool json_take_string(struct json_reader *r, char *buffer, size_t size, size_t *length)
{
    return value_is(r, JSON_STRING, "string expected") && string_take(r, buffer, size, length);
}

bool json_take_key(struct json_reader *r, char *buffer, size_t size, size_t *length)
{
    if (r->error != NULL || r->token != JSON_KEY) {
        return json_refuse(r, "key expected");
    }
    return string_take(r, buffer, size, length);
}

/* The exponent of a number that was scanned, 0 without; `*end` becomes the end of what is before it. */
static int32_t exponent_read(const char *at, const char **end)
{
    int32_t exponent = 0;
    bool negative;

    while (at < *end && (*at | 0x20) != 'e') {
        at++;
    }
    if (at == *end) {
        return 0;
    }
    negative = at[1] == '-';
    for (const char *digit = at + 1; digit < *end; digit++) {
        if (IS_DIGIT(*digit) && exponent < EXPONENT_MAX) {
            exponent = exponent * 10 + (*digit - '0');
        }
    }
    *end = at;
    return negative ? -exponent : exponent;
}

/* False, and the value spoiled: that would be above 64 bits. */
static bool digit_add(uint64_t *value, unsigned digit)
{
    uint64_t low = (uint64_t)(uint32_t)*value * 10 + digit, high = (*value >> 32) * 10 + (low >> 32);

    *value = high << 32 | (uint32_t)low;
    return high >> 32 == 0;
}

/* The number without its sign, in units of 10^-decimals, exactly. */
static bool number_read(struct json_reader *r, unsigned decimals, uint64_t *value)
{
    const char *at = r->begin, *end = at + r->size;
    int32_t
        places; /* digits up to the units, also those that aren't written; what is behind them must be zeros */

    *value = 0;
    at += *at == '-';
    places = exponent_read(at, &end) + (int32_t)decimals;
    for (const char *digit = at; digit < end && IS_DIGIT(*digit); digit++) {
        places++;
    }
    for (;;) {
        unsigned digit = 0;

        if (at < end) {
            digit = (unsigned)*at++ - '0';
            if (digit >= 10) {
                continue; /* the point */
            }
        } else if (places <= 0 || *value == 0) {
            return true;
        }
        if (places > 0) {
            places--;
            if (!digit_add(value, digit)) {
                return json_refuse(r, "out of range");
            }
        } else if (digit != 0) {
            return json_refuse(r, decimals == 0 ? "whole number expected" : "too many decimals");
        }
    }
}

/* Signed numbers and bounds are two's complement. */
static bool number_take(struct json_reader *r, bool sign, unsigned decimals, uint64_t min, uint64_t max,
                        uint64_t *value)
{
    const uint64_t least = (uint64_t)1 << 63, bias = sign ? least : 0;
    bool negative, fits;
    uint64_t number;

    if (!value_is(r, JSON_NUMBER, "number expected") || !number_read(r, decimals, &number)) {
        return false;
    }
    negative = *r->begin == '-' && number != 0;
    fits = negative ? sign && number <= least : number < least || !sign;
    number = negative ? 0 - number : number;
    if (!fits || (number ^ bias) < (min ^ bias) || (number ^ bias) > (max ^ bias)) {
        return json_refuse(r, "out of range");
    }
    *value = number;
    return true;
}

bool json_take_u64(struct json_reader *r, uint64_t min, uint64_t max, uint64_t *value)
{
    return number_take(r, false, 0, min, max, value);
}

bool json_take_u32(struct json_reader *r, uint32_t min, uint32_t max, uint32_t *value)
{
    uint64_t number = *value;
    bool taken = number_take(r, false, 0, min, max, &number);

    *value = (uint32_t)number;
    return taken;
}

bool json_take_fixed(struct json_reader *r, unsigned decimals, int64_t min, int64_t max, int64_t *value)
{
    uint64_t number = (uint64_t)*value;
    bool taken = number_take(r, true, decimals, (uint64_t)min, (uint64_t)max, &number);

    *value = (int64_t)number;
    return taken;
}

bool json_take_i64(struct json_reader *r, int64_t min, int64_t max, int64_t *value)
{
    return json_take_fixed(r, 0, min, max, value);
}

bool json_take_i32(struct json_reader *r, int32_t min, int32_t max, int32_t *value)
{
    int64_t number = *value;
    bool taken = json_take_fixed(r, 0, min, max, &number);

    *value = (int32_t)number;
    return taken;
}

/* ---- Tables ---- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a number's low bytes are its first ones");

static bool field_number_take(struct json_reader *r, const struct json_field *f, void *to)
{
    bool sign = f->type != JSON_FIELD_UNSIGNED;
    int64_t min = f->min;
    uint64_t max = sign ? (uint64_t)(int32_t)f->max : f->max, number;

    if (f->min == 0 && f->max == 0) {
        max = UINT64_MAX >> (64 - 8 * (unsigned)f->size + sign);
        min = sign ? -(int64_t)max - 1 : 0;
    }
    if (!number_take(r, sign, f->decimals, (uint64_t)min, max, &number)) {
        return false;
    }
    memcpy(to, &number, f->size);
    return true;
}

static bool field_take(struct json_reader *r, const struct json_field *f, void *to, unsigned flags)
{
    switch (f->type) {
    case JSON_FIELD_UNSIGNED:
    case JSON_FIELD_SIGNED:
    case JSON_FIELD_FIXED: return field_number_take(r, f, to);
    case JSON_FIELD_BOOL: return json_take_bool(r, to);
    case JSON_FIELD_STRING: return json_take_string(r, to, f->size, NULL);
    case JSON_FIELD_OBJECT: return json_take_fields(r, f->fields, f->field_count, to, flags);
    default: return json_refuse(r, "not to be set");
    }
}

static bool field_refuse(struct json_reader *r, const struct json_field *f, const char *why)
{
    json_refuse(r, why);
    if (r->member == NULL) {
        r->member = f->name;
    }
    return false;
}

bool json_take_fields(struct json_reader *r, const struct json_field *fields, size_t count, void *base,
                      unsigned flags)
{
    uint32_t seen = 0;

    if (!value_is(r, JSON_OBJECT_BEGIN, "object expected")) {
        return false;
    }
    if (count > TABLE_MAX) {
        return json_refuse(r, "table too long");
    }
    while (json_next(r) == JSON_KEY) {
        size_t i = 0;

        while (i < count && !json_is(r, fields[i].name)) {
            i++;
        }
        if (i == count) {
            if (!((flags & JSON_UNKNOWN_SKIPPED) != 0 ? json_skip(r) : json_refuse(r, "unknown member"))) {
                return false;
            }
        } else if ((seen >> i & 1) != 0) {
            return field_refuse(r, &fields[i], "member given twice");
        } else if (!field_take(r, &fields[i], (char *)base + fields[i].offset, flags)) {
            return field_refuse(r, &fields[i], "");
        } else {
            seen |= (uint32_t)1 << i;
        }
    }
    for (size_t i = 0; i < count && r->error == NULL; i++) {
        if (fields[i].required && (seen >> i & 1) == 0) {
            field_refuse(r, &fields[i], "member missing");
        }
    }
    return r->error == NULL;
}

void json_put_error(struct json_writer *w, const struct json_reader *r)
{
    json_object_begin(w);
    json_put_member_string(w, "error", r->error);
    if (r->member != NULL) {
        json_put_member_string(w, "member", r->member);
    } else if (r->token == JSON_KEY) {
        json_put_key(w, "member");
        json_put_string_bytes(w, r->begin + 1, r->size);
    }
    json_put_member_u32(w, "at", (uint32_t)r->error_at);
    json_object_end(w);
}
