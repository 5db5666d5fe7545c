/*
 * The USB/IP server: a Linux machine (or its virtual one) gets the board by network, and its own drivers bind.
 *
 *   usbip_new ─→ server_run … server_free (server.h)
 *
 *   board 0 ── port 1-1 ──┐
 *   board 1 ── port 1-2 ──┴── one TCP port, one connection a device
 *
 * USB/IP carries neither bus reset nor SET_ADDRESS; a client's host controller answers both itself. So a port gives
 * out a device that has just been plugged in, reset, addressed and configured, and passes every request on but
 * SET_ADDRESS. When the device goes away (it was reset, or went into its bootloader), the connection ends, as a client
 * expects of an unplugged device; what comes up then is given out again under the same bus ID. Transfers beyond
 * USBIP_URBS_MAX or SERVER_BYTES_MAX are refused with -ENOMEM, one beyond SERVER_TRANSFER_MAX with -EMSGSIZE.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_USBIP_H
#define PLUGNET_HOST_USBIP_H

#include "host/server.h"

#define USBIP_PORT     3240 /* usual */
#define USBIP_URBS_MAX 128  /* of one connection: under way, or answers that it has not read */
#define USBIP_ISO_MAX  1024 /* descriptors of a refused isochronous transfer that are read over */

/* NULL: no; `error` holds one line. `config` and the cables are copied, strings are not. */
struct server *usbip_new(const struct server_config *config, char *error, size_t error_size);

#endif
