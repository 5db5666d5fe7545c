/*
 * RCC of the STM32F4: oscillators, PLL, clock tree, clock gates, reset flags.
 *
 *   HSI 16 MHz ─┬──────────────────────────→ SW ─→ SYSCLK ─ HPRE ─→ HCLK (the core) ─ PPRE1/2 ─→ APB1/2
 *   HSE ────────┼─ M ─→ VCO · N ─┬─ P ───────↑                                         (timers: twice, if divided)
 *               └────────────────└─ Q ─→ 48 MHz: USB, RNG
 *
 * An oscillator is ready some time after it was switched on: HSE 2 ms (a crystal), PLL 200 µs, as the data sheet's
 * typical figures [unread].
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#define HSI_HZ 16000000u

#define CR_HSION     (1u << 0)
#define CR_HSIRDY    (1u << 1)
#define CR_HSEON     (1u << 16)
#define CR_HSERDY    (1u << 17)
#define CR_HSEBYP    (1u << 18)
#define CR_PLLON     (1u << 24)
#define CR_PLLRDY    (1u << 25)
#define CR_PLLI2SON  (1u << 26)
#define CR_PLLI2SRDY (1u << 27)
#define CR_WRITABLE  0x050D00F9u

#define CSR_LSION  (1u << 0)
#define CSR_LSIRDY (1u << 1)
#define CSR_RMVF   (1u << 24)

#define HSE_START_NS 2000000u
#define PLL_LOCK_NS  200000u

static struct chip_hz pll_input(const struct chip *chip)
{
    const struct chip_rcc *rcc = &chip->rcc;
    uint32_t m = rcc->pllcfgr & 0x3Fu;
    uint64_t source = rcc->pllcfgr & 1u << 22 ? chip->model->hse_hz : HSI_HZ;
    return m < 2 ? (struct chip_hz){0, 0} : (struct chip_hz){source, m};
}

static struct chip_hz pll_output(const struct chip *chip, uint32_t divisor)
{
    struct chip_hz hz = pll_input(chip);
    if (!(chip->rcc.cr & CR_PLLRDY) || hz.den == 0 || divisor < 2)
        return (struct chip_hz){0, 0};
    hz.num *= chip->rcc.pllcfgr >> 6 & 0x1FFu;
    hz.den *= divisor;
    return hz;
}

static struct chip_hz usb_hz(const struct chip *chip)
{
    return pll_output(chip, chip->rcc.pllcfgr >> 24 & 0xFu);
}

static struct chip_hz core_hz(const struct chip *chip)
{
    static const uint16_t ahb_divisor[8] = {2, 4, 8, 16, 64, 128, 256, 512};
    uint32_t cfgr = chip->rcc.cfgr;
    struct chip_hz hz = {HSI_HZ, 1};
    if ((cfgr >> 2 & 3u) == 1)
        hz.num = chip->model->hse_hz;
    else if ((cfgr >> 2 & 3u) == 2)
        hz = pll_output(chip, 2u * ((chip->rcc.pllcfgr >> 16 & 3u) + 1));
    if (cfgr & 1u << 7)
        hz.den *= ahb_divisor[cfgr >> 4 & 7u];
    return hz;
}

static uint32_t apb_divisor(const struct chip *chip, unsigned bus)
{
    uint32_t bits = chip->rcc.cfgr >> (bus == 1 ? 10 : 13) & 7u;
    return bits & 4u ? 2u << (bits & 3u) : 1u;
}

static struct chip_hz usart_hz(const struct chip *chip, unsigned unit)
{
    return rcc_apb_hz(chip, chip->kind->usarts[unit].apb);
}

static const char *usb_trouble(const struct chip *chip)
{
    return usb_hz(chip).den ? NULL : "since the PLL doesn't run and so there are no 48 MHz";
}

/* Takes a requested SW over as soon as that clock is there. */
static void switch_clock(struct chip *chip)
{
    struct chip_rcc *rcc = &chip->rcc;
    static const uint32_t ready[4] = {CR_HSIRDY, CR_HSERDY, CR_PLLRDY, 0};
    uint32_t wanted = rcc->cfgr & 3u;
    if (wanted < 3 && rcc->cr & ready[wanted] && wanted != (rcc->cfgr >> 2 & 3u))
        rcc->cfgr = (rcc->cfgr & ~0xCu) | wanted << 2;
    rcc_changed(chip);
}

