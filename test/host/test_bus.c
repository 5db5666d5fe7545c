/*
 * The bus schedule: how many packets fit a frame, what a NAK costs, toggles, and how transfers end.
 *
 * The figures are worked out by hand: a frame has 12,000 bit times, a start of frame takes 35, a bulk packet of
 * 64 bytes 104 + 512 = 616. So 19 fit (11,739), 20 don't (12,355). A NAKed IN takes 64, so that an OUT with a NAKed
 * IN in turn takes 680: 17 of these fit (11,595), and in the 405 left nobody is asked, as a whole packet may come.
 */
/* SPDX-License-Identifier: MIT */
#include "host/bus.h"
#include "test/host/fake.h"
#include "test/test.h"

static struct fake fake;
static struct bus bus;
static uint8_t bytes[400000];
static uint32_t completions;

static void count_completion(struct urb *urb)
{
    (void)urb;
    completions++;
}

/* A powered device with open data endpoints at address 0, and a running bus. */
static void begin(void)
{
    fake_free(&fake);
    fake_init(&fake);
    struct cable cable = fake_cable(&fake);
    bus_init(&bus, &cable);
    fake.vbus = true;
    fake.ep[FAKE_EP_DATA].open = fake.ep[FAKE_EP_NOTIFY].open = true;
    bus.running = true;
    completions = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
}

static struct urb bulk(uint8_t endpoint, void *data, uint32_t length)
{
    return (struct urb){.endpoint = endpoint,
                        .type = USB_ENDPOINT_BULK,
                        .packet_size = 64,
                        .data = data,
                        .length = length,
                        .complete = count_completion};
}

static void frames(unsigned count)
{
    while (count-- != 0)
        bus_frame(&bus);
    CHECK(fake.wrong == NULL);
}

TEST(bus_19_packets_out_in_a_frame)
{
    begin();
    struct urb urb = bulk(2, bytes, 64 * 100);
    bus_submit(&bus, &urb);
    for (unsigned i = 1; i <= 5; i++) {
        frames(1);
        CHECK_EQUAL(fake.ep[2].packets_out, 19 * i);
    }
    CHECK_EQUAL(urb.status, URB_PENDING);
    frames(1);
    CHECK_EQUAL(urb.status, URB_OK);
    CHECK_EQUAL(urb.actual, 6400);
    CHECK(memcmp(fake.ep[2].out, bytes, 6400) == 0);
    CHECK_EQUAL(bus.counters.bulk_packets_frame_max, 19);
}

static uint64_t out_ends_ns(uint32_t length)
{
    begin();
    struct urb urb = bulk(2, bytes, length);
    bus_submit(&bus, &urb);
    frames(1);
    return urb.complete_ns;
}

TEST(bus_price_of_a_packet)
{
    /* 12 bit times are 1 µs; each part is rounded up to the next ns. */
    CHECK_EQUAL(out_ends_ns(64) / 10, (35 + 104 + 512) * 1000 / 12 / 10);
    CHECK_EQUAL(out_ends_ns(10) / 10, (35 + 104 + 80) * 1000 / 12 / 10);
    begin();
    static uint8_t got[64];
    fake_in(&fake, 2, bytes, 10);
    fake.ep[2].naks = 1;
    struct urb in = bulk(0x82, got, 64);
    bus_submit(&bus, &in);
    frames(1); /* start of frame, NAK, hold-off of 20 µs, packet */
    CHECK_EQUAL(in.complete_ns / 10, ((35 + 64 + 104 + 80) * 1000 / 12 + 20000) / 10);
}

TEST(bus_19_packets_in_in_a_frame)
{
    begin();
    static uint8_t got[6400];
    fake_in(&fake, 2, bytes, sizeof got);
    struct urb urb = bulk(0x82, got, sizeof got);
    bus_submit(&bus, &urb);
    frames(5);
    CHECK_EQUAL(fake.ep[2].packets_in, 95);
    frames(1);
    CHECK_EQUAL(urb.status, URB_OK);
    CHECK(memcmp(got, bytes, sizeof got) == 0);
}

TEST(bus_both_directions_share_fairly)
{
    begin();
    static uint8_t got[64 * 190];
    fake_in(&fake, 2, bytes, sizeof got);
    struct urb in = bulk(0x82, got, sizeof got), out = bulk(2, bytes, 64 * 190);
    bus_submit(&bus, &in);
    bus_submit(&bus, &out);
    frames(10);
    CHECK_EQUAL(fake.ep[2].packets_in + fake.ep[2].packets_out, 190);
    CHECK_EQUAL(fake.ep[2].packets_in, 95);
}

