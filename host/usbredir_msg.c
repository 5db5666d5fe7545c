/*
 * The messages of usbredir: see usbredir_msg.h.
 */
/* SPDX-License-Identifier: MIT */
#include "host/usbredir_msg.h"

#include <stdio.h>
#include <string.h>

#include "wire/le.h"

uint32_t usbredir_header_length(uint32_t caps)
{
    return (caps & USBREDIR_CAP_64BITS_IDS) != 0 ? 16 : 12;
}

uint32_t usbredir_packet_length(uint32_t type, uint32_t caps)
{
    switch (type) {
    case USBREDIR_CONTROL_PACKET: return 10;
    case USBREDIR_BULK_PACKET: return (caps & USBREDIR_CAP_32BITS_BULK_LENGTH) != 0 ? 10 : 8;
    default: return 4;
    }
}

bool usbredir_guest_sends(uint32_t type, uint32_t caps, uint32_t *length)
{
    switch (type) {
    case USBREDIR_HELLO: *length = USBREDIR_HELLO_MIN; return true;
    case USBREDIR_RESET:
    case USBREDIR_GET_CONFIGURATION:
    case USBREDIR_CANCEL_DATA_PACKET:
    case USBREDIR_FILTER_REJECT:
    case USBREDIR_FILTER_FILTER: *length = 0; return true;
    case USBREDIR_DEVICE_DISCONNECT_ACK: *length = 0; return (caps & USBREDIR_CAP_DEVICE_DISCONNECT_ACK) != 0;
    case USBREDIR_SET_CONFIGURATION:
    case USBREDIR_GET_ALT_SETTING:
    case USBREDIR_STOP_ISO_STREAM:
    case USBREDIR_START_INTERRUPT_RECEIVING:
    case USBREDIR_STOP_INTERRUPT_RECEIVING: *length = 1; return true;
    case USBREDIR_SET_ALT_SETTING: *length = 2; return true;
    case USBREDIR_START_ISO_STREAM: *length = 3; return true;
    case USBREDIR_CONTROL_PACKET:
    case USBREDIR_BULK_PACKET:
    case USBREDIR_ISO_PACKET:
    case USBREDIR_INTERRUPT_PACKET: *length = usbredir_packet_length(type, caps); return true;
    default: *length = 0; return false;
    }
}

void usbredir_header_read(struct usbredir_header *header, const uint8_t *bytes, uint32_t caps)
{
    bool wide = (caps & USBREDIR_CAP_64BITS_IDS) != 0;
    *header = (struct usbredir_header){
        .type = load_le32(bytes),
        .length = load_le32(bytes + 4),
        .id = load_le32(bytes + 8) | (wide ? (uint64_t)load_le32(bytes + 12) << 32 : 0),
    };
}

void usbredir_header_put(uint8_t *bytes, uint32_t caps, uint32_t type, uint32_t length, uint64_t id)
{
    store_le32(bytes, type);
    store_le32(bytes + 4, length);
    store_le32(bytes + 8, (uint32_t)id);
    if ((caps & USBREDIR_CAP_64BITS_IDS) != 0) {
        store_le32(bytes + 12, (uint32_t)(id >> 32));
    }
}

uint32_t usbredir_hello_read(const uint8_t *bytes, uint32_t length)
{
    return length >= USBREDIR_HELLO_LENGTH ? load_le32(bytes + USBREDIR_HELLO_MIN) : 0;
}

void usbredir_hello_put(uint8_t bytes[USBREDIR_HELLO_LENGTH], const char *version, uint32_t capabilities)
{
    memset(bytes, 0, USBREDIR_HELLO_LENGTH);
    snprintf((char *)bytes, USBREDIR_HELLO_MIN, "%s", version);
    store_le32(bytes + USBREDIR_HELLO_MIN, capabilities);
}

