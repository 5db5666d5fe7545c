/*
 * What STM32 chips share: pins, unique ID, random bits, and the USB controller, from one const struct stm32_chip that each
 * chip's folder defines. What is soldered around it is the board's (board/stm32/stm32_board.h).
 *
 * Register names as in ST's reference manuals [unread; from the CMSIS headers stm32f407xx.h, stm32l476xx.h]. GPIO is
 * the same in all families; of a USART only the registers named here are used, whose bits are the same.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_CHIP_STM32_H
#define PLUGNET_CHIP_STM32_H

#include "chip/cortex_m4/cortex_m4.h"
#include "udc/dwc2/dwc2.h"

#define STM32_WAIT_MAX 500000u /* reads, 20 ms at 168 MHz, 200 at 16; a crystal starts within 2 ms */

#define IRQ_USART2 38
#define IRQ_OTG_FS 67

#define USART_SR_TXE    (1u << 7) /* SR, or ISR */
#define USART_SR_TC     (1u << 6)
#define USART_CR1_TE    (1u << 3)
#define USART_CR1_TXEIE (1u << 7)

/* Addresses of a USART's registers that sending needs: control, status (SR or ISR), data (DR or TDR); its IRQ number. */
struct stm32_usart {
    uint32_t cr1, sr, dr;
    uint8_t irq;
};

/* Const; one kind of chip. */
struct stm32_chip {
    uint32_t gpio;     /* address of port A's registers */
    uint32_t uid;      /* address of the unique ID */
    uint32_t rng;      /* address of the random number generator; 0: the chip has none */
    uint32_t csr;      /* address of RCC_CSR, which says what has reset us */
    uint32_t csr_rmvf; /* its bit that clears that */
    struct stm32_usart usart2;
    struct dwc2_chip usb; /* on PA11 and PA12; its handler is OTG_FS_IRQHandler */
};

extern const struct stm32_chip stm32_chip; /* defined in the chip's folder */

#define GPIO_MODER(port)   REG32((port) + 0x00)
#define GPIO_OSPEEDR(port) REG32((port) + 0x08)
#define GPIO_PUPDR(port)   REG32((port) + 0x0C)
#define GPIO_IDR(port)     REG32((port) + 0x10)
#define GPIO_ODR(port)     REG32((port) + 0x14)
#define GPIO_BSRR(port)    REG32((port) + 0x18)
#define GPIO_AFR(port, n)  REG32((port) + 0x20 + 4u * (n))

enum stm32_pin_mode { STM32_INPUT, STM32_OUTPUT, STM32_FUNCTION };

/* The registers of a port, 'A' and up. */
static inline uint32_t stm32_port(char port)
{
    return stm32_chip.gpio + (uint32_t)(port - 'A') * 0x400u;
}

/* All of these once, at start, with the port's clock on. */
void stm32_pin_mode(char port, unsigned bit, enum stm32_pin_mode mode);

/* A pin for a peripheral: alternate function 0 to 15, at full speed. */
void stm32_pin_function(char port, unsigned bit, uint32_t function);

/* First the level, then the direction: the pin never shows the other one. */
void stm32_pin_output(char port, unsigned bit, bool level);

/* Start random numbers, USB's pins and controller, with their clocks on. `vbus_sensed`: VBUS is led to PA9. False: the
 * controller doesn't answer. */
bool stm32_chip_start(bool vbus_sensed);

/* True: the last reset was the watchdog's. Once after each. */
bool stm32_watchdog_bit(void);

/* True: the independent watchdog runs, begun by this image or by the first-stage boot loader. Any context. */
bool stm32_watchdog_runs(void);

/* Wait until (*reg & mask) == value; false if it didn't within STM32_WAIT_MAX reads. */
static inline bool stm32_wait(volatile uint32_t *reg, uint32_t mask, uint32_t value)
{
    for (uint32_t i = 0; i < STM32_WAIT_MAX; i++)
        if ((*reg & mask) == value)
            return true;
    return false;
}

#endif
