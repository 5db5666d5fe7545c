/*
 * "monitor": the commands of OpenOCD and of J-Link's GDB server, since launch files and IDEs give these. Each does what it
 * does there, or is accepted with a line that says that it has no effect here. What neither has, or what would be missed
 * if it did nothing, is an error.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/gdb_core.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MONITOR_MAX 64   /* characters of a command */
#define CONSOLE_MAX 1000 /* characters sent at once */
#define LIST_MAX    256  /* peripherals */

enum monitor {
    MONITOR_RESET,
    MONITOR_RESET_RUN,
    MONITOR_RESET_HALT,
    MONITOR_HALT,
    MONITOR_RESUME,
    MONITOR_SYNC,
    MONITOR_POLL,
    MONITOR_SEMIHOSTING_ON,
    MONITOR_SEMIHOSTING_OFF,
    MONITOR_SHUTDOWN,
    MONITOR_HELP,
};

static const struct {
    const char *name;
    enum monitor what;
} commands[] = {
    {"reset", MONITOR_RESET},
    {"reset run", MONITOR_RESET_RUN},
    {"reset halt", MONITOR_RESET_HALT},
    {"reset init", MONITOR_RESET_HALT},
    {"soft_reset_halt", MONITOR_RESET_HALT},
    {"halt", MONITOR_HALT},
    {"resume", MONITOR_RESUME},
    {"go", MONITOR_RESUME},
    {"gdb_sync", MONITOR_SYNC},
    {"poll", MONITOR_POLL},
    {"arm semihosting enable", MONITOR_SEMIHOSTING_ON},
    {"arm semihosting disable", MONITOR_SEMIHOSTING_OFF},
    {"semihosting enable", MONITOR_SEMIHOSTING_ON},
    {"semihosting disable", MONITOR_SEMIHOSTING_OFF},
    {"shutdown", MONITOR_SHUTDOWN},
    {"help", MONITOR_HELP},
};

/* About the probe, its cable, its speed, its way to write flash, or waiting, none of which is here: first words of a
 * command, in capitals or not. OpenOCD's, then J-Link's. */
static const char *const no_effect[] = {
    "adapter",
    "adapter_khz",
    "arm semihosting_fileio",
    "cortex_m",
    "debug_level",
    "flash probe",
    "gdb_breakpoint_override",
    "gdb_flash_program",
    "gdb_memory_map",
    "init",
    "log_output",
    "poll on",
    "poll off",
    "sleep",
    "transport",
    "wait_halt",
    "allowsimulation",
    "clrbp",
    "device",
    "endian",
    "flash breakpoints",
    "flash cachesize",
    "flash device",
    "flash download",
    "interface",
    "localhostonly",
    "log",
    "select",
    "semihosting breakonerror",
    "semihosting ioclient",
    "semihosting armswi",
    "semihosting thumbswi",
    "speed",
    "vcatch",
    "waithalt",
    "waitreset",
};

static const char help[] =
    "monitor commands:\n"
    "  reset                   reset the board and let it run; with vboard --monitor jlink as \"reset halt\"\n"
    "  reset run               reset the board and let it run\n"
    "  reset halt, reset init, reset 0 …\n"
    "                          reset the board and halt before its first instruction\n"
    "  halt                    halt where it is\n"
    "  resume, go              let it run\n"
    "  poll                    does it run, and where is it?\n"
    "  gdb_sync                the next stepi is none: it shows where the processor is\n"
    "  arm semihosting enable, disable; semihosting enable, disable\n"
    "                          BKPT 0xAB is a call of ours\n"
    "  peripherals [NAME]      addresses of peripherals, or of those whose names begin so\n"
    "  shutdown                end the virtual board\n"
    "  help                    this text\n"
    "OpenOCD's and J-Link's commands about the probe are accepted, and have no effect.\n";

static void console(struct gdb *gdb, const char *text)
{
    char packet[2 * CONSOLE_MAX + 2] = "O";

    while (*text) {
        size_t length = strnlen(text, CONSOLE_MAX);

        gdb_hex_write(packet + 1, (const uint8_t *)text, length);
        gdb_reply(gdb, packet);
        text += length;
    }
}

/* Words with one space between them, none around; any white space separates them. */
static void spaces_squeeze(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        char c = strchr(" \t\n\v\f\r", *from) ? ' ' : *from;

        if (c != ' ' || (to > text && to[-1] != ' '))
            *to++ = c;
    }
    if (to > text && to[-1] == ' ')
        to--;
    *to = '\0';
}

