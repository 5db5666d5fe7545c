/*
 * The control state machine: any SETUP packet, any events and any data in any state that device_good allows, which holds
 * again afterwards; so it holds after any sequence of them.
 *
 * The device has two functions of which only usb_device.h's contract is known: the first has two interfaces and three
 * endpoints, the second an interface without any. The controller checks what it is asked for and answers anything.
 * The machine is proven in parts: each function replaced by its contract where its callers are proven.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "usb/usb_device.c"

#define EP_FIRST_IN  0x81
#define EP_SECOND_IN 0x82
#define EP_OUT       0x01
#define EVENTS       (USB_EVENT_IN(1) | USB_EVENT_IN(2) | USB_EVENT_OUT(1)) /* the first function's */

static struct usb_device device;

/* ---- The controller. ---- */

static bool ep_good(uint8_t ep)
{
    return (ep & ~(USB_DIR_IN | (USB_ENDPOINTS - 1u))) == 0;
}

static void port_nothing(struct udc *udc)
{
    PROVE(udc == device.udc);
}

static uint32_t port_events_take(struct udc *udc)
{
    (void)udc;
    return nondet_u32() & (USB_EVENT_PART * 2 - 1);
}

static void port_setup_take(struct udc *udc, uint8_t packet[8])
{
    (void)udc;
    for (size_t i = 0; i < 8; i++)
        packet[i] = nondet_u8();
}

static void port_address_set(struct udc *udc, uint8_t address)
{
    (void)udc;
    PROVE(address <= 127);
}

static bool port_ep_open(struct udc *udc, uint8_t ep, uint8_t type, uint16_t packet_size)
{
    (void)udc, (void)type;
    PROVE(ep_good(ep) && (ep & (USB_ENDPOINTS - 1)) != 0 && packet_size <= 64);
    return true;
}

static void port_ep_close(struct udc *udc, uint8_t ep)
{
    (void)udc;
    PROVE(ep_good(ep) && (ep & (USB_ENDPOINTS - 1)) != 0);
}

static void port_ep_read(struct udc *udc, uint8_t ep, void *buffer, uint32_t capacity,
                         struct usb_watch *watch)
{
    (void)watch;
    PROVE(ep_good(ep) && (ep & USB_DIR_IN) == 0 && capacity % udc->ep0_packet_size == 0);
    PROVE(WRITABLE(buffer, capacity));
}

static uint32_t port_ep_received(struct udc *udc, uint8_t ep)
{
    (void)udc, (void)ep;
    return nondet_u32();
}

static void port_ep_write(struct udc *udc, uint8_t ep, const struct usb_iov *iov, size_t count, bool zlp)
{
    (void)udc, (void)zlp;
    PROVE(ep_good(ep) && (ep & USB_DIR_IN) != 0 && count <= 1);
    PROVE(count == 0 || (__CPROVER_r_ok(iov, sizeof *iov) && READABLE(iov->base, iov->length)));
}

static void port_ep_abort(struct udc *udc, uint8_t ep)
{
    (void)udc;
    PROVE(ep_good(ep));
}

static void port_ep_stall(struct udc *udc, uint8_t ep, bool on)
{
    (void)udc, (void)on;
    PROVE(ep_good(ep));
}

static const struct udc_ops port_ops = {
    .attach = port_nothing,
    .detach = port_nothing,
    .events_take = port_events_take,
    .setup_take = port_setup_take,
    .address_set = port_address_set,
    .ep_open = port_ep_open,
    .ep_close = port_ep_close,
    .ep_read = port_ep_read,
    .ep_received = port_ep_received,
    .ep_write = port_ep_write,
    .ep_abort = port_ep_abort,
    .ep_stall = port_ep_stall,
    .remote_wakeup = port_nothing,
};

static struct udc port = {.ops = &port_ops};

/* ---- The functions. ---- */

