/*
 * How the first-stage boot loader swaps two images, so that a power cut after any operation of the flash, and within any, leaves
 * one of them whole or can be resumed. See guard_swap.h; what the journal holds is wire/swap_journal.h.
 *
 *   for each unit:  running ─→ scratch: KEPT ─→ staged ─→ running: TAKEN ─→ scratch ─→ staged           at the end: TRIAL, RESTORED
 *
 *   found after a reset   resumes with
 *   no KEPT               the copy into scratch, from its beginning
 *   KEPT                  the copy into the running slot, from its beginning
 *   TAKEN                 the copy into the staged slot, unless the CRC says that it is done
 *
 * A unit is always erased before it is written, even if it reads blank: a cut erase may look so. A copy is read back, and made
 * again where it isn't right.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/cortex_m4/guard_swap.h"

#define TRIES   3
#define WAITS   0x1000000u /* reads, 7 s at 16 MHz */
#define RECORDS (JOURNAL_RECORD / sizeof(uint32_t))
#define OTHERS  7u /* records besides KEPT and TAKEN: TRIAL, three FAILED, BACK, RESTORED, and one */

#include "chip_guard.inc"

/* Until no operation runs. A watchdog that the option bytes have switched on is fed meanwhile. */
GUARD_CODE void guard_flash_wait(void)
{
    __asm__ volatile("dsb" ::: "memory");
    GUARD_IWDG_KR = GUARD_IWDG_FEED;
    for (uint32_t waits = WAITS; waits > 0 && (GUARD_FLASH_SR & GUARD_FLASH_BSY) != 0; waits--)
        GUARD_IWDG_KR = GUARD_IWDG_FEED;
}

static inline GUARD_CODE uint32_t address_of(const uint32_t *words)
{
    return (uint32_t)(uintptr_t)words;
}

static inline GUARD_CODE uint32_t *journal_end(void)
{
    return linker_journal + GUARD_SIZE(journal) / sizeof(uint32_t);
}

static GUARD_CODE void apply(struct guard_journal *j, const struct journal_record *r)
{
    if (r->code == JOURNAL_REQUEST && j->phase != GUARD_SWAPS) {
        j->phase = GUARD_ASKED;
        j->used = r->index * JOURNAL_USED_UNIT;
        j->image = r->value;
        j->back = j->kept = j->taken = false;
        j->failed = 0;
    }
    if (r->code == JOURNAL_KEPT && (j->phase == GUARD_ASKED || j->phase == GUARD_SWAPS)) {
        j->phase = GUARD_SWAPS;
        j->unit = r->index;
        j->crc = r->value;
        j->kept = true;
        j->taken = false;
    }
    if (r->code == JOURNAL_TAKEN)
        j->taken = j->kept && r->index == j->unit;
    if (r->code == JOURNAL_TRIAL) {
        j->phase = GUARD_TRIAL;
        j->image = r->value;
    }
    if (r->code == JOURNAL_FAILED)
        j->failed++;
    if (r->code == JOURNAL_BACK && j->phase == GUARD_TRIAL) {
        j->phase = GUARD_SWAPS;
        j->used = j->used > 0 ? j->used : r->value * JOURNAL_USED_UNIT;
        j->reason = r->index;
        j->back = true;
        j->kept = j->taken = false;
    }
    if (r->code == JOURNAL_CONFIRMED || r->code == JOURNAL_RESTORED || r->code == JOURNAL_REFUSED)
        j->phase = GUARD_IDLE;
}

/* What can't be read is no record, and no room for one. */
static GUARD_CODE __attribute__((flatten)) bool record_read(struct journal_record *record, const uint32_t *at,
                                                            bool *free)
{
    linker_stack_start[0] = 0;
    uint32_t words[2] = {REG32(at), REG32(at + 1)};
    __asm__ volatile("dsb\n isb" ::: "memory");
    bool readable = REG32(linker_stack_start) == 0;
    *free = readable && journal_is_free(words);
    return journal_read(record, words) && readable;
}

