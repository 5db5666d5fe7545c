/*
 * What is different about each chip of the virtual board: clocks, power, flash, USB, memories, told apart by small
 * scripts that the image test/vboard/image/script.c runs instruction by instruction.
 *
 * What is expected comes from ST's headers and what is known of the reference manuals, in virtual time.
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"

#include "test/vboard/script.h"
#include "vboard/board.h"
#include "vboard/cpu.h"

#ifndef IMAGES
#define IMAGES "build/test/vboard/image"
#endif

#define MS 1000000ull

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct bench {
    struct vboard *board;
    struct cable cable;
    unsigned warnings, unmodelled;
    char warning[2][200];
    char serial[80];
    const char *wanted; /* a line with this in it is kept */
};

static void on_event(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value,
                     const char *text)
{
    struct bench *b = context;
    (void)time_ns;
    (void)value;
    if (event == VBOARD_UNMODELLED)
        b->unmodelled++;
    if (event == VBOARD_WARNING && b->warnings++ < 2)
        snprintf(b->warning[b->warnings - 1], sizeof b->warning[0], "%s", text);
    if (event == VBOARD_SERIAL && (!b->wanted || !strstr(b->serial, b->wanted)))
        snprintf(b->serial, sizeof b->serial, "%s", text);
}

static uint32_t address_of(struct bench *b, const char *symbol)
{
    uint32_t address = 0, size;
    if (!vboard_symbol(b->board, symbol, &address, &size))
        TEST_FAIL("no symbol %s in the image", symbol);
    return address;
}

static uint32_t word(struct bench *b, const char *symbol, unsigned index)
{
    uint32_t value = 0;
    if (!cpu_memory_read(vboard_cpu(b->board), address_of(b, symbol) + 4 * index, &value, 4))
        TEST_FAIL("%s can't be read", symbol);
    return value;
}

static void board_open(struct bench *b, const struct vboard_model *model, const struct script_step *steps,
                       size_t count)
{
    static const uint32_t zero;
    char error[300];
    struct vboard_config config = {
        .model = model, .image = IMAGES "/script.elf", .event = on_event, .context = b};
    struct script_step script[SCRIPT_STEPS_MAX] = {{0}};
    memset(b, 0, sizeof *b);
    CHECK(model != NULL && count < SCRIPT_STEPS_MAX);
    b->board = vboard_new(&config, error, sizeof error);
    if (!b->board)
        TEST_FAIL("%s", error);
    b->cable = vboard_cable(b->board);
    memcpy(script, steps, count * sizeof *steps);
    cpu_memory_write(vboard_cpu(b->board), address_of(b, "script"), script, sizeof script);
    cpu_memory_write(vboard_cpu(b->board), address_of(b, "boots"), &zero, 4);
    cpu_memory_write(vboard_cpu(b->board), address_of(b, "done"), &zero, 4);
}

/* Until the script has ended in its boot number `boots`. */
static void run_boots(struct bench *b, uint32_t boots, uint64_t limit_ns)
{
    for (uint64_t t = vboard_time_ns(b->board); word(b, "done", 0) != boots; t += 20000) {
        if (t > limit_ns)
            TEST_FAIL("not done after %llu ns; %s", (unsigned long long)t, b->warning[0]);
        vboard_advance(b->board, t);
    }
}

static void play_on(struct bench *b, const char *board, const struct script_step *steps, size_t count)
{
    board_open(b, vboard_model_find(board), steps, count);
    run_boots(b, 1, 10000 * MS);
}

/* Runs the steps on a board; they must end. */
#define PLAY(b, board, ...)                                                                                  \
    play_on(b, board, (const struct script_step[]){__VA_ARGS__},                                             \
            COUNT(((const struct script_step[]){__VA_ARGS__})))

static void clean(struct bench *b)
{
    CHECK_STRING(b->warning[0], "");
    CHECK_EQUAL(b->warnings + b->unmodelled, 0);
    vboard_free(b->board);
}

