/*
 * Lines of the control socket: names, arguments of each type, their bounds, and answers that run full.
 *
 * LINK: host/control_line.c
 */
/* SPDX-License-Identifier: MIT */
#include "host/control_line.h"
#include "test/test.h"

static struct control_call call;
static char reply[CONTROL_REPLY_MAX];

static bool parse(const char *types, const char *arguments)
{
    static char rest[CONTROL_LINE_MAX + 1000];
    const struct control_command command = {.name = "deed", .arguments = "HOW", .types = types};
    strcpy(rest, arguments);
    strcpy(reply, "ok");
    call = (struct control_call){.reply = reply};
    return control_parse(&command, rest, &call);
}

TEST(control_name)
{
    char line[] = " \t pin  PA0\t1\r", *rest;
    CHECK_STRING(control_name(line, &rest), "pin");
    CHECK_STRING(control_name(rest, &rest), "PA0");
    CHECK_STRING(control_name(rest, &rest), "1");
    CHECK_STRING(control_name(rest, &rest), "");
    CHECK_STRING(control_name(rest, &rest), "");
}

TEST(control_numbers)
{
    CHECK(parse("n", "0") && call.count == 1 && call.value[0].number == 0);
    CHECK(parse("n", "4294967295") && call.value[0].number == UINT32_MAX);
    CHECK(parse("a", "0xFFffFFff") && call.value[0].number == UINT32_MAX);
    CHECK(parse("a", "0x00000000000000000010") && call.value[0].number == 16);
    CHECK(parse("a", "010") && call.value[0].number == 10);
    static const char *const wrong[] = {"4294967296", "-1",  "+1", "1x",  "x",
                                        "0x10",       "1.0", "''", "0x1", "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK(!parse("n", wrong[i]));
        CHECK(strncmp(reply, "error: '", 8) == 0 && strstr(reply, "deed HOW"));
    }
    CHECK(!parse("a", "0x") && !parse("a", "0x100000000") && !parse("a", "0xg") && !parse("a", "x10"));
}

TEST(control_count)
{
    CHECK(parse("", "") && call.count == 0 && strcmp(reply, "ok") == 0);
    CHECK(!parse("", "1"));
    CHECK(!parse("n", ""));
    CHECK_STRING(reply, "error: wrong number of arguments: deed HOW");
    CHECK(parse("n?n", "1") && call.count == 1);
    CHECK(parse("n?n", "1 2") && call.count == 2 && call.value[1].number == 2);
    CHECK(!parse("n?n", "1 2 3") && !parse("n?n", ""));
    CHECK(parse("?w", "") && parse("?w", "a") && !parse("?w", "a b"));
    CHECK(parse("wwwwww", "a b c d e f") && call.count == CONTROL_VALUES_MAX);
    CHECK(!parse("wwwwwww", "a b c d e f g")); /* more than there are places */
    CHECK_STRING(reply, "error: 'g' is not expected here: deed HOW");
}

TEST(control_hex)
{
    static char digits[2 * CONTROL_BYTES_MAX + 3];
    CHECK(parse("x", "00fFA5") && call.value[0].length == 3);
    CHECK_BYTES((const uint8_t *)call.value[0].word, "\0\xff\xa5", 3);
    CHECK(!parse("x", "0") && !parse("x", "0g") && !parse("x", "g0") && !parse("x", ""));
    memset(digits, 'e', sizeof digits - 1);
    CHECK(!parse("x", digits));
    CHECK(strlen(reply) < 100); /* what is wrong is shown in part */
    digits[2 * CONTROL_BYTES_MAX] = 0;
    CHECK(parse("x", digits) && call.value[0].length == CONTROL_BYTES_MAX);
}

TEST(control_reply)
{
    char text[4] = {'"', '\\', '\x01', 0};
    uint8_t byte = 0xAB;
    reply[0] = 0;
    CHECK(control_reply_string(reply, text));
    CHECK_STRING(reply, "\"\\\"\\\\\\u0001\"");
    memset(reply, 'x', sizeof reply - 1);
    reply[sizeof reply - 1] = 0;
    for (size_t length = sizeof reply - 20; length < sizeof reply; length++) {
        reply[length] = 0;
        control_reply_string(reply, text);
        CHECK(strlen(reply) < sizeof reply);
        control_reply_hex(reply, &byte, 1);
        control_reply(reply, "%s", "more and more and more");
        CHECK(strlen(reply) < sizeof reply);
        memset(reply, 'x', length + 1);
    }
}

TEST_MAIN()
