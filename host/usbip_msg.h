/*
 * The messages of USB/IP 1.1.1: bytes to values and back, no state.
 *
 *   operations  8 bytes: version, code, status; then the body    OP_REQ_DEVLIST, OP_REQ_IMPORT and their replies
 *   commands    48 bytes: what, seqnum, …; then OUT or IN data   CMD_SUBMIT, CMD_UNLINK and their returns
 *
 * Which fields of CMD_SUBMIT mean something, by the type of the endpoint that the device has there; all others are
 * ignored, since clients leave garbage in them:
 *
 *   every type                    devid, direction, ep, transfer_buffer_length
 *   control                       setup, and URB_SHORT_NOT_OK if IN; direction only where wLength isn't 0
 *   bulk, interrupt               URB_SHORT_NOT_OK if IN, URB_ZERO_PACKET if bulk OUT
 *   isochronous (always refused)  number_of_packets: so many descriptors follow
 *   CMD_UNLINK                    devid, unlink_seqnum
 *
 * start_frame and interval mean nothing to this server: the device's descriptor gives the interval.
 *
 * All numbers are big-endian. Source: the kernel's Documentation/usb/usbip_protocol.rst, whose names are kept.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_USBIP_MSG_H
#define PLUGNET_HOST_USBIP_MSG_H

#include <stddef.h>
#include <stdint.h>

#define USBIP_VERSION        0x0111u
#define USBIP_OP_LENGTH      8   /* before an operation's body */
#define USBIP_BUSID_LENGTH   32  /* body of OP_REQ_IMPORT */
#define USBIP_PATH_LENGTH    256 /* … */
#define USBIP_DEVICE_LENGTH  312 /* a device in OP_REP_DEVLIST and OP_REP_IMPORT, without interfaces */
#define USBIP_COMMAND_LENGTH 48
#define USBIP_ISO_LENGTH     16      /* an isochronous packet's descriptor */
#define USBIP_SPEED_FULL     2u      /* enum usb_device_speed */
#define USBIP_SHORT_NOT_OK   0x0001u /* transfer_flags: URB_SHORT_NOT_OK … */
#define USBIP_ZERO_PACKET    0x0040u /* … and URB_ZERO_PACKET */
#define USBIP_DIR_OUT        0u
#define USBIP_DIR_IN         1u

enum usbip_code {
    OP_REQ_DEVLIST = 0x8005,
    OP_REP_DEVLIST = 0x0005,
    OP_REQ_IMPORT = 0x8003,
    OP_REP_IMPORT = 0x0003,
};

/* Status of an operation's reply. */
enum usbip_op_status { ST_OK, ST_NA, ST_DEV_BUSY, ST_DEV_ERR, ST_NODEV, ST_ERROR };

enum usbip_command_code {
    USBIP_CMD_SUBMIT = 1,
    USBIP_CMD_UNLINK = 2,
    USBIP_RET_SUBMIT = 3,
    USBIP_RET_UNLINK = 4,
};

/* A transfer's or an unlink's status: Linux's error numbers, negative. */
enum usbip_status {
    USBIP_OK = 0,
    USBIP_ENOENT = -2,
    USBIP_ENOMEM = -12,
    USBIP_EINVAL = -22,
    USBIP_EPIPE = -32, /* STALL */
    USBIP_EPROTO = -71,
    USBIP_EOVERFLOW = -75,
    USBIP_EMSGSIZE = -90,
    USBIP_ECONNRESET = -104, /* unlinked */
    USBIP_EREMOTEIO = -121,  /* short, and URB_SHORT_NOT_OK */
};

struct usbip_op {
    uint16_t version, code;
    uint32_t status;
};

struct usbip_device {
    char busid[USBIP_BUSID_LENGTH]; /* "1-1", ended by zero */
    uint32_t busnum, devnum, speed;
    uint16_t idVendor, idProduct, bcdDevice;
    uint8_t bDeviceClass, bDeviceSubClass, bDeviceProtocol;
    uint8_t bConfigurationValue, bNumConfigurations, bNumInterfaces;
};

/* CMD_SUBMIT or CMD_UNLINK; the fields of the other one are 0. */
struct usbip_command {
    uint32_t command, seqnum, devid, direction, ep;
    uint32_t transfer_flags;
    int32_t transfer_buffer_length, start_frame, number_of_packets, interval;
    uint8_t setup[8];
    uint32_t unlink_seqnum;
};

void usbip_op_read(struct usbip_op *op, const uint8_t bytes[USBIP_OP_LENGTH]);
void usbip_op_put(uint8_t bytes[USBIP_OP_LENGTH], enum usbip_code code, enum usbip_op_status status);
void usbip_u32_put(uint8_t bytes[4], uint32_t value);
void usbip_device_put(uint8_t bytes[USBIP_DEVICE_LENGTH], const struct usbip_device *device);
void usbip_command_read(struct usbip_command *command, const uint8_t bytes[USBIP_COMMAND_LENGTH]);
void usbip_ret_submit_put(uint8_t bytes[USBIP_COMMAND_LENGTH], uint32_t seqnum, int32_t status,
                          uint32_t actual_length);
void usbip_ret_unlink_put(uint8_t bytes[USBIP_COMMAND_LENGTH], uint32_t seqnum, int32_t status);

#endif
