/*
 * The messages of USB/IP: see usbip_msg.h.
 */
/* SPDX-License-Identifier: MIT */
#include "host/usbip_msg.h"

#include <stdio.h>
#include <string.h>

static uint32_t be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint16_t be16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void put16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

void usbip_u32_put(uint8_t bytes[4], uint32_t value)
{
    put16(bytes, (uint16_t)(value >> 16));
    put16(bytes + 2, (uint16_t)value);
}

void usbip_op_read(struct usbip_op *op, const uint8_t bytes[USBIP_OP_LENGTH])
{
    *op = (struct usbip_op){.version = be16(bytes), .code = be16(bytes + 2), .status = be32(bytes + 4)};
}

void usbip_op_put(uint8_t bytes[USBIP_OP_LENGTH], enum usbip_code code, enum usbip_op_status status)
{
    put16(bytes, USBIP_VERSION);
    put16(bytes + 2, (uint16_t)code);
    usbip_u32_put(bytes + 4, (uint32_t)status);
}

void usbip_device_put(uint8_t bytes[USBIP_DEVICE_LENGTH], const struct usbip_device *device)
{
    uint8_t *numbers = bytes + USBIP_PATH_LENGTH + USBIP_BUSID_LENGTH;
    const uint8_t last[] = {device->bDeviceClass,        device->bDeviceSubClass,    device->bDeviceProtocol,
                            device->bConfigurationValue, device->bNumConfigurations, device->bNumInterfaces};

    memset(bytes, 0, USBIP_DEVICE_LENGTH);
    snprintf((char *)bytes, USBIP_PATH_LENGTH, "/plugnet/%.31s", device->busid);
    snprintf((char *)bytes + USBIP_PATH_LENGTH, USBIP_BUSID_LENGTH, "%.31s", device->busid);
    usbip_u32_put(numbers, device->busnum);
    usbip_u32_put(numbers + 4, device->devnum);
    usbip_u32_put(numbers + 8, device->speed);
    put16(numbers + 12, device->idVendor);
    put16(numbers + 14, device->idProduct);
    put16(numbers + 16, device->bcdDevice);
    memcpy(numbers + 18, last, sizeof last);
}

void usbip_command_read(struct usbip_command *command, const uint8_t bytes[USBIP_COMMAND_LENGTH])
{
    *command = (struct usbip_command){
        .command = be32(bytes),
        .seqnum = be32(bytes + 4),
        .devid = be32(bytes + 8),
        .direction = be32(bytes + 12),
        .ep = be32(bytes + 16),
    };
    if (command->command == USBIP_CMD_SUBMIT) {
        command->transfer_flags = be32(bytes + 20);
        command->transfer_buffer_length = (int32_t)be32(bytes + 24);
        command->start_frame = (int32_t)be32(bytes + 28);
        command->number_of_packets = (int32_t)be32(bytes + 32);
        command->interval = (int32_t)be32(bytes + 36);
        memcpy(command->setup, bytes + 40, sizeof command->setup);
    } else {
        command->unlink_seqnum = be32(bytes + 20);
    }
}

/* What every return begins with: devid, direction and ep are 0 in answers of a server. */
static void ret_put(uint8_t bytes[USBIP_COMMAND_LENGTH], enum usbip_command_code code, uint32_t seqnum,
                    int32_t status)
{
    memset(bytes, 0, USBIP_COMMAND_LENGTH);
    usbip_u32_put(bytes, (uint32_t)code);
    usbip_u32_put(bytes + 4, seqnum);
    usbip_u32_put(bytes + 20, (uint32_t)status);
}

void usbip_ret_submit_put(uint8_t bytes[USBIP_COMMAND_LENGTH], uint32_t seqnum, int32_t status,
                          uint32_t actual_length)
{
    ret_put(bytes, USBIP_RET_SUBMIT, seqnum, status);
    usbip_u32_put(bytes + 24, actual_length);
}

void usbip_ret_unlink_put(uint8_t bytes[USBIP_COMMAND_LENGTH], uint32_t seqnum, int32_t status)
{
    ret_put(bytes, USBIP_RET_UNLINK, seqnum, status);
}
