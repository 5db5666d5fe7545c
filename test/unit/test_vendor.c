/*
 * The vendor function beside NCM: descriptors by byte, messages of every length, back-pressure, halts, resets, settings, requests,
 * and two of them. After each blow: what was lent comes back, the next message goes through, and NCM is well.
 *
 * SET: control1024
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include "usb/vendor.h"
#include "test/test.h"
#include "test/unit/usb_rig.h"
#include "usb/dfu.h"

#define INTERFACE 2 /* NCM has 0 and 1 */
#define EP_IN     0x83
#define EP_OUT    0x02
#define CAPACITY  256

/* A function and what it was told. */
static struct end {
    struct vendor vendor;
    uint8_t buffer[CAPACITY] __attribute__((aligned(4)));
    uint8_t message[CAPACITY];
    int length; /* of the last message; -1: none since this was set */
    unsigned received, ups, downs, sent, lost, controls, outs;
    bool keep;         /* don't lend the buffer again */
    bool send_in_sent; /* once */
    bool send_in_link;
    bool refuse;
    struct usb_setup setup;
} ends[2];

static struct end *const e = &ends[0];
static struct rig rig;
static struct dfu dfu;
static uint8_t bytes[2000], got[2000];

static struct end *end_of(struct vendor *vendor)
{
    CHECK(vendor->config->context == (void *)vendor);
    return (struct end *)(void *)vendor;
}

static void lend(struct end *end)
{
    CHECK(vendor_receive(&end->vendor, end->buffer, CAPACITY));
}

static bool send(const void *from, size_t length)
{
    struct usb_iov piece = {from, (uint32_t)length};
    return vendor_send(&e->vendor, &piece, 1, false);
}

static void end_link(struct vendor *vendor, bool up)
{
    struct end *end = end_of(vendor);
    CHECK(vendor_link_up(vendor) == up);
    end->ups += up;
    end->downs += !up;
    if (up && end->ups == 1)
        lend(end);
    if (end == e && (end->send_in_link || !up))
        CHECK(send("x", 1) == up);
}

static void end_received(struct vendor *vendor, uint8_t *message, size_t length)
{
    struct end *end = end_of(vendor);
    CHECK(message == end->buffer && length < CAPACITY);
    memcpy(end->message, message, length);
    end->length = (int)length;
    end->received++;
    if (!end->keep)
        lend(end);
}

static void end_sent(struct vendor *vendor, bool acknowledged)
{
    struct end *end = end_of(vendor);
    end->sent += acknowledged;
    end->lost += !acknowledged;
    CHECK(!vendor_sending(vendor));
    if (end->send_in_sent) {
        end->send_in_sent = false;
        CHECK(send("again", 5) == vendor_link_up(vendor));
    }
}

static bool end_control(struct vendor *vendor, const struct usb_setup *setup, uint8_t *reply, size_t *length)
{
    struct end *end = end_of(vendor);
    if (end->refuse)
        return false;
    end->controls++;
    end->setup = *setup;
    memcpy(reply, "answer", 6);
    *length = 6;
    return true;
}

static bool end_control_out(struct vendor *vendor, const struct usb_setup *setup, const uint8_t *data,
                            size_t length)
{
    struct end *end = end_of(vendor);
    CHECK(setup->wLength == length);
    memcpy(end->message, data, length);
    end->outs++;
    return true;
}

#define CONFIG(n, guid_, name_)                                                                              \
    {                                                                                                        \
        .vendor = &ends[n].vendor, .guid = guid_, .name = name_, .context = &ends[n].vendor,                 \
        .link = end_link, .received = end_received, .sent = end_sent, .control = end_control,                \
        .control_out = end_control_out                                                                       \
    }
static const struct vendor_config configs[2] = {
    CONFIG(0, "{01234567-89ab-cdef-0123-456789ABCDEF}", "log"),
    CONFIG(1, "{11111111-2222-3333-4444-555555555555}", NULL),
};

static void enter(void)
{
}

static void begin(unsigned vendors)
{
    memset(ends, 0, sizeof ends);
    rig_init(&rig, 1);
    for (unsigned i = 0; i < vendors; i++)
        rig.list[1 + i] = vendor_init(&configs[i]);
    rig.config.function_count = (uint8_t)(1 + vendors);
}

