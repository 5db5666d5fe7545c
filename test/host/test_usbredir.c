/*
 * The usbredir server with fake devices and guests over socket pairs: messages by hand, what a guest is told, transfers,
 * resets, cancels, what breaks the protocol, and lives of connections. All times are virtual.
 *
 *   begin(devices) ─→ client() ─→ say, hear …  or  attach() ─→ packet ─→ reply
 *
 * Numbers of messages are from usbredir's protocol description 0.7.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>

#include "host/usbredir.h"
#include "host/usbredir_msg.h"
#include "test/host/served.h"
#include "wire/le.h"

#define CAPS_ALL  0x7Eu /* what the server offers */
#define EP_OUT    0x03  /* an interrupt OUT endpoint of a device that has one */
#define EP_ISO    0x84
#define REPLY_MAX (SERVER_TRANSFER_MAX + 64)
#define RESET_MS  75 /* a light reset, and some */
#define LATE_MS   (SERVER_REQUEST_MS_MAX + 20)

static uint32_t caps; /* of both sides */
static uint64_t last_id;

/* Alternate setting 1 gets an interrupt OUT and an isochronous IN endpoint. */
static void more_endpoints(struct fake *fake)
{
    static const uint8_t endpoints[] = {7, 5, EP_OUT, 3, 64, 0, 1, 7, 5, EP_ISO, 1, 64, 0, 1};
    uint8_t *alternate = fake->config + fake->config_length - 14 - 9;
    CHECK_BYTES(alternate, "\x09\x04\x01\x01\x02", 5);
    alternate[4] = 4;
    memcpy(fake->config + fake->config_length, endpoints, sizeof endpoints);
    fake->config_length += sizeof endpoints;
    fake->config[2] = (uint8_t)fake->config_length;
}

static void begin(unsigned devices)
{
    struct cable cables[SERVER_DEVICES_MAX];
    char error[256] = "";
    begin_fakes(devices, cables, more_endpoints);
    last_id = 1000;
    server =
        usbredir_new(&(struct server_config){.port = -1, .cables = cables, .count = devices, .log = on_log},
                     error, sizeof error);
    if (server == NULL)
        TEST_FAIL("%s", error);
    steps(UP_MS);
    for (unsigned i = 0; i < devices; i++)
        CHECK(server_available(server, i));
}

/* ---- A guest ---- */

static void message(int fd, uint32_t type, uint64_t id, const void *bytes, uint32_t length)
{
    uint8_t header[USBREDIR_HEADER_MAX];
    usbredir_header_put(header, caps, type, length, id);
    say(fd, header, usbredir_header_length(caps));
    if (length != 0)
        say(fd, bytes, length);
}

struct reply {
    uint32_t type, length;
    uint64_t id;
    struct usbredir_packet packet; /* if it is one … */
    const uint8_t *data;           /* … its data; else all behind the header */
    uint32_t data_length;
};

static const struct reply *reply(int fd)
{
    static struct reply r;
    static uint8_t bytes[REPLY_MAX];
    struct usbredir_header header;
    uint32_t own = 0;
    hear(fd, bytes, usbredir_header_length(caps));
    usbredir_header_read(&header, bytes, caps);
    CHECK(header.length <= sizeof bytes);
    hear(fd, bytes, header.length);
    r = (struct reply){.type = header.type, .length = header.length, .id = header.id};
    if (r.type >= USBREDIR_CONTROL_PACKET) {
        own = usbredir_packet_length(r.type, caps);
        CHECK(header.length >= own);
        usbredir_packet_read(&r.packet, r.type, bytes, caps);
    }
    r.data = bytes + own;
    r.data_length = header.length - own;
    return &r;
}

static const struct reply *reply_of(int fd, uint32_t type)
{
    const struct reply *r = reply(fd);
    if (r->type != type)
        TEST_FAIL("message %u instead of %u", r->type, type);
    return r;
}

static void hello_say(int fd, uint32_t capabilities)
{
    uint8_t bytes[USBREDIR_HELLO_LENGTH];
    usbredir_hello_put(bytes, "a test", capabilities);
    caps = 0;
    message(fd, USBREDIR_HELLO, 0, bytes, sizeof bytes);
    caps = capabilities & CAPS_ALL;
}

static void hello_hear(int fd)
{
    uint32_t later = caps;
    caps = 0;
    const struct reply *r = reply_of(fd, USBREDIR_HELLO);
    CHECK_EQUAL(r->length, USBREDIR_HELLO_LENGTH);
    CHECK_EQUAL(r->id, 0);
    CHECK_STRING((const char *)r->data, "plugnet virtual board");
    CHECK_EQUAL(load_le32(r->data + 64), CAPS_ALL);
    caps = later;
}

/* Endpoints and interfaces, of which `count` are told. */
static void info_hear(int fd, uint32_t count, bool data)
{
    const struct reply *r = reply_of(fd, USBREDIR_EP_INFO);
    bool sizes = (caps & USBREDIR_CAP_EP_INFO_MAX_PACKET_SIZE) != 0;
    CHECK_EQUAL(r->length, sizes ? 160u : 96u);
    CHECK_EQUAL(r->data[0], USB_ENDPOINT_CONTROL);
    CHECK_EQUAL(r->data[16], USB_ENDPOINT_CONTROL);
    CHECK_EQUAL(r->data[2], data ? USB_ENDPOINT_BULK : 255u);
    CHECK_EQUAL(r->data[16 + 2], data ? USB_ENDPOINT_BULK : 255u);
    CHECK_EQUAL(r->data[3], data ? USB_ENDPOINT_INTERRUPT : 255u);
    CHECK_EQUAL(r->data[16 + 4], data ? USB_ENDPOINT_ISOCHRONOUS : 255u);
    CHECK_EQUAL(r->data[16 + 1], count != 0 ? USB_ENDPOINT_INTERRUPT : 255u);
    if (count != 0)
        CHECK_EQUAL(r->data[32 + 16 + 1], 32); /* bInterval */
    if (data) {
        CHECK_EQUAL(r->data[64 + 2], 1); /* interface */
        CHECK(!sizes || load_le16(r->data + 96 + 2 * 2) == 64);
    }
    r = reply_of(fd, USBREDIR_INTERFACE_INFO);
    CHECK_EQUAL(r->length, 132);
    CHECK_EQUAL(load_le32(r->data), count);
    if (count != 0) {
        CHECK_EQUAL(count, INTERFACES);
        CHECK_BYTES(r->data + 4, "\0\1\0", 3);
        CHECK_BYTES(r->data + 36, "\x02\x0A\0", 3);
        CHECK_BYTES(r->data + 68, "\x0D\0\0", 3);
        CHECK_BYTES(r->data + 100, "\0\1\0", 3);
    }
}

static void connect_hear(int fd)
{
    info_hear(fd, INTERFACES, false);
    const struct reply *r = reply_of(fd, USBREDIR_DEVICE_CONNECT);
    CHECK_EQUAL(r->length, (caps & USBREDIR_CAP_CONNECT_DEVICE_VERSION) != 0 ? 10u : 8u);
    CHECK_BYTES(r->data, "\x01\xEF\x02\x01\x09\x12\x01\x00\x00\x01", r->length);
}

static int attach_with(unsigned index, uint32_t capabilities)
{
    int fd = client_of(index);
    hello_say(fd, capabilities);
    hello_hear(fd);
    connect_hear(fd);
    return fd;
}

static int attach(void)
{
    return attach_with(0, CAPS_ALL);
}

static uint64_t packet_say(int fd, uint32_t type, struct usbredir_packet packet, const void *data)
{
    uint8_t header[USBREDIR_HEADER_MAX], own[USBREDIR_PACKET_MAX];
    uint32_t own_length = usbredir_packet_length(type, caps);
    uint32_t length = data != NULL ? packet.length : 0;
    usbredir_header_put(header, caps, type, own_length + length, ++last_id);
    usbredir_packet_put(own, &packet, type, caps);
    say(fd, header, usbredir_header_length(caps));
    say(fd, own, own_length);
    say(fd, data, length);
    return last_id;
}

static uint64_t bulk_in_say(int fd, uint32_t length)
{
    return packet_say(fd, USBREDIR_BULK_PACKET,
                      (struct usbredir_packet){.endpoint = USB_DIR_IN | FAKE_EP_DATA, .length = length},
                      NULL);
}

static uint64_t bulk_out_say(int fd, const void *data, uint32_t length)
{
    return packet_say(fd, USBREDIR_BULK_PACKET,
                      (struct usbredir_packet){.endpoint = FAKE_EP_DATA, .length = length}, data);
}

static const struct reply *answer(int fd, uint64_t id)
{
    const struct reply *r = reply(fd);
    CHECK(r->type >= USBREDIR_CONTROL_PACKET);
    CHECK_EQUAL(r->id, id);
    return r;
}

static const struct reply *bulk_in(int fd, uint32_t length)
{
    return answer(fd, bulk_in_say(fd, length));
}

