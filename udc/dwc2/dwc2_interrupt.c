/*
 * DWC2, the interrupt's half: FIFO to memory, memory to FIFO, event bits. See dwc2.h.
 *
 *   RXFLVL: pop status words ─→ OUT data, OUT complete, SETUP data, SETUP done
 *   IEPINT: XFRC ─→ next chunk, empty packet or USB_EVENT_IN; TXFE ─→ fill the FIFO with whole packets
 *
 * Only this file touches a FIFO, and never between two words of a packet anything else of the core. Memory
 * is moved eight words at a time where it is 4-aligned; LDM and STM fault elsewhere, so other pieces go
 * word by word.
 */
/* SPDX-License-Identifier: MIT */
#include "udc/dwc2/dwc2_private.h"

#include <string.h>

/* Loops stay loops: memcpy is slower for pieces of a packet. */
#define HOT  __attribute__((optimize("O2", "no-tree-loop-distribute-patterns")))
#define COLD __attribute__((noinline, cold))

#define BUS_EVENTS                                                                                           \
    (GINTSTS_USBRST | GINTSTS_ENUMDNE | GINTSTS_USBSUSP | GINTSTS_WKUPINT | GINTSTS_OTGINT | GINTSTS_SRQINT)

/* GRXSTSP without the data toggle and the frame number: 64 bytes of OUT data, any endpoint. */
#define ENTRY_MASK         (GRXSTSP_PKTSTS << GRXSTSP_PKTSTS_POS | GRXSTSP_BCNT << GRXSTSP_BCNT_POS)
#define ENTRY_WHOLE_PACKET (PKTSTS_OUT_DATA << GRXSTSP_PKTSTS_POS | 64u << GRXSTSP_BCNT_POS)

typedef uint32_t unaligned_word __attribute__((aligned(1), may_alias));

/* ---- words ---- */

/* A whole packet of 16 words from a FIFO to 4-aligned memory. */
static inline uint8_t *packet_read(const volatile uint32_t *fifo, uint8_t *to)
{
    __asm__ volatile("ldr r3, [%1]\n ldr r4, [%1]\n ldr r5, [%1]\n ldr r6, [%1]\n"
                     "ldr r8, [%1]\n ldr r9, [%1]\n ldr r10, [%1]\n ldr r12, [%1]\n"
                     "stmia %0!, {r3, r4, r5, r6, r8, r9, r10, r12}\n"
                     "ldr r3, [%1]\n ldr r4, [%1]\n ldr r5, [%1]\n ldr r6, [%1]\n"
                     "ldr r8, [%1]\n ldr r9, [%1]\n ldr r10, [%1]\n ldr r12, [%1]\n"
                     "stmia %0!, {r3, r4, r5, r6, r8, r9, r10, r12}"
                     : "+r"(to)
                     : "r"(fifo)
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "memory");
    return to;
}

/* `count` whole packets from 4-aligned memory to a FIFO. */
static inline void packets_write(volatile uint32_t *fifo, const uint8_t *from, uint32_t count)
{
    __asm__ volatile("1: ldmia %0!, {r3, r4, r5, r6, r8, r9, r10, r12}\n"
                     "str r3, [%2]\n str r4, [%2]\n str r5, [%2]\n str r6, [%2]\n"
                     "str r8, [%2]\n str r9, [%2]\n str r10, [%2]\n str r12, [%2]\n"
                     "ldmia %0!, {r3, r4, r5, r6, r8, r9, r10, r12}\n"
                     "str r3, [%2]\n str r4, [%2]\n str r5, [%2]\n str r6, [%2]\n"
                     "str r8, [%2]\n str r9, [%2]\n str r10, [%2]\n str r12, [%2]\n"
                     "subs %1, %1, #1\n bne 1b"
                     : "+r"(from), "+r"(count)
                     : "r"(fifo)
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "cc", "memory");
}