static void start(void)
{
    begin(1);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    CHECK(e->ups == 1 && e->downs == 0);
}

/* A message there and back, and NCM is well. */
static void check_well(void)
{
    static const char text[] = "how are you";
    e->length = -1;
    CHECK_EQUAL(rig_out(&rig, EP_OUT, text, sizeof text, true), sizeof text);
    CHECK_EQUAL(e->length, sizeof text);
    CHECK_BYTES(e->message, text, sizeof text);
    CHECK(send(text, sizeof text));
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, sizeof got), sizeof text);
    CHECK_BYTES(got, text, sizeof text);
    CHECK(!vendor_sending(&e->vendor));
    CHECK(rig_good(&rig, 0) && rig_blocks_home(&rig, 0));
}

static int feature(bool set, uint8_t ep)
{
    int result = rig_control(&rig, 0x02, set ? USB_SET_FEATURE : USB_CLEAR_FEATURE, 0, ep, 0, NULL);
    rig_toggle_reset(&rig, ep);
    return result;
}

/* ---- Descriptors, by hand from facts.md D. ---- */

static void check_reply(uint8_t type, uint8_t request, uint16_t value, uint16_t index, const uint8_t *wanted,
                        size_t length)
{
    memset(got, 0xEE, sizeof got);
    CHECK_EQUAL(rig_control(&rig, type, request, value, index, 1000, got), length);
    CHECK_BYTES(got, wanted, length);
    CHECK_EQUAL(got[length], 0xEE);
}

/* clang-format off */
#define VENDOR_INTERFACE(number, string, in, out)                                                            \
    9, 4, number, 0, 2, 0xFF, 0, 0, string, 7, 5, in, 2, 64, 0, 0, 7, 5, out, 2, 64, 0, 0

#define SET_HEAD(length)  0x0A, 0, 0, 0, 0, 0, 3, 6, (length) & 255, (length) >> 8,                          \
    8, 0, 1, 0, 0, 0, ((length) - 10) & 255, ((length) - 10) >> 8
#define SET_NCM           8, 0, 2, 0, 0, 0, 0x1C, 0, 0x14, 0, 3, 0, 'W', 'I', 'N', 'N', 'C', 'M', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define SET_WINUSB(first) 8, 0, 2, 0, first, 0, 0xA0, 0, 0x14, 0, 3, 0, 'W', 'I', 'N', 'U', 'S', 'B', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
    0x84, 0, 4, 0, 7, 0, 0x2A, 0,                                                                            \
    'D', 0, 'e', 0, 'v', 0, 'i', 0, 'c', 0, 'e', 0, 'I', 0, 'n', 0, 't', 0, 'e', 0, 'r', 0, 'f', 0, 'a', 0, 'c', 0, 'e', 0,  \
    'G', 0, 'U', 0, 'I', 0, 'D', 0, 's', 0, 0, 0, 0x50, 0
#define W(a, b, c, d)     a, 0, b, 0, c, 0, d, 0

static const uint8_t set_ncm_vendor[206] = {
    SET_HEAD(206), SET_NCM,
    SET_WINUSB(2), '{', 0, W('0', '1', '2', '3'), W('4', '5', '6', '7'), '-', 0, W('8', '9', 'a', 'b'), '-', 0, W('c', 'd', 'e', 'f'),
    '-', 0, W('0', '1', '2', '3'), '-', 0, W('4', '5', '6', '7'), W('8', '9', 'A', 'B'), W('C', 'D', 'E', 'F'), '}', 0, 0, 0, 0, 0,
};
static const uint8_t set_ncm_dfu_vendor[366] = {
    SET_HEAD(366), SET_NCM,
    SET_WINUSB(2), '{', 0, W('f', '6', 'c', 'd'), W('c', '8', '4', '0'), '-', 0, W('9', 'c', '6', 'f'), '-', 0, W('4', '0', '3', 'e'),
    '-', 0, W('a', '7', '2', '3'), '-', 0, W('7', '8', '9', '5'), W('e', 'a', 'b', 'f'), W('d', 'b', '6', 'b'), '}', 0, 0, 0, 0, 0,
    SET_WINUSB(3), '{', 0, W('0', '1', '2', '3'), W('4', '5', '6', '7'), '-', 0, W('8', '9', 'a', 'b'), '-', 0, W('c', 'd', 'e', 'f'),
    '-', 0, W('0', '1', '2', '3'), '-', 0, W('4', '5', '6', '7'), W('8', '9', 'A', 'B'), W('C', 'D', 'E', 'F'), '}', 0, 0, 0, 0, 0,
};
/* clang-format on */