static const struct reply *bulk_out(int fd, const void *data, uint32_t length)
{
    return answer(fd, bulk_out_say(fd, data, length));
}

static const struct reply *request(int fd, struct usb_setup setup, const void *data)
{
    uint8_t endpoint = setup.bmRequestType & USB_DIR_IN;
    struct usbredir_packet packet = {.endpoint = endpoint, .setup = setup, .length = setup.wLength};
    const struct reply *r = answer(fd, packet_say(fd, USBREDIR_CONTROL_PACKET, packet, data));
    CHECK_EQUAL(r->packet.endpoint, endpoint);
    CHECK_EQUAL(r->packet.setup.bRequest, setup.bRequest);
    CHECK_EQUAL(r->packet.setup.wValue, setup.wValue);
    CHECK_EQUAL(r->packet.setup.wIndex, setup.wIndex);
    return r;
}

static void get_device(int fd)
{
    const struct reply *r =
        request(fd, (struct usb_setup){0x80, USB_GET_DESCRIPTOR, USB_DT_DEVICE << 8, 0, 18}, NULL);
    CHECK_EQUAL(r->packet.status, USBREDIR_SUCCESS);
    CHECK_EQUAL(r->packet.length, 18);
    CHECK_EQUAL(r->data_length, 18);
    CHECK_BYTES(r->data, fakes[0].device_descriptor, 18);
}

static uint8_t configuration_set(int fd, uint8_t value)
{
    message(fd, USBREDIR_SET_CONFIGURATION, ++last_id, &value, 1);
    if (fakes[0].stall_request != USB_SET_CONFIGURATION)
        info_hear(fd, value == 1 ? INTERFACES : 0, false);
    const struct reply *r = reply_of(fd, USBREDIR_CONFIGURATION_STATUS);
    CHECK_EQUAL(r->length, 2);
    CHECK_EQUAL(r->id, last_id);
    CHECK_EQUAL(r->data[1], value);
    return r->data[0];
}

static uint8_t alternate_set(int fd, uint8_t alternate)
{
    const uint8_t bytes[] = {1, alternate};
    message(fd, USBREDIR_SET_ALT_SETTING, ++last_id, bytes, 2);
    if (fakes[0].stall_request != USB_SET_INTERFACE)
        info_hear(fd, INTERFACES, alternate == 1);
    const struct reply *r = reply_of(fd, USBREDIR_ALT_SETTING_STATUS);
    CHECK_EQUAL(r->length, 3);
    CHECK_EQUAL(r->id, last_id);
    CHECK_BYTES(r->data + 1, bytes, 2);
    return r->data[0];
}

/* Alternate setting 1: bulk endpoints are open from now on. */
static int attach_data(void)
{
    begin(1);
    fakes[0].notify = false;
    int fd = attach();
    CHECK_EQUAL(alternate_set(fd, 1), USBREDIR_SUCCESS);
    return fd;
}

static void input_say(int fd, uint32_t type, uint8_t endpoint)
{
    message(fd, type, ++last_id, &endpoint, 1);
}

static void input_status(int fd, uint8_t status, uint8_t endpoint)
{
    const struct reply *r = reply_of(fd, USBREDIR_INTERRUPT_RECEIVING_STATUS);
    CHECK_EQUAL(r->length, 2);
    CHECK_EQUAL(r->data[0], status);
    CHECK_EQUAL(r->data[1], endpoint);
}

/* ---- Messages ---- */

TEST(usbredir_msg_headers)
{
    static const uint8_t wide[16] = {101, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, 8, 7, 6, 5, 4, 3, 2, 1};
    uint8_t bytes[16];
    struct usbredir_header h;
    CHECK_EQUAL(usbredir_header_length(0), 12);
    CHECK_EQUAL(usbredir_header_length(CAPS_ALL), 16);
    usbredir_header_read(&h, wide, CAPS_ALL);
    CHECK_EQUAL(h.type, USBREDIR_BULK_PACKET);
    CHECK_EQUAL(h.length, 0x12345678);
    CHECK(h.id == 0x0102030405060708);
    usbredir_header_read(&h, wide, 0);
    CHECK_EQUAL(h.id, 0x05060708);
    memset(bytes, 0xFF, sizeof bytes);
    usbredir_header_put(bytes, CAPS_ALL, 101, 0x12345678, 0x0102030405060708);
    CHECK_BYTES(bytes, wide, 16);
    memset(bytes, 0xFF, sizeof bytes);
    usbredir_header_put(bytes, 0, 101, 0x12345678, 0x0102030405060708);
    CHECK_BYTES(bytes, wide, 12);
    CHECK_EQUAL(bytes[12], 0xFF);
}

TEST(usbredir_msg_hello)
{
    uint8_t bytes[USBREDIR_HELLO_LENGTH];
    usbredir_hello_put(bytes, "abc", 0x80000012);
    CHECK_BYTES(bytes, "abc\0\0", 5);
    CHECK_EQUAL(usbredir_hello_read(bytes, 68), 0x80000012);
    CHECK_EQUAL(usbredir_hello_read(bytes, 64), 0); /* of the first version */
    usbredir_hello_put(bytes, "0123456789012345678901234567890123456789012345678901234567890123456789", 1);
    CHECK_EQUAL(bytes[63], 0);
    CHECK_EQUAL(bytes[62], '2');
}

TEST(usbredir_msg_packets)
{
    static const uint8_t control[10] = {0x80, 6, 0xA1, 4, 0x34, 0x12, 0x78, 0x56, 0xBC, 0x9A};
    static const uint8_t bulk[10] = {0x82, 3, 0x34, 0x12, 5, 6, 7, 8, 0x0F, 0};
    struct usbredir_packet p;
    uint8_t bytes[10];
    usbredir_packet_read(&p, USBREDIR_CONTROL_PACKET, control, 0);
    CHECK_EQUAL(p.endpoint, 0x80);
    CHECK_EQUAL(p.status, 4);
    CHECK_EQUAL(p.setup.bRequest, 6);
    CHECK_EQUAL(p.setup.bmRequestType, 0xA1);
    CHECK_EQUAL(p.setup.wValue, 0x1234);
    CHECK_EQUAL(p.setup.wIndex, 0x5678);
    CHECK_EQUAL(p.length, 0x9ABC);
    usbredir_packet_put(bytes, &p, USBREDIR_CONTROL_PACKET, 0);
    CHECK_BYTES(bytes, control, 10);
    CHECK_EQUAL(usbredir_packet_length(USBREDIR_BULK_PACKET, 0), 8);
    usbredir_packet_read(&p, USBREDIR_BULK_PACKET, bulk, 0);
    CHECK_EQUAL(p.length, 0x1234);
    CHECK_EQUAL(usbredir_packet_length(USBREDIR_BULK_PACKET, CAPS_ALL), 10);
    usbredir_packet_read(&p, USBREDIR_BULK_PACKET, bulk, CAPS_ALL);
    CHECK_EQUAL(p.length, 0xF1234);
    CHECK_EQUAL(p.stream_id, 0x08070605);
    CHECK_EQUAL(p.status, 3);
    usbredir_packet_put(bytes, &p, USBREDIR_BULK_PACKET, CAPS_ALL);
    CHECK_BYTES(bytes, bulk, 10);
    CHECK_EQUAL(usbredir_packet_length(USBREDIR_INTERRUPT_PACKET, CAPS_ALL), 4);
    CHECK_EQUAL(usbredir_endpoint_index(0x81), 17);
    CHECK_EQUAL(usbredir_endpoint_index(0x0F), 15);
}

TEST(usbredir_msg_what_a_guest_sends)
{
    static const int wanted[] = {64, -1, -1, 0, -1, -1, 1,  0,  -1, 2, 1, -1, 3,
                                 1,  -1, 1,  1, -1, -1, -1, -1, 0,  0, 0, 0,  -1};
    uint32_t length;
    for (uint32_t type = 0; type < sizeof wanted / sizeof wanted[0]; type++) {
        bool sends = usbredir_guest_sends(type, CAPS_ALL, &length);
        if ((sends ? (int)length : -1) != wanted[type])
            TEST_FAIL("type %u: %d instead of %d", type, sends ? (int)length : -1, wanted[type]);
    }
    CHECK(!usbredir_guest_sends(USBREDIR_DEVICE_DISCONNECT_ACK, 0, &length));
    CHECK(usbredir_guest_sends(USBREDIR_BULK_PACKET, 0, &length) && length == 8);
    CHECK(!usbredir_guest_sends(104, CAPS_ALL, &length)); /* buffered bulk */
    CHECK(!usbredir_guest_sends(UINT32_MAX, CAPS_ALL, &length));
}

/* ---- What a guest is told ---- */

TEST(usbredir_connect_with_every_set_of_capabilities)
{
    for (uint32_t capabilities = 0; capabilities < 0x100; capabilities++) {
        if (capabilities % 32 == 0)
            begin(1);
        int fd = attach_with(0, capabilities);
        get_device(fd);
        if (capabilities % 32 == 31)
            CHECK_EQUAL(alternate_set(fd, 1), USBREDIR_SUCCESS);
        hang_up(fd);
        back_again();
    }
    CHECK_EQUAL(stats()->malformed, 0);
    CHECK_EQUAL(stats()->given, 32);
}

