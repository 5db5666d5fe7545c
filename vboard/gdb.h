/*
 * GDB's remote protocol for one processor, over TCP on 127.0.0.1. While the debugger holds the processor, virtual
 * time stands still: the board's loop asks before each slice.
 *
 *   gdb_open ─→ loop: switch (gdb_poll(gdb, wait)) {
 *                 GDB_RUN:  advance the board; if cpu_run ended in BREAKPOINT or LOCKUP, or was asked to end
 *                           by nothing the board knows: gdb_stopped
 *                 GDB_HALT: nothing (poll again, waiting)
 *                 GDB_KILL: leave the program
 *               } ─→ gdb_close
 *
 * A connection stops the processor; detaching or losing it lets it run, without breakpoints. A second debugger is told
 * that one is there. "monitor" knows OpenOCD's and J-Link's commands (gdb_monitor.c), "load" writes flash. An extended debugger (target extended-remote) may "run" anew, which resets the board,
 * and stays when it kills: the board is then halted behind its reset until it runs or the debugger goes.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_GDB_H
#define PLUGNET_VBOARD_GDB_H

#include "vboard/cpu.h"

enum gdb_state { GDB_RUN, GDB_HALT, GDB_KILL };

/* Flash with sectors of one size. */
struct gdb_flash_area {
    uint32_t base, size, sector_size;
};

struct gdb_peripheral {
    const char *name;
    uint32_t base, size;
    bool modelled;
};

struct gdb_callbacks {
    void (*reset)(void *context);         /* the board's reset; NULL: no "monitor reset", no extended mode */
    enum cpu_stop (*step)(void *context); /* one instruction, with the board around it; NULL: cpu_step */

    /* Flash, for "load": its areas in order of address, false behind the last (NULL: there is no load); erase whole sectors;
     * program bytes that were erased. False: nothing was done. */
    bool (*flash_area)(void *context, unsigned number, struct gdb_flash_area *area);
    bool (*flash_erase)(void *context, uint32_t address, uint32_t size);
    bool (*flash_program)(void *context, uint32_t address, const uint8_t *bytes, uint32_t size);

    bool (*peripheral)(void *context, unsigned number,
                       struct gdb_peripheral *peripheral); /* false: the last was before; NULL: none */
    void (*semihosting)(void *context, bool on);           /* NULL: none */

    bool
        jlink; /* default false: "monitor reset" lets the board run, as OpenOCD's; true: it halts, as J-Link's */
    void *context;
};

struct gdb;

/* `port` 0 takes a free one, see gdb_port. `halted`: the processor waits for a debugger. NULL: errno says why. */
struct gdb *gdb_open(unsigned port, struct cpu *cpu, const struct gdb_callbacks *callbacks, bool halted);
void gdb_close(struct gdb *gdb);
unsigned gdb_port(const struct gdb *gdb);

/* Serve what the debugger sent; if the processor is halted, wait up to `wait_ms` for more. */
enum gdb_state gdb_poll(struct gdb *gdb, int wait_ms);

/* The processor stopped: tell the debugger and halt. Without a debugger: nothing. */
void gdb_stopped(struct gdb *gdb, enum cpu_stop reason);

#endif