static void check_bos(uint16_t set_length)
{
    uint8_t bos[57] = {5,    0x0F, 57,   0,    2,    28,   0x10, 5,    0,    0xDF, 0x60, 0xDD,
                       0xD8, 0x89, 0x45, 0xC7, 0x4C, 0x9C, 0xD2, 0x65, 0x9D, 0x9E, 0x64, 0x8A,
                       0x9F, 0x00, 0x00, 0x03, 0x06, 0,    0,    1,    0,    24,   0x10, 5,
                       0,    0x38, 0xB6, 0x08, 0x34, 0xA9, 0x09, 0xA0, 0x47, 0x8B, 0xFD, 0xA0,
                       0x76, 0x88, 0x15, 0xB6, 0x65, 0x00, 0x01, 2,    1};
    store_le16(bos + 29, set_length);
    check_reply(0x80, USB_GET_DESCRIPTOR, 0x0F00, 0, bos, sizeof bos);
    check_reply(0xC0, 2, 1, 2, (const uint8_t *)"\x0F\x03\x01plugnet.dev/", 15);
}

TEST(vendor_descriptors)
{
    static const uint8_t interface[23] = {VENDOR_INTERFACE(2, 5, 0x83, 0x02)};
    start();
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 255, got), 94 + 23);
    CHECK(got[2] == 94 + 23 && got[4] == 3 && got[5] == 1);
    CHECK_BYTES(got + 94, interface, sizeof interface);
    check_reply(0x80, USB_GET_DESCRIPTOR, 0x0305, 0x0409, (const uint8_t *)"\x08\x03l\0o\0g\0", 8);
    check_reply(0xC0, 1, 0, 7, set_ncm_vendor, sizeof set_ncm_vendor);
    check_bos(sizeof set_ncm_vendor);
}

TEST(vendor_descriptors_with_dfu)
{
    static const uint8_t interface[23] = {VENDOR_INTERFACE(3, 5, 0x83, 0x02)};
    begin(1);
    rig.list[2] = rig.list[1];
    dfu_init(&dfu, enter);
    rig.list[1] = &dfu.function;
    rig.config.function_count = 3;
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 255, got), 94 + 18 + 23);
    CHECK_EQUAL(got[4], 4);
    CHECK_BYTES(got + 94 + 18, interface, sizeof interface);
    check_reply(0xC0, 1, 0, 7, set_ncm_dfu_vendor, sizeof set_ncm_dfu_vendor);
    check_bos(sizeof set_ncm_dfu_vendor);
}

/* What Windows wants of any set: lengths that add up, each subset's first interface that of a function, types as in facts.md D. */
static void check_windows(void)
{
    size_t length = (size_t)rig_control(&rig, 0xC0, 1, 0, 7, 4096, got), at = 18, subsets = 0;
    CHECK_EQUAL(load_le16(got + 8), length);
    CHECK_EQUAL(load_le16(got + 16), length - 10);
    CHECK_EQUAL(got[14], 0); /* index of the configuration, not its bConfigurationValue */
    CHECK_EQUAL(load_le32(got + 4), 0x06030000);
    for (; at < length; subsets++) {
        size_t end = at + load_le16(got + at + 6);
        CHECK(load_le16(got + at) == 8 && load_le16(got + at + 2) == 2 && end <= length);
        CHECK_EQUAL(got[at + 4], rig.list[subsets]->interface_first);
        CHECK(load_le16(got + at + 8) == 20 && load_le16(got + at + 10) == 3);
        for (at += 28; at < end; at += load_le16(got + at)) {
            CHECK(load_le16(got + at + 2) == 4 && load_le16(got + at + 4) == 7); /* property, REG_MULTI_SZ */
            size_t name = load_le16(got + at + 6), data = load_le16(got + at + 8 + name);
            CHECK_EQUAL(load_le16(got + at), 8 + name + 2 + data);
            CHECK(load_le16(got + at + 8 + name - 2) == 0 && load_le32(got + at + 10 + name + data - 4) == 0);
        }
        CHECK_EQUAL(at, end);
    }
    CHECK(at == length && subsets == rig.config.function_count);
    /* Function subsets are for composites alone: class EF/02/01, more than one interface, one configuration. */
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0100, 0, 18, got), 18);
    CHECK(load_le16(got + 2) >= 0x0201 && memcmp(got + 4, "\xEF\x02\x01", 3) == 0 && got[17] == 1);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 9, got), 9);
    CHECK(got[4] > 1);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x03EE, 0x0409, 255, got), RIG_STALL);
}

