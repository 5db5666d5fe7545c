/*
 * The messages of usbredir 0.7: bytes to values and back, no state.
 *
 *   header  type, length of what follows, id (32 bits, or 64 where both sides say so)
 *   then    a header of the type's own, and the data of a packet
 *
 * All numbers are little-endian. What a message looks like depends on the capabilities that both sides have: `caps` below,
 * bits of usbredir_cap; 0 for the hello itself. Source: usbredir's "USB Network Redirection protocol description" 0.7 and
 * the header usbredirproto of the same package, whose names are kept.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_USBREDIR_MSG_H
#define PLUGNET_HOST_USBREDIR_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/usb_ch9.h"

#define USBREDIR_HEADER_MAX       16
#define USBREDIR_HELLO_MIN        64 /* version; then words of capabilities */
#define USBREDIR_HELLO_LENGTH     68
#define USBREDIR_HELLO_MAX        128
#define USBREDIR_PACKET_MAX       10 /* a packet's own header */
#define USBREDIR_CONNECT_MAX      10
#define USBREDIR_INTERFACES       32
#define USBREDIR_ENDPOINTS        32 /* OUT 0 to 15, then IN 0 to 15 */
#define USBREDIR_INTERFACE_LENGTH 132
#define USBREDIR_EP_INFO_MAX      160
#define USBREDIR_SPEED_FULL       1u
#define USBREDIR_TYPE_INVALID     255u /* no such endpoint; else as in bmAttributes */

enum usbredir_type {
    USBREDIR_HELLO,
    USBREDIR_DEVICE_CONNECT,
    USBREDIR_DEVICE_DISCONNECT,
    USBREDIR_RESET,
    USBREDIR_INTERFACE_INFO,
    USBREDIR_EP_INFO,
    USBREDIR_SET_CONFIGURATION,
    USBREDIR_GET_CONFIGURATION,
    USBREDIR_CONFIGURATION_STATUS,
    USBREDIR_SET_ALT_SETTING,
    USBREDIR_GET_ALT_SETTING,
    USBREDIR_ALT_SETTING_STATUS,
    USBREDIR_START_ISO_STREAM,
    USBREDIR_STOP_ISO_STREAM,
    USBREDIR_ISO_STREAM_STATUS,
    USBREDIR_START_INTERRUPT_RECEIVING,
    USBREDIR_STOP_INTERRUPT_RECEIVING,
    USBREDIR_INTERRUPT_RECEIVING_STATUS,
    USBREDIR_ALLOC_BULK_STREAMS,
    USBREDIR_FREE_BULK_STREAMS,
    USBREDIR_BULK_STREAMS_STATUS,
    USBREDIR_CANCEL_DATA_PACKET,
    USBREDIR_FILTER_REJECT,
    USBREDIR_FILTER_FILTER,
    USBREDIR_DEVICE_DISCONNECT_ACK,
    USBREDIR_CONTROL_PACKET = 100,
    USBREDIR_BULK_PACKET,
    USBREDIR_ISO_PACKET,
    USBREDIR_INTERRUPT_PACKET,
};

enum usbredir_status {
    USBREDIR_SUCCESS,
    USBREDIR_CANCELLED,
    USBREDIR_INVAL,
    USBREDIR_IOERROR,
    USBREDIR_STALL,
    USBREDIR_TIMEOUT,
    USBREDIR_BABBLE,
};

enum usbredir_cap {
    USBREDIR_CAP_BULK_STREAMS = 1 << 0,
    USBREDIR_CAP_CONNECT_DEVICE_VERSION = 1 << 1,
    USBREDIR_CAP_FILTER = 1 << 2,
    USBREDIR_CAP_DEVICE_DISCONNECT_ACK = 1 << 3,
    USBREDIR_CAP_EP_INFO_MAX_PACKET_SIZE = 1 << 4,
    USBREDIR_CAP_64BITS_IDS = 1 << 5,
    USBREDIR_CAP_32BITS_BULK_LENGTH = 1 << 6,
    USBREDIR_CAP_BULK_RECEIVING = 1 << 7,
};

struct usbredir_header {
    uint32_t type, length;
    uint64_t id;
};

/* The own header of a control, bulk, isochronous or interrupt packet; fields that its type doesn't have are 0. */
struct usbredir_packet {
    uint8_t endpoint, status;
    struct usb_setup setup; /* control: all but wLength */
    uint32_t length, stream_id;
};

struct usbredir_endpoint {
    uint8_t type, interval, interface;
    uint16_t max_packet_size;
};

struct usbredir_interface {
    uint8_t number, class_code, subclass, protocol;
};

/* Bytes of a header; bytes of a packet's own. */
uint32_t usbredir_header_length(uint32_t caps);
uint32_t usbredir_packet_length(uint32_t type, uint32_t caps);

/* The bytes of the own header of a message that a guest may send. False: it may not, or only with capabilities that nobody
 * offered. */
bool usbredir_guest_sends(uint32_t type, uint32_t caps, uint32_t *length);

void usbredir_header_read(struct usbredir_header *header, const uint8_t *bytes, uint32_t caps);
void usbredir_header_put(uint8_t *bytes, uint32_t caps, uint32_t type, uint32_t length, uint64_t id);

/* The capabilities in a hello's own header, of which `length` bytes are there: 64, or 68 and more. */
uint32_t usbredir_hello_read(const uint8_t *bytes, uint32_t length);
void usbredir_hello_put(uint8_t bytes[USBREDIR_HELLO_LENGTH], const char *version, uint32_t capabilities);

void usbredir_packet_read(struct usbredir_packet *packet, uint32_t type, const uint8_t *bytes, uint32_t caps);
void usbredir_packet_put(uint8_t *bytes, const struct usbredir_packet *packet, uint32_t type, uint32_t caps);

/* An endpoint's place in lists of them, from its bEndpointAddress. */
unsigned usbredir_endpoint_index(uint8_t address);

/* These return how many bytes they have written. */
uint32_t usbredir_connect_put(uint8_t bytes[USBREDIR_CONNECT_MAX], const uint8_t device_descriptor[18],
                              uint32_t caps);
uint32_t usbredir_ep_info_put(uint8_t bytes[USBREDIR_EP_INFO_MAX],
                              const struct usbredir_endpoint endpoints[USBREDIR_ENDPOINTS], uint32_t caps);
uint32_t usbredir_interface_info_put(uint8_t bytes[USBREDIR_INTERFACE_LENGTH],
                                     const struct usbredir_interface *interfaces, uint32_t count);

#endif
