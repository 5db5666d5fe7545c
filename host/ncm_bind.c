/*
 * Binding the NCM driver: which function, which endpoints, and the requests in Linux's order (facts.md B1).
 *
 *   descriptors ─→ alt 1, alt 0 ─→ GET_NTB_PARAMETERS ─→ CRC, format if offered ─→ 10 ms ─→ alt 1 ─→ iMACAddress
 *   ─→ input size, datagram size if they change ─→ SET_ETHERNET_PACKET_FILTER (the interface comes up) ─→ bound
 *
 * Rejected as Linux rejects: Ethernet descriptor not 13 bytes or twice, no NCM descriptor, no data interface, an
 * endpoint missing, no NTB parameters, a MAC string that isn't 12 hexadecimal digits.
 */
/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/ncm_host.h"

void ncm_host_log(struct ncm_host *ncm, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (ncm->log != NULL) {
        ncm->log(ncm->context, line);
    }
}

static enum sequence_action set_interface(struct sequence *s, uint8_t alternate)
{
    struct ncm_host *ncm = s->context;
    s->setup =
        (struct usb_setup){USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, alternate, ncm->data_interface, 0};
    return SEQUENCE_REQUEST;
}

static enum sequence_action class_request(struct sequence *s, uint8_t direction, uint8_t request,
                                          uint16_t value, uint16_t length)
{
    struct ncm_host *ncm = s->context;
    s->setup = (struct usb_setup){(uint8_t)(direction | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE), request,
                                  value, ncm->control_interface, length};
    return SEQUENCE_REQUEST;
}

/* Both settings' endpoints start again with DATA0. */
static bool check_set_interface(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct ncm_host *ncm = s->context;
    (void)actual;
    bus_halt_clear(s->bus, ncm->in.bEndpointAddress);
    bus_halt_clear(s->bus, ncm->out.bEndpointAddress);
    return status == URB_OK;
}

static enum sequence_action prepare_alt_on(struct sequence *s)
{
    return set_interface(s, ((struct ncm_host *)s->context)->data_alternate);
}

static enum sequence_action prepare_alt_off(struct sequence *s)
{
    return set_interface(s, 0);
}

static enum sequence_action prepare_parameters(struct sequence *s)
{
    return class_request(s, USB_DIR_IN, NCM_GET_NTB_PARAMETERS, 0, NCM_NTB_PARAMETERS_LENGTH);
}

static bool check_parameters(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct ncm_host *ncm = s->context;
    if (status != URB_OK || actual < NCM_NTB_PARAMETERS_LENGTH) {
        return false;
    }
    ncm_host_params_read(&ncm->params, s->data, ncm->out.wMaxPacketSize);
    return true;
}

static bool check_any(struct sequence *s, enum urb_status status, uint32_t actual)
{
    (void)s;
    (void)actual;
    return status != URB_CANCELLED;
}

static enum sequence_action prepare_crc(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    return (ncm->capabilities & 0x10) == 0 ? SEQUENCE_SKIP : class_request(s, 0, NCM_SET_CRC_MODE, 0, 0);
}

static enum sequence_action prepare_format(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    bool ntb32 = (ncm->params.bmNtbFormatsSupported & 2) != 0;
    return ntb32 ? class_request(s, 0, NCM_SET_NTB_FORMAT, 0, 0) : SEQUENCE_SKIP;
}

static enum sequence_action prepare_settle(struct sequence *s)
{
    s->pause_ms = 10;
    return SEQUENCE_PAUSE;
}

