/*
 * The virtual board under a small image of its own (test/vboard/image/probe.c): one scenario for each test.
 *
 * What is expected comes from the reference manual and the data sheet, in virtual time to the nanosecond.
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"

#include <unistd.h>

#include "vboard/board.h"
#include "vboard/cpu.h"
#include "vboard/elf.h"

#ifndef IMAGES
#define IMAGES "build/test/vboard/image"
#endif

enum scenario {
    LEDS_AND_BUTTON,
    SERIAL,
    IDENTITY,
    RESET_CAUSES,
    RANDOM_NUMBERS,
    STRANGE_ACCESSES,
    TIMER,
    FLASH,
    CLOCKS,
    LOCK_PINS,
    COMPARE,
    PERIPHERAL_RESET,
    USB_WITHOUT_PINS
};

#define MS 1000000ull

struct bench {
    struct vboard *board;
    unsigned unmodelled, warnings, resets, leds;
    uint32_t led_sequence[16], causes[8];
    uint64_t led_time[16];
    char serial[4][80];
    unsigned lines;
    uint64_t line_time;
    char last_warning[200];
};

static void on_event(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value,
                     const char *text)
{
    struct bench *bench = context;
    if (event == VBOARD_UNMODELLED)
        bench->unmodelled++;
    if (event == VBOARD_WARNING) {
        bench->warnings++;
        snprintf(bench->last_warning, sizeof bench->last_warning, "%s", text);
    }
    if (event == VBOARD_RESET && bench->resets < 8)
        bench->causes[bench->resets++] = value;
    if (event == VBOARD_LEDS && bench->leds < 16) {
        bench->led_sequence[bench->leds] = value;
        bench->led_time[bench->leds++] = time_ns;
    }
    if (event == VBOARD_SERIAL && bench->lines < 4) {
        snprintf(bench->serial[bench->lines++], 80, "%s", text);
        bench->line_time = time_ns;
    }
}

static uint32_t word(struct bench *bench, const char *symbol, unsigned index)
{
    uint32_t address, size, value = 0;
    if (!vboard_symbol(bench->board, symbol, &address, &size))
        TEST_FAIL("no symbol %s in the image", symbol);
    if (!cpu_memory_read(vboard_cpu(bench->board), address + 4 * index, &value, 4))
        TEST_FAIL("%s can't be read", symbol);
    return value;
}

static void word_set(struct bench *bench, const char *symbol, uint32_t value)
{
    uint32_t address, size;
    if (!vboard_symbol(bench->board, symbol, &address, &size))
        TEST_FAIL("no symbol %s in the image", symbol);
    cpu_memory_write(vboard_cpu(bench->board), address, &value, 4);
}

static void open_board(struct bench *bench, enum scenario scenario)
{
    char error[300];
    memset(bench, 0, sizeof *bench);
    struct vboard_config config = {.image = IMAGES "/probe.elf", .event = on_event, .context = bench};
    bench->board = vboard_new(&config, error, sizeof error);
    if (!bench->board)
        TEST_FAIL("%s", error);
    word_set(bench, "scenario", scenario);
    word_set(bench, "boots", 0);
    word_set(bench, "result", 0);
}

/* Until result[0] is `wanted`, in steps of 50 µs; fails after `limit`. */
static void run_until(struct bench *bench, uint32_t wanted, uint64_t limit_ns)
{
    for (uint64_t t = vboard_time_ns(bench->board); word(bench, "result", 0) != wanted; t += 50000) {
        if (t > limit_ns)
            TEST_FAIL("result[0] is %u, wanted %u, at %llu ns", word(bench, "result", 0), wanted,
                      (unsigned long long)t);
        vboard_advance(bench->board, t);
    }
}

