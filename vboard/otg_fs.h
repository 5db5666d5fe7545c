/*
 * The USB controller OTG_FS (a Synopsys DWC2) in device mode, at register level.
 *
 *   registers  otg_fs.c    what software reads and writes
 *   FIFOs      otg_fifo.c  one RAM of 320 words: [0, GRXFSIZ) receives, DIEPTXFn give each IN endpoint its part
 *   sleep      otg_sleep.c suspend, resume, remote wake-up, the stopped clock
 *   bus        otg_bus.c   what a transaction on the cable meets
 *
 * The specification is the chip: RM0090's OTG_FS chapter as far as public copies of RM0008, RM0090 and RM0390
 * pages could be read [RM], ST's CMSIS header for bits, hathach/tinyusb's table of core parameters for the
 * ID registers. What is known only from how drivers behave is marked [drivers]. Where neither tells, the
 * model does what catches more mistakes in software, and says so.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_OTG_FS_H
#define PLUGNET_VBOARD_OTG_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cable/cable.h"

#define OTG_ENDPOINTS_MAX 6
#define OTG_FIFO_WORDS    320
#define OTG_IRQ           67

/* What differs between chips with this core; const data. */
struct otg_variant {
    uint32_t cid, gsnpsid, ghwcfg[4];
    uint8_t endpoints; /* IN and OUT each, with endpoint 0 */
    uint16_t fifo_words;
    bool vbden;        /* GCCFG bit 21 switches VBUS detection on (L4) instead of off (F4) */
    bool extra_setup;  /* a SETUP packet looks like a completed OUT transfer, too; see otg_setup */
    bool wakes_itself; /* WKUPINT also for a resume that answers our own signal; see otg_sleep.c */
};

extern const struct otg_variant otg_stm32f4; /* core 2.81a */
extern const struct otg_variant otg_stm32l4; /* core 3.10a */

/* What the core is wired to. `ready`: its clock runs at 48 MHz and the pins are its own. */
struct otg_wires {
    void *context;
    uint64_t (*now)(void *context);
    bool (*ready)(void *context);
    uint64_t (*core_hz)(void *context); /* of AHB, which the turnaround time hangs on */
    void (*irq)(void *context, bool level);
    void (*wakeup)(void *context, bool level); /* to its line of EXTI */
    void (*suspend_at)(void *context, uint64_t time_ns);
    void (*eopf_at)(void *context, uint64_t time_ns);
    void (*warn)(void *context, const char *kind);
    void (*trace)(void *context, const char *text);
    void (*unmodelled)(void *context, uint32_t offset, bool write);
};

struct otg_in {
    uint32_t diepctl, diepint, dieptsiz;
    uint32_t left;  /* bytes of the transfer still to be sent */
    uint16_t words; /* written of the packet that software is filling */
};

struct otg_out {
    uint32_t doepctl, doepint, doeptsiz;
};

struct otg_tx {
    uint16_t head, level; /* words, head relative to the FIFO's start */
};

struct otg_rx_entry {
    uint32_t status; /* as GRXSTSP shows it */
    uint16_t words;  /* of data behind it */
};

struct otg_rx {
    uint16_t head, level; /* words, with the status words */
    uint16_t reading;     /* data words of the popped packet that wait in the FIFO */
    uint16_t first, count;
    uint16_t setup_words; /* part of `level` that SETUP packets hold */
    struct otg_rx_entry entries[OTG_FIFO_WORDS];
};

struct otg_fs {
    const struct otg_variant *variant;
    struct otg_wires wires;
    bool tracing;

    uint32_t gotgctl, gotgint, gahbcfg, gusbcfg, gintsts, gintmsk, grxfsiz, gccfg, cid, hptxfsiz;
    uint32_t dieptxf[OTG_ENDPOINTS_MAX]; /* [0] is DIEPTXF0 */
    uint32_t dcfg, dctl, dsts, diepmsk, doepmsk, daintmsk, dvbusdis, dvbuspulse, diepempmsk, pcgcctl;
    struct otg_in in[OTG_ENDPOINTS_MAX];
    struct otg_out out[OTG_ENDPOINTS_MAX];

