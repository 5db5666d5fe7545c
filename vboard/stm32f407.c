/*
 * STM32F407xG: Cortex-M4F at up to 168 MHz, 1 MiB of flash, 128 + 64 KiB of RAM. Values from ST's public CMSIS header
 * stm32f407xx.h and the data sheet [unread].
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

enum { AHB1, AHB2, AHB3, APB1 = 4, APB2 };

static const struct chip_block blocks[] = {
    {0x40020000, 0x400, "GPIOA", gpio_read, gpio_write, gpio_reset_port, 0, AHB1, 0},
    {0x40020400, 0x400, "GPIOB", gpio_read, gpio_write, gpio_reset_port, 1, AHB1, 1},
    {0x40020800, 0x400, "GPIOC", gpio_read, gpio_write, gpio_reset_port, 2, AHB1, 2},
    {0x40020C00, 0x400, "GPIOD", gpio_read, gpio_write, gpio_reset_port, 3, AHB1, 3},
    {0x40021000, 0x400, "GPIOE", gpio_read, gpio_write, gpio_reset_port, 4, AHB1, 4},
    {0x40021400, 0x400, "GPIOF", gpio_read, gpio_write, gpio_reset_port, 5, AHB1, 5},
    {0x40021800, 0x400, "GPIOG", gpio_read, gpio_write, gpio_reset_port, 6, AHB1, 6},
    {0x40021C00, 0x400, "GPIOH", gpio_read, gpio_write, gpio_reset_port, 7, AHB1, 7},
    {0x40022000, 0x400, "GPIOI", gpio_read, gpio_write, gpio_reset_port, 8, AHB1, 8},
    {0x40023000, 0x400, "CRC", crc_read, crc_write, crc_reset, 0, AHB1, 12},
    {0x40023800, 0x400, "RCC", rcc_f4_read, rcc_f4_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40023C00, 0x400, "FLASH", flash_f4_read, flash_f4_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40026000, 0x400, "DMA1", NULL, NULL, NULL, 0, AHB1, 21},
    {0x40026400, 0x400, "DMA2", NULL, NULL, NULL, 0, AHB1, 22},
    {0x40028000, 0x1400, "ETH", NULL, NULL, NULL, 0, AHB1, 25},
    {0x40040000, 0x40000, "OTG_HS", NULL, NULL, NULL, 0, AHB1, 29},
    {0x50050000, 0x400, "DCMI", NULL, NULL, NULL, 0, AHB2, 0},
    {0x50060800, 0x400, "RNG", rng_read, rng_write, rng_reset, 0, AHB2, 6},
    {0xA0000000, 0x1000, "FSMC", NULL, NULL, NULL, 0, AHB3, 0},
    {0x40000000, 0x400, "TIM2", timer_read, timer_write, timer_reset_unit, 1, APB1, 0},
    {0x40000400, 0x400, "TIM3", timer_read, timer_write, timer_reset_unit, 2, APB1, 1},
    {0x40000800, 0x400, "TIM4", timer_read, timer_write, timer_reset_unit, 3, APB1, 2},
    {0x40000C00, 0x400, "TIM5", timer_read, timer_write, timer_reset_unit, 4, APB1, 3},
    {0x40001000, 0x400, "TIM6", timer_read, timer_write, timer_reset_unit, 5, APB1, 4},
    {0x40001400, 0x400, "TIM7", timer_read, timer_write, timer_reset_unit, 6, APB1, 5},
    {0x40001800, 0x400, "TIM12", timer_read, timer_write, timer_reset_unit, 11, APB1, 6},
    {0x40001C00, 0x400, "TIM13", timer_read, timer_write, timer_reset_unit, 12, APB1, 7},
    {0x40002000, 0x400, "TIM14", timer_read, timer_write, timer_reset_unit, 13, APB1, 8},
    {0x40002800, 0x400, "RTC", NULL, NULL, NULL, 0, CHIP_UNGATED, 0},
    {0x40002C00, 0x400, "WWDG", wwdg_read, wwdg_write, NULL, 0, APB1, 11},
    {0x40003000, 0x400, "IWDG", iwdg_read, iwdg_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40003400, 0x400, "I2S2ext", NULL, NULL, NULL, 0, APB1, 14},
    {0x40003800, 0x400, "SPI2", NULL, NULL, NULL, 0, APB1, 14},
    {0x40003C00, 0x400, "SPI3", NULL, NULL, NULL, 0, APB1, 15},
    {0x40004000, 0x400, "I2S3ext", NULL, NULL, NULL, 0, APB1, 15},
    {0x40004400, 0x400, "USART2", usart_read, usart_write, usart_reset_unit, 1, APB1, 17},
    {0x40004800, 0x400, "USART3", usart_read, usart_write, usart_reset_unit, 2, APB1, 18},
    {0x40004C00, 0x400, "UART4", usart_read, usart_write, usart_reset_unit, 3, APB1, 19},
    {0x40005000, 0x400, "UART5", usart_read, usart_write, usart_reset_unit, 4, APB1, 20},
    {0x40005400, 0x400, "I2C1", NULL, NULL, NULL, 0, APB1, 21},
    {0x40005800, 0x400, "I2C2", NULL, NULL, NULL, 0, APB1, 22},
    {0x40005C00, 0x400, "I2C3", NULL, NULL, NULL, 0, APB1, 23},
    {0x40006400, 0x400, "CAN1", NULL, NULL, NULL, 0, APB1, 25},
    {0x40006800, 0x400, "CAN2", NULL, NULL, NULL, 0, APB1, 26},
    {0x40007000, 0x400, "PWR", pwr_f4_read, pwr_f4_write, NULL, 0, APB1, 28},
    {0x40007400, 0x400, "DAC", NULL, NULL, NULL, 0, APB1, 29},
    {0x40010000, 0x400, "TIM1", timer_read, timer_write, timer_reset_unit, 0, APB2, 0},
    {0x40010400, 0x400, "TIM8", timer_read, timer_write, timer_reset_unit, 7, APB2, 1},
    {0x40011000, 0x400, "USART1", usart_read, usart_write, usart_reset_unit, 0, APB2, 4},
    {0x40011400, 0x400, "USART6", usart_read, usart_write, usart_reset_unit, 5, APB2, 5},
    {0x40012000, 0x400, "ADC", NULL, NULL, NULL, 0, APB2, 8},
    {0x40012C00, 0x400, "SDIO", NULL, NULL, NULL, 0, APB2, 11},
    {0x40013000, 0x400, "SPI1", NULL, NULL, NULL, 0, APB2, 12},
    {0x40013800, 0x400, "SYSCFG", syscfg_read, syscfg_write, NULL, 0, APB2, 14},
    {0x40013C00, 0x400, "EXTI", exti_read, exti_write, NULL, 0, CHIP_UNGATED, 0},
    {0x40014000, 0x400, "TIM9", timer_read, timer_write, timer_reset_unit, 8, APB2, 16},
    {0x40014400, 0x400, "TIM10", timer_read, timer_write, timer_reset_unit, 9, APB2, 17},
    {0x40014800, 0x400, "TIM11", timer_read, timer_write, timer_reset_unit, 10, APB2, 18},
    {0xE0042000, 0x400, "DBGMCU", dbgmcu_read, dbgmcu_write, NULL, 0, CHIP_UNGATED, 0},
};

static const struct chip_usart_facts usarts[] = {
    {"usart1", 37, 2}, {"usart2", 38, 1}, {"usart3", 39, 1},
    {"uart4", 52, 1},  {"uart5", 53, 1},  {"usart6", 71, 2},
};

/* TIM1 to TIM14 */
static const struct chip_timer_facts timers[] = {
    {25, 27, 2, 4, false}, {28, 28, 1, 4, true},  {29, 29, 1, 4, false}, {30, 30, 1, 4, false},
    {50, 50, 1, 4, true},  {54, 54, 1, 0, false}, {55, 55, 1, 0, false}, {44, 46, 2, 4, false},
    {24, 24, 2, 2, false}, {25, 25, 2, 1, false}, {26, 26, 2, 1, false}, {43, 43, 1, 2, false},
    {44, 44, 1, 1, false}, {45, 45, 1, 1, false},
};

