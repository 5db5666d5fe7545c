/*
 * The boot loader in ROM: what it wants of the machine before it starts, its device on the cable, the flash's rules, and
 * what is left of it afterwards. Firmware is the image script.elf, which jumps where the test says.
 */
/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "test/test.h"

#include "test/vboard/dfuse.h"
#include "test/vboard/script.h"
#include "vboard/board.h"
#include "vboard/cpu.h"

#ifndef IMAGES
#define IMAGES "build/test/vboard/image"
#endif

#define MS       1000000ull
#define COUNT(a) (sizeof(a) / sizeof *(a))

#define F407 "stm32f4discovery"
#define F411 "blackpill-f411"
#define L476 "32l476gdiscovery"

#define ROM         0x1FFF0000u
#define RCC_F4      0x40023800u
#define RCC_L4      0x40021000u
#define MEMRMP_F4   0x40013800u
#define MEMRMP_L4   0x40010000u
#define FREE        0x08010000u /* flash behind the image: in each chip the start of a sector */
#define ERR_TARGET  1
#define ERR_PROG    6
#define ERR_ADDRESS 8
#define ERR_VENDOR  11

struct bench {
    struct vboard *board;
    struct dfuse dfu;
    unsigned warnings;
    char warning[200];
};

static void on_event(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value,
                     const char *text)
{
    struct bench *b = context;
    (void)time_ns;
    (void)value;
    if (event == VBOARD_WARNING && b->warnings++ == 0)
        snprintf(b->warning, sizeof b->warning, "%s", text);
}

static void board_new(struct bench *b, const struct vboard_config *wanted)
{
    char error[300];
    struct vboard_config config = *wanted;
    memset(b, 0, sizeof *b);
    config.event = on_event;
    config.context = b;
    b->board = vboard_new(&config, error, sizeof error);
    if (!b->board)
        TEST_FAIL("%s", error);
}

static void set(struct bench *b, const char *symbol, const void *bytes, size_t size)
{
    uint32_t address, room;
    if (!vboard_symbol(b->board, symbol, &address, &room))
        TEST_FAIL("no symbol %s in the image", symbol);
    CHECK(cpu_memory_write(vboard_cpu(b->board), address, bytes, size));
}

/* Steps that end with the jump. */
static void play(struct bench *b, const struct vboard_model *model, const struct script_step *steps,
                 size_t count)
{
    const struct vboard_config config = {.model = model, .image = IMAGES "/script.elf"};
    struct script_step script[SCRIPT_STEPS_MAX] = {{0}};
    static const uint32_t zero;
    board_new(b, &config);
    memcpy(script, steps, count * sizeof *steps);
    set(b, "script", script, sizeof script);
    set(b, "boots", &zero, sizeof zero);
    vboard_advance(b->board, 20 * MS);
}

#define F4_REMAP                                                                                             \
    {SCRIPT_SET, RCC_F4 + 0x44, 1u << 14, 0},                                                                \
    {                                                                                                        \
        SCRIPT_WRITE, MEMRMP_F4, 1, 0                                                                        \
    }
#define L4_REMAP                                                                                             \
    {SCRIPT_SET, RCC_L4 + 0x60, 1, 0},                                                                       \
    {                                                                                                        \
        SCRIPT_WRITE, MEMRMP_L4, 1, 0                                                                        \
    }
#define JUMP                                                                                                 \
    {                                                                                                        \
        SCRIPT_JUMP, ROM, 0, 0                                                                               \
    }

#define PLAY(b, board, ...)                                                                                  \
    play(b, vboard_model_find(board), (const struct script_step[]){__VA_ARGS__},                             \
         COUNT(((const struct script_step[]){__VA_ARGS__})))

/* It doesn't start, says why, and stays off the bus. */
static void refused(struct bench *b, const char *why)
{
    struct cable cable = vboard_cable(b->board);
    struct vboard_stats stats = vboard_stats(b->board);
    if (!stats.rom_refused || !strstr(stats.rom_refused, why))
        TEST_FAIL("refused: %s; wanted: …%s…", stats.rom_refused ? stats.rom_refused : "no", why);
    CHECK(!stats.rom);
    if (!strstr(b->warning, why))
        TEST_FAIL("warning \"%s\"", b->warning);
    cable.ops->vbus(cable.device, true);
    vboard_advance(b->board, 1000 * MS);
    CHECK(!cable.ops->pulled_up(cable.device));
    vboard_free(b->board);
}

