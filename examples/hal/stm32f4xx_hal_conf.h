/*
 * What ST's HAL asks of a project: which of its modules there are, and the board's oscillators. The HAL's own template lists
 * everything that can be said here.
 */
/* SPDX-License-Identifier: MIT */
#ifndef STM32F4XX_HAL_CONF_H
#define STM32F4XX_HAL_CONF_H

#define HAL_MODULE_ENABLED
#define HAL_CORTEX_MODULE_ENABLED
#define HAL_DMA_MODULE_ENABLED /* its UART's handle has room for it */
#define HAL_FLASH_MODULE_ENABLED
#define HAL_GPIO_MODULE_ENABLED
#define HAL_PWR_MODULE_ENABLED
#define HAL_RCC_MODULE_ENABLED
#define HAL_RNG_MODULE_ENABLED
#define HAL_UART_MODULE_ENABLED

#define HSE_VALUE            8000000U /* the crystal of the STM32F4DISCOVERY */
#define HSE_STARTUP_TIMEOUT  100U     /* ms */
#define HSI_VALUE            16000000U
#define LSI_VALUE            32000U
#define LSE_VALUE            32768U
#define LSE_STARTUP_TIMEOUT  5000U
#define EXTERNAL_CLOCK_VALUE 12288000U

#define VDD_VALUE                3300U /* mV */
#define TICK_INT_PRIORITY        15U   /* lowest: nothing waits for the tick */
#define USE_RTOS                 0U
#define PREFETCH_ENABLE          1U
#define INSTRUCTION_CACHE_ENABLE 1U
#define DATA_CACHE_ENABLE        1U

#define USE_HAL_RNG_REGISTER_CALLBACKS  0U
#define USE_HAL_UART_REGISTER_CALLBACKS 0U

#define assert_param(expression) ((void)0)

#include <stm32f4xx_hal_cortex.h>
#include <stm32f4xx_hal_dma.h>
#include <stm32f4xx_hal_flash.h>
#include <stm32f4xx_hal_gpio.h>
#include <stm32f4xx_hal_pwr.h>
#include <stm32f4xx_hal_rcc.h>
#include <stm32f4xx_hal_rng.h>
#include <stm32f4xx_hal_uart.h>

#endif
