/*
 * RCC of the STM32L4: oscillators, PLLs, clock tree, clock gates, reset flags, and what voltage and flash allow.
 *
 *   MSI 0.1 to 48 MHz ─┬─────────────────────→ SW ─→ SYSCLK ─ HPRE ─→ HCLK (the core) ─ PPRE1/2 ─→ APB1/2
 *    └ held by LSE     │                       ↑
 *   HSI16 ─────────────┼─ M ─→ VCO · N ─┬─ R ──┘
 *   HSE ───────────────┘                └─ Q ─→ CLK48SEL ─→ 48 MHz: USB, RNG      (also PLLSAI1 Q, and MSI itself)
 *
 * LSE starts within 2 s [data sheet, typical, unread] once PWR_CR1.DBP has opened the backup domain, and outlives
 * resets. With MSIPLLEN it disciplines MSI to multiples of 32,768 Hz: 48.005 MHz [data sheet, unread]. Without it MSI is
 * good to a per cent only, which the model doesn't imitate, but USB refuses.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/stm32l4.h"

#define HSI_HZ 16000000u

#define CR_MSION     (1u << 0)
#define CR_MSIRDY    (1u << 1)
#define CR_MSIPLLEN  (1u << 2)
#define CR_MSIRGSEL  (1u << 3)
#define CR_MSIRANGE  (0xFu << 4)
#define CR_HSION     (1u << 8)
#define CR_HSIRDY    (1u << 10)
#define CR_HSEON     (1u << 16)
#define CR_HSERDY    (1u << 17)
#define CR_PLLON     (1u << 24)
#define CR_PLLRDY    (1u << 25)
#define CR_PLLSAI1ON (1u << 26)
#define CR_PLLSAI2ON (1u << 28)
#define CR_PLLS_ON   (CR_PLLON | CR_PLLSAI1ON | CR_PLLSAI2ON)
#define CR_WRITABLE  0x150D0BFDu

#define CSR_LSION     (1u << 0)
#define CSR_LSIRDY    (1u << 1)
#define CSR_MSISRANGE (0xFu << 8)
#define CSR_RMVF      (1u << 23)

#define BDCR_LSEON  (1u << 0)
#define BDCR_LSERDY (1u << 1)
#define BDCR_LSEBYP (1u << 2)
#define BDCR_BDRST  (1u << 16)

#define PWR_CR1_DBP (1u << 8)
#define PWR_CR2_USV (1u << 10)
#define CAUSE_BOR   (1u << 25) /* as the STM32F4 counts; here the bit of power-on means both */
#define CAUSE_POR   (1u << 27)

#define HSE_START_NS 2000000u
#define PLL_LOCK_NS  40000u
#define LSE_START_NS 2000000000u

#define SOURCE_MSI 0u /* CFGR.SW */
#define SOURCE_HSI 1u
#define SOURCE_HSE 2u
#define SOURCE_PLL 3u

static const struct chip_hz stopped = {0, 0};

static bool disciplined(const struct chip *chip)
{
    return chip->rcc.cr & CR_MSIPLLEN && chip->rcc.bdcr & BDCR_LSERDY;
}

static struct chip_hz msi_hz(const struct chip *chip)
{
    static const uint16_t khz[12] = {100, 200, 400, 800, 1000, 2000, 4000, 8000, 16000, 24000, 32000, 48000};
    static const uint16_t lse_periods[12] = {3, 6, 12, 24, 31, 61, 122, 244, 488, 732, 977, 1465};
    const struct chip_rcc *rcc = &chip->rcc;
    uint32_t range = (rcc->cr & CR_MSIRGSEL ? rcc->cr >> 4 : rcc->csr >> 8) & 0xFu;
    if (!(rcc->cr & CR_MSION) || range > 11)
        return stopped;
    if (disciplined(chip))
        return (struct chip_hz){(uint64_t)chip->model->lse_hz * lse_periods[range], 1};
    return (struct chip_hz){khz[range] * 1000u, 1};
}

