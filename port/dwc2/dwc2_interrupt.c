/*
 * DWC2, the interrupt's half: FIFO to memory, memory to FIFO, event bits. See dwc2.h.
 *
 *   RXFLVL: pop status words ─→ OUT data, OUT complete, SETUP data, SETUP done
 *   IEPINT: XFRC ─→ next chunk, empty packet or USB_EVENT_IN; TXFE ─→ fill the FIFO with whole packets
 *
 * Only this file touches a FIFO, and never between two words of a packet anything else of the core. Memory
 * is moved eight words at a time where it is 4-aligned; LDM and STM fault elsewhere, so other pieces go
 * word by word, and a packet made of several pieces is put together on the stack first.
 */
/* SPDX-License-Identifier: MIT */
#include "port/dwc2/dwc2_private.h"

#include <string.h>

#define HOT __attribute__((optimize("O2")))

#define BUS_EVENTS                                                                                           \
    (GINTSTS_USBRST | GINTSTS_ENUMDNE | GINTSTS_USBSUSP | GINTSTS_WKUPINT | GINTSTS_OTGINT | GINTSTS_SRQINT)

typedef uint32_t unaligned_word __attribute__((aligned(1), may_alias));
typedef uint32_t memory_word __attribute__((may_alias));

/* ---- words ---- */

/* Eight words from a FIFO to 4-aligned memory: returns the address behind them. */
static inline memory_word *fifo_read_8(const volatile uint32_t *fifo, memory_word *to)
{
    __asm__ volatile("ldr r3, [%1]\n ldr r4, [%1]\n ldr r5, [%1]\n ldr r6, [%1]\n"
                     "ldr r8, [%1]\n ldr r9, [%1]\n ldr r10, [%1]\n ldr r12, [%1]\n"
                     "stmia %0!, {r3, r4, r5, r6, r8, r9, r10, r12}"
                     : "+r"(to)
                     : "r"(fifo)
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "memory");
    return to;
}

/* Eight words from 4-aligned memory to a FIFO: returns the address behind them. */
static inline const memory_word *fifo_write_8(volatile uint32_t *fifo, const memory_word *from)
{
    __asm__ volatile("ldmia %0!, {r3, r4, r5, r6, r8, r9, r10, r12}\n"
                     "str r3, [%1]\n str r4, [%1]\n str r5, [%1]\n str r6, [%1]\n"
                     "str r8, [%1]\n str r9, [%1]\n str r10, [%1]\n str r12, [%1]"
                     : "+r"(from)
                     : "r"(fifo)
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "memory");
    return from;
}

/* Pop `length` bytes into 4-aligned memory with room for whole words. */
HOT static void fifo_read(const volatile uint32_t *fifo, uint8_t *to, uint32_t length)
{
    memory_word *word = (memory_word *)(void *)to;
    uint32_t words = (length + 3) / 4;

    for (; words >= 8; words -= 8)
        word = fifo_read_8(fifo, word);
    for (; words; words--)
        *word++ = *fifo;
}

/* Push `length` bytes; the last word may take up to three bytes from behind `from`, which the core drops. */
HOT static void fifo_write(volatile uint32_t *fifo, const uint8_t *from, uint32_t length)
{
    uint32_t words = (length + 3) / 4;

    if ((uintptr_t)from & 3) {
        const unaligned_word *word = (const unaligned_word *)(const void *)from;
        for (; words >= 4; words -= 4, word += 4) {
            *fifo = word[0];
            *fifo = word[1];
            *fifo = word[2];
            *fifo = word[3];
        }
        for (; words; words--)
            *fifo = *word++;
        return;
    }
    const memory_word *word = (const memory_word *)(const void *)from;
    for (; words >= 8; words -= 8)
        word = fifo_write_8(fifo, word);
    for (; words; words--)
        *fifo = *word++;
}

/* ---- OUT ---- */

