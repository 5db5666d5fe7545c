/*
 * Settings in flash: open, read, write, compact. What store.h promises rests on this:
 *
 * A granule that was being programmed when power went may read as erased, as whole, or differently each time. One that was begun
 * after another proves that the other is whole. So each decision has a mark behind it: commit has confirm, head 1 has head 2, and
 * that has witness 0. What a cut left is settled by store_open before it returns: nothing is written behind a torn end, but what
 * is live is copied into the other half. If head 2 or witness 0 are in doubt, another witness is programmed to its end first, so
 * that this half counts whatever those read while the other one is erased.
 *
 * A torn granule that reads as erased can't be seen. It can only lie at the log's end, and there the first write after
 * store_open programs zeros: they mean nothing, and programmed over a torn granule they are zeros (facts.md J "flash").
 *
 * Below `end` all records count, without looking at their marks; only store_open reads those.
 */
/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include <string.h>

#include "store/record.h"
#include "wire/crc32.h"
#include "wire/le.h"

#define HALF_MIN           512u
#define HALF_MAX           (0xFFFFu * STORE_GRANULE)
#define CHUNK              8u /* bytes read at a time: stack counts */
#define WITNESS_AT(number) (STORE_HEADS * STORE_HEAD_LENGTH + (number)*STORE_GRANULE)
#define MARKS              (2 * STORE_GRANULE)          /* commit and confirm */
#define DELETE_BY          (STORE_GRANULE + 40 + MARKS) /* what puts leave, so that a delete always fits */

_Static_assert(STORE_KEY_MAX == STORE_KEY_LIMIT, "the format's");
_Static_assert(sizeof(void *) != 4 || sizeof(struct store) == 84, "what docs/settings.md says");

/* ---- Reading a log ---- */

static bool flash_read(const struct store *s, const struct store_log *log, uint32_t at, void *bytes,
                       uint32_t length)
{
    return board_flash_read(s->config->flash, log->base + at, bytes, length);
}

static bool record_at(const struct store *s, const struct store_log *log, uint32_t at, struct store_record *r)
{
    uint8_t bytes[STORE_GRANULE];
    return flash_read(s, log, at, bytes, sizeof bytes) &&
           store_record_read(r, store_record_seed(log->generation, at), bytes) &&
           store_record_size(r) <= s->half_size - at;
}

/* The first record at or behind *at, before `until`; *at goes there. What is none is passed by. */
static bool record_find(const struct store *s, const struct store_log *log, uint32_t *at, uint32_t until,
                        struct store_record *r)
{
    for (; *at < until; *at += STORE_GRANULE)
        if (record_at(s, log, *at, r))
            return true;
    return false;
}

/* Key and value read as they were written. */
static bool record_whole(const struct store *s, const struct store_log *log, uint32_t at,
                         const struct store_record *r)
{
    uint8_t chunk[CHUNK];
    uint32_t left = store_record_body(r), crc = r->check;
    if (!store_record_has_key(r))
        return true;
    for (at += STORE_GRANULE; left > 0;) {
        uint32_t length = left < CHUNK ? left : CHUNK;
        if (!flash_read(s, log, at, chunk, length))
            return false;
        crc = crc32_add(crc, chunk, length);
        at += length;
        left -= length;
    }
    return flash_read(s, log, at, chunk, 4) && load_le32(chunk) == crc;
}

static bool bytes_equal(const struct store *s, uint32_t at, const uint8_t *bytes, uint32_t length)
{
    uint8_t chunk[CHUNK];
    while (length > 0) {
        uint32_t now = length < CHUNK ? length : CHUNK;
        if (!flash_read(s, &s->log, at, chunk, now) || memcmp(chunk, bytes, now) != 0)
            return false;
        at += now;
        bytes += now;
        length -= now;
    }
    return true;
}

enum granule { GRANULE_BLANK, GRANULE_ZERO, GRANULE_OTHER };