static struct chip_hz source_hz(const struct chip *chip, uint32_t source)
{
    const struct chip_rcc *rcc = &chip->rcc;
    switch (source) {
    case SOURCE_MSI: return msi_hz(chip);
    case SOURCE_HSI: return rcc->cr & CR_HSIRDY ? (struct chip_hz){HSI_HZ, 1} : stopped;
    case SOURCE_HSE: return rcc->cr & CR_HSERDY ? (struct chip_hz){chip->model->hse_hz, 1} : stopped;
    default: return stopped;
    }
}

/* One output of one PLL; `at`: of its enable bit, the divisor's two bits follow. */
static struct chip_hz pll_hz(const struct chip *chip, uint32_t cfgr, uint32_t on, unsigned at)
{
    const struct chip_rcc *rcc = &chip->rcc;
    uint32_t source = rcc->pllcfgr & 3u;
    struct chip_hz hz = source ? source_hz(chip, source - 1) : stopped;
    if (!(rcc->cr & on << 1) || !(cfgr >> at & 1u) || hz.den == 0)
        return stopped;
    hz.num *= cfgr >> 8 & 0x7Fu;
    hz.den *= ((rcc->pllcfgr >> 4 & 7u) + 1) * 2 * ((cfgr >> (at + 1) & 3u) + 1);
    return hz;
}

static struct chip_hz system_hz(const struct chip *chip)
{
    uint32_t source = chip->rcc.cfgr >> 2 & 3u;
    return source == SOURCE_PLL ? pll_hz(chip, chip->rcc.pllcfgr, CR_PLLON, 24) : source_hz(chip, source);
}

static struct chip_hz core_hz(const struct chip *chip)
{
    static const uint16_t ahb_divisor[8] = {2, 4, 8, 16, 64, 128, 256, 512};
    struct chip_hz hz = system_hz(chip);
    if (chip->rcc.cfgr & 1u << 7)
        hz.den *= ahb_divisor[chip->rcc.cfgr >> 4 & 7u];
    return hz;
}

static uint32_t apb_divisor(const struct chip *chip, unsigned bus)
{
    uint32_t bits = chip->rcc.cfgr >> (bus == 1 ? 8 : 11) & 7u;
    return bits & 4u ? 2u << (bits & 3u) : 1u;
}

/* CCIPR has two bits for each port, in the order of their numbers. */
static struct chip_hz usart_hz(const struct chip *chip, unsigned unit)
{
    switch (chip->rcc.ccipr >> (2 * unit) & 3u) {
    case 0: return rcc_apb_hz(chip, chip->kind->usarts[unit].apb);
    case 1: return system_hz(chip);
    case 2: return source_hz(chip, SOURCE_HSI);
    default: return chip->rcc.bdcr & BDCR_LSERDY ? (struct chip_hz){chip->model->lse_hz, 1} : stopped;
    }
}

static struct chip_hz usb_hz(const struct chip *chip)
{
    switch (chip->rcc.ccipr >> 26 & 3u) {
    case 1: return pll_hz(chip, chip->rcc.pllsai1cfgr, CR_PLLSAI1ON, 20);
    case 2: return pll_hz(chip, chip->rcc.pllcfgr, CR_PLLON, 20);
    case 3: return msi_hz(chip);
    default: return stopped;
    }
}

static const char *usb_trouble(const struct chip *chip)
{
    uint32_t choice = chip->rcc.ccipr >> 26 & 3u;
    bool from_msi = choice == 3 || (choice && (chip->rcc.pllcfgr & 3u) == 1);
    if (!(chip->misc.pwr_cr2 & PWR_CR2_USV))
        return "since PWR_CR2.USV is 0: VDDUSB is isolated";
    if (choice == 0)
        return "since CCIPR.CLK48SEL chooses no clock";
    if (usb_hz(chip).den == 0)
        return "since the clock that CCIPR.CLK48SEL chooses doesn't run";
    if (from_msi && !disciplined(chip))
        return "since MSI isn't disciplined by LSE (CR.MSIPLLEN) and too inaccurate for USB";
    return NULL;
}

