/*
 * STM32F4DISCOVERY: STM32F407VG at 168 MHz from an 8 MHz crystal, four LEDs, one button, USB OTG_FS on the
 * micro-AB socket. Pins and traps: FACTS G, "Boards".
 *
 *   PD12..15 LEDs   PA0 button   PA11/PA12 USB   PA9 VBUS   PC0 host's VBUS switch, kept off (high)
 *   PA2 USART2 TX, 115200 8N1: the log
 */
/* SPDX-License-Identifier: MIT */
#include "board/board.h"

#include "board/stm32f4discovery/stm32f407.h"
#include "port/dwc2/dwc2.h"

#include <stddef.h>

#define CLOCK_HZ  168000000u
#define LED_FIRST 12u
#define LED_COUNT 4u
#define WAIT_MAX  500000u /* reads; some ten ms at 16 MHz: the crystal starts within 2 ms */
#define LOG_SIZE  128u    /* bytes; a power of two */

/* Mutable state of this room: what interrupt handlers, which have no argument, must reach. */
static struct dwc2 usb;
static struct {
    uint8_t bytes[LOG_SIZE];
    volatile uint32_t head, tail;
} log_ring;

static const char *const led_names[LED_COUNT] = {"green", "orange", "red", "blue"};

static const struct board_info info = {
    .name = "STM32F4DISCOVERY",
    .chip = "STM32F407VG",
    .led_names = led_names,
    .led_count = LED_COUNT,
    .has_button = true,
    .clock_hz = CLOCK_HZ,
};

static const struct dwc2_chip usb_chip = {
    .base = OTG_FS_BASE,
    .fifo_words = 320,
    .endpoint_count = 4,
    .trdt = 6,
    .bulk_in_count = 1,
    .vbus = DWC2_VBUS_PIN,
};

void OTG_FS_IRQHandler(void);
void OTG_FS_IRQHandler(void)
{
    dwc2_interrupt(&usb);
}

void USART2_IRQHandler(void);
void USART2_IRQHandler(void)
{
    if (log_ring.tail == log_ring.head)
        USART2_CR1 &= ~USART_CR1_TXEIE;
    else
        USART2_DR = log_ring.bytes[log_ring.tail++ % LOG_SIZE];
}

static bool wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value)
{
    for (uint32_t i = 0; i < WAIT_MAX; i++)
        if ((*reg & mask) == value)
            return true;
    return false;
}

/* 168 MHz core, 48 MHz USB: 8 MHz / 8 * 336 = 336 MHz; / 2 and / 7. Without the crystal the internal 16 MHz / 16
 * takes its place: good for the LEDs and the log, too inaccurate for USB. */
static bool clock_init(void)
{
    RCC_CR |= RCC_CR_HSEON;
    bool crystal = wait_for(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY);

    RCC_PLLCFGR = (crystal ? RCC_PLLCFGR_HSE | 8u : 16u) | 336u << 6 | 0u << 16 | 7u << 24;
    RCC_CR |= RCC_CR_PLLON;
    wait_for(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY);
    FLASH_ACR = FLASH_ACR_SETUP;
    RCC_CFGR = RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2 | RCC_CFGR_SW_PLL;
    wait_for(&RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL);
    return crystal;
}

static void pins_init(void)
{
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIOA | RCC_AHB1ENR_GPIOC | RCC_AHB1ENR_GPIOD;
    (void)RCC_AHB1ENR; /* two cycles until a peripheral's clock runs */

    GPIO_BSRR(GPIOC) = 1u << 0; /* first the level, then the direction: the switch never closes */
    GPIO_MODER(GPIOC) = (GPIO_MODER(GPIOC) & ~3u) | 1u;
    GPIO_MODER(GPIOD) = (GPIO_MODER(GPIOD) & ~(0xFFu << 24)) | 0x55u << 24;

    /* PA2 AF7; PA11, PA12 AF10 at very high speed; PA0 and PA9 are inputs, as after reset. */
    GPIO_AFRL(GPIOA) |= 7u << 8;
    GPIO_AFRH(GPIOA) |= 10u << 12 | 10u << 16;
    GPIO_OSPEEDR(GPIOA) |= 3u << 22 | 3u << 24;
    GPIO_MODER(GPIOA) |= 2u << 4 | 2u << 22 | 2u << 24;
}

void board_init(void)
{
    bool crystal = clock_init();

    pins_init();
    RCC_AHB2ENR |= RCC_AHB2ENR_RNG | RCC_AHB2ENR_OTGFS;
    RCC_APB1ENR |= RCC_APB1ENR_USART2;
    (void)RCC_APB1ENR;
    RNG_CR = 1u << 2;
    USART2_BRR = CLOCK_HZ / 4 / 115200;
    USART2_CR1 = USART_CR1_UE | USART_CR1_TE;
    cortex_m4_irq_enable(IRQ_USART2, PRIORITY_UART);
    cortex_m4_tick_start(CLOCK_HZ);
    if (!crystal)
        board_log("clock: the 8 MHz crystal does not start, USB can't work\n");
    if (!dwc2_init(&usb, &usb_chip))
        board_log("usb: the controller does not answer\n");
    cortex_m4_irq_enable(IRQ_OTG_FS, PRIORITY_USB);
}

const struct board_info *board_info(void)
{
    return &info;
}

const uint8_t *board_uid(void)
{
    return (const uint8_t *)UID_BASE;
}

struct usb_port *board_usb_port(void)
{
    return &usb.port;
}

void board_led_set(unsigned led, bool on)
{
    if (led < LED_COUNT)
        GPIO_BSRR(GPIOD) = 1u << (LED_FIRST + led + (on ? 0 : 16));
}

bool board_led_get(unsigned led)
{
    return led < LED_COUNT && GPIO_ODR(GPIOD) >> (LED_FIRST + led) & 1;
}

bool board_button(void)
{
    return GPIO_IDR(GPIOA) & 1;
}

/* The generator gives a word every 40 of its cycles; where it fails, time and unique ID must do. */
uint32_t board_random(void)
{
    for (unsigned i = 0; i < 1000; i++)
        if (RNG_SR & 1)
            return RNG_DR;
    return (board_cycles() * 2654435761u) ^ REG32(UID_BASE) ^ REG32(UID_BASE + 4);
}

void board_log(const char *text)
{
    for (; *text && log_ring.head - log_ring.tail < LOG_SIZE; text++) {
        log_ring.bytes[log_ring.head % LOG_SIZE] = (uint8_t)*text;
        log_ring.head++;
    }
    USART2_CR1 |= USART_CR1_TXEIE;
}

void board_halt(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
    GPIO_BSRR(GPIOD) = 0xFu << LED_FIRST;
    while (log_ring.tail != log_ring.head) { /* the last words, bounded by the ring */
        if (!wait_for(&USART2_SR, USART_SR_TXE, USART_SR_TXE))
            break;
        USART2_DR = log_ring.bytes[log_ring.tail++ % LOG_SIZE];
    }
    for (;;)
        __asm__ volatile("wfi");
}
