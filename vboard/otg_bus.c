/*
 * OTG_FS, the bus: what the cable's transactions meet in the core.
 *
 *   SETUP   always taken while the receive FIFO has room: NAK on both directions of endpoint 0, toggles to DATA1,
 *           STALL gone; its "done" entry is written when the next IN or OUT token of endpoint 0 comes [RM]
 *   OUT     STALL, NAK, or into the receive FIFO; the entry "done" behind a short or the last packet
 *   IN      STALL, NAK, or the next packet of the transmit FIFO, if it is there as a whole
 *
 * A bus reset clears USBAEP of all endpoints but 0 and the frame number, nothing else [RM says so of USBAEP]:
 * DCFG.DAD, EPENA, NAKSTS, STALL, FIFOs and DIEPEMPMSK stay until software sees to them, as all public
 * drivers do [drivers].
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/otg_fs.h"

#include <stdarg.h>
#include <stdio.h>

#define FRAME_NS 1000000u

void otg_tell(struct otg_fs *otg, const char *format, ...)
{
    char text[160];
    va_list arguments;
    if (!otg->tracing)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    otg->wires.trace(otg->wires.context, text);
}

bool otg_session_valid(const struct otg_fs *otg)
{
    if (otg->variant->vbden) {
        if (otg->gotgctl & GOTGCTL_BVALOEN)
            return otg->gotgctl & GOTGCTL_BVALOVAL;
        return otg->vbus && otg->gccfg & GCCFG_VBDEN;
    }
    if (otg->gccfg & GCCFG_NOVBUSSENS)
        return true;
    return otg->vbus && otg->gccfg & GCCFG_VBUSBSEN;
}

bool otg_pulled_up(const struct otg_fs *otg)
{
    return otg->attached;
}

bool otg_asks_pull_up(const struct otg_fs *otg)
{
    return otg->gccfg & GCCFG_PWRDWN && !(otg->dctl & DCTL_SDIS);
}

bool otg_wants_pull_up(const struct otg_fs *otg)
{
    return otg_asks_pull_up(otg) && otg_session_valid(otg);
}

const char *otg_session_trouble(const struct otg_fs *otg)
{
    if (!otg->plugged || otg_session_valid(otg))
        return NULL;
    if (!otg->variant->vbden)
        return otg->gccfg & GCCFG_VBUSBSEN
                   ? "since VBUS is sensed on PA9, but the board doesn't lead it there"
                   : "since GCCFG has neither VBUSBSEN nor NOVBUSSENS";
    if (otg->gotgctl & GOTGCTL_BVALOEN)
        return "since GOTGCTL.BVALOEN is set, but BVALOVAL isn't";
    return otg->gccfg & GCCFG_VBDEN
               ? "since VBUS is sensed on PA9, but the board doesn't lead it there"
               : "since GCCFG.VBDEN is off and GOTGCTL.BVALOEN with BVALOVAL doesn't take its place";
}

void otg_attach_update(struct otg_fs *otg)
{
    bool pull = otg_wants_pull_up(otg) && otg->wires.ready(otg->wires.context);
    if (pull == otg->attached)
        return;
    otg->attached = pull;
    otg_tell(otg, pull ? "pull-up on" : "pull-up off");
    if (!pull) {
        otg->in_reset = otg->reset_unseen = otg->signalling = otg->suspended = otg->host_resumes = false;
        otg->dsts &= ~DSTS_SUSPSTS;
    }
    otg_alive(otg);
}

static bool hears(const struct otg_fs *otg)
{
    return otg->attached && !otg->in_reset && !otg_clock_stands(otg) && otg->wires.ready(otg->wires.context);
}

void otg_eopf_event(struct otg_fs *otg)
{
    otg->gintsts |= GINTSTS_EOPF;
    otg_update(otg);
}

void otg_vbus(struct otg_fs *otg, bool on)
{
    bool before = otg_session_valid(otg);
    if (otg->vbus == on)
        return;
    otg->vbus = on;
    otg_tell(otg, on ? "VBUS on" : "VBUS off");
    if (otg->gccfg & GCCFG_PWRDWN && otg_session_valid(otg) != before) {
        if (on)
            otg->gintsts |= GINTSTS_SRQINT;
        else
            otg->gotgint |= GOTGINT_SEDET;
    }
    otg_attach_update(otg);
    otg_update(otg);
}

void otg_reset_begins(struct otg_fs *otg)
{
    otg->dsts &= ~DSTS_FNSOF;
    otg->setup_open = otg->setup_address = false;
    for (unsigned n = 1; n < otg->variant->endpoints; n++) {
        otg->in[n].diepctl &= ~EPCTL_USBAEP;
        otg->out[n].doepctl &= ~EPCTL_USBAEP;
    }
    otg->gintsts |= GINTSTS_USBRST;
}

void otg_bus_reset(struct otg_fs *otg, bool begins)
{
    if (!otg->attached)
        return;
    if (begins) {
        otg_tell(otg, "bus reset");
        otg_alive(otg);
        otg->self_woken = otg->host_resumes = false;
        otg->in_reset = true;
        otg->reset_unseen = otg_clock_stands(otg);
        if (!otg->reset_unseen)
            otg_reset_begins(otg);
    } else if (otg->in_reset) {
        otg->in_reset = false;
        otg_clock_wanted(otg, "OTG_FS: a bus reset has passed while PCGCCTL.STPPCLK stopped the PHY's clock");
        if (!otg->reset_unseen) {
            otg->dsts |= 3u << 1; /* full speed */
            otg->gintsts |= GINTSTS_ENUMDNE;
        }
        otg->reset_unseen = false;
        otg_alive(otg);
    }
    otg_update(otg);
}