TEST(vendor_windows_rules)
{
    start();
    check_windows();
    begin(2);
    rig.list[3] = rig.list[2];
    rig.list[2] = rig.list[1];
    dfu_init(&dfu, enter);
    rig.list[1] = &dfu.function;
    rig.config.function_count = 4;
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    check_windows();
}

TEST(vendor_guids)
{
    static const char *const wrong[] = {"",
                                        "{}",
                                        "01234567-89ab-cdef-0123-456789abcdef",
                                        "{01234567-89ab-cdef-0123-456789abcdef",
                                        "{01234567-89ab-cdef-0123-456789abcdef} ",
                                        "{01234567-89ab-cdef-0123-456789abcdeg}",
                                        "{0123456789abcdef-0123-456789abcdef---}",
                                        "(01234567-89ab-cdef-0123-456789abcdef)"};
    CHECK(vendor_guid_good(configs[0].guid) && vendor_guid_good(configs[1].guid));
    CHECK(!vendor_guid_good(NULL));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(!vendor_guid_good(wrong[i]));
}

/* ---- Messages. ---- */

static void fill(size_t length, uint8_t seed)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(seed + i * 7);
}

TEST(vendor_receives_every_length)
{
    start();
    for (unsigned length = 0; length < CAPACITY; length++) {
        fill(length, (uint8_t)length);
        CHECK_EQUAL(rig_out(&rig, EP_OUT, bytes, length, true), length);
        CHECK(e->received == length + 1 && e->length == (int)length);
        CHECK_BYTES(e->message, bytes, length);
    }
    CHECK_EQUAL(e->vendor.stats.out_messages, CAPACITY);
    CHECK_EQUAL(e->vendor.stats.out_bytes, CAPACITY * (CAPACITY - 1) / 2);
    CHECK_EQUAL(e->vendor.stats.out_too_long, 0);
    check_well();
}

TEST(vendor_drops_what_is_too_long)
{
    start();
    for (unsigned length = CAPACITY; length < 1500; length += 1 + length / 9) {
        unsigned dropped = e->vendor.stats.out_too_long, received = e->received;
        CHECK_EQUAL(rig_out(&rig, EP_OUT, bytes, length, true), length);
        CHECK_EQUAL(e->vendor.stats.out_too_long, dropped + 1);
        CHECK_EQUAL(e->received, received);
        check_well();
    }
}

TEST(vendor_sends_every_length)
{
    start();
    for (unsigned length = 0; length < 400; length++) {
        fill(length, (uint8_t)length);
        struct usb_iov pieces[3] = {
            {bytes, length / 3}, {bytes + length / 3, 0}, {bytes + length / 3, length - length / 3}};
        CHECK(vendor_send(&e->vendor, pieces, 3, false));
        memset(pieces, 0, sizeof pieces); /* the array may be reused at once */
        CHECK(vendor_sending(&e->vendor));
        memset(got, 0xEE, sizeof got);
        CHECK_EQUAL(rig_in(&rig, EP_IN, got, sizeof got), length); /* by its own end */
        CHECK_BYTES(got, bytes, length);
        CHECK_EQUAL(e->sent, length + 1);
    }
    CHECK(e->vendor.stats.in_messages == 400 && e->vendor.stats.in_bytes == 400 * 399 / 2);
    CHECK(e->lost == 0 && e->vendor.stats.in_refused == 0);
    check_well();
}

