/*
 * What the demo sets of the headers' defaults: docs/options.md.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_APP_OPTIONS_H
#define PLUGNET_APP_OPTIONS_H

#define TCP_STATS 1 /* the page shows them */

#define HTTP_KEEP_MAX 4 /* no route wants a query or a header field: 24 bytes less for each connection */

#endif
