/*
 * A rig for tests of usb/: a device with one or two NCM functions on the virtual udc, and a host that does
 * one transfer at a time by direct calls of the cable. After every packet the device's loop runs once.
 *
 *   rig_init ─→ rig_enumerate ─→ rig_control / rig_out / rig_in … ─→ rig_end: no block and no frame is lost
 *
 * NTBs for it are laid out by code of its own, as Linux does (table first), never by wire/ntb.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_UNIT_USB_RIG_H
#define PLUGNET_TEST_UNIT_USB_RIG_H

#include "udc/virtual/virtual.h"
#include "usb/ncm.h"

#define RIG_FUNCTIONS 2 /* NCM functions */
#define RIG_LIST      4 /* with others, which a test lists itself between rig_init and rig_attach */
#define RIG_BLOCKS    3
#define RIG_ADDRESS   5

/* Results of transfers below 0. */
#define RIG_STALL  (-1)
#define RIG_NAK    (-2) /* NAK for ever */
#define RIG_SILENT (-3)

struct rig_function {
    struct ncm ncm;
    struct ncm_config config;
    struct ncm_block blocks[RIG_BLOCKS];
    unsigned sent, lost, ups, downs;
    void *last_token;
    bool reply_in_sent; /* `sent` sends another frame, once */
    uint8_t interface;  /* control interface */
    uint8_t ep_notify, ep_in, ep_out;
};

struct rig {
    struct virtual_udc udc;
    struct usb_device device;
    struct usb_device_config config;
    struct usb_function *list[RIG_LIST];
    struct rig_function functions[RIG_FUNCTIONS];
    unsigned ncms; /* how many of them */
    uint8_t address;
    bool in_data1[16], out_data1[16];
    uint64_t time_ns;
};

/* Prepare a device with so many functions, attached, with VBUS, not yet reset. Changes of rig->config and of a
 * function's config may follow rig_init, before rig_attach. */
void rig_init(struct rig *rig, unsigned functions);
void rig_attach(struct rig *rig);

/* Bus reset, address, configuration 1; then alternate setting 1 on every data interface if `up`. False: some
 * request failed. */
void rig_bus_reset(struct rig *rig);
bool rig_enumerate(struct rig *rig, bool up);

/* The device's loop, once. */
void rig_poll(struct rig *rig);

/* Time goes on, with a start of frame each millisecond (`frames`) or with an idle bus. */
void rig_time(struct rig *rig, unsigned ms, bool frames);

/* A control transfer: bytes moved in the data stage, or RIG_…. */
int rig_control(struct rig *rig, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
                uint16_t length, void *data);

/* SET_INTERFACE of function 0's data interface, toggles as a host resets them. */
int rig_alternate(struct rig *rig, unsigned function, uint8_t alternate);

/* Forget toggles of an endpoint, as the host does after clearing a halt. */
void rig_toggle_reset(struct rig *rig, uint8_t ep);

/* One OUT transfer: packets of 64 bytes, the last one as long as it comes; an empty one after it if zlp.
 * Returns bytes acknowledged, or RIG_… if the first packet was refused. */
int rig_out(struct rig *rig, uint8_t ep, const void *bytes, size_t length, bool zlp);

/* One IN transfer into `capacity` bytes: ends on a short packet or a full buffer. */
int rig_in(struct rig *rig, uint8_t ep, void *bytes, size_t capacity);

/* One packet; for tests of toggles. */
enum cable_answer rig_out_packet(struct rig *rig, uint8_t ep, bool data1, const void *bytes, size_t length);

/* A Linux-like NTB of `count` frames of these lengths; frame i is filled with bytes (seed + i). Returns its length. */
size_t rig_ntb(uint8_t *bytes, uint16_t sequence, size_t count, const uint16_t *lengths, uint8_t seed);

/* Send one good NTB of one frame and see it come out, whole. */
bool rig_good(struct rig *rig, unsigned function);

/* All frames that wait, taken and thrown away; how many. */
unsigned rig_drain(struct rig *rig, unsigned function);

/* True if no block is lost: each one is free or armed, none is held. */
bool rig_blocks_home(struct rig *rig, unsigned function);

#endif