TEST(vendor_sends_in_parts)
{
    struct usb_iov packets = {bytes, 192}, end = {bytes + 192, 10}, nothing = {bytes, 0}, odd = {bytes, 65};
    start();
    fill(202, 3);
    CHECK(vendor_send(&e->vendor, &packets, 1, true));
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, 192), 192);
    CHECK_EQUAL(rig_in(&rig, EP_IN, got + 192, 64), RIG_NAK); /* it goes on */
    CHECK(e->sent == 1 && vendor_send(&e->vendor, &end, 1, false));
    CHECK_EQUAL(rig_in(&rig, EP_IN, got + 192, 64), 10);
    CHECK_BYTES(got, bytes, 202);
    CHECK(!vendor_send(&e->vendor, &nothing, 1, true) && !vendor_send(&e->vendor, &odd, 1, true));
    CHECK(!vendor_send(&e->vendor, NULL, 0, true));
    CHECK_EQUAL(e->vendor.stats.in_refused, 3);
    check_well();
}

TEST(vendor_refuses_to_send)
{
    struct usb_iov pieces[VENDOR_PIECES_MAX + 1] = {{bytes, 1}};
    begin(1);
    rig_attach(&rig);
    CHECK(!send("x", 1)); /* no link */
    CHECK(rig_enumerate(&rig, true));
    CHECK(send("first", 5));
    CHECK(!send("second", 6)); /* one is under way */
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, 64), 5);
    CHECK(!vendor_send(&e->vendor, pieces, VENDOR_PIECES_MAX + 1, false));
    CHECK(vendor_send(&e->vendor, pieces, VENDOR_PIECES_MAX, false));
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, 64), 1);
    CHECK_EQUAL(e->vendor.stats.in_refused, 3);
    check_well();
}

TEST(vendor_back_pressure)
{
    start();
    e->keep = true;
    CHECK_EQUAL(rig_out(&rig, EP_OUT, "one", 3, true), 3);
    CHECK_EQUAL(rig_out(&rig, EP_OUT, "two", 3, true), RIG_NAK); /* nothing is lent */
    CHECK(rig_good(&rig, 0));
    lend(e);
    CHECK(!vendor_receive(&e->vendor, bytes, 64)); /* one is lent already */
    e->keep = false;
    CHECK_EQUAL(rig_out(&rig, EP_OUT, "two", 3, true), 3);
    CHECK(e->received == 2 && e->message[1] == 'w');
    check_well();
}

TEST(vendor_buffers)
{
    static uint8_t other[128 + 4] __attribute__((aligned(4)));
    CHECK(VENDOR_BUFFER_SIZE(0) == 64 && VENDOR_BUFFER_SIZE(63) == 64 && VENDOR_BUFFER_SIZE(64) == 128);
    begin(1);
    rig_attach(&rig);
    CHECK(!vendor_receive(&e->vendor, NULL, 64) && !vendor_receive(&e->vendor, other, 0));
    CHECK(!vendor_receive(&e->vendor, other, 100) && !vendor_receive(&e->vendor, other + 1, 128));
    e->ups = 1;                                       /* link() shall not lend */
    CHECK(vendor_receive(&e->vendor, e->buffer, 64)); /* before there is a link */
    CHECK(rig_enumerate(&rig, true));
    check_well();
}

TEST(vendor_sends_again_in_sent)
{
    start();
    e->send_in_sent = true;
    CHECK(send("once", 4));
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, 64), 4);
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, 64), 5);
    CHECK_BYTES(got, "again", 5);
    CHECK_EQUAL(e->sent, 2);
    check_well();
}

/* ---- What resets what. ---- */

/* Half a message from the host, without an end. */
static void half_out(void)
{
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQUAL(rig_out_packet(&rig, EP_OUT, rig.out_data1[EP_OUT], bytes, 64), CABLE_ACK);
        rig.out_data1[EP_OUT] = !rig.out_data1[EP_OUT];
        rig_poll(&rig);
    }
}

TEST(vendor_halted_out)
{
    for (unsigned twice = 0; twice < 2; twice++) {
        start();
        half_out();
        CHECK_EQUAL(feature(true, EP_OUT), 0);
        if (twice)
            CHECK_EQUAL(feature(true, EP_OUT), 0);
        CHECK_EQUAL(rig_out(&rig, EP_OUT, "x", 1, true), RIG_STALL);
        CHECK_EQUAL(feature(false, EP_OUT), 0);
        CHECK_EQUAL(e->received, 0);
        check_well();
        half_out(); /* ended without a halt before it: toggles alone */
        CHECK_EQUAL(feature(false, EP_OUT), 0);
        check_well();
    }
}

