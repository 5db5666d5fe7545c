/*
 * The USB/IP server with fake devices and clients over socket pairs: messages by hand, operations, transfers, unlinks,
 * what breaks the protocol, and lives of connections. All times are virtual.
 *
 *   begin(devices) ─→ client() ─→ say, hear …  or  attach() ─→ submit ─→ ret
 *
 * Numbers of messages are from the kernel's Documentation/usb/usbip_protocol.rst.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "host/usbip.h"
#include "host/usbip_msg.h"
#include "test/host/served.h"

#define DEVLIST "\x01\x11\x80\x05\0\0\0\0"
#define IMPORT  "\x01\x11\x80\x03\0\0\0\0"
#define OP      USBIP_OP_LENGTH
#define HEAD    USBIP_COMMAND_LENGTH
#define EP_ISO  3 /* both ways, of a device with isochronous endpoints */

static uint32_t seqnum;

static struct server *start(const struct server_config *config)
{
    char error[256] = "";
    struct server *made = usbip_new(config, error, sizeof error);
    if (made == NULL)
        TEST_FAIL("%s", error);
    return made;
}

/* Alternate setting 1 gets an isochronous endpoint for each direction. */
static void iso_add(struct fake *fake)
{
    static const uint8_t endpoints[] = {7, 5, 0x80 | EP_ISO, 1, 64, 0, 1, 7, 5, EP_ISO, 1, 64, 0, 1};
    uint8_t *alternate = fake->config + fake->config_length - 14 - 9;
    CHECK_BYTES(alternate, "\x09\x04\x01\x01\x02", 5);
    alternate[4] = 4;
    memcpy(fake->config + fake->config_length, endpoints, sizeof endpoints);
    fake->config_length += sizeof endpoints;
    fake->config[2] = (uint8_t)fake->config_length;
}

/* A server with so many devices, all configured. */
static void begin_with(unsigned devices, bool iso)
{
    struct cable cables[SERVER_DEVICES_MAX];
    begin_fakes(devices, cables, iso ? iso_add : NULL);
    seqnum = 0;
    server = start(&(struct server_config){.port = -1, .cables = cables, .count = devices, .log = on_log});
    steps(UP_MS);
    for (unsigned i = 0; i < devices; i++)
        CHECK(server_available(server, i));
}

static void begin(unsigned devices)
{
    begin_with(devices, false);
}

/* ---- Clients ---- */

static uint32_t be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void import_say(int fd, const char *busid)
{
    char name[USBIP_BUSID_LENGTH] = {0};
    strncpy(name, busid, sizeof name - 1);
    say(fd, IMPORT, OP);
    say(fd, name, sizeof name);
}

/* The status of the answer; 0: attached. */
static uint32_t import(int fd, const char *busid)
{
    uint8_t op[OP], device[USBIP_DEVICE_LENGTH];
    import_say(fd, busid);
    hear(fd, op, sizeof op);
    CHECK_BYTES(op, "\x01\x11\x00\x03", 4);
    if (be32(op + 4) == 0) {
        hear(fd, device, sizeof device);
        CHECK_STRING((const char *)device + USBIP_PATH_LENGTH, busid);
    }
    return be32(op + 4);
}

static int attach(const char *busid)
{
    int fd = client();
    CHECK_EQUAL(import(fd, busid), ST_OK);
    return fd;
}

/* A command's header: tests break some of its fields. */
struct command {
    uint32_t code, seqnum, device, in, ep, flags;
    int32_t length, packets;
    uint8_t setup[8];
    uint32_t start_frame, interval;
};

static void command_put(uint8_t bytes[HEAD], const struct command *c)
{
    const uint32_t words[10] = {c->code,
                                c->seqnum,
                                1u << 16 | (c->device + 1),
                                c->in,
                                c->ep,
                                c->flags,
                                (uint32_t)c->length,
                                c->start_frame,
                                (uint32_t)c->packets,
                                c->interval};
    for (unsigned i = 0; i < 10; i++)
        usbip_u32_put(bytes + 4 * i, words[i]);
    memcpy(bytes + 40, c->setup, 8);
}

static uint32_t command_say(int fd, struct command c, const void *data)
{
    uint8_t bytes[HEAD];
    c.code = c.code != 0 ? c.code : USBIP_CMD_SUBMIT;
    c.seqnum = c.seqnum != 0 ? c.seqnum : ++seqnum;
    command_put(bytes, &c);
    say(fd, bytes, sizeof bytes);
    if (c.code == USBIP_CMD_SUBMIT && !c.in && c.length > 0)
        say(fd, data, (size_t)c.length);
    return c.seqnum;
}

static uint32_t unlink_say(int fd, uint32_t victim)
{
    return command_say(fd, (struct command){.code = USBIP_CMD_UNLINK, .flags = victim}, NULL);
}

struct ret {
    uint32_t code, seqnum, actual;
    int32_t status;
    uint8_t data[65536];
};

/* The next return; an IN transfer's data comes with it. */
static const struct ret *ret(int fd, bool in)
{
    static struct ret r;
    static const uint8_t zeros[20];
    uint8_t bytes[HEAD];
    hear(fd, bytes, sizeof bytes);
    r = (struct ret){.code = be32(bytes),
                     .seqnum = be32(bytes + 4),
                     .status = (int32_t)be32(bytes + 20),
                     .actual = be32(bytes + 24)};
    CHECK_BYTES(bytes + 8, zeros, 12);
    CHECK_BYTES(bytes + 28, zeros, 20);
    if (in && r.code == USBIP_RET_SUBMIT) {
        CHECK(r.actual <= sizeof r.data);
        hear(fd, r.data, r.actual);
    }
    return &r;
}

/* A transfer from its command to its return. */
static const struct ret *transfer(int fd, struct command c, const void *data)
{
    uint32_t number = command_say(fd, c, data);
    const struct ret *r = ret(fd, c.in != 0);
    CHECK_EQUAL(r->code, USBIP_RET_SUBMIT);
    CHECK_EQUAL(r->seqnum, number);
    return r;
}

static const struct ret *request(int fd, uint8_t type, uint8_t code, uint16_t value, uint16_t index,
                                 uint16_t length, const void *data)
{
    struct command c = {.in = (type & USB_DIR_IN) != 0, .length = length};
    const uint8_t setup[8] = {type,
                              code,
                              (uint8_t)value,
                              (uint8_t)(value >> 8),
                              (uint8_t)index,
                              (uint8_t)(index >> 8),
                              (uint8_t)length,
                              (uint8_t)(length >> 8)};
    memcpy(c.setup, setup, 8);
    return transfer(fd, c, data);
}

static const struct ret *get_device(int fd)
{
    const struct ret *r = request(fd, 0x80, USB_GET_DESCRIPTOR, USB_DT_DEVICE << 8, 0, 18, NULL);
    CHECK_EQUAL(r->status, 0);
    CHECK_EQUAL(r->actual, 18);
    CHECK_BYTES(r->data, fakes[0].device_descriptor, 18);
    return r;
}

/* Device `index` still answers its client. */
static void serves(int fd, unsigned index)
{
    struct command c = {
        .device = index, .in = 1, .length = 2, .setup = {0x80, USB_GET_STATUS, 0, 0, 0, 0, 2, 0}};
    CHECK_EQUAL(transfer(fd, c, NULL)->actual, 2);
}

