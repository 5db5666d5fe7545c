/*
 * "Black Pill" with an STM32F411CE: 96 MHz from a 25 MHz crystal, one LED, one button, USB OTG_FS on the USB-C socket. Its
 * pins as WeAct's public schematic of V2 and later has them [unread; from board files of TinyUSB and Zephyr].
 *
 *   PC13 LED, lit when low   PA0 button, to ground   PA11/PA12 USB; VBUS isn't led to the chip
 *   PA2 USART2 TX, 115200 8N1: the log
 */
/* SPDX-License-Identifier: MIT */
#include "board/stm32/stm32_board.h"
#include "chip/stm32f4/stm32f4.h"

#include <stddef.h>

#define CLOCK_HZ 96000000u

static const char *const led_names[] = {"blue"};

const struct stm32_board stm32_board = {
    .info =
        {
            .name = "Black Pill F411",
            .chip = "STM32F411CE",
            .product_id = BOARD_ID & 0xFFFF,
            .led_names = led_names,
            .led_count = 1,
            .has_button = true,
            .has_rom = true,
            .clock_hz = CLOCK_HZ,
        },
    .leds = {{'C', 13, true}},
    .button = {'A', 0, true},
    .log = {'A', 2, false},
};

void board_init(void)
{
    RCC_APB1ENR |= RCC_APB1ENR_PWR | RCC_APB1ENR_USART2;
    (void)RCC_APB1ENR; /* two cycles until a peripheral's clock runs */
    PWR_CR |=
        PWR_CR_VOS_SCALE1; /* out of reset the regulator is good for 84 MHz only; takes effect with the PLL */

    /* 25 MHz / 25 * 192 = 192 MHz; / 2 for the core, / 4 for USB. */
    bool crystal = stm32f4_clock_start(25, 192u << 6 | 0u << 16 | 4u << 24, RCC_CFGR_PPRE1_DIV2, 3);

    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO('A') | RCC_AHB1ENR_GPIO('C');
    RCC_AHB2ENR |= RCC_AHB2ENR_OTGFS;
    (void)RCC_AHB2ENR;
    USART2_BRR = CLOCK_HZ / 2 / 115200;
    REG32(USART2_CR1) = USART_CR1_UE | USART_CR1_TE;
    stm32_board_start(crystal ? NULL : "clock: the 25 MHz crystal does not start, USB can't work\n");
}