static void warned(struct bench *b, const char *what)
{
    if (!strstr(b->warning[0], what))
        TEST_FAIL("warning \"%s\" instead of \"…%s…\"", b->warning[0], what);
    CHECK_EQUAL(b->warnings, 1);
    vboard_free(b->board);
}

/* ---- STM32L476 ---- */

#define L476 "32l476gdiscovery"

#define L4_RCC(offset)   (0x40021000u + (offset))
#define L4_CR            L4_RCC(0x00)
#define L4_CFGR          L4_RCC(0x08)
#define L4_PLLCFGR       L4_RCC(0x0C)
#define L4_AHB2ENR       L4_RCC(0x4C)
#define L4_APB1ENR1      L4_RCC(0x58)
#define L4_APB2ENR       L4_RCC(0x60)
#define L4_CCIPR         L4_RCC(0x88)
#define L4_BDCR          L4_RCC(0x90)
#define L4_CSR           L4_RCC(0x94)
#define L4_PWR_CR1       0x40007000u
#define L4_PWR_CR2       0x40007004u
#define L4_FLASH(offset) (0x40022000u + (offset))
#define L4_GPIO(port)    (0x48000000u + 0x400u * ((port) - 'A'))
#define OTG(offset)      (0x50000000u + (offset))
#define AIRCR            0xE000ED0Cu

#define R(address)                                                                                           \
    {                                                                                                        \
        SCRIPT_READ, address, 0, 0                                                                           \
    }
#define W(address, value)                                                                                    \
    {                                                                                                        \
        SCRIPT_WRITE, address, value, 0                                                                      \
    }
#define S(address, value)                                                                                    \
    {                                                                                                        \
        SCRIPT_SET, address, value, 0                                                                        \
    }
#define C(address, value)                                                                                    \
    {                                                                                                        \
        SCRIPT_CLEAR, address, value, 0                                                                      \
    }
#define A(address, mask, value)                                                                              \
    {                                                                                                        \
        SCRIPT_WAIT, address, value, mask                                                                    \
    }

#define L4_48MHZ  W(L4_FLASH(0), 0x702), W(L4_CR, 0xBB)
#define L4_LSE    S(L4_APB1ENR1, 1u << 28), S(L4_PWR_CR1, 1u << 8), S(L4_BDCR, 1), A(L4_BDCR, 2, 2)
#define L4_MSIPLL S(L4_CR, 1u << 2)

TEST(l476_identity_and_memories)
{
    struct bench b;
    PLAY(&b, L476, R(0x1FFF7590), R(0x1FFF7594), R(0x1FFF7598), R(0x1FFF75E0), R(0xE0042000),
         R(L4_FLASH(0x20)), W(0x10000000, 0x12345678), W(0x10007FFC, 0x9ABCDEF0), W(0x20017FFC, 0x55AA55AA),
         R(0x1FFF7800), R(OTG(0x3C)), R(L4_CR), R(L4_CSR));
    CHECK_EQUAL(word(&b, "result", 0), 0x0029003A);
    CHECK_EQUAL(word(&b, "result", 2), 0x37333832);
    CHECK_EQUAL(word(&b, "result", 3) & 0xFFFF, 1024);
    CHECK_EQUAL(word(&b, "result", 4) & 0xFFF, 0x415);
    CHECK_EQUAL(word(&b, "result", 5), 0xFFEFF8AA);
    CHECK_EQUAL(word(&b, "result", 6), 0x12345678);
    CHECK_EQUAL(word(&b, "result", 7), 0x9ABCDEF0);
    CHECK_EQUAL(word(&b, "result", 8), 0x55AA55AA);
    CHECK_EQUAL(word(&b, "result", 9), 0xFFEFF8AA);
    CHECK_EQUAL(word(&b, "result", 11), 0x63);             /* MSI, range 6 */
    CHECK_EQUAL(word(&b, "result", 12) >> 24, 0x0C);       /* power-on and pin */
    CHECK_EQUAL(vboard_stats(b.board).clock_hz, 4000000u); /* what range 6 means */
    warned(&b, "OTG_FS: 0x5000003c accessed while its clock is off");
}

