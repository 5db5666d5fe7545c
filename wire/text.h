/*
 * Text put together piece by piece in a buffer of the caller's, without printf: for JSON, HTTP headers, logs.
 *
 *   struct text t = text_over(buffer, sizeof buffer);
 *   text_put(&t, "{\"on\":"), text_put_bool(&t, true), text_put(&t, "}");
 *
 * What doesn't fit is left out as a whole and sets `overflow`. Not zero-terminated; `length` says how much.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_TEXT_H
#define PLUGNET_WIRE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct text {
    char *bytes;
    size_t length, capacity;
    bool overflow;
};

static inline struct text text_over(char *bytes, size_t capacity)
{
    struct text text = {bytes, 0, capacity, false};

    return text;
}

void text_put_bytes(struct text *t, const char *bytes, size_t length);

void text_put(struct text *t, const char *string);

/* The same for a literal, counted by the compiler: quicker, a few bytes more for each use. */
#define TEXT_PUT(t, literal) text_put_bytes(t, literal, sizeof literal - 1)

void text_put_u32(struct text *t, uint32_t value);
void text_put_hex(struct text *t, uint32_t value,
                  unsigned digits);                            /* lower case, exactly `digits` (1 to 8) */
void text_put_bool(struct text *t, bool value);                /* true, false */
void text_put_ip4(struct text *t, uint32_t address);           /* host order: 0xC0A80701 is 192.168.7.1 */
void text_put_json_string(struct text *t, const char *string); /* with quotes, escaped; must be UTF-8 */

/* One JSON member: "name":value, with a comma before it unless it opens its object or array. `name` is not escaped. */
void text_put_json_u32(struct text *t, const char *name, uint32_t value);

/* The same for numbers that lie side by side. `names`: each with its zero and the last one with two, as in "used\0size\0". */
void text_put_json_u32s(struct text *t, const char *names, const uint32_t *values);

/* True if both are equal but for the case of ASCII letters; `string` is zero-terminated, and `bytes` may hold zeros. */
bool text_equal_nocase(const char *bytes, size_t length, const char *string);

#ifdef __cplusplus
}
#endif

#endif
