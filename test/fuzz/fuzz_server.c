/*
 * Fuzz what clients send to both servers that give boards out, USB/IP and usbredir: with a device that answers, goes away
 * and comes back. Whatever is sent, memory is bounded, answers are whole messages of the protocol, a client of the other
 * board is still served, and the board is there again for the next client.
 *
 *   byte 0    bit 0: USB/IP; bits 1 and 2: usbredir's hello is said first, with no or with all capabilities
 *   then      a length before each piece that is sent at once; lengths from 0xF0 on mean something else, see piece_do
 *
 * LINK: test/host/fake.c host/server*.c host/usbip*.c host/usbredir*.c host/usb_host.c host/usb_desc.c host/bus.c
 * LINK: host/sequence.c host/pcap.c host/ncm_block.c host/pace.c
 * SECONDS: 20
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/usbip.h"
#include "host/usbip_msg.h"
#include "host/usbredir.h"
#include "host/usbredir_msg.h"
#include "test/host/fake.h"
#include "wire/le.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t __sanitizer_get_current_allocated_bytes(void);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define CAPS   0x7Eu
#define UP_MS  600
#define PIECES 64

struct world {
    struct fake fakes[2];
    struct server *server;
    int other; /* a client of the second board */
    bool usbip;
};

/* What a guest has heard, message by message. */
struct heard {
    uint32_t caps;
    bool greeted;
    uint8_t head[USBREDIR_HEADER_MAX];
    uint32_t head_length, left;
};

static void steps(struct world *w, unsigned ms)
{
    while (ms-- != 0)
        server_step(w->server);
    REQUIRE(w->fakes[0].wrong == NULL && w->fakes[1].wrong == NULL);
}

static int client(struct world *w, unsigned index)
{
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    REQUIRE(server_adopt(w->server, index, pair[0]));
    return pair[1];
}

