/*
 * Registers of the STM32F407 that this board uses, named as in ST's reference manual RM0090 [unread; addresses
 * and bits from the CMSIS header stm32f407xx.h].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BOARD_STM32F407_H
#define PLUGNET_BOARD_STM32F407_H

#include "board/cortex_m4/cortex_m4.h"

#define STM32F407_IRQ_COUNT 82
#define IRQ_USART2          38
#define IRQ_OTG_FS          67

#define RCC_CR      REG32(0x40023800)
#define RCC_PLLCFGR REG32(0x40023804)
#define RCC_CFGR    REG32(0x40023808)
#define RCC_AHB1ENR REG32(0x40023830)
#define RCC_AHB2ENR REG32(0x40023834)
#define RCC_APB1ENR REG32(0x40023840)

#define RCC_CR_HSEON        (1u << 16)
#define RCC_CR_HSERDY       (1u << 17)
#define RCC_CR_PLLON        (1u << 24)
#define RCC_CR_PLLRDY       (1u << 25)
#define RCC_PLLCFGR_HSE     (1u << 22)
#define RCC_CFGR_SW_PLL     2u
#define RCC_CFGR_SWS        (3u << 2)
#define RCC_CFGR_SWS_PLL    (2u << 2)
#define RCC_CFGR_PPRE1_DIV4 (5u << 10)
#define RCC_CFGR_PPRE2_DIV2 (4u << 13)
#define RCC_AHB1ENR_GPIOA   (1u << 0)
#define RCC_AHB1ENR_GPIOC   (1u << 2)
#define RCC_AHB1ENR_GPIOD   (1u << 3)
#define RCC_AHB2ENR_RNG     (1u << 6)
#define RCC_AHB2ENR_OTGFS   (1u << 7)
#define RCC_APB1ENR_USART2  (1u << 17)

#define FLASH_ACR       REG32(0x40023C00)
#define FLASH_ACR_SETUP (5u | 1u << 8 | 1u << 9 | 1u << 10) /* 5 wait states, prefetch, both caches */

#define GPIOA 0x40020000u
#define GPIOC 0x40020800u
#define GPIOD 0x40020C00u

#define GPIO_MODER(port)   REG32((port) + 0x00)
#define GPIO_OSPEEDR(port) REG32((port) + 0x08)
#define GPIO_PUPDR(port)   REG32((port) + 0x0C)
#define GPIO_IDR(port)     REG32((port) + 0x10)
#define GPIO_ODR(port)     REG32((port) + 0x14)
#define GPIO_BSRR(port)    REG32((port) + 0x18)
#define GPIO_AFRL(port)    REG32((port) + 0x20)
#define GPIO_AFRH(port)    REG32((port) + 0x24)

#define USART2_SR  REG32(0x40004400)
#define USART2_DR  REG32(0x40004404)
#define USART2_BRR REG32(0x40004408)
#define USART2_CR1 REG32(0x4000440C)

#define USART_SR_TXE    (1u << 7)
#define USART_CR1_TE    (1u << 3)
#define USART_CR1_TXEIE (1u << 7)
#define USART_CR1_UE    (1u << 13)

#define RNG_CR REG32(0x50060800)
#define RNG_SR REG32(0x50060804)
#define RNG_DR REG32(0x50060808)

#define OTG_FS_BASE 0x50000000u
#define UID_BASE    0x1FFF7A10u

#endif
