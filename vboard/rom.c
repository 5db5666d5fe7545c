/*
 * The boot loader in ROM: how it begins and ends. See rom.h.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#include <string.h>

#include "wire/le.h"

#define STUB_AT     0x100u    /* in system memory */
#define START_NS    40000000u /* until the pull-up comes: clocks, and HSE measured against HSI [unread] */
#define CR_PLLON    (1u << 24)
#define SYSTICK     0xE000E010u
#define NVIC_ISER   0xE000E100u
#define NVIC_ISPR   0xE000E200u
#define WWDG_RUNS   0x80u
#define PRIMASK_BIT 1u /* of the packed special registers, cpu.h */

/* Vectors, and `ldr r0, =CHIP_ROM_DOOR; ldr r0, [r0]`: the read tells that it has come to the ROM. */
void rom_stub(struct chip *chip)
{
    store_le32(chip->system, 0x20002000);
    store_le32(chip->system + 4, CHIP_SYSTEM_BASE + STUB_AT + 1);
    store_le32(chip->system + STUB_AT, 0x68004800);
    store_le32(chip->system + STUB_AT + 4, CHIP_ROM_DOOR);
}

static bool any_word(struct chip *chip, uint32_t address)
{
    for (unsigned i = 0; i < (chip->kind->irq_count + 31u) / 32; i++) {
        uint32_t word = 0;
        if (cpu_memory_read(chip->cpu, address + 4 * i, &word, sizeof word) && word)
            return true;
    }
    return false;
}

/* What keeps the ROM from starting; NULL: nothing. */
static const char *trouble(struct chip *chip)
{
    const struct rom_facts *facts = chip->kind->rom;
    uint32_t systick = 0;
    cpu_memory_read(chip->cpu, SYSTICK, &systick, sizeof systick);
    if (cpu_register_get(chip->cpu, 19) & PRIMASK_BIT)
        return "PRIMASK is set, and its USB works by interrupts";
    if (chip->dog.running)
        return "IWDG runs and would reset it";
    if (chip->dog.wwdg_cr & WWDG_RUNS)
        return "WWDG runs and would reset it";
    if (systick & 1u)
        return "SysTick is on";
    if (any_word(chip, NVIC_ISER))
        return "an interrupt is enabled in NVIC";
    if (any_word(chip, NVIC_ISPR))
        return "an interrupt is pending in NVIC";
    if (chip->rcc.cr != facts->rcc_cr || chip->rcc.cfgr != 0)
        return "the clocks are not as after a reset";
    if ((chip->misc.syscfg_memrmp & 7u) != 1)
        return "SYSCFG_MEMRMP doesn't show system memory at address 0, where its vectors are looked for";
    if (facts->needs_crystal && !chip->model->hse_hz)
        return "its USB is clocked by HSE, and the board has no such crystal";
    return NULL;
}

void rom_enter(struct chip *chip)
{
    struct rom *rom = &chip->rom;
    rom->refused = trouble(chip);
    rom->state = rom->refused ? ROM_REFUSED : ROM_RUNS;
    rom->pull_up_at = chip_now(chip) + START_NS;
    rom_dfu_reset(&rom->dfu);
    rom->dfu.pointer = CHIP_FLASH_BASE;
    cpu_break(chip->cpu);
    if (rom->refused)
        chip_warn(chip, rom->refused, "ROM: the boot loader doesn't start: %s", rom->refused);
    else
        chip_report(chip, VBOARD_ROM, 0, "the boot loader in ROM runs");
}

void rom_reset(struct chip *chip)
{
    memset(&chip->rom, 0, sizeof chip->rom);
    chip->deadline[CHIP_EVENT_ROM] = CHIP_NEVER;
    if (chip->boot0) {
        chip->misc.syscfg_memrmp = 1; /* the pins choose what address 0 shows */
        rom_enter(chip);
    }
}

bool rom_holds(const struct chip *chip)
{
    return chip->rom.state != ROM_OUT;
}

/* The application starts with what the ROM has left: its clocks, USB's gate, memory remapped, interrupts masked. */
static void leave(struct chip *chip)
{
    uint32_t pointer = chip->rom.dfu.pointer;
    chip_report(chip, VBOARD_ROM, 1, "the boot loader starts the application at 0x%08x", pointer);
    memset(&chip->rom, 0, sizeof chip->rom); /* whatever BOOT0 says: it is a jump, no reset */
    chip->kind->rcc->rom_clocks(chip);
    chip->rcc.enr[chip->kind->otg_bank] |= 1u << chip->kind->otg_bit;
    cpu_reset(chip->cpu, pointer);
    cpu_register_set(chip->cpu, 19, PRIMASK_BIT);
}

void rom_event(struct chip *chip)
{
    if (chip->rom.state != ROM_RUNS)
        return;
    if (chip->rom.leaves)
        leave(chip);
    else
        rom_dfu_event(chip);
}

void rom_power_lost(struct chip *chip)
{
    const struct rom_dfu *dfu = &chip->rom.dfu;
    if (chip->rom.state != ROM_RUNS || !dfu->erases)
        return;
    uint32_t state = 0x2545F491;
    for (uint32_t at = dfu->at; at < dfu->end; at++) {
        state = state * 1664525u + 1013904223u;
        chip->flash[at] |= (uint8_t)(state >> 24);
    }
    flash_ecc_set(chip, dfu->at, dfu->end - dfu->at, true);
    flash_changed(chip, dfu->at, dfu->end - dfu->at);
}
