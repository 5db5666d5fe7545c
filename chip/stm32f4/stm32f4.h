/*
 * Registers of the STM32F4 that its chips and boards use, and its clock's start. Addresses and bits from the CMSIS headers
 * stm32f407xx.h and stm32f411xe.h, names as in ST's reference manuals RM0090 and RM0383 [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CHIP_STM32F4_H
#define PLUGNET_CHIP_STM32F4_H

#include "chip/stm32/stm32.h"

#define RCC_CR      REG32(0x40023800)
#define RCC_PLLCFGR REG32(0x40023804)
#define RCC_CFGR    REG32(0x40023808)
#define RCC_AHB1ENR REG32(0x40023830)
#define RCC_AHB2ENR REG32(0x40023834)
#define RCC_APB1ENR REG32(0x40023840)
#define RCC_CSR     0x40023874u

#define RCC_CSR_RMVF (1u << 24)

#define RCC_CR_HSEON        (1u << 16)
#define RCC_CR_HSERDY       (1u << 17)
#define RCC_CR_PLLON        (1u << 24)
#define RCC_CR_PLLRDY       (1u << 25)
#define RCC_PLLCFGR_HSE     (1u << 22)
#define RCC_CFGR_SW_PLL     2u
#define RCC_CFGR_SWS        (3u << 2)
#define RCC_CFGR_SWS_PLL    (2u << 2)
#define RCC_CFGR_PPRE1_DIV2 (4u << 10)
#define RCC_CFGR_PPRE1_DIV4 (5u << 10)
#define RCC_CFGR_PPRE2_DIV2 (4u << 13)
#define RCC_AHB1ENR_GPIO(p) (1u << ((p) - 'A'))
#define RCC_AHB2ENR_RNG     (1u << 6)
#define RCC_AHB2ENR_OTGFS   (1u << 7)
#define RCC_APB1ENR_USART2  (1u << 17)
#define RCC_APB1ENR_PWR     (1u << 28)

#define PWR_CR            REG32(0x40007000)
#define PWR_CR_VOS_SCALE1 (3u << 14)

#define FLASH_ACR        REG32(0x40023C00)
#define FLASH_ACR_CACHES (1u << 8 | 1u << 9 | 1u << 10) /* prefetch, both caches; wait states below */

#define USART2_SR    0x40004400u
#define USART2_DR    0x40004404u
#define USART2_BRR   REG32(0x40004408)
#define USART2_CR1   0x4000440Cu
#define USART_CR1_UE (1u << 13)

#define GPIO_BASE   0x40020000u
#define RNG_BASE    0x50060800u
#define OTG_FS_BASE 0x50000000u
#define UID_BASE    0x1FFF7A10u

/* Erase units of the flash, for a chip's table of areas: times by words, at 2.7 V and more. Source: data sheets [unread]. */
#define STM32F4_SMALL_SECTOR                                                                                 \
    .erase_size = 0x4000, .program_size = 4, .stalls = true, .erase_ms = 250, .erase_ms_max = 500,           \
    .program_us = 16
#define STM32F4_LARGE_SECTOR                                                                                 \
    .erase_size = 0x20000, .program_size = 4, .stalls = true, .erase_ms = 1000, .erase_ms_max = 2000,        \
    .program_us = 16

/* The core's and USB's clock: crystal / M * N / P, and / Q. `pll`: N, P and Q in place; `crystal_mhz`: M, so that the PLL
 * takes 1 MHz in; `buses`: CFGR's dividers. False: the crystal didn't start, and the internal 16 MHz took its place: good
 * for the LEDs and the log, too inaccurate for USB. */
static inline bool stm32f4_clock_start(uint32_t crystal_mhz, uint32_t pll, uint32_t buses,
                                       uint32_t wait_states)
{
    RCC_CR |= RCC_CR_HSEON;
    bool crystal = stm32_wait(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY);

    RCC_PLLCFGR = (crystal ? RCC_PLLCFGR_HSE | crystal_mhz : 16u) | pll;
    RCC_CR |= RCC_CR_PLLON;
    stm32_wait(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY);
    FLASH_ACR = FLASH_ACR_CACHES | wait_states;
    RCC_CFGR = buses | RCC_CFGR_SW_PLL;
    stm32_wait(&RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL);
    return crystal;
}

#endif
