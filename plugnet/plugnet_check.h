/*
 * What a configuration must not say. For the facade alone; which rules there are is said at the fields of plugnet_config.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_PLUGNET_CHECK_H
#define PLUGNET_PLUGNET_CHECK_H

#include "plugnet/plugnet.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Returns if all is well; else the log gets the text in question and the rule, and the board stops (os_panic). */
void plugnet_check(const struct plugnet_config *config);

/* The same for a USB function of that name which its `init` returned, behind `count` others. */
void plugnet_check_function(struct usb_function *const *before, size_t count,
                            const struct usb_function *function, const char *name);

#ifdef __cplusplus
}
#endif

#endif
