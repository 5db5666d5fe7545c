/*
 * Settings: what store.h says of each call; areas of junk, a flipped bit or an unreadable granule anywhere, wear, full, older and
 * newer schemas, misuse. Power cuts: test_store_cut.c.
 *
 * LINK: store/[a-z]*.c wire/crc32.c test/unit/flash_fake.c
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem */
#include "store/record.h"
#include "store/store.h"
#include "test/test.h"
#include "test/unit/flash_fake.h"
#include "wire/crc32.h"
#include "wire/le.h"

static struct store store;
static struct store_config config = {.flash = &flash_fake.flash};

static void make(uint32_t size, uint32_t erase_size, uint8_t program_size)
{
    flash_fake_make(size, erase_size, program_size, 1);
    config = (struct store_config){.flash = &flash_fake.flash};
    CHECK_EQUAL(store_open(&store, &config), STORE_FRESH);
}

static enum store_opened again(void)
{
    CHECK(flash_fake.broken == NULL);
    flash_fake_boot();
    return store_open(&store, &config);
}

static enum store_result put(const char *key, const char *value)
{
    return store_put(&store, key, strlen(key), value, strlen(value));
}

static enum store_result erase(const char *key)
{
    return store_delete(&store, key, strlen(key));
}

/* "-": there is none. */
static const char *get(const char *key)
{
    static char value[STORE_VALUE_MAX + 1];
    size_t length;
    enum store_result result = store_get(&store, key, strlen(key), value, STORE_VALUE_MAX, &length);
    CHECK(result == STORE_OK || result == STORE_ABSENT);
    value[length] = '\0';
    return result == STORE_ABSENT ? "-" : value;
}

static struct store_stats stats(void)
{
    struct store_stats got;
    store_stats(&store, &got);
    return got;
}

TEST(store_values)
{
    make(32768, 16384, 4);
    CHECK_STRING(get("name"), "-");
    CHECK_EQUAL(put("name", "meter"), STORE_OK);
    CHECK_EQUAL(put("nam", "other"), STORE_OK);
    CHECK_EQUAL(put("empty", ""), STORE_OK);
    CHECK_STRING(get("name"), "meter");
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_STRING(get("name"), "meter");
    CHECK_STRING(get("nam"), "other");
    CHECK_STRING(get("empty"), "");
    CHECK_EQUAL(put("name", "gauge"), STORE_OK);
    CHECK_EQUAL(erase("nam"), STORE_OK);
    CHECK_EQUAL(erase("nam"), STORE_ABSENT);
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_STRING(get("name"), "gauge");
    CHECK_STRING(get("nam"), "-");
}

TEST(store_lengths)
{
    uint8_t key[33], value[STORE_VALUE_MAX + 1], got[STORE_VALUE_MAX];
    size_t length;
    for (unsigned i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)(i * 7);
    memset(key, 'k', sizeof key);
    make(32768, 16384, 8);
    CHECK_EQUAL(store_put(&store, key, 0, value, 1), STORE_MISUSE);
    CHECK_EQUAL(store_put(&store, key, 33, value, 1), STORE_MISUSE);
    CHECK_EQUAL(store_put(&store, key, 1, value, STORE_VALUE_MAX + 1), STORE_MISUSE);
    CHECK_EQUAL(store_get(&store, key, 0, got, sizeof got, &length), STORE_MISUSE);
    CHECK_EQUAL(store_get(&store, key, 33, got, sizeof got, &length), STORE_MISUSE);
    CHECK_EQUAL(store_delete(&store, key, 33), STORE_MISUSE);
    for (unsigned i = 0; i <= STORE_VALUE_MAX; i += i < 40 ? 1 : 123) {
        size_t key_length = 1 + i % 32;
        CHECK_EQUAL(store_put(&store, key, key_length, value, i), STORE_OK);
        CHECK_EQUAL(store_get(&store, key, key_length, got, i, &length), STORE_OK);
        CHECK_EQUAL(length, i);
        CHECK_BYTES(got, value, i);
        memset(got, 0x55, sizeof got);
        if (i > 0)
            CHECK_EQUAL(store_get(&store, key, key_length, got, i - 1, &length), STORE_LONGER);
        CHECK(length == i && got[0] == 0x55);
        CHECK_EQUAL(store_get(&store, key, key_length, NULL, 0, &length), STORE_OK);
        CHECK_EQUAL(length, i);
    }
    make(2048, 1024, 8);
    CHECK_EQUAL(store_put(&store, key, 1, value, 257), STORE_MISUSE);
    CHECK_EQUAL(store_put(&store, key, 1, value, 256), STORE_OK);
}

