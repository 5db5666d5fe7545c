/*
 * Settings in the flash of each chip, by firmware that writes them without end (test/store): power is cut after every operation of
 * the flash, and in the middle of them. Each time the next start must find the round before or the round that was being written,
 * whole.
 *
 * Two boards, as in test_update.c: on `writer` the firmware writes; after each operation `cut` gets the same flash and is
 * powered. A third one is really cut, again and again, each time in the middle of another operation, on the same flash.
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "test/vboard/image_board.h"

#include "vboard/board.h"
#include "vboard/cpu.h"

#define MS       1000000ull
#define START_MS 4000 /* LSE of the L476 takes 2 s after power-on */
#define READY    0x600DF00Du
#define NEVER    (~0u)
#define ROUNDS   6 /* before and behind a compaction */

struct report {
    uint32_t ready, opened, found, wrong, begun, done, failed, compactions, measure, measured_ticks;
};

static struct {
    const char *name;
    struct vboard *writer, *cut;
    uint32_t settings, settings_size; /* the area, in flash */
    uint32_t boots, opened[8];
} t;

static struct vboard *board_new(const char *name)
{
    return image_board(name, BUILD "/test/store/%s/store.elf", NULL);
}

static struct report report_of(struct vboard *board)
{
    struct report report;
    uint32_t address = 0, size = 0;
    CHECK(vboard_symbol(board, "report", &address, &size) && size == sizeof report);
    CHECK(cpu_memory_read(vboard_cpu(board), address, &report, sizeof report));
    return report;
}

/* Until the firmware has said what it found, or power has gone. RAM is noise at power-on, never READY. */
static struct report start(struct vboard *board)
{
    struct report report = {0};
    uint64_t begin = vboard_time_ns(board);
    for (uint32_t ms = 1; ms <= START_MS && vboard_stats(board).powered; ms++) {
        vboard_advance(board, begin + ms * MS);
        report = report_of(board);
        if (report.ready == READY)
            return report;
        if (vboard_stats(board).locked_up)
            TEST_FAIL("%s: locked up (%s)", t.name, image_warning);
    }
    report.ready = 0;
    return report;
}

static void whole(const struct report *found, const struct report *before)
{
    if (found->wrong)
        TEST_FAIL("%s: what was found contradicts itself: %u, in round %u (%u operations)", t.name,
                  found->wrong, before->begun, vboard_flash_operations(t.writer));
    if (found->found != before->begun && found->found + 1 != before->begun)
        TEST_FAIL("%s: round %u was found, %u was being written", t.name, found->found, before->begun);
    if (before->done != before->begun && before->done && found->found < before->done)
        TEST_FAIL("%s: round %u was done, %u is found", t.name, before->done, found->found);
    CHECK(found->opened < 8);
    t.opened[found->opened]++;
    t.boots++;
}

static void open_boards(const char *name, uint32_t settings, uint32_t size)
{
    memset(&t, 0, sizeof t);
    image_warning[0] = 0;
    t.name = name;
    t.settings = settings;
    t.settings_size = size;
    t.writer = board_new(name);
    t.cut = board_new(name);
    vboard_power(t.cut, false);
}

static void close_boards(void)
{
    vboard_free(t.writer);
    vboard_free(t.cut);
    CHECK_STRING(image_warning, "");
}

static void each_operation(void *context, uint32_t at, uint32_t size)
{
    size_t all;
    struct report before = report_of(t.writer);
    (void)context;
    CHECK(at >= t.settings && at + size <= t.settings + t.settings_size); /* nowhere else */
    vboard_flash_set(t.cut, at, vboard_flash(t.writer, &all) + at, size);
    if (before.ready != READY) /* the first start makes the area */
        return;
    vboard_power(t.cut, true);
    struct report found = start(t.cut);
    if (found.ready != READY)
        TEST_FAIL("%s: no start after operation %u", t.name, vboard_flash_operations(t.writer));
    whole(&found, &before);
    vboard_power(t.cut, false);
    /* What that start may have written is its own. */
    vboard_flash_set(t.cut, t.settings, vboard_flash(t.writer, &all) + t.settings, t.settings_size);
}