TEST(usbredir_hello_of_other_lengths)
{
    uint8_t bytes[USBREDIR_HELLO_MAX + 4] = "long";
    static const uint32_t lengths[] = {64, 65, 67, 68, 72, 128};
    begin(1);
    store_le32(bytes + 64, CAPS_ALL);
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int fd = client();
        caps = 0;
        message(fd, USBREDIR_HELLO, 0, bytes, lengths[i]);
        caps = lengths[i] >= 68 ? CAPS_ALL : 0;
        hello_hear(fd);
        connect_hear(fd);
        get_device(fd);
        hang_up(fd);
        back_again();
    }
    CHECK_EQUAL(stats()->malformed, 0);
}

TEST(usbredir_waits_for_its_device)
{
    begin(1);
    hang_up(attach());
    steps(2);
    CHECK(!fakes[0].vbus);
    int fd = client();
    hello_say(fd, CAPS_ALL);
    hello_hear(fd);
    steps(SERVER_UNPLUGGED_MS);
    CHECK(quiet(fd));
    connect_hear(fd);
    get_device(fd);
    hang_up(fd);
    fakes[0].pull_up = false; /* a board that doesn't come up may do so any time later */
    fd = client();
    hello_say(fd, CAPS_ALL);
    hello_hear(fd);
    steps(2 * LATE_MS);
    CHECK(quiet(fd));
    fakes[0].pull_up = true;
    connect_hear(fd);
    CHECK_EQUAL(stats()->timeouts + stats()->malformed, 0);
}

TEST(usbredir_configurations_and_alternate_settings)
{
    begin(1);
    fakes[0].notify = false;
    int fd = attach();
    message(fd, USBREDIR_GET_CONFIGURATION, 7, NULL, 0);
    const struct reply *r = reply_of(fd, USBREDIR_CONFIGURATION_STATUS);
    CHECK_EQUAL(r->id, 7);
    CHECK_BYTES(r->data, "\0\1", 2);
    CHECK_EQUAL(configuration_set(fd, 0), USBREDIR_SUCCESS);
    CHECK_EQUAL(fakes[0].configuration, 0);
    CHECK_EQUAL(configuration_set(fd, 1), USBREDIR_SUCCESS);
    CHECK_EQUAL(alternate_set(fd, 1), USBREDIR_SUCCESS);
    message(fd, USBREDIR_GET_ALT_SETTING, 8, "\1", 1);
    r = reply_of(fd, USBREDIR_ALT_SETTING_STATUS);
    CHECK_EQUAL(r->id, 8);
    CHECK_BYTES(r->data, "\0\1\1", 3);
    CHECK_EQUAL(configuration_set(fd, 1), USBREDIR_SUCCESS); /* alternate setting 0 again */
    fakes[0].stall_request = USB_SET_CONFIGURATION;
    CHECK_EQUAL(configuration_set(fd, 9), USBREDIR_STALL);
    fakes[0].stall_request = USB_SET_INTERFACE;
    CHECK_EQUAL(alternate_set(fd, 1), USBREDIR_STALL);
    fakes[0].stall_request = USB_GET_INTERFACE;
    message(fd, USBREDIR_GET_ALT_SETTING, 9, "\5", 1);
    CHECK_BYTES(reply_of(fd, USBREDIR_ALT_SETTING_STATUS)->data, "\4\5", 2);
    get_device(fd);
}

TEST(usbredir_nothing_overtakes_a_configuration)
{
    int fd = attach_data();
    const uint8_t one = 1;
    fake_in(&fakes[0], FAKE_EP_DATA, "abc", 3);
    message(fd, USBREDIR_SET_CONFIGURATION, ++last_id, &one, 1);
    uint64_t set = last_id, id = bulk_in_say(fd, 64);
    info_hear(fd, INTERFACES, false);
    CHECK_EQUAL(reply_of(fd, USBREDIR_CONFIGURATION_STATUS)->id, set);
    CHECK_EQUAL(answer(fd, id)->packet.length, 3);
}

TEST(usbredir_configuration_drops_what_is_under_way)
{
    int fd = attach_data();
    uint64_t in = bulk_in_say(fd, 512);
    input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
    input_status(fd, USBREDIR_SUCCESS, 0x81);
    steps(5);
    message(fd, USBREDIR_SET_ALT_SETTING, ++last_id, "\1\1", 2);
    const struct reply *r = answer(fd, in);
    CHECK_EQUAL(r->packet.status, USBREDIR_CANCELLED);
    info_hear(fd, INTERFACES, true);
    CHECK_EQUAL(reply_of(fd, USBREDIR_ALT_SETTING_STATUS)->data[0], USBREDIR_SUCCESS);
    fake_in(&fakes[0], FAKE_EP_NOTIFY, "12345678", 8); /* the other interface's endpoint goes on */
    r = reply_of(fd, USBREDIR_INTERRUPT_PACKET);
    CHECK_BYTES(r->data, "12345678", 8);
    CHECK_EQUAL(configuration_set(fd, 1), USBREDIR_SUCCESS);
    fakes[0].ep[FAKE_EP_NOTIFY].in_data1 = false;
    fake_in(&fakes[0], FAKE_EP_NOTIFY, "12345678", 8);
    steps(100);
    CHECK(quiet(fd));
}

/* QEMU 7.2 asserts that answers of an endpoint come in its order, also of what is dropped. */
TEST(usbredir_dropped_packets_are_answered_in_order)
{
    static const uint32_t types[] = {USBREDIR_SET_ALT_SETTING, USBREDIR_SET_CONFIGURATION, USBREDIR_RESET};
    for (unsigned i = 0; i < 3; i++) {
        int fd = attach_data();
        uint64_t first = bulk_in_say(fd, 64);
        for (unsigned n = 1; n < 5; n++)
            bulk_in_say(fd, 64);
        steps(2);
        message(fd, types[i], 1, "\1\1", i == 0 ? 2 : i == 1 ? 1 : 0);
        for (unsigned n = 0; n < 5; n++)
            CHECK_EQUAL(answer(fd, first + n)->packet.status, USBREDIR_CANCELLED);
    }
}

/* ---- Transfers ---- */

TEST(usbredir_control)
{
    begin(1);
    int fd = attach();
    get_device(fd);
    const struct reply *r =
        request(fd, (struct usb_setup){0x80, USB_GET_DESCRIPTOR, USB_DT_CONFIGURATION << 8, 0, 255}, NULL);
    CHECK_EQUAL(r->packet.length, fakes[0].config_length);
    CHECK_BYTES(r->data, fakes[0].config, fakes[0].config_length);
    r = request(fd, (struct usb_setup){0x21, 0x40, 7, 0, 100}, fakes[0].config);
    CHECK_EQUAL(r->packet.status, USBREDIR_SUCCESS);
    CHECK_EQUAL(r->packet.length, 100);
    CHECK_EQUAL(r->data_length, 0);
    CHECK(fake_logged(&fakes[0], "setup 21 40 0007 0000 100") >= 0);
    CHECK_EQUAL(request(fd, (struct usb_setup){0x21, 0x43, 1, 0, 0}, NULL)->packet.status, USBREDIR_SUCCESS);
    fakes[0].stall_request = 0x43;
    CHECK_EQUAL(request(fd, (struct usb_setup){0x21, 0x43, 1, 0, 0}, NULL)->packet.status, USBREDIR_STALL);
    CHECK_EQUAL(request(fd, (struct usb_setup){0x21, 0x43, 1, 0, 4}, "1234")->packet.status, USBREDIR_STALL);
    get_device(fd);
    unsigned requests = fakes[0].log_count;
    r = request(fd, (struct usb_setup){0, USB_SET_ADDRESS, 77, 0, 0}, NULL);
    CHECK_EQUAL(r->packet.status, USBREDIR_SUCCESS);
    CHECK_EQUAL(fakes[0].log_count, requests);
    CHECK(fakes[0].address != 77);
    get_device(fd);
}

TEST(usbredir_control_that_contradicts_itself)
{
    static const struct usbredir_packet wrong[] = {
        {.endpoint = 0x81, .setup = {0x80, 6, 0x100, 0, 0}, .length = 18},
        {.endpoint = 0x80, .setup = {0x00, 9, 0, 0, 0}, .length = 18},
    };
    begin(1);
    int fd = attach();
    unsigned requests = fakes[0].log_count;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_EQUAL(answer(fd, packet_say(fd, USBREDIR_CONTROL_PACKET, wrong[i], NULL))->packet.status,
                    USBREDIR_INVAL);
    const struct usbredir_packet out = {.endpoint = 1, .setup = {0x80, 6, 0x100, 0, 0}, .length = 4};
    CHECK_EQUAL(answer(fd, packet_say(fd, USBREDIR_CONTROL_PACKET, out, "1234"))->packet.status,
                USBREDIR_INVAL);
    CHECK_EQUAL(fakes[0].log_count, requests); /* the device was not asked */
    get_device(fd);
}

