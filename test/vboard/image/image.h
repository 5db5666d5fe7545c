/*
 * What the throw-away test images share: raw register access and the start-up code's names.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_VBOARD_IMAGE_H
#define PLUGNET_TEST_VBOARD_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#define REG(address)   (*(volatile uint32_t *)(address))
#define REG8(address)  (*(volatile uint8_t *)(address))
#define REG16(address) (*(volatile uint16_t *)(address))

#define NOINIT __attribute__((section(".noinit")))

#define RCC_CR       REG(0x40023800)
#define RCC_PLLCFGR  REG(0x40023804)
#define RCC_CFGR     REG(0x40023808)
#define RCC_AHB1ENR  REG(0x40023830)
#define RCC_AHB2ENR  REG(0x40023834)
#define RCC_APB1ENR  REG(0x40023840)
#define RCC_APB2ENR  REG(0x40023844)
#define RCC_CSR      REG(0x40023874)
#define FLASH_ACR    REG(0x40023C00)
#define GPIOA        0x40020000u
#define GPIOC        0x40020800u
#define GPIOD        0x40020C00u
#define SYST_CSR     REG(0xE000E010)
#define SYST_RVR     REG(0xE000E014)
#define NVIC_ISER(n) REG(0xE000E100u + 4u * (n))
#define SCB_AIRCR    REG(0xE000ED0C)
#define DWT_CYCCNT   REG(0xE0001004)
#define OTG(offset)  REG(0x50000000u + (offset))

void image_main(void);
void image_tick(void);      /* SysTick; weak */
void image_irq(uint32_t n); /* any external interrupt; weak */
void image_fault(void);

static inline void wfi(void)
{
    __asm volatile("wfi" ::: "memory");
}

/* HSE 8 MHz, 168 MHz core, 48 MHz USB, APB1 42 MHz, APB2 84 MHz. */
void image_clock_168(void);

#endif