/* Alternate setting 1: bulk endpoints are open from now on. */
static int attach_data_with(bool iso)
{
    begin_with(1, iso);
    fakes[0].notify = false;
    int fd = attach("1-1");
    CHECK_EQUAL(request(fd, 0x01, USB_SET_INTERFACE, 1, 1, 0, NULL)->status, 0);
    return fd;
}

static int attach_data(void)
{
    return attach_data_with(false);
}

static const struct command bulk_in = {.in = 1, .ep = FAKE_EP_DATA, .length = 512};

static struct command bulk_out(int32_t length)
{
    return (struct command){.ep = FAKE_EP_DATA, .length = length};
}

/* ---- Messages ---- */

TEST(usbip_msg_operations)
{
    uint8_t bytes[OP];
    struct usbip_op op;
    usbip_op_read(&op, (const uint8_t *)"\x01\x11\x80\x03\x12\x34\x56\x78");
    CHECK_EQUAL(op.version, 0x0111);
    CHECK_EQUAL(op.code, OP_REQ_IMPORT);
    CHECK_EQUAL(op.status, 0x12345678);
    usbip_op_put(bytes, OP_REP_DEVLIST, ST_NODEV);
    CHECK_BYTES(bytes, "\x01\x11\x00\x05\0\0\0\x04", OP);
}

TEST(usbip_msg_device)
{
    static const uint8_t numbers[24] = {0,    0,    0,    1,    0,    0,    0,    2, 0, 0, 0, 2,
                                        0x12, 0x09, 0xAB, 0xCD, 0x01, 0x02, 0xEF, 2, 1, 3, 4, 5};
    uint8_t bytes[USBIP_DEVICE_LENGTH];
    struct usbip_device device = {"1-2", 1, 2, USBIP_SPEED_FULL, 0x1209, 0xABCD, 0x0102, 0xEF, 2, 1, 3, 4, 5};
    memset(bytes, 0xFF, sizeof bytes);
    usbip_device_put(bytes, &device);
    CHECK_STRING((const char *)bytes, "/plugnet/1-2");
    CHECK_EQUAL(bytes[255], 0);
    CHECK_STRING((const char *)bytes + 256, "1-2");
    CHECK_EQUAL(bytes[287], 0);
    CHECK_BYTES(bytes + 288, numbers, 24);
}

TEST(usbip_msg_commands)
{
    static const uint8_t submit[HEAD] = {
        0, 0, 0, 1, 0,    0, 0x0D, 0x05, 0,    1,    0,    0x0F, 0, 0, 0, 1, 0, 0, 0, 0x0E, 0, 0, 2, 0,
        0, 0, 1, 0, 0xFF, 0, 0,    1,    0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 4, 1, 2, 3, 4,    5, 6, 7, 8};
    static const uint8_t unlink[HEAD] = {0, 0, 0, 2, 0, 0, 0,    9, 0, 1, 0, 2, 0, 0,
                                         0, 1, 0, 0, 0, 3, 0xFE, 0, 0, 1, 9, 9, 9, 9};
    struct usbip_command c;
    usbip_command_read(&c, submit);
    CHECK_EQUAL(c.command, USBIP_CMD_SUBMIT);
    CHECK_EQUAL(c.seqnum, 0x0D05);
    CHECK_EQUAL(c.devid, 0x1000F);
    CHECK_EQUAL(c.direction, USBIP_DIR_IN);
    CHECK_EQUAL(c.ep, 14);
    CHECK_EQUAL(c.transfer_flags, 0x200);
    CHECK_EQUAL(c.transfer_buffer_length, 0x100);
    CHECK_EQUAL(c.start_frame, (int32_t)0xFF000001);
    CHECK_EQUAL(c.number_of_packets, -1);
    CHECK_EQUAL(c.interval, 4);
    CHECK_BYTES(c.setup, "\1\2\3\4\5\6\7\x08", 8);
    CHECK_EQUAL(c.unlink_seqnum, 0);
    usbip_command_read(&c, unlink);
    CHECK_EQUAL(c.command, USBIP_CMD_UNLINK);
    CHECK_EQUAL(c.unlink_seqnum, 0xFE000001);
    CHECK_EQUAL(c.transfer_flags, 0);
    CHECK_EQUAL(c.transfer_buffer_length, 0);
}

TEST(usbip_msg_returns)
{
    static const uint8_t submit[HEAD] = {0, 0, 0, 3, 0xA0, 0, 0,    7,    0,    0,    0, 0, 0,    0,
                                         0, 0, 0, 0, 0,    0, 0xFF, 0xFF, 0xFF, 0xE0, 0, 0, 0x12, 0x34};
    static const uint8_t unlink[HEAD] = {0, 0, 0, 4, 0xA0, 0, 0, 8, 0,    0,    0,    0,
                                         0, 0, 0, 0, 0,    0, 0, 0, 0xFF, 0xFF, 0xFF, 0x98};
    uint8_t bytes[HEAD];
    memset(bytes, 0xFF, sizeof bytes);
    usbip_ret_submit_put(bytes, 0xA0000007, -32, 0x1234);
    CHECK_BYTES(bytes, submit, HEAD);
    memset(bytes, 0xFF, sizeof bytes);
    usbip_ret_unlink_put(bytes, 0xA0000008, -104);
    CHECK_BYTES(bytes, unlink, HEAD);
}

/* ---- Operations ---- */

/* Its answer's count of devices, the connection ended behind it. */
static uint32_t devlist(int fd, bool half_closed)
{
    static const uint8_t interfaces[INTERFACES * 4] = {2, 13, 0, 0, 10, 0, 1, 0};
    uint8_t head[OP + 4], device[USBIP_DEVICE_LENGTH + INTERFACES * 4];
    say(fd, DEVLIST, OP);
    if (half_closed)
        shutdown(fd, SHUT_WR);
    hear(fd, head, sizeof head);
    CHECK_BYTES(head, "\x01\x11\x00\x05\0\0\0\0", OP);
    for (uint32_t i = 0; i < be32(head + OP); i++) {
        hear(fd, device, sizeof device);
        CHECK_BYTES(device + 300, "\x12\x09\x00\x01\x01\x00\xEF\x02\x01\x01\x01\x02", 12);
        CHECK_BYTES(device + USBIP_DEVICE_LENGTH, interfaces, sizeof interfaces);
    }
    steps(1);
    CHECK(closed(fd));
    return be32(head + OP);
}

TEST(usbip_devlist)
{
    begin(2);
    CHECK_EQUAL(devlist(client(), false), 2);
    int fd = attach("1-2");
    CHECK_EQUAL(devlist(client(), false), 1);
    hang_up(fd);
    steps(2);
    CHECK_EQUAL(devlist(client(), false), 1);
    steps(BACK_MS);
    CHECK_EQUAL(devlist(client(), false), 2);
    CHECK_EQUAL(stats()->malformed, 0);
}

/* A client that has no more to say may say so before it reads. */
TEST(usbip_half_closed_client_gets_its_answer)
{
    uint8_t op[OP];
    begin(1);
    CHECK_EQUAL(devlist(client(), true), 1);
    int fd = client();
    import_say(fd, "9-9");
    shutdown(fd, SHUT_WR);
    hear(fd, op, OP);
    CHECK_EQUAL(be32(op + 4), ST_NODEV);
    steps(1);
    CHECK(closed(fd));
    CHECK_EQUAL(stats()->malformed + stats()->timeouts, 0);
}

