/*
 * The cable over a socket: see cable_socket.h for the messages.
 *
 * The client packs each call into one request and waits for its reply; the server unpacks it into the same
 * call on its own device end. Both check every length that the other sent.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pipe2 */
#include "cable/cable_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/le.h"

#define CLIENT_TIMEOUT_MS 60000

static void store_le64(uint8_t *bytes, uint64_t value)
{
    store_le32(bytes, (uint32_t)value);
    store_le32(bytes + 4, (uint32_t)(value >> 32));
}

static uint64_t load_le64(const uint8_t *bytes)
{
    return load_le32(bytes) | (uint64_t)load_le32(bytes + 4) << 32;
}

/* ---- Server ---- */

static int server_listen(const char *path, char *error, size_t error_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(error, error_size, "%s: path too long for a UNIX socket", path);
        return -1;
    }
    strcpy(address.sun_path, path);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (listener < 0) {
        snprintf(error, error_size, "socket: %s", strerror(errno));
        return -1;
    }
    unlink(path);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1) < 0) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        close(listener);
        return -1;
    }
    int fd;
    do {
        fd = accept(listener, NULL, NULL);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        snprintf(error, error_size, "%s: accept: %s", path, strerror(errno));
    }
    close(listener);
    unlink(path);
    return fd;
}

int cable_server_open(const char *path, char *error, size_t error_size)
{
    const char *inherited = getenv(CABLE_SOCKET_ENV);
    if (inherited != NULL) {
        char *end;
        long fd = strtol(inherited, &end, 10);
        int type = 0;
        socklen_t size = sizeof type;
        if (*end != 0 || fd < 0 || fd > 1 << 20 ||
            getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET) {
            snprintf(error, error_size, CABLE_SOCKET_ENV "=%s is not a cable's socket", inherited);
            return -1;
        }
        return (int)fd;
    }
    if (path == NULL) {
        snprintf(error, error_size, "no cable: neither a path nor " CABLE_SOCKET_ENV);
        return -1;
    }
    return server_listen(path, error, error_size);
}

bool cable_server_gone(const struct cable_server *server)
{
    return server->fd < 0;
}

static bool server_lost(struct cable_server *server)
{
    server->fd = -1;
    server->request_length = 0;
    return false;
}

/* How many data bytes a request of this kind has: at least *min, at most the result; -1: no such call. */
static int request_data_max(uint8_t call, int *min)
{
    *min = 0;
    switch (call) {
    case CABLE_CALL_SETUP: return *min = 8;
    case CABLE_CALL_FRAME: return *min = 2;
    case CABLE_CALL_OUT: return CABLE_PACKET_MAX;
    case CABLE_CALL_VBUS:
    case CABLE_CALL_PULLED_UP:
    case CABLE_CALL_BUS_RESET:
    case CABLE_CALL_BUS_SUSPEND:
    case CABLE_CALL_WAKES:
    case CABLE_CALL_IN:
    case CABLE_CALL_ADVANCE:
    case CABLE_CALL_BUTTON:
    case CABLE_CALL_LEDS:
    case CABLE_CALL_RESET:
    case CABLE_CALL_POWER: return 0;
    default: return -1;
    }
}

bool cable_server_wait(struct cable_server *server, int timeout_ms)
{
    if (server->fd < 0) {
        return false;
    }
    if (server->request_length != 0) {
        return true;
    }
    if (timeout_ms >= 0) {
        struct pollfd poll_fd = {.fd = server->fd, .events = POLLIN};
        if (poll(&poll_fd, 1, timeout_ms) <= 0) {
            return false;
        }
    }
    ssize_t length;
    do {
        length = recv(server->fd, server->request, sizeof server->request, MSG_TRUNC);
    } while (length < 0 && errno == EINTR);
    if (length < CABLE_SOCKET_HEAD || length > (ssize_t)sizeof server->request) {
        return server_lost(server);
    }
    int data = (int)length - CABLE_SOCKET_HEAD, min;
    int max = request_data_max(server->request[0], &min);
    uint64_t time_ns = load_le64(server->request + 4);
    if (data < min || data > max || time_ns < server->time_ns) {
        return server_lost(server);
    }
    server->request_length = (uint32_t)length;
    server->time_ns = time_ns;
    server->ops->advance(server->device, time_ns);
    return true;
}

