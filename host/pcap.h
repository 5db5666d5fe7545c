/*
 * A trace file: Ethernet frames and USB transfers in one pcapng file, with virtual time.
 *
 *   interface 0  LINKTYPE_ETHERNET (1)             frames as they crossed the cable, without FCS
 *   interface 1  LINKTYPE_USB_LINUX_MMAPPED (220)  each URB twice, as Linux's usbmon shows it: submit, complete
 *
 * Times are nanoseconds since power-on, shown by tools as 1970-01-01. Source: pcapng draft [unread],
 * Documentation/usb/usbmon.rst (the 64-byte header) [unread]; checked with tshark.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_PCAP_H
#define PLUGNET_HOST_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/bus.h"

struct pcap; /* from pcap_open */

/* NULL: no; `error` holds one line. */
struct pcap *pcap_open(const char *path, char *error, size_t error_size);
void pcap_close(struct pcap *pcap);
void pcap_flush(struct pcap *pcap);

/* `to_pc`: its direction, as seen by the PC. */
void pcap_frame(struct pcap *pcap, uint64_t time_ns, bool to_pc, const uint8_t *frame, size_t length);
void pcap_urb(struct pcap *pcap, uint64_t time_ns, const struct urb *urb, bool submit);

#endif
