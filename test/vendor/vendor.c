/*
 * A product with a vendor function for tests: a source and a sink for the kernel's usbtest module, and an echo with checksums.
 * Played by test/vm/guest/vendor.py and the system tests. -DVENDOR_TWO: with a second function, an echo, and DFU. -DVENDOR_FIRST:
 * before NCM, and with IDs that usbtest knows.
 *
 *   vendor request          to the device or the interface
 *   OUT 0x10 wValue         what comes from the next link(true) on: 0 source and sink, 1 echo, 2 keep messages back
 *   OUT 0x11                take the message that was kept back
 *   IN  0x12                counters: struct counters, little-endian words
 *   OUT 0x5B, IN 0x5C       bytes to keep, and the same back: usbtest 14 and 21
 *
 * An echo is a message of 8 bytes more: length and CRC-32 of what came, then that.
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plugnet/plugnet.h"
#include "usb/vendor.h"

#define MESSAGE_MAX 4096
#define SOURCE_SIZE 1024

enum mode { MODE_SOURCE_SINK, MODE_ECHO, MODE_HOLD };

/* One interface and its memory. */
struct end {
    struct vendor vendor; /* first: callbacks find us by it */
    uint8_t mode, mode_next;
    bool held;        /* a message waits in `message` */
    uint8_t *message; /* what is echoed, or kept back */
    size_t length;
    uint32_t bad; /* bytes in the sink that aren't usbtest's pattern 1 */
    uint32_t links;
    uint8_t head[8];
    uint8_t kept[USB_CONTROL_MAX];
    size_t kept_length;
    uint8_t buffer[VENDOR_BUFFER_SIZE(MESSAGE_MAX)] __attribute__((aligned(4)));
};

static uint8_t source[SOURCE_SIZE];

static struct end *end_of(struct vendor *vendor)
{
    return (struct end *)(void *)vendor;
}

static uint32_t crc32(const uint8_t *bytes, size_t length)
{
    uint32_t crc = ~0u;

    for (const uint8_t *end = bytes + length; bytes != end; bytes++) {
        crc ^= *bytes;
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
        }
    }
    return ~crc;
}

/* Whole packets without end: usbtest reads as much as it likes. */
static void source_send(struct vendor *vendor)
{
    const struct usb_iov pieces[] = {{source, SOURCE_SIZE}, {source, SOURCE_SIZE}};

    vendor_send(vendor, pieces, 2, true);
}

static void next_receive(struct end *e)
{
    vendor_receive(&e->vendor, e->buffer, sizeof e->buffer);
}

static void echo_send(struct end *e)
{
    struct usb_iov pieces[] = {{e->head, sizeof e->head}, {e->message, (uint32_t)e->length}};

    store_le32(e->head, (uint32_t)e->length);
    store_le32(e->head + 4, crc32(e->message, e->length));
    if (!vendor_send(&e->vendor, pieces, 2, false)) {
        next_receive(e); /* no link any more */
    }
}

static void sink(struct end *e, const uint8_t *message, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        e->bad += message[i] != i % VENDOR_PACKET_SIZE % 63;
    }
}

static void end_link(struct vendor *vendor, bool up)
{
    struct end *e = end_of(vendor);

    e->held = false;
    e->links += up;
    if (up) {
        e->mode = e->mode_next;
        next_receive(e);
        if (e->mode == MODE_SOURCE_SINK) {
            source_send(vendor);
        }
    }
}

static void end_received(struct vendor *vendor, uint8_t *message, size_t length)
{
    struct end *e = end_of(vendor);

    e->message = message;
    e->length = length;
    if (e->mode == MODE_SOURCE_SINK) {
        sink(e, message, length);
        next_receive(e);
    } else if (e->mode == MODE_ECHO) {
        echo_send(e); /* the buffer is lent again when that has left */
    } else {
        e->held = true;
    }
}

