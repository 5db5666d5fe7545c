/*
 * Texts put together: any room with any amount in it. What is put never goes beyond the room.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "wire/text.c"

#define STRING_BYTES 9  /* of any string, with its 0 */
#define ROOM         24 /* bytes, where many pieces are put */

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

void prove_text_put(void)
{
    struct text t = any_text(), before = t;

    text_put(&t, any_string(STRING_BYTES));
    PROVE(text_good(&t, &before));
    if (t.length > before.length)
        REACHED("a string that fits");
}

/* Where many pieces are put, the room is small, and any byte behind it stays as it was. */
static char room[ROOM];

static struct text small_text(void)
{
    struct text t = {room, nondet_size(), any_size(ROOM), nondet_bool()};

    ASSUME(t.length <= t.capacity);
    return t;
}

void prove_text_put_bytes(void)
{
    struct text t = small_text(), before = t;
    size_t length = any_size(2 * ROOM), behind = any_size(ROOM - 1);

    text_put_bytes(&t, any_bytes(length), length);
    PROVE(text_good(&t, &before));
    PROVE(t.overflow ? t.length == before.length : t.length == before.length + length);
    PROVE(behind < t.capacity || room[behind] == 0);
    if (t.overflow > before.overflow)
        REACHED("an overflow");
    if (length > FEW && !t.overflow)
        REACHED("many bytes that fit");
}

static bool text_put_u32_needs(const struct text *t)
{
    return t->length <= t->capacity && WRITABLE(t->bytes, t->capacity);
}

static bool text_put_u32_gives(const struct text *t, const struct text *before)
{
    return text_good(t, before) && t->length <= before->length + 10;
}

void prove_text_put_u32(void)
{
    struct text t = small_text(), before = t;
    size_t behind = any_size(ROOM - 1);

    ASSUME(text_put_u32_needs(&t));
    text_put_u32(&t, nondet_u32());
    PROVE(text_put_u32_gives(&t, &before));
    PROVE(behind < t.capacity || room[behind] == 0);
    if (t.length == before.length + 10)
        REACHED("a long number");
}

void contract_text_put_u32(struct text *t, uint32_t value)
{
    struct text before = *t;

    (void)value;
    PROVE(text_put_u32_needs(t));
    t->overflow = nondet_bool();
    t->length = nondet_size();
    ASSUME(text_put_u32_gives(t, &before));
}

void prove_text_words(void)
{
    struct text t = small_text(), before = t;
    size_t behind = any_size(ROOM - 1);

    switch (nondet_u8()) {
    case 0: text_put_hex(&t, nondet_u32(), nondet_u32()); break;
    case 1: text_put_ip4(&t, nondet_u32()); break;
    default: text_put_bool(&t, nondet_bool());
    }
    PROVE(text_good(&t, &before));
    PROVE(behind < t.capacity || room[behind] == 0);
    if (t.length == before.length + 15)
        REACHED("the longest address");
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
