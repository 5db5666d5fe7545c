/*
 * OTG_FS without a processor: registers written as software would, transactions as a host would.
 *
 * Expectations come from the reference manual's prose as quoted in vboard/otg_fs.h, not from the model.
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "vboard/otg_fs.h"

struct bench {
    struct otg_fs otg;
    uint64_t now, suspend_at, eopf_at, core_hz;
    bool irq, ready;
    unsigned warnings, wakeups;
    const char *last_warning;
};

static uint64_t wire_now(void *context)
{
    return ((struct bench *)context)->now;
}
static bool wire_ready(void *context)
{
    return ((struct bench *)context)->ready;
}
static uint64_t wire_core_hz(void *context)
{
    return ((struct bench *)context)->core_hz;
}
static void wire_irq(void *context, bool level)
{
    ((struct bench *)context)->irq = level;
}
static void wire_wakeup(void *context, bool level)
{
    ((struct bench *)context)->wakeups += level;
}
static void wire_suspend(void *context, uint64_t at)
{
    ((struct bench *)context)->suspend_at = at;
}
static void wire_eopf(void *context, uint64_t at)
{
    ((struct bench *)context)->eopf_at = at;
}
static void wire_warn(void *context, const char *kind)
{
    struct bench *bench = context;
    bench->warnings++;
    bench->last_warning = kind;
}
static void wire_trace(void *context, const char *text)
{
    (void)context, (void)text;
}
static void wire_unmodelled(void *context, uint32_t offset, bool write)
{
    (void)offset, (void)write;
    ((struct bench *)context)->warnings++;
}

static struct bench bench; /* one test at a time */
#define OTG (&bench.otg)

static uint32_t rd(uint32_t offset)
{
    return otg_read(OTG, offset);
}
static void wr(uint32_t offset, uint32_t value)
{
    otg_write(OTG, offset, value);
}

#define DIEPCTL(n)  (0x900u + 0x20u * (n))
#define DIEPINT(n)  (0x908u + 0x20u * (n))
#define DIEPTSIZ(n) (0x910u + 0x20u * (n))
#define DTXFSTS(n)  (0x918u + 0x20u * (n))
#define DOEPCTL(n)  (0xB00u + 0x20u * (n))
#define DOEPINT(n)  (0xB08u + 0x20u * (n))
#define DOEPTSIZ(n) (0xB10u + 0x20u * (n))
#define FIFO(n)     (0x1000u * ((n) + 1u))

static void power_on_as(const struct otg_variant *variant)
{
    struct otg_wires wires = {.context = &bench,
                              .now = wire_now,
                              .ready = wire_ready,
                              .core_hz = wire_core_hz,
                              .irq = wire_irq,
                              .wakeup = wire_wakeup,
                              .suspend_at = wire_suspend,
                              .eopf_at = wire_eopf,
                              .warn = wire_warn,
                              .trace = wire_trace,
                              .unmodelled = wire_unmodelled};
    memset(&bench, 0, sizeof bench);
    bench.ready = true;
    bench.core_hz = 168000000;
    otg_init(OTG, variant, &wires);
}

static void power_on(void)
{
    power_on_as(&otg_stm32f4);
}

/* As a driver would: RX 64 words, EP0 16, EP1 64, EP2 64; then the host resets the bus. */
static void attached(void)
{
    power_on();
    wr(GRSTCTL, GRSTCTL_CSRST);
    wr(GUSBCFG, 1u << 30 | 6u << 10);
    wr(DCFG, 3);
    wr(GRXFSIZ, 64);
    wr(DIEPTXF0, 16u << 16 | 64);
    wr(DIEPTXF1, 64u << 16 | 80);
    wr(DIEPTXF1 + 4, 64u << 16 | 144);
    wr(DIEPMSK, EPINT_XFRC | EPINT_EPDISD);
    wr(DOEPMSK, EPINT_XFRC | EPINT_STUP);
    wr(DAINTMSK, 0xFFFFFFFF);
    wr(GINTMSK, GINTSTS_RXFLVL | GINTSTS_IEPINT | GINTSTS_OEPINT | GINTSTS_USBRST | GINTSTS_ENUMDNE);
    wr(GAHBCFG, GAHBCFG_GINT | GAHBCFG_TXFELVL);
    wr(GCCFG, GCCFG_PWRDWN | GCCFG_VBUSBSEN);
    otg_vbus(OTG, true);
    otg_bus_reset(OTG, true);
    bench.now += 10000000;
    otg_bus_reset(OTG, false);
    otg_frame(OTG, 1);
    wr(GINTSTS, 0xFFFFFFFF);
    wr(DOEPTSIZ(0), 3u << 29 | 1u << 19 | 64);
}

static void endpoint1_open(void)
{
    wr(DIEPCTL(1), 64 | EPCTL_USBAEP | 2u << 18 | 1u << 22 | EPCTL_SD0PID | EPCTL_SNAK);
    wr(DOEPCTL(1), 64 | EPCTL_USBAEP | 2u << 18 | EPCTL_SD0PID | EPCTL_SNAK);
    wr(DIEPINT(1), 0xFF);
}

static void arm_out(unsigned n, unsigned packets, unsigned bytes)
{
    wr(DOEPTSIZ(n), packets << 19 | bytes);
    wr(DOEPCTL(n), rd(DOEPCTL(n)) | EPCTL_EPENA | EPCTL_CNAK);
}

static void arm_in(unsigned n, unsigned packets, unsigned bytes)
{
    wr(DIEPTSIZ(n), packets << 19 | bytes);
    wr(DIEPCTL(n), rd(DIEPCTL(n)) | EPCTL_EPENA | EPCTL_CNAK);
}

static enum cable_answer in(unsigned n, uint16_t *length, bool *data1, uint8_t *packet)
{
    return otg_in(OTG, 0, (uint8_t)n, data1, packet, length);
}

