/*
 * A text console on TCP port 2323, as an instrument has one: a line in, a line out. It is the demo's example of a server
 * in a thread of its own, on lwIP's netconn API; on bare metal there is none.
 *
 *   $ nc 10.64.1.1 2323
 *   *IDN?
 *   plugnet,STM32F4DISCOVERY,3A0029000E51383432383337,0.1.0
 *
 * Up to CONSOLE_CLIENTS at once; a further one is told "error: busy" and closed. A client's commands are answered in their
 * order, as fast as it takes the answers; one that takes none for 20 s is reset, one that says nothing for 2 minutes closed.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_APP_CONSOLE_H
#define PLUGNET_APP_CONSOLE_H

struct plugnet;

#define CONSOLE_PORT 2323
#define CONSOLE_CLIENTS                                                                                      \
    4 /* 480 bytes each, and a netconn; one more netconn listens, and one is told "busy" */
#define CONSOLE_SEND_MS_MAX 20000
#define CONSOLE_IDLE_MS_MAX 120000

/* Start it; `plugnet` must be static. Once, before the loop runs. */
void console_start(const struct plugnet *plugnet);

#endif
