/*
 * The console's language: a line of bytes to a command, and where a line ends. Pure functions.
 *
 * A line ends with CR, LF or NUL, so CR LF is a line and an empty one. Words are separated by spaces or tabs; case
 * doesn't matter.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_APP_COMMAND_H
#define PLUGNET_APP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_LINE_MAX 64 /* bytes, its end not counted */

enum command_kind {
    COMMAND_EMPTY,
    COMMAND_UNKNOWN,
    COMMAND_TOO_LONG,
    COMMAND_USAGE, /* known, but not with these words */
    COMMAND_IDENTIFY,
    COMMAND_HELP,
    COMMAND_LEDS,
    COMMAND_LED,
    COMMAND_BUTTON,
    COMMAND_UPTIME,
    COMMAND_QUIT,
};

struct command {
    enum command_kind kind;
    uint32_t led; /* COMMAND_LED */
    bool on;
};

/* Where the first line ends: the position of its end byte, or `length` if there is none yet. */
size_t command_line_end(const char *bytes, size_t length);

/* What a line without its end byte says. */
struct command command_parse(const char *line, size_t length);

#endif
