/*
 * A trace file in pcapng: see pcap.h. Blocks are built in one buffer and written whole.
 */
/* SPDX-License-Identifier: MIT */
#include "host/pcap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/usb_ch9.h"

#define LINKTYPE_ETHERNET          1
#define LINKTYPE_USB_LINUX_MMAPPED 220
#define BLOCK_SECTION              0x0A0D0D0Au
#define BLOCK_INTERFACE            1u
#define BLOCK_PACKET               6u
#define USBMON_HEADER              64u
#define PACKET_DATA_MAX            65536u

struct pcap {
    FILE *file;
    uint8_t block[PACKET_DATA_MAX + USBMON_HEADER + 64];
    uint32_t length;
};

static void put(struct pcap *pcap, const void *bytes, uint32_t length)
{
    if (length != 0) {
        memcpy(pcap->block + pcap->length, bytes, length);
    }
    pcap->length += length;
}

static void put_le16(struct pcap *pcap, uint32_t value)
{
    store_le16(pcap->block + pcap->length, (uint16_t)value);
    pcap->length += 2;
}

static void put_le32(struct pcap *pcap, uint32_t value)
{
    store_le32(pcap->block + pcap->length, value);
    pcap->length += 4;
}

static void put_padding(struct pcap *pcap)
{
    while (pcap->length % 4 != 0) {
        pcap->block[pcap->length++] = 0;
    }
}

static void put_option(struct pcap *pcap, uint16_t code, const void *value, uint16_t length)
{
    put_le16(pcap, code);
    put_le16(pcap, length);
    put(pcap, value, length);
    put_padding(pcap);
}

static void block_begin(struct pcap *pcap, uint32_t type)
{
    pcap->length = 0;
    put_le32(pcap, type);
    put_le32(pcap, 0);
}

static void block_end(struct pcap *pcap)
{
    put_padding(pcap);
    put_le32(pcap, pcap->length + 4);
    store_le32(pcap->block + 4, pcap->length);
    fwrite(pcap->block, 1, pcap->length, pcap->file);
}

static void write_interface(struct pcap *pcap, uint16_t link_type, const char *name)
{
    const uint8_t nanoseconds = 9;
    block_begin(pcap, BLOCK_INTERFACE);
    put_le16(pcap, link_type);
    put_le16(pcap, 0);
    put_le32(pcap, 0); /* no snap length */
    put_option(pcap, 2, name, (uint16_t)strlen(name));
    put_option(pcap, 9, &nanoseconds, 1);
    put_le32(pcap, 0);
    block_end(pcap);
}

struct pcap *pcap_open(const char *path, char *error, size_t error_size)
{
    struct pcap *pcap = calloc(1, sizeof *pcap);
    if (pcap == NULL || (pcap->file = fopen(path, "wb")) == NULL) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        free(pcap);
        return NULL;
    }
    block_begin(pcap, BLOCK_SECTION);
    put_le32(pcap, 0x1A2B3C4D);
    put_le16(pcap, 1);
    put_le16(pcap, 0);
    put_le32(pcap, 0xFFFFFFFF); /* section length: not given */
    put_le32(pcap, 0xFFFFFFFF);
    block_end(pcap);
    write_interface(pcap, LINKTYPE_ETHERNET, "ethernet");
    write_interface(pcap, LINKTYPE_USB_LINUX_MMAPPED, "usb");
    return pcap;
}

void pcap_close(struct pcap *pcap)
{
    if (pcap != NULL) {
        fclose(pcap->file);
        free(pcap);
    }
}

void pcap_flush(struct pcap *pcap)
{
    fflush(pcap->file);
}

static void packet_begin(struct pcap *pcap, uint32_t interface, uint64_t time_ns, uint32_t captured,
                         uint32_t length)
{
    block_begin(pcap, BLOCK_PACKET);
    put_le32(pcap, interface);
    put_le32(pcap, (uint32_t)(time_ns >> 32));
    put_le32(pcap, (uint32_t)time_ns);
    put_le32(pcap, captured);
    put_le32(pcap, length);
}

static void packet_end(struct pcap *pcap, bool inbound)
{
    uint8_t flags[4];
    put_padding(pcap);
    store_le32(flags, inbound ? 1 : 2);
    put_option(pcap, 2, flags, 4);
    put_le32(pcap, 0);
    block_end(pcap);
}

void pcap_frame(struct pcap *pcap, uint64_t time_ns, bool to_pc, const uint8_t *frame, size_t length)
{
    uint32_t captured = (uint32_t)(length < PACKET_DATA_MAX ? length : PACKET_DATA_MAX);
    packet_begin(pcap, 0, time_ns, captured, (uint32_t)length);
    put(pcap, frame, captured);
    packet_end(pcap, to_pc);
}

/* Linux's error numbers, negative, as usbmon shows them. */
static int32_t urb_linux_status(const struct urb *urb, bool submit)
{
    if (submit) {
        return -115; /* EINPROGRESS */
    }
    switch (urb->status) {
    case URB_OK: return 0;
    case URB_STALL:
    case URB_HALTED: return -32; /* EPIPE */
    case URB_OVERFLOW: return -75;
    case URB_TIMEOUT:
    case URB_CANCELLED: return -2; /* ENOENT: unlinked */
    default: return -71;           /* EPROTO */
    }
}

void pcap_urb(struct pcap *pcap, uint64_t time_ns, const struct urb *urb, bool submit)
{
    bool control = urb->type == USB_ENDPOINT_CONTROL;
    bool in = control ? (urb->setup[0] & USB_DIR_IN) != 0 : (urb->endpoint & USB_DIR_IN) != 0;
    bool data = submit != in; /* OUT shows its data when submitted, IN when complete */
    uint32_t length = submit ? urb->length : urb->actual;
    uint32_t captured = data ? length : 0;
    captured = captured < PACKET_DATA_MAX ? captured : PACKET_DATA_MAX;
    const uint8_t no_setup[8] = {0};
    const uint8_t xfer = control ? 2 : urb->type == USB_ENDPOINT_INTERRUPT ? 1 : 3;
    const uint8_t head[4] = {submit ? 'S' : 'C', xfer, (uint8_t)((urb->endpoint & 15) | (in ? 0x80 : 0)),
                             urb->address};

    packet_begin(pcap, 1, time_ns, USBMON_HEADER + captured, USBMON_HEADER + captured);
    put_le32(pcap, urb->id + 1); /* URB identity: the same at submit and completion */
    put_le32(pcap, 0);
    put(pcap, head, sizeof head);
    put_le16(pcap, 1); /* bus */
    pcap->block[pcap->length++] = submit && control ? 0 : '-';
    pcap->block[pcap->length++] = data ? 0 : in ? '<' : '>';
    put_le32(pcap, (uint32_t)(time_ns / 1000000000));
    put_le32(pcap, 0);
    put_le32(pcap, (uint32_t)(time_ns % 1000000000 / 1000));
    put_le32(pcap, (uint32_t)urb_linux_status(urb, submit));
    put_le32(pcap, length);
    put_le32(pcap, captured);
    put(pcap, submit && control ? urb->setup : no_setup, 8);
    put_le32(pcap, urb->type == USB_ENDPOINT_INTERRUPT ? urb->interval_ms : 0);
    put_le32(pcap, 0);                 /* start frame */
    put_le32(pcap, in ? 0x0200u : 0u); /* URB_DIR_IN */
    put_le32(pcap, 0);                 /* isochronous descriptors */
    put(pcap, urb->data, captured);
    packet_end(pcap, in);
}