TEST(bus_no_transaction_crosses_the_end_of_a_frame)
{
    begin();
    static uint8_t got[64];
    struct urb in = bulk(0x82, got, sizeof got), out = bulk(2, bytes, sizeof bytes);
    bus_submit(&bus, &in);
    bus_submit(&bus, &out);
    for (unsigned i = 0; i < 20; i++) {
        frames(1);
        CHECK_EQUAL(bus.now_ns, (uint64_t)(i + 1) * BUS_FRAME_NS);
        CHECK(fake.packets_frame <= 19);
    }
}

TEST(bus_naks_on_in_take_their_share_of_the_frame)
{
    begin();
    static uint8_t got[64];
    struct urb in = bulk(0x82, got, sizeof got), out = bulk(2, bytes, sizeof bytes);
    bus_submit(&bus, &in);
    bus_submit(&bus, &out);
    frames(100);
    CHECK_EQUAL(fake.ep[2].packets_out, 1700);
    CHECK(bus.counters.naks_in >= 1690 && bus.counters.naks_in <= 1700);
    bus.counters.naks_in = 0;
    bus.pipes[5].paused = true; /* nobody asks for IN: all the frame is OUT's */
    frames(100);
    CHECK_EQUAL(fake.ep[2].packets_out, 1700 + 1900);
    CHECK_EQUAL(bus.counters.naks_in, 0);
}

TEST(bus_naks_on_out_take_their_share_of_the_frame)
{
    begin();
    static uint8_t got[64 * 100];
    fake_in(&fake, 2, bytes, sizeof got);
    fake.ep[2].naks_out = UINT32_MAX;
    struct urb in = bulk(0x82, got, sizeof got), out = bulk(2, bytes, 6400);
    bus_submit(&bus, &in);
    bus_submit(&bus, &out);
    frames(10); /* a NAKed OUT costs as much as a packet: half of the 190 */
    CHECK_EQUAL(fake.ep[2].packets_in, 95);
    CHECK_EQUAL(bus.counters.naks_out, 95);
}

TEST(bus_answer_to_the_last_packet_is_fetched_soon)
{
    begin();
    static uint8_t got[64];
    struct urb in = bulk(0x82, got, sizeof got), out = bulk(2, bytes, 64);
    bus_submit(&bus, &in);
    bus_submit(&bus, &out);
    bus.turn = 5; /* IN is asked first, answers NAK, and has its packet once OUT's is acknowledged */
    fake.ep[2].naks = 1;
    fake_in(&fake, 2, bytes, 10);
    frames(1);
    CHECK_EQUAL(out.status, URB_OK);
    CHECK_EQUAL(in.status, URB_OK);
    CHECK(in.complete_ns > out.complete_ns && in.complete_ns - out.complete_ns < 40000);
}

TEST(bus_naked_out_costs_its_data)
{
    begin();
    struct urb out = bulk(2, bytes, 6400);
    fake.ep[2].naks = 1000000;
    bus_submit(&bus, &out);
    frames(1);
    /* 51.3 µs each, then at least 20 µs of hold-off: 14 at most. */
    CHECK(bus.counters.naks_out >= 4 && bus.counters.naks_out <= 14);
    CHECK_EQUAL(fake.ep[2].packets_out, 0);
    fake.ep[2].naks = 0;
    frames(6);
    CHECK_EQUAL(out.status, URB_OK);
    CHECK(memcmp(fake.ep[2].out, bytes, 6400) == 0);
}

TEST(bus_idle_in_is_asked_rarely_then_soon)
{
    begin();
    static uint8_t got[64];
    struct urb in = bulk(0x82, got, sizeof got);
    bus_submit(&bus, &in);
    frames(1000);
    uint64_t before = bus.counters.naks_in;
    frames(10);
    CHECK(bus.counters.naks_in - before >= 30 && bus.counters.naks_in - before <= 50);
    fake_in(&fake, 2, bytes, 10);
    uint64_t at = bus.now_ns;
    frames(1);
    CHECK_EQUAL(in.status, URB_OK);
    CHECK(in.complete_ns - at < 300000);
}

TEST(bus_toggles_alternate_and_a_repeat_is_dropped)
{
    begin();
    static uint8_t got[640];
    fake_in(&fake, 2, bytes, 200);
    fake.ep[2].in_repeat = true; /* wrong toggle first */
    struct urb in = bulk(0x82, got, sizeof got);
    bus_submit(&bus, &in);
    frames(1);
    CHECK_EQUAL(in.status, URB_OK);
    CHECK_EQUAL(in.actual, 200);
    CHECK(memcmp(got, bytes, 200) == 0);
    CHECK_EQUAL(bus.counters.repeats_in, 1);
    struct urb one = bulk(2, bytes, 10), two = bulk(2, bytes + 10, 130);
    bus_submit(&bus, &one);
    bus_submit(&bus, &two);
    frames(1);
    CHECK_EQUAL(fake.ep[2].repeats_out, 0);
    CHECK_EQUAL(fake.ep[2].out_length, 140);
    CHECK(bus.pipes[4].data1 == false); /* four packets */
    struct urb three = bulk(2, bytes, 1);
    bus_submit(&bus, &three);
    frames(1);
    CHECK(bus.pipes[4].data1 == true);
    bus_halt_clear(&bus, 2);
    CHECK(bus.pipes[4].data1 == false);
}

