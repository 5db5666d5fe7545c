/*
 * pc: the PC end of a cable whose device end is another process.
 *
 *   pc --spawn build/native/plugnet --forward 8080:80
 *   pc --cable /tmp/cable --forward 8080:80       after the device process listens there
 *
 * Exit code: 0 done, 1 the device process ended, 2 bad use.
 */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cable/cable_socket.h"
#include "host/options.h"

static const char usage[] =
    "usage: pc (--cable PATH | … --spawn COMMAND [ARGUMENT …]) [options]\n"
    "The PC's end of a USB cable: enumerates the device, binds its NCM function, asks for an\n"
    "address and forwards ports. No privileges, except for --tap.\n"
    "  --cable PATH           the device process listens at this UNIX socket\n"
    "  --spawn COMMAND …      start the device process; must be the last option\n";

struct arguments {
    struct pc_options options;
    const char *cable;
    char *const *spawn;
};

/* Returns an exit code, or -1 to go on. */
static int parse(struct arguments *a, int argc, char *argv[])
{
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            printf("%s%s", usage, options_help);
            return 0;
        }
        int taken = options_take(&a->options, argc, argv, i);
        if (taken < 0) {
            return 2;
        }
        if (taken > 0) {
            i += taken;
            continue;
        }
        bool cable = strcmp(argv[i], "--cable") == 0;
        if ((!cable && strcmp(argv[i], "--spawn") != 0) || i + 1 >= argc) {
            fprintf(stderr, "pc: %s: %s\n", argv[i],
                    i + 1 >= argc ? "unknown option, or a value is missing"
                                  : "unknown option; --help lists them");
            return 2;
        }
        if (!cable) {
            a->spawn = argv + i + 1;
            break;
        }
        a->cable = argv[i + 1];
        i += 2;
    }
    if ((a->cable == NULL) == (a->spawn == NULL)) {
        fprintf(stderr, "pc: give either --cable PATH or --spawn COMMAND; --help explains\n");
        return 2;
    }
    return -1;
}

static bool device_alive(void *context)
{
    return cable_client_alive(context);
}

/* Give the device process two seconds to end by itself, as its cable has. Returns its exit code. */
static int device_wait(int child)
{
    int status = 0;
    for (unsigned i = 0; i < 200; i++) {
        if (waitpid(child, &status, WNOHANG) == child) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        }
        usleep(10000);
    }
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    return 1;
}

int main(int argc, char *argv[])
{
    struct arguments a = {0};
    struct cable_client client;
    char error[256];
    int child = -1;
    options_init(&a.options);
    int code = parse(&a, argc, argv);
    if (code >= 0) {
        return code;
    }
    if (a.spawn != NULL) {
        child = cable_client_spawn(&client, a.spawn, error, sizeof error);
    }
    if (a.spawn != NULL ? child < 0 : !cable_client_open(&client, a.cable, error, sizeof error)) {
        fprintf(stderr, "pc: %s\n", error);
        return 2;
    }
    code = options_serve(&a.options, cable_client_cable(&client), cable_client_fixture(&client), device_alive,
                         &client);
    cable_client_close(&client);
    if (code == 1) {
        fprintf(stderr, "pc: the device process has ended\n");
    }
    if (child >= 0) {
        int device_code = device_wait(child);
        code = code == 0 && device_code != 0 ? 1 : code;
    }
    return code;
}
