/*
 * The virtual udc keeps the contract of usb/udc.h: overtaking, toggles, gathering, ends of transfers,
 * addresses, suspend; and it stops who breaks it.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/test.h"
#include "test/unit/usb_rig.h"

static struct virtual_udc udc;
static const struct udc_ops *ops;
static const struct cable_ops *const cable = &virtual_udc_cable_ops;
static uint8_t buffer[448] __attribute__((aligned(4)));
static uint8_t packet[CABLE_PACKET_MAX];
static uint16_t length;
static bool data1;
static unsigned wakes;

static void wake(void *context)
{
    (void)context;
    wakes++;
}

/* Attached, reset and taken, endpoints 0x81 and 0x01 open. */
static void begin(void)
{
    static const struct udc_endpoint endpoints[] = {
        {0x81, USB_ENDPOINT_BULK, 64}, {0x82, USB_ENDPOINT_BULK, 64}, {0x01, USB_ENDPOINT_BULK, 64}};
    struct udc_shortage shortage;

    virtual_udc_init(&udc);
    ops = udc.udc.ops;
    udc.udc.wake = wake;
    CHECK(ops->plan(&udc.udc, endpoints, sizeof endpoints / sizeof endpoints[0], &shortage));
    ops->attach(&udc.udc);
    cable->vbus(&udc, true);
    cable->bus_reset(&udc, true);
    cable->bus_reset(&udc, false);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_RESET);
    CHECK(ops->ep_open(&udc.udc, 0x81, USB_ENDPOINT_BULK, 64));
    CHECK(ops->ep_open(&udc.udc, 0x01, USB_ENDPOINT_BULK, 64));
}

static enum cable_answer in(uint8_t ep)
{
    return cable->in(&udc, udc.address, ep, &data1, packet, &length);
}

static enum cable_answer out(uint8_t ep, bool toggle, uint16_t size)
{
    return cable->out(&udc, udc.address, ep, toggle, packet, size);
}

static void setup(void)
{
    static const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    CHECK_EQUAL(cable->setup(&udc, udc.address, 0, bytes), CABLE_ACK);
}

TEST(port_presence)
{
    virtual_udc_init(&udc);
    ops = udc.udc.ops;
    CHECK(!cable->pulled_up(&udc));
    cable->vbus(&udc, true);
    CHECK(!cable->pulled_up(&udc));
    CHECK_EQUAL(in(0), CABLE_SILENCE);
    ops->attach(&udc.udc);
    CHECK(cable->pulled_up(&udc));
    cable->vbus(&udc, false);
    CHECK(!cable->pulled_up(&udc));
    begin();
    CHECK_EQUAL(in(2), CABLE_SILENCE);
    CHECK_EQUAL(in(9), CABLE_SILENCE);
    CHECK_EQUAL(out(3, false, 1), CABLE_SILENCE);
    CHECK_EQUAL(cable->in(&udc, 1, 1, &data1, packet, &length), CABLE_SILENCE);
    CHECK_EQUAL(in(1), CABLE_NAK);
    cable->bus_reset(&udc, true);
    CHECK_EQUAL(in(0), CABLE_SILENCE);
    cable->bus_reset(&udc, false);
    CHECK_EQUAL(in(0), CABLE_NAK);
    ops->detach(&udc.udc);
    CHECK_EQUAL(ops->events_take(&udc.udc), 0);
    CHECK(!cable->pulled_up(&udc));
}

TEST(port_gather)
{
    uint8_t bytes[200], wanted[200];
    begin();
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (uint32_t first = 0; first < 70; first++) {
        struct usb_iov iov[4] = {{bytes, first}, {bytes, 0}, {bytes + 71, 1}, {bytes + 100, 66}};
        uint32_t total = first + 67, done = 0;
        memcpy(wanted, bytes, first);
        memcpy(wanted + first, bytes + 71, 1);
        memcpy(wanted + first + 1, bytes + 100, 66);
        ops->ep_write(&udc.udc, 0x81, iov, 4, true);
        do {
            CHECK_EQUAL(ops->events_take(&udc.udc), 0);
            CHECK_EQUAL(in(1), CABLE_ACK);
            CHECK_BYTES(packet, wanted + done, length);
            done += length;
        } while (length == 64);
        CHECK_EQUAL(done, total); /* also where total is 128: then the last one was empty */
        CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_IN(1));
        CHECK_EQUAL(in(1), CABLE_NAK);
    }
}

