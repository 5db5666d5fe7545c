/*
 * What Windows asks for in vendor requests: any SETUP packet, any room. The functions are like the demo's.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "usb/usb_descriptor.c"

static void function_registry(const struct usb_function *function, struct usb_writer *writer)
{
    (void)function;
    usb_winusb_property(writer, "{0BDD6E4D-6B8A-4A8A-8B6C-2C2F5B1E9C11}");
}

static const struct usb_function_ops first_ops = {.interfaces = 2, .compatible_id = "WINNCM"};
static const struct usb_function_ops second_ops = {
    .interfaces = 1, .compatible_id = "WINUSB", .registry = function_registry};

static struct usb_function first = {.ops = &first_ops, .in_first = 1, .out_first = 1, .string_first = 4};
static struct usb_function second = {
    .ops = &second_ops, .interface_first = 2, .in_first = 3, .out_first = 2, .string_first = 5};
static struct usb_function *const functions[] = {&first, &second};
static struct usb_device_config config = {.functions = functions, .function_count = 2};
static const struct udc_ops port_ops;
static struct udc port = {.ops = &port_ops, .ep0_packet_size = 64};
static struct usb_device device = {.config = &config, .udc = &port};

static struct usb_writer any_writer(void)
{
    size_t capacity = any_size(USB_CONTROL_MAX);

    return (struct usb_writer){any_bytes(capacity), capacity, 0};
}

void prove_usb_writer_put(void)
{
    size_t length = any_size(UINT8_MAX);
    const void *bytes = any_bytes(length);
    struct usb_writer writer = any_writer(), before;

    writer.length = any_size(UINT16_MAX);
    before = writer;
    usb_writer_put(&writer, bytes, length);
    PROVE(writer.length == before.length + length);
    if (length > 0 && writer.length <= writer.capacity)
        REACHED("bytes that fit");
}

/* ---- What hosts ask for. ---- */

void prove_usb_descriptor_vendor(void)
{
    struct usb_writer writer = any_writer(), before = writer;
    struct usb_setup setup = {nondet_u8(), nondet_u8(), nondet_u16(), nondet_u16(), nondet_u16()};

    bool found = usb_descriptor_vendor(&device, &setup, &writer);
    PROVE(writer.bytes == before.bytes && writer.capacity == before.capacity);
    PROVE(!found || (setup.bmRequestType & USB_DIR_IN) != 0);
    if (found && writer.length <= writer.capacity)
        REACHED("one that fits");
}
