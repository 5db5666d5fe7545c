/*
 * A TAP device: the cable's frames as a network interface of this machine's kernel.
 *
 * Needs /dev/net/tun and CAP_NET_ADMIN. The interface takes the MAC address that the board declares for the PC
 * (iMACAddress); addresses are up to the system's own DHCP client.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_TAP_H
#define PLUGNET_HOST_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Open or create the interface. Returns a non-blocking descriptor, or -1 and `error`. */
int tap_open(const char *name, char *error, size_t error_size);

/* Give it the MAC address and bring it up. False: no, and errno. */
bool tap_up(int fd, const char *name, const uint8_t mac[6]);

/* Show carrier or not; where the kernel can't (before 5.0), nothing. */
void tap_carrier(int fd, bool on);

#endif