static enum granule granule_look(const struct store *s, const struct store_log *log, uint32_t at)
{
    uint32_t words[STORE_GRANULE / 4];
    if (!flash_read(s, log, at, words, sizeof words))
        return GRANULE_OTHER;
    return (words[0] & words[1]) == UINT32_MAX ? GRANULE_BLANK
           : (words[0] | words[1]) == 0        ? GRANULE_ZERO
                                               : GRANULE_OTHER;
}

/* Damage while the store is open counts once, until it is compacted away. */
static void damage_note(struct store *s)
{
    s->damaged += !s->unclean;
    s->unclean = true;
}

/* The first record of a key at or behind *at, before `until`; *at goes there. */
static bool key_next(struct store *s, const void *key, size_t key_length, uint32_t *at, uint32_t until,
                     struct store_record *r)
{
    while (*at < until) {
        if (!record_at(s, &s->log, *at, r)) {
            if (granule_look(s, &s->log, *at) == GRANULE_OTHER)
                damage_note(s);
            *at += STORE_GRANULE;
            continue;
        }
        if (r->key_length == key_length && bytes_equal(s, *at + STORE_GRANULE, key, key_length))
            return true;
        *at += store_record_size(r);
    }
    return false;
}

/* The newest whole record of a key before `until`, or 0. */
static uint32_t key_find(struct store *s, const void *key, size_t key_length, uint32_t until,
                         struct store_record *r)
{
    for (;;) {
        uint32_t found = 0;
        struct store_record seen;
        for (uint32_t at = STORE_LOG_BEGIN; key_next(s, key, key_length, &at, until, &seen);
             at += store_record_size(&seen)) {
            found = at;
            *r = seen;
        }
        if (found == 0 || record_whole(s, &s->log, found, r))
            return found;
        damage_note(s);
        until = found;
    }
}

/* The record is what its key's value is, looking at what lies before `until`; s->key is its key then. */
static bool record_live(struct store *s, uint32_t at, const struct store_record *r, uint32_t until)
{
    struct store_record later;
    if (!record_whole(s, &s->log, at, r)) {
        damage_note(s);
        return false;
    }
    if (r->type != STORE_RECORD_PUT || !flash_read(s, &s->log, at + STORE_GRANULE, s->key, r->key_length))
        return false;
    for (at += store_record_size(r); key_next(s, s->key, r->key_length, &at, until, &later);
         at += store_record_size(&later))
        if (record_whole(s, &s->log, at, &later))
            return false;
    return true;
}

static uint32_t live_sum(struct store *s)
{
    uint32_t sum = 0;
    struct store_record r;
    for (uint32_t at = STORE_LOG_BEGIN; record_find(s, &s->log, &at, s->end, &r); at += store_record_size(&r))
        if (record_live(s, at, &r, s->end))
            sum += store_record_size(&r);
    return sum;
}

static enum store_result value_copy(const struct store *s, uint32_t at, const struct store_record *r,
                                    void *buffer, size_t capacity, size_t *length)
{
    if (length != NULL)
        *length = r->value_length;
    if (buffer == NULL || r->value_length == 0)
        return STORE_OK;
    if (r->value_length > capacity)
        return STORE_LONGER;
    return flash_read(s, &s->log, at + STORE_GRANULE + r->key_length, buffer, r->value_length) ? STORE_OK
                                                                                               : STORE_FLASH;
}

enum store_result store_get(struct store *s, const void *key, size_t key_length, void *buffer,
                            size_t capacity, size_t *length)
{
    struct store_record r;
    if (length != NULL)
        *length = 0;
    if (!s->open)
        return STORE_REFUSED;
    if (key_length == 0 || key_length > STORE_KEY_MAX)
        return STORE_MISUSE;
    uint32_t at = key_find(s, key, key_length, s->end, &r);
    if (at == 0 || r.type != STORE_RECORD_PUT)
        return STORE_ABSENT;
    return value_copy(s, at, &r, buffer, capacity, length);
}

