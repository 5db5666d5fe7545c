/*
 * A terminal of one line, as wide as it takes, for tests of the console: what a user would see after each byte.
 *
 *   terminal_put(&t, bytes, length); t.row, t.length, t.column; t.text: all that has scrolled by, line by line
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_UNIT_TERMINAL_H
#define PLUGNET_TEST_UNIT_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define TERMINAL_WIDTH 512
#define TERMINAL_TEXT  16384

struct terminal {
    char row[TERMINAL_WIDTH];
    size_t length, column;
    unsigned bells;
    char escape[16]; /* of a sequence that isn't over */
    size_t escape_length;
    char text[TERMINAL_TEXT]; /* ended by 0 */
    size_t text_length;
    const char *wrong; /* the first thing that no terminal would understand */
};

static inline void terminal_wrong(struct terminal *t, const char *why)
{
    if (t->wrong == NULL)
        t->wrong = why;
}

static inline void terminal_text(struct terminal *t)
{
    if (t->text_length + t->length + 2 > TERMINAL_TEXT)
        t->text_length = 0;
    memcpy(t->text + t->text_length, t->row, t->length);
    t->text_length += t->length;
    t->text[t->text_length++] = '\n';
    t->text[t->text_length] = 0;
    t->length = 0;
}

static inline void terminal_sequence(struct terminal *t)
{
    char last = t->escape[t->escape_length - 1];
    size_t number = 0;
    for (size_t i = 2; i + 1 < t->escape_length; i++)
        number = number * 10 + (size_t)(t->escape[i] - '0');
    t->escape_length = 0;
    if (last == 'K')
        t->length = t->column;
    else if (last == 'D' && number > 0 && number <= t->column)
        t->column -= number;
    else if (last == 'H')
        t->column = 0;
    else if (last == 'J')
        t->length = t->column;
    else
        terminal_wrong(t, "an escape sequence");
}

static inline void terminal_byte(struct terminal *t, char c)
{
    if (t->escape_length != 0) {
        t->escape[t->escape_length++] = c;
        if (t->escape_length == sizeof t->escape || (t->escape_length == 2 && c != '['))
            terminal_wrong(t, "an escape sequence without end");
        if (t->escape_length > 2 && (c < '0' || c > '9'))
            terminal_sequence(t);
        t->escape_length %= sizeof t->escape;
    } else if (c == 0x1B) {
        t->escape[t->escape_length++] = c;
    } else if (c == '\r') {
        t->column = 0;
    } else if (c == '\n') {
        if (t->column != 0)
            terminal_wrong(t, "LF without CR");
        terminal_text(t);
    } else if (c == '\b') {
        if (t->column == 0)
            terminal_wrong(t, "backspace at the left");
        else
            t->column--;
    } else if (c == '\a') {
        t->bells++;
    } else if (c < 0x20 || c > 0x7E || t->column + 1 >= TERMINAL_WIDTH) {
        terminal_wrong(t, "a character that can't be shown");
    } else {
        t->row[t->column++] = c;
        if (t->column > t->length)
            t->length = t->column;
    }
}

static inline void terminal_put(struct terminal *t, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        terminal_byte(t, bytes[i]);
}

/* True if the row shows this and nothing but spaces behind it, with the cursor at that column. */
static inline bool terminal_shows(const struct terminal *t, const char *first, const char *second,
                                  size_t length, size_t column)
{
    size_t before = strlen(first), end = before + length;
    bool same = t->length >= end && t->column == before + column && memcmp(t->row, first, before) == 0 &&
                memcmp(t->row + before, second, length) == 0;
    for (; same && end < t->length; end++)
        same = t->row[end] == ' ';
    return same;
}

#endif
