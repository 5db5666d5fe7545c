/*
 * See journal.h.
 */
/* SPDX-License-Identifier: MIT */
#include "update/journal.h"

#include <stddef.h>

#define OTHERS_MAX 16u /* records of a swap and the way back, besides the two of each unit each way */

static bool journal_place(const struct journal *j, uint32_t at, uint32_t words[2])
{
    return board_flash_read(j->flash, at, words, JOURNAL_RECORD);
}

void journal_open(struct journal *j, const struct board_flash *flash)
{
    struct journal_record record;
    uint32_t words[2];

    *j = (struct journal){.flash = flash};
    for (uint32_t at = 0; flash != NULL && at < flash->size; at += JOURNAL_RECORD) {
        bool readable = journal_place(j, at, words);
        if (readable && journal_is_free(words)) {
            continue;
        }
        j->end = at + JOURNAL_RECORD;
        if (!readable || !journal_read(&record, words)) {
            continue;
        }
        j->last = record;
        if (record.code == JOURNAL_REQUEST) {
            j->used = record.index * JOURNAL_USED_UNIT;
        }
        if (record.code == JOURNAL_TRIAL) {
            j->trial = record.value;
        }
    }
}

bool journal_on_trial(const struct journal *j, uint32_t crc)
{
    return (j->last.code == JOURNAL_TRIAL || j->last.code == JOURNAL_FAILED) && j->trial == crc;
}

/* A place that a cut has left half programmed may read as free, and refuse: the one behind it is tried then. */
static bool journal_append(struct journal *j, struct journal_record record)
{
    uint32_t words[2];
    bool good = false;

    while (!good && j->flash != NULL && j->end + JOURNAL_RECORD <= j->flash->size) {
        journal_write(&record, words);
        if (j->flash->program_size >= JOURNAL_RECORD) {
            good = board_flash_program(j->flash, j->end, words, JOURNAL_RECORD);
        } else {
            good = board_flash_program(j->flash, j->end + 4, &words[1], 4) &&
                   board_flash_program(j->flash, j->end, &words[0], 4);
        }
        j->end += JOURNAL_RECORD;
    }
    if (good) {
        j->last = record;
    }
    return good;
}

/* Erase it. An erase that is cut may leave any of the records: so those that begin something are made void first. Zeros may be
 * programmed over anything (facts.md J "flash"). */
static bool journal_erase(struct journal *j)
{
    static const uint32_t nothing[2];
    struct journal_record record;
    uint32_t words[2];
    bool good = true;

    for (uint32_t at = 0; at < j->end; at += JOURNAL_RECORD) {
        bool begins =
            journal_place(j, at, words) && journal_read(&record, words) &&
            (record.code == JOURNAL_REQUEST || record.code == JOURNAL_TRIAL || record.code == JOURNAL_BACK);
        good = good && (!begins || board_flash_program(j->flash, at, nothing, JOURNAL_RECORD));
    }
    for (uint32_t at = 0; good && at < j->flash->size; at += j->flash->erase_size) {
        good = board_flash_erase(j->flash, at);
    }
    j->end = good ? 0 : j->end;
    return good;
}

bool journal_request(struct journal *j, uint32_t used, uint32_t unit, uint32_t crc)
{
    uint32_t units = (used + unit - 1) / unit, index = (used + JOURNAL_USED_UNIT - 1) / JOURNAL_USED_UNIT;
    uint32_t room = (4 * units + OTHERS_MAX) * JOURNAL_RECORD;

    if (j->flash == NULL || room > j->flash->size || index > UINT8_MAX) {
        return false;
    }
    if (room > j->flash->size - j->end && !journal_erase(j)) {
        return false;
    }
    j->used = index * JOURNAL_USED_UNIT;
    return journal_append(j, (struct journal_record){JOURNAL_REQUEST, (uint8_t)index, crc});
}

bool journal_confirm(struct journal *j, uint32_t crc)
{
    return journal_append(j, (struct journal_record){JOURNAL_CONFIRMED, 0, crc});
}

bool journal_back(struct journal *j, enum journal_reason reason)
{
    return journal_append(
        j, (struct journal_record){JOURNAL_BACK, (uint8_t)reason, j->used / JOURNAL_USED_UNIT});
}
