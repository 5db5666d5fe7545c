/*
 * STM32L476xG: Cortex-M4F at up to 80 MHz, 1 MiB of flash in two banks, 96 + 32 KiB of RAM. What it has of its own: power
 * control (PWR) and SYSCFG below, RCC and flash in rcc_l4.c and flash_l4.c. Values from ST's public CMSIS header
 * stm32l476xx.h; reset values and prose from the reference manual RM0351 [unread].
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/stm32l4.h"

enum { AHB1, AHB2, AHB3, APB1 = 4, APB1_2, APB2 };

#define PWR_CR1_WRITABLE 0x4707u
#define PWR_CR2_WRITABLE 0x06FFu

static uint32_t pwr_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    const struct chip_misc *misc = &chip->misc;
    (void)unit;
    switch (offset) {
    case 0x00: return misc->pwr_cr;
    case 0x04: return misc->pwr_cr2;
    case 0x08: return misc->pwr_cr3;
    case 0x0C: return misc->pwr_cr4;
    case 0x10: /* never asleep for long, no voltage ever sags: no flags */
    case 0x14:
    case 0x18: return 0;
    default: return chip_unknown(chip, offset, false);
    }
}

static void pwr_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_misc *misc = &chip->misc;
    (void)unit;
    switch (write.offset) {
    case 0x00: {
        uint32_t value = chip_merge(misc->pwr_cr, write, PWR_CR1_WRITABLE), vos = value >> 9 & 3u;
        if (vos != 1 && vos != 2) {
            chip_warn(chip, "PWR VOS", "PWR: there is no voltage range %u; ignored", (unsigned)vos);
            value = (value & ~0x600u) | (misc->pwr_cr & 0x600u);
        }
        misc->pwr_cr = value;
        rcc_l4_check_limits(chip);
        break;
    }
    case 0x04:
        misc->pwr_cr2 = chip_merge(misc->pwr_cr2, write, PWR_CR2_WRITABLE);
        otg_attach_update(&chip->otg);
        break;
    case 0x08: misc->pwr_cr3 = chip_merge(misc->pwr_cr3, write, 0x851Fu); break;
    case 0x0C: misc->pwr_cr4 = chip_merge(misc->pwr_cr4, write, 0x331Fu); break;
    case 0x18: break;
    default: chip_unknown(chip, write.offset, true);
    }
}

static void pwr_reset(struct chip *chip, unsigned unit)
{
    (void)unit;
    chip->misc.pwr_cr = 0x200;
    chip->misc.pwr_cr2 = chip->misc.pwr_cr4 = 0;
    chip->misc.pwr_cr3 = 0x8000;
}

static void own_reset(struct chip *chip)
{
    pwr_reset(chip, 0);
    chip->misc.syscfg_cfgr1 = 0x7C000001;
}

static uint32_t syscfg_l4_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    (void)unit;
    switch (offset) {
    case 0x00: return chip->misc.syscfg_memrmp;
    case 0x04: return chip->misc.syscfg_cfgr1;
    case 0x08:
    case 0x0C:
    case 0x10:
    case 0x14: return chip->exti.exticr[(offset - 8) / 4];
    case 0x1C: return chip->misc.syscfg_cfgr2;
    default: return chip_unknown(chip, offset, false);
    }
}

static void syscfg_l4_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_misc *misc = &chip->misc;
    (void)unit;
    switch (write.offset) {
    case 0x00:
        misc->syscfg_memrmp = chip_merge(misc->syscfg_memrmp, write, 0x107u);
        chip_remap(chip);
        break;
    case 0x04: misc->syscfg_cfgr1 = chip_merge(misc->syscfg_cfgr1, write, 0xFC7F0101u); break;
    case 0x08:
    case 0x0C:
    case 0x10:
    case 0x14: exticr_write(chip, (write.offset - 8) / 4, write); break;
    case 0x1C: misc->syscfg_cfgr2 |= write.value & write.mask & 0xFu; break;
    default: chip_unknown(chip, write.offset, true);
    }
}