/* A guest that asks by the requests themselves is followed, too. */
TEST(usbredir_settings_by_control_requests)
{
    begin(1);
    fakes[0].notify = false;
    int fd = attach();
    CHECK_EQUAL(request(fd, (struct usb_setup){1, USB_SET_INTERFACE, 1, 1, 0}, NULL)->packet.status, 0);
    CHECK_EQUAL(bulk_out(fd, "abc", 3)->packet.status, USBREDIR_SUCCESS);
    CHECK_EQUAL(request(fd, (struct usb_setup){1, USB_SET_INTERFACE, 1, 1, 0}, NULL)->packet.status, 0);
    CHECK_EQUAL(bulk_out(fd, "abc", 3)->packet.status, USBREDIR_SUCCESS);
    CHECK_EQUAL(fakes[0].ep[FAKE_EP_DATA].repeats_out, 0);
    CHECK_EQUAL(alternate_set(fd, 1), USBREDIR_SUCCESS);
}

TEST(usbredir_bulk_out)
{
    static uint8_t data[100000];
    int fd = attach_data();
    struct fake_ep *ep = &fakes[0].ep[FAKE_EP_DATA];
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + i / 256);
    for (unsigned i = 0; i < 3; i++) { /* 5 packets each: the toggle goes on between transfers */
        const struct reply *r = bulk_out(fd, data, 300);
        CHECK_EQUAL(r->packet.status, USBREDIR_SUCCESS);
        CHECK_EQUAL(r->packet.length, 300);
        CHECK_EQUAL(r->data_length, 0);
    }
    CHECK_EQUAL(ep->packets_out, 15);
    CHECK_EQUAL(ep->repeats_out, 0);
    CHECK_EQUAL(bulk_out(fd, data, 128)->packet.length, 128); /* no empty packet … */
    CHECK_EQUAL(ep->packets_out, 17);
    CHECK_EQUAL(bulk_out(fd, "", 0)->packet.status, USBREDIR_SUCCESS); /* … but by itself */
    CHECK_EQUAL(ep->packets_out, 18);
    const struct reply *r = bulk_out(fd, data, sizeof data); /* beyond 16 bits */
    CHECK_EQUAL(r->packet.length, sizeof data);
    CHECK_BYTES(ep->out + ep->out_length - sizeof data, data, sizeof data);
    CHECK_EQUAL(answer(fd, packet_say(fd, USBREDIR_INTERRUPT_PACKET,
                                      (struct usbredir_packet){.endpoint = EP_OUT, .length = 3}, "abc"))
                    ->packet.status,
                USBREDIR_IOERROR); /* silent */
    fakes[0].ep[EP_OUT].open = true;
    r = answer(fd, packet_say(fd, USBREDIR_INTERRUPT_PACKET,
                              (struct usbredir_packet){.endpoint = EP_OUT, .length = 3}, "abc"));
    CHECK_EQUAL(r->packet.status, USBREDIR_SUCCESS);
    CHECK_EQUAL(r->packet.length, 3);
    CHECK_BYTES(fakes[0].ep[EP_OUT].out, "abc", 3);
}

TEST(usbredir_bulk_in_short_and_babble)
{
    static uint8_t data[70000];
    int fd = attach_data();
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 5 + i / 256);
    fake_in(&fakes[0], FAKE_EP_DATA, data, 512);
    fake_in(&fakes[0], FAKE_EP_DATA, data, 65);
    fake_in(&fakes[0], FAKE_EP_DATA, data, sizeof data);
    const struct reply *r = bulk_in(fd, 512);
    CHECK_EQUAL(r->packet.status, USBREDIR_SUCCESS);
    CHECK_EQUAL(r->packet.length, 512);
    CHECK_BYTES(r->data, data, 512);
    r = bulk_in(fd, 512);
    CHECK_EQUAL(r->packet.length, 65);
    CHECK_EQUAL(r->data_length, 65);
    r = bulk_in(fd, 1 << 17);
    CHECK_EQUAL(r->packet.length, sizeof data);
    CHECK_BYTES(r->data, data, sizeof data);
    fake_in(&fakes[0], FAKE_EP_DATA, data, 30);
    r = bulk_in(fd, 10);
    CHECK_EQUAL(r->packet.status, USBREDIR_BABBLE);
    CHECK_EQUAL(r->packet.length, 10);
    CHECK_BYTES(r->data, data, 10);
}

TEST(usbredir_interrupt_receiving)
{
    begin(1);
    int fd = attach();
    input_say(fd, USBREDIR_STOP_INTERRUPT_RECEIVING, 0x81); /* it isn't on */
    input_status(fd, USBREDIR_SUCCESS, 0x81);
    for (unsigned round = 0; round < 3; round++) {
        input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
        input_status(fd, USBREDIR_SUCCESS, 0x81);
        input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81); /* again: nothing changes */
        input_status(fd, USBREDIR_SUCCESS, 0x81);
        for (uint64_t i = 0; i < 3; i++) {
            fake_in(&fakes[0], FAKE_EP_NOTIFY, "0123456789abcdef", 8 + i);
            uint64_t before = server_time_ns(server);
            const struct reply *r = reply_of(fd, USBREDIR_INTERRUPT_PACKET);
            CHECK_EQUAL(r->id, i);
            CHECK_EQUAL(r->packet.endpoint, 0x81);
            CHECK_EQUAL(r->packet.status, USBREDIR_SUCCESS);
            CHECK_EQUAL(r->packet.length, 8 + i);
            CHECK_BYTES(r->data, "0123456789abcdef", 8 + i);
            CHECK((server_time_ns(server) - before) / 1000000 <= 34); /* bInterval 32 */
        }
        input_say(fd, USBREDIR_STOP_INTERRUPT_RECEIVING, 0x81);
        input_status(fd, USBREDIR_SUCCESS, 0x81);
        fakes[0].ep[FAKE_EP_NOTIFY].in_first = fakes[0].ep[FAKE_EP_NOTIFY].in_count;
        steps(70);
        CHECK(quiet(fd));
    }
    static const uint8_t no_input[] = {0x80, 0x00, 0x01, 0x82, 0x02, EP_OUT, EP_ISO, 0x8F, 0xF1, 0x71};
    for (unsigned i = 0; i < sizeof no_input; i++) {
        input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, no_input[i]);
        input_status(fd, USBREDIR_INVAL, no_input[i]);
        input_say(fd, USBREDIR_STOP_INTERRUPT_RECEIVING, no_input[i]);
        input_status(fd, USBREDIR_SUCCESS, no_input[i]);
    }
}

TEST(usbredir_interrupt_endpoint_that_stalls)
{
    begin(1);
    int fd = attach();
    struct fake_ep *ep = &fakes[0].ep[FAKE_EP_NOTIFY];
    input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
    input_status(fd, USBREDIR_SUCCESS, 0x81);
    fake_in(&fakes[0], FAKE_EP_NOTIFY, "one", 3);
    CHECK_EQUAL(reply_of(fd, USBREDIR_INTERRUPT_PACKET)->id, 0);
    ep->in_answer = CABLE_STALL;
    input_status(fd, USBREDIR_STALL, 0x81);
    steps(70);
    CHECK(quiet(fd));
    CHECK_EQUAL(request(fd, (struct usb_setup){2, USB_CLEAR_FEATURE, 0, 0x81, 0}, NULL)->packet.status, 0);
    input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
    input_status(fd, USBREDIR_SUCCESS, 0x81);
    fake_in(&fakes[0], FAKE_EP_NOTIFY, "two", 3);
    const struct reply *r = reply_of(fd, USBREDIR_INTERRUPT_PACKET);
    CHECK_EQUAL(r->id, 0);
    CHECK_BYTES(r->data, "two", 3);
    ep->packet_size = 16;
    fake_in(&fakes[0], FAKE_EP_NOTIFY, "more than sixteen bytes", 23); /* packet by packet */
    CHECK_EQUAL(reply_of(fd, USBREDIR_INTERRUPT_PACKET)->packet.length, 16);
}

TEST(usbredir_isochronous_streams_are_refused)
{
    begin(1);
    int fd = attach();
    message(fd, USBREDIR_START_ISO_STREAM, 5, "\x84\x08\x04", 3);
    const struct reply *r = reply_of(fd, USBREDIR_ISO_STREAM_STATUS);
    CHECK_EQUAL(r->id, 5);
    CHECK_BYTES(r->data, "\x04\x84", 2);
    message(fd, USBREDIR_ISO_PACKET, 0, "\x03\0\x04\0data", 8);
    message(fd, USBREDIR_STOP_ISO_STREAM, 6, "\x84", 1);
    CHECK_BYTES(reply_of(fd, USBREDIR_ISO_STREAM_STATUS)->data, "\x00\x84", 2);
    get_device(fd);
}