TEST(usbip_import_unknown_busy_and_without_end)
{
    static const char *const unknown[] = {"1-2", "1-0", "2-1", "1-1 ", "1-11", "", "1-1/../1-1"};
    begin(1);
    for (unsigned i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        int fd = client();
        CHECK_EQUAL(import(fd, unknown[i]), ST_NODEV);
        steps(1);
        CHECK(closed(fd));
    }
    int first = attach("1-1"), second = client(), third = client();
    CHECK(!server_available(server, 0));
    CHECK_EQUAL(import(second, "1-1"), ST_DEV_BUSY);
    steps(1);
    CHECK(closed(second));
    get_device(first);
    CHECK_EQUAL(stats()->malformed, 0);
    say(third, IMPORT "1-1", OP + 3);
    say(third, "0123456789abcdef0123456789abc", 29);
    steps(1);
    CHECK(closed(third));
    CHECK_EQUAL(stats()->malformed, 1);
    CHECK_EQUAL(stats()->given, 1);
    get_device(first);
}

TEST(usbip_import_waits_for_the_device)
{
    begin(1);
    hang_up(attach("1-1"));
    steps(2);
    CHECK(!server_available(server, 0));
    int fd = client();
    import_say(fd, "1-1");
    steps(SERVER_UNPLUGGED_MS);
    CHECK(quiet(fd));
    int other = client();
    CHECK_EQUAL(import(other, "1-1"), ST_DEV_BUSY);
    uint8_t answer[OP + USBIP_DEVICE_LENGTH];
    hear(fd, answer, sizeof answer);
    CHECK_EQUAL(be32(answer + 4), ST_OK);
    get_device(fd);
}

TEST(usbip_import_of_a_device_that_never_comes)
{
    uint8_t op[OP];
    begin(1);
    fakes[0].pull_up = false;
    steps(5);
    int fd = client();
    import_say(fd, "1-1");
    steps(SERVER_REQUEST_MS_MAX - 10);
    CHECK(quiet(fd));
    steps(20);
    hear(fd, op, OP);
    CHECK_EQUAL(be32(op + 4), ST_DEV_ERR);
    CHECK(closed(fd));
    fakes[0].pull_up = true;
    steps(UP_MS);
    get_device(attach("1-1"));
}

static void breaks(const void *bytes, size_t length)
{
    uint32_t before = stats()->malformed;
    int fd = client();
    say(fd, bytes, length);
    steps(1);
    CHECK(closed(fd));
    CHECK_EQUAL(stats()->malformed, before + 1);
}

TEST(usbip_wrong_operations)
{
    uint8_t command[HEAD];
    begin(1);
    breaks("\x01\x10\x80\x05\0\0\0\0", OP); /* another version */
    breaks("\x01\x11\x80\x06\0\0\0\0", OP); /* no such operation */
    breaks("\x01\x11\x00\x05\0\0\0\0", OP); /* a reply */
    breaks("GET / HTTP/1.1\r\n\r\n", 18);
    command_put(command, &(struct command){.code = USBIP_CMD_SUBMIT, .seqnum = 1});
    breaks(command, HEAD); /* before import */
    command_put(command, &(struct command){.code = USBIP_CMD_UNLINK, .seqnum = 1});
    breaks(command, HEAD);
    CHECK(server_available(server, 0));
}

/* ---- Transfers ---- */

TEST(usbip_control)
{
    begin(1);
    int fd = attach("1-1");
    get_device(fd);
    const struct ret *r = request(fd, 0x80, USB_GET_DESCRIPTOR, USB_DT_CONFIGURATION << 8, 0, 255, NULL);
    CHECK_EQUAL(r->status, 0);
    CHECK_EQUAL(r->actual, fakes[0].config_length);
    CHECK_BYTES(r->data, fakes[0].config, fakes[0].config_length);
    r = request(fd, 0x21, 0x40, 7, 0, 100, fakes[0].config); /* OUT with data */
    CHECK_EQUAL(r->status, 0);
    CHECK_EQUAL(r->actual, 100);
    CHECK(fake_logged(&fakes[0], "setup 21 40 0007 0000 100") >= 0);
    r = request(fd, 0x21, 0x43, 1, 0, 0, NULL); /* no data */
    CHECK_EQUAL(r->status, 0);
    CHECK_EQUAL(r->actual, 0);
    fakes[0].stall_request = 0x43;
    CHECK_EQUAL(request(fd, 0x21, 0x43, 1, 0, 0, NULL)->status, USBIP_EPIPE);
    CHECK_EQUAL(request(fd, 0x21, 0x43, 1, 0, 4, "1234")->status, USBIP_EPIPE);
    fakes[0].stall_request = USB_GET_STATUS;
    r = request(fd, 0x80, USB_GET_STATUS, 0, 0, 2, NULL);
    CHECK_EQUAL(r->status, USBIP_EPIPE);
    CHECK_EQUAL(r->actual, 0);
    get_device(fd); /* endpoint 0 is never halted */
    CHECK_EQUAL(stats()->refused + stats()->malformed, 0);
}

TEST(usbip_control_that_contradicts_itself)
{
    begin(1);
    int fd = attach("1-1");
    unsigned requests = fakes[0].log_count;
    struct command c = {.in = 1, .length = 17, .setup = {0x80, 6, 0, 1, 0, 0, 18, 0}};
    CHECK_EQUAL(transfer(fd, c, NULL)->status, USBIP_EINVAL); /* wLength beyond the buffer */
    c = (struct command){.in = 0, .length = 18, .setup = {0x80, 6, 0, 1, 0, 0, 18, 0}};
    CHECK_EQUAL(transfer(fd, c, fakes[0].config)->status,
                USBIP_EINVAL); /* IN by its setup, OUT by its header */
    c = (struct command){.in = 1, .length = 18, .setup = {0x00, 7, 0, 1, 0, 0, 18, 0}};
    CHECK_EQUAL(transfer(fd, c, NULL)->status, USBIP_EINVAL);
    CHECK_EQUAL(fakes[0].log_count, requests); /* the device was not asked */
    c = (struct command){.in = 1, .length = 64, .setup = {0x80, 6, 0, 1, 0, 0, 8, 0}};
    CHECK_EQUAL(transfer(fd, c, NULL)->actual, 8); /* a larger buffer is none of it */
}

TEST(usbip_bulk_out_toggles_and_empty_packet)
{
    static uint8_t data[300];
    int fd = attach_data();
    struct fake_ep *ep = &fakes[0].ep[FAKE_EP_DATA];
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (unsigned i = 0; i < 3; i++) { /* 5 packets each: the toggle goes on between transfers */
        const struct ret *r = transfer(fd, bulk_out(300), data);
        CHECK_EQUAL(r->status, 0);
        CHECK_EQUAL(r->actual, 300);
    }
    CHECK_EQUAL(ep->packets_out, 15);
    CHECK_EQUAL(ep->repeats_out, 0);
    CHECK_EQUAL(ep->out_count, 3);
    CHECK_BYTES(ep->out + 600, data, 300);
    CHECK_EQUAL(transfer(fd, bulk_out(128), data)->actual, 128);
    CHECK_EQUAL(ep->packets_out, 17);
    struct command zero = bulk_out(128);
    zero.flags = USBIP_ZERO_PACKET;
    CHECK_EQUAL(transfer(fd, zero, data)->actual, 128);
    CHECK_EQUAL(ep->packets_out, 20);
    zero.length = 100;
    transfer(fd, zero, data);
    CHECK_EQUAL(ep->packets_out, 22);
    CHECK_EQUAL(transfer(fd, bulk_out(0), NULL)->status, 0);
    CHECK_EQUAL(ep->packets_out, 23);
}

