/*
 * Records and heads to bytes and back.
 */
/* SPDX-License-Identifier: MIT */
#include "store/record.h"

#include "wire/crc32.h"
#include "wire/le.h"

#define MAGIC 0x00534E50u /* "PNS", and the format */

void store_record_write(struct store_record *r, uint32_t seed, uint8_t bytes[STORE_GRANULE])
{
    bytes[0] = r->type;
    bytes[1] = r->key_length;
    store_le16(bytes + 2, r->value_length);
    r->check = crc32_add(seed, bytes, 4);
    store_le32(bytes + 4, r->check);
}

bool store_record_read(struct store_record *r, uint32_t seed, const uint8_t bytes[STORE_GRANULE])
{
    r->type = bytes[0];
    r->key_length = bytes[1];
    r->value_length = load_le16(bytes + 2);
    r->check = load_le32(bytes + 4);
    return r->check == crc32_add(seed, bytes, 4) &&
           (store_record_has_key(r) ? r->key_length - 1u < STORE_KEY_LIMIT : store_record_body(r) == 0);
}

void store_head_write(const struct store_head *head, unsigned number, uint8_t bytes[STORE_HEAD_LENGTH])
{
    store_le32(bytes, MAGIC | STORE_FORMAT << 24);
    store_le32(bytes + 4, head->generation);
    store_le32(bytes + 8, head->wear[0]);
    store_le32(bytes + 12, head->wear[1]);
    store_le16(bytes + 16, head->schema);
    store_le16(bytes + 18, head->end);
    store_le32(bytes + 20, crc32_add(number, bytes, 20));
}

enum store_head_kind store_head_read(struct store_head *head, unsigned number,
                                     const uint8_t bytes[STORE_HEAD_LENGTH])
{
    uint32_t magic = load_le32(bytes);
    if ((magic & 0xFFFFFF) != MAGIC || load_le32(bytes + 20) != crc32_add(number, bytes, 20))
        return STORE_HEAD_NONE;
    head->generation = load_le32(bytes + 4);
    head->wear[0] = load_le32(bytes + 8);
    head->wear[1] = load_le32(bytes + 12);
    head->schema = load_le16(bytes + 16);
    head->end = load_le16(bytes + 18);
    return magic >> 24 == STORE_FORMAT ? STORE_HEAD_OURS : STORE_HEAD_FOREIGN;
}