TEST(otg_identity_and_reset_values)
{
    power_on();
    CHECK_EQUAL(rd(OTG_CID), 0x1200);
    CHECK_EQUAL(rd(GSNPSID), 0x4F54281A);
    CHECK_EQUAL(rd(GHWCFG1 + 4), 0x229DCD20);
    CHECK_EQUAL(rd(GINTSTS), 0x04000020);
    CHECK(rd(GRSTCTL) & GRSTCTL_AHBIDL);
    CHECK_EQUAL(rd(DIEPCTL(0)), EPCTL_USBAEP);
    CHECK_EQUAL(rd(DCTL), 0);
}

TEST(otg_pull_up_needs_phy_session_and_no_soft_disconnect)
{
    power_on();
    otg_vbus(OTG, true);
    CHECK(!otg_pulled_up(OTG));
    wr(GCCFG, GCCFG_PWRDWN); /* no sensing chosen: no session */
    CHECK(!otg_pulled_up(OTG));
    wr(GCCFG, GCCFG_PWRDWN | GCCFG_VBUSBSEN);
    CHECK(otg_pulled_up(OTG));
    CHECK(rd(GOTGCTL) & GOTGCTL_BSVLD);
    wr(DCTL, DCTL_SDIS);
    CHECK(!otg_pulled_up(OTG));
    wr(DCTL, 0);
    otg_vbus(OTG, false);
    CHECK(!otg_pulled_up(OTG));
    CHECK(rd(GOTGINT) & GOTGINT_SEDET);
    CHECK(rd(GINTSTS) & GINTSTS_OTGINT);
    otg_vbus(OTG, true);
    CHECK(rd(GINTSTS) & GINTSTS_SRQINT);
    otg_vbus(OTG, false);
    wr(GCCFG, GCCFG_PWRDWN | GCCFG_NOVBUSSENS);
    CHECK(otg_pulled_up(OTG));
    bench.ready = false; /* no 48 MHz, or pins not AF10 */
    otg_attach_update(OTG);
    CHECK(!otg_pulled_up(OTG));
}

TEST(otg_vbus_detection_of_the_l4)
{
    power_on_as(&otg_stm32l4);
    wr(GCCFG, GCCFG_PWRDWN);
    otg_vbus(OTG, true);
    CHECK(!otg_pulled_up(OTG));
    wr(GCCFG, GCCFG_PWRDWN | 1u << 21);
    CHECK(otg_pulled_up(OTG));
    otg_vbus(OTG, false);
    CHECK(!otg_pulled_up(OTG));
    wr(GCCFG, GCCFG_PWRDWN);
    wr(GOTGCTL, 3u << 6); /* B session valid by override */
    CHECK(otg_pulled_up(OTG));
}

TEST(otg_bus_reset_and_enumeration_done)
{
    attached();
    wr(DCFG, 5u << 4 | 3);
    wr(DIEPEMPMSK, 2);
    endpoint1_open();
    otg_bus_reset(OTG, true);
    CHECK(rd(GINTSTS) & GINTSTS_USBRST);
    CHECK(!(rd(GINTSTS) & GINTSTS_ENUMDNE));
    CHECK(bench.irq);
    uint8_t setup[8] = {0};
    CHECK_EQUAL(otg_setup(OTG, 5, 0, setup), CABLE_SILENCE);
    otg_bus_reset(OTG, false);
    CHECK(rd(GINTSTS) & GINTSTS_ENUMDNE);
    CHECK_EQUAL(rd(DSTS) >> 1 & 3, 3);
    CHECK(!(rd(DIEPCTL(1)) & EPCTL_USBAEP));
    CHECK_EQUAL(rd(DIEPEMPMSK), 2); /* software's business */
    CHECK_EQUAL(rd(DCFG) >> 4 & 0x7F, 5);
}

TEST(otg_setup_stage)
{
    attached();
    wr(DOEPCTL(0), EPCTL_STALL);
    wr(DIEPCTL(0), EPCTL_STALL);
    const uint8_t setup[8] = {0x80, 6, 0, 1, 0, 0, 18, 0};
    CHECK_EQUAL(otg_setup(OTG, 1, 0, setup), CABLE_SILENCE);
    CHECK_EQUAL(otg_setup(OTG, 0, 0, setup), CABLE_ACK);
    CHECK(bench.irq);
    CHECK_EQUAL(rd(DOEPCTL(0)) & (EPCTL_STALL | EPCTL_NAKSTS), EPCTL_NAKSTS);
    CHECK_EQUAL(rd(DIEPCTL(0)) & (EPCTL_STALL | EPCTL_NAKSTS), EPCTL_NAKSTS);
    CHECK_EQUAL(rd(GRXSTSR), rd(GRXSTSR));
    uint32_t status = rd(GRXSTSP);
    CHECK_EQUAL(status >> 17 & 15, PKTSTS_SETUP);
    CHECK_EQUAL(status >> 4 & 0x7FF, 8);
    CHECK_EQUAL(rd(FIFO(0)), 0x01000680);
    CHECK_EQUAL(rd(FIFO(0)), 0x00120000);
    CHECK_EQUAL(rd(GINTSTS) & GINTSTS_RXFLVL, 0); /* "done" comes with the next token */
    uint8_t packet[64];
    uint16_t length;
    bool data1;
    CHECK_EQUAL(in(0, &length, &data1, packet), CABLE_NAK);
    CHECK_EQUAL(rd(GRXSTSP) >> 17 & 15, PKTSTS_SETUP_DONE);
    CHECK(rd(DOEPINT(0)) & EPINT_STUP);
    CHECK(rd(GINTSTS) & GINTSTS_OEPINT);
    wr(DOEPINT(0), EPINT_STUP);
    CHECK(!(rd(GINTSTS) & GINTSTS_OEPINT));
}

