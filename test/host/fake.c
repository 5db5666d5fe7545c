/*
 * A small scripted device end: see fake.h.
 */
/* SPDX-License-Identifier: MIT */
#include "test/host/fake.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t device_descriptor[18] = {18,   1, 0x01, 0x02, 0xEF, 2, 1, 64, 0x09,
                                              0x12, 1, 0,    0x00, 0x01, 1, 2, 3,  1};
static const uint8_t config[] = {
    9,  2,  94,   0,    2,  1,  0,  0xA0, 50,                  /* configuration: remote wake-up */
    8,  11, 0,    2,    2,  13, 0,  0,                         /* association */
    9,  4,  0,    0,    1,  2,  13, 0,    0,                   /* control interface */
    5,  36, 0,    0x10, 1,                                     /* CDC header */
    5,  36, 6,    0,    1,                                     /* union */
    13, 36, 15,   4,    0,  0,  0,  0,    0xEA, 0x05, 0, 0, 0, /* Ethernet: iMACAddress 4, 1514 */
    6,  36, 26,   0,    1,  1,                                 /* NCM: SetEthernetPacketFilter */
    7,  5,  0x81, 3,    16, 0,  32,                            /* interrupt IN */
    9,  4,  1,    0,    0,  10, 0,  1,    0,                   /* data, alternate 0 */
    9,  4,  1,    1,    2,  10, 0,  1,    0,                   /* data, alternate 1 */
    7,  5,  0x82, 2,    64, 0,  0,                             /* bulk IN */
    7,  5,  0x02, 2,    64, 0,  0,                             /* bulk OUT */
};
static const uint8_t bos[] = {5, 15, 12, 0, 1, 7, 16, 2, 0, 0, 0, 0};
static const uint8_t parameters[28] = {28, 0, 1, 0,  0, 0x40, 0, 0, 4, 0, 0, 0, 4, 0,
                                       0,  0, 0, 12, 0, 0,    4, 0, 0, 0, 4, 0, 4, 0};