static void attach(struct bench *b)
{
    const char *wrong = dfuse_attach(&b->dfu, vboard_cable(b->board), vboard_time_ns(b->board), 500);
    if (wrong)
        TEST_FAIL("%s; %s", wrong, b->warning);
}

static void fine(const char *wrong)
{
    if (wrong)
        TEST_FAIL("%s", wrong);
}

/* The last command has ended in an error, which CLRSTATUS clears. */
static void failed(struct bench *b, const char *wrong, unsigned status)
{
    CHECK(wrong != NULL);
    CHECK_EQUAL(b->dfu.state, DFUSE_ERROR);
    CHECK_EQUAL(b->dfu.status, status);
    fine(dfuse_clear(&b->dfu));
    CHECK_EQUAL(b->dfu.state, DFUSE_IDLE);
    CHECK_EQUAL(b->dfu.status, 0);
}

static void open_rom(struct bench *b, const char *board)
{
    const struct vboard_config config = {
        .model = vboard_model_find(board), .image = IMAGES "/script.elf", .boot0 = true};
    board_new(b, &config);
    attach(b);
}

static void end(struct bench *b)
{
    CHECK_STRING(b->warning, "");
    vboard_free(b->board);
}

/* ---- What it wants of the machine ---- */

TEST(rom_starts_on_a_clean_machine)
{
    struct bench b;
    PLAY(&b, F407, F4_REMAP, JUMP);
    attach(&b);
    end(&b);
    PLAY(&b, F411, F4_REMAP, JUMP);
    attach(&b);
    end(&b);
    PLAY(&b, L476, L4_REMAP, JUMP);
    attach(&b);
    end(&b);
}

TEST(rom_refuses_primask)
{
    struct bench b;
    PLAY(&b, F407, F4_REMAP, {SCRIPT_MASK, 0, 0, 0}, JUMP);
    refused(&b, "PRIMASK is set");
}

TEST(rom_refuses_iwdg)
{
    struct bench b;
    PLAY(&b, F407, F4_REMAP, {SCRIPT_WRITE, 0x40003000, 0xCCCC, 0}, JUMP);
    CHECK(vboard_stats(b.board).rom_refused != NULL);
    CHECK(strstr(vboard_stats(b.board).rom_refused, "IWDG runs") != NULL);
    vboard_advance(b.board, 1000 * MS); /* and it does reset it */
    CHECK(vboard_stats(b.board).resets > 0);
    vboard_free(b.board);
}

TEST(rom_refuses_wwdg)
{
    struct bench b;
    PLAY(&b, L476, L4_REMAP, {SCRIPT_SET, RCC_L4 + 0x58, 1u << 11, 0}, {SCRIPT_WRITE, 0x40002C00, 0xFF, 0},
         {SCRIPT_WRITE, 0x40002C04, 0x1FF, 0}, JUMP);
    CHECK(vboard_stats(b.board).rom_refused != NULL);
    CHECK(strstr(vboard_stats(b.board).rom_refused, "WWDG runs") != NULL);
    vboard_free(b.board);
}

TEST(rom_refuses_systick)
{
    struct bench b;
    PLAY(&b, F407, F4_REMAP, {SCRIPT_WRITE, 0xE000E014, 0xFFFFFF, 0}, {SCRIPT_WRITE, 0xE000E010, 1, 0}, JUMP);
    refused(&b, "SysTick is on");
}

TEST(rom_refuses_enabled_interrupts)
{
    struct bench b;
    PLAY(&b, F407, F4_REMAP, {SCRIPT_WRITE, 0xE000E108, 1u << 3, 0}, JUMP);
    refused(&b, "an interrupt is enabled in NVIC");
}

TEST(rom_refuses_pending_interrupts)
{
    struct bench b;
    PLAY(&b, L476, L4_REMAP, {SCRIPT_WRITE, 0xE000E204, 1u << 6, 0}, JUMP);
    refused(&b, "an interrupt is pending in NVIC");
}

