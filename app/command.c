/*
 * The console's language; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "wire/text.h"

#define WORDS_MAX  4 /* one more than any command has */
#define DIGITS_MAX 4

struct word {
    const char *bytes;
    size_t length;
};

static const struct {
    const char *name;
    enum command_kind kind;
    unsigned words;
} names[] = {
    {"*idn?", COMMAND_IDENTIFY, 1}, {"help", COMMAND_HELP, 1},     {"leds", COMMAND_LEDS, 1},
    {"led", COMMAND_LED, 3},        {"button", COMMAND_BUTTON, 1}, {"uptime", COMMAND_UPTIME, 1},
    {"quit", COMMAND_QUIT, 1},
};

static bool is_end(char c)
{
    return c == '\n' || c == '\r' || c == 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

size_t command_line_end(const char *bytes, size_t length)
{
    size_t at = 0;

    while (at < length && !is_end(bytes[at])) {
        at++;
    }
    return at;
}

/* Returns how many there are, at most WORDS_MAX. */
static unsigned words_find(const char *line, size_t length, struct word words[WORDS_MAX])
{
    unsigned count = 0;
    size_t at = 0;

    while (count < WORDS_MAX) {
        while (at < length && is_space(line[at])) {
            at++;
        }
        if (at == length) {
            break;
        }
        words[count].bytes = line + at;
        while (at < length && !is_space(line[at])) {
            at++;
        }
        words[count].length = (size_t)(line + at - words[count].bytes);
        count++;
    }
    return count;
}

static bool word_is(const struct word *word, const char *text)
{
    return text_equal_nocase(word->bytes, word->length, text);
}

static bool number_read(const struct word *word, uint32_t *value)
{
    *value = 0;
    for (size_t i = 0; i < word->length; i++) {
        char c = word->bytes[i];
        if (c < '0' || c > '9' || i == DIGITS_MAX) {
            return false;
        }
        *value = *value * 10 + (uint32_t)(c - '0');
    }
    return true;
}

struct command command_parse(const char *line, size_t length)
{
    struct command command = {.kind = COMMAND_UNKNOWN};
    struct word words[WORDS_MAX];
    unsigned count;

    if (length > COMMAND_LINE_MAX) {
        command.kind = COMMAND_TOO_LONG;
        return command;
    }
    count = words_find(line, length, words);
    if (count == 0) {
        command.kind = COMMAND_EMPTY;
        return command;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (word_is(&words[0], names[i].name)) {
            command.kind = count == names[i].words ? names[i].kind : COMMAND_USAGE;
        }
    }
    if (command.kind == COMMAND_LED) {
        command.on = word_is(&words[2], "on");
        if (!number_read(&words[1], &command.led) || (!command.on && !word_is(&words[2], "off"))) {
            command.kind = COMMAND_USAGE;
        }
    }
    return command;
}