static const struct chip_block blocks[] = {
    {0x48000000, 0x400, "GPIOA", gpio_read, gpio_write, gpio_reset_port, 0, AHB2, 0},
    {0x48000400, 0x400, "GPIOB", gpio_read, gpio_write, gpio_reset_port, 1, AHB2, 1},
    {0x48000800, 0x400, "GPIOC", gpio_read, gpio_write, gpio_reset_port, 2, AHB2, 2},
    {0x48000C00, 0x400, "GPIOD", gpio_read, gpio_write, gpio_reset_port, 3, AHB2, 3},
    {0x48001000, 0x400, "GPIOE", gpio_read, gpio_write, gpio_reset_port, 4, AHB2, 4},
    {0x48001400, 0x400, "GPIOF", gpio_read, gpio_write, gpio_reset_port, 5, AHB2, 5},
    {0x48001800, 0x400, "GPIOG", gpio_read, gpio_write, gpio_reset_port, 6, AHB2, 6},
    {0x48001C00, 0x400, "GPIOH", gpio_read, gpio_write, gpio_reset_port, 7, AHB2, 7},
    {0x50040000, 0x400, "ADC", NULL, NULL, NULL, 0, AHB2, 13},
    {0x50060800, 0x400, "RNG", rng_read, rng_write, rng_reset, 0, AHB2, 18},
    {0x40020000, 0x400, "DMA1", NULL, NULL, NULL, 0, AHB1, 0},
    {0x40020400, 0x400, "DMA2", NULL, NULL, NULL, 0, AHB1, 1},
    {0x40021000, 0x400, "RCC", rcc_l4_read, rcc_l4_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40022000, 0x400, "FLASH", flash_l4_read, flash_l4_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40023000, 0x400, "CRC", crc_read, crc_write, crc_reset, 0, AHB1, 12},
    {0x40024000, 0x400, "TSC", NULL, NULL, NULL, 0, AHB1, 16},
    {0xA0000000, 0x1000, "FMC", NULL, NULL, NULL, 0, AHB3, 0},
    {0xA0001000, 0x400, "QUADSPI", NULL, NULL, NULL, 0, AHB3, 8},
    {0x40000000, 0x400, "TIM2", timer_read, timer_write, timer_reset_unit, 1, APB1, 0},
    {0x40000400, 0x400, "TIM3", timer_read, timer_write, timer_reset_unit, 2, APB1, 1},
    {0x40000800, 0x400, "TIM4", timer_read, timer_write, timer_reset_unit, 3, APB1, 2},
    {0x40000C00, 0x400, "TIM5", timer_read, timer_write, timer_reset_unit, 4, APB1, 3},
    {0x40001000, 0x400, "TIM6", timer_read, timer_write, timer_reset_unit, 5, APB1, 4},
    {0x40001400, 0x400, "TIM7", timer_read, timer_write, timer_reset_unit, 6, APB1, 5},
    {0x40002400, 0x400, "LCD", NULL, NULL, NULL, 0, APB1, 9},
    {0x40002800, 0x400, "RTC", NULL, NULL, NULL, 0, CHIP_UNGATED, 0},
    {0x40002C00, 0x400, "WWDG", wwdg_read, wwdg_write, NULL, 0, APB1, 11},
    {0x40003000, 0x400, "IWDG", iwdg_read, iwdg_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40003800, 0x400, "SPI2", NULL, NULL, NULL, 0, APB1, 14},
    {0x40003C00, 0x400, "SPI3", NULL, NULL, NULL, 0, APB1, 15},
    {0x40004400, 0x400, "USART2", usart_l4_read, usart_l4_write, usart_reset_unit, 1, APB1, 17},
    {0x40004800, 0x400, "USART3", usart_l4_read, usart_l4_write, usart_reset_unit, 2, APB1, 18},
    {0x40004C00, 0x400, "UART4", usart_l4_read, usart_l4_write, usart_reset_unit, 3, APB1, 19},
    {0x40005000, 0x400, "UART5", usart_l4_read, usart_l4_write, usart_reset_unit, 4, APB1, 20},
    {0x40005400, 0x400, "I2C1", NULL, NULL, NULL, 0, APB1, 21},
    {0x40005800, 0x400, "I2C2", NULL, NULL, NULL, 0, APB1, 22},
    {0x40005C00, 0x400, "I2C3", NULL, NULL, NULL, 0, APB1, 23},
    {0x40006400, 0x400, "CAN1", NULL, NULL, NULL, 0, APB1, 25},
    {0x40007000, 0x400, "PWR", pwr_read, pwr_write, pwr_reset, 0, APB1, 28},
    {0x40007400, 0x400, "DAC", NULL, NULL, NULL, 0, APB1, 29},
    {0x40007800, 0x400, "OPAMP", NULL, NULL, NULL, 0, APB1, 30},
    {0x40007C00, 0x400, "LPTIM1", NULL, NULL, NULL, 0, APB1, 31},
    {0x40008000, 0x400, "LPUART1", NULL, NULL, NULL, 0, APB1_2, 0},
    {0x40008800, 0x400, "SWPMI1", NULL, NULL, NULL, 0, APB1_2, 2},
    {0x40009400, 0x400, "LPTIM2", NULL, NULL, NULL, 0, APB1_2, 5},
    {0x40010000, 0x30, "SYSCFG", syscfg_l4_read, syscfg_l4_write, NULL, 0, APB2, 0},
    {0x40010030, 0x3D0, "VREFBUF, COMP", NULL, NULL, NULL, 0, APB2, 0},
    {0x40010400, 0x400, "EXTI", exti_read, exti_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40011C00, 0x400, "FIREWALL", NULL, NULL, NULL, 0, APB2, 7},
    {0x40012800, 0x400, "SDMMC1", NULL, NULL, NULL, 0, APB2, 10},
    {0x40012C00, 0x400, "TIM1", timer_read, timer_write, timer_reset_unit, 0, APB2, 11},
    {0x40013000, 0x400, "SPI1", NULL, NULL, NULL, 0, APB2, 12},
    {0x40013400, 0x400, "TIM8", timer_read, timer_write, timer_reset_unit, 7, APB2, 13},
    {0x40013800, 0x400, "USART1", usart_l4_read, usart_l4_write, usart_reset_unit, 0, APB2, 14},
    {0x40014000, 0x400, "TIM15", timer_read, timer_write, timer_reset_unit, 8, APB2, 16},
    {0x40014400, 0x400, "TIM16", timer_read, timer_write, timer_reset_unit, 9, APB2, 17},
    {0x40014800, 0x400, "TIM17", timer_read, timer_write, timer_reset_unit, 10, APB2, 18},
    {0x40015400, 0x400, "SAI1", NULL, NULL, NULL, 0, APB2, 21},
    {0x40015800, 0x400, "SAI2", NULL, NULL, NULL, 0, APB2, 22},
    {0x40016000, 0x800, "DFSDM1", NULL, NULL, NULL, 0, APB2, 24},
    {0xE0042000, 0x400, "DBGMCU", dbgmcu_read, dbgmcu_write, NULL, 0, CHIP_UNGATED, 0},
};

