/*
 * A console (plugnet/console.h) on a serial port of its own (usb/acm.h), as a USB function: what picocom, screen or PuTTY shows.
 *
 *   static const struct console_command commands[] = {{.name = "led", .usage = "on|off", .help = "…", .run = led_run}};
 *   static char history[256];
 *   static const struct console_config config = {.commands = commands, .command_count = 1,
 *                                                .history = history, .history_size = sizeof history};
 *   static struct plugnet_console_state state;
 *   static const struct plugnet_console console = {.config = &config, .state = &state, .log = true};
 *   static const struct plugnet_function console_function = PLUGNET_CONSOLE("console", &console);
 *
 *   .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS, &console_function)
 *
 * Commands run in the loop's thread, as everything here does, and must not wait. docs/console.md is the guide.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_PLUGNET_ACM_CONSOLE_H
#define PLUGNET_PLUGNET_ACM_CONSOLE_H

#include "plugnet/console.h"
#include "plugnet/plugnet.h"
#include "usb/acm.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef PLUGNET_CONSOLE_RING
#define PLUGNET_CONSOLE_RING 512 /* bytes on their way to the host: a power of 2, at least CONSOLE_STEP_MAX */
#endif
#ifndef PLUGNET_CONSOLE_OUT
#define PLUGNET_CONSOLE_OUT (2 * ACM_PACKET_SIZE) /* bytes from it */
#endif
/* From DTR on nothing is done for so long: Linux echoes what comes until the program that has opened the port says otherwise, and
 * the console would take its own greeting for a command. */
#ifndef PLUGNET_CONSOLE_SETTLE_MS
#define PLUGNET_CONSOLE_SETTLE_MS 250
#endif

/* Static; 1.1 kB. Fields are ours; what `port` knows and counts may be read. */
struct plugnet_console_state {
    const struct plugnet_console *of;
    bool open;          /* a program has the port open */
    uint16_t settle_ms; /* until it is listened to */
    uint32_t log_at;    /* position in the log: see board_log_read */
    struct console console;
    struct acm port;
    struct acm_config port_config;
    uint8_t ring[PLUGNET_CONSOLE_RING];
    uint8_t out[PLUGNET_CONSOLE_OUT] __attribute__((aligned(4)));
};

/* What you set; const. */
struct plugnet_console {
    const struct console_config *config;
    struct plugnet_console_state *state;
    bool
        log; /* a line that board_log gets is shown above the one that is edited; while nobody reads, the last ones wait */
};

/* As a function. */
#define PLUGNET_CONSOLE(name_, console)                                                                      \
    {                                                                                                        \
        .name = name_, .state = (void *)(console), .init = plugnet_console_init,                             \
        .tick = plugnet_console_tick                                                                         \
    }
struct usb_function *plugnet_console_init(void *console, struct plugnet *p);
void plugnet_console_tick(void *console, uint32_t now_ms);

#ifdef __cplusplus
}
#endif

#endif