/* Core 3.10a: more endpoints, other ID registers, and a SETUP packet that looks like a completed transfer, too. */
TEST(otg_of_the_l4)
{
    const uint8_t setup[8] = {0, 9, 1, 0, 0, 0, 0, 0};
    power_on_as(&otg_stm32l4);
    CHECK_EQUAL(rd(GSNPSID), 0x4F54310A);
    CHECK_EQUAL(rd(OTG_CID), 0x2000);
    wr(DIEPCTL(5), 64 | EPCTL_USBAEP | 2u << 18 | 5u << 22);
    CHECK_EQUAL(rd(DIEPCTL(5)) & EPCTL_TXFNUM, 5u << 22);
    CHECK_EQUAL(bench.warnings, 0);
    wr(GUSBCFG, 1u << 30 | 6u << 10);
    wr(GRXFSIZ, 64);
    wr(DOEPMSK, EPINT_XFRC);
    wr(GOTGCTL, 3u << 6);
    wr(GCCFG, GCCFG_PWRDWN);
    otg_bus_reset(OTG, true);
    otg_bus_reset(OTG, false);
    wr(DOEPTSIZ(0), 3u << 29);
    CHECK_EQUAL(otg_setup(OTG, 0, 0, setup), CABLE_ACK);
    CHECK_EQUAL(rd(GRXSTSP) >> 17 & 15, PKTSTS_SETUP);
    CHECK_EQUAL(rd(DOEPINT(0)), EPINT_XFRC | EPINT_STSPHSRX | EPINT_STPKTRX);
    (void)rd(FIFO(0));
    (void)rd(FIFO(0));
    CHECK_EQUAL(rd(GRXSTSP) >> 17 & 15, PKTSTS_OUT_DONE);
    wr(DOEPINT(0), EPINT_XFRC | EPINT_STSPHSRX | EPINT_STPKTRX);
    CHECK_EQUAL(rd(DOEPINT(0)), 0);
    uint8_t packet[64];
    uint16_t length;
    bool data1;
    CHECK_EQUAL(in(0, &length, &data1, packet), CABLE_NAK);
    CHECK_EQUAL(rd(GRXSTSP) >> 17 & 15, PKTSTS_SETUP_DONE);
    CHECK_EQUAL(rd(GINTSTS) & GINTSTS_RXFLVL, 0);
}

TEST(otg_setup_three_back_to_back_with_full_fifo)
{
    attached();
    endpoint1_open();
    arm_out(1, 10, 640);
    uint8_t packet[64] = {0}, setup[8] = {0, 5, 1};
    unsigned taken = 0;
    bool data1 = false;
    while (otg_out(OTG, 0, 1, data1, packet, 64) == CABLE_ACK) {
        data1 = !data1;
        taken++;
    }
    CHECK_EQUAL(taken, 3); /* 64 words less 10 kept: three of 17, and one for a "done" */
    for (unsigned i = 0; i < 3; i++) {
        setup[3] = (uint8_t)i;
        CHECK_EQUAL(otg_setup(OTG, 0, 0, setup), CABLE_ACK);
    }
    CHECK_EQUAL(rd(DOEPTSIZ(0)) >> 29, 0);
    uint16_t length;
    CHECK_EQUAL(in(0, &length, &data1, packet), CABLE_NAK);
    CHECK_EQUAL(bench.warnings, 0);
    unsigned setups = 0, done = 0;
    while (rd(GINTSTS) & GINTSTS_RXFLVL) {
        uint32_t status = rd(GRXSTSP);
        for (unsigned i = 0; i < (status >> 4 & 0x7FF); i += 4)
            rd(FIFO(0));
        setups += (status >> 17 & 15) == PKTSTS_SETUP;
        done += (status >> 17 & 15) == PKTSTS_SETUP_DONE;
    }
    CHECK_EQUAL(setups, 3);
    CHECK_EQUAL(done, 1);
    CHECK_EQUAL(bench.warnings, 0);
}

TEST(otg_control_read)
{
    attached();
    const uint8_t setup[8] = {0x80, 6, 0, 1, 0, 0, 18, 0};
    uint8_t packet[64];
    uint16_t length;
    bool data1;
    CHECK_EQUAL(otg_setup(OTG, 0, 0, setup), CABLE_ACK);
    arm_in(0, 1, 18);
    CHECK_EQUAL(in(0, &length, &data1, packet), CABLE_NAK); /* nothing in the FIFO yet */
    CHECK(rd(DIEPINT(0)) & EPINT_ITTXFE);
    for (uint32_t i = 0; i < 4; i++)
        wr(FIFO(0), 0x03020100 + 0x04040404 * i);
    CHECK_EQUAL(in(0, &length, &data1, packet), CABLE_NAK); /* not the whole packet yet */
    CHECK_EQUAL(rd(DIEPTSIZ(0)) & 0x7F, 18);
    wr(FIFO(0), 0x00001110);
    CHECK_EQUAL(rd(DIEPTSIZ(0)) & 0x7F, 0);
    CHECK_EQUAL(rd(DTXFSTS(0)), 11);
    CHECK(!(rd(DIEPINT(0)) & EPINT_XFRC));
    CHECK_EQUAL(in(0, &length, &data1, packet), CABLE_ACK);
    CHECK_EQUAL(length, 18);
    CHECK(data1);
    for (unsigned i = 0; i < 18; i++)
        CHECK_EQUAL(packet[i], i);
    CHECK(rd(DIEPINT(0)) & EPINT_XFRC);
    CHECK(!(rd(DIEPCTL(0)) & EPCTL_EPENA));
    CHECK_EQUAL(rd(DTXFSTS(0)), 16);
    /* Status stage: an empty OUT with DATA1. */
    CHECK_EQUAL(otg_out(OTG, 0, 0, true, packet, 0), CABLE_NAK);
    arm_out(0, 1, 64);
    CHECK_EQUAL(otg_out(OTG, 0, 0, true, packet, 0), CABLE_ACK);
    CHECK_EQUAL(otg_out(OTG, 0, 0, false, packet, 0), CABLE_NAK);
}

