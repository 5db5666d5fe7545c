/*
 * The vendor function. See vendor.h.
 *
 * OUT is armed while a buffer is lent, the link is up and the endpoint isn't halted. A buffer that gets full has a message that
 * is too long: the same buffer takes the rest of it, until a short packet. IN: one message at a time, its pieces copied here;
 * one that is sent while the endpoint is halted waits for the halt's end.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/vendor.h"

#include <string.h>

#define VENDOR_HALTED_IN  1u
#define VENDOR_HALTED_OUT 2u

static struct vendor *vendor_of(struct usb_function *function)
{
    return (struct vendor *)function;
}

static uint8_t vendor_ep_in(const struct vendor *vendor)
{
    return (uint8_t)(USB_DIR_IN | vendor->function.in_first);
}

static uint8_t vendor_ep_out(const struct vendor *vendor)
{
    return vendor->function.out_first;
}

/* ---- Descriptors. ---- */

#define AT_NAME 8 /* iInterface */

static void vendor_describe(const struct usb_function *function, struct usb_writer *writer)
{
    /* clang-format off */
    static const uint8_t template[] = {
        9, USB_DT_INTERFACE, 0, 0, 2, 0xFF, 0x00, 0x00, 0,
        7, USB_DT_ENDPOINT, USB_DIR_IN | 0, USB_ENDPOINT_BULK, VENDOR_PACKET_SIZE, 0, 0,
        7, USB_DT_ENDPOINT, 0, USB_ENDPOINT_BULK, VENDOR_PACKET_SIZE, 0, 0,
    };
    /* clang-format on */
    uint8_t *bytes = usb_function_describe(function, writer, template, sizeof template);
    if (bytes != NULL && ((const struct vendor *)function)->config->name != NULL)
        bytes[AT_NAME] = function->string_first;
}

static void vendor_string(const struct usb_function *function, uint8_t number, char *text, size_t capacity)
{
    const char *name = ((const struct vendor *)function)->config->name;
    (void)number;
    size_t length = name != NULL ? strlen(name) : 0;
    if (length >= capacity)
        length = capacity - 1;
    memcpy(text, name != NULL ? name : "", length);
    text[length] = 0;
}

static void vendor_registry(const struct usb_function *function, struct usb_writer *writer)
{
    usb_winusb_property(writer, ((const struct vendor *)function)->config->guid);
}

/* ---- From the host. ---- */

static void vendor_out_arm(struct vendor *vendor)
{
    if (!vendor->up || vendor->out_armed || vendor->out_buffer == NULL ||
        (vendor->halted & VENDOR_HALTED_OUT) != 0)
        return;
    vendor->out_armed = true;
    usb_device_ep_read(vendor->function.device, vendor_ep_out(vendor), vendor->out_buffer,
                       vendor->out_capacity, NULL);
}

/* The endpoint's transfer was aborted: what had come of a message is forgotten. */
static void vendor_out_abort(struct vendor *vendor)
{
    vendor->out_armed = false;
    vendor->out_dropping = false;
}

static void vendor_out_transferred(struct vendor *vendor)
{
    uint32_t length = usb_device_ep_received(vendor->function.device, vendor_ep_out(vendor));
    bool dropped = vendor->out_dropping;

    if (!vendor->out_armed)
        return;
    vendor->out_armed = false;
    vendor->out_dropping = length == vendor->out_capacity;
    if (!vendor->out_dropping && !dropped) {
        uint8_t *message = vendor->out_buffer;
        vendor->out_buffer = NULL;
        vendor->stats.out_messages++;
        vendor->stats.out_bytes += length;
        if (vendor->config->received != NULL)
            vendor->config->received(vendor, message, length);
        return;
    }
    vendor->stats.out_too_long += !dropped;
    vendor_out_arm(vendor);
}

bool vendor_receive(struct vendor *vendor, void *buffer, size_t capacity)
{
    if (vendor->out_buffer != NULL || buffer == NULL || (uintptr_t)buffer % 4 != 0 || capacity == 0 ||
        capacity % VENDOR_PACKET_SIZE != 0)
        return false;
    vendor->out_buffer = buffer;
    vendor->out_capacity = (uint32_t)capacity;
    vendor_out_arm(vendor);
    return true;
}

/* ---- To the host. ---- */

static void vendor_in_write(struct vendor *vendor)
{
    if (!vendor->in_held || vendor->in_flying || (vendor->halted & VENDOR_HALTED_IN) != 0)
        return;
    vendor->in_flying = true;
    usb_device_ep_write(vendor->function.device, vendor_ep_in(vendor), vendor->in_pieces, vendor->in_count,
                        vendor->in_zlp);
}

static void vendor_in_end(struct vendor *vendor, bool acknowledged)
{
    vendor->in_held = false;
    vendor->in_flying = false;
    if (acknowledged) {
        vendor->stats.in_messages++;
        for (size_t i = 0; i < vendor->in_count; i++)
            vendor->stats.in_bytes += vendor->in_pieces[i].length;
    } else {
        vendor->stats.in_lost++;
    }
    if (vendor->config->sent != NULL)
        vendor->config->sent(vendor, acknowledged);
}

