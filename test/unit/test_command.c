/*
 * The console's language (app/command.h): lines, words, numbers, and what is none of them.
 *
 * LINK: app/command.c wire/text.c
 */
/* SPDX-License-Identifier: MIT */
#include "app/command.h"
#include "test/test.h"

static struct command parse(const char *line)
{
    size_t length = strlen(line);
    char *exact = malloc(length + 1); /* behind it a sanitizer watches */
    memcpy(exact + 1, line, length);
    struct command command = command_parse(exact + 1, length);
    free(exact);
    return command;
}

static void check_kind(const char *line, enum command_kind kind)
{
    struct command command = parse(line);
    if (command.kind != kind) {
        TEST_FAIL("\"%s\" is %d, not %d", line, command.kind, kind);
    }
}

TEST(line_ends)
{
    CHECK_EQUAL(command_line_end("abc", 3), 3);
    CHECK_EQUAL(command_line_end("abc\n", 4), 3);
    CHECK_EQUAL(command_line_end("abc\r\n", 5), 3);
    CHECK_EQUAL(command_line_end("\r\n", 2), 0);
    CHECK_EQUAL(command_line_end("ab\0c\n", 5), 2);
    CHECK_EQUAL(command_line_end("", 0), 0);
}

TEST(words)
{
    check_kind("", COMMAND_EMPTY);
    check_kind(" \t ", COMMAND_EMPTY);
    check_kind("*IDN?", COMMAND_IDENTIFY);
    check_kind("*idn?", COMMAND_IDENTIFY);
    check_kind("*IDN", COMMAND_UNKNOWN);
    check_kind("*IDN??", COMMAND_UNKNOWN);
    check_kind("help", COMMAND_HELP);
    check_kind("\thelp  ", COMMAND_HELP);
    check_kind("hel", COMMAND_UNKNOWN);
    check_kind("help me", COMMAND_USAGE);
    check_kind("help a b c d e f", COMMAND_USAGE);
    check_kind("leds", COMMAND_LEDS);
    check_kind("button", COMMAND_BUTTON);
    check_kind("uptime", COMMAND_UPTIME);
    check_kind("quit", COMMAND_QUIT);
    check_kind("\xFF\xFB\x01", COMMAND_UNKNOWN);
}

TEST(leds)
{
    struct command command = parse("led 12 on");
    CHECK(command.kind == COMMAND_LED && command.led == 12 && command.on);
    command = parse("LED\t0 Off");
    CHECK(command.kind == COMMAND_LED && command.led == 0 && !command.on);
    check_kind("led", COMMAND_USAGE);
    check_kind("led 0", COMMAND_USAGE);
    check_kind("led on 0", COMMAND_USAGE);
    check_kind("led 0 on 1", COMMAND_USAGE);
    check_kind("led 0 o", COMMAND_USAGE);
    check_kind("led -1 on", COMMAND_USAGE);
    check_kind("led 0x1 on", COMMAND_USAGE);
    check_kind("led 9999 on", COMMAND_LED);
    check_kind("led 10000 on", COMMAND_USAGE);
    check_kind("led 4294967296 on", COMMAND_USAGE);
}

TEST(length)
{
    char line[COMMAND_LINE_MAX + 2] = "help";
    memset(line + 4, ' ', COMMAND_LINE_MAX - 4);
    check_kind(line, COMMAND_HELP);
    line[COMMAND_LINE_MAX] = ' ';
    check_kind(line, COMMAND_TOO_LONG);
}

TEST_MAIN()
