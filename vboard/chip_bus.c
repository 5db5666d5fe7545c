/*
 * The memory map: from an address to the peripheral that answers it.
 *
 *   memory (flash, SRAM, …) ──→ the core reads it itself; only writes to flash come here
 *   peripherals ──→ the kind's table: modelled, known but not modelled, or nobody (bus fault)
 *
 * A peripheral whose clock gate in RCC is closed reads 0 and ignores writes, and says so once.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

static const struct chip_block *block_find(const struct chip *chip, uint32_t address)
{
    const struct chip_kind *kind = chip->kind;
    for (unsigned i = 0; i < kind->block_count; i++)
        if (address - kind->blocks[i].base < kind->blocks[i].size)
            return &kind->blocks[i];
    return NULL;
}

/* The string is the name in the table, so each block is reported once. */
static void gate_closed(struct chip *chip, const char *name, uint32_t address)
{
    chip_warn(chip, name, "%s: 0x%08x accessed while its clock is off in RCC (PC 0x%08x)", name, address,
              cpu_current_pc(chip->cpu));
}

static bool gate_open(struct chip *chip, const struct chip_block *block, uint32_t address)
{
    if (block->bank == CHIP_UNGATED || chip->rcc.enr[block->bank] >> block->bit & 1u)
        return true;
    gate_closed(chip, block->name, address);
    return false;
}

/* RCC's reset registers have their bits where the clock gates are. */
void chip_blocks_reset(struct chip *chip, unsigned bank, uint32_t bits)
{
    const struct chip_kind *kind = chip->kind;
    for (unsigned i = 0; i < kind->block_count; i++) {
        const struct chip_block *block = &kind->blocks[i];
        if (block->bank == bank && bits >> block->bit & 1u && block->reset)
            block->reset(chip, block->unit);
    }
    if (bank == kind->otg_bank && bits >> kind->otg_bit & 1u)
        otg_reset(&chip->otg);
}

static bool otg_gate_open(struct chip *chip, uint32_t address)
{
    if (chip->rcc.enr[chip->kind->otg_bank] >> chip->kind->otg_bit & 1u)
        return true;
    gate_closed(chip, "OTG_FS", address);
    return false;
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
    if (address - CHIP_OTG_BASE < CHIP_OTG_SIZE) {
        if (otg_gate_open(chip, address))
            *value = lane(otg_read(&chip->otg, word_address - CHIP_OTG_BASE), address, size);
        return CPU_BUS_OK;
    }
    if (address - chip->kind->option_base < CHIP_OPTION_SIZE) {
        *value = lane(option_word(chip, address - chip->kind->option_base), address, size);
        return CPU_BUS_OK;
    }
    if (address == CHIP_ROM_DOOR && cpu_current_pc(chip->cpu) - CHIP_SYSTEM_BASE < chip->kind->system_size) {
        rom_enter(chip);
        return CPU_BUS_OK;
    }
    const struct chip_block *block = block_find(chip, address);
    if (!block)
        return CPU_BUS_FAULT;
    if (!gate_open(chip, block, address))
        return CPU_BUS_OK;
    chip->block = block;
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
    if (address - CHIP_OTG_BASE < CHIP_OTG_SIZE) {
        if (!otg_gate_open(chip, address))
            return CPU_BUS_OK;
        if (size != 4)
            chip_warn(chip, "OTG_FS size", "OTG_FS: a write of %u bytes; the core takes words only", size);
        else
            otg_write(&chip->otg, address - CHIP_OTG_BASE, value);
        return CPU_BUS_OK;
    }
    if (address - CHIP_FLASH_BASE < chip->kind->flash_size || address < chip->kind->flash_size)
        return chip->kind->flash->program(chip, address, size, value);
    if (address - CHIP_SYSTEM_BASE < chip->kind->system_size ||
        address - chip->kind->option_base < CHIP_OPTION_SIZE) {
        chip_unmodelled(chip, "system memory", address, true);
        return CPU_BUS_OK;
    }
    const struct chip_block *block = block_find(chip, address);
    if (!block)
        return CPU_BUS_FAULT;
    if (!gate_open(chip, block, address))
        return CPU_BUS_OK;
    chip->block = block;
    if (!block->write)
        chip_unmodelled(chip, block->name, address, true);
    else
        block->write(chip, block->unit,
                     (struct chip_write){(address & ~3u) - block->base, value << shift, mask});
    return CPU_BUS_OK;
}
