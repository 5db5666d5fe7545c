/*
 * The smallest USB host that can enumerate: one transfer at a time, right on the cable.
 *
 *   tiny_attach ─→ tiny_enumerate ─→ tiny_control, tiny_out, tiny_in …
 *
 * It has nothing of host/ but the contract, so that a mistake there can't hide one here. Each transaction takes
 * 50 µs, a NAK is asked again after 50 µs, frames come every millisecond.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_VBOARD_TINY_HOST_H
#define PLUGNET_TEST_VBOARD_TINY_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cable/cable.h"

struct tiny_host {
    struct cable cable;
    uint64_t now;
    uint16_t frame;
    uint8_t address, configuration[4096];
    uint8_t device[18];
    uint16_t configuration_length;
    uint32_t naks;
    bool toggle_in[16], toggle_out[16];
};

/* A moment of bus time; frames as they come due. */
static inline void tiny_step(struct tiny_host *host, uint64_t ns)
{
    for (uint64_t end = host->now + ns; host->now < end;) {
        uint64_t next = (host->now / 1000000 + 1) * 1000000;
        host->now = next < end ? next : end;
        host->cable.ops->advance(host->cable.device, host->now);
        if (host->now % 1000000 == 0)
            host->cable.ops->frame(host->cable.device, host->frame++ & 0x7FF);
    }
}

static inline void tiny_reset(struct tiny_host *host)
{
    const struct cable_ops *ops = host->cable.ops;
    ops->bus_reset(host->cable.device, true);
    host->now += 15000000;
    ops->advance(host->cable.device, host->now);
    ops->bus_reset(host->cable.device, false);
    host->address = 0;
    memset(host->toggle_in, 0, sizeof host->toggle_in);
    memset(host->toggle_out, 0, sizeof host->toggle_out);
    tiny_step(host, 10000000);
}

/* VBUS on, wait for the pull-up, reset. */
static inline bool tiny_attach(struct tiny_host *host, uint32_t limit_ms)
{
    const struct cable_ops *ops = host->cable.ops;
    ops->vbus(host->cable.device, true);
    for (uint32_t ms = 0; !ops->pulled_up(host->cable.device); ms++) {
        if (ms == limit_ms)
            return false;
        host->now += 1000000;
        ops->advance(host->cable.device, host->now);
    }
    host->now += 100000000;
    ops->advance(host->cable.device, host->now);
    if (!ops->pulled_up(host->cable.device))
        return tiny_attach(host, limit_ms ? limit_ms - 1 : 0);
    tiny_reset(host);
    return true;
}

static inline enum cable_answer tiny_in_packet(struct tiny_host *host, uint8_t endpoint, bool *data1,
                                               uint8_t *packet, uint16_t *length, uint32_t limit_ms)
{
    enum cable_answer answer = CABLE_NAK;
    for (uint64_t end = host->now + limit_ms * 1000000ull; answer == CABLE_NAK && host->now <= end;) {
        tiny_step(host, 50000);
        answer = host->cable.ops->in(host->cable.device, host->address, endpoint, data1, packet, length);
        host->naks += answer == CABLE_NAK;
    }
    return answer;
}

static inline enum cable_answer tiny_out_packet(struct tiny_host *host, uint8_t endpoint, bool data1,
                                                const uint8_t *packet, uint16_t length, uint32_t limit_ms)
{
    enum cable_answer answer = CABLE_NAK;
    for (uint64_t end = host->now + limit_ms * 1000000ull; answer == CABLE_NAK && host->now <= end;) {
        tiny_step(host, 50000);
        answer = host->cable.ops->out(host->cable.device, host->address, endpoint, data1, packet, length);
        host->naks += answer == CABLE_NAK;
    }
    return answer;
}

/* A control transfer; *actual bytes in a data stage IN. CABLE_NAK: timed out after 1 s. */
static inline enum cable_answer tiny_control(struct tiny_host *host, const uint8_t setup[8], uint8_t *data,
                                             uint16_t *actual)
{
    uint16_t wanted = (uint16_t)(setup[6] | setup[7] << 8), done = 0;
    bool in = setup[0] & 0x80, data1 = true;
    uint8_t packet[CABLE_PACKET_MAX];
    uint16_t length = 0;
    tiny_step(host, 50000);
    enum cable_answer answer = host->cable.ops->setup(host->cable.device, host->address, 0, setup);
    if (answer != CABLE_ACK)
        return answer;
    while (in && done < wanted) {
        bool toggle;
        answer = tiny_in_packet(host, 0, &toggle, packet, &length, 1000);
        if (answer != CABLE_ACK || toggle != data1 || length > wanted - done)
            return answer == CABLE_ACK ? CABLE_SILENCE : answer;
        memcpy(data + done, packet, length);
        done = (uint16_t)(done + length);
        data1 = !data1;
        if (length < (host->device[7] ? host->device[7] : 64))
            break;
    }
    while (!in && done < wanted) {
        uint16_t size = (uint16_t)(wanted - done < 64 ? wanted - done : 64);
        answer = tiny_out_packet(host, 0, data1, data + done, size, 1000);
        if (answer != CABLE_ACK)
            return answer;
        done = (uint16_t)(done + size);
        data1 = !data1;
    }
    if (actual)
        *actual = done;
    if (in && wanted)
        return tiny_out_packet(host, 0, true, packet, 0, 1000);
    answer = tiny_in_packet(host, 0, &data1, packet, &length, 1000);
    return answer == CABLE_ACK && (length != 0 || !data1) ? CABLE_SILENCE : answer;
}

/* Descriptors, address 5, the first configuration. NULL: done; else what went wrong. */
static inline const char *tiny_enumerate(struct tiny_host *host)
{
    const uint8_t device[8] = {0x80, 6, 0, 1, 0, 0, 64, 0}, address[8] = {0, 5, 5};
    uint8_t buffer[64], get[8] = {0x80, 6, 0, 2, 0, 0, 9, 0};
    uint16_t length;
    if (tiny_control(host, device, buffer, &length) != CABLE_ACK || length < 8)
        return "device descriptor at address 0";
    tiny_reset(host);
    if (tiny_control(host, address, NULL, NULL) != CABLE_ACK)
        return "SET_ADDRESS";
    host->address = 5;
    tiny_step(host, 10000000);
    host->device[7] = buffer[7];
    if (tiny_control(host, (const uint8_t[8]){0x80, 6, 0, 1, 0, 0, 18, 0}, host->device, &length) !=
            CABLE_ACK ||
        length != 18 || host->device[1] != 1)
        return "device descriptor";
    if (tiny_control(host, get, buffer, &length) != CABLE_ACK || length != 9 || buffer[1] != 2)
        return "configuration descriptor, first 9 bytes";
    host->configuration_length = (uint16_t)(buffer[2] | buffer[3] << 8);
    if (host->configuration_length > sizeof host->configuration)
        return "configuration descriptor: too long";
    get[6] = buffer[2];
    get[7] = buffer[3];
    if (tiny_control(host, get, host->configuration, &length) != CABLE_ACK ||
        length != host->configuration_length)
        return "configuration descriptor";
    const uint8_t configure[8] = {0, 9, host->configuration[5]};
    if (tiny_control(host, configure, NULL, NULL) != CABLE_ACK)
        return "SET_CONFIGURATION";
    return NULL;
}

#endif
