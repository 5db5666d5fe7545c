/*
 * The first-stage boot loader on each board: it swaps a staged image with the running one, counts its starts on trial, and brings
 * the old one back. What it refuses, what it does with a journal that isn't whole, how long it takes. Power cuts: test_swap_cuts.c.
 */
/* SPDX-License-Identifier: MIT */
#include "test/vboard/swap_board.h"

#include "test/vboard/dfuse.h"

#define WATCHDOG_MS 34000 /* the longest period of IWDG, and a start */

enum { FAULT = 2, WATCHDOG = 4 }; /* enum board_report_reason */

static void runs(struct vboard *board, const char *product)
{
    uint8_t bytes[64];
    uint16_t length;
    struct tiny_host host = {.cable = vboard_cable(board), .now = vboard_time_ns(board)};
    CHECK(tiny_attach(&host, RUN_MS_MAX));
    const char *wrong = tiny_enumerate(&host);
    if (wrong)
        TEST_FAIL("%s (%s)", wrong, image_warning);
    CHECK(tiny_control(&host, (const uint8_t[8]){0x80, 6, 2, 3, 9, 4, 64, 0}, bytes, &length) == CABLE_ACK);
    for (unsigned i = 0; product[i]; i++)
        CHECK_EQUAL(bytes[2 + 2 * i], product[i]);
}

/* Swapped, and on trial. */
static void trial(const struct facts *facts)
{
    swap_open(facts);
    swap_request(t.board);
    serves(t.board, &t.new, &t.old);
    check_last(t.board, JOURNAL_TRIAL, 0, crc_word(&t.new));
}

/* As if it had been swapped: this image is on trial, the old one staged. */
static void trial_plant(const struct facts *facts, const struct version *v)
{
    swap_plant(t.board, v, &t.old);
    swap_request(t.board);
    for (uint32_t unit = 0; unit * facts->unit < t.used * JOURNAL_USED_UNIT; unit++) {
        swap_record(t.board, JOURNAL_KEPT, unit, 0);
        swap_record(t.board, JOURNAL_TAKEN, unit, 0);
    }
    swap_record(t.board, JOURNAL_TRIAL, 0, crc_word(v));
}

static void swaps(const struct facts *facts)
{
    trial(facts);
    CHECK(vboard_stats(t.board).watchdog);
    runs(t.board, "plugnet next");
    /* Starts that nobody has to answer for. */
    for (unsigned i = 0; i < 5; i++) {
        vboard_power_cycle(t.board);
        CHECK_EQUAL(swap_outcome(t.board), 'v');
        vboard_reset_button(t.board, true);
        pass(t.board, 2);
        vboard_reset_button(t.board, false);
        CHECK_EQUAL(swap_outcome(t.board), 'v');
    }
    check_last(t.board, JOURNAL_TRIAL, 0, crc_word(&t.new));
    swap_record(t.board, JOURNAL_CONFIRMED, 0, crc_word(&t.new));
    vboard_power(t.board, false);
    for (unsigned i = 0; i < 3; i++) {
        serves(t.board, &t.new, &t.old);
        CHECK(!vboard_stats(t.board).watchdog);
        pass(t.board, WATCHDOG_MS);
        vboard_power(t.board, false);
    }
    check_last(t.board, JOURNAL_CONFIRMED, 0, crc_word(&t.new));
    serves(t.board, &t.new, &t.old);
    runs(t.board, "plugnet next");
    swap_close();
}

/* FAILED records at the journal's end. */
static uint32_t failures(struct vboard *board)
{
    uint32_t count = 0;
    while (count < JOURNAL_FAILED_MAX && swap_last(board, count).code == JOURNAL_FAILED)
        count++;
    return count;
}

