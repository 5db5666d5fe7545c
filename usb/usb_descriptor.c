/*
 * Descriptors: see usb_descriptor.h. The bytes of BOS, MS OS 2.0 and WebUSB are those of facts.md D.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/usb_descriptor.h"

#include <string.h>

#define VENDOR_MS_OS    0x01 /* bVendorCode of MS OS 2.0 */
#define VENDOR_WEBUSB   0x02 /* … of WebUSB */
#define MS_OS_INDEX     7    /* wIndex: MS_OS_20_DESCRIPTOR_INDEX */
#define WEBUSB_GET_URL  2    /* wIndex */
#define WEBUSB_URL      1    /* iLandingPage */
#define STRING_TEXT_MAX 32   /* bytes of a function's string, with its 0 */

void usb_writer_put(struct usb_writer *writer, const void *bytes, size_t length)
{
    if (writer->length + length <= writer->capacity)
        memcpy(writer->bytes + writer->length, bytes, length);
    writer->length += length;
}

void usb_hex_put(char *text, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const uint8_t *end = bytes + count; bytes != end; bytes++) {
        *text++ = digits[*bytes >> 4];
        *text++ = digits[*bytes & 15];
    }
    *text = 0;
}

/* Where what was written last begins, to fill in what a template leaves open; NULL if there was no room. */
static uint8_t *usb_writer_template(struct usb_writer *writer, const uint8_t *bytes, size_t length)
{
    usb_writer_put(writer, bytes, length);
    return writer->length <= writer->capacity ? writer->bytes + writer->length - length : NULL;
}

uint8_t *usb_function_describe(const struct usb_function *function, struct usb_writer *writer,
                               const uint8_t *bytes, size_t length)
{
    uint8_t *start = usb_writer_template(writer, bytes, length);
    for (uint8_t *at = start; at != NULL && at < start + length && at[0] != 0; at += at[0])
        if (at[1] == USB_DT_INTERFACE_ASSOCIATION || at[1] == USB_DT_INTERFACE)
            at[2] = (uint8_t)(at[2] + function->interface_first);
        else if (at[1] == USB_DT_ENDPOINT)
            at[2] = (uint8_t)(at[2] + ((at[2] & USB_DIR_IN) != 0 ? function->in_first : function->out_first));
    return start;
}

static uint8_t usb_string_index(const char *text, uint8_t index)
{
    return text != NULL ? index : 0;
}

static void usb_device_describe(const struct usb_device *device, struct usb_writer *writer)
{
    /* clang-format off */
    static const uint8_t template[18] = {
        18, USB_DT_DEVICE,
        0x10, 0x02,       /* bcdUSB: from 2.1 on hosts read the BOS */
        0xEF, 0x02, 0x01, /* class: interface associations within */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        1,                /* bNumConfigurations */
    };
    /* clang-format on */
    const struct usb_device_config *config = device->config;
    uint8_t *bytes = usb_writer_template(writer, template, sizeof template);
    if (bytes == NULL)
        return;
    bytes[7] = device->udc->ep0_packet_size;
    store_le16(bytes + 8, config->vendor_id);
    store_le16(bytes + 10, config->product_id);
    store_le16(bytes + 12, config->release_bcd);
    bytes[14] = usb_string_index(config->manufacturer, USB_STRING_MANUFACTURER);
    bytes[15] = usb_string_index(config->product, USB_STRING_PRODUCT);
    bytes[16] = usb_string_index(config->serial, USB_STRING_SERIAL);
}

static void usb_configuration_describe(const struct usb_device *device, struct usb_writer *writer)
{
    static const uint8_t template[9] = {
        9, USB_DT_CONFIGURATION, 0, 0, 0, 1 /* bConfigurationValue */, 0, 0x80, 0};
    const struct usb_device_config *config = device->config;
    uint8_t *bytes = usb_writer_template(writer, template, sizeof template);
    if (bytes == NULL)
        return;
    for (unsigned i = 0; i < config->function_count; i++) {
        bytes[4] = (uint8_t)(bytes[4] + config->functions[i]->ops->interfaces);
        config->functions[i]->ops->describe(config->functions[i], writer);
    }
    store_le16(bytes + 2, (uint16_t)(writer->bytes + writer->length - bytes));
    if (config->self_powered)
        bytes[7] |= 0x40;
    if (config->remote_wakeup && device->udc->ops->remote_wakeup != NULL)
        bytes[7] |= 0x20;
    bytes[8] = (uint8_t)(config->power_ma / 2);
}

/* One character of UTF-8, at most three bytes long; '?' for what is broken or needs more. */
static uint16_t usb_character_next(const char **text)
{
    const uint8_t *bytes = (const uint8_t *)*text;
    size_t more = bytes[0] < 0x80 ? 0 : bytes[0] < 0xC0 ? 3 : bytes[0] < 0xE0 ? 1 : bytes[0] < 0xF0 ? 2 : 3;
    uint32_t character = more == 0 ? bytes[0] : more == 3 ? '?' : bytes[0] & (0x3Fu >> more);
    size_t used = 1;
    for (; used <= more && (bytes[used] & 0xC0) == 0x80; used++)
        if (more < 3)
            character = character << 6 | (bytes[used] & 0x3F);
    *text += used;
    return used <= more ? '?' : (uint16_t)character;
}