TEST(rom_refuses_clocks_left)
{
    struct bench b;
    PLAY(&b, F407, F4_REMAP, {SCRIPT_SET, RCC_F4, 1u << 16, 0}, JUMP); /* HSE */
    refused(&b, "clocks are not as after a reset");
    PLAY(&b, F411, F4_REMAP, {SCRIPT_SET, RCC_F4 + 8, 4u << 10, 0}, JUMP); /* a prescaler */
    refused(&b, "clocks are not as after a reset");
    PLAY(&b, L476, L4_REMAP, {SCRIPT_SET, RCC_L4, 1u << 8, 0}, JUMP); /* HSI16 */
    refused(&b, "clocks are not as after a reset");
}

TEST(rom_refuses_flash_at_0)
{
    struct bench b;
    PLAY(&b, F407, JUMP);
    refused(&b, "MEMRMP");
    PLAY(&b, L476, JUMP);
    refused(&b, "MEMRMP");
}

/* An F4's ROM needs HSE for USB; an L4's doesn't. */
TEST(rom_refuses_a_board_without_crystal)
{
    struct bench b;
    struct vboard_model model = *vboard_model_find(F407);
    model.hse_hz = 0;
    play(&b, &model, (const struct script_step[]){F4_REMAP, JUMP}, 3);
    refused(&b, "no such crystal");
}

/* A flash that is empty doesn't start the ROM by itself; BOOT0 does, at the next reset. */
TEST(rom_by_boot0)
{
    struct bench b;
    PLAY(&b, F407, {SCRIPT_READ, ROM, 0, 0});
    CHECK(!vboard_stats(b.board).rom);
    vboard_boot0(b.board, true);
    vboard_advance(b.board, 100 * MS);
    CHECK(!vboard_stats(b.board).rom);
    vboard_reset_button(b.board, true);
    vboard_reset_button(b.board, false);
    attach(&b);
    fine(dfuse_command(&b.dfu, 0x41, 0x08000000));
    vboard_boot0(b.board, false);
    vboard_power_cycle(b.board);
    vboard_advance(b.board, b.dfu.host.now + 100 * MS);
    CHECK(!vboard_stats(b.board).rom);
    CHECK(vboard_stats(b.board).locked_up);
    vboard_boot0(b.board, true);
    vboard_power_cycle(b.board);
    attach(&b);
    end(&b);
}

/* ---- Its device ---- */

static void string_is(struct bench *b, uint8_t number, const char *wanted)
{
    uint8_t bytes[255];
    char text[128] = "";
    uint16_t length = 0;
    const uint8_t get[8] = {0x80, 6, number, 3, 9, 4, 255, 0};
    CHECK(tiny_control(&b->dfu.host, get, bytes, &length) == CABLE_ACK);
    CHECK_EQUAL(bytes[0], length);
    for (unsigned i = 0; 2u + 2 * i < length; i++)
        text[i] = (char)bytes[2 + 2 * i];
    CHECK_STRING(text, wanted);
}