/* Data sheet limits: of the flash at 2.7 to 3.6 V 30 MHz for each wait state, of the regulator one for each scale. */
static void check_limits(struct chip *chip)
{
    struct chip_hz hz = core_hz(chip);
    uint64_t mhz = hz.den ? hz.num / hz.den / 1000000 : 0;
    if (mhz > 30u * ((chip->flash_if.acr & 0xFu) + 1))
        chip_warn(chip, "FLASH latency", "FLASH: %u wait states are too few for %u MHz",
                  (unsigned)(chip->flash_if.acr & 0xFu), (unsigned)mhz);
    uint32_t scale = chip->misc.pwr_cr >> 14 & 3u;
    if (mhz > chip->kind->scale_hz[scale] / 1000000)
        chip_warn(chip, "PWR scale", "PWR: regulator scale VOS %u is good for %u MHz, not for %u",
                  (unsigned)scale, (unsigned)(chip->kind->scale_hz[scale] / 1000000), (unsigned)mhz);
}

static void cr_write(struct chip *chip, struct chip_write write)
{
    struct chip_rcc *rcc = &chip->rcc;
    uint32_t old = rcc->cr, cr = chip_merge(old, write, CR_WRITABLE);
    uint32_t in_use = rcc->cfgr >> 2 & 3u;
    /* What drives the core can't be switched off [RM]. */
    cr |= in_use == 0 ? CR_HSION : in_use == 1 ? CR_HSEON : CR_PLLON;
    if (in_use == 2 && rcc->pllcfgr & 1u << 22)
        cr |= CR_HSEON;
    uint64_t now = chip_now(chip), delay = 0;
    if (!(cr & CR_HSEON))
        cr &= ~CR_HSERDY;
    if (!(cr & CR_PLLON))
        cr &= ~CR_PLLRDY;
    if (!(cr & CR_PLLI2SON))
        cr &= ~CR_PLLI2SRDY;
    cr = cr & CR_HSION ? cr | CR_HSIRDY : cr & ~CR_HSIRDY;
    if (cr & ~old & CR_HSEON) {
        if (chip->model->hse_hz)
            delay = HSE_START_NS;
        else
            chip_warn(chip, "RCC no HSE", "RCC: HSE switched on, but the board has no crystal");
    }
    if (cr & ~old & (CR_PLLON | CR_PLLI2SON))
        delay = PLL_LOCK_NS;
    rcc->cr = cr;
    if (delay)
        chip_event_at(chip, CHIP_EVENT_RCC, now + delay);
    switch_clock(chip);
}

static void event(struct chip *chip)
{
    struct chip_rcc *rcc = &chip->rcc;
    if (rcc->cr & CR_HSEON && chip->model->hse_hz)
        rcc->cr |= CR_HSERDY;
    bool source = rcc->pllcfgr & 1u << 22 ? (rcc->cr & CR_HSERDY) != 0 : (rcc->cr & CR_HSIRDY) != 0;
    if (rcc->cr & CR_PLLON && source)
        rcc->cr |= CR_PLLRDY;
    if (rcc->cr & CR_PLLI2SON && source)
        rcc->cr |= CR_PLLI2SRDY;
    switch_clock(chip);
}

static void reset(struct chip *chip, uint32_t cause)
{
    struct chip_rcc *rcc = &chip->rcc;
    uint32_t bdcr = rcc->bdcr, causes = rcc->causes | cause, lsi = rcc->csr & 3u;
    *rcc = (struct chip_rcc){0};
    rcc->cr = 0x00000083;
    rcc->pllcfgr = 0x24003010;
    rcc->plli2scfgr = 0x20003000;
    rcc->enr[0] = 0x00100000;
    rcc->lpenr[0] = 0x7E6791FF;
    rcc->lpenr[1] = 0x000000F1;
    rcc->lpenr[2] = 0x00000001;
    rcc->lpenr[4] = 0x36FEC9FF;
    rcc->lpenr[5] = 0x00075F33;
    rcc->bdcr = bdcr;
    rcc->causes = causes;
    rcc->csr = cause & 1u << 27 ? 0 : lsi;
    rcc_changed(chip);
}

