/*
 * The USB function "dfu": the way to the boot loader in ROM (usb/dfu.h), for boards that have one.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/dfu.h"

#include "plugnet/plugnet.h"

static struct dfu dfu_state;

static struct usb_function *dfu_function_init(void *state, struct plugnet *p)
{
    (void)p;
    dfu_init(state, board_rom_enter);
    return board_info()->has_rom ? &dfu_state.function : NULL;
}

static void dfu_function_tick(void *state, uint32_t now_ms)
{
    dfu_poll(state, now_ms);
}

const struct plugnet_function plugnet_dfu = {
    .name = "dfu",
    .state = &dfu_state,
    .init = dfu_function_init,
    .tick = dfu_function_tick,
};

bool plugnet_has_dfu(const struct plugnet *p)
{
    bool listed = false;

    for (const struct plugnet_function *const *f = p->config->functions; *f != NULL; f++) {
        listed |= *f == &plugnet_dfu;
    }
    return listed && board_info()->has_rom;
}

bool plugnet_update(struct plugnet *p)
{
    bool can = plugnet_has_dfu(p);

    if (can) {
        dfu_ask(&dfu_state);
    }
    return can;
}
