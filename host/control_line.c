/*
 * Lines of the control socket: see control_line.h.
 */
/* SPDX-License-Identifier: MIT */
#include "host/control_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BLANK " \t\r"

char *control_name(char *line, char **rest)
{
    char *name = line + strspn(line, BLANK);
    char *end = name + strcspn(name, BLANK);
    *rest = *end != 0 ? end + 1 : end;
    *end = 0;
    return name;
}

/* ---- Arguments ---- */

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 16;
}

static bool number_parse(const char *word, bool address, uint32_t *number)
{
    int base = address && word[0] == '0' && (word[1] == 'x' || word[1] == 'X') ? 16 : 10;
    uint64_t value = 0;
    word += base == 16 ? 2 : 0;
    if (*word == 0) {
        return false;
    }
    for (; *word != 0; word++) {
        if (digit(*word) >= base) {
            return false;
        }
        value = value * (unsigned)base + (unsigned)digit(*word);
        if (value > UINT32_MAX) {
            return false;
        }
    }
    *number = (uint32_t)value;
    return true;
}

/* Bytes take the place of their digits. */
static bool hex_parse(char *word, uint32_t *length)
{
    size_t digits = strlen(word);
    if (digits % 2 != 0 || digits / 2 > CONTROL_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < digits / 2; i++) {
        int high = digit(word[2 * i]), low = digit(word[2 * i + 1]);
        if (high == 16 || low == 16) {
            return false;
        }
        word[i] = (char)(high << 4 | low);
    }
    *length = (uint32_t)(digits / 2);
    return true;
}

static bool value_parse(char type, char *word, struct control_value *value)
{
    *value = (struct control_value){.word = word};
    switch (type) {
    case 'n': return number_parse(word, false, &value->number);
    case 'a': return number_parse(word, true, &value->number);
    case 'x': return hex_parse(word, &value->length);
    case 'w': return true;
    default: return false; /* one too many */
    }
}

bool control_parse(const struct control_command *command, char *rest, struct control_call *call)
{
    const char *types = command->types;
    bool enough = false;
    call->count = 0;
    for (;;) {
        char word[48], *at = control_name(rest, &rest);
        if (*types == '?') {
            enough = true;
            types++;
        }
        enough |= *types == 0;
        if (*at == 0) {
            break;
        }
        snprintf(word, sizeof word, "%s", at); /* for the message: parsing may change it */
        if (call->count == CONTROL_VALUES_MAX || !value_parse(*types, at, &call->value[call->count])) {
            snprintf(call->reply, CONTROL_REPLY_MAX, "error: '%s' is not expected here: %s %s", word,
                     command->name, command->arguments);
            return false;
        }
        call->count++;
        types++;
    }
    if (!enough) {
        snprintf(call->reply, CONTROL_REPLY_MAX, "error: wrong number of arguments: %s %s", command->name,
                 command->arguments);
    }
    return enough;
}

/* ---- Answers ---- */

void control_reply(char reply[CONTROL_REPLY_MAX], const char *format, ...)
{
    size_t at = strlen(reply);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reply + at, CONTROL_REPLY_MAX - at, format, arguments);
    va_end(arguments);
}

bool control_reply_string(char reply[CONTROL_REPLY_MAX], const char *text)
{
    size_t begin = strlen(reply), at = begin;
    const size_t end = CONTROL_REPLY_MAX - 8; /* one escaped character, the quote and the end */
    if (at >= end) {
        return false;
    }
    reply[at++] = '"';
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if (at >= end) {
            reply[begin] = 0;
            return false;
        }
        if (c < ' ' || c == 0x7F) {
            at += (size_t)sprintf(reply + at, "\\u%04x", c);
        } else {
            if (c == '"' || c == '\\') {
                reply[at++] = '\\';
            }
            reply[at++] = (char)c;
        }
    }
    reply[at++] = '"';
    reply[at] = 0;
    return true;
}

void control_reply_hex(char reply[CONTROL_REPLY_MAX], const uint8_t *bytes, size_t length)
{
    size_t at = strlen(reply);
    for (size_t i = 0; i < length && at + 3 <= CONTROL_REPLY_MAX; i++) {
        at += (size_t)sprintf(reply + at, "%02x", bytes[i]);
    }
}