/* Until the firmware has done this round, or as many compactions. */
static struct report run_until(uint32_t round, uint32_t compactions)
{
    struct report now = report_of(t.writer);
    for (uint32_t ms = 0; ms < 120000 && now.done < round && now.compactions < compactions; ms++) {
        vboard_advance(t.writer, vboard_time_ns(t.writer) + MS);
        now = report_of(t.writer);
        CHECK_EQUAL(now.failed, 0);
    }
    return now;
}

/* The rounds around the second compaction, so that both halves were left and taken, and the first rounds of all. */
static void after_every_operation(const char *name, uint32_t settings, uint32_t size)
{
    size_t all;
    open_boards(name, settings, size);
    CHECK_EQUAL(start(t.writer).ready, READY);
    struct report now = run_until(NEVER, 2);
    CHECK(now.compactions >= 2 && now.done > 2 * ROUNDS);
    uint32_t from = now.done - ROUNDS, to = now.done + ROUNDS;
    vboard_free(t.writer);
    t.writer = board_new(name);
    for (unsigned part = 0; part < 2; part++) {
        if (part == 0)
            CHECK_EQUAL(start(t.writer).ready, READY);
        else
            run_until(from, NEVER);
        vboard_flash_set(t.cut, settings, vboard_flash(t.writer, &all) + settings, size);
        vboard_flash_watch(t.writer, each_operation, NULL);
        now = run_until(part == 0 ? ROUNDS : to, NEVER);
        vboard_flash_watch(t.writer, NULL, NULL);
    }
    CHECK(now.compactions >= 2 && now.done >= to);
    printf(
        "# %s: power cut after each of %u operations: each start found a round whole (recovered %u times)\n",
        name, t.boots, t.opened[2]);
    CHECK(t.boots > 3 * ROUNDS * 8);
    close_boards();
}

/* One board, one flash, many cuts, each in the middle of an operation; starts are cut, too. */
static void in_the_middle(const char *name, uint32_t settings, uint32_t size, unsigned cuts)
{
    open_boards(name, settings, size);
    uint32_t in_start = 0, compactions = 0, unreadable = 0;
    struct report before = {0}, found = start(t.writer);
    CHECK_EQUAL(found.ready, READY);
    before = report_of(t.writer);
    for (unsigned i = 1; i <= cuts; i++) {
        vboard_cut_within(t.writer, 1 + i * 7 % 61, i);
        uint64_t begin = vboard_time_ns(t.writer);
        for (uint32_t ms = 1; ms < 20000 && vboard_stats(t.writer).powered; ms++)
            vboard_advance(t.writer, begin + ms * MS);
        CHECK(!vboard_stats(t.writer).powered);
        struct report last = report_of(t.writer);
        if (last.ready == READY) {
            CHECK_EQUAL(last.failed, 0);
            before = last;
            compactions += last.compactions;
        } else {
            in_start++;
        }
        for (uint32_t at = settings; at < settings + size; at += 8)
            unreadable += !vboard_flash_readable(t.writer, at);
        vboard_power(t.writer, true);
        if (i % 5 == 0) /* recovery is cut as well */
            continue;
        found = start(t.writer);
        if (found.ready != READY)
            TEST_FAIL("%s: no start after cut %u", name, i);
        whole(&found, &before);
        before = report_of(t.writer);
    }
    printf(
        "# %s: %u cuts in the middle of operations, %u of them in a start: each start found a round whole; %u compactions, "
        "%u units found unreadable\n",
        name, cuts, in_start, compactions, unreadable);
    CHECK(in_start > 0 && compactions > 0);
    close_boards();
}

/* What board_flash_program makes of pieces of 1 KiB, as they come in an upload. Where the core goes on (`cached`: the wait is found in
 * the instruction cache), the tick must, too: a core that stands still has no time in this model. */
static struct {
    uint32_t scratch, bytes, units;
    uint64_t begin, end, instructions; /* the latter: from the first to the last */
} speed;