bool vendor_send(struct vendor *vendor, const struct usb_iov *pieces, size_t count, bool more)
{
    bool good = vendor->up && !vendor->in_held && count <= VENDOR_PIECES_MAX;
    uint32_t sum = 0;

    for (size_t i = 0; good && i < count; i++) {
        vendor->in_pieces[i] = pieces[i];
        sum += pieces[i].length;
    }
    if (!good || (more && (sum == 0 || sum % VENDOR_PACKET_SIZE != 0))) {
        vendor->stats.in_refused++;
        return false;
    }
    vendor->in_count = sum != 0 ? (uint8_t)count : 0;
    vendor->in_zlp = !more;
    vendor->in_held = true;
    vendor_in_write(vendor);
    return true;
}

/* ---- What resets what. ---- */

static void vendor_down(struct vendor *vendor)
{
    bool was_up = vendor->up;

    vendor->up = false;
    vendor->halted = 0;
    vendor_out_abort(vendor);
    if (vendor->in_held)
        vendor_in_end(vendor, false);
    if (was_up && vendor->config->link != NULL)
        vendor->config->link(vendor, false);
}

/* Endpoints that are open are closed first, so that their toggles are 0 and nothing of before is left. */
static void vendor_open(struct vendor *vendor)
{
    struct usb_device *device = vendor->function.device;

    usb_device_ep_open(device, vendor_ep_in(vendor), USB_ENDPOINT_BULK, VENDOR_PACKET_SIZE);
    usb_device_ep_open(device, vendor_ep_out(vendor), USB_ENDPOINT_BULK, VENDOR_PACKET_SIZE);
    vendor_down(vendor);
    vendor->up = true;
    if (vendor->config->link != NULL)
        vendor->config->link(vendor, true);
    vendor_out_arm(vendor);
}

static bool vendor_alternate_set(struct usb_function *function, uint8_t number, uint8_t alternate)
{
    (void)number;
    if (alternate != 0)
        return false;
    vendor_open(vendor_of(function));
    return true;
}

static uint8_t vendor_alternate_get(const struct usb_function *function, uint8_t number)
{
    (void)function;
    (void)number;
    return 0;
}

static void vendor_configured(struct usb_function *function, bool on)
{
    if (on)
        vendor_open(vendor_of(function));
    else
        vendor_down(vendor_of(function));
}

static void vendor_halted(struct usb_function *function, uint8_t ep, bool on)
{
    struct vendor *vendor = vendor_of(function);
    uint8_t bit = ep == vendor_ep_in(vendor) ? VENDOR_HALTED_IN : VENDOR_HALTED_OUT;

    vendor->halted = (uint8_t)(on ? vendor->halted | bit : vendor->halted & ~bit);
    if (bit == VENDOR_HALTED_OUT) {
        vendor_out_abort(vendor);
        vendor_out_arm(vendor);
    } else if (vendor->in_flying) {
        vendor_in_end(vendor, false);
    } else {
        vendor_in_write(vendor);
    }
}

static void vendor_transferred(struct usb_function *function, uint32_t events)
{
    struct vendor *vendor = vendor_of(function);

    if ((events & USB_EVENT_OUT(function->out_first)) != 0)
        vendor_out_transferred(vendor);
    if ((events & USB_EVENT_IN(function->in_first)) != 0 && vendor->in_flying)
        vendor_in_end(vendor, true);
}

/* ---- Requests. ---- */

static bool vendor_control(struct usb_function *function, const struct usb_setup *setup, uint8_t *reply,
                           size_t *length)
{
    struct vendor *vendor = vendor_of(function);

    return (setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_VENDOR && vendor->config->control != NULL &&
           vendor->config->control(vendor, setup, reply, length);
}

static bool vendor_control_out(struct usb_function *function, const struct usb_setup *setup,
                               const uint8_t *data, size_t length)
{
    struct vendor *vendor = vendor_of(function);

    return vendor->config->control_out != NULL && vendor->config->control_out(vendor, setup, data, length);
}

static const struct usb_function_ops vendor_ops = {
    .interfaces = 1,
    .in_endpoints = 1,
    .out_endpoints = 1,
    .strings = 1,
    .device_requests = true,
    .compatible_id = "WINUSB",
    .registry = vendor_registry,
    .describe = vendor_describe,
    .string = vendor_string,
    .control = vendor_control,
    .control_out = vendor_control_out,
    .alternate_set = vendor_alternate_set,
    .alternate_get = vendor_alternate_get,
    .configured = vendor_configured,
    .halted = vendor_halted,
    .transferred = vendor_transferred,
};

struct usb_function *vendor_init(const struct vendor_config *config)
{
    *config->vendor = (struct vendor){.function = {.ops = &vendor_ops}, .config = config};
    return &config->vendor->function;
}

bool vendor_guid_good(const char *guid)
{
    static const char form[] = "{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}";
    const char *f = form;

    for (; guid != NULL && *f != 0; f++, guid++) {
        char lower = (char)(*guid | 0x20);
        bool digit = (*guid >= '0' && *guid <= '9') || (lower >= 'a' && lower <= 'f');
        if (*f == 'x' ? !digit : *guid != *f)
            return false;
    }
    return guid != NULL && *guid == 0;
}