    uint32_t ram[OTG_FIFO_WORDS];
    struct otg_tx tx[OTG_ENDPOINTS_MAX];
    struct otg_rx rx;
    int filling; /* endpoint whose packet is half written, -1: none */

    uint8_t address;    /* the one it answers to; DCFG.DAD may be ahead of it */
    bool setup_open;    /* a SETUP packet came, no token yet behind it */
    bool setup_address; /* the control transfer under way waits for its status IN */
    bool control_in;    /* the control transfer's data stage is IN */
    uint8_t setups;     /* in a row, for B2BSTUP */
    bool extra_entry;   /* the last SETUP packet had one (variant->extra_setup) */
    uint32_t gonak_polls;
    bool plugged; /* a host gives power at the connector; the board sets it … */
    bool vbus;    /* … and so does this pin, if it is led there */
    bool attached, in_reset, suspended;
    bool irq_level;
    uint64_t active_ns; /* last traffic */

    bool signalling;    /* resume signalling of our own is on the bus */
    bool self_woken;    /* it is or was, and the host hasn't answered yet */
    bool host_resumes;  /* resume signalling of the host's is on the bus, until the first SOF */
    bool reset_unseen;  /* a bus reset began while the PHY's clock stood */
    uint64_t signal_ns; /* when the signalling began */
    uint64_t frame_ns;  /* the last SOF */
    uint64_t stopped_since_ns, stopped_ns; /* the PHY's clock stands since; stood before that */
};

/* Registers of the core; offsets 0 to 0xFFF. */
#define GOTGCTL         0x000
#define GOTGINT         0x004
#define GAHBCFG         0x008
#define GUSBCFG         0x00C
#define GRSTCTL         0x010
#define GINTSTS         0x014
#define GINTMSK         0x018
#define GRXSTSR         0x01C
#define GRXSTSP         0x020
#define GRXFSIZ         0x024
#define DIEPTXF0        0x028
#define HNPTXSTS        0x02C
#define GCCFG           0x038
#define OTG_CID         0x03C
#define GSNPSID         0x040
#define GHWCFG1         0x044
#define GHWCFG4         0x050
#define HPTXFSIZ        0x100
#define DIEPTXF1        0x104
#define DCFG            0x800
#define DCTL            0x804
#define DSTS            0x808
#define DIEPMSK         0x810
#define DOEPMSK         0x814
#define DAINT           0x818
#define DAINTMSK        0x81C
#define DVBUSDIS        0x828
#define DVBUSPULSE      0x82C
#define DIEPEMPMSK      0x834
#define DIEPCTL0        0x900
#define DOEPCTL0        0xB00
#define PCGCCTL         0xE00
#define OTG_FIFO        0x1000
#define OTG_FIFO_STRIDE 0x1000

#define GOTGCTL_BVALOEN  (1u << 6)
#define GOTGCTL_BVALOVAL (1u << 7)
#define GOTGCTL_CIDSTS   (1u << 16)
#define GOTGCTL_ASVLD    (1u << 18)
#define GOTGCTL_BSVLD    (1u << 19)
#define GOTGINT_SEDET    (1u << 2)

#define GAHBCFG_GINT    (1u << 0)
#define GAHBCFG_TXFELVL (1u << 7)

#define GRSTCTL_CSRST   (1u << 0)
#define GRSTCTL_RXFFLSH (1u << 4)
#define GRSTCTL_TXFFLSH (1u << 5)
#define GRSTCTL_AHBIDL  (1u << 31)