/* Three starts, and what comes back. */
static void fails(const struct facts *facts, const char *symbol, uint32_t code, uint32_t reason)
{
    swap_open(facts);
    patch(&t.new, symbol, code);
    swap_plant(t.board, &t.old, &t.new);
    swap_request(t.board);
    vboard_power(t.board, true);
    for (uint32_t i = 0; i < JOURNAL_FAILED_MAX; i++) {
        for (uint32_t ms = 0; ms < 60000 && (swap_last(t.board, 0).code != JOURNAL_TRIAL || i > 0) &&
                              (failures(t.board) != i || i == 0);
             ms++)
            pass(t.board, 1);
        CHECK_EQUAL(failures(t.board), i);
        CHECK(swap_holds(t.board, t.facts->running, &t.new));
    }
    for (uint32_t ms = 0; ms < 60000 && swap_last(t.board, 0).code != JOURNAL_RESTORED; ms++)
        pass(t.board, 1);
    image_warning[0] = 0; /* a lock-up, where the image can't even say that it has crashed */
    CHECK_EQUAL(swap_outcome(t.board), 'v');
    CHECK(swap_holds(t.board, t.facts->running, &t.old) && swap_holds(t.board, t.facts->staged, &t.new));
    check_last(t.board, JOURNAL_RESTORED, reason, crc_word(&t.old));
    runs(t.board, "plugnet demo");
    vboard_power(t.board, false);
    serves(t.board, &t.old, &t.new);
    CHECK(!vboard_stats(t.board).watchdog);
    check_last(t.board, JOURNAL_RESTORED, reason, crc_word(&t.old));
    swap_close();
}

/* The watchdog resets a good image that hangs later; the image that starts then must learn it from RCC_CSR. */
static void hangs_later(const struct facts *facts)
{
    static const uint8_t hang[4] = {0x30, 0xBF, 0xFD, 0xE7}; /* wfi; b to it */
    uint32_t report[11];
    uint8_t settings[4];
    size_t size;
    trial(facts);
    memcpy(settings, vboard_flash(t.board, &size) + facts->settings, 4);
    vboard_flash_set(t.board, facts->settings, hang, 4);
    for (uint32_t at = 0xE000E180; at < 0xE000E18C; at += 4) /* no interrupt, no tick */
        CHECK(vboard_poke(t.board, at, &(uint32_t){~0u}, 4));
    CHECK(vboard_poke(t.board, 0xE000E010, &(uint32_t){0}, 4));
    cpu_register_set(vboard_cpu(t.board), 19, 1);
    cpu_register_set(vboard_cpu(t.board), 15, FLASH + facts->settings);
    pass(t.board, WATCHDOG_MS);
    vboard_flash_set(t.board, facts->settings, settings, 4);
    CHECK_EQUAL(swap_outcome(t.board), 'v');
    check_last(t.board, JOURNAL_FAILED, WATCHDOG, 0);
    CHECK(vboard_peek(t.board, facts == &l476 ? 0x20017F90 : 0x2001FF90, report, sizeof report));
    CHECK_EQUAL(report[0], 0x52455031);
    CHECK_EQUAL(report[1], WATCHDOG);
    /* Once a start. */
    vboard_reset_button(t.board, true);
    pass(t.board, 2);
    vboard_reset_button(t.board, false);
    CHECK_EQUAL(swap_outcome(t.board), 'v');
    CHECK_EQUAL(swap_last(t.board, 1).code, JOURNAL_TRIAL);
    swap_close();
}

/* What the image or the loader finds wrong on trial. */
static void comes_back(const struct facts *facts)
{
    swap_open(facts);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t reason = i == 0 ? JOURNAL_TIME : i == 1 ? JOURNAL_ASKED : JOURNAL_NOT_WHOLE;
        struct version bad = t.new;
        bad.bytes[i == 2 ? header_at(bad.bytes) : bad.length / 2] ^= 0x10;
        trial_plant(facts, &t.new);
        if (i < 2)
            swap_record(t.board, JOURNAL_BACK, reason, t.used);
        else
            slot_set(t.board, facts->running, &bad);
        serves(t.board, &t.old, i < 2 ? &t.new : &bad);
        check_last(t.board, JOURNAL_RESTORED, reason, crc_word(&t.old));
        CHECK(!vboard_stats(t.board).watchdog);
    }
    swap_close();
}

/* By DFU, another image, or the way back isn't there. */
static void trial_ends(const struct facts *facts)
{
    swap_open(facts);
    struct version third = t.new, bad = t.old;
    third.bytes[header_at(third.bytes) + IMAGE_AT_VERSION] = 3;
    stamp(&third);
    bad.bytes[bad.length / 2] ^= 4;
    trial_plant(facts, &t.new);
    slot_set(t.board, facts->running, &third);
    serves(t.board, &third, &t.old);
    CHECK(!vboard_stats(t.board).watchdog);
    pass(t.board, WATCHDOG_MS);
    check_last(t.board, JOURNAL_TRIAL, 0, crc_word(&t.new));
    trial_plant(facts, &t.new);
    slot_set(t.board, facts->staged, &bad);
    for (unsigned i = 0; i < 3; i++)
        swap_record(t.board, JOURNAL_FAILED, FAULT, 0);
    serves(t.board, &t.new, &bad);
    check_last(t.board, JOURNAL_REFUSED, JOURNAL_BAD_CRC, 0);
    CHECK_EQUAL(swap_last(t.board, 1).code, JOURNAL_BACK);
    swap_close();
}

