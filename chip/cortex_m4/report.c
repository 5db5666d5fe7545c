/*
 * See report.h and board/report.h.
 *
 *   REPORT, at the end of RAM: magic | struct board_report | check
 */
/* SPDX-License-Identifier: MIT */
#include "chip/cortex_m4/report.h"

#include "chip/cortex_m4/cortex_m4.h"
#include "chip/cortex_m4/guard.h"

#include "board/board.h"
#include "board/image.h"

#include <stddef.h>

#ifdef BOARD_THREAD_HOOK /* the flavour's (os/NAME/os.mk): the running thread's name */
const char *BOARD_THREAD_HOOK(void);
#else
#define BOARD_THREAD_HOOK() "main"
#endif

static void kept_close(void)
{
    linker_report.magic = REPORT_MAGIC;
    linker_report.check = report_check_of(&linker_report);
}

static void copy(char *to, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = i < size - 1 ? *from : 0;
        from += *from != 0;
    }
}

void report_keep(enum board_report_reason reason, const uint32_t *frame, uint32_t uptime_ms)
{
    struct board_report *r = &linker_report.report;

    *r = (struct board_report){.reason = reason, .uptime_ms = uptime_ms, .image = board_image_id()};
    if (frame != NULL) {
        r->pc = frame[FRAME_PC];
        r->lr = frame[FRAME_LR];
    }
    if (reason == BOARD_REPORT_FAULT) {
        r->exception = SCB_ICSR & 0x1FF;
        r->cfsr = SCB_CFSR;
        r->address = r->cfsr & CFSR_BFARVALID ? SCB_BFAR : r->cfsr & CFSR_MMARVALID ? SCB_MMFAR : 0;
    }
    bool handler = frame != NULL && (frame[FRAME_PSR] & 0x1FF) != 0;
    copy(r->thread, handler ? "an interrupt" : BOARD_THREAD_HOOK(), sizeof r->thread);
    kept_close();
}

void report_begin(bool watchdog)
{
    bool whole = report_whole(&linker_report);

    if (whole && linker_report.report.starts > 0 && watchdog)
        whole = false; /* an older one: this time nothing could be kept */
    if (!whole) {
        linker_report.magic = 0;
        if (!watchdog)
            return;
        linker_report.report = (struct board_report){.reason = BOARD_REPORT_WATCHDOG};
    }
    linker_report.report.starts++;
    kept_close();
}

const struct board_report *board_report(void)
{
    return report_whole(&linker_report) && linker_report.report.starts > 0 ? &linker_report.report : NULL;
}

void board_report_forget(void)
{
    linker_report.magic = 0;
}

void board_report_panic(const char *text, const void *pc)
{
    report_keep(BOARD_REPORT_PANIC, NULL, board_time_ms());
    linker_report.report.pc = ((uint32_t)(uintptr_t)pc & ~1u) - 2; /* the call, not what is behind it */
    copy(linker_report.report.text, text, sizeof linker_report.report.text);
    kept_close();
}