GUARD_CODE void guard_journal_read(struct guard_journal *j)
{
    struct journal_record record;
    bool free = true;

    j->phase = GUARD_IDLE;
    j->used = 0;
    j->failed = j->reason = 0;
    j->back = j->kept = j->taken = false;
    j->free = journal_end();
    while (free && j->free > linker_journal) {
        record_read(&record, j->free - RECORDS, &free);
        j->free -= free ? RECORDS : 0;
    }
    for (const uint32_t *at = linker_journal; at < j->free; at += RECORDS)
        if (record_read(&record, at, &free))
            apply(j, &record);
}

/* Where one can't be written, the next place is tried. */
GUARD_CODE __attribute__((flatten)) bool guard_append(struct guard_journal *j, enum journal_code code,
                                                      uint32_t index, uint32_t value)
{
    struct journal_record record = {.code = (uint8_t)code, .index = (uint8_t)index, .value = value}, back;
    bool written = false, free;
    uint32_t words[2];

    journal_write(&record, words);
    while (!written && j->free < journal_end()) {
        guard_flash_open();
        guard_flash_program(address_of(j->free), words[0], words[1]);
        guard_flash_close();
        written = record_read(&back, j->free, &free) && back.code == code && back.index == record.index &&
                  back.value == value;
        j->free += RECORDS;
    }
    if (written)
        apply(j, &record);
    return written;
}

/* From the last word to the first: a unit that holds a whole image, with its CRC word, would have the same CRC as any other. */
static GUARD_CODE uint32_t unit_crc(const uint32_t *words, uint32_t length)
{
    GUARD_IWDG_KR = GUARD_IWDG_FEED;
    CRC_CR = CRC_CR_RESET;
    for (uint32_t i = length / sizeof *words; i > 0; i--)
        CRC_DR = words[i - 1];
    return CRC_DR;
}

static GUARD_CODE bool unit_fits(const uint32_t *words, uint32_t length, uint32_t wanted)
{
    REG32(linker_stack_start) = 0;
    uint32_t crc = unit_crc(words, length);
    __asm__ volatile("dsb\n isb" ::: "memory");
    return crc == wanted && REG32(linker_stack_start) == 0;
}

/* Copy `length` bytes of a unit, which may hold what can't be read: then it is as it was read. `crc`: of what was written. */
static GUARD_CODE bool unit_copy(uint32_t *to, const uint32_t *from, uint32_t length, uint32_t *crc)
{
    bool good = false;

    for (unsigned tries = 0; !good && tries < TRIES; tries++) {
        guard_flash_open();
        guard_flash_erase(address_of(to), GUARD_SIZE(scratch));
        CRC_CR = CRC_CR_RESET;
        for (uint32_t i = length / sizeof *from; i > 0; i -= 2) {
            uint32_t high = from[i - 1], low = from[i - 2];
            CRC_DR = high;
            CRC_DR = low;
            guard_flash_program(address_of(to + i - 2), low, high);
        }
        *crc = CRC_DR;
        guard_flash_close();
        good = unit_fits(to, length, *crc);
    }
    return good;
}

static inline GUARD_CODE uint32_t length_of(const struct guard_journal *j, uint32_t at)
{
    return j->used - at < GUARD_SIZE(scratch) ? j->used - at : GUARD_SIZE(scratch);
}

/* One unit, from where the journal says. */
static GUARD_CODE bool unit_swap(struct guard_journal *j, uint32_t unit)
{
    uint32_t at = unit * GUARD_SIZE(scratch), length = length_of(j, at), crc;
    uint32_t *running = linker_image + at / sizeof(uint32_t), *staged = linker_staged + at / sizeof(uint32_t);

    if (!j->kept || j->unit != unit) {
        if (!unit_copy(linker_scratch, running, length, &crc) || !guard_append(j, JOURNAL_KEPT, unit, crc))
            return false;
    }
    if (!j->taken) {
        if (!unit_copy(running, staged, length, &crc) || !guard_append(j, JOURNAL_TAKEN, unit, 0))
            return false;
    }
    /* What is lost here is the way back alone. */
    if (!unit_fits(staged, length, j->crc))
        unit_copy(staged, linker_scratch, length, &crc);
    return true;
}

