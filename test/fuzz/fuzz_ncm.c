/*
 * Fuzz the NCM function through delivery: the input is a script of a host and a network stack. Whatever they
 * do, in the end all blocks and frames come back and the next good frame is delivered.
 *
 *   byte 0 = command          0-3 transfer: length (2 bytes), then so many bytes of the input, empty packet or not
 *                             4 like it, as an NTB with a sound header; both perhaps in whole packets
 *                             5 take frames, hold some   6 release
 *                             7 send a frame   8 read IN   9 alternate setting, reset, halt, input size, …
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "test/unit/usb_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define HELD_MAX 8

struct script {
    const uint8_t *data;
    size_t size;
};

static struct rig rig;
static struct rig_function *const f = &rig.functions[0];
static struct ncm_block *held[HELD_MAX];
static unsigned taken;

static uint8_t next(struct script *script)
{
    if (script->size == 0)
        return 0;
    script->size--;
    return *script->data++;
}

static void transfer(struct script *script, bool sound)
{
    static uint8_t block[NCM_OUT_BLOCK_ROOM + 64];
    size_t length = (next(script) | (size_t)next(script) << 8) % (sizeof block + 1);
    size_t packets = (length + 63) / 64 * 64;
    size_t have = length < script->size ? length : script->size;
    memset(block, 0, sizeof block);
    if (have != 0)
        memcpy(block, script->data, have);
    script->data += have;
    script->size -= have;
    if (sound && length >= 28) {
        memcpy(block, "NCMH\x0C\0", 6);
        store_le16(block + 8, (uint16_t)length);
        store_le16(block + 10, (uint16_t)(block[10] % length & ~3u));
        memcpy(block + 12, "NCM0", 4);
    }
    uint8_t end = next(script);
    rig_out(&rig, 0x01, block, (end & 4) != 0 ? packets : length, (end & 3) != 0);
}

static void take(uint8_t how)
{
    struct ncm_frame frame;
    for (unsigned i = 0; i < (how & 7u) + 1 && ncm_receive(&f->ncm, &frame); i++) {
        REQUIRE(frame.length >= 14 && frame.length <= NCM_FRAME_MAX);
        memset(frame.bytes, how, frame.length);
        uint8_t slot = (uint8_t)((how >> 3) + i) % HELD_MAX;
        if (held[slot] == NULL && ncm_block_hold(&f->ncm, frame.block))
            held[slot] = frame.block;
    }
}

static void release(uint8_t slot)
{
    slot %= HELD_MAX;
    if (held[slot] != NULL)
        ncm_block_release(held[slot]);
    held[slot] = NULL;
}

static void send_frame(uint8_t how)
{
    static const uint8_t memory[2048];
    struct usb_iov pieces[3] = {{memory, how}, {memory + 1, how * 4u}, {memory + 2, how % 5u}};
    taken += ncm_send_frame(&f->ncm, how >> 5 & 1, pieces, 1 + how % 3u, NULL);
}

static void halt(uint8_t ep, bool on)
{
    rig_control(&rig, 0x02, on ? USB_SET_FEATURE : USB_CLEAR_FEATURE, 0, ep, 0, NULL);
    rig_toggle_reset(&rig, ep);
}

static void control(uint8_t what)
{
    static const uint8_t endpoints[4] = {0x01, 0x81, 0x82, 0x01};
    uint8_t size[4] = {0, (uint8_t)(what & 0xF8), 0, 0};
    switch (what % 8) {
    case 0: rig_alternate(&rig, 0, 0); break;
    case 1: rig_alternate(&rig, 0, 1); break;
    case 2: rig_enumerate(&rig, (what & 0x80) != 0); break;
    case 3: halt(endpoints[what >> 3 & 3], (what & 0x80) != 0); break;
    case 4: rig_control(&rig, 0x21, NCM_SET_NTB_INPUT_SIZE, 0, 0, 4, size); break;
    case 5: rig_bus_reset(&rig); break;
    case 6: rig_control(&rig, 0, USB_SET_CONFIGURATION, what >> 7, 0, 0, NULL); break;
    default: rig_time(&rig, 5, what >> 7); break;
    }
}

static void step(struct script *script)
{
    static uint8_t in[NCM_IN_BLOCK_MAX];
    uint8_t command = next(script);
    switch (command % 10) {
    case 4: transfer(script, true); break;
    case 5: take(next(script)); break;
    case 6: release(next(script)); break;
    case 7: send_frame(next(script)); break;
    case 8: rig_in(&rig, 0x82, in, sizeof in); break;
    case 9: control(next(script)); break;
    default: transfer(script, false); break;
    }
}

/* An NTB of whole packets with nothing behind it is delivered at once. */
static void bare_good(void)
{
    static uint8_t block[1024];
    uint16_t length = 98;
    struct ncm_frame frame;
    REQUIRE(rig_ntb(block, 0, 1, &length, 0x77) == 128);
    REQUIRE(rig_out(&rig, 0x01, block, 128, false) == 128);
    REQUIRE(ncm_receive(&f->ncm, &frame));
    REQUIRE(frame.length == length && frame.bytes[0] == 0x77 && frame.bytes[length - 1] == 0x77);
    REQUIRE(!ncm_receive(&f->ncm, &frame));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, size};
    rig_init(&rig, 1);
    taken = 0;
    rig_attach(&rig);
    REQUIRE(rig_enumerate(&rig, true));
    for (unsigned i = 0; i < 200 && script.size != 0; i++)
        step(&script);
    /* Whatever happened: a new start, with blocks still held, brings the next frame. */
    REQUIRE(rig_enumerate(&rig, true));
    REQUIRE(rig_good(&rig, 0));
    for (uint8_t slot = 0; slot < HELD_MAX; slot++)
        release(slot);
    rig_poll(&rig);
    bare_good();
    REQUIRE(rig_good(&rig, 0));
    REQUIRE(rig_blocks_home(&rig, 0));
    REQUIRE(f->sent + f->lost == taken);
    return 0;
}
