/*
 * Texts put together: any room with any amount in it. What is put never goes beyond the room.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "wire/text.c"

#define STRING_BYTES 9 /* of any string, with its 0 */

static struct text any_text(void)
{
    size_t capacity = any_size(UINT16_MAX);
    struct text t = {any_bytes(capacity), nondet_size(), capacity, nondet_bool()};

    ASSUME(t.length <= capacity);
    return t;
}

/* Nothing was written beyond the room, and what was there is still counted. */
static bool text_good(const struct text *t, const struct text *before)
{
    return t->bytes == before->bytes && t->capacity == before->capacity && t->length <= t->capacity &&
           t->length >= before->length && t->overflow >= before->overflow;
}

static const char *any_string(size_t size_max)
{
    size_t size = any_size(size_max);
    ASSUME(size > 0);
    char *string = any_bytes(size);

    ASSUME(string[size - 1] == 0);
    return string;
}

void prove_text_put_bytes(void)
{
    struct text t = any_text(), before = t;
    size_t length = any_size(UINT16_MAX);

    text_put_bytes(&t, any_bytes(length), length);
    PROVE(text_good(&t, &before));
    PROVE(t.overflow ? t.length == before.length : t.length == before.length + length);
    if (t.overflow > before.overflow)
        REACHED("an overflow");
    if (length > FEW && !t.overflow)
        REACHED("many bytes that fit");
}

void prove_text_put(void)
{
    struct text t = any_text(), before = t;

    text_put(&t, any_string(STRING_BYTES));
    PROVE(text_good(&t, &before));
    if (t.length > before.length)
        REACHED("a string that fits");
}

void prove_text_numbers(void)
{
    struct text t = any_text(), before = t;

    switch (nondet_u8()) {
    case 0: text_put_u32(&t, nondet_u32()); break;
    case 1: text_put_hex(&t, nondet_u32(), nondet_u32()); break;
    case 2: text_put_ip4(&t, nondet_u32()); break;
    default: text_put_bool(&t, nondet_bool());
    }
    PROVE(text_good(&t, &before));
    if (t.length == before.length + 15)
        REACHED("the longest address");
}

void prove_text_json(void)
{
    struct text t = any_text(), before = t;
    const char *string = any_string(STRING_BYTES);

    if (nondet_bool())
        text_put_json_string(&t, string);
    else
        text_put_json_u32(&t, string, nondet_u32());
    PROVE(text_good(&t, &before));
    if (t.overflow > before.overflow)
        REACHED("an overflow");
    if (!t.overflow)
        REACHED("what fits");
}

/* `bytes` may hold zeros, and be longer than `string`. */
void prove_text_equal_nocase(void)
{
    size_t length = any_size(UINT16_MAX);
    const char *string = any_string(STRING_BYTES);
    bool equal = text_equal_nocase(any_bytes(length), length, string);

    PROVE(!equal || string[length] == 0);
    if (equal && length != 0)
        REACHED("the same");
}