TEST(store_same_value_writes_nothing)
{
    make(32768, 16384, 4);
    CHECK_EQUAL(put("name", "meter"), STORE_OK);
    unsigned operations = flash_fake.operations;
    CHECK_EQUAL(put("name", "meter"), STORE_OK);
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_EQUAL(put("name", "meter"), STORE_OK);
    CHECK_EQUAL(store_maintain(&store, 1000), STORE_OK);
    CHECK_EQUAL(flash_fake.operations, operations);
    CHECK_EQUAL(put("name", "metre"), STORE_OK);
    CHECK(flash_fake.operations > operations);
    /* In a group it is the group's value that counts. */
    CHECK_EQUAL(store_begin(&store), STORE_OK);
    CHECK_EQUAL(put("name", "gauge"), STORE_OK);
    CHECK_EQUAL(put("name", "metre"), STORE_OK);
    CHECK_EQUAL(store_commit(&store), STORE_OK);
    CHECK_STRING(get("name"), "metre");
}

TEST(store_group)
{
    make(2048, 1024, 8);
    CHECK_EQUAL(put("a", "1"), STORE_OK);
    CHECK_EQUAL(put("b", "1"), STORE_OK);
    CHECK_EQUAL(store_begin(&store), STORE_OK);
    CHECK_EQUAL(put("a", "2"), STORE_OK);
    CHECK_EQUAL(erase("b"), STORE_OK);
    CHECK_EQUAL(erase("b"), STORE_ABSENT);
    CHECK_EQUAL(put("c", "2"), STORE_OK);
    CHECK_STRING(get("a"), "1"); /* gets show what is committed */
    CHECK_STRING(get("b"), "1");
    CHECK_STRING(get("c"), "-");
    CHECK_EQUAL(store_commit(&store), STORE_OK);
    CHECK_STRING(get("a"), "2");
    CHECK_STRING(get("b"), "-");
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_STRING(get("c"), "2");
    CHECK_EQUAL(store_begin(&store), STORE_OK);
    CHECK_EQUAL(put("a", "3"), STORE_OK);
    CHECK_EQUAL(store_cancel(&store), STORE_OK);
    CHECK_STRING(get("a"), "2");
    CHECK_EQUAL(put("d", "3"), STORE_OK);
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_STRING(get("a"), "2");
    CHECK_STRING(get("d"), "3");
    /* Left open: as a cut. */
    CHECK_EQUAL(store_begin(&store), STORE_OK);
    CHECK_EQUAL(put("a", "4"), STORE_OK);
    CHECK_EQUAL(again(), STORE_RECOVERED);
    CHECK_EQUAL(stats().torn, 1);
    CHECK_STRING(get("a"), "2");
    CHECK_EQUAL(again(), STORE_WHOLE);
}

/* A group over a compaction, and one that is too long. */
TEST(store_group_long)
{
    char key[3] = "k0", value[] = "0123456789012345678901234567890123456789";
    make(2048, 1024, 4);
    for (unsigned i = 0; i < 16; i++) {
        value[0] = (char)('A' + i);
        CHECK_EQUAL(put("dead", value), STORE_OK);
    }
    unsigned compactions = stats().compactions;
    CHECK_EQUAL(store_begin(&store), STORE_OK);
    for (unsigned i = 0; i < 10; i++) {
        key[1] = (char)('0' + i);
        CHECK_EQUAL(put(key, value), STORE_OK);
        CHECK_STRING(get(key), "-");
    }
    CHECK_EQUAL(stats().compactions, compactions + 1);
    CHECK_EQUAL(store_commit(&store), STORE_OK);
    CHECK_EQUAL(again(), STORE_WHOLE);
    for (unsigned i = 0; i < 10; i++) {
        key[1] = (char)('0' + i);
        CHECK_STRING(get(key), value);
    }
    value[1] = 'x';
    CHECK_EQUAL(store_begin(&store), STORE_OK);
    enum store_result result = STORE_OK;
    for (unsigned i = 0; i < 10 && result == STORE_OK; i++) {
        key[1] = (char)('0' + i);
        result = put(key, value);
    }
    CHECK_EQUAL(result, STORE_FULL);
    CHECK_EQUAL(put("z", "1"), STORE_FULL);
    CHECK_EQUAL(store_commit(&store), STORE_FULL);
    value[1] = '1';
    CHECK_STRING(get("k0"), value);
    CHECK_EQUAL(put("z", "1"), STORE_OK);
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_STRING(get("k0"), value);
    CHECK_STRING(get("z"), "1");
}