TEST(usbip_bulk_in_short_and_overflow)
{
    uint8_t data[512];
    int fd = attach_data();
    struct fake_ep *ep = &fakes[0].ep[FAKE_EP_DATA];
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 5 + i / 256);
    fake_in(&fakes[0], FAKE_EP_DATA, data, 512);
    fake_in(&fakes[0], FAKE_EP_DATA, data, 65);
    const struct ret *r = transfer(fd, bulk_in, NULL);
    CHECK_EQUAL(r->status, 0);
    CHECK_EQUAL(r->actual, 512);
    CHECK_BYTES(r->data, data, 512);
    r = transfer(fd, bulk_in, NULL);
    CHECK_EQUAL(r->status, 0);
    CHECK_EQUAL(r->actual, 65);
    struct command whole = bulk_in;
    whole.flags = USBIP_SHORT_NOT_OK;
    fake_in(&fakes[0], FAKE_EP_DATA, data, 65);
    r = transfer(fd, whole, NULL);
    CHECK_EQUAL(r->status, USBIP_EREMOTEIO);
    CHECK_EQUAL(r->actual, 65);
    CHECK_BYTES(r->data, data, 65);
    fake_in(&fakes[0], FAKE_EP_DATA, data, 512);
    CHECK_EQUAL(transfer(fd, whole, NULL)->status, 0);
    ep->in_repeat = true; /* a packet that was there already is dropped */
    fake_in(&fakes[0], FAKE_EP_DATA, data, 3);
    CHECK_EQUAL(transfer(fd, bulk_in, NULL)->actual, 3);
    struct command little = bulk_in;
    little.length = 10;
    fake_in(&fakes[0], FAKE_EP_DATA, data, 30);
    r = transfer(fd, little, NULL);
    CHECK_EQUAL(r->status, USBIP_EOVERFLOW);
    CHECK_EQUAL(r->actual, 10);
    CHECK_BYTES(r->data, data, 10);
}

TEST(usbip_interrupt_in)
{
    static const struct command notification = {.in = 1, .ep = FAKE_EP_NOTIFY, .length = 16};
    begin(1);
    int fd = attach("1-1");
    uint32_t number = command_say(fd, notification, NULL);
    steps(50);
    CHECK(quiet(fd));
    fakes[0].notify = true;
    command_say(fd, (struct command){.setup = {1, USB_SET_INTERFACE, 1, 0, 1}}, NULL);
    CHECK_EQUAL(ret(fd, false)->status, 0);
    const struct ret *r = ret(fd, true);
    CHECK_EQUAL(r->seqnum, number);
    CHECK_EQUAL(r->status, 0);
    CHECK_EQUAL(r->actual, 16);
    CHECK_BYTES(r->data, "\xA1\x2A", 2);
    uint64_t before = server_time_ns(server);
    r = transfer(fd, notification, NULL);
    CHECK_EQUAL(r->actual, 8);
    CHECK_BYTES(r->data, "\xA1\x00\x01", 3);
    CHECK((server_time_ns(server) - before) / 1000000 <= 34); /* bInterval 32 */
}

TEST(usbip_stall_halts_until_cleared)
{
    int fd = attach_data();
    struct fake_ep *ep = &fakes[0].ep[FAKE_EP_DATA];
    transfer(fd, bulk_out(10), "0123456789"); /* the toggle is 1 now */
    ep->out_answer = CABLE_STALL;
    CHECK_EQUAL(transfer(fd, bulk_out(1), "x")->status, USBIP_EPIPE);
    ep->out_answer = CABLE_ACK;
    CHECK_EQUAL(transfer(fd, bulk_out(1), "x")->status, USBIP_EPIPE);
    CHECK_EQUAL(ep->packets_out, 1);
    CHECK_EQUAL(request(fd, 0x02, USB_CLEAR_FEATURE, 0, FAKE_EP_DATA, 0, NULL)->status, 0);
    CHECK_EQUAL(transfer(fd, bulk_out(1), "y")->status, 0); /* with DATA0, as the device expects */
    CHECK_EQUAL(ep->packets_out, 2);
    CHECK_EQUAL(ep->repeats_out, 0);
    ep->in_answer = CABLE_STALL;
    CHECK_EQUAL(transfer(fd, bulk_in, NULL)->status, USBIP_EPIPE);
    fake_in(&fakes[0], FAKE_EP_DATA, "abc", 3);
    CHECK_EQUAL(request(fd, 0x02, USB_CLEAR_FEATURE, 0, 0x80 | FAKE_EP_DATA, 0, NULL)->status, 0);
    CHECK_EQUAL(transfer(fd, bulk_in, NULL)->actual, 3);
    CHECK_EQUAL(transfer(fd, bulk_out(1), "z")->status, 0);
    CHECK_EQUAL(ep->repeats_out, 0); /* the other direction was left alone */
}

TEST(usbip_silent_endpoint)
{
    begin(1);
    int fd = attach("1-1"); /* alternate setting 0: bulk endpoints are there by name, but closed */
    CHECK_EQUAL(transfer(fd, bulk_in, NULL)->status, USBIP_EPROTO);
    CHECK_EQUAL(transfer(fd, bulk_out(3), "abc")->status, USBIP_EPROTO);
    steps(100);
    get_device(fd);
}

TEST(usbip_set_configuration_and_interface_reset_toggles)
{
    int fd = attach_data();
    struct fake_ep *ep = &fakes[0].ep[FAKE_EP_DATA];
    transfer(fd, bulk_out(1), "a");
    CHECK(ep->out_data1);
    CHECK_EQUAL(request(fd, 0x01, USB_SET_INTERFACE, 1, 1, 0, NULL)->status, 0);
    transfer(fd, bulk_out(1), "b");
    CHECK_EQUAL(ep->repeats_out, 0);
    for (uint16_t value = 0; value < 2; value++) {
        CHECK_EQUAL(request(fd, 0x00, USB_SET_CONFIGURATION, value, 0, 0, NULL)->status, 0);
        CHECK_EQUAL(fakes[0].configuration, value);
        ep->out_data1 = false; /* as every device must */
        transfer(fd, bulk_out(1), "c");
        CHECK_EQUAL(ep->repeats_out, 0);
    }
    CHECK_EQUAL(ep->packets_out, 4);
    fakes[0].stall_request = USB_SET_CONFIGURATION; /* refused: nothing has changed */
    CHECK_EQUAL(request(fd, 0x00, USB_SET_CONFIGURATION, 9, 0, 0, NULL)->status, USBIP_EPIPE);
    transfer(fd, bulk_out(1), "d");
    CHECK_EQUAL(ep->repeats_out, 0);
}

