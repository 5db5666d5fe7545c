/*
 * JSON (RFC 8259) written and read over memory of the caller's: no heap, no floats, no recursion but over your own tables.
 *
 *   write   json_writer_over(&text)     json_object_begin  { json_put_key  json_put_… }  json_object_end   json_whole?
 *                                       json_array_begin   { json_put_… }                json_array_end
 *           in pieces                   json_mark … json_put_… … json_fits, or json_stream, which does that for you
 *   read    json_reader_over(b, n)      json_next → KEY: json_is("name"), json_take_… or json_skip … → END or ERROR
 *   tables  const struct json_field []  json_put_fields writes a struct, json_take_fields reads one
 *
 * The writer sets commas, colons and brackets. The reader is strict: chapters 2 to 7, and it refuses what chapter 9 lets
 * it refuse: nesting deeper than JSON_DEPTH_MAX, a lone surrogate (8.2), invalid UTF-8 (8.1), a byte order mark (8.1).
 * Keys that come twice are the caller's to refuse (chapter 4); json_take_fields does. Pure functions, any context, one
 * writer or reader in one context at a time. Strings are UTF-8. docs/json.md shows both ways in use.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_JSON_H
#define PLUGNET_WIRE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/text.h"

#ifdef __cplusplus
extern "C" {
#endif

#define JSON_DEPTH_MAX 16 /* open objects and arrays; at most 16: one bit each */

/* ---- Writing ---- */

/* State of a text that is written. It holds no pointer into the buffer, so `out` may become another text between two
 * calls (an answer made in pieces). What doesn't fit is left out and sets out->overflow, as wire/text.h says. */
struct json_writer {
    struct text *out; /* yours: where it writes, set anew for each piece */
    uint16_t arrays;  /* ours: kinds of the open levels, the innermost is bit 0: 1 is an array */
    uint8_t depth;    /* ours: open levels */
    bool more;        /* ours: a value stands before this place */
    bool key;         /* ours: a key waits for its value */
    bool misuse;      /* yours to look at: a call was wrong here (see below); nothing was written since */
};

static inline struct json_writer json_writer_over(struct text *out)
{
    struct json_writer w = {out, 0, 0, false, false, false};

    return w;
}

/* Wrong, so that it sets `misuse` and is left out, with all that follows: a value without a key in an object, a key
 * anywhere else, an end that doesn't match or follows a key, a 17th level, a second value at the outside, more than 19
 * decimals. */
