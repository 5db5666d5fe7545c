/*
 * The device core: see usb_device.h.
 *
 * Order in usb_device_poll: a reset first, since it makes everything older void; then ended transfers of the
 * functions, which happened before any SETUP that may stop them; then SETUP; then endpoint 0's own.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/usb_device.h"

#include "usb/usb_descriptor.h"

#define EP0_OUT 0x00
#define EP0_IN  USB_DIR_IN

/* The event bit of an endpoint address; 0 for an impossible one. */
static uint32_t ep_bit(uint16_t ep)
{
    if ((ep & ~(USB_DIR_IN | 7u)) != 0)
        return 0;
    return (ep & USB_DIR_IN) != 0 ? USB_EVENT_IN(ep & 7) : USB_EVENT_OUT(ep);
}

static uint8_t ep_of_bit(unsigned bit)
{
    return (uint8_t)(bit < 8 ? USB_DIR_IN | bit : bit - 8);
}

static struct usb_function *function_of_interface(const struct usb_device *device, uint16_t interface)
{
    for (unsigned i = 0; i < device->config->function_count; i++) {
        struct usb_function *function = device->config->functions[i];
        if ((unsigned)interface - function->interface_first < function->ops->interfaces)
            return function;
    }
    return NULL;
}

static struct usb_function *function_of_ep(const struct usb_device *device, uint16_t ep)
{
    uint32_t bit = ep_bit(ep);
    for (unsigned i = 0; i < device->config->function_count; i++)
        if ((device->config->functions[i]->events & bit) != 0)
            return device->config->functions[i];
    return NULL;
}

void usb_device_ep_open(struct usb_device *device, uint8_t ep, uint8_t type, uint16_t packet_size)
{
    if (!device->udc->ops->ep_open(device->udc, ep, type, packet_size))
        __builtin_trap(); /* a function opens what its descriptors don't show */
    device->opened = (uint16_t)(device->opened | ep_bit(ep));
    device->halted = (uint16_t)(device->halted & ~ep_bit(ep));
}

void usb_device_ep_close(struct usb_device *device, uint8_t ep)
{
    device->udc->ops->ep_close(device->udc, ep);
    device->opened = (uint16_t)(device->opened & ~ep_bit(ep));
    device->halted = (uint16_t)(device->halted & ~ep_bit(ep));
}

void usb_device_ep_read(struct usb_device *device, uint8_t ep, void *buffer, uint32_t capacity,
                        struct usb_watch *watch)
{
    if ((device->opened & ep_bit(ep)) != 0)
        device->udc->ops->ep_read(device->udc, ep, buffer, capacity, watch);
}

void usb_device_ep_write(struct usb_device *device, uint8_t ep, const struct usb_iov *iov, size_t count,
                         bool zlp)
{
    if ((device->opened & ep_bit(ep)) != 0)
        device->udc->ops->ep_write(device->udc, ep, iov, count, zlp);
}

/* Leave the configured state; the endpoints are closed already, or the controller is told to. */
static void functions_stop(struct usb_device *device, bool close)
{
    if (close)
        for (unsigned bit = 0; bit < 16; bit++)
            if (device->opened & 1u << bit)
                device->udc->ops->ep_close(device->udc, ep_of_bit(bit));
    device->opened = 0;
    device->halted = 0;
    if (device->state != USB_CONFIGURED)
        return;
    device->state = USB_ADDRESS;
    for (unsigned i = 0; i < device->config->function_count; i++)
        device->config->functions[i]->ops->configured(device->config->functions[i], false);
}

static void device_reset(struct usb_device *device)
{
    functions_stop(device, false);
    device->state = USB_DEFAULT;
    device->stage = USB_STAGE_IDLE;
    device->suspended = false;
    device->wakeup_enabled = false;
}

/* ---- Standard requests. Each returns false for STALL; `length` counts the bytes of the reply. ---- */