/* Past SRAM1 there is nothing. */
TEST(l476_no_memory_behind_sram1)
{
    static const struct script_step steps[] = {R(0x20018000)};
    struct bench b;
    board_open(&b, vboard_model_find(L476), steps, COUNT(steps));
    vboard_advance(b.board, 5 * MS);
    CHECK_EQUAL(word(&b, "done", 0), 0);
    CHECK_EQUAL(word(&b, "fault_status", 0), 0x8200);
    CHECK_EQUAL(word(&b, "fault_status", 1), 0x20018000);
    clean(&b);
}

TEST(l476_msi_ranges)
{
    static const uint32_t hz[12] = {100000,  200000,  400000,   800000,   1000000,  2000000,
                                    4000000, 8000000, 16000000, 24000000, 32000000, 48000000};
    for (uint32_t range = 0; range < 12; range++) {
        struct bench b;
        PLAY(&b, L476, W(L4_FLASH(0), 0x702), W(L4_CR, range << 4 | 0xB));
        CHECK_EQUAL(vboard_stats(b.board).clock_hz, hz[range]);
        clean(&b);
    }
}

TEST(l476_wait_states_are_checked)
{
    struct bench b;
    PLAY(&b, L476, W(L4_FLASH(0), 0x701), W(L4_CR, 0xBB));
    warned(&b, "1 wait states are too few for 48 MHz in voltage range 1");
    PLAY(&b, L476, W(L4_FLASH(0), 0x702), W(L4_CR, 0xBB), W(L4_FLASH(0), 0x700));
    warned(&b, "0 wait states are too few for 48 MHz in voltage range 1");
}

TEST(l476_voltage_ranges)
{
    struct bench b;
    PLAY(&b, L476, S(L4_APB1ENR1, 1u << 28), W(L4_FLASH(0), 0x703), W(L4_PWR_CR1, 2u << 9), W(L4_CR, 0x9B));
    CHECK_EQUAL(vboard_stats(b.board).clock_hz, 24000000u);
    clean(&b);
    PLAY(&b, L476, S(L4_APB1ENR1, 1u << 28), W(L4_FLASH(0), 0x707), W(L4_PWR_CR1, 2u << 9), W(L4_CR, 0xAB));
    warned(&b, "voltage range 2 is good for 26 MHz, not for 32");
    PLAY(&b, L476, S(L4_APB1ENR1, 1u << 28), W(L4_PWR_CR1, 0));
    CHECK_EQUAL(word(&b, "result", 1), 0x200);
    warned(&b, "no voltage range 0");
}

TEST(l476_lse_needs_the_backup_domain_open)
{
    struct bench b;
    PLAY(&b, L476, S(L4_APB1ENR1, 1u << 28), S(L4_BDCR, 1));
    CHECK_EQUAL(word(&b, "result", 1), 0);
    warned(&b, "BDCR written while PWR_CR1.DBP is 0");
}

TEST(l476_lse_takes_two_seconds_and_disciplines_msi)
{
    struct bench b;
    PLAY(&b, L476, L4_48MHZ, L4_LSE, L4_MSIPLL);
    CHECK(vboard_time_ns(b.board) > 2000 * MS && vboard_time_ns(b.board) < 2010 * MS);
    CHECK_EQUAL(vboard_stats(b.board).clock_hz, 1465u * 32768u);
    clean(&b);
}

TEST(l476_msi_is_not_disciplined_before_lse_runs)
{
    struct bench b;
    PLAY(&b, L476, L4_48MHZ, L4_MSIPLL);
    CHECK_EQUAL(word(&b, "result", 2) & 4, 0);
    warned(&b, "MSIPLLEN set while LSE isn't ready");
}

TEST(l476_lse_outlives_resets_but_not_power)
{
    static const struct script_step steps[] = {L4_LSE, {SCRIPT_ONCE, AIRCR, 0x05FA0004, 0}};
    struct bench b;
    board_open(&b, vboard_model_find(L476), steps, COUNT(steps));
    run_boots(&b, 2, 2100 * MS);
    CHECK(vboard_time_ns(b.board) < 2010 * MS); /* the second time it was there at once */
    CHECK_EQUAL(word(&b, "result", 3), 1);
    uint32_t bdcr = 0;
    CHECK(cpu_memory_read(vboard_cpu(b.board), L4_BDCR, &bdcr, 4) && bdcr == 3);
    vboard_power_cycle(b.board);
    CHECK(cpu_memory_read(vboard_cpu(b.board), L4_BDCR, &bdcr, 4) && bdcr == 0);
    vboard_free(b.board);
}

