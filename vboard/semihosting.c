/*
 * Semihosting: what an image asks of the machine that it hangs on, by BKPT 0xAB with the call in R0 and its block in R1. What is
 * written becomes lines of the log. There are no files but ":tt", there is nothing to read, and time is the board's.
 *
 *   R0 = call, R1 = block of words ─→ BKPT 0xAB ─→ R0 = answer
 *
 * Source: Arm's "Semihosting for AArch32 and AArch64" [unread], calls as newlib's librdimon makes them.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#include <string.h>

#define BYTES_MAX 0x10000u /* of one call; an image that writes more is told how much is left */
#define FAILED    0xFFFFFFFFu
#define TTY       ":tt"
#define ENOENT_   2u
#define EXIT_FINE 0x20026u /* ADP_Stopped_ApplicationExit */

enum call {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_READC = 0x07,
    SYS_ISERROR = 0x08,
    SYS_ISTTY = 0x09,
    SYS_SEEK = 0x0A,
    SYS_FLEN = 0x0C,
    SYS_CLOCK = 0x10,
    SYS_TIME = 0x11,
    SYS_ERRNO = 0x13,
    SYS_HEAPINFO = 0x16,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20,
    SYS_ELAPSED = 0x30,
    SYS_TICKFREQ = 0x31,
};

/* A word of the image's memory; 0 where there is none. */
static uint32_t word(struct chip *chip, uint32_t address)
{
    uint8_t bytes[4] = {0};
    if (!cpu_memory_read(chip->cpu, address, bytes, sizeof bytes))
        return 0;
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void line_out(struct chip *chip, uint8_t byte)
{
    struct chip_semihosting *s = &chip->semihosting;
    if (byte == '\r')
        return;
    if (byte != '\n') {
        s->line[s->line_length++] = byte >= ' ' && byte < 0x7F ? (char)byte : byte == '\t' ? ' ' : '.';
        if (s->line_length + 1u < sizeof s->line)
            return;
    }
    s->line[s->line_length] = 0;
    s->line_length = 0;
    chip_report(chip, VBOARD_SERIAL, CHIP_USARTS, "[semihosting] %s", s->line);
}

/* Returns how many bytes were there; with `ends`, up to a zero. */
static uint32_t bytes_out(struct chip *chip, uint32_t address, uint32_t length, bool ends)
{
    uint8_t byte;
    for (uint32_t i = 0; i < length; i++) {
        if (!cpu_memory_read(chip->cpu, address + i, &byte, 1) || (ends && byte == 0))
            return i;
        line_out(chip, byte);
    }
    return length;
}

/* Console alone: 1 to read, 2 to write, 3 for errors. The mode is that of fopen: r, w, a, four of each. */
static uint32_t file_open(struct chip *chip, uint32_t block)
{
    char name[sizeof TTY] = "";
    uint32_t mode = word(chip, block + 4);
    bool tty = cpu_memory_read(chip->cpu, word(chip, block), name, sizeof name) &&
               memcmp(name, TTY, sizeof name) == 0;
    if (tty && mode < 12)
        return mode / 4 + 1;
    chip->semihosting.error = ENOENT_;
    return FAILED;
}

static uint32_t write_call(struct chip *chip, uint32_t block)
{
    uint32_t length = word(chip, block + 8);
    return length - bytes_out(chip, word(chip, block + 4), length < BYTES_MAX ? length : BYTES_MAX, false);
}

/* Words of zero: the image knows its own memory. */
static uint32_t heap_info(struct chip *chip, uint32_t block)
{
    static const uint8_t unknown[16];
    return cpu_memory_write(chip->cpu, word(chip, block), unknown, sizeof unknown) ? 0 : FAILED;
}

static uint32_t elapsed(struct chip *chip, uint32_t block)
{
    uint64_t now = chip_now(chip);
    return cpu_memory_write(chip->cpu, block, &now, sizeof now) ? 0 : FAILED;
}

static void leave(struct chip *chip, bool fine)
{
    if (chip->semihosting.line_length)
        line_out(chip, '\n');
    chip->semihosting.exited = chip->halted = true;
    chip->semihosting.failed = !fine;
    cpu_break(chip->cpu);
}

static uint32_t call_do(struct chip *chip, uint32_t call, uint32_t block)
{
    uint8_t byte = 0;
    switch (call) {
    case SYS_OPEN: return file_open(chip, block);
    case SYS_WRITEC:
        if (cpu_memory_read(chip->cpu, block, &byte, 1))
            line_out(chip, byte);
        return 0;
    case SYS_WRITE0: bytes_out(chip, block, BYTES_MAX, true); return 0;
    case SYS_WRITE: return write_call(chip, block);
    case SYS_READ: return word(chip, block + 8); /* bytes that were not read: all */
    case SYS_ISERROR: return word(chip, block) == FAILED;
    case SYS_ISTTY: return 1;
    case SYS_CLOSE:
    case SYS_FLEN: return 0;
    case SYS_READC:
    case SYS_SEEK: return FAILED;
    case SYS_CLOCK: return (uint32_t)(chip_now(chip) / 10000000u); /* hundredths of a second */
    case SYS_TIME: return (uint32_t)(chip_now(chip) / 1000000000u);
    case SYS_ERRNO: return chip->semihosting.error;
    case SYS_HEAPINFO: return heap_info(chip, block);
    case SYS_EXIT: leave(chip, block == EXIT_FINE); return 0;
    case SYS_EXIT_EXTENDED:
        leave(chip, word(chip, block) == EXIT_FINE && word(chip, block + 4) == 0);
        return 0;
    case SYS_ELAPSED: return elapsed(chip, block);
    case SYS_TICKFREQ: return 1000000000u;
    default:
        chip_warn(chip, "semihosting", "semihosting: call 0x%x is not modelled (PC 0x%08x)", call,
                  cpu_current_pc(chip->cpu));
        return FAILED;
    }
}

bool semihosting_call(struct chip *chip, bool debugger)
{
    uint32_t call = cpu_register_get(chip->cpu, 0), block = cpu_register_get(chip->cpu, 1);
    if (!chip->semihosting.on || (debugger && (call == SYS_EXIT || call == SYS_EXIT_EXTENDED)))
        return false;
    cpu_register_set(chip->cpu, 0, call_do(chip, call, block));
    return true;
}
