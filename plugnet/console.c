/*
 * The console. See console.h.
 *
 * What the terminal shows follows the line: a character at its end is simply shown, so that typing costs a byte a key; after
 * anything else the line is drawn anew, and the cursor set. Long answers (a command's, `help`, the candidates of Tab) are
 * made piece by piece, one for each console_step.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/console.h"

#include <string.h>

_Static_assert(CONSOLE_LINE_MAX >= 8 && CONSOLE_LINE_MAX <= 240, "CONSOLE_LINE_MAX: 8 to 240");
_Static_assert(CONSOLE_WORDS_MAX >= 2, "CONSOLE_WORDS_MAX: a command and a word");

#define ESCAPE_MAX 16 /* bytes of an escape sequence; then it is over, whatever comes */
#define KEY_ESCAPE 0x1B
#define KEY_DELETE 0x7F
#define CONTROL(c) ((c)&0x1F)
#define BELL       "\a"

#define CANDIDATES_MAX 4096 /* of Tab, looked at in one step */

static const char *console_prompt(const struct console *c)
{
    return c->config->prompt != NULL ? c->config->prompt : "> ";
}

/* ---- Commands: the product's, and `help` behind them. ---- */

static enum console_progress console_help(struct console_call *call, struct text *out);

static const struct console_command help_command = {
    .name = "help", .usage = "[COMMAND]", .help = "what there is", .run = console_help};

/* NULL behind the last. */
static const struct console_command *console_command_at(const struct console_config *config, size_t index)
{
    if (index < config->command_count)
        return &config->commands[index];
    return index == config->command_count ? &help_command : NULL;
}