static bool configuration_set(struct usb_device *device, uint16_t value)
{
    if (value > 1 || device->state == USB_DEFAULT)
        return false;
    functions_stop(device, true);
    if (value == 0)
        return true;
    device->state = USB_CONFIGURED;
    for (unsigned i = 0; i < device->config->function_count; i++)
        device->config->functions[i]->ops->configured(device->config->functions[i], true);
    return true;
}

static bool address_set(struct usb_device *device, uint16_t address)
{
    if (address > 127 || device->state == USB_CONFIGURED)
        return false;
    device->state = address != 0 ? USB_ADDRESS : USB_DEFAULT;
    device->udc->ops->address_set(device->udc, (uint8_t)address);
    return true;
}

/* SET_FEATURE and CLEAR_FEATURE of the device: remote wakeup only; no test modes at full speed. */
static bool device_feature(struct usb_device *device, uint16_t feature, bool on)
{
    if (feature != USB_FEATURE_DEVICE_REMOTE_WAKEUP || !device->config->remote_wakeup ||
        device->udc->ops->remote_wakeup == NULL)
        return false;
    device->wakeup_enabled = on;
    return true;
}

static bool device_request(struct usb_device *device, const struct usb_setup *setup, size_t *length)
{
    bool in = (setup->bmRequestType & USB_DIR_IN) != 0;
    uint8_t *reply = device->buffer;
    if (in && setup->bRequest == USB_GET_DESCRIPTOR) {
        struct usb_writer writer = {reply, USB_CONTROL_MAX, 0};
        bool found = usb_descriptor_standard(device, setup->wValue, setup->wIndex, &writer);
        *length = writer.length;
        return found;
    }
    if (setup->wIndex != 0)
        return false;
    if (!in && setup->wLength == 0) {
        bool set = setup->bRequest == USB_SET_FEATURE;
        if (setup->bRequest == USB_SET_ADDRESS)
            return address_set(device, setup->wValue);
        if (setup->bRequest == USB_SET_CONFIGURATION)
            return configuration_set(device, setup->wValue);
        return (set || setup->bRequest == USB_CLEAR_FEATURE) && device->state != USB_DEFAULT &&
               device_feature(device, setup->wValue, set);
    }
    if (!in || setup->wValue != 0 || device->state == USB_DEFAULT)
        return false;
    if (setup->bRequest == USB_GET_CONFIGURATION && setup->wLength == 1) {
        reply[0] = device->state == USB_CONFIGURED;
        *length = 1;
        return true;
    }
    if (setup->bRequest == USB_GET_STATUS && setup->wLength == 2) {
        reply[0] = (uint8_t)(device->config->self_powered | device->wakeup_enabled << 1);
        reply[1] = 0;
        *length = 2;
        return true;
    }
    return false;
}

static bool interface_request(struct usb_device *device, const struct usb_setup *setup, size_t *length)
{
    struct usb_function *function = function_of_interface(device, setup->wIndex);
    if (function == NULL || device->state != USB_CONFIGURED)
        return false;
    bool in = (setup->bmRequestType & USB_DIR_IN) != 0;
    uint8_t number = (uint8_t)(setup->wIndex - function->interface_first);
    if (!in && setup->bRequest == USB_SET_INTERFACE && setup->wLength == 0 && setup->wValue <= UINT8_MAX)
        return function->ops->alternate_set(function, number, (uint8_t)setup->wValue);
    if (!in || setup->wValue != 0)
        return false;
    if (setup->bRequest == USB_GET_INTERFACE && setup->wLength == 1) {
        device->buffer[0] = function->ops->alternate_get(function, number);
        *length = 1;
        return true;
    }
    if (setup->bRequest == USB_GET_STATUS && setup->wLength == 2) {
        store_le16(device->buffer, 0);
        *length = 2;
        return true;
    }
    return false;
}

/* Halt an endpoint or end its halt. Ending sets the toggle to 0 even where there was none. */
static void endpoint_halt(struct usb_device *device, uint8_t ep, bool on)
{
    struct udc *udc = device->udc;
    uint32_t bit = ep_bit(ep);
    udc->ops->ep_abort(udc, ep);
    udc->ops->ep_stall(udc, ep, on);
    device->halted = (uint16_t)(on ? device->halted | bit : device->halted & ~bit);
    struct usb_function *function = function_of_ep(device, ep);
    if (function != NULL)
        function->ops->halted(function, ep, on);
}

