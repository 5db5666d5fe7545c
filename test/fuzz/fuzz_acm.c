/*
 * Fuzz the CDC-ACM function: bytes both ways in any order, with halts, resets, settings and requests between. The streams must be
 * right: in their order, and what is missing of them counted as lost.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "test/unit/usb_rig.h"
#include "usb/acm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define INTERFACE 2
#define IN        0x84
#define OUT       0x02
#define NOTIFY    0x83
#define PERIOD    251u /* of both streams' bytes: a prime that no buffer's size divides */

static struct rig rig;
static struct acm acm;
static uint8_t ring[128], room[192] __attribute__((aligned(4)));
static const struct acm_config configs[2] = {{ring, sizeof ring, room, sizeof room, false, NULL, NULL},
                                             {ring, sizeof ring, room, 64, true, NULL, NULL}};

/* Of the stream to the host: bytes taken by acm_write; where the transfer that is being read begins, and how far it was read. */
static uint32_t written, transfer, transfer_read;
static uint32_t sent; /* of the stream from it: bytes acknowledged */

/* Every byte is somewhere, or was counted. */
static void count(void)
{
    size_t there;
    acm_peek(&acm, &there);
    REQUIRE(acm.head == written && acm.tail == acm.stats.in_bytes + acm.stats.in_lost);
    REQUIRE(acm.head - acm.tail <= sizeof ring);
    REQUIRE(acm.stats.out_bytes + acm.stats.out_lost + there == sent);
}

static void device_write(size_t length)
{
    uint8_t bytes[256];
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)((written + i) % PERIOD);
    size_t there = acm_room(&acm), took = acm_write(&acm, bytes, length);
    REQUIRE(took == (length < there ? length : there));
    written += (uint32_t)took;
}

/* One packet to the host: it goes on where the last one of its transfer ended. */
static void host_read(void)
{
    uint8_t bytes[CABLE_PACKET_MAX];
    uint16_t length = 0;
    bool data1;
    if (acm.tail != transfer) {
        transfer = acm.tail;
        transfer_read = 0;
    }
    if (virtual_udc_cable_ops.in(&rig.udc, rig.address, IN & 15, &data1, bytes, &length) != CABLE_ACK)
        return;
    REQUIRE(data1 == rig.in_data1[IN & 15]);
    rig.in_data1[IN & 15] = !data1;
    for (uint16_t i = 0; i < length; i++, transfer_read++)
        REQUIRE(bytes[i] == (transfer + transfer_read) % PERIOD);
    REQUIRE(transfer + transfer_read <= written);
    rig_poll(&rig);
}

static void host_write(size_t length)
{
    uint8_t bytes[64];
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)((sent + i) % PERIOD);
    if (virtual_udc_cable_ops.out(&rig.udc, rig.address, OUT, rig.out_data1[OUT], bytes, (uint16_t)length) ==
        CABLE_ACK) {
        rig.out_data1[OUT] = !rig.out_data1[OUT];
        sent += (uint32_t)length;
    }
    rig_poll(&rig);
}

static void device_take(size_t most)
{
    size_t length;
    const uint8_t *at = acm_peek(&acm, &length);
    uint32_t index = acm.stats.out_bytes + acm.stats.out_lost;
    REQUIRE((at == NULL) == (length == 0));
    length = length < most ? length : most;
    for (size_t i = 0; i < length; i++)
        REQUIRE(at[i] == (index + i) % PERIOD);
    acm_take(&acm, length);
}

static void anew(bool reset)
{
    transfer_read = 0; /* with `hold` it is sent again */
    if (reset) {
        REQUIRE(rig_enumerate(&rig, true));
        return;
    }
    REQUIRE(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 0, NULL) == 0);
    memset(rig.in_data1, 0, sizeof rig.in_data1);
    memset(rig.out_data1, 0, sizeof rig.out_data1);
}

static void halt(uint8_t ep, bool on)
{
    rig_toggle_reset(&rig, ep);
    REQUIRE(rig_control(&rig, 0x02, on ? USB_SET_FEATURE : USB_CLEAR_FEATURE, 0, ep, 0, NULL) == 0);
}

static void act(uint8_t what, uint8_t argument)
{
    uint8_t bytes[16];
    static const uint8_t eps[] = {IN, OUT, NOTIFY, IN};
    switch (what & 15) {
    case 0: anew(argument & 1); break;
    case 1: halt(eps[argument & 3], argument & 4); break;
    case 2:
        REQUIRE(rig_control(&rig, 0x21, CDC_SET_CONTROL_LINE_STATE, argument, INTERFACE, 0, NULL) == 0);
        break;
    case 3:
        REQUIRE(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, INTERFACE + (argument & 1), 0, NULL) == 0);
        rig_toggle_reset(&rig, argument & 1 ? IN : NOTIFY);
        if (argument & 1)
            rig_toggle_reset(&rig, OUT);
        break;
    case 4: acm_state_set(&acm, argument); break;
    case 5: rig_in(&rig, NOTIFY, bytes, sizeof bytes); break;
    case 6:
        memset(bytes, argument, sizeof bytes);
        rig_control(&rig, 0x21, CDC_SET_LINE_CODING, 0, INTERFACE, argument & 15, bytes);
        break;
    case 7: rig_control(&rig, argument & 0x80 ? 0xA1 : 0x21, argument & 0x7F, 0, INTERFACE, 0, NULL); break;
    case 8:
    case 9: device_write(argument); break;
    case 10:
    case 11: host_read(); break;
    case 12:
    case 13: host_write(argument & 0x80 ? 64 : argument & 63); break;
    default: device_take(argument); break;
    }
}

static void well(void)
{
    for (unsigned i = 0; i < 3; i++)
        halt((uint8_t[]){IN, OUT, NOTIFY}[i], false);
    REQUIRE(rig_enumerate(&rig, true));
    REQUIRE(rig_control(&rig, 0x21, CDC_SET_CONTROL_LINE_STATE, 1, INTERFACE, 0, NULL) == 0);
    for (unsigned i = 0; i < 16; i++) {
        host_read();
        device_take(255);
    }
    uint32_t sent_before = sent, written_before = written;
    device_write(100);
    REQUIRE(written == written_before + 100);
    host_write(64);
    device_take(255);
    host_write(3);
    device_take(255);
    count();
    REQUIRE(sent == sent_before + 67 && acm.stats.out_bytes + acm.stats.out_lost == sent);
    host_read();
    REQUIRE(transfer + 64 == written - 36);
    host_read();
    REQUIRE(acm.tail == written && transfer_read == 100);
    REQUIRE(rig_good(&rig, 0) && rig_blocks_home(&rig, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    written = transfer = transfer_read = sent = 0;
    rig_init(&rig, 1);
    acm_init(&acm, &configs[data[0] & 1]);
    rig.list[1] = &acm.function;
    rig.config.function_count = 2;
    rig_attach(&rig);
    REQUIRE(rig_enumerate(&rig, true));
    for (size_t i = 1; i + 1 < size && i < 600; i += 2) {
        act(data[i], data[i + 1]);
        count();
    }
    well();
    return 0;
}
