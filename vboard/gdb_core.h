/*
 * Inside the debugger's server: what its files share. The contract for everybody else is gdb.h.
 *
 *   gdb.c           connections, packets, registers, memory, breakpoints, running
 *   gdb_monitor.c   "monitor …"
 *   gdb_flash.c     the memory map, and "load"
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_GDB_CORE_H
#define PLUGNET_VBOARD_GDB_CORE_H

#include "vboard/gdb.h"

#define GDB_PACKET_MAX 4096 /* data of a packet, both ways */
#define GDB_POINTS_MAX 96

enum gdb_parse { GDB_OUTSIDE, GDB_DATA, GDB_CHECK_HIGH, GDB_CHECK_LOW };

struct gdb_point {
    char kind; /* '0' to '4' of Z packets */
    uint32_t address, size;
};

struct gdb {
    struct cpu *cpu;
    struct gdb_callbacks callbacks;
    int listener, client;
    int second;         /* a further debugger that is being refused, or -1 … */
    uint64_t second_ms; /* … since then … */
    unsigned
        second_check_digits; /* … and how many digits of its first packet's checksum are to come, 3: no # yet */
    enum gdb_state state;
    bool resumed;   /* the debugger waits for a stop reply; false: it takes the processor for halted */
    bool unseen;    /* halted while it was running without the debugger's knowledge ("monitor reset run") */
    bool extended;  /* the debugger stays when it kills, and may run anew */
    bool step_sync; /* the next step is none: it tells where the processor is ("monitor gdb_sync") */
    bool no_acknowledge;
    enum gdb_parse parse;
    char packet[GDB_PACKET_MAX + 1];
    size_t length; /* may pass GDB_PACKET_MAX: then it did not fit */
    uint8_t sum;
    char sum_high;
    struct gdb_point points[GDB_POINTS_MAX];
    unsigned point_count;
    int last_signal;
};

/* Answers: text of at most GDB_PACKET_MAX characters; OK or an error. */
void gdb_reply(struct gdb *gdb, const char *data);
void gdb_reply_ok(struct gdb *gdb, bool ok);
/* A part of a text that the debugger asks for by "offset,length". */
void gdb_reply_part(struct gdb *gdb, const char *request, const char *text, size_t size);

/* Reading a packet. The first two move `text` behind what they have read. */
bool gdb_number_read(const char **text, uint32_t *value); /* 1 to 8 hexadecimal digits */
bool gdb_expect(const char **text, char c);
bool gdb_begins(const char *text, const char *with, const char **rest);
bool gdb_hex_read(const char *text, uint8_t *bytes, size_t length);
void gdb_hex_write(char *text, const uint8_t *bytes, size_t length);
/* Bytes as X packets have them, up to `end`. Returns how many, at most `size`; SIZE_MAX: not well formed, or too many. */
size_t gdb_binary_read(const char *text, const char *end, uint8_t *bytes, size_t size);

/* Reset the board, and halt before its first instruction or let it run. */
void gdb_reset(struct gdb *gdb, bool run);
void gdb_client_drop(struct gdb *gdb, enum gdb_state then);

/* The commands behind "monitor", as hexadecimal digits. */
void gdb_monitor(struct gdb *gdb, const char *text);

/* "offset,length" of the memory map. */
void gdb_memory_map(struct gdb *gdb, const char *text);
/* A packet that begins with vFlash. */
void gdb_flash_serve(struct gdb *gdb, const char *text);

#endif
