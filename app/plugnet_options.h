/*
 * What the demo sets of the headers' defaults: docs/options.md.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_APP_OPTIONS_H
#define PLUGNET_APP_OPTIONS_H

#define TCP_STATS 1 /* the page shows them */

#ifndef PLUGNET_PANIC_TEXT
#define PLUGNET_CHECK                                                                                        \
    0 /* the native image, which the tests run, looks at this configuration; it never changes */
#endif

#define HTTP_KEEP_MAX 4 /* no route wants a query or a header field: 24 bytes less for each connection */

#endif