/* Pop `length` bytes into memory of any alignment; what is behind them stays as it is. */
HOT static inline void fifo_read(const volatile uint32_t *fifo, uint8_t *to, uint32_t length)
{
    unaligned_word *word = (unaligned_word *)(void *)to;
    uint32_t words = length / 4;

    for (; words >= 4; words -= 4, word += 4) {
        word[0] = *fifo;
        word[1] = *fifo;
        word[2] = *fifo;
        word[3] = *fifo;
    }
    for (; words; words--)
        *word++ = *fifo;
    if (length & 3) {
        uint32_t last = *fifo;
        for (to += length & ~3u; length & 3; length--, last >>= 8)
            *to++ = (uint8_t)last;
    }
}

/* Push `length` bytes of any alignment; the last word may take up to three bytes from behind `from`, which
 * the core drops. */
HOT static void fifo_write(volatile uint32_t *fifo, const uint8_t *from, uint32_t length)
{
    const unaligned_word *word = (const unaligned_word *)(const void *)from;
    uint32_t words = (length + 3) / 4;

    for (; words >= 8; words -= 8, word += 8) {
        *fifo = word[0];
        *fifo = word[1];
        *fifo = word[2];
        *fifo = word[3];
        *fifo = word[4];
        *fifo = word[5];
        *fifo = word[6];
        *fifo = word[7];
    }
    for (; words; words--)
        *fifo = *word++;
}

/* ---- OUT ---- */

void dwc2_out_mark(struct dwc2_out *out)
{
    uint32_t capacity = (uint32_t)(out->end - out->begin);
    if (out->watch && out->watch->next < capacity)
        capacity = (out->watch->next - 1) & ~63u;
    out->mark = out->begin + capacity;
}

/* A full packet has come: if the transfer goes on, ask the watch. */
static void out_look(struct dwc2 *dwc2, unsigned n)
{
    struct dwc2_out *out = &dwc2->out[n];
    uint32_t received = (uint32_t)(out->next - out->begin);

    if (!out->watch || out->next == out->end || received < out->watch->next)
        return;
    if (out->watch->look(out->watch, received))
        dwc2->events |= USB_EVENT_PART;
    dwc2_out_mark(out);
}

HOT static void out_data(struct dwc2 *dwc2, unsigned n, uint32_t length)
{
    struct dwc2_out *out = &dwc2->out[n];
    const volatile uint32_t *fifo = &dwc2_regs(dwc2)->FIFO[0].word;

    if (length >
        (uint32_t)(out->end - out->next)) { /* nobody waits for it, or the core sent more than we armed */
        for (uint32_t words = (length + 3) / 4; words; words--)
            (void)*fifo;
        dwc2->dropped += length != 0;
        return;
    }
    fifo_read(fifo, out->next, length);
    out->next += length;
    if (length == out->packet_size)
        out_look(dwc2, n);
}

static void out_complete(struct dwc2 *dwc2, unsigned n)
{
    struct dwc2_out_endpoint_regs *ep = &dwc2_regs(dwc2)->OUT[n];
    struct dwc2_out *out = &dwc2->out[n];

    if (n == 0 && dwc2->chip->extra_out_complete && ep->DOEPINT & DOEPINT_STPKTRX) {
        ep->DOEPINT = EPINT_XFRC | DOEPINT_STPKTRX | DOEPINT_STSPHSRX;
        return;
    }
    ep->DOEPINT = EPINT_XFRC;
    if (!out->active)
        return;
    out->received = (uint32_t)(out->next - out->begin);
    bool full = out->received && out->received % out->packet_size == 0;
    bool counted = n == 0 || (ep->DOEPTSIZ & EPTSIZ_XFRSIZ) == 0; /* not ended by an empty packet */
    if (full && counted && out->end - out->next >= out->packet_size) {
        dwc2_out_start(dwc2, n); /* packet by packet on endpoint 0; else as many as PKTCNT counts */
        return;
    }
    out->active = false;
    out->next = out->end = out->mark = NULL;
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
    dwc2->out[0].next = dwc2->out[0].end = dwc2->out[0].mark = NULL;
    dwc2->events &= ~(USB_EVENT_IN(0) | USB_EVENT_OUT(0) | USB_EVENT_SETUP);
}

