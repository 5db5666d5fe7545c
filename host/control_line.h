/*
 * Lines of the control socket: what a command looks like, and the parsing of one line. No state, no I/O.
 *
 *   "pin PA0 1" ── control_parse(table) ──→ command, values ── command->run(context, call) ──→ reply
 *
 * A program hands over a table of its own commands (struct control_program) beside those of the PC end.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_CONTROL_LINE_H
#define PLUGNET_HOST_CONTROL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_VALUES_MAX 6
#define CONTROL_BYTES_MAX  2048 /* of one argument in hex, and of one answer */
#define CONTROL_LINE_MAX   (2 * CONTROL_BYTES_MAX + 256)
#define CONTROL_REPLY_MAX  16384
#define CONTROL_LOG_LINES_MAX                                                                                \
    25 /* in one answer: they have room, whatever they hold but control characters */

struct control_value {
    uint32_t number;  /* types n and a */
    const char *word; /* the argument as it was written; type x: decoded there */
    uint32_t length;  /* type x: bytes */
};

/* One call of a command; valid until it returns. */
struct control_call {
    struct control_value value[CONTROL_VALUES_MAX];
    unsigned count;
    char *reply; /* of CONTROL_REPLY_MAX bytes, "ok" before the call */
};

struct control_command {
    const char *name;
    const char *arguments; /* as `help` shows them: "[N] 0|1" */
    const char *
        types; /* a letter each; behind '?' they may be left out. n: a decimal number; a: an address, decimal or
                        * 0x…; w: any word; x: bytes in hex. Numbers have 32 bits. */
    /* NULL: `reply` holds the answer, one line without its end; else why not. */
    const char *(*run)(void *context, struct control_call *call);
};

/* Something that `run` can wait for: a count that changes when it happens. */
struct control_event {
    const char *name;
    uint64_t (*count)(void *context);
};

/* What a program adds; const data and its context. */
struct control_program {
    const char *name; /* of the program, for `hello` */
    const struct control_command *commands;
    unsigned command_count;
    const struct control_event *events;
    unsigned event_count;
    void *context;
};

/* Cut a line's first word off; `rest` is what follows. "": there is none. */
char *control_name(char *line, char **rest);

/* Parse the arguments in `rest`, which is written to. False: call->reply holds "error: …". */
bool control_parse(const struct control_command *command, char *rest, struct control_call *call);

/* Append to `reply`; what finds no room is cut off. */
void control_reply(char reply[CONTROL_REPLY_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Append text as a JSON string, or nothing and false if it has no room. */
bool control_reply_string(char reply[CONTROL_REPLY_MAX], const char *text);

/* Append bytes as hex digits. */
void control_reply_hex(char reply[CONTROL_REPLY_MAX], const uint8_t *bytes, size_t length);

#endif