enum store_result store_next(struct store *s, struct store_cursor *cursor, void *key, size_t *key_length,
                             void *buffer, size_t capacity, size_t *length)
{
    struct store_record r;
    *key_length = 0;
    if (length != NULL)
        *length = 0;
    if (!s->open)
        return STORE_REFUSED;
    if (cursor->at == 0)
        *cursor = (struct store_cursor){STORE_LOG_BEGIN, s->log.generation};
    if (cursor->generation != s->log.generation)
        return STORE_MOVED;
    while (record_find(s, &s->log, &cursor->at, s->end, &r)) {
        uint32_t at = cursor->at;
        cursor->at += store_record_size(&r);
        if (record_live(s, at, &r, s->end)) {
            *key_length = r.key_length;
            memcpy(key, s->key, r.key_length);
            return value_copy(s, at, &r, buffer, capacity, length);
        }
    }
    return STORE_ABSENT;
}

/* ---- Writing a log ---- */

/* Program, and read back. */
static bool granule_program(const struct store *s, const struct store_log *log, uint32_t at,
                            const uint8_t bytes[STORE_GRANULE])
{
    uint8_t back[STORE_GRANULE];
    return at + STORE_GRANULE <= s->half_size &&
           board_flash_program(s->config->flash, log->base + at, bytes, STORE_GRANULE) &&
           flash_read(s, log, at, back, sizeof back) && memcmp(back, bytes, sizeof back) == 0;
}

static bool mark_write(const struct store *s, const struct store_log *log, uint32_t at,
                       enum store_record_type type)
{
    uint8_t bytes[STORE_GRANULE];
    struct store_record r = {.type = (uint8_t)type};
    store_record_write(&r, store_record_seed(log->generation, at), bytes);
    return granule_program(s, log, at, bytes);
}

static bool zeros_write(const struct store *s, uint32_t at)
{
    static const uint8_t zeros[STORE_GRANULE];
    return granule_program(s, &s->log, at, zeros);
}

/* Where a record's key and value come from: memory, or (key NULL) another log. */
struct source {
    const uint8_t *key, *value;
    const struct store_log *log;
    uint32_t at;
};

static bool source_read(const struct store *s, const struct source *source, const struct store_record *r,
                        uint32_t offset, uint8_t *byte)
{
    if (source->key == NULL)
        return flash_read(s, source->log, source->at + STORE_GRANULE + offset, byte, 1);
    *byte = offset < r->key_length ? source->key[offset] : source->value[offset - r->key_length];
    return true;
}

static bool record_write(const struct store *s, const struct store_log *log, uint32_t at,
                         struct store_record *r, const struct source *source)
{
    uint8_t bytes[STORE_GRANULE];
    uint32_t body = store_record_body(r), size = store_record_size(r);
    if (size > s->half_size - at)
        return false;
    store_record_write(r, store_record_seed(log->generation, at), bytes);
    uint32_t crc = r->check;
    for (uint32_t i = 0;; i++) {
        uint8_t *byte = &bytes[i % STORE_GRANULE];
        if (i % STORE_GRANULE == 0 && !granule_program(s, log, at + i, bytes))
            return false;
        if (i == size - STORE_GRANULE)
            return true;
        if (i >= body) {
            *byte = (uint8_t)crc; /* 4 bytes of it, then zeros */
            crc >>= 8;
        } else if (source_read(s, source, r, i, byte)) {
            crc = crc32_add(crc, byte, 1);
        } else {
            return false;
        }
    }
}

/* Copy a record into another log; *to_at goes behind it. */
static bool record_copy(const struct store *s, const struct store_log *from, uint32_t from_at,
                        struct store_record *r, const struct store_log *to, uint32_t *to_at)
{
    struct source source = {.log = from, .at = from_at};
    if (!record_write(s, to, *to_at, r, &source))
        return false;
    *to_at += store_record_size(r);
    return true;
}

/* ---- Compaction ---- */

static bool half_erase(const struct store *s, const struct store_log *log)
{
    const struct board_flash *flash = s->config->flash;
    for (uint32_t at = 0; at < s->half_size; at += flash->erase_size)
        if (!board_flash_erase(flash, log->base + at))
            return false;
    return true;
}

