/*
 * What the chip tells its user: events, and complaints about the image once each. What a debugger does isn't complained of.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#include <stdio.h>

static void report(struct chip *chip, enum vboard_event event, uint32_t value, const char *format,
                   va_list arguments)
{
    char text[320];
    if (!chip->event)
        return;
    vsnprintf(text, sizeof text, format, arguments);
    chip->event(chip->event_context, event, chip_now(chip), value, text);
}

void chip_report(struct chip *chip, enum vboard_event event, uint32_t value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(chip, event, value, format, arguments);
    va_end(arguments);
}

void chip_warn(struct chip *chip, const char *kind, const char *format, ...)
{
    if (chip->debugger_asks)
        return;
    for (unsigned i = 0; i < chip->warned_count; i++)
        if (chip->warned[i] == kind)
            return;
    if (chip->warned_count == CHIP_SEEN_MAX)
        return;
    chip->warned[chip->warned_count++] = kind;
    va_list arguments;
    va_start(arguments, format);
    report(chip, VBOARD_WARNING, 0, format, arguments);
    va_end(arguments);
}

uint32_t chip_unknown(struct chip *chip, uint32_t offset, bool write)
{
    return chip_unmodelled(chip, chip->block->name, chip->block->base + offset, write);
}

uint32_t chip_unmodelled(struct chip *chip, const char *block, uint32_t address, bool write)
{
    uint32_t key = (address & ~3u) | (write ? 1u : 0u);
    if (chip->debugger_asks)
        return 0;
    for (unsigned i = 0; i < chip->seen_count; i++)
        if (chip->seen[i] == key)
            return 0;
    if (chip->seen_count == CHIP_SEEN_MAX)
        return 0;
    chip->seen[chip->seen_count++] = key;
    chip_report(chip, VBOARD_UNMODELLED, address, "%s: %s of 0x%08x is not modelled (PC 0x%08x)", block,
                write ? "write" : "read", address, cpu_current_pc(chip->cpu));
    return 0;
}
