/*
 * The rig: see usb_rig.h.
 */
/* SPDX-License-Identifier: MIT */
#include "test/unit/usb_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAKS_MAX                                                                                             \
    8 /* tries of a packet before it counts as refused for ever: the device's loop runs after each */

static struct cable rig_cable(struct rig *rig)
{
    return (struct cable){&virtual_udc_cable_ops, &rig->udc};
}

static void rig_sent(void *context, void *token, bool acknowledged)
{
    struct rig_function *function = context;
    function->last_token = token;
    if (acknowledged)
        function->sent++;
    else
        function->lost++;
    if (function->reply_in_sent) {
        static const uint8_t frame[60] = {0x5A};
        struct usb_iov piece = {frame, sizeof frame};
        function->reply_in_sent = false;
        ncm_send(&function->ncm, &piece, 1, NULL);
    }
}

static void rig_link(void *context, bool up)
{
    struct rig_function *function = context;
    if (up)
        function->ups++;
    else
        function->downs++;
}

void rig_init(struct rig *rig, unsigned functions)
{
    memset(rig, 0, sizeof *rig);
    rig->ncms = functions;
    rig->config = (struct usb_device_config){
        .vendor_id = 0x1209,
        .product_id = 0x0001,
        .release_bcd = 0x0100,
        .manufacturer = "plugnet",
        .product = "plugnet",
        .serial = "0123456789AB",
        .landing_url = "https://plugnet.dev/",
        .power_ma = 100,
        .remote_wakeup = true,
        .functions = rig->list,
        .function_count = (uint8_t)functions,
    };
    for (unsigned i = 0; i < functions; i++) {
        struct rig_function *function = &rig->functions[i];
        function->config = (struct ncm_config){
            .host_mac = {0x00, 0x80, 0xE1, 0x12, 0x3A, (uint8_t)(0xBC + i)},
            .blocks = function->blocks,
            .block_count = RIG_BLOCKS,
            .sent = rig_sent,
            .link = rig_link,
            .context = function,
        };
        function->interface = (uint8_t)(2 * i);
        function->ep_notify = (uint8_t)(0x81 + 2 * i);
        function->ep_in = (uint8_t)(0x82 + 2 * i);
        function->ep_out = (uint8_t)(0x01 + i);
        rig->list[i] = &function->ncm.function;
    }
}

void rig_attach(struct rig *rig)
{
    struct cable cable = rig_cable(rig);
    virtual_udc_init(&rig->udc);
    for (unsigned i = 0; i < rig->ncms; i++)
        ncm_init(&rig->functions[i].ncm, &rig->functions[i].config);
    struct udc_shortage shortage;
    if (!usb_device_init(&rig->device, &rig->config, &rig->udc.udc, &shortage)) {
        fprintf(stderr, "%s: needed %u, there are %u\n", shortage.what, shortage.needed, shortage.there);
        abort();
    }
    usb_device_attach(&rig->device);
    cable.ops->vbus(cable.device, true);
}

void rig_poll(struct rig *rig)
{
    usb_device_poll(&rig->device);
    for (unsigned i = 0; i < rig->ncms; i++)
        ncm_poll(&rig->functions[i].ncm);
}

void rig_time(struct rig *rig, unsigned ms, bool frames)
{
    struct cable cable = rig_cable(rig);
    for (unsigned i = 0; i < ms; i++) {
        rig->time_ns += 1000000;
        cable.ops->advance(cable.device, rig->time_ns);
        if (frames)
            cable.ops->frame(cable.device, (uint16_t)(rig->time_ns / 1000000 & 2047));
        rig_poll(rig);
    }
}

void rig_bus_reset(struct rig *rig)
{
    struct cable cable = rig_cable(rig);
    cable.ops->bus_reset(cable.device, true);
    rig_poll(rig);
    cable.ops->bus_reset(cable.device, false);
    rig->address = 0;
    memset(rig->in_data1, 0, sizeof rig->in_data1);
    memset(rig->out_data1, 0, sizeof rig->out_data1);
}

bool rig_enumerate(struct rig *rig, bool up)
{
    rig_bus_reset(rig);
    if (rig_control(rig, 0x00, USB_SET_ADDRESS, RIG_ADDRESS, 0, 0, NULL) != 0)
        return false;
    rig->address = RIG_ADDRESS;
    if (rig_control(rig, 0x00, USB_SET_CONFIGURATION, 1, 0, 0, NULL) != 0)
        return false;
    for (unsigned i = 0; up && i < rig->ncms; i++)
        if (rig_alternate(rig, i, 1) != 0)
            return false;
    return true;
}

static int rig_refusal(enum cable_answer answer)
{
    return answer == CABLE_STALL ? RIG_STALL : answer == CABLE_NAK ? RIG_NAK : RIG_SILENT;
}

enum cable_answer rig_out_packet(struct rig *rig, uint8_t ep, bool data1, const void *bytes, size_t length)
{
    struct cable cable = rig_cable(rig);
    enum cable_answer answer = CABLE_NAK;
    for (unsigned i = 0; i < NAKS_MAX && answer == CABLE_NAK; i++) {
        answer = cable.ops->out(cable.device, rig->address, ep, data1, bytes, (uint16_t)length);
        rig_poll(rig);
    }
    return answer;
}