TEST(bus_short_exact_and_empty_packets)
{
    begin();
    struct urb exact = bulk(2, bytes, 128), next = bulk(2, bytes, 5);
    bus_submit(&bus, &exact);
    bus_submit(&bus, &next);
    frames(1);
    CHECK_EQUAL(fake.ep[2].packets_out, 3); /* no empty packet: both run together at the device */
    CHECK_EQUAL(fake.ep[2].out_count, 1);
    CHECK_EQUAL(fake.ep[2].out_transfers[0], 133);
    struct urb zlp = bulk(2, bytes, 128), empty = bulk(2, bytes, 0);
    zlp.zlp = true;
    bus_submit(&bus, &zlp);
    bus_submit(&bus, &empty);
    frames(1);
    CHECK_EQUAL(fake.ep[2].packets_out, 3 + 3 + 1);
    CHECK_EQUAL(fake.ep[2].out_count, 3);
    CHECK_EQUAL(fake.ep[2].out_transfers[1], 128);
    CHECK_EQUAL(fake.ep[2].out_transfers[2], 0);
    CHECK_EQUAL(completions, 4);
}

TEST(bus_in_ends_by_short_packet_count_or_empty_packet)
{
    begin();
    static uint8_t got[256];
    fake.ep[2].in_zlp = true;
    fake_in(&fake, 2, bytes, 128); /* + empty packet */
    fake_in(&fake, 2, bytes, 3);
    struct urb a = bulk(0x82, got, 256), b = bulk(0x82, got, 256);
    bus_submit(&bus, &a);
    bus_submit(&bus, &b);
    frames(1);
    CHECK_EQUAL(a.actual, 128);
    CHECK_EQUAL(b.actual, 3);
    fake.ep[2].in_zlp = false;
    fake_in(&fake, 2, bytes, 128);
    struct urb c = bulk(0x82, got, 128);
    bus_submit(&bus, &c);
    frames(1);
    CHECK_EQUAL(c.status, URB_OK); /* by count */
    CHECK_EQUAL(c.actual, 128);
}

TEST(bus_overflow_when_the_device_sends_too_much)
{
    begin();
    static uint8_t got[100 + 16];
    memset(got, 0xEE, sizeof got);
    fake_in(&fake, 2, bytes, 200);
    struct urb in = bulk(0x82, got, 100);
    bus_submit(&bus, &in);
    frames(1);
    CHECK_EQUAL(in.status, URB_OVERFLOW);
    CHECK_EQUAL(in.actual, 100);
    CHECK(memcmp(got, bytes, 100) == 0);
    CHECK_EQUAL(got[100], 0xEE);
}

TEST(bus_stall_halts_until_cleared)
{
    begin();
    fake.ep[2].out_answer = CABLE_STALL;
    struct urb a = bulk(2, bytes, 10), b = bulk(2, bytes, 10), c = bulk(2, bytes, 10);
    bus_submit(&bus, &a);
    bus_submit(&bus, &b);
    frames(1);
    CHECK_EQUAL(a.status, URB_STALL);
    CHECK_EQUAL(b.status, URB_HALTED);
    CHECK_EQUAL(bus.counters.stalls, 1);
    fake.ep[2].out_answer = CABLE_ACK;
    bus_halt_clear(&bus, 2);
    bus_submit(&bus, &c);
    frames(1);
    CHECK_EQUAL(c.status, URB_OK);
}

TEST(bus_silence_three_times)
{
    begin();
    struct urb urb = bulk(5, bytes, 10);
    bus_submit(&bus, &urb);
    frames(1);
    CHECK_EQUAL(urb.status, URB_SILENT);
    CHECK_EQUAL(bus.counters.silences, 3);
    CHECK(bus.silence_seen);
}

TEST(bus_timeout_and_cancel)
{
    begin();
    fake.ep[2].naks = UINT32_MAX;
    struct urb a = bulk(2, bytes, 10), b = bulk(2, bytes, 10);
    a.timeout_ms = 50;
    bus_submit(&bus, &a);
    bus_submit(&bus, &b);
    frames(49);
    CHECK_EQUAL(a.status, URB_PENDING);
    frames(1);
    CHECK_EQUAL(a.status, URB_TIMEOUT);
    CHECK_EQUAL(b.status, URB_PENDING);
    bus_cancel(&bus, &b);
    CHECK_EQUAL(b.status, URB_CANCELLED);
    bus_cancel(&bus, &b); /* again: nothing */
    CHECK_EQUAL(completions, 2);
    CHECK(bus.pipes[4].head == NULL && bus.pipes[4].tail == NULL);
}