TEST(board_leds_and_button)
{
    struct bench b;
    open_board(&b, LEDS_AND_BUTTON);
    run_until(&b, 1, 500 * MS);
    CHECK_EQUAL(b.leds, 8);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQUAL(b.led_sequence[2 * i], 1u << i);
        CHECK_EQUAL(b.led_sequence[2 * i + 1], 0);
        int64_t lit = (int64_t)(b.led_time[2 * i + 1] - b.led_time[2 * i]) - 100 * (int64_t)MS;
        if (i)
            CHECK(lit > -5000 && lit < 5000);
    }
    CHECK_EQUAL(word(&b, "result", 1), 0);
    vboard_button(b.board, true);
    vboard_advance(b.board, vboard_time_ns(b.board) + 2 * MS);
    CHECK_EQUAL(word(&b, "result", 2), 1);
    CHECK_EQUAL(word(&b, "result", 3), 1);
    vboard_button(b.board, false);
    vboard_advance(b.board, vboard_time_ns(b.board) + 2 * MS);
    CHECK_EQUAL(word(&b, "result", 2), 1); /* rising edge only */
    CHECK_EQUAL(word(&b, "result", 3), 0);
    struct vboard_stats stats = vboard_stats(b.board);
    CHECK_EQUAL(stats.clock_hz, 168000000);
    CHECK(stats.sleep_cycles * 100 > stats.cycles * 99);
    CHECK_EQUAL(stats.unmodelled + stats.warnings, 0);
    vboard_free(b.board);
}

TEST(board_serial)
{
    struct bench b;
    open_board(&b, SERIAL);
    run_until(&b, 1, 20 * MS);
    CHECK_EQUAL(b.lines, 1);
    CHECK_STRING(b.serial[0], "[usart2] hello");
    /* Seven characters of ten bits, 364 clocks of 42 MHz each. */
    uint32_t cycles = word(&b, "result", 1), wanted = 7 * 10 * 364 * 4;
    CHECK(cycles >= wanted && cycles < wanted + 1000);
    vboard_serial_in(b.board, 1, (const uint8_t *)"ab", 2);
    vboard_advance(b.board, vboard_time_ns(b.board) + MS);
    CHECK_EQUAL(word(&b, "irqs", 38), 2);
    CHECK_EQUAL(word(&b, "result", 22), 'a');
    CHECK_EQUAL(word(&b, "result", 23), 'b');
    vboard_free(b.board);
}

TEST(board_identity)
{
    struct bench b;
    open_board(&b, IDENTITY);
    run_until(&b, 1, MS);
    CHECK_EQUAL(word(&b, "result", 1), 0x0029003A);
    CHECK_EQUAL(word(&b, "result", 2), 0x3438510E);
    CHECK_EQUAL(word(&b, "result", 3), 0x37333832);
    CHECK_EQUAL(word(&b, "result", 4), 1024);
    CHECK_EQUAL(word(&b, "result", 5), 0x413);
    CHECK_EQUAL(word(&b, "result", 6), 0x20020000); /* flash is aliased at 0 */
    CHECK_EQUAL(word(&b, "result", 7), 0x20020000);
    CHECK_EQUAL(word(&b, "result", 8) & 0xFFFF, 0xAAEF);
    CHECK_EQUAL(word(&b, "result", 9), 0x12345678);
    vboard_free(b.board);
}

TEST(board_reset_causes)
{
    struct bench b;
    open_board(&b, RESET_CAUSES);
    run_until(&b, 1, MS);
    CHECK_EQUAL(word(&b, "result", 1) >> 24, 0x0E); /* power-on, pin, brown-out */
    vboard_reset_button(b.board, true);
    vboard_advance(b.board, 5 * MS);
    CHECK_EQUAL(word(&b, "result", 0), 1);
    vboard_reset_button(b.board, false);
    uint64_t start = vboard_time_ns(b.board);
    run_until(&b, 3, 6 * MS);
    CHECK_EQUAL(word(&b, "result", 2) >> 24, 0x04);
    CHECK_EQUAL(word(&b, "result", 3) >> 24, 0x14); /* software, and its pulse on the pin */
    run_until(&b, 4, 30 * MS);
    CHECK_EQUAL(word(&b, "result", 4) >> 24, 0x24); /* watchdog */
    uint64_t took = vboard_time_ns(b.board) - start;
    CHECK(took > 12500000 && took < 12900000); /* 100 counts of 4 / 32 kHz, and the wait for the update */
    CHECK_EQUAL(vboard_stats(b.board).resets, 3);
    vboard_power_cycle(b.board);
    CHECK_EQUAL(b.causes[4] >> 24, 0x0E);
    vboard_free(b.board);
}

