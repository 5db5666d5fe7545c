/*
 * A log that a program on the host reads over USB: a record is a message of the vendor function (usb/vendor.h).
 *
 *   log_put(LOG_INFO, "button pressed, times", 3) ─→ ring ─→ record under way ─→ the host has read it ─→ the next one
 *
 *   byte 0   milliseconds since start, 32 bits, little-endian
 *        4   records lost before this one, 16 bits
 *        6   level, enum log_level
 *        7   0
 *        8   text, UTF-8, up to the end of the message
 *
 * While nobody reads, new records take the place of the oldest ones. The host may send a message of one byte: the least level
 * that it wants. All calls come from the loop.
 */
/* SPDX-License-Identifier: MIT */
#ifndef USBLOG_LOG_H
#define USBLOG_LOG_H

#include <stdint.h>

#include "plugnet/plugnet.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_LEVELS };

extern const struct plugnet_function log_function; /* for .functions */

/* A record: the text, a blank, the number; what is longer than a record is cut. */
void log_put(enum log_level level, const char *text, uint32_t number);

#endif