TEST(l476_pll)
{
    struct bench b;
    /* HSI16 / 1 * 10 / 2 = 80 MHz. */
    PLAY(&b, L476, W(L4_FLASH(0), 0x704), S(L4_CR, 1u << 8), A(L4_CR, 1u << 10, 1u << 10),
         W(L4_PLLCFGR, 2u | 10u << 8 | 1u << 24), S(L4_CR, 1u << 24), A(L4_CR, 1u << 25, 1u << 25),
         W(L4_CFGR, 3), A(L4_CFGR, 0xC, 0xC));
    CHECK_EQUAL(vboard_stats(b.board).clock_hz, 80000000u);
    clean(&b);
    PLAY(&b, L476, S(L4_CR, 1u << 8), W(L4_PLLCFGR, 2u | 10u << 8), S(L4_CR, 1u << 24),
         A(L4_CR, 1u << 25, 1u << 25), W(L4_PLLCFGR, 2u | 20u << 8));
    CHECK_EQUAL(word(&b, "result", 4), 2u | 10u << 8);
    warned(&b, "configuration written while it is on");
}

/* All that USB needs, in steps that can be left out one by one. */
static const struct script_step usb_steps[] = {
    L4_48MHZ,
    L4_LSE,
    L4_MSIPLL,
    S(L4_PWR_CR2, 1u << 10),         /* 7: USV */
    S(L4_CCIPR, 3u << 26),           /* 8 */
    S(L4_AHB2ENR, 1u << 12 | 1),     /* OTG_FS, GPIOA */
    W(L4_GPIO('A') + 0x24, 0xAA000), /* 10: PA11, PA12 AF10 */
    W(L4_GPIO('A'), 0xAABFFFFF),
    S(OTG(0x000), 3u << 6), /* 12: session valid by override */
    W(OTG(0x038), 1u << 16),
    C(OTG(0x804), 2),
};

static void usb_play(struct bench *b, int left_out, struct script_step instead)
{
    struct script_step steps[COUNT(usb_steps)];
    memcpy(steps, usb_steps, sizeof steps);
    if (left_out >= 0)
        steps[left_out] = instead;
    board_open(b, vboard_model_find(L476), steps, COUNT(steps));
    b->cable.ops->vbus(b->cable.device, true);
    for (uint64_t t = 0; t < 2200 * MS; t += 50 * MS) {
        b->cable.ops->advance(b->cable.device, t);
        (void)b->cable.ops->pulled_up(b->cable.device);
    }
}

TEST(l476_usb_attaches)
{
    struct bench b;
    usb_play(&b, -1, usb_steps[0]);
    CHECK(b.cable.ops->pulled_up(b.cable.device));
    clean(&b);
}

TEST(l476_usb_says_what_is_missing)
{
    static const struct {
        int step;
        struct script_step instead;
        const char *why;
    } cases[] = {
        {6, R(L4_CR), "MSI isn't disciplined by LSE"},
        {7, R(L4_CR), "PWR_CR2.USV is 0"},
        {8, R(L4_CR), "CCIPR.CLK48SEL chooses no clock"},
        {8, S(L4_CCIPR, 2u << 26), "the clock that CCIPR.CLK48SEL chooses doesn't run"},
        {10, R(L4_CR), "PA11 and PA12 are not both set to alternate function 10"},
        {12, R(L4_CR), "GCCFG.VBDEN is off and GOTGCTL.BVALOEN"},
        {12, S(OTG(0x000), 1u << 6), "BVALOEN is set, but BVALOVAL isn't"},
        {1, W(L4_CR, 0xAB), "gives 32014336 Hz instead of 48 MHz"},
    };
    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct bench b;
        usb_play(&b, cases[i].step, cases[i].instead);
        CHECK(!b.cable.ops->pulled_up(b.cable.device));
        warned(&b, cases[i].why);
    }
}