static bool server_reply(struct cable_server *server, const uint8_t *reply, size_t length)
{
    ssize_t sent;
    do {
        sent = send(server->fd, reply, length, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)length ? true : server_lost(server);
}

/* The calls of the cable. Returns the number of data bytes in the reply. */
static uint16_t server_call(struct cable_server *server, const uint8_t *request, uint16_t length,
                            uint8_t *reply)
{
    const struct cable_ops *ops = server->ops;
    void *device = server->device;
    const uint8_t *data = request + CABLE_SOCKET_HEAD;
    bool flag = request[3] != 0;
    bool data1 = false;
    uint16_t in_length = 0;
    switch (request[0]) {
    case CABLE_CALL_VBUS: ops->vbus(device, flag); break;
    case CABLE_CALL_PULLED_UP: reply[2] = ops->pulled_up(device); break;
    case CABLE_CALL_BUS_RESET: ops->bus_reset(device, flag); break;
    case CABLE_CALL_FRAME: ops->frame(device, load_le16(data)); break;
    case CABLE_CALL_BUS_SUSPEND: ops->bus_suspend(device, flag); break;
    case CABLE_CALL_WAKES: reply[2] = ops->wakes(device); break;
    case CABLE_CALL_SETUP: reply[1] = (uint8_t)ops->setup(device, request[1], request[2], data); break;
    case CABLE_CALL_OUT:
        reply[1] = (uint8_t)ops->out(device, request[1], request[2], flag, data, length);
        break;
    case CABLE_CALL_IN:
        reply[1] = (uint8_t)ops->in(device, request[1], request[2], &data1, reply + CABLE_SOCKET_REPLY_HEAD,
                                    &in_length);
        reply[2] = data1;
        break;
    default: break;
    }
    return reply[1] == CABLE_ACK ? in_length : 0;
}

/* The calls of the fixture. Returns the number of data bytes in the reply; 0xFFFF: replied already. */
static uint16_t server_fixture(struct cable_server *server, const uint8_t *request, uint8_t *reply)
{
    const struct fixture_ops *ops = server->fixture.ops;
    void *board = server->fixture.board;
    bool flag = request[3] != 0;
    switch (request[0]) {
    case CABLE_CALL_BUTTON:
        if (ops != NULL && ops->button != NULL) {
            ops->button(board, request[1], flag);
        }
        return 0;
    case CABLE_CALL_LEDS:
        store_le32(reply + CABLE_SOCKET_REPLY_HEAD, ops != NULL && ops->leds != NULL ? ops->leds(board) : 0);
        return 4;
    case CABLE_CALL_RESET:
    case CABLE_CALL_POWER:
        server->request_length = 0;
        if (!server_reply(server, reply, CABLE_SOCKET_REPLY_HEAD)) {
            return 0xFFFF;
        }
        if (request[0] == CABLE_CALL_RESET && ops != NULL && ops->reset != NULL) {
            ops->reset(board);
        } else if (request[0] == CABLE_CALL_POWER && ops != NULL && ops->power != NULL) {
            ops->power(board, flag);
        }
        return 0xFFFF;
    default: return 0;
    }
}

bool cable_server_answer(struct cable_server *server)
{
    if (server->fd < 0 || server->request_length == 0) {
        return false;
    }
    uint8_t request[CABLE_SOCKET_MESSAGE_MAX];
    memcpy(request, server->request, sizeof request);
    uint16_t length = (uint16_t)(server->request_length - CABLE_SOCKET_HEAD);
    uint8_t reply[CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX] = {request[0], CABLE_ACK, 0, 0};
    uint16_t reply_length = request[0] >= CABLE_CALL_BUTTON ? server_fixture(server, request, reply)
                                                            : server_call(server, request, length, reply);
    if (reply_length == 0xFFFF) {
        return server->fd >= 0;
    }
    server->request_length = 0;
    return server_reply(server, reply, (size_t)CABLE_SOCKET_REPLY_HEAD + reply_length);
}

bool cable_server_serve_one(struct cable_server *server)
{
    return cable_server_wait(server, -1) && cable_server_answer(server);
}

/* ---- Client ---- */

bool cable_client_open(struct cable_client *client, const char *path, char *error, size_t error_size)
{
    *client = (struct cable_client){.fd = -1, .timeout_ms = CLIENT_TIMEOUT_MS};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(error, error_size, "%s: path too long for a UNIX socket", path);
        return false;
    }
    strcpy(address.sun_path, path);
    client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        cable_client_close(client);
        return false;
    }
    return true;
}

