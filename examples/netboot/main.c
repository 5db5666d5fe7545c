/*
 * A board that a PC boots from: iPXE 2.0 has the board's network card, and chain-loads its script.
 *
 *   make APP=examples/netboot NAME=netboot
 *   iPXE> dhcp && chain http://netboot.internal/boot.ipxe
 *
 * The script is text, and may hold what the board knows; kernels and images come from where there is room for them.
 * What iPXE's scripts can do: ipxe.org/scripting [unread].
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet.h"

static enum http_progress script_output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "#!ipxe\n"
                  "echo This script is the board's, which is up for ");
    text_put_u32(out, board_time_ms() / 1000);
    text_put(out, " s\n"
                  "prompt --key 0x02 --timeout 2000 Ctrl-B for the shell && shell ||\n"
                  "exit 0\n");
    return HTTP_END;
}

static const struct http_route routes[] = {
    {.path = "/boot.ipxe", .type = "text/plain", .output = script_output},
};

static const struct plugnet_config config = {
    .product_id = 0x000C, /* of 0x1209: for tests only, never ship it */
    .manufacturer = "Example",
    .product = "Netboot",
    .name = "netboot",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
    .routes = routes,
    .route_count = 1,
};

static struct plugnet plugnet;

int main(void)
{
    plugnet_run(&plugnet, &config);
}
