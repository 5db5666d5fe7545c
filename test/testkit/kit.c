/*
 * The kit's own image: each thing that the kit can touch, answered at once. HSI, 16 MHz, no USB.
 *
 *   PB0 in (pulled down)   its level goes to PB1 and to the green LED; each change is a line on the log
 *   usart2                 lower case comes back as upper case, the rest as it is
 *     '0' to '9'             so many words are programmed behind those that are there, from kit_flash on
 *     '!'                    a branch that nothing else reaches
 *   kit_factor             kit_product is kit_factor times kit_ticks, each millisecond
 */
/* SPDX-License-Identifier: MIT */
#include "test/vboard/image/image.h"

#define GPIOB      0x40020400u
#define MODER      0x00u
#define PUPDR      0x0Cu
#define IDR        0x10u
#define BSRR       0x18u
#define USART2_SR  REG(0x40004400)
#define USART2_DR  REG(0x40004404)
#define USART2_BRR REG(0x40004408)
#define USART2_CR1 REG(0x4000440C)
#define FLASH_KEYR REG(0x40023C04)
#define FLASH_SR   REG(0x40023C0C)
#define FLASH_CR   REG(0x40023C10)

#define TXE  0x80u
#define RXNE 0x20u

#define PLACES   64u
#define PLACE(n) REG(0x080E0000u + 4u * (n)) /* sector 11 */

volatile uint32_t kit_ticks, kit_product, kit_written, kit_shouts;
volatile uint32_t kit_factor = 3;
volatile uint8_t kit_bytes[5000];

static void put(char c)
{
    while (!(USART2_SR & TXE)) {
    }
    USART2_DR = (uint8_t)c;
}

static void say(const char *text)
{
    for (; *text; text++)
        put(*text);
    put('\n');
}

static void program(uint32_t count)
{
    for (uint32_t place = 0; place < PLACES && count; place++) {
        if (PLACE(place) != 0xFFFFFFFFu)
            continue;
        FLASH_CR = 2u << 8 | 1u;
        PLACE(place) = 0x600D0000u + place;
        while (FLASH_SR & 1u << 16) {
        }
        FLASH_CR = 0;
        kit_written++;
        count--;
    }
}

static void received(char c)
{
    if (c >= '0' && c <= '9')
        program((uint32_t)(c - '0'));
    if (c == '!') {
        kit_shouts++; /* covered by a shout */
        say("heard");
    }
    put(c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
}

static void pins(void)
{
    static uint32_t before;
    uint32_t level = REG(GPIOB + IDR) & 1u;
    if (level == before)
        return;
    before = level;
    REG(GPIOB + BSRR) = level ? 2u : 2u << 16;
    REG(GPIOD + BSRR) = level ? 1u << 12 : 1u << 28;
    say(level ? "PB0 is high" : "PB0 is low");
}

void image_tick(void)
{
    kit_ticks++;
    kit_product = kit_ticks * kit_factor;
}

void image_main(void)
{
    RCC_AHB1ENR |= 1u << 1 | 1u << 3;
    RCC_APB1ENR |= 1u << 17;
    REG(GPIOB + MODER) = (REG(GPIOB + MODER) & ~0xFu) | 1u << 2;
    REG(GPIOB + PUPDR) = (REG(GPIOB + PUPDR) & ~3u) | 2u;
    REG(GPIOD + MODER) = 1u << 24;
    USART2_BRR = 139; /* 115,200 baud */
    USART2_CR1 = 1u << 13 | 1u << 3 | 1u << 2;
    FLASH_KEYR = 0x45670123;
    FLASH_KEYR = 0xCDEF89AB;
    SYST_RVR = 16000 - 1;
    SYST_CSR = 7;
    for (uint32_t i = 0; i < sizeof kit_bytes; i++)
        kit_bytes[i] = (uint8_t)i;
    say("kit ready");
    while (true) {
        pins();
        if (USART2_SR & RXNE)
            received((char)USART2_DR);
    }
}