#define GINTSTS_MMIS     (1u << 1)
#define GINTSTS_OTGINT   (1u << 2)
#define GINTSTS_SOF      (1u << 3)
#define GINTSTS_RXFLVL   (1u << 4)
#define GINTSTS_NPTXFE   (1u << 5)
#define GINTSTS_GINAKEFF (1u << 6)
#define GINTSTS_GONAKEFF (1u << 7)
#define GINTSTS_ESUSP    (1u << 10)
#define GINTSTS_USBSUSP  (1u << 11)
#define GINTSTS_USBRST   (1u << 12)
#define GINTSTS_ENUMDNE  (1u << 13)
#define GINTSTS_EOPF     (1u << 15)
#define GINTSTS_IEPINT   (1u << 18)
#define GINTSTS_OEPINT   (1u << 19)
#define GINTSTS_PTXFE    (1u << 26)
#define GINTSTS_SRQINT   (1u << 30)
#define GINTSTS_WKUPINT  (1u << 31)
/* Bits that software clears by writing one. */
#define GINTSTS_W1C      0xF030FC0Au

#define GCCFG_PWRDWN     (1u << 16)
#define GCCFG_VBUSBSEN   (1u << 19)
#define GCCFG_NOVBUSSENS (1u << 21)
#define GCCFG_VBDEN      (1u << 21) /* where the variant has it */

#define DCFG_NZLSOHSK  (1u << 2)
#define DCFG_DAD_POS   4
#define DCFG_DAD       (0x7Fu << DCFG_DAD_POS)
#define DCFG_PFIVL_POS 11

#define DCTL_RWUSIG (1u << 0)
#define DCTL_SDIS   (1u << 1)
#define DCTL_GINSTS (1u << 2)
#define DCTL_GONSTS (1u << 3)
#define DCTL_SGINAK (1u << 7)
#define DCTL_CGINAK (1u << 8)
#define DCTL_SGONAK (1u << 9)
#define DCTL_CGONAK (1u << 10)

#define PCGCCTL_STPPCLK  (1u << 0)
#define PCGCCTL_GATEHCLK (1u << 1)
#define PCGCCTL_PHYSUSP  (1u << 4)

#define DSTS_SUSPSTS   (1u << 0)
#define DSTS_FNSOF_POS 8
#define DSTS_FNSOF     (0x3FFFu << DSTS_FNSOF_POS)

/* DIEPCTLx and DOEPCTLx */
#define EPCTL_MPSIZ      0x7FFu
#define EPCTL_USBAEP     (1u << 15)
#define EPCTL_DPID       (1u << 16)
#define EPCTL_NAKSTS     (1u << 17)
#define EPCTL_EPTYP_POS  18
#define EPCTL_EPTYP      (3u << EPCTL_EPTYP_POS)
#define EPCTL_SNPM       (1u << 20)
#define EPCTL_STALL      (1u << 21)
#define EPCTL_TXFNUM_POS 22
#define EPCTL_TXFNUM     (0xFu << EPCTL_TXFNUM_POS)
#define EPCTL_CNAK       (1u << 26)
#define EPCTL_SNAK       (1u << 27)
#define EPCTL_SD0PID     (1u << 28)
#define EPCTL_SD1PID     (1u << 29)
#define EPCTL_EPDIS      (1u << 30)
#define EPCTL_EPENA      (1u << 31)

#define EPINT_XFRC     (1u << 0)
#define EPINT_EPDISD   (1u << 1)
#define EPINT_STUP     (1u << 3)  /* OUT; IN: TOC */
#define EPINT_ITTXFE   (1u << 4)  /* IN */
#define EPINT_OTEPDIS  (1u << 4)  /* OUT */
#define EPINT_STSPHSRX (1u << 5)  /* OUT, core 3.10a */
#define EPINT_INEPNE   (1u << 6)  /* IN */
#define EPINT_B2BSTUP  (1u << 6)  /* OUT */
#define EPINT_TXFE     (1u << 7)  /* IN */
#define EPINT_STPKTRX  (1u << 15) /* OUT, core 3.10a */

#define EPTSIZ_XFRSIZ     0x7FFFFu
#define EPTSIZ_PKTCNT_POS 19
#define EPTSIZ_PKTCNT     (0x3FFu << EPTSIZ_PKTCNT_POS)
#define EPTSIZ_STUPCNT    (3u << 29)

