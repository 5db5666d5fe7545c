/*
 * OTG_FS, the registers: what software reads and writes. See otg_fs.h for the map of the model.
 *
 * GINTSTS and DAINT are mostly not stored but computed, since most of their bits are levels. otg_update
 * brings the interrupt line up to date after everything that may have moved it.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/otg_fs.h"

#include <stdio.h>
#include <string.h>

const struct otg_variant otg_stm32f4 = {
    .cid = 0x1200,
    .gsnpsid = 0x4F54281A,
    .ghwcfg = {0x00000000, 0x229DCD20, 0x020001E8, 0x0FF08030},
    .endpoints = 4,
    .fifo_words = OTG_FIFO_WORDS,
};

const struct otg_variant otg_stm32l4 = {
    .cid = 0x2000,
    .gsnpsid = 0x4F54310A,
    .ghwcfg = {0x00000000, 0x229ED520, 0x0200D1E8, 0x17F08030},
    .endpoints = 6,
    .fifo_words = OTG_FIFO_WORDS,
    .vbden = true,
    .extra_setup = true,
    .wakes_itself = true,
};

#define GONAK_POLLS 1000 /* reads of GINTSTS until we say what software waits for */

static void warn(struct otg_fs *otg, const char *kind)
{
    otg->wires.warn(otg->wires.context, kind);
}

uint32_t otg_packet_size(const struct otg_fs *otg, unsigned n, bool in)
{
    if (n == 0) /* one setting for both directions */
        return 64u >> (otg->in[0].diepctl & 3u);
    return (in ? otg->in[n].diepctl : otg->out[n].doepctl) & EPCTL_MPSIZ;
}

/* All that a reset of the core resets: not GCCFG, which is ST's and not the core's, and not the lines. */
static void core_reset(struct otg_fs *otg)
{
    otg->gotgint = otg->gahbcfg = otg->gintsts = otg->gintmsk = 0;
    otg->gusbcfg = (otg->gusbcfg & 0x60000000u) | 0x0A00u; /* FHMOD and FDMOD stay [drivers] */
    otg->grxfsiz = 0x200;
    otg->dieptxf[0] = 0x02000200;
    for (unsigned n = 1; n < OTG_ENDPOINTS_MAX; n++)
        otg->dieptxf[n] = 0x02000400;
    otg->hptxfsiz = 0x02000600;
    otg->dcfg = 0x02200000;
    otg->dctl = 0;
    otg->dsts = 0x10 | (otg->dsts & (DSTS_FNSOF | DSTS_SUSPSTS | 6u));
    otg->diepmsk = otg->doepmsk = otg->daintmsk = otg->diepempmsk = 0;
    otg_pcgcctl_write(otg, 0);
    otg->signalling = false;
    otg->dvbusdis = 0x17D7;
    otg->dvbuspulse = 0x5B8;
    memset(otg->in, 0, sizeof otg->in);
    memset(otg->out, 0, sizeof otg->out);
    otg->in[0].diepctl = otg->out[0].doepctl = EPCTL_USBAEP;
    memset(otg->tx, 0, sizeof otg->tx);
    otg_rx_flush(otg);
    otg->filling = -1;
    otg->address = 0;
    otg->setup_open = otg->setup_address = false;
}

void otg_init(struct otg_fs *otg, const struct otg_variant *variant, const struct otg_wires *wires)
{
    memset(otg, 0, sizeof *otg);
    otg->variant = variant;
    otg->wires = *wires;
    otg_reset(otg);
}

void otg_reset(struct otg_fs *otg)
{
    otg->gusbcfg = otg->gccfg = 0;
    otg->cid = otg->variant->cid;
    otg->dsts = 0;
    otg->suspended = otg->signalling = otg->self_woken = otg->reset_unseen = false;
    core_reset(otg);
    otg_attach_update(otg);
    otg_update(otg);
}