TEST(store_iteration)
{
    char key[STORE_KEY_MAX], value[8];
    size_t key_length, length;
    struct store_cursor cursor = {0};
    make(2048, 1024, 8);
    CHECK_EQUAL(store_next(&store, &cursor, key, &key_length, value, sizeof value, &length), STORE_ABSENT);
    put("a", "1"), put("b", "2"), put("c", "333333333"), put("a", "4"), erase("b");
    cursor = (struct store_cursor){0};
    CHECK_EQUAL(store_next(&store, &cursor, key, &key_length, value, sizeof value, &length), STORE_LONGER);
    CHECK(key_length == 1 && key[0] == 'c' && length == 9);
    CHECK_EQUAL(store_next(&store, &cursor, key, &key_length, value, sizeof value, &length), STORE_OK);
    CHECK(key_length == 1 && key[0] == 'a' && length == 1 && value[0] == '4');
    CHECK_EQUAL(put("d", "5"), STORE_OK); /* comes at the end */
    CHECK_EQUAL(store_next(&store, &cursor, key, &key_length, NULL, 0, &length), STORE_OK);
    CHECK(key[0] == 'd' && length == 1);
    CHECK_EQUAL(store_next(&store, &cursor, key, &key_length, NULL, 0, &length), STORE_ABSENT);
    CHECK_EQUAL(store_maintain(&store, 1024 - 400), STORE_OK);
    CHECK_EQUAL(store_next(&store, &cursor, key, &key_length, NULL, 0, &length), STORE_ABSENT);
    for (unsigned i = 0; i < 40; i++)
        put("e", i % 2 ? "1" : "2");
    CHECK_EQUAL(store_next(&store, &cursor, key, &key_length, NULL, 0, &length), STORE_MOVED);
}

/* Fill it with values that are all live: a clear error, and no erase in vain; delete, then it goes on. */
TEST(store_full)
{
    char key[16], value[33] = "abcdefghijklmnopqrstuvwxyzabcdef";
    unsigned count = 0;
    make(2048, 1024, 8);
    for (;; count++) {
        snprintf(key, sizeof key, "key%u", count);
        if (put(key, value) != STORE_OK)
            break;
    }
    CHECK(count > 10 && stats().room < STORE_ROOM(4, 32) + 16);
    unsigned operations = flash_fake.operations;
    CHECK_EQUAL(put(key, value), STORE_FULL);
    CHECK_EQUAL(put("key0", value + 1), STORE_FULL);
    CHECK_EQUAL(store_maintain(&store, 300), STORE_FULL);
    CHECK_EQUAL(flash_fake.operations, operations);
    CHECK_EQUAL(again(), STORE_WHOLE);
    for (unsigned i = 0; i < count; i++) {
        snprintf(key, sizeof key, "key%u", i);
        CHECK_STRING(get(key), value);
    }
    /* A delete always fits, as often as one likes. */
    for (unsigned i = 0; i < count; i++) {
        snprintf(key, sizeof key, "key%u", i);
        CHECK_EQUAL(erase(key), STORE_OK);
        CHECK_EQUAL(put("new", i % 2 ? "1" : "2"), STORE_OK);
        CHECK_EQUAL(again(), STORE_WHOLE);
    }
    CHECK_EQUAL(stats().live, STORE_ROOM(3, 1));
}

/* Full of keys of 32 bytes and nothing else: each can be deleted in turn. */
TEST(store_full_of_keys)
{
    char key[STORE_KEY_MAX + 1];
    unsigned count = 0;
    make(2048, 1024, 4);
    memset(key, 'k', sizeof key);
    for (;; count++) {
        key[0] = (char)(' ' + count);
        if (store_put(&store, key, STORE_KEY_MAX, "", 0) != STORE_OK)
            break;
    }
    while (count-- > 0) {
        key[0] = (char)(' ' + count);
        CHECK_EQUAL(store_delete(&store, key, STORE_KEY_MAX), STORE_OK);
    }
    CHECK_EQUAL(stats().live, 0);
}

