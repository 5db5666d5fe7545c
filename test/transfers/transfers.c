/*
 * Firmware whose transfers are at a controller's limits: a vendor function that sends back messages of more packets than one
 * of its transfers may have, and a function whose OUT packets end within a word. Played by test/vboard/test_transfers.c.
 *
 *   endpoint OUT 1, IN 1: what comes goes back, by two pieces of which the second lies anywhere
 *   endpoint OUT 2, IN 2: 15 bytes by packets of 5 come back, and GUARD bytes behind them that nobody may touch
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "board/board.h"
#include "usb/usb_device.h"
#include "usb/vendor.h"

#define MESSAGE_MAX 70000
#define ODD_SIZE    5
#define ODD_BYTES   (3 * ODD_SIZE)
#define GUARD       5

static struct transfers {
    struct usb_device usb;
    struct vendor vendor;
    struct usb_function odd; /* alone: no state */
    struct usb_iov odd_piece;
    uint8_t odd_bytes[ODD_BYTES + GUARD] __attribute__((aligned(4)));
    uint8_t message[VENDOR_BUFFER_SIZE(MESSAGE_MAX)] __attribute__((aligned(4)));
} state;

/* ---- Long messages ---- */

static void long_link(struct vendor *vendor, bool up)
{
    if (up) {
        vendor_receive(vendor, state.message, sizeof state.message);
    }
}

static void long_received(struct vendor *vendor, uint8_t *message, size_t length)
{
    uint32_t first = (uint32_t)(length < 7 ? length : 7);
    struct usb_iov pieces[] = {{message, first}, {message + first, (uint32_t)length - first}};

    vendor_send(vendor, pieces, 2, false);
}

static void long_sent(struct vendor *vendor, bool acknowledged)
{
    (void)acknowledged;
    vendor_receive(vendor, state.message, sizeof state.message);
}

static const struct vendor_config long_config = {.vendor = &state.vendor,
                                                 .guid = "{0d5a7e11-6a0e-4d0c-9a0b-1f9f8f2f3c55}",
                                                 .link = long_link,
                                                 .received = long_received,
                                                 .sent = long_sent};

/* ---- Odd packets ---- */

static void odd_describe(const struct usb_function *function, struct usb_writer *writer)
{
    /* clang-format off */
    static const uint8_t descriptors[] = {
        9, USB_DT_INTERFACE, 0, 0, 2, 0xFF, 0, 0, 0,
        7, USB_DT_ENDPOINT, USB_DIR_IN | 0, USB_ENDPOINT_BULK, 64, 0, 0,
        7, USB_DT_ENDPOINT, 0, USB_ENDPOINT_INTERRUPT, ODD_SIZE, 0, 1,
    };
    /* clang-format on */
    usb_function_describe(function, writer, descriptors, sizeof descriptors);
}

static void odd_read(struct usb_function *function)
{
    memset(state.odd_bytes, 0xEE, sizeof state.odd_bytes);
    usb_device_ep_read(function->device, function->out_first, state.odd_bytes, ODD_BYTES, NULL);
}

static bool odd_alternate_set(struct usb_function *function, uint8_t number, uint8_t alternate)
{
    (void)function, (void)number;
    return alternate == 0;
}

static uint8_t odd_alternate_get(const struct usb_function *function, uint8_t number)
{
    (void)function, (void)number;
    return 0;
}

static void odd_configured(struct usb_function *function, bool on)
{
    if (on) {
        usb_device_ep_open(function->device, (uint8_t)(USB_DIR_IN | function->in_first), USB_ENDPOINT_BULK,
                           64);
        usb_device_ep_open(function->device, function->out_first, USB_ENDPOINT_INTERRUPT, ODD_SIZE);
        odd_read(function);
    }
}

static void odd_halted(struct usb_function *function, uint8_t ep, bool on)
{
    (void)function, (void)ep, (void)on;
}

static void odd_transferred(struct usb_function *function, uint32_t events)
{
    if ((events & USB_EVENT_OUT(function->out_first)) != 0) {
        state.odd_piece = (struct usb_iov){state.odd_bytes, sizeof state.odd_bytes};
        usb_device_ep_write(function->device, (uint8_t)(USB_DIR_IN | function->in_first), &state.odd_piece, 1,
                            true);
    } else {
        odd_read(function);
    }
}

static const struct usb_function_ops odd_ops = {.interfaces = 1,
                                                .in_endpoints = 1,
                                                .out_endpoints = 1,
                                                .describe = odd_describe,
                                                .alternate_set = odd_alternate_set,
                                                .alternate_get = odd_alternate_get,
                                                .configured = odd_configured,
                                                .halted = odd_halted,
                                                .transferred = odd_transferred};

static struct usb_function *const functions[] = {&state.vendor.function, &state.odd};
/* clang-format off */
static const struct usb_device_config usb_config = {
    .vendor_id = 0x1209, .product_id = 0x0009, .release_bcd = 0x0100, /* for tests only: never ship it */
    .product = "Transfers", .power_ma = 100, .functions = functions, .function_count = 2};
/* clang-format on */

int main(void)
{
    struct udc_shortage shortage;

    board_init();
    vendor_init(&long_config);
    state.odd.ops = &odd_ops;
    if (!usb_device_init(&state.usb, &usb_config, board_udc(), &shortage)) {
        board_halt();
    }
    usb_device_attach(&state.usb);
    for (;;) {
        usb_device_poll(&state.usb);
        board_idle();
    }
}
