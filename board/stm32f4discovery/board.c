/*
 * STM32F4DISCOVERY: STM32F407VG at 168 MHz from an 8 MHz crystal, four LEDs, one button, USB OTG_FS on the
 * micro-AB socket. Pins and traps: facts.md G, "Boards".
 *
 *   PD12..15 LEDs   PA0 button   PA11/PA12 USB   PA9 VBUS   PC0 host's VBUS switch, kept off (high)
 *   PA2 USART2 TX, 115200 8N1: the log
 */
/* SPDX-License-Identifier: MIT */
#include "board/stm32/stm32_board.h"
#include "chip/stm32f4/stm32f4.h"

#include <stddef.h>

#define CLOCK_HZ 168000000u

static const char *const led_names[] = {"green", "orange", "red", "blue"};

const struct stm32_board stm32_board = {
    .info =
        {
            .name = "STM32F4DISCOVERY",
            .chip = "STM32F407VG",
            .product_id = BOARD_ID & 0xFFFF,
            .led_names = led_names,
            .led_count = 4,
            .has_button = true,
            .has_rom = true,
            .clock_hz = CLOCK_HZ,
        },
    .leds = {{'D', 12, false}, {'D', 13, false}, {'D', 14, false}, {'D', 15, false}},
    .button = {'A', 0, false},
    .log = {'A', 2, false},
    .vbus_sensed = true,
};

void board_init(void)
{
    /* 8 MHz / 8 * 336 = 336 MHz; / 2 for the core, / 7 for USB. */
    bool crystal =
        stm32f4_clock_start(8, 336u << 6 | 0u << 16 | 7u << 24, RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2, 5);

    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO('A') | RCC_AHB1ENR_GPIO('C') | RCC_AHB1ENR_GPIO('D');
    RCC_AHB2ENR |= RCC_AHB2ENR_RNG | RCC_AHB2ENR_OTGFS;
    RCC_APB1ENR |= RCC_APB1ENR_USART2;
    (void)RCC_APB1ENR;              /* two cycles until a peripheral's clock runs */
    stm32_pin_output('C', 0, true); /* the switch never closes */
    USART2_BRR = CLOCK_HZ / 4 / 115200;
    REG32(USART2_CR1) = USART_CR1_UE | USART_CR1_TE;
    stm32_board_start(crystal ? NULL : "clock: the 8 MHz crystal does not start, USB can't work\n");
}
