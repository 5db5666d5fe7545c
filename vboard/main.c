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

#include "host/options.h"
#include "host/usbip.h"
#include "vboard/board.h"
#include "vboard/gdb.h"

struct program {
    const struct vboard_model *model;
    struct vboard *board;                         /* the first */
    struct vboard *others[USBIP_DEVICES_MAX - 1]; /* with --usbip */
    const char *image, *profile, *flash;
    const char *images[USBIP_DEVICES_MAX - 1]; /* of the others */
    unsigned other_count;
    uint8_t uid[VBOARD_UID_LENGTH];
    bool uid_given, trace, boot0, killed, semihosting;
    bool gdb_given, jlink;
    unsigned gdb_port;
    struct gdb *gdb;
};

static void help(void)
{
    printf("Usage: vboard [options] IMAGE.elf\n"
           "Run a firmware image on a virtual board, with its USB cable in a PC in user space.\n"
           "With --usbip several images may be given, each for a board with a unique ID of its own.\n\n"
           "  --board NAME           which board (default %s); known:",
           vboard_models[0]->id);
    for (unsigned i = 0; vboard_models[i]; i++)
        printf(" %s", vboard_models[i]->id);
    printf(
        "\n"
        "  --uid HEX              the chip's unique ID, 24 hex digits\n"
        "  --trace                print USB events, and warn of accesses that disturb each other\n"
        "  --gdb PORT             wait for GDB on this local port (0: any free one, printed)\n"
        "  --monitor WHOSE        openocd: the debugger's \"monitor reset\" lets the board run (default); jlink: it halts\n"
        "  --semihosting          BKPT 0xAB is a call of ours: output in the log, exit ends the program\n"
        "  --flash FILE           keep the flash in this file: read it before IMAGE (which may then be left out),\n"
        "                         and write to it whenever the board writes to its flash\n"
        "  --boot0                hold BOOT0 high: each reset starts the boot loader in ROM (0483:df11)\n"
        "  --profile FILE         at the end, write instructions and lowest stack per function as JSON\n"
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

static void event_print(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value,
                        const char *text)
{
    const struct program *program = context;
    printf("%11.3f s  ", (double)time_ns / 1e9);
    switch (event) {
    case VBOARD_RESET: printf("board: reset (%s)\n", cause_name(value)); break;
    case VBOARD_LEDS:
        printf("board: LEDs");
        for (unsigned i = 0; i < VBOARD_LEDS_MAX && program->model->leds[i].name; i++)
            printf(" %s %s", program->model->leds[i].name, value >> i & 1u ? "on" : "off");
        printf("\n");
        break;
    case VBOARD_SERIAL: printf("%s\n", text); break;
    case VBOARD_UNMODELLED: printf("board: unmodelled: %s\n", text); break;
    case VBOARD_WARNING: printf("board: warning: %s\n", text); break;
    case VBOARD_ROM: printf("board: %s\n", text); break;
    case VBOARD_LOCKUP: printf("board: %s\n", text); break;
    case VBOARD_TRACE: printf("%s\n", text); break;
    }
    fflush(stdout);
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

/* One option of our own: how many arguments it took; 0: not ours; -1: wrong, said so. */
static int option_take(struct program *program, int argc, char **argv, int at)
{
    static const char *const with_value[] = {"--board",   "--uid",   "--gdb",
                                             "--profile", "--flash", "--monitor"};
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
        fail("no board %s (see --help)", value);
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
        if (taken == 0 && program->image && program->other_count == USBIP_DEVICES_MAX - 1)
            return fail("too many images: %s", argv[at]);
        if (taken == 0) {
            *(program->image ? &program->images[program->other_count++] : &program->image) = argv[at];
            taken = 1;
        }
        at += taken;
    }
    if (program->other_count && !options->usbip)
        return fail("one image only, not %s as well (several: with --usbip)", program->images[0]);
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

static int profile_write(const struct program *program)
{
    FILE *file = fopen(program->profile, "w");
    if (!file) {
        fprintf(stderr, "vboard: %s: %s\n", program->profile, strerror(errno));
        return 2;
    }
    vboard_profile_write(program->board, file);
    return fclose(file) == 0 ? 0 : fail("%s: can't be written", program->profile);
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
    struct cable cables[USBIP_DEVICES_MAX] = {vboard_cable(program->board)};
    for (unsigned i = 0; i < program->other_count; i++)
        cables[i + 1] = vboard_cable(program->others[i]);
    return options->usbip ? options_serve_usbip(options, cables, program->other_count + 1, alive, program)
                          : options_serve(options, cables[0], vboard_fixture(program->board), alive, program);
}

int main(int argc, char **argv)
{
    struct program program = {.model = vboard_models[0]};
    struct pc_options options;
    char error[400] = "";
    options_init(&options);
    int result = arguments(&program, &options, argc, argv);
    if (result)
        return result;
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct vboard_config config = {.model = program.model,
                                   .image = program.image,
                                   .flash = program.flash,
                                   .uid = program.uid_given ? program.uid : NULL,
                                   .trace = program.trace,
                                   .boot0 = program.boot0,
                                   .semihosting = program.semihosting,
                                   .event = event_print,
                                   .context = &program};
    program.board = vboard_new(&config, error, sizeof error);
    if (!program.board || !others_make(&program, &config, error, sizeof error))
        return fail("%s", error);
    if (program.profile && !vboard_profile_start(program.board))
        return fail("%s", "out of memory");
    if (program.gdb_given && debugger_open(&program))
        return 2;
    result = serve(&program, &options);
    struct vboard_stats stats = vboard_stats(program.board);
    if (program.killed || stats.exited)
        result = stats.exited && stats.failed ? 1 : 0;
    gdb_close(program.gdb);
    if (program.profile && result != 2 && profile_write(&program))
        result = 2;
    if (program.flash && vboard_flash_error(program.board)) {
        fprintf(stderr, "vboard: %s: %s\n", program.flash, strerror(vboard_flash_error(program.board)));
        result = 2;
    }
    vboard_free(program.board);
    for (unsigned i = 0; i < program.other_count; i++)
        vboard_free(program.others[i]);
    return result;
}
