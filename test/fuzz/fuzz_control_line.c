/*
 * Fuzz lines of the control socket, against commands of all kinds. What is accepted has as many arguments as the command takes,
 * and bytes lie where they were read; what is refused says so in one line.
 *
 * SECONDS: 20
 * LINK: host/control_line.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "host/control_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

static const struct control_command commands[] = {
    {"none", "", "", NULL},        {"button", "[N] 0|1", "n?n", NULL}, {"pin", "NAME", "w?w", NULL},
    {"poke", "A HEX", "ax", NULL}, {"run", "MS …", "n?wwwww", NULL},   {"any", "", "?wnaxwwww", NULL},
};

static void line_check(const struct control_command *command, const char *line, size_t size)
{
    static char reply[CONTROL_REPLY_MAX];
    char *copy = malloc(size + 1), *rest;
    REQUIRE(copy != NULL);
    memcpy(copy, line, size);
    copy[size] = 0;
    strcpy(reply, "ok");
    struct control_call call = {.reply = reply};
    control_name(copy, &rest);
    if (control_parse(command, rest, &call)) {
        REQUIRE(call.count <= CONTROL_VALUES_MAX && strcmp(reply, "ok") == 0);
        for (unsigned i = 0; i < call.count; i++)
            REQUIRE(call.value[i].word > copy && call.value[i].word + call.value[i].length <= copy + size);
    } else {
        REQUIRE(strncmp(reply, "error: ", 7) == 0 && strchr(reply, '\n') == NULL);
    }
    reply[0] = 0;
    control_reply_string(reply, line);
    REQUIRE(strlen(reply) < sizeof reply);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char line[CONTROL_LINE_MAX + 1];
    size = size < CONTROL_LINE_MAX ? size : CONTROL_LINE_MAX;
    size_t length = 0;
    while (length < size && data[length] != 0 && data[length] != '\n')
        length++;
    memcpy(line, data, length);
    line[length] = 0;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        line_check(&commands[i], line, length);
    return 0;
}