struct wrong {
    uint32_t at, value; /* in the staged image's header */
    enum journal_refusal why;
};

static void refuses(const struct facts *facts)
{
    swap_open(facts);
    const struct wrong wrongs[] = {
        {IMAGE_AT_MAGIC, IMAGE_MAGIC ^ 1, JOURNAL_BAD_HEADER},
        {IMAGE_AT_FORMAT, IMAGE_FORMAT ^ 1, JOURNAL_BAD_HEADER},
        {IMAGE_AT_FORMAT, 0, JOURNAL_BAD_HEADER},
        {IMAGE_AT_BOARD, 0x12090099, JOURNAL_BAD_BOARD},
        {IMAGE_AT_BASE, FLASH + facts->staged, JOURNAL_BAD_BASE},
        {IMAGE_AT_LENGTH, t.new.length - 6, JOURNAL_BAD_LENGTH},
        {IMAGE_AT_LENGTH, 16, JOURNAL_BAD_LENGTH},
        {IMAGE_AT_LENGTH, facts->slot, JOURNAL_BAD_LENGTH},
        {IMAGE_AT_LENGTH, 0xFFFFFFFC, JOURNAL_BAD_LENGTH},
        {IMAGE_AT_LENGTH, t.new.length - 8, JOURNAL_BAD_CRC},
    };
    uint32_t header = header_at(t.new.bytes);
    for (unsigned i = 0; i < sizeof wrongs / sizeof *wrongs + 6; i++) {
        struct version bad = t.new;
        enum journal_refusal why = JOURNAL_BAD_CRC;
        uint32_t used = used_of(&t.old, &t.new), value;
        int wrong = (int)i - (int)(sizeof wrongs / sizeof *wrongs);
        if (i < sizeof wrongs / sizeof *wrongs) {
            store_le32(bad.bytes + header + wrongs[i].at, wrongs[i].value);
            stamp(&bad);
            why = wrongs[i].why;
        }
        value = crc_word(&bad);
        if (wrong == 0)
            bad.bytes[bad.length / 2] ^= 1;
        if (wrong == 1)
            value = crc_word(&t.old); /* not this one */
        if (wrong == 2)
            store_le32(bad.bytes + bad.length, IMAGE_SIGNED); /* whose trailer would be left behind */
        if (wrong >= 2) {
            used = wrong == 2   ? (bad.length - 1) / JOURNAL_USED_UNIT + 1
                   : wrong == 3 ? used - 1
                   : wrong == 4 ? 0
                                : 255;
            why = JOURNAL_BAD_LENGTH;
        }
        if (wrong == 2) {
            lengthen(&bad, used * JOURNAL_USED_UNIT);
            value = crc_word(&bad);
            store_le32(bad.bytes + bad.length, IMAGE_SIGNED);
            bad.length += IMAGE_TRAILER;
        }
        if (wrong == 5 && facts == &l476)
            used = 249; /* one more than the slot has */
        swap_plant(t.board, &t.old, &bad);
        swap_record(t.board, JOURNAL_REQUEST, used, value);
        uint32_t operations = vboard_flash_operations(t.board);
        vboard_power(t.board, true);
        CHECK_EQUAL(swap_outcome(t.board), 'v');
        if (swap_last(t.board, 0).code != JOURNAL_REFUSED || swap_last(t.board, 0).index != why)
            TEST_FAIL("%s: wrong image %u: record %u, %u; wanted REFUSED, %u", facts->board, i,
                      swap_last(t.board, 0).code, swap_last(t.board, 0).index, why);
        CHECK(vboard_flash_operations(t.board) - operations <= 2);
        CHECK(swap_holds(t.board, facts->running, &t.old) && swap_holds(t.board, facts->staged, &bad));
        CHECK(!vboard_stats(t.board).watchdog);
    }
    swap_close();
}