/* PA9 is not VBUS on this board, so sensing sees nothing. */
TEST(l476_usb_vbus_sensing_needs_the_pin)
{
    struct bench b;
    struct script_step sensing = {SCRIPT_WRITE, OTG(0x038), 1u << 16 | 1u << 21, 0};
    struct script_step steps[COUNT(usb_steps)];
    memcpy(steps, usb_steps, sizeof steps);
    steps[12] = steps[13];
    steps[13] = sensing;
    board_open(&b, vboard_model_find(L476), steps, COUNT(steps));
    b.cable.ops->vbus(b.cable.device, true);
    for (uint64_t t = 0; t < 2200 * MS; t += 50 * MS) {
        b.cable.ops->advance(b.cable.device, t);
        CHECK(!b.cable.ops->pulled_up(b.cable.device));
    }
    warned(&b, "VBUS is sensed on PA9, but the board doesn't lead it there");
}

/* ---- Flash of the STM32L4 ---- */

#define L4_UNLOCK      W(L4_FLASH(0x08), 0x45670123), W(L4_FLASH(0x08), 0xCDEF89AB)
#define L4_SR          L4_FLASH(0x10)
#define L4_FCR         L4_FLASH(0x14)
#define L4_IDLE        A(L4_SR, 1u << 16, 0)
#define L4_BANK2       0x08080000u
#define L4_PAGE2(n)    (1u << 1 | (n) << 3 | 1u << 11 | 1u << 16) /* erase page n of bank 2 */
#define PAIR(at, a, b) W(at, a), W((at) + 4, b), L4_IDLE

TEST(l476_flash_programs_double_words)
{
    struct bench b;
    PLAY(&b, L476, L4_UNLOCK, S(L4_FCR, 1), PAIR(L4_BANK2, 0x11223344, 0x55667788), R(L4_BANK2),
         R(L4_BANK2 + 4), PAIR(L4_BANK2, 0, 0), R(L4_BANK2), R(L4_SR), PAIR(L4_BANK2 + 8, 1, 2),
         PAIR(L4_BANK2 + 8, 3, 4), R(L4_SR), R(L4_BANK2 + 8));
    CHECK_EQUAL(word(&b, "result", 6), 0x11223344);
    CHECK_EQUAL(word(&b, "result", 7), 0x55667788);
    CHECK_EQUAL(word(&b, "result", 11), 0); /* zeros may overwrite anything */
    CHECK_EQUAL(word(&b, "result", 12), 0);
    CHECK_EQUAL(word(&b, "result", 19), 1u << 3); /* PROGERR: was not erased */
    CHECK_EQUAL(word(&b, "result", 20), 1);
    clean(&b);
}

TEST(l476_flash_errors)
{
    struct bench b;
    PLAY(&b, L476, L4_UNLOCK, S(L4_FCR, 1), {SCRIPT_WRITE16, L4_BANK2, 0x1234, 0}, W(L4_SR, 0x3FA), R(L4_SR),
         W(L4_BANK2 + 4, 1), R(L4_SR), PAIR(L4_BANK2, 1, 2), R(L4_SR), R(L4_BANK2));
    CHECK_EQUAL(word(&b, "result", 5), 0);
    CHECK_EQUAL(word(&b, "result", 7), 1u << 5);            /* PGAERR: the second half first */
    CHECK_EQUAL(word(&b, "result", 11), 1u << 5 | 1u << 7); /* and PGSERR while that stands */
    CHECK_EQUAL(word(&b, "result", 12), 0xFFFFFFFF);
    clean(&b);
    PLAY(&b, L476, L4_UNLOCK, S(L4_FCR, 1), {SCRIPT_WRITE16, L4_BANK2, 0x1234, 0}, R(L4_SR));
    CHECK_EQUAL(word(&b, "result", 4), 1u << 6); /* SIZERR */
    clean(&b);
    PLAY(&b, L476, S(L4_FCR, 1), R(L4_FCR));
    CHECK_EQUAL(word(&b, "result", 1) >> 31, 1);
    warned(&b, "CR written while it is locked");
}

