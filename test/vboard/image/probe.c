/*
 * A test image with one function for each test: the test writes `scenario` before the first instruction and
 * reads `result`.
 */
/* SPDX-License-Identifier: MIT */
#include "image.h"

volatile uint32_t scenario NOINIT;
volatile uint32_t result[32] NOINIT; /* result[0]: 1 done */
volatile uint32_t boots NOINIT;
volatile uint32_t irqs[82];
volatile uint32_t ticks;

void image_tick(void)
{
    ticks++;
}

void image_irq(uint32_t n)
{
    irqs[n]++;
    if (n == 6)
        REG(0x40013C14) = 1; /* EXTI_PR */
    if (n == 54) {
        REG(0x40001010) = 0; /* TIM6_SR */
        result[20] = DWT_CYCCNT;
    }
    if (n == 28) { /* TIM2 */
        result[irqs[28] & 3] = DWT_CYCCNT;
        REG(0x40000010) = 0;
    }
    if (n == 38)
        result[21 + (irqs[38] & 7u)] = REG(0x40004404); /* USART2_DR */
    if (n == 80)
        result[3] = REG(0x50060808);
}

static void cycle_counter(void)
{
    REG(0xE000EDFC) |= 1u << 24;
    DWT_CYCCNT = 0;
    REG(0xE0001000) |= 1;
}

/* LEDs in turn, one for each step of 100 ms, then off; the button through EXTI0. */
static void leds_and_button(void)
{
    image_clock_168();
    RCC_AHB1ENR |= 1u << 0 | 1u << 2 | 1u << 3;
    RCC_APB2ENR |= 1u << 14;
    REG(GPIOC + 0x18) = 1;
    REG(GPIOC + 0x00) |= 1;
    REG(GPIOD + 0x00) |= 0x55000000;
    REG(0x40013C08) |= 1; /* RTSR */
    REG(0x40013C00) |= 1; /* IMR */
    NVIC_ISER(0) = 1u << 6;
    SYST_RVR = 168000 - 1;
    SYST_CSR = 7;
    for (unsigned led = 0; led < 4; led++) {
        REG16(GPIOD + 0x18) = (uint16_t)(0x1000u << led);
        for (uint32_t end = ticks + 100; ticks != end;)
            wfi();
        REG16(GPIOD + 0x1A) = (uint16_t)(0x1000u << led);
    }
    result[1] = REG(GPIOA + 0x10) & 1u;
    result[0] = 1;
    while (true) {
        wfi();
        result[2] = irqs[6];
        result[3] = REG(GPIOA + 0x10) & 1u;
    }
}

static void serial(void)
{
    static const char text[] = "hello\r\n";
    image_clock_168();
    RCC_AHB1ENR |= 1;
    RCC_APB1ENR |= 1u << 17;
    REG(0x40004408) = 42000000 / 115200;
    REG(0x4000440C) = 1u << 13 | 1u << 3 | 1u << 2 | 1u << 5;
    NVIC_ISER(1) = 1u << 6;
    cycle_counter();
    for (const char *at = text; *at; at++) {
        while (!(REG(0x40004400) & 1u << 7)) {
        }
        REG(0x40004404) = (uint8_t)*at;
    }
    while (!(REG(0x40004400) & 1u << 6)) {
    }
    result[1] = DWT_CYCCNT;
    result[0] = 1;
}

static void identity(void)
{
    for (unsigned i = 0; i < 3; i++)
        result[1 + i] = REG(0x1FFF7A10 + 4 * i);
    result[4] = REG16(0x1FFF7A22);
    result[5] = REG(0xE0042000) & 0xFFFu;
    result[6] = REG(0);
    result[7] = REG(0x08000000);
    result[8] = REG(0x1FFFC000);
    REG(0x10000000) = 0x12345678; /* CCM */
    result[9] = REG(0x10000000);
    result[0] = 1;
}

static void reset_causes(void)
{
    result[1 + boots] = RCC_CSR;
    RCC_CSR |= 1u << 24;
    boots++;
    result[0] = boots;
    if (boots == 2)
        SCB_AIRCR = 0x05FA0004;
    if (boots == 3) { /* watchdog: prescaler 4, 100 counts: 12.5 ms */
        REG(0x40003000) = 0x5555;
        REG(0x40003004) = 0;
        REG(0x40003008) = 99;
        while (REG(0x4000300C)) {
        }
        REG(0x40003000) = 0xAAAA;
        REG(0x40003000) = 0xCCCC;
    }
    while (true) {
    }
}

static void random_numbers(void)
{
    image_clock_168();
    RCC_AHB2ENR |= 1u << 6;
    REG(0x50060800) = 4;
    for (unsigned i = 0; i < 4; i++) {
        while (!(REG(0x50060804) & 1)) {
        }
        result[1 + i] = REG(0x50060808);
    }
    result[0] = 1;
}

/* Closed gates, unmodelled registers, addresses where nobody is. */
static void strange_accesses(void)
{
    result[1] = REG(GPIOD); /* its clock is off */
    REG(GPIOD) = 0x55;
    RCC_AHB1ENR |= 1u << 3;
    result[2] = REG(GPIOD);
    RCC_APB1ENR |= 1u << 21;
    result[3] = REG(0x40005400); /* I2C1 */
    result[3] |= REG(0x40005400);
    REG(0x40005404) = 1;
    result[0] = 1;
    result[4] = REG(0x60000000);
    result[0] = 2;
}

