/*
 * What a debugger's "load" needs: the memory map, from which it knows what must be erased before it is written, and the
 * packets that do it. What isn't flash is called RAM, peripherals, too: GDB then reads and writes there what it is asked to.
 *
 *   qXfer:memory-map:read ─→ vFlashErase:address,length … ─→ vFlashWrite:address:bytes … ─→ vFlashDone
 *
 * Each piece is in the flash when it has been answered. One that isn't whole sectors, or whose bytes weren't erased, is refused.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/gdb_core.h"

#include <stdio.h>
#include <string.h>

#define AREAS_MAX 16
#define MAP_MAX   3072 /* characters; an area takes some 190 at most */

/* Of the map, from `at` to `end`: RAM. */
static size_t ram_write(char *text, size_t size, uint64_t at, uint64_t end)
{
    if (at >= end)
        return 0;
    return (size_t)snprintf(text, size, "<memory type=\"ram\" start=\"0x%llx\" length=\"0x%llx\"/>",
                            (unsigned long long)at, (unsigned long long)(end - at));
}

static size_t map_write(const struct gdb *gdb, char text[MAP_MAX])
{
    struct gdb_flash_area area;
    uint64_t at = 0;
    size_t length = (size_t)snprintf(text, MAP_MAX, "<?xml version=\"1.0\"?><memory-map>");

    for (unsigned i = 0; i < AREAS_MAX && gdb->callbacks.flash_area(gdb->callbacks.context, i, &area); i++) {
        length += ram_write(text + length, MAP_MAX - length, at, area.base);
        length += (size_t)snprintf(text + length, MAP_MAX - length,
                                   "<memory type=\"flash\" start=\"0x%x\" length=\"0x%x\">"
                                   "<property name=\"blocksize\">0x%x</property></memory>",
                                   area.base, area.size, area.sector_size);
        at = (uint64_t)area.base + area.size;
    }
    length += ram_write(text + length, MAP_MAX - length, at, 1ull << 32);
    return length + (size_t)snprintf(text + length, MAP_MAX - length, "</memory-map>");
}

void gdb_memory_map(struct gdb *gdb, const char *text)
{
    char map[MAP_MAX];

    if (!gdb->callbacks.flash_area)
        gdb_reply(gdb, "");
    else
        gdb_reply_part(gdb, text, map, map_write(gdb, map));
}

static void erase(struct gdb *gdb, const char *text)
{
    uint32_t address, length;
    bool ok = gdb_number_read(&text, &address) && gdb_expect(&text, ',') && gdb_number_read(&text, &length) &&
              !*text;

    gdb->state = GDB_HALT; /* it may run without the debugger's knowledge, from what goes now */
    gdb_reply_ok(gdb, ok && gdb->callbacks.flash_erase(gdb->callbacks.context, address, length));
}

static void program(struct gdb *gdb, const char *text)
{
    uint8_t bytes[GDB_PACKET_MAX];
    uint32_t address;
    size_t length = SIZE_MAX;

    if (gdb_number_read(&text, &address) && gdb_expect(&text, ':'))
        length = gdb_binary_read(text, gdb->packet + gdb->length, bytes, sizeof bytes);
    gdb_reply_ok(gdb, length != SIZE_MAX && gdb->callbacks.flash_program(gdb->callbacks.context, address,
                                                                         bytes, (uint32_t)length));
}

void gdb_flash_serve(struct gdb *gdb, const char *text)
{
    const char *rest;

    if (!gdb->callbacks.flash_area)
        gdb_reply(gdb, "");
    else if (gdb_begins(text, "vFlashErase:", &rest))
        erase(gdb, rest);
    else if (gdb_begins(text, "vFlashWrite:", &rest))
        program(gdb, rest);
    else if (strcmp(text, "vFlashDone") == 0)
        gdb_reply_ok(gdb, true);
    else
        gdb_reply(gdb, "");
}
