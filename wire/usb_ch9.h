/*
 * USB chapter 9: the names and numbers of standard requests, descriptors and features, and the eight
 * bytes of a SETUP packet as a value.
 *
 * Plain constants, shared by the device and by what tests it. Names are those of the USB 2.0
 * specification, chapter 9 (tables 9-2 to 9-13) and of the CDC 1.2 and NCM 1.0 documents [unread; values
 * from the public headers linux/usb/ch9.h and linux/usb/cdc.h, facts.md A1 to A7].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_USB_CH9_H
#define PLUGNET_WIRE_USB_CH9_H

#include <stdint.h>

#include "wire/le.h"

/* bmRequestType */
#define USB_DIR_IN              0x80u
#define USB_TYPE_MASK           0x60u
#define USB_TYPE_STANDARD       0x00u
#define USB_TYPE_CLASS          0x20u
#define USB_TYPE_VENDOR         0x40u
#define USB_RECIPIENT_MASK      0x1Fu
#define USB_RECIPIENT_DEVICE    0x00u
#define USB_RECIPIENT_INTERFACE 0x01u
#define USB_RECIPIENT_ENDPOINT  0x02u

/* bRequest, standard */
enum usb_request {
    USB_GET_STATUS = 0,
    USB_CLEAR_FEATURE = 1,
    USB_SET_FEATURE = 3,
    USB_SET_ADDRESS = 5,
    USB_GET_DESCRIPTOR = 6,
    USB_SET_DESCRIPTOR = 7,
    USB_GET_CONFIGURATION = 8,
    USB_SET_CONFIGURATION = 9,
    USB_GET_INTERFACE = 10,
    USB_SET_INTERFACE = 11,
    USB_SYNCH_FRAME = 12,
};

/* wValue of CLEAR_FEATURE and SET_FEATURE */
#define USB_FEATURE_ENDPOINT_HALT        0
#define USB_FEATURE_DEVICE_REMOTE_WAKEUP 1
#define USB_FEATURE_TEST_MODE            2

/* bDescriptorType */
#define USB_DT_DEVICE                0x01
#define USB_DT_CONFIGURATION         0x02
#define USB_DT_STRING                0x03
#define USB_DT_INTERFACE             0x04
#define USB_DT_ENDPOINT              0x05
#define USB_DT_DEVICE_QUALIFIER      0x06
#define USB_DT_OTHER_SPEED           0x07
#define USB_DT_INTERFACE_ASSOCIATION 0x0B
#define USB_DT_BOS                   0x0F
#define USB_DT_DEVICE_CAPABILITY     0x10
#define USB_DT_CS_INTERFACE          0x24

/* bmAttributes of an endpoint */
#define USB_ENDPOINT_CONTROL     0
#define USB_ENDPOINT_ISOCHRONOUS 1
#define USB_ENDPOINT_BULK        2
#define USB_ENDPOINT_INTERRUPT   3

/* CDC functional descriptor subtypes, ACM and NCM class requests and notifications */
#define CDC_SUBTYPE_HEADER                  0x00
#define CDC_SUBTYPE_CALL_MANAGEMENT         0x01
#define CDC_SUBTYPE_ACM                     0x02
#define CDC_SUBTYPE_UNION                   0x06
#define CDC_SUBTYPE_ETHERNET                0x0F
#define CDC_SUBTYPE_NCM                     0x1A
#define CDC_SET_LINE_CODING                 0x20
#define CDC_GET_LINE_CODING                 0x21
#define CDC_SET_CONTROL_LINE_STATE          0x22
#define CDC_SEND_BREAK                      0x23
#define CDC_SET_ETHERNET_MULTICAST_FILTERS  0x40
#define CDC_SET_ETHERNET_PACKET_FILTER      0x43
#define CDC_GET_ETHERNET_STATISTIC          0x44
#define NCM_GET_NTB_PARAMETERS              0x80
#define NCM_GET_NET_ADDRESS                 0x81
#define NCM_SET_NET_ADDRESS                 0x82
#define NCM_GET_NTB_FORMAT                  0x83
#define NCM_SET_NTB_FORMAT                  0x84
#define NCM_GET_NTB_INPUT_SIZE              0x85
#define NCM_SET_NTB_INPUT_SIZE              0x86
#define NCM_GET_MAX_DATAGRAM_SIZE           0x87
#define NCM_SET_MAX_DATAGRAM_SIZE           0x88
#define NCM_GET_CRC_MODE                    0x89
#define NCM_SET_CRC_MODE                    0x8A
#define CDC_NOTIFICATION_NETWORK_CONNECTION 0x00
#define CDC_NOTIFICATION_SERIAL_STATE       0x20
#define CDC_NOTIFICATION_CONNECTION_SPEED   0x2A
#define NCM_NTB_PARAMETERS_LENGTH           28

/* A SETUP packet as a value. */
struct usb_setup {
    uint8_t bmRequestType;
    uint8_t bRequest;
    uint16_t wValue;
    uint16_t wIndex;
    uint16_t wLength;
};

static inline struct usb_setup usb_setup_load(const uint8_t bytes[8])
{
    struct usb_setup setup = {bytes[0], bytes[1], load_le16(bytes + 2), load_le16(bytes + 4),
                              load_le16(bytes + 6)};

    return setup;
}

static inline void usb_setup_store(uint8_t bytes[8], const struct usb_setup *setup)
{
    bytes[0] = setup->bmRequestType;
    bytes[1] = setup->bRequest;
    store_le16(bytes + 2, setup->wValue);
    store_le16(bytes + 4, setup->wIndex);
    store_le16(bytes + 6, setup->wLength);
}

#endif