TEST(usbredir_halts)
{
    int fd = attach_data();
    struct fake_ep *ep = &fakes[0].ep[FAKE_EP_DATA];
    bulk_out(fd, "0123456789", 10); /* the toggle is 1 now */
    ep->out_answer = CABLE_STALL;
    CHECK_EQUAL(bulk_out(fd, "x", 1)->packet.status, USBREDIR_STALL);
    ep->out_answer = CABLE_ACK;
    CHECK_EQUAL(bulk_out(fd, "x", 1)->packet.status, USBREDIR_STALL); /* until it is cleared */
    CHECK_EQUAL(ep->packets_out, 1);
    CHECK_EQUAL(
        request(fd, (struct usb_setup){2, USB_CLEAR_FEATURE, 0, FAKE_EP_DATA, 0}, NULL)->packet.status, 0);
    CHECK_EQUAL(bulk_out(fd, "y", 1)->packet.status, USBREDIR_SUCCESS);
    CHECK_EQUAL(ep->repeats_out, 0);
    ep->in_answer = CABLE_STALL;
    CHECK_EQUAL(bulk_in(fd, 64)->packet.status, USBREDIR_STALL);
    fake_in(&fakes[0], FAKE_EP_DATA, "abc", 3);
    CHECK_EQUAL(request(fd, (struct usb_setup){2, USB_CLEAR_FEATURE, 0, 0x82, 0}, NULL)->packet.status, 0);
    CHECK_EQUAL(bulk_in(fd, 64)->packet.length, 3);
}

TEST(usbredir_packets_for_no_such_endpoint)
{
    static const uint8_t none[] = {0x00, 0x80, 0x01, 0x81, 0x83, EP_OUT, EP_ISO, 0x0F, 0x8F, 0x72, 0xF2};
    int fd = attach_data();
    for (unsigned i = 0; i < sizeof none; i++) {
        struct usbredir_packet packet = {.endpoint = none[i], .length = 3};
        const void *data = (none[i] & 0x80) != 0 ? NULL : "abc";
        CHECK_EQUAL(answer(fd, packet_say(fd, USBREDIR_BULK_PACKET, packet, data))->packet.status,
                    USBREDIR_INVAL);
    }
    struct usbredir_packet packet = {.endpoint = 0x81,
                                     .length = 16}; /* an input has no transfers of a guest's */
    CHECK_EQUAL(answer(fd, packet_say(fd, USBREDIR_INTERRUPT_PACKET, packet, NULL))->packet.status,
                USBREDIR_INVAL);
    packet = (struct usbredir_packet){.endpoint = 0x82, .length = 16, .stream_id = 1};
    CHECK_EQUAL(answer(fd, packet_say(fd, USBREDIR_BULK_PACKET, packet, NULL))->packet.status,
                USBREDIR_INVAL);
    get_device(fd);
    CHECK_EQUAL(stats()->malformed, 0);
}

/* ---- Cancels ---- */

TEST(usbredir_cancel_pending_twice_and_unknown)
{
    int fd = attach_data();
    uint64_t one = bulk_in_say(fd, 512), two = bulk_in_say(fd, 512);
    steps(5);
    message(fd, USBREDIR_CANCEL_DATA_PACKET, one, NULL, 0);
    const struct reply *r = answer(fd, one);
    CHECK_EQUAL(r->packet.status, USBREDIR_CANCELLED);
    CHECK_EQUAL(r->packet.length, 0);
    message(fd, USBREDIR_CANCEL_DATA_PACKET, one, NULL, 0);
    message(fd, USBREDIR_CANCEL_DATA_PACKET, 0x777777777777, NULL, 0);
    steps(5);
    CHECK(quiet(fd)); /* each is answered once */
    fake_in(&fakes[0], FAKE_EP_DATA, "abc", 3);
    CHECK_EQUAL(answer(fd, two)->packet.length, 3);
    last_id = one - 1; /* an id is free again */
    fake_in(&fakes[0], FAKE_EP_DATA, "abcd", 4);
    CHECK_EQUAL(bulk_in(fd, 512)->packet.length, 4);
    CHECK_EQUAL(stats()->cancels, 3);
}

TEST(usbredir_cancel_in_the_middle_keeps_the_toggle)
{
    static uint8_t data[512];
    int fd = attach_data();
    struct fake_ep *ep = &fakes[0].ep[FAKE_EP_DATA];
    memset(data, 5, sizeof data);
    fake_in(&fakes[0], FAKE_EP_DATA, data, 64 * 3); /* full packets: the transfer waits for more */
    uint64_t id = bulk_in_say(fd, 512);
    steps(3);
    CHECK_EQUAL(ep->packets_in, 3);
    message(fd, USBREDIR_CANCEL_DATA_PACKET, id, NULL, 0);
    const struct reply *r = answer(fd, id);
    CHECK_EQUAL(r->packet.status, USBREDIR_CANCELLED);
    CHECK_EQUAL(r->packet.length, 64 * 3); /* what has come isn't lost */
    CHECK_BYTES(r->data, data, 64 * 3);
    fake_in(&fakes[0], FAKE_EP_DATA, "next", 4);
    CHECK_EQUAL(bulk_in(fd, 512)->packet.length, 4);
    ep->out_answer = CABLE_NAK;
    id = bulk_out_say(fd, "lost", 4);
    steps(3);
    message(fd, USBREDIR_CANCEL_DATA_PACKET, id, NULL, 0);
    CHECK_EQUAL(answer(fd, id)->packet.status, USBREDIR_CANCELLED);
    ep->out_answer = CABLE_ACK;
    CHECK_EQUAL(bulk_out(fd, "kept", 4)->packet.status, USBREDIR_SUCCESS);
    CHECK_BYTES(ep->out, "kept", 4);
    CHECK_EQUAL(ep->out_length, 4);
}

/* Receiving is none of the guest's transfers, whatever id it names. */
TEST(usbredir_cancel_leaves_inputs_alone)
{
    begin(1);
    int fd = attach();
    input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
    input_status(fd, USBREDIR_SUCCESS, 0x81);
    steps(2);
    message(fd, USBREDIR_CANCEL_DATA_PACKET, 0, NULL, 0);
    message(fd, USBREDIR_CANCEL_DATA_PACKET, UINT64_MAX, NULL, 0);
    input_say(fd, USBREDIR_STOP_INTERRUPT_RECEIVING, 0x01);
    input_status(fd, USBREDIR_SUCCESS, 0x01);
    fake_in(&fakes[0], FAKE_EP_NOTIFY, "still", 5);
    CHECK_EQUAL(reply_of(fd, USBREDIR_INTERRUPT_PACKET)->packet.length, 5);
}

/* ---- Resets ---- */

TEST(usbredir_reset_is_se0_and_an_address)
{
    int fd = attach_data();
    unsigned from = fakes[0].log_count, before = fakes[0].resets;
    message(fd, USBREDIR_RESET, 0, NULL, 0);
    uint64_t start = server_time_ns(server);
    get_device(fd); /* asked for at once, answered behind the reset */
    CHECK((server_time_ns(server) - start) / 1000000 >= 70);
    CHECK((server_time_ns(server) - start) / 1000000 <= RESET_MS);
    CHECK_EQUAL(fakes[0].resets, before + 1);
    CHECK_EQUAL(fakes[0].log_count, from + 4);
    CHECK(strstr(fakes[0].log[from], "reset 1") != NULL);
    CHECK(strstr(fakes[0].log[from + 1], "reset 0") != NULL);
    CHECK(strstr(fakes[0].log[from + 2], "setup 00 05 0002 0000 0") != NULL);
    CHECK(strstr(fakes[0].log[from + 3], "setup 80 06 0100") != NULL);
    CHECK_EQUAL(fakes[0].configuration, 0); /* the guest's business */
    message(fd, USBREDIR_GET_CONFIGURATION, 3, NULL, 0);
    CHECK_BYTES(reply_of(fd, USBREDIR_CONFIGURATION_STATUS)->data, "\0\0", 2);
    CHECK_EQUAL(configuration_set(fd, 1), USBREDIR_SUCCESS);
    CHECK_EQUAL(alternate_set(fd, 1), USBREDIR_SUCCESS);
    CHECK_EQUAL(bulk_out(fd, "abc", 3)->packet.status, USBREDIR_SUCCESS);
    CHECK_EQUAL(fakes[0].ep[FAKE_EP_DATA].repeats_out, 0);
    CHECK_EQUAL(stats()->resets, 1);
}

TEST(usbredir_reset_ends_what_is_under_way)
{
    int fd = attach_data();
    uint64_t in = bulk_in_say(fd, 512);
    input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
    input_status(fd, USBREDIR_SUCCESS, 0x81);
    steps(5);
    message(fd, USBREDIR_RESET, 0, NULL, 0);
    message(fd, USBREDIR_CANCEL_DATA_PACKET, in, NULL, 0); /* crosses its answer */
    CHECK_EQUAL(answer(fd, in)->packet.status, USBREDIR_CANCELLED);
    steps(RESET_MS);
    CHECK(quiet(fd));
    CHECK_EQUAL(configuration_set(fd, 1), USBREDIR_SUCCESS);
    fake_in(&fakes[0], FAKE_EP_NOTIFY, "12345678", 8);
    steps(100);
    CHECK(quiet(fd)); /* receiving is off until it is asked for */
    input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
    input_status(fd, USBREDIR_SUCCESS, 0x81);
    CHECK_EQUAL(reply_of(fd, USBREDIR_INTERRUPT_PACKET)->id, 0);
}

