/*
 * What the driver's two halves share: dwc2.c, the loop's, and dwc2_interrupt.c, the interrupt's.
 *
 * The loop enters its critical sections with dwc2_lock, which switches off the core's interrupt output
 * (GAHBCFG.GINT): no other interrupt of the system is delayed, and no processor register is needed.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_UDC_DWC2_PRIVATE_H
#define PLUGNET_UDC_DWC2_PRIVATE_H

#include "udc/dwc2/dwc2.h"
#include "udc/dwc2/dwc2_regs.h"
#include "wire/usb_ch9.h"

/* A wait for the core ends after this many reads: some ms, a hundred times what a packet on the bus takes. */
#define DWC2_WAIT_MAX 100000u

#define DWC2_EP0_PACKET_SIZE 64u

/* The suspend interrupt comes after 3 ms of an idle bus, resume signalling not before 5: three ticks are 2 ms at least. */
#define DWC2_WAKE_MS       4u
#define DWC2_WAKE_AGAIN_MS 101u /* after a signal that wasn't answered */

static inline struct dwc2_regs *dwc2_regs(const struct dwc2 *dwc2)
{
    return dwc2->regs;
}

static inline __attribute__((always_inline)) void dwc2_lock(const struct dwc2 *dwc2)
{
    dwc2_regs(dwc2)->GAHBCFG = 0;
    (void)dwc2_regs(dwc2)
        ->GAHBCFG; /* the write has arrived; see dwc2_interrupt for the one already under way */
}

static inline __attribute__((always_inline)) void dwc2_unlock(const struct dwc2 *dwc2)
{
    dwc2_regs(dwc2)->GAHBCFG = GAHBCFG_GINT;
}

/* The bus has been suspended, or no longer is; its clock follows. Locked, or interrupt. */
static inline void dwc2_sleep(struct dwc2 *dwc2, bool asleep)
{
    dwc2_regs(dwc2)->PCGCCTL = asleep ? PCGCCTL_STPPCLK : 0;
#if USB_REMOTE_WAKEUP
    dwc2->wake_in = !asleep ? 0 : dwc2->wake_sent ? DWC2_WAKE_AGAIN_MS : DWC2_WAKE_MS;
    dwc2->wake_sent = dwc2->wake_wanted = false;
#endif
}

/* Wait until (*reg & mask) == value, bounded; counts in `stuck` when the core doesn't get there. */
bool dwc2_wait(struct dwc2 *dwc2, const volatile uint32_t *reg, uint32_t mask, uint32_t value);

/* Disable an IN endpoint if it is enabled, flush its FIFO and forget its transfer. Locked, or interrupt. */
void dwc2_in_stop(struct dwc2 *dwc2, unsigned n);

/* Program the next chunk of an IN transfer: all of it, or one packet on endpoint 0. Locked, or interrupt. */
void dwc2_in_start(struct dwc2 *dwc2, unsigned n);

/* Fill the FIFO of an IN endpoint. Locked, or interrupt. */
void dwc2_in_fill(struct dwc2 *dwc2, unsigned n);

/* Enable an OUT endpoint for what its buffer holds. Locked, or interrupt. */
void dwc2_out_start(struct dwc2 *dwc2, unsigned n);

/* Note how far whole packets concern neither the buffer's end nor its watch. Locked, or interrupt. */
void dwc2_out_mark(struct dwc2_out *out);

/* Drain the receive FIFO. Locked, or interrupt. */
void dwc2_receive(struct dwc2 *dwc2);

/* Everything to the state after a bus reset: endpoint 0 listens, all others closed. Locked, or interrupt. */
void dwc2_reset_state(struct dwc2 *dwc2);

#endif
