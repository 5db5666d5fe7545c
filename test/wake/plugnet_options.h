/*
 * Who may wake the PC: controllers get the code for it. The rest is as the demo's, whose status is served.
 */
/* SPDX-License-Identifier: MIT */
#define USB_REMOTE_WAKEUP 1
#define BOARD_CALM_MS     16

#define TCP_STATS     1
#define HTTP_KEEP_MAX 4
