/*
 * Power cuts while the first-stage boot loader swaps two images, and while it swaps them back: after operations of the flash and
 * within them, and once more while it resumes. Each time the swap must end as if nothing had happened.
 *
 * Whole runs take too long for each of 57,000 operations. So the swap is run once as the reference: what each operation touched,
 * and a hash of all that flash holds behind it. On `cut` the flash is set to what the cut has left, and it is powered. What it does
 * joins the reference soon: once JOIN operations in a row, and the flash behind each of them, are the reference's, its end is known.
 * Those that are cut near the end, and a sample of the others, run on until a version serves, and what it has then is looked at.
 *
 * CUTS=all in the environment (make cuts): after every operation. Else: after the first and the last ones, around each erase and
 * each record, and a sample of the others.
 */
/* SPDX-License-Identifier: MIT */
#include "test/vboard/swap_board.h"

#define JOIN           32u
#define OPERATIONS_MAX 100000u
#define TABLE          (1u << 18)
#define NONE           (~0u)
#define FLASH_MAX      0x100000u

struct operation {
    uint32_t at, size, place; /* place: of the journal, behind it */
    uint64_t hash;
};

static struct {
    struct vboard *cut;
    struct version *from, *to; /* the running image before and after */
    enum journal_code end;
    uint32_t end_index;
    struct operation reference[OPERATIONS_MAX];
    uint32_t count;
    uint32_t table[TABLE]; /* by hash: number of the operation, from 1 */
    uint8_t shadow[FLASH_MAX], start[FLASH_MAX];
    uint64_t hash;
    uint32_t joined, next,
        own;    /* operations of `cut` that were the reference's, in a row; the next one; all */
    bool whole; /* run on until a version serves */
    uint32_t cuts, ran_whole, torn, again;
    bool all;
} c;

static uint64_t mixed(uint32_t at, uint32_t word)
{
    uint64_t x = ((uint64_t)at << 32 | word) * 0x9E3779B97F4A7C15ull;
    x = (x ^ x >> 29) * 0xBF58476D1CE4E5B9ull;
    return x ^ x >> 32;
}

/* What an operation has changed goes into shadow and hash. */
static void follow(struct vboard *board, uint32_t at, uint32_t size)
{
    size_t all;
    const uint8_t *flash = vboard_flash(board, &all);
    for (uint32_t i = at; i < at + size; i += 4) {
        uint32_t was = load_le32(c.shadow + i), is = load_le32(flash + i);
        if (was != is)
            c.hash ^= mixed(i, was) ^ mixed(i, is);
    }
    memcpy(c.shadow + at, flash + at, size);
}

static uint32_t *slot_of(uint64_t hash)
{
    uint32_t slot = (uint32_t)hash % TABLE;
    while (c.table[slot] && c.reference[c.table[slot] - 1].hash != hash)
        slot = (slot + 1) % TABLE;
    return &c.table[slot];
}

static void reference_note(void *context, uint32_t at, uint32_t size)
{
    (void)context;
    CHECK(c.count < OPERATIONS_MAX);
    follow(t.board, at, size);
    c.reference[c.count] = (struct operation){.at = at, .size = size, .hash = c.hash};
    uint32_t *slot = slot_of(c.hash);
    *slot = *slot ? *slot : c.count + 1;
    c.count++;
}

static void cut_note(void *context, uint32_t at, uint32_t size)
{
    (void)context;
    follow(c.cut, at, size);
    c.own++;
    const struct operation *next = &c.reference[c.next];
    if (c.joined > 0 && c.next < c.count && next->at == at && next->size == size && next->hash == c.hash) {
        c.joined++;
        c.next++;
        return;
    }
    uint32_t found = *slot_of(c.hash);
    c.joined = found && c.reference[found - 1].at == at && c.reference[found - 1].size == size;
    c.next = found;
}