static void setup_done(struct dwc2 *dwc2)
{
    struct dwc2_out_endpoint_regs *ep = &dwc2_regs(dwc2)->OUT[0];

    dwc2->setup[0] = dwc2->arriving[0];
    dwc2->setup[1] = dwc2->arriving[1];
    ep->DOEPTSIZ = DOEPTSIZ0_STUPCNT;
    ep->DOEPINT = DOEPINT_STUP | DOEPINT_STPKTRX | DOEPINT_STSPHSRX;
    dwc2->overtaken = false;
    dwc2->events |= USB_EVENT_SETUP;
}

/* Anything that the receive FIFO may hold. */
static __attribute__((noinline)) void entry_take(struct dwc2 *dwc2, uint32_t entry)
{
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
}

/* Whole packets with a buffer waiting for them: nearly all that ever comes. Ends with the first entry that is
 * something else, or with 0 (no entry's value) when the FIFO is empty. */
HOT static inline uint32_t packets_take(struct dwc2 *dwc2, struct dwc2_regs *regs)
{
    do {
        uint32_t entry = regs->GRXSTSP;
        unsigned n = entry & GRXSTSP_EPNUM;
        struct dwc2_out *out = &dwc2->out[n];
        if ((entry & ENTRY_MASK) != ENTRY_WHOLE_PACKET || n >= DWC2_ENDPOINTS_MAX ||
            out->mark - out->next < 64)
            return entry;
        out->next = packet_read(&regs->FIFO[0].word, out->next);
    } while (regs->GINTSTS & GINTSTS_RXFLVL);
    return 0;
}

void dwc2_receive(struct dwc2 *dwc2)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);

    do
        entry_take(dwc2, regs->GRXSTSP);
    while (regs->GINTSTS & GINTSTS_RXFLVL);
}

/* ---- IN ---- */

/* Send a packet made of several pieces: words straight from the pieces, and the odd bytes where two of them
 * meet by way of `word`. The cursor is left behind the packet. */
HOT static __attribute__((noinline)) void gather(struct dwc2_in *in, volatile uint32_t *fifo, uint32_t length)
{
    const struct usb_iov *piece = in->piece;
    uint32_t offset = in->offset, word = 0, bits = 0;

    for (;;) {
        uint32_t part = piece->length - offset;
        if (part > length)
            part = length;
        const uint8_t *from = (const uint8_t *)piece->base + offset;
        offset += part;
        length -= part;
        for (; bits && part; part--) {
            word |= (uint32_t)*from++ << bits;
            bits = (bits + 8) & 31;
            if (!bits) {
                *fifo = word;
                word = 0;
            }
        }
        const unaligned_word *words = (const unaligned_word *)(const void *)from;
        for (; part >= 16; part -= 16, words += 4) {
            *fifo = words[0];
            *fifo = words[1];
            *fifo = words[2];
            *fifo = words[3];
        }
        for (; part >= 4; part -= 4)
            *fifo = *words++;
        for (from = (const uint8_t *)words; part; part--, bits += 8)
            word |= (uint32_t)*from++ << bits;
        if (!length)
            break;
        piece++;
        offset = 0;
    }
    if (bits)
        *fifo = word;
    in->piece = piece;
    in->offset = offset;
}

/* Fill the FIFO with packets as far as they fit; ask for an interrupt for the rest. */
HOT void dwc2_in_fill(struct dwc2 *dwc2, unsigned n)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    struct dwc2_in *in = &dwc2->in[n];
    volatile uint32_t *fifo = &regs->FIFO[n].word;
    uint32_t space = (regs->IN[n].DTXFSTS & 0xFFFFu) * 4, left = in->left, packet_size = in->packet_size;

    while (left) {
        uint32_t length = left < packet_size ? left : packet_size;
        if (space < length)
            break;
        uint32_t whole = in->piece->length - in->offset;
        if (whole == 0) {
            in->piece++;
            in->offset = 0;
            continue;
        }
        const uint8_t *from = (const uint8_t *)in->piece->base + in->offset;
        if (whole >= length) {
            if (length == 64 && ((uintptr_t)from & 3) == 0) {
                whole = whole < left ? whole : left;
                whole = whole < space ? whole : space;
                length = whole & ~63u;
                packets_write(fifo, from, whole / 64);
            } else {
                fifo_write(fifo, from, length);
            }
            in->offset += length;
        } else {
            gather(in, fifo, length);
        }
        left -= length;
        space -= (length + 3) & ~3u;
    }
    in->left = left;
    if (left)
        regs->DIEPEMPMSK |= 1u << n;
    else
        regs->DIEPEMPMSK &= ~(1u << n);
}