static void poll_answer(struct gdb *gdb)
{
    char text[80];

    snprintf(text, sizeof text, "the processor %s, pc 0x%08x, xPSR 0x%08x\n",
             gdb->state == GDB_HALT ? "is halted" : "runs", cpu_register_get(gdb->cpu, 15),
             cpu_register_get(gdb->cpu, 16));
    console(gdb, text);
}

static bool semihosting(struct gdb *gdb, bool on)
{
    if (gdb->callbacks.semihosting)
        gdb->callbacks.semihosting(gdb->callbacks.context, on);
    else
        console(gdb, "no semihosting here\n");
    return gdb->callbacks.semihosting != NULL;
}

static bool board_reset(struct gdb *gdb, bool run)
{
    if (gdb->callbacks.reset)
        gdb_reset(gdb, run);
    else
        console(gdb, "no reset here\n");
    return gdb->callbacks.reset != NULL;
}

static bool command_do(struct gdb *gdb, enum monitor what)
{
    switch (what) {
    case MONITOR_RESET: return board_reset(gdb, !gdb->callbacks.jlink);
    case MONITOR_RESET_RUN: return board_reset(gdb, true);
    case MONITOR_RESET_HALT: return board_reset(gdb, false);
    case MONITOR_HALT: gdb->state = GDB_HALT; return true;
    case MONITOR_RESUME: gdb->state = GDB_RUN; return true;
    case MONITOR_SYNC: gdb->step_sync = true; return true;
    case MONITOR_POLL: poll_answer(gdb); return true;
    case MONITOR_SEMIHOSTING_ON: return semihosting(gdb, true);
    case MONITOR_SEMIHOSTING_OFF: return semihosting(gdb, false);
    case MONITOR_SHUTDOWN: return true; /* when it has been answered */
    case MONITOR_HELP: console(gdb, help); return true;
    }
    return false;
}

/* "peripherals", or with the beginning of a name. */
static bool peripherals(struct gdb *gdb, const char *wanted)
{
    char line[100];
    struct gdb_peripheral it;
    bool found = false;

    for (unsigned i = 0; gdb->callbacks.peripheral && i < LIST_MAX; i++) {
        if (!gdb->callbacks.peripheral(gdb->callbacks.context, i, &it))
            break;
        if (strncasecmp(it.name, wanted, strlen(wanted)) != 0)
            continue;
        found = true;
        snprintf(line, sizeof line, "%-10s 0x%08x 0x%x%s\n", it.name, it.base, it.size,
                 it.modelled ? "" : " (not modelled)");
        console(gdb, line);
    }
    if (!found)
        console(gdb, "no such peripheral here\n");
    return found;
}

/* J-Link's "reset" with the kind of it, which makes no difference here. */
static bool is_numbered_reset(const char *command)
{
    const char *number;

    return gdb_begins(command, "reset ", &number) && *number && number[strspn(number, "0123456789")] == '\0';
}

/* The first words of a command, whole. */
static bool has_words(const char *command, const char *words)
{
    size_t length = strlen(words);

    return strncasecmp(command, words, length) == 0 && (!command[length] || strchr(" =", command[length]));
}

static bool has_no_effect(struct gdb *gdb, const char *command)
{
    char answer[MONITOR_MAX + 40];

    for (unsigned i = 0; i < sizeof no_effect / sizeof *no_effect; i++) {
        if (has_words(command, no_effect[i])) {
            snprintf(answer, sizeof answer, "\"%s\" has no effect here\n", command);
            console(gdb, answer);
            return true;
        }
    }
    return false;
}

static bool command_run(struct gdb *gdb, const char *command)
{
    char answer[MONITOR_MAX + 80];
    const char *rest;

    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(command, commands[i].name) == 0)
            return command_do(gdb, commands[i].what);
    if (is_numbered_reset(command))
        return board_reset(gdb, false);
    if (strcmp(command, "peripherals") == 0)
        return peripherals(gdb, "");
    if (gdb_begins(command, "peripherals ", &rest))
        return peripherals(gdb, rest);
    if (has_no_effect(gdb, command))
        return true;
    snprintf(answer, sizeof answer, "no monitor command \"%s\"; \"monitor help\" lists them\n", command);
    console(gdb, answer);
    return false;
}

void gdb_monitor(struct gdb *gdb, const char *text)
{
    char command[MONITOR_MAX];
    size_t length = strlen(text) / 2;

    if (length >= sizeof command || !gdb_hex_read(text, (uint8_t *)command, length) || text[2 * length] ||
        memchr(command, '\0', length)) {
        gdb_reply_ok(gdb, false);
        return;
    }
    command[length] = '\0';
    spaces_squeeze(command);
    gdb_reply_ok(gdb, command_run(gdb, command));
    if (strcmp(command, "shutdown") == 0)
        gdb_client_drop(gdb, GDB_KILL);
}
