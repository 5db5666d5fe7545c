/*
 * The last lines that a program has said, numbered from 0, for who asks later (the control socket's `log`).
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_LINES_H
#define PLUGNET_HOST_LINES_H

#include <stdint.h>

#define LINES_MAX      4096 /* older ones are forgotten */
#define LINES_TEXT_MAX 512  /* bytes of one, with its end */

struct line {
    uint64_t time_ns;
    const char *source; /* a constant: "pc", "board", "serial", … */
    char text[LINES_TEXT_MAX];
};

struct lines; /* from lines_new */

struct lines *lines_new(void); /* NULL: no memory */
void lines_free(struct lines *lines);
void lines_add(struct lines *lines, uint64_t time_ns, const char *source, const char *text);

/* Numbers of the oldest one that is kept, and of the next one to come. */
uint64_t lines_first(const struct lines *lines);
uint64_t lines_next(const struct lines *lines);

/* By number; NULL: forgotten, or not there yet. */
const struct line *lines_get(const struct lines *lines, uint64_t number);

#endif
