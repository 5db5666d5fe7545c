/*
 * The virtual board as a program: runs an image as the chip would, with a PC in user space at its cable.
 *
 *   vboard [options] IMAGE.elf        options of its own below, options of the PC end from host/options.h
 *
 * Exit code: 0 after Ctrl-C or --for, 1 when the core locked up for good, 2 for anything wrong on the command line; with
 * --semihosting, 0 or 1 when the image ended itself without or with an error.
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/lines.h"
#include "host/options.h"
#include "host/server.h"
#include "vboard/board.h"
#include "vboard/control.h"
#include "vboard/gdb.h"

struct program {
    const struct vboard_model *model;
    struct vboard *board;                          /* the first */
    struct vboard *others[SERVER_DEVICES_MAX - 1]; /* given out with it */
    const char *image, *profile, *coverage, *flash;
    const char *images[SERVER_DEVICES_MAX - 1]; /* of the others */
    unsigned other_count;
    uint8_t uid[VBOARD_UID_LENGTH];
    bool uid_given, trace, boot0, killed, semihosting;
    bool gdb_given, jlink;
    unsigned gdb_port;
    struct gdb *gdb;
    struct lines *lines;
    struct control_board *control;
};

static void help(void)
{
    printf("Usage: vboard [options] IMAGE.elf\n"
           "Run a firmware image on a virtual board, with its USB cable in a PC in user space.\n"
           "With --usbip or --usbredir several images may be given, each for a board with a unique ID\n"
           "of its own.\n\n"
           "  --board NAME           which board (default %s); known:",
           vboard_models[0]->id);
    for (unsigned i = 0; vboard_models[i]; i++)
        printf(" %s", vboard_models[i]->id);
    printf(
        "\n"
        "  --uid HEX              the chip's unique ID, 24 hex digits\n"
        "  --trace                print USB events, and warn of accesses that disturb each other\n"
        "  --gdb PORT             wait for GDB on this local port (0: any free one, printed)\n"
        "  --monitor WHOSE        openocd: the debugger's monitor reset lets the board run (default); jlink: it halts\n"
        "  --semihosting          BKPT 0xAB is a call of ours: output in the log, exit ends the program\n"
        "  --flash FILE           keep the flash in this file: read it before IMAGE (which may then be left out),\n"
        "                         and write to it whenever the board writes to its flash\n"
        "  --boot0                hold BOOT0 high: each reset starts the boot loader in ROM (0483:df11)\n"
        "  --profile FILE         at the end, write instructions and lowest stack per function as JSON\n"
        "  --coverage FILE        at the end, write which instructions ran (docs/testkit.md)\n"
        "%s"
        "  --help                 this text\n",
        options_help);
}

static int fail(const char *format, const char *what)
{
    fprintf(stderr, "vboard: ");
    fprintf(stderr, format, what);
    fprintf(stderr, "\n");
    return 2;
}

static const char *cause_name(uint32_t csr)
{
    if (csr & 1u << 31)
        return "low power";
    if (csr & 1u << 30)
        return "window watchdog";
    if (csr & 1u << 29)
        return "watchdog";
    if (csr & 1u << 28)
        return "software";
    if (csr & 1u << 27)
        return "power-on";
    return "reset pin";
}

/* What an event says, in one line. */
static void event_text(const struct program *program, enum vboard_event event, uint32_t value,
                       const char *text, char *line, size_t size)
{
    const char *prefix = event == VBOARD_UNMODELLED                        ? "board: unmodelled: "
                         : event == VBOARD_WARNING                         ? "board: warning: "
                         : event == VBOARD_SERIAL || event == VBOARD_TRACE ? ""
                                                                           : "board: ";
    size_t at = 0;
    if (event == VBOARD_RESET) {
        snprintf(line, size, "board: reset (%s)", cause_name(value));
    } else if (event == VBOARD_LEDS) {
        at += (size_t)snprintf(line, size, "board: LEDs");
        for (unsigned i = 0; i < VBOARD_LEDS_MAX && program->model->leds[i].name && at < size; i++)
            at += (size_t)snprintf(line + at, size - at, " %s %s", program->model->leds[i].name,
                                   value >> i & 1u ? "on" : "off");
    } else {
        snprintf(line, size, "%s%s", prefix, text);
    }
}

