/*
 * The control socket's commands for USB transfers: a client of it is one more driver on the PC, beside the network's.
 *
 *   control_usb_new ─→ control_usb_program, a table of commands for control.c ─→ control_usb_free
 *   usb-control, usb-in, usb-out ─→ a transfer with a number ─ bus ─→ it has ended: event `usb` ─ usb-result ─→ its place is free
 *
 * Transfers belong to the program, not to a client: up to CONTROL_USB_MAX are under way or waiting to be asked for. All of
 * them end as cancelled when the device goes away; a suspended bus keeps them. docs/control.md says what the commands are.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_CONTROL_USB_H
#define PLUGNET_HOST_CONTROL_USB_H

#include "host/control_line.h"
#include "host/usb_host.h"

#define CONTROL_USB_MAX 8 /* transfers, of up to CONTROL_BYTES_MAX bytes each */

struct control_usb; /* from control_usb_new */

/* `host` and its bus must outlive it. NULL: no memory. */
struct control_usb *control_usb_new(struct usb_host *host);

/* Cancels what is under way. NULL is allowed. */
void control_usb_free(struct control_usb *usb);

/* Commands and the event `usb`; valid until control_usb_free. */
struct control_program control_usb_program(struct control_usb *usb);

#endif