/* Pages of 2 KiB; the core, which runs from bank 1, goes on while bank 2 is busy, and stands still for its own. */
TEST(l476_flash_erases_pages_of_banks)
{
    struct bench b;
    PLAY(&b, L476, L4_UNLOCK, S(L4_FCR, 1), PAIR(L4_BANK2 + 0x7F8, 1, 2), PAIR(L4_BANK2 + 0x800, 3, 4),
         C(L4_FCR, 1), W(L4_FCR, L4_PAGE2(0)), R(L4_SR), L4_IDLE, R(L4_BANK2 + 0x7F8), R(L4_BANK2 + 0x800));
    CHECK_EQUAL(word(&b, "result", 11), 1u << 16); /* seen busy */
    CHECK_EQUAL(word(&b, "result", 13), 0xFFFFFFFF);
    CHECK_EQUAL(word(&b, "result", 14), 3);
    CHECK(vboard_time_ns(b.board) > 22 * MS && vboard_time_ns(b.board) < 24 * MS);
    clean(&b);
    PLAY(&b, L476, L4_UNLOCK, W(L4_FCR, 1u << 1 | 255u << 3 | 1u << 16), R(L4_SR));
    CHECK_EQUAL(word(&b, "result", 3), 0); /* over, by the time the core could look */
    CHECK(vboard_time_ns(b.board) > 22 * MS);
    clean(&b);
}

/* ---- Peripherals of the STM32L4 ---- */

TEST(l476_usart_and_pins)
{
    struct bench b;
    const uint32_t uart = 0x40004400;
    PLAY(&b, L476, S(L4_AHB2ENR, 1u << 1 | 1u << 4), S(L4_APB1ENR1, 1u << 17), W(uart + 0x0C, 35),
         W(uart, 0xD), R(uart + 0x1C), W(uart + 0x28, 'o'), A(uart + 0x1C, 0x80, 0x80), W(uart + 0x28, 'k'),
         A(uart + 0x1C, 0x40, 0x40), W(uart + 0x28, '\n'), A(uart + 0x1C, 0x40, 0x40), W(uart + 0x20, 0x40),
         R(uart + 0x1C), W(uart + 0x0C, 70), C(L4_GPIO('E'), 2u << 16), W(L4_GPIO('E') + 0x18, 1u << 8),
         R(L4_GPIO('E') + 0x14), W(L4_GPIO('E') + 0x28, 1u << 8), R(L4_GPIO('E') + 0x14));
    CHECK_STRING(b.serial, "[usart2] ok");
    CHECK_EQUAL(word(&b, "result", 4), 0x6000C0); /* TXE, TC, TEACK, REACK */
    CHECK_EQUAL(word(&b, "result", 12) & 0x40, 0);
    CHECK_EQUAL(word(&b, "result", 16), 1u << 8);
    CHECK_EQUAL(word(&b, "result", 18), 0);
    warned(&b, "usart2: BRR or CR2 written while CR1.UE is set");
}

TEST(l476_button_needs_its_pull_down)
{
    struct bench b;
    /* PA0 as input with pull-down, its edges on EXTI0. */
    PLAY(&b, L476, S(L4_AHB2ENR, 1), S(L4_APB2ENR, 1), W(L4_GPIO('A') + 0x0C, 0x64000002),
         W(L4_GPIO('A'), 0xABFFFFFC), S(0x40010408, 1), S(0x40010400, 1), R(L4_GPIO('A') + 0x10));
    CHECK_EQUAL(word(&b, "result", 6) & 1, 0);
    uint32_t value = 0;
    vboard_button(b.board, true);
    cpu_memory_read(vboard_cpu(b.board), 0x40010414, &value, 4);
    CHECK_EQUAL(value, 1);
    cpu_memory_read(vboard_cpu(b.board), 0x48000010, &value, 4);
    CHECK_EQUAL(value & 1, 1);
    vboard_button(b.board, false);
    cpu_memory_read(vboard_cpu(b.board), 0x48000010, &value, 4);
    CHECK_EQUAL(value & 1, 0);
    clean(&b);
}

