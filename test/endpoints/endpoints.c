/*
 * Firmware that lists another combination of USB functions on each board: the first byte of the chip's unique ID chooses it, so
 * that one image does for all. Played by test_endpoints.py, and by Linux' drivers in test/vm/guest/endpoints.py.
 *
 * When it has started, it says on its log how the controller's FIFO memory is shared, as its registers have it: "fifo: receive,
 * endpoint 0, IN 1, IN 2 …", in words. Each vendor function sends back what it gets.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet.h"
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

#define V1 &vendors[0]
#define V2 V1, &vendors[1]
#define V3 V2, &vendors[2]
#define V4 V3, &vendors[3]

/* test_endpoints.py has the same order. */
static const struct plugnet_function *const lists[][7] = {
    {&plugnet_ncm},     {&plugnet_ncm, &plugnet_dfu},
    {&plugnet_ncm, V1}, {&plugnet_ncm, &plugnet_dfu, V1},
    {&plugnet_ncm, V2}, {&plugnet_ncm, &plugnet_dfu, V2},
    {&plugnet_ncm, V3}, {&plugnet_ncm, &plugnet_dfu, V3},
    {V1, &plugnet_ncm}, {&plugnet_ncm, V4},
};

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
}

static struct plugnet_config config = {
    .product = "endpoints",
    .release_bcd = 0x0120,
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
    .started = started,
};

static struct plugnet plugnet;

int main(void)
{
    config.functions = lists[(uint8_t)(board_uid()[0] - UID_FIRST) % (sizeof lists / sizeof lists[0])];
    plugnet_run(&plugnet, &config);
}
