/*
 * STM32F411xE: Cortex-M4F at up to 100 MHz, 512 KiB of flash, 128 KiB of RAM, no random number generator. A smaller
 * STM32F407: same clock tree, flash interface and USB controller. Values from ST's public CMSIS header stm32f411xe.h and
 * the data sheet [unread].
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

enum { AHB1, AHB2, APB1 = 4, APB2 };

static const struct chip_block blocks[] = {
    {0x40020000, 0x400, "GPIOA", gpio_read, gpio_write, gpio_reset_port, 0, AHB1, 0},
    {0x40020400, 0x400, "GPIOB", gpio_read, gpio_write, gpio_reset_port, 1, AHB1, 1},
    {0x40020800, 0x400, "GPIOC", gpio_read, gpio_write, gpio_reset_port, 2, AHB1, 2},
    {0x40020C00, 0x400, "GPIOD", gpio_read, gpio_write, gpio_reset_port, 3, AHB1, 3},
    {0x40021000, 0x400, "GPIOE", gpio_read, gpio_write, gpio_reset_port, 4, AHB1, 4},
    {0x40021C00, 0x400, "GPIOH", gpio_read, gpio_write, gpio_reset_port, 7, AHB1, 7},
    {0x40023000, 0x400, "CRC", crc_read, crc_write, crc_reset, 0, AHB1, 12},
    {0x40023800, 0x400, "RCC", rcc_f4_read, rcc_f4_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40023C00, 0x400, "FLASH", flash_f4_read, flash_f4_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40026000, 0x400, "DMA1", NULL, NULL, NULL, 0, AHB1, 21},
    {0x40026400, 0x400, "DMA2", NULL, NULL, NULL, 0, AHB1, 22},
    {0x40000000, 0x400, "TIM2", timer_read, timer_write, timer_reset_unit, 1, APB1, 0},
    {0x40000400, 0x400, "TIM3", timer_read, timer_write, timer_reset_unit, 2, APB1, 1},
    {0x40000800, 0x400, "TIM4", timer_read, timer_write, timer_reset_unit, 3, APB1, 2},
    {0x40000C00, 0x400, "TIM5", timer_read, timer_write, timer_reset_unit, 4, APB1, 3},
    {0x40002800, 0x400, "RTC", NULL, NULL, NULL, 0, CHIP_UNGATED, 0},
    {0x40002C00, 0x400, "WWDG", wwdg_read, wwdg_write, NULL, 0, APB1, 11},
    {0x40003000, 0x400, "IWDG", iwdg_read, iwdg_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40003400, 0x400, "I2S2ext", NULL, NULL, NULL, 0, APB1, 14},
    {0x40003800, 0x400, "SPI2", NULL, NULL, NULL, 0, APB1, 14},
    {0x40003C00, 0x400, "SPI3", NULL, NULL, NULL, 0, APB1, 15},
    {0x40004000, 0x400, "I2S3ext", NULL, NULL, NULL, 0, APB1, 15},
    {0x40004400, 0x400, "USART2", usart_read, usart_write, usart_reset_unit, 1, APB1, 17},
    {0x40005400, 0x400, "I2C1", NULL, NULL, NULL, 0, APB1, 21},
    {0x40005800, 0x400, "I2C2", NULL, NULL, NULL, 0, APB1, 22},
    {0x40005C00, 0x400, "I2C3", NULL, NULL, NULL, 0, APB1, 23},
    {0x40007000, 0x400, "PWR", pwr_f4_read, pwr_f4_write, NULL, 0, APB1, 28},
    {0x40010000, 0x400, "TIM1", timer_read, timer_write, timer_reset_unit, 0, APB2, 0},
    {0x40011000, 0x400, "USART1", usart_read, usart_write, usart_reset_unit, 0, APB2, 4},
    {0x40011400, 0x400, "USART6", usart_read, usart_write, usart_reset_unit, 2, APB2, 5},
    {0x40012000, 0x400, "ADC", NULL, NULL, NULL, 0, APB2, 8},
    {0x40012C00, 0x400, "SDIO", NULL, NULL, NULL, 0, APB2, 11},
    {0x40013000, 0x400, "SPI1", NULL, NULL, NULL, 0, APB2, 12},
    {0x40013400, 0x400, "SPI4", NULL, NULL, NULL, 0, APB2, 13},
    {0x40013800, 0x400, "SYSCFG", syscfg_read, syscfg_write, NULL, 0, APB2, 14},
    {0x40013C00, 0x400, "EXTI", exti_read, exti_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40014000, 0x400, "TIM9", timer_read, timer_write, timer_reset_unit, 5, APB2, 16},
    {0x40014400, 0x400, "TIM10", timer_read, timer_write, timer_reset_unit, 6, APB2, 17},
    {0x40014800, 0x400, "TIM11", timer_read, timer_write, timer_reset_unit, 7, APB2, 18},
    {0x40015000, 0x400, "SPI5", NULL, NULL, NULL, 0, APB2, 20},
    {0xE0042000, 0x400, "DBGMCU", dbgmcu_read, dbgmcu_write, NULL, 0, CHIP_UNGATED, 0},
};

static const struct chip_usart_facts usarts[] = {{"usart1", 37, 2}, {"usart2", 38, 1}, {"usart6", 71, 2}};

/* TIM1 to TIM5, TIM9 to TIM11 */
static const struct chip_timer_facts timers[] = {
    {25, 27, 2, 4, false}, {28, 28, 1, 4, true},  {29, 29, 1, 4, false}, {30, 30, 1, 4, false},
    {50, 50, 1, 4, true},  {24, 24, 2, 2, false}, {25, 25, 2, 1, false}, {26, 26, 2, 1, false},
};

