/*
 * What boards with an STM32 share: LEDs, button and log, from one const struct stm32_board that each board's folder
 * defines. A board adds clocks and pins:
 *
 *   board_init (the board's folder): clocks ─→ clock gates ─→ pins of its own ─→ USART's speed ─→ stm32_board_start
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BOARD_STM32_BOARD_H
#define PLUGNET_BOARD_STM32_BOARD_H

#include "board/board.h"
#include "chip/stm32/stm32.h"

#define STM32_LEDS_MAX 4

struct stm32_pin {
    char port; /* 'A' and up */
    uint8_t bit;
    bool active_low;
};

/* Const; one board's facts. */
struct stm32_board {
    struct board_info info;
    struct stm32_pin leds[STM32_LEDS_MAX]; /* info.led_count of them */
    struct stm32_pin button;               /* pulled to its released level */
    struct stm32_pin log; /* TX of USART2, by alternate function 7; its handler is LOG_IRQHandler */
    bool vbus_sensed;     /* VBUS is led to PA9, so that unplugging is seen */
};

extern const struct stm32_board stm32_board; /* defined in the board's folder */

/* Set the pins of LEDs, button, log and USB, and start the tick, interrupts and the USB controller: once, at the end of
 * board_init, with clock gates open. `trouble`: what went wrong before, for the log; NULL: nothing. */
void stm32_board_start(const char *trouble);

#endif
