/*
 * The NCM function: descriptors, class requests, notifications and what resets what. See ncm.h; receiving is
 * in ncm_out.c, sending in ncm_in.c.
 *
 *   configured: notification endpoint open ─ alt 1 ─→ up: bulk endpoints open, link(true), speed, connection
 *               ↑                                      │ alt 0, bus reset, configuration 0, detach
 *               └──── defaults, references dropped ────┘
 *
 * Source: facts.md A1, A2, A5 to A7, C1, C2; linux/usb/cdc.h; CDC 1.2, NCM 1.0 [unread].
 */
/* SPDX-License-Identifier: MIT */
#include "usb/ncm_parts.h"

#include <string.h>

_Static_assert(NCM_OUT_BLOCK_MAX >= 2048 && NCM_OUT_BLOCK_MAX % 512 == 0 && NCM_OUT_BLOCK_ROOM < 65536,
               "NCM_OUT_BLOCK_MAX: whole packets, 2,048 at least, and lengths have 16 bits");
_Static_assert(NCM_FRAME_PIECES_MAX <= NCM_IN_PIECES_MAX,
               "NCM_IN_PIECES_MAX: one frame must go into a block");

#define BULK_PACKET_SIZE   64
#define NOTIFY_PACKET_SIZE 16 /* the longest notification: Windows reads one packet */
#define NOTIFY_INTERVAL_MS                                                                                   \
    4 /* bInterval: the link is up so much sooner; two notifications have to be fetched */
#define LINK_SPEED         12000000 /* bit/s, both ways */
#define PACKET_FILTER_MASK 0x1F     /* promiscuous, all multicast, directed, broadcast, multicast */

#define NCM_NOTIFY_SPEED      1u
#define NCM_NOTIFY_CONNECTION 2u

static struct ncm *ncm_of(struct usb_function *function)
{
    return (struct ncm *)function;
}

/* ---- Descriptors. ---- */

#define AT_UNION    25 /* where the union descriptor names both interfaces … */
#define AT_ETHERNET 30 /* … and the Ethernet descriptor the string */

static void ncm_describe(const struct usb_function *function, struct usb_writer *writer)
{
    /* clang-format off */
    static const uint8_t template[] = {
        /* interface association: CDC, NCM */
        8, USB_DT_INTERFACE_ASSOCIATION, 0, 2, 0x02, 0x0D, 0x00, 0,
        /* control interface and its functional descriptors: header, union, Ethernet, NCM */
        9, USB_DT_INTERFACE, 0, 0, 1, 0x02, 0x0D, 0x00, 0,
        5, USB_DT_CS_INTERFACE, CDC_SUBTYPE_HEADER, 0x10, 0x01,
        5, USB_DT_CS_INTERFACE, CDC_SUBTYPE_UNION, 0, 1,
        13, USB_DT_CS_INTERFACE, CDC_SUBTYPE_ETHERNET, 0, 0, 0, 0, 0,
        NCM_FRAME_MAX & 0xFF, NCM_FRAME_MAX >> 8, 0, 0, 0,
        6, USB_DT_CS_INTERFACE, CDC_SUBTYPE_NCM, 0x00, 0x01, 0x01 /* D0: SetEthernetPacketFilter */,
        7, USB_DT_ENDPOINT, USB_DIR_IN | 0, USB_ENDPOINT_INTERRUPT, NOTIFY_PACKET_SIZE, 0, NOTIFY_INTERVAL_MS,
        /* data interface: nothing, then two bulk endpoints */
        9, USB_DT_INTERFACE, 1, 0, 0, 0x0A, 0x00, 0x01, 0,
        9, USB_DT_INTERFACE, 1, 1, 2, 0x0A, 0x00, 0x01, 0,
        7, USB_DT_ENDPOINT, USB_DIR_IN | 1, USB_ENDPOINT_BULK, BULK_PACKET_SIZE, 0, 0,
        7, USB_DT_ENDPOINT, 0, USB_ENDPOINT_BULK, BULK_PACKET_SIZE, 0, 0,
    };
    /* clang-format on */
    uint8_t *bytes = usb_function_describe(function, writer, template, sizeof template);
    if (bytes == NULL)
        return;
    bytes[AT_UNION] = function->interface_first;
    bytes[AT_UNION + 1] = (uint8_t)(function->interface_first + 1);
    bytes[AT_ETHERNET] = function->string_first;
}

/* Its one string: iMACAddress, twelve hexadecimal digits. */
static void ncm_string(const struct usb_function *function, uint8_t number, char *text, size_t capacity)
{
    (void)number;
    if (capacity > 12)
        usb_hex_put(text, ((const struct ncm *)function)->config->host_mac, 6);
}

/* ---- Notifications: one is armed at a time; the next one follows when the host has read it. ---- */

