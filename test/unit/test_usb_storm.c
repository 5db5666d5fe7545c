/*
 * NCM, DFU, a serial port and a vendor function in one device, under a host that does anything in any order, and a product whose
 * callbacks do so, too. Nothing that was given away may be touched by the other side, every message and every byte is counted, and
 * behind each storm all functions are well.
 *
 * SET: control1024
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "test/unit/usb_rig.h"
#include "usb/acm.h"
#include "usb/dfu.h"
#include "usb/vendor.h"

#define ACM_INTERFACE acm.function.interface_first
#define ACM_IN        ((uint8_t)(USB_DIR_IN | (acm.function.in_first + 1)))
#define ACM_OUT       acm.function.out_first
#define VENDOR_IN     ((uint8_t)(USB_DIR_IN | vendor.function.in_first))
#define VENDOR_OUT    vendor.function.out_first
#define INTERFACES    6
#define MESSAGE_MAX   300
#define STORMS        4800
#define STEPS         400
#define PERIOD        251u

enum { OURS = 0xD0, THEIRS = 0xD1, SENT = 0xD2 }; /* bytes nobody sends */

static struct rig rig;
static struct dfu dfu;
static struct acm acm;
static struct vendor vendor;
static uint32_t chance;
static bool calm; /* callbacks do as they should */

static uint8_t ring[256], room[192] __attribute__((aligned(4)));
static uint8_t buffer[256] __attribute__((aligned(4)));
static uint8_t message[MESSAGE_MAX + 3];
static bool lent, sending;
static uint32_t sends, given;     /* messages taken from us, and given back */
static uint32_t written, arrived; /* bytes of the port, each way */

static uint32_t choose(uint32_t count)
{
    chance = chance * 1664525u + 1013904223u;
    return (chance >> 8) % count;
}

/* ---- The product ---- */

static void message_send(void)
{
    size_t length = choose(MESSAGE_MAX), at = choose(4), first = length != 0 ? choose((uint32_t)length) : 0;
    struct usb_iov pieces[3] = {
        {message + at, (uint32_t)first}, {NULL, 0}, {message + at + first, (uint32_t)(length - first)}};
    bool more = choose(4) == 0 && length >= 64;
    if (sending) {
        CHECK(!vendor_send(&vendor, pieces, 3, false));
        return;
    }
    memset(message, 7, sizeof message);
    if (more)
        pieces[0].length = 64, pieces[2].length = 0;
    if (vendor_send(&vendor, pieces, 3, more)) {
        CHECK(vendor_link_up(&vendor));
        sends++;
        sending = true;
    }
}

static void buffer_lend(void)
{
    size_t capacity = 64 * (1 + choose(4));
    CHECK_EQUAL(vendor_receive(&vendor, buffer, capacity), !lent);
    if (!lent)
        memset(buffer, THEIRS, sizeof buffer);
    lent = true;
}

static void port_write(void)
{
    uint8_t bytes[300];
    size_t length = choose(sizeof bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)((written + i) % PERIOD % 200);
    written += (uint32_t)acm_write(&acm, bytes, length);
}

static void port_take(void)
{
    size_t length;
    acm_peek(&acm, &length);
    CHECK(length <= sizeof room);
    acm_take(&acm, choose(3) == 0 ? length : choose((uint32_t)length + 1));
}

static void anything(void)
{
    switch (choose(6)) {
    case 0: message_send(); break;
    case 1: buffer_lend(); break;
    case 2: port_write(); break;
    case 3: port_take(); break;
    case 4: acm_state_set(&acm, (uint8_t)choose(16)); break;
    default: break;
    }
}

static void end_link(struct vendor *v, bool up)
{
    CHECK(v == &vendor && vendor_link_up(v) == up && (!sending || up));
    anything();
}

static void end_received(struct vendor *v, uint8_t *bytes, size_t length)
{
    CHECK(v == &vendor && bytes == buffer && lent);
    for (size_t i = 0; i < length; i++)
        CHECK_EQUAL(bytes[i], 9);
    memset(buffer, OURS, sizeof buffer);
    lent = false;
    anything();
    if (calm && !lent)
        buffer_lend();
}

static void end_sent(struct vendor *v, bool acknowledged)
{
    (void)acknowledged;
    CHECK(v == &vendor && sending);
    memset(message, SENT, sizeof message);
    sending = false;
    given++;
    anything();
}

static bool end_control(struct vendor *v, const struct usb_setup *setup, uint8_t *reply, size_t *length)
{
    (void)v, (void)setup;
    memset(reply, 5, 64);
    *length = choose(65536);
    anything();
    return choose(2);
}

static bool end_control_out(struct vendor *v, const struct usb_setup *setup, const uint8_t *data,
                            size_t length)
{
    (void)v, (void)setup, (void)data, (void)length;
    anything();
    return choose(2);
}

static void port_changed(void *context, uint8_t what)
{
    (void)context, (void)what;
    anything();
}

static void enter(void)
{
}

static const struct vendor_config vendor_config = {.vendor = &vendor,
                                                   .guid = "{01234567-89ab-cdef-0123-456789ABCDEF}",
                                                   .link = end_link,
                                                   .received = end_received,
                                                   .sent = end_sent,
                                                   .control = end_control,
                                                   .control_out = end_control_out};
