/*
 * PLUGNET_VENDOR: messages to and from a program on the host (usb/vendor.h) as a USB function.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/vendor.h"

#include "os/os.h"
#include "plugnet/plugnet.h"

struct usb_function *plugnet_vendor_init(void *config, struct plugnet *p)
{
    const struct vendor_config *c = config;

    (void)p;
    if (!vendor_guid_good(c->guid)) {
        os_panic("vendor_config.guid: {8-4-4-4-12 hex digits}, your own");
    }
    return vendor_init(c);
}