TEST(otg_address_takes_effect_after_status_stage)
{
    attached();
    const uint8_t setup[8] = {0, 5, 9, 0, 0, 0, 0, 0};
    uint8_t packet[64];
    uint16_t length;
    bool data1;
    otg_setup(OTG, 0, 0, setup);
    wr(DCFG, 9u << 4 | 3);
    CHECK_EQUAL(otg_in(OTG, 9, 0, &data1, packet, &length), CABLE_SILENCE);
    arm_in(0, 1, 0);
    CHECK_EQUAL(otg_in(OTG, 0, 0, &data1, packet, &length), CABLE_ACK);
    CHECK_EQUAL(length, 0);
    CHECK(data1);
    CHECK_EQUAL(otg_setup(OTG, 0, 0, setup), CABLE_SILENCE);
    CHECK_EQUAL(otg_setup(OTG, 9, 0, setup), CABLE_ACK);
}

TEST(otg_bulk_out_transfer)
{
    attached();
    endpoint1_open();
    uint8_t packet[64];
    memset(packet, 0xA5, sizeof packet);
    CHECK_EQUAL(otg_out(OTG, 0, 1, false, packet, 64), CABLE_NAK);
    arm_out(1, 3, 192);
    CHECK_EQUAL(otg_out(OTG, 0, 1, false, packet, 64), CABLE_ACK);
    CHECK_EQUAL(otg_out(OTG, 0, 1, false, packet, 64), CABLE_ACK); /* repeated: dropped */
    CHECK_EQUAL(otg_out(OTG, 0, 1, true, packet, 5), CABLE_ACK);   /* short: the end */
    CHECK_EQUAL(otg_out(OTG, 0, 1, false, packet, 64), CABLE_NAK);
    CHECK(rd(DOEPCTL(1)) & EPCTL_EPENA);
    CHECK_EQUAL(rd(DOEPTSIZ(1)) >> 19 & 0x3FF, 1);
    CHECK_EQUAL(rd(DOEPTSIZ(1)) & 0x7FFFF, 192); /* falls when software takes the data */
    uint32_t status = rd(GRXSTSP);
    CHECK_EQUAL(status & 0x1FFFFF, 1u | 64u << 4 | PKTSTS_OUT << 17);
    for (unsigned i = 0; i < 16; i++)
        CHECK_EQUAL(rd(FIFO(1)), 0xA5A5A5A5);
    status = rd(GRXSTSP);
    CHECK_EQUAL(status & 0x1FFFFF, 1u | 5u << 4 | 2u << 15 | PKTSTS_OUT << 17);
    rd(FIFO(1));
    CHECK_EQUAL(rd(FIFO(1)) & 0xFF, 0xA5);
    CHECK_EQUAL(rd(DOEPTSIZ(1)) & 0x7FFFF, 192 - 69);
    CHECK(!(rd(DOEPINT(1)) & EPINT_XFRC));
    CHECK_EQUAL(rd(GRXSTSP) >> 17 & 15, PKTSTS_OUT_DONE);
    CHECK(rd(DOEPINT(1)) & EPINT_XFRC);
    CHECK_EQUAL(rd(DOEPCTL(1)) & (EPCTL_EPENA | EPCTL_NAKSTS), EPCTL_NAKSTS);
    CHECK_EQUAL(bench.warnings, 0);
    rd(FIFO(1)); /* nothing there */
    CHECK_EQUAL(bench.warnings, 1);
    rd(GRXSTSP);
    CHECK_EQUAL(bench.warnings, 2);
}

TEST(otg_bulk_in_many_packets)
{
    attached();
    endpoint1_open();
    arm_in(1, 3, 130);
    CHECK_EQUAL(rd(DTXFSTS(1)), 64);
    for (uint32_t i = 0; i < 33; i++)
        wr(FIFO(1), i);
    CHECK_EQUAL(rd(DTXFSTS(1)), 31);
    CHECK_EQUAL(rd(DIEPTSIZ(1)), 3u << 19);
    uint8_t packet[64];
    uint16_t length;
    bool data1;
    const uint16_t wanted[3] = {64, 64, 2};
    for (unsigned i = 0; i < 3; i++) {
        CHECK(!(rd(DIEPINT(1)) & EPINT_XFRC));
        CHECK_EQUAL(in(1, &length, &data1, packet), CABLE_ACK);
        CHECK_EQUAL(length, wanted[i]);
        CHECK_EQUAL(data1, i & 1);
        CHECK_EQUAL(packet[0], 16 * i);
    }
    CHECK(rd(DIEPINT(1)) & EPINT_XFRC);
    CHECK_EQUAL(in(1, &length, &data1, packet), CABLE_NAK);
    arm_in(1, 2, 64); /* a multiple of 64, ended by an empty packet */
    for (uint32_t i = 0; i < 16; i++)
        wr(FIFO(1), i);
    CHECK_EQUAL(in(1, &length, &data1, packet), CABLE_ACK);
    CHECK(data1);
    CHECK_EQUAL(in(1, &length, &data1, packet), CABLE_ACK);
    CHECK_EQUAL(length, 0);
    CHECK(!data1);
    wr(DIEPCTL(1), rd(DIEPCTL(1)) | EPCTL_SD0PID);
    CHECK(!(rd(DIEPCTL(1)) & EPCTL_DPID));
    wr(DIEPCTL(1), rd(DIEPCTL(1)) | EPCTL_SD1PID);
    CHECK(rd(DIEPCTL(1)) & EPCTL_DPID);
    CHECK_EQUAL(bench.warnings, 0);
}

