/*
 * The memory map of the STM32F407: from an address to the peripheral that answers it.
 *
 *   memory (flash, SRAM, …) ──→ the core reads it itself; only writes to flash come here
 *   peripherals ──→ table below: modelled, known but not modelled, or nobody (bus fault)
 *
 * A peripheral whose clock gate in RCC is closed reads 0 and ignores writes, and says so once.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

typedef uint32_t read_function(struct chip *chip, unsigned unit, uint32_t offset);
typedef void write_function(struct chip *chip, unsigned unit, struct chip_write write);
typedef void reset_function(struct chip *chip, unsigned unit);

#define ALWAYS 0xFF /* no clock gate */
enum { AHB1, AHB2, AHB3, APB1 = 4, APB2 };

static const struct block {
    uint32_t base, size;
    const char *name;
    read_function *read; /* NULL: known, but not modelled */
    write_function *write;
    reset_function *reset;   /* by its bit in RCC's reset registers; NULL: not modelled */
    uint8_t unit, bank, bit; /* number; clock gate */
} blocks[] = {
    {0x40020000, 0x400, "GPIOA", gpio_read, gpio_write, gpio_reset_port, 0, AHB1, 0},
    {0x40020400, 0x400, "GPIOB", gpio_read, gpio_write, gpio_reset_port, 1, AHB1, 1},
    {0x40020800, 0x400, "GPIOC", gpio_read, gpio_write, gpio_reset_port, 2, AHB1, 2},
    {0x40020C00, 0x400, "GPIOD", gpio_read, gpio_write, gpio_reset_port, 3, AHB1, 3},
    {0x40021000, 0x400, "GPIOE", gpio_read, gpio_write, gpio_reset_port, 4, AHB1, 4},
    {0x40021400, 0x400, "GPIOF", gpio_read, gpio_write, gpio_reset_port, 5, AHB1, 5},
    {0x40021800, 0x400, "GPIOG", gpio_read, gpio_write, gpio_reset_port, 6, AHB1, 6},
    {0x40021C00, 0x400, "GPIOH", gpio_read, gpio_write, gpio_reset_port, 7, AHB1, 7},
    {0x40022000, 0x400, "GPIOI", gpio_read, gpio_write, gpio_reset_port, 8, AHB1, 8},
    {0x40023000, 0x400, "CRC", crc_read, crc_write, crc_reset, 0, AHB1, 12},
    {0x40023800, 0x400, "RCC", rcc_read, rcc_write, NULL, 0, ALWAYS, 0},
    {0x40023C00, 0x400, "FLASH", flash_read, flash_write, NULL, 0, ALWAYS, 0},
    {0x40026000, 0x400, "DMA1", NULL, NULL, NULL, 0, AHB1, 21},
    {0x40026400, 0x400, "DMA2", NULL, NULL, NULL, 0, AHB1, 22},
    {0x40028000, 0x1400, "ETH", NULL, NULL, NULL, 0, AHB1, 25},
    {0x40040000, 0x40000, "OTG_HS", NULL, NULL, NULL, 0, AHB1, 29},
    {0x50050000, 0x400, "DCMI", NULL, NULL, NULL, 0, AHB2, 0},
    {0x50060800, 0x400, "RNG", rng_read, rng_write, rng_reset, 0, AHB2, 6},
    {0xA0000000, 0x1000, "FSMC", NULL, NULL, NULL, 0, AHB3, 0},
    {0x40000000, 0x400, "TIM2", timer_read, timer_write, timer_reset_unit, 1, APB1, 0},
    {0x40000400, 0x400, "TIM3", timer_read, timer_write, timer_reset_unit, 2, APB1, 1},
    {0x40000800, 0x400, "TIM4", timer_read, timer_write, timer_reset_unit, 3, APB1, 2},
    {0x40000C00, 0x400, "TIM5", timer_read, timer_write, timer_reset_unit, 4, APB1, 3},
    {0x40001000, 0x400, "TIM6", timer_read, timer_write, timer_reset_unit, 5, APB1, 4},
    {0x40001400, 0x400, "TIM7", timer_read, timer_write, timer_reset_unit, 6, APB1, 5},
    {0x40001800, 0x400, "TIM12", timer_read, timer_write, timer_reset_unit, 11, APB1, 6},
    {0x40001C00, 0x400, "TIM13", timer_read, timer_write, timer_reset_unit, 12, APB1, 7},
    {0x40002000, 0x400, "TIM14", timer_read, timer_write, timer_reset_unit, 13, APB1, 8},
    {0x40002800, 0x400, "RTC", NULL, NULL, NULL, 0, ALWAYS, 0},
    {0x40002C00, 0x400, "WWDG", wwdg_read, wwdg_write, NULL, 0, APB1, 11},
    {0x40003000, 0x400, "IWDG", iwdg_read, iwdg_write, NULL, 0, ALWAYS, 0},
    {0x40003400, 0x400, "I2S2ext", NULL, NULL, NULL, 0, APB1, 14},
    {0x40003800, 0x400, "SPI2", NULL, NULL, NULL, 0, APB1, 14},
    {0x40003C00, 0x400, "SPI3", NULL, NULL, NULL, 0, APB1, 15},
    {0x40004000, 0x400, "I2S3ext", NULL, NULL, NULL, 0, APB1, 15},
    {0x40004400, 0x400, "USART2", usart_read, usart_write, usart_reset_unit, 1, APB1, 17},
    {0x40004800, 0x400, "USART3", usart_read, usart_write, usart_reset_unit, 2, APB1, 18},
    {0x40004C00, 0x400, "UART4", usart_read, usart_write, usart_reset_unit, 3, APB1, 19},
    {0x40005000, 0x400, "UART5", usart_read, usart_write, usart_reset_unit, 4, APB1, 20},
    {0x40005400, 0x400, "I2C1", NULL, NULL, NULL, 0, APB1, 21},
    {0x40005800, 0x400, "I2C2", NULL, NULL, NULL, 0, APB1, 22},
    {0x40005C00, 0x400, "I2C3", NULL, NULL, NULL, 0, APB1, 23},
    {0x40006400, 0x400, "CAN1", NULL, NULL, NULL, 0, APB1, 25},
    {0x40006800, 0x400, "CAN2", NULL, NULL, NULL, 0, APB1, 26},
    {0x40007000, 0x400, "PWR", pwr_read, pwr_write, NULL, 0, APB1, 28},
    {0x40007400, 0x400, "DAC", NULL, NULL, NULL, 0, APB1, 29},
    {0x40010000, 0x400, "TIM1", timer_read, timer_write, timer_reset_unit, 0, APB2, 0},
    {0x40010400, 0x400, "TIM8", timer_read, timer_write, timer_reset_unit, 7, APB2, 1},
    {0x40011000, 0x400, "USART1", usart_read, usart_write, usart_reset_unit, 0, APB2, 4},
    {0x40011400, 0x400, "USART6", usart_read, usart_write, usart_reset_unit, 5, APB2, 5},
    {0x40012000, 0x400, "ADC", NULL, NULL, NULL, 0, APB2, 8},
    {0x40012C00, 0x400, "SDIO", NULL, NULL, NULL, 0, APB2, 11},
    {0x40013000, 0x400, "SPI1", NULL, NULL, NULL, 0, APB2, 12},
    {0x40013800, 0x400, "SYSCFG", syscfg_read, syscfg_write, NULL, 0, APB2, 14},
    {0x40013C00, 0x400, "EXTI", exti_read, exti_write, NULL, 0, ALWAYS, 0},
    {0x40014000, 0x400, "TIM9", timer_read, timer_write, timer_reset_unit, 8, APB2, 16},
    {0x40014400, 0x400, "TIM10", timer_read, timer_write, timer_reset_unit, 9, APB2, 17},
    {0x40014800, 0x400, "TIM11", timer_read, timer_write, timer_reset_unit, 10, APB2, 18},
    {0xE0042000, 0x400, "DBGMCU", dbgmcu_read, dbgmcu_write, NULL, 0, ALWAYS, 0},
};

