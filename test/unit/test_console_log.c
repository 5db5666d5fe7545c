/*
 * The log of a board on its console (plugnet/acm_console.h): whole lines, in order, and no end of one whose begin is gone.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c wire/text.c usb/[a-z]*.c udc/virtual/virtual.c plugnet/console.c plugnet/function_console.c
 * SET: lwip
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plugnet/acm_console.h"
#include "test/test.h"
#include "test/unit/usb_rig.h"

#define INTERFACE 2 /* NCM has 0 and 1 */
#define IN        0x84
#define KEPT      128u /* bytes of the log, as boards keep them */

static struct rig rig;
static struct plugnet_console_state state;
static const struct console_config config = {.prompt = "> "};
static const struct plugnet_console console = {.config = &config, .state = &state, .log = true};
static char logged[4096];
static uint32_t logged_length;

size_t board_log_read(uint32_t *at, char *bytes, size_t size)
{
    size_t length;

    if (logged_length - *at > KEPT) {
        *at = logged_length - KEPT;
    }
    length = logged_length - *at < size ? logged_length - *at : size;
    memcpy(bytes, logged + *at, length);
    *at += (uint32_t)length;
    return length;
}

static void log_put(const char *text)
{
    memcpy(logged + logged_length, text, strlen(text));
    logged_length += (uint32_t)strlen(text);
}

/* A program opens the port, once `text` is in the log, and reads what is shown. */
static const char *shown(const char *text)
{
    static char got[2048];
    size_t length = 0;

    memset(&state, 0, sizeof state);
    logged_length = 0;
    rig_init(&rig, 1);
    rig.list[1] = plugnet_console_init((void *)&console, NULL);
    rig.config.function_count = 2;
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, true));
    log_put(text);
    CHECK_EQUAL(rig_control(&rig, 0x21, 0x22, 1, INTERFACE, 0, NULL), 0); /* DTR */
    for (unsigned ms = 0; ms <= PLUGNET_CONSOLE_SETTLE_MS + 20; ms++) {
        int more;
        plugnet_console_tick((void *)&console, ms);
        more = rig_in(&rig, IN, got + length, sizeof got - 1 - length);
        length += more > 0 ? (size_t)more : 0;
    }
    got[length] = 0;
    return got;
}

TEST(console_log_is_whole)
{
    CHECK(strstr(shown("first\nsecond\n"), "first\r\n") != NULL);
    CHECK(strstr(shown("first\nsecond\n"), "second\r\n") != NULL);
    CHECK(strstr(shown("first\nsec"), "sec") == NULL); /* not yet */
}

TEST(console_log_begins_with_a_line)
{
    static char many[20 * 10 + 1];
    const char *got;

    for (unsigned i = 0; i < 20; i++) {
        memcpy(many + i * 10, "line NN .\n", 10);
        many[i * 10 + 5] = (char)('0' + i / 10);
        many[i * 10 + 6] = (char)('0' + i % 10);
    }
    got = shown(many); /* 128 bytes are there: 8 of a line, and 12 lines */
    CHECK(strstr(got, "line 07") == NULL);
    CHECK(strstr(got, "ne 07") == NULL);
    CHECK(strstr(got, "line 08 .\r\n") != NULL);
    CHECK(strstr(got, "line 19 .\r\n") != NULL);
}

TEST_MAIN()