static void fake_log(struct fake *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fake_log(struct fake *f, const char *format, ...)
{
    va_list arguments;
    if (f->log_count == FAKE_LOG_MAX)
        return;
    char *line = f->log[f->log_count++];
    int length = snprintf(line, sizeof f->log[0], "%" PRIu64 " us ", f->time_ns / 1000);
    va_start(arguments, format);
    vsnprintf(line + length, sizeof f->log[0] - (size_t)length, format, arguments);
    va_end(arguments);
}

int fake_logged(const struct fake *f, const char *text)
{
    for (uint32_t i = 0; i < f->log_count; i++)
        if (strstr(f->log[i], text) != NULL)
            return (int)i;
    return -1;
}

static void fake_wrong(struct fake *f, const char *what)
{
    if (f->wrong == NULL)
        f->wrong = what;
}

void fake_init(struct fake *f)
{
    memset(f, 0, sizeof *f);
    memcpy(f->device_descriptor, device_descriptor, sizeof device_descriptor);
    memcpy(f->config, config, sizeof config);
    f->config_length = sizeof config;
    memcpy(f->bos, bos, sizeof bos);
    f->bos_length = sizeof bos;
    memcpy(f->parameters, parameters, sizeof parameters);
    f->strings[1] = "Maker";
    f->strings[2] = "Thing";
    f->strings[3] = "0001";
    f->strings[4] = "0080E1000001";
    f->stall_request = 0xFF;
    f->pull_up = f->notify = true;
    for (unsigned i = 0; i < 16; i++) {
        f->ep[i].packet_size = 64;
        f->ep[i].in = malloc(FAKE_BYTES_MAX);
        f->ep[i].out = malloc(FAKE_BYTES_MAX);
    }
}

void fake_free(struct fake *f)
{
    for (unsigned i = 0; i < 16; i++) {
        free(f->ep[i].in);
        free(f->ep[i].out);
    }
}

void fake_in(struct fake *f, uint8_t number, const void *bytes, uint32_t length)
{
    struct fake_ep *ep = &f->ep[number];
    uint32_t at = ep->in_count != 0 ? ep->in_end[ep->in_count - 1] : 0;
    if (ep->in_count == FAKE_TRANSFERS_MAX || at + length > FAKE_BYTES_MAX)
        abort();
    if (length != 0)
        memcpy(ep->in + at, bytes, length);
    ep->in_end[ep->in_count++] = at + length;
}

void fake_frame(struct fake *f, const uint8_t *frame, uint32_t length)
{
    uint8_t block[28 + 1514 + 1] = "NCMH\x0c\0\0\0\0\0\x0c\0NCM0\x10\0\0\0\x1c";
    uint32_t total = 28 + length + ((28 + length) % 64 == 0);
    store_le16(block + 8, (uint16_t)total);
    store_le16(block + 22, (uint16_t)length);
    memcpy(block + 28, frame, length);
    fake_in(f, FAKE_EP_DATA, block, total);
}

/* ---- Endpoint 0 ---- */

static void fake_endpoints(struct fake *f, bool data)
{
    struct fake_ep *ep = &f->ep[FAKE_EP_DATA];
    ep->open = data;
    ep->in_data1 = ep->out_data1 = false;
    ep->in_first = ep->in_count;
    ep->in_at = ep->in_count != 0 ? ep->in_end[ep->in_count - 1] : 0;
}

static void fake_string(struct fake *f, uint8_t index)
{
    if (index == 0) {
        memcpy(f->control, "\x04\x03\x09\x04", f->control_length = 4);
        return;
    }
    const char *text = index < 8 ? f->strings[index] : NULL;
    f->control_stall = text == NULL;
    for (f->control_length = 2; text != NULL && *text != 0; text++) {
        f->control[f->control_length++] = (uint8_t)*text;
        f->control[f->control_length++] = 0;
    }
    f->control[0] = (uint8_t)f->control_length;
    f->control[1] = USB_DT_STRING;
}

static void fake_give(struct fake *f, const uint8_t *bytes, uint32_t length)
{
    memcpy(f->control, bytes, length);
    f->control_length = length;
}

static void fake_get_descriptor(struct fake *f)
{
    switch (f->setup.wValue >> 8) {
    case USB_DT_DEVICE: fake_give(f, f->device_descriptor, 18); break;
    case USB_DT_CONFIGURATION: fake_give(f, f->config, f->config_length); break;
    case USB_DT_BOS: fake_give(f, f->bos, f->bos_length); break;
    case USB_DT_STRING: fake_string(f, (uint8_t)f->setup.wValue); break;
    default: f->control_stall = true;
    }
}

static void fake_set_interface(struct fake *f)
{
    static const uint8_t connected[8] = {0xA1, 0, 1, 0, 0, 0, 0, 0};
    f->alternate = (uint8_t)f->setup.wValue;
    fake_endpoints(f, f->alternate == 1);
    if (f->alternate == 1 && f->notify) {
        static const uint8_t speed[16] = {0xA1, 0x2A, 0, 0, 0, 0, 8, 0, 0, 0x1B, 0xB7, 0, 0, 0x1B, 0xB7, 0};
        fake_in(f, FAKE_EP_NOTIFY, speed, sizeof speed);
        fake_in(f, FAKE_EP_NOTIFY, connected, sizeof connected);
    }
}

static void fake_request(struct fake *f)
{
    const struct usb_setup *s = &f->setup;
    if ((s->bmRequestType & USB_TYPE_MASK) == USB_TYPE_CLASS) {
        if (s->bRequest == NCM_GET_NTB_PARAMETERS)
            fake_give(f, f->parameters, sizeof f->parameters);
        return;
    }
    switch (s->bRequest) {
    case USB_GET_STATUS: fake_give(f, (const uint8_t *)"\0", 2); break;
    case USB_SET_ADDRESS: f->new_address = (uint8_t)s->wValue; break;
    case USB_GET_DESCRIPTOR: fake_get_descriptor(f); break;
    case USB_SET_CONFIGURATION:
        f->configuration = (uint8_t)s->wValue;
        f->ep[FAKE_EP_NOTIFY].open = true;
        break;
    case USB_SET_INTERFACE: fake_set_interface(f); break;
    case USB_GET_CONFIGURATION: fake_give(f, &f->configuration, 1); break;
    case USB_GET_INTERFACE: fake_give(f, &f->alternate, 1); break;
    case USB_CLEAR_FEATURE:
        if (s->bmRequestType == USB_RECIPIENT_ENDPOINT) {
            struct fake_ep *ep = &f->ep[s->wIndex & 15];
            *(s->wIndex & USB_DIR_IN ? &ep->in_data1 : &ep->out_data1) = false;
            *(s->wIndex & USB_DIR_IN ? &ep->in_answer : &ep->out_answer) = CABLE_ACK;
        }
        break;
    default: break;
    }
}

static enum cable_answer fake_heard(struct fake *f, uint8_t address)
{
    if (f->reset || f->suspended)
        fake_wrong(f, "transaction in reset or suspend");
    return f->reset || f->suspended || !f->vbus || !f->pull_up || address != f->address ? CABLE_SILENCE
                                                                                        : CABLE_ACK;
}

static enum cable_answer fake_setup(void *device, uint8_t address, uint8_t endpoint, const uint8_t packet[8])
{
    struct fake *f = device;
    if (fake_heard(f, address) != CABLE_ACK || endpoint != 0)
        return CABLE_SILENCE;
    if (f->silent_setups != 0) {
        f->silent_setups--;
        return CABLE_SILENCE;
    }
    f->setup = usb_setup_load(packet);
    f->control_length = f->control_at = 0;
    f->control_data1 = true;
    f->control_stall = f->setup.bRequest == f->stall_request;
    f->control_in = (f->setup.bmRequestType & USB_DIR_IN) != 0 && f->setup.wLength != 0;
    fake_log(f, "setup %02x %02x %04x %04x %u", f->setup.bmRequestType, f->setup.bRequest, f->setup.wValue,
             f->setup.wIndex, f->setup.wLength);
    if (!f->control_stall)
        fake_request(f);
    if (f->control_length > f->setup.wLength)
        f->control_length = f->setup.wLength;
    return CABLE_ACK;
}

static enum cable_answer fake_control_in(struct fake *f, bool *data1, uint8_t *packet, uint16_t *length)
{
    if (f->control_stall)
        return CABLE_STALL;
    uint32_t left = f->control_in ? f->control_length - f->control_at : 0;
    uint32_t size = f->device_descriptor[7];
    *length = (uint16_t)(left < size ? left : size);
    memcpy(packet, f->control + f->control_at, *length);
    f->control_at += *length;
    *data1 = f->control_in ? f->control_data1 : true;
    f->control_data1 = !f->control_data1;
    if (!f->control_in && f->new_address != 0) {
        f->address = f->new_address;
        f->new_address = 0;
    }
    return CABLE_ACK;
}

/* ---- Other endpoints ---- */

static enum cable_answer fake_in_op(void *device, uint8_t address, uint8_t number, bool *data1,
                                    uint8_t packet[64], uint16_t *length)
{
    struct fake *f = device;
    struct fake_ep *ep = &f->ep[number & 15];
    if (fake_heard(f, address) != CABLE_ACK)
        return CABLE_SILENCE;
    if (number == 0)
        return fake_control_in(f, data1, packet, length);
    if (!ep->open)
        return CABLE_SILENCE;
    if (ep->in_answer != CABLE_ACK)
        return ep->in_answer;
    if (ep->naks != 0 || ep->in_first == ep->in_count) {
        ep->naks -= ep->naks != 0;
        return CABLE_NAK;
    }
    uint32_t left = ep->in_end[ep->in_first] - ep->in_at;
    *length = (uint16_t)(left < ep->packet_size ? left : ep->packet_size);
    memcpy(packet, ep->in + ep->in_at, *length);
    *data1 = ep->in_data1 != ep->in_repeat;
    if (ep->in_repeat) {
        ep->in_repeat = false;
        return CABLE_ACK;
    }
    ep->in_data1 = !ep->in_data1;
    ep->in_at += *length;
    ep->packets_in++;
    f->packets_frame += number != FAKE_EP_NOTIFY;
    if (*length < ep->packet_size || (*length == left && !ep->in_zlp))
        ep->in_first++;
    return CABLE_ACK;
}

static void fake_block(struct fake *f, const uint8_t *bytes, uint32_t length)
{
    if (f->frame_received == NULL || length < 28)
        return;
    uint32_t table = load_le16(bytes + 10);
    for (uint32_t at = table + 8; at + 4 <= table + load_le16(bytes + table + 4) && at + 4 <= length;
         at += 4) {
        uint32_t start = load_le16(bytes + at), size = load_le16(bytes + at + 2);
        if (start == 0 || size == 0 || start + size > length)
            break;
        f->frame_received(f, bytes + start, size);
    }
}

static enum cable_answer fake_out(void *device, uint8_t address, uint8_t number, bool data1,
                                  const uint8_t *packet, uint16_t length)
{
    struct fake *f = device;
    struct fake_ep *ep = &f->ep[number & 15];
    if (fake_heard(f, address) != CABLE_ACK)
        return CABLE_SILENCE;
    if (number == 0)
        return f->control_stall ? CABLE_STALL : CABLE_ACK;
    if (!ep->open)
        return CABLE_SILENCE;
    if (ep->out_answer != CABLE_ACK)
        return ep->out_answer;
    if (ep->naks_out != 0) {
        ep->naks_out--;
        return CABLE_NAK;
    }
    if (ep->naks != 0) {
        ep->naks--;
        return CABLE_NAK;
    }
    if (data1 != ep->out_data1) {
        ep->repeats_out++;
        return CABLE_ACK;
    }
    ep->out_data1 = !ep->out_data1;
    if (ep->out_length + length > FAKE_BYTES_MAX || ep->out_count == FAKE_TRANSFERS_MAX)
        abort();
    memcpy(ep->out + ep->out_length, packet, length);
    ep->out_length += length;
    ep->packets_out++;
    f->packets_frame++;
    uint32_t size = ep->out_length - ep->out_start;
    if (length < ep->packet_size || size == load_le32(f->parameters + 16)) {
        ep->out_transfers[ep->out_count++] = size;
        fake_block(f, ep->out + ep->out_start, size);
        ep->out_start = ep->out_length;
    }
    return CABLE_ACK;
}

/* ---- The wire ---- */

static void fake_advance(void *device, uint64_t time_ns)
{
    struct fake *f = device;
    if (time_ns < f->time_ns)
        fake_wrong(f, "time ran backwards");
    f->time_ns = time_ns;
}

static void fake_vbus(void *device, bool on)
{
    struct fake *f = device;
    f->vbus = on;
    f->address = f->configuration = f->alternate = 0;
    fake_log(f, "vbus %d", on);
}

static bool fake_pulled_up(void *device)
{
    struct fake *f = device;
    return f->vbus && f->pull_up;
}

static void fake_bus_reset(void *device, bool active)
{
    struct fake *f = device;
    f->reset = active;
    f->address = f->new_address = f->configuration = f->alternate = 0;
    f->ep[FAKE_EP_NOTIFY].open = f->ep[FAKE_EP_DATA].open = false;
    f->ep[FAKE_EP_NOTIFY].in_data1 = false;
    f->ep[FAKE_EP_NOTIFY].in_first = f->ep[FAKE_EP_NOTIFY].in_count;
    fake_endpoints(f, false);
    f->resets += active;
    if (active)
        f->reset_ns = f->time_ns;
    else if (f->vbus && f->time_ns - f->reset_ns < 10000000)
        fake_wrong(f, "reset shorter than 10 ms");
    fake_log(f, "reset %d", active);
}

static void fake_frame_start(void *device, uint16_t number)
{
    struct fake *f = device;
    if (f->reset || f->suspended || number > 2047)
        fake_wrong(f, "start of frame in reset or suspend, or its number is too large");
    if (f->packets_frame > f->packets_frame_max)
        f->packets_frame_max = f->packets_frame;
    f->packets_frame = 0;
    f->frame = number;
    f->frames++;
}

static void fake_bus_suspend(void *device, bool suspended)
{
    struct fake *f = device;
    f->suspended = suspended;
    f->wakes = false;
    fake_log(f, "suspend %d", suspended);
}

static bool fake_wakes(void *device)
{
    return ((struct fake *)device)->wakes;
}

struct cable fake_cable(struct fake *f)
{
    static const struct cable_ops ops = {fake_advance,     fake_vbus,        fake_pulled_up, fake_bus_reset,
                                         fake_frame_start, fake_bus_suspend, fake_wakes,     fake_setup,
                                         fake_out,         fake_in_op};
    return (struct cable){&ops, f};
}
