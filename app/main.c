/*
 * The demo firmware: a page, a status object, LEDs to switch. The only room that knows everything.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet.h"
#include "site.h" /* made of app/site by tool/site_pack.py */
#include "status.h"

static struct plugnet plugnet;

static const char *const names[] = {"www.lwip.home", NULL}; /* as IPoverUSB's users know it */

static const struct plugnet_config config = {
    .product = "plugnet demo",
    .landing_url = "http://plugnet.home.arpa/",
    .names = names,
    .routes = status_routes,
    .route_count = STATUS_ROUTES,
    .context = &plugnet,
    .resources = site_resources,
    .resource_count = site_resources_count,
};

int main(void)
{
    plugnet_run(&plugnet, &config);
}