int rig_out(struct rig *rig, uint8_t ep, const void *bytes, size_t length, bool zlp)
{
    size_t done = 0;
    for (;;) {
        size_t size = length - done < 64 ? length - done : 64;
        if (size == 0 && !zlp && length != 0)
            return (int)done;
        static const uint8_t nothing[1];
        const uint8_t *from = size != 0 ? (const uint8_t *)bytes + done : nothing;
        enum cable_answer answer = rig_out_packet(rig, ep, rig->out_data1[ep], from, size);
        if (answer != CABLE_ACK)
            return rig_refusal(answer);
        rig->out_data1[ep] = !rig->out_data1[ep];
        done += size;
        if (size < 64)
            return (int)done;
    }
}

int rig_in(struct rig *rig, uint8_t ep, void *bytes, size_t capacity)
{
    struct cable cable = rig_cable(rig);
    size_t done = 0;
    uint8_t number = ep & 15;
    for (unsigned naks = 0; naks < NAKS_MAX;) {
        uint8_t packet[CABLE_PACKET_MAX];
        uint16_t length = 0;
        bool data1 = false;
        size_t packet_size = rig->udc.in[number].packet_size;
        enum cable_answer answer = cable.ops->in(cable.device, rig->address, number, &data1, packet, &length);
        rig_poll(rig);
        if (answer == CABLE_NAK) {
            naks++;
            continue;
        }
        if (answer != CABLE_ACK)
            return rig_refusal(answer);
        if (data1 != rig->in_data1[number])
            return RIG_SILENT - 1; /* a wrong toggle: a real host would drop the packet */
        rig->in_data1[number] = !data1;
        size_t room = capacity - done;
        memcpy((uint8_t *)bytes + done, packet, length < room ? length : room);
        done += length < room ? length : room;
        if (length < packet_size || done == capacity)
            return (int)done;
    }
    return RIG_NAK;
}

int rig_control(struct rig *rig, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
                uint16_t length, void *data)
{
    struct cable cable = rig_cable(rig);
    struct usb_setup setup = {type, request, value, index, length};
    uint8_t packet[8], nothing[64];
    usb_setup_store(packet, &setup);
    enum cable_answer answer = cable.ops->setup(cable.device, rig->address, 0, packet);
    if (answer != CABLE_ACK)
        return rig_refusal(answer);
    rig_poll(rig);
    rig->in_data1[0] = rig->out_data1[0] = true;
    if ((type & USB_DIR_IN) != 0 && length != 0) {
        int got = rig_in(rig, 0x80, data, length);
        if (got < 0)
            return got;
        rig->out_data1[0] = true;
        int status = rig_out(rig, 0, nothing, 0, true);
        return status < 0 ? status : got;
    }
    if (length != 0) {
        int put = rig_out(rig, 0, data, length, false);
        if (put < 0)
            return put;
    }
    rig->in_data1[0] = true;
    int status = rig_in(rig, 0x80, nothing, sizeof nothing);
    return status < 0 ? status : length;
}

void rig_toggle_reset(struct rig *rig, uint8_t ep)
{
    if ((ep & USB_DIR_IN) != 0)
        rig->in_data1[ep & 15] = false;
    else
        rig->out_data1[ep] = false;
}

int rig_alternate(struct rig *rig, unsigned number, uint8_t alternate)
{
    struct rig_function *function = &rig->functions[number];
    rig_toggle_reset(rig, function->ep_in);
    rig_toggle_reset(rig, function->ep_out);
    return rig_control(rig, 0x01, USB_SET_INTERFACE, alternate, (uint16_t)(function->interface + 1), 0, NULL);
}

size_t rig_ntb(uint8_t *bytes, uint16_t sequence, size_t count, const uint16_t *lengths, uint8_t seed)
{
    size_t table = 8 + 4 * (count + 1);
    size_t at = 12 + table;
    memset(bytes, 0, at);
    memcpy(bytes, "NCMH\x0C\x00", 6);
    store_le16(bytes + 6, sequence);
    store_le16(bytes + 10, 12);
    memcpy(bytes + 12, "NCM0", 4);
    store_le16(bytes + 16, (uint16_t)table);
    for (size_t i = 0; i < count; i++) {
        size_t start = (at + 3) / 4 * 4 + 2;
        memset(bytes + at, 0, start - at);
        memset(bytes + start, (int)(seed + i), lengths[i]);
        store_le16(bytes + 20 + 4 * i, (uint16_t)start);
        store_le16(bytes + 22 + 4 * i, lengths[i]);
        at = start + lengths[i];
    }
    store_le16(bytes + 8, (uint16_t)at);
    return at;
}

bool rig_good(struct rig *rig, unsigned number)
{
    struct rig_function *function = &rig->functions[number];
    uint8_t bytes[256];
    uint16_t length = 100;
    size_t size = rig_ntb(bytes, 0, 1, &length, 0xA5);
    if (rig_out(rig, function->ep_out, bytes, size, true) != (int)size)
        return false;
    struct ncm_frame frame;
    bool seen = false;
    while (ncm_receive(&function->ncm, &frame)) {
        seen = frame.length == length;
        for (size_t i = 0; i < frame.length; i++)
            seen &= frame.bytes[i] == 0xA5;
    }
    return seen;
}

unsigned rig_drain(struct rig *rig, unsigned number)
{
    struct ncm_frame frame;
    unsigned count = 0;
    while (ncm_receive(&rig->functions[number].ncm, &frame))
        count++;
    return count;
}

bool rig_blocks_home(struct rig *rig, unsigned number)
{
    struct rig_function *function = &rig->functions[number];
    for (unsigned i = 0; i < RIG_BLOCKS; i++) {
        const struct ncm_block *block = &function->blocks[i];
        bool armed = block == function->ncm.out_armed;
        if (block->holds != armed || block->ours != armed)
            return false;
    }
    return (function->ncm.out_armed != NULL) == function->ncm.up;
}
