/*
 * The DFU function at run time. See dfu.h.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/dfu.h"

#define DFU_DETACH    0
#define DFU_GETSTATUS 3
#define DFU_GETSTATE  5

#define STATE_APP_IDLE   0
#define STATE_APP_DETACH 1

static void dfu_describe(const struct usb_function *function, struct usb_writer *writer)
{
    /* clang-format off */
    static const uint8_t template[] = {
        9, USB_DT_INTERFACE, 0, 0, 0, 0xFE, 0x01, 0x01, 0,
        9, 0x21, 0x0B /* download, upload, will detach */, 0xFF, 0x00 /* wDetachTimeOut */,
        DFU_TRANSFER_SIZE & 0xFF, DFU_TRANSFER_SIZE >> 8, 0x10, 0x01,
    };
    /* clang-format on */
    usb_function_describe(function, writer, template, sizeof template);
}

static bool dfu_control(struct usb_function *function, const struct usb_setup *setup, uint8_t *reply,
                        size_t *length)
{
    struct dfu *dfu = (struct dfu *)function;
    uint8_t state = dfu->leaving == DFU_STAYS ? STATE_APP_IDLE : STATE_APP_DETACH;
    bool in = (setup->bmRequestType & USB_DIR_IN) != 0;

    if ((setup->bmRequestType & (USB_TYPE_MASK | USB_RECIPIENT_MASK)) !=
        (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE))
        return false;
    if (!in && setup->bRequest == DFU_DETACH && setup->wLength == 0) {
        dfu_ask(dfu);
        return true;
    }
    if (!in || setup->wValue != 0)
        return false;
    for (size_t i = 0; i < 6; i++) /* status OK, no time to wait, the state, no string */
        reply[i] = 0;
    if (setup->bRequest == DFU_GETSTATUS) {
        reply[4] = state;
        *length = 6;
        return true;
    }
    reply[0] = state;
    *length = 1;
    return setup->bRequest == DFU_GETSTATE;
}

static bool dfu_alternate_set(struct usb_function *function, uint8_t number, uint8_t alternate)
{
    (void)function;
    (void)number;
    return alternate == 0;
}

static uint8_t dfu_alternate_get(const struct usb_function *function, uint8_t number)
{
    (void)function;
    (void)number;
    return 0;
}

static void dfu_configured(struct usb_function *function, bool on)
{
    (void)function;
    (void)on;
}

static void dfu_registry(const struct usb_function *function, struct usb_writer *writer)
{
    (void)function;
    usb_winusb_property(writer, "{f6cdc840-9c6f-403e-a723-7895eabfdb6b}");
}

static const struct usb_function_ops dfu_ops = {
    .interfaces = 1,
    .compatible_id = "WINUSB",
    .registry = dfu_registry,
    .describe = dfu_describe,
    .control = dfu_control,
    .alternate_set = dfu_alternate_set,
    .alternate_get = dfu_alternate_get,
    .configured = dfu_configured,
};

void dfu_init(struct dfu *dfu, void (*enter)(void))
{
    *dfu = (struct dfu){.function = {.ops = &dfu_ops}, .enter = enter};
}

void dfu_ask(struct dfu *dfu)
{
    if (dfu->leaving == DFU_STAYS)
        dfu->leaving = DFU_ASKED;
}

void dfu_poll(struct dfu *dfu, uint32_t now_ms)
{
    uint32_t passed = now_ms - dfu->since_ms;

    switch (dfu->leaving) {
    case DFU_STAYS: return;
    case DFU_ASKED: break;
    case DFU_LEAVES:
        if (passed <= DFU_LEAVE_MS)
            return;
        usb_device_detach(dfu->function.device);
        break;
    default:
        if (passed > DFU_GONE_MS)
            dfu->enter();
        return;
    }
    dfu->since_ms = now_ms;
    dfu->leaving++;
}