/* A halt while a message that is too long is being dropped. */
TEST(vendor_halted_while_dropping)
{
    start();
    for (unsigned i = 0; i < 3; i++)
        half_out();
    CHECK_EQUAL(e->vendor.stats.out_too_long, 1);
    CHECK_EQUAL(feature(true, EP_OUT), 0);
    CHECK_EQUAL(feature(false, EP_OUT), 0);
    check_well();
}

TEST(vendor_halted_in)
{
    start();
    CHECK(send(bytes, 500));
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, 128), 128);
    e->send_in_sent = true; /* it waits for the halt's end */
    CHECK_EQUAL(feature(true, EP_IN), 0);
    CHECK(e->lost == 1 && vendor_sending(&e->vendor));
    CHECK_EQUAL(feature(true, EP_IN), 0);
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, 64), RIG_STALL);
    CHECK_EQUAL(feature(false, EP_IN), 0);
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, 64), 5);
    CHECK(e->lost == 1 && e->sent == 1);
    check_well();
    CHECK(send(bytes, 500));
    CHECK_EQUAL(feature(false, EP_IN), 0); /* without a halt before it */
    CHECK(e->lost == 2 && e->vendor.stats.in_lost == 2);
    check_well();
}

TEST(vendor_bus_reset)
{
    for (unsigned how = 0; how < 4; how++) {
        start();
        if (how & 1)
            half_out();
        if (how & 2)
            CHECK(send(bytes, 500));
        e->send_in_sent = true;
        rig_bus_reset(&rig);
        CHECK(e->downs == 1 && e->lost == how >> 1 && !vendor_sending(&e->vendor));
        CHECK(!send("x", 1));
        e->send_in_sent = false;
        CHECK(rig_enumerate(&rig, true));
        CHECK_EQUAL(e->ups, 2);
        check_well();
    }
}

TEST(vendor_configurations)
{
    start();
    half_out();
    CHECK(send(bytes, 500));
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 0, 0, 0, NULL), 0);
    CHECK(e->downs == 1 && e->lost == 1);
    CHECK_EQUAL(rig_out(&rig, EP_OUT, "x", 1, true), RIG_SILENT);
    rig_toggle_reset(&rig, EP_IN);
    rig_toggle_reset(&rig, EP_OUT);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 0, NULL), 0);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 0, NULL), 0); /* and again */
    CHECK(e->ups == 3 && e->downs == 2);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    check_well();
}

TEST(vendor_alternate_settings)
{
    start();
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 1, INTERFACE, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x81, USB_GET_INTERFACE, 0, INTERFACE, 1, got), 1);
    CHECK(got[0] == 0 && e->downs == 0);
    check_well();
    for (unsigned i = 0; i < 3; i++) {
        half_out();
        CHECK_EQUAL(feature(true, i == 1 ? EP_IN : EP_OUT), 0); /* the setting ends a halt, too */
        e->send_in_link = i == 2;
        CHECK_EQUAL(send(bytes, 300), true);
        CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, INTERFACE, 0, NULL), 0);
        rig_toggle_reset(&rig, EP_IN);
        rig_toggle_reset(&rig, EP_OUT);
        CHECK(e->downs == i + 1 && e->ups == i + 2 && e->lost == i + 1);
        if (e->send_in_link)
            CHECK_EQUAL(rig_in(&rig, EP_IN, got, 64), 1);
        check_well();
    }
}

TEST(vendor_suspended)
{
    start();
    half_out();
    CHECK(send(bytes, 200));
    rig_time(&rig, 10, false);
    CHECK(usb_device_suspended(&rig.device));
    rig_time(&rig, 3, true);
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, sizeof got), 200);
    CHECK_EQUAL(rig_out(&rig, EP_OUT, "end", 3, true), 3);
    CHECK_EQUAL(e->length, 128 + 3); /* it went on */
    check_well();
}

/* ---- Requests. ---- */

