/*
 * The console: keys and what a terminal shows of them, commands, history, completion, long answers, raw bytes, and room that
 * is short. After each step a model of a terminal must show the prompt and the line, and its cursor stand where the line's does.
 *
 * LINK: plugnet/console.c wire/text.c
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/console.h"
#include "test/test.h"
#include "test/unit/terminal.h"

#define UP    "\x1B[A"
#define DOWN  "\x1B[B"
#define RIGHT "\x1B[C"
#define LEFT  "\x1B[D"

static struct console console;
static struct terminal terminal;
static char history[64];
static char ran[512]; /* each command with its words */
static char raw[64];
static size_t raw_length;

static enum console_progress echo_run(struct console_call *call, struct text *out)
{
    for (unsigned i = 0; i < call->count; i++) {
        strcat(ran, i == 0 ? "" : "|");
        strcat(ran, call->words[i]);
    }
    strcat(ran, ";");
    text_put(out, "one\ntwo\n");
    return CONSOLE_END;
}

static const char *led_word(unsigned number, unsigned index)
{
    static const char *const leds[] = {"green", "grey", "red"}, *const states[] = {"on", "off"};
    if (number == 1)
        return index < 3 ? leds[index] : NULL;
    return number == 2 && index < 2 ? states[index] : NULL;
}

static enum console_progress wide_run(struct console_call *call, struct text *out)
{
    for (unsigned i = 0; i < CONSOLE_PIECE_MAX; i++)
        text_put(out, call->step == 1 ? "\n" : "x");
    if (call->step == 2)
        text_put(out, "y");
    return call->step < 3 ? CONSOLE_MORE : CONSOLE_END;
}

static enum console_progress wait_run(struct console_call *call, struct text *out)
{
    (void)call;
    (void)out;
    return CONSOLE_MORE;
}

static size_t raw_input(struct console_call *call, const uint8_t *bytes, size_t length)
{
    size_t room = call->state[0] < 5 ? 5 - call->state[0] : 0, taken = length < room ? length : room;
    memcpy(raw + raw_length, bytes, taken);
    raw_length += taken;
    call->state[0] += (uint32_t)taken;
    return taken;
}

static enum console_progress raw_run(struct console_call *call, struct text *out)
{
    if (call->state[0] < 5)
        return CONSOLE_MORE;
    text_put(out, "done\n");
    return CONSOLE_END;
}

static enum console_progress usage_run(struct console_call *call, struct text *out)
{
    (void)call;
    (void)out;
    return CONSOLE_USAGE;
}

static const struct console_command commands[] = {
    {.name = "led", .usage = "NAME on|off", .help = "switch an LED", .run = echo_run, .complete = led_word},
    {.name = "leave", .help = "go", .run = echo_run},
    {.name = "wide", .help = "much", .run = wide_run},
    {.name = "wait", .run = wait_run},
    {.name = "raw", .help = "five bytes", .run = raw_run, .input = raw_input},
    {.name = "usage", .usage = "X", .run = usage_run},
};

static const struct console_config config = {
    .greeting = "hello\n",
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .history = history,
    .history_size = sizeof history,
};

static bool edits(void)
{
    return console.command == NULL && !console.listing && !console.prompt_due && !console.greeting_due;
}

/* Step after step with so much room, until nothing is done any more; returns how many bytes were taken. */
static size_t play(const char *bytes, size_t length)
{
    size_t taken = 0;
    for (unsigned steps = 0; steps < 10000; steps++) {
        char room[CONSOLE_STEP_MAX];
        struct text out = text_over(room, sizeof room);
        size_t took = console_step(&console, (const uint8_t *)bytes + taken, length - taken, &out);
        CHECK(took <= length - taken && !out.overflow);
        taken += took;
        terminal_put(&terminal, out.bytes, out.length);
        CHECK(terminal.wrong == NULL);
        if (edits())
            CHECK(terminal_shows(&terminal, "> ", console.line, console.length, console.cursor));
        if (took == 0 && out.length == 0)
            return taken;
    }
    TEST_FAIL("it never ends");
}