/* GRXSTSP.PKTSTS */
#define PKTSTS_GLOBAL_NAK 1u
#define PKTSTS_OUT        2u
#define PKTSTS_OUT_DONE   3u
#define PKTSTS_SETUP_DONE 4u
#define PKTSTS_SETUP      6u

void otg_init(struct otg_fs *otg, const struct otg_variant *variant, const struct otg_wires *wires);
void otg_reset(struct otg_fs *otg); /* of the chip */
uint32_t otg_read(struct otg_fs *otg, uint32_t offset);
void otg_write(struct otg_fs *otg, uint32_t offset, uint32_t value);
void otg_suspend_event(struct otg_fs *otg);
void otg_eopf_event(struct otg_fs *otg);
void otg_attach_update(struct otg_fs *otg); /* pins, clocks or VBUS may have changed */

/* Between the files. */
void otg_update(struct otg_fs *otg);
uint32_t otg_packet_size(const struct otg_fs *otg, unsigned n, bool in);
uint16_t otg_tx_depth(const struct otg_fs *otg, unsigned fifo);
void otg_tx_flush(struct otg_fs *otg, unsigned fifo);
bool otg_tx_empty_level(const struct otg_fs *otg, unsigned n);
void otg_tx_push(struct otg_fs *otg, unsigned n, uint32_t word);
uint32_t otg_tx_pop(struct otg_fs *otg, unsigned fifo);
void otg_rx_flush(struct otg_fs *otg);
bool otg_rx_room(const struct otg_fs *otg, unsigned words, bool setup);
void otg_rx_push(struct otg_fs *otg, unsigned n, unsigned pktsts, bool data1, const uint8_t *bytes,
                 unsigned length);
uint32_t otg_rx_status(struct otg_fs *otg, bool pop);
bool otg_rx_waits(const struct otg_fs *otg, unsigned n, unsigned pktsts); /* such an entry is in the FIFO */
uint32_t otg_rx_word(struct otg_fs *otg);
void otg_tell(struct otg_fs *otg, const char *format, ...) __attribute__((format(printf, 2, 3)));
void otg_alive(struct otg_fs *otg);                              /* something moves on the bus */
void otg_reset_begins(struct otg_fs *otg);                       /* of the bus, as the core notices it */
bool otg_clock_stands(const struct otg_fs *otg);                 /* the PHY's, by PCGCCTL */
void otg_clock_wanted(struct otg_fs *otg, const char *for_what); /* says so if it stands */
void otg_pcgcctl_write(struct otg_fs *otg, uint32_t value);
void otg_wakeup_write(struct otg_fs *otg, bool on); /* DCTL.RWUSIG */

/* Nanoseconds that the PHY's clock has stood so far. */
uint64_t otg_clock_stood_ns(const struct otg_fs *otg);

/* What the cable does to it (otg_bus.c, otg_sleep.c); as in cable.h. */
bool otg_session_valid(const struct otg_fs *otg);
/* Software wants the pull-up: `asks` without regard to the session. */
bool otg_asks_pull_up(const struct otg_fs *otg);
bool otg_wants_pull_up(const struct otg_fs *otg);
/* Why there is no session with a host that gives power, as "since …"; NULL: there is one, or no such host. */
const char *otg_session_trouble(const struct otg_fs *otg);
void otg_vbus(struct otg_fs *otg, bool on);
bool otg_pulled_up(const struct otg_fs *otg);
void otg_bus_reset(struct otg_fs *otg, bool active);
void otg_frame(struct otg_fs *otg, uint16_t number);
void otg_bus_suspend(struct otg_fs *otg, bool suspended);
bool otg_wakes(const struct otg_fs *otg);
enum cable_answer otg_setup(struct otg_fs *otg, uint8_t address, uint8_t endpoint, const uint8_t packet[8]);
enum cable_answer otg_out(struct otg_fs *otg, uint8_t address, uint8_t endpoint, bool data1,
                          const uint8_t *packet, uint16_t length);
enum cable_answer otg_in(struct otg_fs *otg, uint8_t address, uint8_t endpoint, bool *data1,
                         uint8_t packet[CABLE_PACKET_MAX], uint16_t *length);

#endif
