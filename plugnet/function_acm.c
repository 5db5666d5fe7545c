/*
 * A serial port as a USB function: usb/acm.h for configurations that list it by PLUGNET_ACM.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/acm.h"

#include "plugnet/plugnet.h"

struct usb_function *plugnet_acm_init(void *acm, struct plugnet *p)
{
    struct acm *port = acm;

    (void)p;
    acm_init(port, port->config);
    return &port->function;
}
