/*
 * Registers of the Synopsys DWC2 core as ST's OTG_FS has it, device mode: just what the driver uses, names
 * as in ST's reference manual RM0090 [unread; offsets and bits from the CMSIS header stm32f407xx.h, ST's HAL
 * driver stm32f4xx_ll_usb.c, facts.md G].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_UDC_DWC2_REGS_H
#define PLUGNET_UDC_DWC2_REGS_H

#include <stdint.h>

struct dwc2_in_endpoint_regs {
    volatile uint32_t DIEPCTL; /* 0x00 */
    uint32_t reserved_04;
    volatile uint32_t DIEPINT; /* 0x08 */
    uint32_t reserved_0c;
    volatile uint32_t DIEPTSIZ; /* 0x10 */
    uint32_t reserved_14;
    volatile uint32_t DTXFSTS; /* 0x18 */
    uint32_t reserved_1c;
};

struct dwc2_out_endpoint_regs {
    volatile uint32_t DOEPCTL; /* 0x00 */
    uint32_t reserved_04;
    volatile uint32_t DOEPINT; /* 0x08 */
    uint32_t reserved_0c;
    volatile uint32_t DOEPTSIZ; /* 0x10 */
    uint32_t reserved_14[3];
};

struct dwc2_regs {
    volatile uint32_t GOTGCTL;             /* 0x000 */
    volatile uint32_t GOTGINT;             /* 0x004 */
    volatile uint32_t GAHBCFG;             /* 0x008 */
    volatile uint32_t GUSBCFG;             /* 0x00C */
    volatile uint32_t GRSTCTL;             /* 0x010 */
    volatile uint32_t GINTSTS;             /* 0x014 */
    volatile uint32_t GINTMSK;             /* 0x018 */
    volatile uint32_t GRXSTSR;             /* 0x01C */
    volatile uint32_t GRXSTSP;             /* 0x020 */
    volatile uint32_t GRXFSIZ;             /* 0x024 */
    volatile uint32_t DIEPTXF0;            /* 0x028 */
    uint32_t reserved_02c[3];              /* 0x02C */
    volatile uint32_t GCCFG;               /* 0x038 */
    volatile uint32_t CID;                 /* 0x03C */
    uint32_t reserved_040[49];             /* 0x040 */
    volatile uint32_t DIEPTXF[15];         /* 0x104: of endpoints 1 to 15 */
    uint32_t reserved_140[432];            /* 0x140 */
    volatile uint32_t DCFG;                /* 0x800 */
    volatile uint32_t DCTL;                /* 0x804 */
    volatile uint32_t DSTS;                /* 0x808 */
    uint32_t reserved_80c;                 /* 0x80C */
    volatile uint32_t DIEPMSK;             /* 0x810 */
    volatile uint32_t DOEPMSK;             /* 0x814 */
    volatile uint32_t DAINT;               /* 0x818 */
    volatile uint32_t DAINTMSK;            /* 0x81C */
    uint32_t reserved_820[5];              /* 0x820 */
    volatile uint32_t DIEPEMPMSK;          /* 0x834 */
    uint32_t reserved_838[50];             /* 0x838 */
    struct dwc2_in_endpoint_regs IN[16];   /* 0x900 */
    struct dwc2_out_endpoint_regs OUT[16]; /* 0xB00 */
    uint32_t reserved_d00[64];             /* 0xD00 */
    volatile uint32_t PCGCCTL;             /* 0xE00 */
    uint32_t reserved_e04[127];            /* 0xE04 */
    struct {
        volatile uint32_t word;
        uint32_t window[1023];
    } FIFO[16]; /* 0x1000: any address of a window pushes or pops */
};

_Static_assert(__builtin_offsetof(struct dwc2_regs, DIEPTXF) == 0x104, "layout");
_Static_assert(__builtin_offsetof(struct dwc2_regs, DCFG) == 0x800, "layout");
_Static_assert(__builtin_offsetof(struct dwc2_regs, DIEPEMPMSK) == 0x834, "layout");
_Static_assert(__builtin_offsetof(struct dwc2_regs, IN) == 0x900, "layout");
_Static_assert(__builtin_offsetof(struct dwc2_regs, OUT) == 0xB00, "layout");
_Static_assert(__builtin_offsetof(struct dwc2_regs, PCGCCTL) == 0xE00, "layout");
_Static_assert(__builtin_offsetof(struct dwc2_regs, FIFO) == 0x1000, "layout");

#define GOTGCTL_BVALOEN  (1u << 6) /* cores with GCCFG.VBDEN: override "session valid" … */
#define GOTGCTL_BVALOVAL (1u << 7) /* … with this value */

