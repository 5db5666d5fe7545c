/*
 * One function of a small image on the virtual core: what it returns, and how many instructions it takes.
 *
 *   word 0 of the image: its stack; 1: reset; 2 and up: what the test wants, one of them an address to return to
 *
 * A header of functions, for one test program each.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BENCH_CORE_CALL_H
#define PLUGNET_BENCH_CORE_CALL_H

#include "test/test.h"
#include "vboard/cpu.h"

#define CORE_FLASH_BASE 0x08000000u
#define CORE_FLASH_SIZE 0x2000u
#define CORE_RAM_BASE   0x20000000u
#define CORE_RAM_SIZE   0x4000u

static uint8_t core_flash[CORE_FLASH_SIZE], core_ram[CORE_RAM_SIZE];
static struct cpu *core;

/* Everything but these memories is a fault. */
static enum cpu_bus core_bus_read(void *context, uint32_t address, unsigned size, uint32_t *value)
{
    (void)context, (void)address, (void)size, (void)value;
    return CPU_BUS_FAULT;
}

static enum cpu_bus core_bus_write(void *context, uint32_t address, unsigned size, uint32_t value)
{
    (void)context, (void)address, (void)size, (void)value;
    return CPU_BUS_FAULT;
}

/* Word number `index` of the image. */
static uint32_t core_word(unsigned index)
{
    uint32_t word;
    memcpy(&word, core_flash + 4 * index, 4);
    return word;
}

/* RAM at an address of the core's. */
static uint8_t *core_at(uint32_t address)
{
    return core_ram + (address - CORE_RAM_BASE);
}

/* Load the image, once; further calls do nothing. `returned`: the word with the address to return to. */
static void core_start(const uint8_t *image, const uint8_t *end, unsigned returned)
{
    static const struct cpu_config config = {
        .regions = {{.base = CORE_FLASH_BASE, .size = CORE_FLASH_SIZE, .bytes = core_flash},
                    {.base = CORE_RAM_BASE, .size = CORE_RAM_SIZE, .bytes = core_ram, .writable = true}},
        .irq_count = 1,
        .priority_bits = 4,
        .bus_read = core_bus_read,
        .bus_write = core_bus_write,
    };
    if (core != NULL)
        return;
    size_t size = (size_t)(end - image);
    CHECK(size > 4 * (returned + 1) && size <= sizeof core_flash);
    memcpy(core_flash, image, size);
    core = cpu_new(&config);
    CHECK(core != NULL);
    cpu_reset(core, CORE_FLASH_BASE);
    cpu_breakpoint(core, core_word(returned) & ~1u, true);
}

/* Call word number `function` with its arguments and a stack that grows down from `stack`; it has `cycles_max`. Returns r0;
 * *instructions is what it executed. */
static uint32_t core_call(unsigned function, unsigned returned, const uint32_t arguments[4], uint32_t stack,
                          uint64_t cycles_max, uint64_t *instructions)
{
    for (unsigned i = 0; i < 4; i++)
        cpu_register_set(core, i, arguments[i]);
    for (unsigned i = 4; i < 12; i++)
        cpu_register_set(core, i, 0xC0DE0000 + i);
    cpu_register_set(core, 13, stack);
    cpu_register_set(core, 14, core_word(returned));
    cpu_register_set(core, 15, core_word(function) & ~1u);
    uint64_t before = cpu_instructions(core);
    CHECK_EQUAL(cpu_run(core, cpu_cycles(core) + cycles_max), CPU_BREAKPOINT);
    *instructions = cpu_instructions(core) - before;
    for (unsigned i = 4; i < 12; i++)
        CHECK_EQUAL(cpu_register_get(core, i), 0xC0DE0000 + i);
    CHECK_EQUAL(cpu_register_get(core, 13), stack);
    CHECK_EQUAL(cpu_register_get(core, 15) & ~1u, core_word(returned) & ~1u);
    return cpu_register_get(core, 0);
}

#endif