TEST(usbip_set_address_is_not_passed_on)
{
    begin(1);
    int fd = attach("1-1");
    unsigned requests = fakes[0].log_count, address = fakes[0].address;
    const struct ret *r = request(fd, 0x00, USB_SET_ADDRESS, 77, 0, 0, NULL);
    CHECK_EQUAL(r->status, 0);
    CHECK_EQUAL(r->actual, 0);
    CHECK_EQUAL(fakes[0].log_count, requests);
    CHECK_EQUAL(fakes[0].address, address);
    CHECK_EQUAL(unlink_say(fd, r->seqnum), ret(fd, false)->seqnum);
    get_device(fd);
}

/* ---- Transfers that are refused ---- */

TEST(usbip_refuses_unknown_endpoints)
{
    uint8_t over[64] = {0};
    int fd = attach_data();
    for (uint32_t ep = 3; ep < 16; ep++) {
        CHECK_EQUAL(transfer(fd, (struct command){.in = 1, .ep = ep, .length = 64}, NULL)->status,
                    USBIP_ENOENT);
        CHECK_EQUAL(transfer(fd, (struct command){.ep = ep, .length = 64, .packets = 9}, over)->status,
                    USBIP_ENOENT);
    }
    CHECK_EQUAL(transfer(fd, (struct command){.ep = FAKE_EP_NOTIFY, .length = 1}, "x")->status, USBIP_ENOENT);
    get_device(fd);
    CHECK_EQUAL(stats()->malformed, 0);
}

TEST(usbip_refuses_isochronous_and_reads_over_its_descriptors)
{
    static uint8_t over[64 + USBIP_ISO_MAX * USBIP_ISO_LENGTH];
    static const int32_t counts[] = {0, 1, 3, USBIP_ISO_MAX};
    int fd = attach_data_with(true);
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct command iso = {.in = 1, .ep = EP_ISO, .length = 64, .packets = counts[i]};
        size_t descriptors = (size_t)counts[i] * USBIP_ISO_LENGTH;
        command_say(fd, iso, NULL); /* descriptors follow at once … */
        say(fd, over, descriptors);
        CHECK_EQUAL(ret(fd, true)->status, USBIP_EINVAL);
        iso.in = 0; /* … or behind the data */
        command_say(fd, iso, over);
        say(fd, over + 64, descriptors);
        CHECK_EQUAL(ret(fd, false)->status, USBIP_EINVAL);
        iso.length = SERVER_TRANSFER_MAX + 1; /* also where it is refused for its length */
        iso.in = 1;
        command_say(fd, iso, NULL);
        say(fd, over, descriptors);
        CHECK_EQUAL(ret(fd, true)->status, USBIP_EMSGSIZE);
        get_device(fd);
    }
    CHECK_EQUAL(stats()->malformed, 0);
}

/* Field case 15: a field that a transfer of this type doesn't have may hold anything. */
TEST(usbip_garbage_in_fields_that_mean_nothing)
{
    static const uint32_t garbage[] = {
        1, 2, 8, 128, USBIP_ISO_MAX, USBIP_ISO_MAX + 1, 0x7fffffff, 0x80000000, 0xffffcfc7, UINT32_MAX};
    uint8_t data[64] = {1, 2, 3};
    int fd = attach_data();
    struct fake_ep *ep = &fakes[0].ep[FAKE_EP_DATA];
    unsigned rounds = sizeof garbage / sizeof garbage[0];
    for (unsigned i = 0; i < rounds; i++) {
        uint32_t word = garbage[i];
        struct command c = {.in = 1, .length = 18, .setup = {0x80, 6, 0, 1, 0, 0, 18, 0}};
        c.start_frame = c.interval = word;
        c.packets = (int32_t)word;
        c.flags = word & ~USBIP_SHORT_NOT_OK;
        CHECK_EQUAL(transfer(fd, c, NULL)->actual, 18);
        c.in = 0; /* OUT with data, then without; there the direction means nothing, either */
        memcpy(c.setup, (const uint8_t[]){0x21, 0x40, 7, 0, 0, 0, 18, 0}, 8);
        c.flags = word;
        CHECK_EQUAL(transfer(fd, c, data)->status, 0);
        memcpy(c.setup, (const uint8_t[]){0x21, 0x43, 1, 0, 0, 0, 0, 0}, 8);
        c.in = i % 2;
        c.length = 0;
        c.flags = word & ~USBIP_SHORT_NOT_OK;
        CHECK_EQUAL(transfer(fd, c, NULL)->status, 0);
        memset(c.setup, (int)(0x80 | i), sizeof c.setup); /* a setup packet is for endpoint 0 alone */
        memcpy(c.setup, (const uint8_t[]){0, USB_SET_ADDRESS, 9, 0}, i % 2 ? 4 : 0);
        c.ep = FAKE_EP_DATA;
        c.in = 0;
        c.length = 64;
        c.flags = word & ~USBIP_ZERO_PACKET;
        CHECK_EQUAL(transfer(fd, c, data)->actual, 64);
        CHECK_EQUAL(ep->packets_out, i + 1);
        c.in = 1;
        c.flags = (word | USBIP_ZERO_PACKET) & ~USBIP_SHORT_NOT_OK; /* an empty packet is for OUT alone */
        fake_in(&fakes[0], FAKE_EP_DATA, data, 3);
        CHECK_EQUAL(transfer(fd, c, NULL)->actual, 3);
    }
    CHECK_EQUAL(ep->out_count, 0); /* 64 bytes and no empty packet: one transfer that goes on */
    CHECK_EQUAL(stats()->refused + stats()->malformed, 0);
    get_device(fd);
}

/* Its direction and endpoint are those of nothing. */
TEST(usbip_unlink_with_garbage)
{
    int fd = attach_data();
    uint32_t victim = command_say(fd, bulk_in, NULL);
    struct command c = {.code = USBIP_CMD_UNLINK,
                        .in = 7,
                        .ep = UINT32_MAX,
                        .flags = victim,
                        .length = -1,
                        .packets = -1,
                        .start_frame = 5,
                        .interval = 6,
                        .setup = {9, 9, 9, 9, 9, 9, 9, 9}};
    command_say(fd, c, NULL);
    const struct ret *r = ret(fd, false);
    CHECK_EQUAL(r->code, USBIP_RET_UNLINK);
    CHECK_EQUAL(r->status, USBIP_ECONNRESET);
    get_device(fd);
    CHECK_EQUAL(stats()->malformed, 0);
}

TEST(usbip_refuses_what_is_too_large)
{
    static uint8_t data[SERVER_TRANSFER_MAX + 1];
    int fd = attach_data();
    struct command in = bulk_in;
    in.length = SERVER_TRANSFER_MAX + 1;
    CHECK_EQUAL(transfer(fd, in, NULL)->status, USBIP_EMSGSIZE);
    in.length = INT32_MAX;
    CHECK_EQUAL(transfer(fd, in, NULL)->status, USBIP_EMSGSIZE);
    CHECK_EQUAL(transfer(fd, bulk_out(sizeof data), data)->status, USBIP_EMSGSIZE);
    get_device(fd); /* all of its data was read over */
    CHECK_EQUAL(stats()->refused, 3);
    CHECK_EQUAL(stats()->malformed, 0);
}

