/*
 * The control socket: what tests and scripts may ask of a running PC, one text line each, one line for an answer.
 *
 *   control_pc.c           button, replug, suspend, counters, log …       of every PC end
 *   control_usb.c          USB transfers, beside the network's            of every PC end
 *   struct control_program pins, memory, serial ports …                   what the program adds (control_line.h)
 *   control.c              hello, help, run, pace, hold, quit             the protocol itself, and time
 *
 * docs/control.md is the protocol. A UNIX stream socket; several clients at once. An answer that waits for time to pass
 * (`run`) holds up its own client only.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_CONTROL_H
#define PLUGNET_HOST_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "host/control_line.h"

#define CONTROL_PROTOCOL    1 /* grows when something that was there changes; additions don't count */
#define CONTROL_CLIENTS_MAX 8

struct pc;
struct control; /* from control_new */

/* The commands and events of every PC end; context is the PC. */
extern const struct control_program control_pc;

/* Listen at `path`; a socket left over there is replaced. NULL: no; `error` holds one line. `program` may be NULL. */
struct control *control_new(struct pc *pc, const char *path, const struct control_program *program,
                            char *error, size_t error_size);
void control_free(struct control *control);

/* Before each frame, or when control_fd is readable. */
void control_poll(struct control *control);

/* After each frame: answer who waited for it. */
void control_frame_ended(struct control *control);

/* A descriptor that is readable while control_poll has something to do. */
int control_fd(const struct control *control);

bool control_running(const struct control *control); /* a client waits for time to pass */
bool control_over(const struct control *control);    /* a client wants the program to end */

#endif