/* ---- STM32F411 ---- */

#define F411 "blackpill-f411"

#define F4_RCC(offset)   (0x40023800u + (offset))
#define F4_FLASH(offset) (0x40023C00u + (offset))

/* 25 MHz crystal to 96 MHz core and 48 MHz USB. */
#define F411_CLOCK                                                                                           \
    S(F4_RCC(0x00), 1u << 16), A(F4_RCC(0x00), 1u << 17, 1u << 17),                                          \
        W(F4_RCC(0x04), 25u | 192u << 6 | 1u << 22 | 4u << 24), S(F4_RCC(0x00), 1u << 24),                   \
        A(F4_RCC(0x00), 1u << 25, 1u << 25), W(F4_FLASH(0x00), 0x703), W(F4_RCC(0x08), 4u << 10 | 2u),       \
        A(F4_RCC(0x08), 0xC, 8)
#define F411_SCALE1 S(F4_RCC(0x40), 1u << 28), S(0x40007000, 3u << 14)

TEST(f411_identity_and_memories)
{
    struct bench b;
    PLAY(&b, F411, R(0x1FFF7A10), R(0x1FFF7A22 & ~3u), R(0xE0042000), W(0x2001FFF8, 77), R(0x0807FFFC));
    CHECK_EQUAL(word(&b, "result", 0), 0x0029003A);
    CHECK_EQUAL(word(&b, "result", 1) >> 16, 512);
    CHECK_EQUAL(word(&b, "result", 2) & 0xFFF, 0x431);
    CHECK_EQUAL(word(&b, "result", 3), 77);
    CHECK_EQUAL(word(&b, "result", 4), 0xFFFFFFFF);
    clean(&b);
}

/* No CCM, no second half of flash, no RNG, no GPIOI. */
TEST(f411_has_less_than_the_f407)
{
    static const uint32_t absent[] = {0x10000000, 0x08080000, 0x50060808, 0x40022000, 0x40004800, 0x40001000};
    for (unsigned i = 0; i < COUNT(absent); i++) {
        struct script_step steps[] = {S(F4_RCC(0x30), 0xFFFFFFFF), R(absent[i])};
        struct bench b;
        board_open(&b, vboard_model_find(F411), steps, COUNT(steps));
        vboard_advance(b.board, 5 * MS);
        CHECK_EQUAL(word(&b, "done", 0), 0);
        CHECK_EQUAL(word(&b, "fault_status", 1), absent[i]);
        vboard_free(b.board);
    }
}

TEST(f411_clock_and_regulator)
{
    struct bench b;
    PLAY(&b, F411, F411_SCALE1, F411_CLOCK);
    CHECK_EQUAL(vboard_stats(b.board).clock_hz, 96000000u);
    clean(&b);
    PLAY(&b, F411, F411_CLOCK);
    warned(&b, "regulator scale VOS 2 is good for 84 MHz, not for 96");
    PLAY(&b, F411, F411_SCALE1, S(F4_RCC(0x00), 1u << 16), A(F4_RCC(0x00), 1u << 17, 1u << 17),
         W(F4_RCC(0x04), 25u | 216u << 6 | 1u << 22 | 4u << 24), S(F4_RCC(0x00), 1u << 24),
         A(F4_RCC(0x00), 1u << 25, 1u << 25), W(F4_FLASH(0x00), 0x705), W(F4_RCC(0x08), 4u << 10 | 2u));
    CHECK(strstr(b.warning[0], "above the chip's 100 MHz") != NULL);
    vboard_free(b.board);
}