/* The running image is longer than what was asked for; both are swapped, trailers and all, if enough was. */
static void lengths(const struct facts *facts)
{
    swap_open(facts);
    lengthen(&t.old, (t.new.length + 3 * JOURNAL_USED_UNIT) & ~3u);
    swap_plant(t.board, &t.old, &t.new);
    swap_record(t.board, JOURNAL_REQUEST, used_of(&t.new, &t.new), crc_word(&t.new));
    serves(t.board, &t.old, &t.new);
    check_last(t.board, JOURNAL_REFUSED, JOURNAL_BAD_LENGTH, 0);
    for (unsigned i = 0; i < 2; i++) {
        struct version *longer = i == 0 ? &t.old : &t.new, *other = i == 0 ? &t.new : &t.old;
        lengthen(longer, (other->length + 5 * JOURNAL_USED_UNIT) & ~3u);
        uint32_t value = crc_word(&t.new);
        swap_plant(t.board, &t.old, &t.new);
        store_le32(longer->bytes + longer->length, IMAGE_SIGNED);
        longer->length += IMAGE_TRAILER;
        swap_plant(t.board, &t.old, &t.new);
        swap_record(t.board, JOURNAL_REQUEST, t.used, value);
        serves(t.board, &t.new, &t.old);
        check_last(t.board, JOURNAL_TRIAL, 0, value);
        swap_record(t.board, JOURNAL_BACK, JOURNAL_ASKED, t.used);
        vboard_power(t.board, false);
        serves(t.board, &t.old, &t.new);
        longer->length -= IMAGE_TRAILER;
    }
    swap_close();
}

/* Rubbish is passed by; without room the loader makes some; what isn't whole is no record. */
static void journals(const struct facts *facts)
{
    swap_open(facts);
    uint32_t places = facts->journal_size / JOURNAL_RECORD;
    noise(t.board, facts->journal, facts->journal_size,
          5); /* nothing in it that is a record: nothing was asked for */
    serves(t.board, &t.old, &t.new);
    CHECK_EQUAL(vboard_flash_operations(t.board), 0);
    for (unsigned i = 0; i < 3; i++) {
        swap_plant(t.board, &t.old, &t.new);
        noise(t.board, facts->journal, i == 0 ? facts->journal_size : 40 * JOURNAL_RECORD, 5);
        uint32_t place = i == 0 ? places - 1 : i == 1 ? 70 : places - 8;
        record_at(t.board, place, JOURNAL_REQUEST, t.used, crc_word(&t.new));
        serves(t.board, &t.new, &t.old);
        check_last(t.board, JOURNAL_TRIAL, 0, crc_word(&t.new));
        swap_record(t.board, JOURNAL_BACK, JOURNAL_ASKED, t.used);
        vboard_power(t.board, false);
        serves(t.board, &t.old, &t.new);
        check_last(t.board, JOURNAL_RESTORED, JOURNAL_ASKED, crc_word(&t.old));
    }
    /* Each bit of a request decides. */
    for (unsigned bit = 0; bit < 64; bit += 7) {
        swap_plant(t.board, &t.old, &t.new);
        swap_request(t.board);
        size_t size;
        uint8_t byte = vboard_flash(t.board, &size)[facts->journal + bit / 8] ^ (uint8_t)(1u << bit % 8);
        vboard_flash_set(t.board, facts->journal + bit / 8, &byte, 1);
        serves(t.board, &t.old, &t.new);
        CHECK_EQUAL(swap_last(t.board, 0).code, 0);
    }
    swap_close();
}

/* Flash that doesn't keep what is written: scratch, in the first unit. Nothing is lost. */
static void bad_scratch(void *context, uint32_t at, uint32_t size)
{
    static const uint8_t zeros[8];
    (void)context;
    if (size <= 8 && at <= t.facts->scratch + 64 && at + size > t.facts->scratch + 64)
        vboard_flash_set(t.board, t.facts->scratch + 64, zeros, sizeof zeros);
}

static void scratch_is_worn(const struct facts *facts)
{
    swap_open(facts);
    swap_request(t.board);
    vboard_flash_watch(t.board, bad_scratch, NULL);
    serves(t.board, &t.old, &t.new);
    check_last(t.board, JOURNAL_REFUSED, JOURNAL_BAD_FLASH, 0);
    vboard_flash_watch(t.board, NULL, NULL);
    swap_close();
}