static bool endpoint_request(struct usb_device *device, const struct usb_setup *setup, size_t *length)
{
    uint16_t ep = setup->wIndex;
    uint32_t bit = ep_bit(ep);
    bool zero = (ep & ~(uint32_t)USB_DIR_IN) == 0;
    if (device->state == USB_DEFAULT || (!zero && (device->opened & bit) == 0))
        return false;
    bool in = (setup->bmRequestType & USB_DIR_IN) != 0;
    if (in && setup->bRequest == USB_GET_STATUS && setup->wValue == 0 && setup->wLength == 2) {
        store_le16(device->buffer, (device->halted & bit) != 0);
        *length = 2;
        return true;
    }
    bool set = setup->bRequest == USB_SET_FEATURE;
    if (in || setup->wLength != 0 || setup->wValue != USB_FEATURE_ENDPOINT_HALT ||
        !(set || setup->bRequest == USB_CLEAR_FEATURE))
        return false;
    if (zero)
        return !set; /* endpoint 0 is never halted: the next SETUP would end it anyway */
    endpoint_halt(device, (uint8_t)ep, set);
    return true;
}

static bool standard_request(struct usb_device *device, const struct usb_setup *setup, size_t *length)
{
    switch (setup->bmRequestType & USB_RECIPIENT_MASK) {
    case USB_RECIPIENT_DEVICE: return device_request(device, setup, length);
    case USB_RECIPIENT_INTERFACE: return interface_request(device, setup, length);
    case USB_RECIPIENT_ENDPOINT: return endpoint_request(device, setup, length);
    default: return false;
    }
}

static bool function_request(struct usb_device *device, const struct usb_setup *setup, size_t *length)
{
    struct usb_function *function = NULL;
    uint8_t recipient = setup->bmRequestType & USB_RECIPIENT_MASK;
    if (recipient == USB_RECIPIENT_INTERFACE)
        function = function_of_interface(device, setup->wIndex);
    else if (recipient == USB_RECIPIENT_ENDPOINT && (device->opened & ep_bit(setup->wIndex)) != 0)
        function = function_of_ep(device, setup->wIndex);
    if (function == NULL || device->state != USB_CONFIGURED || function->ops->control == NULL)
        return false;
    device->receiver = function;
    return function->ops->control(function, setup, device->buffer, length);
}

/* A vendor request to the device: ours, or of the first function that takes it. */
static bool vendor_request(struct usb_device *device, const struct usb_setup *setup, size_t *length)
{
    struct usb_writer writer = {device->buffer, USB_CONTROL_MAX, 0};
    bool found = usb_descriptor_vendor(device, setup, &writer);
    unsigned count = device->state == USB_CONFIGURED ? device->config->function_count : 0;
    *length = writer.length;
    for (unsigned i = 0; !found && i < count; i++) {
        struct usb_function *function = device->receiver = device->config->functions[i];
        found =
            function->ops->device_requests && function->ops->control(function, setup, device->buffer, length);
    }
    return found;
}

static bool request(struct usb_device *device, const struct usb_setup *setup, size_t *length)
{
    bool in = (setup->bmRequestType & USB_DIR_IN) != 0;
    uint8_t type = setup->bmRequestType & USB_TYPE_MASK;
    if (!in && setup->wLength > USB_CONTROL_MAX)
        return false;
    device->receiver = NULL;
    bool own = setup->bmRequestType == (USB_DIR_IN | USB_RECIPIENT_INTERFACE) &&
               setup->bRequest == USB_GET_DESCRIPTOR;
    if (type == USB_TYPE_STANDARD && !own) /* a descriptor of an interface is its function's */
        return standard_request(device, setup, length);
    if (type == USB_TYPE_VENDOR && (setup->bmRequestType & USB_RECIPIENT_MASK) == USB_RECIPIENT_DEVICE)
        return vendor_request(device, setup, length);
    return function_request(device, setup, length);
}