void otg_frame(struct otg_fs *otg, uint16_t number)
{
    if (!otg->attached || otg->in_reset)
        return;
    otg->host_resumes = false;
    otg_alive(otg);
    otg->frame_ns = otg->active_ns;
    if (!hears(otg))
        return;
    otg->dsts = (otg->dsts & ~DSTS_FNSOF) | (uint32_t)number << DSTS_FNSOF_POS;
    otg->gintsts |= GINTSTS_SOF;
    unsigned percent = 80 + 5 * (otg->dcfg >> DCFG_PFIVL_POS & 3u);
    otg->wires.eopf_at(otg->wires.context, otg->active_ns + FRAME_NS / 100 * percent);
    otg_update(otg);
}

/* GUSBCFG.TRDT: too short a turnaround time for the AHB clock, and the core answers too late. The limits are those
 * of ST's HAL [drivers]. */
static void check_turnaround(struct otg_fs *otg)
{
    static const uint32_t from_khz[] = {14200, 15000, 16000, 17200, 18500, 20000, 21800, 24000, 27700, 32000};
    uint64_t khz = otg->wires.core_hz(otg->wires.context) / 1000;
    unsigned wanted = 16;
    for (unsigned i = 0; i < sizeof from_khz / sizeof *from_khz && khz >= from_khz[i]; i++)
        wanted--;
    if (wanted == 16)
        otg->wires.warn(otg->wires.context, "OTG_FS: the AHB clock is below the 14.2 MHz that USB needs");
    else if ((otg->gusbcfg >> 10 & 0xFu) < wanted)
        otg->wires.warn(otg->wires.context,
                        "OTG_FS: GUSBCFG.TRDT is shorter than ST's HAL sets it for this AHB clock");
}