TEST(rom_descriptors)
{
    struct bench b;
    uint16_t length;
    uint8_t bytes[64];
    open_rom(&b, F407);
    CHECK_EQUAL(b.dfu.host.configuration_length, 9 + 4 * 9 + 9);
    CHECK_BYTES(b.dfu.host.configuration + 9, "\x09\x04\x00\x00\x00\xFE\x01\x02\x04", 9);
    CHECK_BYTES(b.dfu.host.configuration + 45, "\x09\x21\x0B\xFF\x00\x00\x08\x1A\x01", 9);
    string_is(&b, 3, "375C386C3438"); /* of the unique ID: words 0 and 2 added, and half of word 1 */
    string_is(&b, 4, "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg");
    string_is(&b, 5, "@Option Bytes  /0x1FFFC000/01*016 e");
    CHECK(tiny_control(&b.dfu.host, (const uint8_t[8]){0x80, 6, 8, 3, 9, 4, 255, 0}, bytes, &length) ==
          CABLE_STALL);
    CHECK(tiny_control(&b.dfu.host, (const uint8_t[8]){0x80, 6, 0, 6, 0, 0, 10, 0}, bytes, &length) ==
          CABLE_STALL);
    CHECK(b.dfu.host.cable.ops->setup(b.dfu.host.cable.device, b.dfu.host.address, 0,
                                      (const uint8_t[8]){0x80, 8, 0, 0, 0, 0, 0, 0}) == CABLE_ACK);
    bool data1 = false; /* GET_CONFIGURATION for nothing: its status stage is IN */
    CHECK(tiny_in_packet(&b.dfu.host, 0, &data1, bytes, &length, 10) == CABLE_ACK && length == 0 && data1);
    CHECK(tiny_control(&b.dfu.host, (const uint8_t[8]){1, 11, 3, 0, 0, 0, 0, 0}, NULL, NULL) == CABLE_ACK);
    CHECK(tiny_control(&b.dfu.host, (const uint8_t[8]){0x81, 10, 0, 0, 0, 0, 1, 0}, bytes, &length) ==
          CABLE_ACK);
    CHECK_EQUAL(bytes[0], 3);
    CHECK(tiny_control(&b.dfu.host, (const uint8_t[8]){1, 11, 4, 0, 0, 0, 0, 0}, NULL, NULL) == CABLE_STALL);
    end(&b);
    open_rom(&b, F411);
    string_is(&b, 4, "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,03*128Kg");
    end(&b);
    open_rom(&b, L476);
    string_is(&b, 4, "@Internal Flash   /0x08000000/512*0002Kg");
    end(&b);
}

