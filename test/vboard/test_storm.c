/*
 * A host that does anything in any order, against whole images with several USB functions (test/endpoints) and the real driver:
 * transfers left in the middle, halts, settings, resets and sleep, wrong toggles. Behind each storm a reset is enough: each vendor
 * function and each serial port sends back what it gets, and nothing was done against the manual.
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "test/vboard/image_board.h"
#include "test/vboard/tiny_host.h"
#include "vboard/board.h"

#define STORMS    400
#define STEPS     600
#define UID_FIRST 0x3A /* test/endpoints chooses its list by it */
#define FACE_MAX  8
#define DEAF_NS   1000000u /* a device that was asleep hears again by then */
#define ASLEEP_MS 2        /* without frames, behind the last one, which may be 1 ms old */

/* A pair of endpoints that echoes. */
struct echo {
    uint8_t in, out, interface;
    bool port;
};

static struct storm {
    struct tiny_host host;
    const struct cable_ops *ops;
    struct echo echoes[FACE_MAX];
    unsigned count, packets;
    uint32_t random;
    uint64_t deaf_until; /* the host left the bus idle and didn't resume it */
} s;

static uint32_t choose(uint32_t count)
{
    s.random = s.random * 1664525u + 1013904223u;
    return (s.random >> 8) % count;
}

static void enumerate(void)
{
    tiny_reset(&s.host);
    const char *wrong = tiny_enumerate(&s.host);
    if (wrong)
        TEST_FAIL("%s (%s)", wrong, image_warning);
}

/* Vendor functions and serial ports, as the configuration descriptor shows them. */
static void functions_find(void)
{
    const uint8_t *bytes = s.host.configuration;
    struct echo *echo = NULL;
    int control = -2; /* a port's first interface */
    s.count = 0;
    for (unsigned at = 0; at < s.host.configuration_length; at += bytes[at]) {
        const uint8_t *d = bytes + at;
        if (d[1] == 4) {
            bool port = d[5] == 0x02 && d[6] == 0x02;
            control = port ? d[2] : control;
            bool data = d[5] == 0x0A && d[2] == control + 1;
            echo = d[5] == 0xFF || port || data ? &s.echoes[s.count] : NULL;
            if (echo != NULL && !port) {
                *echo = (struct echo){.interface = data ? (uint8_t)control : d[2], .port = data};
                s.count++;
            } else {
                echo = NULL;
            }
        } else if (d[1] == 5 && echo != NULL) {
            *((d[2] & 0x80) != 0 ? &echo->in : &echo->out) = d[2] & 15;
        }
    }
}

/* ---- Weather ---- */

static void setup_make(uint8_t setup[8])
{
    static const uint8_t types[] = {0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x21,
                                    0xA1, 0x22, 0x40, 0x41, 0xC0, 0xC1, 0xC2};
    uint8_t interface = (uint8_t)choose(8), ep = (uint8_t)(choose(7) | (choose(2) ? 0x80 : 0));
    uint8_t some[7][8] = {
        {0x01, 11, (uint8_t)choose(2), 0, interface},
        {0x02, choose(2) ? 3 : 1, 0, 0, ep},
        {0x21, 0x22, (uint8_t)choose(4), 0, interface},
        {0x80, 6, (uint8_t)choose(8), (uint8_t)choose(16), choose(2) ? 9 : 0, 4, 0xFF, 0xFF},
        {0x00, 9, choose(8) != 0},
        {0x21, 0x20, 0, 0, interface, 0, 7, 0},
        {types[choose(sizeof types)], (uint8_t)choose(16), (uint8_t)choose(3), 0, interface, 0,
         (uint8_t)choose(10), choose(4) ? 0 : (uint8_t)choose(256)},
    };
    memcpy(setup, some[choose(7)], 8);
    if (setup[1] == 5 || (setup[0] == 0x21 && setup[1] == 0))
        setup[1] = 1; /* neither an address nor DFU's detach */
}

static void control(void)
{
    static uint8_t data[65536 + 64];
    uint8_t setup[8];
    setup_make(setup);
    if (choose(3) != 0) {
        bool deaf = s.host.now < s.deaf_until;
        enum cable_answer answer = tiny_control(&s.host, setup, data, NULL);
        CHECK(answer == CABLE_ACK || answer == CABLE_STALL || s.host.address == 0 ||
              (deaf && answer == CABLE_SILENCE));
        return;
    }
    s.ops->setup(s.host.cable.device, s.host.address, 0, setup);
    for (unsigned i = choose(5); i > 0; i--) {
        uint16_t length;
        bool data1;
        tiny_step(&s.host, choose(100000));
        if (choose(2))
            s.ops->in(s.host.cable.device, s.host.address, 0, &data1, data, &length);
        else
            s.ops->out(s.host.cable.device, s.host.address, 0, choose(2), data, (uint16_t)choose(65));
    }
}

static void packet(bool in)
{
    uint8_t bytes[CABLE_PACKET_MAX], ep = (uint8_t)(1 + choose(in ? 6 : 4));
    uint16_t length = (uint16_t)(choose(2) ? 64 : choose(65));
    bool data1 = s.host.toggle_out[ep] ^ (choose(10) == 0);
    memset(bytes, (int)choose(256), sizeof bytes);
    enum cable_answer answer = in ? s.ops->in(s.host.cable.device, s.host.address, ep, &data1, bytes, &length)
                                  : s.ops->out(s.host.cable.device, s.host.address, ep, data1, bytes, length);
    s.packets += answer == CABLE_ACK;
    if (answer == CABLE_ACK && !in && data1 == s.host.toggle_out[ep])
        s.host.toggle_out[ep] = !data1;
}

