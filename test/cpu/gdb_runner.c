/*
 * A processor, 64 KiB of flash with an image in it, 64 KiB of SRAM, and the debugger's server: prints the port and
 * runs until it is killed. For test_gdb.py.
 *
 *   gdb_runner image.bin [jlink]
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/gdb.h"

#include <stdio.h>
#include <string.h>

#define SLICE 20000

static uint8_t flash[0x10000], sram[0x10000];

static enum cpu_bus nothing_read(void *context, uint32_t address, unsigned size, uint32_t *value)
{
    (void)context;
    (void)address;
    (void)size;
    *value = 0;
    return CPU_BUS_FAULT;
}

static enum cpu_bus nothing_write(void *context, uint32_t address, unsigned size, uint32_t value)
{
    (void)context;
    (void)address;
    (void)size;
    (void)value;
    return CPU_BUS_FAULT;
}

#define FLASH_BASE  0x08000000u
#define SECTOR_SIZE 0x4000u

static bool flash_area(void *context, unsigned number, struct gdb_flash_area *area)
{
    (void)context;
    *area = (struct gdb_flash_area){FLASH_BASE, sizeof flash, SECTOR_SIZE};
    return number == 0;
}

static bool flash_inside(uint32_t address, uint32_t size)
{
    return address - FLASH_BASE < sizeof flash && size <= sizeof flash - (address - FLASH_BASE);
}

static bool flash_erase(void *context, uint32_t address, uint32_t size)
{
    if (!flash_inside(address, size) || address % SECTOR_SIZE || size % SECTOR_SIZE)
        return false;
    memset(flash + (address - FLASH_BASE), 0xFF, size);
    cpu_code_changed(context, address, size);
    return true;
}

static bool flash_program(void *context, uint32_t address, const uint8_t *bytes, uint32_t size)
{
    if (!flash_inside(address, size))
        return false;
    memcpy(flash + (address - FLASH_BASE), bytes, size);
    cpu_code_changed(context, address, size);
    return true;
}

static bool peripheral(void *context, unsigned number, struct gdb_peripheral *it)
{
    (void)context;
    *it = (struct gdb_peripheral){number ? "TWO" : "ONE", 0x40000000u + number, 16, !number};
    return number < 2;
}

static void reset(void *context)
{
    cpu_reset(context, 0x08000000);
}

int main(int count, char **arguments)
{
    struct cpu_config config = {
        .regions = {{0x20000000, sizeof sram, sram, true}, {0x08000000, sizeof flash, flash, false}},
        .irq_count = 40,
        .priority_bits = 4,
        .bus_read = nothing_read,
        .bus_write = nothing_write,
    };
    struct gdb_callbacks callbacks = {.reset = reset,
                                      .flash_area = flash_area,
                                      .flash_erase = flash_erase,
                                      .flash_program = flash_program,
                                      .peripheral = peripheral};
    FILE *file = count > 1 ? fopen(arguments[1], "rb") : NULL;
    struct cpu *cpu = cpu_new(&config);
    struct gdb *gdb;
    enum gdb_state state;

    if (!file || !fread(flash, 1, sizeof flash, file) || !cpu)
        return 2;
    fclose(file);
    callbacks.context = cpu;
    callbacks.jlink = count > 2 && strcmp(arguments[2], "jlink") == 0;
    cpu_reset(cpu, 0x08000000);
    gdb = gdb_open(0, cpu, &callbacks, true);
    if (!gdb)
        return 2;
    printf("port %u\n", gdb_port(gdb));
    fflush(stdout);
    while ((state = gdb_poll(gdb, 100)) != GDB_KILL) {
        if (state == GDB_RUN) {
            enum cpu_stop stop = cpu_run(cpu, cpu_cycles(cpu) + SLICE);

            if (stop == CPU_BREAKPOINT || stop == CPU_LOCKUP)
                gdb_stopped(gdb, stop);
        }
    }
    gdb_close(gdb);
    cpu_free(cpu);
    return 0;
}