/* The areas that a swap touches, from one image of flash to a board. */
static void flash_put(struct vboard *board, const uint8_t *flash)
{
    const struct facts *f = t.facts;
    uint32_t used = (t.used * JOURNAL_USED_UNIT + f->unit - 1) / f->unit * f->unit;
    vboard_flash_set(board, f->running, flash + f->running, used);
    vboard_flash_set(board, f->staged, flash + f->staged, used);
    vboard_flash_set(board, f->scratch, flash + f->scratch, f->unit);
    vboard_flash_set(board, f->journal, flash + f->journal, f->journal_size);
}

static void check_end(struct vboard *board, const char *what, uint32_t number)
{
    struct journal_record last = swap_last(board, 0);
    if (last.code != c.end || last.index != c.end_index || last.value != crc_word(c.to) ||
        !swap_holds(board, t.facts->running, c.to) || !swap_holds(board, t.facts->staged, c.from))
        TEST_FAIL("%s, %s %u: the last record is %u, index %u; running: %s, staged: %s", t.facts->board, what,
                  number, last.code, last.index,
                  swap_holds(board, t.facts->running, c.to) ? "as it should be" : "something else",
                  swap_holds(board, t.facts->staged, c.from) ? "as it should be" : "something else");
}

/* The board is powered with what the cut has left, until it serves, or has joined the reference for long enough. */
static void resumes(const char *what, uint32_t number)
{
    vboard_flash_watch(c.cut, cut_note, NULL);
    vboard_power(c.cut, true);
    uint64_t begin = vboard_time_ns(c.cut);
    for (uint32_t ms = 1; !c.whole && c.joined < JOIN && ms < 15000 && !vboard_stats(c.cut).rom; ms++)
        vboard_advance(c.cut, begin + ms * MS);
    if (c.joined < JOIN || c.next + JOIN > c.count)
        c.whole = true;
    if (c.whole) {
        char where = swap_outcome(c.cut);
        if (where != 'v')
            TEST_FAIL("%s, %s %u: '%c' instead of a version", t.facts->board, what, number, where);
        check_end(c.cut, what, number);
        c.ran_whole++;
    }
    vboard_flash_watch(c.cut, NULL, NULL);
    vboard_power(c.cut, false);
    c.cuts++;
}

/* `shadow` and `hash` are what the board's flash holds. */
static void resume_begin(const uint8_t *flash, uint64_t hash, bool whole)
{
    flash_put(c.cut, flash);
    memcpy(c.shadow, flash, sizeof c.shadow);
    c.hash = hash;
    c.joined = c.next = c.own = 0;
    c.whole = whole;
}

/* Cut once more, after or within operation `after` of the resumed swap. */
static void cut_again(uint32_t after, uint32_t seed)
{
    if (seed)
        vboard_cut_within(c.cut, after, seed);
    else
        vboard_cut_after(c.cut, after);
    vboard_flash_watch(c.cut, cut_note, NULL);
    vboard_power(c.cut, true);
    if (swap_outcome(c.cut) != '0')
        vboard_power(c.cut, false); /* it had come to its end before */
    vboard_flash_watch(c.cut, NULL, NULL);
    vboard_cut_after(c.cut, 0);
    c.joined = 0;
}

/* Cuts behind which something else begins, and a sample of the others. */
static bool is_chosen(uint32_t i)
{
    const struct facts *f = t.facts;
    uint32_t edge = f == &l476 ? 2 : 50;
    if (c.all || i < 50 || i + 50 >= c.count || i % 149 == 0)
        return true;
    for (uint32_t j = i > edge ? i - edge : 0; j <= i + edge && j < c.count; j++)
        if (c.reference[j].at - f->journal < f->journal_size)
            return f != &l476 || i % 8 == 0 || i < 2000;
    return c.reference[i].size > 8 || c.reference[i + 1].size > 8;
}

static uint8_t *reference_flash(uint32_t at, uint32_t size)
{
    static uint8_t now[FLASH_MAX];
    size_t all;
    memcpy(now + at, vboard_flash(t.board, &all) + at, size);
    return now;
}

static uint32_t number;

