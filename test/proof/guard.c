/*
 * What the first-stage boot loader decides: whether a slot holds a whole image of this board, and whether it may be swapped
 * in. Slots of any size and content; registers and the CRC unit answer anything.
 *
 * The linker's symbols are places and numbers of a real image; here they are slots of the harness.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#define CHIP_IRQ_COUNT 82
#define BOARD_ID       0x12345678u

#include "chip/cortex_m4/guard_swap.h"

static uint32_t slot_size; /* bytes */
static uint32_t *running_slot, *staged_slot;

static uint32_t any_register;

static volatile uint32_t *register_at(void)
{
    any_register = nondet_u32();
    return (volatile uint32_t *)&any_register;
}

#undef REG32
#define REG32(address) (*register_at())
#undef GUARD_CODE /* a section of its own: CBMC would give its functions other names */
#define GUARD_CODE
#undef GUARD_SIZE
#define GUARD_SIZE(area) slot_size
#define linker_staged    staged_slot
#define linker_image     running_slot

#include "chip/cortex_m4/guard.c"

#define SLOT_MIN (VECTORS * 4u + IMAGE_HEADER + 4u)
#define SLOT_MAX (1u << 20)

static void any_slots(void)
{
    slot_size = nondet_u32();
    ASSUME(slot_size >= SLOT_MIN && slot_size <= SLOT_MAX && slot_size % 4 == 0);
    running_slot = any_bytes(slot_size);
    staged_slot = any_bytes(slot_size);
}

static bool header_good(const uint32_t *slot)
{
    const struct guard_header *found = (const struct guard_header *)(slot + VECTORS);

    return found->magic == IMAGE_MAGIC && found->board == BOARD_ID && found->length % 4 == 0 &&
           found->length >= VECTORS * 4u + sizeof *found && found->length <= slot_size - 4;
}

/* ---- guard_fits: any bytes. ---- */

static bool guard_fits_needs(const uint32_t *words, uint32_t length)
{
    return length <= SLOT_MAX && READABLE(words, length);
}

static bool guard_fits_gives(bool fits)
{
    return fits || !fits; /* what the CRC unit says */
}

void prove_guard_fits(void)
{
    uint32_t length = any_size(64);
    const uint32_t *words = any_bytes(length);

    ASSUME(guard_fits_needs(words, length));
    bool fits = guard_fits(words, length, nondet_u32());
    PROVE(guard_fits_gives(fits));
    if (fits)
        REACHED("what fits");
}

bool contract_guard_fits(const uint32_t *words, uint32_t length, uint32_t wanted)
{
    bool fits = nondet_bool();

    (void)wanted;
    PROVE(guard_fits_needs(words, length));
    ASSUME(guard_fits_gives(fits));
    return fits;
}

/* ---- The decisions. ---- */

void prove_guard_image_good(void)
{
    any_slots();
    bool good = guard_image_good(running_slot, slot_size);
    PROVE(!good || header_good(running_slot));
    if (good) {
        guard_image_word(running_slot);
        PROVE(image_size(running_slot, slot_size) <= slot_size + IMAGE_TRAILER);
        REACHED("a good image");
    }
}

/* What is swapped in is of this board, for this place, whole, with room for it in the units that take part. */
void prove_refusal(void)
{
    struct guard_journal journal;

    any_slots();
    enum journal_refusal why = refusal(&journal);
    const uint32_t *found = staged_slot + VECTORS;
    if (why != 0)
        return;
    PROVE(header_good(staged_slot) && found[IMAGE_AT_FORMAT / 4] == IMAGE_FORMAT);
    PROVE(found[IMAGE_AT_BASE / 4] == (uint32_t)(uintptr_t)running_slot);
    PROVE(journal.used <= slot_size && found[IMAGE_AT_LENGTH / 4] + 4 <= journal.used);
    REACHED("one that may be swapped in");
}

/* A start on trial that fails is counted; after JOURNAL_FAILED_MAX of them it goes back. What the journal's code does is
 * tested, not proven. */
GUARD_CODE bool guard_append(struct guard_journal *journal, enum journal_code code, uint32_t index,
                             uint32_t value)
{
    (void)index, (void)value;
    PROVE(WRITABLE(journal, sizeof *journal));
    bool written = nondet_bool();
    if (written && code == JOURNAL_FAILED)
        journal->failed++;
    if (written && code == JOURNAL_BACK)
        journal->phase = GUARD_SWAPS;
    return written;
}

struct report_kept linker_report;

void prove_trial(void)
{
    struct guard_journal journal;

    any_slots();
    linker_report.magic = nondet_u32();
    journal.phase = GUARD_TRIAL;
    trial(&journal);
    PROVE(journal.phase == GUARD_TRIAL || journal.phase == GUARD_SWAPS || journal.phase == GUARD_IDLE);
    if (journal.phase == GUARD_SWAPS)
        REACHED("the way back");
}