static enum sequence_action prepare_mac(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    uint16_t language = ncm->usb->language != 0 ? ncm->usb->language : 0x0409;
    s->setup = (struct usb_setup){USB_DIR_IN, USB_GET_DESCRIPTOR,
                                  (uint16_t)(USB_DT_STRING << 8 | ncm->iMACAddress), language, 255};
    return SEQUENCE_REQUEST;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

static bool check_mac(struct sequence *s, enum urb_status status, uint32_t actual)
{
    struct ncm_host *ncm = s->context;
    char text[USB_HOST_STRING_MAX];
    if (status != URB_OK || !usb_host_string(s->data, actual, text) || strlen(text) != 12) {
        return false;
    }
    for (unsigned i = 0; i < 6; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        ncm->mac[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static enum sequence_action prepare_input_size(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    store_le32(s->data, ncm->params.rx_max);
    return ncm->params.rx_max == ncm->params.dwNtbInMaxSize
               ? SEQUENCE_SKIP
               : class_request(s, 0, NCM_SET_NTB_INPUT_SIZE, 0, 4);
}

static enum sequence_action prepare_get_datagram(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    return (ncm->capabilities & 8) == 0 ? SEQUENCE_SKIP
                                        : class_request(s, USB_DIR_IN, NCM_GET_MAX_DATAGRAM_SIZE, 0, 2);
}

static enum sequence_action prepare_set_datagram(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    if ((ncm->capabilities & 8) == 0 || load_le16(s->data) == ncm->max_segment) {
        return SEQUENCE_SKIP;
    }
    store_le16(s->data, ncm->max_segment);
    return class_request(s, 0, NCM_SET_MAX_DATAGRAM_SIZE, 0, 2);
}

/* The interface comes up: directed, broadcast, all multicast. */
static enum sequence_action prepare_filter(struct sequence *s)
{
    struct ncm_host *ncm = s->context;
    return (ncm->capabilities & 1) == 0 ? SEQUENCE_SKIP
                                        : class_request(s, 0, CDC_SET_ETHERNET_PACKET_FILTER, 0x0E, 0);
}

static const struct sequence_step bind_steps[] = {
    {"SET_INTERFACE data, alternate 1", prepare_alt_on, check_set_interface},
    {"SET_INTERFACE data, alternate 0", prepare_alt_off, check_set_interface},
    {"GET_NTB_PARAMETERS", prepare_parameters, check_parameters},
    {"SET_CRC_MODE", prepare_crc, check_any},
    {"SET_NTB_FORMAT", prepare_format, check_any},
    {"pause", prepare_settle, NULL},
    {"SET_INTERFACE data, alternate 1", prepare_alt_on, check_set_interface},
    {"iMACAddress", prepare_mac, check_mac},
    {"SET_NTB_INPUT_SIZE", prepare_input_size, check_any},
    {"GET_MAX_DATAGRAM_SIZE", prepare_get_datagram, check_any},
    {"SET_MAX_DATAGRAM_SIZE", prepare_set_datagram, check_any},
    {"SET_ETHERNET_PACKET_FILTER", prepare_filter, check_any},
};

static void bind_done(struct sequence *s, const char *failed, enum urb_status status)
{
    struct ncm_host *ncm = s->context;
    if (failed != NULL) {
        ncm->state = NCM_HOST_REJECTED;
        ncm_host_log(ncm, "NCM: bind failed: %s: %s", failed, urb_status_name(status));
        return;
    }
    const struct ncm_host_params *p = &ncm->params;
    ncm_host_log(ncm, "NCM bound: MAC %02x:%02x:%02x:%02x:%02x:%02x, blocks %u in, %u out of %u datagrams",
                 ncm->mac[0], ncm->mac[1], ncm->mac[2], ncm->mac[3], ncm->mac[4], ncm->mac[5], p->rx_max,
                 p->tx_max, p->datagrams);
    ncm_host_bound(ncm);
}

/* The functional descriptors of the control interface. NULL: good; else why not. */
static const char *functional_read(struct ncm_host *ncm, const struct usb_desc_setting *control)
{
    bool header = false, ethernet = false, ncm_found = false, union_found = false;
    size_t at = 0;
    const uint8_t *d;
    while ((d = usb_desc_next(control->extra, control->extra_length, &at)) != NULL) {
        if (d[1] != USB_DT_CS_INTERFACE || d[0] < 3) {
            continue;
        }
        if (d[2] == CDC_SUBTYPE_HEADER) {
            if (header) {
                return "two CDC Header descriptors";
            }
            header = true;
        } else if (d[2] == CDC_SUBTYPE_UNION && d[0] >= 5) {
            union_found = true;
            ncm->data_interface = d[4];
        } else if (d[2] == CDC_SUBTYPE_ETHERNET) {
            if (ethernet || d[0] != 13) {
                return "Ethernet descriptor twice, or not 13 bytes long";
            }
            ethernet = true;
            ncm->iMACAddress = d[3];
            ncm->max_segment = load_le16(d + 8);
        } else if (d[2] == CDC_SUBTYPE_NCM && d[0] >= 6) {
            ncm_found = true;
            ncm->capabilities = d[5];
        }
    }
    if (!union_found && control->function_count == 2) {
        ncm->data_interface = (uint8_t)(control->bInterfaceNumber + 1);
        union_found = true;
    }
    return !union_found ? "no Union descriptor"
           : !ethernet  ? "no Ethernet descriptor"
           : !ncm_found ? "no NCM descriptor"
                        : NULL;
}

/* The data interface's working setting and the three endpoints. NULL: good; else why not. */
static const char *endpoints_read(struct ncm_host *ncm, const struct usb_desc_setting *control)
{
    const struct usb_desc *desc = &ncm->usb->desc;
    if (usb_desc_setting(desc, ncm->data_interface, 0) == NULL ||
        ncm->data_interface == control->bInterfaceNumber) {
        return "no data interface";
    }
    const struct usb_desc_setting *data = usb_desc_setting(desc, ncm->data_interface, 1);
    const struct usb_desc_endpoint *in = usb_desc_endpoint(data, USB_ENDPOINT_BULK, true);
    const struct usb_desc_endpoint *out = usb_desc_endpoint(data, USB_ENDPOINT_BULK, false);
    const struct usb_desc_endpoint *notify = usb_desc_endpoint(control, USB_ENDPOINT_INTERRUPT, true);
    if (in == NULL || out == NULL || notify == NULL) {
        return "bulk IN, bulk OUT or interrupt IN endpoint missing";
    }
    ncm->data_alternate = 1;
    ncm->in = *in;
    ncm->out = *out;
    ncm->notify = *notify;
    return NULL;
}

static const struct usb_desc_setting *control_find(const struct usb_desc *desc)
{
    for (unsigned i = 0; i < desc->setting_count; i++) {
        const struct usb_desc_setting *s = &desc->settings[i];
        if (s->bInterfaceClass == 0x02 && s->bInterfaceSubClass == 0x0D && s->bInterfaceProtocol == 0) {
            return s;
        }
    }
    return NULL;
}

bool ncm_host_bind(struct ncm_host *ncm)
{
    const struct usb_desc_setting *control = control_find(&ncm->usb->desc);
    if (control == NULL) {
        ncm_host_log(ncm, "no NCM function: nothing to bind");
        return false;
    }
    ncm->control_interface = control->bInterfaceNumber;
    const char *error = functional_read(ncm, control);
    if (error == NULL) {
        error = endpoints_read(ncm, control);
    }
    if (error != NULL) {
        ncm->state = NCM_HOST_REJECTED;
        ncm_host_log(ncm, "NCM: rejected: %s", error);
        return false;
    }
    struct sequence *s = &ncm->sequence;
    ncm->state = NCM_HOST_BINDING;
    ncm->next_sequence = 0;
    ncm->rx_sequence = -1;
    ncm->notification_split = false;
    s->bus = ncm->bus;
    s->address = ncm->usb->address;
    s->packet_size = ncm->usb->ep0_packet_size;
    s->steps = bind_steps;
    s->step_count = sizeof bind_steps / sizeof bind_steps[0];
    s->done = bind_done;
    s->context = ncm;
    sequence_start(s);
    return true;
}
