/*
 * Start-up of a test image: vectors, memory, clock.
 */
/* SPDX-License-Identifier: MIT */
#include "image.h"

extern uint32_t image_data[], image_data_end[], image_data_load[], image_bss[], image_bss_end[],
    image_stack[];
void image_reset(void);

volatile uint32_t fault_status[2] NOINIT;

__attribute__((weak)) void image_tick(void)
{
}

__attribute__((weak)) void image_irq(uint32_t n)
{
    (void)n;
}

static void any_irq(void)
{
    uint32_t number;
    __asm volatile("mrs %0, ipsr" : "=r"(number));
    image_irq(number - 16);
}

void image_fault(void)
{
    fault_status[0] = REG(0xE000ED28);
    fault_status[1] = REG(0xE000ED38);
    while (true)
        wfi();
}

void image_reset(void)
{
    uint32_t *from = image_data_load;
    for (uint32_t *to = image_data; to < image_data_end;)
        *to++ = *from++;
    for (uint32_t *to = image_bss; to < image_bss_end;)
        *to++ = 0;
    image_main();
    while (true)
        wfi();
}

void image_clock_168(void)
{
    RCC_CR |= 1u << 16;
    while (!(RCC_CR & 1u << 17)) {
    }
    FLASH_ACR = 0x705;
    RCC_PLLCFGR = 8u | 336u << 6 | 0u << 16 | 1u << 22 | 7u << 24;
    RCC_CR |= 1u << 24;
    while (!(RCC_CR & 1u << 25)) {
    }
    RCC_CFGR = 5u << 10 | 4u << 13 | 2u;
    while ((RCC_CFGR & 0xCu) != 8) {
    }
}

typedef void handler(void);
#define IRQ4  any_irq, any_irq, any_irq, any_irq
#define IRQ16 IRQ4, IRQ4, IRQ4, IRQ4
__attribute__((section(".vectors"), used)) static handler *const vectors[16 + 82] = {(handler *)image_stack,
                                                                                     image_reset,
                                                                                     image_fault,
                                                                                     image_fault,
                                                                                     image_fault,
                                                                                     image_fault,
                                                                                     image_fault,
                                                                                     0,
                                                                                     0,
                                                                                     0,
                                                                                     0,
                                                                                     image_fault,
                                                                                     image_fault,
                                                                                     0,
                                                                                     image_fault,
                                                                                     image_tick,
                                                                                     IRQ16,
                                                                                     IRQ16,
                                                                                     IRQ16,
                                                                                     IRQ16,
                                                                                     IRQ16,
                                                                                     any_irq,
                                                                                     any_irq};
