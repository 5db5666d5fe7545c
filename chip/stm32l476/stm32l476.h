/*
 * Registers of the STM32L476 that boards use, named as in ST's reference manual RM0351 [unread; addresses and
 * bits from the CMSIS header stm32l476xx.h].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CHIP_STM32L476_H
#define PLUGNET_CHIP_STM32L476_H

#include "chip/stm32/stm32.h"

#define RCC_CR       REG32(0x40021000)
#define RCC_AHB2ENR  REG32(0x4002104C)
#define RCC_APB1ENR1 REG32(0x40021058)
#define RCC_CCIPR    REG32(0x40021088)
#define RCC_BDCR     REG32(0x40021090)

#define RCC_CR_MSIRDY       (1u << 1)
#define RCC_CR_MSIPLLEN     (1u << 2)
#define RCC_CR_MSIRGSEL     (1u << 3)
#define RCC_CR_MSIRANGE     (0xFu << 4)
#define RCC_CR_MSIRANGE_48M (11u << 4)
#define RCC_AHB2ENR_GPIO(p) (1u << ((p) - 'A'))
#define RCC_AHB2ENR_OTGFS   (1u << 12)
#define RCC_AHB2ENR_RNG     (1u << 18)
#define RCC_APB1ENR1_USART2 (1u << 17)
#define RCC_APB1ENR1_PWR    (1u << 28)
#define RCC_CCIPR_CLK48_MSI (3u << 26)
#define RCC_BDCR_LSEON      (1u << 0)
#define RCC_BDCR_LSERDY     (1u << 1)

#define PWR_CR1     REG32(0x40007000)
#define PWR_CR2     REG32(0x40007004)
#define PWR_CR1_DBP (1u << 8)
#define PWR_CR2_USV (1u << 10)

#define FLASH_ACR       REG32(0x40022000)
#define FLASH_ACR_SETUP (2u | 1u << 8 | 1u << 9 | 1u << 10) /* 2 wait states, prefetch, both caches */

#define USART2_CR1   0x40004400u
#define USART2_BRR   REG32(0x4000440C)
#define USART2_ISR   0x4000441Cu
#define USART2_TDR   0x40004428u
#define USART_CR1_UE (1u << 0)

#define GPIO_BASE 0x48000000u
#define RNG_BASE  0x50060800u
#define RCC_CSR   0x40021094u

#define RCC_CSR_RMVF (1u << 23)
#define OTG_FS_BASE  0x50000000u
#define UID_BASE     0x1FFF7590u

#endif
