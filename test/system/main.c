/*
 * System tests: the whole firmware at one end of the cable, a PC at the other, and everything that can go wrong
 * in between. One line for each scenario, with what was measured.
 *
 *   build/test/system vboard build/stm32f4discovery-none/plugnet.elf              all scenarios
 *   build/test/system 32l476gdiscovery build/32l476gdiscovery-none/plugnet.elf    … on that virtual board
 *   build/test/system native build/native-none/plugnet.elf basic replug --talk    those with these in their names
 *   build/test/system holder build/native-posix-holder/holder.elf                 the scenario for test/holder
 *   build/test/system stream build/stm32f4discovery-none-stream/stream.elf        those for test/stream
 *   build/test/system BOARD build/BOARD-none-ownstack/ownstack.elf --ownstack     those for examples/ownstack
 *   build/test/system BOARD build/test/wake/BOARD-none/wake.elf --wakes           those for test/wake
 *   build/test/system console build/test/console/32l476gdiscovery-none/console.elf   those for examples/console; console-freertos,
 *                                                                      console-native: its other images
 *
 * Options: --list, --talk (log on stderr), --pcap FILE, --block-end HOW (as vboard's), --threads (the image has some:
 * their scenarios, too). Each scenario runs in a process of its own, so that a crash costs one test, and begins with a board fresh from power-on.
 */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/options.h"
#include "test/system/scenario.h"
#include "vboard/board.h"

#define IDLE_LIMIT_S                                                                                         \
    240 /* of this machine, for the minute in which idle connections time out (rig_no_buffer_lost) */

static const struct scenario *const scenario_tables[] = {
    scenarios_basic,   scenarios_tcp,      scenarios_net,     scenarios_ntb,     scenarios_usb,
    scenarios_sleep,   scenarios_holder,   scenarios_threads, scenarios_stream,  scenarios_slow,
    scenarios_console, scenarios_ownstack, scenarios_acm,     scenarios_suspend, NULL,
};

struct options {
    struct rig_config rig;
    bool list;
    bool threads;
    unsigned target; /* SCENARIO_… */
    const char *chosen[64];
    unsigned chosen_count;
};

static const char usage[] =
    "usage: system BOARD IMAGE | stream IMAGE | console IMAGE | native PROGRAM | holder PROGRAM | console-native PROGRAM "
    "[--threads] [--ownstack] [--wakes] [--list] [--talk] "
    "[--pcap FILE] [--block-end HOW] [SCENARIO ...]\n";

/* What the words of the command line stand for, besides boards' names. */
static const struct {
    const char *name, *board; /* NULL: a process */
    unsigned targets;
} ends[] = {
    {"vboard", "stm32f4discovery", SCENARIO_VBOARD},
    {"stream", "stm32f4discovery", SCENARIO_STREAM},
    {"console", "32l476gdiscovery", SCENARIO_ACM},
    {"console-freertos", "32l476gdiscovery", SCENARIO_ACM},
    {"native", NULL, SCENARIO_NATIVE},
    {"holder", NULL, SCENARIO_HOLDER},
    {"console-native", NULL, SCENARIO_ACM},
};

static bool options_read(struct options *o, int argc, char **argv)
{
    if (argc < 3) {
        return false;
    }
    o->rig.board = argv[1];
    o->rig.kind = RIG_VBOARD;
    o->rig.model = vboard_model_find(argv[1]);
    o->target = SCENARIO_VBOARD;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (strcmp(argv[1], ends[i].name) == 0) {
            o->rig.kind = ends[i].board != NULL ? RIG_VBOARD : RIG_NATIVE;
            o->rig.model = ends[i].board != NULL ? vboard_model_find(ends[i].board) : NULL;
            o->target = ends[i].targets;
        }
    }
    if (o->rig.kind == RIG_VBOARD && o->rig.model == NULL) {
        return false;
    }
    o->rig.path = argv[2];
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            o->list = true;
        } else if (strcmp(argv[i], "--threads") == 0) {
            o->threads = true;
        } else if (strcmp(argv[i], "--ownstack") == 0) {
            o->rig.own_stack = true;
        } else if (strcmp(argv[i], "--wakes") == 0) {
            o->target = SCENARIO_WAKE;
        } else if (strcmp(argv[i], "--talk") == 0) {
            o->rig.talk = true;
        } else if (strcmp(argv[i], "--pcap") == 0 && i + 1 < argc) {
            o->rig.pcap = argv[++i];
        } else if (strcmp(argv[i], "--block-end") == 0 && i + 1 < argc) {
            if (!options_block_end(argv[++i], &o->rig.block_end)) {
                return false;
            }
        } else if (argv[i][0] == '-' || o->chosen_count == sizeof o->chosen / sizeof o->chosen[0]) {
            return false;
        } else {
            o->chosen[o->chosen_count++] = argv[i];
        }
    }
    return true;
}

static bool options_choose(const struct options *o, const struct scenario *scenario)
{
    bool chosen = o->chosen_count == 0;
    for (unsigned i = 0; i < o->chosen_count; i++) {
        chosen |= strstr(scenario->name, o->chosen[i]) != NULL;
    }
    unsigned target = o->rig.own_stack ? SCENARIO_OWNSTACK : o->target;
    target |= o->threads ? SCENARIO_CONSOLE : 0;
    target |= o->threads && o->rig.kind == RIG_VBOARD ? SCENARIO_THREADS : 0;
    return chosen && (scenario->targets & target) != 0;
}

/* In the child. */
static void scenario_play(const struct scenario *scenario, const struct rig_config *config)
{
    static struct rig rig;
    alarm((scenario->limit_s + IDLE_LIMIT_S) * 10); /* catches hangs, on a busy machine, too */
    if (scenario->alone) {
        rig.config = *config;
        scenario->run(&rig);
        return;
    }
    rig_start(&rig, config);
    rig_lease(&rig);
    rig_baseline(&rig);
    scenario->run(&rig);
    rig_healthy(&rig);
    rig_finish(&rig);
}

static bool scenario_run(const struct scenario *scenario, const struct options *o)
{
    struct rig_config config = o->rig;
    int status = 0;
    config.scenario = scenario->name;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        scenario_play(scenario, &config);
        fflush(stdout);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        exit(1);
    }
    if (WIFSIGNALED(status)) {
        printf("not ok %s %s: %s\n", config.board, scenario->name,
               WTERMSIG(status) == SIGALRM ? "took too long" : strsignal(WTERMSIG(status)));
        fflush(stdout);
    }
    return status == 0;
}

int main(int argc, char **argv)
{
    static struct options o;
    bool good = true;
    if (!options_read(&o, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    for (const struct scenario *const *table = scenario_tables; *table != NULL; table++) {
        for (const struct scenario *scenario = *table; scenario->name != NULL; scenario++) {
            if (!options_choose(&o, scenario)) {
                continue;
            }
            if (o.list) {
                printf("%s\n", scenario->name);
            } else {
                good &= scenario_run(scenario, &o);
            }
        }
    }
    return good ? 0 : 1;
}
