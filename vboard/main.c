/*
 * The virtual board as a program: runs an image as the chip would, with a PC in user space at its cable.
 *
 *   vboard [options] IMAGE.elf        options of its own below, options of the PC end from host/options.h
 *
 * Exit code: 0 after Ctrl-C or --for, 1 when the core locked up for good, 2 for anything wrong on the command line.
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/options.h"
#include "vboard/board.h"

struct program {
    const struct vboard_model *model;
    struct vboard *board;
    const char *image, *profile;
    uint8_t uid[VBOARD_UID_LENGTH];
    bool uid_given, trace, died;
    unsigned gdb_port;
    struct gdb *gdb;
};

static void help(void)
{
    printf("Usage: vboard [options] IMAGE.elf\n"
           "Run a firmware image on a virtual board, with its USB cable in a PC in user space.\n\n"
           "  --board NAME           which board (default %s); known:",
           vboard_models[0]->id);
    for (unsigned i = 0; vboard_models[i]; i++)
        printf(" %s", vboard_models[i]->id);
    printf("\n"
           "  --uid HEX              the chip's unique ID, 24 hex digits\n"
           "  --trace                print USB events, and warn of accesses that disturb each other\n"
           "  --gdb PORT             wait for GDB's remote protocol on this local port\n"
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

static const struct vboard_model *model_find(const char *id)
{
    for (unsigned i = 0; vboard_models[i]; i++)
        if (strcmp(vboard_models[i]->id, id) == 0)
            return vboard_models[i];
    return NULL;
}

/* One option of our own: how many arguments it took; 0: not ours; -1: wrong, said so. */
static int option_take(struct program *program, int argc, char **argv, int at)
{
    static const char *const with_value[] = {"--board", "--uid", "--gdb", "--profile"};
    const char *name = argv[at], *value = at + 1 < argc ? argv[at + 1] : NULL;
    bool known = false;
    if (strcmp(name, "--trace") == 0) {
        program->trace = true;
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
    if (strcmp(name, "--board") == 0 && !(program->model = model_find(value))) {
        fail("no board %s (see --help)", value);
        return -1;
    }
    if (strcmp(name, "--uid") == 0 && !(program->uid_given = uid_parse(value, program->uid))) {
        fail("--uid %s: not 24 hex digits", value);
        return -1;
    }
    if (strcmp(name, "--gdb") == 0) {
        if (!options_number(value, 1, 65535, &port)) {
            fail("--gdb %s: not a port number", value);
            return -1;
        }
        program->gdb_port = (unsigned)port;
    }
    if (strcmp(name, "--profile") == 0)
        program->profile = value;
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
        if (taken == 0 && program->image)
            return fail("one image only, not %s as well", argv[at]);
        if (taken == 0) {
            program->image = argv[at];
            taken = 1;
        }
        at += taken;
    }
    return program->image ? 0 : fail("%s", "no image given (see --help)");
}

/* Locked up, and no watchdog that would wake it. */
static bool alive(void *context)
{
    struct program *program = context;
    struct vboard_stats stats = vboard_stats(program->board);
    return !stats.locked_up || stats.watchdog;
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
                                   .uid = program.uid_given ? program.uid : NULL,
                                   .trace = program.trace,
                                   .event = event_print,
                                   .context = &program};
    program.board = vboard_new(&config, error, sizeof error);
    if (!program.board)
        return fail("%s", error);
    if (program.profile && !vboard_profile_start(program.board))
        return fail("%s", "out of memory");
    result =
        options_serve(&options, vboard_cable(program.board), vboard_fixture(program.board), alive, &program);
    if (program.profile && result != 2 && profile_write(&program))
        result = 2;
    vboard_free(program.board);
    return result;
}