/* The last double word of the last copy is cut: it has all its bits, but an ECC that doesn't fit. Who looks at the bits alone leaves
 * an old image that can't be read. */
static void unreadable(void)
{
    uint32_t at, found = 0, operations = 0;
    swap_open(&l476);
    at = t.facts->unit * (t.old.length / t.facts->unit + 1);
    lengthen(&t.old, at + 512);
    memcpy(t.old.bytes + at, "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8);
    stamp(&t.old);
    for (uint32_t seed = 0; seed < 24; seed++) {
        swap_plant(t.board, &t.old, &t.new);
        swap_request(t.board);
        uint32_t before = vboard_flash_operations(t.board);
        if (seed > 0)
            vboard_cut_within(t.board, operations - 1, seed);
        if (seed == 0) {
            serves(t.board, &t.new, &t.old);
            operations = vboard_flash_operations(t.board) - before;
            continue;
        }
        vboard_power(t.board, true);
        CHECK_EQUAL(swap_outcome(t.board), '0');
        CHECK_EQUAL(swap_last(t.board, 0).code, JOURNAL_TAKEN);
        found +=
            swap_holds(t.board, l476.staged, &t.old) && !vboard_flash_readable(t.board, l476.staged + at);
        serves(t.board, &t.new, &t.old);
        CHECK(vboard_flash_readable(t.board, l476.staged + at));
    }
    CHECK(found > 3);
    swap_close();
}

/* In the middle of a swap, by the boot loader in ROM (BOOT0), an image is written over what there is. */
static void dfu_meanwhile(const struct facts *facts)
{
    swap_open(facts);
    struct version third = t.new;
    third.bytes[header_at(third.bytes) + IMAGE_AT_VERSION] = 3;
    stamp(&third);
    for (unsigned i = 0; i < 6; i++) {
        swap_plant(t.board, i < 3 ? &t.old : &t.new, i < 3 ? &t.new : &t.old);
        swap_request(t.board);
        if (i >= 3) {
            swap_record(t.board, JOURNAL_TRIAL, 0, crc_word(&t.new));
            swap_record(t.board, JOURNAL_BACK, JOURNAL_ASKED, t.used);
        }
        uint32_t words = (t.new.length + 7) / (facts == &l476 ? 8 : 4), part = i % 3;
        vboard_cut_after(t.board, words * (1 + 2 * part) / (facts == &l476 ? 4 : 2));
        vboard_power(t.board, true);
        CHECK_EQUAL(swap_outcome(t.board), '0');
        bool begun =
            swap_last(t.board, 0).code == JOURNAL_KEPT || swap_last(t.board, 0).code == JOURNAL_TAKEN;
        slot_set(t.board, facts->running, &third);
        vboard_power(t.board, true);
        CHECK_EQUAL(swap_outcome(t.board), 'v');
        if (begun && swap_last(t.board, 1).code != JOURNAL_TAKEN &&
            swap_last(t.board, 0).code == JOURNAL_RESTORED)
            check_last(t.board, JOURNAL_RESTORED, i < 3 ? JOURNAL_REPLACED : JOURNAL_ASKED, crc_word(&third));
        if (begun)
            CHECK(swap_holds(t.board, facts->running, &third));
        vboard_power(t.board, false);
    }
    swap_close();
}

/* 100 kB, as full as can be. */
static struct {
    uint64_t begin, end;
} timing;

static void time_watch(void *context, uint32_t at, uint32_t size)
{
    (void)context;
    (void)size;
    if (at >= t.facts->journal && at < t.facts->journal + t.facts->journal_size)
        timing.end = vboard_time_ns(t.board);
}

static void takes(const struct facts *facts, uint32_t limit_ms)
{
    swap_open(facts);
    for (uint32_t i = header_at(t.new.bytes) + IMAGE_HEADER; i < t.new.length; i++)
        t.new.bytes[i] ^= 0xA5; /* not one unit is the same in both, nor erased; it doesn't run */
    lengthen(&t.old, 102400);
    lengthen(&t.new, 102400);
    swap_plant(t.board, &t.old, &t.new);
    swap_request(t.board);
    timing.begin = vboard_time_ns(t.board);
    vboard_flash_watch(t.board, time_watch, NULL);
    vboard_power(t.board, true);
    for (uint32_t ms = 0; ms < 2 * limit_ms && swap_last(t.board, 0).code != JOURNAL_TRIAL; ms++)
        pass(t.board, 1);
    vboard_flash_watch(t.board, NULL, NULL);
    CHECK(swap_holds(t.board, facts->running, &t.new) && swap_holds(t.board, facts->staged, &t.old));
    uint32_t ms = (uint32_t)((timing.end - timing.begin) / MS);
    printf("# %s: 100 KiB are swapped in %u ms (limit %u)\n", facts->board, ms, limit_ms);
    CHECK(ms > 1000 && ms < limit_ms);
    swap_close();
}

/* A board whose guard can't swap yet: one update of all, from the start of flash. */
static void guard_is_replaced(const struct facts *facts)
{
    size_t size;
    struct dfuse dfu;
    swap_open(facts);
    struct vboard *old = image_board(facts->board, BUILD "/test/old/guard/%s/plugnet.elf", NULL);
    uint32_t end = facts->running + t.old.length;
    CHECK(load_le32(vboard_flash(old, &size) + JOURNAL_LOADER_OFFSET) != JOURNAL_LOADER);
    CHECK_EQUAL(load_le32(vboard_flash(t.board, &size) + JOURNAL_LOADER_OFFSET), JOURNAL_LOADER);
    CHECK_EQUAL(swap_outcome(old), 'v');
    vboard_boot0(old, true);
    vboard_power_cycle(old);
    CHECK(dfuse_attach(&dfu, vboard_cable(old), vboard_time_ns(old), 200) == NULL);
    for (unsigned number = 0;; number++) {
        struct vboard_flash_area area;
        if (!vboard_flash_area(old, number, &area))
            break;
        for (uint32_t at = area.base; at < area.base + area.size && at < FLASH + end; at += area.sector_size)
            CHECK(dfuse_erase(&dfu, at) == NULL);
    }
    CHECK(dfuse_write(&dfu, FLASH, vboard_flash(t.board, &size), end) == NULL);
    vboard_boot0(old, false);
    swap_plant(old, &t.old, &t.new);
    swap_request(old);
    serves(old, &t.new, &t.old);
    check_last(old, JOURNAL_TRIAL, 0, crc_word(&t.new));
    vboard_free(old);
    swap_close();
}

#define ON_EACH_BOARD(name, call)                                                                            \
    TEST(name##_f407)                                                                                        \
    {                                                                                                        \
        const struct facts *facts = &f407;                                                                   \
        call;                                                                                                \
    }                                                                                                        \
    TEST(name##_f411)                                                                                        \
    {                                                                                                        \
        const struct facts *facts = &f411;                                                                   \
        call;                                                                                                \
    }                                                                                                        \
    TEST(name##_l476)                                                                                        \
    {                                                                                                        \
        const struct facts *facts = &l476;                                                                   \
        call;                                                                                                \
    }

#define UDF  0xDE00DE00u /* an undefined instruction, twice */
#define HANG 0xE7FDBF30u /* wfi; b to it */

ON_EACH_BOARD(swap_and_stay, swaps(facts))
ON_EACH_BOARD(swap_crash_in_main, fails(facts, "main", UDF, FAULT))
ON_EACH_BOARD(swap_hang_in_main, fails(facts, "main", HANG, WATCHDOG))
ON_EACH_BOARD(swap_crash_at_reset, fails(facts, "Reset_Handler", UDF, WATCHDOG))
ON_EACH_BOARD(swap_hang_later, hangs_later(facts))
ON_EACH_BOARD(swap_comes_back, comes_back(facts))
ON_EACH_BOARD(swap_trial_ends, trial_ends(facts))
ON_EACH_BOARD(swap_refused, refuses(facts))
ON_EACH_BOARD(swap_lengths, lengths(facts))
ON_EACH_BOARD(swap_journals, journals(facts))
ON_EACH_BOARD(swap_scratch_is_worn, scratch_is_worn(facts))
ON_EACH_BOARD(swap_dfu_meanwhile, dfu_meanwhile(facts))
ON_EACH_BOARD(swap_time, takes(facts, facts == &l476 ? 8000 : 5000))

TEST(swap_unreadable_l476)
{
    unreadable();
}

TEST(swap_guard_is_replaced)
{
    guard_is_replaced(&f407);
    guard_is_replaced(&l476);
}

TEST_MAIN()