#define OTG_BASE 0x50000000u
#define OTG_SIZE 0x00040000u
#define OTG_GATE (1u << 7) /* of AHB2ENR */

static const struct block *block_find(uint32_t address)
{
    for (unsigned i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (address - blocks[i].base < blocks[i].size)
            return &blocks[i];
    return NULL;
}

/* The string is the name in `blocks`, so each block is reported once. */
static void gate_closed(struct chip *chip, const char *name, uint32_t address)
{
    chip_warn(chip, name, "%s: 0x%08x accessed while its clock is off in RCC (PC 0x%08x)", name, address,
              cpu_current_pc(chip->cpu));
}

static bool gate_open(struct chip *chip, const struct block *block, uint32_t address)
{
    if (block->bank == ALWAYS || chip->rcc.enr[block->bank] >> block->bit & 1u)
        return true;
    gate_closed(chip, block->name, address);
    return false;
}

/* RCC's reset registers have their bits where the clock gates are. */
void chip_blocks_reset(struct chip *chip, unsigned bank, uint32_t bits)
{
    for (unsigned i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (blocks[i].bank == bank && bits >> blocks[i].bit & 1u && blocks[i].reset)
            blocks[i].reset(chip, blocks[i].unit);
    if (bank == AHB2 && bits & OTG_GATE)
        otg_reset(&chip->otg);
}

static uint32_t lane(uint32_t word, uint32_t address, unsigned size)
{
    uint32_t value = word >> (8 * (address & 3u));
    return size == 1 ? value & 0xFFu : size == 2 ? value & 0xFFFFu : value;
}

static uint32_t option_word(const struct chip *chip, uint32_t offset)
{
    uint32_t word = 0;
    for (unsigned i = 0; i < 4; i++)
        word |= (uint32_t)chip->option[(offset & 0xCu) + i] << (8 * i);
    return word;
}

enum cpu_bus chip_bus_read(void *context, uint32_t address, unsigned size, uint32_t *value)
{
    struct chip *chip = context;
    uint32_t word_address = address & ~3u;
    *value = 0;
    if (address - OTG_BASE < OTG_SIZE) {
        if (!(chip->rcc.enr[AHB2] & OTG_GATE))
            gate_closed(chip, "OTG_FS", address);
        else
            *value = lane(otg_read(&chip->otg, word_address - OTG_BASE), address, size);
        return CPU_BUS_OK;
    }
    if (address - CHIP_OPTION_BASE < CHIP_OPTION_SIZE) {
        *value = lane(option_word(chip, address - CHIP_OPTION_BASE), address, size);
        return CPU_BUS_OK;
    }
    const struct block *block = block_find(address);
    if (!block)
        return CPU_BUS_FAULT;
    if (!gate_open(chip, block, address))
        return CPU_BUS_OK;
    if (!block->read)
        chip_unmodelled(chip, block->name, address, false);
    else
        *value = lane(block->read(chip, block->unit, word_address - block->base), address, size);
    return CPU_BUS_OK;
}

enum cpu_bus chip_bus_write(void *context, uint32_t address, unsigned size, uint32_t value)
{
    struct chip *chip = context;
    uint32_t shift = 8 * (address & 3u);
    uint32_t mask = (size == 1 ? 0xFFu : size == 2 ? 0xFFFFu : 0xFFFFFFFFu) << shift;
    if (address - OTG_BASE < OTG_SIZE) {
        if (!(chip->rcc.enr[AHB2] & OTG_GATE))
            gate_closed(chip, "OTG_FS", address);
        else if (size != 4)
            chip_warn(chip, "OTG_FS size", "OTG_FS: a write of %u bytes; the core takes words only", size);
        else
            otg_write(&chip->otg, address - OTG_BASE, value);
        return CPU_BUS_OK;
    }
    if (address - CHIP_FLASH_BASE < CHIP_FLASH_SIZE || address < CHIP_FLASH_SIZE)
        return flash_program(chip, address, size, value);
    if (address - CHIP_SYSTEM_BASE < CHIP_SYSTEM_SIZE || address - CHIP_OPTION_BASE < CHIP_OPTION_SIZE) {
        chip_unmodelled(chip, "system memory", address, true);
        return CPU_BUS_OK;
    }
    const struct block *block = block_find(address);
    if (!block)
        return CPU_BUS_FAULT;
    if (!gate_open(chip, block, address))
        return CPU_BUS_OK;
    if (!block->write)
        chip_unmodelled(chip, block->name, address, true);
    else
        block->write(chip, block->unit,
                     (struct chip_write){(address & ~3u) - block->base, value << shift, mask});
    return CPU_BUS_OK;
}
