/*
 * Fuzz the console: what a terminal sends, in pieces of any size, with notes and interrupts between. Whatever comes, a model of a
 * terminal must show the prompt and the line, and at last a command must still run.
 *
 * LINK: plugnet/console.c wire/text.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "plugnet/console.h"
#include "test/unit/terminal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define STEPS_MAX 4096

static unsigned good;

static enum console_progress good_run(struct console_call *call, struct text *out)
{
    for (unsigned i = 0; i < call->count; i++)
        REQUIRE(call->words[i][0] != 0 && strlen(call->words[i]) <= CONSOLE_LINE_MAX);
    text_put(out, "one\ntwo");
    good++;
    return call->step < 2 ? CONSOLE_MORE : CONSOLE_END;
}

static size_t raw_input(struct console_call *call, const uint8_t *bytes, size_t length)
{
    call->state[0] += bytes[0];
    return length > 3 ? 3 : length;
}

static enum console_progress raw_run(struct console_call *call, struct text *out)
{
    (void)out;
    return call->state[0] < 500 ? CONSOLE_MORE : CONSOLE_USAGE;
}

static const char *word(unsigned number, unsigned index)
{
    static const char *const words[] = {"alpha", "alps", "beta", ""};
    return number < 3 && index < 4 ? words[index] : NULL;
}

static const struct console_command commands[] = {
    {.name = "good", .usage = "[WORDS]", .run = good_run, .complete = word},
    {.name = "go", .run = good_run},
    {.name = "raw", .help = "bytes", .run = raw_run, .input = raw_input},
};

static char history[48];
static const struct console_config config = {.commands = commands,
                                             .command_count = 3,
                                             .greeting = "hello\n",
                                             .history = history,
                                             .history_size = sizeof history};
static struct console console;
static struct terminal terminal;

static bool edits(void)
{
    return console.command == NULL && !console.listing && !console.prompt_due && !console.greeting_due;
}

static void shown(const struct text *out)
{
    REQUIRE(!out->overflow);
    terminal_put(&terminal, out->bytes, out->length);
    REQUIRE(terminal.wrong == NULL);
    REQUIRE(console.length <= CONSOLE_LINE_MAX && console.cursor <= console.length);
    if (edits())
        REQUIRE(terminal_shows(&terminal, "> ", console.line, console.length, console.cursor));
}

/* All of it, as far as it is taken. */
static void play(const uint8_t *bytes, size_t length)
{
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        char room[CONSOLE_STEP_MAX];
        struct text out = text_over(room, sizeof room);
        size_t taken = console_step(&console, bytes, length, &out);
        REQUIRE(taken <= length);
        shown(&out);
        bytes += taken;
        length -= taken;
        if (taken == 0 && out.length == 0)
            return;
    }
    abort(); /* it never ends */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&terminal, 0, sizeof terminal);
    memset(history, 0, sizeof history);
    console_init(&console, &config);
    console_open(&console);
    play((const uint8_t *)"", 0);
    while (size > 0) {
        size_t length = data[0] & 31;
        if (length == 31) {
            console_interrupt(&console);
        } else if (length == 30) {
            char room[CONSOLE_STEP_MAX];
            struct text out = text_over(room, sizeof room);
            console_note(&console, "a note", 6, &out);
            shown(&out);
        } else {
            length = length < size - 1 ? length : size - 1;
            play(data + 1, length);
            data += length;
            size -= length;
        }
        data++;
        size--;
    }
    console_open(&console);
    good = 0;
    play((const uint8_t *)"good\r", 5);
    REQUIRE(good == 3 && edits());
    return 0;
}
