/*
 * Firmware that writes settings without end, for power cuts at any moment (test/vboard/test_store.c). No network.
 *
 * After each start it says what it found, then goes on counting. A round is a group: the counter, and a text made of it, whose
 * length changes; every seventh round a key of its own is put or deleted. So whoever reads can tell whether a round is there as
 * a whole. What it says stands in `report`, which the test reads by its symbol.
 *
 * Where the test sets `measure`, scratch is erased and programmed between two rounds, for the test to see how fast.
 */
/* SPDX-License-Identifier: MIT */
#include "board/board.h"
#include "board/flash.h"
#include "store/store.h"

#include <string.h>

#define TEXT_MAX 90
#define READY    0x600DF00Du
#define MEASURED 4096u /* bytes: all that an L476 has */

__attribute__((used)) static volatile struct {
    uint32_t ready;       /* READY once what was found is said */
    uint32_t opened;      /* enum store_opened */
    uint32_t found;       /* the counter in flash */
    uint32_t wrong;       /* how what was found contradicts itself; 0: it doesn't */
    uint32_t begun, done; /* rounds since this start, by number */
    uint32_t failed;      /* enum store_result of a call that should have worked */
    uint32_t compactions;
    uint32_t measure;        /* in: do it once; out: 0, it is done */
    uint32_t measured_ticks; /* of a millisecond while it was programmed */
} report;

static struct store store;

static size_t text_make(uint32_t number, uint8_t text[TEXT_MAX])
{
    size_t length = number * 7 % TEXT_MAX;

    for (size_t i = 0; i < length; i++) {
        text[i] = (uint8_t)(number * 31 + i * 17);
    }
    return length;
}

static void found_look(void)
{
    uint8_t text[TEXT_MAX], wanted[TEXT_MAX];
    uint32_t number = 0;
    size_t length = 0;
    enum store_result counter = store_get(&store, "count", 5, &number, sizeof number, &length);

    report.found = counter == STORE_OK ? number : 0;
    report.wrong = counter == STORE_OK || counter == STORE_ABSENT ? 0 : 1;
    enum store_result result = store_get(&store, "text", 4, text, sizeof text, &length);
    if (counter == STORE_OK) {
        size_t long_ago = text_make(number, wanted);
        report.wrong |=
            result != STORE_OK || length != long_ago || memcmp(text, wanted, length) != 0 ? 2u : 0;
    } else {
        report.wrong |= result != STORE_ABSENT ? 4u : 0;
    }
    result = store_get(&store, "calibration", 11, text, sizeof text, &length);
    report.wrong |=
        number > 0 && (result != STORE_OK || length != 5 || memcmp(text, "fixed", 5) != 0) ? 8u : 0;
}

static void must(enum store_result result)
{
    if (result != STORE_OK) {
        report.failed = result;
        for (;;) {
        }
    }
}

static void round_write(uint32_t number)
{
    uint8_t text[TEXT_MAX];
    size_t length = text_make(number, text);

    must(store_begin(&store));
    must(store_put(&store, "count", 5, &number, sizeof number));
    must(store_put(&store, "text", 4, text, length));
    if (number == 1) {
        must(store_put(&store, "calibration", 11, "fixed", 5));
    }
    must(store_commit(&store));
    if (number % 7 == 0) {
        must(store_put(&store, "now and then", 12, &number, sizeof number));
    } else if (number % 7 == 3) {
        store_delete(&store, "now and then", 12);
    }
}

/* As an upload does it: by pieces from RAM. */
static void measure(void)
{
    static uint8_t piece[1024];
    const struct board_flash *flash = board_flash(BOARD_FLASH_SCRATCH);
    uint32_t failed = 0;

    for (uint32_t at = 0; at < MEASURED; at += flash->erase_size)
        failed |= !board_flash_erase(flash, at);
    for (uint32_t i = 0; i < sizeof piece; i++)
        piece[i] = (uint8_t)(i * 7);
    uint32_t begin = board_time_ms();
    for (uint32_t at = 0; at < MEASURED; at += sizeof piece)
        failed |= !board_flash_program(flash, at, piece, sizeof piece);
    report.measured_ticks = board_time_ms() - begin;
    report.failed = failed;
    report.measure = 0;
}

int main(void)
{
    static const struct store_config config = {.schema = 1};
    struct store_config here = config;

    board_init();
    here.flash = board_flash(BOARD_FLASH_SETTINGS);
    report.failed = 0;
    report.begun = report.done = 0;
    report.opened = store_open(&store, &here);
    found_look();
    report.ready = READY;
    for (uint32_t number = report.found + 1;; number++) {
        report.begun = number;
        round_write(number);
        report.done = number;
        report.compactions = store.compactions;
        if (report.measure)
            measure();
    }
}
