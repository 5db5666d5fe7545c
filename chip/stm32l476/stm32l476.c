/*
 * STM32L476VG: 1 MiB of flash, 128 KiB of RAM, a newer DWC2 with six endpoints each way.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/stm32l476/stm32l476.h"

const struct stm32_chip stm32_chip = {
    .gpio = GPIO_BASE,
    .uid = UID_BASE,
    .rng = RNG_BASE,
    .usart2 = {USART2_CR1, USART2_ISR, USART2_TDR, IRQ_USART2},
    .usb =
        {
            .base = OTG_FS_BASE,
            .fifo_words = 320,
            .endpoint_count = 6,
            .trdt = 6,
            .vbus_override = true,
            .extra_out_complete = true,
        },
};