/* Each endpoint may be opened, closed or left: what usb_device.h allows where alternate settings change. */
static void endpoints_change(const struct usb_function *function, bool may_open)
{
    static const uint8_t all[] = {EP_FIRST_IN, EP_SECOND_IN, EP_OUT};

    for (size_t i = 0; i < sizeof all && function->events != 0; i++) {
        if (may_open && nondet_bool())
            usb_device_ep_open(&device, all[i], nondet_u8() & 3, 64);
        else if (nondet_bool())
            usb_device_ep_close(&device, all[i]);
    }
}

static bool function_control(struct usb_function *function, const struct usb_setup *setup, uint8_t *reply,
                             size_t *length)
{
    PROVE(device.state == USB_CONFIGURED && device.receiver == function);
    PROVE(setup == &device.setup && WRITABLE(reply, USB_CONTROL_MAX));
    *length = nondet_size();
    return nondet_bool();
}

static bool function_control_out(struct usb_function *function, const struct usb_setup *setup,
                                 const uint8_t *data, size_t length)
{
    (void)function;
    PROVE(length <= setup->wLength && length <= USB_CONTROL_MAX && READABLE(data, length));
    PROVE((setup->bmRequestType & USB_DIR_IN) == 0 && setup->wLength != 0 && device.state == USB_CONFIGURED);
    return nondet_bool();
}

static bool function_alternate_set(struct usb_function *function, uint8_t number, uint8_t alternate)
{
    (void)alternate;
    PROVE(number < function->ops->interfaces && device.state == USB_CONFIGURED);
    endpoints_change(function, true);
    return nondet_bool();
}

static uint8_t function_alternate_get(const struct usb_function *function, uint8_t number)
{
    PROVE(number < function->ops->interfaces);
    return nondet_u8();
}

static void function_configured(struct usb_function *function, bool on)
{
    PROVE(on == (device.state == USB_CONFIGURED) && (device.opened & function->events) == 0);
    endpoints_change(function, on);
}

static void function_halted(struct usb_function *function, uint8_t ep, bool on)
{
    (void)on;
    PROVE((ep_bit(ep) & function->events) != 0);
}

static void function_transferred(struct usb_function *function, uint32_t events)
{
    PROVE(events != 0 && (events & ~(uint32_t)function->events) == 0);
}

static const struct usb_function_ops first_ops = {
    .interfaces = 2,
    .in_endpoints = 2,
    .out_endpoints = 1,
    .device_requests = true,
    .control = function_control,
    .control_out = function_control_out,
    .alternate_set = function_alternate_set,
    .alternate_get = function_alternate_get,
    .configured = function_configured,
    .halted = function_halted,
    .transferred = function_transferred,
};

static const struct usb_function_ops second_ops = {
    .interfaces = 1,
    .control = function_control,
    .alternate_set = function_alternate_set,
    .alternate_get = function_alternate_get,
    .configured = function_configured,
};

static struct usb_function first = {.ops = &first_ops,
                                    .device = &device,
                                    .interface_first = 0,
                                    .in_first = 1,
                                    .out_first = 1,
                                    .events = EVENTS};
static struct usb_function second = {
    .ops = &second_ops, .device = &device, .interface_first = 2, .in_first = 3, .out_first = 2};
static struct usb_function *const functions[] = {&first, &second};
static struct usb_device_config config = {.functions = functions, .function_count = 2};

/* ---- What always holds, and states. ---- */

static bool a_function(const struct usb_function *function)
{
    return function == &first || function == &second;
}

/* Between requests, and in the midst of one. */
static bool device_good(void)
{
    return device.udc == &port && device.config == &config && device.state <= USB_CONFIGURED &&
           (device.opened & ~EVENTS) == 0 && (device.halted & ~device.opened) == 0 &&
           (device.state == USB_CONFIGURED || device.opened == 0) &&
           (device.receiver == NULL || a_function(device.receiver));
}