static void usb_text_describe(const char *text, struct usb_writer *writer)
{
    uint8_t head[2] = {2, USB_DT_STRING};
    size_t start = writer->length;
    usb_writer_put(writer, head, sizeof head);
    for (size_t count = 0; *text != 0 && count < 126; count++) {
        uint8_t unit[2];
        store_le16(unit, usb_character_next(&text));
        usb_writer_put(writer, unit, sizeof unit);
    }
    if (start < writer->capacity)
        writer->bytes[start] = (uint8_t)(writer->length - start);
}

static bool usb_function_string_describe(const struct usb_device *device, uint8_t string,
                                         struct usb_writer *writer)
{
    for (unsigned i = 0; i < device->config->function_count; i++) {
        const struct usb_function *function = device->config->functions[i];
        uint8_t number = (uint8_t)(string - function->string_first);
        if (string < function->string_first || number >= function->ops->strings)
            continue;
        char text[STRING_TEXT_MAX] = "";
        function->ops->string(function, number, text, sizeof text);
        usb_text_describe(text, writer);
        return true;
    }
    return false;
}

static bool usb_string_describe(const struct usb_device *device, uint8_t string, uint16_t language,
                                struct usb_writer *writer)
{
    static const uint8_t languages[4] = {4, USB_DT_STRING, USB_LANGUAGE_ENGLISH & 0xFF,
                                         USB_LANGUAGE_ENGLISH >> 8};
    if (string == USB_STRING_LANGUAGES && (language == 0 || language == USB_LANGUAGE_ENGLISH)) {
        usb_writer_put(writer, languages, sizeof languages);
        return true;
    }
    if (language != USB_LANGUAGE_ENGLISH)
        return false;
    const char *text = NULL;
    switch (string) {
    case USB_STRING_LANGUAGES: return false;
    case USB_STRING_MANUFACTURER: text = device->config->manufacturer; break;
    case USB_STRING_PRODUCT: text = device->config->product; break;
    case USB_STRING_SERIAL: text = device->config->serial; break;
    default: return usb_function_string_describe(device, string, writer);
    }
    if (text == NULL)
        return false;
    usb_text_describe(text, writer);
    return true;
}

#define MS_OS_HEAD_LENGTH 18 /* the set's header and that of its configuration subset */
#define MS_OS_NAME_LENGTH 42 /* "DeviceInterfaceGUIDs" in UTF-16, with its 0 */
#define MS_OS_GUID_LENGTH 80 /* a GUID in braces, its 0, and the list's */

/* A field's length, and in it ASCII as UTF-16, with zeros behind. */
static void usb_wide_put(struct usb_writer *writer, const char *text, uint8_t field)
{
    uint8_t unit[2] = {field, 0};
    usb_writer_put(writer, unit, sizeof unit);
    for (; field != 0; field = (uint8_t)(field - 2)) {
        unit[0] = (uint8_t)*text;
        usb_writer_put(writer, unit, sizeof unit);
        text += *text != 0;
    }
}

void usb_winusb_property(struct usb_writer *writer, const char *guid)
{
    static const uint8_t head[6] = {
        8 + MS_OS_NAME_LENGTH + 2 + MS_OS_GUID_LENGTH, 0, 4, 0, 7 /* REG_MULTI_SZ */, 0};
    usb_writer_put(writer, head, sizeof head);
    usb_wide_put(writer, "DeviceInterfaceGUIDs", MS_OS_NAME_LENGTH);
    usb_wide_put(writer, guid, MS_OS_GUID_LENGTH);
}

/* A function subset with a compatible ID, and what else the function wants in Windows' registry. */
static void usb_ms_os_function(const struct usb_function *function, struct usb_writer *writer)
{
    static const uint8_t subset[28] = {8, 0, 2, 0, 0, 0, 0, 0, 20, 0, 3, 0};
    const char *id = function->ops->compatible_id;
    size_t start = writer->length;
    uint8_t *bytes = usb_writer_template(writer, subset, sizeof subset);
    if (function->ops->registry != NULL)
        function->ops->registry(function, writer);
    if (bytes == NULL)
        return;
    bytes[4] = function->interface_first;
    store_le16(bytes + 6, (uint16_t)(writer->length - start));
    for (size_t c = 0; c < 8 && id[c] != 0; c++)
        bytes[12 + c] = (uint8_t)id[c];
}