TEST(usbredir_two_hundred_resets)
{
    int fd = attach_data();
    size_t before = __sanitizer_get_current_allocated_bytes();
    for (unsigned i = 0; i < 200; i++) {
        fakes[0].log_count = 0;
        if (i % 2 != 0)
            bulk_in_say(fd, 64);
        for (unsigned n = 0; n <= i % 3; n++)
            message(fd, USBREDIR_RESET, 0, NULL, 0);
        if (i % 2 != 0)
            CHECK_EQUAL(reply(fd)->packet.status, USBREDIR_CANCELLED);
        CHECK_EQUAL(configuration_set(fd, 1), USBREDIR_SUCCESS);
        CHECK_EQUAL(alternate_set(fd, 1), USBREDIR_SUCCESS);
        CHECK_EQUAL(bulk_out(fd, "abc", 3)->packet.status, USBREDIR_SUCCESS);
    }
    CHECK_EQUAL(fakes[0].ep[FAKE_EP_DATA].repeats_out, 0);
    CHECK_EQUAL(__sanitizer_get_current_allocated_bytes(), before);
    CHECK_EQUAL(stats()->given, 1);
}

/* It leaves the bus in a reset, and comes back as a new one. */
TEST(usbredir_reset_that_loses_the_device)
{
    int fd = attach_data();
    message(fd, USBREDIR_RESET, 0, NULL, 0);
    steps(10);
    fakes[0].pull_up = false;
    reply_of(fd, USBREDIR_DEVICE_DISCONNECT);
    message(fd, USBREDIR_DEVICE_DISCONNECT_ACK, 0, NULL, 0);
    steps(500);
    CHECK(quiet(fd));
    fakes[0].pull_up = true;
    connect_hear(fd);
    message(fd, USBREDIR_RESET, 0, NULL, 0);
    fakes[0].silent_setups = 3; /* it doesn't take its address */
    reply_of(fd, USBREDIR_DEVICE_DISCONNECT);
    message(fd, USBREDIR_DEVICE_DISCONNECT_ACK, 0, NULL, 0);
    connect_hear(fd);
    get_device(fd);
    CHECK_EQUAL(stats()->given, 3);
}

TEST(usbredir_guest_that_goes_in_a_reset)
{
    for (unsigned ms = 0; ms < RESET_MS; ms += 3) {
        int fd = attach_data();
        message(fd, USBREDIR_RESET, 0, NULL, 0);
        steps(ms);
        hang_up(fd);
        steps(RESET_MS);
        back_again();
        get_device(attach());
    }
}

/* ---- The device's own life ---- */

TEST(usbredir_device_goes_away_and_comes_back)
{
    int fd = attach_data();
    uint64_t in = bulk_in_say(fd, 512);
    input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
    input_status(fd, USBREDIR_SUCCESS, 0x81);
    steps(2);
    fakes[0].pull_up = false;
    CHECK_EQUAL(answer(fd, in)->packet.status, USBREDIR_CANCELLED);
    const struct reply *r = reply_of(fd, USBREDIR_DEVICE_DISCONNECT);
    CHECK_EQUAL(r->length + r->id, 0);
    uint64_t late = bulk_in_say(fd, 64); /* the guest hasn't seen it yet */
    CHECK_EQUAL(answer(fd, late)->packet.status, USBREDIR_IOERROR);
    const uint8_t one = 1;
    message(fd, USBREDIR_SET_CONFIGURATION, 4, &one, 1);
    CHECK_EQUAL(reply_of(fd, USBREDIR_CONFIGURATION_STATUS)->data[0], USBREDIR_IOERROR);
    message(fd, USBREDIR_RESET, 0, NULL, 0);
    fakes[0].pull_up = true;
    steps(UP_MS + 100);
    CHECK(quiet(fd)); /* not before the guest says that it has seen it */
    message(fd, USBREDIR_DEVICE_DISCONNECT_ACK, 0, NULL, 0);
    connect_hear(fd);
    get_device(fd);
    CHECK(strstr(said, "board 1 has gone away from its guest") != NULL);
    hang_up(fd);
    back_again();
    fd = attach_with(0, CAPS_ALL & ~USBREDIR_CAP_DEVICE_DISCONNECT_ACK); /* a guest that never says so */
    fakes[0].pull_up = false;
    reply_of(fd, USBREDIR_DEVICE_DISCONNECT);
    fakes[0].pull_up = true;
    connect_hear(fd);
    get_device(fd);
    fakes[0].pull_up = false;
    CHECK_EQUAL(stats()->malformed, 0);
}

TEST(usbredir_device_goes_in_the_middle_of_a_message)
{
    uint8_t bytes[64];
    int fd = attach_data();
    usbredir_header_put(bytes, caps, USBREDIR_BULK_PACKET, 10 + 8, 1);
    usbredir_packet_put(bytes + 16, &(struct usbredir_packet){.endpoint = FAKE_EP_DATA, .length = 8},
                        USBREDIR_BULK_PACKET, caps);
    for (unsigned cut = 1; cut < 34; cut++) {
        say(fd, bytes, cut);
        steps(2);
        fakes[0].pull_up = false;
        reply_of(fd, USBREDIR_DEVICE_DISCONNECT);
        say(fd, bytes + cut, 34 - cut);
        uint8_t status = answer(fd, 1)->packet.status;
        CHECK(status == USBREDIR_IOERROR || status == USBREDIR_CANCELLED);
        message(fd, USBREDIR_DEVICE_DISCONNECT_ACK, 0, NULL, 0);
        fakes[0].pull_up = true;
        connect_hear(fd);
    }
    CHECK_EQUAL(fakes[0].ep[FAKE_EP_DATA].packets_out, 0);
    get_device(fd);
}

TEST(usbredir_guest_that_never_acknowledges)
{
    begin(1);
    int fd = attach();
    fakes[0].pull_up = false;
    reply_of(fd, USBREDIR_DEVICE_DISCONNECT);
    fakes[0].pull_up = true;
    steps(LATE_MS);
    CHECK(closed(fd));
    CHECK_EQUAL(stats()->timeouts, 1);
    back_again();
    get_device(attach());
}

/* ---- Bounds ---- */

TEST(usbredir_refuses_too_many)
{
    uint64_t first = 0;
    int fd = attach_data();
    input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
    input_status(fd, USBREDIR_SUCCESS, 0x81);
    for (unsigned i = 1; i < USBREDIR_TRANSFERS_MAX; i++) { /* receiving counts, too */
        uint64_t id = bulk_in_say(fd, 64);
        first = i == 1 ? id : first;
        if (i % 16 == 0)
            steps(1);
    }
    steps(20);
    CHECK(quiet(fd));
    CHECK_EQUAL(bulk_in(fd, 64)->packet.status, USBREDIR_IOERROR);
    CHECK_EQUAL(bulk_out(fd, "abc", 3)->packet.status, USBREDIR_IOERROR);
    message(fd, USBREDIR_CANCEL_DATA_PACKET, first, NULL, 0);
    CHECK_EQUAL(answer(fd, first)->packet.status, USBREDIR_CANCELLED);
    for (unsigned i = 0; i < 3; i++) { /* what the device says by itself still comes */
        fake_in(&fakes[0], FAKE_EP_NOTIFY, "none lost", 9);
        CHECK_EQUAL(reply_of(fd, USBREDIR_INTERRUPT_PACKET)->packet.length, 9);
    }
    CHECK_EQUAL(stats()->refused, 2);
}

TEST(usbredir_refuses_too_many_bytes)
{
    static uint8_t data[SERVER_TRANSFER_MAX];
    int fd = attach_data();
    fakes[0].ep[FAKE_EP_DATA].out_answer = CABLE_NAK;
    CHECK_EQUAL(bulk_in(fd, SERVER_TRANSFER_MAX + 1)->packet.status, USBREDIR_INVAL);
    CHECK_EQUAL(bulk_in(fd, UINT32_MAX)->packet.status, USBREDIR_INVAL);
    for (unsigned i = 0; i < 3; i++)
        bulk_in_say(fd, SERVER_TRANSFER_MAX);
    CHECK_EQUAL(bulk_out(fd, data, SERVER_TRANSFER_MAX)->packet.status, USBREDIR_IOERROR);
    get_device(fd); /* all of its data was read over */
    CHECK_EQUAL(stats()->refused, 1);
    CHECK_EQUAL(stats()->malformed, 0);
}

