/*
 * What boards with an STM32 share. See stm32.h and board/board.h.
 */
/* SPDX-License-Identifier: MIT */
#include "board/stm32/stm32.h"

#include <stddef.h>

#define LOG_SIZE 128u /* bytes; a power of two */

#define RNG_CR(base) REG32((base) + 0x00)
#define RNG_SR(base) REG32((base) + 0x04)
#define RNG_DR(base) REG32((base) + 0x08)

/* Mutable state of this room: what interrupt handlers, which have no argument, must reach. */
static struct dwc2 usb;
static struct {
    uint8_t bytes[LOG_SIZE];
    volatile uint32_t head, tail;
} log_ring;

void OTG_FS_IRQHandler(void);
void OTG_FS_IRQHandler(void)
{
    dwc2_interrupt(&usb);
}

void LOG_IRQHandler(void);
void LOG_IRQHandler(void)
{
    if (log_ring.tail == log_ring.head)
        REG32(stm32_board.log.cr1) &= ~USART_CR1_TXEIE;
    else
        REG32(stm32_board.log.dr) = log_ring.bytes[log_ring.tail++ % LOG_SIZE];
}

enum mode { INPUT, OUTPUT, FUNCTION };

/* Out of reset all is 0 but MODER, which on newer chips says "analog". */
static __attribute__((noinline)) void pin_mode(uint32_t gpio, unsigned bit, enum mode mode)
{
    GPIO_MODER(gpio) = (GPIO_MODER(gpio) & ~(3u << 2 * bit)) | (uint32_t)mode << 2 * bit;
}

static __attribute__((noinline)) void pin_function(char port, unsigned bit, uint32_t function)
{
    uint32_t gpio = stm32_port(port);

    GPIO_OSPEEDR(gpio) |= 3u << 2 * bit;
    GPIO_AFR(gpio, bit / 8) |= function << 4 * (bit % 8);
    pin_mode(gpio, bit, FUNCTION);
}

void stm32_pin_output(char port, unsigned bit, bool level)
{
    GPIO_BSRR(stm32_port(port)) = 1u << (bit + (level ? 0 : 16));
    pin_mode(stm32_port(port), bit, OUTPUT);
}

static void pins_init(void)
{
    const struct stm32_pin *button = &stm32_board.button;

    for (unsigned i = 0; i < stm32_board.info.led_count; i++) {
        board_led_set(i, false);
        pin_mode(stm32_port(stm32_board.leds[i].port), stm32_board.leds[i].bit, OUTPUT);
    }
    GPIO_PUPDR(stm32_port(button->port)) |= (button->active_low ? 1u : 2u) << 2 * button->bit;
    pin_mode(stm32_port(button->port), button->bit, INPUT);
    pin_function(stm32_board.log.pin.port, stm32_board.log.pin.bit, 7);
    pin_function('A', 11, 10);
    pin_function('A', 12, 10);
}

void stm32_start(const char *trouble)
{
    pins_init();
    if (stm32_board.rng)
        RNG_CR(stm32_board.rng) = 1u << 2;
    cortex_m4_irq_enable(stm32_board.log.irq, PRIORITY_UART);
    cortex_m4_tick_start(stm32_board.info.clock_hz);
    if (trouble)
        board_log(trouble);
    if (!dwc2_init(&usb, &stm32_board.usb))
        board_log("usb: the controller does not answer\n");
    cortex_m4_irq_enable(IRQ_OTG_FS, PRIORITY_USB);
}

const struct board_info *board_info(void)
{
    return &stm32_board.info;
}

const uint8_t *board_uid(void)
{
    return (const uint8_t *)(uintptr_t)stm32_board.uid;
}

struct usb_port *board_usb_port(void)
{
    return &usb.port;
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

/* The generator gives a word every 40 of its cycles; where there is none, or it fails, time and unique ID must do. */
uint32_t board_random(void)
{
    for (unsigned i = 0; stm32_board.rng && i < 1000; i++)
        if (RNG_SR(stm32_board.rng) & 1)
            return RNG_DR(stm32_board.rng);
    return (board_cycles() * 2654435761u) ^ REG32(stm32_board.uid) ^ REG32(stm32_board.uid + 4);
}

void board_log(const char *text)
{
    for (; *text && log_ring.head - log_ring.tail < LOG_SIZE; text++) {
        log_ring.bytes[log_ring.head % LOG_SIZE] = (uint8_t)*text;
        log_ring.head++;
    }
    REG32(stm32_board.log.cr1) |= USART_CR1_TXEIE;
}

void board_halt(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
    for (unsigned i = 0; i < stm32_board.info.led_count; i++)
        board_led_set(i, true);
    while (log_ring.tail != log_ring.head) { /* the last words, bounded by the ring */
        if (!stm32_wait(&REG32(stm32_board.log.sr), USART_SR_TXE, USART_SR_TXE))
            break;
        REG32(stm32_board.log.dr) = log_ring.bytes[log_ring.tail++ % LOG_SIZE];
    }
    for (;;)
        __asm__ volatile("wfi");
}
