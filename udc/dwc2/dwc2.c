/*
 * DWC2, the loop's half: set-up, endpoints, transfers. See dwc2.h.
 *
 * Every call that touches shared state is one short critical section: lock, check that no RESET or SETUP has
 * overtaken the caller (usb/udc.h), act, unlock.
 */
/* SPDX-License-Identifier: MIT */
#include "udc/dwc2/dwc2_private.h"

#define FIFO_MIN   16u /* words, the least that the core takes: one packet */
#define RX_PACKETS 5u  /* bulk packets the receive FIFO holds besides SETUP packets and status words */

/* Words of the receive FIFO: SETUP packets, the global NAK entry, and for each packet its data and status;
 * one completion entry for each OUT endpoint. facts.md G. */
static unsigned rx_fifo_words(const struct dwc2_chip *chip)
{
    return 13 + 1 + 2u * chip->endpoint_count + RX_PACKETS * (64 / 4 + 1);
}

bool dwc2_wait(struct dwc2 *dwc2, const volatile uint32_t *reg, uint32_t mask, uint32_t value)
{
    for (unsigned i = 0; i < DWC2_WAIT_MAX; i++)
        if ((*reg & mask) == value)
            return true;
    dwc2->stuck++;
    return false;
}

static void flush_tx(struct dwc2 *dwc2, unsigned fifo)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    dwc2_wait(dwc2, &regs->GRSTCTL, GRSTCTL_AHBIDL, GRSTCTL_AHBIDL);
    regs->GRSTCTL = GRSTCTL_TXFFLSH | fifo << GRSTCTL_TXFNUM_POS;
    dwc2_wait(dwc2, &regs->GRSTCTL, GRSTCTL_TXFFLSH, 0);
}

static void flush_rx(struct dwc2 *dwc2)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    regs->GRSTCTL = GRSTCTL_RXFFLSH;
    dwc2_wait(dwc2, &regs->GRSTCTL, GRSTCTL_RXFFLSH, 0);
}

/* Disabling an OUT endpoint needs the global OUT NAK first, and that takes effect when its entry is popped from
 * the receive FIFO. Packets of other endpoints that are in front of it are served as usual. */
static void out_stop(struct dwc2 *dwc2, unsigned n)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    struct dwc2_out_endpoint_regs *ep = &regs->OUT[n];

    if (n && ep->DOEPCTL & EPCTL_EPENA) {
        regs->DCTL |= DCTL_SGONAK;
        unsigned i = 0;
        while (!(regs->GINTSTS & GINTSTS_BOUTNAKEFF) && i++ < DWC2_WAIT_MAX)
            if (regs->GINTSTS & GINTSTS_RXFLVL)
                dwc2_receive(dwc2);
        dwc2->stuck += i > DWC2_WAIT_MAX;
        if (ep->DOEPCTL & EPCTL_EPENA) {
            ep->DOEPCTL |= EPCTL_SNAK | EPCTL_EPDIS;
            dwc2_wait(dwc2, &ep->DOEPINT, EPINT_EPDISD, EPINT_EPDISD);
        }
        regs->DCTL |= DCTL_CGONAK;
        ep->DOEPINT = ~0u;
    }
    dwc2->out[n].active = false;
    dwc2->out[n].next = dwc2->out[n].end = dwc2->out[n].mark = NULL;
    dwc2->events &= ~USB_EVENT_OUT(n);
}

void dwc2_reset_state(struct dwc2 *dwc2)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    const struct dwc2_chip *chip = dwc2->chip;

    dwc2_sleep(dwc2, false); /* what flushes and disables needs the PHY's clock */
    regs->DIEPEMPMSK = 0; /* the core keeps it over a bus reset, and would ask for data of a dead transfer */
    for (unsigned n = 0; n < chip->endpoint_count; n++) {
        uint32_t disable = regs->IN[n].DIEPCTL & EPCTL_EPENA ? EPCTL_EPDIS : 0;
        regs->IN[n].DIEPCTL = EPCTL_SNAK | disable;
        regs->IN[n].DIEPINT = ~0u;
        out_stop(dwc2, n);
        regs->OUT[n].DOEPCTL = EPCTL_SNAK;
        regs->OUT[n].DOEPINT = ~0u;
        dwc2->in[n] = (struct dwc2_in){0};
        dwc2->out[n] = (struct dwc2_out){0};
    }
    flush_tx(dwc2, GRSTCTL_TXFNUM_ALL);
    flush_rx(dwc2);

    unsigned rx_words = rx_fifo_words(chip);
    regs->GRXFSIZ = rx_words;
    regs->DIEPTXF0 = dwc2->tx_fifo[0] << 16 | rx_words;
    unsigned used = rx_words + dwc2->tx_fifo[0];
    for (unsigned n = 1; n < chip->endpoint_count; n++) {
        regs->DIEPTXF[n - 1] = (uint32_t)dwc2->tx_fifo[n] << 16 | used;
        used += dwc2->tx_fifo[n];
    }
    dwc2->in[0].packet_size = DWC2_EP0_PACKET_SIZE;
    dwc2->out[0].packet_size = DWC2_EP0_PACKET_SIZE;

    regs->DCFG &= ~DCFG_DAD;
    regs->DIEPMSK = EPINT_XFRC;
    regs->DOEPMSK = 0; /* OUT speaks through the receive FIFO */
    regs->DAINTMSK = 1u;
    regs->OUT[0].DOEPTSIZ = DOEPTSIZ0_STUPCNT;
    dwc2->overtaken = false;
    dwc2->events = 0;
}

