/*
 * Fuzz the settings' store: an area of anything, be it raw bytes or heads and records with right checks but any lengths, types
 * and order; open it, iterate, put, with power cut at any operation, and open it again. What iteration shows, get shows; no key
 * comes twice; a put or delete that was cut leaves the old or the new value and all others; what was settled stays.
 *
 * Bytes: [flags] [operation of the cut] [schema] then raw: the area; else: pieces [kind] [3 bytes …]
 *
 * LINK: store/[a-z]*.c wire/crc32.c test/unit/flash_fake.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "store/record.h"
#include "store/store.h"
#include "test/unit/flash_fake.h"
#include "wire/crc32.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

enum { HALF = 1024, UNIT = 512, SHOWN = 128, RAW = 1, DOUBLE = 2, DELETE = 4, GROUP = 8, MIGRATES = 16 };

/* What a store shows: of each key a copy, in the order of iteration. */
struct shown {
    unsigned count;
    struct {
        uint8_t key[STORE_KEY_MAX];
        size_t key_length, length;
        uint8_t value[STORE_VALUE_MAX];
    } keys[SHOWN];
};

static void look(struct store *s, struct shown *shown)
{
    static uint8_t value[STORE_VALUE_MAX];
    struct store_cursor cursor = {0};
    enum store_result result;
    size_t length;
    for (shown->count = 0;; shown->count++) {
        REQUIRE(shown->count < SHOWN);
        __typeof__(&shown->keys[0]) k = &shown->keys[shown->count];
        result = store_next(s, &cursor, k->key, &k->key_length, k->value, sizeof k->value, &k->length);
        if (result == STORE_ABSENT)
            break;
        REQUIRE(result == STORE_OK && k->key_length >= 1 && k->key_length <= STORE_KEY_MAX);
        for (unsigned i = 0; i < shown->count; i++)
            REQUIRE(shown->keys[i].key_length != k->key_length ||
                    memcmp(shown->keys[i].key, k->key, k->key_length) != 0);
        REQUIRE(store_get(s, k->key, k->key_length, value, sizeof value, &length) == STORE_OK);
        REQUIRE(length == k->length && memcmp(value, k->value, length) == 0);
    }
}