static bool head_write(const struct store *s, const struct store_log *log, unsigned number, uint16_t schema,
                       uint32_t end)
{
    struct store_head head = {
        log->generation, {s->wear[0], s->wear[1]}, schema, (uint16_t)(end / STORE_GRANULE)};
    uint8_t bytes[STORE_HEAD_LENGTH];
    store_head_write(&head, number, bytes);
    for (uint32_t at = 0; at < STORE_HEAD_LENGTH; at += STORE_GRANULE)
        if (!granule_program(s, log, number * STORE_HEAD_LENGTH + at, bytes + at))
            return false;
    return true;
}

/* Copy what is live before `until` into the other half, and go there. One erase of a half. */
static bool compact(struct store *s, uint32_t until, uint16_t schema)
{
    struct store_log to = {s->half ? 0 : s->half_size, s->log.generation + 1};
    uint32_t end = STORE_LOG_BEGIN;
    struct store_record r;
    s->wear[!s->half]++;
    if (!half_erase(s, &to) || !head_write(s, &to, 0, schema, 0))
        return false;
    for (uint32_t at = STORE_LOG_BEGIN; record_find(s, &s->log, &at, until, &r); at += store_record_size(&r))
        if (record_live(s, at, &r, until) && !record_copy(s, &s->log, at, &r, &to, &end))
            return false;
    if (!head_write(s, &to, 1, schema, end) || !head_write(s, &to, 2, schema, end) ||
        !mark_write(s, &to, WITNESS_AT(0), STORE_RECORD_WITNESS))
        return false;
    s->log = to;
    s->half ^= 1;
    s->end = s->at = end;
    s->schema = schema;
    s->marked = true;
    s->unclean = false;
    s->compactions++;
    return true;
}

/* Compact, and take what an open group has written along. */
static enum store_result compact_all(struct store *s)
{
    struct store_log old = s->log;
    uint32_t at = s->end, until = s->at;
    struct store_record r;
    if (!compact(s, s->end, s->schema))
        return STORE_FLASH;
    for (; at < until; at += store_record_size(&r)) /* one behind the other, or something is damaged */
        if (!record_at(s, &old, at, &r) || !record_whole(s, &old, at, &r) ||
            !record_copy(s, &old, at, &r, &s->log, &s->at)) {
            s->unclean = true;
            return STORE_FLASH;
        }
    return STORE_OK;
}

/* Have `needed` bytes behind `at`. */
static enum store_result room_make(struct store *s, uint32_t needed)
{
    uint32_t kept = STORE_LOG_BEGIN + s->at - s->end;
    if (!s->unclean && s->at + (s->marked ? 0 : STORE_GRANULE) + needed <= s->half_size)
        return STORE_OK;
    return kept + live_sum(s) + needed > s->half_size ? STORE_FULL : compact_all(s);
}

/* The first write after store_open. */
static bool end_mark(struct store *s)
{
    if (s->marked)
        return true;
    s->marked = zeros_write(s, s->at);
    s->end = s->at += STORE_GRANULE;
    return s->marked;
}

/* ---- Changes ---- */

/* All that was written behind `end` reads as it was written. */
static bool group_whole(const struct store *s)
{
    struct store_record r;
    for (uint32_t at = s->end; at < s->at; at += store_record_size(&r))
        if (!record_at(s, &s->log, at, &r) || !record_whole(s, &s->log, at, &r))
            return false;
    return true;
}

static enum store_result group_end(struct store *s)
{
    if (s->at == s->end)
        return STORE_OK;
    if (!group_whole(s) || !mark_write(s, &s->log, s->at, STORE_RECORD_COMMIT) ||
        !mark_write(s, &s->log, s->at + STORE_GRANULE, STORE_RECORD_CONFIRM)) {
        s->at = s->end;
        s->unclean = true;
        return STORE_FLASH;
    }
    s->at += MARKS;
    s->end = s->at;
    return STORE_OK;
}