static const struct console_command *console_command_find(const struct console_config *config,
                                                          const char *name)
{
    const struct console_command *command;
    for (size_t i = 0; (command = console_command_at(config, i)) != NULL; i++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static void console_usage_put(const struct console_command *command, struct text *out)
{
    text_put(out, command->name);
    if (command->usage != NULL) {
        text_put(out, " ");
        text_put(out, command->usage);
    }
}

/* Its context is the console's configuration: see console_enter. */
static enum console_progress console_help(struct console_call *call, struct text *out)
{
    const struct console_config *config = call->context;
    const struct console_command *command = console_command_at(config, call->step);
    bool one = call->count > 1;
    if (one)
        command = console_command_find(config, call->words[1]);
    if (command == NULL)
        return one ? CONSOLE_USAGE : CONSOLE_END;
    console_usage_put(command, out);
    if (command->help != NULL) {
        text_put(out, ": ");
        text_put(out, command->help);
    }
    text_put(out, "\n");
    return one ? CONSOLE_END : CONSOLE_MORE;
}

/* ---- What the terminal shows. ---- */

/* Each line end of what was put from `from` on becomes CR LF, if there is room. */
static void console_lines_end(struct text *out, size_t from)
{
    size_t more = 0, at = out->length, to;
    for (size_t i = from; i < at; i++)
        more += out->bytes[i] == '\n';
    if (more > out->capacity - at)
        return;
    out->length = to = at + more;
    while (to != at) {
        char c = out->bytes[--at];
        out->bytes[--to] = c;
        if (c == '\n')
            out->bytes[--to] = '\r';
    }
}

/* A product's text, at most so many bytes of it. */
static void console_put_some(struct text *out, const char *text, size_t length_max)
{
    size_t length = strlen(text);
    text_put_bytes(out, text, length < length_max ? length : length_max);
}

static void console_line_draw(const struct console *c, struct text *out)
{
    text_put(out, "\r");
    console_put_some(out, console_prompt(c), CONSOLE_PROMPT_MAX);
    text_put_bytes(out, c->line, c->length);
    text_put(out, "\x1B[K");
    if (c->cursor < c->length) {
        text_put(out, "\x1B[");
        text_put_u32(out, (uint32_t)(c->length - c->cursor));
        text_put(out, "D");
    }
}

/* ---- The line. ---- */

static void console_line_clear(struct console *c)
{
    c->length = c->cursor = c->recalled = 0;
    c->too_long = false;
}

/* Remove what lies between, and put the cursor there. */
static void console_cut(struct console *c, size_t from, size_t to, struct text *out)
{
    memmove(c->line + from, c->line + to, c->length - to);
    c->length = (uint8_t)(c->length - (to - from));
    c->cursor = (uint8_t)from;
    c->too_long = false;
    console_line_draw(c, out);
}

/* Put characters in at the cursor; false: no room. */
static bool console_insert(struct console *c, const char *bytes, size_t length)
{
    if (length > (size_t)(CONSOLE_LINE_MAX - c->length))
        return false;
    memmove(c->line + c->cursor + length, c->line + c->cursor, (size_t)(c->length - c->cursor));
    memcpy(c->line + c->cursor, bytes, length);
    c->length = (uint8_t)(c->length + length);
    c->cursor = (uint8_t)(c->cursor + length);
    return true;
}

static void console_type(struct console *c, char key, struct text *out)
{
    if (!console_insert(c, &key, 1)) {
        c->too_long = true;
        text_put(out, BELL);
    } else if (c->cursor == c->length)
        text_put_bytes(out, &key, 1);
    else
        console_line_draw(c, out);
}

static void console_move(struct console *c, size_t cursor, struct text *out)
{
    c->cursor = (uint8_t)cursor;
    console_line_draw(c, out);
}

/* Where the word before the cursor begins. */
static size_t console_word_begin(const struct console *c)
{
    size_t at = c->cursor;
    while (at > 0 && c->line[at - 1] == ' ')
        at--;
    while (at > 0 && c->line[at - 1] != ' ')
        at--;
    return at;
}

/* ---- History: the newest line first, each with its 0. ---- */

static const char *console_history_at(const struct console *c, unsigned back)
{
    const char *line = c->config->history, *end = line + c->history_used;
    while (--back != 0 && line < end)
        line += strlen(line) + 1;
    return line < end ? line : NULL;
}

static void console_history_add(struct console *c)
{
    char *history = c->config->history;
    size_t size = c->config->history_size, need = c->length + 1u, kept = 0;
    if (history == NULL || c->length == 0 || need > size || size > UINT16_MAX)
        return;
    c->line[c->length] = 0;
    if (c->history_used != 0 && strcmp(history, c->line) == 0)
        return;
    while (kept < c->history_used) { /* as many whole lines as find room behind it */
        size_t next = kept + strlen(history + kept) + 1;
        if (next + need > size)
            break;
        kept = next;
    }
    memmove(history + need, history, kept);
    memcpy(history, c->line, need);
    c->history_used = (uint16_t)(kept + need);
}

/* One line further back, or nearer; in front of the newest one is an empty line. */
static void console_recall(struct console *c, bool back, struct text *out)
{
    unsigned wanted = back ? c->recalled + 1u : c->recalled - 1u;
    const char *line = c->recalled == 1 && !back ? "" : NULL;
    if (c->config->history != NULL && wanted != 0 && wanted <= UINT8_MAX)
        line = console_history_at(c, wanted);
    if (line == NULL) {
        text_put(out, BELL);
        return;
    }
    console_line_clear(c);
    c->length = c->cursor = (uint8_t)strlen(line);
    memcpy(c->line, line, c->length);
    c->recalled = (uint8_t)wanted;
    console_line_draw(c, out);
}

/* ---- Completion. ---- */

/* What the word at the cursor may be: of commands if it is the first one, or else the command's. */
struct console_word {
    const struct console_command *command; /* NULL: it is the command itself */
    const char *begin;
    size_t length;
    unsigned number;
};

/* False: its command isn't known, so nothing is. */
static bool console_word_find(struct console *c, struct console_word *word)
{
    size_t at = c->cursor, first = 0, end;
    bool between = true;
    while (at > 0 && c->line[at - 1] != ' ')
        at--;
    *word = (struct console_word){.begin = c->line + at, .length = c->cursor - at};
    for (size_t i = 0; i < at; i++) {
        word->number += between && c->line[i] != ' ';
        between = c->line[i] == ' ';
    }
    if (word->number == 0)
        return true;
    while (c->line[first] == ' ')
        first++;
    for (end = first; c->line[end] != ' '; end++) {
    }
    c->line[end] = 0; /* for a moment */
    word->command = console_command_find(c->config, c->line + first);
    c->line[end] = ' ';
    return word->command != NULL;
}

static const char *console_candidate_at(const struct console *c, const struct console_word *word,
                                        unsigned index)
{
    const struct console_command *command;
    if (word->command != NULL && word->command != &help_command)
        return word->command->complete != NULL ? word->command->complete(word->number, index) : NULL;
    command = console_command_at(c->config, index);
    return command != NULL && word->number < 2 ? command->name : NULL;
}

/* The next candidate from *index on that begins as the word does; NULL: none. */
static const char *console_candidate(const struct console *c, const struct console_word *word,
                                     unsigned *index)
{
    const char *candidate;
    while (*index < CANDIDATES_MAX && (candidate = console_candidate_at(c, word, *index)) != NULL) {
        ++*index;
        if (strncmp(candidate, word->begin, word->length) == 0)
            return candidate;
    }
    return NULL;
}

/* Complete the word as far as all candidates agree. If it was complete that far, they are to be listed. */
static void console_complete(struct console *c, struct text *out)
{
    struct console_word word;
    unsigned index = 0, count = 0;
    const char *first = NULL, *candidate;
    size_t common = 0;
    if (!console_word_find(c, &word)) {
        text_put(out, BELL);
        return;
    }
    for (; (candidate = console_candidate(c, &word, &index)) != NULL; count++) {
        size_t same = 0;
        while (candidate[same] != 0 && (first == NULL || candidate[same] == first[same]))
            same++;
        common = first == NULL || same < common ? same : common;
        first = first == NULL ? candidate : first;
    }
    if (count > 1 && common == word.length) {
        text_put(out, "\r\n");
        c->listing = true;
        c->listed = 0;
        return;
    }
    if (count == 0 || !console_insert(c, first + word.length, common - word.length) ||
        (count == 1 && !console_insert(c, " ", 1)))
        text_put(out, BELL);
    console_line_draw(c, out);
}

/* A few candidates more; behind the last one comes the line again. */
static void console_list(struct console *c, struct text *out)
{
    struct console_word word;
    unsigned index = c->listed;
    const char *candidate = NULL;
    size_t put = out->length;
    if (console_word_find(c, &word))
        candidate = console_candidate(c, &word, &index);
    c->listing = candidate != NULL;
    c->prompt_due = !c->listing;
    c->listed = (uint16_t)index;
    if (candidate != NULL) {
        text_put(out, candidate);
        text_put(out, "  ");
    }
    if (out->length == put) /* the end; or a name that is longer than any room */
        text_put(out, "\r\n");
}

/* ---- Commands that run. ---- */

/* Words between spaces, in the line itself; the last one may hold the rest. */
static void console_split(struct console *c)
{
    char *at = c->line, *end = c->line + c->length;
    *end = 0;
    for (;;) {
        while (*at == ' ')
            *at++ = 0;
        if (at == end)
            return;
        c->call.words[c->call.count++] = at;
        if (c->call.count == CONSOLE_WORDS_MAX)
            return;
        while (*at != ' ' && *at != 0)
            at++;
    }
}

static void console_enter(struct console *c, struct text *out)
{
    text_put(out, "\r\n");
    c->prompt_due = true;
    if (c->too_long) {
        text_put(out, "too long\r\n");
        console_line_clear(c);
        return;
    }
    console_history_add(c);
    c->call = (struct console_call){.context = c->config->context};
    console_split(c);
    if (c->call.count == 0) {
        console_line_clear(c);
        return;
    }
    c->command = console_command_find(c->config, c->call.words[0]);
    if (c->command == NULL) {
        text_put(out, c->call.words[0]);
        text_put(out, ": not known, try help\r\n");
        console_line_clear(c);
    } else if (c->command == &help_command) {
        c->call.context = (void *)(uintptr_t)c->config;
    }
}

static void console_ended(struct console *c)
{
    c->command = NULL;
    c->prompt_due = true;
    console_line_clear(c);
}

/* One piece of its answer. */
static void console_run(struct console *c, struct text *out)
{
    size_t from = out->length;
    struct text piece = text_over(out->bytes + from, CONSOLE_PIECE_MAX);
    enum console_progress progress = CONSOLE_USAGE;
    if (c->command->run != NULL && (c->call.count == 1 || c->command->usage != NULL))
        progress = c->command->run(&c->call, &piece);
    c->call.step++;
    out->length += piece.length;
    if (piece.overflow)
        text_put(out, "[cut]\n");
    if (progress == CONSOLE_USAGE) {
        text_put(out, "usage: ");
        console_usage_put(c->command, out);
        text_put(out, "\n");
    }
    console_lines_end(out, from);
    if (progress != CONSOLE_MORE)
        console_ended(c);
}

/* Bytes that come while a command runs or candidates are listed. Ctrl-C ends that, and what was typed before it is forgotten. */
static size_t console_meanwhile(struct console *c, const uint8_t *bytes, size_t length, struct text *out)
{
    const uint8_t *interrupt;
    if (length == 0)
        return 0;
    if (c->command != NULL && c->command->input != NULL) {
        size_t taken = c->command->input(&c->call, bytes, length);
        return taken < length ? taken : length;
    }
    interrupt = memchr(bytes, CONTROL('C'), length);
    if (interrupt == NULL)
        return 0;
    text_put(out, "^C\r\n");
    c->listing = false;
    console_ended(c);
    return (size_t)(interrupt - bytes) + 1;
}

/* ---- Keys. ---- */

static void console_backspace(struct console *c, struct text *out)
{
    if (c->cursor == 0) {
        text_put(out, BELL);
    } else if (c->cursor == c->length) {
        c->length = --c->cursor;
        c->too_long = false;
        text_put(out, "\b \b");
    } else {
        console_cut(c, c->cursor - 1u, c->cursor, out);
    }
}

static void console_left_right(struct console *c, bool right, struct text *out)
{
    if (right ? c->cursor == c->length : c->cursor == 0)
        text_put(out, BELL);
    else if (right)
        text_put_bytes(out, &c->line[c->cursor++], 1);
    else
        c->cursor--, text_put(out, "\b");
}

static void console_delete(struct console *c, struct text *out)
{
    if (c->cursor == c->length)
        text_put(out, BELL);
    else
        console_cut(c, c->cursor, c->cursor + 1u, out);
}

static void console_control(struct console *c, uint8_t key, struct text *out)
{
    switch (key) {
    case CONTROL('A'): console_move(c, 0, out); break;
    case CONTROL('B'): console_left_right(c, false, out); break;
    case CONTROL('C'):
        text_put(out, "^C\r\n");
        console_ended(c);
        break;
    case CONTROL('D'): console_delete(c, out); break;
    case CONTROL('E'): console_move(c, c->length, out); break;
    case CONTROL('F'): console_left_right(c, true, out); break;
    case CONTROL('H'):
    case KEY_DELETE: console_backspace(c, out); break;
    case CONTROL('I'): console_complete(c, out); break;
    case CONTROL('K'): console_cut(c, c->cursor, c->length, out); break;
    case CONTROL('L'):
        text_put(out, "\x1B[H\x1B[J");
        console_line_draw(c, out);
        break;
    case CONTROL('N'): console_recall(c, false, out); break;
    case CONTROL('P'): console_recall(c, true, out); break;
    case CONTROL('U'): console_cut(c, 0, c->cursor, out); break;
    case CONTROL('W'): console_cut(c, console_word_begin(c), c->cursor, out); break;
    default: text_put(out, BELL); break;
    }
}

/* What a key sends as ESC [ A is Ctrl-P, and so on; 0: no key that is known. */
static uint8_t console_escape_key(uint8_t last, uint8_t number)
{
    switch (last) {
    case 'A': return CONTROL('P');
    case 'B': return CONTROL('N');
    case 'C': return CONTROL('F');
    case 'D': return CONTROL('B');
    case 'H': return CONTROL('A');
    case 'F': return CONTROL('E');
    case '~': break;
    default: return 0;
    }
    return number == 1 || number == 7   ? CONTROL('A')
           : number == 4 || number == 8 ? CONTROL('E')
           : number == 3                ? CONTROL('D')
                                        : 0;
}

/* A byte of an escape sequence: ESC, '[' or 'O', a number and more of no interest, a letter or '~'. */
static void console_escape(struct console *c, uint8_t byte, struct text *out)
{
    uint8_t key;
    if (c->escape++ == 1 && (byte == '[' || byte == 'O')) {
        c->escape_kind = byte;
        c->escape_number = 0;
        return;
    }
    if (c->escape_kind != 0 && byte >= 0x20 && byte < 0x40 && c->escape < ESCAPE_MAX) {
        if (byte >= '0' && byte <= '9')
            c->escape_number = (uint8_t)(c->escape_number * 10 + byte - '0');
        return;
    }
    key = c->escape_kind != 0 ? console_escape_key(byte, c->escape_number) : 0;
    c->escape = c->escape_kind = 0;
    if (key != 0)
        console_control(c, key, out);
}

static void console_key(struct console *c, uint8_t byte, struct text *out)
{
    bool after_cr = c->after_cr;
    c->after_cr = byte == '\r';
    if (byte == '\n' && after_cr)
        return;
    if (c->escape != 0 && byte >= 0x20) {
        console_escape(c, byte, out);
        return;
    }
    c->escape = c->escape_kind = 0; /* a control character ends it, and counts */
    if (byte == '\r' || byte == '\n')
        console_enter(c, out);
    else if (byte == KEY_ESCAPE)
        c->escape = 1;
    else if (byte >= 0x20 && byte < 0x7F)
        console_type(c, (char)byte, out);
    else
        console_control(c, byte, out);
}

/* ---- The calls. ---- */

void console_init(struct console *console, const struct console_config *config)
{
    *console = (struct console){.config = config};
}

void console_open(struct console *console)
{
    console_interrupt(console);
    console->greeting_due = console->config->greeting != NULL;
}

void console_interrupt(struct console *console)
{
    console->listing = false;
    console->escape = console->escape_kind = 0;
    console_ended(console);
}

/* Room for whatever a key may bring about. */
static bool console_has_room(const struct text *out)
{
    return out->capacity - out->length >= CONSOLE_STEP_MAX / 2;
}

static bool console_edits(const struct console *c)
{
    return c->command == NULL && !c->listing && !c->prompt_due;
}

size_t console_step(struct console *console, const uint8_t *bytes, size_t length, struct text *out)
{
    size_t taken = 0;
    if (console->greeting_due) {
        size_t from = out->length;
        console->greeting_due = false;
        console_put_some(out, console->config->greeting, CONSOLE_PIECE_MAX);
        console_lines_end(out, from);
    } else {
        if (console->command != NULL || console->listing)
            taken = console_meanwhile(console, bytes, length, out);
        if (console->command != NULL)
            console_run(console, out);
        else if (console->listing)
            console_list(console, out);
    }
    if (console->prompt_due && console->command == NULL && console_has_room(out)) {
        console->prompt_due = false;
        console_line_draw(console, out);
    }
    while (taken < length && console_edits(console) && console_has_room(out))
        console_key(console, bytes[taken++], out);
    return taken;
}

bool console_note(struct console *console, const char *bytes, size_t length, struct text *out)
{
    if (!console_edits(console) || console->greeting_due)
        return false;
    text_put(out, "\r\x1B[K");
    text_put_bytes(out, bytes, length);
    text_put(out, "\r\n");
    console_line_draw(console, out);
    return true;
}