TEST(otg_packet_sizes_are_each_direction_s_own)
{
    attached();
    wr(DIEPCTL(1), 16 | EPCTL_USBAEP | 3u << 18 | 1u << 22 | EPCTL_SD0PID);
    wr(DOEPCTL(1), 64 | EPCTL_USBAEP | 2u << 18 | EPCTL_SD0PID);
    uint8_t packet[64] = {0};
    arm_out(1, 4, 256);
    CHECK_EQUAL(otg_out(OTG, 0, 1, false, packet, 64), CABLE_ACK);
    CHECK_EQUAL(otg_out(OTG, 0, 1, true, packet, 20), CABLE_ACK);
    CHECK(rd(DOEPCTL(1)) & EPCTL_NAKSTS); /* 20 is short */
}

TEST(otg_txfe_is_a_level)
{
    attached();
    endpoint1_open();
    arm_in(1, 2, 128);
    CHECK(rd(DIEPINT(1)) & EPINT_TXFE);
    CHECK(!bench.irq);
    wr(DIEPEMPMSK, 2);
    CHECK(bench.irq);
    for (uint32_t i = 0; i < 16; i++)
        wr(FIFO(1), i);
    CHECK(!bench.irq); /* TXFELVL: completely empty only */
    wr(GAHBCFG, GAHBCFG_GINT);
    CHECK(bench.irq); /* half empty is enough now */
    for (uint32_t i = 0; i < 17; i++)
        wr(FIFO(1), i);
    CHECK(!bench.irq);
}

TEST(otg_stall_and_global_in_nak)
{
    attached();
    endpoint1_open();
    uint8_t packet[64] = {0};
    uint16_t length;
    bool data1;
    wr(DIEPCTL(1), rd(DIEPCTL(1)) | EPCTL_STALL);
    CHECK_EQUAL(in(1, &length, &data1, packet), CABLE_STALL);
    wr(DIEPCTL(1), (rd(DIEPCTL(1)) & ~EPCTL_STALL) | EPCTL_SD0PID);
    arm_in(1, 1, 0);
    wr(DCTL, DCTL_SGINAK);
    CHECK(rd(GINTSTS) & GINTSTS_GINAKEFF);
    CHECK_EQUAL(in(1, &length, &data1, packet), CABLE_NAK);
    wr(DCTL, DCTL_CGINAK);
    CHECK_EQUAL(in(1, &length, &data1, packet), CABLE_ACK);
    wr(DOEPCTL(1), rd(DOEPCTL(1)) | EPCTL_STALL);
    CHECK_EQUAL(otg_out(OTG, 0, 1, false, packet, 1), CABLE_STALL);
    CHECK_EQUAL(otg_out(OTG, 0, 2, false, packet, 1), CABLE_SILENCE); /* not active */
    CHECK_EQUAL(otg_in(OTG, 0, 4, &data1, packet, &length),
                CABLE_SILENCE); /* the chip has no such endpoint */
}

TEST(otg_global_out_nak_takes_effect_when_popped)
{
    attached();
    endpoint1_open();
    arm_out(1, 1, 64);
    uint8_t packet[64] = {0};
    wr(DCTL, DCTL_SGONAK);
    CHECK_EQUAL(otg_out(OTG, 0, 1, false, packet, 64), CABLE_NAK);
    CHECK(!(rd(GINTSTS) & GINTSTS_GONAKEFF));
    CHECK_EQUAL(rd(GRXSTSP) >> 17 & 15, PKTSTS_GLOBAL_NAK);
    CHECK(rd(GINTSTS) & GINTSTS_GONAKEFF);
    wr(DOEPCTL(1), rd(DOEPCTL(1)) | EPCTL_EPDIS | EPCTL_SNAK);
    CHECK(rd(DOEPINT(1)) & EPINT_EPDISD);
    CHECK(!(rd(DOEPCTL(1)) & EPCTL_EPENA));
    wr(DCTL, DCTL_CGONAK);
    CHECK(!(rd(GINTSTS) & GINTSTS_GONAKEFF));
    CHECK_EQUAL(bench.warnings, 0);
}

TEST(otg_in_disable_and_flush)
{
    attached();
    endpoint1_open();
    arm_in(1, 2, 128);
    for (uint32_t i = 0; i < 20; i++)
        wr(FIFO(1), i);
    wr(DIEPCTL(1), rd(DIEPCTL(1)) | EPCTL_SNAK);
    CHECK(rd(DIEPINT(1)) & EPINT_INEPNE);
    uint8_t packet[64];
    uint16_t length;
    bool data1;
    CHECK_EQUAL(in(1, &length, &data1, packet), CABLE_NAK);
    wr(DIEPCTL(1), rd(DIEPCTL(1)) | EPCTL_EPDIS | EPCTL_SNAK);
    CHECK(rd(DIEPINT(1)) & EPINT_EPDISD);
    CHECK(!(rd(DIEPCTL(1)) & EPCTL_EPENA));
    CHECK_EQUAL(rd(DTXFSTS(1)), 44); /* the words stay until flushed */
    wr(GRSTCTL, GRSTCTL_TXFFLSH | 1u << 6);
    CHECK_EQUAL(rd(DTXFSTS(1)), 64);
    arm_in(1, 1, 4);
    wr(FIFO(1), 0x44332211);
    CHECK_EQUAL(in(1, &length, &data1, packet), CABLE_ACK);
    CHECK_EQUAL(length, 4);
    CHECK_EQUAL(packet[0], 0x11);
}

