/*
 * A processor, 64 KiB of flash with an image in it, 64 KiB of SRAM, and the debugger's server: prints the port and
 * runs until it is killed. For test_gdb.py.
 *
 *   gdb_runner image.bin
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
    struct gdb_callbacks callbacks = {.reset = reset};
    FILE *file = count > 1 ? fopen(arguments[1], "rb") : NULL;
    struct cpu *cpu = cpu_new(&config);
    struct gdb *gdb;
    enum gdb_state state;

    if (!file || !fread(flash, 1, sizeof flash, file) || !cpu)
        return 2;
    fclose(file);
    callbacks.context = cpu;
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