static void ncm_notify_next(struct ncm *ncm)
{
    if (ncm->notify_busy || ncm->notify_due == 0 || (ncm->halted & NCM_HALTED_NOTIFY) != 0)
        return;
    bool speed = (ncm->notify_due & NCM_NOTIFY_SPEED) != 0;
    uint8_t *bytes = ncm->notify_bytes;
    struct usb_setup head = {USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE,
                             speed ? CDC_NOTIFICATION_CONNECTION_SPEED : CDC_NOTIFICATION_NETWORK_CONNECTION,
                             speed ? 0 : 1, ncm->function.interface_first, speed ? 8 : 0};
    usb_setup_store(bytes, &head);
    store_le32(bytes + 8, LINK_SPEED);
    store_le32(bytes + 12, LINK_SPEED);
    ncm->notify_due &= speed ? (uint8_t)~NCM_NOTIFY_SPEED : (uint8_t)~NCM_NOTIFY_CONNECTION;
    ncm->notify_iov = (struct usb_iov){bytes, speed ? 16 : 8};
    ncm->notify_busy = true;
    usb_device_ep_write(ncm->function.device, ncm_ep_notify(ncm), &ncm->notify_iov, 1, false);
}

/* The endpoint is idle and its host knows nothing: tell the state from the beginning. */
static void ncm_notify_restart(struct ncm *ncm)
{
    ncm->notify_busy = false;
    ncm->notify_due = ncm->up ? NCM_NOTIFY_SPEED | NCM_NOTIFY_CONNECTION : 0;
    ncm_notify_next(ncm);
}

/* ---- State. ---- */

static void ncm_defaults(struct ncm *ncm)
{
    ncm->in_size = NCM_IN_BLOCK_MAX;
}

/* The bulk endpoints have stopped: drop what they read and wrote. */
static void ncm_down(struct ncm *ncm)
{
    bool was_up = ncm->up;
    ncm->up = false;
    ncm->halted &= NCM_HALTED_NOTIFY;
    ncm_out_stop(ncm);
    ncm_in_stop(ncm);
    if (was_up)
        ncm->config->link(ncm->config->context, false);
}

static void ncm_data_close(struct ncm *ncm)
{
    struct usb_device *device = ncm->function.device;
    if (ncm->up) {
        usb_device_ep_close(device, ncm_ep_in(ncm));
        usb_device_ep_close(device, ncm_ep_out(ncm));
    }
    if (ncm->notify_busy)
        usb_device_ep_abort(device, ncm_ep_notify(ncm));
    ncm_down(ncm);
    ncm_notify_restart(ncm);
}

static void ncm_data_open(struct ncm *ncm)
{
    struct usb_device *device = ncm->function.device;
    usb_device_ep_open(device, ncm_ep_in(ncm), USB_ENDPOINT_BULK, BULK_PACKET_SIZE);
    usb_device_ep_open(device, ncm_ep_out(ncm), USB_ENDPOINT_BULK, BULK_PACKET_SIZE);
    ncm->up = true;
    ncm_out_start(ncm);
    ncm->config->link(ncm->config->context, true);
    ncm_notify_restart(ncm);
}

static void ncm_notify_open(struct ncm *ncm)
{
    usb_device_ep_open(ncm->function.device, ncm_ep_notify(ncm), USB_ENDPOINT_INTERRUPT, NOTIFY_PACKET_SIZE);
    ncm->halted &= (uint8_t)~NCM_HALTED_NOTIFY;
    ncm_notify_restart(ncm);
}

static bool ncm_alternate_set(struct usb_function *function, uint8_t number, uint8_t alternate)
{
    struct ncm *ncm = ncm_of(function);
    if (alternate > number) /* control: 0; data: 0 and 1 */
        return false;
    if (number == 0) {
        ncm_notify_open(ncm);
        return true;
    }
    ncm_data_close(ncm);
    if (alternate == 1)
        ncm_data_open(ncm);
    else
        ncm_defaults(ncm);
    return true;
}

static uint8_t ncm_alternate_get(const struct usb_function *function, uint8_t number)
{
    return number == 1 && ((const struct ncm *)function)->up;
}

static void ncm_configured(struct usb_function *function, bool on)
{
    struct ncm *ncm = ncm_of(function);
    ncm_down(ncm);
    ncm_defaults(ncm);
    if (on)
        ncm_notify_open(ncm);
}

static void ncm_halted(struct usb_function *function, uint8_t ep, bool on)
{
    struct ncm *ncm = ncm_of(function);
    uint8_t bit = ep == ncm_ep_in(ncm)    ? NCM_HALTED_IN
                  : ep == ncm_ep_out(ncm) ? NCM_HALTED_OUT
                                          : NCM_HALTED_NOTIFY;
    ncm->halted = (uint8_t)(on ? ncm->halted | bit : ncm->halted & ~bit);
    if (bit == NCM_HALTED_IN)
        ncm_in_aborted(ncm);
    else if (bit == NCM_HALTED_OUT)
        ncm_out_aborted(ncm);
    else
        ncm_notify_restart(ncm);
}