/* Data is awaited only from a request that a function welcomed, and no more than the buffer holds. */
static bool stage_good(void)
{
    return device.stage <= USB_STAGE_DATA_OUT &&
           (device.stage != USB_STAGE_DATA_OUT ||
            (device.state == USB_CONFIGURED && a_function(device.receiver) && device.setup.wLength != 0 &&
             device.setup.wLength <= USB_CONTROL_MAX && (device.setup.bmRequestType & USB_DIR_IN) == 0));
}

static void any_state(void)
{
    device.state = (enum usb_device_state)nondet_u8();
    device.opened = nondet_u16();
    device.halted = nondet_u16();
    device.wakeup_enabled = nondet_bool();
    device.receiver = nondet_bool() ? &first : nondet_bool() ? &second : NULL;
}

static void any_device(void)
{
    port.ep0_packet_size = nondet_u8();
    ASSUME(port.ep0_packet_size == 8 || port.ep0_packet_size == 16 || port.ep0_packet_size == 32 ||
           port.ep0_packet_size == 64);
    config.self_powered = nondet_bool();
    config.remote_wakeup = nondet_bool();
    device.config = &config;
    device.udc = &port;
    any_state();
    device.stage = (enum usb_control_stage)nondet_u8();
    device.suspended = nondet_bool();
    device.setup = (struct usb_setup){nondet_u8(), nondet_u8(), nondet_u16(), nondet_u16(), nondet_u16()};
    ASSUME(device_good() && stage_good());
}

/* ---- Leaving the configured state. ---- */

static bool functions_stop_needs(void)
{
    return device_good();
}

static bool functions_stop_gives(enum usb_device_state before)
{
    return device_good() && device.opened == 0 && device.halted == 0 &&
           device.state == (before == USB_CONFIGURED ? USB_ADDRESS : before);
}

void prove_functions_stop(void)
{
    any_device();
    ASSUME(functions_stop_needs());
    enum usb_device_state before = device.state;
    functions_stop(&device, nondet_bool());
    PROVE(functions_stop_gives(before));
    if (before == USB_CONFIGURED)
        REACHED("configured no longer");
}

void contract_functions_stop(struct usb_device *d, bool close)
{
    enum usb_device_state before = d->state;

    (void)close;
    PROVE(functions_stop_needs());
    d->state = (enum usb_device_state)nondet_u8();
    d->opened = nondet_u16();
    d->halted = nondet_u16();
    ASSUME(functions_stop_gives(before));
}

/* ---- Requests. Descriptors are any answer that keeps to its writer. ---- */

bool usb_descriptor_standard(const struct usb_device *d, uint16_t value, uint16_t index, struct usb_writer *w)
{
    (void)d, (void)value, (void)index;
    PROVE(w->length == 0 && w->capacity == USB_CONTROL_MAX && WRITABLE(w->bytes, w->capacity));
    w->length = nondet_size();
    return nondet_bool();
}

bool usb_descriptor_vendor(const struct usb_device *d, const struct usb_setup *setup, struct usb_writer *w)
{
    PROVE(setup == &device.setup);
    return usb_descriptor_standard(d, 0, 0, w) && (setup->bmRequestType & USB_DIR_IN) != 0;
}

static bool request_needs(const struct usb_setup *setup)
{
    return device_good() && setup == &device.setup;
}

/* A receiver has said yes in the configured state. */
static bool request_gives(bool found, const struct usb_setup *setup)
{
    return device_good() && (device.receiver == NULL || device.state == USB_CONFIGURED) &&
           (!found || (setup->bmRequestType & USB_DIR_IN) != 0 || setup->wLength <= USB_CONTROL_MAX);
}

