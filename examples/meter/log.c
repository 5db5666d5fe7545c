/*
 * GET /log.csv?rows=N: the first N samples, each row made when there is room for it on the wire. No row is kept anywhere; a
 * product of yours reads them from its flash.
 */
/* SPDX-License-Identifier: MIT */
#include "meter.h"

#define ROWS_MAX 10000000
#define ROW_MAX  40 /* bytes of one row */

struct log {
    uint32_t row, rows;
    struct wave wave; /* as it was when the request came */
};

_Static_assert(sizeof(struct log) <= HTTP_STATE_MAX, "HTTP_STATE_MAX");

uint16_t log_begin(struct http_request *r)
{
    struct log *log = http_state(r);

    log->wave = settings_now()->wave;
    return 0;
}

/* A refusal by `begin` would have the status's name for its text; `output` says more. */
uint16_t log_end(struct http_request *r)
{
    struct log *log = http_state(r);

    return http_query_u32(r, "rows", 0, ROWS_MAX, &log->rows) ? 200 : 400;
}

/* A refusal is no table. */
void log_head(struct http_request *r, struct text *out)
{
    http_put_header(out, "Content-Type", http_status(r) == 200 ? "text/csv; charset=utf-8" : "text/plain");
}

static void log_put_row(struct text *out, const struct log *log)
{
    uint32_t hundredths = log->row * (SAMPLE_MS / 10);
    int32_t millivolts = wave_millivolts(&log->wave, log->row);
    uint32_t size = (uint32_t)(millivolts < 0 ? -millivolts : millivolts);

    text_put_u32(out, log->row);
    TEXT_PUT(out, ",");
    text_put_u32(out, hundredths / 100);
    text_put(out, hundredths % 100 < 10 ? ".0" : ".");
    text_put_u32(out, hundredths % 100);
    text_put(out, millivolts < 0 ? ",-" : ",");
    text_put_u32(out, size / 1000);
    text_put(out, size % 1000 < 10 ? ".00" : size % 1000 < 100 ? ".0" : ".");
    text_put_u32(out, size % 1000);
    TEXT_PUT(out, "\r\n");
}

enum http_progress log_output(struct http_request *r, struct text *out)
{
    struct log *log = http_state(r);

    if (http_status(r) != 200) {
        text_put(out, "rows: a number from 0 to 10000000 is needed, as in /log.csv?rows=1000\n");
        return HTTP_END;
    }
    if (http_part(r) == 0) {
        text_put(out, "sample,seconds,volts\r\n");
    }
    for (; log->row < log->rows; log->row++) {
        if (out->length + ROW_MAX > HTTP_PART_MAX) {
            return HTTP_MORE;
        }
        log_put_row(out, log);
    }
    return HTTP_END;
}