void json_object_begin(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array_begin(struct json_writer *w);
void json_array_end(struct json_writer *w);

/* Name of the next value. Escaped as a string is. */
void json_put_key(struct json_writer *w, const char *name);

/* A string, escaped; each byte that can't be UTF-8 is replaced by U+FFFD, so that the text is always valid. NULL is
 * null. */
void json_put_string(struct json_writer *w, const char *string);
void json_put_string_bytes(struct json_writer *w, const char *bytes, size_t length); /* zeros are \u0000 */

void json_put_u32(struct json_writer *w, uint32_t value);
void json_put_i32(struct json_writer *w, int32_t value);
void json_put_u64(struct json_writer *w, uint64_t value); /* a browser keeps 53 bits of it */
void json_put_i64(struct json_writer *w, int64_t value);

/* A value in units of 10^-decimals, 0 to 19 of them, all shown: 235 with one is 23.5, -5 with two is -0.05. */
void json_put_fixed(struct json_writer *w, int64_t value, unsigned decimals);

void json_put_bool(struct json_writer *w, bool value);
void json_put_null(struct json_writer *w);

/* Key and value in one call: fewer bytes of code. */
void json_put_member_u32(struct json_writer *w, const char *name, uint32_t value);
void json_put_member_string(struct json_writer *w, const char *name, const char *string);
void json_put_member_bool(struct json_writer *w, const char *name, bool value);

/* True when one whole value was written, without misuse. (Whether it fitted, out->overflow says.) */
static inline bool json_whole(const struct json_writer *w)
{
    return w->more && w->depth == 0 && !w->misuse;
}

/*
 * An answer in pieces, from a buffer smaller than the answer:
 *
 *   struct json_mark mark = json_mark(&w);
 *   json_put_member_u32(&w, "sent", sent);                   any calls that belong together
 *   if (!json_fits(&w, mark)) …                              taken back as a whole: the same again into the next buffer
 *
 * What is taken back from an empty buffer is longer than the buffer.
 */
struct json_mark {
    struct json_writer writer;
    size_t length;
};

static inline struct json_mark json_mark(const struct json_writer *w)
{
    struct json_mark mark = {*w, w->out->length};

    return mark;
}

/* True if all since `mark` is in the buffer. Else it is taken out again, the overflow too, as if it had not been
 * written. Same `out` as at the mark. */
bool json_fits(struct json_writer *w, struct json_mark mark);

/* Writes one step, whatever calls; returns true if there is another one. It may be called again for the same step with
 * the next buffer, so it changes nothing but the writer. */
typedef bool json_step(struct json_writer *w, void *context, unsigned step);

/*
 * Write as many steps into `out` as fit, from *step on, which counts those that are done. True: there are more, call
 * again with an empty buffer. out->length is 0 then if the next step doesn't fit an empty buffer of this size: give up,
 * or give a larger one. False: that was the last one, or `misuse`.
 *
 *   static bool row(struct json_writer *w, void *context, unsigned step)
 *   {
 *       if (step == 0)                                       the beginning, rows 0 to 999, the end
 *           json_array_begin(w);
 *       else if (step <= 1000)
 *           json_put_u32(w, step - 1);
 *       else
 *           json_array_end(w);
 *       return step <= 1000;
 *   }
 *   more = json_stream(&state->writer, out, &state->step, row, NULL);             in the handler, for each piece
 */
bool json_stream(struct json_writer *w, struct text *out, unsigned *step, json_step *write, void *context);

/* ---- Tables ---- */

enum json_field_type {
    JSON_FIELD_UNSIGNED, /* uint8_t to uint64_t */
    JSON_FIELD_SIGNED,   /* int8_t to int64_t */
    JSON_FIELD_FIXED,    /* the same in units of 10^-decimals */
    JSON_FIELD_BOOL,     /* bool */
    JSON_FIELD_STRING, /* char [size], zero-terminated within it when read; written up to a zero or the end */
    JSON_FIELD_TEXT,   /* const char *, NULL is null; to be written only: json_take_fields refuses it */
    JSON_FIELD_OBJECT, /* a struct in the struct, with a table of its own */
};

/* One member of a struct, for writing and reading; tables are const and end nowhere: their length goes with them. */
struct json_field {
    const char *name;
    uint16_t offset;  /* bytes from the base; JSON_AT sets all three */
    uint16_t size;    /* bytes of the struct's member */
    uint8_t type;     /* enum json_field_type */
    uint8_t decimals; /* JSON_FIELD_FIXED: 0 to 19 */
    bool required;    /* an object without it is refused when read */
    union {
        int32_t min; /* numbers: least value taken, fixed in its units; both zero: all that the type holds */
        const struct json_field *fields; /* JSON_FIELD_OBJECT: its table, for ever */
    };
    union {
        uint32_t max;       /* numbers: largest value taken; of a signed type: as int32_t */
        size_t field_count; /* JSON_FIELD_OBJECT: length of its table */
    };
};

/* 1 if a member of so many bytes can be of that type; a table with another one doesn't compile. */
#define JSON_SIZE_FITS(SIZE, TYPE)                                                                           \
    ((TYPE) == JSON_FIELD_BOOL    ? (SIZE) == sizeof(bool)                                                   \
     : (TYPE) == JSON_FIELD_TEXT  ? (SIZE) == sizeof(char *)                                                 \
     : (TYPE) <= JSON_FIELD_FIXED ? (SIZE) == 1 || (SIZE) == 2 || (SIZE) == 4 || (SIZE) == 8                 \
                                  : 1)

/* Place and type of a member whose name isn't the member's: {.name = "limit", JSON_AT(struct settings, max, SIGNED)}. */
#define JSON_AT(STRUCT, MEMBER, TYPE)                                                                        \
    .offset = offsetof(STRUCT, MEMBER),                                                                      \
    .size = sizeof(((STRUCT *)NULL)->MEMBER) +                                                               \
            0 * sizeof(char[JSON_SIZE_FITS(sizeof(((STRUCT *)NULL)->MEMBER), JSON_FIELD_##TYPE) ? 1 : -1]),  \
    .type = JSON_FIELD_##TYPE

/* JSON_FIELD(struct settings, interval_ms, UNSIGNED, .required = true, .min = 10, .max = 60000): called as in the struct.
 * C++ wants what follows the type in the order of struct json_field. */
#define JSON_FIELD(STRUCT, MEMBER, TYPE, ...)                                                                \
    {                                                                                                        \
        .name = #MEMBER, JSON_AT(STRUCT, MEMBER, TYPE), __VA_ARGS__                                          \
    }

#define JSON_COUNT(TABLE) (sizeof(TABLE) / sizeof(TABLE)[0])

/* Write members into the object that is open, from the struct at `base`. One of them is one call with count 1: a step
 * of an answer in pieces. */
void json_put_fields(struct json_writer *w, const struct json_field *fields, size_t count, const void *base);

/* ---- Reading ---- */

enum json_token {
    JSON_ERROR, /* and so for all calls from then on: `error` says why */
    JSON_KEY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
    JSON_OBJECT_BEGIN,
    JSON_OBJECT_END,
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END,
    JSON_END, /* the text is whole and valid */
};

/* State of a text that is read. The text stays the caller's, unchanged, as long as the reader is used. */
struct json_reader {
    const char *error; /* yours to look at, as the next three: NULL, or why: a few words, constant */
    size_t error_at;   /* byte offset where the text went wrong, or where the value begins that was refused */
    const char *member; /* name of the table's member that was refused or is missing; NULL: none */
    size_t needed;      /* after "string too long": the buffer it would take */
    uint16_t arrays;    /* ours, as the rest: kinds of open levels, the innermost is bit 0: 1 is an array */
    uint8_t depth;      /* open levels */
    uint8_t token;      /* enum json_token, the last one; before the first one JSON_ERROR */
    uint8_t state;      /* what may come next */
    bool escaped;       /* the string has escapes */
    const char *text;   /* all of it, not zero-terminated */
    const char *end;    /* behind it */
    const char *at;     /* next byte */
    const char *begin;  /* first byte of the token */
    size_t size;        /* bytes of a number, or between a string's quotes */
};

struct json_reader json_reader_over(const char *text, size_t length);

/* Read the next token. Colons and commas are checked and left out. An effect belongs behind JSON_END: before it, the
 * rest of the text may still be wrong. Bounded by the length of the text; a string's bytes are looked at once. */
enum json_token json_next(struct json_reader *r);

/* True if the key or string read last is `string`, whichever way it was escaped (8.3). */
bool json_is(const struct json_reader *r, const char *string);

/*
 * Take the value that json_next read last; after a key (or at the start), the one that follows: it is read first. False:
 * it is something else, or refused; the reader is at its error from then on, and a number or bool as it was.
 *
 *   if (json_next(&r) == JSON_OBJECT_BEGIN)
 *       while (json_next(&r) == JSON_KEY)
 *           if (json_is(&r, "led"))
 *               json_take_u32(&r, 0, 3, &led);
 *           else
 *               json_skip(&r);
 *   return json_next(&r) == JSON_END;
 *
 * Numbers are exact or refused: 1.0 and 1e3 are whole, 1.5 isn't; nothing is rounded; -0 is 0. Bounds are inclusive.
 */
bool json_take_u32(struct json_reader *r, uint32_t min, uint32_t max, uint32_t *value);
bool json_take_i32(struct json_reader *r, int32_t min, int32_t max, int32_t *value);
bool json_take_u64(struct json_reader *r, uint64_t min, uint64_t max, uint64_t *value);
bool json_take_i64(struct json_reader *r, int64_t min, int64_t max, int64_t *value);

/* The same in units of 10^-decimals (0 to 19): with one decimal, 23.5, 23.50 and 2.35e1 are 235, and 23.55 is refused. */
bool json_take_fixed(struct json_reader *r, unsigned decimals, int64_t min, int64_t max, int64_t *value);

bool json_take_bool(struct json_reader *r, bool *value);

/* A string into `buffer`, unescaped and zero-terminated; size counts the zero. Too long: refused, `needed` says how many
 * bytes it takes, and the buffer holds an empty string. `*length` is its length without the zero; where `length` is NULL, a string with a zero in it (\u0000)
 * is refused. */
bool json_take_string(struct json_reader *r, char *buffer, size_t size, size_t *length);

/* The same for the key read last. */
bool json_take_key(struct json_reader *r, char *buffer, size_t size, size_t *length);

/* Read past the whole value: past its end, if it is an object or array that json_next has just begun. */
bool json_skip(struct json_reader *r);

/* Refuse what was read last for a reason of the caller's, a constant text. Returns false. */
bool json_refuse(struct json_reader *r, const char *why);

enum json_take_flags {
    JSON_UNKNOWN_SKIPPED = 1, /* members that aren't in the table are read past; else they are refused */
};

/*
 * Read an object into the struct at `base`, by a table of at most 32 fields. Members that are absent keep their value,
 * unless required; what comes twice is refused. False: refused, `member` names which, and the struct may be half filled:
 * read into a copy, and look for JSON_END before the copy counts:
 *
 *   struct settings wanted = *settings;
 *   struct json_reader r = json_reader_over(body, length);
 *   if (!json_take_fields(&r, table, JSON_COUNT(table), &wanted, 0) || json_next(&r) != JSON_END)
 *       return 400;                                          json_put_error tells the client why
 *   *settings = wanted;
 */
bool json_take_fields(struct json_reader *r, const struct json_field *fields, size_t count, void *base,
                      unsigned flags);

/* Write the reader's error as an object: {"error":"out of range","member":"interval_ms","at":17}; an unknown member is
 * named as it was sent. */
void json_put_error(struct json_writer *w, const struct json_reader *r);

#ifdef __cplusplus
}
#endif

#endif
