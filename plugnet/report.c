/*
 * See report.h. tool/where.py reads both forms.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/report.h"

#include <stddef.h>

#include "board/board.h"

const char *plugnet_report_reason(const struct board_report *report)
{
    static const char *const words[] = {"?", "panic", "fault", "hang", "watchdog"};

    return words[report->reason < sizeof words / sizeof words[0] ? report->reason : 0];
}

static void put_hex(struct text *out, const char *name, uint32_t value)
{
    text_put(out, ",\"");
    text_put(out, name);
    text_put(out, "\":\"0x");
    text_put_hex(out, value, 8);
    text_put(out, "\"");
}

void plugnet_report_put(struct text *out)
{
    const struct board_report *r = board_report();

    if (r == NULL) {
        text_put(out, "null");
        return;
    }
    text_put(out, "{\"reason\":");
    text_put_json_string(out, plugnet_report_reason(r));
    text_put(out, ",\"thread\":");
    text_put_json_string(out, r->thread);
    text_put(out, ",\"text\":");
    text_put_json_string(out, r->text);
    put_hex(out, "pc", r->pc);
    put_hex(out, "lr", r->lr);
    put_hex(out, "cfsr", r->cfsr);
    put_hex(out, "address", r->address);
    put_hex(out, "image", r->image);
    text_put_json_u32(out, "exception", r->exception);
    text_put_json_u32(out, "uptime_ms", r->uptime_ms);
    text_put_json_u32(out, "starts", r->starts);
    text_put(out, "}");
}

void plugnet_report_log(void)
{
    const struct board_report *r = board_report();
    char line[120];
    struct text t = text_over(line, sizeof line - 1);

    if (r == NULL || r->starts != 1) {
        return;
    }
    text_put(&t, "last stop: ");
    text_put(&t, plugnet_report_reason(r));
    if (r->image != 0) {
        static const char *const names[] = {" PC 0x", " LR 0x", " CFSR 0x", " image 0x"};
        const uint32_t values[] = {r->pc, r->lr, r->cfsr, r->image};
        for (size_t i = 0; i < 4; i++) {
            text_put(&t, names[i]);
            text_put_hex(&t, values[i], 8);
        }
        text_put(&t, " in ");
        text_put(&t, r->thread);
        text_put(&t, " at ");
        text_put_u32(&t, r->uptime_ms);
        text_put(&t, " ms");
    }
    text_put(&t, "\n");
    line[t.length] = 0;
    board_log(line);
}
