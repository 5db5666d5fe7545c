/*
 * STM32L476VG: 1 MiB of flash, 128 KiB of RAM, a newer DWC2 with six endpoints each way.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/stm32/stm32_flash.h"
#include "chip/stm32l476/stm32l476.h"

const struct stm32_chip stm32_chip = {
    .gpio = GPIO_BASE,
    .uid = UID_BASE,
    .rng = RNG_BASE,
    .csr = RCC_CSR,
    .csr_rmvf = RCC_CSR_RMVF,
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

/* Of one page. Code runs in bank 1: what lies in bank 2 doesn't hold it up. Source: data sheet [unread]. */
#define PAGE .erase_size = 0x800, .program_size = 8, .erase_ms = 22, .erase_ms_max = 25, .program_us = 82

const struct board_flash stm32_flash[BOARD_FLASH_AREAS] = {
    [BOARD_FLASH_SETTINGS] = {STM32_FLASH_AREA(settings), PAGE},
    [BOARD_FLASH_IMAGE] = {STM32_FLASH_AREA(image), PAGE, .stalls = true},
    [BOARD_FLASH_STAGED] = {STM32_FLASH_AREA(staged), PAGE},
    [BOARD_FLASH_JOURNAL] = {STM32_FLASH_AREA(journal), PAGE},
    [BOARD_FLASH_SCRATCH] = {STM32_FLASH_AREA(scratch), PAGE},
};