/* ---- endpoints ---- */

/* True where the call belongs to a state that the host has left already. */
static bool overtaken(struct dwc2 *dwc2, unsigned n)
{
    if (dwc2_regs(dwc2)->GINTSTS & GINTSTS_USBRST || dwc2->events & USB_EVENT_RESET)
        return true;
    if (n)
        return false;
    if (dwc2_regs(dwc2)->GINTSTS & GINTSTS_RXFLVL)
        dwc2_receive(dwc2); /* a SETUP may be in it */
    return dwc2->overtaken || dwc2->events & USB_EVENT_SETUP;
}

/* Endpoint numbers, then FIFO: one packet for each IN endpoint, two for a bulk one, so that one is filled while the other
 * leaves; the first bulk one gets all whole packets that are left (without one, endpoint 0 does). The last endpoint has the
 * highest number. */
static bool plan(struct udc *udc, const struct udc_endpoint *endpoints, size_t count,
                 struct udc_shortage *shortage)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;
    const struct dwc2_chip *chip = dwc2->chip;
    unsigned left = chip->fifo_words - rx_fifo_words(chip) - DWC2_EP0_PACKET_SIZE / 4;
    uint16_t *first = &dwc2->tx_fifo[0];

    for (const struct udc_endpoint *e = endpoints + count; e-- > endpoints;) {
        unsigned n = e->ep & 0xFu, words = (e->packet_size + 3u) / 4;
        if (n >= chip->endpoint_count) {
            *shortage = (struct udc_shortage){e->ep & USB_DIR_IN ? "IN endpoints, with endpoint 0"
                                                                 : "OUT endpoints, with endpoint 0",
                                              n + 1, chip->endpoint_count};
            return false;
        }
        if (!(e->ep & USB_DIR_IN)) {
            dwc2->out_planned |= (uint8_t)(1u << n);
            continue;
        }
        if (words < FIFO_MIN)
            words = FIFO_MIN;
        if (e->type == USB_ENDPOINT_BULK) {
            words *= 2;
            first = &dwc2->tx_fifo[n];
        }
        dwc2->tx_fifo[n] = (uint16_t)words;
        left -= words;
    }
    if ((int)left < 0) {
        *shortage = (struct udc_shortage){"words of FIFO", chip->fifo_words - left, chip->fifo_words};
        return false;
    }
    *first = (uint16_t)(*first + (left & ~(FIFO_MIN - 1)));
    return true;
}

void dwc2_in_stop(struct dwc2 *dwc2, unsigned n)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    struct dwc2_in_endpoint_regs *ep = &regs->IN[n];

    regs->DIEPEMPMSK &= ~(1u << n);
    if (ep->DIEPCTL & EPCTL_EPENA) {
        ep->DIEPCTL |= EPCTL_SNAK;
        dwc2_wait(dwc2, &ep->DIEPINT, DIEPINT_INEPNE, DIEPINT_INEPNE);
        if (ep->DIEPCTL & EPCTL_EPENA) { /* the last packet may just have left */
            ep->DIEPCTL |= EPCTL_SNAK | EPCTL_EPDIS;
            dwc2_wait(dwc2, &ep->DIEPINT, EPINT_EPDISD, EPINT_EPDISD);
        }
    }
    flush_tx(dwc2, n);
    ep->DIEPINT = ~0u;
    dwc2->in[n].active = false;
    dwc2->in[n].zlp = false;
    dwc2->in[n].left = dwc2->in[n].unsent = 0;
    dwc2->events &= ~USB_EVENT_IN(n);
}

