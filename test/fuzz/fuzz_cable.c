/*
 * Fuzz the cable's socket, both ends: messages (a length byte before each) to the device's side as requests, and
 * to the PC's side as replies. No call may leave its bounds, and a peer that breaks the rules is hung up on.
 *
 * LINK: cable/cable_socket.c
 * SECONDS: 20
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cable/cable_socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

/* ---- A device that only looks ---- */

static uint64_t now;

static void on_advance(void *device, uint64_t time_ns)
{
    (void)device;
    REQUIRE(time_ns >= now);
    now = time_ns;
}

static void on_flag(void *device, bool on)
{
    (void)device, (void)on;
}

static bool on_ask(void *device)
{
    (void)device;
    return true;
}

static void on_frame(void *device, uint16_t number)
{
    (void)device, (void)number;
}

static enum cable_answer on_setup(void *device, uint8_t address, uint8_t ep, const uint8_t packet[8])
{
    (void)device, (void)address, (void)ep;
    return packet[0] == 0x80 ? CABLE_ACK : CABLE_SILENCE;
}

static enum cable_answer on_out(void *device, uint8_t address, uint8_t ep, bool data1, const uint8_t *bytes,
                                uint16_t length)
{
    (void)device, (void)address, (void)ep, (void)data1;
    REQUIRE(length <= CABLE_PACKET_MAX);
    unsigned sum = 0;
    for (unsigned i = 0; i < length; i++)
        sum += bytes[i];
    return (sum & 1) != 0 ? CABLE_ACK : CABLE_NAK;
}

static enum cable_answer on_in(void *device, uint8_t address, uint8_t ep, bool *data1, uint8_t *bytes,
                               uint16_t *length)
{
    (void)device, (void)address;
    memset(bytes, ep, CABLE_PACKET_MAX);
    *length = CABLE_PACKET_MAX;
    *data1 = true;
    return ep < 64 ? CABLE_ACK : CABLE_STALL;
}

static const struct cable_ops ops = {
    .advance = on_advance,
    .vbus = on_flag,
    .pulled_up = on_ask,
    .bus_reset = on_flag,
    .frame = on_frame,
    .bus_suspend = on_flag,
    .wakes = on_ask,
    .setup = on_setup,
    .out = on_out,
    .in = on_in,
};

/* The next message of the input, sent into `fd`. False: none left. */
static bool message_send(int fd, const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return false;
    size_t length = **data % 96u;
    length = length < *size - 1 ? length : *size - 1;
    bool sent = send(fd, *data + 1, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
    *data += 1 + length;
    *size -= 1 + length;
    return sent;
}

static void fuzz_server(int ours, int peer, const uint8_t *data, size_t size)
{
    struct cable_server server = {.fd = ours, .ops = &ops};
    uint8_t reply[256];
    now = 0;
    for (unsigned i = 0; i < 64 && message_send(peer, &data, &size); i++) {
        bool served = cable_server_wait(&server, 0) && cable_server_answer(&server);
        ssize_t got = recv(peer, reply, sizeof reply, MSG_DONTWAIT);
        REQUIRE(served != cable_server_gone(&server));
        REQUIRE(served ? got >= CABLE_SOCKET_REPLY_HEAD && got <= CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX
                       : got < 0);
        if (!served)
            break;
    }
}

/* Each reply is there before the request that it answers. */
static void fuzz_client(int ours, int peer, const uint8_t *data, size_t size)
{
    struct cable_client client = {.fd = ours, .timeout_ms = 1};
    struct cable cable = cable_client_cable(&client);
    uint8_t request[256], bytes[CABLE_PACKET_MAX];
    for (unsigned i = 0; i < 64 && message_send(peer, &data, &size); i++) {
        uint16_t length = 0;
        bool data1;
        if (i % 2 == 0) {
            memset(bytes, 0x77, sizeof bytes);
            if (cable.ops->in(cable.device, 1, 2, &data1, bytes, &length) == CABLE_ACK)
                REQUIRE(length <= CABLE_PACKET_MAX);
        } else {
            cable.ops->setup(cable.device, 1, 0, bytes);
        }
        while (recv(peer, request, sizeof request, MSG_DONTWAIT) > 0) {
        }
        if (!cable_client_alive(&client)) {
            REQUIRE(cable.ops->in(cable.device, 1, 2, &data1, bytes, &length) == CABLE_SILENCE);
            return;
        }
    }
    cable_client_close(&client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    if (size == 0)
        return 0;
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
    if ((data[0] & 1) != 0) {
        fuzz_client(ends[0], ends[1], data + 1, size - 1);
    } else {
        fuzz_server(ends[0], ends[1], data + 1, size - 1);
        close(ends[0]);
    }
    close(ends[1]);
    return 0;
}
