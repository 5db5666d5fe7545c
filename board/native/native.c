/*
 * The native board: the firmware as a Linux process, its USB controller udc/virtual, its cable a socket.
 *
 *   plugnet.elf --cable PATH [--uid HEX] [--flash FILE]
 *
 * It waits at PATH for one PC end, or is started by one (cable_socket.h).
 *
 * Time is the cable's: board_idle takes one request, moves time on, lets the loop run, and answers it when the
 * loop is idle again. So a run depends on what the PC end asks and on nothing else. With threads (os/posix) it is
 * called when all of them are idle; what they share with it (time, LEDs, button) is atomic. A reset starts the process
 * anew with the same socket; what outlives it (time, VBUS, button, power) goes through the environment.
 *
 * Exit code: 0 when the PC end has gone, 2 for a wrong command line, 1 after board_halt.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "board/board.h"
#include "board/native/native_flash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cable/cable_socket.h"
#include "udc/virtual/virtual.h"

#define LED_COUNT 4u
#define CLOCK_HZ  1000000000u /* board_cycles counts nanoseconds */
#define LOG_SIZE  128u        /* bytes for board_log_read, as few as other boards have */
#define STATE_ENV "PLUGNET_NATIVE_STATE"

/* Mutable state of this room: there is one board in a process, and board.h has no argument for it. */
static struct {
    struct virtual_udc udc;
    struct cable_server server;
    const char *cable_path, *flash_path;
    char **arguments;
    uint8_t uid[BOARD_UID_LENGTH];
    uint64_t start_ns; /* time of the last reset */
    uint32_t leds;
    uint32_t random;
    uint32_t idle_ms; /* when board_idle returned last */
    bool woken;       /* since then */
    bool button;
    bool power;
    char log[LOG_SIZE]; /* its last bytes */
    uint32_t logged;    /* all of them */
} native = {
    .uid = {0x4E, 0x41, 0x54, 0x49, 0x56, 0x45, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01},
    .power = true,
};

static const char *const led_names[LED_COUNT] = {"green", "orange", "red", "blue"};

static const struct board_info info = {
    .name = "native",
    .chip = "Linux process",
    .product_id = 0x0001,
    .led_names = led_names,
    .led_count = LED_COUNT,
    .has_button = true,
    .clock_hz = CLOCK_HZ,
};

/* ---- Command line. ---- */

_Static_assert(BOARD_UID_LENGTH == 12, "what the help says");

static void native_state_restore(void);

static _Noreturn void native_usage(const char *why, const char *what)
{
    fprintf(stderr,
            "plugnet: %s%s; usage: plugnet.elf --cable PATH [--uid %u hexadecimal digits] [--flash FILE]\n",
            why, what, 2 * BOARD_UID_LENGTH);
    exit(2);
}

static void native_uid_parse(const char *text)
{
    if (strlen(text) != 2 * BOARD_UID_LENGTH ||
        strspn(text, "0123456789abcdefABCDEF") != 2 * BOARD_UID_LENGTH)
        native_usage("wrong --uid ", text);
    for (size_t i = 0; i < BOARD_UID_LENGTH; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], 0};
        native.uid[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
}

/* glibc passes main's arguments to constructors, so that main itself need not know of them. */
__attribute__((constructor)) static void native_arguments(int argc, char **argv)
{
    native.arguments = argv;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--help") == 0) {
            fputs("usage: plugnet.elf --cable PATH [--uid HEX] [--flash FILE]\n\n"
                  "The firmware as a Linux process.\n"
                  "  --cable PATH           UNIX socket to wait at for one PC end\n"
                  "  --uid HEX              the chip's unique ID, 24 hex digits\n"
                  "  --flash FILE           keep settings in this file; default: in memory\n",
                  stdout);
            exit(0);
        }
        bool cable = strcmp(argv[i], "--cable") == 0, flash = strcmp(argv[i], "--flash") == 0;
        if (!cable && !flash && strcmp(argv[i], "--uid") != 0)
            native_usage("unknown argument ", argv[i]);
        if (value == NULL)
            native_usage("no value for ", argv[i]);
        if (cable)
            native.cable_path = value;
        else if (flash)
            native.flash_path = value;
        else
            native_uid_parse(value);
        i++;
    }
    native_state_restore();
    if (!native.power)
        board_init(); /* until there is power: main must not begin, since it may write to flash */
}

/* ---- Reset and power: the process starts anew. ---- */

static _Noreturn void native_restart(bool power)
{
    char state[64], fd[16];
    snprintf(state, sizeof state, "%" PRIu64 " %d %d %d", native.server.time_ns, native.udc.vbus,
             native.button, power);
    snprintf(fd, sizeof fd, "%d", native.server.fd);
    setenv(STATE_ENV, state, 1);
    setenv(CABLE_SOCKET_ENV, fd, 1);
    execv("/proc/self/exe", native.arguments);
    fprintf(stderr, "plugnet: can't start anew: %s\n", strerror(errno));
    _exit(1);
}

static void native_state_restore(void)
{
    const char *state = getenv(STATE_ENV);
    int vbus = 0, button = 0, power = 1;
    if (state == NULL || sscanf(state, "%" SCNu64 " %d %d %d", &native.start_ns, &vbus, &button, &power) != 4)
        return;
    native.udc.vbus = vbus != 0;
    native.button = button != 0;
    native.power = power != 0;
    native.server.time_ns = native.start_ns;
    native.udc.time_ns = native.start_ns;
}

