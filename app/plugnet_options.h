/*
 * What the demo sets of the headers' defaults: see docs/options.md.
 */
/* SPDX-License-Identifier: MIT */
#ifndef APP_PLUGNET_OPTIONS_H
#define APP_PLUGNET_OPTIONS_H

#define HTTP_KEEP_MAX                                                                                        \
    4 /* no route of the demo wants a query or a header field: 24 bytes for each connection */

#endif