static volatile uint32_t *ep_control(struct dwc2 *dwc2, unsigned address)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    unsigned n = address & 0xFu;
    return address & USB_DIR_IN ? &regs->IN[n].DIEPCTL : &regs->OUT[n].DOEPCTL;
}

static void ep_stop(struct dwc2 *dwc2, unsigned address)
{
    unsigned n = address & 0xFu;
    if (address & USB_DIR_IN)
        dwc2_in_stop(dwc2, n);
    else
        out_stop(dwc2, n);
}

static bool ep_open(struct udc *udc, uint8_t address, uint8_t type, uint16_t packet_size)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    unsigned n = address & 0xFu;
    uint32_t control =
        packet_size | (uint32_t)type << EPCTL_TYPE_POS | EPCTL_SD0PID | EPCTL_USBAEP | EPCTL_SNAK;
    bool done = false;

    if (n == 0 || n >= dwc2->chip->endpoint_count)
        return false;
    dwc2_lock(dwc2);
    if (overtaken(dwc2, n)) {
        done = true;
    } else if (address & USB_DIR_IN) {
        dwc2_in_stop(dwc2, n);
        done = dwc2->tx_fifo[n] * 4u >= packet_size && packet_size > 0;
        if (done) {
            regs->IN[n].DIEPCTL = control | n << EPCTL_TXFNUM_POS;
            regs->DAINTMSK |= 1u << n;
            dwc2->in[n].packet_size = packet_size;
        }
    } else {
        done = dwc2->out_planned >> n & 1u;
        if (done) {
            out_stop(dwc2, n);
            regs->OUT[n].DOEPCTL = control;
            dwc2->out[n].packet_size = packet_size;
        }
    }
    dwc2_unlock(dwc2);
    return done;
}

static void ep_close(struct udc *udc, uint8_t address)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;
    unsigned n = address & 0xFu;

    dwc2_lock(dwc2);
    if (n && n < dwc2->chip->endpoint_count && !overtaken(dwc2, n)) {
        ep_stop(dwc2, address);
        *ep_control(dwc2, address) = EPCTL_SNAK;
        if (address & USB_DIR_IN)
            dwc2->in[n].packet_size = 0;
        else
            dwc2->out[n].packet_size = 0;
    }
    dwc2_unlock(dwc2);
}

/* ---- transfers ---- */

void dwc2_out_start(struct dwc2 *dwc2, unsigned n)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    struct dwc2_out *out = &dwc2->out[n];
    uint32_t packets = (uint32_t)(out->end - out->next) / out->packet_size;

    if (packets > EPTSIZ_PKTCNT_MAX)
        packets = EPTSIZ_PKTCNT_MAX; /* the rest when these have come */
    if (n == 0) /* one packet at a time on this core; its size field is too short for more */
        regs->OUT[0].DOEPTSIZ = DOEPTSIZ0_STUPCNT | 1u << EPTSIZ_PKTCNT_POS | DWC2_EP0_PACKET_SIZE;
    else
        regs->OUT[n].DOEPTSIZ = packets << EPTSIZ_PKTCNT_POS | packets * out->packet_size;
    regs->OUT[n].DOEPCTL |= EPCTL_CNAK | EPCTL_EPENA;
}

static void ep_read(struct udc *udc, uint8_t address, void *buffer, uint32_t capacity,
                    struct usb_watch *watch)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;
    struct dwc2_out *out = &dwc2->out[address & 0xFu];

    dwc2_lock(dwc2);
    if (!overtaken(dwc2, address) && out->packet_size) {
        out->begin = out->next = buffer;
        out->end = out->begin + capacity;
        out->received = 0;
        out->watch = watch;
        out->active = true;
        dwc2_out_mark(out);
        dwc2_out_start(dwc2, address);
    }
    dwc2_unlock(dwc2);
}

static uint32_t ep_received(struct udc *udc, uint8_t address)
{
    return ((struct dwc2 *)udc)->out[address & 0xFu].received;
}