TEST(otg_fifo_misuse_is_reported)
{
    attached();
    endpoint1_open();
    wr(FIFO(1), 1);
    CHECK_EQUAL(bench.warnings, 1); /* not enabled */
    arm_in(1, 10, 640);
    for (uint32_t i = 0; i < 63; i++)
        wr(FIFO(1), i);
    CHECK_EQUAL(bench.warnings, 1);
    wr(FIFO(1), 0);
    CHECK_EQUAL(bench.warnings, 2); /* no room */
    wr(FIFO(9), 0);
    CHECK_EQUAL(bench.warnings, 3);
    uint8_t packet[64] = {0};
    arm_out(1, 2, 128);
    otg_out(OTG, 0, 1, false, packet, 64);
    otg_out(OTG, 0, 1, true, packet, 64);
    rd(GRXSTSP);
    rd(FIFO(1));
    rd(GRXSTSP); /* 15 words lost */
    CHECK_EQUAL(bench.warnings, 4);
    for (unsigned i = 0; i < 16; i++)
        CHECK_EQUAL(rd(FIFO(1)), 0);
    CHECK_EQUAL(bench.warnings, 4);
}

TEST(otg_overlapping_fifos_spoil_each_other)
{
    attached();
    endpoint1_open();
    wr(DIEPTXF1, 64u << 16 | 0); /* on top of the receive FIFO */
    uint8_t packet[64] = {0};
    arm_out(1, 1, 64);
    arm_in(1, 1, 64);
    for (unsigned i = 0; i < 16; i++)
        wr(FIFO(1), 0xEEEEEEEE);
    otg_out(OTG, 0, 1, false, packet, 8);
    uint16_t length;
    bool data1;
    CHECK_EQUAL(in(1, &length, &data1, packet), CABLE_ACK);
    CHECK(packet[4] != 0xEE);
}

TEST(otg_suspend_after_3_ms_and_wake)
{
    attached();
    otg_frame(OTG, 7);
    CHECK_EQUAL(rd(DSTS) >> 8 & 0x3FFF, 7);
    CHECK(rd(GINTSTS) & GINTSTS_SOF);
    bench.now += 2999999;
    otg_suspend_event(OTG);
    CHECK(!(rd(GINTSTS) & GINTSTS_USBSUSP));
    bench.now += 1;
    otg_suspend_event(OTG);
    CHECK(rd(GINTSTS) & GINTSTS_USBSUSP);
    CHECK(rd(DSTS) & DSTS_SUSPSTS);
    CHECK(!otg_wakes(OTG));
    otg_bus_suspend(OTG, false);
    CHECK(rd(GINTSTS) & GINTSTS_WKUPINT);
    CHECK(!(rd(DSTS) & DSTS_SUSPSTS));
    OTG->plugged = true;
    bench.now += 20000000; /* the host's signal: not idle, though there is no SOF yet */
    otg_suspend_event(OTG);
    CHECK(!(rd(DSTS) & DSTS_SUSPSTS));
    otg_frame(OTG, 8);
    CHECK_EQUAL(bench.wakeups, 1);
    CHECK_EQUAL(bench.warnings, 0);
}

/* Idle for so long, and so suspended; no interrupt is left. */
static void asleep(uint64_t idle_ns)
{
    otg_frame(OTG, 1);
    bench.now += 3000000;
    otg_suspend_event(OTG);
    bench.now += idle_ns - 3000000;
    wr(GINTSTS, 0xFFFFFFFF);
}

static void signal(uint64_t ns)
{
    wr(DCTL, DCTL_RWUSIG);
    CHECK(otg_wakes(OTG));
    CHECK(!(rd(DSTS) & DSTS_SUSPSTS)); /* left by writing the bit */
    bench.now += ns;
    wr(DCTL, 0);
    CHECK(!otg_wakes(OTG));
}

/* The host hears it and resumes: the F4's core says nothing of that, the L4's does; both count SOFs again. */
TEST(otg_remote_wakeup)
{
    for (unsigned l4 = 0; l4 < 2; l4++) {
        attached();
        if (l4) {
            OTG->variant = &otg_stm32l4;
            wr(GOTGCTL, GOTGCTL_BVALOEN | GOTGCTL_BVALOVAL);
        }
        asleep(5000000);
        signal(1000000);
        CHECK_EQUAL(rd(GINTSTS) & (GINTSTS_WKUPINT | GINTSTS_SOF), 0);
        otg_bus_suspend(OTG, false);
        CHECK_EQUAL(rd(GINTSTS) & GINTSTS_WKUPINT, l4 ? GINTSTS_WKUPINT : 0);
        bench.now += 20000000;
        otg_frame(OTG, 2);
        CHECK(rd(GINTSTS) & GINTSTS_SOF);
        CHECK_EQUAL(bench.wakeups, l4);
        CHECK_EQUAL(bench.warnings, 0);
    }
}

/* Nobody answers: 3 ms after the signal the bus is suspended again, and a resume of the host's own is one. */
TEST(otg_remote_wakeup_unheard)
{
    attached();
    asleep(5000000);
    signal(15000000);
    CHECK_EQUAL(bench.warnings, 0);
    bench.now += 3000000;
    otg_suspend_event(OTG);
    CHECK(rd(GINTSTS) & GINTSTS_USBSUSP && rd(DSTS) & DSTS_SUSPSTS);
    otg_bus_suspend(OTG, false);
    CHECK(rd(GINTSTS) & GINTSTS_WKUPINT);
}

static void warned(const char *words)
{
    CHECK_EQUAL(bench.warnings, 1);
    CHECK(bench.last_warning != NULL && strstr(bench.last_warning, words) != NULL);
    bench.warnings = 0;
}