static void say(int fd, const void *bytes, size_t length)
{
    send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void hello(int fd, uint32_t capabilities)
{
    uint8_t bytes[12 + USBREDIR_HELLO_LENGTH];
    usbredir_header_put(bytes, 0, USBREDIR_HELLO, USBREDIR_HELLO_LENGTH, 0);
    usbredir_hello_put(bytes + 12, "fuzz", capabilities);
    say(fd, bytes, sizeof bytes);
}

/* ---- What is answered ---- */

static void header_check(struct heard *h)
{
    struct usbredir_header header;
    usbredir_header_read(&header, h->head, h->greeted ? h->caps : 0);
    bool good = header.type == USBREDIR_DEVICE_CONNECT || header.type == USBREDIR_DEVICE_DISCONNECT ||
                header.type == USBREDIR_INTERFACE_INFO || header.type == USBREDIR_EP_INFO ||
                header.type == USBREDIR_CONFIGURATION_STATUS || header.type == USBREDIR_ALT_SETTING_STATUS ||
                header.type == USBREDIR_ISO_STREAM_STATUS ||
                header.type == USBREDIR_INTERRUPT_RECEIVING_STATUS ||
                header.type == USBREDIR_CONTROL_PACKET || header.type == USBREDIR_BULK_PACKET ||
                header.type == USBREDIR_INTERRUPT_PACKET;
    REQUIRE(h->greeted ? good : header.type == USBREDIR_HELLO && header.length == USBREDIR_HELLO_LENGTH);
    REQUIRE(header.length <= SERVER_TRANSFER_MAX + USBREDIR_PACKET_MAX);
    h->greeted = true;
    h->head_length = 0;
    h->left = header.length;
}

static void bytes_check(struct heard *h, const uint8_t *bytes, size_t length)
{
    while (length != 0) {
        uint32_t wanted = usbredir_header_length(h->greeted ? h->caps : 0);
        if (h->left != 0) {
            size_t skip = length < h->left ? length : h->left;
            h->left -= (uint32_t)skip;
            bytes += skip;
            length -= skip;
            continue;
        }
        h->head[h->head_length++] = *bytes++;
        length--;
        if (h->head_length == wanted)
            header_check(h);
    }
}

/* All that is there; with `h`, it is looked at. False: hung up. */
static bool hear(int fd, struct heard *h)
{
    static uint8_t bytes[65536];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        if (h != NULL)
            bytes_check(h, bytes, (size_t)got);
    return got < 0 && errno == EAGAIN;
}

/* ---- The client that must not notice ---- */

static void other_attach(struct world *w)
{
    uint8_t import[USBIP_OP_LENGTH + USBIP_BUSID_LENGTH] = {1, 0x11, 0x80, 3, 0, 0, 0, 0, '1', '-', '2'};
    w->other = client(w, 1);
    if (w->usbip)
        say(w->other, import, sizeof import);
    else
        hello(w->other, 0);
    steps(w, 5);
    REQUIRE(hear(w->other, NULL));
}

static void other_serves(struct world *w)
{
    static const uint8_t usbip[USBIP_COMMAND_LENGTH] = {0, 0, 0, 1, 0, 0, 0, 9, 0,    1, 0, 2, 0, 0, 0, 1,
                                                        0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 2, 0, 0, 0, 0,
                                                        0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 2, 0};
    static const uint8_t redir[22] = {100, 0,    0, 0,    10, 0, 0, 0, 9, 0, 0,
                                      0,   0x80, 0, 0x80, 0,  0, 0, 0, 0, 2, 0};
    uint8_t answer[64];
    say(w->other, w->usbip ? usbip : redir, w->usbip ? sizeof usbip : sizeof redir);
    steps(w, 3);
    ssize_t got = recv(w->other, answer, sizeof answer, MSG_DONTWAIT);
    REQUIRE(got == (w->usbip ? USBIP_COMMAND_LENGTH + 2 : 24));
}

/* ---- One input ---- */

static struct world *world(bool usbip)
{
    static struct world worlds[2];
    struct world *w = &worlds[usbip];
    char error[256];
    if (w->server == NULL) {
        struct cable cables[2];
        for (unsigned i = 0; i < 2; i++) {
            fake_init(&w->fakes[i]);
            cables[i] = fake_cable(&w->fakes[i]);
        }
        const struct server_config config = {.port = -1, .cables = cables, .count = 2};
        w->usbip = usbip;
        w->server = (usbip ? usbip_new : usbredir_new)(&config, error, sizeof error);
        REQUIRE(w->server != NULL);
        steps(w, UP_MS);
        other_attach(w);
    }
    return w;
}

/* The device is as at its beginning, and has something to say. */
static void fake_renew(struct fake *f)
{
    static uint8_t data[2000];
    for (unsigned i = 0; i < 16; i++) {
        struct fake_ep *ep = &f->ep[i];
        ep->in_first = ep->in_count = ep->in_at = 0;
        ep->out_length = ep->out_start = ep->out_count = 0;
        ep->in_answer = ep->out_answer = CABLE_ACK;
        ep->naks = ep->naks_out = 0;
    }
    f->log_count = 0;
    f->silent_setups = 0;
    f->stall_request = 0xFF;
    for (unsigned i = 0; i < 4; i++) {
        fake_in(f, FAKE_EP_DATA, data, i * 500);
        fake_in(f, FAKE_EP_NOTIFY, data, 8);
    }
}

/* What a length from 0xF0 on does to the device. */
static void piece_do(struct world *w, uint8_t what)
{
    struct fake *f = &w->fakes[0];
    switch (what) {
    case 0xF0: f->pull_up = !f->pull_up; break;
    case 0xF1: f->ep[FAKE_EP_DATA].in_answer = CABLE_STALL; break;
    case 0xF2: f->ep[FAKE_EP_DATA].out_answer = CABLE_STALL; break;
    case 0xF3: f->ep[FAKE_EP_NOTIFY].in_answer = CABLE_STALL; break;
    case 0xF4: f->silent_setups = 3; break;
    case 0xF5: f->ep[FAKE_EP_DATA].out_answer = CABLE_NAK; break;
    case 0xF6: f->stall_request = 9; break;
    default: steps(w, 4u << (what & 7u)); break; /* up to half a second */
    }
}

static void pieces_send(struct world *w, int fd, struct heard *h, const uint8_t *data, size_t size)
{
    for (unsigned i = 0; i < PIECES && size != 0; i++) {
        uint8_t length = *data++;
        size--;
        if (length >= 0xF0) {
            piece_do(w, length);
            length = 0;
        }
        size_t piece = length < size ? length : size;
        say(fd, data, piece);
        data += piece;
        size -= piece;
        steps(w, 1);
        if (i % 8 != 7 && !hear(fd, h)) /* now and then it isn't read for a while */
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct world *w = world((data[0] & 1) != 0);
    bool greets = !w->usbip && (data[0] & 6) != 0;
    struct heard heard = {.caps = (data[0] & 4) != 0 ? CAPS : 0}, *h = greets ? &heard : NULL;
    size_t before = __sanitizer_get_current_allocated_bytes();
    fake_renew(&w->fakes[0]);
    int fd = client(w, 0);
    if (greets)
        hello(fd, heard.caps);
    pieces_send(w, fd, h, data + 1, size - 1);
    REQUIRE(__sanitizer_get_current_allocated_bytes() - before < SERVER_BYTES_MAX + (2u << 20));
    close(fd);
    other_serves(w);
    w->fakes[0].pull_up = true;
    w->fakes[0].stall_request = 0xFF;
    w->fakes[0].silent_setups = 0;
    for (unsigned ms = 0; !server_available(w->server, 0); ms++) {
        REQUIRE(ms < 3 * UP_MS);
        steps(w, 1);
    }
    REQUIRE(__sanitizer_get_current_allocated_bytes() == before);
    return 0;
}