static void end_sent(struct vendor *vendor, bool acknowledged)
{
    struct end *e = end_of(vendor);

    if (e->mode == MODE_SOURCE_SINK) {
        source_send(vendor);
    } else if (acknowledged || vendor_link_up(vendor)) {
        next_receive(e);
    }
}

static size_t counters_put(const struct end *e, uint8_t *reply)
{
    const struct vendor_stats *s = &e->vendor.stats;
    const uint32_t words[] = {s->out_messages, s->out_bytes,  s->out_too_long, s->in_messages, s->in_bytes,
                              s->in_lost,      s->in_refused, e->bad,          e->links,       e->held};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        store_le32(reply + 4 * i, words[i]);
    }
    return sizeof words;
}

static bool end_control(struct vendor *vendor, const struct usb_setup *setup, uint8_t *reply, size_t *length)
{
    struct end *e = end_of(vendor);

    switch ((setup->bmRequestType & USB_DIR_IN) << 8 | setup->bRequest) {
    case 0x10:
        e->mode_next = (uint8_t)setup->wValue;
        return setup->wLength == 0 && setup->wValue <= MODE_HOLD;
    case 0x11:
        if (setup->wLength != 0 || !e->held) {
            return false;
        }
        e->held = false;
        echo_send(e);
        return true;
    case 0x5B: return true;
    case USB_DIR_IN << 8 | 0x12: *length = counters_put(e, reply); return true;
    case USB_DIR_IN << 8 | 0x5C:
        memcpy(reply, e->kept, e->kept_length);
        *length = e->kept_length;
        return true;
    default: return false;
    }
}

static bool end_control_out(struct vendor *vendor, const struct usb_setup *setup, const uint8_t *data,
                            size_t length)
{
    struct end *e = end_of(vendor);

    (void)setup; /* only 0x5B has data */
    memcpy(e->kept, data, length);
    e->kept_length = length;
    return true;
}

#define END_CALLBACKS                                                                                        \
    .link = end_link, .received = end_received, .sent = end_sent, .control = end_control,                    \
    .control_out = end_control_out

static struct end first;
static const struct vendor_config first_config = {.vendor = &first.vendor,
                                                  .guid = "{5a8d2b1e-0c4f-4f0e-9b57-3c1d8e6a7f21}",
                                                  .name = "source and sink",
                                                  END_CALLBACKS};
static const struct plugnet_function first_function = PLUGNET_VENDOR("vendor", &first_config);

#ifdef VENDOR_TWO
static struct end second;
static const struct vendor_config second_config = {
    .vendor = &second.vendor, .guid = "{c2f0a6d4-7b39-4e51-8a02-64d5e19b3f70}", END_CALLBACKS};
static const struct plugnet_function second_function = PLUGNET_VENDOR("vendor2", &second_config);
#define FUNCTIONS &plugnet_ncm, &first_function, &second_function, &plugnet_dfu
#elif defined(VENDOR_FIRST)
#define FUNCTIONS &first_function, &plugnet_ncm
#else
#define FUNCTIONS &plugnet_ncm, &first_function
#endif

static enum http_progress page_output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "<html>\n");
    return HTTP_END;
}

static const struct http_route routes[] = {{.path = "/", .type = "text/html", .output = page_output}};

static const struct plugnet_config config = {
#ifdef VENDOR_FIRST
    .vendor_id = 0x0525,
    .product_id =
        0xA4A0, /* Linux' gadget zero: usbtest takes what its table has, at interface 0 alone; never ship it */
#endif
    .product = "vendor bulk",
    .release_bcd = 0x0110,
    .landing_url = "https://plugnet.example/",
    .functions = PLUGNET_FUNCTIONS(FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
    .routes = routes,
    .route_count = 1,
};

static struct plugnet plugnet;

int main(void)
{
#ifdef VENDOR_TWO
    second.mode_next = MODE_ECHO;
#endif
    for (size_t i = 0; i < sizeof source; i++) {
        source[i] = (uint8_t)(i % VENDOR_PACKET_SIZE % 63);
    }
    plugnet_run(&plugnet, &config);
}
