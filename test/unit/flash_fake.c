/*
 * The fake flash of flash_fake.h.
 */
/* SPDX-License-Identifier: MIT */
#include "test/unit/flash_fake.h"

#include <stddef.h>
#include <string.h>

enum { ERASED, PROGRAMMED, TORN };

struct flash_fake flash_fake;

static const uint8_t zeros[8], blank[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

static uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7FEB352Du;
    x = (x ^ x >> 15) * 0x846CA68Bu;
    return x ^ x >> 16;
}

static uint32_t random_next(void)
{
    return flash_fake.random = mix(flash_fake.random + 0x9E3779B9u);
}

void flash_fake_make(uint32_t size, uint32_t erase_size, uint8_t program_size, uint32_t seed)
{
    memset(&flash_fake, 0, sizeof flash_fake);
    memset(flash_fake.bytes, 0xFF, sizeof flash_fake.bytes);
    flash_fake.flash = (struct board_flash){
        .base = 0x08004000, .size = size, .erase_size = erase_size, .program_size = program_size};
    flash_fake.random = seed;
    flash_fake.start = mix(seed);
}

void flash_fake_boot(void)
{
    flash_fake.start = random_next();
    flash_fake.cut = 0;
}

void flash_fake_copy(struct flash_fake *to, const struct flash_fake *from)
{
    memcpy(to, from, offsetof(struct flash_fake, bytes));
    memcpy(to->bytes, from->bytes, from->flash.size);
    memcpy(to->units, from->units, from->flash.size / from->flash.program_size * sizeof from->units[0]);
}

void flash_fake_set(uint32_t at, const void *bytes, uint32_t length)
{
    uint32_t size = flash_fake.flash.program_size;
    memcpy(flash_fake.bytes + at, bytes, length);
    for (uint32_t i = at / size; i <= (at + length - 1) / size; i++)
        flash_fake.units[i].state =
            memcmp(flash_fake.bytes + i * size, blank, size) != 0 ? PROGRAMMED : ERASED;
}

/* False: ECC. */
static bool torn_read(const struct flash_fake_unit *unit, const uint8_t *was, uint8_t *bytes)
{
    uint32_t size = flash_fake.flash.program_size, seed = unit->seed;
    switch (unit->tear) {
    case TEAR_BEFORE: seed = 0; break;
    case TEAR_PART: break;
    case TEAR_NOISE: seed = random_next() | 1; break;
    case TEAR_START: seed = mix(seed + flash_fake.start) & 1 ? ~0u : 0; break;
    case TEAR_READ: seed = random_next() & 1 ? ~0u : 0; break;
    case TEAR_FAIL: return false;
    default:
        seed = mix(seed + flash_fake.start);
        if (seed & 1)
            return false;
        for (uint32_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)mix(seed + i);
        return true;
    }
    for (uint32_t i = 0; i < size; i++) {
        uint8_t done = seed == 0 || seed == ~0u ? (uint8_t)seed : (uint8_t)mix(seed + i);
        bytes[i] = (uint8_t)((was[i] & ~done) | (unit->wanted[i] & done));
    }
    return true;
}

bool board_flash_read(const struct board_flash *flash, uint32_t at, void *bytes, uint32_t length)
{
    uint32_t size = flash->program_size;
    uint8_t *to = bytes;
    if (at > flash->size || length > flash->size - at)
        return false;
    while (length > 0) {
        uint32_t number = at / size, skip = at % size, now = size - skip < length ? size - skip : length;
        const struct flash_fake_unit *unit = &flash_fake.units[number];
        uint8_t all[8];
        memcpy(all, flash_fake.bytes + number * size, size);
        if (unit->state == TORN && !torn_read(unit, flash_fake.bytes + number * size, all))
            return false;
        memcpy(to, all + skip, now);
        to += now;
        at += now;
        length -= now;
    }
    return true;
}

static void power_cut(void)
{
    flash_fake.cut = 0;
    longjmp(*flash_fake.power, 1);
}

static void unit_tear(uint32_t number, const uint8_t *wanted)
{
    struct flash_fake_unit *unit = &flash_fake.units[number];
    unit->state = TORN;
    unit->tear = (uint8_t)flash_fake.tear;
    unit->seed = random_next() | 1;
    memcpy(unit->wanted, wanted, flash_fake.flash.program_size);
}

/* Half erased: each unit its own way, old, erased, or anything. */
static void erase_tear(uint32_t at)
{
    uint32_t size = flash_fake.flash.program_size;
    uint32_t share = 1u << random_next() % 5; /* of 16: what changes at all */
    for (uint32_t i = at; i < at + flash_fake.flash.erase_size; i += size) {
        uint8_t wanted[8];
        for (uint32_t k = 0; k < 8; k++)
            wanted[k] = random_next() % 4 ? 0xFF : (uint8_t)random_next();
        if (flash_fake.tear != TEAR_BEFORE && random_next() % 16 < share)
            unit_tear(i / size, wanted);
        else if (flash_fake.units[i / size].state == ERASED)
            flash_fake.units[i / size].state = PROGRAMMED;
    }
}

bool board_flash_erase(const struct board_flash *flash, uint32_t at)
{
    if (at >= flash->size || at % flash->erase_size != 0 || flash_fake.refuses)
        return false;
    bool cut = ++flash_fake.operations == flash_fake.cut;
    flash_fake.erases[at / flash->erase_size]++;
    if (cut && flash_fake.tear != TEAR_AFTER) {
        erase_tear(at);
        power_cut();
    }
    memset(flash_fake.bytes + at, 0xFF, flash->erase_size);
    memset(&flash_fake.units[at / flash->program_size], 0,
           flash->erase_size / flash->program_size * sizeof flash_fake.units[0]);
    if (cut)
        power_cut();
    return true;
}

static void unit_program(uint32_t number, const uint8_t *bytes)
{
    uint32_t size = flash_fake.flash.program_size;
    struct flash_fake_unit *unit = &flash_fake.units[number];
    if (unit->state == PROGRAMMED)
        flash_fake.broken = "programmed twice";
    if (unit->state == TORN && memcmp(bytes, zeros, size) != 0 && memcmp(bytes, unit->wanted, size) != 0)
        flash_fake.broken = "programmed over what a cut left";
    if (++flash_fake.operations == flash_fake.cut && flash_fake.tear != TEAR_AFTER) {
        memcpy(flash_fake.bytes + number * size, blank, size);
        unit_tear(number, bytes);
        power_cut();
    }
    memcpy(flash_fake.bytes + number * size, bytes, size);
    unit->state = PROGRAMMED;
    if (flash_fake.operations == flash_fake.cut)
        power_cut();
}

bool board_flash_program(const struct board_flash *flash, uint32_t at, const void *bytes, uint32_t length)
{
    uint32_t size = flash->program_size;
    if (at > flash->size || length > flash->size - at || at % size != 0 || length % size != 0 ||
        flash_fake.refuses)
        return false;
    for (uint32_t i = 0; i < length; i += size)
        unit_program((at + i) / size, (const uint8_t *)bytes + i);
    return true;
}
