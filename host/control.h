/*
 * The control socket: what tests and scripts may ask of a running PC, one text line each.
 *
 *   button 1 │ button 0 │ button N 1    press or release        ok
 *   leds                                which are lit           a number: bit n is LED n
 *   reset │ power 0 │ power 1           of the board            ok
 *   replug │ plug │ unplug              the cable               ok
 *   suspend │ resume │ bus-reset        the bus                 ok
 *   stop-in MS                          ask no bulk IN          ok
 *   time                                virtual time            nanoseconds
 *   state                               how far it is           unplugged … leased
 *   port N                              forward N's local port  a number
 *   counters                            of bus and NCM          JSON in one line
 *   help                                what there is           these commands in one line
 *
 * Anything else is answered "error: …", with the same line where the command is unknown. A UNIX stream socket; several clients at once.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_CONTROL_H
#define PLUGNET_HOST_CONTROL_H

#include <stddef.h>

#define CONTROL_CLIENTS_MAX 8
#define CONTROL_LINE_MAX    256
#define CONTROL_REPLY_MAX   2048

struct pc;
struct control; /* from control_new */

/* Listen at `path`; a socket left over there is replaced. NULL: no; `error` holds one line. */
struct control *control_new(struct pc *pc, const char *path, char *error, size_t error_size);
void control_free(struct control *control);

/* Once in a frame. */
void control_poll(struct control *control);

/* Do one line, without the socket. */
void control_line(struct pc *pc, char *line, char reply[CONTROL_REPLY_MAX]);

#endif