/* A part of it; `request` has set the receiver to NULL, and looked at wLength. */
#define PROVE_REQUEST(kind, what)                                                                            \
    void prove_##kind(void)                                                                                  \
    {                                                                                                        \
        size_t length = 0;                                                                                   \
        any_device();                                                                                        \
        device.receiver = NULL;                                                                              \
        ASSUME(kind##_needs(&device.setup));                                                                 \
        bool found = kind(&device, &device.setup, &length);                                                  \
        PROVE(kind##_gives(found, &device.setup));                                                           \
        if (found)                                                                                           \
            REACHED(what);                                                                                   \
    }                                                                                                        \
    bool contract_##kind(struct usb_device *d, const struct usb_setup *setup, size_t *length)                \
    {                                                                                                        \
        bool found = nondet_bool();                                                                          \
        PROVE(kind##_needs(setup));                                                                          \
        (void)d;                                                                                             \
        any_state();                                                                                         \
        *length = nondet_size();                                                                             \
        ASSUME(kind##_gives(found, setup));                                                                  \
        return found;                                                                                        \
    }

static bool part_needs(const struct usb_setup *setup)
{
    return device_good() && setup == &device.setup && device.receiver == NULL;
}

static bool part_gives(void)
{
    return device_good() && (device.receiver == NULL || device.state == USB_CONFIGURED);
}

#define device_request_needs(setup)           part_needs(setup)
#define interface_request_needs(setup)        part_needs(setup)
#define endpoint_request_needs(setup)         part_needs(setup)
#define function_request_needs(setup)         part_needs(setup)
#define vendor_request_needs(setup)           part_needs(setup)
#define device_request_gives(found, setup)    part_gives()
#define interface_request_gives(found, setup) part_gives()
#define endpoint_request_gives(found, setup)  part_gives()
#define function_request_gives(found, setup)  part_gives()
#define vendor_request_gives(found, setup)    part_gives()

PROVE_REQUEST(device_request, "a request to the device")
PROVE_REQUEST(interface_request, "a request to an interface")
PROVE_REQUEST(endpoint_request, "a request to an endpoint")
PROVE_REQUEST(function_request, "a request to a function")
PROVE_REQUEST(vendor_request, "a vendor's request")
PROVE_REQUEST(request, "a request")

/* ---- The stages of a control transfer, and the loop's call. ---- */

#define PROVE_STAGE(stage_function, what)                                                                    \
    void prove_##stage_function(void)                                                                        \
    {                                                                                                        \
        any_device();                                                                                        \
        ASSUME(stage_function##_needs());                                                                    \
        stage_function(&device);                                                                             \
        PROVE(stage_function##_gives());                                                                     \
        if (device.stage == USB_STAGE_IDLE)                                                                  \
            REACHED(what);                                                                                   \
    }                                                                                                        \
    void contract_##stage_function(struct usb_device *d)                                                     \
    {                                                                                                        \
        PROVE(stage_function##_needs());                                                                     \
        any_state();                                                                                         \
        d->stage = (enum usb_control_stage)nondet_u8();                                                      \
        d->setup = (struct usb_setup){nondet_u8(), nondet_u8(), nondet_u16(), nondet_u16(), nondet_u16()};   \
        ASSUME(stage_function##_gives());                                                                    \
    }

static bool all_good(void)
{
    return device_good() && stage_good();
}

#define control_setup_needs() all_good()
#define control_setup_gives() all_good()
#define control_out_needs()   all_good()
#define control_out_gives()   all_good()

PROVE_STAGE(control_setup, "a status stage")
PROVE_STAGE(control_out, "its end")

void prove_usb_device_poll(void)
{
    any_device();
    usb_device_poll(&device);
    PROVE(all_good());
    if (device.stage == USB_STAGE_DATA_OUT && device.state == USB_CONFIGURED)
        REACHED("data awaited");
    usb_device_wake_host(&device);
    PROVE(all_good());
    usb_device_detach(&device);
    PROVE(all_good() && device.state == USB_DEFAULT && device.stage == USB_STAGE_IDLE);
    REACHED("detached");
}