static enum store_result record_append(struct store *s, struct store_record *r, const void *key,
                                       const void *value)
{
    struct source source = {.key = key, .value = value};
    uint32_t size = store_record_size(r);
    enum store_result result = room_make(s, size + MARKS + (r->type == STORE_RECORD_DELETE ? 0 : DELETE_BY));
    if (result != STORE_OK)
        return result;
    if (!end_mark(s) || !record_write(s, &s->log, s->at, r, &source)) {
        s->unclean = true;
        return STORE_FLASH;
    }
    s->at += size;
    return s->group ? STORE_OK : group_end(s);
}

/* STORE_OK: it is so already. STORE_ABSENT: a key that isn't there is to be deleted. STORE_MOVED: it is to be written. */
static enum store_result change_needed(struct store *s, const struct store_record *r, const void *key,
                                       const void *value)
{
    struct store_record was;
    uint32_t at = key_find(s, key, r->key_length, s->at, &was);
    bool there = at != 0 && was.type == STORE_RECORD_PUT;
    if (r->type == STORE_RECORD_DELETE)
        return there ? STORE_MOVED : STORE_ABSENT;
    if (there && was.value_length == r->value_length &&
        bytes_equal(s, at + STORE_GRANULE + r->key_length, value, r->value_length))
        return STORE_OK;
    return STORE_MOVED;
}

static enum store_result change(struct store *s, enum store_record_type type, const void *key,
                                size_t key_length, const void *value, size_t length)
{
    struct store_record r = {
        .type = (uint8_t)type, .key_length = (uint8_t)key_length, .value_length = (uint16_t)length};
    enum store_result result = (enum store_result)s->failed;
    if (!s->open || !s->writable)
        return STORE_REFUSED;
    if (result == STORE_OK) {
        if (key_length == 0 || key_length > STORE_KEY_MAX || length > STORE_VALUE_MAX ||
            length > s->half_size / 4)
            result = STORE_MISUSE;
        else
            result = change_needed(s, &r, key, value);
        if (result == STORE_MOVED)
            result = record_append(s, &r, key, value);
    }
    if (s->group && result != STORE_ABSENT)
        s->failed = (uint8_t)result;
    return result;
}

enum store_result store_put(struct store *s, const void *key, size_t key_length, const void *value,
                            size_t length)
{
    return change(s, STORE_RECORD_PUT, key, key_length, value, length);
}

enum store_result store_delete(struct store *s, const void *key, size_t key_length)
{
    return change(s, STORE_RECORD_DELETE, key, key_length, NULL, 0);
}

/* Calls for the whole store: not in a group, nor where writes are refused. */
static enum store_result write_allowed(const struct store *s)
{
    return s->group ? STORE_MISUSE : s->open && s->writable ? STORE_OK : STORE_REFUSED;
}

enum store_result store_begin(struct store *s)
{
    enum store_result result = write_allowed(s);
    s->group = s->group || result == STORE_OK;
    return result;
}

/* What was written of the group doesn't count. */
static void group_drop(struct store *s)
{
    s->unclean = s->unclean || s->at != s->end;
    s->at = s->end;
    s->group = false;
    s->failed = STORE_OK;
}

enum store_result store_commit(struct store *s)
{
    if (!s->group || s->migrating)
        return STORE_MISUSE;
    enum store_result result = (enum store_result)s->failed;
    if (result == STORE_OK)
        result = group_end(s);
    group_drop(s);
    return result;
}

enum store_result store_cancel(struct store *s)
{
    if (!s->group || s->migrating)
        return STORE_MISUSE;
    group_drop(s);
    return STORE_OK;
}

enum store_result store_maintain(struct store *s, uint32_t room)
{
    enum store_result result = write_allowed(s);
    if (result == STORE_OK)
        result = room > s->half_size ? STORE_FULL : room_make(s, room + DELETE_BY);
    return result;
}

/* ---- Opening ---- */

/* What the heads of a half say. */
struct half {
    struct store_log log;
    struct store_head head;
    uint8_t signs; /* of three: two heads, and a witness. One alone may read differently next time */
    bool clean;    /* all three, and it is witness 0 */
    bool foreign;
};