#define GOTGINT_SEDET (1u << 2) /* session end: VBUS has gone */

#define GAHBCFG_GINT    (1u << 0)
#define GAHBCFG_TXFELVL (1u << 7) /* 1: TXFE when completely empty; 0: half empty */

#define GUSBCFG_PHYSEL   (1u << 6)
#define GUSBCFG_TRDT_POS 10
#define GUSBCFG_TRDT     (0xFu << GUSBCFG_TRDT_POS)
#define GUSBCFG_FHMOD    (1u << 29)
#define GUSBCFG_FDMOD    (1u << 30)

#define GRSTCTL_CSRST      (1u << 0)
#define GRSTCTL_RXFFLSH    (1u << 4)
#define GRSTCTL_TXFFLSH    (1u << 5)
#define GRSTCTL_TXFNUM_POS 6
#define GRSTCTL_TXFNUM_ALL 0x10u
#define GRSTCTL_AHBIDL     (1u << 31)

#define GINTSTS_OTGINT     (1u << 2)
#define GINTSTS_SOF        (1u << 3)
#define GINTSTS_RXFLVL     (1u << 4)
#define GINTSTS_BOUTNAKEFF (1u << 7)
#define GINTSTS_USBSUSP    (1u << 11)
#define GINTSTS_USBRST     (1u << 12)
#define GINTSTS_ENUMDNE    (1u << 13)
#define GINTSTS_IEPINT     (1u << 18)
#define GINTSTS_SRQINT     (1u << 30)
#define GINTSTS_WKUPINT    (1u << 31)

#define GRXSTSP_EPNUM       0xFu
#define GRXSTSP_BCNT_POS    4
#define GRXSTSP_BCNT        0x7FFu
#define GRXSTSP_PKTSTS_POS  17
#define GRXSTSP_PKTSTS      0xFu
#define PKTSTS_GLOBAL_NAK   1u
#define PKTSTS_OUT_DATA     2u
#define PKTSTS_OUT_COMPLETE 3u
#define PKTSTS_SETUP_DONE   4u
#define PKTSTS_SETUP_DATA   6u

#define GCCFG_PWRDWN     (1u << 16) /* 1: PHY on */
#define GCCFG_VBUSASEN   (1u << 18)
#define GCCFG_VBUSBSEN   (1u << 19)
#define GCCFG_NOVBUSSENS (1u << 21)
#define GCCFG_VBDEN      (1u << 21) /* newer cores: the same bit, the other way round */

#define DCFG_DSPD_FULL 3u
#define DCFG_NZLSOHSK  (1u << 2)
#define DCFG_DAD_POS   4
#define DCFG_DAD       (0x7Fu << DCFG_DAD_POS)

#define DCTL_RWUSIG (1u << 0) /* resume signalling is on the bus */
#define DCTL_SDIS   (1u << 1)
#define DCTL_GONSTS (1u << 3)
#define DCTL_SGONAK (1u << 9)
#define DCTL_CGONAK (1u << 10)

#define DSTS_SUSPSTS (1u << 0) /* the bus is suspended now */

#define PCGCCTL_STPPCLK (1u << 0) /* the PHY's clock stands */

/* DIEPCTL and DOEPCTL */
#define EPCTL_USBAEP     (1u << 15)
#define EPCTL_NAKSTS     (1u << 17)
#define EPCTL_TYPE_POS   18
#define EPCTL_STALL      (1u << 21)
#define EPCTL_TXFNUM_POS 22
#define EPCTL_CNAK       (1u << 26)
#define EPCTL_SNAK       (1u << 27)
#define EPCTL_SD0PID     (1u << 28)
#define EPCTL_EPDIS      (1u << 30)
#define EPCTL_EPENA      (1u << 31)

#define EPINT_XFRC       (1u << 0)
#define EPINT_EPDISD     (1u << 1)
#define DOEPINT_STUP     (1u << 3)
#define DOEPINT_STSPHSRX (1u << 5) /* 3.10a: status phase of a control write received */
#define DIEPINT_INEPNE   (1u << 6)
#define DIEPINT_TXFE     (1u << 7)
#define DOEPINT_STPKTRX  (1u << 15) /* 3.10a: SETUP packet received */

#define EPTSIZ_XFRSIZ     0x7FFFFu
#define EPTSIZ_PKTCNT_POS 19
#define EPTSIZ_PKTCNT_MAX 1023u
#define DOEPTSIZ0_STUPCNT (3u << 29)

#endif
