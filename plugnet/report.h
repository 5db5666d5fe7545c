/*
 * Why the firmware stopped last, for logs and pages: board/report.h in words.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_REPORT_H
#define PLUGNET_REPORT_H

#include "board/report.h"
#include "wire/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "panic", "fault", "hang", "watchdog"; "?" for what another version wrote. Const. */
const char *plugnet_report_reason(const struct board_report *report);

/* A JSON object, or null where there is no report; 270 bytes and what JSON escapes in the panic's text, 482 at most. Numbers that tool/where.py takes are in hex. Loop. */
void plugnet_report_put(struct text *out);

/* One line of the log if the run before this one ended so. plugnet_init does it. Loop. */
void plugnet_report_log(void);

#ifdef __cplusplus
}
#endif

#endif
