/*
 * What the control socket can do with a virtual board besides: pins, memory, serial ports, power cuts. Part of the
 * program, not of the library.
 *
 *   control_board_new ─→ config.event, .serial tell it what happens ─→ pc_config.program = control_board_program()
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_CONTROL_H
#define PLUGNET_VBOARD_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "host/control_line.h"
#include "vboard/board.h"

#define CONTROL_SERIAL_MAX 65536 /* bytes of each port's output that are kept */

struct control_board; /* from control_board_new */

struct control_board *control_board_new(void); /* NULL: no memory */
void control_board_free(struct control_board *control);
void control_board_set(struct control_board *control, struct vboard *board);

/* A byte that the board has sent; LEDs that have changed. */
void control_board_serial(struct control_board *control, unsigned usart, uint8_t byte);
void control_board_leds(struct control_board *control);

struct control_program control_board_program(struct control_board *control);

/* "PA0", "pc13" as VBOARD_PIN; false: not a pin's name. */
bool control_pin_parse(const char *name, unsigned *pin);

#endif
