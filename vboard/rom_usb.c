/*
 * The boot loader in ROM: its USB device, which is endpoint 0 alone. See rom.h. Descriptors are written down from what
 * hosts print of real chips.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#include <stdio.h>
#include <string.h>

#include "wire/le.h"
#include "wire/usb_ch9.h"

#define PACKET      64u
#define VENDOR_ID   0x0483
#define PRODUCT_ID  0xDF11
#define RELEASE     0x2200
#define DFUSE       0x011A /* bcdDFUVersion */
#define STRING_NAME 4      /* of alternate 0; the others follow */

bool rom_pulled_up(const struct chip *chip)
{
    return chip->otg.plugged && chip_now(chip) >= chip->rom.pull_up_at && !chip->rom.leaves;
}

void rom_bus_reset(struct chip *chip, bool active)
{
    struct rom_usb *usb = &chip->rom.usb;
    *usb = (struct rom_usb){.in_reset = active};
    if (chip->rom.dfu.end == 0) /* else an operation goes on to its end */
        rom_dfu_reset(&chip->rom.dfu);
}

static unsigned alternate_count(const struct chip *chip)
{
    unsigned count = 0;
    while (count < ROM_ALTERNATES_MAX && chip->kind->rom->alternates[count])
        count++;
    return count;
}

static uint16_t device_descriptor(uint8_t *b)
{
    const uint8_t bytes[18] = {18,
                               USB_DT_DEVICE,
                               0x00,
                               0x01,
                               0,
                               0,
                               0,
                               PACKET,
                               VENDOR_ID & 0xFF,
                               VENDOR_ID >> 8,
                               PRODUCT_ID & 0xFF,
                               PRODUCT_ID >> 8,
                               RELEASE & 0xFF,
                               RELEASE >> 8,
                               1,
                               2,
                               3,
                               1};
    memcpy(b, bytes, sizeof bytes);
    return sizeof bytes;
}

static uint16_t configuration_descriptor(const struct chip *chip, uint8_t *b)
{
    unsigned count = alternate_count(chip);
    uint16_t length = (uint16_t)(9 + 9 * count + 9);
    const uint8_t head[9] = {9, USB_DT_CONFIGURATION, (uint8_t)length, (uint8_t)(length >> 8), 1, 1, 0, 0xC0,
                             50};
    memcpy(b, head, sizeof head);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t interface[9] = {9, USB_DT_INTERFACE,          0, (uint8_t)i, 0, 0xFE, 1,
                                      2, (uint8_t)(STRING_NAME + i)};
        memcpy(b + 9 + 9 * i, interface, sizeof interface);
    }
    const uint8_t functional[9] = {
        9,         0x21, 0x0B, 0xFF, 0x00, ROM_TRANSFER_SIZE & 0xFF, ROM_TRANSFER_SIZE >> 8, DFUSE & 0xFF,
        DFUSE >> 8};
    memcpy(b + 9 + 9 * count, functional, sizeof functional);
    return length;
}

/* As ST's examples make it of the unique ID. */
static void serial_text(const struct chip *chip, char text[13])
{
    uint32_t a = load_le32(chip->uid), b = load_le32(chip->uid + 4), c = load_le32(chip->uid + 8);
    snprintf(text, 13, "%08X%04X", a + c, b >> 16);
}

/* 0: there is none of that number. */
static uint16_t string_descriptor(const struct chip *chip, unsigned number, uint8_t *b)
{
    char serial[13];
    const char *text = NULL;
    serial_text(chip, serial);
    if (number == 0) {
        memcpy(b, (const uint8_t[]){4, USB_DT_STRING, 0x09, 0x04}, 4);
        return 4;
    }
    if (number == 1)
        text = "STMicroelectronics";
    else if (number == 2)
        text = "STM32  BOOTLOADER";
    else if (number == 3)
        text = serial;
    else if (number - STRING_NAME < alternate_count(chip))
        text = chip->kind->rom->alternates[number - STRING_NAME];
    if (!text)
        return 0;
    uint16_t length = (uint16_t)(2 + 2 * strlen(text));
    b[0] = (uint8_t)length;
    b[1] = USB_DT_STRING;
    for (unsigned i = 0; text[i]; i++)
        store_le16(b + 2 + 2 * i, (uint16_t)text[i]);
    return length;
}

static bool standard_in(struct chip *chip, struct rom_usb *usb)
{
    const uint8_t *setup = usb->setup;
    switch (setup[1]) {
    case USB_GET_DESCRIPTOR:
        usb->length = setup[3] == USB_DT_DEVICE          ? device_descriptor(usb->bytes)
                      : setup[3] == USB_DT_CONFIGURATION ? configuration_descriptor(chip, usb->bytes)
                      : setup[3] == USB_DT_STRING        ? string_descriptor(chip, setup[2], usb->bytes)
                                                         : 0;
        return usb->length != 0;
    case USB_GET_STATUS:
        store_le16(usb->bytes, (setup[0] & 0x1F) == 0 ? 1 : 0); /* self-powered */
        usb->length = 2;
        return (setup[0] & 0x1F) <= 1 || setup[4] % 0x80 == 0;
    case USB_GET_CONFIGURATION:
        usb->bytes[0] = usb->configuration;
        usb->length = 1;
        return true;
    case USB_GET_INTERFACE:
        usb->bytes[0] = usb->alternate;
        usb->length = 1;
        return usb->configuration && setup[4] == 0;
    default: return false;
    }
}

