/*
 * The usbredir server: a guest in QEMU gets the board, on a host controller that QEMU emulates.
 *
 *   usbredir_new ─→ server_run … server_free (server.h)
 *
 *   guest's driver ── xHCI, UHCI … of QEMU's ── -device usb-redir ── TCP, a port a board ── usb_host ── bus ── board
 *
 * In the protocol's words the guest is QEMU, and the host is this server. The guest's own bus resets, configurations,
 * alternate settings, halts and cancels reach the board: a reset is SE0 of 50 ms and a new address (usb_host_reset_light),
 * then the guest goes on as it likes. The protocol carries neither suspend nor the guest's own address. When the board
 * goes away, the guest is told so; when it is back, or has become another device, the guest sees it plugged in, by the
 * same connection.
 *
 * Offered: 64-bit ids, 32-bit bulk lengths, packet sizes, the device's version, filters, acknowledged disconnects. Not
 * offered: bulk streams and buffered bulk input; who asks for them all the same is closed. An isochronous stream is
 * answered with "stalled". Each packet is answered once. Transfers beyond USBREDIR_TRANSFERS_MAX or SERVER_BYTES_MAX are
 * refused with "I/O error", bulk input beyond SERVER_TRANSFER_MAX with "invalid"; a longer message is a breach.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_USBREDIR_H
#define PLUGNET_HOST_USBREDIR_H

#include "host/server.h"

/* Of one connection: under way, or answers that it has not read. UHCI sends each packet of 64 bytes alone. */
#define USBREDIR_TRANSFERS_MAX 1024
#define USBREDIR_FILTER_MAX    4096 /* bytes of a filter's text, which is read over */

/* NULL: no; `error` holds one line. `config` and the cables are copied, strings are not. The first board is given out at
 * config->port, the next ones at the ports after it. */
struct server *usbredir_new(const struct server_config *config, char *error, size_t error_size);

#endif