TEST(usbip_refuses_too_many)
{
    uint32_t first = 0;
    int fd = attach_data();
    for (unsigned i = 0; i < USBIP_URBS_MAX; i++) {
        uint32_t number = command_say(fd, bulk_in, NULL);
        first = i == 0 ? number : first;
    }
    steps(1);
    CHECK(quiet(fd));
    CHECK_EQUAL(transfer(fd, bulk_in, NULL)->status, USBIP_ENOMEM);
    CHECK_EQUAL(transfer(fd, bulk_out(3), "abc")->status, USBIP_ENOMEM);
    fake_in(&fakes[0], FAKE_EP_DATA, "ok", 2);
    CHECK_EQUAL(ret(fd, true)->seqnum, first); /* room for one */
    CHECK_EQUAL(transfer(fd, bulk_out(3), "abc")->status, 0);
    CHECK_EQUAL(stats()->refused, 2);
}

TEST(usbip_refuses_too_many_bytes)
{
    int fd = attach_data();
    struct command large = bulk_in;
    large.length = SERVER_TRANSFER_MAX;
    for (unsigned i = 0; i < 3; i++)
        command_say(fd, large, NULL);
    steps(1);
    CHECK(quiet(fd));
    CHECK_EQUAL(transfer(fd, large, NULL)->status, USBIP_ENOMEM);
    get_device(fd);
}

/* ---- Unlink ---- */

TEST(usbip_unlink_pending_twice_and_unknown)
{
    int fd = attach_data();
    uint32_t one = command_say(fd, bulk_in, NULL), two = command_say(fd, bulk_in, NULL);
    steps(5);
    uint32_t by = unlink_say(fd, one);
    const struct ret *r = ret(fd, false);
    CHECK_EQUAL(r->code, USBIP_RET_UNLINK);
    CHECK_EQUAL(r->seqnum, by);
    CHECK_EQUAL(r->status, USBIP_ECONNRESET);
    unlink_say(fd, one); /* again */
    CHECK_EQUAL(ret(fd, false)->status, 0);
    unlink_say(fd, 0x7777); /* never seen */
    CHECK_EQUAL(ret(fd, false)->status, 0);
    steps(5);
    CHECK(quiet(fd)); /* no RET_SUBMIT of what was unlinked */
    fake_in(&fakes[0], FAKE_EP_DATA, "abc", 3);
    r = ret(fd, true);
    CHECK_EQUAL(r->seqnum, two);
    CHECK_EQUAL(r->actual, 3);
    CHECK_EQUAL(stats()->cancels, 3);
}

/* Both are on their way when the other end decides: first the return, then 0. */
TEST(usbip_unlink_completed)
{
    int fd = attach_data();
    fake_in(&fakes[0], FAKE_EP_DATA, "abc", 3);
    uint32_t number = command_say(fd, bulk_in, NULL);
    steps(5);
    uint32_t by = unlink_say(fd, number);
    const struct ret *r = ret(fd, true);
    CHECK_EQUAL(r->code, USBIP_RET_SUBMIT);
    CHECK_EQUAL(r->actual, 3);
    r = ret(fd, false);
    CHECK_EQUAL(r->code, USBIP_RET_UNLINK);
    CHECK_EQUAL(r->seqnum, by);
    CHECK_EQUAL(r->status, 0);
}

/* Linux' client sends some unlinks before their transfers: these are not begun, and the unlink's return comes when they are
 * there, as their only one. */
TEST(usbip_unlink_before_its_transfer)
{
    int fd = attach_data();
    fake_in(&fakes[0], FAKE_EP_DATA, "abc", 3);
    for (unsigned out = 0; out < 2; out++) {
        struct command victim = out ? bulk_out(300) : bulk_in;
        static const uint8_t data[300];
        victim.seqnum = ++seqnum;
        uint32_t by = unlink_say(fd, victim.seqnum);
        steps(5);
        CHECK(quiet(fd));
        command_say(fd, victim, data);
        const struct ret *r = ret(fd, false);
        CHECK_EQUAL(r->code, USBIP_RET_UNLINK);
        CHECK_EQUAL(r->seqnum, by);
        CHECK_EQUAL(r->status, USBIP_ECONNRESET);
        steps(5);
        CHECK(quiet(fd));
    }
    CHECK_EQUAL(fakes[0].ep[FAKE_EP_DATA].packets_out, 0);
    const struct ret *r = transfer(fd, bulk_in, NULL); /* nothing was taken from it */
    CHECK_EQUAL(r->actual, 3);
    CHECK_EQUAL(transfer(fd, bulk_out(4), "kept")->status, 0);
    for (unsigned i = 0; i < 4; i++) { /* some that never come are remembered, and no more */
        unlink_say(fd, ++seqnum);
        steps(1);
        CHECK(quiet(fd));
    }
    unlink_say(fd, ++seqnum);
    CHECK_EQUAL(ret(fd, false)->status, 0);
}

TEST(usbip_unlink_in_the_middle_keeps_the_toggle)
{
    static uint8_t data[512];
    int fd = attach_data();
    struct fake_ep *ep = &fakes[0].ep[FAKE_EP_DATA];
    fake_in(&fakes[0], FAKE_EP_DATA, data, 64 * 3); /* full packets: the transfer waits for more */
    uint32_t number = command_say(fd, bulk_in, NULL);
    steps(3);
    CHECK_EQUAL(ep->packets_in, 3);
    unlink_say(fd, number);
    CHECK_EQUAL(ret(fd, false)->status, USBIP_ECONNRESET);
    fake_in(&fakes[0], FAKE_EP_DATA, "next", 4);
    const struct ret *r = transfer(fd, bulk_in, NULL);
    CHECK_EQUAL(r->actual, 4);
    CHECK_BYTES(r->data, "next", 4);
    ep->out_answer = CABLE_NAK; /* the same, OUT */
    number = command_say(fd, bulk_out(4), "lost");
    steps(3);
    unlink_say(fd, number);
    CHECK_EQUAL(ret(fd, false)->status, USBIP_ECONNRESET);
    ep->out_answer = CABLE_ACK;
    CHECK_EQUAL(transfer(fd, bulk_out(4), "kept")->status, 0);
    CHECK_BYTES(ep->out, "kept", 4);
    CHECK_EQUAL(ep->out_length, 4);
}

/* ---- What breaks the protocol ---- */

TEST(usbip_wrong_commands_close_and_count)
{
    static const struct command wrong[] = {
        {.code = USBIP_CMD_SUBMIT, .device = 1, .in = 1, .length = 1},
        {.code = USBIP_CMD_SUBMIT, .device = UINT32_MAX, .in = 1, .length = 1},
        {.code = USBIP_CMD_UNLINK, .device = 1},
        {.code = USBIP_CMD_SUBMIT, .in = 2},
        {.code = USBIP_CMD_SUBMIT, .in = 1, .ep = 16},
        {.code = USBIP_CMD_SUBMIT, .in = 1, .ep = 0x80 | FAKE_EP_DATA},
        {.code = USBIP_CMD_SUBMIT, .in = 1, .ep = FAKE_EP_DATA, .length = -1},
        {.code = USBIP_CMD_SUBMIT, .ep = FAKE_EP_DATA, .length = INT32_MIN},
        {.code = USBIP_CMD_SUBMIT, .in = 1, .ep = EP_ISO, .packets = USBIP_ISO_MAX + 1},
        {.code = USBIP_CMD_SUBMIT, .in = 1, .ep = EP_ISO, .packets = -1},
        {.code = USBIP_RET_SUBMIT},
        {.code = USBIP_RET_UNLINK},
        {.code = 5},
        {.code = 0x01118005}, /* an operation */
    };
    begin_with(2, true);
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int other = attach("1-2"), fd = attach("1-1");
        command_say(fd, wrong[i], NULL);
        steps(1);
        if (!closed(fd) || stats()->malformed != i + 1)
            TEST_FAIL("case %u: %u malformed", i, stats()->malformed);
        steps(1);
        CHECK(quiet(other));
        hang_up(other);
        back_again();
    }
}

