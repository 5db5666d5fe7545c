/*
 * Fuzz control transfers: each eight bytes of the input are a SETUP, and a ninth says how far the host goes
 * before the next one. Every transfer that is finished must end by ACK or STALL, and at last the device must
 * still answer and carry frames.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "test/unit/usb_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

static struct rig rig;

/* The device may have taken another address. */
static void follow_address(void)
{
    rig.address = rig.udc.address;
}

/* A transfer that is left in the middle: SETUP, then some packets in either direction. */
static void unfinished(const uint8_t packet[8], uint8_t how)
{
    struct cable cable = {&virtual_udc_cable_ops, &rig.udc};
    uint8_t bytes[CABLE_PACKET_MAX] = {0};
    uint16_t length;
    bool data1;
    cable.ops->setup(cable.device, rig.address, 0, packet);
    for (; how != 0; how >>= 2) {
        if (how & 1)
            rig_poll(&rig);
        if (how & 2)
            cable.ops->in(cable.device, rig.address, 0, &data1, bytes, &length);
        else
            cable.ops->out(cable.device, rig.address, 0, true, bytes, how & 63);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[65536];
    rig_init(&rig, 2);
    rig_attach(&rig);
    REQUIRE(rig_enumerate(&rig, true));
    for (unsigned i = 0; i < 64 && size >= 9; i++, data += 9, size -= 9) {
        struct usb_setup setup = usb_setup_load(data);
        if (data[8] & 0x80) {
            unfinished(data, data[8] & 0x7F);
        } else {
            memset(bytes, data[8], 64);
            int result = rig_control(&rig, setup.bmRequestType, setup.bRequest, setup.wValue, setup.wIndex,
                                     setup.wLength, bytes);
            REQUIRE(result >= 0 || result == RIG_STALL);
        }
        follow_address();
    }
    uint8_t descriptor[18];
    REQUIRE(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0100, 0, 18, descriptor) == 18);
    REQUIRE(rig_enumerate(&rig, true));
    REQUIRE(rig_good(&rig, 0) && rig_good(&rig, 1));
    REQUIRE(rig_blocks_home(&rig, 0) && rig_blocks_home(&rig, 1));
    return 0;
}