TEST(board_random_numbers_repeat_and_differ)
{
    struct bench a, b;
    open_board(&a, RANDOM_NUMBERS);
    open_board(&b, RANDOM_NUMBERS);
    run_until(&a, 1, 20 * MS);
    run_until(&b, 1, 20 * MS);
    for (unsigned i = 1; i < 5; i++) {
        CHECK_EQUAL(word(&a, "result", i), word(&b, "result", i));
        CHECK(word(&a, "result", i) != word(&a, "result", i % 4 + 1));
    }
    vboard_free(a.board);
    vboard_free(b.board);
}

TEST(board_strange_accesses_are_reported_once)
{
    struct bench b;
    open_board(&b, STRANGE_ACCESSES);
    run_until(&b, 1, MS);
    CHECK_EQUAL(word(&b, "result", 1), 0);
    CHECK_EQUAL(word(&b, "result", 2), 0);
    CHECK_EQUAL(b.warnings, 1);   /* GPIOD without clock */
    CHECK_EQUAL(b.unmodelled, 2); /* I2C1: one read, one write */
    vboard_advance(b.board, vboard_time_ns(b.board) + MS);
    CHECK_EQUAL(word(&b, "result", 0), 1);            /* stands in its HardFault handler */
    CHECK_EQUAL(word(&b, "fault_status", 0), 0x8200); /* precise bus error, address valid */
    CHECK_EQUAL(word(&b, "fault_status", 1), 0x60000000);
    vboard_free(b.board);
}

TEST(board_timer)
{
    struct bench b;
    open_board(&b, TIMER);
    run_until(&b, 1, 40 * MS);
    uint32_t first = word(&b, "result", 1), last = word(&b, "result", 2);
    CHECK(first > 168000 && first < 168100);
    CHECK_EQUAL(last - first, 10 * 168000);
    vboard_free(b.board);
}

TEST(board_timer_compare)
{
    struct bench b;
    open_board(&b, COMPARE);
    run_until(&b, 1, 40 * MS);
    uint32_t first = word(&b, "result", 1), second = word(&b, "result", 2);
    CHECK(first >= 500 * 168 && first < 500 * 168 + 100);
    CHECK_EQUAL(second - first, 1000 * 168);
    CHECK_EQUAL(word(&b, "result", 3), 1500);
    vboard_free(b.board);
}

TEST(board_flash_program_and_erase)
{
    struct bench b;
    open_board(&b, FLASH);
    run_until(&b, 1, 2000 * MS);
    CHECK_EQUAL(word(&b, "result", 1), 0x12345678);
    CHECK_EQUAL(word(&b, "result", 2), 0x12340000);
    CHECK_EQUAL(word(&b, "result", 3) & 0x40, 0x40); /* PGPERR */
    CHECK_EQUAL(word(&b, "result", 4), 0xFFFFFFFF);
    CHECK_EQUAL(word(&b, "result", 5) >> 31, 1); /* locked: the write of CR was ignored */
    CHECK(vboard_time_ns(b.board) > 1000 * MS);
    vboard_free(b.board);
}