/* TIM6 every 1 ms, from APB1 at 42 MHz (timers 84 MHz). */
static void timer(void)
{
    image_clock_168();
    RCC_APB1ENR |= 1u << 4;
    REG(0x40001028) = 84 - 1;
    REG(0x4000102C) = 1000 - 1;
    REG(0x40001014) = 1;
    REG(0x40001010) = 0;
    REG(0x4000100C) = 1;
    NVIC_ISER(1) = 1u << 22;
    cycle_counter();
    REG(0x40001000) = 1;
    while (irqs[54] < 1)
        wfi();
    result[1] = result[20];
    while (irqs[54] < 11)
        wfi();
    result[2] = result[20];
    result[0] = 1;
}

static void flash(void)
{
    REG(0x40023C04) = 0x45670123;
    REG(0x40023C04) = 0xCDEF89AB;
    REG(0x40023C10) = 2u << 8 | 1;
    REG(0x080E0000) = 0x12345678;
    while (REG(0x40023C0C) & 1u << 16) {
    }
    result[1] = REG(0x080E0000);
    REG(0x080E0000) = 0xFFFF0000;
    while (REG(0x40023C0C) & 1u << 16) {
    }
    result[2] = REG(0x080E0000);
    REG8(0x080E0004) = 1; /* wrong size */
    result[3] = REG(0x40023C0C);
    REG(0x40023C0C) = 0xF2;
    REG(0x40023C10) = 2u << 8 | 1u << 1 | 11u << 3;
    REG(0x40023C10) |= 1u << 16;
    while (REG(0x40023C0C) & 1u << 16) {
    }
    result[4] = REG(0x080E0000);
    REG(0x40023C10) = 1u << 31;
    REG(0x40023C10) = 1;
    result[5] = REG(0x40023C10);
    result[0] = 1;
}

/* Several clocks in turn, 1000 cycles each by the counter; the test compares virtual time. */
static void clocks(void)
{
    cycle_counter();
    while (DWT_CYCCNT < 16000) {
    }
    result[0] = 1;
    image_clock_168();
    result[1] = DWT_CYCCNT;
    while (DWT_CYCCNT < 1680000) {
    }
    result[0] = 2;
    RCC_CFGR = (RCC_CFGR & ~0xF3u) | 8u << 4; /* HSI / 2 */
    while (RCC_CFGR & 0xCu) {
    }
    result[2] = DWT_CYCCNT;
    while (DWT_CYCCNT < 2000000) {
    }
    result[0] = 3;
}

static void lock_pins(void)
{
    RCC_AHB1ENR |= 1u << 3;
    REG(GPIOD + 0x1C) = 0x11000;
    REG(GPIOD + 0x1C) = 0x01000;
    REG(GPIOD + 0x1C) = 0x11000;
    result[1] = REG(GPIOD + 0x1C);
    REG(GPIOD) = 0xFFFFFFFF;
    result[2] = REG(GPIOD);
    result[0] = 1;
}

/* TIM2 at 1 MHz, free running; compare 1 in 500 µs, compare 2 1000 µs later. */
static void compare(void)
{
    image_clock_168();
    RCC_APB1ENR |= 1;
    REG(0x40000028) = 84 - 1;
    REG(0x40000014) = 1;
    REG(0x40000010) = 0;
    REG(0x40000034) = 500;
    REG(0x40000038) = 1500;
    REG(0x4000000C) = 2 | 4;
    NVIC_ISER(0) = 1u << 28;
    cycle_counter();
    REG(0x40000000) = 1;
    while (irqs[28] < 2)
        wfi();
    result[3] = REG(0x40000024);
    result[0] = 1;
}

/* RCC's reset register puts a peripheral back, and nothing else. */
static void peripheral_reset(void)
{
    RCC_AHB1ENR |= 1u << 3 | 1u << 2;
    REG(GPIOD) = 0x55;
    REG(GPIOC) = 0x55;
    RCC_APB1ENR |= 1u << 4;
    REG(0x40001028) = 7;
    REG(0x40023810) = 1u << 3;
    REG(0x40023810) = 0;
    REG(0x40023820) = 1u << 4;
    REG(0x40023820) = 0;
    result[1] = REG(GPIOD);
    result[2] = REG(GPIOC);
    result[3] = REG(0x40001028);
    result[0] = 1;
}

/* The controller asks for its pull-up, but its pins were forgotten. */
static void usb_without_pins(void)
{
    image_clock_168();
    RCC_AHB2ENR |= 1u << 7;
    OTG(0x038) = 1u << 16 | 1u << 21;
    result[0] = 1;
}

void image_main(void)
{
    static void (*const scenarios[])(void) = {
        leds_and_button, serial, identity,  reset_causes, random_numbers,   strange_accesses, timer,
        flash,           clocks, lock_pins, compare,      peripheral_reset, usb_without_pins};
    if (scenario < sizeof scenarios / sizeof *scenarios)
        scenarios[scenario]();
}