int cable_client_spawn(struct cable_client *client, char *const argv[], char *error, size_t error_size)
{
    *client = (struct cable_client){.fd = -1, .timeout_ms = CLIENT_TIMEOUT_MS};
    int ends[2], report[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        snprintf(error, error_size, "socketpair: %s", strerror(errno));
        return -1;
    }
    if (pipe2(report, O_CLOEXEC) < 0) {
        snprintf(error, error_size, "pipe: %s", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        char number[16];
        setpgid(0, 0); /* Ctrl-C is the PC's: the device ends when its cable does */
        int inherited = dup(ends[1]);
        snprintf(number, sizeof number, "%d", inherited);
        setenv(CABLE_SOCKET_ENV, number, 1);
        execvp(argv[0], argv);
        int why = errno;
        ssize_t ignored = write(report[1], &why, sizeof why);
        (void)ignored;
        _exit(127);
    }
    close(ends[1]);
    close(report[1]);
    int why = child < 0 ? errno : 0;
    if (child < 0 || read(report[0], &why, sizeof why) == (ssize_t)sizeof why) {
        snprintf(error, error_size, "%s: %s", argv[0], strerror(why));
        close(ends[0]);
        close(report[0]);
        return -1;
    }
    close(report[0]);
    client->fd = ends[0];
    return (int)child;
}

void cable_client_close(struct cable_client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
    }
    client->fd = -1;
}

bool cable_client_alive(const struct cable_client *client)
{
    return client->fd >= 0;
}