/* Both halves wear alike, and what is counted is what was erased. */
static void wear(uint32_t size, uint32_t erase_size, uint8_t program_size, unsigned puts)
{
    char value[16];
    make(size, erase_size, program_size);
    for (unsigned i = 0; i < 6; i++)
        CHECK_EQUAL(put((char[]){(char)('a' + i), 0}, "0123456789"), STORE_OK);
    for (unsigned i = 0; i < puts; i++) {
        snprintf(value, sizeof value, "%u", i);
        CHECK_EQUAL(put("counter", value), STORE_OK);
        if (i % 1000 == 0)
            CHECK_EQUAL(again(), STORE_WHOLE);
    }
    CHECK_STRING(get("counter"), value);
    CHECK_STRING(get("f"), "0123456789");
    struct store_stats got = stats();
    uint32_t per_half = size / erase_size / 2;
    CHECK(got.wear[0] + got.wear[1] == got.generation && got.generation > 40);
    CHECK(got.wear[0] - got.wear[1] + 1 <= 2);
    for (unsigned i = 0; i < 2 * per_half; i++)
        CHECK_EQUAL(flash_fake.erases[i], got.wear[i / per_half]);
    printf("# %u puts, 2 halves of %u bytes: %u and %u erases\n", puts, size / 2, got.wear[0], got.wear[1]);
}

TEST(store_wear)
{
    wear(32768, 16384, 4, 20000);
    wear(8192, 2048, 8, 100000);
}

/* Each put erases one half at most, and store_maintain makes that none. */
TEST(store_erases_in_quiet_moments)
{
    char value[16];
    make(4096, 2048, 8);
    for (unsigned i = 0; i < 500; i++) {
        uint32_t erases = flash_fake.erases[0] + flash_fake.erases[1];
        CHECK_EQUAL(store_maintain(&store, 2 * (STORE_ROOM(1, 10) + 16)), STORE_OK);
        CHECK(flash_fake.erases[0] + flash_fake.erases[1] <= erases + 1);
        erases = flash_fake.erases[0] + flash_fake.erases[1];
        snprintf(value, sizeof value, "%010u", i);
        CHECK_EQUAL(put("a", value), STORE_OK);
        CHECK_EQUAL(put("b", value), STORE_OK);
        CHECK_EQUAL(flash_fake.erases[0] + flash_fake.erases[1], erases);
    }
    CHECK_EQUAL(store_maintain(&store, 2048), STORE_FULL);
}

/* Nothing of a secret is left, and both erases are counted. */
TEST(store_clear_wipes)
{
    make(4096, 1024, 8);
    for (unsigned i = 0; i < 50; i++) {
        CHECK_EQUAL(put("token", "SECRETSECRET"), STORE_OK);
        CHECK_EQUAL(put("other", i % 2 ? "1" : "2"), STORE_OK);
    }
    CHECK(stats().compactions > 1);
    CHECK_EQUAL(store_clear(&store), STORE_OK);
    CHECK(memmem(flash_fake.bytes, 4096, "SECRET", 6) == NULL);
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_STRING(get("token"), "-");
    CHECK_EQUAL(stats().wear[0], flash_fake.erases[0]);
    CHECK_EQUAL(stats().wear[1], flash_fake.erases[2]);
    CHECK_EQUAL(store_maintain(&store, UINT32_MAX), STORE_FULL);
}

/* ---- Damage ---- */

static char history[8][40][24];
static unsigned histories[8];