static void event_print(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value,
                        const char *text)
{
    const struct program *program = context;
    char line[LINES_TEXT_MAX];
    event_text(program, event, value, text, line, sizeof line);
    lines_add(program->lines, time_ns,
              event == VBOARD_SERIAL  ? "serial"
              : event == VBOARD_TRACE ? "trace"
                                      : "board",
              line);
    if (event == VBOARD_LEDS)
        control_board_leds(program->control);
    printf("%11.3f s  %s\n", (double)time_ns / 1e9, line);
    fflush(stdout);
}

static void serial_byte(void *context, unsigned usart, uint8_t byte)
{
    const struct program *program = context;
    control_board_serial(program->control, usart, byte);
}

static bool uid_parse(const char *text, uint8_t *uid)
{
    if (strlen(text) != 2 * VBOARD_UID_LENGTH ||
        strspn(text, "0123456789abcdefABCDEF") != 2 * VBOARD_UID_LENGTH)
        return false;
    for (unsigned i = 0; i < VBOARD_UID_LENGTH; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], 0};
        uid[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

static void board_unknown(const char *name)
{
    fprintf(stderr, "vboard: no board %s; there are:", name);
    for (unsigned i = 0; vboard_models[i]; i++)
        fprintf(stderr, " %s", vboard_models[i]->id);
    fprintf(stderr, ". An image for a board of your own runs on the one with its chip\n");
}

/* One option of our own: how many arguments it took; 0: not ours; -1: wrong, said so. */
static int option_take(struct program *program, int argc, char **argv, int at)
{
    static const char *const with_value[] = {"--board",    "--uid",   "--gdb",    "--profile",
                                             "--coverage", "--flash", "--monitor"};
    const char *name = argv[at], *value = at + 1 < argc ? argv[at + 1] : NULL;
    bool known = false;
    if (strcmp(name, "--trace") == 0) {
        program->trace = true;
        return 1;
    }
    if (strcmp(name, "--boot0") == 0) {
        program->boot0 = true;
        return 1;
    }
    if (strcmp(name, "--semihosting") == 0) {
        program->semihosting = true;
        return 1;
    }
    for (unsigned i = 0; i < sizeof with_value / sizeof *with_value; i++)
        known |= strcmp(name, with_value[i]) == 0;
    if (!known)
        return 0;
    unsigned long port;
    if (!value) {
        fail("%s needs a value", name);
        return -1;
    }
    if (strcmp(name, "--board") == 0 && !(program->model = vboard_model_find(value))) {
        board_unknown(value);
        return -1;
    }
    if (strcmp(name, "--uid") == 0 && !(program->uid_given = uid_parse(value, program->uid))) {
        fail("--uid %s: not 24 hex digits", value);
        return -1;
    }
    if (strcmp(name, "--gdb") == 0) {
        if (!options_number(value, 0, 65535, &port)) {
            fail("--gdb %s: not a port number", value);
            return -1;
        }
        program->gdb_port = (unsigned)port;
        program->gdb_given = true;
    }
    if (strcmp(name, "--monitor") == 0 && strcmp(value, "openocd") != 0 && strcmp(value, "jlink") != 0) {
        fail("--monitor %s: neither openocd nor jlink", value);
        return -1;
    }
    if (strcmp(name, "--monitor") == 0)
        program->jlink = strcmp(value, "jlink") == 0;
    if (strcmp(name, "--profile") == 0)
        program->profile = value;
    if (strcmp(name, "--coverage") == 0)
        program->coverage = value;
    if (strcmp(name, "--flash") == 0)
        program->flash = value;
    return 2;
}

static int arguments(struct program *program, struct pc_options *options, int argc, char **argv)
{
    for (int at = 1; at < argc;) {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            help();
            exit(0);
        }
        int taken = option_take(program, argc, argv, at);
        if (taken == 0)
            taken = options_take(options, argc, argv, at);
        if (taken < 0)
            return 2;
        if (taken == 0 && argv[at][0] == '-')
            return fail("no option %s (see --help)", argv[at]);
        if (taken == 0 && program->image && program->other_count == SERVER_DEVICES_MAX - 1)
            return fail("too many images: %s", argv[at]);
        if (taken == 0) {
            *(program->image ? &program->images[program->other_count++] : &program->image) = argv[at];
            taken = 1;
        }
        at += taken;
    }
    if (program->other_count && options->given == PC_GIVEN_NOBODY)
        return fail("one image only, not %s as well (several: with --usbip or --usbredir)",
                    program->images[0]);
    return program->image || program->flash ? 0 : fail("%s", "no image given (see --help)");
}