/* All keys of `a` are in `b` with the same value, but `but`. */
static bool within(const struct shown *a, const struct shown *b, const uint8_t *but, size_t but_length)
{
    for (unsigned i = 0; i < a->count; i++) {
        bool found = a->keys[i].key_length == but_length && memcmp(a->keys[i].key, but, but_length) == 0;
        for (unsigned k = 0; k < b->count && !found; k++)
            found = a->keys[i].key_length == b->keys[k].key_length &&
                    a->keys[i].length == b->keys[k].length &&
                    memcmp(a->keys[i].key, b->keys[k].key, a->keys[i].key_length) == 0 &&
                    memcmp(a->keys[i].value, b->keys[k].value, a->keys[i].length) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool same(const struct shown *a, const struct shown *b)
{
    return a->count == b->count && within(a, b, NULL, 0);
}

/* One piece at *at; returns the bytes it took. */
static size_t piece_put(const uint8_t *data, size_t size, uint32_t *at, uint32_t *generation)
{
    static const uint8_t types[] = {STORE_RECORD_PUT, STORE_RECORD_DELETE, STORE_RECORD_COMMIT,
                                    STORE_RECORD_CONFIRM, STORE_RECORD_WITNESS};
    uint8_t bytes[STORE_HEAD_LENGTH];
    uint32_t half = *at / HALF * HALF;
    if (size < 4)
        return size;
    if (data[0] % 8 == 7) { /* a head */
        unsigned number = data[0] / 8 % 3;
        struct store_head head = {data[1], {data[3], data[2]}, data[3] % 4, data[2]};
        store_head_write(&head, number, bytes);
        flash_fake_set(half + number * STORE_HEAD_LENGTH, bytes, sizeof bytes);
        *generation = data[1];
    } else if (data[0] % 8 == 6) { /* go elsewhere */
        *at = (data[1] | (uint32_t)data[2] << 8) % (2 * HALF / 8) * 8;
    } else if (data[0] % 8 == 5) { /* raw */
        flash_fake_set(*at, data + 1, 3);
        *at = (*at + 8) % (2 * HALF);
    } else {
        struct store_record r = {.type = types[data[0] % 8],
                                 .key_length = data[1] % 40,
                                 .value_length = (uint16_t)(data[2] | (data[3] & 3) << 8)};
        if (!store_record_has_key(&r))
            r.value_length = r.key_length = 0;
        store_record_write(&r, store_record_seed(*generation, *at - half), bytes);
        flash_fake_set(*at, bytes, STORE_GRANULE);
        uint32_t skip = store_record_size(&r);
        /* Its body: zeros with the right CRC, every other time. */
        if (data[3] & 4 && *at + skip <= half + HALF && store_record_has_key(&r)) {
            static uint8_t body[2048];
            memset(body, 0, sizeof body);
            body[0] = data[3] >> 3;
            uint32_t crc = crc32_add(r.check, body, store_record_body(&r));
            for (unsigned i = 0; i < 4; i++)
                body[store_record_body(&r) + i] = (uint8_t)(crc >> 8 * i);
            flash_fake_set(*at + 8, body, store_record_body(&r) + 4);
            body[0] = 0;
        }
        *at = (*at + skip) % (2 * HALF);
    }
    return 4;
}

static bool migrate(struct store *s, uint16_t from, void *context)
{
    (void)context;
    return store_put(s, "m", 1, &from, 2) != STORE_MISUSE;
}

/* Put or delete, with power cut at that operation. False: it was cut. */
static bool change(struct store *s, uint8_t flags, const uint8_t *key, size_t key_length, unsigned cut)
{
    jmp_buf power;
    flash_fake.power = &power;
    flash_fake.tear = TEAR_PART;
    flash_fake.cut = cut == 0 ? 0 : flash_fake.operations + cut;
    if (setjmp(power) != 0)
        return false;
    if (flags & GROUP && store_begin(s) == STORE_OK)
        store_put(s, key, key_length, "first", 5);
    if (flags & DELETE)
        store_delete(s, key, key_length);
    else
        store_put(s, key, key_length, "value", 5);
    if (flags & GROUP)
        store_commit(s);
    flash_fake.cut = 0;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct shown first, second, third;
    static struct store store;
    if (size < 3)
        return 0;
    uint8_t flags = data[0];
    flash_fake_make(2 * HALF, UNIT, flags & DOUBLE ? 8 : 4, data[1]);
    struct store_config config = {
        .flash = &flash_fake.flash, .schema = data[2] % 4, .migrate = flags & MIGRATES ? migrate : NULL};
    unsigned cut = data[1];
    data += 3, size -= 3;
    if (flags & RAW && size > 0)
        flash_fake_set(0, data, size < 2 * HALF ? (uint32_t)size : 2 * HALF);
    uint32_t at = 0, generation = 1;
    while (!(flags & RAW) && size > 0) {
        size_t took = piece_put(data, size, &at, &generation);
        data += took, size -= took;
    }
    enum store_opened opened = store_open(&store, &config);
    if (opened == STORE_FAILED)
        return 0;
    look(&store, &first);
    uint8_t key[STORE_KEY_MAX] = "new";
    size_t key_length = 3;
    if (first.count > 0 && cut % 3 != 0) {
        memcpy(key, first.keys[0].key, sizeof key);
        key_length = first.keys[0].key_length;
    }
    bool done = change(&store, flags, key, key_length, cut);
    REQUIRE(flash_fake.broken == NULL);
    if (done) {
        look(&store, &second);
        REQUIRE(within(&first, &second, key, key_length) && within(&second, &first, key, key_length));
    }
    flash_fake_boot();
    enum store_opened reopened = store_open(&store, &config);
    REQUIRE(reopened != STORE_FAILED && reopened != STORE_LOST && reopened != STORE_FRESH);
    look(&store, &third);
    if (opened == STORE_NEWER || opened == STORE_NOT_MIGRATED)
        REQUIRE(same(&first, &third) || opened == STORE_NOT_MIGRATED);
    else if (done)
        REQUIRE(same(&second, &third));
    else
        REQUIRE(within(&first, &third, key, key_length) && within(&third, &first, key, key_length));
    REQUIRE(flash_fake.broken == NULL);
    return 0;
}
