/*
 * The USB host: see usb_host.h for the order of things.
 *
 * usb_host_frame watches the pull-up and the clock and moves from state to state; the control requests of one
 * enumeration are two sequences (before and after the second reset).
 */
/* SPDX-License-Identifier: MIT */
#include "host/usb_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void host_log(struct usb_host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void host_log(struct usb_host *host, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (host->log != NULL) {
        host->log(host->context, line);
    }
}

/* ---- Strings ---- */

static size_t utf8_put(char *text, uint32_t code)
{
    if (code < 0x80) {
        text[0] = (char)(code < 0x20 || code == 0x7F ? '?' : code);
        return 1;
    }
    if (code < 0x800) {
        text[0] = (char)(0xC0 | code >> 6);
        text[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        text[0] = (char)(0xE0 | code >> 12);
        text[1] = (char)(0x80 | (code >> 6 & 0x3F));
        text[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    text[0] = (char)(0xF0 | code >> 18);
    text[1] = (char)(0x80 | (code >> 12 & 0x3F));
    text[2] = (char)(0x80 | (code >> 6 & 0x3F));
    text[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

bool usb_host_string(const uint8_t *descriptor, uint32_t length, char text[USB_HOST_STRING_MAX])
{
    text[0] = 0;
    if (length < 2 || descriptor[0] < 2 || descriptor[0] > length || descriptor[1] != USB_DT_STRING) {
        return false;
    }
    size_t at = 0;
    for (uint32_t i = 2; i + 1 < descriptor[0] && at + 4 < USB_HOST_STRING_MAX; i += 2) {
        uint32_t code = load_le16(descriptor + i);
        if (code >= 0xD800 && code < 0xDC00 && i + 3 < descriptor[0]) {
            uint32_t low = load_le16(descriptor + i + 2);
            if (low >= 0xDC00 && low < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                i += 2;
            }
        }
        at += utf8_put(text + at, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    }
    text[at] = 0;
    return true;
}

/* ---- Enumeration, part one: how large is endpoint 0? ---- */

static enum sequence_action ask_descriptor(struct sequence *s, uint8_t type, uint8_t index, uint16_t language,
                                           uint32_t length)
{
    uint16_t room = (uint16_t)(length < SEQUENCE_DATA_MAX ? length : SEQUENCE_DATA_MAX);
    s->setup =
        (struct usb_setup){USB_DIR_IN, USB_GET_DESCRIPTOR, (uint16_t)(type << 8 | index), language, room};
    return SEQUENCE_REQUEST;
}

static enum sequence_action prepare_device_64(struct sequence *s)
{
    return ask_descriptor(s, USB_DT_DEVICE, 0, 0, 64);
}

/* A device may have a smaller endpoint 0 than the 64 that we assumed: one packet of it is enough. */
static bool check_device_64(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct usb_host *host = s->context;
    if (status != URB_OK || actual < 8 || s->data[1] != USB_DT_DEVICE) {
        return false;
    }
    uint8_t size = s->data[7];
    host->ep0_packet_size = size;
    return size == 8 || size == 16 || size == 32 || size == 64;
}

static const struct sequence_step part_one[] = {
    {"GET_DESCRIPTOR device, 64 bytes, address 0", prepare_device_64, check_device_64},
};

/* ---- Part two: address, descriptors, strings, configuration ---- */

static enum sequence_action prepare_address(struct sequence *s)
{
    struct usb_host *host = s->context;
    host->next_address = (uint8_t)(host->next_address % 127 + 1);
    s->setup = (struct usb_setup){0, USB_SET_ADDRESS, host->next_address, 0, 0};
    return SEQUENCE_REQUEST;
}

static bool check_address(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct usb_host *host = s->context;
    (void)actual;
    s->address = host->address = host->next_address;
    return status == URB_OK;
}

static enum sequence_action prepare_settle(struct sequence *s)
{
    s->pause_ms = USB_HOST_ADDRESS_MS;
    return SEQUENCE_PAUSE;
}

static enum sequence_action prepare_device(struct sequence *s)
{
    return ask_descriptor(s, USB_DT_DEVICE, 0, 0, 18);
}

static bool check_device(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct usb_host *host = s->context;
    if (status != URB_OK || actual != 18 || s->data[0] != 18 || s->data[1] != USB_DT_DEVICE ||
        s->data[17] == 0) {
        return false;
    }
    memcpy(host->device, s->data, sizeof host->device);
    return true;
}

static enum sequence_action prepare_bos_5(struct sequence *s)
{
    struct usb_host *host = s->context;
    host->bos_length = 0;
    return load_le16(host->device + 2) < 0x0201 ? SEQUENCE_SKIP : ask_descriptor(s, USB_DT_BOS, 0, 0, 5);
}

/* Like Linux, go on without a BOS that can't be read. */
static bool check_bos_5(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct usb_host *host = s->context;
    uint16_t total = load_le16(s->data + 2);
    if (status == URB_OK && actual == 5 && s->data[0] == 5 && s->data[1] == USB_DT_BOS && total >= 5 &&
        total <= USB_HOST_BOS_MAX) {
        host->bos_length = total;
    } else {
        host_log(host, "device claims USB 2.01 but has no usable BOS descriptor");
    }
    return status != URB_SILENT && status != URB_CANCELLED;
}

static enum sequence_action prepare_bos(struct sequence *s)
{
    struct usb_host *host = s->context;
    return host->bos_length == 0 ? SEQUENCE_SKIP : ask_descriptor(s, USB_DT_BOS, 0, 0, host->bos_length);
}

static bool check_bos(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct usb_host *host = s->context;
    host->bos_length = status == URB_OK && actual == host->bos_length ? actual : 0;
    memcpy(host->bos, s->data, host->bos_length);
    return status == URB_OK;
}

static enum sequence_action prepare_config_9(struct sequence *s)
{
    return ask_descriptor(s, USB_DT_CONFIGURATION, 0, 0, 9);
}

static bool check_config_9(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct usb_host *host = s->context;
    host->config_length = actual >= 4 ? load_le16(s->data + 2) : 0;
    return status == URB_OK && actual == 9 && s->data[1] == USB_DT_CONFIGURATION &&
           host->config_length >= 9 && host->config_length <= SEQUENCE_DATA_MAX;
}

static enum sequence_action prepare_config(struct sequence *s)
{
    struct usb_host *host = s->context;
    return ask_descriptor(s, USB_DT_CONFIGURATION, 0, 0, host->config_length);
}

static bool check_config(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct usb_host *host = s->context;
    if (status != URB_OK || actual != host->config_length) {
        return false;
    }
    memcpy(host->config, s->data, actual);
    const char *error = usb_desc_parse(&host->desc, host->config, actual);
    if (error != NULL) {
        host_log(host, "configuration descriptor: %s", error);
    }
    return error == NULL;
}

static enum sequence_action prepare_language(struct sequence *s)
{
    struct usb_host *host = s->context;
    host->language = 0;
    host->manufacturer[0] = host->product[0] = host->serial[0] = 0;
    bool any = host->device[14] != 0 || host->device[15] != 0 || host->device[16] != 0;
    return any ? ask_descriptor(s, USB_DT_STRING, 0, 0, 255) : SEQUENCE_SKIP;
}

static bool check_language(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct usb_host *host = s->context;
    if (status == URB_OK && actual >= 4 && s->data[1] == USB_DT_STRING) {
        host->language = load_le16(s->data + 2);
    }
    return status == URB_OK || status == URB_STALL;
}

static enum sequence_action prepare_string(struct sequence *s, uint8_t index)
{
    struct usb_host *host = s->context;
    return index == 0 || host->language == 0 ? SEQUENCE_SKIP
                                             : ask_descriptor(s, USB_DT_STRING, index, host->language, 255);
}

static enum sequence_action prepare_product(struct sequence *s)
{
    return prepare_string(s, ((struct usb_host *)s->context)->device[15]);
}

static enum sequence_action prepare_manufacturer(struct sequence *s)
{
    return prepare_string(s, ((struct usb_host *)s->context)->device[14]);
}

static enum sequence_action prepare_serial(struct sequence *s)
{
    return prepare_string(s, ((struct usb_host *)s->context)->device[16]);
}

/* Like Linux, a string that is refused or broken is missing, no more. */
static bool take_string(struct sequence *s, enum urb_status status, uint32_t actual, char *text)
{
    if (status == URB_OK) {
        usb_host_string(s->data, actual, text);
    }
    return status == URB_OK || status == URB_STALL;
}

static bool check_product(struct sequence *s, enum urb_status status, uint32_t actual)
{
    return take_string(s, status, actual, ((struct usb_host *)s->context)->product);
}

static bool check_manufacturer(struct sequence *s, enum urb_status status, uint32_t actual)
{
    return take_string(s, status, actual, ((struct usb_host *)s->context)->manufacturer);
}

static bool check_serial(struct sequence *s, enum urb_status status, uint32_t actual)
{
    return take_string(s, status, actual, ((struct usb_host *)s->context)->serial);
}

static enum sequence_action prepare_configuration(struct sequence *s)
{
    struct usb_host *host = s->context;
    s->setup = (struct usb_setup){0, USB_SET_CONFIGURATION, host->desc.bConfigurationValue, 0, 0};
    return SEQUENCE_REQUEST;
}

static const struct sequence_step part_two[] = {
    {"SET_ADDRESS", prepare_address, check_address},
    {"pause", prepare_settle, NULL},
    {"GET_DESCRIPTOR device", prepare_device, check_device},
    {"GET_DESCRIPTOR BOS, 5 bytes", prepare_bos_5, check_bos_5},
    {"GET_DESCRIPTOR BOS", prepare_bos, check_bos},
    {"GET_DESCRIPTOR configuration, 9 bytes", prepare_config_9, check_config_9},
    {"GET_DESCRIPTOR configuration", prepare_config, check_config},
    {"GET_DESCRIPTOR string 0", prepare_language, check_language},
    {"GET_DESCRIPTOR string product", prepare_product, check_product},
    {"GET_DESCRIPTOR string manufacturer", prepare_manufacturer, check_manufacturer},
    {"GET_DESCRIPTOR string serial number", prepare_serial, check_serial},
    {"SET_CONFIGURATION", prepare_configuration, NULL},
};

/* After a light reset. */
static const struct sequence_step part_light[] = {
    {"SET_ADDRESS", prepare_address, check_address},
    {"pause", prepare_settle, NULL},
};

/* ---- States ---- */

static void host_enter(struct usb_host *host, enum usb_host_state state)
{
    host->state = state;
    host->state_ns = host->bus->now_ns;
}

static bool host_since_ms(const struct usb_host *host, uint32_t ms)
{
    return host->bus->now_ns - host->state_ns >= (uint64_t)ms * 1000000;
}

static void host_reset_begin(struct usb_host *host)
{
    host->bus->running = false;
    host->address = 0;
    host->bus->cable.ops->bus_reset(host->bus->cable.device, true);
    host_enter(host, USB_HOST_RESET);
}

/* Everything that hangs on the device ends. */
static void host_drop(struct usb_host *host)
{
    bool had = host->state == USB_HOST_CONFIGURED || host->state == USB_HOST_SUSPENDED ||
               host->state == USB_HOST_RESUMING || host->light;
    host->light = false;
    sequence_stop(&host->sequence);
    if (host->state == USB_HOST_RESET) {
        host->bus->cable.ops->bus_reset(host->bus->cable.device, false);
    }
    if (host->state == USB_HOST_SUSPENDED) {
        host->bus->cable.ops->bus_suspend(host->bus->cable.device, false);
    }
    host->bus->running = false;
    host->bus->cut_after = -1;
    host->address = 0;
    host_enter(host, USB_HOST_EMPTY);
    bus_cancel_all(host->bus);
    bus_pipes_reset(host->bus);
    host->lost = false;
    host->bus->silence_seen = false;
    if (had) {
        host->gone(host->context);
    }
}

static void light_finished(struct usb_host *host, const char *failed, enum urb_status status)
{
    host->light = false;
    if (failed == NULL) {
        bus_pipes_reset(host->bus);
        host_enter(host, USB_HOST_CONFIGURED);
        host_log(host, "bus reset, address %u", host->address);
        return;
    }
    host_log(host, "bus reset, %s: %s; enumerating anew", failed, urb_status_name(status));
    host->tries = 0;
    host->second_reset = false;
    host_reset_begin(host);
    host->gone(host->context);
}

static void sequence_finished(struct sequence *s, const char *failed, enum urb_status status)
{
    struct usb_host *host = s->context;
    if (host->light) {
        light_finished(host, failed, status);
        return;
    }
    if (failed == NULL && !host->second_reset) {
        host->second_reset = true;
        host_reset_begin(host);
        return;
    }
    if (failed == NULL) {
        bus_pipes_reset(host->bus);
        host->configured_ns = host->bus->now_ns;
        host_enter(host, USB_HOST_CONFIGURED);
        host_log(host, "enumerated %04x:%04x %s%s%s", load_le16(host->device + 8),
                 load_le16(host->device + 10), host->manufacturer, host->manufacturer[0] != 0 ? " " : "",
                 host->product);
        host->configured(host->context);
        return;
    }
    if (++host->tries < USB_HOST_TRIES_MAX) {
        host_log(host, "%s: %s; trying again", failed, urb_status_name(status));
        host->second_reset = false;
        host_reset_begin(host);
        return;
    }
    host_log(host, "%s: %s; unable to enumerate this device", failed, urb_status_name(status));
    host->bus->running = false;
    host_enter(host, USB_HOST_FAILED);
}

static void host_enumerate(struct usb_host *host)
{
    struct sequence *s = &host->sequence;
    bus_pipes_reset(host->bus);
    host->bus->running = true;
    host_enter(host, USB_HOST_ENUMERATE);
    s->bus = host->bus;
    s->address = 0;
    if (host->light) {
        s->packet_size = host->ep0_packet_size;
        s->steps = part_light;
        s->step_count = sizeof part_light / sizeof part_light[0];
    } else {
        s->packet_size = host->second_reset ? host->ep0_packet_size : 64;
        s->steps = host->second_reset ? part_two : part_one;
        s->step_count =
            host->second_reset ? sizeof part_two / sizeof part_two[0] : sizeof part_one / sizeof part_one[0];
    }
    s->done = sequence_finished;
    s->context = host;
    sequence_start(s);
}

void usb_host_init(struct usb_host *host, struct bus *bus)
{
    memset(host, 0, sizeof *host);
    host->bus = bus;
    host->sequence.bus = bus;
}

void usb_host_vbus(struct usb_host *host, bool on)
{
    if (host->vbus == on) {
        return;
    }
    host->vbus = on;
    host->bus->cable.ops->vbus(host->bus->cable.device, on);
    if (!on) {
        bool attached = host->state != USB_HOST_EMPTY;
        host_drop(host);
        if (attached) {
            host_log(host, "unplugged");
        }
    }
}

void usb_host_reset(struct usb_host *host)
{
    if (host->state == USB_HOST_EMPTY || host->state == USB_HOST_DEBOUNCE) {
        return;
    }
    host_drop(host);
    host->tries = 0;
    host->second_reset = false;
    host_log(host, "bus reset");
    host_reset_begin(host);
}

void usb_host_reset_light(struct usb_host *host)
{
    if (host->state != USB_HOST_CONFIGURED) {
        return;
    }
    host->light = true;
    host_reset_begin(host);
    bus_cancel_all(host->bus);
    bus_pipes_reset(host->bus);
    host->lost = false;
    host->bus->silence_seen = false;
}

/* ---- Requests of others ---- */

void usb_host_followed(struct usb_host *host, const uint8_t setup[8])
{
    struct usb_setup s = usb_setup_load(setup);
    const struct usb_desc *desc = &host->desc;
    if (s.bmRequestType == USB_RECIPIENT_DEVICE && s.bRequest == USB_SET_CONFIGURATION) {
        bus_pipes_reset(host->bus);
    } else if (s.bmRequestType == USB_RECIPIENT_ENDPOINT && s.bRequest == USB_CLEAR_FEATURE &&
               s.wValue == USB_FEATURE_ENDPOINT_HALT) {
        bus_halt_clear(host->bus, (uint8_t)s.wIndex);
    } else if (s.bmRequestType == USB_RECIPIENT_INTERFACE && s.bRequest == USB_SET_INTERFACE) {
        for (unsigned i = 0; i < desc->setting_count; i++) {
            const struct usb_desc_setting *setting = &desc->settings[i];
            for (unsigned n = 0; setting->bInterfaceNumber == s.wIndex && n < setting->endpoint_count; n++) {
                bus_halt_clear(host->bus, setting->endpoints[n].bEndpointAddress);
            }
        }
    }
}

/* ---- Suspend and resume ---- */

/* SET_FEATURE or CLEAR_FEATURE(DEVICE_REMOTE_WAKEUP); one still under way is given up. */
static void host_wakeup_feature(struct usb_host *host, uint8_t request, void (*complete)(struct urb *))
{
    struct urb *urb = &host->power;
    urb->complete = NULL;
    bus_cancel(host->bus, urb);
    *urb = (struct urb){.type = USB_ENDPOINT_CONTROL,
                        .address = host->address,
                        .packet_size = host->ep0_packet_size,
                        .timeout_ms = BUS_CONTROL_TIMEOUT_MS,
                        .complete = complete,
                        .context = host};
    const struct usb_setup setup = {0, request, USB_FEATURE_DEVICE_REMOTE_WAKEUP, 0, 0};
    usb_setup_store(urb->setup, &setup);
    bus_submit(host->bus, urb);
}

static void suspend_go(struct usb_host *host)
{
    host->bus->running = false;
    host_enter(host, USB_HOST_SUSPENDED);
    host->bus->cable.ops->bus_suspend(host->bus->cable.device, true);
    host_log(host, "suspended%s", host->wakeup_enabled ? ", remote wake-up enabled" : "");
}

static void suspend_ready(struct urb *urb)
{
    struct usb_host *host = urb->context;
    host->suspending = false;
    if (host->state == USB_HOST_CONFIGURED && urb->status != URB_CANCELLED) {
        host->wakeup_enabled = urb->status == URB_OK;
        suspend_go(host);
    }
}

void usb_host_suspend(struct usb_host *host)
{
    if (host->state != USB_HOST_CONFIGURED || host->suspending) {
        return;
    }
    host->suspended(host->context, true);
    host->wakeup_enabled = false;
    if ((host->desc.bmAttributes & 0x20) != 0) {
        host->suspending = true;
        host_wakeup_feature(host, USB_SET_FEATURE, suspend_ready);
    } else {
        suspend_go(host);
    }
}

void usb_host_resume(struct usb_host *host)
{
    if (host->state != USB_HOST_SUSPENDED) {
        return;
    }
    host->bus->cable.ops->bus_suspend(host->bus->cable.device, false);
    host_enter(host, USB_HOST_RESUMING);
}

static void host_resumed(struct usb_host *host)
{
    host_enter(host, USB_HOST_CONFIGURED);
    host_log(host, "resumed");
    if (host->wakeup_enabled) {
        host_wakeup_feature(host, USB_CLEAR_FEATURE, NULL);
    }
    host->suspended(host->context, false);
}

/* ---- Each frame ---- */

/* A hub remembers that a pull-up went away, however short. Here, a transfer that met silence makes us ask the
 * device for its status: a device that has been through a reset of its own doesn't know its address. */
static void host_probed(struct urb *urb)
{
    struct usb_host *host = urb->context;
    host->probing = false;
    host->lost = urb->status == URB_SILENT;
}

static void host_probe(struct usb_host *host)
{
    if (host->state != USB_HOST_CONFIGURED || host->probing || !host->bus->silence_seen) {
        return;
    }
    host->bus->silence_seen = false;
    host->probing = true;
    host->probe = (struct urb){.type = USB_ENDPOINT_CONTROL,
                               .address = host->address,
                               .packet_size = host->ep0_packet_size,
                               .data = host->probe_data,
                               .length = sizeof host->probe_data,
                               .timeout_ms = BUS_CONTROL_TIMEOUT_MS,
                               .complete = host_probed,
                               .context = host};
    const struct usb_setup setup = {USB_DIR_IN, USB_GET_STATUS, 0, 0, sizeof host->probe_data};
    usb_setup_store(host->probe.setup, &setup);
    bus_submit(host->bus, &host->probe);
}

static void host_watch_pull_up(struct usb_host *host)
{
    bool up = host->vbus && host->bus->cable.ops->pulled_up(host->bus->cable.device);
    host_probe(host);
    if (!up || host->lost) {
        if (host->state != USB_HOST_EMPTY) {
            bool known = host->state != USB_HOST_DEBOUNCE;
            host_drop(host);
            if (known) {
                host_log(host, up ? "device forgot its address: it was reset" : "device went away");
            }
        }
    }
    if (up && host->state == USB_HOST_EMPTY) {
        host->attached_ns = host->bus->now_ns;
        host_enter(host, USB_HOST_DEBOUNCE);
    }
}

void usb_host_frame(struct usb_host *host)
{
    if (host->state != USB_HOST_RESET) {
        host_watch_pull_up(host);
    }
    switch (host->state) {
    case USB_HOST_DEBOUNCE:
        if (host_since_ms(host, USB_HOST_DEBOUNCE_MS)) {
            host->tries = 0;
            host->second_reset = false;
            host_log(host, "attached, bus reset");
            host_reset_begin(host);
        }
        break;
    case USB_HOST_RESET:
        if (host_since_ms(host, USB_HOST_RESET_MS)) {
            host->bus->cable.ops->bus_reset(host->bus->cable.device, false);
            host->bus->running = true; /* SOFs during recovery: nothing is queued yet */
            host_enter(host, USB_HOST_RECOVERY);
        }
        break;
    case USB_HOST_RECOVERY:
        if (host_since_ms(host, USB_HOST_RECOVERY_MS)) {
            host_enumerate(host);
        }
        break;
    case USB_HOST_SUSPENDED:
        if (host->bus->cable.ops->wakes(host->bus->cable.device)) {
            host_log(host, "device asks to wake up");
            usb_host_resume(host);
        }
        break;
    case USB_HOST_RESUMING:
        if (host_since_ms(host, USB_HOST_RESUME_MS)) {
            host->bus->running = true;
        }
        if (host_since_ms(host, USB_HOST_RESUME_MS + USB_HOST_RESUME_AFTER_MS)) {
            host_resumed(host);
        }
        break;
    default: break;
    }
}
