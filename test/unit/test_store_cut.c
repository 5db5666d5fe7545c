/*
 * Settings under power cuts: a workload of puts, deletes, groups, clears and a new schema, cut after and within every operation of
 * the flash, in every way that flash_fake.h knows; and cut again while store_open settles that, and again. Then each key has its
 * old or its new value, a group is there or not, and what was once seen stays, whatever torn units read from then on.
 *
 * LINK: store/[a-z]*.c wire/crc32.c test/unit/flash_fake.c
 */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "store/record.h"
#include "store/store.h"
#include "test/test.h"
#include "test/unit/flash_fake.h"

enum { KEYS = 6, VALUE = 40, STEPS = 48, CHANGES = 4 };

/* What a store holds: length + 1 and bytes of each key; 0: absent. */
struct model {
    uint8_t length[KEYS];
    uint8_t value[KEYS][VALUE];
    uint16_t schema;
};

/* All there is, to come back to. The flash is flash_fake. */
struct world {
    struct store store;
    struct model model;
    uint32_t random;
    struct flash_fake flash; /* where it is saved */
};

static struct world now;
static unsigned runs, settled;
static bool unsteady; /* what a cut leaves reads differently each time */

static uint32_t choose(uint32_t count)
{
    now.random = now.random * 1664525u + 1013904223u;
    return (now.random >> 8) % count;
}

static size_t key_of(unsigned number, char key[STORE_KEY_MAX])
{
    memset(key, 'k', STORE_KEY_MAX);
    key[0] = (char)('a' + number);
    return 1 + number * 6;
}

static bool migrate(struct store *s, uint16_t from, void *context);
static struct store_config config = {.flash = &flash_fake.flash, .migrate = migrate};

/* The new schema deletes key 0 and sets key 1 to the number of the old one. */
static bool migrate(struct store *s, uint16_t from, void *context)
{
    char key[STORE_KEY_MAX];
    (void)context;
    uint8_t value = (uint8_t)from;
    store_delete(s, key, key_of(0, key));
    return store_put(s, key, key_of(1, key), &value, 1) == STORE_OK;
}

static void model_migrate(struct model *model)
{
    model->length[0] = 0;
    model->length[1] = 2;
    memset(model->value, 0, 2 * VALUE);
    model->value[1][0] = (uint8_t)model->schema;
    model->schema++;
}

/* What the store shows; every key by get and by iteration. */
static void store_look(struct store *s, struct model *seen)
{
    char key[STORE_KEY_MAX];
    uint8_t value[STORE_VALUE_MAX];
    size_t length, key_length, count = 0;
    memset(seen, 0, sizeof *seen);
    seen->schema = store_schema(s);
    for (unsigned i = 0; i < KEYS; i++) {
        enum store_result result = store_get(s, key, key_of(i, key), value, sizeof value, &length);
        CHECK(result == STORE_OK || result == STORE_ABSENT);
        if (result == STORE_ABSENT)
            continue;
        CHECK(length < VALUE);
        seen->length[i] = (uint8_t)(length + 1);
        memcpy(seen->value[i], value, length);
        count++;
    }
    struct store_cursor cursor = {0};
    enum store_result result;
    while ((result = store_next(s, &cursor, key, &key_length, value, sizeof value, &length)) == STORE_OK) {
        unsigned i = (unsigned)(key[0] - 'a');
        CHECK(i < KEYS && key_length == 1 + i * 6 && seen->length[i] == length + 1);
        CHECK_BYTES(value, seen->value[i], length);
        CHECK(count-- > 0);
    }
    CHECK(result == STORE_ABSENT && count == 0);
}

