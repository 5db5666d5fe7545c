/*
 * What boards with an STM32 share: LEDs, button, log, random bits, USB, from one const struct stm32_board that each
 * board's folder defines. A board adds clocks and pins:
 *
 *   board_init (the board's folder): clocks ─→ clock gates ─→ pins of its own ─→ USART's speed ─→ stm32_start
 *
 * Register names as in ST's reference manuals [unread; from the CMSIS headers stm32f407xx.h, stm32l476xx.h]. GPIO is
 * the same in all families; of a USART only the registers named here are used, whose bits are the same.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BOARD_STM32_H
#define PLUGNET_BOARD_STM32_H

#include "board/board.h"
#include "board/cortex_m4/cortex_m4.h"
#include "port/dwc2/dwc2.h"

#define STM32_LEDS_MAX 4

#define STM32_WAIT_MAX 500000u /* reads; some ten ms at 16 MHz: a crystal of some MHz starts within 2 ms */

#define IRQ_USART2 38
#define IRQ_OTG_FS 67

#define USART_SR_TXE    (1u << 7) /* SR, or ISR */
#define USART_CR1_TE    (1u << 3)
#define USART_CR1_TXEIE (1u << 7)

struct stm32_pin {
    char port; /* 'A' … */
    uint8_t bit;
    bool active_low;
};

/* Const; one board's facts. */
struct stm32_board {
    struct board_info info;
    struct stm32_pin leds[STM32_LEDS_MAX]; /* info.led_count of them */
    struct stm32_pin button;               /* pulled to its released level */
    uint32_t gpio;                         /* address of port A */
    uint32_t uid;                          /* … of the unique ID */
    uint32_t rng;                          /* … of the generator; 0: the chip has none */
    struct {
        uint32_t cr1, sr, dr; /* addresses: control, status (ISR), data to send (TDR) */
        uint8_t irq;          /* its handler is LOG_IRQHandler */
        struct stm32_pin pin; /* TX, by alternate function 7 */
    } log;
    struct dwc2_chip usb; /* its handler is OTG_FS_IRQHandler */
};

extern const struct stm32_board stm32_board; /* defined in the board's folder */

/* Set the pins of LEDs, button, log and USB, and start the tick, interrupts and the USB controller: once, at the end of
 * board_init, with clock gates open. `trouble`: what went wrong before, for the log; NULL: nothing. */
void stm32_start(const char *trouble);

/* ---- GPIO ---- */

#define GPIO_MODER(port)   REG32((port) + 0x00)
#define GPIO_OSPEEDR(port) REG32((port) + 0x08)
#define GPIO_PUPDR(port)   REG32((port) + 0x0C)
#define GPIO_IDR(port)     REG32((port) + 0x10)
#define GPIO_ODR(port)     REG32((port) + 0x14)
#define GPIO_BSRR(port)    REG32((port) + 0x18)
#define GPIO_AFR(port, n)  REG32((port) + 0x20 + 4u * (n))

static inline uint32_t stm32_port(char port)
{
    return stm32_board.gpio + (uint32_t)(port - 'A') * 0x400u;
}

/* First the level, then the direction: the pin never shows the other one. LEDs, button, log and USB need no call. */
void stm32_pin_output(char port, unsigned bit, bool level);

/* ---- */

/* Wait until (*reg & mask) == value; false if it didn't within STM32_WAIT_MAX reads. */
static inline bool stm32_wait(volatile uint32_t *reg, uint32_t mask, uint32_t value)
{
    for (uint32_t i = 0; i < STM32_WAIT_MAX; i++)
        if ((*reg & mask) == value)
            return true;
    return false;
}

#endif