HOT static void in_complete(struct dwc2 *dwc2, unsigned n)
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

    while (waiting) {
        unsigned n = (unsigned)__builtin_ctz(waiting);
        waiting &= waiting - 1;
        if (regs->IN[n].DIEPINT & EPINT_XFRC)
            in_complete(dwc2, n);
        if (regs->DIEPEMPMSK & 1u << n)
            dwc2_in_fill(dwc2, n);
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
    /* Of both at once the bus's state tells which came last. Asleep, the PHY's clock stands: it notices by itself that the bus
     * moves. */
    if (status & (GINTSTS_USBSUSP | GINTSTS_WKUPINT)) {
        bool asleep = status & GINTSTS_USBSUSP && (!(status & GINTSTS_WKUPINT) || regs->DSTS & DSTS_SUSPSTS);
        dwc2->events &= ~(USB_EVENT_SUSPEND | USB_EVENT_RESUME);
        dwc2->events |= asleep ? USB_EVENT_SUSPEND : USB_EVENT_RESUME;
        dwc2_sleep(dwc2, asleep);
    }
}

/* All but the common case. `entry`: from the receive FIFO, still to be taken; 0: none. */
static __attribute__((noinline)) void interrupt_rest(struct dwc2 *dwc2, uint32_t entry)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    uint32_t before = dwc2->events;
    uint32_t status = regs->GINTSTS & regs->GINTMSK;

    if (entry)
        entry_take(dwc2, entry);
    if (status & BUS_EVENTS)
        bus_events(dwc2, status);
    if (regs->GINTSTS & GINTSTS_RXFLVL)
        dwc2_receive(dwc2);
    if (regs->GINTSTS & GINTSTS_IEPINT)
        send(dwc2);
    if (dwc2->udc.wake && dwc2->events & ~before)
        dwc2->udc.wake(dwc2->udc.wake_context);
}

/* Whole packets of one aligned piece into the one FIFO that waits for some: nearly all that is ever filled again. Without `send`'s walk a
 * large echo takes 3 % fewer instructions. False: nothing was done, and `send` has to look. */
HOT static __attribute__((noinline)) bool packets_give(struct dwc2 *dwc2, struct dwc2_regs *regs)
{
    uint32_t waiting = regs->DIEPEMPMSK;

    if (waiting == 0 || (waiting & (waiting - 1)) != 0)
        return false;
    unsigned n = (unsigned)__builtin_ctz(waiting);
    struct dwc2_in *in = &dwc2->in[n];
    const uint8_t *from = (const uint8_t *)in->piece->base + in->offset;
    uint32_t length = (regs->IN[n].DTXFSTS & 0xFFFFu) * 4, whole = in->piece->length - in->offset;
    length = length < whole ? length : whole;
    length = (length < in->left ? length : in->left) & ~63u;
    if (length == 0 || ((uintptr_t)from & 3) != 0 || in->packet_size != 64)
        return false;
    packets_write(&regs->FIFO[n].word, from, length / 64);
    in->offset += length;
    in->left -= length;
    if (in->left == 0)
        regs->DIEPEMPMSK = 0;
    return true;
}

HOT void dwc2_interrupt(struct dwc2 *dwc2)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    uint32_t entry = 0;

    if (!(regs->GAHBCFG & GAHBCFG_GINT))
        return; /* was on its way when the loop locked; it comes again at the unlock */
    uint32_t status = regs->GINTSTS;
    if ((status & (GINTSTS_RXFLVL | BUS_EVENTS)) == GINTSTS_RXFLVL) {
        entry = packets_take(dwc2, regs);
        if (!entry && !(status & GINTSTS_IEPINT))
            return;
    }
    if (!entry && !(status & BUS_EVENTS) && packets_give(dwc2, regs))
        return; /* what is left comes again */
    interrupt_rest(dwc2, entry);
}
