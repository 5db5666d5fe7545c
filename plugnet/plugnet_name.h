/*
 * The device's names, for the facade alone.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_PLUGNET_NAME_H
#define PLUGNET_PLUGNET_NAME_H

#include "plugnet/plugnet.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One label of a name: letters, digits and inner hyphens, at most `length_max`. `dot` '.': several, with dots between. */
bool plugnet_name_good(const char *name, size_t length_max, char dot);

/* All names made of this label; `id` are the four characters that tell boards apart. */
void plugnet_names_set(struct plugnet *p, const char *label, const char *id);

#ifdef __cplusplus
}
#endif

#endif
