/*
 * An update of the real image on each board, by its boot loader in ROM: the running firmware leaves for it, the new version
 * is written and started; and power is cut after every single operation of the flash: each time the board must end in the
 * boot loader or in a whole version, by itself.
 *
 * Two boards: on `update` the host erases and programs; after each operation `cut` gets the same flash, is powered, and
 * must come up as one or the other. That a real cut leaves just that flash is checked where power is really cut.
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "test/vboard/image_board.h"

#include "test/vboard/dfuse.h"
#include "vboard/board.h"
#include "vboard/cpu.h"

#define MS         1000000ull
#define FLASH      0x08000000u
#define IMAGE_MAX  0x40000u
#define ROM_MS_MAX 200   /* guard, and the ROM's own start */
#define RUN_MS_MAX 10000 /* LSE of the L476 takes 2 s after power-on */

struct facts {
    const char *board;
    uint32_t base;        /* of what an update writes, in flash */
    uint32_t sectors[48]; /* what it erases, ended by 0 */
    uint16_t product_id;
};

static struct test_board {
    const struct facts *facts;
    struct vboard *update, *cut;
    struct dfuse dfu;
    uint8_t old[IMAGE_MAX], new[IMAGE_MAX];
    uint32_t length; /* of both, with the CRC word */
    uint32_t boots, in_rom, in_old, in_new, stuck;
    uint32_t stuck_at;
} t;

static struct vboard *board_new(const char *board)
{
    return image_board(board, BUILD "/%s-none/plugnet.elf", NULL);
}

static void fine(const char *wrong)
{
    if (wrong)
        TEST_FAIL("%s (%s)", wrong, image_warning);
}

/* The CRC unit of the chip, by its definition: polynomial 0x04C11DB7, whole words, no reflection. */
static uint32_t crc(const uint8_t *bytes, uint32_t length)
{
    uint32_t value = ~0u;
    for (uint32_t i = 0; i < length; i += 4) {
        value ^= bytes[i] | (uint32_t)bytes[i + 1] << 8 | (uint32_t)bytes[i + 2] << 16 |
                 (uint32_t)bytes[i + 3] << 24;
        for (int bit = 0; bit < 32; bit++)
            value = value << 1 ^ (value >> 31 ? 0x04C11DB7u : 0);
    }
    return value;
}