/* HSE, and the PLL at 48 MHz for core and USB [unread]. */
static void rom_clocks(struct chip *chip)
{
    struct chip_rcc *rcc = &chip->rcc;
    rcc->cr |= CR_HSEON | CR_HSERDY | CR_PLLON | CR_PLLRDY;
    rcc->pllcfgr = chip->model->hse_hz / 1000000 | 192u << 6 | 1u << 16 | 1u << 22 | 4u << 24;
    rcc->cfgr = 2u << 2 | 2u;
    chip->flash_if.acr = 1;
    rcc_changed(chip);
}

const struct chip_rcc_ops rcc_f4 = {
    .reset = reset,
    .event = event,
    .core_hz = core_hz,
    .apb_divisor = apb_divisor,
    .usart_hz = usart_hz,
    .usb_hz = usb_hz,
    .usb_trouble = usb_trouble,
    .rom_clocks = rom_clocks,
};

uint32_t rcc_f4_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    const struct chip_rcc *rcc = &chip->rcc;
    (void)unit;
    if (offset >= 0x10 && offset < 0x28 && offset != 0x1C)
        return rcc->rstr[(offset - 0x10) / 4];
    if (offset >= 0x30 && offset < 0x48 && offset != 0x3C)
        return rcc->enr[(offset - 0x30) / 4];
    if (offset >= 0x50 && offset < 0x68 && offset != 0x5C)
        return rcc->lpenr[(offset - 0x50) / 4];
    switch (offset) {
    case 0x00: return rcc->cr;
    case 0x04: return rcc->pllcfgr;
    case 0x08: return rcc->cfgr;
    case 0x0C: return rcc->cir;
    case 0x70: return rcc->bdcr;
    case 0x74: return rcc->causes | rcc->csr;
    case 0x80: return rcc->sscgr;
    case 0x84: return rcc->plli2scfgr;
    default: return chip_unknown(chip, offset, false);
    }
}

void rcc_f4_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_rcc *rcc = &chip->rcc;
    uint32_t offset = write.offset;
    (void)unit;
    if (offset >= 0x10 && offset < 0x28 && offset != 0x1C) {
        unsigned bank = (offset - 0x10) / 4;
        uint32_t old = rcc->rstr[bank];
        rcc->rstr[bank] = chip_merge(old, write, ~0u);
        chip_blocks_reset(chip, bank, rcc->rstr[bank] & ~old);
        return;
    }
    if (offset >= 0x30 && offset < 0x48 && offset != 0x3C) {
        rcc->enr[(offset - 0x30) / 4] = chip_merge(rcc->enr[(offset - 0x30) / 4], write, ~0u);
        otg_attach_update(&chip->otg);
        return;
    }
    if (offset >= 0x50 && offset < 0x68 && offset != 0x5C) {
        rcc->lpenr[(offset - 0x50) / 4] = chip_merge(rcc->lpenr[(offset - 0x50) / 4], write, ~0u);
        return;
    }
    switch (offset) {
    case 0x00: cr_write(chip, write); break;
    case 0x04:
        if (rcc->cr & CR_PLLON)
            chip_warn(chip, "RCC PLLCFGR", "RCC: PLLCFGR written while the PLL is on; ignored");
        else
            rcc->pllcfgr = chip_merge(rcc->pllcfgr, write, 0x0F437FFFu);
        break;
    case 0x08:
        timer_clock_change(chip, false);
        rcc->cfgr = chip_merge(rcc->cfgr, write, 0xFFFFFCF3u);
        switch_clock(chip);
        check_limits(chip);
        break;
    case 0x0C: rcc->cir = chip_merge(rcc->cir, write, 0x3F00u); break;
    case 0x70:
        rcc->bdcr = chip_merge(rcc->bdcr, write, 0x00018305u);
        if (rcc->bdcr & 1u)
            chip_warn(chip, "RCC LSE", "RCC: LSE switched on, but no board here has that crystal");
        break;
    case 0x74:
        rcc->csr = chip_merge(rcc->csr, write, CSR_LSION);
        rcc->csr = rcc->csr & CSR_LSION ? rcc->csr | CSR_LSIRDY : rcc->csr & ~CSR_LSIRDY;
        if (write.value & write.mask & CSR_RMVF)
            rcc->causes = 0;
        break;
    case 0x80: rcc->sscgr = chip_merge(rcc->sscgr, write, ~0u); break;
    case 0x84: rcc->plli2scfgr = chip_merge(rcc->plli2scfgr, write, 0x7FFFFFC0u); break;
    default: chip_unknown(chip, offset, true);
    }
}