TEST(otg_remote_wakeup_at_the_wrong_time)
{
    attached();
    asleep(4999999);
    signal(1000000);
    warned("before the bus had been idle for 5 ms");

    attached();
    asleep(5000000);
    signal(999999);
    warned("less than 1 ms");

    attached();
    asleep(5000000);
    signal(15000001);
    warned("still set 15 ms");

    attached(); /* forgotten: noticed when the bus runs again */
    asleep(5000000);
    wr(DCTL, DCTL_RWUSIG);
    bench.now += 10000000;
    otg_bus_suspend(OTG, false);
    CHECK_EQUAL(bench.warnings, 0);
    bench.now += 20000000;
    otg_frame(OTG, 2);
    warned("still set 15 ms");

    attached();
    otg_frame(OTG, 1);
    wr(DCTL, DCTL_RWUSIG);
    CHECK(!otg_wakes(OTG));
    warned("wasn't suspended");

    attached();
    asleep(5000000);
    wr(PCGCCTL, PCGCCTL_STPPCLK);
    wr(DCTL, DCTL_RWUSIG);
    CHECK(!otg_wakes(OTG));
    warned("no signal");
}

TEST(otg_clock_stopped)
{
    attached();
    asleep(5000000);
    wr(PCGCCTL, PCGCCTL_STPPCLK);
    CHECK_EQUAL(rd(PCGCCTL), PCGCCTL_STPPCLK | PCGCCTL_PHYSUSP);
    bench.now += 7000000;
    CHECK_EQUAL(otg_clock_stood_ns(OTG), 7000000);
    otg_bus_suspend(OTG, false);
    CHECK(rd(GINTSTS) & GINTSTS_WKUPINT); /* by itself, and nothing else until the clock runs */
    otg_frame(OTG, 2);
    CHECK(!(rd(GINTSTS) & GINTSTS_SOF));
    CHECK_EQUAL(otg_setup(OTG, 0, 0, (const uint8_t[8]){0x80, 6}), CABLE_SILENCE);
    wr(PCGCCTL, 0);
    bench.now += 1000000;
    CHECK_EQUAL(otg_clock_stood_ns(OTG), 7000000);
    otg_frame(OTG, 3);
    CHECK(rd(GINTSTS) & GINTSTS_SOF);
    CHECK_EQUAL(bench.warnings, 0);
}

TEST(otg_reset_while_the_clock_stands)
{
    attached();
    asleep(5000000);
    wr(PCGCCTL, PCGCCTL_STPPCLK);
    otg_bus_reset(OTG, true);
    CHECK(rd(GINTSTS) & GINTSTS_WKUPINT);
    CHECK(!(rd(GINTSTS) & GINTSTS_USBRST));
    wr(PCGCCTL, 0);
    CHECK(rd(GINTSTS) & GINTSTS_USBRST);
    otg_bus_reset(OTG, false);
    CHECK(rd(GINTSTS) & GINTSTS_ENUMDNE);
    CHECK_EQUAL(bench.warnings, 0);

    attached(); /* software sleeps through it */
    asleep(5000000);
    wr(PCGCCTL, PCGCCTL_STPPCLK);
    otg_bus_reset(OTG, true);
    otg_bus_reset(OTG, false);
    CHECK(!(rd(GINTSTS) & (GINTSTS_USBRST | GINTSTS_ENUMDNE)));
    warned("a bus reset has passed");
}

TEST(otg_clock_stopped_at_the_wrong_time)
{
    attached();
    otg_frame(OTG, 1);
    wr(PCGCCTL, PCGCCTL_STPPCLK);
    warned("wasn't suspended");

    attached();
    asleep(5000000);
    wr(PCGCCTL, PCGCCTL_STPPCLK);
    wr(GRSTCTL, GRSTCTL_RXFFLSH);
    warned("a FIFO was flushed");
    wr(DIEPCTL(1), EPCTL_EPDIS | EPCTL_SNAK);
    warned("an endpoint was disabled");
    wr(PCGCCTL, PCGCCTL_STPPCLK | PCGCCTL_GATEHCLK);
    warned("GATEHCLK");
}

TEST(otg_end_of_periodic_frame)
{
    attached();
    otg_frame(OTG, 1);
    wr(GINTSTS, GINTSTS_EOPF);
    CHECK_EQUAL(bench.eopf_at, bench.now + 800000);
    otg_eopf_event(OTG);
    CHECK(rd(GINTSTS) & GINTSTS_EOPF);
    wr(GINTSTS, GINTSTS_EOPF);
    CHECK(!(rd(GINTSTS) & GINTSTS_EOPF));
}

TEST(otg_core_reset_keeps_the_phy)
{
    attached();
    wr(DIEPEMPMSK, 7);
    wr(GRSTCTL, GRSTCTL_CSRST);
    CHECK_EQUAL(rd(DIEPEMPMSK), 0);
    CHECK_EQUAL(rd(GINTMSK), 0);
    CHECK(rd(GCCFG) & GCCFG_PWRDWN);
    CHECK(!bench.irq);
}

TEST(otg_traps_of_drivers_are_reported)
{
    uint8_t packet[64] = {0};
    attached();
    endpoint1_open();
    arm_out(1, 1, 64);
    CHECK_EQUAL(otg_out(OTG, 0, 1, false, packet, 4), CABLE_ACK);
    rd(GRXSTSP), rd(FIFO(1));
    CHECK_EQUAL(bench.warnings, 0);
    wr(DOEPCTL(1), rd(DOEPCTL(1)) | EPCTL_CNAK); /* the "done" entry is still there */
    CHECK_EQUAL(bench.warnings, 1);
    rd(GRXSTSP);
    wr(DOEPCTL(1), rd(DOEPCTL(1)) | EPCTL_CNAK);
    CHECK_EQUAL(bench.warnings, 1);
    wr(DOEPCTL(1), rd(DOEPCTL(1)) | EPCTL_CNAK | EPCTL_SNAK);
    CHECK_EQUAL(bench.warnings, 2);
    wr(DCTL, DCTL_SGONAK);
    for (unsigned i = 0; i < 2000; i++)
        rd(GINTSTS);
    CHECK_EQUAL(bench.warnings, 3);
}