static bool standard_out(struct chip *chip, struct rom_usb *usb)
{
    const uint8_t *setup = usb->setup;
    uint8_t value = setup[2];
    switch (setup[1]) {
    case USB_SET_ADDRESS: usb->address_next = value & 0x7F; return true;
    case USB_SET_CONFIGURATION:
        if (value > 1)
            return false;
        usb->configuration = value;
        usb->alternate = 0;
        return true;
    case USB_SET_INTERFACE:
        if (!usb->configuration || setup[4] != 0 || value >= alternate_count(chip))
            return false;
        usb->alternate = value;
        return true;
    default: return false;
    }
}

static bool request(struct chip *chip, struct rom_usb *usb)
{
    bool in = usb->setup[0] & 0x80;
    switch (usb->setup[0] & 0x60) {
    case 0: return in ? standard_in(chip, usb) : standard_out(chip, usb);
    case 0x20:
        return (usb->setup[0] & 0x1F) == 1 && usb->configuration && usb->setup[4] == 0 &&
               rom_dfu_request(chip, usb);
    default: return false;
    }
}

static bool hears(const struct chip *chip, uint8_t address, uint8_t endpoint)
{
    const struct rom_usb *usb = &chip->rom.usb;
    return rom_pulled_up(chip) && !usb->in_reset && address == usb->address && endpoint == 0;
}

enum cable_answer rom_setup(struct chip *chip, uint8_t address, uint8_t endpoint, const uint8_t packet[8])
{
    struct rom_usb *usb = &chip->rom.usb;
    uint16_t wanted = load_le16(packet + 6);
    if (!hears(chip, address, endpoint))
        return CABLE_SILENCE;
    memcpy(usb->setup, packet, 8);
    usb->length = usb->done = 0;
    usb->data1 = true;
    usb->address_next = usb->address;
    if (packet[0] & 0x80) {
        usb->stage = request(chip, usb) ? ROM_DATA_IN : ROM_STALL;
        if (usb->length > wanted)
            usb->length = wanted;
        if (usb->stage == ROM_DATA_IN && wanted == 0)
            usb->stage = ROM_STATUS_IN; /* without a data stage it is always IN */
    } else if (wanted) {
        usb->length = wanted;
        usb->stage = wanted <= sizeof usb->bytes ? ROM_DATA_OUT : ROM_STALL;
    } else {
        usb->stage = request(chip, usb) ? ROM_STATUS_IN : ROM_STALL;
    }
    return CABLE_ACK;
}

enum cable_answer rom_out(struct chip *chip, uint8_t address, uint8_t endpoint, bool data1,
                          const uint8_t *packet, uint16_t length)
{
    struct rom_usb *usb = &chip->rom.usb;
    if (!hears(chip, address, endpoint))
        return CABLE_SILENCE;
    switch (usb->stage) {
    case ROM_DATA_IN: /* the host has enough */
    case ROM_STATUS_OUT:
        usb->stage = ROM_IDLE;
        rom_dfu_status_done(chip);
        return CABLE_ACK;
    case ROM_DATA_OUT:
        if (data1 != usb->data1)
            return CABLE_ACK;
        if (length > usb->length - usb->done)
            length = (uint16_t)(usb->length - usb->done);
        memcpy(usb->bytes + usb->done, packet, length);
        usb->done = (uint16_t)(usb->done + length);
        usb->data1 = !usb->data1;
        if (usb->done == usb->length)
            usb->stage = request(chip, usb) ? ROM_STATUS_IN : ROM_STALL;
        return CABLE_ACK;
    case ROM_STALL: return CABLE_STALL;
    default: return CABLE_NAK;
    }
}

enum cable_answer rom_in(struct chip *chip, uint8_t address, uint8_t endpoint, bool *data1,
                         uint8_t packet[CABLE_PACKET_MAX], uint16_t *length)
{
    struct rom_usb *usb = &chip->rom.usb;
    if (!hears(chip, address, endpoint))
        return CABLE_SILENCE;
    switch (usb->stage) {
    case ROM_DATA_IN: {
        unsigned left = usb->length - usb->done, now = left < PACKET ? left : PACKET;
        memcpy(packet, usb->bytes + usb->done, now);
        *length = (uint16_t)now;
        *data1 = usb->data1;
        usb->done = (uint16_t)(usb->done + now);
        usb->data1 = !usb->data1;
        if (now < PACKET || usb->done == load_le16(usb->setup + 6))
            usb->stage = ROM_STATUS_OUT;
        return CABLE_ACK;
    }
    case ROM_STATUS_IN:
        *length = 0;
        *data1 = true;
        usb->stage = ROM_IDLE;
        usb->address = usb->address_next;
        rom_dfu_status_done(chip);
        return CABLE_ACK;
    case ROM_STALL: return CABLE_STALL;
    default: return CABLE_NAK;
    }
}