/* ---- The stages of a control transfer. ---- */

static void control_stall(struct usb_device *device)
{
    device->stats.stalls++;
    device->stage = USB_STAGE_IDLE;
    device->udc->ops->ep_stall(device->udc, EP0_IN, true);
}

static void control_status_in(struct usb_device *device)
{
    device->stage = USB_STAGE_IDLE;
    device->udc->ops->ep_write(device->udc, EP0_IN, NULL, 0, false);
}

/* Not inlined: the loop asks for it seldom, and would be 80 bytes larger. */
__attribute__((noinline)) static void control_setup(struct usb_device *device)
{
    struct udc *udc = device->udc;
    uint8_t packet[8];
    udc->ops->setup_take(udc, packet);
    struct usb_setup *setup = &device->setup;
    *setup = usb_setup_load(packet);
    device->stats.setups++;

    size_t length = 0;
    if (!request(device, setup, &length)) {
        control_stall(device);
    } else if (setup->wLength == 0) {
        control_status_in(device);
    } else if ((setup->bmRequestType & USB_DIR_IN) != 0) {
        if (length > USB_CONTROL_MAX)
            length = USB_CONTROL_MAX;
        bool shorter = length < setup->wLength;
        device->stage = USB_STAGE_DATA_IN;
        device->reply = (struct usb_iov){device->buffer, (uint32_t)(shorter ? length : setup->wLength)};
        udc->ops->ep_write(udc, EP0_IN, &device->reply, device->reply.length != 0, shorter);
        udc->ops->ep_read(udc, EP0_OUT, NULL, 0, NULL);
    } else if (device->receiver == NULL) {
        control_stall(device);
    } else {
        uint32_t packets = (setup->wLength + udc->ep0_packet_size - 1u) / udc->ep0_packet_size;
        device->stage = USB_STAGE_DATA_OUT;
        udc->ops->ep_read(udc, EP0_OUT, device->buffer, packets * udc->ep0_packet_size, NULL);
    }
}

static void control_out(struct usb_device *device)
{
    struct udc *udc = device->udc;
    enum usb_control_stage stage = device->stage;
    device->stage = USB_STAGE_IDLE;
    if (stage == USB_STAGE_DATA_IN) /* status, before all data was asked for */
        udc->ops->ep_abort(udc, EP0_IN);
    if (stage != USB_STAGE_DATA_OUT)
        return;
    uint32_t length = udc->ops->ep_received(udc, EP0_OUT);
    const struct usb_function_ops *ops = device->receiver->ops;
    if (length <= device->setup.wLength && ops->control_out != NULL &&
        ops->control_out(device->receiver, &device->setup, device->buffer, length))
        control_status_in(device);
    else
        control_stall(device);
}

static void functions_transferred(struct usb_device *device, uint32_t events)
{
    for (unsigned i = 0; i < device->config->function_count; i++) {
        struct usb_function *function = device->config->functions[i];
        if ((events & function->events) != 0)
            function->ops->transferred(function, events & function->events);
    }
}

static void bus_events(struct usb_device *device, uint32_t events)
{
    if (events & USB_EVENT_RESET) {
        device->stats.resets++;
        device_reset(device);
    }
    if (events & USB_EVENT_SUSPEND) {
        device->stats.suspends++;
        device->suspended = true;
    }
    if (events & USB_EVENT_RESUME)
        device->suspended = false;
}

void usb_device_poll(struct usb_device *device)
{
    uint32_t events = device->udc->ops->events_take(device->udc);
    if (events & (USB_EVENT_RESET | USB_EVENT_SUSPEND | USB_EVENT_RESUME))
        bus_events(device, events);
    if (events & device->opened)
        functions_transferred(device, events & device->opened);
    if (events & USB_EVENT_SETUP)
        control_setup(device);
    if (events & USB_EVENT_IN(0)) /* all data, or the status, has been sent */
        device->stage = USB_STAGE_IDLE;
    if (events & USB_EVENT_OUT(0))
        control_out(device);
}