/* ---- The debugger ---- */

/* SIGINT and SIGTERM are blocked by then (they arrive as a file descriptor). */
static bool end_asked(void)
{
    sigset_t waiting;
    return sigpending(&waiting) == 0 && (sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGTERM));
}

static void debugger_poll(void *context)
{
    struct program *program = context;
    while (!program->killed && !end_asked())
        switch (gdb_poll(program->gdb, 100)) {
        case GDB_RUN: return;
        case GDB_HALT: break;
        case GDB_KILL: program->killed = true; break;
        }
}

static void debugger_stopped(void *context, int reason)
{
    struct program *program = context;
    gdb_stopped(program->gdb, (enum cpu_stop)reason);
}

static void debugger_reset(void *context)
{
    struct program *program = context;
    vboard_reset_button(program->board, true);
    vboard_reset_button(program->board, false);
}

static enum cpu_stop debugger_step(void *context)
{
    struct program *program = context;
    return (enum cpu_stop)vboard_step(program->board);
}

static bool debugger_flash_area(void *context, unsigned number, struct gdb_flash_area *area)
{
    struct program *program = context;
    struct vboard_flash_area it;
    if (!vboard_flash_area(program->board, number, &it))
        return false;
    *area = (struct gdb_flash_area){it.base, it.size, it.sector_size};
    return true;
}

static bool debugger_flash_erase(void *context, uint32_t address, uint32_t size)
{
    struct program *program = context;
    return vboard_flash_erase(program->board, address, size);
}

static bool debugger_flash_program(void *context, uint32_t address, const uint8_t *bytes, uint32_t size)
{
    struct program *program = context;
    return vboard_flash_load(program->board, address, bytes, size);
}

static bool debugger_peripheral(void *context, unsigned number, struct gdb_peripheral *peripheral)
{
    struct program *program = context;
    struct vboard_peripheral it;
    if (!vboard_peripheral(program->board, number, &it))
        return false;
    *peripheral = (struct gdb_peripheral){it.name, it.base, it.size, it.modelled};
    return true;
}

static void debugger_semihosting(void *context, bool on)
{
    struct program *program = context;
    vboard_semihosting(program->board, on);
}

static int debugger_open(struct program *program)
{
    const struct gdb_callbacks callbacks = {.reset = debugger_reset,
                                            .step = debugger_step,
                                            .flash_area = debugger_flash_area,
                                            .flash_erase = debugger_flash_erase,
                                            .flash_program = debugger_flash_program,
                                            .peripheral = debugger_peripheral,
                                            .semihosting = debugger_semihosting,
                                            .jlink = program->jlink,
                                            .context = program};
    const struct vboard_debugger debugger = {debugger_poll, debugger_stopped, program};
    program->gdb = gdb_open(program->gdb_port, vboard_cpu(program->board), &callbacks, true);
    if (!program->gdb) {
        fprintf(stderr, "vboard: --gdb %u: %s\n", program->gdb_port, strerror(errno));
        return 2;
    }
    vboard_debugger(program->board, &debugger);
    printf("waiting for a debugger: gdb-multiarch -ex 'target remote localhost:%u' %s\n",
           gdb_port(program->gdb), program->image);
    return 0;
}

/* Locked up, and no watchdog that would wake it. */
static bool alive(void *context)
{
    struct program *program = context;
    struct vboard_stats stats = vboard_stats(program->board);
    return !program->killed && !stats.exited && (!stats.locked_up || stats.watchdog || program->gdb);
}

