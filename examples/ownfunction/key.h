/*
 * A USB function of the product's own: a keyboard with one key, F13, and the Caps Lock light. No driver is needed anywhere.
 *
 *   key_press ─→ report "down" ─→ the host has read it ─→ report "up"
 *   the host's Caps Lock ─→ key_light
 *
 * All calls come from the loop. Source: the HID 1.11 class definition and its usage tables [unread; values from
 * linux/hid.h and public descriptors].
 */
/* SPDX-License-Identifier: MIT */
#ifndef OWNFUNCTION_KEY_H
#define OWNFUNCTION_KEY_H

#include "plugnet/plugnet.h"

extern const struct plugnet_function key_function; /* for .functions */

/* Press and let go. False: the host has not read the last press yet, or is not there. */
bool key_press(void);

/* True while the host's Caps Lock is on. */
bool key_light(void);

#endif