static const struct rom_facts rom = {
    .alternates = {"@Internal Flash  /0x08000000/04*016Kg,01*064Kg,03*128Kg",
                   "@Option Bytes  /0x1FFFC000/01*016 e", "@OTP Memory /0x1FFF7800/01*512 e,01*016 e",
                   "@Device Feature/0xFFFF0000/01*004 e"},
    .rcc_cr = 0x83,
    .needs_crystal = true,
};

const struct chip_kind chip_stm32f411 = {
    .name = "STM32F411",
    .hz_max = 100000000,
    .hz_reset = 16000000,
    .scale_hz = {0, 64000000, 84000000, 100000000},
    .scale_reset = 2,
    .systick_calibration = 12500, /* 1 ms at 100 MHz / 8 [unread] */
    .idcode = 0x10006431,         /* device 0x431; revision [unread] */
    .irq_count = 86,

    .flash_size = 0x80000,
    .sectors = {{4, 0x4000}, {1, 0x10000}, {3, 0x20000}},
    .ram = {{0x20000000, 0x20000}},
    .system_size = 0x8000,
    .uid_address = 0x1FFF7A10,
    .flash_size_address = 0x1FFF7A22,
    .option_base = 0x1FFFC000,
    /* RDP off, software watchdog, BOR off, no write protection. */
    .option = {0xEF, 0xAA, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
               0xFF},
    .option_rdp = 1,
    .option_dog = 5, /* WDG_SW */

    .blocks = blocks,
    .block_count = sizeof blocks / sizeof *blocks,
    .port_count = 8,
    .usart_count = sizeof usarts / sizeof *usarts,
    .timer_count = sizeof timers / sizeof *timers,
    .usarts = usarts,
    .timers = timers,
    .gpio_reset = {{0xA8000000, 0x0C000000, 0x64000000}, {0x00000280, 0x000000C0, 0x00000100}, {0, 0, 0}},
    .usart_enable = 1u << 13,
    .exti_lines = 0x67FFFF,
    .exti = {{1u << 0, 6},
             {1u << 1, 7},
             {1u << 2, 8},
             {1u << 3, 9},
             {1u << 4, 10},
             {0x3E0u, 23},
             {0xFC00u, 40},
             {1u << 16, 1},
             {1u << 17, 41},
             {1u << 18, 42},
             {1u << 21, 2},
             {1u << 22, 3}},

    .otg = &otg_stm32f4,
    .otg_bank = AHB2,
    .otg_bit = 7,
    .otg_wakeup_line = 18,
    .usb_clock = "PLLQ",

    .rcc = &rcc_f4,
    .flash = &flash_f4,
    .rom = &rom,
    .reset = pwr_f4_reset,
};