static uint32_t daint(const struct otg_fs *otg)
{
    uint32_t bits = 0;
    for (unsigned n = 0; n < otg->variant->endpoints; n++) {
        uint32_t in = otg->in[n].diepint & otg->diepmsk;
        bool txfe = (otg->diepempmsk >> n & 1u) && otg_tx_empty_level(otg, n);
        if (in || txfe)
            bits |= 1u << n;
        if (otg->out[n].doepint & otg->doepmsk)
            bits |= 1u << (16 + n);
    }
    return bits;
}

static uint32_t gintsts(const struct otg_fs *otg)
{
    uint32_t value = otg->gintsts | GINTSTS_NPTXFE | GINTSTS_PTXFE;
    uint32_t endpoints = daint(otg) & otg->daintmsk;
    if (otg->rx.count)
        value |= GINTSTS_RXFLVL;
    if (endpoints & 0xFFFFu)
        value |= GINTSTS_IEPINT;
    if (endpoints >> 16)
        value |= GINTSTS_OEPINT;
    if (otg->gotgint)
        value |= GINTSTS_OTGINT;
    if (otg->dctl & DCTL_GINSTS)
        value |= GINTSTS_GINAKEFF;
    return value;
}

void otg_update(struct otg_fs *otg)
{
    bool level = (otg->gahbcfg & GAHBCFG_GINT) && (gintsts(otg) & otg->gintmsk);
    if (level != otg->irq_level) {
        otg->irq_level = level;
        otg->wires.irq(otg->wires.context, level);
    }
}

static uint32_t gotgctl(const struct otg_fs *otg)
{
    uint32_t value = (otg->gotgctl & 0x00000FC0u) | GOTGCTL_CIDSTS;
    if (otg->gccfg & GCCFG_PWRDWN && otg_session_valid(otg))
        value |= GOTGCTL_BSVLD;
    return value;
}

/* An endpoint register: `offset` from DIEPCTL0 or DOEPCTL0. */
static uint32_t endpoint_read(struct otg_fs *otg, uint32_t offset, bool in)
{
    unsigned n = (offset & 0x1FFu) / 0x20u;
    if (n < otg->variant->endpoints)
        switch (offset & 0x1Fu) {
        case 0x00: return in ? otg->in[n].diepctl : otg->out[n].doepctl;
        case 0x08:
            if (in)
                return otg->in[n].diepint | (otg_tx_empty_level(otg, n) ? EPINT_TXFE : 0);
            return otg->out[n].doepint;
        case 0x10: return in ? otg->in[n].dieptsiz : otg->out[n].doeptsiz;
        case 0x18:
            if (in) {
                unsigned fifo = (otg->in[n].diepctl & EPCTL_TXFNUM) >> EPCTL_TXFNUM_POS;
                uint16_t depth = otg_tx_depth(otg, fifo);
                return fifo < otg->variant->endpoints ? (uint32_t)(depth - otg->tx[fifo].level) : 0u;
            }
            break;
        }
    otg->wires.unmodelled(otg->wires.context, offset + (in ? DIEPCTL0 : DOEPCTL0), false);
    return 0;
}

/* GRXSTSP: what an entry means, takes effect when software takes it [RM]. */
static uint32_t rx_pop(struct otg_fs *otg)
{
    bool any = otg->rx.count != 0;
    uint32_t status = otg_rx_status(otg, true);
    if (!any)
        return status;
    struct otg_out *out = &otg->out[status & 0xFu];
    uint32_t length = status >> 4 & 0x7FFu;
    switch (status >> 17 & 0xFu) {
    case PKTSTS_GLOBAL_NAK: otg->gintsts |= GINTSTS_GONAKEFF; break;
    case PKTSTS_OUT: {
        uint32_t xfrsiz = out->doeptsiz & EPTSIZ_XFRSIZ;
        out->doeptsiz = (out->doeptsiz & ~EPTSIZ_XFRSIZ) | (xfrsiz > length ? xfrsiz - length : 0);
        break;
    }
    case PKTSTS_OUT_DONE:
        out->doepint |= EPINT_XFRC;
        out->doepctl &= ~EPCTL_EPENA;
        break;
    case PKTSTS_SETUP:
        if (otg->variant->extra_setup)
            out->doepint |= EPINT_XFRC | EPINT_STPKTRX | EPINT_STSPHSRX;
        break;
    case PKTSTS_SETUP_DONE:
        out->doepint |= EPINT_STUP;
        out->doepctl &= ~EPCTL_EPENA;
        break;
    }
    otg_update(otg);
    return status;
}