TEST(port_ends_of_transfers)
{
    struct usb_iov iov = {buffer, 64};
    begin();
    ops->ep_write(&udc.udc, 0x81, &iov, 1, false); /* a multiple, no zlp */
    CHECK_EQUAL(in(1), CABLE_ACK);
    CHECK(!data1);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_IN(1));
    ops->ep_write(&udc.udc, 0x81, NULL, 0, false); /* nothing: one empty packet */
    CHECK_EQUAL(in(1), CABLE_ACK);
    CHECK(length == 0 && data1);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_IN(1));
    CHECK_EQUAL(out(1, false, 10), CABLE_NAK);
    ops->ep_read(&udc.udc, 0x01, buffer, 128, NULL);
    CHECK_EQUAL(out(1, false, 64), CABLE_ACK);
    CHECK_EQUAL(out(1, false, 64), CABLE_ACK); /* the same again: dropped */
    CHECK_EQUAL(ops->events_take(&udc.udc), 0);
    CHECK_EQUAL(out(1, true, 64), CABLE_ACK); /* full */
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_OUT(1));
    CHECK_EQUAL(ops->ep_received(&udc.udc, 0x01), 128);
    ops->ep_read(&udc.udc, 0x01, buffer, 128, NULL);
    CHECK_EQUAL(out(1, false, 0), CABLE_ACK); /* empty */
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_OUT(1));
    CHECK_EQUAL(ops->ep_received(&udc.udc, 0x01), 0);
    ops->ep_read(&udc.udc, 0x01, buffer, 128, NULL);
    CHECK_EQUAL(out(1, true, 64), CABLE_ACK);
    CHECK_EQUAL(out(1, false, 63), CABLE_ACK); /* short */
    CHECK_EQUAL(ops->ep_received(&udc.udc, 0x01), 127);
    CHECK(wakes > 0);
}

static uint32_t looked[8]; /* what `received` was at each look */
static unsigned looks;

/* Wants 64 bytes, 128 and 192 more; the last but one is a part. */
static bool watch_look(struct usb_watch *watch, uint32_t received)
{
    looked[looks++] = received;
    watch->next = looks == 3 ? UINT32_MAX : received + 64 * looks;
    return looks == 2;
}

TEST(port_watch)
{
    struct usb_watch watch = {watch_look, 1};
    bool toggle = false;
    begin();
    looks = 0;
    ops->ep_read(&udc.udc, 0x01, buffer, 448, &watch);
    for (unsigned packets = 1; packets <= 7; packets++, toggle = !toggle) {
        CHECK_EQUAL(out(1, toggle, 64), CABLE_ACK);
        CHECK_EQUAL(out(1, toggle, 64), packets == 7 ? CABLE_NAK : CABLE_ACK); /* a repeated one is none */
        CHECK_EQUAL(looks, packets < 2 ? 1 : packets < 4 ? 2 : 3);
        unsigned wakes_before = wakes;
        uint32_t events = ops->events_take(&udc.udc);
        CHECK_EQUAL(events, packets == 2 ? USB_EVENT_PART : packets == 7 ? USB_EVENT_OUT(1) : 0);
        CHECK(events == 0 || wakes_before > 0);
    }
    CHECK(looked[0] == 64 && looked[1] == 128 && looked[2] == 256);
    CHECK_EQUAL(ops->ep_received(&udc.udc, 0x01), 448);
    /* Who ends the transfer isn't looked at, short or full; an abort ends it. */
    looks = 0;
    watch.next = 1;
    ops->ep_read(&udc.udc, 0x01, buffer, 64, &watch);
    CHECK_EQUAL(out(1, toggle, 64), CABLE_ACK);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_OUT(1));
    ops->ep_read(&udc.udc, 0x01, buffer, 448, &watch);
    CHECK_EQUAL(out(1, !toggle, 63), CABLE_ACK);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_OUT(1));
    CHECK_EQUAL(looks, 0);
    looks = 1;
    ops->ep_read(&udc.udc, 0x01, buffer, 448, &watch);
    CHECK_EQUAL(out(1, toggle, 64), CABLE_ACK);
    CHECK_EQUAL(looks, 2);
    ops->ep_abort(&udc.udc, 0x01);
    CHECK_EQUAL(ops->events_take(&udc.udc) & ~USB_EVENT_PART, 0);
}

TEST(port_abort_and_halt)
{
    struct usb_iov iov = {buffer, 100};
    begin();
    ops->ep_write(&udc.udc, 0x81, &iov, 1, false);
    CHECK_EQUAL(in(1), CABLE_ACK);
    ops->ep_abort(&udc.udc, 0x81);
    CHECK_EQUAL(in(1), CABLE_NAK);
    ops->ep_write(&udc.udc, 0x81, &iov, 1, false);
    CHECK_EQUAL(in(1), CABLE_ACK);
    CHECK(data1); /* the toggle stayed */
    CHECK_EQUAL(in(1), CABLE_ACK);
    ops->ep_abort(&udc.udc, 0x81); /* ended, not yet taken: no event is left */
    CHECK_EQUAL(ops->events_take(&udc.udc), 0);
    ops->ep_stall(&udc.udc, 0x81, true);
    CHECK_EQUAL(in(1), CABLE_STALL);
    ops->ep_stall(&udc.udc, 0x81, false);
    ops->ep_write(&udc.udc, 0x81, &iov, 1, false);
    CHECK_EQUAL(in(1), CABLE_ACK);
    CHECK(!data1); /* back to 0 */
    ops->ep_close(&udc.udc, 0x81);
    CHECK_EQUAL(in(1), CABLE_SILENCE);
}