static void head_take(struct store *s, struct half *half, unsigned number)
{
    uint8_t bytes[STORE_HEAD_LENGTH];
    struct store_head head;
    if (!flash_read(s, &half->log, number * STORE_HEAD_LENGTH, bytes, sizeof bytes))
        return;
    enum store_head_kind kind = store_head_read(&head, number, bytes);
    half->foreign = half->foreign || kind == STORE_HEAD_FOREIGN;
    if (kind != STORE_HEAD_OURS)
        return;
    for (unsigned i = 0; i < 2; i++)
        if (head.wear[i] > s->wear[i])
            s->wear[i] = head.wear[i];
    uint32_t end = head.end * STORE_GRANULE;
    if (number > 0 && end >= STORE_LOG_BEGIN && end <= s->half_size && head.generation + 1 > 1) {
        half->head = head;
        half->log.generation = head.generation;
        half->signs++;
    }
}

static void half_read(struct store *s, unsigned number, struct half *half)
{
    struct store_record r;
    memset(half, 0, sizeof *half);
    half->log.base = number * s->half_size;
    for (unsigned i = 0; i < STORE_HEADS; i++)
        head_take(s, half, i);
    uint32_t at = WITNESS_AT(0);
    if (half->signs > 0 && record_find(s, &half->log, &at, STORE_LOG_BEGIN, &r)) {
        half->signs++;
        half->clean = half->signs == 3 && at == WITNESS_AT(0);
    }
}

/* The log's end, as store_open looks for it. */
struct scan {
    uint32_t used;    /* behind the last that is not blank */
    uint16_t damaged; /* places, since the last mark */
    bool run;         /* in one of them */
    bool confirmed;   /* the last mark was no commit alone */
};

/* Take a record in. */
static void scan_record(struct store *s, struct scan *scan, uint32_t at, const struct store_record *r)
{
    scan->run = false;
    scan->used = at + store_record_size(r);
    if (store_record_has_key(r)) {
        scan->damaged += !record_whole(s, &s->log, at, r);
    } else if (r->type != STORE_RECORD_WITNESS) {
        s->end = scan->used;
        s->damaged += scan->damaged;
        scan->damaged = 0;
        scan->confirmed = r->type == STORE_RECORD_CONFIRM;
    }
}

/* Find the log's end. False: it is torn, or something before it is damaged. */
static bool log_scan(struct store *s, uint32_t copied)
{
    struct scan scan = {.used = copied, .confirmed = true};
    struct store_record r;
    s->end = copied;
    for (uint32_t at = STORE_LOG_BEGIN; at < s->half_size;) {
        if (at == copied) {
            s->damaged += scan.damaged;
            scan.damaged = 0;
        }
        if (record_at(s, &s->log, at, &r)) {
            scan_record(s, &scan, at, &r);
            at += store_record_size(&r);
            continue;
        }
        enum granule granule = granule_look(s, &s->log, at);
        if (granule == GRANULE_ZERO && at == s->end)
            s->end += STORE_GRANULE;
        if (granule == GRANULE_OTHER) {
            scan.damaged += !scan.run;
            scan.run = true;
        }
        at += STORE_GRANULE;
        if (granule != GRANULE_BLANK && at > scan.used)
            scan.used = at;
    }
    s->at = scan.used > s->end ? scan.used : s->end;
    bool torn = s->at > s->end || !scan.confirmed;
    s->torn += torn;
    return !torn && s->damaged == 0;
}

/* Make what was read so for ever: see the top. */
static bool settle(struct store *s, bool sure)
{
    s->at = s->end;
    s->unclean = true;
    for (unsigned i = 1; i < STORE_WITNESSES && !sure; i++)
        sure = granule_look(s, &s->log, WITNESS_AT(i)) == GRANULE_BLANK &&
               mark_write(s, &s->log, WITNESS_AT(i), STORE_RECORD_WITNESS);
    return compact(s, s->end, s->schema);
}

/* There is no half that counts: make one. */
static enum store_opened format(struct store *s)
{
    bool blank = true;
    struct store_log all = {0, 0};
    for (uint32_t at = 0; at < 2 * s->half_size && blank; at += STORE_GRANULE)
        blank = granule_look(s, &all, at) == GRANULE_BLANK;
    s->half = s->wear[0] <= s->wear[1];
    if (!compact(s, 0, s->config->schema))
        return STORE_FAILED;
    s->open = s->writable = s->settled = true;
    return blank ? STORE_FRESH : STORE_LOST;
}

