/*
 * What the tests of both servers share: fake devices, a server, clients over socket pairs. All times are virtual.
 *
 *   begin_fakes(devices) ─→ server = …_new(…) ─→ client() ─→ say, hear … ─→ end()
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_HOST_SERVED_H
#define PLUGNET_TEST_HOST_SERVED_H

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/server.h"
#include "test/host/fake.h"
#include "test/test.h"

#define UP_MS      260 /* from plugged in to configured, and some */
#define BACK_MS    (SERVER_UNPLUGGED_MS + UP_MS)
#define CLIENTS    64
#define INTERFACES 2 /* of the fake device */

/* Of the sanitizers' run time; gcc has no header for it. */
size_t __sanitizer_get_current_allocated_bytes(void);

static struct fake fakes[SERVER_DEVICES_MAX];
static unsigned fake_count;
static struct server *server;
static int fds[CLIENTS];
static unsigned fd_count;
static char said[4096];

static const struct server_stats *stats(void)
{
    return server_stats(server);
}

static void steps(unsigned ms)
{
    while (ms-- != 0)
        server_step(server);
    for (unsigned i = 0; i < fake_count; i++)
        if (fakes[i].wrong != NULL)
            TEST_FAIL("device %u: %s", i, fakes[i].wrong);
}

static void on_log(void *context, uint64_t time_ns, const char *line)
{
    (void)context, (void)time_ns;
    if (strlen(said) + strlen(line) + 2 < sizeof said)
        strcat(strcat(said, line), "\n");
}

static void hang_up(int fd)
{
    for (unsigned i = 0; i < fd_count; i++)
        if (fds[i] == fd) {
            fds[i] = fds[--fd_count];
            close(fd);
        }
}

static void end(void)
{
    while (fd_count != 0)
        hang_up(fds[0]);
    server_free(server);
    server = NULL;
    while (fake_count != 0)
        fake_free(&fakes[--fake_count]);
}

/* So many devices, of which `change` makes others; NULL: as they are. */
static void begin_fakes(unsigned devices, struct cable cables[SERVER_DEVICES_MAX],
                        void (*change)(struct fake *fake))
{
    end();
    said[0] = 0;
    for (fake_count = 0; fake_count < devices; fake_count++) {
        fake_init(&fakes[fake_count]);
        if (change != NULL)
            change(&fakes[fake_count]);
        cables[fake_count] = fake_cable(&fakes[fake_count]);
    }
}

static void back_again(void)
{
    steps(BACK_MS);
    for (unsigned i = 0; i < fake_count; i++)
        CHECK(server_available(server, i));
}

/* ---- Clients ---- */

static int client_of(unsigned index)
{
    int pair[2];
    CHECK(fd_count < CLIENTS);
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fds[fd_count++] = pair[1];
    server_adopt(server, index, pair[0]);
    return pair[1];
}

static int client(void)
{
    return client_of(0);
}

static void say(int fd, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    for (unsigned ms = 0; length != 0; ms++) {
        ssize_t sent = send(fd, from, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && (errno != EAGAIN || ms == 1000))
            TEST_FAIL("the server takes nothing more: %s", strerror(errno));
        from += sent > 0 ? sent : 0;
        length -= sent > 0 ? (size_t)sent : 0;
        if (length != 0)
            server_step(server);
    }
}

/* A socket pair has its bytes at once. Through TCP they may need the kernel's time, of which these steps take none: so the second
 * half of them waits for it. */
static void hear(int fd, void *bytes, size_t length)
{
    uint8_t *to = bytes;
    for (unsigned ms = 0; length != 0; ms++) {
        ssize_t got = recv(fd, to, length, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN) || ms == 2000)
            TEST_FAIL("%zu bytes more wanted: %s", length, got == 0 ? "connection closed" : "nothing comes");
        to += got > 0 ? got : 0;
        length -= got > 0 ? (size_t)got : 0;
        if (length != 0)
            steps(1);
        if (length != 0 && ms >= 1000)
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5);
    }
}

/* Nothing has been said to it; still open. */
static bool quiet(int fd)
{
    uint8_t byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

/* It has been hung up on, after whatever was still said. */
static bool closed(int fd)
{
    uint8_t bytes[4096];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
    }
    return got == 0 || errno == ECONNRESET;
}

/* Messages one after the other, and where each begins. */
struct stream {
    uint8_t bytes[1024];
    size_t length, starts[16], count;
};

static uint32_t random_state;

static uint32_t random_next(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

#endif