/* After an untaken RESET no endpoint call does anything. */
TEST(port_reset_overtakes)
{
    struct usb_iov iov = {buffer, 10};
    begin();
    ops->ep_write(&udc.udc, 0x81, &iov, 1, false);
    ops->ep_read(&udc.udc, 0x01, buffer, 64, NULL);
    CHECK_EQUAL(in(1), CABLE_ACK);
    setup();
    cable->bus_reset(&udc, true);
    cable->bus_reset(&udc, false);
    ops->ep_write(&udc.udc, 0x81, &iov, 1, false);
    ops->ep_read(&udc.udc, 0x01, buffer, 64, NULL);
    ops->ep_stall(&udc.udc, 0x80, true);
    ops->ep_abort(&udc.udc, 0x81);
    ops->address_set(&udc.udc, 9);
    CHECK(ops->ep_open(&udc.udc, 0x82, USB_ENDPOINT_BULK, 64)); /* true, but nothing done */
    CHECK_EQUAL(in(1), CABLE_SILENCE);
    CHECK_EQUAL(in(2), CABLE_SILENCE);
    CHECK_EQUAL(in(0), CABLE_NAK);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_RESET); /* the older bits are gone */
}

/* After an untaken SETUP no endpoint 0 call does anything; other endpoints go on. */
TEST(port_setup_overtakes)
{
    struct usb_iov iov = {buffer, 10};
    uint8_t taken[8];
    begin();
    setup();
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_SETUP);
    ops->setup_take(&udc.udc, taken);
    CHECK_BYTES(taken, "\1\2\3\4\5\6\7\10", 8);
    ops->ep_write(&udc.udc, 0x80, &iov, 1, false);
    CHECK_EQUAL(in(0), CABLE_ACK);
    setup();
    ops->ep_write(&udc.udc, 0x80, &iov, 1, false); /* answers an old question */
    ops->ep_stall(&udc.udc, 0x80, true);
    ops->address_set(&udc.udc, 9);
    ops->ep_write(&udc.udc, 0x81, &iov, 1, false);
    CHECK_EQUAL(in(0), CABLE_NAK);
    CHECK_EQUAL(in(1), CABLE_ACK);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_SETUP | USB_EVENT_IN(1)); /* the old IN(0) is gone */
    ops->ep_write(&udc.udc, 0x80, &iov, 1, false);
    CHECK_EQUAL(in(0), CABLE_ACK);
    CHECK(data1);
    CHECK_EQUAL(udc.address, 0);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_IN(0));
    ops->ep_stall(&udc.udc, 0x80, true);
    CHECK_EQUAL(in(0), CABLE_STALL);
    CHECK_EQUAL(out(0, true, 0), CABLE_STALL);
    setup(); /* ends the stall */
    CHECK_EQUAL(in(0), CABLE_NAK);
}

TEST(port_address)
{
    begin();
    setup();
    ops->events_take(&udc.udc);
    ops->address_set(&udc.udc, 9);
    CHECK_EQUAL(in(0), CABLE_NAK); /* still the old one */
    ops->ep_write(&udc.udc, 0x80, NULL, 0, false);
    CHECK_EQUAL(cable->in(&udc, 9, 0, &data1, packet, &length), CABLE_SILENCE);
    CHECK_EQUAL(cable->in(&udc, 0, 0, &data1, packet, &length), CABLE_ACK);
    CHECK_EQUAL(cable->in(&udc, 0, 0, &data1, packet, &length), CABLE_SILENCE);
    CHECK_EQUAL(cable->in(&udc, 9, 0, &data1, packet, &length), CABLE_NAK);
    cable->bus_reset(&udc, true);
    cable->bus_reset(&udc, false);
    CHECK_EQUAL(cable->in(&udc, 0, 0, &data1, packet, &length), CABLE_NAK);
}