static enum store_opened schema_meet(struct store *s)
{
    const struct store_config *config = s->config;
    s->settled = true;
    if (s->schema > config->schema)
        return STORE_NEWER;
    s->writable = true;
    if (s->schema == config->schema)
        return s->damaged + s->torn > 0 ? STORE_RECOVERED : STORE_WHOLE;
    s->group = s->migrating = true;
    bool done = (config->migrate == NULL || config->migrate(s, s->schema, config->context)) &&
                s->failed == STORE_OK && group_whole(s);
    s->migrating = false;
    if (done && compact(s, s->at, config->schema)) {
        group_drop(s);
        return s->damaged + s->torn > 0 ? STORE_RECOVERED : STORE_WHOLE;
    }
    group_drop(s);
    s->writable = false;
    return done ? STORE_READ_ONLY : STORE_NOT_MIGRATED;
}

static bool area_fits(struct store *s)
{
    const struct board_flash *flash = s->config->flash;
    if (flash == NULL || flash->program_size > STORE_GRANULE)
        return false;
    s->half_size = flash->size / flash->erase_size / 2 * flash->erase_size;
    return s->half_size >= HALF_MIN && s->half_size <= HALF_MAX;
}

enum store_opened store_open(struct store *s, const struct store_config *config)
{
    struct half half[2];
    memset(s, 0, sizeof *s);
    s->config = config;
    if (!area_fits(s))
        return STORE_FAILED;
    half_read(s, 0, &half[0]);
    half_read(s, 1, &half[1]);
    if (half[0].foreign || half[1].foreign)
        return STORE_FAILED;
    if (half[0].signs + half[1].signs == 0)
        return format(s);
    bool sure[2] = {half[0].signs > 1, half[1].signs > 1};
    bool later = half[1].log.generation > half[0].log.generation;
    s->half = sure[0] == sure[1] ? later : sure[1];
    const struct half *newer = &half[s->half], *other = &half[!s->half];
    s->log = newer->log;
    s->schema = newer->head.schema;
    uint32_t copied = newer->head.end * STORE_GRANULE;
    bool whole = log_scan(s, copied), headed = newer->clean && other->log.generation < newer->log.generation;
    bool behind = s->end > copied + STORE_GRANULE; /* something was written since: no cut, but damage */
    s->damaged += !headed && behind;
    s->torn += !headed && !behind;
    s->open = true;
    if (!(whole && headed) && !settle(s, newer->clean))
        return STORE_READ_ONLY;
    return schema_meet(s);
}

uint16_t store_schema(const struct store *s)
{
    return s->schema;
}

enum store_result store_allow(struct store *s)
{
    if (!s->settled)
        return STORE_REFUSED;
    s->writable = true;
    return STORE_OK;
}

enum store_result store_clear(struct store *s)
{
    if (s->group || s->config == NULL)
        return STORE_MISUSE;
    if (!s->open)
        return STORE_REFUSED;
    struct store_log old = s->log;
    s->wear[s->half]++;
    if (!compact(s, 0, s->config->schema))
        return STORE_FLASH;
    s->writable = true;
    return half_erase(s, &old) ? STORE_OK : STORE_FLASH;
}

void store_stats(struct store *s, struct store_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    if (!s->open)
        return;
    stats->live = live_sum(s);
    uint32_t used = s->at + (s->marked ? 0 : STORE_GRANULE) + DELETE_BY;
    uint32_t kept = STORE_LOG_BEGIN + stats->live + DELETE_BY;
    stats->free = s->unclean || used > s->half_size ? 0 : s->half_size - used;
    stats->room = kept > s->half_size ? 0 : s->half_size - kept;
    memcpy(stats->wear, s->wear, sizeof stats->wear);
    stats->generation = s->log.generation;
    stats->compactions = s->compactions;
    stats->damaged = s->damaged;
    stats->torn = s->torn;
}
