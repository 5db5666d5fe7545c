/*
 * What the demo sets of headers' defaults: docs/options.md.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_APP_OPTIONS_H
#define PLUGNET_APP_OPTIONS_H

#define TCP_STATS 1 /* the page shows them */

#endif