TEST(port_suspend)
{
    begin();
    cable->advance(&udc, 2900000);
    CHECK_EQUAL(ops->events_take(&udc.udc), 0);
    cable->frame(&udc, 1);
    cable->advance(&udc, 5800000);
    CHECK_EQUAL(ops->events_take(&udc.udc), 0);
    cable->advance(&udc, 5900000);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_SUSPEND);
    cable->advance(&udc, 60000000);
    CHECK_EQUAL(ops->events_take(&udc.udc), 0); /* once */
    ops->remote_wakeup(&udc.udc);
    CHECK(cable->wakes(&udc));
    cable->advance(&udc, 69000000);
    CHECK(cable->wakes(&udc));
    cable->advance(&udc, 70000000);
    CHECK(!cable->wakes(&udc)); /* ends by itself */
    cable->bus_suspend(&udc, false);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_RESUME);
    cable->advance(&udc, 80000000);
    cable->frame(&udc, 2);
    CHECK_EQUAL(ops->events_take(&udc.udc), 0); /* a bus that is being resumed isn't idle */
    cable->advance(&udc, 83000000);
    cable->frame(&udc, 3);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_RESUME); /* the later of the two */
    cable->advance(&udc, 90000000);
    cable->bus_reset(&udc, true);
    CHECK_EQUAL(ops->events_take(&udc.udc), USB_EVENT_RESET);
    ops->remote_wakeup(&udc.udc); /* not suspended */
    CHECK(!cable->wakes(&udc));
    cable->bus_reset(&udc, false);
    cable->frame(&udc, 3);
    cable->advance(&udc, 93000000);
    ops->remote_wakeup(&udc.udc); /* too early: it waits */
    CHECK(!cable->wakes(&udc));
    cable->advance(&udc, 94900000);
    CHECK(!cable->wakes(&udc));
    cable->advance(&udc, 95000000);
    CHECK(cable->wakes(&udc));
}

/* ---- Who breaks the contract is stopped. ---- */

static void break_write_closed(void)
{
    ops->ep_write(&udc.udc, 0x82, NULL, 0, false);
}

static void break_write_busy(void)
{
    ops->ep_write(&udc.udc, 0x81, NULL, 0, false);
    ops->ep_write(&udc.udc, 0x81, NULL, 0, false);
}

static void break_write_halted(void)
{
    ops->ep_stall(&udc.udc, 0x81, true);
    ops->ep_write(&udc.udc, 0x81, NULL, 0, false);
}

static void break_write_untaken(void)
{
    ops->ep_write(&udc.udc, 0x81, NULL, 0, false);
    in(1);
    ops->ep_write(&udc.udc, 0x81, NULL, 0, false);
}

static void break_read_unaligned(void)
{
    ops->ep_read(&udc.udc, 0x01, buffer + 2, 64, NULL);
}

static void break_read_capacity(void)
{
    ops->ep_read(&udc.udc, 0x01, buffer, 65, NULL);
}

static void break_read_watch(void)
{
    static struct usb_watch watch;
    ops->ep_read(&udc.udc, 0x01, buffer, 64, &watch);
}

static bool watch_stays(struct usb_watch *watch, uint32_t received)
{
    watch->next = received;
    return false;
}

static void break_watch_stays(void)
{
    static struct usb_watch watch = {watch_stays, 1};
    ops->ep_read(&udc.udc, 0x01, buffer, 128, &watch);
    out(1, false, 64);
}

static void break_halt_busy(void)
{
    ops->ep_write(&udc.udc, 0x81, NULL, 0, false);
    ops->ep_stall(&udc.udc, 0x81, true);
}

static void break_plan_attached(void)
{
    struct udc_shortage shortage;
    ops->plan(&udc.udc, NULL, 0, &shortage);
}

TEST(udc_plan)
{
    static const struct udc_endpoint eighth = {0x88, USB_ENDPOINT_BULK, 64},
                                     small = {0x83, USB_ENDPOINT_INTERRUPT, 8};
    struct udc_shortage shortage = {0};
    virtual_udc_init(&udc);
    ops = udc.udc.ops;
    CHECK(!ops->plan(&udc.udc, &eighth, 1, &shortage));
    CHECK(shortage.what != NULL);
    CHECK_EQUAL(shortage.needed, 9);
    CHECK_EQUAL(shortage.there, 8);
    CHECK(ops->plan(&udc.udc, &small, 1, &shortage));
    CHECK(!ops->ep_open(&udc.udc, 0x82, USB_ENDPOINT_BULK, 64)); /* not in the plan */
    CHECK(!ops->ep_open(&udc.udc, 0x83, USB_ENDPOINT_BULK, 64)); /* larger than planned */
    CHECK(ops->ep_open(&udc.udc, 0x83, USB_ENDPOINT_INTERRUPT, 8));
}

TEST(breaking_the_contract_ends_the_process)
{
    static void (*const breaks[])(void) = {
        break_write_closed,  break_write_busy, break_write_halted, break_write_untaken, break_read_unaligned,
        break_read_capacity, break_halt_busy,  break_read_watch,   break_watch_stays,   break_plan_attached};
    begin();
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        fflush(stdout);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            signal(SIGABRT, SIG_DFL);
            freopen("/dev/null", "w", stderr);
            breaks[i]();
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            TEST_FAIL("break %zu was allowed", i);
    }
}

TEST_MAIN()
