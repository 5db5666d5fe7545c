/*
 * What boards with an STM32 share. See stm32_board.h and board/board.h.
 */
/* SPDX-License-Identifier: MIT */
#include "board/stm32/stm32_board.h"

#include "chip/cortex_m4/report.h"

#include <stddef.h>

#define LOG_SIZE 128u /* bytes; a power of two */

/* Mutable state of this room: what an interrupt handler, which has no argument, must reach. */
static struct {
    uint8_t bytes[LOG_SIZE];
    volatile uint32_t head, tail;
    bool started; /* the USART is there */
} log_ring;

void LOG_IRQHandler(void);
void LOG_IRQHandler(void)
{
    if (log_ring.tail == log_ring.head)
        REG32(stm32_chip.usart2.cr1) &= ~USART_CR1_TXEIE;
    else
        REG32(stm32_chip.usart2.dr) = log_ring.bytes[log_ring.tail++ % LOG_SIZE];
}

static void pins_init(void)
{
    const struct stm32_pin *button = &stm32_board.button;

    for (unsigned i = 0; i < stm32_board.info.led_count; i++) {
        board_led_set(i, false);
        stm32_pin_mode(stm32_board.leds[i].port, stm32_board.leds[i].bit, STM32_OUTPUT);
    }
    GPIO_PUPDR(stm32_port(button->port)) |= (button->active_low ? 1u : 2u) << 2 * button->bit;
    stm32_pin_mode(button->port, button->bit, STM32_INPUT);
    stm32_pin_function(stm32_board.log.port, stm32_board.log.bit, 7);
}

void stm32_board_start(const char *trouble)
{
    report_begin(stm32_watchdog_bit());
    pins_init();
    cortex_m4_irq_enable(stm32_chip.usart2.irq, PRIORITY_UART);
    cortex_m4_tick_start(stm32_board.info.clock_hz);
    log_ring.started = true;
    board_log(trouble ? trouble : ""); /* and what was logged before */
    if (!stm32_chip_start(stm32_board.vbus_sensed))
        board_log("usb: the controller does not answer\n");
    cortex_m4_irq_enable(IRQ_OTG_FS, PRIORITY_USB);
}

const struct board_info *board_info(void)
{
    return &stm32_board.info;
}

void board_led_set(unsigned led, bool on)
{
    if (led >= stm32_board.info.led_count)
        return;
    const struct stm32_pin *pin = &stm32_board.leds[led];
    GPIO_BSRR(stm32_port(pin->port)) = 1u << (pin->bit + (on != pin->active_low ? 0 : 16));
}

bool board_led_get(unsigned led)
{
    if (led >= stm32_board.info.led_count)
        return false;
    const struct stm32_pin *pin = &stm32_board.leds[led];
    return (GPIO_ODR(stm32_port(pin->port)) >> pin->bit & 1u) != pin->active_low;
}

bool board_button(void)
{
    const struct stm32_pin *pin = &stm32_board.button;
    return (GPIO_IDR(stm32_port(pin->port)) >> pin->bit & 1u) != pin->active_low;
}

void board_log(const char *text)
{
    for (; *text; text++) {
        uint32_t room = LOG_SIZE - (log_ring.head - log_ring.tail);
        if (room > (*text != '\n')) { /* what is cut still ends its line */
            log_ring.bytes[log_ring.head % LOG_SIZE] = (uint8_t)*text;
            log_ring.head++;
        }
    }
    if (log_ring.started)
        REG32(stm32_chip.usart2.cr1) |= USART_CR1_TXEIE;
}

size_t board_log_read(uint32_t *at, char *bytes, size_t size)
{
    uint32_t there = log_ring.head - *at;
    size_t length = 0;

    if (there > LOG_SIZE)
        *at = log_ring.head - LOG_SIZE; /* nothing that the ring holds is older */
    for (; length < size && *at != log_ring.head; length++)
        bytes[length] = (char)log_ring.bytes[(*at)++ % LOG_SIZE];
    return length;
}

void board_halt(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
    for (unsigned i = 0; i < stm32_board.info.led_count; i++)
        board_led_set(i, true);
    while (log_ring.tail != log_ring.head) { /* the last words, bounded by the ring */
        if (!stm32_wait(&REG32(stm32_chip.usart2.sr), USART_SR_TXE, USART_SR_TXE))
            break;
        REG32(stm32_chip.usart2.dr) = log_ring.bytes[log_ring.tail++ % LOG_SIZE];
    }
    if (stm32_watchdog_runs()) { /* it would reset us anyway, up to 30 s later */
        stm32_wait(&REG32(stm32_chip.usart2.sr), USART_SR_TC, USART_SR_TC);
        board_reset();
    }
    cortex_m4_silence();
    for (;;)
        __asm__ volatile("wfi");
}