/* Six keys, groups, deletes, a compaction, and records behind it. */
static void history_make(uint8_t program_size)
{
    uint32_t random = 7;
    memset(histories, 0, sizeof histories);
    make(2048, 512, program_size);
    for (unsigned i = 0; i < 60; i++) {
        random = random * 1664525u + 1013904223u;
        unsigned k = random >> 16 & 7;
        char *value = history[k][histories[k]++];
        if (i % 5 == 0)
            CHECK_EQUAL(store_begin(&store), STORE_OK);
        if (i % 11 == 7) {
            strcpy(value, "-");
            erase((char[]){(char)('a' + k), 0});
        } else {
            snprintf(value, 24, "%*u%s", (int)(random >> 20) % 12, i,
                     i % 3 ? "" : "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
            CHECK_EQUAL(put((char[]){(char)('a' + k), 0}, value), STORE_OK);
        }
        if (i % 5 == 2)
            CHECK_EQUAL(store_commit(&store), STORE_OK);
    }
    CHECK(stats().compactions > 1);
}

/* One place is damaged: at most one key has not its last value, and has an older one or none; and that is counted. */
static void history_check(const char *what, unsigned number, bool reopened, enum store_opened opened)
{
    unsigned lost = 0;
    for (unsigned k = 0; k < 8; k++) {
        const char *value = get((char[]){(char)('a' + k), 0});
        unsigned i = histories[k];
        if (i == 0 || strcmp(value, history[k][i - 1]) == 0)
            continue;
        bool old = strcmp(value, "-") == 0;
        while (i-- > 0)
            old |= strcmp(value, history[k][i]) == 0;
        if (!old)
            TEST_FAIL("%s %u: key %c is \"%s\"", what, number, 'a' + k, value);
        lost++;
    }
    if (lost > 1 || (lost > 0 && stats().damaged == 0) || (lost > 0 && reopened && opened != STORE_RECOVERED))
        TEST_FAIL("%s %u: %u keys have changed, %u places are counted", what, number, lost, stats().damaged);
    if (flash_fake.broken != NULL)
        TEST_FAIL("%s %u: %s", what, number, flash_fake.broken);
}

static void damage(uint8_t program_size)
{
    static struct flash_fake whole;
    history_make(program_size);
    flash_fake_copy(&whole, &flash_fake);
    struct store open = store;
    unsigned recovered = 0;
    for (unsigned bit = 0; bit < 8 * 2048; bit++) {
        flash_fake_copy(&flash_fake, &whole);
        flash_fake.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        store = open;
        history_check("while open, bit", bit, false, STORE_WHOLE);
        enum store_opened opened = again();
        recovered += opened == STORE_RECOVERED;
        uint32_t at = bit / 8 - open.log.base; /* in the newer half */
        CHECK(at < STORE_HEAD_LENGTH || at >= STORE_LOG_BEGIN - 24 || opened == STORE_RECOVERED);
        CHECK(opened == STORE_WHOLE || opened == STORE_RECOVERED);
        history_check("bit", bit, true, opened);
        CHECK_EQUAL(again(), STORE_WHOLE);
        CHECK_EQUAL(put("z", "new"), STORE_OK);
        CHECK_EQUAL(again(), STORE_WHOLE);
        CHECK_STRING(get("z"), "new");
    }
    printf("# %u of %u bits were noticed\n", recovered, 8 * 2048);
    CHECK(recovered > 8 * 500);
    for (unsigned at = 0; at < 2048; at += program_size) {
        flash_fake_copy(&flash_fake, &whole);
        flash_fake.units[at / program_size] = (struct flash_fake_unit){.state = 2, .tear = TEAR_FAIL};
        enum store_opened opened = again();
        CHECK(opened == STORE_WHOLE || opened == STORE_RECOVERED);
        history_check("unreadable unit at", at, true, opened);
        CHECK_EQUAL(again(), STORE_WHOLE);
    }
}

TEST(store_damage)
{
    damage(4);
    damage(8);
}

/* A value that looks like records: nothing of it is taken for one. */
TEST(store_forged_value)
{
    uint8_t value[256];
    make(4096, 2048, 8);
    for (unsigned i = 0; i < 40; i++) {
        for (uint32_t at = 0; at + 8 <= sizeof value; at += 8) {
            struct store_record r = {.type = STORE_RECORD_PUT, .key_length = 1, .value_length = 4};
            store_record_write(&r, store_record_seed(store.log.generation, at + 104 + 8 * i), value + at);
        }
        CHECK_EQUAL(store_put(&store, "a", 1, value, sizeof value - i), STORE_OK);
        CHECK_EQUAL(put("b", i % 2 ? "1" : "2"), STORE_OK);
        CHECK_EQUAL(again(), STORE_WHOLE);
        CHECK_STRING(get("b"), i % 2 ? "1" : "2");
    }
    CHECK_EQUAL(stats().damaged, 0);
}

/* ---- Junk ---- */

static void junk_check(enum store_opened wanted)
{
    CHECK_EQUAL(again(), wanted);
    CHECK_STRING(get("a"), "-");
    CHECK_EQUAL(put("a", "1"), STORE_OK);
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_STRING(get("a"), "1");
}

TEST(store_junk)
{
    static uint8_t bytes[4096], whole[4096];
    for (unsigned program_size = 4; program_size <= 8; program_size += 4) {
        make(4096, 1024, (uint8_t)program_size);
        memset(bytes, 0, sizeof bytes);
        flash_fake_set(0, bytes, sizeof bytes);
        junk_check(STORE_LOST);
        uint32_t random = program_size;
        for (unsigned i = 0; i < 100; i++) {
            for (unsigned k = 0; k < sizeof bytes; k++)
                bytes[k] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
            flash_fake_set(0, bytes, sizeof bytes);
            junk_check(STORE_LOST);
        }
        memset(bytes, 0xFF, sizeof bytes);
        flash_fake_set(0, bytes, sizeof bytes);
        junk_check(STORE_FRESH);
        /* One half is junk: the other one counts, be it the newer or the older. */
        for (unsigned half = 0; half < 2; half++) {
            make(4096, 1024, (uint8_t)program_size);
            CHECK_EQUAL(put("a", "old"), STORE_OK);
            for (unsigned i = 0; i < 60 || store.half != half; i++)
                CHECK_EQUAL(put("b", i % 2 ? "1" : "2"), STORE_OK);
            memcpy(whole, flash_fake.bytes, sizeof whole);
            memset(bytes, 0x5A, sizeof bytes);
            flash_fake_set(half ? 0 : 2048, bytes, 2048);
            CHECK_EQUAL(again(), STORE_WHOLE);
            CHECK_STRING(get("a"), "old");
            flash_fake_set(0, whole, sizeof whole);
            flash_fake_set(half ? 2048 : 0, bytes, 2048);
            enum store_opened opened = again();
            CHECK(opened == STORE_WHOLE || opened == STORE_RECOVERED);
            CHECK_STRING(get("a"), "old");
        }
    }
}

/* ---- Schema ---- */

static unsigned migrations;
static bool migrate_fails, migrate_writes;

static bool migrate(struct store *s, uint16_t from, void *context)
{
    char old[8];
    size_t length;
    CHECK(s == &store && context == &migrations);
    CHECK_EQUAL(store_schema(s), from);
    CHECK_EQUAL(store_commit(s), STORE_MISUSE);
    CHECK_EQUAL(store_cancel(s), STORE_MISUSE);
    CHECK_EQUAL(store_begin(s), STORE_MISUSE);
    CHECK_EQUAL(store_clear(s), STORE_MISUSE);
    migrations++;
    if (migrate_fails && !migrate_writes)
        return false;
    CHECK_EQUAL(store_get(s, "old", 3, old, sizeof old, &length), STORE_OK);
    CHECK_EQUAL(store_put(s, "new", 3, old, length), STORE_OK);
    CHECK_EQUAL(store_delete(s, "old", 3), STORE_OK);
    CHECK_STRING(get("new"), "-");
    return !migrate_fails;
}

TEST(store_schema_older)
{
    make(4096, 1024, 8);
    CHECK_EQUAL(put("old", "1"), STORE_OK);
    config.schema = 3;
    config.migrate = migrate;
    config.context = &migrations;
    migrations = 0;
    for (migrate_fails = true, migrate_writes = false;; migrate_writes = true) {
        CHECK_EQUAL(again(), STORE_NOT_MIGRATED);
        CHECK_EQUAL(store_schema(&store), 0);
        CHECK_STRING(get("old"), "1");
        CHECK_STRING(get("new"), "-");
        CHECK_EQUAL(put("old", "2"), STORE_REFUSED);
        CHECK_EQUAL(store_begin(&store), STORE_REFUSED);
        CHECK_EQUAL(store_maintain(&store, 10), STORE_REFUSED);
        if (migrate_writes)
            break;
    }
    CHECK_EQUAL(store_allow(&store), STORE_OK);
    CHECK_EQUAL(put("other", "2"), STORE_OK);
    CHECK_EQUAL(migrations, 2);
    migrate_fails = false;
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_EQUAL(migrations, 3);
    CHECK_EQUAL(store_schema(&store), 3);
    CHECK_STRING(get("old"), "-");
    CHECK_STRING(get("new"), "1");
    CHECK_STRING(get("other"), "2");
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_EQUAL(migrations, 3);
    CHECK_STRING(get("new"), "1");
    config.schema = 4;
    config.migrate = NULL;
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_EQUAL(store_schema(&store), 4);
    CHECK_STRING(get("new"), "1");
}

TEST(store_schema_newer)
{
    make(4096, 1024, 4);
    config.schema = 7;
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_EQUAL(put("a", "1"), STORE_OK);
    config.schema = 6;
    CHECK_EQUAL(again(), STORE_NEWER);
    CHECK_EQUAL(store_schema(&store), 7);
    CHECK_STRING(get("a"), "1");
    unsigned operations = flash_fake.operations;
    CHECK_EQUAL(put("a", "2"), STORE_REFUSED);
    CHECK_EQUAL(erase("a"), STORE_REFUSED);
    CHECK_EQUAL(flash_fake.operations, operations);
    CHECK_EQUAL(store_allow(&store), STORE_OK);
    CHECK_EQUAL(put("a", "2"), STORE_OK);
    CHECK_EQUAL(again(), STORE_NEWER); /* its number stays */
    CHECK_STRING(get("a"), "2");
    CHECK_EQUAL(store_clear(&store), STORE_OK);
    CHECK_STRING(get("a"), "-");
    CHECK_EQUAL(put("a", "3"), STORE_OK);
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_EQUAL(store_schema(&store), 6);
    CHECK_STRING(get("a"), "3");
}

/* ---- Misuse, a chip that refuses, areas that don't fit ---- */

TEST(store_misuse)
{
    make(4096, 1024, 8);
    CHECK_EQUAL(store_commit(&store), STORE_MISUSE);
    CHECK_EQUAL(store_cancel(&store), STORE_MISUSE);
    CHECK_EQUAL(store_begin(&store), STORE_OK);
    CHECK_EQUAL(store_begin(&store), STORE_MISUSE);
    CHECK_EQUAL(store_clear(&store), STORE_MISUSE);
    CHECK_EQUAL(store_maintain(&store, 10), STORE_MISUSE);
    CHECK_EQUAL(store_commit(&store), STORE_OK);
    CHECK_EQUAL(store_begin(&store), STORE_OK);
    CHECK_EQUAL(put("a", "1"), STORE_OK);
    CHECK_EQUAL(store_put(&store, "", 0, "", 0), STORE_MISUSE);
    CHECK_EQUAL(store_commit(&store), STORE_MISUSE); /* that one call's */
    CHECK_STRING(get("a"), "-");
    CHECK_EQUAL(put("a", "1"), STORE_OK);
}

static void closed_check(void)
{
    struct store_cursor cursor = {0};
    char key[STORE_KEY_MAX];
    size_t length;
    CHECK_EQUAL(store_open(&store, &config), STORE_FAILED);
    CHECK_EQUAL(store_get(&store, "a", 1, key, 1, &length), STORE_REFUSED);
    CHECK_EQUAL(store_next(&store, &cursor, key, &length, NULL, 0, NULL), STORE_REFUSED);
    CHECK_EQUAL(put("a", "1"), STORE_REFUSED);
    CHECK_EQUAL(erase("a"), STORE_REFUSED);
    CHECK_EQUAL(store_begin(&store), STORE_REFUSED);
    CHECK_EQUAL(store_clear(&store), STORE_REFUSED);
    CHECK_EQUAL(store_allow(&store), STORE_REFUSED);
    CHECK_EQUAL(stats().live, 0);
}

TEST(store_areas)
{
    make(4096, 1024, 8);
    struct board_flash *flash = &flash_fake.flash;
    config.flash = NULL;
    closed_check();
    config.flash = flash;
    flash->size = 1024; /* one unit */
    closed_check();
    flash->size = 512, flash->erase_size = 128; /* halves of 256 bytes */
    closed_check();
    flash->size = 4096, flash->erase_size = 1024, flash->program_size = 16;
    closed_check();
    make(3 * 1024, 1024, 8); /* an odd number of units: the last one is left alone */
    CHECK_EQUAL(put("a", "1"), STORE_OK);
    for (unsigned i = 0; i < 200; i++)
        CHECK_EQUAL(put("b", i % 2 ? "1" : "2"), STORE_OK);
    CHECK(flash_fake.erases[0] > 1 && flash_fake.erases[1] > 1 && flash_fake.erases[2] == 0);
}

/* Another format of ours is left as it is. */
TEST(store_foreign)
{
    uint8_t bytes[STORE_HEAD_LENGTH];
    make(4096, 1024, 8);
    struct store_head head = {1, {1, 0}, 0, 20};
    store_head_write(&head, 1, bytes);
    bytes[3]++;
    store_le32(bytes + 20, crc32_add(1, bytes, 20));
    flash_fake_set(STORE_HEAD_LENGTH, bytes, sizeof bytes);
    unsigned operations = flash_fake.operations;
    closed_check();
    CHECK_EQUAL(flash_fake.operations, operations);
}

TEST(store_chip_refuses)
{
    make(4096, 1024, 8);
    CHECK_EQUAL(put("a", "1"), STORE_OK);
    flash_fake.refuses = true;
    CHECK_EQUAL(put("a", "2"), STORE_FLASH);
    CHECK_STRING(get("a"), "1");
    CHECK_EQUAL(put("a", "2"), STORE_FLASH);
    CHECK_EQUAL(store_begin(&store), STORE_OK);
    CHECK_EQUAL(put("a", "2"), STORE_FLASH);
    CHECK_EQUAL(store_commit(&store), STORE_FLASH);
    CHECK_EQUAL(store_clear(&store), STORE_FLASH);
    CHECK_STRING(get("a"), "1");
    flash_fake.refuses = false;
    CHECK_EQUAL(put("a", "2"), STORE_OK);
    CHECK_EQUAL(again(), STORE_WHOLE);
    CHECK_STRING(get("a"), "2");
    CHECK_EQUAL(store_begin(&store), STORE_OK);
    CHECK_EQUAL(put("a", "3"), STORE_OK);
    flash_fake.refuses = true;
    CHECK_EQUAL(again(), STORE_READ_ONLY);
    CHECK_STRING(get("a"), "2");
    CHECK_EQUAL(put("a", "3"), STORE_REFUSED);
    CHECK_EQUAL(store_allow(&store), STORE_REFUSED);
    flash_fake.refuses = false;
    CHECK_EQUAL(again(), STORE_RECOVERED);
    CHECK_STRING(get("a"), "2");
    flash_fake_make(4096, 1024, 8, 1);
    flash_fake.refuses = true;
    closed_check();
}

static bool migrate_two(struct store *s, uint16_t from, void *context)
{
    (void)from;
    bool good = store_put(s, "new", 3, "0123456789", 10) == STORE_OK && store_delete(s, "old", 3) == STORE_OK;
    if (context != NULL) {
        uint32_t place = s->log.base + s->end + 8 + 5;
        uint8_t byte = flash_fake.bytes[place] ^ 1;
        flash_fake_set(place, &byte, 1);
    }
    return good;
}

/* A bit flips between a put and the group's end, or that of a migration: all or nothing. */
TEST(store_group_damaged_before_commit)
{
    for (unsigned at = 0; at < 24; at++) {
        make(32768, 16384, 4);
        CHECK(put("one", "1") == STORE_OK && put("two", "2") == STORE_OK);
        CHECK_EQUAL(store_begin(&store), STORE_OK);
        uint32_t place = store.log.base + store.at;
        CHECK(put("one", "3") == STORE_OK && put("two", "4") == STORE_OK);
        uint8_t byte = flash_fake.bytes[place + at] ^ 0x40;
        flash_fake_set(place + at, &byte, 1);
        CHECK_EQUAL(store_commit(&store), STORE_FLASH);
        for (unsigned i = 0; i < 2; i++) {
            CHECK_STRING(get("one"), "1");
            CHECK_STRING(get("two"), "2");
            again();
        }
    }
    make(32768, 16384, 4);
    CHECK_EQUAL(put("old", "1"), STORE_OK);
    config.schema = 1;
    config.migrate = migrate_two;
    config.context = &config;
    CHECK_EQUAL(again(), STORE_NOT_MIGRATED);
    CHECK_STRING(get("old"), "1");
    CHECK_STRING(get("new"), "-");
    config.context = NULL;
    again();
    CHECK_EQUAL(store_schema(&store), 1);
    CHECK_STRING(get("old"), "-");
    CHECK_STRING(get("new"), "0123456789");
}

/* A bit that flips in a group that is still open doesn't become part of a record that reads as whole, where a compaction takes the
 * group along: the group fails, and all is as before. */
TEST(store_group_damaged_before_compaction)
{
    uint8_t value[100], got[100];
    size_t length;
    for (unsigned at = 0; at < 8 + 4 + 100 + 4; at++) {
        make(4096, 2048, 8);
        memset(value, 1, sizeof value);
        CHECK_EQUAL(store_put(&store, "kkkk", 4, value, sizeof value), STORE_OK);
        for (unsigned i = 0; i < 10; i++) {
            value[0] = (uint8_t)i;
            CHECK_EQUAL(store_put(&store, "fill", 4, value, sizeof value), STORE_OK);
        }
        CHECK_EQUAL(store_begin(&store), STORE_OK);
        memset(value, 2, sizeof value);
        uint32_t place = store.log.base + store.at;
        uint16_t compactions = store.compactions;
        CHECK_EQUAL(store_put(&store, "kkkk", 4, value, sizeof value), STORE_OK);
        uint8_t byte = flash_fake.bytes[place + at] ^ 0x10;
        flash_fake_set(place + at, &byte, 1);
        enum store_result result = STORE_OK;
        for (unsigned i = 0; store.compactions == compactions; i++) {
            value[0] = (uint8_t)i;
            result = store_put(&store, "fill", 4, value, sizeof value);
            CHECK(result == STORE_OK || store.compactions != compactions);
        }
        result = store_commit(&store);
        CHECK(result == STORE_OK || result == STORE_FLASH);
        for (unsigned i = 0; i < 2; i++) {
            CHECK_EQUAL(store_get(&store, "kkkk", 4, got, sizeof got, &length), STORE_OK);
            CHECK_EQUAL(length, sizeof got);
            memset(value, result == STORE_OK ? 2 : 1, sizeof value);
            CHECK_BYTES(got, value, sizeof got);
            again();
        }
    }
}

TEST_MAIN()