TEST(otg_turnaround_time_is_checked)
{
    const uint8_t setup[8] = {0};
    attached();
    otg_setup(OTG, 0, 0, setup);
    CHECK_EQUAL(bench.warnings, 0);
    wr(GUSBCFG, 1u << 30 | 5u << 10);
    otg_setup(OTG, 0, 0, setup);
    CHECK_EQUAL(bench.warnings, 1);
    wr(GUSBCFG, 1u << 30 | 8u << 10);
    bench.core_hz = 24000000;
    otg_setup(OTG, 0, 0, setup);
    CHECK_EQUAL(bench.warnings, 1);
    bench.core_hz = 8000000;
    rd(GRXSTSP), rd(FIFO(0)), rd(FIFO(0));
    otg_setup(OTG, 0, 0, setup);
    CHECK_EQUAL(bench.warnings, 2);
}

TEST(otg_four_setups_in_a_row)
{
    const uint8_t setup[8] = {0};
    attached();
    wr(DOEPMSK, EPINT_B2BSTUP);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQUAL(otg_setup(OTG, 0, 0, setup), CABLE_ACK);
        CHECK_EQUAL(!!(rd(DOEPINT(0)) & EPINT_B2BSTUP), i == 3);
    }
    while (otg_setup(OTG, 0, 0, setup) == CABLE_ACK) {
    }
    CHECK_EQUAL(OTG->rx.level, 63); /* 21 of three words in 64, and not one more */
    CHECK_EQUAL(bench.warnings, 1);
}

TEST(otg_control_write_with_data)
{
    const uint8_t setup[8] = {0x21, 0x20, 0, 0, 0, 0, 70, 0};
    uint8_t packet[64];
    uint16_t length;
    bool data1;
    memset(packet, 0x5A, sizeof packet);
    attached();
    otg_setup(OTG, 0, 0, setup);
    CHECK_EQUAL(otg_out(OTG, 0, 0, true, packet, 64), CABLE_NAK); /* not armed yet */
    CHECK(rd(DOEPINT(0)) & EPINT_OTEPDIS);
    rd(GRXSTSP), rd(FIFO(0)), rd(FIFO(0)), rd(GRXSTSP);
    arm_out(0, 1, 64);
    CHECK_EQUAL(otg_out(OTG, 0, 0, true, packet, 64), CABLE_ACK);
    CHECK_EQUAL(otg_out(OTG, 0, 0, false, packet, 6), CABLE_NAK); /* one packet at a time on endpoint 0 */
    rd(GRXSTSP);
    for (unsigned i = 0; i < 16; i++)
        rd(FIFO(0));
    CHECK_EQUAL(rd(GRXSTSP) >> 17 & 15, PKTSTS_OUT_DONE);
    arm_out(0, 1, 64);
    CHECK_EQUAL(otg_out(OTG, 0, 0, true, packet, 64), CABLE_ACK); /* a repeat: dropped */
    CHECK_EQUAL(otg_out(OTG, 0, 0, false, packet, 6), CABLE_ACK);
    CHECK_EQUAL(rd(GRXSTSP) >> 4 & 0x7FF, 6);
    rd(FIFO(0)), rd(FIFO(0));
    rd(GRXSTSP);
    arm_in(0, 1, 0);
    CHECK_EQUAL(in(0, &length, &data1, packet), CABLE_ACK);
    CHECK(data1);
    CHECK_EQUAL(length, 0);
    CHECK_EQUAL(bench.warnings, 0);
}

TEST(otg_nonzero_status_out_stalls_if_asked)
{
    const uint8_t setup[8] = {0x80, 6, 0, 1, 0, 0, 18, 0}, junk[4] = {0};
    attached();
    wr(DCFG, 3 | DCFG_NZLSOHSK);
    otg_setup(OTG, 0, 0, setup);
    arm_out(0, 1, 64);
    CHECK_EQUAL(otg_out(OTG, 0, 0, true, junk, 4), CABLE_STALL);
    CHECK_EQUAL(otg_out(OTG, 0, 0, true, junk, 0), CABLE_ACK);
}

/* Whatever software and host do, the model stays within its arrays (run under sanitizers). */
TEST(otg_random_accesses)
{
    attached();
    uint32_t state = 1;
    static const uint32_t offsets[] = {GAHBCFG,  GRSTCTL, GINTSTS, GRXSTSP,    GRXFSIZ, DIEPTXF0,
                                       DIEPTXF1, DCFG,    DCTL,    DIEPEMPMSK, PCGCCTL, GCCFG,
                                       FIFO(0),  FIFO(1), FIFO(3), FIFO(7)};
    for (unsigned i = 0; i < 400000; i++) {
        state = state * 1664525u + 1013904223u;
        uint32_t r = state >> 8, value = state ^ r << 20;
        uint32_t offset = r % 3 ? offsets[r / 3 % 16] : (r / 3 % 0x400) * 4;
        uint8_t packet[64] = {0};
        uint16_t length;
        bool data1;
        bench.now += 1000;
        switch (r >> 16 & 7) {
        case 0: rd(offset); break;
        case 1: otg_setup(OTG, OTG->address, 0, packet); break;
        case 2: otg_out(OTG, OTG->address, r & 7, r & 8, packet, (uint16_t)(r % 65)); break;
        case 3: otg_in(OTG, OTG->address, r & 7, &data1, packet, &length); break;
        case 4:
            if (r % 64 == 0)
                otg_bus_reset(OTG, r & 64);
            else
                otg_frame(OTG, r & 0x7FF);
            break;
        default: wr(offset, offset == GRSTCTL ? value & 0xFFFFFFFEu : value); break;
        }
    }
    CHECK(OTG->rx.level <= OTG_FIFO_WORDS);
}

TEST_MAIN()