TEST(board_time_follows_the_clock)
{
    struct bench b;
    open_board(&b, CLOCKS);
    run_until(&b, 1, 2 * MS);
    uint64_t t1 = vboard_time_ns(b.board), c1 = vboard_stats(b.board).cycles;
    CHECK_EQUAL(t1, (c1 * 125 + 1) / 2); /* 62.5 ns a cycle at 16 MHz, half a nanosecond up */
    run_until(&b, 2, 40 * MS);
    uint32_t from = word(&b, "result", 1);
    uint64_t t2 = vboard_time_ns(b.board), c2 = vboard_stats(b.board).cycles;
    (void)from;
    run_until(&b, 3, 200 * MS);
    uint64_t t3 = vboard_time_ns(b.board), c3 = vboard_stats(b.board).cycles;
    CHECK_EQUAL(vboard_stats(b.board).clock_hz, 8000000);
    CHECK(c3 > c2 && t3 - t2 > (c3 - c2) * 100); /* mostly at 125 ns a cycle */
    vboard_free(b.board);
}

TEST(board_gpio_lock)
{
    struct bench b;
    open_board(&b, LOCK_PINS);
    run_until(&b, 1, MS);
    CHECK_EQUAL(word(&b, "result", 1), 0x11000);
    CHECK_EQUAL(word(&b, "result", 2), 0xFCFFFFFF);
    vboard_free(b.board);
}

TEST(board_peripheral_reset)
{
    struct bench b;
    open_board(&b, PERIPHERAL_RESET);
    run_until(&b, 1, MS);
    CHECK_EQUAL(word(&b, "result", 1), 0);
    CHECK_EQUAL(word(&b, "result", 2), 0x55);
    CHECK_EQUAL(word(&b, "result", 3), 0);
    vboard_free(b.board);
}

TEST(board_says_why_there_is_no_pull_up)
{
    struct bench b;
    open_board(&b, USB_WITHOUT_PINS);
    struct cable cable = vboard_cable(b.board);
    cable.ops->vbus(cable.device, true);
    for (unsigned ms = 0; ms < 200; ms++) {
        cable.ops->advance(cable.device, ms * MS);
        CHECK(!cable.ops->pulled_up(cable.device));
    }
    CHECK_EQUAL(word(&b, "result", 0), 1);
    CHECK_EQUAL(b.warnings, 1);
    CHECK(strstr(b.last_warning, "PA11 and PA12"));
    vboard_free(b.board);
}

TEST(board_same_image_same_run)
{
    struct vboard_stats stats[2];
    uint64_t led_times[2];
    for (unsigned run = 0; run < 2; run++) {
        struct bench b;
        open_board(&b, LEDS_AND_BUTTON);
        for (uint64_t t = 0; t < 450 * MS; t += run ? 7777777 : 1234567) /* steps must not matter */
            vboard_advance(b.board, t);
        vboard_advance(b.board, 450 * MS);
        vboard_button(b.board, true);
        vboard_advance(b.board, 500 * MS);
        stats[run] = vboard_stats(b.board);
        led_times[run] = b.led_time[7];
        vboard_free(b.board);
    }
    CHECK_EQUAL(stats[0].instructions, stats[1].instructions);
    CHECK_EQUAL(stats[0].cycles, stats[1].cycles);
    CHECK_EQUAL(stats[0].sleep_cycles, stats[1].sleep_cycles);
    CHECK_EQUAL(led_times[0], led_times[1]);
    CHECK(stats[0].instructions > 1000);
}

TEST(board_profile)
{
    struct bench b;
    char text[8192] = "";
    open_board(&b, LEDS_AND_BUTTON);
    CHECK(vboard_profile_start(b.board));
    vboard_advance(b.board, 100 * MS);
    FILE *file = tmpfile();
    CHECK(file != NULL);
    vboard_profile_write(b.board, file);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    CHECK(strstr(text, "\"name\":\"image_tick\"") != NULL);
    CHECK(strstr(text, "\"name\":\"image_clock_168\"") != NULL);
    vboard_free(b.board);
}

/* ---- Images that must be refused, or not ---- */

