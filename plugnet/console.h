/*
 * A console: a line editor with history and completion over a table of a product's commands. It thinks, and does no I/O:
 * bytes of a terminal in, text for it out.
 *
 *   console_init ─→ console_open ─→ console_step(bytes, room for text) … while it takes or puts something
 *                                     ├ a key: the line, and what the terminal shows of it
 *                                     └ a line: its command, which puts its answer piece by piece (console_command.run)
 *
 * Keys, as shells have them: arrows, Home, End, Delete, Backspace; Ctrl-A, B, C, D, E, F, K, L, N, P, U, W; Tab completes,
 * and lists where there are several. A line ends with CR, LF or both; one that was longer than CONSOLE_LINE_MAX isn't run.
 * Characters are ASCII's; any other key rings the bell.
 * The terminal must know CR, backspace and ESC [ K, J, H and D, as every one does since the VT100, and be as wide as the
 * prompt and the longest line.
 *
 * All calls come from one thread.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_PLUGNET_CONSOLE_H
#define PLUGNET_PLUGNET_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/text.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef CONSOLE_LINE_MAX
#define CONSOLE_LINE_MAX 80 /* characters of a line, at most 240 */
#endif
#ifndef CONSOLE_PROMPT_MAX
#define CONSOLE_PROMPT_MAX 24 /* characters of the prompt */
#endif
#ifndef CONSOLE_WORDS_MAX
#define CONSOLE_WORDS_MAX 8 /* words of a line; further ones stay in the last */
#endif
#ifndef CONSOLE_PIECE_MAX
#define CONSOLE_PIECE_MAX 128 /* bytes that one call of a command puts; a line of `help`, too */
#endif

/* Room that each console_step needs: a piece, each byte of which may be a line end; or a line that is drawn anew, twice as
 * much as it needs. */
#define CONSOLE_STEP_MAX                                                                                     \
    (2 * (CONSOLE_PIECE_MAX > CONSOLE_LINE_MAX + CONSOLE_PROMPT_MAX + 16                                     \
              ? CONSOLE_PIECE_MAX                                                                            \
              : CONSOLE_LINE_MAX + CONSOLE_PROMPT_MAX + 16))

enum console_progress {
    CONSOLE_END,   /* the command is done */
    CONSOLE_MORE,  /* call it again, when there is room */
    CONSOLE_USAGE, /* wrong words: the console says how they must be */
};

/* A command that runs. */
struct console_call {
    void *context;                        /* console_config.context */
    unsigned count;                       /* of words, the command's name included */
    const char *words[CONSOLE_WORDS_MAX]; /* each ended by 0 */
    uint32_t step;                        /* how often `run` has been called before */
    uint32_t state[4];                    /* the command's own, 0 at first */
};

/* A command. Const. */
struct console_command {
    const char *name;  /* one word */
    const char *usage; /* its words: "N on|off"; NULL: none, and it is never called with any */
    const char *help;  /* a line for `help` */

    /* Put a piece of the answer, with "\n" at line ends. May be called no more, by Ctrl-C or when the terminal goes. */
    enum console_progress (*run)(struct console_call *call, struct text *out);

    /* Takes raw bytes that come while it runs, any byte; returns how many. NULL: they wait, and Ctrl-C ends it. */
    size_t (*input)(struct console_call *call, const uint8_t *bytes, size_t length);

    /* For Tab: what word `number` (from 1) may be, one for each index from 0, of which 4,096 are looked at; NULL behind the last.
     * NULL: unknown. */
    const char *(*complete)(unsigned number, unsigned index);
};

/* What you set; const, outlives the console. */
struct console_config {
    const char *prompt;   /* at most CONSOLE_PROMPT_MAX characters; NULL: "> " */
    const char *greeting; /* at most CONSOLE_PIECE_MAX bytes, for each who opens the terminal; NULL: none */
    const struct console_command *commands; /* `help` comes by itself */
    size_t command_count;
    char *history; /* the last lines, each with a 0; NULL: none */
    size_t history_size;
    void *context; /* for commands */
};

/* One console; caller-owned, all fields are ours. */
struct console {
    const struct console_config *config;
    const struct console_command *command; /* runs; NULL: a line is edited */
    struct console_call call;
    uint16_t history_used;
    uint16_t listed;     /* candidates of Tab that were shown so far … */
    bool listing;        /* … and more are to come */
    bool greeting_due;   /* the terminal was opened */
    bool prompt_due;     /* the line shall be shown */
    bool after_cr;       /* a line feed belongs to the line end before it */
    bool too_long;       /* characters of the line found no room */
    uint8_t escape;      /* bytes of an escape sequence so far, its first one included */
    uint8_t escape_kind; /* '[', 'O' or 0 */
    uint8_t escape_number;
    uint8_t length, cursor; /* of the line */
    uint8_t recalled;       /* lines back in the history; 0: a new one */
    char line[CONSOLE_LINE_MAX + 1];
};

void console_init(struct console *console, const struct console_config *config);

/* Somebody has opened a terminal: greeting and prompt, and a new line. */
void console_open(struct console *console);

/* End the command that runs and forget the line, as Ctrl-C does; where a command takes raw bytes, a break or the terminal's end
 * may ask for it. */
void console_interrupt(struct console *console);

/* Take some of the bytes that have come and put what is to be shown; `out` has room for CONSOLE_STEP_MAX bytes. Returns how many
 * were taken. Nothing taken and nothing put: call again when something has come, or in a millisecond where a command runs. */
size_t console_step(struct console *console, const uint8_t *bytes, size_t length, struct text *out);

/* Show a line of text, at most CONSOLE_PIECE_MAX bytes, above the one that is edited; `out` has room for CONSOLE_STEP_MAX
 * bytes. False: not now, since a command is at work. */
bool console_note(struct console *console, const char *bytes, size_t length, struct text *out);

#ifdef __cplusplus
}
#endif

#endif