/* Wait states for the voltage range: 16 MHz each in range 1, 6 MHz each in range 2 [RM0351, unread]. */
void rcc_l4_check_limits(struct chip *chip)
{
    struct chip_hz hz = core_hz(chip);
    bool range2 = (chip->misc.pwr_cr >> 9 & 3u) == 2;
    uint32_t mhz = hz.den ? (uint32_t)(hz.num / hz.den / 1000000) : 0, states = chip->flash_if.acr & 7u;
    if (range2 && mhz > 26)
        chip_warn(chip, "PWR range", "PWR: voltage range 2 is good for 26 MHz, not for %u", (unsigned)mhz);
    if (mhz > (range2 ? 6u : 16u) * (states + 1))
        chip_warn(chip, "FLASH latency", "FLASH: %u wait states are too few for %u MHz in voltage range %u",
                  (unsigned)states, (unsigned)mhz, range2 ? 2u : 1u);
}

/* Takes a requested SW over as soon as that clock is there. */
static void switch_clock(struct chip *chip)
{
    struct chip_rcc *rcc = &chip->rcc;
    static const uint32_t ready[4] = {CR_MSIRDY, CR_HSIRDY, CR_HSERDY, CR_PLLRDY};
    uint32_t wanted = rcc->cfgr & 3u;
    if (rcc->cr & ready[wanted])
        rcc->cfgr = (rcc->cfgr & ~0xCu) | wanted << 2;
    rcc_changed(chip);
    rcc_l4_check_limits(chip);
}

static void schedule(struct chip *chip)
{
    const struct chip_rcc *rcc = &chip->rcc;
    uint64_t at = rcc->hse_at < rcc->pll_at ? rcc->hse_at : rcc->pll_at;
    chip_event_at(chip, CHIP_EVENT_RCC, rcc->lse_at < at ? rcc->lse_at : at);
}

/* MSI: its range and its discipline have rules. */
static uint32_t msi_write(struct chip *chip, uint32_t old, uint32_t cr)
{
    if (cr & ~old & CR_MSIPLLEN && !(chip->rcc.bdcr & BDCR_LSERDY)) {
        chip_warn(chip, "RCC MSIPLLEN", "RCC: MSIPLLEN set while LSE isn't ready; ignored");
        cr &= ~CR_MSIPLLEN;
    }
    if ((cr & CR_MSIRANGE) >> 4 > 11) {
        chip_warn(chip, "RCC MSIRANGE", "RCC: MSIRANGE %u doesn't exist; ignored",
                  (unsigned)(cr >> 4 & 0xFu));
        cr = (cr & ~CR_MSIRANGE) | (old & CR_MSIRANGE);
    }
    return cr & CR_MSION ? cr | CR_MSIRDY : cr & ~CR_MSIRDY;
}

static void cr_write(struct chip *chip, struct chip_write write)
{
    struct chip_rcc *rcc = &chip->rcc;
    static const uint32_t on[4] = {CR_MSION, CR_HSION, CR_HSEON, CR_PLLON};
    uint32_t old = rcc->cr, cr = chip_merge(old, write, CR_WRITABLE);
    uint64_t now = chip_now(chip);
    cr |= on[rcc->cfgr >> 2 & 3u]; /* what drives the core can't be switched off [unread] */
    cr |= old & CR_MSIRGSEL;       /* can't be taken back [unread] */
    cr = msi_write(chip, old, cr);
    cr = cr & CR_HSION ? cr | CR_HSIRDY : cr & ~CR_HSIRDY;
    cr &= ~((~cr & (CR_HSEON | CR_PLLS_ON)) << 1); /* ready bits of what is off */
    if (cr & ~old & CR_HSEON) {
        if (chip->model->hse_hz)
            rcc->hse_at = now + HSE_START_NS;
        else
            chip_warn(chip, "RCC no HSE", "RCC: HSE switched on, but the board has no crystal");
    }
    if (cr & ~old & CR_PLLS_ON)
        rcc->pll_at = now + PLL_LOCK_NS;
    rcc->cr = cr;
    schedule(chip);
    switch_clock(chip);
}