static uint32_t global_read(struct otg_fs *otg, uint32_t offset)
{
    if (offset >= GHWCFG1 && offset <= GHWCFG4)
        return otg->variant->ghwcfg[(offset - GHWCFG1) / 4];
    if (offset >= DIEPTXF1 && offset < DIEPTXF1 + 4u * (otg->variant->endpoints - 1u))
        return otg->dieptxf[1 + (offset - DIEPTXF1) / 4];
    switch (offset) {
    case GOTGCTL: return gotgctl(otg);
    case GOTGINT: return otg->gotgint;
    case GAHBCFG: return otg->gahbcfg;
    case GUSBCFG: return otg->gusbcfg;
    case GRSTCTL: return GRSTCTL_AHBIDL;
    case GINTSTS:
        if (otg->dctl & DCTL_GONSTS && !(otg->gintsts & GINTSTS_GONAKEFF) &&
            ++otg->gonak_polls == GONAK_POLLS)
            warn(
                otg,
                "OTG_FS: GONAKEFF doesn't come before the global OUT NAK entry is taken from the receive FIFO");
        return gintsts(otg);
    case GINTMSK: return otg->gintmsk;
    case GRXSTSR: return otg_rx_status(otg, false);
    case GRXSTSP: return rx_pop(otg);
    case GRXFSIZ: return otg->grxfsiz;
    case DIEPTXF0: return otg->dieptxf[0];
    case HNPTXSTS: return (8u << 16) | (uint32_t)(otg_tx_depth(otg, 0) - otg->tx[0].level);
    case GCCFG: return otg->gccfg;
    case OTG_CID: return otg->cid;
    case GSNPSID: return otg->variant->gsnpsid;
    case HPTXFSIZ: return otg->hptxfsiz;
    default: otg->wires.unmodelled(otg->wires.context, offset, false); return 0;
    }
}

static uint32_t device_read(struct otg_fs *otg, uint32_t offset)
{
    switch (offset) {
    case DCFG: return otg->dcfg;
    case DCTL: return otg->dctl;
    case DSTS: return otg->dsts;
    case DIEPMSK: return otg->diepmsk;
    case DOEPMSK: return otg->doepmsk;
    case DAINT: return daint(otg);
    case DAINTMSK: return otg->daintmsk;
    case DVBUSDIS: return otg->dvbusdis;
    case DVBUSPULSE: return otg->dvbuspulse;
    case DIEPEMPMSK: return otg->diepempmsk;
    case PCGCCTL: return otg->pcgcctl | (otg->suspended && otg_clock_stands(otg) ? PCGCCTL_PHYSUSP : 0);
    default: otg->wires.unmodelled(otg->wires.context, offset, false); return 0;
    }
}

uint32_t otg_read(struct otg_fs *otg, uint32_t offset)
{
    if (offset >= OTG_FIFO && offset < OTG_FIFO + 16u * OTG_FIFO_STRIDE)
        return otg_rx_word(otg);
    if (otg->filling >= 0 && otg->tracing)
        warn(otg, "OTG_FS: a register read in the middle of a packet written to a transmit FIFO");
    if (offset < DCFG)
        return global_read(otg, offset);
    if (offset >= DIEPCTL0 && offset < DIEPCTL0 + 0x200)
        return endpoint_read(otg, offset - DIEPCTL0, true);
    if (offset >= DOEPCTL0 && offset < DOEPCTL0 + 0x200)
        return endpoint_read(otg, offset - DOEPCTL0, false);
    return device_read(otg, offset);
}

#define DISABLED "OTG_FS: an endpoint was disabled while PCGCCTL.STPPCLK stopped the PHY's clock"

