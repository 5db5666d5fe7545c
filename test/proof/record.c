/*
 * Records of the store: any bytes, and there and back.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "store/record.c"
#include "wire/crc32.c"

void prove_crc32_add(void)
{
    size_t length = any_size(UINT16_MAX);

    crc32_add(nondet_u32(), any_bytes(length), length);
    REACHED("the end");
}

void prove_store_record(void)
{
    uint8_t *bytes = any_bytes(STORE_GRANULE), *again = any_bytes(STORE_GRANULE);
    struct store_record r;
    uint32_t seed = nondet_u32();

    if (!store_record_read(&r, seed, bytes))
        return;
    PROVE(store_record_has_key(&r) ? r.key_length >= 1 && r.key_length <= STORE_KEY_LIMIT
                                   : store_record_body(&r) == 0);
    PROVE(store_record_size(&r) % STORE_GRANULE == 0 && store_record_size(&r) > store_record_body(&r));
    store_record_write(&r, seed, again);
    PROVE(memcmp(bytes, again, STORE_GRANULE) == 0);
    REACHED("a record");
}