void usbredir_packet_read(struct usbredir_packet *packet, uint32_t type, const uint8_t *bytes, uint32_t caps)
{
    *packet = (struct usbredir_packet){.endpoint = bytes[0]};
    if (type == USBREDIR_CONTROL_PACKET) {
        packet->status = bytes[3];
        packet->length = load_le16(bytes + 8);
        packet->setup = (struct usb_setup){.bmRequestType = bytes[2],
                                           .bRequest = bytes[1],
                                           .wValue = load_le16(bytes + 4),
                                           .wIndex = load_le16(bytes + 6)};
        return;
    }
    packet->status = bytes[1];
    packet->length = load_le16(bytes + 2);
    if (type == USBREDIR_BULK_PACKET) {
        packet->stream_id = load_le32(bytes + 4);
        if ((caps & USBREDIR_CAP_32BITS_BULK_LENGTH) != 0) {
            packet->length |= (uint32_t)load_le16(bytes + 8) << 16;
        }
    }
}

void usbredir_packet_put(uint8_t *bytes, const struct usbredir_packet *packet, uint32_t type, uint32_t caps)
{
    bytes[0] = packet->endpoint;
    if (type == USBREDIR_CONTROL_PACKET) {
        bytes[1] = packet->setup.bRequest;
        bytes[2] = packet->setup.bmRequestType;
        bytes[3] = packet->status;
        store_le16(bytes + 4, packet->setup.wValue);
        store_le16(bytes + 6, packet->setup.wIndex);
        store_le16(bytes + 8, (uint16_t)packet->length);
        return;
    }
    bytes[1] = packet->status;
    store_le16(bytes + 2, (uint16_t)packet->length);
    if (type == USBREDIR_BULK_PACKET) {
        store_le32(bytes + 4, packet->stream_id);
        if ((caps & USBREDIR_CAP_32BITS_BULK_LENGTH) != 0) {
            store_le16(bytes + 8, (uint16_t)(packet->length >> 16));
        }
    }
}

unsigned usbredir_endpoint_index(uint8_t address)
{
    return (address & 0x0Fu) | ((address & USB_DIR_IN) != 0 ? 16u : 0u);
}

uint32_t usbredir_connect_put(uint8_t bytes[USBREDIR_CONNECT_MAX], const uint8_t device_descriptor[18],
                              uint32_t caps)
{
    bool version = (caps & USBREDIR_CAP_CONNECT_DEVICE_VERSION) != 0;
    bytes[0] = USBREDIR_SPEED_FULL;
    memcpy(bytes + 1, device_descriptor + 4, 3);                 /* class, subclass, protocol */
    memcpy(bytes + 4, device_descriptor + 8, version ? 6u : 4u); /* idVendor, idProduct, bcdDevice */
    return version ? 10 : 8;
}

uint32_t usbredir_ep_info_put(uint8_t bytes[USBREDIR_EP_INFO_MAX],
                              const struct usbredir_endpoint endpoints[USBREDIR_ENDPOINTS], uint32_t caps)
{
    bool sizes = (caps & USBREDIR_CAP_EP_INFO_MAX_PACKET_SIZE) != 0;
    for (unsigned i = 0; i < USBREDIR_ENDPOINTS; i++) {
        bytes[i] = endpoints[i].type;
        bytes[32 + i] = endpoints[i].interval;
        bytes[64 + i] = endpoints[i].interface;
        if (sizes) {
            store_le16(bytes + 96 + 2 * i, endpoints[i].max_packet_size);
        }
    }
    return sizes ? 160 : 96;
}

uint32_t usbredir_interface_info_put(uint8_t bytes[USBREDIR_INTERFACE_LENGTH],
                                     const struct usbredir_interface *interfaces, uint32_t count)
{
    memset(bytes, 0, USBREDIR_INTERFACE_LENGTH);
    store_le32(bytes, count);
    for (uint32_t i = 0; i < count; i++) {
        bytes[4 + i] = interfaces[i].number;
        bytes[36 + i] = interfaces[i].class_code;
        bytes[68 + i] = interfaces[i].subclass;
        bytes[100 + i] = interfaces[i].protocol;
    }
    return USBREDIR_INTERFACE_LENGTH;
}