TEST(usbip_seqnum_twice)
{
    int fd = attach_data();
    struct command c = bulk_in;
    c.seqnum = 50;
    fake_in(&fakes[0], FAKE_EP_DATA, "abc", 3);
    transfer(fd, c, NULL);
    command_say(fd, c, NULL); /* it's free again */
    steps(2);
    CHECK(quiet(fd));
    command_say(fd, c, NULL);
    steps(2);
    CHECK(closed(fd));
    CHECK_EQUAL(stats()->malformed, 1);
    back_again();
}

/* A client's whole life in one stream; where its messages begin is noted. */
static void stream_add(struct stream *s, const void *bytes, size_t length)
{
    s->starts[s->count++] = s->length;
    memcpy(s->bytes + s->length, bytes, length);
    s->length += length;
}

static void stream_command(struct stream *s, struct command c, const void *data)
{
    uint8_t bytes[HEAD + 256];
    size_t length = !c.in && c.code == USBIP_CMD_SUBMIT ? (size_t)c.length : 0;
    c.seqnum = (uint32_t)s->count;
    command_put(bytes, &c);
    if (length != 0)
        memcpy(bytes + HEAD, data, length);
    if (c.packets > 0) {
        memset(bytes + HEAD + length, 0, USBIP_ISO_LENGTH);
        length += USBIP_ISO_LENGTH;
    }
    stream_add(s, bytes, HEAD + length);
}

static void stream_fill(struct stream *s)
{
    static const char busid[USBIP_BUSID_LENGTH] = "1-1";
    uint8_t import_bytes[OP + USBIP_BUSID_LENGTH];
    *s = (struct stream){0};
    memcpy(import_bytes, IMPORT, OP);
    memcpy(import_bytes + OP, busid, sizeof busid);
    stream_add(s, import_bytes, sizeof import_bytes);
    stream_command(s, (struct command){1, .in = 1, .length = 18, .setup = {0x80, 6, 0, 1, 0, 0, 18, 0}},
                   NULL);
    stream_command(s, (struct command){1, .setup = {1, USB_SET_INTERFACE, 1, 0, 1}}, NULL);
    stream_command(s, (struct command){1, .ep = FAKE_EP_DATA, .length = 9}, "some data");
    stream_command(s, (struct command){1, .in = 1, .ep = FAKE_EP_DATA, .length = 100}, NULL);
    stream_command(s, (struct command){1, .ep = EP_ISO, .length = 5, .packets = 1}, "refus");
    stream_command(s, (struct command){2, .flags = 4}, NULL);
}

TEST(usbip_stream_cut_off_after_every_byte)
{
    static struct stream s;
    stream_fill(&s);
    begin_with(1, true);
    for (size_t cut = 0; cut <= s.length; cut++) {
        uint32_t before = stats()->malformed;
        bool whole = cut == s.length;
        for (size_t i = 0; i < s.count; i++)
            whole |= s.starts[i] == cut;
        int fd = client();
        say(fd, s.bytes, cut);
        steps(cut % 3);
        hang_up(fd);
        back_again();
        if (stats()->malformed != before + !whole)
            TEST_FAIL("cut after %zu of %zu bytes: %u counted as malformed", cut, s.length,
                      stats()->malformed - before);
    }
    CHECK_EQUAL(stats()->given, s.length - (OP + USBIP_BUSID_LENGTH) + 1);
    get_device(attach("1-1"));
}