/* Bits that only make sense alone. */
static void check_control(struct otg_fs *otg, uint32_t value)
{
    if (value & EPCTL_CNAK && value & EPCTL_SNAK)
        warn(otg, "OTG_FS: CNAK and SNAK set in one write of an endpoint's control register");
    if (value & EPCTL_SD0PID && value & EPCTL_SD1PID)
        warn(otg, "OTG_FS: SD0PID and SD1PID set in one write of an endpoint's control register");
}

static void in_control_write(struct otg_fs *otg, unsigned n, uint32_t value)
{
    struct otg_in *in = &otg->in[n];
    check_control(otg, value);
    uint32_t writable = EPCTL_TXFNUM | (n ? EPCTL_MPSIZ | EPCTL_USBAEP | EPCTL_EPTYP | EPCTL_STALL : 3u);
    uint32_t ctl = (in->diepctl & ~writable) | (value & writable);
    if (n == 0)
        ctl |= value & EPCTL_STALL; /* only a SETUP packet clears it */
    if (value & EPCTL_CNAK) {
        ctl &= ~EPCTL_NAKSTS;
        in->diepint &= ~EPINT_INEPNE;
    }
    if (value & EPCTL_SNAK) {
        ctl |= EPCTL_NAKSTS;
        in->diepint |= EPINT_INEPNE;
    }
    if (n && value & EPCTL_SD0PID)
        ctl &= ~EPCTL_DPID;
    if (n && value & EPCTL_SD1PID)
        ctl |= EPCTL_DPID;
    if (value & EPCTL_EPDIS) {
        otg_clock_wanted(otg, DISABLED);
        if (ctl & EPCTL_EPENA)
            in->diepint |= EPINT_EPDISD;
        ctl &= ~EPCTL_EPENA;
        in->words = 0;
        if (otg->filling == (int)n)
            otg->filling = -1;
    } else if (value & EPCTL_EPENA && !(ctl & EPCTL_EPENA)) {
        ctl |= EPCTL_EPENA;
        in->words = 0;
        if (!(in->dieptsiz & EPTSIZ_PKTCNT))
            warn(otg, "OTG_FS: an IN endpoint was enabled with PKTCNT 0");
        if ((ctl & EPCTL_TXFNUM) >> EPCTL_TXFNUM_POS >= otg->variant->endpoints)
            warn(otg, "OTG_FS: an IN endpoint was enabled with a TXFNUM that doesn't exist");
    }
    in->diepctl = ctl;
    if (n == 0)
        otg->out[0].doepctl = (otg->out[0].doepctl & ~3u) | (ctl & 3u);
}

static void out_control_write(struct otg_fs *otg, unsigned n, uint32_t value)
{
    struct otg_out *out = &otg->out[n];
    check_control(otg, value);
    /* This core loses a word then [drivers: libopencm3 pull request 1261]. */
    if (value & EPCTL_CNAK && out->doepctl & EPCTL_NAKSTS && otg_rx_waits(otg, n, PKTSTS_OUT_DONE))
        warn(otg,
             "OTG_FS: an OUT endpoint was armed before its transfer-completed entry was taken from the FIFO");
    uint32_t writable = EPCTL_SNPM | (n ? EPCTL_MPSIZ | EPCTL_USBAEP | EPCTL_EPTYP | EPCTL_STALL : 0);
    uint32_t ctl = (out->doepctl & ~writable) | (value & writable);
    if (n == 0)
        ctl |= value & EPCTL_STALL;
    if (value & EPCTL_CNAK)
        ctl &= ~EPCTL_NAKSTS;
    if (value & EPCTL_SNAK)
        ctl |= EPCTL_NAKSTS;
    if (n && value & EPCTL_SD0PID)
        ctl &= ~EPCTL_DPID;
    if (n && value & EPCTL_SD1PID)
        ctl |= EPCTL_DPID;
    if (value & EPCTL_EPDIS && n == 0) {
        /* Software can't disable control OUT endpoint 0 [RM]. */
        if (ctl & EPCTL_EPENA)
            warn(otg, "OTG_FS: DOEPCTL0.EPDIS has no effect");
    } else if (value & EPCTL_EPDIS) {
        otg_clock_wanted(otg, DISABLED);
        if (ctl & EPCTL_EPENA) {
            if (!(otg->gintsts & GINTSTS_GONAKEFF))
                warn(otg, "OTG_FS: an OUT endpoint was disabled without global OUT NAK in effect");
            out->doepint |= EPINT_EPDISD;
        }
        ctl &= ~EPCTL_EPENA;
    } else if (value & EPCTL_EPENA && !(ctl & EPCTL_EPENA)) {
        ctl |= EPCTL_EPENA;
        if (!(out->doeptsiz & EPTSIZ_PKTCNT) && n)
            warn(otg, "OTG_FS: an OUT endpoint was enabled with PKTCNT 0");
    }
    out->doepctl = ctl;
}

