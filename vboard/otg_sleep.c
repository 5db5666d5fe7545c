/*
 * OTG_FS, sleep: suspend, resume, remote wake-up, and the clock that software may stop meanwhile.
 *
 *   idle 3 ms ─→ SUSPSTS, USBSUSP ─→ anything on the bus: WKUPINT, SUSPSTS 0
 *                                 └→ DCTL.RWUSIG: SUSPSTS 0, our signal is on the bus ─→ the host resumes, or 3 ms later USBSUSP
 *   PCGCCTL.STPPCLK stops the PHY's clock: nothing is heard or sent, except that a bus which moves still raises WKUPINT
 *
 * DSTS says that writing RWUSIG leaves the suspended state, and DCTL that software clears the bit 1 to 15 ms later [RM]. Whether
 * WKUPINT comes, too, when the host then resumes the bus isn't said: ST's HAL clears RWUSIG in that interrupt's handler, TinyUSB
 * waits for the next SOF instead [drivers]. So the F4 doesn't raise it here, and the L4 does: software must do with both.
 * The host's side is USB 2.0's chapter 7.1.7.7 [unread]: no signal before the bus has been idle for 5 ms, and 1 to 15 ms of it.
 *
 * A bus reset that begins while the clock stands is noticed as soon as the clock runs again, if it still lasts; so does Linux's
 * driver expect it [drivers]. GATEHCLK is only noted: a core of the F4's version hangs with it on Samsung's chips (Linux,
 * no_clock_gating), so it is warned of.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/otg_fs.h"

#define SUSPEND_NS    3000000u
#define IDLE_MIN_NS   5000000u /* before a signal of ours */
#define SIGNAL_MIN_NS 1000000u
#define SIGNAL_MAX_NS 15000000u
#define FRAME_LAST_NS 3000000u /* with a SOF younger than that, the bus isn't on its way out of suspend */

static uint64_t now(const struct otg_fs *otg)
{
    return otg->wires.now(otg->wires.context);
}

static void warn(struct otg_fs *otg, const char *kind)
{
    otg->wires.warn(otg->wires.context, kind);
}

static void moved(struct otg_fs *otg)
{
    otg->active_ns = now(otg);
    otg->wires.suspend_at(otg->wires.context, otg->active_ns + SUSPEND_NS);
}

static void woken(struct otg_fs *otg)
{
    otg->gintsts |= GINTSTS_WKUPINT;
    otg->wires.wakeup(otg->wires.context, true);
    otg->wires.wakeup(otg->wires.context, false);
    otg_tell(otg, "resumed");
    otg_update(otg);
}

static void signal_check(struct otg_fs *otg)
{
    uint64_t took = now(otg) - otg->signal_ns;
    if (took < SIGNAL_MIN_NS)
        warn(otg, "OTG_FS: DCTL.RWUSIG was cleared less than 1 ms after it was set");
    if (took > SIGNAL_MAX_NS)
        warn(otg, "OTG_FS: DCTL.RWUSIG was still set 15 ms after it was set");
}

void otg_alive(struct otg_fs *otg)
{
    moved(otg);
    if (otg->signalling && otg->active_ns - otg->signal_ns > SIGNAL_MAX_NS)
        signal_check(otg);
    if (!otg->suspended)
        return;
    otg->suspended = false;
    otg->dsts &= ~DSTS_SUSPSTS;
    woken(otg);
}

/* The deadline set by the last arming; traffic may have come since. */
void otg_suspend_event(struct otg_fs *otg)
{
    if (!otg->attached || otg->suspended || otg->in_reset)
        return;
    if (otg->signalling || (otg->host_resumes && otg->plugged))
        otg->active_ns = now(otg);
    uint64_t at = otg->active_ns + SUSPEND_NS;
    if (now(otg) < at) {
        otg->wires.suspend_at(otg->wires.context, at);
        return;
    }
    otg->suspended = true;
    otg->self_woken = false; /* the host hasn't listened */
    otg->dsts |= DSTS_SUSPSTS;
    otg->gintsts |= GINTSTS_ESUSP | GINTSTS_USBSUSP;
    otg_tell(otg, "suspended");
    otg_update(otg);
}

void otg_bus_suspend(struct otg_fs *otg, bool suspended)
{
    if (!otg->attached)
        return;
    if (suspended) {
        otg->wires.suspend_at(otg->wires.context, otg->active_ns + SUSPEND_NS);
        return;
    }
    bool own = otg->self_woken;
    otg->self_woken = false;
    otg->host_resumes = true;
    otg_alive(otg);
    if (own && otg->variant->wakes_itself)
        woken(otg);
}

bool otg_wakes(const struct otg_fs *otg)
{
    return otg->attached && otg->signalling;
}

void otg_wakeup_write(struct otg_fs *otg, bool on)
{
    if (!on) {
        if (otg->signalling)
            signal_check(otg);
        otg->signalling = false;
        return;
    }
    if (!otg->attached || !otg->suspended) {
        warn(otg, "OTG_FS: DCTL.RWUSIG was set while the bus wasn't suspended");
        return;
    }
    if (otg_clock_stands(otg)) {
        warn(otg, "OTG_FS: DCTL.RWUSIG was set while PCGCCTL.STPPCLK stopped the PHY's clock: no signal");
        return;
    }
    if (now(otg) - otg->active_ns < IDLE_MIN_NS)
        warn(otg, "OTG_FS: DCTL.RWUSIG was set before the bus had been idle for 5 ms");
    otg->signalling = otg->self_woken = true;
    otg->suspended = false;
    otg->dsts &= ~DSTS_SUSPSTS;
    otg->signal_ns = now(otg);
    moved(otg);
    otg_tell(otg, "wakes the host");
}

/* ---- The PHY's clock ---- */

bool otg_clock_stands(const struct otg_fs *otg)
{
    return otg->pcgcctl & PCGCCTL_STPPCLK;
}

void otg_clock_wanted(struct otg_fs *otg, const char *for_what)
{
    if (otg_clock_stands(otg))
        warn(otg, for_what);
}

uint64_t otg_clock_stood_ns(const struct otg_fs *otg)
{
    return otg->stopped_ns + (otg_clock_stands(otg) ? now(otg) - otg->stopped_since_ns : 0);
}

void otg_pcgcctl_write(struct otg_fs *otg, uint32_t value)
{
    bool before = otg_clock_stands(otg);
    otg->stopped_ns = otg_clock_stood_ns(otg);
    otg->stopped_since_ns = now(otg);
    otg->pcgcctl = value & (PCGCCTL_STPPCLK | PCGCCTL_GATEHCLK);
    if (value & PCGCCTL_GATEHCLK)
        warn(otg, "OTG_FS: PCGCCTL.GATEHCLK: cores of this version are known to hang with it");
    if (!before && otg_clock_stands(otg) && otg->attached && !otg->suspended &&
        now(otg) - otg->frame_ns < FRAME_LAST_NS)
        warn(otg, "OTG_FS: PCGCCTL.STPPCLK was set while the bus wasn't suspended");
    if (before && !otg_clock_stands(otg) && otg->reset_unseen) {
        otg->reset_unseen = false;
        otg_reset_begins(otg);
    }
}