/* "loaded", or why not. */
static const char *load_error(const uint8_t *bytes, size_t length, const char *suffix)
{
    static char error[300];
    static uint8_t flash[1u << 20];
    struct image image;
    struct image_place place = {
        flash, 0x08000000, sizeof flash, {{0x20000000, 0x20000}, {0x10000000, 0x10000}}};
    char path[64];
    snprintf(path, sizeof path, "/tmp/vboard-test-XXXXXX%s", suffix);
    int fd = mkstemps(path, (int)strlen(suffix));
    if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
        TEST_FAIL("can't write %s", path);
    close(fd);
    memset(flash, 0xFF, sizeof flash);
    bool ok = image_load(&image, path, &place, error, sizeof error);
    unlink(path);
    if (ok)
        image_free(&image);
    return ok ? "loaded" : error;
}

static size_t good_elf(uint8_t *bytes, size_t size)
{
    FILE *file = fopen(IMAGES "/probe.elf", "rb");
    if (!file)
        TEST_FAIL("no probe.elf");
    size_t length = fread(bytes, 1, size, file);
    fclose(file);
    return length;
}

TEST(board_refuses_bad_images)
{
    static uint8_t elf[200000], broken[200000];
    size_t length = good_elf(elf, sizeof elf);
    CHECK_STRING(load_error(elf, length, ".elf"), "loaded");
    CHECK(strstr(load_error((const uint8_t *)"hello", 5, ".elf"), "not an ELF file"));
    CHECK(strstr(load_error((const uint8_t *)"", 0, ".elf"), "empty"));
    CHECK(strstr(load_error(elf, 40, ".elf"), "truncated"));
    CHECK(strstr(load_error(elf, 60, ".elf"), "truncated"));
    CHECK(strstr(load_error(elf, 0x1100, ".elf"), "truncated"));
    memcpy(broken, elf, length);
    broken[4] = 2;
    CHECK(strstr(load_error(broken, length, ".elf"), "not a 32-bit little-endian"));
    memcpy(broken, elf, length);
    broken[18] = 62;
    CHECK(strstr(load_error(broken, length, ".elf"), "not for Arm"));
    memcpy(broken, elf, length);
    uint32_t table = (uint32_t)(elf[28] | elf[29] << 8);
    broken[table + 15] = 0x30; /* physical address 0x30000000 */
    CHECK(strstr(load_error(broken, length, ".elf"), "outside the flash"));
    memcpy(broken, elf, length);
    broken[table + 14] = 0x0F; /* the end of flash */
    broken[table + 13] = 0xFF;
    CHECK(strstr(load_error(broken, length, ".elf"), "too large"));
    CHECK(strstr(load_error(broken, sizeof broken, ".bin"), "no vector table"));
    static uint8_t huge[(1u << 20) + 4];
    CHECK(strstr(load_error(huge, sizeof huge, ".bin"), "too large"));
    struct vboard_config config = {.image = "build/no/such/file.elf"};
    char error[200];
    CHECK(vboard_new(&config, error, sizeof error) == NULL);
    CHECK_STRING(error, "build/no/such/file.elf: No such file or directory");
}

/* Any byte of the headers and tables may be anything. */
TEST(board_survives_broken_elf_headers)
{
    static uint8_t elf[200000], broken[200000];
    size_t length = good_elf(elf, sizeof elf);
    uint32_t sections = (uint32_t)(elf[32] | elf[33] << 8 | elf[34] << 16), state = 7;
    for (unsigned i = 0; i < 600; i++) {
        memcpy(broken, elf, length);
        for (unsigned n = 0; n < 4; n++) {
            state = state * 1664525u + 1013904223u;
            uint32_t at = state >> 8;
            at = n & 1 ? at % 160 : sections + at % (uint32_t)(length - sections);
            broken[at] = (uint8_t)(state >> 4);
        }
        broken[0] = 0x7F, broken[18] = 40, broken[4] = 1;
        load_error(broken, length, ".elf");
    }
}

TEST_MAIN()