/* 0, or 2 and a line that says why. */
static int file_write(const struct program *program, const char *path,
                      void (*write)(struct vboard *board, FILE *file))
{
    FILE *file = fopen(path, "w");
    if (!file) {
        fprintf(stderr, "vboard: %s: %s\n", path, strerror(errno));
        return 2;
    }
    write(program->board, file);
    return fclose(file) == 0 ? 0 : fail("%s: can't be written", path);
}

/* The boards beside the first: each has an image, and an ID that counts on from the first one's. */
static bool others_make(struct program *program, const struct vboard_config *first, char *error,
                        size_t error_size)
{
    for (unsigned i = 0; i < program->other_count; i++) {
        struct vboard_config config = *first;
        uint8_t uid[VBOARD_UID_LENGTH];
        memcpy(uid, vboard_uid(program->board), sizeof uid);
        uid[0] = (uint8_t)(uid[0] + i + 1);
        config.image = program->images[i];
        config.flash = NULL;
        config.uid = uid;
        program->others[i] = vboard_new(&config, error, error_size);
        if (!program->others[i])
            return false;
    }
    return true;
}

static int serve(struct program *program, const struct pc_options *options)
{
    struct cable cables[SERVER_DEVICES_MAX] = {vboard_cable(program->board)};
    for (unsigned i = 0; i < program->other_count; i++)
        cables[i + 1] = vboard_cable(program->others[i]);
    return options->given != PC_GIVEN_NOBODY
               ? options_serve_out(options, cables, program->other_count + 1, alive, program)
               : options_serve(options, cables[0], vboard_fixture(program->board), alive, program);
}

/* The end: what was to be written is. */
static int finish(struct program *program, int result)
{
    gdb_close(program->gdb);
    if (program->profile && result != 2 && file_write(program, program->profile, vboard_profile_write))
        result = 2;
    if (program->coverage && result != 2 && file_write(program, program->coverage, vboard_coverage_write))
        result = 2;
    if (program->flash && vboard_flash_error(program->board)) {
        fprintf(stderr, "vboard: %s: %s\n", program->flash, strerror(vboard_flash_error(program->board)));
        result = 2;
    }
    vboard_free(program->board);
    for (unsigned i = 0; i < program->other_count; i++)
        vboard_free(program->others[i]);
    control_board_free(program->control);
    lines_free(program->lines);
    return result;
}

static int boards_make(struct program *program)
{
    char error[400] = "out of memory";
    struct vboard_config config = {.model = program->model,
                                   .image = program->image,
                                   .flash = program->flash,
                                   .uid = program->uid_given ? program->uid : NULL,
                                   .trace = program->trace,
                                   .boot0 = program->boot0,
                                   .semihosting = program->semihosting,
                                   .event = event_print,
                                   .serial = serial_byte,
                                   .context = program};
    program->lines = lines_new();
    program->control = control_board_new();
    program->board = program->lines && program->control ? vboard_new(&config, error, sizeof error) : NULL;
    if (!program->board || !others_make(program, &config, error, sizeof error))
        return fail("%s", error);
    control_board_set(program->control, program->board);
    if ((program->profile && !vboard_profile_start(program->board)) ||
        (program->coverage && !vboard_coverage_start(program->board)))
        return fail("%s", "out of memory");
    return program->gdb_given ? debugger_open(program) : 0;
}

int main(int argc, char **argv)
{
    struct program program = {.model = vboard_models[0]};
    struct pc_options options;
    options_init(&options);
    int result = arguments(&program, &options, argc, argv);
    if (result)
        return result;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (boards_make(&program))
        return 2;
    const struct control_program commands = control_board_program(program.control);
    options.config.program = &commands;
    options.config.lines = program.lines;
    result = serve(&program, &options);
    struct vboard_stats stats = vboard_stats(program.board);
    if (program.killed || stats.exited)
        result = stats.exited && stats.failed ? 1 : 0;
    return finish(&program, result);
}