static void submit_again(struct urb *urb)
{
    completions++;
    bus_submit(&bus, urb);
}

TEST(bus_cancel_all_ends_only_what_was_there)
{
    begin();
    fake.ep[2].naks = UINT32_MAX;
    struct urb a = bulk(2, bytes, 10), b = bulk(0x82, bytes, 10);
    a.complete = b.complete = submit_again;
    bus_submit(&bus, &a);
    bus_submit(&bus, &b);
    bus_cancel_all(&bus);
    CHECK_EQUAL(completions, 2);
    CHECK_EQUAL(a.status, URB_PENDING);
    CHECK_EQUAL(b.status, URB_PENDING);
    a.complete = b.complete = NULL;
    bus_cancel_all(&bus);
}

static struct urb control(struct usb_setup setup, void *data)
{
    struct urb urb = {.type = USB_ENDPOINT_CONTROL,
                      .packet_size = 64,
                      .data = data,
                      .length = setup.wLength,
                      .timeout_ms = BUS_CONTROL_TIMEOUT_MS};
    usb_setup_store(urb.setup, &setup);
    return urb;
}

TEST(bus_control_stages)
{
    begin();
    uint8_t data[255];
    struct urb in = control((struct usb_setup){0x80, 6, 0x0200, 0, 255}, data);
    bus_submit(&bus, &in);
    frames(1);
    CHECK_EQUAL(in.status, URB_OK);
    CHECK_EQUAL(in.actual, fake.config_length); /* 64 + 30: ended by a short packet */
    CHECK(memcmp(data, fake.config, in.actual) == 0);
    struct urb none = control((struct usb_setup){0, 9, 1, 0, 0}, NULL);
    bus_submit(&bus, &none);
    frames(1);
    CHECK_EQUAL(none.status, URB_OK);
    CHECK_EQUAL(fake.configuration, 1);
    fake.stall_request = 6;
    bus_submit(&bus, &in);
    bus_submit(&bus, &none); /* a stalled request doesn't halt endpoint 0 */
    frames(1);
    CHECK_EQUAL(in.status, URB_STALL);
    CHECK_EQUAL(none.status, URB_OK);
}

TEST(bus_interrupt_once_in_its_interval)
{
    begin();
    uint8_t data[16];
    struct urb urb = {.endpoint = 0x81,
                      .type = USB_ENDPOINT_INTERRUPT,
                      .interval_ms = 32,
                      .packet_size = 16,
                      .data = data,
                      .length = 16};
    bus_submit(&bus, &urb);
    frames(320);
    CHECK_EQUAL(bus.counters.naks_in, 10);
    fake.ep[1].packet_size = 16;
    fake_in(&fake, 1, bytes, 16);
    frames(32);
    CHECK_EQUAL(urb.status, URB_OK);
}

TEST(bus_frame_numbers_wrap_at_2048)
{
    begin();
    frames(2048);
    CHECK_EQUAL(fake.frame, 2047);
    frames(1);
    CHECK_EQUAL(fake.frame, 0);
    bus.running = false;
    frames(5);
    CHECK_EQUAL(fake.frames, 2049);
    CHECK_EQUAL(bus.now_ns, 2054ull * BUS_FRAME_NS);
}

static uint64_t fired[4];
static unsigned fired_count;

static void fire(void *context)
{
    (void)context;
    fired[fired_count++ & 3] = bus.now_ns;
}

TEST(bus_timers_fire_in_order_at_their_time)
{
    begin();
    struct bus_timer a = {.fire = fire}, b = {.fire = fire}, c = {.fire = fire};
    fired_count = 0;
    bus_timer_set(&bus, &a, 700000);
    bus_timer_set(&bus, &b, 300000);
    bus_timer_set(&bus, &c, 400000);
    bus_timer_stop(&bus, &c);
    frames(1);
    CHECK_EQUAL(fired_count, 2);
    CHECK_EQUAL(fired[0], 300000);
    CHECK_EQUAL(fired[1], 700000);
    bus.running = false;
    bus_timer_set(&bus, &c, 1500000);
    frames(1);
    CHECK_EQUAL(fired[2], 1500000);
}

static void cut(void *context)
{
    (void)context;
    bus.running = false;
}

TEST(bus_cut_in_the_middle_of_a_frame)
{
    begin();
    struct urb urb = bulk(2, bytes, 6400);
    bus.cut = cut;
    bus.cut_after = 7;
    bus_submit(&bus, &urb);
    frames(2);
    CHECK_EQUAL(fake.ep[2].packets_out, 7);
    CHECK_EQUAL(urb.status, URB_PENDING);
    bus_cancel_all(&bus);
}

TEST_MAIN()