/* ---- Start and end. ---- */

/* Note an endpoint of the configuration descriptor; alternate settings show the same one again, at times with another size. */
static size_t plan_note(struct udc_endpoint *plan, size_t count, const uint8_t *descriptor)
{
    uint8_t ep = descriptor[2];
    uint16_t size = load_le16(descriptor + 4);
    size_t i = 0;

    while (i < count && plan[i].ep != ep)
        i++;
    if (i == count)
        plan[count++] = (struct udc_endpoint){ep, descriptor[3] & 3, size};
    else if (plan[i].packet_size < size)
        plan[i].packet_size = size;
    return count;
}

/* The functions' endpoints, as their descriptors show them, go to the controller. No more addresses than `plan` holds pass. */
static bool endpoints_plan(struct usb_device *device, size_t length, struct udc_shortage *shortage)
{
    struct udc_endpoint plan[2 * (USB_ENDPOINTS - 1)];
    size_t count = 0;

    for (size_t at = 0; at + 2 <= length && device->buffer[at] >= 2; at += device->buffer[at]) {
        if (device->buffer[at + 1] != USB_DT_ENDPOINT || at + 7 > length)
            continue;
        unsigned number = device->buffer[at + 2] & ~(unsigned)USB_DIR_IN;
        if (number == 0 || number >= USB_ENDPOINTS) {
            *shortage = (struct udc_shortage){"endpoint number", number, USB_ENDPOINTS};
            return false;
        }
        count = plan_note(plan, count, device->buffer + at);
    }
    return device->udc->ops->plan(device->udc, plan, count, shortage);
}

bool usb_device_init(struct usb_device *device, const struct usb_device_config *config, struct udc *udc,
                     struct udc_shortage *shortage)
{
    *device = (struct usb_device){.config = config, .udc = udc};
    unsigned interface = 0, in = 1, out = 1, string = USB_STRINGS;
    for (unsigned i = 0; i < config->function_count; i++) {
        struct usb_function *function = config->functions[i];
        function->device = device;
        function->interface_first = (uint8_t)interface;
        function->in_first = (uint8_t)in;
        function->out_first = (uint8_t)out;
        function->string_first = (uint8_t)string;
        function->events = (uint16_t)(((1u << function->ops->in_endpoints) - 1) << in |
                                      ((1u << function->ops->out_endpoints) - 1) << (8 + out));
        interface += function->ops->interfaces;
        in += function->ops->in_endpoints;
        out += function->ops->out_endpoints;
        string += function->ops->strings;
    }
    unsigned most = in > out ? in : out;
    struct usb_writer writer = {device->buffer, USB_CONTROL_MAX, 0};
    if (most > USB_ENDPOINTS) {
        *shortage = (struct udc_shortage){in > out ? "IN endpoints, with endpoint 0"
                                                   : "OUT endpoints, with endpoint 0",
                                          most, USB_ENDPOINTS};
        return false;
    }
    usb_descriptor_standard(device, USB_DT_CONFIGURATION << 8, 0, &writer);
    size_t set = usb_descriptor_ms_os_length(device), longest = set > writer.length ? set : writer.length;
    if (longest > USB_CONTROL_MAX) {
        *shortage =
            (struct udc_shortage){"USB_CONTROL_MAX of plugnet_options.h", (uint32_t)longest, USB_CONTROL_MAX};
        return false;
    }
    return endpoints_plan(device, writer.length, shortage);
}

void usb_device_attach(struct usb_device *device)
{
    device->udc->ops->attach(device->udc);
}

void usb_device_detach(struct usb_device *device)
{
    device->udc->ops->detach(device->udc);
    device_reset(device);
}

bool usb_device_wake_host(struct usb_device *device)
{
    if (!device->suspended || !device->wakeup_enabled)
        return false;
    device->udc->ops->remote_wakeup(device->udc);
    return true;
}