static void each_operation(void *context, uint32_t at, uint32_t size)
{
    uint8_t *now = reference_flash(at, size);
    uint32_t i = number++;
    (void)context;
    CHECK(i < c.count && c.reference[i].at == at && c.reference[i].size == size); /* the same run */
    if (!is_chosen(i))
        return;
    resume_begin(now, c.reference[i].hash, i % 3874 == 0);
    resumes("a cut after operation", i + 1);
    bool boundary = size > 8 || c.reference[i + 1].size > 8;
    uint32_t every = c.all ? 61 : boundary ? 1 : 7;
    if (i % every)
        return;
    for (uint32_t seed = 0; seed < (boundary ? 4u : 2u); seed++) {
        static const uint32_t after[4] = {1, 1, 2, 30};
        resume_begin(now, c.reference[i].hash, seed == 3 && i % 3 == 0);
        cut_again(after[seed], seed ? i * 4 + seed : 0);
        if (seed == 1)
            cut_again(1 + i % 3, i + 1);
        resumes("cut again after operation", i + 1);
        c.again++;
        c.torn += seed > 0;
    }
}

/* In the swap itself, each in the middle of an operation. */
static void torn(uint32_t samples)
{
    for (uint32_t i = 0; i < samples; i++) {
        uint32_t after = i < 6             ? 1 + i
                         : i < samples / 2 ? c.count - (i - 6)
                                           : (i - samples / 2) * (c.count / samples) * 2 + i;
        resume_begin(c.start, 0, i % 8 == 7);
        cut_again(after, i + 1);
        c.torn++;
        resumes("torn at operation", after);
    }
}

static void reference_run(void)
{
    size_t all;
    const uint8_t *flash = vboard_flash(t.board, &all);
    memcpy(c.start, flash, all);
    memcpy(c.shadow, c.start, sizeof c.shadow);
    memset(c.table, 0, sizeof c.table);
    c.count = 0;
    c.hash = 0;
    vboard_flash_watch(t.board, reference_note, NULL);
    serves(t.board, c.to, c.from);
    vboard_flash_watch(t.board, NULL, NULL);
    vboard_power(t.board, false);
    check_end(t.board, "without a cut,", 0);
}

static void cuts(const struct facts *facts, bool back)
{
    swap_open(facts);
    memset(&c, 0, sizeof c);
    const char *wanted = getenv("CUTS");
    c.all = wanted && strcmp(wanted, "all") == 0;
    c.cut = swap_board(facts);
    swap_plant(c.cut, &t.old, &t.new);
    c.from = back ? &t.new : &t.old;
    c.to = back ? &t.old : &t.new;
    c.end = back ? JOURNAL_RESTORED : JOURNAL_TRIAL;
    c.end_index = back ? JOURNAL_ASKED : 0;
    swap_request(t.board);
    if (back) {
        serves(t.board, &t.new, &t.old);
        vboard_power(t.board, false);
        swap_record(t.board, JOURNAL_BACK, JOURNAL_ASKED, t.used);
    }
    reference_run();
    flash_put(t.board, c.start);
    memcpy(reference_flash(0, 0), c.start, FLASH_MAX);
    number = 0;
    vboard_flash_watch(t.board, each_operation, NULL);
    vboard_power(t.board, true);
    CHECK_EQUAL(swap_outcome(t.board), 'v');
    vboard_flash_watch(t.board, NULL, NULL);
    CHECK_EQUAL(number, c.count);
    torn(c.all ? 400 : 24);
    printf(
        "# %-17s %-9s %6u operations, %6u cuts, %5u of them torn, %5u twice: each time %s (%u to the end)\n",
        facts->board, back ? "swap back" : "swap", c.count, c.cuts, c.torn, c.again,
        back ? "the old version" : "the new version", c.ran_whole);
    check_settings(c.cut);
    vboard_free(c.cut);
    swap_close();
}

TEST(swap_cuts_f407)
{
    cuts(&f407, false);
}

TEST(swap_cuts_back_f407)
{
    cuts(&f407, true);
}

TEST(swap_cuts_f411)
{
    cuts(&f411, false);
}

TEST(swap_cuts_back_f411)
{
    cuts(&f411, true);
}

TEST(swap_cuts_l476)
{
    cuts(&l476, false);
}

TEST(swap_cuts_back_l476)
{
    cuts(&l476, true);
}

TEST_MAIN()