static void flash_round(const char *board, uint32_t erased)
{
    static uint8_t out[5000], in[5000];
    struct bench b;
    size_t size;
    open_rom(&b, board);
    for (unsigned i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(i * 7 + i / 256);
    uint64_t before = b.dfu.host.now;
    fine(dfuse_erase(&b.dfu, FREE + 12));
    CHECK(b.dfu.host.now - before >= (erased > 0x800 ? 550 : 22) * MS);
    fine(dfuse_erase(&b.dfu, FREE + 0x800));
    fine(dfuse_erase(&b.dfu, FREE + 0x1000));
    fine(dfuse_write(&b.dfu, FREE, out, sizeof out));
    CHECK_BYTES(vboard_flash(b.board, &size) + (FREE - 0x08000000), out, sizeof out);
    fine(dfuse_read(&b.dfu, FREE, in, sizeof in));
    CHECK_BYTES(in, out, sizeof in);
    fine(dfuse_erase(&b.dfu, FREE));
    for (uint32_t i = 0; i < erased; i++)
        CHECK_EQUAL(vboard_flash(b.board, &size)[FREE - 0x08000000 + i], 0xFF);
    if (erased < 0x1000)
        CHECK_BYTES(vboard_flash(b.board, &size) + (FREE - 0x08000000) + erased, out + erased, 0x800);
    CHECK_EQUAL(vboard_flash_operations(b.board), 4 + (erased > 0x800 ? 5000 / 4 : 5000 / 8));
    end(&b);
}

TEST(rom_writes_and_reads_flash)
{
    flash_round(F407, 0x10000);
    flash_round(F411, 0x10000);
    flash_round(L476, 0x800);
}

TEST(rom_mass_erase)
{
    struct bench b;
    size_t size;
    open_rom(&b, F411);
    CHECK(vboard_flash(b.board, &size)[0] != 0xFF);
    fine(dfuse_download(&b.dfu, 0, (const uint8_t[]){0x41}, 1));
    for (size_t i = 0; i < 0x80000; i++)
        CHECK_EQUAL(vboard_flash(b.board, &size)[i], 0xFF);
    CHECK_EQUAL(size, 0x80000);
    end(&b);
}

TEST(rom_wrong_addresses)
{
    struct bench b;
    uint8_t bytes[8] = {1};
    uint16_t actual;
    open_rom(&b, F411);
    uint32_t before = vboard_flash_operations(b.board);
    failed(&b, dfuse_erase(&b.dfu, 0x08080000), ERR_TARGET); /* the first byte that isn't there */
    failed(&b, dfuse_erase(&b.dfu, 0x20000000), ERR_TARGET);
    failed(&b, dfuse_write(&b.dfu, 0x0807FFFC, bytes, 8), ERR_ADDRESS);
    failed(&b, dfuse_write(&b.dfu, 0x07FFFFFC, bytes, 8), ERR_ADDRESS);
    failed(&b, dfuse_write(&b.dfu, FREE + 2, bytes, 8), ERR_ADDRESS);
    fine(dfuse_command(&b.dfu, 0x21, 0x08080000));
    fine(dfuse_abort(&b.dfu));
    CHECK(dfuse_request(&b.dfu, true, 2, 2, bytes, 8, &actual) == CABLE_STALL);
    fine(dfuse_status(&b.dfu));
    failed(&b, "UPLOAD", ERR_ADDRESS);
    CHECK_EQUAL(vboard_flash_operations(b.board), before);
    end(&b);
}

TEST(rom_requests_out_of_place)
{
    struct bench b;
    uint8_t bytes[DFUSE_BLOCK] = {0};
    uint16_t actual;
    open_rom(&b, F407);
    CHECK(dfuse_request(&b.dfu, false, 1, 0, bytes, 5, NULL) == CABLE_ACK);
    CHECK(dfuse_request(&b.dfu, false, 1, 0, bytes, 5, NULL) == CABLE_STALL); /* DNLOAD before GETSTATUS */
    fine(dfuse_status(&b.dfu));
    failed(&b, "DNLOAD", 15);
    CHECK(dfuse_request(&b.dfu, true, 2, 1, bytes, 8, &actual) == CABLE_STALL); /* there is no block 1 */
    fine(dfuse_clear(&b.dfu));
    CHECK(dfuse_request(&b.dfu, false, 77, 0, NULL, 0, NULL) == CABLE_STALL);
    fine(dfuse_clear(&b.dfu));
    failed(&b, dfuse_download(&b.dfu, 0, (const uint8_t[]){0x55, 1}, 2), 15); /* no such command */
    CHECK(dfuse_request(&b.dfu, true, 2, 0, bytes, 64, &actual) == CABLE_ACK);
    CHECK_EQUAL(actual, 4);
    CHECK_BYTES(bytes, "\x00\x21\x41\x92", 4);
    CHECK(dfuse_request(&b.dfu, true, 5, 0, bytes, 1, &actual) == CABLE_ACK);
    CHECK_EQUAL(bytes[0], DFUSE_IDLE);
    end(&b);
}

/* The F4 ANDs and says nothing to the host, so we do; the L4 refuses. */
TEST(rom_programs_what_is_not_erased)
{
    const uint8_t old[8] = {0xF0, 0xF0, 0, 0, 0, 0, 0, 0}, new[8] = {0x0F, 0xFF, 1, 0, 0, 0, 0, 0};
    struct bench b;
    size_t size;
    open_rom(&b, F407);
    fine(dfuse_erase(&b.dfu, FREE));
    fine(dfuse_write(&b.dfu, FREE, old, 8));
    CHECK_STRING(b.warning, "");
    fine(dfuse_write(&b.dfu, FREE, new, 8));
    CHECK_BYTES(vboard_flash(b.board, &size) + (FREE - 0x08000000), "\x00\xF0\0\0", 4);
    CHECK(strstr(b.warning, "0x0f programmed at 0x08010000, which holds 0xf0 and wasn't erased") != NULL);
    vboard_free(b.board);
    open_rom(&b, L476);
    fine(dfuse_erase(&b.dfu, FREE));
    fine(dfuse_write(&b.dfu, FREE, old, 8));
    failed(&b, dfuse_write(&b.dfu, FREE, new, 8), ERR_PROG);
    CHECK_BYTES(vboard_flash(b.board, &size) + (FREE - 0x08000000), old, 8);
    end(&b);
}

TEST(rom_read_out_protection)
{
    struct bench b;
    uint8_t bytes[8];
    uint16_t actual;
    size_t size;
    open_rom(&b, L476);
    vboard_read_protect(b.board, true);
    failed(&b, dfuse_erase(&b.dfu, FREE), ERR_VENDOR);
    failed(&b, dfuse_command(&b.dfu, 0x21, FREE), ERR_VENDOR);
    CHECK(dfuse_request(&b.dfu, true, 2, 2, bytes, 8, &actual) == CABLE_STALL);
    fine(dfuse_status(&b.dfu));
    failed(&b, "UPLOAD", ERR_VENDOR);
    CHECK(vboard_flash(b.board, &size)[0] != 0xFF);
    /* Unprotecting erases everything and resets. */
    uint32_t resets = vboard_stats(b.board).resets;
    CHECK(dfuse_download(&b.dfu, 0, (const uint8_t[]){0x92}, 1) != NULL);
    CHECK_EQUAL(vboard_stats(b.board).resets, resets + 1);
    CHECK_EQUAL(vboard_flash(b.board, &size)[0], 0xFF);
    attach(&b);
    fine(dfuse_read(&b.dfu, FREE, bytes, 8));
    end(&b);
}

/* ---- Unplugged, cut, kept ---- */

TEST(rom_unplugged_in_the_middle)
{
    static const uint8_t bytes[DFUSE_BLOCK];
    struct bench b;
    uint8_t data[DFUSE_BLOCK] = {0};
    open_rom(&b, F407);
    fine(dfuse_erase(&b.dfu, FREE));
    fine(dfuse_command(&b.dfu, 0x21, FREE));
    CHECK(dfuse_request(&b.dfu, false, 1, 2, data, sizeof data, NULL) == CABLE_ACK);
    fine(dfuse_status(&b.dfu));
    CHECK_EQUAL(b.dfu.state, DFUSE_BUSY);
    b.dfu.host.cable.ops->vbus(b.dfu.host.cable.device, false);
    CHECK(!b.dfu.host.cable.ops->pulled_up(b.dfu.host.cable.device));
    CHECK(dfuse_status(&b.dfu) != NULL);
    vboard_advance(b.board, b.dfu.host.now + 100 * MS);
    attach(&b);
    CHECK_EQUAL(b.dfu.state, DFUSE_IDLE);
    fine(dfuse_erase(&b.dfu, FREE));
    fine(dfuse_write(&b.dfu, FREE, bytes, sizeof bytes));
    end(&b);
}

/* Power goes after just so many operations; what was done stays, the rest isn't there. */
TEST(rom_power_cut)
{
    static const uint8_t zeros[64];
    for (unsigned cut = 1; cut <= 9; cut++) {
        struct bench b;
        size_t size;
        open_rom(&b, L476);
        vboard_cut_after(b.board, cut);
        CHECK(dfuse_erase(&b.dfu, FREE) != NULL || dfuse_write(&b.dfu, FREE, zeros, 64) != NULL || cut == 9);
        CHECK(!vboard_stats(b.board).powered);
        CHECK_EQUAL(vboard_flash_operations(b.board), cut);
        for (unsigned i = 0; i < 64; i++)
            CHECK_EQUAL(vboard_flash(b.board, &size)[FREE - 0x08000000 + i], i < 8 * (cut - 1) ? 0 : 0xFF);
        vboard_power(b.board, true);
        attach(&b);
        end(&b);
    }
}

/* In the middle of an erase: neither old nor new. */
TEST(rom_power_cut_in_an_erase)
{
    struct bench b;
    size_t size;
    unsigned old = 0, erased = 0, other = 0;
    const uint8_t command[5] = {0x41, 0, 0, 1, 8};
    static const uint8_t zeros[DFUSE_BLOCK];
    open_rom(&b, F407);
    fine(dfuse_erase(&b.dfu, FREE));
    fine(dfuse_write(&b.dfu, FREE, zeros, sizeof zeros));
    uint8_t data[5];
    memcpy(data, command, 5);
    CHECK(dfuse_request(&b.dfu, false, 1, 0, data, 5, NULL) == CABLE_ACK);
    fine(dfuse_status(&b.dfu));
    CHECK_EQUAL(b.dfu.state, DFUSE_BUSY);
    vboard_power_cycle(b.board);
    for (unsigned i = 0; i < DFUSE_BLOCK; i++) {
        uint8_t byte = vboard_flash(b.board, &size)[FREE - 0x08000000 + i];
        old += byte == 0;
        erased += byte == 0xFF;
        other += byte != 0 && byte != 0xFF;
    }
    CHECK(other > 1000);
    CHECK(old + erased < 100);
    end(&b);
}

/* The file follows each operation: a program that is killed loses nothing that was done. */
TEST(rom_flash_file)
{
    static const uint8_t zeros[64];
    static uint8_t bytes[0x100000];
    char path[] = "/tmp/plugnet-flash-XXXXXX";
    int file = mkstemp(path);
    struct bench b;
    size_t size;
    CHECK(file >= 0 && unlink(path) == 0);
    close(file);
    struct vboard_config config = {
        .model = vboard_model_find(F407), .image = IMAGES "/script.elf", .flash = path, .boot0 = true};
    board_new(&b, &config);
    attach(&b);
    fine(dfuse_erase(&b.dfu, FREE));
    fine(dfuse_write(&b.dfu, FREE, zeros, sizeof zeros));
    FILE *stream = fopen(path, "rb"); /* while the board is still there */
    CHECK(stream != NULL);
    CHECK_EQUAL(fread(bytes, 1, sizeof bytes, stream), sizeof bytes);
    fclose(stream);
    CHECK_BYTES(bytes, vboard_flash(b.board, &size), 0x100000);
    CHECK_BYTES(bytes + (FREE - 0x08000000), zeros, sizeof zeros);
    CHECK_EQUAL(vboard_flash_error(b.board), 0);
    vboard_free(b.board);
    config.image = NULL;
    board_new(&b, &config);
    CHECK_BYTES(vboard_flash(b.board, &size) + (FREE - 0x08000000), zeros, sizeof zeros);
    unlink(path);
    end(&b);
}

/* ---- The end ---- */

/* The application begins with the ROM's clocks, remapped memory and masked interrupts. */
static void leftovers(const char *board, uint32_t rcc, uint32_t memrmp, uint32_t cr)
{
    struct bench b;
    bool l4 = rcc == RCC_L4;
    const struct script_step steps[] = {{SCRIPT_READ, rcc, 0, 0},
                                        {SCRIPT_SET, rcc + (l4 ? 0x60 : 0x44), l4 ? 1 : 1u << 14, 0},
                                        {SCRIPT_READ, memrmp, 0, 0}};
    struct script_step script[SCRIPT_STEPS_MAX] = {{0}};
    uint32_t result[3], address, size;
    static const uint32_t zero;
    open_rom(&b, board);
    memcpy(script, steps, sizeof steps);
    set(&b, "script", script, sizeof script);
    set(&b, "boots", &zero, sizeof zero);
    fine(dfuse_leave(&b.dfu, 0x08000000));
    tiny_step(&b.dfu.host, 50 * MS);
    CHECK(!vboard_stats(b.board).rom);
    CHECK(!b.dfu.host.cable.ops->pulled_up(b.dfu.host.cable.device));
    CHECK(vboard_symbol(b.board, "result", &address, &size));
    CHECK(cpu_memory_read(vboard_cpu(b.board), address, result, sizeof result));
    CHECK_EQUAL(result[0] & cr, cr);
    CHECK_EQUAL(result[2] & 7u, 1);
    CHECK_EQUAL(cpu_register_get(vboard_cpu(b.board), 19) & 1u, 1);
    CHECK_EQUAL(vboard_stats(b.board).clock_hz, 48000000u);
    vboard_free(b.board);
}

/* BOOT0 matters at resets alone. */
TEST(rom_leaves_with_boot0_high)
{
    struct bench b;
    open_rom(&b, F411);
    fine(dfuse_leave(&b.dfu, 0x08000000));
    tiny_step(&b.dfu.host, 50 * MS);
    CHECK(!vboard_stats(b.board).rom);
    CHECK(vboard_stats(b.board).rom_refused == NULL);
    CHECK_STRING(b.warning, "");
    vboard_reset_button(b.board, true);
    vboard_reset_button(b.board, false);
    CHECK(vboard_stats(b.board).rom);
    end(&b);
}

TEST(rom_leaves_its_clocks)
{
    leftovers(F407, RCC_F4, MEMRMP_F4, 1u << 16 | 1u << 24);
    leftovers(F411, RCC_F4, MEMRMP_F4, 1u << 16 | 1u << 24);
    leftovers(L476, RCC_L4, MEMRMP_L4, 11u << 4);
}

TEST_MAIN()
