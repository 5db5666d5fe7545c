/*
 * The service "iperf": net/iperf.h. It sends what is in flash anyway: the longest part of the page.
 */
/* SPDX-License-Identifier: MIT */
#include "net/iperf.h"

#include "plugnet/plugnet.h"

static const char *iperf_start(void *state, struct plugnet *p)
{
    const struct plugnet_config *c = p->config;
    const uint8_t *longest = NULL;
    size_t length = 0;

    for (size_t i = 0; i < c->resource_count; i++) {
        if (c->resources[i].length > length) {
            longest = c->resources[i].body;
            length = c->resources[i].length;
        }
    }
    return iperf_listen(state, longest, length) ? NULL : PLUGNET_NO_TCP;
}

static void iperf_status(void *state, struct text *out)
{
    const struct iperf_stats *s = &((struct iperf *)state)->stats;

    text_put_json_u32(out, "open", iperf_open(state));
    text_put_json_u32s(out, "runs\0received\0sent\0", &s->runs);
}

static struct iperf iperf_state;

const struct plugnet_service plugnet_iperf = {
    .name = "iperf",
    .state = &iperf_state,
    .start = iperf_start,
    .status = PLUGNET_STATUS ? iperf_status : NULL,
};
