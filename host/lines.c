/*
 * The last lines: see lines.h.
 */
/* SPDX-License-Identifier: MIT */
#include "host/lines.h"

#include <stdio.h>
#include <stdlib.h>

struct lines {
    uint64_t next;
    struct line line[LINES_MAX]; /* number n is at n % LINES_MAX */
};

struct lines *lines_new(void)
{
    return calloc(1, sizeof(struct lines));
}

void lines_free(struct lines *lines)
{
    free(lines);
}

void lines_add(struct lines *lines, uint64_t time_ns, const char *source, const char *text)
{
    struct line *line = &lines->line[lines->next++ % LINES_MAX];
    line->time_ns = time_ns;
    line->source = source;
    snprintf(line->text, sizeof line->text, "%s", text);
}

uint64_t lines_first(const struct lines *lines)
{
    return lines->next > LINES_MAX ? lines->next - LINES_MAX : 0;
}

uint64_t lines_next(const struct lines *lines)
{
    return lines->next;
}

const struct line *lines_get(const struct lines *lines, uint64_t number)
{
    return number >= lines_first(lines) && number < lines->next ? &lines->line[number % LINES_MAX] : NULL;
}