enum cable_answer otg_setup(struct otg_fs *otg, uint8_t address, uint8_t endpoint, const uint8_t packet[8])
{
    if (!hears(otg) || address != otg->address || endpoint != 0)
        return CABLE_SILENCE;
    otg_alive(otg);
    if (!otg_rx_room(otg, 3, true)) {
        otg->wires.warn(otg->wires.context, "OTG_FS: a SETUP packet was lost, the receive FIFO is full");
        return CABLE_SILENCE;
    }
    otg_tell(otg, "SETUP %02x %02x %02x %02x %02x %02x %02x %02x", packet[0], packet[1], packet[2], packet[3],
             packet[4], packet[5], packet[6], packet[7]);
    check_turnaround(otg);
    otg_rx_push(otg, 0, PKTSTS_SETUP, false, packet, 8);
    /* Core 3.10a reports it as a completed OUT transfer, too: by flags, and in the FIFO [drivers: ST's HAL and TinyUSB
     * both drop that]. Whether the entry always comes with the flags is not known; here it does every second time. */
    otg->extra_entry = otg->variant->extra_setup && !otg->extra_entry;
    if (otg->extra_entry && otg_rx_room(otg, 1, false))
        otg_rx_push(otg, 0, PKTSTS_OUT_DONE, false, NULL, 0);
    struct otg_in *in = &otg->in[0];
    struct otg_out *out = &otg->out[0];
    in->diepctl = (in->diepctl & ~EPCTL_STALL) | EPCTL_NAKSTS | EPCTL_DPID;
    out->doepctl = (out->doepctl & ~EPCTL_STALL) | EPCTL_NAKSTS | EPCTL_DPID;
    if (out->doeptsiz & EPTSIZ_STUPCNT)
        out->doeptsiz -= 1u << 29;
    otg->setups = otg->setup_open ? (uint8_t)(otg->setups + 1) : 1;
    if (otg->setups > 3)
        out->doepint |= EPINT_B2BSTUP;
    otg->setup_open = true;
    otg->setup_address = !(packet[0] & 0x80u);
    otg->control_in = packet[0] & 0x80u && (packet[6] || packet[7]);
    otg_update(otg);
    return CABLE_ACK;
}

/* The first token of endpoint 0 behind a SETUP packet tells the core that the set-up stage is over. */
static void setup_close(struct otg_fs *otg)
{
    if (!otg->setup_open)
        return;
    otg->setup_open = false;
    otg->setups = 0;
    otg_rx_push(otg, 0, PKTSTS_SETUP_DONE, false, NULL, 0);
}

/* Takes an OUT packet into the FIFO; the caller has checked that the endpoint wants it. */
static enum cable_answer out_take(struct otg_fs *otg, unsigned n, bool data1, const uint8_t *packet,
                                  uint16_t length)
{
    struct otg_out *out = &otg->out[n];
    /* Room for the packet and its status, and for the "done" entry behind it. */
    if (!otg_rx_room(otg, 2u + (length + 3u) / 4u, false))
        return CABLE_NAK;
    uint32_t packets = (out->doeptsiz & EPTSIZ_PKTCNT) >> EPTSIZ_PKTCNT_POS;
    if (packets)
        packets--;
    out->doeptsiz = (out->doeptsiz & ~EPTSIZ_PKTCNT) | packets << EPTSIZ_PKTCNT_POS;
    if ((out->doepctl & EPCTL_EPTYP) >> EPCTL_EPTYP_POS != 1 || n == 0)
        out->doepctl ^= EPCTL_DPID;
    otg_rx_push(otg, n, PKTSTS_OUT, data1, packet, length);
    if (packets == 0 || length < otg_packet_size(otg, n, false)) {
        out->doepctl |= EPCTL_NAKSTS;
        otg_rx_push(otg, n, PKTSTS_OUT_DONE, data1, NULL, 0);
    }
    otg_update(otg);
    return CABLE_ACK;
}

enum cable_answer otg_out(struct otg_fs *otg, uint8_t address, uint8_t endpoint, bool data1,
                          const uint8_t *packet, uint16_t length)
{
    if (!hears(otg) || address != otg->address || endpoint >= otg->variant->endpoints)
        return CABLE_SILENCE;
    struct otg_out *out = &otg->out[endpoint];
    if (!(out->doepctl & EPCTL_USBAEP))
        return CABLE_SILENCE;
    otg_alive(otg);
    if (endpoint == 0)
        setup_close(otg);
    uint32_t size = otg_packet_size(otg, endpoint, false);
    if (length > size) {
        otg->wires.warn(otg->wires.context, "OTG_FS: an OUT packet longer than MPSIZ came and was ignored");
        otg_update(otg);
        return CABLE_SILENCE;
    }
    enum cable_answer answer = CABLE_NAK;
    bool isochronous = endpoint && (out->doepctl & EPCTL_EPTYP) >> EPCTL_EPTYP_POS == 1;
    if (out->doepctl & EPCTL_STALL ||
        (endpoint == 0 && otg->control_in && length && otg->dcfg & DCFG_NZLSOHSK)) {
        answer = CABLE_STALL;
    } else if (otg->dctl & DCTL_GONSTS || out->doepctl & EPCTL_NAKSTS || !(out->doepctl & EPCTL_EPENA)) {
        if (endpoint == 0 && !(out->doepctl & EPCTL_EPENA))
            out->doepint |= EPINT_OTEPDIS;
    } else if (!isochronous && data1 != !!(out->doepctl & EPCTL_DPID)) {
        answer = CABLE_ACK; /* the host missed our ACK: seen before */
        otg_tell(otg, "OUT %u: repeated packet dropped", endpoint);
    } else {
        answer = out_take(otg, endpoint, data1, packet, length);
    }
    otg_update(otg);
    return answer;
}