static const struct chip_usart_facts usarts[] = {
    {"usart1", 37, 2}, {"usart2", 38, 1}, {"usart3", 39, 1}, {"uart4", 52, 1}, {"uart5", 53, 1},
};

/* TIM1 to TIM8, TIM15 to TIM17 */
static const struct chip_timer_facts timers[] = {
    {25, 27, 2, 4, false}, {28, 28, 1, 4, true},  {29, 29, 1, 4, false}, {30, 30, 1, 4, false},
    {50, 50, 1, 4, true},  {54, 54, 1, 0, false}, {55, 55, 1, 0, false}, {44, 46, 2, 4, false},
    {24, 24, 2, 2, false}, {25, 25, 2, 1, false}, {26, 26, 2, 1, false},
};

static const struct rom_facts rom = {
    .alternates = {"@Internal Flash   /0x08000000/512*0002Kg", "@Option Bytes   /0x1FFF7800/01*040 e",
                   "@OTP Memory   /0x1FFF7000/01*0001Ke"},
    .rcc_cr = 0x63,
    .needs_crystal = false,
};

const struct chip_kind chip_stm32l476 = {
    .name = "STM32L476",
    .hz_max = 80000000,
    .hz_reset = 4000000,
    .idcode = 0x10076415, /* revision of most boards on sale [unread], device 0x415 */
    .irq_count = 82,

    .flash_size = 0x100000,
    .sectors = {{512, 0x800}},
    .ram = {{0x20000000, 0x18000}, {0x10000000, 0x8000}}, /* SRAM1, SRAM2 */
    .system_size = 0x7800,
    .uid_address = 0x1FFF7590,
    .flash_size_address = 0x1FFF75E0,
    .option_base = 0x1FFF7800,
    /* OPTR and its complement: RDP off, software watchdogs, BOR level 0, SRAM2 kept over resets. */
    .option = {0xAA, 0xF8, 0xEF, 0xFF, 0x55, 0x07, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00,
               0x00},
    .option_rdp = 0,
    .option_dog = 16, /* IWDG_SW */

    .blocks = blocks,
    .block_count = sizeof blocks / sizeof *blocks,
    .port_count = 8,
    .usart_count = sizeof usarts / sizeof *usarts,
    .timer_count = sizeof timers / sizeof *timers,
    .usarts = usarts,
    .timers = timers,
    .gpio_reset = {{0xABFFFFFF, 0x0C000000, 0x64000000}, {0xFFFFFEBF, 0, 0x00000100}, {0xFFFFFFFF, 0, 0}},
    .gpio_brr = true,
    .usart_enable = 1u << 0,
    .exti_lines = 0x7DFFFF,
    .exti_imr = 0xFF820000,
    .exti = {{1u << 0, 6},
             {1u << 1, 7},
             {1u << 2, 8},
             {1u << 3, 9},
             {1u << 4, 10},
             {0x3E0u, 23},
             {0xFC00u, 40},
             {1u << 16, 1},
             {1u << 18, 41},
             {1u << 19, 2},
             {1u << 20, 3},
             {3u << 21, 64}},

    .otg = &otg_stm32l4,
    .otg_bank = AHB2,
    .otg_bit = 12,
    .otg_wakeup_line = 17,
    .usb_clock = "CCIPR.CLK48SEL's choice",

    .rcc = &rcc_l4,
    .flash = &flash_l4,
    .rom = &rom,
    .reset = own_reset,
};
