/*
 * The demo firmware: a page, a status object, LEDs to switch. The only room that knows everything.
 */
/* SPDX-License-Identifier: MIT */
#include "console.h"
#include "plugnet/plugnet.h"
#include "site.h" /* made of app/site by tool/site_pack.py */
#include "status.h"
#include "tasks.h"

/* For tests of real hosts; 0 and false are the defaults. */
#ifndef DEMO_LEASE_S
#define DEMO_LEASE_S 0
#endif
#ifndef DEMO_NO_DNS
#define DEMO_NO_DNS false
#endif

static const struct plugnet_service update_service = PLUGNET_UPDATER(&demo_updater);

static struct plugnet plugnet;
static struct tasks tasks;

static const char *const names[] = {"www.lwip.home", NULL}; /* as IPoverUSB's users know it */

static const struct plugnet_config config = {
    .product = "plugnet demo",
    .names = names,
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &plugnet_dns_tcp, &plugnet_iperf, &update_service),
    .lease_s = DEMO_LEASE_S,
    .no_dns_option = DEMO_NO_DNS,
    .routes = status_routes,
    .route_count = STATUS_ROUTES,
    .context = &plugnet,
    .resources = site_resources,
    .resource_count = site_resources_count,
};

int main(void)
{
    tasks_start(&tasks);
    console_start(&plugnet);
    plugnet_run(&plugnet, &config);
}