static void speed_note(void *context, uint32_t at, uint32_t size)
{
    (void)context;
    if (at < speed.scratch || at >= speed.scratch + 0x20000 || size > 8)
        return;
    if (speed.bytes == 0) {
        speed.begin = vboard_time_ns(t.writer);
        speed.instructions -= vboard_stats(t.writer).instructions;
    }
    speed.units++;
    if (speed.bytes + size == 4096)
        speed.instructions += vboard_stats(t.writer).instructions;
    speed.end = vboard_time_ns(t.writer);
    speed.bytes += size;
}

static void programs(const char *name, uint32_t scratch, bool cached, uint32_t bytes_ms_min)
{
    uint32_t address = 0, size = 0, yes = 1;
    open_boards(name, 0, 0);
    vboard_flash_cached(t.writer, cached);
    CHECK_EQUAL(start(t.writer).ready, READY);
    memset(&speed, 0, sizeof speed);
    speed.scratch = scratch;
    vboard_flash_watch(t.writer, speed_note, NULL);
    CHECK(vboard_symbol(t.writer, "report", &address, &size));
    CHECK(vboard_poke(t.writer, address + offsetof(struct report, measure), &yes, sizeof yes));
    struct report now = report_of(t.writer);
    for (uint32_t ms = 0; ms < 10000 && now.measure; ms++) {
        vboard_advance(t.writer, vboard_time_ns(t.writer) + MS);
        now = report_of(t.writer);
    }
    CHECK(!now.measure && !now.failed);
    CHECK_EQUAL(speed.bytes, 4096);
    uint32_t rate = (uint32_t)(speed.bytes * MS / (speed.end - speed.begin));
    uint32_t ms = (uint32_t)((speed.end - speed.begin) / MS);
    uint32_t each = (uint32_t)(speed.instructions / speed.units);
    printf("# %s: flash is programmed at %u bytes/ms, %u instructions a unit; %u ticks in %u ms\n", name,
           rate, each, now.measured_ticks, ms);
    CHECK(cached || name[0] == '3' ||
          each < 65); /* emptying the caches costs no time in this model, but instructions */
    CHECK(rate >= bytes_ms_min);
    CHECK((!cached && name[0] != '3') || (now.measured_ticks + 1 >= ms && now.measured_ticks <= ms + 2));
    close_boards();
}

#define F4_SETTINGS   0x4000, 0x8000
#define L476_SETTINGS 0xFC000, 0x2000

/* An STM32F4's wait for an erase fits into its cache: whether the core stands still or not, the erase is waited for. */
TEST(store_f407_waits_from_the_cache)
{
    open_boards("stm32f4discovery", F4_SETTINGS);
    vboard_flash_cached(t.writer, true);
    CHECK_EQUAL(start(t.writer).ready, READY);
    CHECK(run_until(NEVER, 2).compactions >= 2);
    close_boards();
}

TEST(flash_programs_fast_enough)
{
    for (unsigned cached = 0; cached < 2; cached++) {
        programs("stm32f4discovery", 0xE0000, cached, 150);
        programs("blackpill-f411", 0x60000, cached, 150);
        programs("32l476gdiscovery", 0xFF000, cached, 85);
    }
}

TEST(store_f407_cut_after_every_operation)
{
    after_every_operation("stm32f4discovery", F4_SETTINGS);
}

TEST(store_f411_cut_after_every_operation)
{
    after_every_operation("blackpill-f411", F4_SETTINGS);
}

TEST(store_l476_cut_after_every_operation)
{
    after_every_operation("32l476gdiscovery", L476_SETTINGS);
}

TEST(store_f407_cut_in_the_middle)
{
    in_the_middle("stm32f4discovery", F4_SETTINGS, 300);
}

TEST(store_f411_cut_in_the_middle)
{
    in_the_middle("blackpill-f411", F4_SETTINGS, 300);
}

TEST(store_l476_cut_in_the_middle)
{
    in_the_middle("32l476gdiscovery", L476_SETTINGS, 300);
}

TEST_MAIN()