static struct acm_config acm_config = {ring, sizeof ring, room, sizeof room, false, port_changed, NULL};

/* ---- The host ---- */

static const uint8_t endpoints[] = {0x81, 0x82, 0x01, 0x83, 0x84, 0x02, 0x85, 0x03, 0x80, 0x00, 0x86, 0x04};

static uint8_t an_endpoint(void)
{
    return endpoints[choose(sizeof endpoints)];
}

static void a_request(struct usb_setup *setup)
{
    static const uint8_t types[] = {0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x21, 0xA1,
                                    0x22, 0x40, 0x41, 0xC0, 0xC1, 0xC2, 0x61};
    *setup = (struct usb_setup){types[choose(sizeof types)], (uint8_t)choose(16), (uint16_t)choose(3),
                                (uint16_t)choose(INTERFACES + 2), (uint16_t)choose(10)};
    switch (choose(8)) {
    case 0:
        *setup = (struct usb_setup){0x01, USB_SET_INTERFACE, (uint16_t)choose(3),
                                    (uint16_t)choose(INTERFACES + 1), 0};
        break;
    case 1:
        *setup =
            (struct usb_setup){0x02, choose(2) ? USB_SET_FEATURE : USB_CLEAR_FEATURE, 0, an_endpoint(), 0};
        break;
    case 2:
        *setup = (struct usb_setup){0x21, CDC_SET_CONTROL_LINE_STATE, (uint16_t)choose(4), ACM_INTERFACE, 0};
        break;
    case 3: *setup = (struct usb_setup){0x21, CDC_SET_LINE_CODING, 0, ACM_INTERFACE, 7}; break;
    case 4: *setup = (struct usb_setup){0x00, USB_SET_CONFIGURATION, (uint16_t)choose(3), 0, 0}; break;
    case 5:
        *setup = (struct usb_setup){0x80, USB_GET_DESCRIPTOR, (uint16_t)(choose(16) << 8 | choose(8)),
                                    (uint16_t)(choose(2) * 0x409), 0xFFFF};
        break;
    case 6: setup->wLength = (uint16_t)choose(65536); break;
    default: break;
    }
    if (setup->bmRequestType == 0x00 && setup->bRequest == USB_SET_ADDRESS)
        setup->bRequest = USB_GET_STATUS;
}

static void control(void)
{
    struct usb_setup s;
    static uint8_t data[65536];
    uint8_t packet[8];
    a_request(&s);
    if (choose(3) != 0) {
        int result = rig_control(&rig, s.bmRequestType, s.bRequest, s.wValue, s.wIndex, s.wLength, data);
        CHECK(result >= 0 || result == RIG_STALL);
        return;
    }
    usb_setup_store(packet, &s); /* and then something else */
    virtual_udc_cable_ops.setup(&rig.udc, rig.address, 0, packet);
    for (unsigned i = choose(4); i > 0; i--) {
        uint16_t length;
        bool data1;
        if (choose(2))
            rig_poll(&rig);
        if (choose(2))
            virtual_udc_cable_ops.in(&rig.udc, rig.address, 0, &data1, data, &length);
        else
            virtual_udc_cable_ops.out(&rig.udc, rig.address, 0, choose(2), data, (uint16_t)choose(65));
    }
}

static void out(void)
{
    uint8_t number = 1 + (uint8_t)choose(3), bytes[64];
    uint16_t length = choose(2) ? 64 : (uint16_t)choose(65);
    bool data1 = rig.udc.out[number].data1 ^ (choose(8) == 0);
    memset(bytes, 9, sizeof bytes);
    bool fresh = data1 == rig.udc.out[number].data1;
    if (virtual_udc_cable_ops.out(&rig.udc, rig.address, number, data1, bytes, length) == CABLE_ACK &&
        fresh && number == ACM_OUT)
        arrived += length;
}

static void in(void)
{
    uint8_t number = 1 + (uint8_t)choose(5), bytes[CABLE_PACKET_MAX];
    uint16_t length;
    bool data1;
    if (virtual_udc_cable_ops.in(&rig.udc, rig.address, number, &data1, bytes, &length) != CABLE_ACK)
        return;
    for (uint16_t i = 0; i < length && number == (VENDOR_IN & 15); i++)
        CHECK_EQUAL(bytes[i], 7);
    for (uint16_t i = 0; i < length && number == (ACM_IN & 15); i++)
        CHECK(bytes[i] < 200);
}

static void frame_send(void)
{
    static const uint8_t frame[100] = {1};
    struct usb_iov piece = {frame, 14 + choose(80)};
    ncm_send(&rig.functions[0].ncm, &piece, 1, NULL);
}