static bool model_equal(const struct model *a, const struct model *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The model's change and the store's, of one key. */
static void one_change(struct model *model)
{
    char key[STORE_KEY_MAX];
    unsigned i = choose(KEYS);
    size_t key_length = key_of(i, key);
    if (choose(6) == 0) {
        enum store_result result = store_delete(&now.store, key, key_length);
        CHECK(result == STORE_OK || result == STORE_ABSENT);
        model->length[i] = 0;
        memset(model->value[i], 0, VALUE);
        return;
    }
    uint8_t value[VALUE], kind = (uint8_t)choose(4);
    size_t length = choose(VALUE);
    for (unsigned k = 0; k < length; k++)
        value[k] = kind == 0 ? 0xFF : kind == 1 ? 0 : (uint8_t)choose(256);
    memset(model->value[i], 0, VALUE);
    memcpy(model->value[i], value, length);
    model->length[i] = (uint8_t)(length + 1);
    CHECK_EQUAL(store_put(&now.store, key, key_length, value, length), STORE_OK);
}

/* store_open, at a start at which nothing was cut: it may see only now what a cut has left. */
static void start(void)
{
    enum store_opened opened = store_open(&now.store, &config);
    CHECK(opened == STORE_WHOLE || (opened == STORE_RECOVERED && unsteady));
    if (flash_fake.broken != NULL)
        TEST_FAIL("%s", flash_fake.broken);
}

/* One step of the workload; `after` becomes what the store holds when it is done. */
static void step(unsigned number, struct model *after)
{
    *after = now.model;
    if (number % 24 == 23) {
        config.schema = (uint16_t)(now.model.schema + 1);
        model_migrate(after);
        start();
    } else if (number % 24 == 14) {
        memset(after, 0, sizeof *after);
        after->schema = now.model.schema;
        CHECK_EQUAL(store_clear(&now.store), STORE_OK);
    } else if (number % 8 == 5) {
        start();
        one_change(after);
    } else if (number % 3 == 0) {
        CHECK_EQUAL(store_begin(&now.store), STORE_OK);
        for (unsigned i = 0; i < CHANGES; i++)
            one_change(after);
        CHECK_EQUAL(store_commit(&now.store), STORE_OK);
    } else {
        one_change(after);
    }
}

static void world_save(struct world *world)
{
    memcpy(world, &now, offsetof(struct world, flash));
    flash_fake_copy(&world->flash, &flash_fake);
}

static void world_load(const struct world *world)
{
    memcpy(&now, world, offsetof(struct world, flash));
    flash_fake_copy(&flash_fake, &world->flash);
}

/* store_open after a cut; STORE_WHOLE where nothing could be seen of it. */
static void store_reopen(void)
{
    enum store_opened opened = store_open(&now.store, &config);
    CHECK(opened == STORE_WHOLE || opened == STORE_RECOVERED);
    if (flash_fake.broken != NULL)
        TEST_FAIL("%s", flash_fake.broken);
}

/* After a cut in a step: old or new; then it stays, while a torn unit reads this and that, and more is written. */
static void world_check(const struct model *after, unsigned number)
{
    struct model seen, again, more;
    store_reopen();
    store_look(&now.store, &seen);
    /* A new schema comes with this very start, if it was not there. */
    struct model before = now.model, *old = &before;
    if (before.schema != config.schema)
        model_migrate(old);
    if (!model_equal(&seen, old) && !model_equal(&seen, after))
        TEST_FAIL("step %u, operation %u: neither old nor new", number, flash_fake.operations);
    for (unsigned i = 0; i < 3; i++) {
        flash_fake_boot();
        start();
        store_look(&now.store, &again);
        CHECK(model_equal(&seen, &again));
    }
    now.model = seen;
    for (unsigned i = 1; i < 4; i++) {
        unsigned next = number + i;
        if (next % 24 == 23)
            continue;
        step(next, &more);
        now.model = more;
        flash_fake_boot();
        start();
        store_look(&now.store, &again);
        CHECK(model_equal(&more, &again));
    }
    if (flash_fake.broken != NULL)
        TEST_FAIL("%s", flash_fake.broken);
    runs++;
}

/* Cut the settling at its operation `cut` (0: don't), and the settling of that, up to `depth` times at random. False: there are
 * not so many operations. */
static bool settle_cut(unsigned cut, unsigned depth, enum flash_fake_tear tear)
{
    jmp_buf power;
    volatile unsigned left = depth, next = cut;
    while (next != 0) {
        flash_fake_boot();
        flash_fake.power = &power;
        flash_fake.tear = tear;
        flash_fake.cut = flash_fake.operations + next;
        if (setjmp(power) == 0) {
            store_open(&now.store, &config);
            flash_fake.cut = 0;
            return next != cut; /* it has come to its end */
        }
        settled++;
        next = left-- > 0 ? 1 + choose(40) : 0;
    }
    return true;
}

/* Run a step with a cut at its operation `cut`. False: it came to its end. */
static bool step_cut(unsigned number, unsigned cut, enum flash_fake_tear tear, struct model *after)
{
    jmp_buf power;
    flash_fake.power = &power;
    flash_fake.tear = tear;
    flash_fake.cut = flash_fake.operations + cut;
    if (setjmp(power) == 0) {
        step(number, after);
        flash_fake.cut = 0;
        return false;
    }
    /* The model's new state is not known yet: the step is run again, without a cut, from where it began. */
    return true;
}

/* What the step would have made of the model. */
static void step_whole(const struct world *begin, unsigned number, struct model *after)
{
    static struct world cut;
    world_save(&cut);
    world_load(begin);
    step(number, after);
    world_load(&cut);
}

/* A flash, and how much of the workload is run on it. */
struct run {
    uint32_t size, erase_size;
    uint8_t program_size;
    unsigned steps;
    unsigned nested; /* of every `nested`-th cut, every operation of its settling is cut, too; 0: none */
};

/* Values until the log is nearly full, so that the workload compacts soon. */
static void fill(void)
{
    char key[STORE_KEY_MAX];
    struct store_stats stats;
    uint8_t value[VALUE] = {0};
    do {
        value[1] = (uint8_t)(value[1] + ++value[0] / 200);
        value[0] %= 200;
        CHECK_EQUAL(store_put(&now.store, key, key_of(2, key), value, 30), STORE_OK);
        store_stats(&now.store, &stats);
    } while (stats.free > 300);
    store_look(&now.store, &now.model);
}

/* Every operation of every step. */
static void workload(const struct run *run, uint32_t seed, enum flash_fake_tear tear)
{
    static struct world begin, torn, done;
    struct model after;
    memset(&now, 0, sizeof now);
    now.random = seed;
    flash_fake_make(run->size, run->erase_size, run->program_size, seed);
    config.schema = 0;
    unsteady = tear > TEAR_PART;
    CHECK_EQUAL(store_open(&now.store, &config), STORE_FRESH);
    fill();
    uint32_t generation = now.store.log.generation;
    for (unsigned number = 0; number < run->steps; number++) {
        world_save(&begin);
        uint16_t schema = config.schema;
        step(number, &after);
        world_save(&done);
        for (unsigned cut = 1;; cut++) {
            world_load(&begin);
            config.schema = schema;
            if (!step_cut(number, cut, tear, &after))
                break;
            step_whole(&begin, number, &after);
            flash_fake_boot();
            world_save(&torn);
            world_check(&after, number);
            for (unsigned at = 1; run->nested != 0 && cut % run->nested == seed % run->nested; at++) {
                world_load(&torn);
                now.random = seed + cut * 977 + at;
                if (!settle_cut(at, at % 4, tear))
                    break;
                flash_fake_boot();
                world_check(&after, number);
            }
        }
        world_load(&done);
        now.model = after;
    }
    CHECK(now.store.log.generation > generation); /* there was a compaction in it */
}

static void workloads(const struct run *run, unsigned seeds, enum flash_fake_tear first,
                      enum flash_fake_tear last)
{
    runs = settled = 0;
    for (unsigned tear = first; tear <= last; tear++)
        for (uint32_t seed = 1; seed <= seeds; seed++)
            workload(run, seed * 7919 + tear, (enum flash_fake_tear)tear);
    printf("# halves of %u bytes, units of %u: %u cuts in steps, %u in settling\n", run->size / 2,
           run->program_size, runs, settled);
}

/* As on an F4, but small: a half is one erase unit, of words. */
TEST(store_cut_words)
{
    workloads(&(struct run){2048, 1024, 4, STEPS, 67}, 3, TEAR_AFTER, TEAR_READ);
}

/* As on an L476: a half is more than one erase unit, of double words. */
TEST(store_cut_double_words)
{
    workloads(&(struct run){2048, 512, 8, STEPS, 67}, 3, TEAR_AFTER, TEAR_ECC);
}

/* The boards' own sizes, around the end of the log. */
TEST(store_cut_f4)
{
    workloads(&(struct run){32768, 16384, 4, 4, 0}, 1, TEAR_NOISE, TEAR_START);
}

TEST(store_cut_l476)
{
    workloads(&(struct run){8192, 2048, 8, 8, 0}, 1, TEAR_NOISE, TEAR_ECC);
}

/* Run store_maintain or store_open with a cut at that operation; the tests below then say what the torn unit reads as. */
static void run_cut(bool opens, unsigned cut)
{
    jmp_buf power;
    flash_fake.power = &power;
    flash_fake.tear = TEAR_BEFORE;
    flash_fake.cut = flash_fake.operations + cut;
    if (setjmp(power) == 0) {
        if (opens)
            store_open(&now.store, &config);
        else
            store_maintain(&now.store, 700);
        TEST_FAIL("no operation %u", cut);
    }
}

/* Torn units read as whole, or as if they had never been begun. */
static void torn_read_as(uint32_t at, bool whole)
{
    struct flash_fake_unit *unit = &flash_fake.units[at / 8];
    CHECK_EQUAL(unit->state, 2);
    unit->tear = TEAR_PART;
    unit->seed = whole ? ~0u : 0;
}

/* Head 2 of the new half (the second one) is torn and reads as whole. */
static void head_tear(void)
{
    char key[STORE_KEY_MAX];
    memset(&now, 0, sizeof now);
    flash_fake_make(2048, 1024, 8, 1);
    config.schema = 0;
    CHECK_EQUAL(store_open(&now.store, &config), STORE_FRESH);
    for (unsigned i = 0; i < 6; i++)
        CHECK_EQUAL(store_put(&now.store, key, key_of(i % 2, key), &i, sizeof i), STORE_OK);
    CHECK_EQUAL(now.store.half, 0);
    /* One erase, head 0 (3), two records of 3, head 1 (3), head 2. */
    run_cut(false, 1 + 3 + 6 + 3 + 3);
    torn_read_as(1024 + 64, true);
}

static void head_check(enum store_opened opened)
{
    char key[STORE_KEY_MAX];
    flash_fake_boot();
    CHECK_EQUAL(store_open(&now.store, &config), opened);
    for (unsigned i = 4; i < 6; i++) {
        unsigned value;
        size_t length;
        CHECK_EQUAL(store_get(&now.store, key, key_of(i % 2, key), &value, sizeof value, &length), STORE_OK);
        CHECK_EQUAL(value, i);
    }
}

/* The head that read as whole reads as erased later, after the erase of the old half was cut and has left its heads: the
 * witness says that the new half counts. */
TEST(store_cut_head_in_doubt)
{
    uint8_t junk[8] = {1, 2, 3};
    head_tear();
    flash_fake_boot();
    run_cut(true, 2); /* a witness, then the erase */
    for (uint32_t at = STORE_LOG_BEGIN; at < 1024; at += 8)
        flash_fake_set(at, junk, sizeof junk);
    torn_read_as(1024 + 64, false);
    head_check(STORE_RECOVERED);
    head_check(STORE_WHOLE);
}

/* The same with the witness torn, too: it alone doesn't make the half clean, so another one follows. */
TEST(store_cut_witness_in_doubt)
{
    uint8_t junk[8] = {1, 2, 3};
    head_tear();
    flash_fake_boot();
    run_cut(true, 1);
    torn_read_as(1024 + 80, true);
    flash_fake_boot();
    run_cut(true, 2);
    for (uint32_t at = STORE_LOG_BEGIN; at < 1024; at += 8)
        flash_fake_set(at, junk, sizeof junk);
    torn_read_as(1024 + 64, false);
    torn_read_as(1024 + 80, false);
    head_check(STORE_RECOVERED);
    head_check(STORE_WHOLE);
}

TEST_MAIN()
