/*
 * What STM32 chips share. See stm32.h; the functions of board.h that a chip knows enough for are here, too.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/stm32/stm32.h"

#include "board/board.h"

#define RNG_CR(base) REG32((base) + 0x00)
#define RNG_SR(base) REG32((base) + 0x04)
#define RNG_DR(base) REG32((base) + 0x08)

#define RNG_CR_RNGEN (1u << 2)
#define RNG_SR_DRDY  (1u << 0)

/* Mutable state of this room: what an interrupt handler, which has no argument, must reach. */
static struct dwc2 usb;

void OTG_FS_IRQHandler(void);
void OTG_FS_IRQHandler(void)
{
    dwc2_interrupt(&usb);
}

#if USB_REMOTE_WAKEUP
bool cortex_m4_usb_wake_begin(void)
{
    return dwc2_wake_begin(&usb);
}

void cortex_m4_usb_wake_end(void)
{
    dwc2_wake_end(&usb);
}
#endif

/* Out of reset all is 0 but MODER, which on newer chips says "analog". */
__attribute__((noinline)) void stm32_pin_mode(char port, unsigned bit, enum stm32_pin_mode mode)
{
    uint32_t gpio = stm32_port(port);

    GPIO_MODER(gpio) = (GPIO_MODER(gpio) & ~(3u << 2 * bit)) | (uint32_t)mode << 2 * bit;
}

__attribute__((noinline)) void stm32_pin_function(char port, unsigned bit, uint32_t function)
{
    uint32_t gpio = stm32_port(port);

    GPIO_OSPEEDR(gpio) |= 3u << 2 * bit;
    GPIO_AFR(gpio, bit / 8) |= function << 4 * (bit % 8);
    stm32_pin_mode(port, bit, STM32_FUNCTION);
}

void stm32_pin_output(char port, unsigned bit, bool level)
{
    GPIO_BSRR(stm32_port(port)) = 1u << (bit + (level ? 0 : 16));
    stm32_pin_mode(port, bit, STM32_OUTPUT);
}

bool stm32_chip_start(bool vbus_sensed)
{
    stm32_pin_function('A', 11, 10);
    stm32_pin_function('A', 12, 10);
    if (stm32_chip.rng)
        RNG_CR(stm32_chip.rng) = RNG_CR_RNGEN;
    return dwc2_init(&usb, &stm32_chip.usb, vbus_sensed);
}

struct udc *board_udc(void)
{
    return &usb.udc;
}

const uint8_t *board_uid(void)
{
    return (const uint8_t *)(uintptr_t)stm32_chip.uid;
}

/* The generator gives a word every 40 of its cycles; where there is none, or it fails, time and unique ID must do. */
uint32_t board_random(void)
{
    for (unsigned i = 0; stm32_chip.rng && i < 1000; i++)
        if (RNG_SR(stm32_chip.rng) & RNG_SR_DRDY)
            return RNG_DR(stm32_chip.rng);
    return (board_cycles() * 2654435761u) ^ REG32(stm32_chip.uid) ^ REG32(stm32_chip.uid + 4);
}