static void bdcr_write(struct chip *chip, struct chip_write write)
{
    struct chip_rcc *rcc = &chip->rcc;
    if (!(chip->misc.pwr_cr & PWR_CR1_DBP)) {
        chip_warn(chip, "RCC BDCR", "RCC: BDCR written while PWR_CR1.DBP is 0; ignored");
        return;
    }
    uint32_t old = rcc->bdcr, bdcr = chip_merge(old, write, 0x0301833Du);
    if (bdcr & BDCR_BDRST)
        bdcr = BDCR_BDRST;
    if (!(bdcr & BDCR_LSEON)) {
        bdcr &= ~BDCR_LSERDY;
        rcc->lse_at = CHIP_NEVER;
    } else if (!(old & BDCR_LSEON)) {
        if (chip->model->lse_hz)
            rcc->lse_at = chip_now(chip) + LSE_START_NS;
        else
            chip_warn(chip, "RCC no LSE", "RCC: LSE switched on, but the board has no such crystal");
    }
    rcc->bdcr = bdcr;
    schedule(chip);
    switch_clock(chip);
}

static void event(struct chip *chip)
{
    struct chip_rcc *rcc = &chip->rcc;
    uint64_t now = chip_now(chip);
    if (now >= rcc->hse_at) {
        rcc->cr |= rcc->cr & CR_HSEON ? CR_HSERDY : 0;
        rcc->hse_at = CHIP_NEVER;
    }
    if (now >= rcc->pll_at) {
        uint32_t source = rcc->pllcfgr & 3u;
        if (source && source_hz(chip, source - 1).den)
            rcc->cr |= (rcc->cr & CR_PLLS_ON) << 1;
        rcc->pll_at = CHIP_NEVER;
    }
    if (now >= rcc->lse_at) {
        rcc->bdcr |= rcc->bdcr & BDCR_LSEON ? BDCR_LSERDY : 0;
        rcc->lse_at = CHIP_NEVER;
    }
    schedule(chip);
    switch_clock(chip);
}

/* The backup domain and LSI outlive all but power-on. */
static void reset(struct chip *chip, uint32_t cause)
{
    struct chip_rcc *rcc = &chip->rcc;
    bool power_on = cause & CAUSE_POR;
    uint32_t bdcr = rcc->bdcr, causes = (rcc->causes | cause) & ~CAUSE_BOR, lsi = rcc->csr & 3u;
    uint64_t lse_at = power_on ? CHIP_NEVER : rcc->lse_at;
    *rcc = (struct chip_rcc){.hse_at = CHIP_NEVER, .pll_at = CHIP_NEVER, .lse_at = lse_at};
    rcc->cr = 0x00000063;
    rcc->icscr = 0x10000000;
    rcc->pllcfgr = rcc->pllsai1cfgr = rcc->pllsai2cfgr = 0x00001000;
    rcc->enr[0] = 0x00000100;
    rcc->lpenr[0] = 0x00011303;
    rcc->lpenr[1] = 0x000532FF;
    rcc->lpenr[2] = 0x00000101;
    rcc->lpenr[4] = 0xF2FECA3F;
    rcc->lpenr[5] = 0x00000025;
    rcc->lpenr[6] = 0x01677C01;
    rcc->bdcr = power_on ? 0 : bdcr;
    rcc->causes = causes;
    rcc->csr = 0x600 | (power_on ? 0 : lsi);
    schedule(chip);
    rcc_changed(chip);
}

/* MSI at 48 MHz for core and USB [unread]. */
static void rom_clocks(struct chip *chip)
{
    struct chip_rcc *rcc = &chip->rcc;
    rcc->cr = (rcc->cr & ~0xF0u) | 11u << 4 | 1u << 3;
    rcc->ccipr |= 3u << 26;
    chip->flash_if.acr = 0x602;
    rcc_changed(chip);
}

const struct chip_rcc_ops rcc_l4 = {
    .reset = reset,
    .event = event,
    .core_hz = core_hz,
    .apb_divisor = apb_divisor,
    .usart_hz = usart_hz,
    .usb_hz = usb_hz,
    .usb_trouble = usb_trouble,
    .rom_clocks = rom_clocks,
};

