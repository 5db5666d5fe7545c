/*
 * From a unique ID to MAC addresses. See the header.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/identity.h"

#include <string.h>

/* FNV-1a, then the finish of MurmurHash3. */
uint32_t identity_hash(const uint8_t *unique_id, size_t length)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < length; i++) {
        h = (h ^ unique_id[i]) * 16777619u;
    }
    h = (h ^ h >> 16) * 0x85EBCA6Bu;
    h = (h ^ h >> 13) * 0xC2B2AE35u;
    return h ^ h >> 16;
}

void identity_mac_put(uint8_t mac[6], const uint8_t *oui, uint32_t hash)
{
    static const uint8_t oui_default[3] = {0x00, 0x80, 0xE1};

    memcpy(mac, oui != NULL ? oui : oui_default, 3);
    mac[3] = (uint8_t)(hash >> 16);
    mac[4] = (uint8_t)(hash >> 8);
    mac[5] = (uint8_t)hash;
}