static void bus(void)
{
    uint32_t idle_ms;
    switch (choose(4)) {
    case 0: enumerate(); break;
    case 1:
        s.ops->bus_reset(s.host.cable.device, true);
        tiny_step(&s.host, choose(3000000));
        s.ops->bus_reset(s.host.cable.device, false);
        s.host.address = 0;
        break;
    case 2: /* No frames: asleep, if it is long enough. The next packet may only wake the device, whose PHY's clock stands. */
        idle_ms = choose(10);
        s.host.now += idle_ms * 1000000ull;
        s.ops->advance(s.host.cable.device, s.host.now);
        if (idle_ms >= ASLEEP_MS)
            s.deaf_until = s.host.now + DEAF_NS;
        break;
    default: tiny_step(&s.host, 5000000); break;
    }
}

static void storm(void)
{
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned what = choose(9);
        if (what == 0)
            control();
        else if (what < 7)
            packet(what < 4);
        else if (what == 7 && choose(12) == 0)
            bus();
        if (s.host.address == 0 && choose(5) == 0)
            enumerate();
        tiny_step(&s.host, choose(4) ? 2000 : 200000);
    }
}

/* ---- All is well ---- */

/* So many bytes there and back; a port's come in transfers of their own. */
static void echo_well(const struct echo *e, unsigned number)
{
    uint8_t sent[320], got[320 + 64];
    uint16_t length = (uint16_t)(1 + choose(e->port ? 100 : 300)), back = 0, size = 64;
    bool data1;
    for (unsigned i = 0; i < length; i++)
        sent[i] = (uint8_t)choose(256);
    for (unsigned at = 0; at < length || (at == length && !e->port); at += 64) {
        uint16_t part = (uint16_t)(length - at < 64 ? length - at : 64);
        if (tiny_out_packet(&s.host, e->out, s.host.toggle_out[e->out], sent + at, part, 500) != CABLE_ACK)
            TEST_FAIL("storm %u, OUT %u: not taken", number, e->out);
        s.host.toggle_out[e->out] = !s.host.toggle_out[e->out];
    }
    while (e->port ? back < length : size == 64) {
        if (tiny_in_packet(&s.host, e->in, &data1, got + back, &size, 500) != CABLE_ACK)
            TEST_FAIL("storm %u, IN %u: %u of %u bytes", number, e->in, back, length);
        CHECK_EQUAL(data1, s.host.toggle_in[e->in]);
        s.host.toggle_in[e->in] = !data1;
        back = (uint16_t)(back + size);
        CHECK(back <= length);
    }
    CHECK_EQUAL(back, length);
    CHECK_BYTES(got, sent, length);
    if (e->port && size == 64 && /* an empty packet may follow */
        tiny_in_packet(&s.host, e->in, &data1, got, &size, 2) == CABLE_ACK) {
        CHECK_EQUAL(size, 0);
        s.host.toggle_in[e->in] = !data1;
    }
}

static void well(unsigned number)
{
    enumerate();
    for (unsigned i = 0; i < s.count; i++) {
        uint8_t dtr[8] = {0x21, 0x22, 1, 0, s.echoes[i].interface};
        if (s.echoes[i].port)
            CHECK_EQUAL(tiny_control(&s.host, dtr, NULL, NULL), CABLE_ACK);
        for (unsigned n = 0; n < 3; n++)
            echo_well(&s.echoes[i], number);
    }
    CHECK_STRING(image_warning, "");
}

static void storms(const char *name, uint8_t list, unsigned functions)
{
    uint8_t uid[VBOARD_UID_LENGTH] = {(uint8_t)(UID_FIRST + list), 0, 0x29, 0, 5, 0x10, 0x0A, 0x33};
    struct vboard *board = image_board(name, BUILD "/test/endpoints/%s/endpoints.elf", uid);
    memset(&s, 0, sizeof s);
    s.host.cable = vboard_cable(board);
    s.ops = s.host.cable.ops;
    CHECK(tiny_attach(&s.host, 5000));
    enumerate();
    functions_find();
    CHECK_EQUAL(s.count, functions);
    image_warning[0] = 0; /* the image reads all FIFO registers that any chip has */
    for (unsigned number = 0; number < STORMS; number++) {
        s.random = number * 7919 + list;
        storm();
        well(number);
    }
    printf("# %s: %u packets in %u storms\n", name, s.packets, STORMS);
    vboard_free(board);
}

TEST(storm_l476_ncm_dfu_acm_vendor)
{
    storms("32l476gdiscovery", 11, 2);
}

TEST(storm_l476_acm_ncm)
{
    storms("32l476gdiscovery", 13, 1);
}

TEST(storm_l476_three_vendors)
{
    storms("32l476gdiscovery", 7, 3);
}

TEST(storm_f407_ncm_dfu_vendor)
{
    storms("stm32f4discovery", 3, 1);
}

TEST_MAIN()
