/*
 * A serial port as a USB function: usb/acm.h for configurations that list it by PLUGNET_ACM.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/acm.h"

#include "os/os.h"
#include "plugnet/plugnet.h"

struct usb_function *plugnet_acm_init(void *acm, struct plugnet *p)
{
    struct acm *port = acm;

    (void)p;
    if (port->config == NULL || !acm_config_good(port->config)) {
        os_panic("acm.config: .ring_size a power of 2, .out 4-aligned, .out_size whole packets");
    }
    acm_init(port, port->config);
    return &port->function;
}
