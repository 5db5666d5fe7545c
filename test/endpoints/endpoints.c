/*
 * Firmware that lists another combination of USB functions on each board: the first byte of the chip's unique ID chooses it, so
 * that one image does for all. Played by test_endpoints.py, and by Linux' drivers in test/vm/guest/endpoints.py.
 *
 * When it has started, it says on its log how the controller's FIFO memory is shared, as its registers have it: "fifo: receive,
 * endpoint 0, IN 1, IN 2 …", in words; and "descriptors: " with the bytes of the configuration and of the MS OS 2.0 set. Each
 * vendor function and each serial port sends back what it gets.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet.h"
#include "usb/acm.h"
#include "usb/usb_descriptor.h"
#include "usb/vendor.h"

#define UID_FIRST 0x3A /* the virtual board's; each further board has one more */

static struct echo {
    struct vendor vendor;
    uint8_t buffer[VENDOR_BUFFER_SIZE(512)] __attribute__((aligned(4)));
} echoes[4];

static void echo_lend(struct vendor *vendor)
{
    struct echo *e = (struct echo *)(void *)vendor;

    vendor_receive(vendor, e->buffer, sizeof e->buffer);
}

static void echo_link(struct vendor *vendor, bool up)
{
    if (up) {
        echo_lend(vendor);
    }
}

static void echo_received(struct vendor *vendor, uint8_t *message, size_t length)
{
    struct usb_iov piece = {message, (uint32_t)length};

    vendor_send(vendor, &piece, 1, false);
}

static void echo_sent(struct vendor *vendor, bool acknowledged)
{
    (void)acknowledged;
    echo_lend(vendor);
}

#define ECHO(n)                                                                                              \
    {                                                                                                        \
        .vendor = &echoes[n].vendor, .guid = "{9c1e7d30-5a42-4b8f-a6d1-0f3b2e84c75" #n "}",                  \
        .link = echo_link, .received = echo_received, .sent = echo_sent                                      \
    }
static const struct vendor_config configs[4] = {ECHO(0), ECHO(1), ECHO(2), ECHO(3)};
static const struct plugnet_function vendors[4] = {
    PLUGNET_VENDOR("bulk", &configs[0]), PLUGNET_VENDOR("bulk", &configs[1]),
    PLUGNET_VENDOR("bulk", &configs[2]), PLUGNET_VENDOR("bulk", &configs[3])};

/* ---- Serial ports ---- */

#define ECHO_RING 512

static struct acm ports[2];
static uint8_t rings[2][ECHO_RING];
static uint8_t outs[2][2 * ACM_PACKET_SIZE] __attribute__((aligned(4)));

static void port_echo(void *context, uint8_t what)
{
    struct acm *port = context;
    size_t length, room = acm_room(port);
    const uint8_t *bytes = acm_peek(port, &length);

    (void)what;
    if (bytes != NULL && room > 0) {
        acm_take(port, acm_write(port, bytes, length < room ? length : room));
    }
}

#define PORT(n)                                                                                              \
    {                                                                                                        \
        .ring = rings[n], .ring_size = ECHO_RING, .out = outs[n], .out_size = sizeof outs[n],                \
        .changed = port_echo, .context = &ports[n]                                                           \
    }
static const struct acm_config port_configs[2] = {PORT(0), PORT(1)};
static struct acm ports[2] = {{.config = &port_configs[0]}, {.config = &port_configs[1]}};
static const struct plugnet_function acms[2] = {PLUGNET_ACM("acm", &ports[0]), PLUGNET_ACM("acm", &ports[1])};

/* Whole packets come without a word of it. */
static void ports_tick(void *state, uint32_t now_ms)
{
    (void)state;
    (void)now_ms;
    for (unsigned i = 0; i < 2; i++) {
        if (ports[i].up) {
            port_echo(&ports[i], 0);
        }
    }
}

static const char *ports_start(void *state, struct plugnet *p)
{
    (void)state;
    (void)p;
    return NULL;
}

static const struct plugnet_service ports_service = {
    .name = "ports", .start = ports_start, .tick = ports_tick};

/* ---- The lists ---- */

#define V1 &vendors[0]
#define V2 V1, &vendors[1]
#define V3 V2, &vendors[2]
#define V4 V3, &vendors[3]

#define A1 &acms[0]
#define A2 A1, &acms[1]

#define NCM     &plugnet_ncm
#define NCM_DFU &plugnet_ncm, &plugnet_dfu

/* test_endpoints.py has the same order. */
static const struct plugnet_function *const lists[][7] = {
    {NCM},     {NCM_DFU},     {NCM, V1}, {NCM_DFU, V1}, {NCM, V2},     {NCM_DFU, V2},
    {NCM, V3}, {NCM_DFU, V3}, {NCM, A1}, {NCM_DFU, A1}, {NCM, A1, V1}, {NCM_DFU, A1, V1},
    {V1, NCM}, {A1, NCM},     {NCM, V4}, {NCM, A2},
};

static struct plugnet plugnet;

static void descriptors_log(void)
{
    static uint8_t bytes[USB_CONTROL_MAX];
    struct usb_writer writer = {bytes, sizeof bytes, 0};
    char text[48];
    struct text line = text_over(text, sizeof text - 1);

    usb_descriptor_standard(&plugnet.usb, USB_DT_CONFIGURATION << 8, 0, &writer);
    text_put(&line, "descriptors: ");
    text_put_u32(&line, (uint32_t)writer.length);
    text_put(&line, " ");
    text_put_u32(&line, (uint32_t)usb_descriptor_ms_os_length(&plugnet.usb));
    text_put(&line, "\n");
    text[line.length] = 0;
    board_log(text);
}

static void put_words(struct text *line, uintptr_t address)
{
    text_put(line, " ");
    text_put_u32(line, *(const volatile uint32_t *)address >> (address == 0x50000024u ? 0 : 16));
}

/* GRXFSIZ, DIEPTXF0, DIEPTXF1 …, of which the chip has one for each IN endpoint. */
static void started(void *context)
{
    char text[80];
    struct text line = text_over(text, sizeof text - 1);

    (void)context;
    text_put(&line, "fifo:");
    put_words(&line, 0x50000024u);
    put_words(&line, 0x50000028u);
    for (uintptr_t at = 0x50000104u; at < 0x50000118u && *(const volatile uint32_t *)at >> 16 != 0; at += 4) {
        put_words(&line, at);
    }
    text_put(&line, "\n");
    text[line.length] = 0;
    board_log(text);
    descriptors_log();
}

static struct plugnet_config config = {
    .product = "endpoints",
    .release_bcd = 0x0120,
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &ports_service),
    .started = started,
};

int main(void)
{
    config.functions = lists[(uint8_t)(board_uid()[0] - UID_FIRST) % (sizeof lists / sizeof lists[0])];
    plugnet_run(&plugnet, &config);
}
