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

#if __SIZEOF_POINTER__ == 4
#define MEM_SIZE                                                                                             \
    2800 /* no route holds a body back, and there is no WebSocket: no whole segment has to be kept */
#endif

#define HTTP_KEEP_MAX 4 /* no route wants a query or a header field: 24 bytes less for each connection */

#endif
