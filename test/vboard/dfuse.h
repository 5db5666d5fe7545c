/*
 * The smallest DfuSe host: what dfu-util does to a boot loader in ROM, right on the cable. On top of tiny_host.h.
 *
 *   dfuse_attach ─→ dfuse_erase, dfuse_write, dfuse_read … ─→ dfuse_leave
 *
 * Each returns NULL, or what went wrong; status and state of the last GETSTATUS stay in the struct.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_VBOARD_DFUSE_H
#define PLUGNET_TEST_VBOARD_DFUSE_H

#include "test/vboard/tiny_host.h"

#define DFUSE_BLOCK 2048u

enum { DFUSE_IDLE = 2, DFUSE_BUSY = 4, DFUSE_DNLOAD_IDLE = 5, DFUSE_MANIFEST = 7, DFUSE_ERROR = 10 };

struct dfuse {
    struct tiny_host host;
    uint8_t status, state;
    uint32_t poll_ms;
};

static inline enum cable_answer dfuse_request(struct dfuse *d, bool in, uint8_t request, uint16_t value,
                                              uint8_t *data, uint16_t length, uint16_t *actual)
{
    const uint8_t setup[8] = {
        in ? 0xA1 : 0x21,      request, (uint8_t)value, (uint8_t)(value >> 8), 0, 0, (uint8_t)length,
        (uint8_t)(length >> 8)};
    return tiny_control(&d->host, setup, data, actual);
}

static inline const char *dfuse_status(struct dfuse *d)
{
    uint8_t bytes[6];
    uint16_t actual = 0;
    if (dfuse_request(d, true, 3, 0, bytes, 6, &actual) != CABLE_ACK || actual != 6)
        return "GETSTATUS isn't answered";
    d->status = bytes[0];
    d->poll_ms = bytes[1] | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3] << 16;
    d->state = bytes[4];
    return NULL;
}

/* Pull-up, descriptors, configuration; it must be the ROM's device. */
static inline const char *dfuse_attach(struct dfuse *d, struct cable cable, uint64_t now, uint32_t limit_ms)
{
    memset(d, 0, sizeof *d);
    d->host.cable = cable;
    d->host.now = now;
    if (!tiny_attach(&d->host, limit_ms))
        return "no pull-up";
    const char *wrong = tiny_enumerate(&d->host);
    if (wrong)
        return wrong;
    if (memcmp(d->host.device + 8, "\x83\x04\x11\xDF", 4) != 0)
        return "not 0483:df11";
    return dfuse_status(d);
}

/* A block, and GETSTATUS until the device has done with it. */
static inline const char *dfuse_download(struct dfuse *d, uint16_t block, const uint8_t *bytes,
                                         uint16_t length)
{
    uint8_t data[DFUSE_BLOCK];
    memcpy(data, bytes, length);
    if (dfuse_request(d, false, 1, block, data, length, NULL) != CABLE_ACK)
        return "DNLOAD is refused";
    for (unsigned i = 0; i < 100; i++) {
        const char *wrong = dfuse_status(d);
        if (wrong)
            return wrong;
        if (d->state == DFUSE_ERROR)
            return "dfuERROR";
        if (d->state != DFUSE_BUSY)
            return NULL;
        tiny_step(&d->host, (d->poll_ms ? d->poll_ms : 1) * 1000000ull);
    }
    return "dfuDNBUSY for ever";
}

static inline const char *dfuse_command(struct dfuse *d, uint8_t command, uint32_t address)
{
    const uint8_t bytes[5] = {command, (uint8_t)address, (uint8_t)(address >> 8), (uint8_t)(address >> 16),
                              (uint8_t)(address >> 24)};
    return dfuse_download(d, 0, bytes, 5);
}

static inline const char *dfuse_erase(struct dfuse *d, uint32_t address)
{
    return dfuse_command(d, 0x41, address);
}

static inline const char *dfuse_write(struct dfuse *d, uint32_t address, const uint8_t *bytes,
                                      uint32_t length)
{
    const char *wrong = dfuse_command(d, 0x21, address);
    for (uint32_t done = 0; !wrong && done < length; done += DFUSE_BLOCK) {
        uint32_t now = length - done < DFUSE_BLOCK ? length - done : DFUSE_BLOCK;
        wrong = dfuse_download(d, (uint16_t)(2 + done / DFUSE_BLOCK), bytes + done, (uint16_t)now);
    }
    return wrong;
}

static inline const char *dfuse_abort(struct dfuse *d)
{
    if (dfuse_request(d, false, 6, 0, NULL, 0, NULL) != CABLE_ACK)
        return "ABORT is refused";
    return dfuse_status(d);
}

static inline const char *dfuse_clear(struct dfuse *d)
{
    if (dfuse_request(d, false, 4, 0, NULL, 0, NULL) != CABLE_ACK)
        return "CLRSTATUS is refused";
    return dfuse_status(d);
}

static inline const char *dfuse_read(struct dfuse *d, uint32_t address, uint8_t *bytes, uint32_t length)
{
    const char *wrong = dfuse_command(d, 0x21, address);
    if (!wrong)
        wrong = dfuse_abort(d);
    for (uint32_t done = 0; !wrong && done < length;) {
        uint32_t want = length - done < DFUSE_BLOCK ? length - done : DFUSE_BLOCK;
        uint16_t actual = 0;
        if (dfuse_request(d, true, 2, (uint16_t)(2 + done / DFUSE_BLOCK), bytes + done, (uint16_t)want,
                          &actual) != CABLE_ACK ||
            actual != want)
            wrong = "UPLOAD is refused";
        done += actual;
    }
    return wrong ? wrong : dfuse_abort(d);
}

/* Start what lies at an address; the device may be gone before it has answered. */
static inline const char *dfuse_leave(struct dfuse *d, uint32_t address)
{
    const char *wrong = dfuse_command(d, 0x21, address);
    if (!wrong && dfuse_request(d, false, 1, 2, NULL, 0, NULL) != CABLE_ACK)
        wrong = "the DNLOAD of nothing is refused";
    if (!wrong)
        wrong = dfuse_status(d);
    if (!wrong && d->state != DFUSE_MANIFEST)
        wrong = "no dfuMANIFEST";
    return wrong;
}

#endif