TEST(vendor_requests)
{
    start();
    CHECK_EQUAL(rig_control(&rig, 0xC1, 0x55, 0x1234, INTERFACE, 64, got),
                6); /* interface, endpoints, device */
    CHECK(e->setup.bRequest == 0x55 && e->setup.wValue == 0x1234);
    CHECK_EQUAL(rig_control(&rig, 0xC2, 0x55, 0, EP_IN, 4, got), 4);
    CHECK_EQUAL(rig_control(&rig, 0xC0, 0x55, 0, 9, 64, got), 6);
    CHECK_EQUAL(e->controls, 3);
    memcpy(got, "hello", 5);
    CHECK_EQUAL(rig_control(&rig, 0x40, 0x5B, 0, 0, 5, got), 5);
    CHECK_BYTES(e->message, "hello", 5);
    CHECK_EQUAL(rig_control(&rig, 0x41, 0x5B, 0, INTERFACE, 5, got), 5);
    CHECK_EQUAL(rig_control(&rig, 0x41, 0x5B, 0, INTERFACE, 0, NULL), 0);
    CHECK(e->outs == 2 && e->controls == 6);
    CHECK_EQUAL(rig_control(&rig, 0x21, 0x5B, 0, INTERFACE, 0, NULL), RIG_STALL); /* a class request */
    CHECK_EQUAL(rig_control(&rig, 0x20, 0x5B, 0, 0, 0, NULL), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0xC1, 0x55, 0, 0, 64, got), RIG_STALL);           /* NCM's interface */
    CHECK_EQUAL(rig_control(&rig, 0xC0, 1, 0, 7, 255, got), sizeof set_ncm_vendor); /* ours */
    e->refuse = true;
    CHECK_EQUAL(rig_control(&rig, 0xC0, 0x55, 0, 0, 64, got), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x40, 0x5B, 0, 0, 5, got), RIG_STALL);
    CHECK_EQUAL(e->controls, 6);
    CHECK_EQUAL(rig_control(&rig, 0x00, USB_SET_CONFIGURATION, 0, 0, 0, NULL), 0);
    e->refuse = false;
    CHECK_EQUAL(rig_control(&rig, 0xC0, 0x55, 0, 0, 64, got), RIG_STALL); /* not configured */
    CHECK_EQUAL(e->controls, 6);
}

TEST(vendor_two_of_them)
{
    begin(2);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    CHECK_EQUAL(rig_out(&rig, 0x03, "second", 6, true), 6);
    CHECK(ends[1].length == 6 && e->received == 0);
    e->refuse = true; /* the first that doesn't refuse has it */
    CHECK_EQUAL(rig_control(&rig, 0x40, 0x5B, 0, 0, 6, got), 6);
    CHECK(ends[1].controls == 1 && ends[1].outs == 1 && e->outs == 0);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0200, 0, 255, got), 94 + 2 * 23);
    CHECK(got[94 + 23 + 8] == 0 && got[94 + 23 + 2] == 3 && got[94 + 23 + 11] == 0x84);
    CHECK_EQUAL(rig_control(&rig, 0x80, USB_GET_DESCRIPTOR, 0x0305, 0x0409, 255, got), 8);
    check_well();
}

/* A product that only answers requests, or only sends. */
TEST(vendor_without_callbacks)
{
    static struct vendor vendor;
    static const struct vendor_config config = {.vendor = &vendor,
                                                .guid = "{11111111-2222-3333-4444-555555555555}"};
    struct usb_iov piece = {"x", 1};
    begin(0);
    rig.list[1] = vendor_init(&config);
    rig.config.function_count = 2;
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    CHECK_EQUAL(rig_control(&rig, 0xC1, 0x55, 0, INTERFACE, 64, got), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x41, 0x55, 0, INTERFACE, 4, got), RIG_STALL);
    CHECK_EQUAL(rig_out(&rig, EP_OUT, "x", 1, true), RIG_NAK);
    CHECK(vendor_send(&vendor, &piece, 1, false));
    CHECK_EQUAL(rig_in(&rig, EP_IN, got, 64), 1);
    CHECK(vendor_send(&vendor, &piece, 1, false));
    rig_bus_reset(&rig);
    CHECK(!vendor_sending(&vendor));
}

/* A product without `received` that lends a buffer all the same. */
TEST(vendor_without_received)
{
    static const struct vendor_config config = {.vendor = &ends[0].vendor,
                                                .guid = "{01234567-89ab-cdef-0123-456789ABCDEF}"};
    begin(1);
    rig.list[1] = vendor_init(&config);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    lend(e);
    CHECK_EQUAL(rig_out(&rig, EP_OUT, "abc", 3, true), 3);
    CHECK_EQUAL(e->vendor.stats.out_messages, 1);
    lend(e);
    CHECK(rig_good(&rig, 0));
}

TEST_MAIN()