void dwc2_in_start(struct dwc2 *dwc2, unsigned n)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    struct dwc2_in *in = &dwc2->in[n];
    uint32_t chunk = in->unsent, most = in->packet_size * (n ? EPTSIZ_PKTCNT_MAX : 1u); /* as for OUT */

    if (chunk > most)
        chunk = most;
    uint32_t packets = chunk ? (chunk + in->packet_size - 1u) / in->packet_size : 1;
    in->unsent -= chunk;
    in->left = chunk;
    regs->IN[n].DIEPTSIZ = packets << EPTSIZ_PKTCNT_POS | chunk;
    regs->IN[n].DIEPCTL |= EPCTL_CNAK | EPCTL_EPENA;
    if (n == 0 && regs->GINTSTS & GINTSTS_RXFLVL) { /* a SETUP before CNAK: the NAK it brought is gone */
        dwc2_receive(dwc2);
        if (!in->active)
            return;
    }
    if (chunk)
        dwc2_in_fill(dwc2, n); /* as far as it fits; the interrupt goes on */
}

static void ep_write(struct udc *udc, uint8_t address, const struct usb_iov *iov, size_t count, bool zlp)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;
    unsigned n = address & 0xFu;
    struct dwc2_in *in = &dwc2->in[n];
    uint32_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += iov[i].length;
    dwc2_lock(dwc2);
    if (!overtaken(dwc2, n) && in->packet_size) {
        in->piece = iov;
        in->offset = 0;
        in->unsent = sum;
        in->zlp = zlp && sum && sum % in->packet_size == 0;
        in->active = true;
        dwc2_in_start(dwc2, n);
    }
    dwc2_unlock(dwc2);
}

static void ep_abort(struct udc *udc, uint8_t address)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;

    dwc2_lock(dwc2);
    if (!overtaken(dwc2, address & 0xFu))
        ep_stop(dwc2, address);
    dwc2_unlock(dwc2);
}

static void stall(struct dwc2 *dwc2, unsigned address, bool on)
{
    volatile uint32_t *control = ep_control(dwc2, address);
    if (on) {
        ep_stop(dwc2, address);
        *control |= EPCTL_STALL;
    } else if (address & 0xFu) {
        *control = (*control & ~EPCTL_STALL) | EPCTL_SD0PID;
    }
}

static void ep_stall(struct udc *udc, uint8_t address, bool on)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;
    unsigned n = address & 0xFu;

    dwc2_lock(dwc2);
    if (!overtaken(dwc2, n)) {
        stall(dwc2, address, on);
        if (n == 0)
            stall(dwc2, address ^ USB_DIR_IN, on);
    }
    dwc2_unlock(dwc2);
}

/* ---- the device as a whole ---- */

static uint32_t events_take(struct udc *udc)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;
    return dwc2->events ? __atomic_exchange_n(&dwc2->events, 0, __ATOMIC_ACQ_REL) : 0;
}

static void setup_take(struct udc *udc, uint8_t packet[8])
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;

    dwc2_lock(dwc2);
    store_le32(packet, dwc2->setup[0]);
    store_le32(packet + 4, dwc2->setup[1]);
    dwc2->events &= ~USB_EVENT_SETUP; /* this is the latest one, even if it came after events_take */
    dwc2_unlock(dwc2);
}

/* The core itself waits with the new address until the status stage is over. */
static void address_set(struct udc *udc, uint8_t address)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;
    struct dwc2_regs *regs = dwc2_regs(dwc2);

    dwc2_lock(dwc2);
    if (!overtaken(dwc2, 0))
        regs->DCFG = (regs->DCFG & ~DCFG_DAD) | (uint32_t)address << DCFG_DAD_POS;
    dwc2_unlock(dwc2);
}

static void attach(struct udc *udc)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;
    struct dwc2_regs *regs = dwc2_regs(dwc2);

    dwc2_lock(dwc2);
    dwc2_reset_state(dwc2);
    regs->GINTSTS = ~0u;
    regs->GOTGINT = ~0u;
    regs->DCTL &= ~DCTL_SDIS;
    dwc2_unlock(dwc2);
}

static void detach(struct udc *udc)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;

    dwc2_lock(dwc2); /* stays locked: no further events */
    dwc2_regs(dwc2)->DCTL |= DCTL_SDIS;
    dwc2_reset_state(dwc2);
}

#if USB_REMOTE_WAKEUP
static void remote_wakeup(struct udc *udc)
{
    struct dwc2 *dwc2 = (struct dwc2 *)udc;

    dwc2_lock(dwc2);
    dwc2->wake_wanted = dwc2->wake_in;
    dwc2_unlock(dwc2);
}

/* The host has resumed the bus that we woke: the core raises no WKUPINT for that, or not always, so the next SOF tells. */
static void wake_answered(struct dwc2 *dwc2)
{
    dwc2_sleep(dwc2, false);
    dwc2->events = (dwc2->events & ~USB_EVENT_SUSPEND) | USB_EVENT_RESUME;
    if (dwc2->udc.wake)
        dwc2->udc.wake(dwc2->udc.wake_context);
}

