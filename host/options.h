/*
 * Command line options that every program with a PC end shares, and the loop that serves people.
 *
 *   options_init ─→ options_take for each argument that the program doesn't know itself
 *                ─→ options_serve(cable, fixture): log on stdout, until Ctrl-C or --for
 *
 * So vboard and pc have the same options, texts and exit codes: 0, 1 (the device died), 2 (bad use). With --usbip or
 * --usbredir there is no PC in this process: options_serve gives the board out instead, options_serve_out several of them.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_OPTIONS_H
#define PLUGNET_HOST_OPTIONS_H

#include <stdbool.h>

#include "host/pc.h"

/* To whom the boards are given. */
enum pc_given {
    PC_GIVEN_NOBODY, /* they stay here */
    PC_GIVEN_USBIP,
    PC_GIVEN_USBREDIR,
};

struct pc_options {
    struct pc_config config; /* cable and fixture are filled in by options_serve */
    double seconds;          /* --for; 0: until a signal */
    enum pc_given given;     /* --usbip, --usbredir: give the boards out … */
    char given_address[16];  /* … listening at this address, dotted … */
    uint16_t given_port;     /* … and port; 0: any free one, printed */
};

/* Lines for a help text, one for each shared option, two spaces indented. */
extern const char options_help[];

void options_init(struct pc_options *options);

/* Try to take argv[at] (and the arguments it needs). Returns how many were taken; 0: not a shared option;
 * -1: wrong, and one line was written to stderr: exit with 2. */
int options_take(struct pc_options *options, int argc, char *const argv[], int at);

/* Run a PC on this cable until --for is over, SIGINT or SIGTERM comes, or alive(context) is false (may be
 * NULL). Returns the exit code: 0, 1 not alive any more, 2 with one line on stderr (port in use, no TAP). */
int options_serve(const struct pc_options *options, struct cable cable, struct fixture fixture,
                  bool (*alive)(void *context), void *context);

/* Give boards out by USB/IP or usbredir, whatever else the options say of a PC; otherwise as options_serve. */
int options_serve_out(const struct pc_options *options, const struct cable *cables, unsigned count,
                      bool (*alive)(void *context), void *context);

/* Parse --block-end's value. False, and one line on stderr: it is none. */
bool options_block_end(const char *text, enum pc_block_end *end);

/* Parse a whole number in [min, max]. */
bool options_number(const char *text, unsigned long min, unsigned long max, unsigned long *value);

#endif
