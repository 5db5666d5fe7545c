/*
 * Reading a configuration descriptor: see usb_desc.h.
 */
/* SPDX-License-Identifier: MIT */
#include "host/usb_desc.h"

#include <string.h>

#include "wire/usb_ch9.h"

const uint8_t *usb_desc_next(const uint8_t *bytes, size_t length, size_t *at)
{
    if (length - *at < 2 || bytes[*at] < 2 || bytes[*at] > length - *at) {
        return NULL;
    }
    const uint8_t *found = bytes + *at;
    *at += found[0];
    return found;
}

/* What the walk through a configuration remembers. */
struct walk {
    struct usb_desc *desc;
    struct usb_desc_setting *setting; /* NULL before the first interface */
    uint8_t endpoints_declared;
    uint8_t function_first, function_count;
};

static const char *walk_setting_end(const struct walk *walk)
{
    if (walk->setting != NULL && walk->setting->endpoint_count != walk->endpoints_declared) {
        return "bNumEndpoints is not the number of endpoint descriptors";
    }
    return NULL;
}

static const char *walk_interface(struct walk *walk, const uint8_t *d)
{
    const char *error = walk_setting_end(walk);
    if (error != NULL) {
        return error;
    }
    if (d[0] < 9) {
        return "an interface descriptor is shorter than 9 bytes";
    }
    if (walk->desc->setting_count == USB_DESC_SETTINGS_MAX) {
        return "too many interface descriptors";
    }
    if (usb_desc_setting(walk->desc, d[2], d[3]) != NULL) {
        return "an interface has the same alternate setting twice";
    }
    struct usb_desc_setting *setting = &walk->desc->settings[walk->desc->setting_count++];
    *setting = (struct usb_desc_setting){
        .bInterfaceNumber = d[2],
        .bAlternateSetting = d[3],
        .bInterfaceClass = d[5],
        .bInterfaceSubClass = d[6],
        .bInterfaceProtocol = d[7],
        .iInterface = d[8],
    };
    if (d[2] >= walk->function_first && d[2] - walk->function_first < walk->function_count) {
        setting->function_first = walk->function_first;
        setting->function_count = walk->function_count;
    }
    walk->setting = setting;
    walk->endpoints_declared = d[4];
    return NULL;
}

static const char *walk_endpoint(struct walk *walk, const uint8_t *d)
{
    struct usb_desc_setting *setting = walk->setting;
    if (d[0] < 7) {
        return "an endpoint descriptor is shorter than 7 bytes";
    }
    if (setting == NULL) {
        return "an endpoint descriptor comes before any interface";
    }
    if (setting->endpoint_count == USB_DESC_ENDPOINTS_MAX) {
        return "too many endpoints in one setting";
    }
    struct usb_desc_endpoint endpoint = {d[2], d[3], d[6], load_le16(d + 4)};
    uint8_t type = endpoint.bmAttributes & 3u;
    if ((endpoint.bEndpointAddress & 0x70u) != 0 || (endpoint.bEndpointAddress & 15u) == 0) {
        return "an endpoint address is reserved or zero";
    }
    if (type != USB_ENDPOINT_ISOCHRONOUS && (endpoint.wMaxPacketSize == 0 || endpoint.wMaxPacketSize > 64)) {
        return "wMaxPacketSize is not 1 to 64";
    }
    if (type == USB_ENDPOINT_BULK && (endpoint.wMaxPacketSize & (endpoint.wMaxPacketSize - 1)) != 0) {
        return "a bulk endpoint's wMaxPacketSize is not 8, 16, 32 or 64";
    }
    for (unsigned i = 0; i < setting->endpoint_count; i++) {
        if (setting->endpoints[i].bEndpointAddress == endpoint.bEndpointAddress) {
            return "a setting has the same endpoint twice";
        }
    }
    setting->endpoints[setting->endpoint_count++] = endpoint;
    return NULL;
}

static const char *walk_one(struct walk *walk, const uint8_t *d)
{
    struct usb_desc_setting *setting = walk->setting;
    switch (d[1]) {
    case USB_DT_CONFIGURATION: return "a configuration descriptor inside another";
    case USB_DT_INTERFACE: return walk_interface(walk, d);
    case USB_DT_ENDPOINT: return walk_endpoint(walk, d);
    case USB_DT_INTERFACE_ASSOCIATION:
        if (d[0] < 8) {
            return "an interface association is shorter than 8 bytes";
        }
        walk->function_first = d[2];
        walk->function_count = d[3];
        return NULL;
    default:
        if (setting != NULL && setting->endpoint_count == 0) {
            if (setting->extra == NULL) {
                setting->extra = d;
            }
            setting->extra_length = (size_t)(d + d[0] - setting->extra);
        }
        return NULL;
    }
}

const char *usb_desc_parse(struct usb_desc *desc, const uint8_t *bytes, size_t length)
{
    memset(desc, 0, sizeof *desc);
    if (length < 9 || bytes[0] < 9 || bytes[0] > length || bytes[1] != USB_DT_CONFIGURATION) {
        return "no configuration descriptor";
    }
    if (load_le16(bytes + 2) != length) {
        return "wTotalLength is not the number of bytes";
    }
    desc->bNumInterfaces = bytes[4];
    desc->bConfigurationValue = bytes[5];
    desc->bmAttributes = bytes[7];
    desc->bMaxPower = bytes[8];
    struct walk walk = {.desc = desc};
    size_t at = bytes[0];
    while (at < length) {
        const uint8_t *d = usb_desc_next(bytes, length, &at);
        const char *error = d == NULL ? "a descriptor's bLength leads beyond the end" : walk_one(&walk, d);
        if (error != NULL) {
            return error;
        }
    }
    for (unsigned i = 0; i < desc->bNumInterfaces; i++) {
        if (usb_desc_setting(desc, (uint8_t)i, 0) == NULL) {
            return "an interface of bNumInterfaces has no setting 0";
        }
    }
    for (unsigned i = 0; i < desc->setting_count; i++) {
        if (desc->settings[i].bInterfaceNumber >= desc->bNumInterfaces) {
            return "an interface number is not below bNumInterfaces";
        }
    }
    return walk_setting_end(&walk);
}

const struct usb_desc_setting *usb_desc_setting(const struct usb_desc *desc, uint8_t interface,
                                                uint8_t alternate)
{
    for (unsigned i = 0; i < desc->setting_count; i++) {
        const struct usb_desc_setting *setting = &desc->settings[i];
        if (setting->bInterfaceNumber == interface && setting->bAlternateSetting == alternate) {
            return setting;
        }
    }
    return NULL;
}

const struct usb_desc_endpoint *usb_desc_endpoint(const struct usb_desc_setting *setting, uint8_t type,
                                                  bool in)
{
    for (unsigned i = 0; setting != NULL && i < setting->endpoint_count; i++) {
        const struct usb_desc_endpoint *endpoint = &setting->endpoints[i];
        if ((endpoint->bmAttributes & 3u) == type && ((endpoint->bEndpointAddress & USB_DIR_IN) != 0) == in) {
            return endpoint;
        }
    }
    return NULL;
}

const struct usb_desc_endpoint *usb_desc_endpoint_at(const struct usb_desc *desc, uint8_t address)
{
    for (unsigned i = 0; i < desc->setting_count; i++) {
        for (unsigned n = 0; n < desc->settings[i].endpoint_count; n++) {
            if (desc->settings[i].endpoints[n].bEndpointAddress == address) {
                return &desc->settings[i].endpoints[n];
            }
        }
    }
    return NULL;
}