/* An answer to a refused one goes beyond the limit by its head; that must not lift the limit for those behind it. */
TEST(usbredir_limit_stays_a_limit)
{
    int fd = attach_data();
    uint32_t head = usbredir_header_length(caps) + 10; /* of each answer */
    for (unsigned i = 0; i < 3; i++)
        bulk_in_say(fd, SERVER_TRANSFER_MAX);
    bulk_in_say(fd, SERVER_BYTES_MAX - 3 * (SERVER_TRANSFER_MAX + head) - head); /* the last byte */
    uint64_t ids[3];
    for (unsigned i = 0; i < 3; i++)
        ids[i] = bulk_in_say(fd, SERVER_TRANSFER_MAX);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQUAL(answer(fd, ids[i])->packet.status, USBREDIR_IOERROR);
    CHECK_EQUAL(stats()->refused, 3);
}

/* Neither what it asks for nor what the device says by itself fills the memory. */
TEST(usbredir_guest_that_does_not_read)
{
    begin(2);
    int deaf = attach(), other = attach_with(1, CAPS_ALL);
    size_t before = __sanitizer_get_current_allocated_bytes(), said_bytes = 0;
    uint8_t one[26];
    fakes[0].config[fakes[0].config_length - 28 - 18 - 1] = 1;
    input_say(deaf, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
    for (unsigned i = 0; i < 3000; i++)
        fake_in(&fakes[0], FAKE_EP_NOTIFY, "0123456789abcde", 15);
    for (unsigned idle = 0, at = 0; idle < 50;) {
        if (at == 0) {
            usbredir_header_put(one, caps, USBREDIR_CONTROL_PACKET, 10, ++last_id);
            usbredir_packet_put(
                one + 16,
                &(struct usbredir_packet){.endpoint = 0x80, .setup = {0x80, 6, 0x200, 0, 0}, .length = 255},
                USBREDIR_CONTROL_PACKET, caps);
        }
        ssize_t sent = send(deaf, one + at, sizeof one - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        at = (at + (sent > 0 ? (unsigned)sent : 0)) % sizeof one;
        said_bytes += sent > 0 ? (size_t)sent : 0;
        idle = sent > 0 ? 0 : idle + 1;
        CHECK(said_bytes < 16u << 20); /* so much no socket takes */
        if (sent < 0 || last_id % 16 == 0)
            steps(1);
    }
    CHECK(__sanitizer_get_current_allocated_bytes() - before < SERVER_BYTES_MAX + (2u << 20));
    steps(3000);
    CHECK(__sanitizer_get_current_allocated_bytes() - before < SERVER_BYTES_MAX + (2u << 20));
    get_device(other);
    hang_up(deaf);
    hang_up(other);
    back_again();
    CHECK(__sanitizer_get_current_allocated_bytes() <= before);
}

/* ---- What breaks the protocol ---- */

struct wrong {
    uint32_t type, length;
    const char *bytes;
};

TEST(usbredir_wrong_messages_close_and_count)
{
    static const struct wrong wrong[] = {
        {USBREDIR_HELLO, 64, NULL},
        {USBREDIR_DEVICE_CONNECT, 10, NULL},
        {USBREDIR_DEVICE_DISCONNECT, 0, NULL},
        {USBREDIR_RESET, 1, NULL},
        {USBREDIR_INTERFACE_INFO, 132, NULL},
        {USBREDIR_EP_INFO, 160, NULL},
        {USBREDIR_SET_CONFIGURATION, 0, NULL},
        {USBREDIR_SET_CONFIGURATION, 2, NULL},
        {USBREDIR_GET_CONFIGURATION, 1, NULL},
        {USBREDIR_CONFIGURATION_STATUS, 2, NULL},
        {USBREDIR_SET_ALT_SETTING, 1, NULL},
        {USBREDIR_ALLOC_BULK_STREAMS, 8, NULL}, /* never offered */
        {USBREDIR_FREE_BULK_STREAMS, 4, NULL},
        {25, 10, NULL}, /* start_bulk_receiving */
        {26, 5, NULL},  /* stop_bulk_receiving */
        {28, 0, NULL},  /* no such types */
        {99, 0, NULL},
        {104, 10, NULL}, /* buffered bulk */
        {UINT32_MAX, 0, NULL},
        {USBREDIR_CONTROL_PACKET, 9, NULL},
        {USBREDIR_BULK_PACKET, 9, NULL},
        {USBREDIR_INTERRUPT_PACKET, 3, NULL},
        {USBREDIR_BULK_PACKET, 10, "\x02\0\1\0\0\0\0\0\0"}, /* OUT, and its byte isn't there */
        {USBREDIR_BULK_PACKET, 11, "\x02\0\2\0\0\0\0\0\0\0x"},
        {USBREDIR_BULK_PACKET, 11, "\x82\0\1\0\0\0\0\0\0\0x"}, /* IN with data */
        {USBREDIR_CONTROL_PACKET, 11, "\x80\6\x80\0\0\1\0\0\1\0x"},
        {USBREDIR_BULK_PACKET, 10 + SERVER_TRANSFER_MAX + 1, NULL},
        {USBREDIR_BULK_PACKET, UINT32_MAX, NULL},
        {USBREDIR_FILTER_FILTER, USBREDIR_FILTER_MAX + 1, NULL},
        {USBREDIR_CANCEL_DATA_PACKET, 4, NULL},
    };
    static const uint8_t zeros[200];
    begin(2);
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int other = attach_with(1, CAPS_ALL), fd = attach();
        uint8_t header[USBREDIR_HEADER_MAX];
        usbredir_header_put(header, caps, wrong[i].type, wrong[i].length, 1);
        say(fd, header, usbredir_header_length(caps));
        steps(1);
        if (wrong[i].bytes != NULL)
            say(fd, wrong[i].bytes, wrong[i].length);
        else
            send(fd, zeros, wrong[i].length < 200 ? wrong[i].length : 200, MSG_NOSIGNAL);
        steps(1);
        if (!closed(fd) || stats()->malformed != i + 1)
            TEST_FAIL("case %u: %u malformed", i, stats()->malformed);
        CHECK(strstr(said, "usbredir: ") != NULL);
        said[0] = 0;
        get_device(other);
        hang_up(other);
        back_again();
    }
}

TEST(usbredir_no_hello_first)
{
    static const uint8_t half[40] = {0};
    begin(1);
    for (unsigned i = 0; i < 5; i++) {
        static const uint32_t types[] = {USBREDIR_RESET, USBREDIR_CONTROL_PACKET,
                                         USBREDIR_DEVICE_DISCONNECT_ACK, 0x20544547, USBREDIR_HELLO};
        int fd = client();
        caps = 0;
        message(fd, types[i], 0, half, types[i] == USBREDIR_HELLO ? 40 : 0);
        steps(1);
        CHECK(closed(fd));
        CHECK_EQUAL(stats()->malformed, i + 1);
    }
    int fd = client();
    message(fd, USBREDIR_HELLO, 0, "", 0);
    steps(1);
    CHECK(closed(fd));
    CHECK(server_available(server, 0));
}

TEST(usbredir_id_twice)
{
    int fd = attach_data();
    bulk_in_say(fd, 64);
    last_id--;
    steps(2);
    CHECK(quiet(fd));
    bulk_in_say(fd, 64);
    steps(2);
    CHECK(closed(fd));
    CHECK_EQUAL(stats()->malformed, 1);
    back_again();
}

/* A guest's whole life in one stream; where its messages begin is noted. */
static void stream_add(struct stream *s, uint32_t with, uint32_t type, const void *bytes, uint32_t length)
{
    s->starts[s->count++] = s->length;
    usbredir_header_put(s->bytes + s->length, with, type, length, s->count);
    s->length += usbredir_header_length(with);
    if (length != 0)
        memcpy(s->bytes + s->length, bytes, length);
    s->length += length;
}

static void stream_fill(struct stream *s)
{
    uint8_t hello[USBREDIR_HELLO_MAX] = {0};
    *s = (struct stream){0};
    usbredir_hello_put(hello, "stream", CAPS_ALL);
    stream_add(s, 0, USBREDIR_HELLO, hello, 72);
    stream_add(s, CAPS_ALL, USBREDIR_FILTER_FILTER, "-1,-1,-1,-1,1", 14);
    stream_add(s, CAPS_ALL, USBREDIR_RESET, NULL, 0);
    stream_add(s, CAPS_ALL, USBREDIR_SET_CONFIGURATION, "\1", 1);
    stream_add(s, CAPS_ALL, USBREDIR_SET_ALT_SETTING, "\1\1", 2);
    stream_add(s, CAPS_ALL, USBREDIR_BULK_PACKET, "\2\0\11\0\0\0\0\0\0\0some data", 19);
    stream_add(s, CAPS_ALL, USBREDIR_BULK_PACKET, "\x82\0\x64\0\0\0\0\0\0\0", 10);
    stream_add(s, CAPS_ALL, USBREDIR_START_INTERRUPT_RECEIVING, "\x81", 1);
    stream_add(s, CAPS_ALL, USBREDIR_CANCEL_DATA_PACKET, NULL, 0);
}

TEST(usbredir_stream_cut_off_after_every_byte)
{
    static struct stream s;
    stream_fill(&s);
    begin(1);
    for (size_t cut = 0; cut <= s.length; cut++) {
        uint32_t before = stats()->malformed;
        bool whole = cut == s.length;
        for (size_t i = 0; i < s.count; i++)
            whole |= s.starts[i] == cut;
        int fd = client();
        say(fd, s.bytes, s.starts[1] < cut ? s.starts[1] : cut);
        steps(2);
        for (size_t i = 1; i < s.count && s.starts[i] < cut; i++) {
            size_t next = i + 1 < s.count ? s.starts[i + 1] : s.length;
            say(fd, s.bytes + s.starts[i], (next < cut ? next : cut) - s.starts[i]);
            steps(i == 2 ? RESET_MS : 3);
        }
        hang_up(fd);
        steps(5);
        back_again();
        if (stats()->malformed != before + !whole)
            TEST_FAIL("cut after %zu of %zu bytes: %u counted as malformed", cut, s.length,
                      stats()->malformed - before);
    }
    get_device(attach());
}

/* The same, a byte at a time: nothing depends on how a stream is cut into packets. */
TEST(usbredir_stream_byte_by_byte)
{
    static struct stream s;
    stream_fill(&s);
    begin(1);
    fakes[0].notify = false;
    int fd = client();
    for (size_t i = 0; i < s.length; i++) {
        say(fd, s.bytes + i, 1);
        steps(i == s.starts[1] ? 3 : 1);
    }
    caps = CAPS_ALL;
    hello_hear(fd);
    connect_hear(fd);
    info_hear(fd, INTERFACES, false);
    reply_of(fd, USBREDIR_CONFIGURATION_STATUS);
    info_hear(fd, INTERFACES, true);
    reply_of(fd, USBREDIR_ALT_SETTING_STATUS);
    CHECK_EQUAL(answer(fd, 6)->packet.length, 9);
    input_status(fd, USBREDIR_SUCCESS, 0x81);
    CHECK_BYTES(fakes[0].ep[FAKE_EP_DATA].out, "some data", 9);
    CHECK_EQUAL(stats()->malformed, 0);
}

/* Rubbish, and good streams with a few bytes changed; a guest of the other device notices nothing. */
TEST(usbredir_random_bytes)
{
    static struct stream s;
    random_state = 1;
    begin(2);
    int other = attach_with(1, CAPS_ALL);
    for (unsigned round = 0; round < 400; round++) {
        stream_fill(&s);
        size_t from = round % 4 == 0 ? 0 : round % 4 == 1 ? s.starts[1] : s.length;
        for (size_t i = from; i < s.length; i++)
            s.bytes[i] = (uint8_t)random_next(256);
        for (unsigned n = 0; n < round % 8; n++)
            s.bytes[s.starts[1] + random_next((uint32_t)(s.length - s.starts[1]))] =
                (uint8_t)random_next(256);
        int fd = client();
        if (send(fd, s.bytes, s.length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)s.length)
            TEST_FAIL("round %u: the stream doesn't fit a socket", round);
        steps(1 + random_next(100));
        hang_up(fd);
        steps(BACK_MS);
        if (round % 20 == 0)
            get_device(other);
    }
    steps(BACK_MS);
    get_device(attach());
    CHECK(stats()->malformed > 100);
}

/* ---- Lives ---- */

/* Who hangs up and is there again at once is not refused for himself, whichever of both is seen first. */
TEST(usbredir_guest_that_is_back_at_once)
{
    begin(1);
    int other = client(), fd = attach();
    hang_up(other);
    steps(1);
    for (unsigned i = 0; i < 10; i++) {
        int next = client();
        hello_say(next, CAPS_ALL);
        hang_up(fd);
        hello_hear(next);
        connect_hear(next);
        fd = next;
    }
    CHECK_EQUAL(stats()->refused, 0);
}

TEST(usbredir_second_guest_is_refused)
{
    begin(2);
    int first = attach(), second = client();
    hello_say(second, CAPS_ALL);
    hello_hear(second);
    steps(90);
    CHECK(quiet(second)); /* the first one's end may be on its way */
    steps(20);
    CHECK(closed(second));
    CHECK_EQUAL(stats()->refused, 1);
    CHECK(strstr(said, "board 1 is in use") != NULL);
    get_device(first);
    get_device(attach_with(1, CAPS_ALL)); /* the other board is free */
    hang_up(first);
    steps(1);
    get_device(attach());
}

TEST(usbredir_attach_a_hundred_times)
{
    begin(1);
    size_t before = __sanitizer_get_current_allocated_bytes();
    for (unsigned i = 1; i <= 100; i++) {
        unsigned pulled = fakes[0].resets;
        fakes[0].log_count = 0;
        int fd = attach();
        get_device(fd);
        input_say(fd, USBREDIR_START_INTERRUPT_RECEIVING, 0x81);
        steps(i % 3);
        hang_up(fd);
        steps(2);
        CHECK(!fakes[0].vbus);
        CHECK_EQUAL(stats()->given, i);
        back_again();
        CHECK_EQUAL(fakes[0].resets, pulled + 2); /* as from the box */
    }
    CHECK_EQUAL(__sanitizer_get_current_allocated_bytes(), before);
    CHECK_EQUAL(stats()->malformed, 0);
}

TEST(usbredir_guest_that_goes_in_mid_transfer)
{
    static const uint8_t data[600];
    int fd = attach_data();
    fakes[0].ep[FAKE_EP_DATA].out_answer = CABLE_NAK;
    for (unsigned i = 0; i < 5; i++) {
        bulk_in_say(fd, 512);
        bulk_out_say(fd, data, sizeof data);
    }
    steps(3);
    hang_up(fd);
    steps(2);
    fakes[0].ep[FAKE_EP_DATA].out_answer = CABLE_ACK;
    CHECK(!fakes[0].vbus);
    CHECK(strstr(said, "board 1 given back") != NULL);
    back_again();
    get_device(attach());
    CHECK_EQUAL(stats()->malformed, 0);
}

TEST(usbredir_silent_guest_is_hung_up_on)
{
    begin(1);
    int nothing = client(), half = client();
    say(half, "\0\0\0\0\x44", 5);
    int attached = attach();
    steps(SERVER_REQUEST_MS_MAX - 50);
    CHECK_EQUAL(stats()->timeouts, 0);
    steps(60);
    CHECK(closed(nothing) && closed(half));
    CHECK_EQUAL(stats()->timeouts, 2);
    steps(2 * SERVER_REQUEST_MS_MAX);
    get_device(attached); /* whoever has a device may be silent */
}

TEST(usbredir_connections_have_a_bound)
{
    begin(1);
    for (unsigned i = 0; i < SERVER_CONNECTIONS_MAX; i++)
        client();
    CHECK(closed(client()));
    CHECK_EQUAL(stats()->refused, 1);
    hang_up(fds[0]);
    steps(1);
    get_device(attach());
}

TEST(usbredir_guest_that_refuses_the_device)
{
    begin(1);
    int fd = attach();
    message(fd, USBREDIR_FILTER_REJECT, 0, NULL, 0);
    steps(1);
    CHECK(strstr(said, "board 1: the guest refuses it") != NULL);
    CHECK(quiet(fd));
}

TEST(usbredir_ends_with_everything_open)
{
    size_t before = __sanitizer_get_current_allocated_bytes();
    int fd = attach_data();
    for (unsigned i = 0; i < 10; i++)
        bulk_in_say(fd, 512);
    say(fd, "\x65\0\0\0\x14\0\0\0\1\0\0\0\0\0\0\0\2\0\12\0\0\0\0\0\0\0half", 30);
    steps(3);
    message(client(), USBREDIR_HELLO, 0, NULL, 0);
    end();
    CHECK(__sanitizer_get_current_allocated_bytes() <= before);
}

TEST(usbredir_listens_at_a_port_for_each_board)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct cable cables[SERVER_DEVICES_MAX];
    char error[256];
    begin_fakes(2, cables, more_endpoints);
    struct server_config config = {.cables = cables, .count = 2};
    server = usbredir_new(&config, error, sizeof error);
    CHECK(server != NULL);
    CHECK(server_port(server, 0) != server_port(server, 1));
    steps(UP_MS);
    for (unsigned i = 0; i < 2; i++) {
        name.sin_port = htons(server_port(server, i));
        int fd = fds[fd_count++] = socket(AF_INET, SOCK_STREAM, 0);
        CHECK_EQUAL(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
        hello_say(fd, CAPS_ALL);
        hello_hear(fd);
        connect_hear(fd);
        get_device(fd);
        CHECK(server_available(server, 1) == (i == 0));
    }
    config.port = server_port(server, 1);
    CHECK(usbredir_new(&config, error, sizeof error) == NULL);
    CHECK(strstr(error, "in use") != NULL);
    config.port = 65535; /* the second one has no port */
    CHECK(usbredir_new(&config, error, sizeof error) == NULL);
    CHECK(strstr(error, "no port is left for board 2") != NULL || strstr(error, "in use") != NULL);
    end();
}

TEST_MAIN()
