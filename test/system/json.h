/*
 * A strict JSON reader for the status page: checks the whole text, keeps its leaves by path.
 *
 *   {"usb":{"link":true},"pools":[{"name":"HEAP","used":3}]}   →  usb.link = 1, pools.HEAP.used = 3
 *
 * An object in an array goes by its "name", if that comes first, else by its index. Numbers are unsigned whole
 * numbers, as app/API.md says; true and false count as 1 and 0. Source: RFC 8259 [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_SYSTEM_JSON_H
#define PLUGNET_TEST_SYSTEM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_LEAVES_MAX 256
#define JSON_PATH_MAX   64
#define JSON_TEXT_MAX   64

struct json_leaf {
    char path[JSON_PATH_MAX];
    char text[JSON_TEXT_MAX]; /* of a string, escapes left as they are; else "" */
    uint64_t number;
};

struct json {
    unsigned count;
    struct json_leaf leaves[JSON_LEAVES_MAX];
};

/* NULL: good; else one sentence about what is wrong. */
const char *json_read(struct json *json, const char *text, size_t length);

const struct json_leaf *json_find(const struct json *json, const char *path);

#endif
