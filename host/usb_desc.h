/*
 * A configuration descriptor as a value: which interfaces, settings and endpoints a device declares.
 *
 * usb_desc_parse reads foreign bytes: every length is checked against the rest, every list has our bound. It
 * keeps pointers into the caller's bytes for class-specific descriptors. Source: wire/usb_ch9.h, facts.md A7.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_USB_DESC_H
#define PLUGNET_HOST_USB_DESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USB_DESC_SETTINGS_MAX  32 /* interface descriptors (an interface's settings count each) */
#define USB_DESC_ENDPOINTS_MAX 8  /* of one setting; Linux takes up to 30 */

struct usb_desc_endpoint {
    uint8_t bEndpointAddress, bmAttributes, bInterval;
    uint16_t wMaxPacketSize;
};

struct usb_desc_setting {
    uint8_t bInterfaceNumber, bAlternateSetting, bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol,
        iInterface;
    uint8_t endpoint_count; /* endpoints found; must be bNumEndpoints */
    struct usb_desc_endpoint endpoints[USB_DESC_ENDPOINTS_MAX];
    const uint8_t *extra; /* class-specific descriptors between interface and first endpoint */
    size_t extra_length;
    uint8_t function_first, function_count; /* of the association (IAD) before it; count 0: none */
};

struct usb_desc {
    uint8_t bNumInterfaces, bConfigurationValue, bmAttributes, bMaxPower;
    uint8_t setting_count;
    struct usb_desc_setting settings[USB_DESC_SETTINGS_MAX];
};

/* Read `length` bytes (wTotalLength of them). NULL: good; else one sentence about what is wrong. */
const char *usb_desc_parse(struct usb_desc *desc, const uint8_t *bytes, size_t length);

/* The setting of an interface, or NULL. */
const struct usb_desc_setting *usb_desc_setting(const struct usb_desc *desc, uint8_t interface,
                                                uint8_t alternate);

/* The first endpoint of a type and direction in a setting, or NULL. */
const struct usb_desc_endpoint *usb_desc_endpoint(const struct usb_desc_setting *setting, uint8_t type,
                                                  bool in);

/* Any setting's endpoint of that bEndpointAddress; NULL: there is none. */
const struct usb_desc_endpoint *usb_desc_endpoint_at(const struct usb_desc *desc, uint8_t address);

/* Walk descriptors in `extra`: the next one with at least two bytes and no more than the rest; NULL at the end
 * or at a broken one. *at starts at 0. */
const uint8_t *usb_desc_next(const uint8_t *bytes, size_t length, size_t *at);

#endif