/* The three rows of registers for buses: resets, gates, gates asleep. NULL: none of them is at this offset. */
static uint32_t *bus_register(struct chip_rcc *rcc, uint32_t offset)
{
    if (offset < 0x28 || offset > 0x80 || (offset & 0x1Fu) == 0x14 || (offset & 0x1Fu) == 0x04)
        return NULL;
    uint32_t *row = offset < 0x48 ? rcc->rstr : offset < 0x68 ? rcc->enr : rcc->lpenr;
    return &row[(offset - 0x28) % 0x20 / 4];
}

uint32_t rcc_l4_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    struct chip_rcc *rcc = &chip->rcc;
    (void)unit;
    if (bus_register(rcc, offset))
        return *bus_register(rcc, offset);
    switch (offset) {
    case 0x00: return rcc->cr;
    case 0x04: return rcc->icscr;
    case 0x08: return rcc->cfgr;
    case 0x0C: return rcc->pllcfgr;
    case 0x10: return rcc->pllsai1cfgr;
    case 0x14: return rcc->pllsai2cfgr;
    case 0x18: return rcc->cier;
    case 0x1C:
    case 0x20: return 0;
    case 0x88: return rcc->ccipr;
    case 0x90: return rcc->bdcr;
    case 0x94: return rcc->causes | rcc->csr;
    default: return chip_unknown(chip, offset, false);
    }
}

static void pll_write(struct chip *chip, uint32_t *cfgr, uint32_t on, uint32_t writable,
                      struct chip_write write)
{
    /* The output gates may be opened at any time; the rest only while that PLL is off [unread]. */
    uint32_t locked = chip->rcc.cr & on ? writable & ~0x01110000u : 0;
    if (write.mask & locked & (*cfgr ^ write.value))
        chip_warn(chip, "RCC PLLCFGR", "RCC: a PLL's configuration written while it is on; ignored");
    *cfgr = chip_merge(*cfgr, write, writable & ~locked);
    rcc_changed(chip);
}

static void csr_write(struct chip *chip, struct chip_write write)
{
    struct chip_rcc *rcc = &chip->rcc;
    rcc->csr = chip_merge(rcc->csr, write, CSR_LSION | CSR_MSISRANGE);
    rcc->csr = rcc->csr & CSR_LSION ? rcc->csr | CSR_LSIRDY : rcc->csr & ~CSR_LSIRDY;
    if (write.value & write.mask & CSR_RMVF)
        rcc->causes = 0;
}

void rcc_l4_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_rcc *rcc = &chip->rcc;
    uint32_t *bus = bus_register(rcc, write.offset), old = bus ? *bus : 0;
    (void)unit;
    if (bus) {
        *bus = chip_merge(old, write, ~0u);
        if (write.offset < 0x48)
            chip_blocks_reset(chip, (write.offset - 0x28) / 4, *bus & ~old);
        otg_attach_update(&chip->otg);
        return;
    }
    switch (write.offset) {
    case 0x00: cr_write(chip, write); break;
    case 0x04: rcc->icscr = chip_merge(rcc->icscr, write, 0x1F00FF00u); break;
    case 0x08:
        timer_clock_change(chip, false);
        rcc->cfgr = chip_merge(rcc->cfgr, write, 0x7700BFF3u);
        switch_clock(chip);
        break;
    case 0x0C: pll_write(chip, &rcc->pllcfgr, CR_PLLS_ON, 0x07737F73u, write); break;
    case 0x10: pll_write(chip, &rcc->pllsai1cfgr, CR_PLLSAI1ON, 0x07737F00u, write); break;
    case 0x14: pll_write(chip, &rcc->pllsai2cfgr, CR_PLLSAI2ON, 0x07037F00u, write); break;
    case 0x18: rcc->cier = chip_merge(rcc->cier, write, 0x2FFu); break;
    case 0x20: break;
    case 0x88:
        rcc->ccipr = chip_merge(rcc->ccipr, write, ~0u);
        otg_attach_update(&chip->otg);
        break;
    case 0x90: bdcr_write(chip, write); break;
    case 0x94: csr_write(chip, write); break;
    default: chip_unknown(chip, write.offset, true);
    }
}