/* True: while a swap was under way, the ROM's boot loader has written another image; that one stays. A whole image is none such
 * if it is the old one, of which not even the header's unit was overwritten, or the coming one, to which nothing is missing. */
static GUARD_CODE bool replaced(const struct guard_journal *j, uint32_t units)
{
    uint32_t at = j->unit * GUARD_SIZE(scratch), length = length_of(j, at);
    const uint32_t *running = linker_image + at / sizeof(uint32_t),
                   *staged = linker_staged + at / sizeof(uint32_t);

    if (!j->kept || !guard_image_good(linker_image, GUARD_SIZE(image)))
        return false;
    if (j->unit == 0 && unit_fits(running, length, j->crc))
        return false;
    if (!j->back && guard_image_word(linker_image) == j->image)
        return false;
    return j->unit + 1u < units || !(j->taken || unit_fits(running, length, unit_crc(staged, length)));
}

/* There is a whole swap's room, and one back. What an idle journal holds may go. */
static GUARD_CODE bool room_make(struct guard_journal *j, uint32_t units)
{
    uint32_t room = (uint32_t)(journal_end() - j->free) / RECORDS;

    if (j->phase != GUARD_ASKED || room >= 4 * units + OTHERS)
        return true;
    guard_flash_open();
    guard_flash_erase(address_of(linker_journal), GUARD_SIZE(journal));
    guard_flash_close();
    j->free = linker_journal;
    return guard_append(j, JOURNAL_REQUEST, j->used / JOURNAL_USED_UNIT, j->image);
}

/* All units are where they belong. */
static GUARD_CODE void end(struct guard_journal *j)
{
    uint32_t word = guard_image_good(linker_image, GUARD_SIZE(image)) ? guard_image_word(linker_image) : 0;
    bool said = j->back ? guard_append(j, JOURNAL_RESTORED, j->reason, word)
                        : guard_append(j, JOURNAL_TRIAL, 0, j->image);

    if (!said)
        return;
    if (!j->back)
        REG32(GUARD_CSR) |= GUARD_CSR_RMVF; /* no watchdog has reset the new image yet */
    guard_reset();
}

GUARD_CODE void guard_swap(struct guard_journal *j)
{
    uint32_t units = (j->used + GUARD_SIZE(scratch) - 1) / GUARD_SIZE(scratch);
    bool good = j->used > 0 && j->used <= GUARD_SIZE(image);

    GUARD_IWDG_KR = GUARD_IWDG_WRITE; /* of one that runs already */
    GUARD_IWDG_PR = GUARD_IWDG_LONGEST;
    GUARD_IWDG_KR = GUARD_IWDG_FEED;
    if (j->back && !j->kept && !guard_image_good(linker_staged, GUARD_SIZE(staged))) {
        guard_append(j, JOURNAL_REFUSED, JOURNAL_BAD_CRC, 0);
        return;
    }
    if (replaced(j, units)) {
        guard_append(j, JOURNAL_RESTORED, j->back ? j->reason : JOURNAL_REPLACED,
                     guard_image_word(linker_image));
        return;
    }
    good = good && room_make(j, units);
    for (uint32_t unit = j->kept ? j->unit : 0; good && unit < units; unit++)
        good = unit_swap(j, unit);
    if (good)
        end(j);
    else if (j->phase == GUARD_ASKED)
        guard_append(j, JOURNAL_REFUSED, JOURNAL_BAD_FLASH, 0);
}