static const struct rom_facts rom = {
    .alternates = {"@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg",
                   "@Option Bytes  /0x1FFFC000/01*016 e", "@OTP Memory /0x1FFF7800/01*512 e,01*016 e",
                   "@Device Feature/0xFFFF0000/01*004 e"},
    .rcc_cr = 0x83,
    .needs_crystal = true,
};

const struct chip_kind chip_stm32f407 = {
    .name = "STM32F407",
    .hz_max = 168000000,
    .hz_reset = 16000000,
    .scale_hz = {144000000, 168000000},
    .scale_reset = 1,
    .systick_calibration = 18750, /* 1 ms at 150 MHz / 8 [unread] */
    .idcode = 0x10076413,         /* revision of most boards on sale [unread], device 0x413 */
    .irq_count = 82,

    .flash_size = 0x100000,
    .sectors = {{4, 0x4000}, {1, 0x10000}, {7, 0x20000}},
    .ram = {{0x20000000, 0x20000}, {0x10000000, 0x10000}, {0x40024000, 0x1000}}, /* SRAM, CCM, backup */
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
    .port_count = 9,
    .usart_count = sizeof usarts / sizeof *usarts,
    .timer_count = sizeof timers / sizeof *timers,
    .usarts = usarts,
    .timers = timers,
    .gpio_reset = {{0xA8000000, 0x0C000000, 0x64000000}, {0x00000280, 0x000000C0, 0x00000100}, {0, 0, 0}},
    .usart_enable = 1u << 13,
    .exti_lines = 0x7FFFFF,
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
             {1u << 19, 62},
             {1u << 20, 76},
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