static void endpoint_write(struct otg_fs *otg, uint32_t offset, bool in, uint32_t value)
{
    unsigned n = (offset & 0x1FFu) / 0x20u;
    if (n >= otg->variant->endpoints) {
        if (value)
            otg->wires.unmodelled(otg->wires.context, offset + (in ? DIEPCTL0 : DOEPCTL0), true);
        return;
    }
    bool enabled = (in ? otg->in[n].diepctl : otg->out[n].doepctl) & EPCTL_EPENA;
    switch (offset & 0x1Fu) {
    case 0x00:
        if (in)
            in_control_write(otg, n, value);
        else
            out_control_write(otg, n, value);
        return;
    case 0x08:
        if (in)
            otg->in[n].diepint &= ~value;
        else
            otg->out[n].doepint &= ~value;
        return;
    case 0x10:
        if (enabled && n)
            warn(otg, "OTG_FS: a transfer size register was written while its endpoint is enabled");
        if (in) {
            otg->in[n].dieptsiz = value & (n ? 0x7FFFFFFFu : 0x0018007Fu);
            otg->in[n].left = otg->in[n].dieptsiz & EPTSIZ_XFRSIZ;
        } else {
            otg->out[n].doeptsiz = value & (n ? 0x7FFFFFFFu : 0x6008007Fu);
        }
        return;
    default:
        if (value)
            otg->wires.unmodelled(otg->wires.context, offset + (in ? DIEPCTL0 : DOEPCTL0), true);
    }
}

static void reset_write(struct otg_fs *otg, uint32_t value)
{
    if (value & GRSTCTL_CSRST) {
        core_reset(otg);
        otg_attach_update(otg);
        return;
    }
    if (value & (GRSTCTL_RXFFLSH | GRSTCTL_TXFFLSH))
        otg_clock_wanted(otg, "OTG_FS: a FIFO was flushed while PCGCCTL.STPPCLK stopped the PHY's clock");
    if (value & GRSTCTL_RXFFLSH)
        otg_rx_flush(otg);
    if (value & GRSTCTL_TXFFLSH) {
        unsigned fifo = value >> 6 & 0x1Fu;
        for (unsigned n = 0; n < otg->variant->endpoints; n++)
            if (fifo == 16 || fifo == n)
                otg_tx_flush(otg, n);
    }
}

static void global_write(struct otg_fs *otg, uint32_t offset, uint32_t value)
{
    if (offset >= DIEPTXF1 && offset < DIEPTXF1 + 4u * (otg->variant->endpoints - 1u)) {
        otg->dieptxf[1 + (offset - DIEPTXF1) / 4] = value;
        return;
    }
    switch (offset) {
    case GOTGCTL:
        otg->gotgctl = value;
        otg_attach_update(otg);
        break;
    case GOTGINT: otg->gotgint &= ~value; break;
    case GAHBCFG: otg->gahbcfg = value & 0x1FFu; break;
    case GUSBCFG:
        otg->gusbcfg = value;
        if (value & 1u << 29)
            warn(otg, "OTG_FS: host mode (GUSBCFG.FHMOD) is not modelled");
        break;
    case GRSTCTL: reset_write(otg, value); break;
    case GINTSTS: otg->gintsts &= ~(value & GINTSTS_W1C); break;
    case GINTMSK: otg->gintmsk = value; break;
    case GRXFSIZ: otg->grxfsiz = value & 0xFFFFu; break;
    case DIEPTXF0: otg->dieptxf[0] = value; break;
    case GCCFG:
        otg->gccfg = value & 0x003F0000u;
        otg_attach_update(otg);
        break;
    case OTG_CID: otg->cid = value; break;
    case HPTXFSIZ: otg->hptxfsiz = value; break;
    default:
        if (value)
            otg->wires.unmodelled(otg->wires.context, offset, true);
    }
}

