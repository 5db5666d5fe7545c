/*
 * Fuzz the PC's reading of configuration descriptors: what is accepted must lie within the bytes and the bounds.
 *
 * LINK: host/usb_desc.c
 * SECONDS: 20
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "host/usb_desc.h"
#include "wire/usb_ch9.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

static void require_setting(const struct usb_desc *desc, const struct usb_desc_setting *s,
                            const uint8_t *data, size_t size)
{
    REQUIRE(s->bInterfaceNumber < desc->bNumInterfaces && s->endpoint_count <= USB_DESC_ENDPOINTS_MAX);
    REQUIRE(usb_desc_setting(desc, s->bInterfaceNumber, s->bAlternateSetting) == s);
    for (unsigned i = 0; i < s->endpoint_count; i++) {
        const struct usb_desc_endpoint *e = &s->endpoints[i];
        const struct usb_desc_endpoint *first =
            usb_desc_endpoint(s, e->bmAttributes & 3, (e->bEndpointAddress & USB_DIR_IN) != 0);
        REQUIRE(first != NULL && first <= e);
        REQUIRE((e->bmAttributes & 3) != USB_ENDPOINT_BULK ||
                (e->wMaxPacketSize >= 1 && e->wMaxPacketSize <= 64));
    }
    if (s->extra != NULL) {
        size_t at = 0, steps = 0;
        REQUIRE(s->extra >= data && s->extra_length <= (size_t)(data + size - s->extra));
        for (const uint8_t *d; (d = usb_desc_next(s->extra, s->extra_length, &at)) != NULL; steps++)
            REQUIRE(d >= s->extra && d + d[0] <= s->extra + s->extra_length);
        REQUIRE(at == s->extra_length && steps <= s->extra_length / 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct usb_desc desc;
    if (usb_desc_parse(&desc, data, size) != NULL)
        return 0;
    REQUIRE(desc.setting_count <= USB_DESC_SETTINGS_MAX);
    for (unsigned i = 0; i < desc.setting_count; i++)
        require_setting(&desc, &desc.settings[i], data, size);
    return 0;
}