/* Eight sectors, not twelve. */
TEST(f411_flash_sectors)
{
    struct bench b;
    PLAY(&b, F411, W(F4_FLASH(0x04), 0x45670123), W(F4_FLASH(0x04), 0xCDEF89AB),
         W(F4_FLASH(0x10), 1u | 2u << 8), W(0x08060000, 0x11223344), A(F4_FLASH(0x0C), 1u << 16, 0),
         W(F4_FLASH(0x10), 2u | 7u << 3 | 1u << 16), A(F4_FLASH(0x0C), 1u << 16, 0), R(0x08060000),
         R(F4_FLASH(0x0C)), W(F4_FLASH(0x10), 2u | 8u << 3 | 1u << 16), R(F4_FLASH(0x0C)));
    CHECK_EQUAL(word(&b, "result", 3), 0x11223344);
    CHECK_EQUAL(word(&b, "result", 7), 0xFFFFFFFF);
    CHECK_EQUAL(word(&b, "result", 8), 0);
    CHECK_EQUAL(word(&b, "result", 10), 1u << 7); /* PGSERR */
    clean(&b);
}

static void f411_usb(struct bench *b, uint32_t gccfg, uint32_t multiplier)
{
    const struct script_step steps[] = {F411_SCALE1,
                                        S(F4_RCC(0x00), 1u << 16),
                                        A(F4_RCC(0x00), 1u << 17, 1u << 17),
                                        W(F4_RCC(0x04), 25u | multiplier << 6 | 1u << 22 | 4u << 24),
                                        S(F4_RCC(0x00), 1u << 24),
                                        A(F4_RCC(0x00), 1u << 25, 1u << 25),
                                        S(F4_RCC(0x30), 1),
                                        S(F4_RCC(0x34), 1u << 7),
                                        W(0x40020024, 0xAA000),
                                        W(0x40020000, 0xAA800000),
                                        W(OTG(0x038), gccfg),
                                        C(OTG(0x804), 2)};
    board_open(b, vboard_model_find(F411), steps, COUNT(steps));
    b->cable.ops->vbus(b->cable.device, true);
    for (uint64_t t = 0; t < 300 * MS; t += 10 * MS) {
        b->cable.ops->advance(b->cable.device, t);
        (void)b->cable.ops->pulled_up(b->cable.device);
    }
}

TEST(f411_usb_without_vbus_sensing)
{
    struct bench b;
    f411_usb(&b, 1u << 16 | 1u << 21, 192);
    CHECK(b.cable.ops->pulled_up(b.cable.device));
    clean(&b);
    f411_usb(&b, 1u << 16 | 1u << 19, 192);
    CHECK(!b.cable.ops->pulled_up(b.cable.device));
    warned(&b, "VBUS is sensed on PA9, but the board doesn't lead it there");
    f411_usb(&b, 1u << 16, 192);
    warned(&b, "GCCFG has neither VBUSBSEN nor NOVBUSSENS");
    f411_usb(&b, 1u << 16 | 1u << 21, 190);
    CHECK(!b.cable.ops->pulled_up(b.cable.device));
    warned(&b, "PLLQ gives 47500000 Hz instead of 48 MHz");
}

/* ---- The firmware on a board whose crystal is broken: it says so, and lives ---- */

static void broken_crystal(const char *board, const char *image, const char *says, uint64_t limit_ns)
{
    char error[300];
    struct bench b = {.wanted = says};
    struct vboard_model model = *vboard_model_find(board);
    struct vboard_config config = {.model = &model, .image = image, .event = on_event, .context = &b};
    model.lse_hz = model.hse_hz = 0;
    b.board = vboard_new(&config, error, sizeof error);
    if (!b.board)
        TEST_FAIL("%s (make boards)", error);
    vboard_advance(b.board, limit_ns);
    if (!strstr(b.serial, says))
        TEST_FAIL("the log says \"%s\"", b.serial);
    CHECK(!vboard_stats(b.board).locked_up);
    CHECK(vboard_stats(b.board).sleep_cycles * 2 > vboard_stats(b.board).cycles);
    vboard_free(b.board);
}

TEST(l476_firmware_without_lse)
{
    broken_crystal(L476, "build/" L476 "-none/plugnet.elf", "the 32 kHz crystal does not start", 6000 * MS);
}

TEST(f411_firmware_without_hse)
{
    broken_crystal(F411, "build/" F411 "-none/plugnet.elf", "the 25 MHz crystal does not start", 1000 * MS);
}

TEST_MAIN()