static void ncm_transferred(struct usb_function *function, uint32_t events)
{
    struct ncm *ncm = ncm_of(function);
    if (events & USB_EVENT_OUT(ncm->function.out_first))
        ncm_out_transferred(ncm);
    if (events & USB_EVENT_IN(ncm->function.in_first + 1))
        ncm_in_transferred(ncm);
    if (events & USB_EVENT_IN(ncm->function.in_first)) {
        ncm->notify_busy = false;
        ncm_notify_next(ncm);
    }
}

/* ---- Class requests, to the control interface. ---- */

/* clang-format off */
static const uint8_t ncm_parameters[NCM_NTB_PARAMETERS_LENGTH] = {
    NCM_NTB_PARAMETERS_LENGTH, 0, 0x01, 0x00,               /* NTB16 only */
    NCM_IN_BLOCK_MAX & 0xFF, NCM_IN_BLOCK_MAX >> 8, 0, 0,   /* dwNtbInMaxSize */
    4, 0, 0, 0, NTB_ALIGNMENT, 0, 0, 0,                     /* IN: divisor, remainder, alignment, padding */
    NCM_OUT_BLOCK_MAX & 0xFF, NCM_OUT_BLOCK_MAX >> 8, 0, 0, /* dwNtbOutMaxSize */
    4, 0, 0, 0, NCM_OUT_ALIGNMENT, 0, NCM_OUT_DATAGRAMS_MAX, 0, /* OUT: the same, wNtbOutMaxDatagrams */
};
/* clang-format on */

static bool ncm_control_in(struct ncm *ncm, const struct usb_setup *setup, uint8_t *reply, size_t *length)
{
    if (setup->wValue != 0)
        return false;
    switch (setup->bRequest) {
    case NCM_GET_NTB_PARAMETERS:
        memcpy(reply, ncm_parameters, sizeof ncm_parameters);
        *length = NCM_NTB_PARAMETERS_LENGTH;
        return true; /* as much of it as the host wants */
    case NCM_GET_NTB_FORMAT:
        store_le16(reply, 0); /* NTB16 */
        *length = 2;
        break;
    case NCM_GET_NTB_INPUT_SIZE:
        store_le32(reply, ncm->in_size);
        *length = 4;
        break;
    default: return false;
    }
    return setup->wLength >= *length;
}

static bool ncm_control(struct usb_function *function, const struct usb_setup *setup, uint8_t *reply,
                        size_t *length)
{
    struct ncm *ncm = ncm_of(function);
    uint8_t type = USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE;
    if (setup->wIndex != function->interface_first || (setup->bmRequestType & ~(unsigned)USB_DIR_IN) != type)
        return false;
    if ((setup->bmRequestType & USB_DIR_IN) != 0)
        return ncm_control_in(ncm, setup, reply, length);
    switch (setup->bRequest) {
    case CDC_SET_ETHERNET_PACKET_FILTER: /* advice only: everything we send is for this host */
        return setup->wLength == 0 && (setup->wValue & ~PACKET_FILTER_MASK) == 0;
    case NCM_SET_NTB_FORMAT: return setup->wLength == 0 && setup->wValue == 0 && !ncm->up;
    case NCM_SET_NTB_INPUT_SIZE: return setup->wLength == 4 && setup->wValue == 0;
    default: return false;
    }
}

static bool ncm_control_out(struct usb_function *function, const struct usb_setup *setup, const uint8_t *data,
                            size_t length)
{
    (void)setup; /* only NCM_SET_NTB_INPUT_SIZE has data */
    if (length != 4)
        return false;
    uint32_t size = load_le32(data);
    if (size < NCM_IN_SIZE_MIN || size > NCM_IN_BLOCK_MAX)
        return false;
    ncm_in_size_set(ncm_of(function), size);
    return true;
}

/* ---- The calls. ---- */

static const struct usb_function_ops ncm_ops = {
    .interfaces = 2,
    .in_endpoints = 2,
    .out_endpoints = 1,
    .strings = 1,
    .compatible_id = "WINNCM",
    .describe = ncm_describe,
    .string = ncm_string,
    .control = ncm_control,
    .control_out = ncm_control_out,
    .alternate_set = ncm_alternate_set,
    .alternate_get = ncm_alternate_get,
    .configured = ncm_configured,
    .halted = ncm_halted,
    .transferred = ncm_transferred,
};

void ncm_init(struct ncm *ncm, const struct ncm_config *config)
{
    memset(ncm, 0, sizeof *ncm);
    ncm->function.ops = &ncm_ops;
    ncm->config = config;
    ncm->out_watch.look = ncm_out_look;
    ncm_in_init(ncm);
    ncm_defaults(ncm);
    for (unsigned i = 0; i < config->block_count; i++) {
        config->blocks[i].ours = false;
        config->blocks[i].holds = 0;
    }
}

void ncm_poll(struct ncm *ncm)
{
    ncm->in_gathering = false;
    if (ncm->out_armed == NULL)
        ncm_out_arm(ncm);
    if (ncm->in_flying == NULL)
        ncm_in_write(ncm);
}

bool ncm_link_up(const struct ncm *ncm)
{
    return ncm->up;
}

const struct ncm_stats *ncm_stats(const struct ncm *ncm)
{
    return &ncm->stats;
}