/* One request and its reply. Returns the reply's data bytes, or -1 when the device is gone. */
static int client_call(struct cable_client *client, const uint8_t head[4], const uint8_t *data, size_t length,
                       uint8_t reply[CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX])
{
    uint8_t request[CABLE_SOCKET_MESSAGE_MAX];
    if (client->fd < 0 || length > CABLE_PACKET_MAX) {
        return -1;
    }
    memcpy(request, head, 4);
    store_le64(request + 4, client->time_ns);
    if (length != 0) {
        memcpy(request + CABLE_SOCKET_HEAD, data, length);
    }
    ssize_t sent;
    do {
        sent = send(client->fd, request, CABLE_SOCKET_HEAD + length, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    ssize_t got = -1;
    if (sent == (ssize_t)(CABLE_SOCKET_HEAD + length)) {
        struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
        int ready;
        do {
            ready = poll(&poll_fd, 1, client->timeout_ms);
        } while (ready < 0 && errno == EINTR);
        if (ready > 0) {
            got = recv(client->fd, reply, CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX, MSG_TRUNC);
        }
    }
    if (got < CABLE_SOCKET_REPLY_HEAD || got > CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX ||
        reply[0] != head[0] || reply[1] > CABLE_SILENCE) {
        cable_client_close(client);
        return -1;
    }
    return (int)got - CABLE_SOCKET_REPLY_HEAD;
}

static bool client_flag(struct cable_client *client, enum cable_socket_call call, uint8_t number, bool flag)
{
    uint8_t reply[CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX];
    const uint8_t head[4] = {(uint8_t)call, number, 0, flag};
    return client_call(client, head, NULL, 0, reply) >= 0 && reply[2] != 0;
}

static void client_advance(void *device, uint64_t time_ns)
{
    struct cable_client *client = device;
    if (time_ns > client->time_ns) {
        client->time_ns = time_ns;
    }
}

static void client_vbus(void *device, bool on)
{
    client_flag(device, CABLE_CALL_VBUS, 0, on);
}

static bool client_pulled_up(void *device)
{
    return client_flag(device, CABLE_CALL_PULLED_UP, 0, false);
}

static void client_bus_reset(void *device, bool active)
{
    client_flag(device, CABLE_CALL_BUS_RESET, 0, active);
}

static void client_frame(void *device, uint16_t number)
{
    uint8_t reply[CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX];
    const uint8_t head[4] = {CABLE_CALL_FRAME, 0, 0, 0};
    uint8_t data[2];
    store_le16(data, number);
    client_call(device, head, data, sizeof data, reply);
}

static void client_bus_suspend(void *device, bool suspended)
{
    client_flag(device, CABLE_CALL_BUS_SUSPEND, 0, suspended);
}

static bool client_wakes(void *device)
{
    return client_flag(device, CABLE_CALL_WAKES, 0, false);
}

static enum cable_answer client_setup(void *device, uint8_t address, uint8_t endpoint,
                                      const uint8_t packet[8])
{
    uint8_t reply[CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX];
    const uint8_t head[4] = {CABLE_CALL_SETUP, address, endpoint, 0};
    return client_call(device, head, packet, 8, reply) < 0 ? CABLE_SILENCE : (enum cable_answer)reply[1];
}

static enum cable_answer client_out(void *device, uint8_t address, uint8_t endpoint, bool data1,
                                    const uint8_t *packet, uint16_t length)
{
    uint8_t reply[CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX];
    const uint8_t head[4] = {CABLE_CALL_OUT, address, endpoint, data1};
    return client_call(device, head, packet, length, reply) < 0 ? CABLE_SILENCE : (enum cable_answer)reply[1];
}

static enum cable_answer client_in(void *device, uint8_t address, uint8_t endpoint, bool *data1,
                                   uint8_t packet[CABLE_PACKET_MAX], uint16_t *length)
{
    uint8_t reply[CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX];
    const uint8_t head[4] = {CABLE_CALL_IN, address, endpoint, 0};
    int got = client_call(device, head, NULL, 0, reply);
    if (got < 0) {
        return CABLE_SILENCE;
    }
    *length = (uint16_t)got;
    *data1 = reply[2] != 0;
    memcpy(packet, reply + CABLE_SOCKET_REPLY_HEAD, (size_t)got);
    return (enum cable_answer)reply[1];
}

struct cable cable_client_cable(struct cable_client *client)
{
    static const struct cable_ops ops = {
        .advance = client_advance,
        .vbus = client_vbus,
        .pulled_up = client_pulled_up,
        .bus_reset = client_bus_reset,
        .frame = client_frame,
        .bus_suspend = client_bus_suspend,
        .wakes = client_wakes,
        .setup = client_setup,
        .out = client_out,
        .in = client_in,
    };
    return (struct cable){&ops, client};
}

static void client_button(void *board, unsigned number, bool pressed)
{
    if (number <= 255) {
        client_flag(board, CABLE_CALL_BUTTON, (uint8_t)number, pressed);
    }
}

static uint32_t client_leds(void *board)
{
    uint8_t reply[CABLE_SOCKET_REPLY_HEAD + CABLE_PACKET_MAX];
    const uint8_t head[4] = {CABLE_CALL_LEDS, 0, 0, 0};
    return client_call(board, head, NULL, 0, reply) == 4 ? load_le32(reply + CABLE_SOCKET_REPLY_HEAD) : 0;
}

static void client_reset(void *board)
{
    client_flag(board, CABLE_CALL_RESET, 0, true);
}

static void client_power(void *board, bool on)
{
    client_flag(board, CABLE_CALL_POWER, 0, on);
}

struct fixture cable_client_fixture(struct cable_client *client)
{
    static const struct fixture_ops ops = {client_button, client_leds, client_reset, client_power};
    return (struct fixture){&ops, client};
}
