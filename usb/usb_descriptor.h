/*
 * Descriptors: what the device core shows of itself, generated from the configuration and the functions each
 * time a host asks, so that they cost no memory and can't disagree with what is really there.
 *
 * For usb_device.c alone. Each call appends to the writer and returns false where nothing of that kind exists.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_USB_USB_DESCRIPTOR_H
#define PLUGNET_USB_USB_DESCRIPTOR_H

#include "usb/usb_device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* String indices of the device itself; those of the functions follow. */
enum { USB_STRING_LANGUAGES, USB_STRING_MANUFACTURER, USB_STRING_PRODUCT, USB_STRING_SERIAL, USB_STRINGS };

#define USB_LANGUAGE_ENGLISH 0x0409 /* United States; hosts ask for the MAC string in it */

/* GET_DESCRIPTOR: high and low byte of wValue, and wIndex. */
bool usb_descriptor_standard(const struct usb_device *device, uint16_t value, uint16_t index,
                             struct usb_writer *writer);

/* Vendor requests to the device: the MS OS 2.0 set, the WebUSB landing page. */
bool usb_descriptor_vendor(const struct usb_device *device, const struct usb_setup *setup,
                           struct usb_writer *writer);

/* Bytes of the MS OS 2.0 set; 0: no function has a compatible ID. */
size_t usb_descriptor_ms_os_length(const struct usb_device *device);

#ifdef __cplusplus
}
#endif

#endif