/* The packet has left and the host has acknowledged it. */
static void in_done(struct otg_fs *otg, unsigned n, uint32_t size)
{
    struct otg_in *in = &otg->in[n];
    uint32_t packets = ((in->dieptsiz & EPTSIZ_PKTCNT) >> EPTSIZ_PKTCNT_POS) - 1;
    in->dieptsiz = (in->dieptsiz & ~EPTSIZ_PKTCNT) | packets << EPTSIZ_PKTCNT_POS;
    in->left -= size;
    if ((in->diepctl & EPCTL_EPTYP) >> EPCTL_EPTYP_POS != 1 || n == 0)
        in->diepctl ^= EPCTL_DPID;
    if (packets == 0) {
        if (in->left)
            otg->wires.warn(otg->wires.context,
                            "OTG_FS: an IN transfer's PKTCNT was too small for its XFRSIZ");
        in->diepctl &= ~EPCTL_EPENA;
        in->diepint |= EPINT_XFRC;
    }
    if (n == 0 && otg->setup_address) {
        otg->setup_address = false;
        otg->address = (uint8_t)((otg->dcfg & DCFG_DAD) >> DCFG_DAD_POS);
    }
}

enum cable_answer otg_in(struct otg_fs *otg, uint8_t address, uint8_t endpoint, bool *data1,
                         uint8_t packet[CABLE_PACKET_MAX], uint16_t *length)
{
    if (!hears(otg) || address != otg->address || endpoint >= otg->variant->endpoints)
        return CABLE_SILENCE;
    struct otg_in *in = &otg->in[endpoint];
    if (!(in->diepctl & EPCTL_USBAEP))
        return CABLE_SILENCE;
    otg_alive(otg);
    if (endpoint == 0)
        setup_close(otg);
    unsigned fifo = (in->diepctl & EPCTL_TXFNUM) >> EPCTL_TXFNUM_POS;
    uint32_t mps = otg_packet_size(otg, endpoint, true), size = in->left < mps ? in->left : mps;
    enum cable_answer answer = CABLE_NAK;
    if (in->diepctl & EPCTL_STALL) {
        answer = CABLE_STALL;
    } else if (otg->dctl & DCTL_GINSTS || in->diepctl & EPCTL_NAKSTS || fifo >= otg->variant->endpoints ||
               size > CABLE_PACKET_MAX) {
        answer = CABLE_NAK;
    } else if (!(in->diepctl & EPCTL_EPENA) || !(in->dieptsiz & EPTSIZ_PKTCNT) ||
               otg->tx[fifo].level < (size + 3) / 4) {
        if (otg->tx[fifo].level == 0)
            in->diepint |= EPINT_ITTXFE;
    } else {
        for (uint32_t i = 0; i < size; i += 4) {
            uint32_t word = otg_tx_pop(otg, fifo);
            for (uint32_t b = 0; b < 4 && i + b < size; b++)
                packet[i + b] = (uint8_t)(word >> (8 * b));
        }
        *data1 = in->diepctl & EPCTL_DPID;
        *length = (uint16_t)size;
        in_done(otg, endpoint, size);
        answer = CABLE_ACK;
    }
    otg_update(otg);
    return answer;
}