static void bus(void)
{
    switch (choose(5)) {
    case 0: CHECK(rig_enumerate(&rig, choose(2))); break;
    case 1:
        rig_bus_reset(&rig);
        rig.address = rig.udc.address;
        break;
    case 2:
        virtual_udc_cable_ops.bus_suspend(&rig.udc, true);
        rig_time(&rig, 1 + choose(6), false);
        break;
    case 3:
        virtual_udc_cable_ops.bus_reset(&rig.udc, true);
        virtual_udc_cable_ops.bus_reset(&rig.udc, false);
        rig.address = 0; /* and nobody has polled */
        break;
    default: rig_time(&rig, 1 + choose(3), true); break;
    }
}

static void count(void)
{
    size_t there;
    acm_peek(&acm, &there);
    CHECK(acm.head == written && acm.tail == acm.stats.in_bytes + acm.stats.in_lost);
    CHECK(acm.head - acm.tail <= sizeof ring);
    CHECK_EQUAL(vendor.stats.in_messages + vendor.stats.in_lost, given);
    CHECK_EQUAL(sends - given, sending);
    CHECK(vendor_sending(&vendor) == sending);
    for (size_t i = 0; i < sizeof buffer && !lent; i++)
        CHECK(buffer[i] == OURS || given + sends + vendor.stats.out_messages == 0 || buffer[i] == 0);
}

/* ---- The storm and the calm ---- */

static void start(bool hold, unsigned order)
{
    struct rig_function *ncm = &rig.functions[0];
    lent = sending = calm = false;
    sends = given = written = arrived = 0;
    memset(buffer, OURS, sizeof buffer);
    acm_config.hold = hold;
    rig_init(&rig, 1);
    dfu_init(&dfu, enter);
    acm_init(&acm, &acm_config);
    struct usb_function *all[] = {&ncm->ncm.function, &dfu.function, &acm.function,
                                  vendor_init(&vendor_config)};
    for (unsigned left = 4; left > 0; all[order % left] = all[left - 1], order /= left, left--)
        rig.list[4 - left] = all[order % left];
    rig.config.function_count = 4;
    rig_attach(&rig);
    ncm->interface = ncm->ncm.function.interface_first;
    ncm->ep_notify = (uint8_t)(USB_DIR_IN | ncm->ncm.function.in_first);
    ncm->ep_in = (uint8_t)(ncm->ep_notify + 1);
    ncm->ep_out = ncm->ncm.function.out_first;
    CHECK(rig_enumerate(&rig, true));
}

static void well(void)
{
    uint8_t bytes[512];
    size_t length;
    calm = true;
    CHECK(rig_enumerate(&rig, true));
    rig_drain(&rig, 0);
    for (unsigned i = 0; i < 40; i++) { /* what callbacks have begun */
        rig_in(&rig, ACM_IN, bytes, sizeof bytes);
        rig_in(&rig, VENDOR_IN, bytes, sizeof bytes);
    }
    CHECK(rig_good(&rig, 0) && rig_blocks_home(&rig, 0));
    if (!lent)
        buffer_lend();
    uint32_t messages = vendor.stats.out_messages, dropped = vendor.stats.out_too_long;
    memset(bytes, 9, sizeof bytes);
    CHECK_EQUAL(rig_out(&rig, VENDOR_OUT, bytes, 3, true), 3);
    CHECK_EQUAL(vendor.stats.out_messages + vendor.stats.out_too_long, messages + dropped + 1);
    CHECK_EQUAL(rig_control(&rig, 0x21, CDC_SET_CONTROL_LINE_STATE, 1, ACM_INTERFACE, 0, NULL), 0);
    for (;;) {
        acm_peek(&acm, &length);
        if (length == 0)
            break;
        acm_take(&acm, length);
    }
    uint32_t taken = acm.stats.out_bytes + acm.stats.out_lost;
    CHECK_EQUAL(rig_out(&rig, ACM_OUT, bytes, 10, true), 10);
    acm_peek(&acm, &length);
    CHECK_EQUAL(acm.stats.out_bytes + acm.stats.out_lost + length, taken + 10);
    count();
}

TEST(usb_storm)
{
    unsigned all = 0, port = 0, setups = 0, resets = 0;
    for (unsigned storm = 0; storm < STORMS; storm++) {
        chance = storm * 7919 + 1;
        start(storm & 1, storm / 2 % 24);
        for (unsigned i = 0; i < STEPS; i++) {
            switch (choose(12)) {
            case 0:
            case 1: control(); break;
            case 2:
            case 3:
            case 4: out(); break;
            case 5:
            case 6:
            case 7: in(); break;
            case 8: frame_send(); break;
            case 9: choose(4) == 0 ? bus() : rig_drain(&rig, 0); break;
            case 10: anything(); break;
            default: break;
            }
            if (choose(3) != 0)
                rig_poll(&rig);
            if (choose(4) == 0)
                anything();
            if (rig.udc.address != rig.address && (rig.udc.events & USB_EVENT_RESET) == 0)
                rig.address = rig.udc.address;
            if (rig.device.state == USB_DEFAULT && choose(4) == 0)
                CHECK(rig_enumerate(&rig, choose(2)));
            count();
        }
        well();
        all += sends;
        port += written + arrived;
        setups += rig.device.stats.setups;
        resets += rig.device.stats.resets;
    }
    printf("# %u messages, %u bytes of the port, %u requests, %u resets\n", all, port, setups, resets);
}

TEST_MAIN()
