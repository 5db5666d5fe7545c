/*
 * STM32F411CE: 512 KiB of flash, 128 KiB of RAM, no random number generator; its DWC2 is the F407's.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/stm32/stm32_flash.h"
#include "chip/stm32f4/stm32f4.h"

const struct stm32_chip stm32_chip = {
    .gpio = GPIO_BASE,
    .uid = UID_BASE,
    .csr = RCC_CSR,
    .csr_rmvf = RCC_CSR_RMVF,
    .usart2 = {USART2_CR1, USART2_SR, USART2_DR, IRQ_USART2},
    .usb =
        {
            .base = OTG_FS_BASE,
            .fifo_words = 320,
            .endpoint_count = 4,
            .trdt = 6,
        },
};

const struct board_flash stm32_flash[BOARD_FLASH_AREAS] = {
    [BOARD_FLASH_SETTINGS] = {STM32_FLASH_AREA(settings), STM32F4_SMALL_SECTOR},
    [BOARD_FLASH_IMAGE] = {STM32_FLASH_AREA(image), STM32F4_LARGE_SECTOR},
    [BOARD_FLASH_STAGED] = {STM32_FLASH_AREA(staged), STM32F4_LARGE_SECTOR},
    [BOARD_FLASH_JOURNAL] = {STM32_FLASH_AREA(journal), STM32F4_SMALL_SECTOR},
    [BOARD_FLASH_SCRATCH] = {STM32_FLASH_AREA(scratch), STM32F4_LARGE_SECTOR},
};