/* DCTL: the global NAKs. The OUT one takes effect when software has taken its entry from the receive FIFO [RM]. */
static void dctl_write(struct otg_fs *otg, uint32_t value)
{
    uint32_t writable = 0x00000873u;
    if ((value ^ otg->dctl) & DCTL_RWUSIG)
        otg_wakeup_write(otg, value & DCTL_RWUSIG);
    otg->dctl = (otg->dctl & ~writable) | (value & writable);
    if (value & DCTL_SGINAK)
        otg->dctl |= DCTL_GINSTS;
    if (value & DCTL_CGINAK)
        otg->dctl &= ~DCTL_GINSTS;
    if (value & DCTL_SGONAK && !(otg->dctl & DCTL_GONSTS)) {
        otg->dctl |= DCTL_GONSTS;
        otg->gonak_polls = 0;
        otg_rx_push(otg, 0, PKTSTS_GLOBAL_NAK, false, NULL, 0);
    }
    if (value & DCTL_CGONAK) {
        otg->dctl &= ~DCTL_GONSTS;
        otg->gintsts &= ~GINTSTS_GONAKEFF;
    }
    otg_attach_update(otg);
}

static void device_write(struct otg_fs *otg, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case DCFG:
        /* In a control transfer the new address waits for the end of the status stage [drivers]. */
        if (!otg->setup_address || !(value & DCFG_DAD))
            otg->address = (uint8_t)((value & DCFG_DAD) >> DCFG_DAD_POS);
        otg->dcfg = value;
        break;
    case DCTL: dctl_write(otg, value); break;
    case DIEPMSK: otg->diepmsk = value & 0xFFu; break;
    case DOEPMSK: otg->doepmsk = value & 0xFFu; break;
    case DAINTMSK: otg->daintmsk = value; break;
    case DVBUSDIS: otg->dvbusdis = value; break;
    case DVBUSPULSE: otg->dvbuspulse = value; break;
    case DIEPEMPMSK: otg->diepempmsk = value & 0xFFFFu; break;
    case PCGCCTL: otg_pcgcctl_write(otg, value); break;
    case DSTS:
    case DAINT: break;
    default:
        if (value)
            otg->wires.unmodelled(otg->wires.context, offset, true);
    }
}

void otg_write(struct otg_fs *otg, uint32_t offset, uint32_t value)
{
    if (offset >= OTG_FIFO && offset < OTG_FIFO + 16u * OTG_FIFO_STRIDE) {
        unsigned n = (offset - OTG_FIFO) / OTG_FIFO_STRIDE;
        if (n >= otg->variant->endpoints) {
            warn(otg, "OTG_FS: a FIFO of an endpoint that doesn't exist was written");
            return;
        }
        bool before = otg_tx_empty_level(otg, n);
        otg_tx_push(otg, n, value);
        if (before != otg_tx_empty_level(otg, n))
            otg_update(otg);
        return;
    }
    if (otg->filling >= 0 && otg->tracing)
        warn(otg, "OTG_FS: a register written in the middle of a packet written to a transmit FIFO");
    if (offset < DCFG)
        global_write(otg, offset, value);
    else if (offset >= DIEPCTL0 && offset < DIEPCTL0 + 0x200)
        endpoint_write(otg, offset - DIEPCTL0, true, value);
    else if (offset >= DOEPCTL0 && offset < DOEPCTL0 + 0x200)
        endpoint_write(otg, offset - DOEPCTL0, false, value);
    else
        device_write(otg, offset, value);
    otg_update(otg);
}
