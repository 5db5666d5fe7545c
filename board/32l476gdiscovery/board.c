/*
 * 32L476GDISCOVERY: STM32L476VG at 48 MHz, two LEDs, a joystick, USB OTG_FS on the micro-AB socket. It has a watch crystal
 * and no other: MSI makes the 48 MHz of core and USB, and LSE holds it exact. LSE takes up to 2 s to start after power-on
 * (not after a reset), so the board attaches a little later than that. Pins and traps: facts.md G, "Boards".
 *
 *   PB2, PE8 LEDs   PA0 joystick, centre   PA11/PA12 USB; PA9 drives the LCD, so VBUS isn't sensed
 *   PD5 USART2 TX to the ST-LINK, 115200 8N1: the log
 */
/* SPDX-License-Identifier: MIT */
#include "board/stm32/stm32_board.h"
#include "chip/stm32l476/stm32l476.h"

#include <stddef.h>

#define CLOCK_HZ        48000000u
#define LSE_WAIT_MS_MAX 5000u /* 2 s by the data sheet, typically */

static const char *const led_names[] = {"red", "green"};

const struct stm32_board stm32_board = {
    .info =
        {
            .name = "32L476GDISCOVERY",
            .chip = "STM32L476VG",
            .product_id = BOARD_ID & 0xFFFF,
            .led_names = led_names,
            .led_count = 2,
            .has_button = true,
            .has_rom = true,
            .clock_hz = CLOCK_HZ,
        },
    .leds = {{'B', 2, false}, {'E', 8, false}},
    .button = {'A', 0, false},
    .log = {'D', 5, false},
};

static bool lse_ready(void)
{
    return RCC_BDCR & RCC_BDCR_LSERDY;
}

/* MSI at 48 MHz, free-running at first. False: LSE didn't start; MSI is then good for everything but USB. */
static bool clock_init(void)
{
    RCC_APB1ENR1 |= RCC_APB1ENR1_PWR;
    (void)RCC_APB1ENR1;     /* two cycles until a peripheral's clock runs */
    PWR_CR1 |= PWR_CR1_DBP; /* LSE is in the backup domain; the voltage range is 1 from reset on */
    PWR_CR2 |= PWR_CR2_USV; /* the USB supply is there */
    RCC_BDCR |= RCC_BDCR_LSEON;

    FLASH_ACR = FLASH_ACR_SETUP;
    stm32_wait(&RCC_CR, RCC_CR_MSIRDY, RCC_CR_MSIRDY);
    RCC_CR = (RCC_CR & ~RCC_CR_MSIRANGE) | RCC_CR_MSIRANGE_48M | RCC_CR_MSIRGSEL;
    stm32_wait(&RCC_CR, RCC_CR_MSIRDY, RCC_CR_MSIRDY);
    RCC_CCIPR |= RCC_CCIPR_CLK48_MSI;

    bool ready = cortex_m4_sleep_until(CLOCK_HZ, lse_ready, LSE_WAIT_MS_MAX);
    if (ready)
        RCC_CR |= RCC_CR_MSIPLLEN;
    return ready;
}

void board_init(void)
{
    bool exact = clock_init();

    RCC_AHB2ENR |= RCC_AHB2ENR_GPIO('A') | RCC_AHB2ENR_GPIO('B') | RCC_AHB2ENR_GPIO('D') |
                   RCC_AHB2ENR_GPIO('E') | RCC_AHB2ENR_RNG | RCC_AHB2ENR_OTGFS;
    RCC_APB1ENR1 |= RCC_APB1ENR1_USART2;
    (void)RCC_APB1ENR1;
    USART2_BRR = CLOCK_HZ / 115200;
    REG32(USART2_CR1) = USART_CR1_UE | USART_CR1_TE;
    stm32_board_start(exact ? NULL : "clock: the 32 kHz crystal does not start, USB can't work\n");
}