HOT static void out_data(struct dwc2 *dwc2, unsigned n, uint32_t length)
{
    struct dwc2_out *out = &dwc2->out[n];
    const volatile uint32_t *fifo = &dwc2_regs(dwc2)->FIFO[0].word;

    if (length > out->room) { /* nobody waits for it, or the core sent more than we armed */
        for (uint32_t words = (length + 3) / 4; words; words--)
            (void)*fifo;
        dwc2->dropped += length != 0;
        return;
    }
    fifo_read(fifo, out->buffer, length);
    out->buffer += length;
    out->room -= length;
    out->received += length;
}

static void out_complete(struct dwc2 *dwc2, unsigned n)
{
    struct dwc2_out_endpoint_regs *ep = &dwc2_regs(dwc2)->OUT[n];
    struct dwc2_out *out = &dwc2->out[n];

    if (n == 0 && dwc2->chip->extra_out_complete && ep->DOEPINT & (DOEPINT_STPKTRX | DOEPINT_STSPHSRX)) {
        ep->DOEPINT = DOEPINT_STPKTRX | DOEPINT_STSPHSRX;
        return;
    }
    ep->DOEPINT = EPINT_XFRC;
    if (!out->active)
        return;
    bool full = out->received && out->received % out->packet_size == 0;
    if (n == 0 && full && out->room >= out->packet_size) {
        dwc2_out_start(dwc2, 0); /* endpoint 0 is armed packet by packet */
        return;
    }
    out->active = false;
    out->room = 0;
    dwc2->events |= USB_EVENT_OUT(n);
}

/* A SETUP packet ends whatever endpoint 0 was doing. Its bytes become valid at "SETUP done"; of several
 * back to back the last one counts. */
static void setup_data(struct dwc2 *dwc2, uint32_t setup[2])
{
    const volatile uint32_t *fifo = &dwc2_regs(dwc2)->FIFO[0].word;

    setup[0] = *fifo;
    setup[1] = *fifo;
    dwc2->overtaken = true;
    if (dwc2->in[0].active)
        dwc2_in_stop(dwc2, 0);
    dwc2->out[0].active = false;
    dwc2->out[0].room = 0;
    dwc2->events &= ~(USB_EVENT_IN(0) | USB_EVENT_OUT(0) | USB_EVENT_SETUP);
}

static void setup_done(struct dwc2 *dwc2)
{
    struct dwc2_out_endpoint_regs *ep = &dwc2_regs(dwc2)->OUT[0];

    dwc2->setup[0] = dwc2->arriving[0];
    dwc2->setup[1] = dwc2->arriving[1];
    ep->DOEPTSIZ = DOEPTSIZ0_STUPCNT;
    ep->DOEPINT = DOEPINT_STUP | DOEPINT_STPKTRX;
    dwc2->overtaken = false;
    dwc2->events |= USB_EVENT_SETUP;
}

HOT void dwc2_receive(struct dwc2 *dwc2)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);

    do {
        uint32_t entry = regs->GRXSTSP;
        unsigned n = entry & GRXSTSP_EPNUM;
        unsigned what = entry >> GRXSTSP_PKTSTS_POS & GRXSTSP_PKTSTS;

        if (n >= DWC2_ENDPOINTS_MAX)
            n = DWC2_ENDPOINTS_MAX - 1; /* no chip has it; keeps us inside our arrays */
        if (what == PKTSTS_OUT_DATA)
            out_data(dwc2, n, entry >> GRXSTSP_BCNT_POS & GRXSTSP_BCNT);
        else if (what == PKTSTS_OUT_COMPLETE)
            out_complete(dwc2, n);
        else if (what == PKTSTS_SETUP_DATA)
            setup_data(dwc2, dwc2->arriving);
        else if (what == PKTSTS_SETUP_DONE)
            setup_done(dwc2);
    } while (regs->GINTSTS & GINTSTS_RXFLVL);
}

/* ---- IN ---- */