/* The same, a byte at a time: nothing depends on how a stream is cut into packets. */
TEST(usbip_stream_byte_by_byte)
{
    static struct stream s;
    static const int32_t wanted[] = {0, 0, 0, USBIP_EINVAL, USBIP_ECONNRESET};
    uint8_t answer[OP + USBIP_DEVICE_LENGTH];
    stream_fill(&s);
    begin_with(1, true);
    fakes[0].notify = false;
    int fd = client();
    for (size_t i = 0; i < s.length; i++) {
        say(fd, s.bytes + i, 1);
        steps(1);
    }
    hear(fd, answer, sizeof answer);
    for (unsigned i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        CHECK_EQUAL(ret(fd, i == 0)->status, wanted[i]);
    CHECK_BYTES(fakes[0].ep[FAKE_EP_DATA].out, "some data", 9);
    CHECK_EQUAL(stats()->malformed, 0);
}

/* Rubbish, and good streams with a few bytes changed; a client of the other device notices nothing. */
TEST(usbip_random_bytes)
{
    static struct stream s;
    random_state = 1;
    begin(2);
    int other = attach("1-2");
    for (unsigned round = 0; round < 400; round++) {
        stream_fill(&s);
        size_t from = round % 4 == 0 ? 0 : round % 4 == 1 ? OP + USBIP_BUSID_LENGTH : s.length;
        for (size_t i = from; i < s.length; i++)
            s.bytes[i] = (uint8_t)random_next(256);
        for (unsigned n = 0; n < round % 8; n++)
            s.bytes[OP + USBIP_BUSID_LENGTH + random_next((uint32_t)s.length - 40)] =
                (uint8_t)random_next(256);
        int fd = client();
        if (send(fd, s.bytes, s.length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)s.length)
            TEST_FAIL("round %u: the stream doesn't fit a socket", round);
        steps(1 + random_next(20));
        hang_up(fd);
        steps(2);
        if (round % 20 == 0)
            serves(other, 1);
    }
    steps(BACK_MS);
    get_device(attach("1-1"));
    CHECK(stats()->malformed > 100);
}

/* ---- Lives ---- */

TEST(usbip_client_that_does_not_read)
{
    uint8_t one[HEAD];
    begin(2);
    int deaf = attach("1-1"), other = attach("1-2");
    size_t before = __sanitizer_get_current_allocated_bytes(), said_bytes = 0;
    for (unsigned idle = 0, at = 0; idle < 50;) {
        struct command c = {USBIP_CMD_SUBMIT, ++seqnum, .in = 1, .length = 255,
                            .setup = {0x80, 6, 0, 2, 0, 0, 255, 0}};
        if (at == 0)
            command_put(one, &c);
        ssize_t sent = send(deaf, one + at, HEAD - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        at = (at + (sent > 0 ? (unsigned)sent : 0)) % HEAD;
        said_bytes += sent > 0 ? (size_t)sent : 0;
        idle = sent > 0 ? 0 : idle + 1;
        CHECK(said_bytes < 16u << 20); /* so much no socket takes */
        if (sent < 0 || seqnum % 16 == 0)
            steps(1);
    }
    CHECK(__sanitizer_get_current_allocated_bytes() - before < SERVER_BYTES_MAX + (2u << 20));
    serves(other, 1);
    CHECK_EQUAL(devlist(client(), false), 0);
    CHECK(stats()->refused > 0);
    uint32_t served = 0, submits = stats()->transfers;
    for (uint32_t i = 0; i < submits / 2; i++) /* it reads at last: nothing is lost, the order is kept */
        served += ret(deaf, true)->status == 0;
    CHECK(served > 100);
    hang_up(deaf);
    hang_up(other);
    back_again();
    CHECK(__sanitizer_get_current_allocated_bytes() <= before);
}

TEST(usbip_device_goes_away)
{
    int fd = attach_data();
    command_say(fd, bulk_in, NULL);
    steps(2);
    fakes[0].pull_up = false;
    steps(3);
    CHECK(closed(fd));
    CHECK(!server_available(server, 0));
    CHECK_EQUAL(devlist(client(), false), 0);
    fakes[0].pull_up = true;
    steps(UP_MS);
    CHECK_EQUAL(devlist(client(), false), 1);
    get_device(attach("1-1"));
    CHECK_EQUAL(stats()->malformed, 0);
    CHECK(strstr(said, "1-1 has gone away from its client") != NULL);
}

/* A device that has been reset: it still pulls up, but doesn't know its address any more. */
TEST(usbip_device_forgets_its_address)
{
    begin(1);
    int fd = attach("1-1");
    fakes[0].address = 0;
    command_say(fd, (struct command){.in = 1, .length = 2, .setup = {0x80, 0, 0, 0, 0, 0, 2, 0}}, NULL);
    CHECK_EQUAL(ret(fd, true)->status, USBIP_EPROTO);
    for (unsigned ms = 0; !closed(fd); ms++) {
        CHECK(ms < 2000);
        steps(1);
    }
    get_device(attach("1-1")); /* waits until it's there again */
}

TEST(usbip_attach_a_hundred_times)
{
    begin(1);
    size_t before = __sanitizer_get_current_allocated_bytes();
    for (unsigned i = 1; i <= 100; i++) {
        unsigned pulled = fakes[0].resets;
        fakes[0].log_count = 0;
        int fd = attach("1-1");
        get_device(fd);
        command_say(fd, (struct command){.in = 1, .ep = FAKE_EP_NOTIFY, .length = 16}, NULL); /* under way */
        steps(i % 3);
        hang_up(fd);
        steps(2);
        CHECK(!fakes[0].vbus);
        CHECK_EQUAL(stats()->given, i);
        CHECK(!server_available(server, 0));
        steps(BACK_MS);
        CHECK(server_available(server, 0));
        CHECK_EQUAL(fakes[0].resets, pulled + 2); /* as from the box */
    }
    CHECK_EQUAL(__sanitizer_get_current_allocated_bytes(), before);
    CHECK_EQUAL(stats()->malformed, 0);
}

TEST(usbip_two_devices_two_clients)
{
    begin(2);
    CHECK(fakes[0].address != fakes[1].address);
    fakes[1].strings[3] = "0002";
    int one = attach("1-1"), two = attach("1-2");
    for (unsigned i = 0; i < 2; i++) {
        int fd = i == 0 ? one : two;
        struct command c = {.device = i, .in = 1, .length = 255, .setup = {0x80, 6, 3, 3, 9, 4, 255, 0}};
        command_say(fd, c, NULL);
        const struct ret *r = ret(fd, true);
        CHECK_EQUAL(r->actual, 10);
        CHECK_EQUAL(r->data[8], '1' + (int)i);
    }
    hang_up(one);
    steps(2);
    CHECK(quiet(two));
    CHECK(!fakes[0].vbus);
    CHECK(fakes[1].vbus);
}

TEST(usbip_silent_client_is_hung_up_on)
{
    begin(1);
    int nothing = client(), half = client(), attached = attach("1-1");
    say(half, IMPORT "1-", OP + 2);
    steps(SERVER_REQUEST_MS_MAX - 50);
    CHECK(quiet(nothing) && quiet(half));
    steps(60);
    CHECK(closed(nothing) && closed(half));
    CHECK_EQUAL(stats()->timeouts, 2);
    steps(2 * SERVER_REQUEST_MS_MAX);
    get_device(attached); /* whoever has a device may be silent */
}

TEST(usbip_connections_have_a_bound)
{
    begin(1);
    for (unsigned i = 0; i < SERVER_CONNECTIONS_MAX; i++)
        CHECK(quiet(client()));
    CHECK(closed(client()));
    CHECK_EQUAL(stats()->refused, 1);
    hang_up(fds[0]);
    steps(1);
    get_device(attach("1-1"));
}

TEST(usbip_ends_with_everything_open)
{
    size_t before = __sanitizer_get_current_allocated_bytes();
    int fd = attach_data();
    uint8_t half[HEAD + 10] = {0};
    for (unsigned i = 0; i < 10; i++)
        command_say(fd, bulk_in, NULL);
    command_put(half, &(struct command){USBIP_CMD_SUBMIT, 99, .ep = FAKE_EP_DATA, .length = 20});
    say(fd, half, sizeof half);
    steps(3);
    end();
    CHECK(__sanitizer_get_current_allocated_bytes() <= before);
}

TEST(usbip_listens)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct cable cable;
    char error[256];
    end();
    fake_init(&fakes[0]);
    fake_count = 1;
    cable = fake_cable(&fakes[0]);
    struct server_config config = {.cables = &cable, .count = 1};
    server = start(&config);
    CHECK(server_port(server, 0) != 0);
    steps(UP_MS);
    name.sin_port = htons(server_port(server, 0));
    int fd = fds[fd_count++] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQUAL(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    CHECK_EQUAL(import(fd, "1-1"), ST_OK);
    get_device(fd);
    config.port = server_port(server, 0);
    CHECK(usbip_new(&config, error, sizeof error) == NULL);
    CHECK(strstr(error, "in use") != NULL);
    config.address = "localhost";
    CHECK(usbip_new(&config, error, sizeof error) == NULL);
    CHECK(strstr(error, "not an IPv4 address") != NULL);
    config = (struct server_config){.port = -1, .cables = &cable, .count = 0};
    CHECK(usbip_new(&config, error, sizeof error) == NULL);
    config.count = SERVER_DEVICES_MAX + 1;
    CHECK(usbip_new(&config, error, sizeof error) == NULL);
    config.count = 1;
    config.pcap = "/nonexistent/x";
    CHECK(usbip_new(&config, error, sizeof error) == NULL);
    CHECK(strstr(error, "/nonexistent/x") != NULL);
}

static bool never(void *context)
{
    ++*(unsigned *)context;
    return false;
}

TEST(usbip_run_ends)
{
    unsigned asked = 0;
    begin(1);
    uint64_t before = server_time_ns(server);
    server_run(server, 0, -1, never, &asked);
    CHECK_EQUAL(asked, 1);
    CHECK_EQUAL(server_time_ns(server), before);
    server_run(server, 0.02, -1, NULL, NULL);
    CHECK_EQUAL(server_time_ns(server), before + 20000000);
    int stop = fds[fd_count++] = eventfd(1, 0);
    server_run(server, 0, stop, NULL, NULL);
    CHECK_EQUAL(server_time_ns(server), before + 20000000);
    end();
}

TEST_MAIN()