bool dwc2_wake_begin(struct dwc2 *dwc2)
{
    struct dwc2_regs *regs = dwc2_regs(dwc2);
    uint32_t before = regs->GAHBCFG; /* the loop may be in a section of its own */
    bool due;

    dwc2_lock(dwc2);
    if (dwc2->wake_sent && regs->GINTSTS & GINTSTS_SOF)
        wake_answered(dwc2);
    dwc2->wake_in -= dwc2->wake_in > 1;
    due = dwc2->wake_in == 1 && dwc2->wake_wanted &&
          !(regs->GINTSTS & (GINTSTS_USBRST | GINTSTS_WKUPINT | GINTSTS_OTGINT));
    if (due) {
        dwc2_sleep(dwc2, false); /* no signal leaves while the clock stands */
        dwc2->wake_sent = true;
        regs->GINTSTS = GINTSTS_SOF;
        regs->DCTL |= DCTL_RWUSIG;
    }
    regs->GAHBCFG = before;
    return due;
}

void dwc2_wake_end(struct dwc2 *dwc2)
{
    uint32_t before = dwc2_regs(dwc2)->GAHBCFG;

    dwc2_lock(dwc2);
    dwc2_regs(dwc2)->DCTL &= ~DCTL_RWUSIG;
    dwc2_regs(dwc2)->GAHBCFG = before;
}
#endif

static const struct udc_ops dwc2_ops = {
    .plan = plan,
    .attach = attach,
    .detach = detach,
    .events_take = events_take,
    .setup_take = setup_take,
    .address_set = address_set,
    .ep_open = ep_open,
    .ep_close = ep_close,
    .ep_read = ep_read,
    .ep_received = ep_received,
    .ep_write = ep_write,
    .ep_abort = ep_abort,
    .ep_stall = ep_stall,
#if USB_REMOTE_WAKEUP
    .remote_wakeup = remote_wakeup,
#endif
};

bool dwc2_init(struct dwc2 *dwc2, const struct dwc2_chip *chip, bool vbus_sensed)
{
    *dwc2 = (struct dwc2){.udc = {.ops = &dwc2_ops, .ep0_packet_size = DWC2_EP0_PACKET_SIZE},
                          .regs = (struct dwc2_regs *)(uintptr_t)chip->base,
                          .chip = chip,
                          .tx_fifo = {DWC2_EP0_PACKET_SIZE / 4}};
    struct dwc2_regs *regs = dwc2_regs(dwc2);

    regs->GAHBCFG = 0;
    regs->GUSBCFG |= GUSBCFG_PHYSEL;
    dwc2_wait(dwc2, &regs->GRSTCTL, GRSTCTL_AHBIDL, GRSTCTL_AHBIDL);
    regs->GRSTCTL = GRSTCTL_CSRST;
    dwc2_wait(dwc2, &regs->GRSTCTL, GRSTCTL_CSRST, 0);
    dwc2_wait(dwc2, &regs->GRSTCTL, GRSTCTL_AHBIDL, GRSTCTL_AHBIDL);
    regs->DCTL |= DCTL_SDIS;

    uint32_t usbcfg = regs->GUSBCFG & ~(GUSBCFG_TRDT | GUSBCFG_FHMOD);
    regs->GUSBCFG = usbcfg | GUSBCFG_FDMOD | (uint32_t)chip->trdt << GUSBCFG_TRDT_POS;
    regs->GCCFG = GCCFG_PWRDWN | (vbus_sensed ? GCCFG_VBUSBSEN : chip->vbus_override ? 0 : GCCFG_NOVBUSSENS);
    if (!vbus_sensed && chip->vbus_override)
        regs->GOTGCTL |= GOTGCTL_BVALOEN | GOTGCTL_BVALOVAL;
    regs->PCGCCTL = 0;
    regs->DCFG = DCFG_DSPD_FULL | DCFG_NZLSOHSK;
    uint32_t vbus = vbus_sensed ? GINTSTS_OTGINT | GINTSTS_SRQINT : 0;
    regs->GINTMSK = GINTSTS_RXFLVL | GINTSTS_IEPINT | GINTSTS_USBRST | GINTSTS_ENUMDNE | GINTSTS_USBSUSP |
                    GINTSTS_WKUPINT | vbus;
    dwc2_reset_state(dwc2);
    return dwc2->stuck == 0;
}