/* All of these keys are taken, one by one. */
static void type(const char *keys)
{
    for (; *keys != 0; keys++)
        CHECK_EQUAL(play(keys, 1), 1);
}

static void start(void)
{
    memset(&terminal, 0, sizeof terminal);
    memset(history, 0, sizeof history);
    ran[0] = 0;
    raw_length = 0;
    console_init(&console, &config);
    console_open(&console);
    play(NULL, 0);
    CHECK_STRING(terminal.text, "hello\n");
}

static void line_is(const char *line, size_t cursor)
{
    console.line[console.length] = 0;
    CHECK_STRING(console.line, line);
    CHECK_EQUAL(console.cursor, cursor);
}

TEST(keys)
{
    static const struct {
        const char *keys, *line;
        size_t cursor;
    } cases[] = {
        {"abc", "abc", 3},
        {"abc" LEFT LEFT "X", "aXbc", 2},
        {"abc" LEFT LEFT LEFT "X", "Xabc", 1},
        {"abc\x02\x02\x06X", "abXc", 3},
        {"abc" LEFT RIGHT "X", "abcX", 4},
        {"abc\x01X\x05Y", "XabcY", 5},
        {"abc\x1B[HX\x1B[FY", "XabcY", 5},
        {"abc\x1BOHX\x1BOFY", "XabcY", 5},
        {"abc\x1B[1~X\x1B[4~Y\x1B[7~Z\x1B[8~!", "ZXabcY!", 7},
        {"abc\x7F\x08", "a", 1},
        {"abc" LEFT "\x7F", "ac", 1},
        {"abc\x01\x1B[3~", "bc", 0},
        {"abc\x01\x04\x04", "c", 0},
        {"abc def  \x17", "abc ", 4},
        {"abc def" LEFT LEFT "\x17", "abc ef", 4},
        {"abc def" LEFT LEFT "\x15", "ef", 0},
        {"abc def" LEFT LEFT "\x0B", "abc d", 5},
        {"abc\x0C", "abc", 3},
        {"abc" LEFT "\x0C", "abc", 2},
        {"abc\x03"
         "def",
         "def", 3},
        {"\x1B[1;5Dx\x1B[99999999999999999999x", "x999999x", 8}, /* too long: its end is text */
        {"a\x1B[200~b\x1Bxc", "abc", 3},
        {"a\x1B\x1B[Cb\x1B[\x01x", "xab", 1}, /* a control character ends a sequence, and counts */
        {"a\x80\xC3\xBC"
         "b\x19",
         "ab", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start();
        type(cases[i].keys);
        line_is(cases[i].line, cases[i].cursor);
    }
}

TEST(bells)
{
    start();
    type("\x7F\x04" LEFT RIGHT UP DOWN "\x0E\x1A\xFF");
    CHECK_EQUAL(terminal.bells, 9);
    for (unsigned i = 0; i < CONSOLE_LINE_MAX; i++)
        type("x");
    CHECK_EQUAL(terminal.bells, 9);
    type("y\x01y");
    CHECK_EQUAL(terminal.bells, 11);
    CHECK_EQUAL(console.length, CONSOLE_LINE_MAX);
}

/* The same keys in one go, and in steps of any size. */
TEST(pieces)
{
    static const char keys[] = "led\tg\te\t\ton\rhelp\rwide\r" UP UP "\rled red off\x7F\x7F\x7F\x15x\r" UP;
    static struct terminal wanted;
    start();
    CHECK_EQUAL(play(keys, sizeof keys - 1), sizeof keys - 1);
    wanted = terminal;
    for (size_t step = 1; step < sizeof keys; step++) {
        start();
        for (size_t at = 0; at < sizeof keys - 1; at += step) {
            size_t length = sizeof keys - 1 - at < step ? sizeof keys - 1 - at : step;
            CHECK_EQUAL(play(keys + at, length), length);
        }
        CHECK_STRING(terminal.text, wanted.text);
    }
}

TEST(line_ends)
{
    start();
    CHECK_EQUAL(play("leave\r\nleave\nleave\r\rleave\n\n", 27), 27);
    CHECK_STRING(ran, "leave;leave;leave;leave;");
    CHECK_STRING(
        terminal.text,
        "hello\n> leave\none\ntwo\n> leave\none\ntwo\n> leave\none\ntwo\n> \n> leave\none\ntwo\n> \n");
    play("leave\r", 6);
    play("\nleave\r", 7);
    CHECK_STRING(ran, "leave;leave;leave;leave;leave;leave;");
}

TEST(words)
{
    start();
    type("  led   a  bc \r");
    CHECK_STRING(ran, "led|a|bc;");
    ran[0] = 0;
    type("led 2 3 4 5 6 7 8 9 10\r");
    CHECK_STRING(ran, "led|2|3|4|5|6|7|8 9 10;");
    type("   \r\r");
    CHECK_STRING(strstr(terminal.text, "10\n"), "10\none\ntwo\n>    \n> \n");
    type("Led\r");
    CHECK(strstr(terminal.text, "\nLed: not known, try help\n") != NULL);
    ran[0] = 0;
    type("leave now\r"); /* has no words */
    CHECK_STRING(ran, "");
    CHECK(strstr(terminal.text, "\nusage: leave\n") != NULL);
    type("usage it\r");
    CHECK(strstr(terminal.text, "\nusage: usage X\n") != NULL);
}

TEST(help)
{
    start();
    type("help\r");
    CHECK(
        strstr(
            terminal.text,
            "> help\nled NAME on|off: switch an LED\nleave: go\nwide: much\nwait\nraw: five bytes\nusage X\n"
            "help [COMMAND]: what there is\n") != NULL);
    type("help raw\r");
    CHECK(strstr(terminal.text, "> help raw\nraw: five bytes\n") != NULL);
    type("help nothing\r");
    CHECK(strstr(terminal.text, "usage: help [COMMAND]\n") != NULL);
}

TEST(complete)
{
    static const struct {
        const char *keys, *line;
    } cases[] = {
        {"h\t", "help "},
        {"le\t", "le"},
        {"led\t", "led "},
        {"l\t", "le"},
        {"led g\t", "led gre"},
        {"led gree\t", "led green "},
        {"led green o\t", "led green o"},
        {"led green of\t", "led green off "},
        {"led  r\t", "led  red "},
        {"led green on x\t", "led green on x"},
        {"nothing x\t", "nothing x"},
        {"help wi\t", "help wide "},
        {"help wide w\t", "help wide w"},
        {"wait x\t", "wait x"},
        {" le\t", " le"},
        {"x\t", "x"},
        {"ledx" LEFT "\t", "led x"}, /* in the middle */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start();
        type(cases[i].keys);
        console.line[console.length] = 0;
        CHECK_STRING(console.line, cases[i].line);
    }
    start();
    type("led \t");
    line_is("led ", 4);
    CHECK(strstr(terminal.text, "> led \ngreen  grey  red  \n") != NULL);
    type("\x15\t");
    CHECK(strstr(terminal.text, "> \nled  leave  wide  wait  raw  usage  help  \n") != NULL);
    type("led"); /* what lists is over */
    line_is("led", 3);
    for (unsigned i = 0; i < CONSOLE_LINE_MAX - 3; i++) /* no room for what would complete it */
        type(" ");
    type("\x7Fg\t");
    CHECK_EQUAL(console.length, CONSOLE_LINE_MAX);
}

TEST(recall)
{
    start();
    type(UP);
    line_is("", 0);
    type("leave\rled a\rled a\r\rx\r");
    type(UP);
    line_is("x", 1);
    type(UP);
    line_is("led a", 5);
    type(UP);
    line_is("leave", 5);
    type(UP UP);
    line_is("leave", 5);
    type(DOWN DOWN);
    line_is("x", 1);
    type(DOWN);
    line_is("", 0);
    type(DOWN);
    line_is("", 0);
    type(UP UP "b\r");
    CHECK(strstr(ran, "led|ab;") != NULL);
    type(UP);
    line_is("led ab", 6);
}

/* Whole lines alone, as many as there is room for; one that is longer than all of it is not kept. */
TEST(recall_room)
{
    char line[CONSOLE_LINE_MAX + 2];
    start();
    for (unsigned length = 1; length <= CONSOLE_LINE_MAX; length++) {
        memset(line, 'a' + (int)(length % 26), length);
        line[length] = 0;
        type(line);
        type("\r");
        unsigned total = 0, kept = 0;
        for (; kept < length && kept < 63 && total + (length < 63 ? length : 63) - kept + 1 <= sizeof history;
             kept++)
            total += (length < 63 ? length : 63) - kept + 1;
        for (unsigned back = 0; back < kept; back++) {
            type(UP);
            CHECK_EQUAL(console.length, (length < 63 ? length : 63) - back);
        }
        unsigned bells = terminal.bells;
        type(UP);
        CHECK_EQUAL(terminal.bells, bells + 1);
        type("\x03");
    }
}

TEST(without_history)
{
    static const struct console_config bare = {.commands = commands, .command_count = 1, .prompt = "> "};
    start();
    console_init(&console, &bare);
    console_open(&console);
    play("\r", 1);
    type("led\r" UP);
    line_is("", 0);
}

/* Each piece up to its limit, CR LF at all line ends, what is more is said to be cut. */
TEST(wide)
{
    char x[CONSOLE_PIECE_MAX + 1];
    char *at;
    memset(x, 'x', CONSOLE_PIECE_MAX);
    x[CONSOLE_PIECE_MAX] = 0;
    start();
    type("wide\r");
    at = strstr(terminal.text, "> wide\n");
    CHECK(at != NULL && strncmp(at + 7, x, CONSOLE_PIECE_MAX) == 0);
    at += 7 + CONSOLE_PIECE_MAX;
    CHECK_EQUAL(strspn(at, "\n"), CONSOLE_PIECE_MAX);
    at += CONSOLE_PIECE_MAX;
    CHECK(strncmp(at, x, CONSOLE_PIECE_MAX) == 0 && strncmp(at + CONSOLE_PIECE_MAX, "[cut]\n", 6) == 0);
}

TEST(interrupts)
{
    char room[CONSOLE_STEP_MAX];
    struct text out = text_over(room, sizeof room);
    start();
    CHECK_EQUAL(play("wait\rabc", 8), 5); /* what comes waits */
    CHECK_EQUAL(console_step(&console, (const uint8_t *)"abc", 3, &out), 0);
    CHECK_EQUAL(play("abc\x03", 4), 4);
    line_is("", 0);
    CHECK(strstr(terminal.text, "> wait\n^C\n") != NULL);
    play("wait\r", 5);
    console_interrupt(&console);
    play(NULL, 0);
    line_is("", 0);
    play("wait\r", 5);
    console_open(&console);
    type("led\r");
    CHECK_STRING(ran, "led;");
    type("\t");
    console_open(&console);
    type("abc");
    line_is("abc", 3);
}

/* Bytes of any value, no more than the command takes. */
TEST(raw_bytes)
{
    start();
    CHECK_EQUAL(play("raw\r\x03\r\n", 7), 7);
    CHECK(console.command != NULL);
    CHECK_EQUAL(play("\x1B\0leave\r", 8), 8);
    CHECK_BYTES(raw, "\x03\r\n\x1B\0", 5);
    CHECK(strstr(terminal.text, "done\n> leave\n") != NULL);
    CHECK_STRING(ran, "leave;");
}

TEST(notes)
{
    char room[CONSOLE_STEP_MAX];
    struct text out = text_over(room, sizeof room);
    start();
    type("abc" LEFT);
    CHECK(console_note(&console, "a line of the log", 17, &out));
    terminal_put(&terminal, out.bytes, out.length);
    CHECK(terminal_shows(&terminal, "> ", "abc", 3, 2));
    CHECK_STRING(terminal.text, "hello\na line of the log\n");
    play("\x03wait\r", 6);
    CHECK(!console_note(&console, "x", 1, &out));
    play("\x03", 1);
    CHECK(console_note(&console, "x", 1, &out));
    console_open(&console);
    CHECK(!console_note(&console, "x", 1, &out));
}

/* What is longer than a line isn't run in part, unless somebody has looked at it. */
TEST(long_lines)
{
    char line[10000];
    memset(line, 'x', sizeof line);
    memcpy(line, "led   ", 6);
    start();
    CHECK_EQUAL(play(line, sizeof line), sizeof line);
    type("\r");
    CHECK_STRING(ran, "");
    CHECK(strstr(terminal.text, "too long") != NULL);
    type("leave\r");
    CHECK_STRING(ran, "leave;");
    for (unsigned how = 0; how < 3; how++) {
        static const char *const edits[] = {"\x7F", "\x17", UP};
        start();
        type("led on\r");
        play(line, sizeof line);
        type(edits[how]);
        ran[0] = 0;
        type("\r");
        CHECK(strncmp(ran, "led|", 4) == 0 || how == 1);
    }
    start();
    play(line, sizeof line);
    type("\x03leave\r");
    CHECK_STRING(ran, "leave;");
    start();
    memset(line, ' ', CONSOLE_LINE_MAX + 1);
    memcpy(line, "leave", 5);
    play(line, CONSOLE_LINE_MAX);
    type("\r");
    CHECK_STRING(ran, "leave;");
}

/* Commands of a product that makes mistakes. */
static enum console_progress much_run(struct console_call *call, struct text *out)
{
    (void)call;
    (void)out;
    return CONSOLE_MORE;
}

static size_t greedy_input(struct console_call *call, const uint8_t *bytes, size_t length)
{
    (void)bytes;
    call->state[0] += (uint32_t)length;
    return length + 100;
}

/* The same word for ever: `index` was forgotten. */
static const char *forgetful_word(unsigned number, unsigned index)
{
    (void)index;
    return number == 1 ? "on" : "off";
}

static const struct console_command careless[] = {
    {.name = "forgetful", .usage = "WORD", .run = echo_run, .complete = forgetful_word},
    {.name = "greedy", .run = much_run, .input = greedy_input},
    {.name = "idle"},
};

static void careless_start(struct console_config *wrong)
{
    wrong->commands = careless;
    wrong->command_count = sizeof careless / sizeof careless[0];
    memset(&terminal, 0, sizeof terminal);
    console_init(&console, wrong);
    console_open(&console);
    play(NULL, 0);
}

static size_t step(const char *bytes, size_t length)
{
    char room[CONSOLE_STEP_MAX];
    struct text out = text_over(room, sizeof room);
    return console_step(&console, (const uint8_t *)bytes, length, &out);
}

TEST(mistakes)
{
    struct console_config wrong = {0};
    careless_start(&wrong);
    type("greedy\r");
    CHECK_EQUAL(step("abc", 3), 3);
    console_interrupt(&console);
    play(NULL, 0);
    type("idle\r");
    CHECK(edits());
    type("forgetful o\t");
    line_is("forgetful on", 12);
    CHECK_EQUAL(step("\t", 1), 1);
    CHECK(console.listing);
    CHECK_EQUAL(step("x\x03y", 3), 3); /* a list without end, too, is ended */
    CHECK(edits());
    line_is("y", 1);
}

/* A greeting or a prompt that is too long is cut, and costs nothing else. */
TEST(too_long)
{
    char text[2 * CONSOLE_STEP_MAX], cut[CONSOLE_PROMPT_MAX + 1], room[CONSOLE_STEP_MAX];
    struct console_config wrong = {.greeting = text};
    memset(text, 'g', sizeof text);
    text[sizeof text - 1] = 0;
    careless_start(&wrong);
    type("abc");
    line_is("abc", 3);
    wrong = (struct console_config){.prompt = text};
    memset(&terminal, 0, sizeof terminal);
    console_init(&console, &wrong);
    console_open(&console);
    for (const char *key = "\0abc\x02x"; key < "\0abc\x02x" + 6; key++) {
        struct text out = text_over(room, sizeof room);
        CHECK_EQUAL(console_step(&console, (const uint8_t *)key, *key != 0, &out), *key != 0);
        CHECK(!out.overflow);
        terminal_put(&terminal, out.bytes, out.length);
    }
    snprintf(cut, sizeof cut, "%.*s", CONSOLE_PROMPT_MAX, text);
    CHECK(terminal_shows(&terminal, cut, "abxc", 4, 3));
}

TEST_MAIN()
