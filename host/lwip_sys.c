/*
 * What lwIP needs from a system: see lwip_sys.h. The file-scope variables are lwIP's, so to speak: its own
 * functions sys_now and LWIP_RAND take no argument that could carry them.
 */
/* SPDX-License-Identifier: MIT */
#include "host/lwip_sys.h"

#include <stddef.h>

#include "lwip/init.h"
#include "lwip/sys.h"

static struct {
    const uint64_t *clock_ns; /* NULL: nobody has taken lwIP */
    uint32_t offset_ms;       /* lwIP's time when the present PC's was 0 */
    uint32_t last_ms;
    uint64_t random;
    bool ready;
} lwip_state;

u32_t sys_now(void)
{
    if (lwip_state.clock_ns != NULL) {
        lwip_state.last_ms = lwip_state.offset_ms + (uint32_t)(*lwip_state.clock_ns / 1000000);
    }
    return lwip_state.last_ms;
}

/* xorshift64*: repeatable, good enough for port numbers. */
uint32_t lwip_sys_random(void)
{
    uint64_t x = lwip_state.random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    lwip_state.random = x;
    return (uint32_t)((x * 0x2545F4914F6CDD1Du) >> 32);
}

bool lwip_sys_take(const uint64_t *clock_ns, uint32_t seed)
{
    if (lwip_state.clock_ns != NULL) {
        return false;
    }
    lwip_state.random = 0x9E3779B97F4A7C15u ^ seed;
    lwip_state.offset_ms = lwip_state.last_ms - (uint32_t)(*clock_ns / 1000000);
    lwip_state.clock_ns = clock_ns;
    if (!lwip_state.ready) {
        lwip_state.ready = true;
        lwip_init();
    }
    return true;
}

void lwip_sys_release(void)
{
    sys_now();
    lwip_state.clock_ns = NULL;
}