static void word_put(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

/* The length in the image's header, which is found by its magic number. */
static uint32_t header_at(const uint8_t *image)
{
    for (uint32_t at = 0; at < 0x400; at += 4)
        if (memcmp(image + at, "\x50\x6E\x50\x75", 4) == 0)
            return at;
    TEST_FAIL("no header");
}

/* The old version is what was built, the new one differs in its version text. */
static void versions_make(const struct facts *facts)
{
    size_t size;
    const uint8_t *image = vboard_flash(t.update, &size) + (facts->base - FLASH);
    uint32_t at = header_at(image);
    uint32_t body = image[at + 8] | (uint32_t)image[at + 9] << 8 | (uint32_t)image[at + 10] << 16;
    uint8_t stamped[4];
    t.length = body + 4;
    CHECK(t.length < IMAGE_MAX);
    memcpy(t.old, image, t.length);
    word_put(stamped, crc(t.old, body));
    CHECK_BYTES(t.old + body, stamped, 4); /* tool/stamp.py's work */
    memcpy(t.new, image, t.length);
    uint8_t *text = memmem(t.new, body, "plugnet demo", 12);
    CHECK(text != NULL);
    memcpy(text, "plugnet next", 12);
    word_put(t.new + body, crc(t.new, body));
}

static void open_boards(const struct facts *facts)
{
    memset(&t, 0, sizeof t);
    image_warning[0] = 0;
    t.facts = facts;
    t.update = board_new(facts->board);
    t.cut = board_new(facts->board);
    vboard_power(t.cut, false);
    versions_make(facts);
}

static void close_boards(void)
{
    vboard_free(t.update);
    vboard_free(t.cut);
    CHECK_STRING(image_warning, "");
}

/* Where a board has come to: 'r' ROM, 'v' a version on the bus, '?' neither. */
static char outcome(struct vboard *board)
{
    struct cable cable = vboard_cable(board);
    uint64_t begin = vboard_time_ns(board);
    cable.ops->vbus(cable.device, true);
    for (uint32_t ms = 1; ms < RUN_MS_MAX; ms++) {
        struct vboard_stats stats = vboard_stats(board);
        if (stats.rom)
            return 'r';
        if (stats.locked_up || stats.rom_refused)
            return '?';
        if (cable.ops->pulled_up(cable.device))
            return 'v';
        vboard_advance(board, begin + ms * MS);
    }
    return '?';
}

static bool holds(struct vboard *board, const uint8_t *version)
{
    size_t size;
    return memcmp(vboard_flash(board, &size) + (t.facts->base - FLASH), version, t.length) == 0;
}

/* The board that was cut after this operation is powered again. */
static void each_operation(void *context, uint32_t at, uint32_t size)
{
    size_t all;
    (void)context;
    vboard_flash_set(t.cut, at, vboard_flash(t.update, &all) + at, size);
    vboard_power(t.cut, true);
    char where = outcome(t.cut);
    vboard_power(t.cut, false);
    t.boots++;
    bool old = holds(t.cut, t.old), new = holds(t.cut, t.new);
    t.in_rom += where == 'r';
    t.in_old += where == 'v' && old;
    t.in_new += where == 'v' && new;
    if (where == '?' || (where == 'v' && !old && !new)) {
        t.stuck_at = t.stuck ? t.stuck_at : t.boots;
        t.stuck++;
    }
}

/* The running firmware is asked by DETACH, and goes. */
static void leave_for_rom(struct vboard *board)
{
    struct tiny_host host = {.cable = vboard_cable(board), .now = vboard_time_ns(board)};
    CHECK(tiny_attach(&host, RUN_MS_MAX));
    fine(tiny_enumerate(&host));
    CHECK_EQUAL(host.device[8] | host.device[9] << 8, 0x1209);
    CHECK_EQUAL(host.device[10] | host.device[11] << 8, t.facts->product_id);
    CHECK(tiny_control(&host, (const uint8_t[8]){0x21, 0, 0xE8, 3, 2, 0, 0, 0}, NULL, NULL) == CABLE_ACK);
    tiny_step(&host, 60 * MS);
    CHECK(!host.cable.ops->pulled_up(host.cable.device));
    tiny_step(&host, 150 * MS);
    CHECK(vboard_stats(board).rom);
    fine(dfuse_attach(&t.dfu, host.cable, host.now, ROM_MS_MAX));
}

/* Sectors first, as dfu-util does, then all blocks in their order. */
static const char *update(const uint8_t *version)
{
    const char *wrong = NULL;
    for (unsigned i = 0; !wrong && t.facts->sectors[i] && t.facts->sectors[i] < t.facts->base + t.length; i++)
        wrong = dfuse_erase(&t.dfu, t.facts->sectors[i]);
    return wrong ? wrong : dfuse_write(&t.dfu, t.facts->base, version, t.length);
}

static void runs(struct vboard *board, const char *product)
{
    uint8_t bytes[64];
    uint16_t length;
    struct tiny_host host = {.cable = vboard_cable(board), .now = vboard_time_ns(board)};
    CHECK(tiny_attach(&host, RUN_MS_MAX));
    fine(tiny_enumerate(&host));
    CHECK(tiny_control(&host, (const uint8_t[8]){0x80, 6, 2, 3, 9, 4, 64, 0}, bytes, &length) == CABLE_ACK);
    for (unsigned i = 0; product[i]; i++)
        CHECK_EQUAL(bytes[2 + 2 * i], product[i]);
}

static void update_and_cut(const struct facts *facts, unsigned unit)
{
    open_boards(facts);
    leave_for_rom(t.update);
    vboard_flash_watch(t.update, each_operation, NULL);
    fine(update(t.new));
    vboard_flash_watch(t.update, NULL, NULL);
    uint32_t operations = vboard_flash_operations(t.update);
    CHECK_EQUAL(t.boots, operations);
    CHECK(operations > t.length / unit);
    if (t.stuck)
        TEST_FAIL("%u of %u cuts leave a dead board, the first after operation %u", t.stuck, t.boots,
                  t.stuck_at);
    CHECK_EQUAL(t.in_rom + t.in_old + t.in_new, t.boots);
    CHECK_EQUAL(t.in_new, 1); /* after the last one alone */
    CHECK(holds(t.update, t.new));
    fine(dfuse_leave(&t.dfu, facts->base));
    tiny_step(&t.dfu.host, 20 * MS);
    runs(t.update, "plugnet next");
    printf(
        "# %s: power cut after each of %u operations: %u times in the boot loader, %u in a whole version\n",
        facts->board, t.boots, t.in_rom, t.in_old + t.in_new);
    close_boards();
}

/* Real cuts, each followed by the update that the user tries again. */
static void cut_and_repeat(const struct facts *facts)
{
    open_boards(facts);
    uint32_t operations = 0;
    for (unsigned i = 0; i < 12; i++) {
        uint32_t after = i < 6 ? 1 + i : 997 * (i - 5);
        leave_for_rom(t.update);
        if (i % 3 == 0) /* in the middle: a torn unit, whose ECC doesn't fit */
            vboard_cut_within(t.update, after, i);
        else
            vboard_cut_after(t.update, after);
        uint32_t before = vboard_flash_operations(t.update);
        CHECK(update(i % 2 ? t.old : t.new) != NULL);
        CHECK_EQUAL(vboard_flash_operations(t.update) - before, after);
        CHECK(!vboard_stats(t.update).powered);
        vboard_power(t.update, true);
        CHECK_EQUAL(outcome(t.update), 'r');
        fine(dfuse_attach(&t.dfu, vboard_cable(t.update), vboard_time_ns(t.update), ROM_MS_MAX));
        fine(update(i % 2 ? t.old : t.new));
        fine(dfuse_leave(&t.dfu, facts->base));
        tiny_step(&t.dfu.host, 20 * MS);
        runs(t.update, i % 2 ? "plugnet demo" : "plugnet next");
        operations += after;
    }
    CHECK(operations > 0);
    close_boards();
}

/* What the guard must not start: another board's image, a cut one, a longer one than there is, one with a wrong byte. */
static void refuses(const struct facts *facts)
{
    open_boards(facts);
    uint32_t header = header_at(t.old), body = t.length - 4;
    for (unsigned i = 0; i < 6; i++) {
        uint8_t image[IMAGE_MAX];
        memcpy(image, t.old, t.length);
        bool stamp = true;
        switch (i) {
        case 0: image[header + 4] ^= 1; break;                 /* board */
        case 1: image[header] ^= 1; break;                     /* magic */
        case 2: word_put(image + header + 8, body + 2); break; /* not whole words */
        case 3: word_put(image + header + 8, 0x7FFFFFFC); break;
        case 4: word_put(image + header + 8, 8); break;
        default:
            image[body / 2] ^= 0x10;
            stamp = false;
            break;
        }
        if (stamp)
            word_put(image + body, crc(image, body));
        vboard_flash_set(t.cut, facts->base - FLASH, image, t.length);
        vboard_power(t.cut, true);
        if (outcome(t.cut) != 'r')
            TEST_FAIL("the guard starts wrong image number %u", i);
        vboard_power(t.cut, false);
    }
    vboard_flash_set(t.cut, facts->base - FLASH, t.old, t.length);
    vboard_power(t.cut, true);
    CHECK_EQUAL(outcome(t.cut), 'v');
    close_boards();
}

/* The boot loader may start the guard as well as the image; either way the firmware gets a clean machine. */
static void leaves_to_guard(const struct facts *facts)
{
    open_boards(facts);
    leave_for_rom(t.update);
    uint32_t resets = vboard_stats(t.update).resets;
    fine(dfuse_leave(&t.dfu, FLASH));
    tiny_step(&t.dfu.host, 20 * MS);
    runs(t.update, "plugnet demo");
    CHECK(vboard_stats(t.update).resets > resets);
    close_boards();
}

static uint32_t sector_size(const struct facts *facts, uint32_t at)
{
    return facts->product_id == 3 ? 0x800 : at < 0x10000 ? 0x4000 : at < 0x20000 ? 0x10000 : 0x20000;
}

/* The one named exception: the guard's own sector, or one of its pages. BOOT0 is the way back. */
static void first_sector(const struct facts *facts)
{
    open_boards(facts);
    size_t size;
    static uint8_t guard[0x4000];
    memcpy(guard, vboard_flash(t.update, &size), sizeof guard);
    leave_for_rom(t.update);
    fine(dfuse_erase(&t.dfu, FLASH));
    vboard_power_cycle(t.update);
    CHECK_EQUAL(outcome(t.update), '?');
    image_warning[0] = 0; /* the core's lock-up */
    vboard_boot0(t.update, true);
    vboard_power_cycle(t.update);
    fine(dfuse_attach(&t.dfu, vboard_cable(t.update), vboard_time_ns(t.update), ROM_MS_MAX));
    for (uint32_t at = 0; at < sizeof guard; at += sector_size(facts, at))
        fine(dfuse_erase(&t.dfu, FLASH + at));
    fine(dfuse_write(&t.dfu, FLASH, guard, sizeof guard));
    vboard_boot0(t.update, false);
    vboard_power_cycle(t.update);
    CHECK_EQUAL(outcome(t.update), 'v');
    close_boards();
}

/* A board with the first layout, where the image followed the guard: one update of all, from the start of flash. */
static void first_layout(const struct facts *facts)
{
    size_t size;
    open_boards(facts);
    const uint8_t *new = vboard_flash(t.cut, &size);
    uint32_t end = facts->base - FLASH + t.length;
    vboard_free(t.update);
    t.update = image_board(facts->board, BUILD "/test/old/%s/plugnet.elf", NULL);
    leave_for_rom(t.update);
    for (uint32_t at = 0; at < end; at += sector_size(facts, at))
        fine(dfuse_erase(&t.dfu, FLASH + at));
    fine(dfuse_write(&t.dfu, FLASH, new, end));
    fine(dfuse_leave(&t.dfu, FLASH));
    tiny_step(&t.dfu.host, 20 * MS);
    runs(t.update, "plugnet demo");
    CHECK(holds(t.update, t.old));
    vboard_power_cycle(t.update);
    CHECK_EQUAL(outcome(t.update), 'v');
    close_boards();
}

static const struct facts f407 = {"stm32f4discovery", 0x08020000, {0x08020000, 0x08040000, 0x08060000}, 1};
static const struct facts f411 = {"blackpill-f411", 0x08020000, {0x08020000}, 4};

static const struct facts *l476(void)
{
    static struct facts facts = {"32l476gdiscovery", 0x08004000, {0}, 3};
    for (uint32_t i = 0; i < 47; i++)
        facts.sectors[i] = facts.base + 0x800 * i;
    return &facts;
}

TEST(update_f407_cut_after_every_operation)
{
    update_and_cut(&f407, 4);
}

TEST(update_f411_cut_after_every_operation)
{
    update_and_cut(&f411, 4);
}

TEST(update_l476_cut_after_every_operation)
{
    update_and_cut(l476(), 8);
}

TEST(update_again_after_a_cut)
{
    cut_and_repeat(&f407);
    cut_and_repeat(l476());
}

TEST(guard_refuses)
{
    refuses(&f407);
    refuses(&f411);
    refuses(l476());
}

TEST(boot_loader_starts_the_guard)
{
    leaves_to_guard(&f407);
    leaves_to_guard(&f411);
    leaves_to_guard(l476());
}

TEST(first_layout_is_left_in_one_step)
{
    first_layout(&f407);
    first_layout(l476());
}

TEST(first_sector_erased)
{
    first_sector(&f407);
    first_sector(&f411);
    first_sector(l476());
}

TEST_MAIN()