/* Put a packet together from several pieces. The cursor is left behind it. */
HOT static void gather(struct dwc2_in *in, uint8_t *to, uint32_t length)
{
    while (length) {
        uint32_t part = in->piece->length - in->offset;
        if (part > length)
            part = length;
        const uint8_t *from = (const uint8_t *)in->piece->base + in->offset;
        in->offset += part;
        length -= part;
        for (; part >= 4; part -= 4, from += 4, to += 4)
            *(unaligned_word *)(void *)to = *(const unaligned_word *)(const void *)from;
        for (; part; part--)
            *to++ = *from++;
        if (length) {
            in->piece++;
            in->offset = 0;
        }
    }
}

/* Fill the FIFO with whole packets as far as they fit. */
HOT static void in_fill(struct dwc2 *dwc2, unsigned n)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    struct dwc2_in *in = &dwc2->in[n];
    volatile uint32_t *fifo = &regs->FIFO[n].word;
    uint32_t space = (regs->IN[n].DTXFSTS & 0xFFFFu) * 4;

    while (in->left) {
        uint32_t length = in->left < in->packet_size ? in->left : in->packet_size;
        if (space < length)
            return;
        while (in->offset == in->piece->length) {
            in->piece++;
            in->offset = 0;
        }
        if (in->piece->length - in->offset >= length) {
            fifo_write(fifo, (const uint8_t *)in->piece->base + in->offset, length);
            in->offset += length;
        } else {
            uint32_t packet[DWC2_PACKET_SIZE_MAX / 4];
            gather(in, (uint8_t *)packet, length);
            fifo_write(fifo, (uint8_t *)packet, length);
        }
        in->left -= length;
        space -= (length + 3) & ~3u;
    }
    regs->DIEPEMPMSK &= ~(1u << n);
}

static void in_complete(struct dwc2 *dwc2, unsigned n)
{
    struct dwc2_in *in = &dwc2->in[n];

    dwc2_regs(dwc2)->IN[n].DIEPINT = EPINT_XFRC;
    if (!in->active)
        return;
    if (in->unsent || in->zlp) {
        in->zlp = in->unsent && in->zlp;
        dwc2_in_start(dwc2, n);
        return;
    }
    in->active = false;
    dwc2->events |= USB_EVENT_IN(n);
}

HOT static void send(struct dwc2 *dwc2)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    uint32_t waiting = regs->DAINT & ((1u << dwc2->chip->endpoint_count) - 1);

    for (unsigned n = 0; waiting; n++, waiting >>= 1) {
        if (!(waiting & 1))
            continue;
        if (regs->IN[n].DIEPINT & EPINT_XFRC)
            in_complete(dwc2, n);
        if (regs->DIEPEMPMSK & 1u << n)
            in_fill(dwc2, n);
    }
}

/* ---- the bus ---- */

static void bus_events(struct dwc2 *dwc2, uint32_t status)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    bool gone = false;

    regs->GINTSTS = status & BUS_EVENTS;
    if (status & GINTSTS_OTGINT) {
        gone = regs->GOTGINT & GOTGINT_SEDET; /* VBUS has gone: for the device the same as a reset */
        regs->GOTGINT = regs->GOTGINT;
    }
    if (status & GINTSTS_USBRST || gone) {
        dwc2_reset_state(dwc2);
        dwc2->events = USB_EVENT_RESET;
    }
    if (status & GINTSTS_USBSUSP)
        dwc2->events |= USB_EVENT_SUSPEND;
    if (status & GINTSTS_WKUPINT)
        dwc2->events |= USB_EVENT_RESUME;
}

HOT void dwc2_interrupt(struct dwc2 *dwc2)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    uint32_t before = dwc2->events;

    if (!(regs->GAHBCFG & GAHBCFG_GINT))
        return; /* was on its way when the loop locked; it comes again at the unlock */
    uint32_t status = regs->GINTSTS;
    if (status & BUS_EVENTS & regs->GINTMSK)
        bus_events(dwc2, status & regs->GINTMSK);
    if (regs->GINTSTS & GINTSTS_RXFLVL)
        dwc2_receive(dwc2);
    if (regs->GINTSTS & GINTSTS_IEPINT)
        send(dwc2);
    if (dwc2->port.wake && dwc2->events & ~before)
        dwc2->port.wake(dwc2->port.wake_context);
}