/* The MS OS 2.0 set, for all functions that have a compatible ID; it begins where the writer does. */
static void usb_ms_os_describe(const struct usb_device *device, struct usb_writer *writer)
{
    static const uint8_t head[MS_OS_HEAD_LENGTH] = {10, 0,    0,    0, 0,
                                                    0,  0x03, 0x06, 0, 0, /* Windows 8.1 or later */
                                                    8,  0,    1,    0, 0 /* index of the configuration */,
                                                    0,  0,    0};
    uint8_t *bytes = usb_writer_template(writer, head, sizeof head);
    for (unsigned i = 0; i < device->config->function_count; i++)
        if (device->config->functions[i]->ops->compatible_id != NULL)
            usb_ms_os_function(device->config->functions[i], writer);
    if (bytes == NULL)
        return;
    store_le16(bytes + 8, (uint16_t)writer->length);
    store_le16(bytes + 16, (uint16_t)(writer->length - 10));
}

size_t usb_descriptor_ms_os_length(const struct usb_device *device)
{
    struct usb_writer counter = {NULL, 0, 0};
    usb_ms_os_describe(device, &counter);
    return counter.length != MS_OS_HEAD_LENGTH ? counter.length : 0;
}

/* The landing page without its scheme, NULL: none that a browser would show (see usb_device.h). */
static const char *usb_landing_page(const struct usb_device *device)
{
    static const char https[] = "https://";
    const char *url = device->config->landing_url;
    bool shown = url != NULL && strncmp(url, https, sizeof https - 1) == 0;
    return shown ? url + sizeof https - 1 : NULL;
}

static void usb_bos_describe(const struct usb_device *device, struct usb_writer *writer)
{
    /* clang-format off */
    static const uint8_t head[5] = {5, USB_DT_BOS, 0, 0, 0};
    static const uint8_t ms_os[28] = {
        28, USB_DT_DEVICE_CAPABILITY, 5 /* platform */, 0,
        0xDF, 0x60, 0xDD, 0xD8, 0x89, 0x45, 0xC7, 0x4C, 0x9C, 0xD2, 0x65, 0x9D, 0x9E, 0x64, 0x8A, 0x9F,
        0x00, 0x00, 0x03, 0x06, 0, 0, VENDOR_MS_OS, 0};
    static const uint8_t webusb[24] = {
        24, USB_DT_DEVICE_CAPABILITY, 5, 0,
        0x38, 0xB6, 0x08, 0x34, 0xA9, 0x09, 0xA0, 0x47, 0x8B, 0xFD, 0xA0, 0x76, 0x88, 0x15, 0xB6, 0x65,
        0x00, 0x01, VENDOR_WEBUSB, WEBUSB_URL};
    /* clang-format on */
    size_t set_length = usb_descriptor_ms_os_length(device);
    uint8_t *bytes = usb_writer_template(writer, head, sizeof head);
    uint8_t *set = set_length != 0 ? usb_writer_template(writer, ms_os, sizeof ms_os) : NULL;
    bool landing = usb_landing_page(device) != NULL;
    if (landing)
        usb_writer_put(writer, webusb, sizeof webusb);
    if (set != NULL)
        store_le16(set + 24, (uint16_t)set_length);
    if (bytes == NULL)
        return;
    store_le16(bytes + 2, (uint16_t)(writer->bytes + writer->length - bytes));
    bytes[4] = (uint8_t)((set_length != 0) + landing);
}

static void usb_landing_describe(const char *page, struct usb_writer *writer)
{
    size_t length = strlen(page);
    if (length > 250)
        length = 250;
    uint8_t head[3] = {(uint8_t)(3 + length), 3 /* WebUSB URL */, 1 /* https */};
    usb_writer_put(writer, head, sizeof head);
    usb_writer_put(writer, page, length);
}

bool usb_descriptor_standard(const struct usb_device *device, uint16_t value, uint16_t index,
                             struct usb_writer *writer)
{
    uint8_t type = (uint8_t)(value >> 8);
    if (type == USB_DT_STRING)
        return usb_string_describe(device, (uint8_t)value, index, writer);
    if ((uint8_t)value != 0 || index != 0)
        return false;
    switch (type) {
    case USB_DT_DEVICE: usb_device_describe(device, writer); return true;
    case USB_DT_CONFIGURATION: usb_configuration_describe(device, writer); return true;
    case USB_DT_BOS: usb_bos_describe(device, writer); return true;
    default: return false; /* no device qualifier: full speed only */
    }
}

bool usb_descriptor_vendor(const struct usb_device *device, const struct usb_setup *setup,
                           struct usb_writer *writer)
{
    if (setup->bmRequestType != (USB_DIR_IN | USB_TYPE_VENDOR | USB_RECIPIENT_DEVICE))
        return false;
    if (setup->bRequest == VENDOR_MS_OS && setup->wValue == 0 && setup->wIndex == MS_OS_INDEX &&
        usb_descriptor_ms_os_length(device) != 0) {
        usb_ms_os_describe(device, writer);
        return true;
    }
    const char *page = usb_landing_page(device);
    if (setup->bRequest == VENDOR_WEBUSB && setup->wValue == WEBUSB_URL && setup->wIndex == WEBUSB_GET_URL &&
        page != NULL) {
        usb_landing_describe(page, writer);
        return true;
    }
    return false;
}