/* ---- The fixture. ---- */

static void native_button(void *board, unsigned number, bool pressed)
{
    (void)board;
    if (number == 0)
        __atomic_store_n(&native.button, pressed, __ATOMIC_RELAXED);
}

static uint32_t native_leds(void *board)
{
    (void)board;
    return __atomic_load_n(&native.leds, __ATOMIC_RELAXED);
}

static void native_reset(void *board)
{
    (void)board;
    native_restart(native.power);
}

static void native_power(void *board, bool on)
{
    (void)board;
    if (on != native.power)
        native_restart(on);
}

static const struct fixture_ops native_fixture = {
    .button = native_button,
    .leds = native_leds,
    .reset = native_reset,
    .power = native_power,
};

static _Noreturn void native_end(void)
{
    if (native.server.fd >= 0)
        close(native.server.fd);
    exit(0);
}

const char *native_flash_path(void)
{
    return native.flash_path;
}

/* ---- board.h ---- */

void board_init(void)
{
    char error[256];
    virtual_udc_init(&native.udc);
    native.server.ops = &virtual_udc_cable_ops;
    native.server.device = &native.udc;
    native.server.fixture = (struct fixture){&native_fixture, NULL};
    native_state_restore();
    if (native.cable_path == NULL && getenv(CABLE_SOCKET_ENV) == NULL)
        native_usage("no --cable", "");
    native.server.fd = cable_server_open(native.cable_path, error, sizeof error);
    if (native.server.fd < 0) {
        fprintf(stderr, "plugnet: %s\n", error);
        exit(2);
    }
    native.random = 0x9E3779B9u ^ (uint32_t)native.start_ns;
    for (size_t i = 0; i < BOARD_UID_LENGTH; i++)
        native.random = native.random * 31 + native.uid[i];
    while (!native.power) /* detached, so silent; native_power ends it */
        if (!cable_server_serve_one(&native.server))
            native_end();
}

const struct board_info *board_info(void)
{
    return &info;
}

const uint8_t *board_uid(void)
{
    return native.uid;
}

struct udc *board_udc(void)
{
    return &native.udc.udc;
}

void board_led_set(unsigned led, bool on)
{
    if (led < LED_COUNT && on)
        __atomic_fetch_or(&native.leds, 1u << led, __ATOMIC_RELAXED);
    else if (led < LED_COUNT)
        __atomic_fetch_and(&native.leds, ~(1u << led), __ATOMIC_RELAXED);
}

bool board_led_get(unsigned led)
{
    return led < LED_COUNT && (native_leds(NULL) >> led & 1) != 0;
}

bool board_button(void)
{
    return __atomic_load_n(&native.button, __ATOMIC_RELAXED);
}

static uint64_t native_time_ns(void)
{
    return __atomic_load_n(&native.udc.time_ns, __ATOMIC_RELAXED) - native.start_ns;
}

uint32_t board_time_ms(void)
{
    return (uint32_t)(native_time_ns() / 1000000);
}

uint32_t board_cycles(void)
{
    return (uint32_t)native_time_ns();
}

/* An idle loop first answers the request that woke it; with nothing left to do it waits for the next one. */
static uint32_t native_sleep(void)
{
    uint64_t before = native.udc.time_ns;

    if (native.server.request_length != 0) {
        if (!cable_server_answer(&native.server))
            native_end();
    } else if (!cable_server_wait(&native.server, -1)) {
        native_end();
    }
    return (uint32_t)(native.udc.time_ns - before);
}

uint32_t board_idle(void)
{
    bool busy = native.woken || board_time_ms() != native.idle_ms;
    uint32_t slept = busy ? 0 : native_sleep();

    native.woken = false;
    native.idle_ms = board_time_ms();
    return slept;
}

#if BOARD_CALM_MS > 1
/* Sleep costs nothing here. */
void board_calm(bool on)
{
    (void)on;
}

bool board_calm_lasts(void)
{
    return false;
}
#endif

void board_wake(void)
{
    native.woken = true;
}

/* xorshift32: the same in every run with the same unique ID. */
uint32_t board_random(void)
{
    uint32_t x = native.random != 0 ? native.random : 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    native.random = x;
    return x;
}

uint32_t board_stack_used_max(void)
{
    return 0;
}

uint32_t board_stack_size(void)
{
    return 0;
}

void board_log(const char *text)
{
    fputs(text, stderr);
    for (; *text != 0; text++)
        native.log[native.logged++ % LOG_SIZE] = *text;
}

size_t board_log_read(uint32_t *at, char *bytes, size_t size)
{
    size_t length = 0;
    if (native.logged - *at > LOG_SIZE)
        *at = native.logged - LOG_SIZE;
    for (; length < size && *at != native.logged; length++)
        bytes[length] = native.log[(*at)++ % LOG_SIZE];
    return length;
}

void board_halt(void)
{
    fflush(NULL);
    exit(1);
}

void board_reset(void)
{
    native_restart(true);
}

void board_rom_enter(void)
{
    board_reset();
}
