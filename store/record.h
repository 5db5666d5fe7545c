/*
 * The bytes of settings in flash: records of a log, and the head of a half. Pure functions; store.h says what they mean.
 *
 *   put, delete:  | type | key length | value length | check |  key  value  CRC  0 …|      whole granules of 8 bytes
 *   a mark:       | type |     0      |      0       | check |
 *                    1         1             2           4
 *   a head:       | magic, format | generation | wear 0 | wear 1 | schema | end | CRC |   24 bytes
 *                         4             4          4        4        2       2     4
 *
 * Numbers are little-endian. `check` is the CRC-32 of the four bytes before it; CRC goes on from there over key and value. Both
 * are begun with a seed of the half's generation and the record's place: nothing that lay there before, or lies elsewhere,
 * is taken for a record. A head's CRC is begun with its number.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_STORE_RECORD_H
#define PLUGNET_STORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define STORE_GRANULE     8u /* bytes; the largest program_size there is */
#define STORE_HEAD_LENGTH 24u
#define STORE_HEADS       3u /* of a half; 0 only counts wear, 1 and 2 say the same */
#define STORE_WITNESSES   4u /* marks behind the heads */
#define STORE_LOG_BEGIN   (STORE_HEADS * STORE_HEAD_LENGTH + STORE_WITNESSES * STORE_GRANULE)
#define STORE_FORMAT      1u
#define STORE_KEY_LIMIT   32u

/* No two of them are one bit apart. */
enum store_record_type {
    STORE_RECORD_PUT = 0x50,
    STORE_RECORD_DELETE = 0x44,
    STORE_RECORD_COMMIT = 0x43,  /* what comes before it counts */
    STORE_RECORD_CONFIRM = 0x2E, /* the same: commit was programmed to its end */
    STORE_RECORD_WITNESS = 0x39, /* the heads were programmed to their end */
};

struct store_record {
    uint32_t check;
    uint16_t value_length;
    uint8_t key_length;
    uint8_t type; /* enum store_record_type */
};

struct store_head {
    uint32_t generation; /* the newer half's is larger; never 0 */
    uint32_t wear[2];    /* how often each half was erased */
    uint16_t schema;
    uint16_t end; /* granules, where the copied records end */
};

enum store_head_kind {
    STORE_HEAD_NONE,
    STORE_HEAD_OURS,
    STORE_HEAD_FOREIGN, /* whole, but of another format */
};

static inline bool store_record_has_key(const struct store_record *r)
{
    return r->type == STORE_RECORD_PUT || r->type == STORE_RECORD_DELETE;
}

/* Bytes of key and value. */
static inline uint32_t store_record_body(const struct store_record *r)
{
    return (uint32_t)r->key_length + r->value_length;
}

/* Bytes of all of it, whole granules. */
static inline uint32_t store_record_size(const struct store_record *r)
{
    uint32_t tail = store_record_has_key(r) ? store_record_body(r) + 4 : 0;
    return STORE_GRANULE + (tail + STORE_GRANULE - 1) / STORE_GRANULE * STORE_GRANULE;
}

/* What checks begin with at offset `at` of a half. */
static inline uint32_t store_record_seed(uint32_t generation, uint32_t at)
{
    return generation << 16 ^ at / STORE_GRANULE;
}

/* Write the first granule, and set r->check. */
void store_record_write(struct store_record *r, uint32_t seed, uint8_t bytes[STORE_GRANULE]);

/* False: this is no record's first granule. */
bool store_record_read(struct store_record *r, uint32_t seed, const uint8_t bytes[STORE_GRANULE]);

void store_head_write(const struct store_head *head, unsigned number, uint8_t bytes[STORE_HEAD_LENGTH]);
enum store_head_kind store_head_read(struct store_head *head, unsigned number,
                                     const uint8_t bytes[STORE_HEAD_LENGTH]);

#endif
